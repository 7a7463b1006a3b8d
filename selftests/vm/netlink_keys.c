// SPDX-License-Identifier: GPL-2.0
/*
 * Sessions that are replaced or given new keys by netlink: what serves until when.
 */
#include "harness.h"
#include "requests.h"

NETLINK_FIXTURE(netlink_keys);

TEST_F(netlink_keys, replace)
{
	struct group *g = &self->g;
	struct peer *p = &self->alice;
	struct oracle in, out;
	struct request r;
	uint8_t wire[200];
	uint32_t id = p->id;

	ASSERT_EQ(0, session_set_u32(g, p, KDTLS_A_IDLE, 77777));
	ASSERT_EQ(0, session_set_u8(g, p, KDTLS_A_HANDSHAKE, 1));
	in = p->p.in;
	out = p->p.out;
	oracle_init(&p->p.in, variant->cipher, 1, 1);
	oracle_init(&p->p.out, variant->cipher, 1, 1);
	peer_request_keys(&r, g, p, KDTLS_CMD_SESSION_REPLACE);
	ASSERT_EQ(0, call(g, &r));
	EXPECT_EQ(KDTLS_CMD_SESSION_REPLACE, g->nl.answer.cmd);
	EXPECT_NE(id, g->nl.answer.session);
	EXPECT_EQ(g->member[ALICES], g->nl.answer.owner);
	EXPECT_EQ(77777, g->nl.answer.idle);
	EXPECT_EQ(0, g->nl.answer.handshake);
	EXPECT_REFUSED(-ENOENT, &g->nl,
		       by_number(g, KDTLS_CMD_SESSION_GET, id));
	EXPECT_EQ(1, stats_get("CurrSessions"));
	EXPECT_EQ(1, stats_get("CurrTx"));
	/* The old keys are dead. */
	feed_raw(&p->p, wire, oracle_seal(&in, DTLS_CT_APPLICATION_DATA, "data",
					  4, wire));
	EXPECT_EQ(-EAGAIN, pump(g->fd[ALICES]));
	EXPECT_EQ(1, stats_get("RxDropAuth"));
	EXPECT_TRUE(peer_echoes(g->fd[ALICES], p));
	oracle_free(&in);
	oracle_free(&out);
}

TEST_F(netlink_keys, replace_by_what_it_has)
{
	struct oracle *out = &self->alice.p.out, *in = &self->alice.p.in;
	struct oracle *new_out = &self->bob.p.out, *new_in = &self->bob.p.in;
	struct group *g = &self->g;
	struct peer *p = &self->alice;

	EXPECT_REFUSED(-EKEYREJECTED, &g->nl, replace_by(g, p, out, in));
	EXPECT_REFUSED(-EKEYREJECTED, &g->nl, replace_by(g, p, in, out));
	EXPECT_REFUSED(-EKEYREJECTED, &g->nl, replace_by(g, p, out, new_in));
	EXPECT_REFUSED(-EKEYREJECTED, &g->nl, replace_by(g, p, in, new_in));
	EXPECT_REFUSED(-EKEYREJECTED, &g->nl, replace_by(g, p, new_out, in));
	EXPECT_REFUSED(-EKEYREJECTED, &g->nl, replace_by(g, p, new_out, out));
	EXPECT_STREQ("", stats_since(&self->before));
	EXPECT_TRUE(peer_echoes(g->fd[ALICES], p));
	EXPECT_EQ(0, replace_by(g, p, new_out, new_in));
	EXPECT_REFUSED(-ENOENT, &g->nl,
		       replace_by(g, &self->bob, out, in));
}

/* New keys */

TEST_F(netlink_keys, two_epochs)
{
	struct group *g = &self->g;
	struct peer *p = &self->alice;
	struct oracle tx, in;
	uint32_t id = p->id;

	oracle_init(&tx, variant->cipher, 2, 1);
	oracle_init(&in, variant->cipher, 2, 1);
	feed_by(p, &p->p.in, 10, 1);
	EXPECT_STREQ("1", recv_ids(g->fd[ALICES], 1));
	ASSERT_EQ(0, key_new(g, p, &tx, &in));
	EXPECT_EQ(id, session_get(g, p).session);
	EXPECT_EQ(DTLS_STATE_TX | DTLS_STATE_RX | DTLS_STATE_RX_OLD,
		  session_get(g, p).info.state);
	EXPECT_EQ(1, session_get(g, p).info.rx_old_epoch);
	/* Each epoch has a window of its own. */
	feed_by(p, &in, 10, 2);
	feed_by(p, &p->p.in, 11, 3);
	feed_by(p, &p->p.in, 10, 4);
	feed_by(p, &in, 10, 5);
	EXPECT_STREQ("2 3", recv_ids(g->fd[ALICES], 2));
	EXPECT_EQ(2, stats_get("RxDropReplay"));
	/* Sending changes at once. */
	oracle_free(&p->p.out);
	p->p.out = tx;
	EXPECT_EQ(50, peer_send_id(g->fd[ALICES], p, 50, 6));
	EXPECT_EQ(6, take_id(&p->p));
	oracle_free(&in);
}

TEST_F(netlink_keys, old_keys_retire)
{
	struct group *g = &self->g;
	struct peer *p = &self->alice;
	struct oracle in;
	uint64_t end;

	oracle_init(&in, variant->cipher, 2, 1);
	ASSERT_EQ(0, session_set_u32(g, p, KDTLS_A_RETIRE, 1000));
	ASSERT_EQ(0, key_new(g, p, NULL, &in));
	feed_by(p, &p->p.in, 10, 1);
	EXPECT_STREQ("1", recv_ids(g->fd[ALICES], 1));
	sleep_ms(1100);
	feed_by(p, &p->p.in, 11, 2);
	feed_by(p, &in, 11, 3);
	EXPECT_STREQ("3", recv_ids(g->fd[ALICES], 1));
	EXPECT_EQ(1, stats_get("RxDropEpoch"));
	/* And they go, whether asked for or not. */
	end = now_ms() + WAIT_MS;
	while (session_get(g, p).info.state & DTLS_STATE_RX_OLD &&
	       now_ms() < end)
		sleep_ms(50);
	EXPECT_EQ(DTLS_STATE_TX | DTLS_STATE_RX, session_get(g, p).info.state);
	oracle_free(&in);
}

TEST_F(netlink_keys, refused_keys)
{
	struct group *g = &self->g;
	struct peer *p = &self->alice;

	EXPECT_REFUSED(-EKEYREJECTED, &g->nl,
		       key_new(g, p, &p->p.out, NULL));
	EXPECT_REFUSED(-EKEYREJECTED, &g->nl, key_new(g, p, NULL, &p->p.in));
	/* Both or none. */
	EXPECT_REFUSED(-EKEYREJECTED, &g->nl,
		       key_new(g, p, &self->bob.p.out, &p->p.in));
	EXPECT_REFUSED(-EKEYREJECTED, &g->nl,
		       key_new(g, p, &p->p.out, &self->bob.p.in));
	EXPECT_REFUSED(-EINVAL, &g->nl, key_new(g, p, NULL, NULL));
	EXPECT_REFUSED(-ENOENT, &g->nl,
		       key_new(g, &self->bob, &self->bob.p.out, NULL));
	EXPECT_STREQ("", stats_since(&self->before));
	EXPECT_TRUE(peer_echoes(g->fd[ALICES], p));
	feed_alert(&p->p, WARNING, 0);
	EXPECT_EQ(-EAGAIN, pump(g->fd[ALICES]));
	EXPECT_REFUSED(-EPIPE, &g->nl, key_new(g, p, &self->bob.p.out, NULL));
}

TEST_HARNESS_MAIN
