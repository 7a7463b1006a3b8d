// SPDX-License-Identifier: GPL-2.0
/* Sending: what the oracle opens of it, and what is refused. */
#include <fcntl.h>
#include <linux/errqueue.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <linux/net_tstamp.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <net/if_arp.h>
#include <sys/ioctl.h>
#include <sys/sendfile.h>
#include <sys/uio.h>
#include <time.h>

#include "harness.h"

PAIR_FIXTURE(send, pair_setup, VARIANTS_OF_MOST);

/* The record is what the session's next one must be. */
static bool is_next(struct pair *p, const struct record *r)
{
	bool ok = r->version == ORACLE_VERSION && r->epoch == p->out.epoch &&
		  r->seq == p->out.seq;

	if (oracle_explicit_len(&p->out))
		ok = ok && r->nonce == p->out.nonce;
	p->out.seq++;
	p->out.nonce++;
	return ok;
}

/* Take the next record, which must be @n bytes of payload @id. */
static bool next_is(struct pair *p, size_t n, uint32_t id)
{
	struct record r;
	uint8_t want[16384];

	if (take(p, &r) || !is_next(p, &r))
		return false;
	payload(want, n, id);
	return r.type == DTLS_CT_APPLICATION_DATA && r.len == n &&
	       !memcmp(r.data, want, n);
}

TEST_F(send, sizes)
{
	static const size_t sizes[] = { 0, 1, 2, 3, 4, 7, 8, 15, 16, 17, 31, 63,
		64, 65, 255, 256, 1000, 1199, 1200, 1349, 1350, 1400, 1500,
		4095, 4096, 4097, 8192, 9000, 16000, 16383, 16384 };
	uint8_t data[16384];
	size_t i;

	for (i = 0; i < ARRAY_LEN(sizes); i++) {
		payload(data, sizes[i], i);
		ASSERT_EQ(sizes[i], RC(send(self->p.fd, data, sizes[i], 0)));
		EXPECT_TRUE(next_is(&self->p, sizes[i], i));
	}
}

TEST_F(send, every_size_to_1350)
{
	uint8_t data[1350];
	size_t n, step = variant->family == IPV4 ? 1 : 37;

	for (n = 0; n <= sizeof(data); n += step) {
		payload(data, n, n);
		ASSERT_EQ(n, RC(send(self->p.fd, data, n, 0)));
		ASSERT_TRUE(next_is(&self->p, n, n));
	}
}

TEST_F(send, too_large)
{
	static uint8_t data[70000];

	EXPECT_EQ(-EMSGSIZE, RC(send(self->p.fd, data, 16385, 0)));
	EXPECT_EQ(-EMSGSIZE, RC(send(self->p.fd, data, 65507, 0)));
	EXPECT_EQ(-EMSGSIZE, RC(send(self->p.fd, data, 65535, 0)));
	EXPECT_EQ(-EMSGSIZE, RC(send(self->p.fd, data, sizeof(data), 0)));
	EXPECT_EQ(-EMSGSIZE, send_type(self->p.fd, DTLS_CT_HANDSHAKE, data,
				       16385));
	EXPECT_TRUE(quiet(self->p.peer));
	EXPECT_TRUE(echoes(&self->p));
}

TEST_F(send, counts_explicit_nonce_over_the_edge)
{
	struct pair p;
	int i;

	pair_open(&p, variant->family, variant->cipher);
	p.out.nonce = UINT64_MAX - 1;
	pair_attach(&p);
	pair_install(&p);
	for (i = 0; i < 4; i++) {
		uint8_t data[20];

		payload(data, sizeof(data), i);
		ASSERT_EQ(20, send(p.fd, data, sizeof(data), 0));
		EXPECT_TRUE(next_is(&p, sizeof(data), i));
	}
	pair_close(&p);
}

TEST_F(send, write_and_writev)
{
	uint8_t data[300];
	struct iovec iov[4] = {
		{ data, 1 }, { data + 1, 0 }, { data + 1, 199 },
		{ data + 200, 100 },
	};

	payload(data, sizeof(data), 1);
	EXPECT_EQ(300, write(self->p.fd, data, sizeof(data)));
	EXPECT_TRUE(next_is(&self->p, 300, 1));
	EXPECT_EQ(300, writev(self->p.fd, iov, 4));
	EXPECT_TRUE(next_is(&self->p, 300, 1));
}

TEST_F(send, sendmsg_of_many_parts)
{
	uint8_t data[1024];
	struct iovec iov[128];
	struct msghdr msg = { .msg_iov = iov, .msg_iovlen = 128 };
	int i;

	payload(data, sizeof(data), 5);
	for (i = 0; i < 128; i++) {
		iov[i].iov_base = data + i * 8;
		iov[i].iov_len = 8;
	}
	EXPECT_EQ(1024, RC(sendmsg(self->p.fd, &msg, 0)));
	EXPECT_TRUE(next_is(&self->p, 1024, 5));
}

TEST_F(send, sendmmsg)
{
	struct mmsghdr msgs[8] = { 0 };
	uint8_t data[8][100];
	struct iovec iov[8];
	int i;

	for (i = 0; i < 8; i++) {
		payload(data[i], 100 - i, i);
		iov[i].iov_base = data[i];
		iov[i].iov_len = 100 - i;
		msgs[i].msg_hdr.msg_iov = &iov[i];
		msgs[i].msg_hdr.msg_iovlen = 1;
	}
	EXPECT_EQ(8, RC(sendmmsg(self->p.fd, msgs, 8, 0)));
	for (i = 0; i < 8; i++) {
		EXPECT_EQ(100 - i, msgs[i].msg_len);
		EXPECT_TRUE(next_is(&self->p, 100 - i, i));
	}
}

TEST_F(send, sendmmsg_with_a_bad_one)
{
	struct mmsghdr msgs[3] = { 0 };
	static uint8_t data[16385];
	struct iovec iov[3] = { { data, 50 }, { data, 16385 }, { data, 50 } };
	int i;

	payload(data, 50, 1);
	for (i = 0; i < 3; i++) {
		msgs[i].msg_hdr.msg_iov = &iov[i];
		msgs[i].msg_hdr.msg_iovlen = 1;
	}
	EXPECT_EQ(1, RC(sendmmsg(self->p.fd, msgs, 3, 0)));
	EXPECT_TRUE(next_is(&self->p, 50, 1));
	EXPECT_TRUE(quiet(self->p.peer));
}

TEST_F(send, counters)
{
	struct stats before;
	uint8_t data[1000];

	stats_read(&before);
	train_payload(data, 3, 400, 200, 0);
	EXPECT_EQ(5, send(self->p.fd, data, 5, 0));
	EXPECT_EQ(1000, send_train(self->p.fd, data, 1000, 400));
	EXPECT_EQ(3, send_type(self->p.fd, DTLS_CT_HANDSHAKE, data, 3));
	EXPECT_STREQ("TxRecords+5 TxBytes+1008 TxControl+1",
		     stats_since(&before));
	EXPECT_EQ(5, dtls_info(self->p.fd).tx_records);
	EXPECT_EQ(1008, dtls_info(self->p.fd).tx_bytes);
}

/* Trains */

static long plain_train(int segments, size_t segment)
{
	static uint8_t data[65536];
	int a = udp_socket(IPV4), b = udp_socket(IPV4);
	long n;

	udp_bind(b, IPV4);
	udp_connect(a, IPV4, b);
	n = send_train(a, data, segments * segment, segment);
	close(a);
	close(b);
	return n;
}

static int max_segments(void)
{
	return plain_train(128, 10) > 0 ? 128 : 64;
}

/* Send a train and check each record of it. */
static bool train_arrives(struct pair *p, int count, size_t segment,
			  size_t last)
{
	static uint8_t data[65536];
	size_t n = train_payload(data, count, segment, last, 100);
	long sent = send_train(p->fd, data, n, segment);
	int i;

	if (sent != (long)n)
		return false;
	for (i = 0; i < count; i++)
		if (!next_is(p, i < count - 1 ? segment : last, 100 + i))
			return false;
	return true;
}

TEST_F(send, train_of_each_count)
{
	int count, max = max_segments();

	for (count = 1; count <= max; count += count < 6 ? 1 : 13) {
		EXPECT_TRUE(train_arrives(&self->p, count, 100, 100));
		EXPECT_TRUE(train_arrives(&self->p, count, 100, 1));
		EXPECT_TRUE(train_arrives(&self->p, count, 100, 99));
	}
	EXPECT_TRUE(train_arrives(&self->p, max, 100, 100));
	EXPECT_TRUE(train_arrives(&self->p, max, 1, 1));
	EXPECT_TRUE(train_arrives(&self->p, 3, 16384, 16384));
	EXPECT_TRUE(train_arrives(&self->p, 2, 1350, 1349));
}

TEST_F(send, largest_train)
{
	size_t limit = variant->family == IPV6 ? 65487 : 65507;
	size_t segment = limit / 64 - oracle_overhead(&self->p.out);

	EXPECT_TRUE(train_arrives(&self->p, 64, segment, segment));
	EXPECT_TRUE(train_arrives(&self->p, 64, segment, 1));
}

TEST_F(send, train_too_large)
{
	static uint8_t data[65536];
	int max = max_segments();

	EXPECT_EQ(-EINVAL, send_train(self->p.fd, data, max * 10 + 1, 10));
	EXPECT_EQ(-EINVAL, send_train(self->p.fd, data, 65000, 10));
	EXPECT_EQ(-EMSGSIZE, send_train(self->p.fd, data, 65500, 1400));
	EXPECT_EQ(-EMSGSIZE, send_train(self->p.fd, data, 20000, 16385));
	EXPECT_TRUE(quiet(self->p.peer));
	EXPECT_TRUE(echoes(&self->p));
}

/* As large as it can be: 47 * 1350 and more would not fit. */
TEST_F(send, train_at_the_edge_of_64k)
{
	size_t over = oracle_overhead(&self->p.out);
	size_t max = variant->family == IPV6 ? 65527 : 65507;
	size_t full = max / (1350 + over);
	size_t last = max - full * (1350 + over);
	static uint8_t data[65536];

	ASSERT_LT(over, last);
	if (variant->family == IPV6) {
		/* Where plain UDP draws the line for IPv6 is its own affair. */
		EXPECT_TRUE(train_arrives(&self->p, full + 1, 1350, 1));
	} else {
		EXPECT_TRUE(train_arrives(&self->p, full + 1, 1350,
					  last - over));
		EXPECT_EQ(-EMSGSIZE, send_train(self->p.fd, data, full * 1350 +
						last - over + 1, 1350));
	}
}

TEST_F(send, train_not_longer_than_its_segment)
{
	EXPECT_TRUE(train_arrives(&self->p, 1, 100, 100));
	EXPECT_TRUE(train_arrives(&self->p, 1, 101, 100));
	EXPECT_TRUE(train_arrives(&self->p, 1, 60000, 100));
	EXPECT_TRUE(train_arrives(&self->p, 1, 100, 0));
}

/* With the overhead, these do not fit the field that UDP has for them. */
TEST_F(send, segment_near_64k)
{
	uint8_t data[1000];
	int size;
	long ret;

	for (size = 65535; size > 65400; size -= 12) {
		set_int(self->p.fd, SOL_UDP, UDP_SEGMENT, size);
		payload(data, sizeof(data), size);
		ret = RC(send(self->p.fd, data, sizeof(data), 0));
		EXPECT_TRUE(ret == sizeof(data) || ret == -EINVAL);
		EXPECT_EQ(ret < 0 ? -EAGAIN : size, take_id(&self->p));
		EXPECT_TRUE(quiet(self->p.peer));
	}
}

/* Control buffers may be longer than what is in them. */
TEST_F(send, train_by_option_with_slack)
{
	char slack[8] = { 0 };
	uint8_t data[100];
	struct iovec iov = { .iov_base = data, .iov_len = sizeof(data) };
	struct msghdr msg = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = slack,
		.msg_controllen = sizeof(slack),
	};

	set_int(self->p.fd, SOL_UDP, UDP_SEGMENT, 500);
	payload(data, sizeof(data), 7);
	EXPECT_EQ(100, RC(sendmsg(self->p.fd, &msg, 0)));
	EXPECT_EQ(7, take_id(&self->p));
}

TEST_F(send, train_by_option)
{
	struct pair *p = &self->p;
	uint8_t data[1000];
	int i;

	set_int(p->fd, SOL_UDP, UDP_SEGMENT, 400);
	train_payload(data, 3, 400, 200, 0);
	ASSERT_EQ(1000, send(p->fd, data, 1000, 0));
	for (i = 0; i < 3; i++)
		EXPECT_TRUE(next_is(p, i < 2 ? 400 : 200, i));
	payload(data, 400, 9);
	ASSERT_EQ(400, write(p->fd, data, 400));
	EXPECT_TRUE(next_is(p, 400, 9));
	ASSERT_EQ(0, send(p->fd, data, 0, 0));
	EXPECT_TRUE(next_is(p, 0, 0));
	/* The control message is stronger. */
	train_payload(data, 2, 500, 500, 0);
	ASSERT_EQ(1000, send_train(p->fd, data, 1000, 500));
	EXPECT_TRUE(next_is(p, 500, 0));
	EXPECT_TRUE(next_is(p, 500, 1));
	set_int(p->fd, SOL_UDP, UDP_SEGMENT, 0);
	payload(data, 1000, 3);
	ASSERT_EQ(1000, send(p->fd, data, 1000, 0));
	EXPECT_TRUE(next_is(p, 1000, 3));
}

TEST_F(send, train_turned_off_by_cmsg)
{
	uint8_t data[1000];

	set_int(self->p.fd, SOL_UDP, UDP_SEGMENT, 400);
	payload(data, 1000, 3);
	ASSERT_EQ(1000, send_train(self->p.fd, data, 1000, 0));
	EXPECT_TRUE(next_is(&self->p, 1000, 3));
}

TEST_F(send, train_from_many_parts)
{
	struct cbuf c = { .len = 0 };
	uint16_t segment = 300;
	uint8_t data[1000];
	struct iovec iov[3] = { { data, 1 }, { data + 1, 500 },
				{ data + 501, 499 } };
	struct msghdr msg = { .msg_iov = iov, .msg_iovlen = 3 };
	int i;

	train_payload(data, 4, 300, 100, 0);
	cbuf_add(&c, SOL_UDP, UDP_SEGMENT, &segment, sizeof(segment));
	msg.msg_control = c.buf;
	msg.msg_controllen = c.len;
	ASSERT_EQ(1000, RC(sendmsg(self->p.fd, &msg, 0)));
	for (i = 0; i < 4; i++)
		EXPECT_TRUE(next_is(&self->p, i < 3 ? 300 : 100, i));
}

TEST_F(send, train_of_bad_cmsg)
{
	struct cbuf c = { .len = 0 };
	uint32_t segment = 100;
	uint8_t data[300] = { 0 };

	cbuf_add(&c, SOL_UDP, UDP_SEGMENT, &segment, sizeof(segment));
	EXPECT_EQ(-EINVAL, send_cmsg(self->p.fd, data, 300, &c, 0));
	EXPECT_TRUE(quiet(self->p.peer));
	EXPECT_TRUE(echoes(&self->p));
}

/* Whatever plain UDP says about a segment that the path does not take. */
TEST_F(send, as_plain_udp_on_a_small_mtu)
{
	static uint8_t data[20000];
	struct pair p, plain;
	size_t over, max;
	int pmtu;

	netns_enter();
	lo_mtu(1500);
	pair_setup(&p, variant->family, variant->cipher);
	pair_open(&plain, variant->family, variant->cipher);
	over = oracle_overhead(&p.out);
	max = dtls_info(p.fd).max_payload;
	EXPECT_EQ(3 * max, send_train(p.fd, data, 3 * max, max));
	EXPECT_EQ(send_train(plain.fd, data, 4000, max + over + 1),
		  send_train(p.fd, data, 4000 - 2 * over, max + 1));
	/* Without trains the datagram is fragmented, unless that is refused. */
	EXPECT_EQ(max + 1, RC(send(p.fd, data, max + 1, 0)));
	EXPECT_EQ(16384, RC(send(p.fd, data, 16384, 0)));
	for (pmtu = 0; pmtu < 5; pmtu++) {
		if (variant->family == IPV6) {
			set_int(p.fd, SOL_IPV6, IPV6_MTU_DISCOVER, pmtu);
			set_int(plain.fd, SOL_IPV6, IPV6_MTU_DISCOVER, pmtu);
		} else {
			set_int(p.fd, SOL_IP, IP_MTU_DISCOVER, pmtu);
			set_int(plain.fd, SOL_IP, IP_MTU_DISCOVER, pmtu);
		}
		EXPECT_EQ(max, RC(send(p.fd, data, max, 0)));
		EXPECT_EQ(RC(send(plain.fd, data, max + over + 1, 0)) < 0 ?
			  -EMSGSIZE : (long)max + 1,
			  RC(send(p.fd, data, max + 1, 0)));
	}
	pair_close(&p);
	pair_close(&plain);
}

/* Record types */

TEST_F(send, types)
{
	static const uint8_t types[] = { DTLS_CT_ALERT, DTLS_CT_HANDSHAKE,
					 DTLS_CT_APPLICATION_DATA };
	uint8_t data[40];
	struct record r;
	size_t i;

	payload(data, sizeof(data), 1);
	for (i = 0; i < ARRAY_LEN(types); i++) {
		size_t n = types[i] == DTLS_CT_ALERT ? 2 : 40;

		data[0] = 1;
		data[1] = 100;
		ASSERT_EQ(n, send_type(self->p.fd, types[i], data, n));
		ASSERT_EQ(0, take(&self->p, &r));
		EXPECT_TRUE(is_next(&self->p, &r));
		EXPECT_EQ(types[i], r.type);
		EXPECT_EQ(0, memcmp(r.data, data, n));
	}
}

TEST_F(send, bad_types)
{
	int type;

	for (type = 0; type < 256; type++) {
		if (type >= DTLS_CT_ALERT && type <= DTLS_CT_APPLICATION_DATA)
			continue;
		EXPECT_EQ(-EINVAL, send_type(self->p.fd, type, "abcd", 4));
	}
	EXPECT_TRUE(quiet(self->p.peer));
	EXPECT_TRUE(echoes(&self->p));
}

TEST_F(send, train_of_a_type)
{
	struct cbuf c = { .len = 0 };
	uint16_t segment = 100;
	uint8_t data[250];
	struct record r;
	int i;

	train_payload(data, 3, 100, 50, 0);
	cbuf_u8(&c, DTLS_SET_RECORD_TYPE, DTLS_CT_HANDSHAKE);
	cbuf_add(&c, SOL_UDP, UDP_SEGMENT, &segment, sizeof(segment));
	ASSERT_EQ(250, send_cmsg(self->p.fd, data, 250, &c, 0));
	for (i = 0; i < 3; i++) {
		ASSERT_EQ(0, take(&self->p, &r));
		EXPECT_TRUE(is_next(&self->p, &r));
		EXPECT_EQ(DTLS_CT_HANDSHAKE, r.type);
		EXPECT_EQ(i, payload_id(r.data, r.len));
	}
}

TEST_F(send, bad_control_messages)
{
	static const struct {
		int type;
		size_t n;
	} bad[] = {
		{ DTLS_SET_RECORD_TYPE, 0 }, { DTLS_SET_RECORD_TYPE, 2 },
		{ DTLS_SET_RECORD_TYPE, 4 }, { DTLS_SET_RECORD_TYPE, 8 },
		{ DTLS_RAW, 0 }, { DTLS_RAW, 2 }, { DTLS_RAW, 4 },
		{ DTLS_GET_RECORD_TYPE, 1 }, { 0, 1 }, { 4, 1 }, { 99, 4 },
		{ -1, 1 },
	};
	uint64_t value = DTLS_CT_APPLICATION_DATA;
	size_t i;

	set_int(self->p.fd, SOL_DTLS, DTLS_RECV_RAW, 1);
	for (i = 0; i < ARRAY_LEN(bad); i++) {
		struct cbuf c = { .len = 0 };

		cbuf_add(&c, SOL_DTLS, bad[i].type, &value, bad[i].n);
		EXPECT_EQ(-EINVAL, send_cmsg(self->p.fd, "abcd", 4, &c, 0))
			TH_LOG("type %d of %zu bytes", bad[i].type, bad[i].n);
	}
	EXPECT_TRUE(quiet(self->p.peer));
	EXPECT_TRUE(echoes(&self->p));
}

/* A control message whose length is a lie. */
TEST_F(send, broken_control_buffers)
{
	static const size_t lengths[] = { 0, 1, 15, 64, 1000, SIZE_MAX };
	size_t i;

	for (i = 0; i < ARRAY_LEN(lengths); i++) {
		struct cbuf c = { .len = 0 };

		cbuf_u8(&c, DTLS_SET_RECORD_TYPE, DTLS_CT_ALERT);
		c.align.cmsg_len = lengths[i];
		EXPECT_EQ(-EINVAL, send_cmsg(self->p.fd, "ab", 2, &c, 0));
	}
	EXPECT_TRUE(echoes(&self->p));
}

/* DTLS_RAW */

static size_t raw_record(uint8_t *out, uint16_t epoch, uint64_t seq, size_t n)
{
	oracle_header(out, DTLS_CT_HANDSHAKE, ORACLE_VERSION, epoch, seq, n);
	payload(out + ORACLE_HEADER, n, seq);
	return ORACLE_HEADER + n;
}

TEST_F(send, raw_needs_the_option)
{
	uint8_t raw[100];
	size_t n = raw_record(raw, 0, 1, 50);

	EXPECT_EQ(-EPERM, send_raw(self->p.fd, raw, n));
	EXPECT_TRUE(quiet(self->p.peer));
	set_int(self->p.fd, SOL_DTLS, DTLS_RECV_RAW, 1);
	EXPECT_EQ(n, send_raw(self->p.fd, raw, n));
	set_int(self->p.fd, SOL_DTLS, DTLS_RECV_RAW, 0);
	EXPECT_EQ(-EPERM, send_raw(self->p.fd, raw, n));
}

TEST_F(send, raw_goes_out_as_it_is)
{
	struct stats before;
	uint8_t raw[300], got[400];
	size_t n = raw_record(raw, 0, 1, 50);
	uint64_t seq = dtls_info(self->p.fd).tx_seq;

	n += raw_record(raw + n, 0, 2, 0);
	n += raw_record(raw + n, 0, (1ULL << 48) - 1, 100);
	set_int(self->p.fd, SOL_DTLS, DTLS_RECV_RAW, 1);
	stats_read(&before);
	EXPECT_EQ(n, send_raw(self->p.fd, raw, n));
	EXPECT_EQ(n, recv(self->p.peer, got, sizeof(got), 0));
	EXPECT_EQ(0, memcmp(raw, got, n));
	EXPECT_STREQ("TxRaw+1", stats_since(&before));
	EXPECT_EQ(seq, dtls_info(self->p.fd).tx_seq);
}

TEST_F(send, raw_of_other_epochs)
{
	static const uint16_t epochs[] = { 1, 2, 256, 65535 };
	uint8_t raw[300];
	size_t i, n;

	set_int(self->p.fd, SOL_DTLS, DTLS_RECV_RAW, 1);
	for (i = 0; i < ARRAY_LEN(epochs); i++) {
		n = raw_record(raw, epochs[i], 1, 50);
		EXPECT_EQ(-EPERM, send_raw(self->p.fd, raw, n));
		n = raw_record(raw, 0, 1, 50);
		n += raw_record(raw + n, epochs[i], 1, 50);
		EXPECT_EQ(-EPERM, send_raw(self->p.fd, raw, n));
	}
	EXPECT_TRUE(quiet(self->p.peer));
	EXPECT_TRUE(echoes(&self->p));
}

/* Only whole records: a tail could be one of another epoch. */
TEST_F(send, raw_of_no_records)
{
	uint8_t raw[100];
	size_t n = raw_record(raw, 0, 1, 50), cut;
	long err;

	set_int(self->p.fd, SOL_DTLS, DTLS_RECV_RAW, 1);
	for (cut = 1; cut < n; cut++) {
		err = send_raw(self->p.fd, raw, n - cut);
		EXPECT_TRUE(err == -EPERM || err == -EINVAL);
	}
	err = send_raw(self->p.fd, raw, n + 1);
	EXPECT_TRUE(err == -EPERM || err == -EINVAL);
	EXPECT_TRUE(quiet(self->p.peer));
	EXPECT_TRUE(echoes(&self->p));
}

TEST_F(send, raw_must_be_1)
{
	struct cbuf c = { .len = 0 };
	uint8_t raw[100];
	size_t n = raw_record(raw, 0, 1, 50);

	set_int(self->p.fd, SOL_DTLS, DTLS_RECV_RAW, 1);
	cbuf_u8(&c, DTLS_RAW, 0);
	EXPECT_EQ(-EINVAL, send_cmsg(self->p.fd, raw, n, &c, 0));
	c.len = 0;
	cbuf_u8(&c, DTLS_RAW, 2);
	EXPECT_EQ(-EINVAL, send_cmsg(self->p.fd, raw, n, &c, 0));
	EXPECT_TRUE(quiet(self->p.peer));
}

TEST_F(send, raw_data)
{
	uint8_t raw[100];
	size_t n = raw_record(raw, 0, 1, 50);

	set_int(self->p.fd, SOL_DTLS, DTLS_RECV_RAW, 1);
	raw[0] = DTLS_CT_APPLICATION_DATA;
	EXPECT_EQ(-EPERM, send_raw(self->p.fd, raw, n));
	EXPECT_TRUE(quiet(self->p.peer));
}

/* Splitting it would make something else of it. */
TEST_F(send, raw_is_not_a_train)
{
	struct cbuf c = { .len = 0 };
	uint16_t segment = 100;
	uint8_t raw[300], got[400];
	size_t n = raw_record(raw, 0, 1, 250);

	set_int(self->p.fd, SOL_DTLS, DTLS_RECV_RAW, 1);
	cbuf_u8(&c, DTLS_RAW, 1);
	cbuf_add(&c, SOL_UDP, UDP_SEGMENT, &segment, sizeof(segment));
	EXPECT_EQ(-EINVAL, send_cmsg(self->p.fd, raw, n, &c, 0));
	EXPECT_TRUE(quiet(self->p.peer));
	set_int(self->p.fd, SOL_UDP, UDP_SEGMENT, 100);
	EXPECT_EQ(n, send_raw(self->p.fd, raw, n));
	EXPECT_EQ(n, recv(self->p.peer, got, sizeof(got), 0));
	EXPECT_EQ(0, memcmp(raw, got, n));
	EXPECT_TRUE(quiet(self->p.peer));
}

/* Flags */

TEST_F(send, flags_refused)
{
	set_int(self->p.fd, SOL_SOCKET, SO_ZEROCOPY, 1);
	EXPECT_EQ(-EOPNOTSUPP, RC(send(self->p.fd, "abcd", 4, MSG_OOB)));
	EXPECT_EQ(-EOPNOTSUPP, RC(send(self->p.fd, "abcd", 4, MSG_ZEROCOPY)));
	EXPECT_TRUE(quiet(self->p.peer));
	EXPECT_TRUE(echoes(&self->p));
}

TEST_F(send, flags_taken)
{
	static const int flags[] = { MSG_DONTWAIT, MSG_NOSIGNAL, MSG_CONFIRM,
				     MSG_EOR };
	uint8_t data[50];
	size_t i;

	for (i = 0; i < ARRAY_LEN(flags); i++) {
		payload(data, sizeof(data), i);
		EXPECT_EQ(50, RC(send(self->p.fd, data, 50, flags[i])));
		EXPECT_TRUE(next_is(&self->p, 50, i));
	}
}

/* Corked before it was attached, but with nothing in it. */
TEST_F(send, on_a_corked_socket)
{
	struct pair p;

	pair_open(&p, variant->family, variant->cipher);
	set_int(p.fd, SOL_UDP, UDP_CORK, 1);
	EXPECT_EQ(-EBUSY, kdtls_attach(p.fd));
	set_int(p.fd, SOL_UDP, UDP_CORK, 0);
	pair_attach(&p);
	pair_install(&p);
	EXPECT_TRUE(echoes(&p));
	pair_close(&p);
}

/* Addresses */

static long send_addr(int fd, enum family family, uint16_t port)
{
	struct sockaddr_storage addr;
	socklen_t len = loopback(family, port, &addr);
	uint8_t data[50];

	payload(data, sizeof(data), port);
	return RC(sendto(fd, data, sizeof(data), 0, (void *)&addr, len));
}

TEST_F(send, to_the_peer)
{
	uint16_t port = local_port(self->p.peer);

	EXPECT_EQ(50, send_addr(self->p.fd, variant->family, port));
	EXPECT_TRUE(next_is(&self->p, 50, port));
	/* An IPv6 socket takes addresses of either family. */
	if (variant->family == MAPPED) {
		EXPECT_EQ(50, send_addr(self->p.fd, IPV4, port));
		EXPECT_TRUE(next_is(&self->p, 50, port));
	}
}

TEST_F(send, to_others)
{
	uint16_t port = local_port(self->p.peer);
	struct sockaddr_storage addr;
	socklen_t len = loopback(variant->family, port, &addr);

	EXPECT_EQ(-EISCONN, send_addr(self->p.fd, variant->family, port - 1));
	EXPECT_EQ(-EISCONN, send_addr(self->p.fd, variant->family, port + 1));
	if (variant->family == IPV4)
		((struct sockaddr_in *)&addr)->sin_addr.s_addr =
			htonl(INADDR_LOOPBACK + 1);
	else
		((struct sockaddr_in6 *)&addr)->sin6_addr.s6_addr[15]++;
	EXPECT_EQ(-EISCONN, RC(sendto(self->p.fd, "abcd", 4, 0, (void *)&addr,
				      len)));
	if (variant->family != IPV4)
		EXPECT_GT(0, send_addr(self->p.fd,
				       variant->family == IPV6 ? IPV4 : IPV6,
				       port));
	EXPECT_TRUE(quiet(self->p.peer));
	EXPECT_TRUE(echoes(&self->p));
}

TEST_F(send, to_bad_addresses)
{
	struct sockaddr_storage addr;
	socklen_t len = loopback(variant->family, local_port(self->p.peer),
				 &addr), n;

	for (n = 1; n < len; n++) {
		/* What IPv6 lets go, as older programs leave out the scope. */
		if (variant->family != IPV4 && n >= 24)
			continue;
		EXPECT_GT(0, RC(sendto(self->p.fd, "abcd", 4, 0, (void *)&addr,
				       n)));
	}
	addr.ss_family = AF_UNIX;
	EXPECT_GT(0, RC(sendto(self->p.fd, "abcd", 4, 0, (void *)&addr, len)));
	EXPECT_TRUE(quiet(self->p.peer));
	EXPECT_TRUE(echoes(&self->p));
}

/* Faults */

/* What comes next opens and repeats no number. */
static bool goes_on(struct pair *p)
{
	struct record r;
	uint64_t low = p->out.seq;

	return send(p->fd, "go on", 5, 0) == 5 && !take(p, &r) &&
	       r.len == 5 && r.seq >= low;
}

TEST_F(send, fault)
{
	static uint8_t data[5000];
	struct iovec iov[2] = { { data, 2000 }, { (void *)8, 2000 } };
	struct msghdr msg = { .msg_iov = iov, .msg_iovlen = 2 };
	struct pair *p = &self->p;
	int i;

	for (i = 0; i < 3; i++) {
		EXPECT_EQ(-EFAULT, RC(send(p->fd, (void *)8, 100, 0)));
		EXPECT_EQ(-EFAULT, RC(sendmsg(p->fd, &msg, 0)));
	}
	EXPECT_TRUE(quiet(p->peer));
	EXPECT_TRUE(goes_on(p));
}

TEST_F(send, fault_in_a_train)
{
	struct cbuf c = { .len = 0 };
	static uint8_t data[5000];
	struct iovec iov[2] = { { data, 2500 }, { (void *)8, 2500 } };
	struct msghdr msg = { .msg_iov = iov, .msg_iovlen = 2 };
	struct pair *p = &self->p;
	uint16_t segment = 1000;

	cbuf_add(&c, SOL_UDP, UDP_SEGMENT, &segment, sizeof(segment));
	msg.msg_control = c.buf;
	msg.msg_controllen = c.len;
	EXPECT_EQ(-EFAULT, RC(sendmsg(p->fd, &msg, 0)));
	EXPECT_TRUE(quiet(p->peer));
	EXPECT_TRUE(goes_on(p));
}

/* Nobody listens: the error comes, and the session goes on. */
TEST_F(send, refused_by_the_peer)
{
	uint64_t end = now_ms() + WAIT_MS;
	long err;

	close(self->p.peer);
	self->p.peer = -1;
	do {
		err = RC(send(self->p.fd, "abcd", 4, 0));
	} while (err == 4 && now_ms() < end);
	EXPECT_EQ(-ECONNREFUSED, err);
}

/* The error queue shows what was on the wire. */
TEST_F(send, error_queue)
{
	struct pair *p = &self->p;
	static struct rx rx;
	struct record r;

	if (variant->family == IPV6)
		set_int(p->fd, SOL_IPV6, IPV6_RECVERR, 1);
	else
		set_int(p->fd, SOL_IP, IP_RECVERR, 1);
	close(p->peer);
	p->peer = -1;
	ASSERT_EQ(20, send(p->fd, "0123456789abcdefghij", 20, 0));
	EXPECT_TRUE(poll_in(p->fd, WAIT_MS) & POLLERR);
	EXPECT_EQ(20 + oracle_overhead(&p->out),
		  rx_recv(p->fd, &rx, MSG_ERRQUEUE | MSG_DONTWAIT));
	EXPECT_TRUE(rx.flags & MSG_ERRQUEUE);
	EXPECT_EQ(0, oracle_open(&p->out, rx.data, rx.len, &r));
	EXPECT_EQ(-EAGAIN, rx_recv(p->fd, &rx, MSG_ERRQUEUE | MSG_DONTWAIT));
}

/* The last numbers of an epoch */

static void pair_at(struct pair *p, enum family family, uint16_t cipher,
		    uint64_t seq)
{
	pair_open(p, family, cipher);
	p->out.seq = seq;
	pair_attach(p);
	pair_install(p);
}

TEST_F(send, last_numbers)
{
	struct stats before;
	struct pair p;
	uint8_t data[20];
	int i;

	pair_at(&p, variant->family, variant->cipher, ORACLE_SEQ_END - 2);
	stats_read(&before);
	for (i = 0; i < 2; i++) {
		payload(data, sizeof(data), i);
		EXPECT_EQ(20, RC(send(p.fd, data, 20, 0)));
		EXPECT_TRUE(next_is(&p, 20, i));
	}
	for (i = 0; i < 3; i++)
		EXPECT_EQ(-EKEYEXPIRED, RC(send(p.fd, data, 20, 0)));
	EXPECT_EQ(-EKEYEXPIRED, RC(send(p.fd, data, 0, 0)));
	EXPECT_EQ(-EKEYEXPIRED, send_alert(p.fd, 1, 0));
	EXPECT_TRUE(quiet(p.peer));
	EXPECT_STREQ("TxRecords+2 TxBytes+40 TxExpired+5 TxRekey+1 TxLimit+1",
		     stats_since(&before));
	/* Receiving is not concerned. */
	feed_id(&p, 100, 3);
	EXPECT_STREQ("3", recv_ids(p.fd, 1));
	pair_close(&p);
}

TEST_F(send, no_numbers_left)
{
	struct pair p;

	pair_at(&p, variant->family, variant->cipher, ORACLE_SEQ_END);
	EXPECT_EQ(-EKEYEXPIRED, RC(send(p.fd, "abcd", 4, 0)));
	EXPECT_TRUE(quiet(p.peer));
	pair_close(&p);
}

TEST_F(send, train_over_the_last_number)
{
	uint8_t data[300];
	struct record r;
	struct pair p;

	pair_at(&p, variant->family, variant->cipher, ORACLE_SEQ_END - 2);
	train_payload(data, 3, 100, 100, 0);
	EXPECT_EQ(-EKEYEXPIRED, send_train(p.fd, data, 300, 100));
	EXPECT_TRUE(quiet(p.peer));
	/* The two that are left may be used or not, but no others. */
	if (send_train(p.fd, data, 200, 100) == 200) {
		EXPECT_EQ(0, take(&p, &r));
		EXPECT_EQ(ORACLE_SEQ_END - 2, r.seq);
		EXPECT_EQ(0, take(&p, &r));
		EXPECT_EQ(ORACLE_SEQ_END - 1, r.seq);
	}
	EXPECT_EQ(-EKEYEXPIRED, RC(send(p.fd, data, 100, 0)));
	EXPECT_TRUE(quiet(p.peer));
	pair_close(&p);
}

/* Closing */

TEST_F(send, after_shutdown)
{
	uint8_t data[100];

	ASSERT_EQ(0, shutdown(self->p.fd, SHUT_WR));
	EXPECT_EQ(-EPIPE, RC(send(self->p.fd, "abcd", 4, 0)));
	EXPECT_EQ(-EPIPE, RC(send(self->p.fd, "abcd", 4, MSG_NOSIGNAL)));
	EXPECT_EQ(-EPIPE, send_train(self->p.fd, data, 100, 40));
	EXPECT_TRUE(quiet(self->p.peer));
	feed_id(&self->p, 100, 3);
	EXPECT_STREQ("3", recv_ids(self->p.fd, 1));
}

/* Control messages of the levels below */

static void recv_tos(int fd, enum family family)
{
	if (family == IPV6)
		set_int(fd, SOL_IPV6, IPV6_RECVTCLASS, 1);
	else
		set_int(fd, SOL_IP, IP_RECVTOS, 1);
}

static void cbuf_tos(struct cbuf *c, enum family family, int tos)
{
	if (family == IPV6)
		cbuf_add(c, SOL_IPV6, IPV6_TCLASS, &tos, sizeof(tos));
	else
		cbuf_add(c, SOL_IP, IP_TOS, &tos, sizeof(tos));
}

TEST_F(send, tos_in_a_train)
{
	struct cbuf c = { .len = 0 };
	uint16_t segment = 100;
	static struct rx rx;
	uint8_t data[250];
	struct record r;
	int i;

	if (variant->family == MAPPED)
		SKIP(return, "other cmsgs");
	recv_tos(self->p.peer, variant->family);
	train_payload(data, 3, 100, 50, 0);
	cbuf_tos(&c, variant->family, 0x48);
	cbuf_add(&c, SOL_UDP, UDP_SEGMENT, &segment, sizeof(segment));
	ASSERT_EQ(250, send_cmsg(self->p.fd, data, 250, &c, 0));
	for (i = 0; i < 3; i++) {
		ASSERT_LT(0, rx_recv(self->p.peer, &rx, 0));
		EXPECT_EQ(0x48, rx.tos);
		EXPECT_EQ(0, oracle_open(&self->p.out, rx.data, rx.len, &r));
		EXPECT_EQ(i, payload_id(r.data, r.len));
	}
}

TEST_F(send, pktinfo_in_a_train)
{
	struct cbuf c = { .len = 0 };
	struct in_pktinfo info = {
		.ipi_spec_dst.s_addr = htonl(INADDR_LOOPBACK),
	};
	struct in6_pktinfo info6 = { .ipi6_addr = IN6ADDR_LOOPBACK_INIT };
	uint16_t segment = 100;
	uint8_t data[250];
	int i;

	train_payload(data, 3, 100, 50, 0);
	cbuf_add(&c, SOL_UDP, UDP_SEGMENT, &segment, sizeof(segment));
	if (variant->family == IPV4)
		cbuf_add(&c, SOL_IP, IP_PKTINFO, &info, sizeof(info));
	if (variant->family == IPV6)
		cbuf_add(&c, SOL_IPV6, IPV6_PKTINFO, &info6, sizeof(info6));
	ASSERT_EQ(250, send_cmsg(self->p.fd, data, 250, &c, 0));
	for (i = 0; i < 3; i++)
		EXPECT_TRUE(next_is(&self->p, i < 2 ? 100 : 50, i));
}

TEST_F(send, txtime_in_a_train)
{
	struct sock_txtime conf = { .clockid = CLOCK_MONOTONIC };
	struct cbuf c = { .len = 0 };
	uint64_t when = now_ms() * 1000000;
	uint16_t segment = 100;
	uint8_t data[250];
	int i;

	if (setsockopt(self->p.fd, SOL_SOCKET, SO_TXTIME, &conf, sizeof(conf)))
		SKIP(return, "SO_TXTIME");
	train_payload(data, 3, 100, 50, 0);
	cbuf_add(&c, SOL_SOCKET, SCM_TXTIME, &when, sizeof(when));
	cbuf_add(&c, SOL_UDP, UDP_SEGMENT, &segment, sizeof(segment));
	ASSERT_EQ(250, send_cmsg(self->p.fd, data, 250, &c, 0));
	for (i = 0; i < 3; i++)
		EXPECT_TRUE(next_is(&self->p, i < 2 ? 100 : 50, i));
}

TEST_F(send, all_control_messages_together)
{
	struct cbuf c = { .len = 0 };
	uint16_t segment = 100;
	uint8_t data[250];
	struct record r;
	int i;

	train_payload(data, 3, 100, 50, 0);
	cbuf_u8(&c, DTLS_SET_RECORD_TYPE, DTLS_CT_HANDSHAKE);
	if (variant->family != MAPPED)
		cbuf_tos(&c, variant->family, 0x20);
	cbuf_add(&c, SOL_UDP, UDP_SEGMENT, &segment, sizeof(segment));
	cbuf_u8(&c, DTLS_SET_RECORD_TYPE, DTLS_CT_APPLICATION_DATA);
	ASSERT_EQ(250, send_cmsg(self->p.fd, data, 250, &c, 0));
	for (i = 0; i < 3; i++) {
		ASSERT_EQ(0, take(&self->p, &r));
		EXPECT_TRUE(is_next(&self->p, &r));
		EXPECT_EQ(i, payload_id(r.data, r.len));
	}
}

/* Errors that the levels below find: nothing goes out, nothing is repeated. */
TEST_F(send, bad_control_message_below)
{
	struct cbuf c = { .len = 0 };
	int bad = 0x12345;

	cbuf_add(&c, variant->family == IPV6 ? SOL_IPV6 : SOL_IP, 0x7777, &bad,
		 sizeof(bad));
	EXPECT_EQ(-EINVAL, send_cmsg(self->p.fd, "abcd", 4, &c, 0));
	EXPECT_TRUE(quiet(self->p.peer));
	EXPECT_TRUE(goes_on(&self->p));
}

/* Files and pipes */

/* What came are records with the bytes of @data in order, never plaintext. */
static size_t gather(struct pair *p, const uint8_t *data, size_t n)
{
	struct record r;
	size_t got = 0;

	while (poll_in(p->peer, QUIET_MS) & POLLIN) {
		if (take(p, &r) || got + r.len > n ||
		    memcmp(data + got, r.data, r.len))
			return SIZE_MAX;
		got += r.len;
	}
	return got;
}

TEST_F(send, sendfile)
{
	static uint8_t data[10000];
	int fd = memfd_create("data", 0);
	off_t off = 0;
	long sent;

	payload(data, sizeof(data), 1);
	ASSERT_EQ(sizeof(data), write(fd, data, sizeof(data)));
	sent = RC(sendfile(self->p.fd, fd, &off, sizeof(data)));
	EXPECT_EQ(sent > 0 ? sent : 0, gather(&self->p, data, sizeof(data)));
	EXPECT_TRUE(echoes(&self->p));
	/* What is not more than a page is one record. */
	off = 0;
	EXPECT_EQ(1000, RC(sendfile(self->p.fd, fd, &off, 1000)));
	EXPECT_EQ(1000, gather(&self->p, data, 1000));
	close(fd);
}

TEST_F(send, splice)
{
	static uint8_t data[3000];
	int pipes[2];
	long sent;

	payload(data, sizeof(data), 1);
	ASSERT_EQ(0, pipe(pipes));
	ASSERT_EQ(sizeof(data), write(pipes[1], data, sizeof(data)));
	sent = RC(splice(pipes[0], NULL, self->p.fd, NULL, sizeof(data), 0));
	EXPECT_EQ(sent > 0 ? sent : 0, gather(&self->p, data, sizeof(data)));
	EXPECT_TRUE(echoes(&self->p));
	close(pipes[0]);
	close(pipes[1]);
}

/* Pages of the caller must not be sealed in place. */
TEST_F(send, vmsplice_leaves_the_pages)
{
	uint8_t *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE,
			     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	uint8_t copy[1000];
	struct iovec iov = { page, sizeof(copy) };
	int pipes[2];

	payload(copy, sizeof(copy), 1);
	memcpy(page, copy, sizeof(copy));
	ASSERT_EQ(0, pipe(pipes));
	ASSERT_EQ(sizeof(copy), vmsplice(pipes[1], &iov, 1, 0));
	RC(splice(pipes[0], NULL, self->p.fd, NULL, sizeof(copy), 0));
	EXPECT_NE(SIZE_MAX, gather(&self->p, copy, sizeof(copy)));
	EXPECT_EQ(0, memcmp(page, copy, sizeof(copy)));
	close(pipes[0]);
	close(pipes[1]);
}

/* Many senders */

PAIR_FIXTURE(senders, pair_setup, VARIANTS_OF_CIPHERS);

#define SENDERS	8

struct sender {
	struct job	job;
	int		fd;
	int		number;
	int		records;
	int		sent;
	long		error;
};

/* Single records and trains of 3, with numbers that tell the sender. */
static void *sender_main(void *arg)
{
	struct sender *s = arg;
	uint8_t data[300];

	while (s->sent < s->records && !s->error) {
		int count = s->sent % 5 == 4 && s->records - s->sent >= 3 ?
			3 : 1;
		size_t n = train_payload(data, count, 100, 100,
					 s->number << 20 | s->sent);
		long got = count == 1 ? RC(send(s->fd, data, n, 0)) :
					send_train(s->fd, data, n, 100);

		if (got == (long)n)
			s->sent += count;
		else
			s->error = got;
	}
	return NULL;
}

static void senders_start(struct sender *s, int fd, int records)
{
	int i;

	memset(s, 0, SENDERS * sizeof(*s));
	for (i = 0; i < SENDERS; i++) {
		s[i].fd = fd;
		s[i].number = i;
		s[i].records = records;
		job_start(&s[i].job, sender_main, &s[i]);
	}
}

/* Take @count records from @first on: each number once, each payload whole. */
static const char *numbers_wrong(struct pair *p, uint64_t first, int count)
{
	static uint8_t seen[1 << 20];
	struct record r;
	int i;

	memset(seen, 0, sizeof(seen));
	for (i = 0; i < count; i++) {
		if (take(p, &r))
			return "a record is missing or does not open";
		if (payload_id(r.data, r.len) < 0)
			return "a payload is broken";
		if (r.seq - first >= (uint64_t)count)
			return "a number is out of range";
		if (seen[r.seq - first]++)
			return "a number came twice";
		if (oracle_explicit_len(&p->out) &&
		    r.nonce - p->out.nonce != r.seq - first)
			return "a nonce does not belong to its number";
	}
	return quiet(p->peer) ? "" : "too many records";
}

TEST_F(senders, share_the_numbers)
{
	static struct sender s[SENDERS];
	int per = env_long("KDTLS_SENDS", 20000) / SENDERS, i;

	set_int(self->p.peer, SOL_SOCKET, SO_RCVBUFFORCE, 128 << 20);
	senders_start(s, self->p.fd, per);
	EXPECT_STREQ("", numbers_wrong(&self->p, self->p.out.seq,
				       per * SENDERS));
	for (i = 0; i < SENDERS; i++) {
		job_join(&s[i].job);
		EXPECT_EQ(0, s[i].error);
		EXPECT_EQ(per, s[i].sent);
	}
}

/* All of them run into the end of the epoch. */
TEST_F(senders, race_to_the_end)
{
	static struct sender s[SENDERS];
	struct record r;
	struct pair p;
	int i, sent = 0, got = 0;

	pair_at(&p, variant->family, variant->cipher, ORACLE_SEQ_END - 500);
	senders_start(s, p.fd, 1000);
	for (i = 0; i < SENDERS; i++) {
		job_join(&s[i].job);
		EXPECT_EQ(-EKEYEXPIRED, s[i].error);
		sent += s[i].sent;
	}
	EXPECT_GE(500, sent);
	EXPECT_LT(450, sent);
	while (poll_in(p.peer, QUIET_MS) & POLLIN) {
		ASSERT_EQ(0, take(&p, &r));
		EXPECT_LE(ORACLE_SEQ_END - 500, r.seq);
		got++;
	}
	EXPECT_EQ(sent, got);
	pair_close(&p);
}

/*
 * A full send buffer: a tap device whose neighbour does not answer keeps the
 * datagrams until its address becomes known.
 */
FIXTURE(tap) {
	struct pair p;
	int tap;
};

FIXTURE_VARIANT(tap) {
	uint16_t cipher;
	enum family family;
};

VARIANTS_OF_FAMILIES(tap);

#define TAP_LOCAL	0x0a090001
#define TAP_PEER	0x0a090002

static void set_in(struct sockaddr *sa, uint32_t addr, uint16_t port)
{
	struct sockaddr_in *in = (void *)sa;

	memset(in, 0, sizeof(*in));
	in->sin_family = AF_INET;
	in->sin_addr.s_addr = htonl(addr);
	in->sin_port = htons(port);
}

static int tap_open(void)
{
	struct ifreq ifr = { .ifr_flags = IFF_TAP | IFF_NO_PI };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), tap;

	if (system("modprobe -q tun"))
		return -1;
	tap = open("/dev/net/tun", O_RDWR | O_CLOEXEC | O_NONBLOCK);
	if (tap < 0)
		return -1;
	strcpy(ifr.ifr_name, "tap0");
	/* Trains need a device that takes checksums off their hands. */
	if (ioctl(tap, TUNSETIFF, &ifr) || ioctl(tap, TUNSETOFFLOAD, TUN_F_CSUM))
		die("TUNSETIFF");
	set_in(&ifr.ifr_addr, TAP_LOCAL, 0);
	if (ioctl(fd, SIOCSIFADDR, &ifr))
		die("SIOCSIFADDR");
	set_in(&ifr.ifr_addr, 0xffffff00, 0);
	if (ioctl(fd, SIOCSIFNETMASK, &ifr))
		die("SIOCSIFNETMASK");
	ifr.ifr_flags = IFF_UP;
	if (ioctl(fd, SIOCSIFFLAGS, &ifr))
		die("SIOCSIFFLAGS");
	close(fd);
	return tap;
}

static void tap_answer(void)
{
	struct arpreq arp = { .arp_flags = ATF_COM | ATF_PERM };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	set_in(&arp.arp_pa, TAP_PEER, 0);
	arp.arp_ha.sa_family = ARPHRD_ETHER;
	memcpy(arp.arp_ha.sa_data, "\2\0\0\0\0\1", 6);
	strcpy(arp.arp_dev, "tap0");
	if (ioctl(fd, SIOCSARP, &arp))
		die("SIOCSARP");
	close(fd);
}

/* The payload of the next UDP datagram on the device, or 0. */
static size_t tap_read(int tap, uint8_t *data)
{
	uint8_t frame[65536];
	ssize_t n;

	while (poll_in(tap, 1000) & POLLIN) {
		n = read(tap, frame, sizeof(frame));
		if (n < 42 || frame[12] != 8 || frame[13] || frame[23] != 17)
			continue;
		memcpy(data, frame + 42, n - 42);
		return n - 42;
	}
	return 0;
}

FIXTURE_SETUP(tap)
{
	struct sockaddr peer;
	int i;

	netns_enter();
	self->tap = tap_open();
	if (self->tap < 0)
		SKIP(return, "no tap device");
	pair_open(&self->p, IPV4, variant->cipher);
	close(self->p.fd);
	self->p.fd = udp_socket(IPV4);
	set_in(&peer, TAP_PEER, 7777);
	ASSERT_EQ(0, connect(self->p.fd, &peer, sizeof(peer)));
	set_int(self->p.fd, SOL_SOCKET, SO_SNDBUF, 20000);
	pair_attach(&self->p);
	pair_install(&self->p);
	/* What the device says on its own account. */
	for (i = 0; i < 10; i++)
		read(self->tap, (uint8_t[2000]){ 0 }, 2000);
}

FIXTURE_TEARDOWN(tap)
{
	if (self->tap >= 0)
		pair_close(&self->p);
}

/* Send up to @count, each with its number; returns how many were taken. */
static int send_some(int fd, int count)
{
	uint8_t data[500];
	int sent;

	for (sent = 0; sent < count; sent++) {
		payload(data, sizeof(data), sent);
		if (RC(send(fd, data, sizeof(data), MSG_DONTWAIT)) == -EAGAIN)
			break;
	}
	return sent;
}

/* Fill the buffer; returns how many it took, or -1 if there is no end. */
static int fill_up(int fd)
{
	int sent = send_some(fd, 1000);

	return sent < 1000 ? sent : -1;
}

/* What is on the device are the payloads 0 to @count - 1; returns how many. */
static int drain(struct pair *p, int tap, uint64_t *next)
{
	uint8_t wire[65536];
	struct record r;
	int count = 0;
	size_t n;

	while ((n = tap_read(tap, wire))) {
		if (oracle_open(&p->out, wire, n, &r) || r.seq < *next ||
		    payload_id(r.data, r.len) != count)
			return -1;
		*next = r.seq + 1;
		count++;
	}
	return count;
}

TEST_F(tap, full_send_buffer)
{
	struct pollfd pfd = { .fd = self->p.fd, .events = POLLOUT };
	uint64_t next = self->p.out.seq;
	struct stats before;
	int sent;

	if (self->tap < 0)
		return;
	stats_read(&before);
	sent = fill_up(self->p.fd);
	ASSERT_LT(0, sent);
	EXPECT_EQ(0, poll(&pfd, 1, 0));
	EXPECT_EQ(-EAGAIN, RC(send(self->p.fd, "x", 1, MSG_DONTWAIT)));
	EXPECT_STREQ("TxErrors+2", stats_since_of(&before, "TxE"));
	tap_answer();
	EXPECT_EQ(sent, drain(&self->p, self->tap, &next));
	/* The numbers of those that failed are not used for others. */
	EXPECT_EQ(10, send_some(self->p.fd, 10));
	EXPECT_EQ(10, drain(&self->p, self->tap, &next));
	EXPECT_EQ(next, dtls_info(self->p.fd).tx_seq);
}

TEST_F(tap, full_send_buffer_and_a_train)
{
	uint64_t next = self->p.out.seq;
	uint8_t data[5000];
	int sent;

	if (self->tap < 0)
		return;
	sent = fill_up(self->p.fd);
	ASSERT_LT(0, sent);
	EXPECT_EQ(-EAGAIN, RC(send(self->p.fd, "x", 1, MSG_DONTWAIT)));
	set_int(self->p.fd, SOL_UDP, UDP_SEGMENT, 500);
	train_payload(data, 10, 500, 500, 0);
	EXPECT_EQ(-EAGAIN, RC(send(self->p.fd, data, sizeof(data),
				   MSG_DONTWAIT)));
	tap_answer();
	EXPECT_EQ(sent, drain(&self->p, self->tap, &next));
	EXPECT_EQ(5000, RC(send(self->p.fd, data, sizeof(data), 0)));
	EXPECT_EQ(10, drain(&self->p, self->tap, &next));
}

struct blocked {
	int	fd;
	long	result;
};

static void *blocked_main(void *arg)
{
	struct blocked *b = arg;

	b->result = RC(send(b->fd, "blocked", 7, 0));
	return NULL;
}

TEST_F(tap, blocked_sender)
{
	struct blocked b = { .fd = self->p.fd };
	uint8_t wire[65536];
	struct record r;
	struct job job;
	int came = 0;
	size_t n;

	if (self->tap < 0)
		return;
	ASSERT_LT(0, fill_up(self->p.fd));
	job_start(&job, blocked_main, &b);
	job_wait_asleep(&job);
	tap_answer();
	job_join(&job);
	EXPECT_EQ(7, b.result);
	while ((n = tap_read(self->tap, wire))) {
		EXPECT_EQ(0, oracle_open(&self->p.out, wire, n, &r));
		came += r.len == 7;
	}
	EXPECT_EQ(1, came);
}

/* A send that began before the attach would go out unprotected. */
TEST_F(tap, sender_older_than_the_attach)
{
	struct blocked b = { .fd = udp_socket(IPV4) };
	struct sockaddr peer;
	struct job job;

	if (self->tap < 0)
		return;
	set_in(&peer, TAP_PEER, 7777);
	ASSERT_EQ(0, connect(b.fd, &peer, sizeof(peer)));
	set_int(b.fd, SOL_SOCKET, SO_SNDBUF, 20000);
	ASSERT_LT(0, fill_up(b.fd));
	job_start(&job, blocked_main, &b);
	job_wait_asleep(&job);
	EXPECT_EQ(-EBUSY, kdtls_attach(b.fd));
	tap_answer();
	job_join(&job);
	EXPECT_EQ(7, b.result);
	EXPECT_EQ(0, kdtls_attach(b.fd));
	close(b.fd);
}

/* One that is blocked when the keys come, in a socket that is attached. */
TEST_F(tap, sender_older_than_the_keys)
{
	struct blocked b = { .fd = udp_socket(IPV4) };
	uint8_t wire[65536];
	struct sockaddr peer;
	struct job job;
	uint64_t begin;
	bool before;
	long err;

	if (self->tap < 0)
		return;
	set_in(&peer, TAP_PEER, 7777);
	ASSERT_EQ(0, connect(b.fd, &peer, sizeof(peer)));
	set_int(b.fd, SOL_SOCKET, SO_SNDBUF, 20000);
	set_timeout(b.fd, 500);
	ASSERT_EQ(0, kdtls_attach(b.fd));
	ASSERT_LT(0, fill_up(b.fd));
	job_start(&job, blocked_main, &b);
	job_wait_asleep(&job);
	/* It may wait for the sender to end, or be refused. */
	begin = now_ms();
	err = kdtls_install(b.fd, DTLS_TX, &self->p.out);
	EXPECT_GT(WAIT_MS / 2, now_ms() - begin);
	before = job_done(&job);
	EXPECT_TRUE(err == 0 || err == -EBUSY);
	tap_answer();
	job_join(&job);
	/* What was sent after the keys were there is sealed. */
	if (!err && !before && b.result == 7)
		while (tap_read(self->tap, wire))
			EXPECT_NE(0, memcmp(wire, "blocked", 7));
	close(b.fd);
}

TEST_F(tap, send_timeout)
{
	uint64_t begin;

	if (self->tap < 0)
		return;
	set_timeout(self->p.fd, 200);
	ASSERT_LT(0, fill_up(self->p.fd));
	begin = tick_ms();
	EXPECT_EQ(-EAGAIN, RC(send(self->p.fd, "blocked", 7, 0)));
	EXPECT_LE(200 - 20, tick_ms() - begin);
	EXPECT_GT(2000, tick_ms() - begin);
}

/* A signal ends a blocked send; what comes later opens. */
static void on_alarm(int sig)
{
	(void)sig;
}

TEST_F(tap, interrupted_sender)
{
	struct sigaction action = { .sa_handler = on_alarm };
	uint64_t next = self->p.out.seq;
	int sent;

	if (self->tap < 0)
		return;
	sent = fill_up(self->p.fd);
	ASSERT_LT(0, sent);
	sigaction(SIGALRM, &action, NULL);
	ualarm(200000, 0);
	EXPECT_EQ(-EINTR, RC(send(self->p.fd, "blocked", 7, 0)));
	tap_answer();
	EXPECT_EQ(sent, drain(&self->p, self->tap, &next));
	EXPECT_EQ(10, send_some(self->p.fd, 10));
	EXPECT_EQ(10, drain(&self->p, self->tap, &next));
}

TEST_HARNESS_MAIN
