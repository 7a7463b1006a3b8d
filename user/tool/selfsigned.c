// SPDX-License-Identifier: GPL-2.0
/* A certificate for a server that was given none. */
#include <string.h>
#include <unistd.h>

#include <openssl/bio.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include "tool.h"

#define DAYS 30

static int add_names(X509 *cert)
{
	char names[512] = "DNS:localhost,IP:127.0.0.1,IP:::1";
	char host[256];
	X509_EXTENSION *ext;
	size_t n = strlen(names);
	int ok;

	if (!gethostname(host, sizeof(host)) && host[0] &&
	    strcmp(host, "localhost") && !strpbrk(host, ",:/ ")) {
		host[sizeof(host) - 1] = 0;
		snprintf(names + n, sizeof(names) - n, ",DNS:%.200s", host);
	}
	ext = X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, names);
	ok = ext && X509_add_ext(cert, ext, -1);
	X509_EXTENSION_free(ext);
	return ok;
}

static X509 *certificate(EVP_PKEY *key)
{
	X509 *cert = X509_new();
	X509_NAME *name = cert ? X509_get_subject_name(cert) : NULL;
	uint32_t serial;

	if (cert && RAND_bytes((unsigned char *)&serial, sizeof(serial)) > 0 &&
	    X509_set_version(cert, X509_VERSION_3) &&
	    ASN1_INTEGER_set(X509_get_serialNumber(cert), serial & 0x7fffffff) &&
	    X509_gmtime_adj(X509_getm_notBefore(cert), -3600) &&
	    X509_gmtime_adj(X509_getm_notAfter(cert), DAYS * 86400L) &&
	    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC,
				       (const unsigned char *)"kdtls self-signed",
				       -1, -1, 0) &&
	    X509_set_issuer_name(cert, name) && X509_set_pubkey(cert, key) &&
	    add_names(cert) && X509_sign(cert, key, EVP_sha256()))
		return cert;
	X509_free(cert);
	return NULL;
}

static int give(struct kdtls_config *config, X509 *cert, EVP_PKEY *key)
{
	BIO *c = BIO_new(BIO_s_mem()), *k = BIO_new(BIO_s_secmem());
	char *cp = NULL, *kp = NULL;
	long cn, kn;
	int ret = -1;

	if (c && k && PEM_write_bio_X509(c, cert) &&
	    PEM_write_bio_PrivateKey(k, key, NULL, NULL, 0, NULL, NULL)) {
		cn = BIO_get_mem_data(c, &cp);
		kn = BIO_get_mem_data(k, &kp);
		ret = kdtls_config_set_cert_pem(config, cp, (size_t)cn) ||
		      kdtls_config_set_key_pem(config, kp, (size_t)kn) ? -1 : 0;
	}
	BIO_free(c);
	BIO_free(k);
	return ret;
}

int self_signed(struct kdtls_config *config)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *cert = key ? certificate(key) : NULL;
	int ret = cert ? give(config, cert, key) : -1;

	X509_free(cert);
	EVP_PKEY_free(key);
	if (ret)
		complain("cannot make a certificate: give one with --cert and --key");
	return ret;
}
