// SPDX-License-Identifier: GPL-2.0
/*
 * Install: user space gives keys, for the first time or new ones.
 *
 * New keys replace the old ones in one step. Sending changes at once. For
 * receiving the keys of an earlier epoch serve on for a while, because what was
 * sealed with them may still be under way; two sets of keys are what a session has
 * at most.
 */
#include <linux/kdtls.h>
#include <linux/udp.h>

#include "install.h"
#include "sock.h"
#include "stat.h"
#include "trace.h"

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

static bool kdtls_has_keys(const struct kdtls_session *session, bool tx)
{
	return tx ? rcu_access_pointer(session->tx) :
		    rcu_access_pointer(session->rx);
}

/* Whoever calls keeps other installs out. */
static struct kdtls_epoch *kdtls_locked(struct kdtls_epoch __rcu **slot)
{
	return rcu_dereference_protected(*slot, true);
}

/* Who slept in the base since before the attach did not see us come. */
static bool kdtls_foreign_caller(struct sock *sk, bool tx)
{
	return tx ? kdtls_foreign_writer(sk) : kdtls_foreign_reader(sk);
}

/* The first keys of a direction: from here on nothing must pass unprotected. */
static int kdtls_may_install(const struct kdtls_sock *ks, struct sock *sk,
			     bool tx)
{
	/* A member's sessions get theirs by netlink. */
	if (ks->endpoint)
		return -EISCONN;
	if (READ_ONCE(sk->sk_state) != TCP_ESTABLISHED)
		return -ENOTCONN;
	if (kdtls_foreign_caller(sk, tx))
		return -EBUSY;
	/* Plaintext that waits for more would go out in front of a record. */
	if (tx && udp_sk(sk)->pending)
		return -EBUSY;
	return 0;
}

/* The same key again would repeat its nonces, or open its records again. */
static int kdtls_may_replace(struct kdtls_session *session, bool tx,
			     const struct kdtls_epoch *now,
			     const struct kdtls_epoch *epoch)
{
	if (READ_ONCE(session->state))
		return -EPIPE;
	if (kdtls_epoch_same_key(now, epoch))
		return -EKEYREJECTED;
	if (!tx && kdtls_epoch_same_key(kdtls_locked(&session->rx_old), epoch))
		return -EKEYREJECTED;
	return 0;
}

/* Each returns the keys that nobody needs any more, or NULL. */
static struct kdtls_epoch *kdtls_swap_tx(struct kdtls_session *session,
					 struct kdtls_epoch *epoch)
{
	return rcu_replace_pointer(session->tx, epoch, true);
}

static struct kdtls_epoch *kdtls_swap_rx(struct kdtls_session *session,
					 struct kdtls_epoch *epoch,
					 u32 retire_ms)
{
	struct kdtls_epoch *old = kdtls_locked(&session->rx), *older;
	unsigned long delay = msecs_to_jiffies(retire_ms);

	if (!old) {
		rcu_assign_pointer(session->rx, epoch);
		return NULL;
	}
	/*
	 * A number that does not count up is another association with the same
	 * peer. The one before is abandoned (RFC 6347 section 4.2.8): what its
	 * keys open must not pass for what the new ones do.
	 */
	if (epoch->number <= old->number)
		delay = 0;
	/* In this order a reader always finds what is current. */
	WRITE_ONCE(old->retire_at, jiffies + delay);
	older = rcu_replace_pointer(session->rx_old, old, true);
	rcu_assign_pointer(session->rx, epoch);
	return older;
}

static void kdtls_count_installed(struct net *net, bool tx, bool first)
{
	if (first)
		kdtls_stat_inc(net, tx ? KDTLS_CURR_TX : KDTLS_CURR_RX);
	kdtls_stat_inc(net, tx ? KDTLS_TX_INSTALLED : KDTLS_RX_INSTALLED);
}

/**
 * kdtls_session_may_install() - would kdtls_session_install() take the keys?
 * @session: the session; the caller keeps other installs out
 * @tx: for sending
 * @epoch: the keys
 *
 * Return: 0, -EPIPE or -EKEYREJECTED.
 */
int kdtls_session_may_install(struct kdtls_session *session, bool tx,
			      const struct kdtls_epoch *epoch)
{
	struct kdtls_epoch *now = kdtls_locked(tx ? &session->tx :
						    &session->rx);

	return now ? kdtls_may_replace(session, tx, now, epoch) : 0;
}

/**
 * kdtls_session_has_key() - does a session have a key, in either direction?
 * @session: the session; the caller keeps installs out
 * @epoch: the key
 */
bool kdtls_session_has_key(struct kdtls_session *session,
			   const struct kdtls_epoch *epoch)
{
	return kdtls_epoch_same_key(kdtls_locked(&session->tx), epoch) ||
	       kdtls_epoch_same_key(kdtls_locked(&session->rx), epoch) ||
	       kdtls_epoch_same_key(kdtls_locked(&session->rx_old), epoch);
}

/**
 * kdtls_session_install() - give a session keys, its first or new ones
 * @session: the session; the caller keeps other installs out
 * @net: where to count; NULL for a session that nobody can find yet
 * @tx: for sending
 * @epoch: the keys; afterwards what the caller has to give to
 *	kdtls_epoch_put(): after a success other ones, or NULL
 * @retire_ms: receiving: how long the keys before these serve
 *
 * Return: 0, -EPIPE or -EKEYREJECTED.
 */
int kdtls_session_install(struct kdtls_session *session, struct net *net,
			  bool tx, struct kdtls_epoch **epoch, u32 retire_ms)
{
	bool first = !kdtls_has_keys(session, tx);
	int err;

	err = kdtls_session_may_install(session, tx, *epoch);
	if (err)
		return err;
	*epoch = tx ? kdtls_swap_tx(session, *epoch) :
		      kdtls_swap_rx(session, *epoch, retire_ms);
	if (net)
		kdtls_count_installed(net, tx, first);
	return 0;
}

static int kdtls_install_locked(struct kdtls_sock *ks, struct sock *sk, bool tx,
				struct kdtls_epoch **epoch)
{
	struct kdtls_session *session = &ks->session;
	struct kdtls_epoch *keys = *epoch;
	bool first = !kdtls_has_keys(session, tx);
	struct kdtls_epoch *old;
	int err;

	err = first ? kdtls_may_install(ks, sk, tx) : 0;
	if (err)
		return err;
	err = kdtls_session_install(session, sock_net(sk), tx, epoch,
				    READ_ONCE(ks->retire_ms));
	if (err)
		return err;
	trace_kdtls_install(sk, NULL, tx, keys);
	old = kdtls_locked(&session->rx_old);
	if (!tx && old)
		kdtls_retire_later(ks, max(0L, (long)(old->retire_at - jiffies)));
	return 0;
}

static int kdtls_install(struct kdtls_sock *ks, struct sock *sk, bool tx,
			 struct kdtls_epoch **epoch)
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

/**
 * kdtls_keys_new() - make an epoch of what user space gives
 * @install: a struct dtls12_crypto_info_*, a copy that only the caller knows
 * @size: its bytes
 * @tx: for sending
 * @limits: what limits them
 * @lent: their cipher comes from the pool: an endpoint's session
 *
 * Context: Process context, may sleep.
 * Return: the keys, to be given to kdtls_epoch_put(), or an ERR_PTR().
 */
struct kdtls_epoch *kdtls_keys_new(union kdtls_install *install,
				   unsigned int size, bool tx,
				   const struct dtls_limits *limits, bool lent)
{
	const struct kdtls_layout *layout;
	const u8 *bytes = (u8 *)install;
	int err;

	layout = kdtls_find_layout(install->info.cipher_type);
	if (!layout)
		return ERR_PTR(-EOPNOTSUPP);
	err = kdtls_check_install(install, layout, size, tx);
	if (err)
		return ERR_PTR(err);
	return kdtls_epoch_new(kdtls_cipher_find(install->info.cipher_type),
			       &install->info, bytes + layout->key,
			       bytes + layout->salt,
			       bytes + layout->explicit_nonce, limits, lent);
}

static int kdtls_set_keys(struct kdtls_sock *ks, struct sock *sk, bool tx,
			  union kdtls_install *install, unsigned int size)
{
	struct dtls_limits limits;
	struct kdtls_epoch *epoch;
	int err;

	kdtls_get_limits(ks, sk, &limits);
	epoch = kdtls_keys_new(install, size, tx, &limits, false);
	if (IS_ERR(epoch))
		return PTR_ERR(epoch);
	err = kdtls_install(ks, sk, tx, &epoch);
	kdtls_epoch_put(epoch);
	return err;
}

/**
 * kdtls_set_crypto_info() - DTLS_TX and DTLS_RX
 * @ks: the socket's context
 * @sk: the socket
 * @tx: DTLS_TX
 * @optval: a struct dtls12_crypto_info_*
 * @optlen: its bytes
 *
 * Context: Process context, may sleep. Takes the install lock and the socket's.
 * Return: 0 or a negative errno; see Documentation/uapi.rst.
 */
int kdtls_set_crypto_info(struct kdtls_sock *ks, struct sock *sk, bool tx,
			  sockptr_t optval, unsigned int optlen)
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

/* The older keys' time is over. */
static void kdtls_retire(struct work_struct *work)
{
	struct kdtls_sock *ks = container_of(to_delayed_work(work),
					     struct kdtls_sock, retire);
	struct kdtls_epoch *old;

	/* A call that passes may sleep; nobody shall have to wait for us. */
	if (!down_write_trylock(&ks->install_lock)) {
		kdtls_retire_later(ks, HZ / 10);
		return;
	}
	old = kdtls_locked(&ks->session.rx_old);
	/* Others have come meanwhile, and this work is queued again. */
	if (old && time_before(jiffies, old->retire_at))
		old = NULL;
	else
		RCU_INIT_POINTER(ks->session.rx_old, NULL);
	up_write(&ks->install_lock);
	kdtls_epoch_put(old);
}

void kdtls_retire_init(struct kdtls_sock *ks)
{
	ks->retire_ms = DTLS_RETIRE_MAX;
	INIT_DELAYED_WORK(&ks->retire, kdtls_retire);
}
