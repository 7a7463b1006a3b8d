/* SPDX-License-Identifier: GPL-2.0 */
/* What the kernel shows as files. */
#ifndef KDTLS_SELFTESTS_KNOBS_H
#define KDTLS_SELFTESTS_KNOBS_H

#include <stdbool.h>

bool knob_set(const char *path, const char *text);

/* How many ciphers the sessions of endpoints may have, and how many they have. */
long contexts(void);
long contexts_lent(void);
void contexts_set(long n);

#endif /* KDTLS_SELFTESTS_KNOBS_H */
