/* SPDX-License-Identifier: GPL-2.0 */
/* Tests that speak TAP: each test is a function that checks. */
#ifndef KDTLS_TAP_H
#define KDTLS_TAP_H

#include <stdio.h>
#include <stdlib.h>

struct tap_test {
	const char	*name;
	void		(*run)(void);
};

/* Did a check of the present test fail? */
extern int tap_failed;

int tap_run(const struct tap_test *tests, size_t n);

/* Check, say what is not so, and go on. */
#define CHECK(cond) do { \
	if (!(cond)) { \
		printf("# %s:%d: not so: %s\n", __FILE__, __LINE__, #cond); \
		tap_failed = 1; \
	} \
} while (0)

/* Check two integers for equality. */
#define CHECK_EQ(a, b) do { \
	long long a_ = (long long)(a), b_ = (long long)(b); \
	if (a_ != b_) { \
		printf("# %s:%d: %s is %lld, not %s, %lld\n", __FILE__, \
		       __LINE__, #a, a_, #b, b_); \
		tap_failed = 1; \
	} \
} while (0)

/* Without it, nothing that follows makes sense. */
#define NEED(cond) do { \
	if (!(cond)) { \
		printf("# %s:%d: not so, giving up: %s\n", __FILE__, \
		       __LINE__, #cond); \
		tap_failed = 1; \
		return; \
	} \
} while (0)

#define TAP_MAIN(tests) \
	int main(void) \
	{ \
		return tap_run(tests, sizeof(tests) / sizeof((tests)[0])); \
	}

#endif /* KDTLS_TAP_H */
