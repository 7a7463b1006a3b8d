// SPDX-License-Identifier: LGPL-2.1-or-later
/* What went wrong, in words: one sentence a thread. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <openssl/err.h>

#include <kdtls.h>

#include "log.h"

static _Thread_local char last_error[512];

int kdtls_fail(int err, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(last_error, sizeof(last_error), fmt, ap);
	va_end(ap);
	return err;
}

int kdtls_fail_ssl(int err, const char *fmt, ...)
{
	unsigned long code = ERR_get_error();
	const char *why = code ? ERR_reason_error_string(code) : NULL;
	va_list ap;
	size_t n;

	if (ERR_SYSTEM_ERROR(code))
		why = strerror(ERR_GET_REASON(code));
	va_start(ap, fmt);
	vsnprintf(last_error, sizeof(last_error), fmt, ap);
	va_end(ap);
	n = strlen(last_error);
	snprintf(last_error + n, sizeof(last_error) - n, ": %s",
		 why ? why : "OpenSSL does not say why");
	ERR_clear_error();
	return err;
}

const char *kdtls_last_error(void)
{
	return last_error;
}

const char *kdtls_version(void)
{
	return KDTLS_VERSION;
}

const char *kdtls_strerror(int err)
{
	switch (-err) {
	case 0:
		return "no error";
	case ENODATA:
		return "the connection was not tracked: call kdtls_track() before its handshake";
	case ENOPROTOOPT:
		return "no kdtls module in this kernel: modprobe kdtls";
	case EOPNOTSUPP:
		return "kdtls does not have this cipher suite or operation";
	case ENOENT:
		return "the kernel lacks this cipher, CONFIG_CRYPTO_GCM, CONFIG_CRYPTO_CCM or CONFIG_CRYPTO_CHACHA20POLY1305";
	case EPROTONOSUPPORT:
		return "not DTLS 1.2 over UDP";
	case ENOTRECOVERABLE:
		return "the handover failed half-way: open a new session";
	case EKEYEXPIRED:
		return "the epoch has no record numbers left: open a new session";
	case ENOTCONN:
		return "the handshake is not finished";
	case EPIPE:
		return "the session is closed";
	case ECONNRESET:
		return "the peer ended the session with a fatal alert";
	case ECONNABORTED:
		return "the peer has begun a new session";
	case EDEADLK:
		return "not from within a callback of the same endpoint";
	case ETIME:
		return "no application data came or went for the idle time";
	case ENOKEY:
		return "there is no pre-shared key for this identity";
	case ETIMEDOUT:
		return "the peer did not answer in time";
	default:
		return strerror(-err);
	}
}
