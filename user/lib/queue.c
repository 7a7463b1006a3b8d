// SPDX-License-Identifier: LGPL-2.1-or-later
/* A queue of messages. */
#include <stdlib.h>

#include <openssl/crypto.h>

#include "queue.h"

int kdtls_queue_put(struct kdtls_queue *q, const void *buf, size_t len)
{
	struct kdtls_queued *m = malloc(sizeof(*m) + len);

	if (!m)
		return -ENOMEM;
	m->next = NULL;
	m->len = len;
	memcpy(m->bytes, buf, len);
	if (!q->first)
		q->end = &q->first;
	*q->end = m;
	q->end = &m->next;
	q->n++;
	return 0;
}

struct kdtls_queued *kdtls_queue_get(struct kdtls_queue *q)
{
	struct kdtls_queued *m = q->first;

	if (!m)
		return NULL;
	q->first = m->next;
	q->n--;
	return m;
}

void kdtls_queue_clear(struct kdtls_queue *q)
{
	struct kdtls_queued *m;

	while ((m = kdtls_queue_get(q))) {
		OPENSSL_cleanse(m->bytes, m->len);
		free(m);
	}
}
