// SPDX-License-Identifier: GPL-2.0
/*
 * Every allocation of a call fails, one after the other: the call must say so,
 * nothing may be lost but what it was about, and the next one works. It takes
 * a kernel with fault injection.
 */
#include <fcntl.h>
#include <netinet/udp.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <linux/sockios.h>

#include "harness.h"

static struct rx rx;

static bool put_text(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	bool ok = fd >= 0 && write(fd, text, strlen(text)) > 0;

	if (fd >= 0)
		close(fd);
	return ok;
}

/* The kernel's default spares those that may wait, which are most. */
static bool can_inject(void)
{
	/* What is told of each would be taken for a fault of the kernel. */
	put_text("/sys/kernel/debug/fail_usercopy/verbose", "0");
	return put_text("/sys/kernel/debug/failslab/ignore-gfp-wait", "N") &&
	       put_text("/sys/kernel/debug/fail_page_alloc/ignore-gfp-wait",
			"N") &&
	       put_text("/sys/kernel/debug/fail_page_alloc/min-order", "0") &&
	       put_text("/sys/kernel/debug/failslab/verbose", "0") &&
	       put_text("/sys/kernel/debug/fail_page_alloc/verbose", "0") &&
	       put_text("/sys/kernel/debug/fail_usercopy/verbose", "0") &&
	       access("/proc/thread-self/fail-nth", W_OK) == 0;
}

static int nth_fd = -1;

/* The @n-th allocation, or copy from or to user space, from now on fails. */
static void fail_nth(int n)
{
	char text[16];
	int tries = 2;

	if (nth_fd < 0)
		nth_fd = open("/proc/thread-self/fail-nth", O_RDWR | O_CLOEXEC);
	snprintf(text, sizeof(text), "%d", n);
	/* What is left of the last time may hit this call, but only once. */
	while (pwrite(nth_fd, text, strlen(text), 0) < 0)
		if (!tries--)
			die("fail-nth");
}

/* Was it reached? Switches it off, too. */
static bool failed(void)
{
	char text[16] = "";
	bool reached = pread(nth_fd, text, sizeof(text) - 1, 0) > 0 &&
		       atoi(text) == 0;

	fail_nth(0);
	return reached;
}

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
	self->can = can_inject();
	pair_setup(&self->p, variant->family, variant->cipher);
	if (!self->can)
		SKIP(return, "no fault injection");
}

FIXTURE_TEARDOWN(nomem)
{
	pair_close(&self->p);
}

#define NEEDS_FAULTS()							\
	do {								\
		if (!self->can)						\
			return;						\
	} while (0)

/* What a call may say. Copies from and to user space are made to fail, too. */
static bool is_failure(long err)
{
	return err == -ENOMEM || err == -ENOBUFS || err == -EFAULT;
}

/* A reader may also find nothing, if what there was had to be dropped. */
static bool is_recv_failure(long err)
{
	return is_failure(err) || err == -EAGAIN;
}

/* Each allocation of the call; no call makes that many. */
#define EACH_FAULT(n)	for (n = 1; n < 200; n++)

TEST_F(nomem, attach)
{
	bool again = true;
	int n, err, fd;

	NEEDS_FAULTS();
	EACH_FAULT(n) {
		fd = udp_socket(variant->family);
		fail_nth(n);
		err = kdtls_attach(fd);
		again = failed();
		EXPECT_TRUE(err == 0 || is_failure(err));
		if (err)
			EXPECT_EQ(0, kdtls_attach(fd));
		close(fd);
		if (!again)
			break;
	}
	EXPECT_FALSE(again);
	EXPECT_LT(1, n);
}

TEST_F(nomem, install)
{
	static const int directions[] = { DTLS_RX, DTLS_TX };
	int n, err, i;
	bool again;

	NEEDS_FAULTS();
	for (i = 0; i < 2; i++) {
		EACH_FAULT(n) {
			struct pair p;

			pair_open(&p, variant->family, variant->cipher);
			pair_attach(&p);
			fail_nth(n);
			err = kdtls_install(p.fd, directions[i], &p.in);
			again = failed();
			EXPECT_TRUE(err == 0 || is_failure(err))
				TH_LOG("%d", err);
			EXPECT_EQ(err ? 0 : -EKEYREJECTED,
				  kdtls_install(p.fd, directions[i], &p.in));
			pair_close(&p);
			if (!again)
				break;
		}
		EXPECT_FALSE(again);
		EXPECT_LT(1, n);
	}
}

/* All that arrives opens, and no number comes twice. */
static bool only_good(struct pair *p, uint64_t *next)
{
	struct record r;

	while (poll_in(p->peer, 2) & POLLIN) {
		if (take(p, &r) || r.seq < *next)
			return false;
		*next = r.seq + 1;
	}
	return true;
}

TEST_F(nomem, send)
{
	uint64_t next = self->p.out.seq;
	uint8_t data[3000];
	bool again = true;
	long sent;
	int n;

	NEEDS_FAULTS();
	payload(data, sizeof(data), 1);
	EACH_FAULT(n) {
		fail_nth(n);
		sent = RC(send(self->p.fd, data, sizeof(data), 0));
		again = failed();
		EXPECT_TRUE(sent == sizeof(data) || is_failure(sent))
			TH_LOG("%ld", sent);
		EXPECT_TRUE(only_good(&self->p, &next));
		if (!again)
			break;
	}
	EXPECT_FALSE(again);
	self->p.out.seq = next;
	EXPECT_TRUE(echoes(&self->p));
}

TEST_F(nomem, send_a_train)
{
	uint64_t next = self->p.out.seq;
	static uint8_t data[40000];
	bool again = true;
	long sent;
	int n;

	NEEDS_FAULTS();
	set_int(self->p.fd, SOL_UDP, UDP_SEGMENT, 1200);
	EACH_FAULT(n) {
		fail_nth(n);
		sent = RC(send(self->p.fd, data, sizeof(data), 0));
		again = failed();
		EXPECT_TRUE(sent == sizeof(data) || is_failure(sent))
			TH_LOG("%ld", sent);
		EXPECT_TRUE(only_good(&self->p, &next));
		if (!again)
			break;
	}
	EXPECT_FALSE(again);
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
	static const int flags[] = { MSG_DONTWAIT, MSG_DONTWAIT | MSG_PEEK };
	uint32_t id = 1, next = 1;
	bool again;
	long got;
	int n, i;

	NEEDS_FAULTS();
	for (i = 0; i < 2; i++) {
		EACH_FAULT(n) {
			feed_bundle(&self->p, 4, id);
			id += 4;
			fail_nth(n);
			got = rx_recv(self->p.fd, &rx, flags[i]);
			again = failed();
			EXPECT_TRUE(got == 100 || is_recv_failure(got))
				TH_LOG("%ld", got);
			/* The first of them may have been dropped. */
			if (got == 100) {
				next = payload_id(rx.data, 100) + !i;
				EXPECT_LE(id - 4, next);
			}
			EXPECT_TRUE(good_rest(&self->p, &next, id));
			if (!again)
				break;
		}
		EXPECT_FALSE(again);
	}
	EXPECT_TRUE(echoes(&self->p));
}

TEST_F(nomem, siocinq)
{
	uint32_t id = 1, next = 1;
	bool again = true;
	int n, len;
	long got;

	NEEDS_FAULTS();
	EACH_FAULT(n) {
		feed_bundle(&self->p, 4, id);
		id += 4;
		fail_nth(n);
		len = -1;
		got = RC(ioctl(self->p.fd, SIOCINQ, &len));
		again = failed();
		EXPECT_TRUE(is_failure(got) || len == 100 || len == 0);
		EXPECT_TRUE(good_rest(&self->p, &next, id));
		if (!again)
			break;
	}
	EXPECT_FALSE(again);
	EXPECT_TRUE(echoes(&self->p));
}

TEST_F(nomem, recv_a_train)
{
	size_t one = 100 + oracle_overhead(&self->p.in), len;
	uint8_t wire[4096], data[100];
	bool again = true;
	long got;
	int n, i;

	NEEDS_FAULTS();
	set_int(self->p.fd, SOL_UDP, UDP_GRO, 1);
	EACH_FAULT(n) {
		for (i = 0, len = 0; i < 8; i++) {
			payload(data, sizeof(data), i);
			len += oracle_seal(&self->p.in,
					   DTLS_CT_APPLICATION_DATA, data, 100,
					   wire + len);
		}
		ASSERT_EQ(0, feed_train(&self->p, wire, len, one));
		fail_nth(n);
		got = rx_recv(self->p.fd, &rx, MSG_DONTWAIT);
		again = failed();
		EXPECT_TRUE(got == 800 || is_recv_failure(got))
			TH_LOG("%ld", got);
		/* What failed may be there still, but only whole. */
		while (rx_recv(self->p.fd, &rx, MSG_DONTWAIT) >= 0)
			EXPECT_EQ(800, rx.len);
		if (!again)
			break;
	}
	EXPECT_FALSE(again);
	EXPECT_TRUE(echoes(&self->p));
}

TEST_F(nomem, close_notify)
{
	bool again = true;
	long got;
	int n;

	NEEDS_FAULTS();
	EACH_FAULT(n) {
		struct pair p;

		pair_setup(&p, variant->family, variant->cipher);
		feed_alert(&p, 1, 0);
		fail_nth(n);
		got = rx_recv(p.fd, &rx, MSG_DONTWAIT);
		again = failed();
		EXPECT_TRUE(got == 0 || is_recv_failure(got))
			TH_LOG("%ld", got);
		pair_close(&p);
		if (!again)
			break;
	}
	EXPECT_FALSE(again);
}

/* A piece of a message that fails takes the whole message along. */
TEST_F(nomem, corked)
{
	uint64_t next = self->p.out.seq;
	uint8_t data[3000];
	bool again = true;
	long first, last;
	int n;

	NEEDS_FAULTS();
	EACH_FAULT(n) {
		fail_nth(n);
		first = RC(send(self->p.fd, data, sizeof(data), MSG_MORE));
		last = RC(send(self->p.fd, data, sizeof(data), 0));
		again = failed();
		EXPECT_TRUE(first == sizeof(data) || is_failure(first))
			TH_LOG("%ld", first);
		EXPECT_TRUE(last == sizeof(data) || is_failure(last))
			TH_LOG("%ld", last);
		EXPECT_TRUE(only_good(&self->p, &next));
		if (!again)
			break;
	}
	EXPECT_FALSE(again);
	self->p.out.seq = next;
	EXPECT_TRUE(echoes(&self->p));
}

/* New keys come whole, or the old ones stay. */
TEST_F(nomem, new_keys)
{
	static const int directions[] = { DTLS_RX, DTLS_TX };
	struct oracle *o, next;
	bool again;
	int n, err, i;

	NEEDS_FAULTS();
	for (i = 0; i < 2; i++) {
		o = i ? &self->p.out : &self->p.in;
		EACH_FAULT(n) {
			oracle_init(&next, variant->cipher, o->epoch + 1, 0);
			fail_nth(n);
			err = kdtls_install(self->p.fd, directions[i], &next);
			again = failed();
			EXPECT_TRUE(err == 0 || is_failure(err));
			if (!err) {
				oracle_free(o);
				*o = next;
			} else {
				oracle_free(&next);
			}
			EXPECT_TRUE(echoes(&self->p));
			if (!again)
				break;
		}
		EXPECT_FALSE(again);
	}
}

/* An event is lost, the send is not. */
TEST_F(nomem, event)
{
	struct dtls_limits l = { .seal_soft = 1 };
	struct oracle *o = &self->p.out;
	uint16_t epoch = o->epoch;
	bool again = true;
	long sent;
	int n;

	NEEDS_FAULTS();
	set_int(self->p.fd, SOL_DTLS, DTLS_RECV_EVENTS, 1);
	ASSERT_EQ(0, setsockopt(self->p.fd, SOL_DTLS, DTLS_LIMITS, &l,
				sizeof(l)));
	EACH_FAULT(n) {
		oracle_free(o);
		oracle_init(o, variant->cipher, ++epoch, 0);
		ASSERT_EQ(0, kdtls_install(self->p.fd, DTLS_TX, o));
		fail_nth(n);
		sent = RC(send(self->p.fd, "abcd", 4, 0));
		again = failed();
		EXPECT_TRUE(sent == 4 || is_failure(sent)) TH_LOG("%ld", sent);
		while (poll_in(self->p.peer, 2) & POLLIN)
			rx_recv(self->p.peer, &rx, 0);
		if (!again)
			break;
	}
	EXPECT_FALSE(again);
}

TEST_HARNESS_MAIN
