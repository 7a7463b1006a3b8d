/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The generic netlink family "kdtls". */
#ifndef KDTLS_NETLINK_H
#define KDTLS_NETLINK_H

#include <libmnl/libmnl.h>

#include <shared/types.h>

/*
 * Resolve the family, which makes the kernel load the module.
 *
 * Return: its number, or a negative errno value: -ENOENT if there is none.
 */
int kdtls_netlink_resolve(void);

/* KDTLS_CMD_ATTACH. 0 or a negative errno value. */
int kdtls_netlink_attach(int family, int fd);

/* A socket that speaks with the family, for one thread at a time. */
struct kdtls_netlink {
	struct mnl_socket	*socket;
	char			*buf;		/* what comes */
	int			family;
	u32			group;		/* KDTLS_GENL_EVENTS, 0 for none */
	u32			seq;
	bool			interrupted;	/* the dump was not of one moment */
	bool			answered;	/* the kernel has taken or refused it */
	char			said[256];	/* by an extended ACK, or "" */
};

/* Room for a request without keys. */
#define KDTLS_NETLINK_REQUEST	1024

/* Gets each message of the family. Stops with a negative errno value. */
typedef int kdtls_netlink_cb(const struct nlmsghdr *nlh, void *data);

/*
 * Open a socket and resolve the family. 0 or a negative errno value: -ENOENT if
 * there is none. After either, close it.
 */
int kdtls_netlink_open(struct kdtls_netlink *nl);
void kdtls_netlink_close(struct kdtls_netlink *nl);

/*
 * Begin a request in @buf, which has KDTLS_NETLINK_REQUEST bytes. @flags is
 * NLM_F_ACK for an answer or NLM_F_DUMP for a list.
 */
struct nlmsghdr *kdtls_netlink_request(struct kdtls_netlink *nl, void *buf,
				       u8 cmd, u16 flags);

/*
 * Send the request and call @cb for what the kernel answers.
 *
 * Return: 0, what @cb stopped with, or a negative errno value, to which
 * @nl->said may have something to add. -EBADMSG: not a netlink message.
 */
int kdtls_netlink_talk(struct kdtls_netlink *nl, const struct nlmsghdr *nlh,
		       kdtls_netlink_cb *cb, void *data);

/* Become a member of the events' group, with room for a burst of them. */
int kdtls_netlink_join(struct kdtls_netlink *nl);

/*
 * Receive what there is of events, without waiting.
 *
 * Return: 0, what @cb stopped with, or a negative errno value: -EAGAIN if there
 * is none, -ENOBUFS if some were lost.
 */
int kdtls_netlink_events(struct kdtls_netlink *nl, kdtls_netlink_cb *cb,
			 void *data);

/*
 * Go through the messages of one datagram; those that do not answer request @seq
 * are passed over, unless it is 0.
 *
 * Return: 1 if more is to come, otherwise as kdtls_netlink_talk().
 */
int kdtls_netlink_messages(struct kdtls_netlink *nl, const void *buf, size_t len,
			   u32 seq, kdtls_netlink_cb *cb, void *data);

#endif /* KDTLS_NETLINK_H */
