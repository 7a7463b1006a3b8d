// SPDX-License-Identifier: GPL-2.0
/* Requests about the sessions of an endpoint. */
#include <netinet/in.h>
#include <string.h>

#include "requests.h"

int call(struct group *g, struct request *r)
{
	return nl_call(&g->nl, r);
}

int by_fd(struct group *g, int fd)
{
	struct request r;

	req_init(&r, &g->nl, KDTLS_CMD_ENDPOINT_GET);
	req_u32(&r, KDTLS_A_FD, fd);
	return call(g, &r);
}

int by_number(struct group *g, uint8_t cmd, uint32_t session)
{
	struct request r;

	req_init(&r, &g->nl, cmd);
	req_u32(&r, KDTLS_A_FD, g->fd[0]);
	req_u32(&r, KDTLS_A_SESSION, session);
	return call(g, &r);
}

int key_new(struct group *g, const struct peer *p,
	    const struct oracle *tx, const struct oracle *in)
{
	struct request r;

	peer_request(&r, g, p, KDTLS_CMD_KEY_NEW);
	if (tx)
		req_keys(&r, KDTLS_A_TX, tx);
	if (in)
		req_keys(&r, KDTLS_A_RX, in);
	return call(g, &r);
}

int replace_by(struct group *g, const struct peer *p,
	       const struct oracle *tx, const struct oracle *in)
{
	struct request r;

	peer_request(&r, g, p, KDTLS_CMD_SESSION_REPLACE);
	req_keys(&r, KDTLS_A_TX, tx);
	req_keys(&r, KDTLS_A_RX, in);
	return call(g, &r);
}

int new_with(struct group *g, struct peer *p, uint16_t type,
	     const void *data, size_t n)
{
	struct request r;

	req_init(&r, &g->nl, KDTLS_CMD_SESSION_NEW);
	req_u32(&r, KDTLS_A_FD, g->fd[0]);
	if (type != KDTLS_A_PEER)
		req_put(&r, KDTLS_A_PEER, &p->addr, p->len);
	if (type != KDTLS_A_TX)
		req_keys(&r, KDTLS_A_TX, &p->p.out);
	if (type != KDTLS_A_RX)
		req_keys(&r, KDTLS_A_RX, &p->p.in);
	req_put(&r, type, data, n);
	return call(g, &r);
}

void feed_by(struct peer *p, struct oracle *o, uint64_t seq, uint32_t id)
{
	uint8_t data[50], wire[200];

	payload(data, sizeof(data), id);
	feed_raw(&p->p, wire, oracle_seal_seq(o, DTLS_CT_APPLICATION_DATA, seq,
					      data, sizeof(data), wire));
}

static void each(const struct nl_message *m, void *arg)
{
	uint16_t port = ntohs(((struct sockaddr_in *)&m->peer)->sin_port);
	struct listed *l = arg;

	l->count++;
	l->twice += l->seen[port];
	l->seen[port] = 1;
}

int list(struct group *g, struct request *r, struct listed *l)
{
	memset(l, 0, sizeof(*l));
	return nl_dump(&g->nl, r, each, l);
}

int list_of(struct group *g, uint8_t cmd, uint16_t type, uint32_t value,
	    struct listed *l)
{
	struct request r;

	req_init(&r, &g->nl, cmd);
	if (type)
		req_u32(&r, type, value);
	return list(g, &r, l);
}
