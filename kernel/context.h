/* SPDX-License-Identifier: GPL-2.0 */
/* Ciphers with a key, lent to the sessions of endpoints that are active. */
#ifndef KDTLS_CONTEXT_H
#define KDTLS_CONTEXT_H

#include <linux/list.h>
#include <linux/rcupdate.h>
#include <linux/refcount.h>

struct crypto_aead;
struct kdtls_epoch;

/**
 * struct kdtls_context - a cipher with an epoch's key
 * @refs: one for the epoch, one for each call that uses it
 * @tfm: the cipher
 * @epoch: whose key it has; under the pool's lock
 * @node: position in the pool, or among those that leave it
 * @used: somebody used it since the pool was last short of one
 * @rcu: the structure, but not the cipher, outlives the last reference
 */
struct kdtls_context {
	refcount_t		refs;
	struct crypto_aead	*tfm;
	struct kdtls_epoch	*epoch;
	struct list_head	node;
	bool			used;
	struct rcu_head		rcu;
};

struct kdtls_context *kdtls_context_get(struct kdtls_epoch *epoch);
void kdtls_context_put(struct kdtls_context *context);
void kdtls_context_drop(struct kdtls_epoch *epoch);
int kdtls_context_init(void);
void kdtls_context_exit(void);

#endif /* KDTLS_CONTEXT_H */
