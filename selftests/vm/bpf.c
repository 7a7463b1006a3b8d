// SPDX-License-Identifier: GPL-2.0
/*
 * Who else has a say in what goes and comes: programs of the socket's cgroup,
 * filters of the socket. They see records, and what they refuse is refused.
 */
#include <linux/filter.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <unistd.h>

#include "bpf.h"
#include "harness.h"
#include "twin.h"

#define SKB	BPF_PROG_TYPE_CGROUP_SKB
#define ADDR	BPF_PROG_TYPE_CGROUP_SOCK_ADDR
#define SOCKOPT	BPF_PROG_TYPE_CGROUP_SOCKOPT
#define EGRESS	BPF_CGROUP_INET_EGRESS
#define INGRESS	BPF_CGROUP_INET_INGRESS

static struct rx rx;
static int cgroup = -1;

FIXTURE(bpf) {
	int nothing;
};

FIXTURE_VARIANT(bpf) {
	uint16_t cipher;
	enum family family;
};

VARIANTS_OF_FAMILIES(bpf);

FIXTURE_SETUP(bpf)
{
	cgroup = cgroup_enter();
	if (cgroup < 0)
		SKIP(return, "no cgroups");
}

FIXTURE_TEARDOWN(bpf)
{
	if (cgroup >= 0)
		cgroup_leave(cgroup);
}

static void attach(int prog, int type)
{
	int err = cgroup_attach(cgroup, prog, type);

	if (err)
		die("BPF_PROG_ATTACH: %s", strerror(-err));
}

static void detach(int prog, int type)
{
	if (cgroup_detach(cgroup, prog, type))
		die("BPF_PROG_DETACH");
	close(prog);
}

/* Programs of the cgroup that see datagrams */

static void seq_egress(struct twin *t)
{
	int prog = bpf_load_return(SKB, EGRESS, 0);
	static uint8_t data[300];

	put_id(t, 100, 1, 0);
	attach(prog, EGRESS);
	say_rc(t, "send", put_id(t, 100, 2, 0));
	say_rc(t, "train", send_train(t->p.fd, data, 300, 100));
	say_rc(t, "send", put_id(t, 100, 3, MSG_DONTWAIT));
	detach(prog, EGRESS);
	say_rc(t, "send", put_id(t, 100, 4, 0));
	say(t, "%ld ", got_id(t));
	say(t, "%ld ", got_id(t));
	say(t, "%d ", quiet(t->p.peer));
}

TEST_F(bpf, egress)
{
	AS_UDP(seq_egress, "send:EPERM train:EPERM send:EPERM send:100 1 4 1");
}

/* A number that was refused on its way out is not used again. */
TEST_F(bpf, refused_numbers_are_gone)
{
	int prog = bpf_load_return(SKB, EGRESS, 0);
	struct stats before;
	uint8_t data[300];
	struct record r;
	struct pair p;
	uint64_t first;

	pair_setup(&p, variant->family, variant->cipher);
	first = p.out.seq;
	stats_read(&before);
	attach(prog, EGRESS);
	EXPECT_EQ(-EPERM, RC(send(p.fd, "abcd", 4, 0)));
	train_payload(data, 3, 100, 100, 0);
	EXPECT_EQ(-EPERM, send_train(p.fd, data, 300, 100));
	EXPECT_EQ(-EPERM, send_alert(p.fd, 1, 90));
	detach(prog, EGRESS);
	EXPECT_STREQ("TxErrors+5", stats_since_of(&before, "Tx"));
	EXPECT_EQ(first + 5, dtls_info(p.fd).tx_seq);
	EXPECT_EQ(0, dtls_info(p.fd).tx_records);
	EXPECT_EQ(4, send(p.fd, "efgh", 4, 0));
	ASSERT_EQ(0, take(&p, &r));
	EXPECT_EQ(first + 5, r.seq);
	if (oracle_explicit_len(&p.out))
		EXPECT_EQ(p.out.nonce + 5, r.nonce);
	EXPECT_EQ(0, memcmp(r.data, "efgh", 4));
	EXPECT_TRUE(quiet(p.peer));
	pair_close(&p);
}

/* A close_notify that did not go out has not closed anything. */
TEST_F(bpf, refused_close_notify)
{
	int prog = bpf_load_return(SKB, EGRESS, 0);
	struct pair p;

	pair_setup(&p, variant->family, variant->cipher);
	attach(prog, EGRESS);
	EXPECT_EQ(-EPERM, send_alert(p.fd, 1, 0));
	detach(prog, EGRESS);
	EXPECT_EQ(0, dtls_info(p.fd).state & DTLS_STATE_CLOSED);
	p.out.seq++;
	EXPECT_TRUE(echoes(&p));
	EXPECT_EQ(2, send_alert(p.fd, 1, 0));
	EXPECT_EQ(-EPIPE, RC(send(p.fd, "abcd", 4, 0)));
	pair_close(&p);
}

/*
 * Lets pass what begins with @byte behind the headers of IP and UDP. On an IPv6
 * socket there are those of IPv4 if that is what goes out.
 */
static int load_look(enum family family, int attach_type, int byte)
{
	int at = family == IPV6 ? 48 : 28;
	const struct bpf_insn insns[] = {
		MOV_IMM(2, at),
		MOV_REG(3, 10),
		ADD_IMM(3, -8),
		MOV_IMM(4, 1),
		CALL(BPF_FUNC_skb_load_bytes),
		JUMP_NE(0, 0, 3),
		LOAD(BPF_B, 1, 10, -8),
		MOV_IMM(0, 1),
		JUMP_EQ(1, byte, 1),
		MOV_IMM(0, 0),
		RETURN(),
	};

	return BPF_LOAD(SKB, attach_type, insns);
}

TEST_F(bpf, egress_sees_records)
{
	int prog = load_look(variant->family, EGRESS, DTLS_CT_APPLICATION_DATA);
	struct pair p, plain;
	uint8_t data[300];

	pair_setup(&p, variant->family, variant->cipher);
	pair_open(&plain, variant->family, variant->cipher);
	attach(prog, EGRESS);
	EXPECT_EQ(4, RC(send(p.fd, "abcd", 4, 0)));
	EXPECT_EQ(-EPERM, RC(send(plain.fd, "abcd", 4, 0)));
	train_payload(data, 3, 100, 100, 0);
	EXPECT_EQ(300, send_train(p.fd, data, 300, 100));
	EXPECT_EQ(-EPERM, send_type(p.fd, DTLS_CT_HANDSHAKE, "abcd", 4));
	detach(prog, EGRESS);
	pair_close(&plain);
	pair_close(&p);
}

/* A datagram that the cgroup does not want never was there. */
static void seq_ingress(struct twin *t)
{
	int prog = bpf_load_return(SKB, INGRESS, 0);

	give(t, 100, 1);
	settle();
	attach(prog, INGRESS);
	give(t, 100, 2);
	give(t, 100, 3);
	settle();
	detach(prog, INGRESS);
	give(t, 100, 4);
	say_recv(t, 0);
	say_recv(t, MSG_DONTWAIT);
	say_recv(t, MSG_DONTWAIT);
}

TEST_F(bpf, ingress)
{
	struct stats before;

	stats_read(&before);
	AS_UDP(seq_ingress, "recv:100.1 recv:100.4 recv:EAGAIN");
	EXPECT_STREQ("", stats_since_of(&before, "RxDrop"));
}

TEST_F(bpf, ingress_sees_records)
{
	int prog = load_look(variant->family, INGRESS, DTLS_CT_APPLICATION_DATA);
	struct stats before;
	struct pair p;

	pair_setup(&p, variant->family, variant->cipher);
	stats_read(&before);
	attach(prog, INGRESS);
	feed_raw(&p, "not a record, but long enough for one", 37);
	feed_id(&p, 100, 1);
	EXPECT_STREQ("1", recv_ids(p.fd, 1));
	EXPECT_STREQ("", stats_since_of(&before, "RxDrop"));
	detach(prog, INGRESS);
	pair_close(&p);
}

/* Lets pass what has the given word in @offset of its context. */
static int load_word(int offset, int value)
{
	const struct bpf_insn insns[] = {
		LOAD(BPF_W, 1, 1, offset),
		MOV_IMM(0, 1),
		JUMP_EQ(1, value, 1),
		MOV_IMM(0, 0),
		RETURN(),
	};

	return BPF_LOAD(SKB, EGRESS, insns);
}

static void seq_priority(struct twin *t)
{
	int prog = load_word(offsetof(struct __sk_buff, priority), 5);

	attach(prog, EGRESS);
	say_rc(t, "send", put_id(t, 100, 1, 0));
	set_int(t->p.fd, SOL_SOCKET, SO_PRIORITY, 5);
	say_rc(t, "send", put_id(t, 100, 2, 0));
	detach(prog, EGRESS);
	prog = load_word(offsetof(struct __sk_buff, mark), 77);
	attach(prog, EGRESS);
	say_rc(t, "send", put_id(t, 100, 3, 0));
	set_int(t->p.fd, SOL_SOCKET, SO_MARK, 77);
	say_rc(t, "send", put_id(t, 100, 4, 0));
	detach(prog, EGRESS);
	say(t, "%ld ", got_id(t));
	say(t, "%ld ", got_id(t));
}

TEST_F(bpf, priority_and_mark)
{
	AS_UDP(seq_priority, "send:EPERM send:100 send:EPERM send:100 2 4");
}

/* Programs that see addresses */

static int sendmsg_hook(enum family family)
{
	return family == IPV4 ? BPF_CGROUP_UDP4_SENDMSG : BPF_CGROUP_UDP6_SENDMSG;
}

static int recvmsg_hook(enum family family)
{
	return family == IPV4 ? BPF_CGROUP_UDP4_RECVMSG : BPF_CGROUP_UDP6_RECVMSG;
}

/* Of a connected socket's datagrams it is not asked. */
static void seq_sendmsg(struct twin *t)
{
	int hook = sendmsg_hook(t->p.family);
	int prog = bpf_load_return(ADDR, hook, 0);

	attach(prog, hook);
	say_rc(t, "send", put_id(t, 100, 1, 0));
	say(t, "%ld ", got_id(t));
	detach(prog, hook);
}

TEST_F(bpf, sendmsg)
{
	AS_UDP(seq_sendmsg, "send:100 1 ");
}

/* Puts another port into the address. */
static int load_port(int hook, uint16_t port)
{
	const struct bpf_insn insns[] = {
		MOV_IMM(2, htons(port)),
		STORE(BPF_W, 1, offsetof(struct bpf_sock_addr, user_port), 2),
		MOV_IMM(0, 1),
		RETURN(),
	};

	return BPF_LOAD(ADDR, hook, insns);
}

/* A session's records are its peer's, wherever the cgroup would send them. */
TEST_F(bpf, sendmsg_elsewhere)
{
	int hook = sendmsg_hook(variant->family), prog;
	struct sockaddr_storage addr;
	struct pair p, other;
	socklen_t len;
	long rc;

	pair_setup(&p, variant->family, variant->cipher);
	pair_open(&other, variant->family, variant->cipher);
	prog = load_port(hook, local_port(other.peer));
	attach(prog, hook);
	len = loopback(variant->family, local_port(p.peer), &addr);
	rc = RC(sendto(p.fd, "abcd", 4, 0, (void *)&addr, len));
	EXPECT_TRUE(rc == 4 || rc < 0);
	EXPECT_TRUE(quiet(other.peer));
	detach(prog, hook);
	pair_close(&other);
	pair_close(&p);
}

/* The address that a receive call tells is as the cgroup wants it. */
static void seq_recvmsg(struct twin *t)
{
	int hook = recvmsg_hook(t->p.family), prog = load_port(hook, 4711), i;

	attach(prog, hook);
	for (i = 0; i < 3; i++) {
		give(t, 100, i);
		if (i == 2)
			detach(prog, hook);
		rx_recv(t->p.fd, &rx, i ? 0 : MSG_PEEK);
		say(t, "len:%zd namelen:%u port:%d ", rx.len, rx.namelen,
		    ntohs(((struct sockaddr_in *)&rx.name)->sin_port) == 4711);
	}
}

TEST_F(bpf, recvmsg)
{
	AS_UDP(seq_recvmsg, "port:1 ");
}

/* Programs that see options */

/* Refuses option @name of level SOL_DTLS. */
static int load_sockopt(int hook, int name)
{
	const struct bpf_insn insns[] = {
		LOAD(BPF_W, 2, 1, offsetof(struct bpf_sockopt, level)),
		LOAD(BPF_W, 3, 1, offsetof(struct bpf_sockopt, optname)),
		MOV_IMM(0, 1),
		JUMP_NE(2, SOL_DTLS, 2),
		JUMP_NE(3, name, 1),
		MOV_IMM(0, 0),
		RETURN(),
	};

	return BPF_LOAD(SOCKOPT, hook, insns);
}

TEST_F(bpf, setsockopt)
{
	int hook = BPF_CGROUP_SETSOCKOPT, prog = load_sockopt(hook, DTLS_TX);
	struct pair p;

	pair_open(&p, variant->family, variant->cipher);
	attach(prog, hook);
	/* What it lets pass comes from the kernel's memory. */
	EXPECT_EQ(0, kdtls_attach(p.fd));
	EXPECT_EQ(0, kdtls_install(p.fd, DTLS_RX, &p.in));
	EXPECT_EQ(-EPERM, kdtls_install(p.fd, DTLS_TX, &p.out));
	EXPECT_EQ(DTLS_STATE_RX, dtls_info(p.fd).state);
	detach(prog, hook);
	EXPECT_EQ(0, kdtls_install(p.fd, DTLS_TX, &p.out));
	EXPECT_TRUE(echoes(&p));
	pair_close(&p);
}

TEST_F(bpf, getsockopt)
{
	int hook = BPF_CGROUP_GETSOCKOPT, prog = load_sockopt(hook, DTLS_INFO);
	struct dtls_info info;
	socklen_t len = sizeof(info);
	struct pair p;

	pair_setup(&p, variant->family, variant->cipher);
	attach(prog, hook);
	EXPECT_EQ(-EPERM, RC(getsockopt(p.fd, SOL_DTLS, DTLS_INFO, &info,
					&len)));
	EXPECT_EQ(0, get_int(p.fd, SOL_DTLS, DTLS_RECV_RAW));
	detach(prog, hook);
	EXPECT_EQ(DTLS_STATE_TX | DTLS_STATE_RX, dtls_info(p.fd).state);
	pair_close(&p);
}

/* Filters of the socket */

static long set_filter(int fd, struct sock_filter *code, int n)
{
	struct sock_fprog prog = { .len = n, .filter = code };

	return RC(setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &prog,
			     sizeof(prog)));
}

static long keep(int fd, uint32_t bytes)
{
	struct sock_filter code[] = { BPF_STMT(BPF_RET | BPF_K, bytes) };

	return set_filter(fd, code, 1);
}

static void seq_filter_none(struct twin *t)
{
	say_rc(t, "attach", keep(t->p.fd, 0));
	give(t, 100, 1);
	give(t, 100, 2);
	say_recv(t, MSG_DONTWAIT);
	say_poll(t);
	say_rc(t, "detach", RC(setsockopt(t->p.fd, SOL_SOCKET,
					  SO_DETACH_FILTER, &(int){ 0 }, 4)));
	give(t, 100, 3);
	say_recv(t, 0);
	say_recv(t, MSG_DONTWAIT);
}

TEST_F(bpf, filter_of_nothing)
{
	AS_UDP(seq_filter_none, "attach:0 recv:EAGAIN poll:4 detach:0 recv:100.3");
}

static void seq_lock_filter(struct twin *t)
{
	say_rc(t, "attach", keep(t->p.fd, UINT32_MAX));
	set_int(t->p.fd, SOL_SOCKET, SO_LOCK_FILTER, 1);
	say_rc(t, "attach", keep(t->p.fd, 0));
	say_rc(t, "detach", RC(setsockopt(t->p.fd, SOL_SOCKET,
					  SO_DETACH_FILTER, &(int){ 0 }, 4)));
	say_rc(t, "unlock", RC(setsockopt(t->p.fd, SOL_SOCKET, SO_LOCK_FILTER,
					  &(int){ 0 }, 4)));
	give(t, 100, 1);
	say_recv(t, 0);
}

TEST_F(bpf, locked_filter)
{
	AS_UDP(seq_lock_filter, "attach:0 attach:EPERM detach:EPERM unlock:EPERM recv:100.1");
}

/* A record that lacks its end is none. Both kinds of filters can do that. */
static void truncating(struct __test_metadata *_metadata, struct pair *p)
{
	struct stats before;
	int i;

	stats_read(&before);
	for (i = 0; i < 3; i++)
		feed_id(p, 100, i);
	EXPECT_EQ(-EAGAIN, rx_recv(p->fd, &rx, MSG_DONTWAIT));
	EXPECT_STREQ("RxDropFormat+3", stats_since_of(&before, "RxDrop"));
	EXPECT_EQ(3, dtls_info(p->fd).rx_bad);
	EXPECT_EQ(0, setsockopt(p->fd, SOL_SOCKET, SO_DETACH_FILTER,
				&(int){ 0 }, 4));
	EXPECT_TRUE(echoes(p));
}

TEST_F(bpf, truncating_filter)
{
	struct pair p;
	size_t n;

	pair_setup(&p, variant->family, variant->cipher);
	n = 8 + 100 + oracle_overhead(&p.in);
	ASSERT_EQ(0, keep(p.fd, n - 1));
	truncating(_metadata, &p);
	ASSERT_EQ(0, keep(p.fd, 8 + ORACLE_HEADER));
	feed_id(&p, 100, 9);
	EXPECT_EQ(-EAGAIN, rx_recv(p.fd, &rx, MSG_DONTWAIT));
	/* One that takes all that there is takes nothing away. */
	ASSERT_EQ(0, keep(p.fd, n));
	feed_id(&p, 100, 1);
	EXPECT_STREQ("1", recv_ids(p.fd, 1));
	pair_close(&p);
}

TEST_F(bpf, truncating_bpf)
{
	struct pair p;
	int prog;

	pair_setup(&p, variant->family, variant->cipher);
	prog = bpf_load_return(BPF_PROG_TYPE_SOCKET_FILTER, 0, 50);
	ASSERT_EQ(0, setsockopt(p.fd, SOL_SOCKET, SO_ATTACH_BPF, &prog,
				sizeof(prog)));
	truncating(_metadata, &p);
	close(prog);
	pair_close(&p);
}

/* What is cut off is the end: the records before it are good. */
TEST_F(bpf, truncated_bundle)
{
	uint8_t data[50], wire[1024];
	struct pair p;
	size_t n = 0;
	int i;

	pair_setup(&p, variant->family, variant->cipher);
	for (i = 0; i < 4; i++) {
		payload(data, sizeof(data), i);
		n += oracle_seal(&p.in, DTLS_CT_APPLICATION_DATA, data,
				 sizeof(data), wire + n);
	}
	ASSERT_EQ(0, keep(p.fd, 8 + n / 4 * 3 + 5));
	feed_raw(&p, wire, n);
	EXPECT_STREQ("0 1 2", recv_ids(p.fd, 3));
	EXPECT_EQ(1, dtls_info(p.fd).rx_bad);
	pair_close(&p);
}

/* It sees the record's header and not the payload. */
TEST_F(bpf, filter_sees_records)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 8),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, DTLS_CT_APPLICATION_DATA,
			 0, 3),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 9),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0xfefd0001, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, UINT32_MAX),
		BPF_STMT(BPF_RET | BPF_K, 0),
	};
	struct stats before;
	struct pair p;

	pair_setup(&p, variant->family, variant->cipher);
	ASSERT_EQ(0, set_filter(p.fd, code, ARRAY_LEN(code)));
	stats_read(&before);
	feed_raw(&p, "plaintext that is as long as a record", 37);
	feed_type(&p, DTLS_CT_HANDSHAKE, "abcd", 4);
	feed_id(&p, 100, 1);
	EXPECT_STREQ("1", recv_ids(p.fd, 1));
	EXPECT_STREQ("", stats_since_of(&before, "RxDrop"));
	pair_close(&p);
}

TEST_HARNESS_MAIN
