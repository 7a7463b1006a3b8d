/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The clocks. */
#ifndef KDTLS_CLOCK_H
#define KDTLS_CLOCK_H

#include <time.h>

#include <shared/types.h>

static inline u64 kdtls_ns(clockid_t clock)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	return (u64)ts.tv_sec * 1000000000 + (u64)ts.tv_nsec;
}

/* Milliseconds for deadlines. */
static inline u64 kdtls_now_ms(void)
{
	return kdtls_ns(CLOCK_MONOTONIC) / 1000000;
}

/* Nanoseconds since 1970, for people. */
static inline u64 kdtls_now_real(void)
{
	return kdtls_ns(CLOCK_REALTIME);
}

#endif /* KDTLS_CLOCK_H */
