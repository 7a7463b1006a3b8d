// SPDX-License-Identifier: GPL-2.0
/* Installing keys: what is refused, what DTLS_INFO tells, when it takes hold. */
#include <netinet/in.h>
#include <netinet/udp.h>

#include "harness.h"

static void pair_attached(struct pair *p, enum family family, uint16_t cipher)
{
	pair_open(p, family, cipher);
	pair_attach(p);
}

PAIR_FIXTURE(install, pair_attached, VARIANTS_OF_MOST);

static const int directions[] = { DTLS_RX, DTLS_TX };

static const struct oracle *keys(const struct pair *p, int direction)
{
	return direction == DTLS_TX ? &p->out : &p->in;
}

static long put(struct pair *p, int direction, const union crypto_info *ci,
		socklen_t len)
{
	return RC(setsockopt(p->fd, SOL_DTLS, direction, ci, len));
}

/* Nothing was installed: what is sent and received is not touched. */
static bool passes(struct pair *p)
{
	char buf[16];

	return send(p->fd, "ping", 4, 0) == 4 &&
	       recv(p->peer, buf, sizeof(buf), 0) == 4 &&
	       send(p->peer, "pong", 4, 0) == 4 &&
	       recv(p->fd, buf, sizeof(buf), 0) == 4;
}

TEST_F(install, works)
{
	EXPECT_EQ(0, kdtls_install(self->p.fd, DTLS_RX, &self->p.in));
	EXPECT_EQ(0, kdtls_install(self->p.fd, DTLS_TX, &self->p.out));
	EXPECT_TRUE(echoes(&self->p));
}

TEST_F(install, tx_first)
{
	EXPECT_EQ(0, kdtls_install(self->p.fd, DTLS_TX, &self->p.out));
	EXPECT_EQ(0, kdtls_install(self->p.fd, DTLS_RX, &self->p.in));
	EXPECT_TRUE(echoes(&self->p));
}

TEST_F(install, every_wrong_length)
{
	union crypto_info ci;
	socklen_t len, right;
	size_t i;

	for (i = 0; i < 2; i++) {
		right = crypto_info(&ci, directions[i],
				    keys(&self->p, directions[i]));
		for (len = 0; len <= right + 8; len++) {
			if (len == right)
				continue;
			EXPECT_EQ(-EINVAL,
				  put(&self->p, directions[i], &ci, len));
		}
		EXPECT_EQ(-EINVAL, put(&self->p, directions[i], &ci, -1));
		EXPECT_EQ(-EINVAL, put(&self->p, directions[i], &ci,
				       INT32_MAX));
	}
	EXPECT_TRUE(passes(&self->p));
}

TEST_F(install, lengths_of_other_ciphers)
{
	static const uint16_t types[] = { GCM128, GCM256, CHACHA };
	union crypto_info ci;
	socklen_t len = crypto_info(&ci, DTLS_RX, &self->p.in);
	struct oracle other = self->p.in;
	size_t i;

	for (i = 0; i < ARRAY_LEN(types); i++) {
		union crypto_info unused;

		other.cipher = types[i];
		if (crypto_info(&unused, DTLS_RX, &other) == len)
			continue;
		ci.info.cipher_type = types[i];
		EXPECT_EQ(-EINVAL, put(&self->p, DTLS_RX, &ci, len));
	}
	EXPECT_TRUE(passes(&self->p));
}

TEST_F(install, bad_pointer)
{
	union crypto_info ci;
	socklen_t len = crypto_info(&ci, DTLS_RX, &self->p.in);

	EXPECT_EQ(-EFAULT, put(&self->p, DTLS_RX, (void *)1, len));
	EXPECT_EQ(-EFAULT, put(&self->p, DTLS_TX, (void *)1, len));
	EXPECT_TRUE(passes(&self->p));
}

/* Each change of a good install makes one that is refused with @err. */
static long with(struct pair *p, int direction,
		 void (*change)(union crypto_info *ci, uint64_t value),
		 uint64_t value)
{
	union crypto_info ci;
	socklen_t len = crypto_info(&ci, direction, keys(p, direction));

	change(&ci, value);
	return put(p, direction, &ci, len);
}

static void version(union crypto_info *ci, uint64_t value)
{
	ci->info.version = value;
}

static void cipher(union crypto_info *ci, uint64_t value)
{
	ci->info.cipher_type = value;
}

static void epoch(union crypto_info *ci, uint64_t value)
{
	ci->info.epoch = value;
}

static void window(union crypto_info *ci, uint64_t value)
{
	ci->info.window = value;
}

static void rec_seq(union crypto_info *ci, uint64_t value)
{
	ci->info.rec_seq = value;
}

static void seen(union crypto_info *ci, uint64_t value)
{
	ci->info.seen = value;
}

static void pad(union crypto_info *ci, uint64_t value)
{
	crypto_info_pad(ci)[value] = 1;
}

static void iv(union crypto_info *ci, uint64_t value)
{
	ci->gcm128.iv[value] = 1;
}

TEST_F(install, bad_version)
{
	static const uint16_t bad[] = { 0, 0xfeff, 0xfefc, 0x0303, 0x0304,
					0xfdfe, 0xffff };
	size_t i;

	for (i = 0; i < ARRAY_LEN(bad); i++) {
		EXPECT_EQ(-EINVAL, with(&self->p, DTLS_RX, version, bad[i]));
		EXPECT_EQ(-EINVAL, with(&self->p, DTLS_TX, version, bad[i]));
	}
	EXPECT_TRUE(passes(&self->p));
}

TEST_F(install, bad_cipher)
{
	static const uint16_t bad[] = { 0, 1, 50, 55, 56, 57, 58, 255, 0xffff };
	size_t i;

	for (i = 0; i < ARRAY_LEN(bad); i++) {
		EXPECT_EQ(-EOPNOTSUPP, with(&self->p, DTLS_RX, cipher, bad[i]));
		EXPECT_EQ(-EOPNOTSUPP, with(&self->p, DTLS_TX, cipher, bad[i]));
	}
	EXPECT_TRUE(passes(&self->p));
}

TEST_F(install, bad_epoch)
{
	EXPECT_EQ(-EINVAL, with(&self->p, DTLS_RX, epoch, 0));
	EXPECT_EQ(-EINVAL, with(&self->p, DTLS_TX, epoch, 0));
	EXPECT_TRUE(passes(&self->p));
}

TEST_F(install, bad_window)
{
	static const uint16_t bad[] = { 1, 31, 8193, 16384, 0xffff };
	size_t i;

	for (i = 0; i < ARRAY_LEN(bad); i++)
		EXPECT_EQ(-EINVAL, with(&self->p, DTLS_RX, window, bad[i]));
	EXPECT_EQ(-EINVAL, with(&self->p, DTLS_TX, window, 64));
	EXPECT_TRUE(passes(&self->p));
}

TEST_F(install, good_windows)
{
	static const uint16_t good[] = { 0, 32, 33, 64, 1000, 8191, 8192 };
	size_t i;

	for (i = 0; i < ARRAY_LEN(good); i++) {
		struct pair p;

		pair_attached(&p, variant->family, variant->cipher);
		EXPECT_EQ(0, with(&p, DTLS_RX, window, good[i]));
		EXPECT_EQ(good[i] ? good[i] : 64, dtls_info(p.fd).window);
		pair_close(&p);
	}
}

TEST_F(install, bad_rec_seq)
{
	static const uint64_t bad[] = { (1ULL << 48) + 1, 1ULL << 49,
					1ULL << 63, UINT64_MAX };
	size_t i;

	for (i = 0; i < ARRAY_LEN(bad); i++) {
		EXPECT_EQ(-EINVAL, with(&self->p, DTLS_RX, rec_seq, bad[i]));
		EXPECT_EQ(-EINVAL, with(&self->p, DTLS_TX, rec_seq, bad[i]));
	}
	EXPECT_TRUE(passes(&self->p));
}

TEST_F(install, seen_is_for_rx)
{
	EXPECT_EQ(-EINVAL, with(&self->p, DTLS_TX, seen, 1));
	EXPECT_EQ(-EINVAL, with(&self->p, DTLS_TX, seen, 1ULL << 63));
	EXPECT_TRUE(passes(&self->p));
	EXPECT_EQ(0, with(&self->p, DTLS_RX, seen, 1));
}

TEST_F(install, bad_pad)
{
	int i;

	for (i = 0; i < 4; i++) {
		EXPECT_EQ(-EINVAL, with(&self->p, DTLS_RX, pad, i));
		EXPECT_EQ(-EINVAL, with(&self->p, DTLS_TX, pad, i));
	}
	EXPECT_TRUE(passes(&self->p));
}

/* The explicit nonces of the peer are on the wire; gcm256 has iv there, too. */
TEST_F(install, iv_is_for_tx)
{
	int i;

	if (variant->cipher == CHACHA)
		SKIP(return, "no explicit nonce");
	for (i = 0; i < 8; i++)
		EXPECT_EQ(-EINVAL, with(&self->p, DTLS_RX, iv, i));
	EXPECT_TRUE(passes(&self->p));
}

TEST_F(install, edges_are_good)
{
	EXPECT_EQ(0, with(&self->p, DTLS_RX, rec_seq, 1ULL << 48));
	EXPECT_EQ(0, with(&self->p, DTLS_TX, rec_seq, 1ULL << 48));
}

TEST_F(install, unconnected)
{
	int fd = udp_socket(variant->family);

	ASSERT_EQ(0, kdtls_attach(fd));
	EXPECT_EQ(-ENOTCONN, kdtls_install(fd, DTLS_RX, &self->p.in));
	EXPECT_EQ(-ENOTCONN, kdtls_install(fd, DTLS_TX, &self->p.out));
	udp_bind(fd, variant->family);
	EXPECT_EQ(-ENOTCONN, kdtls_install(fd, DTLS_RX, &self->p.in));
	EXPECT_EQ(-ENOTCONN, kdtls_install(fd, DTLS_TX, &self->p.out));
	close(fd);
}

TEST_F(install, not_attached)
{
	struct pair p;

	pair_open(&p, variant->family, variant->cipher);
	EXPECT_GT(0, kdtls_install(p.fd, DTLS_RX, &p.in));
	EXPECT_GT(0, kdtls_install(p.fd, DTLS_TX, &p.out));
	EXPECT_TRUE(passes(&p));
	pair_close(&p);
}

/* New keys are what rekey.c is about; the same again would repeat nonces. */
TEST_F(install, twice)
{
	uint64_t seq = self->p.out.seq;
	int i;

	pair_install(&self->p);
	for (i = 0; i < 3; i++) {
		EXPECT_EQ(-EKEYREJECTED,
			  kdtls_install(self->p.fd, DTLS_RX, &self->p.in));
		EXPECT_EQ(-EKEYREJECTED,
			  kdtls_install(self->p.fd, DTLS_TX, &self->p.out));
		self->p.out.epoch++;
		self->p.out.seq = i;
	}
	self->p.out.epoch -= 3;
	self->p.out.seq = seq;
	EXPECT_TRUE(echoes(&self->p));
}

TEST_F(install, again_after_an_error)
{
	EXPECT_EQ(-EINVAL, with(&self->p, DTLS_RX, epoch, 0));
	EXPECT_EQ(-EINVAL, with(&self->p, DTLS_TX, pad, 0));
	pair_install(&self->p);
	EXPECT_TRUE(echoes(&self->p));
}

TEST_F(install, only_tx)
{
	char buf[16];

	ASSERT_EQ(0, kdtls_install(self->p.fd, DTLS_TX, &self->p.out));
	EXPECT_EQ(4, send(self->p.peer, "pong", 4, 0));
	EXPECT_EQ(4, recv(self->p.fd, buf, sizeof(buf), 0));
	EXPECT_EQ(0, memcmp(buf, "pong", 4));
	payload(buf, sizeof(buf), 3);
	EXPECT_EQ(16, send(self->p.fd, buf, sizeof(buf), 0));
	EXPECT_EQ(3, take_id(&self->p));
	EXPECT_EQ(DTLS_STATE_TX, dtls_info(self->p.fd).state);
}

TEST_F(install, only_rx)
{
	char buf[16];

	ASSERT_EQ(0, kdtls_install(self->p.fd, DTLS_RX, &self->p.in));
	EXPECT_EQ(4, send(self->p.fd, "ping", 4, 0));
	EXPECT_EQ(4, recv(self->p.peer, buf, sizeof(buf), 0));
	EXPECT_EQ(0, memcmp(buf, "ping", 4));
	EXPECT_EQ(4, send(self->p.peer, "pong", 4, 0));
	feed_id(&self->p, 100, 4);
	EXPECT_STREQ("4", recv_ids(self->p.fd, 1));
	EXPECT_EQ(DTLS_STATE_RX, dtls_info(self->p.fd).state);
}

TEST_F(install, different_epochs)
{
	struct dtls_info info;

	self->p.out.epoch = 3;
	self->p.in.epoch = 65535;
	pair_install(&self->p);
	info = dtls_info(self->p.fd);
	EXPECT_EQ(3, info.tx_epoch);
	EXPECT_EQ(65535, info.rx_epoch);
	EXPECT_TRUE(echoes(&self->p));
}

/* Options */

TEST_F(install, unknown_options)
{
	static const int set[] = { 0, DTLS_INFO, 11, 99, -1, 1 << 16 };
	static const int get[] = { 0, DTLS_TX, DTLS_RX, 11, 99, -1 };
	uint8_t buf[256];
	size_t i;

	pair_install(&self->p);
	for (i = 0; i < ARRAY_LEN(set); i++)
		EXPECT_EQ(-ENOPROTOOPT, RC(setsockopt(self->p.fd, SOL_DTLS,
						      set[i], buf, 4)));
	for (i = 0; i < ARRAY_LEN(get); i++) {
		socklen_t len = sizeof(buf);

		EXPECT_EQ(-ENOPROTOOPT, RC(getsockopt(self->p.fd, SOL_DTLS,
						      get[i], buf, &len)));
	}
}

TEST_F(install, recv_options)
{
	static const int options[] = { DTLS_RECV_CONTROL, DTLS_RECV_EVENTS,
				       DTLS_RECV_RAW, DTLS_RETIRE };
	static const int most[] = { 1, 1, 2, DTLS_RETIRE_MAX };
	int value, bad[2] = { 1, 1 };
	socklen_t len;
	size_t i;

	for (i = 0; i < ARRAY_LEN(options); i++) {
		int fd = self->p.fd, o = options[i];

		for (value = most[i]; value >= 0; value -= 1 + value / 2) {
			int got = 7;

			len = sizeof(got);
			set_int(fd, SOL_DTLS, o, value);
			EXPECT_EQ(0, RC(getsockopt(fd, SOL_DTLS, o, &got,
						   &len)));
			EXPECT_EQ(value, got);
			EXPECT_EQ(4, len);
		}
		for (len = 0; len <= 8; len++)
			if (len != 4)
				EXPECT_EQ(-EINVAL, RC(setsockopt(fd, SOL_DTLS,
								 o, bad, len)));
		value = most[i] + 1;
		EXPECT_EQ(-EINVAL, RC(setsockopt(fd, SOL_DTLS, o, &value, 4)));
		value = -1;
		EXPECT_EQ(-EINVAL, RC(setsockopt(fd, SOL_DTLS, o, &value, 4)));
	}
}

/* Those of UDP and of the levels below go on to work. */
TEST_F(install, options_below)
{
	int value = 0;
	socklen_t len = sizeof(value);

	pair_install(&self->p);
	set_int(self->p.fd, SOL_UDP, UDP_SEGMENT, 777);
	EXPECT_EQ(0, RC(getsockopt(self->p.fd, SOL_UDP, UDP_SEGMENT, &value,
				   &len)));
	EXPECT_EQ(777, value);
	set_int(self->p.fd, SOL_UDP, UDP_SEGMENT, 0);
	set_int(self->p.fd, SOL_UDP, UDP_GRO, 1);
	set_int(self->p.fd, SOL_SOCKET, SO_SNDBUF, 100000);
	if (variant->family == IPV4)
		set_int(self->p.fd, SOL_IP, IP_TOS, 0x10);
	else
		set_int(self->p.fd, SOL_IPV6, IPV6_TCLASS, 0x10);
	EXPECT_TRUE(echoes(&self->p));
}

/* DTLS_INFO */

TEST_F(install, info_before)
{
	struct dtls_info info = dtls_info(self->p.fd);

	EXPECT_EQ(0, info.version);
	EXPECT_EQ(0, info.tx_cipher_type);
	EXPECT_EQ(0, info.rx_cipher_type);
	EXPECT_EQ(0, info.state);
	EXPECT_EQ(0, info.tx_records + info.rx_records);
}

TEST_F(install, info_after)
{
	struct dtls_info info;

	self->p.out.seq = 1ULL << 40;
	self->p.in.seq = 77;
	pair_install(&self->p);
	info = dtls_info(self->p.fd);
	EXPECT_EQ(DTLS_1_2_VERSION, info.version);
	EXPECT_EQ(variant->cipher, info.tx_cipher_type);
	EXPECT_EQ(variant->cipher, info.rx_cipher_type);
	EXPECT_EQ(DTLS_STATE_TX | DTLS_STATE_RX, info.state);
	EXPECT_EQ(0, info.alert);
	EXPECT_EQ(0, info.pad);
	EXPECT_EQ(1, info.tx_epoch);
	EXPECT_EQ(1, info.rx_epoch);
	EXPECT_EQ(oracle_overhead(&self->p.out), info.overhead);
	EXPECT_EQ(64, info.window);
	EXPECT_EQ(1ULL << 40, info.tx_seq);
	EXPECT_EQ(77, info.rx_seq);
	EXPECT_EQ(0, info.tx_records);
	EXPECT_EQ(0, info.tx_bytes);
	EXPECT_EQ(0, info.rx_records);
	EXPECT_EQ(0, info.rx_bytes);
	EXPECT_EQ(0, info.rx_replayed);
	EXPECT_EQ(0, info.rx_bad);
}

TEST_F(install, info_counts)
{
	struct pair *p = &self->p;
	struct dtls_info info;
	uint8_t buf[200];
	uint64_t rx_next, tx_next;

	pair_install(p);
	tx_next = p->out.seq + 2;
	EXPECT_EQ(10, send(p->fd, "0123456789", 10, 0));
	EXPECT_EQ(0, send(p->fd, "", 0, 0));
	feed_id(p, 100, 1);
	feed_id(p, 50, 2);
	feed_seq(p, p->in.seq + 10, 8, 3);
	rx_next = p->in.seq + 11;
	feed_seq(p, p->in.seq - 1, 50, 2);
	feed_raw(p, "junk", 4);
	EXPECT_STREQ("1 2 3", recv_ids(p->fd, 3));
	EXPECT_EQ(-EAGAIN, recv_now(p->fd, buf, sizeof(buf)));
	info = dtls_info(p->fd);
	EXPECT_EQ(tx_next, info.tx_seq);
	EXPECT_EQ(2, info.tx_records);
	EXPECT_EQ(10, info.tx_bytes);
	EXPECT_EQ(rx_next, info.rx_seq);
	EXPECT_EQ(3, info.rx_records);
	EXPECT_EQ(158, info.rx_bytes);
	EXPECT_EQ(1, info.rx_replayed);
	EXPECT_EQ(1, info.rx_bad);
}

TEST_F(install, info_in_short_buffers)
{
	struct dtls_info whole;
	uint8_t buf[sizeof(whole) + 32];
	socklen_t len, size;

	pair_install(&self->p);
	whole = dtls_info(self->p.fd);
	for (size = 0; size <= sizeof(buf); size++) {
		len = size;
		memset(buf, 0xee, sizeof(buf));
		EXPECT_EQ(0, RC(getsockopt(self->p.fd, SOL_DTLS, DTLS_INFO,
					   buf, &len)));
		EXPECT_EQ(size < sizeof(whole) ? size : sizeof(whole), len);
		EXPECT_EQ(0, memcmp(buf, &whole, len));
		EXPECT_TRUE(len == sizeof(buf) || buf[len] == 0xee);
	}
	len = -1;
	EXPECT_EQ(-EINVAL, RC(getsockopt(self->p.fd, SOL_DTLS, DTLS_INFO, buf,
					 &len)));
	len = sizeof(whole);
	EXPECT_EQ(-EFAULT, RC(getsockopt(self->p.fd, SOL_DTLS, DTLS_INFO,
					 (void *)1, &len)));
}

static bool has_keys_of(const void *buf, size_t n, const struct oracle *o)
{
	return memmem(buf, n, o->key, 8) || memmem(buf, n, o->iv, 4);
}

TEST_F(install, no_option_tells_keys)
{
	uint8_t buf[4096];
	socklen_t len;
	int option;

	pair_install(&self->p);
	for (option = 0; option < 64; option++) {
		len = sizeof(buf);
		memset(buf, 0, sizeof(buf));
		getsockopt(self->p.fd, SOL_DTLS, option, buf, &len);
		EXPECT_FALSE(has_keys_of(buf, sizeof(buf), &self->p.in));
		EXPECT_FALSE(has_keys_of(buf, sizeof(buf), &self->p.out));
	}
}

TEST_F(install, max_payload)
{
	int headers = variant->family == IPV6 ? 48 : 28;
	struct dtls_info info;
	struct pair p;

	netns_enter();
	pair_setup(&p, variant->family, variant->cipher);
	EXPECT_EQ(DTLS_MAX_PLAINTEXT, dtls_info(p.fd).max_payload);
	pair_close(&p);
	lo_mtu(1500);
	pair_setup(&p, variant->family, variant->cipher);
	info = dtls_info(p.fd);
	EXPECT_EQ(1500 - headers - oracle_overhead(&p.out), info.max_payload);
	pair_close(&p);
}

/* Installing while others send and receive */

struct stream {
	struct pair	*p;
	int		installed;
	int		stop;
	long		failed;
};

/* The first byte says whether the sender knew that keys are there. */
static void *stream_main(void *arg)
{
	struct stream *s = arg;
	char data[8] = "?abcdefg";
	long n;

	while (!__atomic_load_n(&s->stop, __ATOMIC_ACQUIRE)) {
		int known = __atomic_load_n(&s->installed, __ATOMIC_ACQUIRE);

		data[0] = known ? 'K' : '?';
		n = RC(send(s->p->fd, data, sizeof(data), 0));
		if (n != sizeof(data))
			s->failed = n;
		sched_yield();
	}
	return NULL;
}

/* Plaintext on the wire from a sender that knew of the keys, or junk? */
static bool stream_leaks(struct pair *p, int *sealed)
{
	uint8_t wire[256];
	struct record r;
	ssize_t n;

	while ((n = recv_now(p->peer, wire, sizeof(wire))) > 0) {
		if (n == 8 && wire[0] == '?')
			continue;
		if (oracle_open(&p->out, wire, n, &r) || r.len != 8)
			return true;
		*sealed += 1;
	}
	return false;
}

TEST_F(install, tx_while_sending)
{
	struct stream s = { .p = &self->p };
	struct job job[2];
	int i, sealed = 0;

	for (i = 0; i < 2; i++)
		job_start(&job[i], stream_main, &s);
	sleep_ms(20);
	ASSERT_EQ(0, kdtls_install(self->p.fd, DTLS_TX, &self->p.out));
	__atomic_store_n(&s.installed, 1, __ATOMIC_RELEASE);
	sleep_ms(50);
	__atomic_store_n(&s.stop, 1, __ATOMIC_RELEASE);
	for (i = 0; i < 2; i++)
		job_join(&job[i]);
	EXPECT_EQ(0, s.failed);
	EXPECT_FALSE(stream_leaks(&self->p, &sealed));
	EXPECT_LT(0, sealed);
}

/* A reader that was blocked before the install gets what the keys open. */
TEST_F(install, rx_with_blocked_reader)
{
	struct reader r;

	reader_start(&r, self->p.fd);
	ASSERT_EQ(0, kdtls_install(self->p.fd, DTLS_RX, &self->p.in));
	feed_id(&self->p, 100, 9);
	EXPECT_EQ(100, reader_join(&r));
	EXPECT_EQ(9, payload_id(r.data, 100));
}

TEST_F(install, rx_with_blocked_reader_and_junk)
{
	struct reader r;

	reader_start(&r, self->p.fd);
	ASSERT_EQ(0, kdtls_install(self->p.fd, DTLS_RX, &self->p.in));
	feed_raw(&self->p, "not sealed", 10);
	feed_id(&self->p, 100, 9);
	EXPECT_EQ(100, reader_join(&r));
	EXPECT_EQ(9, payload_id(r.data, 100));
}

TEST_F(install, queued_before)
{
	feed_id(&self->p, 100, 1);
	feed_raw(&self->p, "junk", 4);
	feed_id(&self->p, 200, 2);
	ASSERT_EQ(0, kdtls_install(self->p.fd, DTLS_RX, &self->p.in));
	EXPECT_STREQ("1 2", recv_ids(self->p.fd, 2));
}

struct install_race {
	int			fd;
	const struct oracle	*o;
	long			result;
};

static void *race_install(void *arg)
{
	struct install_race *r = arg;

	r->result = kdtls_install(r->fd, DTLS_TX, r->o);
	return NULL;
}

/* Of several threads that install different keys, the last one wins. */
TEST_F(install, the_last_one_wins)
{
	struct install_race race[4];
	struct oracle o[4];
	struct job job[4];
	struct record r;
	int i;

	for (i = 0; i < 4; i++) {
		oracle_init(&o[i], variant->cipher, 1 + i, 5);
		race[i].fd = self->p.fd;
		race[i].o = &o[i];
		job_start(&job[i], race_install, &race[i]);
	}
	for (i = 0; i < 4; i++) {
		job_join(&job[i]);
		EXPECT_EQ(0, race[i].result);
	}
	i = dtls_info(self->p.fd).tx_epoch - 1;
	ASSERT_LE(0, i);
	ASSERT_GT(4, i);
	EXPECT_EQ(4, send(self->p.fd, "abcd", 4, 0));
	oracle_free(&self->p.out);
	self->p.out = o[i];
	EXPECT_EQ(0, take(&self->p, &r));
	EXPECT_EQ(1 + i, r.epoch);
	EXPECT_EQ(5, r.seq);
}

TEST_HARNESS_MAIN
