// SPDX-License-Identifier: GPL-2.0
/* DTLS_INFO: what a session has to tell, but for its keys. */
#include <linux/kdtls.h>
#include <linux/udp.h>
#include <net/dst.h>
#include <net/ipv6.h>

#include "sock.h"

/* The largest payload whose datagram needs no fragments on the current path. */
static u32 kdtls_max_payload(struct sock *sk, u32 overhead)
{
	struct dst_entry *dst = sk_dst_get(sk);
	u32 around = overhead + sizeof(struct udphdr);
	u32 mtu;

	if (!dst)
		return 0;
	mtu = min_t(u32, dst_mtu(dst), U16_MAX);
	around += dst->ops->family == AF_INET6 ? sizeof(struct ipv6hdr) :
						 sizeof(struct iphdr);
	dst_release(dst);
	return mtu > around ? min_t(u32, mtu - around, DTLS_MAX_PLAINTEXT) : 0;
}

static void kdtls_tell_tx(struct dtls_info *info, struct kdtls_epoch *tx)
{
	info->state |= DTLS_STATE_TX;
	if (test_bit(KDTLS_EPOCH_REKEY, &tx->flags))
		info->state |= DTLS_STATE_TX_REKEY;
	if (test_bit(KDTLS_EPOCH_EXPIRED, &tx->flags))
		info->state |= DTLS_STATE_TX_EXPIRED;
	info->tx_cipher_type = tx->cipher->type;
	info->tx_epoch = tx->number;
	info->tx_seq = atomic64_read(&tx->tx_seq);
	info->tx_blocks = atomic64_read(&tx->tx_blocks);
	info->limits.seal_soft = tx->limits.seal_soft;
	info->limits.seal_hard = tx->limits.seal_hard;
	info->overhead = kdtls_overhead(tx->cipher);
}

static void kdtls_tell_rx(struct dtls_info *info, struct kdtls_epoch *rx)
{
	info->state |= DTLS_STATE_RX;
	if (test_bit(KDTLS_EPOCH_REKEY, &rx->flags))
		info->state |= DTLS_STATE_RX_REKEY;
	if (test_bit(KDTLS_EPOCH_EXPIRED, &rx->flags))
		info->state |= DTLS_STATE_RX_EXPIRED;
	info->rx_cipher_type = rx->cipher->type;
	info->rx_epoch = rx->number;
	info->rx_failures = atomic64_read(&rx->failures);
	info->limits.fail_soft = rx->limits.fail_soft;
	info->limits.fail_hard = rx->limits.fail_hard;
	if (!info->overhead)
		info->overhead = kdtls_overhead(rx->cipher);
	spin_lock(&rx->lock);
	info->window = rx->window.size;
	info->rx_seq = rx->window.next;
	spin_unlock(&rx->lock);
}

static void kdtls_tell_epochs(struct dtls_info *info,
			      struct kdtls_session *session)
{
	struct kdtls_epoch *tx = kdtls_epoch_get(&session->tx);
	struct kdtls_epoch *rx = kdtls_epoch_get(&session->rx);
	struct kdtls_epoch *old = kdtls_session_rx_old(session);

	if (tx)
		kdtls_tell_tx(info, tx);
	if (rx)
		kdtls_tell_rx(info, rx);
	if (old) {
		info->state |= DTLS_STATE_RX_OLD;
		info->rx_old_epoch = old->number;
	}
	if (tx || rx)
		info->version = DTLS_1_2_VERSION;
	kdtls_epoch_put(tx);
	kdtls_epoch_put(rx);
	kdtls_epoch_put(old);
}

static void kdtls_tell_state(struct dtls_info *info,
			     struct kdtls_session *session)
{
	unsigned long state = READ_ONCE(session->state);

	if (state & BIT(KDTLS_PEER_CLOSED))
		info->state |= DTLS_STATE_PEER_CLOSED;
	if (state & BIT(KDTLS_PEER_ALERT))
		info->state |= DTLS_STATE_PEER_ALERT;
	if (state & BIT(KDTLS_CLOSED))
		info->state |= DTLS_STATE_CLOSED;
	info->alert = READ_ONCE(session->alert);
	info->tx_records = atomic64_read(&session->tx_records);
	info->tx_bytes = atomic64_read(&session->tx_bytes);
	info->rx_records = atomic64_read(&session->rx_records);
	info->rx_bytes = atomic64_read(&session->rx_bytes);
	info->rx_replayed = atomic64_read(&session->rx_replayed);
	info->rx_bad = atomic64_read(&session->rx_bad);
}

/**
 * kdtls_tell_session() - what there is to tell without a socket
 * @info: where the answer goes
 * @session: the session
 *
 * Context: Process context, may sleep.
 */
void kdtls_tell_session(struct dtls_info *info, struct kdtls_session *session)
{
	memset(info, 0, sizeof(*info));
	kdtls_tell_epochs(info, session);
	kdtls_tell_state(info, session);
}

/**
 * kdtls_tell() - DTLS_INFO
 * @ks: the socket's context
 * @sk: the socket
 * @info: where the answer goes
 *
 * Context: Process context.
 */
void kdtls_tell(struct kdtls_sock *ks, struct sock *sk, struct dtls_info *info)
{
	/* The same for programs of 32 bits. */
	BUILD_BUG_ON(offsetof(struct dtls_info, tx_seq) != 32);

	kdtls_tell_session(info, &ks->session);
	if (info->overhead)
		info->max_payload = kdtls_max_payload(sk, info->overhead);
}
