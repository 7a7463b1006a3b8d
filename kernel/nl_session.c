// SPDX-License-Identifier: GPL-2.0
/* Sessions by netlink: made, replaced, given keys, changed, asked for, deleted. */
#include <linux/kdtls.h>
#include <linux/slab.h>
#include <net/genetlink.h>

#include "endpoint.h"
#include "event.h"
#include "install.h"
#include "netlink.h"
#include "peer.h"
#include "sock.h"
#include "stat.h"
#include "trace.h"

static void kdtls_nl_unlock(struct kdtls_endpoint *endpoint)
{
	mutex_unlock(&endpoint->lock);
	kdtls_endpoint_put(endpoint);
}

/* The endpoint that a message names, locked. */
static struct kdtls_endpoint *kdtls_nl_lock(struct sk_buff *skb,
					    struct genl_info *info)
{
	struct kdtls_endpoint *endpoint;

	endpoint = kdtls_nl_endpoint(skb, genl_info_net(info), info->attrs,
				     info->extack);
	if (IS_ERR(endpoint))
		return endpoint;
	mutex_lock(&endpoint->lock);
	if (!endpoint->dead)
		return endpoint;
	kdtls_nl_unlock(endpoint);
	NL_SET_ERR_MSG(info->extack, "the endpoint has no members any more");
	return ERR_PTR(-ENODEV);
}

/* The session that a message names, by number or by peer. */
static struct kdtls_peer *kdtls_nl_peer(struct kdtls_endpoint *endpoint,
					struct genl_info *info)
{
	struct kdtls_peer_key key;
	struct kdtls_peer *peer;
	int err;

	if (info->attrs[KDTLS_A_SESSION]) {
		peer = kdtls_peer_of_id(endpoint,
					nla_get_u32(info->attrs[KDTLS_A_SESSION]));
	} else if (info->attrs[KDTLS_A_PEER]) {
		err = kdtls_nl_parse_key(&key, endpoint, info->attrs,
					 info->extack);
		if (err)
			return ERR_PTR(err);
		peer = kdtls_peer_find(endpoint, &key);
	} else {
		NL_SET_ERR_MSG(info->extack,
			       "neither a session's number nor its peer is given");
		return ERR_PTR(-EINVAL);
	}
	if (peer)
		return peer;
	NL_SET_ERR_MSG(info->extack, "the endpoint has no such session");
	return ERR_PTR(-ENOENT);
}

/* Keys */

static int kdtls_nl_get_limits(struct dtls_limits *limits,
			       struct genl_info *info)
{
	const struct nlattr *attr = info->attrs[KDTLS_A_LIMITS];

	memset(limits, 0, sizeof(*limits));
	if (!attr)
		return 0;
	memcpy(limits, nla_data(attr), sizeof(*limits));
	if (!kdtls_check_limits(limits))
		return 0;
	NL_SET_ERR_MSG_ATTR(info->extack, attr,
			    "a soft limit above its hard one");
	return -EINVAL;
}

static const char *kdtls_nl_why_no_keys(int err)
{
	switch (err) {
	case -EOPNOTSUPP:
		return "no such cipher";
	case -ENOENT:
		return "the kernel does not have that cipher: load its module";
	case -EINVAL:
		return "not a valid struct dtls12_crypto_info of that cipher";
	default:
		return NULL;
	}
}

/* NULL if the message has none. */
static struct kdtls_epoch *kdtls_nl_keys(struct genl_info *info, bool tx)
{
	struct nlattr *attr = info->attrs[tx ? KDTLS_A_TX : KDTLS_A_RX];
	union kdtls_install install = {};
	struct kdtls_epoch *epoch;
	struct dtls_limits limits;
	int err;

	if (!attr)
		return NULL;
	err = kdtls_nl_get_limits(&limits, info);
	if (err)
		return ERR_PTR(err);
	memcpy(&install, nla_data(attr), nla_len(attr));
	epoch = kdtls_keys_new(&install, nla_len(attr), tx, &limits, true);
	memzero_explicit(&install, sizeof(install));
	if (IS_ERR(epoch)) {
		NL_SET_BAD_ATTR(info->extack, attr);
		info->extack->_msg = kdtls_nl_why_no_keys(PTR_ERR(epoch));
	}
	return epoch;
}

/**
 * struct kdtls_nl_keys - the keys of both directions
 * @tx: for sending, or NULL
 * @rx: for receiving, or NULL
 *
 * What is still here in the end has to be put.
 */
struct kdtls_nl_keys {
	struct kdtls_epoch	*tx;
	struct kdtls_epoch	*rx;
};

static void kdtls_nl_put_keys(struct kdtls_nl_keys *keys)
{
	kdtls_epoch_put(keys->tx);
	kdtls_epoch_put(keys->rx);
}

static int kdtls_nl_get_keys(struct kdtls_nl_keys *keys, struct genl_info *info)
{
	memset(keys, 0, sizeof(*keys));
	keys->tx = kdtls_nl_keys(info, true);
	if (IS_ERR(keys->tx))
		return PTR_ERR(keys->tx);
	keys->rx = kdtls_nl_keys(info, false);
	if (!IS_ERR(keys->rx))
		return 0;
	kdtls_epoch_put(keys->tx);
	return PTR_ERR(keys->rx);
}

/* In either direction: a key that both sides seal with repeats nonces, too. */
static bool kdtls_nl_key_known(struct kdtls_session *session,
			       const struct kdtls_nl_keys *keys)
{
	if (keys->tx && kdtls_session_has_key(session, keys->tx))
		return true;
	if (keys->rx && kdtls_session_has_key(session, keys->rx))
		return true;
	return keys->tx && keys->rx && kdtls_epoch_same_key(keys->tx, keys->rx);
}

/*
 * What is checked here can not fail in there. @net is where to count it, or NULL for
 * a session that counts only once it can be found.
 */
static int kdtls_nl_install(struct kdtls_peer *peer, struct net *net,
			    struct kdtls_nl_keys *keys)
{
	struct kdtls_session *session = &peer->session;
	int err = 0;

	if (kdtls_nl_key_known(session, keys))
		return -EKEYREJECTED;
	if (keys->rx)
		err = kdtls_session_may_install(session, false, keys->rx);
	if (!err && keys->tx)
		err = kdtls_session_may_install(session, true, keys->tx);
	if (err)
		return err;
	/* The peer may use its new keys once it sees ours. */
	if (keys->rx)
		kdtls_session_install(session, net, false, &keys->rx,
				      peer->retire_ms);
	if (keys->tx)
		kdtls_session_install(session, net, true, &keys->tx, 0);
	return 0;
}

static void kdtls_nl_installed(struct kdtls_peer *peer, bool tx)
{
	struct kdtls_session *session = &peer->session;

	trace_kdtls_install(NULL, peer, tx,
			    rcu_dereference_protected(tx ? session->tx :
							   session->rx,
				lockdep_is_held(&peer->endpoint->lock)));
}

/* It is in the tables, and has a number. */
static void kdtls_nl_begun(struct kdtls_peer *peer)
{
	kdtls_nl_installed(peer, false);
	kdtls_nl_installed(peer, true);
	kdtls_peer_arm(peer);
	kdtls_peer_event(peer, DTLS_EVENT_UP, 0);
}

/* What can be set of a session. */

static int kdtls_nl_check_owner(struct kdtls_endpoint *endpoint,
				struct genl_info *info)
{
	const struct nlattr *attr = info->attrs[KDTLS_A_OWNER];
	u32 owner;

	if (!attr)
		return 0;
	owner = nla_get_u32(attr);
	if (!owner || xa_load(&endpoint->members, owner))
		return 0;
	NL_SET_ERR_MSG_ATTR(info->extack, attr,
			    "the endpoint has no such member");
	return -ESRCH;
}

/* Checked before. Returns whether the owner has changed. */
static bool kdtls_nl_set_up(struct kdtls_peer *peer, struct nlattr **attrs)
{
	u32 owner = peer->owner;

	if (attrs[KDTLS_A_OWNER])
		WRITE_ONCE(peer->owner, nla_get_u32(attrs[KDTLS_A_OWNER]));
	if (attrs[KDTLS_A_RETIRE])
		WRITE_ONCE(peer->retire_ms, nla_get_u32(attrs[KDTLS_A_RETIRE]));
	if (attrs[KDTLS_A_IDLE])
		WRITE_ONCE(peer->idle_ms, nla_get_u32(attrs[KDTLS_A_IDLE]));
	if (attrs[KDTLS_A_HANDSHAKE])
		WRITE_ONCE(peer->handshake,
			   nla_get_u8(attrs[KDTLS_A_HANDSHAKE]));
	return peer->owner != owner;
}

/* Answers */

static int kdtls_nl_answer(struct genl_info *info, u8 cmd,
			   struct kdtls_peer *peer)
{
	struct sk_buff *skb = genlmsg_new(GENLMSG_DEFAULT_SIZE, GFP_KERNEL);
	void *header;

	if (!skb)
		return -ENOMEM;
	header = kdtls_nl_put_header(skb, info->snd_portid, info->snd_seq, 0,
				     cmd);
	if (!header || kdtls_nl_fill_session(skb, peer)) {
		nlmsg_free(skb);
		return -EMSGSIZE;
	}
	genlmsg_end(skb, header);
	return genlmsg_reply(skb, info);
}

/* Commands */

static void kdtls_nl_say_why_not(struct genl_info *info, int err)
{
	switch (err) {
	case -EEXIST:
		NL_SET_ERR_MSG(info->extack,
			       "the peer has a session: replace it");
		break;
	case -ENOSPC:
		NL_SET_ERR_MSG(info->extack,
			       "the peer has sessions with too many addresses of ours");
		break;
	case -EKEYREJECTED:
		NL_SET_ERR_MSG(info->extack,
			       "a key that the session has already, or one for both directions");
		break;
	case -EPIPE:
		NL_SET_ERR_MSG(info->extack, "the session is closed");
		break;
	}
}

static int kdtls_nl_new(struct kdtls_endpoint *endpoint,
			struct genl_info *info, struct kdtls_nl_keys *keys)
{
	struct kdtls_peer_key key;
	struct kdtls_peer *peer;
	int err;

	if (GENL_REQ_ATTR_CHECK(info, KDTLS_A_PEER))
		return -EINVAL;
	err = kdtls_nl_parse_key(&key, endpoint, info->attrs, info->extack);
	if (!err)
		err = kdtls_nl_check_owner(endpoint, info);
	if (err)
		return err;
	peer = kdtls_peer_new(endpoint, &key);
	if (!peer)
		return -ENOMEM;
	kdtls_nl_set_up(peer, info->attrs);
	/* It has its keys before anybody can find it. */
	err = kdtls_nl_install(peer, NULL, keys);
	if (!err)
		err = kdtls_peer_add(peer);
	if (err) {
		kdtls_nl_say_why_not(info, err);
		kdtls_peer_discard(peer);
		return err;
	}
	kdtls_stat_inc(endpoint->net, KDTLS_SESSIONS_NEW);
	kdtls_nl_begun(peer);
	kdtls_nl_answer(info, KDTLS_CMD_SESSION_NEW, peer);
	return 0;
}

/* A new association must not seal with a key that the old one has used. */
static int kdtls_nl_check_fresh(struct kdtls_peer *old,
				const struct kdtls_nl_keys *keys,
				struct genl_info *info)
{
	if (!kdtls_nl_key_known(&old->session, keys))
		return 0;
	kdtls_nl_say_why_not(info, -EKEYREJECTED);
	return -EKEYREJECTED;
}

static void kdtls_nl_inherit(struct kdtls_peer *peer,
			     const struct kdtls_peer *old)
{
	peer->owner = old->owner;
	peer->retire_ms = old->retire_ms;
	peer->idle_ms = old->idle_ms;
}

static int kdtls_nl_replace_by(struct kdtls_endpoint *endpoint,
			       struct genl_info *info,
			       struct kdtls_nl_keys *keys,
			       struct kdtls_peer *old)
{
	struct kdtls_peer *peer;
	int err;

	err = kdtls_nl_check_owner(endpoint, info);
	if (!err)
		err = kdtls_nl_check_fresh(old, keys, info);
	if (err)
		return err;
	peer = kdtls_peer_new(endpoint, &old->key);
	if (!peer)
		return -ENOMEM;
	kdtls_nl_inherit(peer, old);
	kdtls_nl_set_up(peer, info->attrs);
	err = kdtls_nl_install(peer, NULL, keys);
	if (!err)
		err = kdtls_peer_replace(old, peer);
	if (err) {
		kdtls_peer_discard(peer);
		return err;
	}
	kdtls_stat_inc(endpoint->net, KDTLS_SESSIONS_REPLACED);
	kdtls_peer_event(old, DTLS_EVENT_GONE, 0);
	kdtls_nl_begun(peer);
	kdtls_nl_answer(info, KDTLS_CMD_SESSION_REPLACE, peer);
	return 0;
}

static int kdtls_nl_replace(struct kdtls_endpoint *endpoint,
			    struct genl_info *info, struct kdtls_nl_keys *keys)
{
	struct kdtls_peer *old = kdtls_nl_peer(endpoint, info);
	int err;

	if (IS_ERR(old))
		return PTR_ERR(old);
	err = kdtls_nl_replace_by(endpoint, info, keys, old);
	kdtls_peer_put(old);
	return err;
}

static int kdtls_nl_key(struct kdtls_endpoint *endpoint, struct genl_info *info,
			struct kdtls_nl_keys *keys)
{
	struct kdtls_peer *peer = kdtls_nl_peer(endpoint, info);
	bool tx = keys->tx, rx = keys->rx;
	int err;

	if (IS_ERR(peer))
		return PTR_ERR(peer);
	err = kdtls_nl_install(peer, endpoint->net, keys);
	if (!err)
		kdtls_peer_arm(peer);
	if (!err && rx)
		kdtls_nl_installed(peer, false);
	if (!err && tx)
		kdtls_nl_installed(peer, true);
	kdtls_nl_say_why_not(info, err);
	kdtls_peer_put(peer);
	return err;
}

/* What a command does with keys, under the endpoint's lock. */
typedef int kdtls_nl_keyed_t(struct kdtls_endpoint *endpoint,
			     struct genl_info *info,
			     struct kdtls_nl_keys *keys);

static int kdtls_nl_do_keyed(struct sk_buff *skb, struct genl_info *info,
			     kdtls_nl_keyed_t *call)
{
	struct kdtls_endpoint *endpoint;
	struct kdtls_nl_keys keys;
	int err;

	err = kdtls_nl_get_keys(&keys, info);
	if (err)
		return err;
	endpoint = kdtls_nl_lock(skb, info);
	if (IS_ERR(endpoint)) {
		err = PTR_ERR(endpoint);
		goto out;
	}
	err = call(endpoint, info, &keys);
	kdtls_nl_unlock(endpoint);
out:
	kdtls_nl_put_keys(&keys);
	return err;
}

/*
 * The message stays in memory for a while, and an answer that says what was wrong
 * brings it back.
 */
static void kdtls_nl_wipe(struct genl_info *info)
{
	struct nlattr *attr;
	int left;

	nlmsg_for_each_attr(attr, info->nlhdr, GENL_HDRLEN, left)
		if (nla_type(attr) == KDTLS_A_TX ||
		    nla_type(attr) == KDTLS_A_RX)
			memzero_explicit(nla_data(attr), nla_len(attr));
}

/* Those of both directions, or of at least one. */
static bool kdtls_nl_has_keys(struct genl_info *info, bool both)
{
	if (!both && info->attrs[KDTLS_A_TX])
		return true;
	if (both && GENL_REQ_ATTR_CHECK(info, KDTLS_A_TX))
		return false;
	return !GENL_REQ_ATTR_CHECK(info, KDTLS_A_RX);
}

static int kdtls_nl_keyed(struct sk_buff *skb, struct genl_info *info,
			  bool both, kdtls_nl_keyed_t *call)
{
	int err = -EINVAL;

	if (kdtls_nl_has_keys(info, both))
		err = kdtls_nl_do_keyed(skb, info, call);
	kdtls_nl_wipe(info);
	return err;
}

int kdtls_nl_session_new(struct sk_buff *skb, struct genl_info *info)
{
	return kdtls_nl_keyed(skb, info, true, kdtls_nl_new);
}

int kdtls_nl_session_replace(struct sk_buff *skb, struct genl_info *info)
{
	return kdtls_nl_keyed(skb, info, true, kdtls_nl_replace);
}

int kdtls_nl_key_new(struct sk_buff *skb, struct genl_info *info)
{
	return kdtls_nl_keyed(skb, info, false, kdtls_nl_key);
}

/* One that was removed since it was found must not be changed any more. */
static struct kdtls_peer *kdtls_nl_lock_peer(struct sk_buff *skb,
					     struct genl_info *info,
					     struct kdtls_endpoint **endpoint)
{
	struct kdtls_peer *peer;

	*endpoint = kdtls_nl_lock(skb, info);
	if (IS_ERR(*endpoint))
		return ERR_CAST(*endpoint);
	peer = kdtls_nl_peer(*endpoint, info);
	if (IS_ERR(peer))
		kdtls_nl_unlock(*endpoint);
	return peer;
}

static void kdtls_nl_unlock_peer(struct kdtls_endpoint *endpoint,
				 struct kdtls_peer *peer)
{
	kdtls_peer_put(peer);
	kdtls_nl_unlock(endpoint);
}

int kdtls_nl_session_get(struct sk_buff *skb, struct genl_info *info)
{
	struct kdtls_endpoint *endpoint;
	struct kdtls_peer *peer;
	int err;

	peer = kdtls_nl_lock_peer(skb, info, &endpoint);
	if (IS_ERR(peer))
		return PTR_ERR(peer);
	err = kdtls_nl_answer(info, KDTLS_CMD_SESSION_GET, peer);
	kdtls_nl_unlock_peer(endpoint, peer);
	return err;
}

int kdtls_nl_session_set(struct sk_buff *skb, struct genl_info *info)
{
	struct kdtls_endpoint *endpoint;
	struct kdtls_peer *peer;
	int err;

	peer = kdtls_nl_lock_peer(skb, info, &endpoint);
	if (IS_ERR(peer))
		return PTR_ERR(peer);
	err = kdtls_nl_check_owner(endpoint, info);
	if (!err && kdtls_nl_set_up(peer, info->attrs))
		kdtls_peer_event(peer, DTLS_EVENT_MOVED, 0);
	if (!err)
		kdtls_peer_arm(peer);
	kdtls_nl_unlock_peer(endpoint, peer);
	return err;
}

int kdtls_nl_session_del(struct sk_buff *skb, struct genl_info *info)
{
	struct kdtls_endpoint *endpoint;
	struct kdtls_peer *peer;

	peer = kdtls_nl_lock_peer(skb, info, &endpoint);
	if (IS_ERR(peer))
		return PTR_ERR(peer);
	if (kdtls_peer_remove(peer)) {
		kdtls_stat_inc(endpoint->net, KDTLS_SESSIONS_DELETED);
		kdtls_peer_event(peer, DTLS_EVENT_GONE, 0);
	}
	kdtls_nl_unlock_peer(endpoint, peer);
	return 0;
}
