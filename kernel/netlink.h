/* SPDX-License-Identifier: GPL-2.0 */
/* Generic netlink, between the files that answer it. */
#ifndef KDTLS_NETLINK_H
#define KDTLS_NETLINK_H

#include <linux/netlink.h>
#include <linux/types.h>

struct genl_info;
struct kdtls_endpoint;
struct kdtls_peer;
struct net;
struct nlattr;
struct sk_buff;

/* netlink.c */
int kdtls_netlink_init(void);
void kdtls_netlink_exit(void);
void *kdtls_nl_put_header(struct sk_buff *skb, u32 portid, u32 seq, int flags,
			  u8 cmd);
struct kdtls_endpoint *kdtls_nl_endpoint(struct sk_buff *skb, struct net *net,
					 struct nlattr **attrs,
					 struct netlink_ext_ack *extack);
void kdtls_nl_event(struct kdtls_peer *peer, u8 type, u16 epoch);

/* nl_fill.c */
int kdtls_nl_fill_endpoint(struct sk_buff *skb,
			   struct kdtls_endpoint *endpoint);
int kdtls_nl_fill_peer(struct sk_buff *skb, struct kdtls_peer *peer);
int kdtls_nl_fill_session(struct sk_buff *skb, struct kdtls_peer *peer);

/* nl_dump.c */
int kdtls_nl_list_start(struct netlink_callback *cb);
int kdtls_nl_session_dump(struct sk_buff *skb, struct netlink_callback *cb);
int kdtls_nl_endpoint_dump(struct sk_buff *skb, struct netlink_callback *cb);
int kdtls_nl_dump_done(struct netlink_callback *cb);

/* nl_address.c */
struct kdtls_peer_key;
int kdtls_nl_parse_key(struct kdtls_peer_key *key,
		       const struct kdtls_endpoint *endpoint,
		       struct nlattr **attrs, struct netlink_ext_ack *extack);
int kdtls_nl_parse_filter(struct kdtls_peer_key *key, const struct nlattr *attr,
			  struct netlink_ext_ack *extack);
int kdtls_nl_put_address(struct sk_buff *skb, int type, u16 family,
			 const struct in6_addr *addr, __be16 port, u32 scope);

/* nl_session.c */
int kdtls_nl_session_new(struct sk_buff *skb, struct genl_info *info);
int kdtls_nl_session_get(struct sk_buff *skb, struct genl_info *info);
int kdtls_nl_session_set(struct sk_buff *skb, struct genl_info *info);
int kdtls_nl_session_del(struct sk_buff *skb, struct genl_info *info);
int kdtls_nl_session_replace(struct sk_buff *skb, struct genl_info *info);
int kdtls_nl_key_new(struct sk_buff *skb, struct genl_info *info);

#endif /* KDTLS_NETLINK_H */
