// SPDX-License-Identifier: GPL-2.0
/*
 * include/shared/window.h against the model.
 *
 * The input: size of the window (2 bytes), the number that it begins with (6),
 * what was seen (8), and then steps: one byte that says what is done with which
 * number, and as many bytes more as that takes.
 */
#include <linux/kdtls.h>

#include "fuzz.h"
#include "model.h"

#define SIZES	(DTLS_WINDOW_MAX - DTLS_WINDOW_MIN + 1)

enum {
	ABOVE,		/* the highest number, and up */
	BELOW,		/* and down */
	OLDEST,		/* around the low end of the window */
	WORD,		/* around an end of a word of the bitmap */
	JUMP,		/* up by whole words */
	FAR,		/* any number */
	LAST,		/* one of the last numbers that there are */
	AGAIN,		/* the number of the step before */
	KINDS
};

/* Bytes that the number takes. */
static const u8 width[KINDS] = {
	[ABOVE] = 1, [BELOW] = 1, [OLDEST] = 1, [WORD] = 1, [JUMP] = 2,
	[FAR] = 6, [LAST] = 1, [AGAIN] = 0,
};

static u64 pick(const struct model *m, int kind, u64 operand, u64 before)
{
	switch (kind) {
	case ABOVE:
		return m->next + operand;
	case BELOW:
		return m->next - 1 - operand;
	case OLDEST:
		return m->next - m->size + operand - 128;
	case WORD:
		return (m->next | 63) + operand - 128;
	case JUMP:
		return m->next + 64 * (operand >> 8) + operand % 3 - 1;
	case FAR:
		return operand;
	case LAST:
		return KDTLS_SEQ_END - 1 - operand;
	default:
		return before;
	}
}

/* The numbers of which a mistake with @n would make something else. */
static void look_around(struct both *b, u64 n)
{
	u64 near[] = { n - 1, n + 1, n - 64, b->m->next - b->m->size };
	size_t i;

	for (i = 0; i < sizeof(near) / sizeof(near[0]); i++)
		if (near[i] < KDTLS_SEQ_END)
			MUST(agree(b, near[i], false));
}

void fuzz_one(const u8 *data, size_t len)
{
	struct fuzz_input in = { data, len };
	u32 size = DTLS_WINDOW_MIN + (u32)fuzz_take(&in, 2) % SIZES;
	u64 next = fuzz_take(&in, 6), n = 0;
	struct both b;
	int kind;
	u8 step;

	/* The highest that may be has one bit more than the input. */
	if (next == KDTLS_SEQ_END - 1)
		next = KDTLS_SEQ_END;
	both_init(&b, size, next, fuzz_take(&in, 8));
	while (in.left && !model_full(b.m)) {
		step = (u8)fuzz_take(&in, 1);
		kind = step % KINDS;
		n = pick(b.m, kind, fuzz_take(&in, width[kind]), n);
		n %= KDTLS_SEQ_END;
		MUST(agree(&b, n, step & 0x80));
		look_around(&b, n);
	}
	both_free(&b);
}

/* Each kind of step, checked and then committed. */
static void seed_steps(u16 size, u64 next, u64 seen)
{
	struct fuzz_output out = { .len = 0 };
	int kind;

	fuzz_put(&out, size - DTLS_WINDOW_MIN, 2);
	fuzz_put(&out, next, 6);
	fuzz_put(&out, seen, 8);
	for (kind = 0; kind < KINDS; kind++) {
		fuzz_put(&out, kind, 1);
		fuzz_put(&out, 63, width[kind]);
		fuzz_put(&out, 0x80 | kind, 1);
		fuzz_put(&out, 64, width[kind]);
	}
	fuzz_put_seed(&out);
}

void fuzz_seeds(void)
{
	static const u16 size[] = { 32, 64, 65, 193, 1024, 8129, 8192 };
	static const u64 next[] = {
		0, 1, 63, 64, 100, 1ULL << 32, KDTLS_SEQ_END - 65,
		KDTLS_SEQ_END - 1,
	};
	size_t i, j;

	for (i = 0; i < sizeof(size) / sizeof(size[0]); i++)
		for (j = 0; j < sizeof(next) / sizeof(next[0]); j++)
			seed_steps(size[i], next[j], 0xaaaaaaaaaaaaaaaa);
}
