// SPDX-License-Identifier: GPL-2.0
/* How a UDP socket is taken over, and how it is let go. */
#include <linux/hashtable.h>
#include <linux/module.h>
#include <linux/skmsg.h>
#include <linux/slab.h>
#include <linux/wait.h>
#include <linux/workqueue.h>

#include "endpoint.h"
#include "sock.h"
#include "stat.h"
#include "trace.h"

/*
 * IPV6_ADDRFORM turns an AF_INET6 socket into an AF_INET one and gives it UDP's
 * own proto, whatever it had. We refuse it, but a call that another thread began
 * before the attach is past us. Its socket is plain UDP then, by its own wish;
 * what must not happen is that its context is lost. So those of AF_INET6 sockets
 * can also be found by their socket.
 */
static DEFINE_HASHTABLE(kdtls_by_sk, 8);
static DEFINE_SPINLOCK(kdtls_by_sk_lock);	/* also taken in softirqs */
static struct workqueue_struct *kdtls_works;

static void kdtls_table_add(struct kdtls_sock *ks)
{
	if (ks->sk->sk_family != AF_INET6)
		return;
	spin_lock_bh(&kdtls_by_sk_lock);
	hash_add(kdtls_by_sk, &ks->by_sk, (unsigned long)ks->sk);
	spin_unlock_bh(&kdtls_by_sk_lock);
}

static void kdtls_table_remove(struct kdtls_sock *ks)
{
	if (hlist_unhashed(&ks->by_sk))
		return;
	spin_lock_bh(&kdtls_by_sk_lock);
	hash_del(&ks->by_sk);
	spin_unlock_bh(&kdtls_by_sk_lock);
}

static struct kdtls_sock *kdtls_table_find(const struct sock *sk)
{
	struct kdtls_sock *ks, *found = NULL;

	spin_lock_bh(&kdtls_by_sk_lock);
	hash_for_each_possible(kdtls_by_sk, ks, by_sk, (unsigned long)sk)
		if (ks->sk == sk)
			found = ks;
	spin_unlock_bh(&kdtls_by_sk_lock);
	return found;
}

static bool kdtls_sock_is_readable(struct sock *sk)
{
	struct kdtls_sock *ks = kdtls_sk(sk);

	return ks && !kdtls_opened_empty(&ks->opened);
}

/*
 * A session belongs to one peer: with keys, the address is fixed. And so is that
 * of an endpoint's member.
 */
static bool kdtls_address_fixed(const struct kdtls_sock *ks)
{
	return rcu_access_pointer(ks->session.tx) || kdtls_opens(ks);
}

static int kdtls_connect(struct sock *sk, struct kdtls_sockaddr *addr, int len)
{
	struct kdtls_sock *ks = kdtls_sk(sk);
	int err;

	if (!ks)
		return -EBADFD;
	err = kdtls_pass_lock(ks, false);
	if (err)
		return err;
	err = -EISCONN;
	if (!kdtls_address_fixed(ks))
		err = ks->base->connect(sk, addr, len);
	up_read(&ks->install_lock);
	return err;
}

static int kdtls_disconnect(struct sock *sk, int flags)
{
	struct kdtls_sock *ks = kdtls_sk(sk);
	int err;

	if (!ks)
		return -EBADFD;
	err = kdtls_pass_lock(ks, false);
	if (err)
		return err;
	err = -EISCONN;
	if (!kdtls_address_fixed(ks))
		err = ks->base->disconnect(sk, flags);
	up_read(&ks->install_lock);
	return err;
}

KDTLS_ADAPT_RECVMSG(kdtls_proto_recvmsg, kdtls_recvmsg)
KDTLS_ADAPT_IOCTL(kdtls_proto_ioctl, kdtls_ioctl)

/* The keys of an earlier epoch go when their time is over, asked for or not. */
void kdtls_retire_later(struct kdtls_sock *ks, unsigned long delay)
{
	mod_delayed_work(kdtls_works, &ks->retire, delay);
}

static void kdtls_release(struct kdtls_sock *ks)
{
	cancel_delayed_work_sync(&ks->retire);
	kdtls_session_release(&ks->session);
	kdtls_corked_free(&ks->corked);
	kdtls_opened_close(&ks->opened);
	kdtls_opened_purge(&ks->opened, ks->sk);
}

static void kdtls_count_release(struct kdtls_sock *ks)
{
	struct net *net = sock_net(ks->sk);

	kdtls_stat_dec(net, KDTLS_ATTACHED);
	kdtls_session_uncount(&ks->session, net);
}

/*
 * The last descriptor is closed, so no call runs and none will. The keys go
 * now; the context stays, because the core still reads sk_prot.
 */
void kdtls_close(struct sock *sk, long timeout)
{
	struct kdtls_sock *ks = kdtls_sk(sk) ?: kdtls_table_find(sk);

	trace_kdtls_close(sk, NULL, &ks->session);
	kdtls_endpoint_leave(ks);
	kdtls_count_release(ks);
	kdtls_release(ks);
	ks->base->close(sk, timeout);
}

/* Ciphers may sleep when they are freed, so this is not for a softirq. */
static void kdtls_release_orphan(struct work_struct *work)
{
	struct kdtls_sock *ks = container_of(work, struct kdtls_sock, orphan);

	cancel_delayed_work_sync(&ks->retire);
	kdtls_session_release(&ks->session);
	kdtls_corked_free(&ks->corked);
	kfree(ks);
	module_put(THIS_MODULE);
}

/* The socket of a context that lost it: it was closed without us. */
static void kdtls_destruct_orphan(struct sock *sk)
{
	struct kdtls_sock *ks = kdtls_table_find(sk);

	kdtls_count_release(ks);
	kdtls_opened_purge(&ks->opened, sk);
	kdtls_table_remove(ks);
	sk->sk_destruct = ks->base_destruct;
	sk->sk_destruct(sk);
	INIT_WORK(&ks->orphan, kdtls_release_orphan);
	queue_work(kdtls_works, &ks->orphan);
}

/*
 * Nobody knows the socket any more. It runs as an RCU callback, for which module
 * exit waits, so the module's reference may be dropped by the module itself.
 */
static void kdtls_destruct(struct sock *sk)
{
	struct kdtls_sock *ks = kdtls_sk(sk);

	if (!ks) {
		kdtls_destruct_orphan(sk);
		return;
	}
	kdtls_table_remove(ks);
	WRITE_ONCE(sk->sk_prot, ks->base);
	sk->sk_destruct = ks->base_destruct;
	kfree(ks);
	sk->sk_destruct(sk);
	module_put(THIS_MODULE);
}

/* A file ended that a splice wanted more of: nothing follows that was announced. */
static void kdtls_splice_eof(struct socket *sock)
{
	struct kdtls_sock *ks = kdtls_sk(sock->sk);

	if (!ks || READ_ONCE(ks->cork))
		return;
	kdtls_uncork(ks, sock->sk);
	if (kdtls_pass_lock(ks, false))
		return;
	if (!rcu_access_pointer(ks->session.tx))
		kdtls_base_splice_eof(ks->base, sock);
	up_read(&ks->install_lock);
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
	kdtls_set_splice_eof(prot, kdtls_splice_eof);
#ifdef CONFIG_BPF_SYSCALL
	/* A sockmap would put its own calls where ours are. */
	prot->psock_update_sk_prot = NULL;
#endif
}

static bool kdtls_is_reader(const wait_queue_entry_t *wait)
{
	return wait->flags & WQ_FLAG_EXCLUSIVE && wait->private &&
	       wait->func != kdtls_reader_wake;
}

static bool kdtls_is_writer(const wait_queue_entry_t *wait)
{
	return !(wait->flags & WQ_FLAG_EXCLUSIVE) &&
	       wait->func == autoremove_wake_function;
}

static bool kdtls_has_waiter(struct sock *sk,
			     bool (*is)(const wait_queue_entry_t *wait))
{
	wait_queue_head_t *head = sk_sleep(sk);
	wait_queue_entry_t *wait;
	bool found = false;

	spin_lock_irq(&head->lock);
	list_for_each_entry(wait, &head->head, entry)
		found |= is(wait);
	spin_unlock_irq(&head->lock);
	return found;
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
	return kdtls_has_waiter(sk, kdtls_is_reader);
}

/**
 * kdtls_foreign_writer() - does a thread sleep in the socket's original sendmsg?
 * @sk: the socket
 *
 * Such a thread waits for buffer space, to send what it has as it is. As long as
 * there are no keys, our own do not count: they keep an install waiting.
 */
bool kdtls_foreign_writer(struct sock *sk)
{
	return kdtls_has_waiter(sk, kdtls_is_writer);
}

static bool kdtls_in_sockmap(const struct sock *sk)
{
	bool found;

	rcu_read_lock();
	found = sk_psock(sk);
	rcu_read_unlock();
	return found;
}

static int kdtls_may_attach(struct sock *sk)
{
	if (sk->sk_type != SOCK_DGRAM || sk->sk_protocol != IPPROTO_UDP ||
	    (sk->sk_family != AF_INET && sk->sk_family != AF_INET6))
		return -EPROTONOSUPPORT;
	if (kdtls_sk(sk))
		return -EEXIST;
	if (READ_ONCE(sk->sk_prot) != sk->sk_prot_creator ||
	    kdtls_in_sockmap(sk))
		return -EBUSY;
	if (READ_ONCE(udp_sk(sk)->encap_type) || kdtls_udp_corked(sk) || udp_sk(sk)->pending)
		return -EBUSY;
	if (kdtls_foreign_reader(sk) || kdtls_foreign_writer(sk))
		return -EBUSY;
	return 0;
}

static struct kdtls_sock *kdtls_sock_new(struct sock *sk)
{
	struct kdtls_sock *ks = kzalloc(sizeof(*ks), GFP_KERNEL_ACCOUNT);

	if (!ks)
		return NULL;
	ks->sk = sk;
	ks->base = sk->sk_prot;
	ks->prot = *ks->base;
	kdtls_build_proto(&ks->prot);
	init_rwsem(&ks->install_lock);
	kdtls_opened_init(&ks->opened);
	kdtls_corked_init(&ks->corked);
	kdtls_retire_init(ks);
	return ks;
}

static int kdtls_attach_locked(struct sock *sk)
{
	struct kdtls_sock *ks;
	int err;

	err = kdtls_may_attach(sk);
	if (err)
		return err;
	/* By netlink, nobody holds the module while it is being removed. */
	if (!try_module_get(THIS_MODULE))
		return -ENOPROTOOPT;
	ks = kdtls_sock_new(sk);
	if (!ks) {
		module_put(THIS_MODULE);
		return -ENOMEM;
	}
	kdtls_table_add(ks);

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

int __init kdtls_attach_init(void)
{
	kdtls_works = alloc_workqueue("kdtls", WQ_UNBOUND, 0);
	return kdtls_works ? 0 : -ENOMEM;
}

void kdtls_attach_exit(void)
{
	/* The last socket's destructor may still be on its way out of here. */
	rcu_barrier();
	destroy_workqueue(kdtls_works);
	/* And so may the last caller of close, which has nothing left to wait for. */
	synchronize_rcu_tasks();
}
