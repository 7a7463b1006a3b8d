// SPDX-License-Identifier: GPL-2.0
/* The helper: its daemon's loop and its programs in one process. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <kdtls-helper.h>

#include "daemon/confine.h"
#include "daemon/daemon.h"
#include "daemon/listen.h"
#include "daemon/log.h"
#include "world.h"

static char dir[40];
static char path[64], conf_path[64];
static struct daemon *d;
static struct world w;

static const char usual[] =
	"[profile default]\nverify none\n"
	"[profile strict]\nhandshake-timeout 5\n"
	"[profile short]\nverify none\nflight-time 1\nresume no\n";

/* ---- what the daemon has said ---- */

static char said[65536];

static void on_log(int priority, const char *line)
{
	size_t n = strlen(said);

	snprintf(said + n, sizeof(said) - n, "%s\n", line);
}

/* ---- the world ---- */

static void write_conf(const char *text)
{
	FILE *out = fopen(conf_path, "w");

	fprintf(out, "[daemon]\nsocket %s\nsocket-mode 0666\nmax-handshakes 4\n"
		"max-connections 8\nmax-user-connections 6\n%s", path, text);
	fclose(out);
}

static bool start_daemon(void)
{
	struct conf *conf = conf_read(conf_path);
	bool made;
	int fd;

	if (!conf)
		return false;
	fd = listen_open(conf, &made);
	if (fd < 0)
		return false;
	d = daemon_new(conf, fd);
	return d;
}

/* @set changes the configuration of the server, if it is not NULL. */
static bool begin_with(const char *conf, void (*set)(struct kdtls_config *config))
{
	struct kdtls_config *server;

	memset(&w, 0, sizeof(w));
	*said = 0;
	log_hook = on_log;
	write_conf(conf);
	use_kernel(true);
	server = server_config(&w, KDTLS_OFFLOAD_OFF);
	if (set)
		set(server);
	return world_open(&w, server, client_config(&w, KDTLS_OFFLOAD_OFF),
			  "127.0.0.1") && start_daemon();
}

static bool begin(const char *conf)
{
	return begin_with(conf, NULL);
}

static void end(void)
{
	if (d)
		daemon_free(d);
	d = NULL;
	world_end(&w);
	use_kernel(false);
	log_hook = NULL;
}

/* Everybody but the server, who can be slow. */
static void turn_helper(void)
{
	if (d)
		CHECK(daemon_turn(d, 1) >= 0);
}

static void turn_all(void)
{
	turn_helper();
	turn(&w);
}

static int next_event(struct kdtls_helper *h, struct kdtls_helper_event *e,
		      void (*turn_of)(void))
{
	long until = ms() + 20000;
	int ret;

	do {
		turn_of();
		ret = kdtls_helper_next(h, e, sizeof(*e), 0);
	} while (!ret && ms() < until);
	return ret;
}

static struct kdtls_helper *open_helper(void)
{
	struct kdtls_helper *h = NULL;

	CHECK_EQ(kdtls_helper_open(path, &h), 0);
	turn_helper();
	return h;
}

static int socket_to(const char *port)
{
	struct sockaddr_in in = {
		.sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
		.sin_port = htons((uint16_t)atoi(port)),
	};
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

static void plain_echo(int fd, const char *text)
{
	long until = ms() + 20000;
	char buf[64];
	ssize_t n;

	CHECK_EQ(send(fd, text, strlen(text), 0), strlen(text));
	while ((n = plain_recv(fd, buf, sizeof(buf))) == -EAGAIN && ms() < until)
		turn_all();
	CHECK_EQ(n, strlen(text));
	CHECK(n > 0 && !memcmp(buf, text, (size_t)n));
}

/* A session by the helper; its socket, or -1. */
static int session(struct kdtls_helper *h, const char *profile,
		   struct kdtls_helper_done *done)
{
	const struct kdtls_helper_opts opts = {
		.size = sizeof(opts), .profile = profile,
	};
	struct kdtls_helper_event e;
	int fd = socket_to(w.port);
	uint32_t id = 0;

	CHECK_EQ(kdtls_helper_connect(h, fd, &opts, &id), 0);
	CHECK_EQ(next_event(h, &e, turn_all), 1);
	CHECK_EQ(e.type, KDTLS_HELPER_DONE);
	CHECK_EQ(e.id, id);
	if (e.type != KDTLS_HELPER_DONE) {
		printf("# %s\n", e.text ? e.text : "?");
		close(fd);
		return -1;
	}
	*done = *e.done;
	return fd;
}

/* It still serves who behaves. */
static void well_served(void)
{
	struct kdtls_helper *h = open_helper();
	struct kdtls_helper_done done;
	int fd;

	NEED(h);
	fd = session(h, "short", &done);
	if (fd >= 0)
		plain_echo(fd, "well");
	close(fd);
	kdtls_helper_close(h);
	turn_all();
}

/* ---- sessions ---- */

static void upgraded(void)
{
	struct kdtls_helper_done done = { .flags = 0 };
	struct kdtls_helper *h;
	int fd;

	NEED(begin(usual));
	h = open_helper();
	NEED(h);
	fd = session(h, NULL, &done);
	CHECK_EQ(done.flags, KDTLS_HELPER_CERTIFICATE);
	CHECK(strstr(done.cipher, "GCM"));
	CHECK(strstr(done.cipher_standard, "TLS_"));
	CHECK(*done.group);
	CHECK_EQ(done.tx_epoch, 1);
	CHECK_EQ(done.overhead, 37);
	CHECK_EQ(done.early, 0);
	CHECK_EQ(done.srtp_key_len, 0);
	/* Full handshakes are the server's to answer for: nothing is kept. */
	CHECK(!d->conns->jobs);
	plain_echo(fd, "hello");
	/* The log names the program, the peer and what came of it. */
	CHECK(strstr(said, "uid") && strstr(said, w.port) && strstr(said, "open"));
	kdtls_helper_close(h);
	turn_all();
	CHECK(!d->conns);
	plain_echo(fd, "without a helper");
	close(fd);
	end();
}

static void resumed(void)
{
	const struct kdtls_helper_opts named = {
		.size = sizeof(named), .server_name = "localhost",
	};
	struct kdtls_helper_done done = { .flags = 0 };
	struct kdtls_helper *h, *other;
	struct kdtls_helper_event e;
	uid_t me = geteuid();
	int fd;

	NEED(begin(usual));
	h = open_helper();
	NEED(h);
	close(session(h, NULL, &done));
	fd = session(h, NULL, &done);
	CHECK(done.flags & KDTLS_HELPER_RESUMED);
	CHECK(done.flags & KDTLS_HELPER_TENDED);
	NEED(d->conns && d->conns->jobs);
	CHECK_EQ(d->conns->n_tended, 1);
	CHECK_EQ(d->conns->n_running, 0);
	/* Data shows that the server has the last flight. */
	plain_echo(fd, "data");
	CHECK_EQ(next_event(h, &e, turn_all), 1);
	CHECK_EQ(e.type, KDTLS_HELPER_RELEASED);
	CHECK(!d->conns->jobs);
	plain_echo(fd, "more");
	close(fd);

	/* A program that wants the port says so. */
	fd = session(h, NULL, &done);
	CHECK(done.flags & KDTLS_HELPER_TENDED);
	CHECK_EQ(kdtls_helper_cancel(h, done.header.id), 0);
	CHECK_EQ(next_event(h, &e, turn_all), 1);
	CHECK_EQ(e.type, KDTLS_HELPER_RELEASED);
	CHECK_EQ(e.id, done.header.id);
	close(fd);
	/* Another user's session is nobody's to go on with. */
	NEED(me || !seteuid(65534));
	other = NULL;
	CHECK_EQ(kdtls_helper_open(path, &other), 0);
	NEED(me || !seteuid(0));
	if (!me) {
		close(session(other, NULL, &done));
		CHECK(!(done.flags & KDTLS_HELPER_RESUMED));
	}
	kdtls_helper_close(other);

	/* Another name is another session. */
	fd = socket_to(w.port);
	CHECK_EQ(kdtls_helper_connect(h, fd, &named, NULL), 0);
	CHECK_EQ(next_event(h, &e, turn_all), 1);
	CHECK_EQ(e.type, KDTLS_HELPER_DONE);
	CHECK(e.done && !(e.done->flags & KDTLS_HELPER_RESUMED));
	CHECK(e.done && !strcmp(e.done->server_name, "localhost"));
	close(fd);
	kdtls_helper_close(h);
	turn_all();
	CHECK_EQ(d->n_conns, 0);
	end();
}

/* The last flight of a resumed handshake is lost, and the daemon answers. */
static void last_flight(void)
{
	struct kdtls_helper_done done = { .flags = 0 };
	struct proxy x = { .lose_hellos = 0 };
	struct kdtls_helper *h;
	long until = ms() + 20000;
	char port[8], buf[64];
	int fd;

	NEED(begin(usual));
	NEED(!proxy_open(&x, w.port));
	w.proxy = &x;
	h = open_helper();
	NEED(h);
	snprintf(port, sizeof(port), "%s", w.port);
	snprintf(w.port, sizeof(w.port), "%s", x.port);
	close(session(h, NULL, &done));
	/* The server has it by the proxy's address, which stays. */
	UNTIL(&w, w.peer);
	kdtls_destroy(w.peer);
	memset(x.seen, 0, sizeof(x.seen));
	x.lose_client_finished = 1;
	fd = session(h, NULL, &done);
	snprintf(w.port, sizeof(w.port), "%s", port);
	CHECK(done.flags & KDTLS_HELPER_TENDED);
	CHECK_EQ(x.lost, 1);
	CHECK_EQ(w.server_opened, 1);
	while (w.server_opened < 2 && ms() < until) {
		turn_all();
		CHECK_EQ(plain_recv(fd, buf, sizeof(buf)), -EAGAIN);
	}
	CHECK_EQ(w.server_opened, 2);
	plain_echo(fd, "there");
	close(fd);
	kdtls_helper_close(h);
	proxy_close(&x);
	end();
}

/* The server's data comes in one datagram with its Finished. */
static void early_data(void)
{
	static const struct kdtls_helper_opts opts = { .size = sizeof(opts) };
	struct sockaddr_in in = {
		.sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	struct kdtls_helper_event e = { .type = 0 };
	struct sockaddr_storage client;
	socklen_t len = sizeof(in), client_len = sizeof(client);
	struct kdtls_helper *h;
	int front, back, fd, ret = 0;
	u8 buf[8192];
	size_t held = 0;
	ssize_t n;
	long until = ms() + 20000;

	NEED(begin(usual));
	front = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
	NEED(!bind(front, (struct sockaddr *)&in, len));
	NEED(!getsockname(front, (struct sockaddr *)&in, &len));
	back = socket_to(w.port);
	fd = socket(AF_INET, SOCK_DGRAM, 0);
	NEED(!connect(fd, (struct sockaddr *)&in, len));
	h = open_helper();
	NEED(h);
	CHECK_EQ(kdtls_helper_connect(h, fd, &opts, NULL), 0);
	while (!ret && ms() < until) {
		turn_all();
		while ((n = recvfrom(front, buf, sizeof(buf), 0,
				     (struct sockaddr *)&client, &client_len)) > 0)
			CHECK_EQ(send(back, buf, (size_t)n, 0), n);
		turn(&w);
		while ((n = recv(back, buf + held, sizeof(buf) - held,
				 MSG_DONTWAIT)) > 0) {
			held += (size_t)n;
			/* The server is open, and has more to say. */
			if (w.peer && w.server_opened == 1) {
				CHECK_EQ(kdtls_send(w.peer, "early", 5), 5);
				w.server_opened++;
				continue;
			}
			sendto(front, buf, held, 0, (struct sockaddr *)&client,
			       client_len);
			held = 0;
		}
		ret = kdtls_helper_next(h, &e, sizeof(e), 0);
	}
	CHECK_EQ(ret, 1);
	CHECK_EQ(e.type, KDTLS_HELPER_DONE);
	NEED(e.done);
	CHECK_EQ(e.done->early, 1);
	CHECK_EQ(e.done->early_lost, 0);
	CHECK_EQ(next_event(h, &e, turn_all), 1);
	CHECK_EQ(e.type, KDTLS_HELPER_DATA);
	CHECK_EQ(e.len, 5);
	CHECK(e.len == 5 && !memcmp(e.data, "early", 5));
	kdtls_helper_close(h);
	close(fd);
	close(front);
	close(back);
	end();
}

/* ---- what is agreed on ---- */

static struct kdtls_srtp_keys server_keys;

static void keep_srtp_keys(struct world *x, struct kdtls_session *s)
{
	CHECK_EQ(kdtls_session_srtp_keys(s, &server_keys, sizeof(server_keys)), 0);
}

static void set_srtp(struct kdtls_config *server)
{
	const char *const alpn[] = { "two", NULL };

	CHECK(!kdtls_config_set_srtp(server, "SRTP_AEAD_AES_128_GCM"));
	CHECK(!kdtls_config_set_alpn(server, alpn));
}

static void agreed(void)
{
	const char *const alpn[] = { "one", "two", NULL };
	struct kdtls_helper_opts opts = {
		.size = sizeof(opts), .alpn = alpn, .srtp_keys = 1,
	};
	static const u8 zero[KDTLS_SRTP_KEY_MAX];
	struct kdtls_helper_event e;
	struct kdtls_helper *h;
	int fd;

	NEED(begin_with("[profile default]\nverify none\nresume no\nalpn three\n"
			"srtp SRTP_AES128_CM_SHA1_80:SRTP_AEAD_AES_128_GCM\n",
			set_srtp));
	w.on_server_open = keep_srtp_keys;
	h = open_helper();
	NEED(h);
	fd = socket_to(w.port);
	CHECK_EQ(kdtls_helper_connect(h, fd, &opts, NULL), 0);
	CHECK_EQ(next_event(h, &e, turn_all), 1);
	NEED(e.done);
	CHECK(!strcmp(e.done->alpn, "two"));
	CHECK(!strcmp(e.done->srtp, "SRTP_AEAD_AES_128_GCM"));
	CHECK_EQ(e.done->srtp_key_len, 16);
	CHECK_EQ(e.done->srtp_salt_len, 12);
	CHECK(!memcmp(e.done->srtp_client_key, server_keys.client_key, 32));
	CHECK(!memcmp(e.done->srtp_server_key, server_keys.server_key, 32));
	CHECK(!memcmp(e.done->srtp_client_salt, server_keys.client_salt, 14));
	CHECK(!memcmp(e.done->srtp_server_salt, server_keys.server_salt, 14));
	close(fd);

	/* Who does not ask for keys gets none. */
	opts.srtp_keys = 0;
	fd = socket_to(w.port);
	CHECK_EQ(kdtls_helper_connect(h, fd, &opts, NULL), 0);
	CHECK_EQ(next_event(h, &e, turn_all), 1);
	NEED(e.done);
	CHECK(*e.done->srtp);
	CHECK_EQ(e.done->srtp_key_len, 0);
	CHECK(!memcmp(e.done->srtp_client_key, zero, sizeof(zero)));
	close(fd);
	kdtls_helper_close(h);
	end();
}

static ssize_t find_key(struct kdtls_session *s, const char *identity, void *key,
			size_t size, void *arg)
{
	memset(key, 0x11, 16);
	return strcmp(identity, "alice") ? 0 : 16;
}

static void set_psk(struct kdtls_config *server)
{
	CHECK(!kdtls_config_set_psk_find(server, find_key, NULL));
}

static void pre_shared(void)
{
	struct kdtls_helper_done done = { .flags = 0 };
	char name[80], conf[300];
	struct kdtls_helper *h;
	FILE *out;
	int fd;

	snprintf(name, sizeof(name), "%s/psk", dir);
	out = fopen(name, "w");
	fprintf(out, "bob:22\nalice:11111111111111111111111111111111\n");
	fclose(out);
	NEED(!chmod(name, 0600));
	snprintf(conf, sizeof(conf), "[profile default]\npsk-file %s\npsk-identity alice\n",
		 name);
	NEED(begin_with(conf, set_psk));
	h = open_helper();
	NEED(h);
	fd = session(h, NULL, &done);
	CHECK(!strcmp(done.psk_identity, "alice"));
	CHECK(!(done.flags & KDTLS_HELPER_CERTIFICATE));
	plain_echo(fd, "shared");
	close(fd);
	kdtls_helper_close(h);
	unlink(name);
	end();
}

/* A program that waits, as another process. */
static int waiting_program(void)
{
	const struct kdtls_helper_opts opts = { .size = sizeof(opts) };
	int fd = socket_to(w.port), none = socket(AF_INET, SOCK_DGRAM, 0);
	struct kdtls_helper_done done;
	struct kdtls_helper_event e;
	struct kdtls_helper *h;

	if (kdtls_helper_open(path, &h))
		return 1;
	if (kdtls_helper_upgrade(h, none, &opts, &done, sizeof(done)) != -ENOTCONN)
		return 2;
	if (!strstr(kdtls_last_error(), "not connected"))
		return 3;
	if (kdtls_helper_upgrade(h, fd, &opts, &done, sizeof(done)))
		return 4;
	if (!*done.cipher || done.early)
		return 5;
	if (kdtls_helper_next(h, &e, sizeof(e), 10))
		return 6;
	if (kdtls_helper_connect(h, none, &opts, NULL) ||
	    kdtls_helper_upgrade(h, fd, &opts, NULL, 0) != -EBUSY)
		return 7;
	return 0;
}

static void waited_for(void)
{
	long until = ms() + 30000;
	int status = -1;
	pid_t pid;

	NEED(begin(usual));
	fflush(stdout);
	pid = fork();
	if (!pid)
		_exit(waiting_program());
	while (!waitpid(pid, &status, WNOHANG) && ms() < until)
		turn_all();
	CHECK_EQ(status, 0);
	end();
}

/* ---- failures ---- */

static void expect_failure(struct kdtls_helper *h, int fd, const char *profile,
			   const char *name, int err, const char *text)
{
	const struct kdtls_helper_opts opts = {
		.size = sizeof(opts), .profile = profile, .server_name = name,
	};
	struct kdtls_helper_event e;
	uint32_t id = 0;

	CHECK_EQ(kdtls_helper_connect(h, fd, &opts, &id), 0);
	CHECK_EQ(next_event(h, &e, turn_all), 1);
	CHECK_EQ(e.type, KDTLS_HELPER_FAILED);
	CHECK_EQ(e.id, id);
	CHECK_EQ(e.error, err);
	CHECK(e.text && strstr(e.text, text));
	if (e.text && !strstr(e.text, text))
		printf("# %s\n", e.text);
	CHECK(strstr(said, text));
}

static void failures(void)
{
	int fd, other, pipes[2];
	struct kdtls_helper *h;

	NEED(begin("[profile default]\nverify none\n[profile strict]\n"
		   "[profile guarded]\nallow-user 12345\n"
		   "[profile quick]\nhandshake-timeout 1\n"));
	h = open_helper();
	NEED(h);
	fd = socket_to(w.port);
	expect_failure(h, fd, "strict", "localhost", -EACCES, "does not verify");
	expect_failure(h, fd, "nothing", NULL, -ENOENT, "there is no profile");
	close(fd);
	fd = socket_to("9");
	expect_failure(h, fd, "quick", NULL, -ETIMEDOUT, "1000 ms");
	close(fd);
	fd = socket(AF_INET, SOCK_STREAM, 0);
	expect_failure(h, fd, NULL, NULL, -EPROTONOSUPPORT, "not a UDP socket");
	close(fd);
	fd = socket(AF_INET6, SOCK_DGRAM, 0);
	expect_failure(h, fd, NULL, NULL, -ENOTCONN, "not connected");
	close(fd);
	NEED(!pipe(pipes));
	expect_failure(h, pipes[0], NULL, NULL, -ENOTSOCK, "no socket");
	close(pipes[0]);
	close(pipes[1]);
	other = kdtls_helper_accept(h, h ? pipes[0] : -1, NULL, NULL);
	CHECK(other < 0);
	kdtls_helper_close(h);
	turn_all();
	CHECK_EQ(d->n_conns, 0);
	end();
}

/* There is nothing to give back without the module, and the server hears nothing. */
static void no_module(void)
{
	struct kdtls_endpoint_info i;
	struct kdtls_helper *h;
	int fd;

	NEED(begin(usual));
	if (have_kernel) {
		printf("# this kernel has the module\n");
		end();
		return;
	}
	fake_kernel(false);
	h = open_helper();
	NEED(h);
	fd = socket_to(w.port);
	expect_failure(h, fd, NULL, NULL, -ENOPROTOOPT, "no kdtls module");
	turn_all();
	kdtls_endpoint_info(w.server, &i, sizeof(i));
	CHECK_EQ(i.cookies_sent, 0);
	CHECK_EQ(i.dropped_junk, 0);
	close(fd);
	kdtls_helper_close(h);
	end();
}

static void cancelled(void)
{
	struct kdtls_helper_event e;
	struct kdtls_helper *h;
	uint32_t id = 0;
	int fd;

	NEED(begin(usual));
	h = open_helper();
	NEED(h);
	fd = socket_to("9");
	CHECK_EQ(kdtls_helper_connect(h, fd, NULL, &id), 0);
	turn_all();
	CHECK_EQ(kdtls_helper_cancel(h, id + 7), 0);
	CHECK_EQ(kdtls_helper_cancel(h, id), 0);
	CHECK_EQ(next_event(h, &e, turn_all), 1);
	CHECK_EQ(e.type, KDTLS_HELPER_FAILED);
	CHECK_EQ(e.error, -ECANCELED);
	close(fd);

	/* With the program all goes that is its. */
	fd = socket_to("9");
	CHECK_EQ(kdtls_helper_connect(h, fd, NULL, &id), 0);
	turn_all();
	NEED(d->conns && d->conns->jobs);
	kdtls_helper_close(h);
	turn_all();
	CHECK(!d->conns);
	close(fd);
	well_served();
	end();
}

static void limits(void)
{
	struct kdtls_helper *h[7];
	struct kdtls_helper_event e;
	struct kdtls_helper *more;
	uint32_t id;
	int fd, i;

	NEED(begin(usual));
	fd = socket_to("9");
	for (i = 0; i < 6; i++)
		h[i] = open_helper();
	for (i = 0; i < 4; i++)
		CHECK_EQ(kdtls_helper_connect(h[0], fd, NULL, &id), 0);
	turn_all();
	CHECK_EQ(kdtls_helper_connect(h[0], fd, NULL, &id), 0);
	CHECK_EQ(next_event(h[0], &e, turn_all), 1);
	CHECK_EQ(e.error, -EUSERS);
	CHECK_EQ(e.id, id);
	CHECK(e.text && strstr(e.text, "max-handshakes"));

	more = open_helper();
	CHECK_EQ(next_event(more, &e, turn_all), 1);
	CHECK_EQ(e.error, -EUSERS);
	CHECK_EQ(e.id, 0);
	CHECK(e.text && strstr(e.text, "max-user-connections"));
	CHECK_EQ(next_event(more, &e, turn_all), -EPIPE);
	kdtls_helper_close(more);

	/* Who has asked for something already gets to know it as well. */
	NEED(!kdtls_helper_open(path, &more));
	CHECK_EQ(kdtls_helper_connect(more, fd, NULL, NULL), 0);
	CHECK_EQ(next_event(more, &e, turn_all), 1);
	CHECK_EQ(e.error, -EUSERS);
	kdtls_helper_close(more);
	more = open_helper();
	CHECK_EQ(kdtls_helper_upgrade(more, fd, NULL, NULL, 0), -EUSERS);
	kdtls_helper_close(more);
	for (i = 0; i < 6; i++)
		kdtls_helper_close(h[i]);
	turn_all();
	CHECK_EQ(d->n_conns, 0);
	close(fd);
	well_served();
	end();
}

static void users(void)
{
	struct kdtls_helper_event e;
	struct kdtls_helper *h;
	uid_t me = geteuid();

	write_conf("");
	NEED(begin("allow-user 54321\n[profile default]\n"));
	/* root may always. */
	NEED(me || !seteuid(65534));
	CHECK_EQ(kdtls_helper_open(path, &h), 0);
	NEED(me || !seteuid(0));
	CHECK_EQ(next_event(h, &e, turn_helper), 1);
	CHECK_EQ(e.error, -EACCES);
	CHECK_EQ(next_event(h, &e, turn_helper), -EPIPE);
	kdtls_helper_close(h);
	end();
}

/* ---- hostility ---- */

static int raw_connection(void)
{
	const struct timeval patience = { .tv_sec = 3 };
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

	snprintf(un.sun_path, sizeof(un.sun_path), "%s", path);
	CHECK(!connect(fd, (struct sockaddr *)&un, sizeof(un)));
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	turn_helper();
	return fd;
}

static ssize_t raw_send_once(int conn, const void *buf, size_t len, const int *fds,
			     size_t n_fds)
{
	union {
		struct cmsghdr align;
		char space[CMSG_SPACE(8 * sizeof(int))];
	} ctl = { .space = { 0 } };
	struct iovec iov = { .iov_base = (void *)buf, .iov_len = len };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	struct cmsghdr *c;

	if (n_fds) {
		msg.msg_control = ctl.space;
		msg.msg_controllen = CMSG_SPACE(n_fds * sizeof(int));
		c = CMSG_FIRSTHDR(&msg);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(n_fds * sizeof(int));
		memcpy(CMSG_DATA(c), fds, n_fds * sizeof(int));
	}
	return sendmsg(conn, &msg, MSG_NOSIGNAL);
}

static void raw_send(int conn, const void *buf, size_t len, const int *fds,
		     size_t n_fds)
{
	CHECK_EQ(raw_send_once(conn, buf, len, fds, n_fds), len);
	turn_helper();
	turn_helper();
}

static int open_fds(void)
{
	int fd, n = 0;

	for (fd = 0; fd < 1024; fd++)
		n += fcntl(fd, F_GETFD) >= 0;
	return n;
}

/* The helper says what is wrong, and ends the connection; nothing else happens. */
static void expect_end(const void *buf, size_t len, const int *fds, size_t n_fds,
		       const char *text)
{
	int before = open_fds(), conn = raw_connection();
	struct kdtls_helper_failed f;
	ssize_t n;

	raw_send(conn, buf, len, fds, n_fds);
	n = read(conn, &f, sizeof(f));
	CHECK_EQ(n, sizeof(f));
	CHECK_EQ(f.error, EBADMSG);
	f.text[sizeof(f.text) - 1] = 0;
	CHECK(strstr(f.text, text));
	if (!strstr(f.text, text))
		printf("# %s, not: %s\n", f.text, text);
	CHECK_EQ(read(conn, &f, sizeof(f)), 0);
	close(conn);
	turn_helper();
	CHECK(!d->conns);
	CHECK_EQ(open_fds(), before);
	CHECK(strstr(said, text));
}

static struct kdtls_helper_request good_request(void)
{
	struct kdtls_helper_request r = {
		.header = {
			.version = KDTLS_HELPER_VERSION,
			.type = KDTLS_HELPER_CONNECT,
			.size = sizeof(r),
			.id = 1,
		},
	};

	return r;
}

#define WRONG(change, n, text) do { \
	struct kdtls_helper_request r = good_request(); \
	change; \
	expect_end(&r, sizeof(r), fds, n, text); \
} while (0)

static void hostile_messages(void)
{
	static const char garbage[2000] = "\x01\x02garbage";
	struct kdtls_helper_header cancel = {
		.version = KDTLS_HELPER_VERSION, .type = KDTLS_HELPER_CANCEL,
		.size = sizeof(cancel), .id = 3,
	};
	int fds[8], i;

	NEED(begin(usual));
	for (i = 0; i < 8; i++)
		fds[i] = socket_to("9");
	expect_end("x", 1, NULL, 0, "shorter than its header");
	expect_end(garbage, sizeof(garbage), NULL, 0, "another version");
	expect_end(garbage, sizeof(garbage), fds, 8, "another version");
	WRONG(r.header.version = 2, 1, "another version");
	WRONG(r.header.size++, 1, "size is not what it says");
	WRONG(r.header.pad = 1, 1, "padding is not 0");
	WRONG(r.header.id = 0, 1, "without a number");
	WRONG(r.header.type = KDTLS_HELPER_DONE, 1, "type that does not exist");
	WRONG(r.header.type = 8, 1, "type that does not exist");
	WRONG(r.flags = 2, 1, "flags that do not exist");
	WRONG(r.pad = 1, 1, "padding is not 0");
	WRONG(memset(r.profile, 'x', sizeof(r.profile)), 1, "profile is no string");
	WRONG(r.profile[5] = 'x', 1, "profile is no string");
	WRONG(memset(r.server_name, 'x', sizeof(r.server_name)), 1,
	      "server name is no string");
	WRONG(r.alpn_len = 1, 1, "ALPN protocols are none");
	WRONG((r.alpn_len = 2, r.alpn[0] = 2, r.alpn[1] = 'x'), 1,
	      "ALPN protocols are none");
	WRONG((r.alpn_len = 2, r.alpn[0] = 1), 1, "ALPN protocols are none");
	WRONG(r.alpn[255] = 1, 1, "ALPN protocols are none");
	WRONG(r.alpn_len = 257, 1, "ALPN protocols are none");
	WRONG(r.timeout_ms = 86400001, 1, "more than a day");
	WRONG((r.header.type = KDTLS_HELPER_ACCEPT, r.server_name[0] = 'x'), 1,
	      "what is for clients");
	WRONG((void)0, 0, "without a descriptor");
	WRONG((void)0, 2, "more than one descriptor");
	WRONG((void)0, 8, "more than one descriptor");
	expect_end(&cancel, sizeof(cancel), fds, 1, "nobody wants");
	for (i = 0; i < 8; i++)
		close(fds[i]);
	well_served();
	end();
}

/* Two requests of one number, and the end in the midst of a handshake. */
static void hostile_order(void)
{
	struct kdtls_helper_request r = good_request();
	int conn, fd, before;

	NEED(begin(usual));
	fd = socket_to("9");
	before = open_fds();
	conn = raw_connection();
	raw_send(conn, &r, sizeof(r), &fd, 1);
	NEED(d->conns && d->conns->jobs);
	raw_send(conn, &r, sizeof(r), &fd, 1);
	CHECK(strstr(said, "number of another one"));
	close(conn);
	turn_helper();
	CHECK(!d->conns);
	/* The endpoint of the profile stays: epoll and timer. */
	CHECK_EQ(open_fds(), before + 2);

	conn = raw_connection();
	raw_send(conn, &r, sizeof(r), &fd, 1);
	NEED(d->conns && d->conns->jobs);
	close(conn);
	turn_helper();
	CHECK(!d->conns);
	CHECK_EQ(open_fds(), before + 2);
	close(fd);
	well_served();
	end();
}

/* Who sends and never reads fills its own queue, and is not read any more. */
static void never_reads(void)
{
	struct kdtls_helper_request r = good_request();
	int conn, fd, i, small = 4096, n = 0;

	NEED(begin(usual));
	fd = socket_to("9");
	memcpy(r.profile, "nothing", 8);
	conn = raw_connection();
	setsockopt(conn, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));
	fcntl(conn, F_SETFL, O_NONBLOCK);
	for (i = 0; i < 5000; i++) {
		r.header.id++;
		if (raw_send_once(conn, &r, sizeof(r), &fd, 1) < 0) {
			if (errno != EAGAIN)
				break;
			n++;
		}
		if (i % 16 == 0)
			turn_helper();
	}
	/* It is held back long before the end. */
	CHECK(n > 0);
	CHECK(!d->conns || d->conns->out_bytes < 600000);
	well_served();
	close(conn);
	turn_helper();
	turn_helper();
	CHECK(!d->conns);
	/* What it did was told, but not each time. */
	CHECK(strlen(said) < 20000);
	CHECK(strstr(said, "no more of it"));
	close(fd);
	end();
}

/* ---- reload, death ---- */

static void reloaded(void)
{
	const struct kdtls_helper_opts opts = {
		.size = sizeof(opts), .profile = "short",
	};
	struct kdtls_helper_event e;
	struct kdtls_helper *h;
	uint32_t id, other;
	int fd, fd2;

	NEED(begin(usual));
	h = open_helper();
	NEED(h);
	/* The server is slow: the handshake is under way. */
	fd = socket_to(w.port);
	CHECK_EQ(kdtls_helper_connect(h, fd, &opts, &id), 0);
	turn_helper();
	NEED(d->conns && d->conns->jobs);

	/* A broken file changes nothing. */
	write_conf("[profile default]\nnonsense 1\n");
	daemon_reload(d);
	CHECK(strstr(said, "nonsense") && strstr(said, "not reloaded"));
	write_conf("[profile default]\nca /nowhere\n");
	daemon_reload(d);
	CHECK(strstr(said, "/nowhere"));
	CHECK(profile_find(d->profiles, "short"));

	write_conf("[profile other]\nverify none\n");
	daemon_reload(d);
	turn_helper();
	CHECK(strstr(said, "reloaded "));
	fd2 = socket_to(w.port);
	CHECK_EQ(kdtls_helper_connect(h, fd2, &opts, &other), 0);
	CHECK_EQ(next_event(h, &e, turn_helper), 1);
	CHECK_EQ(e.error, -ENOENT);
	CHECK_EQ(e.id, other);
	close(fd2);
	/* What was under way ends well. */
	CHECK_EQ(next_event(h, &e, turn_all), 1);
	CHECK_EQ(e.type, KDTLS_HELPER_DONE);
	CHECK_EQ(e.id, id);
	plain_echo(fd, "old profile");
	close(fd);
	kdtls_helper_close(h);
	end();
}

static void death(void)
{
	struct kdtls_helper_done done = { .flags = 0 };
	struct kdtls_helper_event e;
	struct kdtls_helper *h, *h2;
	int fd, fd2;

	NEED(begin(usual));
	h = open_helper();
	NEED(h);
	fd = session(h, NULL, &done);
	fd2 = socket_to("9");
	CHECK_EQ(kdtls_helper_connect(h, fd2, NULL, NULL), 0);
	turn_helper();
	/* As a kill would, as far as others can tell. */
	daemon_free(d);
	d = NULL;
	CHECK_EQ(kdtls_helper_next(h, &e, sizeof(e), 0), -EPIPE);
	plain_echo(fd, "goes on");
	CHECK_EQ(kdtls_helper_open(path, &h2), -ECONNREFUSED);
	/* Its successor takes the place that it has left. */
	NEED(start_daemon());
	plain_echo(fd, "and on");
	well_served();
	kdtls_helper_close(h);
	close(fd);
	close(fd2);
	end();
}

static void stopped_daemon(void)
{
	struct kdtls_helper_event e;
	struct kdtls_helper *h;
	int fd;

	NEED(begin(usual));
	h = open_helper();
	NEED(h);
	fd = socket_to("9");
	CHECK_EQ(kdtls_helper_connect(h, fd, NULL, NULL), 0);
	turn_helper();
	daemon_stop(d);
	CHECK_EQ(next_event(h, &e, turn_helper), 1);
	CHECK_EQ(e.error, -ESHUTDOWN);
	kdtls_helper_close(h);
	close(fd);
	end();
}

/* ---- servers ---- */

static void accepted(void)
{
	char cert[80], conf[400], buf[64];
	struct sockaddr_in ours = {
		.sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	}, theirs = ours;
	const struct kdtls_helper_opts opts = {
		.size = sizeof(opts), .profile = "server",
	};
	socklen_t len = sizeof(ours);
	struct kdtls_helper_event e;
	struct kdtls_session *s;
	struct kdtls_helper *h;
	int fd, peer;
	long until;

	snprintf(cert, sizeof(cert), "%s/cert", dir);
	fclose(fopen(cert, "w"));
	NEED(pki_write(cert));
	NEED(!chmod(cert, 0600));
	snprintf(conf, sizeof(conf), "[profile default]\n[profile server]\n"
		 "role server\ncert %s\nkey %s\n", cert, cert);
	NEED(begin(conf));
	fd = socket(AF_INET, SOCK_DGRAM, 0);
	peer = socket(AF_INET, SOCK_DGRAM, 0);
	NEED(!bind(fd, (struct sockaddr *)&ours, len) &&
	     !getsockname(fd, (struct sockaddr *)&ours, &len));
	NEED(!bind(peer, (struct sockaddr *)&theirs, len) &&
	     !getsockname(peer, (struct sockaddr *)&theirs, &len));
	NEED(!connect(fd, (struct sockaddr *)&theirs, len));
	NEED(!connect(peer, (struct sockaddr *)&ours, len));
	NEED(!kdtls_endpoint_connect_fd(w.client, peer, NULL, &s));
	h = open_helper();
	NEED(h);
	expect_failure(h, fd, "server", NULL, -EOPNOTSUPP, "not for clients");
	CHECK_EQ(kdtls_helper_accept(h, fd, &opts, NULL), 0);
	CHECK_EQ(next_event(h, &e, turn_all), 1);
	CHECK_EQ(e.type, KDTLS_HELPER_DONE);
	NEED(e.done);
	CHECK_EQ(e.done->flags, KDTLS_HELPER_SERVER | KDTLS_HELPER_TENDED);
	UNTIL(&w, w.opened == 1);
	CHECK_EQ(kdtls_send(s, "to server", 9), 9);
	until = ms() + 20000;
	while (plain_recv(fd, buf, sizeof(buf)) == -EAGAIN && ms() < until)
		turn_all();
	CHECK(!memcmp(buf, "to server", 9));
	CHECK_EQ(next_event(h, &e, turn_all), 1);
	CHECK_EQ(e.type, KDTLS_HELPER_RELEASED);
	kdtls_helper_close(h);
	close(fd);
	kdtls_destroy(s);
	close(peer);
	unlink(cert);
	end();
}

/* ---- confined ---- */

/* Behind the filter, in a process of its own: what the daemon needs it has. */
static int confined_child(void)
{
	struct kdtls_helper_event e;
	struct kdtls_helper *h[3];
	int fds[3], i;

	for (i = 0; i < 3; i++) {
		h[i] = open_helper();
		fds[i] = socket_to(w.port);
	}
	if (!h[2] || confine_calls(0))
		return 1;
	for (i = 0; i < 3; i++) {
		/* A full handshake, one of a profile that was read again, resumed. */
		CHECK_EQ(kdtls_helper_connect(h[i], fds[i], NULL, NULL), 0);
		CHECK_EQ(next_event(h[i], &e, turn_all), 1);
		CHECK_EQ(e.type, KDTLS_HELPER_DONE);
		if (e.type != KDTLS_HELPER_DONE)
			printf("# %s\n", e.text ? e.text : "?");
		CHECK_EQ(!!(e.done && e.done->flags & KDTLS_HELPER_RESUMED), i == 2);
		plain_echo(fds[i], "confined");
		if (!i)
			daemon_reload(d);
	}
	CHECK(strstr(said, "reloaded "));
	/* And what it does not need it has not. */
	CHECK_EQ(open(conf_path, O_WRONLY | O_CLOEXEC), -1);
	CHECK_EQ(errno, EPERM);
	CHECK_EQ(socket(AF_UNIX, SOCK_STREAM, 0), -1);
	CHECK_EQ(errno, EPERM);
	CHECK_EQ(chmod(conf_path, 0777), -1);
	CHECK_EQ(errno, EPERM);
	fflush(stdout);
	return tap_failed;
}

/* Without what the sanitizer does at an end, which takes calls of its own. */
static void leave(int status)
{
	syscall(SYS_exit_group, status);
}

static void confined(void)
{
	int status = 0;
	pid_t pid;

	NEED(begin(usual));
	fflush(stdout);
	pid = fork();
	if (!pid)
		leave(confined_child());
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK_EQ(status, 0);
	/* Whoever starts a program from within is killed. */
	pid = fork();
	if (!pid)
		leave(confine_calls(0) || execl("/bin/true", "true", NULL));
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS);
	end();
}

static const struct tap_test tests[] = {
	{ "a socket is upgraded, and goes on alone", upgraded },
	{ "a session is resumed, and its socket tended", resumed },
	{ "the last flight is sent again", last_flight },
	{ "data from before the handover is passed on", early_data },
	{ "protocols and keys for SRTP", agreed },
	{ "a pre-shared key", pre_shared },
	{ "a program that waits", waited_for },
	{ "what fails is told", failures },
	{ "without the module", no_module },
	{ "what is cancelled, and who leaves", cancelled },
	{ "limits of connections and handshakes", limits },
	{ "who may not", users },
	{ "messages that are none", hostile_messages },
	{ "requests in a wrong order", hostile_order },
	{ "a program that never reads", never_reads },
	{ "reload in the midst of a handshake", reloaded },
	{ "the daemon dies", death },
	{ "the daemon ends", stopped_daemon },
	{ "a server on a connected socket", accepted },
	{ "all of it behind the seccomp filter", confined },
};

int main(void)
{
	int bad;

	snprintf(dir, sizeof(dir), "/tmp/kdtlsd-test-XXXXXX");
	/* Other users come as well. */
	if (!mkdtemp(dir) || chmod(dir, 0755))
		return 1;
	snprintf(path, sizeof(path), "%s/sock", dir);
	snprintf(conf_path, sizeof(conf_path), "%s/conf", dir);
	world_begin();
	bad = tap_run(tests, sizeof(tests) / sizeof(tests[0]));
	unlink(path);
	unlink(conf_path);
	rmdir(dir);
	return bad;
}
