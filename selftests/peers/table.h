/* SPDX-License-Identifier: GPL-2.0 */
/* What came of the cells, as a table in reStructuredText. */
#ifndef KDTLS_SELFTESTS_TABLE_H
#define KDTLS_SELFTESTS_TABLE_H

#include <stdio.h>

#include "ours.h"

enum state { NOT_RUN, GREEN, RED, IMPOSSIBLE };

/**
 * struct entry - a cell of the table
 * @cell: which
 * @state: what came of it
 * @why: of one that is impossible; lives as long as the table
 */
struct entry {
	struct cell	cell;
	enum state	state;
	const char	*why;
};

/*
 * Print @n entries, those of a stack, a role, a suite and a feature in a row, IPv4
 * before IPv6. With @prefix in front of each line.
 */
void table_print(FILE *out, const char *prefix, const struct entry *entries,
		 size_t n);

#endif /* KDTLS_SELFTESTS_TABLE_H */
