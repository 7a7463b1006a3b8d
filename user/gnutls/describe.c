// SPDX-License-Identifier: LGPL-2.1-or-later
/* What is to be known of a session, in the words of struct kdtls_session_info. */
#include <stdlib.h>

#include <openssl/ssl.h>

#include "describe.h"
#include "lib/clock.h"
#include "lib/srtp.h"

/* OpenSSL's names, which are those of its objects. */
static const char *group_of(gnutls_session_t session)
{
	switch (gnutls_group_get(session)) {
	case GNUTLS_GROUP_SECP192R1:
		return "prime192v1";
	case GNUTLS_GROUP_SECP224R1:
		return "secp224r1";
	case GNUTLS_GROUP_SECP256R1:
		return "prime256v1";
	case GNUTLS_GROUP_SECP384R1:
		return "secp384r1";
	case GNUTLS_GROUP_SECP521R1:
		return "secp521r1";
	case GNUTLS_GROUP_X25519:
		return "X25519";
	case GNUTLS_GROUP_X448:
		return "X448";
	case GNUTLS_GROUP_FFDHE2048:
		return "ffdhe2048";
	case GNUTLS_GROUP_FFDHE3072:
		return "ffdhe3072";
	case GNUTLS_GROUP_FFDHE4096:
		return "ffdhe4096";
	case GNUTLS_GROUP_FFDHE6144:
		return "ffdhe6144";
	case GNUTLS_GROUP_FFDHE8192:
		return "ffdhe8192";
	default:
		return NULL;
	}
}

static const char *srtp_of(gnutls_session_t session)
{
	gnutls_srtp_profile_t profile;

	if (gnutls_srtp_get_selected_profile(session, &profile) < 0)
		return NULL;
	/* Of those that kdtls knows GnuTLS has these. */
	switch (profile) {
	case GNUTLS_SRTP_AES128_CM_HMAC_SHA1_80:
		return "SRTP_AES128_CM_SHA1_80";
	case GNUTLS_SRTP_AES128_CM_HMAC_SHA1_32:
		return "SRTP_AES128_CM_SHA1_32";
	default:
		return NULL;
	}
}

static char *alpn_of(gnutls_session_t session)
{
	gnutls_datum_t alpn;

	if (gnutls_alpn_get_selected_protocol(session, &alpn) < 0)
		return NULL;
	return strndup((const char *)alpn.data, alpn.size);
}

/* Of a client GnuTLS does not tell. */
static char *server_name_of(gnutls_session_t session)
{
	char name[256];
	size_t len = sizeof(name) - 1;
	unsigned int type;

	if (gnutls_server_name_get(session, name, &len, &type, 0) < 0 ||
	    type != GNUTLS_NAME_DNS)
		return NULL;
	return strndup(name, len);
}

static char *psk_identity_of(gnutls_session_t session)
{
	const char *name = gnutls_psk_server_get_username(session);

	return name ? strdup(name) : NULL;
}

void kdtls_gnutls_describe(struct kdtls_session *s, gnutls_session_t session)
{
	s->cipher_standard = gnutls_ciphersuite_get(session);
	s->cipher = OPENSSL_cipher_name(s->cipher_standard);
	s->resumed = gnutls_session_is_resumed(session);
	s->srtp = kdtls_srtp_find(srtp_of(session));
	s->group = group_of(session);
	s->handshake_completed_at = kdtls_now_real();
	s->alpn = alpn_of(session);
	if (!s->server)
		return;
	s->server_name = server_name_of(session);
	s->psk_identity = psk_identity_of(session);
}
