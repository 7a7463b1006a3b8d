// SPDX-License-Identifier: GPL-2.0
/*
 * sendmsg of an endpoint's member: the peer's address says by which session. What
 * has none is not sent: a member never sends a byte of payload in the clear.
 */
#include <linux/kdtls.h>
#include <linux/slab.h>
#include <net/ipv6.h>

#include "endpoint.h"
#include "member.h"
#include "send.h"
#include "sock.h"
#include "stat.h"

#define KDTLS_MEMBER_UNSUPPORTED	(MSG_OOB | MSG_ZEROCOPY | KDTLS_MSG_MORE)

/* An IP_PKTINFO or an IPV6_PKTINFO: by which address of ours to send. */
union kdtls_pktinfo {
	struct in_pktinfo	v4;
	struct in6_pktinfo	v6;
};

#define KDTLS_PKTINFO_SPACE	CMSG_SPACE(sizeof(union kdtls_pktinfo))

static int kdtls_key_of_sin(struct kdtls_peer_key *key,
			    const struct sockaddr_in *sin)
{
	key->port = sin->sin_port;
	ipv6_addr_set_v4mapped(sin->sin_addr.s_addr, &key->addr);
	return key->port ? 0 : -EINVAL;
}

#if IS_ENABLED(CONFIG_IPV6)
static int kdtls_key_of_sin6(struct kdtls_peer_key *key, const struct sock *sk,
			     const struct msghdr *msg)
{
	const struct sockaddr_in6 *sin6 = msg->msg_name;

	key->port = sin6->sin6_port;
	key->addr = sin6->sin6_addr;
	if (!__ipv6_addr_needs_scope_id(__ipv6_addr_type(&key->addr)))
		return key->port ? 0 : -EINVAL;
	/* Very old programs give addresses without that field. */
	if (msg->msg_namelen >= sizeof(*sin6))
		key->scope = sin6->sin6_scope_id;
	if (!key->scope)
		key->scope = READ_ONCE(sk->sk_bound_dev_if);
	return key->port ? 0 : -EINVAL;
}
#else
static int kdtls_key_of_sin6(struct kdtls_peer_key *key, const struct sock *sk,
			     const struct msghdr *msg)
{
	return -EAFNOSUPPORT;
}
#endif

/* The address is in kernel memory, of any length up to what the core allows. */
static int kdtls_key_of_name(struct kdtls_peer_key *key, const struct sock *sk,
			     const struct msghdr *msg)
{
	const struct sockaddr *name = msg->msg_name;

	if (!name || msg->msg_namelen < sizeof(sa_family_t))
		return -EDESTADDRREQ;
	if (name->sa_family == AF_INET &&
	    msg->msg_namelen >= sizeof(struct sockaddr_in))
		return kdtls_key_of_sin(key, msg->msg_name);
	if (name->sa_family == AF_INET6 && sk->sk_family == AF_INET6 &&
	    msg->msg_namelen >= SIN6_LEN_RFC2133)
		return kdtls_key_of_sin6(key, sk, msg);
	return name->sa_family == AF_INET || name->sa_family == sk->sk_family ?
	       -EINVAL : -EAFNOSUPPORT;
}

/**
 * struct kdtls_local - what the caller says of our side
 * @given: an address of ours
 * @ifindex: an interface, or 0
 */
struct kdtls_local {
	bool	given;
	int	ifindex;
};

static void kdtls_read_pktinfo(struct kdtls_peer_key *key,
			       struct kdtls_local *local,
			       const struct cmsghdr *cmsg)
{
	const union kdtls_pktinfo *info = (void *)CMSG_DATA(cmsg);

	if (cmsg->cmsg_level == SOL_IP && cmsg->cmsg_type == IP_PKTINFO &&
	    cmsg->cmsg_len == CMSG_LEN(sizeof(info->v4))) {
		ipv6_addr_set_v4mapped(info->v4.ipi_spec_dst.s_addr,
				       &key->local);
		local->given = info->v4.ipi_spec_dst.s_addr;
		local->ifindex = info->v4.ipi_ifindex;
	} else if (cmsg->cmsg_level == SOL_IPV6 &&
		   cmsg->cmsg_type == IPV6_PKTINFO &&
		   cmsg->cmsg_len >= CMSG_LEN(sizeof(info->v6))) {
		key->local = info->v6.ipi6_addr;
		local->given = !ipv6_addr_any(&key->local) &&
			       !(ipv6_addr_v4mapped(&key->local) &&
				 !key->local.s6_addr32[3]);
		local->ifindex = info->v6.ipi6_ifindex;
	}
}

/* As UDP does, the last one counts. */
static void kdtls_find_pktinfo(struct kdtls_peer_key *key,
			       struct kdtls_local *local, struct msghdr *msg)
{
	struct cmsghdr *cmsg;

	memset(local, 0, sizeof(*local));
	for_each_cmsghdr(cmsg, msg)
		kdtls_read_pktinfo(key, local, cmsg);
	if (!local->given)
		memset(&key->local, 0, sizeof(key->local));
}

static struct kdtls_peer *kdtls_find_peer(struct kdtls_sock *ks,
					  struct sock *sk, struct msghdr *msg,
					  struct kdtls_local *local)
{
	struct kdtls_peer_key key = {};
	struct kdtls_peer *peer;
	int err;

	err = kdtls_key_of_name(&key, sk, msg);
	if (err)
		return ERR_PTR(err);
	kdtls_find_pktinfo(&key, local, msg);
	/* There it is the endpoint's, and no session's. */
	if (!ks->endpoint->at.any)
		memset(&key.local, 0, sizeof(key.local));
	peer = kdtls_peer_find(ks->endpoint, &key);
	if (!peer)
		return ERR_PTR(-ENOTCONN);
	/* Which of two sessions with this peer is meant? */
	if (!local->given && !list_empty(&peer->twins)) {
		kdtls_peer_put(peer);
		return ERR_PTR(-ENOTUNIQ);
	}
	return peer;
}

static void kdtls_put_pktinfo(struct cmsghdr *cmsg, const struct sock *sk,
			      const struct in6_addr *addr, int ifindex)
{
	union kdtls_pktinfo *info = (void *)CMSG_DATA(cmsg);

	if (sk->sk_family == AF_INET6) {
		cmsg->cmsg_level = SOL_IPV6;
		cmsg->cmsg_type = IPV6_PKTINFO;
		cmsg->cmsg_len = CMSG_LEN(sizeof(info->v6));
		info->v6.ipi6_addr = *addr;
		info->v6.ipi6_ifindex = ifindex;
		return;
	}
	cmsg->cmsg_level = SOL_IP;
	cmsg->cmsg_type = IP_PKTINFO;
	cmsg->cmsg_len = CMSG_LEN(sizeof(info->v4));
	info->v4.ipi_spec_dst.s_addr = addr->s6_addr32[3];
	info->v4.ipi_ifindex = ifindex;
}

/* Where the caller's last control message ends: behind it may be anything. */
static size_t kdtls_control_end(struct msghdr *msg)
{
	struct cmsghdr *cmsg;
	size_t end = 0;

	for_each_cmsghdr(cmsg, msg)
		end = (u8 *)cmsg - (u8 *)msg->msg_control +
		      CMSG_ALIGN(cmsg->cmsg_len);
	return end;
}

/*
 * The peer knows us by one address; what routing would choose may be another. A
 * control message behind the caller's says so. Returns what has to be freed.
 */
static void *kdtls_say_local(struct msghdr *msg, const struct sock *sk,
			     const struct in6_addr *addr, int ifindex)
{
	size_t end = kdtls_control_end(msg);
	struct cmsghdr *cmsg;
	u8 *control;

	control = kzalloc(end + KDTLS_PKTINFO_SPACE, GFP_KERNEL_ACCOUNT);
	if (!control)
		return ERR_PTR(-ENOMEM);
	if (end)
		memcpy(control, msg->msg_control,
		       min_t(size_t, end, msg->msg_controllen));
	cmsg = (struct cmsghdr *)(control + end);
	kdtls_put_pktinfo(cmsg, sk, addr, ifindex);
	msg->msg_control = control;
	msg->msg_controllen = end + CMSG_ALIGN(cmsg->cmsg_len);
	msg->msg_control_is_user = false;
	return control;
}

static int kdtls_send_by_session(struct kdtls_sock *ks, struct sock *sk,
				 struct msghdr *msg, size_t len,
				 struct kdtls_send *send)
{
	struct kdtls_epoch *epoch;
	int err;

	err = kdtls_session_may_send(send->session, send->type);
	if (err)
		return err;
	epoch = kdtls_epoch_get(&send->session->tx);
	if (!epoch)
		return -ENOTCONN;
	err = kdtls_send_records(ks, sk, msg, len, send, epoch);
	kdtls_epoch_put(epoch);
	return err;
}

/* @down is ours: its control messages may change. */
static int kdtls_send_to(struct kdtls_sock *ks, struct sock *sk,
			 struct msghdr *down, size_t len,
			 struct kdtls_peer *peer)
{
	struct kdtls_send send = {
		.type = DTLS_CT_APPLICATION_DATA,
		.gso = READ_ONCE(udp_sk(sk)->gso_size),
		.session = &peer->session,
		.peer = peer,
		.ipv4 = ipv6_addr_v4mapped(&peer->key.addr),
	};
	int err;

	err = kdtls_parse_cmsgs(&send, down);
	if (err)
		return err;
	err = kdtls_send_by_session(ks, sk, down, len, &send);
	if (err >= 0)
		kdtls_peer_used(peer);
	return err;
}

static int kdtls_send_to_peer(struct kdtls_sock *ks, struct sock *sk,
			      struct msghdr *msg, size_t len,
			      struct kdtls_peer *peer,
			      const struct kdtls_local *local)
{
	struct msghdr down = *msg;
	void *control = NULL;
	int err;

	if (!local->given && !ipv6_addr_any(&peer->key.local)) {
		control = kdtls_say_local(&down, sk, &peer->key.local,
					  local->ifindex);
		if (IS_ERR(control))
			return PTR_ERR(control);
	}
	err = kdtls_send_to(ks, sk, &down, len, peer);
	msg->msg_iter = down.msg_iter;
	kfree(control);
	return err;
}

/*
 * Where a session has keys, only the kernel seals, unless a new handshake is under
 * way: a program that lets OpenSSL seal on would repeat our nonces.
 */
static int kdtls_may_handshake(struct kdtls_sock *ks, struct sock *sk,
			       struct msghdr *msg, bool *handshake)
{
	struct kdtls_local local;
	struct kdtls_peer *peer;

	peer = kdtls_find_peer(ks, sk, msg, &local);
	if (IS_ERR(peer)) {
		*handshake = peer == ERR_PTR(-ENOTCONN);
		return *handshake || peer == ERR_PTR(-ENOTUNIQ) ?
		       0 : PTR_ERR(peer);
	}
	*handshake = READ_ONCE(peer->handshake);
	kdtls_peer_put(peer);
	return 0;
}

/* Records of a handshake: the helper's, to whoever it likes. */
static int kdtls_send_handshake(struct kdtls_sock *ks, struct sock *sk,
				struct msghdr *msg, size_t len,
				struct kdtls_send *send)
{
	int err;

	if (!(ks->role & DTLS_MEMBER_HELPER))
		return -EPERM;
	err = kdtls_may_handshake(ks, sk, msg, &send->handshake);
	return err ?: kdtls_send_raw(ks, sk, msg, len, send);
}

/**
 * kdtls_member_sendmsg() - sendmsg of an endpoint's member
 * @ks: the socket's context
 * @sk: the socket
 * @msg: what to send, to whom, and how
 * @len: bytes of payload in @msg
 *
 * Context: Process context, may sleep. Calls may run at the same time.
 * Return: @len or a negative errno; see Documentation/uapi.rst.
 */
int kdtls_member_sendmsg(struct kdtls_sock *ks, struct sock *sk,
			 struct msghdr *msg, size_t len)
{
	struct kdtls_send send = { .gso = READ_ONCE(udp_sk(sk)->gso_size) };
	struct kdtls_local local;
	struct kdtls_peer *peer;
	int err;

	if (msg->msg_flags & KDTLS_MEMBER_UNSUPPORTED || READ_ONCE(ks->cork))
		return -EOPNOTSUPP;
	err = kdtls_parse_cmsgs(&send, msg);
	if (err)
		return err;
	if (READ_ONCE(sk->sk_shutdown) & SEND_SHUTDOWN)
		return -EPIPE;
	if (send.raw)
		return kdtls_send_handshake(ks, sk, msg, len, &send);
	peer = kdtls_find_peer(ks, sk, msg, &local);
	if (IS_ERR(peer)) {
		if (peer == ERR_PTR(-ENOTCONN))
			kdtls_stat_inc(sock_net(sk), KDTLS_TX_NO_SESSION);
		return PTR_ERR(peer);
	}
	err = kdtls_send_to_peer(ks, sk, msg, len, peer, &local);
	kdtls_peer_put(peer);
	return err;
}
