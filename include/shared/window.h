/* SPDX-License-Identifier: GPL-2.0 OR LGPL-2.1-or-later */
/*
 * The replay window (RFC 6347 section 4.1.2.6): which of the latest record
 * numbers of an epoch were already opened.
 *
 * A ring of bits, one to a number, in which the window slides by clearing the
 * words it enters instead of shifting. One word more than the window needs
 * keeps the word that is being entered apart from the oldest that still counts.
 *
 * Check before the tag is verified, commit after: a forged record must not move
 * the window. The caller serialises both.
 */
#ifndef KDTLS_SHARED_WINDOW_H
#define KDTLS_SHARED_WINDOW_H

#include <shared/record.h>
#include <shared/types.h>

/**
 * struct kdtls_window - the replay window of one epoch
 * @next: one above the highest number committed
 * @size: how many numbers below @next can still be told apart
 * @words: words in @bits, a power of two
 * @bits: number n is at bit n modulo the size of the ring
 */
struct kdtls_window {
	u64	next;
	u32	size;
	u32	words;
	u64	bits[];
};

/* Words of bitmap that a window of @size records needs. */
static inline u32 kdtls_window_words(u32 size)
{
	u32 words = 2;

	while (words * 64 < size + 64)
		words *= 2;
	return words;
}

/* Bytes of a struct kdtls_window for @size records. */
static inline size_t kdtls_window_bytes(u32 size)
{
	return sizeof(struct kdtls_window) +
	       kdtls_window_words(size) * sizeof(u64);
}

static inline u64 *kdtls_window_word(struct kdtls_window *w, u64 seq)
{
	return &w->bits[(seq / 64) & (w->words - 1)];
}

/**
 * kdtls_window_init() - set up a window
 * @w: kdtls_window_bytes(@size) bytes
 * @size: DTLS_WINDOW_MIN to DTLS_WINDOW_MAX
 * @next: one above the highest number already opened, at most KDTLS_SEQ_END
 * @seen: bit i: number @next - 1 - i was opened
 *
 * All numbers below @next - 64 count as opened: whoever opened them did not
 * tell, and a record too few is better than one twice.
 */
static inline void kdtls_window_init(struct kdtls_window *w, u32 size, u64 next,
				     u64 seen)
{
	u64 seq;
	u32 i;

	w->next = next;
	w->size = size;
	w->words = kdtls_window_words(size);
	memset(w->bits, 0xff, w->words * sizeof(u64));

	/* What @next shares a word with is above it, and was not opened. */
	for (seq = next; seq % 64; seq++)
		*kdtls_window_word(w, seq) &= ~(1ULL << (seq % 64));

	for (i = 0; i < 64 && i < next; i++) {
		seq = next - 1 - i;
		if (!(seen >> i & 1))
			*kdtls_window_word(w, seq) &= ~(1ULL << (seq % 64));
	}
}

/**
 * kdtls_window_check() - may a record of this number still be opened?
 * @w: the window
 * @seq: the number, below KDTLS_SEQ_END
 *
 * Return: 0, -EALREADY if it was opened, -ESTALE if it is too old to tell.
 */
static inline int kdtls_window_check(struct kdtls_window *w, u64 seq)
{
	if (seq >= w->next)
		return 0;
	if (w->next - seq > w->size)
		return -ESTALE;
	if (*kdtls_window_word(w, seq) >> (seq % 64) & 1)
		return -EALREADY;
	return 0;
}

/**
 * kdtls_window_commit() - a record of this number was opened
 * @w: the window
 * @seq: the number, below KDTLS_SEQ_END
 *
 * Checks again: between check and commit another thread may have opened a
 * record of the same number.
 *
 * Return: what kdtls_window_check() returns; the window moves only for 0.
 */
static inline int kdtls_window_commit(struct kdtls_window *w, u64 seq)
{
	int err = kdtls_window_check(w, seq);
	u64 entered, i;

	if (err)
		return err;
	if (seq >= w->next) {
		/* With next at a word's edge, that word is not entered yet. */
		entered = seq / 64 + 1 - (w->next + 63) / 64;
		if (entered > w->words)
			entered = w->words;
		for (i = 0; i < entered; i++)
			w->bits[(seq / 64 - i) & (w->words - 1)] = 0;
		w->next = seq + 1;
	}
	*kdtls_window_word(w, seq) |= 1ULL << (seq % 64);
	return 0;
}

#endif /* KDTLS_SHARED_WINDOW_H */
