// SPDX-License-Identifier: GPL-2.0
/* Where clients connect from. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <unistd.h>

#include "peer.h"
#include "world.h"

static const struct sockaddr_in *local_of(struct kdtls_session *s,
					  struct kdtls_session_info *info)
{
	kdtls_session_info(s, info, sizeof(*info));
	return (const struct sockaddr_in *)&info->local;
}

/* A world whose client is bound. */
static bool bound_world(struct world *w, const char *host, const char *service,
			const char *server_at)
{
	struct kdtls_config *server = server_config(w, KDTLS_OFFLOAD_OFF);
	struct kdtls_config *client = client_config(w, KDTLS_OFFLOAD_OFF);

	CHECK_EQ(kdtls_config_set_bind(client, host, service), 0);
	return world_open(w, server, client, server_at);
}

static void an_address(void)
{
	struct kdtls_session_info info;
	struct world w = { 0 };

	NEED(bound_world(&w, "127.0.0.77", NULL, "127.0.0.1"));
	CHECK(world_connect(&w));
	CHECK_EQ(local_of(w.s, &info)->sin_addr.s_addr, inet_addr("127.0.0.77"));
	echo(&w, 100);
	/* The server sees it; another session has another port. */
	kdtls_session_info(w.peer, &info, sizeof(info));
	CHECK_EQ(((struct sockaddr_in *)&info.peer)->sin_addr.s_addr,
		 inet_addr("127.0.0.77"));
	CHECK(world_connect(&w));
	echo(&w, 100);
	world_end(&w);
}

static void a_port(void)
{
	struct kdtls_session_info info;
	struct kdtls_session *s = NULL;
	struct world w = { 0 };
	char port[8];

	peer_free_port(port, sizeof(port));
	NEED(bound_world(&w, NULL, port, "127.0.0.1"));
	CHECK(world_connect(&w));
	CHECK_EQ(ntohs(local_of(w.s, &info)->sin_port), atoi(port));
	echo(&w, 100);

	/* A second one at the same time cannot have it, and it says so. */
	CHECK_EQ(kdtls_endpoint_connect(w.client, "127.0.0.1", w.port, &s),
		 -EADDRINUSE);
	CHECK(strstr(kdtls_last_error(), "cannot bind to the local address * port"));
	CHECK(!s);
	/* Behind the first it can. */
	kdtls_close(w.s);
	UNTIL(&w, w.closed == 2);
	NEED(world_connect(&w));
	CHECK_EQ(ntohs(local_of(w.s, &info)->sin_port), atoi(port));
	world_end(&w);
}

/* The first address of two.test refuses; the port stays. */
static void next_address(void)
{
	struct kdtls_session_info info;
	struct kdtls_session *s = NULL;
	struct world w = { 0 };
	char port[8];

	peer_free_port(port, sizeof(port));
	NEED(bound_world(&w, NULL, port, "127.0.0.1"));
	CHECK_EQ(kdtls_endpoint_connect(w.client, "two.test", w.port, &s), 0);
	UNTIL(&w, w.opened || w.closed);
	NEED(w.opened);
	CHECK_EQ(ntohs(local_of(s, &info)->sin_port), atoi(port));
	CHECK_EQ(((struct sockaddr_in *)&info.peer)->sin_addr.s_addr,
		 inet_addr("127.0.0.1"));
	world_end(&w);
}

static void six(void)
{
	struct kdtls_session_info info;
	struct world w = { 0 };
	char port[8];

	peer_free_port(port, sizeof(port));
	NEED(bound_world(&w, "::1", port, "::1"));
	CHECK_EQ(kdtls_endpoint_connect(w.client, "::1", w.port, &w.s), 0);
	UNTIL(&w, w.opened);
	local_of(w.s, &info);
	CHECK_EQ(info.local.ss_family, AF_INET6);
	CHECK_EQ(ntohs(((struct sockaddr_in6 *)&info.local)->sin6_port),
		 atoi(port));
	world_end(&w);
}

static int connect_from(const char *host, const char *service)
{
	struct kdtls_session *s = NULL;
	struct world w = { 0 };
	int err;

	if (!bound_world(&w, host, service, "127.0.0.1"))
		return 0;
	err = kdtls_endpoint_connect(w.client, "127.0.0.1", w.port, &s);
	CHECK(!s);
	world_end(&w);
	return err;
}

static void cannot_be(void)
{
	struct kdtls_config *config = kdtls_config_new();
	struct kdtls_endpoint *ep;

	CHECK_EQ(connect_from("192.0.2.1", NULL), -EADDRNOTAVAIL);
	CHECK(strstr(kdtls_last_error(), "192.0.2.1"));
	CHECK_EQ(connect_from("::1", NULL), -EADDRNOTAVAIL);
	CHECK_EQ(connect_from("no such host", NULL), -EADDRNOTAVAIL);
	CHECK_EQ(connect_from(NULL, "no such service"), -EADDRNOTAVAIL);
	CHECK(strstr(kdtls_last_error(), "no such service"));

	CHECK_EQ(kdtls_config_set_bind(config, "", NULL), -EINVAL);
	CHECK_EQ(kdtls_config_set_bind(config, NULL, ""), -EINVAL);
	CHECK_EQ(kdtls_config_set_bind(config, NULL, NULL), 0);
	CHECK_EQ(kdtls_endpoint_new(config, &ep), 0);
	CHECK_EQ(kdtls_config_set_bind(config, NULL, NULL), -EBUSY);
	kdtls_endpoint_destroy(ep);
	kdtls_config_free(config);
}

static const struct tap_test tests[] = {
	{ "from an address", an_address },
	{ "from a port", a_port },
	{ "from a port, to the next address", next_address },
	{ "IPv6", six },
	{ "what cannot be", cannot_be },
};

int main(void)
{
	world_begin();
	return tap_run(tests, sizeof(tests) / sizeof(tests[0]));
}
