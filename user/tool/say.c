// SPDX-License-Identifier: GPL-2.0
/* What people and programs read. */
#include <arpa/inet.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tool.h"

static void vcomplain(const char *fmt, va_list ap)
{
	fflush(stdout);
	fputs("kdtls: ", stderr);
	vfprintf(stderr, fmt, ap);
	fputc('\n', stderr);
}

void complain(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vcomplain(fmt, ap);
	va_end(ap);
}

int misuse(const char *command, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vcomplain(fmt, ap);
	va_end(ap);
	if (command)
		fprintf(stderr, "try `kdtls %s --help`\n", command);
	else
		fprintf(stderr, "try `kdtls --help`\n");
	return EXIT_USAGE;
}

static const char *escape(const char *sequence)
{
	static int colours = -1;

	if (colours < 0)
		colours = isatty(STDOUT_FILENO) && !getenv("NO_COLOR");
	return colours ? sequence : "";
}

const char *bold(void)
{
	return escape("\033[1m");
}

const char *dim(void)
{
	return escape("\033[2m");
}

const char *good(void)
{
	return escape("\033[32m");
}

const char *bad(void)
{
	return escape("\033[31m");
}

const char *plain(void)
{
	return escape("\033[0m");
}

const char *address_text(const struct sockaddr_storage *ss)
{
	static char text[80];
	char host[INET6_ADDRSTRLEN], scope[16] = "";
	const struct sockaddr_in6 *in6 = (const void *)ss;
	const struct sockaddr_in *in = (const void *)ss;

	if (ss->ss_family == AF_INET6) {
		inet_ntop(AF_INET6, &in6->sin6_addr, host, sizeof(host));
		if (in6->sin6_scope_id)
			snprintf(scope, sizeof(scope), "%%%u",
				 in6->sin6_scope_id);
		snprintf(text, sizeof(text), "[%s%s]:%u", host, scope,
			 ntohs(in6->sin6_port));
	} else {
		inet_ntop(AF_INET, &in->sin_addr, host, sizeof(host));
		snprintf(text, sizeof(text), "%s:%u", host,
			 ntohs(in->sin_port));
	}
	return text;
}

/*
 * Bytes as a JSON string. Those that are not ASCII are told by the code points of
 * the same numbers: what a peer sends need not be UTF-8, and JSON must be.
 */
void json_bytes(FILE *out, const char *data, size_t len)
{
	const unsigned char *p = (const unsigned char *)data;
	size_t i;

	putc('"', out);
	for (i = 0; i < len; i++) {
		if (p[i] == '"' || p[i] == '\\')
			fprintf(out, "\\%c", p[i]);
		else if (p[i] < 0x20 || p[i] > 0x7e)
			fprintf(out, "\\u%04x", p[i]);
		else
			putc(p[i], out);
	}
	putc('"', out);
}

void json_string(FILE *out, const char *text)
{
	json_bytes(out, text, strlen(text));
}

void print_session(struct kdtls_session *session)
{
	struct kdtls_session_info i;

	kdtls_session_info(session, &i, sizeof(i));
	printf("%s%s%s  %s  %s%s", bold(), address_text(&i.peer), plain(),
	       i.protocol, i.cipher, i.resumed ? "  resumed" : "");
	if (i.server && *i.server_name) {
		printf("  for ");
		json_string(stdout, i.server_name);
	}
	if (*i.alpn)
		printf("  alpn %s", i.alpn);
	if (*i.srtp)
		printf("  srtp %s", i.srtp);
	if (*i.psk_identity) {
		printf("  psk ");
		json_string(stdout, i.psk_identity);
	}
	if (i.offloaded)
		printf("  offload: %skernel%s\n", good(), plain());
	else
		printf("  offload: %snone%s (%s)\n", bad(), plain(),
		       i.offload_reason);
}

void json_session(FILE *out, struct kdtls_session *session)
{
	struct kdtls_session_info i;

	kdtls_session_info(session, &i, sizeof(i));
	fprintf(out, "\"peer\":\"%s\",\"protocol\":\"%s\",\"cipher\":\"%s\","
		"\"resumed\":%s,\"offload\":\"%s\",\"reason\":",
		address_text(&i.peer), i.protocol, i.cipher,
		i.resumed ? "true" : "false",
		i.offloaded ? "kernel" : "none");
	json_string(out, i.offload_reason);
	fprintf(out, ",\"alpn\":");
	json_string(out, i.alpn);
	fprintf(out, ",\"server_name\":");
	json_string(out, i.server_name);
	fprintf(out, ",\"group\":\"%s\",\"srtp\":\"%s\",\"psk_identity\":",
		i.group, i.srtp);
	json_string(out, i.psk_identity);
	fprintf(out, ",\"tx_epoch\":%u,\"rx_epoch\":%u,\"tx_seq\":%llu,"
		"\"rx_seq\":%llu,\"overhead\":%u,\"max_payload\":%u,"
		"\"messages_sent\":%llu,\"bytes_sent\":%llu,"
		"\"messages_received\":%llu,\"bytes_received\":%llu,"
		"\"rx_replayed\":%llu,\"rx_bad\":%llu,\"retransmits\":%llu,"
		"\"flights_answered\":%llu",
		i.tx_epoch, i.rx_epoch, (unsigned long long)i.tx_seq,
		(unsigned long long)i.rx_seq, i.overhead, i.max_payload,
		(unsigned long long)i.messages_sent,
		(unsigned long long)i.bytes_sent,
		(unsigned long long)i.messages_received,
		(unsigned long long)i.bytes_received,
		(unsigned long long)i.rx_replayed,
		(unsigned long long)i.rx_bad,
		(unsigned long long)i.retransmits,
		(unsigned long long)i.flights_answered);
}
