// SPDX-License-Identifier: GPL-2.0
/*
 * Programs. Each may be hostile, and none is to hurt another one: nothing here waits,
 * all of it is bounded, and what is wrong ends the one connection.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "closer.h"
#include "daemon.h"
#include "log.h"
#include "request.h"

/* Requests of one program before others have their turn. */
#define BUDGET		16

/* What may wait for a program that does not read, in bytes. */
#define OUT_BYTES_MAX	(512 * 1024)

/* Most descriptors in one message; all must be taken, to be closed. */
#define FDS_MAX		253

/* Lines in so many milliseconds. */
#define LINES_MAX	30
#define LINES_MS	10000

struct message {
	struct message	*next;
	size_t		len;
	char		bytes[];
};

/* ---- telling ---- */

static bool may_say(struct conn *c)
{
	uint64_t now = daemon_now();

	if (now >= c->lines_until) {
		c->lines = LINES_MAX;
		c->lines_until = now + LINES_MS;
	}
	if (!c->lines)
		return false;
	if (--c->lines)
		return true;
	log_say(LOG_NOTICE, "program %d (uid %u): no more of it for a while",
		(int)c->pid, (unsigned int)c->uid);
	return false;
}

void conn_say(struct conn *c, int priority, const char *fmt, ...)
{
	char text[1000];
	va_list ap;

	/* What would not be told in any case costs nothing. */
	if ((priority > LOG_INFO && !log_verbose) || !may_say(c))
		return;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	log_say(priority, "program %d (uid %u): %s", (int)c->pid,
		(unsigned int)c->uid, text);
}

/* ---- writing ---- */

/* Who does not take what there is for it is not asked for more. */
static void watch(struct conn *c)
{
	uint32_t want = c->out ? EPOLLOUT : c->ending ? 0 : EPOLLIN;
	struct epoll_event event = { .events = want, .data.ptr = &c->source };

	if (want == c->events || c->dead)
		return;
	c->events = want;
	epoll_ctl(c->daemon->epfd, EPOLL_CTL_MOD, c->fd, &event);
}

static void drop_first(struct conn *c)
{
	struct message *m = c->out;

	c->out = m->next;
	if (!c->out)
		c->out_end = &c->out;
	c->out_bytes -= m->len;
	/* It can have keys in it. */
	explicit_bzero(m->bytes, m->len);
	free(m);
}

/* 0, -EAGAIN, or the end of the connection. */
static int try_send(struct conn *c, const void *message, size_t len)
{
	if (send(c->fd, message, len, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0)
		return 0;
	if (errno == EAGAIN || errno == ENOBUFS || errno == ENOMEM)
		return -EAGAIN;
	conn_end(c);
	return -EPIPE;
}

static void keep(struct conn *c, const void *message, size_t len)
{
	struct message *m;

	if (c->out_bytes + len > OUT_BYTES_MAX) {
		conn_say(c, LOG_WARNING, "it does not read its events: connection ended");
		conn_end(c);
		return;
	}
	m = malloc(sizeof(*m) + len);
	if (!m) {
		conn_end(c);
		return;
	}
	m->next = NULL;
	m->len = len;
	memcpy(m->bytes, message, len);
	*c->out_end = m;
	c->out_end = &m->next;
	c->out_bytes += len;
}

void conn_send(struct conn *c, const void *message, size_t len)
{
	if (c->dead)
		return;
	if (c->out || try_send(c, message, len) == -EAGAIN)
		keep(c, message, len);
	watch(c);
}

void conn_fail(struct conn *c, uint32_t id, int err, const char *text)
{
	struct kdtls_helper_failed f = {
		.header = {
			.version = KDTLS_HELPER_VERSION,
			.type = KDTLS_HELPER_FAILED,
			.size = sizeof(f),
			.id = id,
		},
		.error = -err,
	};

	memccpy(f.text, text, 0, sizeof(f.text) - 1);
	conn_send(c, &f, sizeof(f));
}

static void flush(struct conn *c)
{
	while (c->out && !c->dead && !try_send(c, c->out->bytes, c->out->len))
		drop_first(c);
	if (!c->out && c->ending)
		conn_end(c);
	watch(c);
}

/* ---- its end ---- */

void conn_end(struct conn *c)
{
	if (c->dead)
		return;
	c->dead = true;
	while (c->jobs)
		job_free(c->jobs);
	epoll_ctl(c->daemon->epfd, EPOLL_CTL_DEL, c->fd, NULL);
}

void conn_free(struct conn *c)
{
	while (c->out)
		drop_first(c);
	/* There may be descriptors in it that nobody has received. */
	closer_close(c->fd);
	free(c);
}

/* What it says is no request: the connection ends when it has been told. */
static void refuse(struct conn *c, uint32_t id, int err, const char *text)
{
	conn_say(c, LOG_WARNING, "%s: connection ended", text);
	while (c->jobs)
		job_free(c->jobs);
	c->ending = true;
	conn_fail(c, id, err, text);
	flush(c);
}

/* ---- reading ---- */

/* What came with one recvmsg(). */
struct input {
	union {
		struct kdtls_helper_request request;
		/* One more, to see that there are more. */
		char bytes[sizeof(struct kdtls_helper_request) + 1];
	} u;
	size_t	len;
	int	fds[FDS_MAX];
	size_t	n_fds;
	bool	lost;
};

static void take_fds(struct input *in, struct msghdr *msg)
{
	struct cmsghdr *cmsg;
	size_t n;

	in->n_fds = 0;
	for (cmsg = CMSG_FIRSTHDR(msg); cmsg; cmsg = CMSG_NXTHDR(msg, cmsg)) {
		if (cmsg->cmsg_level != SOL_SOCKET ||
		    cmsg->cmsg_type != SCM_RIGHTS)
			continue;
		n = (cmsg->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		if (n > FDS_MAX - in->n_fds)
			n = FDS_MAX - in->n_fds;
		memcpy(in->fds + in->n_fds, CMSG_DATA(cmsg), n * sizeof(int));
		in->n_fds += n;
	}
}

/* 1 with a message, 0 without, -1 at the end. */
static int receive(struct conn *c, struct input *in)
{
	union {
		struct cmsghdr align;
		char space[CMSG_SPACE(FDS_MAX * sizeof(int))];
	} ctl;
	struct iovec iov = { .iov_base = &in->u, .iov_len = sizeof(in->u) };
	struct msghdr msg = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = ctl.space,
		.msg_controllen = sizeof(ctl.space),
	};
	ssize_t n = recvmsg(c->fd, &msg, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);

	if (n < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : -1;
	in->len = (size_t)n;
	take_fds(in, &msg);
	in->lost = msg.msg_flags & MSG_CTRUNC;
	/* An empty message would look like the end: it is the end. */
	return n || in->n_fds ? 1 : -1;
}

static bool is_running(const struct conn *c, uint32_t id)
{
	const struct job *job = c->jobs;

	while (job && job->id != id)
		job = job->next;
	return job;
}

/* Returns whether a descriptor was taken. */
static bool serve(struct conn *c, struct input *in)
{
	struct kdtls_helper_request r;
	const char *why;

	why = request_parse(&in->u, in->len, in->lost ? 1 : in->n_fds, &r);
	if (!why && r.header.type != KDTLS_HELPER_CANCEL && is_running(c, r.header.id))
		why = "a request with the number of another one that is running";
	if (why) {
		refuse(c, r.header.id, -EBADMSG, why);
		return false;
	}
	if (r.header.type == KDTLS_HELPER_CANCEL) {
		job_cancel(c, r.header.id);
		return false;
	}
	if (in->n_fds != 1) {
		conn_fail(c, r.header.id, -EMFILE, "the descriptor did not arrive: the helper has no room for more");
		return false;
	}
	job_begin(c, &r, in->fds[0]);
	return true;
}

static void read_requests(struct conn *c)
{
	int budget = BUDGET, ret = 1;
	struct input in;
	size_t i;

	while (budget-- && !c->dead && !c->ending && !c->out) {
		ret = receive(c, &in);
		if (ret <= 0)
			break;
		i = serve(c, &in) ? 1 : 0;
		for (; i < in.n_fds; i++)
			closer_close(in.fds[i]);
	}
	if (ret < 0)
		conn_end(c);
}

static void conn_ready(struct source *source, uint32_t events)
{
	struct conn *c = SOURCE_OF(struct conn, source, source);

	if (c->dead)
		return;
	if (events & EPOLLOUT)
		flush(c);
	if (!c->dead && events & EPOLLIN)
		read_requests(c);
	if (!c->dead && events & (EPOLLHUP | EPOLLERR) && !(events & EPOLLIN))
		conn_end(c);
}

/* ---- its beginning ---- */

static unsigned int count_user(const struct daemon *d, uid_t uid)
{
	const struct conn *c;
	unsigned int n = 0;

	for (c = d->conns; c; c = c->next)
		n += c->uid == uid && !c->dead;
	return n;
}

static const char *may_connect(const struct daemon *d, const struct conn *c, int *err)
{
	*err = -EACCES;
	if (!conf_may(&d->conf->users, c->uid))
		return "this user may not use the helper: see allow-user in kdtlsd.conf(5)";
	*err = -EUSERS;
	if (d->n_conns >= d->conf->max_connections)
		return "too many connections: see max-connections in kdtlsd.conf(5)";
	if (count_user(d, c->uid) >= d->conf->max_user_connections)
		return "too many connections of this user: see max-user-connections in kdtlsd.conf(5)";
	return NULL;
}

static int who(struct conn *c)
{
	struct ucred cred;
	socklen_t len = sizeof(cred);

	if (getsockopt(c->fd, SOL_SOCKET, SO_PEERCRED, &cred, &len))
		return -1;
	c->uid = cred.uid;
	c->pid = cred.pid;
	return 0;
}

void conn_new(struct daemon *d, int fd)
{
	struct conn *c = calloc(1, sizeof(*c));
	const char *why;
	int err;

	if (!c) {
		close(fd);
		return;
	}
	c->daemon = d;
	c->fd = fd;
	c->out_end = &c->out;
	c->source.ready = conn_ready;
	c->events = EPOLLIN;
	if (who(c)) {
		conn_free(c);
		return;
	}
	why = may_connect(d, c, &err);
	if (why) {
		d->refused++;
		conn_say(c, LOG_WARNING, "%s", why);
		conn_fail(c, 0, err, why);
		conn_free(c);
		return;
	}
	if (daemon_watch(d, fd, &c->source, EPOLLIN)) {
		conn_free(c);
		return;
	}
	c->next = d->conns;
	d->conns = c;
	d->n_conns++;
	conn_say(c, LOG_DEBUG, "connected");
}
