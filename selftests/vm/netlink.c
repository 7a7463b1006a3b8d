// SPDX-License-Identifier: GPL-2.0
/*
 * The control plane: sessions made, replaced, given keys, listed and deleted by
 * netlink; who may do it, what is refused and how it is said, who is told.
 */
#include <netinet/in.h>
#include <sched.h>
#include <sys/wait.h>

#include "harness.h"
#include "group.h"

#define WARNING		1
#define FATAL		2

#define HELPER	0
#define ALICES	1	/* owns the session with alice */
#define BOBS	2

static struct rx rx;

FIXTURE(netlink) {
	struct group g;
	struct peer alice;	/* has a session */
	struct peer bob;	/* has none */
	struct stats before;
};

FIXTURE_VARIANT(netlink) {
	uint16_t cipher;
	enum family family;
};

VARIANTS_OF_FAMILIES(netlink);

FIXTURE_SETUP(netlink)
{
	netns_enter();
	group_open(&self->g, variant->family, variant->cipher, 3);
	peer_open(&self->alice, &self->g);
	peer_open(&self->bob, &self->g);
	ASSERT_EQ(0, session_new(&self->g, &self->alice, ALICES));
	group_steer(&self->g, ALICES);
	stats_read(&self->before);
}

FIXTURE_TEARDOWN(netlink)
{
	EXPECT_EQ(0, nl_leaks());
	peer_close(&self->alice);
	peer_close(&self->bob);
	group_close(&self->g);
}

static long pump(int fd)
{
	return rx_recv(fd, &rx, MSG_DONTWAIT);
}

/* Refused as it should be, and told why. */
#define EXPECT_REFUSED(want, nl, call)					\
	do {								\
		EXPECT_EQ(want, call);					\
		EXPECT_TRUE(nl_said_why(nl));				\
	} while (0)

#define EXPECT_LIST_REFUSED(want, nl, call)				\
	do {								\
		EXPECT_EQ(want, call);					\
		EXPECT_TRUE(nl_said_why(nl) || !nl_lists_say_why());	\
	} while (0)

static int call(struct group *g, struct request *r)
{
	return nl_call(&g->nl, r);
}

static int replace_by(struct group *g, const struct peer *p,
		      const struct oracle *tx, const struct oracle *in)
{
	struct request r;

	peer_request(&r, g, p, KDTLS_CMD_SESSION_REPLACE);
	req_keys(&r, KDTLS_A_TX, tx);
	req_keys(&r, KDTLS_A_RX, in);
	return call(g, &r);
}

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

static int by_fd(struct group *g, int fd)
{
	struct request r;

	req_init(&r, &g->nl, KDTLS_CMD_ENDPOINT_GET);
	req_u32(&r, KDTLS_A_FD, fd);
	return call(g, &r);
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

/* A request whose one attribute @type is of @n bytes. */
static int new_with(struct group *g, struct peer *p, uint16_t type,
		    const void *data, size_t n)
{
	struct request r;

	req_init(&r, &g->nl, KDTLS_CMD_SESSION_NEW);
	req_u32(&r, KDTLS_A_FD, g->fd[0]);
	if (type != KDTLS_A_PEER)
		req_put(&r, KDTLS_A_PEER, &p->addr, p->len);
	if (type != KDTLS_A_TX)
		req_keys(&r, KDTLS_A_TX, &p->p.out);
	if (type != KDTLS_A_RX)
		req_keys(&r, KDTLS_A_RX, &p->p.in);
	req_put(&r, type, data, n);
	return call(g, &r);
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

static int by_number(struct group *g, uint8_t cmd, uint32_t session)
{
	struct request r;

	req_init(&r, &g->nl, cmd);
	req_u32(&r, KDTLS_A_FD, g->fd[0]);
	req_u32(&r, KDTLS_A_SESSION, session);
	return call(g, &r);
}

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

/* Replacing */

TEST_F(netlink, replace)
{
	struct group *g = &self->g;
	struct peer *p = &self->alice;
	struct oracle in, out;
	struct request r;
	uint8_t wire[200];
	uint32_t id = p->id;

	ASSERT_EQ(0, session_set_u32(g, p, KDTLS_A_IDLE, 77777));
	ASSERT_EQ(0, session_set_u8(g, p, KDTLS_A_HANDSHAKE, 1));
	in = p->p.in;
	out = p->p.out;
	oracle_init(&p->p.in, variant->cipher, 1, 1);
	oracle_init(&p->p.out, variant->cipher, 1, 1);
	peer_request_keys(&r, g, p, KDTLS_CMD_SESSION_REPLACE);
	ASSERT_EQ(0, call(g, &r));
	EXPECT_EQ(KDTLS_CMD_SESSION_REPLACE, g->nl.answer.cmd);
	EXPECT_NE(id, g->nl.answer.session);
	EXPECT_EQ(g->member[ALICES], g->nl.answer.owner);
	EXPECT_EQ(77777, g->nl.answer.idle);
	EXPECT_EQ(0, g->nl.answer.handshake);
	EXPECT_REFUSED(-ENOENT, &g->nl,
		       by_number(g, KDTLS_CMD_SESSION_GET, id));
	EXPECT_EQ(1, stats_get("CurrSessions"));
	EXPECT_EQ(1, stats_get("CurrTx"));
	/* The old keys are dead. */
	feed_raw(&p->p, wire, oracle_seal(&in, DTLS_CT_APPLICATION_DATA, "data",
					  4, wire));
	EXPECT_EQ(-EAGAIN, pump(g->fd[ALICES]));
	EXPECT_EQ(1, stats_get("RxDropAuth"));
	EXPECT_TRUE(peer_echoes(g->fd[ALICES], p));
	oracle_free(&in);
	oracle_free(&out);
}

TEST_F(netlink, replace_by_what_it_has)
{
	struct oracle *out = &self->alice.p.out, *in = &self->alice.p.in;
	struct oracle *new_out = &self->bob.p.out, *new_in = &self->bob.p.in;
	struct group *g = &self->g;
	struct peer *p = &self->alice;

	EXPECT_REFUSED(-EKEYREJECTED, &g->nl, replace_by(g, p, out, in));
	EXPECT_REFUSED(-EKEYREJECTED, &g->nl, replace_by(g, p, in, out));
	EXPECT_REFUSED(-EKEYREJECTED, &g->nl, replace_by(g, p, out, new_in));
	EXPECT_REFUSED(-EKEYREJECTED, &g->nl, replace_by(g, p, in, new_in));
	EXPECT_REFUSED(-EKEYREJECTED, &g->nl, replace_by(g, p, new_out, in));
	EXPECT_REFUSED(-EKEYREJECTED, &g->nl, replace_by(g, p, new_out, out));
	EXPECT_STREQ("", stats_since(&self->before));
	EXPECT_TRUE(peer_echoes(g->fd[ALICES], p));
	EXPECT_EQ(0, replace_by(g, p, new_out, new_in));
	EXPECT_REFUSED(-ENOENT, &g->nl,
		       replace_by(g, &self->bob, out, in));
}

/* New keys */

static int key_new(struct group *g, const struct peer *p,
		   const struct oracle *tx, const struct oracle *in)
{
	struct request r;

	peer_request(&r, g, p, KDTLS_CMD_KEY_NEW);
	if (tx)
		req_keys(&r, KDTLS_A_TX, tx);
	if (in)
		req_keys(&r, KDTLS_A_RX, in);
	return call(g, &r);
}

static void feed_by(struct peer *p, struct oracle *o, uint64_t seq, uint32_t id)
{
	uint8_t data[50], wire[200];

	payload(data, sizeof(data), id);
	feed_raw(&p->p, wire, oracle_seal_seq(o, DTLS_CT_APPLICATION_DATA, seq,
					      data, sizeof(data), wire));
}

TEST_F(netlink, two_epochs)
{
	struct group *g = &self->g;
	struct peer *p = &self->alice;
	struct oracle tx, in;
	uint32_t id = p->id;

	oracle_init(&tx, variant->cipher, 2, 1);
	oracle_init(&in, variant->cipher, 2, 1);
	feed_by(p, &p->p.in, 10, 1);
	EXPECT_STREQ("1", recv_ids(g->fd[ALICES], 1));
	ASSERT_EQ(0, key_new(g, p, &tx, &in));
	EXPECT_EQ(id, session_get(g, p).session);
	EXPECT_EQ(DTLS_STATE_TX | DTLS_STATE_RX | DTLS_STATE_RX_OLD,
		  session_get(g, p).info.state);
	EXPECT_EQ(1, session_get(g, p).info.rx_old_epoch);
	/* Each epoch has a window of its own. */
	feed_by(p, &in, 10, 2);
	feed_by(p, &p->p.in, 11, 3);
	feed_by(p, &p->p.in, 10, 4);
	feed_by(p, &in, 10, 5);
	EXPECT_STREQ("2 3", recv_ids(g->fd[ALICES], 2));
	EXPECT_EQ(2, stats_get("RxDropReplay"));
	/* Sending changes at once. */
	oracle_free(&p->p.out);
	p->p.out = tx;
	EXPECT_EQ(50, peer_send_id(g->fd[ALICES], p, 50, 6));
	EXPECT_EQ(6, take_id(&p->p));
	oracle_free(&in);
}

TEST_F(netlink, old_keys_retire)
{
	struct group *g = &self->g;
	struct peer *p = &self->alice;
	struct oracle in;
	uint64_t end;

	oracle_init(&in, variant->cipher, 2, 1);
	ASSERT_EQ(0, session_set_u32(g, p, KDTLS_A_RETIRE, 1000));
	ASSERT_EQ(0, key_new(g, p, NULL, &in));
	feed_by(p, &p->p.in, 10, 1);
	EXPECT_STREQ("1", recv_ids(g->fd[ALICES], 1));
	sleep_ms(1100);
	feed_by(p, &p->p.in, 11, 2);
	feed_by(p, &in, 11, 3);
	EXPECT_STREQ("3", recv_ids(g->fd[ALICES], 1));
	EXPECT_EQ(1, stats_get("RxDropEpoch"));
	/* And they go, whether asked for or not. */
	end = now_ms() + WAIT_MS;
	while (session_get(g, p).info.state & DTLS_STATE_RX_OLD &&
	       now_ms() < end)
		sleep_ms(50);
	EXPECT_EQ(DTLS_STATE_TX | DTLS_STATE_RX, session_get(g, p).info.state);
	oracle_free(&in);
}

TEST_F(netlink, refused_keys)
{
	struct group *g = &self->g;
	struct peer *p = &self->alice;

	EXPECT_REFUSED(-EKEYREJECTED, &g->nl,
		       key_new(g, p, &p->p.out, NULL));
	EXPECT_REFUSED(-EKEYREJECTED, &g->nl, key_new(g, p, NULL, &p->p.in));
	/* Both or none. */
	EXPECT_REFUSED(-EKEYREJECTED, &g->nl,
		       key_new(g, p, &self->bob.p.out, &p->p.in));
	EXPECT_REFUSED(-EKEYREJECTED, &g->nl,
		       key_new(g, p, &p->p.out, &self->bob.p.in));
	EXPECT_REFUSED(-EINVAL, &g->nl, key_new(g, p, NULL, NULL));
	EXPECT_REFUSED(-ENOENT, &g->nl,
		       key_new(g, &self->bob, &self->bob.p.out, NULL));
	EXPECT_STREQ("", stats_since(&self->before));
	EXPECT_TRUE(peer_echoes(g->fd[ALICES], p));
	feed_alert(&p->p, WARNING, 0);
	EXPECT_EQ(-EAGAIN, pump(g->fd[ALICES]));
	EXPECT_REFUSED(-EPIPE, &g->nl, key_new(g, p, &self->bob.p.out, NULL));
}

/* Being told */

static bool told(struct nl *nl, uint8_t event, uint32_t session)
{
	struct nl_message m;

	return nl_event(nl, &m, WAIT_MS) && m.event == event &&
	       m.session == session;
}

static bool told_by_socket(int fd, int event, uint32_t session)
{
	uint32_t id = 0;

	return event_next(fd, &id) == event && id == session;
}

TEST_F(netlink, events)
{
	struct group *g = &self->g;
	struct peer *p = &self->bob;
	struct nl nl;

	nl_open(&nl);
	ASSERT_EQ(0, nl_join(&nl));
	set_int(g->fd[HELPER], SOL_DTLS, DTLS_RECV_EVENTS, 1);
	ASSERT_EQ(0, session_new(g, p, BOBS));
	EXPECT_TRUE(told(&nl, DTLS_EVENT_UP, p->id));
	EXPECT_TRUE(told_by_socket(g->fd[HELPER], DTLS_EVENT_UP, p->id));
	ASSERT_EQ(0, session_set_u32(g, p, KDTLS_A_OWNER, g->member[ALICES]));
	EXPECT_TRUE(told(&nl, DTLS_EVENT_MOVED, p->id));
	EXPECT_TRUE(told_by_socket(g->fd[HELPER], DTLS_EVENT_MOVED, p->id));
	/* To whom it belongs already is no move. */
	ASSERT_EQ(0, session_set_u32(g, p, KDTLS_A_OWNER, g->member[ALICES]));
	feed_alert(&p->p, WARNING, 0);
	pump(g->fd[ALICES]);
	EXPECT_TRUE(told(&nl, DTLS_EVENT_CLOSED, p->id));
	feed_alert(&self->alice.p, FATAL, 40);
	pump(g->fd[ALICES]);
	EXPECT_TRUE(told(&nl, DTLS_EVENT_ALERT, self->alice.id));
	peer_rekey(p, variant->cipher, 1);
	ASSERT_EQ(0, replace_by(g, p, &p->p.out, &p->p.in));
	EXPECT_TRUE(told(&nl, DTLS_EVENT_GONE, p->id));
	p->id = g->nl.answer.session;
	EXPECT_TRUE(told(&nl, DTLS_EVENT_UP, p->id));
	ASSERT_EQ(0, session_del(g, p));
	EXPECT_TRUE(told(&nl, DTLS_EVENT_GONE, p->id));
	nl_close(&nl);
}

TEST_F(netlink, limits)
{
	struct dtls_limits limits = { .seal_soft = 4, .seal_hard = 8 };
	struct group *g = &self->g;
	struct peer *p = &self->bob;
	struct nl nl;
	int i;

	nl_open(&nl);
	ASSERT_EQ(0, nl_join(&nl));
	ASSERT_EQ(0, new_with(g, p, KDTLS_A_LIMITS, &limits, sizeof(limits)));
	p->id = g->nl.answer.session;
	EXPECT_EQ(8, g->nl.answer.info.limits.seal_hard);
	EXPECT_TRUE(told(&nl, DTLS_EVENT_UP, p->id));
	for (i = 0; i < 4; i++)
		EXPECT_EQ(10, peer_send(g->fd[BOBS], p, "0123456789", 10));
	EXPECT_TRUE(told(&nl, DTLS_EVENT_TX_REKEY, p->id));
	EXPECT_EQ(-EKEYEXPIRED, peer_send(g->fd[BOBS], p, "0123456789", 10));
	EXPECT_TRUE(told(&nl, DTLS_EVENT_TX_EXPIRED, p->id));
	EXPECT_EQ(4, peer_send(g->fd[BOBS], &self->alice, "abcd", 4));
	nl_close(&nl);
}

static bool sessions_become(uint64_t n)
{
	uint64_t end = now_ms() + WAIT_MS;

	while (stats_get("CurrSessions") != n && now_ms() < end)
		sleep_ms(50);
	return stats_get("CurrSessions") == n;
}

TEST_F(netlink, idle)
{
	struct group *g = &self->g;
	struct nl nl;

	nl_open(&nl);
	ASSERT_EQ(0, nl_join(&nl));
	set_int(g->fd[ALICES], SOL_DTLS, DTLS_RECV_EVENTS, 1);
	ASSERT_EQ(0, session_set_u32(g, &self->alice, KDTLS_A_IDLE, 500));
	EXPECT_TRUE(told(&nl, DTLS_EVENT_IDLE, self->alice.id));
	EXPECT_TRUE(sessions_become(0));
	EXPECT_TRUE(told_by_socket(g->fd[ALICES], DTLS_EVENT_IDLE,
				   self->alice.id));
	EXPECT_STREQ("SessionsIdle+1", stats_since(&self->before));
	EXPECT_EQ(-ENOTCONN, peer_send(g->fd[ALICES], &self->alice, "a", 1));
	nl_close(&nl);
}

TEST_F(netlink, not_idle)
{
	struct group *g = &self->g;
	int i;

	ASSERT_EQ(0, session_set_u32(g, &self->alice, KDTLS_A_IDLE, 2000));
	for (i = 0; i < 10; i++) {
		if (i & 1)
			peer_send(g->fd[ALICES], &self->alice, "abcd", 4);
		else
			feed_id(&self->alice.p, 50, i);
		pump(g->fd[ALICES]);
		sleep_ms(400);
	}
	EXPECT_EQ(1, stats_get("CurrSessions"));
	/* What does not open keeps nothing alive. */
	for (i = 0; i < 10 && stats_get("CurrSessions"); i++) {
		feed_by(&self->alice, &self->bob.p.in, i, i);
		pump(g->fd[ALICES]);
		sleep_ms(500);
	}
	EXPECT_TRUE(sessions_become(0));
}

/* Lists */

#define MANY	2000
#define FIRST	10000	/* their ports */

struct listed {
	int	count;
	int	twice;
	uint8_t	seen[65536];
};

static void each(const struct nl_message *m, void *arg)
{
	uint16_t port = ntohs(((struct sockaddr_in *)&m->peer)->sin_port);
	struct listed *l = arg;

	l->count++;
	l->twice += l->seen[port];
	l->seen[port] = 1;
}

static int list(struct group *g, struct request *r, struct listed *l)
{
	memset(l, 0, sizeof(*l));
	return nl_dump(&g->nl, r, each, l);
}

struct churn {
	struct group	g;
	bool		stop;
	long		made;
};

/* Sessions that come and go beside those that are listed. */
static void *churn(void *arg)
{
	struct churn *c = arg;
	struct peer p;
	int i = 0;

	nl_open(&c->g.nl);
	fake_peer(&p, &c->g, 1);
	while (!__atomic_load_n(&c->stop, __ATOMIC_RELAXED)) {
		fake_port(&p, 40000 + i++ % 500);
		if (!session_new(&c->g, &p, -1))
			__atomic_add_fetch(&c->made, 1, __ATOMIC_RELAXED);
		if (i % 500 > 50) {
			fake_port(&p, 40000 + (i - 50) % 500);
			session_del(&c->g, &p);
		}
	}
	oracle_free(&p.p.out);
	oracle_free(&p.p.in);
	nl_close(&c->g.nl);
	return NULL;
}

TEST_F(netlink, complete_list)
{
	static struct listed l;
	struct churn c = { .g = self->g };
	struct group *g = &self->g;
	struct request r;
	struct job job;
	struct peer p;
	int i, round;

	fake_peer(&p, g, 1);
	for (i = 0; i < MANY; i++) {
		fake_port(&p, FIRST + i);
		ASSERT_EQ(0, session_new(g, &p, -1));
	}
	job_start(&job, churn, &c);
	for (i = 0; i < WAIT_MS / 10 &&
	     !__atomic_load_n(&c.made, __ATOMIC_RELAXED); i++)
		sleep_ms(10);
	for (round = 0; round < 3; round++) {
		req_init(&r, &g->nl, KDTLS_CMD_SESSION_GET);
		EXPECT_EQ(0, list(g, &r, &l));
		EXPECT_LE(MANY + 1, l.count);
		EXPECT_EQ(0, l.twice);
		for (i = 0; i < MANY; i++)
			ASSERT_EQ(1, l.seen[FIRST + i]);
	}
	__atomic_store_n(&c.stop, true, __ATOMIC_RELAXED);
	job_join(&job);
	EXPECT_LT(0, c.made);
	oracle_free(&p.p.out);
	oracle_free(&p.p.in);
}

static int list_peer(struct group *g, enum family family, uint16_t port,
		     struct listed *l)
{
	struct sockaddr_storage addr;
	socklen_t len = loopback(family, port, &addr);
	struct request r;

	req_init(&r, &g->nl, KDTLS_CMD_SESSION_GET);
	req_put(&r, KDTLS_A_PEER, &addr, len);
	return list(g, &r, l);
}

static int list_state(struct group *g, uint16_t state, struct listed *l)
{
	struct request r;

	req_init(&r, &g->nl, KDTLS_CMD_SESSION_GET);
	req_u16(&r, KDTLS_A_STATE, state);
	return list(g, &r, l);
}

TEST_F(netlink, filters)
{
	static struct listed l;
	struct group *g = &self->g;
	struct sockaddr_storage a;
	struct request r;
	socklen_t len;

	ASSERT_EQ(0, session_new(g, &self->bob, BOBS));
	EXPECT_EQ(0, list_peer(g, variant->family, 0, &l));
	EXPECT_EQ(2, l.count);
	EXPECT_EQ(0, list_peer(g, variant->family,
			       local_port(self->bob.p.peer), &l));
	EXPECT_EQ(1, l.count);
	EXPECT_TRUE(l.seen[local_port(self->bob.p.peer)]);
	EXPECT_EQ(0, list_peer(g, variant->family, 1, &l));
	EXPECT_EQ(0, l.count);
	len = any_address(variant->family, 0, &a);
	req_init(&r, &g->nl, KDTLS_CMD_SESSION_GET);
	req_put(&r, KDTLS_A_PEER, &a, len);
	EXPECT_EQ(0, list(g, &r, &l));
	EXPECT_EQ(0, l.count);
	a.ss_family = AF_UNIX;
	req_init(&r, &g->nl, KDTLS_CMD_SESSION_GET);
	req_put(&r, KDTLS_A_PEER, &a, len);
	EXPECT_LIST_REFUSED(-EINVAL, &g->nl, list(g, &r, &l));

	EXPECT_EQ(0, list_state(g, DTLS_STATE_PEER_CLOSED, &l));
	EXPECT_EQ(0, l.count);
	feed_alert(&self->bob.p, WARNING, 0);
	pump(g->fd[ALICES]);
	EXPECT_EQ(0, list_state(g, DTLS_STATE_PEER_CLOSED, &l));
	EXPECT_EQ(1, l.count);
	EXPECT_TRUE(l.seen[local_port(self->bob.p.peer)]);
	EXPECT_EQ(0, list_state(g, DTLS_STATE_TX, &l));
	EXPECT_EQ(2, l.count);
}

static int list_of(struct group *g, uint8_t cmd, uint16_t type, uint32_t value,
		   struct listed *l)
{
	struct request r;

	req_init(&r, &g->nl, cmd);
	if (type)
		req_u32(&r, type, value);
	return list(g, &r, l);
}

TEST_F(netlink, lists_of_one_endpoint)
{
	static struct listed l;
	struct group *g = &self->g, other;
	struct peer p;

	group_open(&other, variant->family, variant->cipher, 2);
	peer_open(&p, &other);
	ASSERT_EQ(0, session_new(&other, &p, 1));
	EXPECT_EQ(0, list_of(g, KDTLS_CMD_SESSION_GET, 0, 0, &l));
	EXPECT_EQ(2, l.count);
	EXPECT_EQ(0, list_of(g, KDTLS_CMD_SESSION_GET, KDTLS_A_FD,
			     other.fd[1], &l));
	EXPECT_EQ(1, l.count);
	EXPECT_TRUE(l.seen[local_port(p.p.peer)]);
	EXPECT_EQ(0, list_of(g, KDTLS_CMD_SESSION_GET, KDTLS_A_ENDPOINT,
			     g->endpoint, &l));
	EXPECT_EQ(1, l.count);
	EXPECT_TRUE(l.seen[local_port(self->alice.p.peer)]);
	EXPECT_EQ(0, list_of(g, KDTLS_CMD_ENDPOINT_GET, 0, 0, &l));
	EXPECT_EQ(2, l.count);
	EXPECT_EQ(0, list_of(g, KDTLS_CMD_ENDPOINT_GET, KDTLS_A_FD,
			     g->fd[0], &l));
	EXPECT_EQ(1, l.count);
	EXPECT_LIST_REFUSED(-ENOENT, &g->nl,
			    list_of(g, KDTLS_CMD_SESSION_GET, KDTLS_A_ENDPOINT,
				    99999, &l));
	peer_close(&p);
	group_close(&other);
}

TEST_F(netlink, counters)
{
	struct request r;

	req_init(&r, &self->g.nl, KDTLS_CMD_STATS_GET);
	EXPECT_EQ(0, call(&self->g, &r));
	EXPECT_EQ(42, self->g.nl.answer.counters);
	EXPECT_EQ(1, self->g.nl.answer.curr_sessions);
}

/* Rights */

#define CHECK(bit, condition) ((condition) ? 0 : 1 << (bit))

/* In a process of a user without rights, with a member's descriptor. */
static int as_nobody(struct group *g, struct peer *p)
{
	static struct listed l;
	int bad = 0;

	if (setgid(65534) || setuid(65534))
		return 255;
	nl_open(&g->nl);
	bad |= CHECK(0, list_of(g, KDTLS_CMD_SESSION_GET, 0, 0, &l) ==
		     -EPERM && (g->nl.text[0] || !nl_lists_say_why()));
	bad |= CHECK(1, list_of(g, KDTLS_CMD_ENDPOINT_GET, 0, 0, &l) ==
		     -EPERM);
	bad |= CHECK(2, list_of(g, KDTLS_CMD_SESSION_GET, KDTLS_A_ENDPOINT,
				g->endpoint, &l) == -EPERM);
	bad |= CHECK(3, list_of(g, KDTLS_CMD_SESSION_GET, KDTLS_A_FD,
				g->fd[0], &l) == 0 && l.count == 1);
	bad |= CHECK(4, session_set_u32(g, p, KDTLS_A_IDLE, 99999) == 0);
	bad |= CHECK(5, session_get(g, p).idle == 99999);
	bad |= CHECK(6, nl_join(&g->nl) == -EPERM);
	bad |= CHECK(7, session_del(g, p) == 0);
	return bad;
}

/* By number nothing goes, whatever the command. */
static int by_number_as_nobody(struct group *g, const struct peer *p)
{
	struct request r;
	uint8_t cmd;

	if (setgid(65534) || setuid(65534))
		return 255;
	nl_open(&g->nl);
	for (cmd = KDTLS_CMD_ENDPOINT_GET; cmd <= KDTLS_CMD_KEY_NEW; cmd++) {
		req_init(&r, &g->nl, cmd);
		req_u32(&r, KDTLS_A_ENDPOINT, g->endpoint);
		req_put(&r, KDTLS_A_PEER, &p->addr, p->len);
		req_keys(&r, KDTLS_A_TX, &p->p.out);
		req_keys(&r, KDTLS_A_RX, &p->p.in);
		if (call(g, &r) != -EPERM || !g->nl.text[0])
			return cmd;
	}
	return 0;
}

static int child_status(pid_t pid)
{
	int status = -1;

	waitpid(pid, &status, 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

TEST_F(netlink, without_rights)
{
	struct group g = self->g;
	pid_t pid = fork();

	if (!pid)
		_exit(by_number_as_nobody(&g, &self->alice));
	EXPECT_EQ(0, child_status(pid));
	EXPECT_EQ(1, stats_get("CurrSessions"));
	pid = fork();
	if (!pid)
		_exit(as_nobody(&g, &self->alice));
	EXPECT_EQ(0, child_status(pid));
	EXPECT_EQ(0, stats_get("CurrSessions"));
}

TEST_F(netlink, namespaces)
{
	static struct listed l;
	struct group *g = &self->g, there = self->g;
	struct request r;

	netns_enter();
	nl_open(&there.nl);
	EXPECT_EQ(0, list_of(&there, KDTLS_CMD_ENDPOINT_GET, 0, 0, &l));
	EXPECT_EQ(0, l.count);
	EXPECT_EQ(0, list_of(&there, KDTLS_CMD_SESSION_GET, 0, 0, &l));
	EXPECT_EQ(0, l.count);
	req_init(&r, &there.nl, KDTLS_CMD_ENDPOINT_GET);
	req_u32(&r, KDTLS_A_ENDPOINT, g->endpoint);
	EXPECT_REFUSED(-ENOENT, &there.nl, nl_call(&there.nl, &r));
	EXPECT_EQ(0, stats_get("CurrSessions"));
	/* Nor are its events. */
	ASSERT_EQ(0, nl_join(&there.nl));
	ASSERT_EQ(0, session_del(g, &self->alice));
	EXPECT_FALSE(nl_event(&there.nl, &there.nl.answer, QUIET_MS));
	/* Whoever has a member's descriptor may come from anywhere. */
	EXPECT_EQ(0, list_of(&there, KDTLS_CMD_ENDPOINT_GET, KDTLS_A_FD,
			     g->fd[0], &l));
	EXPECT_EQ(1, l.count);
	nl_close(&there.nl);
}

/* The search for keys finds what is there: the peer's address, for one. */
TEST(search)
{
	struct sockaddr_storage addr;
	struct group g;
	struct peer p;

	netns_enter();
	group_open(&g, IPV6, GCM128, 1);
	peer_open(&p, &g);
	nl_secret(&p.addr, p.len);
	ASSERT_EQ(0, session_new(&g, &p, -1));
	EXPECT_EQ(1, nl_leaks());
	(void)addr;
	peer_close(&p);
	group_close(&g);
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
