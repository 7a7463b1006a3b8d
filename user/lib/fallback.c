// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * OpenSSL as carrier, for what the kernel cannot take. Trains work here as well:
 * the records are gathered and leave by one call with UDP_SEGMENT.
 */
#include <sys/socket.h>

#include <openssl/err.h>
#include <openssl/ssl.h>

#include <linux/kdtls.h>

#include "bio.h"
#include "endpoint.h"
#include "keys.h"
#include "log.h"
#include "track.h"

#define BATCH_SEGMENTS	64
#define BATCH_BYTES	65000

/* ---- sending ---- */

/* UDP refuses a train whose datagrams would have to be fragmented. */
static bool wants_singles(ssize_t err)
{
	return err == -EINVAL || err == -EMSGSIZE || err == -EIO;
}

static ssize_t send_singles(struct kdtls_session *s)
{
	size_t at, n;

	for (at = 0; at < s->batch_len; at += n) {
		n = s->batch_len - at;
		if (n > s->batch_size)
			n = s->batch_size;
		if (send(s->fd, s->batch + at, n, MSG_NOSIGNAL) < 0)
			return -errno;
	}
	return 0;
}

static void flush_batch(struct kdtls_session *s)
{
	const struct kdtls_tx tx = {
		.way = kdtls_session_way(s),
		.buf = s->batch,
		.len = s->batch_len,
		.segment = s->batch_size,
	};
	ssize_t n;

	if (!s->batch_len)
		return;
	n = kdtls_io_send(&tx);
	if (wants_singles(n))
		n = send_singles(s);
	if (n < 0)
		s->write_err = (int)n;
	s->batch_len = 0;
}

/* Only the last segment of a train may be shorter than the others. */
static bool fits_batch(const struct kdtls_session *s, size_t len)
{
	return len <= s->batch_size && s->batch_len % s->batch_size == 0 &&
	       s->batch_len + len <= BATCH_BYTES &&
	       s->batch_len / s->batch_size < BATCH_SEGMENTS;
}

static void gather(struct kdtls_session *s, const u8 *buf, size_t len)
{
	if (s->batch_len && !fits_batch(s, len))
		flush_batch(s);
	if (!s->batch_len)
		s->batch_size = len;
	memcpy(s->batch + s->batch_len, buf, len);
	s->batch_len += len;
}

void kdtls_fallback_write(void *arg, const u8 *buf, size_t len)
{
	struct kdtls_session *s = arg;
	const struct kdtls_tx tx = {
		.way = kdtls_session_way(s),
		.buf = buf,
		.len = len,
		/* The socket may be a program's, and block. */
		.flags = MSG_DONTWAIT,
		.raw = s->shared,
	};
	ssize_t n;

	/* Ended from within a callback, while OpenSSL was at work. */
	if (s->dead || s->state == KDTLS_SESSION_CLOSED)
		return;
	if (s->batch && len <= BATCH_BYTES) {
		gather(s, buf, len);
		return;
	}
	n = kdtls_io_send(&tx);
	if (n < 0)
		s->write_err = (int)n;
}

static int seal(struct kdtls_session *s, const void *buf, size_t len)
{
	if (!len)
		return kdtls_fail(-EOPNOTSUPP, "OpenSSL cannot send empty records: only the kernel can");
	ERR_clear_error();
	if (SSL_write(s->ssl, buf, (int)len) <= 0)
		return kdtls_fail_ssl(-EIO, "OpenSSL cannot send");
	return 0;
}

static int written(struct kdtls_session *s)
{
	if (!s->write_err)
		return 0;
	return kdtls_fail(s->write_err, "send: %s",
			  kdtls_strerror(s->write_err));
}

static ssize_t fallback_send(struct kdtls_session *s, const void *buf,
			     size_t len)
{
	int err;

	s->write_err = 0;
	err = seal(s, buf, len);
	if (!err)
		err = written(s);
	return err ? err : (ssize_t)len;
}

static ssize_t fallback_send_train(struct kdtls_session *s, const void *buf,
				   size_t len, size_t segment)
{
	size_t done = 0, n;
	int err = 0;

	/*
	 * Records are counted when they are gathered; should the train not go, it
	 * is an error, as those of it that did go cannot be told.
	 */
	s->write_err = 0;
	s->batch = s->ep->tx;
	while (!err && done < len) {
		n = len - done < segment ? len - done : segment;
		err = seal(s, (const u8 *)buf + done, n);
		if (!err)
			err = written(s);
		if (!err)
			done += n;
	}
	flush_batch(s);
	s->batch = NULL;
	if (!err)
		err = written(s);
	return err ? err : (ssize_t)done;
}

static int fallback_send_close(struct kdtls_session *s)
{
	ERR_clear_error();
	s->write_err = 0;
	if (SSL_shutdown(s->ssl) < 0)
		return kdtls_fail_ssl(-EIO, "cannot send close_notify");
	return written(s);
}

/* ---- receiving ---- */

static void read_ended(struct kdtls_session *s, int ret)
{
	int why = SSL_get_error(s->ssl, ret);

	if (why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE)
		return;
	if (why == SSL_ERROR_ZERO_RETURN) {
		s->peer_closed = true;
		if (!s->close_sent)
			fallback_send_close(s);
		s->close_sent = true;
		kdtls_session_end(s, 0);
		return;
	}
	kdtls_fail_ssl(-ECONNRESET, "the peer ended the session");
	kdtls_session_error_now(s, -ECONNRESET);
	kdtls_session_end(s, -ECONNRESET);
}

void kdtls_fallback_read(struct kdtls_session *s)
{
	struct kdtls_track *t = kdtls_track_get(s->ssl);
	u8 *plain = s->ep->plain;
	int n;

	while (!s->dead && s->state == KDTLS_SESSION_OPEN) {
		ERR_clear_error();
		n = SSL_read(s->ssl, plain, DTLS_MAX_PLAINTEXT);
		if (n <= 0) {
			read_ended(s, n);
			return;
		}
		if (t)
			kdtls_track_opened(t);
		kdtls_session_deliver(s, plain, (size_t)n, (size_t)n);
	}
}

void kdtls_fallback_feed(struct kdtls_session *s, const u8 *buf, size_t len)
{
	kdtls_bio_feed(s->bio, buf, len);
	kdtls_fallback_read(s);
	if (!s->dead && s->bio)
		kdtls_bio_feed(s->bio, NULL, 0);
}

static void one_message(struct kdtls_session *s, const struct kdtls_rx *rx)
{
	size_t at, n;

	if (!kdtls_io_same(&rx->from, &s->peer)) {
		kdtls_listen_input(s->ep, rx->buf, rx->len, &rx->from,
				   &s->local);
		return;
	}
	for (at = 0; at < rx->len; at += n) {
		if (s->dead || s->state != KDTLS_SESSION_OPEN)
			return;
		n = rx->len - at < rx->segment ? rx->len - at : rx->segment;
		kdtls_session_input(s, rx->buf + at, n);
	}
}

static void fallback_receive(struct kdtls_session *s)
{
	struct kdtls_rx rx = { .buf = s->ep->rx, .cap = KDTLS_IO_MAX };
	int budget = KDTLS_BUDGET, err;

	while (budget-- && !s->dead && s->state == KDTLS_SESSION_OPEN) {
		err = kdtls_io_recv(s->fd, &rx, MSG_DONTWAIT);
		if (err == -EAGAIN)
			return;
		/* What ICMP says can be forged, and says nothing of the session. */
		if (!err)
			one_message(s, &rx);
	}
}

static void fallback_info(struct kdtls_session *s,
			  struct kdtls_session_info *info)
{
	struct kdtls_track *t = s->ssl ? kdtls_track_get(s->ssl) : NULL;

	if (!t)
		return;
	info->tx_epoch = t->head_epoch;
	info->rx_epoch = t->read_head.epoch;
	info->tx_seq = t->head_next;
	info->rx_seq = t->rx_next;
	info->window = 64;
	info->max_payload = (u32)DTLS_get_data_mtu(s->ssl);
	info->overhead = s->ep->config->mtu - info->max_payload;
}

const struct kdtls_carrier kdtls_carrier_openssl = {
	.send		= fallback_send,
	.send_train	= fallback_send_train,
	.receive	= fallback_receive,
	.send_close	= fallback_send_close,
	.info		= fallback_info,
};
