// SPDX-License-Identifier: GPL-2.0
/* Socket options: attach, switches, and where the others are. */
#include <linux/kdtls.h>
#include <linux/module.h>
#include <linux/netfilter.h>
#include <linux/udp.h>

#include "endpoint.h"
#include "sock.h"

static int kdtls_set_int(int *option, int most, sockptr_t optval,
			 unsigned int optlen)
{
	int value;

	if (optlen != sizeof(value))
		return -EINVAL;
	if (copy_from_sockptr(&value, optval, sizeof(value)))
		return -EFAULT;
	if (value < 0 || value > most)
		return -EINVAL;
	WRITE_ONCE(*option, value);
	return 0;
}

/* Limits that cannot be meant are refused, the others are cut to the cipher's. */
int kdtls_check_limits(const struct dtls_limits *limits)
{
	if (limits->seal_hard && limits->seal_soft > limits->seal_hard)
		return -EINVAL;
	if (limits->fail_hard && limits->fail_soft > limits->fail_hard)
		return -EINVAL;
	return 0;
}

static int kdtls_set_limits(struct kdtls_sock *ks, struct sock *sk,
			    sockptr_t optval, unsigned int optlen)
{
	struct dtls_limits limits;
	int err;

	if (optlen != sizeof(limits))
		return -EINVAL;
	if (copy_from_sockptr(&limits, optval, sizeof(limits)))
		return -EFAULT;
	err = kdtls_check_limits(&limits);
	if (err)
		return err;
	lock_sock(sk);
	ks->limits = limits;
	release_sock(sk);
	return 0;
}

/**
 * kdtls_get_limits() - what DTLS_LIMITS was set to
 * @ks: the socket's context
 * @sk: the socket
 * @limits: where to put it
 *
 * Context: Process context, may sleep. Takes the socket's lock.
 */
void kdtls_get_limits(struct kdtls_sock *ks, struct sock *sk,
		      struct dtls_limits *limits)
{
	lock_sock(sk);
	*limits = ks->limits;
	release_sock(sk);
}

static int kdtls_set_endpoint(struct kdtls_sock *ks, struct sock *sk,
			      sockptr_t optval, unsigned int optlen)
{
	struct dtls_endpoint endpoint;

	if (optlen != sizeof(endpoint))
		return -EINVAL;
	if (copy_from_sockptr(&endpoint, optval, sizeof(endpoint)))
		return -EFAULT;
	if (endpoint.endpoint || endpoint.member || endpoint.sessions)
		return -EINVAL;
	return kdtls_endpoint_join(ks, sk, endpoint.role);
}

static int kdtls_set_option(struct kdtls_sock *ks, struct sock *sk, int optname,
			    sockptr_t optval, unsigned int optlen)
{
	switch (optname) {
	case DTLS_TX:
	case DTLS_RX:
		return kdtls_set_crypto_info(ks, sk, optname == DTLS_TX,
					     optval, optlen);
	case DTLS_RECV_CONTROL:
		return kdtls_set_int(&ks->recv_control, 1, optval, optlen);
	case DTLS_RECV_RAW:
		return kdtls_set_int(&ks->recv_raw, DTLS_RAW_UNOPENED, optval,
				     optlen);
	case DTLS_RECV_EVENTS:
		return kdtls_set_int(&ks->recv_events, 1, optval, optlen);
	case DTLS_RETIRE:
		return kdtls_set_int(&ks->retire_ms, DTLS_RETIRE_MAX, optval,
				     optlen);
	case DTLS_LIMITS:
		return kdtls_set_limits(ks, sk, optval, optlen);
	case DTLS_ENDPOINT:
		return kdtls_set_endpoint(ks, sk, optval, optlen);
	case DTLS_RECV_SESSION:
		return kdtls_set_int(&ks->recv_session, 1, optval, optlen);
	default:
		return -ENOPROTOOPT;
	}
}

/* Older kernels take UDP's options by the level of UDP-Lite, too. */
static bool kdtls_is_udp_option(int level, int optname, int name)
{
	return (level == SOL_UDP || level == SOL_UDPLITE) && optname == name;
}

/*
 * UDP would cork records where payload is meant. It only gets to know that what
 * it has pending from before the keys may go.
 */
static int kdtls_set_cork(struct kdtls_sock *ks, struct sock *sk, int level,
			  sockptr_t optval, unsigned int optlen)
{
	int value, err;

	if (optlen < sizeof(value))
		return -EINVAL;
	if (copy_from_sockptr(&value, optval, sizeof(value)))
		return -EFAULT;
	WRITE_ONCE(ks->cork, !!value);
	if (value)
		return 0;
	err = kdtls_uncork(ks, sk);
	if (err)
		return err;
	return ks->base->setsockopt(sk, level, UDP_CORK, KERNEL_SOCKPTR(&value),
				    sizeof(value));
}

/**
 * kdtls_setsockopt() - setsockopt of an attached socket
 * @sk: the socket
 * @level: SOL_DTLS, or one of UDP's
 * @optname: the option
 * @optval: its value
 * @optlen: bytes of it
 *
 * Context: Process context, may sleep.
 * Return: 0 or a negative errno; see Documentation/uapi.rst.
 */
int kdtls_setsockopt(struct sock *sk, int level, int optname, sockptr_t optval,
		     unsigned int optlen)
{
	struct kdtls_sock *ks = kdtls_sk(sk);

	if (!ks)
		return -EBADFD;
	if (level == SOL_DTLS)
		return kdtls_set_option(ks, sk, optname, optval, optlen);
	if (kdtls_is_udp_option(level, optname, UDP_CORK))
		return kdtls_set_cork(ks, sk, level, optval, optlen);
	/* These would pull the socket from under us. */
	if (kdtls_is_udp_option(level, optname, UDP_ENCAP) ||
	    (level == SOL_IPV6 && optname == IPV6_ADDRFORM))
		return -EOPNOTSUPP;
	return ks->base->setsockopt(sk, level, optname, optval, optlen);
}

static int kdtls_get_value(const void *value, int size, char __user *optval,
			   int __user *optlen)
{
	int len;

	if (get_user(len, optlen))
		return -EFAULT;
	if (len < 0)
		return -EINVAL;
	len = min(len, size);
	if (copy_to_user(optval, value, len) || put_user(len, optlen))
		return -EFAULT;
	return 0;
}

static int kdtls_get_int(const int *option, char __user *optval,
			 int __user *optlen)
{
	int value = READ_ONCE(*option);

	return kdtls_get_value(&value, sizeof(value), optval, optlen);
}

static int kdtls_get_endpoint(struct kdtls_sock *ks, char __user *optval,
			      int __user *optlen)
{
	/* Pairs with the release in kdtls_member_add(). */
	struct kdtls_endpoint *endpoint = smp_load_acquire(&ks->endpoint);
	struct dtls_endpoint value = {};

	if (!endpoint)
		return -ENOTCONN;
	value.role = ks->role;
	value.endpoint = endpoint->id;
	value.member = ks->member;
	value.sessions = READ_ONCE(endpoint->count);
	return kdtls_get_value(&value, sizeof(value), optval, optlen);
}

static int kdtls_get_option(struct kdtls_sock *ks, struct sock *sk, int optname,
			    char __user *optval, int __user *optlen)
{
	struct dtls_limits limits;
	struct dtls_info info;

	switch (optname) {
	case DTLS_INFO:
		kdtls_tell(ks, sk, &info);
		return kdtls_get_value(&info, sizeof(info), optval, optlen);
	case DTLS_RECV_CONTROL:
		return kdtls_get_int(&ks->recv_control, optval, optlen);
	case DTLS_RECV_RAW:
		return kdtls_get_int(&ks->recv_raw, optval, optlen);
	case DTLS_RECV_EVENTS:
		return kdtls_get_int(&ks->recv_events, optval, optlen);
	case DTLS_RETIRE:
		return kdtls_get_int(&ks->retire_ms, optval, optlen);
	case DTLS_ENDPOINT:
		return kdtls_get_endpoint(ks, optval, optlen);
	case DTLS_RECV_SESSION:
		return kdtls_get_int(&ks->recv_session, optval, optlen);
	case DTLS_LIMITS:
		kdtls_get_limits(ks, sk, &limits);
		return kdtls_get_value(&limits, sizeof(limits), optval, optlen);
	default:
		return -ENOPROTOOPT;
	}
}

/**
 * kdtls_getsockopt() - getsockopt of an attached socket
 * @sk: the socket
 * @level: SOL_DTLS, or one of UDP's
 * @optname: the option
 * @optval: where its value goes
 * @optlen: bytes that fit there, and then those that are there
 *
 * Context: Process context, may sleep.
 * Return: 0 or a negative errno; see Documentation/uapi.rst.
 */
int kdtls_getsockopt(struct sock *sk, int level, int optname,
		     char __user *optval, int __user *optlen)
{
	struct kdtls_sock *ks = kdtls_sk(sk);

	if (!ks)
		return -EBADFD;
	if (level == SOL_DTLS)
		return kdtls_get_option(ks, sk, optname, optval, optlen);
	if (kdtls_is_udp_option(level, optname, UDP_CORK))
		return kdtls_get_int(&ks->cork, optval, optlen);
	return ks->base->getsockopt(sk, level, optname, optval, optlen);
}

#if IS_ENABLED(CONFIG_NETFILTER)
static int kdtls_set_ulp(struct sock *sk, int optname, sockptr_t optval,
			 unsigned int optlen)
{
	char name[sizeof(KDTLS_ULP_NAME) - 1];

	if (optlen != sizeof(name))
		return -EINVAL;
	if (copy_from_sockptr(name, optval, sizeof(name)))
		return -EFAULT;
	if (memcmp(name, KDTLS_ULP_NAME, sizeof(name)))
		return -EINVAL;
	return kdtls_attach(sk);
}

/* Sockets of both families come here by SOL_IP. */
static struct nf_sockopt_ops kdtls_ulp_sockopt = {
	.pf		= PF_INET,
	.set_optmin	= KDTLS_ULP,
	.set_optmax	= KDTLS_ULP + 1,
	.set		= kdtls_set_ulp,
	.owner		= THIS_MODULE,
};

int __init kdtls_sockopt_init(void)
{
	return nf_register_sockopt(&kdtls_ulp_sockopt);
}

void kdtls_sockopt_exit(void)
{
	nf_unregister_sockopt(&kdtls_ulp_sockopt);
}
#else
int __init kdtls_sockopt_init(void)
{
	return 0;
}

void kdtls_sockopt_exit(void)
{
}
#endif
