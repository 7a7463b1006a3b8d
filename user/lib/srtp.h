/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Keys for SRTP from a DTLS handshake (RFC 5764). */
#ifndef KDTLS_SRTP_H
#define KDTLS_SRTP_H

#include <openssl/types.h>

#include <kdtls.h>

#include <shared/types.h>

/**
 * struct kdtls_srtp_profile - a protection profile
 * @name: its name
 * @key_len: bytes of a master key
 * @salt_len: bytes of a master salt
 */
struct kdtls_srtp_profile {
	const char	*name;
	u8		key_len;
	u8		salt_len;
};

/* Have an SSL_CTX offer, or accept, the profiles of a list that was checked. */
int kdtls_srtp_setup(const char *profiles, SSL_CTX *ctx);

/* The profile of a name, or NULL; of NULL, too. */
const struct kdtls_srtp_profile *kdtls_srtp_find(const char *name);

/* What a handshake agreed on, or NULL. */
const struct kdtls_srtp_profile *kdtls_srtp_agreed(SSL *ssl);

#endif /* KDTLS_SRTP_H */
