// SPDX-License-Identifier: GPL-2.0
/* Pre-shared keys: between us, with other implementations, and what strangers see. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <unistd.h>

#include <openssl/x509.h>

#include "peer.h"
#include "wiped.h"
#include "world.h"

#define KEY_HEX "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
#define DEFAULT "ECDHE-PSK-CHACHA20-POLY1305"

static const u8 key[32] = {
	0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15,
	16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31,
};

/* ---- a server's keys ---- */

static char asked[300];
static int asks;

static ssize_t find(struct kdtls_session *s, const char *identity, void *out,
		    size_t size, void *arg)
{
	struct kdtls_session_info i;

	asks++;
	snprintf(asked, sizeof(asked), "%s", identity);
	CHECK_EQ(size, KDTLS_PSK_MAX);
	CHECK(!kdtls_session_info(s, &i, sizeof(i)));
	CHECK_EQ(i.state, KDTLS_SESSION_HANDSHAKE);
	CHECK(!strcmp(i.psk_identity, ""));
	/* Bytes that are left behind are no key. */
	memcpy(out, key, sizeof(key));
	return strcmp(identity, "alice") ? 0 : (ssize_t)sizeof(key);
}

/* Without a certificate. */
static struct kdtls_config *psk_server(struct world *w,
				       enum kdtls_offload offload)
{
	struct kdtls_config *config = server_config(w, offload);

	kdtls_config_set_cert_file(config, NULL);
	kdtls_config_set_key_file(config, NULL);
	CHECK_EQ(kdtls_config_set_psk_find(config, find, NULL), 0);
	return config;
}

/* The one thing that it trusts is its key. */
static struct kdtls_config *psk_client(struct world *w, const char *identity,
				       enum kdtls_offload offload)
{
	struct kdtls_config *config = client_config(w, offload);

	kdtls_config_set_verify(config, KDTLS_VERIFY_REQUIRED);
	CHECK_EQ(kdtls_config_set_psk_identity(config, identity, key,
					       sizeof(key)), 0);
	return config;
}

static bool open_world(struct world *w, enum kdtls_offload server,
		       enum kdtls_offload client)
{
	return world_open(w, psk_server(w, server),
			  psk_client(w, "alice", client), "127.0.0.1");
}

/* ---- between us ---- */

static void check_session(struct kdtls_session *s, const char *suite,
			  bool offloaded)
{
	struct kdtls_session_info i;
	X509 *cert = kdtls_session_peer_certificate(s);

	CHECK(!cert);
	X509_free(cert);
	kdtls_session_info(s, &i, sizeof(i));
	CHECK_EQ(i.offloaded, offloaded);
	CHECK(!strcmp(i.psk_identity, "alice"));
	CHECK(!strcmp(i.cipher, suite));
}

static void carried_by(enum kdtls_offload server, enum kdtls_offload client)
{
	struct world w = { .sessions = 0 };

	use_kernel(true);
	NEED(open_world(&w, server, client));
	NEED(world_connect(&w));
	echo(&w, 1);
	echo(&w, 1200);
	NEED(w.s && w.peer);
	check_session(w.s, DEFAULT, client != KDTLS_OFFLOAD_OFF);
	check_session(w.peer, DEFAULT, server != KDTLS_OFFLOAD_OFF);
	CHECK(!strcmp(asked, "alice"));
	CHECK_EQ(w.errors, 0);
	world_end(&w);
	use_kernel(false);
}

static void carriers(void)
{
	carried_by(KDTLS_OFFLOAD_REQUIRE, KDTLS_OFFLOAD_REQUIRE);
	carried_by(KDTLS_OFFLOAD_REQUIRE, KDTLS_OFFLOAD_OFF);
	carried_by(KDTLS_OFFLOAD_OFF, KDTLS_OFFLOAD_REQUIRE);
	carried_by(KDTLS_OFFLOAD_OFF, KDTLS_OFFLOAD_OFF);
}

/* @serve: the server's list, NULL for its default. */
static void suite(const char *name, const char *serve)
{
	struct kdtls_config *server, *client;
	struct world w = { .sessions = 0 };

	use_kernel(true);
	server = psk_server(&w, KDTLS_OFFLOAD_REQUIRE);
	client = psk_client(&w, "alice", KDTLS_OFFLOAD_REQUIRE);
	kdtls_config_set_ciphers(server, serve);
	kdtls_config_set_ciphers(client, name);
	NEED(world_open(&w, server, client, "127.0.0.1"));
	NEED(world_connect(&w));
	echo(&w, 1000);
	NEED(w.s && w.peer);
	check_session(w.s, name, true);
	check_session(w.peer, name, true);
	world_end(&w);
	use_kernel(false);
}

static void suites(void)
{
	suite("ECDHE-PSK-CHACHA20-POLY1305", NULL);
	suite("PSK-AES128-GCM-SHA256", NULL);
	suite("PSK-AES256-GCM-SHA384", NULL);
	suite("PSK-CHACHA20-POLY1305", NULL);
	suite("PSK-AES128-CCM", NULL);
	suite("PSK-AES256-CCM", NULL);
	suite("PSK-AES128-CCM8", "PSK-AES128-CCM8");
	suite("DHE-PSK-AES128-GCM-SHA256", "DHE-PSK-AES128-GCM-SHA256");
}

static void no_short_tag(void)
{
	struct kdtls_config *client;
	struct world w = { .sessions = 0 };

	client = psk_client(&w, "alice", KDTLS_OFFLOAD_OFF);
	kdtls_config_set_ciphers(client, "PSK-AES128-CCM8");
	NEED(world_open(&w, psk_server(&w, KDTLS_OFFLOAD_OFF), client,
			"127.0.0.1"));
	NEED(!kdtls_endpoint_connect(w.client, "127.0.0.1", w.port, &w.s));
	UNTIL(&w, w.closed == 2);
	CHECK_EQ(w.opened, 0);
	world_end(&w);
}

/* A certificate for those who want one, a key for those who have one. */
static void both_kinds(void)
{
	struct world w = { .sessions = 0 };
	struct kdtls_session_info i;
	struct kdtls_config *server;
	int psk;

	for (psk = 0; psk < 2; psk++) {
		server = server_config(&w, KDTLS_OFFLOAD_OFF);
		kdtls_config_set_psk_find(server, find, NULL);
		NEED(world_open(&w, server, psk ?
				psk_client(&w, "alice", KDTLS_OFFLOAD_OFF) :
				client_config(&w, KDTLS_OFFLOAD_OFF),
				"127.0.0.1"));
		NEED(world_connect(&w));
		kdtls_session_info(w.peer, &i, sizeof(i));
		CHECK_EQ(!!strstr(i.cipher, "PSK"), psk);
		CHECK_EQ(!strcmp(i.psk_identity, "alice"), psk);
		world_end(&w);
		memset(&w, 0, sizeof(w));
	}
}

/* ---- a client that chooses ---- */

static const char *hinted;
static char hint_seen[300];
static ssize_t choice;
static bool endless;

static ssize_t choose(struct kdtls_session *s, const char *hint, char *identity,
		      size_t identity_size, void *out, size_t size, void *arg)
{
	snprintf(hint_seen, sizeof(hint_seen), "%s", hint);
	CHECK_EQ(identity_size, KDTLS_PSK_IDENTITY_MAX + 1);
	CHECK_EQ(size, KDTLS_PSK_MAX);
	CHECK(arg == &choice);
	if (endless)
		memset(identity, 'a', identity_size);
	else
		snprintf(identity, identity_size, "alice");
	memcpy(out, key, sizeof(key));
	return choice;
}

/* Connect with the choice; how the client's session closed, 1 if it did not. */
static int choosing(struct world *w)
{
	struct kdtls_config *server, *client;
	int result;

	memset(w, 0, sizeof(*w));
	server = psk_server(w, KDTLS_OFFLOAD_OFF);
	client = client_config(w, KDTLS_OFFLOAD_OFF);
	CHECK_EQ(kdtls_config_set_psk_hint(server, hinted), 0);
	CHECK_EQ(kdtls_config_set_psk_choose(client, choose, &choice), 0);
	if (!world_open(w, server, client, "127.0.0.1") ||
	    kdtls_endpoint_connect(w->client, "127.0.0.1", w->port, &w->s))
		return 2;
	UNTIL(w, w->opened || w->closed);
	result = w->opened ? 1 : w->close_err;
	world_end(w);
	return result;
}

static void chosen_by_hint(void)
{
	struct world w;

	endless = false;
	choice = sizeof(key);
	hinted = "home";
	CHECK_EQ(choosing(&w), 1);
	CHECK(!strcmp(hint_seen, "home"));
	hinted = NULL;
	CHECK_EQ(choosing(&w), 1);
	CHECK(!strcmp(hint_seen, ""));
}

static void bad_choices(void)
{
	struct world w;

	endless = false;
	hinted = NULL;
	choice = 0;
	CHECK_EQ(choosing(&w), -ENOKEY);
	CHECK(strstr(w.error, "no PSK"));
	choice = -EACCES;
	CHECK_EQ(choosing(&w), -EACCES);
	choice = KDTLS_PSK_MAX + 1;
	CHECK_EQ(choosing(&w), -EINVAL);
	CHECK(strstr(w.error, "512"));
	endless = true;
	choice = sizeof(key);
	CHECK_EQ(choosing(&w), -EINVAL);
	CHECK(strstr(w.error, "end"));
}

static ssize_t gives_up(struct kdtls_session *s, const char *hint,
			char *identity, size_t identity_size, void *out,
			size_t size, void *arg)
{
	struct world *w = arg;

	strcpy(identity, "alice");
	memcpy(out, key, sizeof(key));
	kdtls_destroy(s);
	w->s = NULL;
	return sizeof(key);
}

/* Nothing more is said for a session that ended, though OpenSSL would. */
static void client_gives_up(void)
{
	struct kdtls_config *server, *client;
	struct world w = { .sessions = 0 };

	server = psk_server(&w, KDTLS_OFFLOAD_OFF);
	client = client_config(&w, KDTLS_OFFLOAD_OFF);
	kdtls_config_set_handshake_timeout(server, 1500);
	kdtls_config_set_psk_choose(client, gives_up, &w);
	NEED(world_open(&w, server, client, "127.0.0.1"));
	NEED(!kdtls_endpoint_connect(w.client, "127.0.0.1", w.port, &w.s));
	UNTIL(&w, w.closed == 1);
	CHECK_EQ(w.server_opened, 0);
	/* It is told by ICMP, or by time. */
	CHECK(w.server_close_err < 0);
	CHECK_EQ(w.opened, 0);
	world_end(&w);
}

/* ---- what strangers see ---- */

#define SEEN_MAX 64

struct seen {
	int	n;
	size_t	len[SEEN_MAX];
	u8	type[SEEN_MAX];
};

static struct seen *seeing;

static void see(const u8 *buf, size_t len)
{
	if (!seeing || seeing->n == SEEN_MAX)
		return;
	seeing->type[seeing->n] = buf[0];
	seeing->len[seeing->n++] = len;
}

/* A handshake that comes to nothing, and what the server has sent in it. */
static void fruitless(const char *identity, const u8 *with, size_t len,
		      struct seen *seen, int *server_err, int *client_err,
		      char *words)
{
	struct kdtls_config *server, *client;
	struct kdtls_endpoint_info i;
	struct world w = { .sessions = 0 };
	struct proxy x = { .see = see };

	server = psk_server(&w, KDTLS_OFFLOAD_OFF);
	client = client_config(&w, KDTLS_OFFLOAD_OFF);
	kdtls_config_set_psk_identity(client, identity, with, len);
	kdtls_config_set_handshake_timeout(server, 1500);
	kdtls_config_set_handshake_timeout(client, 2500);
	NEED(world_open(&w, server, client, "127.0.0.1"));
	NEED(!proxy_open(&x, w.port));
	w.proxy = &x;
	memset(seen, 0, sizeof(*seen));
	seeing = seen;
	asks = 0;
	NEED(!kdtls_endpoint_connect(w.client, "127.0.0.1", x.port, &w.s));
	UNTIL(&w, w.errors == 1);
	snprintf(words, 512, "%s", w.error);
	UNTIL(&w, w.closed == 2);
	seeing = NULL;
	CHECK_EQ(asks, 1);
	CHECK_EQ(w.opened + w.server_opened, 0);
	CHECK_EQ(w.errors, 2);
	CHECK(strstr(w.error, "same PSK"));
	*client_err = w.close_err;
	*server_err = w.server_close_err;
	kdtls_endpoint_info(w.server, &i, sizeof(i));
	CHECK_EQ(i.psk_unknown, strcmp(identity, "alice") ? 1 : 0);
	CHECK_EQ(i.handshakes_failed, 1);
	world_end(&w);
	proxy_close(&x);
}

static void unknown_looks_like_wrong(void)
{
	static const u8 wrong[16] = "a wrong key.....";
	struct seen unknown, bad;
	int server, client, i;
	char words[512];

	fruitless("alice", wrong, sizeof(wrong), &bad, &server, &client, words);
	CHECK_EQ(server, -ETIMEDOUT);
	CHECK_EQ(client, -ETIMEDOUT);
	CHECK(strstr(words, "same PSK"));
	/* Also if it knows the key that is left behind for nobody. */
	fruitless("malice", key, sizeof(key), &unknown, &server, &client,
		  words);
	CHECK_EQ(server, -ENOKEY);
	CHECK_EQ(client, -ETIMEDOUT);
	CHECK(strstr(words, "not known"));
	CHECK(bad.n >= 2);
	CHECK_EQ(bad.n, unknown.n);
	for (i = 0; i < bad.n; i++) {
		CHECK_EQ(bad.len[i], unknown.len[i]);
		CHECK_EQ(bad.type[i], unknown.type[i]);
		/* No alert tells anything. */
		CHECK_EQ(bad.type[i], 22);
	}
}

/* ---- from within the callback ---- */

static bool closes;

static ssize_t ends(struct kdtls_session *s, const char *identity, void *out,
		    size_t size, void *arg)
{
	struct world *w = arg;

	if (closes) {
		CHECK(!kdtls_close(s));
	} else {
		kdtls_destroy(s);
		w->peer = NULL;
	}
	memcpy(out, key, sizeof(key));
	return sizeof(key);
}

static void ended_inside(void)
{
	struct kdtls_config *server, *client;
	struct kdtls_endpoint_info i;
	struct world w;
	int n;

	for (n = 0; n < 2; n++) {
		memset(&w, 0, sizeof(w));
		closes = n;
		server = psk_server(&w, KDTLS_OFFLOAD_OFF);
		kdtls_config_set_psk_find(server, ends, &w);
		client = psk_client(&w, "alice", KDTLS_OFFLOAD_OFF);
		kdtls_config_set_handshake_timeout(client, 1500);
		NEED(world_open(&w, server, client, "127.0.0.1"));
		NEED(!kdtls_endpoint_connect(w.client, "127.0.0.1", w.port,
					     &w.s));
		UNTIL(&w, w.closed == 1 + n);
		CHECK_EQ(w.server_opened, 0);
		kdtls_endpoint_info(w.server, &i, sizeof(i));
		CHECK_EQ(i.session_count, 0);
		CHECK_EQ(i.handshakes_failed, n);
		world_end(&w);
	}
}

/* ---- what cannot be ---- */

static void ranges(void)
{
	struct kdtls_config *config = kdtls_config_new();
	struct kdtls_endpoint *ep = NULL;
	char name[KDTLS_PSK_IDENTITY_MAX + 2];
	u8 much[KDTLS_PSK_MAX + 1] = { 0 };

	memset(name, 'n', sizeof(name));
	name[sizeof(name) - 1] = 0;
	CHECK_EQ(kdtls_config_set_psk_identity(config, name, key, 1), -EINVAL);
	CHECK_EQ(kdtls_config_set_psk_hint(config, name), -EINVAL);
	CHECK_EQ(kdtls_config_set_psk_hint(config, ""), -EINVAL);
	CHECK(strstr(kdtls_last_error(), "256"));
	name[sizeof(name) - 2] = 0;
	CHECK_EQ(kdtls_config_set_psk_identity(config, name, key, 1), 0);
	CHECK_EQ(kdtls_config_set_psk_hint(config, name), 0);
	CHECK_EQ(kdtls_config_set_psk_identity(config, "", key, 1), -EINVAL);
	CHECK_EQ(kdtls_config_set_psk_identity(config, "a", key, 0), -EINVAL);
	CHECK_EQ(kdtls_config_set_psk_identity(config, "a", NULL, 1), -EINVAL);
	CHECK_EQ(kdtls_config_set_psk_identity(config, "a", much,
					       sizeof(much)), -EINVAL);
	CHECK(strstr(kdtls_last_error(), "512"));
	CHECK_EQ(kdtls_config_set_psk_identity(config, "a", much,
					       KDTLS_PSK_MAX), 0);
	CHECK_EQ(kdtls_config_set_psk_identity(config, NULL, NULL, 0), 0);

	/* A client's key does not make a server. */
	kdtls_config_set_psk_identity(config, "a", key, sizeof(key));
	CHECK_EQ(kdtls_listen(config, "127.0.0.1", "0", &ep), -EINVAL);
	CHECK(strstr(kdtls_last_error(), "PSK"));
	kdtls_config_set_psk_find(config, find, NULL);
	CHECK_EQ(kdtls_config_set_ciphers(config, "ECDHE-ECDSA-AES128-CCM"), 0);
	CHECK_EQ(kdtls_listen(config, "127.0.0.1", "0", &ep), -EINVAL);
	CHECK(strstr(kdtls_last_error(), "suite"));
	kdtls_config_set_ciphers(config, NULL);
	CHECK_EQ(kdtls_listen(config, "127.0.0.1", "0", &ep), 0);
	CHECK_EQ(kdtls_config_set_psk_identity(config, "b", key, 1), -EBUSY);
	CHECK_EQ(kdtls_config_set_psk_find(config, NULL, NULL), -EBUSY);
	CHECK_EQ(kdtls_config_set_psk_choose(config, NULL, NULL), -EBUSY);
	CHECK_EQ(kdtls_config_set_psk_hint(config, NULL), -EBUSY);
	kdtls_endpoint_destroy(ep);
	kdtls_config_free(config);
}

static void longest(void)
{
	struct kdtls_config *server, *client;
	struct world w = { .sessions = 0 };
	char name[KDTLS_PSK_IDENTITY_MAX + 1];

	memset(name, 'n', sizeof(name));
	name[sizeof(name) - 1] = 0;
	server = psk_server(&w, KDTLS_OFFLOAD_OFF);
	client = psk_client(&w, name, KDTLS_OFFLOAD_OFF);
	kdtls_config_set_psk_hint(server, name);
	kdtls_config_set_handshake_timeout(client, 1500);
	NEED(world_open(&w, server, client, "127.0.0.1"));
	NEED(!kdtls_endpoint_connect(w.client, "127.0.0.1", w.port, &w.s));
	UNTIL(&w, w.closed == 1);
	CHECK(!strcmp(asked, name));
	world_end(&w);
}

/* Whatever is freed, the key is not in it. */
static void wiped(void)
{
	struct world w = { .sessions = 0 };

	use_kernel(true);
	wiped_watch(key, sizeof(key));
	NEED(open_world(&w, KDTLS_OFFLOAD_AUTO, KDTLS_OFFLOAD_AUTO));
	NEED(world_connect(&w));
	echo(&w, 10);
	world_end(&w);
	CHECK_EQ(wiped_found(), 0);
	use_kernel(false);
}

/* ---- other implementations ---- */

/* Their client says a line to our server and reads it back. */
static void their_client(const char *const *argv)
{
	struct kdtls_config *server, *client;
	struct world w = { .sessions = 0 };
	static struct peer p;

	use_kernel(true);
	server = psk_server(&w, KDTLS_OFFLOAD_REQUIRE);
	client = client_config(&w, KDTLS_OFFLOAD_OFF);
	NEED(!kdtls_listen(server, "127.0.0.1", argv[0], &w.server));
	NEED(!kdtls_endpoint_new(client, &w.client));
	kdtls_config_free(server);
	kdtls_config_free(client);
	NEED(peer_start(&p, argv + 1));
	UNTIL(&w, w.server_opened == 1);
	NEED(w.peer);
	peer_type(&p, "a line of theirs\n");
	UNTIL(&w, peer_said(&p, "a line of theirs"));
	check_session(w.peer, "PSK-AES128-GCM-SHA256", true);
	peer_end(&p);
	world_end(&w);
	use_kernel(false);
}

static void openssl_client(void)
{
	char port[8], at[32];
	const char *const argv[] = {
		port, "openssl", "s_client", "-dtls1_2", "-connect", at,
		"-psk_identity", "alice", "-psk", KEY_HEX, "-quiet",
		"-cipher", "PSK-AES128-GCM-SHA256", NULL,
	};

	if (!peer_have("openssl"))
		return;
	peer_free_port(port, sizeof(port));
	snprintf(at, sizeof(at), "127.0.0.1:%s", port);
	their_client(argv);
}

static void gnutls_client(void)
{
	char port[8];
	const char *const argv[] = {
		port, "gnutls-cli", "--udp", "--port", port,
		"--pskusername", "alice", "--pskkey", KEY_HEX, "--priority",
		"NORMAL:-VERS-ALL:+VERS-DTLS1.2:-KX-ALL:+PSK:-CIPHER-ALL:+AES-128-GCM",
		"127.0.0.1", NULL,
	};

	if (!peer_have("gnutls-cli"))
		return;
	peer_free_port(port, sizeof(port));
	their_client(argv);
}

/* Our client to their server, which echoes or is typed to. */
static void their_server(const char *const *argv, const char *port,
			 const char *ready, bool echoes)
{
	struct world w = { .sessions = 0 };
	struct kdtls_config *client;
	static struct peer p;

	use_kernel(true);
	client = psk_client(&w, "alice", KDTLS_OFFLOAD_REQUIRE);
	kdtls_config_set_ciphers(client, "PSK-AES128-GCM-SHA256");
	NEED(!kdtls_endpoint_new(client, &w.client));
	kdtls_config_free(client);
	NEED(peer_start(&p, argv));
	NEED(peer_says(&p, ready));
	NEED(!kdtls_endpoint_connect(w.client, "127.0.0.1", port, &w.s));
	UNTIL(&w, w.opened == 1);
	NEED(w.s);
	check_session(w.s, "PSK-AES128-GCM-SHA256", true);
	CHECK_EQ(kdtls_send(w.s, "a line of ours\n", 15), 15);
	if (!echoes) {
		CHECK(peer_says(&p, "a line of ours"));
		peer_type(&p, "a line of ours\n");
	}
	UNTIL(&w, w.messages >= 1);
	CHECK(!memcmp(w.last, "a line of ours\n", 15));
	kdtls_endpoint_destroy(w.client);
	peer_end(&p);
	use_kernel(false);
}

static void openssl_server(void)
{
	char port[8], at[32];
	const char *const argv[] = {
		"openssl", "s_server", "-dtls1_2", "-accept", at, "-nocert",
		"-psk_identity", "alice", "-psk", KEY_HEX, "-cipher", "PSK",
		"-psk_hint", "home", NULL,
	};

	if (!peer_have("openssl"))
		return;
	peer_free_port(port, sizeof(port));
	snprintf(at, sizeof(at), "127.0.0.1:%s", port);
	their_server(argv, port, "ACCEPT", false);
}

static void gnutls_server(void)
{
	static const char line[] = "alice:" KEY_HEX "\n";
	char file[] = "/tmp/kdtls-psk-XXXXXX", port[8];
	const char *const argv[] = {
		"gnutls-serv", "--udp", "--echo", "--port", port, "--pskpasswd",
		file, "--priority",
		"NORMAL:-VERS-ALL:+VERS-DTLS1.2:-KX-ALL:+PSK:+ECDHE-PSK", NULL,
	};
	int fd;

	if (!peer_have("gnutls-serv"))
		return;
	fd = mkstemp(file);
	CHECK_EQ(write(fd, line, sizeof(line) - 1), sizeof(line) - 1);
	close(fd);
	peer_free_port(port, sizeof(port));
	their_server(argv, port, "listening", true);
	unlink(file);
}

static const struct tap_test tests[] = {
	{ "echo, whoever carries", carriers },
	{ "each suite through the kernel", suites },
	{ "a short tag only where it is asked for", no_short_tag },
	{ "a server with a certificate and keys", both_kinds },
	{ "a client chooses by the hint", chosen_by_hint },
	{ "choices that cannot be", bad_choices },
	{ "an unknown identity looks like a wrong key", unknown_looks_like_wrong },
	{ "sessions end from within the callback", ended_inside },
	{ "a client's session ends from within its callback", client_gives_up },
	{ "ranges", ranges },
	{ "the longest identity", longest },
	{ "keys are wiped", wiped },
	{ "OpenSSL's client", openssl_client },
	{ "OpenSSL's server", openssl_server },
	{ "GnuTLS's client", gnutls_client },
	{ "GnuTLS's server", gnutls_server },
};

int main(void)
{
	world_begin();
	return tap_run(tests, sizeof(tests) / sizeof(tests[0]));
}
