// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
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
	case DTLS_CIPHER_CHACHA20_POLY1305:
		return EVP_chacha20_poly1305();
	}
	fail("cipher");
	return NULL;
}

size_t oracle_key_len(const struct oracle *o)
{
	return o->cipher == DTLS_CIPHER_AES_GCM_128 ? 16 : 32;
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
	return ORACLE_HEADER + oracle_explicit_len(o) + ORACLE_TAG;
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
	    EVP_EncryptInit_ex(o->enc, evp(o), NULL, o->key, NULL) != 1 ||
	    EVP_DecryptInit_ex(o->dec, evp(o), NULL, o->key, NULL) != 1)
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

size_t oracle_seal_as(struct oracle *o, uint8_t type, uint16_t version,
		      uint16_t epoch, uint64_t seq, uint64_t nonce,
		      const void *data, size_t n, uint8_t *out)
{
	size_t explicit = oracle_explicit_len(o);
	uint8_t aad[13], iv[12];
	uint8_t *text = out + ORACLE_HEADER + explicit;
	int len;

	oracle_header(out, type, version, epoch, seq, explicit + n + ORACLE_TAG);
	if (explicit)
		put(out + ORACLE_HEADER, nonce, 8);
	make_aad(aad, out, n);
	make_nonce(o, iv, out, nonce);
	if (EVP_EncryptInit_ex(o->enc, NULL, NULL, NULL, iv) != 1 ||
	    EVP_EncryptUpdate(o->enc, NULL, &len, aad, sizeof(aad)) != 1 ||
	    (n && EVP_EncryptUpdate(o->enc, text, &len, data, n) != 1) ||
	    EVP_EncryptFinal_ex(o->enc, text + n, &len) != 1 ||
	    EVP_CIPHER_CTX_ctrl(o->enc, EVP_CTRL_AEAD_GET_TAG, ORACLE_TAG,
				text + n) != 1)
		fail("seal");
	return ORACLE_HEADER + explicit + n + ORACLE_TAG;
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

int oracle_open(struct oracle *o, const uint8_t *wire, size_t n,
		struct record *r)
{
	size_t explicit = oracle_explicit_len(o);
	const uint8_t *text = wire + ORACLE_HEADER + explicit;
	uint8_t aad[13], iv[12], last[16];
	size_t len;
	int got;

	if (n < ORACLE_HEADER)
		return -EBADMSG;
	r->type = wire[0];
	r->version = get(wire + 1, 2);
	r->epoch = get(wire + 3, 2);
	r->seq = get(wire + 5, 6);
	len = get(wire + 11, 2);
	if (ORACLE_HEADER + len > n || len < explicit + ORACLE_TAG)
		return -EBADMSG;
	r->wire = ORACLE_HEADER + len;
	r->nonce = explicit ? get(wire + ORACLE_HEADER, 8) : 0;
	r->len = len - explicit - ORACLE_TAG;
	if (r->len > sizeof(r->data))
		return -EBADMSG;
	make_aad(aad, wire, r->len);
	make_nonce(o, iv, wire, r->nonce);
	if (EVP_DecryptInit_ex(o->dec, NULL, NULL, NULL, iv) != 1 ||
	    EVP_DecryptUpdate(o->dec, NULL, &got, aad, sizeof(aad)) != 1 ||
	    (r->len &&
	     EVP_DecryptUpdate(o->dec, r->data, &got, text, r->len) != 1) ||
	    EVP_CIPHER_CTX_ctrl(o->dec, EVP_CTRL_AEAD_SET_TAG, ORACLE_TAG,
				(void *)(text + r->len)) != 1)
		fail("open");
	if (EVP_DecryptFinal_ex(o->dec, last, &got) != 1)
		return -EBADMSG;
	return 0;
}
