// SPDX-License-Identifier: GPL-2.0
/*
 * recvmsg: datagrams in, payload out.
 *
 * A datagram, or a train of them that GRO put together, is opened whole by the
 * call that takes it off the socket's queue. What that call does not return
 * waits in the queue of opened messages.
 */
#include <asm/ioctls.h>
#include <linux/kdtls.h>
#include <linux/sched/signal.h>
#include <linux/sockios.h>

#include "sock.h"
#include "stat.h"
#include "trace.h"

/**
 * struct kdtls_receive - one datagram or train on its way through
 * @ks: the socket's context
 * @sk: the socket
 * @epochs: keys to open with: the current ones, and if there are older ones that
 *	still serve, those
 * @work: scratch memory; opened payloads stand in its buffer, one behind the
 *	other
 * @skb: the datagram or train
 * @used: bytes of @work's buffer that are taken
 * @summed: the datagram's UDP checksum was looked at
 * @sum_bad: and it is wrong
 * @join: records of the train may be delivered together
 * @current_message: the message that the next record may still join, if its
 *	skb is set
 * @first: the first finished message, which the call may deliver without it
 *	being queued, if its skb is set
 * @keep_first: do not queue the first message but leave it in @first
 * @queued: messages were queued
 */
struct kdtls_receive {
	struct kdtls_sock	*ks;
	struct sock		*sk;
	struct kdtls_epoch	*epochs[2];
	struct kdtls_work	*work;
	struct sk_buff		*skb;
	u32			used;
	bool			summed;
	bool			sum_bad;
	bool			join;
	bool			keep_first;
	bool			queued;
	struct kdtls_message	current_message;
	struct kdtls_message	first;
};

/* @rec is what of the record is known, or NULL. */
static void kdtls_drop_record(struct kdtls_receive *rx,
			      const struct kdtls_record *rec,
			      enum kdtls_counter reason)
{
	struct kdtls_session *session = &rx->ks->session;

	if (reason == KDTLS_RX_DROP_REPLAY || reason == KDTLS_RX_DROP_OLD) {
		trace_kdtls_replay(rx->sk, rec, reason);
		atomic64_inc(&session->rx_replayed);
	} else {
		trace_kdtls_drop(rx->sk, rec, reason);
		atomic64_inc(&session->rx_bad);
	}
	kdtls_stat_inc(sock_net(rx->sk), reason);
	kdtls_drops_inc(rx->sk);
}

static void kdtls_drop(struct kdtls_receive *rx, enum kdtls_counter reason)
{
	kdtls_drop_record(rx, NULL, reason);
}

static enum kdtls_counter kdtls_drop_reason(int err)
{
	switch (err) {
	case -EALREADY:
		return KDTLS_RX_DROP_REPLAY;
	case -ESTALE:
		return KDTLS_RX_DROP_OLD;
	case -EBADMSG:
		return KDTLS_RX_DROP_AUTH;
	case -EKEYEXPIRED:
		return KDTLS_RX_DROP_LIMIT;
	case -EMSGSIZE:
		return KDTLS_RX_DROP_FORMAT;
	case -EXDEV:
		return KDTLS_RX_DROP_EPOCH;
	default:
		return KDTLS_RX_DROP_NOMEM;
	}
}

/* No further record joins the current message. */
static void kdtls_finish_message(struct kdtls_receive *rx)
{
	struct kdtls_message *message = &rx->current_message;

	if (!message->skb)
		return;
	if (rx->keep_first && !rx->first.skb)
		rx->first = *message;
	else if (kdtls_opened_add(&rx->ks->opened, rx->sk, message))
		kdtls_drop(rx, KDTLS_RX_DROP_NOMEM);
	else
		rx->queued = true;
	message->skb = NULL;
}

/* @len bytes of payload at @data are kept: what comes next goes behind them. */
static void kdtls_begin_message(struct kdtls_receive *rx, u8 type, bool raw,
				const u8 *data, u32 len)
{
	kdtls_finish_message(rx);
	rx->used += len;
	rx->current_message = (struct kdtls_message) {
		.skb = rx->skb,
		.type = type,
		.raw = raw,
		.data = data,
		.len = len,
	};
}

/*
 * As UDP_GRO has it, all segments of a message but the last are of one size.
 * Payloads that are kept stand in the buffer without gaps, and those of records
 * that nobody wants are written over, so to join is to count.
 */
static bool kdtls_join_message(struct kdtls_receive *rx, u32 len)
{
	struct kdtls_message *message = &rx->current_message;
	u32 segment;

	if (!rx->join || !message->skb || message->raw || !len ||
	    message->type != DTLS_CT_APPLICATION_DATA)
		return false;
	segment = message->segment ?: message->len;
	if (!segment || len > segment || message->len % segment)
		return false;
	message->segment = segment;
	message->len += len;
	rx->used += len;
	return true;
}

static void kdtls_got_data(struct kdtls_receive *rx, const u8 *data, u32 len)
{
	if (!kdtls_join_message(rx, len))
		kdtls_begin_message(rx, DTLS_CT_APPLICATION_DATA, false, data,
				    len);
}

static void kdtls_got_control(struct kdtls_receive *rx, u8 type, const u8 *data,
			      u32 len)
{
	bool used = READ_ONCE(rx->ks->recv_control);

	kdtls_stat_inc(sock_net(rx->sk), KDTLS_RX_CONTROL);
	if (used)
		kdtls_begin_message(rx, type, false, data, len);
	if (used || type == DTLS_CT_ALERT)
		kdtls_finish_message(rx);
	/* Only now: readers must find what came before the end first. */
	if (type == DTLS_CT_ALERT)
		used |= kdtls_session_got_alert(&rx->ks->session, rx->sk, data,
						len);
	if (!used)
		kdtls_stat_inc(sock_net(rx->sk), KDTLS_RX_DROP_CONTROL);
}

static void kdtls_got_record(struct kdtls_receive *rx,
			     const struct kdtls_record *rec, const u8 *data,
			     u32 len)
{
	struct net *net = sock_net(rx->sk);

	atomic64_inc(&rx->ks->session.rx_records);
	atomic64_add(len, &rx->ks->session.rx_bytes);
	kdtls_stat_inc(net, KDTLS_RX_RECORDS);
	kdtls_stat_add(net, KDTLS_RX_BYTES, len);
	if (rec->type == DTLS_CT_APPLICATION_DATA)
		kdtls_got_data(rx, data, len);
	else
		kdtls_got_control(rx, rec->type, data, len);
}

/* What can be told without the epoch: may the record be opened? */
static bool kdtls_check_record(struct kdtls_receive *rx,
			       const struct kdtls_record *rec)
{
	if (rec->type < DTLS_CT_CHANGE_CIPHER_SPEC ||
	    rec->type > DTLS_CT_APPLICATION_DATA)
		kdtls_drop_record(rx, rec, KDTLS_RX_DROP_TYPE);
	else if (rec->version != DTLS_1_2_VERSION)
		kdtls_drop_record(rx, rec, KDTLS_RX_DROP_VERSION);
	else if (kdtls_session_rx_ended(&rx->ks->session))
		kdtls_drop_record(rx, rec, KDTLS_RX_DROP_CLOSED);
	else
		return true;
	return false;
}

/* Told is what concerns the keys that serve now; for older ones it is too late. */
static void kdtls_count_failure(struct kdtls_receive *rx,
				struct kdtls_epoch *epoch)
{
	bool current_keys = epoch == rcu_access_pointer(rx->ks->session.rx);

	kdtls_epoch_count_failure(epoch);
	if (unlikely(kdtls_epoch_rx_worn(epoch)) && current_keys)
		kdtls_event(rx->ks, rx->sk, DTLS_EVENT_RX_REKEY, epoch);
	if (likely(kdtls_epoch_check_limit(epoch)))
		return;
	if (!kdtls_epoch_expire(epoch) || !current_keys)
		return;
	kdtls_event(rx->ks, rx->sk, DTLS_EVENT_RX_EXPIRED, epoch);
	/* Whoever waits has to know that nothing will come any more. */
	sk_error_report(rx->sk);
}

static struct kdtls_epoch *kdtls_find_epoch(struct kdtls_receive *rx,
					    u16 number)
{
	int i;

	for (i = 0; i < ARRAY_SIZE(rx->epochs); i++)
		if (rx->epochs[i] && rx->epochs[i]->number == number)
			return rx->epochs[i];
	return NULL;
}

/* Returns bytes of payload at @to, or a negative errno. */
static int kdtls_open_record(struct kdtls_receive *rx,
			     const struct kdtls_record *rec, u32 offset, u8 *to)
{
	struct kdtls_epoch *epoch = kdtls_find_epoch(rx, rec->epoch);
	int payload, err;

	if (!epoch)
		return -EXDEV;
	payload = kdtls_record_payload(rec, epoch->cipher);
	if (payload < 0)
		return -EMSGSIZE;
	err = kdtls_epoch_check(epoch, rec->seq);
	if (!err)
		err = kdtls_epoch_open(epoch, rx->work, rec, payload, rx->skb,
				       offset, to);
	if (err == -EBADMSG)
		kdtls_count_failure(rx, epoch);
	return err ?: payload;
}

/* One sum for all records of a datagram: it may be a long one. */
static bool kdtls_checksum_good(struct kdtls_receive *rx)
{
	if (!rx->summed) {
		rx->summed = true;
		rx->sum_bad = !udp_skb_csum_unnecessary(rx->skb) &&
			      udp_lib_checksum_complete(rx->skb);
	}
	return !rx->sum_bad;
}

/*
 * Keep a record as it came, header included, at @offset. It was not
 * authenticated: only whoever handles handshakes gets it. Records that stand
 * together become one message.
 */
static void kdtls_keep_raw(struct kdtls_receive *rx,
			   const struct kdtls_record *rec, u32 offset)
{
	u32 len = KDTLS_HEADER_LEN + rec->len;
	u8 *to = rx->work->buf + rx->used;

	if (!kdtls_checksum_good(rx)) {
		kdtls_drop_record(rx, rec, KDTLS_RX_DROP_CHECKSUM);
		return;
	}
	if (skb_copy_bits(rx->skb, offset, to, len)) {
		kdtls_drop_record(rx, rec, KDTLS_RX_DROP_FORMAT);
		return;
	}
	if (!rx->current_message.skb || !rx->current_message.raw) {
		kdtls_begin_message(rx, rec->type, true, to, len);
		return;
	}
	rx->current_message.len += len;
	rx->used += len;
}

/* A record of epoch 0 can not be authenticated. Nobody gets its data. */
static void kdtls_receive_epoch0(struct kdtls_receive *rx,
				 const struct kdtls_record *rec, u32 offset)
{
	if (rec->type == DTLS_CT_APPLICATION_DATA)
		kdtls_drop_record(rx, rec, KDTLS_RX_DROP_EPOCH);
	else if (READ_ONCE(rx->ks->recv_raw) == DTLS_RAW_NONE)
		kdtls_drop_record(rx, rec, KDTLS_RX_DROP_RAW);
	else
		kdtls_keep_raw(rx, rec, offset);
}

/* A record of a protected epoch, header included, at @offset. */
static void kdtls_receive_record(struct kdtls_receive *rx,
				 const struct kdtls_record *rec, u32 offset)
{
	u8 *to = rx->work->buf + rx->used;
	enum kdtls_counter reason;
	int ret;

	if (!kdtls_check_record(rx, rec))
		return;
	ret = kdtls_open_record(rx, rec, offset + KDTLS_HEADER_LEN, to);
	if (ret >= 0) {
		kdtls_got_record(rx, rec, to, ret);
		return;
	}
	reason = kdtls_drop_reason(ret);
	/* It may be for keys of a handshake that is under way. */
	if (reason != KDTLS_RX_DROP_NOMEM &&
	    READ_ONCE(rx->ks->recv_raw) == DTLS_RAW_UNOPENED)
		kdtls_keep_raw(rx, rec, offset);
	else
		kdtls_drop_record(rx, rec, reason);
}

/* One datagram: the bytes from @offset to @end, a record behind the other. */
static void kdtls_receive_datagram(struct kdtls_receive *rx, u32 offset, u32 end)
{
	u8 room[KDTLS_HEADER_LEN];
	struct kdtls_record rec;
	const u8 *header;

	do {
		header = skb_header_pointer(rx->skb, offset,
					    min_t(u32, end - offset,
						  KDTLS_HEADER_LEN), room);
		if (!header || kdtls_record_parse(&rec, header, end - offset)) {
			kdtls_drop(rx, KDTLS_RX_DROP_FORMAT);
			return;
		}
		if (rec.epoch)
			kdtls_receive_record(rx, &rec, offset);
		else
			kdtls_receive_epoch0(rx, &rec, offset);
		offset += KDTLS_HEADER_LEN + rec.len;
	} while (offset < end);
}

static void kdtls_receive_skb(struct kdtls_receive *rx)
{
	u32 offset = 0, len = rx->skb->len, segment = 0, n;

	/* Other kinds of GSO are one datagram that was not fragmented yet. */
	if (skb_is_gso(rx->skb) &&
	    skb_shinfo(rx->skb)->gso_type & SKB_GSO_UDP_L4)
		segment = skb_shinfo(rx->skb)->gso_size;

	rx->join = segment && kdtls_udp_gro(rx->sk);
	do {
		n = segment ? min(segment, len - offset) : len;
		kdtls_receive_datagram(rx, offset, offset + n);
		/* What joins across datagrams is data; raw ones stay apart. */
		if (!rx->join || rx->current_message.raw)
			kdtls_finish_message(rx);
		offset += n;
	} while (offset < len);
	kdtls_finish_message(rx);
}

/* Not what this call can have: drop it, and look for the next. */
#define KDTLS_NEXT	(-ENOMSG)

static int kdtls_receive_refuse(struct kdtls_receive *rx,
				enum kdtls_counter reason, int err)
{
	kdtls_drop(rx, reason);
	consume_skb(rx->skb);
	return err;
}

/*
 * Only now that the datagram is there: an install that was over before it came
 * must be seen, however long the reader waited for it.
 */
static void kdtls_get_epochs(struct kdtls_receive *rx)
{
	struct kdtls_session *session = &rx->ks->session;

	rx->epochs[0] = kdtls_epoch_get(&session->rx);
	rx->epochs[1] = kdtls_session_rx_old(session);
}

static void kdtls_put_epochs(struct kdtls_receive *rx)
{
	kdtls_epoch_put(rx->epochs[0]);
	kdtls_epoch_put(rx->epochs[1]);
}

/*
 * Take one datagram off the socket's queue and open it.
 * Return: 0, after which kdtls_receive_done() is due; KDTLS_NEXT if it was
 * dropped whole; -EAGAIN if there is none; or another negative errno.
 */
static int kdtls_receive_next(struct kdtls_receive *rx)
{
	int err, offset = 0;

	rx->skb = __skb_recv_udp(rx->sk, MSG_DONTWAIT, &offset, &err);
	if (!rx->skb)
		return err;
	/* An IPv6 jumbogram: no record is that long. */
	if (rx->skb->len > KDTLS_WORK_SIZE)
		return kdtls_receive_refuse(rx, KDTLS_RX_DROP_FORMAT,
					    KDTLS_NEXT);
	rx->used = 0;
	rx->queued = false;
	rx->summed = false;
	kdtls_get_epochs(rx);
	rx->work = kdtls_work_get(max(kdtls_epoch_request(rx->epochs[0]),
				      kdtls_epoch_request(rx->epochs[1])),
				  max_t(u32, rx->skb->len, 1));
	if (IS_ERR(rx->work)) {
		kdtls_put_epochs(rx);
		return kdtls_receive_refuse(rx, KDTLS_RX_DROP_NOMEM,
					    PTR_ERR(rx->work));
	}
	kdtls_receive_skb(rx);
	return 0;
}

static void kdtls_receive_done(struct kdtls_receive *rx)
{
	kdtls_work_put(rx->work);
	kdtls_put_epochs(rx);
	consume_skb(rx->skb);
	/* Somebody else may be waiting for what this call did not take. */
	if (rx->queued)
		rx->sk->sk_data_ready(rx->sk);
}

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
	return rcu_access_pointer(ks->session.rx) &&
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
		if (!rcu_access_pointer(ks->session.rx))
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
	struct kdtls_receive rx = { .ks = ks, .sk = sk };
	int ret;

	if (!ks)
		return -EBADFD;
	if (flags & MSG_ERRQUEUE)
		return kdtls_base_recvmsg(ks->base, sk, msg, len, flags,
					  addr_len);

	if (kdtls_recv_pathmtu(sk, msg, addr_len))
		return 0;
	if (!rcu_access_pointer(ks->session.rx)) {
		ret = kdtls_recv_before_keys(ks, sk, &call);
		if (ret != KDTLS_NEXT)
			return ret;
	}
	return kdtls_recv_records(&rx, &call);
}

/*
 * Bytes of payload that the next receive call would return, 0 if none. A pending
 * error is left to that call.
 */
static int kdtls_next_len(struct kdtls_sock *ks, struct sock *sk)
{
	struct kdtls_receive rx = { .ks = ks, .sk = sk };
	struct kdtls_message *message;
	int none, len, err, tries;

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
	if (cmd != SIOCINQ || !rcu_access_pointer(ks->session.rx))
		return false;
	*answer = kdtls_next_len(ks, sk);
	return true;
}
