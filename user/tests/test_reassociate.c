// SPDX-License-Identifier: GPL-2.0
/*
 * Re-association: clients that come from one address and port, one behind the other,
 * and those who only pretend to (RFC 6347 section 4.2.8). All speak through a proxy,
 * which is one peer for the server.
 */
#include <string.h>

#include <linux/kdtls.h>

#include "hello.h"
#include "world.h"

/* The numbers take a while: this many for each kind of carrier. */
#define TIMES 40


static u8 hellos[4][2048];
static size_t hello_len[4];
static int n_hellos;

/* Keep the ClientHellos that pass by. */
static bool keep_hello(const u8 *buf, size_t len)
{
	struct kdtls_hello hello;

	if (n_hellos < 4 && !kdtls_hello_parse(&hello, buf, len)) {
		memcpy(hellos[n_hellos], buf, len);
		hello_len[n_hellos++] = len;
	}
	return false;
}

/* The peer that sends a ClientHello with its cookie and no more. */
static bool stop_behind_hello(const u8 *buf, size_t len)
{
	struct kdtls_hello hello;

	return kdtls_hello_parse(&hello, buf, len);
}

static bool begin(struct world *w, struct proxy *x, enum kdtls_offload offload)
{
	use_kernel(true);
	memset(x, 0, sizeof(*x));
	n_hellos = 0;
	if (!world_new(w, offload, KDTLS_OFFLOAD_OFF) || proxy_open(x, w->port))
		return false;
	x->many = true;
	w->proxy = x;
	return true;
}

static void end(struct world *w, struct proxy *x)
{
	world_end(w);
	proxy_close(x);
	use_kernel(false);
}

/* The client is gone without a word; another one will come from the same place. */
static void vanish(struct world *w)
{
	CHECK(!kdtls_endpoint_destroy(w->client));
	w->client = NULL;
	w->s = NULL;
}

static bool another_client(struct world *w)
{
	struct kdtls_config *config = client_config(w, KDTLS_OFFLOAD_OFF);
	int err = kdtls_endpoint_new(config, &w->client);

	kdtls_config_free(config);
	return !err;
}

static struct kdtls_endpoint_info server_info(struct world *w)
{
	struct kdtls_endpoint_info i;

	kdtls_endpoint_info(w->server, &i, sizeof(i));
	return i;
}

static struct kdtls_session_info peer_info(struct world *w)
{
	struct kdtls_session_info i;

	kdtls_session_info(w->peer, &i, sizeof(i));
	return i;
}

static void for_carrier(enum kdtls_offload offload, int times)
{
	struct world w = { .echo_off = false };
	struct proxy x;
	int i;

	NEED(begin(&w, &x, offload));
	NEED(world_connect(&w));
	echo(&w, 100);
	CHECK_EQ(peer_info(&w).reassociated, 0);
	for (i = 1; i <= times && !tap_failed; i++) {
		vanish(&w);
		NEED(another_client(&w));
		NEED(world_connect(&w));
		echo(&w, 100);
		echo(&w, 1);
		CHECK_EQ(w.closed, i);
		CHECK_EQ(w.server_close_err, -ECONNABORTED);
		CHECK_EQ(peer_info(&w).reassociated, 1);
		CHECK_EQ(peer_info(&w).offloaded, offload != KDTLS_OFFLOAD_OFF);
		CHECK_EQ(server_info(&w).session_count, 1);
		CHECK_EQ(server_info(&w).reassociations, i);
	}
	CHECK_EQ(w.errors, 0);
	CHECK_EQ(server_info(&w).handshakes_failed, 0);
	end(&w, &x);
}

static void in_kernel(void)
{
	for_carrier(KDTLS_OFFLOAD_REQUIRE, TIMES);
}

static void in_openssl(void)
{
	for_carrier(KDTLS_OFFLOAD_OFF, TIMES);
}

/* What has no cookie, or another's, gets an answer that is no larger, and no more. */
static void forge(struct world *w, struct proxy *x, int times)
{
	u8 hello[2048];
	int i;

	for (i = 0; i < times; i++) {
		memcpy(hello, hellos[0], hello_len[0]);
		/* The random begins behind record header, message header, version. */
		memcpy(hello + 13 + 12 + 2, &i, sizeof(i));
		CHECK_EQ(send(x->back, hello, hello_len[0], 0), hello_len[0]);
		turn(w);
	}
}

static void forged(enum kdtls_offload offload)
{
	struct world w = { .echo_off = false };
	struct kdtls_endpoint_info before;
	struct proxy x;

	NEED(begin(&w, &x, offload));
	x.lose = keep_hello;
	NEED(world_connect(&w));
	CHECK_EQ(n_hellos, 2);
	before = server_info(&w);
	forge(&w, &x, 1000);
	echo(&w, 1000);
	UNTIL(&w, server_info(&w).cookies_sent - before.cookies_sent == 1000);
	CHECK_EQ(server_info(&w).server_sessions, 1);
	CHECK_EQ(server_info(&w).session_count, 1);
	CHECK_EQ(w.sessions, 1);
	CHECK_EQ(w.closed, 0);

	/* Its own ClientHellos, come again, are nothing new. */
	before = server_info(&w);
	CHECK(send(x.back, hellos[0], hello_len[0], 0) > 0);
	CHECK(send(x.back, hellos[1], hello_len[1], 0) > 0);
	echo(&w, 10);
	CHECK_EQ(server_info(&w).cookies_sent, before.cookies_sent);
	CHECK_EQ(server_info(&w).server_sessions, 1);
	end(&w, &x);
}

static void forged_kernel(void)
{
	forged(KDTLS_OFFLOAD_REQUIRE);
}

static void forged_openssl(void)
{
	forged(KDTLS_OFFLOAD_OFF);
}

/*
 * Somebody on the path can finish the cookie exchange, but not the handshake. The
 * session goes on beside it, and when it is over as well.
 */
static void unfinished(enum kdtls_offload offload)
{
	struct world w = { .echo_off = false };
	struct kdtls_endpoint *first;
	struct kdtls_session *s;
	struct proxy x;

	NEED(begin(&w, &x, offload));
	NEED(world_connect(&w));
	first = w.client;
	s = w.s;
	NEED(another_client(&w));
	x.lose = stop_behind_hello;
	NEED(!kdtls_endpoint_connect(w.client, "127.0.0.1", x.port, &w.s));
	UNTIL(&w, w.sessions == 2);
	CHECK_EQ(server_info(&w).session_count, 2);
	CHECK(!kdtls_endpoint_destroy(w.client));

	/* The first one, which the proxy knows again by its next datagram. */
	x.lose = NULL;
	w.client = first;
	w.s = s;
	echo(&w, 500);
	CHECK_EQ(w.closed, 0);
	/* It begins a third time, and the second try is given up. */
	vanish(&w);
	NEED(another_client(&w));
	NEED(world_connect(&w));
	echo(&w, 100);
	CHECK_EQ(w.closed, 2);
	CHECK_EQ(server_info(&w).session_count, 1);
	CHECK_EQ(server_info(&w).handshakes_failed, 1);
	end(&w, &x);
}

static void unfinished_kernel(void)
{
	unfinished(KDTLS_OFFLOAD_REQUIRE);
}

static void unfinished_openssl(void)
{
	unfinished(KDTLS_OFFLOAD_OFF);
}

/* The new handshake times out: nothing has happened. */
static void given_up(void)
{
	struct world w = { .echo_off = false };
	struct kdtls_config *server, *client;
	struct kdtls_endpoint *first;
	struct kdtls_session *s;
	struct proxy x;

	use_kernel(true);
	memset(&x, 0, sizeof(x));
	server = server_config(&w, KDTLS_OFFLOAD_REQUIRE);
	kdtls_config_set_handshake_timeout(server, 1500);
	client = client_config(&w, KDTLS_OFFLOAD_OFF);
	NEED(world_open(&w, server, client, "127.0.0.1"));
	NEED(!proxy_open(&x, w.port));
	x.many = true;
	w.proxy = &x;
	NEED(world_connect(&w));
	first = w.client;
	s = w.s;
	NEED(another_client(&w));
	x.lose = stop_behind_hello;
	NEED(!kdtls_endpoint_connect(w.client, "127.0.0.1", x.port, &w.s));
	UNTIL(&w, w.sessions == 2);
	CHECK(!kdtls_endpoint_destroy(w.client));
	x.lose = NULL;
	w.client = first;
	w.s = s;
	UNTIL(&w, w.closed == 1);
	CHECK_EQ(w.server_close_err, -ETIMEDOUT);
	echo(&w, 500);
	CHECK_EQ(server_info(&w).session_count, 1);
	end(&w, &x);
}

/* Whoever starts again in the midst of a handshake need not wait for its end. */
static void restarted(enum kdtls_offload offload)
{
	struct world w = { .echo_off = false };
	struct proxy x;

	NEED(begin(&w, &x, offload));
	x.lose = stop_behind_hello;
	NEED(!kdtls_endpoint_connect(w.client, "127.0.0.1", x.port, &w.s));
	UNTIL(&w, w.sessions == 1);
	vanish(&w);
	x.lose = NULL;
	NEED(another_client(&w));
	NEED(world_connect(&w));
	echo(&w, 100);
	CHECK_EQ(w.closed, 1);
	CHECK_EQ(w.server_close_err, -ECONNABORTED);
	CHECK_EQ(server_info(&w).session_count, 1);
	CHECK_EQ(server_info(&w).reassociations, 0);
	end(&w, &x);
}

static void restarted_kernel(void)
{
	restarted(KDTLS_OFFLOAD_REQUIRE);
}

static void restarted_openssl(void)
{
	restarted(KDTLS_OFFLOAD_OFF);
}

static struct kdtls_session *victim;

static void close_victim(struct world *w, struct kdtls_session *s)
{
	CHECK(!kdtls_close(victim));
	victim = NULL;
}

/* The program closes the old session while the new one is on its way. */
static void closed_meanwhile(enum kdtls_offload offload)
{
	struct world w = { .echo_off = false };
	struct proxy x;

	NEED(begin(&w, &x, offload));
	NEED(world_connect(&w));
	victim = w.peer;
	vanish(&w);
	NEED(another_client(&w));
	x.lose = stop_behind_hello;
	NEED(!kdtls_endpoint_connect(w.client, "127.0.0.1", x.port, &w.s));
	UNTIL(&w, w.sessions == 2);
	close_victim(&w, NULL);
	x.lose = NULL;
	UNTIL(&w, w.opened == 2 && w.server_opened == 2);
	CHECK_EQ(w.closed, 1);
	CHECK_EQ(w.server_close_err, 0);
	echo(&w, 100);
	CHECK_EQ(server_info(&w).session_count, 1);
	CHECK_EQ(server_info(&w).reassociations, 0);
	end(&w, &x);
}

static void closed_meanwhile_kernel(void)
{
	closed_meanwhile(KDTLS_OFFLOAD_REQUIRE);
}

static void closed_meanwhile_openssl(void)
{
	closed_meanwhile(KDTLS_OFFLOAD_OFF);
}

/* From the kernel to OpenSSL and back. */
static void other_carrier(void)
{
	struct world w = { .echo_off = false };
	struct proxy x;
	int i;

	if (have_kernel) {
		printf("# only a pretended kernel can be made to fail\n");
		return;
	}
	NEED(begin(&w, &x, KDTLS_OFFLOAD_AUTO));
	NEED(world_connect(&w));
	CHECK_EQ(peer_info(&w).offloaded, 1);
	for (i = 0; i < 4; i++) {
		vanish(&w);
		if (i % 2 == 0)
			fake_fail_rx = ENOENT;
		NEED(another_client(&w));
		NEED(world_connect(&w));
		CHECK_EQ(peer_info(&w).offloaded, i % 2);
		echo(&w, 100);
		CHECK_EQ(w.server_close_err, -ECONNABORTED);
		CHECK_EQ(server_info(&w).session_count, 1);
	}
	end(&w, &x);
}

/* Busy is for those who are not here yet. */
static void busy(void)
{
	struct world w = { .echo_off = false };
	struct proxy x;

	NEED(begin(&w, &x, KDTLS_OFFLOAD_REQUIRE));
	NEED(world_connect(&w));
	kdtls_endpoint_set_busy(w.server, 1);
	vanish(&w);
	NEED(another_client(&w));
	NEED(world_connect(&w));
	echo(&w, 100);
	end(&w, &x);
}

static const struct tap_test tests[] = {
	{ "new sessions in the place of old ones, kernel", in_kernel },
	{ "new sessions in the place of old ones, OpenSSL", in_openssl },
	{ "forged ClientHellos change nothing, kernel", forged_kernel },
	{ "forged ClientHellos change nothing, OpenSSL", forged_openssl },
	{ "a handshake that stops behind its cookie, kernel", unfinished_kernel },
	{ "a handshake that stops behind its cookie, OpenSSL", unfinished_openssl },
	{ "a new handshake that is given up", given_up },
	{ "a client that starts again, kernel", restarted_kernel },
	{ "a client that starts again, OpenSSL", restarted_openssl },
	{ "the old session is closed meanwhile, kernel", closed_meanwhile_kernel },
	{ "the old session is closed meanwhile, OpenSSL", closed_meanwhile_openssl },
	{ "another carrier than before", other_carrier },
	{ "a live peer of a busy server", busy },
};

int main(void)
{
	world_begin();
	return tap_run(tests, sizeof(tests) / sizeof(tests[0]));
}
