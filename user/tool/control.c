// SPDX-License-Identifier: GPL-2.0
/* Asking the kernel. */
#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <string.h>

#include "control.h"

int control_open(struct kdtls_netlink *nl, const char *doing)
{
	int err = kdtls_netlink_open(nl);

	if (!err)
		return EXIT_OK;
	if (err == -ENOENT) {
		complain("cannot %s: the kernel has no kdtls: its module is not loaded",
			 doing);
		return EXIT_FAIL;
	}
	return control_failed(nl, err, doing);
}

static const char *reason(int err)
{
	switch (-err) {
	case EPERM:
	case EACCES:
		return "this takes CAP_NET_ADMIN, which root has";
	case EBADMSG:
		return "the kernel's answer makes no sense";
	case ENOBUFS:
		return "the kernel had no room for its answer";
	case EOPNOTSUPP:
		return "the kernel's kdtls is older than this command, or does not support it";
	}
	return strerror(-err);
}

int control_failed(const struct kdtls_netlink *nl, int err, const char *doing)
{
	if (*nl->said)
		complain("cannot %s: %s (%s)", doing, nl->said, reason(err));
	else
		complain("cannot %s: %s", doing, reason(err));
	return EXIT_FAIL;
}

/* ---- Addresses ---------------------------------------------------------------- */

/* Take "HOST", "HOST:PORT", "[HOST]" and "[HOST]:PORT" apart. False: it is none. */
static bool take_apart(char *text, char **host, char **port)
{
	char *colon = strrchr(text, ':'), *end;

	*host = text;
	*port = NULL;
	if (*text == '[') {
		end = strchr(text, ']');
		if (!end || (end[1] && end[1] != ':'))
			return false;
		*host = text + 1;
		*port = end[1] ? end + 2 : NULL;
		*end = 0;
	} else if (colon && colon == strchr(text, ':')) {
		*port = colon + 1;
		*colon = 0;
	}
	return **host && (!*port || **port);
}

static bool read_port(const char *port, struct sockaddr_storage *ss)
{
	unsigned long n = 0;
	const char *p;

	for (p = port; p && *p >= '0' && *p <= '9' && n <= 65535; p++)
		n = n * 10 + (unsigned long)(*p - '0');
	if (p && *p)
		return false;
	/* The port is at the same place in both. */
	((struct sockaddr_in *)ss)->sin_port = htons((uint16_t)n);
	return n <= 65535 && (!port || n);
}

static bool read_host(const char *host, struct sockaddr_storage *ss)
{
	const struct addrinfo hints = {
		.ai_flags = AI_NUMERICHOST, .ai_socktype = SOCK_DGRAM,
		.ai_family = AF_INET6,
	};
	struct sockaddr_in *in = (void *)ss;
	struct addrinfo *found;

	memset(ss, 0, sizeof(*ss));
	in->sin_family = AF_INET;
	if (inet_pton(AF_INET, host, &in->sin_addr) == 1)
		return true;
	/* It knows scopes, too. */
	if (getaddrinfo(host, NULL, &hints, &found))
		return false;
	memcpy(ss, found->ai_addr, found->ai_addrlen);
	freeaddrinfo(found);
	return true;
}

int control_address(const char *command, const char *name, const char *arg,
		    bool any_port, struct sockaddr_storage *out)
{
	char text[128], *host, *port;

	if (snprintf(text, sizeof(text), "%s", arg) >= (int)sizeof(text) ||
	    !take_apart(text, &host, &port) || !read_host(host, out))
		return misuse(command, "%s takes ADDR%s, in numbers, IPv6 as [ADDR]:PORT; not \"%s\"",
			      name, any_port ? " or ADDR:PORT" : ":PORT", arg);
	if (!read_port(port, out))
		return misuse(command, "%s: \"%s\" is no port from 1 to 65535",
			      name, port);
	if (!port && !any_port)
		return misuse(command, "%s: \"%s\" lacks a port", name, arg);
	return EXIT_OK;
}

void control_put_address(struct nlmsghdr *nlh, uint16_t type,
			 const struct sockaddr_storage *ss)
{
	size_t len = ss->ss_family == AF_INET6 ? sizeof(struct sockaddr_in6) :
						 sizeof(struct sockaddr_in);

	mnl_attr_put(nlh, type, len, ss);
}

/* ---- Output ------------------------------------------------------------------- */

int control_written(int status)
{
	if (!fflush(stdout) && !ferror(stdout))
		return status;
	complain("cannot write the output: %s", strerror(errno));
	return EXIT_FAIL;
}
