// SPDX-License-Identifier: GPL-2.0
/* What configurations hold, and what is told in the end. */
#include <openssl/crypto.h>

#include "world.h"

/* Both identities' certificates and keys in one PEM: the keys are passed over. */
static size_t both_cas(char *pem, size_t size)
{
	size_t n = pki_pem("RSA", pem, size);

	return n + pki_pem("EC", pem + n, size - n);
}

static bool connects(struct kdtls_config *client, struct world *w)
{
	kdtls_config_set_verify(client, KDTLS_VERIFY_REQUIRED);
	if (!world_open(w, server_config(w, KDTLS_OFFLOAD_OFF), client,
			"127.0.0.1"))
		return false;
	if (kdtls_endpoint_connect(w->client, "127.0.0.1", w->port, &w->s))
		return false;
	UNTIL(w, w->opened || w->closed);
	return w->opened;
}

/* The server's is the first, or the second, of those that are trusted. */
static void several_cas(void)
{
	struct world w = { 0 };
	struct kdtls_config *client;
	char pem[16384];
	size_t first = pki_pem("RSA", pem, sizeof(pem));
	size_t n = both_cas(pem, sizeof(pem));

	client = client_config(&w, KDTLS_OFFLOAD_OFF);
	CHECK_EQ(kdtls_config_set_ca_pem(client, pem, n), 0);
	CHECK(connects(client, &w));
	world_end(&w);

	memset(&w, 0, sizeof(w));
	client = client_config(&w, KDTLS_OFFLOAD_OFF);
	CHECK_EQ(kdtls_config_set_ca_pem(client, pem + first, n - first), 0);
	CHECK(connects(client, &w));
	world_end(&w);

	/* And without it. */
	memset(&w, 0, sizeof(w));
	client = client_config(&w, KDTLS_OFFLOAD_OFF);
	CHECK_EQ(kdtls_config_set_ca_pem(client, pem, first), 0);
	CHECK(!connects(client, &w));
	world_end(&w);
	OPENSSL_cleanse(pem, sizeof(pem));
}

/* ---- the last that is told ---- */

static struct kdtls_session_info last;

static void on_close(struct kdtls_session *s, int err, void *arg)
{
	kdtls_session_info(s, &last, sizeof(last));
}

static void told_in_the_end(void)
{
	const struct kdtls_callbacks cb = {
		.size = sizeof(cb),
		.close = on_close,
	};
	struct kdtls_config *client;
	struct kdtls_session_info info;
	struct world w = { 0 };

	client = client_config(&w, KDTLS_OFFLOAD_OFF);
	kdtls_config_set_callbacks(client, &cb, NULL);
	NEED(world_open(&w, server_config(&w, KDTLS_OFFLOAD_OFF), client,
			"127.0.0.1"));
	NEED(!kdtls_endpoint_connect(w.client, "127.0.0.1", w.port, &w.s));
	UNTIL(&w, w.server_opened);
	kdtls_send(w.s, "data", 4);
	kdtls_session_info(w.s, &info, sizeof(info));
	CHECK_EQ(info.destroyed_at, 0);
	kdtls_close(w.s);
	kdtls_session_info(w.s, &info, sizeof(info));
	CHECK_EQ(info.destroyed_at, 0);
	CHECK(info.closing_at);
	UNTIL(&w, last.destroyed_at);
	CHECK(last.destroyed_at >= last.closing_at);
	CHECK(last.closing_at >= last.handshake_completed_at);
	CHECK(last.handshake_completed_at >= last.created_at);
	CHECK_EQ(last.bytes_sent, 4);
	CHECK_EQ(last.state, KDTLS_SESSION_CLOSED);
	world_end(&w);
}

static const struct tap_test tests[] = {
	{ "several CA certificates", several_cas },
	{ "what is told of a session in the end", told_in_the_end },
};

int main(void)
{
	world_begin();
	return tap_run(tests, sizeof(tests) / sizeof(tests[0]));
}
