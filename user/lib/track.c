// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Tracking: what OpenSSL sealed, wrote and read in a handshake.
 *
 * There are two witnesses of what was sealed. The message callback sees each
 * record's header when it is sealed, the BIO callback sees the records on their
 * way out. They must agree at the handover; if they do not, a record sits in a
 * buffer of OpenSSL, sealed under a number that would be given out again.
 *
 * What was read is known from the BIO only, before anybody verified it. It is
 * kept until the keys are there. OpenSSL must never see a record of epoch 1
 * that was not kept, or it could be replayed to the kernel: a record for which
 * there is no room is cut off the datagram, which a network may do as well.
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

static void drop_candidates(struct kdtls_track *t)
{
	unsigned int i;

	for (i = 0; i < t->n_candidates; i++)
		free(t->candidates[i]);
	t->n_candidates = 0;
	t->candidate_bytes = 0;
}

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
	drop_candidates(t);
	kdtls_flight_clear(&t->flight);
	free(t->window);
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
	if (writing && type == SSL3_RT_HANDSHAKE && !t->counting && len &&
	    p[0] == KDTLS_HS_FINISHED)
		kdtls_flight_finished(&t->flight, p, len);
}

/* ---- what goes out ---- */

static void wrote_record(struct kdtls_track *t, const struct kdtls_record *rec,
			 const u8 *p, size_t len)
{
	if (rec->epoch == 0 || rec->type == DTLS_CT_HANDSHAKE) {
		if (t->turn)
			kdtls_flight_restart(&t->flight);
		t->turn = false;
	}
	if (rec->epoch == 0) {
		kdtls_flight_keep(&t->flight, p, len);
		return;
	}
	if (rec->seq < t->wire_next)
		return;
	t->wire_next = rec->seq + 1;
	if (rec->len >= KDTLS_EXPLICIT_MAX)
		memcpy(t->nonce, p + KDTLS_HEADER_LEN, KDTLS_EXPLICIT_MAX);
}

static void wrote(struct kdtls_track *t, const u8 *p, size_t len)
{
	struct kdtls_record rec;
	size_t done = 0, n;

	while (!kdtls_record_parse(&rec, p + done, (u32)(len - done))) {
		n = (size_t)KDTLS_HEADER_LEN + rec.len;
		wrote_record(t, &rec, p + done, n);
		done += n;
	}
	if (len > t->flight.datagram)
		t->flight.datagram = len;
}

/* ---- what comes in ---- */

static bool keep_candidate(struct kdtls_track *t, const u8 *p, size_t len)
{
	struct kdtls_candidate *c;

	if (t->n_candidates == KDTLS_CANDIDATES_MAX ||
	    t->candidate_bytes + len > KDTLS_CANDIDATES_BYTES)
		return false;
	c = malloc(sizeof(*c) + len);
	if (!c)
		return false;
	c->len = len;
	memcpy(c->bytes, p, len);
	t->candidates[t->n_candidates++] = c;
	t->candidate_bytes += len;
	return true;
}

/*
 * Make room. Once the key exchange is over, what does not verify never will.
 * Before, nothing can be told and nothing goes.
 */
static bool make_room(struct kdtls_track *t)
{
	struct kdtls_keys *keys;

	if (kdtls_keys_derive(t->ssl, &keys))
		return false;
	kdtls_track_verify(t, keys);
	kdtls_keys_free(keys);
	return true;
}

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

/* Returns how much of the datagram OpenSSL may see. */
static size_t read_datagram(struct kdtls_track *t, const u8 *p, size_t len)
{
	struct kdtls_record rec;
	size_t done = 0, n;

	t->turn = true;
	while (!kdtls_record_parse(&rec, p + done, (u32)(len - done))) {
		n = (size_t)KDTLS_HEADER_LEN + rec.len;
		if (!taken_whole(t, &rec))
			return done;
		if (rec.epoch && !keep_candidate(t, p + done, n) &&
		    !(make_room(t) && keep_candidate(t, p + done, n))) {
			t->dropped++;
			return done;
		}
		done += n;
		/* What is behind the first message may be judged by another version. */
		if (rec.version != SSL_version(t->ssl))
			break;
	}
	return done;
}

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
		wrote(t, (const u8 *)argp, len);
	if (oper == (BIO_CB_READ | BIO_CB_RETURN) && ret > 0 && processed) {
		*processed = read_datagram(t, (const u8 *)argp, *processed);
		if (!*processed) {
			/* As if it had not come. */
			BIO_set_retry_read(bio);
			return -1;
		}
	}
	return ret;
}

/* ---- verification ---- */

void kdtls_track_verify(struct kdtls_track *t, const struct kdtls_keys *keys)
{
	u8 *plain = malloc(DTLS_MAX_PLAINTEXT);
	const struct kdtls_candidate *c;
	struct kdtls_record rec;
	unsigned int i;

	/* Without memory all stays as it is: kept, and not yet verified. */
	if (!plain)
		return;
	for (i = 0; i < t->n_candidates; i++) {
		c = t->candidates[i];
		if (kdtls_record_parse(&rec, c->bytes, (u32)c->len))
			continue;
		if (rec.epoch == 1 && rec.version == DTLS_1_2_VERSION &&
		    kdtls_keys_open(keys->cipher, keys->rx_key, keys->rx_salt,
				    c->bytes, c->len, plain) >= 0)
			kdtls_window_commit(t->window, rec.seq);
	}
	drop_candidates(t);
	OPENSSL_cleanse(plain, DTLS_MAX_PLAINTEXT);
	free(plain);
}

void kdtls_track_window(struct kdtls_track *t, u64 *next, u64 *seen)
{
	u64 i;

	*next = t->window->next;
	*seen = 0;
	for (i = 0; i < KDTLS_SEED_WINDOW && i < *next; i++)
		if (kdtls_window_check(t->window, *next - 1 - i))
			*seen |= 1ULL << i;
}

/* ---- the fallback's use ---- */

void kdtls_track_count_only(struct kdtls_track *t)
{
	t->counting = true;
	detach(t);
	drop_candidates(t);
	kdtls_flight_clear(&t->flight);
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
	t->window = malloc(kdtls_window_bytes(KDTLS_SEED_WINDOW));
	if (!t->window) {
		free(t);
		return NULL;
	}
	kdtls_window_init(t->window, KDTLS_SEED_WINDOW, 0, 0);
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
