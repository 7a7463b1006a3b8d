// SPDX-License-Identifier: GPL-2.0
/* Receiving what the oracle seals: sizes, flags, polling, trains, readers. */
#include <netinet/in.h>
#include <netinet/udp.h>
#include <linux/sockios.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/uio.h>

#include "harness.h"

PAIR_FIXTURE(recv, pair_setup, VARIANTS_OF_MOST);

static const size_t sizes[] = { 1, 2, 3, 4, 15, 16, 17, 64, 255, 256, 1000,
	1350, 1500, 4096, 9000, 16383, 16384 };

static struct rx rx;

TEST_F(recv, sizes)
{
	uint8_t want[16384];
	size_t i;

	for (i = 0; i < ARRAY_LEN(sizes); i++) {
		feed_id(&self->p, sizes[i], i);
		payload(want, sizes[i], i);
		ASSERT_EQ(sizes[i], rx_recv(self->p.fd, &rx, 0));
		EXPECT_EQ(0, memcmp(want, rx.data, sizes[i]));
		EXPECT_EQ(0, rx.flags);
		EXPECT_EQ(-1, rx.type);
		EXPECT_FALSE(rx.raw);
		EXPECT_EQ(0, rx.gro);
	}
}

TEST_F(recv, every_size_to_1350)
{
	size_t n, step = variant->family == IPV4 ? 1 : 37;

	for (n = 4; n <= 1350; n += step) {
		feed_id(&self->p, n, n);
		ASSERT_EQ(n, rx_recv(self->p.fd, &rx, 0));
		ASSERT_EQ(n, payload_id(rx.data, n));
	}
}

TEST_F(recv, empty_record)
{
	feed(&self->p, "", 0);
	feed_id(&self->p, 10, 1);
	EXPECT_EQ(POLLIN, poll_in(self->p.fd, WAIT_MS));
	EXPECT_EQ(0, rx_recv(self->p.fd, &rx, 0));
	EXPECT_EQ(DTLS_STATE_TX | DTLS_STATE_RX, dtls_info(self->p.fd).state);
	EXPECT_EQ(1, dtls_info(self->p.fd).rx_records);
	EXPECT_EQ(10, rx_recv(self->p.fd, &rx, 0));
	EXPECT_EQ(0, poll_in(self->p.fd, 0));
}

TEST_F(recv, into_nothing)
{
	feed_id(&self->p, 10, 1);
	EXPECT_EQ(0, RC(recv(self->p.fd, NULL, 0, 0)));
	EXPECT_TRUE(quiet(self->p.fd));
	feed_id(&self->p, 10, 1);
	EXPECT_EQ(10, RC(recv(self->p.fd, NULL, 0, MSG_TRUNC)));
	EXPECT_TRUE(quiet(self->p.fd));
	EXPECT_TRUE(echoes(&self->p));
}

TEST_F(recv, nothing_there)
{
	EXPECT_EQ(-EAGAIN, rx_recv(self->p.fd, &rx, MSG_DONTWAIT));
	EXPECT_EQ(-EAGAIN, rx_recv(self->p.fd, &rx, MSG_DONTWAIT | MSG_PEEK));
	EXPECT_EQ(0, poll_in(self->p.fd, 0));
}

TEST_F(recv, read_and_readv)
{
	uint8_t data[300], want[300];
	struct iovec iov[4] = {
		{ data, 1 }, { data + 1, 0 }, { data + 1, 199 },
		{ data + 200, 100 },
	};

	payload(want, 300, 1);
	feed_id(&self->p, 300, 1);
	EXPECT_EQ(300, RC(read(self->p.fd, data, sizeof(data))));
	EXPECT_EQ(0, memcmp(want, data, 300));
	memset(data, 0, sizeof(data));
	feed_id(&self->p, 300, 1);
	EXPECT_EQ(300, RC(readv(self->p.fd, iov, 4)));
	EXPECT_EQ(0, memcmp(want, data, 300));
}

TEST_F(recv, recvmmsg)
{
	struct mmsghdr msgs[8] = { 0 };
	uint8_t data[8][100];
	struct iovec iov[8];
	int i;

	for (i = 0; i < 8; i++) {
		iov[i].iov_base = data[i];
		iov[i].iov_len = 100;
		msgs[i].msg_hdr.msg_iov = &iov[i];
		msgs[i].msg_hdr.msg_iovlen = 1;
	}
	for (i = 0; i < 6; i++) {
		feed_id(&self->p, 100 - i, i);
		feed_raw(&self->p, "junk", 4);
	}
	EXPECT_EQ(6, RC(recvmmsg(self->p.fd, msgs, 8, MSG_DONTWAIT, NULL)));
	for (i = 0; i < 6; i++) {
		EXPECT_EQ(100 - i, msgs[i].msg_len);
		EXPECT_EQ(i, payload_id(data[i], 100 - i));
	}
	feed_id(&self->p, 50, 7);
	EXPECT_EQ(1, RC(recvmmsg(self->p.fd, msgs, 8, MSG_WAITFORONE, NULL)));
	EXPECT_EQ(7, payload_id(data[0], 50));
}

TEST_F(recv, fault)
{
	feed_id(&self->p, 100, 1);
	EXPECT_EQ(-EFAULT, RC(recv(self->p.fd, (void *)8, 100, 0)));
	EXPECT_TRUE(echoes(&self->p));
	feed_id(&self->p, 100, 2);
	EXPECT_EQ(-EFAULT, RC(recv(self->p.fd, (void *)8, 100, MSG_PEEK)));
	EXPECT_STREQ("2", recv_ids(self->p.fd, 1));
}

/*
 * As plain UDP: the same calls on a kdtls and on a plain socket, one of them
 * fed with records and the other with their payload, must have the same result.
 */
struct twins {
	struct pair	*p;
	struct pair	plain;
};

static void twins_open(struct twins *t, struct pair *p)
{
	t->p = p;
	pair_open(&t->plain, p->family, p->in.cipher);
}

static void twins_feed(struct twins *t, size_t n, uint32_t id)
{
	uint8_t data[16384];

	payload(data, n, id);
	feed(t->p, data, n);
	feed_raw(&t->plain, data, n);
}

static bool twins_recv(struct twins *t, size_t size, int flags)
{
	static struct rx a, b;
	size_t n;

	rx_recv_size(t->p->fd, &a, size, flags);
	rx_recv_size(t->plain.fd, &b, size, flags);
	if (a.len != b.len) {
		printf("# %zd, where plain UDP has %zd\n", a.len, b.len);
		return false;
	}
	if (a.len < 0)
		return true;
	n = (size_t)a.len < size ? (size_t)a.len : size;
	return a.flags == b.flags && a.gro == b.gro &&
	       !memcmp(a.data, b.data, n);
}

static bool twins_inq(struct twins *t)
{
	int a = -1, b = -2;

	if (ioctl(t->p->fd, SIOCINQ, &a) || ioctl(t->plain.fd, SIOCINQ, &b))
		return false;
	if (a != b)
		printf("# SIOCINQ %d, where plain UDP has %d\n", a, b);
	return a == b;
}

TEST_F(recv, truncation_as_udp)
{
	struct twins t;
	size_t size;

	twins_open(&t, &self->p);
	for (size = 0; size <= 120; size += 20) {
		twins_feed(&t, 100, 1);
		EXPECT_TRUE(twins_recv(&t, size, 0));
		twins_feed(&t, 100, 2);
		EXPECT_TRUE(twins_recv(&t, size, MSG_TRUNC));
		EXPECT_TRUE(twins_recv(&t, size, MSG_DONTWAIT));
	}
	pair_close(&t.plain);
}

TEST_F(recv, peeking_as_udp)
{
	static const int flags[] = { 0, MSG_TRUNC };
	struct twins t;
	size_t i;

	twins_open(&t, &self->p);
	for (i = 0; i < 2; i++) {
		twins_feed(&t, 100, 1);
		twins_feed(&t, 50, 2);
		EXPECT_TRUE(twins_recv(&t, 200, MSG_PEEK | flags[i]));
		EXPECT_TRUE(twins_recv(&t, 200, MSG_PEEK | flags[i]));
		EXPECT_TRUE(twins_recv(&t, 10, MSG_PEEK | flags[i]));
		EXPECT_TRUE(twins_recv(&t, 0, MSG_PEEK | flags[i]));
		EXPECT_TRUE(twins_recv(&t, 200, flags[i]));
		EXPECT_TRUE(twins_recv(&t, 200, MSG_PEEK | flags[i]));
		EXPECT_TRUE(twins_recv(&t, 200, flags[i]));
		EXPECT_TRUE(twins_recv(&t, 200, MSG_PEEK | MSG_DONTWAIT));
	}
	pair_close(&t.plain);
}

TEST_F(recv, peek_offset_as_udp)
{
	static const size_t peeks[] = { 10, 30, 0, 100, 10, 100, 100 };
	struct twins t;
	size_t i;

	twins_open(&t, &self->p);
	set_int(self->p.fd, SOL_SOCKET, SO_PEEK_OFF, 0);
	set_int(t.plain.fd, SOL_SOCKET, SO_PEEK_OFF, 0);
	twins_feed(&t, 100, 1);
	twins_feed(&t, 50, 2);
	twins_feed(&t, 20, 3);
	for (i = 0; i < ARRAY_LEN(peeks); i++)
		EXPECT_TRUE(twins_recv(&t, peeks[i], MSG_PEEK | MSG_DONTWAIT));
	EXPECT_TRUE(twins_recv(&t, 200, 0));
	EXPECT_TRUE(twins_recv(&t, 15, MSG_PEEK | MSG_DONTWAIT));
	EXPECT_TRUE(twins_recv(&t, 200, MSG_PEEK | MSG_DONTWAIT | MSG_TRUNC));
	EXPECT_TRUE(twins_recv(&t, 200, 0));
	EXPECT_TRUE(twins_recv(&t, 200, MSG_PEEK | MSG_DONTWAIT));
	EXPECT_TRUE(twins_recv(&t, 200, MSG_DONTWAIT));
	EXPECT_TRUE(twins_recv(&t, 200, MSG_DONTWAIT));
	EXPECT_TRUE(twins_recv(&t, 200, MSG_PEEK | MSG_DONTWAIT));
	pair_close(&t.plain);
}

TEST_F(recv, peek_offset_set_again_as_udp)
{
	static const int offsets[] = { 50, 5, 99, 100, 0 };
	struct twins t;
	size_t i;

	twins_open(&t, &self->p);
	twins_feed(&t, 100, 1);
	twins_feed(&t, 50, 2);
	for (i = 0; i < ARRAY_LEN(offsets); i++) {
		set_int(self->p.fd, SOL_SOCKET, SO_PEEK_OFF, offsets[i]);
		set_int(t.plain.fd, SOL_SOCKET, SO_PEEK_OFF, offsets[i]);
		EXPECT_TRUE(twins_recv(&t, 20, MSG_PEEK | MSG_DONTWAIT));
	}
	set_int(self->p.fd, SOL_SOCKET, SO_PEEK_OFF, -1);
	set_int(t.plain.fd, SOL_SOCKET, SO_PEEK_OFF, -1);
	EXPECT_TRUE(twins_recv(&t, 200, MSG_PEEK));
	EXPECT_TRUE(twins_recv(&t, 200, 0));
	EXPECT_TRUE(twins_recv(&t, 200, 0));
	pair_close(&t.plain);
}

TEST_F(recv, siocinq_as_udp)
{
	struct twins t;

	twins_open(&t, &self->p);
	EXPECT_TRUE(twins_inq(&t));
	twins_feed(&t, 100, 1);
	EXPECT_TRUE(twins_inq(&t));
	twins_feed(&t, 50, 2);
	EXPECT_TRUE(twins_inq(&t));
	EXPECT_TRUE(twins_recv(&t, 10, MSG_PEEK));
	EXPECT_TRUE(twins_inq(&t));
	EXPECT_TRUE(twins_recv(&t, 200, 0));
	EXPECT_TRUE(twins_inq(&t));
	EXPECT_TRUE(twins_recv(&t, 200, 0));
	EXPECT_TRUE(twins_inq(&t));
	twins_feed(&t, 0, 0);
	EXPECT_TRUE(twins_inq(&t));
	EXPECT_TRUE(twins_recv(&t, 200, 0));
	pair_close(&t.plain);
}

/* Records that share a datagram are as good as datagrams of their own. */
static void twins_feed_bundle(struct twins *t, size_t size, int count)
{
	uint8_t data[2000], wire[8192];
	size_t n = 0;
	int i;

	for (i = 0; i < count; i++) {
		payload(data, size, i);
		n += oracle_seal(&t->p->in, DTLS_CT_APPLICATION_DATA, data,
				 size, wire + n);
		feed_raw(&t->plain, data, size);
	}
	feed_raw(t->p, wire, n);
}

TEST_F(recv, bundles_as_udp)
{
	struct twins t;
	int i;

	twins_open(&t, &self->p);
	twins_feed_bundle(&t, 100, 4);
	EXPECT_TRUE(twins_inq(&t));
	EXPECT_TRUE(twins_recv(&t, 40, MSG_PEEK));
	EXPECT_TRUE(twins_recv(&t, 40, 0));
	EXPECT_TRUE(twins_inq(&t));
	set_int(self->p.fd, SOL_SOCKET, SO_PEEK_OFF, 0);
	set_int(t.plain.fd, SOL_SOCKET, SO_PEEK_OFF, 0);
	for (i = 0; i < 8; i++)
		EXPECT_TRUE(twins_recv(&t, 70, MSG_PEEK | MSG_DONTWAIT));
	EXPECT_TRUE(twins_recv(&t, 200, 0));
	EXPECT_TRUE(twins_recv(&t, 70, MSG_PEEK | MSG_DONTWAIT));
	EXPECT_TRUE(twins_inq(&t));
	for (i = 0; i < 3; i++)
		EXPECT_TRUE(twins_recv(&t, 200, MSG_DONTWAIT | MSG_TRUNC));
	pair_close(&t.plain);
}

/* Any sequence of calls at all. */
TEST_F(recv, random_calls_as_udp)
{
	static const int flags[] = { 0, 0, 0, MSG_PEEK, MSG_PEEK, MSG_TRUNC,
				     MSG_PEEK | MSG_TRUNC };
	struct twins t;
	int step, off;

	twins_open(&t, &self->p);
	for (step = 0; step < 400; step++) {
		switch (rnd(8)) {
		case 0:
			twins_feed(&t, 1 + rnd(300), step);
			break;
		case 1:
			twins_feed_bundle(&t, 1 + rnd(300), 1 + rnd(5));
			break;
		case 2:
			ASSERT_TRUE(twins_inq(&t));
			break;
		case 3:
			off = (int)rnd(200) - 50;
			if (off < 0)
				off = -1;
			set_int(self->p.fd, SOL_SOCKET, SO_PEEK_OFF, off);
			set_int(t.plain.fd, SOL_SOCKET, SO_PEEK_OFF, off);
			break;
		default:
			ASSERT_TRUE(twins_recv(&t, rnd(400), MSG_DONTWAIT |
					       flags[rnd(ARRAY_LEN(flags))]))
				TH_LOG("step %d", step);
			break;
		}
	}
	pair_close(&t.plain);
}

/* A record that will not be received does not count. */
TEST_F(recv, siocinq_behind_a_bad_record)
{
	int n = -1;

	feed_raw(&self->p, "this is not a record at all", 27);
	feed_id(&self->p, 100, 1);
	EXPECT_EQ(0, ioctl(self->p.fd, SIOCINQ, &n));
	EXPECT_TRUE(n == 100 || n == 0);
	EXPECT_STREQ("1", recv_ids(self->p.fd, 1));
	EXPECT_EQ(0, ioctl(self->p.fd, SIOCINQ, &n));
	EXPECT_EQ(0, n);
}

/* A fatal alert is for the next receive call to tell. */
TEST_F(recv, siocinq_leaves_errors)
{
	int n = -1;

	feed_alert(&self->p, 2, 40);
	EXPECT_EQ(0, ioctl(self->p.fd, SIOCINQ, &n));
	EXPECT_EQ(0, n);
	EXPECT_EQ(-ECONNRESET, rx_recv(self->p.fd, &rx, MSG_DONTWAIT));
}

/* What the offset leads to is not for this call, and nothing else is shown. */
TEST_F(recv, peek_offset_at_what_is_not_shown)
{
	uint8_t raw[ORACLE_HEADER + 4000] = { DTLS_CT_HANDSHAKE, 0xfe, 0xfd };
	char buf[1500];

	raw[11] = 4000 >> 8;
	raw[12] = 4000 & 255;
	set_int(self->p.fd, SOL_DTLS, DTLS_RECV_RAW, 1);
	feed_id(&self->p, 8, 1);
	feed_raw(&self->p, raw, sizeof(raw));
	set_int(self->p.fd, SOL_SOCKET, SO_PEEK_OFF, 2000);
	EXPECT_EQ(-EAGAIN, RC(recv(self->p.fd, buf, sizeof(buf),
				   MSG_PEEK | MSG_DONTWAIT)));
	set_int(self->p.fd, SOL_SOCKET, SO_PEEK_OFF, -1);
	EXPECT_STREQ("1", recv_ids(self->p.fd, 1));
}

TEST_F(recv, peek_never_shows_a_bad_record)
{
	struct pair *p = &self->p;
	uint8_t data[100], wire[200];
	size_t n;
	int i;

	for (i = 0; i < 3; i++) {
		payload(data, sizeof(data), 66);
		n = oracle_seal(&p->in, DTLS_CT_APPLICATION_DATA, data,
				sizeof(data), wire);
		wire[n - 1 - i] ^= 1;
		feed_raw(p, wire, n);
		EXPECT_EQ(-EAGAIN, rx_recv(p->fd, &rx,
					   MSG_PEEK | MSG_DONTWAIT));
	}
	feed_raw(p, wire, n);
	feed_id(p, 50, 1);
	EXPECT_EQ(50, rx_recv(p->fd, &rx, MSG_PEEK));
	EXPECT_EQ(1, payload_id(rx.data, 50));
	EXPECT_STREQ("1", recv_ids(p->fd, 1));
}

/* Peeked at once, it has been opened: a copy of it is a replay. */
TEST_F(recv, replay_behind_a_peek)
{
	struct pair *p = &self->p;

	feed_seq(p, 7, 50, 1);
	EXPECT_EQ(50, rx_recv(p->fd, &rx, MSG_PEEK));
	feed_seq(p, 7, 50, 1);
	EXPECT_EQ(50, rx_recv(p->fd, &rx, 0));
	EXPECT_EQ(1, payload_id(rx.data, 50));
	EXPECT_TRUE(quiet(p->fd));
}

/* Datagrams of several records */

static size_t bundle(struct pair *p, uint8_t *wire, int first, int count,
		     size_t size)
{
	uint8_t data[2000];
	size_t n = 0;
	int i;

	for (i = 0; i < count; i++) {
		payload(data, size, first + i);
		n += oracle_seal(&p->in, DTLS_CT_APPLICATION_DATA, data, size,
				 wire + n);
	}
	return n;
}

TEST_F(recv, one_record_at_a_time)
{
	uint8_t wire[8192];
	int i;

	feed_raw(&self->p, wire, bundle(&self->p, wire, 0, 5, 100));
	for (i = 0; i < 5; i++) {
		EXPECT_EQ(POLLIN, poll_in(self->p.fd, WAIT_MS));
		EXPECT_EQ(100, rx_recv(self->p.fd, &rx, MSG_DONTWAIT));
		EXPECT_EQ(i, payload_id(rx.data, 100));
	}
	EXPECT_EQ(0, poll_in(self->p.fd, 0));
	EXPECT_EQ(-EAGAIN, rx_recv(self->p.fd, &rx, MSG_DONTWAIT));
}

TEST_F(recv, records_of_different_sizes)
{
	static const size_t n[] = { 50, 0, 200, 4, 1000 };
	uint8_t wire[4096], data[1000];
	size_t i, at = 0;

	for (i = 0; i < ARRAY_LEN(n); i++) {
		payload(data, n[i], i);
		at += oracle_seal(&self->p.in, DTLS_CT_APPLICATION_DATA, data,
				  n[i], wire + at);
	}
	feed_raw(&self->p, wire, at);
	feed_id(&self->p, 20, 9);
	EXPECT_STREQ("0 - 2 3 4 9", recv_ids(self->p.fd, 6));
}

TEST_F(recv, bad_record_in_a_datagram)
{
	uint8_t wire[4096];
	size_t n, one = 100 + oracle_overhead(&self->p.in);

	n = bundle(&self->p, wire, 0, 4, 100);
	wire[2 * one - 1] ^= 1;
	feed_raw(&self->p, wire, n);
	EXPECT_STREQ("0 2 3", recv_ids(self->p.fd, 3));
}

TEST_F(recv, same_record_twice_in_a_datagram)
{
	uint8_t wire[4096];
	size_t n = bundle(&self->p, wire, 0, 1, 100);

	memcpy(wire + n, wire, n);
	feed_raw(&self->p, wire, 2 * n);
	feed_id(&self->p, 20, 9);
	EXPECT_STREQ("0 9", recv_ids(self->p.fd, 2));
}

TEST_F(recv, many_records_in_a_datagram)
{
	static uint8_t wire[65536];
	int i;

	/* Empty ones are the smallest: as many as fit. */
	feed_raw(&self->p, wire, bundle(&self->p, wire, 0, 1700, 0));
	settle();
	for (i = 0; i < 1700; i++)
		ASSERT_EQ(0, RC(recv(self->p.fd, wire, 9, MSG_DONTWAIT)));
	EXPECT_EQ(-EAGAIN, rx_recv(self->p.fd, &rx, MSG_DONTWAIT));
	EXPECT_TRUE(echoes(&self->p));
}

/* A closed socket with opened records left is seen to by close(). */
TEST_F(recv, peek_in_a_datagram_of_several)
{
	uint8_t wire[8192];

	feed_raw(&self->p, wire, bundle(&self->p, wire, 0, 3, 100));
	EXPECT_EQ(100, rx_recv(self->p.fd, &rx, MSG_PEEK));
	EXPECT_EQ(0, payload_id(rx.data, 100));
	EXPECT_EQ(100, rx_recv(self->p.fd, &rx, MSG_PEEK));
	EXPECT_EQ(0, payload_id(rx.data, 100));
	EXPECT_STREQ("0 1 2", recv_ids(self->p.fd, 3));
}

/* Polling */

TEST_F(recv, epoll_level)
{
	struct epoll_event ev = { .events = EPOLLIN };
	int ep = epoll_create1(EPOLL_CLOEXEC);
	uint8_t wire[4096];

	ASSERT_EQ(0, epoll_ctl(ep, EPOLL_CTL_ADD, self->p.fd, &ev));
	EXPECT_EQ(0, epoll_wait(ep, &ev, 1, 0));
	feed_raw(&self->p, wire, bundle(&self->p, wire, 0, 2, 100));
	EXPECT_EQ(1, epoll_wait(ep, &ev, 1, WAIT_MS));
	EXPECT_EQ(100, rx_recv(self->p.fd, &rx, 0));
	EXPECT_EQ(1, epoll_wait(ep, &ev, 1, WAIT_MS));
	EXPECT_EQ(100, rx_recv(self->p.fd, &rx, 0));
	EXPECT_EQ(0, epoll_wait(ep, &ev, 1, 0));
	close(ep);
}

TEST_F(recv, epoll_edge)
{
	struct epoll_event ev = { .events = EPOLLIN | EPOLLET };
	int ep = epoll_create1(EPOLL_CLOEXEC);
	uint8_t wire[4096];
	int i;

	ASSERT_EQ(0, epoll_ctl(ep, EPOLL_CTL_ADD, self->p.fd, &ev));
	for (i = 0; i < 3; i++) {
		feed_raw(&self->p, wire, bundle(&self->p, wire, 0, 2, 100));
		EXPECT_EQ(1, epoll_wait(ep, &ev, 1, WAIT_MS));
		EXPECT_STREQ("0 1", recv_ids(self->p.fd, 2));
		EXPECT_EQ(0, epoll_wait(ep, &ev, 1, 0));
	}
	/* What is left unread, and what comes then. */
	feed_raw(&self->p, wire, bundle(&self->p, wire, 0, 2, 100));
	EXPECT_EQ(1, epoll_wait(ep, &ev, 1, WAIT_MS));
	EXPECT_EQ(100, rx_recv(self->p.fd, &rx, 0));
	feed_id(&self->p, 100, 2);
	EXPECT_EQ(1, epoll_wait(ep, &ev, 1, WAIT_MS));
	EXPECT_STREQ("1 2", recv_ids(self->p.fd, 2));
	close(ep);
}

/* A call gives up after so much junk, and must say that there is more. */
TEST_F(recv, epoll_edge_behind_much_junk)
{
	struct epoll_event ev = { .events = EPOLLIN | EPOLLET };
	int ep = epoll_create1(EPOLL_CLOEXEC);
	long got = -EAGAIN;
	char buf[200];
	int i;

	set_int(self->p.fd, SOL_SOCKET, SO_RCVBUFFORCE, 1 << 20);
	ASSERT_EQ(0, epoll_ctl(ep, EPOLL_CTL_ADD, self->p.fd, &ev));
	for (i = 0; i < 400; i++)
		feed_raw(&self->p, "junk", 4);
	feed_id(&self->p, 100, 1);
	for (i = 0; i < 5 && got == -EAGAIN; i++) {
		ASSERT_EQ(1, epoll_wait(ep, &ev, 1, WAIT_MS));
		got = RC(recv(self->p.fd, buf, sizeof(buf), MSG_DONTWAIT));
	}
	EXPECT_EQ(100, got);
	close(ep);
}

/* A poll that began before the socket was attached. */
TEST_F(recv, epoll_older_than_the_keys)
{
	struct epoll_event ev = { .events = EPOLLIN };
	int ep = epoll_create1(EPOLL_CLOEXEC);
	uint8_t wire[4096];
	struct pair p;

	pair_open(&p, variant->family, variant->cipher);
	ASSERT_EQ(0, epoll_ctl(ep, EPOLL_CTL_ADD, p.fd, &ev));
	pair_attach(&p);
	pair_install(&p);
	feed_raw(&p, wire, bundle(&p, wire, 0, 2, 100));
	EXPECT_EQ(1, epoll_wait(ep, &ev, 1, WAIT_MS));
	EXPECT_EQ(100, rx_recv(p.fd, &rx, 0));
	EXPECT_EQ(1, epoll_wait(ep, &ev, 1, WAIT_MS));
	EXPECT_EQ(100, rx_recv(p.fd, &rx, 0));
	EXPECT_EQ(0, epoll_wait(ep, &ev, 1, 0));
	pair_close(&p);
	close(ep);
}

static void *poll_main(void *arg)
{
	return (void *)(long)poll_in(*(int *)arg, WAIT_MS);
}

TEST_F(recv, blocked_poll_is_woken)
{
	struct job job;

	job_start(&job, poll_main, &self->p.fd);
	job_wait_asleep(&job);
	feed_id(&self->p, 100, 1);
	EXPECT_EQ(POLLIN, (long)job_join(&job));
}

TEST_F(recv, writable)
{
	struct pollfd pfd = { .fd = self->p.fd, .events = POLLOUT };

	EXPECT_EQ(1, poll(&pfd, 1, WAIT_MS));
	EXPECT_EQ(POLLOUT, pfd.revents);
}

/* Waiting */

TEST_F(recv, timeout)
{
	uint64_t begin = tick_ms();

	set_timeout(self->p.fd, 300);
	EXPECT_EQ(-EAGAIN, rx_recv(self->p.fd, &rx, 0));
	EXPECT_LE(300 - 20, tick_ms() - begin);
	EXPECT_GT(3000, tick_ms() - begin);
}

struct junk {
	struct pair	*p;
	int		stop;
};

static void *junk_main(void *arg)
{
	struct junk *j = arg;
	int i;

	for (i = 0; i < 200 && !__atomic_load_n(&j->stop, __ATOMIC_ACQUIRE);
	     i++) {
		feed_raw(j->p, "not a record, but long enough for one", 37);
		sleep_ms(20);
	}
	return NULL;
}

/* What is dropped meanwhile does not begin the waiting anew. */
TEST_F(recv, timeout_among_junk)
{
	struct junk junk = { .p = &self->p };
	struct job job;
	uint64_t begin;

	set_timeout(self->p.fd, 400);
	job_start(&job, junk_main, &junk);
	begin = tick_ms();
	EXPECT_EQ(-EAGAIN, rx_recv(self->p.fd, &rx, 0));
	EXPECT_LE(400 - 20, tick_ms() - begin);
	EXPECT_GT(2000, tick_ms() - begin);
	__atomic_store_n(&junk.stop, 1, __ATOMIC_RELEASE);
	job_join(&job);
}

static void on_alarm(int sig)
{
	(void)sig;
}

TEST_F(recv, interrupted)
{
	struct sigaction action = { .sa_handler = on_alarm };

	sigaction(SIGALRM, &action, NULL);
	ualarm(100000, 0);
	EXPECT_EQ(-EINTR, rx_recv(self->p.fd, &rx, 0));
	EXPECT_TRUE(echoes(&self->p));
}

TEST_F(recv, blocked_reader_gets_data)
{
	struct reader r;

	reader_start(&r, self->p.fd);
	feed_raw(&self->p, "junk", 4);
	feed_id(&self->p, 100, 1);
	EXPECT_EQ(100, reader_join(&r));
	EXPECT_EQ(1, payload_id(r.data, 100));
}

TEST_F(recv, blocked_reader_gets_shutdown)
{
	struct reader r;

	reader_start(&r, self->p.fd);
	EXPECT_EQ(0, shutdown(self->p.fd, SHUT_RD));
	EXPECT_EQ(0, reader_join(&r));
}

TEST_F(recv, blocked_reader_gets_error)
{
	struct reader r;

	close(self->p.peer);
	self->p.peer = -1;
	reader_start(&r, self->p.fd);
	EXPECT_EQ(1, send(self->p.fd, "x", 1, 0));
	EXPECT_EQ(-ECONNREFUSED, reader_join(&r));
}

TEST_F(recv, error_comes_once)
{
	close(self->p.peer);
	self->p.peer = -1;
	EXPECT_EQ(1, send(self->p.fd, "x", 1, 0));
	EXPECT_TRUE(poll_in(self->p.fd, WAIT_MS) & POLLERR);
	EXPECT_EQ(-ECONNREFUSED, rx_recv(self->p.fd, &rx, 0));
	EXPECT_EQ(-EAGAIN, rx_recv(self->p.fd, &rx, MSG_DONTWAIT));
}

/* Where it came from, and the control messages of the levels below */

TEST_F(recv, name)
{
	struct sockaddr_storage want;
	socklen_t len = loopback(variant->family, local_port(self->p.peer),
				 &want);
	uint8_t wire[4096];
	int i;

	feed_raw(&self->p, wire, bundle(&self->p, wire, 0, 3, 100));
	for (i = 0; i < 3; i++) {
		EXPECT_EQ(100, rx_recv(self->p.fd, &rx, 0));
		EXPECT_EQ(len, rx.namelen);
		EXPECT_EQ(0, memcmp(&want, &rx.name, len));
	}
}

static void ask_for_cmsgs(int fd, enum family family)
{
	set_int(fd, SOL_SOCKET, SO_TIMESTAMPNS, 1);
	if (family != IPV6) {
		set_int(fd, SOL_IP, IP_PKTINFO, 1);
		set_int(fd, SOL_IP, IP_RECVTOS, 1);
		set_int(fd, SOL_IP, IP_RECVTTL, 1);
	}
	if (family != IPV4) {
		set_int(fd, SOL_IPV6, IPV6_RECVPKTINFO, 1);
		set_int(fd, SOL_IPV6, IPV6_RECVTCLASS, 1);
		set_int(fd, SOL_IPV6, IPV6_RECVHOPLIMIT, 1);
	}
}

/* Each record of a datagram has those of the datagram. */
TEST_F(recv, control_messages)
{
	uint8_t wire[4096];
	int i;

	ask_for_cmsgs(self->p.fd, variant->family);
	if (variant->family == IPV6)
		set_int(self->p.peer, SOL_IPV6, IPV6_TCLASS, 0x48);
	else
		set_int(self->p.peer, SOL_IP, IP_TOS, 0x48);
	feed_raw(&self->p, wire, bundle(&self->p, wire, 0, 3, 100));
	for (i = 0; i < 3; i++) {
		EXPECT_EQ(100, rx_recv(self->p.fd, &rx, 0));
		EXPECT_EQ(0x48, rx.tos);
		EXPECT_EQ(64, rx.ttl);
		EXPECT_TRUE(rx.pktinfo);
		EXPECT_TRUE(rx.stamp);
	}
}

TEST_F(recv, control_messages_while_peeking)
{
	ask_for_cmsgs(self->p.fd, variant->family);
	feed_id(&self->p, 100, 1);
	EXPECT_EQ(100, rx_recv(self->p.fd, &rx, MSG_PEEK));
	EXPECT_TRUE(rx.pktinfo);
	EXPECT_EQ(64, rx.ttl);
	EXPECT_EQ(100, rx_recv(self->p.fd, &rx, 0));
	EXPECT_TRUE(rx.pktinfo);
	EXPECT_EQ(64, rx.ttl);
}

TEST_F(recv, control_buffer_too_small)
{
	uint8_t data[100], control[20];
	struct iovec iov = { data, sizeof(data) };
	struct msghdr msg = {
		.msg_iov = &iov, .msg_iovlen = 1,
		.msg_control = control, .msg_controllen = sizeof(control),
	};

	ask_for_cmsgs(self->p.fd, variant->family);
	feed_id(&self->p, 100, 1);
	EXPECT_EQ(100, RC(recvmsg(self->p.fd, &msg, 0)));
	EXPECT_EQ(MSG_CTRUNC, msg.msg_flags);
}

/* Queued before */

TEST_F(recv, queued_before_attach)
{
	struct pair p;

	pair_open(&p, variant->family, variant->cipher);
	feed_id(&p, 100, 1);
	feed_id(&p, 200, 2);
	pair_attach(&p);
	feed_id(&p, 300, 3);
	pair_install(&p);
	feed_id(&p, 400, 4);
	EXPECT_STREQ("1 2 3 4", recv_ids(p.fd, 4));
	pair_close(&p);
}

TEST_F(recv, train_queued_before_attach)
{
	uint8_t wire[4096];
	struct pair p;
	size_t n;

	pair_open(&p, variant->family, variant->cipher);
	set_int(p.fd, SOL_UDP, UDP_GRO, 1);
	n = bundle(&p, wire, 0, 4, 100);
	ASSERT_EQ(0, feed_train(&p, wire, n, n / 4));
	pair_attach(&p);
	pair_install(&p);
	EXPECT_STREQ("0 1 2 3", recv_ids(p.fd, 4));
	pair_close(&p);
}

/* Plaintext that was queued is not taken for data. */
TEST_F(recv, plaintext_queued_before_install)
{
	struct pair p;

	pair_open(&p, variant->family, variant->cipher);
	pair_attach(&p);
	feed_raw(&p, "plaintext", 9);
	pair_install(&p);
	feed_id(&p, 400, 4);
	EXPECT_STREQ("4", recv_ids(p.fd, 1));
	pair_close(&p);
}

/* Trains */

FIXTURE(gro) {
	struct pair p;
};

FIXTURE_VARIANT(gro) {
	uint16_t cipher;
	enum family family;
};

VARIANTS_OF_MOST(gro);

FIXTURE_SETUP(gro)
{
	pair_setup(&self->p, variant->family, variant->cipher);
	set_int(self->p.fd, SOL_UDP, UDP_GRO, 1);
}

FIXTURE_TEARDOWN(gro)
{
	pair_close(&self->p);
}

/* A train of @count records of @size bytes, the last of @last. */
static size_t make_train(struct pair *p, uint8_t *wire, int count, size_t size,
			 size_t last)
{
	size_t n = bundle(p, wire, 0, count - 1, size);

	return n + bundle(p, wire + n, count - 1, 1, last);
}

static void feed_good_train(struct pair *p, int count, size_t size, size_t last)
{
	static uint8_t wire[65536];
	size_t n = make_train(p, wire, count, size, last);

	if (feed_train(p, wire, n, size + oracle_overhead(&p->in)))
		die("feed_train");
}

TEST_F(gro, train_is_one_message)
{
	static const struct {
		int count;
		size_t size, last;
	} trains[] = {
		{ 2, 100, 100 }, { 3, 100, 50 }, { 10, 1350, 1350 },
		{ 10, 1350, 4 }, { 40, 1350, 1349 }, { 64, 4, 4 },
		{ 64, 900, 900 }, { 2, 1400, 0 },
	};
	size_t i, n;
	int k;

	for (i = 0; i < ARRAY_LEN(trains); i++) {
		feed_good_train(&self->p, trains[i].count, trains[i].size,
				trains[i].last);
		n = (trains[i].count - 1) * trains[i].size;
		EXPECT_EQ(n + trains[i].last, rx_recv(self->p.fd, &rx, 0));
		/* The only one of two that has payload needs no size. */
		if (trains[i].count > 2 || trains[i].last)
			EXPECT_EQ(trains[i].size, rx.gro);
		for (k = 0; k < trains[i].count - 1; k++)
			EXPECT_EQ(k, payload_id(rx.data + k * trains[i].size,
						trains[i].size));
		if (trains[i].last)
			EXPECT_EQ(k, payload_id(rx.data + n, trains[i].last));
		if (!trains[i].last && poll_in(self->p.fd, 0))
			EXPECT_EQ(0, rx_recv(self->p.fd, &rx, 0));
		EXPECT_EQ(-EAGAIN, rx_recv(self->p.fd, &rx, MSG_DONTWAIT));
	}
}

TEST_F(gro, single_record)
{
	feed_id(&self->p, 100, 1);
	EXPECT_EQ(100, rx_recv(self->p.fd, &rx, 0));
	EXPECT_TRUE(rx.gro == 0 || rx.gro == 100);
	EXPECT_EQ(1, payload_id(rx.data, 100));
}

TEST_F(gro, off_again)
{
	set_int(self->p.fd, SOL_UDP, UDP_GRO, 0);
	feed_good_train(&self->p, 3, 100, 100);
	EXPECT_EQ(100, rx_recv(self->p.fd, &rx, 0));
	EXPECT_EQ(0, rx.gro);
	EXPECT_STREQ("1 2", recv_ids(self->p.fd, 2));
}

/* Switched off while trains are queued: nothing is lost, nothing is merged. */
TEST_F(gro, off_with_a_train_in_the_queue)
{
	feed_good_train(&self->p, 3, 100, 100);
	set_int(self->p.fd, SOL_UDP, UDP_GRO, 0);
	EXPECT_EQ(100, rx_recv(self->p.fd, &rx, 0) / (rx.gro ? 3 : 1));
	EXPECT_EQ(0, payload_id(rx.data, 100));
	if (!rx.gro)
		EXPECT_STREQ("1 2", recv_ids(self->p.fd, 2));
}

TEST_F(gro, bad_record_at_each_place)
{
	static const char * const left[] = { "1 2 3", "0 2 3", "0 1 3",
					     "0 1 2" };
	size_t one = 100 + oracle_overhead(&self->p.in), n;
	uint8_t wire[4096];
	int bad;

	for (bad = 0; bad < 4; bad++) {
		n = make_train(&self->p, wire, 4, 100, 100);
		wire[bad * one + one - 5] ^= 0x40;
		ASSERT_EQ(0, feed_train(&self->p, wire, n, one));
		EXPECT_STREQ(left[bad], recv_ids(self->p.fd, 3));
	}
}

TEST_F(gro, bad_record_and_short_last)
{
	size_t one = 100 + oracle_overhead(&self->p.in), n;
	uint8_t wire[4096];
	int bad;

	for (bad = 0; bad < 4; bad++) {
		char want[16];

		n = make_train(&self->p, wire, 4, 100, 50);
		wire[bad * one + 20] ^= 0x40;
		ASSERT_EQ(0, feed_train(&self->p, wire, n, one));
		snprintf(want, sizeof(want), "%s%s%s", bad ? "0 " : "",
			 bad == 1 ? "2 " : bad == 2 ? "1 " : "1 2 ",
			 bad == 3 ? "" : "3");
		want[5] = 0;
		EXPECT_STREQ(want, recv_ids(self->p.fd, 3));
	}
}

TEST_F(gro, all_bad)
{
	size_t one = 100 + oracle_overhead(&self->p.in), n, i;
	uint8_t wire[4096];

	n = make_train(&self->p, wire, 4, 100, 100);
	for (i = 0; i < 4; i++)
		wire[i * one + 30] ^= 1;
	ASSERT_EQ(0, feed_train(&self->p, wire, n, one));
	feed_id(&self->p, 100, 9);
	EXPECT_STREQ("9", recv_ids(self->p.fd, 1));
}

TEST_F(gro, replay_in_a_train)
{
	size_t one = 100 + oracle_overhead(&self->p.in), n;
	uint8_t wire[4096], again[4096];
	struct stats before;

	n = make_train(&self->p, wire, 4, 100, 100);
	feed_raw(&self->p, wire + one, one);
	EXPECT_STREQ("1", recv_ids(self->p.fd, 1));
	stats_read(&before);
	ASSERT_EQ(0, feed_train(&self->p, wire, n, one));
	EXPECT_STREQ("0 2 3", recv_ids(self->p.fd, 3));
	EXPECT_STREQ("RxDropReplay+1", stats_since_of(&before, "RxDrop"));
	/* The same record twice in a train. */
	n = make_train(&self->p, again, 3, 100, 100);
	memcpy(again + one, again, one);
	ASSERT_EQ(0, feed_train(&self->p, again, n, one));
	EXPECT_STREQ("0 2", recv_ids(self->p.fd, 2));
	EXPECT_STREQ("RxDropReplay+2", stats_since_of(&before, "RxDrop"));
}

/* Segments that hold two records each, or a record and junk. */
TEST_F(gro, several_records_to_a_segment)
{
	size_t one = 100 + oracle_overhead(&self->p.in);
	uint8_t wire[4096];
	size_t n = bundle(&self->p, wire, 0, 6, 100);

	ASSERT_EQ(0, feed_train(&self->p, wire, n, 2 * one));
	EXPECT_STREQ("0 1 2 3 4 5", recv_ids(self->p.fd, 6));
}

/* A record does not reach over the end of its datagram. */
TEST_F(gro, record_over_two_segments)
{
	size_t one = 100 + oracle_overhead(&self->p.in);
	uint8_t wire[4096];
	size_t n = bundle(&self->p, wire, 0, 4, 100);

	ASSERT_EQ(0, feed_train(&self->p, wire, n, one - 1));
	feed_id(&self->p, 100, 9);
	EXPECT_STREQ("9", recv_ids(self->p.fd, 1));
}

TEST_F(gro, sizes_differ_within_segments)
{
	size_t over = oracle_overhead(&self->p.in), n = 0;
	uint8_t wire[4096];
	int i;

	/* Each segment: 60 + 40 bytes, 40 + 60 bytes, .. */
	for (i = 0; i < 3; i++) {
		n += bundle(&self->p, wire + n, 2 * i, 1, i % 2 ? 40 : 60);
		n += bundle(&self->p, wire + n, 2 * i + 1, 1, i % 2 ? 60 : 40);
	}
	ASSERT_EQ(0, feed_train(&self->p, wire, n, 100 + 2 * over));
	EXPECT_STREQ("0 1 2 3 4 5", recv_ids(self->p.fd, 6));
}

TEST_F(gro, train_of_empty_records)
{
	int i;

	feed_good_train(&self->p, 5, 0, 0);
	for (i = 0; i < 5; i++)
		EXPECT_EQ(0, rx_recv(self->p.fd, &rx, MSG_DONTWAIT));
	EXPECT_EQ(-EAGAIN, rx_recv(self->p.fd, &rx, MSG_DONTWAIT));
}

/* Control records in a train do not become data, whatever their size. */
TEST_F(gro, control_record_in_a_train)
{
	size_t one = 100 + oracle_overhead(&self->p.in), n;
	uint8_t wire[4096], data[100];

	n = bundle(&self->p, wire, 0, 2, 100);
	payload(data, sizeof(data), 66);
	n += oracle_seal(&self->p.in, DTLS_CT_HANDSHAKE, data, 100, wire + n);
	n += bundle(&self->p, wire + n, 2, 2, 100);
	ASSERT_EQ(0, feed_train(&self->p, wire, n, one));
	EXPECT_STREQ("0 1 2 3", recv_ids(self->p.fd, 4));
}

TEST_F(gro, control_record_in_a_train_is_told)
{
	size_t one = 100 + oracle_overhead(&self->p.in), n;
	uint8_t wire[4096], data[100];
	int i, got = 0;

	set_int(self->p.fd, SOL_DTLS, DTLS_RECV_CONTROL, 1);
	n = bundle(&self->p, wire, 0, 2, 100);
	payload(data, sizeof(data), 2);
	n += oracle_seal(&self->p.in, DTLS_CT_HANDSHAKE, data, 100, wire + n);
	n += bundle(&self->p, wire + n, 3, 2, 100);
	ASSERT_EQ(0, feed_train(&self->p, wire, n, one));
	for (i = 0; got < 5 && rx_recv(self->p.fd, &rx, 0) >= 0; i++) {
		int at, first = got;

		for (at = 0; at < rx.len; at += 100)
			EXPECT_EQ(got++, payload_id(rx.data + at, 100));
		EXPECT_EQ(first == 2 ? DTLS_CT_HANDSHAKE :
			  DTLS_CT_APPLICATION_DATA, rx.type);
		if (first == 2)
			EXPECT_EQ(3, got);
	}
	EXPECT_EQ(5, got);
}

TEST_F(gro, truncation)
{
	feed_good_train(&self->p, 4, 100, 50);
	EXPECT_EQ(350, rx_recv_size(self->p.fd, &rx, 150,
				    MSG_PEEK | MSG_TRUNC));
	EXPECT_EQ(100, rx.gro);
	EXPECT_TRUE(rx.flags & MSG_TRUNC);
	EXPECT_EQ(150, rx_recv_size(self->p.fd, &rx, 150, 0));
	EXPECT_EQ(100, rx.gro);
	EXPECT_TRUE(rx.flags & MSG_TRUNC);
	EXPECT_EQ(0, payload_id(rx.data, 100));
	EXPECT_TRUE(quiet(self->p.fd));
}

TEST_F(gro, peek)
{
	int n = 0;

	feed_good_train(&self->p, 4, 100, 50);
	EXPECT_EQ(350, rx_recv(self->p.fd, &rx, MSG_PEEK));
	EXPECT_EQ(100, rx.gro);
	EXPECT_EQ(0, ioctl(self->p.fd, SIOCINQ, &n));
	EXPECT_EQ(350, n);
	EXPECT_STREQ("0 1 2 3", recv_ids(self->p.fd, 4));
}

TEST_F(gro, as_udp)
{
	size_t one = 100 + oracle_overhead(&self->p.in), n, size;
	uint8_t wire[4096], data[350];
	struct twins t;

	twins_open(&t, &self->p);
	set_int(t.plain.fd, SOL_UDP, UDP_GRO, 1);
	train_payload(data, 4, 100, 50, 0);
	for (size = 0; size <= 400; size += 50) {
		n = make_train(&self->p, wire, 4, 100, 50);
		ASSERT_EQ(0, feed_train(&self->p, wire, n, one));
		ASSERT_EQ(0, feed_train(&t.plain, data, sizeof(data), 100));
		EXPECT_TRUE(twins_inq(&t));
		EXPECT_TRUE(twins_recv(&t, size, MSG_PEEK));
		EXPECT_TRUE(twins_recv(&t, size, MSG_PEEK | MSG_TRUNC));
		EXPECT_TRUE(twins_inq(&t));
		EXPECT_TRUE(twins_recv(&t, size, size % 100 ? MSG_TRUNC : 0));
		EXPECT_TRUE(twins_inq(&t));
	}
	pair_close(&t.plain);
}

TEST_F(gro, control_messages)
{
	ask_for_cmsgs(self->p.fd, variant->family);
	feed_good_train(&self->p, 4, 100, 50);
	EXPECT_EQ(350, rx_recv(self->p.fd, &rx, 0));
	EXPECT_EQ(100, rx.gro);
	EXPECT_EQ(64, rx.ttl);
	EXPECT_TRUE(rx.pktinfo);
	EXPECT_TRUE(rx.stamp);
}

TEST_F(gro, fault)
{
	feed_good_train(&self->p, 4, 100, 50);
	EXPECT_EQ(-EFAULT, RC(recv(self->p.fd, (void *)8, 100, 0)));
	EXPECT_TRUE(echoes(&self->p));
}

/* Both ends are kdtls */

PAIR_FIXTURE(both, pair_setup_both, VARIANTS_OF_ALL);

TEST_F(both, talk)
{
	uint8_t data[16384];
	size_t i;

	for (i = 0; i < ARRAY_LEN(sizes); i++) {
		payload(data, sizes[i], i);
		ASSERT_EQ(sizes[i], send(self->p.fd, data, sizes[i], 0));
		ASSERT_EQ(sizes[i], rx_recv(self->p.peer, &rx, 0));
		EXPECT_EQ(0, memcmp(data, rx.data, sizes[i]));
		ASSERT_EQ(sizes[i], send(self->p.peer, data, sizes[i], 0));
		ASSERT_EQ(sizes[i], rx_recv(self->p.fd, &rx, 0));
		EXPECT_EQ(0, memcmp(data, rx.data, sizes[i]));
	}
}

TEST_F(both, trains)
{
	static uint8_t data[65536];
	int count;

	set_int(self->p.peer, SOL_UDP, UDP_GRO, 1);
	for (count = 2; count <= 46; count += 11) {
		size_t n = train_payload(data, count, 1350, 1000, 0);
		char want[1024] = "0";
		int i;

		for (i = 1; i < count; i++)
			sprintf(want + strlen(want), " %d", i);
		ASSERT_EQ(n, send_train(self->p.fd, data, n, 1350));
		EXPECT_STREQ(want, recv_ids(self->p.peer, count));
	}
}

/* One train is one message at the other end. */
TEST_F(both, train_stays_together)
{
	uint8_t data[10000];
	size_t n = train_payload(data, 8, 1200, 700, 0);

	set_int(self->p.peer, SOL_UDP, UDP_GRO, 1);
	ASSERT_EQ(n, send_train(self->p.fd, data, n, 1200));
	EXPECT_EQ(n, rx_recv(self->p.peer, &rx, 0));
	EXPECT_EQ(1200, rx.gro);
	EXPECT_EQ(0, memcmp(data, rx.data, n));
}

/* Many readers */

/* A reader may be overtaken by others for longer than a small window lasts. */
static void pair_setup_wide(struct pair *p, enum family family, uint16_t cipher)
{
	pair_setup_window(p, family, cipher, DTLS_WINDOW_MAX);
}

PAIR_FIXTURE(readers, pair_setup_wide, VARIANTS_OF_CIPHERS);

#define READERS	4

struct share {
	struct job	job;
	int		fd;
	uint8_t		*seen;
	int		max;
	int		count;
	int		broken;
};

static void *share_main(void *arg)
{
	struct share *s = arg;
	uint8_t data[2048];
	ssize_t n;
	long id;

	while ((n = recv(s->fd, data, sizeof(data), 0)) > 0) {
		id = payload_id(data, n);
		if (id < 0 || id >= s->max)
			s->broken++;
		else
			__atomic_add_fetch(&s->seen[id], 1, __ATOMIC_RELAXED);
		s->count++;
	}
	return NULL;
}

/* Single records and datagrams of three, with junk and replays among them. */
static void feed_mixed(struct pair *p, int count)
{
	uint8_t wire[4096];
	int id = 0;

	while (id + 4 <= count) {
		size_t n = bundle(p, wire, id, 3, 100);

		feed_raw(p, wire, n);
		feed_raw(p, wire, n);
		wire[20] ^= 1;
		feed_raw(p, wire, n / 3);
		feed_id(p, 200, id + 3);
		id += 4;
		if (id % 64 == 0)
			sleep_ms(1);
	}
}

TEST_F(readers, share_the_records)
{
	static uint8_t seen[2000];
	struct share s[READERS] = { 0 };
	int i, total = 0;

	for (i = 0; i < READERS; i++) {
		s[i].fd = self->p.fd;
		s[i].seen = seen;
		s[i].max = ARRAY_LEN(seen);
		job_start(&s[i].job, share_main, &s[i]);
	}
	feed_mixed(&self->p, ARRAY_LEN(seen));
	sleep_ms(300);
	shutdown(self->p.fd, SHUT_RD);
	for (i = 0; i < READERS; i++) {
		job_join(&s[i].job);
		total += s[i].count;
		EXPECT_EQ(0, s[i].broken);
	}
	EXPECT_EQ(ARRAY_LEN(seen), total);
	for (i = 0; i < (int)ARRAY_LEN(seen); i++)
		EXPECT_EQ(1, seen[i]);
}

/* Every blocked reader is woken for a record of a single datagram. */
TEST_F(readers, one_datagram_wakes_all)
{
	struct reader r[READERS];
	uint8_t wire[4096];
	int i, sum = 0;
	uint64_t begin;

	for (i = 0; i < READERS; i++)
		reader_start(&r[i], self->p.fd);
	begin = now_ms();
	feed_raw(&self->p, wire, bundle(&self->p, wire, 1, READERS, 100));
	for (i = 0; i < READERS; i++) {
		EXPECT_EQ(100, reader_join(&r[i]));
		sum += payload_id(r[i].data, 100);
	}
	EXPECT_EQ(1 + 2 + 3 + 4, sum);
	/* Not only when their time is over. */
	EXPECT_GT(WAIT_MS / 2, now_ms() - begin);
}

/* Peeking threads beside reading ones. */
static void *peek_main(void *arg)
{
	struct share *s = arg;
	uint8_t data[2048];
	ssize_t n;

	while ((n = recv(s->fd, data, sizeof(data), MSG_PEEK)) > 0) {
		if (payload_id(data, n) < 0)
			s->broken++;
		s->count++;
		sched_yield();
	}
	return NULL;
}

TEST_F(readers, peek_and_read)
{
	static uint8_t seen[1000];
	struct share s[READERS] = { 0 };
	int i;

	for (i = 0; i < READERS; i++) {
		s[i].fd = self->p.fd;
		s[i].seen = seen;
		s[i].max = ARRAY_LEN(seen);
		job_start(&s[i].job, i % 2 ? share_main : peek_main, &s[i]);
	}
	feed_mixed(&self->p, ARRAY_LEN(seen));
	/* Who opens a datagram may be slow to queue what the others wait for. */
	for (i = 0; i < 100 && s[1].count + s[3].count < (int)ARRAY_LEN(seen); i++)
		sleep_ms(100);
	shutdown(self->p.fd, SHUT_RD);
	for (i = 0; i < READERS; i++) {
		job_join(&s[i].job);
		EXPECT_EQ(0, s[i].broken);
	}
	EXPECT_EQ(ARRAY_LEN(seen), s[1].count + s[3].count);
	for (i = 0; i < (int)ARRAY_LEN(seen); i++)
		EXPECT_EQ(1, seen[i]);
}

TEST_HARNESS_MAIN
