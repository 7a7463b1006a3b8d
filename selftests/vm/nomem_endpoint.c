// SPDX-License-Identifier: GPL-2.0
/*
 * Every allocation of what an endpoint does fails, one after the other: joining
 * it, sessions that get their cipher when there is something to seal or to open,
 * messages for another member. Nothing is lost but what the call was about, the
 * next one works, and no number is sealed with twice. It takes a kernel with fault
 * injection.
 */
#include <string.h>
#include <unistd.h>

#include "harness.h"
#include "faults.h"
#include "knobs.h"
#include "members.h"

/* Numbers in a node of the kernel's tables by number. */
#define NODE		64

static struct rx rx;

NOMEM_FIXTURE(nomem_endpoint);

/* Joining */

static int role_of(int fd)
{
	struct dtls_endpoint e;
	socklen_t len = sizeof(e);
	long err = RC(getsockopt(fd, SOL_DTLS, DTLS_ENDPOINT, &e, &len));

	return err ? err : (int)e.role;
}

/* Joins under a fault, and without one if that failed and left nothing behind. */
static bool join_round(struct fault *f, int fd, uint32_t role)
{
	struct gauges then;
	int err;

	gauges_read(&then);
	fault_begin(f);
	err = endpoint_join(fd, role);
	fault_end(f);
	if (err && (!is_failure(err) || role_of(fd) != -ENOTCONN ||
		    !gauges_same(&then) || endpoint_join(fd, role)))
		return false;
	return role_of(fd) == (int)role;
}

TEST_F(nomem_endpoint, join_first)
{
	const uint32_t role = DTLS_MEMBER_HELPER | DTLS_MEMBER_WORKER;
	struct sockaddr_storage addr;
	struct fault f;
	socklen_t len;
	int fd;

	NEEDS_FAULTS();
	EACH_FAULT(&f) {
		len = loopback(variant->family, 0, &addr);
		fd = group_socket(variant->family, &addr, len);
		EXPECT_TRUE(join_round(&f, fd, role));
		close(fd);
		EXPECT_TRUE(gauges_same(&self->gauges));
	}
	EXPECT_TRUE(fault_all(&f));
}

static int members_of(struct group *g)
{
	struct request r;

	req_init(&r, &g->nl, KDTLS_CMD_ENDPOINT_GET);
	req_u32(&r, KDTLS_A_FD, g->fd[HELPER]);
	return nl_call(&g->nl, &r) ? -1 : g->nl.answer.members;
}

/* After this each new number takes a node of its own. */
static void use_up_a_node(struct group *g, const struct sockaddr_storage *addr,
			  socklen_t len)
{
	uint32_t n = 0;
	int i, fd;

	for (i = 0; i < NODE && n % NODE != NODE - 1; i++) {
		fd = group_socket(g->family, addr, len);
		if (endpoint_join(fd, DTLS_MEMBER_WORKER))
			die("DTLS_ENDPOINT");
		n = endpoint_info(fd).member;
		close(fd);
	}
}

TEST_F(nomem_endpoint, join_next)
{
	struct group *g = &self->g;
	struct sockaddr_storage addr;
	uint32_t last = 0;
	struct fault f;
	socklen_t len;
	int fd;

	NEEDS_FAULTS();
	len = loopback(variant->family, g->port, &addr);
	use_up_a_node(g, &addr, len);
	EACH_FAULT(&f) {
		fd = group_socket(variant->family, &addr, len);
		EXPECT_TRUE(join_round(&f, fd, DTLS_MEMBER_WORKER));
		/* Sessions may still have the number of one that is gone. */
		EXPECT_LT(last, endpoint_info(fd).member);
		last = endpoint_info(fd).member;
		EXPECT_EQ(4, members_of(g));
		close(fd);
		EXPECT_EQ(3, members_of(g));
	}
	EXPECT_TRUE(fault_all(&f));
	EXPECT_TRUE(peer_echoes(g->fd[ALICES], &self->alice));
}

/* Sessions that wake up */

/* Where the cipher comes from: it is there, made, or taken from the other session. */
enum waking { AWAKE, NEW_KEYS, TAKEN, TAKEN_OF_ANOTHER_KIND };

static bool new_keys(struct group *g, struct peer *p)
{
	struct request r;

	peer_rekey(p, g->cipher, p->p.out.epoch + 1);
	peer_request_keys(&r, g, p, KDTLS_CMD_KEY_NEW);
	return !nl_call(&g->nl, &r);
}

static bool new_session(struct group *g, struct peer *p, int owner,
			uint16_t cipher)
{
	if (session_del(g, p))
		return false;
	peer_rekey(p, cipher, 1);
	return !session_new(g, p, owner);
}

/* Two sessions that have no cipher, and nobody else has. */
static bool all_asleep(struct group *g, struct peer *alice, struct peer *bob,
		       enum waking how)
{
	uint16_t cipher = g->cipher;

	if (how == TAKEN_OF_ANOTHER_KIND)
		cipher = cipher == CHACHA ? GCM128 : CHACHA;
	contexts_set(how >= TAKEN ? 1 : 1000);
	return new_session(g, alice, ALICES, g->cipher) &&
	       new_session(g, bob, BOBS, cipher) &&
	       (how != AWAKE || peer_echoes(g->fd[ALICES], alice));
}

/* Afterwards alice's session has no cipher, if that is how it shall be. */
static bool asleep(struct group *g, struct peer *alice, struct peer *bob,
		   enum waking how)
{
	if (how == AWAKE)
		return true;
	if (how == NEW_KEYS)
		return new_keys(g, alice);
	return peer_send_id(g->fd[BOBS], bob, 50, 8) == 50 &&
	       take_id(&bob->p) == 8;
}

/* Every number that was taken is that of a record, or counted as lost. */
static bool numbers_add_up(struct group *g, struct peer *p,
			   const struct dtls_info *then, uint64_t errors)
{
	struct dtls_info now = session_get(g, p).info;

	errors = stats_get("TxErrors") - errors;
	return now.tx_seq - then->tx_seq ==
	       now.tx_records - then->tx_records + errors;
}

static bool send_round(struct fault *f, struct group *g, struct peer *p)
{
	struct dtls_info then = session_get(g, p).info;
	uint64_t errors = stats_get("TxErrors"), next = then.tx_seq;
	uint8_t data[100] = "";
	long sent;

	fault_begin(f);
	sent = peer_send(g->fd[1], p, data, sizeof(data));
	fault_end(f);
	if (!only_good(&p->p, &next) || !numbers_add_up(g, p, &then, errors))
		return false;
	if (sent == sizeof(data) ? next == then.tx_seq : !is_failure(sent))
		return false;
	/* Without a fault it goes on, with a number behind those. */
	then.tx_seq = next;
	return peer_send(g->fd[1], p, data, sizeof(data)) == sizeof(data) &&
	       only_good(&p->p, &next) && next > then.tx_seq;
}

static bool receive_round(struct fault *f, struct group *g, struct peer *p)
{
	static uint32_t id;

	return fault_recv_one(f, &p->p, g->fd[ALICES], ++id);
}

/* Returns how many allocations failed, or negative which of them was not right. */
static int wake(struct group *g, struct peer *alice, struct peer *bob,
		enum waking how, bool (*round)(struct fault *f, struct group *g,
					       struct peer *p))
{
	struct fault f;

	if (!all_asleep(g, alice, bob, how))
		die("the sessions do not begin");
	EACH_FAULT(&f) {
		if (!asleep(g, alice, bob, how) || !round(&f, g, alice))
			return -f.n;
	}
	if (!fault_all(&f) || !peer_echoes(g->fd[ALICES], alice))
		return 0;
	return f.hits;
}

TEST_F(nomem_endpoint, wake_to_send)
{
	int how, awake = 0, n;

	NEEDS_FAULTS();
	for (how = AWAKE; how <= TAKEN_OF_ANOTHER_KIND; how++) {
		n = wake(&self->g, &self->alice, &self->bob, how, send_round);
		EXPECT_LT(awake, n);
		TH_LOG("%d: %d failed", how, n);
		awake = how == AWAKE ? n : awake;
	}
	EXPECT_TRUE(gauges_same(&self->gauges));
}

TEST_F(nomem_endpoint, wake_to_receive)
{
	int how, awake = 0, n;

	NEEDS_FAULTS();
	for (how = AWAKE; how <= TAKEN_OF_ANOTHER_KIND; how++) {
		n = wake(&self->g, &self->alice, &self->bob, how,
			 receive_round);
		EXPECT_LT(awake, n);
		TH_LOG("%d: %d failed", how, n);
		awake = how == AWAKE ? n : awake;
	}
	EXPECT_TRUE(gauges_same(&self->gauges));
}

/* Other members */

/*
 * A message of @n bytes for @to that @by receives comes, or is dropped and counted.
 */
static bool forward_round(struct fault *f, struct group *g, int by, int to,
			  long n)
{
	uint64_t drops = stats_get("RxDropNomem");
	long got;

	got = fault_recv(f, g->fd[by], &rx, 0);
	if (!is_recv_failure(got))
		return false;
	/* If the call failed early it is there still. */
	if (rx_recv(g->fd[by], &rx, MSG_DONTWAIT) != -EAGAIN)
		return false;
	drops = stats_get("RxDropNomem") - drops;
	if (drops > 1)
		return false;
	got = rx_recv(g->fd[to], &rx, MSG_DONTWAIT);
	return got == (drops ? -EAGAIN : n);
}

TEST_F(nomem_endpoint, forward_data)
{
	struct group *g = &self->g;
	struct fault f;
	int id = 0;

	NEEDS_FAULTS();
	EXPECT_TRUE(peer_echoes(g->fd[ALICES], &self->alice));
	group_steer(g, BOBS);
	EACH_FAULT(&f) {
		feed_id(&self->alice.p, 100, ++id);
		EXPECT_TRUE(forward_round(&f, g, BOBS, ALICES, 100))
			TH_LOG("%d, rest %d", f.n, f.rest);
	}
	EXPECT_TRUE(fault_all(&f));
	feed_id(&self->alice.p, 100, ++id);
	EXPECT_TRUE(forward_round(&(struct fault){ 0 }, g, BOBS, ALICES, 100));
}

TEST_F(nomem_endpoint, forward_handshake)
{
	uint8_t wire[ORACLE_HEADER + 50] = "";
	struct group *g = &self->g;
	struct fault f;
	struct peer p;

	NEEDS_FAULTS();
	peer_open(&p, g);
	oracle_header(wire, DTLS_CT_HANDSHAKE, ORACLE_VERSION, 0, 0, 50);
	EACH_FAULT(&f) {
		feed_raw(&p.p, wire, sizeof(wire));
		EXPECT_TRUE(forward_round(&f, g, ALICES, HELPER, sizeof(wire)))
			TH_LOG("%d, rest %d", f.n, f.rest);
	}
	EXPECT_TRUE(fault_all(&f));
	peer_close(&p);
}

TEST_HARNESS_MAIN
