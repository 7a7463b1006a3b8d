// SPDX-License-Identifier: GPL-2.0
/* Nothing here trusts a byte of what it is given. */
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "request.h"

static bool all_zero(const void *buf, size_t n)
{
	const uint8_t *p = buf;
	uint8_t any = 0;

	while (n--)
		any |= *p++;
	return !any;
}

/* Ended by NUL, and nothing behind it. */
static bool is_string(const char *text, size_t size)
{
	size_t n = strnlen(text, size);

	return n < size && all_zero(text + n, size - n);
}

/* Lengths and protocols that fill it up, without NUL, and nothing behind them. */
static bool is_alpn(const uint8_t *alpn, size_t len)
{
	size_t at, n;

	if (len > KDTLS_HELPER_ALPN_MAX)
		return false;
	for (at = 0; at < len; at += 1 + n) {
		n = alpn[at];
		if (!n || at + 1 + n > len || memchr(alpn + at + 1, 0, n))
			return false;
	}
	return all_zero(alpn + len, KDTLS_HELPER_ALPN_MAX - len);
}

static const char *check_header(const struct kdtls_helper_header *h, size_t len)
{
	if (h->version != KDTLS_HELPER_VERSION)
		return "a message of another version of the protocol";
	if (h->size != len)
		return "a message whose size is not what it says";
	if (h->pad)
		return "a header whose padding is not 0";
	if (!h->id)
		return "a request without a number";
	return NULL;
}

static const char *check_request(const struct kdtls_helper_request *r)
{
	if (r->flags & ~KDTLS_HELPER_WANT_SRTP)
		return "a request with flags that do not exist";
	if (r->pad)
		return "a request whose padding is not 0";
	if (!is_string(r->profile, sizeof(r->profile)))
		return "a request whose profile is no string";
	if (!is_string(r->server_name, sizeof(r->server_name)))
		return "a request whose server name is no string";
	if (!is_alpn(r->alpn, r->alpn_len))
		return "a request whose ALPN protocols are none";
	if (r->timeout_ms > 86400000)
		return "a request for a handshake of more than a day";
	if (r->header.type == KDTLS_HELPER_ACCEPT &&
	    (*r->server_name || r->alpn_len))
		return "a request for a server with what is for clients";
	return NULL;
}

const char *request_parse(const void *buf, size_t len, size_t n_fds,
			  struct kdtls_helper_request *out)
{
	const char *why;

	memset(out, 0, sizeof(*out));
	if (len < sizeof(out->header))
		return "a message shorter than its header";
	memcpy(&out->header, buf, sizeof(out->header));
	why = check_header(&out->header, len);
	if (why)
		return why;
	switch (out->header.type) {
	case KDTLS_HELPER_CANCEL:
		if (len != sizeof(out->header))
			return "a message longer than its type has it";
		return n_fds ? "a descriptor that nobody wants" : NULL;
	case KDTLS_HELPER_CONNECT:
	case KDTLS_HELPER_ACCEPT:
		if (len != sizeof(*out))
			return "a request of a wrong size";
		memcpy(out, buf, sizeof(*out));
		why = check_request(out);
		if (!why && n_fds != 1)
			why = n_fds ? "a request with more than one descriptor" :
				      "a request without a descriptor";
		return why;
	default:
		return "a message of a type that does not exist";
	}
}

void request_alpn(const struct kdtls_helper_request *r,
		  const char *words[KDTLS_HELPER_ALPN_MAX / 2 + 1],
		  char text[KDTLS_HELPER_ALPN_MAX + 1])
{
	size_t at, n;
	int i = 0;

	/* Each length makes room for the NUL of the protocol in front of it. */
	memcpy(text, r->alpn, r->alpn_len);
	text[r->alpn_len] = 0;
	for (at = 0; at < r->alpn_len; at += 1 + n) {
		n = r->alpn[at];
		text[at] = 0;
		words[i++] = text + at + 1;
	}
	words[i] = NULL;
}
