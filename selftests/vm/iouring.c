// SPDX-License-Identifier: GPL-2.0
/* The calls of io_uring, with which servers send and receive. */
#include "harness.h"

#if __has_include(<liburing.h>)
#include <netinet/udp.h>
#include "ring.h"

FIXTURE(iouring) {
	struct pair p;
	struct io_uring ring;
	struct buffers b;
	bool there;
};

FIXTURE_VARIANT(iouring) {
	uint16_t cipher;
	enum family family;
};

VARIANTS_OF_FAMILIES(iouring);

FIXTURE_SETUP(iouring)
{
	int err = io_uring_queue_init(64, &self->ring, 0);

	pair_setup(&self->p, variant->family, variant->cipher);
	self->there = !err;
	if (err)
		SKIP(return, "no io_uring: %s", strerror(-err));
}

FIXTURE_TEARDOWN(iouring)
{
	if (self->there)
		io_uring_queue_exit(&self->ring);
	buffers_close(&self->b);
	pair_close(&self->p);
}

#define NEEDS_RING()							\
	do {								\
		if (!self->there)					\
			return;						\
	} while (0)

TEST_F(iouring, send)
{
	static const size_t sizes[] = { 0, 1, 100, 1350, 16384 };
	uint8_t data[16384];
	struct record r;
	size_t i;

	NEEDS_RING();
	for (i = 0; i < ARRAY_LEN(sizes); i++) {
		payload(data, sizes[i], i);
		io_uring_prep_send(sqe(&self->ring, 0), self->p.fd, data,
				   sizes[i], 0);
		io_uring_submit(&self->ring);
		EXPECT_EQ(sizes[i], done(&self->ring, NULL, NULL));
		EXPECT_EQ(0, take(&self->p, &r));
		EXPECT_EQ(sizes[i], r.len);
		EXPECT_EQ(0, memcmp(data, r.data, r.len));
	}
}

TEST_F(iouring, many_sends)
{
	uint8_t data[32][100];
	struct record r;
	uint64_t seq = self->p.out.seq;
	int i;

	NEEDS_RING();
	for (i = 0; i < 32; i++) {
		payload(data[i], 100, i);
		io_uring_prep_send(sqe(&self->ring, i), self->p.fd, data[i],
				   100, i % 2 ? MSG_WAITALL : 0);
	}
	io_uring_submit(&self->ring);
	for (i = 0; i < 32; i++)
		EXPECT_EQ(100, done(&self->ring, NULL, NULL));
	for (i = 0; i < 32; i++) {
		EXPECT_EQ(0, take(&self->p, &r));
		EXPECT_EQ(seq + i, r.seq);
		EXPECT_LE(0, payload_id(r.data, r.len));
	}
}

/* By a thread of the kernel, which is another way into the socket. */
TEST_F(iouring, send_and_recv_by_a_worker)
{
	struct io_uring_sqe *s;
	uint8_t data[100], got[200];

	NEEDS_RING();
	payload(data, sizeof(data), 3);
	s = sqe(&self->ring, 0);
	io_uring_prep_send(s, self->p.fd, data, sizeof(data), 0);
	s->flags |= IOSQE_ASYNC;
	io_uring_submit(&self->ring);
	EXPECT_EQ(100, done(&self->ring, NULL, NULL));
	EXPECT_EQ(3, take_id(&self->p));

	s = sqe(&self->ring, 0);
	io_uring_prep_recv(s, self->p.fd, got, sizeof(got), 0);
	s->flags |= IOSQE_ASYNC;
	io_uring_submit(&self->ring);
	EXPECT_TRUE(nothing_done(&self->ring));
	feed_id(&self->p, 100, 4);
	EXPECT_EQ(100, done(&self->ring, NULL, NULL));
	EXPECT_EQ(4, payload_id(got, 100));
}

TEST_F(iouring, sendmsg)
{
	struct cbuf c = { .len = 0 };
	uint16_t segment = 100;
	uint8_t data[250];
	struct iovec iov[2] = { { data, 130 }, { data + 130, 120 } };
	struct msghdr msg = { .msg_iov = iov, .msg_iovlen = 2 };
	struct record r;
	int i;

	NEEDS_RING();
	train_payload(data, 3, 100, 50, 0);
	cbuf_add(&c, SOL_UDP, UDP_SEGMENT, &segment, sizeof(segment));
	cbuf_u8(&c, DTLS_SET_RECORD_TYPE, DTLS_CT_HANDSHAKE);
	msg.msg_control = c.buf;
	msg.msg_controllen = c.len;
	io_uring_prep_sendmsg(sqe(&self->ring, 0), self->p.fd, &msg, 0);
	io_uring_submit(&self->ring);
	EXPECT_EQ(250, done(&self->ring, NULL, NULL));
	for (i = 0; i < 3; i++) {
		EXPECT_EQ(0, take(&self->p, &r));
		EXPECT_EQ(DTLS_CT_HANDSHAKE, r.type);
		EXPECT_EQ(i, payload_id(r.data, r.len));
	}
}

TEST_F(iouring, errors)
{
	uint8_t data[100] = { 0 };

	NEEDS_RING();
	io_uring_prep_send(sqe(&self->ring, 0), self->p.fd, data, 16385, 0);
	io_uring_submit(&self->ring);
	EXPECT_EQ(-EMSGSIZE, done(&self->ring, NULL, NULL));
	io_uring_prep_send(sqe(&self->ring, 0), self->p.fd, data, 100,
			   MSG_OOB);
	io_uring_submit(&self->ring);
	EXPECT_EQ(-EOPNOTSUPP, done(&self->ring, NULL, NULL));
	EXPECT_TRUE(quiet(self->p.peer));
	EXPECT_TRUE(echoes(&self->p));
}

/* Not sealed in the caller's memory, and not sent without being sealed. */
TEST_F(iouring, send_zc)
{
	struct io_uring_probe *probe = io_uring_get_probe();
	uint8_t data[1000], copy[1000];
	uint32_t flags = 0;
	int res;

	NEEDS_RING();
	if (!probe || !io_uring_opcode_supported(probe, IORING_OP_SEND_ZC))
		SKIP(return, "no IORING_OP_SEND_ZC");
	payload(data, sizeof(data), 1);
	memcpy(copy, data, sizeof(data));
	io_uring_prep_send_zc(sqe(&self->ring, 0), self->p.fd, data,
			      sizeof(data), 0, 0);
	io_uring_submit(&self->ring);
	res = done(&self->ring, &flags, NULL);
	EXPECT_EQ(0, memcmp(copy, data, sizeof(data)));
	if (res < 0) {
		EXPECT_EQ(-EOPNOTSUPP, res);
		EXPECT_TRUE(quiet(self->p.peer));
	} else {
		EXPECT_EQ(1000, res);
		EXPECT_EQ(1, take_id(&self->p));
	}
	if (flags & IORING_CQE_F_MORE)
		done(&self->ring, NULL, NULL);
	EXPECT_TRUE(echoes(&self->p));
	free(probe);
}

TEST_F(iouring, recv)
{
	uint8_t got[200];
	int i;

	NEEDS_RING();
	/* Data first, then the call; and the other way around. */
	for (i = 0; i < 4; i++) {
		if (i % 2 == 0)
			feed_id(&self->p, 100, i);
		io_uring_prep_recv(sqe(&self->ring, 0), self->p.fd, got,
				   sizeof(got), i / 2 ? MSG_WAITALL : 0);
		io_uring_submit(&self->ring);
		if (i % 2) {
			EXPECT_TRUE(nothing_done(&self->ring));
			feed_id(&self->p, 100, i);
		}
		EXPECT_EQ(100, done(&self->ring, NULL, NULL));
		EXPECT_EQ(i, payload_id(got, 100));
	}
}

TEST_F(iouring, recv_among_junk)
{
	uint8_t got[200];
	int i;

	NEEDS_RING();
	io_uring_prep_recv(sqe(&self->ring, 0), self->p.fd, got, sizeof(got),
			   0);
	io_uring_submit(&self->ring);
	for (i = 0; i < 100; i++)
		feed_raw(&self->p, "no record, but quite a few bytes", 32);
	EXPECT_TRUE(nothing_done(&self->ring));
	feed_id(&self->p, 100, 1);
	EXPECT_EQ(100, done(&self->ring, NULL, NULL));
	EXPECT_EQ(1, payload_id(got, 100));
}

/* Several calls wait, and one datagram serves them all. */
TEST_F(iouring, recv_of_one_datagram)
{
	uint8_t got[4][200], wire[1000], data[100];
	size_t n = 0;
	long sum = 0;
	int i;

	NEEDS_RING();
	for (i = 0; i < 4; i++) {
		io_uring_prep_recv(sqe(&self->ring, i), self->p.fd, got[i],
				   200, 0);
		payload(data, sizeof(data), i);
		n += oracle_seal(&self->p.in, DTLS_CT_APPLICATION_DATA, data,
				 sizeof(data), wire + n);
	}
	io_uring_submit(&self->ring);
	EXPECT_TRUE(nothing_done(&self->ring));
	feed_raw(&self->p, wire, n);
	for (i = 0; i < 4; i++)
		EXPECT_EQ(100, done(&self->ring, NULL, NULL));
	for (i = 0; i < 4; i++)
		sum += payload_id(got[i], 100);
	EXPECT_EQ(0 + 1 + 2 + 3, sum);
}

TEST_F(iouring, recvmsg)
{
	static struct rx rx;
	struct cbuf c;
	struct iovec iov = { rx.data, sizeof(rx.data) };
	struct msghdr msg = {
		.msg_name = &rx.name, .msg_namelen = sizeof(rx.name),
		.msg_iov = &iov, .msg_iovlen = 1,
		.msg_control = c.buf, .msg_controllen = sizeof(c.buf),
	};

	NEEDS_RING();
	set_int(self->p.fd, SOL_DTLS, DTLS_RECV_CONTROL, 1);
	io_uring_prep_recvmsg(sqe(&self->ring, 0), self->p.fd, &msg, 0);
	io_uring_submit(&self->ring);
	feed_type(&self->p, DTLS_CT_HANDSHAKE, "hello", 5);
	rx_parse(&rx, &msg, done(&self->ring, NULL, NULL));
	EXPECT_EQ(5, rx.len);
	EXPECT_EQ(DTLS_CT_HANDSHAKE, rx.type);
	EXPECT_EQ(0, memcmp("hello", rx.data, 5));
	EXPECT_NE(0, rx.namelen);
}

TEST_F(iouring, cancel)
{
	uint8_t got[200];
	uint64_t data = 0;
	int i, canceled = 0;

	NEEDS_RING();
	io_uring_prep_recv(sqe(&self->ring, 1), self->p.fd, got, sizeof(got),
			   0);
	io_uring_submit(&self->ring);
	io_uring_prep_cancel64(sqe(&self->ring, 2), 1, 0);
	io_uring_submit(&self->ring);
	for (i = 0; i < 2; i++) {
		int res = done(&self->ring, NULL, &data);

		if (data == 1) {
			EXPECT_EQ(-ECANCELED, res);
			canceled++;
		}
	}
	EXPECT_EQ(1, canceled);
	EXPECT_TRUE(echoes(&self->p));
}

TEST_F(iouring, end_of_session)
{
	uint8_t got[200];

	NEEDS_RING();
	io_uring_prep_recv(sqe(&self->ring, 0), self->p.fd, got, sizeof(got),
			   0);
	io_uring_submit(&self->ring);
	feed_alert(&self->p, 1, 0);
	EXPECT_EQ(0, done(&self->ring, NULL, NULL));
	io_uring_prep_send(sqe(&self->ring, 0), self->p.fd, got, 10, 0);
	io_uring_submit(&self->ring);
	EXPECT_EQ(-EPIPE, done(&self->ring, NULL, NULL));
}

/* Left behind with calls under way. */
TEST_F(iouring, exit_with_calls_waiting)
{
	static uint8_t got[8][200];
	int i;

	NEEDS_RING();
	for (i = 0; i < 8; i++)
		io_uring_prep_recv(sqe(&self->ring, 0), self->p.fd, got[i], 200,
				   0);
	io_uring_submit(&self->ring);
	close(self->p.fd);
	self->p.fd = -1;
	_exit(self->p.fd == -1 ? 0 : 1);
}

/* Multishot, with buffers that the kernel chooses */

/* One call, many datagrams, of one, none or several records. */
TEST_F(iouring, recv_multishot)
{
	uint8_t wire[1000], data[100];
	struct io_uring_sqe *s;
	uint32_t flags = 0;
	int i, id = 0, next = 0;
	size_t n;

	NEEDS_RING();
	if (!buffers_open(&self->b, &self->ring))
		SKIP(return, "no buffer rings");
	s = sqe(&self->ring, 0);
	io_uring_prep_recv_multishot(s, self->p.fd, NULL, 0, 0);
	buffers_use(s);
	io_uring_submit(&self->ring);
	while (next < 100) {
		int count = next % 3;

		for (i = 0, n = 0; i < count; i++) {
			payload(data, sizeof(data), next++);
			n += oracle_seal(&self->p.in, DTLS_CT_APPLICATION_DATA,
					 data, sizeof(data), wire + n);
		}
		feed_raw(&self->p, n ? wire : data, n ? n : 50);
		next += !count;
		id += !count;
		for (i = 0; i < count; i++) {
			int res = done(&self->ring, &flags, NULL);

			if (res == -EINVAL && id <= 1)
				SKIP(return, "no multishot");
			ASSERT_EQ(100, res);
			ASSERT_TRUE(flags & IORING_CQE_F_BUFFER);
			EXPECT_EQ(id++, payload_id(buffers_at(&self->b, flags),
						   100));
			EXPECT_TRUE(flags & IORING_CQE_F_MORE);
			buffers_give_back(&self->b, flags);
		}
	}
	EXPECT_TRUE(nothing_done(&self->ring));
	/* The end of the session ends it. */
	feed_alert(&self->p, 1, 0);
	EXPECT_EQ(0, done(&self->ring, &flags, NULL));
	EXPECT_FALSE(flags & IORING_CQE_F_MORE);
}

TEST_F(iouring, recvmsg_multishot)
{
	struct msghdr msg = { .msg_namelen = 28, .msg_controllen = 128 };
	struct io_uring_recvmsg_out *out;
	struct io_uring_sqe *s;
	struct cmsghdr *cmsg;
	uint32_t flags = 0;
	uint8_t *type;
	int i, res;

	NEEDS_RING();
	if (!buffers_open(&self->b, &self->ring))
		SKIP(return, "no buffer rings");
	set_int(self->p.fd, SOL_DTLS, DTLS_RECV_CONTROL, 1);
	s = sqe(&self->ring, 0);
	io_uring_prep_recvmsg_multishot(s, self->p.fd, &msg, 0);
	buffers_use(s);
	io_uring_submit(&self->ring);
	for (i = 0; i < 40; i++) {
		uint8_t data[100];

		payload(data, sizeof(data), i);
		feed_type(&self->p, 22 + i % 2, data, sizeof(data));
		res = done(&self->ring, &flags, NULL);
		if (res == -EINVAL && !i)
			SKIP(return, "no multishot");
		ASSERT_LT(0, res);
		out = io_uring_recvmsg_validate(buffers_at(&self->b, flags), res,
						&msg);
		ASSERT_NE(NULL, out);
		EXPECT_EQ(100, io_uring_recvmsg_payload_length(out, res, &msg));
		EXPECT_EQ(i, payload_id(io_uring_recvmsg_payload(out, &msg),
					100));
		cmsg = io_uring_recvmsg_cmsg_firsthdr(out, &msg);
		ASSERT_NE(NULL, cmsg);
		EXPECT_EQ(DTLS_GET_RECORD_TYPE, cmsg->cmsg_type);
		type = CMSG_DATA(cmsg);
		EXPECT_EQ(22 + i % 2, *type);
		buffers_give_back(&self->b, flags);
	}
}

#else

TEST(iouring)
{
	SKIP(return, "built without liburing");
}

#endif

TEST_HARNESS_MAIN
