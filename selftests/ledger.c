// SPDX-License-Identifier: GPL-2.0
#include <stdio.h>
#include <string.h>

#include "ledger.h"
#include "util.h"

void wrong(struct ledger *l, const char *what, uint32_t generation,
	   uint64_t number)
{
	if (__atomic_exchange_n(&l->is_wrong, true, __ATOMIC_ACQ_REL))
		return;
	snprintf(l->wrong, sizeof(l->wrong), "%s: generation %u of %u, %llu",
		 what, generation, l->count, (unsigned long long)number);
}

/* Numbers */

uint16_t epoch_of(const struct ledger *l, uint32_t generation)
{
	return l->how == EPOCHS ? 1 + generation % 65535 : 1;
}

uint64_t first_of(const struct ledger *l, uint32_t generation)
{
	return l->how == DOWN ? (uint64_t)(l->count - generation) << 8 : 1;
}

uint64_t first_answer(uint32_t generation)
{
	return (uint64_t)generation << 16;
}

uint32_t generation_of(const struct ledger *l, uint32_t last,
		       const struct record *r)
{
	if (l->how == DOWN)
		return l->count - (r->seq >> 8);
	/* Epochs begin again, too, but not that soon. */
	return last - (last + 65535 - (r->epoch - 1) % 65535) % 65535;
}

int steered(uint64_t seq)
{
	return (seq & 0xff) / 4 % MEMBERS;
}

/* Keys */

static void make_secret(struct secret *s)
{
	rnd_bytes(s->key, sizeof(s->key));
	rnd_bytes(s->iv, sizeof(s->iv));
	rnd_bytes(&s->nonce, sizeof(s->nonce));
}

void generation_init(struct generation *gen)
{
	make_secret(&gen->in);
	make_secret(&gen->out);
	gen->end = MOST + LATE;
}

void use_secret(struct oracle *o, const struct secret *s, uint16_t epoch,
		uint64_t seq)
{
	oracle_rekey(o, s->key, s->iv);
	o->nonce = s->nonce;
	o->epoch = epoch;
	o->seq = seq;
}

/* What comes */

bool set_bit(uint64_t *bits, uint32_t number)
{
	uint64_t bit = 1ULL << number;

	return __atomic_fetch_or(bits, bit, __ATOMIC_ACQ_REL) & bit;
}

int count_bits(uint64_t bits)
{
	return __builtin_popcountll(bits);
}

static void mark(struct ledger *l, uint8_t *list, uint32_t generation,
		 uint64_t n)
{
	if (n >= ANSWERS) {
		wrong(l, "a number or nonce is out of range", generation, n);
		return;
	}
	if (list[n / 8] >> (n % 8) & 1)
		wrong(l, "a number or nonce came twice", generation, n);
	list[n / 8] |= 1 << (n % 8);
}

void got_answer(struct ledger *l, struct generation *gen, uint32_t generation,
		const struct oracle *o, const struct record *r)
{
	mark(l, gen->numbers, generation, r->seq - first_answer(generation));
	if (oracle_explicit_len(o))
		mark(l, gen->nonces, generation, r->nonce - gen->out.nonce);
}

/* Judgement */

void add_generation(struct sum *s, const struct ledger *l,
		    const struct generation *gen, uint32_t generation,
		    int owner)
{
	uint64_t got = LOAD(gen->got), raw = LOAD(gen->raw);
	uint32_t i, sent = LOAD(gen->sent);
	int to;

	s->sent += sent;
	s->got += count_bits(got);
	s->raw += count_bits(raw);
	for (i = 0; i < sent; i++) {
		to = steered(first_of(l, generation) + i);
		s->forwarded += got >> i & (to != owner);
		s->forwarded += raw >> i & (to != 0);
	}
}

/*
 * Of what came to one member, in this order, first the early ones are not opened,
 * then all are, then none: that is what "in one step" means.
 */
static void judge_order(struct ledger *l, const struct generation *gen,
			uint32_t generation, int member)
{
	bool opened = false, lost = false, got;
	uint32_t i;

	for (i = 0; i < gen->sent; i++) {
		if (steered(first_of(l, generation) + i) != member)
			continue;
		got = gen->got >> i & 1;
		if (got && lost)
			wrong(l, "received behind one that was lost",
			      generation, i);
		if (got && i >= gen->end)
			wrong(l, "received by keys that were replaced",
			      generation, i);
		opened |= got;
		lost |= !got && (opened || i >= gen->early);
	}
	if (lost && generation == l->count - 1)
		wrong(l, "lost by keys that serve", generation, gen->got);
}

/* Numbers are taken in order, and all that was sealed has come. */
static uint64_t judge_answers(struct ledger *l, const struct generation *gen,
			      uint32_t generation)
{
	bool gap = false, came;
	uint64_t i, count = 0;

	for (i = 0; i < ANSWERS; i++) {
		came = gen->numbers[i / 8] >> (i % 8) & 1;
		if (came && gap)
			wrong(l, "a number was left out", generation, i);
		gap |= !came;
		count += came;
	}
	return count;
}

uint64_t judge_generation(struct ledger *l, const struct generation *gen,
			  uint32_t generation)
{
	uint64_t sent = (1ULL << gen->sent) - 1;
	int member, lost = count_bits(sent & ~gen->got);

	if (gen->got && gen->came_by != gen->session)
		wrong(l, "by another session", generation, gen->came_by);
	if (lost > FLIGHT + LATE)
		wrong(l, "more lost than was under way", generation, lost);
	if (gen->raw != (l->handshake ? sent & ~gen->got : 0))
		wrong(l, "the helper's share", generation, gen->raw);
	for (member = 0; member < MEMBERS; member++)
		judge_order(l, gen, generation, member);
	return judge_answers(l, gen, generation);
}
