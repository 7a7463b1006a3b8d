// SPDX-License-Identifier: GPL-2.0
/*
 * A DTLS client without a line of cryptography: the helper, kdtlsd(8), does the
 * handshake, and the socket is an ordinary one before and after it.
 *
 *	helper_client HOST PORT [PROFILE [SOCKET]]
 *
 * Sends what it reads line by line, and prints what comes.
 */
#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <kdtls-helper.h>

static int connected_socket(const char *host, const char *port)
{
	const struct addrinfo hints = { .ai_socktype = SOCK_DGRAM };
	struct addrinfo *list, *ai;
	int fd = -1;

	if (getaddrinfo(host, port, &hints, &list))
		return -1;
	for (ai = list; ai && fd < 0; ai = ai->ai_next) {
		fd = socket(ai->ai_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
		if (fd >= 0 && connect(fd, ai->ai_addr, ai->ai_addrlen)) {
			close(fd);
			fd = -1;
		}
	}
	freeaddrinfo(list);
	return fd;
}

/* Data that the server sent before the handover, older than what is in the socket. */
static void early_data(struct kdtls_helper *helper, unsigned int n)
{
	struct kdtls_helper_event e;

	while (n-- && kdtls_helper_next(helper, &e, sizeof(e), 1000) > 0)
		if (e.type == KDTLS_HELPER_DATA)
			fwrite(e.data, 1, e.len, stdout);
}

/* From standard input to the socket; 0 at the end. */
static int from_user(int fd)
{
	char line[1024];

	if (!fgets(line, sizeof(line), stdin))
		return 0;
	if (send(fd, line, strlen(line), 0) < 0) {
		perror("send");
		return 0;
	}
	return 1;
}

/* From the socket to standard output; 0 when the server has closed the session. */
static int from_server(int fd)
{
	char buf[16384];
	ssize_t n = recv(fd, buf, sizeof(buf), MSG_DONTWAIT);

	if (n < 0 && errno == EAGAIN)
		return 1;
	if (n < 0)
		perror("recv");
	if (n <= 0)
		return 0;
	fwrite(buf, 1, (size_t)n, stdout);
	return 1;
}

static void talk(int fd)
{
	struct pollfd p[2] = {
		{ .fd = STDIN_FILENO, .events = POLLIN },
		{ .fd = fd, .events = POLLIN },
	};

	/* A line that stdio keeps would not be seen by poll(). */
	setvbuf(stdin, NULL, _IONBF, 0);
	setvbuf(stdout, NULL, _IOLBF, 0);
	while (poll(p, 2, -1) > 0) {
		if (p[0].revents && !from_user(fd))
			return;
		if (p[1].revents && !from_server(fd))
			return;
	}
}

int main(int argc, char **argv)
{
	struct kdtls_helper_opts opts = { .size = sizeof(opts) };
	struct kdtls_helper_done done;
	struct kdtls_helper *helper;
	int fd, err;

	if (argc < 3 || argc > 5) {
		fprintf(stderr, "usage: helper_client HOST PORT [PROFILE [SOCKET]]\n");
		return 2;
	}
	fd = connected_socket(argv[1], argv[2]);
	if (fd < 0) {
		fprintf(stderr, "cannot reach %s port %s\n", argv[1], argv[2]);
		return 1;
	}
	opts.server_name = argv[1];
	opts.profile = argc > 3 ? argv[3] : NULL;
	err = kdtls_helper_open(argc > 4 ? argv[4] : NULL, &helper);
	if (!err)
		err = kdtls_helper_upgrade(helper, fd, &opts, &done, sizeof(done));
	if (err) {
		fprintf(stderr, "no session (%s): %s\n", strerror(-err),
			kdtls_last_error());
		return 1;
	}
	fprintf(stderr, "open: %s%s\n", done.cipher,
		done.flags & KDTLS_HELPER_RESUMED ? ", resumed" : "");
	early_data(helper, done.early);
	talk(fd);
	close(fd);
	kdtls_helper_close(helper);
	return 0;
}
