// SPDX-License-Identifier: GPL-2.0
/* wolfSSL. */
#include "peer.h"

#if __has_include(<wolfssl/ssl.h>)
#include <poll.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>

#include <wolfssl/options.h>
#include <wolfssl/ssl.h>
#include <wolfssl/wolfcrypt/dh.h>

static struct {
	WOLFSSL_CTX	*ctx;
	WOLFSSL		*ssl;
	WOLFSSL_SESSION	*kept;
	int		fd;
	unsigned char	cookie[WC_SHA256_DIGEST_SIZE];
} own;

static bool failed(const char *what, int err)
{
	char text[WOLFSSL_MAX_ERROR_SZ];

	wolfSSL_ERR_error_string(err, text);
	return peer_error("wolfSSL: %s: %s", what, text);
}

static bool failed_now(const char *what, int ret)
{
	return failed(what, wolfSSL_get_error(own.ssl, ret));
}

static const char *version(void)
{
	return wolfSSL_lib_version();
}

/* Is the name in a list with colons? */
static bool listed(const char *list, const char *name)
{
	size_t n = strlen(name);
	const char *p = list;

	for (; (p = strstr(p, name)); p += n)
		if ((p == list || p[-1] == ':') && (!p[n] || p[n] == ':'))
			return true;
	return false;
}

static const char *why_not(const struct task *t)
{
	static char all[16384];

	if (!*all && wolfSSL_get_ciphers_iana(all, sizeof(all)) != WOLFSSL_SUCCESS)
		return "the library does not tell its suites";
	if (!listed(all, t->suite->name))
		return "the library does not have the suite";
	return NULL;
}

/* ---- who we are ---- */

static bool certificate(const struct task *t)
{
	const struct identity *id = identity();
	const char *cert = id->cert[t->suite->auth];
	const char *key = id->key[t->suite->auth];
	bool verify = !t->server || t->feature == MUTUAL;

	wolfSSL_CTX_set_verify(own.ctx, !verify ? WOLFSSL_VERIFY_NONE :
			       WOLFSSL_VERIFY_PEER |
			       WOLFSSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
	if (wolfSSL_CTX_load_verify_buffer(own.ctx, (const void *)id->ca,
					   strlen(id->ca), WOLFSSL_FILETYPE_PEM) !=
	    WOLFSSL_SUCCESS)
		return peer_error("wolfSSL: it takes no authority");
	if (!t->server && t->feature != MUTUAL)
		return true;
	if (wolfSSL_CTX_use_certificate_buffer(own.ctx, (const void *)cert,
					       strlen(cert), WOLFSSL_FILETYPE_PEM) ==
	    WOLFSSL_SUCCESS &&
	    wolfSSL_CTX_use_PrivateKey_buffer(own.ctx, (const void *)key,
					      strlen(key), WOLFSSL_FILETYPE_PEM) ==
	    WOLFSSL_SUCCESS)
		return true;
	return peer_error("wolfSSL: it takes no certificate");
}

static unsigned int client_key(WOLFSSL *ssl, const char *hint, char *name,
			       unsigned int size, unsigned char *key,
			       unsigned int key_size)
{
	(void)ssl;
	snprintf(name, size, "%s", PEER_IDENTITY);
	return peer_key(hint, PEER_HINT, key, key_size);
}

static unsigned int server_key(WOLFSSL *ssl, const char *name,
			       unsigned char *key, unsigned int key_size)
{
	(void)ssl;
	return peer_key(name, PEER_IDENTITY, key, key_size);
}

static bool shared_key(void)
{
	wolfSSL_CTX_set_psk_client_callback(own.ctx, client_key);
	wolfSSL_CTX_set_psk_server_callback(own.ctx, server_key);
	return wolfSSL_CTX_use_psk_identity_hint(own.ctx, PEER_HINT) ==
		WOLFSSL_SUCCESS || peer_error("wolfSSL: it takes no hint");
}

/* ---- input and output ---- */

/* The library's own functions know IPv4 only, as Debian builds it. */
static int write_fd(WOLFSSL *ssl, char *buf, int n, void *arg)
{
	ssize_t ret = send(*(int *)arg, buf, n, 0);

	(void)ssl;
	return ret < 0 ? WOLFSSL_CBIO_ERR_GENERAL : (int)ret;
}

static int read_fd(WOLFSSL *ssl, char *buf, int n, void *arg)
{
	int ms = 1000 * wolfSSL_dtls_get_current_timeout(ssl);
	struct pollfd p = { .fd = *(int *)arg, .events = POLLIN };
	ssize_t ret;

	/* A flight that is lost is sent again when that is over. */
	if (!poll(&p, 1, wolfSSL_is_init_finished(ssl) ? PEER_WAIT_MS : ms))
		return WOLFSSL_CBIO_ERR_TIMEOUT;
	ret = recv(p.fd, buf, n, 0);
	return ret < 0 ? WOLFSSL_CBIO_ERR_GENERAL : (int)ret;
}

static int make_cookie(WOLFSSL *ssl, unsigned char *buf, int n, void *arg)
{
	(void)ssl;
	(void)arg;
	if (n > (int)sizeof(own.cookie))
		n = sizeof(own.cookie);
	memcpy(buf, own.cookie, n);
	return n;
}

/* ---- the task ---- */

/* A group of RFC 7919, which the library has but does not take by itself. */
static void serve(const struct task *t)
{
	const DhParams *group = wc_Dh_ffdhe2048_Get();

	wolfSSL_CTX_SetTmpDH(own.ctx, group->p, group->p_len, group->g,
			     group->g_len);
	if (t->feature != BY_TICKET)
		wolfSSL_CTX_NoTicketTLSv12(own.ctx);
	if (t->feature != BY_ID)
		wolfSSL_CTX_set_session_cache_mode(own.ctx,
						   WOLFSSL_SESS_CACHE_OFF);
}

static bool begin(const struct task *t)
{
	const byte suite[2] = { t->suite->id >> 8, t->suite->id & 0xff };

	wolfSSL_Init();
	own.ctx = wolfSSL_CTX_new(t->server ? wolfDTLSv1_2_server_method() :
					      wolfDTLSv1_2_client_method());
	if (!own.ctx)
		return peer_error("wolfSSL: no context");
	if (getrandom(own.cookie, sizeof(own.cookie), 0) < 0)
		return peer_error("wolfSSL: no cookie");
	wolfSSL_CTX_SetIOSend(own.ctx, write_fd);
	wolfSSL_CTX_SetIORecv(own.ctx, read_fd);
	wolfSSL_CTX_SetGenCookie(own.ctx, make_cookie);
	if (!(task_psk(t) ? shared_key() : certificate(t)))
		return false;
	/* Keys and certificates change the list. */
	if (wolfSSL_CTX_set_cipher_list_bytes(own.ctx, suite, sizeof(suite)) !=
	    WOLFSSL_SUCCESS)
		return peer_error("wolfSSL: it takes no list of suites");
	if (t->server)
		serve(t);
	return true;
}

/* ---- a session ---- */

static bool begin_client(const struct task *t)
{
	wolfSSL_UseSNI(own.ssl, WOLFSSL_SNI_HOST_NAME, PEER_NAME,
		       strlen(PEER_NAME));
	if (!task_psk(t))
		wolfSSL_check_domain_name(own.ssl, PEER_NAME);
	if (t->feature == BY_TICKET)
		wolfSSL_UseSessionTicket(own.ssl);
	return !own.kept ||
		wolfSSL_set_session(own.ssl, own.kept) == WOLFSSL_SUCCESS ||
		peer_error("wolfSSL: it does not take the session");
}

static bool wolfssl_open(const struct task *t, int fd)
{
	int ret;

	own.fd = fd;
	own.ssl = wolfSSL_new(own.ctx);
	if (!own.ssl)
		return peer_error("wolfSSL: no session");
	wolfSSL_SetIOReadCtx(own.ssl, &own.fd);
	wolfSSL_SetIOWriteCtx(own.ssl, &own.fd);
	if (!t->server && !begin_client(t))
		return false;
	ret = t->server ? wolfSSL_accept(own.ssl) : wolfSSL_connect(own.ssl);
	if (ret != WOLFSSL_SUCCESS)
		return failed_now("handshake", ret);
	if (!t->server)
		own.kept = wolfSSL_get1_session(own.ssl);
	return true;
}

static void look(struct saw *saw)
{
	saw->suite = wolfSSL_get_current_cipher_suite(own.ssl);
	saw->resumed = wolfSSL_session_reused(own.ssl);
	/* A certificate that is no good has ended the handshake. */
	saw->verified = wolfSSL_get_peer_certificate(own.ssl);
}

static ssize_t wolfssl_send(const void *buf, size_t n)
{
	int ret = wolfSSL_write(own.ssl, buf, n);

	if (ret <= 0)
		failed_now("write", ret);
	return ret;
}

static ssize_t wolfssl_recv(void *buf, size_t n)
{
	int ret = wolfSSL_read(own.ssl, buf, n), err;

	if (ret > 0)
		return ret;
	err = wolfSSL_get_error(own.ssl, ret);
	if (err == WOLFSSL_ERROR_ZERO_RETURN)
		return 0;
	failed("read", err);
	return -1;
}

static void wolfssl_close(void)
{
	wolfSSL_shutdown(own.ssl);
	wolfSSL_free(own.ssl);
	own.ssl = NULL;
}

const struct stack peer_wolfssl = {
	.name = "wolfssl",
	.version = version,
	.why_not = why_not,
	.begin = begin,
	.open = wolfssl_open,
	.look = look,
	.send = wolfssl_send,
	.recv = wolfssl_recv,
	.close = wolfssl_close,
};

#else

const struct stack peer_wolfssl = { .name = "wolfssl" };

#endif
