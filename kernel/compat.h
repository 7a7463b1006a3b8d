/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What differs between the kernels that kdtls runs on, 6.1 and later. The HAVE_
 * macros come from Kbuild, which reads the kernel's headers.
 */
#ifndef KDTLS_COMPAT_H
#define KDTLS_COMPAT_H

#ifdef HAVE_CRYPTO_UTILS
#include <crypto/utils.h>
#else
#include <crypto/algapi.h>
#endif
#include <linux/bpf-cgroup.h>
#include <linux/shrinker.h>
#include <linux/socket.h>
#include <linux/udp.h>
#include <net/genetlink.h>
#include <net/ip.h>
#include <net/sock.h>
#include <net/udp.h>

/* The address that proto.connect gets. */
#ifdef HAVE_SOCKADDR_UNSIZED
#define kdtls_sockaddr sockaddr_unsized
#else
#define kdtls_sockaddr sockaddr
#endif

/*
 * proto.recvmsg tells the length of the peer's address through a pointer on
 * older kernels and through the message on newer ones. kdtls has the pointer.
 */
#ifdef HAVE_RECVMSG_ADDR_LEN
#define KDTLS_ADAPT_RECVMSG(name, call)					\
static int name(struct sock *sk, struct msghdr *msg, size_t len,	\
		int flags, int *addr_len)				\
{									\
	return call(sk, msg, len, flags, addr_len);			\
}

static inline int kdtls_base_recvmsg(const struct proto *base, struct sock *sk,
				     struct msghdr *msg, size_t len, int flags,
				     int *addr_len)
{
	return base->recvmsg(sk, msg, len, flags, addr_len);
}
#else
#define KDTLS_ADAPT_RECVMSG(name, call)					\
static int name(struct sock *sk, struct msghdr *msg, size_t len,	\
		int flags)						\
{									\
	return call(sk, msg, len, flags, &msg->msg_namelen);		\
}

static inline int kdtls_base_recvmsg(const struct proto *base, struct sock *sk,
				     struct msghdr *msg, size_t len, int flags,
				     int *addr_len)
{
	return base->recvmsg(sk, msg, len, flags);
}
#endif

/*
 * proto.ioctl returns its answer by a user pointer or by a kernel one. @call
 * returns true and the answer for what it knows; the rest is the base's.
 */
#ifdef HAVE_IOCTL_KARG
#define KDTLS_ADAPT_IOCTL(name, call)					\
static int name(struct sock *sk, int cmd, int *karg)			\
{									\
	struct kdtls_sock *ks = kdtls_sk(sk);				\
									\
	if (!ks)							\
		return -EBADFD;						\
	if (call(ks, sk, cmd, karg))					\
		return 0;						\
	return ks->base->ioctl(sk, cmd, karg);				\
}
#else
#define KDTLS_ADAPT_IOCTL(name, call)					\
static int name(struct sock *sk, int cmd, unsigned long arg)		\
{									\
	struct kdtls_sock *ks = kdtls_sk(sk);				\
	int answer;							\
									\
	if (!ks)							\
		return -EBADFD;						\
	if (!call(ks, sk, cmd, &answer))				\
		return ks->base->ioctl(sk, cmd, arg);			\
	return put_user(answer, (int __user *)arg);			\
}
#endif

/* Splicing into a socket by proto.sendpage would bypass sendmsg. */
static inline void kdtls_clear_sendpage(struct proto *prot)
{
#ifdef HAVE_PROTO_SENDPAGE
	prot->sendpage = NULL;
#endif
}

/* What was spliced to a socket ended before it had all that was asked for. */
static inline void kdtls_set_splice_eof(struct proto *prot,
					void (*splice_eof)(struct socket *sock))
{
#ifdef HAVE_SPLICE_EOF
	prot->splice_eof = splice_eof;
#endif
}

static inline void kdtls_base_splice_eof(const struct proto *base,
					 struct socket *sock)
{
#ifdef HAVE_SPLICE_EOF
	base->splice_eof(sock);
#endif
}

#ifdef HAVE_UDP_TEST_BIT
#define kdtls_udp_corked(sk)	udp_test_bit(CORK, sk)
#define kdtls_udp_gro(sk)	udp_test_bit(GRO_ENABLED, sk)
#else
#define kdtls_udp_corked(sk)	READ_ONCE(udp_sk(sk)->corkflag)
#define kdtls_udp_gro(sk)	(udp_sk(sk)->gro_enabled)
#endif

static inline void kdtls_drops_inc(struct sock *sk)
{
#ifdef HAVE_UDP_DROPS_INC
	udp_drops_inc(sk);
#else
	atomic_inc(&sk->sk_drops);
#endif
}

/* Count a datagram that a reader got, as udp_recvmsg() does. */
static inline void kdtls_udp_count_in(struct net *net, bool ipv4)
{
#ifdef HAVE_UDP_STATS_LITE
	if (ipv4)
		UDP_INC_STATS(net, UDP_MIB_INDATAGRAMS, 0);
	else
		UDP6_INC_STATS(net, UDP_MIB_INDATAGRAMS, 0);
#else
	if (ipv4)
		UDP_INC_STATS(net, UDP_MIB_INDATAGRAMS);
	else
		UDP6_INC_STATS(net, UDP_MIB_INDATAGRAMS);
#endif
}

#ifdef HAVE_CGROUP_ADDR_LEN
#define KDTLS_RUN_UDP4_RECVMSG(sk, addr, len) \
	BPF_CGROUP_RUN_PROG_UDP4_RECVMSG_LOCK(sk, addr, len)
#define KDTLS_RUN_UDP6_RECVMSG(sk, addr, len) \
	BPF_CGROUP_RUN_PROG_UDP6_RECVMSG_LOCK(sk, addr, len)
#else
#define KDTLS_RUN_UDP4_RECVMSG(sk, addr, len) \
	((void)(len), BPF_CGROUP_RUN_PROG_UDP4_RECVMSG_LOCK(sk, addr))
#define KDTLS_RUN_UDP6_RECVMSG(sk, addr, len) \
	((void)(len), BPF_CGROUP_RUN_PROG_UDP6_RECVMSG_LOCK(sk, addr))
#endif

static inline unsigned long kdtls_ip_cmsg_flags(const struct sock *sk)
{
#ifdef HAVE_INET_CMSG_FLAGS
	return inet_cmsg_flags(inet_sk(sk));
#else
	return inet_sk(sk)->cmsg_flags;
#endif
}

#ifndef HAVE_LIST_COUNT_NODES
static inline size_t list_count_nodes(struct list_head *head)
{
	struct list_head *position;
	size_t count = 0;

	list_for_each(position, head)
		count++;
	return count;
}
#endif

/* What a request for a list says. */
#ifdef HAVE_GENL_INFO_DUMP
#define kdtls_dump_attrs(cb)	(genl_info_dump(cb)->attrs)
#else
#define kdtls_dump_attrs(cb)	(genl_dumpit_info(cb)->attrs)
#endif

/* What gives memory back when it is short: one's own structure, or the kernel's. */
struct kdtls_shrinker {
#ifdef HAVE_SHRINKER_ALLOC
	struct shrinker		*shrinker;
#else
	struct shrinker		shrinker;
#endif
};

typedef unsigned long kdtls_shrink_t(struct shrinker *shrinker,
				     struct shrink_control *control);

static inline int kdtls_shrinker_add(struct kdtls_shrinker *s,
				     kdtls_shrink_t *count,
				     kdtls_shrink_t *scan, const char *name)
{
#ifdef HAVE_SHRINKER_ALLOC
	s->shrinker = shrinker_alloc(0, "%s", name);
	if (!s->shrinker)
		return -ENOMEM;
	s->shrinker->count_objects = count;
	s->shrinker->scan_objects = scan;
	shrinker_register(s->shrinker);
	return 0;
#else
	s->shrinker.count_objects = count;
	s->shrinker.scan_objects = scan;
	s->shrinker.seeks = DEFAULT_SEEKS;
	return register_shrinker(&s->shrinker, "%s", name);
#endif
}

static inline void kdtls_shrinker_del(struct kdtls_shrinker *s)
{
#ifdef HAVE_SHRINKER_ALLOC
	shrinker_free(s->shrinker);
#else
	unregister_shrinker(&s->shrinker);
#endif
}

/* Pages in the caller's iterator are copied; what goes down has none. */
#ifdef HAVE_MSG_SPLICE_PAGES
#define KDTLS_MSG_SPLICE_PAGES	MSG_SPLICE_PAGES
#else
#define KDTLS_MSG_SPLICE_PAGES	0
#endif

/* Older kernels say "more pages follow" by a flag of their own. */
#ifdef HAVE_MSG_SENDPAGE_NOTLAST
#define KDTLS_MSG_MORE		(MSG_MORE | MSG_SENDPAGE_NOTLAST)
#else
#define KDTLS_MSG_MORE		MSG_MORE
#endif

/* Since the string is known from TP_STRUCT__entry, it is not named again. */
#ifdef HAVE_ASSIGN_STR_DST
#define KDTLS_ASSIGN_STR(field, string)	__assign_str(field)
#else
#define KDTLS_ASSIGN_STR(field, string)	__assign_str(field, string)
#endif

#endif /* KDTLS_COMPAT_H */
