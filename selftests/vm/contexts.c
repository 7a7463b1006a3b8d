// SPDX-License-Identifier: GPL-2.0
/*
 * Ciphers are lent to the sessions of endpoints: there may be few of them, fewer
 * from now on, or none when memory is short, and no session notices.
 */
#include "harness.h"
#include "group.h"
#include "knobs.h"

#define PEERS		12
#define MANY		1000

static void drop_caches(void)
{
	if (!knob_set("/proc/sys/vm/drop_caches", "2"))
		die("drop_caches");
}

FIXTURE(contexts) {
	struct group g;
	struct peer peer[PEERS];
	long before;
};

FIXTURE_VARIANT(contexts) {
	uint16_t cipher;
	enum family family;
};

VARIANTS_OF_CIPHERS(contexts);

FIXTURE_SETUP(contexts)
{
	int i;

	self->before = contexts();
	netns_enter();
	group_open_single(&self->g, variant->family, variant->cipher);
	for (i = 0; i < PEERS; i++) {
		peer_open(&self->peer[i], &self->g);
		ASSERT_EQ(0, session_new(&self->g, &self->peer[i], 0));
	}
	ASSERT_EQ(0, contexts_lent());
}

FIXTURE_TEARDOWN(contexts)
{
	int i;

	for (i = 0; i < PEERS; i++)
		peer_close(&self->peer[i]);
	group_close(&self->g);
	contexts_set(self->before);
}

static bool sends(int fd, struct peer *p, uint64_t *seq)
{
	struct record r;

	if (peer_send_id(fd, p, 50, 1) != 50 || take(&p->p, &r))
		return false;
	*seq = r.seq;
	return true;
}

/* Both directions of every session. No number is taken twice or left out. */
static bool all_echo(struct group *g, struct peer *peer)
{
	uint64_t before, after;
	int i;

	for (i = 0; i < PEERS; i++)
		if (!sends(g->fd[0], &peer[i], &before) ||
		    !peer_echoes(g->fd[0], &peer[i]) ||
		    !sends(g->fd[0], &peer[i], &after) || after != before + 2)
			return false;
	return true;
}

TEST_F(contexts, lent_when_they_are_used)
{
	struct group *g = &self->g;

	EXPECT_TRUE(peer_echoes(g->fd[0], &self->peer[0]));
	EXPECT_EQ(2, contexts_lent());
	EXPECT_TRUE(all_echo(g, self->peer));
	EXPECT_EQ(2 * PEERS, contexts_lent());
	EXPECT_EQ(0, session_del(g, &self->peer[0]));
	settle();
	EXPECT_EQ(2 * PEERS - 2, contexts_lent());
}

TEST_F(contexts, fewer_than_sessions)
{
	struct group *g = &self->g;

	contexts_set(3);
	EXPECT_TRUE(all_echo(g, self->peer));
	EXPECT_TRUE(all_echo(g, self->peer));
	EXPECT_LE(contexts_lent(), 3);
}

TEST_F(contexts, fewer_from_now_on)
{
	struct group *g = &self->g;

	EXPECT_TRUE(all_echo(g, self->peer));
	contexts_set(5);
	EXPECT_EQ(5, contexts_lent());
	EXPECT_TRUE(all_echo(g, self->peer));
	EXPECT_LE(contexts_lent(), 5);
}

TEST_F(contexts, parameter)
{
	contexts_set(0);
	EXPECT_LE(1024, contexts());
	contexts_set(7);
	EXPECT_EQ(7, contexts());
	EXPECT_TRUE(all_echo(&self->g, self->peer));
}

/* Sessions with peers that only listen: more than are looked at in one go. */
static void send_to_many(struct group *g)
{
	struct peer p;
	int i;

	fake_peer(&p, g, 1);
	for (i = 0; i < MANY; i++) {
		fake_port(&p, 20000 + i);
		if (session_new(g, &p, 0) || peer_send_id(g->fd[0], &p, 50, i) != 50)
			die("session %d", i);
	}
	oracle_free(&p.p.out);
	oracle_free(&p.p.in);
}

TEST_F(contexts, memory_is_short)
{
	struct group *g = &self->g;
	int i;

	EXPECT_TRUE(all_echo(g, self->peer));
	send_to_many(g);
	EXPECT_EQ(2 * PEERS + MANY, contexts_lent());
	for (i = 0; i < 3 && contexts_lent(); i++)
		drop_caches();
	EXPECT_EQ(0, contexts_lent());
	EXPECT_TRUE(all_echo(g, self->peer));
	EXPECT_EQ(2 * PEERS, contexts_lent());
}

struct taker {
	bool stop;
};

static void *take_them(void *arg)
{
	struct taker *t = arg;
	long i;

	for (i = 0; !__atomic_load_n(&t->stop, __ATOMIC_RELAXED); i++) {
		contexts_set(1 + i % 5);
		if (i % 4 == 0)
			drop_caches();
	}
	return NULL;
}

TEST_F(contexts, taken_while_they_are_used)
{
	struct taker t = { .stop = false };
	struct job job;
	int i;

	job_start(&job, take_them, &t);
	for (i = 0; i < 20; i++)
		EXPECT_TRUE(all_echo(&self->g, self->peer));
	__atomic_store_n(&t.stop, true, __ATOMIC_RELAXED);
	job_join(&job);
	EXPECT_EQ(0, stats_get("RxDropAuth"));
}

TEST_HARNESS_MAIN
