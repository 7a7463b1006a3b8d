// SPDX-License-Identifier: GPL-2.0
/*
 * Endpoints that are bound to any address: sessions know which of ours is theirs.
 */
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <arpa/inet.h>
#include <sys/ioctl.h>

#include "harness.h"
#include "members.h"

static struct rx rx;

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
