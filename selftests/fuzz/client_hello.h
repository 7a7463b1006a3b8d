/* SPDX-License-Identifier: GPL-2.0 */
/* Datagrams with a ClientHello (RFC 5246 section 7.4.1.2), to begin with. */
#ifndef KDTLS_SELFTESTS_FUZZ_CLIENT_HELLO_H
#define KDTLS_SELFTESTS_FUZZ_CLIENT_HELLO_H

#include <linux/kdtls.h>

#include "fuzz.h"
#include "hello.h"

/* Bytes in front of it: the headers of the record and of the message. */
#define CLIENT_HELLO_AT	(13 + 12)

static const struct client_hello {
	u8	id;		/* bytes of session id */
	u8	cookie;		/* of cookie */
	u8	suites;		/* of cipher suites, two for each */
	int	extensions;	/* of extensions, or -1 */
} client_hellos[] = {
	{ 0, 0, 2, -1 }, { 0, 32, 8, 0 }, { 32, 0, 4, 5 }, { 32, 20, 6, 40 },
	{ 0, 0, 240, 30 },
	/* What is none: too long an id, no suites, half a suite. */
	{ 33, 0, 2, -1 }, { 0, 0, 0, 0 }, { 0, 0, 5, 4 },
};

#define CLIENT_HELLOS	(sizeof(client_hellos) / sizeof(client_hellos[0]))

static inline void client_hello_body(struct fuzz_output *out,
				     const struct client_hello *h)
{
	int i;

	fuzz_put(out, DTLS_1_2_VERSION, 2);
	for (i = 0; i < 4; i++)
		fuzz_put(out, 0x0123456789abcdef, 8);
	fuzz_put(out, h->id, 1);
	out->len += h->id;
	fuzz_put(out, h->cookie, 1);
	out->len += h->cookie;
	fuzz_put(out, h->suites, 2);
	out->len += h->suites;
	fuzz_put(out, 0x0100, 2);
	if (h->extensions < 0)
		return;
	fuzz_put(out, h->extensions, 2);
	out->len += h->extensions;
}

/* The whole datagram: headers of the record and of the message, and the body. */
static inline void client_hello(struct fuzz_output *out, size_t which)
{
	struct fuzz_output body = { .len = 0 };

	client_hello_body(&body, &client_hellos[which]);
	fuzz_put(out, DTLS_CT_HANDSHAKE, 1);
	fuzz_put(out, DTLS_1_0_VERSION, 2);
	fuzz_put(out, 0, 8);
	fuzz_put(out, CLIENT_HELLO_AT - 13 + body.len, 2);
	fuzz_put(out, 1, 1);
	fuzz_put(out, body.len, 3);
	fuzz_put(out, 0, 5);
	fuzz_put(out, body.len, 3);
	fuzz_put_bytes(out, body.bytes, body.len);
}

/*
 * The ClientHello @h in the datagram @data once more, now with @cookie, as a
 * client answers. Returns its size, with the bytes in @answer; 0 if no record is
 * that long.
 */
static inline size_t client_hello_again(const struct kdtls_hello *h,
					const u8 *data, const u8 *cookie,
					u8 len, u8 **answer)
{
	size_t rest = kdtls_get_be16(data + 11) - 12 - h->head_len - 1 -
		      h->cookie_len;
	size_t body = h->head_len + 1 + len + rest;
	u8 *p;

	if (12 + body > 65535)
		return 0;
	p = fuzz_alloc(CLIENT_HELLO_AT + body);
	*answer = p;
	memcpy(p, data, CLIENT_HELLO_AT);
	kdtls_put_be16(p + 11, (u16)(12 + body));
	kdtls_put_be16(p + 13 + 2, (u16)body);
	kdtls_put_be16(p + 13 + 10, (u16)body);
	p += CLIENT_HELLO_AT;
	memcpy(p, h->head, h->head_len);
	p += h->head_len;
	*p++ = len;
	memcpy(p, cookie, len);
	p += len;
	memcpy(p, h->tail, rest);
	return CLIENT_HELLO_AT + body;
}

#endif /* KDTLS_SELFTESTS_FUZZ_CLIENT_HELLO_H */
