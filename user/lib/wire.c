// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * What goes out and what comes in while a library does a handshake.
 *
 * What was read is known before anybody verified it. It is kept until the keys are
 * there. The library must never see a record of epoch 1 that was not kept, or it
 * could be replayed to the kernel: a record for which there is no room is cut off
 * the datagram, which a network may do as well.
 */
#include <stdlib.h>

#include <openssl/crypto.h>

#include "wire.h"

int kdtls_wire_init(struct kdtls_wire *w, const struct kdtls_wire_ops *ops,
		    void *arg)
{
	memset(w, 0, sizeof(*w));
	w->ops = ops;
	w->arg = arg;
	w->window = malloc(kdtls_window_bytes(KDTLS_SEED_WINDOW));
	if (!w->window)
		return -ENOMEM;
	kdtls_window_init(w->window, KDTLS_SEED_WINDOW, 0, 0);
	return 0;
}

void kdtls_wire_forget(struct kdtls_wire *w)
{
	unsigned int i;

	for (i = 0; i < w->n_candidates; i++)
		free(w->candidates[i]);
	w->n_candidates = 0;
	w->candidate_bytes = 0;
}

void kdtls_wire_clear(struct kdtls_wire *w)
{
	kdtls_wire_forget(w);
	kdtls_flight_clear(&w->flight);
	free(w->window);
	w->window = NULL;
}

/* ---- what goes out ---- */

static void keep_sealed(struct kdtls_sealed *s, const u8 *p, size_t len)
{
	s->len = 0;
	if (len > sizeof(s->bytes))
		return;
	memcpy(s->bytes, p, len);
	s->len = len;
}

static void wrote_record(struct kdtls_wire *w, const struct kdtls_record *rec,
			 const u8 *p, size_t len)
{
	if (rec->epoch == 0 || rec->type == DTLS_CT_HANDSHAKE) {
		if (w->turn)
			kdtls_flight_restart(&w->flight);
		w->turn = false;
	}
	if (rec->epoch > w->epoch)
		w->epoch = rec->epoch;
	if (rec->epoch == 0) {
		kdtls_flight_keep(&w->flight, p, len);
		return;
	}
	if (rec->type == DTLS_CT_HANDSHAKE)
		keep_sealed(&w->finished, p, len);
	else if (rec->type == DTLS_CT_ALERT)
		keep_sealed(&w->alert, p, len);
	if (rec->seq < w->next)
		return;
	w->next = rec->seq + 1;
	if (rec->len >= KDTLS_EXPLICIT_MAX)
		memcpy(w->nonce, p + KDTLS_HEADER_LEN, KDTLS_EXPLICIT_MAX);
}

void kdtls_wire_wrote(struct kdtls_wire *w, const u8 *p, size_t len)
{
	struct kdtls_record rec;
	size_t done = 0, n;

	while (!kdtls_record_parse(&rec, p + done, (u32)(len - done))) {
		n = (size_t)KDTLS_HEADER_LEN + rec.len;
		wrote_record(w, &rec, p + done, n);
		done += n;
	}
	if (len > w->flight.datagram)
		w->flight.datagram = len;
}

/* ---- what comes in ---- */

static bool keep_candidate(struct kdtls_wire *w, const u8 *p, size_t len)
{
	struct kdtls_candidate *c;

	if (w->n_candidates == KDTLS_CANDIDATES_MAX ||
	    w->candidate_bytes + len > KDTLS_CANDIDATES_BYTES)
		return false;
	c = malloc(sizeof(*c) + len);
	if (!c)
		return false;
	c->len = len;
	memcpy(c->bytes, p, len);
	w->candidates[w->n_candidates++] = c;
	w->candidate_bytes += len;
	return true;
}

/*
 * Make room. Once the key exchange is over, what does not verify never will.
 * Before, nothing can be told and nothing goes. A connection that cannot be handed
 * over in any case goes on without us.
 */
static bool make_room(struct kdtls_wire *w)
{
	struct kdtls_keys *keys;
	int err = w->ops->keys(w->arg, &keys);

	if (err == -EOPNOTSUPP) {
		w->hopeless = true;
		kdtls_wire_forget(w);
		return true;
	}
	if (err)
		return false;
	kdtls_wire_verify(w, keys);
	kdtls_keys_free(keys);
	return true;
}

static bool may_see(struct kdtls_wire *w, const u8 *p, size_t len)
{
	if (w->hopeless || keep_candidate(w, p, len))
		return true;
	return make_room(w) && (w->hopeless || keep_candidate(w, p, len));
}

size_t kdtls_wire_read(struct kdtls_wire *w, const u8 *p, size_t len)
{
	enum kdtls_taken taken = KDTLS_WHOLE;
	struct kdtls_record rec;
	size_t done = 0, n;

	w->turn = true;
	while (taken == KDTLS_WHOLE &&
	       !kdtls_record_parse(&rec, p + done, (u32)(len - done))) {
		n = (size_t)KDTLS_HEADER_LEN + rec.len;
		taken = w->ops->taken(w->arg, &rec);
		if (taken == KDTLS_CUT)
			break;
		if (rec.epoch && !may_see(w, p + done, n)) {
			w->dropped++;
			break;
		}
		done += n;
	}
	return done;
}

/* ---- verification ---- */

static bool ends(const struct kdtls_record *rec, const u8 *plain, int len)
{
	return rec->type == DTLS_CT_ALERT && len == 2 &&
	       (plain[0] == KDTLS_ALERT_FATAL || plain[1] == KDTLS_ALERT_CLOSE);
}

void kdtls_wire_verify(struct kdtls_wire *w, const struct kdtls_keys *keys)
{
	u8 *plain = malloc(DTLS_MAX_PLAINTEXT);
	const struct kdtls_candidate *c;
	struct kdtls_record rec;
	unsigned int i;
	int n;

	/* Without memory all stays as it is: kept, and not yet verified. */
	if (!plain)
		return;
	for (i = 0; i < w->n_candidates; i++) {
		c = w->candidates[i];
		if (kdtls_record_parse(&rec, c->bytes, (u32)c->len) ||
		    rec.epoch != 1 || rec.version != DTLS_1_2_VERSION)
			continue;
		n = kdtls_keys_open(keys->cipher, keys->rx_key, keys->rx_salt,
				    c->bytes, c->len, plain);
		if (n < 0)
			continue;
		kdtls_window_commit(w->window, rec.seq);
		w->ended |= ends(&rec, plain, n);
	}
	kdtls_wire_forget(w);
	OPENSSL_cleanse(plain, DTLS_MAX_PLAINTEXT);
	free(plain);
}

void kdtls_wire_window(struct kdtls_wire *w, u64 *next, u64 *seen)
{
	u64 i;

	*next = w->window->next;
	*seen = 0;
	for (i = 0; i < KDTLS_SEED_WINDOW && i < *next; i++)
		if (kdtls_window_check(w->window, *next - 1 - i))
			*seen |= 1ULL << i;
}
