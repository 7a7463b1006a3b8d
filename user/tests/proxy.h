/* SPDX-License-Identifier: GPL-2.0 */
/* A proxy between a client and a server that loses. */
#ifndef KDTLS_TEST_PROXY_H
#define KDTLS_TEST_PROXY_H

#include <sys/socket.h>

#include <shared/types.h>

struct proxy {
	int		front;		/* the client speaks to it */
	int		back;		/* it speaks to the server */
	char		port[8];
	int		lose_finished;	/* of the server */
	int		lose_client_finished;
	int		lose_hellos;	/* of the client, behind its first one */
	int		from_client;
	int		lost;
	/* Told of each datagram of the server, if it is set. */
	void		(*see)(const u8 *buf, size_t len);
	/* Told of each datagram of a client; true: it is lost. */
	bool		(*lose)(const u8 *buf, size_t len);
	bool		many;		/* handshakes, one behind the other */
	u8		seen[1024];	/* numbers of the server's epoch 0 */
	struct sockaddr_storage client;
};

/* Listen on a port of its own, in front of a server's. 0 or -1. */
int proxy_open(struct proxy *x, const char *server_port);

/* Bring what waits to the other side. */
void proxy_pump(struct proxy *x);

void proxy_close(struct proxy *x);

/* The port of an address, in figures. */
void port_of(const struct sockaddr_storage *ss, char *port, size_t size);

#endif /* KDTLS_TEST_PROXY_H */
