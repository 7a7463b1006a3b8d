// SPDX-License-Identifier: GPL-2.0
#include "tap.h"

int tap_failed;

int tap_run(const struct tap_test *tests, size_t n)
{
	int bad = 0;
	size_t i;

	setvbuf(stdout, NULL, _IOLBF, 0);
	printf("TAP version 13\n1..%zu\n", n);
	for (i = 0; i < n; i++) {
		tap_failed = 0;
		tests[i].run();
		printf("%s %zu - %s\n", tap_failed ? "not ok" : "ok", i + 1,
		       tests[i].name);
		bad |= tap_failed;
	}
	return bad;
}
