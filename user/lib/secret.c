// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Memory for keys. Pages of their own instead of OPENSSL_secure_malloc(): that
 * heap is the program's to set up, and falls back to ordinary memory without it.
 */
#include <sys/mman.h>

#include <openssl/crypto.h>

#include "secret.h"

void *kdtls_secret_alloc(size_t size)
{
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		return NULL;
	if (mlock(p, size)) {
		munmap(p, size);
		return NULL;
	}
	madvise(p, size, MADV_DONTDUMP);
	madvise(p, size, MADV_WIPEONFORK);
	return p;
}

void kdtls_secret_free(void *p, size_t size)
{
	if (!p)
		return;
	OPENSSL_cleanse(p, size);
	munmap(p, size);
}
