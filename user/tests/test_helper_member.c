// SPDX-License-Identifier: GPL-2.0
/*
 * A helper for other sockets' sessions. It takes the kernel's endpoints, which are not
 * pretended as far as that: without the module all of it is skipped.
 */
#include <arpa/inet.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <linux/kdtls.h>

#include "world.h"

/* Workers and their numbers. The world is the first. */
struct endpoint {
	struct world	w;
	struct sockaddr_in at;
	int		worker[2];
	u32		member[2];
	u32		number;
	u32		owner;		/* whose new sessions are */
};

static int bound(const struct sockaddr_in *at)
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), on = 1;

	setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on));
	if (!bind(fd, (const struct sockaddr *)at, sizeof(*at)))
		return fd;
	close(fd);
	return -1;
}

static bool make_worker(struct endpoint *e, int i)
{
	struct dtls_endpoint join = { .role = DTLS_MEMBER_WORKER };
	socklen_t len = sizeof(join);

	e->worker[i] = bound(&e->at);
	if (setsockopt(e->worker[i], SOL_IP, KDTLS_ULP, KDTLS_ULP_NAME,
		       strlen(KDTLS_ULP_NAME)) ||
	    setsockopt(e->worker[i], SOL_DTLS, DTLS_ENDPOINT, &join,
		       sizeof(join)) ||
	    getsockopt(e->worker[i], SOL_DTLS, DTLS_ENDPOINT, &join, &len))
		return false;
	e->member[i] = join.member;
	e->number = join.endpoint;
	return true;
}

static void choose_owner(struct kdtls_session *s, void *arg)
{
	struct endpoint *e = arg;

	e->w.sessions++;
	e->w.peer = s;
	CHECK_EQ(kdtls_session_set_owner(s, e->owner), 0);
}

static void opened(struct kdtls_session *s, void *arg)
{
	struct endpoint *e = arg;

	e->w.server_opened++;
	e->w.peer = s;
}

static void closed(struct kdtls_session *s, int err, void *arg)
{
	struct endpoint *e = arg;

	e->w.closed++;
	e->w.server_close_err = err;
	if (e->w.peer == s)
		e->w.peer = NULL;
}

static void failed(struct kdtls_session *s, int err, const char *text,
		   void *arg)
{
	printf("# %s\n", text);
}

static bool helper_begin(struct endpoint *e)
{
	const struct kdtls_callbacks cb = {
		.size = sizeof(cb),
		.session = choose_owner,
		.handshake = opened,
		.close = closed,
		.error = failed,
	};
	struct kdtls_config *config = kdtls_config_new();
	int fd = bound(&e->at), err;

	kdtls_config_set_callbacks(config, &cb, e);
	pki_config(config);
	err = kdtls_listen_fd(config, fd, KDTLS_LISTEN_HELPER, &e->w.server);
	kdtls_config_free(config);
	if (!err)
		return true;
	printf("# %s\n", kdtls_last_error());
	close(fd);
	return false;
}

static bool client_begin(struct endpoint *e)
{
	struct kdtls_config *config = client_config(&e->w, KDTLS_OFFLOAD_AUTO);
	int err = kdtls_endpoint_new(config, &e->w.client);

	kdtls_config_free(config);
	return !err;
}

/* A member that nobody reads from keeps what came to it from the others. */
static void look_at_workers(struct world *w)
{
	struct endpoint *e = (void *)w;
	char c;
	int i;

	for (i = 0; i < 2; i++)
		recv(e->worker[i], &c, sizeof(c), MSG_PEEK | MSG_DONTWAIT);
}

static bool begin(struct endpoint *e)
{
	struct sockaddr_in any = {
		.sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	socklen_t len = sizeof(e->at);
	int fd;

	memset(e, 0, sizeof(*e));
	e->w.on_turn = look_at_workers;
	/* A port that is free now. */
	fd = bound(&any);
	getsockname(fd, (struct sockaddr *)&e->at, &len);
	snprintf(e->w.port, sizeof(e->w.port), "%u", ntohs(e->at.sin_port));
	if (!make_worker(e, 0) || !make_worker(e, 1))
		return false;
	close(fd);
	e->owner = e->member[0];
	return helper_begin(e) && client_begin(e);
}

static void end(struct endpoint *e)
{
	world_end(&e->w);
	close(e->worker[0]);
	close(e->worker[1]);
}

static bool readable(int fd)
{
	struct pollfd pfd = { .fd = fd, .events = POLLIN };

	return poll(&pfd, 1, 0) == 1;
}

/* The client says something, and that worker reads and answers it. */
static void speak(struct endpoint *e, int i)
{
	struct sockaddr_in from;
	socklen_t len = sizeof(from);
	int messages = e->w.messages;
	char buf[64];

	CHECK_EQ(kdtls_send(e->w.s, "hello", 5), 5);
	UNTIL(&e->w, readable(e->worker[i]));
	CHECK_EQ(recvfrom(e->worker[i], buf, sizeof(buf), MSG_DONTWAIT,
			  (struct sockaddr *)&from, &len), 5);
	CHECK(!memcmp(buf, "hello", 5));
	CHECK_EQ(sendto(e->worker[i], "world", 5, 0, (struct sockaddr *)&from,
			len), 5);
	UNTIL(&e->w, e->w.messages > messages);
	CHECK(!memcmp(e->w.last, "world", 5));
	CHECK(!readable(e->worker[!i]));
}

static u32 sessions(struct endpoint *e)
{
	struct kdtls_endpoint_info i;

	kdtls_endpoint_info(e->w.server, &i, sizeof(i));
	return i.session_count;
}

static void workers(void)
{
	struct kdtls_session_info i;
	struct endpoint e;

	if (!have_kernel)
		return;
	NEED(begin(&e));
	NEED(world_connect(&e.w));
	speak(&e, 0);
	kdtls_session_info(e.w.peer, &i, sizeof(i));
	CHECK_EQ(i.owner, e.member[0]);
	CHECK(i.number && i.offloaded);

	/* It moves. */
	CHECK_EQ(kdtls_session_set_owner(e.w.peer, e.member[1]), 0);
	speak(&e, 1);
	CHECK_EQ(kdtls_session_set_owner(e.w.peer, 12345), -ESRCH);
	speak(&e, 1);

	/* The client ends it. */
	CHECK_EQ(kdtls_close(e.w.s), 0);
	UNTIL(&e.w, e.w.closed == 2);
	CHECK_EQ(e.w.server_close_err, 0);
	CHECK_EQ(sessions(&e), 0);
	end(&e);
}

/* The helper is gone, and another one comes. */
static void next_helper(void)
{
	struct kdtls_endpoint_info i;
	struct endpoint e;

	if (!have_kernel)
		return;
	NEED(begin(&e));
	NEED(world_connect(&e.w));
	speak(&e, 0);
	CHECK_EQ(kdtls_endpoint_destroy(e.w.server), 0);
	e.w.server = NULL;
	e.w.peer = NULL;
	speak(&e, 0);
	NEED(helper_begin(&e));
	kdtls_endpoint_info(e.w.server, &i, sizeof(i));
	CHECK_EQ(i.adopted, 1);
	CHECK_EQ(i.session_count, 1);
	speak(&e, 0);
	CHECK_EQ(kdtls_close(e.w.s), 0);
	UNTIL(&e.w, e.w.closed == 2);
	CHECK_EQ(e.w.server_close_err, 0);
	CHECK_EQ(sessions(&e), 0);

	/* And it does handshakes. */
	e.owner = e.member[1];
	NEED(world_connect(&e.w));
	speak(&e, 1);
	end(&e);
}

/* A peer begins anew with a helper that did not make its session. */
static void begins_anew(void)
{
	struct proxy x = { .many = true };
	struct kdtls_endpoint_info i;
	struct endpoint e;

	if (!have_kernel)
		return;
	NEED(begin(&e));
	NEED(!proxy_open(&x, e.w.port));
	e.w.proxy = &x;
	NEED(world_connect(&e.w));
	speak(&e, 0);
	CHECK_EQ(kdtls_endpoint_destroy(e.w.server), 0);
	CHECK_EQ(kdtls_endpoint_destroy(e.w.client), 0);
	NEED(helper_begin(&e));
	NEED(client_begin(&e));
	NEED(world_connect(&e.w));
	speak(&e, 0);
	kdtls_endpoint_info(e.w.server, &i, sizeof(i));
	CHECK_EQ(i.adopted, 1);
	CHECK_EQ(i.reassociations, 1);
	CHECK_EQ(i.session_count, 1);
	CHECK_EQ(e.w.server_close_err, -ECONNABORTED);
	end(&e);
	proxy_close(&x);
}

/* Somebody else deletes the session. */
static void deleted(void)
{
	struct kdtls_session_info i;
	struct endpoint e;
	char command[128];

	if (!have_kernel)
		return;
	NEED(begin(&e));
	NEED(world_connect(&e.w));
	kdtls_session_info(e.w.peer, &i, sizeof(i));
	snprintf(command, sizeof(command),
		 "build/user/kdtls session del --endpoint %u --peer 127.0.0.1:%u",
		 e.number, ntohs(((struct sockaddr_in *)&i.peer)->sin_port));
	CHECK_EQ(system(command), 0);
	UNTIL(&e.w, e.w.closed == 1);
	CHECK_EQ(e.w.server_close_err, -ECANCELED);
	CHECK_EQ(sessions(&e), 0);
	end(&e);
}

/* Sockets that will not do stay the caller's. */
static void refused(void)
{
	struct sockaddr_in at = {
		.sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	struct kdtls_config *config = kdtls_config_new();
	socklen_t len = sizeof(at);
	struct kdtls_endpoint *ep;
	int fd;

	pki_config(config);
	CHECK_EQ(kdtls_listen_fd(config, -1, 0, &ep), -EBADF);
	CHECK_EQ(kdtls_listen_fd(config, 0, 2, &ep), -EINVAL);
	fd = socket(AF_UNIX, SOCK_DGRAM, 0);
	CHECK_EQ(kdtls_listen_fd(config, fd, 0, &ep), -EPROTONOSUPPORT);
	close(fd);
	fd = socket(AF_INET, SOCK_DGRAM, 0);
	CHECK_EQ(kdtls_listen_fd(config, fd, 0, &ep), -EADDRNOTAVAIL);
	close(fd);
	fd = bound(&at);
	if (!have_kernel)
		CHECK_EQ(kdtls_listen_fd(config, fd, KDTLS_LISTEN_HELPER, &ep),
			 -ENOPROTOOPT);
	CHECK(!getsockname(fd, (struct sockaddr *)&at, &len));
	CHECK(!connect(fd, (struct sockaddr *)&at, len));
	CHECK_EQ(kdtls_listen_fd(config, fd, 0, &ep), -EISCONN);
	close(fd);
	kdtls_config_free(config);
}

/* A server on a socket that it was given. */
static void given(void)
{
	struct sockaddr_in at = {
		.sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	struct world w = { .echo_off = false };
	struct kdtls_config *config = server_config(&w, KDTLS_OFFLOAD_AUTO);
	socklen_t len = sizeof(at);
	int fd = bound(&at);

	use_kernel(true);
	getsockname(fd, (struct sockaddr *)&at, &len);
	snprintf(w.port, sizeof(w.port), "%u", ntohs(at.sin_port));
	NEED(!kdtls_listen_fd(config, fd, 0, &w.server));
	kdtls_config_free(config);
	config = client_config(&w, KDTLS_OFFLOAD_AUTO);
	NEED(!kdtls_endpoint_new(config, &w.client));
	kdtls_config_free(config);
	NEED(world_connect(&w));
	echo(&w, 1000);
	world_end(&w);
	use_kernel(false);
}

static const struct tap_test tests[] = {
	{ "workers have the data", workers },
	{ "the next helper", next_helper },
	{ "a peer begins anew with the next helper", begins_anew },
	{ "a session that somebody deletes", deleted },
	{ "sockets that will not do", refused },
	{ "a server on a socket that it was given", given },
};

int main(void)
{
	world_begin();
	return tap_run(tests, sizeof(tests) / sizeof(tests[0]));
}
