// SPDX-License-Identifier: GPL-2.0
/*
 * An endpoint's sessions: the table by peer, which the data path reads without a
 * lock, and the one by number, by which lists go on where they stopped.
 */
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/jhash.h>
#include <linux/rhashtable.h>
#include <linux/slab.h>
#include <linux/udp.h>
#include <net/ipv6.h>
#include <net/sock.h>

#include "compat.h"
#include "endpoint.h"
#include "event.h"
#include "peer.h"
#include "stat.h"
#include "trace.h"

static struct kmem_cache *kdtls_peer_cache;

/* Our address is left out: whoever does not know it finds the same chain. */
static u32 kdtls_peer_hash_key(const void *data, u32 len, u32 seed)
{
	return jhash(data, offsetof(struct kdtls_peer_key, local), seed);
}

static u32 kdtls_peer_hash(const void *data, u32 len, u32 seed)
{
	const struct kdtls_peer *peer = data;

	return kdtls_peer_hash_key(&peer->key, len, seed);
}

/* Returns 0 if it is the one. */
static int kdtls_peer_compare(struct rhashtable_compare_arg *arg,
			      const void *object)
{
	const struct kdtls_peer_key *key = arg->key;
	const struct kdtls_peer *peer = object;

	if (memcmp(key, &peer->key, offsetof(struct kdtls_peer_key, local)))
		return 1;
	return !ipv6_addr_any(&key->local) &&
	       !ipv6_addr_equal(&key->local, &peer->key.local);
}

static const struct rhashtable_params kdtls_peer_params = {
	.key_len		= sizeof(struct kdtls_peer_key),
	.key_offset		= offsetof(struct kdtls_peer, key),
	.head_offset		= offsetof(struct kdtls_peer, node),
	.hashfn			= kdtls_peer_hash_key,
	.obj_hashfn		= kdtls_peer_hash,
	.obj_cmpfn		= kdtls_peer_compare,
	.automatic_shrinking	= true,
};

/**
 * kdtls_peer_new() - make a session that nobody can find yet
 * @endpoint: whose it will be
 * @key: whose it is
 *
 * Context: Process context, may sleep.
 * Return: the session with one reference, or NULL.
 */
struct kdtls_peer *kdtls_peer_new(struct kdtls_endpoint *endpoint,
				  const struct kdtls_peer_key *key)
{
	struct kdtls_peer *peer;

	peer = kmem_cache_zalloc(kdtls_peer_cache, GFP_KERNEL_ACCOUNT);
	if (!peer)
		return NULL;
	refcount_set(&peer->refs, 1);
	INIT_LIST_HEAD(&peer->twins);
	peer->key = *key;
	peer->endpoint = endpoint;
	peer->retire_ms = DTLS_RETIRE_MAX;
	peer->created = jiffies;
	peer->used = peer->created;
	return peer;
}

static void kdtls_peer_free(struct rcu_head *rcu)
{
	kmem_cache_free(kdtls_peer_cache,
			container_of(rcu, struct kdtls_peer, rcu));
}

/**
 * kdtls_peer_put() - drop a reference; the last one wipes the keys at once
 * @peer: the session
 *
 * Context: Process context, may sleep.
 */
void kdtls_peer_put(struct kdtls_peer *peer)
{
	if (!refcount_dec_and_test(&peer->refs))
		return;
	kdtls_session_release(&peer->session);
	call_rcu(&peer->rcu, kdtls_peer_free);
}

/* To be called under RCU. */
static struct kdtls_peer *kdtls_peer_hold(struct kdtls_peer *peer)
{
	return peer && refcount_inc_not_zero(&peer->refs) ? peer : NULL;
}

/* A session with the same peer, by whichever address of ours. */
static struct kdtls_peer *kdtls_peer_twin(const struct kdtls_peer *peer)
{
	struct kdtls_peer_key key = peer->key;

	memset(&key.local, 0, sizeof(key.local));
	return rhashtable_lookup(&peer->endpoint->peers, &key,
				 kdtls_peer_params);
}

/*
 * Of several sessions with one peer, a call must say which of them it means. To be
 * called before the new one can be found.
 */
static int kdtls_peer_join_twins(struct kdtls_peer *peer)
{
	struct kdtls_peer *twin;
	int err = 0;

	rcu_read_lock();
	twin = kdtls_peer_twin(peer);
	if (!twin)
		goto out;
	err = -EEXIST;
	if (rhashtable_lookup(&peer->endpoint->peers, &peer->key,
			      kdtls_peer_params))
		goto out;
	err = -ENOSPC;
	if (list_count_nodes(&twin->twins) >= KDTLS_TWINS_MAX - 1)
		goto out;
	err = 0;
	list_add(&peer->twins, &twin->twins);
out:
	rcu_read_unlock();
	return err;
}

static int kdtls_peer_number(struct kdtls_peer *peer)
{
	struct kdtls_endpoint *endpoint = peer->endpoint;

	/* Readers of the number find nothing until it is in the other table. */
	return kdtls_number(&endpoint->ids, &peer->id, NULL, U32_MAX,
			    &endpoint->next_id);
}

/* It can be found by its peer: from here on it counts. */
static void kdtls_peer_added(struct kdtls_peer *peer)
{
	struct kdtls_endpoint *endpoint = peer->endpoint;

	xa_store(&endpoint->ids, peer->id, peer, GFP_KERNEL_ACCOUNT);
	endpoint->count++;
	kdtls_stat_inc(endpoint->net, KDTLS_CURR_SESSIONS);
	kdtls_session_count(&peer->session, endpoint->net);
}

/**
 * kdtls_peer_add() - put a session into its endpoint's tables
 * @peer: from kdtls_peer_new(); the tables take over its reference
 *
 * Context: Process context, may sleep. The endpoint's lock is held.
 * Return: 0, -EEXIST if its peer has one already, -ENOSPC if that has too many by
 * other addresses of ours, or -ENOMEM.
 */
int kdtls_peer_add(struct kdtls_peer *peer)
{
	struct kdtls_endpoint *endpoint = peer->endpoint;
	int err;

	lockdep_assert_held(&endpoint->lock);
	err = kdtls_peer_join_twins(peer);
	if (err)
		return err;
	err = kdtls_peer_number(peer);
	if (err)
		goto err_twins;
	err = rhashtable_lookup_insert_key(&endpoint->peers, &peer->key,
					   &peer->node, kdtls_peer_params);
	if (err)
		goto err_number;
	kdtls_peer_added(peer);
	return 0;

err_number:
	xa_erase(&endpoint->ids, peer->id);
err_twins:
	list_del_init(&peer->twins);
	/* The table grows by itself; until then it may be too full. */
	return err == -EBUSY || err == -E2BIG ? -ENOMEM : err;
}

/* It can not be found any more. */
static void kdtls_peer_removed(struct kdtls_peer *peer)
{
	struct kdtls_endpoint *endpoint = peer->endpoint;

	trace_kdtls_close(NULL, peer, &peer->session);
	xa_erase(&endpoint->ids, peer->id);
	list_del_init(&peer->twins);
	kdtls_peer_disarm(peer);
	endpoint->count--;
	kdtls_stat_dec(endpoint->net, KDTLS_CURR_SESSIONS);
	kdtls_session_uncount(&peer->session, endpoint->net);
	kdtls_peer_put(peer);
}

/**
 * kdtls_peer_discard() - give up a session that is in no table
 * @peer: from kdtls_peer_new(), maybe with keys and an idle limit
 *
 * Context: Process context, may sleep. The endpoint's lock is held.
 */
void kdtls_peer_discard(struct kdtls_peer *peer)
{
	lockdep_assert_held(&peer->endpoint->lock);
	kdtls_peer_disarm(peer);
	kdtls_peer_put(peer);
}

/**
 * kdtls_peer_remove() - take a session out of its endpoint's tables
 * @peer: the session; the caller has a reference of its own
 *
 * Context: Process context, may sleep. The endpoint's lock is held.
 * Return: false if somebody else did it before.
 */
bool kdtls_peer_remove(struct kdtls_peer *peer)
{
	struct kdtls_endpoint *endpoint = peer->endpoint;

	lockdep_assert_held(&endpoint->lock);
	if (rhashtable_remove_fast(&endpoint->peers, &peer->node,
				   kdtls_peer_params))
		return false;
	kdtls_peer_removed(peer);
	return true;
}

/**
 * kdtls_peer_replace() - put a session where another one is, in one step
 * @old: the one that is there; the caller has a reference of its own
 * @peer: the new one, of the same key; the tables take over its reference
 *
 * Every record is opened by the one or by the other, and from the return of this
 * call on by @peer alone (RFC 6347 section 4.2.8).
 *
 * Context: Process context, may sleep. The endpoint's lock is held.
 * Return: 0, -ENOENT if @old is there no more, or -ENOMEM.
 */
int kdtls_peer_replace(struct kdtls_peer *old, struct kdtls_peer *peer)
{
	struct kdtls_endpoint *endpoint = peer->endpoint;
	int err;

	lockdep_assert_held(&endpoint->lock);
	err = kdtls_peer_number(peer);
	if (err)
		return err;
	/*
	 * Before it can be found: a call must see that there are others. Where
	 * there are none, the two must not pass for twins of each other.
	 */
	if (!list_empty(&old->twins))
		list_add(&peer->twins, &old->twins);
	err = rhashtable_replace_fast(&endpoint->peers, &old->node, &peer->node,
				      kdtls_peer_params);
	if (err) {
		list_del_init(&peer->twins);
		xa_erase(&endpoint->ids, peer->id);
		return -ENOENT;
	}
	kdtls_peer_added(peer);
	kdtls_peer_removed(old);
	return 0;
}

/**
 * kdtls_peer_find() - the session of a peer
 * @endpoint: the endpoint
 * @key: the peer; without our address, one of its sessions
 *
 * Context: Any but hard interrupts. Takes no lock.
 * Return: a session, to be given to kdtls_peer_put(), or NULL.
 */
struct kdtls_peer *kdtls_peer_find(struct kdtls_endpoint *endpoint,
				   const struct kdtls_peer_key *key)
{
	struct kdtls_peer *peer;

	/* One that is being replaced is in the table no more when its last goes. */
	rcu_read_lock();
	do {
		peer = rhashtable_lookup(&endpoint->peers, key,
					 kdtls_peer_params);
	} while (peer && !refcount_inc_not_zero(&peer->refs));
	rcu_read_unlock();
	return peer;
}

/**
 * kdtls_peer_of_skb() - the session that a datagram belongs to
 * @endpoint: the endpoint of the socket that it came to
 * @skb: the datagram or train
 *
 * Return: a session, to be given to kdtls_peer_put(), or NULL.
 */
struct kdtls_peer *kdtls_peer_of_skb(struct kdtls_endpoint *endpoint,
				     const struct sk_buff *skb)
{
	struct kdtls_peer_key key = { .port = udp_hdr(skb)->source };

	if (skb->protocol == htons(ETH_P_IP)) {
		ipv6_addr_set_v4mapped(ip_hdr(skb)->saddr, &key.addr);
		if (endpoint->at.any)
			ipv6_addr_set_v4mapped(ip_hdr(skb)->daddr, &key.local);
	} else {
		key.addr = ipv6_hdr(skb)->saddr;
		key.scope = ipv6_iface_scope_id(&key.addr, inet6_iif(skb));
		if (endpoint->at.any)
			key.local = ipv6_hdr(skb)->daddr;
	}
	return kdtls_peer_find(endpoint, &key);
}

/**
 * kdtls_peer_of_id() - the session of a number
 * @endpoint: the endpoint
 * @id: the number
 *
 * Return: a session, to be given to kdtls_peer_put(), or NULL.
 */
struct kdtls_peer *kdtls_peer_of_id(struct kdtls_endpoint *endpoint, u32 id)
{
	struct kdtls_peer *peer;

	rcu_read_lock();
	peer = kdtls_peer_hold(xa_load(&endpoint->ids, id));
	rcu_read_unlock();
	return peer;
}

/**
 * kdtls_peer_after() - the session with the next higher number
 * @endpoint: the endpoint
 * @id: the number
 *
 * Whoever goes on like this from 0 meets each session that is there all the time
 * exactly once.
 *
 * Return: a session, to be given to kdtls_peer_put(), or NULL.
 */
struct kdtls_peer *kdtls_peer_after(struct kdtls_endpoint *endpoint, u32 id)
{
	struct kdtls_peer *peer;
	unsigned long at = id;

	rcu_read_lock();
	do {
		peer = xa_find_after(&endpoint->ids, &at, U32_MAX, XA_PRESENT);
	} while (peer && !refcount_inc_not_zero(&peer->refs));
	rcu_read_unlock();
	return peer;
}

int kdtls_peers_init(struct kdtls_endpoint *endpoint)
{
	xa_init_flags(&endpoint->ids, XA_FLAGS_ALLOC1);
	return rhashtable_init(&endpoint->peers, &kdtls_peer_params);
}

/* How many sessions end before others get at the lock. */
#define KDTLS_PURGE	256

static bool kdtls_peers_purge_some(struct kdtls_endpoint *endpoint)
{
	struct kdtls_peer *peer;
	unsigned long id;
	int left = KDTLS_PURGE;

	mutex_lock(&endpoint->lock);
	xa_for_each(&endpoint->ids, id, peer) {
		if (!left--)
			break;
		rhashtable_remove_fast(&endpoint->peers, &peer->node,
				       kdtls_peer_params);
		kdtls_peer_removed(peer);
	}
	mutex_unlock(&endpoint->lock);
	return left < 0;
}

/**
 * kdtls_peers_purge() - end all sessions
 * @endpoint: the endpoint; it is dead, so that no session comes
 *
 * Context: Process context, may sleep. Takes the endpoint's lock.
 */
void kdtls_peers_purge(struct kdtls_endpoint *endpoint)
{
	while (kdtls_peers_purge_some(endpoint))
		cond_resched();
}

/* Nobody looks for a session any more. */
void kdtls_peers_exit(struct kdtls_endpoint *endpoint)
{
	rhashtable_destroy(&endpoint->peers);
	xa_destroy(&endpoint->ids);
}

int __init kdtls_peer_module_init(void)
{
	kdtls_peer_cache = KMEM_CACHE(kdtls_peer, SLAB_ACCOUNT |
				      SLAB_HWCACHE_ALIGN);
	return kdtls_peer_cache ? 0 : -ENOMEM;
}

void kdtls_peer_module_exit(void)
{
	/* Sessions whose last reference has gone may still wait for readers. */
	rcu_barrier();
	kmem_cache_destroy(kdtls_peer_cache);
}
