/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What OpenSSL does in a handshake, remembered for its handover. */
#ifndef KDTLS_TRACK_H
#define KDTLS_TRACK_H

#include <openssl/types.h>

#include "wire.h"

/**
 * struct kdtls_track - one tracked connection
 * @ssl: the connection
 * @rbio: the BIO it reads from, a reference
 * @wbio: the BIO it writes to, a reference
 * @counting: only record numbers are wanted, the handover is off
 * @head_epoch: highest epoch that OpenSSL said it seals in
 * @head_next: one above the highest number of it
 * @head_next0: one above the highest number of epoch 0
 * @wire: what went through the BIOs
 * @read_head: header of the record that OpenSSL reads at this moment
 * @rx_next: one above the highest number that gave data, see @counting
 * @heard: a handshake message of the peer was read
 */
struct kdtls_track {
	SSL			*ssl;
	BIO			*rbio;
	BIO			*wbio;
	bool			counting;
	u16			head_epoch;
	u64			head_next;
	u64			head_next0;
	struct kdtls_wire	wire;
	struct kdtls_record	read_head;
	u64			rx_next;
	bool			heard;
};

/* The track of a connection, or NULL. */
struct kdtls_track *kdtls_track_get(const SSL *ssl);

/* Detach from the BIOs and keep only counting record numbers. */
void kdtls_track_count_only(struct kdtls_track *t);

/* In counting mode: the record that was just read gave data. */
void kdtls_track_opened(struct kdtls_track *t);

#endif /* KDTLS_TRACK_H */
