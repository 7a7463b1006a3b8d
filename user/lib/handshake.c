// SPDX-License-Identifier: LGPL-2.1-or-later
/* Handshakes of sessions, from the first datagram to the handover. */
#include <pthread.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509_vfy.h>

#include "bio.h"
#include "clock.h"
#include "endpoint.h"
#include "idle.h"
#include "keys.h"
#include "log.h"
#include "resume.h"
#include "tidy.h"
#include "track.h"

/* Fragments after three and after five losses (RFC 6347 section 4.1.1.1). */
#define SMALL_MTU	508
#define SMALLEST_MTU	KDTLS_MTU_MIN

/* ---- from OpenSSL's callbacks back to the session ---- */

static int ex_index = -1;
static pthread_once_t ex_once = PTHREAD_ONCE_INIT;

static void make_index(void)
{
	ex_index = SSL_get_ex_new_index(0, NULL, NULL, NULL, NULL);
}

struct kdtls_session *kdtls_session_of(const SSL *ssl)
{
	pthread_once(&ex_once, make_index);
	return ex_index < 0 ? NULL : SSL_get_ex_data(ssl, ex_index);
}

static int remember(SSL *ssl, struct kdtls_session *s)
{
	pthread_once(&ex_once, make_index);
	if (ex_index < 0 || SSL_set_ex_data(ssl, ex_index, s) != 1)
		return kdtls_fail_ssl(-ENOMEM, "cannot set the connection up");
	return 0;
}

void kdtls_session_refuse(struct kdtls_session *s, int err)
{
	s->refused = err;
	kdtls_session_note(s, kdtls_last_error());
}

/* ---- the end of a handshake ---- */

static void fail(struct kdtls_session *s, int err)
{
	kdtls_session_error_now(s, err);
	kdtls_session_end(s, err);
}

static int why_failed(struct kdtls_session *s)
{
	long verified = SSL_get_verify_result(s->ssl);

	if (s->refused) {
		ERR_clear_error();
		return kdtls_fail(s->refused, "%s", kdtls_session_error(s));
	}
	if (verified != X509_V_OK &&
	    SSL_get_verify_mode(s->ssl) & SSL_VERIFY_PEER) {
		ERR_clear_error();
		return kdtls_fail(-EACCES, "the peer's certificate does not verify: %s; is the right CA given?",
				  X509_verify_cert_error_string(verified));
	}
	return kdtls_fail_ssl(-EPROTO, "the handshake failed");
}

static void open_kernel(struct kdtls_session *s)
{
	s->offloaded = true;
	s->carrier = s->shared ? &kdtls_carrier_member : &kdtls_carrier_kernel;
	s->overhead = kdtls_overhead(kdtls_keys_cipher(s->ssl));
	s->ep->info.offloaded++;
}

static int open_openssl(struct kdtls_session *s, const char *reason)
{
	struct kdtls_session *old = s->predecessor;
	struct kdtls_track *t = kdtls_track_get(s->ssl);
	int err;

	s->reason = strdup(reason);
	if (old && !old->shared)
		kdtls_endpoint_pass_socket(old, s);
	err = kdtls_listen_leave(s);
	if (err)
		return err;
	if (t)
		kdtls_track_count_only(t);
	s->carrier = &kdtls_carrier_openssl;
	return 0;
}

/* Into the kernel's endpoint, in the predecessor's place if it is there. */
static int join_endpoint(struct kdtls_session *s)
{
	struct kdtls_config *config = s->ep->config;
	struct kdtls_session *old = s->predecessor;
	u32 number = old ? old->member_session : 0;
	int err = kdtls_number_reserve(s->ep);

	if (err)
		return kdtls_fail(err, "no memory for another session");
	if (!s->owner && !s->ep->member->helper)
		s->owner = s->ep->member->number;
	err = kdtls_handover_member(s, s->ssl, s->ep->member, number,
				    config->window, config->flight_ms);
	/* Nobody knows which of the two the kernel had then; now it has none. */
	if (err == -ENOTRECOVERABLE && old)
		kdtls_session_end(old, err);
	if (err)
		return err;
	if (old)
		kdtls_number_del(s->ep, old);
	kdtls_number_add(s->ep, s);
	s->fd = s->ep->listen_fd;
	s->shared = true;
	return 0;
}

static int hand_over(struct kdtls_session *s)
{
	struct kdtls_config *config = s->ep->config;

	if (s->ep->member && s->hello)
		return join_endpoint(s);
	if (s->hello)
		return kdtls_fail(-ENOPROTOOPT, "%s", s->ep->no_member ?
				  s->ep->no_member : "no kdtls module");
	return kdtls_handover(s, s->ssl, s->fd, config->window,
			      config->flight_ms);
}

/* Choose the carrier; an error if there is none that may be used. */
static int choose_carrier(struct kdtls_session *s)
{
	struct kdtls_config *config = s->ep->config;
	char why[384];
	int err;

	if (config->offload == KDTLS_OFFLOAD_OFF)
		return open_openssl(s, "offload is off");
	err = hand_over(s);
	if (!err) {
		open_kernel(s);
		return 0;
	}
	if (err == -ENOTRECOVERABLE)
		return err;
	snprintf(why, sizeof(why), "%s", kdtls_last_error());
	/* Who has the data has no OpenSSL. */
	if (config->offload == KDTLS_OFFLOAD_AUTO && !s->ep->helper)
		return open_openssl(s, why);
	SSL_shutdown(s->ssl);
	return kdtls_fail(err, "offload is required: %s", why);
}

/* What was behind the last handshake message. */
static void first_data(struct kdtls_session *s)
{
	int err = s->close_err;

	kdtls_session_deliver_pending(s);
	if (!s->offloaded) {
		kdtls_fallback_read(s);
		return;
	}
	if (s->dead || !err)
		return;
	if (err == -ECONNRESET) {
		kdtls_fail(err, "the peer ended the session with a fatal alert");
		kdtls_session_error_now(s, err);
	}
	if (err == -EPIPE && !s->close_sent)
		s->carrier->send_close(s);
	kdtls_session_end(s, err == -EPIPE ? 0 : err);
}

static void done(struct kdtls_session *s)
{
	struct kdtls_config *config = s->ep->config;
	int err;

	kdtls_session_describe(s, s->ssl);
	err = choose_carrier(s);
	if (err) {
		fail(s, err);
		return;
	}
	/* A program's own socket has the options that it wants. */
	if (s->own_fd)
		kdtls_io_gro(s->fd);
	s->state = KDTLS_SESSION_OPEN;
	kdtls_origin_opened(s);
	kdtls_idle_touch(s);
	kdtls_tidy_later(s->ep);
	kdtls_session_arm(s);
	s->ep->info.resumed += s->resumed;
	kdtls_session_succeed(s);
	if (config->cb.handshake && !s->dead && s->state == KDTLS_SESSION_OPEN)
		config->cb.handshake(s, config->cb_arg);
	if (!s->dead && s->state == KDTLS_SESSION_OPEN)
		kdtls_resume_tell(s);
	if (s->dead)
		return;
	if (s->offloaded)
		kdtls_session_drop_ssl(s);
	if (s->state == KDTLS_SESSION_OPEN)
		first_data(s);
}

/* ---- on the way ---- */

/* Ask OpenSSL when it wants to send again. */
static void ask_timer(struct kdtls_session *s)
{
	struct timeval tv;

	s->retransmit = 0;
	if (DTLSv1_get_timeout(s->ssl, &tv) == 1)
		s->retransmit = kdtls_now_ms() + (u64)tv.tv_sec * 1000 +
				(u64)tv.tv_usec / 1000 + 1;
	kdtls_session_arm(s);
}

static void step(struct kdtls_session *s)
{
	int ret;

	ERR_clear_error();
	ret = SSL_do_handshake(s->ssl);
	/* The program may have ended it from within a callback. */
	if (s->dead || s->state == KDTLS_SESSION_CLOSED)
		return;
	if (ret == 1) {
		done(s);
		return;
	}
	switch (SSL_get_error(s->ssl, ret)) {
	case SSL_ERROR_WANT_READ:
	case SSL_ERROR_WANT_WRITE:
		ask_timer(s);
		return;
	default:
		fail(s, why_failed(s));
	}
}

int kdtls_handshake_start(struct kdtls_session *s, SSL *ssl, BIO *bio)
{
	struct kdtls_config *config = s->ep->config;
	int err = kdtls_track(ssl);

	if (!err)
		err = remember(ssl, s);
	if (err)
		return err;
	if (config->offload == KDTLS_OFFLOAD_OFF)
		kdtls_track_count_only(kdtls_track_get(ssl));
	s->ssl = ssl;
	s->bio = bio;
	kdtls_bio_redirect(bio, kdtls_fallback_write, s);
	if (!s->handshake_ms)
		s->handshake_ms = config->handshake_ms;
	s->deadline = kdtls_now_ms() + s->handshake_ms;
	step(s);
	return 0;
}

void kdtls_handshake_feed(struct kdtls_session *s, const u8 *buf, size_t len)
{
	if (s->state == KDTLS_SESSION_OPEN && !s->offloaded) {
		kdtls_fallback_feed(s, buf, len);
		return;
	}
	if (s->state != KDTLS_SESSION_HANDSHAKE) {
		s->ep->info.dropped_stray++;
		return;
	}
	kdtls_bio_feed(s->bio, buf, len);
	step(s);
	if (!s->dead && s->bio)
		kdtls_bio_feed(s->bio, NULL, 0);
}

static void smaller_fragments(struct kdtls_session *s)
{
	unsigned int mtu = s->timeouts >= 5 ? SMALLEST_MTU : SMALL_MTU;

	/* A server without state would never take a ClientHello in fragments. */
	if (SSL_get_state(s->ssl) == TLS_ST_CW_CLNT_HELLO)
		return;
	if (s->timeouts >= 3 && mtu < s->ep->config->mtu)
		SSL_set_mtu(s->ssl, (long)mtu);
}

/*
 * ICMP can be forged, so one refusal ends nothing. That of a retransmission, too,
 * and nothing else until the next one is due, does.
 */
static bool refused(const struct kdtls_session *s)
{
	return s->io_err == -ECONNREFUSED && !s->answered && s->timeouts >= 1;
}

/* A wrong key looks like a network that loses everything. */
static int too_late(const struct kdtls_session *s)
{
	unsigned int limit = s->handshake_ms;

	if (s->psk_unknown)
		return kdtls_fail(-ENOKEY, "the peer's PSK identity is not known: its handshake was left to time out");
	if (kdtls_psk_used(s->ssl))
		return kdtls_fail(-ETIMEDOUT, "the handshake was not finished in %u ms: have both sides the same PSK for this identity?",
				  limit);
	return kdtls_fail(-ETIMEDOUT, "the handshake was not finished in %u ms%s%s",
			  limit, s->io_err ? "; the network says: " : "",
			  s->io_err ? strerror(-s->io_err) : "");
}

void kdtls_handshake_expired(struct kdtls_session *s, u64 now)
{
	int sent;

	if (refused(s)) {
		fail(s, kdtls_fail(-ECONNREFUSED,
				   "nobody listens at that address and port: is the server running?"));
		return;
	}
	if (now >= s->deadline) {
		fail(s, too_late(s));
		return;
	}
	if (s->retransmit && now >= s->retransmit) {
		s->timeouts++;
		smaller_fragments(s);
		ERR_clear_error();
		sent = DTLSv1_handle_timeout(s->ssl);
		/* OpenSSL gave up, and its timer would ring for ever. */
		if (sent < 0) {
			fail(s, why_failed(s));
			return;
		}
		if (sent > 0)
			s->retransmits++;
	}
	ask_timer(s);
}

/* ---- the carrier of this time ---- */

static void network_says(struct kdtls_session *s, int err)
{
	struct kdtls_track *t = kdtls_track_get(s->ssl);

	s->io_err = err;
	if (err != -ECONNREFUSED || s->answered || !kdtls_connect_next(s))
		return;
	/* The same ClientHello for somebody else; without it, at the next timer. */
	if (t && t->wire.flight.raw_len)
		kdtls_fallback_write(s, t->wire.flight.raw, t->wire.flight.raw_len);
}

static void answer(struct kdtls_session *s, const struct kdtls_rx *rx)
{
	s->answered = true;
	s->io_err = 0;
	kdtls_session_input(s, rx->buf, rx->len);
}

static void handshake_receive(struct kdtls_session *s)
{
	struct kdtls_rx rx = { .buf = s->ep->rx, .cap = KDTLS_IO_MAX };
	int budget = KDTLS_BUDGET, err;

	/*
	 * One datagram at a time: what is taken from the socket before the
	 * handover is OpenSSL's, what is left in it is the kernel's.
	 */
	while (budget-- && !s->dead && s->state == KDTLS_SESSION_HANDSHAKE) {
		err = kdtls_io_recv(s->fd, &rx, MSG_DONTWAIT);
		if (err == -EAGAIN)
			return;
		if (err)
			network_says(s, err);
		else if (kdtls_io_same(&rx.from, &s->peer))
			answer(s, &rx);
		else
			kdtls_listen_input(s->ep, rx.buf, rx.len, &rx.from,
					   &s->local);
	}
}

static int handshake_send_close(struct kdtls_session *s)
{
	/* Before the handshake is over there is nothing to close. */
	return 0;
}

static void handshake_info(struct kdtls_session *s,
			   struct kdtls_session_info *info)
{
	/* A handshake that failed has closed its session, and has no epoch. */
}

/* No @send: the session is not open. */
const struct kdtls_carrier kdtls_carrier_handshake = {
	.receive	= handshake_receive,
	.send_close	= handshake_send_close,
	.info		= handshake_info,
};
