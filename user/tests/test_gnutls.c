// SPDX-License-Identifier: GPL-2.0
/* The handover of GnuTLS's sessions, with OpenSSL on the other side. */
#include <netinet/in.h>
#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>

#include <gnutls/dtls.h>
#include <openssl/err.h>
#include <openssl/srtp.h>

#include <shared/record.h>

#include "duo.h"
#include "gnutls/keys.h"
#include "pair.h"
#include "session.h"
#include "tap.h"
#include "world.h"

#define BASE	"NONE:+VERS-DTLS1.2:+COMP-NULL:+SIGN-ALL:+GROUP-ALL:+CTYPE-X509:+MAC-ALL"
#define GCM	BASE ":+ECDHE-ECDSA:+AES-128-GCM:+AEAD"
#define GCM_SSL	"ECDHE-ECDSA-AES128-GCM-SHA256"

/* ---- helpers ---- */

static void begin(struct duo *d, bool server)
{
	use_kernel(true);
	duo_init(d, server, GCM, GCM_SSL);
	duo_connect(d);
}

/* Over a link that loses. */
static void begin_lossy(struct duo *d, bool server)
{
	duo_timer_ms = DUO_SOON_MS;
	begin(d, server);
}

static void end(struct duo *d)
{
	duo_timer_ms = DUO_LATE_MS;
	duo_free(d);
	use_kernel(false);
}

static struct kdtls_session *upgrade(struct duo *d)
{
	struct kdtls_session *s = NULL;
	int err = kdtls_gnutls_upgrade(d->us, d->fd[DUO_US], NULL, &s);

	CHECK_EQ(err, 0);
	if (err)
		printf("# %s\n", kdtls_last_error());
	return s;
}

static int refused(struct duo *d)
{
	struct kdtls_session *s = NULL;
	int err = kdtls_gnutls_upgrade(d->us, d->fd[DUO_US], NULL, &s);

	CHECK(!s);
	kdtls_destroy(s);
	return err;
}

/* The number of our last record. */
static u64 last_seq(const struct duo *d)
{
	struct kdtls_record rec;

	if (kdtls_record_parse(&rec, d->last[DUO_US],
			       (u32)d->last_len[DUO_US]))
		return 0;
	CHECK_EQ(rec.epoch, 1);
	return rec.seq;
}

static u64 last_nonce(const struct duo *d)
{
	return kdtls_get_be64(d->last[DUO_US] + KDTLS_HEADER_LEN);
}

/* Data goes both ways through the kernel. */
static void both_ways(struct duo *d, struct kdtls_session *s)
{
	CHECK_EQ(kdtls_send(s, "kernel", 6), 6);
	CHECK(duo_peer_reads(d, "kernel"));
	SSL_write(d->peer, "peer", 4);
	CHECK(duo_session_reads(d, s, "peer"));
}

/* ---- each suite ---- */

/* Numbers, nonces and window go on where GnuTLS was. */
static void seam(struct duo *d, bool explicit_nonce)
{
	struct kdtls_session_info info;
	struct kdtls_session *s;
	u64 seq, nonce;

	CHECK(duo_peer_to_us(d, "asks"));
	CHECK(duo_us_to_peer(d, "answer"));
	seq = last_seq(d);
	nonce = last_nonce(d);
	CHECK_EQ(seq, 1);
	if (explicit_nonce)
		CHECK_EQ(nonce, 1ULL << 48 | 1);
	s = upgrade(d);
	NEED(s);
	if (!have_kernel) {
		CHECK_EQ(fake_seen.tx_seq, 2);
		CHECK_EQ(fake_seen.tx_nonce, explicit_nonce ? nonce + 1 : 0);
		CHECK_EQ(fake_seen.rx_seq, 2);
		CHECK_EQ(fake_seen.rx_bits, 3);
	}
	both_ways(d, s);
	CHECK_EQ(last_seq(d), 2);
	if (explicit_nonce)
		CHECK_EQ(last_nonce(d), nonce + 1);
	kdtls_session_info(s, &info, sizeof(info));
	CHECK_EQ(info.server, d->server);
	CHECK_EQ(info.resumed, SSL_session_reused(d->peer));
	CHECK_EQ(info.offloaded, 1);
	CHECK(!strcmp(info.protocol, "DTLSv1.2"));
	CHECK(!strcmp(info.cipher, SSL_get_cipher_name(d->peer)));
	CHECK(!strcmp(info.cipher_standard,
		      SSL_CIPHER_standard_name(SSL_get_current_cipher(d->peer))));
	kdtls_destroy(s);
}

static SSL_SESSION *old_ssl;
static gnutls_datum_t old_us;

static void offer_old(struct duo *d)
{
	if (d->server)
		SSL_set_session(d->peer, old_ssl);
	else
		gnutls_session_set_data(d->us, old_us.data, old_us.size);
}

static void keep_old(struct duo *d)
{
	if (d->server)
		old_ssl = SSL_get1_session(d->peer);
	else
		CHECK_EQ(gnutls_session_get_data2(d->us, &old_us), 0);
}

static void forget_old(void)
{
	SSL_SESSION_free(old_ssl);
	gnutls_free(old_us.data);
	old_ssl = NULL;
	memset(&old_us, 0, sizeof(old_us));
}

static void suite(bool server, const char *priorities, const char *name,
		  bool explicit_nonce)
{
	struct duo d;

	duo_init(&d, server, priorities, name);
	duo_connect(&d);
	if (duo_handshake(&d, false)) {
		keep_old(&d);
		seam(&d, explicit_nonce);
		d.prepare = offer_old;
		duo_connect(&d);
		CHECK(duo_handshake(&d, false));
		CHECK(SSL_session_reused(d.peer));
		seam(&d, explicit_nonce);
		forget_old();
	} else {
		tap_failed = 1;
	}
	duo_free(&d);
	if (tap_failed)
		printf("# that was %s, GnuTLS the %s\n", name,
		       server ? "server" : "client");
}

static bool is_ours(gnutls_cipher_algorithm_t cipher)
{
	return cipher == GNUTLS_CIPHER_AES_128_GCM ||
	       cipher == GNUTLS_CIPHER_AES_256_GCM ||
	       cipher == GNUTLS_CIPHER_AES_128_CCM ||
	       cipher == GNUTLS_CIPHER_AES_256_CCM ||
	       cipher == GNUTLS_CIPHER_AES_128_CCM_8 ||
	       cipher == GNUTLS_CIPHER_CHACHA20_POLY1305;
}

/* OpenSSL's name of a suite, NULL if it does not have it. */
static const char *ssl_name(SSL *ssl, const unsigned char *id)
{
	const SSL_CIPHER *c = SSL_CIPHER_find(ssl, id);

	return c ? SSL_CIPHER_get_name(c) : NULL;
}

/* All that GnuTLS has, we have and OpenSSL has, but those without any identity. */
static unsigned int suites(bool server)
{
	SSL_CTX *ctx = SSL_CTX_new(DTLS_method());
	gnutls_cipher_algorithm_t cipher;
	gnutls_mac_algorithm_t mac;
	gnutls_kx_algorithm_t kx;
	gnutls_protocol_t min;
	SSL *ssl = SSL_new(ctx);
	unsigned char id[2];
	const char *name;
	unsigned int n = 0;
	char list[256];
	size_t i;

	for (i = 0; gnutls_cipher_suite_info(i, id, &kx, &cipher, &mac, &min);
	     i++) {
		if (min == GNUTLS_TLS1_3 || !is_ours(cipher) ||
		    kx == GNUTLS_KX_DHE_DSS || kx == GNUTLS_KX_ANON_DH)
			continue;
		name = ssl_name(ssl, id);
		if (!name)
			continue;
		snprintf(list, sizeof(list), BASE ":+%s:+%s:+AEAD",
			 gnutls_kx_get_name(kx), gnutls_cipher_get_name(cipher));
		suite(server, list, name,
		      cipher != GNUTLS_CIPHER_CHACHA20_POLY1305);
		n++;
	}
	SSL_free(ssl);
	SSL_CTX_free(ctx);
	return n;
}

static void suites_of_servers(void)
{
	use_kernel(true);
	CHECK(suites(true) >= 30);
	use_kernel(false);
}

static void suites_of_clients(void)
{
	use_kernel(true);
	CHECK(suites(false) >= 30);
	use_kernel(false);
}

/* ---- the last flight ---- */

static bool lose_finished(struct duo *d, int from, const u8 *buf, size_t len)
{
	if (from != DUO_US || !duo_has_finished(buf, len) || !d->budget)
		return true;
	d->budget--;
	return false;
}

/* A session whose last flight is ours: of a server, or of a client that resumes. */
static void flight_begin(struct duo *d, bool server)
{
	begin_lossy(d, server);
	if (server)
		return;
	NEED(duo_handshake(d, false));
	/* The ticket is there. */
	keep_old(d);
	d->prepare = offer_old;
	duo_connect(d);
}

/* GnuTLS answers, and each answer takes a number. */
static void lost_before(bool server, int times)
{
	struct kdtls_session *s;
	struct duo d;
	char buf[8];
	long until = ms() + 20000;

	flight_begin(&d, server);
	d.deliver = lose_finished;
	d.budget = times;
	CHECK(duo_handshake(&d, true));
	while (!SSL_is_init_finished(d.peer) && ms() < until) {
		gnutls_record_recv(d.us, buf, sizeof(buf));
		duo_turn(&d);
	}
	CHECK(SSL_is_init_finished(d.peer));
	CHECK_EQ(SSL_session_reused(d.peer), !server);
	CHECK_EQ(d.lost, times);
	s = upgrade(&d);
	if (s) {
		if (!have_kernel)
			CHECK(fake_seen.tx_seq >= 1 + (u64)times);
		both_ways(&d, s);
	}
	kdtls_destroy(s);
	forget_old();
	end(&d);
}

static void flight_lost_before(void)
{
	lost_before(true, 0);
	lost_before(true, 1);
	lost_before(true, 2);
	lost_before(false, 1);
	lost_before(false, 2);
}

/* GnuTLS is gone, and the kernel seals the answer. */
static void lost_after(bool server, int times)
{
	struct kdtls_session_info info;
	struct kdtls_session *s;
	long until = ms() + 20000;
	struct duo d;
	char buf[8];

	flight_begin(&d, server);
	d.deliver = lose_finished;
	d.budget = times;
	CHECK(duo_handshake(&d, true));
	duo_pump(&d);
	CHECK_EQ(d.lost, 1);
	s = upgrade(&d);
	gnutls_deinit(d.us);
	d.us = NULL;
	while (s && !SSL_is_init_finished(d.peer) && ms() < until) {
		CHECK_EQ(kdtls_recv(s, buf, sizeof(buf)), -EAGAIN);
		duo_turn(&d);
	}
	CHECK(SSL_is_init_finished(d.peer));
	CHECK_EQ(d.lost, times);
	if (s) {
		kdtls_session_info(s, &info, sizeof(info));
		CHECK(info.flights_answered >= (u64)times);
		both_ways(&d, s);
	}
	kdtls_destroy(s);
	forget_old();
	end(&d);
}

static void flight_lost_after(void)
{
	lost_after(true, 1);
	lost_after(true, 3);
	lost_after(false, 1);
	lost_after(false, 2);
}

/* GnuTLS wants to answer when it is asked for its data, and cannot. */
static void answer_fails(void)
{
	struct kdtls_session *s;
	long until = ms() + 20000;
	struct duo d;
	char buf[64];

	begin_lossy(&d, true);
	d.deliver = lose_finished;
	d.budget = 3;
	CHECK(duo_handshake(&d, true));
	/* The peer's flight once more, as one datagram, of which one record is read. */
	while (!d.lost)
		duo_turn(&d);
	d.gather = true;
	while (!duo_has_finished(d.held, d.held_len) && ms() < until)
		duo_turn(&d);
	duo_release(&d);
	CHECK_EQ(gnutls_record_recv(d.us, buf, sizeof(buf)), GNUTLS_E_AGAIN);
	/* It does not answer twice within its timeout. */
	usleep(400000);
	fake_fail_send = ENETDOWN;
	s = upgrade(&d);
	CHECK_EQ(fake_fail_send, 0);
	fake_fail_send = 0;
	while (s && !SSL_is_init_finished(d.peer) && ms() < until) {
		kdtls_recv(s, buf, sizeof(buf));
		duo_turn(&d);
	}
	CHECK(SSL_is_init_finished(d.peer));
	if (s)
		both_ways(&d, s);
	kdtls_destroy(s);
	end(&d);
}

/* Whose flight was not the last keeps none. */
static void flight_of_others(void)
{
	struct kdtls_session *s;
	struct duo d;

	begin(&d, false);
	CHECK(duo_handshake(&d, false));
	s = upgrade(&d);
	NEED(s);
	CHECK(!s->flight.raw && !s->flight.finished_len);
	kdtls_destroy(s);
	end(&d);
}

/* ---- data at the seam ---- */

/* What GnuTLS holds comes first, then what waits in the socket. */
static void data_is_kept(bool server)
{
	struct kdtls_session *s;
	struct duo d;
	char buf[64];
	size_t second;

	begin(&d, server);
	CHECK(duo_handshake(&d, false));

	/* Of one datagram, with a record in it twice; GnuTLS has read the first. */
	d.gather = true;
	SSL_write(d.peer, "first", 5);
	duo_pump(&d);
	SSL_write(d.peer, "second", 6);
	second = d.held_len;
	duo_pump(&d);
	memcpy(d.held + d.held_len, d.held + second, d.held_len - second);
	d.held_len += d.held_len - second;
	SSL_write(d.peer, "third", 5);
	duo_pump(&d);
	duo_release(&d);
	while (gnutls_record_recv(d.us, buf, 3) < 0)
		usleep(500);
	CHECK(!memcmp(buf, "fir", 3));
	SSL_write(d.peer, "fourth", 6);
	SSL_write(d.peer, "fifth", 5);
	duo_pump(&d);

	s = upgrade(&d);
	NEED(s);
	CHECK_EQ(kdtls_pending(s), 3);
	CHECK(duo_session_reads(&d, s, "st"));
	CHECK(duo_session_reads(&d, s, "second"));
	CHECK(duo_session_reads(&d, s, "third"));
	CHECK_EQ(kdtls_pending(s), 0);
	CHECK(duo_session_reads(&d, s, "fourth"));
	CHECK(duo_session_reads(&d, s, "fifth"));
	CHECK_EQ(kdtls_recv(s, buf, sizeof(buf)), -EAGAIN);
	both_ways(&d, s);
	kdtls_destroy(s);
	end(&d);
}

static void data_at_the_seam(void)
{
	data_is_kept(true);
	data_is_kept(false);
}

/* What GnuTLS has opened the kernel does not open again. */
static bool keep_copy(struct duo *d, int from, const u8 *buf, size_t len)
{
	if (from == DUO_PEER && !d->gather && d->budget) {
		memcpy(d->held + d->held_len, buf, len);
		d->held_len += len;
		d->budget--;
	}
	return true;
}

static void replays(void)
{
	struct kdtls_session *s;
	struct duo d;
	char buf[64];

	begin(&d, true);
	CHECK(duo_handshake(&d, false));
	d.deliver = keep_copy;
	d.budget = 3;
	CHECK(duo_peer_to_us(&d, "one"));
	CHECK(duo_peer_to_us(&d, "two"));
	CHECK(duo_peer_to_us(&d, "three"));
	s = upgrade(&d);
	NEED(s);
	if (!have_kernel) {
		CHECK_EQ(fake_seen.rx_seq, 4);
		CHECK_EQ(fake_seen.rx_bits, 15);
	}
	duo_release(&d);
	usleep(10000);
	CHECK_EQ(kdtls_recv(s, buf, sizeof(buf)), -EAGAIN);
	both_ways(&d, s);
	kdtls_destroy(s);
	end(&d);
}

/* ---- forgeries ---- */

static void forge(struct duo *d, u16 version, u64 seq)
{
	u8 rec[128];
	size_t n = pair_forge(rec, DTLS_CT_HANDSHAKE, seq, 48);

	rec[1] = (u8)(version >> 8);
	rec[2] = (u8)version;
	CHECK(send(d->relay[DUO_US], rec, n, 0) >= 0);
}

static void forgeries(void)
{
	struct kdtls_gnutls_track *t;
	struct kdtls_session *s;
	struct duo d;
	char buf[64];
	int i;

	begin_lossy(&d, true);
	t = kdtls_gnutls_track_get(d.us);
	NEED(t);
	/* Before there are keys, and more than there is room for. */
	duo_turn(&d);
	for (i = 0; i < 3 * KDTLS_CANDIDATES_MAX; i++) {
		forge(&d, i & 1 ? DTLS_1_2_VERSION : 0xfeff,
		      (u64)i * 1000 + 7);
		/* A datagram of nothing is no end. */
		send(d.relay[DUO_US], "", 0, 0);
		duo_turn(&d);
		CHECK(t->wire.n_candidates <= KDTLS_CANDIDATES_MAX);
	}
	CHECK(duo_handshake(&d, false));
	for (i = 0; i < 3 * KDTLS_CANDIDATES_MAX; i++) {
		forge(&d, DTLS_1_2_VERSION, KDTLS_SEQ_END - 1 - (u64)i);
		CHECK_EQ(gnutls_record_recv(d.us, buf, sizeof(buf)),
			 GNUTLS_E_AGAIN);
	}
	CHECK(duo_peer_to_us(&d, "data"));
	s = upgrade(&d);
	NEED(s);
	if (!have_kernel)
		CHECK(fake_seen.rx_seq >= 2 && fake_seen.rx_seq < 6);
	both_ways(&d, s);
	kdtls_destroy(s);
	end(&d);
}

/* The same record in another version, which its tag does not cover in GnuTLS. */
static bool change_version(struct duo *d, int from, const u8 *buf, size_t len)
{
	struct kdtls_record rec;
	u8 copy[2048];
	size_t at = 0;

	if (from != DUO_PEER || !duo_has_finished(buf, len) || !d->budget)
		return true;
	d->budget--;
	memcpy(copy, buf, len);
	for (; !kdtls_record_parse(&rec, copy + at, (u32)(len - at));
	     at += KDTLS_HEADER_LEN + rec.len)
		if (rec.epoch)
			copy[at + 2] = 0xff;
	CHECK(send(d->relay[DUO_US], copy, len, 0) >= 0);
	return false;
}

static void another_version(void)
{
	struct kdtls_session *s;
	struct duo d;

	begin_lossy(&d, true);
	d.deliver = change_version;
	d.budget = 1;
	CHECK(duo_handshake(&d, false));
	CHECK_EQ(d.lost, 1);
	s = upgrade(&d);
	NEED(s);
	if (!have_kernel)
		CHECK(!(fake_seen.rx_bits >> (fake_seen.rx_seq - 1) & 1));
	both_ways(&d, s);
	kdtls_destroy(s);
	end(&d);
}

static void long_use(void)
{
	struct kdtls_gnutls_track *t;
	struct kdtls_session *s;
	struct duo d;
	int i;

	begin(&d, false);
	CHECK(duo_handshake(&d, false));
	t = kdtls_gnutls_track_get(d.us);
	for (i = 0; i < 500; i++) {
		CHECK(duo_peer_to_us(&d, "data"));
		CHECK(duo_us_to_peer(&d, "back"));
	}
	CHECK(t->wire.n_candidates <= KDTLS_CANDIDATES_MAX);
	CHECK_EQ(t->wire.dropped, 0);
	s = upgrade(&d);
	NEED(s);
	if (!have_kernel) {
		CHECK_EQ(fake_seen.rx_seq, 501);
		CHECK(fake_seen.rx_bits == ~0ULL);
		CHECK_EQ(fake_seen.tx_seq, 501);
	}
	both_ways(&d, s);
	kdtls_destroy(s);
	end(&d);
}

/* ---- one writer ---- */

static void gnutls_is_silent(void)
{
	struct kdtls_session *s;
	unsigned int sent;
	struct duo d;
	char buf[64];

	begin(&d, true);
	CHECK(duo_handshake(&d, false));
	s = upgrade(&d);
	NEED(s);
	duo_pump(&d);
	sent = d.sent[DUO_US];
	SSL_write(d.peer, "for the kernel", 14);
	duo_pump(&d);
	CHECK(gnutls_record_send(d.us, "never", 5) < 0);
	CHECK(gnutls_record_recv(d.us, buf, sizeof(buf)) < 0);
	CHECK(gnutls_bye(d.us, GNUTLS_SHUT_RDWR) < 0);
	CHECK(gnutls_alert_send(d.us, GNUTLS_AL_FATAL, GNUTLS_A_INTERNAL_ERROR) < 0);
	gnutls_deinit(d.us);
	d.us = NULL;
	duo_pump(&d);
	CHECK_EQ(d.sent[DUO_US], sent);
	CHECK(duo_session_reads(&d, s, "for the kernel"));
	both_ways(&d, s);

	/* And the end of it. */
	SSL_shutdown(d.peer);
	duo_pump(&d);
	CHECK_EQ(kdtls_recv(s, buf, sizeof(buf)), -EPIPE);
	kdtls_destroy(s);
	end(&d);
}

/* ---- refusals ---- */

static void not_begun(void)
{
	struct kdtls_session *s = NULL;
	struct sockaddr_in in = { .sin_family = AF_INET };
	int udp = socket(AF_INET, SOCK_DGRAM, 0);
	int tcp = socket(AF_INET, SOCK_STREAM, 0);
	gnutls_session_t tls;
	struct duo d;

	begin(&d, false);
	gnutls_init(&tls, GNUTLS_CLIENT);
	CHECK_EQ(kdtls_gnutls_track(tls, d.fd[DUO_US]), -EINVAL);
	CHECK(strstr(kdtls_last_error(), "GNUTLS_DATAGRAM"));
	CHECK_EQ(kdtls_gnutls_upgrade(tls, udp, NULL, &s), -ENODATA);
	gnutls_deinit(tls);

	gnutls_init(&tls, GNUTLS_CLIENT | GNUTLS_DATAGRAM);
	CHECK_EQ(kdtls_gnutls_track(tls, -1), -EBADF);
	CHECK_EQ(kdtls_gnutls_track(tls, tcp), -EPROTONOSUPPORT);
	CHECK_EQ(kdtls_gnutls_track(tls, udp), -ENOTCONN);
	in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	in.sin_port = htons(9);
	CHECK(!connect(udp, (struct sockaddr *)&in, sizeof(in)));
	CHECK_EQ(kdtls_gnutls_track(tls, udp), 0);
	CHECK_EQ(kdtls_gnutls_track(tls, udp), -EALREADY);
	kdtls_gnutls_untrack(tls);
	kdtls_gnutls_untrack(tls);
	CHECK_EQ(kdtls_gnutls_upgrade(tls, udp, NULL, &s), -ENODATA);

	/* One whose transport is another's was forgotten, and begins anew. */
	CHECK_EQ(kdtls_gnutls_track(tls, udp), 0);
	gnutls_transport_set_int(tls, udp);
	CHECK_EQ(kdtls_gnutls_track(tls, udp), 0);
	kdtls_gnutls_untrack(tls);
	gnutls_deinit(tls);

	CHECK_EQ(refused(&d), -ENOTCONN);
	duo_turn(&d);
	CHECK_EQ(refused(&d), -ENOTCONN);
	/* What has passed by now would be missing. */
	kdtls_gnutls_untrack(d.us);
	CHECK_EQ(kdtls_gnutls_track(d.us, d.fd[DUO_US]), -EISCONN);
	duo_connect(&d);
	CHECK(duo_handshake(&d, false));
	s = upgrade(&d);
	kdtls_destroy(s);
	close(udp);
	close(tcp);
	end(&d);
}

static void wrong_calls(void)
{
	struct kdtls_upgrade_opts o = { .size = 1 };
	struct kdtls_session *s = NULL;
	struct duo d, other;
	int copy;

	begin(&d, true);
	begin(&other, true);
	CHECK(duo_handshake(&d, false));
	CHECK_EQ(kdtls_gnutls_upgrade(d.us, d.fd[DUO_US], &o, &s), -EINVAL);
	o.size = sizeof(o);
	o.window = 7;
	CHECK_EQ(kdtls_gnutls_upgrade(d.us, d.fd[DUO_US], &o, &s), -EINVAL);
	CHECK_EQ(kdtls_gnutls_upgrade(d.us, other.fd[DUO_US], NULL, &s), -EBADF);
	CHECK_EQ(kdtls_gnutls_upgrade(d.us, -1, NULL, &s), -EBADF);

	gnutls_record_cork(d.us);
	gnutls_record_send(d.us, "corked", 6);
	CHECK_EQ(refused(&d), -EAGAIN);
	CHECK(strstr(kdtls_last_error(), "uncork"));
	CHECK_EQ(gnutls_record_uncork(d.us, 0), 6);
	CHECK(duo_peer_reads(&d, "corked"));

	fake_fail_send = EAGAIN;
	CHECK_EQ(gnutls_record_send(d.us, "blocked", 7), GNUTLS_E_AGAIN);
	CHECK_EQ(refused(&d), -EAGAIN);
	CHECK(strstr(kdtls_last_error(), "did not take"));
	CHECK_EQ(gnutls_record_send(d.us, NULL, 0), 7);
	CHECK(duo_peer_reads(&d, "blocked"));
	/* The number was used twice by GnuTLS, for the same bytes. */
	d.numbers[1][last_seq(&d)] = 0;

	/* Another descriptor of the same socket is as good, and can be given away. */
	copy = dup(d.fd[DUO_US]);
	o.window = 128;
	o.flags = KDTLS_UPGRADE_OWN_FD;
	CHECK_EQ(kdtls_gnutls_upgrade(d.us, copy, &o, &s), 0);
	kdtls_destroy(s);
	CHECK_EQ(close(copy), -1);
	CHECK_EQ(kdtls_gnutls_track(d.us, d.fd[DUO_US]), -EISCONN);
	end(&other);
	end(&d);
}

static ssize_t own_push(gnutls_transport_ptr_t ptr, const void *buf, size_t len)
{
	return send(*(int *)ptr, buf, len, 0);
}

/* Other ways for records than ours. */
static void other_transports(void)
{
	struct kdtls_gnutls_track *t;
	struct duo d;

	begin(&d, true);
	CHECK(duo_handshake(&d, false));
	t = kdtls_gnutls_track_get(d.us);
	gnutls_transport_set_ptr(d.us, &d.fd[DUO_US]);
	CHECK_EQ(refused(&d), -EINVAL);
	/* A record goes out that nobody has seen. */
	gnutls_transport_set_push_function(d.us, own_push);
	CHECK_EQ(gnutls_record_send(d.us, "unseen", 6), 6);
	gnutls_transport_set_ptr(d.us, t);
	CHECK_EQ(refused(&d), -EAGAIN);
	end(&d);

	/* One comes in that nobody has seen. */
	begin(&d, true);
	CHECK(duo_handshake(&d, false));
	t = kdtls_gnutls_track_get(d.us);
	kdtls_wire_forget(&t->wire);
	CHECK_EQ(refused(&d), -EINVAL);
	CHECK(strstr(kdtls_last_error(), "not seen"));
	end(&d);

	/* The same, when others were. */
	if (have_kernel)
		return;
	begin(&d, true);
	CHECK(duo_handshake(&d, false));
	t = kdtls_gnutls_track_get(d.us);
	fake_fail_rx = ENOENT;
	CHECK_EQ(refused(&d), -ENOENT);
	CHECK(duo_peer_to_us(&d, "data"));
	kdtls_wire_forget(&t->wire);
	CHECK_EQ(refused(&d), -EINVAL);
	end(&d);
}

static void closed(void)
{
	struct duo d;
	char buf[64];

	begin(&d, true);
	CHECK(duo_handshake(&d, false));
	gnutls_bye(d.us, GNUTLS_SHUT_WR);
	CHECK_EQ(refused(&d), -EPIPE);
	end(&d);

	begin(&d, true);
	CHECK(duo_handshake(&d, false));
	SSL_write(d.peer, "last", 4);
	SSL_shutdown(d.peer);
	duo_pump(&d);
	CHECK_EQ(gnutls_record_recv(d.us, buf, sizeof(buf)), 4);
	CHECK_EQ(gnutls_record_recv(d.us, buf, sizeof(buf)), 0);
	CHECK_EQ(refused(&d), -EPIPE);
	end(&d);

	/* A warning is not the end. */
	begin(&d, true);
	CHECK(duo_handshake(&d, false));
	gnutls_alert_send(d.us, GNUTLS_AL_WARNING, GNUTLS_A_USER_CANCELED);
	duo_pump(&d);
	kdtls_destroy(upgrade(&d));
	end(&d);

	/* A socket that has failed is one. */
	begin(&d, true);
	CHECK(duo_handshake(&d, false));
	fake_fail_send = ENETDOWN;
	CHECK(gnutls_record_send(d.us, "data", 4) < 0);
	CHECK_EQ(refused(&d), -EPIPE);
	end(&d);
}

static void foreign_suite(void)
{
	struct duo d;
	int i;

	use_kernel(true);
	duo_init(&d, true, BASE ":+ECDHE-ECDSA:+AES-128-CBC",
		 "ECDHE-ECDSA-AES128-SHA");
	duo_connect(&d);
	CHECK(duo_handshake(&d, false));
	CHECK_EQ(refused(&d), -EOPNOTSUPP);
	CHECK(strstr(kdtls_last_error(), "AES_128_CBC"));
	for (i = 0; i < 2 * KDTLS_CANDIDATES_MAX; i++)
		CHECK(duo_peer_to_us(&d, "data"));
	CHECK(kdtls_gnutls_track_get(d.us)->wire.hopeless);
	CHECK_EQ(refused(&d), -EOPNOTSUPP);
	CHECK(duo_us_to_peer(&d, "still"));
	end(&d);
}

static void old_version(void)
{
	struct duo d;
	int i;

	use_kernel(true);
	duo_init(&d, true, "NORMAL:-VERS-ALL:+VERS-DTLS1.0:+SHA1:%VERIFY_ALLOW_SIGN_WITH_SHA1",
		 "ECDHE-ECDSA-AES128-SHA:ECDHE-RSA-AES128-SHA:@SECLEVEL=0");
	SSL_CTX_set_min_proto_version(d.ctx, DTLS1_VERSION);
	duo_connect(&d);
	CHECK(duo_handshake(&d, false));
	CHECK_EQ(refused(&d), -EPROTONOSUPPORT);
	for (i = 0; i < 2 * KDTLS_CANDIDATES_MAX; i++)
		CHECK(duo_peer_to_us(&d, "data"));
	CHECK(duo_us_to_peer(&d, "still"));
	end(&d);
}

/* Half a second handshake, and a whole one. */
static void renegotiated(void)
{
	struct duo d;
	char buf[64];

	begin(&d, false);
	CHECK(duo_handshake(&d, false));
	gnutls_handshake(d.us);
	CHECK_EQ(refused(&d), -EPROTONOSUPPORT);
	CHECK(strstr(kdtls_last_error(), "renegotiates"));
	end(&d);

	begin(&d, true);
	SSL_clear_options(d.peer, SSL_OP_NO_RENEGOTIATION);
	CHECK(duo_handshake(&d, false));
	SSL_renegotiate(d.peer);
	ERR_clear_error();
	SSL_do_handshake(d.peer);
	duo_pump(&d);
	CHECK_EQ(gnutls_record_recv(d.us, buf, sizeof(buf)),
		 GNUTLS_E_REHANDSHAKE);
	d.done = false;
	CHECK(duo_handshake(&d, false));
	CHECK_EQ(refused(&d), -EPROTONOSUPPORT);
	end(&d);
}

/* What the kernel refuses leaves the session as it was. */
static void kernel_refuses(void)
{
	struct kdtls_session *s;
	struct duo d;

	if (have_kernel) {
		printf("# this kernel has the module\n");
		return;
	}
	duo_init(&d, true, GCM, GCM_SSL);
	duo_connect(&d);
	CHECK(duo_handshake(&d, false));
	CHECK_EQ(refused(&d), -ENOPROTOOPT);
	CHECK(duo_peer_to_us(&d, "to us"));
	CHECK(duo_us_to_peer(&d, "to the peer"));

	fake_kernel(true);
	fake_fail_rx = ENOENT;
	CHECK_EQ(refused(&d), -ENOENT);
	CHECK(duo_peer_to_us(&d, "to us"));
	CHECK(duo_us_to_peer(&d, "to the peer"));

	s = upgrade(&d);
	CHECK_EQ(fake_seen.tx_seq, 3);
	CHECK_EQ(fake_seen.rx_seq, 3);
	CHECK_EQ(fake_seen.rx_bits, 7);
	kdtls_destroy(s);
	duo_free(&d);
	fake_kernel(false);
}

static void half_way(void)
{
	unsigned int sent;
	struct duo d;

	if (have_kernel) {
		printf("# this kernel has the module\n");
		return;
	}
	begin(&d, true);
	CHECK(duo_handshake(&d, false));
	duo_pump(&d);
	sent = d.sent[DUO_US];
	fake_fail_tx = ENOMEM;
	CHECK_EQ(refused(&d), -ENOTRECOVERABLE);
	CHECK(gnutls_record_send(d.us, "never", 5) < 0);
	duo_pump(&d);
	CHECK_EQ(d.sent[DUO_US], sent);
	CHECK_EQ(refused(&d), -ENODATA);
	end(&d);
}

/* ---- the rest ---- */

static void names(struct duo *d)
{
	const gnutls_datum_t alpn = { (unsigned char *)"coap", 4 };

	gnutls_alpn_set_protocols(d->us, &alpn, 1, 0);
	gnutls_srtp_set_profile(d->us, GNUTLS_SRTP_AES128_CM_HMAC_SHA1_80);
	SSL_set_tlsext_host_name(d->peer, "name.test");
	SSL_set_alpn_protos(d->peer, (const unsigned char *)"\4coap", 5);
	SSL_set_tlsext_use_srtp(d->peer, "SRTP_AES128_CM_SHA1_80");
}

static void described(void)
{
	struct kdtls_session_info info;
	struct kdtls_session *s;
	struct duo d;

	use_kernel(true);
	duo_init(&d, true, BASE ":-GROUP-ALL:+GROUP-SECP384R1:+ECDHE-ECDSA:+AES-128-GCM:+AEAD",
		 GCM_SSL);
	d.prepare = names;
	duo_connect(&d);
	CHECK(duo_handshake(&d, false));
	s = upgrade(&d);
	NEED(s);
	kdtls_session_info(s, &info, sizeof(info));
	CHECK(!strcmp(info.alpn, "coap"));
	CHECK(!strcmp(info.server_name, "name.test"));
	CHECK(!strcmp(info.srtp, "SRTP_AES128_CM_SHA1_80"));
	CHECK(!strcmp(info.group, "secp384r1"));
	CHECK(!strcmp(info.psk_identity, ""));
	CHECK_EQ(((struct sockaddr_in *)&info.peer)->sin_addr.s_addr,
		 htonl(INADDR_LOOPBACK));
	CHECK_EQ(kdtls_session_export(s, "x", NULL, 0, &info, 1), -ENODATA);
	kdtls_destroy(s);
	duo_free(&d);

	duo_init(&d, true, BASE ":+DHE-PSK:+AES-128-CCM:+AEAD",
		 "DHE-PSK-AES128-CCM");
	duo_connect(&d);
	CHECK(duo_handshake(&d, false));
	s = upgrade(&d);
	NEED(s);
	kdtls_session_info(s, &info, sizeof(info));
	CHECK(!strcmp(info.psk_identity, DUO_IDENTITY));
	CHECK(!strcmp(info.alpn, ""));
	kdtls_destroy(s);
	end(&d);
}

static void goes_on_untracked(void)
{
	struct duo d;

	begin(&d, true);
	CHECK(duo_handshake(&d, false));
	kdtls_gnutls_untrack(d.us);
	CHECK(duo_peer_to_us(&d, "to us"));
	CHECK(duo_us_to_peer(&d, "to the peer"));
	CHECK_EQ(refused(&d), -ENODATA);
	end(&d);
}

/* A session that waits by itself, and its peer somewhere else. */
static void *peer_thread(void *arg)
{
	struct duo *d = arg;
	long until = ms() + 20000;

	while (!SSL_is_init_finished(d->peer) && ms() < until) {
		duo_pump(d);
		ERR_clear_error();
		SSL_do_handshake(d->peer);
		DTLSv1_handle_timeout(d->peer);
		usleep(500);
	}
	SSL_write(d->peer, "early", 5);
	duo_pump(d);
	return NULL;
}

static void blocking(void)
{
	struct kdtls_session *s;
	pthread_t thread;
	struct duo d;
	char buf[64];

	use_kernel(true);
	duo_init(&d, true, GCM, GCM_SSL);
	d.flags = 0;
	duo_connect(&d);
	pthread_create(&thread, NULL, peer_thread, &d);
	while ((d.failed = gnutls_handshake(d.us)) < 0 &&
	       !gnutls_error_is_fatal(d.failed))
		;
	CHECK_EQ(d.failed, 0);
	pthread_join(thread, NULL);
	CHECK(duo_us_to_peer(&d, "data"));
	s = upgrade(&d);
	NEED(s);
	CHECK(duo_session_reads(&d, s, "early"));
	CHECK_EQ(kdtls_recv(s, buf, sizeof(buf)), -EAGAIN);
	both_ways(&d, s);
	kdtls_destroy(s);
	end(&d);
}

static const struct tap_test tests[] = {
	{ "each suite, GnuTLS the server, full and resumed", suites_of_servers },
	{ "each suite, GnuTLS the client, full and resumed", suites_of_clients },
	{ "the last flight is lost before the handover", flight_lost_before },
	{ "the last flight is lost after the handover", flight_lost_after },
	{ "an answer that GnuTLS cannot give any more", answer_fails },
	{ "a last flight of the peer is not kept", flight_of_others },
	{ "data on both sides of the seam", data_at_the_seam },
	{ "what GnuTLS has opened is not opened again", replays },
	{ "forgeries, before and after there are keys", forgeries },
	{ "a record in another version", another_version },
	{ "long use before the handover stays bounded", long_use },
	{ "GnuTLS neither writes nor reads afterwards", gnutls_is_silent },
	{ "sessions that did not begin", not_begun },
	{ "wrong calls, and records that wait", wrong_calls },
	{ "transports that were replaced", other_transports },
	{ "sessions that are closed", closed },
	{ "a cipher suite that kdtls does not have", foreign_suite },
	{ "an old version", old_version },
	{ "renegotiation", renegotiated },
	{ "a kernel that refuses", kernel_refuses },
	{ "a kernel that refuses half-way", half_way },
	{ "what is known of a session", described },
	{ "a session that is not tracked any more", goes_on_untracked },
	{ "a session that blocks", blocking },
};

int main(void)
{
	world_begin();
	return tap_run(tests, sizeof(tests) / sizeof(tests[0]));
}
