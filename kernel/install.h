/* SPDX-License-Identifier: GPL-2.0 */
/* Install, for all who take keys from user space. */
#ifndef KDTLS_INSTALL_H
#define KDTLS_INSTALL_H

#include <linux/kdtls.h>

struct kdtls_epoch;
struct kdtls_session;
struct net;

/* What user space gives to install one direction. */
union kdtls_install {
	struct dtls_crypto_info				info;
	struct dtls12_crypto_info_aes_gcm_128		gcm128;
	struct dtls12_crypto_info_aes_gcm_256		gcm256;
	struct dtls12_crypto_info_aes_ccm_128		ccm128;
	struct dtls12_crypto_info_aes_ccm_256		ccm256;
	struct dtls12_crypto_info_aes_ccm_8_128		ccm8;
	struct dtls12_crypto_info_chacha20_poly1305	chacha;
};

struct kdtls_epoch *kdtls_keys_new(union kdtls_install *install,
				   unsigned int size, bool tx,
				   const struct dtls_limits *limits,
				   bool lent);
int kdtls_session_may_install(struct kdtls_session *session, bool tx,
			      const struct kdtls_epoch *epoch);
bool kdtls_session_has_key(struct kdtls_session *session,
			   const struct kdtls_epoch *epoch);
int kdtls_session_install(struct kdtls_session *session, struct net *net,
			  bool tx, struct kdtls_epoch **epoch, u32 retire_ms);

#endif /* KDTLS_INSTALL_H */
