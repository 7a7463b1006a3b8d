// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Session tickets: their keys, and the change of keys. A server that is given none
 * makes its own, a new one for each lifetime of a session, so that a key that gets
 * known opens what two lifetimes have seen and no more.
 */
#include <string.h>

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <openssl/rand.h>
#include <openssl/ssl.h>

#include "clock.h"
#include "endpoint.h"
#include "log.h"
#include "ticket.h"

/*
 * A ticket comes back in a ClientHello, which must be one datagram: with 1200 bytes,
 * the default, there is room. More there is where the client has a certificate.
 */
#define SESSION_MAX 600

_Static_assert(sizeof(struct kdtls_ticket_key) == KDTLS_TICKET_KEY_LEN,
	       "the layout is public");

/* ---- the ring ---- */

void kdtls_ticket_clear(struct kdtls_ticket_ring *ring)
{
	OPENSSL_cleanse(ring, sizeof(*ring));
}

int kdtls_ticket_rotate(struct kdtls_ticket_ring *ring, u64 now, u64 lifetime)
{
	struct kdtls_ticket_key fresh;
	u64 age = now - ring->made;

	if (ring->given || (ring->n && age < lifetime))
		return 0;
	if (RAND_priv_bytes((u8 *)&fresh, sizeof(fresh)) <= 0)
		return -EIO;
	/* After a long silence what the last key has made is over, too. */
	ring->n = ring->n && age < 2 * lifetime ? 2 : 1;
	ring->keys[1] = ring->keys[0];
	ring->keys[0] = fresh;
	ring->made = now;
	OPENSSL_cleanse(&fresh, sizeof(fresh));
	return 0;
}

void kdtls_ticket_expire(struct kdtls_ticket_ring *ring, u64 now, u64 lifetime)
{
	u64 age = now - ring->made;

	if (ring->given || !ring->n || age < lifetime)
		return;
	if (age >= 2 * lifetime) {
		kdtls_ticket_clear(ring);
		return;
	}
	OPENSSL_cleanse(&ring->keys[1], sizeof(ring->keys[1]));
	ring->n = 1;
}

int kdtls_ticket_find(const struct kdtls_ticket_ring *ring, const u8 name[16])
{
	unsigned int i;

	for (i = 0; i < ring->n; i++)
		if (!memcmp(ring->keys[i].name, name, sizeof(ring->keys[i].name)))
			return (int)i;
	return -1;
}

/* ---- what OpenSSL asks for ---- */

static bool set_mac(EVP_MAC_CTX *mac, const struct kdtls_ticket_key *key)
{
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_octet_string(OSSL_MAC_PARAM_KEY,
						  (void *)key->mac,
						  sizeof(key->mac)),
		OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST,
						 (char *)"SHA256", 0),
		OSSL_PARAM_construct_end(),
	};

	return EVP_MAC_CTX_set_params(mac, params) == 1;
}

/* OpenSSL: 1 is a key, 0 none, and the handshake a full one; -1 ends it. */
static int make(const struct kdtls_ticket_ring *ring, u8 name[16], u8 iv[16],
		EVP_CIPHER_CTX *cipher, EVP_MAC_CTX *mac)
{
	const struct kdtls_ticket_key *key = &ring->keys[0];

	if (RAND_bytes(iv, 16) <= 0 || !set_mac(mac, key) ||
	    EVP_EncryptInit_ex(cipher, EVP_aes_256_cbc(), NULL, key->cipher,
			       iv) != 1)
		return -1;
	memcpy(name, key->name, sizeof(key->name));
	return 1;
}

/* The same, and 2 has OpenSSL send a new ticket. */
static int unmake(const struct kdtls_ticket_ring *ring, const u8 name[16],
		  const u8 iv[16], EVP_CIPHER_CTX *cipher, EVP_MAC_CTX *mac)
{
	const struct kdtls_ticket_key *key;
	int i = kdtls_ticket_find(ring, name);

	if (i < 0)
		return 0;
	key = &ring->keys[i];
	if (!set_mac(mac, key) ||
	    EVP_DecryptInit_ex(cipher, EVP_aes_256_cbc(), NULL, key->cipher,
			       iv) != 1)
		return -1;
	return i ? 2 : 1;
}

static int on_ticket(SSL *ssl, unsigned char *name, unsigned char *iv,
		     EVP_CIPHER_CTX *cipher, EVP_MAC_CTX *mac, int making)
{
	struct kdtls_session *s = kdtls_session_of(ssl);
	struct kdtls_endpoint *ep = s ? s->ep : NULL;

	if (!ep || kdtls_ticket_rotate(&ep->tickets, kdtls_now_ms(),
				       ep->config->session_s * 1000ULL))
		return 0;
	/* An empty ticket, and nothing that the client could offer. */
	if (making && i2d_SSL_SESSION(SSL_get_session(ssl), NULL) > SESSION_MAX)
		return 0;
	return making ? make(&ep->tickets, name, iv, cipher, mac) :
			unmake(&ep->tickets, name, iv, cipher, mac);
}

void kdtls_ticket_setup(SSL_CTX *ctx)
{
	SSL_CTX_set_tlsext_ticket_key_evp_cb(ctx, on_ticket);
}

/* ---- public ---- */

static bool all_zero(const u8 *p, size_t n)
{
	u8 any = 0;

	while (n--)
		any |= *p++;
	return !any;
}

static int check_ring(const struct kdtls_ticket_ring *ring)
{
	const struct kdtls_ticket_key *key;
	unsigned int i;

	for (i = 0; i < ring->n; i++) {
		key = &ring->keys[i];
		if (all_zero(key->mac, sizeof(key->mac)) ||
		    all_zero(key->cipher, sizeof(key->cipher)))
			return kdtls_fail(-EINVAL, "ticket key %u is nothing but zeroes: take it from /dev/urandom",
					  i + 1);
		if (kdtls_ticket_find(ring, key->name) != (int)i)
			return kdtls_fail(-EINVAL, "ticket key %u has the name of an earlier one: its first 16 bytes must tell it apart",
					  i + 1);
	}
	return 0;
}

int kdtls_endpoint_set_ticket_keys(struct kdtls_endpoint *ep, const void *keys,
				   size_t len)
{
	struct kdtls_ticket_ring ring = { .given = true };
	int err;

	if (!ep->ctx_server)
		return kdtls_fail(-EOPNOTSUPP, "the endpoint does not listen: only a server makes tickets");
	if (!keys || !len || len % KDTLS_TICKET_KEY_LEN ||
	    len > KDTLS_TICKET_KEYS_MAX * KDTLS_TICKET_KEY_LEN)
		return kdtls_fail(-EINVAL, "%zu bytes of ticket keys: there must be 1 to %d keys of %d bytes",
				  len, KDTLS_TICKET_KEYS_MAX,
				  KDTLS_TICKET_KEY_LEN);
	memcpy(ring.keys, keys, len);
	ring.n = (unsigned int)(len / KDTLS_TICKET_KEY_LEN);
	err = check_ring(&ring);
	if (!err) {
		kdtls_ticket_clear(&ep->tickets);
		ep->tickets = ring;
	}
	kdtls_ticket_clear(&ring);
	return err;
}
