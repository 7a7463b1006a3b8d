// SPDX-License-Identifier: GPL-2.0
/*
 * Profiles: what the file says becomes a configuration of the library. All files are
 * read when the daemon starts or reloads, never in between: what it was told to use
 * then it uses until it is told again.
 */
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#include "daemon.h"
#include "log.h"

/* The limits of connections and handshakes are below it. */
#define SESSIONS_MAX 1000000

/* ---- one ---- */

static int pem(struct kdtls_config *config, const char *path, bool secret, char *why,
	       size_t size,
	       int (*set)(struct kdtls_config *config, const void *data, size_t len))
{
	size_t len;
	char *text;
	int err;

	if (!path)
		return 0;
	text = keys_read(path, secret, &len, why, size);
	if (!text)
		return -1;
	err = set(config, text, len);
	if (err)
		snprintf(why, size, "%s: %s", path, kdtls_last_error());
	keys_free(text, len);
	return err;
}

static int files(struct profile *p, const struct conf_profile *c, char *why,
		 size_t size)
{
	int err = pem(p->config, c->cert, false, why, size,
		      kdtls_config_set_cert_pem);

	if (!err)
		err = pem(p->config, c->key, true, why, size,
			  kdtls_config_set_key_pem);
	if (!err)
		err = pem(p->config, c->ca, false, why, size,
			  kdtls_config_set_ca_pem);
	if (err || !c->psk_file)
		return err;
	p->psk = keys_read_psk(c->psk_file, why, size);
	return p->psk ? 0 : -1;
}

static ssize_t find_psk(struct kdtls_session *s, const char *identity, void *key,
			size_t size, void *arg)
{
	const struct profile *p = arg;
	const struct keys_psk *psk = keys_find_psk(p->psk, identity);

	if (!psk)
		return 0;
	memcpy(key, psk->key, psk->len);
	return (ssize_t)psk->len;
}

static int psk_of_client(struct profile *p, const struct conf_profile *c, char *why,
			 size_t size)
{
	const struct keys_psk *psk = keys_find_psk(p->psk, c->psk_identity);

	if (psk)
		return kdtls_config_set_psk_identity(p->config, psk->identity,
						     psk->key, psk->len);
	snprintf(why, size, "%s has no key for \"%s\"", c->psk_file, c->psk_identity);
	return -1;
}

static int psk(struct profile *p, const struct conf_profile *c, char *why, size_t size)
{
	int err = 0;

	if (!p->psk)
		return 0;
	if (c->role & CONF_CLIENT)
		err = psk_of_client(p, c, why, size);
	if (!err && c->role & CONF_SERVER)
		err = kdtls_config_set_psk_find(p->config, find_psk, p);
	if (!err && c->psk_hint)
		err = kdtls_config_set_psk_hint(p->config, c->psk_hint);
	return err;
}

static int texts(struct kdtls_config *config, const struct conf_profile *c)
{
	int err = 0;

	if (c->server_name)
		err = kdtls_config_set_server_name(config, c->server_name);
	if (!err && c->ciphers)
		err = kdtls_config_set_ciphers(config, c->ciphers);
	if (!err && c->groups)
		err = kdtls_config_set_groups(config, c->groups);
	if (!err && c->sigalgs)
		err = kdtls_config_set_sigalgs(config, c->sigalgs);
	if (!err && c->srtp)
		err = kdtls_config_set_srtp(config, c->srtp);
	if (!err && *c->alpn)
		err = kdtls_config_set_alpn(config, (const char *const *)c->alpn);
	if (!err && c->keylog)
		err = kdtls_config_set_keylog_file(config, c->keylog);
	return err;
}

static int numbers(struct kdtls_config *config, const struct conf_profile *c)
{
	int err = kdtls_config_set_max_sessions(config, SESSIONS_MAX);

	/* There is nothing to fall back to: the program gets a socket or nothing. */
	if (!err)
		err = kdtls_config_set_offload(config, KDTLS_OFFLOAD_REQUIRE);
	if (!err)
		err = kdtls_config_set_verify(config, (enum kdtls_verify)c->verify);
	if (!err && c->mtu)
		err = kdtls_config_set_mtu(config, c->mtu);
	if (!err && c->window)
		err = kdtls_config_set_window(config, c->window);
	if (!err && c->handshake_s)
		err = kdtls_config_set_handshake_timeout(config,
							 c->handshake_s * 1000);
	if (!err && c->flight_s)
		err = kdtls_config_set_flight_time(config, c->flight_s * 1000);
	if (!err)
		err = kdtls_config_set_tickets(config, (int)c->tickets);
	if (!err && c->session_s)
		err = kdtls_config_set_session_lifetime(config, c->session_s);
	return err;
}

static int server_cache(struct kdtls_config *config, const struct conf_profile *c)
{
	/* 0 is none, and not the same as none said. */
	return c->role & CONF_SERVER && c->session_cache != (unsigned int)-1 ?
		kdtls_config_set_session_cache(config, c->session_cache) : 0;
}

static int check(struct profile *p, const struct conf_profile *c)
{
	int err = 0;

	if (c->role & CONF_CLIENT)
		err = kdtls_config_check(p->config, 0);
	if (!err && c->role & CONF_SERVER)
		err = kdtls_config_check(p->config, 1);
	return err;
}

/* An error leaves @why empty if the library has said it. */
static int fill(struct profile *p, const struct conf_profile *c, char *why,
		size_t size)
{
	int err = files(p, c, why, size);

	if (!err)
		err = psk(p, c, why, size);
	if (!err)
		err = texts(p->config, c);
	if (!err)
		err = numbers(p->config, c);
	if (!err)
		err = server_cache(p->config, c);
	if (!err)
		err = kdtls_config_set_callbacks(p->config, &job_callbacks, p);
	return err ? err : check(p, c);
}

static int copy_users(struct profile *p, const struct conf_users *users)
{
	if (!users->n)
		return 0;
	p->users.list = calloc(users->n, sizeof(*users->list));
	if (!p->users.list)
		return -1;
	memcpy(p->users.list, users->list, users->n * sizeof(*users->list));
	p->users.n = users->n;
	return 0;
}

static struct profile *profile_new(struct daemon *d, const struct conf_profile *c)
{
	struct profile *p = calloc(1, sizeof(*p));

	if (!p)
		return NULL;
	p->daemon = d;
	p->refs = 1;
	p->role = c->role;
	p->resume = c->resume;
	p->name = strdup(c->name);
	p->config = kdtls_config_new();
	if (p->name && p->config && !copy_users(p, &c->users))
		return p;
	profile_put(p);
	return NULL;
}

void profile_get(struct profile *p)
{
	p->refs++;
}

void profile_put(struct profile *p)
{
	if (!p || --p->refs)
		return;
	kdtls_endpoint_destroy(p->ep);
	kdtls_config_free(p->config);
	keys_free_psk(p->psk);
	memory_clear(p);
	free(p->users.list);
	free(p->name);
	free(p);
}

/* ---- all ---- */

void profiles_put(struct profile *list)
{
	struct profile *p;

	while ((p = list)) {
		list = p->next;
		p->next = NULL;
		profile_put(p);
	}
}

int profiles_make(struct daemon *d, const struct conf *conf, struct profile **out)
{
	const struct conf_profile *c;
	struct profile *list = NULL, **end = &list;
	char why[1024];
	int bad = 0;

	for (c = conf->profiles; c; c = c->next) {
		*end = profile_new(d, c);
		if (!*end) {
			log_say(LOG_ERR, "no memory");
			bad = -1;
			break;
		}
		*why = 0;
		if (fill(*end, c, why, sizeof(why))) {
			log_say(LOG_ERR, "%s:%u: profile \"%s\": %s", conf->path,
				c->line, c->name, *why ? why : kdtls_last_error());
			bad = -1;
		}
		end = &(*end)->next;
	}
	if (!bad) {
		*out = list;
		return 0;
	}
	profiles_put(list);
	return -1;
}

struct profile *profile_find(struct profile *list, const char *name)
{
	if (!*name)
		name = "default";
	while (list && strcmp(list->name, name))
		list = list->next;
	return list;
}

/* ---- its endpoint ---- */

static void endpoint_ready(struct source *source, uint32_t events)
{
	struct profile *p = SOURCE_OF(struct profile, source, source);

	/* Jobs that end in it may be the last to hold it. */
	profile_get(p);
	kdtls_dispatch(p->ep, 0);
	daemon_later(p->daemon, p);
}

int profile_open(struct profile *p)
{
	int err;

	if (p->ep)
		return 0;
	err = kdtls_endpoint_new(p->config, &p->ep);
	if (err)
		return err;
	p->source.ready = endpoint_ready;
	err = daemon_watch(p->daemon, kdtls_endpoint_fd(p->ep), &p->source, EPOLLIN);
	if (err) {
		kdtls_endpoint_destroy(p->ep);
		p->ep = NULL;
	}
	return err;
}
