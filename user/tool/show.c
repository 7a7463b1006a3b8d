// SPDX-License-Identifier: GPL-2.0
/* kdtls show */
#include <errno.h>
#include <string.h>
#include <time.h>

#include "control.h"
#include "rates.h"

static const char usage[] =
"usage: kdtls show [endpoints|sessions] [OPTIONS]\n"
"\n"
"Shows the endpoints of this network namespace and their sessions; both if neither\n"
"is named. This takes CAP_NET_ADMIN.\n"
"\n"
"  --endpoint N          this endpoint and its sessions only\n"
"  --peer ADDR[:PORT]    sessions with this peer only, [ADDR]:PORT for IPv6\n"
"  --state STATE[,...]   sessions in any of these states only: tx, rx,\n"
"                        peer-closed, peer-alert, closed, rx-old, tx-rekey,\n"
"                        tx-expired, rx-rekey, rx-expired\n"
"  --rates SECONDS       look twice, so long apart, and tell for each session how\n"
"                        much it received and sent in a second, an hour at most\n"
"  --json                one JSON document instead of text\n"
"  --help                this text\n"
"\n"
"With --peer, --state or --rates, sessions only are shown. Exit codes: 0 it worked, 1 it did\n"
"not, 2 wrong usage.\n"
"\n"
"  kdtls show sessions --peer 198.51.100.7\n"
"  kdtls show sessions --rates 5\n"
"  kdtls show --json | jq '.sessions[] | select(.rx_bad > 0) | .peer'\n";

enum { ENDPOINT = OPT_OWN, PEER, STATE, RATES };

static const struct option options[] = {
	{ "endpoint", required_argument, NULL, ENDPOINT },
	{ "peer", required_argument, NULL, PEER },
	{ "state", required_argument, NULL, STATE },
	{ "rates", required_argument, NULL, RATES },
	{ "json", no_argument, NULL, OPT_JSON },
	{ "help", no_argument, NULL, OPT_HELP },
	{ NULL, 0, NULL, 0 },
};

struct show {
	struct kdtls_netlink	nl;
	bool			endpoints;
	bool			sessions;
	bool			json;
	bool			by_endpoint;
	bool			by_peer;
	uint16_t		states;
	unsigned long		endpoint;
	unsigned long		seconds;	/* between two lists, or 0 */
	struct rates		rates;
	struct sockaddr_storage	peer;
	bool			any;		/* something was shown */
	bool			any_here;	/* in the present list */
	bool			gaps;
};

/* ---- Output ------------------------------------------------------------------- */

/* What goes between one object and the next. */
static void separate(struct show *s)
{
	if (s->json)
		fputs(s->any_here ? ",\n" : "\n", stdout);
	else if (s->any)
		putchar('\n');
	s->any = s->any_here = true;
}

static int on_endpoint(const struct nlmsghdr *nlh, void *data)
{
	struct show *s = data;
	struct told t;
	int err = told_read(&t, nlh, TOLD_ENDPOINT);

	if (err)
		return err;
	separate(s);
	if (s->json)
		json_endpoint(stdout, &t, nlh);
	else
		people_endpoint(stdout, &t, nlh);
	return ferror(stdout) ? -EIO : 0;
}

static int on_first(const struct nlmsghdr *nlh, void *data)
{
	struct show *s = data;
	struct told t;
	int err = told_read(&t, nlh, TOLD_SESSION);

	return err ? err : rates_keep(&s->rates, &t);
}

static int on_session(const struct nlmsghdr *nlh, void *data)
{
	struct show *s = data;
	struct rate rate;
	struct told t;
	int err = told_read(&t, nlh, TOLD_SESSION);

	if (err)
		return err;
	separate(s);
	if (s->seconds)
		rate = rates_of(&s->rates, &t);
	if (s->json)
		json_told_session(stdout, &t, s->seconds ? &rate : NULL);
	else
		people_session(stdout, &t, false);
	if (s->seconds && !s->json)
		people_rate(stdout, &rate);
	/* Nobody waits for the rest of a million if the disk is full. */
	return ferror(stdout) ? -EIO : 0;
}

/* ---- Requests ----------------------------------------------------------------- */

static int ask(struct show *s, const struct nlmsghdr *nlh, kdtls_netlink_cb *cb,
	       const char *doing)
{
	int err = kdtls_netlink_talk(&s->nl, nlh, cb, s);

	if (s->nl.interrupted) {
		s->gaps = true;
		complain("the list changed while it was read: some may be missing or told twice");
	}
	if (!err)
		return EXIT_OK;
	s->gaps = true;
	/* What cannot be written is told at the end. */
	return err == -EIO && ferror(stdout) ? EXIT_FAIL :
					       control_failed(&s->nl, err, doing);
}

static int show_endpoints(struct show *s)
{
	char buf[KDTLS_NETLINK_REQUEST];
	struct nlmsghdr *nlh;

	nlh = kdtls_netlink_request(&s->nl, buf, KDTLS_CMD_ENDPOINT_GET,
				    s->by_endpoint ? NLM_F_ACK : NLM_F_DUMP);
	if (s->by_endpoint)
		mnl_attr_put_u32(nlh, KDTLS_A_ENDPOINT, (uint32_t)s->endpoint);
	return ask(s, nlh, on_endpoint, "show endpoints");
}

static int list_sessions(struct show *s, kdtls_netlink_cb *cb)
{
	char buf[KDTLS_NETLINK_REQUEST];
	struct nlmsghdr *nlh;

	nlh = kdtls_netlink_request(&s->nl, buf, KDTLS_CMD_SESSION_GET,
				    NLM_F_DUMP);
	if (s->by_endpoint)
		mnl_attr_put_u32(nlh, KDTLS_A_ENDPOINT, (uint32_t)s->endpoint);
	if (s->by_peer)
		control_put_address(nlh, KDTLS_A_PEER, &s->peer);
	if (s->states)
		mnl_attr_put_u16(nlh, KDTLS_A_STATE, s->states);
	return ask(s, nlh, cb, "show sessions");
}

static int show_sessions(struct show *s)
{
	struct timespec pause = { .tv_sec = (time_t)s->seconds };
	int ret;

	if (!s->seconds)
		return list_sessions(s, on_session);
	ret = list_sessions(s, on_first);
	if (ret)
		return ret;
	rates_kept(&s->rates);
	nanosleep(&pause, NULL);
	return list_sessions(s, on_session);
}

static void begin_list(struct show *s, const char *name)
{
	s->any_here = false;
	if (s->json)
		printf("%s\"%s\":[", s->any ? "," : "", name);
	s->any = s->any || s->json;
}

static void end_list(struct show *s)
{
	if (s->json)
		fputs("]", stdout);
}

/* A document that was begun is ended, whatever happens in between. */
static int show(struct show *s)
{
	int ret = EXIT_OK;

	if (s->json)
		putchar('{');
	if (s->endpoints) {
		begin_list(s, "endpoints");
		ret = show_endpoints(s);
		end_list(s);
	}
	if (s->sessions) {
		begin_list(s, "sessions");
		if (!ret)
			ret = show_sessions(s);
		end_list(s);
	}
	if (s->json)
		printf(",\"complete\":%s}\n", s->gaps ? "false" : "true");
	return control_written(ret);
}

/* ---- Arguments ---------------------------------------------------------------- */

static int option(struct show *s, int opt)
{
	switch (opt) {
	case ENDPOINT:
		s->by_endpoint = true;
		return number("show", "--endpoint", optarg, 0, UINT32_MAX,
			      &s->endpoint);
	case PEER:
		s->by_peer = true;
		return control_address("show", "--peer", optarg, true, &s->peer);
	case STATE:
		return state_bits("show", optarg, &s->states);
	case RATES:
		return number("show", "--rates", optarg, 1, 3600, &s->seconds);
	default:
		s->json = true;
		return EXIT_OK;
	}
}

static int objects(struct show *s, int argc, char **argv)
{
	const char *what = optind < argc ? argv[optind] : NULL;
	bool of_sessions = s->by_peer || s->states || s->seconds;

	if (optind + 1 < argc)
		return misuse("show", "unexpected argument \"%s\"",
			      argv[optind + 1]);
	s->endpoints = what ? !strcmp(what, "endpoints") : !of_sessions;
	s->sessions = what ? !strcmp(what, "sessions") : true;
	if (!s->endpoints && !s->sessions)
		return misuse("show", "there are endpoints and sessions, no \"%s\"",
			      what);
	if (!s->sessions && of_sessions)
		return misuse("show", "--peer, --state and --rates are for sessions");
	return EXIT_OK;
}

/* -1: help was asked for. */
static int parse(struct show *s, int argc, char **argv)
{
	int opt, ret;

	opterr = 0;
	while ((opt = getopt_long(argc, argv, ":", options, NULL)) != -1) {
		if (opt == '?' || opt == ':')
			return bad_option("show", opt, argv);
		if (opt == OPT_HELP)
			return -1;
		ret = option(s, opt);
		if (ret)
			return ret;
	}
	return objects(s, argc, argv);
}

int cmd_show(int argc, char **argv)
{
	struct show s = { .json = false };
	int ret = parse(&s, argc, argv);

	if (ret < 0) {
		fputs(usage, stdout);
		return EXIT_OK;
	}
	if (ret)
		return ret;
	ret = control_open(&s.nl, "show endpoints and sessions");
	if (!ret)
		ret = show(&s);
	kdtls_netlink_close(&s.nl);
	rates_free(&s.rates);
	return ret;
}
