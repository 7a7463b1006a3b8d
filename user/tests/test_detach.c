// SPDX-License-Identifier: GPL-2.0
/* Sessions on the caller's sockets, and sockets that go their own way. */
#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include <linux/kdtls.h>

#include "world.h"

/* What the callbacks have done with the latest session of the client. */
static struct kdtls_session *loose;
static int detached, told;
static unsigned char blob[KDTLS_RESUMPTION_MAX];
static size_t blob_len;

static void detach(struct world *w, struct kdtls_session *s)
{
	CHECK_EQ(kdtls_session_detach(s, &loose), 0);
	detached++;
	w->s = NULL;
}

static void on_resumption(struct kdtls_session *s, const void *bytes, size_t len,
			  void *arg)
{
	memcpy(blob, bytes, len);
	blob_len = len;
	told++;
}

static void on_handshake(struct kdtls_session *s, void *arg)
{
	struct world *w = arg;

	w->opened++;
	if (w->on_open)
		w->on_open(w, s);
}

static void on_client_close(struct kdtls_session *s, int err, void *arg)
{
	struct world *w = arg;

	w->closed++;
	w->close_err = err;
}

static void on_client_error(struct kdtls_session *s, int err, const char *text,
			    void *arg)
{
	struct world *w = arg;

	snprintf(w->error, sizeof(w->error), "%s", text);
}

static struct kdtls_config *resuming_config(struct world *w)
{
	const struct kdtls_callbacks cb = {
		.size = sizeof(cb),
		.handshake = on_handshake,
		.resumption = on_resumption,
		.close = on_client_close,
		.error = on_client_error,
	};
	struct kdtls_config *config = client_config(w, KDTLS_OFFLOAD_REQUIRE);

	kdtls_config_set_callbacks(config, &cb, w);
	return config;
}

static int socket_to(const char *port)
{
	struct sockaddr_in in = {
		.sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
		.sin_port = htons((uint16_t)atoi(port)),
	};
	/* A blocking one, as programs have. */
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (connect(fd, (struct sockaddr *)&in, sizeof(in)))
		perror("# connect");
	return fd;
}

static ssize_t plain_recv(int fd, void *buf, size_t len)
{
	struct iovec iov = { .iov_base = buf, .iov_len = len };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	ssize_t n = recvmsg(fd, &msg, MSG_DONTWAIT);

	return n < 0 ? -errno : n;
}

static void plain_echo(struct world *w, int fd, const char *text)
{
	long until = ms() + 20000;
	char buf[64];
	ssize_t n;

	CHECK_EQ(send(fd, text, strlen(text), 0), strlen(text));
	while ((n = plain_recv(fd, buf, sizeof(buf))) == -EAGAIN && ms() < until)
		turn(w);
	CHECK_EQ(n, strlen(text));
	CHECK(n > 0 && !memcmp(buf, text, (size_t)n));
}

static bool begin(struct world *w)
{
	detached = 0;
	told = 0;
	loose = NULL;
	w->on_open = detach;
	use_kernel(true);
	return world_open(w, server_config(w, KDTLS_OFFLOAD_OFF),
			  resuming_config(w), "127.0.0.1");
}

static void end(struct world *w, int fd)
{
	kdtls_destroy(loose);
	world_end(w);
	close(fd);
	use_kernel(false);
}

static void own_socket(void)
{
	struct world w = { .echo_off = false };
	struct kdtls_session_info info;
	struct kdtls_endpoint_info i;
	struct kdtls_session *s;
	int fd;

	NEED(begin(&w));
	fd = socket_to(w.port);
	NEED(!kdtls_endpoint_connect_fd(w.client, fd, NULL, &s));
	UNTIL(&w, detached);
	CHECK_EQ(told, 1);
	/* It is not the endpoint's any more. */
	kdtls_endpoint_info(w.client, &i, sizeof(i));
	CHECK_EQ(i.session_count, 0);
	CHECK_EQ(i.offloaded, 1);
	NEED(loose);
	kdtls_session_info(loose, &info, sizeof(info));
	CHECK_EQ(info.offloaded, 1);
	CHECK(*info.cipher);
	CHECK_EQ(kdtls_session_fd(loose), fd);
	CHECK(!kdtls_session_endpoint(loose));
	/* The server sent the last flight: there is nothing to answer for. */
	CHECK_EQ(kdtls_session_tend(loose), 0);
	plain_echo(&w, fd, "hello");
	/* The socket outlives what is left of the session. */
	kdtls_destroy(loose);
	loose = NULL;
	plain_echo(&w, fd, "still here");
	CHECK_EQ(w.closed, 0);
	end(&w, fd);
}

static void refused(void)
{
	const struct kdtls_fd_opts large = { .size = sizeof(large) + 1 };
	struct world w = { .echo_off = false };
	struct kdtls_session *s;
	int fd, tcp, loose_fd, pipes[2];

	NEED(begin(&w));
	fd = socket_to(w.port);
	tcp = socket(AF_INET, SOCK_STREAM, 0);
	loose_fd = socket(AF_INET6, SOCK_DGRAM, 0);
	NEED(!pipe(pipes));
	CHECK_EQ(kdtls_endpoint_connect_fd(w.client, fd, &large, &s), -EINVAL);
	CHECK_EQ(kdtls_endpoint_connect_fd(w.client, tcp, NULL, &s),
		 -EPROTONOSUPPORT);
	CHECK_EQ(kdtls_endpoint_connect_fd(w.client, loose_fd, NULL, &s),
		 -ENOTCONN);
	CHECK_EQ(kdtls_endpoint_connect_fd(w.client, pipes[0], NULL, &s),
		 -ENOTSOCK);
	CHECK_EQ(kdtls_endpoint_connect_fd(w.client, -1, NULL, &s), -EBADF);
	NEED(!kdtls_endpoint_connect_fd(w.client, fd, NULL, &s));
	CHECK_EQ(kdtls_session_detach(s, &loose), -ENOTCONN);
	UNTIL(&w, detached);
	CHECK_EQ(kdtls_endpoint_connect_fd(w.client, fd, NULL, &s), -EALREADY);
	close(tcp);
	close(loose_fd);
	close(pipes[0]);
	close(pipes[1]);
	end(&w, fd);
}

/* Where OpenSSL carries the records nothing can go its own way. */
static void no_kernel(void)
{
	struct world w = { .echo_off = false };
	struct kdtls_session *s;
	int fd;

	NEED(world_new(&w, KDTLS_OFFLOAD_OFF, KDTLS_OFFLOAD_OFF));
	fd = socket_to(w.port);
	NEED(!kdtls_endpoint_connect_fd(w.client, fd, NULL, &s));
	UNTIL(&w, w.opened);
	CHECK_EQ(kdtls_session_detach(s, &loose), -EOPNOTSUPP);
	loose = NULL;
	end(&w, fd);
}

static void options(void)
{
	const char *const alpn[] = { "one", "two", NULL };
	struct kdtls_fd_opts o = {
		.size = sizeof(o), .server_name = "localhost", .alpn = alpn,
		.timeout_ms = 50,
	};
	const char *const served[] = { "two", NULL };
	struct world w = { .on_open = detach };
	struct kdtls_config *server, *client;
	struct kdtls_session_info info;
	struct kdtls_session *s;
	int fd;

	detached = 0;
	use_kernel(true);
	server = server_config(&w, KDTLS_OFFLOAD_OFF);
	kdtls_config_set_alpn(server, served);
	client = resuming_config(&w);
	kdtls_config_set_verify(client, KDTLS_VERIFY_REQUIRED);
	pki_trust(client);
	NEED(world_open(&w, server, client, "127.0.0.1"));

	/* Nobody answers, and the time is its own. */
	fd = socket_to("9");
	NEED(!kdtls_endpoint_connect_fd(w.client, fd, &o, &s));
	UNTIL(&w, w.closed);
	CHECK_EQ(w.close_err, -ETIMEDOUT);
	CHECK(strstr(w.error, "50 ms"));
	close(fd);

	fd = socket_to(w.port);
	o.timeout_ms = 0;
	o.server_name = "another.test";
	NEED(!kdtls_endpoint_connect_fd(w.client, fd, &o, &s));
	/* Its server closes, too. */
	UNTIL(&w, w.close_err == -EACCES);
	close(fd);

	/* Without a name it is the address, which the certificate has as well. */
	fd = socket_to(w.port);
	o.server_name = NULL;
	NEED(!kdtls_endpoint_connect_fd(w.client, fd, &o, &s));
	UNTIL(&w, detached == 1);
	NEED(loose);
	kdtls_session_info(loose, &info, sizeof(info));
	CHECK(!strcmp(info.alpn, "two"));
	CHECK(!*info.server_name);
	end(&w, fd);
}

/* ---- the last flight ---- */

static bool resumed_once(struct world *w, int fd)
{
	struct kdtls_fd_opts o = {
		.size = sizeof(o), .blob = blob, .blob_len = blob_len,
	};
	struct kdtls_session *s;
	int before = detached;

	if (kdtls_endpoint_connect_fd(w->client, fd, &o, &s))
		return false;
	UNTIL(w, detached > before);
	return detached > before;
}

/* A resuming client's Finished gets lost after the socket has gone its own way. */
static void tended(void)
{
	struct world w = { .echo_off = false };
	struct proxy x = { .lose_hellos = 0 };
	struct kdtls_session_info info;
	struct kdtls_session *s;
	char buf[64];
	int fd, next;
	long until;

	NEED(begin(&w));
	NEED(!proxy_open(&x, w.port));
	fd = socket_to(w.port);
	NEED(!kdtls_endpoint_connect_fd(w.client, fd, NULL, &s));
	UNTIL(&w, detached && w.server_opened == 1);
	kdtls_destroy(loose);
	close(fd);

	w.proxy = &x;
	fd = socket_to(x.port);
	x.lose_client_finished = 1;
	NEED(resumed_once(&w, fd));
	NEED(loose);
	kdtls_session_info(loose, &info, sizeof(info));
	CHECK_EQ(info.resumed, 1);
	CHECK_EQ(x.lost, 1);
	CHECK_EQ(w.server_opened, 1);
	until = ms() + 20000;
	while (w.server_opened < 2 && ms() < until) {
		turn(&w);
		/* The program reads, and finds nothing. */
		CHECK_EQ(plain_recv(fd, buf, sizeof(buf)), -EAGAIN);
		next = kdtls_session_tend(loose);
		CHECK(next > 0 && next <= 1000);
	}
	CHECK_EQ(w.server_opened, 2);
	kdtls_session_info(loose, &info, sizeof(info));
	CHECK(info.flights_answered >= 1);
	plain_echo(&w, fd, "data");
	/* A peer that sends data has the flight. */
	CHECK_EQ(kdtls_session_tend(loose), 0);
	CHECK_EQ(fake_seen.raw_refused, 0);
	proxy_close(&x);
	end(&w, fd);
}

/* ---- servers ---- */

static struct kdtls_session *server_side;

static void detach_server(struct world *w, struct kdtls_session *s)
{
	CHECK_EQ(kdtls_session_detach(s, &server_side), 0);
	w->peer = NULL;
}

static int bound(struct sockaddr_in *in)
{
	socklen_t len = sizeof(*in);
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	memset(in, 0, sizeof(*in));
	in->sin_family = AF_INET;
	in->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (bind(fd, (struct sockaddr *)in, len) ||
	    getsockname(fd, (struct sockaddr *)in, &len))
		perror("# bound");
	return fd;
}

static void accepted(void)
{
	const struct kdtls_fd_opts named = {
		.size = sizeof(named), .server_name = "x",
	};
	struct world w = { .on_server_open = detach_server };
	struct kdtls_endpoint_info i;
	struct sockaddr_in ours, theirs;
	struct kdtls_session *s, *c;
	char buf[64];
	long until;
	int fd, peer, next = 1;

	server_side = NULL;
	use_kernel(true);
	NEED(world_open(&w, server_config(&w, KDTLS_OFFLOAD_REQUIRE),
			client_config(&w, KDTLS_OFFLOAD_OFF), "127.0.0.1"));
	fd = bound(&ours);
	peer = bound(&theirs);
	NEED(!connect(fd, (struct sockaddr *)&theirs, sizeof(theirs)));
	NEED(!connect(peer, (struct sockaddr *)&ours, sizeof(ours)));
	CHECK_EQ(kdtls_endpoint_accept_fd(w.server, fd, &named, &s), -EINVAL);
	/* A client's configuration has no certificate. */
	CHECK_EQ(kdtls_endpoint_accept_fd(w.client, fd, NULL, &s), -EINVAL);

	NEED(!kdtls_endpoint_connect_fd(w.client, peer, NULL, &c));
	NEED(!kdtls_endpoint_accept_fd(w.server, fd, NULL, &s));
	UNTIL(&w, w.opened && server_side);
	kdtls_endpoint_info(w.server, &i, sizeof(i));
	CHECK_EQ(i.cookies_sent, 1);
	CHECK_EQ(i.cookies_refused, 0);
	NEED(server_side);
	/* The server's was the last flight. */
	CHECK(kdtls_session_tend(server_side) > 0);
	CHECK_EQ(kdtls_send(c, "from client", 11), 11);
	until = ms() + 20000;
	while (plain_recv(fd, buf, sizeof(buf)) == -EAGAIN && ms() < until)
		turn(&w);
	CHECK(!memcmp(buf, "from client", 11));
	next = kdtls_session_tend(server_side);
	CHECK_EQ(next, 0);
	CHECK_EQ(send(fd, "answer", 6, 0), 6);
	UNTIL(&w, w.messages == 1);
	CHECK_EQ(w.last_len, 6);
	kdtls_destroy(server_side);
	world_end(&w);
	close(fd);
	close(peer);
	use_kernel(false);
}

/* Who does not show the cookie gets less than it has sent. */
static void cookie_first(void)
{
	struct world w = { .echo_off = false };
	struct sockaddr_in ours, theirs;
	struct kdtls_session *s, *c;
	long until = ms() + 20000;
	int fd, peer, i, hellos = 3;
	char hello[2048], answer[2048];
	ssize_t n, len;

	use_kernel(true);
	NEED(world_open(&w, server_config(&w, KDTLS_OFFLOAD_REQUIRE),
			client_config(&w, KDTLS_OFFLOAD_OFF), "127.0.0.1"));
	fd = bound(&ours);
	peer = bound(&theirs);
	NEED(!connect(fd, (struct sockaddr *)&theirs, sizeof(theirs)));
	NEED(!connect(peer, (struct sockaddr *)&ours, sizeof(ours)));
	NEED(!kdtls_endpoint_connect_fd(w.client, peer, NULL, &c));
	kdtls_destroy(c);
	len = recv(fd, hello, sizeof(hello), 0);
	NEED(len > 0);
	NEED(!kdtls_endpoint_accept_fd(w.server, fd, NULL, &s));
	for (i = 0; i < hellos; i++) {
		hello[10] = (char)(i + 1);	/* the record's number */
		CHECK_EQ(send(peer, hello, (size_t)len, 0), len);
		while ((n = recv(peer, answer, sizeof(answer),
				 MSG_DONTWAIT)) < 0 && ms() < until)
			kdtls_dispatch(w.server, 10);
		/* HelloVerifyRequest, behind the record's header. */
		CHECK(n > 13 && n < len && answer[13] == 3);
		if (n < 0 || answer[13] != 3)
			break;
		/* What comes without the cookie after that is nothing new. */
		hello[18] = (char)(i + 1);
	}
	world_end(&w);
	close(fd);
	close(peer);
	use_kernel(false);
}

/* A cookie that is not ours ends it, with nothing more sent than an alert. */
static void wrong_cookie(void)
{
	struct world w = { .echo_off = false };
	struct sockaddr_in ours, theirs;
	struct kdtls_endpoint_info i;
	struct kdtls_session *s, *c;
	long until = ms() + 20000;
	char hello[2048];
	ssize_t n = -1;
	int fd, peer;

	use_kernel(true);
	NEED(world_open(&w, server_config(&w, KDTLS_OFFLOAD_REQUIRE),
			client_config(&w, KDTLS_OFFLOAD_OFF), "127.0.0.1"));
	fd = bound(&ours);
	peer = bound(&theirs);
	NEED(!connect(fd, (struct sockaddr *)&theirs, sizeof(theirs)));
	NEED(!connect(peer, (struct sockaddr *)&ours, sizeof(ours)));
	NEED(!kdtls_endpoint_connect_fd(w.client, peer, NULL, &c));
	NEED(!kdtls_endpoint_accept_fd(w.server, fd, NULL, &s));
	kdtls_dispatch(w.server, 1000);
	while (n < 0 && ms() < until) {
		kdtls_dispatch(w.client, 10);
		n = recv(fd, hello, sizeof(hello), MSG_DONTWAIT);
	}
	/* Behind version and random: an empty session id, and the cookie. */
	NEED(n > 80 && hello[13] == 1 && !hello[59] && hello[60] == 16);
	hello[61] ^= 1;
	CHECK_EQ(send(peer, hello, (size_t)n, 0), n);
	while (!w.closed && ms() < until)
		kdtls_dispatch(w.server, 10);
	CHECK_EQ(w.closed, 1);
	kdtls_endpoint_info(w.server, &i, sizeof(i));
	CHECK_EQ(i.cookies_refused, 1);
	/* An alert, or nothing. */
	n = recv(peer, hello, sizeof(hello), MSG_DONTWAIT);
	CHECK(n < 0 || hello[0] == DTLS_CT_ALERT);
	world_end(&w);
	close(fd);
	close(peer);
	use_kernel(false);
}

static void checked(void)
{
	struct kdtls_config *config = kdtls_config_new();

	CHECK_EQ(kdtls_config_check(config, 0), 0);
	CHECK_EQ(kdtls_config_check(config, 1), -EINVAL);
	CHECK(strstr(kdtls_last_error(), "certificate"));
	CHECK_EQ(kdtls_config_set_ca_file(config, "/nowhere"), 0);
	CHECK_EQ(kdtls_config_check(config, 0), -EINVAL);
	CHECK(strstr(kdtls_last_error(), "/nowhere"));
	kdtls_config_free(config);
}

static const struct tap_test tests[] = {
	{ "a session on the caller's socket, which goes its own way", own_socket },
	{ "descriptors that cannot be", refused },
	{ "without the kernel there is nothing to detach", no_kernel },
	{ "a session's own name, protocols and time", options },
	{ "the last flight of a detached session is answered", tended },
	{ "a server on the caller's socket", accepted },
	{ "it asks for a cookie first", cookie_first },
	{ "a wrong cookie is refused", wrong_cookie },
	{ "a configuration is checked", checked },
};

int main(void)
{
	world_begin();
	return tap_run(tests, sizeof(tests) / sizeof(tests[0]));
}
