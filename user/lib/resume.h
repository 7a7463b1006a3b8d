/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Abbreviated handshakes: what a client keeps, what a server knows again. */
#ifndef KDTLS_RESUME_H
#define KDTLS_RESUME_H

#include <openssl/types.h>

#include "config.h"

#define KDTLS_SESSION_S		7200
#define KDTLS_SESSION_S_MAX	(7 * 86400)
#define KDTLS_SESSION_CACHE	10000
#define KDTLS_SESSION_CACHE_MAX	1000000

/* What a configuration has of it. */
void kdtls_resume_clear(struct kdtls_config *config);

/* Tickets, cache and lifetime of an SSL_CTX. */
void kdtls_resume_setup(const struct kdtls_config *config, bool server,
			SSL_CTX *ctx);

/*
 * What is resumed must have been opened under the conditions of @ctx, which is
 * complete. @id: where to put their digest.
 */
int kdtls_resume_bind(const struct kdtls_config *config, bool server,
		      SSL_CTX *ctx, u8 id[KDTLS_CONTEXT_LEN]);

/*
 * Bind a connection to the conditions of its SSL_CTX and to a server's name, "" for
 * none. A server's must be bound before OpenSSL looks for the session.
 */
int kdtls_resume_name(SSL *ssl, const char *name, u8 id[KDTLS_CONTEXT_LEN]);

/* A client's connection to @name; @blob is what it offers to resume, or NULL. */
int kdtls_resume_begin(SSL *ssl, const struct kdtls_config *config,
		       const char *name, const void *blob, size_t len);

/* Give the program what it can offer the next time. */
void kdtls_resume_tell(struct kdtls_session *s);

#endif /* KDTLS_RESUME_H */
