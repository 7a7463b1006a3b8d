/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The record keys of a GnuTLS session. */
#ifndef KDTLS_GNUTLS_KEYS_H
#define KDTLS_GNUTLS_KEYS_H

#include <gnutls/gnutls.h>

#include "lib/keys.h"

/* Where one direction stands: GnuTLS's number of the next record. */
struct kdtls_gnutls_number {
	u16	epoch;
	u64	seq;
};

/* Is the handshake over? */
bool kdtls_gnutls_finished(gnutls_session_t session);

/* The cipher that protects its records, or NULL if kdtls does not have it. */
const struct kdtls_cipher *kdtls_gnutls_cipher(gnutls_session_t session);

/* The next record to write, or one above the latest that was read. */
int kdtls_gnutls_number(gnutls_session_t session, bool read,
			struct kdtls_gnutls_number *number);

/*
 * The keys of epoch 1, in locked memory, to be freed by kdtls_keys_free().
 *
 * Return: 0; -ENOTCONN if the handshake is not over; -EOPNOTSUPP for a cipher suite
 * that kdtls does not have; -EPROTONOSUPPORT in another epoch; -ENOMEM; -EIO.
 */
int kdtls_gnutls_keys(gnutls_session_t session, struct kdtls_keys **keys);

#endif /* KDTLS_GNUTLS_KEYS_H */
