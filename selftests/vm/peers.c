// SPDX-License-Identifier: GPL-2.0
/*
 * The matrix: other people's DTLS against ours, in both roles, with each cipher
 * suite that both have. Each cell is one or two sessions: handshake, records both
 * ways, close_notify.
 *
 * peers [--offload off] [--list] [PATTERN...]: the cells whose names match one of the
 * regular expressions, or the one in KDTLS_INTEROP; "all" is all of them. Without
 * any: a sample, in which each stack is seen with each suite, feature and role.
 *
 * The table is in build/interop.
 */
#include <getopt.h>
#include <regex.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>

#include <openssl/crypto.h>

#include "peers/ours.h"
#include "peers/table.h"

static const struct stack *const stacks[] = {
	&peer_openssl, &peer_gnutls, &peer_mbedtls, &peer_wolfssl,
	&peer_coap_openssl, &peer_coap_gnutls,
};

enum { N_STACKS = ARRAY_LEN(stacks), FAMILIES = 2, ROLES = 2 };

/* What the tests of a run are. */
struct choice {
	enum kdtls_offload	offload;
	bool			list;
	regex_t			*patterns;
	int			n_patterns;
};

/* ---- cells ---- */

static const char *cell_name(const struct cell *cell)
{
	static const char *const features[] = {
		"certificate", "mutual", "id", "ticket"
	};
	const struct task *t = &cell->task;
	static char name[120];

	snprintf(name, sizeof(name), "%s-%s-%s-%s-%s", cell->stack->name,
		 t->server ? "server" : "client",
		 t->feature == CERTIFICATE && task_psk(t) ? "psk" :
							    features[t->feature],
		 cell->family == IPV4 ? "ipv4" : "ipv6", t->suite->openssl);
	return name;
}

/*
 * The @n-th cell, or false if there are not so many: families within features within
 * roles within suites within stacks.
 */
static bool cell_at(size_t n, struct cell *cell)
{
	*cell = (struct cell){ .family = n % FAMILIES ? IPV6 : IPV4 };
	n /= FAMILIES;
	cell->task.feature = n % N_FEATURES;
	n /= N_FEATURES;
	cell->task.server = n % ROLES;
	n /= ROLES;
	cell->task.suite = &suites[n % n_suites];
	n /= n_suites;
	if (n == N_STACKS)
		return false;
	cell->stack = stacks[n];
	return true;
}

/* NULL, or why there cannot be such a cell. */
static const char *why_not(const struct cell *cell)
{
	if (!cell->stack->version || !cell->stack->version())
		return "these tests were built without the library";
	return cell->stack->why_not(&cell->task);
}

/* All that the matrix has, with what is known before it runs. */
static struct entry *all_cells(size_t *n)
{
	size_t max = N_STACKS * n_suites * ROLES * N_FEATURES * FAMILIES, i;
	struct entry *list = calloc(max, sizeof(*list));
	struct entry *e = list;

	if (!list)
		die("no memory");
	for (i = 0; cell_at(i, &e->cell); i++) {
		/* There are no certificates to be mutual. */
		if (task_psk(&e->cell.task) && e->cell.task.feature == MUTUAL)
			continue;
		e->why = why_not(&e->cell);
		e->state = e->why ? IMPOSSIBLE : NOT_RUN;
		e++;
	}
	*n = e - list;
	return list;
}

/* ---- which of them ---- */

/*
 * Of each stack and suite one cell. Which that is changes from suite to suite, so
 * that each role, feature and family has its turn with each stack.
 */
static bool in_sample(const struct cell *cell)
{
	static const enum feature with_psk[] = { CERTIFICATE, BY_ID, BY_TICKET };
	const struct task *t = &cell->task;
	size_t i = t->suite - suites, turn;

	if (task_psk(t)) {
		turn = i / ARRAY_LEN(with_psk);
		if (t->feature != with_psk[i % ARRAY_LEN(with_psk)])
			return false;
	} else {
		turn = i / N_FEATURES;
		if (t->feature != i % N_FEATURES)
			return false;
	}
	return t->server == turn % 2 && (cell->family == IPV6) == (i + turn) % 2;
}

static bool matches(const struct choice *c, const char *name)
{
	int i;

	for (i = 0; i < c->n_patterns; i++)
		if (!regexec(&c->patterns[i], name, 0, NULL, 0))
			return true;
	return false;
}

static bool wanted(const struct choice *c, const struct entry *e)
{
	if (e->state == IMPOSSIBLE)
		return false;
	return c->n_patterns ? matches(c, cell_name(&e->cell)) :
			       in_sample(&e->cell);
}

static int usage(const char *name)
{
	fprintf(stderr, "usage: %s [--offload require|off] [--list] [PATTERN...]\n",
		name);
	return 2;
}

static bool add_pattern(struct choice *c, const char *text)
{
	if (!strcmp(text, "all"))
		text = "";
	return !regcomp(&c->patterns[c->n_patterns++], text,
			REG_EXTENDED | REG_NOSUB);
}

static bool add_patterns(struct choice *c, int n, char **texts)
{
	const char *other = getenv("KDTLS_INTEROP");
	bool ok = true;
	int i;

	c->patterns = calloc(n + 1, sizeof(*c->patterns));
	if (!c->patterns)
		die("no memory");
	for (i = 0; ok && i < n; i++)
		ok = add_pattern(c, texts[i]);
	if (!n && other && *other)
		ok = add_pattern(c, other);
	return ok;
}

static int parse(struct choice *c, int argc, char **argv)
{
	static const struct option options[] = {
		{ "offload", required_argument, NULL, 'o' },
		{ "list", no_argument, NULL, 'l' },
		{ NULL, 0, NULL, 0 },
	};
	int opt;

	*c = (struct choice){ .offload = KDTLS_OFFLOAD_REQUIRE };
	while ((opt = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (opt == 'l')
			c->list = true;
		else if (opt == 'o' && !strcmp(optarg, "off"))
			c->offload = KDTLS_OFFLOAD_OFF;
		else if (opt != 'o' || strcmp(optarg, "require"))
			return usage(argv[0]);
	}
	return add_patterns(c, argc - optind, argv + optind) ? 0 :
								usage(argv[0]);
}

/* ---- the run ---- */

static bool run(const struct choice *c, struct entry *e, int number)
{
	uint64_t begin = now_ms();
	char why[400];
	enum outcome got = ours_run(&e->cell, c->offload, why, sizeof(why));

	e->state = got == GOOD ? GREEN : got == BAD ? RED : IMPOSSIBLE;
	if (got == CANNOT)
		e->why = strdup(why);
	if (got == BAD)
		printf("# %s: %s\n", cell_name(&e->cell), why);
	printf("%sok %d peers.%s # %s%s %llu ms\n", got == BAD ? "not " : "", number,
	       cell_name(&e->cell), got == CANNOT ? "SKIP " : "", got == CANNOT ? why : "",
	       (unsigned long long)(now_ms() - begin));
	fflush(stdout);
	return got != BAD;
}

/* On what it was. */
static void headline(FILE *out, const char *prefix, const struct choice *c)
{
	struct utsname u;

	uname(&u);
	fprintf(out, "%skdtls %s on OpenSSL %s; ", prefix, kdtls_version(),
		OpenSSL_version(OPENSSL_FULL_VERSION_STRING));
	if (c->offload == KDTLS_OFFLOAD_OFF)
		fprintf(out, "OpenSSL carries the records.\n%s\n", prefix);
	else
		fprintf(out, "Linux %s carries the records.\n%s\n", u.release,
			prefix);
}

static void tell(const struct choice *c, const struct entry *list, size_t n)
{
	const char *path = c->offload == KDTLS_OFFLOAD_OFF ?
		"build/interop/fallback.rst" : "build/interop/table.rst";
	FILE *out;

	headline(stdout, "# ", c);
	table_print(stdout, "# ", list, n);
	out = fopen(path, "w");
	if (!out)
		die("%s", path);
	headline(out, "", c);
	table_print(out, "", list, n);
	fclose(out);
	printf("# the table is in %s\n", path);
}

int main(int argc, char **argv)
{
	int number = 0, count = 0, failed = 0;
	struct entry *list;
	struct choice c;
	size_t n, i;

	if (parse(&c, argc, argv))
		return 2;
	if (c.offload == KDTLS_OFFLOAD_REQUIRE && !c.list && kdtls_probe()) {
		fprintf(stderr, "%s: %s; it can do with --offload off\n",
			argv[0], kdtls_last_error());
		return 1;
	}
	/* The table's place, and that of a key. */
	mkdir("build", 0777);
	mkdir("build/interop", 0777);
	list = all_cells(&n);
	for (i = 0; i < n; i++)
		count += wanted(&c, &list[i]);
	printf("TAP version 13\n1..%d\n", count);
	for (i = 0; i < n; i++) {
		if (!wanted(&c, &list[i]))
			continue;
		if (c.list)
			printf("# %s\n", cell_name(&list[i].cell));
		else
			failed += !run(&c, &list[i], ++number);
	}
	if (!c.list)
		tell(&c, list, n);
	free(list);
	return failed ? 1 : 0;
}
