// SPDX-License-Identifier: GPL-2.0
/*
 * Endpoints and sessions over loopback, carried by OpenSSL and by the kernel: the
 * real one if it has kdtls, otherwise one that fake_kernel.c pretends.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <kdtls.h>

#include "pair.h"
#include "world.h"

#define GCM256	"ECDHE-ECDSA-AES256-GCM-SHA384"
#define CCM8	"ECDHE-ECDSA-AES128-CCM8"

/* ---- tests ---- */

static void sizes(enum kdtls_offload server, enum kdtls_offload client)
{
	struct world w = { .sessions = 0 };
	struct kdtls_session_info i;
	size_t len;

	use_kernel(true);
	NEED(world_new(&w, server, client));
	NEED(world_connect(&w));
	for (len = 1; len <= 1400; len = len * 3 / 2 + 1)
		echo(&w, len);
	echo(&w, 16384);
	CHECK_EQ(kdtls_send(w.s, w.last, 16385), -EMSGSIZE);

	kdtls_session_info(w.s, &i, sizeof(i));
	CHECK_EQ(i.offloaded, client != KDTLS_OFFLOAD_OFF);
	CHECK_EQ(i.tx_epoch, 1);
	CHECK_EQ(i.tx_seq, 1 + i.messages_sent);
	CHECK_EQ(i.rx_seq, 1 + i.messages_received);
	CHECK_EQ(i.overhead, 37);
	CHECK(!strcmp(i.protocol, "DTLSv1.2"));
	kdtls_session_info(w.peer, &i, sizeof(i));
	CHECK_EQ(i.offloaded, server != KDTLS_OFFLOAD_OFF);
	CHECK(i.server);
	CHECK(w.keylogs > 0);
	world_end(&w);
	use_kernel(false);
}

static void openssl_to_openssl(void)
{
	sizes(KDTLS_OFFLOAD_OFF, KDTLS_OFFLOAD_OFF);
}

static void kernel_to_kernel(void)
{
	sizes(KDTLS_OFFLOAD_REQUIRE, KDTLS_OFFLOAD_REQUIRE);
}

static void kernel_to_openssl(void)
{
	sizes(KDTLS_OFFLOAD_REQUIRE, KDTLS_OFFLOAD_OFF);
}

static void openssl_to_kernel(void)
{
	sizes(KDTLS_OFFLOAD_OFF, KDTLS_OFFLOAD_REQUIRE);
}

/* A server of default suites, unless @serve is set. */
static void cipher(const char *list, const char *serve, unsigned int overhead)
{
	struct kdtls_config *server, *client;
	struct world w = { .sessions = 0 };
	struct kdtls_session_info i;

	use_kernel(true);
	server = server_config(&w, KDTLS_OFFLOAD_REQUIRE);
	client = client_config(&w, KDTLS_OFFLOAD_OFF);
	kdtls_config_set_ciphers(server, serve);
	kdtls_config_set_ciphers(client, list);
	NEED(world_open(&w, server, client, "127.0.0.1"));
	NEED(world_connect(&w));
	echo(&w, 1000);
	echo(&w, 1);
	NEED(w.peer);
	kdtls_session_info(w.peer, &i, sizeof(i));
	CHECK_EQ(i.overhead, overhead);
	CHECK(!strcmp(i.cipher, list));
	world_end(&w);
	use_kernel(false);
}

static void ciphers(void)
{
	cipher("ECDHE-ECDSA-AES128-GCM-SHA256", NULL, 37);
	cipher("ECDHE-ECDSA-AES256-GCM-SHA384", NULL, 37);
	cipher("ECDHE-ECDSA-CHACHA20-POLY1305", NULL, 29);
	cipher("ECDHE-ECDSA-AES128-CCM", NULL, 37);
	cipher("ECDHE-ECDSA-AES256-CCM", NULL, 37);
	cipher(CCM8, CCM8, 29);
}

/* A client that has nothing else gets no short tag unless the server says so. */
static void short_tags_are_asked_for(void)
{
	struct kdtls_config *client;
	struct world w = { .sessions = 0 };

	use_kernel(true);
	client = client_config(&w, KDTLS_OFFLOAD_AUTO);
	kdtls_config_set_ciphers(client, CCM8);
	NEED(world_open(&w, server_config(&w, KDTLS_OFFLOAD_AUTO), client,
			"127.0.0.1"));
	NEED(!kdtls_endpoint_connect(w.client, "127.0.0.1", w.port, &w.s));
	UNTIL(&w, w.closed == 2);
	CHECK_EQ(w.opened, 0);
	world_end(&w);
	use_kernel(false);
}

/* OpenSSL has suites that kdtls does not have: it carries them itself. */
static void suite_of_openssl(const char *name)
{
	struct kdtls_config *server, *client;
	struct world w = { .sessions = 0 };
	struct kdtls_session_info i;

	use_kernel(true);
	server = server_config(&w, KDTLS_OFFLOAD_AUTO);
	client = client_config(&w, KDTLS_OFFLOAD_AUTO);
	kdtls_config_set_ciphers(server, name);
	kdtls_config_set_ciphers(client, name);
	NEED(world_open(&w, server, client, "127.0.0.1"));
	NEED(world_connect(&w));
	echo(&w, 1000);
	kdtls_session_info(w.s, &i, sizeof(i));
	CHECK_EQ(i.offloaded, 0);
	CHECK(strstr(i.offload_reason, name));
	kdtls_session_info(w.peer, &i, sizeof(i));
	CHECK_EQ(i.offloaded, 0);
	CHECK(strstr(i.offload_reason, name));
	world_end(&w);
	use_kernel(false);
}

static void suites_of_openssl(void)
{
	suite_of_openssl("ECDHE-ECDSA-AES256-CCM8");
	suite_of_openssl("ECDHE-ECDSA-AES128-SHA256");
}

static void train(enum kdtls_offload offload)
{
	static unsigned char buf[20 * 1000 + 77];
	struct world w = { .echo_off = false };

	use_kernel(true);
	NEED(world_new(&w, offload, offload));
	NEED(world_connect(&w));
	CHECK_EQ(kdtls_send_train(w.s, buf, sizeof(buf), 1000), sizeof(buf));
	UNTIL(&w, w.bytes == sizeof(buf));
	CHECK_EQ(w.messages, 21);
	CHECK_EQ(w.last_len, 77);
	CHECK_EQ(kdtls_send_train(w.s, buf, 10, 0), -EMSGSIZE);
	world_end(&w);
	use_kernel(false);
}

static void trains(void)
{
	train(KDTLS_OFFLOAD_OFF);
	train(KDTLS_OFFLOAD_REQUIRE);
}

static void close_from(enum kdtls_offload offload, bool client)
{
	struct world w = { .echo_off = false };

	use_kernel(true);
	NEED(world_new(&w, offload, offload));
	NEED(world_connect(&w));
	echo(&w, 100);
	NEED(w.peer);
	CHECK(!kdtls_close(client ? w.s : w.peer));
	CHECK_EQ(kdtls_send(client ? w.s : w.peer, "x", 1), -EPIPE);
	UNTIL(&w, w.closed == 2);
	CHECK_EQ(w.close_err, 0);
	CHECK_EQ(w.errors, 0);
	world_end(&w);
	use_kernel(false);
}

static void closing(void)
{
	close_from(KDTLS_OFFLOAD_OFF, true);
	close_from(KDTLS_OFFLOAD_OFF, false);
	close_from(KDTLS_OFFLOAD_REQUIRE, true);
	close_from(KDTLS_OFFLOAD_REQUIRE, false);
}

static void endpoint_close(void)
{
	struct world w = { .echo_off = false };
	struct kdtls_endpoint_info i;

	NEED(world_new(&w, KDTLS_OFFLOAD_OFF, KDTLS_OFFLOAD_OFF));
	NEED(world_connect(&w));
	NEED(world_connect(&w));
	kdtls_endpoint_close(w.server);
	UNTIL(&w, w.closed == 4);
	kdtls_endpoint_info(w.server, &i, sizeof(i));
	CHECK_EQ(i.session_count, 0);
	CHECK_EQ(i.server_sessions, 2);
	CHECK_EQ(i.listening, 0);
	world_end(&w);
}

/* Many at once: the peers' datagrams meet in one another's new sockets. */
static void crowd(void)
{
	struct kdtls_endpoint_info i;
	struct world w = { .echo_off = false };
	struct kdtls_session *s[100];
	int n;

	use_kernel(true);
	NEED(world_new(&w, KDTLS_OFFLOAD_AUTO, KDTLS_OFFLOAD_OFF));
	for (n = 0; n < 100; n++)
		NEED(!kdtls_endpoint_connect(w.client, "127.0.0.1", w.port,
					     &s[n]));
	UNTIL(&w, w.opened == 100);
	NEED(w.opened == 100);
	for (n = 0; n < 100; n++)
		CHECK_EQ(kdtls_send(s[n], "all", 3), 3);
	UNTIL(&w, w.messages == 100);
	kdtls_endpoint_info(w.server, &i, sizeof(i));
	CHECK_EQ(i.session_count, 100);
	CHECK_EQ(i.offloaded, 100);
	CHECK_EQ(i.dropped_junk, 0);
	for (n = 0; n < 100; n++)
		kdtls_close(s[n]);
	UNTIL(&w, w.closed == 200);
	CHECK_EQ(w.errors, 0);
	world_end(&w);
	use_kernel(false);
}

/* ---- strangers on a peer's socket, before it is connected ---- */

#define STRANGERS 32

static int strangers[STRANGERS];
static u8 stranger_hello[2048];
static size_t stranger_hello_len;

static void strangers_speak(int fd)
{
	int i;

	fake_before_connect = NULL;
	for (i = 0; i < STRANGERS; i++)
		CHECK(send(strangers[i], stranger_hello, stranger_hello_len,
			   0) > 0);
}

static int stranger(const struct world *w);

/* Between bind() and connect() a peer's socket gets others' ClientHellos. */
static void no_hello_is_lost(void)
{
	struct world w = { .echo_off = false };
	struct kdtls_endpoint_info i;
	struct pair p;
	u8 answer[256];
	int n;

	use_kernel(true);
	/* The kernel needs no such socket. */
	NEED(world_new(&w, KDTLS_OFFLOAD_OFF, KDTLS_OFFLOAD_OFF));
	pair_init(&p, "ECDHE-ECDSA-AES128-GCM-SHA256", "EC");
	pair_connect(&p, NULL);
	SSL_do_handshake(p.client.ssl);
	memcpy(stranger_hello, p.client.last, p.client.last_len);
	stranger_hello_len = p.client.last_len;
	pair_free(&p);
	for (n = 0; n < STRANGERS; n++)
		strangers[n] = stranger(&w);

	NEED(!kdtls_endpoint_connect(w.client, "127.0.0.1", w.port, &w.s));
	/* The client is connected: the next connect() is that of the server. */
	fake_before_connect = strangers_speak;
	UNTIL(&w, w.opened == 1);
	CHECK(!fake_before_connect);
	echo(&w, 10);
	for (n = 0; n < STRANGERS; n++) {
		CHECK(recv(strangers[n], answer, sizeof(answer), 0) > 0);
		close(strangers[n]);
	}
	kdtls_endpoint_info(w.server, &i, sizeof(i));
	CHECK_EQ(i.cookies_sent, STRANGERS + 1);
	world_end(&w);
	use_kernel(false);
}

/* ---- strangers ---- */

/* Of the address sanitizer, whose header gcc does not bring. */
int __sanitizer_install_malloc_and_free_hooks(
	void (*on_malloc)(const volatile void *p, size_t size),
	void (*on_free)(const volatile void *p));

static volatile unsigned long allocations;

static void on_malloc(const volatile void *p, size_t size)
{
	allocations++;
}

static void on_free(const volatile void *p)
{
}

static int stranger(const struct world *w)
{
	struct sockaddr_in in = {
		.sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
		.sin_port = htons((uint16_t)atoi(w->port)),
	};
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);

	if (connect(fd, (struct sockaddr *)&in, sizeof(in)))
		CHECK(!"connect");
	return fd;
}

static void junk_costs_nothing(void)
{
	struct world w = { .echo_off = false };
	struct kdtls_endpoint_info i;
	u8 buf[512], rec[600];
	int fd, n;

	NEED(world_new(&w, KDTLS_OFFLOAD_OFF, KDTLS_OFFLOAD_OFF));
	fd = stranger(&w);
	__sanitizer_install_malloc_and_free_hooks(on_malloc, on_free);
	srand(2);
	for (n = 0; n < 500; n++) {
		size_t len = (size_t)rand() % sizeof(buf), at;

		for (at = 0; at < len; at++)
			buf[at] = (u8)rand();
		if (send(fd, buf, len, 0) < 0)
			continue;
		len = pair_forge(rec, DTLS_CT_HANDSHAKE, (u64)n, 500);
		if (send(fd, rec, len, 0) < 0)
			continue;
		allocations = 0;
		kdtls_dispatch(w.server, 10);
		CHECK_EQ(allocations, 0);
	}
	while (kdtls_dispatch(w.server, 0) > 0)
		;
	kdtls_endpoint_info(w.server, &i, sizeof(i));
	CHECK_EQ(i.dropped_junk, 1000);
	CHECK_EQ(i.session_count, 0);
	CHECK_EQ(i.cookies_sent, 0);
	CHECK_EQ(recv(fd, buf, sizeof(buf), 0), -1);

	/* And a real one still gets through. */
	NEED(world_connect(&w));
	echo(&w, 50);
	close(fd);
	world_end(&w);
}

/* A ClientHello without a cookie makes nothing but an answer, never larger. */
static void cookie_first(void)
{
	struct kdtls_endpoint_info i;
	struct world w = { .echo_off = false };
	u8 answer[2048];
	struct pair p;
	int fd, other, n;
	ssize_t len = -1;

	NEED(world_new(&w, KDTLS_OFFLOAD_OFF, KDTLS_OFFLOAD_OFF));
	pair_init(&p, "ECDHE-ECDSA-AES128-GCM-SHA256", "EC");
	pair_connect(&p, NULL);
	SSL_do_handshake(p.client.ssl);
	fd = stranger(&w);
	kdtls_put_be48(p.client.last + 5, 0x123456);
	for (n = 0; n < 20; n++) {
		CHECK(send(fd, p.client.last, p.client.last_len, 0) > 0);
		kdtls_dispatch(w.server, 100);
		len = recv(fd, answer, sizeof(answer), 0);
		CHECK(len > 0 && (size_t)len <= p.client.last_len);
	}
	CHECK_EQ(answer[KDTLS_HEADER_LEN], 3);
	CHECK_EQ(kdtls_get_be48(answer + 5), 0x123456);
	kdtls_endpoint_info(w.server, &i, sizeof(i));
	CHECK_EQ(i.cookies_sent, 20);
	CHECK_EQ(i.session_count, 0);
	CHECK_EQ(w.sessions, 0);

	/* A cookie is for who asked, and for nobody else. */
	kdtls_queue_put(&p.client.inbox, answer, (size_t)len);
	pair_step(&p.client);
	CHECK(p.client.written >= 2);
	other = stranger(&w);
	CHECK(send(other, p.client.last, p.client.last_len, 0) > 0);
	kdtls_dispatch(w.server, 100);
	CHECK_EQ(w.sessions, 0);
	CHECK(recv(other, answer, sizeof(answer), 0) > 0);
	CHECK_EQ(answer[KDTLS_HEADER_LEN], 3);
	CHECK(send(fd, p.client.last, p.client.last_len, 0) > 0);
	kdtls_dispatch(w.server, 100);
	CHECK_EQ(w.sessions, 1);
	close(other);
	close(fd);
	pair_free(&p);
	world_end(&w);
}

static void busy_and_full(void)
{
	struct kdtls_config *server, *client;
	struct kdtls_endpoint_info i;
	struct world w = { .echo_off = false };
	long until;

	server = server_config(&w, KDTLS_OFFLOAD_OFF);
	client = client_config(&w, KDTLS_OFFLOAD_OFF);
	kdtls_config_set_max_sessions(server, 1);
	kdtls_config_set_handshake_timeout(client, 300);
	NEED(world_open(&w, server, client, "127.0.0.1"));

	kdtls_endpoint_set_busy(w.server, 1);
	NEED(!kdtls_endpoint_connect(w.client, "127.0.0.1", w.port, &w.s));
	UNTIL(&w, w.closed == 1);
	CHECK_EQ(w.close_err, -ETIMEDOUT);
	kdtls_endpoint_info(w.server, &i, sizeof(i));
	CHECK(i.server_busy_count >= 1);
	CHECK_EQ(i.server_sessions, 0);
	kdtls_endpoint_set_busy(w.server, 0);

	NEED(world_connect(&w));
	NEED(!kdtls_endpoint_connect(w.client, "127.0.0.1", w.port, &w.s));
	until = ms() + 400;
	while (ms() < until)
		turn(&w);
	CHECK_EQ(w.opened, 1);
	kdtls_endpoint_info(w.server, &i, sizeof(i));
	CHECK(i.dropped_limit >= 1);
	CHECK_EQ(i.session_count, 1);
	world_end(&w);
}

/* ---- addresses ---- */

static void right_address(void)
{
	struct world w = { .echo_off = false };
	struct kdtls_session_info i;
	const struct sockaddr_in *in = (const void *)&i.local;

	NEED(world_open(&w, server_config(&w, KDTLS_OFFLOAD_OFF),
			client_config(&w, KDTLS_OFFLOAD_OFF), "0.0.0.0"));
	NEED(!kdtls_endpoint_connect(w.client, "127.0.0.2", w.port, &w.s));
	UNTIL(&w, w.opened == 1);
	echo(&w, 10);
	NEED(w.peer);
	kdtls_session_info(w.peer, &i, sizeof(i));
	CHECK_EQ(ntohl(in->sin_addr.s_addr), 0x7f000002);
	world_end(&w);
}

static void ipv6(void)
{
	struct world w = { .echo_off = false };
	int fd = socket(AF_INET6, SOCK_DGRAM, 0);
	struct sockaddr_in6 in6 = {
		.sin6_family = AF_INET6,
		.sin6_addr = IN6ADDR_LOOPBACK_INIT,
	};

	if (fd < 0 || bind(fd, (struct sockaddr *)&in6, sizeof(in6))) {
		printf("# no IPv6 here\n");
		close(fd);
		return;
	}
	close(fd);
	use_kernel(true);
	NEED(world_open(&w, server_config(&w, KDTLS_OFFLOAD_AUTO),
			client_config(&w, KDTLS_OFFLOAD_AUTO), "::"));
	NEED(!kdtls_endpoint_connect(w.client, "::1", w.port, &w.s));
	UNTIL(&w, w.opened == 1);
	echo(&w, 1200);
	NEED(!kdtls_endpoint_connect(w.client, "127.0.0.1", w.port, &w.s));
	UNTIL(&w, w.opened == 2);
	echo(&w, 1200);
	world_end(&w);
	use_kernel(false);
}

/* The first address refuses, the second does not: no second is lost on it. */
static void next_address(void)
{
	struct world w = { .echo_off = false };
	struct kdtls_session_info i;
	long began;

	use_kernel(true);
	NEED(world_new(&w, KDTLS_OFFLOAD_AUTO, KDTLS_OFFLOAD_AUTO));
	began = ms();
	NEED(!kdtls_endpoint_connect(w.client, "two.test", w.port, &w.s));
	UNTIL(&w, w.opened == 1);
	CHECK(have_kernel || ms() - began < 800);
	echo(&w, 100);
	kdtls_session_info(w.s, &i, sizeof(i));
	CHECK_EQ(ntohl(((struct sockaddr_in *)&i.peer)->sin_addr.s_addr),
		 INADDR_LOOPBACK);
	world_end(&w);
	use_kernel(false);
}

/* ---- failures ---- */

static void nobody_there(void)
{
	struct kdtls_config *client;
	struct world w = { .echo_off = false };

	client = client_config(&w, KDTLS_OFFLOAD_OFF);
	kdtls_config_set_handshake_timeout(client, 200);
	NEED(world_open(&w, server_config(&w, KDTLS_OFFLOAD_OFF), client,
			"127.0.0.1"));
	/* Port 9 says no, by ICMP, and that is believed only at the end. */
	NEED(!kdtls_endpoint_connect(w.client, "127.0.0.1", "9", &w.s));
	UNTIL(&w, w.closed == 1);
	CHECK_EQ(w.close_err, -ETIMEDOUT);
	CHECK(strstr(w.error, "200 ms"));
	CHECK(strstr(w.error, "refused"));
	world_end(&w);
}

/* Refusals only: no need to wait for the whole time. */
static void refusing_port(void)
{
	struct world w = { .echo_off = false };
	long began = ms();

	NEED(world_new(&w, KDTLS_OFFLOAD_OFF, KDTLS_OFFLOAD_OFF));
	NEED(!kdtls_endpoint_connect(w.client, "127.0.0.1", "9", &w.s));
	UNTIL(&w, w.closed == 1);
	CHECK_EQ(w.close_err, -ECONNREFUSED);
	CHECK(ms() - began > 1500 && ms() - began < 6000);
	world_end(&w);
}

static void certificates(void)
{
	struct kdtls_config *client;
	struct world w = { .echo_off = false };

	client = client_config(&w, KDTLS_OFFLOAD_OFF);
	kdtls_config_set_verify(client, KDTLS_VERIFY_DEFAULT);
	pki_trust(client);
	NEED(world_open(&w, server_config(&w, KDTLS_OFFLOAD_OFF), client,
			"127.0.0.1"));
	NEED(world_connect(&w));
	/* The certificate is not for this address. */
	NEED(!kdtls_endpoint_connect(w.client, "127.0.0.3", w.port, &w.s));
	world_end(&w);

	memset(&w, 0, sizeof(w));
	client = client_config(&w, KDTLS_OFFLOAD_OFF);
	kdtls_config_set_verify(client, KDTLS_VERIFY_DEFAULT);
	NEED(world_open(&w, server_config(&w, KDTLS_OFFLOAD_OFF), client,
			"0.0.0.0"));
	NEED(!kdtls_endpoint_connect(w.client, "127.0.0.1", w.port, &w.s));
	UNTIL(&w, w.closed == 2);
	CHECK_EQ(w.opened, 0);
	CHECK(strstr(w.error, "verify") || strstr(w.error, "handshake"));
	world_end(&w);
}

static void wrong_name(void)
{
	struct kdtls_config *client;
	struct world w = { .echo_off = false };

	client = client_config(&w, KDTLS_OFFLOAD_OFF);
	kdtls_config_set_verify(client, KDTLS_VERIFY_REQUIRED);
	pki_trust(client);
	NEED(world_open(&w, server_config(&w, KDTLS_OFFLOAD_OFF), client,
			"0.0.0.0"));
	NEED(!kdtls_endpoint_connect(w.client, "127.0.0.3", w.port, &w.s));
	UNTIL(&w, w.closed == 2);
	CHECK_EQ(w.opened, 0);
	CHECK_EQ(w.close_err, -EACCES);
	world_end(&w);
}

static void bad_configurations(void)
{
	struct kdtls_config *config = kdtls_config_new();
	struct kdtls_endpoint *ep = NULL;

	CHECK_EQ(kdtls_config_set_mtu(config, 255), -EINVAL);
	CHECK_EQ(kdtls_config_set_mtu(config, 65536), -EINVAL);
	CHECK_EQ(kdtls_config_set_mtu(config, 256), 0);
	CHECK_EQ(kdtls_config_set_window(config, 31), -EINVAL);
	CHECK_EQ(kdtls_listen(config, "127.0.0.1", "0", &ep), -EINVAL);
	CHECK(strstr(kdtls_last_error(), "certificate"));
	CHECK_EQ(kdtls_config_set_cert_file(config, "/nonexistent"), 0);
	CHECK_EQ(kdtls_config_set_key_file(config, "/nonexistent"), 0);
	CHECK_EQ(kdtls_listen(config, "127.0.0.1", "0", &ep), -EINVAL);
	CHECK(strstr(kdtls_last_error(), "/nonexistent"));
	pki_config(config);
	CHECK_EQ(kdtls_config_set_ciphers(config, "NONSENSE"), 0);
	CHECK_EQ(kdtls_listen(config, "127.0.0.1", "0", &ep), -EINVAL);
	CHECK(strstr(kdtls_last_error(), "NONSENSE"));
	kdtls_config_set_ciphers(config, NULL);
	CHECK_EQ(kdtls_listen(config, "192.0.2.1", "0", &ep), -EADDRNOTAVAIL);
	CHECK_EQ(kdtls_listen(config, "127.0.0.1", "0", &ep), 0);
	CHECK_EQ(kdtls_config_set_mtu(config, 1000), -EBUSY);
	kdtls_endpoint_destroy(ep);
	CHECK_EQ(kdtls_config_set_mtu(config, 1000), 0);
	kdtls_config_free(config);
}

static void small_mtu(void)
{
	struct kdtls_config *server;
	struct world w = { .echo_off = false };

	server = server_config(&w, KDTLS_OFFLOAD_OFF);
	kdtls_config_set_mtu(server, 256);
	NEED(world_open(&w, server, client_config(&w, KDTLS_OFFLOAD_OFF),
			"127.0.0.1"));
	NEED(world_connect(&w));
	echo(&w, 1000);
	world_end(&w);
}

static void require_without_module(void)
{
	struct world w = { .echo_off = false };
	struct kdtls_config *config;
	struct kdtls_endpoint *ep = NULL;

	if (have_kernel) {
		printf("# this kernel has the module\n");
		return;
	}
	config = server_config(&w, KDTLS_OFFLOAD_REQUIRE);
	CHECK_EQ(kdtls_listen(config, "127.0.0.1", "0", &ep), -ENOPROTOOPT);
	CHECK(strstr(kdtls_last_error(), "modprobe"));
	CHECK(!ep);
	kdtls_config_free(config);

	/* auto says why it is not offloaded. */
	NEED(world_new(&w, KDTLS_OFFLOAD_AUTO, KDTLS_OFFLOAD_AUTO));
	NEED(world_connect(&w));
	echo(&w, 10);
	{
		struct kdtls_session_info i;

		kdtls_session_info(w.s, &i, sizeof(i));
		CHECK_EQ(i.offloaded, 0);
		CHECK(strstr(i.offload_reason, "modprobe"));
	}
	world_end(&w);
}

static void kernel_without_cipher(void)
{
	struct world w = { .echo_off = false };
	struct kdtls_session_info i;

	if (have_kernel) {
		printf("# only a pretended kernel can be made to fail\n");
		return;
	}
	use_kernel(true);
	NEED(world_new(&w, KDTLS_OFFLOAD_AUTO, KDTLS_OFFLOAD_OFF));
	fake_fail_rx = ENOENT;
	NEED(world_connect(&w));
	echo(&w, 100);
	kdtls_session_info(w.peer, &i, sizeof(i));
	CHECK_EQ(i.offloaded, 0);
	CHECK(strstr(i.offload_reason, "AES-128-GCM"));
	world_end(&w);

	/* Required is required. */
	memset(&w, 0, sizeof(w));
	NEED(world_new(&w, KDTLS_OFFLOAD_REQUIRE, KDTLS_OFFLOAD_OFF));
	fake_fail_rx = ENOENT;
	NEED(!kdtls_endpoint_connect(w.client, "127.0.0.1", w.port, &w.s));
	UNTIL(&w, w.closed == 2);
	CHECK_EQ(w.server_opened, 0);
	CHECK(strstr(w.error, "required"));
	world_end(&w);

	/* An endpoint's session gets both keys or none. */
	memset(&w, 0, sizeof(w));
	NEED(world_new(&w, KDTLS_OFFLOAD_AUTO, KDTLS_OFFLOAD_OFF));
	fake_fail_tx = ENOMEM;
	NEED(world_connect(&w));
	echo(&w, 100);
	kdtls_session_info(w.peer, &i, sizeof(i));
	CHECK_EQ(i.offloaded, 0);
	world_end(&w);

	/* When the second key fails there is no way back, and no silence. */
	memset(&w, 0, sizeof(w));
	NEED(world_new(&w, KDTLS_OFFLOAD_OFF, KDTLS_OFFLOAD_AUTO));
	fake_fail_tx = ENOMEM;
	NEED(!kdtls_endpoint_connect(w.client, "127.0.0.1", w.port, &w.s));
	UNTIL(&w, w.errors >= 1);
	CHECK(strstr(w.error, "half-way"));
	world_end(&w);
	use_kernel(false);
}

/* ---- the last flight ---- */

/* The server is in the kernel already when the client misses its Finished. */
static void answered_flight(void)
{
	struct world w = { .echo_off = false };
	struct proxy x = { .lose_finished = 2 };
	struct kdtls_session_info i;

	use_kernel(true);
	NEED(world_new(&w, KDTLS_OFFLOAD_REQUIRE, KDTLS_OFFLOAD_OFF));
	NEED(!proxy_open(&x, w.port));
	w.proxy = &x;
	NEED(world_connect(&w));
	CHECK_EQ(x.lost, 2);
	CHECK_EQ(w.server_opened, 1);
	echo(&w, 1000);
	echo(&w, 1);
	NEED(w.peer);
	kdtls_session_info(w.peer, &i, sizeof(i));
	CHECK(i.flights_answered >= 2);
	/* OpenSSL's Finished, the repeated ones, and the data. */
	CHECK_EQ(i.tx_seq, 1 + i.flights_answered + 2);
	if (!have_kernel) {
		CHECK_EQ(fake_seen.tx_seq, 1);
		CHECK(fake_seen.raw_sent >= 2);
		CHECK_EQ(fake_seen.raw_refused, 0);
	}
	world_end(&w);
	proxy_close(&x);
	use_kernel(false);
}

/* After its time the flight is forgotten. */
static void forgotten_flight(void)
{
	struct world w = { .echo_off = false };
	struct kdtls_config *server, *client;
	struct proxy x = { .lose_finished = 100 };
	struct kdtls_session_info i;

	use_kernel(true);
	server = server_config(&w, KDTLS_OFFLOAD_REQUIRE);
	client = client_config(&w, KDTLS_OFFLOAD_OFF);
	kdtls_config_set_flight_time(server, 200);
	kdtls_config_set_handshake_timeout(client, 1500);
	NEED(world_open(&w, server, client, "127.0.0.1"));
	NEED(!proxy_open(&x, w.port));
	w.proxy = &x;
	NEED(!kdtls_endpoint_connect(w.client, "127.0.0.1", x.port, &w.s));
	UNTIL(&w, w.closed == 1);
	CHECK_EQ(w.close_err, -ETIMEDOUT);
	CHECK_EQ(w.server_opened, 1);
	NEED(w.peer);
	kdtls_session_info(w.peer, &i, sizeof(i));
	CHECK_EQ(i.flights_answered, 0);
	world_end(&w);
	proxy_close(&x);
	use_kernel(false);
}

/* ---- from within callbacks ---- */

static void destroy_inside(struct world *w, struct kdtls_session *s)
{
	CHECK_EQ(kdtls_dispatch(w->client, 0), -EDEADLK);
	CHECK_EQ(kdtls_endpoint_destroy(w->client), -EDEADLK);
	kdtls_destroy(s);
	w->s = NULL;
}

static void close_inside(struct world *w, struct kdtls_session *s)
{
	CHECK(!kdtls_close(s));
}

static void callbacks_may(void)
{
	struct world w = { .on_open = destroy_inside };
	struct kdtls_endpoint_info i;
	int mode;

	for (mode = 0; mode < 2; mode++) {
		use_kernel(true);
		NEED(world_new(&w, KDTLS_OFFLOAD_AUTO,
			       mode ? KDTLS_OFFLOAD_AUTO : KDTLS_OFFLOAD_OFF));
		NEED(world_connect(&w));
		kdtls_endpoint_info(w.client, &i, sizeof(i));
		CHECK_EQ(i.session_count, 0);
		CHECK_EQ(w.closed, 0);
		w.on_open = close_inside;
		NEED(world_connect(&w));
		UNTIL(&w, w.closed == 2);
		world_end(&w);
		memset(&w, 0, sizeof(w));
		w.on_open = destroy_inside;
		use_kernel(false);
	}
}

static u8 exported[2][20];
static int exports;

static void export_now(struct world *w, struct kdtls_session *s)
{
	X509 *cert = kdtls_session_peer_certificate(s);

	CHECK(cert);
	X509_free(cert);
	CHECK(kdtls_session_ssl(s));
	CHECK_EQ(kdtls_session_export(s, "EXTRACTOR-dtls_srtp", NULL, 0,
				      exported[exports++ & 1], 20), 0);
}

static void exporter(void)
{
	static const char *const offered[] = { "b", "a", NULL };
	static const char *const known[] = { "a", "c", NULL };
	struct kdtls_config *server, *client;
	struct world w = { .on_open = export_now };
	struct kdtls_session_info i;
	u8 late[20];

	use_kernel(true);
	server = server_config(&w, KDTLS_OFFLOAD_OFF);
	client = client_config(&w, KDTLS_OFFLOAD_AUTO);
	kdtls_config_set_alpn(server, known);
	kdtls_config_set_alpn(client, offered);
	NEED(world_open(&w, server, client, "127.0.0.1"));
	NEED(world_connect(&w));
	NEED(w.peer && w.s);
	CHECK_EQ(kdtls_session_export(w.peer, "EXTRACTOR-dtls_srtp", NULL, 0,
				      exported[1], 20), 0);
	CHECK(!memcmp(exported[0], exported[1], 20));
	/* The client is in the kernel: OpenSSL is gone. */
	CHECK(!kdtls_session_ssl(w.s));
	CHECK_EQ(kdtls_session_export(w.s, "x", NULL, 0, late, 20), -ENODATA);
	kdtls_session_info(w.s, &i, sizeof(i));
	CHECK(!strcmp(i.alpn, "a"));
	world_end(&w);
	use_kernel(false);
}

/* ---- kdtls_upgrade() ---- */

/* Two connected sockets with OpenSSL's own BIOs on them. */
struct own {
	SSL_CTX	*ctx[2];
	SSL	*ssl[2];
	int	fd[2];
};

/* @session to resume, or NULL. */
static void own_ssl(struct own *o, SSL_SESSION *session)
{
	struct sockaddr_storage ss;
	socklen_t len;
	BIO *bio;
	int i;

	for (i = 0; i < 2; i++) {
		len = sizeof(ss);
		getsockname(o->fd[1 - i], (struct sockaddr *)&ss, &len);
		SSL_free(o->ssl[i]);
		o->ssl[i] = SSL_new(o->ctx[i]);
		bio = BIO_new_dgram(o->fd[i], BIO_NOCLOSE);
		BIO_ctrl(bio, BIO_CTRL_DGRAM_SET_CONNECTED, 0, &ss);
		BIO_set_nbio(bio, 1);
		SSL_set_bio(o->ssl[i], bio, bio);
	}
	SSL_set_connect_state(o->ssl[0]);
	SSL_set_accept_state(o->ssl[1]);
	if (session)
		SSL_set_session(o->ssl[0], session);
}

static void own_init(struct own *o, const char *suite)
{
	struct sockaddr_in in = {
		.sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	struct sockaddr_storage ss;
	socklen_t len;
	int i;

	memset(o, 0, sizeof(*o));
	for (i = 0; i < 2; i++) {
		o->fd[i] = socket(AF_INET, SOCK_DGRAM, 0);
		CHECK(!bind(o->fd[i], (struct sockaddr *)&in, sizeof(in)));
	}
	for (i = 0; i < 2; i++) {
		len = sizeof(ss);
		getsockname(o->fd[1 - i], (struct sockaddr *)&ss, &len);
		CHECK(!connect(o->fd[i], (struct sockaddr *)&ss, len));
		o->ctx[i] = SSL_CTX_new(DTLS_method());
		SSL_CTX_set_cipher_list(o->ctx[i], suite);
		pki_use(o->ctx[i], "EC");
		BIO_socket_nbio(o->fd[i], 1);
	}
	own_ssl(o, NULL);
}

static bool own_handshake(struct own *o)
{
	long until = ms() + 8000;

	while (ms() < until) {
		if (SSL_do_handshake(o->ssl[0]) + SSL_do_handshake(o->ssl[1]) == 2)
			return true;
		usleep(1000);
	}
	return false;
}

static void own_end(struct own *o)
{
	int i;

	for (i = 0; i < 2; i++) {
		SSL_free(o->ssl[i]);
		SSL_CTX_free(o->ctx[i]);
		close(o->fd[i]);
	}
}

static ssize_t recv_soon(struct kdtls_session *s, char *buf, size_t len)
{
	struct pollfd fd = { .fd = kdtls_session_fd(s), .events = POLLIN };
	ssize_t n = kdtls_recv(s, buf, len);

	if (n != -EAGAIN)
		return n;
	poll(&fd, 1, 2000);
	return kdtls_recv(s, buf, len);
}

static void upgrade_keeps_data(void)
{
	struct kdtls_session_info info;
	struct kdtls_session *s = NULL;
	char buf[64] = "";
	struct own o;
	int i;

	use_kernel(true);
	own_init(&o, GCM256);
	SSL_set_tlsext_host_name(o.ssl[0], "name.test");
	CHECK(!kdtls_track(o.ssl[1]));
	NEED(own_handshake(&o));

	/* One record inside OpenSSL, two in the socket. */
	SSL_write(o.ssl[0], "first", 5);
	for (i = 0; i < 100 && SSL_peek(o.ssl[1], buf, sizeof(buf)) != 5; i++)
		usleep(1000);
	SSL_write(o.ssl[0], "second", 6);
	SSL_write(o.ssl[0], "third", 5);
	usleep(10000);

	CHECK_EQ(kdtls_upgrade(o.ssl[1], o.fd[1], NULL, &s), 0);
	if (!s) {
		printf("# %s\n", kdtls_last_error());
		goto out;
	}
	kdtls_session_info(s, &info, sizeof(info));
	CHECK(!strcmp(info.server_name, "name.test"));
	/* OpenSSL is out of it. */
	CHECK(SSL_write(o.ssl[1], "never", 5) <= 0);
	ERR_clear_error();
	CHECK_EQ(kdtls_pending(s), 1);
	CHECK_EQ(recv_soon(s, buf, sizeof(buf)), 5);
	CHECK(!memcmp(buf, "first", 5));
	CHECK_EQ(recv_soon(s, buf, sizeof(buf)), 6);
	CHECK(!memcmp(buf, "second", 6));
	CHECK_EQ(recv_soon(s, buf, sizeof(buf)), 5);
	CHECK_EQ(kdtls_recv(s, buf, sizeof(buf)), -EAGAIN);

	/* And back, also when the connection is gone. */
	SSL_free(o.ssl[1]);
	o.ssl[1] = NULL;
	CHECK_EQ(kdtls_send(s, "back", 4), 4);
	for (i = 0; i < 100 && SSL_read(o.ssl[0], buf, sizeof(buf)) != 4; i++)
		usleep(1000);
	CHECK(!memcmp(buf, "back", 4));

	SSL_shutdown(o.ssl[0]);
	CHECK_EQ(recv_soon(s, buf, sizeof(buf)), -EPIPE);
	CHECK_EQ(kdtls_send(s, "late", 4), -EPIPE);
out:
	kdtls_destroy(s);
	own_end(&o);
	use_kernel(false);
}

/* The kernel gets the window of what OpenSSL has opened, and no more. */
static void upgrade_seeds_window(void)
{
	struct kdtls_session *s = NULL;
	struct kdtls_session_info info;
	char buf[64] = "";
	struct own o;
	u64 nonce;
	int i;

	use_kernel(true);
	own_init(&o, GCM256);
	CHECK(!kdtls_track(o.ssl[1]));
	NEED(own_handshake(&o));
	for (i = 0; i < 5; i++)
		SSL_write(o.ssl[0], "data", 4);
	for (i = 0; i < 100 && SSL_read(o.ssl[1], buf, sizeof(buf)) != 4; i++)
		usleep(1000);
	nonce = kdtls_get_be64(kdtls_track_get(o.ssl[1])->wire.nonce);
	CHECK_EQ(kdtls_upgrade(o.ssl[1], o.fd[1], NULL, &s), 0);
	if (s && !have_kernel) {
		CHECK_EQ(fake_seen.tx_nonce, nonce + 1);
		/* Finished is 0, one record was read: 1. */
		CHECK_EQ(fake_seen.rx_seq, 2);
		CHECK_EQ(fake_seen.rx_bits, 3);
		CHECK_EQ(fake_seen.tx_seq, 1);
	}
	for (i = 0; s && i < 4; i++)
		CHECK_EQ(recv_soon(s, buf, sizeof(buf)), 4);
	if (s) {
		CHECK_EQ(kdtls_recv(s, buf, sizeof(buf)), -EAGAIN);
		kdtls_session_info(s, &info, sizeof(info));
		CHECK_EQ(info.rx_seq, 6);
	}
	kdtls_destroy(s);
	own_end(&o);
	use_kernel(false);
}

/* The explicit nonce in the datagram that waits at the socket. */
static u64 nonce_at(int fd)
{
	struct pollfd pfd = { .fd = fd, .events = POLLIN };
	u8 rec[KDTLS_HEADER_LEN + KDTLS_EXPLICIT_MAX] = { 0 };

	poll(&pfd, 1, 2000);
	CHECK_EQ(recv(fd, rec, sizeof(rec), MSG_PEEK), sizeof(rec));
	return kdtls_get_be64(rec + KDTLS_HEADER_LEN);
}

/* Read a message within the time that a slow machine takes. */
static int ssl_read_soon(SSL *ssl, char *buf, int len)
{
	int i, n = -1;

	for (i = 0; i < 2000 && (n = SSL_read(ssl, buf, len)) <= 0; i++)
		usleep(1000);
	return n;
}

/* The server's records go on in the kernel as they were on the wire. */
static void numbers_continue(struct own *o)
{
	struct kdtls_session *s = NULL;
	char buf[64] = "";
	u64 nonce;

	CHECK(!kdtls_track(o->ssl[1]));
	NEED(own_handshake(o));
	SSL_write(o->ssl[0], "asks", 4);
	CHECK_EQ(ssl_read_soon(o->ssl[1], buf, sizeof(buf)), 4);
	SSL_write(o->ssl[1], "answer", 6);
	nonce = nonce_at(o->fd[0]);
	CHECK_EQ(ssl_read_soon(o->ssl[0], buf, sizeof(buf)), 6);

	CHECK_EQ(kdtls_upgrade(o->ssl[1], o->fd[1], NULL, &s), 0);
	NEED(s);
	if (!have_kernel) {
		CHECK_EQ(fake_seen.tx_nonce, nonce + 1);
		/* 0 is Finished, 1 is data. */
		CHECK_EQ(fake_seen.tx_seq, 2);
		CHECK_EQ(fake_seen.rx_seq, 2);
		CHECK_EQ(fake_seen.rx_bits, 3);
	}
	CHECK_EQ(kdtls_send(s, "kernel", 6), 6);
	CHECK_EQ(nonce_at(o->fd[0]), nonce + 1);
	CHECK_EQ(ssl_read_soon(o->ssl[0], buf, sizeof(buf)), 6);
	CHECK(!memcmp(buf, "kernel", 6));
	SSL_write(o->ssl[0], "asks", 4);
	CHECK_EQ(recv_soon(s, buf, sizeof(buf)), 4);
	kdtls_destroy(s);
}

/* Full, and resumed on other sockets. */
static void upgrade_of(const char *suite)
{
	SSL_SESSION *session;
	struct own o, again;
	int i;

	own_init(&o, suite);
	numbers_continue(&o);
	session = SSL_get1_session(o.ssl[0]);
	own_init(&again, suite);
	for (i = 0; i < 2; i++) {
		SSL_CTX_free(again.ctx[i]);
		again.ctx[i] = o.ctx[i];
		SSL_CTX_up_ref(o.ctx[i]);
	}
	own_ssl(&again, session);
	numbers_continue(&again);
	CHECK(SSL_session_reused(again.ssl[0]));
	SSL_SESSION_free(session);
	own_end(&again);
	own_end(&o);
}

static void upgrade_continues(void)
{
	use_kernel(true);
	upgrade_of("ECDHE-ECDSA-AES128-GCM-SHA256");
	upgrade_of(GCM256);
	upgrade_of("ECDHE-ECDSA-AES128-CCM");
	upgrade_of("ECDHE-ECDSA-AES256-CCM");
	upgrade_of(CCM8);
	use_kernel(false);
}

/* Without the module the connection is as it was, and can try again. */
static void upgrade_can_fail(void)
{
	struct kdtls_session *s = NULL;
	char buf[64] = "";
	struct own o;
	int i;

	if (have_kernel) {
		printf("# this kernel has the module\n");
		return;
	}
	own_init(&o, GCM256);
	CHECK(!kdtls_track(o.ssl[1]));
	NEED(own_handshake(&o));
	SSL_write(o.ssl[0], "first", 5);
	for (i = 0; i < 100 && SSL_peek(o.ssl[1], buf, sizeof(buf)) != 5; i++)
		usleep(1000);
	CHECK_EQ(kdtls_upgrade(o.ssl[1], o.fd[1], NULL, &s), -ENOPROTOOPT);
	CHECK_EQ(SSL_read(o.ssl[1], buf, sizeof(buf)), 5);
	CHECK_EQ(SSL_write(o.ssl[1], "still", 5), 5);

	/* One that lacks the cipher leaves it as it was, too. */
	fake_kernel(true);
	SSL_write(o.ssl[0], "second", 6);
	for (i = 0; i < 100 && SSL_peek(o.ssl[1], buf, sizeof(buf)) != 6; i++)
		usleep(1000);
	fake_fail_rx = ENOENT;
	CHECK_EQ(kdtls_upgrade(o.ssl[1], o.fd[1], NULL, &s), -ENOENT);
	CHECK(!s);
	CHECK_EQ(SSL_read(o.ssl[1], buf, sizeof(buf)), 6);
	CHECK_EQ(SSL_write(o.ssl[1], "still", 5), 5);

	CHECK_EQ(kdtls_upgrade(o.ssl[1], o.fd[1], NULL, &s), 0);
	CHECK_EQ(fake_seen.tx_seq, 3);
	CHECK_EQ(fake_seen.rx_seq, 3);
	CHECK_EQ(fake_seen.rx_bits, 7);
	kdtls_destroy(s);
	own_end(&o);
	fake_kernel(false);
}

static void wrong_socket(void)
{
	struct kdtls_session *s = NULL;
	struct own o, other;

	own_init(&o, GCM256);
	own_init(&other, GCM256);
	CHECK(!kdtls_track(o.ssl[1]));
	NEED(own_handshake(&o));
	CHECK_EQ(kdtls_upgrade(o.ssl[1], other.fd[1], NULL, &s), -EBADF);
	own_end(&o);
	own_end(&other);
}

static const struct tap_test tests[] = {
	{ "echo, OpenSSL to OpenSSL", openssl_to_openssl },
	{ "echo, kernel to kernel", kernel_to_kernel },
	{ "echo, kernel to OpenSSL", kernel_to_openssl },
	{ "echo, OpenSSL to kernel", openssl_to_kernel },
	{ "each cipher through the kernel", ciphers },
	{ "a short tag only where it is asked for", short_tags_are_asked_for },
	{ "suites that only OpenSSL has", suites_of_openssl },
	{ "trains", trains },
	{ "close_notify from both sides", closing },
	{ "an endpoint closes", endpoint_close },
	{ "a hundred handshakes at once", crowd },
	{ "a ClientHello on another peer's new socket", no_hello_is_lost },
	{ "junk allocates nothing", junk_costs_nothing },
	{ "no session before the cookie", cookie_first },
	{ "busy and full endpoints", busy_and_full },
	{ "answers come from the address that was asked", right_address },
	{ "IPv6", ipv6 },
	{ "a server with two addresses", next_address },
	{ "nobody answers", nobody_there },
	{ "a port that refuses", refusing_port },
	{ "certificates", certificates },
	{ "a certificate for another name", wrong_name },
	{ "configurations that cannot be", bad_configurations },
	{ "the smallest MTU", small_mtu },
	{ "offload required without a module", require_without_module },
	{ "a kernel that fails to install", kernel_without_cipher },
	{ "the last flight is answered after the handover", answered_flight },
	{ "the last flight is forgotten in time", forgotten_flight },
	{ "sessions end from within callbacks", callbacks_may },
	{ "exporter, certificate and ALPN in the handshake callback", exporter },
	{ "upgrade: data on both sides of the seam", upgrade_keeps_data },
	{ "upgrade: the window is seeded", upgrade_seeds_window },
	{ "upgrade: numbers and nonces go on", upgrade_continues },
	{ "upgrade: a failure leaves the connection usable", upgrade_can_fail },
	{ "upgrade: another socket", wrong_socket },
};

int main(void)
{
	world_begin();
	return tap_run(tests, sizeof(tests) / sizeof(tests[0]));
}
