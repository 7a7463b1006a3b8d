// SPDX-License-Identifier: GPL-2.0
/*
 * Ciphers with a key, lent to the sessions of endpoints that are active.
 *
 * A key takes 32 bytes, and what a cipher makes of it more than a kilobyte. Most
 * sessions of a large server are idle: they keep the key, and get a cipher when
 * there is something to seal or to open. There is a bounded number; when all are
 * lent, one goes to the session that needs it from one that did not use its own
 * since the pool was last short (a clock, as pages have one). So it is when the
 * machine is short of memory.
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
#include <linux/workqueue.h>

#include "aead.h"
#include "compat.h"
#include "context.h"
#include "epoch.h"

/* About what one takes, with all that the crypto API hangs on to it. */
#define KDTLS_CONTEXT_BYTES	3072
/* How many of those in use are passed over, to find one that is not. */
#define KDTLS_CONTEXT_TRIES	128

static unsigned int kdtls_contexts;

static DEFINE_SPINLOCK(kdtls_pool_lock);	/* process context only */
static LIST_HEAD(kdtls_pool);
static LIST_HEAD(kdtls_pool_leaving);
static unsigned int kdtls_pool_count;

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
	if (kdtls_aead_again(tfm, cipher, epoch->key))
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

/* How many there may be */

static void kdtls_pool_free(struct work_struct *work)
{
	struct kdtls_context *context, *next;
	LIST_HEAD(leaving);

	spin_lock(&kdtls_pool_lock);
	list_splice_init(&kdtls_pool_leaving, &leaving);
	spin_unlock(&kdtls_pool_lock);
	list_for_each_entry_safe(context, next, &leaving, node) {
		kdtls_context_put(context);
		cond_resched();
	}
}

static DECLARE_WORK(kdtls_pool_work, kdtls_pool_free);
/* One that can go on when there is no memory for another worker. */
static struct workqueue_struct *kdtls_pool_queue;

/* What a call has at this moment would have to be made again at once. */
static bool kdtls_context_in_use(const struct kdtls_context *context)
{
	return READ_ONCE(context->used) || refcount_read(&context->refs) > 1;
}

/*
 * Looks at @most of them and takes those that nobody used lately, or all if
 * @used_too. To free a cipher can take locks that whoever is short of memory holds:
 * the work does that.
 */
static unsigned long kdtls_pool_take(unsigned long most, bool used_too)
{
	struct kdtls_context *context;
	unsigned long taken = 0;

	spin_lock(&kdtls_pool_lock);
	for (; most; most--) {
		context = list_first_entry_or_null(&kdtls_pool,
						   struct kdtls_context, node);
		if (!context)
			break;
		if (!used_too && kdtls_context_in_use(context)) {
			WRITE_ONCE(context->used, false);
			list_move_tail(&context->node, &kdtls_pool);
			continue;
		}
		kdtls_pool_remove(context);
		list_add_tail(&context->node, &kdtls_pool_leaving);
		taken++;
	}
	spin_unlock(&kdtls_pool_lock);
	if (taken)
		queue_work(kdtls_pool_queue, &kdtls_pool_work);
	return taken;
}

static unsigned long kdtls_pool_can_free(struct shrinker *shrinker,
					 struct shrink_control *control)
{
	return READ_ONCE(kdtls_pool_count) ?: SHRINK_EMPTY;
}

static unsigned long kdtls_pool_shrink(struct shrinker *shrinker,
				       struct shrink_control *control)
{
	/* To have only cleared marks is progress, too: no SHRINK_STOP. */
	return kdtls_pool_take(control->nr_to_scan, false);
}

static struct kdtls_shrinker kdtls_pool_shrinker;

static unsigned int kdtls_contexts_of_memory(void)
{
	u64 bytes = (u64)totalram_pages() << PAGE_SHIFT;

	return max_t(u64, 1024, div_u64(bytes, 16 * KDTLS_CONTEXT_BYTES));
}

/* 0 is what it is without being set. With fewer than before some go at once. */
static int kdtls_contexts_set(const char *value, const struct kernel_param *param)
{
	unsigned int count, limit;
	int err = kstrtouint(value, 0, &limit);

	if (err)
		return err;
	WRITE_ONCE(kdtls_contexts, limit ?: kdtls_contexts_of_memory());
	for (;;) {
		count = READ_ONCE(kdtls_pool_count);
		limit = READ_ONCE(kdtls_contexts);
		if (count <= limit)
			return 0;
		if (!kdtls_pool_take(min(count - limit, 64U), true))
			return 0;
		cond_resched();
	}
}

static const struct kernel_param_ops kdtls_contexts_ops = {
	.set = kdtls_contexts_set,
	.get = param_get_uint,
};

module_param_cb(contexts, &kdtls_contexts_ops, &kdtls_contexts, 0644);
MODULE_PARM_DESC(contexts,
		 "expanded keys of endpoint sessions at most (a 16th of the memory)");
/* The mode speaks of sysfs alone: whoever loads the module could set it. */
static int kdtls_contexts_lent_set(const char *value,
				   const struct kernel_param *param)
{
	return -EPERM;
}

static const struct kernel_param_ops kdtls_contexts_lent_ops = {
	.set = kdtls_contexts_lent_set,
	.get = param_get_uint,
};

module_param_cb(contexts_lent, &kdtls_contexts_lent_ops, &kdtls_pool_count,
		0444);
MODULE_PARM_DESC(contexts_lent, "how many there are; only to be read");

int __init kdtls_context_init(void)
{
	int err;

	if (!kdtls_contexts)
		kdtls_contexts = kdtls_contexts_of_memory();
	kdtls_pool_queue = alloc_workqueue("kdtls-contexts",
					   WQ_UNBOUND | WQ_MEM_RECLAIM, 1);
	if (!kdtls_pool_queue)
		return -ENOMEM;
	err = kdtls_shrinker_add(&kdtls_pool_shrinker, kdtls_pool_can_free,
				 kdtls_pool_shrink, "kdtls-contexts");
	if (err)
		destroy_workqueue(kdtls_pool_queue);
	return err;
}

/* No session is there any more. */
void kdtls_context_exit(void)
{
	kdtls_shrinker_del(&kdtls_pool_shrinker);
	/* The parameter may be being written; who comes later finds nothing. */
	kernel_param_lock(THIS_MODULE);
	kernel_param_unlock(THIS_MODULE);
	destroy_workqueue(kdtls_pool_queue);
}
