/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A first look at what strangers send. */
#ifndef KDTLS_HELLO_H
#define KDTLS_HELLO_H

#include <shared/types.h>

/* What a ClientHello repeats without its extensions: more is no ClientHello. */
#define KDTLS_HELLO_MAX		2048

/* Version and random, in front of the session id. */
#define KDTLS_HELLO_FIXED	34

/**
 * struct kdtls_hello - a ClientHello that can be answered
 * @head: version, random and session id
 * @head_len: their size
 * @cookie: the cookie
 * @cookie_len: its size, 0 if there is none
 * @tail: cipher suites and compression methods
 * @tail_len: their size
 */
struct kdtls_hello {
	const u8	*head;
	size_t		head_len;
	const u8	*cookie;
	size_t		cookie_len;
	const u8	*tail;
	size_t		tail_len;
};

/*
 * Is the datagram one whole ClientHello, in one record of epoch 0, with lengths
 * that add up? Allocates nothing, and is all that a stranger's datagram costs
 * unless it is.
 *
 * Return: 0 or -EBADMSG.
 */
int kdtls_hello_parse(struct kdtls_hello *hello, const u8 *buf, size_t len);

/*
 * Tells a ClientHello from others of the same peer: by its random, which its
 * repetitions share, with the cookie and without. Not secret, and not safe against
 * who makes two alike on purpose: such a ClientHello counts as a repetition.
 */
u64 kdtls_hello_digest(const struct kdtls_hello *hello);

#endif /* KDTLS_HELLO_H */
