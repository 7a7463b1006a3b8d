// SPDX-License-Identifier: GPL-2.0
/*
 * Hand a message to a receive call: payload, peer's address, control messages.
 * This is the second half of udp_recvmsg() and udpv6_recvmsg(), with an opened
 * message where they have a datagram.
 */
#include <linux/ipv6.h>
#include <net/compat.h>
#include <net/ipv6.h>
#include <net/transp_v6.h>

#include "sock.h"
#include "stat.h"

/* Bytes that put_cmsg() needs at least for a value of one byte. */
static size_t kdtls_cmsg_room(const struct msghdr *msg)
{
#ifdef CONFIG_COMPAT
	if (msg->msg_flags & MSG_CMSG_COMPAT)
		return sizeof(struct compat_cmsghdr) + sizeof(u8);
#endif
	return CMSG_LEN(sizeof(u8));
}

/* A message that must be told apart from data takes a control buffer. */
bool kdtls_deliverable(const struct msghdr *msg,
		       const struct kdtls_message *message)
{
	if (!message->raw && message->type == DTLS_CT_APPLICATION_DATA)
		return true;
	return msg->msg_control && msg->msg_controllen >= kdtls_cmsg_room(msg);
}

static void kdtls_put_own_cmsgs(struct kdtls_sock *ks, struct msghdr *msg,
				const struct kdtls_message *message)
{
	u8 value = 1;

	if (message->raw) {
		put_cmsg(msg, SOL_DTLS, DTLS_RAW, sizeof(value), &value);
		return;
	}
	/* What was opened when it was asked for must not pass for data now. */
	if (READ_ONCE(ks->recv_control) ||
	    message->type != DTLS_CT_APPLICATION_DATA) {
		value = message->type;
		put_cmsg(msg, SOL_DTLS, DTLS_GET_RECORD_TYPE, sizeof(value),
			 &value);
	}
}

static void kdtls_put_session_cmsg(struct kdtls_sock *ks, struct msghdr *msg,
				   const struct kdtls_message *message)
{
	struct dtls_session value = {
		.session = message->session,
		.epoch = message->epoch,
		.seq = message->seq,
	};

	if (READ_ONCE(ks->recv_session))
		put_cmsg(msg, SOL_DTLS, DTLS_SESSION, sizeof(value), &value);
}

static void kdtls_put_gro_cmsg(struct sock *sk, struct msghdr *msg,
			       const struct kdtls_message *message)
{
	int segment = message->segment;

	if (segment && kdtls_udp_gro(sk))
		put_cmsg(msg, SOL_UDP, UDP_GRO, sizeof(segment), &segment);
}

static void kdtls_put_name4(struct sock *sk, struct msghdr *msg,
			    struct sk_buff *skb, int *addr_len)
{
	DECLARE_SOCKADDR(struct sockaddr_in *, sin, msg->msg_name);

	memset(sin, 0, sizeof(*sin));
	sin->sin_family = AF_INET;
	sin->sin_port = udp_hdr(skb)->source;
	sin->sin_addr.s_addr = ip_hdr(skb)->saddr;
	*addr_len = sizeof(*sin);
	KDTLS_RUN_UDP4_RECVMSG(sk, (struct sockaddr *)sin, addr_len);
}

#if IS_ENABLED(CONFIG_IPV6)
static void kdtls_put_name6(struct sock *sk, struct msghdr *msg,
			    struct sk_buff *skb, int *addr_len)
{
	DECLARE_SOCKADDR(struct sockaddr_in6 *, sin6, msg->msg_name);

	memset(sin6, 0, sizeof(*sin6));
	sin6->sin6_family = AF_INET6;
	sin6->sin6_port = udp_hdr(skb)->source;
	if (skb->protocol == htons(ETH_P_IP)) {
		ipv6_addr_set_v4mapped(ip_hdr(skb)->saddr, &sin6->sin6_addr);
	} else {
		sin6->sin6_addr = ipv6_hdr(skb)->saddr;
		sin6->sin6_scope_id = ipv6_iface_scope_id(&sin6->sin6_addr,
							  inet6_iif(skb));
	}
	*addr_len = sizeof(*sin6);
	KDTLS_RUN_UDP6_RECVMSG(sk, (struct sockaddr *)sin6, addr_len);
}

/* An IPv4 datagram on an IPv6 socket that wants to know its own address. */
static void kdtls_put_mapped_pktinfo(struct msghdr *msg, struct sk_buff *skb)
{
	struct in6_pktinfo info = {
		.ipi6_ifindex = PKTINFO_SKB_CB(skb)->ipi_ifindex,
	};

	ipv6_addr_set_v4mapped(ip_hdr(skb)->daddr, &info.ipi6_addr);
	put_cmsg(msg, SOL_IPV6, IPV6_PKTINFO, sizeof(info), &info);
}

static void kdtls_put_cmsgs6(struct sock *sk, struct msghdr *msg,
			     struct sk_buff *skb)
{
	const struct ipv6_pinfo *np = inet6_sk(sk);

	if (!np->rxopt.all)
		return;
	if (skb->protocol != htons(ETH_P_IP))
		ip6_datagram_recv_ctl(sk, msg, skb);
	else if (np->rxopt.bits.rxinfo)
		kdtls_put_mapped_pktinfo(msg, skb);
}
#else
static void kdtls_put_name6(struct sock *sk, struct msghdr *msg,
			    struct sk_buff *skb, int *addr_len)
{
}

static void kdtls_put_cmsgs6(struct sock *sk, struct msghdr *msg,
			     struct sk_buff *skb)
{
}
#endif

static void kdtls_put_address(struct sock *sk, struct msghdr *msg,
			      struct sk_buff *skb, int *addr_len)
{
	if (!msg->msg_name)
		return;
	if (sk->sk_family == AF_INET6)
		kdtls_put_name6(sk, msg, skb, addr_len);
	else
		kdtls_put_name4(sk, msg, skb, addr_len);
}

static void kdtls_put_ip_cmsgs(struct sock *sk, struct msghdr *msg,
			       struct sk_buff *skb)
{
	if (sk->sk_family == AF_INET6)
		kdtls_put_cmsgs6(sk, msg, skb);
	if (skb->protocol == htons(ETH_P_IP) && kdtls_ip_cmsg_flags(sk))
		ip_cmsg_recv_offset(msg, sk, skb, sizeof(struct udphdr), 0);
}

static void kdtls_count_delivered(struct sock *sk,
				  const struct kdtls_message *message)
{
	bool ipv4 = message->skb->protocol == htons(ETH_P_IP);

	kdtls_udp_count_in(sock_net(sk), ipv4);
	if (message->raw)
		kdtls_stat_inc(sock_net(sk), KDTLS_RX_RAW);
}

/**
 * kdtls_deliver() - copy a message to a receive call
 * @ks: the socket's context
 * @sk: the socket
 * @msg: the call's buffers
 * @len: bytes of payload that they hold
 * @flags: the call's MSG_ flags
 * @message: what to deliver
 * @offset: bytes of it to skip (SO_PEEK_OFF)
 * @addr_len: where to put the length of the peer's address
 *
 * Context: Process context, may sleep.
 * Return: what the call returns: bytes copied, or with MSG_TRUNC the message's
 * length, or a negative errno.
 */
int kdtls_deliver(struct kdtls_sock *ks, struct sock *sk, struct msghdr *msg,
		  size_t len, int flags, const struct kdtls_message *message,
		  u32 offset, int *addr_len)
{
	u32 left = message->len - min(offset, message->len);
	size_t copied = min_t(size_t, len, left);
	int ret;

	if (copied < left)
		msg->msg_flags |= MSG_TRUNC;
	if (copy_to_iter(message->data + offset, copied, &msg->msg_iter) !=
	    copied) {
		if (!(flags & MSG_PEEK))
			kdtls_drops_inc(sk);
		return -EFAULT;
	}
	if (!(flags & MSG_PEEK))
		kdtls_count_delivered(sk, message);

	kdtls_put_own_cmsgs(ks, msg, message);
	kdtls_put_session_cmsg(ks, msg, message);
	sock_recv_cmsgs(msg, sk, message->skb);
	kdtls_put_address(sk, msg, message->skb, addr_len);
	kdtls_put_gro_cmsg(sk, msg, message);
	kdtls_put_ip_cmsgs(sk, msg, message->skb);

	ret = flags & MSG_TRUNC ? message->len : copied;
	if (flags & MSG_PEEK)
		sk_peek_offset_fwd(sk, ret);
	else
		sk_peek_offset_bwd(sk, ret);
	return ret;
}
