// SPDX-License-Identifier: GPL-2.0
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include <kdtls.h>
#include <kdtls-helper.h>

#include "conf.h"
#include "options.h"

static const char help_text[] =
"usage: kdtlsd [OPTIONS]\n\n"
"The helper of kdtls: does DTLS handshakes for programs, and gives them their\n"
"sockets back with the keys in the kernel. It stays in the foreground.\n\n"
"  --config FILE   the configuration; default " CONF_PATH "\n"
"  --check         look at the configuration and at all that it names, and exit\n"
"  --socket PATH   listen there, whatever the configuration says;\n"
"                  default " KDTLS_HELPER_PATH "\n"
"  --verbose       tell more\n"
"  --version       tell the version\n"
"  --help          this text\n\n"
"SIGHUP reads the configuration again; SIGTERM ends it. See kdtlsd(8).\n";

enum { OPT_CONFIG = 256, OPT_CHECK, OPT_SOCKET, OPT_VERBOSE, OPT_VERSION, OPT_HELP };

static const struct option list[] = {
	{ "config", required_argument, NULL, OPT_CONFIG },
	{ "check", no_argument, NULL, OPT_CHECK },
	{ "socket", required_argument, NULL, OPT_SOCKET },
	{ "verbose", no_argument, NULL, OPT_VERBOSE },
	{ "version", no_argument, NULL, OPT_VERSION },
	{ "help", no_argument, NULL, OPT_HELP },
	{ .name = NULL },
};

static int misuse(const char *what, const char *which)
{
	fprintf(stderr, "kdtlsd: %s%s\nkdtlsd: see `kdtlsd --help`\n", what, which);
	return EXIT_USAGE;
}

static int take(struct options *o, int opt, char **argv)
{
	switch (opt) {
	case OPT_CONFIG:
		o->config = optarg;
		return -1;
	case OPT_CHECK:
		o->check = true;
		return -1;
	case OPT_SOCKET:
		o->socket = optarg;
		return -1;
	case OPT_VERBOSE:
		o->verbose = true;
		return -1;
	case OPT_VERSION:
		printf("kdtlsd %s\n", kdtls_version());
		return EXIT_OK;
	case OPT_HELP:
		fputs(help_text, stdout);
		return EXIT_OK;
	case ':':
		return misuse("a value is missing behind ", argv[optind - 1]);
	default:
		return misuse("unknown option ", argv[optind - 1]);
	}
}

int options_parse(int argc, char **argv, struct options *o)
{
	int opt, ret = -1;

	memset(o, 0, sizeof(*o));
	o->config = CONF_PATH;
	opterr = 0;
	while (ret < 0 && (opt = getopt_long(argc, argv, ":", list, NULL)) != -1)
		ret = take(o, opt, argv);
	if (ret < 0 && optind < argc)
		ret = misuse("nothing is known of ", argv[optind]);
	if (ret < 0 && o->socket && (*o->socket != '/' || strlen(o->socket) > 107))
		ret = misuse("--socket takes a path of at most 107 bytes that begins with /, not ",
			     o->socket);
	return ret;
}
