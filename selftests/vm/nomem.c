// SPDX-License-Identifier: GPL-2.0
/*
 * Every allocation of a call fails, one after the other: the call must say so,
 * nothing may be lost but what it was about, and the next one works. It takes
 * a kernel with fault injection.
 */
#include <netinet/udp.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>
#include <sys/ioctl.h>
#include <linux/sockios.h>

#include "faults.h"
#include "harness.h"
#include "twin.h"

static struct rx rx;

FIXTURE(nomem) {
	struct pair p;
	bool can;
};

FIXTURE_VARIANT(nomem) {
	uint16_t cipher;
	enum family family;
};

VARIANTS_OF_FAMILIES(nomem);

FIXTURE_SETUP(nomem)
{
	self->can = faults_open();
	pair_setup(&self->p, variant->family, variant->cipher);
	if (!self->can)
		SKIP(return, "no fault injection");
}

FIXTURE_TEARDOWN(nomem)
{
	pair_close(&self->p);
}

TEST_F(nomem, attach)
{
	struct fault f;
	int err, fd;

	NEEDS_FAULTS();
	EACH_FAULT(&f) {
		fd = udp_socket(variant->family);
		fault_begin(&f);
		err = kdtls_attach(fd);
		fault_end(&f);
		EXPECT_TRUE(err == 0 || is_failure(err));
		if (err)
			EXPECT_EQ(0, kdtls_attach(fd));
		close(fd);
	}
	EXPECT_TRUE(fault_all(&f));
}

TEST_F(nomem, install)
{
	static const int directions[] = { DTLS_RX, DTLS_TX };
	int err, i;
	struct fault f;

	NEEDS_FAULTS();
	for (i = 0; i < 2; i++) {
		EACH_FAULT(&f) {
			struct pair p;

			pair_open(&p, variant->family, variant->cipher);
			pair_attach(&p);
			fault_begin(&f);
			err = kdtls_install(p.fd, directions[i], &p.in);
			fault_end(&f);
			EXPECT_TRUE(err == 0 || is_failure(err))
				TH_LOG("%d", err);
			EXPECT_EQ(err ? 0 : -EKEYREJECTED,
				  kdtls_install(p.fd, directions[i], &p.in));
			pair_close(&p);
		}
		EXPECT_TRUE(fault_all(&f));
	}
}

TEST_F(nomem, send)
{
	uint64_t next = self->p.out.seq;
	uint8_t data[3000];
	struct fault f;
	long sent;

	NEEDS_FAULTS();
	payload(data, sizeof(data), 1);
	EACH_FAULT(&f) {
		fault_begin(&f);
		sent = RC(send(self->p.fd, data, sizeof(data), 0));
		fault_end(&f);
		EXPECT_TRUE(sent == sizeof(data) || is_failure(sent))
			TH_LOG("%ld", sent);
		EXPECT_TRUE(only_good(&self->p, &next));
	}
	EXPECT_TRUE(fault_all(&f));
	self->p.out.seq = next;
	EXPECT_TRUE(echoes(&self->p));
}

TEST_F(nomem, send_a_train)
{
	uint64_t next = self->p.out.seq;
	static uint8_t data[40000];
	struct fault f;
	long sent;

	NEEDS_FAULTS();
	set_int(self->p.fd, SOL_UDP, UDP_SEGMENT, 1200);
	EACH_FAULT(&f) {
		fault_begin(&f);
		sent = RC(send(self->p.fd, data, sizeof(data), 0));
		fault_end(&f);
		EXPECT_TRUE(sent == sizeof(data) || is_failure(sent))
			TH_LOG("%ld", sent);
		EXPECT_TRUE(only_good(&self->p, &next));
	}
	EXPECT_TRUE(fault_all(&f));
	set_int(self->p.fd, SOL_UDP, UDP_SEGMENT, 0);
	EXPECT_TRUE(echoes(&self->p));
}

/* One datagram of @count records; each is received once or not at all. */
static void feed_bundle(struct pair *p, int count, uint32_t first)
{
	uint8_t wire[8192], data[100];
	size_t n = 0;
	int i;

	for (i = 0; i < count; i++) {
		payload(data, sizeof(data), first + i);
		n += oracle_seal(&p->in, DTLS_CT_APPLICATION_DATA, data, 100,
				 wire + n);
	}
	feed_raw(p, wire, n);
}

static bool good_rest(struct pair *p, uint32_t *next, uint32_t end)
{
	long id;

	while (rx_recv(p->fd, &rx, MSG_DONTWAIT) >= 0) {
		id = payload_id(rx.data, rx.len);
		if (id < *next || id >= end)
			return false;
		*next = id + 1;
	}
	return true;
}

TEST_F(nomem, recv)
{
	static const int flags[] = { 0, MSG_PEEK };
	uint32_t id = 1, next = 1;
	struct fault f;
	long got;
	int i;

	NEEDS_FAULTS();
	for (i = 0; i < 2; i++) {
		EACH_FAULT(&f) {
			feed_bundle(&self->p, 4, id);
			id += 4;
			got = fault_recv(&f, self->p.fd, &rx, flags[i]);
			EXPECT_TRUE(got == 100 || is_recv_failure(got))
				TH_LOG("%ld", got);
			/* The first of them may have been dropped. */
			if (got == 100) {
				next = payload_id(rx.data, 100) + !i;
				EXPECT_LE(id - 4, next);
			}
			EXPECT_TRUE(good_rest(&self->p, &next, id));
		}
		EXPECT_TRUE(fault_all(&f));
	}
	EXPECT_TRUE(echoes(&self->p));
}

TEST_F(nomem, siocinq)
{
	uint32_t id = 1, next = 1;
	struct fault f;
	int len;
	long got;

	NEEDS_FAULTS();
	EACH_FAULT(&f) {
		feed_bundle(&self->p, 4, id);
		id += 4;
		fault_begin(&f);
		len = -1;
		got = RC(ioctl(self->p.fd, SIOCINQ, &len));
		fault_end(&f);
		EXPECT_TRUE(is_failure(got) || len == 100 || len == 0);
		EXPECT_TRUE(good_rest(&self->p, &next, id));
	}
	EXPECT_TRUE(fault_all(&f));
	EXPECT_TRUE(echoes(&self->p));
}

TEST_F(nomem, recv_a_train)
{
	size_t one = 100 + oracle_overhead(&self->p.in), len;
	uint8_t wire[4096], data[100];
	struct fault f;
	long got;
	int i;

	NEEDS_FAULTS();
	set_int(self->p.fd, SOL_UDP, UDP_GRO, 1);
	EACH_FAULT(&f) {
		for (i = 0, len = 0; i < 8; i++) {
			payload(data, sizeof(data), i);
			len += oracle_seal(&self->p.in,
					   DTLS_CT_APPLICATION_DATA, data, 100,
					   wire + len);
		}
		ASSERT_EQ(0, feed_train(&self->p, wire, len, one));
		got = fault_recv(&f, self->p.fd, &rx, 0);
		EXPECT_TRUE(got == 800 || is_recv_failure(got))
			TH_LOG("%ld", got);
		/* What failed may be there still, but only whole. */
		while (rx_recv(self->p.fd, &rx, MSG_DONTWAIT) >= 0)
			EXPECT_EQ(800, rx.len);
	}
	EXPECT_TRUE(fault_all(&f));
	EXPECT_TRUE(echoes(&self->p));
}

TEST_F(nomem, close_notify)
{
	struct fault f;
	long got;

	NEEDS_FAULTS();
	EACH_FAULT(&f) {
		struct pair p;

		pair_setup(&p, variant->family, variant->cipher);
		feed_alert(&p, 1, 0);
		got = fault_recv(&f, p.fd, &rx, 0);
		EXPECT_TRUE(got == 0 || is_recv_failure(got))
			TH_LOG("%ld", got);
		pair_close(&p);
	}
	EXPECT_TRUE(fault_all(&f));
}

/* A piece of a message that fails takes the whole message along. */
TEST_F(nomem, corked)
{
	uint64_t next = self->p.out.seq;
	uint8_t data[3000];
	struct fault f;
	long first, last;

	NEEDS_FAULTS();
	EACH_FAULT(&f) {
		fault_begin(&f);
		first = RC(send(self->p.fd, data, sizeof(data), MSG_MORE));
		last = RC(send(self->p.fd, data, sizeof(data), 0));
		fault_end(&f);
		EXPECT_TRUE(first == sizeof(data) || is_failure(first))
			TH_LOG("%ld", first);
		EXPECT_TRUE(last == sizeof(data) || is_failure(last))
			TH_LOG("%ld", last);
		EXPECT_TRUE(only_good(&self->p, &next));
	}
	EXPECT_TRUE(fault_all(&f));
	self->p.out.seq = next;
	EXPECT_TRUE(echoes(&self->p));
}

/* New keys come whole, or the old ones stay. */
TEST_F(nomem, new_keys)
{
	static const int directions[] = { DTLS_RX, DTLS_TX };
	struct oracle *o, next;
	struct fault f;
	int err, i;

	NEEDS_FAULTS();
	for (i = 0; i < 2; i++) {
		o = i ? &self->p.out : &self->p.in;
		EACH_FAULT(&f) {
			oracle_init(&next, variant->cipher, o->epoch + 1, 0);
			fault_begin(&f);
			err = kdtls_install(self->p.fd, directions[i], &next);
			fault_end(&f);
			EXPECT_TRUE(err == 0 || is_failure(err));
			if (!err) {
				oracle_free(o);
				*o = next;
			} else {
				oracle_free(&next);
			}
			EXPECT_TRUE(echoes(&self->p));
		}
		EXPECT_TRUE(fault_all(&f));
	}
}

/* An event is lost, the send is not. */
TEST_F(nomem, event)
{
	struct dtls_limits l = { .seal_soft = 1 };
	struct oracle *o = &self->p.out;
	uint16_t epoch = o->epoch;
	struct fault f;
	long sent;

	NEEDS_FAULTS();
	set_int(self->p.fd, SOL_DTLS, DTLS_RECV_EVENTS, 1);
	ASSERT_EQ(0, setsockopt(self->p.fd, SOL_DTLS, DTLS_LIMITS, &l,
				sizeof(l)));
	EACH_FAULT(&f) {
		oracle_free(o);
		oracle_init(o, variant->cipher, ++epoch, 0);
		ASSERT_EQ(0, kdtls_install(self->p.fd, DTLS_TX, o));
		fault_begin(&f);
		sent = RC(send(self->p.fd, "abcd", 4, 0));
		fault_end(&f);
		EXPECT_TRUE(sent == 4 || is_failure(sent)) TH_LOG("%ld", sent);
		while (poll_in(self->p.peer, 2) & POLLIN)
			rx_recv(self->p.peer, &rx, 0);
	}
	EXPECT_TRUE(fault_all(&f));
}

/* Scratch memory */

/**
 * struct holder - a sender that sleeps
 * @job: its thread
 * @p: its socket, and its keys
 * @result: what its call returned
 *
 * A call takes the scratch memory that its CPU keeps, and only one that finds it
 * taken allocates. So in each round this one has it.
 */
struct holder {
	struct job	job;
	struct pair	p;
	long		result;
};

static void *holder_main(void *arg)
{
	struct holder *h = arg;

	h->result = RC(send(h->p.fd, "held", 4, 0));
	return NULL;
}

static void hold(struct holder *h)
{
	job_start(&h->job, holder_main, h);
	job_wait_asleep(&h->job);
}

/* Returns whether it has slept until now. */
static bool let_go(struct holder *h)
{
	pthread_kill(h->job.thread, SIGUSR1);
	job_join(&h->job);
	return h->result == -EINTR;
}

/*
 * What is sent to an address that nobody has waits until the kernel gives up: not
 * within the time of a test.
 */
static bool deaf_network(void)
{
	return veth_open() &&
	       !command("echo 60000 >/proc/sys/net/ipv4/neigh/veth0/retrans_time_ms");
}

/* A socket whose send buffer is full, for good. */
static bool holder_open(struct holder *h, uint16_t cipher)
{
	struct sockaddr_storage to;
	socklen_t len = far_address(IPV4, 7777, &to);
	uint8_t data[500] = "";
	int i;

	pair_open(&h->p, IPV4, cipher);
	close(h->p.fd);
	h->p.fd = udp_socket(IPV4);
	if (connect(h->p.fd, (void *)&to, len))
		die("connect");
	set_int(h->p.fd, SOL_SOCKET, SO_SNDBUF, 1);
	pair_attach(&h->p);
	pair_install(&h->p);
	for (i = 0; i < 1000; i++)
		if (send(h->p.fd, data, sizeof(data), MSG_DONTWAIT) < 0)
			return errno == EAGAIN;
	return false;
}

static void woken(int sig)
{
	(void)sig;
}

/* From now on this thread, and those that it starts, run on one CPU. */
static void stay_here(void)
{
	struct sigaction sa = { .sa_handler = woken };
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(sched_getcpu(), &set);
	if (sched_setaffinity(0, sizeof(set), &set) ||
	    sigaction(SIGUSR1, &sa, NULL))
		die("stay_here");
}

FIXTURE(taken) {
	struct pair p;
	struct holder h;
	bool can;
};

FIXTURE_VARIANT(taken) {
	uint16_t cipher;
	enum family family;
};

VARIANTS_OF_FAMILIES(taken);

FIXTURE_SETUP(taken)
{
	self->can = faults_open();
	if (!self->can)
		SKIP(return, "no fault injection");
	self->can = deaf_network();
	if (!self->can)
		SKIP(return, "no veth");
	pair_setup(&self->p, variant->family, variant->cipher);
	stay_here();
	ASSERT_TRUE(holder_open(&self->h, variant->cipher));
}

FIXTURE_TEARDOWN(taken)
{
	if (!self->can)
		return;
	pair_close(&self->p);
	pair_close(&self->h.p);
	command("ip neigh flush dev veth0");
}

/* Each returns whether what was sent is sent or lost, and nothing else is. */

static bool send_one(struct fault *f, struct pair *p, uint64_t *next)
{
	uint8_t data[100] = "";
	uint64_t first = *next;
	long sent;

	fault_begin(f);
	sent = RC(send(p->fd, data, sizeof(data), 0));
	fault_end(f);
	if (!only_good(p, next))
		return false;
	return sent == sizeof(data) ? *next > first : is_failure(sent);
}

static bool send_one_raw(struct fault *f, struct pair *p, uint64_t *next)
{
	uint8_t wire[ORACLE_HEADER + 4];
	long sent;

	(void)next;
	oracle_header(wire, DTLS_CT_HANDSHAKE, ORACLE_VERSION, 0, 0, 4);
	memcpy(wire + ORACLE_HEADER, "abcd", 4);
	fault_begin(f);
	sent = send_raw(p->fd, wire, sizeof(wire));
	fault_end(f);
	if (sent != sizeof(wire))
		return is_failure(sent) && quiet(p->peer);
	return recv(p->peer, rx.data, sizeof(rx.data), 0) == sent &&
	       !memcmp(rx.data, wire, sent);
}

static bool recv_one(struct fault *f, struct pair *p, uint64_t *next)
{
	static uint32_t id;

	(void)next;
	return fault_recv_one(f, p, p->fd, ++id);
}

/* With the scratch memory taken there is more to fail. */
static int rounds(struct pair *p, struct holder *h,
		  bool (*round)(struct fault *f, struct pair *p,
				uint64_t *next))
{
	uint64_t next = dtls_info(p->fd).tx_seq;
	struct fault f;

	EACH_FAULT(&f) {
		if (h)
			hold(h);
		if (!round(&f, p, &next))
			return -1;
		if (h && !let_go(h))
			return -2;
	}
	p->out.seq = next;
	return fault_all(&f) ? f.hits : -3;
}

/* The first that is sent and received leaves some scratch memory. */
#define MORE_ROUNDS(round)						\
	do {								\
		int kept_, taken_;					\
									\
		EXPECT_TRUE(echoes(&self->p));				\
		kept_ = rounds(&self->p, NULL, round);			\
		taken_ = rounds(&self->p, &self->h, round);		\
		TH_LOG("%d failed, without scratch memory %d", kept_,	\
		       taken_);						\
		EXPECT_LT(0, kept_);					\
		EXPECT_LE(kept_ + 4, taken_);				\
	} while (0)

TEST_F(taken, send)
{
	NEEDS_FAULTS();
	MORE_ROUNDS(send_one);
	EXPECT_TRUE(echoes(&self->p));
}

TEST_F(taken, send_raw)
{
	NEEDS_FAULTS();
	set_int(self->p.fd, SOL_DTLS, DTLS_RECV_RAW, DTLS_RAW_EPOCH0);
	MORE_ROUNDS(send_one_raw);
	EXPECT_TRUE(echoes(&self->p));
}

TEST_F(taken, recv)
{
	NEEDS_FAULTS();
	MORE_ROUNDS(recv_one);
	EXPECT_TRUE(echoes(&self->p));
}

TEST_HARNESS_MAIN
