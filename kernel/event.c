// SPDX-License-Identifier: GPL-2.0
/* Events: what a program that asked is told by its socket's error queue. */
#include <linux/errqueue.h>
#include <linux/kdtls.h>

#include "endpoint.h"
#include "netlink.h"
#include "peer.h"
#include "sock.h"
#include "stat.h"
#include "trace.h"

static bool kdtls_event_is_hard(u8 type)
{
	return type == DTLS_EVENT_TX_EXPIRED || type == DTLS_EVENT_RX_EXPIRED;
}

static enum kdtls_counter kdtls_event_counter(u8 type)
{
	switch (type) {
	case DTLS_EVENT_TX_REKEY:
		return KDTLS_TX_REKEY;
	case DTLS_EVENT_TX_EXPIRED:
		return KDTLS_TX_LIMIT;
	case DTLS_EVENT_RX_REKEY:
		return KDTLS_RX_REKEY;
	default:
		return KDTLS_RX_LIMIT;
	}
}

static void kdtls_event_queue(struct sock *sk, u8 type, u16 epoch, u32 session)
{
	struct sock_exterr_skb *err;
	struct sk_buff *skb;

	skb = alloc_skb(0, GFP_KERNEL_ACCOUNT);
	if (!skb)
		return;
	err = SKB_EXT_ERR(skb);
	memset(err, 0, sizeof(*err));
	err->ee.ee_errno = kdtls_event_is_hard(type) ? EKEYEXPIRED : 0;
	err->ee.ee_origin = SO_EE_ORIGIN_DTLS;
	err->ee.ee_type = type;
	err->ee.ee_info = epoch;
	err->ee.ee_data = session;
	if (sock_queue_err_skb(sk, skb))
		kfree_skb(skb);
}

static void kdtls_event_member(struct kdtls_peer *peer, u32 member, u8 type,
			       u16 epoch)
{
	struct kdtls_sock *ks = kdtls_member_get(peer->endpoint, member);

	if (!ks)
		return;
	if (READ_ONCE(ks->recv_events))
		kdtls_event_queue(ks->sk, type, epoch, peer->id);
	sock_put(ks->sk);
}

/**
 * kdtls_peer_event() - something happened to an endpoint's session
 * @peer: the session
 * @type: DTLS_EVENT_*
 * @epoch: which epoch it is about, or 0
 *
 * Told are the helper and the session's owner, by their sockets, and whoever
 * listens to the namespace's events.
 *
 * Context: Process context, may sleep.
 */
void kdtls_peer_event(struct kdtls_peer *peer, u8 type, u16 epoch)
{
	u32 helper = READ_ONCE(peer->endpoint->helper);
	u32 owner = READ_ONCE(peer->owner);

	kdtls_event_member(peer, helper, type, epoch);
	if (owner != helper)
		kdtls_event_member(peer, owner, type, epoch);
	kdtls_nl_event(peer, type, epoch);
}

/**
 * kdtls_event() - a limit was reached
 * @ks: the context of the socket whose call reached it
 * @sk: that socket
 * @peer: the session, if it is an endpoint's, otherwise NULL
 * @type: DTLS_EVENT_*
 * @epoch: whose limit
 *
 * An event that finds no memory is lost; DTLS_INFO tells the state anyway.
 *
 * Context: Process context, may sleep.
 */
void kdtls_event(struct kdtls_sock *ks, struct sock *sk,
		 struct kdtls_peer *peer, u8 type,
		 const struct kdtls_epoch *epoch)
{
	trace_kdtls_limit(sk, peer, type, epoch->number);
	kdtls_stat_inc(sock_net(sk), kdtls_event_counter(type));
	if (peer)
		kdtls_peer_event(peer, type, epoch->number);
	else if (READ_ONCE(ks->recv_events))
		kdtls_event_queue(sk, type, epoch->number, 0);
}
