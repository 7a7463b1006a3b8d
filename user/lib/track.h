/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a handshake leaves on the wire, remembered for its handover. */
#ifndef KDTLS_TRACK_H
#define KDTLS_TRACK_H

#include <openssl/types.h>

#include <shared/window.h>

#include "flight.h"
#include "keys.h"

#define KDTLS_CANDIDATES_MAX	128
#define KDTLS_CANDIDATES_BYTES	(128 * 1024)

/* The window that OpenSSL's records seed: as many as the kernel takes bits. */
#define KDTLS_SEED_WINDOW	64

/**
 * struct kdtls_candidate - a record of epoch 1 that OpenSSL has read
 * @len: its size
 * @bytes: the record, header included
 *
 * Anyone who knows the addresses can forge one, so its number means nothing
 * until its tag verifies.
 */
struct kdtls_candidate {
	size_t	len;
	u8	bytes[];
};

/**
 * struct kdtls_track - one tracked connection
 * @ssl: the connection
 * @rbio: the BIO it reads from, a reference
 * @wbio: the BIO it writes to, a reference
 * @counting: only record numbers are wanted, the handover is off
 * @head_epoch: highest epoch that OpenSSL said it seals in
 * @head_next: one above the highest number of it
 * @head_next0: one above the highest number of epoch 0
 * @wire_next: one above the highest number of epoch 1 handed to @wbio
 * @nonce: explicit nonce of that record
 * @candidates: records of epoch 1 read, oldest first
 * @n_candidates: how many
 * @candidate_bytes: their size in all
 * @dropped: records cut off because there was no room to keep them
 * @window: numbers of candidates that verified
 * @read_head: header of the record that OpenSSL reads at this moment
 * @rx_next: one above the highest number that gave data, see @counting
 * @turn: something was read since the last record of a flight was written
 * @flight: the records of the flight that was written last
 */
struct kdtls_track {
	SSL			*ssl;
	BIO			*rbio;
	BIO			*wbio;
	bool			counting;
	u16			head_epoch;
	u64			head_next;
	u64			head_next0;
	u64			wire_next;
	u8			nonce[KDTLS_EXPLICIT_MAX];
	struct kdtls_candidate	*candidates[KDTLS_CANDIDATES_MAX];
	unsigned int		n_candidates;
	size_t			candidate_bytes;
	u64			dropped;
	struct kdtls_window	*window;
	struct kdtls_record	read_head;
	u64			rx_next;
	bool			turn;
	bool			heard;
	struct kdtls_flight	flight;
};

/* The track of a connection, or NULL. */
struct kdtls_track *kdtls_track_get(const SSL *ssl);

/* Verify the candidates and move what is authentic into the window. */
void kdtls_track_verify(struct kdtls_track *t, const struct kdtls_keys *keys);

/* The window as an install wants it: bit i is record *next - 1 - i. */
void kdtls_track_window(struct kdtls_track *t, u64 *next, u64 *seen);

/* Detach from the BIOs and keep only counting record numbers. */
void kdtls_track_count_only(struct kdtls_track *t);

/* In counting mode: the record that was just read gave data. */
void kdtls_track_opened(struct kdtls_track *t);

#endif /* KDTLS_TRACK_H */
