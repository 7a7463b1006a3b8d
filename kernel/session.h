/* SPDX-License-Identifier: GPL-2.0 */
/* A session: one DTLS association with one peer. */
#ifndef KDTLS_SESSION_H
#define KDTLS_SESSION_H

#include <linux/atomic.h>
#include <linux/types.h>

#include "epoch.h"

struct net;
struct sock;

/* Bits of kdtls_session.state; DTLS_STATE_* tells them to user space. */
enum kdtls_session_bit {
	KDTLS_PEER_CLOSED,	/* the peer sent close_notify */
	KDTLS_PEER_ALERT,	/* the peer sent a fatal alert */
	KDTLS_CLOSED,		/* we sent close_notify or a fatal alert */
};

/**
 * struct kdtls_session - one DTLS association with one peer
 * @tx: keys to seal with, or NULL
 * @rx: keys to open with, or NULL
 * @rx_old: keys from before @rx, which serve until their retire_at, or NULL
 * @state: bits of enum kdtls_session_bit
 * @alert: description of the fatal alert that set KDTLS_PEER_ALERT
 * @tx_records: records sealed
 * @tx_bytes: their payload
 * @rx_records: records opened
 * @rx_bytes: their payload
 * @rx_replayed: records whose number was seen or too old
 * @rx_bad: records dropped for another reason
 *
 * What installs keys excludes its like: on a connected socket by
 * kdtls_sock.install_lock, in an endpoint by kdtls_endpoint.lock.
 */
struct kdtls_session {
	struct kdtls_epoch __rcu	*tx;
	struct kdtls_epoch __rcu	*rx;
	struct kdtls_epoch __rcu	*rx_old;
	unsigned long			state;
	u8				alert;

	atomic64_t	tx_records ____cacheline_aligned_in_smp;
	atomic64_t	tx_bytes;

	atomic64_t	rx_records ____cacheline_aligned_in_smp;
	atomic64_t	rx_bytes;
	atomic64_t	rx_replayed;
	atomic64_t	rx_bad;
};

struct kdtls_epoch *kdtls_session_rx_old(struct kdtls_session *session);
void kdtls_session_count(const struct kdtls_session *session, struct net *net);
void kdtls_session_uncount(const struct kdtls_session *session,
			   struct net *net);
void kdtls_session_retire(struct kdtls_session *session);
void kdtls_session_release(struct kdtls_session *session);
int kdtls_session_may_send(struct kdtls_session *session, u8 type);
void kdtls_session_sent_alert(struct kdtls_session *session, u8 level,
			      u8 description);
u8 kdtls_session_got_alert(struct kdtls_session *session, const u8 *alert,
			   u32 len);
void kdtls_end_reading(struct sock *sk, u8 event);

/* No more records are welcome from the peer. */
static inline bool kdtls_session_rx_ended(const struct kdtls_session *session)
{
	return READ_ONCE(session->state) &
	       (BIT(KDTLS_PEER_CLOSED) | BIT(KDTLS_PEER_ALERT));
}

#endif /* KDTLS_SESSION_H */
