// SPDX-License-Identifier: GPL-2.0
/*
 * Endpoints: whose data goes where, what a member sends and to whom, and what goes
 * with the last member. Datagrams are steered to a member by force, the right one
 * and the wrong ones.
 */
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <arpa/inet.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <linux/errqueue.h>

#include "harness.h"
#include "group.h"

#ifndef SO_ZEROCOPY
#define SO_ZEROCOPY	60
#endif

#define WARNING			1
#define FATAL			2
#define CLOSE_NOTIFY		0
#define HANDSHAKE_FAILURE	40

/* The members of the fixture. */
#define HELPER	0
#define ALICES	1	/* owns the session with alice */
#define BOBS	2	/* owns the session with bob */

#define SEGMENT	200

static struct rx rx;

FIXTURE(endpoint) {
	struct group g;
	struct peer alice;
	struct peer bob;
	struct peer stranger;
	struct stats before;
};

FIXTURE_VARIANT(endpoint) {
	uint16_t cipher;
	enum family family;
};

VARIANTS_OF_FAMILIES(endpoint);

FIXTURE_SETUP(endpoint)
{
	netns_enter();
	group_open(&self->g, variant->family, variant->cipher, 3);
	peer_open(&self->alice, &self->g);
	peer_open(&self->bob, &self->g);
	peer_open(&self->stranger, &self->g);
	ASSERT_EQ(0, session_new(&self->g, &self->alice, ALICES));
	ASSERT_EQ(0, session_new(&self->g, &self->bob, BOBS));
	stats_read(&self->before);
}

FIXTURE_TEARDOWN(endpoint)
{
	peer_close(&self->alice);
	peer_close(&self->bob);
	peer_close(&self->stranger);
	group_close(&self->g);
}

/* Datagrams that a member got for another one go there when it reads. */
static long pump(int fd)
{
	return rx_recv(fd, &rx, MSG_DONTWAIT);
}

static void all_with(struct group *g, int level, int option)
{
	int i;

	for (i = 0; i < g->count; i++)
		set_int(g->fd[i], level, option, 1);
}

static bool same_address(const struct rx *m, const struct peer *p)
{
	return m->namelen == p->len && !memcmp(&m->name, &p->addr, p->len);
}

/* A datagram of one record that nothing protects; returns its bytes. */
static size_t plain_record(uint8_t *wire, uint8_t type, const void *data,
			   size_t n)
{
	oracle_header(wire, type, ORACLE_VERSION, 0, 0, n);
	memcpy(wire + ORACLE_HEADER, data, n);
	return ORACLE_HEADER + n;
}

static size_t feed_plain(struct peer *p, uint8_t type)
{
	uint8_t wire[100];
	size_t n = plain_record(wire, type, "plain text", 10);

	feed_raw(&p->p, wire, n);
	return n;
}

static size_t sealed_train(struct peer *p, uint8_t *wire, int count,
			   uint32_t first)
{
	uint8_t data[SEGMENT];
	size_t n = 0;
	int i;

	for (i = 0; i < count; i++) {
		payload(data, sizeof(data), first + i);
		n += oracle_seal(&p->p.in, DTLS_CT_APPLICATION_DATA, data,
				 sizeof(data), wire + n);
	}
	return n;
}

static int feed_sealed_train(struct peer *p, int count, uint32_t first)
{
	static uint8_t wire[65536];
	size_t n = sealed_train(p, wire, count, first);

	return feed_train(&p->p, wire, n, n / count);
}

static long cmsg_to(int fd, const struct peer *p, int level, int type,
		    const void *value, size_t n, const void *data, size_t len)
{
	struct cbuf c = { .len = 0 };

	cbuf_add(&c, level, type, value, n);
	return peer_send_cmsg(fd, p, data, len, &c, 0);
}

static long raw_to(int fd, const struct peer *p, const void *data, size_t n)
{
	uint8_t one = 1;

	return cmsg_to(fd, p, SOL_DTLS, DTLS_RAW, &one, 1, data, n);
}

static long type_to(int fd, const struct peer *p, uint8_t type,
		    const void *data, size_t n)
{
	return cmsg_to(fd, p, SOL_DTLS, DTLS_SET_RECORD_TYPE, &type, 1, data,
		       n);
}

/* Whose is it? */

TEST_F(endpoint, owner_gets_its_data)
{
	struct group *g = &self->g;

	group_steer(g, ALICES);
	feed_id(&self->alice.p, 50, 1);
	EXPECT_EQ(50, rx_recv(g->fd[ALICES], &rx, 0));
	EXPECT_EQ(1, payload_id(rx.data, 50));
	EXPECT_TRUE(same_address(&rx, &self->alice));
	EXPECT_EQ(-1, rx.type);
	EXPECT_FALSE(rx.raw);
	EXPECT_FALSE(rx.tagged);
	EXPECT_STREQ("RxRecords+1 RxBytes+50", stats_since(&self->before));
}

TEST_F(endpoint, wrong_member)
{
	struct group *g = &self->g;

	group_steer(g, BOBS);
	feed_id(&self->alice.p, 50, 1);
	EXPECT_EQ(-EAGAIN, pump(g->fd[BOBS]));
	EXPECT_EQ(50, rx_recv(g->fd[ALICES], &rx, 0));
	EXPECT_EQ(1, payload_id(rx.data, 50));
	EXPECT_TRUE(same_address(&rx, &self->alice));
	EXPECT_TRUE(quiet(g->fd[ALICES]));
	EXPECT_TRUE(quiet(g->fd[BOBS]));
	EXPECT_TRUE(quiet(g->fd[HELPER]));
	EXPECT_STREQ("RxRecords+1 RxBytes+50 RxForwarded+1",
		     stats_since(&self->before));
}

TEST_F(endpoint, helper_is_a_wrong_member_too)
{
	struct group *g = &self->g;

	group_steer(g, HELPER);
	feed_id(&self->bob.p, 50, 1);
	EXPECT_EQ(-EAGAIN, pump(g->fd[HELPER]));
	EXPECT_STREQ("1", recv_ids(g->fd[BOBS], 1));
}

/* Whoever received it, if it belongs to none. */
TEST_F(endpoint, session_without_an_owner)
{
	struct group *g = &self->g;
	int i;

	ASSERT_EQ(0, session_set_u32(g, &self->alice, KDTLS_A_OWNER, 0));
	for (i = 0; i < g->count; i++) {
		group_steer(g, i);
		feed_id(&self->alice.p, 50, i);
		EXPECT_EQ(50, rx_recv(g->fd[i], &rx, 0));
		EXPECT_EQ(i, payload_id(rx.data, 50));
	}
}

/* Well before its own time is over, at which it would look again. */
TEST_F(endpoint, blocked_owner_wakes_up)
{
	struct group *g = &self->g;
	uint64_t begin = now_ms();
	struct reader r;

	group_steer(g, BOBS);
	reader_start(&r, g->fd[ALICES]);
	feed_id(&self->alice.p, 50, 1);
	EXPECT_EQ(-EAGAIN, pump(g->fd[BOBS]));
	EXPECT_EQ(50, reader_join(&r));
	EXPECT_EQ(1, payload_id(r.data, 50));
	EXPECT_LT(now_ms() - begin, WAIT_MS / 2);
}

/* It serves the other and goes on waiting. */
TEST_F(endpoint, blocked_reader_of_the_wrong_member)
{
	struct group *g = &self->g;
	struct reader r;

	group_steer(g, BOBS);
	reader_start(&r, g->fd[BOBS]);
	feed_id(&self->alice.p, 50, 1);
	EXPECT_STREQ("1", recv_ids(g->fd[ALICES], 1));
	EXPECT_FALSE(job_done(&r.job));
	feed_id(&self->bob.p, 60, 2);
	EXPECT_EQ(60, reader_join(&r));
}

TEST_F(endpoint, both_blocked)
{
	struct group *g = &self->g;
	struct reader a, b;

	group_steer(g, BOBS);
	reader_start(&a, g->fd[ALICES]);
	reader_start(&b, g->fd[BOBS]);
	feed_id(&self->alice.p, 50, 1);
	EXPECT_EQ(50, reader_join(&a));
	group_steer(g, ALICES);
	reader_start(&a, g->fd[ALICES]);
	feed_id(&self->bob.p, 60, 2);
	EXPECT_EQ(60, reader_join(&b));
	group_steer(g, HELPER);
	feed_id(&self->alice.p, 70, 3);
	EXPECT_EQ(-EAGAIN, pump(g->fd[HELPER]));
	EXPECT_EQ(70, reader_join(&a));
}

TEST_F(endpoint, poll_of_the_owner)
{
	struct group *g = &self->g;

	group_steer(g, BOBS);
	feed_id(&self->alice.p, 50, 1);
	EXPECT_EQ(0, poll_in(g->fd[ALICES], 0));
	EXPECT_EQ(-EAGAIN, pump(g->fd[BOBS]));
	EXPECT_EQ(POLLIN, poll_in(g->fd[ALICES], 0));
	EXPECT_EQ(0, poll_in(g->fd[BOBS], 0));
	EXPECT_STREQ("1", recv_ids(g->fd[ALICES], 1));
	EXPECT_EQ(0, poll_in(g->fd[ALICES], 0));
}

static void *wait_epoll(void *arg)
{
	struct epoll_event ev;

	return (void *)(long)epoll_wait(*(int *)arg, &ev, 1, WAIT_MS);
}

TEST_F(endpoint, epoll_of_the_owner)
{
	struct epoll_event ev = { .events = EPOLLIN | EPOLLET };
	int ep = epoll_create1(EPOLL_CLOEXEC);
	struct group *g = &self->g;
	struct job job;

	ASSERT_EQ(0, epoll_ctl(ep, EPOLL_CTL_ADD, g->fd[ALICES], &ev));
	group_steer(g, BOBS);
	job_start(&job, wait_epoll, &ep);
	job_wait_asleep(&job);
	feed_id(&self->alice.p, 50, 1);
	EXPECT_EQ(-EAGAIN, pump(g->fd[BOBS]));
	EXPECT_EQ(1, (long)job_join(&job));
	EXPECT_STREQ("1", recv_ids(g->fd[ALICES], 1));
	close(ep);
}

TEST_F(endpoint, moved_to_another_owner)
{
	struct group *g = &self->g;

	group_steer(g, ALICES);
	ASSERT_EQ(0, session_set_u32(g, &self->alice, KDTLS_A_OWNER,
				     g->member[BOBS]));
	feed_id(&self->alice.p, 50, 1);
	EXPECT_EQ(-EAGAIN, pump(g->fd[ALICES]));
	EXPECT_STREQ("1", recv_ids(g->fd[BOBS], 1));
}

/* Several records in a datagram, of which none is lost on the way. */
TEST_F(endpoint, records_of_one_datagram)
{
	struct group *g = &self->g;
	uint8_t wire[2000];

	group_steer(g, BOBS);
	feed_raw(&self->alice.p, wire, sealed_train(&self->alice, wire, 4, 1));
	EXPECT_EQ(-EAGAIN, pump(g->fd[BOBS]));
	EXPECT_STREQ("1 2 3 4", recv_ids(g->fd[ALICES], 4));
}

TEST_F(endpoint, train_on_the_right_member)
{
	struct group *g = &self->g;

	all_with(g, SOL_UDP, UDP_GRO);
	group_steer(g, ALICES);
	ASSERT_EQ(0, feed_sealed_train(&self->alice, 20, 1));
	EXPECT_EQ(20 * SEGMENT, rx_recv(g->fd[ALICES], &rx, 0));
	EXPECT_EQ(SEGMENT, rx.gro);
	EXPECT_EQ(1, payload_id(rx.data, SEGMENT));
	EXPECT_EQ(20, payload_id(rx.data + 19 * SEGMENT, SEGMENT));
}

TEST_F(endpoint, train_on_the_wrong_member)
{
	struct group *g = &self->g;

	all_with(g, SOL_UDP, UDP_GRO);
	group_steer(g, BOBS);
	ASSERT_EQ(0, feed_sealed_train(&self->alice, 20, 1));
	EXPECT_EQ(-EAGAIN, pump(g->fd[BOBS]));
	EXPECT_EQ(20 * SEGMENT, rx_recv(g->fd[ALICES], &rx, 0));
	EXPECT_EQ(SEGMENT, rx.gro);
	EXPECT_EQ(20, payload_id(rx.data + 19 * SEGMENT, SEGMENT));
	EXPECT_STREQ("RxRecords+20 RxBytes+4000 RxForwarded+1",
		     stats_since(&self->before));
}

/* An owner that did not ask for trains must not take one for a record. */
TEST_F(endpoint, train_to_an_owner_without_gro)
{
	struct group *g = &self->g;

	set_int(g->fd[BOBS], SOL_UDP, UDP_GRO, 1);
	group_steer(g, BOBS);
	ASSERT_EQ(0, feed_sealed_train(&self->alice, 5, 1));
	EXPECT_EQ(-EAGAIN, pump(g->fd[BOBS]));
	EXPECT_STREQ("1 2 3 4 5", recv_ids(g->fd[ALICES], 5));
}

TEST_F(endpoint, train_on_a_member_without_gro)
{
	struct group *g = &self->g;

	set_int(g->fd[ALICES], SOL_UDP, UDP_GRO, 1);
	group_steer(g, BOBS);
	ASSERT_EQ(0, feed_sealed_train(&self->alice, 5, 1));
	EXPECT_EQ(-EAGAIN, pump(g->fd[BOBS]));
	EXPECT_STREQ("1 2 3 4 5", recv_ids(g->fd[ALICES], 5));
}

TEST_F(endpoint, recvmmsg_of_many_peers)
{
	struct iovec iov[4];
	struct mmsghdr msgs[4] = {};
	struct group *g = &self->g;
	uint8_t data[4][100];
	int i;

	for (i = 0; i < 4; i++) {
		iov[i] = (struct iovec){ data[i], sizeof(data[i]) };
		msgs[i].msg_hdr.msg_iov = &iov[i];
		msgs[i].msg_hdr.msg_iovlen = 1;
	}
	group_steer(g, ALICES);
	ASSERT_EQ(0, session_set_u32(g, &self->bob, KDTLS_A_OWNER, 0));
	for (i = 0; i < 4; i++)
		feed_id(i & 1 ? &self->bob.p : &self->alice.p, 40 + i, i);
	settle();
	EXPECT_EQ(4, recvmmsg(g->fd[ALICES], msgs, 4, MSG_DONTWAIT, NULL));
	for (i = 0; i < 4; i++) {
		EXPECT_EQ(40 + i, msgs[i].msg_len);
		EXPECT_EQ(i, payload_id(data[i], 40 + i));
	}
}

/* Handshakes */

TEST_F(endpoint, stranger_goes_to_the_helper)
{
	struct group *g = &self->g;
	uint8_t wire[100];
	size_t n;
	int i;

	for (i = 0; i < g->count; i++) {
		group_steer(g, i);
		n = plain_record(wire, DTLS_CT_HANDSHAKE, "hello", 5);
		feed_raw(&self->stranger.p, wire, n);
		if (i != HELPER)
			EXPECT_EQ(-EAGAIN, pump(g->fd[i]));
		EXPECT_EQ(n, rx_recv(g->fd[HELPER], &rx, 0));
		EXPECT_TRUE(rx.raw);
		EXPECT_EQ(-1, rx.type);
		EXPECT_EQ(0, memcmp(rx.data, wire, n));
		EXPECT_TRUE(same_address(&rx, &self->stranger));
	}
	EXPECT_STREQ("RxRaw+3 RxForwarded+2 RxUnknown+3",
		     stats_since(&self->before));
}

/* They may be sealed with the keys of a handshake that ends just now. */
TEST_F(endpoint, sealed_records_of_a_stranger)
{
	struct group *g = &self->g;
	size_t wire = 50 + oracle_overhead(&self->stranger.p.in);

	group_steer(g, ALICES);
	feed_id(&self->stranger.p, 50, 1);
	EXPECT_EQ(-EAGAIN, pump(g->fd[ALICES]));
	EXPECT_EQ(wire, rx_recv(g->fd[HELPER], &rx, 0));
	EXPECT_TRUE(rx.raw);
}

/* Without a control buffer it could be taken for data. */
TEST_F(endpoint, raw_needs_a_control_buffer)
{
	struct group *g = &self->g;
	uint8_t data[100];

	group_steer(g, HELPER);
	feed_plain(&self->stranger, DTLS_CT_HANDSHAKE);
	EXPECT_EQ(-EAGAIN, recv_now(g->fd[HELPER], data, sizeof(data)));
	EXPECT_STREQ("RxUnknown+1 RxDropRaw+1", stats_since(&self->before));
}

TEST_F(endpoint, stranger_without_a_helper)
{
	struct group *g = &self->g;
	int i;

	group_close_member(g, HELPER);
	for (i = 0; i < 2; i++) {
		group_steer(g, i);
		feed_plain(&self->stranger, DTLS_CT_HANDSHAKE);
		feed_id(&self->stranger.p, 50, 1);
		EXPECT_EQ(-EAGAIN, pump(g->fd[ALICES]));
		EXPECT_EQ(-EAGAIN, pump(g->fd[BOBS]));
	}
	/* What is sealed has no epoch that it could be of. */
	EXPECT_STREQ("RxUnknown+4 RxDropEpoch+2 RxDropRaw+2",
		     stats_since(&self->before));
}

TEST_F(endpoint, another_helper)
{
	struct group *g = &self->g;
	struct sockaddr_storage addr;
	socklen_t len = loopback(variant->family, g->port, &addr);

	group_close_member(g, HELPER);
	g->fd[HELPER] = group_socket(variant->family, &addr, len);
	ASSERT_EQ(0, endpoint_join(g->fd[HELPER], DTLS_MEMBER_HELPER));
	EXPECT_NE(g->member[HELPER], endpoint_info(g->fd[HELPER]).member);
	group_steer(g, 0);
	feed_plain(&self->stranger, DTLS_CT_HANDSHAKE);
	pump(g->fd[ALICES]);
	pump(g->fd[BOBS]);
	EXPECT_EQ(23, rx_recv(g->fd[HELPER], &rx, 0));
	EXPECT_TRUE(rx.raw);
}

TEST_F(endpoint, epoch_0_of_a_known_peer)
{
	struct group *g = &self->g;
	size_t n;

	group_steer(g, ALICES);
	n = feed_plain(&self->alice, DTLS_CT_HANDSHAKE);
	EXPECT_EQ(-EAGAIN, pump(g->fd[ALICES]));
	EXPECT_EQ(n, rx_recv(g->fd[HELPER], &rx, 0));
	EXPECT_TRUE(rx.raw);
	EXPECT_TRUE(peer_echoes(g->fd[ALICES], &self->alice));
}

TEST_F(endpoint, data_of_epoch_0)
{
	struct group *g = &self->g;
	int i;

	for (i = 0; i < g->count; i++) {
		group_steer(g, i);
		feed_plain(&self->alice, DTLS_CT_APPLICATION_DATA);
		feed_plain(&self->stranger, DTLS_CT_APPLICATION_DATA);
		EXPECT_EQ(-EAGAIN, pump(g->fd[i]));
	}
	for (i = 0; i < g->count; i++)
		EXPECT_TRUE(quiet(g->fd[i]));
	EXPECT_STREQ("RxDropEpoch+6",
		     stats_since_of(&self->before, "RxDrop"));
}

static void feed_forged(struct peer *p)
{
	uint8_t data[50], wire[200];
	size_t n;

	payload(data, sizeof(data), 1);
	n = oracle_seal(&p->p.in, DTLS_CT_APPLICATION_DATA, data, sizeof(data),
			wire);
	wire[n - 1] ^= 1;
	feed_raw(&p->p, wire, n);
}

TEST_F(endpoint, what_does_not_open)
{
	struct group *g = &self->g;
	size_t wire = 50 + oracle_overhead(&self->alice.p.in);

	group_steer(g, ALICES);
	feed_forged(&self->alice);
	EXPECT_EQ(-EAGAIN, pump(g->fd[ALICES]));
	EXPECT_TRUE(quiet(g->fd[HELPER]));
	EXPECT_STREQ("RxDropAuth+1", stats_since(&self->before));

	ASSERT_EQ(0, session_set_u8(g, &self->alice, KDTLS_A_HANDSHAKE, 1));
	feed_forged(&self->alice);
	EXPECT_EQ(-EAGAIN, pump(g->fd[ALICES]));
	EXPECT_EQ(wire, rx_recv(g->fd[HELPER], &rx, 0));
	EXPECT_TRUE(rx.raw);
	/* It is this session's handshake and nobody else's. */
	group_steer(g, BOBS);
	feed_forged(&self->bob);
	EXPECT_EQ(-EAGAIN, pump(g->fd[BOBS]));
	EXPECT_TRUE(quiet(g->fd[HELPER]));

	group_steer(g, ALICES);
	ASSERT_EQ(0, session_set_u8(g, &self->alice, KDTLS_A_HANDSHAKE, 0));
	feed_forged(&self->alice);
	EXPECT_EQ(-EAGAIN, pump(g->fd[ALICES]));
	EXPECT_TRUE(quiet(g->fd[HELPER]));
	EXPECT_TRUE(peer_echoes(g->fd[ALICES], &self->alice));
}

TEST_F(endpoint, full_receive_buffer_of_the_helper)
{
	struct group *g = &self->g;
	int i, n = 0;

	set_int(g->fd[HELPER], SOL_SOCKET, SO_RCVBUF, 4096);
	group_steer(g, ALICES);
	for (i = 0; i < 500; i++) {
		feed_plain(&self->stranger, DTLS_CT_HANDSHAKE);
		ASSERT_EQ(-EAGAIN, pump(g->fd[ALICES]));
	}
	EXPECT_LT(0, stats_get("RxDropRcvbuf"));
	while (pump(g->fd[HELPER]) > 0)
		n++;
	EXPECT_LT(0, n);
	EXPECT_EQ(500, n + stats_get("RxDropRcvbuf"));
	feed_plain(&self->stranger, DTLS_CT_HANDSHAKE);
	EXPECT_EQ(-EAGAIN, pump(g->fd[ALICES]));
	EXPECT_EQ(23, rx_recv(g->fd[HELPER], &rx, 0));
}

/* Which session was it? */

static bool tagged(uint32_t session, uint16_t epoch, uint64_t seq)
{
	return rx.tagged && rx.tag.session == session &&
	       rx.tag.epoch == epoch && rx.tag.seq == seq && !rx.tag.pad;
}

TEST_F(endpoint, tags)
{
	struct group *g = &self->g;

	all_with(g, SOL_DTLS, DTLS_RECV_SESSION);
	group_steer(g, ALICES);
	feed_seq(&self->alice.p, 77, 50, 1);
	EXPECT_EQ(50, rx_recv(g->fd[ALICES], &rx, 0));
	EXPECT_TRUE(tagged(self->alice.id, 1, 77));
	feed_seq(&self->bob.p, 1ULL << 40, 50, 1);
	EXPECT_EQ(-EAGAIN, pump(g->fd[ALICES]));
	EXPECT_EQ(50, rx_recv(g->fd[BOBS], &rx, 0));
	EXPECT_TRUE(tagged(self->bob.id, 1, 1ULL << 40));
	EXPECT_NE(self->alice.id, self->bob.id);
	feed_plain(&self->bob, DTLS_CT_HANDSHAKE);
	EXPECT_EQ(-EAGAIN, pump(g->fd[ALICES]));
	EXPECT_EQ(23, rx_recv(g->fd[HELPER], &rx, 0));
	EXPECT_TRUE(tagged(self->bob.id, 0, 0));
	feed_plain(&self->stranger, DTLS_CT_HANDSHAKE);
	EXPECT_EQ(-EAGAIN, pump(g->fd[ALICES]));
	EXPECT_EQ(23, rx_recv(g->fd[HELPER], &rx, 0));
	EXPECT_TRUE(tagged(0, 0, 0));
}

TEST_F(endpoint, tag_of_a_train)
{
	struct group *g = &self->g;

	all_with(g, SOL_DTLS, DTLS_RECV_SESSION);
	all_with(g, SOL_UDP, UDP_GRO);
	group_steer(g, BOBS);
	self->alice.p.in.seq = 300;
	ASSERT_EQ(0, feed_sealed_train(&self->alice, 4, 1));
	EXPECT_EQ(-EAGAIN, pump(g->fd[BOBS]));
	EXPECT_EQ(4 * SEGMENT, rx_recv(g->fd[ALICES], &rx, 0));
	EXPECT_TRUE(tagged(self->alice.id, 1, 300));
}

/* Peers do not mix. */

TEST_F(endpoint, keys_of_another_peer)
{
	struct group *g = &self->g;
	uint8_t wire[2000];
	size_t n;
	int i;

	n = sealed_train(&self->alice, wire, 1, 1);
	for (i = 0; i < g->count; i++) {
		group_steer(g, i);
		feed_raw(&self->bob.p, wire, n);
		EXPECT_EQ(-EAGAIN, pump(g->fd[i]));
	}
	for (i = 0; i < g->count; i++)
		EXPECT_TRUE(quiet(g->fd[i]));
	EXPECT_STREQ("RxDropAuth+3", stats_since(&self->before));
	EXPECT_EQ(3, session_get(g, &self->bob).info.rx_failures);
	EXPECT_EQ(0, session_get(g, &self->alice).info.rx_failures);
	/* And alice's number 1 is not used up by it. */
	group_steer(g, ALICES);
	feed_raw(&self->alice.p, wire, n);
	EXPECT_STREQ("1", recv_ids(g->fd[ALICES], 1));
}

TEST_F(endpoint, each_has_a_window_of_its_own)
{
	struct group *g = &self->g;
	uint8_t a[400], b[400];
	size_t n, m;

	n = sealed_train(&self->alice, a, 1, 1);
	m = sealed_train(&self->bob, b, 1, 2);
	group_steer(g, BOBS);
	feed_raw(&self->alice.p, a, n);
	feed_raw(&self->bob.p, b, m);
	EXPECT_STREQ("2", recv_ids(g->fd[BOBS], 1));
	EXPECT_STREQ("1", recv_ids(g->fd[ALICES], 1));
	/* Again, by another member. */
	group_steer(g, ALICES);
	feed_raw(&self->alice.p, a, n);
	feed_raw(&self->bob.p, b, m);
	EXPECT_EQ(-EAGAIN, pump(g->fd[ALICES]));
	EXPECT_TRUE(quiet(g->fd[BOBS]));
	EXPECT_STREQ("RxDropReplay+2",
		     stats_since_of(&self->before, "RxDrop"));
	EXPECT_EQ(1, session_get(g, &self->alice).info.rx_replayed);
	EXPECT_EQ(1, session_get(g, &self->bob).info.rx_replayed);
}

/* Sending */

TEST_F(endpoint, sendto)
{
	struct group *g = &self->g;
	int i;

	for (i = 0; i < g->count; i++) {
		EXPECT_EQ(50, peer_send_id(g->fd[i], &self->alice, 50, i));
		EXPECT_EQ(60, peer_send_id(g->fd[i], &self->bob, 60, 10 + i));
		EXPECT_EQ(i, take_id(&self->alice.p));
		EXPECT_EQ(10 + i, take_id(&self->bob.p));
	}
	EXPECT_TRUE(quiet(self->stranger.p.peer));
	EXPECT_STREQ("TxRecords+6 TxBytes+330", stats_since(&self->before));
}

TEST_F(endpoint, numbers_of_a_session)
{
	struct group *g = &self->g;
	struct record r;
	int i;

	for (i = 0; i < 6; i++) {
		EXPECT_EQ(4, peer_send(g->fd[i % 3], &self->alice, "abcd", 4));
		EXPECT_EQ(0, take(&self->alice.p, &r));
		EXPECT_EQ(5 + i, r.seq);
		EXPECT_EQ(1, r.epoch);
	}
}

TEST_F(endpoint, sizes)
{
	static const size_t sizes[] = { 0, 1, 100, 1400, 16384 };
	struct record r;
	size_t i;

	for (i = 0; i < ARRAY_LEN(sizes); i++) {
		EXPECT_EQ(sizes[i], peer_send_id(self->g.fd[ALICES],
						 &self->alice, sizes[i], i));
		EXPECT_EQ(0, take(&self->alice.p, &r));
		EXPECT_EQ(sizes[i], r.len);
	}
	EXPECT_EQ(-EMSGSIZE, peer_send(self->g.fd[ALICES], &self->alice,
				       rx.data, 16385));
}

TEST_F(endpoint, sendto_a_stranger)
{
	struct group *g = &self->g;
	int i;

	for (i = 0; i < g->count; i++)
		EXPECT_EQ(-ENOTCONN, peer_send(g->fd[i], &self->stranger,
					       "abcd", 4));
	EXPECT_TRUE(quiet(self->stranger.p.peer));
	EXPECT_STREQ("TxNoSession+3", stats_since(&self->before));
}

TEST_F(endpoint, sendto_nobody)
{
	struct group *g = &self->g;

	EXPECT_EQ(-EDESTADDRREQ, RC(send(g->fd[ALICES], "abcd", 4, 0)));
	EXPECT_EQ(-EDESTADDRREQ, send_raw(g->fd[HELPER], "abcd", 4));
	EXPECT_EQ(-EDESTADDRREQ, RC(write(g->fd[ALICES], "abcd", 4)));
	EXPECT_EQ(-EDESTADDRREQ, send_type(g->fd[ALICES], DTLS_CT_HANDSHAKE,
					   "abcd", 4));
	EXPECT_TRUE(quiet(self->alice.p.peer));
	EXPECT_STREQ("", stats_since(&self->before));
}

static long send_as(int fd, const struct peer *p, sa_family_t family,
		    socklen_t len, in_port_t port)
{
	struct sockaddr_storage addr = p->addr;

	addr.ss_family = family;
	/* The port is at the same place in both families. */
	if (!port)
		((struct sockaddr_in *)&addr)->sin_port = 0;
	return RC(sendto(fd, "abcd", 4, 0, (void *)&addr, len));
}

TEST_F(endpoint, bad_addresses)
{
	const struct peer *p = &self->alice;
	int fd = self->g.fd[ALICES];
	sa_family_t family = p->addr.ss_family;
	socklen_t n;

	for (n = 2; n < (family == AF_INET ? p->len : 24U); n++)
		EXPECT_EQ(-EINVAL, send_as(fd, p, family, n, 1));
	EXPECT_EQ(-EDESTADDRREQ, send_as(fd, p, family, 1, 1));
	EXPECT_EQ(-EINVAL, send_as(fd, p, family, p->len, 0));
	EXPECT_EQ(-EAFNOSUPPORT, send_as(fd, p, AF_UNSPEC, p->len, 1));
	EXPECT_EQ(-EAFNOSUPPORT, send_as(fd, p, AF_UNIX, p->len, 1));
	if (family == AF_INET)
		EXPECT_EQ(-EAFNOSUPPORT,
			  send_as(fd, p, AF_INET6, sizeof(p->addr), 1));
	/* A longer one is as good. */
	EXPECT_EQ(4, send_as(fd, p, family, sizeof(p->addr), 1));
	EXPECT_TRUE(quiet(self->stranger.p.peer));
}

TEST_F(endpoint, trains_by_control_message)
{
	uint8_t data[10 * SEGMENT];
	uint16_t segment = SEGMENT;
	size_t n = train_payload(data, 10, SEGMENT, 50, 1);
	int i;

	EXPECT_EQ(n, cmsg_to(self->g.fd[BOBS], &self->alice, SOL_UDP,
			     UDP_SEGMENT, &segment, sizeof(segment), data, n));
	for (i = 1; i <= 10; i++)
		EXPECT_EQ(i, take_id(&self->alice.p));
	EXPECT_TRUE(quiet(self->alice.p.peer));
	EXPECT_STREQ("TxRecords+10 TxBytes+1850", stats_since(&self->before));
}

TEST_F(endpoint, trains_by_option)
{
	uint8_t data[10 * SEGMENT];
	size_t n = train_payload(data, 10, SEGMENT, 50, 1);
	int i;

	set_int(self->g.fd[BOBS], SOL_UDP, UDP_SEGMENT, SEGMENT);
	EXPECT_EQ(n, peer_send(self->g.fd[BOBS], &self->alice, data, n));
	for (i = 1; i <= 10; i++)
		EXPECT_EQ(i, take_id(&self->alice.p));
	EXPECT_EQ(n, peer_send(self->g.fd[BOBS], &self->bob, data, n));
	for (i = 1; i <= 10; i++)
		EXPECT_EQ(i, take_id(&self->bob.p));
}

TEST_F(endpoint, sendmmsg_to_many)
{
	struct peer *to[] = { &self->alice, &self->bob, &self->alice,
			      &self->stranger, &self->bob };
	struct mmsghdr msgs[5] = {};
	struct iovec iov[5];
	uint8_t data[5][50];
	int i;

	for (i = 0; i < 5; i++) {
		payload(data[i], 50, i);
		iov[i] = (struct iovec){ data[i], 50 };
		msgs[i].msg_hdr = (struct msghdr) {
			.msg_name = &to[i]->addr, .msg_namelen = to[i]->len,
			.msg_iov = &iov[i], .msg_iovlen = 1,
		};
	}
	EXPECT_EQ(3, sendmmsg(self->g.fd[ALICES], msgs, 5, 0));
	EXPECT_EQ(0, take_id(&self->alice.p));
	EXPECT_EQ(1, take_id(&self->bob.p));
	EXPECT_EQ(2, take_id(&self->alice.p));
	EXPECT_TRUE(quiet(self->stranger.p.peer));
	EXPECT_EQ(-ENOTCONN, RC(sendmmsg(self->g.fd[ALICES], msgs + 3, 2, 0)));
}

TEST_F(endpoint, what_members_do_not_take)
{
	int fd = self->g.fd[ALICES], one = 1;
	struct cbuf none = { .len = 0 };

	EXPECT_EQ(-EOPNOTSUPP, peer_send_cmsg(fd, &self->alice, "abcd", 4,
					      &none, MSG_MORE));
	EXPECT_EQ(-EOPNOTSUPP, peer_send_cmsg(fd, &self->alice, "abcd", 4,
					      &none, MSG_OOB));
	if (!setsockopt(fd, SOL_SOCKET, SO_ZEROCOPY, &one, sizeof(one)))
		EXPECT_EQ(-EOPNOTSUPP, peer_send_cmsg(fd, &self->alice, "abcd",
						      4, &none, MSG_ZEROCOPY));
	if (!RC(setsockopt(fd, SOL_UDP, UDP_CORK, &one, sizeof(one)))) {
		EXPECT_EQ(-EOPNOTSUPP, peer_send(fd, &self->alice, "abcd", 4));
		set_int(fd, SOL_UDP, UDP_CORK, 0);
	}
	EXPECT_TRUE(quiet(self->alice.p.peer));
	EXPECT_TRUE(quiet(self->stranger.p.peer));
	EXPECT_EQ(50, peer_send_id(fd, &self->alice, 50, 9));
	EXPECT_EQ(9, take_id(&self->alice.p));
	EXPECT_TRUE(quiet(self->alice.p.peer));
}

TEST_F(endpoint, raw_by_the_helper)
{
	struct group *g = &self->g;
	uint8_t wire[100], got[200];
	size_t n = plain_record(wire, DTLS_CT_HANDSHAKE, "hello", 5);

	EXPECT_EQ(n, raw_to(g->fd[HELPER], &self->stranger, wire, n));
	EXPECT_EQ(n, recv(self->stranger.p.peer, got, sizeof(got), 0));
	EXPECT_EQ(0, memcmp(wire, got, n));
	EXPECT_EQ(n, raw_to(g->fd[HELPER], &self->alice, wire, n));
	EXPECT_EQ(n, recv(self->alice.p.peer, got, sizeof(got), 0));
	/* A Finished that OpenSSL has sealed. */
	n = oracle_seal(&self->stranger.p.out, DTLS_CT_HANDSHAKE, "abcd", 4,
			wire);
	EXPECT_EQ(n, raw_to(g->fd[HELPER], &self->stranger, wire, n));
	EXPECT_EQ(n, recv(self->stranger.p.peer, got, sizeof(got), 0));
	EXPECT_STREQ("TxRaw+3", stats_since(&self->before));
}

TEST_F(endpoint, raw_by_a_worker)
{
	struct group *g = &self->g;
	uint8_t wire[100];
	size_t n = plain_record(wire, DTLS_CT_HANDSHAKE, "hello", 5);

	EXPECT_EQ(-EPERM, raw_to(g->fd[ALICES], &self->stranger, wire, n));
	EXPECT_EQ(-EPERM, raw_to(g->fd[ALICES], &self->alice, wire, n));
	EXPECT_TRUE(quiet(self->alice.p.peer));
	EXPECT_TRUE(quiet(self->stranger.p.peer));
	EXPECT_STREQ("", stats_since(&self->before));
}

/* Data never goes out in the clear, and no more does what is no record. */
TEST_F(endpoint, raw_that_is_not_a_handshake)
{
	struct peer *to[] = { &self->stranger, &self->alice };
	int fd = self->g.fd[HELPER];
	uint8_t wire[200];
	size_t i, n;

	for (i = 0; i < ARRAY_LEN(to); i++) {
		n = plain_record(wire, DTLS_CT_APPLICATION_DATA, "data", 4);
		EXPECT_EQ(-EPERM, raw_to(fd, to[i], wire, n));
		n = plain_record(wire, DTLS_CT_HANDSHAKE, "abcd", 4);
		n += plain_record(wire + n, DTLS_CT_APPLICATION_DATA, "data",
				  4);
		EXPECT_EQ(-EPERM, raw_to(fd, to[i], wire, n));
		EXPECT_EQ(-EINVAL, raw_to(fd, to[i], wire, n - 1));
		EXPECT_EQ(-EINVAL, raw_to(fd, to[i], "data", 4));
		EXPECT_EQ(-EINVAL, raw_to(fd, to[i], "", 0));
		EXPECT_TRUE(quiet(to[i]->p.peer));
	}
	EXPECT_STREQ("", stats_since(&self->before));
}

/* Control records */

TEST_F(endpoint, control_that_nobody_asked_for)
{
	group_steer(&self->g, ALICES);
	feed_type(&self->alice.p, DTLS_CT_HANDSHAKE, "hello", 5);
	EXPECT_EQ(-EAGAIN, pump(self->g.fd[ALICES]));
	EXPECT_TRUE(quiet(self->g.fd[HELPER]));
	EXPECT_STREQ("RxRecords+1 RxBytes+5 RxControl+1 RxDropControl+1",
		     stats_since(&self->before));
}

TEST_F(endpoint, control_to_who_asked)
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
TEST_F(endpoint, control_switched_off_with_some_in_the_queue)
{
	struct group *g = &self->g;
	long n;

	group_steer(g, BOBS);
	set_int(g->fd[ALICES], SOL_DTLS, DTLS_RECV_CONTROL, 1);
	feed_type(&self->alice.p, DTLS_CT_HANDSHAKE, "hello", 5);
	EXPECT_EQ(-EAGAIN, pump(g->fd[BOBS]));
	set_int(g->fd[ALICES], SOL_DTLS, DTLS_RECV_CONTROL, 0);
	n = pump(g->fd[ALICES]);
	EXPECT_TRUE(n == -EAGAIN || (n == 5 && rx.type == DTLS_CT_HANDSHAKE));
}

TEST_F(endpoint, sending_control)
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

TEST_F(endpoint, close_notify)
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

TEST_F(endpoint, fatal_alert)
{
	struct dtls_info info;

	ends(_metadata, &self->g, &self->alice, &self->bob, FATAL,
	     HANDSHAKE_FAILURE, DTLS_EVENT_ALERT);
	info = session_get(&self->g, &self->alice).info;
	EXPECT_EQ(DTLS_STATE_TX | DTLS_STATE_RX | DTLS_STATE_PEER_ALERT,
		  info.state);
	EXPECT_EQ(HANDSHAKE_FAILURE, info.alert);
}

TEST_F(endpoint, events_that_nobody_asked_for)
{
	group_steer(&self->g, ALICES);
	feed_alert(&self->alice.p, WARNING, CLOSE_NOTIFY);
	EXPECT_EQ(-EAGAIN, pump(self->g.fd[ALICES]));
	EXPECT_EQ(0, event_next(self->g.fd[ALICES], NULL));
	EXPECT_EQ(0, event_next(self->g.fd[HELPER], NULL));
	EXPECT_EQ(0, poll_in(self->g.fd[ALICES], 0) & POLLERR);
}

/* A forged alert ends nothing. */
TEST_F(endpoint, forged_end)
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

TEST_F(endpoint, owner_closes)
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
TEST_F(endpoint, owner_closes_with_data)
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

TEST_F(endpoint, last_member_closes)
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

/* One socket that is everything */

FIXTURE(single) {
	struct group g;
	struct peer alice;
	struct peer stranger;
};

FIXTURE_VARIANT(single) {
	uint16_t cipher;
	enum family family;
};

VARIANTS_OF_FAMILIES(single);

FIXTURE_SETUP(single)
{
	netns_enter();
	group_open_single(&self->g, variant->family, variant->cipher);
	peer_open(&self->alice, &self->g);
	peer_open(&self->stranger, &self->g);
	ASSERT_EQ(0, session_new(&self->g, &self->alice, 0));
}

FIXTURE_TEARDOWN(single)
{
	peer_close(&self->alice);
	peer_close(&self->stranger);
	group_close(&self->g);
}

TEST_F(single, data_and_handshakes)
{
	int fd = self->g.fd[0];
	uint8_t wire[100];
	size_t n;

	EXPECT_EQ(DTLS_MEMBER_HELPER | DTLS_MEMBER_WORKER,
		  endpoint_info(fd).role);
	EXPECT_TRUE(peer_echoes(fd, &self->alice));
	n = feed_plain(&self->stranger, DTLS_CT_HANDSHAKE);
	EXPECT_EQ(n, rx_recv(fd, &rx, 0));
	EXPECT_TRUE(rx.raw);
	n = plain_record(wire, DTLS_CT_HANDSHAKE, "hello", 5);
	EXPECT_EQ(n, raw_to(fd, &self->stranger, wire, n));
	EXPECT_EQ(n, recv(self->stranger.p.peer, wire, sizeof(wire), 0));
	EXPECT_EQ(0, stats_get("RxForwarded"));
}

/* The stranger becomes a peer, and what it had sealed before is opened then. */
TEST_F(single, from_stranger_to_peer)
{
	int fd = self->g.fd[0];

	feed_id(&self->stranger.p, 50, 1);
	EXPECT_LT(50, rx_recv(fd, &rx, 0));
	EXPECT_TRUE(rx.raw);
	feed_id(&self->stranger.p, 50, 2);
	ASSERT_EQ(0, session_new(&self->g, &self->stranger, 0));
	EXPECT_STREQ("2", recv_ids(fd, 1));
	EXPECT_TRUE(peer_echoes(fd, &self->stranger));
}

/* Without the helper's role the strangers' datagrams are dropped. */
TEST_F(single, only_a_worker)
{
	struct sockaddr_storage addr;
	socklen_t len = loopback(variant->family, 0, &addr);
	struct group g = self->g;
	struct peer p;

	g.fd[0] = group_socket(variant->family, &addr, len);
	g.port = local_port(g.fd[0]);
	ASSERT_EQ(0, endpoint_join(g.fd[0], DTLS_MEMBER_WORKER));
	peer_open(&p, &g);
	feed_plain(&p, DTLS_CT_HANDSHAKE);
	EXPECT_EQ(-EAGAIN, pump(g.fd[0]));
	EXPECT_EQ(1, stats_get("RxDropRaw"));
	EXPECT_EQ(-EPERM, raw_to(g.fd[0], &p, "", 0));
	peer_close(&p);
	close(g.fd[0]);
}

TEST_F(single, options)
{
	int fd = self->g.fd[0], value = 7;
	socklen_t len = sizeof(value);

	EXPECT_EQ(0, getsockopt(fd, SOL_DTLS, DTLS_RECV_SESSION, &value, &len));
	EXPECT_EQ(0, value);
	set_int(fd, SOL_DTLS, DTLS_RECV_SESSION, 1);
	EXPECT_EQ(0, getsockopt(fd, SOL_DTLS, DTLS_RECV_SESSION, &value, &len));
	EXPECT_EQ(1, value);
	value = 2;
	EXPECT_EQ(-EINVAL, RC(setsockopt(fd, SOL_DTLS, DTLS_RECV_SESSION,
					 &value, sizeof(value))));
}

/* On a connected socket the tag tells epoch and number. */
TEST(tag_of_a_connected_socket)
{
	struct pair p;

	netns_enter();
	pair_setup(&p, IPV4, GCM128);
	set_int(p.fd, SOL_DTLS, DTLS_RECV_SESSION, 1);
	feed_seq(&p, 99, 50, 1);
	EXPECT_EQ(50, rx_recv(p.fd, &rx, 0));
	EXPECT_TRUE(tagged(0, 1, 99));
	pair_close(&p);
}

/* Bound to any address */

FIXTURE(anywhere) {
	struct group g;
	struct peer alice;
	struct sockaddr_storage here[2];	/* as peers see them */
	struct sockaddr_storage local[2];	/* as members do */
	socklen_t here_len;
	socklen_t local_len;
};

FIXTURE_VARIANT(anywhere) {
	uint16_t cipher;
	enum family family;
};

VARIANTS_OF_FAMILIES(anywhere);

struct in6_ifreq {
	struct in6_addr	ifr6_addr;
	uint32_t	ifr6_prefixlen;
	int		ifr6_ifindex;
};

#define SECOND_IPV6	"fd00::2"

static void second_ipv6_address(void)
{
	struct in6_ifreq ifr = { .ifr6_prefixlen = 128 };
	int fd = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	ifr.ifr6_ifindex = if_nametoindex("lo");
	inet_pton(AF_INET6, SECOND_IPV6, &ifr.ifr6_addr);
	if (fd < 0 || ioctl(fd, SIOCSIFADDR, &ifr))
		die("second address");
	close(fd);
}

/* Loopback's other address. */
static socklen_t elsewhere(enum family family, uint16_t port,
			   struct sockaddr_storage *addr)
{
	socklen_t len = loopback(family, port, addr);

	if (family == IPV4)
		((struct sockaddr_in *)addr)->sin_addr.s_addr =
			inet_addr("127.0.0.2");
	else
		inet_pton(AF_INET6, family == IPV6 ? SECOND_IPV6 :
						     "::ffff:127.0.0.2",
			  &((struct sockaddr_in6 *)addr)->sin6_addr);
	return len;
}

/* It has to talk to both addresses. */
static void disconnect_peer(struct peer *p, enum family family,
			    enum family other)
{
	close(p->p.peer);
	p->p.peer = udp_socket(other);
	udp_bind(p->p.peer, other);
	p->len = loopback(family, local_port(p->p.peer), &p->addr);
}

FIXTURE_SETUP(anywhere)
{
	enum family other = variant->family == MAPPED ? IPV4 : variant->family;
	struct group *g = &self->g;

	netns_enter();
	if (variant->family == IPV6)
		second_ipv6_address();
	group_open_any(g, variant->family, variant->cipher, 2);
	peer_open(&self->alice, g);
	disconnect_peer(&self->alice, variant->family, other);
	self->here_len = loopback(other, g->port, &self->here[0]);
	elsewhere(other, g->port, &self->here[1]);
	self->local_len = loopback(g->family, g->port, &self->local[0]);
	elsewhere(g->family, g->port, &self->local[1]);
}

FIXTURE_TEARDOWN(anywhere)
{
	peer_close(&self->alice);
	group_close(&self->g);
}

static int new_at(struct group *g, struct peer *p,
		  const struct sockaddr_storage *local, socklen_t len)
{
	struct request r;
	int err;

	peer_request_keys(&r, g, p, KDTLS_CMD_SESSION_NEW);
	req_put(&r, KDTLS_A_LOCAL, local, len);
	err = nl_call(&g->nl, &r);
	p->id = g->nl.answer.session;
	return err;
}

static void feed_to(struct peer *p, const struct sockaddr_storage *to,
		    socklen_t len, uint32_t id)
{
	uint8_t data[50], wire[200];
	size_t n;

	payload(data, sizeof(data), id);
	n = oracle_seal(&p->p.in, DTLS_CT_APPLICATION_DATA, data, sizeof(data),
			wire);
	if (sendto(p->p.peer, wire, n, 0, (const void *)to, len) < 0)
		die("sendto");
}

/* The number of a record that opens and comes from @from, or an errno. */
static long take_from(struct peer *p, const struct sockaddr_storage *from,
		      socklen_t from_len)
{
	struct sockaddr_storage addr = {};
	socklen_t len = sizeof(addr);
	static struct record r;
	uint8_t wire[2000];
	ssize_t n = recvfrom(p->p.peer, wire, sizeof(wire), 0, (void *)&addr,
			     &len);

	if (n < 0)
		return -errno;
	if (len != from_len || memcmp(&addr, from, len))
		return -EADDRNOTAVAIL;
	if (oracle_open(&p->p.out, wire, n, &r))
		return -EBADMSG;
	return payload_id(r.data, r.len);
}

static long send_by(int fd, const struct peer *p,
		    const struct sockaddr_storage *local, uint32_t id)
{
	struct in6_pktinfo v6 = {};
	struct in_pktinfo v4 = {};
	uint8_t data[50];

	payload(data, sizeof(data), id);
	if (local->ss_family == AF_INET) {
		v4.ipi_spec_dst = ((struct sockaddr_in *)local)->sin_addr;
		return cmsg_to(fd, p, SOL_IP, IP_PKTINFO, &v4, sizeof(v4),
			       data, sizeof(data));
	}
	v6.ipi6_addr = ((struct sockaddr_in6 *)local)->sin6_addr;
	return cmsg_to(fd, p, SOL_IPV6, IPV6_PKTINFO, &v6, sizeof(v6), data,
		       sizeof(data));
}

TEST_F(anywhere, local_address_is_required)
{
	struct group *g = &self->g;
	struct sockaddr_storage bad;
	struct request r;
	socklen_t len;

	EXPECT_EQ(-EINVAL, session_new(g, &self->alice, 1));
	EXPECT_TRUE(nl_said_why(&g->nl));
	len = any_address(variant->family, g->port, &bad);
	EXPECT_EQ(-EINVAL, new_at(g, &self->alice, &bad, len));
	EXPECT_TRUE(nl_said_why(&g->nl));
	len = loopback(variant->family, g->port + 1, &bad);
	EXPECT_EQ(-EINVAL, new_at(g, &self->alice, &bad, len));
	EXPECT_TRUE(nl_said_why(&g->nl));
	EXPECT_EQ(0, new_at(g, &self->alice, &self->local[0], self->local_len));
	EXPECT_EQ(0, memcmp(&g->nl.answer.local, &self->local[0],
			    self->local_len));
	/* By number there is no question. */
	peer_request(&r, g, &self->alice, KDTLS_CMD_SESSION_GET);
	EXPECT_EQ(-EINVAL, nl_call(&g->nl, &r));
	req_init(&r, &g->nl, KDTLS_CMD_SESSION_GET);
	req_u32(&r, KDTLS_A_FD, g->fd[0]);
	req_u32(&r, KDTLS_A_SESSION, self->alice.id);
	EXPECT_EQ(0, nl_call(&g->nl, &r));
}

TEST_F(anywhere, answers_have_the_right_source)
{
	struct group *g = &self->g;
	struct peer *p = &self->alice;
	int i;

	ASSERT_EQ(0, new_at(g, p, &self->local[1], self->local_len));
	for (i = 0; i < 2; i++) {
		group_steer(g, i);
		feed_to(p, &self->here[1], self->here_len, i);
		EXPECT_EQ(50, rx_recv(g->fd[i], &rx, 0));
		EXPECT_EQ(50, peer_send_id(g->fd[i], p, 50, 10 + i));
		EXPECT_EQ(10 + i, take_from(p, &self->here[1],
					    self->here_len));
		EXPECT_EQ(50, send_by(g->fd[i], p, &self->local[1], 20 + i));
		EXPECT_EQ(20 + i, take_from(p, &self->here[1],
					    self->here_len));
		/* There is no session between these two. */
		EXPECT_EQ(-ENOTCONN, send_by(g->fd[i], p, &self->local[0], 3));
	}
	EXPECT_TRUE(quiet(p->p.peer));
}

TEST_F(anywhere, trains_have_the_right_source)
{
	struct group *g = &self->g;
	struct peer *p = &self->alice;
	uint8_t data[3 * SEGMENT];
	uint16_t segment = SEGMENT;
	size_t n = train_payload(data, 3, SEGMENT, SEGMENT, 1);
	int i;

	ASSERT_EQ(0, new_at(g, p, &self->local[1], self->local_len));
	EXPECT_EQ(n, cmsg_to(g->fd[1], p, SOL_UDP, UDP_SEGMENT, &segment,
			     sizeof(segment), data, n));
	for (i = 1; i <= 3; i++)
		EXPECT_EQ(i, take_from(p, &self->here[1], self->here_len));
	set_int(g->fd[1], SOL_UDP, UDP_SEGMENT, SEGMENT);
	EXPECT_EQ(n, peer_send(g->fd[1], p, data, n));
	for (i = 1; i <= 3; i++)
		EXPECT_EQ(i, take_from(p, &self->here[1], self->here_len));
}

/* A datagram to another address of ours is of no session. */
TEST_F(anywhere, to_another_address)
{
	struct group *g = &self->g;
	struct peer *p = &self->alice;

	ASSERT_EQ(0, new_at(g, p, &self->local[1], self->local_len));
	group_steer(g, 1);
	feed_to(p, &self->here[0], self->here_len, 1);
	EXPECT_EQ(-EAGAIN, pump(g->fd[1]));
	EXPECT_LT(50, rx_recv(g->fd[0], &rx, 0));
	EXPECT_TRUE(rx.raw);
	EXPECT_EQ(1, stats_get("RxUnknown"));
}

/* Any IPv4 address, by an IPv6 socket. */
TEST(anywhere_mapped)
{
	struct sockaddr_storage addr, local;
	socklen_t len = loopback(MAPPED, 0, &addr);
	struct group g;
	struct peer p;

	netns_enter();
	group_open_single(&g, MAPPED, GCM128);
	memset(&((struct sockaddr_in6 *)&addr)->sin6_addr.s6_addr[12], 0, 4);
	close(g.fd[0]);
	g.fd[0] = group_socket(MAPPED, &addr, len);
	g.port = local_port(g.fd[0]);
	ASSERT_EQ(0, endpoint_join(g.fd[0], DTLS_MEMBER_WORKER));
	peer_open(&p, &g);
	EXPECT_EQ(-EINVAL, session_new(&g, &p, -1));
	EXPECT_TRUE(nl_said_why(&g.nl));
	len = loopback(MAPPED, g.port, &local);
	EXPECT_EQ(0, new_at(&g, &p, &local, len));
	EXPECT_TRUE(peer_echoes(g.fd[0], &p));
	peer_close(&p);
	group_close(&g);
}

TEST_F(anywhere, two_sessions_with_one_peer)
{
	struct group *g = &self->g;
	struct peer twin = self->alice, *p = &self->alice;

	oracle_init(&twin.p.out, variant->cipher, 1, 5);
	oracle_init(&twin.p.in, variant->cipher, 1, 1);
	ASSERT_EQ(0, new_at(g, p, &self->local[0], self->local_len));
	ASSERT_EQ(0, new_at(g, &twin, &self->local[1], self->local_len));
	EXPECT_EQ(-EEXIST, new_at(g, &twin, &self->local[1], self->local_len));

	group_steer(g, 1);
	feed_to(p, &self->here[0], self->here_len, 1);
	feed_to(&twin, &self->here[1], self->here_len, 2);
	EXPECT_STREQ("1 2", recv_ids(g->fd[1], 2));
	/* Each has its own keys. */
	feed_to(&twin, &self->here[0], self->here_len, 3);
	EXPECT_EQ(-EAGAIN, pump(g->fd[1]));
	EXPECT_EQ(1, stats_get("RxDropAuth"));

	EXPECT_EQ(-ENOTUNIQ, peer_send(g->fd[1], p, "abcd", 4));
	EXPECT_EQ(50, send_by(g->fd[1], p, &self->local[0], 4));
	EXPECT_EQ(4, take_from(p, &self->here[0], self->here_len));
	EXPECT_EQ(50, send_by(g->fd[1], p, &self->local[1], 5));
	EXPECT_EQ(5, take_from(&twin, &self->here[1], self->here_len));
	EXPECT_TRUE(quiet(p->p.peer));
	oracle_free(&twin.p.out);
	oracle_free(&twin.p.in);
}

TEST_HARNESS_MAIN
