// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The handover of a finished connection from OpenSSL to the kernel.
 *
 * The order is the point. All that can be refused is refused before the kernel
 * has a key. The receiving key goes first: from then on what waits in the socket
 * is the kernel's, and OpenSSL is cut off from it before it is asked for the data
 * that it holds. Asking can make it write, so only then is the next record's
 * number taken, and with it the right to seal. Last, OpenSSL loses its way out.
 */
#include <stdlib.h>

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>

#include "bio.h"
#include "handover.h"
#include "log.h"
#include "member.h"
#include "track.h"

/* ---- what can be refused ---- */

/* Has all that was sealed also been written? */
static int check_flushed(const struct kdtls_track *t)
{
	if (t->head_epoch != 1)
		return kdtls_fail(-EPROTONOSUPPORT,
				  "OpenSSL seals in epoch %u: only the first handshake of a connection can be handed over",
				  t->head_epoch);
	if (t->head_next != t->wire.next)
		return kdtls_fail(-EAGAIN,
				  "OpenSSL sealed record %llu and wrote up to %llu: finish the pending SSL_write() and try again",
				  (unsigned long long)t->head_next - 1,
				  (unsigned long long)t->wire.next - 1);
	return 0;
}

static int check_ssl(SSL *ssl)
{
	struct kdtls_track *t = kdtls_track_get(ssl);

	if (!t || t->counting)
		return kdtls_fail(-ENODATA, "the connection is not tracked: call kdtls_track() before its handshake");
	if (!SSL_is_init_finished(ssl))
		return kdtls_fail(-ENOTCONN, "the handshake is not finished: call SSL_do_handshake() until it returns 1");
	if (SSL_version(ssl) != DTLS1_2_VERSION)
		return kdtls_fail(-EPROTONOSUPPORT, "%s: kdtls carries DTLS 1.2; set the SSL_CTX's minimum version",
				  SSL_get_version(ssl));
	if (SSL_get_rbio(ssl) != t->rbio || SSL_get_wbio(ssl) != t->wbio)
		return kdtls_fail(-EINVAL, "the connection's BIOs were replaced after kdtls_track(): its records were not seen");
	if (SSL_get_shutdown(ssl))
		return kdtls_fail(-EPIPE, "the session is being closed");
	if (!kdtls_keys_cipher(ssl) || t->wire.hopeless)
		return kdtls_fail(-EOPNOTSUPP, "kdtls does not have %s: use an AES-GCM, AES-CCM, AES-128-CCM_8 or ChaCha20-Poly1305 suite",
				  SSL_get_cipher_name(ssl));
	return check_flushed(t);
}

static int check_fd(SSL *ssl, int fd)
{
	BIO *wbio = SSL_get_wbio(ssl);
	int err = kdtls_handover_socket(fd);

	if (err)
		return err;
	if (BIO_method_type(wbio) & BIO_TYPE_DESCRIPTOR &&
	    !kdtls_handover_same(BIO_get_fd(wbio, NULL), fd))
		return kdtls_fail(-EBADF, "the connection writes to descriptor %d, not to %d",
				  (int)BIO_get_fd(wbio, NULL), fd);
	return 0;
}

/* ---- the steps ---- */

/* Why OpenSSL has no more data: 0 if it just has none. */
static int drain_end(SSL *ssl, int ret)
{
	switch (SSL_get_error(ssl, ret)) {
	case SSL_ERROR_WANT_READ:
		return 0;
	case SSL_ERROR_ZERO_RETURN:
		return -EPIPE;
	default:
		ERR_clear_error();
		return -ECONNRESET;
	}
}

/* Take the application data that OpenSSL already holds. */
static int drain(struct kdtls_session *s, SSL *ssl)
{
	u8 *buf = malloc(DTLS_MAX_PLAINTEXT);
	int n, err = 0;

	if (!buf)
		return -ENOMEM;
	ERR_clear_error();
	while (!err && (n = SSL_read(ssl, buf, DTLS_MAX_PLAINTEXT)) > 0)
		err = kdtls_queue_put(&s->pending, buf, (size_t)n);
	if (!err) {
		s->close_err = drain_end(ssl, n);
		s->peer_closed = s->close_err == -EPIPE;
	}
	OPENSSL_cleanse(buf, DTLS_MAX_PLAINTEXT);
	free(buf);
	return err;
}

/* The server sends the last flight; when resuming, the client does. */
static void keep_flight(struct kdtls_session *s, SSL *ssl,
			struct kdtls_track *t, unsigned int flight_ms)
{
	if (!!SSL_is_server(ssl) == !!SSL_session_reused(ssl))
		return;
	if (t->wire.flight.next < t->head_next0)
		t->wire.flight.next = t->head_next0;
	kdtls_handover_flight(s, &t->wire, flight_ms);
}

/* What the steps need and must not fail for in their middle. */
struct tools {
	struct kdtls_keys	*keys;
	BIO			*empty;
	BIO			*dead;
};

static void discard(void *arg, const u8 *buf, size_t len)
{
}

static void tools_free(struct tools *tools)
{
	kdtls_keys_free(tools->keys);
	BIO_free(tools->empty);
	BIO_free(tools->dead);
}

static int tools_make(struct tools *tools, SSL *ssl)
{
	int err = kdtls_keys_derive(ssl, &tools->keys);

	if (err)
		return err;
	tools->empty = kdtls_bio_new(KDTLS_MTU_MIN, discard, NULL);
	tools->dead = kdtls_bio_dead();
	if (tools->empty && tools->dead)
		return 0;
	return kdtls_fail_ssl(-ENOMEM, "no memory for the handover");
}

/* Nothing that OpenSSL does from here on reaches the wire. */
static void silence(SSL *ssl, struct tools *tools)
{
	BIO_up_ref(tools->dead);
	SSL_set0_rbio(ssl, tools->dead);
	SSL_set0_wbio(ssl, tools->dead);
	tools->dead = NULL;
	SSL_set_quiet_shutdown(ssl, 1);
	/* Both ends closed: SSL_free() leaves the session resumable. */
	SSL_set_shutdown(ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
}

/* The kernel has the receiving key. What fails now cannot be taken back. */
static int second_half(struct kdtls_session *s, SSL *ssl, int fd,
		       struct kdtls_track *t, struct tools *tools,
		       unsigned int flight_ms)
{
	int err;

	SSL_set0_rbio(ssl, tools->empty);
	tools->empty = NULL;
	err = drain(s, ssl);
	if (!err)
		err = check_flushed(t);
	if (!err)
		err = kdtls_handover_tx(&t->wire, fd, tools->keys,
					t->head_next);
	if (!err)
		keep_flight(s, ssl, t, flight_ms);
	silence(ssl, tools);
	return err ? kdtls_handover_lost(err) : 0;
}

int kdtls_handover(struct kdtls_session *s, SSL *ssl, int fd,
		   unsigned int window, unsigned int flight_ms)
{
	struct kdtls_track *t = kdtls_track_get(ssl);
	struct tools tools = { .keys = NULL };
	int err;

	err = check_ssl(ssl);
	if (err)
		return err;
	err = check_fd(ssl, fd);
	if (err)
		return err;
	err = kdtls_handover_attach(fd);
	if (err)
		return err;
	err = tools_make(&tools, ssl);
	if (err)
		goto out;
	err = kdtls_handover_rx(&t->wire, fd, tools.keys, window);
	if (err)
		goto out;
	err = second_half(s, ssl, fd, t, &tools, flight_ms);
out:
	tools_free(&tools);
	return err;
}

/* ---- the sessions of an endpoint of the kernel ---- */

/*
 * The kernel takes both keys in one step, so here all can be taken back until then.
 * Datagrams that are still to come are brought to OpenSSL by us and by nobody else.
 */
static int install_member(struct kdtls_session *s, SSL *ssl,
			  struct kdtls_member *member, u32 old,
			  unsigned int window, const struct kdtls_keys *keys)
{
	struct kdtls_track *t = kdtls_track_get(ssl);
	struct kdtls_member_keys both = { .keys = keys };
	int err = drain(s, ssl);

	/* Asking for data can make OpenSSL write: its numbers are final only now. */
	if (!err)
		err = check_flushed(t);
	if (!err)
		err = kdtls_handover_rx_numbers(&t->wire, keys, window,
						&both.rx);
	if (err)
		return err;
	kdtls_handover_tx_numbers(&t->wire, keys, t->head_next, &both.tx);
	return kdtls_member_install(member, old, s->owner, &s->peer, &s->local,
				    &both, &s->member_session);
}

/* OpenSSL goes on, and will find again what it was about to end with. */
static void take_back(struct kdtls_session *s, SSL *ssl, BIO *rbio)
{
	SSL_set0_rbio(ssl, rbio);
	s->close_err = 0;
	s->peer_closed = false;
}

int kdtls_handover_member(struct kdtls_session *s, SSL *ssl,
			  struct kdtls_member *member, u32 old,
			  unsigned int window, unsigned int flight_ms)
{
	struct kdtls_track *t = kdtls_track_get(ssl);
	struct tools tools = { .keys = NULL };
	BIO *rbio = SSL_get_rbio(ssl);
	int err = check_ssl(ssl);

	if (!err)
		err = tools_make(&tools, ssl);
	if (err)
		goto out;
	BIO_up_ref(rbio);
	SSL_set0_rbio(ssl, tools.empty);
	tools.empty = NULL;
	err = install_member(s, ssl, member, old, window, tools.keys);
	if (err && err != -ENOTRECOVERABLE) {
		take_back(s, ssl, rbio);
		goto out;
	}
	if (!err)
		keep_flight(s, ssl, t, flight_ms);
	BIO_free(rbio);
	silence(ssl, &tools);
out:
	tools_free(&tools);
	return err;
}

/* ---- public ---- */

/*
 * The caller's BIOs stay with the session: if one of them owns the descriptor,
 * it must not close it when OpenSSL lets go of it.
 */
static void hold_bios(struct kdtls_session *s, SSL *ssl)
{
	int i;

	s->held[0] = SSL_get_rbio(ssl);
	s->held[1] = SSL_get_wbio(ssl);
	for (i = 0; i < 2; i++)
		BIO_up_ref(s->held[i]);
}

int kdtls_upgrade(SSL *ssl, int fd, const struct kdtls_upgrade_opts *opts,
		  struct kdtls_session **out)
{
	struct kdtls_upgrade_opts o;
	struct kdtls_session *s;
	int err = kdtls_handover_opts(&o, opts);

	if (err)
		return err;
	err = check_ssl(ssl);
	if (err)
		return err;
	s = kdtls_handover_session(fd);
	if (!s)
		return kdtls_fail(-ENOMEM, "no memory for the session");
	hold_bios(s, ssl);
	s->server = SSL_is_server(ssl);
	s->overhead = kdtls_overhead(kdtls_keys_cipher(ssl));
	kdtls_session_describe(s, ssl);
	err = kdtls_handover(s, ssl, fd, o.window, o.flight_ms);
	if (err) {
		kdtls_session_free(s);
		return err;
	}
	kdtls_handover_done(s, o.flags);
	if (s->own_fd) {
		BIO_set_close(s->held[0], BIO_NOCLOSE);
		BIO_set_close(s->held[1], BIO_NOCLOSE);
	}
	kdtls_untrack(ssl);
	*out = s;
	return 0;
}
