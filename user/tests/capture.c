// SPDX-License-Identifier: GPL-2.0
#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "capture.h"

#define MAX_ARGS 20

static void read_back(int fd, char *buf, size_t len)
{
	ssize_t n = pread(fd, buf, len, 0);

	buf[n > 0 ? n : 0] = 0;
}

void capture(struct capture *c, int (*command)(int argc, char **argv), ...)
{
	int out = memfd_create("out", 0), err = memfd_create("err", 0);
	int real_out = dup(1), real_err = dup(2), argc = 0;
	char *argv[MAX_ARGS];
	va_list ap;

	va_start(ap, command);
	do {
		argv[argc] = va_arg(ap, char *);
	} while (argv[argc] && ++argc < MAX_ARGS);
	va_end(ap);

	fflush(stdout);
	dup2(out, 1);
	dup2(err, 2);
	optind = 0;
	c->status = command(argc, argv);
	fflush(stdout);
	dup2(real_out, 1);
	dup2(real_err, 2);
	close(real_out);
	close(real_err);

	c->len = (size_t)lseek(out, 0, SEEK_END);
	c->out = malloc(c->len + 1);
	read_back(out, c->out, c->len);
	read_back(err, c->err, sizeof(c->err) - 1);
	close(out);
	close(err);
}

void capture_free(struct capture *c)
{
	free(c->out);
	c->out = NULL;
}

bool capture_has(const char *text, const char *part)
{
	if (strstr(text, part))
		return true;
	printf("# there is no \"%s\" in:\n# %s\n", part, text);
	return false;
}

/* What python3 makes of it on its standard input. */
static bool python_takes(const struct capture *c, const char *read)
{
	char command[400];
	FILE *pipe;

	snprintf(command, sizeof(command), "python3 -c '"
		 "import json, sys\n"
		 "def once(pairs):\n"
		 "    names = [name for name, value in pairs]\n"
		 "    assert len(names) == len(set(names)), names\n"
		 "%s' 2>/dev/null", read);
	fflush(stdout);
	pipe = popen(command, "w");
	if (!pipe)
		return false;
	fwrite(c->out, 1, c->len, pipe);
	return pclose(pipe) == 0;
}

bool capture_is_json(const struct capture *c)
{
	return python_takes(c, "json.load(sys.stdin, object_pairs_hook=once)");
}

bool capture_is_json_lines(const struct capture *c)
{
	return python_takes(c, "for line in sys.stdin:\n"
			       "    json.loads(line, object_pairs_hook=once)");
}
