// SPDX-License-Identifier: GPL-2.0
/* What the suites of endpoints do with members and peers. */
#include <string.h>

#include "members.h"

/* Datagrams that a member got for another one go there when it reads. */
long pump(int fd)
{
	static struct rx rx;

	return rx_recv(fd, &rx, MSG_DONTWAIT);
}

void all_with(struct group *g, int level, int option)
{
	int i;

	for (i = 0; i < g->count; i++)
		set_int(g->fd[i], level, option, 1);
}

bool same_address(const struct rx *m, const struct peer *p)
{
	return m->namelen == p->len && !memcmp(&m->name, &p->addr, p->len);
}

/* A datagram of one record that nothing protects; returns its bytes. */
size_t plain_record(uint8_t *wire, uint8_t type, const void *data,
		    size_t n)
{
	oracle_header(wire, type, ORACLE_VERSION, 0, 0, n);
	memcpy(wire + ORACLE_HEADER, data, n);
	return ORACLE_HEADER + n;
}

size_t feed_plain(struct peer *p, uint8_t type)
{
	uint8_t wire[100];
	size_t n = plain_record(wire, type, "plain text", 10);

	feed_raw(&p->p, wire, n);
	return n;
}

size_t sealed_train(struct peer *p, uint8_t *wire, int count,
		    uint32_t first)
{
	uint8_t data[SEGMENT];
	size_t n = 0;
	int i;

	for (i = 0; i < count; i++) {
		payload(data, sizeof(data), first + i);
		n += oracle_seal(&p->p.in, DTLS_CT_APPLICATION_DATA, data,
				 sizeof(data), wire + n);
	}
	return n;
}

int feed_sealed_train(struct peer *p, int count, uint32_t first)
{
	static uint8_t wire[65536];
	size_t n = sealed_train(p, wire, count, first);

	return feed_train(&p->p, wire, n, n / count);
}

long cmsg_to(int fd, const struct peer *p, int level, int type,
	     const void *value, size_t n, const void *data, size_t len)
{
	struct cbuf c = { .len = 0 };

	cbuf_add(&c, level, type, value, n);
	return peer_send_cmsg(fd, p, data, len, &c, 0);
}

long raw_to(int fd, const struct peer *p, const void *data, size_t n)
{
	uint8_t one = 1;

	return cmsg_to(fd, p, SOL_DTLS, DTLS_RAW, &one, 1, data, n);
}

long type_to(int fd, const struct peer *p, uint8_t type,
	     const void *data, size_t n)
{
	return cmsg_to(fd, p, SOL_DTLS, DTLS_SET_RECORD_TYPE, &type, 1, data,
		       n);
}
