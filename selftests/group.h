/* SPDX-License-Identifier: GPL-2.0 */
/* An endpoint of some members in one SO_REUSEPORT group, and its plain peers. */
#ifndef KDTLS_SELFTESTS_GROUP_H
#define KDTLS_SELFTESTS_GROUP_H

#include "nl.h"

#define GROUP_MAX	4

/**
 * struct group - an endpoint
 * @family: of its sockets
 * @cipher: of its sessions
 * @port: where it is bound
 * @endpoint: its number
 * @count: how many members there are
 * @fd: the members; -1 is one that was closed
 * @member: their numbers
 * @nl: a netlink socket
 */
struct group {
	enum family	family;
	uint16_t	cipher;
	uint16_t	port;
	uint32_t	endpoint;
	int		count;
	int		fd[GROUP_MAX];
	uint32_t	member[GROUP_MAX];
	struct nl	nl;
};

/**
 * struct peer - a plain socket that talks to an endpoint
 * @p: @p.peer is the socket, connected to the endpoint; @p.in and @p.out are the
 *	session's keys, for feed() and take()
 * @id: the session's number, 0 for none
 * @addr: where members have to send to
 * @len: bytes of @addr
 */
struct peer {
	struct pair		p;
	uint32_t		id;
	struct sockaddr_storage	addr;
	socklen_t		len;
};

/* Loopback or any address; returns the length. */
socklen_t any_address(enum family family, uint16_t port,
		      struct sockaddr_storage *addr);
/* A socket of a SO_REUSEPORT group, bound and attached, but no member. */
int group_socket(enum family family, const struct sockaddr_storage *addr,
		 socklen_t len);
/* Returns 0 or a negative errno. */
int endpoint_join(int fd, uint32_t role);
struct dtls_endpoint endpoint_info(int fd);

/* Member 0 is the helper, the others are workers. */
void group_open(struct group *g, enum family family, uint16_t cipher,
		int count);
/* The same on any address. */
void group_open_any(struct group *g, enum family family, uint16_t cipher,
		    int count);
/* One member that is both. */
void group_open_single(struct group *g, enum family family, uint16_t cipher);
void group_close_member(struct group *g, int i);
void group_close(struct group *g);
/* From here on datagrams come to the socket that was bound as number @i. */
void group_steer(struct group *g, int i);

void peer_open(struct peer *p, const struct group *g);
void peer_close(struct peer *p);
/* A peer without a socket, whose oracles are to be freed; and with another port. */
void fake_peer(struct peer *p, const struct group *g, uint16_t port);
void fake_port(struct peer *p, uint16_t port);
/* Fresh keys, of @epoch, that only the test knows as yet. */
void peer_rekey(struct peer *p, uint16_t cipher, uint16_t epoch);

/* A request about @p by the descriptor of a member that is open. */
void peer_request(struct request *r, struct group *g, const struct peer *p,
		  uint8_t cmd);
/* And with the keys that @p has. */
void peer_request_keys(struct request *r, struct group *g,
		       const struct peer *p, uint8_t cmd);
/* Give it a session whose owner is member @owner, or -1 for none. */
int session_new(struct group *g, struct peer *p, int owner);
int session_del(struct group *g, const struct peer *p);
int session_set_u8(struct group *g, const struct peer *p, uint16_t type,
		   uint8_t value);
int session_set_u32(struct group *g, const struct peer *p, uint16_t type,
		    uint32_t value);
/* Of a session that there must be. */
struct nl_message session_get(struct group *g, const struct peer *p);

/* Each returns what was sent or a negative errno. */
long peer_send(int fd, const struct peer *p, const void *data, size_t n);
long peer_send_id(int fd, const struct peer *p, size_t n, uint32_t id);
long peer_send_cmsg(int fd, const struct peer *p, const void *data, size_t n,
		    const struct cbuf *c, int flags);
/* A record reaches @fd and another one comes back. */
bool peer_echoes(int fd, struct peer *p);

/* The next event in the error queue: its type, or 0. */
int event_next(int fd, uint32_t *session);

#endif /* KDTLS_SELFTESTS_GROUP_H */
