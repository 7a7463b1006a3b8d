// SPDX-License-Identifier: GPL-2.0
/* Numbers for people. */
#include <inttypes.h>

#include "control.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

struct text count_text(uint64_t n, const char *one)
{
	struct text t;

	snprintf(t.s, sizeof(t.s), "%" PRIu64 " %s%s", n, one, n == 1 ? "" : "s");
	return t;
}

/* The two largest units of it, as nobody counts the seconds of days. */
struct text duration_text(uint64_t ms)
{
	static const struct {
		uint64_t	ms;
		const char	*name;
	} units[] = {
		{ 86400000, "day" }, { 3600000, "hour" }, { 60000, "minute" },
		{ 1000, "second" },
	};
	struct text t, large, small;
	size_t i;

	for (i = 0; i < COUNT(units) && ms < units[i].ms; i++)
		;
	if (i == COUNT(units)) {
		snprintf(t.s, sizeof(t.s), "%" PRIu64 " ms", ms);
		return t;
	}
	large = count_text(ms / units[i].ms, units[i].name);
	ms %= units[i].ms;
	if (++i == COUNT(units) || ms < units[i].ms)
		return large;
	small = count_text(ms / units[i].ms, units[i].name);
	snprintf(t.s, sizeof(t.s), "%.40s, %.40s", large.s, small.s);
	return t;
}

struct text size_text(uint64_t bytes)
{
	static const char *const units[] = { "KiB", "MiB", "GiB", "TiB", "PiB", "EiB" };
	double n = (double)bytes / 1024;
	struct text t;
	size_t i = 0;

	if (bytes < 1024)
		return count_text(bytes, "byte");
	while (n >= 1024 && i + 1 < COUNT(units)) {
		n /= 1024;
		i++;
	}
	snprintf(t.s, sizeof(t.s), "%.2f %s", n, units[i]);
	return t;
}
