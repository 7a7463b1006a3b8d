/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A first look at what strangers send. */
#ifndef KDTLS_HELLO_H
#define KDTLS_HELLO_H

#include <shared/types.h>

/* What a ClientHello repeats without its extensions: more is no ClientHello. */
#define KDTLS_HELLO_MAX		2048

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

#endif /* KDTLS_HELLO_H */
