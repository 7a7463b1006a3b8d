// SPDX-License-Identifier: GPL-2.0
/*
 * kdtlsd: how it starts. The order is the point: what takes rights comes first; then
 * the rights go; then the keys are read, as they will be when it reloads.
 */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "closer.h"
#include "confine.h"
#include "daemon.h"
#include "listen.h"
#include "log.h"
#include "options.h"
#include "systemd.h"

static struct conf *configuration(const struct options *o)
{
	struct conf *conf = conf_read(o->config);
	char *path;

	if (!conf || !o->socket)
		return conf;
	path = strdup(o->socket);
	if (!path) {
		conf_free(conf);
		return NULL;
	}
	free(conf->socket);
	conf->socket = path;
	conf->socket_given = true;
	return conf;
}

static int check(const struct options *o)
{
	struct conf *conf = configuration(o);
	struct profile *list = NULL;
	int err = conf ? profiles_make(NULL, conf, &list) : -1;

	profiles_put(list);
	conf_free(conf);
	return err ? EXIT_FAIL : EXIT_OK;
}

/* They come by a descriptor, to the loop. */
static int block_signals(void)
{
	sigset_t set;
	int fd;

	sigemptyset(&set);
	sigaddset(&set, SIGHUP);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigprocmask(SIG_BLOCK, &set, NULL);
	signal(SIGPIPE, SIG_IGN);
	fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (fd < 0)
		log_say(LOG_ERR, "signalfd: %s", strerror(errno));
	return fd;
}

static int confine(const struct conf *conf, bool made)
{
	unsigned int leave = (conf_has_keylog(conf) ? CONFINE_KEYLOG : 0) |
			     (made ? CONFINE_UNLINK : 0);
	int err = closer_start();

	if (err) {
		log_say(LOG_ERR, "cannot start a thread: %s", strerror(-err));
		return -1;
	}
	return confine_calls(leave);
}

static int loop(struct daemon *d)
{
	int n = 0;

	log_say(LOG_INFO, "kdtlsd %s serves", kdtls_version());
	systemd_notify("READY=1\nSTATUS=serving");
	while (!d->stopped && n >= 0)
		n = daemon_turn(d, -1);
	systemd_notify("STOPPING=1");
	if (n < 0)
		log_say(LOG_ERR, "epoll_wait: %s", strerror(-n));
	daemon_stop(d);
	return n < 0 ? EXIT_FAIL : EXIT_OK;
}

/* With what it takes, or -1. */
static int prepare(const struct conf *conf, bool *made, int *signals)
{
	int fd;

	*signals = block_signals();
	if (*signals < 0)
		return -1;
	systemd_open();
	confine_descriptors();
	fd = listen_open(conf, made);
	if (fd < 0)
		return -1;
	if (confine_memory(conf->lock_memory) || confine_user(conf)) {
		close(fd);
		return -1;
	}
	return fd;
}

static int run(struct conf *conf)
{
	struct daemon *d = NULL;
	int fd, signals, err;
	char *path;
	bool made;

	fd = prepare(conf, &made, &signals);
	path = fd >= 0 ? strdup(conf->socket) : NULL;
	if (path)
		d = daemon_new(conf, fd);
	if (!d) {
		conf_free(conf);
		free(path);
		return EXIT_FAIL;
	}
	err = daemon_signals(d, signals) || confine(d->conf, made) ? EXIT_FAIL : loop(d);
	/* What is left of it would be found dead by the next one, and removed. */
	if (made)
		unlink(path);
	free(path);
	daemon_free(d);
	return err;
}

int main(int argc, char **argv)
{
	struct options o;
	struct conf *conf;
	int ret = options_parse(argc, argv, &o);

	if (ret >= 0)
		return ret;
	log_verbose = o.verbose;
	if (o.check)
		return check(&o);
	conf = configuration(&o);
	return conf ? run(conf) : EXIT_FAIL;
}
