/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What is to be known of a session, from GnuTLS. */
#ifndef KDTLS_GNUTLS_DESCRIBE_H
#define KDTLS_GNUTLS_DESCRIBE_H

#include <gnutls/gnutls.h>

#include "lib/session.h"

/* Give @s its names: cipher suite, ALPN, resumption and so on. */
void kdtls_gnutls_describe(struct kdtls_session *s, gnutls_session_t session);

#endif /* KDTLS_GNUTLS_DESCRIBE_H */
