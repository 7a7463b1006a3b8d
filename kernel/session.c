// SPDX-License-Identifier: GPL-2.0
/* A session: one DTLS association with one peer, and how it ends. */
#include <linux/jiffies.h>
#include <net/sock.h>

#include "session.h"

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

static void kdtls_session_end_rx(struct sock *sk)
{
	lock_sock(sk);
	WRITE_ONCE(sk->sk_shutdown, sk->sk_shutdown | RCV_SHUTDOWN);
	release_sock(sk);
	sk->sk_state_change(sk);
}

/**
 * kdtls_session_got_alert() - act on an alert that verified
 * @session: the session
 * @sk: its socket
 * @alert: the record's payload
 * @len: its bytes
 *
 * Alerts that are neither fatal nor close_notify change nothing, nor do those
 * of a wrong size.
 *
 * Context: Process context, may sleep.
 * Return: whether it changed anything.
 */
bool kdtls_session_got_alert(struct kdtls_session *session, struct sock *sk,
			     const u8 *alert, u32 len)
{
	if (len != KDTLS_ALERT_LEN)
		return false;
	if (alert[1] == KDTLS_ALERT_CLOSE_NOTIFY) {
		set_bit(KDTLS_PEER_CLOSED, &session->state);
		kdtls_session_end_rx(sk);
		return true;
	}
	if (alert[0] != KDTLS_ALERT_FATAL)
		return false;
	WRITE_ONCE(session->alert, alert[1]);
	set_bit(KDTLS_PEER_ALERT, &session->state);
	WRITE_ONCE(sk->sk_err, ECONNRESET);
	kdtls_session_end_rx(sk);
	sk_error_report(sk);
	return true;
}
