// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Limits for each source. They are asked before the cookie is, and count what has
 * shown a cookie only: who forges addresses fills nobody else's share.
 */
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "endpoint.h"
#include "origin.h"

#define BUCKETS_MIN 64

int kdtls_config_set_max_source_sessions(struct kdtls_config *config,
					 unsigned int sessions)
{
	return kdtls_config_number(config, &config->source_sessions, sessions,
				   0, INT32_MAX, "max source sessions");
}

int kdtls_config_set_max_source_handshakes(struct kdtls_config *config,
					   unsigned int handshakes)
{
	return kdtls_config_number(config, &config->source_handshakes,
				   handshakes, 0, INT32_MAX,
				   "max source handshakes");
}

void kdtls_origin_prefix(const struct sockaddr_storage *ss,
			 u8 out[KDTLS_PREFIX_LEN])
{
	/* 64:ff9b::/96: what follows is an IPv4 address (RFC 6052). */
	static const u8 translated[12] = { 0, 0x64, 0xff, 0x9b };
	const struct sockaddr_in6 *in6 = (const void *)ss;
	const struct sockaddr_in *in = (const void *)ss;

	memset(out, 0, KDTLS_PREFIX_LEN);
	if (ss->ss_family == AF_INET) {
		out[10] = 0xff;
		out[11] = 0xff;
		memcpy(out + 12, &in->sin_addr, 4);
	} else if (IN6_IS_ADDR_V4MAPPED(&in6->sin6_addr) ||
		   !memcmp(&in6->sin6_addr, translated, sizeof(translated))) {
		memcpy(out, &in6->sin6_addr, KDTLS_PREFIX_LEN);
	} else {
		memcpy(out, &in6->sin6_addr, 8);
	}
}

/* ---- the table ---- */

static bool wanted(const struct kdtls_config *config)
{
	return config->source_sessions || config->source_handshakes;
}

static size_t bucket(const struct kdtls_endpoint *ep, const u8 *prefix)
{
	u64 h = ep->hash_seed;
	int i;

	for (i = 0; i < KDTLS_PREFIX_LEN; i++)
		h = (h ^ prefix[i]) * 0x100000001b3ULL;
	return (h ^ h >> 29) & (ep->origins.size - 1);
}

static struct kdtls_origin *find(const struct kdtls_endpoint *ep,
				 const struct sockaddr_storage *peer)
{
	u8 prefix[KDTLS_PREFIX_LEN];
	struct kdtls_origin *o;

	if (!ep->origins.size)
		return NULL;
	kdtls_origin_prefix(peer, prefix);
	for (o = ep->origins.hash[bucket(ep, prefix)]; o; o = o->next)
		if (!memcmp(o->prefix, prefix, sizeof(prefix)))
			return o;
	return NULL;
}

static void link_in(struct kdtls_endpoint *ep, struct kdtls_origin *o)
{
	struct kdtls_origin **head = &ep->origins.hash[bucket(ep, o->prefix)];

	o->next = *head;
	*head = o;
}

/* Without memory the chains just get longer, but for the first ones. */
static int grow(struct kdtls_endpoint *ep)
{
	struct kdtls_origins *t = &ep->origins;
	struct kdtls_origin **old = t->hash, *o, *next;
	size_t old_size = t->size, i;

	if (t->n < t->size)
		return 0;
	t->hash = calloc(t->size ? 2 * t->size : BUCKETS_MIN, sizeof(*t->hash));
	if (!t->hash) {
		t->hash = old;
		return old ? 0 : -ENOMEM;
	}
	t->size = old_size ? 2 * old_size : BUCKETS_MIN;
	for (i = 0; i < old_size; i++)
		for (o = old[i]; o; o = next) {
			next = o->next;
			link_in(ep, o);
		}
	free(old);
	return 0;
}

static struct kdtls_origin *make(struct kdtls_endpoint *ep,
				 const struct sockaddr_storage *peer)
{
	struct kdtls_origin *o;

	if (grow(ep))
		return NULL;
	o = calloc(1, sizeof(*o));
	if (!o)
		return NULL;
	kdtls_origin_prefix(peer, o->prefix);
	link_in(ep, o);
	ep->origins.n++;
	return o;
}

static void drop(struct kdtls_endpoint *ep, struct kdtls_origin *o)
{
	struct kdtls_origin **pp = &ep->origins.hash[bucket(ep, o->prefix)];

	while (*pp != o)
		pp = &(*pp)->next;
	*pp = o->next;
	free(o);
	if (--ep->origins.n)
		return;
	free(ep->origins.hash);
	memset(&ep->origins, 0, sizeof(ep->origins));
}

/* ---- sessions ---- */

static bool below(u32 n, unsigned int limit)
{
	return !limit || n < limit;
}

bool kdtls_origin_may(const struct kdtls_endpoint *ep,
		      const struct sockaddr_storage *peer)
{
	const struct kdtls_config *config = ep->config;
	const struct kdtls_origin *o = find(ep, peer);

	return !o || (below(o->sessions, config->source_sessions) &&
		      below(o->handshakes, config->source_handshakes));
}

int kdtls_origin_add(struct kdtls_endpoint *ep, struct kdtls_session *s)
{
	struct kdtls_origin *o;

	if (!wanted(ep->config))
		return 0;
	o = find(ep, &s->peer);
	if (!o)
		o = make(ep, &s->peer);
	if (!o)
		return -ENOMEM;
	o->sessions++;
	o->handshakes++;
	s->origin = o;
	s->origin_handshake = true;
	return 0;
}

void kdtls_origin_opened(struct kdtls_session *s)
{
	if (s->origin_handshake)
		s->origin->handshakes--;
	s->origin_handshake = false;
}

void kdtls_origin_del(struct kdtls_endpoint *ep, struct kdtls_session *s)
{
	struct kdtls_origin *o = s->origin;

	if (!o)
		return;
	kdtls_origin_opened(s);
	s->origin = NULL;
	if (!--o->sessions)
		drop(ep, o);
}
