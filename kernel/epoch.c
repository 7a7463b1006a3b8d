// SPDX-License-Identifier: GPL-2.0
/* The keys of one epoch in one direction, and what is counted with them. */
#include <linux/slab.h>

#include "aead.h"
#include "compat.h"
#include "context.h"
#include "epoch.h"

static void kdtls_epoch_init_tx(struct kdtls_epoch *epoch,
				const struct dtls_crypto_info *info,
				const u8 *explicit_nonce)
{
	atomic64_set(&epoch->tx_seq, info->rec_seq);
	if (epoch->cipher->explicit_len)
		epoch->tx_explicit = kdtls_get_be64(explicit_nonce) -
				     info->rec_seq;
}

static void kdtls_epoch_init_rx(struct kdtls_epoch *epoch,
				const struct dtls_crypto_info *info)
{
	spin_lock_init(&epoch->lock);
	kdtls_window_init(&epoch->window, info->window, info->rec_seq,
			  info->seen);
}

/**
 * kdtls_epoch_new() - make an epoch out of what user space installs
 * @cipher: the cipher suite
 * @info: the validated head of the install; a window of 0 makes no window, for
 *	sending
 * @key: @cipher->key_len bytes
 * @salt: @cipher->salt_len bytes
 * @explicit_nonce: @cipher->explicit_len bytes, the nonce of the next record
 * @limits: what user space asked for
 * @lent: the cipher with the key comes from the pool, when there is need of it
 *
 * Context: Process context, may sleep.
 * Return: the epoch with one reference, or an ERR_PTR(): -ENOMEM, or -ENOENT
 * when the kernel does not have the cipher.
 */
struct kdtls_epoch *kdtls_epoch_new(const struct kdtls_cipher *cipher,
				    const struct dtls_crypto_info *info,
				    const u8 *key, const u8 *salt,
				    const u8 *explicit_nonce,
				    const struct dtls_limits *limits, bool lent)
{
	struct kdtls_epoch *epoch;
	size_t size = sizeof(*epoch);
	int err;

	if (info->window)
		size = max(size, offsetof(struct kdtls_epoch, window) +
				 kdtls_window_bytes(info->window));
	epoch = kzalloc(size, GFP_KERNEL_ACCOUNT);
	if (!epoch)
		return ERR_PTR(-ENOMEM);

	if (lent) {
		err = kdtls_cipher_probe(cipher);
	} else {
		epoch->tfm = kdtls_aead_new(cipher, key);
		err = PTR_ERR_OR_ZERO(epoch->tfm);
	}
	if (err) {
		kfree(epoch);
		return ERR_PTR(err);
	}

	refcount_set(&epoch->refs, 1);
	epoch->number = info->epoch;
	epoch->cipher = cipher;
	memcpy(epoch->salt, salt, cipher->salt_len);
	memcpy(epoch->key, key, cipher->key_len);
	epoch->limits = *limits;
	kdtls_limits_fill(&epoch->limits, cipher);
	if (info->window)
		kdtls_epoch_init_rx(epoch, info);
	else
		kdtls_epoch_init_tx(epoch, info, explicit_nonce);
	return epoch;
}

/**
 * kdtls_epoch_same_key() - do two epochs have the same key?
 * @a: an epoch, or NULL
 * @b: an epoch
 *
 * If so, the records of one would repeat the other's nonces.
 */
bool kdtls_epoch_same_key(const struct kdtls_epoch *a,
			  const struct kdtls_epoch *b)
{
	return a && a->cipher->key_len == b->cipher->key_len &&
	       !crypto_memneq(a->key, b->key, a->cipher->key_len);
}

/**
 * kdtls_epoch_get() - take a reference on the epoch that a pointer names now
 * @from: the pointer
 *
 * An epoch that is being replaced may have lost its last reference already; the
 * pointer names another one then.
 *
 * Return: the epoch, or NULL if there is none.
 */
struct kdtls_epoch *kdtls_epoch_get(struct kdtls_epoch __rcu **from)
{
	struct kdtls_epoch *epoch;

	rcu_read_lock();
	do {
		epoch = rcu_dereference(*from);
	} while (epoch && !refcount_inc_not_zero(&epoch->refs));
	rcu_read_unlock();
	return epoch;
}

/**
 * kdtls_epoch_put() - drop a reference; the last one wipes the keys at once
 * @epoch: an epoch, or NULL
 *
 * Context: Process context, may sleep.
 */
void kdtls_epoch_put(struct kdtls_epoch *epoch)
{
	if (!epoch || !refcount_dec_and_test(&epoch->refs))
		return;
	crypto_free_aead(epoch->tfm);
	kdtls_context_drop(epoch);
	memzero_explicit(epoch->salt, sizeof(epoch->salt));
	memzero_explicit(epoch->key, sizeof(epoch->key));
	kfree_rcu(epoch, rcu);
}

static int kdtls_epoch_take_blocks(struct kdtls_epoch *epoch, u64 blocks)
{
	s64 sealed = atomic64_read(&epoch->tx_blocks);

	do {
		if ((u64)sealed + blocks > epoch->limits.seal_hard)
			return -EKEYEXPIRED;
	} while (!atomic64_try_cmpxchg(&epoch->tx_blocks, &sealed,
				       sealed + blocks));
	return 0;
}

/**
 * kdtls_epoch_take() - take record numbers for sending
 * @epoch: a sending epoch
 * @count: how many, in a row
 * @blocks: what the records count against the limits of the key
 * @first: where to put the first
 *
 * What was taken is gone, whether or not a record with it is ever sent. All of
 * it or nothing is taken.
 *
 * Return: 0, or -EKEYEXPIRED when the epoch has not that much left.
 */
int kdtls_epoch_take(struct kdtls_epoch *epoch, u32 count, u64 blocks,
		     u64 *first)
{
	s64 seq = atomic64_read(&epoch->tx_seq);
	int err;

	err = kdtls_epoch_take_blocks(epoch, blocks);
	if (err)
		return err;
	do {
		if ((u64)seq + count > KDTLS_SEQ_END)
			return -EKEYEXPIRED;
	} while (!atomic64_try_cmpxchg(&epoch->tx_seq, &seq, seq + count));
	*first = seq;
	return 0;
}

/* Set a bit that a limit was reached; is this the first time? */
static bool kdtls_epoch_tell(struct kdtls_epoch *epoch,
			     enum kdtls_epoch_bit bit)
{
	return !test_bit(bit, &epoch->flags) &&
	       !test_and_set_bit(bit, &epoch->flags);
}

/**
 * kdtls_epoch_tx_worn() - is it time for a new sending key?
 * @epoch: a sending epoch
 *
 * Return: true once, when a soft limit is reached.
 */
bool kdtls_epoch_tx_worn(struct kdtls_epoch *epoch)
{
	if ((u64)atomic64_read(&epoch->tx_blocks) < epoch->limits.seal_soft &&
	    (u64)atomic64_read(&epoch->tx_seq) < KDTLS_SEQ_SOFT)
		return false;
	return kdtls_epoch_tell(epoch, KDTLS_EPOCH_REKEY);
}

/**
 * kdtls_epoch_rx_worn() - is it time for a new receiving key?
 * @epoch: a receiving epoch
 *
 * Return: true once, when the soft limit of failures is reached.
 */
bool kdtls_epoch_rx_worn(struct kdtls_epoch *epoch)
{
	if ((u64)atomic64_read(&epoch->failures) < epoch->limits.fail_soft)
		return false;
	return kdtls_epoch_tell(epoch, KDTLS_EPOCH_REKEY);
}

/**
 * kdtls_epoch_expire() - a hard limit was met
 * @epoch: an epoch
 *
 * Return: true the first time.
 */
bool kdtls_epoch_expire(struct kdtls_epoch *epoch)
{
	return kdtls_epoch_tell(epoch, KDTLS_EPOCH_EXPIRED);
}

/**
 * kdtls_epoch_ready() - get at the cipher with the epoch's key
 * @epoch: the epoch; the caller's reference outlives @work
 * @work: scratch memory of the call; it keeps the cipher until it is given back
 *
 * Sealing and opening do this themselves. Who must not fail then calls it before.
 *
 * Context: Process context, may sleep.
 * Return: 0 or -ENOMEM.
 */
int kdtls_epoch_ready(struct kdtls_epoch *epoch, struct kdtls_work *work)
{
	struct kdtls_context *context = NULL;
	struct crypto_aead *tfm = epoch->tfm;

	if (work->epoch == epoch)
		return 0;
	if (!tfm) {
		context = kdtls_context_get(epoch);
		if (IS_ERR(context))
			return PTR_ERR(context);
		tfm = context->tfm;
	}
	kdtls_context_put(work->context);
	work->context = context;
	work->epoch = NULL;
	if (kdtls_work_set_cipher(work, tfm))
		return -ENOMEM;
	work->epoch = epoch;
	return 0;
}

static void kdtls_epoch_set_nonce(struct kdtls_epoch *epoch,
				  struct kdtls_work *work,
				  const struct kdtls_record *rec, u16 payload,
				  const u8 *explicit_nonce)
{
	u8 *nonce = work->iv;

	/*
	 * The kernel's CCM takes its first counter block: the bytes that count
	 * less one, which a nonce of 12 leaves 3 of, the nonce, and the count
	 * (RFC 3610 section 2.3).
	 */
	if (crypto_aead_ivsize(crypto_aead_reqtfm(work->req)) >
	    KDTLS_NONCE_LEN) {
		memset(work->iv, 0, sizeof(work->iv));
		*nonce++ = KDTLS_IV_LEN - 1 - KDTLS_NONCE_LEN - 1;
	}
	kdtls_nonce(epoch->cipher, epoch->salt, rec->epoch, rec->seq,
		    explicit_nonce, nonce);
	kdtls_record_aad(rec, payload, work->aad);
	aead_request_set_ad(work->req, KDTLS_AAD_LEN);
}

static void kdtls_map(struct kdtls_work *work, struct scatterlist *sg, u8 *buf,
		      u32 len)
{
	sg_init_table(sg, 2);
	sg_set_buf(&sg[0], work->aad, KDTLS_AAD_LEN);
	sg_set_buf(&sg[1], buf, len);
}

/**
 * kdtls_epoch_seal() - turn a payload into a record, in place
 * @epoch: a sending epoch
 * @work: scratch memory of the call
 * @type: content type, DTLS_CT_*
 * @seq: a number of which kdtls_epoch_take() made this call the only owner
 * @record: where the record goes; the payload stands behind the room for header
 *	and explicit nonce already, the room for the tag is behind it
 * @payload: its bytes
 *
 * Context: Process context, may sleep.
 * Return: 0 or a negative errno, after which nothing of the record may be sent.
 */
int kdtls_epoch_seal(struct kdtls_epoch *epoch, struct kdtls_work *work,
		     u8 type, u64 seq, u8 *record, u16 payload)
{
	const struct kdtls_cipher *cipher = epoch->cipher;
	u8 *explicit_nonce = record + KDTLS_HEADER_LEN;
	struct kdtls_record rec = {
		.type = type,
		.version = DTLS_1_2_VERSION,
		.epoch = epoch->number,
		.seq = seq,
		.len = cipher->explicit_len + payload + cipher->tag_len,
	};

	int err = kdtls_epoch_ready(epoch, work);

	if (err)
		return err;
	kdtls_record_write(&rec, record);
	if (cipher->explicit_len)
		kdtls_put_be64(explicit_nonce, epoch->tx_explicit + seq);
	kdtls_epoch_set_nonce(epoch, work, &rec, payload, explicit_nonce);

	kdtls_map(work, work->src, explicit_nonce + cipher->explicit_len,
		  payload + cipher->tag_len);
	aead_request_set_crypt(work->req, work->src, work->src, payload,
			       work->iv);
	return crypto_wait_req(crypto_aead_encrypt(work->req), &work->wait);
}

/**
 * kdtls_epoch_check() - may a record of this number still be opened?
 * @epoch: a receiving epoch
 * @seq: the number
 *
 * Return: 0; -EALREADY for a replay, -ESTALE for one too old, -EKEYEXPIRED when
 * so many records failed to verify that the key must not be used any more.
 */
int kdtls_epoch_check(struct kdtls_epoch *epoch, u64 seq)
{
	int err;

	if (!kdtls_epoch_check_limit(epoch))
		return -EKEYEXPIRED;
	spin_lock(&epoch->lock);
	err = kdtls_window_check(&epoch->window, seq);
	spin_unlock(&epoch->lock);
	return err;
}

static int kdtls_epoch_commit(struct kdtls_epoch *epoch, u64 seq)
{
	int err;

	spin_lock(&epoch->lock);
	err = kdtls_window_commit(&epoch->window, seq);
	spin_unlock(&epoch->lock);
	return err;
}

/*
 * Point the cipher at the @len bytes of ciphertext at @offset in the skb and at
 * @to for the plaintext. The skb is only read: its pages may belong to somebody
 * else as well. A datagram in many pieces is copied to @to, which is ours, and
 * opened there.
 */
static int kdtls_map_skb(struct kdtls_work *work, struct sk_buff *skb,
			 u32 offset, u32 len, u8 *to)
{
	int nents;

	kdtls_map(work, work->dst, to, len);
	if (offset + len <= skb_headlen(skb)) {
		kdtls_map(work, work->src, skb->data + offset, len);
		return 0;
	}
	if (skb_has_frag_list(skb)) {
		kdtls_map(work, work->src, to, len);
		return skb_copy_bits(skb, offset, to, len);
	}
	sg_init_table(work->src, skb_shinfo(skb)->nr_frags + 2);
	sg_set_buf(&work->src[0], work->aad, KDTLS_AAD_LEN);
	nents = skb_to_sgvec(skb, work->src + 1, offset, len);
	return nents < 0 ? nents : 0;
}

/**
 * kdtls_epoch_open() - verify and decrypt a record, and move the window
 * @epoch: a receiving epoch
 * @work: scratch memory of the call
 * @rec: the record's header
 * @payload: from kdtls_record_payload()
 * @skb: the datagram, or train, that holds it
 * @offset: where the record's bytes after the header are in @skb
 * @to: where the payload goes; @rec->len bytes
 *
 * Context: Process context, may sleep.
 * Return: 0; -EBADMSG if it does not verify; -EALREADY or -ESTALE if another
 * thread opened its like meanwhile; another negative errno if it could not be
 * tried, which says nothing about the record.
 */
int kdtls_epoch_open(struct kdtls_epoch *epoch, struct kdtls_work *work,
		     const struct kdtls_record *rec, u16 payload,
		     struct sk_buff *skb, u32 offset, u8 *to)
{
	const struct kdtls_cipher *cipher = epoch->cipher;
	u32 sealed = payload + cipher->tag_len;
	u8 explicit_nonce[KDTLS_EXPLICIT_MAX];
	int err;

	err = kdtls_epoch_ready(epoch, work);
	if (err)
		return err;
	err = skb_copy_bits(skb, offset, explicit_nonce, cipher->explicit_len);
	if (err)
		return err;
	kdtls_epoch_set_nonce(epoch, work, rec, payload, explicit_nonce);
	err = kdtls_map_skb(work, skb, offset + cipher->explicit_len, sealed,
			    to);
	if (err)
		return err;

	aead_request_set_crypt(work->req, work->src, work->dst, sealed,
			       work->iv);
	err = crypto_wait_req(crypto_aead_decrypt(work->req), &work->wait);
	if (err)
		return err;
	return kdtls_epoch_commit(epoch, rec->seq);
}

/**
 * kdtls_epoch_count_failure() - a record did not verify
 * @epoch: its epoch
 */
void kdtls_epoch_count_failure(struct kdtls_epoch *epoch)
{
	atomic64_inc(&epoch->failures);
}
