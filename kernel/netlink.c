// SPDX-License-Identifier: GPL-2.0
/*
 * Generic netlink: loads the module on demand, attaches without netfilter, and is
 * how endpoints are controlled and looked at.
 */
#include <linux/file.h>
#include <linux/kdtls.h>
#include <linux/module.h>
#include <linux/net.h>
#include <net/genetlink.h>

#include "endpoint.h"
#include "install.h"
#include "netlink.h"
#include "peer.h"
#include "sock.h"
#include "stat.h"

static struct genl_family kdtls_nl_family;

void *kdtls_nl_put_header(struct sk_buff *skb, u32 portid, u32 seq, int flags,
			  u8 cmd)
{
	return genlmsg_put(skb, portid, seq, &kdtls_nl_family, flags, cmd);
}

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

/* Whoever has a member's descriptor may do with its sessions as he likes. */
static struct kdtls_endpoint *kdtls_nl_endpoint_of_fd(struct nlattr *attr,
						      struct netlink_ext_ack *extack)
{
	struct kdtls_endpoint *endpoint = NULL;
	struct kdtls_sock *ks;
	struct socket *sock;
	int err;

	sock = sockfd_lookup(nla_get_u32(attr), &err);
	if (!sock) {
		NL_SET_ERR_MSG_ATTR(extack, attr,
				    "not a socket of this process");
		return ERR_PTR(err);
	}
	ks = kdtls_sk(sock->sk);
	if (ks)
		/* Pairs with the release in kdtls_member_add(). */
		endpoint = smp_load_acquire(&ks->endpoint);
	/* The descriptor keeps the member, and the member the endpoint. */
	if (endpoint)
		refcount_inc(&endpoint->refs);
	sockfd_put(sock);
	if (endpoint)
		return endpoint;
	NL_SET_ERR_MSG_ATTR(extack, attr, "not a member of an endpoint");
	return ERR_PTR(-ENOTCONN);
}

/**
 * kdtls_nl_endpoint() - the endpoint that a message names
 * @skb: the message
 * @net: the namespace of its sender
 * @attrs: its attributes
 * @extack: where to say what is wrong
 *
 * By a member's descriptor, or by number for who may administer the namespace.
 *
 * Return: an endpoint, to be given to kdtls_endpoint_put(), or an ERR_PTR().
 */
struct kdtls_endpoint *kdtls_nl_endpoint(struct sk_buff *skb, struct net *net,
					 struct nlattr **attrs,
					 struct netlink_ext_ack *extack)
{
	struct kdtls_endpoint *endpoint;

	if (attrs[KDTLS_A_FD])
		return kdtls_nl_endpoint_of_fd(attrs[KDTLS_A_FD], extack);
	if (!netlink_ns_capable(skb, net->user_ns, CAP_NET_ADMIN)) {
		NL_SET_ERR_MSG(extack,
			       "this takes a member's descriptor or CAP_NET_ADMIN");
		return ERR_PTR(-EPERM);
	}
	if (!attrs[KDTLS_A_ENDPOINT]) {
		NL_SET_ERR_MSG(extack,
			       "neither a member's descriptor nor an endpoint's number is given");
		return ERR_PTR(-EINVAL);
	}
	endpoint = kdtls_endpoint_of_id(net,
					nla_get_u32(attrs[KDTLS_A_ENDPOINT]));
	if (endpoint)
		return endpoint;
	NL_SET_ERR_MSG_ATTR(extack, attrs[KDTLS_A_ENDPOINT],
			    "there is no such endpoint");
	return ERR_PTR(-ENOENT);
}

static int kdtls_nl_endpoint_get(struct sk_buff *skb, struct genl_info *info)
{
	struct kdtls_endpoint *endpoint;
	struct sk_buff *answer;
	void *header;
	int err;

	endpoint = kdtls_nl_endpoint(skb, genl_info_net(info), info->attrs,
				     info->extack);
	if (IS_ERR(endpoint))
		return PTR_ERR(endpoint);
	err = -ENOMEM;
	answer = genlmsg_new(GENLMSG_DEFAULT_SIZE, GFP_KERNEL);
	if (!answer)
		goto out;
	err = -EMSGSIZE;
	header = kdtls_nl_put_header(answer, info->snd_portid, info->snd_seq, 0,
				     KDTLS_CMD_ENDPOINT_GET);
	if (!header || kdtls_nl_fill_endpoint(answer, endpoint)) {
		nlmsg_free(answer);
		goto out;
	}
	genlmsg_end(answer, header);
	err = genlmsg_reply(answer, info);
out:
	kdtls_endpoint_put(endpoint);
	return err;
}

static int kdtls_nl_put_counter(struct sk_buff *skb, struct net *net,
				enum kdtls_counter counter)
{
	struct nlattr *nest = nla_nest_start(skb, KDTLS_A_COUNTER);

	if (!nest || nla_put_string(skb, KDTLS_A_NAME,
				    kdtls_stat_name(counter)) ||
	    nla_put_s64(skb, KDTLS_A_VALUE, kdtls_stat_read(net, counter),
			KDTLS_A_PAD))
		return -EMSGSIZE;
	nla_nest_end(skb, nest);
	return 0;
}

static int kdtls_nl_stats_get(struct sk_buff *skb, struct genl_info *info)
{
	struct sk_buff *answer = genlmsg_new(GENLMSG_DEFAULT_SIZE, GFP_KERNEL);
	void *header;
	int i;

	if (!answer)
		return -ENOMEM;
	header = kdtls_nl_put_header(answer, info->snd_portid, info->snd_seq, 0,
				     KDTLS_CMD_STATS_GET);
	if (!header)
		goto err_free;
	for (i = 0; i < KDTLS_COUNTERS; i++)
		if (kdtls_nl_put_counter(answer, genl_info_net(info), i))
			goto err_free;
	genlmsg_end(answer, header);
	return genlmsg_reply(answer, info);

err_free:
	nlmsg_free(answer);
	return -EMSGSIZE;
}

static struct netlink_range_validation kdtls_nl_retire = {
	.max = DTLS_RETIRE_MAX,
};

static struct netlink_range_validation kdtls_nl_idle = {
	.max = DTLS_IDLE_MAX,
};

static const struct nla_policy kdtls_nl_policy[KDTLS_A_MAX + 1] = {
	[KDTLS_A_FD]		= { .type = NLA_U32 },
	[KDTLS_A_ENDPOINT]	= { .type = NLA_U32 },
	[KDTLS_A_SESSION]	= { .type = NLA_U32 },
	[KDTLS_A_PEER]		= NLA_POLICY_RANGE(NLA_BINARY,
						   sizeof(struct sockaddr_in),
						   sizeof(struct sockaddr_in6)),
	[KDTLS_A_LOCAL]		= NLA_POLICY_RANGE(NLA_BINARY,
						   sizeof(struct sockaddr_in),
						   sizeof(struct sockaddr_in6)),
	[KDTLS_A_OWNER]		= { .type = NLA_U32 },
	[KDTLS_A_TX]		= NLA_POLICY_RANGE(NLA_BINARY,
						   sizeof(struct dtls_crypto_info),
						   sizeof(union kdtls_install)),
	[KDTLS_A_RX]		= NLA_POLICY_RANGE(NLA_BINARY,
						   sizeof(struct dtls_crypto_info),
						   sizeof(union kdtls_install)),
	[KDTLS_A_LIMITS]	= NLA_POLICY_EXACT_LEN(sizeof(struct dtls_limits)),
	[KDTLS_A_RETIRE]	= NLA_POLICY_FULL_RANGE(NLA_U32,
							&kdtls_nl_retire),
	[KDTLS_A_IDLE]		= NLA_POLICY_FULL_RANGE(NLA_U32,
							&kdtls_nl_idle),
	[KDTLS_A_HANDSHAKE]	= NLA_POLICY_MAX(NLA_U8, 1),
	[KDTLS_A_STATE]		= { .type = NLA_U16 },
};

#define KDTLS_NL_DO(command, call)					\
	{								\
		.cmd		= command,				\
		.doit		= call,					\
		.policy		= kdtls_nl_policy,			\
		.maxattr	= KDTLS_A_MAX,				\
	}

#define KDTLS_NL_GET(command, call, list)				\
	{								\
		.cmd		= command,				\
		.doit		= call,					\
		.start		= kdtls_nl_list_start,			\
		.dumpit		= list,					\
		.done		= kdtls_nl_dump_done,			\
		.policy		= kdtls_nl_policy,			\
		.maxattr	= KDTLS_A_MAX,				\
	}

/* Rights are asked for where it is known of what: see kdtls_nl_endpoint(). */
static const struct genl_ops kdtls_nl_ops[] = {
	KDTLS_NL_DO(KDTLS_CMD_ATTACH, kdtls_nl_attach),
	KDTLS_NL_GET(KDTLS_CMD_ENDPOINT_GET, kdtls_nl_endpoint_get,
		     kdtls_nl_endpoint_dump),
	KDTLS_NL_DO(KDTLS_CMD_SESSION_NEW, kdtls_nl_session_new),
	KDTLS_NL_GET(KDTLS_CMD_SESSION_GET, kdtls_nl_session_get,
		     kdtls_nl_session_dump),
	KDTLS_NL_DO(KDTLS_CMD_SESSION_SET, kdtls_nl_session_set),
	KDTLS_NL_DO(KDTLS_CMD_SESSION_DEL, kdtls_nl_session_del),
	KDTLS_NL_DO(KDTLS_CMD_SESSION_REPLACE, kdtls_nl_session_replace),
	KDTLS_NL_DO(KDTLS_CMD_KEY_NEW, kdtls_nl_key_new),
	KDTLS_NL_DO(KDTLS_CMD_STATS_GET, kdtls_nl_stats_get),
};

/* It tells who talks to whom. */
static const struct genl_multicast_group kdtls_nl_groups[] = {
	{ .name = KDTLS_GENL_EVENTS, .flags = GENL_MCAST_CAP_NET_ADMIN },
};

static struct genl_family kdtls_nl_family __ro_after_init = {
	.name		= KDTLS_GENL_NAME,
	.version	= KDTLS_GENL_VERSION,
	.netnsok	= true,
	.parallel_ops	= true,
	.module		= THIS_MODULE,
	.ops		= kdtls_nl_ops,
	.n_ops		= ARRAY_SIZE(kdtls_nl_ops),
	.mcgrps		= kdtls_nl_groups,
	.n_mcgrps	= ARRAY_SIZE(kdtls_nl_groups),
};

static int kdtls_nl_fill_event(struct sk_buff *skb, struct kdtls_peer *peer,
			       u8 type, u16 epoch)
{
	if (nla_put_u8(skb, KDTLS_A_EVENT, type) ||
	    (epoch && nla_put_u16(skb, KDTLS_A_EPOCH, epoch)))
		return -EMSGSIZE;
	return kdtls_nl_fill_session(skb, peer);
}

/**
 * kdtls_nl_event() - tell who listens in the namespace
 * @peer: the session that it happened to
 * @type: DTLS_EVENT_*
 * @epoch: which epoch it is about, or 0
 *
 * Context: Process context, may sleep.
 */
void kdtls_nl_event(struct kdtls_peer *peer, u8 type, u16 epoch)
{
	struct net *net = peer->endpoint->net;
	struct sk_buff *skb;
	void *header;

	if (!genl_has_listeners(&kdtls_nl_family, net, 0))
		return;
	skb = genlmsg_new(GENLMSG_DEFAULT_SIZE, GFP_KERNEL_ACCOUNT);
	if (!skb) {
		/* As one whose buffer is full, who listens has to know. */
		genl_set_err(&kdtls_nl_family, net, 0, 0, -ENOBUFS);
		return;
	}
	header = kdtls_nl_put_header(skb, 0, 0, 0, KDTLS_CMD_EVENT);
	if (!header || kdtls_nl_fill_event(skb, peer, type, epoch)) {
		nlmsg_free(skb);
		return;
	}
	genlmsg_end(skb, header);
	genlmsg_multicast_netns(&kdtls_nl_family, net, skb, 0, 0, GFP_KERNEL);
}

int __init kdtls_netlink_init(void)
{
	return genl_register_family(&kdtls_nl_family);
}

void kdtls_netlink_exit(void)
{
	genl_unregister_family(&kdtls_nl_family);
}

MODULE_ALIAS_GENL_FAMILY(KDTLS_GENL_NAME);
