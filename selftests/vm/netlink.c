// SPDX-License-Identifier: GPL-2.0
/*
 * The control plane: sessions made, asked for, changed and deleted by netlink; what
 * is refused and how it is said.
 */
#include <netinet/in.h>

#include "harness.h"
#include "requests.h"

static struct rx rx;

NETLINK_FIXTURE(netlink);

/* Making */

TEST_F(netlink, new)
{
	struct group *g = &self->g;
	struct peer *p = &self->bob;
	struct nl_message m;

	ASSERT_EQ(0, session_new(g, p, BOBS));
	EXPECT_EQ(1, g->nl.answers);
	m = g->nl.answer;
	EXPECT_EQ(KDTLS_CMD_SESSION_NEW, m.cmd);
	EXPECT_EQ(g->endpoint, m.endpoint);
	EXPECT_NE(0, m.session);
	EXPECT_NE(self->alice.id, m.session);
	EXPECT_EQ(g->member[BOBS], m.owner);
	EXPECT_EQ(p->len, m.peer_len);
	EXPECT_EQ(0, memcmp(&p->addr, &m.peer, p->len));
	EXPECT_EQ(p->len, m.local_len);
	EXPECT_EQ(htons(g->port), ((struct sockaddr_in *)&m.local)->sin_port);
	EXPECT_EQ(0, m.idle);
	EXPECT_EQ(DTLS_RETIRE_MAX, m.retire);
	EXPECT_EQ(0, m.handshake);
	EXPECT_EQ(variant->cipher, m.info.tx_cipher_type);
	EXPECT_EQ(variant->cipher, m.info.rx_cipher_type);
	EXPECT_EQ(DTLS_STATE_TX | DTLS_STATE_RX, m.info.state);
	EXPECT_EQ(5, m.info.tx_seq);
	EXPECT_EQ(oracle_overhead(&p->p.out), m.info.overhead);
	EXPECT_STREQ("SessionsNew+1 TxInstalled+1 RxInstalled+1",
		     stats_since(&self->before));
	EXPECT_EQ(2, stats_get("CurrSessions"));
	EXPECT_EQ(2, endpoint_info(g->fd[0]).sessions);
	group_steer(g, BOBS);
	EXPECT_TRUE(peer_echoes(g->fd[BOBS], p));
}

TEST_F(netlink, new_for_a_peer_that_has_one)
{
	struct group *g = &self->g;
	struct request r;

	EXPECT_REFUSED(-EEXIST, &g->nl, session_new(g, &self->alice, ALICES));
	/* One that was never there leaves nothing behind that is looked at. */
	peer_request_keys(&r, g, &self->alice, KDTLS_CMD_SESSION_NEW);
	req_u32(&r, KDTLS_A_IDLE, 1000);
	EXPECT_REFUSED(-EEXIST, &g->nl, call(g, &r));
	ASSERT_EQ(0, session_set_u32(g, &self->alice, KDTLS_A_IDLE, 60000));
	sleep_ms(2500);
	EXPECT_EQ(1, stats_get("CurrSessions"));
	EXPECT_EQ(1, stats_get("CurrTx"));
	EXPECT_TRUE(peer_echoes(g->fd[ALICES], &self->alice));
}

/* What a refusal brings back has no keys in it: they are wiped. */
TEST_F(netlink, echo_of_a_refusal)
{
	struct group *g = &self->g;

	nl_echo(&g->nl, true);
	EXPECT_REFUSED(-EEXIST, &g->nl, session_new(g, &self->alice, ALICES));
	EXPECT_REFUSED(-EKEYREJECTED, &g->nl,
		       replace_by(g, &self->alice, &self->alice.p.out,
				  &self->alice.p.in));
}

TEST_F(netlink, what_is_missing)
{
	static const uint8_t commands[] = {
		KDTLS_CMD_SESSION_NEW, KDTLS_CMD_SESSION_REPLACE,
		KDTLS_CMD_KEY_NEW, KDTLS_CMD_SESSION_GET, KDTLS_CMD_SESSION_SET,
		KDTLS_CMD_SESSION_DEL,
	};
	struct group *g = &self->g;
	struct request r;
	size_t i;

	for (i = 0; i < ARRAY_LEN(commands); i++) {
		req_init(&r, &g->nl, commands[i]);
		EXPECT_REFUSED(-EINVAL, &g->nl, call(g, &r));
		/* No peer. */
		req_init(&r, &g->nl, commands[i]);
		req_u32(&r, KDTLS_A_FD, g->fd[0]);
		req_keys(&r, KDTLS_A_TX, &self->bob.p.out);
		req_keys(&r, KDTLS_A_RX, &self->bob.p.in);
		EXPECT_REFUSED(-EINVAL, &g->nl, call(g, &r));
		/* No endpoint. */
		req_init(&r, &g->nl, commands[i]);
		req_put(&r, KDTLS_A_PEER, &self->bob.addr, self->bob.len);
		req_keys(&r, KDTLS_A_TX, &self->bob.p.out);
		req_keys(&r, KDTLS_A_RX, &self->bob.p.in);
		EXPECT_REFUSED(-EINVAL, &g->nl, call(g, &r));
	}
	for (i = 0; i < 2; i++) {
		peer_request(&r, g, &self->bob, commands[i]);
		req_keys(&r, KDTLS_A_TX, &self->bob.p.out);
		EXPECT_REFUSED(-EINVAL, &g->nl, call(g, &r));
		EXPECT_EQ(KDTLS_A_RX, g->nl.missing);
		peer_request(&r, g, &self->bob, commands[i]);
		req_keys(&r, KDTLS_A_RX, &self->bob.p.in);
		EXPECT_REFUSED(-EINVAL, &g->nl, call(g, &r));
		EXPECT_EQ(KDTLS_A_TX, g->nl.missing);
	}
	EXPECT_STREQ("", stats_since(&self->before));
}

TEST_F(netlink, which_endpoint)
{
	struct group *g = &self->g;
	int fd = udp_socket(variant->family);
	struct request r;

	EXPECT_REFUSED(-EBADF, &g->nl, by_fd(g, 999));
	EXPECT_REFUSED(-ENOTSOCK, &g->nl, by_fd(g, 0));
	EXPECT_REFUSED(-ENOTCONN, &g->nl, by_fd(g, fd));
	EXPECT_REFUSED(-ENOTCONN, &g->nl,
		       by_fd(g, mnl_socket_get_fd(g->nl.sock)));
	ASSERT_EQ(0, kdtls_attach(fd));
	EXPECT_REFUSED(-ENOTCONN, &g->nl, by_fd(g, fd));
	close(fd);
	req_init(&r, &g->nl, KDTLS_CMD_ENDPOINT_GET);
	req_u32(&r, KDTLS_A_ENDPOINT, g->endpoint + 1);
	EXPECT_REFUSED(-ENOENT, &g->nl, call(g, &r));
	req_init(&r, &g->nl, KDTLS_CMD_ENDPOINT_GET);
	req_u32(&r, KDTLS_A_ENDPOINT, g->endpoint);
	ASSERT_EQ(0, call(g, &r));
	EXPECT_EQ(g->endpoint, g->nl.answer.endpoint);
	EXPECT_EQ(3, g->nl.answer.members);
	EXPECT_EQ(1, g->nl.answer.sessions);
	EXPECT_EQ(g->member[0], g->nl.answer.member[0]);
	EXPECT_EQ(DTLS_MEMBER_HELPER, g->nl.answer.role[0]);
	EXPECT_EQ(DTLS_MEMBER_WORKER, g->nl.answer.role[1]);
}

static bool refused(struct group *g, int err)
{
	return (err == -EINVAL || err == -ERANGE) && nl_said_why(&g->nl);
}

TEST_F(netlink, lengths)
{
	static const uint16_t types[] = {
		KDTLS_A_PEER, KDTLS_A_LOCAL, KDTLS_A_OWNER, KDTLS_A_TX,
		KDTLS_A_RX, KDTLS_A_LIMITS, KDTLS_A_RETIRE, KDTLS_A_IDLE,
		KDTLS_A_HANDSHAKE, KDTLS_A_ENDPOINT, KDTLS_A_SESSION,
	};
	static const size_t bad[] = { 0, 3, 5, 7, 15, 19, 27, 29, 129, 200 };
	static const uint8_t zero[256];
	struct group *g = &self->g;
	size_t i, j;

	for (i = 0; i < ARRAY_LEN(types); i++)
		for (j = 0; j < ARRAY_LEN(bad); j++)
			EXPECT_TRUE(refused(g, new_with(g, &self->bob, types[i],
							zero, bad[j])) ||
				    g->nl.text[0]);
	EXPECT_EQ(1, stats_get("CurrSessions"));
	EXPECT_EQ(1, stats_get("CurrTx"));
}

static int new_with_u32(struct group *g, struct peer *p, uint16_t type,
			uint32_t value)
{
	return new_with(g, p, type, &value, sizeof(value));
}

TEST_F(netlink, values)
{
	struct dtls_limits upside_down = { .seal_soft = 2, .seal_hard = 1 };
	struct dtls_limits of_failures = { .fail_soft = 2, .fail_hard = 1 };
	struct group *g = &self->g;
	struct peer *p = &self->bob;
	uint8_t two = 2;

	EXPECT_REFUSED(-ESRCH, &g->nl,
		       new_with_u32(g, p, KDTLS_A_OWNER, 1U << 30));
	EXPECT_TRUE(refused(g, new_with_u32(g, p, KDTLS_A_RETIRE,
					    DTLS_RETIRE_MAX + 1)));
	EXPECT_TRUE(refused(g, new_with_u32(g, p, KDTLS_A_IDLE,
					    DTLS_IDLE_MAX + 1)));
	EXPECT_TRUE(refused(g, new_with(g, p, KDTLS_A_HANDSHAKE, &two, 1)));
	EXPECT_TRUE(refused(g, new_with(g, p, KDTLS_A_LIMITS, &upside_down,
					sizeof(upside_down))));
	EXPECT_TRUE(refused(g, new_with(g, p, KDTLS_A_LIMITS, &of_failures,
					sizeof(of_failures))));
	EXPECT_EQ(1, stats_get("CurrSessions"));
	/* The largest that there may be. */
	EXPECT_EQ(0, new_with_u32(g, p, KDTLS_A_IDLE, DTLS_IDLE_MAX));
	EXPECT_EQ(DTLS_IDLE_MAX, g->nl.answer.idle);
}

static int new_with_keys(struct group *g, struct peer *p, bool tx,
			 void (*change)(union crypto_info *ci))
{
	const struct oracle *o = tx ? &p->p.out : &p->p.in;
	union crypto_info ci;
	socklen_t n = crypto_info(&ci, tx ? DTLS_TX : DTLS_RX, o);

	change(&ci);
	return new_with(g, p, tx ? KDTLS_A_TX : KDTLS_A_RX, &ci, n);
}

static void bad_version(union crypto_info *ci)
{
	ci->info.version = DTLS_1_0_VERSION;
}

static void bad_epoch(union crypto_info *ci)
{
	ci->info.epoch = 0;
}

static void bad_window(union crypto_info *ci)
{
	ci->info.window = 31;
}

static void bad_seq(union crypto_info *ci)
{
	ci->info.rec_seq = ORACLE_SEQ_END + 1;
}

static void bad_pad(union crypto_info *ci)
{
	crypto_info_pad(ci)[0] = 1;
}

static void bad_cipher(union crypto_info *ci)
{
	ci->info.cipher_type = 9999;
}

TEST_F(netlink, keys)
{
	static void (*const bad[])(union crypto_info *ci) = {
		bad_version, bad_epoch, bad_window, bad_seq, bad_pad,
	};
	struct group *g = &self->g;
	size_t i;
	int tx;

	for (tx = 0; tx < 2; tx++) {
		for (i = 0; i < ARRAY_LEN(bad); i++)
			EXPECT_REFUSED(-EINVAL, &g->nl,
				       new_with_keys(g, &self->bob, tx,
						     bad[i]));
		EXPECT_REFUSED(-EOPNOTSUPP, &g->nl,
			       new_with_keys(g, &self->bob, tx, bad_cipher));
	}
	EXPECT_STREQ("", stats_since(&self->before));
	EXPECT_EQ(1, stats_get("CurrTx"));
	EXPECT_EQ(1, stats_get("CurrRx"));
}

static int new_to(struct group *g, struct peer *p, uint16_t type,
		  const struct sockaddr_storage *addr, socklen_t len)
{
	return new_with(g, p, type, addr, len);
}

TEST_F(netlink, addresses)
{
	enum family wrong = variant->family == IPV4 ? IPV6 : IPV4;
	struct group *g = &self->g;
	struct peer *p = &self->bob;
	struct sockaddr_storage a;
	socklen_t len;

	len = loopback(variant->family, 0, &a);
	EXPECT_REFUSED(-EINVAL, &g->nl, new_to(g, p, KDTLS_A_PEER, &a, len));
	len = any_address(variant->family, 9, &a);
	EXPECT_REFUSED(-EINVAL, &g->nl, new_to(g, p, KDTLS_A_PEER, &a, len));
	len = loopback(variant->family, 9, &a);
	a.ss_family = AF_UNIX;
	EXPECT_REFUSED(-EINVAL, &g->nl, new_to(g, p, KDTLS_A_PEER, &a, len));
	if (variant->family == IPV4) {
		len = loopback(wrong, 9, &a);
		EXPECT_REFUSED(-EINVAL, &g->nl,
			       new_to(g, p, KDTLS_A_PEER, &a, len));
		len = loopback(IPV4, 9, &a);
		((struct sockaddr_in *)&a)->sin_addr.s_addr = htonl(0xe0000001);
		EXPECT_REFUSED(-EINVAL, &g->nl,
			       new_to(g, p, KDTLS_A_PEER, &a, len));
	}
	/* Not the address that the endpoint is bound to. */
	len = loopback(variant->family, g->port + 1, &a);
	EXPECT_REFUSED(-EINVAL, &g->nl, new_to(g, p, KDTLS_A_LOCAL, &a, len));
	len = any_address(variant->family, g->port, &a);
	EXPECT_REFUSED(-EINVAL, &g->nl, new_to(g, p, KDTLS_A_LOCAL, &a, len));
	EXPECT_EQ(1, stats_get("CurrSessions"));
	len = loopback(variant->family, g->port, &a);
	EXPECT_EQ(0, new_to(g, p, KDTLS_A_LOCAL, &a, len));
}

/* Asking, changing, deleting */

TEST_F(netlink, get)
{
	struct group *g = &self->g;
	struct nl_message m;
	struct request r;

	feed_id(&self->alice.p, 50, 1);
	EXPECT_STREQ("1", recv_ids(g->fd[ALICES], 1));
	m = session_get(g, &self->alice);
	EXPECT_EQ(KDTLS_CMD_SESSION_GET, m.cmd);
	EXPECT_EQ(self->alice.id, m.session);
	EXPECT_EQ(1, m.info.rx_records);
	EXPECT_EQ(50, m.info.rx_bytes);
	EXPECT_LT(m.age, 60000);
	EXPECT_LE(m.unused, m.age);
	EXPECT_EQ(0, by_number(g, KDTLS_CMD_SESSION_GET, self->alice.id));
	EXPECT_EQ(self->alice.id, g->nl.answer.session);
	EXPECT_REFUSED(-ENOENT, &g->nl, by_number(g, KDTLS_CMD_SESSION_GET,
						  self->alice.id + 1));
	peer_request(&r, g, &self->bob, KDTLS_CMD_SESSION_GET);
	EXPECT_REFUSED(-ENOENT, &g->nl, call(g, &r));
}

TEST_F(netlink, set)
{
	struct group *g = &self->g;
	struct peer *p = &self->alice;
	struct nl_message m;
	struct request r;

	peer_request(&r, g, p, KDTLS_CMD_SESSION_SET);
	req_u32(&r, KDTLS_A_OWNER, g->member[BOBS]);
	req_u32(&r, KDTLS_A_RETIRE, 7);
	req_u32(&r, KDTLS_A_IDLE, 70000);
	req_u8(&r, KDTLS_A_HANDSHAKE, 1);
	EXPECT_EQ(0, call(g, &r));
	m = session_get(g, p);
	EXPECT_EQ(g->member[BOBS], m.owner);
	EXPECT_EQ(7, m.retire);
	EXPECT_EQ(70000, m.idle);
	EXPECT_EQ(1, m.handshake);
	EXPECT_REFUSED(-ESRCH, &g->nl,
		       session_set_u32(g, p, KDTLS_A_OWNER, 12345));
	EXPECT_REFUSED(-ENOENT, &g->nl,
		       session_set_u32(g, &self->bob, KDTLS_A_OWNER, 0));
	EXPECT_EQ(g->member[BOBS], session_get(g, p).owner);
	EXPECT_EQ(0, session_set_u32(g, p, KDTLS_A_OWNER, 0));
	EXPECT_EQ(0, session_get(g, p).owner);
}

TEST_F(netlink, del)
{
	struct group *g = &self->g;
	struct peer *p = &self->alice;

	EXPECT_EQ(0, session_del(g, p));
	EXPECT_EQ(0, stats_get("CurrSessions"));
	EXPECT_EQ(0, stats_get("CurrTx"));
	EXPECT_REFUSED(-ENOENT, &g->nl, session_del(g, p));
	EXPECT_REFUSED(-ENOENT, &g->nl,
		       by_number(g, KDTLS_CMD_SESSION_DEL, p->id));
	EXPECT_EQ(-ENOTCONN, peer_send(g->fd[ALICES], p, "abcd", 4));
	feed_id(&p->p, 50, 1);
	EXPECT_EQ(-EAGAIN, pump(g->fd[ALICES]));
	EXPECT_EQ(50 + oracle_overhead(&p->p.in),
		  rx_recv(g->fd[HELPER], &rx, 0));
	EXPECT_TRUE(rx.raw);
	EXPECT_STREQ("SessionsDeleted+1 TxNoSession+1 RxRaw+1 RxForwarded+1 "
		     "RxUnknown+1", stats_since(&self->before));
	/* And anew. */
	peer_rekey(p, variant->cipher, 1);
	EXPECT_EQ(0, session_new(g, p, ALICES));
	EXPECT_TRUE(peer_echoes(g->fd[ALICES], p));
}

TEST_F(netlink, counters)
{
	struct request r;

	req_init(&r, &self->g.nl, KDTLS_CMD_STATS_GET);
	EXPECT_EQ(0, call(&self->g, &r));
	EXPECT_EQ(42, self->g.nl.answer.counters);
	EXPECT_EQ(1, self->g.nl.answer.curr_sessions);
}

/* What nobody means */

static void random_request(struct request *r, const struct nl *nl, uint8_t cmd,
			   int fd)
{
	uint8_t data[200];
	int i, n = rnd(8);

	req_init(r, nl, cmd);
	if (rnd(4))
		req_u32(r, KDTLS_A_FD, fd);
	for (i = 0; i < n; i++) {
		rnd_bytes(data, sizeof(data));
		req_put(r, rnd(KDTLS_A_MAX + 4), data,
			rnd(2) ? rnd(sizeof(data)) : 4U << rnd(4));
	}
	if (!rnd(4))
		r->nlh->nlmsg_len -= rnd(4);
	/* An attribute that is longer than what is left. */
	if (!rnd(4))
		r->buf[sizeof(struct nlmsghdr) + 4] = rnd(256);
}

static void ignore(const struct nl_message *m, void *arg)
{
	(void)m;
	(void)arg;
}

TEST_F(netlink, nonsense)
{
	struct group *g = &self->g;
	struct request r;
	int cmd, i;

	for (cmd = 0; cmd <= KDTLS_CMD_MAX + 1; cmd++) {
		if (cmd == KDTLS_CMD_ATTACH)
			continue;
		for (i = 0; i < 20; i++) {
			random_request(&r, &g->nl, cmd, g->fd[0]);
			if (i & 1)
				nl_call(&g->nl, &r);
			else
				nl_dump(&g->nl, &r, ignore, NULL);
		}
	}
	EXPECT_EQ(1, stats_get("CurrSessions"));
	EXPECT_TRUE(peer_echoes(g->fd[ALICES], &self->alice));
}

TEST_HARNESS_MAIN
