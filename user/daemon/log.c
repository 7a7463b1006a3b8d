// SPDX-License-Identifier: GPL-2.0
/*
 * Lines on standard error. Where that is no terminal each begins with its priority,
 * as sd-daemon(3) has it and the journal takes it.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "log.h"

bool log_verbose;
void (*log_hook)(int priority, const char *line);

/* Names come from programs and peers: nobody else begins a line. */
static void make_printable(char *p)
{
	for (; *p; p++)
		if ((unsigned char)*p < 0x20 || *p == 0x7f)
			*p = '?';
}

void log_say(int priority, const char *fmt, ...)
{
	char line[1200], whole[1300];
	va_list ap;
	int n;

	if (priority > LOG_INFO && !log_verbose)
		return;
	va_start(ap, fmt);
	vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	make_printable(line);
	if (log_hook) {
		log_hook(priority, line);
		return;
	}
	if (isatty(STDERR_FILENO))
		n = snprintf(whole, sizeof(whole), "kdtlsd: %s\n", line);
	else
		n = snprintf(whole, sizeof(whole), "<%d>%s\n", priority, line);
	/* There is nobody to tell that it did not work. */
	if (write(STDERR_FILENO, whole, (size_t)n) < 0)
		return;
}

const char *log_address(const struct sockaddr_storage *ss)
{
	const struct sockaddr_in6 *in6 = (const void *)ss;
	const struct sockaddr_in *in = (const void *)ss;
	static char text[INET6_ADDRSTRLEN + 16];
	char addr[INET6_ADDRSTRLEN] = "?";

	if (ss->ss_family == AF_INET6) {
		inet_ntop(AF_INET6, &in6->sin6_addr, addr, sizeof(addr));
		snprintf(text, sizeof(text), "[%s]:%u", addr, ntohs(in6->sin6_port));
	} else if (ss->ss_family == AF_INET) {
		inet_ntop(AF_INET, &in->sin_addr, addr, sizeof(addr));
		snprintf(text, sizeof(text), "%s:%u", addr, ntohs(in->sin_port));
	} else {
		return "nobody";
	}
	return text;
}
