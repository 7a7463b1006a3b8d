/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The keys of session tickets (RFC 5077). */
#ifndef KDTLS_TICKET_H
#define KDTLS_TICKET_H

#include <openssl/types.h>

#include <kdtls.h>

#include <shared/types.h>

/**
 * struct kdtls_ticket_key - what one generation of tickets is made with
 * @name: tells the keys apart, in the clear in each ticket
 * @mac: for HMAC-SHA256
 * @cipher: for AES-256-CBC
 *
 * The layout is that of kdtls_endpoint_set_ticket_keys().
 */
struct kdtls_ticket_key {
	u8	name[16];
	u8	mac[32];
	u8	cipher[32];
};

/**
 * struct kdtls_ticket_ring - the keys of an endpoint
 * @keys: the first makes tickets, all open them
 * @n: how many there are
 * @given: by the program, which rotates them; otherwise we do
 * @made: monotonic milliseconds when @keys[0] was made, if it was by us
 *
 * Not in locked memory of its own, for the same reason as struct kdtls_psk.
 */
struct kdtls_ticket_ring {
	struct kdtls_ticket_key	keys[KDTLS_TICKET_KEYS_MAX];
	unsigned int		n;
	bool			given;
	u64			made;
};

/*
 * Make a key if there is none that is younger than @lifetime milliseconds; the
 * one before it goes on opening for as long again. 0 or -EIO.
 */
int kdtls_ticket_rotate(struct kdtls_ticket_ring *ring, u64 now, u64 lifetime);

/* Wipe the keys whose tickets are over. */
void kdtls_ticket_expire(struct kdtls_ticket_ring *ring, u64 now, u64 lifetime);

/* Which key has the name: its index, or -1. */
int kdtls_ticket_find(const struct kdtls_ticket_ring *ring, const u8 name[16]);

/* Wipe. */
void kdtls_ticket_clear(struct kdtls_ticket_ring *ring);

/* Have a server's SSL_CTX make and open tickets with its endpoint's keys. */
void kdtls_ticket_setup(SSL_CTX *ctx);

#endif /* KDTLS_TICKET_H */
