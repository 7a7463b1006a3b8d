/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What went wrong, in words. */
#ifndef KDTLS_LOG_H
#define KDTLS_LOG_H

/*
 * Remember a sentence for kdtls_last_error() and return @err, so that a failure
 * is one line: return kdtls_fail(-EINVAL, "...").
 */
int kdtls_fail(int err, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/* The same, with OpenSSL's oldest error behind it; empties OpenSSL's queue. */
int kdtls_fail_ssl(int err, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

#endif /* KDTLS_LOG_H */
