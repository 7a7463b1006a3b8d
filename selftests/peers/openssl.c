// SPDX-License-Identifier: GPL-2.0
/* OpenSSL by itself: handshake and records. */
#include <string.h>
#include <sys/socket.h>

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/ssl.h>

#include "peer.h"

static struct {
	SSL_CTX		*ctx;
	SSL		*ssl;
	SSL_SESSION	*kept;
	uint8_t		cookie[16];
} own;

static bool failed(const char *what)
{
	char text[160] = "no reason given";
	unsigned long err = ERR_peek_last_error();

	if (err)
		ERR_error_string_n(err, text, sizeof(text));
	return peer_error("OpenSSL: %s: %s", what, text);
}

static const char *version(void)
{
	return OpenSSL_version(OPENSSL_FULL_VERSION_STRING);
}

static const char *why_not(const struct task *t)
{
	SSL_CTX *ctx = SSL_CTX_new(DTLS_method());
	bool has = ctx && SSL_CTX_set_cipher_list(ctx, t->suite->openssl);

	SSL_CTX_free(ctx);
	ERR_clear_error();
	return has ? NULL : "the library does not have the suite";
}

/* ---- who we are ---- */

static bool be_somebody(enum auth auth)
{
	const struct identity *id = identity();
	BIO *cert = BIO_new_mem_buf(id->cert[auth], -1);
	BIO *key = BIO_new_mem_buf(id->key[auth], -1);
	X509 *x = PEM_read_bio_X509(cert, NULL, NULL, NULL);
	EVP_PKEY *k = PEM_read_bio_PrivateKey(key, NULL, NULL, NULL);

	return (SSL_CTX_use_certificate(own.ctx, x) &&
		SSL_CTX_use_PrivateKey(own.ctx, k)) || failed("certificate");
}

static bool trust(void)
{
	BIO *ca = BIO_new_mem_buf(identity()->ca, -1);
	X509 *x = PEM_read_bio_X509(ca, NULL, NULL, NULL);

	SSL_CTX_set_verify(own.ctx, SSL_VERIFY_PEER |
			   SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
	return X509_STORE_add_cert(SSL_CTX_get_cert_store(own.ctx), x) ||
		failed("authority");
}

static unsigned int client_key(SSL *ssl, const char *hint, char *name,
			       unsigned int size, unsigned char *key,
			       unsigned int key_size)
{
	(void)ssl;
	snprintf(name, size, "%s", PEER_IDENTITY);
	return peer_key(hint, PEER_HINT, key, key_size);
}

static unsigned int server_key(SSL *ssl, const char *name, unsigned char *key,
			       unsigned int key_size)
{
	(void)ssl;
	return peer_key(name, PEER_IDENTITY, key, key_size);
}

static void share_key(void)
{
	SSL_CTX_set_psk_client_callback(own.ctx, client_key);
	SSL_CTX_set_psk_server_callback(own.ctx, server_key);
	SSL_CTX_use_psk_identity_hint(own.ctx, PEER_HINT);
}

/* ---- the cookie ---- */

static int make_cookie(SSL *ssl, unsigned char *cookie, unsigned int *len)
{
	(void)ssl;
	memcpy(cookie, own.cookie, sizeof(own.cookie));
	*len = sizeof(own.cookie);
	return 1;
}

static int check_cookie(SSL *ssl, const unsigned char *cookie,
			unsigned int len)
{
	(void)ssl;
	return len == sizeof(own.cookie) && !memcmp(cookie, own.cookie, len);
}

/* ---- the task ---- */

static void serve(const struct task *t)
{
	RAND_bytes(own.cookie, sizeof(own.cookie));
	SSL_CTX_set_options(own.ctx, SSL_OP_COOKIE_EXCHANGE);
	SSL_CTX_set_cookie_generate_cb(own.ctx, make_cookie);
	SSL_CTX_set_cookie_verify_cb(own.ctx, check_cookie);
	SSL_CTX_set_dh_auto(own.ctx, 1);
	SSL_CTX_set_session_id_context(own.ctx, own.cookie, 1);
	if (t->feature != BY_TICKET)
		SSL_CTX_set_options(own.ctx, SSL_OP_NO_TICKET);
	if (t->feature != BY_ID)
		SSL_CTX_set_session_cache_mode(own.ctx, SSL_SESS_CACHE_OFF);
}

static bool begin(const struct task *t)
{
	own.ctx = SSL_CTX_new(t->server ? DTLS_server_method() :
					  DTLS_client_method());
	if (!own.ctx || !SSL_CTX_set_min_proto_version(own.ctx, DTLS1_2_VERSION) ||
	    !SSL_CTX_set_cipher_list(own.ctx, t->suite->openssl))
		return failed("SSL_CTX");
	if (t->server)
		serve(t);
	if (task_psk(t)) {
		share_key();
		return true;
	}
	if ((t->server || t->feature == MUTUAL) && !be_somebody(t->suite->auth))
		return false;
	return (t->server && t->feature != MUTUAL) || trust();
}

static bool connection(int fd)
{
	struct sockaddr_storage ss;
	socklen_t len = sizeof(ss);
	BIO *bio = BIO_new_dgram(fd, BIO_CLOSE);

	own.ssl = SSL_new(own.ctx);
	if (!bio || !own.ssl || getpeername(fd, (void *)&ss, &len))
		return failed("SSL");
	BIO_ctrl(bio, BIO_CTRL_DGRAM_SET_CONNECTED, 0, &ss);
	SSL_set_bio(own.ssl, bio, bio);
	SSL_set_options(own.ssl, SSL_OP_NO_QUERY_MTU);
	SSL_set_mtu(own.ssl, PEER_MTU);
	return true;
}

static bool begin_client(void)
{
	SSL_set_tlsext_host_name(own.ssl, PEER_NAME);
	SSL_set1_host(own.ssl, PEER_NAME);
	if (own.kept && !SSL_set_session(own.ssl, own.kept))
		return failed("SSL_set_session");
	return true;
}

/* A wait that ends just before the timer of the handshake does. */
static bool again(int ret)
{
	return ret <= 0 && SSL_get_error(own.ssl, ret) == SSL_ERROR_WANT_READ;
}

static bool openssl_open(const struct task *t, int fd)
{
	int ret;

	ERR_clear_error();
	if (!connection(fd) || (!t->server && !begin_client()))
		return false;
	do
		ret = t->server ? SSL_accept(own.ssl) : SSL_connect(own.ssl);
	while (again(ret));
	if (ret != 1)
		return failed("handshake");
	SSL_SESSION_free(own.kept);
	own.kept = SSL_get1_session(own.ssl);
	return true;
}

static void look(struct saw *saw)
{
	X509 *cert = SSL_get0_peer_certificate(own.ssl);

	saw->suite = SSL_CIPHER_get_protocol_id(SSL_get_current_cipher(own.ssl));
	saw->resumed = SSL_session_reused(own.ssl);
	saw->verified = cert && SSL_get_verify_result(own.ssl) == X509_V_OK;
}

static ssize_t openssl_send(const void *buf, size_t n)
{
	int ret = SSL_write(own.ssl, buf, n);

	if (ret <= 0)
		failed("SSL_write");
	return ret;
}

static ssize_t openssl_recv(void *buf, size_t n)
{
	int ret;

	do
		ret = SSL_read(own.ssl, buf, n);
	while (again(ret));
	if (ret > 0)
		return ret;
	if (SSL_get_error(own.ssl, ret) == SSL_ERROR_ZERO_RETURN)
		return 0;
	failed("SSL_read");
	return -1;
}

static void openssl_close(void)
{
	SSL_shutdown(own.ssl);
	SSL_free(own.ssl);
	own.ssl = NULL;
}

const struct stack peer_openssl = {
	.name = "openssl",
	.version = version,
	.why_not = why_not,
	.begin = begin,
	.open = openssl_open,
	.look = look,
	.send = openssl_send,
	.recv = openssl_recv,
	.close = openssl_close,
};
