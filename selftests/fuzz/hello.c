// SPDX-License-Identifier: GPL-2.0
/*
 * user/lib/hello.c: the first look at a stranger's datagram, which is the input,
 * against a reader of the same that is written another way.
 */
#include "client_hello.h"

#define VERSION_RANDOM	34

/* A row of bytes that is taken apart from its front. */
struct row {
	const u8	*p;
	size_t		left;
	bool		bad;
};

static size_t number(struct row *r, int bytes)
{
	size_t v = 0;

	while (bytes-- && !r->bad) {
		r->bad = !r->left;
		if (r->bad)
			return 0;
		v = v * 256 + *r->p++;
		r->left--;
	}
	return v;
}

static void skip(struct row *r, size_t n)
{
	r->bad = r->bad || n > r->left;
	if (r->bad)
		return;
	r->p += n;
	r->left -= n;
}

static void must_be(struct row *r, bool right)
{
	r->bad = r->bad || !right;
}

/* The headers of record and message, which leave just the ClientHello in @r. */
static void read_headers(struct row *r)
{
	size_t len;

	must_be(r, number(r, 1) == DTLS_CT_HANDSHAKE);
	must_be(r, number(r, 1) == 0xfe);
	number(r, 1);
	must_be(r, !number(r, 2));
	number(r, 6);
	len = number(r, 2);
	must_be(r, len <= r->left);
	if (!r->bad)
		r->left = len;

	must_be(r, number(r, 1) == 1);
	len = number(r, 3);
	number(r, 2);
	must_be(r, !number(r, 3));
	must_be(r, number(r, 3) == len);
	must_be(r, r->left == len);
}

/* What the parser should say, and where it should find things. */
static bool read_hello(struct kdtls_hello *h, const u8 *data, size_t len)
{
	struct row r = { data, len, false };
	size_t n;

	read_headers(&r);
	h->head = r.p;
	must_be(&r, number(&r, 1) == 0xfe);
	skip(&r, VERSION_RANDOM - 1);
	n = number(&r, 1);
	must_be(&r, n <= 32);
	skip(&r, n);
	h->head_len = r.p - h->head;
	h->cookie_len = number(&r, 1);
	h->cookie = r.p;
	skip(&r, h->cookie_len);
	h->tail = r.p;
	n = number(&r, 2);
	must_be(&r, n && n % 2 == 0);
	skip(&r, n);
	n = number(&r, 1);
	must_be(&r, n);
	skip(&r, n);
	h->tail_len = r.p - h->tail;
	must_be(&r, h->head_len + h->tail_len <= KDTLS_HELLO_MAX);
	if (r.left) {
		n = number(&r, 2);
		must_be(&r, r.left == n);
	}
	return !r.bad;
}

void fuzz_one(const u8 *data, size_t len)
{
	u8 *datagram = fuzz_copy(data, len);
	struct kdtls_hello want, got;
	int err;

	err = kdtls_hello_parse(&got, datagram, len);
	MUST(err == (read_hello(&want, datagram, len) ? 0 : -EBADMSG));
	if (!err) {
		MUST(got.head == want.head && got.head_len == want.head_len);
		MUST(got.cookie == want.cookie);
		MUST(got.cookie_len == want.cookie_len);
		MUST(got.tail == want.tail && got.tail_len == want.tail_len);
	}
	fuzz_free(datagram);
}

void fuzz_seeds(void)
{
	struct fuzz_output out = { .len = 0 };
	size_t i;

	for (i = 0; i < CLIENT_HELLOS; i++) {
		client_hello(&out, i);
		fuzz_put_seed(&out);
	}
}
