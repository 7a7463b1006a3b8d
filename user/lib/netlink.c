// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The generic netlink family "kdtls": the way to load the module, and the way
 * in where netfilter's socket options are switched off.
 */
#include <time.h>

#include <libmnl/libmnl.h>
#include <linux/genetlink.h>
#include <linux/kdtls.h>

#include <shared/types.h>

#include "netlink.h"

static struct nlmsghdr *request(char *buf, u16 type, u8 cmd, u8 version)
{
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buf);
	struct genlmsghdr *genl;

	nlh->nlmsg_type = type;
	nlh->nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK;
	nlh->nlmsg_seq = (u32)time(NULL);
	genl = mnl_nlmsg_put_extra_header(nlh, sizeof(*genl));
	genl->cmd = cmd;
	genl->version = version;
	return nlh;
}

/* Send @nlh and call @cb for each answer until the acknowledgment. */
static int talk(struct nlmsghdr *nlh, mnl_cb_t cb, void *data)
{
	char buf[8192];
	struct mnl_socket *nl = mnl_socket_open(NETLINK_GENERIC);
	u32 seq = nlh->nlmsg_seq;
	ssize_t n;
	int ret;

	if (!nl)
		return -errno;
	if (mnl_socket_bind(nl, 0, MNL_SOCKET_AUTOPID) < 0 ||
	    mnl_socket_sendto(nl, nlh, nlh->nlmsg_len) < 0) {
		ret = -errno;
		goto out;
	}
	do {
		n = mnl_socket_recvfrom(nl, buf, sizeof(buf));
		if (n < 0) {
			ret = -errno;
			goto out;
		}
		ret = mnl_cb_run(buf, (size_t)n, seq,
				 mnl_socket_get_portid(nl), cb, data);
	} while (ret > 0);
	if (ret < 0)
		ret = -errno;
out:
	mnl_socket_close(nl);
	return ret;
}

static int on_family(const struct nlmsghdr *nlh, void *data)
{
	const struct nlattr *attr;
	int *family = data;

	mnl_attr_for_each(attr, nlh, sizeof(struct genlmsghdr))
		if (mnl_attr_get_type(attr) == CTRL_ATTR_FAMILY_ID &&
		    mnl_attr_validate(attr, MNL_TYPE_U16) >= 0)
			*family = mnl_attr_get_u16(attr);
	return MNL_CB_OK;
}

int kdtls_netlink_resolve(void)
{
	char buf[256] = { 0 };
	struct nlmsghdr *nlh = request(buf, GENL_ID_CTRL, CTRL_CMD_GETFAMILY, 1);
	int family = 0, err;

	mnl_attr_put_strz(nlh, CTRL_ATTR_FAMILY_NAME, KDTLS_GENL_NAME);
	err = talk(nlh, on_family, &family);
	if (err)
		return err;
	return family ? family : -ENOENT;
}

int kdtls_netlink_attach(int family, int fd)
{
	char buf[256] = { 0 };
	struct nlmsghdr *nlh = request(buf, (u16)family, KDTLS_CMD_ATTACH,
				       KDTLS_GENL_VERSION);

	mnl_attr_put_u32(nlh, KDTLS_A_FD, (u32)fd);
	return talk(nlh, NULL, NULL);
}
