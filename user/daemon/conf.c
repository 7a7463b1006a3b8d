// SPDX-License-Identifier: GPL-2.0
/* The parser of kdtlsd.conf(5). */
#include <ctype.h>
#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <kdtls.h>
#include <kdtls-helper.h>

#include "conf.h"
#include "keys.h"
#include "log.h"

/* What a value can be. */
enum kind {
	TEXT,		/* char * */
	FILE_NAME,	/* char *, absolute */
	NUMBER,		/* unsigned int */
	YES_NO,		/* unsigned int */
	OCTAL,		/* unsigned int */
	CHOICE,		/* unsigned int, number of the word in @words */
	USER,		/* uid_t, and gid_t behind it */
	GROUP,		/* gid_t */
	USERS,		/* struct conf_users */
	WORDS,		/* char *[CONF_ALPN_MAX + 1] */
};

/**
 * struct keyword - something that can be set
 * @name: as it is written
 * @kind: what its value is
 * @at: where it goes in the structure of its section
 * @min: of a number
 * @max: of a number
 * @words: of a choice, separated by blanks
 */
struct keyword {
	const char	*name;
	enum kind	kind;
	size_t		at;
	unsigned long	min;
	unsigned long	max;
	const char	*words;
};

#define IN_DAEMON(field) offsetof(struct conf, field)
#define IN_PROFILE(field) offsetof(struct conf_profile, field)

static const struct keyword daemon_keywords[] = {
	{ "socket", FILE_NAME, IN_DAEMON(socket), 0, 107, NULL },
	{ "socket-mode", OCTAL, IN_DAEMON(mode), 0, 0777, NULL },
	{ "socket-group", GROUP, IN_DAEMON(socket_group), 0, 0, NULL },
	{ "user", USER, IN_DAEMON(uid), 0, 0, NULL },
	{ "group", GROUP, IN_DAEMON(gid), 0, 0, NULL },
	{ "allow-user", USERS, IN_DAEMON(users), 0, 0, NULL },
	{ "max-connections", NUMBER, IN_DAEMON(max_connections), 1, 65536, NULL },
	{ "max-user-connections", NUMBER, IN_DAEMON(max_user_connections), 1, 65536,
	  NULL },
	{ "max-handshakes", NUMBER, IN_DAEMON(max_handshakes), 1, 65536, NULL },
	{ "lock-memory", YES_NO, IN_DAEMON(lock_memory), 0, 0, NULL },
	{ .name = NULL },
};

/* The order of the words is that of enum kdtls_verify, and of CONF_*. */
static const struct keyword profile_keywords[] = {
	{ "role", CHOICE, IN_PROFILE(role), 0, 0, "client server both" },
	{ "cert", FILE_NAME, IN_PROFILE(cert), 0, 4095, NULL },
	{ "key", FILE_NAME, IN_PROFILE(key), 0, 4095, NULL },
	{ "ca", FILE_NAME, IN_PROFILE(ca), 0, 4095, NULL },
	{ "psk-file", FILE_NAME, IN_PROFILE(psk_file), 0, 4095, NULL },
	{ "psk-identity", TEXT, IN_PROFILE(psk_identity), 0, KDTLS_PSK_IDENTITY_MAX,
	  NULL },
	{ "psk-hint", TEXT, IN_PROFILE(psk_hint), 0, KDTLS_PSK_IDENTITY_MAX, NULL },
	{ "verify", CHOICE, IN_PROFILE(verify), 0, 0, "none optional required" },
	{ "server-name", TEXT, IN_PROFILE(server_name), 0, KDTLS_HELPER_NAME_MAX - 1,
	  NULL },
	{ "ciphers", TEXT, IN_PROFILE(ciphers), 0, 4095, NULL },
	{ "groups", TEXT, IN_PROFILE(groups), 0, 4095, NULL },
	{ "sigalgs", TEXT, IN_PROFILE(sigalgs), 0, 4095, NULL },
	{ "srtp", TEXT, IN_PROFILE(srtp), 0, 4095, NULL },
	{ "alpn", WORDS, IN_PROFILE(alpn), 0, 255, NULL },
	{ "keylog", FILE_NAME, IN_PROFILE(keylog), 0, 4095, NULL },
	{ "mtu", NUMBER, IN_PROFILE(mtu), KDTLS_MTU_MIN, KDTLS_MTU_MAX, NULL },
	{ "window", NUMBER, IN_PROFILE(window), 32, 8192, NULL },
	{ "handshake-timeout", NUMBER, IN_PROFILE(handshake_s), 1, 86400, NULL },
	{ "flight-time", NUMBER, IN_PROFILE(flight_s), 1, 86400, NULL },
	{ "resume", YES_NO, IN_PROFILE(resume), 0, 0, NULL },
	{ "tickets", YES_NO, IN_PROFILE(tickets), 0, 0, NULL },
	{ "session-cache", NUMBER, IN_PROFILE(session_cache), 0, 1000000, NULL },
	{ "session-lifetime", NUMBER, IN_PROFILE(session_s), 1, 604800, NULL },
	{ "allow-user", USERS, IN_PROFILE(users), 0, 0, NULL },
	{ .name = NULL },
};

/**
 * struct parser - where in the file we are
 * @conf: what was read
 * @last: the last profile, or NULL
 * @keywords: of the section, NULL in front of the first one
 * @base: structure of the section, NULL for one that is wrong
 * @set: its bits
 * @line: number of the line
 * @errors: how many there were
 */
struct parser {
	struct conf		*conf;
	struct conf_profile	*last;
	const struct keyword	*keywords;
	void			*base;
	unsigned long long	*set;
	unsigned int		line;
	unsigned int		errors;
};

static void wrong(struct parser *p, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

static void wrong(struct parser *p, const char *fmt, ...)
{
	char text[600];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	log_say(LOG_ERR, "%s:%u: %s", p->conf->path, p->line, text);
	p->errors++;
}

static char *copy(struct parser *p, const char *text)
{
	char *c = strdup(text);

	if (!c)
		wrong(p, "no memory");
	return c;
}

/* ---- values ---- */

static bool take_digits(const char *text, unsigned long max, unsigned long *out)
{
	char *end;

	if (!isdigit((unsigned char)*text))
		return false;
	errno = 0;
	*out = strtoul(text, &end, 10);
	return !errno && !*end && *out <= max;
}

static void take_number(struct parser *p, const struct keyword *k,
			const char *value, unsigned int *out)
{
	unsigned long n;

	if (!take_digits(value, k->max, &n) || n < k->min)
		wrong(p, "%s takes a number from %lu to %lu, not \"%s\"", k->name,
		      k->min, k->max, value);
	else
		*out = (unsigned int)n;
}

static void take_octal(struct parser *p, const struct keyword *k,
		       const char *value, unsigned int *out)
{
	unsigned long n;
	char *end;

	n = strtoul(value, &end, 8);
	if (!isdigit((unsigned char)*value) || *end || n > k->max)
		wrong(p, "%s takes a mode as 0660, not \"%s\"", k->name, value);
	else
		*out = (unsigned int)n;
}

static void take_yes_no(struct parser *p, const struct keyword *k,
			const char *value, unsigned int *out)
{
	if (strcmp(value, "yes") && strcmp(value, "no"))
		wrong(p, "%s takes yes or no, not \"%s\"", k->name, value);
	else
		*out = *value == 'y';
}

static void take_choice(struct parser *p, const struct keyword *k,
			const char *value, unsigned int *out)
{
	const char *w = k->words;
	unsigned int i = 1;
	size_t n;

	for (; *w; w += n + !!w[n], i++) {
		n = strcspn(w, " ");
		if (n == strlen(value) && !memcmp(w, value, n)) {
			*out = i;
			return;
		}
	}
	wrong(p, "%s takes one of %s, not \"%s\"", k->name, k->words, value);
}

static void take_text(struct parser *p, const struct keyword *k,
		      const char *value, char **out)
{
	if (strlen(value) > k->max)
		wrong(p, "%s has %zu bytes, and can have %lu", k->name, strlen(value),
		      k->max);
	else
		*out = copy(p, value);
}

static void take_file(struct parser *p, const struct keyword *k,
		      const char *value, char **out)
{
	if (*value != '/')
		wrong(p, "%s takes a path that begins with /, not \"%s\"", k->name,
		      value);
	else
		take_text(p, k, value, out);
}

static void take_words(struct parser *p, const struct keyword *k, char *value,
		       char **out)
{
	char *save, *w;
	int n = 0;

	for (w = strtok_r(value, " \t", &save); w;
	     w = strtok_r(NULL, " \t", &save)) {
		if (n == CONF_ALPN_MAX) {
			wrong(p, "%s takes %d words at most", k->name, CONF_ALPN_MAX);
			return;
		}
		take_text(p, k, w, &out[n]);
		if (out[n])
			n++;
	}
}

/*
 * Names are looked up in the files only: what else getpwnam() asks can take its time,
 * and is out of reach of a daemon that has given its rights away.
 */
static bool look_up_user(const char *name, uid_t *uid, gid_t *gid)
{
	FILE *in = fopen("/etc/passwd", "re");
	struct passwd *pw = NULL;

	while (in && (pw = fgetpwent(in)) && strcmp(pw->pw_name, name))
		;
	if (in)
		fclose(in);
	if (!pw)
		return false;
	*uid = pw->pw_uid;
	*gid = pw->pw_gid;
	return true;
}

static bool look_up_group(const char *name, gid_t *gid)
{
	FILE *in = fopen("/etc/group", "re");
	struct group *gr = NULL;

	while (in && (gr = fgetgrent(in)) && strcmp(gr->gr_name, name))
		;
	if (in)
		fclose(in);
	if (gr)
		*gid = gr->gr_gid;
	return gr;
}

/* -1 is "none" for the system calls, and so it is here. */
static bool find_user(struct parser *p, const struct keyword *k,
		      const char *value, uid_t *uid, gid_t *gid)
{
	unsigned long n;

	if (take_digits(value, UINT32_MAX - 1, &n)) {
		*uid = (uid_t)n;
		*gid = (gid_t)n;
		return true;
	}
	if (look_up_user(value, uid, gid))
		return true;
	wrong(p, "%s: there is no user \"%s\" in /etc/passwd: use a number for one from elsewhere",
	      k->name, value);
	return false;
}

static void take_user(struct parser *p, const struct keyword *k,
		      const char *value)
{
	struct conf *conf = p->conf;
	uid_t uid;
	gid_t gid;

	if (!find_user(p, k, value, &uid, &gid))
		return;
	conf->uid = uid;
	if (conf->gid == (gid_t)-1)
		conf->gid = gid;
}

static void take_group(struct parser *p, const struct keyword *k,
		       const char *value, gid_t *out)
{
	unsigned long n;

	if (take_digits(value, UINT32_MAX - 1, &n))
		*out = (gid_t)n;
	else if (!look_up_group(value, out))
		wrong(p, "%s: there is no group \"%s\" in /etc/group: use a number for one from elsewhere",
		      k->name, value);
}

static void take_users(struct parser *p, const struct keyword *k, char *value,
		       struct conf_users *out)
{
	char *save, *w;
	uid_t uid, *list;
	gid_t gid;

	for (w = strtok_r(value, " \t", &save); w;
	     w = strtok_r(NULL, " \t", &save)) {
		if (!find_user(p, k, w, &uid, &gid))
			continue;
		list = reallocarray(out->list, out->n + 1, sizeof(*list));
		if (!list) {
			wrong(p, "no memory");
			return;
		}
		out->list = list;
		out->list[out->n++] = uid;
	}
}

static void take(struct parser *p, const struct keyword *k, char *value)
{
	void *out = (char *)p->base + k->at;

	switch (k->kind) {
	case TEXT:
		take_text(p, k, value, out);
		return;
	case FILE_NAME:
		take_file(p, k, value, out);
		return;
	case NUMBER:
		take_number(p, k, value, out);
		return;
	case YES_NO:
		take_yes_no(p, k, value, out);
		return;
	case OCTAL:
		take_octal(p, k, value, out);
		return;
	case CHOICE:
		take_choice(p, k, value, out);
		return;
	case USER:
		take_user(p, k, value);
		return;
	case GROUP:
		take_group(p, k, value, out);
		return;
	case USERS:
		take_users(p, k, value, out);
		return;
	case WORDS:
		take_words(p, k, value, out);
		return;
	}
}

/* ---- sections ---- */

static void begin_daemon(struct parser *p)
{
	p->keywords = daemon_keywords;
	p->set = &p->conf->set;
	p->base = NULL;
	if (p->conf->line) {
		wrong(p, "there is a section [daemon] already, in line %u",
		      p->conf->line);
		return;
	}
	p->conf->line = p->line;
	p->base = p->conf;
}

static const char *bad_name(const char *name)
{
	if (!*name)
		return "a profile needs a name: [profile NAME]";
	if (strlen(name) >= KDTLS_HELPER_PROFILE_MAX)
		return "the name of a profile has 63 bytes at most";
	for (; *name; name++)
		if (!isalnum((unsigned char)*name) && !strchr("-_.", *name))
			return "the name of a profile is of letters, digits, '-', '_' and '.'";
	return NULL;
}

static struct conf_profile *new_profile(struct parser *p, const char *name)
{
	struct conf_profile *profile = calloc(1, sizeof(*profile));

	if (!profile) {
		wrong(p, "no memory");
		return NULL;
	}
	profile->name = copy(p, name);
	profile->line = p->line;
	profile->role = CONF_CLIENT;
	profile->resume = 1;
	profile->tickets = 1;
	profile->session_cache = (unsigned int)-1;
	if (p->last)
		p->last->next = profile;
	else
		p->conf->profiles = profile;
	p->last = profile;
	return profile;
}

static void begin_profile(struct parser *p, const char *name)
{
	const char *why = bad_name(name);
	struct conf_profile *other;

	p->keywords = profile_keywords;
	p->base = NULL;
	if (why) {
		wrong(p, "%s", why);
		return;
	}
	for (other = p->conf->profiles; other; other = other->next)
		if (other->name && !strcmp(other->name, name)) {
			wrong(p, "there is a profile \"%s\" already, in line %u",
			      name, other->line);
			return;
		}
	p->base = new_profile(p, name);
	if (p->base)
		p->set = &p->last->set;
}

static void section(struct parser *p, char *line)
{
	size_t n = strlen(line);
	char *name;

	p->keywords = daemon_keywords;
	p->base = NULL;
	if (line[n - 1] != ']') {
		wrong(p, "a section ends with ]: [daemon] or [profile NAME]");
		return;
	}
	line[n - 1] = 0;
	line++;
	name = line + strcspn(line, " \t");
	if (*name)
		*name++ = 0;
	name += strspn(name, " \t");
	if (!strcmp(line, "daemon") && !*name)
		begin_daemon(p);
	else if (!strcmp(line, "profile"))
		begin_profile(p, name);
	else
		wrong(p, "there is no section [%s%s%s]: there are [daemon] and [profile NAME]",
		      line, *name ? " " : "", name);
}

/* ---- lines ---- */

static const struct keyword *find_keyword(struct parser *p, const char *name,
					  unsigned int *number)
{
	const struct keyword *k = p->keywords;

	for (; k->name; k++)
		if (!strcmp(k->name, name)) {
			*number = (unsigned int)(k - p->keywords);
			return k;
		}
	wrong(p, "there is no \"%s\" in a section [%s]: see kdtlsd.conf(5)", name,
	      p->keywords == daemon_keywords ? "daemon" : "profile");
	return NULL;
}

static void setting(struct parser *p, char *line)
{
	size_t n = strcspn(line, " \t");
	char *value = line + n;
	const struct keyword *k;
	unsigned int number;

	if (*value)
		*value++ = 0;
	value += strspn(value, " \t");
	if (!p->keywords) {
		wrong(p, "\"%s\" is in no section: begin with [daemon] or [profile NAME]",
		      line);
		return;
	}
	/* The section itself was wrong, and has been told. */
	if (!p->base)
		return;
	k = find_keyword(p, line, &number);
	if (!k)
		return;
	if (!*value)
		wrong(p, "%s needs a value", k->name);
	else if (*p->set >> number & 1)
		wrong(p, "%s is given twice in this section", k->name);
	else
		take(p, k, value);
	*p->set |= 1ULL << number;
}

static void one_line(struct parser *p, char *line)
{
	size_t n;

	line += strspn(line, " \t");
	n = strlen(line);
	while (n && isspace((unsigned char)line[n - 1]))
		line[--n] = 0;
	if (!n || *line == '#')
		return;
	if (*line == '[')
		section(p, line);
	else
		setting(p, line);
}

/* ---- the whole ---- */

static bool had(const struct conf_profile *profile, const char *name)
{
	const struct keyword *k = profile_keywords;

	while (strcmp(k->name, name))
		k++;
	return profile->set >> (k - profile_keywords) & 1;
}

/* What would be read and never used is a mistake of whoever wrote it. */
static void check_profile(struct parser *p, const struct conf_profile *profile)
{
	static const char *const of_client[] = { "psk-identity", "server-name", "resume" };
	static const char *const of_server[] = {
		"psk-hint", "tickets", "session-cache", "session-lifetime" };
	size_t i;

	p->line = profile->line;
	for (i = 0; i < 3; i++)
		if (!(profile->role & CONF_CLIENT) && had(profile, of_client[i]))
			wrong(p, "profile \"%s\": %s is for clients, and its role is server",
			      profile->name, of_client[i]);
	for (i = 0; i < 4; i++)
		if (!(profile->role & CONF_SERVER) && had(profile, of_server[i]))
			wrong(p, "profile \"%s\": %s is for servers, and its role is client",
			      profile->name, of_server[i]);
	if (!profile->cert != !profile->key)
		wrong(p, "profile \"%s\": cert and key go together", profile->name);
	if ((profile->psk_identity || profile->psk_hint) && !profile->psk_file)
		wrong(p, "profile \"%s\": %s needs psk-file", profile->name,
		      profile->psk_identity ? "psk-identity" : "psk-hint");
	if (profile->role & CONF_SERVER && !profile->cert && !profile->psk_file)
		wrong(p, "profile \"%s\": a server needs cert and key, or psk-file",
		      profile->name);
}

static void check_whole(struct parser *p)
{
	struct conf_profile *profile;

	for (profile = p->conf->profiles; profile; profile = profile->next)
		if (profile->name)
			check_profile(p, profile);
	if (!p->conf->profiles && !p->errors) {
		log_say(LOG_ERR, "%s: there is no profile: begin one with [profile default]",
			p->conf->path);
		p->errors++;
	}
}

static struct conf *defaults(const char *path)
{
	struct conf *conf = calloc(1, sizeof(*conf));

	if (!conf)
		return NULL;
	conf->path = strdup(path);
	conf->mode = 0660;
	conf->uid = (uid_t)-1;
	conf->gid = (gid_t)-1;
	conf->socket_group = (gid_t)-1;
	conf->max_connections = 256;
	conf->max_user_connections = 64;
	conf->max_handshakes = 64;
	conf->lock_memory = 1;
	return conf;
}

struct conf *conf_parse(const char *path, char *text, size_t len)
{
	struct parser p = { .conf = defaults(path) };
	char *line = text, *end = text + len, *next;

	if (!p.conf || !p.conf->path) {
		log_say(LOG_ERR, "no memory");
		conf_free(p.conf);
		return NULL;
	}
	for (; line < end; line = next) {
		p.line++;
		next = memchr(line, '\n', (size_t)(end - line));
		next = next ? next : end;
		*next++ = 0;
		if (strlen(line) != (size_t)(next - 1 - line))
			wrong(&p, "there is a NUL byte in the line");
		else
			one_line(&p, line);
	}
	check_whole(&p);
	if (!p.errors && !p.conf->socket)
		p.conf->socket = copy(&p, KDTLS_HELPER_PATH);
	if (!p.errors)
		return p.conf;
	conf_free(p.conf);
	return NULL;
}

struct conf *conf_read(const char *path)
{
	char why[600];
	struct conf *conf;
	char *text;
	size_t len;

	text = keys_read(path, false, &len, why, sizeof(why));
	if (!text) {
		log_say(LOG_ERR, "%s", why);
		return NULL;
	}
	conf = conf_parse(path, text, len);
	keys_free(text, len);
	return conf;
}

static void profile_free(struct conf_profile *profile)
{
	const struct keyword *k;
	char **words;

	for (k = profile_keywords; k->name; k++) {
		words = (char **)((char *)profile + k->at);
		if (k->kind == TEXT || k->kind == FILE_NAME)
			free(*words);
		for (; k->kind == WORDS && *words; words++)
			free(*words);
	}
	free(profile->users.list);
	free(profile->name);
	free(profile);
}

void conf_free(struct conf *conf)
{
	struct conf_profile *profile;

	if (!conf)
		return;
	while ((profile = conf->profiles)) {
		conf->profiles = profile->next;
		profile_free(profile);
	}
	free(conf->users.list);
	free(conf->socket);
	free(conf->path);
	free(conf);
}

bool conf_may(const struct conf_users *users, uid_t uid)
{
	size_t i;

	if (!users->n || !uid)
		return true;
	for (i = 0; i < users->n; i++)
		if (users->list[i] == uid)
			return true;
	return false;
}

bool conf_has_keylog(const struct conf *conf)
{
	const struct conf_profile *profile = conf->profiles;

	while (profile && !profile->keylog)
		profile = profile->next;
	return profile;
}
