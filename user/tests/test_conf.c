// SPDX-License-Identifier: GPL-2.0
/* kdtlsd.conf: what is right, and what is said of each thing that is wrong. */
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/conf.h"
#include "daemon/daemon.h"
#include "daemon/keys.h"
#include "daemon/log.h"
#include "pki.h"
#include "tap.h"

static char said[8192];
static int lines;

static void on_log(int priority, const char *line)
{
	size_t n = strlen(said);

	snprintf(said + n, sizeof(said) - n, "%s\n", line);
	lines++;
}

static struct conf *parse(const char *text)
{
	size_t len = strlen(text);
	char *copy = malloc(len + 1);
	struct conf *conf;

	memcpy(copy, text, len);
	*said = 0;
	lines = 0;
	log_hook = on_log;
	conf = conf_parse("file", copy, len);
	log_hook = NULL;
	free(copy);
	return conf;
}

static void good(void)
{
	struct conf_profile *p;
	struct conf *c;

	c = parse("# nothing\n\n  [daemon]\t \t\nsocket /run/x y\nsocket-mode 0600\r\n"
		  "socket-group 7\nuser root\ngroup 12\nallow-user root 1234 0\n"
		  "max-connections 65536\n\tmax-user-connections\t3\nmax-handshakes 1\n"
		  "lock-memory no\n[profile one]\n[profile two]\nrole both\n"
		  "cert /c\nkey /k\nca /a\npsk-file /p\npsk-identity me too\n"
		  "psk-hint h\nverify optional\nserver-name x.test\nciphers A:B\n"
		  "groups P-256\nsigalgs S\nsrtp T\nalpn a  b\tc\nkeylog /l\nmtu 256\n"
		  "window 8192\nhandshake-timeout 1\nflight-time 2\nresume no\n"
		  "tickets no\nsession-cache 0\nsession-lifetime 9\nallow-user 5");
	NEED(c);
	CHECK_EQ(lines, 0);
	CHECK(!strcmp(c->socket, "/run/x y"));
	CHECK_EQ(c->mode, 0600);
	CHECK_EQ(c->socket_group, 7);
	CHECK_EQ(c->uid, 0);
	CHECK_EQ(c->gid, 12);
	CHECK_EQ(c->users.n, 3);
	CHECK_EQ(c->users.list[1], 1234);
	CHECK_EQ(c->max_connections, 65536);
	CHECK_EQ(c->max_user_connections, 3);
	CHECK_EQ(c->max_handshakes, 1);
	CHECK_EQ(c->lock_memory, 0);
	p = c->profiles;
	NEED(p && p->next && !p->next->next);
	CHECK(!strcmp(p->name, "one"));
	CHECK_EQ(p->line, 14);
	CHECK_EQ(p->role, CONF_CLIENT);
	CHECK_EQ(p->resume, 1);
	CHECK_EQ(p->session_cache, (unsigned int)-1);
	p = p->next;
	CHECK_EQ(p->role, CONF_CLIENT | CONF_SERVER);
	CHECK_EQ(p->verify, KDTLS_VERIFY_OPTIONAL);
	CHECK(!strcmp(p->psk_identity, "me too"));
	CHECK(!strcmp(p->alpn[0], "a") && !strcmp(p->alpn[2], "c") && !p->alpn[3]);
	CHECK_EQ(p->mtu, 256);
	CHECK_EQ(p->window, 8192);
	CHECK_EQ(p->session_cache, 0);
	CHECK_EQ(p->session_s, 9);
	CHECK(conf_has_keylog(c));
	CHECK(conf_may(&p->users, 5) && conf_may(&p->users, 0) &&
	      !conf_may(&p->users, 6));
	CHECK(conf_may(&c->profiles->users, 6));
	conf_free(c);

	c = parse("[profile default]\n");
	NEED(c);
	CHECK(!strcmp(c->socket, KDTLS_HELPER_PATH));
	CHECK_EQ(c->mode, 0660);
	CHECK_EQ(c->uid, (uid_t)-1);
	CHECK_EQ(c->lock_memory, 1);
	CHECK(!conf_has_keylog(c));
	conf_free(c);
}

static const struct {
	const char	*text;
	const char	*message;
} wrong[] = {
	{ "", "file: there is no profile" },
	{ "[daemon]\n", "file: there is no profile" },
	{ "x 1\n[profile a]\n", "file:1: \"x\" is in no section" },
	{ "[profile a]\n\n[nothing]\n", "file:3: there is no section [nothing]" },
	{ "[daemon x]\n", "file:1: there is no section [daemon x]" },
	{ "[daemon\n", "file:1: a section ends with ]" },
	{ "[daemon]\n[profile a]\n[daemon]\n",
	  "file:3: there is a section [daemon] already, in line 1" },
	{ "[profile]\n", "file:1: a profile needs a name" },
	{ "[profile a/b]\n", "file:1: the name of a profile is of letters" },
	{ "[profile 0123456789012345678901234567890123456789012345678901234567890123]\n",
	  "file:1: the name of a profile has 63 bytes at most" },
	{ "[profile a]\n[profile b]\n[profile a]\n",
	  "file:3: there is a profile \"a\" already, in line 1" },
	{ "[profile a]\nmtv 300\n", "file:2: there is no \"mtv\" in a section [profile]" },
	{ "[daemon]\nmtu 300\n", "file:2: there is no \"mtu\" in a section [daemon]" },
	{ "[profile a]\nmtu\n", "file:2: mtu needs a value" },
	{ "[profile a]\nmtu 300\nmtu 301\n", "file:3: mtu is given twice" },
	{ "[profile a]\nmtu 255\n", "file:2: mtu takes a number from 256 to 65535, not \"255\"" },
	{ "[profile a]\nmtu 65536\n", "file:2: mtu takes a number" },
	{ "[profile a]\nmtu 300x\n", "file:2: mtu takes a number" },
	{ "[profile a]\nmtu -1\n", "file:2: mtu takes a number" },
	{ "[profile a]\nmtu 99999999999999999999\n", "file:2: mtu takes a number" },
	{ "[profile a]\nresume maybe\n", "file:2: resume takes yes or no" },
	{ "[profile a]\nverify never\n",
	  "file:2: verify takes one of none optional required, not \"never\"" },
	{ "[profile a]\nverify opt\n", "file:2: verify takes one of" },
	{ "[profile a]\ncert x\n", "file:2: cert takes a path that begins with /" },
	{ "[profile a]\nkey /k\n", "file:1: profile \"a\": cert and key go together" },
	{ "[profile a]\ncert /c\n", "file:1: profile \"a\": cert and key go together" },
	{ "[profile a]\npsk-identity x\n", "file:1: profile \"a\": psk-identity needs psk-file" },
	{ "[profile a]\nrole server\n",
	  "file:1: profile \"a\": a server needs cert and key, or psk-file" },
	{ "[profile a]\nrole server\ncert /c\nkey /k\nserver-name x\n",
	  "file:1: profile \"a\": server-name is for clients" },
	{ "[profile a]\ntickets no\n", "file:1: profile \"a\": tickets is for servers" },
	{ "[daemon]\nsocket-mode 0888\n", "file:2: socket-mode takes a mode" },
	{ "[daemon]\nsocket-mode 7777\n", "file:2: socket-mode takes a mode" },
	{ "[daemon]\nuser nobody-of-that-name\n",
	  "file:2: user: there is no user \"nobody-of-that-name\"" },
	{ "[daemon]\ngroup no-such-group\n", "file:2: group: there is no group" },
	{ "[daemon]\nuser 4294967295\n", "file:2: user: there is no user" },
	{ "[daemon]\nallow-user 1 no-such-user\n", "file:2: allow-user: there is no user" },
	{ "[profile a]\nalpn a b c d e f g h i j k l m n o p q r s t u v w x y z 1 2 3 4 5 6 7\n",
	  "file:2: alpn takes 32 words at most" },
};

static void bad(void)
{
	struct conf *c;
	size_t i;

	for (i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		c = parse(wrong[i].text);
		CHECK(!c);
		CHECK(strstr(said, wrong[i].message));
		if (c || !strstr(said, wrong[i].message))
			printf("# of \"%s\" it says: %s\n", wrong[i].text, said);
		conf_free(c);
	}
}

/* All of them are told, each once. */
static void several(void)
{
	CHECK(!parse("[daemon]\nx 1\n[profile a b]\nmtu 1\n[profile b]\nmtu 1\n"));
	CHECK_EQ(lines, 3);
	CHECK(strstr(said, "file:2:") && strstr(said, "file:3:") &&
	      strstr(said, "file:6:"));
}

/* Nobody writes lines of the log but us. */
static void one_line(void)
{
	CHECK(!parse("[profile a]\nmtu 1\x1b[31m\x07\n"));
	CHECK_EQ(lines, 1);
	CHECK(!strpbrk(said, "\x1b\x07"));
}

static void nul(void)
{
	char text[] = "[profile a]\nmt\0u 1\n";
	struct conf *c;

	*said = 0;
	log_hook = on_log;
	c = conf_parse("file", text, sizeof(text) - 1);
	log_hook = NULL;
	CHECK(!c);
	CHECK(strstr(said, "file:2: there is a NUL byte"));
}

/* ---- what a profile names ---- */

static char dir[40];

static void write_file(const char *name, const char *text, size_t len)
{
	char path[200];
	FILE *out;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	out = fopen(path, "w");
	fwrite(text, 1, len, out);
	fclose(out);
	chmod(path, 0600);
}

/* What is said of a profile with these lines, in which @ is the directory. */
static int make(const char *settings)
{
	char text[2000], *to = text + sprintf(text, "[profile a]\n");
	struct profile *list = NULL;
	struct conf *c;
	int err;

	for (; *settings; settings++)
		to += *settings == '@' ? sprintf(to, "%s", dir) :
					 sprintf(to, "%c", *settings);
	c = parse(text);
	if (!c)
		return -2;
	*said = 0;
	log_hook = on_log;
	err = profiles_make(NULL, c, &list);
	log_hook = NULL;
	profiles_put(list);
	conf_free(c);
	return err;
}

static void refuse(const char *settings, const char *message)
{
	CHECK_EQ(make(settings), -1);
	CHECK(strstr(said, "file:1: profile \"a\": "));
	CHECK(strstr(said, message));
	if (!strstr(said, message))
		printf("# it says: %s\n", said);
}

static void profiles(void)
{
	static char large[1024 * 1024 + 2];
	char path[200];

	snprintf(dir, sizeof(dir), "/tmp/kdtlsd-conf-XXXXXX");
	NEED(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/both", dir);
	write_file("both", "", 0);
	NEED(pki_write(path));
	write_file("psk", "# keys\nalice:00ff\r\nbob:a:0123\n", 30);
	write_file("twice", "alice:00\nalice:01\n", 18);
	write_file("odd", "alice:000\n", 10);
	write_file("none", "#\n\n", 3);
	write_file("large", large, sizeof(large));

	CHECK_EQ(make(""), 0);
	CHECK_EQ(make("cert @/both\nkey @/both\nca @/both\nrole both\n"), 0);
	CHECK_EQ(make("psk-file @/psk\nrole both\n"), 0);
	CHECK_EQ(make("psk-file @/psk\npsk-identity bob:a\n"), 0);
	CHECK_EQ(make("srtp SRTP_AEAD_AES_128_GCM\nalpn x y\nmtu 300\nwindow 64\n"), 0);
	refuse("ca @/nothing\n", "/nothing: No such file");
	refuse("ca @\n", "is no file");
	refuse("ca @/large\n", "is too long");
	refuse("ca @/psk\n", "no CA certificate");
	refuse("cert @/both\nkey @/psk\n", "private key");
	refuse("psk-file @/psk\npsk-identity carol\n", "has no key for \"carol\"");
	refuse("psk-file @/twice\n", "twice:2: the identity is there already");
	refuse("psk-file @/odd\n", "odd:1: a key is");
	refuse("psk-file @/both\n", "both:1: it is not IDENTITY:KEY");
	refuse("psk-file @/none\n", "has no key");
	refuse("ciphers NONSENSE\n", "NONSENSE");
	refuse("groups NONSENSE\n", "NONSENSE");
	refuse("srtp NONSENSE\n", "NONSENSE");
	refuse("cert @/both\nkey @/both\nrole server\nverify required\n", "CA");
	chmod(path, 0644);
	CHECK_EQ(make("cert @/both\nkey @/both\n"), 0);
	CHECK(strstr(said, "everybody can read it"));
	snprintf(large, sizeof(large), "rm -r %s", dir);
	CHECK_EQ(system(large), 0);
}

static const struct tap_test tests[] = {
	{ "all that can be set", good },
	{ "all that can be wrong", bad },
	{ "several mistakes at once", several },
	{ "what cannot be printed", one_line },
	{ "a NUL byte", nul },
	{ "what a profile names", profiles },
};

TAP_MAIN(tests)
