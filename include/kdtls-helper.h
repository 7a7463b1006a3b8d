/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * kdtlsd, the helper: handshakes for programs that want none of OpenSSL.
 *
 * A program passes its connected UDP socket and gets it back upgraded: send()
 * seals and recv() opens. The first half of this header are the calls for that.
 * The second half is the protocol that they speak, for programs without libkdtls.
 *
 * Errors are negative errno values, and kdtls_last_error() has a sentence.
 */
#ifndef KDTLS_HELPER_H
#define KDTLS_HELPER_H

#include <kdtls.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Where the helper listens. */
#define KDTLS_HELPER_PATH		"/run/kdtls/kdtlsd.sock"

/* Bytes of strings, their NUL included, and of a list of ALPN protocols. */
#define KDTLS_HELPER_PROFILE_MAX	64
#define KDTLS_HELPER_NAME_MAX		256
#define KDTLS_HELPER_ALPN_MAX		256
#define KDTLS_HELPER_LABEL_MAX		64
#define KDTLS_HELPER_TEXT_MAX		512

/* What data that came before the handover can have in one message, in bytes. */
#define KDTLS_HELPER_DATA_MAX		16384

/* ------------------------------------------------------------------------ */
/* The protocol                                                              */

/*
 * A Unix socket of type SOCK_SEQPACKET. Each message is one of the structures
 * below, whole, in the byte order of the machine, with all unused bytes 0; strings
 * end with NUL. A request that is not like that is answered by
 * KDTLS_HELPER_FAILED with EBADMSG, and the helper ends the connection.
 *
 * A program gives each request a number that none of its running ones has. What
 * comes for it carries the number, until KDTLS_HELPER_FAILED, KDTLS_HELPER_RELEASED,
 * or a KDTLS_HELPER_DONE without KDTLS_HELPER_TENDED and the data behind it.
 *
 * From its request to KDTLS_HELPER_DONE or KDTLS_HELPER_FAILED the socket is the
 * helper's: the program neither reads nor writes it. With the end of the connection
 * the helper lets go of all that came by it; sockets that are upgraded go on.
 */
#define KDTLS_HELPER_VERSION		1

/* Requests. 8 to 31 are kept for servers whose workers pass their sockets. */
#define KDTLS_HELPER_CONNECT		1	/* struct kdtls_helper_request, a socket */
#define KDTLS_HELPER_ACCEPT		2	/* the same */
#define KDTLS_HELPER_CANCEL		3	/* struct kdtls_helper_header */

/* Events. 72 to 95 are kept likewise. */
#define KDTLS_HELPER_DONE		65	/* struct kdtls_helper_done */
#define KDTLS_HELPER_FAILED		66	/* struct kdtls_helper_failed */
#define KDTLS_HELPER_DATA		67	/* struct kdtls_helper_header, bytes */
#define KDTLS_HELPER_RELEASED		68	/* struct kdtls_helper_header */

/**
 * struct kdtls_helper_header - what every message begins with
 * @version: KDTLS_HELPER_VERSION
 * @type: KDTLS_HELPER_*
 * @size: of the whole message, this header included
 * @id: number of the request, chosen by the program, not 0; in an event 0 if it is
 *	about the connection
 * @pad: 0
 *
 * KDTLS_HELPER_CANCEL is only this. It ends a handshake, which fails with
 * ECANCELED, or has the helper let go of a socket that it tends. One for a number
 * that is not known is not answered: the two may have crossed.
 *
 * KDTLS_HELPER_RELEASED is only this: the helper does not tend the socket any more.
 *
 * KDTLS_HELPER_DATA has 0 to KDTLS_HELPER_DATA_MAX bytes behind it: one record of
 * application data that came before the handover, older than what is in the socket.
 */
struct kdtls_helper_header {
	uint16_t	version;
	uint16_t	type;
	uint32_t	size;
	uint32_t	id;
	uint32_t	pad;
};

/* struct kdtls_helper_request.flags */
#define KDTLS_HELPER_WANT_SRTP		(1U << 0)	/* SRTP keys with DONE */

/**
 * struct kdtls_helper_request - have a handshake done
 * @header: KDTLS_HELPER_CONNECT for a client, KDTLS_HELPER_ACCEPT for a server, with
 *	exactly one descriptor by SCM_RIGHTS: a UDP socket that is connected to the peer
 * @flags: KDTLS_HELPER_WANT_*
 * @timeout_ms: until the handshake is given up, 0 for what the profile says
 * @alpn_len: bytes of @alpn
 * @pad: 0
 * @profile: a profile of kdtlsd.conf; "" is "default"
 * @server_name: of a client: the name to ask for and to verify; "" for that of the
 *	profile, or without one there the peer's address. Of a server: ""
 * @alpn: of a client: protocols instead of those of the profile, in order of
 *	preference, each with its length in one byte in front
 */
struct kdtls_helper_request {
	struct kdtls_helper_header header;
	uint32_t	flags;
	uint32_t	timeout_ms;
	uint32_t	alpn_len;
	uint32_t	pad;
	char		profile[KDTLS_HELPER_PROFILE_MAX];
	char		server_name[KDTLS_HELPER_NAME_MAX];
	uint8_t		alpn[KDTLS_HELPER_ALPN_MAX];
};

/* struct kdtls_helper_done.flags */
#define KDTLS_HELPER_SERVER		(1U << 0)	/* we are the server */
#define KDTLS_HELPER_RESUMED		(1U << 1)	/* an abbreviated handshake */
#define KDTLS_HELPER_TENDED		(1U << 2)	/* KDTLS_HELPER_RELEASED follows */
#define KDTLS_HELPER_CERTIFICATE	(1U << 3)	/* @fingerprint is set */
#define KDTLS_HELPER_CLOSED		(1U << 4)	/* the peer has closed it already */

/**
 * struct kdtls_helper_done - the socket is upgraded
 * @header: KDTLS_HELPER_DONE
 * @flags: of what is said above
 * @early: how many KDTLS_HELPER_DATA follow, before anything else for this request
 * @early_lost: records of that kind for which there was no room
 * @overhead: bytes that a record adds to its payload
 * @window: replay window in records
 * @tx_epoch: epoch of the sending keys
 * @rx_epoch: epoch of the receiving keys
 * @srtp_key_len: bytes of each SRTP key, 0 if none was asked for or agreed on
 * @srtp_salt_len: bytes of each SRTP salt
 * @fingerprint: SHA-256 of the peer's certificate
 * @cipher: OpenSSL's name of the cipher suite
 * @cipher_standard: its name in RFCs
 * @group: the group that keys were agreed in, or ""
 * @srtp: the SRTP protection profile, or ""
 * @alpn: the negotiated protocol, or ""
 * @server_name: the name that was asked for, or ""
 * @psk_identity: the identity whose pre-shared key was used, or ""
 * @srtp_client_key: what the client sends with
 * @srtp_server_key: what the server sends with
 * @srtp_client_salt: goes with @srtp_client_key
 * @srtp_server_salt: goes with @srtp_server_key
 * @pad: 0
 *
 * With KDTLS_HELPER_TENDED the last flight of the handshake was ours, and the helper
 * keeps a descriptor of the socket to send it again if the peer asks: until the peer
 * is known to have it, or for twice the MSL at most (RFC 6347 section 4.2.4). A
 * program that closes its socket and wants the port at once sends
 * KDTLS_HELPER_CANCEL.
 */
struct kdtls_helper_done {
	struct kdtls_helper_header header;
	uint32_t	flags;
	uint32_t	early;
	uint32_t	early_lost;
	uint32_t	overhead;
	uint32_t	window;
	uint16_t	tx_epoch;
	uint16_t	rx_epoch;
	uint32_t	srtp_key_len;
	uint32_t	srtp_salt_len;
	uint8_t		fingerprint[32];
	char		cipher[KDTLS_HELPER_LABEL_MAX];
	char		cipher_standard[KDTLS_HELPER_LABEL_MAX];
	char		group[KDTLS_HELPER_LABEL_MAX];
	char		srtp[KDTLS_HELPER_LABEL_MAX];
	char		alpn[KDTLS_HELPER_ALPN_MAX];
	char		server_name[KDTLS_HELPER_NAME_MAX];
	char		psk_identity[KDTLS_PSK_IDENTITY_MAX + 8];
	uint8_t		srtp_client_key[KDTLS_SRTP_KEY_MAX];
	uint8_t		srtp_server_key[KDTLS_SRTP_KEY_MAX];
	uint8_t		srtp_client_salt[KDTLS_SRTP_SALT_MAX];
	uint8_t		srtp_server_salt[KDTLS_SRTP_SALT_MAX];
	uint8_t		pad[4];
};

/**
 * struct kdtls_helper_failed - there is no session
 * @header: KDTLS_HELPER_FAILED
 * @error: an errno value, not negated: that of kdtls_endpoint_connect_fd() or of the
 *	close callback (kdtls.h), and
 *	ECANCELED: KDTLS_HELPER_CANCEL
 *	ENOENT: there is no such profile
 *	EACCES: this user may not use the helper, or the profile; or the peer's
 *	certificate does not verify
 *	EOPNOTSUPP: the profile is for the other role
 *	EUSERS: too many connections, or too many handshakes on this one
 *	EMFILE: the helper has no room for another descriptor
 *	EBADMSG: not a request, or its number is that of a running one; the helper
 *	ends the connection
 *	ESHUTDOWN: the helper is ending
 * @pad: 0
 * @text: a sentence
 *
 * The socket is as it was but that its datagrams may have been read. Without
 * KDTLS_HELPER_DONE nothing is ever sealed with it, except for ENOTRECOVERABLE: close
 * it then.
 */
struct kdtls_helper_failed {
	struct kdtls_helper_header header;
	int32_t		error;
	uint32_t	pad;
	char		text[KDTLS_HELPER_TEXT_MAX];
};

/* ------------------------------------------------------------------------ */
/* The calls                                                                 */

struct kdtls_helper;

/**
 * kdtls_helper_open() - get at the helper
 * @path: its socket, NULL for KDTLS_HELPER_PATH
 * @out: where to put the connection; kdtls_helper_close() frees it
 *
 * Return: 0; -ENOENT or -ECONNREFUSED if there is no helper; -EACCES if the socket
 * is not for this user; -ENAMETOOLONG; -ENOMEM.
 */
int kdtls_helper_open(const char *path, struct kdtls_helper **out);

/**
 * kdtls_helper_close() - let go of the helper
 * @helper: NULL is allowed. Its handshakes end; sockets that are upgraded go on, but
 *	the helper does not answer for their last flights any more
 */
void kdtls_helper_close(struct kdtls_helper *helper);

/**
 * kdtls_helper_fd() - a descriptor for the caller's own event loop
 * @helper: the connection
 *
 * It is readable when kdtls_helper_next(@helper, ..., 0) has an event. It stays the
 * connection's.
 */
int kdtls_helper_fd(const struct kdtls_helper *helper);

/**
 * struct kdtls_helper_opts - what handshake to do
 * @size: sizeof(struct kdtls_helper_opts)
 * @profile: a profile of kdtlsd.conf, NULL for "default"
 * @server_name: of a client: the name to ask for and to verify, or NULL, see struct
 *	kdtls_helper_request
 * @alpn: of a client: protocols in order of preference, ended by NULL, instead of
 *	those of the profile; NULL for these
 * @timeout_ms: until the handshake is given up, 0 for what the profile says
 * @srtp_keys: whether SRTP keys are wanted
 */
struct kdtls_helper_opts {
	size_t			size;
	const char		*profile;
	const char		*server_name;
	const char *const	*alpn;
	unsigned int		timeout_ms;
	int			srtp_keys;
};

/**
 * kdtls_helper_connect() - have a client's handshake begun
 * @helper: the connection
 * @fd: a UDP socket, connected to the server, which the program leaves alone until
 *	kdtls_helper_next() tells KDTLS_HELPER_DONE or KDTLS_HELPER_FAILED. It stays the
 *	program's, who may close it at any time
 * @opts: NULL for the defaults
 * @id: where to put the number of the request, not 0
 *
 * Return: 0; -EINVAL for what is too long; -EAGAIN if the helper is not reading: get
 * events and try again; -EPIPE if it is gone.
 */
int kdtls_helper_connect(struct kdtls_helper *helper, int fd,
			 const struct kdtls_helper_opts *opts, uint32_t *id);

/**
 * kdtls_helper_accept() - have a server's handshake begun
 * @helper: as for kdtls_helper_connect()
 * @fd: a UDP socket, connected to the client, with its ClientHello in it or to come
 * @opts: the same
 * @id: the same
 *
 * Return: what kdtls_helper_connect() returns.
 */
int kdtls_helper_accept(struct kdtls_helper *helper, int fd,
			const struct kdtls_helper_opts *opts, uint32_t *id);

/**
 * kdtls_helper_cancel() - end a handshake, or have a socket let go
 * @helper: the connection
 * @id: number of the request
 *
 * Return: 0; -EAGAIN or -EPIPE as for kdtls_helper_connect().
 */
int kdtls_helper_cancel(struct kdtls_helper *helper, uint32_t id);

/**
 * struct kdtls_helper_event - what the helper tells
 * @type: KDTLS_HELPER_DONE, KDTLS_HELPER_FAILED, KDTLS_HELPER_DATA or
 *	KDTLS_HELPER_RELEASED
 * @id: number of the request, 0 if it is about the connection
 * @error: for KDTLS_HELPER_FAILED: a negative errno value, see struct
 *	kdtls_helper_failed
 * @text: for KDTLS_HELPER_FAILED: a sentence
 * @done: for KDTLS_HELPER_DONE: the facts
 * @data: for KDTLS_HELPER_DATA: a record that came before the handover
 * @len: its size
 *
 * Pointers are good until the next call with the same connection.
 */
struct kdtls_helper_event {
	int				type;
	uint32_t			id;
	int				error;
	const char			*text;
	const struct kdtls_helper_done	*done;
	const void			*data;
	size_t				len;
};

/**
 * kdtls_helper_next() - get an event
 * @helper: the connection
 * @event: where to put the front of the event
 * @size: sizeof(*@event)
 * @timeout_ms: how long to wait for it, 0 not at all, -1 for ever
 *
 * Return: 1 with an event; 0 without; -EPIPE if the helper is gone: handshakes are
 * lost, sockets that are upgraded go on, and kdtls_helper_open() finds its successor;
 * -EPROTO if it does not speak this protocol; -EINTR.
 */
int kdtls_helper_next(struct kdtls_helper *helper,
		      struct kdtls_helper_event *event, size_t size,
		      int timeout_ms);

/**
 * kdtls_helper_upgrade() - have a client's handshake done, and wait for it
 * @helper: a connection without running requests
 * @fd: as for kdtls_helper_connect()
 * @opts: the same
 * @done: where to put the front of the facts, or NULL
 * @size: sizeof(*@done)
 *
 * If @early of the facts is not 0, so many KDTLS_HELPER_DATA can be had from
 * kdtls_helper_next(). Leave the connection open as long as the socket is in use, for
 * the last flight's sake.
 *
 * Return: 0; -EBUSY if a request is running; what kdtls_helper_connect() and
 * kdtls_helper_next() return; @error of KDTLS_HELPER_FAILED.
 */
int kdtls_helper_upgrade(struct kdtls_helper *helper, int fd,
			 const struct kdtls_helper_opts *opts,
			 struct kdtls_helper_done *done, size_t size);

#ifdef __cplusplus
}
#endif

#endif /* KDTLS_HELPER_H */
