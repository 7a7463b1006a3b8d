// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Which groups the keys are agreed in, and which algorithms may sign. What OpenSSL
 * can make of a list is asked at once, of an SSL_CTX for nothing else: a program
 * is to know which of its calls was wrong.
 */
#include <openssl/ssl.h>

#include "config.h"
#include "groups.h"
#include "log.h"

static int try_groups(SSL_CTX *ctx, const char *list)
{
	if (*list && SSL_CTX_set1_groups_list(ctx, list) == 1)
		return 0;
	return kdtls_fail_ssl(-EINVAL, "OpenSSL has no groups \"%s\": name some as in X25519:P-256:P-384",
			      list);
}

static int try_sigalgs(SSL_CTX *ctx, const char *list)
{
	if (*list && SSL_CTX_set1_sigalgs_list(ctx, list) == 1)
		return 0;
	return kdtls_fail_ssl(-EINVAL, "OpenSSL has no signature algorithms \"%s\": name some as in ECDSA+SHA256:RSA-PSS+SHA256",
			      list);
}

static int try_alone(int (*try)(SSL_CTX *ctx, const char *list),
		     const char *list)
{
	SSL_CTX *ctx = SSL_CTX_new(DTLS_method());
	int err = ctx ? try(ctx, list) :
			kdtls_fail_ssl(-ENOMEM, "cannot set OpenSSL up");

	SSL_CTX_free(ctx);
	return err;
}

int kdtls_config_set_groups(struct kdtls_config *config, const char *list)
{
	int err = list ? try_alone(try_groups, list) : 0;

	return err ? err : kdtls_config_string(config, &config->groups, list);
}

int kdtls_config_set_sigalgs(struct kdtls_config *config, const char *list)
{
	int err = list ? try_alone(try_sigalgs, list) : 0;

	return err ? err : kdtls_config_string(config, &config->sigalgs, list);
}

int kdtls_groups_setup(const struct kdtls_config *config, SSL_CTX *ctx)
{
	int err = config->groups ? try_groups(ctx, config->groups) : 0;

	if (!err && config->sigalgs)
		err = try_sigalgs(ctx, config->sigalgs);
	return err;
}
