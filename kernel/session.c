// SPDX-License-Identifier: GPL-2.0
/* A session: one DTLS association with one peer, and how it ends. */
#include <linux/jiffies.h>
#include <linux/kdtls.h>
#include <net/sock.h>

#include "session.h"
#include "stat.h"

/* RFC 5246 section 7.2 */
#define KDTLS_ALERT_LEN			2
#define KDTLS_ALERT_FATAL		2
#define KDTLS_ALERT_CLOSE_NOTIFY	0

/**
 * kdtls_session_release() - forget a session's keys
 * @session: the session of a socket that nobody can call any more
 *
 * Context: Process context, may sleep.
 */
void kdtls_session_release(struct kdtls_session *session)
{
	kdtls_epoch_put(rcu_replace_pointer(session->tx, NULL, true));
	kdtls_epoch_put(rcu_replace_pointer(session->rx, NULL, true));
	kdtls_epoch_put(rcu_replace_pointer(session->rx_old, NULL, true));
}

/**
 * kdtls_session_count() - a session with its first keys is there
 * @session: the session
 * @net: where it counts
 */
void kdtls_session_count(const struct kdtls_session *session, struct net *net)
{
	if (rcu_access_pointer(session->tx)) {
		kdtls_stat_inc(net, KDTLS_CURR_TX);
		kdtls_stat_inc(net, KDTLS_TX_INSTALLED);
	}
	if (rcu_access_pointer(session->rx)) {
		kdtls_stat_inc(net, KDTLS_CURR_RX);
		kdtls_stat_inc(net, KDTLS_RX_INSTALLED);
	}
}

/**
 * kdtls_session_uncount() - a session's keys do not count any more
 * @session: the session; nothing is installed any more
 * @net: where they counted
 */
void kdtls_session_uncount(const struct kdtls_session *session, struct net *net)
{
	if (rcu_access_pointer(session->tx))
		kdtls_stat_dec(net, KDTLS_CURR_TX);
	if (rcu_access_pointer(session->rx))
		kdtls_stat_dec(net, KDTLS_CURR_RX);
}

/**
 * kdtls_session_retire() - drop the receiving keys from before if they are due
 * @session: the session; what installs keys is kept out by the caller
 *
 * Context: Process context, may sleep.
 */
void kdtls_session_retire(struct kdtls_session *session)
{
	struct kdtls_epoch *old = rcu_dereference_protected(session->rx_old,
							    true);

	if (!old || time_before(jiffies, old->retire_at))
		return;
	RCU_INIT_POINTER(session->rx_old, NULL);
	kdtls_epoch_put(old);
}

/**
 * kdtls_session_rx_old() - the receiving keys from before, if they still serve
 * @session: the session
 *
 * Return: an epoch, to be given to kdtls_epoch_put(), or NULL.
 */
struct kdtls_epoch *kdtls_session_rx_old(struct kdtls_session *session)
{
	struct kdtls_epoch *old;

	/* Most of the time there are none. */
	if (!rcu_access_pointer(session->rx_old))
		return NULL;
	old = kdtls_epoch_get(&session->rx_old);
	if (!old || time_before(jiffies, READ_ONCE(old->retire_at)))
		return old;
	kdtls_epoch_put(old);
	return NULL;
}

/**
 * kdtls_session_may_send() - is the session open for a record of this type?
 * @session: the session
 * @type: content type, DTLS_CT_*
 *
 * A peer that closed may still be answered with an alert (RFC 5246 section
 * 7.2.1).
 *
 * Return: 0 or -EPIPE.
 */
int kdtls_session_may_send(struct kdtls_session *session, u8 type)
{
	unsigned long state = READ_ONCE(session->state);

	if (state & (BIT(KDTLS_CLOSED) | BIT(KDTLS_PEER_ALERT)))
		return -EPIPE;
	if (state & BIT(KDTLS_PEER_CLOSED) && type != DTLS_CT_ALERT)
		return -EPIPE;
	return 0;
}

/**
 * kdtls_session_sent_alert() - an alert went out; some of them are the last word
 * @session: the session
 * @level: its first byte
 * @description: its second byte
 */
void kdtls_session_sent_alert(struct kdtls_session *session, u8 level,
			      u8 description)
{
	if (level == KDTLS_ALERT_FATAL ||
	    description == KDTLS_ALERT_CLOSE_NOTIFY)
		set_bit(KDTLS_CLOSED, &session->state);
}

/**
 * kdtls_session_got_alert() - act on an alert that verified
 * @session: the session
 * @alert: the record's payload
 * @len: its bytes
 *
 * Alerts that are neither fatal nor close_notify change nothing, nor do those
 * of a wrong size.
 *
 * Return: DTLS_EVENT_CLOSED or DTLS_EVENT_ALERT, 0 if nothing has changed.
 */
u8 kdtls_session_got_alert(struct kdtls_session *session, const u8 *alert,
			   u32 len)
{
	if (len != KDTLS_ALERT_LEN)
		return 0;
	if (alert[1] == KDTLS_ALERT_CLOSE_NOTIFY) {
		set_bit(KDTLS_PEER_CLOSED, &session->state);
		return DTLS_EVENT_CLOSED;
	}
	if (alert[0] != KDTLS_ALERT_FATAL)
		return 0;
	WRITE_ONCE(session->alert, alert[1]);
	set_bit(KDTLS_PEER_ALERT, &session->state);
	return DTLS_EVENT_ALERT;
}

/**
 * kdtls_end_reading() - a connected socket's session was ended by its peer
 * @sk: the socket
 * @event: from kdtls_session_got_alert()
 *
 * Context: Process context, may sleep. Takes the socket's lock.
 */
void kdtls_end_reading(struct sock *sk, u8 event)
{
	bool alert = event == DTLS_EVENT_ALERT;

	if (alert)
		WRITE_ONCE(sk->sk_err, ECONNRESET);
	lock_sock(sk);
	WRITE_ONCE(sk->sk_shutdown, sk->sk_shutdown | RCV_SHUTDOWN);
	release_sock(sk);
	sk->sk_state_change(sk);
	if (alert)
		sk_error_report(sk);
}
