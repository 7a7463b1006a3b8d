// SPDX-License-Identifier: GPL-2.0
/*
 * Endpoints: whose data goes where. Datagrams are steered to a member by force, the
 * right one and the wrong ones.
 */
#include <netinet/in.h>
#include <netinet/udp.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>

#include "harness.h"
#include "members.h"

static struct rx rx;

MEMBERS_FIXTURE(endpoint);

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

TEST_HARNESS_MAIN
