/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Hostile datagrams, and what must become of them: a session whose test knows all
 * that was ever sealed, so that it can say which records must be delivered and
 * how many places in datagrams are counted as dropped.
 */
#ifndef KDTLS_SELFTESTS_HOSTILE_H
#define KDTLS_SELFTESTS_HOSTILE_H

#include "util.h"

#define APP		DTLS_CT_APPLICATION_DATA
#define WINDOW		DTLS_WINDOW_MAX
/* Records that are remembered: what is too old for the window is among them. */
#define RING		(2 * WINDOW)
#define PIECE_MAX	256
#define BATCH		64
#define DATAGRAM_MAX	4096

/* What strangers say, and what our side says: neither may ever be seen. */
extern const uint8_t hostile_mark[8];
extern const uint8_t secret_mark[8];

/* Random numbers for threads: each has its own, out of KDTLS_SEED and @part. */
void seed(uint64_t part);
uint32_t draw(uint32_t below);
void draw_bytes(uint8_t *p, size_t n);
void fill(uint8_t *p, size_t n, const uint8_t *mark);
void flip(uint8_t *p, size_t n);

/**
 * struct sealed - a record that the peer has made
 * @seq: its number
 * @n: bytes at @wire
 * @len: its payload
 * @type: its type
 * @opened: it was on its way to the socket once
 * @delivered: it came out there
 * @wire: the record
 */
struct sealed {
	uint64_t	seq;
	uint16_t	n;
	uint16_t	len;
	uint8_t		type;
	bool		opened;
	bool		delivered;
	uint8_t		wire[PIECE_MAX];
};

/**
 * struct session - a session, and what must have become of what was sent
 * @p: the sockets
 * @ring: the last records, by number
 * @lock: for threads that seal
 * @highest: the highest number that was opened
 * @raw: DTLS_RECV_RAW is on
 * @control: DTLS_RECV_CONTROL is on
 * @outcomes: places in datagrams where a record was looked for
 * @raws: those of them that held a record of epoch 0 that may be delivered
 * @records: records that were opened
 * @data: those of them with data that were not read yet
 * @controls: those of them that are told to the reader, not read yet
 */
struct session {
	struct pair		p;
	struct sealed		ring[RING];
	pthread_mutex_t		lock;	/* see above */
	uint64_t		highest;
	bool			raw;
	bool			control;
	uint64_t		outcomes;
	uint64_t		raws;
	uint64_t		records;
	long			data;
	long			controls;
};

void session_open(struct session *s, enum family family, uint16_t cipher);
/* Forget what was sealed: the session has new keys. */
void session_forget(struct session *s);
/* A record with data that may be sent, now or never. */
struct sealed *seal_data(struct session *s);

/* The datagrams of a batch, kept to be printed. */
struct batch {
	int		count;
	size_t		n[BATCH];
	uint16_t	segment[BATCH];
	uint8_t		wire[BATCH][DATAGRAM_MAX];
};

void print_batch(const struct batch *b);
/* Send one datagram, or a train that is cut anywhere; returns how many. */
int send_hostile(struct session *s, struct batch *b);
/* Send a good record. */
void send_good(struct session *s);

/* Each returns what is wrong, or NULL. */
/* Receive all that there is: nothing that nobody has sealed, nothing twice. */
const char *drain(struct session *s);
/* After that, everything that was sent was delivered or is counted. */
const char *check_counters(struct session *s);
/* A good record goes both ways. */
const char *check_alive(struct session *s);
/* Set the options that change what is delivered. */
void other_options(struct session *s);

#endif /* KDTLS_SELFTESTS_HOSTILE_H */
