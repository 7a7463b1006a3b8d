/* SPDX-License-Identifier: GPL-2.0 OR LGPL-2.1-or-later */
/*
 * How much may be done with one key (RFC 9147 section 4.5.3).
 *
 * What wears a key out is not records but blocks of the cipher: the published
 * limits count records of the largest size, and one of 1350 bytes uses the key a
 * twelfth as much. So blocks are counted.
 */
#ifndef KDTLS_SHARED_LIMIT_H
#define KDTLS_SHARED_LIMIT_H

#include <linux/kdtls.h>
#include <shared/cipher.h>
#include <shared/record.h>
#include <shared/types.h>

/* When so many numbers of an epoch are used, new keys are asked for. */
#define KDTLS_SEQ_SOFT		(KDTLS_SEQ_END / 2)

/* Blocks that a record of @payload bytes takes: its text and one for the tag. */
static inline u64 kdtls_blocks(u32 payload)
{
	return (payload + DTLS_BLOCK_SIZE - 1) / DTLS_BLOCK_SIZE + 1;
}

/* Blocks of a train: @len bytes in records of @segment bytes. */
static inline u64 kdtls_train_blocks(u32 len, u32 segment)
{
	u32 whole = segment ? len / segment : 0;
	u32 last = len - whole * segment;
	u64 blocks = whole * kdtls_blocks(segment);

	return last || !whole ? blocks + kdtls_blocks(last) : blocks;
}

/* A limit of 2^@log2, where 0 stands for none. */
static inline u64 kdtls_limit_of(u8 log2)
{
	return log2 ? 1ULL << log2 : ~0ULL;
}

static inline u64 kdtls_lower_limit(u64 asked, u64 own)
{
	return asked && asked < own ? asked : own;
}

/**
 * kdtls_limits_fill() - the limits of a key
 * @limits: in: what was asked for, where 0 leaves it to the cipher; out: what
 *	holds
 * @cipher: its cipher
 *
 * Limits can only be lowered. A soft limit that nobody asked for is half of the
 * hard one.
 */
static inline void kdtls_limits_fill(struct dtls_limits *limits,
				     const struct kdtls_cipher *cipher)
{
	limits->seal_hard = kdtls_lower_limit(limits->seal_hard,
					      kdtls_limit_of(cipher->seal_limit));
	limits->fail_hard = kdtls_lower_limit(limits->fail_hard,
					      kdtls_limit_of(cipher->fail_limit));
	limits->seal_soft = limits->seal_soft ?
		kdtls_lower_limit(limits->seal_soft, limits->seal_hard) :
		limits->seal_hard / 2;
	limits->fail_soft = limits->fail_soft ?
		kdtls_lower_limit(limits->fail_soft, limits->fail_hard) :
		limits->fail_hard / 2;
}

#endif /* KDTLS_SHARED_LIMIT_H */
