// SPDX-License-Identifier: GPL-2.0
/*
 * Measured traffic: numbered records to an echo server, and a look at what comes
 * back. A few records at a time are on their way; one that does not come back in
 * time is counted as lost.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "tool.h"

#define LOST_MS 1000

struct exchange {
	struct exchange_opts	o;
	unsigned char		*tx;		/* a train */
	unsigned char		*want;		/* one record */
	unsigned char		*seen;		/* bit n: record n came back */
	unsigned long		sent;
	unsigned long		back;
	unsigned long		lost;
	unsigned long		late;
	unsigned long		wrong;
	unsigned long		twice;
	unsigned long		refused;	/* sends that found no room */
	double			began;
	double			ended;
	double			last;
	double			cpu;
};

static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static double cpu(void)
{
	struct rusage u;

	getrusage(RUSAGE_SELF, &u);
	return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
	       (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}

/* Bytes that depend on the record's number and on their place. */
static void pattern(unsigned char *p, size_t size, uint64_t n)
{
	uint64_t x = n * 0x9e3779b97f4a7c15ULL + 1;
	size_t i;

	for (i = 0; i < size; i++) {
		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
		p[i] = (unsigned char)(x >> 24);
	}
	if (size >= sizeof(n))
		memcpy(p, &n, sizeof(n));
}

struct exchange *exchange_new(const struct exchange_opts *opts)
{
	struct exchange *x = calloc(1, sizeof(*x));

	if (!x)
		return NULL;
	x->o = *opts;
	/* Without a number in it a record can only be told by its turn. */
	if (x->o.compare && x->o.size < sizeof(uint64_t)) {
		x->o.outstanding = 1;
		x->o.train = 1;
	}
	if (x->o.train > x->o.outstanding)
		x->o.outstanding = x->o.train;
	x->tx = calloc(x->o.train, x->o.size + 1);
	x->want = calloc(1, x->o.size + 1);
	x->seen = calloc(1, x->o.count / 8 + 1);
	if (!x->tx || !x->want || !x->seen) {
		exchange_free(x);
		return NULL;
	}
	return x;
}

void exchange_free(struct exchange *x)
{
	if (!x)
		return;
	free(x->tx);
	free(x->want);
	free(x->seen);
	free(x);
}

void exchange_start(struct exchange *x)
{
	x->began = now();
	x->last = x->began;
	x->cpu = cpu();
}

/* Which record is this? Out of range if it is none of ours. */
static uint64_t number_of(struct exchange *x, const unsigned char *p, size_t len)
{
	uint64_t n;

	if (x->o.size < sizeof(n))
		return x->back + x->lost;
	if (len != x->o.size)
		return UINT64_MAX;
	memcpy(&n, p, sizeof(n));
	return n;
}

static void one_echo(struct exchange *x, const unsigned char *p, size_t len)
{
	uint64_t n;

	x->last = now();
	if (!x->o.compare) {
		x->back++;
		return;
	}
	n = number_of(x, p, len);
	if (n >= x->sent || len != x->o.size) {
		x->wrong++;
		return;
	}
	pattern(x->want, x->o.size, n);
	if (memcmp(p, x->want, x->o.size)) {
		x->wrong++;
		return;
	}
	if (x->seen[n / 8] >> n % 8 & 1) {
		x->twice++;
		return;
	}
	x->seen[n / 8] |= (unsigned char)(1 << n % 8);
	x->back++;
}

void exchange_message(struct exchange *x, const void *buf, size_t len,
		      size_t segment)
{
	const unsigned char *p = buf;
	size_t n;

	/* A benchmark does not look at each. */
	if (!x->o.compare && segment) {
		x->back += (len + segment - 1) / segment;
		x->last = now();
		return;
	}
	do {
		n = len < segment ? len : segment;
		one_echo(x, p, n);
		p += n;
		len -= n;
	} while (len);
}

static size_t prepare(struct exchange *x)
{
	unsigned long n = x->o.count - x->sent, i;
	unsigned long room = x->o.outstanding - (x->sent - x->back - x->lost);

	if (x->o.one_way)
		room = n;
	if (n > x->o.train)
		n = x->o.train;
	if (n > room)
		n = x->o.compare ? room : 0;
	for (i = 0; i < n && x->o.compare; i++)
		pattern(x->tx + i * x->o.size, x->o.size, x->sent + i);
	return n;
}

/* 1 if something went out, 0 if there is no room, -1 if it failed. */
static int send_some(struct exchange *x, struct kdtls_session *s, size_t n)
{
	ssize_t ret;

	if (n == 1)
		ret = kdtls_send(s, x->tx, x->o.size);
	else
		ret = kdtls_send_train(s, x->tx, n * x->o.size, x->o.size);
	if (ret == -EAGAIN || ret == -ENOBUFS || ret == -ECONNREFUSED) {
		x->refused++;
		return 0;
	}
	if (ret < 0) {
		complain("%s", kdtls_last_error());
		return -1;
	}
	x->sent += n == 1 ? 1 : (unsigned long)ret / x->o.size;
	return 1;
}

static void give_up_late(struct exchange *x)
{
	unsigned long out = x->sent - x->back - x->lost;

	if (x->o.one_way || !out || now() - x->last < LOST_MS / 1e3)
		return;
	x->lost += out;
	x->last = now();
}

static bool all_done(const struct exchange *x)
{
	return x->sent == x->o.count &&
	       (x->o.one_way || x->back + x->lost >= x->o.count);
}

int exchange_step(struct exchange *x, struct kdtls_session *session)
{
	int burst = 16, ret = 1;
	size_t n;

	give_up_late(x);
	while (burst-- && ret > 0 && x->sent < x->o.count && (n = prepare(x)))
		ret = send_some(x, session, n);
	if (ret < 0 || all_done(x)) {
		x->ended = now();
		x->cpu = cpu() - x->cpu;
		return -1;
	}
	if (!ret)
		return 1;
	return burst < 0 ? 0 : 100;
}

static void result_text(const struct exchange *x, double time)
{
	double rate = (double)x->sent / time;

	printf("%lu records of %lu bytes%s", x->sent, x->o.size,
	       x->o.train > 1 ? " in trains" : "");
	if (!x->o.one_way)
		printf(": %lu back%s, %lu lost", x->back,
		       x->o.compare ? " and equal" : "", x->lost);
	if (x->o.compare)
		printf(", %lu wrong, %lu twice", x->wrong, x->twice);
	printf("\n%.3f s, %.0f records/s, %.1f Mbit/s each way, %.2f us of CPU a record\n",
	       time, rate, rate * (double)x->o.size * 8 / 1e6,
	       x->sent ? x->cpu * 1e6 / (double)x->sent : 0);
}

static void result_json(const struct exchange *x, double time,
			struct kdtls_session *session)
{
	printf("{\"event\":\"result\",\"records\":%lu,\"size\":%lu,\"train\":%lu,"
	       "\"back\":%lu,\"lost\":%lu,\"wrong\":%lu,\"twice\":%lu,"
	       "\"send_retries\":%lu,\"seconds\":%.6f,\"records_per_second\":%.1f,"
	       "\"mbit_per_second\":%.3f,\"cpu_us_per_record\":%.4f",
	       x->sent, x->o.size, x->o.train, x->back, x->lost, x->wrong,
	       x->twice, x->refused, time, (double)x->sent / time,
	       (double)x->sent * (double)x->o.size * 8 / 1e6 / time,
	       x->sent ? x->cpu * 1e6 / (double)x->sent : 0);
	if (session) {
		printf(",");
		json_session(stdout, session);
	}
	printf("}\n");
}

int exchange_report(struct exchange *x, struct kdtls_session *session)
{
	double time;

	if (!x->began) {
		complain("the session ended before the first record");
		return EXIT_FAIL;
	}
	if (!x->ended) {
		x->ended = now();
		x->cpu = cpu() - x->cpu;
	}
	time = x->ended - x->began;
	if (time <= 0)
		time = 1e-9;
	if (x->o.json)
		result_json(x, time, session);
	else
		result_text(x, time);
	fflush(stdout);
	if (x->sent < x->o.count || x->wrong || x->twice)
		return EXIT_FAIL;
	return x->o.compare && x->back < x->o.count ? EXIT_FAIL : EXIT_OK;
}
