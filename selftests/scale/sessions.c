// SPDX-License-Identifier: GPL-2.0
/*
 * What an endpoint costs with very many sessions: to make one, in memory, and for
 * each record, of peers chosen at random.
 *
 * usage: sessions COUNT [RECORDS [UNKNOWN [ACTIVE [COMMAND]]]]
 *
 * Prints one line of JSON, and then runs COMMAND while the sessions are there. Times
 * are of CLOCK_MONOTONIC, which in a virtual machine that counts instructions is their
 * number. UNKNOWN is how many addresses without a session send as often as those with
 * one, ACTIVE how many sessions, spread over all, have traffic (all).
 *
 * All sessions have the same keys, so that one oracle is enough: what is measured
 * does not depend on them. Peers are addresses of 127.0.0.0/8 on one socket.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <libmnl/libmnl.h>
#include <linux/genetlink.h>

#include "util.h"

#define PEER_PORT	5000
#define BATCH		64
#define SIZE		200

struct scale {
	int			fd;
	int			peers;
	struct sockaddr_in	server;
	uint32_t		count;
	uint32_t		unknown;
	uint32_t		active;
	uint64_t		*next;
	uint64_t		wake_receive;
	uint64_t		wake_send;
	struct oracle		in;
	struct oracle		out;
	struct mnl_socket	*nl;
	uint16_t		family;
};

static uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000000ULL + ts.tv_nsec;
}

/* Addresses with a session come first, then those without. */
static struct in_addr address_of(uint32_t i)
{
	return (struct in_addr){ htonl((127 << 24) + (1 << 16) + i) };
}

/* Sockets */

static void open_sockets(struct scale *s)
{
	struct dtls_endpoint member = {
		.role = DTLS_MEMBER_WORKER | DTLS_MEMBER_HELPER,
	};
	struct sockaddr_in any = {
		.sin_family = AF_INET, .sin_port = htons(PEER_PORT),
	};
	socklen_t len = sizeof(s->server);

	s->fd = udp_socket(IPV4);
	udp_bind(s->fd, IPV4);
	if (getsockname(s->fd, (void *)&s->server, &len))
		die("getsockname");
	set_int(s->fd, SOL_SOCKET, SO_RCVBUFFORCE, 64 << 20);
	if (kdtls_attach(s->fd) ||
	    setsockopt(s->fd, SOL_DTLS, DTLS_ENDPOINT, &member, sizeof(member)))
		die("DTLS_ENDPOINT");
	s->peers = udp_socket(IPV4);
	set_int(s->peers, SOL_SOCKET, SO_RCVBUFFORCE, 64 << 20);
	if (bind(s->peers, (void *)&any, sizeof(any)))
		die("bind");
}

/* Sessions */

static int family_cb(const struct nlmsghdr *nlh, void *data)
{
	const struct nlattr *attr;

	mnl_attr_for_each(attr, nlh, sizeof(struct genlmsghdr))
		if (mnl_attr_get_type(attr) == CTRL_ATTR_FAMILY_ID)
			*(uint16_t *)data = mnl_attr_get_u16(attr);
	return MNL_CB_OK;
}

static struct nlmsghdr *message(void *buf, uint16_t type, uint8_t cmd,
				uint16_t flags)
{
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buf);
	struct genlmsghdr *genl;

	nlh->nlmsg_type = type;
	nlh->nlmsg_flags = NLM_F_REQUEST | flags;
	genl = mnl_nlmsg_put_extra_header(nlh, sizeof(*genl));
	genl->cmd = cmd;
	genl->version = 1;
	return nlh;
}

static void answers(struct scale *s, mnl_cb_t cb, void *data)
{
	uint8_t buf[32768];
	ssize_t n;
	int ret;

	do {
		n = mnl_socket_recvfrom(s->nl, buf, sizeof(buf));
		if (n < 0)
			die("netlink: %s", strerror(errno));
		ret = mnl_cb_run(buf, n, 0, mnl_socket_get_portid(s->nl), cb,
				 data);
		if (ret < 0)
			die("netlink: %s", strerror(errno));
	} while (ret > 0);
}

static void open_netlink(struct scale *s)
{
	uint8_t buf[1024];
	struct nlmsghdr *nlh;

	s->nl = mnl_socket_open(NETLINK_GENERIC);
	if (!s->nl || mnl_socket_bind(s->nl, 0, MNL_SOCKET_AUTOPID))
		die("netlink");
	set_int(mnl_socket_get_fd(s->nl), SOL_SOCKET, SO_RCVBUFFORCE, 8 << 20);
	nlh = message(buf, GENL_ID_CTRL, CTRL_CMD_GETFAMILY, NLM_F_ACK);
	mnl_attr_put_strz(nlh, CTRL_ATTR_FAMILY_NAME, KDTLS_GENL_NAME);
	mnl_socket_sendto(s->nl, nlh, nlh->nlmsg_len);
	answers(s, family_cb, &s->family);
}

static size_t put_session(struct scale *s, uint8_t *buf, uint32_t i, bool last)
{
	struct sockaddr_in peer = {
		.sin_family = AF_INET,
		.sin_port = htons(PEER_PORT),
		.sin_addr = address_of(i),
	};
	struct nlmsghdr *nlh = message(buf, s->family, KDTLS_CMD_SESSION_NEW,
				       last ? NLM_F_ACK : 0);
	union crypto_info ci;
	socklen_t len;

	mnl_attr_put_u32(nlh, KDTLS_A_FD, s->fd);
	mnl_attr_put(nlh, KDTLS_A_PEER, sizeof(peer), &peer);
	len = crypto_info(&ci, DTLS_TX, &s->out);
	mnl_attr_put(nlh, KDTLS_A_TX, len, &ci);
	len = crypto_info(&ci, DTLS_RX, &s->in);
	mnl_attr_put(nlh, KDTLS_A_RX, len, &ci);
	return nlh->nlmsg_len;
}

static void make_sessions(struct scale *s)
{
	static uint8_t buf[BATCH * 512];
	uint32_t i, end;
	size_t len;

	for (i = 0; i < s->count; i = end) {
		end = i + BATCH < s->count ? i + BATCH : s->count;
		for (len = 0; i < end; i++)
			len += put_session(s, buf + len, i, i == end - 1);
		if (mnl_socket_sendto(s->nl, buf, len) < 0)
			die("netlink: %s", strerror(errno));
		answers(s, NULL, NULL);
	}
}

/* Memory */

static long meminfo(const char *name)
{
	char line[256];
	long value = -1;
	FILE *f = fopen("/proc/meminfo", "re");

	while (f && fgets(line, sizeof(line), f))
		if (!strncmp(line, name, strlen(name)))
			value = strtol(line + strlen(name), NULL, 10);
	if (f)
		fclose(f);
	return value;
}

/*
 * In KiB, without what only waits to be given back: cached pages, and @slab caches.
 * The ciphers of active sessions are given back like those.
 */
static long used(bool slab)
{
	FILE *f = fopen("/proc/sys/vm/drop_caches", "we");

	if (f) {
		fputs(slab ? "3\n" : "1\n", f);
		fclose(f);
	}
	return meminfo("MemTotal:") - meminfo("MemFree:") - meminfo("Cached:");
}

/* Traffic */

static uint32_t active_one(const struct scale *s, uint32_t i)
{
	return (uint64_t)i * s->count / s->active;
}

static uint32_t random_one(const struct scale *s)
{
	return active_one(s, rnd(s->active));
}

static void send_from(struct scale *s, uint32_t i, const void *data, size_t n)
{
	struct in_pktinfo info = { .ipi_spec_dst = address_of(i) };
	struct iovec iov = { (void *)data, n };
	struct cbuf cbuf = { .len = 0 };
	struct msghdr msg = {
		.msg_name = &s->server, .msg_namelen = sizeof(s->server),
		.msg_iov = &iov, .msg_iovlen = 1,
	};

	cbuf_add(&cbuf, SOL_IP, IP_PKTINFO, &info, sizeof(info));
	msg.msg_control = cbuf.buf;
	msg.msg_controllen = cbuf.len;
	if (sendmsg(s->peers, &msg, 0) != (ssize_t)n)
		die("sendmsg: %s", strerror(errno));
}

static void feed_one(struct scale *s, bool known)
{
	static uint8_t data[SIZE], wire[SIZE + 64];
	uint32_t i = known ? random_one(s) : rnd(s->unknown);
	uint64_t seq = known ? s->next[i]++ : rnd(1 << 20);
	size_t n = oracle_seal_seq(&s->in, DTLS_CT_APPLICATION_DATA, seq, data,
				   SIZE, wire);

	send_from(s, known ? i : s->count + i, wire, n);
}

static void receive_one(struct scale *s)
{
	uint8_t data[SIZE + 64], control[64];
	struct iovec iov = { data, sizeof(data) };
	struct sockaddr_in from;
	struct msghdr msg = {
		.msg_name = &from, .msg_namelen = sizeof(from),
		.msg_iov = &iov, .msg_iovlen = 1,
		.msg_control = control, .msg_controllen = sizeof(control),
	};

	if (recvmsg(s->fd, &msg, MSG_DONTWAIT) < SIZE)
		die("recvmsg: %s", strerror(errno));
}

static uint64_t receive_cost(struct scale *s, uint32_t records)
{
	uint64_t sum = 0, begin;
	uint32_t i, k;

	for (i = 0; i < records; i += BATCH) {
		for (k = 0; k < BATCH; k++)
			feed_one(s, !s->unknown || k % 2);
		settle();
		begin = now_ns();
		for (k = 0; k < BATCH; k++)
			receive_one(s);
		sum += now_ns() - begin;
	}
	return sum / i;
}

static void drain(struct scale *s)
{
	uint8_t data[SIZE + 64];

	settle();
	while (recv(s->peers, data, sizeof(data), MSG_DONTWAIT) > 0)
		;
}

static void send_one(struct scale *s, uint32_t i)
{
	static const uint8_t data[SIZE];
	struct sockaddr_in to = {
		.sin_family = AF_INET,
		.sin_port = htons(PEER_PORT),
		.sin_addr = address_of(i),
	};

	if (sendto(s->fd, data, SIZE, 0, (void *)&to, sizeof(to)) != SIZE)
		die("sendto: %s", strerror(errno));
}

static uint64_t send_cost(struct scale *s, uint32_t records)
{
	uint64_t sum = 0, begin;
	uint32_t i, k;

	for (i = 0; i < records; i += BATCH) {
		begin = now_ns();
		for (k = 0; k < BATCH; k++)
			send_one(s, random_one(s));
		sum += now_ns() - begin;
		drain(s);
	}
	return sum / i;
}

static void wake_batch(struct scale *s, uint32_t from, uint32_t end)
{
	uint8_t data[SIZE] = { 0 }, wire[SIZE + 64];
	uint64_t begin;
	uint32_t i, k;
	size_t n;

	for (i = from; i < end; i++) {
		k = active_one(s, i);
		n = oracle_seal_seq(&s->in, DTLS_CT_APPLICATION_DATA,
				    s->next[k]++, data, SIZE, wire);
		send_from(s, k, wire, n);
	}
	settle();
	begin = now_ns();
	for (i = from; i < end; i++)
		receive_one(s);
	s->wake_receive += now_ns() - begin;
	begin = now_ns();
	for (i = from; i < end; i++)
		send_one(s, active_one(s, i));
	s->wake_send += now_ns() - begin;
	drain(s);
}

/* What is active has sealed and opened something once: what did it cost? */
static void wake_all(struct scale *s)
{
	uint32_t i, end;

	for (i = 0; i < s->active; i = end) {
		end = i + BATCH < s->active ? i + BATCH : s->active;
		wake_batch(s, i, end);
	}
	s->wake_receive /= s->active;
	s->wake_send /= s->active;
}

static uint32_t number(int argc, char **argv, int i, uint32_t otherwise)
{
	return i < argc ? strtoul(argv[i], NULL, 0) : otherwise;
}

/* The kernel's share of a record, in and out. */
static void measure(struct scale *s, uint32_t records)
{
	unsigned long long receive = receive_cost(s, records);
	unsigned long long send = send_cost(s, records);

	printf("\"wake_receive_ns\":%llu,\"wake_send_ns\":%llu,\"receive_ns\":%llu,\"send_ns\":%llu}\n",
	       (unsigned long long)s->wake_receive,
	       (unsigned long long)s->wake_send, receive, send);
	fflush(stdout);
}

int main(int argc, char **argv)
{
	struct scale s = {
		.count = number(argc, argv, 1, 1000),
		.unknown = number(argc, argv, 3, 0),
	};
	uint32_t records = number(argc, argv, 2, 4096);
	long before, idle, active;
	uint64_t begin, made;

	s.active = number(argc, argv, 4, s.count);
	if (!s.count || !s.active || s.active > s.count)
		die("usage: sessions COUNT [RECORDS [UNKNOWN [ACTIVE [COMMAND]]]]");
	s.next = calloc(s.count, sizeof(*s.next));
	oracle_init(&s.in, DTLS_CIPHER_AES_GCM_128, 1, 0);
	oracle_init(&s.out, DTLS_CIPHER_AES_GCM_128, 1, 0);
	open_sockets(&s);
	open_netlink(&s);
	before = used(true);
	begin = now_ns();
	make_sessions(&s);
	made = (now_ns() - begin) / s.count;
	idle = used(true);
	wake_all(&s);
	active = used(false);
	printf("{\"sessions\":%u,\"active\":%u,\"unknown\":%u,\"make_ns\":%llu,\"idle_bytes\":%ld,\"active_bytes\":%ld,",
	       s.count, s.active, s.unknown, (unsigned long long)made,
	       (idle - before) * 1024 / s.count,
	       (idle - before) * 1024 / s.count +
	       (active - idle) * 1024 / s.active);
	measure(&s, records);
	return argc > 5 && system(argv[5]);
}
