// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * SRTP: which profile is agreed on, and how the exported material is cut into the
 * keys of both directions (RFC 5764 section 4.2, sizes for AES-GCM in RFC 7714
 * section 12).
 */
#include <string.h>

#include <openssl/crypto.h>
#include <openssl/srtp.h>
#include <openssl/ssl.h>

#include "config.h"
#include "log.h"
#include "session.h"
#include "srtp.h"

#define LABEL "EXTRACTOR-dtls_srtp"
#define NAMES "SRTP_AES128_CM_SHA1_80, SRTP_AES128_CM_SHA1_32, SRTP_AEAD_AES_128_GCM and SRTP_AEAD_AES_256_GCM"

static const struct kdtls_srtp_profile profiles[] = {
	{ "SRTP_AES128_CM_SHA1_80", 16, 14 },
	{ "SRTP_AES128_CM_SHA1_32", 16, 14 },
	{ "SRTP_AEAD_AES_128_GCM", 16, 12 },
	{ "SRTP_AEAD_AES_256_GCM", 32, 12 },
};

#define PROFILES (sizeof(profiles) / sizeof(profiles[0]))

static size_t find(const char *name, size_t len)
{
	size_t i;

	for (i = 0; i < PROFILES; i++)
		if (strlen(profiles[i].name) == len &&
		    !memcmp(profiles[i].name, name, len))
			break;
	return i;
}

static int check(const char *list)
{
	unsigned int seen = 0;
	size_t n, i;

	for (;; list += n + 1) {
		n = strcspn(list, ":");
		i = find(list, n);
		if (i == PROFILES)
			return kdtls_fail(-EINVAL, "\"%.*s\" is no SRTP profile of kdtls: there are " NAMES,
					  (int)n, list);
		if (seen >> i & 1)
			return kdtls_fail(-EINVAL, "the SRTP profile %s is there twice",
					  profiles[i].name);
		seen |= 1U << i;
		if (!list[n])
			return 0;
	}
}

int kdtls_config_set_srtp(struct kdtls_config *config, const char *list)
{
	int err = list ? check(list) : 0;

	return err ? err : kdtls_config_string(config, &config->srtp, list);
}

int kdtls_srtp_setup(const char *list, SSL_CTX *ctx)
{
	/* This one returns 0 if all is well. */
	if (SSL_CTX_set_tlsext_use_srtp(ctx, list))
		return kdtls_fail_ssl(-EINVAL, "OpenSSL cannot use the SRTP profiles \"%s\"",
				      list);
	return 0;
}

const struct kdtls_srtp_profile *kdtls_srtp_find(const char *name)
{
	size_t i = name ? find(name, strlen(name)) : PROFILES;

	return i < PROFILES ? &profiles[i] : NULL;
}

const struct kdtls_srtp_profile *kdtls_srtp_agreed(SSL *ssl)
{
	const SRTP_PROTECTION_PROFILE *p = SSL_get_selected_srtp_profile(ssl);

	return kdtls_srtp_find(p ? p->name : NULL);
}

/* Both keys, then both salts; the client's first. */
static void cut(struct kdtls_srtp_keys *k, const u8 *p)
{
	memcpy(k->client_key, p, k->key_len);
	p += k->key_len;
	memcpy(k->server_key, p, k->key_len);
	p += k->key_len;
	memcpy(k->client_salt, p, k->salt_len);
	p += k->salt_len;
	memcpy(k->server_salt, p, k->salt_len);
}

int kdtls_session_srtp_keys(struct kdtls_session *s,
			    struct kdtls_srtp_keys *keys, size_t size)
{
	u8 material[2 * (KDTLS_SRTP_KEY_MAX + KDTLS_SRTP_SALT_MAX)];
	struct kdtls_srtp_keys k = { .profile = "" };
	size_t len;
	int err;

	if (s->state != KDTLS_SESSION_HANDSHAKE && !s->srtp)
		return kdtls_fail(-EOPNOTSUPP, "there is no SRTP profile that both sides have: see kdtls_config_set_srtp()");
	len = s->srtp ? 2 * (size_t)(s->srtp->key_len + s->srtp->salt_len) : 0;
	err = kdtls_session_export(s, LABEL, NULL, 0, material, len);
	if (err)
		return err;
	k.profile = s->srtp->name;
	k.key_len = s->srtp->key_len;
	k.salt_len = s->srtp->salt_len;
	cut(&k, material);
	memset(keys, 0, size);
	memcpy(keys, &k, size < sizeof(k) ? size : sizeof(k));
	OPENSSL_cleanse(material, sizeof(material));
	OPENSSL_cleanse(&k, sizeof(k));
	return 0;
}
