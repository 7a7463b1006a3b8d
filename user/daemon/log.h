/* SPDX-License-Identifier: GPL-2.0 */
/* What the daemon tells, for the journal and for terminals. */
#ifndef KDTLSD_LOG_H
#define KDTLSD_LOG_H

#include <stdbool.h>
#include <syslog.h>

#include <sys/socket.h>

/* Tell what is of LOG_DEBUG, too. */
extern bool log_verbose;

/* For tests: gets each line instead of standard error. */
extern void (*log_hook)(int priority, const char *line);

/* One line, with a priority of syslog.h. What cannot be printed becomes '?'. */
void log_say(int priority, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* "192.0.2.1:4433" or "[2001:db8::1]:4433", in a static buffer. */
const char *log_address(const struct sockaddr_storage *ss);

#endif /* KDTLSD_LOG_H */
