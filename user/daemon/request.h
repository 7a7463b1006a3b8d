/* SPDX-License-Identifier: GPL-2.0 */
/* Requests of programs: what is one, and what is not. */
#ifndef KDTLSD_REQUEST_H
#define KDTLSD_REQUEST_H

#include <stddef.h>

#include <kdtls-helper.h>

/*
 * Take one message of @len bytes that came with @n_fds descriptors. Of
 * KDTLS_HELPER_CANCEL only the header is filled in, the rest is 0.
 *
 * Return: NULL, or what is wrong with it.
 */
const char *request_parse(const void *buf, size_t len, size_t n_fds,
			  struct kdtls_helper_request *out);

/* The protocols of a request, ended by NULL, in @words with their text in @text. */
void request_alpn(const struct kdtls_helper_request *r,
		  const char *words[KDTLS_HELPER_ALPN_MAX / 2 + 1],
		  char text[KDTLS_HELPER_ALPN_MAX + 1]);

#endif /* KDTLSD_REQUEST_H */
