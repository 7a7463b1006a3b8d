// SPDX-License-Identifier: GPL-2.0
/* What peers of every library have in common: their process and what they say. */
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "peer.h"
#include "util.h"

static char *error_text;
static size_t error_size;

bool peer_error(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(error_text, error_size, fmt, ap);
	va_end(ap);
	return false;
}

int task_sessions(const struct task *t)
{
	return t->feature == BY_ID || t->feature == BY_TICKET ? 2 : 1;
}

bool task_psk(const struct task *t)
{
	return t->suite->auth == AUTH_PSK;
}

unsigned int peer_key(const char *said, const char *right, void *key,
		      size_t size)
{
	if (!said || strcmp(said, right) || size < PEER_KEY_LEN)
		return 0;
	memcpy(key, PEER_KEY, PEER_KEY_LEN);
	return PEER_KEY_LEN;
}

/* One byte, around a cipher block, a usual datagram. */
size_t peer_record(unsigned int i, uint8_t *buf)
{
	static const size_t sizes[PEER_RECORDS] = {
		1, 15, 16, 17, 500, PEER_LARGEST
	};

	payload(buf, sizes[i], i);
	return sizes[i];
}

/* A server does not know its peer before it has heard of it. */
static bool meet(int fd)
{
	struct sockaddr_storage ss;
	socklen_t len = sizeof(ss);
	char byte;

	if (recvfrom(fd, &byte, 1, MSG_PEEK, (void *)&ss, &len) < 0 ||
	    connect(fd, (void *)&ss, len))
		return peer_error("no client came: %s", strerror(errno));
	return true;
}

static int reach(const struct task *t)
{
	enum family family = strchr(t->address, ':') ? IPV6 : IPV4;
	struct sockaddr_storage ss;
	socklen_t len = loopback(family, t->port, &ss);
	int fd = udp_socket(family);

	if (connect(fd, (void *)&ss, len))
		die("connect");
	return fd;
}

/* Send, and compare what comes back. */
static bool ask(const struct stack *stack, struct saw *saw)
{
	uint8_t record[PEER_LARGEST], echo[PEER_LARGEST + 1];
	ssize_t len, n;

	for (; saw->records < PEER_RECORDS; saw->records++) {
		len = peer_record(saw->records, record);
		if (stack->send(record, len) != len)
			return false;
		n = stack->recv(echo, sizeof(echo));
		if (n < 0)
			return false;
		if (n != len || memcmp(record, echo, len))
			return peer_error("%zd bytes came back, other than the %zd sent",
					  n, len);
	}
	stack->close();
	return true;
}

/* Compare what comes, and send it back, until the client closes. */
static bool answer(const struct stack *stack, struct saw *saw)
{
	uint8_t record[PEER_LARGEST], got[PEER_LARGEST + 1];
	size_t len;
	ssize_t n;

	while ((n = stack->recv(got, sizeof(got))) > 0) {
		if (saw->records == PEER_RECORDS)
			return peer_error("a record too many came");
		len = peer_record(saw->records, record);
		if ((size_t)n != len || memcmp(record, got, len))
			return peer_error("%zd bytes came, other than the %zu sent",
					  n, len);
		saw->records++;
		if (stack->send(got, n) != n)
			return false;
	}
	saw->closed = !n;
	stack->close();
	return !n;
}

static bool session(const struct stack *stack, const struct task *t,
		    int number, struct saw *saw)
{
	int fd = t->server ? t->fds[number] : reach(t);

	set_timeout(fd, PEER_WAIT_MS);
	if ((t->server && !meet(fd)) || !stack->open(t, fd))
		return false;
	saw->open = true;
	stack->look(saw);
	return t->server ? answer(stack, saw) : ask(stack, saw);
}

void peer_run(const struct stack *stack, const struct task *t,
	      struct report *report)
{
	int i;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	signal(SIGPIPE, SIG_IGN);
	error_text = report->error;
	error_size = sizeof(report->error);
	if (stack->program)
		stack->program(t, report);
	else if (stack->begin(t))
		for (i = 0; i < task_sessions(t); i++)
			if (!session(stack, t, i, &report->saw[i]))
				break;
	_exit(0);
}
