// SPDX-License-Identifier: GPL-2.0
/*
 * The programs of libcoap, which come with one library below or another. They take
 * keys and no list of suites: which they have is in what their client sends.
 */
#include <arpa/inet.h>
#include <ctype.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ours.h"

#define MAX_SUITES	256
/* In a ClientHello, behind the headers of record and message, version and random. */
#define HELLO_FIRST	(13 + 12 + 2 + 32)

struct backend {
	const char	*client;
	const char	*server;
	char		version[80];
	bool		asked;
	uint16_t	suites[MAX_SUITES];
	int		n_suites;
};

/* ---- programs ---- */

struct program {
	pid_t	pid;
	FILE	*output;
};

/* What it prints comes by a pipe, both streams. */
static bool start(struct program *p, const char *const argv[])
{
	int fds[2];

	if (pipe(fds))
		return false;
	p->pid = fork();
	if (!p->pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		dup2(fds[1], STDOUT_FILENO);
		dup2(fds[1], STDERR_FILENO);
		close(fds[0]);
		close(fds[1]);
		execvp(argv[0], (char *const *)argv);
		_exit(127);
	}
	close(fds[1]);
	p->output = fdopen(fds[0], "r");
	return p->pid > 0 && p->output;
}

/* Returns its exit status, or -1. */
static int end(struct program *p, int signo)
{
	int status = -1;

	if (signo)
		kill(p->pid, signo);
	waitpid(p->pid, &status, 0);
	fclose(p->output);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* ---- what they can do ---- */

/* "TLS Library: GnuTLS - runtime 3.7.9, libcoap built for 3.7.8", with its own. */
static void ask_version(struct backend *b)
{
	const char *const argv[] = { b->client, "--help", NULL };
	char line[256], *at;
	struct program p;

	if (!start(&p, argv))
		return;
	while (fgets(line, sizeof(line), p.output)) {
		line[strcspn(line, "\n")] = 0;
		at = strstr(line, " v4");
		if (at && !*b->version)
			snprintf(b->version, sizeof(b->version), "%.*s",
				 (int)strcspn(at + 2, " "), at + 2);
		if (strncmp(line, "TLS Library: ", 13))
			continue;
		at = strchr(line, ',');
		if (at)
			*at = 0;
		snprintf(b->version + strlen(b->version),
			 sizeof(b->version) - strlen(b->version), ", %.40s",
			 line + 13);
	}
	end(&p, 0);
}

static void read_suites(struct backend *b, const uint8_t *p, size_t n)
{
	const uint8_t *last = p + n;

	p += HELLO_FIRST;
	if (p < last)
		p += 1 + *p;	/* session id */
	if (p < last)
		p += 1 + *p;	/* cookie */
	if (p + 2 > last)
		return;
	n = p[0] << 8 | p[1];
	for (p += 2; n > 1 && p + 2 <= last && b->n_suites < MAX_SUITES;
	     p += 2, n -= 2)
		b->suites[b->n_suites++] = p[0] << 8 | p[1];
}

/* Have the client send its ClientHello to nobody. */
static void ask_suites(struct backend *b)
{
	int fd = udp_socket(IPV4);
	uint8_t hello[2048];
	struct program p;
	char uri[64];
	const char *const argv[] = {
		b->client, "-u", PEER_IDENTITY, "-k", PEER_KEY, uri, NULL
	};
	ssize_t n;

	udp_bind(fd, IPV4);
	snprintf(uri, sizeof(uri), "coaps://127.0.0.1:%u/", local_port(fd));
	if (start(&p, argv)) {
		n = recv(fd, hello, sizeof(hello), 0);
		if (n > 0)
			read_suites(b, hello, n);
		end(&p, SIGKILL);
	}
	close(fd);
}

static const char *version_of(struct backend *b)
{
	if (!b->asked) {
		b->asked = true;
		ask_version(b);
		if (*b->version)
			ask_suites(b);
	}
	return *b->version ? b->version : NULL;
}

static const char *why_not_of(struct backend *b, const struct task *t)
{
	int i;

	if (!task_psk(t))
		return "libcoap is tried with pre-shared keys only";
	if (!t->server && t->feature != CERTIFICATE)
		return "coap-client has one session, and forgets it";
	for (i = 0; i < b->n_suites; i++)
		if (b->suites[i] == t->suite->id)
			return NULL;
	return "the ClientHello of coap-client does not offer the suite";
}

/* ---- the tasks ---- */

/* These programs do not tell suite and resumption: we tell ours. */
static void assume(const struct task *t, int number, struct saw *saw)
{
	saw->open = true;
	saw->suite = t->suite->id;
	saw->resumed = number > 0;
}

/* A program that asks once, prints the answer, and ends. */
static void ask(struct backend *b, const struct task *t, struct report *report)
{
	char uri[64], got[2 * PEER_LARGEST];
	const char *const argv[] = {
		b->client, "-B", "20", "-u", PEER_IDENTITY, "-k", PEER_KEY, uri,
		NULL
	};
	struct program p;
	size_t n;

	snprintf(uri, sizeof(uri), "coaps://%s%s%s:%u/",
		 strchr(t->address, ':') ? "[" : "", t->address,
		 strchr(t->address, ':') ? "]" : "", t->port);
	if (!start(&p, argv)) {
		peer_error("%s does not start", b->client);
		return;
	}
	n = fread(got, 1, sizeof(got) - 1, p.output);
	got[n] = 0;
	if (end(&p, 0) || strncmp(got, coap_text(), strlen(coap_text()))) {
		peer_error("%s printed %.60s", b->client, got);
		return;
	}
	assume(t, 0, &report->saw[0]);
	report->saw[0].records = 1;
}

/* A program that answers until our last session is closed. */
static void serve(struct backend *b, const struct task *t,
		  struct report *report)
{
	struct saw *saw = report->saw;
	char port[8], line[2048];
	const char *const argv[] = {
		b->server, "-v", "7", "-A", t->address, "-p", port, "-h",
		PEER_HINT, "-k", PEER_KEY, NULL
	};
	struct program p;
	int number = 0;

	/* Its DTLS is one port above. */
	snprintf(port, sizeof(port), "%u", t->port - 1);
	if (!start(&p, argv)) {
		peer_error("%s does not start", b->server);
		return;
	}
	while (number < task_sessions(t) && fgets(line, sizeof(line), p.output)) {
		if (strstr(line, "created DTLS endpoint"))
			report->ready = true;
		else if (strstr(line, "c:2.05"))
			saw[number].records++;
		else if (strstr(line, "session connected"))
			assume(t, number, &saw[number]);
		else if (strstr(line, "session disconnected"))
			saw[number++].closed = true;
	}
	if (number < task_sessions(t))
		peer_error("%s ended: %.80s", b->server, line);
	end(&p, SIGINT);
}

static void run(struct backend *b, const struct task *t, struct report *report)
{
	if (t->server)
		serve(b, t, report);
	else
		ask(b, t, report);
}

#define BACKEND(lib, ...)						\
	static struct backend lib = {					\
		.client = "coap-client-" #lib,				\
		.server = "coap-server-" #lib,				\
	};								\
									\
	static const char *lib##_version(void)				\
	{								\
		return version_of(&lib);				\
	}								\
									\
	static const char *lib##_why_not(const struct task *t)		\
	{								\
		return why_not_of(&lib, t);				\
	}								\
									\
	static void lib##_run(const struct task *t, struct report *r)	\
	{								\
		run(&lib, t, r);					\
	}								\
									\
	const struct stack peer_coap_##lib = {				\
		.name = "libcoap_" #lib,				\
		.version = lib##_version,				\
		.why_not = lib##_why_not,				\
		.program = lib##_run,					\
		__VA_ARGS__						\
	}

BACKEND(openssl);
BACKEND(gnutls, .forgets = true);
