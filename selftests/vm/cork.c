// SPDX-License-Identifier: GPL-2.0
/* MSG_MORE and UDP_CORK: one message of several calls, as with UDP. */
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <unistd.h>

#include "harness.h"

PAIR_FIXTURE(cork, pair_setup, VARIANTS_OF_MOST);

/* The next record at the peer is @want, and there is no second one. */
static bool one_record(struct pair *p, const void *want, size_t n)
{
	struct record r;

	return take(p, &r) == 0 && r.type == 23 && r.len == n &&
	       memcmp(r.data, want, n) == 0 && quiet(p->peer);
}

static void set_cork(struct pair *p, int value)
{
	set_int(p->fd, SOL_UDP, UDP_CORK, value);
}

TEST_F(cork, more)
{
	struct pair *p = &self->p;
	int i;

	for (i = 0; i < 3; i++) {
		EXPECT_EQ(2, send(p->fd, "ab", 2, MSG_MORE));
		EXPECT_EQ(3, send(p->fd, "cde", 3, MSG_MORE));
		EXPECT_TRUE(quiet(p->peer));
		EXPECT_EQ(1, send(p->fd, "f", 1, 0));
		EXPECT_TRUE(one_record(p, "abcdef", 6));
	}
	EXPECT_TRUE(echoes(p));
}

TEST_F(cork, option)
{
	struct pair *p = &self->p;
	int value = 0;
	socklen_t len = sizeof(value);

	set_cork(p, 1);
	EXPECT_EQ(0, getsockopt(p->fd, SOL_UDP, UDP_CORK, &value, &len));
	EXPECT_EQ(1, value);
	EXPECT_EQ(4, len);
	EXPECT_EQ(2, send(p->fd, "ab", 2, 0));
	EXPECT_EQ(2, write(p->fd, "cd", 2));
	EXPECT_TRUE(quiet(p->peer));
	set_cork(p, 0);
	EXPECT_TRUE(one_record(p, "abcd", 4));
	EXPECT_EQ(0, getsockopt(p->fd, SOL_UDP, UDP_CORK, &value, &len));
	EXPECT_EQ(0, value);
	EXPECT_EQ(2, send(p->fd, "ef", 2, 0));
	EXPECT_TRUE(one_record(p, "ef", 2));
}

TEST_F(cork, option_that_ends_more)
{
	struct pair *p = &self->p;

	EXPECT_EQ(2, send(p->fd, "ab", 2, MSG_MORE));
	set_cork(p, 0);
	EXPECT_TRUE(one_record(p, "ab", 2));
	set_cork(p, 0);
	EXPECT_TRUE(quiet(p->peer));
}

TEST_F(cork, option_with_nothing)
{
	struct pair *p = &self->p;

	set_cork(p, 1);
	set_cork(p, 0);
	EXPECT_TRUE(quiet(p->peer));
	EXPECT_TRUE(echoes(p));
}

TEST_F(cork, bad_option)
{
	struct pair *p = &self->p;
	int value = 1;

	EXPECT_EQ(-EINVAL, RC(setsockopt(p->fd, SOL_UDP, UDP_CORK, &value, 3)));
	EXPECT_EQ(-EFAULT, RC(setsockopt(p->fd, SOL_UDP, UDP_CORK, (void *)8,
					 4)));
	EXPECT_EQ(2, send(p->fd, "ab", 2, 0));
	EXPECT_TRUE(one_record(p, "ab", 2));
}

TEST_F(cork, nothing_and_something)
{
	struct pair *p = &self->p;

	EXPECT_EQ(0, send(p->fd, "", 0, MSG_MORE));
	EXPECT_EQ(0, send(p->fd, "", 0, 0));
	EXPECT_TRUE(one_record(p, "", 0));
	EXPECT_EQ(0, send(p->fd, "", 0, MSG_MORE));
	EXPECT_EQ(2, send(p->fd, "ab", 2, MSG_MORE));
	EXPECT_EQ(0, send(p->fd, "", 0, 0));
	EXPECT_TRUE(one_record(p, "ab", 2));
}

/* As UDP has it, a train takes its segments from the whole. */
TEST_F(cork, train)
{
	struct pair *p = &self->p;
	uint8_t data[250];
	int i;

	train_payload(data, 3, 100, 50, 0);
	set_int(p->fd, SOL_UDP, UDP_SEGMENT, 100);
	EXPECT_EQ(30, send(p->fd, data, 30, MSG_MORE));
	EXPECT_EQ(150, send(p->fd, data + 30, 150, MSG_MORE));
	EXPECT_EQ(70, send(p->fd, data + 180, 70, 0));
	for (i = 0; i < 3; i++)
		EXPECT_EQ(i, take_id(p));
	EXPECT_TRUE(quiet(p->peer));
}

TEST_F(cork, train_by_cmsg)
{
	struct pair *p = &self->p;
	struct cbuf c = { .len = 0 };
	uint16_t segment = 100;
	uint8_t data[250];
	int i;

	train_payload(data, 3, 100, 50, 0);
	cbuf_add(&c, SOL_UDP, UDP_SEGMENT, &segment, sizeof(segment));
	EXPECT_EQ(30, send_cmsg(p->fd, data, 30, &c, MSG_MORE));
	EXPECT_EQ(220, send(p->fd, data + 30, 220, 0));
	for (i = 0; i < 3; i++)
		EXPECT_EQ(i, take_id(p));
	EXPECT_TRUE(quiet(p->peer));
}

/* The first call says how, the others only add. */
TEST_F(cork, control_messages_of_the_first)
{
	struct pair *p = &self->p;
	struct cbuf c = { .len = 0 };
	int tos = 0x20;
	struct rx rx;

	if (variant->family == MAPPED)
		SKIP(return, "has no class of its own");
	if (variant->family == IPV6) {
		set_int(p->peer, SOL_IPV6, IPV6_RECVTCLASS, 1);
		cbuf_add(&c, SOL_IPV6, IPV6_TCLASS, &tos, sizeof(tos));
	} else {
		set_int(p->peer, SOL_IP, IP_RECVTOS, 1);
		cbuf_add(&c, SOL_IP, IP_TOS, &tos, sizeof(tos));
	}
	EXPECT_EQ(2, send_cmsg(p->fd, "ab", 2, &c, MSG_MORE));
	EXPECT_EQ(2, send(p->fd, "cd", 2, 0));
	ASSERT_EQ(4 + oracle_overhead(&p->out), rx_recv(p->peer, &rx, 0));
	EXPECT_EQ(tos, rx.tos);
}

TEST_F(cork, type_of_the_first)
{
	struct pair *p = &self->p;
	struct cbuf c = { .len = 0 };
	struct record r;

	cbuf_u8(&c, DTLS_SET_RECORD_TYPE, DTLS_CT_HANDSHAKE);
	EXPECT_EQ(2, send_cmsg(p->fd, "ab", 2, &c, MSG_MORE));
	/* Data must not pass for a handshake, nor the other way around. */
	EXPECT_EQ(-EINVAL, RC(send(p->fd, "cd", 2, 0)));
	EXPECT_EQ(2, send_cmsg(p->fd, "ef", 2, &c, 0));
	ASSERT_EQ(0, take(p, &r));
	EXPECT_EQ(DTLS_CT_HANDSHAKE, r.type);
	EXPECT_EQ(4, r.len);
	EXPECT_EQ(0, memcmp("abef", r.data, 4));
	EXPECT_TRUE(echoes(p));
}

/* What is too large loses the message, as with UDP; no number is lost. */
TEST_F(cork, too_large)
{
	static uint8_t data[16384];
	struct pair *p = &self->p;

	EXPECT_EQ(16384, send(p->fd, data, 16384, MSG_MORE));
	EXPECT_EQ(-EMSGSIZE, RC(send(p->fd, data, 1, MSG_MORE)));
	set_cork(p, 0);
	EXPECT_TRUE(quiet(p->peer));
	EXPECT_EQ(10000, send(p->fd, data, 10000, MSG_MORE));
	EXPECT_EQ(6384, send(p->fd, data, 6384, 0));
	EXPECT_TRUE(one_record(p, data, 16384));
	EXPECT_TRUE(echoes(p));
}

TEST_F(cork, largest_train)
{
	static uint8_t data[60000];
	struct pair *p = &self->p;
	size_t segment = 1500, left = sizeof(data), n, i;
	struct record r;

	rnd_bytes(data, sizeof(data));
	set_int(p->fd, SOL_SOCKET, SO_SNDBUF, 1 << 20);
	set_int(p->fd, SOL_UDP, UDP_SEGMENT, segment);
	for (i = 0; i < 5; i++)
		ASSERT_EQ(12000, send(p->fd, data + i * 12000, 12000,
				      i < 4 ? MSG_MORE : 0));
	for (i = 0; left; i++, left -= n) {
		n = left < segment ? left : segment;
		ASSERT_EQ(0, take(p, &r));
		ASSERT_EQ(n, r.len);
		EXPECT_EQ(0, memcmp(data + i * segment, r.data, n));
	}
}

TEST_F(cork, fault)
{
	struct pair *p = &self->p;

	EXPECT_EQ(2, send(p->fd, "ab", 2, MSG_MORE));
	EXPECT_EQ(-EFAULT, RC(send(p->fd, (void *)8, 100, MSG_MORE)));
	set_cork(p, 0);
	EXPECT_TRUE(quiet(p->peer));
	EXPECT_TRUE(echoes(p));
}

TEST_F(cork, not_with_raw)
{
	struct pair *p = &self->p;
	uint8_t raw[20];
	struct cbuf c = { .len = 0 };

	set_int(p->fd, SOL_DTLS, DTLS_RECV_RAW, DTLS_RAW_EPOCH0);
	oracle_header(raw, 22, 0xfefd, 0, 0, 7);
	cbuf_u8(&c, DTLS_RAW, 1);
	EXPECT_EQ(-EOPNOTSUPP, send_cmsg(p->fd, raw, 20, &c, MSG_MORE));
	/* Raw ones do not wait for what is corked. */
	EXPECT_EQ(2, send(p->fd, "ab", 2, MSG_MORE));
	EXPECT_EQ(20, send_cmsg(p->fd, raw, 20, &c, 0));
	EXPECT_EQ(20, recv_now(p->peer, raw, 20));
	EXPECT_EQ(1, send(p->fd, "c", 1, 0));
	EXPECT_TRUE(one_record(p, "abc", 3));
}

TEST_F(cork, after_the_end)
{
	struct pair *p = &self->p;
	int off = 0;
	char c;

	EXPECT_EQ(2, send(p->fd, "ab", 2, MSG_MORE));
	feed_alert(p, 1, 0);
	EXPECT_EQ(0, recv(p->fd, &c, 1, 0));
	EXPECT_EQ(-EPIPE, RC(send(p->fd, "c", 1, MSG_NOSIGNAL)));
	EXPECT_EQ(-EPIPE, RC(setsockopt(p->fd, SOL_UDP, UDP_CORK, &off,
					sizeof(off))));
	set_cork(p, 0);
	EXPECT_TRUE(quiet(p->peer));
}

TEST_F(cork, close_throws_it_away)
{
	struct pair *p = &self->p;
	uint8_t data[5000] = { 0 };

	EXPECT_EQ(5000, send(p->fd, data, 5000, MSG_MORE));
	close(p->fd);
	p->fd = -1;
	EXPECT_TRUE(quiet(p->peer));
}

/* Sealed with the keys of when it is complete. */
TEST_F(cork, new_keys_meanwhile)
{
	struct pair *p = &self->p;

	EXPECT_EQ(2, send(p->fd, "ab", 2, MSG_MORE));
	oracle_free(&p->out);
	oracle_init(&p->out, variant->cipher, 2, 0);
	ASSERT_EQ(0, kdtls_install(p->fd, DTLS_TX, &p->out));
	EXPECT_EQ(2, send(p->fd, "cd", 2, 0));
	EXPECT_TRUE(one_record(p, "abcd", 4));
}

TEST_F(cork, no_numbers_left)
{
	struct pair *p = &self->p;

	oracle_free(&p->out);
	oracle_init(&p->out, variant->cipher, 2, ORACLE_SEQ_END);
	ASSERT_EQ(0, kdtls_install(p->fd, DTLS_TX, &p->out));
	EXPECT_EQ(2, send(p->fd, "ab", 2, MSG_MORE));
	EXPECT_EQ(-EKEYEXPIRED, RC(send(p->fd, "cd", 2, 0)));
	set_cork(p, 0);
	EXPECT_TRUE(quiet(p->peer));
}

/* A file goes out as one record, or as a train. */
TEST_F(cork, sendfile)
{
	static uint8_t data[12000];
	struct pair *p = &self->p;
	int fd = memfd_create("data", 0);
	off_t off = 0;

	rnd_bytes(data, sizeof(data));
	ASSERT_EQ(sizeof(data), write(fd, data, sizeof(data)));
	EXPECT_EQ(sizeof(data), RC(sendfile(p->fd, fd, &off, sizeof(data))));
	EXPECT_TRUE(one_record(p, data, sizeof(data)));
	EXPECT_TRUE(echoes(p));
	close(fd);
}

/* The file ends before what was asked for: nothing is to follow. */
TEST_F(cork, sendfile_of_a_short_file)
{
	struct pair *p = &self->p;
	int fd = memfd_create("data", 0), plain, sink;
	uint8_t data[1000], got[2000];
	off_t off = 0;
	long n;

	rnd_bytes(data, sizeof(data));
	ASSERT_EQ(sizeof(data), write(fd, data, sizeof(data)));
	plain = udp_socket(variant->family);
	sink = udp_socket(variant->family);
	udp_bind(sink, variant->family);
	udp_connect(plain, variant->family, sink);
	EXPECT_EQ(sizeof(data), RC(sendfile(plain, fd, &off, 5000)));
	n = recv_now(sink, got, sizeof(got));
	off = 0;
	EXPECT_EQ(sizeof(data), RC(sendfile(p->fd, fd, &off, 5000)));
	EXPECT_EQ(n == sizeof(data), one_record(p, data, sizeof(data)));
	close(plain);
	close(sink);
	close(fd);
}

/* UDP must not cut what was sealed as one. */
TEST_F(cork, segment_size_set_meanwhile)
{
	struct pair *p = &self->p;
	uint8_t data[1000];

	rnd_bytes(data, sizeof(data));
	EXPECT_EQ(600, send(p->fd, data, 600, MSG_MORE));
	set_int(p->fd, SOL_UDP, UDP_SEGMENT, 100);
	EXPECT_EQ(400, send(p->fd, data + 600, 400, 0));
	EXPECT_TRUE(one_record(p, data, sizeof(data)));
}

/*
 * With its buffer full a socket takes what waits for more, but not the rest. Who
 * tries again must not find that the front is gone.
 */
TEST_F(cork, full_send_buffer)
{
	struct pair *p = &self->p;
	unsigned int rate = 100000;
	struct pollfd pfd;
	char data[1000] = "";
	struct record r;
	struct pair q;
	long n;
	int i;

	netns_enter();
	if (system("tc qdisc add dev lo root fq 2>/dev/null"))
		SKIP(return, "no fq");
	pair_setup(&q, variant->family, variant->cipher);
	p = &q;
	ASSERT_EQ(0, setsockopt(p->fd, SOL_SOCKET, SO_MAX_PACING_RATE, &rate,
				sizeof(rate)));
	set_int(p->fd, SOL_SOCKET, SO_SNDBUF, 4608);
	for (i = 0; i < 1000; i++)
		if (send(p->fd, data, sizeof(data), MSG_DONTWAIT) < 0)
			break;
	ASSERT_LT(i, 1000);
	EXPECT_EQ(2, RC(send(p->fd, "ab", 2, MSG_MORE | MSG_DONTWAIT)));
	n = RC(send(p->fd, "cd", 2, MSG_DONTWAIT));
	pfd = (struct pollfd){ .fd = p->fd, .events = POLLOUT };
	while (n == -EAGAIN) {
		ASSERT_EQ(1, poll(&pfd, 1, WAIT_MS));
		n = RC(send(p->fd, "cd", 2, MSG_DONTWAIT));
	}
	EXPECT_EQ(2, n);
	do {
		ASSERT_LT(0, poll_in(p->peer, WAIT_MS) & POLLIN);
		ASSERT_EQ(0, take(p, &r));
	} while (r.len == sizeof(data));
	EXPECT_EQ(4, r.len);
	EXPECT_EQ(0, memcmp("abcd", r.data, 4));
	pair_close(&q);
}

/* Two sockets, one plain: whatever is called, the datagrams are the same. */
struct twin {
	struct pair *p;
	int plain[2];
};

static void twin_send(struct twin *t, const void *data, size_t n, int flags)
{
	if (send(t->plain[0], data, n, flags) != (ssize_t)n ||
	    send(t->p->fd, data, n, flags) != (ssize_t)n)
		die("send");
}

static void twin_cork(struct twin *t, int value)
{
	set_int(t->plain[0], SOL_UDP, UDP_CORK, value);
	set_cork(t->p, value);
}

/* Both peers got as many datagrams, with the same in them. */
static bool twins_agree(struct twin *t)
{
	static uint8_t data[65536];
	struct record r;
	ssize_t n;
	int got;

	settle();
	do {
		n = recv(t->plain[1], data, sizeof(data), MSG_DONTWAIT);
		got = poll_in(t->p->peer, 0) & POLLIN ? take(t->p, &r) : -EAGAIN;
		if (got < 0 ? n >= 0 : n < 0)
			return false;
		if (n >= 0 && ((size_t)n != r.len || memcmp(data, r.data, n)))
			return false;
	} while (n >= 0);
	return true;
}

TEST_F(cork, random_calls_as_udp)
{
	struct twin t = { .p = &self->p };
	uint8_t data[300];
	int i;

	for (i = 0; i < 2; i++) {
		t.plain[i] = udp_socket(variant->family);
		udp_bind(t.plain[i], variant->family);
	}
	udp_connect(t.plain[0], variant->family, t.plain[1]);
	for (i = 0; i < 400; i++) {
		uint32_t what = rnd(10);

		rnd_bytes(data, sizeof(data));
		if (what < 8)
			twin_send(&t, data, rnd(sizeof(data)),
				  what < 4 ? MSG_MORE : 0);
		else
			twin_cork(&t, what == 8);
		if (i % 20 == 19) {
			twin_cork(&t, 0);
			ASSERT_TRUE(twins_agree(&t)) TH_LOG("step %d", i);
		}
	}
	close(t.plain[0]);
	close(t.plain[1]);
}

/* Several threads share a corked socket: nothing is lost or torn. */
struct corker {
	struct job	job;
	int		fd;
	uint8_t		byte;
};

#define CORKERS		4
#define CORKED_PIECES	200

static void *corker(void *arg)
{
	struct corker *c = arg;
	uint8_t piece[10];
	int i;

	memset(piece, c->byte, sizeof(piece));
	for (i = 0; i < CORKED_PIECES; i++)
		if (send(c->fd, piece, sizeof(piece),
			 i % 5 == 4 ? 0 : MSG_MORE) != sizeof(piece))
			return "send";
	return NULL;
}

TEST_F(cork, threads)
{
	struct corker c[CORKERS];
	size_t total = 0, i, k;
	struct record r;

	set_int(self->p.peer, SOL_SOCKET, SO_RCVBUF, 1 << 20);
	for (i = 0; i < CORKERS; i++) {
		c[i].fd = self->p.fd;
		c[i].byte = 'a' + i;
		job_start(&c[i].job, corker, &c[i]);
	}
	for (i = 0; i < CORKERS; i++)
		EXPECT_EQ(NULL, job_join(&c[i].job));
	set_cork(&self->p, 0);
	while (poll_in(self->p.peer, QUIET_MS) & POLLIN) {
		ASSERT_EQ(0, take(&self->p, &r));
		ASSERT_EQ(0, r.len % 10);
		for (k = 0; k < r.len; k++)
			ASSERT_EQ(r.data[k / 10 * 10], r.data[k]);
		total += r.len;
	}
	EXPECT_EQ(CORKERS * CORKED_PIECES * 10, total);
}

TEST_HARNESS_MAIN
