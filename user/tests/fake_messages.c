// SPDX-License-Identifier: GPL-2.0
/* Messages of the family "kdtls", as its kernel writes them. */
#include <arpa/inet.h>
#include <netinet/in.h>

#include <linux/genetlink.h>

#include "fake_netlink.h"

struct nlmsghdr *fake_message(void *buf, u8 cmd)
{
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buf);
	struct genlmsghdr *genl;

	nlh->nlmsg_type = FAKE_FAMILY;
	genl = mnl_nlmsg_put_extra_header(nlh, sizeof(*genl));
	genl->cmd = cmd;
	genl->version = KDTLS_GENL_VERSION;
	return nlh;
}

void fake_push_message(const struct nlmsghdr *nlh)
{
	fake_push(nlh, nlh->nlmsg_len);
}

void fake_push_error(int err, const char *said)
{
	char buf[512];
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buf);
	struct nlmsgerr *e = mnl_nlmsg_put_extra_header(nlh, sizeof(*e));

	nlh->nlmsg_type = NLMSG_ERROR;
	nlh->nlmsg_flags = NLM_F_CAPPED;
	e->error = err;
	if (said) {
		nlh->nlmsg_flags |= NLM_F_ACK_TLVS;
		mnl_attr_put_strz(nlh, NLMSGERR_ATTR_MSG, said);
	}
	fake_push_message(nlh);
}

void fake_push_done(int err)
{
	char buf[64];
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buf);

	nlh->nlmsg_type = NLMSG_DONE;
	*(int *)mnl_nlmsg_put_extra_header(nlh, sizeof(int)) = err;
	fake_push_message(nlh);
}

void fake_put_v4(struct nlmsghdr *nlh, u16 type, const char *addr, u16 port)
{
	struct sockaddr_in in = { .sin_family = AF_INET, .sin_port = htons(port) };

	inet_pton(AF_INET, addr, &in.sin_addr);
	mnl_attr_put(nlh, type, sizeof(in), &in);
}

void fake_put_v6(struct nlmsghdr *nlh, u16 type, const char *addr, u16 port)
{
	struct sockaddr_in6 in6 = {
		.sin6_family = AF_INET6, .sin6_port = htons(port),
	};

	inet_pton(AF_INET6, addr, &in6.sin6_addr);
	mnl_attr_put(nlh, type, sizeof(in6), &in6);
}

static const struct dtls_info info = {
	.version = DTLS_1_2_VERSION,
	.tx_cipher_type = DTLS_CIPHER_AES_GCM_128,
	.rx_cipher_type = DTLS_CIPHER_AES_GCM_128,
	.state = DTLS_STATE_TX | DTLS_STATE_RX | DTLS_STATE_RX_OLD |
		 DTLS_STATE_PEER_ALERT,
	.tx_epoch = 2, .rx_epoch = 2, .rx_old_epoch = 1, .alert = 40,
	.overhead = 37, .max_payload = 1435, .window = 64,
	.tx_seq = 1235, .rx_seq = 888, .tx_blocks = 20000, .rx_failures = 3,
	.limits = { 1ULL << 33, 1ULL << 34, 1ULL << 35, 1ULL << 36 },
	.tx_records = 1234, .tx_bytes = 1666000, .rx_records = 887,
	.rx_bytes = 1000, .rx_replayed = 5, .rx_bad = 6,
};

struct nlmsghdr *fake_session(void *buf, u32 endpoint, u32 session)
{
	struct nlmsghdr *nlh = fake_message(buf, KDTLS_CMD_SESSION_GET);

	nlh->nlmsg_flags = NLM_F_MULTI;
	mnl_attr_put_u32(nlh, KDTLS_A_ENDPOINT, endpoint);
	mnl_attr_put_u32(nlh, KDTLS_A_SESSION, session);
	fake_put_v4(nlh, KDTLS_A_PEER, "198.51.100.7", 40112);
	fake_put_v4(nlh, KDTLS_A_LOCAL, "192.0.2.1", 4433);
	mnl_attr_put_u32(nlh, KDTLS_A_OWNER, 2);
	mnl_attr_put_u32(nlh, KDTLS_A_IDLE, 300000);
	mnl_attr_put_u8(nlh, KDTLS_A_HANDSHAKE, 1);
	mnl_attr_put_u32(nlh, KDTLS_A_RETIRE, 120000);
	mnl_attr_put(nlh, KDTLS_A_INFO, sizeof(info), &info);
	mnl_attr_put(nlh, KDTLS_A_PAD, 0, NULL);
	mnl_attr_put_u64(nlh, KDTLS_A_AGE, 183000);
	mnl_attr_put_u64(nlh, KDTLS_A_UNUSED, 250);
	return nlh;
}

struct nlmsghdr *fake_endpoint(void *buf, u32 endpoint, u32 workers)
{
	struct nlmsghdr *nlh = fake_message(buf, KDTLS_CMD_ENDPOINT_GET);
	struct nlattr *member;
	u32 i;

	nlh->nlmsg_flags = NLM_F_MULTI;
	mnl_attr_put_u32(nlh, KDTLS_A_ENDPOINT, endpoint);
	fake_put_v6(nlh, KDTLS_A_LOCAL, "2001:db8::1", 4433);
	mnl_attr_put_u32(nlh, KDTLS_A_SESSIONS, 120);
	for (i = 0; i <= workers; i++) {
		member = mnl_attr_nest_start(nlh, KDTLS_A_MEMBER);
		mnl_attr_put_u32(nlh, KDTLS_A_OWNER, i + 1);
		mnl_attr_put_u32(nlh, KDTLS_A_ROLE,
				 i ? DTLS_MEMBER_WORKER : DTLS_MEMBER_HELPER);
		mnl_attr_nest_end(nlh, member);
	}
	return nlh;
}

struct nlmsghdr *fake_event(void *buf, u8 event)
{
	struct nlmsghdr *nlh = fake_message(buf, KDTLS_CMD_EVENT);

	mnl_attr_put_u8(nlh, KDTLS_A_EVENT, event);
	mnl_attr_put_u32(nlh, KDTLS_A_ENDPOINT, 3);
	mnl_attr_put_u32(nlh, KDTLS_A_SESSION, 17);
	fake_put_v6(nlh, KDTLS_A_PEER, "2001:db8::7", 40112);
	fake_put_v6(nlh, KDTLS_A_LOCAL, "2001:db8::1", 4433);
	mnl_attr_put_u32(nlh, KDTLS_A_OWNER, 2);
	mnl_attr_put_u16(nlh, KDTLS_A_EPOCH, 1);
	mnl_attr_put(nlh, KDTLS_A_INFO, sizeof(info), &info);
	return nlh;
}

void fake_put_counter(struct nlmsghdr *nlh, const char *name, int64_t value)
{
	struct nlattr *nest = mnl_attr_nest_start(nlh, KDTLS_A_COUNTER);

	mnl_attr_put_strz(nlh, KDTLS_A_NAME, name);
	mnl_attr_put(nlh, KDTLS_A_VALUE, sizeof(value), &value);
	mnl_attr_nest_end(nlh, nest);
}
