/* SPDX-License-Identifier: GPL-2.0 */
/* A server and clients over loopback, and what their callbacks have told. */
#ifndef KDTLS_TEST_WORLD_H
#define KDTLS_TEST_WORLD_H

#include <kdtls.h>

#include <shared/types.h>

#include "fake_kernel.h"
#include "pki.h"
#include "proxy.h"
#include "tap.h"

struct world {
	struct kdtls_endpoint	*server;
	struct kdtls_endpoint	*client;
	char			port[8];
	/* counters of callbacks */
	int			sessions, opened, server_opened, closed,
				errors, messages, trains, keylogs;
	int			close_err;	/* of the client */
	int			server_close_err;
	char			error[512];
	unsigned char		last[20000];
	size_t			last_len;
	size_t			bytes;
	struct kdtls_session	*s;		/* the latest of the client */
	struct kdtls_session	*peer;		/* the latest of the server */
	void			(*on_open)(struct world *w,
					   struct kdtls_session *s);
	void			(*on_server_open)(struct world *w,
						  struct kdtls_session *s);
	void			(*on_turn)(struct world *w);
	bool			echo_off;
	struct proxy		*proxy;
};

/* This kernel has kdtls; otherwise fake_kernel.c pretends one. */
extern bool have_kernel;

/* Look whether it has, and say so. To be called first. */
void world_begin(void);

/* Certificate, callbacks; a client that verifies nothing. */
struct kdtls_config *server_config(struct world *w,
				   enum kdtls_offload offload);
struct kdtls_config *client_config(struct world *w,
				   enum kdtls_offload offload);

/* Take both configurations, and make endpoints of them. */
bool world_open(struct world *w, struct kdtls_config *server,
		struct kdtls_config *client, const char *host);
bool world_new(struct world *w, enum kdtls_offload server,
	       enum kdtls_offload client);
void world_end(struct world *w);

/* Open a session, on both sides. */
bool world_connect(struct world *w);

/* Send @len bytes through the latest session, and see them come back. */
void echo(struct world *w, size_t len);

/* Milliseconds. */
long ms(void);

/* Both sides do what is due. */
void turn(struct world *w);

/* Until it is so, or too late. */
#define UNTIL(w, cond) do { \
	long until_ = ms() + 60000; \
	while (!(cond) && ms() < until_) \
		turn(w); \
	CHECK(cond); \
} while (0)

/* Pretend a kernel, if need be. */
void use_kernel(bool on);

#endif /* KDTLS_TEST_WORLD_H */
