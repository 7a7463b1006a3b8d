// SPDX-License-Identifier: GPL-2.0
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <unistd.h>

#include "pair.h"
#include "proxy.h"
#include "tap.h"

void port_of(const struct sockaddr_storage *ss, char *port, size_t size)
{
	snprintf(port, size, "%u",
		 ntohs(((const struct sockaddr_in *)ss)->sin_port));
}

int proxy_open(struct proxy *x, const char *server_port)
{
	struct sockaddr_in in = {
		.sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	struct sockaddr_storage ss;
	socklen_t len = sizeof(ss);

	x->front = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
	x->back = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
	if (bind(x->front, (struct sockaddr *)&in, sizeof(in)))
		return -1;
	getsockname(x->front, (struct sockaddr *)&ss, &len);
	port_of(&ss, x->port, sizeof(x->port));
	in.sin_port = htons((uint16_t)atoi(server_port));
	return connect(x->back, (struct sockaddr *)&in, sizeof(in));
}

/* No number of epoch 0 is ever used twice. */
static void proxy_look(struct proxy *x, const u8 *p, size_t len)
{
	struct kdtls_record rec;
	size_t n;

	for (; !kdtls_record_parse(&rec, p, (u32)len); p += n, len -= n) {
		n = (size_t)KDTLS_HEADER_LEN + rec.len;
		if (rec.epoch || rec.seq >= sizeof(x->seen) || x->many)
			continue;
		CHECK_EQ(x->seen[rec.seq], 0);
		x->seen[rec.seq] = 1;
	}
}

static bool lose(struct proxy *x, const u8 *buf, size_t len)
{
	if (x->lose && x->lose(buf, len)) {
		x->lost++;
		return true;
	}
	if (!x->from_client++ || !x->lose_hellos)
		return false;
	x->lose_hellos--;
	x->lost++;
	return true;
}

static bool lose_finished(struct proxy *x, int *left, const u8 *buf, size_t len)
{
	if (!*left || !pair_has_finished(buf, len))
		return false;
	(*left)--;
	x->lost++;
	return true;
}

void proxy_pump(struct proxy *x)
{
	u8 buf[65536];
	socklen_t len = sizeof(x->client);
	ssize_t n;

	while ((n = recvfrom(x->front, buf, sizeof(buf), 0,
			     (struct sockaddr *)&x->client, &len)) >= 0)
		if (!lose(x, buf, (size_t)n) &&
		    !lose_finished(x, &x->lose_client_finished, buf, (size_t)n) &&
		    send(x->back, buf, (size_t)n, 0) < 0)
			break;
	while ((n = recv(x->back, buf, sizeof(buf), 0)) >= 0) {
		proxy_look(x, buf, (size_t)n);
		if (x->see)
			x->see(buf, (size_t)n);
		if (lose_finished(x, &x->lose_finished, buf, (size_t)n))
			continue;
		if (sendto(x->front, buf, (size_t)n, 0,
			   (struct sockaddr *)&x->client, len) < 0)
			break;
	}
}

void proxy_close(struct proxy *x)
{
	close(x->front);
	close(x->back);
}
