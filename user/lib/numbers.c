// SPDX-License-Identifier: LGPL-2.1-or-later
/* An endpoint's sessions by the numbers that the kernel gave them. */
#include <stdlib.h>

#include "endpoint.h"

#define BUCKETS_MIN 64

static struct kdtls_session **bucket(struct kdtls_numbered *t, u32 number)
{
	/* They are given one after the other. */
	return &t->hash[number & (t->size - 1)];
}

/* Without memory the chains just get longer, but for the first ones. */
static int grow(struct kdtls_numbered *t)
{
	struct kdtls_session **old = t->hash, **head, *s, *next;
	size_t old_size = t->size, i;

	if (t->n < t->size)
		return 0;
	t->hash = calloc(old_size ? 2 * old_size : BUCKETS_MIN,
			 sizeof(*t->hash));
	if (!t->hash) {
		t->hash = old;
		return old ? 0 : -ENOMEM;
	}
	t->size = old_size ? 2 * old_size : BUCKETS_MIN;
	for (i = 0; i < old_size; i++)
		for (s = old[i]; s; s = next) {
			next = s->number_next;
			head = bucket(t, s->member_session);
			s->number_next = *head;
			*head = s;
		}
	free(old);
	return 0;
}

int kdtls_number_reserve(struct kdtls_endpoint *ep)
{
	return grow(&ep->numbered);
}

void kdtls_number_add(struct kdtls_endpoint *ep, struct kdtls_session *s)
{
	struct kdtls_session **head = bucket(&ep->numbered, s->member_session);

	s->number_next = *head;
	*head = s;
	ep->numbered.n++;
}

void kdtls_number_del(struct kdtls_endpoint *ep, struct kdtls_session *s)
{
	struct kdtls_session **pp;

	if (!s->member_session)
		return;
	pp = bucket(&ep->numbered, s->member_session);
	while (*pp != s)
		pp = &(*pp)->number_next;
	*pp = s->number_next;
	s->member_session = 0;
	ep->numbered.n--;
}

struct kdtls_session *kdtls_number_find(struct kdtls_endpoint *ep, u32 number)
{
	struct kdtls_session *s;

	if (!ep->numbered.hash)
		return NULL;
	for (s = *bucket(&ep->numbered, number); s; s = s->number_next)
		if (s->member_session == number)
			return s;
	return NULL;
}
