// SPDX-License-Identifier: GPL-2.0
/* What the kernel tells, as JSON: each function writes one object. */
#include <inttypes.h>

#include "control.h"

static const char *boolean(bool b)
{
	return b ? "true" : "false";
}

/* A member of an object that is not its first. */
static void member(FILE *out, const char *name)
{
	fprintf(out, ",\"%s\":", name);
}

static void number_member(FILE *out, const char *name, uint64_t n)
{
	member(out, name);
	fprintf(out, "%" PRIu64, n);
}

static void string_or_null(FILE *out, const char *text)
{
	if (text)
		json_string(out, text);
	else
		fputs("null", out);
}

static void address_member(FILE *out, const char *name,
			   const struct sockaddr_storage *ss, bool there)
{
	member(out, name);
	string_or_null(out, there ? address_text(ss) : NULL);
}

/* The names of the bits that are set; those without one are "PREFIX-NUMBER". */
static void bits(FILE *out, uint32_t set, const char *(*name)(unsigned int i),
		 const char *prefix)
{
	const char *comma = "";
	unsigned int i;

	fputc('[', out);
	for (i = 0; i < 32; i++) {
		if (!(set >> i & 1))
			continue;
		fputs(comma, out);
		if (name(i))
			json_string(out, name(i));
		else
			fprintf(out, "\"%s-%u\"", prefix, i);
		comma = ",";
	}
	fputc(']', out);
}

/* ---- Endpoints ---------------------------------------------------------------- */

static void members(FILE *out, const struct nlmsghdr *nlh)
{
	const struct nlattr *at = NULL;
	const char *comma = "";
	struct told t;

	member(out, "members");
	fputc('[', out);
	while ((at = told_nested(&t, nlh, KDTLS_A_MEMBER, at))) {
		fprintf(out, "%s{\"member\":%" PRIu32 ",\"roles\":", comma,
			t.owner);
		bits(out, t.role, role_name, "role");
		fputc('}', out);
		comma = ",";
	}
	fputc(']', out);
}

void json_endpoint(FILE *out, const struct told *t, const struct nlmsghdr *nlh)
{
	fprintf(out, "{\"endpoint\":%" PRIu32, t->endpoint);
	address_member(out, "local", &t->local, told(t, KDTLS_A_LOCAL));
	members(out, nlh);
	if (told(t, KDTLS_A_SESSIONS))
		number_member(out, "sessions", t->sessions);
	fputc('}', out);
}

/* ---- Sessions ----------------------------------------------------------------- */

static void cipher_member(FILE *out, const char *name, uint16_t type)
{
	const char *known = cipher_name(type);

	member(out, name);
	if (type && !known)
		fprintf(out, "\"cipher-%u\"", type);
	else
		string_or_null(out, known);
}

static void value_or_null(FILE *out, const char *name, uint16_t n, bool there)
{
	if (there)
		number_member(out, name, n);
	else
		fprintf(out, ",\"%s\":null", name);
}

static void limits_member(FILE *out, const struct dtls_limits *l)
{
	fprintf(out, ",\"limits\":{\"seal_soft\":%" PRIu64
		",\"seal_hard\":%" PRIu64 ",\"fail_soft\":%" PRIu64
		",\"fail_hard\":%" PRIu64 "}",
		(uint64_t)l->seal_soft, (uint64_t)l->seal_hard,
		(uint64_t)l->fail_soft, (uint64_t)l->fail_hard);
}

static void info_members(FILE *out, const struct dtls_info *i)
{
	cipher_member(out, "tx_cipher", i->tx_cipher_type);
	cipher_member(out, "rx_cipher", i->rx_cipher_type);
	member(out, "state");
	bits(out, i->state, state_name, "state");
	value_or_null(out, "alert", i->alert, i->state & DTLS_STATE_PEER_ALERT);
	value_or_null(out, "tx_epoch", i->tx_epoch, i->tx_cipher_type);
	value_or_null(out, "rx_epoch", i->rx_epoch, i->rx_cipher_type);
	value_or_null(out, "rx_old_epoch", i->rx_old_epoch,
		      i->state & DTLS_STATE_RX_OLD);
	number_member(out, "overhead", i->overhead);
	number_member(out, "max_payload", i->max_payload);
	number_member(out, "window", i->window);
	number_member(out, "tx_seq", i->tx_seq);
	number_member(out, "rx_seq", i->rx_seq);
	number_member(out, "tx_blocks", i->tx_blocks);
	number_member(out, "rx_failures", i->rx_failures);
	limits_member(out, &i->limits);
	number_member(out, "tx_records", i->tx_records);
	number_member(out, "tx_bytes", i->tx_bytes);
	number_member(out, "rx_records", i->rx_records);
	number_member(out, "rx_bytes", i->rx_bytes);
	number_member(out, "rx_replayed", i->rx_replayed);
	number_member(out, "rx_bad", i->rx_bad);
}

static void rate_members(FILE *out, const struct rate *rate)
{
	number_member(out, "rx_bytes_per_s", rate->rx_bytes);
	number_member(out, "rx_records_per_s", rate->rx_records);
	number_member(out, "tx_bytes_per_s", rate->tx_bytes);
	number_member(out, "tx_records_per_s", rate->tx_records);
}

void json_told_session(FILE *out, const struct told *t, const struct rate *rate)
{
	fprintf(out, "{\"endpoint\":%" PRIu32 ",\"session\":%" PRIu32,
		t->endpoint, t->session);
	address_member(out, "peer", &t->peer, true);
	address_member(out, "local", &t->local, told(t, KDTLS_A_LOCAL));
	if (told(t, KDTLS_A_OWNER))
		number_member(out, "owner", t->owner);
	if (told(t, KDTLS_A_AGE))
		number_member(out, "age_ms", t->age);
	if (told(t, KDTLS_A_UNUSED))
		number_member(out, "unused_ms", t->unused);
	if (told(t, KDTLS_A_IDLE))
		number_member(out, "idle_ms", t->idle);
	if (told(t, KDTLS_A_RETIRE))
		number_member(out, "retire_ms", t->retire);
	if (told(t, KDTLS_A_HANDSHAKE))
		fprintf(out, ",\"handshake\":%s", boolean(t->handshake));
	if (told(t, KDTLS_A_INFO))
		info_members(out, &t->info);
	if (rate)
		rate_members(out, rate);
	fputc('}', out);
}

/* ---- Events ------------------------------------------------------------------- */

static void begin_event(FILE *out, const struct timespec *when)
{
	char text[40] = "";
	struct tm tm;

	if (gmtime_r(&when->tv_sec, &tm))
		strftime(text, sizeof(text), "%FT%T", &tm);
	fprintf(out, "{\"time\":\"%s.%03ldZ\",\"event\":", text,
		when->tv_nsec / 1000000);
}

void json_event(FILE *out, const struct told *t, const struct timespec *when)
{
	const char *name = event_name(t->event);

	begin_event(out, when);
	if (name)
		json_string(out, name);
	else
		fprintf(out, "\"event-%u\"", t->event);
	if (told(t, KDTLS_A_ENDPOINT))
		number_member(out, "endpoint", t->endpoint);
	if (told(t, KDTLS_A_SESSION))
		number_member(out, "session", t->session);
	address_member(out, "peer", &t->peer, told(t, KDTLS_A_PEER));
	address_member(out, "local", &t->local, told(t, KDTLS_A_LOCAL));
	if (told(t, KDTLS_A_OWNER))
		number_member(out, "owner", t->owner);
	if (told(t, KDTLS_A_EPOCH))
		number_member(out, "epoch", t->epoch);
	if (told(t, KDTLS_A_INFO))
		info_members(out, &t->info);
	fputs("}\n", out);
}

void json_lost(FILE *out, const struct timespec *when)
{
	begin_event(out, when);
	fputs("\"lost\"}\n", out);
}

/* ---- Counters ----------------------------------------------------------------- */

static void group(FILE *out, const struct nlmsghdr *nlh, bool all,
		  unsigned int wanted)
{
	const struct nlattr *at = NULL;
	const char *comma = "";
	struct told counter;

	fprintf(out, "%s\"%s\":{", wanted ? "," : "", counter_group_name(wanted));
	while ((at = told_nested(&counter, nlh, KDTLS_A_COUNTER, at))) {
		if (counter_group(counter.name) != wanted ||
		    (!counter.value && !all))
			continue;
		fputs(comma, out);
		json_string(out, counter.name);
		fprintf(out, ":%" PRId64, counter.value);
		comma = ",";
	}
	fputc('}', out);
}

void json_counters(FILE *out, const struct nlmsghdr *nlh, bool all)
{
	unsigned int i;

	fputc('{', out);
	for (i = 0; i < COUNTER_GROUPS; i++)
		group(out, nlh, all, i);
	fputs("}\n", out);
}
