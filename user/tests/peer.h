/* SPDX-License-Identifier: GPL-2.0 */
/* Another implementation's program as the other side. */
#ifndef KDTLS_TEST_PEER_H
#define KDTLS_TEST_PEER_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct peer {
	pid_t	pid;
	int	in;		/* its standard input */
	int	out;		/* its standard output and error */
	size_t	len;
	char	text[65536];	/* what it has said, ended by NUL */
};

/* Is the program installed? Says so if not. */
bool peer_have(const char *program);

/* Start it; the last of @argv is NULL. */
bool peer_start(struct peer *p, const char *const *argv);

/* Has it said @text by now? */
bool peer_said(struct peer *p, const char *text);

/* Wait for it, some seconds. Tells what it said instead if it does not. */
bool peer_says(struct peer *p, const char *text);

/* Type a text. */
void peer_type(struct peer *p, const char *text);

/* Kill it. */
void peer_end(struct peer *p);

/* A UDP port of 127.0.0.1 that nobody has at the moment. */
void peer_free_port(char *port, size_t size);

#endif /* KDTLS_TEST_PEER_H */
