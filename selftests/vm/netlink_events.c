// SPDX-License-Identifier: GPL-2.0
/*
 * Who is told what happens to sessions, and sessions that end for being idle.
 */
#include "harness.h"
#include "requests.h"

NETLINK_FIXTURE(netlink_events);

static bool told(struct nl *nl, uint8_t event, uint32_t session)
{
	struct nl_message m;

	return nl_event(nl, &m, WAIT_MS) && m.event == event &&
	       m.session == session;
}

static bool told_by_socket(int fd, int event, uint32_t session)
{
	uint32_t id = 0;

	return event_next(fd, &id) == event && id == session;
}

TEST_F(netlink_events, events)
{
	struct group *g = &self->g;
	struct peer *p = &self->bob;
	struct nl nl;

	nl_open(&nl);
	ASSERT_EQ(0, nl_join(&nl));
	set_int(g->fd[HELPER], SOL_DTLS, DTLS_RECV_EVENTS, 1);
	ASSERT_EQ(0, session_new(g, p, BOBS));
	EXPECT_TRUE(told(&nl, DTLS_EVENT_UP, p->id));
	EXPECT_TRUE(told_by_socket(g->fd[HELPER], DTLS_EVENT_UP, p->id));
	ASSERT_EQ(0, session_set_u32(g, p, KDTLS_A_OWNER, g->member[ALICES]));
	EXPECT_TRUE(told(&nl, DTLS_EVENT_MOVED, p->id));
	EXPECT_TRUE(told_by_socket(g->fd[HELPER], DTLS_EVENT_MOVED, p->id));
	/* To whom it belongs already is no move. */
	ASSERT_EQ(0, session_set_u32(g, p, KDTLS_A_OWNER, g->member[ALICES]));
	feed_alert(&p->p, WARNING, 0);
	pump(g->fd[ALICES]);
	EXPECT_TRUE(told(&nl, DTLS_EVENT_CLOSED, p->id));
	feed_alert(&self->alice.p, FATAL, 40);
	pump(g->fd[ALICES]);
	EXPECT_TRUE(told(&nl, DTLS_EVENT_ALERT, self->alice.id));
	peer_rekey(p, variant->cipher, 1);
	ASSERT_EQ(0, replace_by(g, p, &p->p.out, &p->p.in));
	EXPECT_TRUE(told(&nl, DTLS_EVENT_GONE, p->id));
	p->id = g->nl.answer.session;
	EXPECT_TRUE(told(&nl, DTLS_EVENT_UP, p->id));
	ASSERT_EQ(0, session_del(g, p));
	EXPECT_TRUE(told(&nl, DTLS_EVENT_GONE, p->id));
	nl_close(&nl);
}

TEST_F(netlink_events, limits)
{
	struct dtls_limits limits = { .seal_soft = 4, .seal_hard = 8 };
	struct group *g = &self->g;
	struct peer *p = &self->bob;
	struct nl nl;
	int i;

	nl_open(&nl);
	ASSERT_EQ(0, nl_join(&nl));
	ASSERT_EQ(0, new_with(g, p, KDTLS_A_LIMITS, &limits, sizeof(limits)));
	p->id = g->nl.answer.session;
	EXPECT_EQ(8, g->nl.answer.info.limits.seal_hard);
	EXPECT_TRUE(told(&nl, DTLS_EVENT_UP, p->id));
	for (i = 0; i < 4; i++)
		EXPECT_EQ(10, peer_send(g->fd[BOBS], p, "0123456789", 10));
	EXPECT_TRUE(told(&nl, DTLS_EVENT_TX_REKEY, p->id));
	EXPECT_EQ(-EKEYEXPIRED, peer_send(g->fd[BOBS], p, "0123456789", 10));
	EXPECT_TRUE(told(&nl, DTLS_EVENT_TX_EXPIRED, p->id));
	EXPECT_EQ(4, peer_send(g->fd[BOBS], &self->alice, "abcd", 4));
	nl_close(&nl);
}

static bool sessions_become(uint64_t n)
{
	uint64_t end = now_ms() + WAIT_MS;

	while (stats_get("CurrSessions") != n && now_ms() < end)
		sleep_ms(50);
	return stats_get("CurrSessions") == n;
}

TEST_F(netlink_events, idle)
{
	struct group *g = &self->g;
	struct nl nl;

	nl_open(&nl);
	ASSERT_EQ(0, nl_join(&nl));
	set_int(g->fd[ALICES], SOL_DTLS, DTLS_RECV_EVENTS, 1);
	ASSERT_EQ(0, session_set_u32(g, &self->alice, KDTLS_A_IDLE, 500));
	EXPECT_TRUE(told(&nl, DTLS_EVENT_IDLE, self->alice.id));
	EXPECT_TRUE(sessions_become(0));
	EXPECT_TRUE(told_by_socket(g->fd[ALICES], DTLS_EVENT_IDLE,
				   self->alice.id));
	EXPECT_STREQ("SessionsIdle+1", stats_since(&self->before));
	EXPECT_EQ(-ENOTCONN, peer_send(g->fd[ALICES], &self->alice, "a", 1));
	nl_close(&nl);
}

TEST_F(netlink_events, not_idle)
{
	struct group *g = &self->g;
	int i;

	ASSERT_EQ(0, session_set_u32(g, &self->alice, KDTLS_A_IDLE, 2000));
	for (i = 0; i < 10; i++) {
		if (i & 1)
			peer_send(g->fd[ALICES], &self->alice, "abcd", 4);
		else
			feed_id(&self->alice.p, 50, i);
		pump(g->fd[ALICES]);
		sleep_ms(400);
	}
	EXPECT_EQ(1, stats_get("CurrSessions"));
	/* What does not open keeps nothing alive. */
	for (i = 0; i < 10 && stats_get("CurrSessions"); i++) {
		feed_by(&self->alice, &self->bob.p.in, i, i);
		pump(g->fd[ALICES]);
		sleep_ms(500);
	}
	EXPECT_TRUE(sessions_become(0));
}

TEST_HARNESS_MAIN
