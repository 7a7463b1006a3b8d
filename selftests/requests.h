/* SPDX-License-Identifier: GPL-2.0 */
/* An endpoint with one session, and requests about it that are refused. */
#ifndef KDTLS_SELFTESTS_REQUESTS_H
#define KDTLS_SELFTESTS_REQUESTS_H

#include "members.h"

/* Alice has a session, bob has none. */
#define NETLINK_FIXTURE(fixture)					\
	FIXTURE(fixture) {						\
		struct group g;						\
		struct peer alice;					\
		struct peer bob;					\
		struct stats before;					\
	};								\
	FIXTURE_VARIANT(fixture) {					\
		uint16_t cipher;					\
		enum family family;					\
	};								\
	VARIANTS_OF_FAMILIES(fixture);					\
	FIXTURE_SETUP(fixture)						\
	{								\
		netns_enter();						\
		group_open(&self->g, variant->family, variant->cipher, 3); \
		peer_open(&self->alice, &self->g);			\
		peer_open(&self->bob, &self->g);			\
		ASSERT_EQ(0, session_new(&self->g, &self->alice, ALICES)); \
		group_steer(&self->g, ALICES);				\
		stats_read(&self->before);				\
	}								\
	FIXTURE_TEARDOWN(fixture)					\
	{								\
		EXPECT_EQ(0, nl_leaks());				\
		peer_close(&self->alice);				\
		peer_close(&self->bob);					\
		group_close(&self->g);					\
	}								\
	struct __test_metadata

/* Refused as it should be, and told why. */
#define EXPECT_REFUSED(want, nl, call)					\
	do {								\
		EXPECT_EQ(want, call);					\
		EXPECT_TRUE(nl_said_why(nl));				\
	} while (0)

#define EXPECT_LIST_REFUSED(want, nl, call)				\
	do {								\
		EXPECT_EQ(want, call);					\
		EXPECT_TRUE(nl_said_why(nl) || !nl_lists_say_why());	\
	} while (0)

/* Each returns 0 or a negative errno. */
int call(struct group *g, struct request *r);
int by_fd(struct group *g, int fd);
int by_number(struct group *g, uint8_t cmd, uint32_t session);
int key_new(struct group *g, const struct peer *p, const struct oracle *tx,
	    const struct oracle *in);
int replace_by(struct group *g, const struct peer *p, const struct oracle *tx,
	       const struct oracle *in);
/* A session whose one further attribute @type is of @n bytes. */
int new_with(struct group *g, struct peer *p, uint16_t type, const void *data,
	     size_t n);

/**
 * struct listed - what a list had
 * @count: sessions or endpoints
 * @twice: sessions that came more than once
 * @seen: by the peer's port
 */
struct listed {
	int	count;
	int	twice;
	uint8_t	seen[65536];
};

int list(struct group *g, struct request *r, struct listed *l);
/* With one attribute, or none if @type is 0. */
int list_of(struct group *g, uint8_t cmd, uint16_t type, uint32_t value,
	    struct listed *l);

/* Any key, any number. */
void feed_by(struct peer *p, struct oracle *o, uint64_t seq, uint32_t id);

#endif /* KDTLS_SELFTESTS_REQUESTS_H */
