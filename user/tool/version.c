// SPDX-License-Identifier: GPL-2.0
/* kdtls version */
#include <string.h>
#include <sys/utsname.h>

#include <openssl/crypto.h>

#include "tool.h"

static const char usage[] =
"usage: kdtls version [--json]\n"
"\n"
"Tells the versions of kdtls, OpenSSL and the kernel, and whether the kernel\n"
"can carry records. Loads the kdtls module if it can be loaded.\n"
"\n"
"  --json    one JSON object instead of text\n"
"  --help    this text\n";

static void text(const char *kernel, int err)
{
	printf("kdtls %s\n%s\nLinux %s\n", kdtls_version(),
	       OpenSSL_version(OPENSSL_VERSION), kernel);
	if (err)
		printf("offload: %snone%s (%s)\n", bad(), plain(),
		       kdtls_last_error());
	else
		printf("offload: %skernel%s\n", good(), plain());
}

static void json(const char *kernel, int err)
{
	printf("{\"kdtls\":\"%s\",\"openssl\":", kdtls_version());
	json_string(stdout, OpenSSL_version(OPENSSL_VERSION));
	printf(",\"kernel\":");
	json_string(stdout, kernel);
	printf(",\"offload\":%s,\"reason\":", err ? "false" : "true");
	json_string(stdout, err ? kdtls_last_error() : "");
	printf("}\n");
}

int cmd_version(int argc, char **argv)
{
	bool as_json = false;
	struct utsname u;
	int i, err;

	for (i = 1; i < argc; i++) {
		if (!strcmp(argv[i], "--help")) {
			fputs(usage, stdout);
			return EXIT_OK;
		}
		if (strcmp(argv[i], "--json"))
			return misuse("version", "unknown argument \"%s\"",
				      argv[i]);
		as_json = true;
	}
	uname(&u);
	err = kdtls_probe();
	if (as_json)
		json(u.release, err);
	else
		text(u.release, err);
	return EXIT_OK;
}
