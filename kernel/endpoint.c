// SPDX-License-Identifier: GPL-2.0
/* Endpoints: how sockets become members, and what goes with the last of them. */
#include <linux/slab.h>
#include <linux/udp.h>
#include <net/ipv6.h>

#include "endpoint.h"
#include "peer.h"
#include "sock.h"
#include "stat.h"

/*
 * All endpoints by number; RCU. There are few of them, so the one that a socket
 * belongs to is found by looking at each.
 */
static DEFINE_XARRAY_ALLOC1(kdtls_endpoints);
static u32 kdtls_next_endpoint;
/* Held while members come and go: a lock outside of kdtls_endpoint.lock. */
static DEFINE_MUTEX(kdtls_endpoints_lock);

/**
 * kdtls_number() - give something the next number that is free
 * @numbers: where it goes
 * @id: where to put the number
 * @entry: what it is
 * @last: the highest number
 * @next: where to look first; the caller keeps others out
 *
 * As xa_alloc_cyclic(), which begins again at 1 when it finds no memory, too: then
 * a number comes again that user space may still take for something else.
 *
 * Context: Process context, may sleep.
 * Return: 0, -EBUSY when none is free, or -ENOMEM.
 */
int kdtls_number(struct xarray *numbers, u32 *id, void *entry, u32 last,
		 u32 *next)
{
	u32 first = max_t(u32, *next, 1);
	int err;

	if (first > last)
		first = 1;
	err = xa_alloc(numbers, id, entry, XA_LIMIT(first, last),
		       GFP_KERNEL_ACCOUNT);
	if (err == -EBUSY)
		err = xa_alloc(numbers, id, entry, XA_LIMIT(1, last),
			       GFP_KERNEL_ACCOUNT);
	if (!err)
		*next = *id + 1;
	return err;
}

static void kdtls_get_bound(struct kdtls_bound *at, const struct sock *sk)
{
	memset(at, 0, sizeof(*at));
	at->family = sk->sk_family;
	at->port = htons(sk->sk_num);
	at->dev = READ_ONCE(sk->sk_bound_dev_if);
	at->uid = READ_ONCE(sk->sk_uid);
#if IS_ENABLED(CONFIG_IPV6)
	if (sk->sk_family == AF_INET6) {
		at->addr = sk->sk_v6_rcv_saddr;
		at->v6only = sk->sk_ipv6only;
		at->any = ipv6_addr_any(&at->addr) ||
			  (ipv6_addr_v4mapped(&at->addr) &&
			   !at->addr.s6_addr32[3]);
		return;
	}
#endif
	at->any = sk->sk_rcv_saddr == htonl(INADDR_ANY);
	if (!at->any)
		ipv6_addr_set_v4mapped(sk->sk_rcv_saddr, &at->addr);
}

/* Is this what the kernel calls one SO_REUSEPORT group, but for the owner? */
static bool kdtls_same_address(const struct kdtls_bound *a,
			       const struct kdtls_bound *b)
{
	return a->family == b->family && a->port == b->port &&
	       a->dev == b->dev && a->v6only == b->v6only &&
	       ipv6_addr_equal(&a->addr, &b->addr);
}

static struct kdtls_endpoint *kdtls_endpoint_new(struct net *net,
						 const struct sock *sk)
{
	struct kdtls_endpoint *endpoint;
	int err;

	endpoint = kzalloc(sizeof(*endpoint), GFP_KERNEL_ACCOUNT);
	if (!endpoint)
		return ERR_PTR(-ENOMEM);
	refcount_set(&endpoint->refs, 1);
	endpoint->net = net;
	kdtls_get_bound(&endpoint->at, sk);
	mutex_init(&endpoint->lock);
	xa_init_flags(&endpoint->members, XA_FLAGS_ALLOC1);
	kdtls_sweep_init(endpoint);
	err = kdtls_peers_init(endpoint);
	if (err)
		goto err_free;
	err = kdtls_number(&kdtls_endpoints, &endpoint->id, endpoint, INT_MAX,
			   &kdtls_next_endpoint);
	if (err)
		goto err_peers;
	kdtls_stat_inc(net, KDTLS_CURR_ENDPOINTS);
	return endpoint;

err_peers:
	kdtls_peers_exit(endpoint);
err_free:
	kfree(endpoint);
	return ERR_PTR(err);
}

/**
 * kdtls_endpoint_put() - drop a reference
 * @endpoint: the endpoint
 *
 * Context: Process context, may sleep.
 */
void kdtls_endpoint_put(struct kdtls_endpoint *endpoint)
{
	if (!refcount_dec_and_test(&endpoint->refs))
		return;
	kdtls_sweep_exit(endpoint);
	kdtls_peers_exit(endpoint);
	xa_destroy(&endpoint->members);
	kfree_rcu(endpoint, rcu);
}

/**
 * kdtls_endpoint_of_id() - the endpoint of a number
 * @net: where it is
 * @id: the number
 *
 * Return: an endpoint, to be given to kdtls_endpoint_put(), or NULL.
 */
struct kdtls_endpoint *kdtls_endpoint_of_id(struct net *net, u32 id)
{
	struct kdtls_endpoint *endpoint;

	rcu_read_lock();
	endpoint = xa_load(&kdtls_endpoints, id);
	if (endpoint && (!net_eq(endpoint->net, net) ||
			 !refcount_inc_not_zero(&endpoint->refs)))
		endpoint = NULL;
	rcu_read_unlock();
	return endpoint;
}

/**
 * kdtls_endpoint_after() - the endpoint with the next higher number
 * @net: where it is
 * @id: the number
 *
 * Return: an endpoint, to be given to kdtls_endpoint_put(), or NULL.
 */
struct kdtls_endpoint *kdtls_endpoint_after(struct net *net, u32 id)
{
	struct kdtls_endpoint *endpoint;
	unsigned long at = id;

	rcu_read_lock();
	do {
		endpoint = xa_find_after(&kdtls_endpoints, &at, U32_MAX,
					 XA_PRESENT);
	} while (endpoint && (!net_eq(endpoint->net, net) ||
			      !refcount_inc_not_zero(&endpoint->refs)));
	rcu_read_unlock();
	return endpoint;
}

/* The endpoint that the socket is to be a member of, or NULL for a new one. */
static struct kdtls_endpoint *kdtls_endpoint_find(struct net *net,
						  const struct sock *sk)
{
	struct kdtls_endpoint *endpoint;
	struct kdtls_bound wanted;
	unsigned long id;

	kdtls_get_bound(&wanted, sk);
	xa_for_each(&kdtls_endpoints, id, endpoint) {
		if (!net_eq(endpoint->net, net) ||
		    !kdtls_same_address(&endpoint->at, &wanted))
			continue;
		if (!sk->sk_reuseport || !uid_eq(endpoint->at.uid, wanted.uid))
			return ERR_PTR(-EADDRINUSE);
		return endpoint;
	}
	return NULL;
}

static int kdtls_member_add(struct kdtls_endpoint *endpoint,
			    struct kdtls_sock *ks, u32 role)
{
	int err;

	mutex_lock(&endpoint->lock);
	err = -EBUSY;
	if (role & DTLS_MEMBER_HELPER && endpoint->helper)
		goto out;
	err = -ENOSPC;
	if (endpoint->member_count >= KDTLS_MEMBERS_MAX)
		goto out;
	ks->role = role;
	err = kdtls_number(&endpoint->members, &ks->member, ks, INT_MAX,
			   &endpoint->next_member);
	if (err)
		goto out;
	if (role & DTLS_MEMBER_HELPER)
		WRITE_ONCE(endpoint->helper, ks->member);
	endpoint->member_count++;
	/* Whatever becomes of the socket, it is there as long as it is a member. */
	sock_hold(ks->sk);
	/* Whoever sees it does not pass anything to UDP any more. */
	smp_store_release(&ks->endpoint, endpoint);
out:
	mutex_unlock(&endpoint->lock);
	return err;
}

/* Nobody finds it any more, and who has found it already can tell. */
static void kdtls_endpoint_hide(struct kdtls_endpoint *endpoint)
{
	xa_erase(&kdtls_endpoints, endpoint->id);
	mutex_lock(&endpoint->lock);
	endpoint->dead = true;
	mutex_unlock(&endpoint->lock);
}

/* Without the lock that all endpoints share: there may be a million sessions. */
static void kdtls_endpoint_end(struct kdtls_endpoint *endpoint)
{
	kdtls_peers_purge(endpoint);
	kdtls_stat_dec(endpoint->net, KDTLS_CURR_ENDPOINTS);
	kdtls_endpoint_put(endpoint);
}

static int kdtls_may_join(const struct kdtls_sock *ks, struct sock *sk)
{
	/* An IPV6_ADDRFORM from before the attach has taken it back meanwhile. */
	if (kdtls_sk(sk) != ks)
		return -EBADFD;
	if (ks->endpoint)
		return -EALREADY;
	if (READ_ONCE(sk->sk_state) == TCP_ESTABLISHED)
		return -EISCONN;
	if (!sk->sk_num)
		return -EADDRNOTAVAIL;
	if (kdtls_foreign_reader(sk) || kdtls_foreign_writer(sk) ||
	    udp_sk(sk)->pending)
		return -EBUSY;
	return 0;
}

static int kdtls_join_locked(struct kdtls_sock *ks, struct sock *sk, u32 role)
{
	struct kdtls_endpoint *endpoint;
	struct net *net = sock_net(sk);
	bool first;
	int err;

	err = kdtls_may_join(ks, sk);
	if (err)
		return err;
	endpoint = kdtls_endpoint_find(net, sk);
	first = !endpoint;
	if (first)
		endpoint = kdtls_endpoint_new(net, sk);
	if (IS_ERR(endpoint))
		return PTR_ERR(endpoint);
	err = kdtls_member_add(endpoint, ks, role);
	if (err && first) {
		kdtls_endpoint_hide(endpoint);
		kdtls_endpoint_end(endpoint);
	}
	return err;
}

/**
 * kdtls_endpoint_join() - make a socket a member of an endpoint
 * @ks: the socket's context
 * @sk: the socket, bound and not connected
 * @role: DTLS_MEMBER_* bits
 *
 * The first socket makes the endpoint, others of the same SO_REUSEPORT group join
 * it. A member stays one until it is closed.
 *
 * Context: Process context, may sleep. Takes the install lock and the socket's.
 * Return: 0 or a negative errno; see Documentation/uapi.rst.
 */
int kdtls_endpoint_join(struct kdtls_sock *ks, struct sock *sk, u32 role)
{
	int err;

	if (!role || role & ~(DTLS_MEMBER_WORKER | DTLS_MEMBER_HELPER))
		return -EINVAL;
	if (down_write_killable(&ks->install_lock))
		return -EINTR;
	lock_sock(sk);
	mutex_lock(&kdtls_endpoints_lock);
	err = kdtls_join_locked(ks, sk, role);
	mutex_unlock(&kdtls_endpoints_lock);
	release_sock(sk);
	up_write(&ks->install_lock);
	return err;
}

/**
 * kdtls_endpoint_leave() - a socket is being closed
 * @ks: its context
 *
 * Its sessions stay, for the other members. With the last member they go, too.
 *
 * Context: Process context, may sleep.
 */
void kdtls_endpoint_leave(struct kdtls_sock *ks)
{
	struct kdtls_endpoint *endpoint = ks->endpoint;
	bool last;

	if (!endpoint)
		return;
	mutex_lock(&kdtls_endpoints_lock);
	mutex_lock(&endpoint->lock);
	xa_erase(&endpoint->members, ks->member);
	if (endpoint->helper == ks->member)
		WRITE_ONCE(endpoint->helper, 0);
	last = !--endpoint->member_count;
	mutex_unlock(&endpoint->lock);
	if (last)
		kdtls_endpoint_hide(endpoint);
	mutex_unlock(&kdtls_endpoints_lock);
	if (last)
		kdtls_endpoint_end(endpoint);
	sock_put(ks->sk);
}

/**
 * kdtls_member_get() - a member by its number
 * @endpoint: the endpoint
 * @id: the number
 *
 * Return: its context, whose socket is to be given to sock_put(), or NULL.
 */
struct kdtls_sock *kdtls_member_get(struct kdtls_endpoint *endpoint, u32 id)
{
	struct kdtls_sock *ks;

	if (!id)
		return NULL;
	/* Sockets and their contexts go only after a grace period. */
	rcu_read_lock();
	ks = xa_load(&endpoint->members, id);
	if (ks && !refcount_inc_not_zero(&ks->sk->sk_refcnt))
		ks = NULL;
	rcu_read_unlock();
	return ks;
}
