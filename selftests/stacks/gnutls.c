// SPDX-License-Identifier: GPL-2.0
/* GnuTLS, which is Nettle below. */
#include "stack.h"

#if __has_include(<gnutls/crypto.h>)
#include <gnutls/gnutls.h>
#include <gnutls/crypto.h>

static gnutls_cipher_algorithm_t algorithm(uint16_t cipher)
{
	switch (cipher) {
	case DTLS_CIPHER_AES_GCM_128:
		return GNUTLS_CIPHER_AES_128_GCM;
	case DTLS_CIPHER_AES_GCM_256:
		return GNUTLS_CIPHER_AES_256_GCM;
	case DTLS_CIPHER_AES_CCM_128:
		return GNUTLS_CIPHER_AES_128_CCM;
	case DTLS_CIPHER_AES_CCM_256:
		return GNUTLS_CIPHER_AES_256_CCM;
	case DTLS_CIPHER_AES_CCM_8_128:
		return GNUTLS_CIPHER_AES_128_CCM_8;
	}
	return GNUTLS_CIPHER_CHACHA20_POLY1305;
}

static const char *gnutls_begin(struct stack_keys *keys)
{
	gnutls_datum_t key = { keys->key, stack_key_len(keys->cipher) };
	gnutls_aead_cipher_hd_t handle;
	int err = gnutls_aead_cipher_init(&handle, algorithm(keys->cipher),
					  &key);

	if (err)
		return gnutls_strerror(err);
	keys->of_stack = handle;
	return NULL;
}

static void gnutls_end(struct stack_keys *keys)
{
	if (keys->of_stack)
		gnutls_aead_cipher_deinit(keys->of_stack);
	keys->of_stack = NULL;
}

static int gnutls_seal(struct stack_keys *keys, const uint8_t *header,
		       const uint8_t *text, size_t n, uint8_t *body)
{
	size_t tag = stack_tag_len(keys->cipher), len = n + tag;
	uint8_t nonce[STACK_NONCE], aad[STACK_AAD];
	size_t explicit = stack_put_explicit(keys, body);

	stack_nonce(keys, header, body, nonce);
	stack_aad(header, n, aad);
	if (gnutls_aead_cipher_encrypt(keys->of_stack, nonce, sizeof(nonce), aad,
				       sizeof(aad), tag, text, n,
				       body + explicit, &len))
		return -1;
	return len == n + tag ? 0 : -1;
}

static long gnutls_open(struct stack_keys *keys, const uint8_t *header,
			const uint8_t *body, size_t n, uint8_t *text)
{
	size_t explicit = stack_explicit_len(keys->cipher);
	size_t tag = stack_tag_len(keys->cipher), len = n - explicit - tag;
	uint8_t nonce[STACK_NONCE], aad[STACK_AAD];

	stack_nonce(keys, header, body, nonce);
	stack_aad(header, len, aad);
	if (gnutls_aead_cipher_decrypt(keys->of_stack, nonce, sizeof(nonce), aad,
				       sizeof(aad), tag, body + explicit,
				       n - explicit, text, &len))
		return -1;
	return len;
}

#else

static const char *gnutls_begin(struct stack_keys *keys)
{
	(void)keys;
	return "built without GnuTLS";
}

#define gnutls_end	NULL
#define gnutls_seal	NULL
#define gnutls_open	NULL

#endif

const struct stack stack_gnutls = {
	.name = "GnuTLS",
	.begin = gnutls_begin,
	.end = gnutls_end,
	.seal = gnutls_seal,
	.open = gnutls_open,
};
