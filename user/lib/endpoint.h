/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Endpoints from the inside. */
#ifndef KDTLS_ENDPOINT_H
#define KDTLS_ENDPOINT_H

#include "config.h"
#include "cookie.h"
#include "member.h"
#include "origin.h"
#include "session.h"
#include "sni.h"
#include "ticket.h"

#define KDTLS_HASH_MIN	64

/**
 * struct kdtls_stranger - the datagram that the listener looks at
 * @peer: who sent it
 * @local: to which of our addresses
 * @hello: the ClientHello in it
 */
struct kdtls_stranger {
	const struct sockaddr_storage	*peer;
	const struct sockaddr_storage	*local;
	struct kdtls_hello		hello;
};

/**
 * struct kdtls_numbered - sessions by number
 * @hash: the first of each bucket
 * @size: buckets, a power of two, or 0
 * @n: sessions in it
 */
struct kdtls_numbered {
	struct kdtls_session	**hash;
	size_t			size;
	size_t			n;
};

/**
 * struct kdtls_endpoint - an endpoint
 * @config: its configuration, a reference
 * @ctx_server: for its server sessions, or NULL
 * @ctx_client: for its client sessions, or NULL
 * @ctx_accept: for its server sessions on sockets of the caller's, or NULL
 * @named: configurations that clients chose by name
 * @epfd: epoll of everything
 * @timerfd: goes off with the first timer
 * @timer_source: @timerfd in the epoll
 * @armed: what @timerfd is set to, 0 for nothing
 * @timers: of the sessions
 * @tidy_at: when to look for what resumption does not need any more, or 0
 * @listen_fd: the listener, or -1
 * @member: it serves an endpoint of the kernel, or NULL
 * @helper: it carries handshakes only, the sessions' data is other members'
 * @no_member: why it does not, or NULL
 * @listen_source: @listen_fd in the epoll
 * @address: where it listens
 * @sessions: all sessions
 * @dead: sessions to be freed when nobody can point at them any more
 * @origins: what each source has, if that is limited
 * @numbered: sessions by the kernel's numbers
 * @hash: server sessions by addresses
 * @hash_size: buckets, a power of two
 * @hash_n: sessions in it
 * @hash_seed: random
 * @ssl: the connection that answers strangers, until one's cookie verifies
 * @bio: its BIO
 * @stranger: whose datagram @ssl looks at
 * @jar: cookies
 * @tickets: keys of session tickets
 * @rx: buffer for what is received. A datagram that makes a session is done with
 *	before that session receives into it
 * @plain: buffer for OpenSSL's plaintext
 * @tx: buffer for trains of OpenSSL's datagrams
 * @depth: how deep we are in kdtls_dispatch()
 * @info: state and counters
 */
struct kdtls_endpoint {
	struct kdtls_config	*config;
	SSL_CTX			*ctx_server;
	SSL_CTX			*ctx_client;
	SSL_CTX			*ctx_accept;
	struct kdtls_named	*named;
	int			epfd;
	int			timerfd;
	struct kdtls_source	timer_source;
	u64			armed;
	struct kdtls_timers	timers;
	u64			tidy_at;
	int			listen_fd;
	struct kdtls_member	*member;
	bool			helper;
	char			*no_member;
	struct kdtls_source	listen_source;
	struct sockaddr_storage	address;
	struct kdtls_session	*sessions;
	struct kdtls_session	*dead;
	struct kdtls_origins	origins;
	struct kdtls_numbered	numbered;
	struct kdtls_session	**hash;
	size_t			hash_size;
	size_t			hash_n;
	u64			hash_seed;
	SSL			*ssl;
	BIO			*bio;
	struct kdtls_stranger	*stranger;
	struct kdtls_cookie_jar	jar;
	struct kdtls_ticket_ring tickets;
	u8			*rx;
	u8			*plain;
	u8			*tx;
	int			depth;
	struct kdtls_endpoint_info info;
};

/* Put a session under the endpoint's care. Its socket becomes pollable. */
int kdtls_endpoint_add(struct kdtls_endpoint *ep, struct kdtls_session *s);

/* Take it out again, and free it as soon as nobody points at it. */
void kdtls_endpoint_drop(struct kdtls_endpoint *ep, struct kdtls_session *s);

/* Give the socket of @from to @to. */
void kdtls_endpoint_pass_socket(struct kdtls_session *from,
				struct kdtls_session *to);

/* Have the session's own socket tell when it is readable. */
int kdtls_endpoint_watch_session(struct kdtls_endpoint *ep,
				 struct kdtls_session *s);

/* Add a source to the epoll. */
int kdtls_endpoint_watch(struct kdtls_endpoint *ep, int fd,
			 struct kdtls_source *source);

/* Have the timerfd go off in time. */
void kdtls_endpoint_rearm(struct kdtls_endpoint *ep);

/* The session of two addresses, or NULL. */
struct kdtls_session *kdtls_table_find(struct kdtls_endpoint *ep,
				       const struct sockaddr_storage *peer,
				       const struct sockaddr_storage *local);
int kdtls_table_add(struct kdtls_endpoint *ep, struct kdtls_session *s);
void kdtls_table_del(struct kdtls_endpoint *ep, struct kdtls_session *s);

/* Sessions by @member_session: room for one more, which is there afterwards. */
int kdtls_number_reserve(struct kdtls_endpoint *ep);
void kdtls_number_add(struct kdtls_endpoint *ep, struct kdtls_session *s);
/* Sets it to 0; nothing happens if it is. */
void kdtls_number_del(struct kdtls_endpoint *ep, struct kdtls_session *s);
struct kdtls_session *kdtls_number_find(struct kdtls_endpoint *ep, u32 number);

/* helper_member.c: take over the sessions that the kernel's endpoint has. */
int kdtls_helper_member_adopt(struct kdtls_endpoint *ep);
/* Act on what its error queue tells of sessions. */
void kdtls_helper_member_events(struct kdtls_endpoint *ep);

/* listen.c: a datagram as it came, of anybody. */
void kdtls_listen_input(struct kdtls_endpoint *ep, const u8 *buf, size_t len,
			const struct sockaddr_storage *peer,
			const struct sockaddr_storage *local);
/*
 * The ClientHello of a session's peer that begins anew: once its cookie verifies,
 * a handshake begins, and with its end the session (RFC 6347 section 4.2.8).
 */
void kdtls_listen_again(struct kdtls_session *s, const struct kdtls_hello *hello,
			const u8 *buf, size_t len);
/* A socket for the session alone, for OpenSSL to carry its records by. */
int kdtls_listen_leave(struct kdtls_session *s);
/* The cookie callbacks of a server's SSL_CTX. */
void kdtls_listen_setup(SSL_CTX *ctx, struct kdtls_endpoint *ep);
/* The listener's socket is readable. */
void kdtls_listen_ready(struct kdtls_source *source);

#endif /* KDTLS_ENDPOINT_H */
