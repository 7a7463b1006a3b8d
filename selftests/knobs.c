// SPDX-License-Identifier: GPL-2.0
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "knobs.h"
#include "util.h"

#define PARAMETERS	"/sys/module/kdtls/parameters/"

bool knob_set(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_TRUNC | O_CLOEXEC);
	bool ok = fd >= 0 && write(fd, text, strlen(text)) > 0;

	if (fd >= 0)
		close(fd);
	return ok;
}

static long knob(const char *path)
{
	char text[32] = "";
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0 || read(fd, text, sizeof(text) - 1) < 0)
		die("%s", path);
	close(fd);
	return atol(text);
}

long contexts(void)
{
	return knob(PARAMETERS "contexts");
}

long contexts_lent(void)
{
	return knob(PARAMETERS "contexts_lent");
}

void contexts_set(long n)
{
	char text[32];

	snprintf(text, sizeof(text), "%ld", n);
	if (!knob_set(PARAMETERS "contexts", text))
		die("contexts");
}
