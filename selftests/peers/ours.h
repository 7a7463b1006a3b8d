/* SPDX-License-Identifier: GPL-2.0 */
/* Our side of a cell: libkdtls, and what is said over its sessions. */
#ifndef KDTLS_SELFTESTS_OURS_H
#define KDTLS_SELFTESTS_OURS_H

#include <kdtls.h>

#include "peer.h"
#include "util.h"

/**
 * struct speech - what a client and a server say
 * @ours: how often our client asks
 * @theirs: how often that of the peer does
 * @ask: write what the client asks for the @i-th time; returns its size
 * @answer: write what the server answers to the @n bytes of the @i-th question;
 *	returns its size, 0 if that was none
 * @right: are these @n bytes the answer?
 */
struct speech {
	unsigned int	ours;
	unsigned int	theirs;
	size_t		(*ask)(unsigned int i, uint8_t *buf);
	size_t		(*answer)(unsigned int i, const uint8_t *question,
				  size_t n, uint8_t *buf);
	bool		(*right)(unsigned int i, const uint8_t *buf, size_t n);
};

extern const struct speech speech_echo, speech_coap;

/* The text of our answers in CoAP. */
const char *coap_text(void);

/**
 * struct cell - one cell of the matrix
 * @stack: whose peer
 * @family: IPV4 or IPV6
 * @task: the peer's
 */
struct cell {
	const struct stack	*stack;
	enum family		family;
	struct task		task;
};

enum outcome { GOOD, BAD, CANNOT };

/* Run it. If it is not good, why is written to @why, of @size bytes. */
enum outcome ours_run(struct cell *cell, enum kdtls_offload offload, char *why,
		      size_t size);

#endif /* KDTLS_SELFTESTS_OURS_H */
