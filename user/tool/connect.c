// SPDX-License-Identifier: GPL-2.0
/* kdtls connect */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tool.h"

static const char usage[] =
"usage: kdtls connect [OPTIONS] HOST:PORT\n"
"\n"
"Opens a DTLS 1.2 session. Each line from standard input goes out as one record,\n"
"its line feed included, and what comes back is printed. With --count it tests an echo server instead,\n"
"with --bench it measures one.\n"
"\n"
"  --count N             send N numbered records and compare every echo\n"
"  --bench               measure: send without comparing (default --count 100000)\n"
"  --size S              bytes of a record, 1 to 16384; default 1024\n"
"  --train K             records per call, 1 to 64; default 1\n"
"  --outstanding W       records without an echo at a time; default 64\n"
"  --one-way             expect no echoes (the server runs with --sink)\n"
"  --insecure            do not verify the server's certificate\n"
"  --server-name NAME    name to ask for and to verify; default HOST\n"
"  --bind ADDRESS[:PORT] the address, and the port, to connect from\n"
"  --session-file FILE   resume the session in FILE if there is one, and keep\n"
"                        the new one there; it is as secret as a key\n"
"  --psk-identity ID     whose key of --psk-file to use; default: the first\n";

static const char after[] =
"\n"
"The end of standard input closes the session, as do SIGINT and SIGTERM. Exit\n"
"codes: 0 all went well, 1 the session failed or an echo was wrong or missing\n"
"(a benchmark may lose records), 2 wrong usage.\n"
"\n"
"  kdtls connect --insecure localhost:4433\n"
"  kdtls connect --ca ca.pem --count 1000 --size 1200 server.example:4433\n"
"  kdtls connect --insecure --bench --train 32 --size 1350 127.0.0.1:4433\n";

struct client {
	struct common		common;
	char			*target;
	const char		*server_name;
	char			*bind_host;
	char			*bind_port;
	const char		*psk_identity;
	const char		*session_file;
	bool			insecure;
	bool			bench;
	bool			count_given;
	bool			opts_given;
	struct exchange_opts	opts;
	struct exchange		*exchange;
	struct kdtls_session	*session;
	bool			open;
	bool			ended;
	bool			failed;
	bool			input_over;
	char			line[16384];
	size_t			line_len;
};

enum { OPT_COUNT = OPT_OWN, OPT_BENCH, OPT_SIZE, OPT_TRAIN, OPT_OUTSTANDING,
	OPT_ONE_WAY, OPT_INSECURE, OPT_SERVER_NAME,
	OPT_PSK_IDENTITY, OPT_SESSION_FILE, OPT_BIND };

static const struct option options[] = {
	COMMON_OPTIONS,
	{ "count", required_argument, NULL, OPT_COUNT },
	{ "bench", no_argument, NULL, OPT_BENCH },
	{ "size", required_argument, NULL, OPT_SIZE },
	{ "train", required_argument, NULL, OPT_TRAIN },
	{ "outstanding", required_argument, NULL, OPT_OUTSTANDING },
	{ "one-way", no_argument, NULL, OPT_ONE_WAY },
	{ "insecure", no_argument, NULL, OPT_INSECURE },
	{ "server-name", required_argument, NULL, OPT_SERVER_NAME },
	{ "psk-identity", required_argument, NULL, OPT_PSK_IDENTITY },
	{ "session-file", required_argument, NULL, OPT_SESSION_FILE },
	{ "bind", required_argument, NULL, OPT_BIND },
	{ NULL, 0, NULL, 0 },
};

/* "ADDRESS", "ADDRESS:PORT" or ":PORT"; an IPv6 address alone needs no brackets. */
static int split_bind(struct client *c, char *text)
{
	char *colon = strrchr(text, ':'), *end = text + strlen(text);

	if (!*text)
		return misuse(c->common.command, "--bind takes ADDRESS[:PORT]");
	c->bind_host = text;
	if (colon == text && colon[1]) {
		c->bind_host = NULL;
		c->bind_port = colon + 1;
	} else if (*text == '[' && end[-1] == ']') {
		c->bind_host++;
		end[-1] = 0;
	} else if (colon && (*text == '[' || strchr(text, ':') == colon)) {
		return split_address(c->common.command, text, &c->bind_host,
				     &c->bind_port);
	}
	return EXIT_OK;
}

static int own_option(struct client *c, int opt, char *arg)
{
	const char *command = c->common.command;

	switch (opt) {
	case OPT_COUNT:
		c->count_given = true;
		return number(command, "--count", arg, 1, 10000000000UL,
			      &c->opts.count);
	case OPT_SIZE:
		c->opts_given = true;
		return number(command, "--size", arg, 1, 16384, &c->opts.size);
	case OPT_TRAIN:
		c->opts_given = true;
		return number(command, "--train", arg, 1, 64, &c->opts.train);
	case OPT_OUTSTANDING:
		c->opts_given = true;
		return number(command, "--outstanding", arg, 1, 1000000,
			      &c->opts.outstanding);
	case OPT_BENCH:
		c->bench = true;
		return EXIT_OK;
	case OPT_ONE_WAY:
		c->opts.one_way = true;
		return EXIT_OK;
	case OPT_INSECURE:
		c->insecure = true;
		return EXIT_OK;
	case OPT_BIND:
		return split_bind(c, arg);
	case OPT_SESSION_FILE:
		c->session_file = arg;
		return EXIT_OK;
	case OPT_PSK_IDENTITY:
		c->psk_identity = arg;
		return EXIT_OK;
	default:
		c->server_name = arg;
		return EXIT_OK;
	}
}

static int check(struct client *c, int argc, char **argv)
{
	const char *command = c->common.command;

	if (optind >= argc)
		return misuse(command, "HOST:PORT is missing");
	if (optind + 1 < argc)
		return misuse(command, "unexpected argument \"%s\"",
			      argv[optind + 1]);
	c->target = argv[optind];
	if (c->opts.one_way && !c->bench)
		return misuse(command, "--one-way goes with --bench");
	if (!c->bench && !c->count_given && c->opts_given)
		return misuse(command, "--size, --train and --outstanding go with --count or --bench");
	if (c->psk_identity && !c->common.psk_file)
		return misuse(command, "--psk-identity goes with --psk-file");
	c->opts.compare = !c->bench;
	c->opts.json = c->common.json;
	c->opts.quiet = c->common.quiet;
	return EXIT_OK;
}

static int parse(struct client *c, int argc, char **argv)
{
	int opt, ret;

	opterr = 0;
	while ((opt = getopt_long(argc, argv, ":", options, NULL)) != -1) {
		if (opt == '?' || opt == ':')
			return bad_option(c->common.command, opt, argv);
		if (opt == OPT_HELP)
			return -1;
		ret = opt < OPT_OWN ? common_option(&c->common, opt, optarg) :
				      own_option(c, opt, optarg);
		if (ret)
			return ret;
	}
	return check(c, argc, argv);
}

/* ---- callbacks ---- */

static void on_handshake(struct kdtls_session *s, void *arg)
{
	struct client *c = arg;

	c->open = true;
	if (c->exchange)
		exchange_start(c->exchange);
	if (c->common.quiet)
		return;
	if (c->common.json) {
		printf("{\"event\":\"session\",");
		json_session(stdout, s);
		printf("}\n");
	} else {
		printf("connected to ");
		print_session(s);
	}
	fflush(stdout);
}

static void print_message(struct client *c, const char *buf, size_t len)
{
	if (c->common.json) {
		printf("{\"event\":\"message\",\"size\":%zu,\"text\":", len);
		json_bytes(stdout, buf, len);
		printf("}\n");
	} else {
		fwrite(buf, 1, len, stdout);
		if (!len || buf[len - 1] != '\n')
			putchar('\n');
	}
	fflush(stdout);
}

static void on_message(struct kdtls_session *s, const void *buf, size_t len,
		       void *arg)
{
	struct client *c = arg;

	if (c->exchange)
		exchange_message(c->exchange, buf, len, len);
	else
		print_message(c, buf, len);
}

static void on_train(struct kdtls_session *s, const void *buf, size_t len,
		     size_t segment, void *arg)
{
	struct client *c = arg;
	const char *p = buf;
	size_t n;

	if (c->exchange) {
		exchange_message(c->exchange, buf, len, segment);
		return;
	}
	for (; len; p += n, len -= n) {
		n = len < segment ? len : segment;
		print_message(c, p, n);
	}
}

static void on_error(struct kdtls_session *s, int err, const char *text,
		     void *arg)
{
	complain("%s", text);
}

static void on_close(struct kdtls_session *s, int err, void *arg)
{
	struct client *c = arg;

	c->ended = true;
	c->failed = err != 0;
	c->session = NULL;
	if (!err && !c->common.quiet && !c->common.json && !c->exchange &&
	    !c->input_over && !stopped)
		printf("the server closed the session\n");
}

static void on_resumption(struct kdtls_session *s, const void *blob, size_t len,
			  void *arg)
{
	struct client *c = arg;

	if (c->session_file)
		secret_write(c->session_file, blob, len);
}

/* ---- standard input ---- */

static void send_line(struct client *c, size_t len)
{
	if (len && kdtls_send(c->session, c->line, len) < 0)
		complain("%s", kdtls_last_error());
}

static void send_lines(struct client *c)
{
	char *end;
	size_t n;

	while ((end = memchr(c->line, '\n', c->line_len))) {
		n = (size_t)(end + 1 - c->line);
		send_line(c, n);
		c->line_len -= n;
		memmove(c->line, end + 1, c->line_len);
	}
	/* A line longer than a record is more than one. */
	if (c->line_len == sizeof(c->line)) {
		send_line(c, c->line_len);
		c->line_len = 0;
	}
}

static void read_input(struct client *c)
{
	ssize_t n = read(STDIN_FILENO, c->line + c->line_len,
			 sizeof(c->line) - c->line_len);

	if (n < 0 && (errno == EINTR || errno == EAGAIN))
		return;
	if (n <= 0) {
		send_line(c, c->line_len);
		c->line_len = 0;
		c->input_over = true;
		return;
	}
	c->line_len += (size_t)n;
	send_lines(c);
}

/* What was sent last deserves a moment to come back. */
static void linger(struct client *c, struct kdtls_endpoint *ep)
{
	int quiet_rounds = 3;

	while (!stopped && !c->ended && quiet_rounds)
		if (kdtls_dispatch(ep, 100) == 0)
			quiet_rounds--;
}

static int talk(struct client *c, struct kdtls_endpoint *ep)
{
	struct pollfd fds[2] = {
		{ .fd = kdtls_endpoint_fd(ep), .events = POLLIN },
		{ .fd = -1, .events = POLLIN },
	};

	while (!stopped && !c->ended && !c->input_over) {
		fds[1].fd = c->open ? STDIN_FILENO : -1;
		if (poll(fds, 2, 1000) <= 0)
			continue;
		if (fds[0].revents)
			kdtls_dispatch(ep, 0);
		if (fds[1].revents && !c->ended)
			read_input(c);
	}
	linger(c, ep);
	return c->failed || !c->open ? EXIT_FAIL : EXIT_OK;
}

/* ---- the exchange ---- */

static int measure(struct client *c, struct kdtls_endpoint *ep)
{
	int wait = 1000;

	while (!stopped && !c->ended) {
		if (c->open)
			wait = exchange_step(c->exchange, c->session);
		if (wait < 0)
			break;
		kdtls_dispatch(ep, wait);
	}
	if (!c->open) {
		if (!c->failed)
			complain("stopped before the session was open");
		return EXIT_FAIL;
	}
	return exchange_report(c->exchange, c->session);
}

static int use_psk(struct client *c, struct kdtls_config *config)
{
	struct psk_keys *keys;
	int err;

	if (!c->common.psk_file)
		return 0;
	keys = psk_read(c->common.psk_file);
	if (!keys)
		return -1;
	err = psk_use(keys, config, c->psk_identity);
	psk_free(keys);
	return err;
}

static int use_bind(struct client *c, struct kdtls_config *config)
{
	if (!kdtls_config_set_bind(config, c->bind_host, c->bind_port))
		return 0;
	complain("%s", kdtls_last_error());
	return -1;
}

static struct kdtls_config *configure(struct client *c)
{
	const struct kdtls_callbacks callbacks = {
		.size = sizeof(callbacks),
		.handshake = on_handshake,
		.message = on_message,
		.train = on_train,
		.close = on_close,
		.error = on_error,
		.resumption = on_resumption,
	};
	struct kdtls_config *config = common_config(&c->common);

	if (!config)
		return NULL;
	kdtls_config_set_callbacks(config, &callbacks, c);
	if (c->insecure)
		kdtls_config_set_verify(config, KDTLS_VERIFY_NONE);
	if (c->server_name)
		kdtls_config_set_server_name(config, c->server_name);
	if (use_bind(c, config) || use_psk(c, config)) {
		kdtls_config_free(config);
		return NULL;
	}
	return config;
}

/* Resume, or begin anew. */
static int open_session(struct client *c, struct kdtls_endpoint *ep,
			const char *host, const char *port)
{
	static unsigned char blob[KDTLS_RESUMPTION_MAX + 1];
	ssize_t len = 0;
	int err;

	if (c->session_file)
		len = secret_read(c->session_file, blob, KDTLS_RESUMPTION_MAX,
				  true);
	if (len <= 0)
		return kdtls_endpoint_connect(ep, host, port, &c->session);
	err = kdtls_endpoint_resume(ep, host, port, blob, (size_t)len,
				    &c->session);
	explicit_bzero(blob, sizeof(blob));
	if (err != -EINVAL && err != -EPERM)
		return err;
	complain("%s is of no use: %s", c->session_file, kdtls_last_error());
	return kdtls_endpoint_connect(ep, host, port, &c->session);
}

static int run(struct client *c)
{
	struct kdtls_config *config;
	struct kdtls_endpoint *ep;
	char *host, *port;
	int ret;

	ret = split_address(c->common.command, c->target, &host, &port);
	if (ret)
		return ret;
	if (c->bench || c->count_given) {
		c->exchange = exchange_new(&c->opts);
		if (!c->exchange) {
			complain("no memory for %lu records", c->opts.count);
			return EXIT_FAIL;
		}
	}
	config = configure(c);
	if (!config)
		return EXIT_FAIL;
	ret = kdtls_endpoint_new(config, &ep);
	kdtls_config_free(config);
	if (ret) {
		complain("%s", kdtls_last_error());
		return EXIT_FAIL;
	}
	if (open_session(c, ep, host, port)) {
		complain("%s", kdtls_last_error());
		kdtls_endpoint_destroy(ep);
		return EXIT_FAIL;
	}
	catch_signals();
	ret = c->exchange ? measure(c, ep) : talk(c, ep);
	shut_down(ep);
	return ret;
}

int cmd_connect(int argc, char **argv)
{
	struct client c = {
		.common.command = "connect",
		.opts = {
			.count = 100000,
			.size = 1024,
			.train = 1,
			.outstanding = 64,
		},
	};
	int ret = parse(&c, argc, argv);

	if (ret < 0) {
		fputs(usage, stdout);
		fputs(common_help, stdout);
		fputs(after, stdout);
		return EXIT_OK;
	}
	if (!ret)
		ret = run(&c);
	exchange_free(c.exchange);
	return ret;
}
