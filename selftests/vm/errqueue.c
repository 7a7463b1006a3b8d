// SPDX-License-Identifier: GPL-2.0
/*
 * What comes back: errors that the network reports, the path's MTU, time stamps.
 * The error queue shows what was on the wire, and costs no record.
 */
#include <fcntl.h>
#include <time.h>
#include <linux/errqueue.h>
#include <linux/net_tstamp.h>
#include <netinet/in.h>
#include <netinet/ip_icmp.h>
#include <netinet/icmp6.h>
#include <netinet/ip6.h>
#include <netinet/udp.h>
#include <sched.h>
#include <unistd.h>

#include "harness.h"
#include "twin.h"

#ifndef SCM_TIMESTAMPING
#define SCM_TIMESTAMPING	SO_TIMESTAMPING
#endif

TWIN_FIXTURE(errqueue, VARIANTS_OF_FAMILIES);

static void recverr(const struct twin *t, int value)
{
	set_ip(t, t->p.fd, IP_RECVERR, IPV6_RECVERR, value);
}

static bool is_recverr(const struct cmsghdr *c)
{
	return (c->cmsg_level == SOL_IP && c->cmsg_type == IP_RECVERR) ||
	       (c->cmsg_level == SOL_IPV6 && c->cmsg_type == IPV6_RECVERR);
}

/* Sizes of payload, for both twins the same. */
static long payload_of(const struct twin *t, long n)
{
	return t->kdtls && n >= (long)oracle_overhead(&t->p.out) ?
	       n - (long)oracle_overhead(&t->p.out) : n;
}

static void say_error(struct twin *t, const struct cmsghdr *c)
{
	const struct sock_extended_err *ee = (void *)CMSG_DATA(c);
	const struct sockaddr *from = SO_EE_OFFENDER(ee);

	say(t, "errno:%u origin:%u type:%u code:%u info:%u data:%u from:%u ",
	    ee->ee_errno, ee->ee_origin, ee->ee_type, ee->ee_code, ee->ee_info,
	    ee->ee_data, from->sa_family);
}

/* One message of the error queue; its payload must not be there in the clear. */
static void say_errqueue(struct twin *t, const void *secret)
{
	uint8_t data[4096], control[512];
	struct iovec iov = { data, sizeof(data) };
	struct msghdr msg = {
		.msg_iov = &iov, .msg_iovlen = 1,
		.msg_control = control, .msg_controllen = sizeof(control),
	};
	struct cmsghdr *c;
	long n;

	settle();
	n = RC(recvmsg(t->p.fd, &msg, MSG_ERRQUEUE | MSG_DONTWAIT));
	say_rc(t, "errqueue", payload_of(t, n));
	if (n < 0)
		return;
	say(t, "flags:%x ", msg.msg_flags);
	if (t->kdtls && n && memmem(data, n, secret, 10))
		say(t, "in the clear ");
	for (c = CMSG_FIRSTHDR(&msg); c; c = CMSG_NXTHDR(&msg, c))
		if (is_recverr(c))
			say_error(t, c);
		else
			say(t, "%d.%d ", c->cmsg_level, c->cmsg_type);
}

static void hang_up(struct twin *t)
{
	close(t->p.peer);
	t->p.peer = -1;
}

/* Wait for the error that the last send brought. */
static void wait_error(struct twin *t)
{
	say(t, "%d ", !!(poll_in(t->p.fd, WAIT_MS) & POLLERR));
}

/* Nobody listens */

/* Without IP_RECVERR the next call is told, whatever it is, and only it. */
static void seq_unreachable(struct twin *t)
{
	give(t, 100, 1);
	give(t, 100, 2);
	settle();
	hang_up(t);
	say_rc(t, "send", put_id(t, 100, 1, 0));
	wait_error(t);
	say_poll(t);
	say_rc(t, "send", put_id(t, 100, 2, 0));
	say_recv(t, MSG_DONTWAIT | MSG_PEEK);
	say_rc(t, "send", put_id(t, 100, 3, 0));
	wait_error(t);
	say_rc(t, "SO_ERROR", get_int(t->p.fd, SOL_SOCKET, SO_ERROR));
	say_recv(t, MSG_DONTWAIT);
	say_rc(t, "send", put_id(t, 100, 3, 0));
	wait_error(t);
	say_recv(t, MSG_DONTWAIT);
	say_recv(t, MSG_DONTWAIT);
	say_recv(t, MSG_DONTWAIT);
	say_errqueue(t, "");
}

TEST_F(errqueue, unreachable)
{
	AS_UDP(seq_unreachable, "recv:ECONNREFUSED recv:100.2 ");
}

/* With it there is the error queue, too. It does not cost a datagram. */
static void seq_recverr(struct twin *t)
{
	recverr(t, 1);
	give(t, 100, 1);
	give(t, 100, 2);
	settle();
	hang_up(t);
	say_rc(t, "send", RC(send(t->p.fd, "0123456789", 10, 0)));
	wait_error(t);
	say_poll(t);
	say_recv(t, MSG_DONTWAIT);
	say_errqueue(t, "0123456789");
	say_errqueue(t, "0123456789");
	say_poll(t);
	say_recv(t, MSG_DONTWAIT | MSG_PEEK);
	say_recv(t, MSG_DONTWAIT);
	say_recv(t, MSG_DONTWAIT);
	say_recv(t, MSG_DONTWAIT);
}

TEST_F(errqueue, recverr)
{
	AS_UDP(seq_recverr, "errqueue:10 flags:2000 errno:111 origin:");
}

/* To look there changes nothing of what was received. */
TEST_F(errqueue, reading_it_opens_nothing)
{
	static struct twin t;
	struct dtls_info before, after;

	t.kdtls = true;
	pair_setup(&t.p, variant->family, variant->cipher);
	recverr(&t, 1);
	give(&t, 100, 1);
	settle();
	hang_up(&t);
	put_id(&t, 100, 1, 0);
	wait_error(&t);
	before = dtls_info(t.p.fd);
	say_errqueue(&t, "0123456789");
	say_errqueue(&t, "0123456789");
	after = dtls_info(t.p.fd);
	EXPECT_EQ(0, memcmp(&before, &after, sizeof(before)));
	EXPECT_EQ(0, after.rx_records);
	pair_close(&t.p);
}

/* Small buffers, truncation, no buffers at all */
static void seq_errqueue_truncated(struct twin *t)
{
	uint8_t data[8];
	struct iovec iov = { data, sizeof(data) };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	int i;

	recverr(t, 1);
	hang_up(t);
	for (i = 0; i < 3; i++) {
		say_rc(t, "send", put_id(t, 100, 1, 0));
		wait_error(t);
		say_rc(t, "errqueue", RC(recvmsg(t->p.fd, &msg, MSG_ERRQUEUE)));
		say(t, "%x ", msg.msg_flags);
		iov.iov_len -= 4;
		say_recv(t, MSG_DONTWAIT);
		if (i == 1)
			iov = (struct iovec){ (void *)8, 8 };
	}
}

TEST_F(errqueue, truncated)
{
	AS_UDP(seq_errqueue_truncated, "errqueue:8 2028");
}

/* recvmmsg() that meets an error after a message tells the next call. */
static void seq_recvmmsg_error(struct twin *t)
{
	struct mmsghdr mm[3] = { 0 };
	static uint8_t data[3][200];
	struct iovec iov[3];
	int i;

	for (i = 0; i < 3; i++) {
		iov[i] = (struct iovec){ data[i], 200 };
		mm[i].msg_hdr.msg_iov = &iov[i];
		mm[i].msg_hdr.msg_iovlen = 1;
	}
	give(t, 100, 1);
	settle();
	hang_up(t);
	put_id(t, 100, 1, 0);
	wait_error(t);
	for (i = 0; i < 4; i++)
		say_rc(t, "recvmmsg", RC(recvmmsg(t->p.fd, mm, 3, MSG_DONTWAIT,
						  NULL)));
}

TEST_F(errqueue, recvmmsg)
{
	AS_UDP(seq_recvmmsg_error, "recvmmsg:ECONNREFUSED");
}

/* The path's MTU */

static void say_mtu(struct twin *t)
{
	int headers = t->p.family == IPV6 ? 48 : 28;
	int mtu = t->p.family == IPV6 ? get_int(t->p.fd, SOL_IPV6, IPV6_MTU) :
					get_int(t->p.fd, SOL_IP, IP_MTU);

	say_rc(t, "mtu", mtu);
	/* What DTLS_INFO tells is what fits that. */
	if (t->kdtls && dtls_info(t->p.fd).max_payload !=
			mtu - headers - oracle_overhead(&t->p.out))
		say(t, "max_payload:%u ", dtls_info(t->p.fd).max_payload);
}

/* A datagram of @n bytes of UDP payload. */
static void say_put(struct twin *t, size_t n)
{
	long rc = put_id(t, fitting(t, n), 9, MSG_DONTWAIT);

	say_rc(t, "send", rc < 0 ? rc : payload_of(t, n) == rc);
}

static void seq_own_mtu(struct twin *t)
{
	int room = t->p.family == IPV6 ? 1500 - 48 : 1500 - 28, mode;

	recverr(t, 1);
	say_mtu(t);
	for (mode = IP_PMTUDISC_DONT; mode <= IP_PMTUDISC_INTERFACE + 1; mode++) {
		set_ip(t, t->p.fd, IP_MTU_DISCOVER, IPV6_MTU_DISCOVER, mode);
		say(t, "mode:%d ", mode);
		say_put(t, room);
		say_put(t, room + 1);
		say_put(t, 4000);
		say_poll(t);
		say_errqueue(t, "");
		say_errqueue(t, "");
		say_errqueue(t, "");
	}
}

TEST_F(errqueue, mtu_of_the_device)
{
	netns_enter();
	lo_mtu(1500);
	AS_UDP(seq_own_mtu, "mtu:1500 mode:0 ");
}

static uint16_t ip_sum(const void *data, size_t n)
{
	const uint16_t *p = data;
	uint32_t sum = 0;

	for (; n > 1; n -= 2)
		sum += *p++;
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return ~sum;
}

/* The headers of a datagram of @fd's, as somebody on the way sends it back. */
static size_t quote4(struct twin *t, uint8_t *out)
{
	struct sockaddr_storage near, far;
	struct iphdr *ip = (void *)out;
	struct udphdr *udp = (void *)(ip + 1);

	near_address(IPV4, 0, &near);
	far_address(IPV4, 0, &far);
	*ip = (struct iphdr){
		.version = 4, .ihl = 5, .tot_len = htons(1500),
		.frag_off = htons(0x4000), .ttl = 60, .protocol = IPPROTO_UDP,
		.saddr = ((struct sockaddr_in *)&near)->sin_addr.s_addr,
		.daddr = ((struct sockaddr_in *)&far)->sin_addr.s_addr,
	};
	ip->check = ip_sum(ip, sizeof(*ip));
	*udp = (struct udphdr){
		.source = htons(local_port(t->p.fd)),
		.dest = htons(local_port(t->p.peer)),
		.len = htons(1480),
	};
	return sizeof(*ip) + sizeof(*udp);
}

static size_t quote6(struct twin *t, uint8_t *out)
{
	struct sockaddr_storage near, far;
	struct ip6_hdr *ip = (void *)out;
	struct udphdr *udp = (void *)(ip + 1);

	near_address(IPV6, 0, &near);
	far_address(IPV6, 0, &far);
	memset(ip, 0, sizeof(*ip));
	ip->ip6_vfc = 0x60;
	ip->ip6_plen = htons(1460);
	ip->ip6_nxt = IPPROTO_UDP;
	ip->ip6_hlim = 60;
	ip->ip6_src = ((struct sockaddr_in6 *)&near)->sin6_addr;
	ip->ip6_dst = ((struct sockaddr_in6 *)&far)->sin6_addr;
	*udp = (struct udphdr){
		.source = htons(local_port(t->p.fd)),
		.dest = htons(local_port(t->p.peer)),
		.len = htons(1460),
	};
	return sizeof(*ip) + sizeof(*udp);
}

/* "Fragmentation needed", "packet too big": sent from the namespace @far. */
static void too_big(struct twin *t, int far, int mtu)
{
	bool v6 = t->p.family == IPV6;
	int fd = -1, home = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	struct icmp6_hdr icmp6 = { .icmp6_type = ICMP6_PACKET_TOO_BIG };
	struct icmphdr icmp = { .type = ICMP_DEST_UNREACH,
				.code = ICMP_FRAG_NEEDED };
	struct sockaddr_storage to;
	socklen_t len = near_address(v6 ? IPV6 : IPV4, 0, &to);
	uint8_t packet[8 + 128];
	size_t n;

	if (home < 0 || setns(far, CLONE_NEWNET))
		die("setns");
	fd = socket(v6 ? AF_INET6 : AF_INET, SOCK_RAW | SOCK_CLOEXEC,
		    v6 ? IPPROTO_ICMPV6 : IPPROTO_ICMP);
	if (fd < 0 || setns(home, CLONE_NEWNET))
		die("raw socket");
	n = 8 + (v6 ? quote6(t, packet + 8) : quote4(t, packet + 8));
	icmp6.icmp6_mtu = htonl(mtu);
	icmp.un.frag.mtu = htons(mtu);
	memcpy(packet, v6 ? (void *)&icmp6 : (void *)&icmp, 8);
	if (!v6) {
		icmp.checksum = ip_sum(packet, n);
		memcpy(packet, &icmp, 8);
	}
	if (sendto(fd, packet, n, 0, (void *)&to, len) != (ssize_t)n)
		die("ICMP");
	close(fd);
	close(home);
}

static int far_ns;

/* The first datagrams of a path wait until its neighbour is known. */
static void warm_up(struct twin *t)
{
	uint8_t data[100];

	put_id(t, 50, 1, 0);
	if (RC(recv(t->p.peer, data, sizeof(data), 0)) <= 0)
		die("nothing comes over veth");
}

static void seq_path_mtu(struct twin *t)
{
	twin_over_veth(t, far_ns);
	set_ip(t, t->p.fd, IP_MTU_DISCOVER, IPV6_MTU_DISCOVER, IP_PMTUDISC_DO);
	recverr(t, 1);
	warm_up(t);
	say_mtu(t);
	say_put(t, 1400);
	too_big(t, far_ns, 1300);
	wait_error(t);
	say_mtu(t);
	/* The call is told, the queue keeps it, and the next datagrams fit. */
	say_put(t, 1400);
	say_errqueue(t, "");
	say_errqueue(t, "");
	say_errqueue(t, "");
	say_put(t, 1300 - 48);
	say_put(t, 1300 - 27);
	set_ip(t, t->p.fd, IP_MTU_DISCOVER, IPV6_MTU_DISCOVER,
	       IP_PMTUDISC_PROBE);
	say_put(t, 1400);
	set_ip(t, t->p.fd, IP_MTU_DISCOVER, IPV6_MTU_DISCOVER,
	       IP_PMTUDISC_WANT);
	say_put(t, 1400);
	say_mtu(t);
	/* Both twins begin with a path that nobody has complained about. */
	command("ip route flush cache; ip -6 route flush cache");
}

TEST_F(errqueue, mtu_of_the_path)
{
	if (!veth_open_far(&far_ns))
		SKIP(return, "no veth");
	AS_UDP(seq_path_mtu, "mtu:1500 send:1 1 mtu:1300 ");
}

/* A train whose segments do not fit the path any more is refused as a whole. */
static void seq_path_mtu_train(struct twin *t)
{
	static uint8_t data[6000];
	uint8_t got[2000];
	int i, came = 0;

	twin_over_veth(t, far_ns);
	recverr(t, 1);
	set_ip(t, t->p.fd, IP_MTU_DISCOVER, IPV6_MTU_DISCOVER, IP_PMTUDISC_DO);
	warm_up(t);
	too_big(t, far_ns, 1300);
	wait_error(t);
	say_errqueue(t, "");
	say_recv(t, MSG_DONTWAIT);
	say_rc(t, "train", send_train(t->p.fd, data, 4 * fitting(t, 1400),
				      fitting(t, 1400)) < 0);
	i = send_train(t->p.fd, data, 4 * fitting(t, 1200), fitting(t, 1200));
	say_rc(t, "train", i < 0 ? i : i == 4 * (int)fitting(t, 1200));
	while (came < 4 && RC(recv(t->p.peer, got, sizeof(got), 0)) == 1200)
		came++;
	say(t, "came:%d ", came);
	command("ip route flush cache; ip -6 route flush cache");
}

TEST_F(errqueue, train_on_the_path)
{
	if (!veth_open_far(&far_ns))
		SKIP(return, "no veth");
	AS_UDP(seq_path_mtu_train, "train:1 train:1 came:4");
}

/* A route that knows better: "mtu lock" */
static void seq_locked_mtu(struct twin *t)
{
	twin_over_veth(t, far_ns);
	recverr(t, 1);
	warm_up(t);
	say_mtu(t);
	say_put(t, 1350);
	set_ip(t, t->p.fd, IP_MTU_DISCOVER, IPV6_MTU_DISCOVER, IP_PMTUDISC_DO);
	say_put(t, 1300 - 48);
	say_put(t, 1350);
	say_errqueue(t, "");
}

TEST_F(errqueue, mtu_of_the_route)
{
	if (!veth_open_far(&far_ns))
		SKIP(return, "no veth");
	if (command("ip route add " FAR4 "/32 dev veth0 mtu lock 1300") ||
	    command("ip route add " FAR6 "/128 dev veth0 mtu lock 1300"))
		die("ip route");
	AS_UDP(seq_locked_mtu, "mtu:1300 send:1 ");
}

/* Time stamps */

static void stamping(struct twin *t, int flags)
{
	set_int(t->p.fd, SOL_SOCKET, SO_TIMESTAMPING, flags);
}

/* A stamp of about now, or what is wrong with it. */
static const char *judge(const struct cmsghdr *c, time_t begin)
{
	const struct timespec *ts = (void *)CMSG_DATA(c);

	if (c->cmsg_len != CMSG_LEN(3 * sizeof(*ts)))
		return "size";
	if (ts[0].tv_sec < begin - 1 || ts[0].tv_sec > time(NULL) + 1)
		return "time";
	return "good";
}

static void say_stamps(struct twin *t, int flags)
{
	uint8_t data[4096], control[512];
	struct iovec iov = { data, sizeof(data) };
	struct msghdr msg = {
		.msg_iov = &iov, .msg_iovlen = 1,
		.msg_control = control, .msg_controllen = sizeof(control),
	};
	time_t begin = time(NULL) - WAIT_MS / 1000;
	struct cmsghdr *c;
	long n;

	settle();
	n = RC(recvmsg(t->p.fd, &msg, flags | MSG_DONTWAIT));
	if (n < 0) {
		say_rc(t, "stamp", n);
		return;
	}
	say(t, "stamp:%ld ", flags & MSG_ERRQUEUE ? payload_of(t, n) : n);
	if (t->kdtls && memmem(data, n, "SECRET", 6) && flags & MSG_ERRQUEUE)
		say(t, "in the clear ");
	for (c = CMSG_FIRSTHDR(&msg); c; c = CMSG_NXTHDR(&msg, c))
		if (is_recverr(c))
			say_error(t, c);
		else if (c->cmsg_level == SOL_SOCKET &&
			 c->cmsg_type == SCM_TIMESTAMPING)
			say(t, "%s ", judge(c, begin));
		else
			say(t, "%d.%d ", c->cmsg_level, c->cmsg_type);
}

static void seq_rx_stamps(struct twin *t)
{
	stamping(t, SOF_TIMESTAMPING_RX_SOFTWARE |
		 SOF_TIMESTAMPING_SOFTWARE);
	give(t, 100, 1);
	give(t, 100, 2);
	say_stamps(t, MSG_PEEK);
	say_stamps(t, 0);
	stamping(t, 0);
	say_stamps(t, 0);
}

/*
 * The kernel begins to stamp some time after the first socket that asks for it,
 * and goes on as long as there is one.
 */
static void wait_for_stamps(void)
{
	uint64_t end = now_ms() + WAIT_MS;
	static struct twin t;

	pair_open(&t.p, IPV4, DTLS_CIPHER_AES_GCM_128);
	stamping(&t, SOF_TIMESTAMPING_RX_SOFTWARE | SOF_TIMESTAMPING_SOFTWARE);
	do {
		t.at = 0;
		give(&t, 100, 1);
		say_stamps(&t, 0);
		if (now_ms() > end)
			die("no time stamps");
	} while (!strstr(t.text, "good"));
}

TEST_F(errqueue, stamps_of_what_was_received)
{
	wait_for_stamps();
	AS_UDP(seq_rx_stamps, "stamp:100 good stamp:100 good stamp:100 ");
}

/* SO_TIMESTAMP in its four forms */
static void seq_old_stamps(struct twin *t)
{
	static const int options[] = { SO_TIMESTAMP, SO_TIMESTAMPNS, 63, 64 };
	size_t i;

	for (i = 0; i < ARRAY_LEN(options); i++) {
		set_int(t->p.fd, SOL_SOCKET, options[i], 1);
		give(t, 100, 1);
		say_stamps(t, 0);
		set_int(t->p.fd, SOL_SOCKET, options[i], 0);
	}
	give(t, 100, 1);
	say_stamps(t, 0);
}

TEST_F(errqueue, stamps_in_other_forms)
{
	AS_UDP(seq_old_stamps, "stamp:100 1.29 stamp:100 1.35 stamp:100 1.63 stamp:100 1.64");
}

#define TX_STAMPS	(SOF_TIMESTAMPING_TX_SOFTWARE |			\
			 SOF_TIMESTAMPING_TX_SCHED |			\
			 SOF_TIMESTAMPING_SOFTWARE | SOF_TIMESTAMPING_OPT_ID)

/* Of each call two stamps, and the number of the call. */
static void tx_stamps(struct twin *t, int flags)
{
	static const uint8_t data[500] = "SECRET";
	int i;

	stamping(t, flags);
	for (i = 0; i < 2; i++)
		say_rc(t, "send", RC(send(t->p.fd, data, 100, 0)));
	say_rc(t, "train", send_train(t->p.fd, data, 500, 100));
	for (i = 0; i < 8; i++)
		say_stamps(t, MSG_ERRQUEUE);
	say_poll(t);
	say_recv(t, MSG_DONTWAIT);
}

static void seq_tx_stamps(struct twin *t)
{
	tx_stamps(t, TX_STAMPS | SOF_TIMESTAMPING_OPT_TSONLY);
}

TEST_F(errqueue, stamps_of_what_was_sent)
{
	AS_UDP(seq_tx_stamps, "stamp:0 good errno:42 origin:4");
}

/* With the datagram: it is the one of the wire. */
static void seq_tx_stamps_with_data(struct twin *t)
{
	stamping(t, TX_STAMPS);
	say_rc(t, "send", RC(send(t->p.fd, "SECRET7890", 10, 0)));
	say_stamps(t, MSG_ERRQUEUE);
	say_stamps(t, MSG_ERRQUEUE);
	say_stamps(t, MSG_ERRQUEUE);
}

TEST_F(errqueue, stamps_with_the_datagram)
{
	AS_UDP(seq_tx_stamps_with_data, "good errno:42 origin:4");
}

/* Asked for by a control message, of one call only */
static void seq_tx_stamps_cmsg(struct twin *t)
{
	struct cbuf c = { .len = 0 };
	uint32_t flags = SOF_TIMESTAMPING_TX_SOFTWARE;

	stamping(t, SOF_TIMESTAMPING_SOFTWARE |
		 SOF_TIMESTAMPING_OPT_ID | SOF_TIMESTAMPING_OPT_TSONLY |
		 SOF_TIMESTAMPING_OPT_CMSG);
	cbuf_add(&c, SOL_SOCKET, SO_TIMESTAMPING, &flags, sizeof(flags));
	put_id(t, 50, 1, 0);
	say_rc(t, "send", send_cmsg(t->p.fd, "SECRET7890", 10, &c, 0));
	put_id(t, 50, 1, 0);
	say_stamps(t, MSG_ERRQUEUE);
	say_stamps(t, MSG_ERRQUEUE);
}

TEST_F(errqueue, stamps_by_control_message)
{
	AS_UDP(seq_tx_stamps_cmsg, "stamp:0 ");
}

/* Sending at a time */

static void txtime(struct twin *t, int flags)
{
	struct { int clockid; uint32_t flags; } conf = { CLOCK_TAI, flags };

	say_rc(t, "SO_TXTIME", RC(setsockopt(t->p.fd, SOL_SOCKET, SO_TXTIME,
					     &conf, sizeof(conf))));
}

static long send_at(struct twin *t, int64_t from_now_ms)
{
	struct cbuf c = { .len = 0 };
	struct timespec ts;
	uint64_t when;

	clock_gettime(CLOCK_TAI, &ts);
	when = ts.tv_sec * 1000000000ULL + ts.tv_nsec + from_now_ms * 1000000;
	cbuf_add(&c, SOL_SOCKET, SCM_TXTIME, &when, sizeof(when));
	return send_cmsg(t->p.fd, "SECRET7890", 10, &c, 0);
}

#define ETF	"tc qdisc replace dev veth0 root etf clockid CLOCK_TAI delta 300000000 skip_sock_check 2>/dev/null"
#define NO_ETF	"tc qdisc del dev veth0 root"

/*
 * What etf sends in time, which is up to the delta early, and what it reports as
 * too late.
 */
static void seq_txtime(struct twin *t)
{
	uint8_t data[100];

	twin_over_veth(t, far_ns);
	/* Only now: what has no time does not pass, such as who has an address. */
	warm_up(t);
	if (command(ETF))
		die("etf");
	txtime(t, 2);
	recverr(t, 1);
	say_rc(t, "sendmsg", send_at(t, 1000));
	say_rc(t, "came", payload_of(t, RC(recv(t->p.peer, data, 100, 0))));
	say_rc(t, "sendmsg", send_at(t, -1000));
	say(t, "%d ", !!(poll_in(t->p.fd, WAIT_MS) & POLLERR));
	say_rc(t, "SO_ERROR", get_int(t->p.fd, SOL_SOCKET, SO_ERROR) > 0);
	command(NO_ETF);
}

TEST_F(errqueue, txtime)
{
	if (!veth_open_far(&far_ns))
		SKIP(return, "no veth");
	if (command("modprobe -q sch_etf; " ETF) || command(NO_ETF))
		SKIP(return, "no etf");
	AS_UDP(seq_txtime, "SO_TXTIME:0 sendmsg:10 came:10 ");
}

/* Without such a queue the time is taken and nothing comes of it. */
static void seq_txtime_alone(struct twin *t)
{
	struct cbuf c = { .len = 0 };
	uint64_t when = 1;

	cbuf_add(&c, SOL_SOCKET, SCM_TXTIME, &when, sizeof(when));
	say_rc(t, "sendmsg", send_cmsg(t->p.fd, "0123456789", 10, &c, 0));
	txtime(t, 2);
	txtime(t, 64);
	say_rc(t, "sendmsg", send_cmsg(t->p.fd, "0123456789", 10, &c, 0));
	c.len = 0;
	cbuf_add(&c, SOL_SOCKET, SCM_TXTIME, &when, 4);
	say_rc(t, "sendmsg", send_cmsg(t->p.fd, "0123456789", 10, &c, 0));
}

TEST_F(errqueue, txtime_alone)
{
	AS_UDP(seq_txtime_alone, "SO_TXTIME:0");
}

TEST_HARNESS_MAIN
