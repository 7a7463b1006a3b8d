/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the fuzz targets share. A target is one file with the two functions
 * below; fuzz.c brings them to libFuzzer.
 */
#ifndef KDTLS_SELFTESTS_FUZZ_H
#define KDTLS_SELFTESTS_FUZZ_H

#include <stdio.h>
#include <stdlib.h>

#include <shared/types.h>

/*
 * Try one input. It alone decides what happens, so that one which fails can be
 * run again: nothing may be left over from those before it.
 */
void fuzz_one(const u8 *data, size_t len);

/* Give fuzz_seed() the inputs to begin with. */
void fuzz_seeds(void);
void fuzz_seed(const void *data, size_t len);

/* What has to hold for every input. */
#define MUST(cond) do { \
	if (!(cond)) { \
		fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, \
			#cond); \
		abort(); \
	} \
} while (0)

/* The input as a row of numbers; behind its end there are zeros. */
struct fuzz_input {
	const u8	*p;
	size_t		left;
};

static inline u64 fuzz_take(struct fuzz_input *in, int bytes)
{
	u64 v = 0;

	for (; bytes && in->left; bytes--, in->left--)
		v = v << 8 | *in->p++;
	return v;
}

/* An input in the making, for seeds. */
struct fuzz_output {
	u8	bytes[512];
	size_t	len;
};

static inline void fuzz_put(struct fuzz_output *out, u64 v, int bytes)
{
	MUST(out->len + bytes <= sizeof(out->bytes));
	while (bytes--)
		out->bytes[out->len++] = (u8)(v >> 8 * bytes);
}

static inline void fuzz_put_bytes(struct fuzz_output *out, const void *data,
				  size_t len)
{
	MUST(out->len + len <= sizeof(out->bytes));
	memcpy(out->bytes + out->len, data, len);
	out->len += len;
}

static inline void fuzz_put_seed(struct fuzz_output *out)
{
	fuzz_seed(out->bytes, out->len);
	out->len = 0;
}

/*
 * Memory of exactly @len bytes: not one behind them can be touched. Not aligned,
 * as bytes of the network are not.
 */
static inline u8 *fuzz_alloc(size_t len)
{
	u8 *block = malloc(len + 1);

	MUST(block);
	return block + 1;
}

static inline void fuzz_free(u8 *p)
{
	free(p - 1);
}

static inline u8 *fuzz_copy(const void *data, size_t len)
{
	u8 *p = fuzz_alloc(len);

	if (len)
		memcpy(p, data, len);
	return p;
}

#endif /* KDTLS_SELFTESTS_FUZZ_H */
