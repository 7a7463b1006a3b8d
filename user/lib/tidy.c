// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * What a session could be resumed with is wiped when its time is over, not when
 * somebody asks for it next: on a quiet server that may be never.
 */
#include <time.h>

#include <openssl/ssl.h>

#include "clock.h"
#include "endpoint.h"
#include "tidy.h"

static u64 lifetime(const struct kdtls_endpoint *ep)
{
	return ep->config->session_s * 1000ULL;
}

/* Returns whether there are others, whose time is not over. */
static bool flush(SSL_CTX *ctx)
{
	if (!ctx)
		return false;
	SSL_CTX_flush_sessions(ctx, time(NULL));
	return SSL_CTX_sess_number(ctx) > 0;
}

static bool flush_all(struct kdtls_endpoint *ep)
{
	struct kdtls_named *named;
	bool left = flush(ep->ctx_server);

	left |= flush(ep->ctx_accept);
	for (named = ep->named; named; named = named->next)
		left |= flush(named->ctx);
	return left;
}

void kdtls_tidy_later(struct kdtls_endpoint *ep)
{
	/* OpenSSL counts whole seconds. */
	if (!ep->tidy_at && (ep->ctx_server || ep->ctx_accept))
		ep->tidy_at = kdtls_now_ms() + lifetime(ep) + 1000;
}

void kdtls_tidy(struct kdtls_endpoint *ep, u64 now)
{
	bool left = flush_all(ep);

	kdtls_ticket_expire(&ep->tickets, now, lifetime(ep));
	left |= ep->tickets.n && !ep->tickets.given;
	ep->tidy_at = left ? now + lifetime(ep) : 0;
}
