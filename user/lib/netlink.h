/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The generic netlink family "kdtls". */
#ifndef KDTLS_NETLINK_H
#define KDTLS_NETLINK_H

/*
 * Resolve the family, which makes the kernel load the module.
 *
 * Return: its number, or a negative errno value: -ENOENT if there is none.
 */
int kdtls_netlink_resolve(void);

/* KDTLS_CMD_ATTACH. 0 or a negative errno value. */
int kdtls_netlink_attach(int family, int fd);

#endif /* KDTLS_NETLINK_H */
