// SPDX-License-Identifier: GPL-2.0
/* Servers that choose by the name that is asked for. */
#include <errno.h>
#include <string.h>

#include <openssl/ssl.h>
#include <openssl/x509.h>

#include "world.h"

static struct kdtls_config *other;
static char asked[300];
static int asks, answer, key_type;
static u8 blob[KDTLS_RESUMPTION_MAX];
static size_t blob_len;

/* "rsa.test" has a configuration of its own, "no.test" none. */
static int choose(struct kdtls_session *s, const char *name,
		  struct kdtls_config **chosen, void *arg)
{
	struct kdtls_session_info i;

	asks++;
	snprintf(asked, sizeof(asked), "%s", name);
	CHECK(!*chosen);
	CHECK(arg == &answer);
	kdtls_session_info(s, &i, sizeof(i));
	CHECK(!strcmp(i.server_name, name));
	if (!strcmp(name, "rsa.test"))
		*chosen = other;
	return strcmp(name, "no.test") ? 0 : answer;
}

static void see_key(struct world *w, struct kdtls_session *s)
{
	X509 *cert = kdtls_session_peer_certificate(s);

	key_type = cert ? EVP_PKEY_get_base_id(X509_get0_pubkey(cert)) : 0;
	X509_free(cert);
}

static void keep(struct kdtls_session *s, const void *p, size_t len, void *arg)
{
	memcpy(blob, p, len);
	blob_len = len;
}

static void on_open(struct kdtls_session *s, void *arg)
{
	struct world *w = arg;

	w->opened++;
	see_key(w, s);
}

static void on_close(struct kdtls_session *s, int err, void *arg)
{
	struct world *w = arg;

	w->closed++;
	w->close_err = err;
	w->s = NULL;
}

/* What clients have of their own. */
static void (*client_identity)(struct kdtls_config *config);

static struct kdtls_config *client(struct world *w, const char *name)
{
	const struct kdtls_callbacks cb = {
		.size = sizeof(cb),
		.handshake = on_open,
		.close = on_close,
		.resumption = keep,
	};
	struct kdtls_config *config = client_config(w, KDTLS_OFFLOAD_AUTO);

	kdtls_config_set_callbacks(config, &cb, w);
	kdtls_config_set_server_name(config, name);
	if (client_identity)
		client_identity(config);
	return config;
}

static bool open_with(struct world *w, struct kdtls_config *config)
{
	struct sockaddr_storage ss;
	socklen_t len = sizeof(ss);
	int err;

	err = kdtls_listen(config, "127.0.0.1", "0", &w->server);
	kdtls_config_free(config);
	if (err)
		return false;
	kdtls_endpoint_address(w->server, (struct sockaddr *)&ss, &len);
	port_of(&ss, w->port, sizeof(w->port));
	return true;
}

static bool open_server(struct world *w)
{
	struct kdtls_config *config = server_config(w, KDTLS_OFFLOAD_AUTO);

	CHECK_EQ(kdtls_config_set_sni(config, choose, &answer), 0);
	return open_with(w, config);
}

/* One that has the same for all names. */
static bool open_plain(struct world *w)
{
	return open_with(w, server_config(w, KDTLS_OFFLOAD_AUTO));
}

/* A client of its own for the name; resumed? -1 if it came to no session. */
static int visit(struct world *w, const char *name, bool resume)
{
	struct kdtls_config *config = client(w, name);
	int opened = w->opened, closed = w->closed, resumed = -1;
	struct kdtls_session_info i;

	CHECK(!kdtls_endpoint_new(config, &w->client));
	kdtls_config_free(config);
	CHECK(!(resume ? kdtls_endpoint_resume(w->client, "127.0.0.1", w->port,
					       blob, blob_len, &w->s) :
			 kdtls_endpoint_connect(w->client, "127.0.0.1", w->port,
						&w->s)));
	UNTIL(w, w->opened > opened || w->closed >= closed + 2);
	if (w->opened > opened && w->s) {
		UNTIL(w, w->server_opened == w->opened);
		kdtls_session_info(w->s, &i, sizeof(i));
		CHECK(!name || !strcmp(i.server_name, name));
		resumed = (int)i.resumed;
	}
	kdtls_endpoint_destroy(w->client);
	w->client = NULL;
	return resumed;
}

static void other_begin(void)
{
	other = kdtls_config_new();
	pki_config_rsa(other);
	answer = -ENXIO;
	asks = 0;
}

static void by_name(void)
{
	struct world w = { .sessions = 0 };
	struct kdtls_session_info i;

	other_begin();
	use_kernel(true);
	NEED(open_server(&w));
	CHECK_EQ(visit(&w, "ec.test", false), 0);
	CHECK_EQ(key_type, EVP_PKEY_EC);
	CHECK_EQ(visit(&w, "rsa.test", false), 0);
	CHECK_EQ(key_type, EVP_PKEY_RSA);
	NEED(w.peer);
	kdtls_session_info(w.peer, &i, sizeof(i));
	CHECK(!strcmp(i.server_name, "rsa.test"));
	CHECK_EQ(i.offloaded, 1);
	/* Again, from what is kept of the configuration; in any case. */
	CHECK_EQ(visit(&w, "RSA.Test", false), 0);
	CHECK_EQ(key_type, EVP_PKEY_RSA);
	CHECK(!strcmp(asked, "rsa.test"));
	/* None: the client goes to an address. */
	CHECK_EQ(visit(&w, NULL, false), 0);
	CHECK_EQ(key_type, EVP_PKEY_EC);
	CHECK(!strcmp(asked, ""));
	CHECK_EQ(asks, 4);
	/* In use as long as the endpoint is. */
	CHECK_EQ(kdtls_config_set_mtu(other, 1000), -EBUSY);
	kdtls_endpoint_destroy(w.server);
	CHECK_EQ(kdtls_config_set_mtu(other, 1000), 0);
	kdtls_config_free(other);
	use_kernel(false);
}

static void refused(void)
{
	struct world w = { .sessions = 0 };

	other_begin();
	NEED(open_server(&w));
	CHECK_EQ(visit(&w, "no.test", false), -1);
	CHECK_EQ(w.server_close_err, -ENXIO);
	CHECK(strstr(w.error, "no such name"));
	CHECK_EQ(w.opened + w.server_opened, 0);

	/* A configuration that cannot be used spoils one handshake only. */
	kdtls_config_set_cert_file(other, "/nonexistent");
	CHECK_EQ(visit(&w, "rsa.test", false), -1);
	CHECK_EQ(w.server_close_err, -EINVAL);
	CHECK(strstr(w.error, "/nonexistent"));
	CHECK_EQ(visit(&w, "ec.test", false), 0);
	kdtls_endpoint_destroy(w.server);
	kdtls_config_free(other);
}

/* One name's session is not resumed under another one's conditions. */
static void not_by_ticket(void)
{
	struct world w = { .sessions = 0 };

	other_begin();
	NEED(open_server(&w));
	CHECK_EQ(visit(&w, "rsa.test", false), 0);
	CHECK_EQ(visit(&w, "rsa.test", true), 1);
	/* The same name, with other conditions by now. */
	kdtls_config_free(other);
	other = kdtls_config_new();
	pki_config(other);
	kdtls_config_set_verify(other, KDTLS_VERIFY_OPTIONAL);
	pki_trust(other);
	CHECK_EQ(visit(&w, "rsa.test", true), 0);
	CHECK_EQ(key_type, EVP_PKEY_EC);
	kdtls_endpoint_destroy(w.server);
	kdtls_config_free(other);
}

/* What was kept for one name, made to look as if it were of that of @like. */
static void rename_blob(const u8 *like, size_t like_len)
{
	SSL_SESSION *session, *other_name;
	const u8 *p = blob, *id;
	unsigned int n;
	u8 *to = blob;

	session = d2i_SSL_SESSION(NULL, &p, (long)blob_len);
	other_name = d2i_SSL_SESSION(NULL, &like, (long)like_len);
	NEED(session && other_name);
	id = SSL_SESSION_get0_id_context(other_name, &n);
	SSL_SESSION_set1_id_context(session, id, n);
	blob_len = (size_t)i2d_SSL_SESSION(session, &to);
	SSL_SESSION_free(session);
	SSL_SESSION_free(other_name);
}

/* A client may offer what it likes: a server goes on under the same name only. */
static void offers_another_name(const char *from, const char *to, bool sni)
{
	struct world w = { .sessions = 0 };
	u8 like[KDTLS_RESUMPTION_MAX];
	size_t like_len;

	NEED(sni ? open_server(&w) : open_plain(&w));
	CHECK_EQ(visit(&w, to, false), 0);
	like_len = blob_len;
	memcpy(like, blob, blob_len);
	CHECK_EQ(visit(&w, from, false), 0);
	rename_blob(like, like_len);
	CHECK_EQ(visit(&w, to, true), 0);
	CHECK_EQ(visit(&w, to, true), 1);
	kdtls_endpoint_destroy(w.server);
}

static void not_another_name(void)
{
	other_begin();
	offers_another_name("a.test", "b.test", true);
	offers_another_name("a.test", "b.test", false);
	offers_another_name("a.test", NULL, false);
	offers_another_name(NULL, "a.test", false);
	kdtls_config_free(other);
}

/* The demand for a certificate is the chosen one's. */
static void demands(void)
{
	struct world w = { .sessions = 0 };

	other_begin();
	kdtls_config_set_verify(other, KDTLS_VERIFY_REQUIRED);
	pki_trust(other);
	NEED(open_server(&w));
	CHECK_EQ(visit(&w, "ec.test", false), 0);
	CHECK_EQ(visit(&w, "rsa.test", false), -1);
	kdtls_endpoint_destroy(w.server);
	kdtls_config_free(other);
}

static int verified, pinned_to;

static int pin(int ok, X509_STORE_CTX *store)
{
	(void)ok;
	(void)store;
	verified++;
	return pinned_to;
}

/* Who verifies by a callback of its own. */
static int pin_hook(SSL_CTX *ctx, void *arg)
{
	(void)arg;
	SSL_CTX_set_verify(ctx, SSL_CTX_get_verify_mode(ctx), pin);
	return 0;
}

static bool open_server_with_hook(struct world *w)
{
	struct kdtls_config *config = server_config(w, KDTLS_OFFLOAD_AUTO);
	struct sockaddr_storage ss;
	socklen_t len = sizeof(ss);
	int err;

	kdtls_config_set_ssl_ctx_hook(config, pin_hook, NULL);
	kdtls_config_set_sni(config, choose, &answer);
	err = kdtls_listen(config, "127.0.0.1", "0", &w->server);
	kdtls_config_free(config);
	kdtls_endpoint_address(w->server, (struct sockaddr *)&ss, &len);
	port_of(&ss, w->port, sizeof(w->port));
	return !err;
}

/* With a certificate, of this kind. */
static int visit_as(struct world *w, const char *name,
		    void (*identity)(struct kdtls_config *config))
{
	client_identity = identity;
	return visit(w, name, false);
}

/* The chosen one's callback decides, and not the endpoint's. */
static void callbacks(void)
{
	struct world w = { .sessions = 0 };

	other_begin();
	kdtls_config_set_verify(other, KDTLS_VERIFY_REQUIRED);
	pki_trust(other);
	kdtls_config_set_ssl_ctx_hook(other, pin_hook, NULL);
	verified = pinned_to = 0;
	NEED(open_server(&w));
	CHECK_EQ(visit_as(&w, "rsa.test", pki_config), -1);
	CHECK(verified > 0);
	pinned_to = 1;
	CHECK_EQ(visit_as(&w, "rsa.test", pki_config), 0);
	kdtls_endpoint_destroy(w.server);
	kdtls_config_free(other);

	memset(&w, 0, sizeof(w));
	other_begin();
	kdtls_config_set_verify(other, KDTLS_VERIFY_REQUIRED);
	pki_trust(other);
	NEED(open_server_with_hook(&w));
	/* A certificate that is trusted, and one that is not. */
	CHECK_EQ(visit_as(&w, "rsa.test", pki_config), 0);
	CHECK_EQ(visit_as(&w, "rsa.test", pki_config_rsa), -1);
	client_identity = NULL;
	kdtls_endpoint_destroy(w.server);
	kdtls_config_free(other);
}

static char hinted[64];

static ssize_t find(struct kdtls_session *s, const char *identity, void *key,
		    size_t size, void *arg)
{
	(void)s;
	(void)size;
	(void)arg;
	memset(key, 7, 16);
	return strcmp(identity, "me") ? 0 : 16;
}

static ssize_t choose_psk(struct kdtls_session *s, const char *hint,
			  char *identity, size_t identity_size, void *key,
			  size_t key_size, void *arg)
{
	(void)s;
	(void)key_size;
	(void)arg;
	snprintf(hinted, sizeof(hinted), "%s", hint);
	snprintf(identity, identity_size, "me");
	memset(key, 7, 16);
	return 16;
}

static void with_psk(struct kdtls_config *config)
{
	kdtls_config_set_psk_choose(config, choose_psk, NULL);
}

/* Keys, hint and suites for them are the endpoint's, whatever is chosen. */
static void pre_shared(void)
{
	struct world w = { .sessions = 0 };
	struct kdtls_config *config;

	other = kdtls_config_new();
	config = server_config(&w, KDTLS_OFFLOAD_AUTO);
	kdtls_config_set_sni(config, choose, &answer);
	kdtls_config_set_psk_find(config, find, NULL);
	kdtls_config_set_psk_hint(config, "which");
	NEED(world_open(&w, config, client_config(&w, KDTLS_OFFLOAD_AUTO),
			"127.0.0.1"));
	kdtls_endpoint_destroy(w.client);
	CHECK_EQ(visit_as(&w, "rsa.test", with_psk), 0);
	CHECK(!strcmp(hinted, "which"));
	client_identity = NULL;
	kdtls_endpoint_destroy(w.server);
	kdtls_config_free(other);
}

static const struct tap_test tests[] = {
	{ "certificates by name", by_name },
	{ "names that are refused", refused },
	{ "a session is resumed under its conditions only", not_by_ticket },
	{ "a session is resumed under its name only", not_another_name },
	{ "who demands a certificate", demands },
	{ "who verifies it", callbacks },
	{ "pre-shared keys are the endpoint's", pre_shared },
};

int main(void)
{
	world_begin();
	return tap_run(tests, sizeof(tests) / sizeof(tests[0]));
}
