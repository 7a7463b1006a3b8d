/* SPDX-License-Identifier: GPL-2.0 OR LGPL-2.1-or-later */
/* The sizes of each cipher suite's record protection. */
#ifndef KDTLS_SHARED_CIPHER_H
#define KDTLS_SHARED_CIPHER_H

#include <linux/kdtls.h>
#include <shared/types.h>

#define KDTLS_KEY_MAX		32
#define KDTLS_NONCE_LEN		12
#define KDTLS_EXPLICIT_MAX	8
#define KDTLS_TAG_MAX		16

/**
 * struct kdtls_cipher - how a cipher suite protects a record
 * @type: DTLS_CIPHER_*
 * @name: what people call it
 * @key_len: bytes of key
 * @salt_len: bytes of the nonce that are never sent; KDTLS_NONCE_LEN where the
 *	whole nonce is derived from the record's number
 * @explicit_len: bytes of the nonce that are sent in front of the ciphertext
 * @tag_len: bytes of the authentication tag behind it
 * @seal_limit: log2 of the blocks that a key may seal, 0 for any number
 * @fail_limit: log2 of the decryptions with it that may fail
 */
struct kdtls_cipher {
	u16		type;
	const char	*name;
	u8		key_len;
	u8		salt_len;
	u8		explicit_len;
	u8		tag_len;
	u8		seal_limit;
	u8		fail_limit;
};

/**
 * kdtls_cipher_find() - look up a cipher by its number
 * @type: DTLS_CIPHER_*
 *
 * Return: the cipher, or NULL if kdtls does not have it.
 */
static inline const struct kdtls_cipher *kdtls_cipher_find(u16 type)
{
	/*
	 * The limits are those of RFC 9147 section 4.5.3, in blocks of 2^10 to
	 * a record (RFC 8446 section 5.5), rounded down to powers of two:
	 * 2^24.5 records for GCM, 2^23 for CCM, none for ChaCha20-Poly1305. For
	 * CCM_8 it leaves the failures to us: 2^16 keep a forger's chance below
	 * 2^-48, and are not that easily sent by somebody who only wants to end
	 * the session.
	 */
	static const struct kdtls_cipher ciphers[] = {
		{ DTLS_CIPHER_AES_GCM_128, "AES-128-GCM",
		  16, 4, 8, 16, 34, 36 },
		{ DTLS_CIPHER_AES_GCM_256, "AES-256-GCM",
		  32, 4, 8, 16, 34, 36 },
		{ DTLS_CIPHER_AES_CCM_128, "AES-128-CCM",
		  16, 4, 8, 16, 33, 23 },
		{ DTLS_CIPHER_AES_CCM_256, "AES-256-CCM",
		  32, 4, 8, 16, 33, 23 },
		{ DTLS_CIPHER_AES_CCM_8_128, "AES-128-CCM_8",
		  16, 4, 8, 8, 33, 16 },
		{ DTLS_CIPHER_CHACHA20_POLY1305, "ChaCha20-Poly1305",
		  32, 12, 0, 16, 0, 36 },
	};
	size_t i;

	for (i = 0; i < sizeof(ciphers) / sizeof(ciphers[0]); i++)
		if (ciphers[i].type == type)
			return &ciphers[i];
	return NULL;
}

#endif /* KDTLS_SHARED_CIPHER_H */
