/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Comparison with plain UDP: a test is a sequence of calls that writes down what
 * it sees. It runs twice, on a plain socket and on one that kdtls has, and must
 * see the same.
 */
#ifndef KDTLS_SELFTESTS_TWIN_H
#define KDTLS_SELFTESTS_TWIN_H

#include "util.h"

/**
 * struct twin - one of the two
 * @p: its sockets
 * @kdtls: it is the one that kdtls has
 * @text: what was seen
 * @at: length of @text
 */
struct twin {
	struct pair	p;
	bool		kdtls;
	char		text[8192];
	size_t		at;
};

typedef void (*sequence)(struct twin *t);

/*
 * Run @seq on both. They must see the same, and @must among it, if that is not
 * NULL. Else what both have seen is printed.
 */
bool as_udp(sequence seq, enum family family, uint16_t cipher,
	    const char *must);

void say(struct twin *t, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
/* A call's result: bytes, or the name of the errno. */
void say_rc(struct twin *t, const char *what, long rc);

/* @fd receives a datagram with @n bytes of payload. */
void give(struct twin *t, size_t n, uint32_t id);
/* The payload that makes a datagram of @n bytes. */
size_t fitting(const struct twin *t, size_t n);
/* Send payload @id from @fd; returns what send() does. */
long put_id(struct twin *t, size_t n, uint32_t id, int flags);
/* The number of the payload that the peer gets next, or a negative errno. */
long got_id(struct twin *t);
/* Receive on @fd and write down what comes: its number and length. */
void say_recv(struct twin *t, int flags);
/* What poll() tells at once. */
void say_poll(struct twin *t);
/* An option of level SOL_IP or SOL_IPV6, whichever @fd's datagrams have. */
void set_ip(const struct twin *t, int fd, int ip, int ip6, int value);
int get_int(int fd, int level, int option);

/*
 * Beyond the loopback: a pair of devices veth0 and veth1, the addresses on this
 * side and one on the other, which nobody has until somebody takes it.
 */
#define NEAR4		"10.9.0.1"
#define FAR4		"10.9.0.2"
#define NEAR6		"fd09::1"
#define FAR6		"fd09::2"

/* Run a command of iproute2: 0, or something else. */
int command(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/*
 * Enter a new namespace that has both devices; false if there are no such
 * devices.
 */
bool veth_open(void);
/* The same with veth1, FAR4 and FAR6 in a namespace of their own: @far. */
bool veth_open_far(int *far);
socklen_t far_address(enum family family, uint16_t port,
		      struct sockaddr_storage *addr);
socklen_t near_address(enum family family, uint16_t port,
		       struct sockaddr_storage *addr);
/* New sockets, of which the peer takes what comes from any address. */
void twin_to_any(struct twin *t);
/* Put a new socket at @fd's place that is connected to the far address. */
void twin_to_far(struct twin *t, uint16_t port);
/* And a peer there that listens in the namespace @far. */
void twin_over_veth(struct twin *t, int far);
/* Is it that kdtls has it? Then attach and install. */
void twin_install(struct twin *t);

/* A suite whose tests compare. */
#define TWIN_FIXTURE(fixture, variants)					\
	FIXTURE(fixture) {						\
		int nothing;						\
	};								\
	FIXTURE_VARIANT(fixture) {					\
		uint16_t cipher;					\
		enum family family;					\
	};								\
	variants(fixture);						\
	FIXTURE_SETUP(fixture)						\
	{								\
	}								\
	FIXTURE_TEARDOWN(fixture)					\
	{								\
	}								\
	struct fixture##_needs_a_semicolon

#define AS_UDP(seq, must)						\
	EXPECT_TRUE(as_udp(seq, variant->family, variant->cipher, must))

#endif /* KDTLS_SELFTESTS_TWIN_H */
