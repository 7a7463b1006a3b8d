/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A socket that serves an endpoint of the kernel, and that endpoint's sessions. */
#ifndef KDTLS_MEMBER_H
#define KDTLS_MEMBER_H

#include "install.h"
#include "netlink.h"

/**
 * struct kdtls_member - a member of an endpoint
 * @nl: how to speak about its sessions
 * @fd: its socket
 * @number: its number in the endpoint
 * @helper: it carries handshakes only, the data is other members'
 */
struct kdtls_member {
	struct kdtls_netlink	nl;
	int			fd;
	u32			number;
	bool			helper;
};

/**
 * struct kdtls_member_keys - keys of both directions, and where they go on
 * @keys: the keys
 * @rx: see struct kdtls_numbers
 * @tx: see struct kdtls_numbers
 */
struct kdtls_member_keys {
	const struct kdtls_keys	*keys;
	struct kdtls_numbers	rx;
	struct kdtls_numbers	tx;
};

/**
 * struct kdtls_member_session - what the kernel says of a session
 * @number: its number
 * @peer: the peer's address
 * @local: our address
 * @info: the rest
 */
struct kdtls_member_session {
	u32			number;
	struct sockaddr_storage	peer;
	struct sockaddr_storage	local;
	struct dtls_info	info;
};

/**
 * struct kdtls_member_event - something that happened to a session
 * @type: a DTLS_EVENT_*
 * @session: its number
 */
struct kdtls_member_event {
	u8	type;
	u32	session;
};

/*
 * Attach a bound socket and have it serve its address: alone, handshakes and data; or,
 * with @helper, the handshakes of an endpoint that has other members.
 * 0, or a negative errno value and no member: @fd is as it was, but for being
 * attached. -ENOPROTOOPT: there is no module.
 */
int kdtls_member_join(int fd, bool helper, struct kdtls_member **out);

/* Forget it; NULL is allowed. Its sessions live until the socket is closed. */
void kdtls_member_free(struct kdtls_member *m);

/*
 * Make a session, owned by the member with number @owner, by whoever receives it if
 * that is 0; with @old that one is replaced, in one step.
 *
 * Return: 0; -ENOTRECOVERABLE if it is not known whether the kernel has the keys;
 * otherwise a negative errno value, and the kernel does not have them.
 */
int kdtls_member_install(struct kdtls_member *m, u32 old, u32 owner,
			 const struct sockaddr_storage *peer,
			 const struct sockaddr_storage *local,
			 const struct kdtls_member_keys *keys, u32 *session);

/* The session ends, its keys are wiped. */
void kdtls_member_delete(struct kdtls_member *m, u32 session);

/* A new handshake with a session's peer begins or has failed. */
int kdtls_member_handshake(struct kdtls_member *m, u32 session, bool on);

/* The session gets another owner. */
int kdtls_member_move(struct kdtls_member *m, u32 session, u32 owner);

/* Call back with each session of the endpoint; what it returns, if negative, ends it. */
int kdtls_member_list(struct kdtls_member *m,
		      int (*cb)(const struct kdtls_member_session *s, void *arg),
		      void *arg);

/* Take an event from the socket's error queue; -EAGAIN if there is none. */
int kdtls_member_event(struct kdtls_member *m, struct kdtls_member_event *event);

/* Read what DTLS_INFO tells of a connected socket. */
int kdtls_member_info(struct kdtls_member *m, u32 session,
		      struct dtls_info *info);

#endif /* KDTLS_MEMBER_H */
