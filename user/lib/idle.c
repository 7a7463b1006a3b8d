// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The idle timeout. A record only notes the time; the timer stays where it is, and
 * when it goes off it is set to the time that is noted by then.
 */
#include "clock.h"
#include "endpoint.h"
#include "idle.h"
#include "log.h"

int kdtls_config_set_idle_timeout(struct kdtls_config *config, unsigned int ms)
{
	return kdtls_config_number(config, &config->idle_ms, ms, 0, INT32_MAX,
				   "idle timeout");
}

void kdtls_idle_touch(struct kdtls_session *s)
{
	if (s->ep && s->ep->config->idle_ms)
		s->active = kdtls_now_ms();
}

u64 kdtls_idle_due(const struct kdtls_session *s)
{
	unsigned int ms = s->ep->config->idle_ms;

	return ms ? s->active + ms : 0;
}

void kdtls_idle_close(struct kdtls_session *s)
{
	s->ep->info.idle_closed++;
	s->closing_at = kdtls_now_real();
	if (!s->close_sent)
		s->carrier->send_close(s);
	s->close_sent = true;
	kdtls_fail(-ETIME, "no application data came or went for %u ms",
		   s->ep->config->idle_ms);
	kdtls_session_error_now(s, -ETIME);
	kdtls_session_end(s, -ETIME);
}
