// SPDX-License-Identifier: GPL-2.0
/*
 * What strangers can send: nothing of it is delivered or harms the session, and
 * each drop is counted by its reason.
 */
#include <netinet/in.h>
#include <netinet/ip.h>
#include <netinet/udp.h>

#include "harness.h"

#define APP	DTLS_CT_APPLICATION_DATA

static struct rx rx;

/* In a network namespace of its own, so that the counters are its own. */
FIXTURE(hostile) {
	struct pair p;
	struct stats before;
};

FIXTURE_VARIANT(hostile) {
	uint16_t cipher;
	enum family family;
};

VARIANTS_OF_MOST(hostile);

FIXTURE_SETUP(hostile)
{
	netns_enter();
	pair_setup(&self->p, variant->family, variant->cipher);
	stats_read(&self->before);
}

FIXTURE_TEARDOWN(hostile)
{
	pair_close(&self->p);
}

/*
 * Send what must not be received, and look at what was counted. The good record
 * behind it tells that all of it was seen.
 */
static const char *dropped(struct pair *p, const void *data, size_t n)
{
	struct stats before;

	stats_read(&before);
	feed_raw(p, data, n);
	feed_id(p, 50, 4711);
	if (strcmp(recv_ids(p->fd, 1), "4711"))
		return "something else was received";
	return stats_since_of(&before, "RxDrop");
}

/* A record of @n bytes behind the header, which are random. */
static size_t junk_record(uint8_t *out, uint8_t type, uint16_t version,
			  uint16_t epoch, uint64_t seq, size_t n)
{
	oracle_header(out, type, version, epoch, seq, n);
	rnd_bytes(out + ORACLE_HEADER, n);
	return ORACLE_HEADER + n;
}

TEST_F(hostile, every_short_length)
{
	size_t around = oracle_overhead(&self->p.in) - ORACLE_HEADER, len, n;
	uint8_t wire[128];

	for (len = 0; len <= around + 1; len++) {
		n = junk_record(wire, APP, ORACLE_VERSION, 1, 100 + len, len);
		EXPECT_STREQ(len < around ? "RxDropFormat+1" : "RxDropAuth+1",
			     dropped(&self->p, wire, n));
	}
	EXPECT_TRUE(echoes(&self->p));
}

/* The same with a number that the window has seen, or has left behind. */
TEST_F(hostile, every_short_length_again)
{
	size_t around = oracle_overhead(&self->p.in) - ORACLE_HEADER, len, n;
	static const uint64_t seqs[] = { 0, 1000, ORACLE_SEQ_END - 1 };
	uint8_t wire[128];
	size_t i;

	self->p.in.seq = 1000;
	feed_id(&self->p, 50, 1);
	EXPECT_STREQ("1", recv_ids(self->p.fd, 1));
	for (i = 0; i < ARRAY_LEN(seqs); i++)
		for (len = 0; len < around; len++) {
			n = junk_record(wire, APP, ORACLE_VERSION, 1, seqs[i],
					len);
			EXPECT_STREQ("RxDropFormat+1",
				     dropped(&self->p, wire, n));
		}
	EXPECT_TRUE(echoes(&self->p));
}

TEST_F(hostile, every_short_datagram)
{
	uint8_t wire[256], data[50];
	size_t n, cut;

	payload(data, sizeof(data), 1);
	n = oracle_seal_seq(&self->p.in, APP, 9999, data, sizeof(data), wire);
	for (cut = 0; cut < n; cut++)
		EXPECT_STREQ("RxDropFormat+1", dropped(&self->p, wire, cut));
	/* It was not opened: now it is. */
	feed_raw(&self->p, wire, n);
	EXPECT_STREQ("1", recv_ids(self->p.fd, 1));
}

TEST_F(hostile, length_beyond_the_datagram)
{
	uint8_t wire[256], data[50];
	size_t n;
	int more;

	payload(data, sizeof(data), 1);
	n = oracle_seal(&self->p.in, APP, data, sizeof(data), wire);
	for (more = 1; more < 65000; more = more * 3 + 1) {
		wire[11] = (n - ORACLE_HEADER + more) >> 8;
		wire[12] = (n - ORACLE_HEADER + more) & 0xff;
		EXPECT_STREQ("RxDropFormat+1", dropped(&self->p, wire, n));
	}
	EXPECT_TRUE(echoes(&self->p));
}

TEST_F(hostile, too_long_a_record)
{
	size_t around = oracle_overhead(&self->p.in) - ORACLE_HEADER, n;
	static uint8_t wire[65536], data[16385];

	/* Of the right size but not authentic; one byte more; all there can be. */
	n = junk_record(wire, APP, ORACLE_VERSION, 1, 9, 16384 + around);
	EXPECT_STREQ("RxDropAuth+1", dropped(&self->p, wire, n));
	n = junk_record(wire, APP, ORACLE_VERSION, 1, 9, 16385 + around);
	EXPECT_STREQ("RxDropFormat+1", dropped(&self->p, wire, n));
	n = junk_record(wire, APP, ORACLE_VERSION, 1, 9, 65000);
	EXPECT_STREQ("RxDropFormat+1", dropped(&self->p, wire, n));
	/* Even one that is authentic. */
	n = oracle_seal(&self->p.in, APP, data, sizeof(data), wire);
	EXPECT_STREQ("RxDropFormat+1", dropped(&self->p, wire, n));
	EXPECT_TRUE(echoes(&self->p));
}

/* Sealed with the right key under the wrong header. */
TEST_F(hostile, wrong_version)
{
	static const uint16_t bad[] = { 0, 0xfeff, 0xfefe, 0xfefc, 0x0303,
					0xfdfe, 0xffff, 0x7efd };
	struct pair *p = &self->p;
	uint8_t wire[128];
	size_t i, n;

	for (i = 0; i < ARRAY_LEN(bad); i++) {
		n = oracle_seal_as(&p->in, APP, bad[i], 1, 500 + i, i, "bad!",
				   4, wire);
		EXPECT_STREQ("RxDropVersion+1", dropped(p, wire, n));
	}
	EXPECT_TRUE(echoes(p));
}

TEST_F(hostile, wrong_type)
{
	struct pair *p = &self->p;
	uint8_t wire[128];
	int type;
	size_t n;

	for (type = 0; type < 256; type += type < 30 ? 1 : 25) {
		if (type >= 20 && type <= 23)
			continue;
		n = oracle_seal_as(&p->in, type, ORACLE_VERSION, 1, 500 + type,
				   type, "bad!", 4, wire);
		EXPECT_STREQ("RxDropType+1", dropped(p, wire, n));
	}
	EXPECT_TRUE(echoes(p));
}

/* A type that exists, but not the one it was sealed under. */
TEST_F(hostile, changed_type)
{
	uint8_t wire[128];
	size_t n;
	int type;

	set_int(self->p.fd, SOL_DTLS, DTLS_RECV_CONTROL, 1);
	for (type = 20; type < 23; type++) {
		n = oracle_seal(&self->p.in, APP, "bad!", 4, wire);
		wire[0] = type;
		EXPECT_STREQ("RxDropAuth+1", dropped(&self->p, wire, n));
	}
	EXPECT_TRUE(echoes(&self->p));
}

TEST_F(hostile, wrong_epoch)
{
	static const uint16_t bad[] = { 2, 3, 255, 256, 257, 0x8001, 65535 };
	struct pair *p = &self->p;
	uint8_t wire[128];
	size_t i, n;

	for (i = 0; i < ARRAY_LEN(bad); i++) {
		n = oracle_seal_as(&p->in, APP, ORACLE_VERSION, bad[i],
				   500 + i, i, "bad!", 4, wire);
		EXPECT_STREQ("RxDropEpoch+1", dropped(p, wire, n));
	}
	EXPECT_TRUE(echoes(p));
}

TEST_F(hostile, changed_epoch)
{
	uint8_t wire[128];
	size_t n;

	n = oracle_seal(&self->p.in, APP, "bad!", 4, wire);
	wire[4] = 2;
	EXPECT_STREQ("RxDropEpoch+1", dropped(&self->p, wire, n));
	n = oracle_seal_as(&self->p.in, APP, ORACLE_VERSION, 2, 600, 7, "bad!",
			   4, wire);
	wire[4] = 1;
	EXPECT_STREQ("RxDropAuth+1", dropped(&self->p, wire, n));
}

TEST_F(hostile, changed_number)
{
	uint8_t wire[128];
	size_t n;
	int i;

	for (i = 5; i < 11; i++) {
		n = oracle_seal(&self->p.in, APP, "bad!", 4, wire);
		wire[i] ^= 0x40;
		EXPECT_STREQ("RxDropAuth+1", dropped(&self->p, wire, n));
	}
}

/* Every single bit of a record counts. */
TEST_F(hostile, every_bit)
{
	uint8_t wire[128], good[128];
	struct stats before;
	size_t n, i;

	n = oracle_seal(&self->p.in, APP, "good", 4, good);
	stats_read(&before);
	for (i = 0; i < n * 8; i++) {
		memcpy(wire, good, n);
		wire[i / 8] ^= 1 << i % 8;
		feed_raw(&self->p, wire, n);
		if (i % 64 == 63)
			EXPECT_EQ(-EAGAIN, rx_recv(self->p.fd, &rx,
						   MSG_DONTWAIT));
	}
	feed_raw(&self->p, good, n);
	EXPECT_EQ(4, rx_recv(self->p.fd, &rx, 0));
	EXPECT_EQ(0, memcmp("good", rx.data, 4));
	EXPECT_EQ(1, dtls_info(self->p.fd).rx_records);
	EXPECT_LE(n * 8, dtls_info(self->p.fd).rx_bad);
	EXPECT_EQ(0, dtls_info(self->p.fd).rx_replayed);
}

TEST_F(hostile, junk_behind_a_good_record)
{
	uint8_t wire[256], data[50];
	struct stats before;
	size_t n, more;

	for (more = 1; more < 30; more += 4) {
		payload(data, sizeof(data), more);
		n = oracle_seal(&self->p.in, APP, data, sizeof(data), wire);
		memset(wire + n, 0x17, more);
		stats_read(&before);
		feed_raw(&self->p, wire, n + more);
		EXPECT_EQ(50, rx_recv(self->p.fd, &rx, 0));
		EXPECT_EQ(more, payload_id(rx.data, 50));
		EXPECT_EQ(-EAGAIN, rx_recv(self->p.fd, &rx, MSG_DONTWAIT));
		EXPECT_STREQ("RxDropFormat+1",
			     stats_since_of(&before, "RxDrop"));
	}
}

TEST_F(hostile, bad_records_around_a_good_one)
{
	struct pair *p = &self->p;
	uint8_t wire[1024];
	struct stats before;
	size_t n;

	stats_read(&before);
	n = junk_record(wire, 99, ORACLE_VERSION, 1, 50, 30);
	n += junk_record(wire + n, APP, 0x0303, 1, 50, 30);
	n += junk_record(wire + n, APP, ORACLE_VERSION, 7, 50, 30);
	n += junk_record(wire + n, APP, ORACLE_VERSION, 1, 50, 3);
	n += junk_record(wire + n, DTLS_CT_HANDSHAKE, ORACLE_VERSION, 0, 50, 30);
	n += junk_record(wire + n, APP, ORACLE_VERSION, 1, 50, 60);
	n += oracle_seal(&p->in, APP, "good", 4, wire + n);
	n += junk_record(wire + n, APP, ORACLE_VERSION, 1, 50, 60);
	feed_raw(p, wire, n);
	EXPECT_EQ(4, rx_recv(p->fd, &rx, 0));
	EXPECT_EQ(-EAGAIN, rx_recv(p->fd, &rx, MSG_DONTWAIT));
	EXPECT_STREQ("RxDropFormat+1 RxDropVersion+1 RxDropType+1 RxDropEpoch+1 RxDropAuth+2 RxDropRaw+1",
		     stats_since_of(&before, "RxDrop"));
}

/* Random changes of good records, none of which may be delivered. */

static void mutate(uint8_t *wire, size_t *n, size_t max)
{
	uint32_t flips = 1 + rnd(4), i;

	for (i = 0; i < flips; i++)
		wire[rnd(*n)] ^= 1 << rnd(8);
	switch (rnd(8)) {
	case 0:
		*n = rnd(*n);
		break;
	case 1:
		rnd_bytes(wire + *n, max - *n);
		*n += rnd(max - *n);
		break;
	case 2:
		/* A length that looks right. */
		*n = ORACLE_HEADER + rnd(*n - ORACLE_HEADER);
		wire[11] = 0;
		wire[12] = *n - ORACLE_HEADER;
		break;
	case 3:
		memmove(wire + rnd(ORACLE_HEADER), wire, *n / 2);
		break;
	}
}

/* Flips may have taken each other back. */
static bool same_start(const uint8_t *a, const uint8_t *b, size_t n, size_t of)
{
	return n >= of && !memcmp(a, b, of);
}

TEST_F(hostile, mutations)
{
	long left = env_long("KDTLS_MUTATIONS", 100000) / 9, sent = 0;
	uint8_t good[200], wire[256], data[60];
	struct pair *p = &self->p;
	size_t of, n;

	while (sent < left) {
		payload(data, sizeof(data), sent);
		of = oracle_seal(&p->in, APP, data, rnd(sizeof(data)), good);
		memcpy(wire, good, of);
		n = of;
		mutate(wire, &n, sizeof(wire));
		if (same_start(wire, good, n, of))
			continue;
		feed_raw(p, wire, n);
		if (++sent % 32 == 0)
			ASSERT_EQ(-EAGAIN, rx_recv(p->fd, &rx, MSG_DONTWAIT));
	}
	EXPECT_TRUE(echoes(p));
	EXPECT_EQ(1, dtls_info(p->fd).rx_records);
	EXPECT_LE(sent, dtls_info(p->fd).rx_bad + dtls_info(p->fd).rx_replayed);
}

/* The same in trains, where a record has neighbours. */
TEST_F(hostile, mutated_trains)
{
	long left = env_long("KDTLS_MUTATIONS", 100000) / 9 / 50, turn;
	size_t one = 60 + oracle_overhead(&self->p.in), n;
	struct pair *p = &self->p;
	uint8_t wire[2048], data[60];
	char want[64];
	int i, bad;

	set_int(p->fd, SOL_UDP, UDP_GRO, 1);
	for (turn = 0; turn < left; turn++) {
		bad = rnd(1 << 8);
		want[0] = 0;
		for (i = 0, n = 0; i < 8; i++) {
			payload(data, sizeof(data), i);
			n += oracle_seal(&p->in, APP, data, sizeof(data),
					 wire + n);
			if (bad >> i & 1)
				wire[n - 1 - rnd(one)] ^= 1 << rnd(8);
			else
				sprintf(want + strlen(want), "%d ", i);
		}
		ASSERT_EQ(0, feed_train(p, wire, n, one));
		feed_id(p, 60, 99);
		strcat(want, "99");
		ASSERT_STREQ(want, recv_ids(p->fd, 9 -
					    __builtin_popcount(bad)));
	}
}

TEST_F(hostile, random_datagrams)
{
	long left = env_long("KDTLS_MUTATIONS", 100000) / 9 / 10, i;
	uint8_t wire[2000];
	size_t n;

	for (i = 0; i < left; i++) {
		n = rnd(rnd(2) ? 80 : sizeof(wire));
		rnd_bytes(wire, n);
		/* Half of them look like records of the epoch. */
		if (n > ORACLE_HEADER && i % 2)
			oracle_header(wire, 20 + rnd(4), ORACLE_VERSION, 1,
				      rnd(100000), n - ORACLE_HEADER);
		feed_raw(&self->p, wire, n);
		if (i % 32 == 31)
			ASSERT_EQ(-EAGAIN, rx_recv(self->p.fd, &rx,
						   MSG_DONTWAIT));
	}
	EXPECT_TRUE(echoes(&self->p));
}

/* The window is moved by records that verify, and by no others. */
TEST_F(hostile, forged_numbers)
{
	static const uint64_t far[] = { 100, 1000, 10000, 1ULL << 32,
		ORACLE_SEQ_END / 2, ORACLE_SEQ_END - 1 };
	struct pair *p = &self->p;
	uint8_t wire[128];
	size_t i, n;

	for (i = 0; i < ARRAY_LEN(far); i++) {
		n = junk_record(wire, APP, ORACLE_VERSION, 1, far[i], 60);
		EXPECT_STREQ("RxDropAuth+1", dropped(p, wire, n));
		EXPECT_EQ(p->in.seq, dtls_info(p->fd).rx_seq);
	}
	EXPECT_TRUE(echoes(p));
}

/* The reader in the middle of it all. */
TEST_F(hostile, blocked_reader)
{
	struct reader r;
	uint8_t wire[200];
	int i;

	reader_start(&r, self->p.fd);
	for (i = 0; i < 300; i++) {
		size_t n = junk_record(wire, APP, ORACLE_VERSION, 1, i,
				       rnd(100));

		feed_raw(&self->p, wire, n);
	}
	EXPECT_FALSE(job_done(&r.job));
	feed_id(&self->p, 100, 1);
	EXPECT_EQ(100, reader_join(&r));
	EXPECT_EQ(1, payload_id(r.data, 100));
}

/* A socket full of junk: readable, perhaps, but not for long. */
TEST_F(hostile, full_of_junk)
{
	struct pair *p = &self->p;
	uint8_t wire[100];
	int i;

	rnd_bytes(wire, sizeof(wire));
	for (i = 0; i < 3000; i++)
		feed_raw(p, wire, sizeof(wire));
	for (i = 0; i < 3001 && poll_in(p->fd, 0); i++)
		EXPECT_EQ(-EAGAIN, rx_recv(p->fd, &rx, MSG_DONTWAIT));
	EXPECT_EQ(0, poll_in(p->fd, 0));
	EXPECT_EQ(3000, dtls_info(p->fd).rx_bad);
	EXPECT_TRUE(echoes(p));
}

/* A call that does not wait looks at 256 datagrams, and no more. */
TEST_F(hostile, good_record_behind_junk)
{
	struct pair *p = &self->p;
	uint8_t wire[100];
	int i;

	rnd_bytes(wire, sizeof(wire));
	for (i = 0; i < 600; i++)
		feed_raw(p, wire, sizeof(wire));
	feed_id(p, 50, 1);
	for (i = 0; i < 4; i++) {
		EXPECT_EQ(POLLIN, poll_in(p->fd, WAIT_MS));
		if (rx_recv(p->fd, &rx, MSG_DONTWAIT) != -EAGAIN)
			break;
	}
	EXPECT_EQ(2, i);
	EXPECT_EQ(50, rx.len);
	EXPECT_EQ(1, payload_id(rx.data, 50));
	/* One that waits looks at all of them. */
	for (i = 0; i < 600; i++)
		feed_raw(p, wire, sizeof(wire));
	feed_id(p, 50, 2);
	EXPECT_EQ(50, rx_recv(p->fd, &rx, 0));
}

/* Epoch 0 */

static size_t raw_record(uint8_t *out, uint8_t type, uint64_t seq, size_t n)
{
	oracle_header(out, type, ORACLE_VERSION, 0, seq, n);
	payload(out + ORACLE_HEADER, n, seq);
	return ORACLE_HEADER + n;
}

TEST_F(hostile, epoch_0_unasked)
{
	static const uint8_t types[] = { DTLS_CT_CHANGE_CIPHER_SPEC,
		DTLS_CT_ALERT, DTLS_CT_HANDSHAKE };
	uint8_t wire[200];
	size_t i, n;

	for (i = 0; i < ARRAY_LEN(types); i++) {
		n = raw_record(wire, types[i], i, 50);
		EXPECT_STREQ("RxDropRaw+1", dropped(&self->p, wire, n));
	}
	/* A fatal alert that anybody could have sent. */
	n = raw_record(wire, DTLS_CT_ALERT, 9, 2);
	wire[ORACLE_HEADER] = 2;
	wire[ORACLE_HEADER + 1] = 40;
	EXPECT_STREQ("RxDropRaw+1", dropped(&self->p, wire, n));
	wire[ORACLE_HEADER] = 1;
	wire[ORACLE_HEADER + 1] = 0;
	EXPECT_STREQ("RxDropRaw+1", dropped(&self->p, wire, n));
	EXPECT_TRUE(echoes(&self->p));
}

TEST_F(hostile, data_in_epoch_0)
{
	uint8_t wire[200];
	size_t n = raw_record(wire, APP, 9, 50);

	EXPECT_STREQ("RxDropEpoch+1", dropped(&self->p, wire, n));
	set_int(self->p.fd, SOL_DTLS, DTLS_RECV_CONTROL, 1);
	EXPECT_STREQ("RxDropEpoch+1", dropped(&self->p, wire, n));
	set_int(self->p.fd, SOL_DTLS, DTLS_RECV_RAW, 1);
	EXPECT_STREQ("RxDropEpoch+1", dropped(&self->p, wire, n));
}

TEST_F(hostile, raw_is_marked)
{
	struct stats before;
	uint8_t wire[200];
	size_t n = raw_record(wire, DTLS_CT_HANDSHAKE, 9, 50);

	set_int(self->p.fd, SOL_DTLS, DTLS_RECV_RAW, 1);
	stats_read(&before);
	feed_raw(&self->p, wire, n);
	EXPECT_EQ(n, rx_recv(self->p.fd, &rx, MSG_PEEK));
	EXPECT_TRUE(rx.raw);
	EXPECT_EQ(n, rx_recv(self->p.fd, &rx, 0));
	EXPECT_TRUE(rx.raw);
	EXPECT_EQ(0, memcmp(wire, rx.data, n));
	EXPECT_STREQ("RxRaw+1", stats_since(&before));
	feed_id(&self->p, 50, 1);
	EXPECT_EQ(50, rx_recv(self->p.fd, &rx, 0));
	EXPECT_FALSE(rx.raw);
}

/* One without a control buffer could take it for data. */
TEST_F(hostile, raw_needs_a_control_buffer)
{
	struct stats before;
	uint8_t wire[200], data[200];
	size_t n = raw_record(wire, DTLS_CT_HANDSHAKE, 9, 50);

	set_int(self->p.fd, SOL_DTLS, DTLS_RECV_RAW, 1);
	stats_read(&before);
	feed_raw(&self->p, wire, n);
	EXPECT_EQ(-EAGAIN, recv_now(self->p.fd, data, 200));
	EXPECT_STREQ("RxDropRaw+1", stats_since(&before));
	feed_raw(&self->p, wire, n);
	feed_id(&self->p, 50, 1);
	EXPECT_EQ(50, RC(recv(self->p.fd, data, 200, MSG_PEEK)));
	EXPECT_EQ(50, RC(read(self->p.fd, data, 200)));
	EXPECT_EQ(1, payload_id(data, 50));
}

/* A control buffer that other messages have filled is as good as none. */
TEST_F(hostile, raw_and_no_room_for_its_mark)
{
	uint8_t wire[200], data[200], control[CMSG_SPACE(1) + 4];
	size_t n = raw_record(wire, DTLS_CT_HANDSHAKE, 9, 50), room;

	set_int(self->p.fd, SOL_DTLS, DTLS_RECV_RAW, 1);
	set_int(self->p.fd, SOL_SOCKET, SO_TIMESTAMPNS, 1);
	for (room = 0; room <= sizeof(control); room++) {
		struct iovec iov = { data, sizeof(data) };
		struct msghdr msg = {
			.msg_iov = &iov, .msg_iovlen = 1,
			.msg_control = control, .msg_controllen = room,
		};
		long got;

		feed_raw(&self->p, wire, n);
		settle();
		got = RC(recvmsg(self->p.fd, &msg, MSG_DONTWAIT));
		if (got < 0) {
			EXPECT_EQ(-EAGAIN, got);
			continue;
		}
		rx_parse(&rx, &msg, got);
		EXPECT_TRUE(rx.raw);
	}
	EXPECT_TRUE(echoes(&self->p));
}

TEST_F(hostile, raw_before_and_behind_data)
{
	struct pair *p = &self->p;
	uint8_t wire[600];
	size_t first, n;

	set_int(p->fd, SOL_DTLS, DTLS_RECV_RAW, 1);
	n = raw_record(wire, DTLS_CT_CHANGE_CIPHER_SPEC, 8, 1);
	n += raw_record(wire + n, DTLS_CT_HANDSHAKE, 9, 50);
	first = n;
	n += oracle_seal(&p->in, APP, "good", 4, wire + n);
	n += raw_record(wire + n, DTLS_CT_HANDSHAKE, 10, 30);
	feed_raw(p, wire, n);
	EXPECT_EQ(first, rx_recv(p->fd, &rx, 0));
	EXPECT_TRUE(rx.raw);
	EXPECT_EQ(0, memcmp(wire, rx.data, first));
	EXPECT_EQ(4, rx_recv(p->fd, &rx, 0));
	EXPECT_FALSE(rx.raw);
	EXPECT_EQ(ORACLE_HEADER + 30, rx_recv(p->fd, &rx, 0));
	EXPECT_TRUE(rx.raw);
	EXPECT_EQ(-EAGAIN, rx_recv(p->fd, &rx, MSG_DONTWAIT));
}

/* The first flight of a handshake has the version of DTLS 1.0. */
TEST_F(hostile, raw_client_hello)
{
	uint8_t wire[200];
	size_t n = raw_record(wire, DTLS_CT_HANDSHAKE, 0, 100);

	set_int(self->p.fd, SOL_DTLS, DTLS_RECV_RAW, 1);
	wire[1] = 0xfe;
	wire[2] = 0xff;
	feed_raw(&self->p, wire, n);
	EXPECT_EQ(n, rx_recv(self->p.fd, &rx, MSG_DONTWAIT));
	EXPECT_TRUE(rx.raw);
}

TEST_F(hostile, raw_that_is_no_record)
{
	uint8_t wire[200];
	size_t n = raw_record(wire, DTLS_CT_HANDSHAKE, 9, 50), cut;

	set_int(self->p.fd, SOL_DTLS, DTLS_RECV_RAW, 1);
	for (cut = 0; cut < n; cut += 3)
		EXPECT_STREQ("RxDropFormat+1", dropped(&self->p, wire, cut));
}

/* Raw records in a train are not merged with their neighbours. */
TEST_F(hostile, raw_in_a_train)
{
	struct pair *p = &self->p;
	size_t one = 60 + oracle_overhead(&p->in), n = 0;
	uint8_t wire[1000], data[60];
	int i;

	set_int(p->fd, SOL_DTLS, DTLS_RECV_RAW, 1);
	set_int(p->fd, SOL_UDP, UDP_GRO, 1);
	for (i = 0; i < 5; i++) {
		payload(data, sizeof(data), i);
		if (i % 2)
			n += raw_record(wire + n, DTLS_CT_HANDSHAKE, i,
					one - ORACLE_HEADER);
		else
			n += oracle_seal(&p->in, APP, data, 60, wire + n);
	}
	ASSERT_EQ(0, feed_train(p, wire, n, one));
	for (i = 0; i < 5; i++) {
		EXPECT_EQ(i % 2 ? one : 60, rx_recv(p->fd, &rx, 0));
		EXPECT_EQ(i % 2, rx.raw);
		EXPECT_TRUE(i % 2 ? !memcmp(wire + i * one, rx.data, one) :
				    payload_id(rx.data, 60) == i);
	}
}

TEST_F(hostile, raw_dropped_in_a_train)
{
	struct pair *p = &self->p;
	size_t one = 60 + oracle_overhead(&p->in), n = 0;
	uint8_t wire[1000], data[60];
	int i, asked;

	set_int(p->fd, SOL_UDP, UDP_GRO, 1);
	for (asked = 0; asked < 2; asked++) {
		set_int(p->fd, SOL_DTLS, DTLS_RECV_RAW, asked);
		for (i = 0, n = 0; i < 5; i++) {
			payload(data, sizeof(data), i);
			if (i == 2)
				n += raw_record(wire + n, DTLS_CT_HANDSHAKE, i,
						one - ORACLE_HEADER);
			else
				n += oracle_seal(&p->in, APP, data, 60,
						 wire + n);
		}
		ASSERT_EQ(0, feed_train(p, wire, n, one));
		for (i = 0; i < 4; i++) {
			/* No control buffer, so it sees no segment sizes. */
			long got = recv_now(p->fd, rx.data, 65536);

			if (got < 0)
				break;
			EXPECT_EQ(0, got % 60);
			for (; got; got -= 60)
				EXPECT_NE(2, payload_id(rx.data + got - 60,
							60));
		}
	}
	EXPECT_TRUE(echoes(p));
}

/* Wrong checksums, which take a raw socket */

static uint16_t checksum_bad(void)
{
	return htons(0x1234);
}

/*
 * A datagram from the peer's address with a checksum that does not fit. What is
 * shorter than 76 bytes is checked long before anybody reads it.
 */
static void feed_bad_checksum(struct pair *p, const void *data, size_t n)
{
	int fd = socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_UDP);
	struct sockaddr_storage to;
	uint8_t packet[2048];
	struct udphdr *udp = (void *)packet;
	socklen_t len = loopback(IPV4, 0, &to);

	udp->source = htons(local_port(p->peer));
	udp->dest = htons(local_port(p->fd));
	udp->len = htons(sizeof(*udp) + n);
	udp->check = checksum_bad();
	memcpy(packet + sizeof(*udp), data, n);
	if (fd < 0 || sendto(fd, packet, sizeof(*udp) + n, 0, (void *)&to,
			     len) < 0)
		die("raw socket");
	close(fd);
}

TEST_F(hostile, raw_with_a_bad_checksum)
{
	struct stats before;
	uint8_t wire[200];
	size_t n = raw_record(wire, DTLS_CT_HANDSHAKE, 9, 150);

	if (variant->family == IPV6)
		SKIP(return, "IPv4 only");
	set_int(self->p.fd, SOL_DTLS, DTLS_RECV_RAW, 1);
	stats_read(&before);
	feed_bad_checksum(&self->p, wire, n);
	EXPECT_EQ(-EAGAIN, rx_recv(self->p.fd, &rx, MSG_DONTWAIT));
	EXPECT_STREQ("RxDropChecksum+1", stats_since(&before));
	EXPECT_TRUE(echoes(&self->p));
}

/* What the tag vouches for is good; it must not be taken twice, though. */
TEST_F(hostile, record_with_a_bad_checksum)
{
	uint8_t wire[200], data[50];
	size_t n;

	if (variant->family == IPV6)
		SKIP(return, "IPv4 only");
	payload(data, sizeof(data), 5);
	n = oracle_seal(&self->p.in, APP, data, sizeof(data), wire);
	feed_bad_checksum(&self->p, wire, n);
	feed_raw(&self->p, wire, n);
	EXPECT_EQ(50, rx_recv(self->p.fd, &rx, 0));
	EXPECT_EQ(5, payload_id(rx.data, 50));
	EXPECT_TRUE(quiet(self->p.fd));
}

/* Before there are keys plain UDP's rule holds. */
TEST_F(hostile, bad_checksum_before_install)
{
	uint8_t data[150];
	struct pair p;

	if (variant->family == IPV6)
		SKIP(return, "IPv4 only");
	pair_open(&p, variant->family, variant->cipher);
	pair_attach(&p);
	payload(data, sizeof(data), 1);
	feed_bad_checksum(&p, data, sizeof(data));
	EXPECT_EQ(-EAGAIN, rx_recv(p.fd, &rx, MSG_DONTWAIT));
	pair_close(&p);
}

/* Strangers: datagrams of other addresses do not reach a connected socket. */
TEST_F(hostile, other_addresses)
{
	struct pair *p = &self->p;
	enum family family = variant->family == MAPPED ? IPV4 : variant->family;
	struct sockaddr_storage to;
	socklen_t len = loopback(family, local_port(p->fd), &to);
	int fd = udp_socket(family);
	uint8_t wire[100];
	size_t n = oracle_seal(&p->in, APP, "good", 4, wire);

	udp_bind(fd, family);
	EXPECT_EQ(n, sendto(fd, wire, n, 0, (void *)&to, len));
	EXPECT_TRUE(quiet(p->fd));
	EXPECT_TRUE(echoes(p));
	close(fd);
}

/* The counters of what is right */
TEST_F(hostile, good_records_are_counted)
{
	uint8_t wire[1000];
	size_t n;

	feed_id(&self->p, 100, 1);
	feed(&self->p, "", 0);
	n = oracle_seal(&self->p.in, APP, "1234", 4, wire);
	n += oracle_seal(&self->p.in, APP, "5678", 4, wire + n);
	feed_raw(&self->p, wire, n);
	recv_ids(self->p.fd, 4);
	EXPECT_STREQ("RxRecords+4 RxBytes+108", stats_since(&self->before));
}

TEST_HARNESS_MAIN
