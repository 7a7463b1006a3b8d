/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Names that clients ask for (RFC 6066 section 3). */
#ifndef KDTLS_SNI_H
#define KDTLS_SNI_H

#include <openssl/types.h>

struct kdtls_endpoint;

/* A configuration that a name has chosen, and what OpenSSL makes of it. */
struct kdtls_named {
	struct kdtls_named	*next;
	struct kdtls_config	*config;
	SSL_CTX			*ctx;
};

/* Have a server's SSL_CTX look at the name. */
void kdtls_sni_setup(SSL_CTX *ctx);

/* Let go of an endpoint's configurations. */
void kdtls_sni_clear(struct kdtls_endpoint *ep);

#endif /* KDTLS_SNI_H */
