// SPDX-License-Identifier: GPL-2.0
/* Leaving in good order. */
#include <signal.h>
#include <stddef.h>

#include "tool.h"

volatile int stopped;

static void on_signal(int signo)
{
	stopped = signo;
}

void catch_signals(void)
{
	/* No SA_RESTART: what waits is to come back and look at @stopped. */
	struct sigaction sa = { .sa_handler = on_signal };

	sigaction(SIGINT, &sa, NULL);
	sigaction(SIGTERM, &sa, NULL);
	signal(SIGPIPE, SIG_IGN);
}

void shut_down(struct kdtls_endpoint *ep)
{
	struct kdtls_endpoint_info info;

	if (!ep)
		return;
	kdtls_endpoint_close(ep);
	do {
		if (kdtls_dispatch(ep, 100) == 0)
			break;
		kdtls_endpoint_info(ep, &info, sizeof(info));
	} while (info.session_count);
	kdtls_endpoint_destroy(ep);
}
