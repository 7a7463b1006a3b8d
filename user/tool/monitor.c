// SPDX-License-Identifier: GPL-2.0
/* kdtls monitor */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>

#include <linux/genetlink.h>

#include "control.h"

static const char usage[] =
"usage: kdtls monitor [OPTIONS]\n"
"\n"
"Tells what happens to the sessions of this network namespace's endpoints, an event\n"
"a line, until SIGINT or SIGTERM. This takes CAP_NET_ADMIN.\n"
"\n"
"  --json    one JSON object a line instead of text\n"
"  --help    this text\n"
"\n"
"Events: up, closed, alert, moved, idle, gone, tx-rekey, tx-expired, rx-rekey,\n"
"rx-expired; and lost, if events came faster than they were read.\n"
"\n"
"Exit codes: 0 it was ended, 1 it failed, 2 wrong usage.\n";

static int on_event(const struct nlmsghdr *nlh, void *data)
{
	const struct genlmsghdr *genl = mnl_nlmsg_get_payload(nlh);
	const bool *json = data;
	struct timespec now;
	struct told t;
	int err;

	if (genl->cmd != KDTLS_CMD_EVENT)
		return 0;
	err = told_read(&t, nlh, TOLD_EVENT);
	if (err)
		return err;
	clock_gettime(CLOCK_REALTIME, &now);
	if (*json)
		json_event(stdout, &t, &now);
	else
		people_event(stdout, &t, &now);
	return 0;
}

static void lost(bool json)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	if (json)
		json_lost(stdout, &now);
	else
		people_lost(stdout, &now);
}

/* Tell what there is. 0, or a negative errno value that ends it. */
static int drain(struct kdtls_netlink *nl, bool json)
{
	int err;

	do {
		err = kdtls_netlink_events(nl, on_event, &json);
		if (err == -ENOBUFS) {
			lost(json);
			err = 0;
		}
	} while (!err && !ferror(stdout) && !stopped);
	return err == -EAGAIN || err == -EINTR ? 0 : err;
}

/* Wait for events; a signal that comes just before is not missed. */
static int wait_for(struct kdtls_netlink *nl)
{
	struct pollfd pfd = {
		.fd = mnl_socket_get_fd(nl->socket), .events = POLLIN,
	};
	sigset_t ending, before;
	int err = 0;

	sigemptyset(&ending);
	sigaddset(&ending, SIGINT);
	sigaddset(&ending, SIGTERM);
	sigprocmask(SIG_BLOCK, &ending, &before);
	if (!stopped && ppoll(&pfd, 1, NULL, &before) < 0 && errno != EINTR)
		err = -errno;
	sigprocmask(SIG_SETMASK, &before, NULL);
	return err;
}

static int watch(struct kdtls_netlink *nl, bool json)
{
	int err = 0;

	while (!stopped && !err && !fflush(stdout) && !ferror(stdout)) {
		err = wait_for(nl);
		if (!err && !stopped)
			err = drain(nl, json);
	}
	if (err)
		control_failed(nl, err, "monitor events");
	/* A signal may have cut the last line short. */
	if (stopped)
		return EXIT_OK;
	return control_written(err ? EXIT_FAIL : EXIT_OK);
}

static int monitor(bool json)
{
	struct kdtls_netlink nl;
	int err, ret = control_open(&nl, "monitor events");

	if (!ret) {
		catch_signals();
		err = kdtls_netlink_join(&nl);
		ret = err ? control_failed(&nl, err, "monitor events") :
			    watch(&nl, json);
	}
	kdtls_netlink_close(&nl);
	return ret;
}

int cmd_monitor(int argc, char **argv)
{
	bool json = false;
	int i;

	for (i = 1; i < argc; i++) {
		if (!strcmp(argv[i], "--help")) {
			fputs(usage, stdout);
			return EXIT_OK;
		}
		if (strcmp(argv[i], "--json"))
			return misuse("monitor", "unknown argument \"%s\"",
				      argv[i]);
		json = true;
	}
	return monitor(json);
}
