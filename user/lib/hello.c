// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * A first look at what strangers send: only a ClientHello that stands in one
 * datagram is worth OpenSSL's time (RFC 6347 section 4.2.1).
 */
#include <linux/kdtls.h>

#include <shared/record.h>

#include "flight.h"
#include "hello.h"

#define CLIENT_HELLO	1
#define RANDOM_LEN	32
#define SESSION_ID_MAX	32

struct reader {
	const u8	*p;
	size_t		left;
};

static bool skip(struct reader *r, size_t n)
{
	if (n > r->left)
		return false;
	r->p += n;
	r->left -= n;
	return true;
}

/* Skip a vector with a length of @width bytes, and tell the length. */
static bool vector(struct reader *r, int width, size_t *len)
{
	size_t n;

	if (r->left < (size_t)width)
		return false;
	n = width == 1 ? r->p[0] : kdtls_get_be16(r->p);
	*len = n;
	return skip(r, (size_t)width + n);
}

static u32 be24(const u8 *p)
{
	return (u32)p[0] << 16 | (u32)p[1] << 8 | p[2];
}

/* The handshake header: a ClientHello, and not a fragment of one. */
static bool whole(const u8 *hs, size_t len)
{
	return hs[0] == CLIENT_HELLO && be24(hs + 1) == len &&
	       be24(hs + 6) == 0 && be24(hs + 9) == len;
}

static int body(struct kdtls_hello *h, struct reader r)
{
	size_t n;

	h->head = r.p;
	if (!skip(&r, 2 + RANDOM_LEN) || !vector(&r, 1, &n) ||
	    n > SESSION_ID_MAX)
		return -EBADMSG;
	if (h->head[0] != 0xfe)
		return -EBADMSG;
	h->head_len = (size_t)(r.p - h->head);

	h->cookie = r.p + 1;
	if (!vector(&r, 1, &h->cookie_len))
		return -EBADMSG;

	h->tail = r.p;
	if (!vector(&r, 2, &n) || n < 2 || n % 2)
		return -EBADMSG;
	if (!vector(&r, 1, &n) || n < 1)
		return -EBADMSG;
	h->tail_len = (size_t)(r.p - h->tail);
	if (h->head_len + h->tail_len > KDTLS_HELLO_MAX)
		return -EBADMSG;

	/* Extensions: none, or a vector that ends with the message. */
	if (r.left && (!vector(&r, 2, &n) || r.left))
		return -EBADMSG;
	return 0;
}

int kdtls_hello_parse(struct kdtls_hello *hello, const u8 *buf, size_t len)
{
	struct kdtls_record rec;
	struct reader r;

	if (kdtls_record_parse(&rec, buf, (u32)len))
		return -EBADMSG;
	if (rec.type != DTLS_CT_HANDSHAKE || rec.epoch || rec.version >> 8 != 0xfe)
		return -EBADMSG;
	if (rec.len < KDTLS_HS_HEADER_LEN)
		return -EBADMSG;
	r.p = buf + KDTLS_HEADER_LEN + KDTLS_HS_HEADER_LEN;
	r.left = rec.len - KDTLS_HS_HEADER_LEN;
	if (!whole(buf + KDTLS_HEADER_LEN, r.left))
		return -EBADMSG;
	return body(hello, r);
}

u64 kdtls_hello_digest(const struct kdtls_hello *hello)
{
	const u8 *random = hello->head + 2;
	u64 digest = 0;
	int i;

	for (i = 0; i < RANDOM_LEN; i += 8)
		digest = digest * 0x100000001b3ULL ^ kdtls_get_be64(random + i);
	/* 0 is what a session has that no ClientHello began. */
	return digest ? digest : 1;
}
