// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Pre-shared keys. OpenSSL asks for a key when the peer has named itself; we ask
 * the configuration, or the program.
 *
 * A server does not tell who exists. Of an identity that it does not know it
 * makes a session with a key of chance, as RFC 4279 section 2 allows: the client
 * sees what it sees with a wrong key, which in DTLS is silence, for a record that
 * does not open is dropped (RFC 6347 section 4.1.2.7). That key is made for each
 * identity, so that the time does not tell either.
 */
#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>
#include <openssl/objects.h>
#include <openssl/rand.h>
#include <openssl/ssl.h>

#include "config.h"
#include "endpoint.h"
#include "log.h"
#include "psk.h"

_Static_assert(KDTLS_PSK_MAX <= PSK_MAX_PSK_LEN, "OpenSSL takes shorter keys");
_Static_assert(KDTLS_PSK_IDENTITY_MAX <= PSK_MAX_IDENTITY_LEN,
	       "OpenSSL takes shorter identities");

#define CHANCE_LEN 32

/* ---- setters ---- */

static void forget_key(struct kdtls_psk *psk)
{
	if (psk->key)
		OPENSSL_cleanse(psk->key, psk->key_len);
	free(psk->key);
	free(psk->identity);
	psk->key = NULL;
	psk->key_len = 0;
	psk->identity = NULL;
}

void kdtls_psk_clear(struct kdtls_psk *psk)
{
	forget_key(psk);
	free(psk->hint);
	psk->hint = NULL;
}

static int check_identity(const char *what, const char *text)
{
	size_t n = strnlen(text, KDTLS_PSK_IDENTITY_MAX + 1);

	if (n < 1 || n > KDTLS_PSK_IDENTITY_MAX)
		return kdtls_fail(-EINVAL, "a PSK %s has 1 to %d bytes", what,
				  KDTLS_PSK_IDENTITY_MAX);
	return 0;
}

static int check_key(const void *key, size_t len)
{
	if (!key || len < 1 || len > KDTLS_PSK_MAX)
		return kdtls_fail(-EINVAL, "a PSK of %zu bytes: it must have 1 to %d, and be random",
				  len, KDTLS_PSK_MAX);
	return 0;
}

int kdtls_config_set_psk_identity(struct kdtls_config *config,
				  const char *identity, const void *key,
				  size_t len)
{
	struct kdtls_psk fresh = { .key_len = len };
	int err = kdtls_config_writable(config);

	if (err)
		return err;
	if (!identity) {
		forget_key(&config->psk);
		return 0;
	}
	err = check_identity("identity", identity);
	if (!err)
		err = check_key(key, len);
	if (err)
		return err;
	fresh.identity = strdup(identity);
	fresh.key = malloc(len);
	if (!fresh.identity || !fresh.key) {
		free(fresh.identity);
		free(fresh.key);
		return kdtls_fail(-ENOMEM, "no memory");
	}
	memcpy(fresh.key, key, len);
	forget_key(&config->psk);
	config->psk.identity = fresh.identity;
	config->psk.key = fresh.key;
	config->psk.key_len = len;
	return 0;
}

int kdtls_config_set_psk_choose(struct kdtls_config *config,
				ssize_t (*choose)(struct kdtls_session *session,
						  const char *hint,
						  char *identity,
						  size_t identity_size,
						  void *key, size_t key_size,
						  void *arg),
				void *arg)
{
	int err = kdtls_config_writable(config);

	if (err)
		return err;
	config->psk.choose = choose;
	config->psk.choose_arg = arg;
	return 0;
}

int kdtls_config_set_psk_hint(struct kdtls_config *config, const char *hint)
{
	int err = hint ? check_identity("identity hint", hint) : 0;

	return err ? err : kdtls_config_string(config, &config->psk.hint, hint);
}

int kdtls_config_set_psk_find(struct kdtls_config *config,
			      ssize_t (*find)(struct kdtls_session *session,
					      const char *identity, void *key,
					      size_t key_size, void *arg),
			      void *arg)
{
	int err = kdtls_config_writable(config);

	if (err)
		return err;
	config->psk.find = find;
	config->psk.find_arg = arg;
	return 0;
}

/* ---- in the handshake ---- */

/* The program's answer, in @key; 0, with a reason noted, if it is no key. */
static size_t ask_find(struct kdtls_session *s, const struct kdtls_psk *psk,
		       const char *identity, u8 key[KDTLS_PSK_MAX])
{
	ssize_t n = psk->find(s, identity, key, KDTLS_PSK_MAX, psk->find_arg);

	if (n > 0 && n <= KDTLS_PSK_MAX)
		return (size_t)n;
	s->ep->info.psk_unknown++;
	s->psk_unknown = true;
	return 0;
}

static unsigned int on_find(SSL *ssl, const char *identity, unsigned char *psk,
			    unsigned int max)
{
	struct kdtls_session *s = kdtls_session_of(ssl);
	u8 key[KDTLS_PSK_MAX] = { 0 }, chance[CHANCE_LEN];
	size_t n;

	if (!s || max < KDTLS_PSK_MAX ||
	    RAND_bytes(chance, sizeof(chance)) <= 0)
		return 0;
	n = ask_find(s, &s->ep->config->psk, identity ? identity : "", key);
	if (s->dead || s->state == KDTLS_SESSION_CLOSED)
		n = 0;
	if (!n) {
		memcpy(key, chance, sizeof(chance));
		n = sizeof(chance);
	}
	/* OpenSSL wipes as much of it as we say there is. */
	memcpy(psk, key, n);
	OPENSSL_cleanse(key, sizeof(key));
	OPENSSL_cleanse(chance, sizeof(chance));
	return (unsigned int)n;
}

/* What a program has chosen, or why it cannot be used. */
static int check_choice(const char *identity, const u8 *key, ssize_t n)
{
	if (n < 0)
		return kdtls_fail((int)n, "the program gives no PSK: %s",
				  strerror((int)-n));
	if (!n)
		return kdtls_fail(-ENOKEY, "the program has no PSK for this server");
	if (!memchr(identity, 0, KDTLS_PSK_IDENTITY_MAX + 1))
		return kdtls_fail(-EINVAL, "the program's PSK identity does not end within %d bytes",
				  KDTLS_PSK_IDENTITY_MAX);
	if (check_identity("identity", identity))
		return -EINVAL;
	return check_key(key, (size_t)n);
}

static ssize_t choose(struct kdtls_session *s, const struct kdtls_psk *psk,
		      const char *hint, char *identity, u8 *key)
{
	ssize_t n = psk->choose(s, hint ? hint : "", identity,
				KDTLS_PSK_IDENTITY_MAX + 1, key, KDTLS_PSK_MAX,
				psk->choose_arg);
	int err = check_choice(identity, key, n);

	return err ? err : n;
}

static unsigned int on_choose(SSL *ssl, const char *hint, char *identity,
			      unsigned int max_identity, unsigned char *psk,
			      unsigned int max)
{
	struct kdtls_session *s = kdtls_session_of(ssl);
	char name[KDTLS_PSK_IDENTITY_MAX + 1] = "";
	u8 key[KDTLS_PSK_MAX] = { 0 };
	const struct kdtls_psk *from;
	ssize_t n;

	if (!s || max_identity < KDTLS_PSK_IDENTITY_MAX || max < KDTLS_PSK_MAX)
		return 0;
	from = &s->ep->config->psk;
	if (from->choose) {
		n = choose(s, from, hint, name, key);
	} else {
		n = (ssize_t)from->key_len;
		memcpy(key, from->key, from->key_len);
		memcpy(name, from->identity, strlen(from->identity) + 1);
	}
	if (n > 0) {
		memcpy(identity, name, strlen(name) + 1);
		memcpy(psk, key, (size_t)n);
	} else {
		kdtls_session_refuse(s, (int)n);
	}
	OPENSSL_cleanse(key, sizeof(key));
	return n > 0 ? (unsigned int)n : 0;
}

/* ---- setting up ---- */

static bool is_psk(const SSL_CIPHER *suite)
{
	switch (suite ? SSL_CIPHER_get_kx_nid(suite) : NID_undef) {
	case NID_kx_psk:
	case NID_kx_ecdhe_psk:
	case NID_kx_dhe_psk:
	case NID_kx_rsa_psk:
		return true;
	default:
		return false;
	}
}

bool kdtls_psk_used(const SSL *ssl)
{
	const SSL_CIPHER *suite = SSL_get_pending_cipher(ssl);

	return is_psk(suite ? suite : SSL_get_current_cipher(ssl));
}

bool kdtls_psk_given(const struct kdtls_psk *psk, bool server)
{
	return server ? !!psk->find : psk->choose || psk->identity;
}

/* Without a suite for it the key could never be used. */
static int check_suites(SSL_CTX *ctx)
{
	STACK_OF(SSL_CIPHER) *list = SSL_CTX_get_ciphers(ctx);
	int i;

	for (i = 0; i < sk_SSL_CIPHER_num(list); i++)
		if (is_psk(sk_SSL_CIPHER_value(list, i)))
			return 0;
	return kdtls_fail(-EINVAL, "there is a PSK, and no cipher suite that uses one: add some to the list, as PSK-AES128-GCM-SHA256, or set none");
}

int kdtls_psk_setup(const struct kdtls_psk *psk, bool server, bool cert,
		    SSL_CTX *ctx)
{
	int err = cert ? 0 : check_suites(ctx);

	if (err)
		return err;
	if (!server) {
		SSL_CTX_set_psk_client_callback(ctx, on_choose);
		return 0;
	}
	SSL_CTX_set_psk_server_callback(ctx, on_find);
	if (SSL_CTX_use_psk_identity_hint(ctx, psk->hint) != 1)
		return kdtls_fail_ssl(-EINVAL, "cannot use the PSK identity hint");
	return 0;
}
