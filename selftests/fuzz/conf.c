// SPDX-License-Identifier: GPL-2.0
/*
 * user/daemon/conf.c: the input is a configuration file. It is taken without a word,
 * or not at all and with some; what is taken is within its bounds.
 */
#include <daemon/conf.h>
#include <daemon/log.h>

#include <kdtls-helper.h>

#include "fuzz.h"

static unsigned int lines;

static void count(int priority, const char *line)
{
	for (; *line; line++)
		MUST((u8)*line >= 0x20 && *line != 0x7f);
	lines++;
}

static void check_profile(const struct conf_profile *p)
{
	size_t n = strlen(p->name);

	MUST(n && n < KDTLS_HELPER_PROFILE_MAX);
	MUST(p->role >= CONF_CLIENT && p->role <= (CONF_CLIENT | CONF_SERVER));
	MUST(!p->cert == !p->key);
	MUST(!p->cert || *p->cert == '/');
	MUST(p->verify <= KDTLS_VERIFY_REQUIRED);
	MUST(!p->mtu || (p->mtu >= KDTLS_MTU_MIN && p->mtu <= KDTLS_MTU_MAX));
	MUST(!p->server_name || strlen(p->server_name) < KDTLS_HELPER_NAME_MAX);
}

static void check(const struct conf *conf)
{
	const struct conf_profile *p, *other;

	MUST(*conf->socket == '/' && strlen(conf->socket) < 108);
	MUST(conf->mode <= 0777);
	MUST(conf->max_connections && conf->max_handshakes);
	MUST(conf->profiles);
	for (p = conf->profiles; p; p = p->next) {
		check_profile(p);
		for (other = p->next; other; other = other->next)
			MUST(strcmp(p->name, other->name));
	}
}

void fuzz_one(const u8 *data, size_t len)
{
	u8 *text = fuzz_alloc(len + 1);
	struct conf *conf;

	if (len)
		memcpy(text, data, len);
	lines = 0;
	log_hook = count;
	conf = conf_parse("file", (char *)text, len);
	MUST(!conf == !!lines);
	if (conf)
		check(conf);
	conf_free(conf);
	fuzz_free(text);
}

static void seed(const char *text)
{
	fuzz_seed(text, strlen(text));
}

void fuzz_seeds(void)
{
	seed("[profile a]\n");
	seed("[daemon]\nsocket /s\nsocket-mode 0600\nsocket-group 1\nuser 5\ngroup 6\n"
	     "allow-user 1 2\nmax-connections 1\nmax-user-connections 2\n"
	     "max-handshakes 3\nlock-memory no\n[profile a]\n");
	seed("[profile a]\nrole both\ncert /c\nkey /k\nca /a\npsk-file /p\n"
	     "psk-identity i\npsk-hint h\nverify none\nserver-name x\nciphers A\n");
	seed("[profile a]\nrole server\npsk-file /p\ngroups G\nsigalgs S\nsrtp T\nalpn a b\n"
	     "keylog /l\nmtu 300\nwindow 64\nhandshake-timeout 1\nflight-time 1\n");
	seed("# x\n\n[profile b]\nresume yes\n[profile c]\nrole both\npsk-file /p\ntickets no\n"
	     "session-cache 1\nsession-lifetime 1\nallow-user 0\n");
}
