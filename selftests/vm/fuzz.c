// SPDX-License-Identifier: GPL-2.0
/*
 * The live fuzzer: hostile datagrams, random calls, and both at once from many
 * threads. What it makes is known to the test, so that after each batch it can
 * say exactly what must have been delivered, dropped and counted; and the session
 * must be alive.
 *
 * KDTLS_SEED makes other ones; what has failed is printed with it.
 */
#include <fcntl.h>
#include <linux/genetlink.h>
#include <linux/if_packet.h>
#include <linux/netlink.h>
#include <linux/sockios.h>
#include <net/ethernet.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/uio.h>

#include "harness.h"
#include "hostile.h"

/* The end of a session: what comes behind it is dropped, whatever it is. */
static const char *end_session(struct session *s, struct batch *b)
{
	uint8_t alert[2] = { 1 + draw(2), draw(2) ? 0 : 1 + draw(100) };
	struct dtls_info info;
	static struct rx rx;
	int i;

	if (alert[0] == 1)
		alert[1] = 0;
	set_int(s->p.fd, SOL_DTLS, DTLS_RECV_CONTROL, 0);
	set_int(s->p.fd, SOL_DTLS, DTLS_RECV_RAW, 0);
	s->control = s->raw = false;
	feed_type(&s->p, DTLS_CT_ALERT, alert, 2);
	s->records++;
	s->outcomes++;
	for (b->count = 0; b->count < BATCH; )
		send_hostile(s, b);
	for (i = 0; i < 4; i++)
		if (rx_recv(s->p.fd, &rx, MSG_DONTWAIT) > 0)
			return "data behind the end";
	info = dtls_info(s->p.fd);
	if (!(info.state & (DTLS_STATE_PEER_CLOSED | DTLS_STATE_PEER_ALERT)))
		return "the session did not end";
	return RC(send(s->p.fd, "x", 1, MSG_NOSIGNAL)) == -EPIPE ? NULL :
	       "sending behind the end";
}

FIXTURE(fuzz) {
	struct session *s;
	struct batch *b;
};

FIXTURE_VARIANT(fuzz) {
	uint16_t cipher;
	enum family family;
};

VARIANT(fuzz, gcm128_v4, GCM128, IPV4);
VARIANT(fuzz, chacha_v6, CHACHA, IPV6);
VARIANT(fuzz, ccm8_mapped, CCM8, MAPPED);

#define VARIANTS	3

FIXTURE_SETUP(fuzz)
{
	signal(SIGPIPE, SIG_IGN);
	signal(SIGIO, SIG_IGN);
	signal(SIGURG, SIG_IGN);
	netns_enter();
	self->s = calloc(1, sizeof(*self->s));
	self->b = calloc(1, sizeof(*self->b));
	session_open(self->s, variant->family, variant->cipher);
}

FIXTURE_TEARDOWN(fuzz)
{
	pair_close(&self->s->p);
	free(self->s);
	free(self->b);
}

static void failed(const char *what, long batch)
{
	fprintf(stderr, "# %s, in batch %ld of KDTLS_SEED=%ld\n", what, batch,
		env_long("KDTLS_SEED", 1));
}

/* A test's part of what is asked for by the name of an environment variable. */
/* What is checked behind each batch takes its time: most is done from all sides. */
static long quota(const char *name, int percent)
{
	return env_long(name, 60000) / VARIANTS * percent / 100 + 1;
}

TEST_F_TIMEOUT(fuzz, datagrams, 7200)
{
	long left = quota("KDTLS_FUZZ_DATAGRAMS", 50), batch;
	struct session *s = self->s;
	const char *wrong = NULL;

	seed(variant->family);
	for (batch = 0; left > 0 && !wrong; batch++) {
		other_options(s);
		for (self->b->count = 0; self->b->count < BATCH; )
			left -= send_hostile(s, self->b);
		wrong = drain(s);
		if (!wrong)
			wrong = check_counters(s);
		if (!wrong)
			wrong = check_alive(s);
		if (wrong || draw(50))
			continue;
		wrong = end_session(s, self->b);
		pair_close(&s->p);
		session_open(s, variant->family, variant->cipher);
	}
	if (wrong) {
		failed(wrong, batch - 1);
		print_batch(self->b);
	}
	EXPECT_EQ(NULL, wrong);
}

/* Random calls */

/**
 * struct calls - a session that random calls are made on
 * @s: the session
 * @plain: a plain pair on which the same options are set: as long as that works,
 *	so must the session
 * @wire: sees all that goes out
 * @nl: generic netlink
 * @family: kdtls's number there
 * @file: something to send
 * @any: a UDP socket that may be attached
 * @raw: the last word about DTLS_RECV_RAW was yes
 * @threads: others use the session as well
 * @log: what was called in this batch
 * @at: how much of it
 */
struct calls {
	struct session	*s;
	struct pair	plain;
	int		wire;
	int		nl;
	int		family;
	int		file;
	int		any;
	bool		raw;
	bool		threads;
	char		log[BATCH][128];
	int		at;
	const char	*wrong;
};

static void complain(struct calls *c, const char *what)
{
	if (!c->wrong)
		__atomic_store_n(&c->wrong, what, __ATOMIC_RELEASE);
}

static void note(struct calls *c, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
static void note(struct calls *c, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(c->log[c->at % BATCH], sizeof(c->log[0]), fmt, ap);
	va_end(ap);
	c->at++;
}

/* Memory that cannot be read, or not be written, or is not all there. */
static uint8_t *hole;

static void make_hole(void)
{
	hole = mmap(NULL, 3 * 4096, PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (hole == MAP_FAILED || mprotect(hole + 4096, 4096, PROT_READ) ||
	    munmap(hole + 8192, 4096))
		die("mmap");
}

static void *bad_pointer(void)
{
	switch (draw(5)) {
	case 0:
		return NULL;
	case 1:
		return (void *)8;
	case 2:
		return (void *)~0UL;
	case 3:
		return hole + 8192 - draw(64);
	}
	return hole + 4096 - draw(64);
}

static void draw_value(uint8_t *p, size_t n)
{
	int value;

	switch (draw(4)) {
	case 0:
		draw_bytes(p, n);
		return;
	case 1:
		value = draw(2);
		break;
	case 2:
		value = draw(3) ? (int)draw(100000) : -1 - (int)draw(3);
		break;
	default:
		value = 1 << draw(31);
	}
	memset(p, 0, n);
	memcpy(p, &value, sizeof(value));
}

static int draw_level(void)
{
	static const int levels[] = { SOL_DTLS, SOL_DTLS, SOL_UDP, SOL_SOCKET,
				      SOL_SOCKET, SOL_IP, SOL_IP, SOL_IPV6,
				      SOL_IPV6, 136, 1000 };

	return draw(20) ? levels[draw(ARRAY_LEN(levels))] : (int)draw(1 << 30);
}

static int draw_name(int level)
{
	if (level == SOL_DTLS)
		return draw(8) ? draw(8) : draw(1 << 16);
	if (level == SOL_UDP)
		return draw(2) ? 100 + draw(6) : draw(8);
	if (level == SOL_IP && !draw(4))
		return KDTLS_ULP;
	return draw(10) ? draw(90) : draw(1 << 16);
}

/* What would hurt the machine, or only this test. */
static bool spare(int level, int name)
{
	if (level == SOL_SOCKET)
		/* SO_RESERVE_MEM; a buffer that takes all there is */
		return name == 73 || name == SO_RCVBUFFORCE ||
		       name == SO_SNDBUFFORCE;
	/* The tables of the firewall are the namespace's, and outlive sockets. */
	return (level == SOL_IP || level == SOL_IPV6) &&
	       ((name >= 64 && name < 70) || (name >= 96 && name < 100));
}

/* Options that the documentation says are different. */
static bool own_option(int level, int name)
{
	if (level == SOL_DTLS || (level == SOL_IP && name == KDTLS_ULP))
		return true;
	if (level == SOL_UDP || level == 136)
		return name == 1 || name == 100;	/* UDP_CORK, UDP_ENCAP */
	/* IPV6_ADDRFORM, IPV6_RECVPATHMTU */
	return level == SOL_IPV6 && (name == 1 || name == 60);
}

/* Answers that depend on when the socket last had a route. */
static bool of_the_route(int level, int name)
{
	return (level == SOL_IP && name == IP_MTU) ||
	       (level == SOL_IPV6 && (name == IPV6_MTU || name == 61));
}

/* Those that concern what threads have agreed upon, or that stay. */
static bool gentle(int level, int name)
{
	static const int names[] = { SO_RCVBUF, SO_SNDBUF, SO_TIMESTAMP,
				     SO_TIMESTAMPNS, SO_TIMESTAMPING,
				     SO_PEEK_OFF, SO_PRIORITY, SO_RXQ_OVFL,
				     SO_BUSY_POLL, SO_ERROR };
	size_t i;

	if (level != SOL_SOCKET)
		return own_option(level, name) || level > 1000;
	for (i = 0; i < ARRAY_LEN(names); i++)
		if (names[i] == name)
			return true;
	return false;
}

/* Installs that must not come true: their keys are nobody's. */
static socklen_t draw_install(struct calls *c, uint8_t *value)
{
	union crypto_info ci;
	socklen_t len = crypto_info(&ci, draw(2) ? DTLS_TX : DTLS_RX,
				    draw(2) ? &c->s->p.in : &c->s->p.out);

	if (draw(3))
		flip(ci.bytes, draw(4) ? 24 : len);
	memcpy(value, ci.bytes, sizeof(ci.bytes));
	return draw(4) ? len : draw(sizeof(ci.bytes));
}

/*
 * A live session takes new keys, which the peer would not know: so it gets what is
 * refused, its own keys once more or a version that does not exist.
 */
static socklen_t draw_reinstall(struct calls *c, int name, uint8_t *value)
{
	union crypto_info ci;
	socklen_t len;

	if (draw(2)) {
		len = crypto_info(&ci, name, name == DTLS_TX ? &c->s->p.out :
							       &c->s->p.in);
		ci.info.epoch = 1 + draw(65535);
		memcpy(value, ci.bytes, sizeof(ci.bytes));
		return len;
	}
	len = draw_install(c, value);
	value[0] = 0;
	return len;
}

static bool finds_key(const struct session *s, const uint8_t *p, size_t n)
{
	return memmem(p, n, s->p.out.key, 16) || memmem(p, n, s->p.in.key, 16);
}

static void call_setsockopt(struct calls *c)
{
	static const socklen_t lens[] = { 0, 1, 2, 3, 4, 4, 4, 4, 5, 8, 16, 40 };
	int level = draw_level(), name = draw_name(level);
	socklen_t len = draw(3) ? lens[draw(ARRAY_LEN(lens))] : draw(256);
	uint8_t value[256];
	void *p = value;
	long a, b;

	if (spare(level, name) || (c->threads && !gentle(level, name)))
		return;
	draw_value(value, sizeof(value));
	if (level == SOL_DTLS && (name == DTLS_TX || name == DTLS_RX))
		len = draw_reinstall(c, name, value);
	if (!draw(10))
		p = bad_pointer();
	if (!draw(50))
		len = draw(2) ? ~0U : 1U << draw(31);
	a = RC(setsockopt(c->s->p.fd, level, name, p, len));
	if (!a && level == SOL_DTLS && name == DTLS_RECV_RAW)
		c->raw = true;
	note(c, "setsockopt(%d, %d, %d.., %u) = %ld", level, name,
	     *(int *)value, len, a);
	if (c->threads || own_option(level, name))
		return;
	b = RC(setsockopt(c->plain.fd, level, name, p, len));
	if (a != b) {
		note(c, "the same on a plain socket = %ld", b);
		complain(c, "an option that is not as plain UDP's");
	}
}

static void call_getsockopt(struct calls *c)
{
	int level = draw_level(), name = draw_name(level);
	socklen_t len = draw(3) ? draw(16) : draw(400), was = len;
	uint8_t value[400];
	void *p = value;
	long a, b;

	if (spare(level, name) && level != SOL_SOCKET)
		return;
	memset(value, 0, sizeof(value));
	if (!draw(10))
		p = bad_pointer();
	a = RC(getsockopt(c->s->p.fd, level, name, p, &len));
	note(c, "getsockopt(%d, %d, %u) = %ld", level, name, was, a);
	if (finds_key(c->s, value, sizeof(value)))
		complain(c, "an option tells a key");
	if (!draw(20))
		RC(getsockopt(c->s->p.fd, level, name, value, bad_pointer()));
	if (c->threads || own_option(level, name) || of_the_route(level, name))
		return;
	len = was;
	b = RC(getsockopt(c->plain.fd, level, name, p, &len));
	if (a != b) {
		note(c, "the same on a plain socket = %ld", b);
		complain(c, "an option that is not told as plain UDP's");
	}
}

/* Some of them can be what they say they are. */
static size_t draw_cmsgs(uint8_t *buf, size_t room)
{
	uint32_t count = draw(4);
	size_t at = 0, n;

	while (count-- && at + CMSG_SPACE(48) < room) {
		struct cmsghdr *h = (void *)(buf + at);

		n = draw(3) ? 1U << draw(4) : draw(48);
		memset(h, 0, CMSG_SPACE(48));
		h->cmsg_level = draw_level();
		h->cmsg_type = draw_name(h->cmsg_level);
		draw_value(CMSG_DATA(h), 48);
		if (!draw(3)) {
			h->cmsg_level = SOL_UDP;
			h->cmsg_type = UDP_SEGMENT;
			n = 2;
			*(uint16_t *)CMSG_DATA(h) = draw(2) ? draw(300) :
						    draw(65536);
		} else if (!draw(3)) {
			h->cmsg_level = SOL_DTLS;
			h->cmsg_type = DTLS_SET_RECORD_TYPE;
			n = 1;
			CMSG_DATA(h)[0] = 20 + draw(5);
		}
		h->cmsg_len = draw(30) ? CMSG_LEN(n) : draw(100);
		at += CMSG_SPACE(n);
	}
	return draw(30) ? at : draw(room);
}

static int draw_iov(struct iovec *iov, int max, uint8_t *data, size_t size)
{
	int count = draw(max + 1), i;
	size_t n, at = 0;

	for (i = 0; i < count; i++) {
		n = draw(4) ? draw(200) : draw(size);
		if (at + n > size)
			n = size - at;
		iov[i] = (struct iovec){ data + at, n };
		at += n;
		if (!draw(40))
			iov[i].iov_base = bad_pointer();
		if (!draw(200))
			iov[i].iov_len = draw(2) ? ~0UL : 1UL << draw(63);
	}
	return count;
}

/* Data of ours has the mark that must not be seen on the wire. */
static int draw_flags(void)
{
	static const int flags[] = { MSG_MORE, MSG_OOB, MSG_CONFIRM, MSG_EOR,
				     MSG_ZEROCOPY, MSG_DONTROUTE, MSG_PROXY };

	if (!draw(8))
		return MSG_DONTWAIT | MSG_NOSIGNAL | flags[draw(ARRAY_LEN(flags))];
	return MSG_DONTWAIT | MSG_NOSIGNAL | (draw(20) ? 0 : draw(1U << 31));
}

static void draw_name_of(struct calls *c, struct msghdr *msg,
			 struct sockaddr_storage *name)
{
	msg->msg_name = name;
	msg->msg_namelen = loopback(draw(4) ? c->s->p.family : draw(3),
				    draw(2) ? local_port(c->s->p.peer) :
				    draw(65536), name);
	if (!draw(4))
		((uint8_t *)name)[draw(28)] ^= 1 << draw(8);
	if (!draw(4))
		msg->msg_namelen = draw(130);
}

static void call_sendmsg(struct calls *c)
{
	static __thread uint8_t data[70000];
	struct sockaddr_storage name;
	uint8_t control[512] __attribute__((aligned(8)));
	struct iovec iov[5];
	struct msghdr msg = { .msg_iov = iov };
	int flags = draw_flags();
	long rc;

	fill(data, sizeof(data), secret_mark);
	msg.msg_iovlen = draw_iov(iov, 5, data, draw(8) ? 3000 : sizeof(data));
	if (draw(2)) {
		msg.msg_control = control;
		msg.msg_controllen = draw_cmsgs(control, sizeof(control));
	}
	if (!draw(6))
		draw_name_of(c, &msg, &name);
	rc = RC(sendmsg(c->s->p.fd, &msg, flags));
	note(c, "sendmsg(%zu parts, control %zu, name %u, flags %x) = %ld",
	     (size_t)msg.msg_iovlen, (size_t)msg.msg_controllen,
	     msg.msg_namelen, flags, rc);
}

/* Records of epoch 0, good and bad, without the mark. */
static void call_send_raw(struct calls *c)
{
	uint8_t wire[300] = { 0 };
	size_t n = draw(80);
	long rc;

	oracle_header(wire, draw(3) ? 20 + draw(4) : draw(256), ORACLE_VERSION,
		      draw(4) ? 0 : 1, draw(1000), n);
	rc = send_raw(c->s->p.fd, wire, draw(4) ? ORACLE_HEADER + n : draw(300));
	note(c, "a raw record of %zu bytes = %ld", n, rc);
}

/* Is it a message that was never authenticated, and does not say so? */
static bool unmarked(struct msghdr *msg, const uint8_t *data, size_t n)
{
	struct cmsghdr *h;

	if (!memmem(data, n, hostile_mark, sizeof(hostile_mark)))
		return false;
	for (h = CMSG_FIRSTHDR(msg); h; h = CMSG_NXTHDR(msg, h))
		if (h->cmsg_level == SOL_DTLS && h->cmsg_type == DTLS_RAW)
			return false;
	/* What there was no room for cannot be seen. */
	return !(msg->msg_flags & MSG_CTRUNC);
}

static void call_recvmsg(struct calls *c)
{
	static const int some[] = { 0, 0, MSG_PEEK, MSG_TRUNC, MSG_ERRQUEUE,
				    MSG_WAITALL, MSG_OOB, MSG_CMSG_CLOEXEC };
	static __thread uint8_t data[70000];
	uint8_t control[512] __attribute__((aligned(8)));
	struct sockaddr_storage name;
	struct iovec iov[5];
	struct msghdr msg = { .msg_iov = iov };
	int flags = MSG_DONTWAIT | some[draw(ARRAY_LEN(some))];
	long rc;

	memset(data, 0, 4096);
	msg.msg_iovlen = draw_iov(iov, 5, data, draw(2) ? 500 : sizeof(data));
	if (!draw(20))
		flags |= draw(1U << 31) & ~MSG_ERRQUEUE;
	if (draw(4)) {
		msg.msg_control = draw(30) ? control : bad_pointer();
		msg.msg_controllen = draw(sizeof(control));
	}
	if (draw(2)) {
		msg.msg_name = draw(30) ? &name : bad_pointer();
		msg.msg_namelen = draw(sizeof(name) + 10);
	}
	rc = RC(recvmsg(c->s->p.fd, &msg, flags));
	note(c, "recvmsg(%zu parts, flags %x) = %ld", (size_t)msg.msg_iovlen,
	     flags, rc);
	if (rc > 0 && !(flags & MSG_ERRQUEUE) &&
	    (msg.msg_control == control || !c->raw) &&
	    unmarked(&msg, data, sizeof(data)))
		complain(c, "delivered what nobody has sealed");
}

static void call_ioctl(struct calls *c)
{
	static const unsigned int some[] = {
		SIOCINQ, SIOCOUTQ, SIOCINQ, 0x8906, 0x8907, SIOCATMARK,
		SIOCGPGRP, SIOCGIFNAME, SIOCGIFADDR, SIOCGIFCONF, SIOCGIFMTU,
		SIOCGARP, SIOCPROTOPRIVATE, SIOCPROTOPRIVATE + 1, FIONBIO,
	};
	unsigned int cmd = some[draw(ARRAY_LEN(some))];
	uint8_t arg[4096];
	void *p = arg;

	/* Among random ones there are those that change devices. */
	if (!draw(4))
		cmd = draw(1 << 30) & ~0xff00;
	memset(arg, 0, 64);
	if (draw(2))
		draw_bytes(arg, 64);
	if (!draw(4))
		p = bad_pointer();
	note(c, "ioctl(%x) = %ld", cmd, RC(ioctl(c->s->p.fd, cmd, p)));
}

/* Generic netlink */

static size_t put_attr(uint8_t *buf, size_t at, uint16_t type, const void *data,
		       size_t n)
{
	struct nlattr a = { .nla_len = NLA_HDRLEN + n, .nla_type = type };

	memcpy(buf + at, &a, sizeof(a));
	memcpy(buf + at + NLA_HDRLEN, data, n);
	return at + NLA_ALIGN(NLA_HDRLEN + n);
}

static int genl_family(int nl)
{
	struct {
		struct nlmsghdr nlh;
		struct genlmsghdr genl;
		uint8_t attrs[64];
	} m = {
		.nlh.nlmsg_type = GENL_ID_CTRL,
		.nlh.nlmsg_flags = NLM_F_REQUEST,
		.genl.cmd = CTRL_CMD_GETFAMILY,
		.genl.version = 2,
	};
	uint8_t answer[4096];
	size_t n, off;

	m.nlh.nlmsg_len = NLMSG_HDRLEN + GENL_HDRLEN +
		put_attr(m.attrs, 0, CTRL_ATTR_FAMILY_NAME, KDTLS_GENL_NAME,
			 sizeof(KDTLS_GENL_NAME));
	if (send(nl, &m, m.nlh.nlmsg_len, 0) < 0)
		die("generic netlink");
	n = recv(nl, answer, sizeof(answer), 0);
	for (off = NLMSG_HDRLEN + GENL_HDRLEN; off + NLA_HDRLEN <= n; ) {
		struct nlattr *a = (void *)(answer + off);

		if (a->nla_type == CTRL_ATTR_FAMILY_ID)
			return *(uint16_t *)(a + 1);
		off += NLA_ALIGN(a->nla_len);
	}
	die("no family kdtls");
}

static void call_netlink(struct calls *c)
{
	int fds[] = { c->s->p.fd, c->any, c->nl, c->file, -1, 1 << 20, 0 };
	uint8_t buf[512] = { 0 }, value[64];
	struct nlmsghdr *nlh = (void *)buf;
	struct genlmsghdr *genl = (void *)(nlh + 1);
	size_t at = NLMSG_HDRLEN + GENL_HDRLEN;
	uint32_t count = draw(4);
	int fd = fds[draw(ARRAY_LEN(fds))];

	nlh->nlmsg_type = c->family;
	nlh->nlmsg_flags = NLM_F_REQUEST | (draw(2) ? NLM_F_ACK : draw(65536));
	genl->cmd = draw(3) ? KDTLS_CMD_ATTACH : draw(256);
	genl->version = draw(3);
	while (count--) {
		draw_bytes(value, sizeof(value));
		if (draw(2))
			at = put_attr(buf, at, KDTLS_A_FD, &fd, sizeof(fd));
		else
			at = put_attr(buf, at, draw(4) ? draw(4) : draw(65536),
				      value, draw(sizeof(value)));
		if (!draw(10))
			((struct nlattr *)(buf + at))[-1].nla_len = draw(100);
	}
	nlh->nlmsg_len = draw(10) ? at : draw(sizeof(buf));
	RC(send(c->nl, buf, draw(10) ? at : draw(at + 1), MSG_DONTWAIT));
	while (recv(c->nl, buf, sizeof(buf), MSG_DONTWAIT) > 0)
		;
	note(c, "netlink command %u, descriptor %d", genl->cmd, fd);
}

/* What remains */

static void call_pipe(struct calls *c)
{
	loff_t off = draw(9000);
	int fds[2];

	if (pipe2(fds, O_NONBLOCK | O_CLOEXEC))
		die("pipe2");
	splice(c->file, &off, fds[1], NULL, draw(9000), 0);
	note(c, "splice = %ld", RC(splice(fds[0], NULL, c->s->p.fd, NULL,
					  draw(9000), SPLICE_F_NONBLOCK |
					  (draw(2) ? SPLICE_F_MORE : 0))));
	close(fds[0]);
	close(fds[1]);
}

static void call_other(struct calls *c)
{
	struct sockaddr_storage name = { .ss_family = AF_UNSPEC };
	socklen_t len = draw(130);
	struct msghdr msg = { 0 };
	int fd = c->s->p.fd, copy;
	off_t off;

	switch (draw(9)) {
	case 0:
		draw_name_of(c, &msg, &name);
		note(c, "connect = %ld", RC(connect(fd, (void *)&name,
						    msg.msg_namelen)));
		break;
	case 1:
		note(c, "connect = %ld", RC(connect(fd, (void *)&name, 16)));
		break;
	case 2:
		loopback(c->s->p.family, draw(65536), &name);
		note(c, "bind = %ld", RC(bind(fd, (void *)&name, len)));
		break;
	case 3:
		note(c, "listen = %ld", RC(listen(fd, draw(10))));
		note(c, "accept = %ld", RC(accept(fd, NULL, NULL)));
		break;
	case 4:
		note(c, "getpeername = %ld", RC(getpeername(fd, draw(4) ?
				(void *)&name : bad_pointer(), &len)));
		break;
	case 5:
		copy = dup(fd);
		close(copy);
		break;
	case 6:
		off = draw(9000);
		note(c, "sendfile = %ld",
		     RC(sendfile(fd, c->file, &off, draw(20000))));
		break;
	case 7:
		call_pipe(c);
		break;
	default:
		note(c, "attach = %d", kdtls_attach(fd));
	}
}

/* Seldom: calls that end the session, or half of it. */
static void call_end(struct calls *c)
{
	int how = draw(3);

	if (c->threads)
		return;
	if (draw(2)) {
		note(c, "alert = %ld", send_alert(c->s->p.fd, 1 + draw(2),
						  draw(100)));
		return;
	}
	note(c, "shutdown(%d) = %ld", how, RC(shutdown(c->s->p.fd, how)));
	shutdown(c->plain.fd, how);
}

static void random_call(struct calls *c)
{
	switch (draw(24)) {
	case 0 ... 5:
		call_setsockopt(c);
		break;
	case 6 ... 8:
		call_getsockopt(c);
		break;
	case 9 ... 13:
		call_sendmsg(c);
		break;
	case 14 ... 18:
		call_recvmsg(c);
		break;
	case 19:
		call_send_raw(c);
		break;
	case 20:
		call_ioctl(c);
		break;
	case 21:
		call_netlink(c);
		break;
	case 22:
		call_other(c);
		break;
	default:
		if (!draw(100))
			call_end(c);
	}
}

/* On the wire */

static int packet_socket(void)
{
	struct sockaddr_ll any = {
		.sll_family = AF_PACKET,
		.sll_protocol = htons(ETH_P_ALL),
		.sll_ifindex = 1,	/* lo, in every namespace */
	};

	int fd = socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || bind(fd, (void *)&any, sizeof(any)))
		die("packet socket");
	set_int(fd, SOL_SOCKET, SO_RCVBUFFORCE, 32 << 20);
	return fd;
}

/* Nothing of ours may have gone out as it was. */
static void check_wire(struct calls *c)
{
	static uint8_t frame[70000];
	ssize_t n;

	while ((n = recv(c->wire, frame, sizeof(frame), MSG_DONTWAIT)) > 0)
		if (memmem(frame, n, secret_mark, sizeof(secret_mark)))
			complain(c, "plaintext went out");
}

/*
 * Whatever the peer got is a record of the session, or one of epoch 0, or where
 * DTLS_RAW_UNOPENED was asked for, one that a call brought; data never is.
 */
static void check_peer(struct calls *c)
{
	static uint8_t data[70000];
	static struct record r;
	size_t off, len;
	ssize_t n;

	while ((n = recv(c->s->p.peer, data, sizeof(data), MSG_DONTWAIT)) >= 0) {
		for (off = 0; off < (size_t)n; off += len) {
			if (n - off < ORACLE_HEADER) {
				complain(c, "half a record went out");
				break;
			}
			len = ORACLE_HEADER + (data[off + 11] << 8 |
					       data[off + 12]);
			if (!data[off + 3] && !data[off + 4])
				continue;
			if (c->raw && data[off] != DTLS_CT_APPLICATION_DATA)
				continue;
			if (oracle_open(&c->s->p.out, data + off, n - off, &r)) {
				complain(c, "what went out does not open");
				break;
			}
		}
	}
}

/* Sessions of random calls */

/* Before the keys: installs that are refused, or end the attempt. */
static bool fuzz_installs(struct calls *c, struct pair *p)
{
	uint8_t value[sizeof(union crypto_info)];
	socklen_t len;
	int i;

	for (i = 0; i < 8; i++) {
		len = draw_install(c, value);
		if (!setsockopt(p->fd, SOL_DTLS, draw(2) ? DTLS_TX : DTLS_RX,
				draw(10) ? value : bad_pointer(), len))
			return false;
	}
	return true;
}

static void calls_renew(struct calls *c, enum family family, uint16_t cipher)
{
	struct session *s = c->s;

	pair_close(&c->plain);
	pair_close(&s->p);
	pair_open(&c->plain, family, cipher);
	session_forget(s);
	pair_open(&s->p, family, cipher);
	pair_attach(&s->p);
	/* What was accepted has other keys than the peer: begin again. */
	if (!fuzz_installs(c, &s->p)) {
		pair_close(&s->p);
		pair_open(&s->p, family, cipher);
		pair_attach(&s->p);
	}
	pair_install(&s->p);
	c->raw = false;
}

static void calls_open(struct calls *c, struct session *s, enum family family,
		       uint16_t cipher)
{
	static uint8_t data[16384];

	memset(c, 0, sizeof(*c));
	c->s = s;
	c->plain.fd = c->plain.peer = -1;
	c->wire = packet_socket();
	c->nl = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_GENERIC);
	set_timeout(c->nl, WAIT_MS);
	c->family = genl_family(c->nl);
	c->any = udp_socket(IPV4);
	c->file = memfd_create("data", MFD_CLOEXEC);
	fill(data, sizeof(data), secret_mark);
	if (write(c->file, data, sizeof(data)) != sizeof(data))
		die("memfd");
	make_hole();
	calls_renew(c, family, cipher);
}

static void calls_close(struct calls *c)
{
	pair_close(&c->plain);
	close(c->wire);
	close(c->nl);
	close(c->any);
	close(c->file);
}

/* What every fuzzed option may have changed and the check needs as it was. */
static void calm(int fd)
{
	int flags = fcntl(fd, F_GETFL), error;
	socklen_t len = sizeof(error);

	fcntl(fd, F_SETFL, flags & ~O_NONBLOCK);
	set_timeout(fd, 300);
	set_int(fd, SOL_UDP, UDP_SEGMENT, 0);
	set_int(fd, SOL_UDP, UDP_GRO, 0);
	setsockopt(fd, SOL_UDP, UDP_CORK, &(int){ 0 }, sizeof(int));
	set_int(fd, SOL_SOCKET, SO_PEEK_OFF, -1);
	setsockopt(fd, SOL_DTLS, DTLS_RECV_CONTROL, &(int){ 0 }, sizeof(int));
	setsockopt(fd, SOL_DTLS, DTLS_RECV_RAW, &(int){ 0 }, sizeof(int));
	/* What MSG_MORE may have left goes with it. */
	send(fd, "", 0, MSG_DONTWAIT | MSG_NOSIGNAL);
	getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len);
}

static void drain_fd(int fd)
{
	uint8_t data[64];
	int i, again = 0;

	settle();
	/* A call gives up when it has met enough that does not open. */
	for (i = 0; i < 100000 && again < 20; i++) {
		if (RC(recv(fd, data, sizeof(data), MSG_DONTWAIT)) != -EAGAIN)
			continue;
		if (!(poll_in(fd, 0) & POLLIN))
			return;
		again++;
	}
}

static bool plain_works(struct pair *p, size_t n)
{
	uint8_t data[300], got[300];

	payload(data, n, 1);
	return RC(send(p->fd, data, n, MSG_NOSIGNAL)) == (long)n &&
	       RC(recv(p->peer, got, sizeof(got), 0)) == (long)n &&
	       RC(send(p->peer, data, n, 0)) == (long)n &&
	       RC(recv(p->fd, got, sizeof(got), 0)) == (long)n &&
	       !memcmp(data, got, n);
}

static bool session_works(struct pair *p)
{
	static struct rx rx;
	struct record r;

	feed_id(p, 100, 77);
	return rx_recv(p->fd, &rx, 0) == 100 && payload_id(rx.data, 100) == 77 &&
	       RC(send(p->fd, rx.data, 100, 0)) == 100 && !take(p, &r) &&
	       payload_id(r.data, r.len) == 77;
}

/*
 * Is the session as good as a plain socket on which the same was done? Returns
 * whether both go on; that it is worse is a complaint.
 */
static bool both_work(struct calls *c)
{
	size_t n = 100 + oracle_overhead(&c->s->p.in);
	struct pair *p = &c->s->p;

	calm(p->fd);
	calm(c->plain.fd);
	settle();
	check_peer(c);
	drain_fd(p->fd);
	drain_fd(c->plain.fd);
	drain_fd(c->plain.peer);
	set_timeout(p->peer, 300);
	set_timeout(c->plain.peer, 300);
	if (dtls_info(p->fd).state & ~(DTLS_STATE_TX | DTLS_STATE_RX))
		return false;
	/* On a busy machine, what does not come at once may come late. */
	if (!plain_works(&c->plain, n))
		return false;
	if (session_works(p))
		return true;
	complain(c, "the session is dead, and plain UDP is not");
	return false;
}

static void print_calls(const struct calls *c)
{
	int i;

	for (i = c->at > BATCH ? c->at - BATCH : 0; i < c->at; i++)
		fprintf(stderr, "# %s\n", c->log[i % BATCH]);
}

/* Something to receive: some good, some hostile. */
static void feed_some(struct session *s, struct batch *b)
{
	int i;

	b->count = 0;
	for (i = 0; i < 6; i++)
		if (draw(2))
			send_good(s);
		else
			send_hostile(s, b);
}

TEST_F_TIMEOUT(fuzz, calls, 7200)
{
	long left = quota("KDTLS_FUZZ_CALLS", 20), batch, renewed = 0;
	static struct calls c;
	int i;

	calls_open(&c, self->s, variant->family, variant->cipher);
	seed(4 + variant->family);
	for (batch = 0; left > 0 && !c.wrong; batch++) {
		c.at = 0;
		feed_some(self->s, self->b);
		for (i = 0; i < BATCH && !c.wrong; i++, left--)
			random_call(&c);
		check_wire(&c);
		if (both_work(&c) && draw(30))
			continue;
		calls_renew(&c, variant->family, variant->cipher);
		renewed++;
	}
	if (c.wrong) {
		failed(c.wrong, batch - 1);
		print_calls(&c);
	}
	TH_LOG("%ld batches, %ld sessions", batch, renewed + 1);
	EXPECT_EQ(NULL, c.wrong);
	calls_close(&c);
}

/* All at once */

struct thread {
	struct job	job;
	struct calls	c;
	struct batch	*b;
	long		left;
	int		number;
	long		*sent;
};

/* Sealing is for one thread at a time, and so is what is expected. */
static void *hostile_main(void *arg)
{
	struct thread *t = arg;
	struct session *s = t->c.s;

	seed(20 + t->number);
	while (t->left > 0 && !t->c.wrong) {
		pthread_mutex_lock(&s->lock);
		t->b->count = 0;
		while (t->b->count < 8)
			t->left -= send_hostile(s, t->b);
		pthread_mutex_unlock(&s->lock);
	}
	return NULL;
}

static void *calls_main(void *arg)
{
	struct thread *t = arg;

	seed(40 + t->number);
	while (t->left-- > 0 && !t->c.wrong)
		random_call(&t->c);
	return NULL;
}

static void *peer_main(void *arg)
{
	struct thread *t = arg;
	struct pollfd pfd = { .fd = t->c.s->p.peer, .events = POLLIN };

	while (!__atomic_load_n(&t->left, __ATOMIC_ACQUIRE)) {
		check_peer(&t->c);
		check_wire(&t->c);
		poll(&pfd, 1, 20);
	}
	check_peer(&t->c);
	return NULL;
}

#define HOSTILES	2
#define CALLERS		4
#define CROWD		(HOSTILES + CALLERS)

static void crowd_start(struct thread *t, const struct calls *c)
{
	int i;

	for (i = 0; i <= CROWD; i++) {
		t[i].c = *c;
		t[i].c.threads = true;
		/* What one of them asks for, all of them may get. */
		t[i].c.raw = true;
		t[i].number = i;
		t[i].b = calloc(1, sizeof(*t[i].b));
		if (i < HOSTILES)
			t[i].left = quota("KDTLS_FUZZ_DATAGRAMS", 50) / HOSTILES;
		else if (i < CROWD)
			t[i].left = quota("KDTLS_FUZZ_CALLS", 80) / CALLERS;
		job_start(&t[i].job, i < HOSTILES ? hostile_main :
			  i < CROWD ? calls_main : peer_main, &t[i]);
	}
}

/* There may be more to do than a join waits for. */
static void wait_for(struct job *j)
{
	while (!job_done(j))
		sleep_ms(10);
	job_join(j);
}

TEST_F_TIMEOUT(fuzz, from_all_sides, 7200)
{
	static struct thread t[CROWD + 1];
	uint64_t first, before;
	struct dtls_info info;
	struct calls *c;
	int i;

	c = calloc(1, sizeof(*c));
	seed(8 + variant->family);
	calls_open(c, self->s, variant->family, variant->cipher);
	before = stats_get("TxRecords") + stats_get("TxErrors");
	first = self->s->p.out.seq;
	crowd_start(t, c);
	for (i = 0; i < CROWD; i++)
		wait_for(&t[i].job);
	__atomic_store_n(&t[CROWD].left, 1, __ATOMIC_RELEASE);
	wait_for(&t[CROWD].job);
	for (i = 0; i <= CROWD; i++) {
		if (t[i].c.wrong)
			failed(t[i].c.wrong, i);
		EXPECT_EQ(NULL, t[i].c.wrong);
		free(t[i].b);
	}
	/* Each number went into a record or was lost with a call that failed. */
	info = dtls_info(self->s->p.fd);
	EXPECT_EQ(info.tx_seq - first, stats_get("TxRecords") +
		  stats_get("TxErrors") - before);
	EXPECT_TRUE(both_work(c));
	EXPECT_EQ(NULL, c->wrong);
	calls_close(c);
	free(c);
}

TEST_HARNESS_MAIN
