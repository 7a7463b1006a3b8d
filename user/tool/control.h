/* SPDX-License-Identifier: GPL-2.0 */
/* What the commands that speak with the kernel share: show, stats, ... */
#ifndef KDTLS_TOOL_CONTROL_H
#define KDTLS_TOOL_CONTROL_H

#include <time.h>

#include <linux/kdtls.h>
#include <lib/netlink.h>

#include "tool.h"

/* ---- control.c: asking ------------------------------------------------------ */

/* Open the family. EXIT_OK, or EXIT_FAIL, having said why. Close it after either. */
int control_open(struct kdtls_netlink *nl, const char *doing);

/* Say that @doing failed with @err, and what the kernel adds. EXIT_FAIL. */
int control_failed(const struct kdtls_netlink *nl, int err, const char *doing);

/*
 * "ADDR", "ADDR:PORT", "[V6]" or "[V6]:PORT", in numbers. Without @any_port there
 * has to be one. EXIT_OK, or EXIT_USAGE, having said why.
 */
int control_address(const char *command, const char *name, const char *arg,
		    bool any_port, struct sockaddr_storage *out);

void control_put_address(struct nlmsghdr *nlh, uint16_t type,
			 const struct sockaddr_storage *ss);

/* See to it that all of stdout was written. @status, or EXIT_FAIL. */
int control_written(int status);

/* ---- told.c: what the kernel's messages tell -------------------------------- */

/* The attributes of one message, or of one that is nested in it. */
struct told {
	uint64_t		has;		/* TOLD(KDTLS_A_*) of those below */
	uint32_t		endpoint;
	uint32_t		session;
	uint32_t		owner;
	uint32_t		role;
	uint32_t		sessions;
	uint32_t		idle;
	uint32_t		retire;
	uint64_t		age;
	uint64_t		unused;
	int64_t			value;
	uint16_t		epoch;
	uint8_t			event;
	uint8_t			handshake;
	const char		*name;		/* in the message */
	struct sockaddr_storage	peer;
	struct sockaddr_storage	local;
	struct dtls_info	info;
};

#define TOLD(attribute) (UINT64_C(1) << (attribute))

static inline bool told(const struct told *t, int attribute)
{
	return t->has & TOLD(attribute);
}

/* What a message of a kind cannot do without. */
#define TOLD_ENDPOINT	TOLD(KDTLS_A_ENDPOINT)
#define TOLD_SESSION	(TOLD(KDTLS_A_ENDPOINT) | TOLD(KDTLS_A_SESSION) | \
			 TOLD(KDTLS_A_PEER))
#define TOLD_EVENT	TOLD(KDTLS_A_EVENT)

/*
 * Read a message, and look at all that is nested in it. @t points into it.
 * Attributes of newer kernels are passed over.
 *
 * Return: 0, or -EBADMSG, having said what is wrong with it.
 */
int told_read(struct told *t, const struct nlmsghdr *nlh, uint64_t needed);

/*
 * The next nested KDTLS_A_MEMBER or KDTLS_A_COUNTER after @at, or the first if
 * it is NULL; read into @t. NULL if there are no more.
 */
const struct nlattr *told_nested(struct told *t, const struct nlmsghdr *nlh,
				 uint16_t type, const struct nlattr *at);

/* ---- names.c: what numbers are called --------------------------------------- */

/* These return NULL for what is not known. */
const char *cipher_name(uint16_t type);
const char *event_name(uint8_t event);
const char *alert_name(uint8_t alert);
/* Of bit 1 << i. */
const char *state_name(unsigned int i);
const char *role_name(unsigned int i);

/* Names of states, separated by commas. EXIT_OK or EXIT_USAGE. */
int state_bits(const char *command, const char *list, uint16_t *out);

/* Does the event, or the state, tell of something that went wrong? */
bool event_is_bad(uint8_t event);
bool state_is_bad(unsigned int i);

/* A counter's group: 0 to COUNTER_GROUPS - 1. */
#define COUNTER_GROUPS 4
unsigned int counter_group(const char *name);
const char *counter_group_name(unsigned int group);

/* ---- units.c: numbers for people ---------------------------------------------- */

struct text {
	char	s[96];
};

/* "3 days, 2 hours", of milliseconds. */
struct text duration_text(uint64_t ms);
/* "1.50 MiB" */
struct text size_text(uint64_t bytes);
/* "1 record", "2 records" */
struct text count_text(uint64_t n, const char *one);

/* ---- people.c, json.c: the same for people and for programs ------------------ */

/* In each second. */
struct rate {
	uint64_t	rx_bytes;
	uint64_t	rx_records;
	uint64_t	tx_bytes;
	uint64_t	tx_records;
};

void people_endpoint(FILE *out, const struct told *t, const struct nlmsghdr *nlh);
/* With @more: all that is known of it. */
void people_session(FILE *out, const struct told *t, bool more);
void people_rate(FILE *out, const struct rate *rate);
void people_event(FILE *out, const struct told *t, const struct timespec *when);
void people_lost(FILE *out, const struct timespec *when);
/* Those that are 0 only if @all. */
void people_counters(FILE *out, const struct nlmsghdr *nlh, bool all);

void json_endpoint(FILE *out, const struct told *t, const struct nlmsghdr *nlh);
/* @rate: NULL for none. */
void json_told_session(FILE *out, const struct told *t, const struct rate *rate);
void json_event(FILE *out, const struct told *t, const struct timespec *when);
void json_lost(FILE *out, const struct timespec *when);
void json_counters(FILE *out, const struct nlmsghdr *nlh, bool all);

#endif /* KDTLS_TOOL_CONTROL_H */
