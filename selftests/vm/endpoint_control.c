// SPDX-License-Identifier: GPL-2.0
/*
 * Control records of an endpoint's sessions, how a session ends, and what goes with
 * the last member.
 */
#include <time.h>
#include <linux/errqueue.h>

#include "harness.h"
#include "members.h"

#define CLOSE_NOTIFY		0
#define HANDSHAKE_FAILURE	40

static struct rx rx;

MEMBERS_FIXTURE(endpoint_control);

TEST_F(endpoint_control, control_that_nobody_asked_for)
{
	group_steer(&self->g, ALICES);
	feed_type(&self->alice.p, DTLS_CT_HANDSHAKE, "hello", 5);
	EXPECT_EQ(-EAGAIN, pump(self->g.fd[ALICES]));
	EXPECT_TRUE(quiet(self->g.fd[HELPER]));
	EXPECT_STREQ("RxRecords+1 RxBytes+5 RxControl+1 RxDropControl+1",
		     stats_since(&self->before));
}

TEST_F(endpoint_control, control_to_who_asked)
{
	struct group *g = &self->g;

	group_steer(g, BOBS);
	set_int(g->fd[HELPER], SOL_DTLS, DTLS_RECV_CONTROL, 1);
	/* The wrong member's wish does not count. */
	set_int(g->fd[BOBS], SOL_DTLS, DTLS_RECV_CONTROL, 1);
	feed_type(&self->alice.p, DTLS_CT_HANDSHAKE, "hello", 5);
	EXPECT_EQ(-EAGAIN, pump(g->fd[BOBS]));
	EXPECT_EQ(5, rx_recv(g->fd[HELPER], &rx, 0));
	EXPECT_EQ(DTLS_CT_HANDSHAKE, rx.type);
	EXPECT_FALSE(rx.raw);

	set_int(g->fd[ALICES], SOL_DTLS, DTLS_RECV_CONTROL, 1);
	feed_type(&self->alice.p, DTLS_CT_HANDSHAKE, "hello", 5);
	EXPECT_EQ(-EAGAIN, pump(g->fd[BOBS]));
	EXPECT_EQ(5, rx_recv(g->fd[ALICES], &rx, 0));
	EXPECT_EQ(DTLS_CT_HANDSHAKE, rx.type);
	EXPECT_TRUE(quiet(g->fd[HELPER]));

	feed_id(&self->alice.p, 50, 1);
	EXPECT_EQ(-EAGAIN, pump(g->fd[BOBS]));
	EXPECT_EQ(50, rx_recv(g->fd[ALICES], &rx, 0));
	EXPECT_EQ(DTLS_CT_APPLICATION_DATA, rx.type);
}

/* Opened while it was asked for, read when it is not: it is not data. */
TEST_F(endpoint_control, control_switched_off_with_some_in_the_queue)
{
	struct group *g = &self->g;
	long n;

	group_steer(g, BOBS);
	set_int(g->fd[ALICES], SOL_DTLS, DTLS_RECV_CONTROL, 1);
	feed_type(&self->alice.p, DTLS_CT_HANDSHAKE, "hello", 5);
	EXPECT_EQ(-EAGAIN, pump(g->fd[BOBS]));
	set_int(g->fd[ALICES], SOL_DTLS, DTLS_RECV_CONTROL, 0);
	n = rx_recv(g->fd[ALICES], &rx, MSG_DONTWAIT);
	EXPECT_TRUE(n == -EAGAIN || (n == 5 && rx.type == DTLS_CT_HANDSHAKE));
}

TEST_F(endpoint_control, sending_control)
{
	struct record r;

	EXPECT_EQ(5, type_to(self->g.fd[HELPER], &self->alice,
			     DTLS_CT_HANDSHAKE, "hello", 5));
	EXPECT_EQ(0, take(&self->alice.p, &r));
	EXPECT_EQ(DTLS_CT_HANDSHAKE, r.type);
	EXPECT_EQ(-ENOTCONN, type_to(self->g.fd[HELPER], &self->stranger,
				     DTLS_CT_HANDSHAKE, "hello", 5));
}

/* The end of a session */

static bool event_is(int fd, int type, const struct peer *p)
{
	uint32_t session = 0;

	return event_next(fd, &session) == type && session == p->id;
}

static void ends(struct __test_metadata *_metadata, struct group *g,
		 struct peer *alice, struct peer *bob, uint8_t level,
		 uint8_t description, int event)
{
	all_with(g, SOL_DTLS, DTLS_RECV_EVENTS);
	group_steer(g, BOBS);
	feed_id(&alice->p, 50, 1);
	feed_alert(&alice->p, level, description);
	feed_id(&alice->p, 50, 2);
	EXPECT_EQ(-EAGAIN, pump(g->fd[BOBS]));
	EXPECT_STREQ("1", recv_ids(g->fd[ALICES], 1));
	EXPECT_TRUE(event_is(g->fd[ALICES], event, alice));
	EXPECT_TRUE(event_is(g->fd[HELPER], event, alice));
	EXPECT_EQ(0, event_next(g->fd[ALICES], NULL));
	EXPECT_EQ(0, event_next(g->fd[BOBS], NULL));
	/* It is one session's end and not the socket's. */
	EXPECT_EQ(-EAGAIN, pump(g->fd[ALICES]));
	EXPECT_EQ(0, poll_in(g->fd[ALICES], 0));
	EXPECT_EQ(-EPIPE, peer_send(g->fd[ALICES], alice, "abcd", 4));
	EXPECT_EQ(-EPIPE, peer_send(g->fd[BOBS], alice, "abcd", 4));
	EXPECT_TRUE(quiet(alice->p.peer));
	EXPECT_TRUE(peer_echoes(g->fd[BOBS], bob));
	EXPECT_EQ(1, stats_get("RxDropClosed"));
}

TEST_F(endpoint_control, close_notify)
{
	struct record r;

	ends(_metadata, &self->g, &self->alice, &self->bob, WARNING,
	     CLOSE_NOTIFY, DTLS_EVENT_CLOSED);
	EXPECT_EQ(DTLS_STATE_TX | DTLS_STATE_RX | DTLS_STATE_PEER_CLOSED,
		  session_get(&self->g, &self->alice).info.state);
	/* It may be answered. */
	EXPECT_EQ(2, type_to(self->g.fd[HELPER], &self->alice, DTLS_CT_ALERT,
			     "\1\0", 2));
	EXPECT_EQ(0, take(&self->alice.p, &r));
	EXPECT_EQ(DTLS_CT_ALERT, r.type);
	EXPECT_TRUE(session_get(&self->g, &self->alice).info.state &
		    DTLS_STATE_CLOSED);
}

TEST_F(endpoint_control, fatal_alert)
{
	struct dtls_info info;

	ends(_metadata, &self->g, &self->alice, &self->bob, FATAL,
	     HANDSHAKE_FAILURE, DTLS_EVENT_ALERT);
	info = session_get(&self->g, &self->alice).info;
	EXPECT_EQ(DTLS_STATE_TX | DTLS_STATE_RX | DTLS_STATE_PEER_ALERT,
		  info.state);
	EXPECT_EQ(HANDSHAKE_FAILURE, info.alert);
}

TEST_F(endpoint_control, events_that_nobody_asked_for)
{
	group_steer(&self->g, ALICES);
	feed_alert(&self->alice.p, WARNING, CLOSE_NOTIFY);
	EXPECT_EQ(-EAGAIN, pump(self->g.fd[ALICES]));
	EXPECT_EQ(0, event_next(self->g.fd[ALICES], NULL));
	EXPECT_EQ(0, event_next(self->g.fd[HELPER], NULL));
	EXPECT_EQ(0, poll_in(self->g.fd[ALICES], 0) & POLLERR);
}

/* A forged alert ends nothing. */
TEST_F(endpoint_control, forged_end)
{
	struct group *g = &self->g;
	uint8_t wire[200];
	size_t n = oracle_seal(&self->bob.p.in, DTLS_CT_ALERT, "\2\50", 2,
			       wire);

	group_steer(g, ALICES);
	feed_raw(&self->alice.p, wire, n);
	feed_raw(&self->alice.p, wire,
		 plain_record(wire, DTLS_CT_ALERT, "\2\50", 2));
	EXPECT_EQ(-EAGAIN, pump(g->fd[ALICES]));
	EXPECT_TRUE(peer_echoes(g->fd[ALICES], &self->alice));
}

TEST_F(endpoint_control, owner_closes)
{
	struct group *g = &self->g;

	/* The last one takes the place of the one that goes. */
	group_close_member(g, ALICES);
	group_steer(g, 1);
	feed_id(&self->alice.p, 50, 1);
	EXPECT_STREQ("1", recv_ids(g->fd[BOBS], 1));
	EXPECT_EQ(0, stats_get("RxForwarded"));
	EXPECT_EQ(50, peer_send_id(g->fd[BOBS], &self->alice, 50, 2));
	EXPECT_EQ(2, take_id(&self->alice.p));
}

/* What was handed to the one that closes goes with it. */
TEST_F(endpoint_control, owner_closes_with_data)
{
	struct group *g = &self->g;
	int i;

	group_steer(g, BOBS);
	for (i = 0; i < 20; i++)
		feed_id(&self->alice.p, 1000, i);
	EXPECT_EQ(-EAGAIN, pump(g->fd[BOBS]));
	group_close_member(g, ALICES);
	EXPECT_TRUE(quiet(g->fd[BOBS]));
	group_steer(g, 1);
	EXPECT_TRUE(peer_echoes(g->fd[BOBS], &self->bob));
}

TEST_F(endpoint_control, last_member_closes)
{
	struct group *g = &self->g;

	EXPECT_EQ(2, stats_get("CurrSessions"));
	EXPECT_EQ(2, stats_get("CurrTx"));
	group_close_member(g, HELPER);
	group_close_member(g, ALICES);
	EXPECT_EQ(2, stats_get("CurrSessions"));
	EXPECT_EQ(1, stats_get("CurrEndpoints"));
	group_close_member(g, BOBS);
	EXPECT_EQ(0, stats_get("CurrSessions"));
	EXPECT_EQ(0, stats_get("CurrEndpoints"));
	EXPECT_EQ(0, stats_get("CurrTx"));
	EXPECT_EQ(0, stats_get("CurrRx"));
}

TEST_HARNESS_MAIN
