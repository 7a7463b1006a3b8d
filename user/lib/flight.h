/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The last flight of a handshake, and its repetition (RFC 6347 section 4.2.4). */
#ifndef KDTLS_FLIGHT_H
#define KDTLS_FLIGHT_H

#include <shared/record.h>

struct kdtls_way;

#define KDTLS_FLIGHT_MS		240000	/* twice the MSL */
#define KDTLS_FLIGHT_GAP_MS	200	/* between two repetitions */
#define KDTLS_FLIGHT_TIMES	24	/* of them in all */
#define KDTLS_FLIGHT_BYTES	(64 * 1024)

#define KDTLS_HS_HEADER_LEN	12
#define KDTLS_HS_FINISHED	20

/**
 * struct kdtls_flight - a flight that can be sent again
 * @raw: its records of epoch 0, as they were written
 * @raw_len: their size
 * @datagram: largest datagram it was written in
 * @next: number for the next record of epoch 0
 * @finished: the Finished message in the clear, handshake header included
 * @finished_len: its size
 * @expires: monotonic milliseconds when nobody can ask any more
 * @last: when it was last sent again
 * @times: how often it was
 */
struct kdtls_flight {
	u8		*raw;
	size_t		raw_len;
	size_t		datagram;
	u64		next;
	u8		finished[64];
	size_t		finished_len;
	u64		expires;
	u64		last;
	unsigned int	times;
};

/* A new flight begins. */
void kdtls_flight_restart(struct kdtls_flight *f);

/* Keep a whole record of epoch 0, @len bytes. */
void kdtls_flight_keep(struct kdtls_flight *f, const u8 *rec, size_t len);

/* Keep the Finished message. */
void kdtls_flight_finished(struct kdtls_flight *f, const u8 *msg, size_t len);

/* Wipe and forget. */
void kdtls_flight_clear(struct kdtls_flight *f);

/* Does the record, a handshake record in the clear, hold a Finished message? */
bool kdtls_flight_asked(const u8 *msg, size_t len);

/*
 * Send the flight again to a peer whose keys are installed, if it is not
 * too late and not too often.
 *
 * Return: 1 if it was sent, 0 if it was not due, a negative errno value.
 */
int kdtls_flight_answer(struct kdtls_flight *f, const struct kdtls_way *way,
			u64 now);

#endif /* KDTLS_FLIGHT_H */
