// SPDX-License-Identifier: GPL-2.0
/*
 * include/shared/window.h against a plain model: the set of all numbers that
 * were committed.
 */
#include <shared/window.h>

#include "harness.h"

/* An open-addressed set of numbers; 0 is a number, so they are kept plus 1. */
#define SLOTS	(1U << 16)

struct set {
	uint64_t slot[SLOTS];
	uint32_t count;
};

static uint32_t slot_of(const struct set *s, uint64_t n)
{
	uint32_t i = (n * 0x9e3779b97f4a7c15ULL) >> 48;

	while (s->slot[i] && s->slot[i] != n + 1)
		i = (i + 1) % SLOTS;
	return i;
}

static bool set_has(const struct set *s, uint64_t n)
{
	return s->slot[slot_of(s, n)];
}

static void set_add(struct set *s, uint64_t n)
{
	uint32_t i = slot_of(s, n);

	s->count += !s->slot[i];
	s->slot[i] = n + 1;
}

/* The model: what the window must say, in the words of the RFC. */
struct model {
	struct set	seen;
	uint64_t	next;
	uint32_t	size;
	uint64_t	told_from;	/* what is below counts as seen */
};

static int model_check(const struct model *m, uint64_t n)
{
	if (n >= m->next)
		return 0;
	if (n + m->size < m->next)
		return -ESTALE;
	return n < m->told_from || set_has(&m->seen, n) ? -EALREADY : 0;
}

static void model_commit(struct model *m, uint64_t n)
{
	set_add(&m->seen, n);
	if (n >= m->next)
		m->next = n + 1;
}

static void model_init(struct model *m, uint32_t size, uint64_t next,
		       uint64_t seen)
{
	int i;

	memset(m, 0, sizeof(*m));
	m->size = size;
	m->next = next;
	m->told_from = next > 64 ? next - 64 : 0;
	for (i = 0; i < 64 && (uint64_t)i < next; i++)
		if (seen >> i & 1)
			set_add(&m->seen, next - 1 - i);
}

struct both {
	struct model		*m;
	struct kdtls_window	*w;
};

static void both_init(struct both *b, uint32_t size, uint64_t next,
		      uint64_t seen)
{
	b->m = malloc(sizeof(*b->m));
	/* Of exactly this size, so that a step outside is found. */
	b->w = malloc(kdtls_window_bytes(size));
	if (!b->m || !b->w)
		die("malloc");
	memset(b->w, 0x5a, kdtls_window_bytes(size));
	model_init(b->m, size, next, seen);
	kdtls_window_init(b->w, size, next, seen);
}

static void both_free(struct both *b)
{
	free(b->m);
	free(b->w);
}

/* Both say the same of @n, and of committing it if @commit. */
static bool agree(struct both *b, uint64_t n, bool commit)
{
	int want = model_check(b->m, n);

	if (kdtls_window_check(b->w, n) != want)
		return false;
	if (commit) {
		if (kdtls_window_commit(b->w, n) != want)
			return false;
		if (!want)
			model_commit(b->m, n);
	}
	return b->w->next == b->m->next && b->w->size == b->m->size;
}

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
			if (self->b.m->seen.count > SLOTS / 2)
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
