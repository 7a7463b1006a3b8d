// SPDX-License-Identifier: GPL-2.0
/* What netlink messages say about endpoints and sessions; never a key. */
#include <linux/kdtls.h>
#include <net/netlink.h>

#include "endpoint.h"
#include "netlink.h"
#include "peer.h"
#include "sock.h"

static int kdtls_nl_fill_member(struct sk_buff *skb,
				const struct kdtls_sock *ks)
{
	struct nlattr *nest = nla_nest_start(skb, KDTLS_A_MEMBER);

	if (!nest)
		return -EMSGSIZE;
	if (nla_put_u32(skb, KDTLS_A_OWNER, ks->member) ||
	    nla_put_u32(skb, KDTLS_A_ROLE, ks->role)) {
		nla_nest_cancel(skb, nest);
		return -EMSGSIZE;
	}
	nla_nest_end(skb, nest);
	return 0;
}

/**
 * kdtls_nl_fill_endpoint() - describe an endpoint
 * @skb: the message
 * @endpoint: the endpoint
 *
 * Context: Process context. Takes the endpoint's lock.
 * Return: 0 or -EMSGSIZE.
 */
int kdtls_nl_fill_endpoint(struct sk_buff *skb, struct kdtls_endpoint *endpoint)
{
	struct kdtls_sock *ks;
	unsigned long id;
	int err = -EMSGSIZE;

	mutex_lock(&endpoint->lock);
	if (nla_put_u32(skb, KDTLS_A_ENDPOINT, endpoint->id) ||
	    kdtls_nl_put_address(skb, KDTLS_A_LOCAL, endpoint->at.family,
				 &endpoint->at.addr, endpoint->at.port,
				 endpoint->at.dev) ||
	    nla_put_u32(skb, KDTLS_A_SESSIONS, endpoint->count))
		goto out;
	xa_for_each(&endpoint->members, id, ks)
		if (kdtls_nl_fill_member(skb, ks))
			goto out;
	err = 0;
out:
	mutex_unlock(&endpoint->lock);
	return err;
}

/**
 * kdtls_nl_fill_peer() - say which session a message is about
 * @skb: the message
 * @peer: the session
 *
 * Return: 0 or -EMSGSIZE.
 */
int kdtls_nl_fill_peer(struct sk_buff *skb, struct kdtls_peer *peer)
{
	const struct kdtls_endpoint *endpoint = peer->endpoint;
	const struct in6_addr *local = endpoint->at.any ? &peer->key.local :
						       &endpoint->at.addr;

	if (nla_put_u32(skb, KDTLS_A_ENDPOINT, endpoint->id) ||
	    nla_put_u32(skb, KDTLS_A_SESSION, peer->id) ||
	    kdtls_nl_put_address(skb, KDTLS_A_PEER, endpoint->at.family,
				 &peer->key.addr, peer->key.port,
				 peer->key.scope) ||
	    kdtls_nl_put_address(skb, KDTLS_A_LOCAL, endpoint->at.family, local,
				 endpoint->at.port, 0) ||
	    nla_put_u32(skb, KDTLS_A_OWNER, READ_ONCE(peer->owner)))
		return -EMSGSIZE;
	return 0;
}

static int kdtls_nl_put_time(struct sk_buff *skb, int type, unsigned long since)
{
	return nla_put_u64_64bit(skb, type, jiffies64_to_msecs(jiffies - since),
				 KDTLS_A_PAD);
}

/**
 * kdtls_nl_fill_session() - describe a session
 * @skb: the message
 * @peer: the session
 *
 * Context: Process context, may sleep.
 * Return: 0 or -EMSGSIZE.
 */
int kdtls_nl_fill_session(struct sk_buff *skb, struct kdtls_peer *peer)
{
	struct dtls_info info;

	kdtls_tell_session(&info, &peer->session);
	if (kdtls_nl_fill_peer(skb, peer) ||
	    nla_put_u32(skb, KDTLS_A_IDLE, READ_ONCE(peer->idle_ms)) ||
	    nla_put_u32(skb, KDTLS_A_RETIRE, READ_ONCE(peer->retire_ms)) ||
	    nla_put_u8(skb, KDTLS_A_HANDSHAKE, READ_ONCE(peer->handshake)) ||
	    nla_put_64bit(skb, KDTLS_A_INFO, sizeof(info), &info,
			  KDTLS_A_PAD) ||
	    kdtls_nl_put_time(skb, KDTLS_A_AGE, peer->created) ||
	    kdtls_nl_put_time(skb, KDTLS_A_UNUSED, READ_ONCE(peer->used)))
		return -EMSGSIZE;
	return 0;
}
