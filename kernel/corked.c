// SPDX-License-Identifier: GPL-2.0
/* Payload that waits for more: MSG_MORE and UDP_CORK. */
#include <linux/fs.h>
#include <linux/kdtls.h>
#include <linux/log2.h>
#include <linux/slab.h>
#include <linux/uio.h>

#include "send.h"
#include "sock.h"

/* The least that is allocated for a payload. */
#define KDTLS_CORKED_ROOM	2048

/* What of the first call's flags is about how the message is sent. */
#define KDTLS_CORKED_FLAGS	(MSG_DONTROUTE | MSG_CONFIRM)

void kdtls_corked_init(struct kdtls_corked *corked)
{
	mutex_init(&corked->lock);
}

static void kdtls_corked_forget(struct kdtls_corked *corked)
{
	kvfree_sensitive(corked->data, corked->room);
	kfree(corked->control);
	corked->data = NULL;
	corked->len = 0;
	corked->room = 0;
	corked->control = NULL;
	corked->controllen = 0;
	WRITE_ONCE(corked->pending, false);
}

/**
 * kdtls_corked_free() - throw away what was never completed
 * @corked: that of a socket which nobody can call any more
 *
 * Context: Process context.
 */
void kdtls_corked_free(struct kdtls_corked *corked)
{
	kdtls_corked_forget(corked);
	mutex_destroy(&corked->lock);
}

static int kdtls_corked_begin(struct kdtls_corked *corked,
			      const struct msghdr *msg,
			      const struct kdtls_send *send)
{
	if (msg->msg_controllen) {
		corked->control = kmemdup(msg->msg_control, msg->msg_controllen,
					  GFP_KERNEL_ACCOUNT);
		if (!corked->control)
			return -ENOMEM;
		corked->controllen = msg->msg_controllen;
	}
	corked->type = send->type;
	corked->flags = msg->msg_flags & KDTLS_CORKED_FLAGS;
	corked->gso = send->gso;
	WRITE_ONCE(corked->pending, true);
	return 0;
}

static int kdtls_corked_grow(struct kdtls_corked *corked, u32 len)
{
	u32 room = max_t(u32, roundup_pow_of_two(len), KDTLS_CORKED_ROOM);
	u8 *data;

	if (len <= corked->room)
		return 0;
	data = kvmalloc(room, GFP_KERNEL_ACCOUNT | __GFP_NOWARN);
	if (!data)
		return -ENOMEM;
	if (corked->len)
		memcpy(data, corked->data, corked->len);
	kvfree_sensitive(corked->data, corked->room);
	corked->data = data;
	corked->room = room;
	return 0;
}

/* Add a call's payload, if all of it together can still be sent. */
static int kdtls_corked_append(struct kdtls_corked *corked, struct sock *sk,
			       struct msghdr *msg, size_t len,
			       const struct kdtls_cipher *cipher)
{
	struct kdtls_send whole = {
		.gso = corked->gso,
		.ipv4 = kdtls_goes_by_ipv4(sk),
	};
	int err;

	if (len > KDTLS_WORK_SIZE)
		return -EMSGSIZE;
	err = kdtls_plan(&whole, corked->len + len, cipher);
	if (!err && len)
		err = kdtls_corked_grow(corked, corked->len + len);
	if (err)
		return err;
	if (!copy_from_iter_full(corked->data + corked->len, len,
				 &msg->msg_iter))
		return -EFAULT;
	corked->len += len;
	return 0;
}

/* The message is complete. @flags are those of the call that says so. */
static int kdtls_corked_send(struct kdtls_sock *ks, struct sock *sk, int flags,
			     struct kdtls_epoch *epoch)
{
	struct kdtls_corked *corked = &ks->corked;
	struct kdtls_send send = {
		.type = corked->type,
		.gso = corked->gso,
		.session = &ks->session,
		.ipv4 = kdtls_goes_by_ipv4(sk),
	};
	struct kvec vec = { .iov_base = corked->data, .iov_len = corked->len };
	struct msghdr msg = {
		.msg_control = corked->control,
		.msg_controllen = corked->controllen,
		.msg_flags = corked->flags |
			     (flags & (MSG_DONTWAIT | MSG_NOSIGNAL)),
	};
	int err;

	iov_iter_kvec(&msg.msg_iter, ITER_SOURCE, &vec, 1, corked->len);
	err = kdtls_parse_cmsgs(&send, &msg);
	if (err)
		return err;
	return kdtls_send_records(ks, sk, &msg, corked->len, &send, epoch);
}

static int kdtls_corked_lock(struct kdtls_corked *corked, int flags)
{
	if (flags & MSG_DONTWAIT)
		return mutex_trylock(&corked->lock) ? 0 : -EAGAIN;
	return mutex_lock_interruptible(&corked->lock) ? -EINTR : 0;
}

static int kdtls_corked_add(struct kdtls_corked *corked, struct sock *sk,
			    struct msghdr *msg, size_t len,
			    const struct kdtls_send *send,
			    const struct kdtls_cipher *cipher)
{
	int err;

	if (!corked->pending) {
		err = kdtls_corked_begin(corked, msg, send);
		if (err)
			return err;
	}
	return kdtls_corked_append(corked, sk, msg, len, cipher);
}

static bool kdtls_corked_try_again(int err)
{
	return err == -EAGAIN || err == -EINTR || err == -ERESTARTSYS;
}

/**
 * kdtls_send_corked() - a send call with which a message is not yet complete,
 *	or becomes so
 * @ks: the socket's context
 * @sk: the socket
 * @msg: the payload, and for the first call how to send the message
 * @len: its bytes
 * @send: what the call asked for
 * @epoch: keys to seal with
 * @more: more will come
 *
 * As with UDP, what fails loses the whole message, unless it was only not the time
 * for it.
 *
 * Context: Process context, may sleep.
 * Return: @len or a negative errno.
 */
int kdtls_send_corked(struct kdtls_sock *ks, struct sock *sk,
		      struct msghdr *msg, size_t len, struct kdtls_send *send,
		      struct kdtls_epoch *epoch, bool more)
{
	struct kdtls_corked *corked = &ks->corked;
	struct iov_iter begin = msg->msg_iter;
	bool began;
	u32 before;
	int err;

	err = kdtls_corked_lock(corked, msg->msg_flags);
	if (err)
		return err;
	/* One message has one type: nothing may pass for what it is not. */
	err = -EINVAL;
	if (corked->pending && corked->type != send->type)
		goto out;
	began = !corked->pending;
	before = corked->len;
	err = kdtls_corked_add(corked, sk, msg, len, send, epoch->cipher);
	if (!err && !more)
		err = kdtls_corked_send(ks, sk, msg->msg_flags, epoch);
	if (err < 0)
		msg->msg_iter = begin;
	/* Who tries again brings what this call had, and no more. */
	if (kdtls_corked_try_again(err) && !began)
		corked->len = before;
	else if (err < 0 || !more)
		kdtls_corked_forget(corked);
out:
	mutex_unlock(&corked->lock);
	return err < 0 ? err : len;
}

static int kdtls_nonblock(const struct sock *sk)
{
	const struct socket *sock = sk->sk_socket;

	return sock && sock->file && sock->file->f_flags & O_NONBLOCK ?
	       MSG_DONTWAIT : 0;
}

/**
 * kdtls_uncork() - send what waits for more
 * @ks: the socket's context
 * @sk: the socket
 *
 * UDP has its buffer space by then and can not fail; this can. With -EAGAIN the
 * message is still there, with other errors it is lost.
 *
 * Context: Process context, may sleep.
 * Return: 0 or a negative errno.
 */
int kdtls_uncork(struct kdtls_sock *ks, struct sock *sk)
{
	struct kdtls_corked *corked = &ks->corked;
	struct kdtls_epoch *epoch;
	int err = 0;

	if (!READ_ONCE(corked->pending))
		return 0;
	epoch = kdtls_epoch_get(&ks->session.tx);
	mutex_lock(&corked->lock);
	if (corked->pending && epoch)
		err = kdtls_session_may_send(&ks->session, corked->type);
	if (corked->pending && epoch && !err)
		err = kdtls_corked_send(ks, sk, kdtls_nonblock(sk) |
						MSG_NOSIGNAL, epoch);
	if (!kdtls_corked_try_again(err))
		kdtls_corked_forget(corked);
	mutex_unlock(&corked->lock);
	kdtls_epoch_put(epoch);
	return min(err, 0);
}
