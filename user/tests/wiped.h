/* SPDX-License-Identifier: GPL-2.0 */
/* Watches that a secret is not left behind in memory that is freed. */
#ifndef KDTLS_TEST_WIPED_H
#define KDTLS_TEST_WIPED_H

#include <stddef.h>

/* Look for these bytes in all that is freed from now on. */
void wiped_watch(const void *secret, size_t len);

/* Stop; how often they were found. */
unsigned int wiped_found(void);

#endif /* KDTLS_TEST_WIPED_H */
