// SPDX-License-Identifier: LGPL-2.1-or-later
/* Giving a socket and its keys to the kernel (Documentation/uapi.rst). */
#include <netinet/in.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <unistd.h>

#include <kdtls.h>

#include "clock.h"
#include "install.h"
#include "log.h"
#include "netlink.h"
#include "secret.h"

/* Asking for the module starts modprobe: not for every session of a server. */
#define ASK_AGAIN_MS 5000

static _Atomic u64 ask_after;

static int attach_once(int fd)
{
	return setsockopt(fd, SOL_IP, KDTLS_ULP, KDTLS_ULP_NAME,
			  sizeof(KDTLS_ULP_NAME) - 1) ? -errno : 0;
}

static int attach(int fd)
{
	int err = attach_once(fd);
	int family;

	if (err != -ENOPROTOOPT)
		return err;
	if (kdtls_now_ms() < atomic_load(&ask_after))
		return err;
	family = kdtls_netlink_resolve();
	if (family < 0) {
		atomic_store(&ask_after, kdtls_now_ms() + ASK_AGAIN_MS);
		return -ENOPROTOOPT;
	}
	err = attach_once(fd);
	return err == -ENOPROTOOPT ? kdtls_netlink_attach(family, fd) : err;
}

/* The same as if we had attached it, until there are keys. */
static int attached_before(int fd)
{
	struct dtls_info info;
	int err = kdtls_install_info(fd, &info);

	if (err)
		return kdtls_fail(err, "DTLS_INFO: %s; is the module of another version than the library?",
				  strerror(-err));
	if (info.state & (DTLS_STATE_TX | DTLS_STATE_RX))
		return kdtls_fail(-EALREADY, "there are keys on this socket already: a socket serves one session");
	return 0;
}

int kdtls_install_attach(int fd)
{
	int err = attach(fd);

	switch (err) {
	case 0:
		return 0;
	case -EEXIST:
		return attached_before(fd);
	case -ENOPROTOOPT:
		return kdtls_fail(err, "no kdtls module in this kernel: load it with `modprobe kdtls`");
	case -EBUSY:
		return kdtls_fail(err, "the socket belongs to something else (a sockmap, an encapsulation), has corked data, or another thread receives on it");
	case -EPROTONOSUPPORT:
		return kdtls_fail(err, "not a UDP socket: kdtls takes AF_INET and AF_INET6 SOCK_DGRAM only");
	default:
		return kdtls_fail(err, "the kernel does not attach the socket: %s",
				  strerror(-err));
	}
}

int kdtls_install_options(int fd)
{
	int on = 1;

	if (setsockopt(fd, SOL_DTLS, DTLS_RECV_CONTROL, &on, sizeof(on)))
		return kdtls_fail(-errno, "DTLS_RECV_CONTROL: %s; is the module of another version than the library?",
				  strerror(errno));
	if (setsockopt(fd, SOL_DTLS, DTLS_RECV_RAW, &on, sizeof(on)))
		return kdtls_fail(-errno, "DTLS_RECV_RAW: %s; is the module of another version than the library?",
				  strerror(errno));
	return 0;
}

/* A structure with salt and explicit nonce; its value is the size. */
#define FILL_SALTED(to)							\
	({								\
		if (tx)							\
			kdtls_put_be64((to).iv, n->nonce);		\
		memcpy((to).key, key, sizeof((to).key));		\
		memcpy((to).salt, salt, sizeof((to).salt));		\
		sizeof(to);						\
	})

socklen_t kdtls_install_fill(union kdtls_crypto_info *u, bool tx,
			     const struct kdtls_keys *k,
			     const struct kdtls_numbers *n)
{
	const u8 *key = tx ? k->tx_key : k->rx_key;
	const u8 *salt = tx ? k->tx_salt : k->rx_salt;

	u->info.version = DTLS_1_2_VERSION;
	u->info.cipher_type = k->cipher->type;
	u->info.epoch = n->epoch;
	u->info.window = tx ? 0 : n->window;
	u->info.rec_seq = n->seq;
	u->info.seen = tx ? 0 : n->seen;

	switch (k->cipher->type) {
	case DTLS_CIPHER_AES_GCM_128:
		return FILL_SALTED(u->gcm128);
	case DTLS_CIPHER_AES_GCM_256:
		return FILL_SALTED(u->gcm256);
	case DTLS_CIPHER_AES_CCM_128:
		return FILL_SALTED(u->ccm128);
	case DTLS_CIPHER_AES_CCM_256:
		return FILL_SALTED(u->ccm256);
	case DTLS_CIPHER_AES_CCM_8_128:
		return FILL_SALTED(u->ccm8);
	default:
		memcpy(u->chacha.iv, salt, sizeof(u->chacha.iv));
		memcpy(u->chacha.key, key, sizeof(u->chacha.key));
		return sizeof(u->chacha);
	}
}

int kdtls_install_failed(int err, const char *name,
			 const struct kdtls_cipher *cipher)
{
	switch (err) {
	case -ENOENT:
		return kdtls_fail(err, "this kernel cannot do %s: load its crypto module, or use another cipher suite",
				  cipher->name);
	case -EOPNOTSUPP:
		return kdtls_fail(err, "the kdtls module does not have %s: use another cipher suite",
				  cipher->name);
	case -EKEYREJECTED:
		return kdtls_fail(err, "%s: the kernel has this key already",
				  name);
	default:
		return kdtls_fail(err, "%s with %s: %s", name, cipher->name,
				  strerror(-err));
	}
}

int kdtls_install_keys(int fd, int direction, const struct kdtls_keys *keys,
		       const struct kdtls_numbers *numbers)
{
	bool tx = direction == DTLS_TX;
	union kdtls_crypto_info *u = kdtls_secret_alloc(sizeof(*u));
	socklen_t len;
	int err = 0;

	if (!u)
		return kdtls_fail(-ENOMEM,
				  "no locked memory for keys: raise the limit with ulimit -l");
	len = kdtls_install_fill(u, tx, keys, numbers);
	if (setsockopt(fd, SOL_DTLS, direction, u, len))
		err = -errno;
	kdtls_secret_free(u, sizeof(*u));
	if (err)
		return kdtls_install_failed(err, tx ? "DTLS_TX" : "DTLS_RX",
					    keys->cipher);
	return 0;
}

int kdtls_install_info(int fd, struct dtls_info *info)
{
	socklen_t len = sizeof(*info);

	memset(info, 0, sizeof(*info));
	return getsockopt(fd, SOL_DTLS, DTLS_INFO, info, &len) ? -errno : 0;
}

int kdtls_probe(void)
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	int err;

	if (fd < 0)
		return kdtls_fail(-errno, "socket: %s", strerror(errno));
	err = kdtls_install_attach(fd);
	close(fd);
	return err;
}
