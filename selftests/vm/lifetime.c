// SPDX-License-Identifier: GPL-2.0
/*
 * Whose a socket is, and for how long: shutdown, processes that share it or pass
 * it on, calls that outlive its descriptor, namespaces, and the module's end.
 */
#include <fcntl.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <linux/sockios.h>

#include "harness.h"
#include "twin.h"

static struct rx rx;

TWIN_FIXTURE(lifetime, VARIANTS_OF_FAMILIES);

/* Shutdown */

static void say_all(struct twin *t)
{
	say_poll(t);
	say_recv(t, MSG_DONTWAIT);
	say_recv(t, MSG_DONTWAIT);
	say_rc(t, "send", put_id(t, 100, 1, MSG_NOSIGNAL));
	say_poll(t);
}

static void shut(struct twin *t, int how)
{
	say_rc(t, "shutdown", RC(shutdown(t->p.fd, how)));
	say_all(t);
}

static void seq_shutdown_rd_wr(struct twin *t)
{
	give(t, 100, 1);
	shut(t, SHUT_RD);
	give(t, 100, 2);
	say_all(t);
	shut(t, SHUT_WR);
	shut(t, SHUT_RD);
}

static void seq_shutdown_wr_rd(struct twin *t)
{
	give(t, 100, 1);
	shut(t, SHUT_WR);
	give(t, 100, 2);
	say_all(t);
	shut(t, SHUT_RD);
	give(t, 100, 3);
	say_all(t);
}

static void seq_shutdown_both(struct twin *t)
{
	give(t, 100, 1);
	shut(t, SHUT_RDWR);
	give(t, 100, 2);
	say_all(t);
	shut(t, 3);
	/* Without waiting for what cannot come any more. */
	say_recv(t, 0);
}

TEST_F(lifetime, shutdown_rd_then_wr)
{
	AS_UDP(seq_shutdown_rd_wr, "recv:100.1 ");
}

TEST_F(lifetime, shutdown_wr_then_rd)
{
	AS_UDP(seq_shutdown_wr_rd, "send:EPIPE");
}

TEST_F(lifetime, shutdown_both)
{
	AS_UDP(seq_shutdown_both, "send:EPIPE");
}

/* Those who wait are told; those who do not wait for that go on waiting. */
static void seq_shutdown_readers(struct twin *t)
{
	struct reader r[3];
	int i;

	for (i = 0; i < 3; i++)
		reader_start(&r[i], t->p.fd);
	say_rc(t, "shutdown", RC(shutdown(t->p.fd, SHUT_WR)));
	give(t, 100, 1);
	while (!job_done(&r[0].job) && !job_done(&r[1].job) &&
	       !job_done(&r[2].job))
		sleep_ms(1);
	say_rc(t, "shutdown", RC(shutdown(t->p.fd, SHUT_RD)));
	for (i = 0; i < 3; i++)
		reader_join(&r[i]);
	say(t, "%ld ", r[0].result + r[1].result + r[2].result);
}

TEST_F(lifetime, shutdown_with_blocked_readers)
{
	AS_UDP(seq_shutdown_readers, "shutdown:0 shutdown:0 100 ");
}

struct waiter {
	struct job	job;
	int		fd;
	int		events;
	int		result;
};

static void *poll_main(void *arg)
{
	struct waiter *w = arg;
	struct pollfd pfd = { .fd = w->fd, .events = w->events };

	w->result = poll(&pfd, 1, WAIT_MS) < 0 ? -errno : pfd.revents;
	return NULL;
}

static void *epoll_main(void *arg)
{
	struct waiter *w = arg;
	struct epoll_event event = { 0 };

	w->result = epoll_wait(w->fd, &event, 1, WAIT_MS) < 0 ? -errno :
		    (int)event.events;
	return NULL;
}

static void waiter_start(struct waiter *w, void *(*fn)(void *arg), int fd,
			 int events)
{
	w->fd = fd;
	w->events = events;
	job_start(&w->job, fn, w);
	job_wait_asleep(&w->job);
}

static int epoll_of(int fd, int events)
{
	struct epoll_event event = { .events = events };
	int ep = epoll_create1(EPOLL_CLOEXEC);

	if (ep < 0 || epoll_ctl(ep, EPOLL_CTL_ADD, fd, &event))
		die("epoll");
	return ep;
}

static void seq_shutdown_polls(struct twin *t)
{
	int ep = epoll_of(t->p.fd, EPOLLIN | EPOLLRDHUP | EPOLLET);
	struct epoll_event event;
	struct waiter w[2];

	waiter_start(&w[0], poll_main, t->p.fd, POLLIN | POLLRDHUP);
	waiter_start(&w[1], epoll_main, ep, 0);
	shutdown(t->p.fd, SHUT_RD);
	job_join(&w[0].job);
	job_join(&w[1].job);
	say(t, "poll:%x epoll:%x ", w[0].result, w[1].result);
	shutdown(t->p.fd, SHUT_WR);
	event.events = 0;
	say_rc(t, "epoll", RC(epoll_wait(ep, &event, 1, WAIT_MS)));
	say(t, "%x ", event.events);
	close(ep);
}

TEST_F(lifetime, shutdown_with_blocked_polls)
{
	AS_UDP(seq_shutdown_polls, "poll:2001 epoll:2001 ");
}

/* Processes */

#define SHARED	150

static int send_shared(int fd, int first)
{
	uint8_t data[100];
	int i;

	for (i = 0; i < SHARED; i++) {
		payload(data, sizeof(data), first + i);
		if (send(fd, data, sizeof(data), 0) != sizeof(data))
			return 1;
	}
	return 0;
}

/* Both send at the same time, and no number is used twice. */
TEST_F(lifetime, fork_and_both_send)
{
	static uint8_t seen[2 * SHARED], ids[2 * SHARED];
	struct record r;
	struct pair p;
	int i, status;
	pid_t pid;

	pair_setup(&p, variant->family, variant->cipher);
	pid = fork();
	if (!pid)
		_exit(send_shared(p.fd, SHARED));
	EXPECT_EQ(0, send_shared(p.fd, 0));
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(0, status);
	for (i = 0; i < 2 * SHARED; i++) {
		ASSERT_EQ(0, take(&p, &r));
		ASSERT_GT(2 * SHARED, r.seq - p.out.seq);
		ASSERT_GT(2 * SHARED, payload_id(r.data, r.len));
		EXPECT_EQ(0, seen[r.seq - p.out.seq]++);
		EXPECT_EQ(0, ids[payload_id(r.data, r.len)]++);
	}
	EXPECT_TRUE(quiet(p.peer));
	pair_close(&p);
}

/* Both receive, and no record comes twice. */
TEST_F(lifetime, fork_and_both_receive)
{
	static uint8_t ids[SHARED], others[SHARED];
	int i, status, out[2], n;
	struct pair p;
	uint8_t id;
	pid_t pid;

	pair_setup(&p, variant->family, variant->cipher);
	ASSERT_EQ(0, pipe(out));
	for (i = 0; i < SHARED; i++)
		feed_id(&p, 100, i);
	settle();
	pid = fork();
	if (!pid) {
		while (rx_recv(p.fd, &rx, MSG_DONTWAIT) == 100) {
			id = payload_id(rx.data, 100);
			if (write(out[1], &id, 1) != 1)
				_exit(1);
		}
		_exit(0);
	}
	while (rx_recv(p.fd, &rx, MSG_DONTWAIT) == 100)
		ids[payload_id(rx.data, 100)]++;
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(0, status);
	close(out[1]);
	n = read(out[0], others, sizeof(others));
	for (i = 0; i < n; i++)
		ids[others[i]]++;
	for (i = 0; i < SHARED; i++)
		EXPECT_EQ(1, ids[i]);
	close(out[0]);
	pair_close(&p);
}

static void pass_fd(int un, int fd)
{
	struct cbuf c = { .len = 0 };

	cbuf_add(&c, SOL_SOCKET, SCM_RIGHTS, &fd, sizeof(fd));
	if (send_cmsg(un, "x", 1, &c, 0) != 1)
		die("SCM_RIGHTS");
}

static int receive_fd(int un)
{
	uint8_t control[64] __attribute__((aligned(8)));
	char data;
	struct iovec iov = { &data, 1 };
	struct msghdr msg = {
		.msg_iov = &iov, .msg_iovlen = 1,
		.msg_control = control, .msg_controllen = sizeof(control),
	};
	int fd;

	if (recvmsg(un, &msg, MSG_CMSG_CLOEXEC) != 1 || !CMSG_FIRSTHDR(&msg))
		die("SCM_RIGHTS");
	memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&msg)), sizeof(fd));
	return fd;
}

/* The other process takes the session over, the one before it lets go. */
static int heir(int un)
{
	uint8_t data[100];
	int fd = receive_fd(un);

	if (send(un, "r", 1, 0) != 1 ||
	    rx_recv(fd, &rx, 0) != 100 || payload_id(rx.data, 100) != 7)
		return 1;
	payload(data, sizeof(data), 8);
	return send(fd, data, sizeof(data), 0) == sizeof(data) ? 0 : 2;
}

TEST_F(lifetime, passed_to_another_process)
{
	int refs = module_unused(), status, un[2];
	struct pair p;
	char data;
	pid_t pid;

	ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, un));
	/* Before the socket is there, so that it can only have it by message. */
	pid = fork();
	if (!pid)
		_exit(heir(un[1]));
	pair_setup(&p, variant->family, variant->cipher);
	EXPECT_TRUE(echoes(&p));
	pass_fd(un[0], p.fd);
	ASSERT_EQ(1, read(un[0], &data, 1));
	close(p.fd);
	p.fd = -1;
	EXPECT_EQ(refs + 1, module_refs());
	feed_id(&p, 100, 7);
	EXPECT_EQ(8, take_id(&p));
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(0, status);
	EXPECT_TRUE(module_refs_become(refs));
	close(un[0]);
	close(un[1]);
	pair_close(&p);
}

/* Over exec: a program that knows nothing of all this writes a record. */
static int run_shell(int fd, const char *script)
{
	int status;
	pid_t pid = fork();

	if (!pid) {
		if (fd >= 0 && dup2(fd, 9) != 9)
			_exit(100);
		execl("/bin/sh", "sh", "-c", script, NULL);
		_exit(101);
	}
	if (waitpid(pid, &status, 0) != pid)
		die("waitpid");
	return status;
}

TEST_F(lifetime, kept_over_exec)
{
	struct record r;
	struct pair p;

	pair_setup(&p, variant->family, variant->cipher);
	EXPECT_EQ(0, run_shell(p.fd, "printf hello >&9"));
	ASSERT_EQ(0, take(&p, &r));
	EXPECT_EQ(5, r.len);
	EXPECT_EQ(0, memcmp("hello", r.data, 5));
	feed(&p, "world", 5);
	EXPECT_EQ(0, run_shell(p.fd, "[ \"$(dd bs=100 count=1 <&9 2>/dev/null)\" = world ]"));
	p.out.seq++;
	EXPECT_TRUE(echoes(&p));
	pair_close(&p);
}

TEST_F(lifetime, closed_on_exec)
{
	int refs = module_unused();
	char script[64];
	struct pair p;

	pair_setup(&p, variant->family, variant->cipher);
	/* udp_socket() makes them so. */
	snprintf(script, sizeof(script), "[ ! -e /proc/self/fd/%d ]", p.fd);
	EXPECT_EQ(0, run_shell(-1, script));
	EXPECT_TRUE(echoes(&p));
	pair_close(&p);
	EXPECT_TRUE(module_refs_become(refs));
}

/* Calls that outlive the descriptor */

static void seq_close_under_readers(struct twin *t)
{
	struct reader r[2];
	int i;

	for (i = 0; i < 2; i++)
		reader_start(&r[i], t->p.fd);
	close(t->p.fd);
	t->p.fd = -1;
	give(t, 100, 1);
	give(t, 100, 2);
	for (i = 0; i < 2; i++)
		say_rc(t, "reader", reader_join(&r[i]));
}

TEST_F(lifetime, close_under_blocked_readers)
{
	int refs = module_unused();

	AS_UDP(seq_close_under_readers, "reader:100 reader:100");
	EXPECT_TRUE(module_refs_become(refs));
}

/* poll() looks at the descriptor again once it is woken up. */
static void seq_close_under_poll(struct twin *t)
{
	struct waiter w;

	waiter_start(&w, poll_main, t->p.fd, POLLIN);
	close(t->p.fd);
	t->p.fd = -1;
	give(t, 100, 1);
	job_join(&w.job);
	say(t, "poll:%x ", w.result);
}

TEST_F(lifetime, close_under_a_blocked_poll)
{
	int refs = module_unused();

	AS_UDP(seq_close_under_poll, "poll:");
	EXPECT_TRUE(module_refs_become(refs));
}

/* A set of epoll does not keep a socket: it goes, and what waits goes on. */
TEST_F(lifetime, close_under_a_blocked_epoll)
{
	int refs = module_unused(), ep, wake[2];
	struct epoll_event event = { .events = EPOLLIN };
	struct waiter w;
	struct pair p;

	pair_setup(&p, variant->family, variant->cipher);
	ASSERT_EQ(0, pipe(wake));
	ep = epoll_of(p.fd, EPOLLIN | EPOLLET);
	ASSERT_EQ(0, epoll_ctl(ep, EPOLL_CTL_ADD, wake[0], &event));
	waiter_start(&w, epoll_main, ep, 0);
	close(p.fd);
	p.fd = -1;
	EXPECT_TRUE(module_refs_become(refs));
	send(p.peer, "lost", 4, 0);
	EXPECT_FALSE(job_done(&w.job));
	ASSERT_EQ(1, write(wake[1], "x", 1));
	job_join(&w.job);
	EXPECT_EQ(EPOLLIN, w.result);
	close(ep);
	close(wake[0]);
	close(wake[1]);
	pair_close(&p);
}

struct sender {
	struct job	job;
	int		fd;
	long		result;
};

static void *sender_main(void *arg)
{
	struct sender *s = arg;

	s->result = RC(send(s->fd, "blocked", 7, 0));
	return NULL;
}

/* A sender that waits for room, which comes when the neighbour is given up. */
static void seq_close_under_sender(struct twin *t)
{
	struct sender s;
	int i;

	twin_to_far(t, 7777);
	set_int(t->p.fd, SOL_SOCKET, SO_SNDBUF, 5000);
	for (i = 0; i < 100; i++)
		if (put_id(t, fitting(t, 500), i, MSG_DONTWAIT) < 0)
			break;
	s.fd = t->p.fd;
	job_start(&s.job, sender_main, &s);
	job_wait_asleep(&s.job);
	close(t->p.fd);
	t->p.fd = -1;
	command("ip neigh flush dev veth0");
	job_join(&s.job);
	say_rc(t, "sender", s.result);
}

TEST_F(lifetime, close_under_a_blocked_sender)
{
	int refs = module_unused();

	if (!veth_open())
		SKIP(return, "no veth");
	AS_UDP(seq_close_under_sender, "sender:7 ");
	EXPECT_TRUE(module_refs_become(refs));
}

/* Namespaces */

/* What the process's namespace is does not matter, the socket's does. */
TEST_F(lifetime, counted_where_the_socket_is)
{
	struct stats here, there;
	int home, away;
	struct pair p;

	netns_enter();
	home = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	pair_setup(&p, variant->family, variant->cipher);
	stats_read(&here);
	netns_enter();
	away = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
	stats_read(&there);
	EXPECT_TRUE(echoes(&p));
	feed_raw(&p, "not a record, but long enough for one", 37);
	/* That lo is busy is not seen from here. */
	sleep_ms(QUIET_MS);
	EXPECT_EQ(-EAGAIN, RC(recv(p.fd, &rx, 10, MSG_DONTWAIT)));
	EXPECT_STREQ("", stats_since(&there));
	EXPECT_EQ(0, stats_get("Attached"));
	ASSERT_EQ(0, setns(home, CLONE_NEWNET));
	EXPECT_STREQ("TxRecords+1 TxBytes+100 RxRecords+1 RxBytes+77 RxDropFormat+1",
		     stats_since(&here));
	ASSERT_EQ(0, setns(away, CLONE_NEWNET));
	pair_close(&p);
	ASSERT_EQ(0, setns(home, CLONE_NEWNET));
	EXPECT_EQ(0, stats_get("Attached"));
	EXPECT_EQ(0, stats_get("CurrTx"));
	close(home);
	close(away);
}

/* Keys for a socket of another namespace count there, too. */
TEST_F(lifetime, installed_from_another_namespace)
{
	struct pair p;
	int home;

	netns_enter();
	home = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	pair_open(&p, variant->family, variant->cipher);
	netns_enter();
	pair_attach(&p);
	pair_install(&p);
	EXPECT_TRUE(echoes(&p));
	EXPECT_EQ(0, stats_get("Attached") + stats_get("TxInstalled"));
	ASSERT_EQ(0, setns(home, CLONE_NEWNET));
	EXPECT_EQ(1, stats_get("Attached"));
	EXPECT_EQ(1, stats_get("CurrTx"));
	EXPECT_EQ(1, stats_get("CurrRx"));
	pair_close(&p);
	close(home);
}

/* Datagrams, opened records, errors: all of it waits as the namespace goes. */
static void leave_traffic(enum family family, uint16_t cipher)
{
	uint8_t data[50], wire[1024];
	struct pair p;
	size_t n = 0;
	int i;

	netns_enter();
	pair_setup(&p, family, cipher);
	if (family == IPV6)
		set_int(p.fd, SOL_IPV6, IPV6_RECVERR, 1);
	else
		set_int(p.fd, SOL_IP, IP_RECVERR, 1);
	for (i = 0; i < 5; i++) {
		payload(data, sizeof(data), i);
		n += oracle_seal(&p.in, DTLS_CT_APPLICATION_DATA, data,
				 sizeof(data), wire + n);
	}
	feed_raw(&p, wire, n);
	feed_id(&p, 100, 6);
	rx_recv(p.fd, &rx, MSG_PEEK);
	close(p.peer);
	send(p.fd, data, sizeof(data), 0);
	poll_in(p.fd, WAIT_MS);
}

TEST_F(lifetime, namespace_ends_with_traffic)
{
	int refs = module_unused(), status;
	pid_t pid = fork();

	if (!pid) {
		leave_traffic(variant->family, variant->cipher);
		_exit(0);
	}
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(0, status);
	EXPECT_TRUE(module_refs_become(refs));
}

/* A user's own namespaces are enough. */
TEST_F(lifetime, user_namespace)
{
	struct pair p;
	pid_t pid;
	int status;

	pid = fork();
	if (!pid) {
		if (setresuid(65534, 65534, 65534) || unshare(CLONE_NEWUSER))
			_exit(4);
		netns_enter();
		pair_setup(&p, variant->family, variant->cipher);
		_exit(echoes(&p) && stats_get("Attached") == 1 ? 0 : 1);
	}
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	if (WEXITSTATUS(status) == 4)
		SKIP(return, "no user namespaces");
	EXPECT_EQ(0, status);
}

/* A device that disappears under a session, and comes again. */
TEST_F(lifetime, device_goes_and_comes)
{
	static struct twin t;
	int far;

	if (!veth_open_far(&far))
		SKIP(return, "no veth");
	pair_open(&t.p, variant->family, variant->cipher);
	t.kdtls = true;
	twin_over_veth(&t, far);
	EXPECT_TRUE(echoes(&t.p));
	EXPECT_LT(0, dtls_info(t.p.fd).max_payload);
	ASSERT_EQ(0, command("ip link set veth0 down"));
	EXPECT_GT(0, RC(send(t.p.fd, "abcd", 4, 0)));
	EXPECT_EQ(0, dtls_info(t.p.fd).state & ~3);
	ASSERT_EQ(0, command("ip link set veth0 up"));
	ASSERT_EQ(0, command("ip addr replace " NEAR6 "/64 dev veth0 nodad"));
	EXPECT_TRUE(echoes(&t.p));
	ASSERT_EQ(0, command("ip link del veth0"));
	EXPECT_GT(0, RC(send(t.p.fd, "abcd", 4, 0)));
	dtls_info(t.p.fd);
	pair_close(&t.p);
}

/* The module */

static long unload(void)
{
	return RC(syscall(SYS_delete_module, "kdtls", O_NONBLOCK));
}

/* It cannot go as long as a socket may be called in any way. */
TEST_F(lifetime, module_stays)
{
	struct reader r;
	struct pair p;
	int un[2];

	module_unused();
	pair_setup(&p, variant->family, variant->cipher);
	EXPECT_EQ(-EAGAIN, unload());
	/* In a call, without a descriptor */
	reader_start(&r, p.fd);
	close(p.fd);
	EXPECT_EQ(-EAGAIN, unload());
	feed_id(&p, 100, 1);
	EXPECT_EQ(100, reader_join(&r));
	pair_close(&(struct pair){ .fd = -1, .peer = p.peer });
	/* In a message */
	pair_setup(&p, variant->family, variant->cipher);
	ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_DGRAM, 0, un));
	pass_fd(un[0], p.fd);
	close(p.fd);
	EXPECT_EQ(-EAGAIN, unload());
	p.fd = receive_fd(un[1]);
	EXPECT_TRUE(echoes(&p));
	pair_close(&p);
	close(un[0]);
	close(un[1]);
	EXPECT_EQ(0, module_unused());
}

/* It goes as soon as it can, right behind the last socket. */
TEST_F(lifetime, module_goes_behind_the_last_socket)
{
	int turn, gone = 0;
	struct pair p;
	uint64_t end;
	long err;

	module_unused();
	for (turn = 0; turn < 8; turn++) {
		pair_setup(&p, variant->family, variant->cipher);
		EXPECT_TRUE(echoes(&p));
		feed_id(&p, 100, 1);
		pair_close(&p);
		end = now_ms() + WAIT_MS;
		do {
			err = unload();
		} while (err == -EAGAIN && now_ms() < end);
		EXPECT_EQ(0, err);
		gone += !err;
		ASSERT_EQ(0, command("modprobe kdtls"));
	}
	EXPECT_EQ(8, gone);
}

TEST_HARNESS_MAIN
