// SPDX-License-Identifier: GPL-2.0
/* Options that both commands have. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "tool.h"

const char common_help[] =
"  --cert FILE           own certificate chain, PEM\n"
"  --key FILE            its private key, PEM\n"
"  --ca FILE             whom to trust, PEM\n"
"  --cipher LIST         OpenSSL cipher list; default: the AEAD suites of kdtls,\n"
"                        those with a tag of 8 bytes excepted\n"
"  --groups LIST         groups for the key exchange, as X25519:P-256\n"
"  --sigalgs LIST        signature algorithms, as ECDSA+SHA256:RSA-PSS+SHA256\n"
"  --alpn LIST           protocols to negotiate, separated by commas\n"
"  --psk-file FILE       pre-shared keys instead of certificates: lines\n"
"                        IDENTITY:KEY, the key in hexadecimal\n"
"  --srtp LIST           SRTP profiles to agree on, separated by colons\n"
"  --mtu N               largest datagram of a handshake, 256 to 65535;\n"
"                        default 1200\n"
"  --window N            replay window of the kernel, 32 to 8192 records;\n"
"                        default 64\n"
"  --offload MODE        auto: the kernel if it can, else OpenSSL (default);\n"
"                        require: the kernel or nothing; off: OpenSSL\n"
"  --handshake-timeout S seconds until a handshake is given up; default 30\n"
"  --idle-timeout S      seconds without data until a session is closed; default\n"
"                        0, never\n"
"  --keylog FILE         append key log lines, for Wireshark\n"
"  --json                one JSON object a line instead of text\n"
"  --quiet               errors and results only\n"
"  --help                this text\n";

int number(const char *command, const char *name, const char *arg,
	   unsigned long min, unsigned long max, unsigned long *out)
{
	char *end;

	errno = 0;
	*out = strtoul(arg, &end, 10);
	if (errno || end == arg || *end || *arg == '-' || *out < min ||
	    *out > max)
		return misuse(command, "%s takes a number from %lu to %lu, not \"%s\"",
			      name, min, max, arg);
	return EXIT_OK;
}

static int set_number(struct common *c, const char *name, const char *arg,
		      unsigned long min, unsigned long max, unsigned int *out)
{
	unsigned long n;
	int ret = number(c->command, name, arg, min, max, &n);

	if (!ret)
		*out = (unsigned int)n;
	return ret;
}

static int set_offload(struct common *c, const char *arg)
{
	static const char *const names[] = { "auto", "require", "off" };
	unsigned int i;

	for (i = 0; i < 3; i++)
		if (!strcmp(arg, names[i])) {
			c->offload = i;
			return EXIT_OK;
		}
	return misuse(c->command, "--offload takes auto, require or off, not \"%s\"",
		      arg);
}

int common_option(struct common *c, int opt, const char *arg)
{
	switch (opt) {
	case OPT_CERT:
		c->cert = arg;
		return EXIT_OK;
	case OPT_KEY:
		c->key = arg;
		return EXIT_OK;
	case OPT_CA:
		c->ca = arg;
		return EXIT_OK;
	case OPT_CIPHER:
		c->ciphers = arg;
		return EXIT_OK;
	case OPT_KEYLOG:
		c->keylog = arg;
		return EXIT_OK;
	case OPT_ALPN:
		c->alpn = arg;
		return EXIT_OK;
	case OPT_PSK_FILE:
		c->psk_file = arg;
		return EXIT_OK;
	case OPT_GROUPS:
		c->groups = arg;
		return EXIT_OK;
	case OPT_SIGALGS:
		c->sigalgs = arg;
		return EXIT_OK;
	case OPT_SRTP:
		c->srtp = arg;
		return EXIT_OK;
	case OPT_OFFLOAD:
		return set_offload(c, arg);
	case OPT_MTU:
		return set_number(c, "--mtu", arg, KDTLS_MTU_MIN,
				  KDTLS_MTU_MAX, &c->mtu);
	case OPT_WINDOW:
		return set_number(c, "--window", arg, 32, 8192, &c->window);
	case OPT_TIMEOUT:
		return set_number(c, "--handshake-timeout", arg, 1, 86400,
				  &c->timeout);
	case OPT_IDLE:
		return set_number(c, "--idle-timeout", arg, 0, 2147483,
				  &c->idle);
	case OPT_JSON:
		c->json = true;
		return EXIT_OK;
	default:
		c->quiet = true;
		return EXIT_OK;
	}
}

int bad_option(const char *command, int opt, char **argv)
{
	const char *given = argv[optind - 1];
	char letter[3] = { '-', (char)optopt, 0 };

	/* There are long options only, and getopt takes letters one by one. */
	if (opt == '?' && optopt > 0 && optopt < 0x7f)
		given = letter;
	if (opt == ':')
		return misuse(command, "%s needs a value", given);
	return misuse(command, "unknown option %s", given);
}

static int set_alpn(struct kdtls_config *config, const char *list)
{
	const char *protocols[33] = { NULL };
	char *copy = strdup(list), *save, *p;
	int n = 0, err;

	if (!copy)
		return -ENOMEM;
	for (p = strtok_r(copy, ",", &save); p && n < 32;
	     p = strtok_r(NULL, ",", &save))
		protocols[n++] = p;
	err = kdtls_config_set_alpn(config, protocols);
	free(copy);
	return err;
}

static int fill(const struct common *c, struct kdtls_config *config)
{
	int err = kdtls_config_set_offload(config, c->offload);

	if (!err && c->cert)
		err = kdtls_config_set_cert_file(config, c->cert);
	if (!err && c->key)
		err = kdtls_config_set_key_file(config, c->key);
	if (!err && c->ca)
		err = kdtls_config_set_ca_file(config, c->ca);
	if (!err && c->ciphers)
		err = kdtls_config_set_ciphers(config, c->ciphers);
	if (!err && c->keylog)
		err = kdtls_config_set_keylog_file(config, c->keylog);
	if (!err && c->alpn)
		err = set_alpn(config, c->alpn);
	if (!err && c->groups)
		err = kdtls_config_set_groups(config, c->groups);
	if (!err && c->sigalgs)
		err = kdtls_config_set_sigalgs(config, c->sigalgs);
	if (!err && c->srtp)
		err = kdtls_config_set_srtp(config, c->srtp);
	if (!err && c->mtu)
		err = kdtls_config_set_mtu(config, c->mtu);
	if (!err && c->window)
		err = kdtls_config_set_window(config, c->window);
	if (!err && c->timeout)
		err = kdtls_config_set_handshake_timeout(config,
							 c->timeout * 1000);
	if (!err)
		err = kdtls_config_set_idle_timeout(config, c->idle * 1000);
	return err;
}

struct kdtls_config *common_config(const struct common *c)
{
	struct kdtls_config *config = kdtls_config_new();

	if (!config) {
		complain("no memory");
		return NULL;
	}
	if (fill(c, config)) {
		complain("%s", kdtls_last_error());
		kdtls_config_free(config);
		return NULL;
	}
	return config;
}

int split_address(const char *command, char *text, char **host, char **port)
{
	char *colon = strrchr(text, ':');

	if (!colon || !colon[1] || colon == text)
		return misuse(command, "\"%s\" is not HOST:PORT", text);
	*port = colon + 1;
	*host = text;
	if (text[0] == '[' && colon[-1] == ']') {
		*host = text + 1;
		colon[-1] = 0;
	} else if (memchr(text, ':', (size_t)(colon - text))) {
		return misuse(command, "an IPv6 address goes into brackets: [ADDRESS]:PORT");
	}
	*colon = 0;
	return EXIT_OK;
}
