// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "closer.h"
#include "daemon.h"
#include "log.h"
#include "systemd.h"

#define EVENTS		64

/* Programs that are let in before others have their turn. */
#define BUDGET		16

/* Without a free descriptor, how long until it is tried again. */
#define PAUSE_MS	500

uint64_t daemon_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

int daemon_watch(struct daemon *d, int fd, struct source *source, uint32_t events)
{
	struct epoll_event event = { .events = events, .data.ptr = source };

	return epoll_ctl(d->epfd, EPOLL_CTL_ADD, fd, &event) ? -errno : 0;
}

void daemon_later(struct daemon *d, struct profile *p)
{
	if (!p->later++) {
		p->later_next = d->later;
		d->later = p;
	}
}

void daemon_tend_at(struct daemon *d, uint64_t at)
{
	if (at && (!d->tend_at || at < d->tend_at))
		d->tend_at = at;
}

/* ---- programs come ---- */

static void listen_events(struct daemon *d, uint32_t events)
{
	struct epoll_event event = { .events = events,
				     .data.ptr = &d->listen_source };

	epoll_ctl(d->epfd, EPOLL_CTL_MOD, d->listen_fd, &event);
}

/* epoll would tell of the same program for ever. */
static void pause_listening(struct daemon *d)
{
	log_say(LOG_ERR, "cannot take a connection: %s; is LimitNOFILE= too low?",
		strerror(errno));
	d->listen_at = daemon_now() + PAUSE_MS;
	listen_events(d, 0);
}

static void listen_ready(struct source *source, uint32_t events)
{
	struct daemon *d = SOURCE_OF(struct daemon, listen_source, source);
	int budget = BUDGET, fd;

	while (budget--) {
		fd = accept4(d->listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
		if (fd >= 0) {
			conn_new(d, fd);
			continue;
		}
		if (errno == EMFILE || errno == ENFILE || errno == ENOMEM ||
		    errno == ENOBUFS)
			pause_listening(d);
		return;
	}
}

/* ---- signals ---- */

static void signal_ready(struct source *source, uint32_t events)
{
	struct daemon *d = SOURCE_OF(struct daemon, signal_source, source);
	struct signalfd_siginfo info;

	while (read(d->signal_fd, &info, sizeof(info)) == sizeof(info)) {
		if (info.ssi_signo != SIGHUP) {
			log_say(LOG_INFO, "ends by signal %u", info.ssi_signo);
			d->stopped = true;
			continue;
		}
		systemd_reloading();
		daemon_reload(d);
		systemd_notify("READY=1");
	}
}

int daemon_signals(struct daemon *d, int signal_fd)
{
	d->signal_fd = signal_fd;
	d->signal_source.ready = signal_ready;
	return daemon_watch(d, signal_fd, &d->signal_source, EPOLLIN);
}

/* What belongs to the process is settled when it starts. */
static void warn_of_changes(const struct conf *old, const struct conf *new)
{
	if ((strcmp(old->socket, new->socket) && !old->socket_given) ||
	    old->mode != new->mode ||
	    old->socket_group != new->socket_group || old->uid != new->uid ||
	    old->gid != new->gid || old->lock_memory != new->lock_memory)
		log_say(LOG_WARNING, "%s: socket, socket-mode, socket-group, user, group and lock-memory take a restart to change",
			new->path);
	if (conf_has_keylog(new) && !conf_has_keylog(old))
		log_say(LOG_WARNING, "%s: the first keylog takes a restart", new->path);
}

void daemon_reload(struct daemon *d)
{
	struct conf *conf = conf_read(d->conf->path);
	struct profile *list, *p;

	if (!conf || profiles_make(d, conf, &list)) {
		log_say(LOG_ERR, "not reloaded: all is as it was");
		conf_free(conf);
		return;
	}
	warn_of_changes(d->conf, conf);
	conf->socket_given = d->conf->socket_given;
	/* Handshakes that are under way end with the profile that they began with. */
	while ((p = d->profiles)) {
		d->profiles = p->next;
		p->next = NULL;
		daemon_later(d, p);
	}
	d->profiles = list;
	conf_free(d->conf);
	d->conf = conf;
	log_say(LOG_INFO, "reloaded %s", conf->path);
}

/* ---- the loop ---- */

/* Nobody points at them any more: callbacks are over, and so are events. */
static void sweep(struct daemon *d)
{
	struct conn **at = &d->conns, *c;
	struct profile *p;

	while ((c = *at)) {
		if (!c->dead) {
			at = &c->next;
			continue;
		}
		*at = c->next;
		d->n_conns--;
		conn_free(c);
	}
	while ((p = d->later)) {
		d->later = p->later_next;
		for (; p->later > 1; p->later--)
			profile_put(p);
		p->later = 0;
		profile_put(p);
	}
}

static void tend(struct daemon *d)
{
	uint64_t now = daemon_now();
	struct conn *c;

	if (d->listen_at && now >= d->listen_at) {
		d->listen_at = 0;
		listen_events(d, EPOLLIN);
	}
	if (!d->tend_at || now < d->tend_at)
		return;
	d->tend_at = 0;
	for (c = d->conns; c; c = c->next)
		daemon_tend_at(d, job_tend(c, now));
}

/* The sooner one of what was asked for and what is due. */
static int how_long(const struct daemon *d, int timeout_ms)
{
	uint64_t at = d->tend_at, now = daemon_now(), ms;

	if (d->listen_at && (!at || d->listen_at < at))
		at = d->listen_at;
	if (!at)
		return timeout_ms;
	ms = at > now ? at - now : 0;
	return timeout_ms >= 0 && (uint64_t)timeout_ms < ms ? timeout_ms : (int)ms;
}

int daemon_turn(struct daemon *d, int timeout_ms)
{
	struct epoll_event events[EVENTS];
	int n, i;

	n = epoll_wait(d->epfd, events, EVENTS, how_long(d, timeout_ms));
	if (n < 0)
		return errno == EINTR ? 0 : -errno;
	for (i = 0; i < n; i++) {
		struct source *source = events[i].data.ptr;

		source->ready(source, events[i].events);
	}
	tend(d);
	sweep(d);
	return n;
}

/* ---- its life ---- */

static int begin(struct daemon *d)
{
	d->epfd = epoll_create1(EPOLL_CLOEXEC);
	if (d->epfd < 0)
		return -errno;
	d->listen_source.ready = listen_ready;
	return daemon_watch(d, d->listen_fd, &d->listen_source, EPOLLIN);
}

struct daemon *daemon_new(struct conf *conf, int listen_fd)
{
	struct daemon *d = calloc(1, sizeof(*d));
	int err;

	if (!d) {
		log_say(LOG_ERR, "no memory");
		return NULL;
	}
	d->listen_fd = listen_fd;
	d->signal_fd = -1;
	err = begin(d);
	if (err)
		log_say(LOG_ERR, "cannot wait for programs: %s", strerror(-err));
	else
		err = profiles_make(d, conf, &d->profiles);
	if (!err) {
		d->conf = conf;
		return d;
	}
	if (d->epfd >= 0)
		close(d->epfd);
	free(d);
	return NULL;
}

void daemon_stop(struct daemon *d)
{
	struct conn *c;

	for (c = d->conns; c; c = c->next) {
		while (c->jobs && !c->dead) {
			uint32_t id = c->jobs->id;
			bool tended = c->jobs->tended;

			job_free(c->jobs);
			if (!tended)
				conn_fail(c, id, -ESHUTDOWN, "the helper is ending: try its successor");
		}
	}
}

void daemon_free(struct daemon *d)
{
	struct conn *c;

	for (c = d->conns; c; c = c->next)
		conn_end(c);
	sweep(d);
	profiles_put(d->profiles);
	conf_free(d->conf);
	if (d->signal_fd >= 0)
		close(d->signal_fd);
	close(d->listen_fd);
	close(d->epfd);
	free(d);
}
