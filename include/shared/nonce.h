/* SPDX-License-Identifier: GPL-2.0 OR LGPL-2.1-or-later */
/* The AEAD nonce of a record. */
#ifndef KDTLS_SHARED_NONCE_H
#define KDTLS_SHARED_NONCE_H

#include <shared/cipher.h>
#include <shared/types.h>

/**
 * kdtls_nonce() - build the nonce of a record
 * @cipher: the cipher suite
 * @salt: its write IV: @cipher->salt_len bytes
 * @epoch: the record's epoch
 * @seq: the record's number
 * @explicit_nonce: the @cipher->explicit_len bytes that are on the wire
 * @nonce: where to put the KDTLS_NONCE_LEN bytes
 *
 * GCM and CCM concatenate the salt and the explicit part (RFC 5288 section 3,
 * RFC 6655 section 3); ChaCha20-Poly1305 XORs epoch and number into the IV
 * (RFC 7905 section 2).
 */
static inline void kdtls_nonce(const struct kdtls_cipher *cipher,
			       const u8 *salt, u16 epoch, u64 seq,
			       const u8 *explicit_nonce, u8 *nonce)
{
	u8 number[8];
	int i;

	memcpy(nonce, salt, cipher->salt_len);
	if (cipher->explicit_len) {
		memcpy(nonce + cipher->salt_len, explicit_nonce,
		       cipher->explicit_len);
		return;
	}
	kdtls_put_be16(number, epoch);
	kdtls_put_be48(number + 2, seq);
	for (i = 0; i < 8; i++)
		nonce[4 + i] ^= number[i];
}

#endif /* KDTLS_SHARED_NONCE_H */
