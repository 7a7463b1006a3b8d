// SPDX-License-Identifier: GPL-2.0
/* Socket options: attach, install, information. */
#include <linux/kdtls.h>
#include <linux/module.h>
#include <linux/netfilter.h>
#include <linux/udp.h>
#include <net/dst.h>
#include <net/ipv6.h>

#include "sock.h"
#include "stat.h"

/* What user space gives to install one direction. */
union kdtls_install {
	struct dtls_crypto_info				info;
	struct dtls12_crypto_info_aes_gcm_128		gcm128;
	struct dtls12_crypto_info_aes_gcm_256		gcm256;
	struct dtls12_crypto_info_aes_ccm_128		ccm128;
	struct dtls12_crypto_info_aes_ccm_256		ccm256;
	struct dtls12_crypto_info_aes_ccm_8_128		ccm8;
	struct dtls12_crypto_info_chacha20_poly1305	chacha;
};

/**
 * struct kdtls_layout - where a cipher's structure has what
 * @size: of the structure
 * @key: offset of the key
 * @salt: offset of the part of the nonce that is not sent
 * @explicit_nonce: offset of the part that is, 0 if there is none
 * @pad: offset of the bytes up to the end that must be 0
 */
struct kdtls_layout {
	u8	size;
	u8	key;
	u8	salt;
	u8	explicit_nonce;
	u8	pad;
};

/* That of the ciphers with a salt and an explicit nonce. */
#define KDTLS_SALTED(type)						\
	{								\
		.size = sizeof(struct dtls12_crypto_info_##type),	\
		.key = offsetof(struct dtls12_crypto_info_##type, key),	\
		.salt = offsetof(struct dtls12_crypto_info_##type, salt),	\
		.explicit_nonce =					\
			offsetof(struct dtls12_crypto_info_##type, iv),	\
		.pad = offsetof(struct dtls12_crypto_info_##type, pad),	\
	}

static const struct kdtls_layout kdtls_layout_gcm128 =
	KDTLS_SALTED(aes_gcm_128);
static const struct kdtls_layout kdtls_layout_gcm256 =
	KDTLS_SALTED(aes_gcm_256);
static const struct kdtls_layout kdtls_layout_ccm128 =
	KDTLS_SALTED(aes_ccm_128);
static const struct kdtls_layout kdtls_layout_ccm256 =
	KDTLS_SALTED(aes_ccm_256);
static const struct kdtls_layout kdtls_layout_ccm8 =
	KDTLS_SALTED(aes_ccm_8_128);

static const struct kdtls_layout kdtls_layout_chacha = {
	.size = sizeof(struct dtls12_crypto_info_chacha20_poly1305),
	.key = offsetof(struct dtls12_crypto_info_chacha20_poly1305, key),
	.salt = offsetof(struct dtls12_crypto_info_chacha20_poly1305, iv),
	.pad = offsetof(struct dtls12_crypto_info_chacha20_poly1305, pad),
};

static const struct kdtls_layout *kdtls_find_layout(u16 cipher_type)
{
	switch (cipher_type) {
	case DTLS_CIPHER_AES_GCM_128:
		return &kdtls_layout_gcm128;
	case DTLS_CIPHER_AES_GCM_256:
		return &kdtls_layout_gcm256;
	case DTLS_CIPHER_AES_CCM_128:
		return &kdtls_layout_ccm128;
	case DTLS_CIPHER_AES_CCM_256:
		return &kdtls_layout_ccm256;
	case DTLS_CIPHER_AES_CCM_8_128:
		return &kdtls_layout_ccm8;
	case DTLS_CIPHER_CHACHA20_POLY1305:
		return &kdtls_layout_chacha;
	default:
		return NULL;
	}
}

static bool kdtls_is_zero(const u8 *from, const u8 *end)
{
	return !memchr_inv(from, 0, end - from);
}

/* Check the head, and put the default where user space left it to us. */
static int kdtls_check_info(struct dtls_crypto_info *info, bool tx)
{
	if (info->version != DTLS_1_2_VERSION || !info->epoch ||
	    info->rec_seq > KDTLS_SEQ_END)
		return -EINVAL;
	if (tx)
		return info->window || info->seen ? -EINVAL : 0;
	if (!info->window)
		info->window = DTLS_WINDOW_DEFAULT;
	if (info->window < DTLS_WINDOW_MIN || info->window > DTLS_WINDOW_MAX)
		return -EINVAL;
	return 0;
}

static int kdtls_check_install(union kdtls_install *install,
			       const struct kdtls_layout *layout,
			       unsigned int size, bool tx)
{
	const u8 *bytes = (const u8 *)install;
	const u8 *explicit_nonce = bytes + layout->explicit_nonce;

	if (size != layout->size ||
	    !kdtls_is_zero(bytes + layout->pad, bytes + layout->size))
		return -EINVAL;
	if (!tx && layout->explicit_nonce &&
	    !kdtls_is_zero(explicit_nonce, explicit_nonce + KDTLS_EXPLICIT_MAX))
		return -EINVAL;
	return kdtls_check_info(&install->info, tx);
}

static int kdtls_install_locked(struct kdtls_sock *ks, struct sock *sk, bool tx,
				struct kdtls_epoch *epoch)
{
	struct kdtls_epoch __rcu **slot = tx ? &ks->session.tx :
					       &ks->session.rx;
	struct net *net = sock_net(sk);

	if (READ_ONCE(sk->sk_state) != TCP_ESTABLISHED)
		return -ENOTCONN;
	if (rcu_access_pointer(*slot))
		return -EALREADY;
	/* Who slept in the base since before the attach did not see us come. */
	if (tx ? kdtls_foreign_writer(sk) : kdtls_foreign_reader(sk))
		return -EBUSY;
	/* Plaintext that waits for more would go out in front of a record. */
	if (tx && (udp_sk(sk)->pending || kdtls_udp_corked(sk)))
		return -EBUSY;
	rcu_assign_pointer(*slot, epoch);
	kdtls_stat_inc(net, tx ? KDTLS_CURR_TX : KDTLS_CURR_RX);
	kdtls_stat_inc(net, tx ? KDTLS_TX_INSTALLED : KDTLS_RX_INSTALLED);
	return 0;
}

static int kdtls_install(struct kdtls_sock *ks, struct sock *sk, bool tx,
			 struct kdtls_epoch *epoch)
{
	int err;

	if (down_write_killable(&ks->install_lock))
		return -EINTR;
	lock_sock(sk);
	err = kdtls_install_locked(ks, sk, tx, epoch);
	release_sock(sk);
	up_write(&ks->install_lock);
	return err;
}

static int kdtls_set_keys(struct kdtls_sock *ks, struct sock *sk, bool tx,
			  union kdtls_install *install, unsigned int size)
{
	const struct kdtls_layout *layout;
	const u8 *bytes = (u8 *)install;
	struct kdtls_epoch *epoch;
	int err;

	layout = kdtls_find_layout(install->info.cipher_type);
	if (!layout)
		return -EOPNOTSUPP;
	err = kdtls_check_install(install, layout, size, tx);
	if (err)
		return err;
	epoch = kdtls_epoch_new(kdtls_cipher_find(install->info.cipher_type),
				&install->info, bytes + layout->key,
				bytes + layout->salt,
				bytes + layout->explicit_nonce);
	if (IS_ERR(epoch))
		return PTR_ERR(epoch);
	err = kdtls_install(ks, sk, tx, epoch);
	if (err)
		kdtls_epoch_put(epoch);
	return err;
}

static int kdtls_set_crypto_info(struct kdtls_sock *ks, struct sock *sk,
				 bool tx, sockptr_t optval, unsigned int optlen)
{
	union kdtls_install install = {};
	int err = -EINVAL;

	if (optlen < sizeof(install.info) || optlen > sizeof(install))
		return -EINVAL;
	if (copy_from_sockptr(&install, optval, optlen))
		err = -EFAULT;
	else
		err = kdtls_set_keys(ks, sk, tx, &install, optlen);
	memzero_explicit(&install, sizeof(install));
	return err;
}

static int kdtls_set_bool(bool *option, sockptr_t optval, unsigned int optlen)
{
	int value;

	if (optlen != sizeof(value))
		return -EINVAL;
	if (copy_from_sockptr(&value, optval, sizeof(value)))
		return -EFAULT;
	if (value != 0 && value != 1)
		return -EINVAL;
	WRITE_ONCE(*option, value);
	return 0;
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
		return kdtls_set_bool(&ks->recv_control, optval, optlen);
	case DTLS_RECV_RAW:
		return kdtls_set_bool(&ks->recv_raw, optval, optlen);
	default:
		return -ENOPROTOOPT;
	}
}

/* Options of other levels that would pull the socket from under us. */
static int kdtls_check_foreign(int level, int optname, sockptr_t optval,
			       unsigned int optlen)
{
	int value;

	if (level == SOL_IPV6 &&
	    (optname == IPV6_ADDRFORM || optname == IPV6_RECVPATHMTU))
		return -EOPNOTSUPP;
	/* Older kernels take UDP's options by this level from any UDP socket. */
	if (level != SOL_UDP && level != SOL_UDPLITE)
		return 0;
	if (optname == UDP_ENCAP)
		return -EOPNOTSUPP;
	if (optname != UDP_CORK || optlen < sizeof(value))
		return 0;
	if (copy_from_sockptr(&value, optval, sizeof(value)))
		return -EFAULT;
	return value ? -EOPNOTSUPP : 0;
}

int kdtls_setsockopt(struct sock *sk, int level, int optname, sockptr_t optval,
		     unsigned int optlen)
{
	struct kdtls_sock *ks = kdtls_sk(sk);
	int err;

	if (!ks)
		return -EBADFD;
	if (level == SOL_DTLS)
		return kdtls_set_option(ks, sk, optname, optval, optlen);
	err = kdtls_check_foreign(level, optname, optval, optlen);
	if (err)
		return err;
	return ks->base->setsockopt(sk, level, optname, optval, optlen);
}

/* The largest payload whose datagram needs no fragments on the current path. */
static u32 kdtls_max_payload(struct sock *sk, u32 overhead)
{
	struct dst_entry *dst = sk_dst_get(sk);
	u32 around = overhead + sizeof(struct udphdr);
	u32 mtu;

	if (!dst)
		return 0;
	mtu = min_t(u32, dst_mtu(dst), U16_MAX);
	around += dst->ops->family == AF_INET6 ? sizeof(struct ipv6hdr) :
						 sizeof(struct iphdr);
	dst_release(dst);
	return mtu > around ? min_t(u32, mtu - around, DTLS_MAX_PLAINTEXT) : 0;
}

static void kdtls_tell_epochs(struct dtls_info *info, struct kdtls_epoch *tx,
			      struct kdtls_epoch *rx)
{
	const struct kdtls_epoch *any = tx ?: rx;

	if (!any)
		return;
	info->version = DTLS_1_2_VERSION;
	info->cipher_type = any->cipher->type;
	info->overhead = kdtls_overhead(any->cipher);
	if (tx) {
		info->state |= DTLS_STATE_TX;
		info->tx_epoch = tx->number;
		info->tx_seq = atomic64_read(&tx->tx_seq);
	}
	if (rx) {
		info->state |= DTLS_STATE_RX;
		info->rx_epoch = rx->number;
		spin_lock(&rx->lock);
		info->window = rx->window.size;
		info->rx_seq = rx->window.next;
		spin_unlock(&rx->lock);
	}
}

static void kdtls_tell_session(struct dtls_info *info,
			       struct kdtls_session *session)
{
	unsigned long state = READ_ONCE(session->state);

	if (state & BIT(KDTLS_PEER_CLOSED))
		info->state |= DTLS_STATE_PEER_CLOSED;
	if (state & BIT(KDTLS_PEER_ALERT))
		info->state |= DTLS_STATE_PEER_ALERT;
	if (state & BIT(KDTLS_CLOSED))
		info->state |= DTLS_STATE_CLOSED;
	info->alert = READ_ONCE(session->alert);
	info->tx_records = atomic64_read(&session->tx_records);
	info->tx_bytes = atomic64_read(&session->tx_bytes);
	info->rx_records = atomic64_read(&session->rx_records);
	info->rx_bytes = atomic64_read(&session->rx_bytes);
	info->rx_replayed = atomic64_read(&session->rx_replayed);
	info->rx_bad = atomic64_read(&session->rx_bad);
}

static void kdtls_tell(struct kdtls_sock *ks, struct sock *sk,
		       struct dtls_info *info)
{
	struct kdtls_epoch *tx = kdtls_epoch_get(&ks->session.tx);
	struct kdtls_epoch *rx = kdtls_epoch_get(&ks->session.rx);

	memset(info, 0, sizeof(*info));
	kdtls_tell_epochs(info, tx, rx);
	kdtls_tell_session(info, &ks->session);
	if (info->overhead)
		info->max_payload = kdtls_max_payload(sk, info->overhead);
	kdtls_epoch_put(tx);
	kdtls_epoch_put(rx);
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

int kdtls_getsockopt(struct sock *sk, int level, int optname,
		     char __user *optval, int __user *optlen)
{
	struct kdtls_sock *ks = kdtls_sk(sk);
	struct dtls_info info;
	int value;

	if (!ks)
		return -EBADFD;
	if (level != SOL_DTLS)
		return ks->base->getsockopt(sk, level, optname, optval, optlen);

	switch (optname) {
	case DTLS_INFO:
		kdtls_tell(ks, sk, &info);
		return kdtls_get_value(&info, sizeof(info), optval, optlen);
	case DTLS_RECV_CONTROL:
		value = READ_ONCE(ks->recv_control);
		return kdtls_get_value(&value, sizeof(value), optval, optlen);
	case DTLS_RECV_RAW:
		value = READ_ONCE(ks->recv_raw);
		return kdtls_get_value(&value, sizeof(value), optval, optlen);
	default:
		return -ENOPROTOOPT;
	}
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
