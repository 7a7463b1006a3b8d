// SPDX-License-Identifier: GPL-2.0
/* include/shared/limit.h: what counts against a key, and how much it stands. */
#include <string.h>
#include <shared/limit.h>

#include "harness.h"

/* As the RFCs have it: records of 2^14 bytes, which are 2^10 blocks. */
#define FULL_RECORD_BLOCKS	1024.0

TEST(blocks)
{
	uint32_t n;

	for (n = 0; n <= DTLS_MAX_PLAINTEXT; n++) {
		uint64_t want = 1;
		uint32_t left;

		for (left = n; left; left -= left < 16 ? left : 16)
			want++;
		ASSERT_EQ(want, kdtls_blocks(n));
	}
}

TEST(trains)
{
	int i;

	for (i = 0; i < 100000; i++) {
		uint32_t segment = 1 + rnd(i % 2 ? 100 : 16384);
		uint32_t len = rnd(65536), left = len;
		uint64_t want = 0;

		do {
			uint32_t n = left < segment ? left : segment;

			want += kdtls_blocks(n);
			left -= n;
		} while (left);
		ASSERT_EQ(want, kdtls_train_blocks(len, segment));
	}
	EXPECT_EQ(1, kdtls_train_blocks(0, 0));
}

/* RFC 9147 section 4.5.3, RFC 8446 section 5.5; never above, not far below. */
TEST(published)
{
	static const struct {
		uint16_t cipher;
		double records, failures;
	} rfc[] = {
		{ GCM128, 23726566.0, 68719476736.0 },	/* 2^24.5, 2^36 */
		{ GCM256, 23726566.0, 68719476736.0 },
		{ CCM128, 8388608.0, 11863283.0 },	/* 2^23, 2^23.5 */
		{ CCM256, 8388608.0, 11863283.0 },
	};
	size_t i;

	for (i = 0; i < ARRAY_LEN(rfc); i++) {
		struct dtls_limits l = { 0 };

		kdtls_limits_fill(&l, kdtls_cipher_find(rfc[i].cipher));
		EXPECT_GE(rfc[i].records * FULL_RECORD_BLOCKS, l.seal_hard);
		EXPECT_LE(rfc[i].records * FULL_RECORD_BLOCKS / 2, l.seal_hard);
		EXPECT_GE(rfc[i].failures, l.fail_hard);
		EXPECT_LE(rfc[i].failures / 2, l.fail_hard);
	}
}

TEST(without_an_end)
{
	struct dtls_limits l = { 0 };

	kdtls_limits_fill(&l, kdtls_cipher_find(CHACHA));
	EXPECT_EQ(UINT64_MAX, l.seal_hard);
	EXPECT_EQ(1ULL << 36, l.fail_hard);
	memset(&l, 0, sizeof(l));
	kdtls_limits_fill(&l, kdtls_cipher_find(CCM8));
	EXPECT_EQ(1ULL << 16, l.fail_hard);
}

/* Whatever is asked for: not above the cipher's, and the soft one not above. */
TEST(only_lower)
{
	static const uint16_t ciphers[] = { GCM128, GCM256, CCM128, CCM256,
					    CCM8, CHACHA };
	int i;

	for (i = 0; i < 100000; i++) {
		const struct kdtls_cipher *c =
			kdtls_cipher_find(ciphers[i % ARRAY_LEN(ciphers)]);
		struct dtls_limits own = { 0 }, l;
		uint64_t *v = (uint64_t *)&l;
		int k;

		for (k = 0; k < 4; k++)
			v[k] = rnd(3) ? (uint64_t)rnd(UINT32_MAX) << rnd(33) : 0;
		kdtls_limits_fill(&own, c);
		kdtls_limits_fill(&l, c);
		ASSERT_GE(own.seal_hard, l.seal_hard);
		ASSERT_GE(own.fail_hard, l.fail_hard);
		ASSERT_GE(l.seal_hard, l.seal_soft);
		ASSERT_GE(l.fail_hard, l.fail_soft);
		ASSERT_NE(0, l.seal_hard);
		ASSERT_NE(0, l.fail_hard);
	}
}

TEST_HARNESS_MAIN
