// SPDX-License-Identifier: GPL-2.0
/*
 * include/shared/window.h against a plain model, see model.h.
 *
 * KDTLS_SEQUENCES: how many sequences, each in a window of its own.
 * KDTLS_STEPS: how many steps in the long ones.
 */
#include "harness.h"
#include "model.h"

static uint64_t rnd64(void)
{
	return (uint64_t)rnd(UINT32_MAX) << 32 | rnd(UINT32_MAX);
}

/* A number that is worth asking for. */
static uint64_t pick(const struct both *b)
{
	uint64_t next = b->m->next, n;
	uint32_t size = b->m->size;

	switch (rnd(12)) {
	case 0:
		n = next + rnd(3 * size + 200);
		break;
	case 1:
		n = next - size - 64 + rnd(128);
		break;
	case 2:
		n = next - rnd(3 * size);
		break;
	case 3:
		n = (next | 63) - 2 + rnd(5);
		break;
	case 4:
		n = rnd(200) ? next : rnd64();
		break;
	case 5:
		n = next + 64 * rnd(8) + rnd(3) - 1;
		break;
	default:
		n = next + 4 - rnd(size < 64 ? size + 8 : 72);
		break;
	}
	return n < KDTLS_SEQ_END ? n : rnd(1000);
}

FIXTURE(window) {
	struct both b;
};

FIXTURE_VARIANT(window) {
	uint32_t size;
};

#define SIZE(n)	FIXTURE_VARIANT_ADD(window, of_##n) { .size = (n) }

SIZE(32);
SIZE(33);
SIZE(63);
SIZE(64);
SIZE(65);
SIZE(127);
SIZE(128);
SIZE(129);
SIZE(192);
SIZE(193);
SIZE(1000);
SIZE(1024);
SIZE(4032);
SIZE(4095);
SIZE(8128);
SIZE(8191);
SIZE(8192);

#define SIZES	17

FIXTURE_SETUP(window)
{
}

FIXTURE_TEARDOWN(window)
{
}

static long steps(void)
{
	return env_long("KDTLS_STEPS", 10000000) / SIZES;
}

/* Begin anew where @next is near something. */
static uint64_t pick_start(void)
{
	switch (rnd(5)) {
	case 0:
		return rnd(300);
	case 1:
		return KDTLS_SEQ_END - rnd(20000);
	case 2:
		return 1ULL << (6 + rnd(42));
	case 3:
		return (1ULL << (6 + rnd(41))) + rnd(200) - 10;
	default:
		return rnd64() % KDTLS_SEQ_END;
	}
}

TEST_F(window, like_the_model)
{
	long left = steps();

	while (left > 0) {
		long turn = 2000 + rnd(20000);

		both_init(&self->b, variant->size, pick_start(), rnd64());
		for (; turn && left; turn--, left--) {
			uint64_t n = pick(&self->b);

			ASSERT_TRUE(agree(&self->b, n, rnd(8)))
				TH_LOG("number %llu, next %llu",
				       (unsigned long long)n,
				       (unsigned long long)self->b.m->next);
			if (model_full(self->b.m))
				break;
		}
		both_free(&self->b);
	}
}

/* Each number of the window and around it, after each of many states. */
TEST_F(window, whole_window)
{
	uint64_t n, from, to;
	int state, i;

	for (state = 0; state < 40; state++) {
		both_init(&self->b, variant->size, pick_start(), rnd64());
		for (i = 0; i < 300; i++)
			ASSERT_TRUE(agree(&self->b, pick(&self->b), true));
		to = self->b.m->next + 70;
		from = to > variant->size + 270 ? to - variant->size - 270 : 0;
		for (n = from; n < to && n < KDTLS_SEQ_END; n++)
			ASSERT_TRUE(agree(&self->b, n, false));
		both_free(&self->b);
	}
}

TEST_F(window, every_seed_bit)
{
	uint64_t next, n;
	int bit;

	for (next = 0; next <= 200; next++)
		for (bit = -1; bit < 64; bit += 7) {
			uint64_t seen = bit < 0 ? 0 : 1ULL << bit;

			both_init(&self->b, variant->size, next, seen);
			for (n = 0; n < next + 3; n++)
				ASSERT_TRUE(agree(&self->b, n, false));
			both_free(&self->b);
		}
}

TEST_F(window, jumps)
{
	uint64_t n = 0, by;

	for (by = 1; by < KDTLS_SEQ_END / 4; by += by / 7 + 1) {
		both_init(&self->b, variant->size, 100, 0);
		n = 100 + by;
		ASSERT_TRUE(agree(&self->b, n, true));
		ASSERT_TRUE(agree(&self->b, n - 1, false));
		ASSERT_TRUE(agree(&self->b, n - by, false));
		ASSERT_TRUE(agree(&self->b, 99, false));
		if (n >= variant->size) {
			ASSERT_TRUE(agree(&self->b, n - variant->size, false));
			ASSERT_TRUE(agree(&self->b, n - variant->size + 1,
					  true));
		}
		both_free(&self->b);
	}
}

TEST_F(window, last_number)
{
	both_init(&self->b, variant->size, KDTLS_SEQ_END - 1, 0);
	EXPECT_TRUE(agree(&self->b, KDTLS_SEQ_END - 1, true));
	EXPECT_TRUE(agree(&self->b, KDTLS_SEQ_END - 1, true));
	EXPECT_TRUE(agree(&self->b, KDTLS_SEQ_END - 2, true));
	EXPECT_TRUE(agree(&self->b, KDTLS_SEQ_END - variant->size, true));
	EXPECT_TRUE(agree(&self->b, KDTLS_SEQ_END - variant->size - 1, true));
	EXPECT_EQ(KDTLS_SEQ_END, self->b.w->next);
	both_free(&self->b);
}

/*
 * Many short sequences, and some long ones, each in a window of any size. What
 * differs is where they take place.
 */
FIXTURE(sequences) {
	struct both b;
};

FIXTURE_VARIANT(sequences) {
	uint64_t (*start)(void);
};

static uint64_t at_zero(void)
{
	return rnd(3) ? rnd(300) : 0;
}

static uint64_t at_a_power(void)
{
	return (1ULL << (7 + rnd(41))) + rnd(200) - 100;
}

static uint64_t anywhere(void)
{
	return rnd64() % KDTLS_SEQ_END;
}

static uint64_t at_the_end(void)
{
	return KDTLS_SEQ_END - rnd(rnd(2) ? 100 : 9000);
}

FIXTURE_VARIANT_ADD(sequences, at_zero) { .start = at_zero };
FIXTURE_VARIANT_ADD(sequences, at_a_power) { .start = at_a_power };
FIXTURE_VARIANT_ADD(sequences, anywhere) { .start = anywhere };
FIXTURE_VARIANT_ADD(sequences, at_the_end) { .start = at_the_end };

FIXTURE_SETUP(sequences)
{
}

FIXTURE_TEARDOWN(sequences)
{
}

/* Small ones, those at the edge of a word of the bitmap, and all others. */
static uint32_t pick_size(void)
{
	uint32_t size;

	switch (rnd(4)) {
	case 0:
		return 32 + rnd(100);
	case 1:
		size = 64 * (1 + rnd(128)) - 2 + rnd(5);
		return size <= 8192 ? size : 8192;
	default:
		return 32 + rnd(8192 - 32 + 1);
	}
}

/* As pick(), and now and then far away, or what was there before. */
static uint64_t pick_any(const struct both *b, const uint64_t *before)
{
	switch (rnd(32)) {
	case 0:
		return rnd64() % KDTLS_SEQ_END;
	case 1:
		return KDTLS_SEQ_END - 1 - rnd(200);
	case 2:
	case 3:
		return before[rnd(8)];
	default:
		return pick(b);
	}
}

static bool run_sequence(struct both *b, uint64_t start, uint64_t *at)
{
	uint32_t steps = rnd(4000) ? 4 + rnd(24) : 1000 + rnd(4000), i;
	uint64_t before[8] = { 0 };
	bool same = true;

	both_init(b, pick_size(), start, rnd64());
	for (i = 0; same && i < steps; i++) {
		*at = pick_any(b, before);
		before[i % 8] = *at;
		same = agree(b, *at, rnd(8));
	}
	both_free(b);
	return same;
}

TEST_F(sequences, like_the_model)
{
	long left = env_long("KDTLS_SEQUENCES", 10000000) / 4;
	uint64_t n = 0;

	while (left--)
		ASSERT_TRUE(run_sequence(&self->b, variant->start(), &n))
			TH_LOG("size %u, number %llu, next %llu",
			       self->b.m->size, (unsigned long long)n,
			       (unsigned long long)self->b.m->next);
}

/* In memory as well: what is around the window stays as it is. */
TEST_F(window, stays_in_its_memory)
{
	size_t bytes = kdtls_window_bytes(variant->size), i;
	uint8_t *mem = malloc(bytes + 128);
	struct kdtls_window *w = (void *)(mem + 64);
	uint64_t n = 0;

	memset(mem, 0xa5, bytes + 128);
	kdtls_window_init(w, variant->size, 0, 0);
	for (i = 0; i < 50000; i++) {
		n += rnd(100) ? rnd(4) : rnd(2 * variant->size);
		kdtls_window_commit(w, n);
	}
	for (i = 0; i < 64; i++) {
		ASSERT_EQ(0xa5, mem[i]);
		ASSERT_EQ(0xa5, mem[64 + bytes + i]);
	}
	free(mem);
}

TEST_HARNESS_MAIN
