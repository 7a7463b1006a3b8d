// SPDX-License-Identifier: GPL-2.0
#include <stdlib.h>
#include <string.h>

#include "watch.h"

#ifndef SO_RCVBUFFORCE
#define SO_RCVBUFFORCE	33
#endif

/* Lists */

static void each(const struct nl_message *m, void *arg)
{
	struct list *l = arg;

	if (l->count == LISTED_MAX)
		die("a list does not end");
	l->at[l->count].endpoint = m->endpoint;
	l->at[l->count++].session = m->session;
}

int list_read(struct list *l, struct nl *nl, struct request *r)
{
	l->count = 0;
	return nl_dump(nl, r, each, l);
}

uint32_t list_has(const struct list *l, uint32_t endpoint, uint32_t session)
{
	uint32_t i, n = 0;

	for (i = 0; i < l->count; i++)
		n += l->at[i].endpoint == endpoint &&
		     l->at[i].session == session;
	return n;
}

static int compare(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct listed));
}

uint32_t list_twice(struct list *l)
{
	uint32_t i;

	qsort(l->at, l->count, sizeof(l->at[0]), compare);
	for (i = 1; i < l->count; i++)
		if (!compare(&l->at[i - 1], &l->at[i]))
			return l->at[i].session ? l->at[i].session :
						  l->at[i].endpoint;
	return 0;
}

/* Events */

void listener_open(struct listener *l)
{
	int size = 64 << 20;

	memset(l, 0, sizeof(*l));
	nl_open(&l->nl);
	if (setsockopt(mnl_socket_get_fd(l->nl.sock), SOL_SOCKET,
		       SO_RCVBUFFORCE, &size, sizeof(size)))
		die("SO_RCVBUFFORCE");
	if (nl_join(&l->nl))
		die("events");
}

void listen_for(struct listener *l, int ms)
{
	uint64_t end = now_ms() + ms;
	struct nl_message m;
	int left;

	/* Others may cause them for ever. */
	for (left = 100000; left; left--) {
		uint64_t now = now_ms();

		errno = 0;
		if (nl_event(&l->nl, &m, now < end ? end - now : 0))
			l->count[m.event]++;
		else if (errno == ENOBUFS)
			l->lost = true;
		else
			return;
	}
}
