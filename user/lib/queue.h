/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A queue of messages. */
#ifndef KDTLS_QUEUE_H
#define KDTLS_QUEUE_H

#include <shared/types.h>

struct kdtls_queued {
	struct kdtls_queued	*next;
	size_t			len;
	u8			bytes[];
};

/* All zeroes is an empty queue. */
struct kdtls_queue {
	struct kdtls_queued	*first;
	struct kdtls_queued	**end;
	size_t			n;
};

/* Copy a message to the end; 0 or -ENOMEM. */
int kdtls_queue_put(struct kdtls_queue *q, const void *buf, size_t len);

/* Take the first message, to be freed by free(); NULL if there is none. */
struct kdtls_queued *kdtls_queue_get(struct kdtls_queue *q);

void kdtls_queue_clear(struct kdtls_queue *q);

#endif /* KDTLS_QUEUE_H */
