// SPDX-License-Identifier: GPL-2.0
/* Cookies and the first look at strangers' datagrams. */
#include <arpa/inet.h>
#include <netinet/in.h>

#include "cookie.h"
#include "pair.h"
#include "tap.h"

#define PERIOD 1000

static struct sockaddr_in peer = { .sin_family = AF_INET };

/* A ClientHello of OpenSSL's, and what the first look makes of it. */
static size_t client_hello(u8 *buf)
{
	struct pair p;
	size_t n;

	pair_init(&p, "ALL", "RSA");
	pair_connect(&p, NULL);
	SSL_do_handshake(p.client.ssl);
	n = p.client.last_len;
	memcpy(buf, p.client.last, n);
	pair_free(&p);
	return n;
}

static void rotation(void)
{
	struct sockaddr *sa = (struct sockaddr *)&peer;
	struct kdtls_cookie_jar jar;
	u8 buf[65536], cookie[KDTLS_COOKIE_LEN], later[KDTLS_COOKIE_LEN];
	size_t len = client_hello(buf);
	struct kdtls_hello h;

	peer.sin_port = htons(4444);
	peer.sin_addr.s_addr = htonl(0x0a000001);
	NEED(!kdtls_hello_parse(&h, buf, len));
	NEED(!kdtls_cookie_init(&jar, PERIOD, 5000));
	NEED(!kdtls_cookie_make(&jar, 5000, sa, &h, cookie));
	CHECK(kdtls_cookie_check(&jar, 5000, sa, &h, cookie, sizeof(cookie)));
	CHECK(kdtls_cookie_check(&jar, 5999, sa, &h, cookie, sizeof(cookie)));

	/* One period on: another secret makes cookies, the old one still counts. */
	NEED(!kdtls_cookie_make(&jar, 6000, sa, &h, later));
	CHECK(memcmp(cookie, later, sizeof(cookie)));
	CHECK(kdtls_cookie_check(&jar, 6000, sa, &h, cookie, sizeof(cookie)));
	CHECK(kdtls_cookie_check(&jar, 6000, sa, &h, later, sizeof(later)));
	CHECK(kdtls_cookie_check(&jar, 6999, sa, &h, cookie, sizeof(cookie)));

	/* Two on: gone. The later one lives its own two. */
	CHECK(!kdtls_cookie_check(&jar, 7000, sa, &h, cookie, sizeof(cookie)));
	CHECK(kdtls_cookie_check(&jar, 7000, sa, &h, later, sizeof(later)));

	/* After a long silence it is old, though only one rotation is seen. */
	NEED(!kdtls_cookie_make(&jar, 7000, sa, &h, later));
	CHECK(kdtls_cookie_check(&jar, 7001, sa, &h, later, sizeof(later)));
	CHECK(!kdtls_cookie_check(&jar, 90000, sa, &h, later, sizeof(later)));
}

static void binding(void)
{
	struct sockaddr *sa = (struct sockaddr *)&peer;
	struct kdtls_cookie_jar jar, other;
	u8 buf[65536], changed[65536], cookie[KDTLS_COOKIE_LEN];
	size_t len = client_hello(buf);
	struct kdtls_hello h, g;

	peer.sin_port = htons(4444);
	peer.sin_addr.s_addr = htonl(0x0a000001);
	NEED(!kdtls_hello_parse(&h, buf, len));
	NEED(!kdtls_cookie_init(&jar, PERIOD, 0));
	NEED(!kdtls_cookie_init(&other, PERIOD, 0));
	NEED(!kdtls_cookie_make(&jar, 1, sa, &h, cookie));

	/* Another server, another port, another host, another length. */
	CHECK(!kdtls_cookie_check(&other, 1, sa, &h, cookie, sizeof(cookie)));
	peer.sin_port = htons(4445);
	CHECK(!kdtls_cookie_check(&jar, 1, sa, &h, cookie, sizeof(cookie)));
	peer.sin_port = htons(4444);
	peer.sin_addr.s_addr = htonl(0x0a000002);
	CHECK(!kdtls_cookie_check(&jar, 1, sa, &h, cookie, sizeof(cookie)));
	peer.sin_addr.s_addr = htonl(0x0a000001);
	CHECK(!kdtls_cookie_check(&jar, 1, sa, &h, cookie, 31));
	CHECK(!kdtls_cookie_check(&jar, 1, sa, &h, cookie, 0));

	/* Another random, another list of cipher suites. */
	memcpy(changed, buf, len);
	NEED(!kdtls_hello_parse(&g, changed, len));
	changed[KDTLS_HEADER_LEN + 12 + 2] ^= 1;
	CHECK(!kdtls_cookie_check(&jar, 1, sa, &g, cookie, sizeof(cookie)));
	memcpy(changed, buf, len);
	changed[g.tail + 2 - changed] ^= 1;
	CHECK(!kdtls_cookie_check(&jar, 1, sa, &g, cookie, sizeof(cookie)));
	/* Another session id is the client's affair. */
	memcpy(changed, buf, len);
	changed[g.head + KDTLS_HELLO_FIXED - changed] ^= 1;
	CHECK(kdtls_cookie_check(&jar, 1, sa, &g, cookie, sizeof(cookie)));
}

/* Cut anywhere, a ClientHello is none. */
static void cut_hello(void)
{
	u8 buf[65536], *exact;
	size_t len = client_hello(buf), n;
	struct kdtls_hello h;

	CHECK(!kdtls_hello_parse(&h, buf, len));
	CHECK_EQ(h.cookie_len, 0);
	for (n = 0; n < len; n++) {
		/* Of its own size, so that reading on is seen. */
		exact = malloc(n ? n : 1);
		memcpy(exact, buf, n);
		CHECK(kdtls_hello_parse(&h, exact, n));
		free(exact);
	}
}

static void other_records(void)
{
	u8 buf[65536];
	size_t len = client_hello(buf);
	struct kdtls_hello h;
	static const struct {
		size_t	at;
		u8	value;
	} no[] = {
		{ 0, 23 },	/* not a handshake record */
		{ 0, 21 },
		{ 1, 3 },	/* TLS */
		{ 4, 1 },	/* epoch 1 */
		{ 13, 2 },	/* a ServerHello */
		{ 21, 1 },	/* a fragment that does not begin at 0 */
		{ 24, 1 },	/* a fragment shorter than the message */
		{ 25, 3 },	/* client_version of TLS */
	};
	size_t i;
	u8 was;

	for (i = 0; i < sizeof(no) / sizeof(no[0]); i++) {
		was = buf[no[i].at];
		buf[no[i].at] = no[i].value;
		CHECK(kdtls_hello_parse(&h, buf, len));
		buf[no[i].at] = was;
	}
	CHECK(!kdtls_hello_parse(&h, buf, len));
}

/* Whatever comes: no reading past the end. ASan is the judge. */
static void noise(void)
{
	u8 buf[65536], *exact;
	size_t len = client_hello(buf), i;
	struct kdtls_hello h;
	int round;

	srand(1);
	exact = malloc(len);
	for (round = 0; round < 20000; round++) {
		memcpy(exact, buf, len);
		for (i = 0; i < 3; i++)
			exact[(size_t)rand() % len] = (u8)rand();
		if (!kdtls_hello_parse(&h, exact, len)) {
			CHECK(h.head_len >= 35 && h.tail_len >= 6 - 2);
			CHECK(h.tail + h.tail_len <= exact + len);
			CHECK(h.cookie + h.cookie_len <= exact + len);
		}
	}
	free(exact);
}

static const struct tap_test tests[] = {
	{ "a secret is good for two periods", rotation },
	{ "a cookie is one peer's and one ClientHello's", binding },
	{ "a ClientHello that is cut", cut_hello },
	{ "records that are no ClientHello", other_records },
	{ "noise", noise },
};

TAP_MAIN(tests)
