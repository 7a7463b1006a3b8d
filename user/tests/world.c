// SPDX-License-Identifier: GPL-2.0
#include <string.h>
#include <time.h>

#include <openssl/x509.h>

#include "world.h"

bool have_kernel;

void world_begin(void)
{
	have_kernel = !kdtls_probe();
	printf("# %s\n", have_kernel ? "this kernel has kdtls" :
				       "no kdtls here: a pretended kernel");
}

/* ---- callbacks ---- */

static struct world *world_of(void *arg)
{
	return arg;
}

/* All that can be asked can be asked at any time. */
static void ask(struct kdtls_session *s)
{
	struct kdtls_session_info i;
	u8 buf[8];

	CHECK(!kdtls_session_info(s, &i, sizeof(i)));
	CHECK(i.offload_reason && i.protocol && i.cipher && i.alpn);
	CHECK(kdtls_session_error(s) && kdtls_session_endpoint(s));
	CHECK(kdtls_session_fd(s) >= 0);
	CHECK_EQ(kdtls_recv(s, buf, sizeof(buf)), -EOPNOTSUPP);
	X509_free(kdtls_session_peer_certificate(s));
	kdtls_session_export(s, "x", NULL, 0, buf, sizeof(buf));
	if (i.state != KDTLS_SESSION_OPEN)
		CHECK(kdtls_send(s, buf, 1) < 0);
}

static void on_session(struct kdtls_session *s, void *arg)
{
	ask(s);
	world_of(arg)->sessions++;
	world_of(arg)->peer = s;
}

static void on_server_open(struct kdtls_session *s, void *arg)
{
	struct world *w = arg;

	ask(s);
	w->server_opened++;
	if (w->on_server_open)
		w->on_server_open(w, s);
}

static void on_server_message(struct kdtls_session *s, const void *buf,
			      size_t len, void *arg)
{
	if (!world_of(arg)->echo_off)
		CHECK_EQ(kdtls_send(s, buf, len), len);
}

static void on_server_close(struct kdtls_session *s, int err, void *arg)
{
	struct world *w = arg;

	ask(s);
	w->closed++;
	w->server_close_err = err;
	if (w->peer == s)
		w->peer = NULL;
}

static void on_open(struct kdtls_session *s, void *arg)
{
	struct world *w = arg;

	w->opened++;
	if (w->on_open)
		w->on_open(w, s);
}

static void on_message(struct kdtls_session *s, const void *buf, size_t len,
		       void *arg)
{
	struct world *w = arg;

	w->messages++;
	w->bytes += len;
	memcpy(w->last, buf, len);
	w->last_len = len;
}

static void on_close(struct kdtls_session *s, int err, void *arg)
{
	struct world *w = arg;

	ask(s);
	w->closed++;
	w->close_err = err;
	if (w->s == s)
		w->s = NULL;
}

static void on_error(struct kdtls_session *s, int err, const char *text,
		     void *arg)
{
	struct world *w = arg;

	if (s)
		ask(s);
	w->errors++;
	snprintf(w->error, sizeof(w->error), "%s", text);
}

static void on_keylog(const char *line, void *arg)
{
	world_of(arg)->keylogs++;
}

struct kdtls_config *server_config(struct world *w,
				   enum kdtls_offload offload)
{
	const struct kdtls_callbacks cb = {
		.size = sizeof(cb),
		.session = on_session,
		.handshake = on_server_open,
		.message = on_server_message,
		.close = on_server_close,
		.error = on_error,
	};
	struct kdtls_config *config = kdtls_config_new();

	kdtls_config_set_callbacks(config, &cb, w);
	kdtls_config_set_offload(config, offload);
	pki_config(config);
	return config;
}

struct kdtls_config *client_config(struct world *w,
				   enum kdtls_offload offload)
{
	const struct kdtls_callbacks cb = {
		.size = sizeof(cb),
		.handshake = on_open,
		.message = on_message,
		.close = on_close,
		.error = on_error,
		.keylog = on_keylog,
	};
	struct kdtls_config *config = kdtls_config_new();

	kdtls_config_set_callbacks(config, &cb, w);
	kdtls_config_set_offload(config, offload);
	kdtls_config_set_verify(config, KDTLS_VERIFY_NONE);
	return config;
}

bool world_open(struct world *w, struct kdtls_config *server,
		struct kdtls_config *client, const char *host)
{
	struct sockaddr_storage ss;
	socklen_t len = sizeof(ss);
	int err;

	err = kdtls_listen(server, host, "0", &w->server);
	if (!err)
		err = kdtls_endpoint_new(client, &w->client);
	kdtls_config_free(server);
	kdtls_config_free(client);
	if (err) {
		printf("# %s\n", kdtls_last_error());
		return false;
	}
	kdtls_endpoint_address(w->server, (struct sockaddr *)&ss, &len);
	port_of(&ss, w->port, sizeof(w->port));
	return true;
}

bool world_new(struct world *w, enum kdtls_offload server,
	       enum kdtls_offload client)
{
	return world_open(w, server_config(w, server),
			  client_config(w, client), "127.0.0.1");
}

void world_end(struct world *w)
{
	CHECK(!kdtls_endpoint_destroy(w->client));
	CHECK(!kdtls_endpoint_destroy(w->server));
}

/* ---- time ---- */

long ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

void turn(struct world *w)
{
	if (w->on_turn)
		w->on_turn(w);
	if (w->server)
		kdtls_dispatch(w->server, 0);
	if (w->proxy)
		proxy_pump(w->proxy);
	if (w->client)
		kdtls_dispatch(w->client, 1);
	if (w->proxy)
		proxy_pump(w->proxy);
}

bool world_connect(struct world *w)
{
	int opened = w->opened, server_opened = w->server_opened;
	const char *port = w->proxy ? w->proxy->port : w->port;

	if (kdtls_endpoint_connect(w->client, "127.0.0.1", port, &w->s)) {
		printf("# %s\n", kdtls_last_error());
		return false;
	}
	UNTIL(w, w->opened > opened && w->server_opened > server_opened);
	return w->opened > opened;
}

void echo(struct world *w, size_t len)
{
	static unsigned char buf[20000];
	int before = w->messages;
	size_t i;

	NEED(w->s);
	for (i = 0; i < len; i++)
		buf[i] = (unsigned char)(i * 7 + len);
	CHECK_EQ(kdtls_send(w->s, buf, len), len);
	UNTIL(w, w->messages > before);
	CHECK_EQ(w->last_len, len);
	CHECK(!memcmp(w->last, buf, len));
}

void use_kernel(bool on)
{
	if (!have_kernel)
		fake_kernel(on);
}
