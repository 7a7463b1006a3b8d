// SPDX-License-Identifier: GPL-2.0
/*
 * A connection of OpenSSL's, tracked by user/lib/track.c, and somebody in the
 * network who holds back, repeats, changes and makes up records: whatever
 * OpenSSL has opened must be closed in the window that the kernel gets.
 *
 * The input: cipher suite and which end is ours (1 byte), rounds of the
 * handshake that pass undisturbed (1), and then steps, one byte each and what
 * they take.
 */
#include <sys/time.h>

#include <openssl/err.h>
#include <openssl/ssl.h>

#include <linux/kdtls.h>

#include "bio.h"
#include "fuzz.h"
#include "pair.h"

#define RECORDS_MAX	64
#define MESSAGES_MAX	64
#define ROUNDS		8

/* What the peer has written and we have read. */
struct record {
	u8	bytes[2048];
	size_t	len;
};

static struct run {
	struct pair	p;
	struct side	*us;
	struct side	*peer;
	struct record	record[RECORDS_MAX];	/* of the peer, for replays */
	unsigned int	records;
	u64		seq[MESSAGES_MAX];	/* by number of the message */
	bool		opened[MESSAGES_MAX];
	unsigned int	messages;
	u64		sealed_next;
	bool		over;
	struct timeval	now;
} r;

/* ---- the connection ---- */

static unsigned int client_psk(SSL *ssl, const char *hint, char *identity,
			       unsigned int max_identity, unsigned char *psk,
			       unsigned int max_psk)
{
	strcpy(identity, "us");
	memset(psk, 0x33, 16);
	return 16;
}

static unsigned int server_psk(SSL *ssl, const char *identity,
			       unsigned char *psk, unsigned int max_psk)
{
	memset(psk, 0x33, 16);
	return 16;
}

static void keep_record(const u8 *p, size_t len)
{
	struct record *rec = &r.record[r.records];

	if (kdtls_get_be16(p + 3) == 1 &&
	    kdtls_get_be48(p + 5) >= r.sealed_next)
		r.sealed_next = kdtls_get_be48(p + 5) + 1;
	if (r.records == RECORDS_MAX || len > sizeof(rec->bytes))
		return;
	memcpy(rec->bytes, p, len);
	rec->len = len;
	r.records++;
}

static bool on_wire(struct pair *p, struct side *from, const u8 *buf,
		    size_t len)
{
	size_t n;

	for (; from == r.peer && len; buf += n, len -= n) {
		n = KDTLS_HEADER_LEN + kdtls_get_be16(buf + 11);
		keep_record(buf, n);
	}
	return true;
}

/* In front of that of the C library: OpenSSL's time passes as a step says. */
int gettimeofday(struct timeval *restrict tv, void *restrict tz)
{
	*tv = r.now;
	return 0;
}

static void make_contexts(void)
{
	pair_init(&r.p, "PSK", "RSA");
	SSL_CTX_set_psk_client_callback(r.p.client_ctx, client_psk);
	SSL_CTX_set_psk_server_callback(r.p.server_ctx, server_psk);
	pair_connect(&r.p, NULL);
	MUST(pair_handshake(&r.p));
}

static void connect_both(u8 how)
{
	static const char * const suites[] = {
		"PSK-AES128-GCM-SHA256", "PSK-AES256-GCM-SHA384",
		"PSK-CHACHA20-POLY1305",
	};

	if (!r.p.client_ctx)
		make_contexts();
	SSL_CTX_set_cipher_list(r.p.client_ctx, suites[how / 2 % 3]);
	r.us = how & 1 ? &r.p.client : &r.p.server;
	r.peer = how & 1 ? &r.p.server : &r.p.client;
	r.records = 0;
	r.messages = 0;
	r.sealed_next = 0;
	r.over = false;
	memset(r.opened, 0, sizeof(r.opened));
	r.p.deliver = on_wire;
	r.now.tv_sec = 1000000;
	pair_connect(&r.p, NULL);
}

/* ---- our end ---- */

static void got(const u8 *p, int n)
{
	if (n < 0)
		return;
	MUST(n == 1 && *p < r.messages);
	r.opened[*p] = true;
}

/* All that OpenSSL can do with what it has. */
static void act(struct side *side)
{
	u8 message[16];
	int n;

	ERR_clear_error();
	if (!SSL_is_init_finished(side->ssl)) {
		n = SSL_do_handshake(side->ssl);
		if (n != 1 && SSL_get_error(side->ssl, n) == SSL_ERROR_SSL)
			r.over = true;
	}
	while (SSL_is_init_finished(side->ssl) && !r.over) {
		n = SSL_read(side->ssl, message, sizeof(message));
		if (n <= 0) {
			r.over = SSL_get_error(side->ssl, n) !=
				 SSL_ERROR_WANT_READ;
			return;
		}
		if (side == r.us)
			got(message, n);
	}
}

static void feed(struct side *side, const u8 *p, size_t len)
{
	u8 *copy = fuzz_copy(p, len);

	kdtls_bio_feed(side->bio, copy, len);
	act(side);
	kdtls_bio_feed(side->bio, NULL, 0);
	fuzz_free(copy);
}

static bool deliver(struct side *side)
{
	struct kdtls_queued *m = kdtls_queue_get(&side->inbox);

	if (!m)
		return false;
	feed(side, m->bytes, m->len);
	free(m);
	return true;
}

/* What waits gets there, and so does what that brings about. */
static void go_round(void)
{
	bool more = true;
	int i;

	act(&r.p.client);
	act(&r.p.server);
	for (i = 0; more && i < 16; i++) {
		more = deliver(r.us);
		more |= deliver(r.peer);
	}
}

/* ---- steps ---- */

static void peer_writes(void)
{
	u8 message = (u8)r.messages;

	if (r.messages == MESSAGES_MAX || !SSL_is_init_finished(r.peer->ssl) ||
	    SSL_write(r.peer->ssl, &message, 1) != 1)
		return;
	r.seq[r.messages++] = kdtls_get_be48(r.peer->last + 5);
}

struct datagram {
	u8	bytes[8192];
	size_t	len;
};

static void add(struct datagram *d, const void *p, size_t n)
{
	if (d->len + n > sizeof(d->bytes))
		return;
	memcpy(d->bytes + d->len, p, n);
	d->len += n;
}

static void add_bytes(struct datagram *d, struct fuzz_input *in, unsigned int n)
{
	u8 byte;

	while (n--) {
		byte = (u8)fuzz_take(in, 1);
		add(d, &byte, 1);
	}
}

/* A record that was seen, from the last one back: whole, changed, or cut. */
static void add_record(struct datagram *d, struct fuzz_input *in, u8 how)
{
	u8 which = (u8)fuzz_take(in, 1);
	struct record rec;
	u8 at;

	if (which >= r.records)
		return;
	rec = r.record[r.records - 1 - which];
	if (how & 1) {
		at = fuzz_take(in, 1) % 16;
		if (at < rec.len)
			rec.bytes[at] ^= (u8)fuzz_take(in, 1);
	}
	if (how & 2)
		rec.len -= fuzz_take(in, 1) % rec.len;
	add(d, rec.bytes, rec.len);
}

/* A header in front of it all that takes what follows for its body. */
static void wrap(struct datagram *d, struct fuzz_input *in)
{
	u8 header[KDTLS_HEADER_LEN] = {
		(u8)fuzz_take(in, 1), 0xfe, (u8)fuzz_take(in, 1),
		0, (u8)fuzz_take(in, 1),
	};
	int more = (int8_t)fuzz_take(in, 1);

	if (d->len + sizeof(header) > sizeof(d->bytes))
		return;
	kdtls_put_be48(header + 5, fuzz_take(in, 2));
	/* Now and then a length that no record can have. */
	kdtls_put_be16(header + 11, (u16)(more == 127 ? 0xfff0 : d->len + more));
	memmove(d->bytes + sizeof(header), d->bytes, d->len);
	memcpy(d->bytes, header, sizeof(header));
	d->len += sizeof(header);
}

static void attack(struct fuzz_input *in)
{
	static struct datagram d;
	u8 pieces = fuzz_take(in, 1) % 6, kind;

	d.len = 0;
	do {
		kind = (u8)fuzz_take(in, 1);
		if (kind % 8 < 4)
			add_record(&d, in, kind % 8);
		else if (kind % 8 < 6)
			wrap(&d, in);
		else
			add_bytes(&d, in, kind / 8);
	} while (pieces--);
	if (d.len)
		feed(r.us, d.bytes, d.len);
}

static void lose(struct side *side)
{
	free(kdtls_queue_get(&side->inbox));
}

static void step(struct fuzz_input *in)
{
	switch (fuzz_take(in, 1) % 8) {
	case 0:
	case 1:
		peer_writes();
		break;
	case 2:
		deliver(r.us);
		break;
	case 3:
		deliver(r.peer);
		break;
	case 4:
		lose(r.us);
		break;
	case 5:
		r.now.tv_sec += 60;
		DTLSv1_handle_timeout(r.peer->ssl);
		break;
	default:
		attack(in);
	}
}

/* ---- the window ---- */

static bool closed(u64 next, u64 bits, u64 seq)
{
	return seq < next && (next - seq > 64 || bits >> (next - 1 - seq) & 1);
}

static void check_window(void)
{
	struct kdtls_keys *keys;
	u64 next, bits;
	unsigned int i;

	if (!SSL_is_init_finished(r.us->ssl))
		return;
	MUST(!kdtls_keys_derive(r.us->ssl, &keys));
	kdtls_wire_verify(&r.us->track->wire, keys);
	kdtls_keys_free(keys);
	MUST(!r.us->track->wire.n_candidates);
	kdtls_wire_window(&r.us->track->wire, &next, &bits);
	/* The peer's Finished is one record, and no number is made up. */
	MUST(next > 0 && next <= r.sealed_next);
	for (i = 0; i < r.messages; i++)
		MUST(!r.opened[i] || closed(next, bits, r.seq[i]));
}

void fuzz_one(const u8 *data, size_t len)
{
	struct fuzz_input in = { data, len };
	u8 rounds;

	connect_both((u8)fuzz_take(&in, 1));
	rounds = fuzz_take(&in, 1) % ROUNDS;
	while (rounds--)
		go_round();
	while (in.left && !r.over) {
		step(&in);
		if (in.left % 4 == 0)
			check_window();
	}
	check_window();
	/* Some that would not have come to an end can do so now. */
	if (!r.over)
		go_round();
	check_window();
}

/* ---- seeds ---- */

static void put_step(struct fuzz_output *out, u8 step, u8 times)
{
	while (times--)
		fuzz_put(out, step, 1);
}

/* Two records of data get there, and so does what is made of them. */
static void seed_changed(u8 how, u8 rounds, u8 kind)
{
	struct fuzz_output out = { .len = 0 };

	fuzz_put(&out, how << 8 | rounds, 2);
	put_step(&out, 0, 3);
	put_step(&out, 2, 1);
	put_step(&out, 4, 1);
	/* The lost record, changed and not, behind a header of the wrong kind. */
	fuzz_put(&out, 6, 1);
	fuzz_put(&out, 3, 1);
	fuzz_put(&out, kind << 8 | 1, 2);
	fuzz_put(&out, 0x02ff, kind == 3 ? 2 : kind);
	fuzz_put(&out, 0x0001, 2);
	fuzz_put(&out, 0x0417fe00000000, 7);
	fuzz_put(&out, 0, 2);
	put_step(&out, 2, 2);
	fuzz_put_seed(&out);
}

/* The last flight is lost and comes again, and then there is data. */
static void seed_lost(u8 how, u8 rounds)
{
	struct fuzz_output out = { .len = 0 };

	fuzz_put(&out, how << 8 | rounds, 2);
	put_step(&out, 4, 4);
	put_step(&out, 5, 1);
	put_step(&out, 2, 4);
	put_step(&out, 3, 4);
	put_step(&out, 0, 3);
	put_step(&out, 2, 4);
	fuzz_put_seed(&out);
}

void fuzz_seeds(void)
{
	u8 how, rounds, kind;

	for (how = 0; how < 6; how++)
		for (rounds = 0; rounds < ROUNDS; rounds++) {
			for (kind = 0; kind < 4; kind++)
				seed_changed(how, rounds, kind);
			seed_lost(how, rounds);
		}
}
