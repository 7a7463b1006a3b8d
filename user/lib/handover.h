/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The steps of a handover that are the same whoever did the handshake. */
#ifndef KDTLS_HANDOVER_H
#define KDTLS_HANDOVER_H

#include "install.h"
#include "session.h"
#include "wire.h"

/* Check @opts, which can be NULL, and fill in what it leaves out. */
int kdtls_handover_opts(struct kdtls_upgrade_opts *o,
			const struct kdtls_upgrade_opts *opts);

/* A UDP socket that is connected? */
int kdtls_handover_socket(int fd);

/* Two descriptors of one socket? */
bool kdtls_handover_same(int a, int b);

/* Attach the socket, with all that a session wants to be told. */
int kdtls_handover_attach(int fd);

/* Where the kernel goes on: receiving, with what was opened already; and sending. */
int kdtls_handover_rx_numbers(struct kdtls_wire *w,
			      const struct kdtls_keys *keys,
			      unsigned int window, struct kdtls_numbers *numbers);
void kdtls_handover_tx_numbers(const struct kdtls_wire *w,
			       const struct kdtls_keys *keys, u64 next,
			       struct kdtls_numbers *numbers);

/* Install the receiving key, with what was opened already. */
int kdtls_handover_rx(struct kdtls_wire *w, int fd,
		      const struct kdtls_keys *keys, unsigned int window);

/* Install the sending key; @next is the number of the next record. */
int kdtls_handover_tx(const struct kdtls_wire *w, int fd,
		      const struct kdtls_keys *keys, u64 next);

/* The last flight was ours: keep it. */
void kdtls_handover_flight(struct kdtls_session *s, struct kdtls_wire *w,
			   unsigned int flight_ms);

/* The kernel has one key, and the other step failed with @err. */
int kdtls_handover_lost(int err);

/* A session of nobody's endpoint on @fd, with its addresses; or NULL. */
struct kdtls_session *kdtls_handover_session(int fd);

/* The kernel has both keys. */
void kdtls_handover_done(struct kdtls_session *s, unsigned int flags);

#endif /* KDTLS_HANDOVER_H */
