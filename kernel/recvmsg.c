// SPDX-License-Identifier: GPL-2.0
/*
 * recvmsg: a call that takes a message, looks at one, or waits for one.
 */
#include <asm/ioctls.h>
#include <linux/kdtls.h>
#include <linux/sched/signal.h>
#include <linux/sockios.h>

#include "receive.h"
#include "sock.h"
#include "stat.h"

/* Spent keys of which no receive call has told yet. */
static bool kdtls_expired_untold(struct kdtls_session *session)
{
	struct kdtls_epoch *epoch;
	bool untold;

	rcu_read_lock();
	epoch = rcu_dereference(session->rx);
	untold = epoch && test_bit(KDTLS_EPOCH_EXPIRED, &epoch->flags) &&
		 !test_bit(KDTLS_EPOCH_TOLD, &epoch->flags);
	rcu_read_unlock();
	return untold;
}

/* Wake up for what there is to read, as a reader of UDP does. */
int kdtls_reader_wake(wait_queue_entry_t *wait, unsigned int mode, int sync,
		      void *key)
{
	if (key && !(key_to_poll(key) & (EPOLLIN | EPOLLERR)))
		return 0;
	return autoremove_wake_function(wait, mode, sync, key);
}

/*
 * Is there anything that the caller, who found nothing, did not see? What it
 * only skipped (SO_PEEK_OFF) does not count, or it would never sleep.
 */
static bool kdtls_news(struct kdtls_sock *ks, struct sock *sk,
		       unsigned long added)
{
	if (READ_ONCE(sk->sk_err) || READ_ONCE(ks->opened.added) != added ||
	    !skb_queue_empty_lockless(&sk->sk_receive_queue))
		return true;
	if (kdtls_expired_untold(&ks->session))
		return true;
	/* Without keys the base peeks, and leaves what it skipped in there. */
	return kdtls_opens(ks) &&
	       !skb_queue_empty_lockless(&udp_sk(sk)->reader_queue);
}

/*
 * Sleep until there may be something to read. Datagrams are not all that wakes
 * a reader: another one may have queued opened messages, and the check for them
 * has to come after this thread is on the wait queue. @added is ks->opened.added
 * from before the caller looked.
 *
 * Return: 0 to look again, 1 at the end of the session, or a negative errno.
 */
static int kdtls_wait(struct kdtls_sock *ks, struct sock *sk, long *timeo,
		      unsigned long added)
{
	DEFINE_WAIT_FUNC(wait, kdtls_reader_wake);
	int ret = 0;

	prepare_to_wait_exclusive(sk_sleep(sk), &wait, TASK_INTERRUPTIBLE);
	if (kdtls_news(ks, sk, added))
		goto out;
	ret = 1;
	if (READ_ONCE(sk->sk_shutdown) & RCV_SHUTDOWN)
		goto out;
	ret = sock_intr_errno(*timeo);
	if (signal_pending(current))
		goto out;
	ret = 0;
	*timeo = schedule_timeout(*timeo);
out:
	finish_wait(sk_sleep(sk), &wait);
	return ret;
}

/**
 * struct kdtls_recv_call - one call of recvmsg
 * @msg: its buffers
 * @len: bytes of payload they hold
 * @flags: MSG_ flags
 * @addr_len: where the length of the peer's address goes
 * @timeo: how long it may wait, in jiffies
 * @begin: when it began
 */
struct kdtls_recv_call {
	struct msghdr	*msg;
	size_t		len;
	int		flags;
	int		*addr_len;
	long		timeo;
	unsigned long	begin;
};

static void kdtls_drop_message(struct kdtls_receive *rx,
			       const struct kdtls_message *message)
{
	kdtls_drop(rx, message->raw ? KDTLS_RX_DROP_RAW :
				      KDTLS_RX_DROP_CONTROL);
}

static int kdtls_deliver_or_drop(struct kdtls_receive *rx,
				 const struct kdtls_recv_call *call,
				 const struct kdtls_message *message,
				 u32 offset)
{
	if (kdtls_deliverable(call->msg, message))
		return kdtls_deliver(rx->ks, rx->sk, call->msg, call->len,
				     call->flags, message, offset,
				     call->addr_len);
	kdtls_drop_message(rx, message);
	return KDTLS_NEXT;
}

static int kdtls_peek_opened(struct kdtls_receive *rx,
			     const struct kdtls_recv_call *call)
{
	int offset = sk_peek_offset(rx->sk, call->flags);
	struct kdtls_message *message;
	int ret = KDTLS_NEXT;

	message = kdtls_opened_peek(&rx->ks->opened, &offset);
	if (!message)
		return -EAGAIN;
	if (kdtls_deliverable(call->msg, message))
		ret = kdtls_deliver_or_drop(rx, call, message, max(offset, 0));
	/* What cannot be shown to this call must not be in its way. */
	else if (kdtls_opened_remove(&rx->ks->opened, rx->sk, message))
		kdtls_drop_message(rx, message);
	kdtls_message_put(message);
	return ret;
}

static int kdtls_take_opened(struct kdtls_receive *rx,
			     const struct kdtls_recv_call *call)
{
	struct kdtls_message *message;
	int ret;

	message = kdtls_opened_take(&rx->ks->opened, rx->sk);
	if (!message)
		return -EAGAIN;
	/* One wake-up wakes one reader: pass it on with what is left. */
	if (!kdtls_opened_empty(&rx->ks->opened))
		rx->sk->sk_data_ready(rx->sk);
	ret = kdtls_deliver_or_drop(rx, call, message, 0);
	kdtls_message_put(message);
	return ret;
}

static int kdtls_recv_opened(struct kdtls_receive *rx,
			     const struct kdtls_recv_call *call)
{
	if (kdtls_opened_empty(&rx->ks->opened))
		return -EAGAIN;
	if (call->flags & MSG_PEEK)
		return kdtls_peek_opened(rx, call);
	return kdtls_take_opened(rx, call);
}

/* Open the next datagram and, if nothing else is before it, deliver from it. */
static int kdtls_recv_datagram(struct kdtls_receive *rx,
			       const struct kdtls_recv_call *call)
{
	int ret;

	rx->keep_first = !(call->flags & MSG_PEEK);
	rx->first.skb = NULL;
	ret = kdtls_receive_next(rx);
	if (ret)
		return ret;
	ret = KDTLS_NEXT;
	if (rx->first.skb)
		ret = kdtls_deliver_or_drop(rx, call, &rx->first, 0);
	kdtls_receive_done(rx);
	return ret;
}

/* The keys are spent: one call is told, once all that was opened is read. */
static bool kdtls_recv_expired(struct kdtls_session *session)
{
	struct kdtls_epoch *epoch;
	bool first;

	if (!kdtls_expired_untold(session))
		return false;
	rcu_read_lock();
	epoch = rcu_dereference(session->rx);
	first = epoch && !test_and_set_bit(KDTLS_EPOCH_TOLD, &epoch->flags);
	rcu_read_unlock();
	return first;
}

static int kdtls_recv_try(struct kdtls_receive *rx,
			  const struct kdtls_recv_call *call)
{
	int ret = kdtls_recv_opened(rx, call);

	if (ret != -EAGAIN)
		return ret;
	if (unlikely(kdtls_recv_expired(&rx->ks->session)))
		return -EKEYEXPIRED;
	ret = kdtls_recv_datagram(rx, call);
	/* After close_notify even a call that does not wait is told. */
	if (ret == -EAGAIN && kdtls_session_rx_ended(&rx->ks->session))
		return 0;
	return ret;
}

/* Datagrams with nothing in them that a call which must not wait looks at. */
#define KDTLS_RECV_TRIES	256

static long kdtls_time_left(const struct kdtls_recv_call *call)
{
	unsigned long gone = jiffies - call->begin;

	if (!call->timeo || call->timeo == MAX_SCHEDULE_TIMEOUT)
		return call->timeo;
	return gone < call->timeo ? call->timeo - gone : 0;
}

static bool kdtls_datagrams_waiting(struct sock *sk)
{
	return !skb_queue_empty_lockless(&sk->sk_receive_queue) ||
	       !skb_queue_empty_lockless(&udp_sk(sk)->reader_queue);
}

/*
 * After a datagram with nothing in it: may the call go on? Records that do not
 * open must not keep a reader beyond its time, however fast they come.
 */
static int kdtls_recv_go_on(struct kdtls_receive *rx, long left, int *tries)
{
	cond_resched();
	if (left)
		return signal_pending(current) ? sock_intr_errno(left) : 0;
	if (++*tries < KDTLS_RECV_TRIES)
		return 0;
	/* Whoever waits for edges would wait for the next datagram. */
	if (kdtls_datagrams_waiting(rx->sk))
		rx->sk->sk_data_ready(rx->sk);
	return -EAGAIN;
}

static int kdtls_recv_records(struct kdtls_receive *rx,
			      const struct kdtls_recv_call *call)
{
	unsigned long added;
	int ret, tries = 0;
	long left;

	for (;;) {
		added = READ_ONCE(rx->ks->opened.added);
		ret = kdtls_recv_try(rx, call);
		if (ret != KDTLS_NEXT && ret != -EAGAIN)
			return ret;
		left = kdtls_time_left(call);
		if (ret == KDTLS_NEXT) {
			ret = kdtls_recv_go_on(rx, left, &tries);
			if (ret)
				return ret;
			continue;
		}
		if (!left)
			return -EAGAIN;
		ret = kdtls_wait(rx->ks, rx->sk, &left, added);
		if (ret)
			return ret < 0 ? ret : 0;
	}
}

/*
 * No keys yet: datagrams pass as they came. The base must not sleep, for a
 * reader that slept in there would not see the keys arrive.
 *
 * Return: what the call returns, or KDTLS_NEXT if there are keys now.
 */
static int kdtls_recv_before_keys(struct kdtls_sock *ks, struct sock *sk,
				  const struct kdtls_recv_call *call)
{
	unsigned long added;
	long left;
	int ret;

	for (;;) {
		added = READ_ONCE(ks->opened.added);
		ret = kdtls_pass_lock(ks, call->flags & MSG_DONTWAIT);
		if (ret)
			return ret;
		ret = KDTLS_NEXT;
		if (!kdtls_opens(ks))
			ret = kdtls_base_recvmsg(ks->base, sk, call->msg,
						 call->len,
						 call->flags | MSG_DONTWAIT,
						 call->addr_len);
		up_read(&ks->install_lock);
		left = kdtls_time_left(call);
		if (ret != -EAGAIN || !left)
			return ret;
		ret = kdtls_wait(ks, sk, &left, added);
		if (ret)
			return ret < 0 ? ret : 0;
	}
}

/**
 * kdtls_recvmsg() - recvmsg of an attached socket
 * @sk: the socket
 * @msg: the call's buffers
 * @len: bytes of payload that they hold
 * @flags: MSG_ flags
 * @addr_len: where to put the length of the peer's address
 *
 * Context: Process context, may sleep. Calls may run at the same time.
 * Return: bytes of payload or a negative errno; see Documentation/uapi.rst.
 */
int kdtls_recvmsg(struct sock *sk, struct msghdr *msg, size_t len, int flags,
		  int *addr_len)
{
	struct kdtls_sock *ks = kdtls_sk(sk);
	struct kdtls_recv_call call = {
		.msg = msg,
		.len = len,
		.flags = flags,
		.addr_len = addr_len,
		.timeo = sock_rcvtimeo(sk, flags & MSG_DONTWAIT),
		.begin = jiffies,
	};
	struct kdtls_receive rx;
	int ret;

	if (!ks)
		return -EBADFD;
	if (flags & MSG_ERRQUEUE)
		return kdtls_base_recvmsg(ks->base, sk, msg, len, flags,
					  addr_len);

	if (kdtls_recv_pathmtu(sk, msg, addr_len))
		return 0;
	if (!kdtls_opens(ks)) {
		ret = kdtls_recv_before_keys(ks, sk, &call);
		if (ret != KDTLS_NEXT)
			return ret;
	}
	kdtls_receive_init(&rx, ks, sk);
	return kdtls_recv_records(&rx, &call);
}

/*
 * Bytes of payload that the next receive call would return, 0 if none. A pending
 * error is left to that call.
 */
static int kdtls_next_len(struct kdtls_sock *ks, struct sock *sk)
{
	struct kdtls_message *message;
	int none, len, err, tries;
	struct kdtls_receive rx;

	kdtls_receive_init(&rx, ks, sk);
	for (tries = 0; tries < KDTLS_RECV_TRIES; tries++) {
		none = -1;
		message = kdtls_opened_peek(&ks->opened, &none);
		if (message) {
			len = message->len;
			kdtls_message_put(message);
			return len;
		}
		if (READ_ONCE(sk->sk_err))
			return 0;
		err = kdtls_receive_next(&rx);
		if (!err)
			kdtls_receive_done(&rx);
		else if (err != KDTLS_NEXT)
			return 0;
		cond_resched();
	}
	return 0;
}

/**
 * kdtls_ioctl() - ioctls of an attached socket that differ from UDP's
 * @ks: the socket's context
 * @sk: the socket
 * @cmd: the ioctl
 * @answer: where to put its answer
 *
 * Context: Process context, may sleep.
 * Return: whether @cmd was one of them: SIOCINQ, once there are keys.
 */
bool kdtls_ioctl(struct kdtls_sock *ks, struct sock *sk, int cmd, int *answer)
{
	if (cmd != SIOCINQ || !kdtls_opens(ks))
		return false;
	*answer = kdtls_next_len(ks, sk);
	return true;
}
