/* SPDX-License-Identifier: GPL-2.0 */
/* Run a command of the tool, and keep what it prints. */
#ifndef KDTLS_CAPTURE_H
#define KDTLS_CAPTURE_H

#include <stdbool.h>
#include <stddef.h>

struct capture {
	int	status;
	char	*out;		/* with a 0 at the end, which @len does not count */
	size_t	len;
	char	err[4096];
};

/* "capture(&c, cmd_show, "show", "--json", NULL)"; free it afterwards. */
void capture(struct capture *c, int (*command)(int argc, char **argv), ...)
	__attribute__((sentinel));
void capture_free(struct capture *c);

/* Is @part in @text? Says so if it is not. */
bool capture_has(const char *text, const char *part);

/* Is it one JSON document, without names that are twice in an object? */
bool capture_is_json(const struct capture *c);
/* Is each line one? */
bool capture_is_json_lines(const struct capture *c);

#endif /* KDTLS_CAPTURE_H */
