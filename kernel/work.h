/* SPDX-License-Identifier: GPL-2.0 */
/* What sealing and opening need while they run: buffer, request, scatterlists. */
#ifndef KDTLS_WORK_H
#define KDTLS_WORK_H

#include <crypto/aead.h>
#include <linux/crypto.h>
#include <linux/scatterlist.h>
#include <linux/skbuff.h>

#include <shared/nonce.h>
#include <shared/record.h>

/* Room for the largest UDP datagram, and so for the largest train. */
#define KDTLS_WORK_SIZE		65536

/* The largest thing that a cipher takes for a nonce: CCM's counter block. */
#define KDTLS_IV_LEN		16

/* Additional data, the skb's head and its fragments. */
#define KDTLS_WORK_SG		(MAX_SKB_FRAGS + 2)

struct kdtls_context;
struct kdtls_epoch;

/**
 * struct kdtls_work - scratch memory of one call
 * @buf: where records are built or opened
 * @size: bytes at @buf
 * @epoch: whose cipher @req is for, or NULL
 * @context: that cipher, if it is lent
 * @req: request that takes any cipher in use so far
 * @request: bytes at @req
 * @wait: completion of an asynchronous cipher
 * @aad: additional data of the record at hand
 * @iv: nonce of the record at hand, as the cipher takes it
 * @src: what the cipher reads
 * @dst: what the cipher writes, if not @src
 *
 * Whoever has it from kdtls_work_get() owns it, and may sleep.
 */
struct kdtls_work {
	u8			*buf;
	u32			size;
	struct kdtls_epoch	*epoch;
	struct kdtls_context	*context;
	struct aead_request	*req;
	unsigned int		request;
	struct crypto_wait	wait;
	u8			aad[KDTLS_AAD_LEN];
	u8			iv[KDTLS_IV_LEN];
	struct scatterlist	src[KDTLS_WORK_SG];
	struct scatterlist	dst[2];
};

struct kdtls_work *kdtls_work_get(u32 size);
int kdtls_work_set_cipher(struct kdtls_work *work, struct crypto_aead *tfm);
void kdtls_work_put(struct kdtls_work *work);
void kdtls_work_exit(void);

#endif /* KDTLS_WORK_H */
