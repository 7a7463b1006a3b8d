// SPDX-License-Identifier: GPL-2.0
/*
 * What sessions did between two lists. The first one is kept: 48 bytes a session.
 * How long that was each session's age tells, by the kernel's clock.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "rates.h"

/* What is told of a session at one time. */
struct rates_mark {
	uint32_t	endpoint;
	uint32_t	session;
	uint64_t	age;
	uint64_t	rx_bytes;
	uint64_t	rx_records;
	uint64_t	tx_bytes;
	uint64_t	tx_records;
};

static int compare(const void *a, const void *b)
{
	const struct rates_mark *x = a, *y = b;

	if (x->endpoint != y->endpoint)
		return x->endpoint < y->endpoint ? -1 : 1;
	if (x->session != y->session)
		return x->session < y->session ? -1 : 1;
	return 0;
}

static struct rates_mark mark_of(const struct told *t)
{
	return (struct rates_mark) {
		.endpoint = t->endpoint,
		.session = t->session,
		.age = t->age,
		.rx_bytes = t->info.rx_bytes,
		.rx_records = t->info.rx_records,
		.tx_bytes = t->info.tx_bytes,
		.tx_records = t->info.tx_records,
	};
}

static int grow(struct rates *r)
{
	size_t room = r->room ? r->room * 2 : 64;
	void *marks = reallocarray(r->marks, room, sizeof(*r->marks));

	if (!marks)
		return -ENOMEM;
	r->marks = marks;
	r->room = room;
	return 0;
}

int rates_keep(struct rates *r, const struct told *t)
{
	struct rates_mark *last;

	if (r->count == r->room && grow(r))
		return -ENOMEM;
	r->marks[r->count] = mark_of(t);
	last = r->count ? &r->marks[r->count - 1] : NULL;
	/* The kernel lists them in order; who is told twice is out of it. */
	if (last && compare(last, &r->marks[r->count]) >= 0)
		r->unsorted = true;
	r->count++;
	return 0;
}

void rates_kept(struct rates *r)
{
	if (r->unsorted)
		qsort(r->marks, r->count, sizeof(*r->marks), compare);
}

static uint64_t per_second(uint64_t now, uint64_t before, uint64_t ms)
{
	/* A number that went back is of another session. */
	return now > before ? (uint64_t)((double)(now - before) * 1000 / (double)ms) : 0;
}

struct rate rates_of(const struct rates *r, const struct told *t)
{
	struct rates_mark now = mark_of(t), none = { .age = 0 };
	const struct rates_mark *before = &none;
	uint64_t ms;

	if (r->count)
		before = bsearch(&now, r->marks, r->count, sizeof(now), compare);
	/* It is new, or its number is: then it is all of its life. */
	if (!before || before->age > now.age)
		before = &none;
	ms = now.age - before->age;
	if (!ms)
		ms = 1;
	return (struct rate) {
		.rx_bytes = per_second(now.rx_bytes, before->rx_bytes, ms),
		.rx_records = per_second(now.rx_records, before->rx_records, ms),
		.tx_bytes = per_second(now.tx_bytes, before->tx_bytes, ms),
		.tx_records = per_second(now.tx_records, before->tx_records, ms),
	};
}

void rates_free(struct rates *r)
{
	free(r->marks);
	memset(r, 0, sizeof(*r));
}
