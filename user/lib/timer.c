// SPDX-License-Identifier: LGPL-2.1-or-later
/* Timers: a binary heap, whose members know their place in it. */
#include <stdlib.h>

#include "timer.h"

int kdtls_timers_reserve(struct kdtls_timers *t, size_t timers)
{
	struct kdtls_timer **heap;
	size_t cap = t->cap ? t->cap : 16;

	while (cap < timers)
		cap *= 2;
	if (cap == t->cap)
		return 0;
	heap = realloc(t->heap, cap * sizeof(*heap));
	if (!heap)
		return -ENOMEM;
	t->heap = heap;
	t->cap = cap;
	return 0;
}

void kdtls_timer_init(struct kdtls_timer *timer)
{
	timer->slot = KDTLS_TIMER_OFF;
}

static void put(struct kdtls_timers *t, size_t slot, struct kdtls_timer *timer)
{
	t->heap[slot] = timer;
	timer->slot = slot;
}

static void up(struct kdtls_timers *t, size_t slot)
{
	struct kdtls_timer *timer = t->heap[slot];

	for (; slot && t->heap[(slot - 1) / 2]->at > timer->at;
	     slot = (slot - 1) / 2)
		put(t, slot, t->heap[(slot - 1) / 2]);
	put(t, slot, timer);
}

static void down(struct kdtls_timers *t, size_t slot)
{
	struct kdtls_timer *timer = t->heap[slot];
	size_t child;

	while ((child = 2 * slot + 1) < t->n) {
		if (child + 1 < t->n &&
		    t->heap[child + 1]->at < t->heap[child]->at)
			child++;
		if (t->heap[child]->at >= timer->at)
			break;
		put(t, slot, t->heap[child]);
		slot = child;
	}
	put(t, slot, timer);
}

void kdtls_timer_set(struct kdtls_timers *t, struct kdtls_timer *timer, u64 at)
{
	if (timer->slot == KDTLS_TIMER_OFF)
		put(t, t->n++, timer);
	timer->at = at;
	up(t, timer->slot);
	down(t, timer->slot);
}

void kdtls_timer_cancel(struct kdtls_timers *t, struct kdtls_timer *timer)
{
	size_t slot = timer->slot;

	if (slot == KDTLS_TIMER_OFF)
		return;
	timer->slot = KDTLS_TIMER_OFF;
	if (slot == --t->n)
		return;
	put(t, slot, t->heap[t->n]);
	up(t, slot);
	down(t, t->heap[slot]->slot);
}

struct kdtls_timer *kdtls_timers_first(const struct kdtls_timers *t)
{
	return t->n ? t->heap[0] : NULL;
}
