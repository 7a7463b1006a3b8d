/* SPDX-License-Identifier: GPL-2.0 */
/* The endpoint that most of its suites have: three members, two sessions. */
#ifndef KDTLS_SELFTESTS_MEMBERS_H
#define KDTLS_SELFTESTS_MEMBERS_H

#include "group.h"

/* The members. */
#define HELPER	0
#define ALICES	1	/* owns the session with alice */
#define BOBS	2	/* owns the session with bob */

/* Levels of an alert. */
#define WARNING	1
#define FATAL	2

/* Bytes of a record of a train, but for the last. */
#define SEGMENT	200

#define MEMBERS_FIXTURE(fixture)					\
	FIXTURE(fixture) {						\
		struct group g;						\
		struct peer alice;					\
		struct peer bob;					\
		struct peer stranger;					\
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
		peer_open(&self->stranger, &self->g);			\
		ASSERT_EQ(0, session_new(&self->g, &self->alice, ALICES)); \
		ASSERT_EQ(0, session_new(&self->g, &self->bob, BOBS));	\
		stats_read(&self->before);				\
	}								\
	FIXTURE_TEARDOWN(fixture)					\
	{								\
		peer_close(&self->alice);				\
		peer_close(&self->bob);					\
		peer_close(&self->stranger);				\
		group_close(&self->g);					\
	}								\
	struct __test_metadata

/* Datagrams that a member got for another one go there when it reads. */
long pump(int fd);
void all_with(struct group *g, int level, int option);
bool same_address(const struct rx *m, const struct peer *p);

/* A datagram of one record that nothing protects; returns its bytes. */
size_t plain_record(uint8_t *wire, uint8_t type, const void *data, size_t n);
size_t feed_plain(struct peer *p, uint8_t type);
/* A train of @count records with payloads @first, @first + 1, .. */
size_t sealed_train(struct peer *p, uint8_t *wire, int count, uint32_t first);
int feed_sealed_train(struct peer *p, int count, uint32_t first);

/* Each returns what was sent or a negative errno. */
long cmsg_to(int fd, const struct peer *p, int level, int type,
	     const void *value, size_t n, const void *data, size_t len);
long raw_to(int fd, const struct peer *p, const void *data, size_t n);
long type_to(int fd, const struct peer *p, uint8_t type, const void *data,
	     size_t n);

#endif /* KDTLS_SELFTESTS_MEMBERS_H */
