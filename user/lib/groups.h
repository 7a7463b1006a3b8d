/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Groups and signature algorithms. */
#ifndef KDTLS_GROUPS_H
#define KDTLS_GROUPS_H

#include <openssl/types.h>

struct kdtls_config;

/* Have an SSL_CTX use what the configuration names. */
int kdtls_groups_setup(const struct kdtls_config *config, SSL_CTX *ctx);

#endif /* KDTLS_GROUPS_H */
