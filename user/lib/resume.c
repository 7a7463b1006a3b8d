// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Abbreviated handshakes. In them no certificate is looked at, so what counts is
 * that the session that they go on with was opened under the same conditions. All
 * of these go into a digest, OpenSSL's session id context: who we are, whom we
 * trust, what we demand, the name of the server, and for a server its cipher
 * suites; and what only the program knows, as which keys its callbacks give.
 * OpenSSL does not resume a session of another context, and we do not offer one.
 */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/tls1.h>
#include <openssl/x509.h>

#include "endpoint.h"
#include "log.h"
#include "resume.h"
#include "ticket.h"

#define DIGEST_LEN KDTLS_CONTEXT_LEN

/*
 * What is in the datagram of a ClientHello besides the ticket, suites, name and
 * ALPN, with a cookie of 32 bytes: some 240, and what longer lists may need.
 */
#define HELLO_REST 300

_Static_assert(DIGEST_LEN == SSL_MAX_SID_CTX_LENGTH, "the whole digest fits");

/* ---- setters ---- */

int kdtls_config_set_tickets(struct kdtls_config *config, int on)
{
	int err = kdtls_config_writable(config);

	if (!err)
		config->no_tickets = !on;
	return err;
}

int kdtls_config_set_session_cache(struct kdtls_config *config,
				   unsigned int sessions)
{
	return kdtls_config_number(config, &config->session_cache, sessions, 0,
				   KDTLS_SESSION_CACHE_MAX, "session cache");
}

int kdtls_config_set_session_lifetime(struct kdtls_config *config,
				      unsigned int seconds)
{
	return kdtls_config_number(config, &config->session_s, seconds, 1,
				   KDTLS_SESSION_S_MAX, "session lifetime");
}

/* It may be made of keys, or be them. */
void kdtls_resume_clear(struct kdtls_config *config)
{
	if (config->session_context)
		OPENSSL_cleanse(config->session_context,
				config->session_context_len);
	free(config->session_context);
	config->session_context = NULL;
	config->session_context_len = 0;
}

int kdtls_config_set_session_context(struct kdtls_config *config,
				     const void *data, size_t len)
{
	int err = kdtls_config_writable(config);
	u8 *copy = NULL;

	if (err)
		return err;
	if (!data && len)
		return kdtls_fail(-EINVAL, "a session context of %zu bytes that are not there",
				  len);
	if (len) {
		copy = malloc(len);
		if (!copy)
			return kdtls_fail(-ENOMEM, "no memory");
		memcpy(copy, data, len);
	}
	kdtls_resume_clear(config);
	config->session_context = copy;
	config->session_context_len = len;
	return 0;
}

/* ---- an SSL_CTX ---- */

void kdtls_resume_setup(const struct kdtls_config *config, bool server,
			SSL_CTX *ctx)
{
	bool cache = server && config->session_cache;

	SSL_CTX_set_timeout(ctx, (long)config->session_s);
	SSL_CTX_set_session_cache_mode(ctx, cache ? SSL_SESS_CACHE_SERVER :
						    SSL_SESS_CACHE_OFF);
	if (cache)
		SSL_CTX_sess_set_cache_size(ctx, (long)config->session_cache);
	if (config->no_tickets)
		SSL_CTX_set_options(ctx, SSL_OP_NO_TICKET);
	else if (server)
		kdtls_ticket_setup(ctx);
}

/* With its size in front: two things in a row are never two others. */
static bool add(EVP_MD_CTX *md, const void *data, size_t len)
{
	u64 n = len;

	return EVP_DigestUpdate(md, &n, sizeof(n)) == 1 &&
	       EVP_DigestUpdate(md, data, len) == 1;
}

static bool add_string(EVP_MD_CTX *md, const char *text)
{
	return add(md, text ? text : "", text ? strlen(text) + 1 : 0);
}

static bool add_cert(EVP_MD_CTX *md, const X509 *cert)
{
	u8 digest[EVP_MAX_MD_SIZE];
	unsigned int n = 0;

	return (!cert || X509_digest(cert, EVP_sha256(), digest, &n) == 1) &&
	       add(md, digest, n);
}

static bool add_trust(EVP_MD_CTX *md, SSL_CTX *ctx)
{
	STACK_OF(X509_OBJECT) *list =
		X509_STORE_get0_objects(SSL_CTX_get_cert_store(ctx));
	int mode = SSL_CTX_get_verify_mode(ctx), i;
	X509 *cert;

	if (!add(md, &mode, sizeof(mode)))
		return false;
	for (i = 0; i < sk_X509_OBJECT_num(list); i++) {
		cert = X509_OBJECT_get0_X509(sk_X509_OBJECT_value(list, i));
		if (cert && !add_cert(md, cert))
			return false;
	}
	return true;
}

static bool add_psk(EVP_MD_CTX *md, const struct kdtls_psk *psk, bool server)
{
	u8 kind = kdtls_psk_given(psk, server);

	if (!add(md, &kind, sizeof(kind)))
		return false;
	if (server)
		return add_string(md, psk->hint);
	return add_string(md, psk->identity) && add(md, psk->key, psk->key_len);
}

/* A client looks at the one suite of the session when it offers it. */
static bool add_suites(EVP_MD_CTX *md, SSL_CTX *ctx, bool server)
{
	STACK_OF(SSL_CIPHER) *list = SSL_CTX_get_ciphers(ctx);
	int n = server ? sk_SSL_CIPHER_num(list) : 0, i;
	u32 id;

	if (!add(md, &n, sizeof(n)))
		return false;
	for (i = 0; i < n; i++) {
		id = SSL_CIPHER_get_id(sk_SSL_CIPHER_value(list, i));
		if (!add(md, &id, sizeof(id)))
			return false;
	}
	return true;
}

static bool digest(EVP_MD_CTX *md, const struct kdtls_config *config,
		   bool server, SSL_CTX *ctx, u8 out[DIGEST_LEN])
{
	return EVP_DigestInit_ex(md, EVP_sha256(), NULL) == 1 &&
	       add_string(md, server ? "kdtls server" : "kdtls client") &&
	       add_trust(md, ctx) &&
	       add_cert(md, SSL_CTX_get0_certificate(ctx)) &&
	       add_psk(md, &config->psk, server) &&
	       add_suites(md, ctx, server) &&
	       add(md, config->session_context, config->session_context_len) &&
	       EVP_DigestFinal_ex(md, out, NULL) == 1;
}

int kdtls_resume_bind(const struct kdtls_config *config, bool server,
		      SSL_CTX *ctx, u8 id[KDTLS_CONTEXT_LEN])
{
	EVP_MD_CTX *md = EVP_MD_CTX_new();
	bool ok = md && digest(md, config, server, ctx, id) &&
		  SSL_CTX_set_session_id_context(ctx, id, DIGEST_LEN) == 1;

	EVP_MD_CTX_free(md);
	return ok ? 0 : kdtls_fail_ssl(-ENOMEM, "cannot tell the configuration from others");
}

/* ---- a client's connection ---- */

/* Ours, or why the program cannot be helped with it. */
static int check_blob(const SSL_SESSION *session, const u8 id[DIGEST_LEN])
{
	unsigned int n = 0;
	const u8 *its = SSL_SESSION_get0_id_context(session, &n);

	if (SSL_SESSION_get_protocol_version(session) != DTLS1_2_VERSION ||
	    !SSL_SESSION_is_resumable(session))
		return kdtls_fail(-EINVAL, "what is to be resumed is no session of DTLS 1.2: give what the resumption callback got");
	if (n != DIGEST_LEN || CRYPTO_memcmp(its, id, DIGEST_LEN))
		return kdtls_fail(-EPERM, "what is to be resumed was opened for another server's name or with another configuration: connect without it");
	return 0;
}

/* Nobody vouches for the blob: its times can be any. One to come is no better. */
static bool expired(const SSL_SESSION *session)
{
	time_t now = time(NULL), at = (time_t)SSL_SESSION_get_time(session);
	time_t timeout = (time_t)SSL_SESSION_get_timeout(session);

	return at < 0 || at > now || timeout < 0 || now - at > timeout;
}

/*
 * A server without state takes no fragments of a ClientHello (RFC 6347 section
 * 4.2.1), and nothing would tell the client why it gets no answer.
 */
static bool fits(SSL *ssl, const SSL_SESSION *session,
		 const struct kdtls_config *config)
{
	const char *name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
	const u8 *ticket;
	size_t n;

	SSL_SESSION_get0_ticket(session, &ticket, &n);
	n += HELLO_REST + config->alpn_len + (name ? strlen(name) : 0);
	n += 2 * (size_t)sk_SSL_CIPHER_num(SSL_get_ciphers(ssl));
	return n <= config->mtu;
}

/* A server that is offered a session without its suite ends the handshake. */
static bool wanted(SSL *ssl, const SSL_SESSION *session)
{
	return sk_SSL_CIPHER_find(SSL_get_ciphers(ssl),
				  SSL_SESSION_get0_cipher(session)) >= 0;
}

/* A full handshake does for what cannot be resumed now. */
static bool useful(SSL *ssl, const SSL_SESSION *session,
		   const struct kdtls_config *config)
{
	return !expired(session) && wanted(ssl, session) &&
	       fits(ssl, session, config);
}

static int offer(SSL *ssl, const struct kdtls_config *config,
		 const u8 id[DIGEST_LEN], const void *blob, size_t len)
{
	const u8 *p = blob;
	SSL_SESSION *session = NULL;
	int err;

	if (len <= KDTLS_RESUMPTION_MAX)
		session = d2i_SSL_SESSION(NULL, &p, (long)len);
	ERR_clear_error();
	if (!session || p != (const u8 *)blob + len) {
		SSL_SESSION_free(session);
		return kdtls_fail(-EINVAL, "what is to be resumed cannot be read: give all bytes that the resumption callback got, and no more");
	}
	err = check_blob(session, id);
	if (!err && useful(ssl, session, config) &&
	    SSL_set_session(ssl, session) != 1)
		err = kdtls_fail_ssl(-EINVAL, "what is to be resumed cannot be used");
	SSL_SESSION_free(session);
	return err;
}

static bool name_digest(EVP_MD_CTX *md, SSL *ssl, const char *name,
			u8 out[DIGEST_LEN])
{
	const u8 *config = kdtls_config_context(SSL_get_SSL_CTX(ssl));

	return md && EVP_DigestInit_ex(md, EVP_sha256(), NULL) == 1 &&
	       add(md, config, DIGEST_LEN) && add_string(md, name) &&
	       EVP_DigestFinal_ex(md, out, NULL) == 1;
}

int kdtls_resume_name(SSL *ssl, const char *name, u8 id[KDTLS_CONTEXT_LEN])
{
	EVP_MD_CTX *md = EVP_MD_CTX_new();
	bool ok = name_digest(md, ssl, name, id) &&
		  SSL_set_session_id_context(ssl, id, DIGEST_LEN) == 1;

	EVP_MD_CTX_free(md);
	return ok ? 0 : kdtls_fail_ssl(-ENOMEM, "cannot set a connection up");
}

int kdtls_resume_begin(SSL *ssl, const struct kdtls_config *config,
		       const char *name, const void *blob, size_t len)
{
	u8 id[DIGEST_LEN];
	int err = kdtls_resume_name(ssl, name, id);

	if (err)
		return err;
	return blob ? offer(ssl, config, id, blob, len) : 0;
}

void kdtls_resume_tell(struct kdtls_session *s)
{
	struct kdtls_config *config = s->ep->config;
	SSL_SESSION *session = SSL_get0_session(s->ssl);
	u8 *blob = NULL;
	int len;

	if (s->server || !config->cb.resumption ||
	    !SSL_SESSION_is_resumable(session))
		return;
	len = i2d_SSL_SESSION(session, &blob);
	if (len > 0 && len <= KDTLS_RESUMPTION_MAX)
		config->cb.resumption(s, blob, (size_t)len, config->cb_arg);
	if (len > 0)
		OPENSSL_clear_free(blob, (size_t)len);
	ERR_clear_error();
}
