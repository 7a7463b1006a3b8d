// SPDX-License-Identifier: GPL-2.0
/*
 * What ends by itself: idle sessions, and keys from before others.
 *
 * A session that will have to be looked at waits in a slot of a wheel, of which
 * one is looked at each second. What is not due then goes on to a later slot: a
 * session costs something once in its idle limit or in a turn of the wheel,
 * whatever it does meanwhile.
 */
#include <linux/jiffies.h>
#include <net/sock.h>

#include "endpoint.h"
#include "event.h"
#include "peer.h"
#include "stat.h"

/* When does the session have to be looked at? 0 for never. */
static unsigned long kdtls_peer_due(struct kdtls_peer *peer)
{
	struct kdtls_epoch *old;
	unsigned long due = 0;

	if (peer->idle_ms)
		due = READ_ONCE(peer->used) + msecs_to_jiffies(peer->idle_ms);
	old = rcu_dereference_protected(peer->session.rx_old,
					lockdep_is_held(&peer->endpoint->lock));
	if (old && (!due || time_before(old->retire_at, due)))
		due = old->retire_at;
	return due ?: peer->idle_ms || old;
}

static void kdtls_peer_enter(struct kdtls_peer *peer, unsigned long due)
{
	struct kdtls_endpoint *endpoint = peer->endpoint;
	unsigned long now = jiffies, seconds = 0;

	if (time_after(due, now))
		seconds = DIV_ROUND_UP(due - now, HZ);
	seconds = min_t(unsigned long, seconds, KDTLS_WHEEL - 2);
	hlist_add_head(&peer->timer, &endpoint->wheel[(endpoint->hand + seconds) %
						      KDTLS_WHEEL]);
	endpoint->armed++;
}

/**
 * kdtls_peer_disarm() - the session need not be looked at
 * @peer: the session
 *
 * Context: The endpoint's lock is held.
 */
void kdtls_peer_disarm(struct kdtls_peer *peer)
{
	if (hlist_unhashed(&peer->timer))
		return;
	hlist_del_init(&peer->timer);
	peer->endpoint->armed--;
}

/**
 * kdtls_peer_arm() - look at the session when it is time to
 * @peer: a session whose idle limit or whose keys have changed
 *
 * Context: Process context. The endpoint's lock is held.
 */
void kdtls_peer_arm(struct kdtls_peer *peer)
{
	struct kdtls_endpoint *endpoint = peer->endpoint;
	unsigned long due = kdtls_peer_due(peer);

	lockdep_assert_held(&endpoint->lock);
	kdtls_peer_disarm(peer);
	if (!due)
		return;
	kdtls_peer_enter(peer, due);
	queue_delayed_work(system_unbound_wq, &endpoint->sweep, HZ);
}

static bool kdtls_peer_is_idle(const struct kdtls_peer *peer)
{
	return peer->idle_ms &&
	       time_after_eq(jiffies, READ_ONCE(peer->used) +
				      msecs_to_jiffies(peer->idle_ms));
}

static void kdtls_peer_look(struct kdtls_peer *peer)
{
	struct kdtls_endpoint *endpoint = peer->endpoint;

	kdtls_peer_disarm(peer);
	kdtls_session_retire(&peer->session);
	if (!kdtls_peer_is_idle(peer)) {
		kdtls_peer_arm(peer);
		return;
	}
	/* The tables' reference goes before the event is told. */
	refcount_inc(&peer->refs);
	if (kdtls_peer_remove(peer)) {
		kdtls_stat_inc(endpoint->net, KDTLS_SESSIONS_IDLE);
		kdtls_peer_event(peer, DTLS_EVENT_IDLE, 0);
	}
	kdtls_peer_put(peer);
}

/* How many sessions are looked at before others get at the lock. */
#define KDTLS_SWEEP	1024

static void kdtls_sweep(struct work_struct *work)
{
	struct kdtls_endpoint *endpoint = container_of(to_delayed_work(work),
						       struct kdtls_endpoint,
						       sweep);
	struct kdtls_peer *peer;
	struct hlist_node *next;
	struct hlist_head *slot;
	int left = KDTLS_SWEEP;

	mutex_lock(&endpoint->lock);
	slot = &endpoint->wheel[endpoint->hand];
	/* What is not due goes to a later slot, never to this one. */
	endpoint->hand = (endpoint->hand + 1) % KDTLS_WHEEL;
	hlist_for_each_entry_safe(peer, next, slot, timer) {
		if (!left--)
			break;
		kdtls_peer_look(peer);
	}
	if (left < 0)
		endpoint->hand = slot - endpoint->wheel;
	/* Who was armed anew has asked for a second, which may be too long. */
	if (endpoint->armed)
		mod_delayed_work(system_unbound_wq, &endpoint->sweep,
				 left < 0 ? 1 : HZ);
	mutex_unlock(&endpoint->lock);
}

void kdtls_sweep_init(struct kdtls_endpoint *endpoint)
{
	INIT_DELAYED_WORK(&endpoint->sweep, kdtls_sweep);
}

/* All sessions have gone. */
void kdtls_sweep_exit(struct kdtls_endpoint *endpoint)
{
	cancel_delayed_work_sync(&endpoint->sweep);
}
