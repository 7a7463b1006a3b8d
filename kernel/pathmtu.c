// SPDX-License-Identifier: GPL-2.0
/*
 * IPV6_RECVPATHMTU: a receive call that returns a new path MTU instead of data
 * (RFC 3542 section 11.3). UDP's own recvmsg would do, but if another reader was
 * faster it would go on to the next datagram and return that as it came.
 */
#include <linux/ipv6.h>
#include <net/ipv6.h>

#include "sock.h"

#if IS_ENABLED(CONFIG_IPV6)
static void kdtls_put_pathmtu_name(struct msghdr *msg,
				   const struct sockaddr_in6 *from,
				   int *addr_len)
{
	DECLARE_SOCKADDR(struct sockaddr_in6 *, sin6, msg->msg_name);

	if (!sin6)
		return;
	*sin6 = *from;
	sin6->sin6_family = AF_INET6;
	sin6->sin6_port = 0;
	sin6->sin6_flowinfo = 0;
	*addr_len = sizeof(*sin6);
}

/**
 * kdtls_recv_pathmtu() - receive a new path MTU, if there is one
 * @sk: the socket
 * @msg: the call's buffers
 * @addr_len: where to put the length of the address
 *
 * Return: true if this is what the call returns, with 0 bytes.
 */
bool kdtls_recv_pathmtu(struct sock *sk, struct msghdr *msg, int *addr_len)
{
	struct ipv6_pinfo *np = inet6_sk(sk);
	struct ip6_mtuinfo info;
	struct sk_buff *skb;

	if (sk->sk_family != AF_INET6 || !READ_ONCE(np->rxpmtu) ||
	    !np->rxopt.bits.rxpmtu)
		return false;
	skb = xchg(&np->rxpmtu, NULL);
	if (!skb)
		return false;
	sock_recv_timestamp(msg, sk, skb);
	memcpy(&info, IP6CBMTU(skb), sizeof(info));
	kdtls_put_pathmtu_name(msg, &info.ip6m_addr, addr_len);
	put_cmsg(msg, SOL_IPV6, IPV6_PATHMTU, sizeof(info), &info);
	kfree_skb(skb);
	return true;
}
#else
bool kdtls_recv_pathmtu(struct sock *sk, struct msghdr *msg, int *addr_len)
{
	return false;
}
#endif
