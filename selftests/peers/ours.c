// SPDX-License-Identifier: GPL-2.0
/* Our side of a cell. */
#include <netinet/in.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include <openssl/x509.h>

#include "ours.h"

/* A kernel that checks everything does it in that time, under emulation. */
#define CELL_MS		60000
#define STEP_MS		100
#define BIG_MTU		4000
/* What others than we close comes that late. */
#define LAST_MS		2000

struct ours {
	struct cell		*cell;
	const struct speech	*speech;
	struct kdtls_endpoint	*ep;
	struct kdtls_session	*session;	/* of a client, until it is closed */
	struct saw		saw[PEER_SESSIONS];
	int			opened;
	bool			closed_now;
	bool			offloaded;
	uint8_t			blob[KDTLS_RESUMPTION_MAX];
	size_t			blob_len;
	char			*why;
	size_t			why_size;
};

static bool fail(struct ours *o, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/* The first that goes wrong counts. */
static bool fail(struct ours *o, const char *fmt, ...)
{
	va_list ap;

	if (*o->why)
		return false;
	va_start(ap, fmt);
	vsnprintf(o->why, o->why_size, fmt, ap);
	va_end(ap);
	return false;
}

/* ---- what is said ---- */

static unsigned int records(const struct ours *o)
{
	return o->cell->task.server ? o->speech->ours : o->speech->theirs;
}

static void ask(struct ours *o, struct saw *saw, struct kdtls_session *s)
{
	uint8_t buf[PEER_LARGEST];
	size_t n;

	if (saw->records == records(o)) {
		kdtls_close(s);
		return;
	}
	n = o->speech->ask(saw->records, buf);
	if (kdtls_send(s, buf, n) < 0)
		fail(o, "send: %s", kdtls_last_error());
}

static void on_message(struct kdtls_session *s, const void *buf, size_t n,
		       void *arg)
{
	struct saw *saw = kdtls_session_data(s);
	uint8_t answer[PEER_LARGEST];
	struct ours *o = arg;

	if (!o->cell->task.server) {
		n = o->speech->answer(saw->records, buf, n, answer);
		if (n && kdtls_send(s, answer, n) < 0)
			fail(o, "send: %s", kdtls_last_error());
	} else if (!o->speech->right(saw->records, buf, n)) {
		n = 0;
	}
	if (!n) {
		fail(o, "record %u is not what was sent", saw->records);
		kdtls_close(s);
		return;
	}
	saw->records++;
	if (o->cell->task.server)
		ask(o, saw, s);
}

/* ---- what becomes of a session ---- */

static void look(struct ours *o, struct kdtls_session *s, struct saw *saw)
{
	const struct suite *suite = o->cell->task.suite;
	X509 *cert = kdtls_session_peer_certificate(s);
	struct kdtls_session_info i;

	kdtls_session_info(s, &i, sizeof(i));
	saw->open = true;
	saw->resumed = i.resumed;
	saw->verified = cert;
	saw->suite = strcmp(i.cipher_standard, suite->name) ? 0 : suite->id;
	X509_free(cert);
	if (!i.offloaded)
		o->offloaded = false;
	/* Resumed, it is in the session. */
	if (suite->auth == AUTH_PSK && strcmp(i.psk_identity, PEER_IDENTITY))
		fail(o, "the PSK identity is \"%s\"", i.psk_identity);
}

static void on_handshake(struct kdtls_session *s, void *arg)
{
	struct ours *o = arg;
	struct saw *saw;

	if (o->opened == PEER_SESSIONS) {
		fail(o, "a session too many");
		return;
	}
	saw = &o->saw[o->opened++];
	kdtls_session_set_data(s, saw);
	look(o, s, saw);
	if (o->cell->task.server)
		ask(o, saw, s);
}

static void on_resumption(struct kdtls_session *s, const void *blob, size_t len,
			  void *arg)
{
	struct ours *o = arg;

	(void)s;
	memcpy(o->blob, blob, len);
	o->blob_len = len;
}

static void on_error(struct kdtls_session *s, int err, const char *text,
		     void *arg)
{
	(void)s;
	(void)err;
	fail(arg, "%s", text);
}

static void on_close(struct kdtls_session *s, int err, void *arg)
{
	struct saw *saw = kdtls_session_data(s);
	struct ours *o = arg;

	if (saw)
		saw->closed = !err;
	o->closed_now = true;
	o->session = NULL;
}

/* ---- what we are ---- */

static ssize_t find_key(struct kdtls_session *s, const char *name, void *key,
			size_t size, void *arg)
{
	(void)s;
	(void)arg;
	return peer_key(name, PEER_IDENTITY, key, size);
}

static int shared_key(struct kdtls_config *config)
{
	int err = kdtls_config_set_psk_identity(config, PEER_IDENTITY, PEER_KEY,
						PEER_KEY_LEN);

	if (!err)
		err = kdtls_config_set_psk_find(config, find_key, NULL);
	/* To load all that the system trusts takes longer than the rest. */
	if (!err)
		err = kdtls_config_set_verify(config, KDTLS_VERIFY_NONE);
	return err ? err : kdtls_config_set_psk_hint(config, PEER_HINT);
}

static int certificate(struct kdtls_config *config, const struct task *t)
{
	const struct identity *id = identity();
	const char *cert = id->cert[t->suite->auth];
	const char *key = id->key[t->suite->auth];
	int err = 0;

	if (!t->server || t->feature == MUTUAL) {
		err = kdtls_config_set_cert_pem(config, cert, strlen(cert));
		if (!err)
			err = kdtls_config_set_key_pem(config, key, strlen(key));
	}
	if (!err && (t->server || t->feature == MUTUAL)) {
		err = kdtls_config_set_ca_pem(config, id->ca, strlen(id->ca));
		if (!err)
			err = kdtls_config_set_verify(config,
						      KDTLS_VERIFY_REQUIRED);
	}
	return err;
}

static int fill(struct kdtls_config *config, struct ours *o,
		enum kdtls_offload offload)
{
	const struct kdtls_callbacks callbacks = {
		.size = sizeof(callbacks),
		.handshake = on_handshake,
		.message = on_message,
		.close = on_close,
		.error = on_error,
		.resumption = on_resumption,
	};
	const struct task *t = &o->cell->task;
	int err = kdtls_config_set_callbacks(config, &callbacks, o);

	if (!err)
		err = kdtls_config_set_offload(config, offload);
	if (!err)
		err = kdtls_config_set_ciphers(config, t->suite->openssl);
	if (!err)
		err = kdtls_config_set_server_name(config, PEER_NAME);
	if (!err)
		err = task_psk(t) ? shared_key(config) : certificate(config, t);
	/* A ticket of GnuTLS holds all that is known of the group of DHE. */
	if (!err && t->feature == BY_TICKET && t->server)
		err = kdtls_config_set_mtu(config, BIG_MTU);
	/* Programs are not told what to resume by: a client takes no tickets. */
	if (!err && t->feature != BY_TICKET &&
	    (!t->server || o->cell->stack->program))
		err = kdtls_config_set_tickets(config, 0);
	if (!err && t->feature != BY_ID && !t->server)
		err = kdtls_config_set_session_cache(config, 0);
	return err;
}

static struct kdtls_config *configure(struct ours *o,
				      enum kdtls_offload offload)
{
	struct kdtls_config *config = kdtls_config_new();

	if (!config || fill(config, o, offload)) {
		fail(o, "%s", kdtls_last_error());
		kdtls_config_free(config);
		return NULL;
	}
	return config;
}

/* ---- the run ---- */

static uint16_t port_of(const struct sockaddr_storage *ss)
{
	return ntohs(ss->ss_family == AF_INET ?
		     ((const struct sockaddr_in *)ss)->sin_port :
		     ((const struct sockaddr_in6 *)ss)->sin6_port);
}

/* A peer that is a program makes its socket itself; this port was free just now. */
static void bind_peer(struct cell *cell)
{
	struct task *t = &cell->task;
	int i;

	for (i = 0; i < task_sessions(t); i++) {
		t->fds[i] = udp_socket(cell->family);
		udp_bind(t->fds[i], cell->family);
	}
	if (!cell->stack->program)
		return;
	t->port = local_port(t->fds[0]);
	while (i--)
		close(t->fds[i]);
}

static bool make_endpoint(struct ours *o, struct kdtls_config *config)
{
	struct task *t = &o->cell->task;
	struct sockaddr_storage ss;
	socklen_t len = sizeof(ss);

	t->address = o->cell->family == IPV4 ? "127.0.0.1" : "::1";
	if (t->server) {
		bind_peer(o->cell);
		return !kdtls_endpoint_new(config, &o->ep);
	}
	if (kdtls_listen(config, t->address, "0", &o->ep) ||
	    kdtls_endpoint_address(o->ep, (void *)&ss, &len))
		return false;
	t->port = port_of(&ss);
	return true;
}

static bool connect_next(struct ours *o)
{
	const struct task *t = &o->cell->task;
	uint16_t port = o->cell->stack->program ? t->port :
						  local_port(t->fds[o->opened]);
	char text[8];
	int err;

	snprintf(text, sizeof(text), "%u", port);
	o->closed_now = false;
	if (o->opened && !o->blob_len)
		return fail(o, "the server has left nothing to resume");
	if (o->opened)
		err = kdtls_endpoint_resume(o->ep, t->address, text, o->blob,
					    o->blob_len, &o->session);
	else
		err = kdtls_endpoint_connect(o->ep, t->address, text,
					     &o->session);
	return !err || fail(o, "%s", kdtls_last_error());
}

/* Another session, if the last one is over and that was not all. */
static bool go_on(struct ours *o)
{
	const struct task *t = &o->cell->task;

	if (!t->server || !o->closed_now || o->opened == task_sessions(t))
		return true;
	if (!o->opened)
		return fail(o, "there was no session");
	return connect_next(o);
}

/* Until the peer has ended; it is killed if it does not. */
static void serve(struct ours *o, int peer)
{
	struct pollfd fds[] = {
		{ .fd = kdtls_endpoint_fd(o->ep), .events = POLLIN },
		{ .fd = peer, .events = POLLIN },
	};
	uint64_t end = now_ms() + CELL_MS;

	while (!fds[1].revents && now_ms() < end && !*o->why) {
		if (poll(fds, 2, STEP_MS) < 0)
			break;
		kdtls_dispatch(o->ep, 0);
		if (!go_on(o))
			break;
	}
	if (!fds[1].revents && !*o->why)
		fail(o, "no end within %d s", CELL_MS / 1000);
}

/* What is still on its way. */
static void finish(struct ours *o)
{
	uint64_t end = now_ms() + LAST_MS;
	struct kdtls_endpoint_info i;

	for (;;) {
		kdtls_endpoint_info(o->ep, &i, sizeof(i));
		if (!i.session_count || now_ms() > end)
			break;
		kdtls_dispatch(o->ep, STEP_MS);
	}
	if (i.session_count)
		fail(o, "%u sessions without an end", i.session_count);
}

/* A program that serves has its socket when it says so. */
static bool await_program(struct ours *o, int peer, const struct report *report)
{
	struct pollfd p = { .fd = peer, .events = POLLIN };

	if (!o->cell->stack->program || !o->cell->task.server)
		return true;
	while (!report->ready)
		if (poll(&p, 1, 10))
			return fail(o, "the program does not serve");
	return true;
}

static void talk(struct ours *o, struct report *report)
{
	struct cell *cell = o->cell;
	int fd, status;
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (!pid)
		peer_run(cell->stack, &cell->task, report);
	fd = pid < 0 ? -1 : pidfd_open(pid, 0);
	if (fd < 0)
		die("fork");
	if (await_program(o, fd, report) &&
	    (!cell->task.server || connect_next(o)))
		serve(o, fd);
	if (*o->why)
		kill(pid, SIGTERM);
	else
		finish(o);
	waitpid(pid, &status, 0);
	close(fd);
	if (WIFSIGNALED(status))
		fail(o, "the peer died of signal %d", WTERMSIG(status));
}

/* ---- what must have come of it ---- */

static bool check_saw(struct ours *o, const char *who, int number,
		      const struct saw *saw)
{
	const struct task *t = &o->cell->task;
	const char *wrong = NULL;

	if (!saw->open)
		wrong = "no handshake";
	else if (saw->suite != t->suite->id)
		wrong = "another cipher suite";
	else if (saw->resumed != (number > 0))
		wrong = number ? "not resumed" : "resumed, before there was anything to be";
	else if (saw->records != records(o))
		wrong = "records are missing";
	return !wrong || fail(o, "session %d, %s: %s", number + 1, who, wrong);
}

/* Who had to show a certificate was seen to have a good one. */
static bool check_certificates(struct ours *o, const struct saw *client,
			       const struct saw *server)
{
	const struct task *t = &o->cell->task;
	bool mutual;

	if (task_psk(t))
		return true;
	if (!client->verified)
		return fail(o, "the client saw no certificate");
	mutual = t->feature == MUTUAL;
	if (server->verified != mutual)
		return fail(o, "the server saw %s certificate",
			    server->verified ? "a" : "no");
	return true;
}

static bool check(struct ours *o, const struct report *report,
		  enum kdtls_offload offload)
{
	const struct task *t = &o->cell->task;
	const struct saw *ours, *theirs;
	bool wanted;
	int i;

	if (*report->error)
		return fail(o, "%s", report->error);
	for (i = 0; i < task_sessions(t); i++) {
		ours = &o->saw[i];
		theirs = &report->saw[i];
		if (!check_saw(o, "we", i, ours) ||
		    !check_saw(o, "the peer", i, theirs))
			return false;
		if (!(t->server ? theirs : ours)->closed || !ours->closed)
			return fail(o, "no close_notify");
		if (!i && !check_certificates(o, t->server ? ours : theirs,
					      t->server ? theirs : ours))
			return false;
	}
	wanted = offload != KDTLS_OFFLOAD_OFF;
	if (o->offloaded != wanted)
		return fail(o, "the kernel %s the records",
			    o->offloaded ? "has" : "has not");
	return true;
}

static void check_kernel(struct ours *o, const struct stats *before)
{
	const char *dropped = stats_since_of(before, "RxDrop");
	uint64_t least = records(o) * task_sessions(&o->cell->task);

	if (*dropped)
		fail(o, "the kernel counted %s", dropped);
	else if (stats_sum(before, "TxRecords") < least ||
		 stats_sum(before, "RxRecords") < least)
		fail(o, "the kernel did not count %llu records each way",
		     (unsigned long long)least);
}

static struct report *new_report(void)
{
	struct report *report = mmap(NULL, sizeof(*report),
				     PROT_READ | PROT_WRITE,
				     MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (report == MAP_FAILED)
		die("mmap");
	return report;
}

static void close_peer(struct task *t)
{
	int i;

	for (i = 0; t->server && i < task_sessions(t); i++)
		close(t->fds[i]);
}

/* The peer's words, too: one of them knows the cause. */
static void add_reason(struct ours *o, const struct report *report)
{
	size_t n = strlen(o->why);

	if (n && *report->error && strcmp(o->why, report->error))
		snprintf(o->why + n, o->why_size - n, "; the peer: %s",
			 report->error);
}

static void run(struct ours *o, enum kdtls_offload offload)
{
	struct kdtls_config *config = configure(o, offload);
	struct report *report = new_report();
	struct stats before;

	if (offload != KDTLS_OFFLOAD_OFF)
		stats_read(&before);
	if (config && !make_endpoint(o, config))
		fail(o, "%s", kdtls_last_error());
	kdtls_config_free(config);
	if (!*o->why) {
		talk(o, report);
		check(o, report, offload);
		add_reason(o, report);
		if (offload != KDTLS_OFFLOAD_OFF)
			check_kernel(o, &before);
	}
	kdtls_endpoint_destroy(o->ep);
	munmap(report, sizeof(*report));
	if (!o->cell->stack->program)
		close_peer(&o->cell->task);
}

/* Why a program's server cannot do it, as it shows only when it is asked to. */
static const char *cannot(const struct ours *o)
{
	const struct task *t = &o->cell->task;

	if (!o->cell->stack->program || !t->server)
		return NULL;
	if (!o->opened && !strncmp(t->suite->openssl, "DHE-", 4))
		return "its server has no group for DHE";
	if (o->cell->stack->forgets && o->saw[1].open && !o->saw[1].resumed)
		return "its server resumes no session";
	return NULL;
}

enum outcome ours_run(struct cell *cell, enum kdtls_offload offload, char *why,
		      size_t size)
{
	struct ours *o = calloc(1, sizeof(*o));
	enum outcome result = GOOD;
	const char *reason;

	if (!o)
		die("no memory");
	*why = 0;
	o->cell = cell;
	o->speech = cell->stack->program ? &speech_coap : &speech_echo;
	o->offloaded = true;
	o->why = why;
	o->why_size = size;
	run(o, offload);
	if (*why) {
		reason = cannot(o);
		result = reason ? CANNOT : BAD;
		if (reason)
			snprintf(why, size, "%s", reason);
	}
	free(o);
	return result;
}
