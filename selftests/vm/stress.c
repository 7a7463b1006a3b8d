// SPDX-License-Identifier: GPL-2.0
/*
 * Everything at once: threads that attach, install, send, receive, ask, set and
 * close without regard for each other. What is right is the other suites'
 * affair; here the kernel must not mind, and nothing may leak.
 */
#include <netinet/in.h>
#include <netinet/udp.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <signal.h>
#include <linux/sockios.h>

#include "harness.h"

#ifndef IPV6_ADDRFORM
#define IPV6_ADDRFORM	1
#endif

#define PAIRS	4
#define THREADS	6

/* Descriptors change under the threads that use them, as they do in life. */
struct arena {
	struct pair	p[PAIRS];
	int		stop;
	uint16_t	cipher;
	enum family	family;
};

struct worker {
	struct job	job;
	struct arena	*a;
	uint32_t	state;
};

/* rnd() is not for threads. */
static uint32_t draw(struct worker *w, uint32_t below)
{
	w->state = w->state * 1664525 + 1013904223;
	return (w->state >> 8) % below;
}

static void do_send(struct worker *w, int fd)
{
	uint8_t data[4000] = { 0 };
	struct cbuf c = { .len = 0 };
	uint16_t segment = 50 + draw(w, 500);

	switch (draw(w, 6)) {
	case 0:
		send_train(fd, data, draw(w, sizeof(data)), segment);
		break;
	case 1:
		send_type(fd, 21 + draw(w, 2), data, 3);
		break;
	case 2:
		send_raw(fd, data, draw(w, 100));
		break;
	case 3:
		cbuf_add(&c, SOL_SOCKET, draw(w, 80), data, draw(w, 32));
		send_cmsg(fd, data, 100, &c, MSG_DONTWAIT);
		break;
	default:
		send(fd, data, draw(w, sizeof(data)), MSG_DONTWAIT);
	}
}

static void do_recv(struct worker *w, int fd)
{
	static const int flags[] = { 0, MSG_PEEK, MSG_TRUNC, MSG_ERRQUEUE };
	uint8_t data[4000], control[256];
	struct iovec iov = { data, draw(w, sizeof(data)) };
	struct msghdr msg = {
		.msg_iov = &iov, .msg_iovlen = 1,
		.msg_control = control,
		.msg_controllen = draw(w, sizeof(control)),
	};

	recvmsg(fd, &msg, MSG_DONTWAIT | flags[draw(w, 4)]);
}

static void do_option(struct worker *w, int fd)
{
	static const struct {
		int level, name, values;
	} o[] = {
		{ SOL_DTLS, DTLS_RECV_CONTROL, 2 },
		{ SOL_DTLS, DTLS_RECV_RAW, 2 }, { SOL_UDP, UDP_GRO, 2 },
		{ SOL_UDP, UDP_SEGMENT, 1500 }, { SOL_UDP, UDP_CORK, 2 },
		{ SOL_SOCKET, SO_PEEK_OFF, 100 }, { SOL_UDP, UDP_ENCAP, 4 },
		{ SOL_SOCKET, SO_RCVBUF, 100000 },
	};
	uint32_t i = draw(w, ARRAY_LEN(o));
	int value = draw(w, o[i].values);
	struct dtls_info info;
	socklen_t len = sizeof(info);

	if (draw(w, 3))
		setsockopt(fd, o[i].level, o[i].name, &value, sizeof(value));
	else
		getsockopt(fd, SOL_DTLS, DTLS_INFO, &info, &len);
}

static void do_other(struct worker *w, int fd)
{
	struct sockaddr unspec = { .sa_family = AF_UNSPEC };
	struct pollfd pfd = { .fd = fd, .events = POLLIN | POLLOUT };
	int n;

	switch (draw(w, 8)) {
	case 0:
		connect(fd, &unspec, sizeof(unspec));
		break;
	case 1:
		ioctl(fd, SIOCINQ, &n);
		break;
	case 2:
		kdtls_attach(fd);
		break;
	case 3:
		if (!draw(w, 20))
			shutdown(fd, draw(w, 3));
		break;
	default:
		poll(&pfd, 1, 1);
	}
}

/* Take a pair away from the others' hands and put a new one there. */
static void do_renew(struct worker *w, struct pair *p)
{
	struct pair new;
	int fd = p->fd, peer = p->peer;

	pair_open(&new, w->a->family, w->a->cipher);
	set_timeout(new.fd, 50);
	/* The keys are all the same, so that they can be used without a lock. */
	oracle_free(&new.out);
	oracle_free(&new.in);
	dup2(new.fd, fd);
	dup2(new.peer, peer);
	close(new.fd);
	close(new.peer);
}

static void do_install(struct pair *p)
{
	kdtls_attach(p->fd);
	kdtls_install(p->fd, DTLS_RX, &p->in);
	kdtls_install(p->fd, DTLS_TX, &p->out);
	kdtls_attach(p->peer);
	kdtls_install(p->peer, DTLS_RX, &p->out);
	kdtls_install(p->peer, DTLS_TX, &p->in);
}

static void *worker_main(void *arg)
{
	struct worker *w = arg;

	while (!__atomic_load_n(&w->a->stop, __ATOMIC_ACQUIRE)) {
		struct pair *p = &w->a->p[draw(w, PAIRS)];
		int fd = draw(w, 2) ? p->fd : p->peer;

		switch (draw(w, 16)) {
		case 0:
			do_option(w, fd);
			break;
		case 1:
			do_other(w, fd);
			break;
		case 2:
			if (!draw(w, 10))
				do_renew(w, p);
			break;
		case 3:
			do_install(p);
			break;
		case 4 ... 9:
			do_recv(w, fd);
			break;
		default:
			do_send(w, fd);
		}
	}
	return NULL;
}

FIXTURE(stress) {
	struct arena a;
};

FIXTURE_VARIANT(stress) {
	uint16_t cipher;
	enum family family;
};

VARIANTS_OF_FAMILIES(stress);

FIXTURE_SETUP(stress)
{
	int i;

	self->a.cipher = variant->cipher;
	self->a.family = variant->family;
	for (i = 0; i < PAIRS; i++)
		pair_open(&self->a.p[i], variant->family, variant->cipher);
}

FIXTURE_TEARDOWN(stress)
{
	int i;

	for (i = 0; i < PAIRS; i++)
		pair_close(&self->a.p[i]);
}

TEST_F(stress, everything_at_once)
{
	struct worker w[THREADS];
	struct pair p;
	int i;

	for (i = 0; i < THREADS; i++) {
		w[i].a = &self->a;
		w[i].state = i * 7919 + env_long("KDTLS_SEED", 1);
		job_start(&w[i].job, worker_main, &w[i]);
	}
	sleep_ms(env_long("KDTLS_STRESS_MS", 3000));
	__atomic_store_n(&self->a.stop, 1, __ATOMIC_RELEASE);
	for (i = 0; i < THREADS; i++)
		job_join(&w[i].job);
	pair_setup(&p, variant->family, variant->cipher);
	EXPECT_TRUE(echoes(&p));
	pair_close(&p);
}

/* Processes that are killed in the middle of it. */
TEST_F(stress, killed)
{
	int turn, i, status, refs = module_unused();
	pid_t pid;

	for (turn = 0; turn < 10; turn++) {
		struct worker w[3];

		pid = fork();
		if (!pid) {
			for (i = 0; i < 3; i++) {
				w[i].a = &self->a;
				w[i].state = turn * 100 + i;
				job_start(&w[i].job, worker_main, &w[i]);
			}
			sleep_ms(WAIT_MS);
			_exit(0);
		}
		sleep_ms(100);
		kill(pid, SIGKILL);
		ASSERT_EQ(pid, waitpid(pid, &status, 0));
	}
	for (i = 0; i < PAIRS; i++) {
		close(self->a.p[i].fd);
		close(self->a.p[i].peer);
		self->a.p[i].fd = self->a.p[i].peer = -1;
	}
	EXPECT_TRUE(module_refs_become(refs));
}

/* Sockets come and go on all processors. */
struct churn {
	struct job	job;
	struct arena	*a;
	int		count;
};

static void *churn_main(void *arg)
{
	struct churn *c = arg;

	while (!__atomic_load_n(&c->a->stop, __ATOMIC_ACQUIRE)) {
		struct pair p;

		pair_setup(&p, c->a->family, c->a->cipher);
		pair_install_peer(&p);
		send(p.fd, "abcd", 4, 0);
		/* Closed with data in it every other time. */
		if (c->count++ % 2)
			recv(p.peer, &(uint32_t){ 0 }, 4, 0);
		pair_close(&p);
	}
	return NULL;
}

TEST_F(stress, coming_and_going)
{
	struct churn c[4] = { 0 };
	int i, refs = module_unused();

	for (i = 0; i < 4; i++) {
		c[i].a = &self->a;
		job_start(&c[i].job, churn_main, &c[i]);
	}
	sleep_ms(env_long("KDTLS_STRESS_MS", 3000) / 2);
	__atomic_store_n(&self->a.stop, 1, __ATOMIC_RELEASE);
	for (i = 0; i < 4; i++) {
		job_join(&c[i].job);
		EXPECT_LT(0, c[i].count);
	}
	EXPECT_TRUE(module_refs_become(refs));
}

/* IPV6_ADDRFORM takes the protocol of a socket, too. */
static void *addrform_main(void *arg)
{
	struct worker *w = arg;
	int family = AF_INET, i;

	while (!__atomic_load_n(&w->a->stop, __ATOMIC_ACQUIRE))
		for (i = 0; i < PAIRS; i++)
			setsockopt(w->a->p[i].fd, SOL_IPV6, IPV6_ADDRFORM,
				   &family, sizeof(family));
	return NULL;
}

static void *attach_main(void *arg)
{
	struct worker *w = arg;
	uint8_t data[100] = { 0 };

	while (!__atomic_load_n(&w->a->stop, __ATOMIC_ACQUIRE)) {
		struct pair *p = &w->a->p[draw(w, PAIRS)];

		do_install(p);
		send(p->fd, data, sizeof(data), MSG_DONTWAIT);
		recv(p->fd, data, sizeof(data), MSG_DONTWAIT);
		send_train(p->peer, data, sizeof(data), 40);
		do_renew(w, p);
	}
	return NULL;
}

TEST_F(stress, addrform)
{
	int i, refs = module_unused();
	struct worker w[4];

	if (variant->family != MAPPED)
		SKIP(return, "only for v4-mapped");
	for (i = 0; i < 4; i++) {
		w[i].a = &self->a;
		w[i].state = i + 1;
		job_start(&w[i].job, i % 2 ? addrform_main : attach_main,
			  &w[i]);
	}
	sleep_ms(env_long("KDTLS_STRESS_MS", 3000) / 2);
	__atomic_store_n(&self->a.stop, 1, __ATOMIC_RELEASE);
	for (i = 0; i < 4; i++)
		job_join(&w[i].job);
	for (i = 0; i < PAIRS; i++) {
		close(self->a.p[i].fd);
		close(self->a.p[i].peer);
		self->a.p[i].fd = self->a.p[i].peer = -1;
	}
	EXPECT_TRUE(module_refs_become(refs));
}

TEST_HARNESS_MAIN
