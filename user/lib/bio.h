/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The BIO between OpenSSL and datagrams, and the BIO that ends a connection. */
#ifndef KDTLS_BIO_H
#define KDTLS_BIO_H

#include <openssl/types.h>

#include <shared/types.h>

/* Where the datagrams go that OpenSSL writes. Never fails, as UDP may lose. */
typedef void (*kdtls_bio_write)(void *arg, const u8 *buf, size_t len);

/* A new BIO, or NULL. @mtu is its answer to OpenSSL's questions about it. */
BIO *kdtls_bio_new(size_t mtu, kdtls_bio_write write, void *arg);

/* Change where its datagrams go. */
void kdtls_bio_redirect(BIO *bio, kdtls_bio_write write, void *arg);

/* The datagram that the next read returns; it must stay until it was read. */
void kdtls_bio_feed(BIO *bio, const u8 *buf, size_t len);

/* A BIO that fails whatever it is asked, or NULL. */
BIO *kdtls_bio_dead(void);

#endif /* KDTLS_BIO_H */
