// SPDX-License-Identifier: GPL-2.0
/* One server to an address. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <pthread.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "peer.h"
#include "world.h"

static int try_listen(const char *host, const char *port)
{
	struct kdtls_config *config = kdtls_config_new();
	struct kdtls_endpoint *ep = NULL;
	int err;

	pki_config(config);
	err = kdtls_listen(config, host, port, &ep);
	kdtls_config_free(config);
	kdtls_endpoint_destroy(ep);
	return err;
}

static void second(void)
{
	struct world w = { .sessions = 0 };

	NEED(world_new(&w, KDTLS_OFFLOAD_OFF, KDTLS_OFFLOAD_OFF));
	CHECK_EQ(try_listen("127.0.0.1", w.port), -EADDRINUSE);
	CHECK(strstr(kdtls_last_error(), "taken"));
	CHECK_EQ(try_listen("0.0.0.0", w.port), -EADDRINUSE);
	CHECK_EQ(try_listen("127.0.0.2", w.port), 0);

	/* Peers have sockets there, too, which does not change it. */
	NEED(world_connect(&w));
	NEED(world_connect(&w));
	echo(&w, 100);
	CHECK_EQ(try_listen("127.0.0.1", w.port), -EADDRINUSE);

	/* Those of a server that closes have it until they are closed. */
	kdtls_endpoint_close(w.server);
	CHECK_EQ(try_listen("127.0.0.1", w.port), -EADDRINUSE);
	UNTIL(&w, w.closed == 4);
	CHECK_EQ(try_listen("127.0.0.1", w.port), 0);
	world_end(&w);
	CHECK_EQ(try_listen("127.0.0.1", w.port), 0);
}

/* A server on any address has each. */
static void any_address(void)
{
	struct world w = { .sessions = 0 };

	NEED(world_open(&w, server_config(&w, KDTLS_OFFLOAD_OFF),
			client_config(&w, KDTLS_OFFLOAD_OFF), "0.0.0.0"));
	CHECK_EQ(try_listen("127.0.0.1", w.port), -EADDRINUSE);
	CHECK_EQ(try_listen("0.0.0.0", w.port), -EADDRINUSE);
	NEED(world_connect(&w));
	echo(&w, 100);
	world_end(&w);
}

/* A name with two addresses: the second one is no way around the first. */
static void two_addresses(void)
{
	struct world w = { .sessions = 0 };

	NEED(world_open(&w, server_config(&w, KDTLS_OFFLOAD_OFF),
			client_config(&w, KDTLS_OFFLOAD_OFF), "two.test"));
	CHECK_EQ(try_listen("two.test", w.port), -EADDRINUSE);
	CHECK_EQ(try_listen("127.0.0.1", w.port), 0);
	world_end(&w);
}

/* Another program's socket, also one that would share. */
static void others_socket(void)
{
	struct sockaddr_in in = {
		.sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	int fd = socket(AF_INET, SOCK_DGRAM, 0), on = 1;
	char port[8];

	peer_free_port(port, sizeof(port));
	in.sin_port = htons((uint16_t)atoi(port));
	setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on));
	NEED(!bind(fd, (struct sockaddr *)&in, sizeof(in)));
	CHECK_EQ(try_listen("127.0.0.1", port), -EADDRINUSE);
	close(fd);
	CHECK_EQ(try_listen("127.0.0.1", port), 0);
}

/* ---- a race ---- */

#define RACERS 4

static char race_port[8];
static pthread_barrier_t start, over;

/* Returns whether it has won. */
static void *racer(void *arg)
{
	struct kdtls_config *config = arg;
	struct kdtls_endpoint *ep = NULL;
	int err;

	pthread_barrier_wait(&start);
	err = kdtls_listen(config, "127.0.0.1", race_port, &ep);
	CHECK(!err || err == -EADDRINUSE);
	pthread_barrier_wait(&over);
	kdtls_endpoint_destroy(ep);
	return err ? NULL : arg;
}

static void race(void)
{
	struct kdtls_config *config = kdtls_config_new();
	int round, i, won;
	pthread_t t[RACERS];
	void *result;

	pki_config(config);
	peer_free_port(race_port, sizeof(race_port));
	pthread_barrier_init(&start, NULL, RACERS);
	pthread_barrier_init(&over, NULL, RACERS);
	for (round = 0; round < 30; round++) {
		won = 0;
		for (i = 0; i < RACERS; i++)
			NEED(!pthread_create(&t[i], NULL, racer, config));
		for (i = 0; i < RACERS; i++) {
			pthread_join(t[i], &result);
			won += !!result;
		}
		CHECK_EQ(won, 1);
	}
	pthread_barrier_destroy(&start);
	pthread_barrier_destroy(&over);
	kdtls_config_free(config);
}

static const struct tap_test tests[] = {
	{ "a second server on an address", second },
	{ "a server on any address", any_address },
	{ "a name with two addresses", two_addresses },
	{ "another program's socket", others_socket },
	{ "servers that begin at once", race },
};

int main(void)
{
	world_begin();
	return tap_run(tests, sizeof(tests) / sizeof(tests[0]));
}
