// SPDX-License-Identifier: GPL-2.0
/*
 * Records between the module and other people's cryptography: what one seals the
 * other opens, of every size that has something about it, single and in trains,
 * and what was changed on the way is refused.
 */
#include <netinet/udp.h>

#include "harness.h"
#include "stacks/stack.h"

#define SEGMENT		1000
#define SEGMENTS	11
#define LAST		77
#define TRAIN		((SEGMENTS - 1) * SEGMENT + LAST)

/* Around a cipher block, a usual datagram, the largest record. */
static const size_t sizes[] = { 0, 1, 15, 16, 17, 1350, 16384 };

FIXTURE(stacks) {
	struct pair p;
	struct stack_keys out;
	struct stack_keys in;
	const char *why_not;
};

FIXTURE_VARIANT(stacks) {
	const struct stack *stack;
	uint16_t cipher;
	enum family family;
};

#define STACK_VARIANT(lib, c, cipher_name, f, family_name)		\
	FIXTURE_VARIANT_ADD(stacks, lib##_##cipher_name##_##family_name) { \
		.stack = &stack_##lib, .cipher = (c), .family = (f)	\
	}

#define STACK_CIPHER(lib, c, name)					\
	STACK_VARIANT(lib, c, name, IPV4, v4);				\
	STACK_VARIANT(lib, c, name, IPV6, v6);				\
	STACK_VARIANT(lib, c, name, MAPPED, mapped)

#define STACK(lib)							\
	STACK_CIPHER(lib, GCM128, gcm128);				\
	STACK_CIPHER(lib, GCM256, gcm256);				\
	STACK_CIPHER(lib, CCM128, ccm128);				\
	STACK_CIPHER(lib, CCM256, ccm256);				\
	STACK_CIPHER(lib, CCM8, ccm8);					\
	STACK_CIPHER(lib, CHACHA, chacha)

STACK(openssl);
STACK(gnutls);
STACK(mbedtls);

static const char *begin(const struct stack *stack, struct stack_keys *keys,
			 const struct oracle *o)
{
	keys->cipher = o->cipher;
	keys->nonce = o->nonce;
	memcpy(keys->key, o->key, sizeof(keys->key));
	memcpy(keys->iv, o->iv, sizeof(keys->iv));
	return stack->begin(keys);
}

FIXTURE_SETUP(stacks)
{
	pair_setup(&self->p, variant->family, variant->cipher);
	self->why_not = begin(variant->stack, &self->out, &self->p.out);
	if (!self->why_not)
		self->why_not = begin(variant->stack, &self->in, &self->p.in);
}

FIXTURE_TEARDOWN(stacks)
{
	if (!self->why_not) {
		variant->stack->end(&self->out);
		variant->stack->end(&self->in);
	}
	pair_close(&self->p);
}

/* The harness goes on to the test when the setup skips. */
#define NEED_STACK()							\
	do {								\
		if (self->why_not)					\
			SKIP(return, "%s: %s", variant->stack->name,	\
			     self->why_not);				\
	} while (0)

static size_t seal(const struct stack *stack, struct stack_keys *keys,
		   struct pair *p, const void *text, size_t n, uint8_t *record)
{
	return stack_seal(stack, keys, DTLS_CT_APPLICATION_DATA, p->in.epoch,
			  p->in.seq++, text, n, record);
}

/* Type, version, epoch and number, whatever the stack makes of them. */
static bool header_is(const uint8_t *record, const struct pair *p, uint64_t seq)
{
	uint8_t want[11] = {
		DTLS_CT_APPLICATION_DATA, 0xfe, 0xfd, 0, p->out.epoch, 0, 0, 0,
		0, 0, seq,
	};

	return !memcmp(record, want, sizeof(want));
}

TEST_F(stacks, open_what_we_seal)
{
	uint8_t data[16384], got[16384], record[STACK_MAX + 1];
	size_t i;
	ssize_t n;

	NEED_STACK();
	for (i = 0; i < ARRAY_LEN(sizes); i++) {
		payload(data, sizes[i], i);
		ASSERT_EQ(sizes[i], send(self->p.fd, data, sizes[i], 0));
		n = recv(self->p.peer, record, sizeof(record), 0);
		ASSERT_LT(0, n);
		EXPECT_TRUE(header_is(record, &self->p, self->p.out.seq + i));
		ASSERT_EQ(sizes[i], stack_open(variant->stack, &self->out,
					       record, n, got));
		EXPECT_EQ(0, memcmp(data, got, sizes[i]));
	}
}

TEST_F(stacks, seal_what_we_open)
{
	uint8_t data[16384], got[16384 + 1], record[STACK_MAX];
	struct stats before;
	size_t i, n;

	NEED_STACK();
	stats_read(&before);
	for (i = 0; i < ARRAY_LEN(sizes); i++) {
		payload(data, sizes[i], i);
		n = seal(variant->stack, &self->in, &self->p, data, sizes[i],
			 record);
		feed_raw(&self->p, record, n);
		ASSERT_EQ(sizes[i], recv(self->p.fd, got, sizeof(got), 0));
		EXPECT_EQ(0, memcmp(data, got, sizes[i]));
	}
	EXPECT_STREQ("RxRecords+7 RxBytes+17783", stats_since(&before));
}

TEST_F(stacks, open_our_train)
{
	uint8_t data[TRAIN], got[16384], record[STACK_MAX];
	size_t at, want;
	ssize_t n;

	NEED_STACK();
	train_payload(data, SEGMENTS, SEGMENT, LAST, 1);
	ASSERT_EQ(TRAIN, send_train(self->p.fd, data, TRAIN, SEGMENT));
	for (at = 0; at < TRAIN; at += want) {
		want = TRAIN - at < SEGMENT ? LAST : SEGMENT;
		n = recv(self->p.peer, record, sizeof(record), 0);
		ASSERT_LT(0, n);
		ASSERT_EQ(want, stack_open(variant->stack, &self->out, record, n,
					   got));
		EXPECT_EQ(0, memcmp(data + at, got, want));
	}
}

TEST_F(stacks, seal_a_train)
{
	uint8_t data[TRAIN], wire[TRAIN + SEGMENTS * 64];
	static struct rx rx;
	size_t at, n, len = 0, stride = 0;

	NEED_STACK();
	train_payload(data, SEGMENTS, SEGMENT, LAST, 1);
	for (at = 0; at < TRAIN; at += SEGMENT) {
		n = TRAIN - at < SEGMENT ? LAST : SEGMENT;
		n = seal(variant->stack, &self->in, &self->p, data + at, n,
			 wire + len);
		stride = at ? stride : n;
		len += n;
	}
	set_int(self->p.fd, SOL_UDP, UDP_GRO, 1);
	ASSERT_EQ(0, feed_train(&self->p, wire, len, stride));
	for (at = 0; at < TRAIN; at += rx.len) {
		ASSERT_LT(0, rx_recv(self->p.fd, &rx, 0));
		ASSERT_GE(TRAIN - at, rx.len);
		EXPECT_TRUE(rx.gro == SEGMENT || rx.len <= SEGMENT);
		EXPECT_EQ(0, memcmp(data + at, rx.data, rx.len));
	}
}

/* Where a bit is changed: counted from the front, or from the end. */
static const int places[] = {
	0,	/* the type */
	13,	/* the explicit nonce, or the text */
	21,	/* the text */
	-17,	/* the tag's front, or the text */
	-8,	/* the tag */
	-1,	/* its end */
};

static void flip(uint8_t *record, size_t n, size_t i)
{
	record[places[i] < 0 ? n + places[i] : places[i]] ^= 1 << i;
}

TEST_F(stacks, refuse_what_was_changed)
{
	uint8_t data[100], got[16384], record[STACK_MAX];
	size_t i;
	ssize_t n;

	NEED_STACK();
	payload(data, sizeof(data), 1);
	ASSERT_EQ(sizeof(data), send(self->p.fd, data, sizeof(data), 0));
	n = recv(self->p.peer, record, sizeof(record), 0);
	ASSERT_LT(0, n);
	for (i = 0; i < ARRAY_LEN(places); i++) {
		flip(record, n, i);
		EXPECT_EQ(-1, stack_open(variant->stack, &self->out, record, n,
					 got));
		flip(record, n, i);
	}
	EXPECT_EQ(sizeof(data), stack_open(variant->stack, &self->out, record, n,
					   got));
}

TEST_F(stacks, changed_is_refused)
{
	uint8_t data[100], got[200], record[STACK_MAX];
	struct stats before;
	size_t i, n;

	NEED_STACK();
	stats_read(&before);
	payload(data, sizeof(data), 1);
	n = seal(variant->stack, &self->in, &self->p, data, sizeof(data),
		 record);
	for (i = 0; i < ARRAY_LEN(places); i++) {
		flip(record, n, i);
		feed_raw(&self->p, record, n);
		flip(record, n, i);
	}
	feed_raw(&self->p, record, n);
	ASSERT_EQ(sizeof(data), recv(self->p.fd, got, sizeof(got), 0));
	EXPECT_EQ(0, memcmp(data, got, sizeof(data)));
	EXPECT_STREQ("RxRecords+1 RxBytes+100 RxDropAuth+6",
		     stats_since(&before));
}

TEST_HARNESS_MAIN
