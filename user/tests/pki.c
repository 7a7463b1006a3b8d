// SPDX-License-Identifier: GPL-2.0
#include <stdlib.h>
#include <string.h>

#include <openssl/bio.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>

#include "pki.h"

static struct identity {
	EVP_PKEY	*key;
	X509		*cert;
} ec, rsa;

static void forget(void)
{
	EVP_PKEY_free(ec.key);
	X509_free(ec.cert);
	EVP_PKEY_free(rsa.key);
	X509_free(rsa.cert);
}

static struct identity *get(const char *kind)
{
	struct identity *id = strcmp(kind, "EC") ? &rsa : &ec;
	X509_EXTENSION *san;
	X509_NAME *name;

	if (id->key)
		return id;
	if (!ec.key && !rsa.key)
		atexit(forget);
	id->key = id == &ec ? EVP_EC_gen("P-256") : EVP_RSA_gen(2048);
	id->cert = X509_new();
	name = X509_get_subject_name(id->cert);
	X509_set_version(id->cert, X509_VERSION_3);
	ASN1_INTEGER_set(X509_get_serialNumber(id->cert), id == &ec ? 1 : 2);
	X509_gmtime_adj(X509_getm_notBefore(id->cert), -60);
	X509_gmtime_adj(X509_getm_notAfter(id->cert), 3600);
	X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC,
				   (const unsigned char *)"test", -1, -1, 0);
	X509_set_issuer_name(id->cert, name);
	X509_set_pubkey(id->cert, id->key);
	san = X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name,
				  "DNS:localhost,IP:127.0.0.1,IP:::1");
	X509_add_ext(id->cert, san, -1);
	X509_EXTENSION_free(san);
	X509_sign(id->cert, id->key, EVP_sha256());
	return id;
}

void pki_use(SSL_CTX *ctx, const char *kind)
{
	struct identity *id = get(kind);

	SSL_CTX_use_certificate(ctx, id->cert);
	SSL_CTX_use_PrivateKey(ctx, id->key);
}

size_t pki_pem(const char *kind, char *buf, size_t size)
{
	BIO *out = BIO_new(BIO_s_mem());
	size_t n;
	char *p;

	PEM_write_bio_X509(out, get(kind)->cert);
	PEM_write_bio_PrivateKey(out, get(kind)->key, NULL, NULL, 0, NULL,
				 NULL);
	n = (size_t)BIO_get_mem_data(out, &p);
	if (n > size)
		n = 0;
	memcpy(buf, p, n);
	BIO_free(out);
	return n;
}

static void cert_pem(struct kdtls_config *config, const char *kind,
		     int (*set)(struct kdtls_config *config, const void *pem,
				size_t len))
{
	BIO *out = BIO_new(BIO_s_mem());
	char *p;
	long n;

	PEM_write_bio_X509(out, get(kind)->cert);
	n = BIO_get_mem_data(out, &p);
	set(config, p, (size_t)n);
	BIO_free(out);
}

static void both_pem(struct kdtls_config *config, const char *kind)
{
	BIO *out = BIO_new(BIO_s_mem());
	char *p;
	long n;

	cert_pem(config, kind, kdtls_config_set_cert_pem);
	PEM_write_bio_PrivateKey(out, get(kind)->key, NULL, NULL, 0, NULL,
				 NULL);
	n = BIO_get_mem_data(out, &p);
	kdtls_config_set_key_pem(config, p, (size_t)n);
	BIO_free(out);
}

void pki_config(struct kdtls_config *config)
{
	both_pem(config, "EC");
}

void pki_config_rsa(struct kdtls_config *config)
{
	both_pem(config, "RSA");
}

void pki_trust(struct kdtls_config *config)
{
	cert_pem(config, "EC", kdtls_config_set_ca_pem);
}

void pki_trust_rsa(struct kdtls_config *config)
{
	cert_pem(config, "RSA", kdtls_config_set_ca_pem);
}

bool pki_write(const char *path)
{
	BIO *out = BIO_new_file(path, "w");
	bool ok = out && PEM_write_bio_X509(out, get("EC")->cert) &&
		  PEM_write_bio_PrivateKey(out, get("EC")->key, NULL, NULL, 0,
					   NULL, NULL);

	BIO_free(out);
	return ok;
}
