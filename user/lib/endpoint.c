// SPDX-License-Identifier: LGPL-2.1-or-later
/* Endpoints: one epoll with everything in it, and the loop around it. */
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <openssl/rand.h>
#include <openssl/ssl.h>

#include <linux/kdtls.h>

#include "clock.h"
#include "endpoint.h"
#include "log.h"
#include "tidy.h"

#define EVENTS 64

/* ---- timers ---- */

void kdtls_endpoint_rearm(struct kdtls_endpoint *ep)
{
	struct kdtls_timer *first = kdtls_timers_first(&ep->timers);
	u64 at = first ? first->at : 0;
	struct itimerspec its = { .it_value.tv_sec = 0 };

	if (ep->tidy_at && (!at || ep->tidy_at < at))
		at = ep->tidy_at;
	its.it_value.tv_sec = (time_t)(at / 1000);
	its.it_value.tv_nsec = (long)(at % 1000) * 1000000;
	/* Once is enough: kdtls_dispatch() does it at its end. */
	if (ep->depth || at == ep->armed)
		return;
	ep->armed = at;
	timerfd_settime(ep->timerfd, TFD_TIMER_ABSTIME, &its, NULL);
}

static void timer_ready(struct kdtls_source *source)
{
	struct kdtls_endpoint *ep =
		(void *)((char *)source -
			 offsetof(struct kdtls_endpoint, timer_source));
	u64 times;

	/* The timers themselves are looked at after each round of events. */
	if (read(ep->timerfd, &times, sizeof(times)) > 0)
		ep->armed = 0;
}

static int expire(struct kdtls_endpoint *ep)
{
	u64 now = kdtls_now_ms();
	struct kdtls_timer *timer;
	struct kdtls_session *s;
	int n = 0;

	if (ep->tidy_at && ep->tidy_at <= now)
		kdtls_tidy(ep, now);
	while ((timer = kdtls_timers_first(&ep->timers)) && timer->at <= now) {
		s = (void *)((char *)timer -
			     offsetof(struct kdtls_session, timer));
		kdtls_timer_cancel(&ep->timers, timer);
		kdtls_session_expired(s, now);
		n++;
	}
	return n;
}

/* ---- sessions ---- */

int kdtls_endpoint_watch(struct kdtls_endpoint *ep, int fd,
			 struct kdtls_source *source)
{
	struct epoll_event event = { .events = EPOLLIN, .data.ptr = source };

	if (epoll_ctl(ep->epfd, EPOLL_CTL_ADD, fd, &event))
		return kdtls_fail(-errno, "epoll_ctl: %s", strerror(errno));
	return 0;
}

static void session_ready(struct kdtls_source *source)
{
	struct kdtls_session *s =
		(void *)((char *)source -
			 offsetof(struct kdtls_session, source));

	if (!s->dead && s->state != KDTLS_SESSION_CLOSED)
		s->carrier->receive(s);
}

int kdtls_endpoint_watch_session(struct kdtls_endpoint *ep,
				 struct kdtls_session *s)
{
	int err = kdtls_endpoint_watch(ep, s->fd, &s->source);

	s->watched = !err;
	return err;
}

static void unwatch(struct kdtls_endpoint *ep, struct kdtls_session *s)
{
	if (s->watched)
		epoll_ctl(ep->epfd, EPOLL_CTL_DEL, s->fd, NULL);
	s->watched = false;
}

void kdtls_endpoint_pass_socket(struct kdtls_session *from,
				struct kdtls_session *to)
{
	struct epoll_event event = { .events = EPOLLIN, .data.ptr = &to->source };

	to->fd = from->fd;
	to->own_fd = from->own_fd;
	to->watched = from->watched;
	from->own_fd = false;
	from->watched = false;
	if (to->watched)
		epoll_ctl(to->ep->epfd, EPOLL_CTL_MOD, to->fd, &event);
}

int kdtls_endpoint_add(struct kdtls_endpoint *ep, struct kdtls_session *s)
{
	int err = kdtls_timers_reserve(&ep->timers,
				       ep->info.session_count + 1);

	if (err)
		return kdtls_fail(err, "no memory for another session");
	s->source.ready = session_ready;
	/* The endpoint's own socket is watched, and so is a predecessor's. */
	if (!s->shared && !s->predecessor) {
		err = kdtls_endpoint_watch_session(ep, s);
		if (err)
			return err;
	}
	/* A successor has to wait for its predecessor's place. */
	if (s->server && !s->predecessor) {
		err = kdtls_table_add(ep, s);
		if (err) {
			unwatch(ep, s);
			return kdtls_fail(err, "no memory for another session");
		}
	}
	s->ep = ep;
	s->next = ep->sessions;
	if (s->next)
		s->next->pprev = &s->next;
	s->pprev = &ep->sessions;
	ep->sessions = s;
	ep->info.session_count++;
	return 0;
}

static void reap(struct kdtls_endpoint *ep)
{
	struct kdtls_session *s;

	while ((s = ep->dead)) {
		ep->dead = s->next;
		kdtls_session_free(s);
	}
}

static void close_listener(struct kdtls_endpoint *ep)
{
	if (ep->listen_fd < 0)
		return;
	kdtls_member_free(ep->member);
	ep->member = NULL;
	close(ep->listen_fd);
	ep->listen_fd = -1;
	ep->info.listening = 0;
}

void kdtls_endpoint_drop(struct kdtls_endpoint *ep, struct kdtls_session *s)
{
	s->dead = true;
	kdtls_timer_cancel(&ep->timers, &s->timer);
	kdtls_table_del(ep, s);
	/* May take the socket along. */
	kdtls_session_part(s);
	unwatch(ep, s);
	if (s->member_session && ep->member)
		kdtls_member_delete(ep->member, s->member_session);
	kdtls_number_del(ep, s);
	kdtls_origin_del(ep, s);
	*s->pprev = s->next;
	if (s->next)
		s->next->pprev = s->pprev;
	ep->info.session_count--;

	/* Callers further up may still look at it, and so may queued events. */
	s->next = ep->dead;
	ep->dead = s;
	if (ep->info.closing && !ep->info.session_count)
		close_listener(ep);
	if (!ep->depth) {
		reap(ep);
		kdtls_endpoint_rearm(ep);
	}
}

/* ---- public ---- */

static int make_buffers(struct kdtls_endpoint *ep)
{
	ep->rx = malloc(KDTLS_IO_MAX);
	ep->plain = malloc(DTLS_MAX_PLAINTEXT);
	ep->tx = malloc(KDTLS_IO_MAX);
	if (!ep->rx || !ep->plain || !ep->tx)
		return kdtls_fail(-ENOMEM, "no memory for the endpoint");
	return 0;
}

static int make_descriptors(struct kdtls_endpoint *ep)
{
	ep->epfd = epoll_create1(EPOLL_CLOEXEC);
	if (ep->epfd < 0)
		return kdtls_fail(-errno, "epoll_create1: %s", strerror(errno));
	ep->timerfd = timerfd_create(CLOCK_MONOTONIC,
				     TFD_CLOEXEC | TFD_NONBLOCK);
	if (ep->timerfd < 0)
		return kdtls_fail(-errno, "timerfd_create: %s",
				  strerror(errno));
	ep->timer_source.ready = timer_ready;
	return kdtls_endpoint_watch(ep, ep->timerfd, &ep->timer_source);
}

static int make(struct kdtls_endpoint *ep)
{
	int err = make_buffers(ep);

	if (err)
		return err;
	if (RAND_bytes((u8 *)&ep->hash_seed, sizeof(ep->hash_seed)) <= 0)
		return kdtls_fail_ssl(-EIO, "no randomness");
	err = kdtls_cookie_init(&ep->jar, ep->config->cookie_ms,
				kdtls_now_ms());
	if (err)
		return kdtls_fail_ssl(err, "no randomness");
	err = make_descriptors(ep);
	if (err)
		return err;
	if (ep->config->offload != KDTLS_OFFLOAD_REQUIRE)
		return 0;
	/* Better now than after the first peer's handshake. */
	return kdtls_probe();
}

int kdtls_endpoint_new(struct kdtls_config *config,
		       struct kdtls_endpoint **out)
{
	struct kdtls_endpoint *ep = calloc(1, sizeof(*ep));
	int err;

	if (!ep)
		return kdtls_fail(-ENOMEM, "no memory for the endpoint");
	ep->config = kdtls_config_get(config);
	ep->epfd = -1;
	ep->timerfd = -1;
	ep->listen_fd = -1;
	ep->info.created_at = kdtls_now_real();
	err = make(ep);
	if (err) {
		kdtls_endpoint_destroy(ep);
		return err;
	}
	*out = ep;
	return 0;
}

int kdtls_endpoint_destroy(struct kdtls_endpoint *ep)
{
	if (!ep)
		return 0;
	if (ep->depth)
		return kdtls_fail(-EDEADLK, "an endpoint cannot be destroyed from within its callbacks: call kdtls_endpoint_close(), and destroy it later");
	/* With the kernel's last member its sessions end. */
	close_listener(ep);
	while (ep->sessions)
		kdtls_endpoint_drop(ep, ep->sessions);
	SSL_free(ep->ssl);
	kdtls_sni_clear(ep);
	SSL_CTX_free(ep->ctx_server);
	SSL_CTX_free(ep->ctx_client);
	SSL_CTX_free(ep->ctx_accept);
	if (ep->timerfd >= 0)
		close(ep->timerfd);
	if (ep->epfd >= 0)
		close(ep->epfd);
	kdtls_cookie_clear(&ep->jar);
	kdtls_ticket_clear(&ep->tickets);
	free(ep->no_member);
	free(ep->timers.heap);
	free(ep->numbered.hash);
	free(ep->hash);
	if (ep->rx)
		OPENSSL_cleanse(ep->rx, KDTLS_IO_MAX);
	free(ep->rx);
	free(ep->tx);
	if (ep->plain)
		OPENSSL_cleanse(ep->plain, DTLS_MAX_PLAINTEXT);
	free(ep->plain);
	kdtls_config_free(ep->config);
	free(ep);
	return 0;
}

void kdtls_endpoint_close(struct kdtls_endpoint *ep)
{
	struct kdtls_session *s;

	ep->info.closing = 1;
	ep->info.listening = 0;
	/* Sessions of the kernel's endpoint need the socket for their last words. */
	if (!ep->member || !ep->info.session_count)
		close_listener(ep);
	for (s = ep->sessions; s; s = s->next)
		kdtls_close(s);
}

int kdtls_dispatch(struct kdtls_endpoint *ep, int timeout_ms)
{
	struct epoll_event events[EVENTS];
	int n, i;

	if (ep->depth)
		return kdtls_fail(-EDEADLK, "kdtls_dispatch() from within its own callbacks");
	n = epoll_wait(ep->epfd, events, EVENTS, timeout_ms);
	if (n < 0)
		return kdtls_fail(-errno, "epoll_wait: %s", strerror(errno));

	ep->depth++;
	for (i = 0; i < n; i++) {
		struct kdtls_source *source = events[i].data.ptr;

		source->ready(source);
	}
	n += expire(ep);
	ep->depth--;
	reap(ep);
	kdtls_endpoint_rearm(ep);
	return n;
}

int kdtls_endpoint_fd(const struct kdtls_endpoint *ep)
{
	return ep->epfd;
}

int kdtls_endpoint_address(const struct kdtls_endpoint *ep,
			   struct sockaddr *addr, socklen_t *len)
{
	socklen_t n = kdtls_io_addrlen(&ep->address);

	if (!ep->info.listening)
		return kdtls_fail(-ENOTCONN, "the endpoint does not listen");
	memcpy(addr, &ep->address, *len < n ? *len : n);
	*len = n;
	return 0;
}

void kdtls_endpoint_set_busy(struct kdtls_endpoint *ep, int busy)
{
	ep->info.busy = !!busy;
}

int kdtls_endpoint_info(const struct kdtls_endpoint *ep,
			struct kdtls_endpoint_info *info, size_t size)
{
	memset(info, 0, size);
	memcpy(info, &ep->info,
	       size < sizeof(ep->info) ? size : sizeof(ep->info));
	return 0;
}
