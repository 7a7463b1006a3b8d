/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Sessions that have nothing to say. */
#ifndef KDTLS_IDLE_H
#define KDTLS_IDLE_H

#include <shared/types.h>

struct kdtls_session;

/* Application data came or went, or may from now on. */
void kdtls_idle_touch(struct kdtls_session *s);

/* When an open session has been idle for too long; 0 for never. */
u64 kdtls_idle_due(const struct kdtls_session *s);

/* It has: close it. */
void kdtls_idle_close(struct kdtls_session *s);

#endif /* KDTLS_IDLE_H */
