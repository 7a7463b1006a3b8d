// SPDX-License-Identifier: GPL-2.0
/*
 * user/lib/cookie.c: the cookie for a stranger's ClientHello, and the ClientHello
 * that comes back with it.
 *
 * The input: what is tried (1 byte), when (1), which byte is changed (2), and the
 * stranger's datagram.
 */
#include <netinet/in.h>

#include "client_hello.h"
#include "cookie.h"

#define PERIOD	100

struct stranger {
	struct kdtls_cookie_jar	jar;
	union {
		struct sockaddr		sa;
		struct sockaddr_in	in;
		struct sockaddr_in6	in6;
	};
	u64			now;
	u8			cookie[KDTLS_COOKIE_LEN];
};

static bool good(struct stranger *who, const struct kdtls_hello *h)
{
	return kdtls_cookie_check(&who->jar, who->now, &who->sa, h, who->cookie,
				  sizeof(who->cookie));
}

/* A client that sends the cookie back with the rest as it was. */
static void check_answer(struct stranger *who, const struct kdtls_hello *h,
			 const u8 *data)
{
	struct kdtls_hello got;
	u8 *answer;
	size_t len;

	len = client_hello_again(h, data, who->cookie, KDTLS_COOKIE_LEN,
				 &answer);
	if (!len)
		return;
	MUST(!kdtls_hello_parse(&got, answer, len));
	MUST(got.cookie_len == KDTLS_COOKIE_LEN);
	MUST(kdtls_cookie_check(&who->jar, who->now, &who->sa, &got, got.cookie,
				got.cookie_len));
	fuzz_free(answer);
}

/* A cookie is for what stands in front of it and behind it, but the session id. */
static void check_change(struct stranger *who, const struct kdtls_hello *h,
			 u16 which)
{
	u8 *head = fuzz_copy(h->head, h->head_len);
	u8 *tail = fuzz_copy(h->tail, h->tail_len);
	struct kdtls_hello other = *h;
	size_t at = which % (h->head_len + h->tail_len);

	other.head = head;
	other.tail = tail;
	MUST(good(who, &other));
	if (at < h->head_len)
		head[at] ^= (u8)(1 + which % 255);
	else
		tail[at - h->head_len] ^= (u8)(1 + which % 255);
	MUST(good(who, &other) ==
	     (at >= KDTLS_HELLO_FIXED && at < h->head_len));
	fuzz_free(tail);
	fuzz_free(head);
}

/* A part of it is none, whatever is behind that part. */
static void check_part(struct stranger *who, const struct kdtls_hello *h,
		       size_t len)
{
	MUST(!kdtls_cookie_check(&who->jar, who->now, &who->sa, h, who->cookie,
				 len));
}

/*
 * Secrets: the one that made the cookie, the one after it, and so on. They change
 * when somebody looks, at most once a period, and none is used for two.
 */
static void check_age(struct stranger *who, const struct kdtls_hello *h,
		      u16 steps)
{
	u64 changed = who->jar.rotated, age;
	unsigned int secret = 0;

	for (; steps; steps >>= 5) {
		who->now += (steps & 31) * (PERIOD / 10);
		age = who->now - changed;
		if (age >= PERIOD) {
			secret += age < 2 * PERIOD ? 1 : 2;
			changed = who->now;
		}
		MUST(good(who, h) == (secret < 2));
	}
}

static void check_address(struct stranger *who, const struct kdtls_hello *h)
{
	/* The port is at the same place in both families. */
	who->in.sin_port ^= htons(1);
	MUST(!good(who, h));
	who->in.sin_port ^= htons(1);
	if (who->sa.sa_family == AF_INET)
		who->in.sin_addr.s_addr ^= htonl(1);
	else
		who->in6.sin6_addr.s6_addr[15] ^= 1;
	MUST(!good(who, h));
}

static void check_cookie(const struct kdtls_hello *h, u8 how, u8 when, u16 which,
			 const u8 *data)
{
	struct stranger who = { .now = when };

	who.sa.sa_family = how & 4 ? AF_INET6 : AF_INET;
	MUST(!kdtls_cookie_init(&who.jar, PERIOD, 0));
	MUST(!kdtls_cookie_make(&who.jar, who.now, &who.sa, h, who.cookie));
	switch (how % 4) {
	case 0:
		check_answer(&who, h, data);
		break;
	case 1:
		check_change(&who, h, which);
		check_part(&who, h, which % KDTLS_COOKIE_LEN);
		break;
	case 2:
		check_age(&who, h, which);
		break;
	case 3:
		check_address(&who, h);
		break;
	}
}

void fuzz_one(const u8 *data, size_t len)
{
	struct fuzz_input in = { data, len };
	u8 how = (u8)fuzz_take(&in, 1), when = (u8)fuzz_take(&in, 1);
	u16 which = (u16)fuzz_take(&in, 2);
	u8 *datagram = fuzz_copy(in.p, in.left);
	struct kdtls_hello hello;

	if (!kdtls_hello_parse(&hello, datagram, in.left))
		check_cookie(&hello, how, when, which, datagram);
	fuzz_free(datagram);
}

void fuzz_seeds(void)
{
	struct fuzz_output out = { .len = 0 };
	size_t i;
	u8 how;

	for (i = 0; i < CLIENT_HELLOS; i++)
		for (how = 0; how < 8; how++) {
			fuzz_put(&out, how, 1);
			fuzz_put(&out, 7, 1);
			fuzz_put(&out, 10 | 10 << 5, 2);
			client_hello(&out, i);
			fuzz_put_seed(&out);
		}
}
