// SPDX-License-Identifier: GPL-2.0
/* kdtls stats */
#include <errno.h>
#include <string.h>

#include "control.h"

static const char usage[] =
"usage: kdtls stats [OPTIONS]\n"
"\n"
"Tells the counters of this network namespace that are not 0: records sent and\n"
"received, and what was dropped, by reason. /proc/net/kdtls_stat has the same.\n"
"\n"
"  --all     those that are 0, too\n"
"  --json    one JSON object instead of text\n"
"  --help    this text\n"
"\n"
"Exit codes: 0 it worked, 1 it did not, 2 wrong usage.\n";

struct stats {
	bool	all;
	bool	json;
	bool	come;
};

static int on_counters(const struct nlmsghdr *nlh, void *data)
{
	struct stats *s = data;
	struct told t;
	int err = told_read(&t, nlh, 0);

	if (err)
		return err;
	/* A second message would be a second document. */
	if (s->come)
		return -EBADMSG;
	s->come = true;
	if (s->json)
		json_counters(stdout, nlh, s->all);
	else
		people_counters(stdout, nlh, s->all);
	return 0;
}

static int ask(struct kdtls_netlink *nl, struct stats *s)
{
	char buf[KDTLS_NETLINK_REQUEST];
	struct nlmsghdr *nlh;
	int err;

	nlh = kdtls_netlink_request(nl, buf, KDTLS_CMD_STATS_GET, NLM_F_ACK);
	err = kdtls_netlink_talk(nl, nlh, on_counters, s);
	if (!err && !s->come)
		err = -EBADMSG;
	return control_written(err ? control_failed(nl, err, "read the counters") :
				     EXIT_OK);
}

/* -1: help was asked for. */
static int parse(struct stats *s, int argc, char **argv)
{
	int i;

	for (i = 1; i < argc; i++) {
		if (!strcmp(argv[i], "--help"))
			return -1;
		if (!strcmp(argv[i], "--all"))
			s->all = true;
		else if (!strcmp(argv[i], "--json"))
			s->json = true;
		else
			return misuse("stats", "unknown argument \"%s\"", argv[i]);
	}
	return EXIT_OK;
}

int cmd_stats(int argc, char **argv)
{
	struct kdtls_netlink nl;
	struct stats s = { .all = false };
	int ret = parse(&s, argc, argv);

	if (ret < 0) {
		fputs(usage, stdout);
		return EXIT_OK;
	}
	if (ret)
		return ret;
	ret = control_open(&nl, "read the counters");
	if (!ret)
		ret = ask(&nl, &s);
	kdtls_netlink_close(&nl);
	return ret;
}
