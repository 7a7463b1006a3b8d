/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the process gives away when it has started: other users' rights, its own, and
 * nearly all system calls. Each tells why it fails, and returns -1.
 */
#ifndef KDTLSD_CONFINE_H
#define KDTLSD_CONFINE_H

#include <stdbool.h>

#include "conf.h"

/* Nothing of the memory goes to swap, or into a core. While there are rights to. */
int confine_memory(bool lock);

/* As many descriptors as are allowed. */
void confine_descriptors(void);

/* Become the user, without capabilities, for good. */
int confine_user(const struct conf *conf);

/* What confine_calls() is to leave. */
#define CONFINE_KEYLOG	1U	/* files are opened to be written */
#define CONFINE_UNLINK	2U	/* the socket is removed in the end */

/* Only the system calls that are needed; the last thing before the loop. */
int confine_calls(unsigned int leave);

#endif /* KDTLSD_CONFINE_H */
