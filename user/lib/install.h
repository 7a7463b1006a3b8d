/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The kernel's side of a session: attach, install, ask. */
#ifndef KDTLS_INSTALL_H
#define KDTLS_INSTALL_H

#include <sys/socket.h>

#include <linux/kdtls.h>

#include "keys.h"

/**
 * struct kdtls_numbers - where the kernel goes on in an epoch
 * @epoch: the epoch
 * @window: DTLS_RX: replay window in records, 0 for the default
 * @seq: DTLS_TX: the next record's number. DTLS_RX: one above the highest opened
 * @seen: DTLS_RX: see struct dtls_crypto_info
 * @nonce: DTLS_TX: the next record's explicit nonce
 */
struct kdtls_numbers {
	u16	epoch;
	u16	window;
	u64	seq;
	u64	seen;
	u64	nonce;
};

/* The structure of any cipher. */
union kdtls_crypto_info {
	struct dtls_crypto_info				info;
	struct dtls12_crypto_info_aes_gcm_128		gcm128;
	struct dtls12_crypto_info_aes_gcm_256		gcm256;
	struct dtls12_crypto_info_aes_ccm_128		ccm128;
	struct dtls12_crypto_info_aes_ccm_256		ccm256;
	struct dtls12_crypto_info_aes_ccm_8_128		ccm8;
	struct dtls12_crypto_info_chacha20_poly1305	chacha;
};

/* Fill it in for DTLS_TX or DTLS_RX; returns the size that the cipher takes. */
socklen_t kdtls_install_fill(union kdtls_crypto_info *u, bool tx,
			     const struct kdtls_keys *k,
			     const struct kdtls_numbers *n);

/* Why the kernel did not take keys of that cipher, in words; returns @err. */
int kdtls_install_failed(int err, const char *name,
			 const struct kdtls_cipher *cipher);

/* Attach the socket, loading the module if need be. 0 or a negative errno. */
int kdtls_install_attach(int fd);

/* Ask for control records and records of epoch 0. */
int kdtls_install_options(int fd);

/* Give the kernel one direction; @direction is DTLS_TX or DTLS_RX. */
int kdtls_install_keys(int fd, int direction, const struct kdtls_keys *keys,
		       const struct kdtls_numbers *numbers);

/* Read DTLS_INFO; zeroes what an older kernel does not tell. */
int kdtls_install_info(int fd, struct dtls_info *info);

#endif /* KDTLS_INSTALL_H */
