/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Timers: a binary heap. */
#ifndef KDTLS_TIMER_H
#define KDTLS_TIMER_H

#include <shared/types.h>

/* struct kdtls_timer.slot of a timer that is not set */
#define KDTLS_TIMER_OFF		((size_t)-1)

/* Embedded in what it wakes. @at: monotonic milliseconds. */
struct kdtls_timer {
	u64	at;
	size_t	slot;
};

struct kdtls_timers {
	struct kdtls_timer	**heap;
	size_t			n;
	size_t			cap;
};

/* Make room for one more timer, so that setting it cannot fail. */
int kdtls_timers_reserve(struct kdtls_timers *t, size_t timers);

void kdtls_timer_init(struct kdtls_timer *timer);

/* Set it, or set it anew. */
void kdtls_timer_set(struct kdtls_timers *t, struct kdtls_timer *timer, u64 at);

void kdtls_timer_cancel(struct kdtls_timers *t, struct kdtls_timer *timer);

/* The next one to go off, or NULL. */
struct kdtls_timer *kdtls_timers_first(const struct kdtls_timers *t);

#endif /* KDTLS_TIMER_H */
