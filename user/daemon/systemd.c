// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "log.h"
#include "systemd.h"

#define FIRST_FD 3

static int notify_fd = -1;

static int option(int fd, int name)
{
	int value = -1;
	socklen_t len = sizeof(value);

	return getsockopt(fd, SOL_SOCKET, name, &value, &len) ? -1 : value;
}

/* For us, and not for who was there before us and has left its environment. */
static long passed(void)
{
	const char *pid = getenv("LISTEN_PID"), *fds = getenv("LISTEN_FDS");
	long n = pid && fds && strtol(pid, NULL, 10) == getpid() ?
		 strtol(fds, NULL, 10) : 0;

	unsetenv("LISTEN_PID");
	unsetenv("LISTEN_FDS");
	unsetenv("LISTEN_FDNAMES");
	return n;
}

int systemd_socket(void)
{
	long n = passed();

	if (n < 1)
		return -1;
	if (n > 1) {
		log_say(LOG_ERR, "the service manager passes %ld sockets, and there is use for one: see kdtlsd.socket",
			n);
		return -2;
	}
	if (option(FIRST_FD, SO_DOMAIN) != AF_UNIX ||
	    option(FIRST_FD, SO_TYPE) != SOCK_SEQPACKET ||
	    option(FIRST_FD, SO_ACCEPTCONN) != 1) {
		log_say(LOG_ERR, "what the service manager passes is no listening Unix socket of type SOCK_SEQPACKET: use ListenSequentialPacket=");
		return -2;
	}
	fcntl(FIRST_FD, F_SETFD, FD_CLOEXEC);
	fcntl(FIRST_FD, F_SETFL, O_NONBLOCK);
	return FIRST_FD;
}

void systemd_open(void)
{
	const char *path = getenv("NOTIFY_SOCKET");
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	size_t n = path ? strlen(path) : 0;
	socklen_t len;

	if (!n || n >= sizeof(un.sun_path) || (*path != '/' && *path != '@'))
		return;
	memcpy(un.sun_path, path, n);
	/* The abstract name space, whose names have no NUL at their end. */
	if (*path == '@')
		un.sun_path[0] = 0;
	len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n + (*path == '/'));
	notify_fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (notify_fd >= 0 && connect(notify_fd, (struct sockaddr *)&un, len)) {
		log_say(LOG_WARNING, "cannot get at the service manager: %s",
			strerror(errno));
		close(notify_fd);
		notify_fd = -1;
	}
	unsetenv("NOTIFY_SOCKET");
}

void systemd_notify(const char *text)
{
	if (notify_fd >= 0 &&
	    send(notify_fd, text, strlen(text), MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
		log_say(LOG_DEBUG, "the service manager does not listen: %s",
			strerror(errno));
}

void systemd_reloading(void)
{
	struct timespec ts;
	char text[80];

	clock_gettime(CLOCK_MONOTONIC, &ts);
	snprintf(text, sizeof(text), "RELOADING=1\nMONOTONIC_USEC=%lld",
		 (long long)ts.tv_sec * 1000000 + ts.tv_nsec / 1000);
	systemd_notify(text);
}
