// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Server sessions on sockets of the caller's, which has connected them to a client.
 *
 * DTLSv1_listen() is for one socket with many strangers. Here there is one stranger,
 * with a socket already, so the cookie can be random bytes that the session keeps;
 * it has to come back in time, like all else in the handshake.
 */
#include <openssl/crypto.h>
#include <openssl/rand.h>
#include <openssl/ssl.h>

#include "bio.h"
#include "endpoint.h"
#include "log.h"

static int generate_cookie(SSL *ssl, unsigned char *cookie, unsigned int *len)
{
	struct kdtls_session *s = kdtls_session_of(ssl);

	if (!s || RAND_bytes(s->cookie, sizeof(s->cookie)) <= 0)
		return 0;
	memcpy(cookie, s->cookie, sizeof(s->cookie));
	*len = sizeof(s->cookie);
	if (s->ep)
		s->ep->info.cookies_sent++;
	return 1;
}

static int verify_cookie(SSL *ssl, const unsigned char *cookie,
			 unsigned int len)
{
	static const u8 none[sizeof(((struct kdtls_session *)0)->cookie)];
	struct kdtls_session *s = kdtls_session_of(ssl);

	if (s && len == sizeof(s->cookie) &&
	    CRYPTO_memcmp(s->cookie, none, sizeof(none)) &&
	    !CRYPTO_memcmp(s->cookie, cookie, len))
		return 1;
	if (s && s->ep)
		s->ep->info.cookies_refused++;
	return 0;
}

static int prepare(struct kdtls_endpoint *ep)
{
	int err = kdtls_connect_may(ep);

	if (err || ep->ctx_accept)
		return err;
	/* The configurations that it chooses have the cookies of the listener. */
	if (ep->config->sni)
		return kdtls_fail(-EOPNOTSUPP, "a configuration with kdtls_config_set_sni() is for kdtls_listen(): use another one here");
	err = kdtls_config_make_ctx(ep->config, &ep->config->psk, true,
				    &ep->ctx_accept);
	if (err)
		return err;
	SSL_CTX_set_options(ep->ctx_accept, SSL_OP_COOKIE_EXCHANGE);
	SSL_CTX_set_cookie_generate_cb(ep->ctx_accept, generate_cookie);
	SSL_CTX_set_cookie_verify_cb(ep->ctx_accept, verify_cookie);
	return 0;
}

static SSL *make_ssl(struct kdtls_endpoint *ep, BIO **bio)
{
	SSL *ssl = SSL_new(ep->ctx_accept);

	*bio = kdtls_bio_new(ep->config->mtu, NULL, NULL);
	if (!ssl || !*bio) {
		BIO_free(*bio);
		SSL_free(ssl);
		return NULL;
	}
	SSL_set_bio(ssl, *bio, *bio);
	SSL_set_accept_state(ssl);
	SSL_set_mtu(ssl, (long)ep->config->mtu);
	return ssl;
}

static int begin(struct kdtls_endpoint *ep, struct kdtls_session *s,
		 struct kdtls_session **out)
{
	BIO *bio;
	SSL *ssl = make_ssl(ep, &bio);
	int err;

	s->server = true;
	if (!ssl) {
		kdtls_destroy(s);
		return kdtls_fail_ssl(-ENOMEM, "cannot set a connection up");
	}
	ep->depth++;
	err = kdtls_handshake_start(s, ssl, bio);
	ep->depth--;
	if (err) {
		SSL_free(ssl);
		kdtls_destroy(s);
		return err;
	}
	if (s->dead || s->state == KDTLS_SESSION_CLOSED)
		return s->close_err ? s->close_err : -ECANCELED;
	ep->info.server_sessions++;
	*out = s;
	return 0;
}

int kdtls_endpoint_accept_fd(struct kdtls_endpoint *ep, int fd,
			     const struct kdtls_fd_opts *opts,
			     struct kdtls_session **out)
{
	struct kdtls_session *s;
	struct kdtls_fd_opts o;
	int err = kdtls_connect_opts(&o, opts);

	if (err)
		return err;
	if (o.server_name || o.alpn || o.blob)
		return kdtls_fail(-EINVAL, "a server takes its name, its ALPN protocols and its sessions from the configuration: leave them out");
	err = prepare(ep);
	if (!err)
		err = kdtls_connect_adopt(ep, fd, &o, &s);
	return err ? err : begin(ep, s, out);
}
