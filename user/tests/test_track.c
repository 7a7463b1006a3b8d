// SPDX-License-Identifier: GPL-2.0
/*
 * Tracking over a link that loses and an attacker who forges: the next number to
 * send, and the window of what was received.
 */
#include <fcntl.h>
#include <unistd.h>

#include <openssl/err.h>

#include <kdtls.h>

#include "io.h"
#include "pair.h"
#include "tap.h"

#define SUITE "ECDHE-RSA-AES128-GCM-SHA256"
/* OpenSSL's CCM makes its nonces another way, and fails another way. */
#define CCM "ECDHE-ECDSA-AES128-CCM"

/* ---- lost last flights ---- */

/* Loses the first @budget datagrams of the server with a Finished in them. */
static bool lose_server_finished(struct pair *p, struct side *from,
				 const u8 *buf, size_t len)
{
	if (from != &p->server || !pair_has_finished(buf, len) || !p->budget)
		return true;
	p->budget--;
	return false;
}

static bool lose_client_finished(struct pair *p, struct side *from,
				 const u8 *buf, size_t len)
{
	if (from != &p->client || !pair_has_finished(buf, len) || !p->budget)
		return true;
	p->budget--;
	return false;
}

/* The numbers go on where OpenSSL's own next record would have gone on. */
static void next_number(struct side *side, struct side *peer, u64 want)
{
	struct kdtls_record rec;
	u64 nonce = kdtls_get_be64(side->track->wire.nonce);
	char got[8];

	CHECK_EQ(side->track->head_next, want);
	CHECK_EQ(side->track->wire.next, want);
	CHECK_EQ(side->track->head_epoch, 1);
	SSL_write(side->ssl, "probe", 5);
	CHECK(!kdtls_record_parse(&rec, side->last, (u32)side->last_len));
	CHECK_EQ(rec.seq, want);
	CHECK_EQ(rec.epoch, 1);
	CHECK_EQ(kdtls_get_be64(side->last + KDTLS_HEADER_LEN), nonce + 1);
	pair_feed(peer);
	CHECK_EQ(SSL_read(peer->ssl, got, sizeof(got)), 5);
}

static void flight_lost_with(const char *suite, const char *kind,
			     unsigned int times)
{
	struct pair p;

	pair_init(&p, suite, kind);
	pair_connect(&p, NULL);
	p.deliver = lose_server_finished;
	p.budget = times;
	CHECK(pair_handshake(&p));
	CHECK_EQ(p.budget, 0);
	next_number(&p.server, &p.client, 1 + times);
	pair_free(&p);
}

static void server_flight_lost(unsigned int times)
{
	flight_lost_with(SUITE, "RSA", times);
	flight_lost_with(CCM, "EC", times);
}

static void lost_never(void)
{
	server_flight_lost(0);
}

static void lost_once(void)
{
	server_flight_lost(1);
}

static void lost_twice(void)
{
	server_flight_lost(2);
}

static void lost_three_times(void)
{
	server_flight_lost(3);
}

/* When resuming, the client has the last word. */
static void resumed_flight_lost(void)
{
	SSL_SESSION *session;
	struct pair p;

	pair_init(&p, SUITE, "RSA");
	pair_connect(&p, NULL);
	CHECK(pair_handshake(&p));
	session = SSL_get1_session(p.client.ssl);
	SSL_set_shutdown(p.client.ssl, SSL_SENT_SHUTDOWN);
	SSL_set_shutdown(p.server.ssl, SSL_SENT_SHUTDOWN);
	pair_connect(&p, session);
	p.deliver = lose_client_finished;
	p.budget = 2;
	CHECK(pair_handshake(&p));
	CHECK(SSL_session_reused(p.client.ssl));
	CHECK_EQ(p.budget, 0);
	next_number(&p.client, &p.server, 3);
	SSL_SESSION_free(session);
	pair_free(&p);
}

/* ---- the flight that is kept ---- */

static void flight_is_whole(void)
{
	struct kdtls_record rec;
	struct kdtls_flight *f;
	unsigned int ccs = 0;
	struct pair p;
	size_t at;

	pair_init(&p, SUITE, "RSA");
	pair_connect(&p, NULL);
	p.deliver = lose_server_finished;
	p.budget = 2;
	CHECK(pair_handshake(&p));
	f = &p.server.track->wire.flight;
	for (at = 0; !kdtls_record_parse(&rec, f->raw + at,
					 (u32)(f->raw_len - at));
	     at += KDTLS_HEADER_LEN + rec.len) {
		CHECK_EQ(rec.epoch, 0);
		ccs += rec.type == DTLS_CT_CHANGE_CIPHER_SPEC;
		CHECK(rec.seq < f->next);
	}
	CHECK_EQ(at, f->raw_len);
	CHECK_EQ(ccs, 1);
	CHECK_EQ(f->finished_len, KDTLS_HS_HEADER_LEN + 12);
	CHECK_EQ(f->finished[0], KDTLS_HS_FINISHED);
	CHECK_EQ(f->next, p.server.track->head_next0);
	CHECK(kdtls_flight_asked(f->finished, f->finished_len));

	/* Data in between is not of the flight, and does not end it. */
	at = f->raw_len;
	SSL_write(p.client.ssl, "x", 1);
	pair_step(&p.server);
	SSL_write(p.server.ssl, "y", 1);
	CHECK_EQ(f->raw_len, at);
	pair_free(&p);
}

/* Not too often, not too late, and not for ever. */
static void flight_is_rationed(void)
{
	const struct kdtls_way nowhere = { .fd = -1 };
	struct kdtls_flight *f;
	unsigned int sent = 0;
	struct pair p;
	u64 now;

	pair_init(&p, SUITE, "RSA");
	pair_connect(&p, NULL);
	CHECK(pair_handshake(&p));
	f = &p.server.track->wire.flight;
	f->expires = 1000000;
	/* No socket: that it tried is enough. */
	CHECK_EQ(kdtls_flight_answer(f, &nowhere, 1000), -EBADF);
	CHECK_EQ(kdtls_flight_answer(f, &nowhere, 1001), 0);
	CHECK_EQ(kdtls_flight_answer(f, &nowhere, 1000 + KDTLS_FLIGHT_GAP_MS),
		 -EBADF);
	CHECK_EQ(kdtls_flight_answer(f, &nowhere, 1000000), 0);
	for (now = 2000; now < 1000000; now += 1000)
		sent += kdtls_flight_answer(f, &nowhere, now) != 0;
	CHECK_EQ(sent + 2, KDTLS_FLIGHT_TIMES);
	pair_free(&p);
}

/* ---- what was received ---- */

static void window_of(struct side *side, u64 *next, u64 *seen)
{
	struct kdtls_keys *k = NULL;

	NEED(!kdtls_keys_derive(side->ssl, &k));
	kdtls_wire_verify(&side->track->wire, k);
	kdtls_wire_window(&side->track->wire, next, seen);
	kdtls_keys_free(k);
}

static void window_has_what_was_read(void)
{
	u64 next = 0, seen = 0;
	char got[64];
	struct pair p;
	int i;

	pair_init(&p, SUITE, "RSA");
	pair_connect(&p, NULL);
	CHECK(pair_handshake(&p));
	window_of(&p.server, &next, &seen);
	CHECK_EQ(next, 1);
	CHECK_EQ(seen, 1);

	/* Of ten records one is lost: numbers 1 to 10 without 4. */
	for (i = 0; i < 10; i++) {
		p.budget = i == 3;
		SSL_write(p.client.ssl, "data", 4);
		if (p.budget)
			kdtls_queue_clear(&p.server.inbox);
		while (pair_feed(&p.server))
			SSL_read(p.server.ssl, got, sizeof(got));
	}
	window_of(&p.server, &next, &seen);
	CHECK_EQ(next, 11);
	CHECK_EQ(seen, 0x7ff & ~(1 << (10 - 4)));
	pair_free(&p);
}

/* Forged headers of the next epoch, before and after the keys are there. */
static bool forge_in_front(struct pair *p, struct side *from, const u8 *buf,
			   size_t len)
{
	struct side *to = from == &p->client ? &p->server : &p->client;
	u8 rec[256];
	size_t n;

	if (p->budget) {
		p->budget--;
		n = pair_forge(rec, DTLS_CT_HANDSHAKE, KDTLS_SEQ_END - 1, 48);
		kdtls_queue_put(&to->inbox, rec, n);
		n = pair_forge(rec, DTLS_CT_APPLICATION_DATA, 0x123456789aULL,
			       64);
		kdtls_queue_put(&to->inbox, rec, n);
	}
	return true;
}

static void forge_with(const char *suite, const char *kind)
{
	u64 next = 0, seen = 0;
	struct pair p;
	u8 rec[64];

	pair_init(&p, suite, kind);
	pair_connect(&p, NULL);
	p.deliver = forge_in_front;
	p.budget = 20;
	CHECK(pair_handshake(&p));
	kdtls_queue_put(&p.server.inbox, rec,
			pair_forge(rec, DTLS_CT_APPLICATION_DATA, 77777, 32));
	pair_step(&p.server);
	CHECK(p.server.track->wire.n_candidates > 1);
	window_of(&p.server, &next, &seen);
	CHECK_EQ(next, 1);
	CHECK_EQ(seen, 1);
	window_of(&p.client, &next, &seen);
	CHECK_EQ(next, 1);
	CHECK_EQ(seen, 1);
	pair_free(&p);
}

static void forgery_does_not_poison(void)
{
	forge_with(SUITE, "RSA");
	forge_with(CCM, "EC");
}

/* Making room tries what is kept: OpenSSL must not take that for its own errors. */
static void forgeries_are_no_errors(void)
{
	struct kdtls_keys *k = NULL;
	struct pair p;
	char got[64];
	u8 rec[256];
	int i, n;

	pair_init(&p, CCM, "EC");
	pair_connect(&p, NULL);
	CHECK(pair_handshake(&p));
	for (i = 0; i < 3 * KDTLS_CANDIDATES_MAX; i++) {
		kdtls_queue_put(&p.server.inbox, rec,
				pair_forge(rec, DTLS_CT_HANDSHAKE,
					   (u64)i * 1000, 48));
		pair_feed(&p.server);
		ERR_clear_error();
		n = SSL_read(p.server.ssl, got, sizeof(got));
		CHECK_EQ(SSL_get_error(p.server.ssl, n), SSL_ERROR_WANT_READ);
	}
	CHECK(!kdtls_keys_derive(p.server.ssl, &k));
	CHECK(p.server.track->wire.n_candidates > 0);
	ERR_clear_error();
	if (k)
		kdtls_wire_verify(&p.server.track->wire, k);
	CHECK_EQ(ERR_peek_error(), 0);
	kdtls_keys_free(k);
	pair_free(&p);
}

/* Hand the server the client's next record inside another one. */
static void feed_wrapped(struct pair *p, u16 version, u16 len)
{
	struct kdtls_record rec = {
		.type = DTLS_CT_HANDSHAKE, .version = version, .len = len,
	};
	u8 wrapped[KDTLS_HEADER_LEN + 512];
	struct kdtls_queued *m;

	SSL_write(p->client.ssl, "data", 4);
	m = kdtls_queue_get(&p->server.inbox);
	NEED(m && m->len <= 512);
	if (!len)
		rec.len = (u16)m->len;
	kdtls_record_write(&rec, wrapped);
	memcpy(wrapped + KDTLS_HEADER_LEN, m->bytes, m->len);
	kdtls_queue_put(&p->server.inbox, wrapped, KDTLS_HEADER_LEN + m->len);
	free(m);
	pair_feed(&p->server);
}

/*
 * OpenSSL drops no more than the header of a record that it does not like, and
 * opens one that is inside. Whatever it opens has to be in the window.
 */
static void wrapped(u16 version, u16 len)
{
	u64 next = 0, seen = 0;
	struct pair p;
	char got[64];
	int n;

	pair_init(&p, SUITE, "RSA");
	pair_connect(&p, NULL);
	CHECK(pair_handshake(&p));
	feed_wrapped(&p, version, len);
	n = SSL_read(p.server.ssl, got, sizeof(got));
	if (n <= 0)
		CHECK_EQ(SSL_get_error(p.server.ssl, n), SSL_ERROR_WANT_READ);
	window_of(&p.server, &next, &seen);
	CHECK_EQ(next, n > 0 ? 2 : 1);
	CHECK_EQ(seen, n > 0 ? 3 : 1);
	pair_free(&p);
}

static void wrapped_in_a_wrong_version(void)
{
	wrapped(0xfefc, 0);
}

static void wrapped_in_a_wrong_length(void)
{
	wrapped(DTLS_1_2_VERSION, 0xfff0);
}

/* More forgeries than there is room for, before there are keys. */
static void flood_does_not_lose_the_window(void)
{
	u64 next = 0, seen = 0;
	struct pair p;
	u8 rec[256];
	int i;

	pair_init(&p, SUITE, "RSA");
	pair_connect(&p, NULL);
	pair_step(&p.client);
	pair_step(&p.server);
	for (i = 0; i < 3 * KDTLS_CANDIDATES_MAX; i++) {
		kdtls_queue_put(&p.server.inbox, rec,
				pair_forge(rec, DTLS_CT_HANDSHAKE,
					   (u64)i * 1000, 48));
		pair_step(&p.server);
		CHECK(p.server.track->wire.n_candidates <= KDTLS_CANDIDATES_MAX);
	}
	CHECK(p.server.track->wire.dropped > 0);
	CHECK(pair_handshake(&p));
	window_of(&p.server, &next, &seen);
	/* The client may have had to repeat its Finished. */
	CHECK(next >= 1 && next <= 4);
	CHECK(seen & 1);
	pair_free(&p);
}

/* Data goes on while nobody hands over: what is kept stays bounded. */
static void long_use_stays_bounded(void)
{
	u64 next = 0, seen = 0;
	char got[64];
	struct pair p;
	int i;

	pair_init(&p, SUITE, "RSA");
	pair_connect(&p, NULL);
	CHECK(pair_handshake(&p));
	for (i = 0; i < 1000; i++) {
		SSL_write(p.client.ssl, "data", 4);
		pair_feed(&p.server);
		CHECK_EQ(SSL_read(p.server.ssl, got, sizeof(got)), 4);
	}
	CHECK(p.server.track->wire.n_candidates <= KDTLS_CANDIDATES_MAX);
	CHECK_EQ(p.server.track->wire.dropped, 0);
	window_of(&p.server, &next, &seen);
	CHECK_EQ(next, 1001);
	CHECK(seen == ~0ULL);
	pair_free(&p);
}

/* ---- refusals ---- */

static void refusals(void)
{
	struct kdtls_session *s = NULL;
	struct pair p;
	int null = open("/dev/null", O_RDONLY);
	SSL_CTX *ctx;
	SSL *ssl;

	ctx = SSL_CTX_new(TLS_method());
	ssl = SSL_new(ctx);
	CHECK_EQ(kdtls_track(ssl), -EINVAL);
	CHECK_EQ(kdtls_upgrade(ssl, 0, NULL, &s), -ENODATA);
	SSL_free(ssl);
	SSL_CTX_free(ctx);

	ctx = SSL_CTX_new(DTLS_method());
	ssl = SSL_new(ctx);
	CHECK_EQ(kdtls_track(ssl), -EINVAL);
	CHECK(strstr(kdtls_last_error(), "SSL_set_bio"));
	SSL_free(ssl);
	SSL_CTX_free(ctx);

	pair_init(&p, SUITE, "RSA");
	pair_connect(&p, NULL);
	CHECK_EQ(kdtls_track(p.client.ssl), -EALREADY);
	CHECK_EQ(kdtls_upgrade(p.client.ssl, 0, NULL, &s), -ENOTCONN);
	CHECK(pair_handshake(&p));

	/* Sealed and not written: the two witnesses do not agree. */
	p.client.track->head_next++;
	CHECK_EQ(kdtls_upgrade(p.client.ssl, 0, NULL, &s), -EAGAIN);
	p.client.track->head_next--;

	/* Not a socket, not UDP. */
	CHECK_EQ(kdtls_upgrade(p.client.ssl, -1, NULL, &s), -EBADF);
	CHECK_EQ(kdtls_upgrade(p.client.ssl, null, NULL, &s), -ENOTSOCK);
	close(null);

	kdtls_untrack(p.client.ssl);
	CHECK_EQ(kdtls_upgrade(p.client.ssl, 0, NULL, &s), -ENODATA);
	CHECK(strstr(kdtls_last_error(), "kdtls_track()"));
	CHECK_EQ(kdtls_track(p.client.ssl), -EISCONN);
	SSL_write(p.client.ssl, "still works", 11);
	CHECK(p.client.last_len > 11);
	CHECK(!s);
	pair_free(&p);
}

static void foreign_cipher(void)
{
	struct kdtls_session *s = NULL;
	struct pair p;
	char got[64];
	int i;

	pair_init(&p, "ECDHE-RSA-AES128-SHA256", "RSA");
	pair_connect(&p, NULL);
	CHECK(pair_handshake(&p));
	CHECK_EQ(kdtls_upgrade(p.server.ssl, 0, NULL, &s), -EOPNOTSUPP);
	CHECK(strstr(kdtls_last_error(), "ECDHE-RSA-AES128-SHA256"));

	/* And is of use all the same, for as long as one likes. */
	for (i = 0; i < 3 * KDTLS_CANDIDATES_MAX; i++) {
		SSL_write(p.client.ssl, "data", 4);
		pair_feed(&p.server);
		CHECK_EQ(SSL_read(p.server.ssl, got, sizeof(got)), 4);
	}
	CHECK(p.server.track->wire.hopeless);
	CHECK_EQ(kdtls_upgrade(p.server.ssl, 0, NULL, &s), -EOPNOTSUPP);
	pair_free(&p);
}

static void renegotiation_is_off(void)
{
	struct pair p;

	pair_init(&p, SUITE, "RSA");
	pair_connect(&p, NULL);
	CHECK(pair_handshake(&p));
	CHECK(SSL_renegotiate(p.client.ssl) != 1 ||
	      SSL_do_handshake(p.client.ssl) != 1);
	CHECK_EQ(p.client.track->head_epoch, 1);
	pair_free(&p);
}

static void replaced_bio(void)
{
	struct kdtls_session *s = NULL;
	struct pair p;
	BIO *mem;

	pair_init(&p, SUITE, "RSA");
	pair_connect(&p, NULL);
	CHECK(pair_handshake(&p));
	mem = BIO_new(BIO_s_mem());
	SSL_set0_wbio(p.client.ssl, mem);
	CHECK_EQ(kdtls_upgrade(p.client.ssl, 0, NULL, &s), -EINVAL);
	pair_free(&p);
}

static const struct tap_test tests[] = {
	{ "next number is 1 when nothing was lost", lost_never },
	{ "next number is 2 when the last flight was lost once", lost_once },
	{ "next number is 3 when it was lost twice", lost_twice },
	{ "next number is 4 when it was lost three times", lost_three_times },
	{ "next number of a client that resumed and lost", resumed_flight_lost },
	{ "the last flight is kept, once and whole", flight_is_whole },
	{ "the last flight is not sent too often or too late",
	  flight_is_rationed },
	{ "the window has what was read", window_has_what_was_read },
	{ "forged headers do not poison the window", forgery_does_not_poison },
	{ "forgeries are no errors of the connection", forgeries_are_no_errors },
	{ "a record inside one of a wrong version", wrapped_in_a_wrong_version },
	{ "a record inside one of a wrong length", wrapped_in_a_wrong_length },
	{ "a flood of forgeries neither", flood_does_not_lose_the_window },
	{ "long use before the handover stays bounded", long_use_stays_bounded },
	{ "refusals say what to do", refusals },
	{ "a cipher suite that kdtls does not have", foreign_cipher },
	{ "renegotiation is off", renegotiation_is_off },
	{ "BIOs that were replaced", replaced_bio },
};

TAP_MAIN(tests)
