// SPDX-License-Identifier: GPL-2.0
/*
 * Sessions that can be resumed. Each belongs to a user, for who resumes it takes part
 * in it, and to a server's address and name. A new one takes the oldest one's place.
 */
#include <stdlib.h>
#include <string.h>

#include "daemon.h"

#define MEMORY_MAX	128

/* Sessions with larger tickets are not worth a ClientHello that does not fit. */
#define BLOB_MAX	8192

struct memory {
	struct memory		*next;
	struct memory_key	key;
	size_t			len;
	unsigned char		blob[];
};

static void memory_free(struct memory *m)
{
	explicit_bzero(m, sizeof(*m) + m->len);
	free(m);
}

static struct memory **find(struct profile *p, const struct memory_key *key)
{
	struct memory **m;

	for (m = &p->memory; *m; m = &(*m)->next)
		if (!memcmp(&(*m)->key, key, sizeof(*key)))
			return m;
	return NULL;
}

const void *memory_find(struct profile *p, const struct memory_key *key, size_t *len)
{
	struct memory **m = find(p, key);

	if (!m)
		return NULL;
	*len = (*m)->len;
	return (*m)->blob;
}

static void take_out(struct profile *p, struct memory **at)
{
	struct memory *m = *at;

	*at = m->next;
	p->memory_n--;
	memory_free(m);
}

void memory_forget(struct profile *p, const struct memory_key *key)
{
	struct memory **m = find(p, key);

	if (m)
		take_out(p, m);
}

void memory_keep(struct profile *p, const struct memory_key *key, const void *blob,
		 size_t len)
{
	struct memory **last = &p->memory, *m;

	memory_forget(p, key);
	if (len > BLOB_MAX)
		return;
	m = malloc(sizeof(*m) + len);
	if (!m)
		return;
	m->key = *key;
	m->len = len;
	memcpy(m->blob, blob, len);
	m->next = p->memory;
	p->memory = m;
	if (++p->memory_n <= MEMORY_MAX)
		return;
	while ((*last)->next)
		last = &(*last)->next;
	take_out(p, last);
}

void memory_clear(struct profile *p)
{
	while (p->memory)
		take_out(p, &p->memory);
}
