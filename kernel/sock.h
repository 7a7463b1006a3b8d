/* SPDX-License-Identifier: GPL-2.0 */
/* A UDP socket that kdtls has taken over. */
#ifndef KDTLS_SOCK_H
#define KDTLS_SOCK_H

#include <linux/kdtls.h>
#include <linux/rwsem.h>
#include <linux/workqueue.h>
#include <net/sock.h>

#include "compat.h"
#include "corked.h"
#include "event.h"
#include "opened.h"
#include "session.h"

void kdtls_close(struct sock *sk, long timeout);

/**
 * struct kdtls_sock - what kdtls keeps with a socket
 * @prot: what sk->sk_prot points to: the socket's own copy of @base, with the
 *	calls replaced that kdtls answers. It is how this structure is found, so
 *	that sk_user_data stays free for others
 * @base: the socket's original protocol
 * @base_destruct: the socket's original destructor
 * @session: the session with the peer that the socket is connected to
 * @endpoint: the endpoint that it is a member of, or NULL; once set it stays
 * @role: DTLS_MEMBER_* bits
 * @member: its number in @endpoint
 * @install_lock: held for reading by calls that pass to @base because there are
 *	no keys yet, and for writing by what installs keys: once that returns,
 *	nothing passes unprotected any more
 * @opened: messages that are opened already and wait for a reader
 * @corked: payload that waits for more
 * @recv_control: DTLS_RECV_CONTROL
 * @recv_raw: DTLS_RECV_RAW
 * @recv_events: DTLS_RECV_EVENTS
 * @recv_session: DTLS_RECV_SESSION
 * @retire_ms: DTLS_RETIRE
 * @cork: UDP_CORK
 * @limits: DTLS_LIMITS, for keys that are installed; under the socket's lock
 * @retire: ends the time of @session.rx_old
 * @sk: the socket
 * @by_sk: position in the table of AF_INET6 sockets, see attach.c
 * @orphan: releases the context of a socket whose sk_prot was replaced
 *
 * It lives from attach until the socket's memory goes.
 */
struct kdtls_sock {
	struct proto		prot;
	struct proto		*base;
	void			(*base_destruct)(struct sock *sk);
	struct kdtls_session	session;
	struct kdtls_endpoint	*endpoint;
	u32			role;
	u32			member;
	struct rw_semaphore	install_lock;
	struct kdtls_opened	opened;
	struct kdtls_corked	corked;
	int			recv_control;
	int			recv_raw;
	int			recv_events;
	int			recv_session;
	int			retire_ms;
	int			cork;
	struct dtls_limits	limits;
	struct delayed_work	retire;
	struct sock		*sk;
	struct hlist_node	by_sk;
	struct work_struct	orphan;
};

/**
 * kdtls_sk() - the context of a socket
 * @sk: any socket
 *
 * A call that came by the socket's proto must ask this once and keep the
 * answer: an IPV6_ADDRFORM that was under way at the attach replaces sk_prot
 * at any later time. The context itself stays until no call can run.
 *
 * Return: the context, or NULL if @sk is not attached, or not any more.
 */
static inline struct kdtls_sock *kdtls_sk(const struct sock *sk)
{
	struct proto *prot = READ_ONCE(sk->sk_prot);

	if (prot->close != kdtls_close)
		return NULL;
	return container_of(prot, struct kdtls_sock, prot);
}

/**
 * kdtls_pass_lock() - begin to pass a call to the original protocol
 * @ks: the socket's context
 * @nonblock: the call must not wait
 *
 * Return: 0, after which up_read(&ks->install_lock) is due; -EAGAIN, -EINTR.
 */
static inline int kdtls_pass_lock(struct kdtls_sock *ks, bool nonblock)
{
	if (nonblock)
		return down_read_trylock(&ks->install_lock) ? 0 : -EAGAIN;
	return down_read_killable(&ks->install_lock);
}

/* Does what is received go through us: are there keys, or is it a member? */
static inline bool kdtls_opens(const struct kdtls_sock *ks)
{
	if (rcu_access_pointer(ks->session.rx))
		return true;
	/* Pairs with the release in kdtls_member_add(). */
	return smp_load_acquire(&ks->endpoint);
}

/* attach.c */
int kdtls_attach(struct sock *sk);
bool kdtls_foreign_reader(struct sock *sk);
bool kdtls_foreign_writer(struct sock *sk);
int kdtls_attach_init(void);
void kdtls_attach_exit(void);
void kdtls_retire_later(struct kdtls_sock *ks, unsigned long delay);

/* sockopt.c */
int kdtls_setsockopt(struct sock *sk, int level, int optname, sockptr_t optval,
		     unsigned int optlen);
int kdtls_getsockopt(struct sock *sk, int level, int optname,
		     char __user *optval, int __user *optlen);
int kdtls_check_limits(const struct dtls_limits *limits);
void kdtls_get_limits(struct kdtls_sock *ks, struct sock *sk,
		      struct dtls_limits *limits);
int kdtls_sockopt_init(void);
void kdtls_sockopt_exit(void);

/* install.c */
int kdtls_set_crypto_info(struct kdtls_sock *ks, struct sock *sk, bool tx,
			  sockptr_t optval, unsigned int optlen);
void kdtls_retire_init(struct kdtls_sock *ks);

/* info.c */
void kdtls_tell_session(struct dtls_info *info, struct kdtls_session *session);
void kdtls_tell(struct kdtls_sock *ks, struct sock *sk, struct dtls_info *info);

/* corked.c */
int kdtls_uncork(struct kdtls_sock *ks, struct sock *sk);

/* send.c */
int kdtls_sendmsg(struct sock *sk, struct msghdr *msg, size_t len);

/* recvmsg.c */
int kdtls_recvmsg(struct sock *sk, struct msghdr *msg, size_t len, int flags,
		  int *addr_len);
bool kdtls_ioctl(struct kdtls_sock *ks, struct sock *sk, int cmd, int *answer);
int kdtls_reader_wake(wait_queue_entry_t *wait, unsigned int mode, int sync,
		      void *key);

/* deliver.c */
int kdtls_deliver(struct kdtls_sock *ks, struct sock *sk, struct msghdr *msg,
		  size_t len, int flags, const struct kdtls_message *message,
		  u32 offset, int *addr_len);
bool kdtls_deliverable(const struct msghdr *msg,
		       const struct kdtls_message *message);

/* pathmtu.c */
bool kdtls_recv_pathmtu(struct sock *sk, struct msghdr *msg, int *addr_len);

#endif /* KDTLS_SOCK_H */
