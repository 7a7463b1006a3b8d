/* SPDX-License-Identifier: GPL-2.0 */
/* A UDP socket that kdtls has taken over. */
#ifndef KDTLS_SOCK_H
#define KDTLS_SOCK_H

#include <linux/kdtls.h>
#include <linux/rwsem.h>
#include <net/sock.h>

#include "compat.h"
#include "opened.h"
#include "session.h"

/**
 * struct kdtls_sock - what kdtls keeps with a socket
 * @prot: what sk->sk_prot points to: the socket's own copy of @base, with the
 *	calls replaced that kdtls answers. It is how this structure is found, so
 *	that sk_user_data stays free for others
 * @base: the socket's original protocol
 * @base_destruct: the socket's original destructor
 * @session: the session with the peer that the socket is connected to
 * @install_lock: held for reading by calls that pass to @base because there are
 *	no keys yet, and for writing by what installs keys: once that returns,
 *	nothing passes unprotected any more
 * @opened: messages that are opened already and wait for a reader
 * @recv_control: DTLS_RECV_CONTROL
 * @recv_raw: DTLS_RECV_RAW
 *
 * It lives from attach until the socket's memory goes.
 */
struct kdtls_sock {
	struct proto		prot;
	struct proto		*base;
	void			(*base_destruct)(struct sock *sk);
	struct kdtls_session	session;
	struct rw_semaphore	install_lock;
	struct kdtls_opened	opened;
	bool			recv_control;
	bool			recv_raw;
};

/* The socket is known to be attached: the call came by its proto. */
static inline struct kdtls_sock *kdtls_sk(const struct sock *sk)
{
	return container_of(READ_ONCE(sk->sk_prot), struct kdtls_sock, prot);
}

/* attach.c */
int kdtls_attach(struct sock *sk);
bool kdtls_foreign_reader(struct sock *sk);

/* sockopt.c */
int kdtls_setsockopt(struct sock *sk, int level, int optname, sockptr_t optval,
		     unsigned int optlen);
int kdtls_getsockopt(struct sock *sk, int level, int optname,
		     char __user *optval, int __user *optlen);
int kdtls_sockopt_init(void);
void kdtls_sockopt_exit(void);

/* send.c */
int kdtls_sendmsg(struct sock *sk, struct msghdr *msg, size_t len);

/* receive.c */
int kdtls_recvmsg(struct sock *sk, struct msghdr *msg, size_t len, int flags,
		  int *addr_len);
bool kdtls_ioctl(struct sock *sk, int cmd, int *answer);
int kdtls_reader_wake(wait_queue_entry_t *wait, unsigned int mode, int sync,
		      void *key);

/* deliver.c */
int kdtls_deliver(struct sock *sk, struct msghdr *msg, size_t len, int flags,
		  const struct kdtls_message *message, u32 offset,
		  int *addr_len);
bool kdtls_deliverable(struct kdtls_sock *ks, const struct msghdr *msg,
		       const struct kdtls_message *message);

/* netlink.c */
int kdtls_netlink_init(void);
void kdtls_netlink_exit(void);

#endif /* KDTLS_SOCK_H */
