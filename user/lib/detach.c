// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Sessions whose sockets go their own way after the handover: another process, or
 * another part of this one, sends and receives by plain calls.
 */
#include <sys/socket.h>

#include <openssl/ssl.h>

#include <linux/kdtls.h>

#include "clock.h"
#include "endpoint.h"
#include "install.h"
#include "log.h"
#include "resume.h"

/* How often to look whether the peer asks: at first, and after a while. */
#define LOOK_MS		250
#define LOOK_LATER_MS	1000
#define LOOK_OFTEN_MS	20000

static int option(int fd, int name, int value)
{
	return setsockopt(fd, SOL_DTLS, name, &value, sizeof(value)) ? -errno : 0;
}

/* Whoever reads by plain calls never meets a control record. */
static int make_plain(int fd)
{
	int err = option(fd, DTLS_RECV_CONTROL, 0);

	if (!err)
		err = option(fd, DTLS_RECV_RAW, DTLS_RAW_NONE);
	if (err)
		return kdtls_fail(err, "cannot make the socket a plain one: %s",
				  strerror(-err));
	return 0;
}

/* What is not the endpoint's moves; what the endpoint may still look at stays. */
static void move(struct kdtls_session *to, struct kdtls_session *from)
{
	*to = *from;
	kdtls_timer_init(&to->timer);
	to->ep = NULL;
	to->next = NULL;
	to->pprev = NULL;
	to->hash_next = NULL;
	to->hashed = false;
	to->origin = NULL;
	to->origin_handshake = false;
	to->ssl = NULL;
	to->bio = NULL;

	from->own_fd = false;
	from->more = NULL;
	from->n_more = 0;
	memset(&from->pending, 0, sizeof(from->pending));
	memset(&from->flight, 0, sizeof(from->flight));
	from->alpn = NULL;
	from->psk_identity = NULL;
	from->server_name = NULL;
	from->reason = NULL;
	from->error = NULL;
}

/* The kernel does not know what OpenSSL has read: the end of the session, here. */
static void end_for_good(struct kdtls_session *s)
{
	if (s->close_err == -EPIPE)
		kdtls_close(s);
	s->state = KDTLS_SESSION_CLOSED;
	shutdown(s->fd, SHUT_RDWR);
}

int kdtls_session_detach(struct kdtls_session *s, struct kdtls_session **out)
{
	struct kdtls_session *copy;
	int err, close_err;

	if (!s->ep || s->state == KDTLS_SESSION_HANDSHAKE)
		return kdtls_fail(-ENOTCONN, "the handshake is not finished: detach from the handshake callback");
	if (s->state != KDTLS_SESSION_OPEN)
		return kdtls_fail(-EPIPE, "the session is closed");
	if (!s->offloaded)
		return kdtls_fail(-EOPNOTSUPP, "OpenSSL carries the records of this session: only one that the kernel carries can go its own way");
	copy = kdtls_session_new(s->fd, false);
	if (!copy)
		return kdtls_fail(-ENOMEM, "no memory for the session");
	err = make_plain(s->fd);
	if (err) {
		kdtls_session_free(copy);
		return err;
	}
	if (s->ssl)
		kdtls_resume_tell(s);
	if (s->dead || s->state != KDTLS_SESSION_OPEN) {
		kdtls_session_free(copy);
		return kdtls_fail(-EPIPE, "the resumption callback closed the session");
	}
	close_err = s->close_err;
	move(copy, s);
	kdtls_endpoint_drop(s->ep, s);
	if (close_err)
		end_for_good(copy);
	*out = copy;
	return 0;
}

/* ---- the last flight ---- */

/*
 * A peer that waits for the flight has nothing to say but its Finished, each time as
 * long as ours (RFC 5246 section 7.4.9). Anything else is a peer that has it.
 */
static bool has_it(const struct kdtls_session *s, const struct dtls_info *info)
{
	return info->rx_bytes != info->rx_records * s->flight.finished_len;
}

/* Its flight has records of epoch 0 as well, which nobody can open. */
static bool asks(const struct kdtls_session *s, const struct dtls_info *info)
{
	return info->rx_records > s->tended_records &&
	       info->rx_bad > s->tended_bad;
}

static int answer(struct kdtls_session *s, const struct dtls_info *info)
{
	const struct kdtls_way way = kdtls_session_way(s);
	int sent, err = option(s->fd, DTLS_RECV_RAW, DTLS_RAW_EPOCH0);

	if (err)
		return err;
	sent = kdtls_flight_answer(&s->flight, &way, kdtls_now_ms());
	err = option(s->fd, DTLS_RECV_RAW, DTLS_RAW_NONE);
	if (sent > 0) {
		s->flights_answered++;
		s->tended_records = info->rx_records;
		s->tended_bad = info->rx_bad;
	}
	return sent < 0 ? sent : err;
}

static int over(struct kdtls_session *s, int err)
{
	kdtls_flight_clear(&s->flight);
	return err;
}

static int next_look(const struct kdtls_session *s, u64 now)
{
	u64 since = kdtls_now_real() - s->handshake_completed_at;
	u64 left = s->flight.expires - now;
	u64 ms = since / 1000000 < LOOK_OFTEN_MS ? LOOK_MS : LOOK_LATER_MS;

	return (int)(left < ms ? left : ms);
}

int kdtls_session_tend(struct kdtls_session *s)
{
	const int ended = DTLS_STATE_PEER_CLOSED | DTLS_STATE_PEER_ALERT |
			  DTLS_STATE_CLOSED;
	u64 now = kdtls_now_ms();
	struct dtls_info info;
	int err;

	if (s->ep)
		return kdtls_fail(-EOPNOTSUPP, "the session belongs to an endpoint, which answers for its last flight");
	if (!s->flight.finished_len)
		return 0;
	if (now >= s->flight.expires || s->flight.times >= KDTLS_FLIGHT_TIMES ||
	    s->state != KDTLS_SESSION_OPEN)
		return over(s, 0);
	err = kdtls_install_info(s->fd, &info);
	if (err)
		return over(s, kdtls_fail(err, "DTLS_INFO: %s", strerror(-err)));
	if (info.state & ended || has_it(s, &info))
		return over(s, 0);
	if (asks(s, &info)) {
		err = answer(s, &info);
		/* A full buffer passes, and so does what ICMP says. */
		if (err && err != -EAGAIN && err != -ECONNREFUSED &&
		    err != -ENOBUFS)
			return over(s, err);
	}
	return next_look(s, now);
}
