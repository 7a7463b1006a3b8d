/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Stateless cookies (RFC 6347 section 4.2.1). */
#ifndef KDTLS_COOKIE_H
#define KDTLS_COOKIE_H

#include <sys/socket.h>

#include <shared/types.h>

#include "hello.h"

#define KDTLS_COOKIE_LEN	32
#define KDTLS_COOKIE_PERIOD_MS	60000

/**
 * struct kdtls_cookie_jar - the secrets behind an endpoint's cookies
 * @secret: the present one, and the one before it
 * @previous: there is one before it that still counts
 * @rotated: monotonic milliseconds when @secret[0] was made
 * @period: how long a secret makes cookies; it is good for two of these
 */
struct kdtls_cookie_jar {
	u8	secret[2][32];
	bool	previous;
	u64	rotated;
	u64	period;
};

/* 0, or -EIO if there is no randomness. */
int kdtls_cookie_init(struct kdtls_cookie_jar *jar, u64 period, u64 now);

void kdtls_cookie_clear(struct kdtls_cookie_jar *jar);

/* The cookie for a ClientHello from an address. 0 or -EIO. */
int kdtls_cookie_make(struct kdtls_cookie_jar *jar, u64 now,
		      const struct sockaddr *peer,
		      const struct kdtls_hello *hello,
		      u8 cookie[KDTLS_COOKIE_LEN]);

/* Did we make this cookie for this ClientHello from this address, lately? */
bool kdtls_cookie_check(struct kdtls_cookie_jar *jar, u64 now,
			const struct sockaddr *peer,
			const struct kdtls_hello *hello,
			const u8 *cookie, size_t len);

#endif /* KDTLS_COOKIE_H */
