// SPDX-License-Identifier: GPL-2.0
/*
 * user/lib/track.c and flight.c: the datagrams that OpenSSL reads and writes in
 * a handshake, as their BIO shows them, without OpenSSL looking at them.
 *
 * The input: a cipher (1 byte), in which state OpenSSL is (1), and then steps.
 * Each is one byte that says what happens, and mostly a datagram: the number of
 * its pieces (1) and the pieces.
 */
#include <sys/socket.h>

#include <openssl/bio.h>
#include <openssl/ssl.h>

#include <kdtls.h>
#include <linux/kdtls.h>

#include "bio.h"
#include "fuzz.h"
#include "io.h"
#include "model.h"
#include "pair.h"

#define SEALED_MAX	64
#define DATAGRAM_MAX	(32 * 1024)

/* ---- the connections ---- */

/* Servers that wait for the client's answer, in DTLS 1.0 and 1.2. */
static SSL *old_one, *right_one;

static bool to_server(struct pair *p, struct side *from, const u8 *buf,
		      size_t len)
{
	return from == &p->client;
}

/* One that has got a ClientHello, and never hears of the client again. */
static SSL *make_server(struct pair *p, int version, const char *ciphers)
{
	pair_init(p, ciphers, "RSA");
	SSL_CTX_set_min_proto_version(p->client_ctx, version);
	SSL_CTX_set_max_proto_version(p->client_ctx, version);
	p->deliver = to_server;
	pair_connect(p, NULL);
	pair_step(&p->client);
	pair_step(&p->server);
	MUST(SSL_version(p->server.ssl) == version);
	kdtls_untrack(p->server.ssl);
	return p->server.ssl;
}

static void make_servers(void)
{
	static struct pair old, right;

	old_one = make_server(&old, DTLS1_VERSION, "ALL:@SECLEVEL=0");
	right_one = make_server(&right, DTLS1_2_VERSION, "ALL");
}

/* ---- what is known of the connection, apart from its track ---- */

struct sealed {
	u64	seq;
	u8	*bytes;
	size_t	len;
};

struct world {
	SSL			*ssl;
	struct kdtls_track	*t;
	struct kdtls_keys	keys;
	struct sealed		sealed[SEALED_MAX];	/* by the peer */
	unsigned int		n_sealed;
	u64			wire_next;
	u64			nonce;
	u64			flight_next;
	bool			turn;
	u8			flight[KDTLS_FLIGHT_BYTES];
	size_t			flight_len;
	size_t			datagram;
};

static struct world w;
static struct both seen;

/* ---- datagrams ---- */

struct datagram {
	u8	bytes[DATAGRAM_MAX];
	size_t	len;
};

static void add(struct datagram *d, const void *p, size_t n)
{
	if (d->len + n > sizeof(d->bytes))
		return;
	memcpy(d->bytes + d->len, p, n);
	d->len += n;
}

/* A record that verifies: as the peer would seal it, of any number. */
static void add_sealed(struct datagram *d, struct fuzz_input *in)
{
	u8 wire[KDTLS_HEADER_LEN + 8 + 32 + KDTLS_TAG_MAX], text[32] = { 0 };
	struct sealed *s = &w.sealed[w.n_sealed];
	u64 seq = fuzz_take(in, 6);
	u8 how = (u8)fuzz_take(in, 1);

	if (w.n_sealed == SEALED_MAX)
		return;
	/* Mostly small ones, which can meet. */
	if (how & 0x80)
		seq %= 150;
	s->seq = seq;
	s->len = pair_seal(w.keys.cipher, w.keys.rx_key, w.keys.rx_salt,
			   how & 0x40 ? DTLS_CT_HANDSHAKE :
					DTLS_CT_APPLICATION_DATA,
			   seq, ~seq, text, how % 32, wire);
	s->bytes = fuzz_copy(wire, s->len);
	w.n_sealed++;
	add(d, wire, s->len);
}

/* The header as the input has it, and a body that may be shorter than it says. */
static void add_forged(struct datagram *d, struct fuzz_input *in)
{
	static const u8 body[SSL3_RT_MAX_ENCRYPTED_LENGTH + 100];
	u8 header[KDTLS_HEADER_LEN];
	size_t n;
	int i;

	for (i = 0; i < KDTLS_HEADER_LEN; i++)
		header[i] = (u8)fuzz_take(in, 1);
	add(d, header, sizeof(header));
	n = kdtls_get_be16(header + 11);
	if (n > sizeof(body))
		n = 5;
	add(d, body, n);
}

static void add_piece(struct datagram *d, struct fuzz_input *in)
{
	u8 kind = (u8)fuzz_take(in, 1), n;

	switch (kind % 4) {
	case 0:
		add_sealed(d, in);
		break;
	case 1:
		add_forged(d, in);
		break;
	case 2:
		/* Again what the peer has sealed before. */
		n = (u8)fuzz_take(in, 1);
		if (n < w.n_sealed)
			add(d, w.sealed[n].bytes, w.sealed[n].len);
		break;
	default:
		for (n = kind / 4; n && in->left; n--) {
			add(d, in->p, 1);
			fuzz_take(in, 1);
		}
	}
}

static void take_datagram(struct datagram *d, struct fuzz_input *in)
{
	u8 pieces = fuzz_take(in, 1) % 8;

	d->len = 0;
	do {
		add_piece(d, in);
	} while (pieces--);
}

/* ---- reading ---- */

/* May OpenSSL get past this record and look at what is behind it? */
static bool may_pass(const u8 *p)
{
	return kdtls_get_be16(p + 1) == SSL_version(w.ssl);
}

static bool may_see(const u8 *p)
{
	/* More than it takes: it would look for a record in the middle. */
	if (kdtls_get_be16(p + 11) > SSL3_RT_MAX_ENCRYPTED_LENGTH)
		return false;
	return may_pass(p) || (p[1] == 0xfe && !kdtls_get_be16(p + 3));
}

static bool has_epoch(const u8 *p)
{
	return kdtls_get_be16(p + 3);
}

static void check_bounds(void)
{
	size_t bytes = 0;
	unsigned int i;

	MUST(w.t->wire.n_candidates <= KDTLS_CANDIDATES_MAX);
	for (i = 0; i < w.t->wire.n_candidates; i++)
		bytes += w.t->wire.candidates[i]->len;
	MUST(bytes == w.t->wire.candidate_bytes);
	MUST(bytes <= KDTLS_CANDIDATES_BYTES);
}

/*
 * OpenSSL sees the first @len bytes. They are whole records, and there is a copy
 * of each that it could open, the first of which is candidate @kept.
 */
static void check_seen(const u8 *p, size_t len, unsigned int kept)
{
	struct kdtls_candidate *c;
	size_t n;

	for (; len; p += n, len -= n) {
		MUST(len >= KDTLS_HEADER_LEN);
		n = KDTLS_HEADER_LEN + kdtls_get_be16(p + 11);
		MUST(n <= len);
		MUST(may_see(p));
		MUST(n == len || may_pass(p));
		if (!has_epoch(p))
			continue;
		MUST(kept < w.t->wire.n_candidates);
		c = w.t->wire.candidates[kept++];
		MUST(c->len == n && !memcmp(c->bytes, p, n));
	}
	MUST(kept == w.t->wire.n_candidates);
}

/* Is there no room for the record that OpenSSL was not shown? */
static bool no_room(const u8 *p, size_t left)
{
	return left >= KDTLS_HEADER_LEN && has_epoch(p) &&
	       (w.t->wire.n_candidates == KDTLS_CANDIDATES_MAX ||
		w.t->wire.candidate_bytes + left > KDTLS_CANDIDATES_BYTES);
}

static void read_datagram(const struct datagram *d)
{
	BIO *bio = SSL_get_rbio(w.ssl);
	unsigned int kept = w.t->wire.n_candidates;
	u64 dropped = w.t->wire.dropped;
	size_t done = d->len;
	u8 *p;
	long ret;

	if (!d->len)
		return;
	p = fuzz_copy(d->bytes, d->len);
	BIO_clear_retry_flags(bio);
	ret = BIO_get_callback_ex(bio)(bio, BIO_CB_READ | BIO_CB_RETURN,
				       (char *)p, d->len, 0, 0, 1, &done);
	MUST(!memcmp(p, d->bytes, d->len));
	MUST(done <= d->len);
	MUST(ret == (done ? 1 : -1));
	MUST(!BIO_should_retry(bio) == !!done);
	check_seen(p, done, kept);
	check_bounds();
	if (w.t->wire.dropped != dropped)
		MUST(no_room(p + done, d->len - done));
	w.turn = true;
	fuzz_free(p);
}

/* ---- verification ---- */

static const struct sealed *genuine(const struct kdtls_candidate *c)
{
	unsigned int i;

	for (i = 0; i < w.n_sealed; i++)
		if (c->len == w.sealed[i].len &&
		    !memcmp(c->bytes, w.sealed[i].bytes, c->len))
			return &w.sealed[i];
	return NULL;
}

/* Those that the peer has sealed move the window, and nothing else does. */
static void verify(void)
{
	const struct sealed *s;
	u64 next, bits;
	unsigned int i;

	for (i = 0; i < w.t->wire.n_candidates; i++) {
		s = genuine(w.t->wire.candidates[i]);
		if (s && !model_check(seen.m, s->seq))
			model_commit(seen.m, s->seq);
	}
	kdtls_wire_verify(&w.t->wire, &w.keys);
	MUST(!w.t->wire.n_candidates && !w.t->wire.candidate_bytes);
	kdtls_wire_window(&w.t->wire, &next, &bits);
	MUST(next == seen.m->next);
	for (i = 0; i < 64 && i < next; i++)
		MUST((bits >> i & 1) ==
		     (model_check(seen.m, next - 1 - i) != 0));
}

/* ---- writing, and writing again ---- */

static void wrote_epoch0(const u8 *p, size_t n)
{
	u64 seq = kdtls_get_be48(p + 5);

	if (seq >= w.flight_next)
		w.flight_next = seq + 1;
	if (w.flight_len + n > sizeof(w.flight))
		return;
	memcpy(w.flight + w.flight_len, p, n);
	w.flight_len += n;
}

static void wrote_record(const u8 *p, size_t n)
{
	u64 seq = kdtls_get_be48(p + 5);

	if (!has_epoch(p) || p[0] == DTLS_CT_HANDSHAKE) {
		if (w.turn) {
			w.flight_len = 0;
			w.datagram = 0;
		}
		w.turn = false;
	}
	if (!has_epoch(p)) {
		wrote_epoch0(p, n);
		return;
	}
	if (seq < w.wire_next)
		return;
	w.wire_next = seq + 1;
	if (n >= KDTLS_HEADER_LEN + 8)
		w.nonce = kdtls_get_be64(p + KDTLS_HEADER_LEN);
}

static void write_datagram(const struct datagram *d)
{
	BIO *bio = SSL_get_wbio(w.ssl);
	u8 *p = fuzz_copy(d->bytes, d->len);
	size_t at = 0, n;

	MUST(BIO_get_callback_ex(bio)(bio, BIO_CB_WRITE, (char *)p, d->len, 0,
				      0, 1, NULL) == 1);
	while (d->len - at >= KDTLS_HEADER_LEN) {
		n = KDTLS_HEADER_LEN + kdtls_get_be16(p + at + 11);
		if (n > d->len - at)
			break;
		wrote_record(p + at, n);
		at += n;
	}
	if (d->len > w.datagram)
		w.datagram = d->len;
	fuzz_free(p);

	MUST(w.t->wire.next == w.wire_next);
	MUST(kdtls_get_be64(w.t->wire.nonce) == w.nonce);
	MUST(w.t->wire.flight.next == w.flight_next);
	MUST(w.t->wire.flight.datagram == w.datagram);
	MUST(w.t->wire.flight.raw_len == w.flight_len);
	MUST(!w.flight_len ||
	     !memcmp(w.t->wire.flight.raw, w.flight, w.flight_len));
}

/* How much of the flight went out again. */
static size_t resent;
static unsigned int finished;

ssize_t __wrap_sendmsg(int fd, const struct msghdr *msg, int flags);

/* The same records in the same order, under numbers that were not used before. */
static void check_resent(const u8 *p, size_t len)
{
	const u8 *old = w.flight + resent;
	size_t n = 0, at;

	MUST(resent + len <= w.flight_len);
	for (at = 0; at < len; at += n) {
		n = KDTLS_HEADER_LEN + kdtls_get_be16(p + at + 11);
		MUST(at + n <= len);
		MUST(!memcmp(p + at, old + at, 5));
		MUST(kdtls_get_be48(p + at + 5) ==
		     w.flight_next++ % KDTLS_SEQ_END);
		MUST(!memcmp(p + at + 11, old + at + 11, n - 11));
	}
	/* No larger than before, but if it is a single record. */
	MUST(len <= w.datagram || n == len);
	resent += len;
}

ssize_t __wrap_sendmsg(int fd, const struct msghdr *msg, int flags)
{
	const struct cmsghdr *cmsg = CMSG_FIRSTHDR(msg);
	const struct iovec *iov = msg->msg_iov;

	MUST(msg->msg_iovlen == 1 && cmsg && cmsg->cmsg_level == SOL_DTLS);
	if (cmsg->cmsg_type == DTLS_RAW) {
		MUST(!finished);
		check_resent(iov->iov_base, iov->iov_len);
	} else {
		MUST(cmsg->cmsg_type == DTLS_SET_RECORD_TYPE);
		finished++;
	}
	return (ssize_t)iov->iov_len;
}

static void answer(void)
{
	static const u8 message[24] = { KDTLS_HS_FINISHED };
	static const struct kdtls_way nowhere = { .fd = -1 };

	resent = 0;
	finished = 0;
	kdtls_flight_finished(&w.t->wire.flight, message, sizeof(message));
	w.t->wire.flight.times = 0;
	w.t->wire.flight.expires = 2;
	MUST(kdtls_flight_answer(&w.t->wire.flight, &nowhere, 1) == 1);
	MUST(resent == w.flight_len);
	MUST(finished == 1);
	/* The numbers are others now. */
	if (w.flight_len)
		memcpy(w.flight, w.t->wire.flight.raw, w.flight_len);
}

/* ---- inputs ---- */

/*
 * Each input has a key of its own. With one for all, libFuzzer would learn from
 * one input what verifies, and have the next one forge it.
 */
static void make_key(const struct fuzz_input *in)
{
	u64 hash = 0xcbf29ce484222325;
	size_t i;

	for (i = 0; i < in->left; i++)
		hash = (hash ^ in->p[i]) * 0x100000001b3;
	for (i = 0; i < sizeof(w.keys.rx_key); i++)
		w.keys.rx_key[i] = (u8)(hash >> 8 * (i % 8));
	memset(w.keys.rx_salt, 0x22, sizeof(w.keys.rx_salt));
}

static void begin(struct fuzz_input *in)
{
	static const u16 ciphers[] = {
		DTLS_CIPHER_AES_GCM_128, DTLS_CIPHER_AES_GCM_256,
		DTLS_CIPHER_CHACHA20_POLY1305,
	};
	u8 cipher, state;

	if (!right_one)
		make_servers();
	memset(&w, 0, offsetof(struct world, flight));
	w.flight_len = 0;
	w.datagram = 0;
	make_key(in);
	cipher = (u8)fuzz_take(in, 1);
	state = (u8)fuzz_take(in, 1);
	w.keys.cipher = kdtls_cipher_find(ciphers[cipher % 3]);
	w.ssl = state & 1 ? old_one : right_one;
	MUST(!kdtls_track(w.ssl));
	w.t = kdtls_track_get(w.ssl);
	w.t->heard = state & 2;
	both_init(&seen, KDTLS_SEED_WINDOW, 0, 0);
}

static void end(void)
{
	both_free(&seen);
	while (w.n_sealed)
		fuzz_free(w.sealed[--w.n_sealed].bytes);
	kdtls_untrack(w.ssl);
}

void fuzz_one(const u8 *data, size_t len)
{
	struct fuzz_input in = { data, len };
	static struct datagram d;
	u8 step;

	begin(&in);
	while (in.left) {
		step = (u8)fuzz_take(&in, 1);
		if (step % 4 == 3) {
			if (step & 4)
				verify();
			else
				answer();
			continue;
		}
		take_datagram(&d, &in);
		if (step % 4 == 2)
			write_datagram(&d);
		else
			read_datagram(&d);
	}
	verify();
	end();
}

/* ---- seeds ---- */

static void put_forged(struct fuzz_output *out, u8 type, u16 epoch, u64 seq,
		       u16 len)
{
	fuzz_put(out, 1, 1);
	fuzz_put(out, type, 1);
	fuzz_put(out, DTLS_1_2_VERSION, 2);
	fuzz_put(out, epoch, 2);
	fuzz_put(out, seq, 6);
	fuzz_put(out, len, 2);
}

static void put_sealed(struct fuzz_output *out, u64 seq, u8 len)
{
	fuzz_put(out, 0, 1);
	fuzz_put(out, seq, 6);
	fuzz_put(out, len, 1);
}

/* A flight comes, with a forged record in it, and some of it again. */
static void seed_read(u8 cipher, u8 state)
{
	struct fuzz_output out = { .len = 0 };

	fuzz_put(&out, cipher << 8 | state, 2);
	fuzz_put(&out, 0, 1);
	fuzz_put(&out, 3, 1);
	put_forged(&out, DTLS_CT_HANDSHAKE, 0, 3, 40);
	put_sealed(&out, 0, 16);
	put_forged(&out, DTLS_CT_HANDSHAKE, 1, 77, 48);
	put_sealed(&out, 3, 31);
	fuzz_put(&out, 0, 1);
	fuzz_put(&out, 1, 1);
	fuzz_put(&out, 0x0201, 2);
	put_sealed(&out, 1, 0);
	fuzz_put_seed(&out);
}

/* One is written, in two datagrams, and then again. */
static void seed_write(u8 cipher, u8 state)
{
	struct fuzz_output out = { .len = 0 };

	fuzz_put(&out, cipher << 8 | state, 2);
	fuzz_put(&out, 2, 1);
	fuzz_put(&out, 1, 1);
	put_forged(&out, DTLS_CT_HANDSHAKE, 0, 2, 60);
	put_forged(&out, DTLS_CT_HANDSHAKE, 0, 3, 20);
	fuzz_put(&out, 2, 1);
	fuzz_put(&out, 1, 1);
	put_forged(&out, DTLS_CT_CHANGE_CIPHER_SPEC, 0, 4, 1);
	put_forged(&out, DTLS_CT_HANDSHAKE, 1, 0, 48);
	fuzz_put(&out, 3, 1);
	fuzz_put(&out, 7, 1);
	fuzz_put_seed(&out);
}

/* More records than are kept: one of them again and again. */
static void seed_crowd(u8 state)
{
	struct fuzz_output out = { .len = 0 };
	int i, j;

	fuzz_put(&out, state, 2);
	fuzz_put(&out, 0, 2);
	put_sealed(&out, 5, 1);
	for (i = 0; i < KDTLS_CANDIDATES_MAX; i += 8) {
		fuzz_put(&out, 0, 1);
		fuzz_put(&out, 7, 1);
		for (j = 0; j < 8; j++)
			fuzz_put(&out, 0x0200, 2);
	}
	fuzz_put_seed(&out);
}

/* More bytes than are kept, read or written. */
static void seed_flood(u8 state, u8 step, u16 epoch, u16 len)
{
	struct fuzz_output out = { .len = 0 };
	int i;

	fuzz_put(&out, state, 2);
	for (i = 0; i < 24; i++) {
		fuzz_put(&out, step, 1);
		fuzz_put(&out, 0, 1);
		put_forged(&out, DTLS_CT_HANDSHAKE, epoch, i, len);
	}
	fuzz_put_seed(&out);
}

void fuzz_seeds(void)
{
	u8 cipher, state;

	for (state = 0; state < 4; state++) {
		for (cipher = 0; cipher < 3; cipher++) {
			seed_read(cipher, state);
			seed_write(cipher, state);
		}
		seed_crowd(state);
		seed_flood(state, 0, 1, 0x4000);
		seed_flood(state, 0, 1, SSL3_RT_MAX_ENCRYPTED_LENGTH);
		seed_flood(state, 0, 1, SSL3_RT_MAX_ENCRYPTED_LENGTH + 1);
		seed_flood(state, 2, 0, 0x4000);
	}
}
