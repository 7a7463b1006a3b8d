// SPDX-License-Identifier: GPL-2.0
/* Events: what a program that asked is told by its socket's error queue. */
#include <linux/errqueue.h>
#include <linux/kdtls.h>

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

static void kdtls_event_queue(struct sock *sk, u8 type, u16 epoch)
{
	struct sock_exterr_skb *err;
	struct sk_buff *skb;

	skb = alloc_skb(0, GFP_KERNEL);
	if (!skb)
		return;
	err = SKB_EXT_ERR(skb);
	memset(err, 0, sizeof(*err));
	err->ee.ee_errno = kdtls_event_is_hard(type) ? EKEYEXPIRED : 0;
	err->ee.ee_origin = SO_EE_ORIGIN_DTLS;
	err->ee.ee_type = type;
	err->ee.ee_info = epoch;
	if (sock_queue_err_skb(sk, skb))
		kfree_skb(skb);
}

/**
 * kdtls_event() - a limit was reached
 * @ks: the socket's context
 * @sk: the socket
 * @type: DTLS_EVENT_*
 * @epoch: whose limit
 *
 * An event that finds no memory is lost; DTLS_INFO tells the state anyway.
 *
 * Context: Process context, may sleep.
 */
void kdtls_event(struct kdtls_sock *ks, struct sock *sk, u8 type,
		 const struct kdtls_epoch *epoch)
{
	trace_kdtls_limit(sk, type, epoch->number);
	kdtls_stat_inc(sock_net(sk), kdtls_event_counter(type));
	if (READ_ONCE(ks->recv_events))
		kdtls_event_queue(sk, type, epoch->number);
}
