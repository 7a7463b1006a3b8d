/* SPDX-License-Identifier: GPL-2.0 */
/* An io_uring, as the tests of its calls use it. It takes liburing. */
#ifndef KDTLS_SELFTESTS_RING_H
#define KDTLS_SELFTESTS_RING_H

#include <liburing.h>

#include "util.h"

#define BUFFER_SIZE	2048

/* A submission that there must be room for. */
struct io_uring_sqe *sqe(struct io_uring *ring, uint64_t data);
/* What the next completion says; @flags and @data may be NULL. */
int done(struct io_uring *ring, uint32_t *flags, uint64_t *data);
bool nothing_done(struct io_uring *ring);

/* Buffers that the kernel chooses from. */
struct buffers {
	struct io_uring_buf_ring	*ring;
	uint8_t				(*mem)[BUFFER_SIZE];
};

/* False if the kernel has none. */
bool buffers_open(struct buffers *b, struct io_uring *ring);
/* Only when nothing uses the ring any more. */
void buffers_close(struct buffers *b);
void buffers_use(struct io_uring_sqe *sqe);
/* The one that a completion's flags name, and what to do when it was read. */
uint8_t *buffers_at(const struct buffers *b, uint32_t flags);
void buffers_give_back(struct buffers *b, uint32_t flags);

#endif /* KDTLS_SELFTESTS_RING_H */
