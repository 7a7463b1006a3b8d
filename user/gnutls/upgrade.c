// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The handover of a finished session from GnuTLS to the kernel.
 *
 * The order is that of lib/upgrade.c: all that can be refused is refused before the
 * kernel has a key; the receiving key goes first; then GnuTLS gives the data that it
 * holds, without the socket; only then, as giving can make it write, the number of
 * the next record is taken. Last, it loses its way out.
 */
#include <stdlib.h>

#include <openssl/crypto.h>
#include <openssl/ssl.h>

#include <kdtls-gnutls.h>

#include "describe.h"
#include "keys.h"
#include "lib/handover.h"
#include "lib/log.h"
#include "track.h"

/* Reads until a datagram must be used up: each record in it has a header. */
#define DRAIN_MAX	(2 * 65536 / KDTLS_HEADER_LEN)

/* ---- what can be refused ---- */

static int check_written(const struct kdtls_gnutls_track *t)
{
	struct kdtls_gnutls_number n;
	int err = kdtls_gnutls_number(t->session, false, &n);

	if (err)
		return err;
	if (n.epoch != 1 || t->wire.epoch != 1)
		return kdtls_fail(-EPROTONOSUPPORT, "GnuTLS writes in epoch %u: only the first handshake of a session can be handed over",
				  n.epoch);
	if (n.seq != t->wire.next)
		return kdtls_fail(-EAGAIN, "GnuTLS goes on with record %llu and wrote up to %llu: finish the pending gnutls_record_send() and try again",
				  (unsigned long long)n.seq,
				  (unsigned long long)t->wire.next - 1);
	return 0;
}

static int check_flushed(const struct kdtls_gnutls_track *t)
{
	if (t->blocked)
		return kdtls_fail(-EAGAIN, "GnuTLS has sealed a record that the socket did not take: finish the pending gnutls_record_send() and try again");
	if (gnutls_record_check_corked(t->session))
		return kdtls_fail(-EAGAIN, "GnuTLS holds corked data: call gnutls_record_uncork() and try again");
	return check_written(t);
}

static int check_session(gnutls_session_t session,
			 const struct kdtls_gnutls_track *t)
{
	gnutls_protocol_t version;

	if (!t)
		return kdtls_fail(-ENODATA, "the session is not tracked: call kdtls_gnutls_track() before its handshake");
	if (gnutls_transport_get_ptr(session) != t)
		return kdtls_fail(-EINVAL, "the session's transport was replaced after kdtls_gnutls_track(): its records were not seen");
	if (!kdtls_gnutls_finished(session))
		return kdtls_fail(-ENOTCONN, "the handshake is not finished: call gnutls_handshake() until it returns 0");
	version = gnutls_protocol_get_version(session);
	if (version != GNUTLS_DTLS1_2)
		return kdtls_fail(-EPROTONOSUPPORT, "%s: kdtls carries DTLS 1.2; set it in the session's priorities",
				  gnutls_protocol_get_name(version));
	if (!kdtls_gnutls_cipher(session) || t->wire.hopeless)
		return kdtls_fail(-EOPNOTSUPP, "kdtls does not have %s: use an AES-GCM, AES-CCM, AES-128-CCM_8 or ChaCha20-Poly1305 suite",
				  gnutls_ciphersuite_get(session));
	if (t->broken)
		return kdtls_fail(-EPIPE, "the socket has failed GnuTLS: open a new session");
	return check_flushed(t);
}

static int check_fd(const struct kdtls_gnutls_track *t, int fd)
{
	int err = kdtls_handover_socket(fd);

	if (err)
		return err;
	if (!kdtls_handover_same(t->fd, fd))
		return kdtls_fail(-EBADF, "the session writes to descriptor %d, not to %d",
				  t->fd, fd);
	return 0;
}

/* ---- what only the keys can tell ---- */

/* Open one of our own records. */
static int open_own(const struct kdtls_sealed *s, const struct kdtls_keys *k,
		    u8 *plain)
{
	return kdtls_keys_open(k->cipher, k->tx_key, k->tx_salt, s->bytes,
			       s->len, plain);
}

/* Whoever renegotiates has written a handshake message behind Finished. */
static int check_finished(struct kdtls_gnutls_track *t,
			  const struct kdtls_keys *k)
{
	u8 plain[KDTLS_SEALED_MAX];
	int n = open_own(&t->wire.finished, k, plain);

	if (n < KDTLS_HS_HEADER_LEN || plain[0] != KDTLS_HS_FINISHED)
		return kdtls_fail(-EPROTONOSUPPORT, "the latest handshake message is not Finished: a session that renegotiates cannot be handed over");
	kdtls_flight_finished(&t->wire.flight, plain, (size_t)n);
	return 0;
}

static int check_open(const struct kdtls_gnutls_track *t,
		      const struct kdtls_keys *k)
{
	u8 plain[KDTLS_SEALED_MAX];
	int n = open_own(&t->wire.alert, k, plain);

	if (t->wire.ended || (n == 2 && (plain[0] == KDTLS_ALERT_FATAL ||
					 plain[1] == KDTLS_ALERT_CLOSE)))
		return kdtls_fail(-EPIPE, "the session is being closed");
	return 0;
}

/*
 * The kernel counts the explicit nonce up from the latest one. GnuTLS makes it of
 * epoch and number; another way to make them could have given one of those that
 * come next.
 */
static int check_nonce(const struct kdtls_gnutls_track *t,
		       const struct kdtls_keys *k)
{
	u64 want = 1ULL << 48 | (t->wire.next - 1);

	if (k->cipher->explicit_len && kdtls_get_be64(t->wire.nonce) != want)
		return kdtls_fail(-EOPNOTSUPP, "this GnuTLS makes the nonces of %s in a way that kdtls does not know: use a ChaCha20-Poly1305 suite",
				  k->cipher->name);
	return 0;
}

/* Has everything that GnuTLS opened passed us? */
static int check_read(struct kdtls_gnutls_track *t, const struct kdtls_keys *k)
{
	struct kdtls_gnutls_number n;
	int err = kdtls_gnutls_number(t->session, true, &n);

	if (err)
		return err;
	kdtls_wire_verify(&t->wire, k);
	if (t->wire.n_candidates)
		return kdtls_fail(-ENOMEM, "no memory to verify what was received");
	if (n.epoch != 1 || !t->wire.window->next ||
	    n.seq > t->wire.window->next)
		return kdtls_fail(-EINVAL, "GnuTLS has read records that were not seen: leave the session's transport to kdtls_gnutls_track()");
	return 0;
}

static int check_keys(struct kdtls_gnutls_track *t, const struct kdtls_keys *k)
{
	int err = check_read(t, k);

	if (!err)
		err = check_finished(t, k);
	if (!err)
		err = check_open(t, k);
	return err ? err : check_nonce(t, k);
}

/* ---- the steps ---- */

/* What gnutls_record_recv() says, and is no data: 0 to go on, 1 at the end. */
static int drain_end(const struct kdtls_gnutls_track *t, ssize_t ret)
{
	if (!ret)
		return -EPIPE;
	if (ret == GNUTLS_E_MEMORY_ERROR)
		return -ENOMEM;
	if (ret == GNUTLS_E_TIMEDOUT || ret == GNUTLS_E_AGAIN ||
	    ret == GNUTLS_E_INTERRUPTED)
		return t->asked;
	return gnutls_error_is_fatal((int)ret) ? -ECONNRESET : 0;
}

/*
 * Take the application data that GnuTLS already holds. "Again" alone is not its end:
 * there can be more behind a record that was none of data.
 */
static int drain(struct kdtls_session *s, struct kdtls_gnutls_track *t)
{
	u8 *buf = malloc(DTLS_MAX_PLAINTEXT);
	int err = 0, end = 0, i;
	ssize_t n;

	if (!buf)
		return -ENOMEM;
	for (i = 0; i < DRAIN_MAX && !err && !end; i++) {
		n = gnutls_record_recv(t->session, buf, DTLS_MAX_PLAINTEXT);
		if (n > 0)
			err = kdtls_queue_put(&s->pending, buf, (size_t)n);
		else
			end = drain_end(t, n);
	}
	OPENSSL_cleanse(buf, DTLS_MAX_PLAINTEXT);
	free(buf);
	if (err || end == -ENOMEM)
		return -ENOMEM;
	if (!end)
		return kdtls_fail(-EIO, "GnuTLS does not come to an end of its data");
	if (end < 0) {
		s->close_err = end;
		s->peer_closed = end == -EPIPE;
	}
	return 0;
}

/* The server sends the last flight; when resuming, the client does. */
static void keep_flight(struct kdtls_session *s, struct kdtls_gnutls_track *t,
			unsigned int flight_ms)
{
	if (s->server != s->resumed)
		kdtls_handover_flight(s, &t->wire, flight_ms);
}

/* The kernel has the receiving key. What fails now cannot be taken back. */
static int second_half(struct kdtls_session *s, struct kdtls_gnutls_track *t,
		       int fd, const struct kdtls_keys *keys,
		       unsigned int flight_ms)
{
	int err;

	t->dry = true;
	err = drain(s, t);
	if (!err)
		err = check_written(t);
	if (!err)
		err = check_nonce(t, keys);
	if (!err)
		err = kdtls_handover_tx(&t->wire, fd, keys, t->wire.next);
	if (!err)
		keep_flight(s, t, flight_ms);
	kdtls_gnutls_silence(t);
	return err ? kdtls_handover_lost(err) : 0;
}

static int handover(struct kdtls_session *s, struct kdtls_gnutls_track *t,
		    int fd, const struct kdtls_upgrade_opts *o)
{
	struct kdtls_keys *keys;
	int err;

	err = check_fd(t, fd);
	if (err)
		return err;
	err = kdtls_handover_attach(fd);
	if (err)
		return err;
	err = kdtls_gnutls_keys(t->session, &keys);
	if (err)
		return err;
	err = check_keys(t, keys);
	if (!err)
		err = kdtls_handover_rx(&t->wire, fd, keys, o->window);
	if (!err)
		err = second_half(s, t, fd, keys, o->flight_ms);
	kdtls_keys_free(keys);
	return err;
}

/* ---- public ---- */

int kdtls_gnutls_upgrade(gnutls_session_t session, int fd,
			 const struct kdtls_upgrade_opts *opts,
			 struct kdtls_session **out)
{
	struct kdtls_gnutls_track *t = kdtls_gnutls_track_get(session);
	struct kdtls_upgrade_opts o;
	struct kdtls_session *s;
	int err;

	err = kdtls_handover_opts(&o, opts);
	if (err)
		return err;
	err = check_session(session, t);
	if (err)
		return err;
	s = kdtls_handover_session(fd);
	if (!s)
		return kdtls_fail(-ENOMEM, "no memory for the session");
	s->server = t->role == KDTLS_GNUTLS_SERVER;
	s->overhead = kdtls_overhead(kdtls_gnutls_cipher(session));
	kdtls_gnutls_describe(s, session);
	err = handover(s, t, fd, &o);
	if (err) {
		kdtls_session_free(s);
		return err;
	}
	kdtls_handover_done(s, o.flags);
	*out = s;
	return 0;
}
