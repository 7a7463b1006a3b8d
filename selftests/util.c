// SPDX-License-Identifier: GPL-2.0
#include <arpa/inet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <poll.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/random.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "util.h"

#ifndef SO_RCVBUFFORCE
#define SO_RCVBUFFORCE	33
#endif

void die(const char *fmt, ...)
{
	int err = errno;
	va_list ap;

	fprintf(stderr, "# ");
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fprintf(stderr, " (errno: %s)\n", strerror(err));
	abort();
}

static uint64_t clock_ms(clockid_t clock)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	return ts.tv_sec * 1000ULL + ts.tv_nsec / 1000000;
}

uint64_t now_ms(void)
{
	return clock_ms(CLOCK_MONOTONIC);
}

uint64_t tick_ms(void)
{
	return clock_ms(CLOCK_MONOTONIC_COARSE);
}

void sleep_ms(int ms)
{
	struct timespec ts = { ms / 1000, ms % 1000 * 1000000L };

	nanosleep(&ts, NULL);
}

long env_long(const char *name, long otherwise)
{
	const char *s = getenv(name);

	return s ? strtol(s, NULL, 0) : otherwise;
}

static uint64_t rnd_state;

static uint64_t rnd_next(void)
{
	if (!rnd_state)
		rnd_state = env_long("KDTLS_SEED", 1) * 0x9e3779b97f4a7c15ULL;
	rnd_state ^= rnd_state << 13;
	rnd_state ^= rnd_state >> 7;
	rnd_state ^= rnd_state << 17;
	return rnd_state;
}

uint32_t rnd(uint32_t below)
{
	return (rnd_next() >> 32) % below;
}

void rnd_bytes(void *p, size_t n)
{
	uint8_t *b = p;

	while (n--)
		*b++ = rnd_next() >> 40;
}

/* Sockets */

void set_int(int fd, int level, int option, int value)
{
	if (setsockopt(fd, level, option, &value, sizeof(value)))
		die("setsockopt(%d, %d, %d)", level, option, value);
}

void set_timeout(int fd, int ms)
{
	struct timeval tv = { ms / 1000, ms % 1000 * 1000L };

	if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv)) ||
	    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &tv, sizeof(tv)))
		die("SO_RCVTIMEO");
}

int udp_socket(enum family family)
{
	int buf = 16 << 20;
	int fd = socket(family == IPV4 ? AF_INET : AF_INET6,
			SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		die("socket");
	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &buf, sizeof(buf)))
		set_int(fd, SOL_SOCKET, SO_RCVBUF, buf);
	set_timeout(fd, WAIT_MS);
	return fd;
}

socklen_t loopback(enum family family, uint16_t port,
		   struct sockaddr_storage *addr)
{
	struct sockaddr_in *in = (void *)addr;
	struct sockaddr_in6 *in6 = (void *)addr;

	memset(addr, 0, sizeof(*addr));
	if (family == IPV4) {
		in->sin_family = AF_INET;
		in->sin_port = htons(port);
		in->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
		return sizeof(*in);
	}
	in6->sin6_family = AF_INET6;
	in6->sin6_port = htons(port);
	inet_pton(AF_INET6, family == IPV6 ? "::1" : "::ffff:127.0.0.1",
		  &in6->sin6_addr);
	return sizeof(*in6);
}

void udp_bind(int fd, enum family family)
{
	struct sockaddr_storage addr;
	socklen_t len = loopback(family, 0, &addr);

	if (bind(fd, (void *)&addr, len))
		die("bind");
}

uint16_t local_port(int fd)
{
	struct sockaddr_storage addr;
	socklen_t len = sizeof(addr);

	if (getsockname(fd, (void *)&addr, &len))
		die("getsockname");
	/* The port is at the same place in both families. */
	return ntohs(((struct sockaddr_in *)&addr)->sin_port);
}

void udp_connect(int fd, enum family family, int to)
{
	struct sockaddr_storage addr;
	socklen_t len = loopback(family, local_port(to), &addr);

	if (connect(fd, (void *)&addr, len))
		die("connect");
}

/* Datagrams that wait for a processor's softirq. */
static unsigned int backlog(void)
{
	unsigned int v[12], sum = 0;
	char line[256];
	FILE *f = fopen("/proc/net/softnet_stat", "re");

	if (!f)
		return 0;
	while (fgets(line, sizeof(line), f))
		if (sscanf(line, "%x %x %x %x %x %x %x %x %x %x %x %x", &v[0],
			   &v[1], &v[2], &v[3], &v[4], &v[5], &v[6], &v[7],
			   &v[8], &v[9], &v[10], &v[11]) == 12)
			sum += v[11];
	fclose(f);
	return sum;
}

void settle(void)
{
	uint64_t end = now_ms() + WAIT_MS;

	while (backlog() && now_ms() < end)
		sleep_ms(1);
}

int poll_in(int fd, int ms)
{
	struct pollfd pfd = { .fd = fd, .events = POLLIN | POLLRDHUP };

	if (ms <= QUIET_MS)
		settle();

	if (poll(&pfd, 1, ms) < 0)
		die("poll");
	return pfd.revents;
}

static void lo_ioctl(unsigned long request, struct ifreq *ifr)
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	strcpy(ifr->ifr_name, "lo");
	if (fd < 0 || ioctl(fd, request, ifr))
		die("lo: ioctl");
	close(fd);
}

void lo_mtu(int mtu)
{
	struct ifreq ifr = { .ifr_mtu = mtu };

	lo_ioctl(SIOCSIFMTU, &ifr);
}

void netns_enter(void)
{
	struct ifreq ifr = { .ifr_flags = IFF_UP };

	if (unshare(CLONE_NEWNET))
		die("unshare(CLONE_NEWNET)");
	lo_ioctl(SIOCSIFFLAGS, &ifr);
}

/* Keys */

int kdtls_attach(int fd)
{
	return RC(setsockopt(fd, SOL_IP, KDTLS_ULP, KDTLS_ULP_NAME, 4));
}

static void put_be64(uint8_t *p, uint64_t v)
{
	int i;

	for (i = 7; i >= 0; i--, v >>= 8)
		p[i] = v & 0xff;
}

#define FILL_SALTED(to, o, tx)						\
	do {								\
		if (tx)							\
			put_be64((to).iv, (o)->nonce);			\
		memcpy((to).key, (o)->key, sizeof((to).key));		\
		memcpy((to).salt, (o)->iv, sizeof((to).salt));		\
	} while (0)

socklen_t crypto_info(union crypto_info *ci, int direction,
		      const struct oracle *o)
{
	bool tx = direction == DTLS_TX;

	memset(ci, 0, sizeof(*ci));
	ci->info.version = DTLS_1_2_VERSION;
	ci->info.cipher_type = o->cipher;
	ci->info.epoch = o->epoch;
	ci->info.rec_seq = o->seq;
	switch (o->cipher) {
	case DTLS_CIPHER_AES_GCM_128:
		FILL_SALTED(ci->gcm128, o, tx);
		return sizeof(ci->gcm128);
	case DTLS_CIPHER_AES_GCM_256:
		FILL_SALTED(ci->gcm256, o, tx);
		return sizeof(ci->gcm256);
	case DTLS_CIPHER_AES_CCM_128:
		FILL_SALTED(ci->ccm128, o, tx);
		return sizeof(ci->ccm128);
	case DTLS_CIPHER_AES_CCM_256:
		FILL_SALTED(ci->ccm256, o, tx);
		return sizeof(ci->ccm256);
	case DTLS_CIPHER_AES_CCM_8_128:
		FILL_SALTED(ci->ccm8, o, tx);
		return sizeof(ci->ccm8);
	}
	memcpy(ci->chacha.iv, o->iv, sizeof(ci->chacha.iv));
	memcpy(ci->chacha.key, o->key, sizeof(ci->chacha.key));
	return sizeof(ci->chacha);
}

uint8_t *crypto_info_pad(union crypto_info *ci)
{
	switch (ci->info.cipher_type) {
	case DTLS_CIPHER_AES_GCM_128:
		return ci->gcm128.pad;
	case DTLS_CIPHER_AES_GCM_256:
		return ci->gcm256.pad;
	case DTLS_CIPHER_AES_CCM_128:
		return ci->ccm128.pad;
	case DTLS_CIPHER_AES_CCM_256:
		return ci->ccm256.pad;
	case DTLS_CIPHER_AES_CCM_8_128:
		return ci->ccm8.pad;
	}
	return ci->chacha.pad;
}

int kdtls_install(int fd, int direction, const struct oracle *o)
{
	union crypto_info ci;
	socklen_t len = crypto_info(&ci, direction, o);

	return RC(setsockopt(fd, SOL_DTLS, direction, &ci, len));
}

struct dtls_info dtls_info(int fd)
{
	struct dtls_info info;
	socklen_t len = sizeof(info);

	if (getsockopt(fd, SOL_DTLS, DTLS_INFO, &info, &len) ||
	    len != sizeof(info))
		die("DTLS_INFO");
	return info;
}

void pair_open(struct pair *p, enum family family, uint16_t cipher)
{
	enum family other = family == MAPPED ? IPV4 : family;

	p->family = family;
	p->fd = udp_socket(family);
	p->peer = udp_socket(other);
	udp_bind(p->fd, family);
	udp_bind(p->peer, other);
	udp_connect(p->fd, family, p->peer);
	udp_connect(p->peer, other, p->fd);
	oracle_init(&p->out, cipher, 1, 5);
	oracle_init(&p->in, cipher, 1, 1);
}

void pair_attach(struct pair *p)
{
	int err = kdtls_attach(p->fd);

	if (err)
		die("attach: %s", strerror(-err));
}

static void install(int fd, const struct oracle *rx, const struct oracle *tx)
{
	int err = kdtls_install(fd, DTLS_RX, rx);

	if (!err)
		err = kdtls_install(fd, DTLS_TX, tx);
	if (err)
		die("install: %s", strerror(-err));
}

void pair_install(struct pair *p)
{
	install(p->fd, &p->in, &p->out);
}

void pair_install_peer(struct pair *p)
{
	int err = kdtls_attach(p->peer);

	if (err)
		die("attach: %s", strerror(-err));
	install(p->peer, &p->out, &p->in);
}

void pair_setup(struct pair *p, enum family family, uint16_t cipher)
{
	pair_open(p, family, cipher);
	pair_attach(p);
	pair_install(p);
}

void pair_setup_window(struct pair *p, enum family family, uint16_t cipher,
		       uint16_t window)
{
	union crypto_info ci;
	socklen_t len;

	pair_open(p, family, cipher);
	pair_attach(p);
	len = crypto_info(&ci, DTLS_RX, &p->in);
	ci.info.window = window;
	if (setsockopt(p->fd, SOL_DTLS, DTLS_RX, &ci, len) ||
	    kdtls_install(p->fd, DTLS_TX, &p->out))
		die("install");
}

void pair_setup_both(struct pair *p, enum family family, uint16_t cipher)
{
	pair_setup(p, family, cipher);
	pair_install_peer(p);
}

void pair_close(struct pair *p)
{
	if (p->fd >= 0)
		close(p->fd);
	if (p->peer >= 0)
		close(p->peer);
	oracle_free(&p->out);
	oracle_free(&p->in);
}

/* Messages */

void payload(void *data, size_t n, uint32_t id)
{
	uint8_t *p = data;
	size_t i;

	for (i = 0; i < n; i++)
		p[i] = i < 4 ? id >> (8 * i) : (uint8_t)(id * 31 + i * 7 + n);
}

long payload_id(const void *data, size_t n)
{
	const uint8_t *p = data;
	uint32_t id = 0;
	size_t i;

	if (n < 4)
		return -1;
	for (i = 0; i < 4; i++)
		id |= (uint32_t)p[i] << (8 * i);
	for (i = 4; i < n; i++)
		if (p[i] != (uint8_t)(id * 31 + i * 7 + n))
			return -1;
	return id;
}

void feed_raw(struct pair *p, const void *data, size_t n)
{
	if (send(p->peer, data, n, 0) != (ssize_t)n)
		die("feed: send of %zu", n);
}

void feed_type(struct pair *p, uint8_t type, const void *data, size_t n)
{
	uint8_t wire[ORACLE_MAX_RECORD];

	feed_raw(p, wire, oracle_seal(&p->in, type, data, n, wire));
}

void feed(struct pair *p, const void *data, size_t n)
{
	feed_type(p, DTLS_CT_APPLICATION_DATA, data, n);
}

void feed_id(struct pair *p, size_t n, uint32_t id)
{
	uint8_t data[16384];

	payload(data, n, id);
	feed(p, data, n);
}

void feed_seq(struct pair *p, uint64_t seq, size_t n, uint32_t id)
{
	uint8_t data[16384], wire[ORACLE_MAX_RECORD];

	payload(data, n, id);
	feed_raw(p, wire, oracle_seal_seq(&p->in, DTLS_CT_APPLICATION_DATA,
					  seq, data, n, wire));
}

void feed_alert(struct pair *p, uint8_t level, uint8_t description)
{
	uint8_t alert[2] = { level, description };

	feed_type(p, DTLS_CT_ALERT, alert, sizeof(alert));
}

int feed_train(struct pair *p, const void *data, size_t n, uint16_t segment)
{
	long sent = send_train(p->peer, data, n, segment);

	return sent == (long)n ? 0 : sent < 0 ? (int)sent : -EIO;
}

int take(struct pair *p, struct record *r)
{
	uint8_t wire[65536];
	ssize_t n = recv(p->peer, wire, sizeof(wire), 0);
	int err;

	if (n < 0)
		return -errno;
	err = oracle_open(&p->out, wire, n, r);
	if (!err && r->wire != (size_t)n)
		return -EBADMSG;
	return err;
}

long take_id(struct pair *p)
{
	struct record r;
	int err = take(p, &r);

	return err ? err : payload_id(r.data, r.len);
}

void rx_parse(struct rx *rx, struct msghdr *msg, ssize_t len)
{
	struct cmsghdr *c;

	rx->len = len;
	rx->flags = msg->msg_flags;
	rx->namelen = msg->msg_namelen;
	rx->type = rx->tos = rx->ttl = -1;
	rx->gro = 0;
	rx->raw = rx->pktinfo = rx->stamp = rx->tagged = false;
	if (len < 0)
		return;
	for (c = CMSG_FIRSTHDR(msg); c; c = CMSG_NXTHDR(msg, c)) {
		size_t n = c->cmsg_len - CMSG_LEN(0);
		int value = 0;

		memcpy(&value, CMSG_DATA(c), n < 4 ? n : 4);
		if (c->cmsg_level == SOL_DTLS &&
		    c->cmsg_type == DTLS_GET_RECORD_TYPE && n == 1)
			rx->type = value;
		else if (c->cmsg_level == SOL_DTLS &&
			 c->cmsg_type == DTLS_RAW && n == 1 && value == 1)
			rx->raw = true;
		else if (c->cmsg_level == SOL_DTLS &&
			 c->cmsg_type == DTLS_SESSION && n == sizeof(rx->tag))
			rx->tagged = memcpy(&rx->tag, CMSG_DATA(c), n);
		else if (c->cmsg_level == SOL_DTLS)
			die("control message %d of %zu bytes", c->cmsg_type, n);
		else if (c->cmsg_level == SOL_UDP && c->cmsg_type == UDP_GRO)
			rx->gro = value;
		else if (c->cmsg_level == SOL_SOCKET)
			rx->stamp = true;
		else if ((c->cmsg_level == SOL_IP && c->cmsg_type == IP_TOS) ||
			 (c->cmsg_level == SOL_IPV6 &&
			  c->cmsg_type == IPV6_TCLASS))
			rx->tos = value;
		else if ((c->cmsg_level == SOL_IP && c->cmsg_type == IP_TTL) ||
			 (c->cmsg_level == SOL_IPV6 &&
			  c->cmsg_type == IPV6_HOPLIMIT))
			rx->ttl = value;
		else if ((c->cmsg_level == SOL_IP &&
			  c->cmsg_type == IP_PKTINFO) ||
			 (c->cmsg_level == SOL_IPV6 &&
			  c->cmsg_type == IPV6_PKTINFO))
			rx->pktinfo = true;
	}
}

static ssize_t rx_call_size(int fd, struct rx *rx, size_t size, int flags)
{
	struct cbuf c;
	struct iovec iov = { rx->data, size };
	struct msghdr msg = {
		.msg_name = &rx->name,
		.msg_namelen = sizeof(rx->name),
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = c.buf,
		.msg_controllen = sizeof(c.buf),
	};
	ssize_t len = RC(recvmsg(fd, &msg, flags));

	rx_parse(rx, &msg, len);
	return len;
}

ssize_t rx_recv_size(int fd, struct rx *rx, size_t size, int flags)
{
	if (flags & MSG_DONTWAIT)
		settle();
	return rx_call_size(fd, rx, size, flags);
}

ssize_t rx_call(int fd, struct rx *rx, int flags)
{
	return rx_call_size(fd, rx, sizeof(rx->data), flags);
}

ssize_t rx_recv(int fd, struct rx *rx, int flags)
{
	return rx_recv_size(fd, rx, sizeof(rx->data), flags);
}

const char *recv_ids(int fd, int want)
{
	static char ids[16384];
	static struct rx rx;
	size_t at = 0;
	int got = 0;

	ids[0] = 0;
	/* At the end of a session there is no end of empty messages. */
	while (at < sizeof(ids) - 1400 && got < want + 4) {
		size_t off, seg;

		if (rx_recv(fd, &rx, got < want ? 0 : MSG_DONTWAIT) < 0)
			break;
		seg = rx.gro ? rx.gro : rx.len;
		for (off = 0; off < (size_t)rx.len &&
		     at < sizeof(ids) - 32; off += seg) {
			size_t n = rx.len - off < seg ? rx.len - off : seg;

			at += snprintf(ids + at, sizeof(ids) - at, "%s%ld",
				       at ? " " : "",
				       payload_id(rx.data + off, n));
			got++;
		}
		if (!rx.len) {
			at += snprintf(ids + at, sizeof(ids) - at, "%s-",
				       at ? " " : "");
			got++;
		}
	}
	return ids;
}

long recv_now(int fd, void *data, size_t n)
{
	settle();
	return RC(recv(fd, data, n, MSG_DONTWAIT));
}

bool quiet(int fd)
{
	uint64_t end = now_ms() + QUIET_MS;
	uint8_t data[64];
	long n;

	do {
		n = recv_now(fd, data, sizeof(data));
		if (n != -EAGAIN)
			return false;
		sleep_ms(1);
	} while (now_ms() < end);
	return true;
}

bool echoes(struct pair *p)
{
	static uint32_t id = 1000000;
	static struct rx rx;
	uint8_t data[100];

	feed_id(p, 77, ++id);
	if (rx_recv(p->fd, &rx, 0) != 77 || payload_id(rx.data, 77) != id)
		return false;
	payload(data, sizeof(data), ++id);
	if (RC(send(p->fd, data, sizeof(data), 0)) != sizeof(data))
		return false;
	return take_id(p) == id;
}

void cbuf_add(struct cbuf *c, int level, int type, const void *data, size_t n)
{
	struct cmsghdr *h = (void *)(c->buf + c->len);

	if (c->len + CMSG_SPACE(n) > sizeof(c->buf))
		die("control buffer too small");
	memset(h, 0, CMSG_SPACE(n));
	h->cmsg_level = level;
	h->cmsg_type = type;
	h->cmsg_len = CMSG_LEN(n);
	memcpy(CMSG_DATA(h), data, n);
	c->len += CMSG_SPACE(n);
}

void cbuf_u8(struct cbuf *c, int type, uint8_t value)
{
	cbuf_add(c, SOL_DTLS, type, &value, 1);
}

long send_cmsg(int fd, const void *data, size_t n, const struct cbuf *c,
	       int flags)
{
	struct iovec iov = { (void *)data, n };
	struct msghdr msg = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = c->len ? (void *)c->buf : NULL,
		.msg_controllen = c->len,
	};

	return RC(sendmsg(fd, &msg, flags));
}

long send_type(int fd, uint8_t type, const void *data, size_t n)
{
	struct cbuf c = { .len = 0 };

	cbuf_u8(&c, DTLS_SET_RECORD_TYPE, type);
	return send_cmsg(fd, data, n, &c, 0);
}

long send_raw(int fd, const void *data, size_t n)
{
	struct cbuf c = { .len = 0 };

	cbuf_u8(&c, DTLS_RAW, 1);
	return send_cmsg(fd, data, n, &c, 0);
}

long send_train(int fd, const void *data, size_t n, uint16_t segment)
{
	struct cbuf c = { .len = 0 };

	cbuf_add(&c, SOL_UDP, UDP_SEGMENT, &segment, sizeof(segment));
	return send_cmsg(fd, data, n, &c, 0);
}

long send_alert(int fd, uint8_t level, uint8_t description)
{
	uint8_t alert[2] = { level, description };

	return send_type(fd, DTLS_CT_ALERT, alert, sizeof(alert));
}

size_t train_payload(uint8_t *data, int count, size_t segment, size_t last,
		     uint32_t first)
{
	int i;

	for (i = 0; i < count - 1; i++)
		payload(data + i * segment, segment, first + i);
	payload(data + i * segment, last, first + i);
	return (count - 1) * segment + last;
}

/* Counters */

/* In the order of Documentation/uapi.rst, the gauges first. */
static const char * const stat_names[] = {
	"Attached", "CurrTx", "CurrRx", "CurrEndpoints", "CurrSessions",
	"SessionsNew", "SessionsReplaced", "SessionsDeleted", "SessionsIdle",
	"TxInstalled", "RxInstalled",
	"TxRecords", "TxBytes", "TxControl", "TxRaw", "TxErrors",
	"TxNoSession", "TxExpired", "TxRekey", "TxLimit",
	"RxRecords", "RxBytes", "RxControl", "RxRaw", "RxRekey", "RxLimit",
	"RxForwarded", "RxUnknown", "RxDropFormat",
	"RxDropVersion", "RxDropType", "RxDropEpoch", "RxDropReplay",
	"RxDropOld", "RxDropAuth", "RxDropLimit", "RxDropRaw", "RxDropControl",
	"RxDropClosed", "RxDropNomem", "RxDropChecksum", "RxDropRcvbuf",
};

#define STATS_GAUGES	5

static int stat_index(const char *name)
{
	size_t i;

	for (i = 0; i < ARRAY_LEN(stat_names); i++)
		if (!strcmp(name, stat_names[i]))
			return i;
	return -1;
}

void stats_read(struct stats *s)
{
	FILE *f = fopen("/proc/net/kdtls_stat", "re");
	unsigned long long value;
	char name[64];
	size_t n = 0;
	int i;

	if (!f)
		die("/proc/net/kdtls_stat");
	memset(s, 0, sizeof(*s));
	while (fscanf(f, "Kdtls%63s %llu\n", name, &value) == 2) {
		i = stat_index(name);
		if (i >= 0) {
			s->value[i] = value;
			n++;
		}
	}
	if (!feof(f) || n != ARRAY_LEN(stat_names))
		die("/proc/net/kdtls_stat: %zu counters, last %s", n, name);
	fclose(f);
}

uint64_t stats_get(const char *name)
{
	struct stats s;

	stats_read(&s);
	return s.value[stat_index(name)];
}

const char *stats_since_of(const struct stats *before, const char *prefix)
{
	static char text[2048];
	struct stats now;
	size_t i, at = 0;

	stats_read(&now);
	text[0] = 0;
	for (i = STATS_GAUGES; i < ARRAY_LEN(stat_names); i++) {
		if (now.value[i] == before->value[i] ||
		    strncmp(stat_names[i], prefix, strlen(prefix)))
			continue;
		at += snprintf(text + at, sizeof(text) - at, "%s%s+%llu",
			       at ? " " : "", stat_names[i],
			       (unsigned long long)(now.value[i] -
						    before->value[i]));
	}
	return text;
}

const char *stats_since(const struct stats *before)
{
	return stats_since_of(before, "");
}

uint64_t stats_sum(const struct stats *before, const char *prefix)
{
	const char *text = stats_since_of(before, prefix);
	uint64_t sum = 0;

	/* "RxDropAuth+1 RxDropEpoch+2" */
	while ((text = strchr(text, '+')))
		sum += strtoull(++text, NULL, 10);
	return sum;
}

bool stats_gauges_become_0(void)
{
	uint64_t end = now_ms() + WAIT_MS, sum = 1;
	struct stats now;
	int i;

	while (sum && now_ms() < end) {
		stats_read(&now);
		for (sum = 0, i = 0; i < STATS_GAUGES; i++)
			sum += now.value[i];
		if (sum)
			sleep_ms(20);
	}
	return !sum;
}

/* Threads */

static void *job_main(void *arg)
{
	struct job *j = arg;
	void *result;

	__atomic_store_n(&j->tid, (pid_t)syscall(SYS_gettid), __ATOMIC_RELEASE);
	result = j->fn(j->arg);
	__atomic_store_n(&j->done, true, __ATOMIC_RELEASE);
	return result;
}

void job_start(struct job *j, void *(*fn)(void *arg), void *arg)
{
	memset(j, 0, sizeof(*j));
	j->fn = fn;
	j->arg = arg;
	if (pthread_create(&j->thread, NULL, job_main, j))
		die("pthread_create");
}

static char task_state(pid_t tid)
{
	char path[64], line[256] = "", *p;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/self/task/%d/stat", tid);
	f = fopen(path, "re");
	if (!f)
		return 0;
	p = fgets(line, sizeof(line), f);
	fclose(f);
	p = p ? strrchr(line, ')') : NULL;
	return p ? p[2] : 0;
}

void job_wait_asleep(struct job *j)
{
	uint64_t end = now_ms() + WAIT_MS;
	int asleep = 0;

	while (asleep < 5) {
		pid_t tid = __atomic_load_n(&j->tid, __ATOMIC_ACQUIRE);

		if (tid && task_state(tid) == 'S')
			asleep++;
		else
			asleep = 0;
		if (now_ms() > end || job_done(j))
			die("the thread does not block");
		sleep_ms(5);
	}
}

bool job_done(struct job *j)
{
	return __atomic_load_n(&j->done, __ATOMIC_ACQUIRE);
}

void *job_join(struct job *j)
{
	struct timespec ts;
	void *result;

	clock_gettime(CLOCK_REALTIME, &ts);
	ts.tv_sec += 3 * WAIT_MS / 1000;
	errno = pthread_timedjoin_np(j->thread, &result, &ts);
	if (errno)
		die("the thread does not end");
	return result;
}

static void *reader_main(void *arg)
{
	struct reader *r = arg;

	r->result = RC(recv(r->fd, r->data, sizeof(r->data), r->flags));
	return NULL;
}

void reader_start(struct reader *r, int fd)
{
	r->fd = fd;
	r->flags = 0;
	job_start(&r->job, reader_main, r);
	job_wait_asleep(&r->job);
}

long reader_join(struct reader *r)
{
	job_join(&r->job);
	return r->result;
}

int module_refs(void)
{
	FILE *f = fopen("/sys/module/kdtls/refcnt", "re");
	int refs = -1;

	if (!f)
		return -1;
	if (fscanf(f, "%d", &refs) != 1)
		refs = -1;
	fclose(f);
	return refs;
}

bool module_refs_become(int refs)
{
	uint64_t end = now_ms() + WAIT_MS;

	while (module_refs() != refs) {
		if (now_ms() > end)
			return false;
		sleep_ms(20);
	}
	return true;
}

int module_unused(void)
{
	if (!module_refs_become(0))
		die("the module has %d references", module_refs());
	return 0;
}
