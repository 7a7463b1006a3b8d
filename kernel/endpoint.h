/* SPDX-License-Identifier: GPL-2.0 */
/* An endpoint: one local address, its sessions, and the sockets that serve it. */
#ifndef KDTLS_ENDPOINT_H
#define KDTLS_ENDPOINT_H

#include <linux/in6.h>
#include <linux/kdtls.h>
#include <linux/mutex.h>
#include <linux/rcupdate.h>
#include <linux/refcount.h>
#include <linux/rhashtable-types.h>
#include <linux/uidgid.h>
#include <linux/workqueue.h>
#include <linux/xarray.h>

struct kdtls_sock;
struct net;
struct sock;

/* Members of one endpoint at most: a list of them fits into one message. */
#define KDTLS_MEMBERS_MAX	128

/* Slots of the wheel; one is looked at each second. */
#define KDTLS_WHEEL	64

/**
 * struct kdtls_bound - where an endpoint's members are bound
 * @addr: the local address, IPv4 as a mapped one; all zero for any
 * @port: the local port
 * @family: of the members
 * @any: it is bound to any address, so that a session has to say which is its
 * @v6only: the members take no IPv4
 * @dev: the interface that the members are bound to, or 0
 * @uid: who owns the members
 */
struct kdtls_bound {
	struct in6_addr	addr;
	__be16		port;
	u16		family;
	bool		any;
	bool		v6only;
	int		dev;
	kuid_t		uid;
};

/**
 * struct kdtls_endpoint - one local address and port, and all its sessions
 * @refs: one while there are members, one for each netlink call that uses it
 * @id: its number
 * @net: the members' namespace
 * @at: where the members are bound
 * @lock: held by whatever changes members, sessions or keys
 * @dead: the last member has gone
 * @members: struct kdtls_sock by number; RCU
 * @next_member: where the next number is looked for
 * @member_count: how many there are
 * @helper: number of the helper, or 0
 * @peers: struct kdtls_peer by key; RCU
 * @ids: struct kdtls_peer by number; RCU
 * @next_id: where the next number is looked for
 * @count: how many sessions there are
 * @wheel: sessions by when they have to be looked at
 * @hand: the slot that is looked at next
 * @armed: how many sessions are in @wheel
 * @sweep: looks at one slot a second while there are any
 * @rcu: readers may still have found it
 *
 * It lives as long as it has members: a session always has a socket that its
 * records can be sent by.
 */
struct kdtls_endpoint {
	refcount_t		refs;
	u32			id;
	struct net		*net;
	struct kdtls_bound	at;

	struct mutex		lock;	/* see above */
	bool			dead;
	struct xarray		members;
	u32			next_member;
	u32			member_count;
	u32			helper;

	struct rhashtable	peers;
	struct xarray		ids;
	u32			next_id;
	u32			count;

	struct hlist_head	wheel[KDTLS_WHEEL];
	u32			hand;
	u32			armed;
	struct delayed_work	sweep;
	struct rcu_head		rcu;
};

int kdtls_number(struct xarray *numbers, u32 *id, void *entry, u32 last,
		 u32 *next);
int kdtls_endpoint_join(struct kdtls_sock *ks, struct sock *sk, u32 role);
void kdtls_endpoint_leave(struct kdtls_sock *ks);
struct kdtls_endpoint *kdtls_endpoint_of_id(struct net *net, u32 id);
struct kdtls_endpoint *kdtls_endpoint_after(struct net *net, u32 id);
void kdtls_endpoint_put(struct kdtls_endpoint *endpoint);
struct kdtls_sock *kdtls_member_get(struct kdtls_endpoint *endpoint, u32 id);

#endif /* KDTLS_ENDPOINT_H */
