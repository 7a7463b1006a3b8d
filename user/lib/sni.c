// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The name that a client asks for, and the configuration that goes with it.
 *
 * OpenSSL's callback for ClientHello is the one that comes early enough: that for
 * the name alone is called when a session was resumed already, with the trust of
 * whom it was not opened with.
 */
#include <stdlib.h>
#include <string.h>

#include <openssl/ssl.h>
#include <openssl/tls1.h>

#include "endpoint.h"
#include "log.h"
#include "resume.h"
#include "sni.h"

#define HOST_NAME	TLSEXT_NAMETYPE_host_name
#define NAME_MAX_	TLSEXT_MAXLEN_host_name

int kdtls_config_set_sni(struct kdtls_config *config,
			 int (*choose)(struct kdtls_session *session,
				       const char *name,
				       struct kdtls_config **chosen, void *arg),
			 void *arg)
{
	int err = kdtls_config_writable(config);

	if (err)
		return err;
	config->sni = choose;
	config->sni_arg = arg;
	return 0;
}

/* ---- the name ---- */

static char lower(u8 c)
{
	return (char)(c >= 'A' && c <= 'Z' ? c | 0x20 : c);
}

/*
 * One name is all that there can be: a list with one entry. What is none is left
 * to OpenSSL to refuse.
 */
static void read_name(SSL *ssl, char out[NAME_MAX_ + 1])
{
	const u8 *p;
	size_t len, n, i;

	*out = 0;
	if (SSL_client_hello_get0_ext(ssl, TLSEXT_TYPE_server_name, &p,
				      &len) != 1 || len < 5)
		return;
	n = kdtls_get_be16(p + 3);
	if (kdtls_get_be16(p) != len - 2 || p[2] != HOST_NAME ||
	    n != len - 5 || n > NAME_MAX_ || memchr(p + 5, 0, n))
		return;
	for (i = 0; i < n; i++)
		out[i] = lower(p[5 + i]);
	out[n] = 0;
}

/* ---- its configuration ---- */

static struct kdtls_named *make(struct kdtls_endpoint *ep,
				struct kdtls_config *config)
{
	struct kdtls_named *named = calloc(1, sizeof(*named));

	if (!named) {
		kdtls_fail(-ENOMEM, "no memory for another configuration");
		return NULL;
	}
	if (kdtls_config_make_ctx(config, &ep->config->psk, true,
				  &named->ctx)) {
		free(named);
		return NULL;
	}
	/* OpenSSL asks it for the cookie, too. */
	kdtls_listen_setup(named->ctx, ep);
	named->config = kdtls_config_get(config);
	named->next = ep->named;
	ep->named = named;
	return named;
}

static SSL_CTX *ctx_of(struct kdtls_endpoint *ep, struct kdtls_config *config)
{
	struct kdtls_named *named;

	if (config == ep->config)
		return ep->ctx_server;
	for (named = ep->named; named; named = named->next)
		if (named->config == config)
			return named->ctx;
	named = make(ep, config);
	return named ? named->ctx : NULL;
}

void kdtls_sni_clear(struct kdtls_endpoint *ep)
{
	struct kdtls_named *named;

	while ((named = ep->named)) {
		ep->named = named->next;
		SSL_CTX_free(named->ctx);
		kdtls_config_free(named->config);
		free(named);
	}
}

/* ---- in the handshake ---- */

static int refuse(struct kdtls_session *s, int err, int *alert, int description)
{
	kdtls_session_refuse(s, err);
	*alert = description;
	return SSL_CLIENT_HELLO_ERROR;
}

static int as_verified(int ok, X509_STORE_CTX *store)
{
	(void)store;
	return ok;
}

/*
 * OpenSSL leaves all of this as it was, and a callback can not be taken back, only
 * replaced.
 */
static int trust(SSL *ssl, SSL_CTX *ctx)
{
	SSL_verify_cb cb = SSL_CTX_get_verify_callback(ctx);
	X509_VERIFY_PARAM *param = SSL_get0_param(ssl);

	SSL_set_verify(ssl, SSL_CTX_get_verify_mode(ctx),
		       cb ? cb : as_verified);
	/* As it is there, also what is not set; for this one time. */
	X509_VERIFY_PARAM_set_inh_flags(param, X509_VP_FLAG_OVERWRITE |
					X509_VP_FLAG_RESET_FLAGS |
					X509_VP_FLAG_ONCE);
	if (X509_VERIFY_PARAM_inherit(param, SSL_CTX_get0_param(ctx)) != 1)
		return kdtls_fail_ssl(-ENOMEM, "cannot use another configuration");
	SSL_set_verify_depth(ssl, SSL_CTX_get_verify_depth(ctx));
	return 0;
}

static int use(struct kdtls_session *s, SSL *ssl, struct kdtls_config *config,
	       int *alert)
{
	SSL_CTX *ctx = ctx_of(s->ep, config);

	if (!ctx)
		return refuse(s, -EINVAL, alert, SSL_AD_INTERNAL_ERROR);
	if (!SSL_set_SSL_CTX(ssl, ctx)) {
		kdtls_fail_ssl(-ENOMEM, "cannot use another configuration");
		return refuse(s, -ENOMEM, alert, SSL_AD_INTERNAL_ERROR);
	}
	if (trust(ssl, ctx))
		return refuse(s, -ENOMEM, alert, SSL_AD_INTERNAL_ERROR);
	return SSL_CLIENT_HELLO_SUCCESS;
}

static int choose(struct kdtls_session *s, SSL *ssl, const char *name,
		  int *alert)
{
	const struct kdtls_config *config = s->ep->config;
	struct kdtls_config *chosen = NULL;
	int err = config->sni(s, name, &chosen, config->sni_arg);

	if (err < 0) {
		kdtls_fail(err, "the program serves no such name: %s",
			   strerror(-err));
		return refuse(s, err, alert, SSL_AD_UNRECOGNIZED_NAME);
	}
	return chosen ? use(s, ssl, chosen, alert) : SSL_CLIENT_HELLO_SUCCESS;
}

/* What is opened under one name is not resumed under another one. */
static int bind_name(struct kdtls_session *s, SSL *ssl, const char *name,
		     int *alert)
{
	u8 id[KDTLS_CONTEXT_LEN];
	int err = kdtls_resume_name(ssl, name, id);

	return err ? refuse(s, err, alert, SSL_AD_INTERNAL_ERROR) :
		     SSL_CLIENT_HELLO_SUCCESS;
}

static int on_hello(SSL *ssl, int *alert, void *arg)
{
	struct kdtls_session *s = kdtls_session_of(ssl);
	char name[NAME_MAX_ + 1];
	int ret = SSL_CLIENT_HELLO_SUCCESS;

	if (!s)
		return SSL_CLIENT_HELLO_SUCCESS;
	read_name(ssl, name);
	if (*name && !s->server_name)
		s->server_name = strdup(name);
	if (s->ep->config->sni)
		ret = choose(s, ssl, name, alert);
	return ret == SSL_CLIENT_HELLO_SUCCESS ? bind_name(s, ssl, name, alert) :
						 ret;
}

void kdtls_sni_setup(SSL_CTX *ctx)
{
	SSL_CTX_set_client_hello_cb(ctx, on_hello, NULL);
}
