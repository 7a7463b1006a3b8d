// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Stateless cookies: HMAC-SHA256 over the peer's address and port and over what
 * its ClientHello must repeat: version, random, cipher suites and compression
 * methods (RFC 6347 section 4.2.1). The secret changes every period, and the one
 * before it stays good for one more.
 *
 * The session id is to be repeated, too, and is not looked at: clients that offer a
 * ticket make one up (RFC 5077 section 3.4), and Mbed TLS makes another one up for
 * the ClientHello with the cookie. It would never be let in.
 */
#include <netinet/in.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rand.h>

#include "cookie.h"

int kdtls_cookie_init(struct kdtls_cookie_jar *jar, u64 period, u64 now)
{
	memset(jar, 0, sizeof(*jar));
	jar->period = period ? period : KDTLS_COOKIE_PERIOD_MS;
	jar->rotated = now;
	return RAND_bytes(jar->secret[0], sizeof(jar->secret[0])) > 0 ? 0 : -EIO;
}

void kdtls_cookie_clear(struct kdtls_cookie_jar *jar)
{
	OPENSSL_cleanse(jar, sizeof(*jar));
}

static int rotate(struct kdtls_cookie_jar *jar, u64 now)
{
	u64 age = now - jar->rotated;
	u8 fresh[sizeof(jar->secret[0])];

	if (age < jar->period)
		return 0;
	if (RAND_bytes(fresh, sizeof(fresh)) <= 0)
		return -EIO;
	/* After a long silence the last secret is as old as the one before it. */
	jar->previous = age < 2 * jar->period;
	memcpy(jar->secret[1], jar->secret[0], sizeof(jar->secret[1]));
	memcpy(jar->secret[0], fresh, sizeof(jar->secret[0]));
	OPENSSL_cleanse(fresh, sizeof(fresh));
	jar->rotated = now;
	return 0;
}

/* Family, port and address, without what differs between two equal ones. */
static size_t address(const struct sockaddr *sa, u8 out[32])
{
	const struct sockaddr_in6 *in6 = (const void *)sa;
	const struct sockaddr_in *in = (const void *)sa;

	out[0] = (u8)sa->sa_family;
	if (sa->sa_family == AF_INET) {
		memcpy(out + 1, &in->sin_port, 2);
		memcpy(out + 3, &in->sin_addr, 4);
		return 7;
	}
	memcpy(out + 1, &in6->sin6_port, 2);
	memcpy(out + 3, &in6->sin6_addr, 16);
	memcpy(out + 19, &in6->sin6_scope_id, 4);
	return 23;
}

static int hmac(const u8 *secret, const struct sockaddr *peer,
		const struct kdtls_hello *hello, u8 *cookie)
{
	u8 data[32 + KDTLS_HELLO_MAX];
	size_t n = address(peer, data);

	if (hello->head_len < KDTLS_HELLO_FIXED ||
	    hello->head_len + hello->tail_len > KDTLS_HELLO_MAX)
		return -EIO;
	memcpy(data + n, hello->head, KDTLS_HELLO_FIXED);
	n += KDTLS_HELLO_FIXED;
	memcpy(data + n, hello->tail, hello->tail_len);
	n += hello->tail_len;
	return EVP_Q_mac(NULL, "HMAC", NULL, "SHA256", NULL, secret, 32,
			 data, n, cookie, KDTLS_COOKIE_LEN, NULL) ? 0 : -EIO;
}

int kdtls_cookie_make(struct kdtls_cookie_jar *jar, u64 now,
		      const struct sockaddr *peer,
		      const struct kdtls_hello *hello,
		      u8 cookie[KDTLS_COOKIE_LEN])
{
	int err = rotate(jar, now);

	return err ? err : hmac(jar->secret[0], peer, hello, cookie);
}

bool kdtls_cookie_check(struct kdtls_cookie_jar *jar, u64 now,
			const struct sockaddr *peer,
			const struct kdtls_hello *hello,
			const u8 *cookie, size_t len)
{
	u8 want[KDTLS_COOKIE_LEN];
	int i;

	if (len != sizeof(want) || rotate(jar, now))
		return false;
	for (i = 0; i < 1 + jar->previous; i++)
		if (!hmac(jar->secret[i], peer, hello, want) &&
		    !CRYPTO_memcmp(want, cookie, sizeof(want)))
			return true;
	return false;
}
