/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a handshake leaves on the wire, whoever does it. */
#ifndef KDTLS_WIRE_H
#define KDTLS_WIRE_H

#include <shared/window.h>

#include "flight.h"
#include "keys.h"

#define KDTLS_CANDIDATES_MAX	128
#define KDTLS_CANDIDATES_BYTES	(128 * 1024)

/* The window that a handshake's records seed: as many as the kernel takes bits. */
#define KDTLS_SEED_WINDOW	64

/* The largest record that is kept as it was sealed: one of a Finished message. */
#define KDTLS_SEALED_MAX	96

/* Alerts that end a session (RFC 5246 section 7.2). */
#define KDTLS_ALERT_FATAL	2
#define KDTLS_ALERT_CLOSE	0

/**
 * struct kdtls_candidate - a record of a later epoch that the library has read
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

/* A record as it was sealed; nothing if @len is 0. */
struct kdtls_sealed {
	size_t	len;
	u8	bytes[KDTLS_SEALED_MAX];
};

/* How the library that does the handshake takes a record. */
enum kdtls_taken {
	KDTLS_CUT,	/* not, or not whole: it must not see it */
	KDTLS_LAST,	/* whole; what is behind it is judged otherwise */
	KDTLS_WHOLE,
};

/**
 * struct kdtls_wire_ops - what differs between the libraries
 * @taken: how it takes a record
 * @keys: derive the record keys; -EOPNOTSUPP if kdtls will never have the cipher
 *	suite, another error if it is too early
 */
struct kdtls_wire_ops {
	enum kdtls_taken (*taken)(void *arg, const struct kdtls_record *rec);
	int (*keys)(void *arg, struct kdtls_keys **keys);
};

/**
 * struct kdtls_wire - what was written and read
 * @ops: what differs between the libraries
 * @arg: the first argument of @ops
 * @next: one above the highest number of epoch 1 written
 * @nonce: explicit nonce of that record
 * @epoch: highest epoch written
 * @finished: the latest handshake record of epoch 1 written
 * @alert: the latest alert of epoch 1 written
 * @candidates: records of epoch 1 read, oldest first
 * @n_candidates: how many
 * @candidate_bytes: their size in all
 * @dropped: records cut off because there was no room to keep them
 * @hopeless: nothing is kept any more, the cipher suite is none of ours
 * @ended: a candidate that verified was an alert that ends the session
 * @window: numbers of candidates that verified
 * @turn: something was read since the last record of a flight was written
 * @flight: the records of the flight that was written last
 */
struct kdtls_wire {
	const struct kdtls_wire_ops *ops;
	void			*arg;
	u64			next;
	u8			nonce[KDTLS_EXPLICIT_MAX];
	u16			epoch;
	struct kdtls_sealed	finished;
	struct kdtls_sealed	alert;
	struct kdtls_candidate	*candidates[KDTLS_CANDIDATES_MAX];
	unsigned int		n_candidates;
	size_t			candidate_bytes;
	u64			dropped;
	bool			hopeless;
	bool			ended;
	struct kdtls_window	*window;
	bool			turn;
	struct kdtls_flight	flight;
};

/* 0 or -ENOMEM. */
int kdtls_wire_init(struct kdtls_wire *w, const struct kdtls_wire_ops *ops,
		    void *arg);

/* Wipe and forget all. */
void kdtls_wire_clear(struct kdtls_wire *w);

/* Forget the records that were read. */
void kdtls_wire_forget(struct kdtls_wire *w);

/* A datagram is being written. */
void kdtls_wire_wrote(struct kdtls_wire *w, const u8 *p, size_t len);

/* A datagram was read. Returns how much of it the library may see. */
size_t kdtls_wire_read(struct kdtls_wire *w, const u8 *p, size_t len);

/* Verify the candidates and move what is authentic into the window. */
void kdtls_wire_verify(struct kdtls_wire *w, const struct kdtls_keys *keys);

/* The window as an install wants it: bit i is record *next - 1 - i. */
void kdtls_wire_window(struct kdtls_wire *w, u64 *next, u64 *seen);

#endif /* KDTLS_WIRE_H */
