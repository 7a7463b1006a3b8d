// SPDX-License-Identifier: GPL-2.0
/* Limits for each source, and what is counted of refusals. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "endpoint.h"
#include "pair.h"
#include "world.h"

/* ---- clients of an address ---- */

static const char *from;

static void bind_from(int fd)
{
	struct sockaddr_in in = { .sin_family = AF_INET };

	if (!from)
		return;
	inet_pton(AF_INET, from, &in.sin_addr);
	from = NULL;
	CHECK(!bind(fd, (struct sockaddr *)&in, sizeof(in)));
}

static void begin(struct world *w, const char *address)
{
	from = address;
	fake_before_connect = bind_from;
	NEED(!kdtls_endpoint_connect(w->client, "127.0.0.1", w->port, &w->s));
	CHECK(!from);
	fake_before_connect = NULL;
}

static bool opens(struct world *w, const char *address)
{
	int opened = w->opened;
	long until = ms() + 5000;

	begin(w, address);
	while (w->opened == opened && w->s && ms() < until)
		turn(w);
	return w->opened > opened;
}

static u64 dropped(struct world *w)
{
	struct kdtls_endpoint_info i;

	kdtls_endpoint_info(w->server, &i, sizeof(i));
	return i.dropped_source;
}

/* ---- tests ---- */

static void sessions(void)
{
	struct kdtls_config *server, *client;
	struct world w = { .sessions = 0 };
	struct kdtls_session *first;

	use_kernel(true);
	server = server_config(&w, KDTLS_OFFLOAD_AUTO);
	client = client_config(&w, KDTLS_OFFLOAD_OFF);
	CHECK_EQ(kdtls_config_set_max_source_sessions(server, 2), 0);
	kdtls_config_set_handshake_timeout(client, 1500);
	NEED(world_open(&w, server, client, "127.0.0.1"));
	CHECK(opens(&w, "127.0.0.5"));
	first = w.s;
	CHECK(opens(&w, "127.0.0.5"));
	CHECK_EQ(dropped(&w), 0);

	/* Silence, also about why. */
	CHECK(!opens(&w, "127.0.0.5"));
	CHECK_EQ(w.close_err, -ETIMEDOUT);
	CHECK(dropped(&w) >= 1);
	CHECK_EQ(w.sessions, 2);
	/* It is nobody else's limit. */
	CHECK(opens(&w, "127.0.0.6"));

	/* Who leaves makes room. */
	w.closed = 0;
	CHECK(!kdtls_close(first));
	UNTIL(&w, w.closed == 2);
	CHECK(opens(&w, "127.0.0.5"));
	CHECK(!opens(&w, "127.0.0.5"));

	CHECK_EQ(w.server->origins.n, 2);
	kdtls_endpoint_close(w.client);
	w.closed = 0;
	UNTIL(&w, w.closed == 6);
	CHECK_EQ(w.server->origins.n, 0);
	CHECK(!w.server->origins.hash);
	world_end(&w);
	use_kernel(false);
}

static ssize_t nobody(struct kdtls_session *s, const char *identity, void *key,
		      size_t size, void *arg)
{
	return strcmp(identity, "known") ? 0 : 1;
}

/* Handshakes that hang, those with an identity that nobody knows. */
static void handshakes(void)
{
	struct kdtls_config *server, *client;
	struct world w = { .sessions = 0 }, hang = { .sessions = 0 };
	int i;

	server = server_config(&w, KDTLS_OFFLOAD_OFF);
	client = client_config(&w, KDTLS_OFFLOAD_OFF);
	kdtls_config_set_psk_find(server, nobody, NULL);
	kdtls_config_set_handshake_timeout(server, 8000);
	CHECK_EQ(kdtls_config_set_max_source_handshakes(server, 2), 0);
	kdtls_config_set_handshake_timeout(client, 1500);
	NEED(world_open(&w, server, client, "127.0.0.1"));

	client = client_config(&hang, KDTLS_OFFLOAD_OFF);
	kdtls_config_set_psk_identity(client, "unknown", "key", 3);
	NEED(!kdtls_endpoint_new(client, &hang.client));
	kdtls_config_free(client);
	memcpy(hang.port, w.port, sizeof(w.port));
	hang.server = w.server;

	/* Finished ones do not count. */
	for (i = 0; i < 4; i++)
		CHECK(opens(&w, "127.0.0.5"));
	begin(&hang, "127.0.0.5");
	begin(&hang, "127.0.0.5");
	UNTIL(&hang, w.sessions == 6);
	CHECK(!opens(&w, "127.0.0.5"));
	CHECK(dropped(&w) >= 1);
	CHECK(opens(&w, "127.0.0.6"));
	/* When their time is over there is room again. */
	w.closed = 0;
	UNTIL(&hang, w.closed == 2);
	CHECK(opens(&w, "127.0.0.5"));
	kdtls_endpoint_destroy(hang.client);
	world_end(&w);
}

static void prefix_of(const char *address, u8 out[KDTLS_PREFIX_LEN])
{
	struct sockaddr_storage ss = { 0 };
	struct sockaddr_in6 *in6 = (void *)&ss;
	struct sockaddr_in *in = (void *)&ss;

	if (strchr(address, ':')) {
		ss.ss_family = AF_INET6;
		CHECK_EQ(inet_pton(AF_INET6, address, &in6->sin6_addr), 1);
	} else {
		ss.ss_family = AF_INET;
		CHECK_EQ(inet_pton(AF_INET, address, &in->sin_addr), 1);
	}
	kdtls_origin_prefix(&ss, out);
}

static bool same(const char *one, const char *other)
{
	u8 a[KDTLS_PREFIX_LEN], b[KDTLS_PREFIX_LEN];

	prefix_of(one, a);
	prefix_of(other, b);
	return !memcmp(a, b, sizeof(a));
}

static void prefixes(void)
{
	CHECK(same("192.0.2.1", "192.0.2.1"));
	CHECK(!same("192.0.2.1", "192.0.2.2"));
	CHECK(!same("192.0.2.1", "193.0.2.1"));
	/* A socket for both families sees IPv4 like this: not one /64. */
	CHECK(same("192.0.2.1", "::ffff:192.0.2.1"));
	CHECK(!same("::ffff:192.0.2.1", "::ffff:192.0.2.2"));
	CHECK(same("2001:db8:1:2::1", "2001:db8:1:2:ffff:ffff:ffff:ffff"));
	CHECK(!same("2001:db8:1:2::1", "2001:db8:1:3::1"));
	CHECK(!same("2001:db8:1:2::1", "2002:db8:1:2::1"));
	CHECK(!same("::1", "0.0.0.0"));
	/* IPv4 behind a translator. */
	CHECK(same("64:ff9b::192.0.2.1", "64:ff9b::192.0.2.1"));
	CHECK(!same("64:ff9b::192.0.2.1", "64:ff9b::192.0.2.2"));
	CHECK(same("64:ff9b:1::1", "64:ff9b:1::2"));
}

/* More sources than the table has at first; ASan sees what is left. */
static void many(void)
{
	static struct kdtls_session s[1000];
	struct world w = { .sessions = 0 };
	struct kdtls_config *server;
	struct sockaddr_in *in;
	int i;

	server = server_config(&w, KDTLS_OFFLOAD_OFF);
	kdtls_config_set_max_source_sessions(server, 1);
	NEED(world_open(&w, server, client_config(&w, KDTLS_OFFLOAD_OFF),
			"127.0.0.1"));
	for (i = 0; i < 1000; i++) {
		in = (void *)&s[i].peer;
		in->sin_family = AF_INET;
		in->sin_addr.s_addr = htonl(0x0a000000 + (u32)i * 3);
		CHECK(kdtls_origin_may(w.server, &s[i].peer));
		CHECK_EQ(kdtls_origin_add(w.server, &s[i]), 0);
	}
	CHECK_EQ(w.server->origins.n, 1000);
	CHECK(w.server->origins.size >= 1000);
	for (i = 0; i < 1000; i++)
		CHECK(!kdtls_origin_may(w.server, &s[i].peer));
	for (i = 0; i < 1000; i += 2)
		kdtls_origin_del(w.server, &s[i]);
	for (i = 0; i < 1000; i++)
		CHECK_EQ(kdtls_origin_may(w.server, &s[i].peer), !(i % 2));
	for (i = 1; i < 1000; i += 2)
		kdtls_origin_del(w.server, &s[i]);
	CHECK_EQ(w.server->origins.n, 0);
	world_end(&w);
}

static void ranges(void)
{
	struct kdtls_config *config = kdtls_config_new();

	CHECK_EQ(kdtls_config_set_max_source_sessions(config, 0x80000000),
		 -EINVAL);
	CHECK_EQ(kdtls_config_set_max_source_handshakes(config, 0x80000000),
		 -EINVAL);
	CHECK_EQ(kdtls_config_set_max_source_sessions(config, 0), 0);
	CHECK_EQ(kdtls_config_set_max_source_handshakes(config, 0x7fffffff), 0);
	kdtls_config_free(config);
}

/* ---- the other refusals ---- */

static void cookies(void)
{
	struct world w = { .sessions = 0 };
	struct kdtls_endpoint_info i;
	struct sockaddr_in in = {
		.sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	u8 answer[2048];
	struct pair p;
	ssize_t len;
	int fd;

	NEED(world_new(&w, KDTLS_OFFLOAD_OFF, KDTLS_OFFLOAD_OFF));
	pair_init(&p, "ECDHE-ECDSA-AES128-GCM-SHA256", "EC");
	pair_connect(&p, NULL);
	SSL_do_handshake(p.client.ssl);
	fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
	in.sin_port = htons((uint16_t)atoi(w.port));
	NEED(!connect(fd, (struct sockaddr *)&in, sizeof(in)));
	CHECK(send(fd, p.client.last, p.client.last_len, 0) > 0);
	kdtls_dispatch(w.server, 100);
	len = recv(fd, answer, sizeof(answer), 0);
	NEED(len > 40);
	/* Another cookie than the one that was given. */
	answer[len - 1] ^= 1;
	kdtls_queue_put(&p.client.inbox, answer, (size_t)len);
	pair_step(&p.client);
	CHECK(send(fd, p.client.last, p.client.last_len, 0) > 0);
	kdtls_dispatch(w.server, 100);
	kdtls_endpoint_info(w.server, &i, sizeof(i));
	CHECK_EQ(i.cookies_refused, 1);
	CHECK_EQ(i.cookies_sent, 2);
	CHECK_EQ(w.sessions, 0);

	/* As one gets it at the socket of a peer, when the listener has gone. */
	w.server->info.closing = 1;
	CHECK(send(fd, p.client.last, p.client.last_len, 0) > 0);
	kdtls_dispatch(w.server, 100);
	kdtls_endpoint_info(w.server, &i, sizeof(i));
	CHECK_EQ(i.dropped_closing, 1);
	CHECK_EQ(i.cookies_sent, 2);
	close(fd);
	pair_free(&p);
	world_end(&w);
}

static const struct tap_test tests[] = {
	{ "sessions of one source", sessions },
	{ "handshakes of one source", handshakes },
	{ "what one source is", prefixes },
	{ "many sources", many },
	{ "ranges", ranges },
	{ "a cookie of nobody's, and an endpoint that closes", cookies },
};

int main(void)
{
	world_begin();
	return tap_run(tests, sizeof(tests) / sizeof(tests[0]));
}
