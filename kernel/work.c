// SPDX-License-Identifier: GPL-2.0
/*
 * What sealing and opening need while they run: buffer, request, scatterlists.
 *
 * Allocating these for each call is dear (and twice so where memory is zeroed on
 * allocation), and keeping them with each socket costs memory that idle sockets
 * do not use. So each CPU keeps one, and a call takes it out for as long as it
 * runs, also while it sleeps. A call that finds its CPU's taken makes its own;
 * on the way back one stays and the other is freed.
 */
#include <linux/percpu.h>
#include <linux/slab.h>

#include "context.h"
#include "work.h"

static DEFINE_PER_CPU(struct kdtls_work *, kdtls_work_idle);

static void kdtls_work_free(struct kdtls_work *work)
{
	if (!work)
		return;
	kfree_sensitive(work->req);
	kfree_sensitive(work->buf);
	kfree_sensitive(work);
}

/*
 * The full size is what stays useful, but it takes contiguous pages. When they
 * are short a call must not fail that could do with less.
 */
static int kdtls_work_resize(struct kdtls_work *work, u32 size)
{
	if (work->size >= size)
		return 0;
	if (WARN_ON_ONCE(size > KDTLS_WORK_SIZE))
		return -EINVAL;
	kfree_sensitive(work->buf);
	work->size = KDTLS_WORK_SIZE;
	work->buf = kmalloc(work->size, GFP_KERNEL_ACCOUNT | __GFP_NOWARN |
			    __GFP_NORETRY);
	if (work->buf)
		return 0;
	work->size = size;
	work->buf = kmalloc(size, GFP_KERNEL_ACCOUNT | __GFP_NOWARN);
	if (work->buf)
		return 0;
	work->size = 0;
	return -ENOMEM;
}

/**
 * kdtls_work_set_cipher() - make the request one to a cipher
 * @work: from kdtls_work_get()
 * @tfm: the cipher
 *
 * Context: Process context, may sleep.
 * Return: 0 or -ENOMEM.
 */
int kdtls_work_set_cipher(struct kdtls_work *work, struct crypto_aead *tfm)
{
	unsigned int size = sizeof(struct aead_request) +
			    crypto_aead_reqsize(tfm);

	if (work->request < size) {
		kfree_sensitive(work->req);
		work->request = 0;
		work->req = kmalloc(size, GFP_KERNEL_ACCOUNT);
		if (!work->req)
			return -ENOMEM;
		work->request = size;
	}
	aead_request_set_tfm(work->req, tfm);
	crypto_init_wait(&work->wait);
	aead_request_set_callback(work->req, CRYPTO_TFM_REQ_MAY_BACKLOG |
				  CRYPTO_TFM_REQ_MAY_SLEEP,
				  crypto_req_done, &work->wait);
	return 0;
}

/**
 * kdtls_work_get() - take scratch memory for one call
 * @size: bytes of buffer that will be needed, up to KDTLS_WORK_SIZE
 *
 * Context: Process context, may sleep.
 * Return: the memory, to be given to kdtls_work_put(), or an ERR_PTR() of
 * -ENOMEM.
 */
struct kdtls_work *kdtls_work_get(u32 size)
{
	struct kdtls_work *work = this_cpu_xchg(kdtls_work_idle, NULL);

	if (!work)
		work = kzalloc(sizeof(*work), GFP_KERNEL_ACCOUNT);
	if (!work)
		return ERR_PTR(-ENOMEM);
	if (!kdtls_work_resize(work, size))
		return work;
	kdtls_work_free(work);
	return ERR_PTR(-ENOMEM);
}

/**
 * kdtls_work_put() - give scratch memory back
 * @work: from kdtls_work_get(), with no request under way
 */
void kdtls_work_put(struct kdtls_work *work)
{
	kdtls_context_put(work->context);
	work->context = NULL;
	work->epoch = NULL;
	/* A buffer of less than the full size was an emergency. */
	if (work->size < KDTLS_WORK_SIZE ||
	    this_cpu_cmpxchg(kdtls_work_idle, NULL, work))
		kdtls_work_free(work);
}

/* Free what the CPUs keep. No call runs any more. */
void kdtls_work_exit(void)
{
	int cpu;

	for_each_possible_cpu(cpu)
		kdtls_work_free(per_cpu(kdtls_work_idle, cpu));
}
