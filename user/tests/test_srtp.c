// SPDX-License-Identifier: GPL-2.0
/* SRTP: profiles, and keys that are those that the other side has. */
#include <errno.h>
#include <string.h>

#include "peer.h"
#include "world.h"

#define CM80	"SRTP_AES128_CM_SHA1_80"
#define CM32	"SRTP_AES128_CM_SHA1_32"
#define GCM128	"SRTP_AEAD_AES_128_GCM"
#define GCM256	"SRTP_AEAD_AES_256_GCM"

static struct kdtls_srtp_keys keys[2];
static int result[2];

static void take_keys(struct world *w, struct kdtls_session *s)
{
	struct kdtls_session_info i;

	kdtls_session_info(s, &i, sizeof(i));
	memset(&keys[i.server], 0xee, sizeof(keys[i.server]));
	result[i.server] = kdtls_session_srtp_keys(s, &keys[i.server],
						   sizeof(keys[i.server]));
	if (!result[i.server])
		CHECK(!strcmp(keys[i.server].profile, i.srtp));
}

/* ---- between us ---- */

static bool open_world(struct world *w, const char *server, const char *client)
{
	struct kdtls_config *s = server_config(w, KDTLS_OFFLOAD_AUTO);
	struct kdtls_config *c = client_config(w, KDTLS_OFFLOAD_AUTO);

	w->on_open = take_keys;
	w->on_server_open = take_keys;
	CHECK_EQ(kdtls_config_set_srtp(s, server), 0);
	CHECK_EQ(kdtls_config_set_srtp(c, client), 0);
	return world_open(w, s, c, "127.0.0.1") && world_connect(w);
}

static void agree(const char *server, const char *client, const char *profile,
		  unsigned int key_len, unsigned int salt_len)
{
	struct world w = { .sessions = 0 };
	struct kdtls_srtp_keys late;
	struct kdtls_session_info i;

	use_kernel(true);
	NEED(open_world(&w, server, client));
	NEED(w.s && w.peer);
	CHECK_EQ(result[0], 0);
	CHECK_EQ(result[1], 0);
	CHECK(!memcmp(&keys[0], &keys[1], sizeof(keys[0])));
	CHECK(!strcmp(keys[0].profile, profile));
	CHECK_EQ(keys[0].key_len, key_len);
	CHECK_EQ(keys[0].salt_len, salt_len);
	CHECK(memcmp(keys[0].client_key, keys[0].server_key, key_len));
	CHECK(memcmp(keys[0].client_salt, keys[0].server_salt, salt_len));
	kdtls_session_info(w.peer, &i, sizeof(i));
	CHECK(!strcmp(i.srtp, profile));
	/* The kernel carries it: too late. */
	CHECK_EQ(kdtls_session_srtp_keys(w.s, &late, sizeof(late)), -ENODATA);
	echo(&w, 100);
	world_end(&w);
	use_kernel(false);
}

static void profiles(void)
{
	agree(CM80, CM80, CM80, 16, 14);
	agree(CM32, CM32, CM32, 16, 14);
	agree(GCM128, GCM128, GCM128, 16, 12);
	agree(GCM256, GCM256, GCM256, 32, 12);
	/* The server's order counts. */
	agree(GCM256 ":" CM80, CM80 ":" CM32 ":" GCM256, GCM256, 32, 12);
	agree(CM80 ":" GCM256, GCM256 ":" CM80, CM80, 16, 14);
}

static void disagree(const char *server, const char *client)
{
	struct world w = { .sessions = 0 };
	struct kdtls_session_info i;

	NEED(open_world(&w, server, client));
	NEED(w.s);
	CHECK_EQ(result[0], -EOPNOTSUPP);
	CHECK_EQ(result[1], -EOPNOTSUPP);
	kdtls_session_info(w.s, &i, sizeof(i));
	CHECK(!strcmp(i.srtp, ""));
	echo(&w, 10);
	world_end(&w);
}

static void no_profile(void)
{
	disagree(CM80, GCM128);
	disagree(NULL, CM80);
	disagree(CM80, NULL);
}

/* A program of an older header has a smaller structure. */
static void front_only(struct world *w, struct kdtls_session *s)
{
	struct {
		struct kdtls_srtp_keys keys;
		u8 behind[8];
	} k;
	size_t front = offsetof(struct kdtls_srtp_keys, client_key);

	memset(&k, 0xee, sizeof(k));
	CHECK_EQ(kdtls_session_srtp_keys(s, &k.keys, front), 0);
	CHECK_EQ(k.keys.key_len, 16);
	CHECK_EQ(k.keys.client_key[0], 0xee);
	memset(&k, 0xee, sizeof(k));
	CHECK_EQ(kdtls_session_srtp_keys(s, &k.keys, sizeof(k)), 0);
	CHECK_EQ(k.behind[0], 0);
	/* And no byte of another key behind a short one. */
	CHECK_EQ(k.keys.client_key[16], 0);
	CHECK_EQ(k.keys.client_salt[12], 0);
}

static void too_early(struct kdtls_session *s, void *arg)
{
	struct kdtls_srtp_keys k;

	CHECK_EQ(kdtls_session_srtp_keys(s, &k, sizeof(k)), -ENOTCONN);
}

static void sizes_and_times(void)
{
	const struct kdtls_callbacks cb = {
		.size = sizeof(cb),
		.session = too_early,
	};
	struct world w = { .on_open = front_only };
	struct kdtls_config *s = kdtls_config_new();
	struct kdtls_config *c = client_config(&w, KDTLS_OFFLOAD_OFF);

	pki_config(s);
	kdtls_config_set_callbacks(s, &cb, &w);
	kdtls_config_set_srtp(s, GCM128);
	kdtls_config_set_srtp(c, GCM128);
	NEED(world_open(&w, s, c, "127.0.0.1"));
	NEED(!kdtls_endpoint_connect(w.client, "127.0.0.1", w.port, &w.s));
	UNTIL(&w, w.opened == 1);
	/* OpenSSL carries it: not too late. */
	front_only(&w, w.s);
	world_end(&w);
}

static void names(void)
{
	struct kdtls_config *config = kdtls_config_new();

	CHECK_EQ(kdtls_config_set_srtp(config, ""), -EINVAL);
	CHECK_EQ(kdtls_config_set_srtp(config, "SRTP_NULL"), -EINVAL);
	CHECK(strstr(kdtls_last_error(), "SRTP_NULL"));
	CHECK(strstr(kdtls_last_error(), CM80));
	CHECK_EQ(kdtls_config_set_srtp(config, CM80 ":"), -EINVAL);
	CHECK_EQ(kdtls_config_set_srtp(config, ":" CM80), -EINVAL);
	CHECK_EQ(kdtls_config_set_srtp(config, CM80 ":" CM80), -EINVAL);
	CHECK(strstr(kdtls_last_error(), "twice"));
	CHECK_EQ(kdtls_config_set_srtp(config, CM80 "_"), -EINVAL);
	CHECK_EQ(kdtls_config_set_srtp(config, CM80 ":" CM32 ":" GCM128 ":"
				       GCM256), 0);
	CHECK_EQ(kdtls_config_set_srtp(config, NULL), 0);
	kdtls_config_free(config);
}

/* ---- another implementation ---- */

static void hex(char *out, const u8 *p, size_t n)
{
	while (n--)
		out += sprintf(out, "%02X", *p++);
}

/* As RFC 5764 section 4.2 has them in a row. */
static void in_a_row(char *out, const struct kdtls_srtp_keys *k)
{
	hex(out, k->client_key, k->key_len);
	hex(out + strlen(out), k->server_key, k->key_len);
	hex(out + strlen(out), k->client_salt, k->salt_len);
	hex(out + strlen(out), k->server_salt, k->salt_len);
}

/* OpenSSL's program prints what it exports. */
static void theirs(const char *profile, const char *len)
{
	char port[8], at[32], row[256];
	const char *const argv[] = {
		"openssl", "s_client", "-dtls1_2", "-connect", at, "-use_srtp",
		profile, "-keymatexport", "EXTRACTOR-dtls_srtp",
		"-keymatexportlen", len, NULL,
	};
	struct world w = { .on_server_open = take_keys };
	struct kdtls_config *s = server_config(&w, KDTLS_OFFLOAD_OFF);
	struct kdtls_config *c = client_config(&w, KDTLS_OFFLOAD_OFF);
	static struct peer p;

	peer_free_port(port, sizeof(port));
	snprintf(at, sizeof(at), "127.0.0.1:%s", port);
	kdtls_config_set_srtp(s, profile);
	NEED(!kdtls_listen(s, "127.0.0.1", port, &w.server));
	NEED(!kdtls_endpoint_new(c, &w.client));
	kdtls_config_free(s);
	kdtls_config_free(c);
	NEED(peer_start(&p, argv));
	UNTIL(&w, w.server_opened == 1);
	CHECK_EQ(result[1], 0);
	in_a_row(row, &keys[1]);
	CHECK(peer_says(&p, "Keying material: "));
	CHECK(peer_says(&p, row));
	peer_end(&p);
	world_end(&w);
}

static void openssl_client(void)
{
	if (!peer_have("openssl"))
		return;
	theirs(CM80, "60");
	theirs(CM32, "60");
	theirs(GCM128, "56");
	theirs(GCM256, "88");
}

static const struct tap_test tests[] = {
	{ "each profile, and which of several", profiles },
	{ "no profile in common", no_profile },
	{ "sizes of the structure, and times to ask", sizes_and_times },
	{ "names", names },
	{ "keys are those that OpenSSL's client has", openssl_client },
};

int main(void)
{
	world_begin();
	return tap_run(tests, sizeof(tests) / sizeof(tests[0]));
}
