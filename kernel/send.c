// SPDX-License-Identifier: GPL-2.0
/*
 * sendmsg: payload in, records out through the socket's original protocol.
 *
 * Routing, PMTU, marks, BPF and the rest stay UDP's. All that changes on the way
 * down is the payload, and the segment size of a train.
 */
#include <linux/kdtls.h>
#include <linux/uio.h>
#include <net/ipv6.h>

#include "member.h"
#include "send.h"
#include "sock.h"
#include "stat.h"

#define KDTLS_UNSUPPORTED	(MSG_OOB | MSG_ZEROCOPY)

static int kdtls_parse_own_cmsg(struct kdtls_send *send, struct cmsghdr *cmsg)
{
	u8 value;

	if (cmsg->cmsg_len != CMSG_LEN(sizeof(u8)))
		return -EINVAL;
	value = *(u8 *)CMSG_DATA(cmsg);

	switch (cmsg->cmsg_type) {
	case DTLS_SET_RECORD_TYPE:
		if (value != DTLS_CT_ALERT && value != DTLS_CT_HANDSHAKE &&
		    value != DTLS_CT_APPLICATION_DATA)
			return -EINVAL;
		send->type = value;
		return 0;
	case DTLS_RAW:
		if (value != 1)
			return -EINVAL;
		send->raw = true;
		return 0;
	default:
		return -EINVAL;
	}
}

/**
 * kdtls_parse_cmsgs() - read the control messages that concern us
 * @send: where to put what they ask for
 * @msg: the caller's message; its control messages stay where they are
 *
 * Return: 0 or -EINVAL.
 */
int kdtls_parse_cmsgs(struct kdtls_send *send, struct msghdr *msg)
{
	struct cmsghdr *cmsg;
	int err;

	for_each_cmsghdr(cmsg, msg) {
		if (!CMSG_OK(msg, cmsg))
			return -EINVAL;
		if (cmsg->cmsg_level == SOL_DTLS) {
			err = kdtls_parse_own_cmsg(send, cmsg);
			if (err)
				return err;
		} else if (cmsg->cmsg_level == SOL_UDP &&
			   cmsg->cmsg_type == UDP_SEGMENT) {
			if (cmsg->cmsg_len != CMSG_LEN(sizeof(u16)))
				return -EINVAL;
			send->gso = *(u16 *)CMSG_DATA(cmsg);
			send->gso_cmsg = cmsg;
		}
	}
	return 0;
}

/* A connected socket's records are its peer's alone. */
static int kdtls_check_name(const struct sock *sk, const struct msghdr *msg)
{
	const struct sockaddr_in6 *sin6 = msg->msg_name;
	const struct sockaddr_in *sin = msg->msg_name;

	if (!sin)
		return 0;
	if (msg->msg_namelen >= sizeof(*sin) && sin->sin_family == AF_INET &&
	    sin->sin_port == sk->sk_dport &&
	    sin->sin_addr.s_addr == sk->sk_daddr)
		return 0;
#if IS_ENABLED(CONFIG_IPV6)
	if (sk->sk_family == AF_INET6 &&
	    msg->msg_namelen >= SIN6_LEN_RFC2133 &&
	    sin6->sin6_family == AF_INET6 &&
	    sin6->sin6_port == sk->sk_dport &&
	    ipv6_addr_equal(&sin6->sin6_addr, &sk->sk_v6_daddr))
		return 0;
#endif
	return -EISCONN;
}

/* Does what a connected socket sends go by IPv4? */
bool kdtls_goes_by_ipv4(const struct sock *sk)
{
#if IS_ENABLED(CONFIG_IPV6)
	if (sk->sk_family == AF_INET6)
		return ipv6_addr_v4mapped(&sk->sk_v6_daddr);
#endif
	return true;
}

/**
 * kdtls_plan() - how many records of which size
 * @send: what the call asked for, and where the answer goes
 * @len: bytes of payload
 * @cipher: what seals them
 *
 * Before anything is taken or copied: what can be refused is refused here.
 *
 * Return: 0, -EMSGSIZE or -EINVAL.
 */
int kdtls_plan(struct kdtls_send *send, size_t len,
	       const struct kdtls_cipher *cipher)
{
	bool train = send->gso && len > send->gso;
	u32 largest = U16_MAX - sizeof(struct udphdr);

	if (send->ipv4)
		largest -= sizeof(struct iphdr);
	send->len = len;
	send->segment = train ? send->gso : len;
	if (len > largest || send->segment > DTLS_MAX_PLAINTEXT)
		return -EMSGSIZE;
	send->count = train ? DIV_ROUND_UP(len, send->gso) : 1;
	if (send->count > UDP_MAX_SEGMENTS)
		return -EINVAL;
	send->blocks = kdtls_train_blocks(len, send->segment);
	send->wire = len + send->count * kdtls_overhead(cipher);
	return send->wire > largest ? -EMSGSIZE : 0;
}

static int kdtls_prepare(struct kdtls_sock *ks, struct sock *sk,
			 struct kdtls_send *send, struct msghdr *msg)
{
	int err;

	if (msg->msg_flags & KDTLS_UNSUPPORTED)
		return -EOPNOTSUPP;
	send->gso = READ_ONCE(udp_sk(sk)->gso_size);
	err = kdtls_parse_cmsgs(send, msg);
	if (err)
		return err;
	err = kdtls_check_name(sk, msg);
	if (err)
		return err;
	if (READ_ONCE(sk->sk_shutdown) & SEND_SHUTDOWN)
		return -EPIPE;
	return kdtls_session_may_send(&ks->session, send->type);
}

/* Copy the payload to where it will be sealed. */
static int kdtls_copy_payload(struct kdtls_send *send, struct iov_iter *from,
			      const struct kdtls_cipher *cipher, u8 *buf)
{
	u32 front = KDTLS_HEADER_LEN + cipher->explicit_len;
	u32 stride = send->segment + kdtls_overhead(cipher);
	size_t left = send->len;
	u32 i, n;

	for (i = 0; i < send->count; i++) {
		n = min_t(size_t, left, send->segment);
		if (!copy_from_iter_full(buf + i * stride + front, n, from))
			goto err_revert;
		left -= n;
	}
	return 0;

err_revert:
	iov_iter_revert(from, send->len - left);
	return -EFAULT;
}

static int kdtls_seal_all(struct kdtls_epoch *epoch, struct kdtls_work *work,
			  struct kdtls_send *send, u64 seq)
{
	u32 stride = send->segment + kdtls_overhead(epoch->cipher);
	size_t left = send->len;
	u32 i, n;
	int err;

	for (i = 0; i < send->count; i++) {
		n = min_t(size_t, left, send->segment);
		err = kdtls_epoch_seal(epoch, work, send->type, seq + i,
				       work->buf + i * stride, n);
		if (err)
			return err;
		left -= n;
	}
	return 0;
}

static void kdtls_count_sent(struct sock *sk, const struct kdtls_send *send)
{
	struct net *net = sock_net(sk);

	atomic64_add(send->count, &send->session->tx_records);
	atomic64_add(send->len, &send->session->tx_bytes);
	kdtls_stat_add(net, KDTLS_TX_RECORDS, send->count);
	kdtls_stat_add(net, KDTLS_TX_BYTES, send->len);
	if (send->type != DTLS_CT_APPLICATION_DATA)
		kdtls_stat_add(net, KDTLS_TX_CONTROL, send->count);
}

static int kdtls_take(struct kdtls_sock *ks, struct sock *sk,
		      const struct kdtls_send *send, struct kdtls_epoch *epoch,
		      u64 *seq)
{
	int err = kdtls_epoch_take(epoch, send->count, send->blocks, seq);

	if (err) {
		kdtls_stat_inc(sock_net(sk), KDTLS_TX_EXPIRED);
		if (kdtls_epoch_expire(epoch))
			kdtls_event(ks, sk, send->peer, DTLS_EVENT_TX_EXPIRED,
				    epoch);
		return err;
	}
	if (unlikely(kdtls_epoch_tx_worn(epoch)))
		kdtls_event(ks, sk, send->peer, DTLS_EVENT_TX_REKEY, epoch);
	return 0;
}

static int kdtls_seal_and_send(struct kdtls_sock *ks, struct sock *sk,
			       struct msghdr *msg, struct kdtls_send *send,
			       struct kdtls_epoch *epoch,
			       struct kdtls_work *work)
{
	const struct kdtls_cipher *cipher = epoch->cipher;
	u8 *payload = work->buf + KDTLS_HEADER_LEN + cipher->explicit_len;
	u8 alert[2] = {};
	u64 seq;
	int err;

	err = kdtls_epoch_ready(epoch, work);
	if (err)
		return err;
	err = kdtls_copy_payload(send, &msg->msg_iter, cipher, work->buf);
	if (err)
		return err;
	if (send->type == DTLS_CT_ALERT && send->len == sizeof(alert))
		memcpy(alert, payload, sizeof(alert));
	err = kdtls_take(ks, sk, send, epoch, &seq);
	if (err)
		goto err_revert;

	/* From here on the numbers are used up, whatever happens. */
	err = kdtls_seal_all(epoch, work, send, seq);
	if (err)
		goto err_count;
	err = kdtls_send_wire(ks, sk, msg, send, work->buf,
			      kdtls_overhead(cipher));
	if (err < 0)
		goto err_count;

	kdtls_count_sent(sk, send);
	if (send->type == DTLS_CT_ALERT && send->len == sizeof(alert))
		kdtls_session_sent_alert(send->session, alert[0], alert[1]);
	return send->len;

err_count:
	kdtls_stat_add(sock_net(sk), KDTLS_TX_ERRORS, send->count);
err_revert:
	/* io_uring tries again with what the iterator still holds. */
	iov_iter_revert(&msg->msg_iter, send->len);
	return err;
}

/**
 * kdtls_send_records() - seal a payload and send it
 * @ks: the socket's context
 * @sk: the socket
 * @msg: the payload, and how to send it
 * @len: its bytes
 * @send: what the call asked for
 * @epoch: keys to seal with
 *
 * Context: Process context, may sleep.
 * Return: @len or a negative errno.
 */
int kdtls_send_records(struct kdtls_sock *ks, struct sock *sk,
		       struct msghdr *msg, size_t len, struct kdtls_send *send,
		       struct kdtls_epoch *epoch)
{
	struct kdtls_work *work;
	int err;

	err = kdtls_plan(send, len, epoch->cipher);
	if (err)
		return err;
	work = kdtls_work_get(send->wire);
	if (IS_ERR(work))
		return PTR_ERR(work);
	err = kdtls_seal_and_send(ks, sk, msg, send, epoch, work);
	kdtls_work_put(work);
	return err;
}

/* A connected socket sends as it came what it also receives like that. */
static int kdtls_send_raw_asked(struct kdtls_sock *ks, struct sock *sk,
				struct msghdr *msg, size_t len,
				struct kdtls_send *send)
{
	int mode = READ_ONCE(ks->recv_raw);

	if (mode == DTLS_RAW_NONE)
		return -EPERM;
	send->handshake = mode == DTLS_RAW_UNOPENED;
	return kdtls_send_raw(ks, sk, msg, len, send);
}

/*
 * No keys yet: the handshake's datagrams pass. A call that asks for a record
 * must not have its payload go out in the clear instead.
 */
static int kdtls_send_before_keys(struct kdtls_sock *ks, struct sock *sk,
				  struct msghdr *msg, size_t len)
{
	struct kdtls_send send = { .gso = READ_ONCE(udp_sk(sk)->gso_size) };
	int err;

	err = kdtls_parse_cmsgs(&send, msg);
	if (err)
		return err;
	if (send.type)
		return -EINVAL;
	if (send.raw)
		return kdtls_send_raw_asked(ks, sk, msg, len, &send);
	/* UDP_CORK and what a splice announces: UDP knows both by its flag only. */
	if (READ_ONCE(ks->cork) || msg->msg_flags & KDTLS_MSG_MORE)
		msg->msg_flags |= MSG_MORE;
	return ks->base->sendmsg(sk, msg, len);
}

/**
 * kdtls_sendmsg() - sendmsg of an attached socket
 * @sk: the socket
 * @msg: what to send, and how
 * @len: bytes of payload in @msg
 *
 * Context: Process context, may sleep. Calls may run at the same time.
 * Return: @len or a negative errno; see Documentation/uapi.rst.
 */
int kdtls_sendmsg(struct sock *sk, struct msghdr *msg, size_t len)
{
	struct kdtls_send send = { .type = DTLS_CT_APPLICATION_DATA };
	struct kdtls_sock *ks = kdtls_sk(sk);
	struct kdtls_epoch *epoch;
	bool more, member;
	int err;

	if (!ks)
		return -EBADFD;
	/* Pairs with the release in kdtls_member_add(). */
	if (smp_load_acquire(&ks->endpoint))
		return kdtls_member_sendmsg(ks, sk, msg, len);
	epoch = kdtls_epoch_get(&ks->session.tx);
	if (!epoch) {
		err = kdtls_pass_lock(ks, msg->msg_flags & MSG_DONTWAIT);
		if (err)
			return err;
		epoch = kdtls_epoch_get(&ks->session.tx);
		member = ks->endpoint;
		if (!epoch && !member)
			err = kdtls_send_before_keys(ks, sk, msg, len);
		up_read(&ks->install_lock);
		if (member)
			return kdtls_member_sendmsg(ks, sk, msg, len);
		if (!epoch)
			return err;
	}

	send.session = &ks->session;
	send.ipv4 = kdtls_goes_by_ipv4(sk);
	err = kdtls_prepare(ks, sk, &send, msg);
	more = msg->msg_flags & KDTLS_MSG_MORE || READ_ONCE(ks->cork);
	if (!err && send.raw)
		err = kdtls_send_raw_asked(ks, sk, msg, len, &send);
	else if (!err && (more || READ_ONCE(ks->corked.pending)))
		err = kdtls_send_corked(ks, sk, msg, len, &send, epoch, more);
	else if (!err)
		err = kdtls_send_records(ks, sk, msg, len, &send, epoch);
	kdtls_epoch_put(epoch);
	return err;
}
