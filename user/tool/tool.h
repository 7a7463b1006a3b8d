/* SPDX-License-Identifier: GPL-2.0 */
/* What the subcommands of kdtls share. */
#ifndef KDTLS_TOOL_H
#define KDTLS_TOOL_H

#include <getopt.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include <kdtls.h>

/* Exit codes. */
#define EXIT_OK		0
#define EXIT_FAIL	1	/* it did not work */
#define EXIT_USAGE	2	/* it was asked in a wrong way */

/* A subcommand; gets its own name as argv[0]. */
int cmd_echo_server(int argc, char **argv);
int cmd_connect(int argc, char **argv);
int cmd_show(int argc, char **argv);
int cmd_session(int argc, char **argv);
int cmd_monitor(int argc, char **argv);
int cmd_stats(int argc, char **argv);
int cmd_version(int argc, char **argv);

/* ---- say.c: what people and programs read ----------------------------------- */

/* A message on stderr, with "kdtls: " in front. */
void complain(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* The same, and where to look further. Returns EXIT_USAGE. */
int misuse(const char *command, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/* Escape sequences, or "" if stdout is no terminal or NO_COLOR is set. */
const char *bold(void);
const char *dim(void);
const char *good(void);
const char *bad(void);
const char *plain(void);

/* "192.0.2.1:4433" or "[2001:db8::1]:4433", in a static buffer. */
const char *address_text(const struct sockaddr_storage *ss);

/* A JSON string with its quotes; returns what putc() would. */
void json_string(FILE *out, const char *text);
void json_bytes(FILE *out, const char *data, size_t len);

/* What both commands tell of a session, as text or as members of an object. */
void print_session(struct kdtls_session *session);
void json_session(FILE *out, struct kdtls_session *session);

/* ---- options.c: options that both commands have ----------------------------- */

struct common {
	const char		*command;
	const char		*cert;
	const char		*key;
	const char		*ca;
	const char		*ciphers;
	const char		*keylog;
	const char		*alpn;
	const char		*psk_file;
	const char		*srtp;
	const char		*groups;
	const char		*sigalgs;
	enum kdtls_offload	offload;
	unsigned int		mtu;
	unsigned int		window;
	unsigned int		timeout;
	unsigned int		idle;
	bool			json;
	bool			quiet;
};

enum {
	OPT_CERT = 256, OPT_KEY, OPT_CA, OPT_CIPHER, OPT_KEYLOG, OPT_ALPN, OPT_PSK_FILE, OPT_SRTP,
	OPT_GROUPS, OPT_SIGALGS,
	OPT_OFFLOAD, OPT_MTU, OPT_WINDOW, OPT_TIMEOUT, OPT_IDLE, OPT_JSON, OPT_QUIET,
	OPT_HELP, OPT_OWN
};

#define COMMON_OPTIONS \
	{ "cert", required_argument, NULL, OPT_CERT }, \
	{ "key", required_argument, NULL, OPT_KEY }, \
	{ "ca", required_argument, NULL, OPT_CA }, \
	{ "cipher", required_argument, NULL, OPT_CIPHER }, \
	{ "keylog", required_argument, NULL, OPT_KEYLOG }, \
	{ "alpn", required_argument, NULL, OPT_ALPN }, \
	{ "psk-file", required_argument, NULL, OPT_PSK_FILE }, \
	{ "srtp", required_argument, NULL, OPT_SRTP }, \
	{ "groups", required_argument, NULL, OPT_GROUPS }, \
	{ "sigalgs", required_argument, NULL, OPT_SIGALGS }, \
	{ "offload", required_argument, NULL, OPT_OFFLOAD }, \
	{ "mtu", required_argument, NULL, OPT_MTU }, \
	{ "window", required_argument, NULL, OPT_WINDOW }, \
	{ "handshake-timeout", required_argument, NULL, OPT_TIMEOUT }, \
	{ "idle-timeout", required_argument, NULL, OPT_IDLE }, \
	{ "json", no_argument, NULL, OPT_JSON }, \
	{ "quiet", no_argument, NULL, OPT_QUIET }, \
	{ "help", no_argument, NULL, OPT_HELP }

extern const char common_help[];

/* Take a common option. EXIT_OK or EXIT_USAGE, having said why. */
int common_option(struct common *c, int opt, const char *arg);

/* What getopt_long() could not make sense of. Returns EXIT_USAGE. */
int bad_option(const char *command, int opt, char **argv);

/* A whole number from @min to @max, or a complaint and EXIT_USAGE. */
int number(const char *command, const char *name, const char *arg,
	   unsigned long min, unsigned long max, unsigned long *out);

/* A configuration from the options; NULL, having said why, if it cannot be. */
struct kdtls_config *common_config(const struct common *c);

/* Split "HOST:PORT", "[V6]:PORT" in place. EXIT_OK or EXIT_USAGE. */
int split_address(const char *command, char *text, char **host, char **port);

/* ---- signals.c ---------------------------------------------------------------- */

/* Set by SIGINT and SIGTERM once catch_signals() was called. */
extern volatile int stopped;
void catch_signals(void);

/* Close an endpoint in good order and destroy it. */
void shut_down(struct kdtls_endpoint *ep);

/* ---- selfsigned.c --------------------------------------------------------------- */

/* A certificate for localhost and this host, and its key. 0 or -1. */
int self_signed(struct kdtls_config *config);

/* ---- psk.c -------------------------------------------------------------------- */

struct psk_keys;

/* Read lines "identity:key"; NULL, having said why. */
struct psk_keys *psk_read(const char *path);

/* Wipe and free; NULL is allowed. */
void psk_free(struct psk_keys *keys);

/* For a client: the key of an identity, NULL for the first. 0, or a complaint. */
int psk_use(const struct psk_keys *keys, struct kdtls_config *config,
	    const char *identity);

/* For a server, as long as it serves: all keys. 0, or a complaint. */
int psk_serve(struct psk_keys *keys, struct kdtls_config *config,
	      const char *hint);

/* ---- keep.c ------------------------------------------------------------------- */

/*
 * Read a file of up to @size bytes into @buf, which has room for one more. Its
 * size, 0 if it is not there and @may_miss, or -1 and a complaint.
 */
ssize_t secret_read(const char *path, unsigned char *buf, size_t size,
		    bool may_miss);

/* Write a file of mode 0600 in place of what was there, or complain. */
void secret_write(const char *path, const unsigned char *buf, size_t len);

/* ---- exchange.c: measured traffic of kdtls connect --------------------------- */

struct exchange_opts {
	unsigned long	count;		/* records */
	unsigned long	size;		/* bytes of each */
	unsigned long	train;		/* records per call */
	unsigned long	outstanding;	/* records without an echo */
	bool		compare;	/* look at each echo */
	bool		one_way;	/* there are no echoes */
	bool		json;
	bool		quiet;
};

struct exchange;

struct exchange *exchange_new(const struct exchange_opts *opts);
void exchange_free(struct exchange *x);

/* The session is open. */
void exchange_start(struct exchange *x);

/* An echo, or a train of them. */
void exchange_message(struct exchange *x, const void *buf, size_t len,
		      size_t segment);

/* Send what may be sent; how long to wait then, or -1 when all is done. */
int exchange_step(struct exchange *x, struct kdtls_session *session);

/* Tell the result. EXIT_OK or EXIT_FAIL. */
int exchange_report(struct exchange *x, struct kdtls_session *session);

#endif /* KDTLS_TOOL_H */
