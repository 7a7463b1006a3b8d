/* SPDX-License-Identifier: GPL-2.0 */
/* Tracepoints; Documentation/uapi.rst tells what they are for. */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM kdtls

#if !defined(KDTLS_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define KDTLS_TRACE_H

#include <linux/kdtls.h>
#include <linux/tracepoint.h>

#include "session.h"
#include "stat.h"
#include "trace_who.h"

TRACE_EVENT(kdtls_install,
	TP_PROTO(const struct sock *sk, const struct kdtls_peer *peer, bool tx,
		 const struct kdtls_epoch *epoch),
	TP_ARGS(sk, peer, tx, epoch),

	TP_STRUCT__entry(
		KDTLS_WHO_FIELDS
		__field(bool, tx)
		__field(u16, cipher)
		__field(u16, epoch)
		__field(u64, seq)
		__field(u32, window)
	),

	TP_fast_assign(
		KDTLS_WHO_ASSIGN(sk, peer);
		__entry->tx = tx;
		__entry->cipher = epoch->cipher->type;
		__entry->epoch = epoch->number;
		__entry->seq = tx ? atomic64_read(&epoch->tx_seq) :
				    epoch->window.next;
		__entry->window = tx ? 0 : epoch->window.size;
	),

	TP_printk(KDTLS_WHO_FORMAT "%s cipher=%u epoch=%u seq=%llu window=%u",
		  KDTLS_WHO_VALUES,
		  __entry->tx ? "tx" : "rx", __entry->cipher, __entry->epoch,
		  __entry->seq, __entry->window)
);

DECLARE_EVENT_CLASS(kdtls_dropped,
	TP_PROTO(const struct sock *sk, const struct kdtls_peer *peer,
		 const struct kdtls_record *rec, enum kdtls_counter reason),
	TP_ARGS(sk, peer, rec, reason),

	TP_STRUCT__entry(
		KDTLS_WHO_FIELDS
		__field(u8, type)
		__field(u16, epoch)
		__field(u64, seq)
		__field(u16, len)
		__string(reason, kdtls_stat_name(reason))
	),

	TP_fast_assign(
		KDTLS_WHO_ASSIGN(sk, peer);
		__entry->type = rec ? rec->type : 0;
		__entry->epoch = rec ? rec->epoch : 0;
		__entry->seq = rec ? rec->seq : 0;
		__entry->len = rec ? rec->len : 0;
		KDTLS_ASSIGN_STR(reason, kdtls_stat_name(reason));
	),

	TP_printk(KDTLS_WHO_FORMAT "reason=%s type=%u epoch=%u seq=%llu len=%u",
		  KDTLS_WHO_VALUES,
		  __get_str(reason), __entry->type, __entry->epoch,
		  __entry->seq, __entry->len)
);

DEFINE_EVENT(kdtls_dropped, kdtls_drop,
	TP_PROTO(const struct sock *sk, const struct kdtls_peer *peer,
		 const struct kdtls_record *rec, enum kdtls_counter reason),
	TP_ARGS(sk, peer, rec, reason)
);

DEFINE_EVENT(kdtls_dropped, kdtls_replay,
	TP_PROTO(const struct sock *sk, const struct kdtls_peer *peer,
		 const struct kdtls_record *rec, enum kdtls_counter reason),
	TP_ARGS(sk, peer, rec, reason)
);

#define KDTLS_TRACE_EVENTS						\
	{ DTLS_EVENT_TX_REKEY,		"tx-rekey" },			\
	{ DTLS_EVENT_TX_EXPIRED,	"tx-expired" },			\
	{ DTLS_EVENT_RX_REKEY,		"rx-rekey" },			\
	{ DTLS_EVENT_RX_EXPIRED,	"rx-expired" }

TRACE_EVENT(kdtls_limit,
	TP_PROTO(const struct sock *sk, const struct kdtls_peer *peer, u8 event,
		 u16 epoch),
	TP_ARGS(sk, peer, event, epoch),

	TP_STRUCT__entry(
		KDTLS_WHO_FIELDS
		__field(u8, event)
		__field(u16, epoch)
	),

	TP_fast_assign(
		KDTLS_WHO_ASSIGN(sk, peer);
		__entry->event = event;
		__entry->epoch = epoch;
	),

	TP_printk(KDTLS_WHO_FORMAT "event=%s epoch=%u",
		  KDTLS_WHO_VALUES,
		  __print_symbolic(__entry->event, KDTLS_TRACE_EVENTS),
		  __entry->epoch)
);

TRACE_EVENT(kdtls_close,
	TP_PROTO(const struct sock *sk, const struct kdtls_peer *peer,
		 const struct kdtls_session *session),
	TP_ARGS(sk, peer, session),

	TP_STRUCT__entry(
		KDTLS_WHO_FIELDS
		__field(unsigned long, state)
		__field(u64, tx_records)
		__field(u64, rx_records)
	),

	TP_fast_assign(
		KDTLS_WHO_ASSIGN(sk, peer);
		__entry->state = READ_ONCE(session->state);
		__entry->tx_records = atomic64_read(&session->tx_records);
		__entry->rx_records = atomic64_read(&session->rx_records);
	),

	TP_printk(KDTLS_WHO_FORMAT "state=%#lx tx_records=%llu rx_records=%llu",
		  KDTLS_WHO_VALUES,
		  __entry->state, __entry->tx_records, __entry->rx_records)
);

#endif /* KDTLS_TRACE_H */

#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH .
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE trace
#include <trace/define_trace.h>
