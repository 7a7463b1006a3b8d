/* SPDX-License-Identifier: GPL-2.0 */
/* Files with keys: read whole, and wiped. */
#ifndef KDTLSD_KEYS_H
#define KDTLSD_KEYS_H

#include <stdbool.h>
#include <stddef.h>

#include <kdtls.h>

/*
 * Read a file into memory that keys_free() wipes. @secret: warn of one that everybody
 * can read. NULL with a sentence in @why.
 */
char *keys_read(const char *path, bool secret, size_t *len, char *why, size_t size);
void keys_free(char *text, size_t len);

/* Pre-shared keys of a file with lines IDENTITY:KEY, the key in hexadecimal. */
struct keys_psk {
	struct keys_psk	*next;
	char		identity[KDTLS_PSK_IDENTITY_MAX + 1];
	unsigned char	key[KDTLS_PSK_MAX];
	size_t		len;
};

/* NULL with a sentence in @why; at least one otherwise, in the order of the file. */
struct keys_psk *keys_read_psk(const char *path, char *why, size_t size);
void keys_free_psk(struct keys_psk *list);

/* The key of an identity, NULL for the first; or NULL. Looks at all of them. */
const struct keys_psk *keys_find_psk(const struct keys_psk *list,
				     const char *identity);

#endif /* KDTLSD_KEYS_H */
