/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Other people's DTLS, as clients and servers that talk to ours. A peer is a process
 * that does what a task says with one library, and reports what it saw.
 */
#ifndef KDTLS_SELFTESTS_PEER_H
#define KDTLS_SELFTESTS_PEER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

#define PEER_IDENTITY	"alice"
#define PEER_HINT	"wonderland"
#define PEER_NAME	"localhost"
#define PEER_SESSIONS	2	/* the one to be resumed, and the one that does */
#define PEER_RECORDS	6	/* of application data in each of them */
#define PEER_LARGEST	1200	/* bytes of the largest */
#define PEER_MTU	1400
#define PEER_WAIT_MS	10000	/* for a record */
#define PEER_KEY	PEER_HINT	/* of the tests, no secret; libcoap takes text */
#define PEER_KEY_LEN	(sizeof(PEER_KEY) - 1)

enum auth { AUTH_ECDSA, AUTH_RSA, AUTH_PSK };

/* In the order of the table's columns. */
enum feature { CERTIFICATE, MUTUAL, BY_ID, BY_TICKET };

#define N_FEATURES	(BY_TICKET + 1)

/**
 * struct suite - a cipher suite
 * @id: its number with IANA
 * @name: its name there
 * @openssl: that of OpenSSL
 * @auth: what its server proves itself with
 */
struct suite {
	uint16_t	id;
	const char	*name;
	const char	*openssl;
	enum auth	auth;
};

extern const struct suite suites[];
extern const size_t n_suites;

/**
 * struct task - what a peer is to do
 * @suite: the only one to offer or to take
 * @server: be the server
 * @feature: with PSK, CERTIFICATE and MUTUAL mean a pre-shared key
 * @fds: a server's sockets, one for each session, bound
 * @address: the loopback address that both use
 * @port: of our server, or the one that a program shall serve
 */
struct task {
	const struct suite	*suite;
	bool			server;
	enum feature		feature;
	int			fds[PEER_SESSIONS];
	const char		*address;
	uint16_t		port;
};

/* How many sessions that makes. */
int task_sessions(const struct task *t);
bool task_psk(const struct task *t);

/**
 * struct saw - what one side saw of a session
 * @open: the handshake came to its end
 * @resumed: it was an abbreviated one
 * @verified: the other side had a certificate that is good
 * @closed: it ended by the other side's close_notify
 * @suite: the number of the cipher suite
 * @records: how many came, and were what they should be
 */
struct saw {
	bool		open;
	bool		resumed;
	bool		verified;
	bool		closed;
	uint16_t	suite;
	unsigned int	records;
};

/**
 * struct report - what a peer tells, in memory that we share
 * @saw: of each session
 * @ready: of a program, that it listens
 * @error: why it did not go on, "" if it did
 */
struct report {
	struct saw	saw[PEER_SESSIONS];
	volatile bool	ready;
	char		error[200];
};

/**
 * struct stack - a library
 * @name: what people call it
 * @version: of the library that runs, not the one of its headers; NULL if this was
 *	built without it
 * @why_not: NULL if this build can do that, or the reason that it gives
 * @begin: make what sessions have in common
 * @open: connect, or serve, over @fd, which is connected; with what the last one
 *	left to be resumed
 * @look: tell what became of it, but records and end
 * @send: one record
 * @recv: one record; 0 for close_notify, -1 for all else
 * @close: send close_notify, forget the session
 * @program: not a library but a program, which does the whole task by itself, and
 *	speaks CoAP
 * @forgets: its server may resume nothing, and does not say so before
 *
 * They are called in a process for a single task: what they keep is static. Those
 * that return bool have called peer_error() when it is false.
 */
struct stack {
	const char	*name;
	const char	*(*version)(void);
	const char	*(*why_not)(const struct task *t);
	bool		(*begin)(const struct task *t);
	bool		(*open)(const struct task *t, int fd);
	void		(*look)(struct saw *saw);
	ssize_t		(*send)(const void *buf, size_t n);
	ssize_t		(*recv)(void *buf, size_t n);
	void		(*close)(void);
	void		(*program)(const struct task *t, struct report *report);
	bool		forgets;
};

extern const struct stack peer_openssl, peer_gnutls, peer_mbedtls, peer_wolfssl,
	peer_coap_openssl, peer_coap_gnutls;

/* Do a task, in a process of its own; does not return. */
void peer_run(const struct stack *stack, const struct task *t,
	      struct report *report) __attribute__((noreturn));

/* What went wrong, for the report. Returns false. */
bool peer_error(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/*
 * The key of somebody who said @said, a hint or an identity, if that is @right.
 * Returns its size, or 0.
 */
unsigned int peer_key(const char *said, const char *right, void *key,
		      size_t size);

/* The records that each side sends: sizes and contents. */
size_t peer_record(unsigned int i, uint8_t *buf);

/**
 * struct identity - who everybody is
 * @ca: the certificate of the authority
 * @cert: a certificate for PEER_NAME that it signed, with an ECDSA and an RSA key
 * @key: the keys
 *
 * All in PEM.
 */
struct identity {
	char	*ca;
	char	*cert[AUTH_PSK];
	char	*key[AUTH_PSK];
};

/* Made by the first call. */
const struct identity *identity(void);

#endif /* KDTLS_SELFTESTS_PEER_H */
