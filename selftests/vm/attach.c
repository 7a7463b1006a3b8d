// SPDX-License-Identifier: GPL-2.0
/* Attaching: who may, which sockets, what it refuses afterwards. */
#include <fcntl.h>
#include <grp.h>
#include <linux/bpf.h>
#include <linux/genetlink.h>
#include <linux/netlink.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <sys/syscall.h>
#include <sys/un.h>

#include "harness.h"

#ifndef IPPROTO_UDPLITE
#define IPPROTO_UDPLITE		136
#endif
#ifndef IPV6_ADDRFORM
#define IPV6_ADDRFORM		1
#endif
#define ENCAP_L2TP		3	/* UDP_ENCAP_L2TPINUDP */

static int unload(void)
{
	return RC(syscall(SYS_delete_module, "kdtls", O_NONBLOCK));
}

/* The pair of these tests is connected, and nothing else. */
PAIR_FIXTURE(attach, pair_open, VARIANTS_OF_FAMILIES);

TEST_F(attach, works)
{
	EXPECT_EQ(0, kdtls_attach(self->p.fd));
}

TEST_F(attach, unconnected)
{
	int fd = udp_socket(variant->family);

	EXPECT_EQ(0, kdtls_attach(fd));
	udp_bind(fd, variant->family);
	udp_connect(fd, variant->family, self->p.fd);
	EXPECT_EQ(1, send(fd, "x", 1, 0));
	close(fd);
}

TEST_F(attach, twice)
{
	EXPECT_EQ(0, kdtls_attach(self->p.fd));
	EXPECT_EQ(-EEXIST, kdtls_attach(self->p.fd));
	pair_install(&self->p);
	EXPECT_EQ(-EEXIST, kdtls_attach(self->p.fd));
	EXPECT_TRUE(echoes(&self->p));
}

TEST_F(attach, wrong_name)
{
	static const char * const names[] = { "dtlS", "tls", "Dtls", "dtl", "" };
	size_t i;

	for (i = 0; i < ARRAY_LEN(names); i++) {
		char name[4] = "";

		memcpy(name, names[i], strlen(names[i]));
		EXPECT_EQ(-EINVAL, RC(setsockopt(self->p.fd, SOL_IP, KDTLS_ULP,
						 name, 4)));
	}
	EXPECT_EQ(0, kdtls_attach(self->p.fd));
}

TEST_F(attach, wrong_length)
{
	char name[64] = "dtls";
	socklen_t len;

	for (len = 0; len <= sizeof(name); len++) {
		if (len == 4)
			continue;
		EXPECT_EQ(-EINVAL, RC(setsockopt(self->p.fd, SOL_IP, KDTLS_ULP,
						 name, len)));
	}
	EXPECT_EQ(-EINVAL, RC(setsockopt(self->p.fd, SOL_IP, KDTLS_ULP, name,
					 -1)));
	EXPECT_EQ(-EFAULT, RC(setsockopt(self->p.fd, SOL_IP, KDTLS_ULP,
					 (void *)1, 4)));
}

TEST_F(attach, cannot_be_read)
{
	char name[16];
	socklen_t len = sizeof(name);

	EXPECT_EQ(-ENOPROTOOPT, RC(getsockopt(self->p.fd, SOL_IP, KDTLS_ULP,
					      name, &len)));
}

TEST_F(attach, blocked_reader)
{
	struct reader r;

	reader_start(&r, self->p.fd);
	EXPECT_EQ(-EBUSY, kdtls_attach(self->p.fd));
	feed_raw(&self->p, "hello", 5);
	EXPECT_EQ(5, reader_join(&r));
	EXPECT_EQ(0, kdtls_attach(self->p.fd));
	pair_install(&self->p);
	EXPECT_TRUE(echoes(&self->p));
}

TEST_F(attach, encap_before)
{
	int encap = ENCAP_L2TP;

	if (setsockopt(self->p.fd, SOL_UDP, UDP_ENCAP, &encap, sizeof(encap)))
		SKIP(return, "UDP_ENCAP");
	EXPECT_EQ(-EBUSY, kdtls_attach(self->p.fd));
}

TEST_F(attach, encap_after)
{
	int encap;

	ASSERT_EQ(0, kdtls_attach(self->p.fd));
	for (encap = 1; encap <= 6; encap++)
		EXPECT_EQ(-EOPNOTSUPP,
			  RC(setsockopt(self->p.fd, SOL_UDP, UDP_ENCAP, &encap,
					sizeof(encap))));
}

TEST_F(attach, corked)
{
	set_int(self->p.fd, SOL_UDP, UDP_CORK, 1);
	ASSERT_EQ(2, send(self->p.fd, "ab", 2, 0));
	EXPECT_EQ(-EBUSY, kdtls_attach(self->p.fd));
	set_int(self->p.fd, SOL_UDP, UDP_CORK, 0);
	EXPECT_EQ(0, kdtls_attach(self->p.fd));
}

TEST_F(attach, msg_more)
{
	ASSERT_EQ(2, send(self->p.fd, "ab", 2, MSG_MORE));
	EXPECT_EQ(-EBUSY, kdtls_attach(self->p.fd));
	ASSERT_EQ(1, send(self->p.fd, "c", 1, 0));
	EXPECT_EQ(0, kdtls_attach(self->p.fd));
}

/* Attached, but without keys: UDP corks as it always did. */
TEST_F(attach, cork_after)
{
	struct pair *p = &self->p;
	int value = 7;
	socklen_t len = sizeof(value);
	char buf[16];

	ASSERT_EQ(0, kdtls_attach(p->fd));
	set_int(p->fd, SOL_UDP, UDP_CORK, 1);
	EXPECT_EQ(0, getsockopt(p->fd, SOL_UDP, UDP_CORK, &value, &len));
	EXPECT_EQ(1, value);
	ASSERT_EQ(2, send(p->fd, "ab", 2, 0));
	ASSERT_EQ(2, send(p->fd, "cd", 2, 0));
	EXPECT_TRUE(quiet(p->peer));
	EXPECT_EQ(-EBUSY, kdtls_install(p->fd, DTLS_TX, &p->out));
	set_int(p->fd, SOL_UDP, UDP_CORK, 0);
	EXPECT_EQ(4, recv(p->peer, buf, sizeof(buf), 0));
	pair_install(p);
	EXPECT_TRUE(echoes(p));
}

/* Older kernels take UDP's options by this level, too. */
TEST_F(attach, options_by_the_level_of_udplite)
{
	int encap = UDP_ENCAP_ESPINUDP;

	ASSERT_EQ(0, kdtls_attach(self->p.fd));
	EXPECT_EQ(-EOPNOTSUPP, RC(setsockopt(self->p.fd, IPPROTO_UDPLITE, UDP_ENCAP,
					     &encap, sizeof(encap))));
}

/* What is corked before there are keys must not take a record along. */
TEST_F(attach, corked_at_install)
{
	struct pair *p = &self->p;
	char buf[16];

	ASSERT_EQ(0, kdtls_attach(p->fd));
	ASSERT_EQ(3, send(p->fd, "pla", 3, MSG_MORE));
	EXPECT_EQ(-EBUSY, kdtls_install(p->fd, DTLS_TX, &p->out));
	EXPECT_EQ(0, kdtls_install(p->fd, DTLS_RX, &p->in));
	ASSERT_EQ(2, send(p->fd, "in", 2, 0));
	EXPECT_EQ(5, recv(p->peer, buf, sizeof(buf), 0));
	EXPECT_EQ(0, kdtls_install(p->fd, DTLS_TX, &p->out));
	EXPECT_TRUE(echoes(p));
}

TEST_F(attach, passes_unchanged_before_install)
{
	struct pair *p = &self->p;
	char buf[64];

	ASSERT_EQ(0, kdtls_attach(p->fd));
	ASSERT_EQ(5, send(p->fd, "hello", 5, 0));
	EXPECT_EQ(5, recv(p->peer, buf, sizeof(buf), 0));
	EXPECT_EQ(0, memcmp(buf, "hello", 5));
	ASSERT_EQ(3, send(p->peer, "you", 3, 0));
	EXPECT_EQ(POLLIN, poll_in(p->fd, WAIT_MS));
	EXPECT_EQ(3, recv(p->fd, buf, sizeof(buf), 0));
	EXPECT_EQ(0, memcmp(buf, "you", 3));
	ASSERT_EQ(0, send(p->peer, "", 0, 0));
	EXPECT_EQ(0, recv(p->fd, buf, sizeof(buf), 0));
	EXPECT_EQ(-EAGAIN, recv_now(p->fd, buf, sizeof(buf)));
}

TEST_F(attach, passes_trains_before_install)
{
	static struct rx rx;
	struct pair *p = &self->p;
	uint8_t data[2500];

	ASSERT_EQ(0, kdtls_attach(p->fd));
	set_int(p->fd, SOL_UDP, UDP_GRO, 1);
	train_payload(data, 3, 1000, 500, 0);
	ASSERT_EQ(0, feed_train(p, data, sizeof(data), 1000));
	EXPECT_EQ(2500, rx_recv(p->fd, &rx, 0));
	EXPECT_EQ(1000, rx.gro);
	ASSERT_EQ(2500, send_train(p->fd, data, sizeof(data), 1000));
	EXPECT_STREQ("0 1 2", recv_ids(p->peer, 3));
}

/* Who asks for a record must not have its payload go out in the clear. */
TEST_F(attach, no_records_before_install)
{
	ASSERT_EQ(0, kdtls_attach(self->p.fd));
	EXPECT_EQ(-EINVAL, send_alert(self->p.fd, 1, 0));
	EXPECT_EQ(-EINVAL, send_type(self->p.fd, DTLS_CT_APPLICATION_DATA,
				     "ab", 2));
	EXPECT_TRUE(quiet(self->p.peer));
}

TEST_F(attach, connects_before_install)
{
	struct sockaddr unspec = { .sa_family = AF_UNSPEC };
	struct pair *p = &self->p;

	ASSERT_EQ(0, kdtls_attach(p->fd));
	EXPECT_EQ(0, RC(connect(p->fd, &unspec, sizeof(unspec))));
	EXPECT_EQ(-ENOTCONN, kdtls_install(p->fd, DTLS_RX, &p->in));
	/* Disconnecting has forgotten the port as well. */
	udp_connect(p->fd, variant->family, p->peer);
	udp_connect(p->peer, variant->family == MAPPED ? IPV4 : variant->family,
		    p->fd);
	pair_install(p);
	EXPECT_TRUE(echoes(p));
}

TEST_F(attach, connect_refused_with_keys)
{
	struct sockaddr unspec = { .sa_family = AF_UNSPEC };
	struct sockaddr_storage addr;
	struct pair *p = &self->p;
	socklen_t len = loopback(variant->family, local_port(p->peer), &addr);

	pair_attach(p);
	pair_install(p);
	EXPECT_EQ(-EISCONN, RC(connect(p->fd, &unspec, sizeof(unspec))));
	EXPECT_EQ(-EISCONN, RC(connect(p->fd, (void *)&addr, len)));
	EXPECT_TRUE(echoes(p));
}

TEST_F(attach, connect_refused_with_one_key)
{
	struct sockaddr unspec = { .sa_family = AF_UNSPEC };

	pair_attach(&self->p);
	ASSERT_EQ(0, kdtls_install(self->p.fd, DTLS_RX, &self->p.in));
	EXPECT_EQ(-EISCONN, RC(connect(self->p.fd, &unspec, sizeof(unspec))));
}

TEST_F(attach, addrform)
{
	int family = AF_INET;

	if (variant->family != MAPPED)
		SKIP(return, "only for v4-mapped");
	pair_attach(&self->p);
	EXPECT_EQ(-EOPNOTSUPP, RC(setsockopt(self->p.fd, SOL_IPV6,
					     IPV6_ADDRFORM, &family,
					     sizeof(family))));
	pair_install(&self->p);
	EXPECT_TRUE(echoes(&self->p));
}

TEST_F(attach, after_addrform)
{
	int family = AF_INET;

	if (variant->family != MAPPED)
		SKIP(return, "only for v4-mapped");
	ASSERT_EQ(0, RC(setsockopt(self->p.fd, SOL_IPV6, IPV6_ADDRFORM, &family,
				   sizeof(family))));
	EXPECT_EQ(-EBUSY, kdtls_attach(self->p.fd));
}

TEST_F(attach, close_without_install)
{
	int refs = module_unused();

	pair_attach(&self->p);
	feed_raw(&self->p, "queued", 6);
	close(self->p.fd);
	self->p.fd = -1;
	EXPECT_TRUE(module_refs_become(refs));
}

TEST_F(attach, close_with_half_a_datagram)
{
	uint8_t wire[1024];
	size_t n = 0;
	int i;

	pair_attach(&self->p);
	pair_install(&self->p);
	for (i = 0; i < 5; i++)
		n += oracle_seal(&self->p.in, DTLS_CT_APPLICATION_DATA,
				 "data", 4, wire + n);
	feed_raw(&self->p, wire, n);
	EXPECT_EQ(4, recv(self->p.fd, wire, sizeof(wire), 0));
}

TEST_F(attach, holds_the_module)
{
	int refs = module_unused();

	ASSERT_LE(0, refs);
	pair_attach(&self->p);
	EXPECT_EQ(refs + 1, module_refs());
	EXPECT_EQ(-EWOULDBLOCK, unload());
	pair_install(&self->p);
	EXPECT_EQ(refs + 1, module_refs());
	EXPECT_EQ(-EWOULDBLOCK, unload());
	EXPECT_TRUE(echoes(&self->p));
	close(self->p.fd);
	self->p.fd = -1;
	EXPECT_TRUE(module_refs_become(refs));
}

TEST_F(attach, failing_does_not_hold_the_module)
{
	int refs = module_unused(), i;

	set_int(self->p.fd, SOL_UDP, UDP_CORK, 1);
	ASSERT_EQ(2, send(self->p.fd, "ab", 2, 0));
	for (i = 0; i < 3; i++)
		EXPECT_EQ(-EBUSY, kdtls_attach(self->p.fd));
	EXPECT_EQ(refs, module_refs());
}

TEST_F(attach, dup)
{
	struct pair *p = &self->p;
	int copy;

	pair_attach(p);
	copy = dup(p->fd);
	EXPECT_EQ(-EEXIST, kdtls_attach(copy));
	pair_install(p);
	close(p->fd);
	p->fd = copy;
	EXPECT_TRUE(echoes(p));
}

TEST_F(attach, fork)
{
	struct record r[2];
	struct pair *p = &self->p;
	int status;
	pid_t pid;

	pair_attach(p);
	pair_install(p);
	pid = fork();
	if (!pid)
		_exit(send(p->fd, "child", 5, 0) == 5 ? 0 : 1);
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(0, status);
	EXPECT_EQ(6, send(p->fd, "parent", 6, 0));
	ASSERT_EQ(0, take(p, &r[0]));
	ASSERT_EQ(0, take(p, &r[1]));
	EXPECT_EQ(5, r[0].len);
	EXPECT_EQ(6, r[1].len);
	EXPECT_EQ(r[0].seq + 1, r[1].seq);
}

static void become_nobody(void)
{
	if (setgroups(0, NULL) || setresgid(65534, 65534, 65534) ||
	    setresuid(65534, 65534, 65534))
		die("setresuid");
}

TEST_F(attach, unprivileged)
{
	become_nobody();
	pair_attach(&self->p);
	pair_install(&self->p);
	EXPECT_TRUE(echoes(&self->p));
}

/* Sockmaps and reuseport arrays */

static int bpf(int cmd, union bpf_attr *attr)
{
	return syscall(SYS_bpf, cmd, attr, sizeof(*attr));
}

static int map_create(int type)
{
	union bpf_attr attr = {
		.map_type = type,
		.key_size = 4,
		.value_size = type == BPF_MAP_TYPE_SOCKMAP ? 4 : 8,
		.max_entries = 1,
	};

	return bpf(BPF_MAP_CREATE, &attr);
}

static int map_set(int map, int fd)
{
	uint64_t value = fd;
	uint32_t key = 0;
	union bpf_attr attr = {
		.map_fd = map,
		.key = (uintptr_t)&key,
		.value = (uintptr_t)&value,
	};

	return RC(bpf(BPF_MAP_UPDATE_ELEM, &attr));
}

TEST_F(attach, in_a_sockmap)
{
	int map = map_create(BPF_MAP_TYPE_SOCKMAP);

	if (map < 0)
		SKIP(return, "no sockmap");
	ASSERT_EQ(0, map_set(map, self->p.fd));
	EXPECT_EQ(-EBUSY, kdtls_attach(self->p.fd));
	close(map);
}

TEST_F(attach, into_a_sockmap)
{
	int map = map_create(BPF_MAP_TYPE_SOCKMAP);

	if (map < 0)
		SKIP(return, "no sockmap");
	pair_attach(&self->p);
	EXPECT_EQ(-EOPNOTSUPP, map_set(map, self->p.fd));
	pair_install(&self->p);
	EXPECT_EQ(-EOPNOTSUPP, map_set(map, self->p.fd));
	EXPECT_TRUE(echoes(&self->p));
	close(map);
}

TEST_F(attach, in_a_reuseport_array)
{
	int map = map_create(BPF_MAP_TYPE_REUSEPORT_SOCKARRAY);
	int fd = udp_socket(variant->family);

	if (map < 0)
		SKIP(return, "no reuseport array");
	set_int(fd, SOL_SOCKET, SO_REUSEPORT, 1);
	udp_bind(fd, variant->family);
	ASSERT_EQ(0, map_set(map, fd));
	EXPECT_EQ(0, kdtls_attach(fd));
	close(fd);
	close(map);
}

TEST_F(attach, into_a_reuseport_array)
{
	int map = map_create(BPF_MAP_TYPE_REUSEPORT_SOCKARRAY);
	int fd = udp_socket(variant->family);

	if (map < 0)
		SKIP(return, "no reuseport array");
	set_int(fd, SOL_SOCKET, SO_REUSEPORT, 1);
	udp_bind(fd, variant->family);
	ASSERT_EQ(0, kdtls_attach(fd));
	EXPECT_EQ(0, map_set(map, fd));
	close(fd);
	close(map);
}

/* Network namespaces */

TEST_F(attach, counts_in_its_namespace)
{
	struct stats before;
	struct pair p;

	netns_enter();
	stats_read(&before);
	EXPECT_EQ(0, stats_get("Attached"));
	pair_open(&p, variant->family, variant->cipher);
	pair_attach(&p);
	EXPECT_EQ(1, stats_get("Attached"));
	EXPECT_EQ(0, stats_get("CurrTx"));
	pair_install(&p);
	EXPECT_EQ(1, stats_get("CurrTx"));
	EXPECT_EQ(1, stats_get("CurrRx"));
	EXPECT_STREQ("TxInstalled+1 RxInstalled+1", stats_since(&before));
	pair_close(&p);
	EXPECT_EQ(0, stats_get("CurrTx"));
	EXPECT_EQ(0, stats_get("CurrRx"));
}

/* The namespace goes, and takes an attached socket with it. */
TEST_F(attach, namespace_ends)
{
	int refs = module_unused(), status;
	pid_t pid = fork();

	if (!pid) {
		struct pair p;

		netns_enter();
		pair_setup(&p, variant->family, variant->cipher);
		feed_id(&p, 100, 1);
		_exit(echoes(&p) ? 1 : 0);
	}
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(0, status);
	EXPECT_TRUE(module_refs_become(refs));
}

/* A socket of another namespace, whose processes are all gone. */
TEST_F(attach, outlives_its_processes)
{
	int refs = module_unused(), home, i;
	struct pair p[3];

	home = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	ASSERT_LE(0, home);
	netns_enter();
	for (i = 0; i < 3; i++)
		pair_setup(&p[i], variant->family, variant->cipher);
	ASSERT_EQ(0, setns(home, CLONE_NEWNET));
	for (i = 0; i < 3; i++)
		EXPECT_TRUE(echoes(&p[i]));
	for (i = 0; i < 3; i++)
		pair_close(&p[i]);
	EXPECT_TRUE(module_refs_become(refs));
}

/* On its way to another process, with nobody left to receive it. */
TEST_F(attach, dies_in_flight)
{
	int refs = module_unused(), un[2];
	struct cbuf c = { .len = 0 };

	pair_attach(&self->p);
	pair_install(&self->p);
	ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_DGRAM, 0, un));
	cbuf_add(&c, SOL_SOCKET, SCM_RIGHTS, &self->p.fd, sizeof(int));
	EXPECT_EQ(1, send_cmsg(un[0], "x", 1, &c, 0));
	close(self->p.fd);
	self->p.fd = -1;
	EXPECT_EQ(refs + 1, module_refs());
	close(un[0]);
	close(un[1]);
	EXPECT_TRUE(module_refs_become(refs));
}

/* Many at once */

struct race {
	int fd;
	int result;
};

static void *race_attach(void *arg)
{
	struct race *r = arg;

	r->result = kdtls_attach(r->fd);
	return NULL;
}

TEST_F(attach, only_one_wins)
{
	struct race race[4];
	struct job job[4];
	int turn, i, won;

	for (turn = 0; turn < 25; turn++) {
		int fd = udp_socket(variant->family);

		for (i = 0; i < 4; i++) {
			race[i].fd = fd;
			job_start(&job[i], race_attach, &race[i]);
		}
		for (i = 0, won = 0; i < 4; i++) {
			job_join(&job[i]);
			won += race[i].result == 0;
			if (race[i].result)
				EXPECT_EQ(-EEXIST, race[i].result);
		}
		EXPECT_EQ(1, won);
		close(fd);
	}
}

struct sender {
	int	fd;
	int	stop;
	long	result;
};

static void *send_plain(void *arg)
{
	struct sender *s = arg;

	while (!__atomic_load_n(&s->stop, __ATOMIC_ACQUIRE) && s->result >= 0)
		s->result = RC(send(s->fd, "abcd", 4, 0));
	return NULL;
}

TEST_F(attach, while_sending)
{
	struct sender s = { .fd = self->p.fd };
	struct job job;
	int i;

	job_start(&job, send_plain, &s);
	sleep_ms(10);
	pair_attach(&self->p);
	for (i = 0; i < 100; i++)
		sleep_ms(1);
	__atomic_store_n(&s.stop, 1, __ATOMIC_RELEASE);
	job_join(&job);
	EXPECT_EQ(4, s.result);
}

/* Closing must not wait: 500 sockets take no longer than a few seconds. */
TEST_F(attach, many)
{
	int fd[500], refs = module_unused();
	uint64_t begin;
	size_t i;

	for (i = 0; i < ARRAY_LEN(fd); i++) {
		fd[i] = udp_socket(variant->family);
		ASSERT_EQ(0, kdtls_attach(fd[i]));
	}
	EXPECT_EQ(refs + 500, module_refs());
	begin = now_ms();
	for (i = 0; i < ARRAY_LEN(fd); i++)
		close(fd[i]);
	EXPECT_GT(3000, now_ms() - begin);
	EXPECT_TRUE(module_refs_become(refs));
}

/* Sockets that are not UDP */

static int attach_new(int family, int type, int protocol)
{
	int fd = socket(family, type, protocol), err;

	if (fd < 0)
		return 1;
	err = kdtls_attach(fd);
	close(fd);
	return err;
}

TEST(not_udp)
{
	EXPECT_EQ(-EPROTONOSUPPORT, attach_new(AF_INET, SOCK_STREAM, 0));
	EXPECT_EQ(-EPROTONOSUPPORT, attach_new(AF_INET6, SOCK_STREAM, 0));
	EXPECT_EQ(-EPROTONOSUPPORT, attach_new(AF_INET, SOCK_RAW, IPPROTO_UDP));
	EXPECT_GT(0, attach_new(AF_UNIX, SOCK_DGRAM, 0));
	EXPECT_GT(0, attach_new(AF_INET6, SOCK_RAW, IPPROTO_UDP));
	EXPECT_EQ(-EBADF, kdtls_attach(-1));
	EXPECT_EQ(-ENOTSOCK, kdtls_attach(STDERR_FILENO));
}

TEST(ping_socket)
{
	int err;

	netns_enter();
	if (system("echo 0 2147483647 >/proc/sys/net/ipv4/ping_group_range"))
		SKIP(return, "no ping sockets");
	err = attach_new(AF_INET, SOCK_DGRAM, IPPROTO_ICMP);
	if (err == 1)
		SKIP(return, "no ping sockets");
	EXPECT_EQ(-EPROTONOSUPPORT, err);
}

TEST(udplite)
{
	int err = attach_new(AF_INET, SOCK_DGRAM, IPPROTO_UDPLITE);

	if (err == 1)
		SKIP(return, "no UDP-Lite");
	EXPECT_EQ(-EPROTONOSUPPORT, err);
	err = attach_new(AF_INET6, SOCK_DGRAM, IPPROTO_UDPLITE);
	EXPECT_EQ(-EPROTONOSUPPORT, err);
}

/* Generic netlink */

struct request {
	struct nlmsghdr		nl;
	struct genlmsghdr	genl;
	uint8_t			attrs[64];
};

struct reply {
	struct nlmsghdr	nl;
	uint8_t		body[8192];
};

/* The family's number after CTRL_CMD_GETFAMILY, or a negative errno. */
static int genl_answer(int fd)
{
	struct reply reply;
	ssize_t n = recv(fd, &reply, sizeof(reply), 0);
	struct nlattr *a = (void *)(reply.body + GENL_HDRLEN);

	if (n < 0)
		return -errno;
	if (reply.nl.nlmsg_type == NLMSG_ERROR)
		return ((struct nlmsgerr *)NLMSG_DATA(&reply.nl))->error;
	while ((uint8_t *)a < (uint8_t *)&reply + n && a->nla_len >= 4) {
		if (a->nla_type == CTRL_ATTR_FAMILY_ID)
			return *(uint16_t *)(a + 1);
		a = (void *)((uint8_t *)a + NLA_ALIGN(a->nla_len));
	}
	return -ENOENT;
}

static int genl_request(int fd, int family, int cmd, int attr,
			const void *data, size_t n)
{
	struct request req = {
		.nl.nlmsg_type = family,
		.nl.nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK,
		.genl.cmd = cmd,
		.genl.version = 1,
	};
	struct nlattr *a = (void *)req.attrs;

	req.nl.nlmsg_len = NLMSG_LENGTH(GENL_HDRLEN);
	if (attr) {
		a->nla_type = attr;
		a->nla_len = NLA_HDRLEN + n;
		memcpy(a + 1, data, n);
		req.nl.nlmsg_len += NLA_ALIGN(a->nla_len);
	}
	if (send(fd, &req, req.nl.nlmsg_len, 0) < 0)
		return -errno;
	return genl_answer(fd);
}

FIXTURE(genl) {
	int nl;
	int family;
	struct pair p;
};

static int genl_open(void)
{
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_GENERIC);

	if (fd < 0)
		die("NETLINK_GENERIC");
	set_timeout(fd, WAIT_MS);
	return fd;
}

static int genl_resolve(int fd)
{
	int id = genl_request(fd, GENL_ID_CTRL, CTRL_CMD_GETFAMILY,
			      CTRL_ATTR_FAMILY_NAME, KDTLS_GENL_NAME,
			      sizeof(KDTLS_GENL_NAME));

	/* The acknowledgment of the request. */
	if (id > 0)
		genl_answer(fd);
	return id;
}

static int genl_attach(int nl, int family, uint32_t fd)
{
	return genl_request(nl, family, KDTLS_CMD_ATTACH, KDTLS_A_FD, &fd,
			    sizeof(fd));
}

FIXTURE_SETUP(genl)
{
	self->nl = genl_open();
	self->family = genl_resolve(self->nl);
	ASSERT_LT(0, self->family);
	pair_open(&self->p, IPV4, GCM128);
}

FIXTURE_TEARDOWN(genl)
{
	close(self->nl);
	pair_close(&self->p);
}

TEST_F(genl, attaches)
{
	become_nobody();
	EXPECT_EQ(0, genl_attach(self->nl, self->family, self->p.fd));
	EXPECT_EQ(-EEXIST, genl_attach(self->nl, self->family, self->p.fd));
	EXPECT_EQ(-EEXIST, kdtls_attach(self->p.fd));
	pair_install(&self->p);
	EXPECT_TRUE(echoes(&self->p));
}

TEST_F(genl, ipv6)
{
	int fd = udp_socket(IPV6);

	EXPECT_EQ(0, genl_attach(self->nl, self->family, fd));
	EXPECT_EQ(-EEXIST, kdtls_attach(fd));
	close(fd);
}

TEST_F(genl, blocked_reader)
{
	struct reader r;

	reader_start(&r, self->p.fd);
	EXPECT_EQ(-EBUSY, genl_attach(self->nl, self->family, self->p.fd));
	feed_raw(&self->p, "hello", 5);
	EXPECT_EQ(5, reader_join(&r));
}

TEST_F(genl, refuses)
{
	int tcp = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	uint8_t byte = 1;

	EXPECT_EQ(-EBADF, genl_attach(self->nl, self->family, 9999));
	EXPECT_EQ(-EBADF, genl_attach(self->nl, self->family, -1));
	EXPECT_EQ(-ENOTSOCK, genl_attach(self->nl, self->family,
					 STDERR_FILENO));
	EXPECT_EQ(-EPROTONOSUPPORT, genl_attach(self->nl, self->family, tcp));
	EXPECT_EQ(-EPROTONOSUPPORT, genl_attach(self->nl, self->family,
						self->nl));
	EXPECT_EQ(-EINVAL, genl_request(self->nl, self->family,
					KDTLS_CMD_ATTACH, 0, NULL, 0));
	EXPECT_GT(0, genl_request(self->nl, self->family, KDTLS_CMD_ATTACH,
				  KDTLS_A_FD, &byte, sizeof(byte)));
	EXPECT_EQ(-EOPNOTSUPP, genl_request(self->nl, self->family, 77, 0,
					    NULL, 0));
	close(tcp);
}

/* Coming and going of the module; nothing may be attached here. */
TEST(module_goes_and_comes)
{
	int fd = udp_socket(IPV4), nl = genl_open();

	ASSERT_TRUE(module_refs_become(0));
	ASSERT_EQ(0, unload());
	EXPECT_EQ(-ENOPROTOOPT, kdtls_attach(fd));
	/* Resolving the family loads it. */
	EXPECT_LT(0, genl_resolve(nl));
	EXPECT_EQ(0, kdtls_attach(fd));
	if (module_refs() < 0 && system("modprobe kdtls"))
		die("modprobe");
	close(fd);
	close(nl);
}

TEST_HARNESS_MAIN
