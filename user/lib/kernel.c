// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The kernel as carrier: send() seals, recv() opens, and what is left to us are
 * the control records.
 */
#include <stdlib.h>
#include <sys/socket.h>

#include <openssl/crypto.h>
#include <openssl/ssl.h>

#include <linux/kdtls.h>

#include "clock.h"
#include "endpoint.h"
#include "install.h"
#include "log.h"
#include "member.h"

/* What fits into one call of a train: the kernel's limits, minus headers. */
#define TRAIN_SEGMENTS	64
#define TRAIN_BYTES	65000

static ssize_t send_message(struct kdtls_session *s, const void *buf, size_t len,
			    size_t segment)
{
	const struct kdtls_tx tx = {
		.way = kdtls_session_way(s),
		.buf = buf,
		.len = len,
		.segment = segment,
	};
	ssize_t n = kdtls_io_send(&tx);

	if (n < 0)
		return kdtls_fail((int)n, "send: %s", kdtls_strerror((int)n));
	return (ssize_t)len;
}

static ssize_t kernel_send(struct kdtls_session *s, const void *buf, size_t len)
{
	return send_message(s, buf, len, 0);
}

static ssize_t kernel_send_train(struct kdtls_session *s, const void *buf,
				 size_t len, size_t segment)
{
	size_t per_call = TRAIN_BYTES / (segment + s->overhead);
	size_t done = 0, n;
	ssize_t ret;

	if (per_call > TRAIN_SEGMENTS)
		per_call = TRAIN_SEGMENTS;
	while (done < len) {
		n = len - done;
		if (n > per_call * segment)
			n = per_call * segment;
		ret = send_message(s, (const u8 *)buf + done, n, segment);
		if (ret < 0)
			return done ? (ssize_t)done : ret;
		done += n;
	}
	return (ssize_t)done;
}

static int kernel_send_close(struct kdtls_session *s)
{
	static const u8 close_notify[2] = { 1, 0 };
	const struct kdtls_tx tx = {
		.way = kdtls_session_way(s),
		.buf = close_notify,
		.len = sizeof(close_notify),
		.flags = MSG_DONTWAIT,
		.type = DTLS_CT_ALERT,
	};
	ssize_t n = kdtls_io_send(&tx);

	if (n < 0)
		return kdtls_fail((int)n, "cannot send close_notify: %s",
				  strerror((int)-n));
	return 0;
}

static void handshake_record(struct kdtls_session *s, const struct kdtls_rx *rx)
{
	const struct kdtls_way way = kdtls_session_way(s);

	/* With the connection open, a handshake record can only be a repetition. */
	if (kdtls_flight_asked(rx->buf, rx->len) &&
	    kdtls_flight_answer(&s->flight, &way, kdtls_now_ms()) > 0)
		s->flights_answered++;
}

/* 1 for data, 0 for what is done, why the session ends otherwise. */
static int classify(struct kdtls_session *s, const struct kdtls_rx *rx)
{
	if (rx->raw) {
		if (s->ep)
			s->ep->info.dropped_stray++;
		return 0;
	}
	switch (rx->type) {
	case DTLS_CT_APPLICATION_DATA:
		return 1;
	case DTLS_CT_HANDSHAKE:
		handshake_record(s, rx);
		return 0;
	case DTLS_CT_ALERT:
		return kdtls_session_alert(s, rx->buf, rx->len);
	case -1:
		/* Nothing, and not even a type: the end, as the kernel tells it. */
		if (!rx->len) {
			s->peer_closed = true;
			return -EPIPE;
		}
		return 1;
	default:
		return 0;
	}
}

/*
 * Does the error end the session? ICMP can set nearly every other one, and anybody
 * can forge ICMP; and no memory means one datagram lost.
 */
static bool is_hard(int err)
{
	switch (err) {
	case -ECONNRESET:
	case -EPIPE:
	case -EBADF:
	case -EBADFD:
	case -ENOTSOCK:
	case -ENOTCONN:
	case -EFAULT:
	case -EINVAL:
		return true;
	default:
		return false;
	}
}

static int receive_failed(struct kdtls_session *s, int err)
{
	struct dtls_info info;

	if (err != -ECONNRESET || kdtls_install_info(s->fd, &info) ||
	    !(info.state & DTLS_STATE_PEER_ALERT))
		return kdtls_fail(err, "receive: %s", kdtls_strerror(err));
	return kdtls_fail(err, "the peer ended the session: %s",
			  SSL_alert_desc_string_long(info.alert));
}

static void ended(struct kdtls_session *s, int err)
{
	if (err == -EPIPE) {
		/* RFC 5246 section 7.2.1: answer with a close_notify. */
		if (!s->close_sent)
			kernel_send_close(s);
		s->close_sent = true;
		kdtls_session_end(s, 0);
		return;
	}
	kdtls_session_error_now(s, err);
	kdtls_session_end(s, err);
}

/* A message, or what the kernel said instead of one. */
static void take(struct kdtls_session *s, const struct kdtls_rx *rx, int err)
{
	err = err ? receive_failed(s, err) : classify(s, rx);
	if (err < 0)
		ended(s, err);
	else if (err)
		kdtls_session_deliver(s, rx->buf, rx->len, rx->segment);
}

void kdtls_kernel_message(struct kdtls_session *s, const struct kdtls_rx *rx)
{
	take(s, rx, 0);
}

static void kernel_receive(struct kdtls_session *s)
{
	struct kdtls_rx rx = { .buf = s->ep->rx, .cap = KDTLS_IO_MAX };
	int budget = KDTLS_BUDGET, err;

	while (budget-- && !s->dead && s->state == KDTLS_SESSION_OPEN) {
		err = kdtls_io_recv(s->fd, &rx, MSG_DONTWAIT);
		if (err == -EAGAIN)
			return;
		if (!err || is_hard(err))
			take(s, &rx, err);
	}
}

static void fill_info(struct kdtls_session_info *info,
		      const struct dtls_info *k)
{
	info->tx_epoch = k->tx_epoch;
	info->rx_epoch = k->rx_epoch;
	info->overhead = k->overhead;
	info->max_payload = k->max_payload;
	info->window = k->window;
	info->tx_seq = k->tx_seq;
	info->rx_seq = k->rx_seq;
	info->rx_replayed = k->rx_replayed;
	info->rx_bad = k->rx_bad;
}

static void kernel_info(struct kdtls_session *s,
			struct kdtls_session_info *info)
{
	struct dtls_info k;

	if (kdtls_install_info(s->fd, &k))
		return;
	fill_info(info, &k);
	/* A program may use the socket itself: then only the kernel counts. */
	if (s->ep)
		return;
	info->messages_sent = k.tx_records;
	info->bytes_sent = k.tx_bytes;
	info->messages_received = k.rx_records + s->messages_received;
	info->bytes_received = k.rx_bytes + s->bytes_received;
}

const struct kdtls_carrier kdtls_carrier_kernel = {
	.send		= kernel_send,
	.send_train	= kernel_send_train,
	.receive	= kernel_receive,
	.send_close	= kernel_send_close,
	.info		= kernel_info,
};

/* What comes for it comes by the endpoint's socket. */
static void member_receive(struct kdtls_session *s)
{
	kdtls_listen_ready(&s->ep->listen_source);
}

static void member_info(struct kdtls_session *s,
			struct kdtls_session_info *info)
{
	struct dtls_info k;

	if (s->member_session && s->ep->member &&
	    !kdtls_member_info(s->ep->member, s->member_session, &k))
		fill_info(info, &k);
}

const struct kdtls_carrier kdtls_carrier_member = {
	.send		= kernel_send,
	.send_train	= kernel_send_train,
	.receive	= member_receive,
	.send_close	= kernel_send_close,
	.info		= member_info,
};

/* ---- public: without an endpoint ---- */

size_t kdtls_pending(const struct kdtls_session *s)
{
	return s->pending.n;
}

static ssize_t recv_pending(struct kdtls_session *s, void *buf, size_t len)
{
	struct kdtls_queued *m = kdtls_queue_get(&s->pending);
	size_t n = m->len < len ? m->len : len;

	memcpy(buf, m->bytes, n);
	s->messages_received++;
	s->bytes_received += m->len;
	OPENSSL_cleanse(m->bytes, m->len);
	free(m);
	return (ssize_t)n;
}

/*
 * Control records go through @buf, too. One that does not fit is not lost on us:
 * an alert has two bytes, and of a Finished message its first is enough.
 */
ssize_t kdtls_recv(struct kdtls_session *s, void *buf, size_t len)
{
	u8 small[64];
	struct kdtls_rx rx = { .buf = buf, .cap = len };
	int err;

	if (s->ep)
		return kdtls_fail(-EOPNOTSUPP, "the session belongs to an endpoint: its data comes by the message callback");
	if (s->pending.n)
		return recv_pending(s, buf, len);
	if (s->close_err)
		return s->close_err;
	if (len < sizeof(small)) {
		rx.buf = small;
		rx.cap = sizeof(small);
	}
	do {
		err = kdtls_io_recv(s->fd, &rx, 0);
		if (err == -EINTR || err == -EAGAIN)
			return err;
		if (err && !is_hard(err))
			err = 0;
		else
			err = err ? receive_failed(s, err) : classify(s, &rx);
	} while (err >= 0 && err != 1);
	if (err < 0) {
		s->close_err = err;
		return err;
	}
	if (rx.buf == small) {
		memcpy(buf, small, rx.len < len ? rx.len : len);
		OPENSSL_cleanse(small, sizeof(small));
	}
	return (ssize_t)(rx.len < len ? rx.len : len);
}
