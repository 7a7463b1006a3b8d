/* SPDX-License-Identifier: GPL-2.0 */
/* One datagram or train, between the files that it goes through. */
#ifndef KDTLS_RECEIVE_H
#define KDTLS_RECEIVE_H

#include <linux/skbuff.h>

#include "opened.h"
#include "stat.h"

struct kdtls_epoch;
struct kdtls_peer;
struct kdtls_record;
struct kdtls_session;
struct kdtls_sock;
struct kdtls_work;

/* Not what this call can have: it was dropped, or went to another member. */
#define KDTLS_NEXT	(-ENOMSG)

/**
 * struct kdtls_receive - one datagram or train on its way through
 * @ks: the socket's context
 * @sk: the socket
 * @session: whose records they are, or NULL if the peer has no session
 * @peer: an endpoint's session: where @session is in; NULL on a connected socket
 * @epochs: keys to open with: the current ones, and if there are older ones that
 *	still serve, those
 * @work: scratch memory; opened payloads stand in its buffer, one behind the
 *	other
 * @skb: the datagram or train
 * @used: bytes of @work's buffer that are taken
 * @summed: the datagram's UDP checksum was looked at
 * @sum_bad: and it is wrong
 * @join: records of the train may be delivered together
 * @current_message: the message that the next record may still join, if its
 *	skb is set
 * @first: the first finished message, which the call may deliver without it
 *	being queued, if its skb is set
 * @keep_first: do not queue the first message but leave it in @first
 * @queued: messages were queued
 */
struct kdtls_receive {
	struct kdtls_sock	*ks;
	struct sock		*sk;
	struct kdtls_session	*session;
	struct kdtls_peer	*peer;
	struct kdtls_epoch	*epochs[2];
	struct kdtls_work	*work;
	struct sk_buff		*skb;
	u32			used;
	bool			summed;
	bool			sum_bad;
	bool			join;
	bool			keep_first;
	bool			queued;
	struct kdtls_message	current_message;
	struct kdtls_message	first;
};

/* receive.c */
void kdtls_receive_init(struct kdtls_receive *rx, struct kdtls_sock *ks,
			struct sock *sk);
int kdtls_receive_next(struct kdtls_receive *rx);
void kdtls_receive_done(struct kdtls_receive *rx);
void kdtls_drop_record(struct kdtls_receive *rx, const struct kdtls_record *rec,
		       enum kdtls_counter reason);

static inline void kdtls_drop(struct kdtls_receive *rx,
			      enum kdtls_counter reason)
{
	kdtls_drop_record(rx, NULL, reason);
}

#endif /* KDTLS_RECEIVE_H */
