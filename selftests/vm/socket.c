// SPDX-License-Identifier: GPL-2.0
/*
 * What a program knows of UDP's sockets: waiting, options, control messages,
 * buffers. Most of it is compared with a plain socket.
 */
#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/select.h>
#include <time.h>
#include <unistd.h>

#include "harness.h"
#include "twin.h"

#ifndef SO_RCVMARK
#define SO_RCVMARK		75
#endif
#ifndef IPV6_FLOWINFO
#define IPV6_FLOWINFO		11
#endif
#ifndef SO_MEMINFO
#define SO_MEMINFO		55
#endif
#ifndef IPV6_RECVFRAGSIZE
#define IPV6_RECVFRAGSIZE	77
#endif
#ifndef IP_RECVFRAGSIZE
#define IP_RECVFRAGSIZE		25
#endif
#define NO_CHECK6_TX		101	/* UDP_NO_CHECK6_TX */
#define NO_CHECK6_RX		102
/* Words of SO_MEMINFO. */
#define MEM_RMEM_ALLOC		0
#define MEM_DROPS		8
#define MEM_WORDS		9

static struct rx rx;

TWIN_FIXTURE(sockets, VARIANTS_OF_FAMILIES);

/* Waiting */

static void say_select(struct twin *t)
{
	struct timeval none = { 0, 0 };
	fd_set in, out, ex;

	FD_ZERO(&in);
	FD_ZERO(&out);
	FD_ZERO(&ex);
	FD_SET(t->p.fd, &in);
	FD_SET(t->p.fd, &out);
	FD_SET(t->p.fd, &ex);
	settle();
	say_rc(t, "select", RC(select(t->p.fd + 1, &in, &out, &ex, &none)));
	say(t, "%s%s%s ", FD_ISSET(t->p.fd, &in) ? "r" : "",
	    FD_ISSET(t->p.fd, &out) ? "w" : "",
	    FD_ISSET(t->p.fd, &ex) ? "x" : "");
}

static void seq_select(struct twin *t)
{
	say_select(t);
	give(t, 100, 1);
	give(t, 0, 2);
	say_select(t);
	say_recv(t, MSG_PEEK);
	say_select(t);
	say_recv(t, 0);
	say_select(t);
	say_recv(t, 0);
	say_select(t);
	shutdown(t->p.fd, SHUT_RD);
	say_select(t);
}

TEST_F(sockets, select)
{
	AS_UDP(seq_select, "select:2 rw ");
}

/* What is left of a datagram counts as much as the datagram. */
TEST_F(sockets, select_of_opened_records)
{
	struct timeval none = { 0, 0 };
	uint8_t data[50], wire[1024];
	struct pair p;
	size_t n = 0;
	fd_set in;
	int i;

	pair_setup(&p, variant->family, variant->cipher);
	for (i = 0; i < 3; i++) {
		payload(data, sizeof(data), i);
		n += oracle_seal(&p.in, DTLS_CT_APPLICATION_DATA, data,
				 sizeof(data), wire + n);
	}
	feed_raw(&p, wire, n);
	for (i = 0; i < 4; i++) {
		FD_ZERO(&in);
		FD_SET(p.fd, &in);
		settle();
		EXPECT_EQ(i < 3, select(p.fd + 1, &in, NULL, NULL, &none));
		if (i < 3)
			EXPECT_EQ(50, rx_recv(p.fd, &rx, MSG_DONTWAIT));
	}
	pair_close(&p);
}

struct waiting {
	struct twin	*t;
	struct job	job;
	long		rc;
};

static void *select_main(void *arg)
{
	struct waiting *w = arg;
	struct timeval tv = { WAIT_MS / 1000, 0 };
	fd_set in;

	FD_ZERO(&in);
	FD_SET(w->t->p.fd, &in);
	w->rc = RC(select(w->t->p.fd + 1, &in, NULL, NULL, &tv));
	return NULL;
}

static void seq_select_waits(struct twin *t)
{
	struct waiting w = { .t = t };

	job_start(&w.job, select_main, &w);
	job_wait_asleep(&w.job);
	give(t, 100, 7);
	job_join(&w.job);
	say_rc(t, "select", w.rc);
	say_recv(t, MSG_DONTWAIT);
}

TEST_F(sockets, select_waits)
{
	AS_UDP(seq_select_waits, "select:1 recv:100.7");
}

static volatile sig_atomic_t signals;

static void on_signal(int sig)
{
	(void)sig;
	signals++;
}

static void handle(int sig, int flags)
{
	struct sigaction action = {
		.sa_handler = on_signal,
		.sa_flags = flags,
	};

	sigaction(sig, &action, NULL);
	signals = 0;
}

static void say_ppoll(struct twin *t, int events, const sigset_t *mask)
{
	struct pollfd pfd = { .fd = t->p.fd, .events = events };
	struct timespec ts = { 0, 50000000 };

	say_rc(t, "ppoll", RC(ppoll(&pfd, 1, &ts, mask)));
	say(t, "%x.%d ", pfd.revents, (int)signals);
}

/* A signal that is blocked until ppoll() lets it in. */
static void seq_ppoll(struct twin *t)
{
	sigset_t block, none;

	handle(SIGUSR1, 0);
	sigemptyset(&none);
	sigemptyset(&block);
	sigaddset(&block, SIGUSR1);
	sigprocmask(SIG_BLOCK, &block, NULL);
	say_ppoll(t, POLLIN, &none);
	raise(SIGUSR1);
	say_ppoll(t, POLLIN, &block);
	say_ppoll(t, POLLIN, &none);
	give(t, 100, 1);
	settle();
	raise(SIGUSR1);
	say_ppoll(t, POLLIN | POLLOUT, &block);
	say_ppoll(t, POLLIN | POLLOUT, NULL);
	sigprocmask(SIG_UNBLOCK, &block, NULL);
}

TEST_F(sockets, ppoll)
{
	AS_UDP(seq_ppoll, "ppoll:EINTR");
}

/* A reader that a signal wakes up: with and without a limit in time. */
static void interrupt(struct twin *t, int flags, int ms)
{
	struct reader r;
	int before;

	handle(SIGUSR1, flags);
	set_timeout(t->p.fd, ms);
	before = signals;
	reader_start(&r, t->p.fd);
	pthread_kill(r.job.thread, SIGUSR1);
	while (signals == before)
		sleep_ms(1);
	/* Those that go on reading are asleep again. */
	if (flags & SA_RESTART && !ms)
		job_wait_asleep(&r.job);
	give(t, 100, 5);
	say_rc(t, "reader", reader_join(&r));
	say_recv(t, MSG_DONTWAIT);
}

static void seq_signals(struct twin *t)
{
	interrupt(t, 0, 0);
	interrupt(t, 0, WAIT_MS);
	interrupt(t, SA_RESTART, 0);
	interrupt(t, SA_RESTART, WAIT_MS);
}

TEST_F(sockets, signals)
{
	AS_UDP(seq_signals,
	       "reader:EINTR recv:100.5 reader:100 recv:EAGAIN reader:EINTR");
}

/* Several messages in a call */

static void say_recvmmsg(struct twin *t, int vlen, int flags,
			 struct timespec *ts)
{
	struct mmsghdr mm[8] = { 0 };
	static uint8_t data[8][256];
	struct iovec iov[8];
	int i, n;

	for (i = 0; i < vlen; i++) {
		iov[i] = (struct iovec){ data[i], sizeof(data[i]) };
		mm[i].msg_hdr.msg_iov = &iov[i];
		mm[i].msg_hdr.msg_iovlen = 1;
	}
	settle();
	n = RC(recvmmsg(t->p.fd, mm, vlen, flags, ts));
	say_rc(t, "recvmmsg", n);
	for (i = 0; i < n; i++)
		say(t, "%u.%ld ", mm[i].msg_len,
		    payload_id(data[i], mm[i].msg_len));
}

static void seq_recvmmsg(struct twin *t)
{
	struct timespec ts = { 0, 1000000 }, bad = { 0, -1 };
	int i;

	say_recvmmsg(t, 4, MSG_DONTWAIT, NULL);
	for (i = 0; i < 3; i++)
		give(t, 50 + i, i);
	say_recvmmsg(t, 5, MSG_WAITFORONE, NULL);
	for (i = 0; i < 3; i++)
		give(t, 50 + i, i);
	say_recvmmsg(t, 2, 0, NULL);
	/* The time is looked at between two messages, and is over there. */
	set_timeout(t->p.fd, 100);
	give(t, 60, 3);
	give(t, 60, 4);
	ts.tv_nsec = 1;
	say_recvmmsg(t, 5, 0, &ts);
	say_recvmmsg(t, 5, 0, NULL);
	say_recvmmsg(t, 5, 0, NULL);
	say_recvmmsg(t, 5, 0, &bad);
}

TEST_F(sockets, recvmmsg)
{
	AS_UDP(seq_recvmmsg, "recvmmsg:EAGAIN recvmmsg:3 50.0 51.1 52.2 recvmmsg:2 ");
}

/* The second of three messages has no memory to go to. */
static void seq_recvmmsg_fault(struct twin *t)
{
	struct mmsghdr mm[3] = { 0 };
	uint8_t data[2][256];
	struct iovec iov[3] = {
		{ data[0], 256 }, { (void *)8, 256 }, { data[1], 256 },
	};
	int i;

	for (i = 0; i < 3; i++) {
		give(t, 50, i);
		mm[i].msg_hdr.msg_iov = &iov[i];
		mm[i].msg_hdr.msg_iovlen = 1;
	}
	settle();
	say_rc(t, "recvmmsg", RC(recvmmsg(t->p.fd, mm, 3, MSG_DONTWAIT, NULL)));
	for (i = 0; i < 3; i++)
		say_recv(t, MSG_DONTWAIT);
}

TEST_F(sockets, recvmmsg_fault)
{
	AS_UDP(seq_recvmmsg_fault, "recvmmsg:1");
}

/* sendmmsg() tells how many went; the next call tells why no more. */
static void seq_sendmmsg(struct twin *t)
{
	struct mmsghdr mm[4] = { 0 };
	static uint8_t data[4][70000];
	struct iovec iov[4];
	int i;

	for (i = 0; i < 4; i++) {
		size_t n = i == 2 ? 66000 : 100;

		payload(data[i], n, i);
		iov[i] = (struct iovec){ data[i], n };
		mm[i].msg_hdr.msg_iov = &iov[i];
		mm[i].msg_hdr.msg_iovlen = 1;
	}
	say_rc(t, "sendmmsg", RC(sendmmsg(t->p.fd, mm, 4, 0)));
	say(t, "%u %u ", mm[0].msg_len, mm[1].msg_len);
	say_rc(t, "sendmmsg", RC(sendmmsg(t->p.fd, mm + 2, 2, 0)));
	say_rc(t, "sendmmsg", RC(sendmmsg(t->p.fd, mm + 3, 1, 0)));
	say_rc(t, "sendmmsg", RC(sendmmsg(t->p.fd, mm, 0, 0)));
	for (i = 0; i < 3; i++)
		say(t, "%ld ", got_id(t));
	say(t, "%d ", quiet(t->p.peer));
}

TEST_F(sockets, sendmmsg)
{
	AS_UDP(seq_sendmmsg, "sendmmsg:2 100 100 sendmmsg:EMSGSIZE sendmmsg:1");
}

/* The send buffer, with a neighbour who does not answer */

static void say_outq(struct twin *t)
{
	int n = -1;

	say_rc(t, "outq", RC(ioctl(t->p.fd, SIOCOUTQ, &n)));
	say(t, "%d ", n);
}

static void seq_outq(struct twin *t)
{
	int i;

	say_outq(t);
	twin_to_far(t, 7777);
	say_outq(t);
	for (i = 0; i < 3; i++) {
		say_rc(t, "send", fitting(t, 500) ==
		       put_id(t, fitting(t, 500), i, 0));
		say_outq(t);
	}
}

TEST_F(sockets, siocoutq)
{
	if (!veth_open())
		SKIP(return, "no veth");
	AS_UDP(seq_outq, "send:1");
}

static void seq_full(struct twin *t)
{
	long n;
	int i;

	twin_to_far(t, 7777);
	set_int(t->p.fd, SOL_SOCKET, SO_SNDBUF, 20000);
	for (i = 0; i < 100; i++) {
		n = put_id(t, fitting(t, 500), i, MSG_DONTWAIT);
		if (n < 0)
			break;
	}
	say(t, "%d ", i);
	say_rc(t, "send", n);
	say_poll(t);
	say_select(t);
	say_outq(t);
	/* Gone with the neighbour; there is room again. */
	command("ip neigh flush dev veth0");
	poll(&(struct pollfd){ .fd = t->p.fd, .events = POLLOUT }, 1, WAIT_MS);
	say_poll(t);
}

TEST_F(sockets, full_send_buffer)
{
	if (!veth_open())
		SKIP(return, "no veth");
	AS_UDP(seq_full, "send:EAGAIN poll:0");
}

/* Type of service, time to live, addresses */

static void recv_all_cmsgs(const struct twin *t, int fd)
{
	enum family family = fd == t->p.fd ? t->p.family :
			     t->p.family == IPV6 ? IPV6 : IPV4;

	if (family != IPV6) {
		set_int(fd, SOL_IP, IP_PKTINFO, 1);
		set_int(fd, SOL_IP, IP_RECVTOS, 1);
		set_int(fd, SOL_IP, IP_RECVTTL, 1);
		set_int(fd, SOL_IP, IP_RECVOPTS, 1);
		set_int(fd, SOL_IP, IP_RETOPTS, 1);
		set_int(fd, SOL_IP, IP_RECVFRAGSIZE, 1);
	}
	if (family != IPV4) {
		set_int(fd, SOL_IPV6, IPV6_RECVPKTINFO, 1);
		set_int(fd, SOL_IPV6, IPV6_RECVTCLASS, 1);
		set_int(fd, SOL_IPV6, IPV6_RECVHOPLIMIT, 1);
		set_int(fd, SOL_IPV6, IPV6_RECVHOPOPTS, 1);
		set_int(fd, SOL_IPV6, IPV6_FLOWINFO, 1);
		set_int(fd, SOL_IPV6, IPV6_RECVFRAGSIZE, 1);
	}
	set_int(fd, SOL_SOCKET, SO_TIMESTAMPNS, 1);
	set_int(fd, SOL_SOCKET, SO_RXQ_OVFL, 1);
	setsockopt(fd, SOL_SOCKET, SO_RCVMARK, &(int){ 1 }, sizeof(int));
}

/* The time differs, and so do flow labels, of which every socket has its own. */
static bool differs(const struct cmsghdr *c)
{
	return (c->cmsg_level == SOL_SOCKET &&
		c->cmsg_type == SO_TIMESTAMPNS) ||
	       (c->cmsg_level == SOL_IPV6 && c->cmsg_type == IPV6_FLOWINFO);
}

/* Each control message as it is, but of those that differ only their kind. */
static void say_cmsgs(struct twin *t, struct msghdr *msg)
{
	struct cmsghdr *c;
	size_t i;

	for (c = CMSG_FIRSTHDR(msg); c; c = CMSG_NXTHDR(msg, c)) {
		say(t, "%d.%d.%zu=", c->cmsg_level, c->cmsg_type,
		    (size_t)c->cmsg_len);
		if (differs(c))
			continue;
		for (i = 0; i < c->cmsg_len - CMSG_LEN(0); i++)
			say(t, "%02x", CMSG_DATA(c)[i]);
	}
	say(t, " ");
}

static void say_recvmsg(struct twin *t, int fd, size_t room)
{
	uint8_t data[65536], control[1024];
	struct iovec iov = { data, sizeof(data) };
	struct msghdr msg = {
		.msg_iov = &iov, .msg_iovlen = 1,
		.msg_control = control, .msg_controllen = room,
	};
	long n = RC(recvmsg(fd, &msg, 0));

	if (n < 0) {
		say_rc(t, "recvmsg", n);
		return;
	}
	/* The peer's length says nothing. */
	if (fd == t->p.fd)
		say(t, "%ld.%ld ", n, payload_id(data, n));
	say(t, "flags:%x ", msg.msg_flags);
	say_cmsgs(t, &msg);
}

static void seq_cmsgs_in(struct twin *t)
{
	recv_all_cmsgs(t, t->p.fd);
	set_ip(t, t->p.peer, IP_TOS, IPV6_TCLASS, 0x48);
	set_ip(t, t->p.peer, IP_TTL, IPV6_UNICAST_HOPS, 77);
	set_int(t->p.peer, SOL_SOCKET, SO_MARK, 0x1234);
	give(t, 100, 1);
	say_recvmsg(t, t->p.fd, 1024);
	give(t, 100, 2);
	say_recvmsg(t, t->p.fd, 70);
	set_ip(t, t->p.fd, IP_RECVTOS, IPV6_RECVTCLASS, 0);
	give(t, 100, 3);
	say_recvmsg(t, t->p.fd, 1024);
	give(t, 100, 3);
	say_recvmsg(t, t->p.fd, 0);
}

TEST_F(sockets, control_messages_received)
{
	AS_UDP(seq_cmsgs_in, "100.1 flags:0");
}

/* Options of IP in the datagram that came: IPv4's, and IPv6's hop by hop. */
static void seq_ip_options(struct twin *t)
{
	static const uint8_t v4[4] = { 1, 1, 1, 0 };
	static const uint8_t v6[8] = { 0, 0, 1, 4 };
	int err;

	recv_all_cmsgs(t, t->p.fd);
	if (t->p.family == IPV6)
		err = RC(setsockopt(t->p.peer, SOL_IPV6, IPV6_HOPOPTS, v6, 8));
	else
		err = RC(setsockopt(t->p.peer, SOL_IP, IP_OPTIONS, v4, 4));
	say_rc(t, "options", err);
	give(t, 100, 1);
	say_recvmsg(t, t->p.fd, 1024);
	/* And in what goes out. */
	if (t->p.family == IPV6)
		err = RC(setsockopt(t->p.fd, SOL_IPV6, IPV6_HOPOPTS, v6, 8));
	else
		err = RC(setsockopt(t->p.fd, SOL_IP, IP_OPTIONS, v4, 4));
	say_rc(t, "options", err);
	recv_all_cmsgs(t, t->p.peer);
	say_rc(t, "send", put_id(t, 100, 2, 0));
	say_recvmsg(t, t->p.peer, 1024);
}

TEST_F(sockets, ip_options)
{
	AS_UDP(seq_ip_options, "options:0 100.1 flags:0");
}

static void cbuf_ip(const struct twin *t, struct cbuf *c, int ip, int ip6,
		    int value)
{
	if (t->p.family == IPV6)
		cbuf_add(c, SOL_IPV6, ip6, &value, sizeof(value));
	else
		cbuf_add(c, SOL_IP, ip, &value, sizeof(value));
}

/* By option, and by control messages that are stronger. */
static void seq_cmsgs_out(struct twin *t)
{
	struct cbuf c = { .len = 0 };
	uint32_t mark = 0x4321;

	recv_all_cmsgs(t, t->p.peer);
	set_ip(t, t->p.fd, IP_TOS, IPV6_TCLASS, 0x20);
	set_ip(t, t->p.fd, IP_TTL, IPV6_UNICAST_HOPS, 99);
	set_int(t->p.fd, SOL_SOCKET, SO_MARK, 0x1234);
	set_int(t->p.fd, SOL_SOCKET, SO_PRIORITY, 5);
	say(t, "%d ", get_int(t->p.fd, SOL_SOCKET, SO_PRIORITY));
	put_id(t, 100, 1, 0);
	say_recvmsg(t, t->p.peer, 1024);
	cbuf_ip(t, &c, IP_TOS, IPV6_TCLASS, 0x40);
	cbuf_ip(t, &c, IP_TTL, IPV6_HOPLIMIT, 33);
	cbuf_add(&c, SOL_SOCKET, SO_MARK, &mark, sizeof(mark));
	say_rc(t, "sendmsg", send_cmsg(t->p.fd, "0123456789", 10, &c, 0));
	say_recvmsg(t, t->p.peer, 1024);
	put_id(t, 100, 1, 0);
	say_recvmsg(t, t->p.peer, 1024);
}

TEST_F(sockets, control_messages_sent)
{
	AS_UDP(seq_cmsgs_out, "sendmsg:10 flags:0");
}

/* A mark by control message is for the privileged; a bad length for nobody. */
static void seq_bad_cmsgs(struct twin *t)
{
	struct cbuf c = { .len = 0 };
	uint32_t mark = 1;
	int tos = 300;

	cbuf_ip(t, &c, IP_TOS, IPV6_TCLASS, tos);
	say_rc(t, "tos", send_cmsg(t->p.fd, "abcd", 4, &c, 0));
	c.len = 0;
	cbuf_ip(t, &c, IP_TTL, IPV6_HOPLIMIT, 1000);
	say_rc(t, "ttl", send_cmsg(t->p.fd, "abcd", 4, &c, 0));
	c.len = 0;
	cbuf_add(&c, SOL_SOCKET, SO_MARK, &mark, 3);
	say_rc(t, "mark", send_cmsg(t->p.fd, "abcd", 4, &c, 0));
	c.len = 0;
	cbuf_add(&c, SOL_SOCKET, 9999, &mark, 4);
	say_rc(t, "unknown", send_cmsg(t->p.fd, "abcd", 4, &c, 0));
	if (seteuid(65534))
		die("seteuid");
	c.len = 0;
	cbuf_add(&c, SOL_SOCKET, SO_MARK, &mark, 4);
	say_rc(t, "mark", send_cmsg(t->p.fd, "abcd", 4, &c, 0));
	if (seteuid(0))
		die("seteuid");
	say(t, "%d ", quiet(t->p.peer));
	put_id(t, 50, 3, 0);
	say(t, "%ld ", got_id(t));
}

TEST_F(sockets, bad_control_messages)
{
	AS_UDP(seq_bad_cmsgs, "mark:EPERM 1 3");
}

/* The address to send from, by control message; the peer takes from all. */
static void second_address(enum family family)
{
	if (family == IPV6 && command("ip addr replace fd0a::2/128 dev lo"))
		die("ip addr");
}

static void pktinfo_from_second(const struct twin *t, struct cbuf *c)
{
	struct in_pktinfo info = {
		.ipi_spec_dst.s_addr = htonl(INADDR_LOOPBACK + 1),
	};
	struct in6_pktinfo info6 = {
		.ipi6_addr.s6_addr = { 0xfd, 0x0a, [15] = 2 },
	};

	if (t->p.family == IPV6)
		cbuf_add(c, SOL_IPV6, IPV6_PKTINFO, &info6, sizeof(info6));
	else
		cbuf_add(c, SOL_IP, IP_PKTINFO, &info, sizeof(info));
}

static void seq_pktinfo(struct twin *t)
{
	struct cbuf c = { .len = 0 };
	struct sockaddr_in6 *in6 = (void *)&rx.name;
	struct sockaddr_in *in = (void *)&rx.name;

	second_address(t->p.family);
	twin_to_any(t);
	pktinfo_from_second(t, &c);
	say_rc(t, "sendmsg", send_cmsg(t->p.fd, "0123456789", 10, &c, 0));
	if (rx_recv(t->p.peer, &rx, 0) < 0)
		die("nothing came");
	if (t->p.family == IPV6)
		say(t, "%x ", in6->sin6_addr.s6_addr[15]);
	else
		say(t, "%x ", ntohl(in->sin_addr.s_addr));
	/* Only this once. */
	put_id(t, 100, 1, 0);
	rx_recv(t->p.peer, &rx, 0);
	if (t->p.family == IPV6)
		say(t, "%x ", in6->sin6_addr.s6_addr[15]);
	else
		say(t, "%x ", ntohl(in->sin_addr.s_addr));
}

TEST_F(sockets, address_to_send_from)
{
	if (variant->family == MAPPED)
		SKIP(return, "IPv6 control messages only");
	netns_enter();
	AS_UDP(seq_pktinfo, variant->family == IPV6 ? "sendmsg:10 2 1" :
	       "sendmsg:10 7f000002 7f000001");
}

/* Datagrams that were fragmented on their way */
static void seq_fragments(struct twin *t)
{
	uint8_t data[16384], wire[17000];
	size_t n = fitting(t, 9000);

	recv_all_cmsgs(t, t->p.fd);
	set_ip(t, t->p.peer, IP_MTU_DISCOVER, IPV6_MTU_DISCOVER,
	       IP_PMTUDISC_DONT);
	payload(data, n, 3);
	if (t->kdtls)
		feed_raw(&t->p, wire, oracle_seal(&t->p.in,
						  DTLS_CT_APPLICATION_DATA,
						  data, n, wire));
	else
		feed_raw(&t->p, data, n);
	say(t, "%d ", rx_recv(t->p.fd, &rx, MSG_PEEK) == (ssize_t)n);
	say(t, "%d ", rx_recv(t->p.fd, &rx, 0) == (ssize_t)n);
	say(t, "%ld ", payload_id(rx.data, n));
	give(t, 100, 1);
	say_recvmsg(t, t->p.fd, 1024);
}

TEST_F(sockets, fragments)
{
	netns_enter();
	lo_mtu(1500);
	AS_UDP(seq_fragments, "1 1 3 100.1");
}

/* Devices */

static long bind_to(int fd, const char *device)
{
	return RC(setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, device,
			     strlen(device) + 1));
}

static void seq_bindtodevice(struct twin *t)
{
	say_rc(t, "bind", bind_to(t->p.fd, "lo"));
	put_id(t, 100, 1, 0);
	say(t, "%ld ", got_id(t));
	give(t, 100, 2);
	say_recv(t, 0);
	say_rc(t, "bind", bind_to(t->p.fd, "none"));
	say_rc(t, "bind", bind_to(t->p.fd, "veth0"));
	/* Nobody is there now for what comes by the loopback. */
	send(t->p.peer, "lost", 4, 0);
	send(t->p.peer, "lost", 4, 0);
	say_recv(t, MSG_DONTWAIT);
	say_rc(t, "bind", bind_to(t->p.fd, ""));
	/* The peer may have been told that nobody was there. */
	get_int(t->p.peer, SOL_SOCKET, SO_ERROR);
	give(t, 100, 3);
	say_recv(t, 0);
	put_id(t, 100, 4, 0);
	say(t, "%ld ", got_id(t));
}

TEST_F(sockets, bindtodevice)
{
	if (!veth_open())
		SKIP(return, "no veth");
	AS_UDP(seq_bindtodevice, "bind:0 1 recv:100.2 bind:ENODEV bind:0 recv:EAGAIN bind:0 recv:100.3 4");
}

/* Options that are UDP's own or the socket's, set and read back */
static void seq_options(struct twin *t)
{
	static const struct {
		int level, name, value;
	} o[] = {
		{ SOL_SOCKET, SO_PRIORITY, 3 }, { SOL_SOCKET, SO_MARK, 7 },
		{ SOL_SOCKET, SO_BROADCAST, 1 }, { SOL_SOCKET, SO_DONTROUTE, 1 },
		{ SOL_SOCKET, SO_BUSY_POLL, 1 }, { SOL_SOCKET, SO_RCVLOWAT, 9 },
		{ SOL_SOCKET, SO_INCOMING_CPU, 0 }, { SOL_SOCKET, SO_RCVBUF, 9999 },
		{ SOL_SOCKET, SO_SNDBUF, 9999 }, { SOL_SOCKET, SO_NO_CHECK, 1 },
		{ SOL_SOCKET, SO_TYPE, 0 }, { SOL_SOCKET, SO_PROTOCOL, 0 },
		{ SOL_SOCKET, SO_DOMAIN, 0 }, { SOL_SOCKET, SO_ERROR, 0 },
		{ SOL_SOCKET, SO_ACCEPTCONN, 0 }, { SOL_UDP, UDP_SEGMENT, 500 },
		{ SOL_UDP, UDP_GRO, 1 }, { SOL_UDP, NO_CHECK6_TX, 1 },
		{ SOL_UDP, NO_CHECK6_RX, 1 },
		{ SOL_UDP, UDP_ENCAP + 5, 1 }, { SOL_IP, IP_TOS, 4 },
		{ SOL_IP, IP_MULTICAST_TTL, 4 }, { SOL_IP, IP_TTL, 44 },
		{ SOL_IP, IP_MTU, 0 }, { SOL_IP, IP_FREEBIND, 1 },
		{ SOL_IPV6, IPV6_V6ONLY, 1 }, { SOL_IPV6, IPV6_TCLASS, 8 },
		{ SOL_IPV6, IPV6_MTU, 1400 }, { SOL_IPV6, IPV6_DONTFRAG, 1 },
		{ SOL_IPV6, IPV6_AUTOFLOWLABEL, 1 }, { IPPROTO_TCP, 1, 1 },
		{ 9999, 1, 1 },
	};
	size_t i;

	/* Or it drops what the option makes. */
	set_int(t->p.peer, SOL_UDP, NO_CHECK6_RX, 1);
	for (i = 0; i < ARRAY_LEN(o); i++) {
		int value = o[i].value;

		say(t, "%d.%d ", o[i].level, o[i].name);
		say_rc(t, "set", RC(setsockopt(t->p.fd, o[i].level, o[i].name,
					       &value, sizeof(value))));
		say_rc(t, "get", get_int(t->p.fd, o[i].level, o[i].name));
	}
	set_int(t->p.fd, SOL_UDP, UDP_SEGMENT, 0);
	put_id(t, 100, 1, 0);
	say(t, "%ld ", got_id(t));
	give(t, 100, 2);
	say_recv(t, 0);
}

TEST_F(sockets, options)
{
	AS_UDP(seq_options, "1 recv:100.2");
}

/* The receive buffer */

static uint32_t meminfo(int fd, int word)
{
	uint32_t words[MEM_WORDS] = { 0 };
	socklen_t len = sizeof(words);

	if (getsockopt(fd, SOL_SOCKET, SO_MEMINFO, words, &len))
		die("SO_MEMINFO");
	return words[word];
}

/* What a datagram of a given size costs does not depend on what is in it. */
static void seq_rcvbuf(struct twin *t)
{
	int i, got = 0;

	set_int(t->p.fd, SOL_SOCKET, SO_RXQ_OVFL, 1);
	set_int(t->p.fd, SOL_SOCKET, SO_RCVBUF, 30000);
	for (i = 0; i < 200; i++)
		give(t, fitting(t, 600), i);
	settle();
	say(t, "mem:%u drops:%u ", meminfo(t->p.fd, MEM_RMEM_ALLOC),
	    meminfo(t->p.fd, MEM_DROPS));
	while (rx_recv(t->p.fd, &rx, MSG_DONTWAIT) > 0)
		got++;
	say(t, "got:%d ", got);
	/* The next one tells how many were lost before it. */
	give(t, 100, 1);
	say_recvmsg(t, t->p.fd, 1024);
	say(t, "mem:%u ", meminfo(t->p.fd, MEM_RMEM_ALLOC));
}

TEST_F(sockets, full_receive_buffer)
{
	AS_UDP(seq_rcvbuf, "mem:0 ");
}

/* Junk that was dropped counts among what the queue has lost. */
TEST_F(sockets, dropped_records_are_told)
{
	uint8_t control[256], data[100];
	struct iovec iov = { data, sizeof(data) };
	struct msghdr msg = {
		.msg_iov = &iov, .msg_iovlen = 1,
		.msg_control = control, .msg_controllen = sizeof(control),
	};
	struct pair p;
	int i;

	pair_setup(&p, variant->family, variant->cipher);
	set_int(p.fd, SOL_SOCKET, SO_RXQ_OVFL, 1);
	for (i = 0; i < 5; i++)
		feed_raw(&p, "not a record, but long enough for one", 37);
	EXPECT_EQ(-EAGAIN, rx_recv(p.fd, &rx, MSG_DONTWAIT));
	EXPECT_EQ(5, meminfo(p.fd, MEM_DROPS));
	feed_id(&p, 100, 1);
	ASSERT_EQ(100, RC(recvmsg(p.fd, &msg, 0)));
	ASSERT_NE(NULL, CMSG_FIRSTHDR(&msg));
	EXPECT_EQ(SO_RXQ_OVFL, CMSG_FIRSTHDR(&msg)->cmsg_type);
	EXPECT_EQ(5, *(uint32_t *)CMSG_DATA(CMSG_FIRSTHDR(&msg)));
	pair_close(&p);
}

/* One datagram of @count records of @size bytes. */
static void feed_many(struct pair *p, int count, size_t size)
{
	static uint8_t wire[65536];
	uint8_t data[1024];
	size_t n = 0;
	int i;

	for (i = 0; i < count; i++) {
		payload(data, size, i);
		n += oracle_seal(&p->in, DTLS_CT_APPLICATION_DATA, data, size,
				 wire + n);
	}
	feed_raw(p, wire, n);
}

/* Records that were opened and not read yet fill the buffer like datagrams. */
TEST_F(sockets, opened_records_fill_the_receive_buffer)
{
	uint32_t before;
	struct pair p;
	int i, got;

	pair_setup(&p, variant->family, variant->cipher);
	set_int(p.fd, SOL_SOCKET, SO_RCVBUF, 30000);
	feed_many(&p, 200, 10);
	EXPECT_EQ(10, rx_recv(p.fd, &rx, 0));
	EXPECT_LT(60000, meminfo(p.fd, MEM_RMEM_ALLOC));
	before = meminfo(p.fd, MEM_DROPS);
	for (i = 0; i < 100; i++)
		feed_id(&p, 500, i);
	settle();
	EXPECT_LE(90, meminfo(p.fd, MEM_DROPS) - before);
	for (got = 0; rx_recv(p.fd, &rx, MSG_DONTWAIT) > 0; got++)
		;
	EXPECT_LE(199, got);
	EXPECT_EQ(0, meminfo(p.fd, MEM_RMEM_ALLOC));
	EXPECT_TRUE(echoes(&p));
	pair_close(&p);
}

/* The same with those of a train, and those that were only peeked at. */
TEST_F(sockets, peeked_trains_fill_the_receive_buffer)
{
	static uint8_t wire[65536];
	struct pair p;
	size_t n, i;
	int got;

	pair_setup(&p, variant->family, variant->cipher);
	set_int(p.fd, SOL_UDP, UDP_GRO, 1);
	set_int(p.fd, SOL_SOCKET, SO_RCVBUF, 30000);
	for (i = 0, n = 0; i < 40; i++) {
		uint8_t data[100];

		/* Of two sizes in turn: no two of them can be joined. */
		payload(data, sizeof(data), i);
		n += oracle_seal(&p.in, DTLS_CT_APPLICATION_DATA, data,
				 50 + i % 2, wire + n);
		n += oracle_seal(&p.in, DTLS_CT_APPLICATION_DATA, data,
				 51 - i % 2, wire + n);
	}
	ASSERT_EQ(0, feed_train(&p, wire, n, n / 40));
	EXPECT_LT(0, rx_recv(p.fd, &rx, MSG_PEEK));
	EXPECT_LT(30000, meminfo(p.fd, MEM_RMEM_ALLOC));
	for (i = 0; i < 100; i++)
		feed_id(&p, 500, i);
	settle();
	EXPECT_LE(90, meminfo(p.fd, MEM_DROPS));
	for (got = 0; rx_recv(p.fd, &rx, MSG_DONTWAIT) > 0; got++)
		;
	EXPECT_EQ(0, meminfo(p.fd, MEM_RMEM_ALLOC));
	EXPECT_TRUE(echoes(&p));
	pair_close(&p);
}

TEST_HARNESS_MAIN
