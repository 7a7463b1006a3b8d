// SPDX-License-Identifier: GPL-2.0
/*
 * Ciphers with a key, lent to the sessions of endpoints that are active.
 *
 * A key takes 32 bytes, and what a cipher makes of it more than a kilobyte. Most
 * sessions of a large server are idle: they keep the key, and get a cipher when
 * there is something to seal or to open. There is a bounded number; when all are
 * lent, one goes to the session that needs it from one that did not use its own
 * since the pool was last short (a clock, as pages have one).
 *
 * A session that has one gets at it without any lock. A connected socket has its
 * own for good.
 */
#include <crypto/aead.h>
#include <linux/err.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/moduleparam.h>
#include <linux/slab.h>
#include <linux/spinlock.h>

#include "context.h"
#include "epoch.h"

/* About what one takes, with all that the crypto API hangs on to it. */
#define KDTLS_CONTEXT_BYTES	3072
/* How many of those in use are passed over, to find one that is not. */
#define KDTLS_CONTEXT_TRIES	128

static unsigned int kdtls_contexts;
module_param_named(contexts, kdtls_contexts, uint, 0644);
MODULE_PARM_DESC(contexts,
		 "expanded keys of endpoint sessions at most (a 16th of the memory)");

static DEFINE_SPINLOCK(kdtls_pool_lock);	/* process context only */
static LIST_HEAD(kdtls_pool);
static unsigned int kdtls_pool_count;

static const char *kdtls_algorithm(u16 cipher_type)
{
	switch (cipher_type) {
	case DTLS_CIPHER_AES_GCM_128:
	case DTLS_CIPHER_AES_GCM_256:
		return "gcm(aes)";
	case DTLS_CIPHER_AES_CCM_128:
	case DTLS_CIPHER_AES_CCM_256:
	case DTLS_CIPHER_AES_CCM_8_128:
		return "ccm(aes)";
	case DTLS_CIPHER_CHACHA20_POLY1305:
		return "rfc7539(chacha20,poly1305)";
	default:
		return NULL;
	}
}

static int kdtls_aead_set(struct crypto_aead *tfm,
			  const struct kdtls_cipher *cipher, const u8 *key)
{
	int err = crypto_aead_setkey(tfm, key, cipher->key_len);

	return err ?: crypto_aead_setauthsize(tfm, cipher->tag_len);
}

/**
 * kdtls_aead_new() - make a cipher with a key
 * @cipher: the cipher suite
 * @key: @cipher->key_len bytes
 *
 * Context: Process context, may sleep.
 * Return: the cipher, or an ERR_PTR(): -ENOMEM, or -ENOENT when the kernel does
 * not have it.
 */
struct crypto_aead *kdtls_aead_new(const struct kdtls_cipher *cipher,
				   const u8 *key)
{
	struct crypto_aead *tfm;
	int err;

	tfm = crypto_alloc_aead(kdtls_algorithm(cipher->type), 0, 0);
	if (IS_ERR(tfm))
		return tfm;
	err = kdtls_aead_set(tfm, cipher, key);
	if (err) {
		crypto_free_aead(tfm);
		return ERR_PTR(err);
	}
	return tfm;
}

/**
 * kdtls_cipher_probe() - does the kernel have a cipher?
 * @cipher: the cipher suite
 *
 * Who gives keys wants to know it then, and not with the first record.
 *
 * Context: Process context, may sleep.
 * Return: 0, or what kdtls_aead_new() would say.
 */
int kdtls_cipher_probe(const struct kdtls_cipher *cipher)
{
	static const u8 key[KDTLS_KEY_MAX];
	static unsigned long known;
	int bit = cipher->type % BITS_PER_LONG;
	struct crypto_aead *tfm;

	if (test_bit(bit, &known))
		return 0;
	tfm = kdtls_aead_new(cipher, key);
	if (IS_ERR(tfm))
		return PTR_ERR(tfm);
	crypto_free_aead(tfm);
	set_bit(bit, &known);
	return 0;
}

/* Take one away from its epoch. The pool's lock is held. */
static void kdtls_pool_remove(struct kdtls_context *context)
{
	list_del_init(&context->node);
	kdtls_pool_count--;
	RCU_INIT_POINTER(context->epoch->context, NULL);
}

/* One that nobody used lately, or any. The pool's lock is held. */
static struct kdtls_context *kdtls_pool_victim(void)
{
	struct kdtls_context *context = NULL;
	int i;

	for (i = 0; i < KDTLS_CONTEXT_TRIES; i++) {
		context = list_first_entry_or_null(&kdtls_pool,
						   struct kdtls_context, node);
		if (!context || !READ_ONCE(context->used))
			break;
		WRITE_ONCE(context->used, false);
		list_move_tail(&context->node, &kdtls_pool);
	}
	return context;
}

/* The cipher of a context that has no users left, for another key. */
static struct crypto_aead *kdtls_context_strip(struct kdtls_context *context)
{
	struct crypto_aead *tfm = NULL;

	if (refcount_dec_and_test(&context->refs)) {
		tfm = context->tfm;
		kfree_rcu(context, rcu);
	}
	return tfm;
}

/* When the pool is full: a cipher from there. NULL for none. */
static struct crypto_aead *kdtls_pool_reclaim(void)
{
	struct kdtls_context *context = NULL;

	spin_lock(&kdtls_pool_lock);
	if (kdtls_pool_count >= READ_ONCE(kdtls_contexts))
		context = kdtls_pool_victim();
	if (context)
		kdtls_pool_remove(context);
	spin_unlock(&kdtls_pool_lock);
	return context ? kdtls_context_strip(context) : NULL;
}

static struct crypto_aead *kdtls_context_tfm(struct kdtls_epoch *epoch)
{
	const struct kdtls_cipher *cipher = epoch->cipher;
	struct crypto_aead *tfm = kdtls_pool_reclaim();

	if (!tfm)
		return kdtls_aead_new(cipher, epoch->key);
	/* It may be another algorithm's. */
	if (!strcmp(crypto_tfm_alg_name(crypto_aead_tfm(tfm)),
		    kdtls_algorithm(cipher->type)) &&
	    !kdtls_aead_set(tfm, cipher, epoch->key))
		return tfm;
	crypto_free_aead(tfm);
	return kdtls_aead_new(cipher, epoch->key);
}

static struct kdtls_context *kdtls_context_new(struct kdtls_epoch *epoch)
{
	struct kdtls_context *context;
	int err;

	context = kmalloc(sizeof(*context), GFP_KERNEL_ACCOUNT);
	if (!context)
		return ERR_PTR(-ENOMEM);
	context->tfm = kdtls_context_tfm(epoch);
	if (IS_ERR(context->tfm)) {
		err = PTR_ERR(context->tfm);
		kfree(context);
		return ERR_PTR(err);
	}
	/* One for the epoch, one for the caller. */
	refcount_set(&context->refs, 2);
	context->epoch = epoch;
	context->used = true;
	return context;
}

/* Return: whether it is the epoch's now; otherwise another call was faster. */
static bool kdtls_pool_add(struct kdtls_context *context)
{
	struct kdtls_epoch *epoch = context->epoch;
	bool first;

	spin_lock(&kdtls_pool_lock);
	first = !rcu_access_pointer(epoch->context);
	if (first) {
		list_add_tail(&context->node, &kdtls_pool);
		kdtls_pool_count++;
		rcu_assign_pointer(epoch->context, context);
	}
	spin_unlock(&kdtls_pool_lock);
	return first;
}

static struct kdtls_context *kdtls_context_hold(struct kdtls_epoch *epoch)
{
	struct kdtls_context *context;

	rcu_read_lock();
	context = rcu_dereference(epoch->context);
	if (context && !refcount_inc_not_zero(&context->refs))
		context = NULL;
	rcu_read_unlock();
	return context;
}

/**
 * kdtls_context_get() - a cipher with an epoch's key
 * @epoch: an epoch of an endpoint's session; the caller has a reference
 *
 * Context: Process context, may sleep.
 * Return: a context, to be given to kdtls_context_put(), or an ERR_PTR().
 */
struct kdtls_context *kdtls_context_get(struct kdtls_epoch *epoch)
{
	struct kdtls_context *context = kdtls_context_hold(epoch);

	if (context) {
		if (!READ_ONCE(context->used))
			WRITE_ONCE(context->used, true);
		return context;
	}
	context = kdtls_context_new(epoch);
	/* Who was not first keeps it for this one call. */
	if (!IS_ERR(context) && !kdtls_pool_add(context))
		refcount_dec(&context->refs);
	return context;
}

/**
 * kdtls_context_put() - drop a reference
 * @context: the context, or NULL
 *
 * Context: Process context, may sleep.
 */
void kdtls_context_put(struct kdtls_context *context)
{
	if (!context || !refcount_dec_and_test(&context->refs))
		return;
	crypto_free_aead(context->tfm);
	kfree_rcu(context, rcu);
}

/**
 * kdtls_context_drop() - an epoch ends
 * @epoch: an epoch that nobody has a reference on any more
 *
 * Context: Process context, may sleep.
 */
void kdtls_context_drop(struct kdtls_epoch *epoch)
{
	struct kdtls_context *context;

	if (!rcu_access_pointer(epoch->context))
		return;
	spin_lock(&kdtls_pool_lock);
	context = rcu_dereference_protected(epoch->context,
					    lockdep_is_held(&kdtls_pool_lock));
	if (context)
		kdtls_pool_remove(context);
	spin_unlock(&kdtls_pool_lock);
	kdtls_context_put(context);
}

/* A limit that the administrator has set stays. */
void __init kdtls_context_init(void)
{
	u64 bytes = (u64)totalram_pages() << PAGE_SHIFT;

	if (!kdtls_contexts)
		kdtls_contexts = max_t(u64, 1024,
				       div_u64(bytes, 16 * KDTLS_CONTEXT_BYTES));
}
