// SPDX-License-Identifier: GPL-2.0
/*
 * Lists of sessions and endpoints: complete, filtered, by endpoint.
 */
#include <netinet/in.h>

#include "harness.h"
#include "requests.h"

NETLINK_FIXTURE(netlink_list);

#define MANY	2000
#define FIRST	10000	/* their ports */

struct churn {
	struct group	g;
	bool		stop;
	long		made;
};

/* Sessions that come and go beside those that are listed. */
static void *churn(void *arg)
{
	struct churn *c = arg;
	struct peer p;
	int i = 0;

	nl_open(&c->g.nl);
	fake_peer(&p, &c->g, 1);
	while (!__atomic_load_n(&c->stop, __ATOMIC_RELAXED)) {
		fake_port(&p, 40000 + i++ % 500);
		if (!session_new(&c->g, &p, -1))
			__atomic_add_fetch(&c->made, 1, __ATOMIC_RELAXED);
		if (i % 500 > 50) {
			fake_port(&p, 40000 + (i - 50) % 500);
			session_del(&c->g, &p);
		}
	}
	oracle_free(&p.p.out);
	oracle_free(&p.p.in);
	nl_close(&c->g.nl);
	return NULL;
}

TEST_F(netlink_list, complete_list)
{
	static struct listed l;
	struct churn c = { .g = self->g };
	struct group *g = &self->g;
	struct request r;
	struct job job;
	struct peer p;
	int i, round;

	fake_peer(&p, g, 1);
	for (i = 0; i < MANY; i++) {
		fake_port(&p, FIRST + i);
		ASSERT_EQ(0, session_new(g, &p, -1));
	}
	job_start(&job, churn, &c);
	for (i = 0; i < WAIT_MS / 10 &&
	     !__atomic_load_n(&c.made, __ATOMIC_RELAXED); i++)
		sleep_ms(10);
	for (round = 0; round < 3; round++) {
		req_init(&r, &g->nl, KDTLS_CMD_SESSION_GET);
		EXPECT_EQ(0, list(g, &r, &l));
		EXPECT_LE(MANY + 1, l.count);
		EXPECT_EQ(0, l.twice);
		for (i = 0; i < MANY; i++)
			ASSERT_EQ(1, l.seen[FIRST + i]);
	}
	__atomic_store_n(&c.stop, true, __ATOMIC_RELAXED);
	job_join(&job);
	EXPECT_LT(0, c.made);
	oracle_free(&p.p.out);
	oracle_free(&p.p.in);
}

static int list_peer(struct group *g, enum family family, uint16_t port,
		     struct listed *l)
{
	struct sockaddr_storage addr;
	socklen_t len = loopback(family, port, &addr);
	struct request r;

	req_init(&r, &g->nl, KDTLS_CMD_SESSION_GET);
	req_put(&r, KDTLS_A_PEER, &addr, len);
	return list(g, &r, l);
}

static int list_state(struct group *g, uint16_t state, struct listed *l)
{
	struct request r;

	req_init(&r, &g->nl, KDTLS_CMD_SESSION_GET);
	req_u16(&r, KDTLS_A_STATE, state);
	return list(g, &r, l);
}

TEST_F(netlink_list, filters)
{
	static struct listed l;
	struct group *g = &self->g;
	struct sockaddr_storage a;
	struct request r;
	socklen_t len;

	ASSERT_EQ(0, session_new(g, &self->bob, BOBS));
	EXPECT_EQ(0, list_peer(g, variant->family, 0, &l));
	EXPECT_EQ(2, l.count);
	EXPECT_EQ(0, list_peer(g, variant->family,
			       local_port(self->bob.p.peer), &l));
	EXPECT_EQ(1, l.count);
	EXPECT_TRUE(l.seen[local_port(self->bob.p.peer)]);
	EXPECT_EQ(0, list_peer(g, variant->family, 1, &l));
	EXPECT_EQ(0, l.count);
	len = any_address(variant->family, 0, &a);
	req_init(&r, &g->nl, KDTLS_CMD_SESSION_GET);
	req_put(&r, KDTLS_A_PEER, &a, len);
	EXPECT_EQ(0, list(g, &r, &l));
	EXPECT_EQ(0, l.count);
	a.ss_family = AF_UNIX;
	req_init(&r, &g->nl, KDTLS_CMD_SESSION_GET);
	req_put(&r, KDTLS_A_PEER, &a, len);
	EXPECT_LIST_REFUSED(-EINVAL, &g->nl, list(g, &r, &l));

	EXPECT_EQ(0, list_state(g, DTLS_STATE_PEER_CLOSED, &l));
	EXPECT_EQ(0, l.count);
	feed_alert(&self->bob.p, WARNING, 0);
	pump(g->fd[ALICES]);
	EXPECT_EQ(0, list_state(g, DTLS_STATE_PEER_CLOSED, &l));
	EXPECT_EQ(1, l.count);
	EXPECT_TRUE(l.seen[local_port(self->bob.p.peer)]);
	EXPECT_EQ(0, list_state(g, DTLS_STATE_TX, &l));
	EXPECT_EQ(2, l.count);
}

TEST_F(netlink_list, lists_of_one_endpoint)
{
	static struct listed l;
	struct group *g = &self->g, other;
	struct peer p;

	group_open(&other, variant->family, variant->cipher, 2);
	peer_open(&p, &other);
	ASSERT_EQ(0, session_new(&other, &p, 1));
	EXPECT_EQ(0, list_of(g, KDTLS_CMD_SESSION_GET, 0, 0, &l));
	EXPECT_EQ(2, l.count);
	EXPECT_EQ(0, list_of(g, KDTLS_CMD_SESSION_GET, KDTLS_A_FD,
			     other.fd[1], &l));
	EXPECT_EQ(1, l.count);
	EXPECT_TRUE(l.seen[local_port(p.p.peer)]);
	EXPECT_EQ(0, list_of(g, KDTLS_CMD_SESSION_GET, KDTLS_A_ENDPOINT,
			     g->endpoint, &l));
	EXPECT_EQ(1, l.count);
	EXPECT_TRUE(l.seen[local_port(self->alice.p.peer)]);
	EXPECT_EQ(0, list_of(g, KDTLS_CMD_ENDPOINT_GET, 0, 0, &l));
	EXPECT_EQ(2, l.count);
	EXPECT_EQ(0, list_of(g, KDTLS_CMD_ENDPOINT_GET, KDTLS_A_FD,
			     g->fd[0], &l));
	EXPECT_EQ(1, l.count);
	EXPECT_LIST_REFUSED(-ENOENT, &g->nl,
			    list_of(g, KDTLS_CMD_SESSION_GET, KDTLS_A_ENDPOINT,
				    99999, &l));
	peer_close(&p);
	group_close(&other);
}

TEST_HARNESS_MAIN
