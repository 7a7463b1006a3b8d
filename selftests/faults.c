// SPDX-License-Identifier: GPL-2.0
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "faults.h"
#include "knobs.h"

/* The kernel's two kinds of allocations. */
#define SLAB	"/sys/kernel/debug/failslab/"
#define PAGE	"/sys/kernel/debug/fail_page_alloc/"

/* Once the rest fails, so many do: a kernel that tries for ever must end, too. */
#define REST	"1000"

static int nth_fd = -1;
static int rest_fd = -1;

/* The kernel's default spares those that may wait, which are most. */
static bool spare_none(void)
{
	return knob_set(SLAB "ignore-gfp-wait", "N") &&
	       knob_set(PAGE "ignore-gfp-wait", "N") &&
	       knob_set(PAGE "min-order", "0");
}

/* What is told of each would be taken for a fault of the kernel. */
static bool tell_nothing(void)
{
	return knob_set(SLAB "verbose", "0") && knob_set(PAGE "verbose", "0") &&
	       knob_set("/sys/kernel/debug/fail_usercopy/verbose", "0");
}

/* Where no number says which one fails, all do of the thread that asks for it. */
static bool fail_who_asks(void)
{
	return knob_set(SLAB "task-filter", "Y") &&
	       knob_set(PAGE "task-filter", "Y") &&
	       knob_set(SLAB "probability", "100") &&
	       knob_set(PAGE "probability", "100");
}

bool faults_open(void)
{
	if (!spare_none() || !tell_nothing() || !fail_who_asks())
		return false;
	nth_fd = open("/proc/thread-self/fail-nth", O_RDWR | O_CLOEXEC);
	rest_fd = open("/proc/thread-self/make-it-fail", O_RDWR | O_CLOEXEC);
	return nth_fd >= 0 && rest_fd >= 0;
}

static void put_number(int fd, int n)
{
	char text[16];
	int tries = 2;

	snprintf(text, sizeof(text), "%d", n);
	/* What is left of the last time may hit this call, but only once. */
	while (pwrite(fd, text, strlen(text), 0) < 0)
		if (!tries--)
			die("fault injection");
}

bool fault_next(struct fault *f)
{
	if (f->n && !f->hit) {
		if (f->rest)
			return false;
		f->rest = true;
		f->n = 0;
	}
	f->hits += f->hit;
	return ++f->n < FAULT_END;
}

/* Until the number is there nothing must be allocated. */
void fault_begin(const struct fault *f)
{
	if (f->rest) {
		if (!knob_set(SLAB "times", REST) ||
		    !knob_set(PAGE "times", REST))
			die("fault injection");
		put_number(rest_fd, 1);
	}
	put_number(nth_fd, f->n);
}

void fault_end(struct fault *f)
{
	char text[16] = "";

	f->hit = pread(nth_fd, text, sizeof(text) - 1, 0) > 0 &&
		 atoi(text) == 0;
	put_number(nth_fd, 0);
	if (f->rest)
		put_number(rest_fd, 0);
}

bool fault_all(const struct fault *f)
{
	return f->rest && f->hits && f->n < FAULT_END;
}

long fault_recv(struct fault *f, int fd, struct rx *rx, int flags)
{
	long len;

	settle();
	fault_begin(f);
	len = rx_call(fd, rx, flags | MSG_DONTWAIT);
	fault_end(f);
	return len;
}

bool fault_recv_one(struct fault *f, struct pair *p, int fd, uint32_t id)
{
	uint64_t drops = stats_get("RxDropNomem"), seq = p->in.seq;
	static struct rx rx;
	long err, got;

	feed_id(p, 100, id);
	err = got = fault_recv(f, fd, &rx, 0);
	/* It may be in the queue still. */
	if (err < 0)
		got = rx_recv(fd, &rx, MSG_DONTWAIT);
	drops = stats_get("RxDropNomem") - drops;
	if (drops == 1 && is_recv_failure(err) && got == -EAGAIN) {
		feed_seq(p, seq, 100, id);
		got = rx_recv(fd, &rx, 0);
	} else if (drops || (err < 0 && err != -EFAULT)) {
		return false;
	}
	return got == 100 ? payload_id(rx.data, 100) == id :
			    err == -EFAULT && got == -EAGAIN;
}

void gauges_read(struct gauges *g)
{
	g->tx = stats_get("CurrTx");
	g->rx = stats_get("CurrRx");
	g->endpoints = stats_get("CurrEndpoints");
	g->sessions = stats_get("CurrSessions");
}

bool gauges_same(const struct gauges *then)
{
	struct gauges now;

	gauges_read(&now);
	return !memcmp(&now, then, sizeof(now));
}

bool is_failure(long err)
{
	return err == -ENOMEM || err == -ENOBUFS || err == -EFAULT;
}

bool is_recv_failure(long err)
{
	return is_failure(err) || err == -EAGAIN;
}

bool only_good(struct pair *p, uint64_t *next)
{
	struct record r;

	while (poll_in(p->peer, 2) & POLLIN) {
		if (take(p, &r) || r.seq < *next)
			return false;
		*next = r.seq + 1;
	}
	return true;
}
