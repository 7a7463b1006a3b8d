// SPDX-License-Identifier: GPL-2.0
/* New keys for a session that has some: epochs, and how the older ones go. */
#include <netinet/in.h>
#include <netinet/udp.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "harness.h"

PAIR_FIXTURE(rekey, pair_setup, VARIANTS_OF_MOST);

/* Feed a record of another set of keys than the pair's. */
static void feed_of(struct pair *p, struct oracle *o, uint32_t id)
{
	uint8_t data[50], wire[200];

	payload(data, sizeof(data), id);
	feed_raw(p, wire, oracle_seal(o, 23, data, sizeof(data), wire));
}

/* The last record of those keys once more. */
static void feed_again(struct pair *p, struct oracle *o, uint32_t id)
{
	o->seq--;
	o->nonce--;
	feed_of(p, o, id);
}

/* New keys that the socket opens with; those before go to *@old. */
static void rekey_rx(struct pair *p, uint16_t epoch, struct oracle *old)
{
	int err;

	if (old)
		*old = p->in;
	else
		oracle_free(&p->in);
	oracle_init(&p->in, p->out.cipher, epoch, 0);
	err = kdtls_install(p->fd, DTLS_RX, &p->in);
	if (err)
		die("DTLS_RX: %d", err);
}

static void rekey_tx(struct pair *p, uint16_t cipher, uint16_t epoch,
		     uint64_t seq)
{
	int err;

	oracle_free(&p->out);
	oracle_init(&p->out, cipher, epoch, seq);
	err = kdtls_install(p->fd, DTLS_TX, &p->out);
	if (err)
		die("DTLS_TX: %d", err);
}

TEST_F(rekey, sending)
{
	struct pair *p = &self->p;
	struct record r;
	int i;

	for (i = 2; i < 6; i++) {
		rekey_tx(p, variant->cipher, i, 7 * i);
		ASSERT_EQ(4, send(p->fd, "abcd", 4, 0));
		ASSERT_EQ(0, take(p, &r));
		EXPECT_EQ(i, r.epoch);
		EXPECT_EQ(7 * i, r.seq);
		EXPECT_EQ(i, dtls_info(p->fd).tx_epoch);
		EXPECT_EQ(7 * i + 1, dtls_info(p->fd).tx_seq);
	}
	EXPECT_EQ(1, dtls_info(p->fd).rx_epoch);
	EXPECT_TRUE(echoes(p));
}

/* A new session with the same peer has epoch 1 again. */
TEST_F(rekey, sending_in_the_same_epoch)
{
	struct pair *p = &self->p;
	struct record r;

	ASSERT_EQ(4, send(p->fd, "abcd", 4, 0));
	ASSERT_EQ(0, take(p, &r));
	rekey_tx(p, variant->cipher, 1, 1);
	ASSERT_EQ(4, send(p->fd, "efgh", 4, 0));
	ASSERT_EQ(0, take(p, &r));
	EXPECT_EQ(1, r.epoch);
	EXPECT_EQ(1, r.seq);
	EXPECT_TRUE(echoes(p));
}

TEST_F(rekey, other_cipher)
{
	static const uint16_t ciphers[] = { CHACHA, GCM128, CCM8, GCM256 };
	struct pair *p = &self->p;
	struct dtls_info info;
	struct oracle old;
	size_t i;

	for (i = 0; i < ARRAY_LEN(ciphers); i++) {
		rekey_tx(p, ciphers[i], 2 + i, 0);
		rekey_rx(p, 2 + i, &old);
		info = dtls_info(p->fd);
		EXPECT_EQ(ciphers[i], info.tx_cipher_type);
		EXPECT_EQ(ciphers[i], info.rx_cipher_type);
		EXPECT_EQ(oracle_overhead(&p->out), info.overhead);
		feed_of(p, &old, 1);
		feed_of(p, &p->in, 2);
		EXPECT_STREQ("1 2", recv_ids(p->fd, 2));
		EXPECT_TRUE(echoes(p));
		oracle_free(&old);
	}
}

/* Each with its own numbers and its own window. */
TEST_F(rekey, both_open)
{
	struct pair *p = &self->p;
	struct oracle old;
	struct stats s;
	int i;

	feed_id(p, 100, 100);
	EXPECT_STREQ("100", recv_ids(p->fd, 1));
	rekey_rx(p, 2, &old);
	EXPECT_EQ(2, dtls_info(p->fd).rx_epoch);
	EXPECT_EQ(1, dtls_info(p->fd).rx_old_epoch);
	EXPECT_NE(0, dtls_info(p->fd).state & DTLS_STATE_RX_OLD);
	stats_read(&s);
	for (i = 0; i < 4; i++) {
		feed_of(p, i % 2 ? &old : &p->in, i);
		feed_again(p, i % 2 ? &old : &p->in, i);
	}
	EXPECT_STREQ("0 1 2 3", recv_ids(p->fd, 4));
	EXPECT_STREQ("RxRecords+4 RxBytes+200 RxDropReplay+4", stats_since(&s));
	EXPECT_EQ(0, dtls_info(p->fd).rx_failures);
	oracle_free(&old);
}

/*
 * An epoch that does not count up is another association with the same peer. What
 * is left of the one before must not get in, nor end it.
 */
TEST_F(rekey, another_association)
{
	struct pair *p = &self->p;
	uint8_t wire[100];
	struct oracle old;
	struct stats s;
	int epoch;

	rekey_rx(p, 5, NULL);
	for (epoch = 5; epoch; epoch -= epoch == 5 ? 4 : 1) {
		rekey_rx(p, epoch, &old);
		EXPECT_EQ(0, dtls_info(p->fd).state & DTLS_STATE_RX_OLD);
		stats_read(&s);
		feed_of(p, &old, 1);
		feed_raw(p, wire, oracle_seal(&old, DTLS_CT_ALERT, "\1\0", 2,
					      wire));
		feed_of(p, &p->in, 2);
		EXPECT_STREQ("2", recv_ids(p->fd, 1));
		EXPECT_STREQ(epoch == 5 ?
			     "RxRecords+1 RxBytes+50 RxDropAuth+2" :
			     "RxRecords+1 RxBytes+50 RxDropEpoch+2",
			     stats_since(&s));
		EXPECT_EQ(0, dtls_info(p->fd).state & DTLS_STATE_PEER_CLOSED);
		oracle_free(&old);
	}
	EXPECT_TRUE(echoes(p));
}

/* Two sets of keys are all that there ever are. */
TEST_F(rekey, third)
{
	struct pair *p = &self->p;
	struct oracle first, second;
	struct stats s;

	rekey_rx(p, 2, &first);
	rekey_rx(p, 3, &second);
	EXPECT_EQ(2, dtls_info(p->fd).rx_old_epoch);
	stats_read(&s);
	feed_of(p, &first, 1);
	feed_of(p, &second, 2);
	feed_of(p, &p->in, 3);
	EXPECT_STREQ("2 3", recv_ids(p->fd, 2));
	EXPECT_STREQ("RxRecords+2 RxBytes+100 RxDropEpoch+1", stats_since(&s));
	oracle_free(&first);
	oracle_free(&second);
}

TEST_F(rekey, retired_at_once)
{
	struct pair *p = &self->p;
	struct oracle old;

	set_int(p->fd, SOL_DTLS, DTLS_RETIRE, 0);
	rekey_rx(p, 2, &old);
	EXPECT_EQ(0, dtls_info(p->fd).state & DTLS_STATE_RX_OLD);
	feed_of(p, &old, 1);
	feed_of(p, &p->in, 2);
	EXPECT_STREQ("2", recv_ids(p->fd, 1));
	oracle_free(&old);
}

TEST_F(rekey, retired_after_a_while)
{
	struct pair *p = &self->p;
	struct oracle old;
	int i;

	set_int(p->fd, SOL_DTLS, DTLS_RETIRE, 1000);
	rekey_rx(p, 2, &old);
	feed_of(p, &old, 1);
	feed_of(p, &p->in, 2);
	EXPECT_STREQ("1 2", recv_ids(p->fd, 2));
	for (i = 0; i < 100 && dtls_info(p->fd).rx_old_epoch; i++)
		sleep_ms(50);
	EXPECT_EQ(0, dtls_info(p->fd).rx_old_epoch);
	EXPECT_LT(5, i);
	feed_of(p, &old, 3);
	feed_of(p, &p->in, 4);
	EXPECT_STREQ("4", recv_ids(p->fd, 1));
	oracle_free(&old);
}

/* Closed while older keys wait for their time. */
TEST_F(rekey, close_before_retirement)
{
	struct oracle old;

	set_int(self->p.fd, SOL_DTLS, DTLS_RETIRE, 100);
	rekey_rx(&self->p, 2, &old);
	close(self->p.fd);
	self->p.fd = -1;
	sleep_ms(150);
	oracle_free(&old);
}

TEST_F(rekey, same_key)
{
	struct pair *p = &self->p;
	struct oracle old, again;

	rekey_rx(p, 2, &old);
	again = old;
	again.epoch = 3;
	EXPECT_EQ(-EKEYREJECTED, kdtls_install(p->fd, DTLS_RX, &again));
	again = p->in;
	again.epoch = 3;
	again.seq = 1000;
	EXPECT_EQ(-EKEYREJECTED, kdtls_install(p->fd, DTLS_RX, &again));
	again = p->out;
	again.iv[0]++;
	EXPECT_EQ(-EKEYREJECTED, kdtls_install(p->fd, DTLS_TX, &again));
	EXPECT_TRUE(echoes(p));
	oracle_free(&old);
}

/* What is refused leaves the keys that are there. */
TEST_F(rekey, bad_installs)
{
	struct pair *p = &self->p;
	union crypto_info ci;
	struct oracle other;
	socklen_t len;
	int i;

	oracle_init(&other, variant->cipher, 2, 0);
	for (i = 0; i < 4; i++) {
		int tx = i % 2 ? DTLS_TX : DTLS_RX;

		len = crypto_info(&ci, tx, &other);
		if (i < 2)
			ci.info.epoch = 0;
		EXPECT_EQ(-EINVAL, RC(setsockopt(p->fd, SOL_DTLS, tx, &ci,
						 len - i / 2)));
	}
	EXPECT_EQ(1, dtls_info(p->fd).tx_epoch);
	EXPECT_EQ(1, dtls_info(p->fd).rx_epoch);
	EXPECT_EQ(0, dtls_info(p->fd).state & DTLS_STATE_RX_OLD);
	EXPECT_TRUE(echoes(p));
	oracle_free(&other);
}

TEST_F(rekey, after_the_end)
{
	struct pair *p = &self->p;
	struct oracle other;
	char c;

	oracle_init(&other, variant->cipher, 2, 0);
	feed_alert(p, 1, 0);
	EXPECT_EQ(0, recv(p->fd, &c, 1, 0));
	EXPECT_EQ(-EPIPE, kdtls_install(p->fd, DTLS_RX, &other));
	EXPECT_EQ(-EPIPE, kdtls_install(p->fd, DTLS_TX, &other));
	oracle_free(&other);
}

/* It fell asleep before, and the record comes behind. */
TEST_F(rekey, blocked_reader)
{
	struct pair *p = &self->p;
	struct reader r;

	reader_start(&r, p->fd);
	job_wait_asleep(&r.job);
	rekey_rx(p, 2, NULL);
	feed_of(p, &p->in, 5);
	EXPECT_EQ(50, reader_join(&r));
	EXPECT_EQ(5, payload_id(r.data, 50));
}

/* Sealed with the keys before, and taken off the queue with the new ones. */
TEST_F(rekey, queued_before)
{
	struct pair *p = &self->p;
	struct oracle old;

	feed_id(p, 100, 1);
	rekey_rx(p, 2, &old);
	feed_of(p, &p->in, 2);
	feed_of(p, &old, 3);
	EXPECT_STREQ("1 2 3", recv_ids(p->fd, 3));
	oracle_free(&old);
}

/* A train whose records are of both. */
TEST_F(rekey, train_of_both)
{
	struct pair *p = &self->p;
	uint8_t data[50], wire[400];
	struct oracle old;
	size_t n = 0;
	int i;

	set_int(p->fd, SOL_UDP, UDP_GRO, 1);
	rekey_rx(p, 2, &old);
	for (i = 0; i < 4; i++) {
		payload(data, sizeof(data), i);
		n += oracle_seal(i < 2 ? &old : &p->in, 23, data, sizeof(data),
				 wire + n);
	}
	ASSERT_EQ(0, feed_train(p, wire, n, n / 4));
	EXPECT_STREQ("0 1 2 3", recv_ids(p->fd, 4));
	oracle_free(&old);
}

/* Under load: both ends get new keys again and again, and nothing is lost. */

#define REKEYS		30

struct load {
	struct job	sender;
	struct job	receiver;
	int		from;
	int		to;
	uint32_t	sent;
	uint32_t	received;
	bool		stop;
};

static void *load_send(void *arg)
{
	struct load *l = arg;
	uint8_t data[64];

	while (!__atomic_load_n(&l->stop, __ATOMIC_ACQUIRE)) {
		/* The receiver keeps up: loopback must not drop. */
		if (l->sent - __atomic_load_n(&l->received, __ATOMIC_ACQUIRE) >
		    200) {
			sched_yield();
			continue;
		}
		payload(data, sizeof(data), l->sent);
		if (send(l->from, data, sizeof(data), 0) != sizeof(data))
			return "send";
		__atomic_fetch_add(&l->sent, 1, __ATOMIC_RELEASE);
	}
	payload(data, 32, 0);
	return send(l->from, data, 32, 0) == 32 ? NULL : "last send";
}

static void *load_receive(void *arg)
{
	struct load *l = arg;
	uint8_t data[64];
	uint32_t next = 0;
	ssize_t n;

	for (;;) {
		n = recv(l->to, data, sizeof(data), 0);
		if (n == 32)
			return NULL;
		if (n != sizeof(data))
			return "receive";
		if (payload_id(data, n) != next++)
			return "lost or out of order";
		__atomic_fetch_add(&l->received, 1, __ATOMIC_RELEASE);
	}
}

/*
 * Wait until what was sent before now has arrived: the call that is under way, and
 * one that certainly began after.
 */
static bool caught_up(struct load *l)
{
	uint32_t sent = __atomic_load_n(&l->sent, __ATOMIC_ACQUIRE) + 2;
	uint64_t end = now_ms() + WAIT_MS;

	while (now_ms() < end) {
		if (__atomic_load_n(&l->received, __ATOMIC_ACQUIRE) >= sent)
			return true;
		sleep_ms(1);
	}
	return false;
}

static void load_start(struct load *l, struct pair *p)
{
	memset(l, 0, sizeof(*l));
	l->from = p->fd;
	l->to = p->peer;
	set_int(l->to, SOL_SOCKET, SO_RCVBUF, 1 << 20);
	set_timeout(l->to, WAIT_MS);
	job_start(&l->receiver, load_receive, l);
	job_start(&l->sender, load_send, l);
}

TEST(under_load)
{
	static const uint16_t ciphers[] = { GCM128, CHACHA, CCM128 };
	struct oracle keys;
	struct load l;
	struct pair p;
	int i;

	pair_setup_both(&p, IPV4, GCM128);
	load_start(&l, &p);
	for (i = 0; i < REKEYS; i++) {
		oracle_init(&keys, ciphers[i % 3], 2 + i, 1);
		ASSERT_EQ(0, kdtls_install(p.peer, DTLS_RX, &keys));
		ASSERT_EQ(0, kdtls_install(p.fd, DTLS_TX, &keys));
		ASSERT_TRUE(caught_up(&l));
		oracle_free(&keys);
	}
	__atomic_store_n(&l.stop, true, __ATOMIC_RELEASE);
	EXPECT_EQ(NULL, job_join(&l.sender));
	EXPECT_EQ(NULL, job_join(&l.receiver));
	EXPECT_EQ(l.sent, l.received);
	EXPECT_EQ(0, dtls_info(p.peer).rx_failures);
	EXPECT_EQ(0, dtls_info(p.peer).rx_replayed);
	EXPECT_EQ(0, dtls_info(p.peer).rx_bad);
	pair_close(&p);
}

/* Records that no key opens, for whoever does a handshake meanwhile. */

TEST_F(rekey, unopened_records_raw)
{
	struct pair *p = &self->p;
	uint8_t wire[200], data[50];
	struct oracle next;
	struct rx rx;
	size_t n;
	int type;

	oracle_init(&next, variant->cipher, 1, 0);
	set_int(p->fd, SOL_DTLS, DTLS_RECV_RAW, DTLS_RAW_UNOPENED);
	for (type = 20; type < 24; type++) {
		payload(data, sizeof(data), type);
		n = oracle_seal(&next, type, data, sizeof(data), wire);
		feed_raw(p, wire, n);
		feed_id(p, 100, type);
		ASSERT_EQ(n, rx_recv(p->fd, &rx, 0));
		EXPECT_TRUE(rx.raw);
		EXPECT_EQ(0, memcmp(wire, rx.data, n));
		ASSERT_EQ(100, rx_recv(p->fd, &rx, 0));
		EXPECT_FALSE(rx.raw);
		EXPECT_EQ(type, payload_id(rx.data, 100));
	}
	/* An epoch that is not there, and one that was seen. */
	next.epoch = 2;
	n = oracle_seal(&next, 22, data, sizeof(data), wire);
	feed_raw(p, wire, n);
	EXPECT_EQ(n, rx_recv(p->fd, &rx, 0));
	EXPECT_TRUE(rx.raw);
	feed_again(p, &p->in, 1);
	EXPECT_LT(50, rx_recv(p->fd, &rx, 0));
	EXPECT_TRUE(rx.raw);
	oracle_free(&next);
}

/* Never to a call that could take it for data. */
TEST_F(rekey, unopened_records_need_a_control_buffer)
{
	struct pair *p = &self->p;
	struct oracle next;
	struct stats s;
	char buf[200];

	oracle_init(&next, variant->cipher, 1, 0);
	set_int(p->fd, SOL_DTLS, DTLS_RECV_RAW, DTLS_RAW_UNOPENED);
	stats_read(&s);
	feed_of(p, &next, 1);
	EXPECT_EQ(-EAGAIN, recv_now(p->fd, buf, sizeof(buf)));
	EXPECT_STREQ("RxDropRaw+1", stats_since(&s));
	set_int(p->fd, SOL_DTLS, DTLS_RECV_RAW, DTLS_RAW_EPOCH0);
	stats_read(&s);
	feed_of(p, &next, 2);
	EXPECT_EQ(-EAGAIN, recv_now(p->fd, buf, sizeof(buf)));
	EXPECT_STREQ("RxDropAuth+1", stats_since(&s));
	EXPECT_TRUE(echoes(p));
	oracle_free(&next);
}

/* The last messages of a new handshake are sealed with keys to come. */
TEST_F(rekey, raw_of_the_next_keys)
{
	struct pair *p = &self->p;
	uint8_t wire[200], got[200];
	struct oracle next;
	size_t n;

	oracle_init(&next, variant->cipher, 1, 0);
	n = oracle_seal(&next, DTLS_CT_HANDSHAKE, "finished", 8, wire);
	set_int(p->fd, SOL_DTLS, DTLS_RECV_RAW, DTLS_RAW_EPOCH0);
	EXPECT_EQ(-EPERM, send_raw(p->fd, wire, n));
	set_int(p->fd, SOL_DTLS, DTLS_RECV_RAW, DTLS_RAW_UNOPENED);
	EXPECT_EQ(n, send_raw(p->fd, wire, n));
	EXPECT_EQ(n, recv_now(p->peer, got, sizeof(got)));
	EXPECT_EQ(0, memcmp(wire, got, n));
	n = oracle_seal(&next, DTLS_CT_APPLICATION_DATA, "data", 4, wire);
	EXPECT_EQ(-EPERM, send_raw(p->fd, wire, n));
	EXPECT_TRUE(quiet(p->peer));
	EXPECT_TRUE(echoes(p));
	oracle_free(&next);
}

TEST_HARNESS_MAIN
