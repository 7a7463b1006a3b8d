// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Tracking: what OpenSSL sealed, wrote and read in a handshake.
 *
 * There are two witnesses of what was sealed. The message callback sees each
 * record's header when it is sealed, the BIO callback sees the records on their
 * way out. They must agree at the handover; if they do not, a record sits in a
 * buffer of OpenSSL, sealed under a number that would be given out again.
 *
 * What was read is known from the BIO only: see wire.c.
 */
#include <pthread.h>
#include <stdlib.h>

#include <openssl/bio.h>
#include <openssl/crypto.h>
#include <openssl/ssl.h>

#include <kdtls.h>

#include "log.h"
#include "track.h"

static int ex_index = -1;
static pthread_once_t ex_once = PTHREAD_ONCE_INIT;

/* OpenSSL's record layer has no other place for these: they are ours to take. */
static void detach_bio(struct kdtls_track *t, BIO *bio)
{
	if (bio && BIO_get_callback_arg(bio) == (char *)t) {
		BIO_set_callback_ex(bio, NULL);
		BIO_set_callback_arg(bio, NULL);
	}
}

static void detach(struct kdtls_track *t)
{
	detach_bio(t, t->rbio);
	detach_bio(t, t->wbio);
	BIO_free(t->rbio);
	BIO_free(t->wbio);
	t->rbio = NULL;
	t->wbio = NULL;
}

static void track_free(struct kdtls_track *t)
{
	if (!t)
		return;
	detach(t);
	kdtls_wire_clear(&t->wire);
	free(t);
}

static void on_ssl_free(void *parent, void *ptr, CRYPTO_EX_DATA *ad, int idx,
			long argl, void *argp)
{
	track_free(ptr);
}

static void make_index(void)
{
	ex_index = SSL_get_ex_new_index(0, NULL, NULL, NULL, on_ssl_free);
}

struct kdtls_track *kdtls_track_get(const SSL *ssl)
{
	pthread_once(&ex_once, make_index);
	return ex_index < 0 ? NULL : SSL_get_ex_data(ssl, ex_index);
}

/* ---- what OpenSSL says it seals ---- */

static void sealed(struct kdtls_track *t, const u8 *header)
{
	u16 epoch = kdtls_get_be16(header + 3);
	u64 next = kdtls_get_be48(header + 5) + 1;

	if (!epoch) {
		if (next > t->head_next0)
			t->head_next0 = next;
		return;
	}
	if (epoch > t->head_epoch) {
		t->head_epoch = epoch;
		t->head_next = 0;
	}
	if (epoch == t->head_epoch && next > t->head_next)
		t->head_next = next;
}

static void on_message(int writing, int version, int type, const void *buf,
		       size_t len, SSL *ssl, void *arg)
{
	struct kdtls_track *t = arg;
	const u8 *p = buf;

	if (type == SSL3_RT_HEADER && len == KDTLS_HEADER_LEN) {
		if (writing)
			sealed(t, p);
		else
			kdtls_record_parse(&t->read_head, p, 0xffff);
		return;
	}
	if (!writing && type == SSL3_RT_HANDSHAKE)
		t->heard = true;
	/* The next ClientHello is a first one again, of any version. */
	if (writing && type == SSL3_RT_HANDSHAKE && len &&
	    p[0] == DTLS1_MT_HELLO_VERIFY_REQUEST)
		t->heard = false;
	if (writing && type == SSL3_RT_HANDSHAKE && !t->counting && len &&
	    p[0] == KDTLS_HS_FINISHED)
		kdtls_flight_finished(&t->wire.flight, p, len);
}

/* ---- what goes through the BIOs ---- */

/*
 * Does OpenSSL take the record whole? Of one with a version or a length that it
 * does not like it drops the header only, and looks for a record in the body.
 */
static bool taken_whole(const struct kdtls_track *t,
			const struct kdtls_record *rec)
{
	if (rec->len > SSL3_RT_MAX_ENCRYPTED_LENGTH)
		return false;
	if (rec->version == SSL_version(t->ssl))
		return true;
	return rec->version >> 8 == DTLS1_VERSION_MAJOR && !rec->epoch &&
	       (rec->type == DTLS_CT_ALERT || !t->heard);
}

static enum kdtls_taken taken(void *arg, const struct kdtls_record *rec)
{
	const struct kdtls_track *t = arg;

	if (!taken_whole(t, rec))
		return KDTLS_CUT;
	/* What is behind the first message may be judged by another version. */
	return rec->version == SSL_version(t->ssl) ? KDTLS_WHOLE : KDTLS_LAST;
}

/* Before the end of the handshake its cipher suite can be that of an old session. */
static int derive_keys(void *arg, struct kdtls_keys **keys)
{
	const struct kdtls_track *t = arg;
	int err = kdtls_keys_derive(t->ssl, keys);

	return err == -EOPNOTSUPP && !SSL_is_init_finished(t->ssl) ? -ENOTCONN :
								     err;
}

static const struct kdtls_wire_ops wire_ops = {
	.taken	= taken,
	.keys	= derive_keys,
};

static long on_bio(BIO *bio, int oper, const char *argp, size_t len, int argi,
		   long argl, int ret, size_t *processed)
{
	struct kdtls_track *t = (struct kdtls_track *)BIO_get_callback_arg(bio);

	if (!t || t->counting)
		return ret;
	/*
	 * Before the write: a record that fails to leave has used up its number
	 * and its nonce all the same.
	 */
	if (oper == BIO_CB_WRITE)
		kdtls_wire_wrote(&t->wire, (const u8 *)argp, len);
	if (oper == (BIO_CB_READ | BIO_CB_RETURN) && ret > 0 && processed) {
		*processed = kdtls_wire_read(&t->wire, (const u8 *)argp,
					     *processed);
		if (!*processed) {
			/* As if it had not come. */
			BIO_set_retry_read(bio);
			return -1;
		}
	}
	return ret;
}

/* ---- the fallback's use ---- */

void kdtls_track_count_only(struct kdtls_track *t)
{
	t->counting = true;
	detach(t);
	kdtls_wire_forget(&t->wire);
	kdtls_flight_clear(&t->wire.flight);
}

void kdtls_track_opened(struct kdtls_track *t)
{
	if (t->read_head.epoch && t->read_head.seq >= t->rx_next)
		t->rx_next = t->read_head.seq + 1;
}

/* ---- public ---- */

static int attach_bio(struct kdtls_track *t, BIO *bio)
{
	if (BIO_get_callback_arg(bio) == (char *)t)
		return 0;
	if (BIO_get_callback_ex(bio))
		return kdtls_fail(-EBUSY,
				  "a BIO of the connection has a callback already: remove it before kdtls_track()");
	BIO_set_callback_ex(bio, on_bio);
	BIO_set_callback_arg(bio, (char *)t);
	return 0;
}

static int attach(struct kdtls_track *t)
{
	int err;

	err = attach_bio(t, t->rbio);
	if (err)
		return err;
	err = attach_bio(t, t->wbio);
	if (err)
		return err;
	if (SSL_set_ex_data(t->ssl, ex_index, t) != 1)
		return kdtls_fail_ssl(-ENOMEM, "cannot track the connection");
	SSL_set_msg_callback(t->ssl, on_message);
	SSL_set_msg_callback_arg(t->ssl, t);
	SSL_set_options(t->ssl, SSL_OP_NO_RENEGOTIATION);
	return 0;
}

static struct kdtls_track *track_new(SSL *ssl)
{
	struct kdtls_track *t = calloc(1, sizeof(*t));

	if (!t)
		return NULL;
	if (kdtls_wire_init(&t->wire, &wire_ops, t)) {
		free(t);
		return NULL;
	}
	t->ssl = ssl;
	t->rbio = SSL_get_rbio(ssl);
	t->wbio = SSL_get_wbio(ssl);
	BIO_up_ref(t->rbio);
	BIO_up_ref(t->wbio);
	return t;
}

int kdtls_track(SSL *ssl)
{
	struct kdtls_track *t;
	int err;

	if (!SSL_is_dtls(ssl))
		return kdtls_fail(-EINVAL,
				  "not a DTLS connection: create its SSL_CTX with DTLS_method()");
	if (!SSL_get_rbio(ssl) || !SSL_get_wbio(ssl))
		return kdtls_fail(-EINVAL,
				  "the connection has no BIOs: call SSL_set_bio() before kdtls_track()");
	if (kdtls_track_get(ssl))
		return kdtls_fail(-EALREADY, "the connection is tracked already");
	if (SSL_is_init_finished(ssl))
		return kdtls_fail(-EISCONN,
				  "the handshake is over: call kdtls_track() before it");
	if (ex_index < 0)
		return kdtls_fail_ssl(-ENOMEM, "cannot track connections");

	t = track_new(ssl);
	if (!t)
		return kdtls_fail(-ENOMEM, "no memory to track the connection");
	err = attach(t);
	if (err) {
		SSL_set_ex_data(ssl, ex_index, NULL);
		track_free(t);
	}
	return err;
}

void kdtls_untrack(SSL *ssl)
{
	struct kdtls_track *t = kdtls_track_get(ssl);

	if (!t)
		return;
	SSL_set_msg_callback(ssl, NULL);
	SSL_set_msg_callback_arg(ssl, NULL);
	SSL_set_ex_data(ssl, ex_index, NULL);
	track_free(t);
}
