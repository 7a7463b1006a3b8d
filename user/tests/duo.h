/* SPDX-License-Identifier: GPL-2.0 */
/* GnuTLS and OpenSSL over loopback, with a link between that can lose and hold. */
#ifndef KDTLS_TEST_DUO_H
#define KDTLS_TEST_DUO_H

#include <gnutls/gnutls.h>
#include <openssl/ssl.h>

#include <kdtls-gnutls.h>

#include <shared/types.h>

#include "gnutls/track.h"

#define DUO_IDENTITY	"alice"

/* Where a datagram comes from, and the sockets of it. */
enum { DUO_US, DUO_PEER };

struct duo {
	/* How GnuTLS and OpenSSL are set up; @server: GnuTLS is. */
	bool			server;
	unsigned int		flags;		/* of gnutls_init() */
	const char		*priorities;
	SSL_CTX			*ctx;
	gnutls_certificate_credentials_t cert;
	gnutls_psk_client_credentials_t	psk_client;
	gnutls_psk_server_credentials_t	psk_server;
	gnutls_datum_t		ticket_key;
	/* Called in front of each handshake, if it is set. */
	void			(*prepare)(struct duo *d);
	/* Both ends. */
	gnutls_session_t	us;
	bool			done;		/* our handshake is */
	int			failed;		/* what it came to, if it failed */
	SSL			*peer;
	int			fd[2];
	int			relay[2];
	/* The link: false loses a datagram. */
	bool			(*deliver)(struct duo *d, int from,
					   const u8 *buf, size_t len);
	int			budget;		/* for @deliver to use */
	int			lost;		/* of @deliver */
	bool			gather;		/* the peer's come in one */
	u8			held[65536];
	size_t			held_len;
	/* What went: by us, and how many of either. */
	unsigned int		sent[2];
	u8			last[2][2048];
	size_t			last_len[2];
	u8			numbers[2][4096];	/* ours, by epoch */
};

/*
 * When a flight is sent again: late, lest one goes twice because the machine is slow,
 * or soon, where the link loses.
 */
#define DUO_LATE_MS	5000
#define DUO_SOON_MS	300
extern unsigned int duo_timer_ms;

/* Contexts for lists of suites in the words of both. */
void duo_init(struct duo *d, bool server, const char *priorities,
	      const char *ciphers);
void duo_free(struct duo *d);

/* Both ends anew; ours is tracked. */
void duo_connect(struct duo *d);

/* Bring what waits to the other side. */
void duo_pump(struct duo *d);

/* What was gathered goes to us as one datagram. */
void duo_release(struct duo *d);

/* One round of both. */
void duo_turn(struct duo *d);

/* Until both are finished, @ours alone if the peer is not to be waited for. */
bool duo_handshake(struct duo *d, bool ours);

/* Send from one side, receive on the other, within a slow machine's time. */
bool duo_peer_to_us(struct duo *d, const char *text);
bool duo_us_to_peer(struct duo *d, const char *text);

/* What the peer reads is @text. */
bool duo_peer_reads(struct duo *d, const char *text);

/* What a session receives is @text. */
bool duo_session_reads(struct duo *d, struct kdtls_session *s,
		       const char *text);

/* Does the datagram hold a handshake record of epoch 1? */
bool duo_has_finished(const u8 *buf, size_t len);

#endif /* KDTLS_TEST_DUO_H */
