// SPDX-License-Identifier: GPL-2.0
/*
 * Down to UDP: what was sealed goes through the socket's original sendmsg, with
 * the caller's address, flags and control messages.
 */
#include <linux/kdtls.h>
#include <linux/slab.h>
#include <linux/udp.h>
#include <linux/uio.h>

#include "send.h"
#include "sock.h"

/*
 * Give the records to UDP. @msg is the caller's: it still says where to, how
 * and with which control messages.
 */
static int kdtls_pass_down(struct kdtls_sock *ks, struct sock *sk,
			   const struct msghdr *msg, u8 *buf, u32 len)
{
	struct kvec vec = { .iov_base = buf, .iov_len = len };
	struct msghdr down = *msg;

	/* A connected socket's peer is known; its name would only cost a lookup. */
	if (!ks->endpoint) {
		down.msg_name = NULL;
		down.msg_namelen = 0;
	}
	down.msg_flags &= ~(KDTLS_MSG_SPLICE_PAGES | KDTLS_MSG_MORE);
	down.msg_ubuf = NULL;
	down.sg_from_iter = NULL;
	iov_iter_kvec(&down.msg_iter, ITER_SOURCE, &vec, 1, len);
	return ks->base->sendmsg(sk, &down, len);
}

static void kdtls_put_segment(struct cmsghdr *cmsg, u16 segment)
{
	cmsg->cmsg_level = SOL_UDP;
	cmsg->cmsg_type = UDP_SEGMENT;
	cmsg->cmsg_len = CMSG_LEN(sizeof(u16));
	*(u16 *)CMSG_DATA(cmsg) = segment;
}

/*
 * The socket option counts payload, so UDP must not see it: a control message
 * overrides it. It goes in front, for what is behind the caller's last one may
 * be anything.
 */
static int kdtls_pass_down_option(struct kdtls_sock *ks, struct sock *sk,
				  struct msghdr *msg, u8 *buf, u32 len,
				  u16 segment)
{
	u8 small[CMSG_SPACE(sizeof(u16))] __aligned(8) = {};
	size_t size = sizeof(small) + msg->msg_controllen;
	struct msghdr down = *msg;
	u8 *control = small;
	int err;

	if (msg->msg_controllen) {
		control = kmalloc(size, GFP_KERNEL_ACCOUNT);
		if (!control)
			return -ENOMEM;
		memcpy(control + sizeof(small), msg->msg_control,
		       msg->msg_controllen);
	}
	kdtls_put_segment((struct cmsghdr *)control, segment);
	down.msg_control = control;
	down.msg_controllen = size;
	down.msg_control_is_user = false;
	err = kdtls_pass_down(ks, sk, &down, buf, len);
	if (control != small)
		kfree(control);
	return err;
}

/**
 * kdtls_send_datagram() - give UDP one datagram, whatever the segment size
 * @ks: the socket's context
 * @sk: the socket
 * @msg: the caller's message, without a UDP_SEGMENT of its own
 * @send: what it asked for
 * @buf: the datagram
 * @len: its bytes
 *
 * Context: Process context, may sleep.
 * Return: what UDP's sendmsg returns.
 */
int kdtls_send_datagram(struct kdtls_sock *ks, struct sock *sk,
			struct msghdr *msg, const struct kdtls_send *send,
			u8 *buf, u32 len)
{
	/* Also an option that was set since the call began must not cut it. */
	if (!send->gso_cmsg && READ_ONCE(udp_sk(sk)->gso_size))
		return kdtls_pass_down_option(ks, sk, msg, buf, len, 0);
	return kdtls_pass_down(ks, sk, msg, buf, len);
}

/**
 * kdtls_send_wire() - give sealed records to UDP
 * @ks: the socket's context
 * @sk: the socket
 * @msg: the caller's message
 * @send: what it asked for
 * @buf: the records
 * @overhead: bytes that each has around its payload
 *
 * Context: Process context, may sleep.
 * Return: what UDP's sendmsg returns.
 */
int kdtls_send_wire(struct kdtls_sock *ks, struct sock *sk, struct msghdr *msg,
		    struct kdtls_send *send, u8 *buf, u32 overhead)
{
	/* UDP takes any size; one as large as this never makes a train. */
	u16 segment = min_t(u32, send->gso + overhead, U16_MAX);
	u16 *value;
	int err;

	if (!send->gso)
		return kdtls_send_datagram(ks, sk, msg, send, buf, send->wire);
	if (!send->gso_cmsg)
		return kdtls_pass_down_option(ks, sk, msg, buf, send->wire,
					      segment);

	/* The caller's control messages are its own again when this returns. */
	value = (u16 *)CMSG_DATA(send->gso_cmsg);
	*value = segment;
	err = kdtls_pass_down(ks, sk, msg, buf, send->wire);
	*value = send->gso;
	return err;
}
