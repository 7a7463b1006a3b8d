// SPDX-License-Identifier: GPL-2.0
/*
 * user/daemon/request.c: the input is a message of a program, with the number of
 * descriptors that came with it in front. What is taken for a request must be just
 * what a program would have written that meant this and nothing more.
 */
#include <daemon/request.h>

#include "fuzz.h"

static void put_text(char *to, size_t size, const char *text)
{
	MUST(strlen(text) < size);
	memcpy(to, text, strlen(text));
}

static void put_alpn(struct kdtls_helper_request *r, const char *const *words)
{
	size_t n;

	for (; *words; words++) {
		n = strlen(*words);
		MUST(n && n < 256 && r->alpn_len + 1 + n <= sizeof(r->alpn));
		r->alpn[r->alpn_len] = (u8)n;
		memcpy(r->alpn + r->alpn_len + 1, *words, n);
		r->alpn_len += 1 + n;
	}
}

/* The message that says the same. */
static void write_request(struct kdtls_helper_request *w,
			  const struct kdtls_helper_request *r)
{
	const char *words[KDTLS_HELPER_ALPN_MAX / 2 + 1];
	char text[KDTLS_HELPER_ALPN_MAX + 1];

	memset(w, 0, sizeof(*w));
	w->header.version = 1;
	w->header.type = r->header.type;
	w->header.size = sizeof(*w);
	w->header.id = r->header.id;
	w->flags = r->flags & KDTLS_HELPER_WANT_SRTP;
	w->timeout_ms = r->timeout_ms;
	put_text(w->profile, sizeof(w->profile), r->profile);
	put_text(w->server_name, sizeof(w->server_name), r->server_name);
	request_alpn(r, words, text);
	put_alpn(w, words);
}

static void accepted(const struct kdtls_helper_request *r, const u8 *message,
		     size_t len, size_t n_fds)
{
	struct kdtls_helper_request w;

	MUST(r->header.id);
	if (r->header.type == KDTLS_HELPER_CANCEL) {
		MUST(!n_fds && len == sizeof(r->header));
		MUST(!memcmp(message, &r->header, len));
		return;
	}
	MUST(n_fds == 1 && len == sizeof(w));
	MUST(r->header.type == KDTLS_HELPER_CONNECT ||
	     r->header.type == KDTLS_HELPER_ACCEPT);
	write_request(&w, r);
	MUST(!memcmp(message, &w, len));
}

void fuzz_one(const u8 *data, size_t len)
{
	size_t n_fds = len ? data[0] : 0;
	struct kdtls_helper_request r;
	u8 *message;

	len -= !!len;
	message = fuzz_copy(data + 1, len);
	if (!request_parse(message, len, n_fds, &r))
		accepted(&r, message, len, n_fds);
	fuzz_free(message);
}

static void seed(u8 n_fds, const void *message, size_t len)
{
	u8 bytes[1 + sizeof(struct kdtls_helper_request)];

	bytes[0] = n_fds;
	memcpy(bytes + 1, message, len);
	fuzz_seed(bytes, 1 + len);
}

void fuzz_seeds(void)
{
	struct kdtls_helper_request r = {
		.header = { 1, KDTLS_HELPER_CONNECT, sizeof(r), 1, 0 },
		.flags = KDTLS_HELPER_WANT_SRTP,
		.timeout_ms = 1000,
		.alpn_len = 6,
		.profile = "default",
		.server_name = "localhost",
		.alpn = { 2, 'h', '3', 2, 'd', 'q' },
	};

	seed(1, &r, sizeof(r));
	memset(&r.flags, 0, sizeof(r) - sizeof(r.header));
	r.header.type = KDTLS_HELPER_ACCEPT;
	seed(1, &r, sizeof(r));
	r.header.type = KDTLS_HELPER_CANCEL;
	r.header.size = sizeof(r.header);
	seed(0, &r, sizeof(r.header));
}
