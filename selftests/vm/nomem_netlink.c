// SPDX-License-Identifier: GPL-2.0
/*
 * Every allocation of a netlink request fails, one after the other: it does all or
 * nothing and says so, what it was not about stays as it was, and who listens to
 * events hears of each, if only that one was lost. It takes a kernel with fault
 * injection.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>
#include <unistd.h>

#include "harness.h"
#include "faults.h"
#include "knobs.h"
#include "members.h"

#define CLOSE_NOTIFY	0

/* Numbers in a node of the kernel's tables by number. */
#define NODE		64
/* More than there are rounds. */
#define CROWD		120
/* Sessions whose list does not fit into one message. */
#define MANY		150

static struct rx rx;

NOMEM_FIXTURE(nomem_netlink);

/* Only the kernel's part of a request is in the round; the answer comes later. */
static int fault_call(struct fault *f, struct nl *nl, struct request *r)
{
	int err;

	fault_begin(f);
	err = nl_send(nl, r);
	fault_end(f);
	return err ? err : nl_wait(nl);
}

/* ENOBUFS may also mean that the answer was lost, and not the request. */
static bool all_or_nothing(int err, bool done)
{
	return done ? !err || err == -ENOBUFS : is_failure(err);
}

static bool listed(struct group *g, const struct peer *p)
{
	struct request r;
	int err;

	peer_request(&r, g, p, KDTLS_CMD_SESSION_GET);
	err = nl_call(&g->nl, &r);
	if (err && err != -ENOENT)
		die("SESSION_GET: %d", err);
	return !err;
}

/* All that a session's keys have been used for. */
static bool same_use(const struct dtls_info *a, const struct dtls_info *b)
{
	return a->tx_epoch == b->tx_epoch && a->rx_epoch == b->rx_epoch &&
	       a->tx_seq == b->tx_seq && a->rx_seq == b->rx_seq &&
	       a->state == b->state;
}

TEST_F(nomem_netlink, attach)
{
	struct nl *nl = &self->g.nl;
	struct request r;
	struct fault f;
	int fd, err;

	NEEDS_FAULTS();
	EACH_FAULT(&f) {
		fd = udp_socket(variant->family);
		req_init(&r, nl, KDTLS_CMD_ATTACH);
		req_u32(&r, KDTLS_A_FD, fd);
		err = fault_call(&f, nl, &r);
		EXPECT_TRUE(all_or_nothing(err, kdtls_attach(fd) == -EEXIST));
		close(fd);
	}
	EXPECT_TRUE(fault_all(&f));
}

/* Sessions */

/* A peer that has a port, but no socket, and otherwise what @like has. */
static struct peer like_peer(const struct peer *like, uint16_t port)
{
	struct peer p = *like;

	/* The port is at the same place in both families. */
	((struct sockaddr_in *)&p.addr)->sin_port = htons(port);
	return p;
}

/* After this a new number takes a node of its own. */
static void use_up_numbers(struct group *g, const struct peer *like)
{
	struct peer p = like_peer(like, 999);
	int i;

	for (i = 0, p.id = 0; i < NODE && p.id % NODE != NODE - 1; i++)
		if (session_new(g, &p, -1) || session_del(g, &p))
			die("SESSION_NEW");
}

/* Its number is none that was there before: somebody may remember that. */
static bool numbered(struct group *g, const struct peer *p, uint32_t *last)
{
	uint32_t id = session_get(g, p).session;
	bool ok = id > *last;

	*last = id;
	return ok;
}

static bool new_round(struct fault *f, struct group *g, uint32_t *last)
{
	struct request r;
	struct peer p;
	bool done, ok;
	int err;

	peer_open(&p, g);
	peer_request_keys(&r, g, &p, KDTLS_CMD_SESSION_NEW);
	req_u32(&r, KDTLS_A_OWNER, g->member[ALICES]);
	req_u32(&r, KDTLS_A_IDLE, 100000);
	err = fault_call(f, &g->nl, &r);
	done = listed(g, &p);
	ok = all_or_nothing(err, done) &&
	     (done || !session_new(g, &p, ALICES)) && numbered(g, &p, last) &&
	     peer_echoes(g->fd[ALICES], &p) && !session_del(g, &p);
	peer_close(&p);
	return ok;
}

TEST_F(nomem_netlink, session_new)
{
	struct stats before;
	uint32_t last = 0;
	int rounds = 0;
	char must[200];
	struct fault f;

	NEEDS_FAULTS();
	use_up_numbers(&self->g, &self->alice);
	stats_read(&before);
	EACH_FAULT(&f) {
		EXPECT_TRUE(new_round(&f, &self->g, &last)) TH_LOG("%d, rest %d", f.n, f.rest);
		EXPECT_TRUE(gauges_same(&self->gauges));
		rounds++;
	}
	EXPECT_TRUE(fault_all(&f));
	snprintf(must, sizeof(must), "SessionsNew+%d SessionsDeleted+%d",
		 rounds, rounds);
	EXPECT_STREQ(must, stats_since_of(&before, "Sessions"));
	snprintf(must, sizeof(must), "TxInstalled+%d", rounds);
	EXPECT_STREQ(must, stats_since_of(&before, "TxI"));
	snprintf(must, sizeof(must), "RxInstalled+%d", rounds);
	EXPECT_STREQ(must, stats_since_of(&before, "RxI"));
}

/* Another address of ours, which nobody has to have. */
static void put_local(struct request *r, const struct group *g, const char *v4,
		      const char *v6)
{
	struct sockaddr_storage addr;
	socklen_t len = loopback(g->family, g->port, &addr);
	char text[64];

	snprintf(text, sizeof(text), "::ffff:%s", v4);
	if (g->family == IPV4)
		inet_pton(AF_INET, v4, &((struct sockaddr_in *)&addr)->sin_addr);
	else
		inet_pton(AF_INET6, g->family == MAPPED ? text : v6,
			  &((struct sockaddr_in6 *)&addr)->sin6_addr);
	req_put(r, KDTLS_A_LOCAL, &addr, len);
}

static void request_at(struct request *r, struct group *g,
		       const struct peer *p, bool here, uint8_t cmd)
{
	if (cmd == KDTLS_CMD_SESSION_NEW)
		peer_request_keys(r, g, p, cmd);
	else
		peer_request(r, g, p, cmd);
	put_local(r, g, here ? "127.0.0.1" : "127.0.0.2",
		  here ? "::1" : "fd00::2");
}

/*
 * A second session with the peer, by another address of ours. As long as there
 * is none, the first is not ambiguous.
 */
static bool twin_round(struct fault *f, struct group *g, struct peer *p)
{
	struct request r;
	long sent;
	int err;

	request_at(&r, g, p, false, KDTLS_CMD_SESSION_NEW);
	err = fault_call(f, &g->nl, &r);
	sent = peer_send_id(g->fd[0], p, 50, 7);
	if (sent == -ENOTUNIQ) {
		request_at(&r, g, p, false, KDTLS_CMD_SESSION_DEL);
		return all_or_nothing(err, true) && !nl_call(&g->nl, &r);
	}
	return all_or_nothing(err, false) && sent == 50 && take_id(&p->p) == 7;
}

TEST_F(nomem_netlink, second_address)
{
	struct request r;
	struct fault f;
	struct group g;
	struct peer p;

	NEEDS_FAULTS();
	group_open_any(&g, variant->family, variant->cipher, 1);
	peer_open(&p, &g);
	request_at(&r, &g, &p, true, KDTLS_CMD_SESSION_NEW);
	ASSERT_EQ(0, nl_call(&g.nl, &r));
	EACH_FAULT(&f)
		EXPECT_TRUE(twin_round(&f, &g, &p)) TH_LOG("%d, rest %d", f.n, f.rest);
	EXPECT_TRUE(fault_all(&f));
	EXPECT_TRUE(peer_echoes(g.fd[0], &p));
	peer_close(&p);
	group_close(&g);
	EXPECT_TRUE(gauges_same(&self->gauges));
}

/* What says by which address of ours to send has to be allocated, too. */
TEST_F(nomem_netlink, send_by_address)
{
	uint8_t data[100] = "";
	struct request r;
	struct fault f;
	struct group g;
	uint64_t next;
	struct peer p;
	long sent;

	NEEDS_FAULTS();
	group_open_any(&g, variant->family, variant->cipher, 2);
	peer_open(&p, &g);
	request_at(&r, &g, &p, true, KDTLS_CMD_SESSION_NEW);
	ASSERT_EQ(0, nl_call(&g.nl, &r));
	next = p.p.out.seq;
	EACH_FAULT(&f) {
		fault_begin(&f);
		sent = peer_send(g.fd[1], &p, data, sizeof(data));
		fault_end(&f);
		EXPECT_TRUE(sent == sizeof(data) || is_failure(sent));
		EXPECT_TRUE(only_good(&p.p, &next));
	}
	EXPECT_TRUE(fault_all(&f));
	EXPECT_EQ(10, peer_send(g.fd[1], &p, data, 10));
	EXPECT_TRUE(only_good(&p.p, &next));
	peer_close(&p);
	group_close(&g);
}

/* @p has what serves; @next are the keys of the request. */
static void keep_keys(struct oracle *o, struct oracle *next, bool done)
{
	oracle_free(done ? o : next);
	if (done)
		*o = *next;
}

static bool replace_round(struct fault *f, struct group *g, struct peer *p)
{
	struct nl_message now, then = session_get(g, p);
	struct peer next = *p;
	struct request r;
	bool done;
	int err;

	oracle_init(&next.p.out, g->cipher, 1, 1);
	oracle_init(&next.p.in, g->cipher, 1, 1);
	peer_request_keys(&r, g, &next, KDTLS_CMD_SESSION_REPLACE);
	err = fault_call(f, &g->nl, &r);
	now = session_get(g, p);
	done = now.session > then.session;
	keep_keys(&p->p.out, &next.p.out, done);
	keep_keys(&p->p.in, &next.p.in, done);
	return all_or_nothing(err, done) && now.owner == then.owner &&
	       (done || now.session == then.session) &&
	       (done || same_use(&now.info, &then.info)) &&
	       peer_echoes(g->fd[ALICES], p);
}

/*
 * Each round has a session of its own, from before: nothing else is where the new
 * one's number goes.
 */
TEST_F(nomem_netlink, session_replace)
{
	struct group *g = &self->g;
	struct peer crowd[CROWD];
	struct gauges then;
	struct fault f;
	int i;

	NEEDS_FAULTS();
	for (i = 0; i < CROWD; i++) {
		peer_open(&crowd[i], g);
		ASSERT_EQ(0, session_new(g, &crowd[i], ALICES));
	}
	use_up_numbers(g, &self->alice);
	i = 0;
	EACH_FAULT(&f) {
		ASSERT_LT(i, CROWD);
		gauges_read(&then);
		EXPECT_TRUE(replace_round(&f, g, &crowd[i]))
			TH_LOG("%d, rest %d", f.n, f.rest);
		EXPECT_TRUE(gauges_same(&then));
		EXPECT_EQ(0, session_del(g, &crowd[i++]));
	}
	EXPECT_TRUE(fault_all(&f));
	for (i = 0; i < CROWD; i++)
		peer_close(&crowd[i]);
}

/* New keys of the directions that @tx and @rx say. */
static bool key_round(struct fault *f, struct group *g, struct peer *p, bool tx,
		      bool rx)
{
	struct nl_message now, then = session_get(g, p);
	struct oracle out, in;
	struct request r;
	bool done;
	int err;

	oracle_init(&out, g->cipher, p->p.out.epoch + 1, 1);
	oracle_init(&in, g->cipher, p->p.in.epoch + 1, 1);
	peer_request(&r, g, p, KDTLS_CMD_KEY_NEW);
	if (tx)
		req_keys(&r, KDTLS_A_TX, &out);
	if (rx)
		req_keys(&r, KDTLS_A_RX, &in);
	err = fault_call(f, &g->nl, &r);
	now = session_get(g, p);
	done = !same_use(&now.info, &then.info);
	keep_keys(&p->p.out, &out, done && tx);
	keep_keys(&p->p.in, &in, done && rx);
	return all_or_nothing(err, done) && now.session == then.session &&
	       now.info.tx_epoch == p->p.out.epoch &&
	       now.info.rx_epoch == p->p.in.epoch &&
	       peer_echoes(g->fd[ALICES], p);
}

TEST_F(nomem_netlink, key_new)
{
	struct fault f;
	int i;

	NEEDS_FAULTS();
	for (i = 1; i < 4; i++) {
		EACH_FAULT(&f) {
			EXPECT_TRUE(key_round(&f, &self->g, &self->alice,
					      i & 1, i & 2))
				TH_LOG("%d %d", i, f.n);
			EXPECT_TRUE(gauges_same(&self->gauges));
		}
		EXPECT_TRUE(fault_all(&f));
	}
}

TEST_F(nomem_netlink, session_set)
{
	struct group *g = &self->g;
	struct nl_message now;
	uint32_t idle = 600000;
	struct request r;
	struct fault f;
	int err;

	NEEDS_FAULTS();
	EACH_FAULT(&f) {
		peer_request(&r, g, &self->alice, KDTLS_CMD_SESSION_SET);
		req_u32(&r, KDTLS_A_IDLE, ++idle);
		err = fault_call(&f, &g->nl, &r);
		now = session_get(g, &self->alice);
		EXPECT_TRUE(all_or_nothing(err, now.idle == idle));
		EXPECT_EQ(g->member[ALICES], now.owner);
	}
	EXPECT_TRUE(fault_all(&f));
	EXPECT_TRUE(peer_echoes(g->fd[ALICES], &self->alice));
}

TEST_F(nomem_netlink, session_del)
{
	struct group *g = &self->g;
	struct request r;
	struct fault f;
	struct peer p;
	bool there;
	int err;

	NEEDS_FAULTS();
	EACH_FAULT(&f) {
		peer_open(&p, g);
		ASSERT_EQ(0, session_new(g, &p, ALICES));
		peer_request(&r, g, &p, KDTLS_CMD_SESSION_DEL);
		err = fault_call(&f, &g->nl, &r);
		there = listed(g, &p);
		EXPECT_TRUE(all_or_nothing(err, !there));
		if (there) {
			EXPECT_TRUE(peer_echoes(g->fd[ALICES], &p));
			EXPECT_EQ(0, session_del(g, &p));
		}
		peer_close(&p);
		EXPECT_TRUE(gauges_same(&self->gauges));
	}
	EXPECT_TRUE(fault_all(&f));
}

/* Answers and lists */

TEST_F(nomem_netlink, get)
{
	static const uint8_t cmds[] = {
		KDTLS_CMD_SESSION_GET, KDTLS_CMD_ENDPOINT_GET,
		KDTLS_CMD_STATS_GET,
	};
	struct group *g = &self->g;
	struct request r;
	struct fault f;
	size_t i;
	int err;

	NEEDS_FAULTS();
	for (i = 0; i < ARRAY_LEN(cmds); i++) {
		EACH_FAULT(&f) {
			peer_request(&r, g, &self->alice, cmds[i]);
			err = fault_call(&f, &g->nl, &r);
			EXPECT_TRUE(is_failure(err) ||
				    (!err && g->nl.answers == 1));
		}
		EXPECT_TRUE(fault_all(&f));
	}
}

static void list_request(struct request *r, struct nl *nl, struct group *g,
			 uint8_t cmd)
{
	req_init(r, nl, cmd);
	req_u32(r, KDTLS_A_FD, g->fd[HELPER]);
	r->nlh->nlmsg_flags |= NLM_F_DUMP;
}

TEST_F(nomem_netlink, lists)
{
	static const struct { uint8_t cmd; int count; } lists[] = {
		{ KDTLS_CMD_SESSION_GET, 2 }, { KDTLS_CMD_ENDPOINT_GET, 1 },
	};
	struct group *g = &self->g;
	struct request r;
	struct fault f;
	struct nl nl;
	size_t i;
	int err;

	NEEDS_FAULTS();
	for (i = 0; i < ARRAY_LEN(lists); i++) {
		EACH_FAULT(&f) {
			/* What was begun may be there still: a new socket. */
			nl_open(&nl);
			list_request(&r, &nl, g, lists[i].cmd);
			err = fault_call(&f, &nl, &r);
			EXPECT_TRUE(is_failure(err) ||
				    (!err && nl.answers == lists[i].count));
			nl_close(&nl);
		}
		EXPECT_TRUE(fault_all(&f));
	}
}

static void many_sessions(struct group *g, const struct peer *like)
{
	struct peer p;
	int i;

	for (i = 0; i < MANY; i++) {
		p = like_peer(like, 1000 + i);
		if (session_new(g, &p, -1))
			die("SESSION_NEW");
	}
}

/* Its next part is made while one is read. */
TEST_F(nomem_netlink, long_list)
{
	static uint8_t part[65536];
	struct request r;
	struct fault f;
	struct nl nl;
	long got;
	int err;

	NEEDS_FAULTS();
	many_sessions(&self->g, &self->alice);
	EACH_FAULT(&f) {
		nl_open(&nl);
		list_request(&r, &nl, &self->g, KDTLS_CMD_SESSION_GET);
		ASSERT_EQ(0, nl_send(&nl, &r));
		fault_begin(&f);
		got = RC(recv(mnl_socket_get_fd(nl.sock), part, sizeof(part),
			      MSG_DONTWAIT));
		fault_end(&f);
		EXPECT_TRUE(got > 0 || is_failure(got));
		err = nl_wait(&nl);
		EXPECT_TRUE(!err || is_failure(err));
		/* There is more than one part. */
		EXPECT_LT(nl.answers, MANY + 2);
		EXPECT_TRUE(err || nl.answers);
		nl_close(&nl);
	}
	EXPECT_TRUE(fault_all(&f));
	EXPECT_TRUE(listed(&self->g, &self->alice));
}

/* Events */

/* The event's type, -ENOBUFS when one was lost, 0 when there is nothing. */
static int heard(struct nl *nl)
{
	uint8_t byte;
	long err = RC(recv(mnl_socket_get_fd(nl->sock), &byte, 1,
			   MSG_PEEK | MSG_DONTWAIT));
	struct nl_message m;

	if (err == -ENOBUFS)
		return err;
	return err > 0 && nl_event(nl, &m, 0) ? m.event : 0;
}

/* Who listens is told, or is told that there was something. */
TEST_F(nomem_netlink, events)
{
	struct group *g = &self->g;
	int owner = BOBS, err, was;
	struct request r;
	struct fault f;
	struct nl nl;
	bool done;

	NEEDS_FAULTS();
	nl_open(&nl);
	ASSERT_EQ(0, nl_join(&nl));
	set_int(g->fd[HELPER], SOL_DTLS, DTLS_RECV_EVENTS, 1);
	set_int(g->fd[BOBS], SOL_DTLS, DTLS_RECV_EVENTS, 1);
	EACH_FAULT(&f) {
		peer_request(&r, g, &self->alice, KDTLS_CMD_SESSION_SET);
		req_u32(&r, KDTLS_A_OWNER, g->member[owner]);
		err = fault_call(&f, &g->nl, &r);
		was = heard(&nl);
		done = session_get(g, &self->alice).owner == g->member[owner];
		EXPECT_TRUE(all_or_nothing(err, done));
		EXPECT_TRUE(done ? was == DTLS_EVENT_MOVED || was == -ENOBUFS :
				   !was)
			TH_LOG("%d of %d: %d, %d", f.n, f.rest, err, was);
		EXPECT_EQ(0, heard(&nl));
		owner = done ? ALICES + BOBS - owner : owner;
		while (event_next(g->fd[HELPER], NULL) ||
		       event_next(g->fd[BOBS], NULL))
			;
	}
	EXPECT_TRUE(fault_all(&f));
	nl_close(&nl);
}

/* What the session is told by its peer is so, whoever is told of it. */
static bool alert_round(struct fault *f, struct group *g, struct nl *nl)
{
	uint64_t seq, drops = stats_get("RxDropNomem");
	bool ended, ok;
	struct peer p;
	long got;

	peer_open(&p, g);
	if (session_new(g, &p, ALICES))
		return false;
	heard(nl);
	seq = p.p.in.seq;
	feed_alert(&p.p, WARNING, CLOSE_NOTIFY);
	got = fault_recv(f, g->fd[ALICES], &rx, 0);
	/* If the call failed early it is there still. */
	if (got == -EFAULT)
		rx_recv(g->fd[ALICES], &rx, MSG_DONTWAIT);
	ended = session_get(g, &p).info.state & DTLS_STATE_PEER_CLOSED;
	drops = stats_get("RxDropNomem") - drops;
	ok = is_recv_failure(got) && drops == !ended;
	if (ended)
		ok &= heard(nl) != 0;
	else
		feed_seq(&p.p, seq, 50, 1);
	ok &= ended || rx_recv(g->fd[ALICES], &rx, 0) == 50;
	ok &= !session_del(g, &p);
	peer_close(&p);
	return ok;
}

TEST_F(nomem_netlink, alert)
{
	struct fault f;
	struct nl nl;

	NEEDS_FAULTS();
	nl_open(&nl);
	ASSERT_EQ(0, nl_join(&nl));
	EACH_FAULT(&f) {
		EXPECT_TRUE(alert_round(&f, &self->g, &nl)) TH_LOG("%d, rest %d", f.n, f.rest);
		while (heard(&nl))
			;
		EXPECT_TRUE(gauges_same(&self->gauges));
	}
	EXPECT_TRUE(fault_all(&f));
	nl_close(&nl);
}

TEST_HARNESS_MAIN
