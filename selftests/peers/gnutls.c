// SPDX-License-Identifier: GPL-2.0
/* GnuTLS. */
#include "peer.h"

#if __has_include(<gnutls/dtls.h>)
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

#include <gnutls/dtls.h>
#include <gnutls/gnutls.h>

static struct {
	gnutls_session_t			session;
	gnutls_priority_t			priority;
	gnutls_certificate_credentials_t	cert;
	gnutls_psk_client_credentials_t		psk_client;
	gnutls_psk_server_credentials_t		psk_server;
	gnutls_datum_t				ticket_key;
	gnutls_datum_t				cookie_key;
	gnutls_datum_t				kept;
	gnutls_datum_t				id;	/* the server's cache, */
	gnutls_datum_t				cached;	/* of one session */
} own;

static bool failed(const char *what, int err)
{
	return peer_error("GnuTLS: %s: %s", what, gnutls_strerror(err));
}

static const char *version(void)
{
	return gnutls_check_version(NULL);
}

/* ---- the suite ---- */

/* What the library calls the parts of a suite. */
static bool parts(uint16_t number, const char **kx, const char **cipher)
{
	gnutls_cipher_algorithm_t c;
	gnutls_kx_algorithm_t k;
	unsigned char id[2];
	size_t i;

	for (i = 0; gnutls_cipher_suite_info(i, id, &k, &c, NULL, NULL); i++)
		if (id[0] == number >> 8 && id[1] == (number & 0xff)) {
			*kx = gnutls_kx_get_name(k);
			*cipher = gnutls_cipher_get_name(c);
			return true;
		}
	return false;
}

static int prioritize(gnutls_priority_t *priority, const struct suite *suite)
{
	const char *kx, *cipher;
	char text[200];

	if (!parts(suite->id, &kx, &cipher))
		return GNUTLS_E_UNKNOWN_CIPHER_SUITE;
	snprintf(text, sizeof(text), "NONE:+VERS-DTLS1.2:+COMP-NULL:+SIGN-ALL:"
		 "+GROUP-ALL:+MAC-ALL:+%s:+%s", kx, cipher);
	return gnutls_priority_init(priority, text, NULL);
}

static const char *why_not(const struct task *t)
{
	gnutls_priority_t priority;
	int err = prioritize(&priority, t->suite);

	if (err == GNUTLS_E_UNKNOWN_CIPHER_SUITE)
		return "the library does not have the suite";
	if (err)
		return gnutls_strerror(err);
	gnutls_priority_deinit(priority);
	return NULL;
}

/* ---- who we are ---- */

static gnutls_datum_t datum(const char *text)
{
	return (gnutls_datum_t){ (void *)text, strlen(text) };
}

static bool certificate(const struct task *t)
{
	const struct identity *id = identity();
	gnutls_datum_t ca = datum(id->ca);
	gnutls_datum_t cert = datum(id->cert[t->suite->auth]);
	gnutls_datum_t key = datum(id->key[t->suite->auth]);
	int err = gnutls_certificate_allocate_credentials(&own.cert);

	if (!err && (t->server || t->feature == MUTUAL))
		err = gnutls_certificate_set_x509_key_mem(own.cert, &cert, &key,
							  GNUTLS_X509_FMT_PEM);
	if (!err && gnutls_certificate_set_x509_trust_mem(own.cert, &ca,
							  GNUTLS_X509_FMT_PEM) != 1)
		return peer_error("GnuTLS: it takes no authority");
	if (!err)
		err = gnutls_certificate_set_known_dh_params(own.cert,
							     GNUTLS_SEC_PARAM_MEDIUM);
	return !err || failed("certificate", err);
}

static int find_key(gnutls_session_t session, const char *name,
		    gnutls_datum_t *key)
{
	(void)session;
	key->data = gnutls_malloc(PEER_KEY_LEN);
	key->size = peer_key(name, PEER_IDENTITY, key->data, PEER_KEY_LEN);
	return key->size ? 0 : -1;
}

static bool shared_key(const struct task *t)
{
	gnutls_datum_t key = { (void *)PEER_KEY, PEER_KEY_LEN };
	int err;

	if (t->server) {
		err = gnutls_psk_allocate_server_credentials(&own.psk_server);
		if (err)
			return failed("pre-shared key", err);
		gnutls_psk_set_server_credentials_function(own.psk_server,
							   find_key);
		err = gnutls_psk_set_server_credentials_hint(own.psk_server,
							     PEER_HINT);
		if (!err)
			err = gnutls_psk_set_server_known_dh_params(own.psk_server,
								    GNUTLS_SEC_PARAM_MEDIUM);
	} else {
		err = gnutls_psk_allocate_client_credentials(&own.psk_client);
		if (!err)
			err = gnutls_psk_set_client_credentials(own.psk_client,
								PEER_IDENTITY, &key,
								GNUTLS_PSK_KEY_RAW);
	}
	return !err || failed("pre-shared key", err);
}

static bool begin(const struct task *t)
{
	int err = prioritize(&own.priority, t->suite);

	if (err)
		return failed("priority", err);
	gnutls_key_generate(&own.cookie_key, GNUTLS_COOKIE_KEY_SIZE);
	gnutls_session_ticket_key_generate(&own.ticket_key);
	return task_psk(t) ? shared_key(t) : certificate(t);
}

/* ---- a cache of one session ---- */

static bool copy(gnutls_datum_t *to, gnutls_datum_t from)
{
	to->data = gnutls_malloc(from.size);
	to->size = from.size;
	return to->data && memcpy(to->data, from.data, from.size);
}

static int store(void *arg, gnutls_datum_t id, gnutls_datum_t data)
{
	(void)arg;
	return copy(&own.id, id) && copy(&own.cached, data) ? 0 : -1;
}

static gnutls_datum_t retrieve(void *arg, gnutls_datum_t id)
{
	gnutls_datum_t data = { NULL, 0 };

	(void)arg;
	if (id.size == own.id.size && !memcmp(id.data, own.id.data, id.size))
		copy(&data, own.cached);
	return data;
}

static int drop(void *arg, gnutls_datum_t id)
{
	(void)arg;
	(void)id;
	return 0;
}

/* ---- the cookie ---- */

static ssize_t push(gnutls_transport_ptr_t fd, const void *buf, size_t n)
{
	return send((int)(long)fd, buf, n, 0);
}

static bool exchange_cookie(int fd)
{
	gnutls_dtls_prestate_st state = { 0 };
	unsigned char hello[4096];
	struct sockaddr_storage ss;
	socklen_t len = sizeof(ss);
	ssize_t n;

	if (getpeername(fd, (void *)&ss, &len))
		return peer_error("GnuTLS: no peer");
	for (;;) {
		n = recv(fd, hello, sizeof(hello), MSG_PEEK);
		if (n < 0)
			return peer_error("GnuTLS: no ClientHello with a cookie");
		if (!gnutls_dtls_cookie_verify(&own.cookie_key, &ss, len, hello,
					       n, &state))
			break;
		gnutls_dtls_cookie_send(&own.cookie_key, &ss, len, &state,
					(gnutls_transport_ptr_t)(long)fd, push);
		/* It was looked at only. */
		if (recv(fd, hello, sizeof(hello), 0) < 0)
			return peer_error("GnuTLS: the ClientHello went");
	}
	gnutls_dtls_prestate_set(own.session, &state);
	return true;
}

/* ---- a session ---- */

static void credentials(const struct task *t)
{
	if (!task_psk(t))
		gnutls_credentials_set(own.session, GNUTLS_CRD_CERTIFICATE,
				       own.cert);
	else if (t->server)
		gnutls_credentials_set(own.session, GNUTLS_CRD_PSK,
				       own.psk_server);
	else
		gnutls_credentials_set(own.session, GNUTLS_CRD_PSK,
				       own.psk_client);
}

static void begin_server(const struct task *t)
{
	if (t->feature == MUTUAL && !task_psk(t)) {
		gnutls_certificate_server_set_request(own.session,
						      GNUTLS_CERT_REQUIRE);
		gnutls_session_set_verify_cert(own.session, NULL, 0);
	}
	if (t->feature == BY_TICKET)
		gnutls_session_ticket_enable_server(own.session,
						    &own.ticket_key);
	if (t->feature != BY_ID)
		return;
	gnutls_db_set_store_function(own.session, store);
	gnutls_db_set_retrieve_function(own.session, retrieve);
	gnutls_db_set_remove_function(own.session, drop);
}

static void begin_client(const struct task *t)
{
	gnutls_server_name_set(own.session, GNUTLS_NAME_DNS, PEER_NAME,
			       strlen(PEER_NAME));
	if (!task_psk(t))
		gnutls_session_set_verify_cert(own.session, PEER_NAME, 0);
	if (own.kept.data)
		gnutls_session_set_data(own.session, own.kept.data,
					own.kept.size);
}

/* Left to itself the library sleeps 50 ms for each flight. */
static int handshake(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	int err;

	do {
		err = gnutls_handshake(own.session);
		if (err == GNUTLS_E_AGAIN)
			poll(&p, 1, gnutls_dtls_get_timeout(own.session));
	} while (err && !gnutls_error_is_fatal(err));
	return err;
}

static bool gnutls_open(const struct task *t, int fd)
{
	int err = gnutls_init(&own.session, GNUTLS_DATAGRAM | GNUTLS_NONBLOCK |
			      (t->server ? GNUTLS_SERVER : GNUTLS_CLIENT));

	if (err)
		return failed("session", err);
	gnutls_priority_set(own.session, own.priority);
	credentials(t);
	gnutls_transport_set_int(own.session, fd);
	gnutls_dtls_set_mtu(own.session, PEER_MTU);
	if (t->server) {
		begin_server(t);
		if (!exchange_cookie(fd))
			return false;
	} else {
		begin_client(t);
	}
	err = handshake(fd);
	if (err)
		return failed("handshake", err);
	if (!t->server)
		gnutls_session_get_data2(own.session, &own.kept);
	return true;
}

static uint16_t suite_now(void)
{
	gnutls_cipher_algorithm_t c, cipher = gnutls_cipher_get(own.session);
	gnutls_kx_algorithm_t k, kx = gnutls_kx_get(own.session);
	unsigned char id[2];
	size_t i;

	for (i = 0; gnutls_cipher_suite_info(i, id, &k, &c, NULL, NULL); i++)
		if (k == kx && c == cipher)
			return id[0] << 8 | id[1];
	return 0;
}

static void look(struct saw *saw)
{
	unsigned int n;

	saw->suite = suite_now();
	saw->resumed = gnutls_session_is_resumed(own.session);
	/* A certificate that is no good has ended the handshake. */
	saw->verified = gnutls_certificate_get_peers(own.session, &n) && n;
}

static ssize_t gnutls_send(const void *buf, size_t n)
{
	ssize_t ret = gnutls_record_send(own.session, buf, n);

	if (ret < 0)
		failed("send", ret);
	return ret;
}

static ssize_t gnutls_recv(void *buf, size_t n)
{
	ssize_t ret;

	do
		ret = gnutls_record_recv(own.session, buf, n);
	while (ret == GNUTLS_E_INTERRUPTED);
	if (ret >= 0)
		return ret;
	failed("recv", ret);
	return -1;
}

static void gnutls_close(void)
{
	gnutls_bye(own.session, GNUTLS_SHUT_WR);
	gnutls_deinit(own.session);
}

const struct stack peer_gnutls = {
	.name = "gnutls",
	.version = version,
	.why_not = why_not,
	.begin = begin,
	.open = gnutls_open,
	.look = look,
	.send = gnutls_send,
	.recv = gnutls_recv,
	.close = gnutls_close,
};

#else

const struct stack peer_gnutls = { .name = "gnutls" };

#endif
