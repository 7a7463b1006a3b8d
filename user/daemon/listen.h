/* SPDX-License-Identifier: GPL-2.0 */
/* The socket that programs connect to. */
#ifndef KDTLSD_LISTEN_H
#define KDTLSD_LISTEN_H

#include "conf.h"

/*
 * The one that the service manager passes, or one at @conf->socket. -1, having told
 * why. @made: it was made here, and is to be removed in the end.
 */
int listen_open(const struct conf *conf, bool *made);

#endif /* KDTLSD_LISTEN_H */
