// SPDX-License-Identifier: GPL-2.0
#include <stdlib.h>
#include <unistd.h>

#include <openssl/err.h>
#include <openssl/evp.h>

#include <kdtls.h>
#include <shared/nonce.h>

#include "bio.h"
#include "pair.h"
#include "pki.h"

static struct side *other(struct side *side)
{
	struct pair *p = side->pair;

	return side == &p->client ? &p->server : &p->client;
}

static void on_write(void *arg, const u8 *buf, size_t len)
{
	struct side *from = arg;
	struct pair *p = from->pair;

	from->written++;
	memcpy(from->last, buf, len);
	from->last_len = len;
	if (!p->deliver || p->deliver(p, from, buf, len))
		kdtls_queue_put(&other(from)->inbox, buf, len);
}

/*
 * A timer that does not make tests wait long, and yet does not go off just
 * because the machine is slow.
 */
static unsigned int soon(SSL *ssl, unsigned int us)
{
	return 300000;
}

void pair_init(struct pair *p, const char *ciphers, const char *kind)
{
	memset(p, 0, sizeof(*p));
	p->client_ctx = SSL_CTX_new(DTLS_client_method());
	p->server_ctx = SSL_CTX_new(DTLS_server_method());
	SSL_CTX_set_cipher_list(p->client_ctx, ciphers);
	SSL_CTX_set_cipher_list(p->server_ctx, ciphers);
	SSL_CTX_set_min_proto_version(p->client_ctx, DTLS1_2_VERSION);
	pki_use(p->server_ctx, kind);
}

static void side_clear(struct side *side)
{
	SSL_free(side->ssl);
	kdtls_queue_clear(&side->inbox);
	memset(side, 0, sizeof(*side));
}

void pair_free(struct pair *p)
{
	side_clear(&p->client);
	side_clear(&p->server);
	SSL_CTX_free(p->client_ctx);
	SSL_CTX_free(p->server_ctx);
}

static void side_init(struct pair *p, struct side *side, SSL_CTX *ctx)
{
	side_clear(side);
	side->pair = p;
	side->ssl = SSL_new(ctx);
	side->bio = kdtls_bio_new(1200, on_write, side);
	SSL_set_bio(side->ssl, side->bio, side->bio);
	SSL_set_options(side->ssl, SSL_OP_NO_QUERY_MTU);
	SSL_set_mtu(side->ssl, 1200);
	DTLS_set_timer_cb(side->ssl, soon);
	if (!kdtls_track(side->ssl))
		side->track = kdtls_track_get(side->ssl);
}

void pair_connect(struct pair *p, SSL_SESSION *session)
{
	side_init(p, &p->client, p->client_ctx);
	side_init(p, &p->server, p->server_ctx);
	SSL_set_connect_state(p->client.ssl);
	SSL_set_accept_state(p->server.ssl);
	if (session)
		SSL_set_session(p->client.ssl, session);
}

bool pair_feed(struct side *side)
{
	static u8 buf[65536];
	struct kdtls_queued *m = kdtls_queue_get(&side->inbox);

	if (!m)
		return false;
	memcpy(buf, m->bytes, m->len);
	kdtls_bio_feed(side->bio, buf, m->len);
	free(m);
	return true;
}

void pair_step(struct side *side)
{
	do {
		ERR_clear_error();
		if (SSL_is_init_finished(side->ssl)) {
			char buf[1];

			/* Lets OpenSSL look at what a finished peer repeats. */
			SSL_peek(side->ssl, buf, sizeof(buf));
		} else {
			SSL_do_handshake(side->ssl);
		}
	} while (pair_feed(side));
	DTLSv1_handle_timeout(side->ssl);
}

bool pair_handshake(struct pair *p)
{
	int rounds;

	for (rounds = 0; rounds < 20000; rounds++) {
		pair_step(&p->client);
		pair_step(&p->server);
		if (SSL_is_init_finished(p->client.ssl) &&
		    SSL_is_init_finished(p->server.ssl) &&
		    !p->client.inbox.n && !p->server.inbox.n)
			return true;
		usleep(1000);
	}
	return false;
}

size_t pair_forge(u8 *out, u8 type, u64 seq, size_t body)
{
	struct kdtls_record rec = {
		.type = type,
		.version = DTLS_1_2_VERSION,
		.epoch = 1,
		.seq = seq,
		.len = (u16)body,
	};

	kdtls_record_write(&rec, out);
	memset(out + KDTLS_HEADER_LEN, 0xa5, body);
	return KDTLS_HEADER_LEN + body;
}

bool pair_has_finished(const u8 *buf, size_t len)
{
	struct kdtls_record rec;

	for (; !kdtls_record_parse(&rec, buf, (u32)len);
	     len -= KDTLS_HEADER_LEN + rec.len,
	     buf += KDTLS_HEADER_LEN + rec.len)
		if (rec.epoch == 1 && rec.type == DTLS_CT_HANDSHAKE)
			return true;
	return false;
}

static const EVP_CIPHER *evp(const struct kdtls_cipher *cipher)
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
	}
	return EVP_chacha20_poly1305();
}

/* CCM is told all sizes first. */
static void seal_begin(EVP_CIPHER_CTX *ctx, const struct kdtls_cipher *cipher,
		       const u8 *key, const u8 *nonce, size_t len)
{
	const EVP_CIPHER *type = evp(cipher);
	bool ccm = EVP_CIPHER_get_mode(type) == EVP_CIPH_CCM_MODE;
	int n;

	EVP_EncryptInit_ex(ctx, type, NULL, NULL, NULL);
	if (ccm) {
		EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_IVLEN, 12, NULL);
		EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_TAG,
				    cipher->tag_len, NULL);
	}
	EVP_EncryptInit_ex(ctx, NULL, NULL, key, nonce);
	if (ccm)
		EVP_EncryptUpdate(ctx, NULL, &n, NULL, (int)len);
}

size_t pair_seal(const struct kdtls_cipher *cipher, const u8 *key,
		 const u8 *salt, u8 type, u64 seq, u64 nonce, const void *data,
		 size_t len, u8 *out)
{
	struct kdtls_record rec = {
		.type = type,
		.version = DTLS_1_2_VERSION,
		.epoch = 1,
		.seq = seq,
		.len = (u16)(len + cipher->explicit_len + cipher->tag_len),
	};
	u8 *body = out + KDTLS_HEADER_LEN, full[12], aad[13];
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	int n;

	kdtls_record_write(&rec, out);
	if (cipher->explicit_len)
		kdtls_put_be64(body, nonce);
	kdtls_nonce(cipher, salt, 1, seq, body, full);
	kdtls_record_aad(&rec, (u16)len, aad);
	body += cipher->explicit_len;
	seal_begin(ctx, cipher, key, full, len);
	EVP_EncryptUpdate(ctx, NULL, &n, aad, sizeof(aad));
	EVP_EncryptUpdate(ctx, body, &n, data, (int)len);
	EVP_EncryptFinal_ex(ctx, body + len, &n);
	EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, cipher->tag_len,
			    body + len);
	EVP_CIPHER_CTX_free(ctx);
	return (size_t)KDTLS_HEADER_LEN + rec.len;
}
