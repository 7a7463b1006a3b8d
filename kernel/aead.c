// SPDX-License-Identifier: GPL-2.0
/* The kernel's ciphers, by cipher suite and with a key. */
#include <crypto/aead.h>
#include <linux/err.h>
#include <linux/kdtls.h>
#include <shared/cipher.h>

#include "aead.h"

static const char *kdtls_algorithm(u16 cipher_type)
{
	switch (cipher_type) {
	case DTLS_CIPHER_AES_GCM_128:
	case DTLS_CIPHER_AES_GCM_256:
		return "gcm(aes)";
	case DTLS_CIPHER_AES_CCM_128:
	case DTLS_CIPHER_AES_CCM_256:
	case DTLS_CIPHER_AES_CCM_8_128:
		return "ccm(aes)";
	case DTLS_CIPHER_CHACHA20_POLY1305:
		return "rfc7539(chacha20,poly1305)";
	default:
		return NULL;
	}
}

static int kdtls_aead_set(struct crypto_aead *tfm,
			  const struct kdtls_cipher *cipher, const u8 *key)
{
	int err = crypto_aead_setkey(tfm, key, cipher->key_len);

	return err ?: crypto_aead_setauthsize(tfm, cipher->tag_len);
}

/**
 * kdtls_aead_new() - make a cipher with a key
 * @cipher: the cipher suite
 * @key: @cipher->key_len bytes
 *
 * Context: Process context, may sleep.
 * Return: the cipher, or an ERR_PTR(): -ENOMEM, or -ENOENT when the kernel does
 * not have it.
 */
struct crypto_aead *kdtls_aead_new(const struct kdtls_cipher *cipher,
				   const u8 *key)
{
	struct crypto_aead *tfm;
	int err;

	tfm = crypto_alloc_aead(kdtls_algorithm(cipher->type), 0, 0);
	if (IS_ERR(tfm))
		return tfm;
	err = kdtls_aead_set(tfm, cipher, key);
	if (err) {
		crypto_free_aead(tfm);
		return ERR_PTR(err);
	}
	return tfm;
}

/**
 * kdtls_cipher_probe() - does the kernel have a cipher?
 * @cipher: the cipher suite
 *
 * Who gives keys wants to know it then, and not with the first record.
 *
 * Context: Process context, may sleep.
 * Return: 0, or what kdtls_aead_new() would say.
 */
int kdtls_cipher_probe(const struct kdtls_cipher *cipher)
{
	static const u8 key[KDTLS_KEY_MAX];
	static unsigned long known;
	int bit = cipher->type % BITS_PER_LONG;
	struct crypto_aead *tfm;

	if (test_bit(bit, &known))
		return 0;
	tfm = kdtls_aead_new(cipher, key);
	if (IS_ERR(tfm))
		return PTR_ERR(tfm);
	crypto_free_aead(tfm);
	set_bit(bit, &known);
	return 0;
}

/**
 * kdtls_aead_again() - give a cipher another key
 * @tfm: a cipher that nobody uses
 * @cipher: the cipher suite that is wanted
 * @key: @cipher->key_len bytes
 *
 * Context: Process context, may sleep.
 * Return: whether that worked. It does not if @tfm is another algorithm's.
 */
bool kdtls_aead_again(struct crypto_aead *tfm,
		      const struct kdtls_cipher *cipher, const u8 *key)
{
	return !strcmp(crypto_tfm_alg_name(crypto_aead_tfm(tfm)),
		       kdtls_algorithm(cipher->type)) &&
	       !kdtls_aead_set(tfm, cipher, key);
}
