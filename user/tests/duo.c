// SPDX-License-Identifier: GPL-2.0
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <gnutls/dtls.h>
#include <openssl/err.h>

#include <shared/record.h>

#include "duo.h"
#include "pki.h"
#include "tap.h"
#include "world.h"

unsigned int duo_timer_ms = DUO_LATE_MS;

static const unsigned char psk[16] = "0123456789abcde";

/* ---- contexts ---- */

static unsigned int ssl_psk_client(SSL *ssl, const char *hint, char *identity,
				   unsigned int identity_len,
				   unsigned char *key, unsigned int len)
{
	snprintf(identity, identity_len, DUO_IDENTITY);
	memcpy(key, psk, sizeof(psk));
	return sizeof(psk);
}

static unsigned int ssl_psk_server(SSL *ssl, const char *identity,
				   unsigned char *key, unsigned int len)
{
	memcpy(key, psk, sizeof(psk));
	return sizeof(psk);
}

static int our_psk(gnutls_session_t session, const char *name,
		   gnutls_datum_t *key)
{
	key->size = sizeof(psk);
	key->data = gnutls_malloc(sizeof(psk));
	memcpy(key->data, psk, sizeof(psk));
	return 0;
}

static void our_cert(struct duo *d, const char *kind)
{
	char pem[8192];
	gnutls_datum_t both = { .data = (unsigned char *)pem };

	both.size = (unsigned int)pki_pem(kind, pem, sizeof(pem));
	CHECK(gnutls_certificate_set_x509_key_mem(d->cert, &both, &both,
						  GNUTLS_X509_FMT_PEM) >= 0);
}

static void our_credentials(struct duo *d)
{
	const gnutls_datum_t key = { (unsigned char *)psk, sizeof(psk) };

	gnutls_certificate_allocate_credentials(&d->cert);
	our_cert(d, "EC");
	our_cert(d, "RSA");
	gnutls_certificate_set_known_dh_params(d->cert,
					       GNUTLS_SEC_PARAM_MEDIUM);
	gnutls_psk_allocate_client_credentials(&d->psk_client);
	gnutls_psk_set_client_credentials(d->psk_client, DUO_IDENTITY, &key,
					  GNUTLS_PSK_KEY_RAW);
	gnutls_psk_allocate_server_credentials(&d->psk_server);
	gnutls_psk_set_server_credentials_function(d->psk_server, our_psk);
	gnutls_psk_set_server_known_dh_params(d->psk_server,
					      GNUTLS_SEC_PARAM_MEDIUM);
	gnutls_session_ticket_key_generate(&d->ticket_key);
}

void duo_init(struct duo *d, bool server, const char *priorities,
	      const char *ciphers)
{
	memset(d, 0, sizeof(*d));
	d->server = server;
	d->flags = GNUTLS_NONBLOCK;
	d->priorities = priorities;
	d->ctx = SSL_CTX_new(DTLS_method());
	SSL_CTX_set_security_level(d->ctx, 0);
	CHECK(SSL_CTX_set_cipher_list(d->ctx, ciphers));
	SSL_CTX_set_dh_auto(d->ctx, 1);
	pki_use(d->ctx, "EC");
	pki_use(d->ctx, "RSA");
	SSL_CTX_set_psk_client_callback(d->ctx, ssl_psk_client);
	SSL_CTX_set_psk_server_callback(d->ctx, ssl_psk_server);
	our_credentials(d);
	d->fd[0] = d->fd[1] = d->relay[0] = d->relay[1] = -1;
}

static void disconnect(struct duo *d)
{
	int i;

	if (d->us) {
		kdtls_gnutls_untrack(d->us);
		gnutls_deinit(d->us);
	}
	d->us = NULL;
	/* So that its session can be resumed. */
	if (d->peer)
		SSL_set_shutdown(d->peer, SSL_SENT_SHUTDOWN);
	SSL_free(d->peer);
	d->peer = NULL;
	for (i = 0; i < 2; i++) {
		if (d->fd[i] >= 0)
			close(d->fd[i]);
		if (d->relay[i] >= 0)
			close(d->relay[i]);
		d->fd[i] = d->relay[i] = -1;
	}
}

void duo_free(struct duo *d)
{
	disconnect(d);
	SSL_CTX_free(d->ctx);
	gnutls_certificate_free_credentials(d->cert);
	gnutls_psk_free_client_credentials(d->psk_client);
	gnutls_psk_free_server_credentials(d->psk_server);
	gnutls_free(d->ticket_key.data);
}

/* ---- both ends ---- */

static int loopback(struct sockaddr_storage *ss)
{
	struct sockaddr_in in = {
		.sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
	socklen_t len = sizeof(*ss);

	CHECK(!bind(fd, (struct sockaddr *)&in, sizeof(in)));
	getsockname(fd, (struct sockaddr *)ss, &len);
	return fd;
}

static void sockets(struct duo *d)
{
	struct sockaddr_storage a, b;
	socklen_t len = sizeof(struct sockaddr_in);
	int i;

	for (i = 0; i < 2; i++) {
		d->fd[i] = loopback(&a);
		d->relay[i] = loopback(&b);
		CHECK(!connect(d->fd[i], (struct sockaddr *)&b, len));
		CHECK(!connect(d->relay[i], (struct sockaddr *)&a, len));
	}
}

static void our_end(struct duo *d)
{
	gnutls_init(&d->us, (d->server ? GNUTLS_SERVER : GNUTLS_CLIENT) |
			    GNUTLS_DATAGRAM | d->flags);
	CHECK_EQ(gnutls_priority_set_direct(d->us, d->priorities, NULL), 0);
	gnutls_credentials_set(d->us, GNUTLS_CRD_CERTIFICATE, d->cert);
	gnutls_credentials_set(d->us, GNUTLS_CRD_PSK,
			       d->server ? (void *)d->psk_server :
					   (void *)d->psk_client);
	if (d->server)
		gnutls_session_ticket_enable_server(d->us, &d->ticket_key);
	gnutls_dtls_set_timeouts(d->us, duo_timer_ms, 30000);
	gnutls_dtls_set_mtu(d->us, 1200);
	CHECK_EQ(kdtls_gnutls_track(d->us, d->fd[DUO_US]), 0);
}

static unsigned int timer_us(SSL *ssl, unsigned int us)
{
	return duo_timer_ms * 1000;
}

static void peer_end(struct duo *d)
{
	struct sockaddr_storage ss;
	socklen_t len = sizeof(ss);
	BIO *bio = BIO_new_dgram(d->fd[DUO_PEER], BIO_NOCLOSE);

	getpeername(d->fd[DUO_PEER], (struct sockaddr *)&ss, &len);
	BIO_ctrl(bio, BIO_CTRL_DGRAM_SET_CONNECTED, 0, &ss);
	BIO_set_nbio(bio, 1);
	d->peer = SSL_new(d->ctx);
	SSL_set_bio(d->peer, bio, bio);
	SSL_set_options(d->peer, SSL_OP_NO_QUERY_MTU);
	SSL_set_mtu(d->peer, 1200);
	DTLS_set_timer_cb(d->peer, timer_us);
	if (d->server)
		SSL_set_connect_state(d->peer);
	else
		SSL_set_accept_state(d->peer);
}

void duo_connect(struct duo *d)
{
	disconnect(d);
	d->done = false;
	d->failed = 0;
	d->lost = 0;
	memset(d->sent, 0, sizeof(d->sent));
	memset(d->numbers, 0, sizeof(d->numbers));
	sockets(d);
	our_end(d);
	peer_end(d);
	if (d->prepare)
		d->prepare(d);
}

/* ---- the link ---- */

/* No number of ours is ever used twice. */
static void look(struct duo *d, const u8 *p, size_t len)
{
	struct kdtls_record rec;
	size_t n;

	for (; !kdtls_record_parse(&rec, p, (u32)len); p += n, len -= n) {
		n = (size_t)KDTLS_HEADER_LEN + rec.len;
		if (rec.epoch > 1 || rec.seq >= sizeof(d->numbers[0]))
			continue;
		CHECK_EQ(d->numbers[rec.epoch][rec.seq], 0);
		d->numbers[rec.epoch][rec.seq] = 1;
	}
}

static void carry(struct duo *d, int from, const u8 *buf, size_t len)
{
	d->sent[from]++;
	d->last_len[from] = len;
	if (len <= sizeof(d->last[from]))
		memcpy(d->last[from], buf, len);
	if (from == DUO_US)
		look(d, buf, len);
	if (d->deliver && !d->deliver(d, from, buf, len)) {
		d->lost++;
		return;
	}
	if (from == DUO_PEER && d->gather) {
		memcpy(d->held + d->held_len, buf, len);
		d->held_len += len;
		return;
	}
	CHECK(send(d->relay[!from], buf, len, 0) >= 0 || errno == ECONNREFUSED);
}

void duo_pump(struct duo *d)
{
	u8 buf[65536];
	ssize_t n;
	int i;

	for (i = 0; i < 2; i++)
		while ((n = recv(d->relay[i], buf, sizeof(buf), 0)) >= 0)
			carry(d, i, buf, (size_t)n);
}

void duo_release(struct duo *d)
{
	d->gather = false;
	CHECK(send(d->relay[DUO_US], d->held, d->held_len, 0) >= 0);
	d->held_len = 0;
}

/* ---- rounds ---- */

static void our_turn(struct duo *d)
{
	int ret;

	if (d->done || d->failed)
		return;
	ret = gnutls_handshake(d->us);
	d->done = !ret;
	if (ret < 0 && gnutls_error_is_fatal(ret))
		d->failed = ret;
}

static void peer_turn(struct duo *d)
{
	char byte;

	ERR_clear_error();
	if (SSL_is_init_finished(d->peer))
		SSL_peek(d->peer, &byte, 1);
	else
		SSL_do_handshake(d->peer);
	DTLSv1_handle_timeout(d->peer);
}

void duo_turn(struct duo *d)
{
	our_turn(d);
	duo_pump(d);
	peer_turn(d);
	duo_pump(d);
	usleep(500);
}

bool duo_handshake(struct duo *d, bool ours)
{
	long until = ms() + 20000;

	while (ms() < until && !d->failed) {
		if (d->done && (ours || SSL_is_init_finished(d->peer)))
			return true;
		duo_turn(d);
	}
	printf("# no handshake: %s\n", gnutls_strerror(d->failed));
	return false;
}

bool duo_peer_reads(struct duo *d, const char *text)
{
	long until = ms() + 5000;
	char buf[256];
	int n = -1;

	do {
		duo_pump(d);
		ERR_clear_error();
		n = SSL_read(d->peer, buf, sizeof(buf));
		if (n <= 0)
			usleep(500);
	} while (n <= 0 && ms() < until);
	return n == (int)strlen(text) && !memcmp(buf, text, (size_t)n);
}

bool duo_us_to_peer(struct duo *d, const char *text)
{
	size_t len = strlen(text);

	return gnutls_record_send(d->us, text, len) == (ssize_t)len &&
	       duo_peer_reads(d, text);
}

bool duo_peer_to_us(struct duo *d, const char *text)
{
	long until = ms() + 5000;
	char buf[256];
	ssize_t n = -1;

	if (SSL_write(d->peer, text, (int)strlen(text)) <= 0)
		return false;
	do {
		duo_pump(d);
		n = gnutls_record_recv(d->us, buf, sizeof(buf));
		if (n < 0)
			usleep(500);
	} while (n < 0 && !gnutls_error_is_fatal((int)n) && ms() < until);
	return n == (ssize_t)strlen(text) && !memcmp(buf, text, (size_t)n);
}

bool duo_session_reads(struct duo *d, struct kdtls_session *s,
		       const char *text)
{
	long until = ms() + 5000;
	char buf[256];
	ssize_t n;

	do {
		duo_pump(d);
		n = kdtls_recv(s, buf, sizeof(buf));
		if (n == -EAGAIN)
			usleep(500);
	} while (n == -EAGAIN && ms() < until);
	return n == (ssize_t)strlen(text) && !memcmp(buf, text, (size_t)n);
}

bool duo_has_finished(const u8 *buf, size_t len)
{
	struct kdtls_record rec;

	for (; !kdtls_record_parse(&rec, buf, (u32)len);
	     len -= KDTLS_HEADER_LEN + rec.len,
	     buf += KDTLS_HEADER_LEN + rec.len)
		if (rec.epoch == 1 && rec.type == DTLS_CT_HANDSHAKE)
			return true;
	return false;
}
