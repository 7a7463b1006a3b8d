/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What a service manager tells and is told: sd_listen_fds(3) and sd_notify(3), whose
 * protocols are two environment variables each, and not worth a library.
 */
#ifndef KDTLSD_SYSTEMD_H
#define KDTLSD_SYSTEMD_H

/*
 * The socket that was passed, or -1 if none was; -2, having told why, for what is no
 * listening Unix socket of type SOCK_SEQPACKET, or more than one.
 */
int systemd_socket(void);

/* Get at the manager, if there is one. Later that would not be possible. */
void systemd_open(void);

/* Tell it, as "READY=1". Nothing happens without one. */
void systemd_notify(const char *text);

/* Tell it that a reload has begun, which takes the time as well. */
void systemd_reloading(void);

#endif /* KDTLSD_SYSTEMD_H */
