// SPDX-License-Identifier: GPL-2.0
/*
 * The calls of io_uring on the members of an endpoint: many peers by one ring, and
 * data that arrives at another member than the one whose call waits for it.
 */
#include "harness.h"

#if __has_include(<liburing.h>)
#include <netinet/udp.h>
#include "members.h"
#include "ring.h"

#define SENDS	32

FIXTURE(iouring_endpoint) {
	struct group g;
	struct peer alice;
	struct peer bob;
	struct peer stranger;
	struct io_uring ring;
	struct buffers b;
	bool there;
};

FIXTURE_VARIANT(iouring_endpoint) {
	uint16_t cipher;
	enum family family;
};

VARIANTS_OF_FAMILIES(iouring_endpoint);

FIXTURE_SETUP(iouring_endpoint)
{
	int err = io_uring_queue_init(64, &self->ring, 0);

	netns_enter();
	group_open(&self->g, variant->family, variant->cipher, 3);
	peer_open(&self->alice, &self->g);
	peer_open(&self->bob, &self->g);
	peer_open(&self->stranger, &self->g);
	ASSERT_EQ(0, session_new(&self->g, &self->alice, ALICES));
	ASSERT_EQ(0, session_new(&self->g, &self->bob, BOBS));
	self->there = !err;
	if (err)
		SKIP(return, "no io_uring: %s", strerror(-err));
}

FIXTURE_TEARDOWN(iouring_endpoint)
{
	if (self->there)
		io_uring_queue_exit(&self->ring);
	buffers_close(&self->b);
	peer_close(&self->alice);
	peer_close(&self->bob);
	peer_close(&self->stranger);
	group_close(&self->g);
}

#define NEEDS_RING()							\
	do {								\
		if (!self->there)					\
			return;						\
	} while (0)

/**
 * struct ring_send - a sendmsg() that is under way
 * @msg: to whom
 * @iov: what
 * @data: 100 bytes with a number
 */
struct ring_send {
	struct msghdr	msg;
	struct iovec	iov;
	uint8_t		data[100];
};

static void send_to(struct ring_send *s, struct io_uring *ring, int fd,
		    struct peer *p, uint32_t id)
{
	payload(s->data, sizeof(s->data), id);
	s->iov = (struct iovec){ s->data, sizeof(s->data) };
	s->msg = (struct msghdr) {
		.msg_name = &p->addr, .msg_namelen = p->len,
		.msg_iov = &s->iov, .msg_iovlen = 1,
	};
	io_uring_prep_sendmsg(sqe(ring, id), fd, &s->msg, 0);
}

TEST_F(iouring_endpoint, sends_to_many)
{
	static struct ring_send sends[SENDS];
	struct peer *to[] = { &self->alice, &self->bob };
	int i;

	NEEDS_RING();
	for (i = 0; i < SENDS; i++)
		send_to(&sends[i], &self->ring, self->g.fd[i % 3], to[i % 2],
			i);
	io_uring_submit(&self->ring);
	for (i = 0; i < SENDS; i++)
		EXPECT_EQ(100, done(&self->ring, NULL, NULL));
	for (i = 0; i < SENDS; i++)
		EXPECT_EQ(i, take_id(&to[i % 2]->p));
}

TEST_F(iouring_endpoint, send_to_a_stranger)
{
	static struct ring_send s;

	NEEDS_RING();
	send_to(&s, &self->ring, self->g.fd[BOBS], &self->stranger, 1);
	io_uring_submit(&self->ring);
	EXPECT_EQ(-ENOTCONN, done(&self->ring, NULL, NULL));
	io_uring_prep_send(sqe(&self->ring, 0), self->g.fd[BOBS], s.data,
			   sizeof(s.data), 0);
	io_uring_submit(&self->ring);
	EXPECT_EQ(-EDESTADDRREQ, done(&self->ring, NULL, NULL));
	EXPECT_TRUE(quiet(self->stranger.p.peer));
	EXPECT_TRUE(quiet(self->alice.p.peer));
}

TEST_F(iouring_endpoint, train)
{
	struct cbuf c = { .len = 0 };
	uint16_t segment = 100;
	uint8_t data[950];
	struct iovec iov = { data, sizeof(data) };
	struct msghdr msg = {
		.msg_name = &self->bob.addr, .msg_namelen = self->bob.len,
		.msg_iov = &iov, .msg_iovlen = 1,
	};
	int i;

	NEEDS_RING();
	train_payload(data, 10, 100, 50, 0);
	cbuf_add(&c, SOL_UDP, UDP_SEGMENT, &segment, sizeof(segment));
	msg.msg_control = c.buf;
	msg.msg_controllen = c.len;
	io_uring_prep_sendmsg(sqe(&self->ring, 0), self->g.fd[ALICES], &msg, 0);
	io_uring_submit(&self->ring);
	EXPECT_EQ(950, done(&self->ring, NULL, NULL));
	for (i = 0; i < 10; i++)
		EXPECT_EQ(i, take_id(&self->bob.p));
}

/*
 * Both wait. What is alice's arrives at bob's member: his call opens it, and goes on
 * waiting; hers returns.
 */
TEST_F(iouring_endpoint, waiting_on_the_wrong_member)
{
	uint8_t got[3][200];
	uint64_t who = 0;
	int i;

	NEEDS_RING();
	for (i = ALICES; i <= BOBS; i++)
		io_uring_prep_recv(sqe(&self->ring, i), self->g.fd[i], got[i],
				   sizeof(got[i]), 0);
	io_uring_submit(&self->ring);
	group_steer(&self->g, BOBS);
	feed_id(&self->alice.p, 100, 7);
	EXPECT_EQ(100, done(&self->ring, NULL, &who));
	EXPECT_EQ(ALICES, who);
	EXPECT_EQ(7, payload_id(got[ALICES], 100));
	EXPECT_TRUE(nothing_done(&self->ring));
	feed_id(&self->bob.p, 100, 8);
	EXPECT_EQ(100, done(&self->ring, NULL, &who));
	EXPECT_EQ(BOBS, who);
	EXPECT_EQ(8, payload_id(got[BOBS], 100));
}

/* Junk that comes meanwhile ends nobody's call. */
TEST_F(iouring_endpoint, waiting_among_strangers)
{
	uint8_t got[200];

	NEEDS_RING();
	io_uring_prep_recv(sqe(&self->ring, 0), self->g.fd[ALICES], got,
			   sizeof(got), 0);
	io_uring_submit(&self->ring);
	group_steer(&self->g, ALICES);
	feed_id(&self->stranger.p, 100, 1);
	feed_raw(&self->alice.p, "junk", 4);
	EXPECT_TRUE(nothing_done(&self->ring));
	feed_id(&self->alice.p, 100, 2);
	EXPECT_EQ(100, done(&self->ring, NULL, NULL));
	EXPECT_EQ(2, payload_id(got, 100));
}

static bool from(const void *name, socklen_t len, const struct peer *p)
{
	return len == p->len && !memcmp(name, &p->addr, len);
}

static bool is_tag(struct cmsghdr *cmsg, const struct peer *p)
{
	struct dtls_session tag;

	if (!cmsg || cmsg->cmsg_level != SOL_DTLS ||
	    cmsg->cmsg_type != DTLS_SESSION ||
	    cmsg->cmsg_len != CMSG_LEN(sizeof(tag)))
		return false;
	memcpy(&tag, CMSG_DATA(cmsg), sizeof(tag));
	return tag.session == p->id && tag.epoch == 1;
}

/* One call on one member, which owns what comes from both. */
TEST_F(iouring_endpoint, recvmsg_multishot)
{
	struct msghdr msg = { .msg_namelen = 28, .msg_controllen = 128 };
	struct peer *p[] = { &self->alice, &self->bob };
	struct io_uring_recvmsg_out *out;
	struct io_uring_sqe *s;
	uint32_t flags = 0;
	int i, res;

	NEEDS_RING();
	if (!buffers_open(&self->b, &self->ring))
		SKIP(return, "no buffer rings");
	EXPECT_EQ(0, session_set_u32(&self->g, &self->bob, KDTLS_A_OWNER,
				     self->g.member[ALICES]));
	set_int(self->g.fd[ALICES], SOL_DTLS, DTLS_RECV_SESSION, 1);
	group_steer(&self->g, ALICES);
	s = sqe(&self->ring, 0);
	io_uring_prep_recvmsg_multishot(s, self->g.fd[ALICES], &msg, 0);
	buffers_use(s);
	io_uring_submit(&self->ring);
	for (i = 0; i < 40; i++) {
		feed_id(&p[i % 2]->p, 100, i);
		res = done(&self->ring, &flags, NULL);
		if (res == -EINVAL && !i)
			SKIP(return, "no multishot");
		ASSERT_LT(0, res);
		out = io_uring_recvmsg_validate(buffers_at(&self->b, flags),
						res, &msg);
		ASSERT_NE(NULL, out);
		EXPECT_EQ(i, payload_id(io_uring_recvmsg_payload(out, &msg),
					100));
		EXPECT_TRUE(from(io_uring_recvmsg_name(out), out->namelen,
				 p[i % 2]));
		EXPECT_TRUE(is_tag(io_uring_recvmsg_cmsg_firsthdr(out, &msg),
				   p[i % 2]));
		EXPECT_TRUE(flags & IORING_CQE_F_MORE);
		buffers_give_back(&self->b, flags);
	}
}

/* The ring holds the member that was closed until its call is over. */
TEST_F(iouring_endpoint, member_closed_with_a_call_waiting)
{
	uint8_t got[200];
	int i;

	NEEDS_RING();
	io_uring_prep_recv(sqe(&self->ring, 5), self->g.fd[ALICES], got,
			   sizeof(got), 0);
	io_uring_submit(&self->ring);
	close(self->g.fd[ALICES]);
	self->g.fd[ALICES] = -1;
	group_steer(&self->g, BOBS);
	feed_id(&self->alice.p, 100, 3);
	EXPECT_EQ(-EAGAIN, RC(recv(self->g.fd[BOBS], got, sizeof(got),
				   MSG_DONTWAIT)));
	EXPECT_EQ(100, done(&self->ring, NULL, NULL));
	EXPECT_EQ(3, payload_id(got, 100));
	/* Now it goes, in its own time, and the next one finds no owner. */
	for (i = 0; i < 500 && stats_get("Attached") > 2; i++)
		sleep_ms(10);
	/* The last one takes the place of the one that went. */
	group_steer(&self->g, 1);
	feed_id(&self->alice.p, 100, 4);
	EXPECT_STREQ("4", recv_ids(self->g.fd[BOBS], 1));
}

#else

TEST(iouring_endpoint)
{
	SKIP(return, "built without liburing");
}

#endif

TEST_HARNESS_MAIN
