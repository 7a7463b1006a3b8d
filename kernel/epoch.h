/* SPDX-License-Identifier: GPL-2.0 */
/* The keys of one epoch in one direction, and what is counted with them. */
#ifndef KDTLS_EPOCH_H
#define KDTLS_EPOCH_H

#include <crypto/aead.h>
#include <linux/rcupdate.h>
#include <linux/refcount.h>
#include <linux/spinlock.h>

#include <shared/cipher.h>
#include <shared/record.h>
#include <shared/window.h>

#include "work.h"

/**
 * struct kdtls_epoch - one direction's keys in one epoch
 * @refs: one for the session, one for each call that uses it
 * @number: the epoch on the wire, never 0
 * @cipher: its sizes
 * @tfm: the cipher with its key
 * @salt: the part of the nonce that is not sent
 * @rcu: the structure, but not the key, outlives the last reference
 * @tx_seq: sending: the number that the next record takes. It only grows, and
 *	a number that was taken is never used again
 * @tx_explicit: sending: what is added to a number to get its explicit nonce
 * @failures: receiving: records whose tag did not verify
 * @lock: receiving: protects @window; taken in process context only
 * @window: receiving: which numbers were opened
 */
struct kdtls_epoch {
	refcount_t			refs;
	u16				number;
	const struct kdtls_cipher	*cipher;
	struct crypto_aead		*tfm;
	u8				salt[KDTLS_NONCE_LEN];
	struct rcu_head			rcu;

	atomic64_t			tx_seq ____cacheline_aligned_in_smp;
	u64				tx_explicit;

	atomic64_t			failures;
	spinlock_t			lock;	/* see above */
	struct kdtls_window		window;
};

struct dtls_crypto_info;
struct sk_buff;

struct kdtls_epoch *kdtls_epoch_new(const struct kdtls_cipher *cipher,
				    const struct dtls_crypto_info *info,
				    const u8 *key, const u8 *salt,
				    const u8 *explicit_nonce);
struct kdtls_epoch *kdtls_epoch_get(struct kdtls_epoch __rcu **from);
void kdtls_epoch_put(struct kdtls_epoch *epoch);

int kdtls_epoch_take(struct kdtls_epoch *epoch, u32 count, u64 *first);
int kdtls_epoch_seal(struct kdtls_epoch *epoch, struct kdtls_work *work,
		     u8 type, u64 seq, u8 *record, u16 payload);
int kdtls_epoch_check(struct kdtls_epoch *epoch, u64 seq);
int kdtls_epoch_open(struct kdtls_epoch *epoch, struct kdtls_work *work,
		     const struct kdtls_record *rec, u16 payload,
		     struct sk_buff *skb, u32 offset, u8 *to);

#endif /* KDTLS_EPOCH_H */
