/* SPDX-License-Identifier: GPL-2.0 */
/* The kernel's ciphers, by cipher suite and with a key. */
#ifndef KDTLS_AEAD_H
#define KDTLS_AEAD_H

#include <linux/types.h>

struct crypto_aead;
struct kdtls_cipher;

struct crypto_aead *kdtls_aead_new(const struct kdtls_cipher *cipher,
				   const u8 *key);
bool kdtls_aead_again(struct crypto_aead *tfm,
		      const struct kdtls_cipher *cipher, const u8 *key);
int kdtls_cipher_probe(const struct kdtls_cipher *cipher);

#endif /* KDTLS_AEAD_H */
