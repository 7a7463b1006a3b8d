/* SPDX-License-Identifier: GPL-2.0 */
/* Calls whose allocations are made to fail. It takes a kernel with fault injection. */
#ifndef KDTLS_SELFTESTS_FAULTS_H
#define KDTLS_SELFTESTS_FAULTS_H

#include "util.h"

/**
 * struct fault - which allocation of a call fails
 * @n: its number, from 1; copies from and to user space count as well
 * @rest: whether all behind it fail, too, which is when memory is really short:
 *	what goes on with less after the first failure does not then
 * @hit: whether the last call had so many
 * @hits: how many calls had, in all
 */
struct fault {
	int	n;
	bool	rest;
	bool	hit;
	int	hits;
};

/* No call makes that many. */
#define FAULT_END	400

/*
 * What fails is up to @f: each allocation alone, then each with the rest, until
 * there are no more. A round is one call, between fault_begin() and fault_end().
 */
#define EACH_FAULT(f)	for (*(f) = (struct fault){ 0 }; fault_next(f);)

/* In a fixture with a member "can": nothing to do without. */
#define NEEDS_FAULTS()							\
	do {								\
		if (!self->can)						\
			return;						\
	} while (0)

/* Can they be made to fail? To be called by the thread that will call. */
bool faults_open(void);
bool fault_next(struct fault *f);
void fault_begin(const struct fault *f);
void fault_end(struct fault *f);
/* Did each fail that there is, and was there any? */
bool fault_all(const struct fault *f);

/* A round that receives what is there already, with @flags and MSG_DONTWAIT. */
long fault_recv(struct fault *f, int fd, struct rx *rx, int flags);

/*
 * A round in which a record from @p->peer is received by @fd: it comes, or it is
 * dropped and counted and comes when it is sent again, or the copy to user space
 * failed. Returns whether it was one of these.
 */
bool fault_recv_one(struct fault *f, struct pair *p, int fd, uint32_t id);

/* What there is of each thing in this network namespace. */
struct gauges {
	uint64_t	tx;
	uint64_t	rx;
	uint64_t	endpoints;
	uint64_t	sessions;
};

void gauges_read(struct gauges *g);
/* Is there nothing more, and nothing less, than then? */
bool gauges_same(const struct gauges *then);

/* What a call may say. Copies from and to user space are made to fail, too. */
bool is_failure(long err);
/* A reader may also find nothing, if what there was had to be dropped. */
bool is_recv_failure(long err);
/* All that has come from @p->fd opens, and no number comes twice. */
bool only_good(struct pair *p, uint64_t *next);

/* An endpoint with alice's and bob's sessions. "can" is for NEEDS_FAULTS(). */
#define NOMEM_FIXTURE(fixture)						\
	FIXTURE(fixture) {						\
		struct group g;						\
		struct peer alice;					\
		struct peer bob;					\
		struct gauges gauges;					\
		long contexts;						\
		bool can;						\
	};								\
	FIXTURE_VARIANT(fixture) {					\
		uint16_t cipher;					\
		enum family family;					\
	};								\
	VARIANTS_OF_FAMILIES(fixture);					\
	FIXTURE_SETUP(fixture)						\
	{								\
		struct group *g = &self->g;				\
									\
		self->can = faults_open();				\
		self->contexts = contexts();				\
		netns_enter();						\
		group_open(g, variant->family, variant->cipher, 3);	\
		group_steer(g, ALICES);					\
		peer_open(&self->alice, g);				\
		peer_open(&self->bob, g);				\
		ASSERT_EQ(0, session_new(g, &self->alice, ALICES));	\
		ASSERT_EQ(0, session_new(g, &self->bob, BOBS));		\
		gauges_read(&self->gauges);				\
		if (!self->can)						\
			SKIP(return, "no fault injection");		\
	}								\
	FIXTURE_TEARDOWN(fixture)					\
	{								\
		static const struct gauges nothing;			\
									\
		contexts_set(self->contexts);				\
		peer_close(&self->alice);				\
		peer_close(&self->bob);					\
		group_close(&self->g);					\
		EXPECT_TRUE(gauges_same(&nothing));			\
		EXPECT_EQ(0, nl_leaks());				\
	}								\
	struct __test_metadata

#endif /* KDTLS_SELFTESTS_FAULTS_H */
