// SPDX-License-Identifier: GPL-2.0
/*
 * Lists of endpoints and sessions. A list goes on behind the number where it
 * stopped: what is there all the time is in it exactly once, however long it
 * takes to read it and whatever happens meanwhile.
 */
#include <linux/kdtls.h>
#include <linux/slab.h>
#include <net/genetlink.h>

#include "compat.h"
#include "endpoint.h"
#include "netlink.h"
#include "peer.h"
#include "sock.h"

/**
 * struct kdtls_nl_list - a list that is being read
 * @endpoint: the only one that it is about, or NULL for all
 * @by_peer: only sessions with this peer: of @key
 * @key: which peer; a port of 0 means any
 * @state: only sessions with one of these DTLS_STATE_* bits; 0 for all
 * @at: number of the endpoint that is done
 * @now: number of the endpoint whose sessions are being listed
 * @behind: number of its session that is done
 */
struct kdtls_nl_list {
	struct kdtls_endpoint	*endpoint;
	bool			by_peer;
	struct kdtls_peer_key	key;
	u16			state;
	u32			at;
	u32			now;
	u32			behind;
};

static struct kdtls_nl_list *kdtls_nl_list(struct netlink_callback *cb)
{
	return (struct kdtls_nl_list *)cb->args[0];
}

/* All of a namespace's, for who may see them, or those of one endpoint. */
static int kdtls_nl_list_whose(struct kdtls_nl_list *list,
			       struct netlink_callback *cb,
			       struct nlattr **attrs)
{
	struct net *net = sock_net(cb->skb->sk);
	struct kdtls_endpoint *endpoint;

	if (!attrs[KDTLS_A_FD] && !attrs[KDTLS_A_ENDPOINT]) {
		if (netlink_ns_capable(cb->skb, net->user_ns, CAP_NET_ADMIN))
			return 0;
		NL_SET_ERR_MSG(cb->extack,
			       "a list of everybody's takes CAP_NET_ADMIN; of one endpoint, a member's descriptor");
		return -EPERM;
	}
	endpoint = kdtls_nl_endpoint(cb->skb, net, attrs, cb->extack);
	if (IS_ERR(endpoint))
		return PTR_ERR(endpoint);
	list->endpoint = endpoint;
	return 0;
}

static int kdtls_nl_list_which(struct kdtls_nl_list *list,
			       struct netlink_callback *cb,
			       struct nlattr **attrs)
{
	if (attrs[KDTLS_A_STATE])
		list->state = nla_get_u16(attrs[KDTLS_A_STATE]);
	if (!attrs[KDTLS_A_PEER])
		return 0;
	list->by_peer = true;
	return kdtls_nl_parse_filter(&list->key, attrs[KDTLS_A_PEER],
				     cb->extack);
}

int kdtls_nl_list_start(struct netlink_callback *cb)
{
	struct nlattr **attrs = kdtls_dump_attrs(cb);
	struct kdtls_nl_list *list;
	int err;

	list = kzalloc(sizeof(*list), GFP_KERNEL_ACCOUNT);
	if (!list)
		return -ENOMEM;
	err = kdtls_nl_list_whose(list, cb, attrs);
	if (!err)
		err = kdtls_nl_list_which(list, cb, attrs);
	if (err) {
		if (list->endpoint)
			kdtls_endpoint_put(list->endpoint);
		kfree(list);
		return err;
	}
	cb->args[0] = (long)list;
	return 0;
}

int kdtls_nl_dump_done(struct netlink_callback *cb)
{
	struct kdtls_nl_list *list = kdtls_nl_list(cb);

	if (!list)
		return 0;
	if (list->endpoint)
		kdtls_endpoint_put(list->endpoint);
	kfree(list);
	return 0;
}

/* The endpoint to list, or the next one; NULL after the last. */
static struct kdtls_endpoint *kdtls_nl_next_endpoint(struct kdtls_nl_list *list,
						     struct net *net)
{
	if (!list->endpoint)
		return kdtls_endpoint_after(net, list->at);
	if (list->at)
		return NULL;
	refcount_inc(&list->endpoint->refs);
	return list->endpoint;
}

static bool kdtls_nl_wanted(const struct kdtls_nl_list *list,
			    struct kdtls_peer *peer)
{
	const struct kdtls_peer_key *key = &list->key;
	struct dtls_info info;

	if (list->by_peer &&
	    (!ipv6_addr_equal(&key->addr, &peer->key.addr) ||
	     (key->port && key->port != peer->key.port) ||
	     (key->scope && key->scope != peer->key.scope)))
		return false;
	if (!list->state)
		return true;
	kdtls_tell_session(&info, &peer->session);
	return list->state & info.state;
}

static int kdtls_nl_put_one(struct sk_buff *skb, struct netlink_callback *cb,
			    u8 cmd, struct kdtls_endpoint *endpoint,
			    struct kdtls_peer *peer)
{
	void *header = kdtls_nl_put_header(skb, NETLINK_CB(cb->skb).portid,
					   cb->nlh->nlmsg_seq, NLM_F_MULTI,
					   cmd);
	int err;

	if (!header)
		return -EMSGSIZE;
	err = peer ? kdtls_nl_fill_session(skb, peer) :
		     kdtls_nl_fill_endpoint(skb, endpoint);
	if (err)
		genlmsg_cancel(skb, header);
	else
		genlmsg_end(skb, header);
	return err;
}

/* Return: 0 after the endpoint's last session, or -EMSGSIZE when @skb is full. */
static int kdtls_nl_list_sessions(struct kdtls_nl_list *list,
				  struct sk_buff *skb,
				  struct netlink_callback *cb,
				  struct kdtls_endpoint *endpoint)
{
	struct kdtls_peer *peer;
	int err = 0;

	/* The one that was listed last may be gone. */
	if (list->now != endpoint->id)
		list->behind = 0;
	list->now = endpoint->id;
	while (!err) {
		peer = kdtls_peer_after(endpoint, list->behind);
		if (!peer)
			return 0;
		if (kdtls_nl_wanted(list, peer))
			err = kdtls_nl_put_one(skb, cb, KDTLS_CMD_SESSION_GET,
					       endpoint, peer);
		if (!err)
			list->behind = peer->id;
		kdtls_peer_put(peer);
		cond_resched();
	}
	return err;
}

static int kdtls_nl_list_endpoint(struct kdtls_nl_list *list,
				  struct sk_buff *skb,
				  struct netlink_callback *cb,
				  struct kdtls_endpoint *endpoint)
{
	return kdtls_nl_put_one(skb, cb, KDTLS_CMD_ENDPOINT_GET, endpoint,
				NULL);
}

/* What there is to be listed of one endpoint. */
typedef int kdtls_nl_list_t(struct kdtls_nl_list *list, struct sk_buff *skb,
			    struct netlink_callback *cb,
			    struct kdtls_endpoint *endpoint);

static int kdtls_nl_each_endpoint(struct sk_buff *skb,
				  struct netlink_callback *cb,
				  kdtls_nl_list_t *list_it)
{
	struct kdtls_nl_list *list = kdtls_nl_list(cb);
	struct net *net = sock_net(cb->skb->sk);
	struct kdtls_endpoint *endpoint;
	u32 id;
	int err;

	for (;;) {
		endpoint = kdtls_nl_next_endpoint(list, net);
		if (!endpoint)
			return skb->len;
		id = endpoint->id;
		err = list_it(list, skb, cb, endpoint);
		kdtls_endpoint_put(endpoint);
		if (err)
			return skb->len ?: err;
		list->at = id;
	}
}

int kdtls_nl_session_dump(struct sk_buff *skb, struct netlink_callback *cb)
{
	return kdtls_nl_each_endpoint(skb, cb, kdtls_nl_list_sessions);
}

int kdtls_nl_endpoint_dump(struct sk_buff *skb, struct netlink_callback *cb)
{
	return kdtls_nl_each_endpoint(skb, cb, kdtls_nl_list_endpoint);
}
