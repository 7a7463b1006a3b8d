/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The record keys of a connection, and what they open. */
#ifndef KDTLS_KEYS_H
#define KDTLS_KEYS_H

#include <openssl/types.h>

#include <shared/record.h>

/**
 * struct kdtls_keys - both directions of an epoch
 * @cipher: what they are for
 * @tx_key: ours
 * @rx_key: the peer's
 * @tx_salt: our write IV, @cipher->salt_len bytes
 * @rx_salt: the peer's
 * @master: scratch of the derivation, wiped by it
 * @block: scratch of the derivation, wiped by it
 */
struct kdtls_keys {
	const struct kdtls_cipher *cipher;
	u8 tx_key[KDTLS_KEY_MAX];
	u8 rx_key[KDTLS_KEY_MAX];
	u8 tx_salt[KDTLS_NONCE_LEN];
	u8 rx_salt[KDTLS_NONCE_LEN];
	u8 master[48];
	u8 block[2 * (KDTLS_KEY_MAX + KDTLS_NONCE_LEN)];
};

/*
 * Derive the keys of @ssl (RFC 5246 section 6.3) into locked memory. They are
 * there before the end of the handshake: as soon as the key exchange is.
 *
 * Return: 0; -ENOTCONN if the key exchange is not over; -EOPNOTSUPP for a cipher
 * suite that kdtls does not have; -ENOMEM; -EIO if OpenSSL refuses.
 */
int kdtls_keys_derive(SSL *ssl, struct kdtls_keys **keys);

/* Wipe and free; NULL is allowed. */
void kdtls_keys_free(struct kdtls_keys *keys);

/* The cipher that protects @ssl's records, or NULL if kdtls does not have it. */
const struct kdtls_cipher *kdtls_keys_cipher(const SSL *ssl);

/*
 * Open the whole record @rec, @len bytes, with @key and @salt.
 *
 * @out: DTLS_MAX_PLAINTEXT bytes are enough for any
 * Return: bytes of plaintext or -EBADMSG.
 */
int kdtls_keys_open(const struct kdtls_cipher *cipher, const u8 *key,
		    const u8 *salt, const u8 *rec, size_t len, u8 *out);

#endif /* KDTLS_KEYS_H */
