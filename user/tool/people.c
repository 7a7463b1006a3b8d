// SPDX-License-Identifier: GPL-2.0
/* What the kernel tells, for people. */
#include <inttypes.h>

#include "control.h"

/* Below what they belong to, and in line with each other. */
static void label(FILE *out, const char *name)
{
	fprintf(out, "  %s%-10s%s", bold(), name, plain());
}

static const char *local_text(const struct told *t)
{
	return told(t, KDTLS_A_LOCAL) ? address_text(&t->local) : "unknown";
}

/* ---- Endpoints ---------------------------------------------------------------- */

static void roles(FILE *out, uint32_t role)
{
	const char *name;
	unsigned int i;

	for (i = 0; i < 32; i++) {
		if (!(role >> i & 1))
			continue;
		name = role_name(i);
		if (name)
			fprintf(out, " %s", name);
		else
			fprintf(out, " role-%u", i);
	}
}

void people_endpoint(FILE *out, const struct told *t, const struct nlmsghdr *nlh)
{
	const struct nlattr *at = NULL;
	const char *comma = "";
	struct told member;

	fprintf(out, "%sendpoint %" PRIu32 "%s: %s%s%s\n", bold(), t->endpoint,
		plain(), good(), local_text(t), plain());
	label(out, "members");
	while ((at = told_nested(&member, nlh, KDTLS_A_MEMBER, at))) {
		fprintf(out, "%s%" PRIu32, comma, member.owner);
		roles(out, member.role);
		comma = ", ";
	}
	fprintf(out, "%s\n", *comma ? "" : "none");
	if (!told(t, KDTLS_A_SESSIONS))
		return;
	label(out, "sessions");
	fprintf(out, "%" PRIu32 "\n", t->sessions);
}

/* ---- Sessions ----------------------------------------------------------------- */

static struct text cipher_text(uint16_t type)
{
	const char *name = cipher_name(type);
	struct text t;

	if (!type)
		snprintf(t.s, sizeof(t.s), "none");
	else if (name)
		snprintf(t.s, sizeof(t.s), "%s", name);
	else
		snprintf(t.s, sizeof(t.s), "cipher %u", type);
	return t;
}

static void cipher(FILE *out, const struct dtls_info *i)
{
	label(out, "cipher");
	if (i->tx_cipher_type == i->rx_cipher_type)
		fprintf(out, "%s\n", cipher_text(i->tx_cipher_type).s);
	else
		fprintf(out, "%s to send, %s to receive\n",
			cipher_text(i->tx_cipher_type).s,
			cipher_text(i->rx_cipher_type).s);
}

static void epochs(FILE *out, const struct dtls_info *i)
{
	label(out, "epochs");
	fprintf(out, "%u to send, %u to receive", i->tx_epoch, i->rx_epoch);
	if (i->state & DTLS_STATE_RX_OLD)
		fprintf(out, ", and %u still", i->rx_old_epoch);
	fputc('\n', out);
}

static void transfer(FILE *out, const struct dtls_info *i)
{
	label(out, "received");
	fprintf(out, "%s in %s\n", size_text(i->rx_bytes).s,
		count_text(i->rx_records, "record").s);
	label(out, "sent");
	fprintf(out, "%s in %s\n", size_text(i->tx_bytes).s,
		count_text(i->tx_records, "record").s);
	if (!i->rx_replayed && !i->rx_bad)
		return;
	label(out, "dropped");
	fprintf(out, "%s, %" PRIu64 " for other reasons\n",
		count_text(i->rx_replayed, "replay").s, (uint64_t)i->rx_bad);
}

static void alert(FILE *out, uint8_t number)
{
	const char *name = alert_name(number);

	fprintf(out, "%u", number);
	if (name)
		fprintf(out, ", %s", name);
}

static void state(FILE *out, const struct dtls_info *info)
{
	const char *name, *space = "";
	unsigned int i;

	label(out, "state");
	for (i = 0; i < 16; i++) {
		if (!(info->state >> i & 1))
			continue;
		name = state_name(i);
		fputs(space, out);
		if (name)
			fprintf(out, "%s%s%s", state_is_bad(i) ? bad() : "",
				name, state_is_bad(i) ? plain() : "");
		else
			fprintf(out, "state-%u", i);
		space = " ";
	}
	if (!info->state)
		fputs("no keys", out);
	if (info->state & DTLS_STATE_PEER_ALERT) {
		fputs(" (", out);
		alert(out, info->alert);
		fputc(')', out);
	}
	fputc('\n', out);
}

static void times(FILE *out, const struct told *t)
{
	if (told(t, KDTLS_A_AGE)) {
		label(out, "age");
		fprintf(out, "%s\n", duration_text(t->age).s);
	}
	if (told(t, KDTLS_A_UNUSED)) {
		label(out, "unused");
		fprintf(out, "%s\n", duration_text(t->unused).s);
	}
	if (told(t, KDTLS_A_IDLE) && t->idle) {
		label(out, "idle");
		fprintf(out, "gone after %s\n", duration_text(t->idle).s);
	}
	if (told(t, KDTLS_A_HANDSHAKE) && t->handshake) {
		label(out, "handshake");
		fputs("a new one is under way\n", out);
	}
}

static void numbers(FILE *out, const struct dtls_info *i)
{
	label(out, "numbers");
	fprintf(out, "%" PRIu64 " is the next to send, %" PRIu64 " the next to receive\n",
		(uint64_t)i->tx_seq, (uint64_t)i->rx_seq);
	label(out, "window");
	fprintf(out, "%s\n", count_text(i->window, "record").s);
	label(out, "overhead");
	fprintf(out, "%s a record", count_text(i->overhead, "byte").s);
	if (i->max_payload)
		fprintf(out, ", of %s at most",
			count_text(i->max_payload, "byte").s);
	fputc('\n', out);
	label(out, "sealed");
	fprintf(out, "%s, new keys from %" PRIu64 ", %" PRIu64 " at most\n",
		count_text(i->tx_blocks, "block").s,
		(uint64_t)i->limits.seal_soft, (uint64_t)i->limits.seal_hard);
	label(out, "unproven");
	fprintf(out, "%s, new keys from %" PRIu64 ", %" PRIu64 " at most\n",
		count_text(i->rx_failures, "record").s,
		(uint64_t)i->limits.fail_soft, (uint64_t)i->limits.fail_hard);
}

void people_session(FILE *out, const struct told *t, bool more)
{
	fprintf(out, "%ssession %" PRIu32 "/%" PRIu32 "%s: %s%s%s\n", bold(),
		t->endpoint, t->session, plain(), good(),
		address_text(&t->peer), plain());
	label(out, "local");
	fprintf(out, "%s\n", local_text(t));
	if (told(t, KDTLS_A_OWNER)) {
		label(out, "owner");
		if (t->owner)
			fprintf(out, "member %" PRIu32 "\n", t->owner);
		else
			fputs("whoever receives\n", out);
	}
	if (told(t, KDTLS_A_INFO)) {
		cipher(out, &t->info);
		epochs(out, &t->info);
	}
	times(out, t);
	if (!told(t, KDTLS_A_INFO))
		return;
	transfer(out, &t->info);
	state(out, &t->info);
	if (!more)
		return;
	numbers(out, &t->info);
	if (!told(t, KDTLS_A_RETIRE))
		return;
	label(out, "retire");
	fprintf(out, "old keys serve for %s\n", duration_text(t->retire).s);
}

static void one_rate(FILE *out, const char *name, uint64_t bytes,
		     uint64_t records)
{
	label(out, name);
	fprintf(out, "%s in %s a second\n", size_text(bytes).s,
		count_text(records, "record").s);
}

void people_rate(FILE *out, const struct rate *rate)
{
	one_rate(out, "rate in", rate->rx_bytes, rate->rx_records);
	one_rate(out, "rate out", rate->tx_bytes, rate->tx_records);
}

/* ---- Events ------------------------------------------------------------------- */

static void stamp(FILE *out, const struct timespec *when)
{
	char text[40] = "";
	struct tm tm;

	if (localtime_r(&when->tv_sec, &tm))
		strftime(text, sizeof(text), "%F %T", &tm);
	fprintf(out, "%s%s.%03ld%s  ", dim(), text, when->tv_nsec / 1000000,
		plain());
}

static void event(FILE *out, uint8_t number)
{
	const char *name = event_name(number), *colour = "";
	char text[16];

	snprintf(text, sizeof(text), "event-%u", number);
	if (number == DTLS_EVENT_UP)
		colour = good();
	else if (event_is_bad(number))
		colour = bad();
	fprintf(out, "%s%-10s%s", colour, name ? name : text,
		*colour ? plain() : "");
}

static bool is_limit(uint8_t event)
{
	return event >= DTLS_EVENT_TX_REKEY && event <= DTLS_EVENT_RX_EXPIRED;
}

void people_event(FILE *out, const struct told *t, const struct timespec *when)
{
	char text[32] = "-";

	stamp(out, when);
	event(out, t->event);
	if (told(t, KDTLS_A_ENDPOINT))
		snprintf(text, sizeof(text), "%" PRIu32 "/%" PRIu32, t->endpoint,
			 t->session);
	fprintf(out, "  %-10s  %s", text,
		told(t, KDTLS_A_PEER) ? address_text(&t->peer) : "-");
	if (told(t, KDTLS_A_OWNER))
		fprintf(out, "  owner %" PRIu32, t->owner);
	if (told(t, KDTLS_A_EPOCH) && is_limit(t->event))
		fprintf(out, "  epoch %u", t->epoch);
	if (told(t, KDTLS_A_INFO) && t->event == DTLS_EVENT_UP)
		fprintf(out, "  %s", cipher_text(t->info.tx_cipher_type).s);
	if (told(t, KDTLS_A_INFO) && t->event == DTLS_EVENT_ALERT) {
		fputs("  alert ", out);
		alert(out, t->info.alert);
	}
	fputc('\n', out);
}

void people_lost(FILE *out, const struct timespec *when)
{
	stamp(out, when);
	fprintf(out, "%s%-10s%s  events came faster than they were read\n",
		bad(), "lost", plain());
}

/* ---- Counters ----------------------------------------------------------------- */

static void group(FILE *out, const struct nlmsghdr *nlh, bool all,
		  unsigned int wanted)
{
	const struct nlattr *at = NULL;
	struct told counter;
	bool begun = false;

	while ((at = told_nested(&counter, nlh, KDTLS_A_COUNTER, at))) {
		if (counter_group(counter.name) != wanted ||
		    (!counter.value && !all))
			continue;
		if (!begun)
			fprintf(out, "%s%s%s\n", bold(),
				counter_group_name(wanted), plain());
		begun = true;
		fprintf(out, "  %-24s %20" PRId64 "\n", counter.name,
			counter.value);
	}
}

void people_counters(FILE *out, const struct nlmsghdr *nlh, bool all)
{
	unsigned int i;

	for (i = 0; i < COUNTER_GROUPS; i++)
		group(out, nlh, all, i);
}
