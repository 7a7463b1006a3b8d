// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * An endpoint whose data is other members': we are its helper. What happens to its
 * sessions is told by events, and those that were there before us become ours: the
 * helper that made them may have died.
 */
#include <openssl/ssl.h>

#include <linux/kdtls.h>

#include "endpoint.h"
#include "log.h"

/* ---- sessions of an earlier helper ---- */

static int adopt(const struct kdtls_member_session *found, void *arg)
{
	struct kdtls_endpoint *ep = arg;
	struct kdtls_session *s = kdtls_session_new(ep->listen_fd, false);
	int err;

	if (!s)
		return -ENOMEM;
	s->server = true;
	/* Any ClientHello begins anew. */
	s->hello = 1;
	s->shared = true;
	s->offloaded = true;
	s->state = KDTLS_SESSION_OPEN;
	s->carrier = &kdtls_carrier_member;
	s->overhead = found->info.overhead;
	s->peer = found->peer;
	s->local = found->local;
	err = kdtls_number_reserve(ep);
	if (!err)
		err = kdtls_endpoint_add(ep, s);
	if (err) {
		kdtls_session_free(s);
		return err;
	}
	s->member_session = found->number;
	kdtls_number_add(ep, s);
	ep->info.adopted++;
	return 0;
}

int kdtls_helper_member_adopt(struct kdtls_endpoint *ep)
{
	int err = kdtls_member_list(ep->member, adopt, ep);

	if (err)
		return kdtls_fail(err, "cannot take over the endpoint's sessions: %s",
				  strerror(-err));
	return 0;
}

/* ---- events ---- */

static void closed(struct kdtls_session *s)
{
	s->peer_closed = true;
	/* RFC 5246 section 7.2.1: answer with a close_notify. */
	if (!s->close_sent)
		s->carrier->send_close(s);
	s->close_sent = true;
	kdtls_session_end(s, 0);
}

static void alerted(struct kdtls_session *s)
{
	struct dtls_info info;

	if (kdtls_member_info(s->ep->member, s->member_session, &info))
		memset(&info, 0, sizeof(info));
	kdtls_fail(-ECONNRESET, "the peer ended the session: %s",
		   info.state & DTLS_STATE_PEER_ALERT ?
		   SSL_alert_desc_string_long(info.alert) : "fatal alert");
	kdtls_session_error_now(s, -ECONNRESET);
	kdtls_session_end(s, -ECONNRESET);
}

static void gone(struct kdtls_session *s, int err)
{
	/* Its number means nothing any more. */
	kdtls_number_del(s->ep, s);
	kdtls_session_end(s, err);
}

static void expiring(struct kdtls_session *s, bool expired)
{
	kdtls_fail(-EKEYEXPIRED, expired ?
		   "the session's keys have reached a limit: only a new handshake helps" :
		   "the session's keys are near a limit: it needs a new handshake");
	kdtls_session_error_now(s, -EKEYEXPIRED);
}

static void happened(struct kdtls_session *s, u8 type)
{
	switch (type) {
	case DTLS_EVENT_CLOSED:
		closed(s);
		return;
	case DTLS_EVENT_ALERT:
		alerted(s);
		return;
	case DTLS_EVENT_IDLE:
		gone(s, -ETIME);
		return;
	case DTLS_EVENT_GONE:
		gone(s, -ECANCELED);
		return;
	case DTLS_EVENT_TX_REKEY:
	case DTLS_EVENT_RX_REKEY:
		expiring(s, false);
		return;
	case DTLS_EVENT_TX_EXPIRED:
	case DTLS_EVENT_RX_EXPIRED:
		expiring(s, true);
		return;
	}
}

void kdtls_helper_member_events(struct kdtls_endpoint *ep)
{
	struct kdtls_member_event event;
	int budget = KDTLS_BUDGET;
	struct kdtls_session *s;

	while (budget-- && ep->member &&
	       !kdtls_member_event(ep->member, &event)) {
		s = event.type ? kdtls_number_find(ep, event.session) : NULL;
		if (s && !s->dead && s->state == KDTLS_SESSION_OPEN)
			happened(s, event.type);
	}
}

/* ---- public ---- */

int kdtls_session_set_owner(struct kdtls_session *s, uint32_t member)
{
	int err = 0;

	if (!s->shared || !s->ep->member)
		return kdtls_fail(-EOPNOTSUPP, "the session has a socket of its own: only those of an endpoint of the kernel have owners");
	if (s->member_session)
		err = kdtls_member_move(s->ep->member, s->member_session,
					member);
	if (!err)
		s->owner = member;
	return err;
}
