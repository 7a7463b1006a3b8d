// SPDX-License-Identifier: GPL-2.0
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "peer.h"
#include "proxy.h"

bool peer_have(const char *program)
{
	const char *path = getenv("PATH");
	char name[4096];
	size_t n;

	for (; path && *path; path += n + !!path[n]) {
		n = strcspn(path, ":");
		snprintf(name, sizeof(name), "%.*s/%s", (int)n, path, program);
		if (!access(name, X_OK))
			return true;
	}
	printf("# no %s here\n", program);
	return false;
}

static void run(const char *const *argv, int in, int out)
{
	dup2(in, STDIN_FILENO);
	dup2(out, STDOUT_FILENO);
	dup2(out, STDERR_FILENO);
	execvp(argv[0], (char *const *)argv);
	_exit(127);
}

bool peer_start(struct peer *p, const char *const *argv)
{
	int in[2], out[2];

	memset(p, 0, sizeof(*p));
	if (pipe2(in, O_CLOEXEC) || pipe2(out, O_CLOEXEC))
		return false;
	p->pid = fork();
	if (!p->pid)
		run(argv, in[0], out[1]);
	close(in[0]);
	close(out[1]);
	p->in = in[1];
	p->out = out[0];
	fcntl(p->out, F_SETFL, O_NONBLOCK);
	return p->pid > 0;
}

static void listen_to(struct peer *p)
{
	ssize_t n;

	while (p->len < sizeof(p->text) - 1 &&
	       (n = read(p->out, p->text + p->len,
			 sizeof(p->text) - 1 - p->len)) > 0)
		p->len += (size_t)n;
	p->text[p->len] = 0;
}

bool peer_said(struct peer *p, const char *text)
{
	listen_to(p);
	return memmem(p->text, p->len, text, strlen(text));
}

bool peer_says(struct peer *p, const char *text)
{
	struct pollfd fd = { .fd = p->out, .events = POLLIN };
	int i;

	for (i = 0; i < 1500; i++) {
		if (peer_said(p, text))
			return true;
		if (poll(&fd, 1, 20) > 0 && fd.revents & POLLHUP)
			usleep(20000);
	}
	printf("# it does not say \"%s\", but:\n# %s\n", text, p->text);
	return false;
}

void peer_type(struct peer *p, const char *text)
{
	if (write(p->in, text, strlen(text)) < 0)
		perror("# peer_type");
}

void peer_end(struct peer *p)
{
	if (p->pid <= 0)
		return;
	kill(p->pid, SIGKILL);
	waitpid(p->pid, NULL, 0);
	close(p->in);
	close(p->out);
	p->pid = 0;
}

void peer_free_port(char *port, size_t size)
{
	struct sockaddr_in in = {
		.sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	int fd = socket(AF_INET, SOCK_DGRAM, 0);
	struct sockaddr_storage ss = { 0 };
	socklen_t len = sizeof(ss);

	if (bind(fd, (struct sockaddr *)&in, sizeof(in)) ||
	    getsockname(fd, (struct sockaddr *)&ss, &len))
		perror("# peer_free_port");
	port_of(&ss, port, size);
	close(fd);
}
