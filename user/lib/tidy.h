/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Wiping what sessions could be resumed with. */
#ifndef KDTLS_TIDY_H
#define KDTLS_TIDY_H

#include <shared/types.h>

struct kdtls_endpoint;

/* There may be something to wipe in a lifetime of sessions. */
void kdtls_tidy_later(struct kdtls_endpoint *ep);

/* It is time: wipe what is over, and set the time for the rest. */
void kdtls_tidy(struct kdtls_endpoint *ep, u64 now);

#endif /* KDTLS_TIDY_H */
