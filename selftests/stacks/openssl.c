// SPDX-License-Identifier: GPL-2.0
/*
 * OpenSSL, on the path that its own DTLS takes: the cipher is told that it seals
 * records, and makes nonce and additional data itself. The other oracle of these
 * tests does it the common way.
 */
#include <stdlib.h>
#include <string.h>
#include <openssl/evp.h>

#include "stack.h"

struct ours {
	EVP_CIPHER_CTX *enc, *dec;
};

static const EVP_CIPHER *evp(uint16_t cipher)
{
	switch (cipher) {
	case DTLS_CIPHER_AES_GCM_128:
		return EVP_aes_128_gcm();
	case DTLS_CIPHER_AES_GCM_256:
		return EVP_aes_256_gcm();
	case DTLS_CIPHER_AES_CCM_128:
	case DTLS_CIPHER_AES_CCM_8_128:
		return EVP_aes_128_ccm();
	case DTLS_CIPHER_AES_CCM_256:
		return EVP_aes_256_ccm();
	}
	return EVP_chacha20_poly1305();
}

static EVP_CIPHER_CTX *context(const struct stack_keys *keys, int enc)
{
	const EVP_CIPHER *cipher = evp(keys->cipher);
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	size_t fixed = STACK_NONCE - stack_explicit_len(keys->cipher);
	int ok;

	ok = EVP_CipherInit_ex(ctx, cipher, NULL, NULL, NULL, enc) == 1;
	if (EVP_CIPHER_get_mode(cipher) == EVP_CIPH_CCM_MODE)
		ok = ok &&
		     EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_IVLEN,
					 STACK_NONCE, NULL) == 1 &&
		     EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_TAG,
					 stack_tag_len(keys->cipher),
					 NULL) == 1;
	ok = ok && EVP_CipherInit_ex(ctx, NULL, NULL, keys->key, NULL, enc) == 1 &&
	     EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_IV_FIXED, fixed,
				 (void *)keys->iv) == 1;
	if (ok)
		return ctx;
	EVP_CIPHER_CTX_free(ctx);
	return NULL;
}

static void openssl_end(struct stack_keys *keys)
{
	struct ours *o = keys->of_stack;

	if (!o)
		return;
	EVP_CIPHER_CTX_free(o->enc);
	EVP_CIPHER_CTX_free(o->dec);
	free(o);
	keys->of_stack = NULL;
}

static const char *openssl_begin(struct stack_keys *keys)
{
	struct ours *o = calloc(1, sizeof(*o));

	keys->of_stack = o;
	o->enc = context(keys, 1);
	o->dec = context(keys, 0);
	if (o->enc && o->dec)
		return NULL;
	openssl_end(keys);
	return "this OpenSSL refuses the cipher";
}

/* In place; OpenSSL takes what surrounds the text off the length by itself. */
static int run(EVP_CIPHER_CTX *ctx, const uint8_t *header, size_t aad_len,
	       uint8_t *body, size_t n)
{
	uint8_t aad[STACK_AAD];

	stack_aad(header, aad_len, aad);
	if (EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_TLS1_AAD, sizeof(aad),
				aad) <= 0)
		return -1;
	return EVP_Cipher(ctx, body, body, n) < 0 ? -1 : 0;
}

static int openssl_seal(struct stack_keys *keys, const uint8_t *header,
			const uint8_t *text, size_t n, uint8_t *body)
{
	size_t explicit = stack_explicit_len(keys->cipher);
	struct ours *o = keys->of_stack;

	memcpy(body + explicit, text, n);
	return run(o->enc, header, explicit + n, body,
		   explicit + n + stack_tag_len(keys->cipher));
}

static long openssl_open(struct stack_keys *keys, const uint8_t *header,
			 const uint8_t *body, size_t n, uint8_t *text)
{
	size_t explicit = stack_explicit_len(keys->cipher);
	size_t len = n - explicit - stack_tag_len(keys->cipher);
	uint8_t work[STACK_AROUND + 16384];
	struct ours *o = keys->of_stack;

	memcpy(work, body, n);
	if (run(o->dec, header, n, work, n))
		return -1;
	memcpy(text, work + explicit, len);
	return len;
}

const struct stack stack_openssl = {
	.name = "OpenSSL",
	.begin = openssl_begin,
	.end = openssl_end,
	.seal = openssl_seal,
	.open = openssl_open,
};
