/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Sessions from the inside. */
#ifndef KDTLS_SESSION_H
#define KDTLS_SESSION_H

#include <sys/socket.h>

#include <openssl/types.h>

#include <kdtls.h>

#include "flight.h"
#include "io.h"
#include "queue.h"
#include "timer.h"

struct kdtls_member;
struct kdtls_origin;
struct kdtls_srtp_profile;
struct kdtls_track;

/* What epoll points at. */
struct kdtls_source {
	void (*ready)(struct kdtls_source *source);
};

/**
 * struct kdtls_carrier - who carries a session's records
 * @send: see kdtls_send()
 * @send_train: see kdtls_send_train()
 * @receive: the socket is readable; deliver what it has, up to a budget
 * @send_close: send close_notify
 * @info: fill in epochs, numbers and sizes
 */
struct kdtls_carrier {
	ssize_t	(*send)(struct kdtls_session *s, const void *buf, size_t len);
	ssize_t	(*send_train)(struct kdtls_session *s, const void *buf,
			      size_t len, size_t segment);
	void	(*receive)(struct kdtls_session *s);
	int	(*send_close)(struct kdtls_session *s);
	void	(*info)(struct kdtls_session *s,
			struct kdtls_session_info *info);
};

extern const struct kdtls_carrier kdtls_carrier_kernel;
/* The same for a session whose socket is shared. */
extern const struct kdtls_carrier kdtls_carrier_member;
extern const struct kdtls_carrier kdtls_carrier_openssl;
/* For the time of the handshake. */
extern const struct kdtls_carrier kdtls_carrier_handshake;

/* Messages that one session may deliver before others have their turn. */
#define KDTLS_BUDGET	64

/**
 * struct kdtls_session - a session
 * @source: its socket in the endpoint's epoll
 * @timer: see kdtls_session_arm()
 * @ep: its endpoint, NULL for one of kdtls_upgrade()
 * @next: in the endpoint's list
 * @pprev: in the endpoint's list
 * @hash_next: in the endpoint's table, for servers
 * @hashed: it is in the table
 * @successor: a handshake by which the peer wants to begin anew, or NULL
 * @predecessor: the session whose @successor this is, or NULL
 * @hello: a digest of the ClientHello that the listener took it for; 0 for sessions
 *	that did not come by the listener
 * @member_session: its number in the kernel's endpoint, or 0
 * @owner: number of the member that has its data, 0 for whoever receives it
 * @number_next: in the endpoint's table by @member_session
 * @shared: its socket is the endpoint's own, and not connected
 * @watched: its socket is in the endpoint's epoll
 * @reassociated: its peer had a session here before, which it replaced
 * @origin: what its source has, or NULL
 * @origin_handshake: it counts there as an unfinished handshake
 * @carrier: who carries its records
 * @fd: its socket
 * @own_fd: the socket is closed with the session
 * @state: KDTLS_SESSION_*
 * @dead: destroyed, waits to be freed
 * @server: we are the server
 * @offloaded: the kernel carries the records
 * @resumed: the handshake was an abbreviated one
 * @psk_unknown: the peer named an identity that nobody knows
 * @refused: why a callback in the handshake would not go on, or 0
 * @peer_closed: close_notify came
 * @close_sent: close_notify went
 * @close_err: what the close callback will be told
 * @write_err: what the socket said to OpenSSL's last datagram
 * @io_err: last ICMP error of the handshake, 0 after an answer
 * @answered: something came from the peer
 * @more: further addresses of a client's server, to be tried if nobody listens
 * @n_more: how many
 * @ssl: the connection, while it is needed
 * @bio: its BIO
 * @held: BIOs that the caller's connection had, kept for their descriptor
 * @peer: the peer's address
 * @local: our address
 * @pending: data that OpenSSL held at the handover
 * @flight: the last flight, if it was ours
 * @handshake_ms: how long the handshake may take, 0 for what the configuration says
 * @deadline: when the handshake must be finished
 * @active: when application data last came or went, if that is limited
 * @retransmit: when OpenSSL wants to send the flight again; 0 for never
 * @timeouts: how often it did without an answer
 * @batch: datagrams of a train gathered from OpenSSL, NULL outside of one
 * @batch_len: their size
 * @batch_size: size of the first of them
 * @cipher: name of the cipher suite
 * @cipher_standard: its name in RFCs
 * @alpn: the negotiated protocol, or NULL
 * @server_name: the name that the client asks for, or NULL
 * @group: name of the group that keys were agreed in, or NULL
 * @srtp: the negotiated profile, or NULL
 * @psk_identity: the identity that its key belongs to, or NULL
 * @reason: why it is not offloaded, or NULL
 * @error: what last went wrong, or NULL
 * @overhead: bytes that a record adds, as far as known without the kernel
 * @tended_records: records opened when kdtls_session_tend() last answered
 * @tended_bad: records dropped when it did
 * @cookie: what a client must show to prove its address (accept.c)
 * @data: the caller's pointer
 * The rest are counters, see struct kdtls_session_info.
 */
struct kdtls_session {
	struct kdtls_source	source;
	struct kdtls_timer	timer;
	struct kdtls_endpoint	*ep;
	struct kdtls_session	*next;
	struct kdtls_session	**pprev;
	struct kdtls_session	*hash_next;
	bool			hashed;
	bool			shared;
	bool			watched;
	bool			reassociated;
	struct kdtls_session	*successor;
	struct kdtls_session	*predecessor;
	u64			hello;
	u32			member_session;
	u32			owner;
	struct kdtls_session	*number_next;
	bool			origin_handshake;
	struct kdtls_origin	*origin;
	const struct kdtls_carrier *carrier;
	int			fd;
	bool			own_fd;
	u8			state;
	bool			dead;
	bool			server;
	bool			offloaded;
	bool			resumed;
	bool			psk_unknown;
	bool			peer_closed;
	bool			close_sent;
	int			close_err;
	int			refused;
	int			write_err;
	int			io_err;
	bool			answered;
	struct sockaddr_storage	*more;
	size_t			n_more;
	SSL			*ssl;
	BIO			*bio;
	BIO			*held[2];
	struct sockaddr_storage	peer;
	struct sockaddr_storage	local;
	struct kdtls_queue	pending;
	struct kdtls_flight	flight;
	unsigned int		handshake_ms;
	u64			deadline;
	u64			active;
	u64			retransmit;
	unsigned int		timeouts;
	u8			*batch;
	size_t			batch_len;
	size_t			batch_size;
	const char		*cipher;
	const char		*cipher_standard;
	char			*alpn;
	char			*server_name;
	const char		*group;
	const struct kdtls_srtp_profile *srtp;
	char			*psk_identity;
	char			*reason;
	char			*error;
	u32			overhead;
	u64			tended_records;
	u64			tended_bad;
	u8			cookie[16];
	void			*data;
	u64			messages_sent;
	u64			bytes_sent;
	u64			messages_received;
	u64			bytes_received;
	u64			retransmits;
	u64			flights_answered;
	u64			created_at;
	u64			handshake_completed_at;
	u64			closing_at;
	u64			destroyed_at;
};

/* A session on @fd, which it owns from now on if it succeeds; or NULL. */
struct kdtls_session *kdtls_session_new(int fd, bool own_fd);

/* How its peer is reached. */
struct kdtls_way kdtls_session_way(const struct kdtls_session *s);

/* Free all it holds, wherever it stands. */
void kdtls_session_free(struct kdtls_session *s);

/* Give @s and its connection their names: cipher suite, ALPN, resumption. */
void kdtls_session_describe(struct kdtls_session *s, SSL *ssl);

/* Note an error for kdtls_session_error(). */
void kdtls_session_note(struct kdtls_session *s, const char *text);

/* Free the connection: what is left of it is in @s. */
void kdtls_session_drop_ssl(struct kdtls_session *s);

/* Set the timer to the next thing that is due. */
void kdtls_session_arm(struct kdtls_session *s);

/* The timer went off. */
void kdtls_session_expired(struct kdtls_session *s, u64 now);

/* Call back with one message or train. */
void kdtls_session_deliver(struct kdtls_session *s, const void *buf,
			   size_t len, size_t segment);

/* Call back with what OpenSSL held at the handover. */
void kdtls_session_deliver_pending(struct kdtls_session *s);

/* Call back with an error, keep it, and go on. */
void kdtls_session_error_now(struct kdtls_session *s, int err);

/* The session is over: the close callback is due, and the end of @s. */
void kdtls_session_end(struct kdtls_session *s, int err);

/* An alert came: 0 if it means nothing, else why the session ends. */
int kdtls_session_alert(struct kdtls_session *s, const u8 *buf, size_t len);

/* handshake.c */

/* Give @s its connection and let the handshake begin. */
int kdtls_handshake_start(struct kdtls_session *s, SSL *ssl, BIO *bio);

/* The session that a handshake is for, or NULL. */
struct kdtls_session *kdtls_session_of(const SSL *ssl);

/* From OpenSSL's callbacks: @s ends with @err and kdtls_last_error(). */
void kdtls_session_refuse(struct kdtls_session *s, int err);

/* Feed one datagram of the peer to OpenSSL, whatever the state is. */
void kdtls_handshake_feed(struct kdtls_session *s, const u8 *buf, size_t len);

/* Retransmission or the end of patience. */
void kdtls_handshake_expired(struct kdtls_session *s, u64 now);

/* kernel.c */

/* A message of the kernel for a session that is open. */
void kdtls_kernel_message(struct kdtls_session *s, const struct kdtls_rx *rx);

/* reassociate.c */

/* A datagram of a session's peer, as it came. */
void kdtls_session_input(struct kdtls_session *s, const u8 *buf, size_t len);

/* @s is to take the place of @old, once its handshake is finished. */
void kdtls_session_challenge(struct kdtls_session *s, struct kdtls_session *old);

/* It is finished: @s takes it, and its predecessor ends. Calls back. */
void kdtls_session_succeed(struct kdtls_session *s);

/* @s ends, before or behind another: the other one is on its own. */
void kdtls_session_part(struct kdtls_session *s);

/* connect.c */

/* Go on with the next address; false if there is none that works. */
bool kdtls_connect_next(struct kdtls_session *s);

/*
 * A session on a socket of the caller's, in the care of @ep, with what @o says of
 * times. Its handshake is still to begin. 0 or a negative errno value.
 */
int kdtls_connect_adopt(struct kdtls_endpoint *ep, int fd,
			const struct kdtls_fd_opts *o,
			struct kdtls_session **out);

/* Take the front of a caller's options. */
int kdtls_connect_opts(struct kdtls_fd_opts *o,
		       const struct kdtls_fd_opts *opts);

/* May the endpoint have one more session? 0, or the error. */
int kdtls_connect_may(const struct kdtls_endpoint *ep);

/* fallback.c */

/* Where OpenSSL's datagrams go; @arg is the session. */
void kdtls_fallback_write(void *arg, const u8 *buf, size_t len);

/* Read all data that OpenSSL has, and deliver it. */
void kdtls_fallback_read(struct kdtls_session *s);

/* OpenSSL's view of one datagram in fallback mode. */
void kdtls_fallback_feed(struct kdtls_session *s, const u8 *buf, size_t len);

/* upgrade.c */

/*
 * Hand @ssl over to the kernel through @fd; fills in @s->pending, @s->flight and
 * what is known of the end. Errors as kdtls_upgrade().
 */
int kdtls_handover(struct kdtls_session *s, SSL *ssl, int fd,
		   unsigned int window, unsigned int flight_ms);

/*
 * The same for a session of an endpoint whose socket is @member's, in the place of
 * session @old if that is not 0. Whatever fails but -ENOTRECOVERABLE, @ssl goes on,
 * and what was read from it is in @s->pending.
 */
int kdtls_handover_member(struct kdtls_session *s, SSL *ssl,
			  struct kdtls_member *member, u32 old,
			  unsigned int window, unsigned int flight_ms);

#endif /* KDTLS_SESSION_H */
