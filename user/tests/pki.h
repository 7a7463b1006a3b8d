/* SPDX-License-Identifier: GPL-2.0 */
/* Certificates for tests: made once a run, self-signed, for localhost. */
#ifndef KDTLS_TEST_PKI_H
#define KDTLS_TEST_PKI_H

#include <stdbool.h>

#include <openssl/ssl.h>

#include <kdtls.h>

/* An identity of the given kind, "EC" or "RSA", in an SSL_CTX. */
void pki_use(SSL_CTX *ctx, const char *kind);

/* The same in PEM, certificate and key. Returns its size, 0 without room. */
size_t pki_pem(const char *kind, char *buf, size_t size);

/* The EC identity in a configuration. */
void pki_config(struct kdtls_config *config);

/* The RSA identity in a configuration. */
void pki_config_rsa(struct kdtls_config *config);

/* The EC identity, certificate and key, into a file that is there. */
bool pki_write(const char *path);

/* Have a configuration trust it, or the RSA one. */
void pki_trust(struct kdtls_config *config);
void pki_trust_rsa(struct kdtls_config *config);

#endif /* KDTLS_TEST_PKI_H */
