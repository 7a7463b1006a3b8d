// SPDX-License-Identifier: GPL-2.0
/* Resumption: by ticket and by id, keys and their change, and what must not be. */
#include <errno.h>
#include <limits.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <openssl/rand.h>
#include <openssl/ssl.h>

#include "endpoint.h"
#include "peer.h"
#include "wiped.h"
#include "world.h"

#define KEY KDTLS_TICKET_KEY_LEN

/* ---- what a client keeps ---- */

static u8 kept[KDTLS_RESUMPTION_MAX];
static size_t kept_len;
static int keeps;

static void on_resumption(struct kdtls_session *s, const void *blob, size_t len,
			  void *arg)
{
	NEED(len <= sizeof(kept));
	memcpy(kept, blob, len);
	kept_len = len;
	keeps++;
}

static void on_open(struct kdtls_session *s, void *arg)
{
	((struct world *)arg)->opened++;
}

static void on_message(struct kdtls_session *s, const void *buf, size_t len,
		       void *arg)
{
	struct world *w = arg;

	w->messages++;
	memcpy(w->last, buf, len);
	w->last_len = len;
}

static struct kdtls_config *keeping_client(struct world *w,
					   enum kdtls_offload offload)
{
	const struct kdtls_callbacks cb = {
		.size = sizeof(cb),
		.handshake = on_open,
		.message = on_message,
		.resumption = on_resumption,
	};
	struct kdtls_config *config = client_config(w, offload);

	kdtls_config_set_callbacks(config, &cb, w);
	return config;
}

static bool open_world(struct world *w, struct kdtls_config *server)
{
	kept_len = 0;
	keeps = 0;
	return world_open(w, server, keeping_client(w, KDTLS_OFFLOAD_AUTO),
			  "127.0.0.1");
}

/* Connect, with what was kept if @resume. Was it resumed? -1: no session. */
static int connects(struct world *w, bool resume)
{
	int opened = w->opened, served = w->server_opened, err;
	struct kdtls_session_info i, peer;

	err = resume ? kdtls_endpoint_resume(w->client, "127.0.0.1", w->port,
					     kept, kept_len, &w->s) :
		       kdtls_endpoint_connect(w->client, "127.0.0.1", w->port,
					      &w->s);
	if (err) {
		printf("# %s\n", kdtls_last_error());
		return -1;
	}
	UNTIL(w, w->opened > opened && w->server_opened > served);
	if (w->opened == opened || !w->peer)
		return -1;
	kdtls_session_info(w->s, &i, sizeof(i));
	kdtls_session_info(w->peer, &peer, sizeof(peer));
	CHECK_EQ(i.resumed, peer.resumed);
	echo(w, 100);
	return (int)i.resumed;
}

/* ---- by ticket, by id, not at all ---- */

static void carried_by(enum kdtls_offload server, enum kdtls_offload client)
{
	struct kdtls_endpoint_info i;
	struct world w = { .sessions = 0 };
	u8 first[KDTLS_RESUMPTION_MAX];
	size_t first_len;

	use_kernel(true);
	NEED(world_open(&w, server_config(&w, server),
			keeping_client(&w, client), "127.0.0.1"));
	keeps = 0;
	CHECK_EQ(connects(&w, false), 0);
	CHECK_EQ(keeps, 1);
	NEED(kept_len);
	memcpy(first, kept, kept_len);
	first_len = kept_len;
	CHECK_EQ(connects(&w, true), 1);
	/* What came in the resumed one serves, and so does what was before. */
	CHECK_EQ(keeps, 2);
	CHECK_EQ(connects(&w, true), 1);
	memcpy(kept, first, first_len);
	kept_len = first_len;
	CHECK_EQ(connects(&w, true), 1);
	kdtls_endpoint_info(w.server, &i, sizeof(i));
	CHECK_EQ(i.resumed, 3);
	CHECK_EQ(i.server_sessions, 4);
	world_end(&w);
	use_kernel(false);
}

static void by_ticket(void)
{
	carried_by(KDTLS_OFFLOAD_REQUIRE, KDTLS_OFFLOAD_REQUIRE);
	carried_by(KDTLS_OFFLOAD_REQUIRE, KDTLS_OFFLOAD_OFF);
	carried_by(KDTLS_OFFLOAD_OFF, KDTLS_OFFLOAD_REQUIRE);
	carried_by(KDTLS_OFFLOAD_OFF, KDTLS_OFFLOAD_OFF);
}

static void by_id(void)
{
	struct world w = { .sessions = 0 };
	struct kdtls_config *server;

	use_kernel(true);
	server = server_config(&w, KDTLS_OFFLOAD_AUTO);
	CHECK_EQ(kdtls_config_set_tickets(server, 0), 0);
	NEED(open_world(&w, server));
	CHECK_EQ(connects(&w, false), 0);
	CHECK_EQ(connects(&w, true), 1);
	world_end(&w);

	/* Of two sessions a cache of one keeps the later. */
	memset(&w, 0, sizeof(w));
	server = server_config(&w, KDTLS_OFFLOAD_AUTO);
	kdtls_config_set_tickets(server, 0);
	CHECK_EQ(kdtls_config_set_session_cache(server, 1), 0);
	NEED(open_world(&w, server));
	CHECK_EQ(connects(&w, false), 0);
	{
		u8 first[KDTLS_RESUMPTION_MAX];
		size_t len = kept_len;

		memcpy(first, kept, len);
		CHECK_EQ(connects(&w, false), 0);
		CHECK_EQ(connects(&w, true), 1);
		memcpy(kept, first, len);
		kept_len = len;
		CHECK_EQ(connects(&w, true), 0);
	}
	world_end(&w);

	/* Neither: the client is given nothing. */
	memset(&w, 0, sizeof(w));
	server = server_config(&w, KDTLS_OFFLOAD_AUTO);
	kdtls_config_set_tickets(server, 0);
	CHECK_EQ(kdtls_config_set_session_cache(server, 0), 0);
	NEED(open_world(&w, server));
	CHECK_EQ(connects(&w, false), 0);
	CHECK_EQ(keeps, 0);
	world_end(&w);
	use_kernel(false);
}

/* A client that wants no tickets is served by id. */
static void client_without_tickets(void)
{
	struct kdtls_config *client;
	struct world w = { .sessions = 0 };

	use_kernel(true);
	client = keeping_client(&w, KDTLS_OFFLOAD_AUTO);
	kdtls_config_set_tickets(client, 0);
	NEED(world_open(&w, server_config(&w, KDTLS_OFFLOAD_AUTO), client,
			"127.0.0.1"));
	CHECK_EQ(connects(&w, false), 0);
	CHECK_EQ(connects(&w, true), 1);
	world_end(&w);
	use_kernel(false);
}

/* The flights of an abbreviated handshake get lost, too. */
static void lossy(void)
{
	struct proxy x = { .lose_finished = 2 };
	struct world w = { .sessions = 0 };
	char port[8];

	use_kernel(true);
	NEED(open_world(&w, server_config(&w, KDTLS_OFFLOAD_REQUIRE)));
	CHECK_EQ(connects(&w, false), 0);
	NEED(!proxy_open(&x, w.port));
	w.proxy = &x;
	memcpy(port, w.port, sizeof(port));
	memcpy(w.port, x.port, sizeof(w.port));
	CHECK_EQ(connects(&w, true), 1);
	CHECK_EQ(x.lost, 2);
	world_end(&w);
	proxy_close(&x);
	use_kernel(false);
}

/* ---- a ClientHello in one datagram ---- */

/* A ticket that does not fit is not offered: nobody would take the fragments. */
static void too_large_to_offer(void)
{
	struct world w = { .sessions = 0 };
	struct kdtls_config *client;

	client = keeping_client(&w, KDTLS_OFFLOAD_OFF);
	kdtls_config_set_mtu(client, 400);
	kdtls_config_set_handshake_timeout(client, 5000);
	NEED(world_open(&w, server_config(&w, KDTLS_OFFLOAD_OFF), client,
			"127.0.0.1"));
	CHECK_EQ(connects(&w, false), 0);
	CHECK_EQ(connects(&w, true), 0);
	world_end(&w);
}

/* With the client's certificate in the session: how many were kept? */
static int with_certificate(bool rsa, bool tickets)
{
	struct kdtls_config *server, *client;
	struct world w = { .sessions = 0 };
	int resumed;

	server = server_config(&w, KDTLS_OFFLOAD_OFF);
	client = keeping_client(&w, KDTLS_OFFLOAD_OFF);
	kdtls_config_set_verify(server, KDTLS_VERIFY_REQUIRED);
	kdtls_config_set_tickets(server, tickets);
	if (rsa) {
		pki_config_rsa(client);
		pki_trust_rsa(server);
	} else {
		pki_config(client);
		pki_trust(server);
	}
	kept_len = 0;
	keeps = 0;
	if (!world_open(&w, server, client, "127.0.0.1"))
		return -1;
	CHECK_EQ(connects(&w, false), 0);
	resumed = kept_len ? connects(&w, true) : 0;
	world_end(&w);
	return resumed;
}

static void too_large_to_give(void)
{
	CHECK_EQ(with_certificate(false, true), 1);
	CHECK_EQ(with_certificate(true, true), 0);
	CHECK_EQ(keeps, 0);
	/* By id it does not matter. */
	CHECK_EQ(with_certificate(true, false), 1);
}

/* One that got lost some times is not cut up. */
static void lost_hellos(void)
{
	char protocol[251];
	const char *const protocols[] = { protocol, protocol, NULL };
	struct proxy x = { .lose_hellos = 3 };
	struct world w = { .sessions = 0 };
	struct kdtls_config *client;

	memset(protocol, 'p', sizeof(protocol) - 1);
	protocol[sizeof(protocol) - 1] = 0;
	client = keeping_client(&w, KDTLS_OFFLOAD_OFF);
	kdtls_config_set_alpn(client, protocols);
	NEED(world_open(&w, server_config(&w, KDTLS_OFFLOAD_OFF), client,
			"127.0.0.1"));
	NEED(!proxy_open(&x, w.port));
	w.proxy = &x;
	memcpy(w.port, x.port, sizeof(w.port));
	CHECK_EQ(connects(&w, false), 0);
	CHECK_EQ(x.lost, 3);
	world_end(&w);
	proxy_close(&x);
}

/* ---- time ---- */

static void lifetime(void)
{
	struct world w = { .sessions = 0 };
	struct kdtls_config *server;
	int tickets;

	for (tickets = 0; tickets < 2; tickets++) {
		memset(&w, 0, sizeof(w));
		server = server_config(&w, KDTLS_OFFLOAD_OFF);
		kdtls_config_set_tickets(server, tickets);
		CHECK_EQ(kdtls_config_set_session_lifetime(server, 1), 0);
		NEED(open_world(&w, server));
		CHECK_EQ(connects(&w, false), 0);
		usleep(2100000);
		CHECK_EQ(connects(&w, true), 0);
		world_end(&w);
	}
}

/* What is over is wiped, though nobody comes any more. */
static void tidied(void)
{
	struct kdtls_config *server;
	struct world w;
	int tickets;

	for (tickets = 0; tickets < 2; tickets++) {
		memset(&w, 0, sizeof(w));
		server = server_config(&w, KDTLS_OFFLOAD_OFF);
		kdtls_config_set_tickets(server, tickets);
		kdtls_config_set_session_lifetime(server, 1);
		NEED(open_world(&w, server));
		CHECK_EQ(connects(&w, false), 0);
		CHECK_EQ(w.server->tickets.n, tickets);
		CHECK_EQ(SSL_CTX_sess_number(w.server->ctx_server), !tickets);
		if (tickets)
			wiped_watch(w.server->tickets.keys[0].mac, 64);
		UNTIL(&w, !w.server->tickets.n &&
			  !SSL_CTX_sess_number(w.server->ctx_server));
		CHECK_EQ(w.server->tickets.keys[0].cipher[0], 0);
		UNTIL(&w, !w.server->tidy_at);
		world_end(&w);
		if (tickets)
			CHECK_EQ(wiped_found(), 0);
	}
}

/* One that we know to be too old is not offered. */
static void too_old(void)
{
	struct world w = { .sessions = 0 };
	struct kdtls_config *client;

	client = keeping_client(&w, KDTLS_OFFLOAD_OFF);
	kdtls_config_set_tickets(client, 0);
	kdtls_config_set_session_lifetime(client, 1);
	NEED(world_open(&w, server_config(&w, KDTLS_OFFLOAD_OFF), client,
			"127.0.0.1"));
	CHECK_EQ(connects(&w, false), 0);
	usleep(2100000);
	CHECK_EQ(connects(&w, true), 0);
	world_end(&w);
}

/* What was kept, opened at another time. */
static void opened_at(long at)
{
	const u8 *p = kept;
	SSL_SESSION *session = d2i_SSL_SESSION(NULL, &p, (long)kept_len);
	u8 *to = kept;

	NEED(session);
	SSL_SESSION_set_time(session, at);
	kept_len = 0;
	NEED(i2d_SSL_SESSION(session, NULL) <= (int)sizeof(kept));
	kept_len = (size_t)i2d_SSL_SESSION(session, &to);
	SSL_SESSION_free(session);
}

/* Bytes that the program keeps can say anything; no time is one to compute with. */
static void absurd_times(void)
{
	const long at[] = { time(NULL) + 1000, -1000, LONG_MIN, LONG_MAX };
	struct world w = { .sessions = 0 };
	size_t i;

	NEED(open_world(&w, server_config(&w, KDTLS_OFFLOAD_OFF)));
	for (i = 0; i < sizeof(at) / sizeof(at[0]); i++) {
		CHECK_EQ(connects(&w, false), 0);
		opened_at(at[i]);
		CHECK_EQ(connects(&w, true), 0);
	}
	world_end(&w);
}

static void rotation(void)
{
	struct kdtls_ticket_ring ring = { .n = 0 };
	u8 first[16], second[16];

	CHECK_EQ(kdtls_ticket_rotate(&ring, 5000, 1000), 0);
	CHECK_EQ(ring.n, 1);
	memcpy(first, ring.keys[0].name, 16);
	CHECK_EQ(kdtls_ticket_rotate(&ring, 5999, 1000), 0);
	CHECK_EQ(kdtls_ticket_find(&ring, first), 0);

	/* A lifetime on: another makes tickets, the old one opens. */
	CHECK_EQ(kdtls_ticket_rotate(&ring, 6000, 1000), 0);
	CHECK_EQ(ring.n, 2);
	CHECK_EQ(kdtls_ticket_find(&ring, first), 1);
	memcpy(second, ring.keys[0].name, 16);
	CHECK(memcmp(first, second, 16));
	CHECK_EQ(kdtls_ticket_rotate(&ring, 6999, 1000), 0);
	CHECK_EQ(kdtls_ticket_find(&ring, first), 1);

	/* Two on: gone. */
	CHECK_EQ(kdtls_ticket_rotate(&ring, 7000, 1000), 0);
	CHECK_EQ(kdtls_ticket_find(&ring, first), -1);
	CHECK_EQ(kdtls_ticket_find(&ring, second), 1);

	/* In time also if nobody asks. */
	kdtls_ticket_expire(&ring, 7999, 1000);
	CHECK_EQ(ring.n, 2);
	kdtls_ticket_expire(&ring, 8000, 1000);
	CHECK_EQ(ring.n, 1);
	CHECK_EQ(kdtls_ticket_find(&ring, second), -1);
	kdtls_ticket_expire(&ring, 9000, 1000);
	CHECK_EQ(ring.n, 0);
	CHECK_EQ(kdtls_ticket_rotate(&ring, 9000, 1000), 0);
	memcpy(second, ring.keys[0].name, 16);

	/* After a long silence all are. */
	CHECK_EQ(kdtls_ticket_rotate(&ring, 99000, 1000), 0);
	CHECK_EQ(ring.n, 1);
	CHECK_EQ(kdtls_ticket_find(&ring, second), -1);
}

/* ---- keys that are shared ---- */

static u8 keys[KDTLS_TICKET_KEYS_MAX + 1][KEY];

/* Two servers, a client that goes to either. */
static void shared(void)
{
	struct world a = { .sessions = 0 }, b = { .sessions = 0 };

	use_kernel(true);
	NEED(world_open(&b, server_config(&b, KDTLS_OFFLOAD_AUTO),
			keeping_client(&b, KDTLS_OFFLOAD_AUTO), "127.0.0.1"));
	NEED(open_world(&a, server_config(&a, KDTLS_OFFLOAD_AUTO)));
	/* Each has its own keys: unknown to the other. */
	CHECK_EQ(connects(&a, false), 0);
	CHECK_EQ(connects(&b, true), 0);

	RAND_bytes(keys[0], sizeof(keys));
	CHECK_EQ(kdtls_endpoint_set_ticket_keys(a.server, keys, KEY), 0);
	CHECK_EQ(kdtls_endpoint_set_ticket_keys(b.server, keys, KEY), 0);
	CHECK_EQ(connects(&a, false), 0);
	CHECK_EQ(connects(&b, true), 1);
	CHECK_EQ(connects(&a, true), 1);
	world_end(&a);
	world_end(&b);
	use_kernel(false);
}

static void changed(void)
{
	struct world w = { .sessions = 0 };
	u8 old[KDTLS_RESUMPTION_MAX], two[2][KEY];
	size_t old_len;

	RAND_bytes(keys[0], sizeof(keys));
	memcpy(two[0], keys[1], KEY);
	memcpy(two[1], keys[0], KEY);
	use_kernel(true);
	NEED(open_world(&w, server_config(&w, KDTLS_OFFLOAD_AUTO)));
	CHECK_EQ(kdtls_endpoint_set_ticket_keys(w.server, keys[0], KEY), 0);
	CHECK_EQ(connects(&w, false), 0);
	old_len = kept_len;
	memcpy(old, kept, kept_len);

	/* The second key opens it, and the first makes another. */
	CHECK_EQ(kdtls_endpoint_set_ticket_keys(w.server, two, sizeof(two)), 0);
	CHECK_EQ(connects(&w, true), 1);
	CHECK_EQ(kdtls_endpoint_set_ticket_keys(w.server, keys[1], KEY), 0);
	CHECK_EQ(connects(&w, true), 1);
	memcpy(kept, old, old_len);
	kept_len = old_len;
	CHECK_EQ(connects(&w, true), 0);
	world_end(&w);
	use_kernel(false);
}

static void bad_keys(void)
{
	struct kdtls_endpoint *ep = NULL;
	struct world w = { .sessions = 0 };
	u8 two[2][KEY];

	RAND_bytes(keys[0], sizeof(keys));
	NEED(open_world(&w, server_config(&w, KDTLS_OFFLOAD_OFF)));
	ep = w.server;
	CHECK_EQ(kdtls_endpoint_set_ticket_keys(ep, NULL, KEY), -EINVAL);
	CHECK_EQ(kdtls_endpoint_set_ticket_keys(ep, keys, 0), -EINVAL);
	CHECK_EQ(kdtls_endpoint_set_ticket_keys(ep, keys, KEY - 1), -EINVAL);
	CHECK_EQ(kdtls_endpoint_set_ticket_keys(ep, keys, KEY + 1), -EINVAL);
	CHECK(strstr(kdtls_last_error(), "80"));
	CHECK_EQ(kdtls_endpoint_set_ticket_keys(ep, keys, sizeof(keys)), -EINVAL);
	CHECK_EQ(kdtls_endpoint_set_ticket_keys(ep, keys, sizeof(keys) - KEY), 0);
	memcpy(two[0], keys[0], KEY);
	memcpy(two[1], keys[1], KEY);
	memcpy(two[1], two[0], 16);
	CHECK_EQ(kdtls_endpoint_set_ticket_keys(ep, two, sizeof(two)), -EINVAL);
	CHECK(strstr(kdtls_last_error(), "name"));
	memcpy(two[1], keys[1], KEY);
	memset(two[1] + 48, 0, 32);
	CHECK_EQ(kdtls_endpoint_set_ticket_keys(ep, two, sizeof(two)), -EINVAL);
	CHECK(strstr(kdtls_last_error(), "zero"));
	memcpy(two[1], keys[1], KEY);
	memset(two[1] + 16, 0, 32);
	CHECK_EQ(kdtls_endpoint_set_ticket_keys(ep, two, sizeof(two)), -EINVAL);
	CHECK_EQ(kdtls_endpoint_set_ticket_keys(w.client, keys, KEY),
		 -EOPNOTSUPP);
	world_end(&w);
}

static void wiped(void)
{
	struct world w = { .sessions = 0 };

	RAND_bytes(keys[0], sizeof(keys));
	NEED(open_world(&w, server_config(&w, KDTLS_OFFLOAD_OFF)));
	CHECK_EQ(kdtls_endpoint_set_ticket_keys(w.server, keys, KEY), 0);
	CHECK_EQ(connects(&w, false), 0);
	CHECK_EQ(connects(&w, true), 1);
	wiped_watch(keys[0] + 16, 64);
	world_end(&w);
	CHECK_EQ(wiped_found(), 0);
}

/* ---- what must not be resumed ---- */

static int offers(struct world *w, const void *blob, size_t len)
{
	struct kdtls_session *s = NULL;
	int err = kdtls_endpoint_resume(w->client, "127.0.0.1", w->port, blob,
					len, &s);

	kdtls_destroy(s);
	return err;
}

static void bad_blobs(void)
{
	struct world w = { .sessions = 0 };
	struct kdtls_endpoint_info i;
	u8 changed[KDTLS_RESUMPTION_MAX];
	size_t at;
	int n;

	NEED(open_world(&w, server_config(&w, KDTLS_OFFLOAD_OFF)));
	CHECK_EQ(connects(&w, false), 0);
	NEED(kept_len);
	CHECK_EQ(offers(&w, NULL, 0), -EINVAL);
	CHECK_EQ(offers(&w, "", 0), -EINVAL);
	CHECK_EQ(offers(&w, "nonsense", 8), -EINVAL);
	CHECK_EQ(offers(&w, kept, kept_len + 1), -EINVAL);
	CHECK_EQ(offers(&w, changed, SIZE_MAX), -EINVAL);
	for (at = 0; at < kept_len; at++)
		CHECK_EQ(offers(&w, kept, at), -EINVAL);
	srand(3);
	for (n = 0; n < 300; n++) {
		memcpy(changed, kept, kept_len);
		changed[(size_t)rand() % kept_len] ^= (u8)(1 << rand() % 8);
		offers(&w, changed, kept_len);
	}
	kdtls_endpoint_info(w.client, &i, sizeof(i));
	CHECK_EQ(i.session_count, 1);
	CHECK_EQ(offers(&w, kept, kept_len), 0);
	world_end(&w);
}

/*
 * A session that was opened without a look at the certificate is nothing for
 * those who look, nor is one with another name.
 */
static void other_clients(void)
{
	struct world w = { .sessions = 0 }, strict = { .sessions = 0 },
		     named = { .sessions = 0 }, same = { .sessions = 0 };
	struct kdtls_config *config;

	/* The same trust, so that the demand is what differs. */
	config = keeping_client(&w, KDTLS_OFFLOAD_OFF);
	pki_trust(config);
	NEED(world_open(&w, server_config(&w, KDTLS_OFFLOAD_OFF), config,
			"127.0.0.1"));
	CHECK_EQ(connects(&w, false), 0);

	config = keeping_client(&strict, KDTLS_OFFLOAD_OFF);
	kdtls_config_set_verify(config, KDTLS_VERIFY_REQUIRED);
	pki_trust(config);
	NEED(!kdtls_endpoint_new(config, &strict.client));
	kdtls_config_free(config);
	memcpy(strict.port, w.port, sizeof(w.port));
	CHECK_EQ(offers(&strict, kept, kept_len), -EPERM);
	CHECK(strstr(kdtls_last_error(), "configuration"));

	config = keeping_client(&named, KDTLS_OFFLOAD_OFF);
	pki_trust(config);
	kdtls_config_set_server_name(config, "other.test");
	NEED(!kdtls_endpoint_new(config, &named.client));
	kdtls_config_free(config);
	memcpy(named.port, w.port, sizeof(w.port));
	CHECK_EQ(offers(&named, kept, kept_len), -EPERM);

	config = keeping_client(&same, KDTLS_OFFLOAD_AUTO);
	pki_trust(config);
	NEED(!kdtls_endpoint_new(config, &same.client));
	kdtls_config_free(config);
	memcpy(same.port, w.port, sizeof(w.port));
	CHECK_EQ(offers(&same, kept, kept_len), 0);

	kdtls_endpoint_destroy(strict.client);
	kdtls_endpoint_destroy(named.client);
	kdtls_endpoint_destroy(same.client);
	world_end(&w);
}

/* A session of a's server goes on at b's no more, though the keys are the same. */
static void not_shared(struct world *a, struct world *b)
{
	RAND_bytes(keys[0], sizeof(keys));
	CHECK_EQ(kdtls_endpoint_set_ticket_keys(a->server, keys, KEY), 0);
	CHECK_EQ(kdtls_endpoint_set_ticket_keys(b->server, keys, KEY), 0);
	CHECK_EQ(connects(a, false), 0);
	CHECK_EQ(connects(b, true), 0);
	/* The same keys, and the same configuration again. */
	CHECK_EQ(connects(b, true), 1);
	world_end(a);
	world_end(b);
}

/* A server that demands certificates does not take who came without one. */
static void other_servers(void)
{
	struct world a = { .sessions = 0 }, b = { .sessions = 0 };
	struct kdtls_config *strict;

	strict = server_config(&b, KDTLS_OFFLOAD_OFF);
	kdtls_config_set_verify(strict, KDTLS_VERIFY_OPTIONAL);
	pki_trust(strict);
	NEED(world_open(&b, strict, keeping_client(&b, KDTLS_OFFLOAD_OFF),
			"127.0.0.1"));
	NEED(open_world(&a, server_config(&a, KDTLS_OFFLOAD_OFF)));
	not_shared(&a, &b);
}

#define ONE_SUITE	"ECDHE-ECDSA-AES128-GCM-SHA256"
#define OTHER_SUITE	"ECDHE-ECDSA-AES256-GCM-SHA384"

/* A suite that the client does not want any more is not offered in a session. */
static void other_suites_of_client(void)
{
	struct world a = { .sessions = 0 }, b = { .sessions = 0 };
	struct kdtls_config *client;

	client = keeping_client(&b, KDTLS_OFFLOAD_OFF);
	kdtls_config_set_ciphers(client, OTHER_SUITE);
	kdtls_config_set_handshake_timeout(client, 5000);
	NEED(world_open(&b, server_config(&b, KDTLS_OFFLOAD_OFF), client,
			"127.0.0.1"));
	NEED(open_world(&a, server_config(&a, KDTLS_OFFLOAD_OFF)));
	not_shared(&a, &b);
}

/* Nor does a server go on with one that it does not allow. */
static void other_suites_of_server(void)
{
	struct world a = { .sessions = 0 }, b = { .sessions = 0 };
	struct kdtls_config *server;

	server = server_config(&b, KDTLS_OFFLOAD_OFF);
	kdtls_config_set_ciphers(server, OTHER_SUITE);
	NEED(world_open(&b, server, keeping_client(&b, KDTLS_OFFLOAD_OFF),
			"127.0.0.1"));
	server = server_config(&a, KDTLS_OFFLOAD_OFF);
	kdtls_config_set_ciphers(server, ONE_SUITE);
	NEED(open_world(&a, server));
	not_shared(&a, &b);
}

/* ---- what only the program knows ---- */

static ssize_t find(struct kdtls_session *s, const char *identity, void *out,
		    size_t size, void *arg)
{
	memcpy(out, arg, 16);
	return 16;
}

static struct kdtls_config *tenant(struct world *w, char *psk)
{
	struct kdtls_config *config = server_config(w, KDTLS_OFFLOAD_OFF);

	kdtls_config_set_psk_find(config, find, psk);
	CHECK_EQ(kdtls_config_set_session_context(config, psk, 16), 0);
	return config;
}

static struct kdtls_config *tenants_client(struct world *w, const char *context)
{
	struct kdtls_config *config = keeping_client(w, KDTLS_OFFLOAD_OFF);

	kdtls_config_set_psk_identity(config, "alice", "the first's key.", 16);
	CHECK_EQ(kdtls_config_set_session_context(config, context,
						  strlen(context)), 0);
	return config;
}

/* With another tenant's client nobody goes on, though all share ticket keys. */
static void tenants(void)
{
	char first[] = "the first's key.", second[] = "the second's one";
	struct world a = { .sessions = 0 }, b = { .sessions = 0 },
		     same = { .sessions = 0 };
	struct kdtls_config *config;

	RAND_bytes(keys[0], sizeof(keys));
	config = tenants_client(&b, "c");
	kdtls_config_set_handshake_timeout(config, 1500);
	NEED(world_open(&b, tenant(&b, second), config, "127.0.0.1"));
	NEED(world_open(&a, tenant(&a, first), tenants_client(&a, "c"),
			"127.0.0.1"));
	NEED(world_open(&same, tenant(&same, first),
			tenants_client(&same, "other"), "127.0.0.1"));
	CHECK_EQ(kdtls_endpoint_set_ticket_keys(a.server, keys, KEY), 0);
	CHECK_EQ(kdtls_endpoint_set_ticket_keys(b.server, keys, KEY), 0);
	CHECK_EQ(connects(&a, false), 0);
	CHECK_EQ(connects(&a, true), 1);
	/* The second has another key for it. */
	NEED(!kdtls_endpoint_resume(b.client, "127.0.0.1", b.port, kept,
				    kept_len, &b.s));
	UNTIL(&b, b.opened || b.errors);
	CHECK_EQ(b.opened, 0);
	/* Of the client, too. */
	CHECK_EQ(offers(&same, kept, kept_len), -EPERM);
	world_end(&a);
	world_end(&b);
	world_end(&same);
}

static void contexts(void)
{
	struct kdtls_config *config = kdtls_config_new();
	struct kdtls_endpoint *ep = NULL;

	RAND_bytes(keys[0], sizeof(keys));
	CHECK_EQ(kdtls_config_set_session_context(config, NULL, 1), -EINVAL);
	CHECK_EQ(kdtls_config_set_session_context(config, "one", 3), 0);
	CHECK_EQ(kdtls_config_set_session_context(config, NULL, 0), 0);
	CHECK_EQ(kdtls_config_set_session_context(config, keys, 64), 0);
	wiped_watch(keys, 64);
	NEED(!kdtls_endpoint_new(config, &ep));
	CHECK_EQ(kdtls_config_set_session_context(config, "two", 3), -EBUSY);
	kdtls_endpoint_destroy(ep);
	kdtls_config_free(config);
	CHECK_EQ(wiped_found(), 0);
}

static void ranges(void)
{
	struct kdtls_config *config = kdtls_config_new();

	CHECK_EQ(kdtls_config_set_session_lifetime(config, 0), -EINVAL);
	CHECK_EQ(kdtls_config_set_session_lifetime(config, 604801), -EINVAL);
	CHECK_EQ(kdtls_config_set_session_lifetime(config, 604800), 0);
	CHECK_EQ(kdtls_config_set_session_cache(config, 1000001), -EINVAL);
	CHECK_EQ(kdtls_config_set_session_cache(config, 1000000), 0);
	CHECK_EQ(kdtls_config_set_session_cache(config, 0), 0);
	kdtls_config_free(config);
}

/* ---- other implementations ---- */

static bool serve_them(struct world *w, char *port, size_t size)
{
	struct kdtls_config *s = server_config(w, KDTLS_OFFLOAD_AUTO);
	struct kdtls_config *c = client_config(w, KDTLS_OFFLOAD_OFF);
	bool ok;

	peer_free_port(port, size);
	ok = !kdtls_listen(s, "127.0.0.1", port, &w->server) &&
	     !kdtls_endpoint_new(c, &w->client);
	kdtls_config_free(s);
	kdtls_config_free(c);
	return ok;
}

static void openssl_client(void)
{
	char port[8], at[32], file[] = "/tmp/kdtls-session-XXXXXX";
	struct world w = { .sessions = 0 };
	struct kdtls_session_info i;
	static struct peer p;
	int n, fd;

	if (!peer_have("openssl"))
		return;
	fd = mkstemp(file);
	close(fd);
	use_kernel(true);
	NEED(serve_them(&w, port, sizeof(port)));
	snprintf(at, sizeof(at), "127.0.0.1:%s", port);
	for (n = 0; n < 2; n++) {
		const char *const argv[] = {
			"openssl", "s_client", "-dtls1_2", "-connect", at,
			n ? "-sess_in" : "-sess_out", file, NULL,
		};

		NEED(peer_start(&p, argv));
		UNTIL(&w, w.server_opened == n + 1);
		NEED(w.peer);
		kdtls_session_info(w.peer, &i, sizeof(i));
		CHECK_EQ(i.resumed, n);
		CHECK(peer_says(&p, n ? "Reused" : "New"));
		peer_type(&p, "a line of theirs\n");
		UNTIL(&w, peer_said(&p, "a line of theirs"));
		/* It writes its file when it leaves. */
		peer_type(&p, "Q\n");
		UNTIL(&w, w.closed == n + 1);
		peer_end(&p);
	}
	unlink(file);
	world_end(&w);
	use_kernel(false);
}

static void gnutls_client(void)
{
	char port[8];
	const char *const argv[] = {
		"gnutls-cli", "--udp", "--port", port, "--insecure", "--resume",
		"--priority", "NORMAL:-VERS-ALL:+VERS-DTLS1.2", "127.0.0.1",
		NULL,
	};
	struct world w = { .sessions = 0 };
	struct kdtls_session_info i;
	static struct peer p;

	if (!peer_have("gnutls-cli"))
		return;
	use_kernel(true);
	NEED(serve_them(&w, port, sizeof(port)));
	NEED(peer_start(&p, argv));
	UNTIL(&w, w.server_opened == 2);
	NEED(w.peer);
	kdtls_session_info(w.peer, &i, sizeof(i));
	CHECK_EQ(i.resumed, 1);
	CHECK_EQ(i.offloaded, 1);
	CHECK(peer_says(&p, "This is a resumed session"));
	peer_type(&p, "a line of theirs\n");
	UNTIL(&w, peer_said(&p, "a line of theirs"));
	peer_end(&p);
	world_end(&w);
	use_kernel(false);
}

static void openssl_server(void)
{
	char port[8], at[32], cert[] = "/tmp/kdtls-cert-XXXXXX";
	const char *const argv[] = {
		"openssl", "s_server", "-dtls1_2", "-accept", at, "-cert", cert,
		"-key", cert, NULL,
	};
	struct world w = { .sessions = 0 };
	struct kdtls_session_info i;
	struct kdtls_config *client;
	static struct peer p;
	int n;

	if (!peer_have("openssl"))
		return;
	close(mkstemp(cert));
	NEED(pki_write(cert));
	use_kernel(true);
	client = keeping_client(&w, KDTLS_OFFLOAD_REQUIRE);
	NEED(!kdtls_endpoint_new(client, &w.client));
	kdtls_config_free(client);
	peer_free_port(port, sizeof(port));
	snprintf(at, sizeof(at), "127.0.0.1:%s", port);
	NEED(peer_start(&p, argv));
	NEED(peer_says(&p, "ACCEPT"));
	for (n = 0; n < 2; n++) {
		NEED(!(n ? kdtls_endpoint_resume(w.client, "127.0.0.1", port,
						 kept, kept_len, &w.s) :
			   kdtls_endpoint_connect(w.client, "127.0.0.1", port,
						  &w.s)));
		UNTIL(&w, w.opened == n + 1);
		NEED(w.s);
		kdtls_session_info(w.s, &i, sizeof(i));
		CHECK_EQ(i.resumed, n);
		CHECK_EQ(kdtls_send(w.s, n ? "second\n" : "first\n",
				    n ? 7 : 6), n ? 7 : 6);
		CHECK(peer_says(&p, n ? "second" : "first"));
		/* It serves one after the other. */
		CHECK_EQ(kdtls_close(w.s), 0);
		kdtls_dispatch(w.client, 10);
		usleep(200000);
	}
	kdtls_endpoint_destroy(w.client);
	peer_end(&p);
	unlink(cert);
	use_kernel(false);
}

static const struct tap_test tests[] = {
	{ "by ticket, whoever carries", by_ticket },
	{ "by id", by_id },
	{ "a client without tickets", client_without_tickets },
	{ "lost flights", lossy },
	{ "a ticket that is too large to offer", too_large_to_offer },
	{ "a ticket that is too large to give", too_large_to_give },
	{ "lost ClientHellos", lost_hellos },
	{ "a lifetime", lifetime },
	{ "what is over is wiped", tidied },
	{ "a client knows what is too old", too_old },
	{ "times that cannot be", absurd_times },
	{ "a server's own keys change", rotation },
	{ "keys that two servers share", shared },
	{ "keys that a program changes", changed },
	{ "keys that cannot be", bad_keys },
	{ "keys are wiped", wiped },
	{ "what is no session", bad_blobs },
	{ "another client's session", other_clients },
	{ "another server's session", other_servers },
	{ "a client's other suites", other_suites_of_client },
	{ "a server's other suites", other_suites_of_server },
	{ "another tenant's session", tenants },
	{ "contexts of sessions", contexts },
	{ "ranges", ranges },
	{ "OpenSSL's client", openssl_client },
	{ "OpenSSL's server", openssl_server },
	{ "GnuTLS's client", gnutls_client },
};

int main(void)
{
	world_begin();
	return tap_run(tests, sizeof(tests) / sizeof(tests[0]));
}
