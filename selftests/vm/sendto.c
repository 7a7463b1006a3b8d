// SPDX-License-Identifier: GPL-2.0
/*
 * What the members of an endpoint send, and to whom.
 */
#include <netinet/in.h>
#include <netinet/udp.h>

#include "harness.h"
#include "members.h"

#ifndef SO_ZEROCOPY
#define SO_ZEROCOPY	60
#endif

static struct rx rx;

MEMBERS_FIXTURE(sendto);

TEST_F(sendto, sendto)
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

TEST_F(sendto, numbers_of_a_session)
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

TEST_F(sendto, sizes)
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

TEST_F(sendto, sendto_a_stranger)
{
	struct group *g = &self->g;
	int i;

	for (i = 0; i < g->count; i++)
		EXPECT_EQ(-ENOTCONN, peer_send(g->fd[i], &self->stranger,
					       "abcd", 4));
	EXPECT_TRUE(quiet(self->stranger.p.peer));
	EXPECT_STREQ("TxNoSession+3", stats_since(&self->before));
}

TEST_F(sendto, sendto_nobody)
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

TEST_F(sendto, bad_addresses)
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

TEST_F(sendto, trains_by_control_message)
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

TEST_F(sendto, trains_by_option)
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

TEST_F(sendto, sendmmsg_to_many)
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

TEST_F(sendto, what_members_do_not_take)
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

TEST_F(sendto, raw_by_the_helper)
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

TEST_F(sendto, raw_by_a_worker)
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
TEST_F(sendto, raw_that_is_not_a_handshake)
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

TEST_HARNESS_MAIN
