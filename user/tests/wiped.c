// SPDX-License-Identifier: GPL-2.0
#include <string.h>

#include <openssl/crypto.h>

#include "wiped.h"

/* Of the address sanitizer, whose headers gcc does not bring. */
int __sanitizer_install_malloc_and_free_hooks(
	void (*on_malloc)(const volatile void *p, size_t size),
	void (*on_free)(const volatile void *p));
size_t __sanitizer_get_allocated_size(const volatile void *p);

static unsigned char secret[64];
static size_t secret_len;
static unsigned int found;
static int installed;

static void on_malloc(const volatile void *p, size_t size)
{
}

static void on_free(const volatile void *p)
{
	if (secret_len && p &&
	    memmem((const void *)p, __sanitizer_get_allocated_size(p), secret,
		   secret_len))
		found++;
}

void wiped_watch(const void *bytes, size_t len)
{
	if (!installed)
		__sanitizer_install_malloc_and_free_hooks(on_malloc, on_free);
	installed = 1;
	found = 0;
	memcpy(secret, bytes, len);
	secret_len = len;
}

unsigned int wiped_found(void)
{
	secret_len = 0;
	return found;
}
