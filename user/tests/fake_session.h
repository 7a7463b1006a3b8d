/* SPDX-License-Identifier: GPL-2.0 */
/* Sessions of the pretended kernel: keys, numbers, windows. */
#ifndef KDTLS_TEST_FAKE_SESSION_H
#define KDTLS_TEST_FAKE_SESSION_H

#include <sys/socket.h>

#include <linux/kdtls.h>
#include <shared/record.h>
#include <shared/window.h>

#include "keys.h"

#define FAKE_OVERHEAD_MAX 64

struct fake_direction {
	const struct kdtls_cipher *cipher;
	u8	key[KDTLS_KEY_MAX];
	u8	salt[KDTLS_NONCE_LEN];
	u64	seq;
	u64	nonce;
};

struct fake_session {
	struct fake_session	*next;		/* of an endpoint */
	u32			number;		/* in it */
	struct sockaddr_storage	peer;
	struct sockaddr_storage	local;
	bool			handshake;
	bool			peer_closed;
	struct fake_direction	tx;
	struct fake_direction	rx;
	struct kdtls_window	*window;
	u64			rx_records;
	u64			rx_bytes;
	u64			rx_bad;
};

/* Take a struct dtls12_crypto_info_*; 0 or a negative errno value. */
int fake_session_install(struct fake_session *s, bool tx, const void *v,
			 size_t n);

/* Forget keys and window. */
void fake_session_clear(struct fake_session *s);

/* Seal one record into @out; returns its size. */
size_t fake_session_seal(struct fake_session *s, u8 type, const u8 *p,
			 size_t len, u8 *out);

/* Open one record into @plain; returns its size, -1 if it is dropped. */
int fake_session_open(struct fake_session *s, const struct kdtls_record *rec,
		      const u8 *p, size_t len, u8 *plain);

void fake_session_info(const struct fake_session *s, struct dtls_info *info);

#endif /* KDTLS_TEST_FAKE_SESSION_H */
