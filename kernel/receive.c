// SPDX-License-Identifier: GPL-2.0
/*
 * Datagrams in, messages out.
 *
 * A datagram, or a train of them that GRO put together, is opened whole by the
 * call that takes it off the socket's queue. What that call does not return
 * waits in the queue of opened messages.
 */
#include <linux/kdtls.h>

#include "endpoint.h"
#include "member.h"
#include "receive.h"
#include "sock.h"
#include "stat.h"
#include "trace.h"

/**
 * kdtls_drop_record() - count what is dropped
 * @rx: the datagram
 * @rec: what of the record is known, or NULL
 * @reason: why
 */
void kdtls_drop_record(struct kdtls_receive *rx, const struct kdtls_record *rec,
		       enum kdtls_counter reason)
{
	struct kdtls_session *session = rx->session;

	if (reason == KDTLS_RX_DROP_REPLAY || reason == KDTLS_RX_DROP_OLD) {
		trace_kdtls_replay(rx->sk, rx->peer, rec, reason);
		atomic64_inc(&session->rx_replayed);
	} else {
		trace_kdtls_drop(rx->sk, rx->peer, rec, reason);
		if (session)
			atomic64_inc(&session->rx_bad);
	}
	kdtls_stat_inc(sock_net(rx->sk), reason);
	kdtls_drops_inc(rx->sk);
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
	if (message->to)
		kdtls_forward(rx, message);
	else if (rx->keep_first && !rx->first.skb)
		rx->first = *message;
	else if (kdtls_opened_add(&rx->ks->opened, rx->sk, message))
		kdtls_drop(rx, KDTLS_RX_DROP_NOMEM);
	else
		rx->queued = true;
	message->skb = NULL;
}

/* @len bytes of payload at @data are kept: what comes next goes behind them. */
static void kdtls_begin_message(struct kdtls_receive *rx,
				const struct kdtls_record *rec, bool raw,
				const u8 *data, u32 len)
{
	struct kdtls_message *message = &rx->current_message;

	kdtls_finish_message(rx);
	rx->used += len;
	*message = (struct kdtls_message) {
		.skb = rx->skb,
		.type = rec->type,
		.raw = raw,
		.data = data,
		.len = len,
	};
	if (rx->peer)
		message->session = rx->peer->id;
	if (!raw) {
		message->epoch = rec->epoch;
		message->seq = rec->seq;
	}
	if (rx->ks->endpoint)
		message->to = kdtls_member_to(rx, rec->type, raw);
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

static void kdtls_got_data(struct kdtls_receive *rx,
			   const struct kdtls_record *rec, const u8 *data,
			   u32 len)
{
	if (!kdtls_join_message(rx, len))
		kdtls_begin_message(rx, rec, false, data, len);
}

/* Return: whether the alert changed anything. */
static bool kdtls_got_alert(struct kdtls_receive *rx, const u8 *alert, u32 len)
{
	u8 event = kdtls_session_got_alert(rx->session, alert, len);

	if (!event)
		return false;
	if (rx->peer)
		kdtls_peer_event(rx->peer, event, 0);
	else
		kdtls_end_reading(rx->sk, event);
	return true;
}

static bool kdtls_control_wanted(const struct kdtls_receive *rx)
{
	if (rx->ks->endpoint)
		return kdtls_member_wants_control(rx);
	return READ_ONCE(rx->ks->recv_control);
}

static void kdtls_got_control(struct kdtls_receive *rx,
			      const struct kdtls_record *rec, const u8 *data,
			      u32 len)
{
	bool used = kdtls_control_wanted(rx);

	kdtls_stat_inc(sock_net(rx->sk), KDTLS_RX_CONTROL);
	if (used)
		kdtls_begin_message(rx, rec, false, data, len);
	if (used || rec->type == DTLS_CT_ALERT)
		kdtls_finish_message(rx);
	/* Only now: readers must find what came before the end first. */
	if (rec->type == DTLS_CT_ALERT)
		used |= kdtls_got_alert(rx, data, len);
	if (!used)
		kdtls_stat_inc(sock_net(rx->sk), KDTLS_RX_DROP_CONTROL);
}

static void kdtls_got_record(struct kdtls_receive *rx,
			     const struct kdtls_record *rec, const u8 *data,
			     u32 len)
{
	struct net *net = sock_net(rx->sk);

	if (rx->peer)
		kdtls_peer_used(rx->peer);
	atomic64_inc(&rx->session->rx_records);
	atomic64_add(len, &rx->session->rx_bytes);
	kdtls_stat_inc(net, KDTLS_RX_RECORDS);
	kdtls_stat_add(net, KDTLS_RX_BYTES, len);
	if (rec->type == DTLS_CT_APPLICATION_DATA)
		kdtls_got_data(rx, rec, data, len);
	else
		kdtls_got_control(rx, rec, data, len);
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
	else
		return true;
	return false;
}

/* Told is what concerns the keys that serve now; for older ones it is too late. */
static void kdtls_count_failure(struct kdtls_receive *rx,
				struct kdtls_epoch *epoch)
{
	bool current_keys = epoch == rcu_access_pointer(rx->session->rx);

	kdtls_epoch_count_failure(epoch);
	if (unlikely(kdtls_epoch_rx_worn(epoch)) && current_keys)
		kdtls_event(rx->ks, rx->sk, rx->peer, DTLS_EVENT_RX_REKEY,
			    epoch);
	if (likely(kdtls_epoch_check_limit(epoch)))
		return;
	if (!kdtls_epoch_expire(epoch) || !current_keys)
		return;
	kdtls_event(rx->ks, rx->sk, rx->peer, DTLS_EVENT_RX_EXPIRED, epoch);
	/* Whoever waits has to know that nothing will come any more. */
	if (!rx->peer)
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
		kdtls_begin_message(rx, rec, true, to, len);
		return;
	}
	rx->current_message.len += len;
	rx->used += len;
}

/* Is there somebody for records as they came: of epoch 0, or @unopened ones? */
static bool kdtls_raw_wanted(const struct kdtls_receive *rx, bool unopened)
{
	int mode;

	if (rx->ks->endpoint)
		return kdtls_member_wants_raw(rx, unopened);
	mode = READ_ONCE(rx->ks->recv_raw);
	return unopened ? mode == DTLS_RAW_UNOPENED : mode != DTLS_RAW_NONE;
}

/* A record of epoch 0 can not be authenticated. Nobody gets its data. */
static void kdtls_receive_epoch0(struct kdtls_receive *rx,
				 const struct kdtls_record *rec, u32 offset)
{
	if (rec->type == DTLS_CT_APPLICATION_DATA)
		kdtls_drop_record(rx, rec, KDTLS_RX_DROP_EPOCH);
	else if (!kdtls_raw_wanted(rx, false))
		kdtls_drop_record(rx, rec, KDTLS_RX_DROP_RAW);
	else
		kdtls_keep_raw(rx, rec, offset);
}

/* The session has ended; what a new handshake brings belongs to the helper. */
static void kdtls_receive_ended(struct kdtls_receive *rx,
				const struct kdtls_record *rec, u32 offset)
{
	if (rx->peer && kdtls_raw_wanted(rx, true))
		kdtls_keep_raw(rx, rec, offset);
	else
		kdtls_drop_record(rx, rec, KDTLS_RX_DROP_CLOSED);
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
	if (rx->session && kdtls_session_rx_ended(rx->session)) {
		kdtls_receive_ended(rx, rec, offset);
		return;
	}
	ret = kdtls_open_record(rx, rec, offset + KDTLS_HEADER_LEN, to);
	if (ret >= 0) {
		kdtls_got_record(rx, rec, to, ret);
		return;
	}
	reason = kdtls_drop_reason(ret);
	/* It may be for keys of a handshake that is under way. */
	if (reason != KDTLS_RX_DROP_NOMEM && kdtls_raw_wanted(rx, true))
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

static bool kdtls_takes_trains(const struct kdtls_receive *rx)
{
	return rx->ks->endpoint ? kdtls_member_takes_trains(rx) :
				  kdtls_udp_gro(rx->sk);
}

static void kdtls_receive_skb(struct kdtls_receive *rx)
{
	u32 offset = 0, len = rx->skb->len, segment = 0, n;

	/* Other kinds of GSO are one datagram that was not fragmented yet. */
	if (skb_is_gso(rx->skb) &&
	    skb_shinfo(rx->skb)->gso_type & SKB_GSO_UDP_L4)
		segment = skb_shinfo(rx->skb)->gso_size;

	rx->join = segment && kdtls_takes_trains(rx);
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

static void kdtls_put_peer(struct kdtls_receive *rx)
{
	if (!rx->peer)
		return;
	kdtls_peer_put(rx->peer);
	rx->peer = NULL;
	rx->session = NULL;
}

static int kdtls_receive_refuse(struct kdtls_receive *rx,
				enum kdtls_counter reason, int err)
{
	kdtls_drop(rx, reason);
	kdtls_put_peer(rx);
	consume_skb(rx->skb);
	return err;
}

static void kdtls_find_session(struct kdtls_receive *rx)
{
	if (!rx->ks->endpoint)
		return;
	rx->peer = kdtls_peer_of_skb(rx->ks->endpoint, rx->skb);
	if (rx->peer)
		rx->session = &rx->peer->session;
	else
		kdtls_stat_inc(sock_net(rx->sk), KDTLS_RX_UNKNOWN);
}

/*
 * Only now that the datagram is there: an install that was over before it came
 * must be seen, however long the reader waited for it.
 */
static void kdtls_get_epochs(struct kdtls_receive *rx)
{
	struct kdtls_session *session = rx->session;

	rx->epochs[0] = session ? kdtls_epoch_get(&session->rx) : NULL;
	rx->epochs[1] = session ? kdtls_session_rx_old(session) : NULL;
}

static void kdtls_put_epochs(struct kdtls_receive *rx)
{
	kdtls_epoch_put(rx->epochs[0]);
	kdtls_epoch_put(rx->epochs[1]);
}

/*
 * A connected socket's keys are ready, but for a request that takes them. Those of
 * an endpoint's sessions become it only for a record that may be opened: whoever
 * forges addresses must not make us wake up everybody.
 */
static int kdtls_get_work(struct kdtls_receive *rx)
{
	int err = 0;

	rx->work = kdtls_work_get(max_t(u32, rx->skb->len, 1));
	if (IS_ERR(rx->work))
		return PTR_ERR(rx->work);
	if (rx->epochs[0] && !rx->peer)
		err = kdtls_epoch_ready(rx->epochs[0], rx->work);
	if (err)
		kdtls_work_put(rx->work);
	return err;
}

/**
 * kdtls_receive_init() - begin a receive call
 * @rx: what it keeps between its datagrams
 * @ks: the socket's context
 * @sk: the socket
 */
void kdtls_receive_init(struct kdtls_receive *rx, struct kdtls_sock *ks,
			struct sock *sk)
{
	memset(rx, 0, sizeof(*rx));
	rx->ks = ks;
	rx->sk = sk;
	/* An endpoint's is known once there is a datagram. */
	rx->session = ks->endpoint ? NULL : &ks->session;
}

/**
 * kdtls_receive_next() - take one datagram off the socket's queue and open it
 * @rx: the receive call, from kdtls_receive_init()
 *
 * Context: Process context, may sleep.
 * Return: 0, after which kdtls_receive_done() is due; KDTLS_NEXT if it was
 * dropped whole; -EAGAIN if there is none; or another negative errno.
 */
int kdtls_receive_next(struct kdtls_receive *rx)
{
	int err, offset = 0;

	rx->skb = __skb_recv_udp(rx->sk, MSG_DONTWAIT, &offset, &err);
	if (!rx->skb)
		return err;
	kdtls_find_session(rx);
	/* An IPv6 jumbogram: no record is that long. */
	if (rx->skb->len > KDTLS_WORK_SIZE)
		return kdtls_receive_refuse(rx, KDTLS_RX_DROP_FORMAT,
					    KDTLS_NEXT);
	rx->used = 0;
	rx->queued = false;
	rx->summed = false;
	kdtls_get_epochs(rx);
	err = kdtls_get_work(rx);
	if (err) {
		kdtls_put_epochs(rx);
		return kdtls_receive_refuse(rx, KDTLS_RX_DROP_NOMEM, err);
	}
	kdtls_receive_skb(rx);
	return 0;
}

/**
 * kdtls_receive_done() - give back what kdtls_receive_next() took
 * @rx: the receive call
 */
void kdtls_receive_done(struct kdtls_receive *rx)
{
	kdtls_work_put(rx->work);
	kdtls_put_epochs(rx);
	kdtls_put_peer(rx);
	consume_skb(rx->skb);
	/* Somebody else may be waiting for what this call did not take. */
	if (rx->queued)
		rx->sk->sk_data_ready(rx->sk);
}
