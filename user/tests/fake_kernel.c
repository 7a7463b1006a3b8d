// SPDX-License-Identifier: GPL-2.0
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>

#include <linux/kdtls.h>

#include "fake_endpoint.h"
#include "fake_kernel.h"
#include "fake_netlink.h"
#include "fake_session.h"
#include "queue.h"

#define MAX_FD 1024

/**
 * struct fake - an attached socket
 * @dev: with @ino tells which socket it is
 * @ino: its inode
 * @control: DTLS_RECV_CONTROL
 * @raw: DTLS_RECV_RAW
 * @member: it serves an endpoint
 * @one: its session, if it is connected
 * @sessions: those of its endpoint
 * @inbox: what was opened and waits: a struct opened each
 */
struct fake {
	dev_t			dev;
	ino_t			ino;
	bool			control;
	bool			raw;
	bool			member;
	struct fake_session	one;
	struct fake_session	*sessions;
	struct kdtls_queue	inbox;
};

/* In front of what waits in the inbox. */
struct opened {
	bool			raw;
	u8			type;
	u32			session;
	struct sockaddr_storage	from;
	union {
		struct cmsghdr	align;
		char		space[128];
	} ctl;
	size_t			ctl_len;
};

struct fake_seen fake_seen;
int fake_fail_rx, fake_fail_tx, fake_fail_send;
void (*fake_before_connect)(int fd);

static struct fake *fakes[MAX_FD];
static bool enabled;
static int used;

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
	fake_serve = on ? fake_endpoint_serve : NULL;
	memset(&fake_seen, 0, sizeof(fake_seen));
}

/* A socket can have several descriptors, and one that came by SCM_RIGHTS. */
static struct fake **find(int fd)
{
	struct stat st;
	int i;

	if (fd < 0 || fstat(fd, &st) || !S_ISSOCK(st.st_mode))
		return NULL;
	for (i = 0; i < MAX_FD; i++)
		if (fakes[i] && fakes[i]->ino == st.st_ino &&
		    fakes[i]->dev == st.st_dev)
			return &fakes[i];
	return NULL;
}

static struct fake *get(int fd)
{
	struct fake **f = used ? find(fd) : NULL;

	return f ? *f : NULL;
}

static int fail(int err)
{
	errno = err;
	return -1;
}

/* ---- options ---- */

static int attach(int fd)
{
	struct stat st;
	int i;

	if (!enabled)
		return fail(ENOPROTOOPT);
	if (find(fd))
		return fail(EEXIST);
	for (i = 0; i < MAX_FD && fakes[i]; i++)
		;
	if (i == MAX_FD || fstat(fd, &st))
		return fail(ENOMEM);
	fakes[i] = calloc(1, sizeof(*fakes[i]));
	fakes[i]->dev = st.st_dev;
	fakes[i]->ino = st.st_ino;
	used++;
	return 0;
}

struct fake_session **fake_sessions_of(int fd)
{
	struct fake *f = get(fd);

	return f && f->member ? &f->sessions : NULL;
}

static int install(struct fake *f, bool tx, const void *v, socklen_t n)
{
	int err = fake_session_install(&f->one, tx, v, n);

	return err ? fail(-err) : 0;
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
	case DTLS_RECV_SESSION:
		return 0;
	case DTLS_ENDPOINT:
		f->member = true;
		return 0;
	default:
		return fail(ENOPROTOOPT);
	}
}

int __wrap_getsockopt(int fd, int level, int name, void *v, socklen_t *n)
{
	struct dtls_endpoint endpoint = { .member = 1, .endpoint = 1 };
	struct fake *f = get(fd);
	struct dtls_info info;

	if (!f || level != SOL_DTLS)
		return __real_getsockopt(fd, level, name, v, n);
	if (name == DTLS_ENDPOINT) {
		memcpy(v, &endpoint, sizeof(endpoint));
		return 0;
	}
	if (name != DTLS_INFO)
		return fail(ENOPROTOOPT);
	fake_session_info(&f->one, &info);
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

/* Is there no other descriptor of this socket? */
static bool is_last(int fd, const struct fake *f)
{
	struct stat st;
	int i;

	for (i = 0; i < MAX_FD; i++)
		if (i != fd && !fstat(i, &st) && st.st_ino == f->ino &&
		    st.st_dev == f->dev)
			return false;
	return true;
}

int __wrap_close(int fd)
{
	struct fake **at = used ? find(fd) : NULL;
	struct fake *f = at ? *at : NULL;

	if (f && is_last(fd, f)) {
		fake_session_clear(&f->one);
		fake_sessions_clear(&f->sessions);
		kdtls_queue_clear(&f->inbox);
		free(f);
		*at = NULL;
		used--;
	}
	return __real_close(fd);
}

/* ---- sending ---- */

/* Of the caller's control messages, those that are UDP's, and not about trains. */
static void plain_control(struct msghdr *to, const struct msghdr *from)
{
	struct msghdr *m = (struct msghdr *)from;
	struct cmsghdr *c;
	size_t at = 0;

	for (c = CMSG_FIRSTHDR(m); c; c = CMSG_NXTHDR(m, c)) {
		if (c->cmsg_level == SOL_DTLS || c->cmsg_level == SOL_UDP)
			continue;
		memcpy((char *)to->msg_control + at, c, c->cmsg_len);
		at += CMSG_ALIGN(c->cmsg_len);
	}
	to->msg_controllen = at;
	if (!at)
		to->msg_control = NULL;
}

static ssize_t send_down(int fd, const struct msghdr *msg, const void *p,
			 size_t len, int flags)
{
	struct iovec iov = { .iov_base = (void *)p, .iov_len = len };
	struct opened space = { .ctl_len = 0 };
	struct msghdr down = *msg;

	down.msg_iov = &iov;
	down.msg_iovlen = 1;
	down.msg_control = space.ctl.space;
	plain_control(&down, msg);
	return __real_sendmsg(fd, &down, flags);
}

static ssize_t seal(int fd, struct fake_session *s, const struct msghdr *msg,
		    u8 type, const u8 *p, size_t len, int flags)
{
	static u8 rec[DTLS_MAX_PLAINTEXT + FAKE_OVERHEAD_MAX];
	size_t n;

	if (len > DTLS_MAX_PLAINTEXT)
		return fail(EMSGSIZE);
	n = fake_session_seal(s, type, p, len, rec);
	return send_down(fd, msg, rec, n, flags) < 0 ? -1 : (ssize_t)len;
}

ssize_t __wrap_send(int fd, const void *buf, size_t len, int flags)
{
	struct iovec iov = { .iov_base = (void *)buf, .iov_len = len };
	const struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	struct fake *f = get(fd);
	int err = fake_fail_send;

	if (err) {
		fake_fail_send = 0;
		return fail(err);
	}
	if (!f || !f->one.tx.cipher)
		return __real_send(fd, buf, len, flags);
	if (f->one.peer_closed)
		return fail(EPIPE);
	return seal(fd, &f->one, &msg, DTLS_CT_APPLICATION_DATA, buf, len,
		    flags);
}

static bool may_go_raw(const struct iovec *iov, bool handshake)
{
	struct kdtls_record rec;
	size_t at;

	for (at = 0; !kdtls_record_parse(&rec, (u8 *)iov->iov_base + at,
					 (u32)(iov->iov_len - at));
	     at += KDTLS_HEADER_LEN + rec.len)
		if ((rec.epoch && !handshake) ||
		    rec.type == DTLS_CT_APPLICATION_DATA)
			break;
	return at == iov->iov_len;
}

static ssize_t send_raw(int fd, const struct fake *f, const struct msghdr *msg,
			const struct fake_session *s, int flags)
{
	if ((!f->raw && !f->member) ||
	    !may_go_raw(msg->msg_iov, !s || s->handshake)) {
		fake_seen.raw_refused++;
		return fail(EPERM);
	}
	fake_seen.raw_sent++;
	return send_down(fd, msg, msg->msg_iov->iov_base,
			 msg->msg_iov->iov_len, flags);
}

/* Whom a call means; NULL if there are no keys. */
static struct fake_session *session_for(struct fake *f, const struct msghdr *msg)
{
	const struct sockaddr_storage any = { .ss_family = AF_UNSPEC };

	if (!f->member)
		return f->one.tx.cipher ? &f->one : NULL;
	return msg->msg_name ?
	       fake_session_find(f->sessions, msg->msg_name, &any) : NULL;
}

/* What the control messages ask for. */
struct asked {
	bool	raw;
	u8	type;
	size_t	segment;
};

static void read_control(struct asked *a, const struct msghdr *msg)
{
	struct msghdr *m = (struct msghdr *)msg;
	struct cmsghdr *c;
	u16 size;

	a->type = DTLS_CT_APPLICATION_DATA;
	a->segment = msg->msg_iov->iov_len;
	for (c = CMSG_FIRSTHDR(m); c; c = CMSG_NXTHDR(m, c)) {
		if (c->cmsg_level == SOL_DTLS && c->cmsg_type == DTLS_RAW)
			a->raw = true;
		else if (c->cmsg_level == SOL_DTLS)
			a->type = *CMSG_DATA(c);
		if (c->cmsg_level == SOL_UDP) {
			memcpy(&size, CMSG_DATA(c), sizeof(size));
			a->segment = size;
		}
	}
}

ssize_t __wrap_sendmsg(int fd, const struct msghdr *msg, int flags)
{
	const struct iovec *iov = msg->msg_iov;
	struct asked a = { .raw = false };
	struct fake *f = get(fd);
	struct fake_session *s;
	size_t at = 0, n;

	if (!f || (!f->member && !f->one.tx.cipher))
		return __real_sendmsg(fd, msg, flags);
	read_control(&a, msg);
	s = session_for(f, msg);
	if (a.raw)
		return send_raw(fd, f, msg, s, flags);
	if (!s)
		return fail(ENOTCONN);
	if (s->peer_closed && a.type == DTLS_CT_APPLICATION_DATA)
		return fail(EPIPE);
	do {
		n = iov->iov_len - at < a.segment ? iov->iov_len - at :
						    a.segment;
		if (seal(fd, s, msg, a.type, (u8 *)iov->iov_base + at, n,
			 flags) < 0)
			return -1;
		at += n;
	} while (at < iov->iov_len);
	return (ssize_t)iov->iov_len;
}

/* ---- receiving ---- */

static void put(struct fake *f, const struct opened *how, const u8 *p,
		size_t len)
{
	u8 *copy = malloc(sizeof(*how) + len);

	memcpy(copy, how, sizeof(*how));
	memcpy(copy + sizeof(*how), p, len);
	kdtls_queue_put(&f->inbox, copy, sizeof(*how) + len);
	free(copy);
}

static void keep_raw(struct fake *f, struct opened *how, const u8 *p,
		     size_t len)
{
	how->raw = true;
	how->session = 0;
	put(f, how, p, len);
}

static void one_record(struct fake *f, struct opened *how,
		       const struct kdtls_record *rec, const u8 *p, size_t len)
{
	static u8 plain[DTLS_MAX_PLAINTEXT];
	struct sockaddr_storage local = { .ss_family = AF_UNSPEC };
	struct fake_session *s = &f->one;
	int n;

	if (f->member)
		s = fake_session_find(f->sessions, &how->from, &local);
	if (!s || !rec->epoch) {
		if ((f->raw || f->member) &&
		    (rec->type != DTLS_CT_APPLICATION_DATA || rec->epoch))
			keep_raw(f, how, p, len);
		else if (s)
			s->rx_bad++;
		return;
	}
	n = fake_session_open(s, rec, p, len, plain);
	if (n < 0) {
		if (f->member && s->handshake)
			keep_raw(f, how, p, len);
		return;
	}
	if (!f->control && rec->type != DTLS_CT_APPLICATION_DATA)
		return;
	how->raw = false;
	how->type = rec->type;
	how->session = s->number;
	put(f, how, plain, (size_t)n);
}

/* Raw records stay together. */
static size_t raw_run(const u8 *p, size_t len)
{
	struct kdtls_record rec;
	size_t n = 0;

	while (!kdtls_record_parse(&rec, p + n, (u32)(len - n)) && !rec.epoch)
		n += (size_t)KDTLS_HEADER_LEN + rec.len;
	return n;
}

static void datagram(struct fake *f, struct opened *how, const u8 *p, size_t len)
{
	struct kdtls_record rec;
	size_t n;

	for (; !kdtls_record_parse(&rec, p, (u32)len); p += n, len -= n) {
		n = f->member ? raw_run(p, len) : 0;
		if (!n)
			n = (size_t)KDTLS_HEADER_LEN + rec.len;
		one_record(f, how, &rec, p, n);
	}
}

static size_t segment_of(struct msghdr *msg, size_t len)
{
	struct cmsghdr *c;
	int size;

	for (c = CMSG_FIRSTHDR(msg); c; c = CMSG_NXTHDR(msg, c))
		if (c->cmsg_level == SOL_UDP) {
			memcpy(&size, CMSG_DATA(c), sizeof(size));
			return (size_t)size;
		}
	return len;
}

static int fill_inbox(int fd, struct fake *f, int flags)
{
	static u8 buf[65536];
	struct opened how = { .ctl_len = 0 }, ctl;
	struct iovec iov = { .iov_base = buf, .iov_len = sizeof(buf) };
	struct msghdr msg = {
		.msg_name = &how.from,
		.msg_namelen = sizeof(how.from),
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = ctl.ctl.space,
		.msg_controllen = sizeof(ctl.ctl.space),
	};
	struct msghdr kept = { .msg_control = how.ctl.space };
	ssize_t len = __real_recvmsg(fd, &msg, flags);
	size_t segment, at, n;

	if (len < 0)
		return -1;
	plain_control(&kept, &msg);
	how.ctl_len = kept.msg_controllen;
	segment = segment_of(&msg, (size_t)len);
	for (at = 0; at < (size_t)len; at += n) {
		n = (size_t)len - at < segment ? (size_t)len - at : segment;
		datagram(f, &how, buf + at, n);
	}
	return 0;
}

static void add_cmsg(struct msghdr *msg, int type, const void *data, size_t len)
{
	struct cmsghdr *c = (void *)((char *)msg->msg_control +
				     msg->msg_controllen);

	c->cmsg_level = SOL_DTLS;
	c->cmsg_type = type;
	c->cmsg_len = CMSG_LEN(len);
	memcpy(CMSG_DATA(c), data, len);
	msg->msg_controllen += CMSG_SPACE(len);
}

static size_t hand_out(const struct fake *f, struct msghdr *msg,
		       const struct kdtls_queued *m)
{
	struct dtls_session session = { .epoch = 1 };
	size_t len = m->len - sizeof(struct opened);
	size_t room = msg->msg_iov->iov_len;
	struct opened how;
	u8 on = 1;

	memcpy(&how, m->bytes, sizeof(how));
	if (msg->msg_name) {
		memcpy(msg->msg_name, &how.from, sizeof(how.from));
		msg->msg_namelen = sizeof(how.from);
	}
	msg->msg_controllen = 0;
	if (msg->msg_control) {
		msg->msg_controllen = how.ctl_len;
		memcpy(msg->msg_control, how.ctl.space, how.ctl_len);
	}
	if (how.raw)
		add_cmsg(msg, DTLS_RAW, &on, sizeof(on));
	else if (f->control)
		add_cmsg(msg, DTLS_GET_RECORD_TYPE, &how.type,
			 sizeof(how.type));
	session.session = how.session;
	if (f->member)
		add_cmsg(msg, DTLS_SESSION, &session, sizeof(session));
	msg->msg_flags = len > room ? MSG_TRUNC : 0;
	memcpy(msg->msg_iov->iov_base, m->bytes + sizeof(how),
	       len < room ? len : room);
	return len < room ? len : room;
}

ssize_t __wrap_recvmsg(int fd, struct msghdr *msg, int flags)
{
	struct fake *f = get(fd);
	struct kdtls_queued *m;
	size_t n;

	if (!f || (!f->member && !f->one.rx.cipher))
		return __real_recvmsg(fd, msg, flags);
	while (!f->inbox.n) {
		if (!f->member && f->one.peer_closed) {
			msg->msg_controllen = 0;
			return 0;
		}
		if (fill_inbox(fd, f, flags))
			return -1;
	}
	m = kdtls_queue_get(&f->inbox);
	n = hand_out(f, msg, m);
	free(m);
	return (ssize_t)n;
}
