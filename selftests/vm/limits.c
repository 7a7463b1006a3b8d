// SPDX-License-Identifier: GPL-2.0
/* How much may be done with one key, and how a program gets to know. */
#include <netinet/in.h>
#include <netinet/udp.h>
#include <string.h>
#include <time.h>
#include <linux/errqueue.h>
#include <unistd.h>

#include "harness.h"

PAIR_FIXTURE(limits, pair_setup, VARIANTS_OF_MOST);

static int set_limits(int fd, const struct dtls_limits *l)
{
	return RC(setsockopt(fd, SOL_DTLS, DTLS_LIMITS, l, sizeof(*l)));
}

/* New keys, to which the limits apply that were set. */
static void rekey(struct pair *p, int direction, uint64_t seq)
{
	struct oracle *o = direction == DTLS_TX ? &p->out : &p->in;
	uint16_t cipher = o->cipher, epoch = o->epoch + 1;
	int err;

	oracle_free(o);
	oracle_init(o, cipher, epoch, seq);
	err = kdtls_install(p->fd, direction, o);
	if (err)
		die("install: %d", err);
}

/* The next event, or 0: "type" with @epoch and the errno. */
static int event(struct pair *p, uint16_t *epoch, int *err)
{
	char control[512];
	struct msghdr msg = { .msg_control = control,
			      .msg_controllen = sizeof(control) };
	struct sock_extended_err ee;
	struct cmsghdr *c;

	if (recvmsg(p->fd, &msg, MSG_ERRQUEUE | MSG_DONTWAIT) < 0)
		return 0;
	for (c = CMSG_FIRSTHDR(&msg); c; c = CMSG_NXTHDR(&msg, c)) {
		if (!(c->cmsg_level == SOL_IP && c->cmsg_type == IP_RECVERR) &&
		    !(c->cmsg_level == SOL_IPV6 && c->cmsg_type == IPV6_RECVERR))
			continue;
		memcpy(&ee, CMSG_DATA(c), sizeof(ee));
		if (ee.ee_origin != SO_EE_ORIGIN_DTLS)
			return -1;
		*epoch = ee.ee_info;
		*err = ee.ee_errno;
		return ee.ee_type;
	}
	return -1;
}

static void forge(struct pair *p, int count)
{
	struct oracle o;
	uint8_t wire[100];

	oracle_init(&o, p->in.cipher, p->in.epoch, p->in.seq + 10);
	while (count--)
		feed_raw(p, wire, oracle_seal(&o, 23, "x", 1, wire));
	oracle_free(&o);
}

TEST_F(limits, option)
{
	struct dtls_limits l = { 0 }, got;
	socklen_t len = sizeof(got);
	int fd = self->p.fd;
	uint8_t bytes[64] = { 0 };

	ASSERT_EQ(0, RC(getsockopt(fd, SOL_DTLS, DTLS_LIMITS, &got, &len)));
	EXPECT_EQ(sizeof(l), len);
	EXPECT_EQ(0, memcmp(&l, &got, sizeof(l)));
	l = (struct dtls_limits){ 1, 2, 3, 4 };
	EXPECT_EQ(0, set_limits(fd, &l));
	EXPECT_EQ(0, RC(getsockopt(fd, SOL_DTLS, DTLS_LIMITS, &got, &len)));
	EXPECT_EQ(0, memcmp(&l, &got, sizeof(l)));
	for (len = 0; len < sizeof(bytes); len++)
		if (len != sizeof(l))
			EXPECT_EQ(-EINVAL, RC(setsockopt(fd, SOL_DTLS,
							 DTLS_LIMITS, bytes,
							 len)));
	l.seal_soft = 3;
	EXPECT_EQ(-EINVAL, set_limits(fd, &l));
	l = (struct dtls_limits){ 1, 2, 5, 4 };
	EXPECT_EQ(-EINVAL, set_limits(fd, &l));
	EXPECT_EQ(-EFAULT, RC(setsockopt(fd, SOL_DTLS, DTLS_LIMITS, (void *)8,
					 sizeof(l))));
}

/* Those of the ciphers; what was asked for can only be lower. */
TEST_F(limits, of_the_cipher)
{
	struct dtls_limits l = { UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX };
	struct dtls_info info = dtls_info(self->p.fd), again;
	uint64_t seal = 1ULL << 34, fail = 1ULL << 36;

	switch (variant->cipher) {
	case CCM128:
	case CCM256:
		seal = 1ULL << 33;
		fail = 1ULL << 23;
		break;
	case CCM8:
		seal = 1ULL << 33;
		fail = 1ULL << 16;
		break;
	case CHACHA:
		seal = UINT64_MAX;
		break;
	}
	EXPECT_EQ(seal, info.limits.seal_hard);
	EXPECT_EQ(seal / 2, info.limits.seal_soft);
	EXPECT_EQ(fail, info.limits.fail_hard);
	EXPECT_EQ(fail / 2, info.limits.fail_soft);
	ASSERT_EQ(0, set_limits(self->p.fd, &l));
	rekey(&self->p, DTLS_TX, 0);
	rekey(&self->p, DTLS_RX, 0);
	again = dtls_info(self->p.fd);
	EXPECT_EQ(seal, again.limits.seal_hard);
	EXPECT_EQ(seal, again.limits.seal_soft);
	EXPECT_EQ(fail, again.limits.fail_hard);
	EXPECT_EQ(fail, again.limits.fail_soft);
}

/* They hold for keys that come, not for those that are there. */
TEST_F(limits, not_in_retrospect)
{
	struct dtls_limits l = { 1, 2, 1, 1 };

	ASSERT_EQ(0, set_limits(self->p.fd, &l));
	EXPECT_TRUE(echoes(&self->p));
	EXPECT_TRUE(echoes(&self->p));
	EXPECT_LT(2, dtls_info(self->p.fd).limits.seal_hard);
}

TEST_F(limits, counts_blocks)
{
	static const struct {
		int n, blocks;
	} sizes[] = { { 0, 1 }, { 1, 2 }, { 16, 2 }, { 17, 3 }, { 1350, 86 },
		      { 16384, 1025 } };
	static uint8_t data[16384];
	uint64_t blocks = 0;
	size_t i;

	for (i = 0; i < ARRAY_LEN(sizes); i++) {
		ASSERT_EQ(sizes[i].n, send(self->p.fd, data, sizes[i].n, 0));
		blocks += sizes[i].blocks;
		EXPECT_EQ(blocks, dtls_info(self->p.fd).tx_blocks);
	}
	ASSERT_EQ(250, send_train(self->p.fd, data, 250, 100));
	EXPECT_EQ(blocks + 8 + 8 + 5, dtls_info(self->p.fd).tx_blocks);
	ASSERT_EQ(200, send_train(self->p.fd, data, 200, 100));
	EXPECT_EQ(blocks + 37, dtls_info(self->p.fd).tx_blocks);
	EXPECT_EQ(-EMSGSIZE, RC(send(self->p.fd, data, 16385, 0)));
	EXPECT_EQ(blocks + 37, dtls_info(self->p.fd).tx_blocks);
}

TEST_F(limits, sealing)
{
	struct dtls_limits l = { .seal_soft = 6, .seal_hard = 11 };
	struct pair *p = &self->p;
	uint8_t data[300] = { 0 };
	struct stats s;
	uint16_t epoch;
	int err, i;

	set_int(p->fd, SOL_DTLS, DTLS_RECV_EVENTS, 1);
	ASSERT_EQ(0, set_limits(p->fd, &l));
	rekey(p, DTLS_TX, 0);
	stats_read(&s);
	for (i = 0; i < 2; i++)
		EXPECT_EQ(16, send(p->fd, data, 16, 0));
	EXPECT_EQ(0, event(p, &epoch, &err));
	EXPECT_EQ(0, poll_in(p->fd, 0));
	EXPECT_EQ(16, send(p->fd, data, 16, 0));
	EXPECT_NE(0, poll_in(p->fd, WAIT_MS) & POLLERR);
	EXPECT_EQ(DTLS_EVENT_TX_REKEY, event(p, &epoch, &err));
	EXPECT_EQ(2, epoch);
	EXPECT_EQ(0, err);
	EXPECT_NE(0, dtls_info(p->fd).state & DTLS_STATE_TX_REKEY);
	EXPECT_EQ(0, dtls_info(p->fd).state & DTLS_STATE_TX_EXPIRED);
	/* All or nothing, and told once. */
	EXPECT_EQ(-EKEYEXPIRED, send_train(p->fd, data, 48, 16));
	EXPECT_EQ(DTLS_EVENT_TX_EXPIRED, event(p, &epoch, &err));
	EXPECT_EQ(EKEYEXPIRED, err);
	EXPECT_NE(0, dtls_info(p->fd).state & DTLS_STATE_TX_EXPIRED);
	for (i = 0; i < 2; i++)
		EXPECT_EQ(16, send(p->fd, data, 16, 0));
	for (i = 0; i < 3; i++)
		EXPECT_EQ(-EKEYEXPIRED, RC(send(p->fd, data, 16, 0)));
	EXPECT_EQ(0, event(p, &epoch, &err));
	EXPECT_STREQ("TxRecords+5 TxBytes+80 TxExpired+4 TxRekey+1 TxLimit+1",
		     stats_since(&s));
	EXPECT_EQ(5, dtls_info(p->fd).tx_seq);
	for (i = 0; i < 5; i++)
		take_id(p);
	/* The way on are new keys. */
	rekey(p, DTLS_TX, 0);
	EXPECT_EQ(0, dtls_info(p->fd).state & DTLS_STATE_TX_EXPIRED);
	EXPECT_TRUE(echoes(p));
}

/* Half of the numbers are gone: the installed ones count, too. */
TEST_F(limits, numbers)
{
	struct pair *p = &self->p;
	uint16_t epoch;
	int err;

	set_int(p->fd, SOL_DTLS, DTLS_RECV_EVENTS, 1);
	rekey(p, DTLS_TX, (1ULL << 47) - 2);
	EXPECT_EQ(2, send(p->fd, "ab", 2, 0));
	EXPECT_EQ(0, event(p, &epoch, &err));
	EXPECT_EQ(2, send(p->fd, "ab", 2, 0));
	EXPECT_EQ(DTLS_EVENT_TX_REKEY, event(p, &epoch, &err));
	EXPECT_EQ(2, send(p->fd, "ab", 2, 0));
	EXPECT_EQ(0, event(p, &epoch, &err));
	rekey(p, DTLS_TX, 1ULL << 48);
	EXPECT_EQ(-EKEYEXPIRED, RC(send(p->fd, "ab", 2, 0)));
	EXPECT_EQ(DTLS_EVENT_TX_EXPIRED, event(p, &epoch, &err));
	EXPECT_EQ(3, epoch);
}

TEST_F(limits, events_unasked)
{
	struct dtls_limits l = { .seal_soft = 1, .seal_hard = 2 };
	struct pair *p = &self->p;
	uint16_t epoch;
	int err;

	ASSERT_EQ(0, set_limits(p->fd, &l));
	rekey(p, DTLS_TX, 0);
	EXPECT_EQ(2, send(p->fd, "ab", 2, 0));
	EXPECT_EQ(-EKEYEXPIRED, RC(send(p->fd, "ab", 2, 0)));
	EXPECT_EQ(0, poll_in(p->fd, 0) & POLLERR);
	EXPECT_EQ(0, event(p, &epoch, &err));
	EXPECT_NE(0, dtls_info(p->fd).state & DTLS_STATE_TX_REKEY);
}

TEST_F(limits, failures)
{
	struct dtls_limits l = { .fail_soft = 3, .fail_hard = 5 };
	struct pair *p = &self->p;
	struct stats s;
	uint16_t epoch;
	int err;

	set_int(p->fd, SOL_DTLS, DTLS_RECV_EVENTS, 1);
	ASSERT_EQ(0, set_limits(p->fd, &l));
	rekey(p, DTLS_RX, 0);
	stats_read(&s);
	forge(p, 2);
	EXPECT_TRUE(echoes(p));
	EXPECT_EQ(0, event(p, &epoch, &err));
	forge(p, 2);
	EXPECT_TRUE(echoes(p));
	EXPECT_EQ(DTLS_EVENT_RX_REKEY, event(p, &epoch, &err));
	EXPECT_EQ(2, epoch);
	EXPECT_EQ(4, dtls_info(p->fd).rx_failures);
	forge(p, 1);
	EXPECT_EQ(-EKEYEXPIRED, recv_now(p->fd, &err, 1));
	EXPECT_EQ(DTLS_EVENT_RX_EXPIRED, event(p, &epoch, &err));
	EXPECT_EQ(EKEYEXPIRED, err);
	EXPECT_NE(0, dtls_info(p->fd).state & DTLS_STATE_RX_EXPIRED);
	/* Not even what is good is opened any more. */
	feed_id(p, 50, 1);
	forge(p, 2);
	EXPECT_EQ(-EAGAIN, recv_now(p->fd, &err, 1));
	EXPECT_STREQ("RxDropAuth+5 RxDropLimit+3",
		     stats_since_of(&s, "RxDrop"));
	EXPECT_STREQ("RxRekey+1", stats_since_of(&s, "RxRekey"));
	EXPECT_STREQ("RxLimit+1", stats_since_of(&s, "RxLimit"));
	rekey(p, DTLS_RX, 0);
	EXPECT_TRUE(echoes(p));
}

/* A send must not take what a receive call has to be told. */
TEST_F(limits, failures_are_for_the_reader)
{
	struct dtls_limits l = { .fail_hard = 3 };
	struct pair *p = &self->p;
	char c;

	ASSERT_EQ(0, set_limits(p->fd, &l));
	rekey(p, DTLS_RX, 0);
	feed_id(p, 50, 1);
	forge(p, 3);
	feed_id(p, 50, 2);
	EXPECT_EQ(1, recv_now(p->fd, &c, 1));
	EXPECT_EQ(-EKEYEXPIRED, recv_now(p->fd, &c, 1));
	EXPECT_EQ(1, send(p->fd, "x", 1, 0));
	EXPECT_EQ(-EAGAIN, recv_now(p->fd, &c, 1));
	rekey(p, DTLS_RX, 0);
	forge(p, 3);
	/* The datagram that spends the keys is dropped by a call that goes on. */
	EXPECT_EQ(1, send(p->fd, "x", 1, 0));
	EXPECT_EQ(-EKEYEXPIRED, recv_now(p->fd, &c, 1));
}

/* A reader that waits must not wait for ever. */
TEST_F(limits, failures_wake_the_reader)
{
	struct dtls_limits l = { .fail_hard = 3 };
	struct pair *p = &self->p;
	struct reader r;

	ASSERT_EQ(0, set_limits(p->fd, &l));
	rekey(p, DTLS_RX, 0);
	reader_start(&r, p->fd);
	job_wait_asleep(&r.job);
	forge(p, 3);
	EXPECT_EQ(-EKEYEXPIRED, reader_join(&r));
}

/* Forgeries that hit the older keys do not end the session. */
TEST_F(limits, failures_of_older_keys)
{
	struct dtls_limits l = { .fail_hard = 3 }, none = { 0 };
	struct pair *p = &self->p;
	struct oracle old;
	uint16_t epoch;
	int err;

	set_int(p->fd, SOL_DTLS, DTLS_RECV_EVENTS, 1);
	ASSERT_EQ(0, set_limits(p->fd, &l));
	rekey(p, DTLS_RX, 0);
	ASSERT_EQ(0, set_limits(p->fd, &none));
	old = p->in;
	oracle_init(&p->in, variant->cipher, old.epoch + 1, 0);
	ASSERT_EQ(0, kdtls_install(p->fd, DTLS_RX, &p->in));
	p->in.epoch--;
	forge(p, 5);
	p->in.epoch++;
	EXPECT_TRUE(echoes(p));
	EXPECT_EQ(0, dtls_info(p->fd).rx_failures);
	EXPECT_EQ(0, event(p, &epoch, &err));
	oracle_free(&old);
}

TEST_HARNESS_MAIN
