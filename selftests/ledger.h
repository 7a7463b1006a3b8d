/* SPDX-License-Identifier: GPL-2.0 */
/* Generations of keys, and what became of each record that was sealed by them. */
#ifndef KDTLS_SELFTESTS_LEDGER_H
#define KDTLS_SELFTESTS_LEDGER_H

#include <stdbool.h>

#include "oracle.h"

/* Members that records come to; the first is the helper. */
#define MEMBERS		3
/* Records of one generation at most; they are the bits of a word. */
#define MOST		60
#define FLIGHT		8	/* fewer than the replay window */
/* Of new keys before the session is replaced, of old ones afterwards. */
#define EARLY		2
#define LATE		2
/* Answers that one generation of keys seals, at most. */
#define ANSWERS		1024

/* How the numbers of a generation differ from those of the one before. */
enum numbering {
	AGAIN,	/* not at all, as with most peers */
	DOWN,	/* they are smaller: to the new session the old ones look new */
	EPOCHS,	/* they are the same, but the epoch is another one */
};

struct secret {
	uint8_t		key[32];
	uint8_t		iv[12];
	uint64_t	nonce;
};

/**
 * struct generation - the keys of one replacement, and what became of them
 * @in: what the peer seals with
 * @out: what the endpoint seals with
 * @session: the session's number, as the replacement told it
 * @came_by: the session's number, as the records told it
 * @sent: records that the peer sent
 * @early: those of them from before the replacement
 * @end: from this one on they were sent after the next replacement
 * @got: which of them were received
 * @raw: which of them the helper got as they were
 * @numbers: which answers came
 * @nonces: which explicit nonces came
 */
struct generation {
	struct secret	in;
	struct secret	out;
	uint32_t	session;
	uint32_t	came_by;
	uint32_t	sent;
	uint32_t	early;
	uint32_t	end;
	uint64_t	got;
	uint64_t	raw;
	uint8_t		numbers[ANSWERS / 8];
	uint8_t		nonces[ANSWERS / 8];
};

/**
 * struct ledger - the rules for all generations, and whether they were kept
 * @how: numbering
 * @handshake: what does not open is for the helper
 * @count: generations
 * @is_wrong: something was wrong
 * @wrong: what was wrong first
 */
struct ledger {
	enum numbering	how;
	bool		handshake;
	uint32_t	count;
	bool		is_wrong;
	char		wrong[160];
};

/* What became of all records. */
struct sum {
	uint64_t	sent;
	uint64_t	replays;
	uint64_t	got;
	uint64_t	raw;
	uint64_t	dropped;
	uint64_t	forwarded;
	uint64_t	answers;
	uint64_t	taken;
};

#define LOAD(x)		__atomic_load_n(&(x), __ATOMIC_ACQUIRE)
#define STORE(x, v)	__atomic_store_n(&(x), (v), __ATOMIC_RELEASE)
#define ADD(x, n)	__atomic_add_fetch(&(x), (n), __ATOMIC_RELEASE)

void wrong(struct ledger *l, const char *what, uint32_t generation,
	   uint64_t number);

/* Epoch and first number of what the peer seals. */
uint16_t epoch_of(const struct ledger *l, uint32_t generation);
uint64_t first_of(const struct ledger *l, uint32_t generation);
/* An answer's number says by which keys it is, whatever the peer's do. */
uint64_t first_answer(uint32_t generation);
/* Of a record that nobody has opened, not numbered AGAIN; @last is the last one. */
uint32_t generation_of(const struct ledger *l, uint32_t last,
		       const struct record *r);
/* The member that a record comes to: each gets four, then it is the next one's. */
int steered(uint64_t seq);

void generation_init(struct generation *gen);
/* @o goes on with these keys. */
void use_secret(struct oracle *o, const struct secret *s, uint16_t epoch,
		uint64_t seq);

/* Returns whether the bit was set before. */
bool set_bit(uint64_t *bits, uint32_t number);
int count_bits(uint64_t bits);
/* An answer was opened by @o. */
void got_answer(struct ledger *l, struct generation *gen, uint32_t generation,
		const struct oracle *o, const struct record *r);

/* Of a peer whose session is owned by member @owner. */
void add_generation(struct sum *s, const struct ledger *l,
		    const struct generation *gen, uint32_t generation,
		    int owner);
/* Returns how many answers it has. */
uint64_t judge_generation(struct ledger *l, const struct generation *gen,
			  uint32_t generation);

#endif /* KDTLS_SELFTESTS_LEDGER_H */
