// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The generic netlink family "kdtls": the way to load the module, the way in
 * where netfilter's socket options are switched off, and the way to endpoints.
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>

#include <linux/genetlink.h>
#include <linux/kdtls.h>

#include "netlink.h"

/* The kernel puts up to 32 KiB of a list into a datagram if there is room. */
#define BUFFER (64 * 1024)

/* What events may pile up to while nobody reads, in bytes. */
#define EVENTS_BUFFER (4 * 1024 * 1024)

/* ---- Messages ----------------------------------------------------------------- */

/* Keep what an extended ACK says; it begins after @skip bytes of payload. */
static void keep_said(struct kdtls_netlink *nl, const struct nlmsghdr *nlh,
		      size_t skip)
{
	const struct nlattr *attr;
	const void *tlvs = (const char *)mnl_nlmsg_get_payload(nlh) + skip;
	size_t len = mnl_nlmsg_get_payload_len(nlh);

	if (!(nlh->nlmsg_flags & NLM_F_ACK_TLVS) || skip > len)
		return;
	mnl_attr_for_each_payload(tlvs, len - skip) {
		if (mnl_attr_get_type(attr) != NLMSGERR_ATTR_MSG)
			continue;
		snprintf(nl->said, sizeof(nl->said), "%.*s",
			 (int)mnl_attr_get_payload_len(attr),
			 (const char *)mnl_attr_get_payload(attr));
	}
}

/* NLMSG_ERROR: an error, or the acknowledgment that there is none. */
static int on_error(struct kdtls_netlink *nl, const struct nlmsghdr *nlh)
{
	const struct nlmsgerr *err = mnl_nlmsg_get_payload(nlh);
	size_t skip = sizeof(*err);

	if (mnl_nlmsg_get_payload_len(nlh) < sizeof(*err))
		return -EBADMSG;
	if (!(nlh->nlmsg_flags & NLM_F_CAPPED) &&
	    err->msg.nlmsg_len > NLMSG_HDRLEN)
		skip += MNL_ALIGN((size_t)err->msg.nlmsg_len - NLMSG_HDRLEN);
	keep_said(nl, nlh, skip);
	nl->answered = true;
	return err->error > 0 ? -EPROTO : err->error;
}

/* NLMSG_DONE: the end of a list, or an error in the midst of it. */
static int on_done(struct kdtls_netlink *nl, const struct nlmsghdr *nlh)
{
	const int *err = mnl_nlmsg_get_payload(nlh);

	if (mnl_nlmsg_get_payload_len(nlh) < sizeof(*err))
		return 0;
	keep_said(nl, nlh, MNL_ALIGN(sizeof(*err)));
	return *err > 0 ? 0 : *err;
}

static int on_message(struct kdtls_netlink *nl, const struct nlmsghdr *nlh,
		      kdtls_netlink_cb *cb, void *data)
{
	int ret;

	if (nlh->nlmsg_flags & NLM_F_DUMP_INTR)
		nl->interrupted = true;
	switch (nlh->nlmsg_type) {
	case NLMSG_ERROR:
		return on_error(nl, nlh);
	case NLMSG_DONE:
		return on_done(nl, nlh);
	case NLMSG_OVERRUN:
		return -ENOBUFS;
	case NLMSG_NOOP:
		return 1;
	}
	if (mnl_nlmsg_get_payload_len(nlh) < GENL_HDRLEN)
		return -EBADMSG;
	ret = cb ? cb(nlh, data) : 0;
	return ret < 0 ? ret : 1;
}

/* mnl_nlmsg_ok() takes lengths of 2^31 and above for negative ones. */
static bool whole(const struct nlmsghdr *nlh, int left)
{
	return mnl_nlmsg_ok(nlh, left) && nlh->nlmsg_len <= (u32)left;
}

int kdtls_netlink_messages(struct kdtls_netlink *nl, const void *buf, size_t len,
			   u32 seq, kdtls_netlink_cb *cb, void *data)
{
	const struct nlmsghdr *nlh = buf;
	int left = (int)len, ret;

	if (!whole(nlh, left))
		return -EBADMSG;
	for (; whole(nlh, left); nlh = mnl_nlmsg_next(nlh, &left)) {
		if (seq && nlh->nlmsg_seq != seq)
			continue;
		ret = on_message(nl, nlh, cb, data);
		if (ret <= 0)
			return ret;
	}
	return left > 0 ? -EBADMSG : 1;
}

/* ---- The socket --------------------------------------------------------------- */

static struct nlmsghdr *request(struct kdtls_netlink *nl, void *buf, u16 type,
				u8 cmd, u8 version, u16 flags)
{
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buf);
	struct genlmsghdr *genl;

	nlh->nlmsg_type = type;
	nlh->nlmsg_flags = NLM_F_REQUEST | flags;
	/* 0 is what events have. */
	nlh->nlmsg_seq = ++nl->seq ? nl->seq : ++nl->seq;
	genl = mnl_nlmsg_put_extra_header(nlh, sizeof(*genl));
	genl->cmd = cmd;
	genl->version = version;
	return nlh;
}

struct nlmsghdr *kdtls_netlink_request(struct kdtls_netlink *nl, void *buf,
				       u8 cmd, u16 flags)
{
	return request(nl, buf, (u16)nl->family, cmd, KDTLS_GENL_VERSION, flags);
}

int kdtls_netlink_talk(struct kdtls_netlink *nl, const struct nlmsghdr *nlh,
		       kdtls_netlink_cb *cb, void *data)
{
	ssize_t n;
	int ret;

	nl->said[0] = 0;
	nl->interrupted = false;
	nl->answered = false;
	if (mnl_socket_sendto(nl->socket, nlh, nlh->nlmsg_len) < 0) {
		/* It never reached the kernel's other side. */
		nl->answered = true;
		return -errno;
	}
	do {
		n = mnl_socket_recvfrom(nl->socket, nl->buf, BUFFER);
		if (n < 0)
			return -errno;
		ret = kdtls_netlink_messages(nl, nl->buf, (size_t)n,
					     nlh->nlmsg_seq, cb, data);
	} while (ret > 0);
	return ret;
}

/* A socket, and no family as yet. */
static int start(struct kdtls_netlink *nl)
{
	int on = 1;

	memset(nl, 0, sizeof(*nl));
	nl->seq = (u32)time(NULL);
	nl->buf = malloc(BUFFER);
	if (!nl->buf)
		return -ENOMEM;
	nl->socket = mnl_socket_open2(NETLINK_GENERIC, SOCK_CLOEXEC);
	if (!nl->socket || mnl_socket_bind(nl->socket, 0, MNL_SOCKET_AUTOPID) < 0)
		return -errno;
	/* Without these, errors are told in less words. */
	mnl_socket_setsockopt(nl->socket, NETLINK_EXT_ACK, &on, sizeof(on));
	mnl_socket_setsockopt(nl->socket, NETLINK_CAP_ACK, &on, sizeof(on));
	return 0;
}

static void on_group(struct kdtls_netlink *nl, const struct nlattr *group)
{
	const struct nlattr *attr;
	const char *name = "";
	u32 id = 0;

	mnl_attr_for_each_nested(attr, group) {
		if (mnl_attr_get_type(attr) == CTRL_ATTR_MCAST_GRP_NAME &&
		    mnl_attr_validate(attr, MNL_TYPE_NUL_STRING) >= 0)
			name = mnl_attr_get_str(attr);
		else if (mnl_attr_get_type(attr) == CTRL_ATTR_MCAST_GRP_ID &&
			 mnl_attr_validate(attr, MNL_TYPE_U32) >= 0)
			id = mnl_attr_get_u32(attr);
	}
	if (!strcmp(name, KDTLS_GENL_EVENTS))
		nl->group = id;
}

static int on_family(const struct nlmsghdr *nlh, void *data)
{
	const struct nlattr *attr, *group;
	struct kdtls_netlink *nl = data;

	mnl_attr_for_each(attr, nlh, sizeof(struct genlmsghdr)) {
		if (mnl_attr_get_type(attr) == CTRL_ATTR_FAMILY_ID &&
		    mnl_attr_validate(attr, MNL_TYPE_U16) >= 0)
			nl->family = mnl_attr_get_u16(attr);
		if (mnl_attr_get_type(attr) == CTRL_ATTR_MCAST_GROUPS)
			mnl_attr_for_each_nested(group, attr)
				on_group(nl, group);
	}
	return 0;
}

int kdtls_netlink_open(struct kdtls_netlink *nl)
{
	/* Padding behind a string goes out as it is. */
	char buf[KDTLS_NETLINK_REQUEST] = { 0 };
	struct nlmsghdr *nlh;
	int err = start(nl);

	if (err)
		return err;
	nlh = request(nl, buf, GENL_ID_CTRL, CTRL_CMD_GETFAMILY, 1, NLM_F_ACK);
	mnl_attr_put_strz(nlh, CTRL_ATTR_FAMILY_NAME, KDTLS_GENL_NAME);
	err = kdtls_netlink_talk(nl, nlh, on_family, nl);
	if (err)
		return err;
	return nl->family ? 0 : -ENOENT;
}

void kdtls_netlink_close(struct kdtls_netlink *nl)
{
	if (nl->socket)
		mnl_socket_close(nl->socket);
	free(nl->buf);
	nl->socket = NULL;
	nl->buf = NULL;
}

/* ---- Events ------------------------------------------------------------------- */

int kdtls_netlink_join(struct kdtls_netlink *nl)
{
	int fd = mnl_socket_get_fd(nl->socket), room = EVENTS_BUFFER;

	if (!nl->group)
		return -EOPNOTSUPP;
	/* Beyond the system's limit with CAP_NET_ADMIN only. */
	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof(room)) < 0)
		setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &room, sizeof(room));
	if (mnl_socket_setsockopt(nl->socket, NETLINK_ADD_MEMBERSHIP, &nl->group,
				  sizeof(nl->group)) < 0)
		return -errno;
	return 0;
}

int kdtls_netlink_events(struct kdtls_netlink *nl, kdtls_netlink_cb *cb,
			 void *data)
{
	ssize_t n = recv(mnl_socket_get_fd(nl->socket), nl->buf, BUFFER,
			 MSG_DONTWAIT | MSG_TRUNC);
	int ret;

	if (n < 0)
		return -errno;
	if (n > BUFFER)
		return -EBADMSG;
	ret = kdtls_netlink_messages(nl, nl->buf, (size_t)n, 0, cb, data);
	return ret > 0 ? 0 : ret;
}

/* ---- The way in --------------------------------------------------------------- */

int kdtls_netlink_resolve(void)
{
	struct kdtls_netlink nl;
	int err = kdtls_netlink_open(&nl);

	kdtls_netlink_close(&nl);
	return err ? err : nl.family;
}

int kdtls_netlink_attach(int family, int fd)
{
	char buf[KDTLS_NETLINK_REQUEST];
	struct kdtls_netlink nl;
	struct nlmsghdr *nlh;
	int err = start(&nl);

	if (!err) {
		nl.family = family;
		nlh = kdtls_netlink_request(&nl, buf, KDTLS_CMD_ATTACH,
					    NLM_F_ACK);
		mnl_attr_put_u32(nlh, KDTLS_A_FD, (u32)fd);
		err = kdtls_netlink_talk(&nl, nlh, NULL, NULL);
	}
	kdtls_netlink_close(&nl);
	return err;
}
