/* SPDX-License-Identifier: GPL-2.0 */
/* The kernel's test harness, and the variants that most suites run in. */
#ifndef KDTLS_SELFTESTS_HARNESS_H
#define KDTLS_SELFTESTS_HARNESS_H

#include <kselftest_harness.h>

#include "util.h"

/* Seconds for one test; machines without KVM are slow. */
#undef TEST_TIMEOUT_DEFAULT
#define TEST_TIMEOUT_DEFAULT	120

/*
 * Leave @keep of a fixture's variants, spread over all of them; where that begins
 * differs from fixture to fixture.
 */
static inline void thin_variants(struct __fixture_metadata *f, unsigned int keep)
{
	struct __fixture_variant_metadata *v, **link = &f->variant;
	unsigned int count = 0, i = 0;
	const char *c;

	for (v = f->variant; v; v = v->next)
		count++;
	if (count <= keep)
		return;
	for (c = f->name; *c; c++)
		i += *c;
	for (v = f->variant; v; v = v->next) {
		if (i++ * keep % count >= keep)
			continue;
		*link = v;
		link = &v->next;
	}
	*link = NULL;
}

/* KDTLS_VARIANTS: where each test takes long, not every variant has to run. */
static inline void thin_all_variants(void)
{
	long keep = env_long("KDTLS_VARIANTS", 0);
	struct __fixture_metadata *f;

	for (f = __fixture_list; keep > 0 && f; f = f->next)
		thin_variants(f, keep);
}

/* In what TEST_HARNESS_MAIN expands to. */
#define test_harness_run(argc, argv) \
	(thin_all_variants(), test_harness_run(argc, argv))

#define VARIANT(fixture, name, c, f)					\
	FIXTURE_VARIANT_ADD(fixture, name) { .cipher = (c), .family = (f) }

#define GCM128		DTLS_CIPHER_AES_GCM_128
#define GCM256		DTLS_CIPHER_AES_GCM_256
#define CCM128		DTLS_CIPHER_AES_CCM_128
#define CCM256		DTLS_CIPHER_AES_CCM_256
#define CCM8		DTLS_CIPHER_AES_CCM_8_128
#define CHACHA		DTLS_CIPHER_CHACHA20_POLY1305

/* Every cipher, on IPv4. */
#define VARIANTS_OF_CIPHERS(fixture)					\
	VARIANT(fixture, gcm128_v4, GCM128, IPV4);			\
	VARIANT(fixture, gcm256_v4, GCM256, IPV4);			\
	VARIANT(fixture, ccm128_v4, CCM128, IPV4);			\
	VARIANT(fixture, ccm256_v4, CCM256, IPV4);			\
	VARIANT(fixture, ccm8_v4, CCM8, IPV4);				\
	VARIANT(fixture, chacha_v4, CHACHA, IPV4)

/* Every family, with one cipher each. */
#define VARIANTS_OF_FAMILIES(fixture)					\
	VARIANT(fixture, gcm128_v4, GCM128, IPV4);			\
	VARIANT(fixture, chacha_v6, CHACHA, IPV6);			\
	VARIANT(fixture, gcm256_mapped, GCM256, MAPPED)

/* Every cipher and every family, but not each with each. */
#define VARIANTS_OF_MOST(fixture)					\
	VARIANT(fixture, gcm128_v4, GCM128, IPV4);			\
	VARIANT(fixture, gcm128_v6, GCM128, IPV6);			\
	VARIANT(fixture, gcm256_mapped, GCM256, MAPPED);		\
	VARIANT(fixture, ccm128_v4, CCM128, IPV4);			\
	VARIANT(fixture, ccm256_v6, CCM256, IPV6);			\
	VARIANT(fixture, ccm8_mapped, CCM8, MAPPED);			\
	VARIANT(fixture, chacha_v6, CHACHA, IPV6)

#define VARIANTS_OF_ALL(fixture)					\
	VARIANTS_OF_CIPHERS(fixture);					\
	VARIANT(fixture, gcm128_v6, GCM128, IPV6);			\
	VARIANT(fixture, gcm256_v6, GCM256, IPV6);			\
	VARIANT(fixture, ccm128_v6, CCM128, IPV6);			\
	VARIANT(fixture, ccm256_v6, CCM256, IPV6);			\
	VARIANT(fixture, ccm8_v6, CCM8, IPV6);				\
	VARIANT(fixture, chacha_v6, CHACHA, IPV6);			\
	VARIANT(fixture, gcm128_mapped, GCM128, MAPPED);		\
	VARIANT(fixture, gcm256_mapped, GCM256, MAPPED);		\
	VARIANT(fixture, ccm128_mapped, CCM128, MAPPED);		\
	VARIANT(fixture, ccm256_mapped, CCM256, MAPPED);		\
	VARIANT(fixture, ccm8_mapped, CCM8, MAPPED);			\
	VARIANT(fixture, chacha_mapped, CHACHA, MAPPED)

/* The fixture that most suites use: a pair, set up. */
#define PAIR_FIXTURE(fixture, setup, variants)				\
	FIXTURE(fixture) {						\
		struct pair p;						\
	};								\
	FIXTURE_VARIANT(fixture) {					\
		uint16_t cipher;					\
		enum family family;					\
	};								\
	variants(fixture);						\
	FIXTURE_SETUP(fixture)						\
	{								\
		setup(&self->p, variant->family, variant->cipher);	\
	}								\
	FIXTURE_TEARDOWN(fixture)					\
	{								\
		pair_close(&self->p);					\
	}								\
	struct fixture##_needs_a_semicolon

#endif /* KDTLS_SELFTESTS_HARNESS_H */
