// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The datagram BIO: a read takes the one datagram that was fed, a write hands a
 * datagram on at once. It never asks OpenSSL to write again: a connection that
 * stops in the middle of a message because of that is a trap (DESIGN section 5),
 * and a datagram that finds no room may be lost.
 */
#include <pthread.h>
#include <stdlib.h>

#include <openssl/bio.h>

#include "bio.h"

/* What IPv6 and UDP add to a datagram. */
#define MTU_OVERHEAD 48

struct dgram {
	const u8	*buf;
	size_t		len;
	size_t		mtu;
	kdtls_bio_write	write;
	void		*arg;
};

static BIO_METHOD *dgram_method, *dead_method;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static int dgram_read(BIO *bio, char *out, int size)
{
	struct dgram *d = BIO_get_data(bio);
	int n;

	BIO_clear_retry_flags(bio);
	if (!d->buf) {
		BIO_set_retry_read(bio);
		return -1;
	}
	n = d->len < (size_t)size ? (int)d->len : size;
	memcpy(out, d->buf, (size_t)n);
	d->buf = NULL;
	/* An empty datagram is not the end of the file. */
	if (!n) {
		BIO_set_retry_read(bio);
		return -1;
	}
	return n;
}

static int dgram_write(BIO *bio, const char *buf, int len)
{
	struct dgram *d = BIO_get_data(bio);

	BIO_clear_retry_flags(bio);
	d->write(d->arg, (const u8 *)buf, (size_t)len);
	return len;
}

static long dgram_ctrl(BIO *bio, int cmd, long num, void *ptr)
{
	struct dgram *d = BIO_get_data(bio);

	switch (cmd) {
	case BIO_CTRL_FLUSH:
	case BIO_CTRL_DUP:
	case BIO_CTRL_DGRAM_SET_NEXT_TIMEOUT:
	case BIO_CTRL_DGRAM_SET_DONT_FRAG:
		return 1;
	case BIO_CTRL_PENDING:
		return d->buf ? (long)d->len : 0;
	case BIO_CTRL_DGRAM_QUERY_MTU:
	case BIO_CTRL_DGRAM_GET_MTU:
	case BIO_CTRL_DGRAM_SET_MTU:
		return (long)d->mtu;
	case BIO_CTRL_DGRAM_GET_FALLBACK_MTU:
		return d->mtu < 548 ? (long)d->mtu : 548;
	case BIO_CTRL_DGRAM_GET_MTU_OVERHEAD:
		return MTU_OVERHEAD;
	default:
		return 0;
	}
}

static int dgram_create(BIO *bio)
{
	struct dgram *d = calloc(1, sizeof(*d));

	if (!d)
		return 0;
	BIO_set_data(bio, d);
	BIO_set_init(bio, 1);
	return 1;
}

static int dgram_destroy(BIO *bio)
{
	free(BIO_get_data(bio));
	BIO_set_data(bio, NULL);
	return 1;
}

static int dead_read(BIO *bio, char *out, int size)
{
	BIO_clear_retry_flags(bio);
	return -1;
}

static int dead_write(BIO *bio, const char *buf, int len)
{
	BIO_clear_retry_flags(bio);
	return -1;
}

static long dead_ctrl(BIO *bio, int cmd, long num, void *ptr)
{
	return 0;
}

static int dead_create(BIO *bio)
{
	BIO_set_init(bio, 1);
	return 1;
}

static void make_methods(void)
{
	dgram_method = BIO_meth_new(BIO_get_new_index() |
				    BIO_TYPE_SOURCE_SINK, "kdtls datagram");
	if (dgram_method) {
		BIO_meth_set_read(dgram_method, dgram_read);
		BIO_meth_set_write(dgram_method, dgram_write);
		BIO_meth_set_ctrl(dgram_method, dgram_ctrl);
		BIO_meth_set_create(dgram_method, dgram_create);
		BIO_meth_set_destroy(dgram_method, dgram_destroy);
	}
	dead_method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK,
				   "kdtls handed over");
	if (dead_method) {
		BIO_meth_set_read(dead_method, dead_read);
		BIO_meth_set_write(dead_method, dead_write);
		BIO_meth_set_ctrl(dead_method, dead_ctrl);
		BIO_meth_set_create(dead_method, dead_create);
	}
}

BIO *kdtls_bio_new(size_t mtu, kdtls_bio_write write, void *arg)
{
	struct dgram *d;
	BIO *bio;

	pthread_once(&once, make_methods);
	bio = dgram_method ? BIO_new(dgram_method) : NULL;
	if (!bio)
		return NULL;
	d = BIO_get_data(bio);
	d->mtu = mtu;
	d->write = write;
	d->arg = arg;
	return bio;
}

void kdtls_bio_redirect(BIO *bio, kdtls_bio_write write, void *arg)
{
	struct dgram *d = BIO_get_data(bio);

	d->write = write;
	d->arg = arg;
}

void kdtls_bio_feed(BIO *bio, const u8 *buf, size_t len)
{
	struct dgram *d = BIO_get_data(bio);

	d->buf = buf;
	d->len = len;
}

BIO *kdtls_bio_dead(void)
{
	pthread_once(&once, make_methods);
	return dead_method ? BIO_new(dead_method) : NULL;
}
