// SPDX-License-Identifier: GPL-2.0
/* kdtls: the subcommands. */
#include <string.h>

#include "tool.h"

static const struct command {
	const char	*name;
	int		(*run)(int argc, char **argv);
	const char	*what;
} commands[] = {
	{ "echo-server", cmd_echo_server, "serve DTLS and send back what comes" },
	{ "connect", cmd_connect, "open a session: a shell, a test, a benchmark" },
	{ "show", cmd_show, "list endpoints and sessions of the kernel" },
	{ "session", cmd_session, "look at, change or delete one of these sessions" },
	{ "monitor", cmd_monitor, "tell what happens to them" },
	{ "stats", cmd_stats, "tell the kernel's counters" },
	{ "version", cmd_version, "tell versions, and whether the kernel has kdtls" },
};

#define N_COMMANDS (sizeof(commands) / sizeof(commands[0]))

static void help(void)
{
	size_t i;

	printf("usage: kdtls COMMAND [OPTIONS]\n\n"
	       "DTLS 1.2 with the handshake in OpenSSL and the records in the kernel.\n\n"
	       "commands:\n");
	for (i = 0; i < N_COMMANDS; i++)
		printf("  %-14s %s\n", commands[i].name, commands[i].what);
	printf("\n`kdtls COMMAND --help` tells the options of a command.\n");
}

static const struct command *find(const char *name)
{
	size_t i;

	for (i = 0; i < N_COMMANDS; i++)
		if (!strcmp(name, commands[i].name))
			return &commands[i];
	return NULL;
}

int main(int argc, char **argv)
{
	const struct command *command;

	if (argc < 2)
		return misuse(NULL, "a command is missing");
	if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h") ||
	    !strcmp(argv[1], "help")) {
		help();
		return EXIT_OK;
	}
	if (!strcmp(argv[1], "--version"))
		return cmd_version(1, argv);
	command = find(argv[1]);
	if (!command)
		return misuse(NULL, "there is no command \"%s\"", argv[1]);
	return command->run(argc - 1, argv + 1);
}
