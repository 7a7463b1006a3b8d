// SPDX-License-Identifier: GPL-2.0
/* Generic netlink: loads the module on demand, attaches without netfilter. */
#include <linux/file.h>
#include <linux/kdtls.h>
#include <linux/module.h>
#include <linux/net.h>
#include <net/genetlink.h>

#include "sock.h"

static int kdtls_nl_attach(struct sk_buff *skb, struct genl_info *info)
{
	struct socket *sock;
	int err;

	if (GENL_REQ_ATTR_CHECK(info, KDTLS_A_FD))
		return -EINVAL;
	sock = sockfd_lookup(nla_get_u32(info->attrs[KDTLS_A_FD]), &err);
	if (!sock) {
		NL_SET_ERR_MSG_ATTR(info->extack, info->attrs[KDTLS_A_FD],
				    "not a socket of this process");
		return err;
	}
	err = kdtls_attach(sock->sk);
	if (err == -EPROTONOSUPPORT)
		NL_SET_ERR_MSG(info->extack, "not a UDP socket");
	else if (err == -EBUSY)
		NL_SET_ERR_MSG(info->extack,
			       "the socket is encapsulated, in a sockmap, corked or being read");
	else if (err == -EEXIST)
		NL_SET_ERR_MSG(info->extack, "the socket is attached already");
	sockfd_put(sock);
	return err;
}

static const struct nla_policy kdtls_attach_policy[KDTLS_A_MAX + 1] = {
	[KDTLS_A_FD] = { .type = NLA_U32 },
};

/* Whoever has a descriptor may use it: no privileges are asked for. */
static const struct genl_ops kdtls_nl_ops[] = {
	{
		.cmd		= KDTLS_CMD_ATTACH,
		.doit		= kdtls_nl_attach,
		.policy		= kdtls_attach_policy,
		.maxattr	= KDTLS_A_MAX,
	},
};

static struct genl_family kdtls_nl_family __ro_after_init = {
	.name		= KDTLS_GENL_NAME,
	.version	= KDTLS_GENL_VERSION,
	.netnsok	= true,
	.parallel_ops	= true,
	.module		= THIS_MODULE,
	.ops		= kdtls_nl_ops,
	.n_ops		= ARRAY_SIZE(kdtls_nl_ops),
};

int __init kdtls_netlink_init(void)
{
	return genl_register_family(&kdtls_nl_family);
}

void kdtls_netlink_exit(void)
{
	genl_unregister_family(&kdtls_nl_family);
}

MODULE_ALIAS_GENL_FAMILY(KDTLS_GENL_NAME);
