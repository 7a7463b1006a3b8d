/* SPDX-License-Identifier: GPL-2.0 */
/* Lists of sessions and endpoints, and events, as who watches them counts them. */
#ifndef KDTLS_SELFTESTS_WATCH_H
#define KDTLS_SELFTESTS_WATCH_H

#include "nl.h"

/* Sessions that one list may have. */
#define LISTED_MAX	16384

struct listed {
	uint32_t	endpoint;
	uint32_t	session;
};

/**
 * struct list - what was listed
 * @count: how many
 * @at: they; of endpoints the session is 0
 */
struct list {
	uint32_t	count;
	struct listed	at[LISTED_MAX];
};

/* Returns what nl_dump() does. */
int list_read(struct list *l, struct nl *nl, struct request *r);
/* How often is it there? */
uint32_t list_has(const struct list *l, uint32_t endpoint, uint32_t session);
/* A session that is there more than once, or 0; puts the list in order. */
uint32_t list_twice(struct list *l);

/**
 * struct listener - who counts events
 * @nl: its socket
 * @count: how many there were of each kind
 * @lost: some more found no room
 */
struct listener {
	struct nl	nl;
	uint64_t	count[256];
	bool		lost;
};

void listener_open(struct listener *l);
/* Count those of the next @ms, or what is there already. */
void listen_for(struct listener *l, int ms);

#endif /* KDTLS_SELFTESTS_WATCH_H */
