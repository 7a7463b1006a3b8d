/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Memory for keys: never swapped, never in a core dump, wiped. */
#ifndef KDTLS_SECRET_H
#define KDTLS_SECRET_H

#include <stddef.h>

/* Zeroed memory of whole pages, or NULL. */
void *kdtls_secret_alloc(size_t size);

/* Wipe it and give it back. @size as it was asked for; @p can be NULL. */
void kdtls_secret_free(void *p, size_t size);

#endif /* KDTLS_SECRET_H */
