// SPDX-License-Identifier: GPL-2.0
/* How sockets become members of an endpoint, and what they can not do then. */
#include <netinet/in.h>

#include "harness.h"
#include "group.h"

FIXTURE(membership) {
	struct sockaddr_storage addr;
	socklen_t len;
	int fd;
};

FIXTURE_VARIANT(membership) {
	uint16_t cipher;
	enum family family;
};

VARIANTS_OF_FAMILIES(membership);

FIXTURE_SETUP(membership)
{
	netns_enter();
	self->len = loopback(variant->family, 0, &self->addr);
	self->fd = group_socket(variant->family, &self->addr, self->len);
	self->len = loopback(variant->family, local_port(self->fd),
			     &self->addr);
}

FIXTURE_TEARDOWN(membership)
{
	close(self->fd);
}

static int join_with(int fd, struct dtls_endpoint e, socklen_t len)
{
	uint8_t buf[sizeof(e) + 8] = {};

	memcpy(buf, &e, sizeof(e));
	return RC(setsockopt(fd, SOL_DTLS, DTLS_ENDPOINT, buf, len));
}

TEST_F(membership, invalid)
{
	struct dtls_endpoint e = { .role = DTLS_MEMBER_WORKER };
	socklen_t len;

	for (len = 0; len <= sizeof(e) + 8; len++)
		if (len != sizeof(e))
			EXPECT_EQ(-EINVAL, join_with(self->fd, e, len));
	len = sizeof(e);
	EXPECT_EQ(-EINVAL, endpoint_join(self->fd, 0));
	EXPECT_EQ(-EINVAL, endpoint_join(self->fd, 4));
	EXPECT_EQ(-EINVAL, endpoint_join(self->fd, 1U << 31 | 1));
	e.endpoint = 1;
	EXPECT_EQ(-EINVAL, join_with(self->fd, e, len));
	e.endpoint = 0;
	e.member = 1;
	EXPECT_EQ(-EINVAL, join_with(self->fd, e, len));
	e.member = 0;
	e.sessions = 1;
	EXPECT_EQ(-EINVAL, join_with(self->fd, e, len));
	EXPECT_EQ(-EFAULT, RC(setsockopt(self->fd, SOL_DTLS, DTLS_ENDPOINT,
					 (void *)8, sizeof(e))));
	EXPECT_EQ(0, stats_get("CurrEndpoints"));
}

TEST_F(membership, told)
{
	struct dtls_endpoint e = { .role = 99 };
	socklen_t len = sizeof(e);

	EXPECT_EQ(-ENOTCONN, RC(getsockopt(self->fd, SOL_DTLS, DTLS_ENDPOINT,
					   &e, &len)));
	ASSERT_EQ(0, endpoint_join(self->fd, DTLS_MEMBER_HELPER));
	e = endpoint_info(self->fd);
	EXPECT_EQ(DTLS_MEMBER_HELPER, e.role);
	EXPECT_NE(0, e.endpoint);
	EXPECT_NE(0, e.member);
	EXPECT_EQ(0, e.sessions);
	EXPECT_EQ(1, stats_get("CurrEndpoints"));
}

TEST_F(membership, twice)
{
	ASSERT_EQ(0, endpoint_join(self->fd, DTLS_MEMBER_WORKER));
	EXPECT_EQ(-EALREADY, endpoint_join(self->fd, DTLS_MEMBER_WORKER));
	EXPECT_EQ(-EALREADY, endpoint_join(self->fd, DTLS_MEMBER_HELPER));
	EXPECT_EQ(DTLS_MEMBER_WORKER, endpoint_info(self->fd).role);
}

TEST_F(membership, connected)
{
	udp_connect(self->fd, variant->family, self->fd);
	EXPECT_EQ(-EISCONN, endpoint_join(self->fd, DTLS_MEMBER_WORKER));
}

TEST_F(membership, with_keys)
{
	struct pair p;

	pair_setup(&p, variant->family, variant->cipher);
	EXPECT_EQ(-EISCONN, endpoint_join(p.fd, DTLS_MEMBER_WORKER));
	EXPECT_TRUE(echoes(&p));
	pair_close(&p);
}

TEST_F(membership, not_attached)
{
	int fd = udp_socket(variant->family);

	udp_bind(fd, variant->family);
	EXPECT_EQ(-ENOPROTOOPT, endpoint_join(fd, DTLS_MEMBER_WORKER));
	close(fd);
}

TEST_F(membership, not_bound)
{
	int fd = udp_socket(variant->family);

	ASSERT_EQ(0, kdtls_attach(fd));
	EXPECT_EQ(-EADDRNOTAVAIL, endpoint_join(fd, DTLS_MEMBER_WORKER));
	close(fd);
}

TEST_F(membership, corked)
{
	struct sockaddr_storage to;
	socklen_t len = loopback(variant->family, 9, &to);

	ASSERT_EQ(4, sendto(self->fd, "abcd", 4, MSG_MORE, (void *)&to, len));
	EXPECT_EQ(-EBUSY, endpoint_join(self->fd, DTLS_MEMBER_WORKER));
	EXPECT_EQ(0, stats_get("CurrEndpoints"));
}

TEST_F(membership, second_helper)
{
	int fd = group_socket(variant->family, &self->addr, self->len);

	ASSERT_EQ(0, endpoint_join(self->fd, DTLS_MEMBER_HELPER));
	EXPECT_EQ(-EBUSY, endpoint_join(fd, DTLS_MEMBER_HELPER));
	EXPECT_EQ(-EBUSY, endpoint_join(fd, DTLS_MEMBER_HELPER |
					    DTLS_MEMBER_WORKER));
	EXPECT_EQ(0, endpoint_join(fd, DTLS_MEMBER_WORKER));
	EXPECT_EQ(endpoint_info(self->fd).endpoint, endpoint_info(fd).endpoint);
	EXPECT_NE(endpoint_info(self->fd).member, endpoint_info(fd).member);
	EXPECT_EQ(1, stats_get("CurrEndpoints"));
	close(self->fd);
	self->fd = group_socket(variant->family, &self->addr, self->len);
	EXPECT_EQ(0, endpoint_join(self->fd, DTLS_MEMBER_HELPER));
	close(fd);
}

/* SO_REUSEADDR lets anybody in; that is no group. */
static int reuseaddr_socket(enum family family,
			    const struct sockaddr_storage *addr, socklen_t len)
{
	int fd = udp_socket(family);

	set_int(fd, SOL_SOCKET, SO_REUSEADDR, 1);
	if (bind(fd, (const void *)addr, len) || kdtls_attach(fd))
		die("bind");
	return fd;
}

TEST_F(membership, not_of_the_group)
{
	struct sockaddr_storage addr;
	socklen_t len = loopback(variant->family, 0, &addr);
	int fd = reuseaddr_socket(variant->family, &addr, len), other;

	len = loopback(variant->family, local_port(fd), &addr);
	other = reuseaddr_socket(variant->family, &addr, len);
	ASSERT_EQ(0, endpoint_join(fd, DTLS_MEMBER_WORKER));
	EXPECT_EQ(-EADDRINUSE, endpoint_join(other, DTLS_MEMBER_WORKER));
	close(fd);
	EXPECT_EQ(0, endpoint_join(other, DTLS_MEMBER_WORKER));
	close(other);
}

/* Whoever can share the port by other means does not get at the sessions. */
TEST_F(membership, of_somebody_else)
{
	int mine = udp_socket(variant->family), theirs;
	struct sockaddr_storage addr;
	socklen_t len = loopback(variant->family, 0, &addr);

	set_int(mine, SOL_SOCKET, SO_REUSEADDR, 1);
	set_int(mine, SOL_SOCKET, SO_REUSEPORT, 1);
	ASSERT_EQ(0, bind(mine, (void *)&addr, len));
	len = loopback(variant->family, local_port(mine), &addr);
	ASSERT_EQ(0, seteuid(65534));
	theirs = udp_socket(variant->family);
	ASSERT_EQ(0, seteuid(0));
	set_int(theirs, SOL_SOCKET, SO_REUSEADDR, 1);
	set_int(theirs, SOL_SOCKET, SO_REUSEPORT, 1);
	ASSERT_EQ(0, bind(theirs, (void *)&addr, len));
	ASSERT_EQ(0, kdtls_attach(mine));
	ASSERT_EQ(0, kdtls_attach(theirs));
	ASSERT_EQ(0, endpoint_join(mine, DTLS_MEMBER_WORKER));
	EXPECT_EQ(-EADDRINUSE, endpoint_join(theirs, DTLS_MEMBER_WORKER));
	close(mine);
	close(theirs);
}

TEST_F(membership, other_addresses_are_other_endpoints)
{
	struct sockaddr_storage addr;
	socklen_t len = any_address(variant->family, 0, &addr);
	int fd = group_socket(variant->family, &addr, len);

	ASSERT_EQ(0, endpoint_join(self->fd, DTLS_MEMBER_HELPER));
	EXPECT_EQ(0, endpoint_join(fd, DTLS_MEMBER_HELPER));
	EXPECT_NE(endpoint_info(self->fd).endpoint, endpoint_info(fd).endpoint);
	EXPECT_EQ(2, stats_get("CurrEndpoints"));
	close(fd);
}

TEST_F(membership, for_good)
{
	struct sockaddr unspec = { .sa_family = AF_UNSPEC };
	struct oracle o;

	ASSERT_EQ(0, endpoint_join(self->fd, DTLS_MEMBER_WORKER));
	EXPECT_EQ(-EISCONN, RC(connect(self->fd, (void *)&self->addr,
				       self->len)));
	EXPECT_EQ(-EISCONN, RC(connect(self->fd, &unspec, sizeof(unspec))));
	oracle_init(&o, variant->cipher, 1, 1);
	EXPECT_EQ(-EISCONN, kdtls_install(self->fd, DTLS_TX, &o));
	EXPECT_EQ(-EISCONN, kdtls_install(self->fd, DTLS_RX, &o));
	oracle_free(&o);
	EXPECT_EQ(0, dtls_info(self->fd).state);
	EXPECT_EQ(DTLS_MEMBER_WORKER, endpoint_info(self->fd).role);
}

/* Before, a socket passes what comes; from the joining on it does not. */
TEST_F(membership, plain_before)
{
	struct sockaddr_storage to = self->addr;
	enum family other = variant->family == MAPPED ? IPV4 : variant->family;
	int peer = udp_socket(other);
	socklen_t len = loopback(other, local_port(self->fd), &to);
	struct reader r;

	reader_start(&r, self->fd);
	ASSERT_EQ(0, endpoint_join(self->fd, DTLS_MEMBER_WORKER));
	ASSERT_EQ(5, sendto(peer, "plain", 5, 0, (void *)&to, len));
	sleep_ms(QUIET_MS);
	EXPECT_FALSE(job_done(&r.job));
	EXPECT_EQ(1, stats_get("RxDropFormat"));
	shutdown(self->fd, SHUT_RD);
	set_timeout(self->fd, 1);
	pthread_cancel(r.job.thread);
	pthread_join(r.job.thread, NULL);
	close(peer);
}

TEST_HARNESS_MAIN
