// SPDX-License-Identifier: GPL-2.0
/* Who everybody is: an authority, and what it signed, for this run alone. */
#include <stdlib.h>
#include <string.h>

#include <openssl/bio.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>

#include "peer.h"
#include "util.h"

#define RSA_BITS	2048
#define RSA_FILE	"build/interop/peers-rsa.pem"

#define NEED(what)							\
	do {								\
		if (!(what))						\
			die("no certificates: %s", #what);		\
	} while (0)

static char *text_of(BIO *bio)
{
	char *data, *text;
	long n = BIO_get_mem_data(bio, &data);

	text = strndup(data, n);
	NEED(text);
	BIO_free(bio);
	return text;
}

static char *cert_pem(X509 *cert)
{
	BIO *bio = BIO_new(BIO_s_mem());

	NEED(bio && PEM_write_bio_X509(bio, cert));
	return text_of(bio);
}

static char *key_pem(EVP_PKEY *key)
{
	BIO *bio = BIO_new(BIO_s_mem());

	NEED(bio && PEM_write_bio_PrivateKey(bio, key, NULL, NULL, 0, NULL,
					     NULL));
	return text_of(bio);
}

static void extend(X509 *cert, X509 *issuer, int nid, const char *value)
{
	X509_EXTENSION *ext;
	X509V3_CTX ctx;

	X509V3_set_ctx(&ctx, issuer, cert, NULL, NULL, 0);
	ext = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
	NEED(ext && X509_add_ext(cert, ext, -1));
	X509_EXTENSION_free(ext);
}

static X509 *certificate(const char *name, EVP_PKEY *key, long serial)
{
	X509 *cert = X509_new();
	X509_NAME *subject = X509_get_subject_name(cert);

	NEED(cert && X509_set_version(cert, X509_VERSION_3));
	NEED(ASN1_INTEGER_set(X509_get_serialNumber(cert), serial));
	NEED(X509_gmtime_adj(X509_getm_notBefore(cert), -86400));
	NEED(X509_gmtime_adj(X509_getm_notAfter(cert), 86400));
	NEED(X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC,
					(const unsigned char *)name, -1, -1, 0));
	NEED(X509_set_pubkey(cert, key));
	return cert;
}

static char *sign(X509 *cert, X509 *issuer, EVP_PKEY *key)
{
	char *pem;

	NEED(X509_set_issuer_name(cert, X509_get_subject_name(issuer)));
	NEED(X509_sign(cert, key, EVP_sha256()));
	pem = cert_pem(cert);
	if (cert != issuer)
		X509_free(cert);
	return pem;
}

/* An RSA key takes a guest half a minute, so it is made once, and kept. */
static EVP_PKEY *rsa_key(void)
{
	BIO *bio = BIO_new_file(RSA_FILE, "r");
	EVP_PKEY *key = bio ? PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL) :
			      NULL;

	BIO_free(bio);
	if (key && EVP_PKEY_get_bits(key) == RSA_BITS)
		return key;
	EVP_PKEY_free(key);
	key = EVP_RSA_gen(RSA_BITS);
	bio = BIO_new_file(RSA_FILE, "w");
	if (bio && key)
		PEM_write_bio_PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL);
	BIO_free(bio);
	ERR_clear_error();
	return key;
}

static void leaf(struct identity *id, enum auth auth, X509 *ca,
		 EVP_PKEY *ca_key)
{
	EVP_PKEY *key = auth == AUTH_RSA ? rsa_key() : EVP_EC_gen("P-256");
	X509 *cert;

	NEED(key);
	cert = certificate(PEER_NAME, key, 2 + auth);
	extend(cert, ca, NID_basic_constraints, "critical,CA:FALSE");
	extend(cert, ca, NID_key_usage, "critical,digitalSignature");
	extend(cert, ca, NID_subject_alt_name,
	       "DNS:" PEER_NAME ",IP:127.0.0.1,IP:::1");
	id->cert[auth] = sign(cert, ca, ca_key);
	id->key[auth] = key_pem(key);
	EVP_PKEY_free(key);
}

static void make(struct identity *id)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *ca = certificate("kdtls test authority", key, 1);

	extend(ca, ca, NID_basic_constraints, "critical,CA:TRUE");
	extend(ca, ca, NID_key_usage, "critical,keyCertSign,cRLSign");
	extend(ca, ca, NID_subject_key_identifier, "hash");
	id->ca = sign(ca, ca, key);
	leaf(id, AUTH_ECDSA, ca, key);
	leaf(id, AUTH_RSA, ca, key);
	X509_free(ca);
	EVP_PKEY_free(key);
}

const struct identity *identity(void)
{
	static struct identity id;

	if (!id.ca)
		make(&id);
	return &id;
}
