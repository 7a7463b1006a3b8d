// SPDX-License-Identifier: GPL-2.0
/*
 * Who may do what with sessions, and that nobody is told keys.
 */
#include <sched.h>
#include <sys/wait.h>

#include "harness.h"
#include "requests.h"

NETLINK_FIXTURE(netlink_rights);

#define CHECK(bit, condition) ((condition) ? 0 : 1 << (bit))

/* In a process of a user without rights, with a member's descriptor. */
static int as_nobody(struct group *g, struct peer *p)
{
	static struct listed l;
	int bad = 0;

	if (setgid(65534) || setuid(65534))
		return 255;
	nl_open(&g->nl);
	bad |= CHECK(0, list_of(g, KDTLS_CMD_SESSION_GET, 0, 0, &l) ==
		     -EPERM && (g->nl.text[0] || !nl_lists_say_why()));
	bad |= CHECK(1, list_of(g, KDTLS_CMD_ENDPOINT_GET, 0, 0, &l) ==
		     -EPERM);
	bad |= CHECK(2, list_of(g, KDTLS_CMD_SESSION_GET, KDTLS_A_ENDPOINT,
				g->endpoint, &l) == -EPERM);
	bad |= CHECK(3, list_of(g, KDTLS_CMD_SESSION_GET, KDTLS_A_FD,
				g->fd[0], &l) == 0 && l.count == 1);
	bad |= CHECK(4, session_set_u32(g, p, KDTLS_A_IDLE, 99999) == 0);
	bad |= CHECK(5, session_get(g, p).idle == 99999);
	bad |= CHECK(6, nl_join(&g->nl) == -EPERM);
	bad |= CHECK(7, session_del(g, p) == 0);
	return bad;
}

/* By number nothing goes, whatever the command. */
static int by_number_as_nobody(struct group *g, const struct peer *p)
{
	struct request r;
	uint8_t cmd;

	if (setgid(65534) || setuid(65534))
		return 255;
	nl_open(&g->nl);
	for (cmd = KDTLS_CMD_ENDPOINT_GET; cmd <= KDTLS_CMD_KEY_NEW; cmd++) {
		req_init(&r, &g->nl, cmd);
		req_u32(&r, KDTLS_A_ENDPOINT, g->endpoint);
		req_put(&r, KDTLS_A_PEER, &p->addr, p->len);
		req_keys(&r, KDTLS_A_TX, &p->p.out);
		req_keys(&r, KDTLS_A_RX, &p->p.in);
		if (call(g, &r) != -EPERM || !g->nl.text[0])
			return cmd;
	}
	return 0;
}

static int child_status(pid_t pid)
{
	int status = -1;

	waitpid(pid, &status, 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

TEST_F(netlink_rights, without_rights)
{
	struct group g = self->g;
	pid_t pid = fork();

	if (!pid)
		_exit(by_number_as_nobody(&g, &self->alice));
	EXPECT_EQ(0, child_status(pid));
	EXPECT_EQ(1, stats_get("CurrSessions"));
	pid = fork();
	if (!pid)
		_exit(as_nobody(&g, &self->alice));
	EXPECT_EQ(0, child_status(pid));
	EXPECT_EQ(0, stats_get("CurrSessions"));
}

TEST_F(netlink_rights, namespaces)
{
	static struct listed l;
	struct group *g = &self->g, there = self->g;
	struct request r;

	netns_enter();
	nl_open(&there.nl);
	EXPECT_EQ(0, list_of(&there, KDTLS_CMD_ENDPOINT_GET, 0, 0, &l));
	EXPECT_EQ(0, l.count);
	EXPECT_EQ(0, list_of(&there, KDTLS_CMD_SESSION_GET, 0, 0, &l));
	EXPECT_EQ(0, l.count);
	req_init(&r, &there.nl, KDTLS_CMD_ENDPOINT_GET);
	req_u32(&r, KDTLS_A_ENDPOINT, g->endpoint);
	EXPECT_REFUSED(-ENOENT, &there.nl, nl_call(&there.nl, &r));
	EXPECT_EQ(0, stats_get("CurrSessions"));
	/* Nor are its events. */
	ASSERT_EQ(0, nl_join(&there.nl));
	ASSERT_EQ(0, session_del(g, &self->alice));
	EXPECT_FALSE(nl_event(&there.nl, &there.nl.answer, QUIET_MS));
	/* Whoever has a member's descriptor may come from anywhere. */
	EXPECT_EQ(0, list_of(&there, KDTLS_CMD_ENDPOINT_GET, KDTLS_A_FD,
			     g->fd[0], &l));
	EXPECT_EQ(1, l.count);
	nl_close(&there.nl);
}

/* The search for keys finds what is there: the peer's address, for one. */
TEST(search)
{
	struct sockaddr_storage addr;
	struct group g;
	struct peer p;

	netns_enter();
	group_open(&g, IPV6, GCM128, 1);
	peer_open(&p, &g);
	nl_secret(&p.addr, p.len);
	ASSERT_EQ(0, session_new(&g, &p, -1));
	EXPECT_EQ(1, nl_leaks());
	(void)addr;
	peer_close(&p);
	group_close(&g);
}

TEST_HARNESS_MAIN
