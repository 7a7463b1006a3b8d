// SPDX-License-Identifier: GPL-2.0
#include <stdlib.h>
#include <string.h>

#include "fake_kernel.h"
#include "fake_session.h"
#include "pair.h"

/* Of a structure with salt and explicit nonce. */
#define TAKE_SALTED(type)						\
	({								\
		const struct dtls12_crypto_info_##type *c = v;		\
									\
		if (n == sizeof(*c)) {					\
			memcpy(d->key, c->key, sizeof(c->key));		\
			memcpy(d->salt, c->salt, sizeof(c->salt));	\
			d->nonce = kdtls_get_be64(c->iv);		\
		}							\
		n == sizeof(*c);					\
	})

static bool take_keys(struct fake_direction *d, const void *v, size_t n)
{
	const struct dtls12_crypto_info_chacha20_poly1305 *chacha = v;

	switch (chacha->info.cipher_type) {
	case DTLS_CIPHER_AES_GCM_128:
		return TAKE_SALTED(aes_gcm_128);
	case DTLS_CIPHER_AES_GCM_256:
		return TAKE_SALTED(aes_gcm_256);
	case DTLS_CIPHER_AES_CCM_128:
		return TAKE_SALTED(aes_ccm_128);
	case DTLS_CIPHER_AES_CCM_256:
		return TAKE_SALTED(aes_ccm_256);
	case DTLS_CIPHER_AES_CCM_8_128:
		return TAKE_SALTED(aes_ccm_8_128);
	}
	if (n != sizeof(*chacha))
		return false;
	memcpy(d->key, chacha->key, sizeof(chacha->key));
	memcpy(d->salt, chacha->iv, sizeof(chacha->iv));
	return true;
}

static void note(const struct dtls_crypto_info *info, bool tx, u64 nonce)
{
	if (tx) {
		fake_seen.tx_seq = info->rec_seq;
		fake_seen.tx_nonce = nonce;
	} else {
		fake_seen.rx_seq = info->rec_seq;
		fake_seen.rx_bits = info->seen;
	}
}

int fake_session_install(struct fake_session *s, bool tx, const void *v,
			 size_t n)
{
	const struct dtls_crypto_info *info = v;
	struct fake_direction *d = tx ? &s->tx : &s->rx;
	int *inject = tx ? &fake_fail_tx : &fake_fail_rx;

	if (*inject) {
		int err = *inject;

		*inject = 0;
		return -err;
	}
	if (d->cipher)
		return -EKEYREJECTED;
	if (n < sizeof(*info) || info->version != DTLS_1_2_VERSION ||
	    info->epoch != 1 || (tx && (info->window || info->seen)))
		return -EINVAL;
	d->seq = info->rec_seq;
	if (!take_keys(d, v, n) || (!tx && d->nonce))
		return -EINVAL;
	d->cipher = kdtls_cipher_find(info->cipher_type);
	note(info, tx, d->nonce);
	if (tx)
		return 0;
	s->window = malloc(kdtls_window_bytes(64));
	kdtls_window_init(s->window, 64, info->rec_seq, info->seen);
	return 0;
}

void fake_session_clear(struct fake_session *s)
{
	free(s->window);
	s->window = NULL;
	memset(&s->tx, 0, sizeof(s->tx));
	memset(&s->rx, 0, sizeof(s->rx));
}

size_t fake_session_seal(struct fake_session *s, u8 type, const u8 *p,
			 size_t len, u8 *out)
{
	struct fake_direction *d = &s->tx;

	return pair_seal(d->cipher, d->key, d->salt, type, d->seq++, d->nonce++,
			 p, len, out);
}

int fake_session_open(struct fake_session *s, const struct kdtls_record *rec,
		      const u8 *p, size_t len, u8 *plain)
{
	int n;

	if (rec->epoch != 1 || rec->version != DTLS_1_2_VERSION ||
	    kdtls_window_check(s->window, rec->seq))
		return -1;
	n = kdtls_keys_open(s->rx.cipher, s->rx.key, s->rx.salt, p, len, plain);
	if (n < 0)
		return -1;
	kdtls_window_commit(s->window, rec->seq);
	s->rx_records++;
	s->rx_bytes += (u64)n;
	if (rec->type == DTLS_CT_ALERT && n == 2 && plain[1] == 0)
		s->peer_closed = true;
	return n;
}

void fake_session_info(const struct fake_session *s, struct dtls_info *info)
{
	memset(info, 0, sizeof(*info));
	info->version = DTLS_1_2_VERSION;
	info->tx_epoch = 1;
	info->rx_epoch = 1;
	info->tx_seq = s->tx.seq;
	info->rx_seq = s->window ? s->window->next : 0;
	if (s->tx.cipher)
		info->overhead = kdtls_overhead(s->tx.cipher);
	info->state = (s->tx.cipher ? DTLS_STATE_TX : 0) |
		      (s->rx.cipher ? DTLS_STATE_RX : 0) |
		      (s->peer_closed ? DTLS_STATE_PEER_CLOSED : 0);
	info->rx_records = s->rx_records;
	info->rx_bytes = s->rx_bytes;
	info->rx_bad = s->rx_bad;
}
