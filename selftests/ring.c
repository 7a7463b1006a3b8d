// SPDX-License-Identifier: GPL-2.0
/* An io_uring and its buffers. */
#if __has_include(<liburing.h>)
#include <stdlib.h>
#include <string.h>

#include "ring.h"

#define BUFFERS		16
#define BUFFER_GROUP	7

struct io_uring_sqe *sqe(struct io_uring *ring, uint64_t data)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(ring);

	if (!sqe)
		die("no sqe");
	/* The prep functions before liburing 2.4 leave user_data alone. */
	sqe->user_data = data;
	return sqe;
}

int done(struct io_uring *ring, uint32_t *flags, uint64_t *data)
{
	struct __kernel_timespec ts = { .tv_sec = WAIT_MS / 1000 };
	struct io_uring_cqe *cqe;
	int res = io_uring_wait_cqe_timeout(ring, &cqe, &ts);

	if (res)
		return res;
	res = cqe->res;
	if (flags)
		*flags = cqe->flags;
	if (data)
		*data = cqe->user_data;
	io_uring_cqe_seen(ring, cqe);
	return res;
}

bool nothing_done(struct io_uring *ring)
{
	struct io_uring_cqe *cqe;

	sleep_ms(QUIET_MS);
	return io_uring_peek_cqe(ring, &cqe) == -EAGAIN;
}

static void buffers_add(struct buffers *b, int i, int offset)
{
	io_uring_buf_ring_add(b->ring, b->mem[i], BUFFER_SIZE, i, BUFFERS - 1,
			      offset);
}

bool buffers_open(struct buffers *b, struct io_uring *ring)
{
	struct io_uring_buf_reg reg = {
		.ring_entries = BUFFERS, .bgid = BUFFER_GROUP,
	};
	void *mem;
	int i;

	if (posix_memalign(&mem, 4096, BUFFERS * sizeof(struct io_uring_buf)))
		die("memory");
	memset(mem, 0, BUFFERS * sizeof(struct io_uring_buf));
	b->ring = mem;
	b->mem = calloc(BUFFERS, BUFFER_SIZE);
	reg.ring_addr = (uintptr_t)mem;
	if (io_uring_register_buf_ring(ring, &reg, 0))
		return false;
	io_uring_buf_ring_init(b->ring);
	for (i = 0; i < BUFFERS; i++)
		buffers_add(b, i, i);
	io_uring_buf_ring_advance(b->ring, BUFFERS);
	return true;
}

void buffers_close(struct buffers *b)
{
	free(b->ring);
	free(b->mem);
	memset(b, 0, sizeof(*b));
}

void buffers_use(struct io_uring_sqe *sqe)
{
	sqe->flags |= IOSQE_BUFFER_SELECT;
	sqe->buf_group = BUFFER_GROUP;
}

uint8_t *buffers_at(const struct buffers *b, uint32_t flags)
{
	return b->mem[flags >> IORING_CQE_BUFFER_SHIFT];
}

void buffers_give_back(struct buffers *b, uint32_t flags)
{
	buffers_add(b, flags >> IORING_CQE_BUFFER_SHIFT, 0);
	io_uring_buf_ring_advance(b->ring, 1);
}

#endif
