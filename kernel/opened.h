/* SPDX-License-Identifier: GPL-2.0 */
/* Messages that are opened already and wait for a reader. */
#ifndef KDTLS_OPENED_H
#define KDTLS_OPENED_H

#include <linux/list.h>
#include <linux/refcount.h>
#include <linux/skbuff.h>
#include <linux/spinlock.h>

struct sock;

/**
 * struct kdtls_message - what one receive call returns
 * @list: position in struct kdtls_opened; empty once it is not in there
 * @refs: one for the list, one for each call that looks at it
 * @skb: the datagram it came in, for addresses and control messages
 * @charge: bytes charged to the socket's receive buffer
 * @type: content type, DTLS_CT_*
 * @raw: of epoch 0, as it came, never authenticated
 * @peeked: a MSG_PEEK call saw it
 * @segment: bytes in each record but the last, if there are several
 * @len: bytes at @data
 * @to: number of the member that is to have it, 0 for whoever received it
 * @session: its session's number in the endpoint, or 0
 * @epoch: of its records; 0 if @raw
 * @seq: number of its first record; 0 if @raw
 * @data: the payload; a queued message has it behind itself
 */
struct kdtls_message {
	struct list_head	list;
	refcount_t		refs;
	struct sk_buff		*skb;
	u32			charge;
	u8			type;
	bool			raw;
	bool			peeked;
	u16			segment;
	u32			len;
	u32			to;
	u32			session;
	u16			epoch;
	u64			seq;
	const u8		*data;
};

/**
 * struct kdtls_opened - queue of opened messages
 * @lock: protects the rest and each message's @peeked; process context only
 * @closed: the socket is closed; nothing is queued any more
 * @messages: oldest first
 * @added: counts the messages that were ever queued, for readers to see that
 *	there is something new
 *
 * One datagram may hold more than one call takes, MSG_PEEK has to verify what
 * it shows, and SIOCINQ counts payload: in each case a record is opened before
 * the call that takes it.
 */
struct kdtls_opened {
	spinlock_t		lock;	/* see above */
	bool			closed;
	struct list_head	messages;
	unsigned long		added;
};

void kdtls_opened_init(struct kdtls_opened *opened);
void kdtls_opened_close(struct kdtls_opened *opened);
void kdtls_opened_purge(struct kdtls_opened *opened, struct sock *sk);
int kdtls_opened_add(struct kdtls_opened *opened, struct sock *sk,
		     const struct kdtls_message *message);
struct kdtls_message *kdtls_opened_take(struct kdtls_opened *opened,
					struct sock *sk);
struct kdtls_message *kdtls_opened_peek(struct kdtls_opened *opened,
					int *offset);
bool kdtls_opened_remove(struct kdtls_opened *opened, struct sock *sk,
			 struct kdtls_message *message);
void kdtls_message_put(struct kdtls_message *message);

static inline bool kdtls_opened_empty(const struct kdtls_opened *opened)
{
	return list_empty_careful(&opened->messages);
}

#endif /* KDTLS_OPENED_H */
