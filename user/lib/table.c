// SPDX-License-Identifier: LGPL-2.1-or-later
/* An endpoint's server sessions by their two addresses. */
#include <netinet/in.h>
#include <stdlib.h>

#include "endpoint.h"

static u64 mix(u64 h, const void *data, size_t len)
{
	const u8 *p = data;

	while (len--)
		h = (h ^ *p++) * 0x100000001b3ULL;
	return h ^ h >> 29;
}

static u64 hash_one(u64 h, const struct sockaddr_storage *ss)
{
	const struct sockaddr_in6 *in6 = (const void *)ss;
	const struct sockaddr_in *in = (const void *)ss;

	/* The port is at the same place in both families. */
	h = mix(h, &in->sin_port, sizeof(in->sin_port));
	if (ss->ss_family == AF_INET)
		return mix(h, &in->sin_addr, sizeof(in->sin_addr));
	return mix(h, &in6->sin6_addr, sizeof(in6->sin6_addr));
}

static size_t bucket(const struct kdtls_endpoint *ep,
		     const struct sockaddr_storage *peer,
		     const struct sockaddr_storage *local)
{
	return hash_one(hash_one(ep->hash_seed, peer), local) &
	       (ep->hash_size - 1);
}

static void link_in(struct kdtls_endpoint *ep, struct kdtls_session *s)
{
	struct kdtls_session **head =
		&ep->hash[bucket(ep, &s->peer, &s->local)];

	s->hash_next = *head;
	*head = s;
}

/* Twice as many buckets. Without memory the chains just get longer. */
static void grow(struct kdtls_endpoint *ep)
{
	size_t size = ep->hash_size * 2, old_size = ep->hash_size, i;
	struct kdtls_session **old = ep->hash, *s, *next;

	ep->hash = calloc(size, sizeof(*ep->hash));
	if (!ep->hash) {
		ep->hash = old;
		return;
	}
	ep->hash_size = size;
	for (i = 0; i < old_size; i++)
		for (s = old[i]; s; s = next) {
			next = s->hash_next;
			link_in(ep, s);
		}
	free(old);
}

int kdtls_table_add(struct kdtls_endpoint *ep, struct kdtls_session *s)
{
	if (!ep->hash) {
		ep->hash = calloc(KDTLS_HASH_MIN, sizeof(*ep->hash));
		if (!ep->hash)
			return -ENOMEM;
		ep->hash_size = KDTLS_HASH_MIN;
	}
	if (ep->hash_n >= ep->hash_size)
		grow(ep);
	link_in(ep, s);
	s->hashed = true;
	ep->hash_n++;
	return 0;
}

void kdtls_table_del(struct kdtls_endpoint *ep, struct kdtls_session *s)
{
	struct kdtls_session **pp;

	if (!s->hashed)
		return;
	pp = &ep->hash[bucket(ep, &s->peer, &s->local)];
	while (*pp != s)
		pp = &(*pp)->hash_next;
	*pp = s->hash_next;
	s->hashed = false;
	ep->hash_n--;
}

struct kdtls_session *kdtls_table_find(struct kdtls_endpoint *ep,
				       const struct sockaddr_storage *peer,
				       const struct sockaddr_storage *local)
{
	struct kdtls_session *s;

	if (!ep->hash)
		return NULL;
	for (s = ep->hash[bucket(ep, peer, local)]; s; s = s->hash_next)
		if (kdtls_io_same(&s->peer, peer) &&
		    kdtls_io_same(&s->local, local))
			return s;
	return NULL;
}
