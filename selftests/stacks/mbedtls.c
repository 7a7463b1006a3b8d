// SPDX-License-Identifier: GPL-2.0
/* Mbed TLS, what constrained devices have. */
#include "stack.h"

#if __has_include(<mbedtls/gcm.h>)
#include <stdlib.h>
#include <mbedtls/ccm.h>
#include <mbedtls/chachapoly.h>
#include <mbedtls/gcm.h>

struct ours {
	mbedtls_gcm_context		gcm;
	mbedtls_ccm_context		ccm;
	mbedtls_chachapoly_context	chacha;
};

enum mode { GCM, CCM, CHACHA };

static enum mode mode(const struct stack_keys *keys)
{
	switch (keys->cipher) {
	case DTLS_CIPHER_AES_GCM_128:
	case DTLS_CIPHER_AES_GCM_256:
		return GCM;
	case DTLS_CIPHER_AES_CCM_128:
	case DTLS_CIPHER_AES_CCM_256:
	case DTLS_CIPHER_AES_CCM_8_128:
		return CCM;
	}
	return CHACHA;
}

static int set_key(struct stack_keys *keys)
{
	unsigned int bits = 8 * stack_key_len(keys->cipher);
	struct ours *o = keys->of_stack;

	switch (mode(keys)) {
	case GCM:
		return mbedtls_gcm_setkey(&o->gcm, MBEDTLS_CIPHER_ID_AES,
					  keys->key, bits);
	case CCM:
		return mbedtls_ccm_setkey(&o->ccm, MBEDTLS_CIPHER_ID_AES,
					  keys->key, bits);
	default:
		return mbedtls_chachapoly_setkey(&o->chacha, keys->key);
	}
}

static void mbedtls_end(struct stack_keys *keys)
{
	struct ours *o = keys->of_stack;

	if (!o)
		return;
	mbedtls_gcm_free(&o->gcm);
	mbedtls_ccm_free(&o->ccm);
	mbedtls_chachapoly_free(&o->chacha);
	free(o);
	keys->of_stack = NULL;
}

static const char *mbedtls_begin(struct stack_keys *keys)
{
	struct ours *o = calloc(1, sizeof(*o));

	keys->of_stack = o;
	mbedtls_gcm_init(&o->gcm);
	mbedtls_ccm_init(&o->ccm);
	mbedtls_chachapoly_init(&o->chacha);
	if (!set_key(keys))
		return NULL;
	mbedtls_end(keys);
	return "this Mbed TLS refuses the cipher";
}

static int mbedtls_seal(struct stack_keys *keys, const uint8_t *header,
			const uint8_t *text, size_t n, uint8_t *body)
{
	size_t tag = stack_tag_len(keys->cipher);
	uint8_t *out = body + stack_put_explicit(keys, body);
	uint8_t nonce[STACK_NONCE], aad[STACK_AAD];
	struct ours *o = keys->of_stack;

	stack_nonce(keys, header, body, nonce);
	stack_aad(header, n, aad);
	switch (mode(keys)) {
	case GCM:
		return mbedtls_gcm_crypt_and_tag(&o->gcm, MBEDTLS_GCM_ENCRYPT, n,
						 nonce, sizeof(nonce), aad,
						 sizeof(aad), text, out, tag,
						 out + n);
	case CCM:
		return mbedtls_ccm_encrypt_and_tag(&o->ccm, n, nonce,
						   sizeof(nonce), aad,
						   sizeof(aad), text, out,
						   out + n, tag);
	default:
		return mbedtls_chachapoly_encrypt_and_tag(&o->chacha, n, nonce,
							  aad, sizeof(aad),
							  text, out, out + n);
	}
}

static long mbedtls_open(struct stack_keys *keys, const uint8_t *header,
			 const uint8_t *body, size_t n, uint8_t *text)
{
	size_t explicit = stack_explicit_len(keys->cipher);
	size_t tag = stack_tag_len(keys->cipher), len = n - explicit - tag;
	uint8_t nonce[STACK_NONCE], aad[STACK_AAD];
	const uint8_t *in = body + explicit;
	struct ours *o = keys->of_stack;
	int err;

	stack_nonce(keys, header, body, nonce);
	stack_aad(header, len, aad);
	switch (mode(keys)) {
	case GCM:
		err = mbedtls_gcm_auth_decrypt(&o->gcm, len, nonce,
					       sizeof(nonce), aad, sizeof(aad),
					       in + len, tag, in, text);
		break;
	case CCM:
		err = mbedtls_ccm_auth_decrypt(&o->ccm, len, nonce,
					       sizeof(nonce), aad, sizeof(aad),
					       in, text, in + len, tag);
		break;
	default:
		err = mbedtls_chachapoly_auth_decrypt(&o->chacha, len, nonce,
						      aad, sizeof(aad),
						      in + len, in, text);
	}
	return err ? -1 : (long)len;
}

#else

static const char *mbedtls_begin(struct stack_keys *keys)
{
	(void)keys;
	return "built without Mbed TLS";
}

#define mbedtls_end	NULL
#define mbedtls_seal	NULL
#define mbedtls_open	NULL

#endif

const struct stack stack_mbedtls = {
	.name = "Mbed TLS",
	.begin = mbedtls_begin,
	.end = mbedtls_end,
	.seal = mbedtls_seal,
	.open = mbedtls_open,
};
