/* SPDX-License-Identifier: GPL-2.0 */
/* What sessions did between two lists. */
#ifndef KDTLS_TOOL_RATES_H
#define KDTLS_TOOL_RATES_H

#include "control.h"

struct rates_mark;

/**
 * struct rates - a list of sessions that is kept
 * @marks: one for each session
 * @count: how many there are
 * @room: how many fit
 * @unsorted: they did not come in order
 */
struct rates {
	struct rates_mark	*marks;
	size_t			count;
	size_t			room;
	bool			unsorted;
};

/* Keep a session of the first list: 0 or -ENOMEM. */
int rates_keep(struct rates *r, const struct told *t);
/* The first list is over. */
void rates_kept(struct rates *r);
/* A session of the second list. One that was not in the first: since it began. */
struct rate rates_of(const struct rates *r, const struct told *t);
void rates_free(struct rates *r);

#endif /* KDTLS_TOOL_RATES_H */
