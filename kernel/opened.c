// SPDX-License-Identifier: GPL-2.0
/* Messages that are opened already and wait for a reader. */
#include <linux/slab.h>
#include <net/sock.h>

#include "opened.h"

void kdtls_opened_init(struct kdtls_opened *opened)
{
	spin_lock_init(&opened->lock);
	INIT_LIST_HEAD(&opened->messages);
}

void kdtls_message_put(struct kdtls_message *message)
{
	if (!refcount_dec_and_test(&message->refs))
		return;
	consume_skb(message->skb);
	kvfree_sensitive(message, sizeof(*message) + message->len);
}

/**
 * kdtls_opened_add() - queue a copy of a message
 * @opened: the queue
 * @sk: its socket; the message counts against its receive buffer
 * @message: what to copy
 *
 * Context: Process context, may sleep.
 * Return: 0, -ENOMEM, or -ESHUTDOWN after kdtls_opened_close().
 */
int kdtls_opened_add(struct kdtls_opened *opened, struct sock *sk,
		     const struct kdtls_message *message)
{
	size_t size = sizeof(*message) + message->len;
	struct kdtls_message *copy;

	copy = kvmalloc(size, GFP_KERNEL_ACCOUNT | __GFP_NOWARN);
	if (!copy)
		return -ENOMEM;
	*copy = *message;
	copy->data = memcpy(copy + 1, message->data, message->len);
	copy->peeked = false;
	copy->charge = size + message->skb->truesize;
	refcount_set(&copy->refs, 1);
	skb_get(copy->skb);

	/* What UDP counts against SO_RCVBUF it stops at; so does this. */
	atomic_add(copy->charge, &sk->sk_rmem_alloc);
	spin_lock(&opened->lock);
	if (opened->closed)
		goto err_unlock;
	list_add_tail(&copy->list, &opened->messages);
	WRITE_ONCE(opened->added, opened->added + 1);
	spin_unlock(&opened->lock);
	return 0;

err_unlock:
	spin_unlock(&opened->lock);
	atomic_sub(copy->charge, &sk->sk_rmem_alloc);
	kdtls_message_put(copy);
	return -ESHUTDOWN;
}

/**
 * kdtls_opened_close() - queue nothing from here on
 * @opened: the queue of a socket that is being closed
 *
 * Members of an endpoint queue messages for each other at any time.
 */
void kdtls_opened_close(struct kdtls_opened *opened)
{
	spin_lock(&opened->lock);
	opened->closed = true;
	spin_unlock(&opened->lock);
}

/**
 * kdtls_opened_take() - take the oldest message
 * @opened: the queue
 * @sk: its socket
 *
 * Return: the message, to be given to kdtls_message_put(), or NULL.
 */
struct kdtls_message *kdtls_opened_take(struct kdtls_opened *opened,
					struct sock *sk)
{
	struct kdtls_message *message;

	spin_lock(&opened->lock);
	message = list_first_entry_or_null(&opened->messages,
					   struct kdtls_message, list);
	if (message)
		list_del_init(&message->list);
	spin_unlock(&opened->lock);
	if (message)
		atomic_sub(message->charge, &sk->sk_rmem_alloc);
	return message;
}

/**
 * kdtls_opened_peek() - look at a message and leave it there
 * @opened: the queue
 * @offset: in: bytes to skip (SO_PEEK_OFF), negative for none and no skipping;
 *	out: bytes to skip of the message that is returned, or of those that are
 *	not opened yet
 *
 * Return: the message, to be given to kdtls_message_put(), or NULL.
 */
struct kdtls_message *kdtls_opened_peek(struct kdtls_opened *opened,
					int *offset)
{
	bool skipping = *offset >= 0;
	struct kdtls_message *message;
	u32 skip = max(*offset, 0);

	spin_lock(&opened->lock);
	list_for_each_entry(message, &opened->messages, list) {
		if (skipping && skip >= message->len &&
		    (skip || message->peeked)) {
			skip -= message->len;
			continue;
		}
		message->peeked = true;
		refcount_inc(&message->refs);
		spin_unlock(&opened->lock);
		*offset = skip;
		return message;
	}
	spin_unlock(&opened->lock);
	return NULL;
}

/**
 * kdtls_opened_remove() - take away a message that was peeked at
 * @opened: the queue
 * @sk: its socket
 * @message: from kdtls_opened_peek(); the caller's reference stays
 *
 * Return: false if another thread took it meanwhile.
 */
bool kdtls_opened_remove(struct kdtls_opened *opened, struct sock *sk,
			 struct kdtls_message *message)
{
	bool listed;

	spin_lock(&opened->lock);
	listed = !list_empty(&message->list);
	list_del_init(&message->list);
	spin_unlock(&opened->lock);
	if (!listed)
		return false;
	atomic_sub(message->charge, &sk->sk_rmem_alloc);
	kdtls_message_put(message);
	return true;
}

/**
 * kdtls_opened_purge() - throw everything away
 * @opened: the queue of a socket that nobody can call any more
 * @sk: the socket
 *
 * Context: Any. Takes no lock, for there is nobody left to lock out.
 */
void kdtls_opened_purge(struct kdtls_opened *opened, struct sock *sk)
{
	struct kdtls_message *message, *next;

	list_for_each_entry_safe(message, next, &opened->messages, list) {
		atomic_sub(message->charge, &sk->sk_rmem_alloc);
		kdtls_message_put(message);
	}
	INIT_LIST_HEAD(&opened->messages);
}
