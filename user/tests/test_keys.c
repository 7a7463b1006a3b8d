// SPDX-License-Identifier: GPL-2.0
/*
 * Derived keys against what OpenSSL puts on the wire: each side's records open
 * with the other's derived keys, and records sealed with derived keys and the
 * tracked numbers are taken by OpenSSL.
 */
#include <openssl/err.h>

#include "pair.h"
#include "tap.h"

static void sent_opens(struct side *from, struct side *to, const char *text)
{
	struct kdtls_keys *tx = NULL, *rx = NULL;
	u8 plain[DTLS_MAX_PLAINTEXT];
	int n;

	NEED(SSL_write(from->ssl, text, (int)strlen(text)) > 0);
	CHECK(!kdtls_keys_derive(from->ssl, &tx));
	CHECK(!kdtls_keys_derive(to->ssl, &rx));
	if (!tx || !rx)
		goto out;
	CHECK(!memcmp(tx->tx_key, rx->rx_key, tx->cipher->key_len));
	CHECK(!memcmp(tx->tx_salt, rx->rx_salt, tx->cipher->salt_len));
	CHECK(memcmp(tx->tx_key, rx->tx_key, tx->cipher->key_len));

	n = kdtls_keys_open(rx->cipher, rx->rx_key, rx->rx_salt, from->last,
			    from->last_len, plain);
	CHECK_EQ(n, strlen(text));
	CHECK(n > 0 && !memcmp(plain, text, (size_t)n));

	/* The other direction's key, a changed byte and a cut: never. */
	CHECK_EQ(kdtls_keys_open(rx->cipher, rx->tx_key, rx->tx_salt,
				 from->last, from->last_len, plain), -EBADMSG);
	from->last[from->last_len - 1] ^= 1;
	CHECK_EQ(kdtls_keys_open(rx->cipher, rx->rx_key, rx->rx_salt,
				 from->last, from->last_len, plain), -EBADMSG);
	from->last[from->last_len - 1] ^= 1;
	from->last[0] = DTLS_CT_HANDSHAKE;
	CHECK_EQ(kdtls_keys_open(rx->cipher, rx->rx_key, rx->rx_salt,
				 from->last, from->last_len, plain), -EBADMSG);
	from->last[0] = DTLS_CT_APPLICATION_DATA;
	CHECK_EQ(kdtls_keys_open(rx->cipher, rx->rx_key, rx->rx_salt,
				 from->last, from->last_len - 1, plain),
		 -EBADMSG);
	/* Nothing of it is an error of the connection. */
	CHECK_EQ(ERR_peek_error(), 0);
out:
	kdtls_keys_free(tx);
	kdtls_keys_free(rx);
}

/* What a kernel would seal from here on, OpenSSL's other end takes. */
static void sealed_is_taken(struct side *from, struct side *to)
{
	static const char text[] = "sealed outside";
	struct kdtls_track *t = from->track;
	struct kdtls_keys *k = NULL;
	char got[64];
	u8 rec[256];
	size_t n;

	NEED(!kdtls_keys_derive(from->ssl, &k));
	CHECK_EQ(t->head_next, t->wire.next);
	n = pair_seal(k->cipher, k->tx_key, k->tx_salt,
		      DTLS_CT_APPLICATION_DATA, t->head_next,
		      kdtls_get_be64(t->wire.nonce) + 1, text, sizeof(text), rec);
	kdtls_queue_clear(&to->inbox);
	kdtls_queue_put(&to->inbox, rec, n);
	pair_feed(to);
	CHECK_EQ(SSL_read(to->ssl, got, sizeof(got)), sizeof(text));
	CHECK(!memcmp(got, text, sizeof(text)));
	kdtls_keys_free(k);
}

static void both_ways(struct pair *p)
{
	sent_opens(&p->client, &p->server, "from the client");
	sent_opens(&p->server, &p->client, "from the server");
	sealed_is_taken(&p->client, &p->server);
	sealed_is_taken(&p->server, &p->client);
}

/*
 * The explicit nonce goes on where OpenSSL stopped, and never back: from a random
 * one with GCM, with CCM from what it makes of the record's number.
 */
static void nonce_continues(struct side *side)
{
	const struct kdtls_cipher *c = kdtls_keys_cipher(side->ssl);
	u64 before, seq;

	if (!c->explicit_len)
		return;
	before = kdtls_get_be64(side->track->wire.nonce);
	seq = side->track->head_next;
	SSL_write(side->ssl, "x", 1);
	CHECK_EQ(side->track->head_next, seq + 1);
	CHECK_EQ(kdtls_get_be64(side->track->wire.nonce), before + 1);
	CHECK(!memcmp(side->track->wire.nonce, side->last + KDTLS_HEADER_LEN, 8));
}

static void suite(const char *list, const char *kind, u16 type)
{
	SSL_SESSION *session;
	struct pair p;

	pair_init(&p, list, kind);
	pair_connect(&p, NULL);
	if (!pair_handshake(&p)) {
		CHECK(!"a handshake");
		goto out;
	}
	CHECK_EQ(kdtls_keys_cipher(p.client.ssl)->type, type);
	CHECK(!SSL_session_reused(p.client.ssl));
	both_ways(&p);
	nonce_continues(&p.client);
	nonce_continues(&p.server);

	/* Resumed: other keys from the same master secret. */
	session = SSL_get1_session(p.client.ssl);
	SSL_set_shutdown(p.client.ssl, SSL_SENT_SHUTDOWN);
	SSL_set_shutdown(p.server.ssl, SSL_SENT_SHUTDOWN);
	pair_connect(&p, session);
	CHECK(pair_handshake(&p));
	CHECK(SSL_session_reused(p.client.ssl));
	both_ways(&p);
	SSL_SESSION_free(session);
out:
	pair_free(&p);
}

static void gcm128_ecdsa(void)
{
	suite("ECDHE-ECDSA-AES128-GCM-SHA256", "EC", DTLS_CIPHER_AES_GCM_128);
}

static void gcm128_rsa(void)
{
	suite("ECDHE-RSA-AES128-GCM-SHA256", "RSA", DTLS_CIPHER_AES_GCM_128);
}

static void gcm256_ecdsa(void)
{
	suite("ECDHE-ECDSA-AES256-GCM-SHA384", "EC", DTLS_CIPHER_AES_GCM_256);
}

static void gcm256_rsa(void)
{
	suite("ECDHE-RSA-AES256-GCM-SHA384", "RSA", DTLS_CIPHER_AES_GCM_256);
}

static void chacha_ecdsa(void)
{
	suite("ECDHE-ECDSA-CHACHA20-POLY1305", "EC",
	      DTLS_CIPHER_CHACHA20_POLY1305);
}

static void chacha_rsa(void)
{
	suite("ECDHE-RSA-CHACHA20-POLY1305", "RSA",
	      DTLS_CIPHER_CHACHA20_POLY1305);
}

static void ccm128_ecdsa(void)
{
	suite("ECDHE-ECDSA-AES128-CCM", "EC", DTLS_CIPHER_AES_CCM_128);
}

static void ccm256_ecdsa(void)
{
	suite("ECDHE-ECDSA-AES256-CCM", "EC", DTLS_CIPHER_AES_CCM_256);
}

static void ccm8_ecdsa(void)
{
	suite("ECDHE-ECDSA-AES128-CCM8", "EC", DTLS_CIPHER_AES_CCM_8_128);
}

/* One NID is two ciphers: the suite decides which, in every key exchange. */
static void ccm_or_ccm8(const char *name, const char *kind, u16 type)
{
	const struct kdtls_cipher *c;
	struct pair p;

	pair_init(&p, name, kind);
	SSL_CTX_set_dh_auto(p.server_ctx, 1);
	pair_connect(&p, NULL);
	CHECK(pair_handshake(&p));
	c = kdtls_keys_cipher(p.client.ssl);
	CHECK_EQ(c ? c->type : 0, type);
	if (c)
		both_ways(&p);
	pair_free(&p);
}

static void ccm_suites(void)
{
	ccm_or_ccm8("AES128-CCM", "RSA", DTLS_CIPHER_AES_CCM_128);
	ccm_or_ccm8("AES256-CCM", "RSA", DTLS_CIPHER_AES_CCM_256);
	ccm_or_ccm8("AES128-CCM8", "RSA", DTLS_CIPHER_AES_CCM_8_128);
	ccm_or_ccm8("DHE-RSA-AES128-CCM", "RSA", DTLS_CIPHER_AES_CCM_128);
	ccm_or_ccm8("DHE-RSA-AES256-CCM", "RSA", DTLS_CIPHER_AES_CCM_256);
	ccm_or_ccm8("DHE-RSA-AES128-CCM8", "RSA", DTLS_CIPHER_AES_CCM_8_128);
}

static void no_ccm8_of_256(void)
{
	ccm_or_ccm8("ECDHE-ECDSA-AES256-CCM8", "EC", 0);
	ccm_or_ccm8("AES256-CCM8", "RSA", 0);
	ccm_or_ccm8("DHE-RSA-AES256-CCM8", "RSA", 0);
}

/* An older master secret derivation must make no difference. */
static void no_extended_master_secret(void)
{
	struct pair p;

	pair_init(&p, "ECDHE-RSA-AES128-GCM-SHA256", "RSA");
	SSL_CTX_set_options(p.client_ctx, SSL_OP_NO_EXTENDED_MASTER_SECRET);
	pair_connect(&p, NULL);
	CHECK(pair_handshake(&p));
	CHECK(!SSL_get_extms_support(p.client.ssl));
	both_ways(&p);
	pair_free(&p);
}

static void static_rsa(void)
{
	suite("AES256-GCM-SHA384", "RSA", DTLS_CIPHER_AES_GCM_256);
}

/* A record of nothing but a tag opens to nothing. */
static void empty_record_of(const char *list)
{
	struct kdtls_keys *k = NULL;
	u8 rec[64], plain[16];
	struct pair p;
	size_t n;

	pair_init(&p, list, "EC");
	pair_connect(&p, NULL);
	CHECK(pair_handshake(&p));
	if (!kdtls_keys_derive(p.client.ssl, &k)) {
		n = pair_seal(k->cipher, k->tx_key, k->tx_salt,
			      DTLS_CT_APPLICATION_DATA, 5, 6, "", 0, rec);
		CHECK_EQ(n, kdtls_overhead(k->cipher));
		CHECK_EQ(kdtls_keys_open(k->cipher, k->tx_key, k->tx_salt, rec,
					 n, plain), 0);
		CHECK_EQ(kdtls_keys_open(k->cipher, k->rx_key, k->rx_salt, rec,
					 n, plain), -EBADMSG);
	}
	CHECK(k);
	kdtls_keys_free(k);
	pair_free(&p);
}

static void empty_record(void)
{
	empty_record_of("ECDHE-ECDSA-AES128-GCM-SHA256");
	empty_record_of("ECDHE-ECDSA-AES128-CCM");
	empty_record_of("ECDHE-ECDSA-AES128-CCM8");
	empty_record_of("ECDHE-ECDSA-CHACHA20-POLY1305");
}

static void too_early(void)
{
	struct kdtls_keys *k = NULL;
	struct pair p;
	int err;

	pair_init(&p, "ECDHE-RSA-AES128-GCM-SHA256", "RSA");
	pair_connect(&p, NULL);
	CHECK(kdtls_keys_derive(p.client.ssl, &k) < 0);
	pair_step(&p.client);
	err = kdtls_keys_derive(p.client.ssl, &k);
	CHECK(err == -ENOTCONN || err == -EOPNOTSUPP);
	pair_free(&p);
}

static const struct tap_test tests[] = {
	{ "AES-128-GCM, ECDSA, full and resumed", gcm128_ecdsa },
	{ "AES-128-GCM, RSA, full and resumed", gcm128_rsa },
	{ "AES-256-GCM, ECDSA, full and resumed", gcm256_ecdsa },
	{ "AES-256-GCM, RSA, full and resumed", gcm256_rsa },
	{ "ChaCha20-Poly1305, ECDSA, full and resumed", chacha_ecdsa },
	{ "ChaCha20-Poly1305, RSA, full and resumed", chacha_rsa },
	{ "AES-128-CCM, ECDSA, full and resumed", ccm128_ecdsa },
	{ "AES-256-CCM, ECDSA, full and resumed", ccm256_ecdsa },
	{ "AES-128-CCM_8, ECDSA, full and resumed", ccm8_ecdsa },
	{ "CCM and CCM_8 in other key exchanges", ccm_suites },
	{ "AES-256-CCM_8 is not taken for AES-256-CCM", no_ccm8_of_256 },
	{ "without extended master secret", no_extended_master_secret },
	{ "static RSA key exchange", static_rsa },
	{ "an empty record", empty_record },
	{ "no keys before the key exchange", too_early },
};

TAP_MAIN(tests)
