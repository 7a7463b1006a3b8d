// SPDX-License-Identifier: GPL-2.0
/* kdtls echo-server */
#include <errno.h>
#include <string.h>

#include "tool.h"

static const char usage[] =
"usage: kdtls echo-server [OPTIONS]\n"
"\n"
"Serves DTLS 1.2 and sends each record of application data back.\n"
"\n"
"  --listen ADDR:PORT    where to listen; default 127.0.0.1:4433, port 0 for any\n"
"  --sink                take what comes and send nothing back\n"
"  --once                leave after one session\n"
"  --max-sessions N      leave after N sessions\n"
"  --capacity N          sessions at a time; default 10000\n"
"  --source-sessions N   sessions of one source at a time: an IPv4 address, or\n"
"                        an IPv6 /64; default 0, no limit\n"
"  --source-handshakes N unfinished handshakes of one source; default 0, no limit\n"
"  --verify              demand a certificate that --ca vouches for\n"
"  --no-tickets          give clients no session tickets\n"
"  --ticket-keys FILE    keys of tickets, 80 bytes each, the first for new ones;\n"
"                        default: random ones, not shared with other servers\n"
"  --session-cache N     sessions to keep for clients without tickets, 0 to\n"
"                        1000000; default 10000\n"
"  --session-lifetime S  seconds that a session can be resumed; default 7200\n"
"  --psk-hint TEXT       what tells clients which key of theirs to use\n";

static const char after[] =
"\n"
"Without --cert, --key and --psk-file the server makes itself a certificate for localhost,\n"
"good for a test with `kdtls connect --insecure`.\n"
"\n"
"SIGINT and SIGTERM close all sessions in good order. Exit codes: 0 it served,\n"
"1 it could not, 2 wrong usage.\n"
"\n"
"  kdtls echo-server --listen 0.0.0.0:4433 --cert cert.pem --key key.pem\n";

struct server {
	struct common	common;
	const char	*listen;
	const char	*psk_hint;
	struct psk_keys	*keys;
	const char	*ticket_keys;
	bool		no_tickets;
	bool		cache_given;
	unsigned long	cache;
	unsigned long	source_sessions;
	unsigned long	source_handshakes;
	unsigned long	lifetime;
	bool		sink;
	bool		verify;
	unsigned long	max_sessions;
	unsigned long	capacity;
	unsigned long	ended;
	uint64_t	dropped;
};

enum { OPT_LISTEN = OPT_OWN, OPT_SINK, OPT_ONCE, OPT_MAX, OPT_CAPACITY,
	OPT_VERIFY, OPT_PSK_HINT, OPT_NO_TICKETS, OPT_TICKET_KEYS,
	OPT_SESSION_CACHE, OPT_SESSION_LIFETIME, OPT_SOURCE_SESSIONS,
	OPT_SOURCE_HANDSHAKES };

static const struct option options[] = {
	COMMON_OPTIONS,
	{ "listen", required_argument, NULL, OPT_LISTEN },
	{ "sink", no_argument, NULL, OPT_SINK },
	{ "once", no_argument, NULL, OPT_ONCE },
	{ "max-sessions", required_argument, NULL, OPT_MAX },
	{ "capacity", required_argument, NULL, OPT_CAPACITY },
	{ "verify", no_argument, NULL, OPT_VERIFY },
	{ "psk-hint", required_argument, NULL, OPT_PSK_HINT },
	{ "no-tickets", no_argument, NULL, OPT_NO_TICKETS },
	{ "ticket-keys", required_argument, NULL, OPT_TICKET_KEYS },
	{ "session-cache", required_argument, NULL, OPT_SESSION_CACHE },
	{ "session-lifetime", required_argument, NULL, OPT_SESSION_LIFETIME },
	{ "source-sessions", required_argument, NULL, OPT_SOURCE_SESSIONS },
	{ "source-handshakes", required_argument, NULL, OPT_SOURCE_HANDSHAKES },
	{ NULL, 0, NULL, 0 },
};

static int own_option(struct server *v, int opt, const char *arg)
{
	const char *command = v->common.command;

	switch (opt) {
	case OPT_LISTEN:
		v->listen = arg;
		return EXIT_OK;
	case OPT_SINK:
		v->sink = true;
		return EXIT_OK;
	case OPT_VERIFY:
		v->verify = true;
		return EXIT_OK;
	case OPT_NO_TICKETS:
		v->no_tickets = true;
		return EXIT_OK;
	case OPT_TICKET_KEYS:
		v->ticket_keys = arg;
		return EXIT_OK;
	case OPT_SESSION_CACHE:
		v->cache_given = true;
		return number(command, "--session-cache", arg, 0, 1000000,
			      &v->cache);
	case OPT_SESSION_LIFETIME:
		return number(command, "--session-lifetime", arg, 1, 604800,
			      &v->lifetime);
	case OPT_SOURCE_SESSIONS:
		return number(command, "--source-sessions", arg, 0, 1000000000,
			      &v->source_sessions);
	case OPT_SOURCE_HANDSHAKES:
		return number(command, "--source-handshakes", arg, 0,
			      1000000000, &v->source_handshakes);
	case OPT_PSK_HINT:
		v->psk_hint = arg;
		return EXIT_OK;
	case OPT_ONCE:
		v->max_sessions = 1;
		return EXIT_OK;
	case OPT_MAX:
		return number(command, "--max-sessions", arg, 1, 1000000000,
			      &v->max_sessions);
	default:
		return number(command, "--capacity", arg, 1, 10000000,
			      &v->capacity);
	}
}

/* EXIT_OK to go on, -1 if help was wanted, EXIT_USAGE. */
static int parse(struct server *v, int argc, char **argv)
{
	int opt, ret;

	opterr = 0;
	while ((opt = getopt_long(argc, argv, "+:", options, NULL)) != -1) {
		if (opt == '?' || opt == ':')
			return bad_option(v->common.command, opt, argv);
		if (opt == OPT_HELP)
			return -1;
		ret = opt < OPT_OWN ? common_option(&v->common, opt, optarg) :
				      own_option(v, opt, optarg);
		if (ret)
			return ret;
	}
	if (optind < argc)
		return misuse(v->common.command, "unexpected argument \"%s\"",
			      argv[optind]);
	if (v->psk_hint && !v->common.psk_file)
		return misuse(v->common.command, "--psk-hint goes with --psk-file");
	if (v->ticket_keys && v->no_tickets)
		return misuse(v->common.command, "--ticket-keys and --no-tickets exclude each other");
	return EXIT_OK;
}

/* ---- callbacks ---- */

static void on_handshake(struct kdtls_session *s, void *arg)
{
	struct server *v = arg;

	if (v->common.quiet)
		return;
	if (v->common.json) {
		printf("{\"event\":\"session\",");
		json_session(stdout, s);
		printf("}\n");
	} else {
		printf("%s+%s ", good(), plain());
		print_session(s);
	}
	fflush(stdout);
}

static void on_message(struct kdtls_session *s, const void *buf, size_t len,
		       void *arg)
{
	struct server *v = arg;

	if (!v->sink && kdtls_send(s, buf, len) < 0)
		v->dropped++;
}

static void on_train(struct kdtls_session *s, const void *buf, size_t len,
		     size_t segment, void *arg)
{
	struct server *v = arg;
	ssize_t n;

	if (v->sink)
		return;
	n = kdtls_send_train(s, buf, len, segment);
	if (n < 0)
		n = 0;
	if ((size_t)n < len)
		v->dropped += (len - (size_t)n + segment - 1) / segment;
}

static void on_close(struct kdtls_session *s, int err, void *arg)
{
	struct server *v = arg;
	struct kdtls_session_info i;

	kdtls_session_info(s, &i, sizeof(i));
	if (i.handshake_completed_at)
		v->ended++;
	if (v->common.quiet)
		return;
	if (v->common.json) {
		printf("{\"event\":\"close\",\"error\":%d,", err);
		json_session(stdout, s);
		printf("}\n");
	} else {
		printf("%s-%s %s  %llu records in, %llu out", dim(), plain(),
		       address_text(&i.peer),
		       (unsigned long long)i.messages_received,
		       (unsigned long long)i.messages_sent);
		if (i.flights_answered)
			printf(", last flight sent %llu times again",
			       (unsigned long long)i.flights_answered);
		printf("%s%s\n", err ? ": " : "",
		       err ? kdtls_session_error(s) : "");
	}
	fflush(stdout);
}

static void on_error(struct kdtls_session *s, int err, const char *text,
		     void *arg)
{
	struct server *v = arg;
	struct kdtls_session_info i;

	/* on_close() tells it; without that line it is told here. */
	if (!v->common.quiet)
		return;
	kdtls_session_info(s, &i, sizeof(i));
	complain("%s: %s", address_text(&i.peer), text);
}

/* ---------------------------------------------------------------------------------- */

/* What it can be known by. 0, or a complaint. */
static int identity(struct server *v, struct kdtls_config *config)
{
	if (v->common.psk_file) {
		v->keys = psk_read(v->common.psk_file);
		return v->keys ? psk_serve(v->keys, config, v->psk_hint) : -1;
	}
	if (v->common.cert || v->common.key)
		return 0;
	return self_signed(config);
}

static struct kdtls_config *configure(struct server *v)
{
	const struct kdtls_callbacks callbacks = {
		.size = sizeof(callbacks),
		.handshake = on_handshake,
		.message = on_message,
		.train = on_train,
		.close = on_close,
		.error = on_error,
	};
	struct kdtls_config *config;

	if (v->common.ca && !v->verify) {
		complain("--ca says whom to trust: with --verify it does something");
		return NULL;
	}
	config = common_config(&v->common);
	if (!config)
		return NULL;
	kdtls_config_set_callbacks(config, &callbacks, v);
	if (v->capacity)
		kdtls_config_set_max_sessions(config,
					      (unsigned int)v->capacity);
	kdtls_config_set_max_source_sessions(config,
					     (unsigned int)v->source_sessions);
	kdtls_config_set_max_source_handshakes(config,
					       (unsigned int)v->source_handshakes);
	if (v->verify)
		kdtls_config_set_verify(config, KDTLS_VERIFY_REQUIRED);
	if (v->no_tickets)
		kdtls_config_set_tickets(config, 0);
	if (v->cache_given)
		kdtls_config_set_session_cache(config, (unsigned int)v->cache);
	if (v->lifetime)
		kdtls_config_set_session_lifetime(config,
						  (unsigned int)v->lifetime);
	if (identity(v, config)) {
		kdtls_config_free(config);
		return NULL;
	}
	return config;
}

/* 0, or a complaint. */
static int share_tickets(const struct server *v, struct kdtls_endpoint *ep)
{
	unsigned char keys[KDTLS_TICKET_KEYS_MAX * KDTLS_TICKET_KEY_LEN + 1];
	ssize_t len;
	int err;

	if (!v->ticket_keys)
		return 0;
	len = secret_read(v->ticket_keys, keys, sizeof(keys) - 1, false);
	if (len < 0)
		return -1;
	err = kdtls_endpoint_set_ticket_keys(ep, keys, (size_t)len);
	explicit_bzero(keys, sizeof(keys));
	if (err)
		complain("%s: %s", v->ticket_keys, kdtls_last_error());
	return err;
}

static void announce(struct server *v, struct kdtls_endpoint *ep)
{
	struct sockaddr_storage ss;
	socklen_t len = sizeof(ss);

	kdtls_endpoint_address(ep, (struct sockaddr *)&ss, &len);
	if (v->common.json)
		printf("{\"event\":\"listening\",\"address\":\"%s\"}\n",
		       address_text(&ss));
	else if (!v->common.quiet)
		printf("listening on %s%s%s\n", bold(), address_text(&ss),
		       plain());
	fflush(stdout);
}

static int serve(struct server *v, struct kdtls_endpoint *ep)
{
	int n;

	while (!stopped) {
		n = kdtls_dispatch(ep, 1000);
		if (n < 0 && n != -EINTR) {
			complain("%s", kdtls_last_error());
			return EXIT_FAIL;
		}
		if (v->max_sessions && v->ended >= v->max_sessions)
			break;
	}
	return EXIT_OK;
}

static void summary(struct server *v, struct kdtls_endpoint *ep)
{
	struct kdtls_endpoint_info i;

	kdtls_endpoint_info(ep, &i, sizeof(i));
	if (v->common.json)
		printf("{\"event\":\"end\",\"sessions\":%llu,\"offloaded\":%llu,"
		       "\"handshakes_failed\":%llu,\"cookies_sent\":%llu,"
		       "\"dropped_junk\":%llu,\"dropped_limit\":%llu,\"psk_unknown\":%llu,"
		       "\"dropped_source\":%llu,\"dropped_closing\":%llu,"
		       "\"idle_closed\":%llu,\"cookies_refused\":%llu,\"resumed\":%llu,"
		       "\"reassociations\":%llu,"
		       "\"echoes_dropped\":%llu,\"packets_received\":%llu,"
		       "\"bytes_received\":%llu,\"packets_sent\":%llu,"
		       "\"bytes_sent\":%llu}\n",
		       (unsigned long long)i.server_sessions,
		       (unsigned long long)i.offloaded,
		       (unsigned long long)i.handshakes_failed,
		       (unsigned long long)i.cookies_sent,
		       (unsigned long long)i.dropped_junk,
		       (unsigned long long)i.dropped_limit,
		       (unsigned long long)i.psk_unknown,
		       (unsigned long long)i.dropped_source,
		       (unsigned long long)i.dropped_closing,
		       (unsigned long long)i.idle_closed,
		       (unsigned long long)i.cookies_refused,
		       (unsigned long long)i.resumed,
		       (unsigned long long)i.reassociations,
		       (unsigned long long)v->dropped,
		       (unsigned long long)i.packets_received,
		       (unsigned long long)i.bytes_received,
		       (unsigned long long)i.packets_sent,
		       (unsigned long long)i.bytes_sent);
	else if (!v->common.quiet)
		printf("%llu sessions, %llu of them in the kernel; %llu records in, %llu out\n",
		       (unsigned long long)i.server_sessions,
		       (unsigned long long)i.offloaded,
		       (unsigned long long)i.packets_received,
		       (unsigned long long)i.packets_sent);
	fflush(stdout);
}

static int run(struct server *v)
{
	char address[300], *host, *port;
	struct kdtls_endpoint *ep;
	struct kdtls_config *config;
	int ret;

	snprintf(address, sizeof(address), "%s", v->listen);
	ret = split_address(v->common.command, address, &host, &port);
	if (ret)
		return ret;
	config = configure(v);
	if (!config)
		return EXIT_FAIL;
	ret = kdtls_listen(config, host, port, &ep);
	kdtls_config_free(config);
	if (ret) {
		complain("%s", kdtls_last_error());
		return EXIT_FAIL;
	}
	if (share_tickets(v, ep)) {
		kdtls_endpoint_destroy(ep);
		return EXIT_FAIL;
	}
	catch_signals();
	announce(v, ep);
	ret = serve(v, ep);
	summary(v, ep);
	shut_down(ep);
	return ret;
}

int cmd_echo_server(int argc, char **argv)
{
	struct server v = {
		.common.command = "echo-server",
		.listen = "127.0.0.1:4433",
	};
	int ret = parse(&v, argc, argv);

	if (ret < 0) {
		fputs(usage, stdout);
		fputs(common_help, stdout);
		fputs(after, stdout);
		return EXIT_OK;
	}
	if (!ret)
		ret = run(&v);
	psk_free(v.keys);
	return ret;
}
