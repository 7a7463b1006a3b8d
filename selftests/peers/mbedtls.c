// SPDX-License-Identifier: GPL-2.0
/* Mbed TLS, what constrained devices have. */
#include "peer.h"

#if __has_include(<mbedtls/ssl_cookie.h>)
#include <string.h>
#include <sys/socket.h>

#include <mbedtls/ctr_drbg.h>
#include <mbedtls/entropy.h>
#include <mbedtls/error.h>
#include <mbedtls/net_sockets.h>
#include <mbedtls/ssl.h>
#include <mbedtls/ssl_cache.h>
#include <mbedtls/ssl_ciphersuites.h>
#include <mbedtls/ssl_cookie.h>
#include <mbedtls/ssl_ticket.h>
#include <mbedtls/timing.h>
#include <mbedtls/version.h>

#define TICKET_S	3600

static struct {
	mbedtls_entropy_context		entropy;
	mbedtls_ctr_drbg_context	random;
	mbedtls_x509_crt		ca;
	mbedtls_x509_crt		cert;
	mbedtls_pk_context		key;
	mbedtls_ssl_cookie_ctx		cookie;
	mbedtls_ssl_cache_context	cache;
	mbedtls_ssl_ticket_context	tickets;
	mbedtls_ssl_config		config;
	mbedtls_ssl_context		ssl;
	mbedtls_ssl_session		kept;
	mbedtls_timing_delay_context	timer;
	mbedtls_net_context		net;
	bool				has_kept;
	int				suites[2];
} own;

static bool failed(const char *what, int err)
{
	char text[120];

	mbedtls_strerror(err, text, sizeof(text));
	return peer_error("Mbed TLS: %s: %s", what, text);
}

static const char *version(void)
{
	static char text[16];

	mbedtls_version_get_string(text);
	return text;
}

static const char *why_not(const struct task *t)
{
	return mbedtls_ssl_ciphersuite_from_id(t->suite->id) ? NULL :
		"the library does not have the suite";
}

/* ---- who we are ---- */

static const unsigned char *pem(const char *text, size_t *n)
{
	*n = strlen(text) + 1;
	return (const unsigned char *)text;
}

static int certificate(const struct task *t)
{
	const struct identity *id = identity();
	const unsigned char *p;
	size_t n;
	int err;

	p = pem(id->ca, &n);
	err = mbedtls_x509_crt_parse(&own.ca, p, n);
	mbedtls_ssl_conf_ca_chain(&own.config, &own.ca, NULL);
	mbedtls_ssl_conf_authmode(&own.config, t->server && t->feature != MUTUAL ?
				  MBEDTLS_SSL_VERIFY_NONE :
				  MBEDTLS_SSL_VERIFY_REQUIRED);
	if (err || (!t->server && t->feature != MUTUAL))
		return err;
	p = pem(id->cert[t->suite->auth], &n);
	err = mbedtls_x509_crt_parse(&own.cert, p, n);
	p = pem(id->key[t->suite->auth], &n);
	if (!err)
		err = mbedtls_pk_parse_key(&own.key, p, n, NULL, 0);
	return err ? err : mbedtls_ssl_conf_own_cert(&own.config, &own.cert,
						     &own.key);
}

static int shared_key(void)
{
	return mbedtls_ssl_conf_psk(&own.config,
				    (const unsigned char *)PEER_KEY, PEER_KEY_LEN,
				    (const unsigned char *)PEER_IDENTITY,
				    strlen(PEER_IDENTITY));
}

/* ---- the task ---- */

static int serve(const struct task *t)
{
	int err = mbedtls_ssl_cookie_setup(&own.cookie, mbedtls_ctr_drbg_random,
					   &own.random);

	mbedtls_ssl_conf_dtls_cookies(&own.config, mbedtls_ssl_cookie_write,
				      mbedtls_ssl_cookie_check, &own.cookie);
	if (t->feature == BY_ID)
		mbedtls_ssl_conf_session_cache(&own.config, &own.cache,
					       mbedtls_ssl_cache_get,
					       mbedtls_ssl_cache_set);
	if (err || t->feature != BY_TICKET)
		return err;
	err = mbedtls_ssl_ticket_setup(&own.tickets, mbedtls_ctr_drbg_random,
				       &own.random, MBEDTLS_CIPHER_AES_256_GCM,
				       TICKET_S);
	mbedtls_ssl_conf_session_tickets_cb(&own.config,
					    mbedtls_ssl_ticket_write,
					    mbedtls_ssl_ticket_parse,
					    &own.tickets);
	return err;
}

static int configure(const struct task *t)
{
	int err = mbedtls_ssl_config_defaults(&own.config, t->server ?
					      MBEDTLS_SSL_IS_SERVER :
					      MBEDTLS_SSL_IS_CLIENT,
					      MBEDTLS_SSL_TRANSPORT_DATAGRAM,
					      MBEDTLS_SSL_PRESET_DEFAULT);

	if (err)
		return err;
	own.suites[0] = t->suite->id;
	mbedtls_ssl_conf_ciphersuites(&own.config, own.suites);
	mbedtls_ssl_conf_rng(&own.config, mbedtls_ctr_drbg_random, &own.random);
	mbedtls_ssl_conf_min_version(&own.config, MBEDTLS_SSL_MAJOR_VERSION_3,
				     MBEDTLS_SSL_MINOR_VERSION_3);
	err = task_psk(t) ? shared_key() : certificate(t);
	return err || !t->server ? err : serve(t);
}

static bool begin(const struct task *t)
{
	int err;

	mbedtls_entropy_init(&own.entropy);
	mbedtls_ctr_drbg_init(&own.random);
	mbedtls_x509_crt_init(&own.ca);
	mbedtls_x509_crt_init(&own.cert);
	mbedtls_pk_init(&own.key);
	mbedtls_ssl_cookie_init(&own.cookie);
	mbedtls_ssl_cache_init(&own.cache);
	mbedtls_ssl_ticket_init(&own.tickets);
	mbedtls_ssl_config_init(&own.config);
	mbedtls_ssl_session_init(&own.kept);
	err = mbedtls_ctr_drbg_seed(&own.random, mbedtls_entropy_func,
				    &own.entropy, NULL, 0);
	if (!err)
		err = configure(t);
	return !err || failed("setup", err);
}

/* ---- a session ---- */

static int connection(int fd)
{
	int err;

	mbedtls_ssl_init(&own.ssl);
	err = mbedtls_ssl_setup(&own.ssl, &own.config);
	own.net.fd = fd;
	mbedtls_ssl_set_timer_cb(&own.ssl, &own.timer, mbedtls_timing_set_delay,
				 mbedtls_timing_get_delay);
	mbedtls_ssl_set_bio(&own.ssl, &own.net, mbedtls_net_send,
			    mbedtls_net_recv, mbedtls_net_recv_timeout);
	mbedtls_ssl_set_mtu(&own.ssl, PEER_MTU);
	return err;
}

static int begin_client(void)
{
	int err = mbedtls_ssl_set_hostname(&own.ssl, PEER_NAME);

	return err || !own.has_kept ? err :
		mbedtls_ssl_set_session(&own.ssl, &own.kept);
}

/* Who the client says it is, for the cookie. */
static int begin_server(int fd)
{
	struct sockaddr_storage ss = { 0 };
	socklen_t len = sizeof(ss);

	if (getpeername(fd, (void *)&ss, &len))
		return MBEDTLS_ERR_NET_SOCKET_FAILED;
	return mbedtls_ssl_set_client_transport_id(&own.ssl, (void *)&ss, len);
}

/* The handshake ends at once when it has sent a cookie, to begin anew. */
static int handshake(const struct task *t, int fd)
{
	int err;

	do {
		err = mbedtls_ssl_handshake(&own.ssl);
		if (err != MBEDTLS_ERR_SSL_HELLO_VERIFY_REQUIRED || !t->server)
			continue;
		err = mbedtls_ssl_session_reset(&own.ssl);
		if (!err)
			err = begin_server(fd);
		if (!err)
			err = MBEDTLS_ERR_SSL_WANT_READ;
	} while (err == MBEDTLS_ERR_SSL_WANT_READ ||
		 err == MBEDTLS_ERR_SSL_WANT_WRITE);
	return err;
}

static bool mbedtls_open(const struct task *t, int fd)
{
	int err = connection(fd);

	if (!err)
		err = t->server ? begin_server(fd) : begin_client();
	if (err)
		return failed("session", err);
	err = handshake(t, fd);
	return !err || failed("handshake", err);
}

/*
 * The library does not tell whether it has resumed; but then the new session has the
 * master secret of the old one.
 */
static bool resumed(const mbedtls_ssl_session *now)
{
	return own.has_kept &&
		!memcmp(now->master, own.kept.master, sizeof(now->master));
}

static void look(struct saw *saw)
{
	mbedtls_ssl_session now;

	mbedtls_ssl_session_init(&now);
	mbedtls_ssl_get_session(&own.ssl, &now);
	saw->suite = mbedtls_ssl_get_ciphersuite_id(mbedtls_ssl_get_ciphersuite(&own.ssl));
	saw->resumed = resumed(&now);
	saw->verified = mbedtls_ssl_get_peer_cert(&own.ssl) &&
			!mbedtls_ssl_get_verify_result(&own.ssl);
	mbedtls_ssl_session_free(&own.kept);
	own.kept = now;
	own.has_kept = true;
}

static ssize_t mbedtls_send(const void *buf, size_t n)
{
	int ret = mbedtls_ssl_write(&own.ssl, buf, n);

	if (ret < 0)
		failed("write", ret);
	return ret;
}

static ssize_t mbedtls_recv(void *buf, size_t n)
{
	int ret;

	do
		ret = mbedtls_ssl_read(&own.ssl, buf, n);
	while (ret == MBEDTLS_ERR_SSL_WANT_READ);
	if (ret == MBEDTLS_ERR_SSL_PEER_CLOSE_NOTIFY)
		return 0;
	if (ret > 0)
		return ret;
	failed("read", ret);
	return -1;
}

static void mbedtls_close(void)
{
	mbedtls_ssl_close_notify(&own.ssl);
	mbedtls_ssl_free(&own.ssl);
}

const struct stack peer_mbedtls = {
	.name = "mbedtls",
	.version = version,
	.why_not = why_not,
	.begin = begin,
	.open = mbedtls_open,
	.look = look,
	.send = mbedtls_send,
	.recv = mbedtls_recv,
	.close = mbedtls_close,
};

#else

const struct stack peer_mbedtls = { .name = "mbedtls" };

#endif
