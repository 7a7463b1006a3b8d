// SPDX-License-Identifier: GPL-2.0
/*
 * Which member of an endpoint a message is for. Steering may have brought the
 * datagram to any of them: it is opened where it came, once, and what was in it
 * goes to whom it belongs.
 */
#include <linux/kdtls.h>

#include "compat.h"
#include "endpoint.h"
#include "member.h"
#include "receive.h"
#include "sock.h"
#include "stat.h"

/* No member's number. */
#define KDTLS_NOBODY	U32_MAX

static u32 kdtls_helper(const struct kdtls_receive *rx)
{
	return READ_ONCE(rx->ks->endpoint->helper);
}

static u32 kdtls_owner(const struct kdtls_receive *rx)
{
	return READ_ONCE(rx->peer->owner) ?: rx->ks->member;
}

static bool kdtls_asked_for_control(const struct kdtls_receive *rx, u32 member)
{
	struct kdtls_sock *ks;
	bool asked;

	if (member == rx->ks->member)
		return READ_ONCE(rx->ks->recv_control);
	ks = kdtls_member_get(rx->ks->endpoint, member);
	if (!ks)
		return false;
	asked = READ_ONCE(ks->recv_control);
	sock_put(ks->sk);
	return asked;
}

/* Who answers handshakes comes first; who owns the session asked for it, too. */
static u32 kdtls_control_to(const struct kdtls_receive *rx)
{
	u32 to = kdtls_owner(rx);

	if (kdtls_asked_for_control(rx, to))
		return to;
	to = kdtls_helper(rx);
	return kdtls_asked_for_control(rx, to) ? to : 0;
}

bool kdtls_member_wants_control(const struct kdtls_receive *rx)
{
	return kdtls_control_to(rx);
}

/**
 * kdtls_member_takes_trains() - does whoever gets a train know what it is?
 * @rx: the datagram that it came in
 */
bool kdtls_member_takes_trains(const struct kdtls_receive *rx)
{
	struct kdtls_sock *ks = NULL;
	bool takes;

	if (rx->peer)
		ks = kdtls_member_get(rx->ks->endpoint,
				      READ_ONCE(rx->peer->owner));
	if (!ks)
		return kdtls_udp_gro(rx->sk);
	takes = kdtls_udp_gro(ks->sk);
	sock_put(ks->sk);
	return takes;
}

/**
 * kdtls_member_wants_raw() - does anybody want a record as it came?
 * @rx: the datagram that it is in
 * @unopened: no key opens it; otherwise it is of epoch 0
 *
 * Of a peer that has a session, records that do not open are junk, unless its
 * handshake is under way.
 */
bool kdtls_member_wants_raw(const struct kdtls_receive *rx, bool unopened)
{
	if (unopened && rx->peer && !READ_ONCE(rx->peer->handshake))
		return false;
	return kdtls_helper(rx);
}

/**
 * kdtls_member_to() - which member is a message for?
 * @rx: the datagram that it came in
 * @type: its content type
 * @raw: it was not authenticated
 *
 * Return: the member's number; 0 for the one that received it. If who wanted it
 * has gone meanwhile, the number of nobody.
 */
u32 kdtls_member_to(const struct kdtls_receive *rx, u8 type, bool raw)
{
	u32 to;

	if (raw)
		to = kdtls_helper(rx);
	else if (type == DTLS_CT_APPLICATION_DATA)
		to = kdtls_owner(rx);
	else
		to = kdtls_control_to(rx);
	if (to == rx->ks->member)
		return 0;
	return to ?: KDTLS_NOBODY;
}

static int kdtls_forward_to(struct kdtls_sock *to,
			    const struct kdtls_message *message)
{
	struct sock *sk = to->sk;

	if (atomic_read(&sk->sk_rmem_alloc) >= READ_ONCE(sk->sk_rcvbuf))
		return -ENOBUFS;
	return kdtls_opened_add(&to->opened, sk, message);
}

/* Data is as good for one member as for another; the rest is for who asked. */
static bool kdtls_may_stay(const struct kdtls_message *message)
{
	return !message->raw && message->type == DTLS_CT_APPLICATION_DATA;
}

static enum kdtls_counter kdtls_forward_reason(int err, bool raw)
{
	switch (err) {
	case -ENOBUFS:
		return KDTLS_RX_DROP_RCVBUF;
	case -ESHUTDOWN:
		return raw ? KDTLS_RX_DROP_RAW : KDTLS_RX_DROP_CONTROL;
	default:
		return KDTLS_RX_DROP_NOMEM;
	}
}

/**
 * kdtls_forward() - give a message to the member that it is for
 * @rx: the datagram that it came in
 * @message: the message
 *
 * Data of a member that has gone meanwhile stays with the one that received it;
 * what only a helper or whoever asked may see does not.
 *
 * Context: Process context, may sleep.
 */
void kdtls_forward(struct kdtls_receive *rx,
		   const struct kdtls_message *message)
{
	struct kdtls_sock *to = kdtls_member_get(rx->ks->endpoint, message->to);
	int err = -ESHUTDOWN;

	if (to) {
		err = kdtls_forward_to(to, message);
		if (!err)
			to->sk->sk_data_ready(to->sk);
		sock_put(to->sk);
	}
	if (err == -ESHUTDOWN && kdtls_may_stay(message)) {
		err = kdtls_opened_add(&rx->ks->opened, rx->sk, message);
		rx->queued |= !err;
	} else if (!err) {
		kdtls_stat_inc(sock_net(rx->sk), KDTLS_RX_FORWARDED);
	}
	if (err)
		kdtls_drop(rx, kdtls_forward_reason(err, message->raw));
}
