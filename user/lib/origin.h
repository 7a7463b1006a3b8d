/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* How much of an endpoint each source address has. */
#ifndef KDTLS_ORIGIN_H
#define KDTLS_ORIGIN_H

#include <sys/socket.h>

#include <shared/types.h>

struct kdtls_endpoint;
struct kdtls_session;

#define KDTLS_PREFIX_LEN	16

/**
 * struct kdtls_origin - one source and what it has
 * @next: in its bucket
 * @prefix: see kdtls_origin_prefix()
 * @sessions: of it, unfinished ones included
 * @handshakes: unfinished ones
 */
struct kdtls_origin {
	struct kdtls_origin	*next;
	u8			prefix[KDTLS_PREFIX_LEN];
	u32			sessions;
	u32			handshakes;
};

/**
 * struct kdtls_origins - the sources that have a session
 * @hash: by prefix
 * @size: buckets, a power of two
 * @n: sources
 */
struct kdtls_origins {
	struct kdtls_origin	**hash;
	size_t			size;
	size_t			n;
};

/*
 * What counts as one source: an IPv4 address, also one that is mapped into IPv6; of
 * IPv6 addresses the first 64 bits, as whoever has one of them has all.
 */
void kdtls_origin_prefix(const struct sockaddr_storage *ss,
			 u8 out[KDTLS_PREFIX_LEN]);

/* May a source have one more session? */
bool kdtls_origin_may(const struct kdtls_endpoint *ep,
		      const struct sockaddr_storage *peer);

/* Count a session of a peer, whose handshake begins. 0 or -ENOMEM. */
int kdtls_origin_add(struct kdtls_endpoint *ep, struct kdtls_session *s);

/* Its handshake is finished. */
void kdtls_origin_opened(struct kdtls_session *s);

/* It is over; both do nothing for a session that was not counted. */
void kdtls_origin_del(struct kdtls_endpoint *ep, struct kdtls_session *s);

#endif /* KDTLS_ORIGIN_H */
