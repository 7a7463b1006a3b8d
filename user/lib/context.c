// SPDX-License-Identifier: LGPL-2.1-or-later
/* The SSL_CTX of a configuration. */
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>

#include "config.h"
#include "groups.h"
#include "log.h"
#include "resume.h"
#include "sni.h"
#include "srtp.h"

/*
 * The AEAD suites that kdtls has, with forward secrecy, those that few need last.
 * A tag of 8 bytes is for those who ask for it.
 */
#define CIPHERS \
	"ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:" \
	"ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:" \
	"ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305:" \
	"ECDHE-ECDSA-AES128-CCM:ECDHE-ECDSA-AES256-CCM"

/* What hangs on an SSL_CTX: it outlives the endpoint if OpenSSL wants it to. */
struct extra {
	struct kdtls_config	*config;
	int			keylog_fd;
	u8			context[KDTLS_CONTEXT_LEN];
};

static int ex_index = -1;
static pthread_once_t ex_once = PTHREAD_ONCE_INIT;

static void extra_free(struct extra *x)
{
	if (!x)
		return;
	if (x->keylog_fd >= 0)
		close(x->keylog_fd);
	kdtls_config_free(x->config);
	free(x);
}

static void on_ctx_free(void *parent, void *ptr, CRYPTO_EX_DATA *ad, int idx,
			long argl, void *argp)
{
	extra_free(ptr);
}

static void make_index(void)
{
	ex_index = SSL_CTX_get_ex_new_index(0, NULL, NULL, NULL, on_ctx_free);
}

/* ---- PEM ---- */

/* Keys are asked for on no terminal: a server has none. */
static int no_password(char *buf, int size, int rw, void *arg)
{
	return -1;
}

static const char *pem_name(const struct kdtls_pem *pem)
{
	return pem->path ? pem->path : "PEM in memory";
}

static BIO *pem_open(const struct kdtls_pem *pem)
{
	if (pem->path)
		return BIO_new_file(pem->path, "r");
	return BIO_new_mem_buf(pem->data, (int)pem->len);
}

static bool pem_given(const struct kdtls_pem *pem)
{
	return pem->path || pem->data;
}

static int add_chain(SSL_CTX *ctx, BIO *in)
{
	X509 *cert = PEM_read_bio_X509(in, NULL, no_password, NULL);
	int ok = cert && SSL_CTX_use_certificate(ctx, cert) == 1;

	X509_free(cert);
	while (ok && (cert = PEM_read_bio_X509(in, NULL, no_password, NULL))) {
		ok = SSL_CTX_add1_chain_cert(ctx, cert) == 1;
		X509_free(cert);
	}
	return ok;
}

static int load_cert(SSL_CTX *ctx, const struct kdtls_pem *pem)
{
	BIO *in = pem_open(pem);
	int ok = in && add_chain(ctx, in);

	BIO_free(in);
	if (!ok)
		return kdtls_fail_ssl(-EINVAL, "cannot use the certificate in %s",
				      pem_name(pem));
	ERR_clear_error();
	return 0;
}

static int load_key(SSL_CTX *ctx, const struct kdtls_pem *pem)
{
	BIO *in = pem_open(pem);
	EVP_PKEY *key = in ? PEM_read_bio_PrivateKey(in, NULL, no_password,
						     NULL) : NULL;
	int ok = key && SSL_CTX_use_PrivateKey(ctx, key) == 1;

	EVP_PKEY_free(key);
	BIO_free(in);
	if (!ok)
		return kdtls_fail_ssl(-EINVAL, "cannot use the private key in %s (it must be PEM, without a password)",
				      pem_name(pem));
	if (SSL_CTX_check_private_key(ctx) != 1)
		return kdtls_fail_ssl(-EINVAL, "the private key in %s does not fit the certificate",
				      pem_name(pem));
	return 0;
}

static int load_ca(SSL_CTX *ctx, const struct kdtls_pem *pem, bool server)
{
	BIO *in = pem_open(pem);
	int n = 0, ok = 1;
	X509 *cert;

	while (ok && in &&
	       (cert = PEM_read_bio_X509(in, NULL, no_password, NULL))) {
		ok = X509_STORE_add_cert(SSL_CTX_get_cert_store(ctx), cert);
		if (ok && server)
			ok = SSL_CTX_add_client_CA(ctx, cert);
		X509_free(cert);
		n++;
	}
	BIO_free(in);
	if (!ok || !n)
		return kdtls_fail_ssl(-EINVAL, "no CA certificate can be read from %s",
				      pem_name(pem));
	ERR_clear_error();
	return 0;
}

static int identity(struct kdtls_config *config, const struct kdtls_psk *psk,
		    bool server, SSL_CTX *ctx)
{
	bool cert = pem_given(&config->cert), key = pem_given(&config->key);
	int err;

	if (cert != key)
		return kdtls_fail(-EINVAL, "a certificate needs its private key, and a key its certificate: set both");
	if (!cert)
		return server && !config->hook &&
		       !kdtls_psk_given(psk, true) ?
			kdtls_fail(-EINVAL, "a server needs a certificate and a private key, or a PSK") :
			0;
	err = load_cert(ctx, &config->cert);
	return err ? err : load_key(ctx, &config->key);
}

/* ---- verification ---- */

static int trust(struct kdtls_config *config, bool server, SSL_CTX *ctx)
{
	enum kdtls_verify verify = config->verify;
	int mode = SSL_VERIFY_NONE;

	if (verify == KDTLS_VERIFY_DEFAULT)
		verify = server ? KDTLS_VERIFY_NONE : KDTLS_VERIFY_REQUIRED;
	if (verify != KDTLS_VERIFY_NONE)
		mode = SSL_VERIFY_PEER;
	if (verify == KDTLS_VERIFY_REQUIRED)
		mode |= SSL_VERIFY_FAIL_IF_NO_PEER_CERT;
	SSL_CTX_set_verify(ctx, mode, NULL);

	if (pem_given(&config->ca))
		return load_ca(ctx, &config->ca, server);
	if (mode != SSL_VERIFY_NONE && server)
		return kdtls_fail(-EINVAL, "a server that verifies its clients needs CA certificates: set them");
	if (mode != SSL_VERIFY_NONE)
		SSL_CTX_set_default_verify_paths(ctx);
	return 0;
}

/* ---- ALPN ---- */

static int choose_alpn(SSL *ssl, const unsigned char **out,
		       unsigned char *outlen, const unsigned char *in,
		       unsigned int inlen, void *arg)
{
	struct kdtls_config *config = arg;

	if (SSL_select_next_proto((unsigned char **)out, outlen, config->alpn,
				  (unsigned int)config->alpn_len, in,
				  inlen) != OPENSSL_NPN_NEGOTIATED)
		return SSL_TLSEXT_ERR_ALERT_FATAL;
	return SSL_TLSEXT_ERR_OK;
}

static int alpn(struct kdtls_config *config, bool server, SSL_CTX *ctx)
{
	if (!config->alpn_len)
		return 0;
	if (server)
		SSL_CTX_set_alpn_select_cb(ctx, choose_alpn, config);
	else if (SSL_CTX_set_alpn_protos(ctx, config->alpn,
					 (unsigned int)config->alpn_len))
		return kdtls_fail_ssl(-EINVAL, "cannot offer the ALPN protocols");
	return 0;
}

/* ---- key log ---- */

static void on_keylog(const SSL *ssl, const char *line)
{
	struct extra *x = SSL_CTX_get_ex_data(SSL_get_SSL_CTX(ssl), ex_index);
	struct iovec iov[2] = {
		{ .iov_base = (void *)line, .iov_len = strlen(line) },
		{ .iov_base = "\n", .iov_len = 1 },
	};

	if (x->keylog_fd >= 0 && writev(x->keylog_fd, iov, 2) < 0)
		kdtls_fail(-errno, "cannot write the key log: %s",
			   strerror(errno));
	if (x->config->cb.keylog)
		x->config->cb.keylog(line, x->config->cb_arg);
}

/*
 * Whoever can read the file can read the sessions. It is opened without waiting, as
 * a FIFO would have us do.
 */
static int keylog_open(const char *path)
{
	int fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC |
		      O_NOFOLLOW | O_NONBLOCK | O_NOCTTY, 0600);

	if (fd < 0 && (errno == ELOOP || errno == ENXIO || errno == EISDIR))
		return kdtls_fail(-EINVAL, "the key log %s is no file", path);
	if (fd < 0)
		return kdtls_fail(-errno, "cannot open the key log %s: %s", path,
				  strerror(errno));
	return fd;
}

static int keylog_private(int fd, const char *path)
{
	struct stat st;

	if (fstat(fd, &st))
		return kdtls_fail(-errno, "the key log %s: %s", path,
				  strerror(errno));
	if (!S_ISREG(st.st_mode))
		return kdtls_fail(-EINVAL, "the key log %s is no file", path);
	if (st.st_uid != geteuid())
		return kdtls_fail(-EPERM, "the key log %s belongs to another user, who can read it: name a new file",
				  path);
	if ((st.st_mode & 07777) != 0600 && fchmod(fd, 0600))
		return kdtls_fail(-errno, "the key log %s can be read by others, and its mode cannot be changed: %s",
				  path, strerror(errno));
	return 0;
}

static int keylog(struct kdtls_config *config, SSL_CTX *ctx, struct extra *x)
{
	int err;

	if (config->keylog_path) {
		err = keylog_open(config->keylog_path);
		if (err < 0)
			return err;
		x->keylog_fd = err;
		err = keylog_private(x->keylog_fd, config->keylog_path);
		if (err)
			return err;
	}
	if (config->keylog_path || config->cb.keylog)
		SSL_CTX_set_keylog_callback(ctx, on_keylog);
	return 0;
}

/* -------------------------------------------------------------------------------- */

/*
 * A client with a PSK has come to use it. A server that has certificates, too,
 * serves both kinds.
 */
static const char *suites(const struct kdtls_config *config,
			  const struct kdtls_psk *psk, bool server)
{
	if (config->ciphers)
		return config->ciphers;
	if (!kdtls_psk_given(psk, server))
		return CIPHERS;
	return server && pem_given(&config->cert) ?
		CIPHERS ":" KDTLS_PSK_CIPHERS : KDTLS_PSK_CIPHERS;
}

static int pre_shared(struct kdtls_config *config, const struct kdtls_psk *psk,
		      bool server, SSL_CTX *ctx)
{
	if (!kdtls_psk_given(psk, server))
		return 0;
	return kdtls_psk_setup(psk, server, pem_given(&config->cert),
			       ctx);
}

static int basics(struct kdtls_config *config, const struct kdtls_psk *psk,
		  bool server, SSL_CTX *ctx)
{
	const char *list = suites(config, psk, server);

	SSL_CTX_set_min_proto_version(ctx, DTLS1_2_VERSION);
	SSL_CTX_set_max_proto_version(ctx, DTLS1_2_VERSION);
	SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION |
			    SSL_OP_NO_COMPRESSION | SSL_OP_NO_QUERY_MTU);
	SSL_CTX_set_read_ahead(ctx, 1);
	SSL_CTX_set_default_passwd_cb(ctx, no_password);
	/* For who names suites with DHE: OpenSSL's groups, as strong as the key is. */
	SSL_CTX_set_dh_auto(ctx, 1);
	if (SSL_CTX_set_cipher_list(ctx, list) != 1)
		return kdtls_fail_ssl(-EINVAL, "no cipher suite of \"%s\" can be used; see `openssl ciphers -tls1_2`",
				      list);
	return 0;
}

static struct extra *hang_extra(struct kdtls_config *config, SSL_CTX *ctx)
{
	struct extra *x = calloc(1, sizeof(*x));

	if (!x)
		return NULL;
	x->keylog_fd = -1;
	x->config = kdtls_config_get(config);
	if (SSL_CTX_set_ex_data(ctx, ex_index, x) != 1) {
		extra_free(x);
		return NULL;
	}
	return x;
}

static int complete(struct kdtls_config *config, const struct kdtls_psk *psk,
		    bool server, SSL_CTX *ctx)
{
	struct extra *x = hang_extra(config, ctx);
	int err;

	if (!x)
		return kdtls_fail(-ENOMEM, "no memory");
	err = basics(config, psk, server, ctx);
	if (!err)
		err = identity(config, psk, server, ctx);
	if (!err)
		err = pre_shared(config, psk, server, ctx);
	if (!err)
		err = trust(config, server, ctx);
	if (!err)
		err = alpn(config, server, ctx);
	if (!err)
		err = kdtls_groups_setup(config, ctx);
	if (!err && config->srtp)
		err = kdtls_srtp_setup(config->srtp, ctx);
	if (!err)
		err = keylog(config, ctx, x);
	if (err)
		return err;
	kdtls_resume_setup(config, server, ctx);
	if (server)
		kdtls_sni_setup(ctx);
	if (config->hook) {
		err = config->hook(ctx, config->hook_arg);
		if (err < 0)
			return kdtls_fail(err, "the program's SSL_CTX hook refused");
	}
	return kdtls_resume_bind(config, server, ctx, x->context);
}

const u8 *kdtls_config_context(SSL_CTX *ctx)
{
	struct extra *x = SSL_CTX_get_ex_data(ctx, ex_index);

	return x->context;
}

int kdtls_config_make_ctx(struct kdtls_config *config,
			  const struct kdtls_psk *psk, bool server,
			  SSL_CTX **out)
{
	SSL_CTX *ctx;
	int err;

	pthread_once(&ex_once, make_index);
	if (ex_index < 0)
		return kdtls_fail_ssl(-ENOMEM, "cannot set OpenSSL up");
	ctx = SSL_CTX_new(server ? DTLS_server_method() : DTLS_client_method());
	if (!ctx)
		return kdtls_fail_ssl(-ENOMEM, "cannot set OpenSSL up");
	err = complete(config, psk, server, ctx);
	if (err) {
		SSL_CTX_free(ctx);
		return err;
	}
	*out = ctx;
	return 0;
}

int kdtls_config_check(struct kdtls_config *config, int server)
{
	SSL_CTX *ctx;
	int err = kdtls_config_make_ctx(config, &config->psk, server, &ctx);

	if (!err)
		SSL_CTX_free(ctx);
	return err;
}
