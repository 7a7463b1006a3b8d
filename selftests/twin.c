// SPDX-License-Identifier: GPL-2.0
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "twin.h"

void say(struct twin *t, const char *fmt, ...)
{
	size_t left = sizeof(t->text) - t->at;
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(t->text + t->at, left, fmt, ap);
	va_end(ap);
	if (n < 0 || (size_t)n >= left)
		die("too much to say");
	t->at += n;
}

void say_rc(struct twin *t, const char *what, long rc)
{
	if (rc < 0)
		say(t, "%s:%s ", what, strerrorname_np(-rc));
	else
		say(t, "%s:%ld ", what, rc);
}

void twin_install(struct twin *t)
{
	if (!t->kdtls)
		return;
	pair_attach(&t->p);
	pair_install(&t->p);
}

static void run(struct twin *t, sequence seq, enum family family,
		uint16_t cipher, bool kdtls)
{
	memset(t, 0, sizeof(*t));
	t->kdtls = kdtls;
	pair_open(&t->p, family, cipher);
	twin_install(t);
	seq(t);
	pair_close(&t->p);
}

bool as_udp(sequence seq, enum family family, uint16_t cipher,
	    const char *must)
{
	static struct twin plain, kdtls;

	run(&plain, seq, family, cipher, false);
	run(&kdtls, seq, family, cipher, true);
	if (plain.at && !strcmp(plain.text, kdtls.text) &&
	    (!must || strstr(kdtls.text, must)))
		return true;
	fprintf(stderr, "# plain UDP: %s\n# kdtls:     %s\n", plain.text,
		kdtls.text);
	if (must)
		fprintf(stderr, "# must have: %s\n", must);
	return false;
}

void give(struct twin *t, size_t n, uint32_t id)
{
	uint8_t data[65536];

	if (t->kdtls) {
		feed_id(&t->p, n, id);
		return;
	}
	payload(data, n, id);
	feed_raw(&t->p, data, n);
}

size_t fitting(const struct twin *t, size_t n)
{
	return t->kdtls ? n - oracle_overhead(&t->p.out) : n;
}

long put_id(struct twin *t, size_t n, uint32_t id, int flags)
{
	uint8_t data[65536];

	payload(data, n, id);
	return RC(send(t->p.fd, data, n, flags));
}

long got_id(struct twin *t)
{
	uint8_t data[65536];
	long n;

	if (t->kdtls)
		return take_id(&t->p);
	n = RC(recv(t->p.peer, data, sizeof(data), 0));
	return n < 0 ? n : payload_id(data, n);
}

void say_recv(struct twin *t, int flags)
{
	static struct rx rx;

	if (rx_recv(t->p.fd, &rx, flags) < 0)
		say_rc(t, "recv", rx.len);
	else
		say(t, "recv:%zd.%ld ", rx.len, payload_id(rx.data, rx.len));
}

void say_poll(struct twin *t)
{
	struct pollfd pfd = {
		.fd = t->p.fd,
		.events = POLLIN | POLLOUT | POLLRDHUP | POLLPRI,
	};

	settle();
	if (poll(&pfd, 1, 0) < 0)
		die("poll");
	say(t, "poll:%x ", pfd.revents);
}

void set_ip(const struct twin *t, int fd, int ip, int ip6, int value)
{
	if (t->p.family == IPV6)
		set_int(fd, SOL_IPV6, ip6, value);
	else
		set_int(fd, SOL_IP, ip, value);
}

int get_int(int fd, int level, int option)
{
	int value = -1;
	socklen_t len = sizeof(value);

	if (getsockopt(fd, level, option, &value, &len))
		return -errno;
	return value;
}

/* Beyond the loopback */

int command(const char *fmt, ...)
{
	char line[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	return system(line);
}

static bool veth_near(void)
{
	netns_enter();
	if (command("modprobe -q veth; ip link add veth0 type veth peer name veth1 2>/dev/null"))
		return false;
	if (command("ip addr add " NEAR4 "/24 dev veth0") ||
	    command("ip addr add " NEAR6 "/64 dev veth0 nodad"))
		die("ip addr add");
	return true;
}

bool veth_open(void)
{
	if (!veth_near())
		return false;
	if (command("ip link set veth0 up") || command("ip link set veth1 up"))
		die("ip link set up");
	return true;
}

bool veth_open_far(int *far)
{
	int home;

	if (!veth_near())
		return false;
	home = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	netns_enter();
	*far = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	if (home < 0 || *far < 0 || setns(home, CLONE_NEWNET) ||
	    command("ip link set veth1 netns /proc/%d/fd/%d", getpid(), *far) ||
	    command("ip link set veth0 up") || setns(*far, CLONE_NEWNET) ||
	    command("ip link set veth1 up") ||
	    command("ip addr add " FAR4 "/24 dev veth1") ||
	    command("ip addr add " FAR6 "/64 dev veth1 nodad") ||
	    setns(home, CLONE_NEWNET))
		die("veth1 in its namespace");
	close(home);
	return true;
}

static socklen_t address(enum family family, const char *v4, const char *v6,
			 uint16_t port, struct sockaddr_storage *addr)
{
	socklen_t len = loopback(family, port, addr);
	struct sockaddr_in *in = (void *)addr;
	struct sockaddr_in6 *in6 = (void *)addr;
	char mapped[64];

	snprintf(mapped, sizeof(mapped), "::ffff:%s", v4);
	if (family == IPV4)
		inet_pton(AF_INET, v4, &in->sin_addr);
	else
		inet_pton(AF_INET6, family == IPV6 ? v6 : mapped,
			  &in6->sin6_addr);
	return len;
}

socklen_t far_address(enum family family, uint16_t port,
		      struct sockaddr_storage *addr)
{
	return address(family, FAR4, FAR6, port, addr);
}

socklen_t near_address(enum family family, uint16_t port,
		       struct sockaddr_storage *addr)
{
	return address(family, NEAR4, NEAR6, port, addr);
}

void twin_to_far(struct twin *t, uint16_t port)
{
	struct sockaddr_storage addr;
	socklen_t len = far_address(t->p.family, port, &addr);

	close(t->p.fd);
	t->p.fd = udp_socket(t->p.family);
	if (connect(t->p.fd, (void *)&addr, len))
		die("connect to the far address");
	twin_install(t);
}

void twin_to_any(struct twin *t)
{
	enum family other = t->p.family == MAPPED ? IPV4 : t->p.family;

	close(t->p.fd);
	close(t->p.peer);
	t->p.fd = udp_socket(t->p.family);
	t->p.peer = udp_socket(other);
	udp_bind(t->p.peer, other);
	udp_connect(t->p.fd, t->p.family, t->p.peer);
	twin_install(t);
}

void twin_over_veth(struct twin *t, int far)
{
	enum family other = t->p.family == MAPPED ? IPV4 : t->p.family;
	int home = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	struct sockaddr_storage addr;
	socklen_t len = far_address(other, 0, &addr);

	close(t->p.peer);
	if (home < 0 || setns(far, CLONE_NEWNET))
		die("setns");
	t->p.peer = udp_socket(other);
	if (bind(t->p.peer, (void *)&addr, len))
		die("bind to the far address");
	if (setns(home, CLONE_NEWNET))
		die("setns");
	close(home);
	twin_to_far(t, local_port(t->p.peer));
	len = near_address(other, local_port(t->p.fd), &addr);
	if (connect(t->p.peer, (void *)&addr, len))
		die("connect to the near address");
}
