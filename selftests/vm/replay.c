// SPDX-License-Identifier: GPL-2.0
/* The replay window as it can be seen from outside. */
#include <netinet/udp.h>

#include "harness.h"

#define APP	DTLS_CT_APPLICATION_DATA

FIXTURE(replay) {
	struct pair p;
	uint32_t size;
};

FIXTURE_VARIANT(replay) {
	uint16_t cipher;
	enum family family;
	uint16_t window;
};

#define WINDOW(name, c, f, w)						\
	FIXTURE_VARIANT_ADD(replay, name) {				\
		.cipher = (c), .family = (f), .window = (w),		\
	}

WINDOW(default_gcm128_v4, GCM128, IPV4, 0);
WINDOW(of_32_gcm256_v6, GCM256, IPV6, 32);
WINDOW(of_64_chacha_mapped, CHACHA, MAPPED, 64);
WINDOW(of_1000_chacha_v4, CHACHA, IPV4, 1000);
WINDOW(of_8192_gcm128_v6, GCM128, IPV6, 8192);

/* A pair whose receiver begins at @next, with @seen before it. */
static void pair_from(struct pair *p, enum family family, uint16_t cipher,
		      uint16_t window, uint64_t next, uint64_t seen)
{
	union crypto_info ci;
	socklen_t len;

	pair_open(p, family, cipher);
	pair_attach(p);
	p->in.seq = next;
	len = crypto_info(&ci, DTLS_RX, &p->in);
	ci.info.window = window;
	ci.info.seen = seen;
	if (setsockopt(p->fd, SOL_DTLS, DTLS_RX, &ci, len) ||
	    kdtls_install(p->fd, DTLS_TX, &p->out))
		die("install");
}

FIXTURE_SETUP(replay)
{
	netns_enter();
	self->size = variant->window ? variant->window : 64;
	pair_from(&self->p, variant->family, variant->cipher, variant->window,
		  0, 0);
}

FIXTURE_TEARDOWN(replay)
{
	pair_close(&self->p);
}

enum fate { DELIVERED, REPLAYED, OLD, BAD };

/* Send record @seq and see what becomes of it. */
static enum fate fate_of(struct pair *p, uint64_t seq)
{
	static uint32_t id;
	uint64_t end = now_ms() + WAIT_MS;
	struct dtls_info before = dtls_info(p->fd), now;
	uint64_t old = stats_get("RxDropOld");
	uint8_t data[64];
	long n;

	feed_seq(p, seq, 20, ++id);
	do {
		n = RC(recv(p->fd, data, sizeof(data), MSG_DONTWAIT));
		if (n == 20 && payload_id(data, 20) == id)
			return DELIVERED;
		now = dtls_info(p->fd);
		if (n != -EAGAIN || now.rx_bad != before.rx_bad)
			return BAD;
		if (now.rx_replayed != before.rx_replayed)
			return stats_get("RxDropOld") == old ? REPLAYED : OLD;
	} while (now_ms() < end);
	return BAD;
}

TEST_F(replay, in_order)
{
	uint64_t seq;

	for (seq = 0; seq < 300; seq++)
		ASSERT_EQ(DELIVERED, fate_of(&self->p, seq));
	for (; seq > 300 - self->size && seq > 0; seq--)
		ASSERT_EQ(REPLAYED, fate_of(&self->p, seq - 1));
	if (self->size < 300) {
		EXPECT_EQ(OLD, fate_of(&self->p, seq - 1));
		EXPECT_EQ(OLD, fate_of(&self->p, 0));
	}
	EXPECT_EQ(300, dtls_info(self->p.fd).rx_seq);
}

TEST_F(replay, edge_of_the_window)
{
	uint64_t top = 100000, low = top - self->size + 1;

	EXPECT_EQ(DELIVERED, fate_of(&self->p, top));
	EXPECT_EQ(REPLAYED, fate_of(&self->p, top));
	EXPECT_EQ(OLD, fate_of(&self->p, low - 1));
	EXPECT_EQ(DELIVERED, fate_of(&self->p, low));
	EXPECT_EQ(REPLAYED, fate_of(&self->p, low));
	EXPECT_EQ(DELIVERED, fate_of(&self->p, low + 1));
	EXPECT_EQ(DELIVERED, fate_of(&self->p, top - 1));
	EXPECT_EQ(DELIVERED, fate_of(&self->p, top + 1));
	EXPECT_EQ(OLD, fate_of(&self->p, low));
	EXPECT_EQ(REPLAYED, fate_of(&self->p, low + 1));
	EXPECT_EQ(OLD, fate_of(&self->p, 0));
}

TEST_F(replay, backwards)
{
	uint32_t step = self->size > 500 ? self->size / 250 : 1, i;
	uint64_t top = 1 << 20;

	for (i = 0; i < self->size; i += step)
		ASSERT_EQ(DELIVERED, fate_of(&self->p, top - i));
	EXPECT_EQ(OLD, fate_of(&self->p, top - self->size));
	for (i = 0; i < self->size; i += step)
		ASSERT_EQ(REPLAYED, fate_of(&self->p, top - i));
}

TEST_F(replay, jumps)
{
	uint64_t seq = 3, i;

	for (i = 1; i < 1 << 16; i = i * 2 + i % 3) {
		seq += i;
		ASSERT_EQ(DELIVERED, fate_of(&self->p, seq));
		ASSERT_EQ(REPLAYED, fate_of(&self->p, seq));
		if (i > 1 && i < self->size) {
			ASSERT_EQ(DELIVERED, fate_of(&self->p, seq - 1));
			ASSERT_EQ(REPLAYED, fate_of(&self->p, seq - i));
		}
		if (i >= self->size)
			ASSERT_EQ(OLD, fate_of(&self->p, seq - i));
	}
}

/*
 * Random numbers around the top, against a model that remembers everything that
 * was delivered.
 */
#define MODEL	(1 << 16)

TEST_F(replay, like_the_model)
{
	static uint8_t delivered[MODEL];
	uint32_t spread = self->size + self->size / 2;
	uint32_t next = 0, seq, step;
	enum fate want;

	memset(delivered, 0, sizeof(delivered));
	for (step = 0; step < env_long("KDTLS_REPLAYS", 1500) && next < MODEL - 600; step++) {
		/* Mostly near the top, where the edges of words are. */
		seq = next + 20 + (rnd(50) ? 0 : rnd(500)) -
		      rnd(rnd(2) ? 40 : spread + 20);
		if (seq > MODEL)
			continue;
		if (seq >= next)
			want = DELIVERED;
		else if (next - seq > self->size)
			want = OLD;
		else
			want = delivered[seq] ? REPLAYED : DELIVERED;
		ASSERT_EQ(want, fate_of(&self->p, seq))
			TH_LOG("step %u, number %u, next %u", step, seq, next);
		delivered[seq] = 1;
		if (seq >= next)
			next = seq + 1;
		ASSERT_EQ(next, dtls_info(self->p.fd).rx_seq);
	}
}

/* Everything once more: nothing of it is delivered, all of it is counted. */
#define CAPTURED	10000

static int receive_what_comes(struct pair *p)
{
	uint8_t data[100];
	int n = 0;

	while (RC(recv(p->fd, data, sizeof(data), MSG_DONTWAIT)) > 0)
		n++;
	return n;
}

/* Until every record of @count is received or counted as a drop. */
static int receive_until(struct pair *p, uint64_t count)
{
	uint64_t end = now_ms() + WAIT_MS;
	struct dtls_info info;
	int n = 0;

	do {
		n += receive_what_comes(p);
		info = dtls_info(p->fd);
	} while (info.rx_records + info.rx_replayed + info.rx_bad < count &&
		 now_ms() < end);
	return n + receive_what_comes(p);
}

TEST_F(replay, captured)
{
	static uint8_t wire[CAPTURED][80];
	uint8_t data[20];
	struct stats before;
	size_t n = 0;
	int i, got = 0, count = CAPTURED;

	for (i = 0; i < count; i++) {
		payload(data, sizeof(data), i);
		n = oracle_seal_seq(&self->p.in, APP, i, data, 20, wire[i]);
		feed_raw(&self->p, wire[i], n);
		if (i % 500 == 499)
			got += receive_until(&self->p, i + 1);
	}
	EXPECT_EQ(count, got);
	stats_read(&before);
	for (i = 0; i < count; i++) {
		feed_raw(&self->p, wire[(i * 7919) % count], n);
		if (i % 500 == 499)
			EXPECT_EQ(0, receive_until(&self->p, count + i + 1));
	}
	EXPECT_EQ(self->size, stats_get("RxDropReplay"));
	EXPECT_EQ(count - self->size, stats_get("RxDropOld"));
	EXPECT_EQ(count, dtls_info(self->p.fd).rx_replayed);
	EXPECT_EQ(0, dtls_info(self->p.fd).rx_bad);
}

/* What the handshake had seen before the keys came here */

TEST_F(replay, seeds)
{
	static const uint64_t seeds[] = { 0, 1, 2, 3, 0x8000000000000000,
		0x5555555555555555, UINT64_MAX, 0xfffffffffffffffe };
	uint64_t next = 1000;
	size_t i;
	int bit;

	for (i = 0; i < ARRAY_LEN(seeds); i++) {
		struct pair p;

		pair_from(&p, variant->family, variant->cipher,
			  variant->window, next, seeds[i]);
		for (bit = 0; bit < 64; bit += 1 + bit % 5) {
			uint64_t seq = next - 1 - bit;
			enum fate want = seeds[i] >> bit & 1 ? REPLAYED :
							       DELIVERED;

			if (bit >= (int)self->size)
				want = OLD;
			ASSERT_EQ(want, fate_of(&p, seq))
				TH_LOG("seed %zu, bit %d", i, bit);
		}
		/* Below the bitmap all were seen, whether or not told. */
		ASSERT_EQ(self->size > 64 ? REPLAYED : OLD,
			  fate_of(&p, next - 65));
		ASSERT_EQ(next > self->size ? OLD : REPLAYED, fate_of(&p, 0));
		ASSERT_EQ(DELIVERED, fate_of(&p, next));
		pair_close(&p);
	}
}

TEST_F(replay, seeds_near_zero)
{
	uint64_t next, seq;

	for (next = 0; next < 70; next += 1 + next / 4) {
		struct pair p;

		pair_from(&p, variant->family, variant->cipher,
			  variant->window, next, 0);
		for (seq = 0; seq < next && seq < 3; seq++) {
			enum fate want = DELIVERED;

			if (next - seq > self->size)
				want = OLD;
			else if (next - seq > 64)
				want = REPLAYED;
			ASSERT_EQ(want, fate_of(&p, seq));
		}
		ASSERT_EQ(DELIVERED, fate_of(&p, next));
		pair_close(&p);
	}
}

/* The last number there is */

TEST_F(replay, last_numbers)
{
	struct pair p;

	pair_from(&p, variant->family, variant->cipher, variant->window,
		  ORACLE_SEQ_END - 100, UINT64_MAX);
	EXPECT_EQ(DELIVERED, fate_of(&p, ORACLE_SEQ_END - 2));
	EXPECT_EQ(DELIVERED, fate_of(&p, ORACLE_SEQ_END - 1));
	EXPECT_EQ(REPLAYED, fate_of(&p, ORACLE_SEQ_END - 1));
	EXPECT_EQ(REPLAYED, fate_of(&p, ORACLE_SEQ_END - 2));
	EXPECT_EQ(DELIVERED, fate_of(&p, ORACLE_SEQ_END - 3));
	EXPECT_EQ(OLD, fate_of(&p, ORACLE_SEQ_END - 1 - self->size));
	EXPECT_EQ(OLD, fate_of(&p, 0));
	EXPECT_EQ(ORACLE_SEQ_END, dtls_info(p.fd).rx_seq);
	pair_close(&p);
}

TEST_F(replay, jump_to_the_last_number)
{
	EXPECT_EQ(DELIVERED, fate_of(&self->p, 5));
	EXPECT_EQ(DELIVERED, fate_of(&self->p, ORACLE_SEQ_END - 1));
	EXPECT_EQ(OLD, fate_of(&self->p, 6));
	EXPECT_EQ(OLD, fate_of(&self->p, ORACLE_SEQ_END - 1 - self->size));
	EXPECT_EQ(DELIVERED, fate_of(&self->p, ORACLE_SEQ_END - self->size));
}

TEST_F(replay, all_numbers_seen)
{
	struct pair p;

	pair_from(&p, variant->family, variant->cipher, variant->window,
		  ORACLE_SEQ_END, UINT64_MAX);
	EXPECT_EQ(REPLAYED, fate_of(&p, ORACLE_SEQ_END - 1));
	EXPECT_EQ(REPLAYED, fate_of(&p, ORACLE_SEQ_END - 32));
	EXPECT_EQ(OLD, fate_of(&p, 0));
	pair_close(&p);
}

/* Threads that open the same records at the same time: each is got once. */

struct share {
	struct job	job;
	int		fd;
	uint8_t		*seen;
};

static void *share_main(void *arg)
{
	struct share *s = arg;
	uint8_t data[2048];
	ssize_t n;
	long id;

	while ((n = recv(s->fd, data, sizeof(data), 0)) > 0) {
		id = payload_id(data, n);
		if (id < 0)
			die("broken payload");
		__atomic_add_fetch(&s->seen[id], 1, __ATOMIC_RELAXED);
	}
	return NULL;
}

TEST_F(replay, same_record_in_two_readers)
{
	static uint8_t seen[1000];
	struct share s[4];
	uint8_t data[20], wire[100];
	size_t n;
	int i;

	for (i = 0; i < 4; i++) {
		s[i].fd = self->p.fd;
		s[i].seen = seen;
		job_start(&s[i].job, share_main, &s[i]);
	}
	for (i = 0; i < (int)ARRAY_LEN(seen); i++) {
		payload(data, sizeof(data), i);
		n = oracle_seal_seq(&self->p.in, APP, i, data, 20, wire);
		feed_raw(&self->p, wire, n);
		feed_raw(&self->p, wire, n);
		feed_raw(&self->p, wire, n);
		/* Not more ahead than the window can tell. */
		if (i % 16 == 15)
			sleep_ms(1);
	}
	sleep_ms(200);
	shutdown(self->p.fd, SHUT_RD);
	for (i = 0; i < 4; i++)
		job_join(&s[i].job);
	for (i = 0; i < (int)ARRAY_LEN(seen); i++)
		EXPECT_GE(1, seen[i]);
	EXPECT_EQ(3 * ARRAY_LEN(seen), dtls_info(self->p.fd).rx_records +
				       dtls_info(self->p.fd).rx_replayed);
}

TEST_HARNESS_MAIN
