// SPDX-License-Identifier: GPL-2.0
/* Groups and signature algorithms. */
#include <errno.h>
#include <string.h>

#include <openssl/ssl.h>

#include "world.h"

static char signed_by[32];

static void see_signature(struct world *w, struct kdtls_session *s)
{
	int nid = 0;

	CHECK_EQ(SSL_get_peer_signature_nid(kdtls_session_ssl(s), &nid), 1);
	snprintf(signed_by, sizeof(signed_by), "%s", OBJ_nid2sn(nid));
}

/* Open a session, or see that there is none: the group, or "" . */
static void agree(const char *server, const char *client, const char *group)
{
	struct world w = { .on_open = see_signature };
	struct kdtls_config *s = server_config(&w, KDTLS_OFFLOAD_AUTO);
	struct kdtls_config *c = client_config(&w, KDTLS_OFFLOAD_AUTO);
	struct kdtls_session_info i;

	use_kernel(true);
	CHECK_EQ(kdtls_config_set_groups(s, server), 0);
	CHECK_EQ(kdtls_config_set_groups(c, client), 0);
	NEED(world_open(&w, s, c, "127.0.0.1"));
	if (*group) {
		NEED(world_connect(&w));
		NEED(w.s && w.peer);
		kdtls_session_info(w.s, &i, sizeof(i));
		CHECK(!strcmp(i.group, group));
		kdtls_session_info(w.peer, &i, sizeof(i));
		CHECK(!strcmp(i.group, group));
		echo(&w, 10);
	} else {
		NEED(!kdtls_endpoint_connect(w.client, "127.0.0.1", w.port,
					     &w.s));
		UNTIL(&w, w.closed == 2);
		CHECK_EQ(w.opened, 0);
	}
	world_end(&w);
	use_kernel(false);
}

static void groups(void)
{
	agree("P-384", "P-384:P-256", "secp384r1");
	agree("X25519:P-256", "P-256:X448", "prime256v1");
	agree(NULL, "X448:P-256", "X448");
	agree("X25519", NULL, "X25519");
	agree("X25519", "X448:P-256", "");
	/* The server's certificate is on P-256, which the client does not name. */
	agree(NULL, "X25519", "");
}

static void sigalgs(void)
{
	static const char *const digests[] = { "SHA256", "SHA384", "SHA512" };
	struct kdtls_config *server, *client;
	struct world w;
	char list[32];
	int n;

	for (n = 0; n < 3; n++) {
		memset(&w, 0, sizeof(w));
		w.on_open = see_signature;
		server = server_config(&w, KDTLS_OFFLOAD_OFF);
		client = client_config(&w, KDTLS_OFFLOAD_OFF);
		snprintf(list, sizeof(list), "ECDSA+%s", digests[n]);
		CHECK_EQ(kdtls_config_set_sigalgs(client, list), 0);
		NEED(world_open(&w, server, client, "127.0.0.1"));
		NEED(world_connect(&w));
		CHECK(!strcmp(signed_by, digests[n]));
		world_end(&w);
	}
	/* And a server that may not sign as the client wants. */
	memset(&w, 0, sizeof(w));
	server = server_config(&w, KDTLS_OFFLOAD_OFF);
	client = client_config(&w, KDTLS_OFFLOAD_OFF);
	CHECK_EQ(kdtls_config_set_sigalgs(server, "ECDSA+SHA512"), 0);
	CHECK_EQ(kdtls_config_set_sigalgs(client, "ECDSA+SHA256"), 0);
	NEED(world_open(&w, server, client, "127.0.0.1"));
	NEED(!kdtls_endpoint_connect(w.client, "127.0.0.1", w.port, &w.s));
	UNTIL(&w, w.closed == 2);
	CHECK_EQ(w.opened, 0);
	world_end(&w);
}

static void names(void)
{
	struct kdtls_config *config = kdtls_config_new();

	CHECK_EQ(kdtls_config_set_groups(config, "X25519:NONSENSE"), -EINVAL);
	CHECK(strstr(kdtls_last_error(), "NONSENSE"));
	CHECK_EQ(kdtls_config_set_groups(config, ""), -EINVAL);
	CHECK_EQ(kdtls_config_set_groups(config, "P-256"), 0);
	CHECK_EQ(kdtls_config_set_groups(config, NULL), 0);
	CHECK_EQ(kdtls_config_set_sigalgs(config, "ECDSA+NONSENSE"), -EINVAL);
	CHECK(strstr(kdtls_last_error(), "NONSENSE"));
	CHECK_EQ(kdtls_config_set_sigalgs(config, ""), -EINVAL);
	CHECK_EQ(kdtls_config_set_sigalgs(config, "ECDSA+SHA256"), 0);
	CHECK_EQ(kdtls_config_set_sigalgs(config, NULL), 0);
	kdtls_config_free(config);
}

static const struct tap_test tests[] = {
	{ "the group that both have", groups },
	{ "the signature that the client takes", sigalgs },
	{ "names", names },
};

int main(void)
{
	world_begin();
	return tap_run(tests, sizeof(tests) / sizeof(tests[0]));
}
