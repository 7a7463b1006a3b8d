// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <linux/kdtls.h>
#include <openssl/rand.h>

#include "oracle.h"

static void fail(const char *what)
{
	fprintf(stderr, "# oracle: %s failed\n", what);
	abort();
}

static const EVP_CIPHER *evp(const struct oracle *o)
{
	switch (o->cipher) {
	case DTLS_CIPHER_AES_GCM_128:
		return EVP_aes_128_gcm();
	case DTLS_CIPHER_AES_GCM_256:
		return EVP_aes_256_gcm();
	case DTLS_CIPHER_AES_CCM_128:
	case DTLS_CIPHER_AES_CCM_8_128:
		return EVP_aes_128_ccm();
	case DTLS_CIPHER_AES_CCM_256:
		return EVP_aes_256_ccm();
	case DTLS_CIPHER_CHACHA20_POLY1305:
		return EVP_chacha20_poly1305();
	}
	fail("cipher");
	return NULL;
}

size_t oracle_key_len(const struct oracle *o)
{
	switch (o->cipher) {
	case DTLS_CIPHER_AES_GCM_128:
	case DTLS_CIPHER_AES_CCM_128:
	case DTLS_CIPHER_AES_CCM_8_128:
		return 16;
	}
	return 32;
}

size_t oracle_tag_len(const struct oracle *o)
{
	return o->cipher == DTLS_CIPHER_AES_CCM_8_128 ? 8 : 16;
}

static bool is_ccm(const struct oracle *o)
{
	return o->cipher == DTLS_CIPHER_AES_CCM_128 ||
	       o->cipher == DTLS_CIPHER_AES_CCM_256 ||
	       o->cipher == DTLS_CIPHER_AES_CCM_8_128;
}

size_t oracle_salt_len(const struct oracle *o)
{
	return o->cipher == DTLS_CIPHER_CHACHA20_POLY1305 ? 12 : 4;
}

size_t oracle_explicit_len(const struct oracle *o)
{
	return 12 - oracle_salt_len(o);
}

size_t oracle_overhead(const struct oracle *o)
{
	return ORACLE_HEADER + oracle_explicit_len(o) + oracle_tag_len(o);
}

/* CCM wants to know the sizes of nonce and tag before it gets the key. */
static bool set_key(const struct oracle *o, EVP_CIPHER_CTX *ctx, bool enc)
{
	if (EVP_CipherInit_ex(ctx, evp(o), NULL, NULL, NULL, enc) != 1)
		return false;
	if (is_ccm(o) &&
	    (EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_IVLEN, 12, NULL) != 1 ||
	     EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_TAG, oracle_tag_len(o),
				 NULL) != 1))
		return false;
	return EVP_CipherInit_ex(ctx, NULL, NULL, o->key, NULL, enc) == 1;
}

void oracle_init(struct oracle *o, uint16_t cipher, uint16_t epoch,
		 uint64_t seq)
{
	memset(o, 0, sizeof(*o));
	o->cipher = cipher;
	o->epoch = epoch;
	o->seq = seq;
	if (RAND_bytes(o->key, sizeof(o->key)) != 1 ||
	    RAND_bytes(o->iv, sizeof(o->iv)) != 1 ||
	    RAND_bytes((void *)&o->nonce, sizeof(o->nonce)) != 1)
		fail("RAND_bytes");
	o->enc = EVP_CIPHER_CTX_new();
	o->dec = EVP_CIPHER_CTX_new();
	if (!o->enc || !o->dec ||
	    !set_key(o, o->enc, true) || !set_key(o, o->dec, false))
		fail("EVP init");
}

void oracle_rekey(struct oracle *o, const uint8_t *key, const uint8_t *iv)
{
	memcpy(o->key, key, sizeof(o->key));
	memcpy(o->iv, iv, sizeof(o->iv));
	if (!set_key(o, o->enc, true) || !set_key(o, o->dec, false))
		fail("EVP init");
}

void oracle_free(struct oracle *o)
{
	EVP_CIPHER_CTX_free(o->enc);
	EVP_CIPHER_CTX_free(o->dec);
	memset(o, 0, sizeof(*o));
}

static void put(uint8_t *p, uint64_t v, int bytes)
{
	while (bytes--) {
		p[bytes] = v & 0xff;
		v >>= 8;
	}
}

static uint64_t get(const uint8_t *p, int bytes)
{
	uint64_t v = 0;

	while (bytes--)
		v = v << 8 | *p++;
	return v;
}

void oracle_header(uint8_t *out, uint8_t type, uint16_t version, uint16_t epoch,
		   uint64_t seq, uint16_t len)
{
	put(out, type, 1);
	put(out + 1, version, 2);
	put(out + 3, epoch, 2);
	put(out + 5, seq, 6);
	put(out + 11, len, 2);
}

/* RFC 5246 section 6.2.3.3 with the sequence of RFC 6347 section 4.1.2.1. */
static void make_aad(uint8_t *aad, const uint8_t *header, uint16_t plaintext)
{
	memcpy(aad, header + 3, 8);
	memcpy(aad + 8, header, 3);
	put(aad + 11, plaintext, 2);
}

/* RFC 5288 section 3, RFC 7905 section 2. */
static void make_nonce(const struct oracle *o, uint8_t *nonce,
		       const uint8_t *header, uint64_t explicit_nonce)
{
	int i;

	memcpy(nonce, o->iv, 12);
	if (oracle_explicit_len(o)) {
		put(nonce + 4, explicit_nonce, 8);
		return;
	}
	for (i = 0; i < 8; i++)
		nonce[4 + i] ^= header[3 + i];
}

/* CCM also wants to know the size of the text before the additional data. */
static bool begin(struct oracle *o, EVP_CIPHER_CTX *ctx, const uint8_t *iv,
		  const uint8_t *aad, int n)
{
	int len;

	if (EVP_CipherInit_ex(ctx, NULL, NULL, NULL, iv, -1) != 1)
		return false;
	if (is_ccm(o) && EVP_CipherUpdate(ctx, NULL, &len, NULL, n) != 1)
		return false;
	return EVP_CipherUpdate(ctx, NULL, &len, aad, 13) == 1;
}

size_t oracle_seal_as(struct oracle *o, uint8_t type, uint16_t version,
		      uint16_t epoch, uint64_t seq, uint64_t nonce,
		      const void *data, size_t n, uint8_t *out)
{
	size_t explicit = oracle_explicit_len(o), tag = oracle_tag_len(o);
	uint8_t aad[13], iv[12];
	uint8_t *text = out + ORACLE_HEADER + explicit;
	int len;

	oracle_header(out, type, version, epoch, seq, explicit + n + tag);
	if (explicit)
		put(out + ORACLE_HEADER, nonce, 8);
	make_aad(aad, out, n);
	make_nonce(o, iv, out, nonce);
	if (!begin(o, o->enc, iv, aad, n) ||
	    ((n || is_ccm(o)) &&
	     EVP_EncryptUpdate(o->enc, text, &len, n ? data : "", n) != 1) ||
	    EVP_EncryptFinal_ex(o->enc, text + n, &len) != 1 ||
	    EVP_CIPHER_CTX_ctrl(o->enc, EVP_CTRL_AEAD_GET_TAG, tag,
				text + n) != 1)
		fail("seal");
	return ORACLE_HEADER + explicit + n + tag;
}

size_t oracle_seal_seq(struct oracle *o, uint8_t type, uint64_t seq,
		       const void *data, size_t n, uint8_t *out)
{
	return oracle_seal_as(o, type, ORACLE_VERSION, o->epoch, seq,
			      o->nonce++, data, n, out);
}

size_t oracle_seal(struct oracle *o, uint8_t type, const void *data, size_t n,
		   uint8_t *out)
{
	return oracle_seal_seq(o, type, o->seq++, data, n, out);
}

/* CCM verifies in the update, the others in the end. */
static int decrypt(struct oracle *o, const uint8_t *iv, const uint8_t *aad,
		   const uint8_t *text, size_t n, uint8_t *out)
{
	uint8_t last[16];
	int got;

	/* OpenSSL's CCM takes the tag first, whatever the order of the rest. */
	if (EVP_CipherInit_ex(o->dec, NULL, NULL, NULL, iv, -1) != 1 ||
	    EVP_CIPHER_CTX_ctrl(o->dec, EVP_CTRL_AEAD_SET_TAG,
				oracle_tag_len(o), (void *)(text + n)) != 1 ||
	    !begin(o, o->dec, iv, aad, n))
		fail("open");
	if (is_ccm(o))
		return EVP_DecryptUpdate(o->dec, out, &got, text, n) == 1 ?
		       0 : -EBADMSG;
	if (n && EVP_DecryptUpdate(o->dec, out, &got, text, n) != 1)
		fail("open");
	return EVP_DecryptFinal_ex(o->dec, last, &got) == 1 ? 0 : -EBADMSG;
}

int oracle_open(struct oracle *o, const uint8_t *wire, size_t n,
		struct record *r)
{
	size_t explicit = oracle_explicit_len(o), tag = oracle_tag_len(o);
	uint8_t aad[13], iv[12];
	size_t len;

	if (n < ORACLE_HEADER)
		return -EBADMSG;
	r->type = wire[0];
	r->version = get(wire + 1, 2);
	r->epoch = get(wire + 3, 2);
	r->seq = get(wire + 5, 6);
	len = get(wire + 11, 2);
	if (ORACLE_HEADER + len > n || len < explicit + tag)
		return -EBADMSG;
	r->wire = ORACLE_HEADER + len;
	r->nonce = explicit ? get(wire + ORACLE_HEADER, 8) : 0;
	r->len = len - explicit - tag;
	if (r->len > sizeof(r->data))
		return -EBADMSG;
	make_aad(aad, wire, r->len);
	make_nonce(o, iv, wire, r->nonce);
	return decrypt(o, iv, aad, wire + ORACLE_HEADER + explicit, r->len,
		       r->data);
}
