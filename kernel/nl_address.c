// SPDX-License-Identifier: GPL-2.0
/* Addresses in netlink messages: struct sockaddr_in and struct sockaddr_in6. */
#include <linux/in.h>
#include <linux/in6.h>
#include <linux/kdtls.h>
#include <net/ipv6.h>
#include <net/netlink.h>

#include "endpoint.h"
#include "netlink.h"
#include "peer.h"

struct kdtls_nl_address {
	struct in6_addr	addr;
	u32		scope;
	__be16		port;
};

static int kdtls_nl_refuse(const struct nlattr *attr,
			   struct netlink_ext_ack *extack, const char *why)
{
	/* Kernels before 6.3 have none for the start of a list. */
	if (extack) {
		NL_SET_BAD_ATTR(extack, attr);
		extack->_msg = why;
	}
	return -EINVAL;
}

static int kdtls_nl_parse_address(struct kdtls_nl_address *to,
				  const struct nlattr *attr,
				  struct netlink_ext_ack *extack)
{
	const struct sockaddr_in6 *sin6 = nla_data(attr);
	const struct sockaddr_in *sin = nla_data(attr);

	if (nla_len(attr) == sizeof(*sin) && sin->sin_family == AF_INET) {
		ipv6_addr_set_v4mapped(sin->sin_addr.s_addr, &to->addr);
		to->port = sin->sin_port;
		to->scope = 0;
		return 0;
	}
	if (nla_len(attr) == sizeof(*sin6) && sin6->sin6_family == AF_INET6) {
		to->addr = sin6->sin6_addr;
		to->port = sin6->sin6_port;
		to->scope = 0;
		if (__ipv6_addr_needs_scope_id(__ipv6_addr_type(&to->addr)))
			to->scope = sin6->sin6_scope_id;
		return 0;
	}
	return kdtls_nl_refuse(attr, extack,
			       "neither a struct sockaddr_in nor a struct sockaddr_in6");
}

/* Can the endpoint's sockets talk to, or have, that address? */
static bool kdtls_nl_usable(const struct kdtls_endpoint *endpoint,
			    const struct in6_addr *addr)
{
	__be32 v4 = addr->s6_addr32[3];

	if (!ipv6_addr_v4mapped(addr))
		return endpoint->at.family == AF_INET6 && !ipv6_addr_any(addr) &&
		       !ipv6_addr_is_multicast(addr);
	return !endpoint->at.v6only && v4 != htonl(INADDR_ANY) &&
	       v4 != htonl(INADDR_BROADCAST) && !ipv4_is_multicast(v4);
}

static int kdtls_nl_parse_local(struct kdtls_peer_key *key,
				const struct kdtls_endpoint *endpoint,
				const struct nlattr *attr,
				struct netlink_ext_ack *extack)
{
	struct kdtls_nl_address local;
	int err;

	if (!attr && !endpoint->at.any)
		return 0;
	if (!attr) {
		NL_SET_ERR_MSG(extack,
			       "the endpoint is bound to any address: say which is the session's");
		return -EINVAL;
	}
	err = kdtls_nl_parse_address(&local, attr, extack);
	if (err)
		return err;
	if (local.port && local.port != endpoint->at.port)
		return kdtls_nl_refuse(attr, extack,
				       "not the endpoint's port");
	if (endpoint->at.any) {
		if (!kdtls_nl_usable(endpoint, &local.addr))
			return kdtls_nl_refuse(attr, extack,
					       "no address that the endpoint can have");
		key->local = local.addr;
		return 0;
	}
	if (!ipv6_addr_equal(&local.addr, &endpoint->at.addr))
		return kdtls_nl_refuse(attr, extack,
				       "not the endpoint's address");
	return 0;
}

/**
 * kdtls_nl_parse_key() - whose session a message is about
 * @key: where to put it
 * @endpoint: the endpoint
 * @attrs: KDTLS_A_PEER must be among them
 * @extack: where to say what is wrong
 *
 * Return: 0 or -EINVAL.
 */
int kdtls_nl_parse_key(struct kdtls_peer_key *key,
		       const struct kdtls_endpoint *endpoint,
		       struct nlattr **attrs, struct netlink_ext_ack *extack)
{
	const struct nlattr *attr = attrs[KDTLS_A_PEER];
	struct kdtls_nl_address peer;
	int err;

	memset(key, 0, sizeof(*key));
	err = kdtls_nl_parse_address(&peer, attr, extack);
	if (err)
		return err;
	if (!peer.port || !kdtls_nl_usable(endpoint, &peer.addr))
		return kdtls_nl_refuse(attr, extack,
				       "no address and port that the endpoint can send to");
	key->addr = peer.addr;
	key->port = peer.port;
	key->scope = peer.scope;
	if (__ipv6_addr_needs_scope_id(__ipv6_addr_type(&key->addr)) &&
	    !key->scope)
		key->scope = endpoint->at.dev;
	return kdtls_nl_parse_local(key, endpoint, attrs[KDTLS_A_LOCAL],
				    extack);
}

/**
 * kdtls_nl_parse_filter() - which peers a list is about
 * @key: where to put it; a port of 0 means any
 * @attr: KDTLS_A_PEER
 * @extack: where to say what is wrong
 *
 * Return: 0 or -EINVAL.
 */
int kdtls_nl_parse_filter(struct kdtls_peer_key *key, const struct nlattr *attr,
			  struct netlink_ext_ack *extack)
{
	struct kdtls_nl_address peer;
	int err;

	err = kdtls_nl_parse_address(&peer, attr, extack);
	if (err)
		return err;
	key->addr = peer.addr;
	key->port = peer.port;
	key->scope = peer.scope;
	return 0;
}

/**
 * kdtls_nl_put_address() - add an address to a message
 * @skb: the message
 * @type: KDTLS_A_PEER or KDTLS_A_LOCAL
 * @family: of the endpoint
 * @addr: the address, IPv4 as a mapped one
 * @port: the port
 * @scope: the interface of a link-local one
 *
 * Return: 0 or -EMSGSIZE.
 */
int kdtls_nl_put_address(struct sk_buff *skb, int type, u16 family,
			 const struct in6_addr *addr, __be16 port, u32 scope)
{
	struct sockaddr_in6 sin6 = {
		.sin6_family = AF_INET6,
		.sin6_port = port,
		.sin6_addr = *addr,
		.sin6_scope_id = scope,
	};
	struct sockaddr_in sin = {
		.sin_family = AF_INET,
		.sin_port = port,
		.sin_addr.s_addr = addr->s6_addr32[3],
	};

	if (family == AF_INET)
		return nla_put(skb, type, sizeof(sin), &sin);
	return nla_put(skb, type, sizeof(sin6), &sin6);
}
