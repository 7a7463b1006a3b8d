/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Pre-shared keys (RFC 4279, RFC 5487, RFC 6655, RFC 7905). */
#ifndef KDTLS_PSK_H
#define KDTLS_PSK_H

#include <sys/types.h>

#include <openssl/types.h>

#include <kdtls.h>

#include <shared/types.h>

/*
 * The AEAD suites with a PSK that OpenSSL has, the one with forward secrecy
 * first. A tag of 8 bytes is for those who ask for it.
 */
#define KDTLS_PSK_CIPHERS \
	"ECDHE-PSK-CHACHA20-POLY1305:" \
	"PSK-AES128-GCM-SHA256:PSK-AES256-GCM-SHA384:" \
	"PSK-CHACHA20-POLY1305:PSK-AES128-CCM:PSK-AES256-CCM"

/**
 * struct kdtls_psk - what a configuration knows of pre-shared keys
 * @identity: a client's identity, or NULL
 * @key: its key
 * @key_len: size of @key
 * @choose: asked by a client instead of these, or NULL
 * @choose_arg: its last argument
 * @hint: a server's hint, or NULL
 * @find: asked by a server, or NULL
 * @find_arg: its last argument
 *
 * Not in locked memory of its own: that is wiped in a child after fork(), and a
 * key of nothing but zeroes is one that everybody knows.
 */
struct kdtls_psk {
	char	*identity;
	u8	*key;
	size_t	key_len;
	ssize_t	(*choose)(struct kdtls_session *session, const char *hint,
			  char *identity, size_t identity_size,
			  void *key, size_t key_size, void *arg);
	void	*choose_arg;
	char	*hint;
	ssize_t	(*find)(struct kdtls_session *session, const char *identity,
			void *key, size_t key_size, void *arg);
	void	*find_arg;
};

/* Wipe and free. */
void kdtls_psk_clear(struct kdtls_psk *psk);

/* Can a server, or a client, do without certificates? */
bool kdtls_psk_given(const struct kdtls_psk *psk, bool server);

/* Set an SSL_CTX up whose cipher list is set. */
int kdtls_psk_setup(const struct kdtls_psk *psk, bool server, bool cert,
		    SSL_CTX *ctx);

/* Is the suite that the handshake agreed on, or has agreed on, one of these? */
bool kdtls_psk_used(const SSL *ssl);

#endif /* KDTLS_PSK_H */
