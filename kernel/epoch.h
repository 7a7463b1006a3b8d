/* SPDX-License-Identifier: GPL-2.0 */
/* The keys of one epoch in one direction, and what is counted with them. */
#ifndef KDTLS_EPOCH_H
#define KDTLS_EPOCH_H

#include <crypto/aead.h>
#include <linux/rcupdate.h>
#include <linux/refcount.h>
#include <linux/spinlock.h>

#include <shared/cipher.h>
#include <shared/limit.h>
#include <shared/record.h>
#include <shared/window.h>

#include "work.h"

/* Bits of kdtls_epoch.flags: each limit is told once. */
enum kdtls_epoch_bit {
	KDTLS_EPOCH_REKEY,	/* a soft limit was reached */
	KDTLS_EPOCH_EXPIRED,	/* a hard limit was reached */
	KDTLS_EPOCH_TOLD,	/* and a receive call has failed for it */
};

/**
 * struct kdtls_epoch - one direction's keys in one epoch
 * @refs: one for the session, one for each call that uses it
 * @number: the epoch on the wire, never 0
 * @cipher: its sizes
 * @tfm: the cipher with its key; NULL if it is lent
 * @context: the lent one, or NULL while there is none
 * @salt: the part of the nonce that is not sent
 * @key: the key, to tell it from the next
 * @flags: bits of enum kdtls_epoch_bit
 * @limits: what limits the key; all filled in
 * @tx_seq: sending: the number that the next record takes. It only grows, and
 *	a number that was taken is never used again
 * @tx_blocks: sending: blocks sealed
 * @tx_explicit: sending: what is added to a number to get its explicit nonce
 * @retire_at: receiving: until when an older epoch serves, in jiffies
 * @rcu: the structure, but not the key and its limits, outlives the last
 *	reference
 * @failures: receiving: records whose tag did not verify
 * @lock: receiving: protects @window; taken in process context only
 * @window: receiving: which numbers were opened
 *
 * A server has two for each session: what only one direction needs shares its
 * place with what only the other does.
 */
struct kdtls_epoch {
	refcount_t			refs;
	u16				number;
	const struct kdtls_cipher	*cipher;
	struct crypto_aead		*tfm;
	struct kdtls_context __rcu	*context;
	u8				salt[KDTLS_NONCE_LEN];
	u8				key[KDTLS_KEY_MAX];
	unsigned long			flags;
	unsigned long			retire_at;
	union {
		struct dtls_limits	limits;
		struct rcu_head		rcu;
	};

	union {
		struct {
			atomic64_t	tx_seq;
			atomic64_t	tx_blocks;
			u64		tx_explicit;
		};
		struct {
			atomic64_t	failures;
			spinlock_t	lock;	/* see above */
			/* Its bits are behind it: it is the last. */
			struct kdtls_window window;
		};
	} ____cacheline_aligned_in_smp;
};

struct dtls_crypto_info;
struct kdtls_context;
struct sk_buff;

struct kdtls_epoch *kdtls_epoch_new(const struct kdtls_cipher *cipher,
				    const struct dtls_crypto_info *info,
				    const u8 *key, const u8 *salt,
				    const u8 *explicit_nonce,
				    const struct dtls_limits *limits,
				    bool lent);
bool kdtls_epoch_same_key(const struct kdtls_epoch *a,
			  const struct kdtls_epoch *b);
struct kdtls_epoch *kdtls_epoch_get(struct kdtls_epoch __rcu **from);
void kdtls_epoch_put(struct kdtls_epoch *epoch);

int kdtls_epoch_take(struct kdtls_epoch *epoch, u32 count, u64 blocks,
		     u64 *first);
bool kdtls_epoch_tx_worn(struct kdtls_epoch *epoch);
bool kdtls_epoch_expire(struct kdtls_epoch *epoch);
int kdtls_epoch_ready(struct kdtls_epoch *epoch, struct kdtls_work *work);
int kdtls_epoch_seal(struct kdtls_epoch *epoch, struct kdtls_work *work,
		     u8 type, u64 seq, u8 *record, u16 payload);
int kdtls_epoch_check(struct kdtls_epoch *epoch, u64 seq);
int kdtls_epoch_open(struct kdtls_epoch *epoch, struct kdtls_work *work,
		     const struct kdtls_record *rec, u16 payload,
		     struct sk_buff *skb, u32 offset, u8 *to);

/* May still be opened with the epoch's key? Too many failures end that. */
static inline bool kdtls_epoch_check_limit(const struct kdtls_epoch *epoch)
{
	return (u64)atomic64_read(&epoch->failures) < epoch->limits.fail_hard;
}

void kdtls_epoch_count_failure(struct kdtls_epoch *epoch);
bool kdtls_epoch_rx_worn(struct kdtls_epoch *epoch);

#endif /* KDTLS_EPOCH_H */
