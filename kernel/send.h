/* SPDX-License-Identifier: GPL-2.0 */
/* One call that sends, between the files that it goes through. */
#ifndef KDTLS_SEND_H
#define KDTLS_SEND_H

#include <linux/socket.h>
#include <linux/types.h>

struct kdtls_cipher;
struct kdtls_epoch;
struct kdtls_peer;
struct kdtls_session;
struct kdtls_sock;
struct sock;

/**
 * struct kdtls_send - one call of sendmsg
 * @len: bytes of payload, or of records if @raw
 * @type: content type of the records
 * @raw: the caller brings records of epoch 0
 * @handshake: and of others, whose keys are not here yet
 * @ipv4: they go by IPv4
 * @segment: payload bytes in each record but the last
 * @count: records
 * @wire: bytes of all records
 * @blocks: what they count against the limits of the key
 * @gso: plaintext segment size that UDP was asked for, 0 for none
 * @gso_cmsg: where the call asked for it; NULL if the socket option did
 * @session: whose keys seal them
 * @peer: an endpoint's session: where @session is in; NULL on a connected socket
 */
struct kdtls_send {
	size_t		len;
	u8		type;
	bool		raw;
	bool		handshake;
	bool		ipv4;
	u32		segment;
	u32		count;
	u32		wire;
	u64		blocks;
	u32		gso;
	struct cmsghdr	*gso_cmsg;
	struct kdtls_session *session;
	struct kdtls_peer *peer;
};

/* send.c */
int kdtls_parse_cmsgs(struct kdtls_send *send, struct msghdr *msg);
int kdtls_plan(struct kdtls_send *send, size_t len,
	       const struct kdtls_cipher *cipher);
bool kdtls_goes_by_ipv4(const struct sock *sk);
int kdtls_send_records(struct kdtls_sock *ks, struct sock *sk,
		       struct msghdr *msg, size_t len, struct kdtls_send *send,
		       struct kdtls_epoch *epoch);

/* down.c */
int kdtls_send_wire(struct kdtls_sock *ks, struct sock *sk, struct msghdr *msg,
		    struct kdtls_send *send, u8 *buf, u32 overhead);
int kdtls_send_datagram(struct kdtls_sock *ks, struct sock *sk,
			struct msghdr *msg, const struct kdtls_send *send,
			u8 *buf, u32 len);

/* raw.c */
int kdtls_send_raw(struct kdtls_sock *ks, struct sock *sk, struct msghdr *msg,
		   size_t len, struct kdtls_send *send);

/* corked.c */
int kdtls_send_corked(struct kdtls_sock *ks, struct sock *sk,
		      struct msghdr *msg, size_t len, struct kdtls_send *send,
		      struct kdtls_epoch *epoch, bool more);

#endif /* KDTLS_SEND_H */
