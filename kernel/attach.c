// SPDX-License-Identifier: GPL-2.0
/* How a UDP socket is taken over, and how it is let go. */
#include <linux/module.h>
#include <linux/skmsg.h>
#include <linux/slab.h>
#include <linux/wait.h>

#include "sock.h"
#include "stat.h"

static bool kdtls_sock_is_readable(struct sock *sk)
{
	return !kdtls_opened_empty(&kdtls_sk(sk)->opened);
}

/* A session belongs to one peer: with keys, the address is fixed. */
static bool kdtls_has_keys(struct kdtls_sock *ks)
{
	return rcu_access_pointer(ks->session.tx) ||
	       rcu_access_pointer(ks->session.rx);
}

static int kdtls_connect(struct sock *sk, struct kdtls_sockaddr *addr, int len)
{
	struct kdtls_sock *ks = kdtls_sk(sk);
	int err = -EISCONN;

	if (down_read_killable(&ks->install_lock))
		return -EINTR;
	if (!kdtls_has_keys(ks))
		err = ks->base->connect(sk, addr, len);
	up_read(&ks->install_lock);
	return err;
}

static int kdtls_disconnect(struct sock *sk, int flags)
{
	struct kdtls_sock *ks = kdtls_sk(sk);
	int err = -EISCONN;

	if (down_read_killable(&ks->install_lock))
		return -EINTR;
	if (!kdtls_has_keys(ks))
		err = ks->base->disconnect(sk, flags);
	up_read(&ks->install_lock);
	return err;
}

static struct proto *kdtls_base(const struct sock *sk)
{
	return kdtls_sk(sk)->base;
}

KDTLS_ADAPT_RECVMSG(kdtls_proto_recvmsg, kdtls_recvmsg)
KDTLS_ADAPT_IOCTL(kdtls_proto_ioctl, kdtls_ioctl, kdtls_base)

/*
 * The last descriptor is closed, so no call runs and none will. The keys go
 * now; the context stays, because the core still reads sk_prot.
 */
static void kdtls_close(struct sock *sk, long timeout)
{
	struct kdtls_sock *ks = kdtls_sk(sk);

	kdtls_session_release(&ks->session, sk);
	kdtls_opened_purge(&ks->opened, sk);
	kdtls_stat_dec(sock_net(sk), KDTLS_ATTACHED);
	ks->base->close(sk, timeout);
}

/*
 * Nobody knows the socket any more. It runs as an RCU callback, for which module
 * exit waits, so the module's reference may be dropped by the module itself.
 */
static void kdtls_destruct(struct sock *sk)
{
	struct kdtls_sock *ks = kdtls_sk(sk);

	WRITE_ONCE(sk->sk_prot, ks->base);
	sk->sk_destruct = ks->base_destruct;
	kfree(ks);
	sk->sk_destruct(sk);
	module_put(THIS_MODULE);
}

static void kdtls_build_proto(struct proto *prot)
{
	prot->close = kdtls_close;
	prot->connect = kdtls_connect;
	prot->disconnect = kdtls_disconnect;
	prot->setsockopt = kdtls_setsockopt;
	prot->getsockopt = kdtls_getsockopt;
	prot->sendmsg = kdtls_sendmsg;
	prot->recvmsg = kdtls_proto_recvmsg;
	prot->ioctl = kdtls_proto_ioctl;
	prot->sock_is_readable = kdtls_sock_is_readable;
	kdtls_clear_sendpage(prot);
#ifdef CONFIG_BPF_SYSCALL
	/* A sockmap would put its own calls where ours are. */
	prot->psock_update_sk_prot = NULL;
#endif
}

/**
 * kdtls_foreign_reader() - does a thread sleep in the socket's original recvmsg?
 * @sk: the socket
 *
 * Such a thread would return the next datagram as it comes from the wire. Our
 * own readers, epoll and poll wait on the same queue, but not like that.
 */
bool kdtls_foreign_reader(struct sock *sk)
{
	wait_queue_head_t *head = sk_sleep(sk);
	wait_queue_entry_t *wait;
	bool found = false;

	spin_lock_irq(&head->lock);
	list_for_each_entry(wait, &head->head, entry)
		if (wait->flags & WQ_FLAG_EXCLUSIVE && wait->private &&
		    wait->func != kdtls_reader_wake)
			found = true;
	spin_unlock_irq(&head->lock);
	return found;
}

static int kdtls_may_attach(struct sock *sk)
{
	if (sk->sk_type != SOCK_DGRAM || sk->sk_protocol != IPPROTO_UDP ||
	    (sk->sk_family != AF_INET && sk->sk_family != AF_INET6))
		return -EPROTONOSUPPORT;
	if (sk->sk_prot->sendmsg == kdtls_sendmsg)
		return -EEXIST;
	if (READ_ONCE(sk->sk_prot) != sk->sk_prot_creator || sk_psock(sk))
		return -EBUSY;
	if (READ_ONCE(udp_sk(sk)->encap_type) || kdtls_udp_corked(sk) || udp_sk(sk)->pending)
		return -EBUSY;
	if (kdtls_foreign_reader(sk))
		return -EBUSY;
	return 0;
}

static struct kdtls_sock *kdtls_sock_new(struct sock *sk)
{
	struct kdtls_sock *ks = kzalloc(sizeof(*ks), GFP_KERNEL_ACCOUNT);

	if (!ks)
		return NULL;
	ks->base = sk->sk_prot;
	ks->prot = *ks->base;
	kdtls_build_proto(&ks->prot);
	init_rwsem(&ks->install_lock);
	kdtls_opened_init(&ks->opened);
	return ks;
}

static int kdtls_attach_locked(struct sock *sk)
{
	struct kdtls_sock *ks;
	int err;

	err = kdtls_may_attach(sk);
	if (err)
		return err;
	ks = kdtls_sock_new(sk);
	if (!ks)
		return -ENOMEM;
	__module_get(THIS_MODULE);

	/* The core may use sk_prot after close: free it behind RCU. */
	sock_set_flag(sk, SOCK_RCU_FREE);
	ks->base_destruct = sk->sk_destruct;
	sk->sk_destruct = kdtls_destruct;
	kdtls_stat_inc(sock_net(sk), KDTLS_ATTACHED);

	/* Other threads may call the socket at any time, now by our calls. */
	smp_store_release(&sk->sk_prot, &ks->prot);
	return 0;
}

/**
 * kdtls_attach() - take over a UDP socket
 * @sk: any socket
 *
 * Context: Process context, may sleep. Takes the socket's lock.
 * Return: 0 or a negative errno; see Documentation/uapi.rst.
 */
int kdtls_attach(struct sock *sk)
{
	int err;

	lock_sock(sk);
	err = kdtls_attach_locked(sk);
	release_sock(sk);
	return err;
}
