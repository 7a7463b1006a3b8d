// SPDX-License-Identifier: GPL-2.0
/*
 * Ciphers that finish later, on another thread: cryptd around the kernel's best, or
 * pcrypt where that does not become the best itself. cryptd's queue holds one
 * request here (see run-guest), so that callers also meet EBUSY, which means the
 * same but with a detour by the backlog.
 *
 * Before 6.3 cryptd does not leave requests as they were, and the kernel's own
 * self-test refuses it with a splat.
 */
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <sys/utsname.h>
#include <linux/if_alg.h>

#include "harness.h"

static const char *algorithm(uint16_t cipher)
{
	switch (cipher) {
	case GCM128:
	case GCM256:
		return "gcm(aes)";
	case CHACHA:
		return "rfc7539(chacha20,poly1305)";
	}
	return "ccm(aes)";
}

struct driver {
	char	name[128];
	int	priority;
	int	users;
};

/* What the kernel takes when it is asked for the algorithm. */
static struct driver best_driver(uint16_t cipher)
{
	struct driver best = { .priority = -1 }, d = { 0 };
	FILE *f = fopen("/proc/crypto", "re");
	char line[256], name[128] = "";

	while (f && fgets(line, sizeof(line), f)) {
		if (sscanf(line, "name : %127s", name) == 1 ||
		    sscanf(line, "driver : %127s", d.name) == 1 ||
		    sscanf(line, "priority : %d", &d.priority) == 1)
			continue;
		if (sscanf(line, "refcnt : %d", &d.users) == 1 &&
		    strcmp(name, algorithm(cipher)) == 0 &&
		    d.priority > best.priority)
			best = d;
	}
	if (f)
		fclose(f);
	return best;
}

static bool is_async(const struct driver *d)
{
	return strncmp(d->name, "cryptd(", 7) == 0 ||
	       strncmp(d->name, "pcrypt(", 7) == 0;
}

/* The kernel makes the wrapper when somebody asks for it. */
static struct driver wrap(uint16_t cipher, const char *with, const char *what)
{
	struct sockaddr_alg sa = { .salg_family = AF_ALG, .salg_type = "aead" };
	int fd = socket(AF_ALG, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

	snprintf((char *)sa.salg_name, sizeof(sa.salg_name), "%s(%s)", with,
		 what);
	/* The name it gets is another one, so this may fail and have worked. */
	if (fd >= 0 && bind(fd, (void *)&sa, sizeof(sa)) < 0)
		errno = 0;
	close(fd);
	return best_driver(cipher);
}

/* Newer kernels let user space name only few algorithms, unless told. */
static void lift_restriction(void)
{
	int fd = open("/proc/sys/crypto/af_alg_restrict", O_WRONLY | O_CLOEXEC);

	if (fd < 0)
		return;
	if (write(fd, "0", 1) != 1)
		die("af_alg_restrict");
	close(fd);
}

static bool cryptd_is_good(void)
{
	struct utsname u;
	int major = 0, minor = 0;

	if (uname(&u) || sscanf(u.release, "%d.%d", &major, &minor) != 2)
		return false;
	return major > 6 || (major == 6 && minor >= 3);
}

/* Whoever asks for the algorithm after this gets an asynchronous one. */
static struct driver make_async(uint16_t cipher)
{
	struct driver d = best_driver(cipher);
	char inner[128];

	lift_restriction();
	if (!is_async(&d) && cryptd_is_good())
		d = wrap(cipher, "cryptd", algorithm(cipher));
	if (!is_async(&d)) {
		strcpy(inner, d.name);
		d = wrap(cipher, "pcrypt", inner);
	}
	return d;
}

/*
 * Threads that wait for a cipher overtake each other by far. With the default
 * window some of their records would be too old.
 */
static void install_wide(int fd, const struct oracle *out,
			 const struct oracle *in)
{
	union crypto_info ci;
	socklen_t len = crypto_info(&ci, DTLS_RX, in);

	ci.info.window = DTLS_WINDOW_MAX;
	if (setsockopt(fd, SOL_DTLS, DTLS_RX, &ci, len) ||
	    kdtls_install(fd, DTLS_TX, out))
		die("install");
}

static void setup_wide(struct pair *p, enum family family, uint16_t cipher)
{
	pair_open(p, family, cipher);
	pair_attach(p);
	if (kdtls_attach(p->peer))
		die("attach");
	install_wide(p->fd, &p->out, &p->in);
	install_wide(p->peer, &p->in, &p->out);
}

FIXTURE(async) {
	struct pair p;
	struct driver before;
	bool can;
};

FIXTURE_VARIANT(async) {
	uint16_t cipher;
	enum family family;
};

VARIANTS_OF_CIPHERS(async);

FIXTURE_SETUP(async)
{
	struct pair first;

	/* An algorithm is there only once somebody has asked for it. */
	pair_setup(&first, variant->family, variant->cipher);
	pair_close(&first);
	self->before = make_async(variant->cipher);
	self->can = is_async(&self->before);
	if (!self->can)
		SKIP(return, "no cryptd or pcrypt");
	setup_wide(&self->p, variant->family, variant->cipher);
}

FIXTURE_TEARDOWN(async)
{
	if (self->can)
		pair_close(&self->p);
}

#define NEEDS_ASYNC()							\
	do {								\
		if (!self->can)					\
			return;						\
	} while (0)

/* Both ends' keys, both ways. */
TEST_F(async, is_in_use)
{
	NEEDS_ASYNC();
	TH_LOG("%s", self->before.name);
	EXPECT_EQ(self->before.users + 4, best_driver(variant->cipher).users);
}

static bool goes_through(int from, int to, size_t n, uint32_t id)
{
	static uint8_t data[16384];

	payload(data, n, id);
	if (send(from, data, n, 0) != (ssize_t)n ||
	    recv(to, data, sizeof(data), 0) != (ssize_t)n)
		return false;
	return payload_id(data, n) == id;
}

TEST_F(async, sizes)
{
	static const size_t sizes[] = { 8, 15, 16, 17, 1350, 5000, 16384 };
	size_t i;

	NEEDS_ASYNC();
	for (i = 0; i < ARRAY_LEN(sizes); i++) {
		EXPECT_TRUE(goes_through(self->p.fd, self->p.peer, sizes[i], i));
		EXPECT_TRUE(goes_through(self->p.peer, self->p.fd, sizes[i], i));
	}
}

TEST_F(async, trains)
{
	uint8_t data[12000];
	int i;

	NEEDS_ASYNC();
	set_int(self->p.peer, SOL_UDP, UDP_GRO, 1);
	train_payload(data, 10, 1200, 700, 0);
	for (i = 0; i < 3; i++) {
		ASSERT_EQ(11500, send_train(self->p.fd, data, 11500, 1200));
		EXPECT_STREQ("0 1 2 3 4 5 6 7 8 9", recv_ids(self->p.peer, 10));
	}
}

TEST_F(async, bad_records)
{
	struct oracle forger;
	uint8_t wire[200];
	struct pair p;

	NEEDS_ASYNC();
	pair_setup(&p, variant->family, variant->cipher);
	oracle_init(&forger, variant->cipher, 1, p.in.seq);
	feed_raw(&p, wire, oracle_seal(&forger, 23, "forged", 6, wire));
	feed_id(&p, 100, 1);
	EXPECT_STREQ("1", recv_ids(p.fd, 1));
	EXPECT_EQ(1, dtls_info(p.fd).rx_failures);
	EXPECT_TRUE(echoes(&p));
	oracle_free(&forger);
	pair_close(&p);
}

/* Many threads at once on one session. */

#define SENDERS		8
#define RECORDS		100

struct sender {
	struct job	job;
	int		fd;
	int		first;
	bool		until_closed;
};

static void *sender(void *arg)
{
	struct sender *s = arg;
	uint8_t data[100];
	long n;
	int i;

	for (i = 0; i < RECORDS; i++) {
		payload(data, sizeof(data), s->first + i);
		n = RC(send(s->fd, data, sizeof(data), 0));
		if (n == -EBADF && s->until_closed)
			break;
		if (n != sizeof(data))
			return "send";
	}
	return NULL;
}

static void start_senders(struct sender *s, int fd, bool until_closed)
{
	int i;

	for (i = 0; i < SENDERS; i++) {
		s[i] = (struct sender){ .fd = fd, .first = i * RECORDS,
					.until_closed = until_closed };
		job_start(&s[i].job, sender, &s[i]);
	}
}

/* Each arrives once. */
static int receive_each(int fd, int count)
{
	bool seen[SENDERS * RECORDS] = { 0 };
	uint8_t data[200];
	long id;
	int i;

	for (i = 0; i < count; i++) {
		if (recv(fd, data, sizeof(data), 0) != 100)
			return i;
		id = payload_id(data, 100);
		if (id < 0 || id >= SENDERS * RECORDS || seen[id])
			return -1;
		seen[id] = true;
	}
	return count;
}

TEST_F(async, threads)
{
	struct sender s[SENDERS];
	int i;

	NEEDS_ASYNC();
	set_int(self->p.peer, SOL_SOCKET, SO_RCVBUFFORCE, 4 << 20);
	start_senders(s, self->p.fd, false);
	EXPECT_EQ(SENDERS * RECORDS, receive_each(self->p.peer,
						  SENDERS * RECORDS));
	for (i = 0; i < SENDERS; i++)
		EXPECT_EQ(NULL, job_join(&s[i].job));
	EXPECT_EQ(0, dtls_info(self->p.peer).rx_bad);
}

/* New keys while the old ones are at work. */
TEST_F(async, new_keys)
{
	struct sender s[SENDERS];
	union crypto_info ci;
	struct oracle keys;
	socklen_t len;
	int i;

	NEEDS_ASYNC();
	set_int(self->p.peer, SOL_SOCKET, SO_RCVBUFFORCE, 4 << 20);
	start_senders(s, self->p.fd, false);
	oracle_init(&keys, variant->cipher, 2, 0);
	len = crypto_info(&ci, DTLS_RX, &keys);
	ci.info.window = DTLS_WINDOW_MAX;
	EXPECT_EQ(0, setsockopt(self->p.peer, SOL_DTLS, DTLS_RX, &ci, len));
	EXPECT_EQ(0, kdtls_install(self->p.fd, DTLS_TX, &keys));
	EXPECT_EQ(SENDERS * RECORDS, receive_each(self->p.peer,
						  SENDERS * RECORDS));
	for (i = 0; i < SENDERS; i++)
		EXPECT_EQ(NULL, job_join(&s[i].job));
	oracle_free(&keys);
}

/* Closed while requests are under way. */
TEST_F(async, close)
{
	struct sender s[SENDERS];
	struct pair p;
	int i, round;

	NEEDS_ASYNC();
	for (round = 0; round < 10; round++) {
		pair_setup(&p, variant->family, variant->cipher);
		start_senders(s, p.fd, true);
		if (round % 2)
			sched_yield();
		close(p.fd);
		for (i = 0; i < SENDERS; i++)
			EXPECT_EQ(NULL, job_join(&s[i].job));
		p.fd = -1;
		pair_close(&p);
	}
}

TEST_HARNESS_MAIN
