// SPDX-License-Identifier: GPL-2.0
/* Records that user space brings itself: those of a handshake. */
#include <linux/kdtls.h>
#include <linux/uio.h>

#include "send.h"
#include "sock.h"
#include "stat.h"

/*
 * Only the kernel seals: whoever brings records may bring those of epoch 0. While
 * a new handshake is under way its last messages are sealed with keys that are
 * not here yet; data is not among them.
 */
static int kdtls_check_raw(const u8 *buf, u32 len, bool handshake)
{
	struct kdtls_record rec;
	u32 size;

	if (!len)
		return -EINVAL;
	for (; len; buf += size, len -= size) {
		if (kdtls_record_parse(&rec, buf, len))
			return -EINVAL;
		if (rec.epoch && !handshake)
			return -EPERM;
		if (rec.type == DTLS_CT_APPLICATION_DATA)
			return -EPERM;
		size = KDTLS_HEADER_LEN + rec.len;
	}
	return 0;
}

/**
 * kdtls_send_raw() - send records as the caller brings them (DTLS_RAW)
 * @ks: the socket's context
 * @sk: the socket
 * @msg: the records, one datagram
 * @len: their bytes
 * @send: what the call asked for
 *
 * Context: Process context, may sleep.
 * Return: @len or a negative errno.
 */
int kdtls_send_raw(struct kdtls_sock *ks, struct sock *sk, struct msghdr *msg,
		   size_t len, struct kdtls_send *send)
{
	struct kdtls_work *work;
	int err;

	if (msg->msg_flags & KDTLS_MSG_MORE)
		return -EOPNOTSUPP;
	if (send->gso && send->gso_cmsg)
		return -EINVAL;
	if (len > KDTLS_WORK_SIZE)
		return -EMSGSIZE;
	work = kdtls_work_get(len);
	if (IS_ERR(work))
		return PTR_ERR(work);

	/* What is checked is a copy: the caller's memory can still change. */
	err = -EFAULT;
	if (!copy_from_iter_full(work->buf, len, &msg->msg_iter))
		goto out;
	err = kdtls_check_raw(work->buf, len, send->handshake);
	if (!err)
		err = kdtls_send_datagram(ks, sk, msg, send, work->buf, len);
	if (err < 0) {
		iov_iter_revert(&msg->msg_iter, len);
		goto out;
	}
	kdtls_stat_inc(sock_net(sk), KDTLS_TX_RAW);
out:
	kdtls_work_put(work);
	return err;
}
