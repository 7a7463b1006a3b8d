// SPDX-License-Identifier: GPL-2.0
#include <netinet/in.h>
#include <string.h>
#include <unistd.h>
#include <linux/errqueue.h>
#include <linux/filter.h>

#include "group.h"

socklen_t any_address(enum family family, uint16_t port,
		      struct sockaddr_storage *addr)
{
	socklen_t len = loopback(family, port, addr);

	if (family == IPV4)
		((struct sockaddr_in *)addr)->sin_addr.s_addr = 0;
	else
		((struct sockaddr_in6 *)addr)->sin6_addr = in6addr_any;
	return len;
}

int group_socket(enum family family, const struct sockaddr_storage *addr,
		 socklen_t len)
{
	int fd = udp_socket(family);
	int err;

	set_int(fd, SOL_SOCKET, SO_REUSEPORT, 1);
	if (bind(fd, (const void *)addr, len))
		die("bind");
	err = kdtls_attach(fd);
	if (err)
		die("attach: %s", strerror(-err));
	return fd;
}

int endpoint_join(int fd, uint32_t role)
{
	struct dtls_endpoint e = { .role = role };

	return RC(setsockopt(fd, SOL_DTLS, DTLS_ENDPOINT, &e, sizeof(e)));
}

struct dtls_endpoint endpoint_info(int fd)
{
	struct dtls_endpoint e;
	socklen_t len = sizeof(e);

	if (getsockopt(fd, SOL_DTLS, DTLS_ENDPOINT, &e, &len) ||
	    len != sizeof(e))
		die("DTLS_ENDPOINT");
	return e;
}

static void member_open(struct group *g, const struct sockaddr_storage *addr,
			socklen_t len, uint32_t role)
{
	int i = g->count++;
	int fd = group_socket(g->family, addr, len);
	int err = endpoint_join(fd, role);

	if (err)
		die("DTLS_ENDPOINT: %s", strerror(-err));
	g->fd[i] = fd;
	g->port = local_port(fd);
	g->member[i] = endpoint_info(fd).member;
	g->endpoint = endpoint_info(fd).endpoint;
}

static void group_init(struct group *g, enum family family, uint16_t cipher)
{
	memset(g, 0, sizeof(*g));
	g->family = family;
	g->cipher = cipher;
	nl_open(&g->nl);
}

void group_open(struct group *g, enum family family, uint16_t cipher,
		int count)
{
	struct sockaddr_storage addr;
	socklen_t len;

	group_init(g, family, cipher);
	while (g->count < count) {
		len = loopback(family, g->port, &addr);
		member_open(g, &addr, len, g->count ? DTLS_MEMBER_WORKER :
						      DTLS_MEMBER_HELPER);
	}
}

void group_open_any(struct group *g, enum family family, uint16_t cipher,
		    int count)
{
	struct sockaddr_storage addr;
	socklen_t len;

	group_init(g, family, cipher);
	while (g->count < count) {
		len = any_address(family, g->port, &addr);
		member_open(g, &addr, len, g->count ? DTLS_MEMBER_WORKER :
						      DTLS_MEMBER_HELPER);
	}
}

void group_open_single(struct group *g, enum family family, uint16_t cipher)
{
	struct sockaddr_storage addr;
	socklen_t len = loopback(family, 0, &addr);

	group_init(g, family, cipher);
	member_open(g, &addr, len, DTLS_MEMBER_HELPER | DTLS_MEMBER_WORKER);
}

void group_close_member(struct group *g, int i)
{
	close(g->fd[i]);
	g->fd[i] = -1;
}

void group_close(struct group *g)
{
	int i;

	for (i = 0; i < g->count; i++)
		if (g->fd[i] >= 0)
			group_close_member(g, i);
	nl_close(&g->nl);
}

static int group_fd(const struct group *g)
{
	int i;

	for (i = 0; i < g->count; i++)
		if (g->fd[i] >= 0)
			return g->fd[i];
	return -1;
}

void group_steer(struct group *g, int i)
{
	struct sock_filter insn = { BPF_RET | BPF_K, 0, 0, i };
	struct sock_fprog prog = { 1, &insn };

	if (setsockopt(group_fd(g), SOL_SOCKET, SO_ATTACH_REUSEPORT_CBPF,
		       &prog, sizeof(prog)))
		die("SO_ATTACH_REUSEPORT_CBPF");
}

/* Peers */

void peer_open(struct peer *p, const struct group *g)
{
	enum family other = g->family == MAPPED ? IPV4 : g->family;
	struct sockaddr_storage to;
	socklen_t len = loopback(other, g->port, &to);

	memset(p, 0, sizeof(*p));
	p->p.family = g->family;
	p->p.fd = -1;
	p->p.peer = udp_socket(other);
	udp_bind(p->p.peer, other);
	if (connect(p->p.peer, (void *)&to, len))
		die("connect");
	p->len = loopback(g->family, local_port(p->p.peer), &p->addr);
	oracle_init(&p->p.out, g->cipher, 1, 5);
	oracle_init(&p->p.in, g->cipher, 1, 1);
}

void peer_close(struct peer *p)
{
	pair_close(&p->p);
}

void fake_peer(struct peer *p, const struct group *g, uint16_t port)
{
	memset(p, 0, sizeof(*p));
	p->p.fd = p->p.peer = -1;
	p->len = loopback(g->family, port, &p->addr);
	oracle_init(&p->p.out, g->cipher, 1, 1);
	oracle_init(&p->p.in, g->cipher, 1, 1);
}

void fake_port(struct peer *p, uint16_t port)
{
	((struct sockaddr_in *)&p->addr)->sin_port = htons(port);
}

void peer_rekey(struct peer *p, uint16_t cipher, uint16_t epoch)
{
	oracle_free(&p->p.out);
	oracle_free(&p->p.in);
	oracle_init(&p->p.out, cipher, epoch, 1);
	oracle_init(&p->p.in, cipher, epoch, 1);
}

void peer_request(struct request *r, struct group *g, const struct peer *p,
		  uint8_t cmd)
{
	req_init(r, &g->nl, cmd);
	req_u32(r, KDTLS_A_FD, group_fd(g));
	req_put(r, KDTLS_A_PEER, &p->addr, p->len);
}

void peer_request_keys(struct request *r, struct group *g,
		       const struct peer *p, uint8_t cmd)
{
	peer_request(r, g, p, cmd);
	req_keys(r, KDTLS_A_TX, &p->p.out);
	req_keys(r, KDTLS_A_RX, &p->p.in);
}

int session_new(struct group *g, struct peer *p, int owner)
{
	struct request r;
	int err;

	peer_request_keys(&r, g, p, KDTLS_CMD_SESSION_NEW);
	if (owner >= 0)
		req_u32(&r, KDTLS_A_OWNER, g->member[owner]);
	err = nl_call(&g->nl, &r);
	if (!err)
		p->id = g->nl.answer.session;
	return err;
}

int session_del(struct group *g, const struct peer *p)
{
	struct request r;

	peer_request(&r, g, p, KDTLS_CMD_SESSION_DEL);
	return nl_call(&g->nl, &r);
}

int session_set_u8(struct group *g, const struct peer *p, uint16_t type,
		   uint8_t value)
{
	struct request r;

	peer_request(&r, g, p, KDTLS_CMD_SESSION_SET);
	req_u8(&r, type, value);
	return nl_call(&g->nl, &r);
}

int session_set_u32(struct group *g, const struct peer *p, uint16_t type,
		    uint32_t value)
{
	struct request r;

	peer_request(&r, g, p, KDTLS_CMD_SESSION_SET);
	req_u32(&r, type, value);
	return nl_call(&g->nl, &r);
}

struct nl_message session_get(struct group *g, const struct peer *p)
{
	struct request r;
	int err;

	peer_request(&r, g, p, KDTLS_CMD_SESSION_GET);
	err = nl_call(&g->nl, &r);
	if (err || g->nl.answers != 1)
		die("SESSION_GET: %d, %d answers", err, g->nl.answers);
	return g->nl.answer;
}

/* Sending */

long peer_send(int fd, const struct peer *p, const void *data, size_t n)
{
	return RC(sendto(fd, data, n, 0, (const void *)&p->addr, p->len));
}

long peer_send_id(int fd, const struct peer *p, size_t n, uint32_t id)
{
	uint8_t data[16384];

	payload(data, n, id);
	return peer_send(fd, p, data, n);
}

long peer_send_cmsg(int fd, const struct peer *p, const void *data, size_t n,
		    const struct cbuf *c, int flags)
{
	struct iovec iov = { (void *)data, n };
	struct msghdr msg = {
		.msg_name = (void *)&p->addr,
		.msg_namelen = p->len,
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = c->len ? (void *)c->buf : NULL,
		.msg_controllen = c->len,
	};

	return RC(sendmsg(fd, &msg, flags));
}

bool peer_echoes(int fd, struct peer *p)
{
	static uint32_t id = 2000000;
	static struct rx rx;

	feed_id(&p->p, 77, ++id);
	if (rx_recv(fd, &rx, 0) != 77 || payload_id(rx.data, 77) != id)
		return false;
	return peer_send_id(fd, p, 100, ++id) == 100 && take_id(&p->p) == id;
}

/* Events */

int event_next(int fd, uint32_t *session)
{
	uint8_t control[512], data[64];
	struct iovec iov = { data, sizeof(data) };
	struct msghdr msg = {
		.msg_iov = &iov, .msg_iovlen = 1,
		.msg_control = control, .msg_controllen = sizeof(control),
	};
	struct sock_extended_err e;
	struct cmsghdr *c;

	if (recvmsg(fd, &msg, MSG_ERRQUEUE | MSG_DONTWAIT) < 0)
		return 0;
	for (c = CMSG_FIRSTHDR(&msg); c; c = CMSG_NXTHDR(&msg, c)) {
		if (c->cmsg_len < CMSG_LEN(sizeof(e)))
			continue;
		memcpy(&e, CMSG_DATA(c), sizeof(e));
		if (e.ee_origin != SO_EE_ORIGIN_DTLS)
			continue;
		if (session)
			*session = e.ee_data;
		return e.ee_type;
	}
	return 0;
}
