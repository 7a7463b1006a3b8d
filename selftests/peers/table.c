// SPDX-License-Identifier: GPL-2.0
#include <string.h>

#include "table.h"

#define SUITE_WIDTH	29
#define MAX_REASONS	32

/* Columns: the features for either role, by four letters. */
static const char *const titles[N_FEATURES] = { "full", "both", "id  ", "tick" };

static const char *const legend[] = {
	"S: kdtls is the server, C: it is the client. full: the server has a",
	"certificate, or both have a key; both: the client has a certificate, too;",
	"id, tick: a second session is resumed by its id, or by a ticket. 4, 6: green",
	"with IPv4 and IPv6. A point: not run. (1): cannot be, see below.",
};

struct table {
	FILE			*out;
	const char		*prefix;
	const struct entry	*at;
	const struct entry	*end;
	const char		*reasons[MAX_REASONS];
	int			n_reasons;
};

/* The number of a reason, from 1; new ones are added. */
static int reason(struct table *t, const char *why)
{
	int i;

	for (i = 0; i < t->n_reasons; i++)
		if (!strcmp(t->reasons[i], why))
			return i + 1;
	if (i < MAX_REASONS)
		t->reasons[t->n_reasons++] = why;
	return i + 1;
}

static const char *sign(struct table *t, const struct entry *e)
{
	static char number[16];

	switch (e->state) {
	case GREEN:
		return e->cell.family == IPV4 ? "4" : "6";
	case RED:
		return "RED";
	case IMPOSSIBLE:
		snprintf(number, sizeof(number), "(%d)", reason(t, e->why));
		return number;
	default:
		return ".";
	}
}

/* Is @e in the row that begins with @first? */
static bool same_row(const struct table *t, const struct entry *first,
		     const struct entry *e)
{
	return e < t->end && e->cell.stack == first->cell.stack &&
	       e->cell.task.suite == first->cell.task.suite;
}

/* Both families in one column, once if they are the same. The last ends the line. */
static void print_cell(struct table *t, const struct entry *row, bool server,
		       enum feature feature)
{
	const struct entry *e;
	char text[32] = "";
	const char *s;

	for (e = row; same_row(t, row, e); e++) {
		if (e->cell.task.server != server ||
		    e->cell.task.feature != feature)
			continue;
		s = sign(t, e);
		if (*text && !strcmp(text, s))
			continue;
		if (*text)
			strncat(text, " ", sizeof(text) - strlen(text) - 1);
		strncat(text, s, sizeof(text) - strlen(text) - 1);
	}
	if (server && feature == BY_TICKET)
		fprintf(t->out, "  %s\n", text);
	else
		fprintf(t->out, "  %-6s", *text ? text : "\\");
}

static void print_rule(struct table *t)
{
	int i;

	fprintf(t->out, "%s%.*s", t->prefix, SUITE_WIDTH,
		"========================================");
	for (i = 0; i < 2 * N_FEATURES; i++)
		fprintf(t->out, "  ======");
	fprintf(t->out, "\n");
}

static void print_head(struct table *t, const struct stack *stack)
{
	int i;

	fprintf(t->out, "%s\n%s**%s** %s\n%s\n", t->prefix, t->prefix,
		stack->name, stack->version ? stack->version() : "", t->prefix);
	print_rule(t);
	fprintf(t->out, "%s%-*s", t->prefix, SUITE_WIDTH, "cipher suite");
	for (i = 0; i < 2 * N_FEATURES; i++)
		fprintf(t->out, "  %c %s", i < N_FEATURES ? 'S' : 'C',
			titles[i % N_FEATURES]);
	fprintf(t->out, "\n");
	print_rule(t);
}

static void print_row(struct table *t)
{
	const struct entry *row = t->at;
	int i;

	fprintf(t->out, "%s%-*s", t->prefix, SUITE_WIDTH,
		row->cell.task.suite->openssl);
	for (i = 0; i < 2 * N_FEATURES; i++)
		print_cell(t, row, i >= N_FEATURES, i % N_FEATURES);
	while (same_row(t, row, t->at))
		t->at++;
}

void table_print(FILE *out, const char *prefix, const struct entry *entries,
		 size_t n)
{
	struct table t = {
		.out = out, .prefix = prefix, .at = entries, .end = entries + n,
	};
	const struct stack *stack;
	int i;

	for (i = 0; i < (int)ARRAY_LEN(legend); i++)
		fprintf(out, "%s%s\n", prefix, legend[i]);
	while (t.at < t.end) {
		stack = t.at->cell.stack;
		print_head(&t, stack);
		while (t.at < t.end && t.at->cell.stack == stack)
			print_row(&t);
		print_rule(&t);
	}
	if (t.n_reasons)
		fprintf(out, "%s\n", prefix);
	for (i = 0; i < t.n_reasons; i++)
		fprintf(out, "%s(%d) %s\n", prefix, i + 1, t.reasons[i]);
}
