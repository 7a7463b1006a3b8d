// SPDX-License-Identifier: GPL-2.0
/*
 * include/shared: record headers, sizes and nonces against vectors written down
 * by hand from the RFCs, and against the oracle.
 */
#include <shared/cipher.h>
#include <shared/nonce.h>
#include <shared/record.h>

#include "harness.h"

static const struct kdtls_cipher *cipher(u16 type)
{
	return kdtls_cipher_find(type);
}

/* handshake, DTLS 1.2, epoch 0x0102, number 0x030405060708, 0x0910 bytes */
static const uint8_t header[13] = {
	0x16, 0xfe, 0xfd, 0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07, 0x08,
	0x09, 0x10,
};

static const struct kdtls_record parsed = {
	.type = 22,
	.version = 0xfefd,
	.epoch = 0x0102,
	.seq = 0x030405060708,
	.len = 0x0910,
};

static bool same(const struct kdtls_record *a, const struct kdtls_record *b)
{
	return a->type == b->type && a->version == b->version &&
	       a->epoch == b->epoch && a->seq == b->seq && a->len == b->len;
}

TEST(header_parse)
{
	struct kdtls_record rec;

	EXPECT_EQ(0, kdtls_record_parse(&rec, header, 13 + 0x0910));
	EXPECT_TRUE(same(&parsed, &rec));
	EXPECT_EQ(0, kdtls_record_parse(&rec, header, 65535));
	EXPECT_TRUE(same(&parsed, &rec));
}

TEST(header_write)
{
	uint8_t out[15] = { [0] = 0xee, [14] = 0xee };

	kdtls_record_write(&parsed, out + 1);
	EXPECT_EQ(0, memcmp(header, out + 1, 13));
	EXPECT_EQ(0xee, out[0]);
	EXPECT_EQ(0xee, out[14]);
}

/* The memory ends where the datagram ends: ASan sees a step too far. */
TEST(header_short)
{
	struct kdtls_record rec;
	uint32_t n;

	for (n = 0; n < 13 + 0x0910; n++) {
		uint8_t *p = malloc(n ? n : 1);

		memcpy(p, header, n < 13 ? n : 13);
		EXPECT_EQ(-EBADMSG, kdtls_record_parse(&rec, p, n));
		free(p);
	}
}

TEST(header_every_length)
{
	struct kdtls_record rec;
	uint8_t p[13];
	uint32_t len;

	memcpy(p, header, 13);
	for (len = 0; len < 65536; len++) {
		p[11] = len >> 8;
		p[12] = len & 0xff;
		ASSERT_EQ(0, kdtls_record_parse(&rec, p, 13 + len));
		ASSERT_EQ(len, rec.len);
		ASSERT_EQ(-EBADMSG, kdtls_record_parse(&rec, p, 12 + len));
	}
}

TEST(header_against_the_oracle)
{
	struct kdtls_record rec, got;
	uint8_t a[13], b[13];
	int i;

	for (i = 0; i < 100000; i++) {
		rec.type = rnd(256);
		rec.version = rnd(65536);
		rec.epoch = rnd(65536);
		rec.seq = (uint64_t)rnd(65536) << 32 | rnd(UINT32_MAX);
		rec.len = rnd(65536);
		kdtls_record_write(&rec, a);
		oracle_header(b, rec.type, rec.version, rec.epoch, rec.seq,
			      rec.len);
		ASSERT_EQ(0, memcmp(a, b, 13));
		ASSERT_EQ(0, kdtls_record_parse(&got, b, 65548));
		ASSERT_TRUE(same(&rec, &got));
	}
}

TEST(additional_data)
{
	/* epoch, number, type, version, length of the plaintext */
	static const uint8_t want[13] = {
		0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07, 0x08, 0x16, 0xfe,
		0xfd, 0x08, 0xf8,
	};
	uint8_t aad[13];

	kdtls_record_aad(&parsed, 0x0910 - 24, aad);
	EXPECT_EQ(0, memcmp(want, aad, 13));
}

TEST(sizes)
{
	static const struct {
		u16 type;
		int around, overhead;
	} want[] = {
		{ DTLS_CIPHER_AES_GCM_128, 24, 37 },
		{ DTLS_CIPHER_AES_GCM_256, 24, 37 },
		{ DTLS_CIPHER_AES_CCM_128, 24, 37 },
		{ DTLS_CIPHER_AES_CCM_256, 24, 37 },
		{ DTLS_CIPHER_AES_CCM_8_128, 16, 29 },
		{ DTLS_CIPHER_CHACHA20_POLY1305, 16, 29 },
	};
	struct kdtls_record rec = parsed;
	size_t i;
	int len;

	for (i = 0; i < ARRAY_LEN(want); i++) {
		const struct kdtls_cipher *c = cipher(want[i].type);

		EXPECT_EQ(want[i].overhead, kdtls_overhead(c));
		for (len = 0; len < 65536; len++) {
			int payload = len - want[i].around;

			if (payload < 0 || payload > 16384)
				payload = -EBADMSG;
			rec.len = len;
			ASSERT_EQ(payload, kdtls_record_payload(&rec, c));
		}
	}
}

TEST(ciphers)
{
	int type, found = 0;

	for (type = 0; type < 65536; type++) {
		const struct kdtls_cipher *c = cipher(type);
		struct oracle o = { .cipher = type };

		if (!c)
			continue;
		found++;
		EXPECT_EQ(type, c->type);
		EXPECT_EQ(oracle_key_len(&o), c->key_len);
		EXPECT_EQ(oracle_salt_len(&o), c->salt_len);
		EXPECT_EQ(oracle_explicit_len(&o), c->explicit_len);
		EXPECT_EQ(oracle_tag_len(&o), c->tag_len);
		EXPECT_GE(KDTLS_KEY_MAX, c->key_len);
		EXPECT_GE(KDTLS_EXPLICIT_MAX, c->explicit_len);
		EXPECT_GE(KDTLS_TAG_MAX, c->tag_len);
		EXPECT_EQ(KDTLS_NONCE_LEN, c->salt_len + c->explicit_len);
	}
	EXPECT_EQ(6, found);
}

TEST(nonce_salted)
{
	static const uint8_t salt[4] = { 0xa0, 0xa1, 0xa2, 0xa3 };
	static const uint8_t explicit[8] = { 1, 2, 3, 4, 5, 6, 7, 8 };
	static const uint8_t want[12] = {
		0xa0, 0xa1, 0xa2, 0xa3, 1, 2, 3, 4, 5, 6, 7, 8,
	};
	static const uint16_t types[] = { GCM128, GCM256, CCM128, CCM256, CCM8 };
	uint8_t nonce[12];
	size_t i;

	for (i = 0; i < ARRAY_LEN(types); i++) {
		kdtls_nonce(cipher(types[i]), salt, 7, 9, explicit, nonce);
		EXPECT_EQ(0, memcmp(want, nonce, 12));
	}
}

TEST(nonce_chacha)
{
	static const uint8_t iv[12] = {
		0xff, 0xff, 0xff, 0xff, 0x0f, 0x0f, 0x0f, 0x0f, 0x0f, 0x0f,
		0x0f, 0x0f,
	};
	/* Epoch 0x1234, number 0x56789abcdef0, XORed into the last 8 bytes. */
	static const uint8_t want[12] = {
		0xff, 0xff, 0xff, 0xff, 0x1d, 0x3b, 0x59, 0x77, 0x95, 0xb3,
		0xd1, 0xff,
	};
	uint8_t nonce[12];

	kdtls_nonce(cipher(DTLS_CIPHER_CHACHA20_POLY1305), iv, 0x1234,
		    0x56789abcdef0, NULL, nonce);
	EXPECT_EQ(0, memcmp(want, nonce, 12));
}

/*
 * A record put together of the shared parts is one that the oracle opens, and
 * the other way around.
 */
static size_t seal_shared(const struct oracle *o, const struct kdtls_record *rec,
			  uint64_t explicit_nonce, const uint8_t *data,
			  uint16_t n, uint8_t *out)
{
	const struct kdtls_cipher *c = cipher(o->cipher);
	uint8_t *text = out + KDTLS_HEADER_LEN + c->explicit_len;
	uint8_t nonce[KDTLS_NONCE_LEN], aad[KDTLS_AAD_LEN], explicit[8];
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	bool ccm = EVP_CIPHER_CTX_get_mode(o->enc) == EVP_CIPH_CCM_MODE;
	int len;

	kdtls_put_be64(explicit, explicit_nonce);
	kdtls_record_write(rec, out);
	memcpy(out + KDTLS_HEADER_LEN, explicit, c->explicit_len);
	kdtls_nonce(c, o->iv, rec->epoch, rec->seq, explicit, nonce);
	kdtls_record_aad(rec, n, aad);
	if (EVP_EncryptInit_ex(ctx, EVP_CIPHER_CTX_get0_cipher(o->enc), NULL,
			       NULL, NULL) != 1 ||
	    EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_IVLEN, sizeof(nonce),
				NULL) != 1 ||
	    (ccm && EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_TAG, c->tag_len,
					NULL) != 1) ||
	    EVP_EncryptInit_ex(ctx, NULL, NULL, o->key, nonce) != 1 ||
	    (ccm && EVP_EncryptUpdate(ctx, NULL, &len, NULL, n) != 1) ||
	    EVP_EncryptUpdate(ctx, NULL, &len, aad, sizeof(aad)) != 1 ||
	    EVP_EncryptUpdate(ctx, text, &len, data, n) != 1 ||
	    EVP_EncryptFinal_ex(ctx, text + n, &len) != 1 ||
	    EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, c->tag_len,
				text + n) != 1)
		die("seal");
	EVP_CIPHER_CTX_free(ctx);
	return text + n + c->tag_len - out;
}

FIXTURE(sealed) {
	struct oracle o;
};

FIXTURE_VARIANT(sealed) {
	uint16_t cipher;
};

FIXTURE_VARIANT_ADD(sealed, gcm128) { .cipher = GCM128 };
FIXTURE_VARIANT_ADD(sealed, gcm256) { .cipher = GCM256 };
FIXTURE_VARIANT_ADD(sealed, ccm128) { .cipher = CCM128 };
FIXTURE_VARIANT_ADD(sealed, ccm256) { .cipher = CCM256 };
FIXTURE_VARIANT_ADD(sealed, ccm8) { .cipher = CCM8 };
FIXTURE_VARIANT_ADD(sealed, chacha) { .cipher = CHACHA };

FIXTURE_SETUP(sealed)
{
	oracle_init(&self->o, variant->cipher, 1, 0);
}

FIXTURE_TEARDOWN(sealed)
{
	oracle_free(&self->o);
}

TEST_F(sealed, same_bytes)
{
	const struct kdtls_cipher *c = cipher(variant->cipher);
	uint8_t a[600], b[600], data[500];
	int i;

	for (i = 0; i < 2000; i++) {
		uint16_t n = 1 + rnd(sizeof(data));
		struct kdtls_record rec = {
			.type = 20 + rnd(4),
			.version = DTLS_1_2_VERSION,
			.epoch = 1 + rnd(65535),
			.seq = (uint64_t)rnd(65536) << 32 | rnd(UINT32_MAX),
			.len = c->explicit_len + n + c->tag_len,
		};
		uint64_t nonce = (uint64_t)rnd(UINT32_MAX) << 32 | i;
		size_t len;

		rnd_bytes(data, n);
		len = seal_shared(&self->o, &rec, nonce, data, n, a);
		ASSERT_EQ(len, oracle_seal_as(&self->o, rec.type, rec.version,
					      rec.epoch, rec.seq, nonce, data,
					      n, b));
		ASSERT_EQ(0, memcmp(a, b, len));
	}
}

/* The oracle is no good if it opens everything. */
TEST_F(sealed, the_oracle_can_tell)
{
	uint8_t wire[200];
	struct record r;
	size_t n, i;

	n = oracle_seal(&self->o, 23, "payload", 7, wire);
	ASSERT_EQ(0, oracle_open(&self->o, wire, n, &r));
	EXPECT_EQ(7, r.len);
	EXPECT_EQ(0, memcmp("payload", r.data, 7));
	for (i = 0; i < n * 8; i++) {
		wire[i / 8] ^= 1 << i % 8;
		EXPECT_EQ(-EBADMSG, oracle_open(&self->o, wire, n, &r));
		wire[i / 8] ^= 1 << i % 8;
	}
	for (i = 0; i < n; i++)
		EXPECT_EQ(-EBADMSG, oracle_open(&self->o, wire, i, &r));
}

TEST(integers)
{
	uint8_t p[8];
	int i;

	for (i = 0; i < 100000; i++) {
		uint64_t v = (uint64_t)rnd(UINT32_MAX) << 32 | rnd(UINT32_MAX);

		kdtls_put_be64(p, v);
		ASSERT_EQ(v, kdtls_get_be64(p));
		ASSERT_EQ(v >> 56, p[0]);
		ASSERT_EQ(v & 0xff, p[7]);
		kdtls_put_be48(p, v);
		ASSERT_EQ(v & 0xffffffffffff, kdtls_get_be48(p));
		kdtls_put_be16(p, v);
		ASSERT_EQ(v & 0xffff, kdtls_get_be16(p));
	}
}

TEST_HARNESS_MAIN
