/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A plain model of the replay window: the set of all numbers that were
 * committed. Window and model are kept side by side, and asked the same.
 */
#ifndef KDTLS_SELFTESTS_MODEL_H
#define KDTLS_SELFTESTS_MODEL_H

#include <stdlib.h>

#include <shared/window.h>

/* A fuzzer is to explore the window, and not the model of it. */
#ifdef __clang__
#define MODEL_FN	static inline __attribute__((no_sanitize("coverage")))
#else
#define MODEL_FN	static inline
#endif

/* An open-addressed set of numbers. */
#define MODEL_SLOTS	(1U << 16)

/**
 * struct model - what the window must say, in the words of the RFC
 * @slot: the set of the numbers that were committed
 * @turn: of a slot: what it says counts in this turn of the model. So a model
 *	can begin anew without the whole of it being cleared
 * @count: slots in use
 * @next: one above the highest number
 * @told_from: all below counts as seen
 * @size: of the window
 */
struct model {
	struct {
		uint64_t	number;
		uint32_t	turn;
	} slot[MODEL_SLOTS];
	uint32_t	turn;
	uint32_t	count;
	uint64_t	next;
	uint64_t	told_from;
	uint32_t	size;
};

MODEL_FN uint32_t model_slot(const struct model *m, uint64_t n)
{
	uint32_t i = (n * 0x9e3779b97f4a7c15ULL) >> 48;

	while (m->slot[i].turn == m->turn && m->slot[i].number != n)
		i = (i + 1) % MODEL_SLOTS;
	return i;
}

MODEL_FN bool model_has(const struct model *m, uint64_t n)
{
	return m->slot[model_slot(m, n)].turn == m->turn;
}

MODEL_FN void model_add(struct model *m, uint64_t n)
{
	uint32_t i = model_slot(m, n);

	m->count += m->slot[i].turn != m->turn;
	m->slot[i].number = n;
	m->slot[i].turn = m->turn;
}

/* Half of the slots stay empty, or to look for a number takes too long. */
MODEL_FN bool model_full(const struct model *m)
{
	return m->count >= MODEL_SLOTS / 2;
}

MODEL_FN int model_check(const struct model *m, uint64_t n)
{
	if (n >= m->next)
		return 0;
	if (n + m->size < m->next)
		return -ESTALE;
	return n < m->told_from || model_has(m, n) ? -EALREADY : 0;
}

MODEL_FN void model_commit(struct model *m, uint64_t n)
{
	model_add(m, n);
	if (n >= m->next)
		m->next = n + 1;
}

MODEL_FN void model_init(struct model *m, uint32_t size, uint64_t next,
			 uint64_t seen)
{
	int i;

	m->turn++;
	m->count = 0;
	m->size = size;
	m->next = next;
	m->told_from = next > 64 ? next - 64 : 0;
	for (i = 0; i < 64 && (uint64_t)i < next; i++)
		if (seen >> i & 1)
			model_add(m, next - 1 - i);
}

struct both {
	struct model		*m;
	struct kdtls_window	*w;
};

MODEL_FN void both_init(struct both *b, uint32_t size, uint64_t next,
			uint64_t seen)
{
	/* Large, and one at a time is enough. */
	static struct model model;

	b->m = &model;
	/* Of exactly this size, so that a step outside is found. */
	b->w = malloc(kdtls_window_bytes(size));
	if (!b->w)
		abort();
	memset(b->w, 0x5a, kdtls_window_bytes(size));
	model_init(b->m, size, next, seen);
	kdtls_window_init(b->w, size, next, seen);
}

MODEL_FN void both_free(struct both *b)
{
	free(b->w);
}

/* Both say the same of @n, and of committing it if @commit. */
MODEL_FN bool agree(struct both *b, uint64_t n, bool commit)
{
	int want = model_check(b->m, n);

	if (kdtls_window_check(b->w, n) != want)
		return false;
	if (commit) {
		if (kdtls_window_commit(b->w, n) != want)
			return false;
		if (!want)
			model_commit(b->m, n);
	}
	return b->w->next == b->m->next && b->w->size == b->m->size;
}

#endif /* KDTLS_SELFTESTS_MODEL_H */
