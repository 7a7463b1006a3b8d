/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Datagrams and trains through a socket, with what the kernel says of them. */
#ifndef KDTLS_IO_H
#define KDTLS_IO_H

#include <sys/socket.h>

#include <shared/types.h>

/* The largest message that a receive call can return. */
#define KDTLS_IO_MAX		65536

/**
 * struct kdtls_rx - a received message
 * @buf: where to put it
 * @cap: size of @buf
 * @len: bytes received
 * @segment: size of each segment but the last; @len if it is not a train
 * @type: DTLS_GET_RECORD_TYPE, or -1 if the kernel did not tell
 * @raw: DTLS_RAW
 * @session: number of the session that it came by, see struct dtls_session; or 0
 * @from: who sent it
 * @local: the address it was sent to, with port 0; family AF_UNSPEC if the
 *	kernel did not tell
 */
struct kdtls_rx {
	u8	*buf;
	size_t	cap;
	size_t	len;
	size_t	segment;
	int	type;
	bool	raw;
	u32	session;
	struct sockaddr_storage from;
	struct sockaddr_storage local;
};

/* Receive one message; 0 or a negative errno value. */
int kdtls_io_recv(int fd, struct kdtls_rx *rx, int flags);

/**
 * struct kdtls_way - how to reach a peer
 * @fd: the socket
 * @to: the peer's address, NULL if the socket is connected to it
 * @local: our address, NULL to leave the choice to the system
 */
struct kdtls_way {
	int	fd;
	const struct sockaddr_storage *to;
	const struct sockaddr_storage *local;
};

/**
 * struct kdtls_tx - a message to be sent
 * @way: whereto
 * @buf: its bytes
 * @len: how many
 * @segment: cut it into segments of that size; 0 for one datagram
 * @flags: of sendmsg(); MSG_NOSIGNAL is always among them
 * @type: content type of the record, 0 for application data
 * @raw: DTLS_RAW: @buf has the records as they are to go out
 */
struct kdtls_tx {
	struct kdtls_way way;
	const void	*buf;
	size_t		len;
	size_t		segment;
	int		flags;
	u8		type;
	bool		raw;
};

/* Send one message; bytes or a negative errno value. */
ssize_t kdtls_io_send(const struct kdtls_tx *tx);

/* UDP_GRO on; a kernel without it just sends single datagrams up. */
void kdtls_io_gro(int fd);

/* Have the kernel tell @local. */
int kdtls_io_want_local(int fd, int family);

/* The size of an address of its family. */
socklen_t kdtls_io_addrlen(const struct sockaddr_storage *ss);

/* The same address and port? */
bool kdtls_io_same(const struct sockaddr_storage *a,
		   const struct sockaddr_storage *b);

void kdtls_io_set_port(struct sockaddr_storage *ss,
		       const struct sockaddr_storage *from);

#endif /* KDTLS_IO_H */
