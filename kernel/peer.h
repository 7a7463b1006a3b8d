/* SPDX-License-Identifier: GPL-2.0 */
/* A session of an endpoint, and the table that it is found in. */
#ifndef KDTLS_PEER_H
#define KDTLS_PEER_H

#include <linux/in6.h>
#include <linux/jiffies.h>
#include <linux/rcupdate.h>
#include <linux/refcount.h>
#include <linux/rhashtable-types.h>

#include "session.h"

struct kdtls_endpoint;
struct sk_buff;

/**
 * struct kdtls_peer_key - whose session it is
 * @addr: the peer's address, IPv4 as a mapped one
 * @scope: the interface of a link-local @addr, otherwise 0
 * @port: the peer's port
 * @pad: 0
 * @local: our address, of an endpoint that is bound to any; otherwise, and to
 *	find a session whatever our address is, all zero
 *
 * Our port is the endpoint's. A Connection ID will be another way to find the
 * same session (RFC 9146).
 */
struct kdtls_peer_key {
	struct in6_addr	addr;
	u32		scope;
	__be16		port;
	u16		pad;
	struct in6_addr	local;
};

/**
 * struct kdtls_peer - a session of an endpoint
 * @session: its keys, state and counters
 * @node: position in the table by @key
 * @key: whose it is
 * @refs: one for the table, one for each call that uses it
 * @id: its number in the endpoint; position in the table by number
 * @endpoint: whose it is; outlives every call that can come by it
 * @owner: the member that gets what it receives, 0 for whoever received it
 * @twins: the sessions with the same peer, but other addresses of ours; read
 *	without the lock only to see whether there are any
 * @handshake: a new handshake is under way: what does not open goes to the helper
 * @retire_ms: how long keys serve after newer ones are there
 * @idle_ms: how long the session may be idle, 0 for ever
 * @used: when a record was last sealed or opened, in jiffies
 * @created: when it began, in jiffies
 * @timer: position in the endpoint's wheel
 * @rcu: the structure, but no key, outlives the last reference
 */
struct kdtls_peer {
	struct kdtls_session	session;
	struct rhash_head	node;
	struct kdtls_peer_key	key;
	refcount_t		refs;
	u32			id;
	struct kdtls_endpoint	*endpoint;
	u32			owner;
	bool			handshake;
	u32			retire_ms;
	u32			idle_ms;
	unsigned long		used;
	unsigned long		created;
	struct list_head	twins;
	union {
		struct hlist_node	timer;
		struct rcu_head		rcu;
	};
};

/* Sessions with one peer at most: they are all in one chain of the table. */
#define KDTLS_TWINS_MAX		8

struct kdtls_peer *kdtls_peer_new(struct kdtls_endpoint *endpoint,
				  const struct kdtls_peer_key *key);
void kdtls_peer_discard(struct kdtls_peer *peer);
int kdtls_peer_add(struct kdtls_peer *peer);
int kdtls_peer_replace(struct kdtls_peer *old, struct kdtls_peer *peer);
bool kdtls_peer_remove(struct kdtls_peer *peer);
struct kdtls_peer *kdtls_peer_find(struct kdtls_endpoint *endpoint,
				   const struct kdtls_peer_key *key);
struct kdtls_peer *kdtls_peer_of_skb(struct kdtls_endpoint *endpoint,
				     const struct sk_buff *skb);
struct kdtls_peer *kdtls_peer_of_id(struct kdtls_endpoint *endpoint, u32 id);
struct kdtls_peer *kdtls_peer_after(struct kdtls_endpoint *endpoint, u32 id);
void kdtls_peer_put(struct kdtls_peer *peer);

int kdtls_peers_init(struct kdtls_endpoint *endpoint);
void kdtls_peers_purge(struct kdtls_endpoint *endpoint);
void kdtls_peers_exit(struct kdtls_endpoint *endpoint);
int kdtls_peer_module_init(void);
void kdtls_peer_module_exit(void);

/* sweep.c */
void kdtls_peer_arm(struct kdtls_peer *peer);
void kdtls_peer_disarm(struct kdtls_peer *peer);
void kdtls_sweep_init(struct kdtls_endpoint *endpoint);
void kdtls_sweep_exit(struct kdtls_endpoint *endpoint);

/* A record was sealed or opened: most of the time that is known already. */
static inline void kdtls_peer_used(struct kdtls_peer *peer)
{
	unsigned long now = jiffies;

	if (READ_ONCE(peer->used) != now)
		WRITE_ONCE(peer->used, now);
}

#endif /* KDTLS_PEER_H */
