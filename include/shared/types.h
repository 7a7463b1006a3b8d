/* SPDX-License-Identifier: GPL-2.0 OR LGPL-2.1-or-later */
/*
 * What the headers of this directory take from their surroundings. They hold
 * the record layer that kernel and user space share, so they are compiled into
 * both and depend on neither.
 */
#ifndef KDTLS_SHARED_TYPES_H
#define KDTLS_SHARED_TYPES_H

#ifdef __KERNEL__
#include <linux/errno.h>
#include <linux/string.h>
#include <linux/types.h>
#else
#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;
#endif

/* Big-endian integers of the wire, at any alignment. */
static inline u16 kdtls_get_be16(const u8 *p)
{
	return (u16)(p[0] << 8 | p[1]);
}

static inline u64 kdtls_get_be48(const u8 *p)
{
	return (u64)p[0] << 40 | (u64)p[1] << 32 | (u64)p[2] << 24 |
	       (u64)p[3] << 16 | (u64)p[4] << 8 | p[5];
}

static inline u64 kdtls_get_be64(const u8 *p)
{
	return (u64)kdtls_get_be16(p) << 48 | kdtls_get_be48(p + 2);
}

static inline void kdtls_put_be16(u8 *p, u16 v)
{
	p[0] = (u8)(v >> 8);
	p[1] = (u8)v;
}

static inline void kdtls_put_be48(u8 *p, u64 v)
{
	kdtls_put_be16(p, (u16)(v >> 32));
	kdtls_put_be16(p + 2, (u16)(v >> 16));
	kdtls_put_be16(p + 4, (u16)v);
}

static inline void kdtls_put_be64(u8 *p, u64 v)
{
	kdtls_put_be16(p, (u16)(v >> 48));
	kdtls_put_be48(p + 2, v);
}

#endif /* KDTLS_SHARED_TYPES_H */
