// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Record keys, as GnuTLS tells them: gnutls_record_get_state() is made for those who
 * take the records over. The write IV of GCM and CCM is the salt, that of
 * ChaCha20-Poly1305 the whole of it.
 */
#include "keys.h"
#include "lib/log.h"
#include "lib/secret.h"

/* GnuTLS has no other way to ask that does not change anything. */
bool kdtls_gnutls_finished(gnutls_session_t session)
{
	char *text = gnutls_session_get_desc(session);

	gnutls_free(text);
	return text;
}

const struct kdtls_cipher *kdtls_gnutls_cipher(gnutls_session_t session)
{
	switch (gnutls_cipher_get(session)) {
	case GNUTLS_CIPHER_AES_128_GCM:
		return kdtls_cipher_find(DTLS_CIPHER_AES_GCM_128);
	case GNUTLS_CIPHER_AES_256_GCM:
		return kdtls_cipher_find(DTLS_CIPHER_AES_GCM_256);
	case GNUTLS_CIPHER_AES_128_CCM:
		return kdtls_cipher_find(DTLS_CIPHER_AES_CCM_128);
	case GNUTLS_CIPHER_AES_256_CCM:
		return kdtls_cipher_find(DTLS_CIPHER_AES_CCM_256);
	case GNUTLS_CIPHER_AES_128_CCM_8:
		return kdtls_cipher_find(DTLS_CIPHER_AES_CCM_8_128);
	case GNUTLS_CIPHER_CHACHA20_POLY1305:
		return kdtls_cipher_find(DTLS_CIPHER_CHACHA20_POLY1305);
	default:
		return NULL;
	}
}

int kdtls_gnutls_number(gnutls_session_t session, bool read,
			struct kdtls_gnutls_number *number)
{
	u8 seq[8];
	int ret = gnutls_record_get_state(session, read, NULL, NULL, NULL, seq);

	if (ret < 0)
		return kdtls_fail(-EIO, "GnuTLS does not tell its record number: %s",
				  gnutls_strerror(ret));
	number->epoch = kdtls_get_be16(seq);
	number->seq = kdtls_get_be48(seq + 2);
	return 0;
}

static int one_direction(gnutls_session_t session, bool read,
			 struct kdtls_keys *k)
{
	const struct kdtls_cipher *c = k->cipher;
	gnutls_datum_t iv, key;
	u8 seq[8];
	int ret = gnutls_record_get_state(session, read, NULL, &iv, &key, seq);

	if (ret < 0)
		return kdtls_fail(-EIO, "GnuTLS does not tell its record keys: %s",
				  gnutls_strerror(ret));
	if (kdtls_get_be16(seq) != 1)
		return kdtls_fail(-EPROTONOSUPPORT, "GnuTLS is in epoch %u: only the first handshake of a session can be handed over",
				  kdtls_get_be16(seq));
	if (key.size != c->key_len || iv.size != c->salt_len)
		return kdtls_fail(-EIO, "GnuTLS has a key of %u bytes and an IV of %u for %s: use another cipher suite",
				  key.size, iv.size, c->name);
	memcpy(read ? k->rx_key : k->tx_key, key.data, key.size);
	memcpy(read ? k->rx_salt : k->tx_salt, iv.data, iv.size);
	return 0;
}

int kdtls_gnutls_keys(gnutls_session_t session, struct kdtls_keys **keys)
{
	const struct kdtls_cipher *cipher;
	struct kdtls_keys *k;
	int err;

	if (!kdtls_gnutls_finished(session))
		return -ENOTCONN;
	cipher = kdtls_gnutls_cipher(session);
	if (!cipher || gnutls_protocol_get_version(session) != GNUTLS_DTLS1_2)
		return -EOPNOTSUPP;
	k = kdtls_secret_alloc(sizeof(*k));
	if (!k)
		return kdtls_fail(-ENOMEM, "no locked memory for keys: raise the limit with ulimit -l");
	k->cipher = cipher;
	err = one_direction(session, false, k);
	if (!err)
		err = one_direction(session, true, k);
	if (err) {
		kdtls_keys_free(k);
		return err;
	}
	*keys = k;
	return 0;
}
