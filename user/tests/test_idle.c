// SPDX-License-Identifier: GPL-2.0
/* The idle timeout. */
#include <errno.h>
#include <string.h>

#include "world.h"

static bool open_world(struct world *w, unsigned int server_ms,
		       unsigned int client_ms, enum kdtls_offload offload)
{
	struct kdtls_config *server = server_config(w, offload);
	struct kdtls_config *client = client_config(w, offload);

	CHECK_EQ(kdtls_config_set_idle_timeout(server, server_ms), 0);
	CHECK_EQ(kdtls_config_set_idle_timeout(client, client_ms), 0);
	return world_open(w, server, client, "127.0.0.1") && world_connect(w);
}

static void for_ms(struct world *w, long time)
{
	long until = ms() + time;

	while (ms() < until)
		turn(w);
}

/* The server's program does something else. */
static void for_ms_alone(struct world *w, long time)
{
	long until = ms() + time;

	while (ms() < until)
		kdtls_dispatch(w->client, 10);
}

static void closed_by(bool server, enum kdtls_offload offload)
{
	struct kdtls_endpoint_info i;
	struct world w = { .sessions = 0 };
	long began;

	use_kernel(true);
	began = ms();
	NEED(open_world(&w, server ? 300 : 0, server ? 0 : 300, offload));
	UNTIL(&w, w.closed == 2);
	CHECK(ms() - began >= 290);
	/* Who was idle knows why; the other one sees a session that is closed. */
	CHECK_EQ(w.server_close_err, server ? -ETIME : 0);
	CHECK_EQ(w.close_err, server ? 0 : -ETIME);
	CHECK_EQ(w.errors, 1);
	CHECK(strstr(w.error, "300 ms"));
	kdtls_endpoint_info(server ? w.server : w.client, &i, sizeof(i));
	CHECK_EQ(i.idle_closed, 1);
	CHECK_EQ(i.session_count, 0);
	CHECK_EQ(i.handshakes_failed, 0);
	world_end(&w);
	use_kernel(false);
}

static void closes(void)
{
	closed_by(true, KDTLS_OFFLOAD_OFF);
	closed_by(false, KDTLS_OFFLOAD_OFF);
	closed_by(true, KDTLS_OFFLOAD_REQUIRE);
	closed_by(false, KDTLS_OFFLOAD_REQUIRE);
}

/* Either direction keeps a session open, an empty record as well. */
static void kept_open(enum kdtls_offload offload, bool echoes)
{
	struct world w = { .echo_off = !echoes };
	size_t len;
	int i;

	use_kernel(true);
	NEED(open_world(&w, 1500, 1500, offload));
	for (i = 0; i < 6; i++) {
		for_ms(&w, 300);
		NEED(w.s);
		/* OpenSSL has no empty records. */
		len = offload == KDTLS_OFFLOAD_OFF || i % 2;
		CHECK_EQ(kdtls_send(w.s, "x", len), len);
	}
	CHECK_EQ(w.closed, 0);
	UNTIL(&w, w.closed == 2);
	world_end(&w);
	use_kernel(false);
}

static void data_keeps_open(void)
{
	kept_open(KDTLS_OFFLOAD_OFF, true);
	kept_open(KDTLS_OFFLOAD_OFF, false);
	kept_open(KDTLS_OFFLOAD_REQUIRE, true);
	kept_open(KDTLS_OFFLOAD_REQUIRE, false);
}

/* A flight that is still answerable has its own time. */
static void flight_and_idle(void)
{
	struct kdtls_config *server;
	struct world w = { .sessions = 0 };
	struct kdtls_session_info i;

	use_kernel(true);
	server = server_config(&w, KDTLS_OFFLOAD_REQUIRE);
	kdtls_config_set_flight_time(server, 100);
	kdtls_config_set_idle_timeout(server, 500);
	NEED(world_open(&w, server, client_config(&w, KDTLS_OFFLOAD_OFF),
			"127.0.0.1"));
	NEED(world_connect(&w));
	for_ms(&w, 250);
	NEED(w.peer);
	kdtls_session_info(w.peer, &i, sizeof(i));
	CHECK_EQ(i.state, KDTLS_SESSION_OPEN);
	UNTIL(&w, w.closed == 2);
	CHECK_EQ(w.server_close_err, -ETIME);
	world_end(&w);
	use_kernel(false);
}

#define CROWD	100	/* more than are served in one turn */

/* A program that was away finds timers that are over and data that came before. */
static void away(void)
{
	struct kdtls_config *server, *client;
	struct kdtls_session *s[CROWD];
	struct world w = { .echo_off = true };
	int i, j;

	server = server_config(&w, KDTLS_OFFLOAD_OFF);
	client = client_config(&w, KDTLS_OFFLOAD_OFF);
	kdtls_config_set_idle_timeout(server, 3000);
	NEED(world_open(&w, server, client, "127.0.0.1"));
	for (i = 0; i < CROWD; i++) {
		CHECK(!kdtls_endpoint_connect(w.client, "127.0.0.1", w.port,
					      &s[i]));
		UNTIL(&w, w.server_opened == i + 1 && w.opened == i + 1);
		/* None is idle before the others are there. */
		for (j = 0; j <= i; j++)
			kdtls_send(s[j], "x", 1);
	}
	for (i = 0; i < CROWD; i++)
		CHECK_EQ(kdtls_send(s[i], "x", 1), 1);
	turn(&w);
	for_ms_alone(&w, 1500);
	for (i = 0; i < CROWD; i++)
		CHECK_EQ(kdtls_send(s[i], "y", 1), 1);
	for_ms_alone(&w, 1800);
	kdtls_dispatch(w.server, 0);
	kdtls_dispatch(w.server, 0);
	CHECK_EQ(w.server_close_err, 0);
	CHECK_EQ(w.closed, 0);
	world_end(&w);
}

static void no_limit(void)
{
	struct kdtls_config *config = kdtls_config_new();
	struct world w = { .sessions = 0 };

	CHECK_EQ(kdtls_config_set_idle_timeout(config, 0x80000000), -EINVAL);
	CHECK_EQ(kdtls_config_set_idle_timeout(config, 0x7fffffff), 0);
	kdtls_config_free(config);
	NEED(open_world(&w, 0, 0, KDTLS_OFFLOAD_OFF));
	for_ms(&w, 500);
	CHECK_EQ(w.closed, 0);
	echo(&w, 10);
	world_end(&w);
}

static const struct tap_test tests[] = {
	{ "an idle session is closed", closes },
	{ "data keeps it open", data_keeps_open },
	{ "the last flight has its own time", flight_and_idle },
	{ "data that came while the program was away", away },
	{ "no limit", no_limit },
};

int main(void)
{
	world_begin();
	return tap_run(tests, sizeof(tests) / sizeof(tests[0]));
}
