/* SPDX-License-Identifier: GPL-2.0 */
/* A client and a server in memory, with a link that can lose and forge. */
#ifndef KDTLS_TEST_PAIR_H
#define KDTLS_TEST_PAIR_H

#include <openssl/ssl.h>

#include "keys.h"
#include "queue.h"
#include "track.h"

struct pair;

struct side {
	struct pair		*pair;
	SSL			*ssl;
	BIO			*bio;
	struct kdtls_track	*track;
	struct kdtls_queue	inbox;		/* datagrams that came to it */
	unsigned int		written;	/* datagrams it wrote */
	u8			last[65536];	/* the last of them */
	size_t			last_len;
};

struct pair {
	SSL_CTX		*client_ctx;
	SSL_CTX		*server_ctx;
	struct side	client;
	struct side	server;
	/* false: the link loses the datagram. NULL: it loses nothing. */
	bool		(*deliver)(struct pair *p, struct side *from,
				   const u8 *buf, size_t len);
	unsigned int	budget;		/* for @deliver to use */
};

/* Contexts for a cipher list and a kind of certificate. */
void pair_init(struct pair *p, const char *ciphers, const char *kind);
void pair_free(struct pair *p);

/* Both ends anew, tracked; @session to resume, or NULL. */
void pair_connect(struct pair *p, SSL_SESSION *session);

/* Bring waiting datagrams to OpenSSL and let time pass, until both are done. */
bool pair_handshake(struct pair *p);

/* One round for one side: all its datagrams. */
void pair_step(struct side *side);

/* Give the side its next datagram without letting it act. */
bool pair_feed(struct side *side);

/* A record of epoch 1 that nobody sealed. */
size_t pair_forge(u8 *out, u8 type, u64 seq, size_t body);

/* Does the datagram hold a handshake record of epoch 1? */
bool pair_has_finished(const u8 *buf, size_t len);

/* Seal a record with derived keys, as the kernel would. Returns its size. */
size_t pair_seal(const struct kdtls_cipher *cipher, const u8 *key,
		 const u8 *salt, u8 type, u64 seq, u64 nonce, const void *data,
		 size_t len, u8 *out);

#endif /* KDTLS_TEST_PAIR_H */
