// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Record keys, derived once more with public calls from what OpenSSL tells:
 * the master secret, both randoms, and the hash of the cipher suite. Extended
 * master secrets, PSK and resumption change the master secret, and nothing here.
 */
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/objects.h>
#include <openssl/params.h>
#include <openssl/ssl.h>

#include <shared/nonce.h>

#include "keys.h"
#include "log.h"
#include "secret.h"

#define LABEL "key expansion"

/* OpenSSL has one NID for CCM and CCM_8 (RFC 6655, RFC 7251). */
static bool has_short_tag(const SSL_CIPHER *suite)
{
	switch (SSL_CIPHER_get_id(suite)) {
	case TLS1_CK_RSA_WITH_AES_128_CCM_8:
	case TLS1_CK_RSA_WITH_AES_256_CCM_8:
	case TLS1_CK_DHE_RSA_WITH_AES_128_CCM_8:
	case TLS1_CK_DHE_RSA_WITH_AES_256_CCM_8:
	case TLS1_CK_PSK_WITH_AES_128_CCM_8:
	case TLS1_CK_PSK_WITH_AES_256_CCM_8:
	case TLS1_CK_DHE_PSK_WITH_AES_128_CCM_8:
	case TLS1_CK_DHE_PSK_WITH_AES_256_CCM_8:
	case TLS1_CK_ECDHE_ECDSA_WITH_AES_128_CCM_8:
	case TLS1_CK_ECDHE_ECDSA_WITH_AES_256_CCM_8:
		return true;
	default:
		return false;
	}
}

const struct kdtls_cipher *kdtls_keys_cipher(const SSL *ssl)
{
	const SSL_CIPHER *suite = SSL_get_current_cipher(ssl);

	if (!suite)
		suite = SSL_get_pending_cipher(ssl);
	if (!suite)
		return NULL;
	switch (SSL_CIPHER_get_cipher_nid(suite)) {
	case NID_aes_128_gcm:
		return kdtls_cipher_find(DTLS_CIPHER_AES_GCM_128);
	case NID_aes_256_gcm:
		return kdtls_cipher_find(DTLS_CIPHER_AES_GCM_256);
	case NID_aes_128_ccm:
		return kdtls_cipher_find(has_short_tag(suite) ?
					 DTLS_CIPHER_AES_CCM_8_128 :
					 DTLS_CIPHER_AES_CCM_128);
	case NID_aes_256_ccm:
		/* AES-256-CCM_8 is nobody's cipher. */
		return has_short_tag(suite) ? NULL :
		       kdtls_cipher_find(DTLS_CIPHER_AES_CCM_256);
	case NID_chacha20_poly1305:
		return kdtls_cipher_find(DTLS_CIPHER_CHACHA20_POLY1305);
	default:
		return NULL;
	}
}

/* Both randoms in the order of the key expansion; false if one is not there. */
static bool randoms(SSL *ssl, u8 *seed)
{
	static const u8 none[SSL3_RANDOM_SIZE];

	SSL_get_server_random(ssl, seed, SSL3_RANDOM_SIZE);
	SSL_get_client_random(ssl, seed + SSL3_RANDOM_SIZE, SSL3_RANDOM_SIZE);
	return memcmp(seed, none, sizeof(none)) &&
	       memcmp(seed + SSL3_RANDOM_SIZE, none, sizeof(none));
}

static int prf(const EVP_MD *md, const u8 *secret, size_t secret_len,
	       u8 *seed, size_t seed_len, u8 *out, size_t out_len)
{
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST,
						 (char *)EVP_MD_get0_name(md),
						 0),
		OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_SECRET,
						  (u8 *)secret, secret_len),
		OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_SEED,
						  LABEL, strlen(LABEL)),
		OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_SEED,
						  seed, seed_len),
		OSSL_PARAM_construct_end(),
	};
	EVP_KDF *kdf = EVP_KDF_fetch(NULL, OSSL_KDF_NAME_TLS1_PRF, NULL);
	EVP_KDF_CTX *ctx = kdf ? EVP_KDF_CTX_new(kdf) : NULL;
	int ok = ctx && EVP_KDF_derive(ctx, out, out_len, params) > 0;

	EVP_KDF_CTX_free(ctx);
	EVP_KDF_free(kdf);
	return ok ? 0 : -EIO;
}

/* client key, server key, client IV, server IV (RFC 5246 section 6.3) */
static void cut(struct kdtls_keys *k, bool server)
{
	const struct kdtls_cipher *c = k->cipher;
	const u8 *p = k->block;

	memcpy(server ? k->rx_key : k->tx_key, p, c->key_len);
	p += c->key_len;
	memcpy(server ? k->tx_key : k->rx_key, p, c->key_len);
	p += c->key_len;
	memcpy(server ? k->rx_salt : k->tx_salt, p, c->salt_len);
	p += c->salt_len;
	memcpy(server ? k->tx_salt : k->rx_salt, p, c->salt_len);
}

static int derive(SSL *ssl, struct kdtls_keys *k)
{
	const SSL_CIPHER *suite = SSL_get_current_cipher(ssl);
	const EVP_MD *md;
	u8 seed[2 * SSL3_RANDOM_SIZE];
	size_t n;
	int err;

	if (!suite)
		suite = SSL_get_pending_cipher(ssl);
	md = suite ? SSL_CIPHER_get_handshake_digest(suite) : NULL;
	if (!md || !SSL_get_session(ssl) || !randoms(ssl, seed))
		return -ENOTCONN;
	n = SSL_SESSION_get_master_key(SSL_get_session(ssl), k->master,
				       sizeof(k->master));
	if (n != sizeof(k->master))
		return -ENOTCONN;

	err = prf(md, k->master, n, seed, sizeof(seed), k->block,
		  2u * (k->cipher->key_len + k->cipher->salt_len));
	if (!err)
		cut(k, SSL_is_server(ssl));
	OPENSSL_cleanse(k->master, sizeof(k->master));
	OPENSSL_cleanse(k->block, sizeof(k->block));
	if (err)
		return kdtls_fail_ssl(err, "cannot derive the record keys");
	return 0;
}

int kdtls_keys_derive(SSL *ssl, struct kdtls_keys **keys)
{
	const struct kdtls_cipher *cipher = kdtls_keys_cipher(ssl);
	struct kdtls_keys *k;
	int err;

	if (!cipher)
		return -EOPNOTSUPP;
	k = kdtls_secret_alloc(sizeof(*k));
	if (!k)
		return kdtls_fail(-ENOMEM,
				  "no locked memory for keys: raise the limit with ulimit -l");
	k->cipher = cipher;
	err = derive(ssl, k);
	if (err) {
		kdtls_keys_free(k);
		return err;
	}
	*keys = k;
	return 0;
}

void kdtls_keys_free(struct kdtls_keys *keys)
{
	kdtls_secret_free(keys, sizeof(*keys));
}

static bool is_ccm(const struct kdtls_cipher *cipher)
{
	return cipher->type == DTLS_CIPHER_AES_CCM_128 ||
	       cipher->type == DTLS_CIPHER_AES_CCM_256 ||
	       cipher->type == DTLS_CIPHER_AES_CCM_8_128;
}

static const EVP_CIPHER *evp_cipher(const struct kdtls_cipher *cipher)
{
	switch (cipher->type) {
	case DTLS_CIPHER_AES_GCM_128:
		return EVP_aes_128_gcm();
	case DTLS_CIPHER_AES_GCM_256:
		return EVP_aes_256_gcm();
	case DTLS_CIPHER_AES_CCM_128:
	case DTLS_CIPHER_AES_CCM_8_128:
		return EVP_aes_128_ccm();
	case DTLS_CIPHER_AES_CCM_256:
		return EVP_aes_256_ccm();
	default:
		return EVP_chacha20_poly1305();
	}
}

/*
 * CCM wants the sizes of nonce and tag in front of the key, and the size of the
 * text in front of the additional data. The others do not mind the former.
 */
static bool begin(EVP_CIPHER_CTX *ctx, const struct kdtls_cipher *cipher,
		  const u8 *key, const u8 *nonce, const u8 *tag, int payload)
{
	int n;

	return EVP_DecryptInit_ex(ctx, evp_cipher(cipher), NULL, NULL, NULL) &&
	       EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_IVLEN,
				   KDTLS_NONCE_LEN, NULL) > 0 &&
	       EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_TAG, cipher->tag_len,
				   (void *)tag) > 0 &&
	       EVP_DecryptInit_ex(ctx, NULL, NULL, key, nonce) &&
	       (!is_ccm(cipher) ||
		EVP_DecryptUpdate(ctx, NULL, &n, NULL, payload));
}

int kdtls_keys_open(const struct kdtls_cipher *cipher, const u8 *key,
		    const u8 *salt, const u8 *rec, size_t len, u8 *out)
{
	const u8 *body = rec + KDTLS_HEADER_LEN;
	u8 nonce[KDTLS_NONCE_LEN], aad[KDTLS_AAD_LEN];
	struct kdtls_record head;
	EVP_CIPHER_CTX *ctx;
	int payload, n;
	bool ok;

	if (kdtls_record_parse(&head, rec, (u32)len))
		return -EBADMSG;
	payload = kdtls_record_payload(&head, cipher);
	if (payload < 0)
		return payload;
	kdtls_nonce(cipher, salt, head.epoch, head.seq, body, nonce);
	kdtls_record_aad(&head, (u16)payload, aad);
	body += cipher->explicit_len;

	/*
	 * CCM leaves an error where OpenSSL looks for those of the connection,
	 * which may be reading just now.
	 */
	ERR_set_mark();
	ctx = EVP_CIPHER_CTX_new();
	/* CCM verifies in the last update, the others in the end. */
	ok = ctx && begin(ctx, cipher, key, nonce, body + payload, payload) &&
	     EVP_DecryptUpdate(ctx, NULL, &n, aad, sizeof(aad)) &&
	     EVP_DecryptUpdate(ctx, out, &n, body, payload) > 0 &&
	     EVP_DecryptFinal_ex(ctx, out + payload, &n) > 0;
	EVP_CIPHER_CTX_free(ctx);
	ERR_pop_to_mark();
	return ok ? payload : -EBADMSG;
}
