/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Closing what programs have sent. The last close() of a file can wait: for a TCP
 * socket that lingers, for a file system of theirs that does not answer. So a thread
 * of its own does it.
 */
#ifndef KDTLSD_CLOSER_H
#define KDTLSD_CLOSER_H

/* Start the thread. Before that, closer_close() is close(). 0 or a negative errno. */
int closer_start(void);

/* Close a descriptor that nobody has looked at, sooner or later. */
void closer_close(int fd);

#endif /* KDTLSD_CLOSER_H */
