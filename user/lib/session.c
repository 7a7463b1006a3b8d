// SPDX-License-Identifier: LGPL-2.1-or-later
/* Sessions: their life, and what can be asked of them. */
#include <stdlib.h>
#include <unistd.h>

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/objects.h>
#include <openssl/ssl.h>

#include <linux/kdtls.h>

#include "clock.h"
#include "endpoint.h"
#include "idle.h"
#include "log.h"
#include "srtp.h"

#define CLOSE_NOTIFY 0
#define FATAL 2

struct kdtls_session *kdtls_session_new(int fd, bool own_fd)
{
	struct kdtls_session *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	kdtls_timer_init(&s->timer);
	s->fd = fd;
	s->own_fd = own_fd;
	s->created_at = kdtls_now_real();
	s->carrier = &kdtls_carrier_handshake;
	return s;
}

struct kdtls_way kdtls_session_way(const struct kdtls_session *s)
{
	struct kdtls_way way = { .fd = s->fd };

	if (s->shared) {
		way.to = &s->peer;
		way.local = &s->local;
	}
	return way;
}

void kdtls_session_drop_ssl(struct kdtls_session *s)
{
	/* The BIO belongs to the connection. */
	SSL_free(s->ssl);
	s->ssl = NULL;
	s->bio = NULL;
}

void kdtls_session_free(struct kdtls_session *s)
{
	if (!s)
		return;
	kdtls_session_drop_ssl(s);
	BIO_free(s->held[0]);
	BIO_free(s->held[1]);
	if (s->own_fd && s->fd >= 0)
		close(s->fd);
	kdtls_queue_clear(&s->pending);
	kdtls_flight_clear(&s->flight);
	free(s->more);
	free(s->alpn);
	free(s->psk_identity);
	free(s->server_name);
	free(s->reason);
	free(s->error);
	free(s);
}

/* The group of a resumed session was that of the first one. */
static const char *group_of(SSL *ssl)
{
	long nid = SSL_get_negotiated_group(ssl);

	/* Those that OpenSSL has no number for are above. */
	return nid > NID_undef && nid < 0x1000000 ? OBJ_nid2sn((int)nid) : NULL;
}

void kdtls_session_describe(struct kdtls_session *s, SSL *ssl)
{
	const SSL_CIPHER *suite = SSL_get_current_cipher(ssl);
	const char *name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
	const char *identity = SSL_get_psk_identity(ssl);
	const unsigned char *alpn;
	unsigned int len;

	s->cipher = SSL_CIPHER_get_name(suite);
	s->cipher_standard = SSL_CIPHER_standard_name(suite);
	s->resumed = SSL_session_reused(ssl);
	s->srtp = kdtls_srtp_agreed(ssl);
	s->group = group_of(ssl);
	s->handshake_completed_at = kdtls_now_real();
	SSL_get0_alpn_selected(ssl, &alpn, &len);
	if (len)
		s->alpn = strndup((const char *)alpn, len);
	if (identity)
		s->psk_identity = strdup(identity);
	/* An endpoint's sessions have it before their handshake. */
	if (name && !s->server_name)
		s->server_name = strdup(name);
}

void kdtls_session_note(struct kdtls_session *s, const char *text)
{
	free(s->error);
	s->error = strdup(text);
}

/* ---- calling back ---- */

void kdtls_session_deliver(struct kdtls_session *s, const void *buf,
			   size_t len, size_t segment)
{
	struct kdtls_config *config = s->ep->config;
	const struct kdtls_callbacks *cb = &config->cb;
	const u8 *p = buf;
	size_t n;

	kdtls_idle_touch(s);
	n = len > segment ? (len + segment - 1) / segment : 1;
	s->messages_received += n;
	s->bytes_received += len;
	s->ep->info.packets_received += n;
	s->ep->info.bytes_received += len;
	if (cb->train && n > 1) {
		cb->train(s, buf, len, segment, config->cb_arg);
		return;
	}
	if (!cb->message)
		return;
	do {
		n = len < segment ? len : segment;
		cb->message(s, p, n, config->cb_arg);
		p += n;
		len -= n;
	} while (len && !s->dead && s->state == KDTLS_SESSION_OPEN);
}

void kdtls_session_deliver_pending(struct kdtls_session *s)
{
	struct kdtls_queued *m;

	while (!s->dead && s->state == KDTLS_SESSION_OPEN &&
	       (m = kdtls_queue_get(&s->pending))) {
		kdtls_session_deliver(s, m->bytes, m->len, m->len);
		OPENSSL_cleanse(m->bytes, m->len);
		free(m);
	}
}

void kdtls_session_error_now(struct kdtls_session *s, int err)
{
	struct kdtls_config *config = s->ep->config;

	kdtls_session_note(s, kdtls_last_error());
	if (config->cb.error)
		config->cb.error(s, err, s->error ? s->error : "",
				 config->cb_arg);
}

/* The last call for the session, out of kdtls_dispatch(). */
static void finish(struct kdtls_session *s)
{
	struct kdtls_config *config = s->ep->config;

	s->destroyed_at = kdtls_now_real();
	if (config->cb.close)
		config->cb.close(s, s->close_err, config->cb_arg);
	if (!s->dead)
		kdtls_endpoint_drop(s->ep, s);
}

void kdtls_session_end(struct kdtls_session *s, int err)
{
	if (s->dead || s->state == KDTLS_SESSION_CLOSED)
		return;
	if (s->state == KDTLS_SESSION_HANDSHAKE)
		s->ep->info.handshakes_failed++;
	s->state = KDTLS_SESSION_CLOSED;
	s->close_err = err;
	if (s->ep->depth)
		finish(s);
	else
		kdtls_session_arm(s);
}

int kdtls_session_alert(struct kdtls_session *s, const u8 *buf, size_t len)
{
	if (len < 2)
		return 0;
	if (buf[1] == CLOSE_NOTIFY) {
		s->peer_closed = true;
		return -EPIPE;
	}
	if (buf[0] != FATAL)
		return 0;
	return kdtls_fail(-ECONNRESET, "the peer ended the session: %s",
			  SSL_alert_desc_string_long(buf[1]));
}

/* ---- timers ---- */

/* 0 is never. */
static u64 sooner(u64 a, u64 b)
{
	return !b || (a && a < b) ? a : b;
}

static u64 next_due(const struct kdtls_session *s)
{
	if (s->state == KDTLS_SESSION_CLOSED)
		return 1;
	if (s->state == KDTLS_SESSION_HANDSHAKE)
		return s->retransmit && s->retransmit < s->deadline ?
			s->retransmit : s->deadline;
	return sooner(s->flight.finished_len ? s->flight.expires : 0,
		      kdtls_idle_due(s));
}

void kdtls_session_arm(struct kdtls_session *s)
{
	u64 at = next_due(s);

	if (s->dead)
		return;
	if (at)
		kdtls_timer_set(&s->ep->timers, &s->timer, at);
	else
		kdtls_timer_cancel(&s->ep->timers, &s->timer);
	kdtls_endpoint_rearm(s->ep);
}

static bool is_idle(const struct kdtls_session *s, u64 now)
{
	u64 due = kdtls_idle_due(s);

	return due && now >= due;
}

static void open_expired(struct kdtls_session *s, u64 now)
{
	u8 state = s->state;

	if (s->flight.finished_len && now >= s->flight.expires)
		kdtls_flight_clear(&s->flight);
	/* A program that was away for long finds timers and data at once. */
	if (is_idle(s, now))
		s->carrier->receive(s);
	if (s->dead || s->state != state)
		return;
	if (is_idle(s, now))
		kdtls_idle_close(s);
	else
		kdtls_session_arm(s);
}

void kdtls_session_expired(struct kdtls_session *s, u64 now)
{
	switch (s->state) {
	case KDTLS_SESSION_CLOSED:
		finish(s);
		return;
	case KDTLS_SESSION_HANDSHAKE:
		kdtls_handshake_expired(s, now);
		return;
	default:
		open_expired(s, now);
	}
}

/* ---- public ---- */

static int may_send(const struct kdtls_session *s)
{
	if (s->state == KDTLS_SESSION_HANDSHAKE)
		return kdtls_fail(-ENOTCONN, "the handshake is not finished: wait for the handshake callback");
	if (s->state == KDTLS_SESSION_CLOSED || s->peer_closed || s->close_sent)
		return kdtls_fail(-EPIPE, "the session is closed");
	return 0;
}

static void count_sent(struct kdtls_session *s, size_t records, size_t bytes)
{
	s->messages_sent += records;
	s->bytes_sent += bytes;
	if (!s->ep)
		return;
	kdtls_idle_touch(s);
	s->ep->info.packets_sent += records;
	s->ep->info.bytes_sent += bytes;
}

ssize_t kdtls_send(struct kdtls_session *s, const void *buf, size_t len)
{
	ssize_t n = may_send(s);

	if (n)
		return n;
	if (len > DTLS_MAX_PLAINTEXT)
		return kdtls_fail(-EMSGSIZE, "a record holds %u bytes at most",
				  DTLS_MAX_PLAINTEXT);
	n = s->carrier->send(s, buf, len);
	if (n >= 0)
		count_sent(s, 1, len);
	return n;
}

ssize_t kdtls_send_train(struct kdtls_session *s, const void *buf, size_t len,
			 size_t segment)
{
	ssize_t n = may_send(s);

	if (n)
		return n;
	if (!segment || segment > DTLS_MAX_PLAINTEXT)
		return kdtls_fail(-EMSGSIZE, "a segment has 1 to %u bytes",
				  DTLS_MAX_PLAINTEXT);
	if (len <= segment)
		return kdtls_send(s, buf, len);
	n = s->carrier->send_train(s, buf, len, segment);
	if (n > 0)
		count_sent(s, ((size_t)n + segment - 1) / segment, (size_t)n);
	return n;
}

int kdtls_close(struct kdtls_session *s)
{
	int err = 0;

	if (s->state == KDTLS_SESSION_CLOSED)
		return 0;
	s->closing_at = kdtls_now_real();
	if (!s->close_sent)
		err = s->carrier->send_close(s);
	s->close_sent = true;
	if (s->ep && s->state == KDTLS_SESSION_HANDSHAKE)
		s->ep->info.handshakes_failed++;
	s->state = KDTLS_SESSION_CLOSED;
	s->close_err = 0;
	/* Not from here: the caller may be in the middle of something. */
	if (s->ep)
		kdtls_session_arm(s);
	return err;
}

void kdtls_destroy(struct kdtls_session *s)
{
	if (!s || s->dead)
		return;
	if (s->ep)
		kdtls_endpoint_drop(s->ep, s);
	else
		kdtls_session_free(s);
}

int kdtls_session_info(struct kdtls_session *s, struct kdtls_session_info *info,
		       size_t size)
{
	struct kdtls_session_info i = {
		.state = s->state,
		.server = s->server,
		.offloaded = s->offloaded,
		.resumed = s->resumed,
		.offload_reason = s->reason ? s->reason : "",
		.protocol = s->cipher ? "DTLSv1.2" : "",
		.cipher = s->cipher ? s->cipher : "",
		.cipher_standard = s->cipher_standard ? s->cipher_standard : "",
		.alpn = s->alpn ? s->alpn : "",
		.peer = s->peer,
		.local = s->local,
		.messages_sent = s->messages_sent,
		.bytes_sent = s->bytes_sent,
		.messages_received = s->messages_received,
		.bytes_received = s->bytes_received,
		.retransmits = s->retransmits,
		.flights_answered = s->flights_answered,
		.created_at = s->created_at,
		.handshake_completed_at = s->handshake_completed_at,
		.closing_at = s->closing_at,
		.psk_identity = s->psk_identity ? s->psk_identity : "",
		.srtp = s->srtp ? s->srtp->name : "",
		.server_name = s->server_name ? s->server_name : "",
		.group = s->group ? s->group : "",
		.destroyed_at = s->destroyed_at,
		.reassociated = s->reassociated,
		.number = s->member_session,
		.owner = s->owner,
	};

	s->carrier->info(s, &i);
	memset(info, 0, size);
	memcpy(info, &i, size < sizeof(i) ? size : sizeof(i));
	return 0;
}

const char *kdtls_session_error(const struct kdtls_session *s)
{
	return s->error ? s->error : "";
}

struct kdtls_endpoint *kdtls_session_endpoint(struct kdtls_session *s)
{
	return s->ep;
}

int kdtls_session_fd(const struct kdtls_session *s)
{
	return s->fd;
}

void kdtls_session_set_data(struct kdtls_session *s, void *data)
{
	s->data = data;
}

void *kdtls_session_data(const struct kdtls_session *s)
{
	return s->data;
}

SSL *kdtls_session_ssl(struct kdtls_session *s)
{
	return s->ssl;
}

X509 *kdtls_session_peer_certificate(struct kdtls_session *s)
{
	return s->ssl ? SSL_get1_peer_certificate(s->ssl) : NULL;
}

int kdtls_session_export(struct kdtls_session *s, const char *label,
			 const void *context, size_t context_len,
			 void *out, size_t len)
{
	if (s->state == KDTLS_SESSION_HANDSHAKE)
		return kdtls_fail(-ENOTCONN, "the handshake is not finished: export from the handshake callback");
	if (!s->ssl)
		return kdtls_fail(-ENODATA, "the kernel carries the records and OpenSSL is gone: export from the handshake callback");
	if (SSL_export_keying_material(s->ssl, out, len, label, strlen(label),
				       context, context_len, !!context) != 1)
		return kdtls_fail_ssl(-EIO, "cannot export keying material");
	return 0;
}
