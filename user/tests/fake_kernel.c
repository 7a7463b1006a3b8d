// SPDX-License-Identifier: GPL-2.0
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <linux/kdtls.h>
#include <shared/window.h>

#include "fake_kernel.h"
#include "keys.h"
#include "pair.h"
#include "queue.h"

#define MAX_FD 1024
#define DTLS_OVERHEAD_MAX 64

/* In front of what waits in the inbox. */
#define TAG_RAW 0xff

struct direction {
	const struct kdtls_cipher *cipher;
	u8	key[KDTLS_KEY_MAX];
	u8	salt[KDTLS_NONCE_LEN];
	u64	seq;
	u64	nonce;
};

struct fake {
	bool			attached;
	bool			control;
	bool			raw;
	bool			peer_closed;
	struct direction	tx;
	struct direction	rx;
	struct kdtls_window	*window;
	struct kdtls_queue	inbox;
};

struct fake_seen fake_seen;
int fake_fail_rx, fake_fail_tx;
void (*fake_before_connect)(int fd);

static struct fake *fakes[MAX_FD];
static bool enabled;

int __real_setsockopt(int fd, int level, int name, const void *v, socklen_t n);
int __real_getsockopt(int fd, int level, int name, void *v, socklen_t *n);
ssize_t __real_send(int fd, const void *buf, size_t len, int flags);
ssize_t __real_sendmsg(int fd, const struct msghdr *msg, int flags);
ssize_t __real_recvmsg(int fd, struct msghdr *msg, int flags);
int __real_close(int fd);
int __real_connect(int fd, const struct sockaddr *addr, socklen_t len);

int __real_getaddrinfo(const char *host, const char *service,
		       const struct addrinfo *hints, struct addrinfo **out);

int __wrap_getaddrinfo(const char *host, const char *service,
		       const struct addrinfo *hints, struct addrinfo **out);
int __wrap_setsockopt(int fd, int level, int name, const void *v, socklen_t n);
int __wrap_getsockopt(int fd, int level, int name, void *v, socklen_t *n);
ssize_t __wrap_send(int fd, const void *buf, size_t len, int flags);
ssize_t __wrap_sendmsg(int fd, const struct msghdr *msg, int flags);
ssize_t __wrap_recvmsg(int fd, struct msghdr *msg, int flags);
int __wrap_close(int fd);
int __wrap_connect(int fd, const struct sockaddr *addr, socklen_t len);

void fake_kernel(bool on)
{
	enabled = on;
	memset(&fake_seen, 0, sizeof(fake_seen));
}

static struct fake *get(int fd)
{
	return fd >= 0 && fd < MAX_FD ? fakes[fd] : NULL;
}

static int fail(int err)
{
	errno = err;
	return -1;
}

/* ---- options ---- */

static int attach(int fd)
{
	if (!enabled || fd >= MAX_FD)
		return fail(ENOPROTOOPT);
	if (fakes[fd])
		return fail(EEXIST);
	fakes[fd] = calloc(1, sizeof(*fakes[fd]));
	fakes[fd]->attached = true;
	return 0;
}

/* Of a structure with salt and explicit nonce. */
#define TAKE_SALTED(type)						\
	({								\
		const struct dtls12_crypto_info_##type *c = v;		\
									\
		if (n == sizeof(*c)) {					\
			memcpy(d->key, c->key, sizeof(c->key));		\
			memcpy(d->salt, c->salt, sizeof(c->salt));	\
			d->nonce = kdtls_get_be64(c->iv);		\
		}							\
		n == sizeof(*c);					\
	})

static bool take_keys(struct direction *d, const void *v, socklen_t n)
{
	const struct dtls12_crypto_info_chacha20_poly1305 *chacha = v;

	switch (chacha->info.cipher_type) {
	case DTLS_CIPHER_AES_GCM_128:
		return TAKE_SALTED(aes_gcm_128);
	case DTLS_CIPHER_AES_GCM_256:
		return TAKE_SALTED(aes_gcm_256);
	case DTLS_CIPHER_AES_CCM_128:
		return TAKE_SALTED(aes_ccm_128);
	case DTLS_CIPHER_AES_CCM_256:
		return TAKE_SALTED(aes_ccm_256);
	case DTLS_CIPHER_AES_CCM_8_128:
		return TAKE_SALTED(aes_ccm_8_128);
	}
	if (n != sizeof(*chacha))
		return false;
	memcpy(d->key, chacha->key, sizeof(chacha->key));
	memcpy(d->salt, chacha->iv, sizeof(chacha->iv));
	return true;
}

static int install(struct fake *f, bool tx, const void *v, socklen_t n)
{
	const struct dtls_crypto_info *info = v;
	struct direction *d = tx ? &f->tx : &f->rx;
	int *inject = tx ? &fake_fail_tx : &fake_fail_rx;

	if (*inject) {
		int err = *inject;

		*inject = 0;
		return fail(err);
	}
	if (d->cipher)
		return fail(EKEYREJECTED);
	if (n < sizeof(*info) || info->version != DTLS_1_2_VERSION ||
	    info->epoch != 1 || (tx && (info->window || info->seen)))
		return fail(EINVAL);
	d->seq = info->rec_seq;
	if (!take_keys(d, v, n))
		return fail(EINVAL);
	if (!tx && d->nonce)
		return fail(EINVAL);
	d->cipher = kdtls_cipher_find(info->cipher_type);
	if (tx) {
		fake_seen.tx_seq = info->rec_seq;
		fake_seen.tx_nonce = d->nonce;
		return 0;
	}
	fake_seen.rx_seq = info->rec_seq;
	fake_seen.rx_bits = info->seen;
	f->window = malloc(kdtls_window_bytes(64));
	kdtls_window_init(f->window, 64, info->rec_seq, info->seen);
	return 0;
}

int __wrap_setsockopt(int fd, int level, int name, const void *v, socklen_t n)
{
	struct fake *f = get(fd);

	if (enabled && level == SOL_IP && name == KDTLS_ULP)
		return attach(fd);
	if (!f || level != SOL_DTLS)
		return __real_setsockopt(fd, level, name, v, n);
	switch (name) {
	case DTLS_TX:
	case DTLS_RX:
		return install(f, name == DTLS_TX, v, n);
	case DTLS_RECV_CONTROL:
		f->control = *(const int *)v;
		return 0;
	case DTLS_RECV_RAW:
		f->raw = *(const int *)v;
		return 0;
	default:
		return fail(ENOPROTOOPT);
	}
}

int __wrap_getsockopt(int fd, int level, int name, void *v, socklen_t *n)
{
	struct fake *f = get(fd);
	struct dtls_info info = { .version = DTLS_1_2_VERSION };

	if (!f || level != SOL_DTLS)
		return __real_getsockopt(fd, level, name, v, n);
	if (name != DTLS_INFO)
		return fail(ENOPROTOOPT);
	info.tx_epoch = 1;
	info.rx_epoch = 1;
	info.tx_seq = f->tx.seq;
	info.rx_seq = f->window ? f->window->next : 0;
	if (f->tx.cipher)
		info.overhead = kdtls_overhead(f->tx.cipher);
	memcpy(v, &info, *n < sizeof(info) ? *n : sizeof(info));
	return 0;
}

/* "two.test" is at 127.0.0.9, where nobody listens, and at 127.0.0.1. */
int __wrap_getaddrinfo(const char *host, const char *service,
		       const struct addrinfo *hints, struct addrinfo **out)
{
	struct addrinfo *second;
	int err;

	if (!host || strcmp(host, "two.test"))
		return __real_getaddrinfo(host, service, hints, out);
	err = __real_getaddrinfo("127.0.0.9", service, hints, out) ||
	      __real_getaddrinfo("127.0.0.1", service, hints, &second);
	if (!err)
		(*out)->ai_next = second;
	return err;
}

int __wrap_connect(int fd, const struct sockaddr *addr, socklen_t len)
{
	if (fake_before_connect)
		fake_before_connect(fd);
	return __real_connect(fd, addr, len);
}

int __wrap_close(int fd)
{
	struct fake *f = get(fd);

	if (f) {
		free(f->window);
		kdtls_queue_clear(&f->inbox);
		free(f);
		fakes[fd] = NULL;
	}
	return __real_close(fd);
}

/* ---- sending ---- */

static ssize_t seal(int fd, struct fake *f, u8 type, const u8 *p, size_t len,
		    int flags)
{
	static u8 rec[DTLS_MAX_PLAINTEXT + DTLS_OVERHEAD_MAX];
	struct direction *d = &f->tx;
	size_t n;

	if (len > DTLS_MAX_PLAINTEXT)
		return fail(EMSGSIZE);
	n = pair_seal(d->cipher, d->key, d->salt, type, d->seq++, d->nonce++,
		      p, len, rec);
	return __real_send(fd, rec, n, flags) < 0 ? -1 : (ssize_t)len;
}

ssize_t __wrap_send(int fd, const void *buf, size_t len, int flags)
{
	struct fake *f = get(fd);

	if (!f || !f->tx.cipher)
		return __real_send(fd, buf, len, flags);
	if (f->peer_closed)
		return fail(EPIPE);
	return seal(fd, f, DTLS_CT_APPLICATION_DATA, buf, len, flags);
}

static ssize_t send_raw(int fd, const struct iovec *iov, int flags)
{
	struct kdtls_record rec;
	size_t at;

	for (at = 0; !kdtls_record_parse(&rec, (u8 *)iov->iov_base + at,
					 (u32)(iov->iov_len - at));
	     at += KDTLS_HEADER_LEN + rec.len)
		if (rec.epoch)
			break;
	if (at != iov->iov_len) {
		fake_seen.raw_refused++;
		return fail(EPERM);
	}
	fake_seen.raw_sent++;
	return __real_send(fd, iov->iov_base, iov->iov_len, flags);
}

ssize_t __wrap_sendmsg(int fd, const struct msghdr *msg, int flags)
{
	const struct iovec *iov = msg->msg_iov;
	struct fake *f = get(fd);
	struct msghdr *m = (struct msghdr *)msg;
	u8 type = DTLS_CT_APPLICATION_DATA;
	size_t segment = iov->iov_len, at, n;
	struct cmsghdr *c;
	u16 size;

	if (!f || !f->tx.cipher)
		return __real_sendmsg(fd, msg, flags);
	for (c = CMSG_FIRSTHDR(m); c; c = CMSG_NXTHDR(m, c)) {
		if (c->cmsg_level == SOL_DTLS && c->cmsg_type == DTLS_RAW)
			return send_raw(fd, iov, flags);
		if (c->cmsg_level == SOL_DTLS)
			type = *CMSG_DATA(c);
		if (c->cmsg_level == SOL_UDP) {
			memcpy(&size, CMSG_DATA(c), sizeof(size));
			segment = size;
		}
	}
	for (at = 0; at < iov->iov_len; at += n) {
		n = iov->iov_len - at < segment ? iov->iov_len - at : segment;
		if (seal(fd, f, type, (u8 *)iov->iov_base + at, n, flags) < 0)
			return -1;
	}
	return (ssize_t)iov->iov_len;
}

/* ---- receiving ---- */

static void put(struct fake *f, u8 tag, const u8 *p, size_t len)
{
	u8 *copy = malloc(len + 1);

	copy[0] = tag;
	memcpy(copy + 1, p, len);
	kdtls_queue_put(&f->inbox, copy, len + 1);
	free(copy);
}

static void one_record(struct fake *f, const struct kdtls_record *rec,
		       const u8 *p, size_t len)
{
	static u8 plain[DTLS_MAX_PLAINTEXT];
	int n;

	if (!rec->epoch) {
		if (f->raw && rec->type != DTLS_CT_APPLICATION_DATA)
			put(f, TAG_RAW, p, len);
		return;
	}
	if (rec->epoch != 1 || rec->version != DTLS_1_2_VERSION ||
	    kdtls_window_check(f->window, rec->seq))
		return;
	n = kdtls_keys_open(f->rx.cipher, f->rx.key, f->rx.salt, p, len, plain);
	if (n < 0)
		return;
	kdtls_window_commit(f->window, rec->seq);
	if (rec->type == DTLS_CT_ALERT && n == 2 && plain[1] == 0)
		f->peer_closed = true;
	put(f, rec->type, plain, (size_t)n);
}

static void datagram(struct fake *f, const u8 *p, size_t len)
{
	struct kdtls_record rec;
	size_t n;

	for (; !kdtls_record_parse(&rec, p, (u32)len); p += n, len -= n) {
		n = (size_t)KDTLS_HEADER_LEN + rec.len;
		one_record(f, &rec, p, n);
	}
}

static int fill_inbox(int fd, struct fake *f, int flags)
{
	static u8 buf[65536];
	char ctl[128];
	struct iovec iov = { .iov_base = buf, .iov_len = sizeof(buf) };
	struct msghdr msg = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = ctl,
		.msg_controllen = sizeof(ctl),
	};
	ssize_t len = __real_recvmsg(fd, &msg, flags);
	size_t segment, at, n;
	struct cmsghdr *c;
	int size;

	if (len < 0)
		return -1;
	segment = (size_t)len;
	for (c = CMSG_FIRSTHDR(&msg); c; c = CMSG_NXTHDR(&msg, c))
		if (c->cmsg_level == SOL_UDP) {
			memcpy(&size, CMSG_DATA(c), sizeof(size));
			segment = (size_t)size;
		}
	for (at = 0; at < (size_t)len; at += n) {
		n = (size_t)len - at < segment ? (size_t)len - at : segment;
		datagram(f, buf + at, n);
	}
	return 0;
}

static void hand_out(struct msghdr *msg, const u8 *p, size_t len)
{
	struct cmsghdr *c = CMSG_FIRSTHDR(msg);
	size_t room = msg->msg_iov->iov_len;

	c->cmsg_level = SOL_DTLS;
	c->cmsg_type = p[0] == TAG_RAW ? DTLS_RAW : DTLS_GET_RECORD_TYPE;
	c->cmsg_len = CMSG_LEN(1);
	*CMSG_DATA(c) = p[0] == TAG_RAW ? 1 : p[0];
	msg->msg_controllen = CMSG_SPACE(1);
	msg->msg_flags = len - 1 > room ? MSG_TRUNC : 0;
	memcpy(msg->msg_iov->iov_base, p + 1,
	       len - 1 < room ? len - 1 : room);
}

ssize_t __wrap_recvmsg(int fd, struct msghdr *msg, int flags)
{
	struct fake *f = get(fd);
	struct kdtls_queued *m;
	ssize_t n;

	if (!f || !f->rx.cipher)
		return __real_recvmsg(fd, msg, flags);
	while (!f->inbox.n) {
		if (f->peer_closed) {
			msg->msg_controllen = 0;
			return 0;
		}
		if (fill_inbox(fd, f, flags))
			return -1;
	}
	m = kdtls_queue_get(&f->inbox);
	hand_out(msg, m->bytes, m->len);
	n = (ssize_t)(m->len - 1);
	if ((size_t)n > msg->msg_iov->iov_len)
		n = (ssize_t)msg->msg_iov->iov_len;
	free(m);
	return n;
}
