// SPDX-License-Identifier: GPL-2.0
/* The tracepoints say what happened, and nothing that is secret. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <sys/mount.h>

#include "harness.h"
#include "group.h"
#include "knobs.h"

#define TRACEFS		"/sys/kernel/tracing"

static bool trace_on(void)
{
	if (access(TRACEFS "/trace", W_OK))
		mount("tracefs", TRACEFS, "tracefs", 0, NULL);
	knob_set(TRACEFS "/trace", "\n");
	return knob_set(TRACEFS "/events/kdtls/enable", "1");
}

static void trace_off(void)
{
	knob_set(TRACEFS "/events/kdtls/enable", "0");
}

/* How many lines of the trace have all of these? */
static int lines_of(uint16_t lport, uint16_t rport, const char *event,
		    const char *text)
{
	char line[1024], ports[64], name[64];
	FILE *f = fopen(TRACEFS "/trace", "re");
	int count = 0;

	snprintf(ports, sizeof(ports), "lport=%u rport=%u ", lport, rport);
	snprintf(name, sizeof(name), ": %s: ", event);
	while (f && fgets(line, sizeof(line), f))
		count += strstr(line, ports) && strstr(line, name) &&
			 strstr(line, text);
	if (f)
		fclose(f);
	return count;
}

static int lines(const struct pair *p, const char *event, const char *text)
{
	return lines_of(local_port(p->fd), local_port(p->peer), event, text);
}

FIXTURE(trace) {
	struct pair p;
	bool on;
};

FIXTURE_VARIANT(trace) {
	uint16_t cipher;
	enum family family;
};

VARIANTS_OF_FAMILIES(trace);

FIXTURE_SETUP(trace)
{
	self->on = trace_on();
	pair_setup(&self->p, variant->family, variant->cipher);
	if (!self->on)
		SKIP(return, "no tracefs");
}

FIXTURE_TEARDOWN(trace)
{
	trace_off();
	pair_close(&self->p);
}

#define NEEDS_TRACE()							\
	do {								\
		if (!self->on)						\
			return;						\
	} while (0)

TEST_F(trace, install)
{
	char text[128];

	NEEDS_TRACE();
	snprintf(text, sizeof(text), " tx cipher=%u epoch=1 seq=%llu window=0",
		 variant->cipher, (unsigned long long)self->p.out.seq);
	EXPECT_EQ(1, lines(&self->p, "kdtls_install", text)) TH_LOG("%s", text);
	snprintf(text, sizeof(text), " rx cipher=%u epoch=1 seq=%llu window=64",
		 variant->cipher, (unsigned long long)self->p.in.seq);
	EXPECT_EQ(1, lines(&self->p, "kdtls_install", text)) TH_LOG("%s", text);
	EXPECT_EQ(-EKEYREJECTED,
		  kdtls_install(self->p.fd, DTLS_TX, &self->p.out));
	EXPECT_EQ(2, lines(&self->p, "kdtls_install", ""));
}

TEST_F(trace, drop)
{
	struct pair *p = &self->p;
	uint8_t wire[200];
	struct oracle forger;
	char text[128], c;

	NEEDS_TRACE();
	oracle_init(&forger, variant->cipher, 1, 4711);
	feed_raw(p, wire, oracle_seal(&forger, 23, "x", 1, wire));
	feed_raw(p, "junk", 4);
	feed_id(p, 50, 1);
	EXPECT_STREQ("1", recv_ids(p->fd, 1));
	snprintf(text, sizeof(text), "reason=RxDropAuth type=23 epoch=1 seq=4711 len=%zu",
		 1 + oracle_overhead(&p->in) - ORACLE_HEADER);
	EXPECT_EQ(1, lines(p, "kdtls_drop", text)) TH_LOG("%s", text);
	EXPECT_EQ(1, lines(p, "kdtls_drop", "reason=RxDropFormat"));
	EXPECT_EQ(2, lines(p, "kdtls_drop", ""));
	EXPECT_EQ(0, lines(p, "kdtls_replay", ""));
	p->in.seq--;
	feed_id(p, 50, 2);
	EXPECT_EQ(-EAGAIN, recv_now(p->fd, &c, 1));
	EXPECT_EQ(1, lines(p, "kdtls_replay", "reason=RxDropReplay"));
	EXPECT_EQ(2, lines(p, "kdtls_drop", ""));
	oracle_free(&forger);
}

TEST_F(trace, limit)
{
	struct dtls_limits l = { .seal_soft = 1, .seal_hard = 2 };
	struct pair *p = &self->p;

	NEEDS_TRACE();
	ASSERT_EQ(0, setsockopt(p->fd, SOL_DTLS, DTLS_LIMITS, &l, sizeof(l)));
	oracle_free(&p->out);
	oracle_init(&p->out, variant->cipher, 9, 0);
	ASSERT_EQ(0, kdtls_install(p->fd, DTLS_TX, &p->out));
	EXPECT_EQ(1, send(p->fd, "x", 1, 0));
	EXPECT_EQ(-EKEYEXPIRED, RC(send(p->fd, "x", 1, 0)));
	EXPECT_EQ(1, lines(p, "kdtls_limit", "event=tx-rekey epoch=9"));
	EXPECT_EQ(1, lines(p, "kdtls_limit", "event=tx-expired epoch=9"));
	EXPECT_EQ(2, lines(p, "kdtls_limit", ""));
}

TEST_F(trace, close)
{
	struct pair *p = &self->p;
	uint16_t lport = local_port(p->fd), rport = local_port(p->peer);

	NEEDS_TRACE();
	EXPECT_TRUE(echoes(p));
	EXPECT_EQ(0, lines_of(lport, rport, "kdtls_close", ""));
	close(p->fd);
	p->fd = -1;
	EXPECT_EQ(1, lines_of(lport, rport, "kdtls_close",
			      "state=0x0 tx_records=1 rx_records=1"));
}

/* Sessions of endpoints are told by their numbers, and by the peer's port. */
TEST(session_of_an_endpoint)
{
	struct oracle forger;
	uint8_t wire[200];
	struct group g;
	struct peer p;
	char who[64];
	uint16_t port;

	if (!trace_on())
		SKIP(return, "no tracefs");
	netns_enter();
	group_open_single(&g, IPV4, GCM128);
	peer_open(&p, &g);
	port = local_port(p.p.peer);
	ASSERT_EQ(0, session_new(&g, &p, 0));
	snprintf(who, sizeof(who), "endpoint=%u session=%u ", g.endpoint, p.id);
	EXPECT_EQ(2, lines_of(g.port, port, "kdtls_install", who));
	oracle_init(&forger, GCM128, 1, 4711);
	feed_raw(&p.p, wire, oracle_seal(&forger, 23, "x", 1, wire));
	EXPECT_TRUE(peer_echoes(g.fd[0], &p));
	EXPECT_EQ(1, lines_of(g.port, port, "kdtls_drop", who));
	/* The same key as before is none to be told of. */
	EXPECT_NE(0, session_new(&g, &p, 0));
	EXPECT_EQ(2, lines_of(g.port, port, "kdtls_install", ""));
	EXPECT_EQ(0, session_del(&g, &p));
	EXPECT_EQ(1, lines_of(g.port, port, "kdtls_close", who));
	trace_off();
	oracle_free(&forger);
	peer_close(&p);
	group_close(&g);
}

TEST_HARNESS_MAIN
