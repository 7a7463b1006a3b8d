// SPDX-License-Identifier: GPL-2.0
/* kdtls session */
#include <errno.h>
#include <string.h>

#include "control.h"

static const char usage[] =
"usage: kdtls session get|set|del --endpoint N --session N [OPTIONS]\n"
"       kdtls session get|set|del --endpoint N --peer ADDR:PORT [OPTIONS]\n"
"\n"
"Tells all about one session of an endpoint, changes it, or deletes it. This takes\n"
"CAP_NET_ADMIN.\n"
"\n"
"  --endpoint N          number of the endpoint, as `kdtls show` tells it\n"
"  --session N           number of the session in it\n"
"  --peer ADDR:PORT      or the session with this peer, [ADDR]:PORT for IPv6\n"
"  --local ADDR:PORT     and this address of ours, if the endpoint has several\n"
"  --help                this text\n"
"\n"
"get:\n"
"  --json                one JSON object instead of text\n"
"\n"
"set, one of these at least:\n"
"  --owner N             give it to this member; 0 for whoever receives\n"
"  --idle SECONDS        delete it when it has had no record for so long, a week\n"
"                        at most; 0 for never\n"
"  --retire SECONDS      how long its keys still open records when new ones have\n"
"                        come, 120 at most\n"
"  --handshake on|off    on: what its keys do not open goes to the helper, as a\n"
"                        new handshake is under way\n"
"\n"
"del deletes it without a close_notify to the peer. Exit codes: 0 it worked, 1 it\n"
"did not, 2 wrong usage.\n"
"\n"
"  kdtls session get --endpoint 1 --session 17\n"
"  kdtls session set --endpoint 1 --peer 198.51.100.7:40112 --idle 300\n"
"  kdtls session del --endpoint 1 --peer [2001:db8::7]:40112\n";

enum { ENDPOINT = OPT_OWN, SESSION, PEER, LOCAL, OWNER, IDLE, RETIRE,
	HANDSHAKE, N_OPTIONS };

static const struct option options[] = {
	{ "endpoint", required_argument, NULL, ENDPOINT },
	{ "session", required_argument, NULL, SESSION },
	{ "peer", required_argument, NULL, PEER },
	{ "local", required_argument, NULL, LOCAL },
	{ "owner", required_argument, NULL, OWNER },
	{ "idle", required_argument, NULL, IDLE },
	{ "retire", required_argument, NULL, RETIRE },
	{ "handshake", required_argument, NULL, HANDSHAKE },
	{ "json", no_argument, NULL, OPT_JSON },
	{ "help", no_argument, NULL, OPT_HELP },
	{ NULL, 0, NULL, 0 },
};

static const struct verb {
	const char	*name;
	uint8_t		cmd;
	const char	*doing;
} verbs[] = {
	{ "get", KDTLS_CMD_SESSION_GET, "get the session" },
	{ "set", KDTLS_CMD_SESSION_SET, "change the session" },
	{ "del", KDTLS_CMD_SESSION_DEL, "delete the session" },
};

struct one {
	const struct verb	*verb;
	bool			given[N_OPTIONS - OPT_OWN];
	bool			json;
	bool			handshake;
	bool			come;
	unsigned long		endpoint;
	unsigned long		session;
	unsigned long		owner;
	unsigned long		idle;
	unsigned long		retire;
	struct sockaddr_storage	peer;
	struct sockaddr_storage	local;
};

static bool given(const struct one *o, int opt)
{
	return o->given[opt - OPT_OWN];
}

/* ---- The request -------------------------------------------------------------- */

static int on_session(const struct nlmsghdr *nlh, void *data)
{
	struct one *o = data;
	struct told t;
	int err = told_read(&t, nlh, TOLD_SESSION);

	if (err)
		return err;
	if (o->come)
		return -EBADMSG;
	o->come = true;
	if (!o->json) {
		people_session(stdout, &t, true);
		return 0;
	}
	json_told_session(stdout, &t, NULL);
	putchar('\n');
	return 0;
}

static int ignore(const struct nlmsghdr *nlh, void *data)
{
	return 0;
}

static void put(struct nlmsghdr *nlh, const struct one *o)
{
	mnl_attr_put_u32(nlh, KDTLS_A_ENDPOINT, (uint32_t)o->endpoint);
	if (given(o, SESSION))
		mnl_attr_put_u32(nlh, KDTLS_A_SESSION, (uint32_t)o->session);
	if (given(o, PEER))
		control_put_address(nlh, KDTLS_A_PEER, &o->peer);
	if (given(o, LOCAL))
		control_put_address(nlh, KDTLS_A_LOCAL, &o->local);
	if (given(o, OWNER))
		mnl_attr_put_u32(nlh, KDTLS_A_OWNER, (uint32_t)o->owner);
	if (given(o, IDLE))
		mnl_attr_put_u32(nlh, KDTLS_A_IDLE, (uint32_t)(o->idle * 1000));
	if (given(o, RETIRE))
		mnl_attr_put_u32(nlh, KDTLS_A_RETIRE,
				 (uint32_t)(o->retire * 1000));
	if (given(o, HANDSHAKE))
		mnl_attr_put_u8(nlh, KDTLS_A_HANDSHAKE, o->handshake);
}

static int ask(struct kdtls_netlink *nl, struct one *o)
{
	bool get = o->verb->cmd == KDTLS_CMD_SESSION_GET;
	char buf[KDTLS_NETLINK_REQUEST];
	struct nlmsghdr *nlh;
	int err;

	nlh = kdtls_netlink_request(nl, buf, o->verb->cmd, NLM_F_ACK);
	put(nlh, o);
	err = kdtls_netlink_talk(nl, nlh, get ? on_session : ignore, o);
	if (!err && get && !o->come)
		err = -EBADMSG;
	return control_written(err ? control_failed(nl, err, o->verb->doing) :
				     EXIT_OK);
}

/* ---- Arguments ---------------------------------------------------------------- */

static int on_or_off(struct one *o, const char *arg)
{
	o->handshake = !strcmp(arg, "on");
	if (!o->handshake && strcmp(arg, "off"))
		return misuse("session", "--handshake takes on or off, not \"%s\"",
			      arg);
	return EXIT_OK;
}

static int option(struct one *o, int opt)
{
	if (opt >= OPT_OWN)
		o->given[opt - OPT_OWN] = true;
	switch (opt) {
	case ENDPOINT:
		return number("session", "--endpoint", optarg, 0, UINT32_MAX,
			      &o->endpoint);
	case SESSION:
		return number("session", "--session", optarg, 1, UINT32_MAX,
			      &o->session);
	case PEER:
		return control_address("session", "--peer", optarg, false,
				       &o->peer);
	case LOCAL:
		return control_address("session", "--local", optarg, false,
				       &o->local);
	case OWNER:
		return number("session", "--owner", optarg, 0, UINT32_MAX,
			      &o->owner);
	case IDLE:
		return number("session", "--idle", optarg, 0,
			      DTLS_IDLE_MAX / 1000, &o->idle);
	case RETIRE:
		return number("session", "--retire", optarg, 0,
			      DTLS_RETIRE_MAX / 1000, &o->retire);
	case HANDSHAKE:
		return on_or_off(o, optarg);
	default:
		o->json = true;
		return EXIT_OK;
	}
}

static int find_verb(struct one *o, int argc, char **argv)
{
	size_t i;

	if (optind >= argc)
		return misuse("session", "get, set or del is missing");
	if (optind + 1 < argc)
		return misuse("session", "unexpected argument \"%s\"",
			      argv[optind + 1]);
	for (i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++)
		if (!strcmp(argv[optind], verbs[i].name))
			o->verb = &verbs[i];
	if (!o->verb)
		return misuse("session", "there are get, set and del, no \"%s\"",
			      argv[optind]);
	return EXIT_OK;
}

static int check_which(const struct one *o)
{
	if (!given(o, ENDPOINT))
		return misuse("session", "--endpoint is missing");
	if (given(o, SESSION) == given(o, PEER))
		return misuse("session", "either --session or --peer says which session");
	if (given(o, LOCAL) && !given(o, PEER))
		return misuse("session", "--local goes with --peer");
	if (given(o, LOCAL) && o->local.ss_family != o->peer.ss_family)
		return misuse("session", "--local and --peer are of two families");
	return EXIT_OK;
}

static int check_verb(const struct one *o)
{
	bool change = given(o, OWNER) || given(o, IDLE) || given(o, RETIRE) ||
		      given(o, HANDSHAKE);

	if (o->json && o->verb->cmd != KDTLS_CMD_SESSION_GET)
		return misuse("session", "--json goes with get");
	if (o->verb->cmd == KDTLS_CMD_SESSION_SET && !change)
		return misuse("session", "set needs --owner, --idle, --retire or --handshake");
	if (o->verb->cmd != KDTLS_CMD_SESSION_SET && change)
		return misuse("session", "--owner, --idle, --retire and --handshake go with set");
	return EXIT_OK;
}

/* -1: help was asked for. */
static int parse(struct one *o, int argc, char **argv)
{
	int opt, ret;

	opterr = 0;
	while ((opt = getopt_long(argc, argv, ":", options, NULL)) != -1) {
		if (opt == '?' || opt == ':')
			return bad_option("session", opt, argv);
		if (opt == OPT_HELP)
			return -1;
		ret = option(o, opt);
		if (ret)
			return ret;
	}
	ret = find_verb(o, argc, argv);
	if (!ret)
		ret = check_which(o);
	if (!ret)
		ret = check_verb(o);
	return ret;
}

int cmd_session(int argc, char **argv)
{
	struct one o = { .verb = NULL };
	struct kdtls_netlink nl;
	int ret = parse(&o, argc, argv);

	if (ret < 0) {
		fputs(usage, stdout);
		return EXIT_OK;
	}
	if (ret)
		return ret;
	ret = control_open(&nl, o.verb->doing);
	if (!ret)
		ret = ask(&nl, &o);
	kdtls_netlink_close(&nl);
	return ret;
}
