// SPDX-License-Identifier: GPL-2.0
/* IPV6_RECVPATHMTU: a receive call that tells a path MTU, as with UDP. */
#include <netinet/in.h>
#include <string.h>
#include <unistd.h>

#include "harness.h"

#define MTU	1400

FIXTURE(pathmtu) {
	struct pair p;
	int plain;
};

FIXTURE_VARIANT(pathmtu) {
	uint16_t cipher;
	enum family family;
};

VARIANT(pathmtu, gcm128_v6, GCM128, IPV6);
VARIANT(pathmtu, chacha_v6, CHACHA, IPV6);

static void ask(int fd)
{
	set_int(fd, SOL_IPV6, IPV6_DONTFRAG, 1);
	set_int(fd, SOL_IPV6, IPV6_RECVPATHMTU, 1);
	set_timeout(fd, WAIT_MS);
}

FIXTURE_SETUP(pathmtu)
{
	netns_enter();
	lo_mtu(MTU);
	pair_setup(&self->p, variant->family, variant->cipher);
	self->plain = udp_socket(variant->family);
	udp_connect(self->plain, variant->family, self->p.peer);
	ask(self->p.fd);
	ask(self->plain);
}

FIXTURE_TEARDOWN(pathmtu)
{
	close(self->plain);
	pair_close(&self->p);
}

struct told {
	long			len;
	bool			mtu;
	struct ip6_mtuinfo	info;
	struct sockaddr_in6	name;
	socklen_t		namelen;
};

static void receive(int fd, struct told *t)
{
	char control[256], data[100];
	struct iovec iov = { data, sizeof(data) };
	struct msghdr msg = {
		.msg_name = &t->name, .msg_namelen = sizeof(t->name),
		.msg_iov = &iov, .msg_iovlen = 1,
		.msg_control = control, .msg_controllen = sizeof(control),
	};
	struct cmsghdr *c;

	memset(t, 0, sizeof(*t));
	t->len = RC(recvmsg(fd, &msg, MSG_DONTWAIT));
	if (t->len < 0)
		return;
	t->namelen = msg.msg_namelen;
	for (c = CMSG_FIRSTHDR(&msg); c; c = CMSG_NXTHDR(&msg, c))
		if (c->cmsg_level == SOL_IPV6 && c->cmsg_type == IPV6_PATHMTU) {
			t->mtu = true;
			memcpy(&t->info, CMSG_DATA(c), sizeof(t->info));
		}
}

TEST_F(pathmtu, as_udp)
{
	uint8_t data[2000] = { 0 };
	struct told want, got;

	EXPECT_EQ(-EMSGSIZE, RC(send(self->plain, data, sizeof(data), 0)));
	EXPECT_EQ(-EMSGSIZE, RC(send(self->p.fd, data, sizeof(data), 0)));
	receive(self->plain, &want);
	receive(self->p.fd, &got);
	ASSERT_EQ(0, want.len);
	ASSERT_TRUE(want.mtu);
	EXPECT_EQ(want.len, got.len);
	EXPECT_EQ(want.mtu, got.mtu);
	EXPECT_EQ(MTU, got.info.ip6m_mtu);
	EXPECT_EQ(0, memcmp(&want.info, &got.info, sizeof(want.info)));
	EXPECT_EQ(want.namelen, got.namelen);
	EXPECT_EQ(0, memcmp(&want.name, &got.name, sizeof(want.name)));
	/* It comes once, and data as always. */
	receive(self->p.fd, &got);
	EXPECT_EQ(-EAGAIN, got.len);
	feed_id(&self->p, 50, 1);
	receive(self->p.fd, &got);
	EXPECT_EQ(50, got.len);
	EXPECT_FALSE(got.mtu);
}

TEST_F(pathmtu, before_data)
{
	uint8_t data[2000] = { 0 };
	struct told got;

	feed_id(&self->p, 50, 1);
	EXPECT_EQ(-EMSGSIZE, RC(send(self->p.fd, data, sizeof(data), 0)));
	receive(self->p.fd, &got);
	EXPECT_EQ(0, got.len);
	EXPECT_TRUE(got.mtu);
	receive(self->p.fd, &got);
	EXPECT_EQ(50, got.len);
}

TEST_F(pathmtu, unasked)
{
	uint8_t data[2000] = { 0 };
	struct told got;

	set_int(self->p.fd, SOL_IPV6, IPV6_RECVPATHMTU, 0);
	EXPECT_EQ(-EMSGSIZE, RC(send(self->p.fd, data, sizeof(data), 0)));
	receive(self->p.fd, &got);
	EXPECT_EQ(-EAGAIN, got.len);
	/* The largest payload that it tells goes through. */
	ASSERT_LT(1000, dtls_info(self->p.fd).max_payload);
	EXPECT_EQ(dtls_info(self->p.fd).max_payload,
		  send(self->p.fd, data, dtls_info(self->p.fd).max_payload, 0));
	EXPECT_EQ(-EMSGSIZE, RC(send(self->p.fd, data,
				     dtls_info(self->p.fd).max_payload + 1, 0)));
}

TEST_HARNESS_MAIN
