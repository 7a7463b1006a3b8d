// SPDX-License-Identifier: GPL-2.0
/*
 * include/shared/record.h and nonce.h: a train of datagrams, taken apart as
 * kernel/receive.c does it.
 *
 * The input: which cipher (1 byte), size of the train's segments (2; 0: one
 * datagram), bytes behind those that are given (2), and then the bytes. What is
 * behind them is all ones, where no record can begin; it makes long records out
 * of short inputs.
 */
#include <shared/nonce.h>
#include <shared/record.h>

#include "fuzz.h"

#define DATAGRAM_MAX	65535
#define SEGMENTS_MAX	64

/* What the kernel keeps of a datagram while it is taken apart. */
struct walk {
	const struct kdtls_cipher *cipher;
	const u8	*bytes;
	u32		given;	/* of @bytes */
	u32		len;	/* of the train */
	u32		used;	/* of the buffer for what was opened */
};

static u32 smaller(u32 a, u32 b)
{
	return a < b ? a : b;
}

/* A number as it is written: the highest byte first. */
static u64 number(const u8 *p, int n)
{
	u64 v = 0;

	while (n--)
		v = v * 256 + *p++;
	return v;
}

static u8 *peek(const struct walk *w, u32 offset, u32 n)
{
	u32 given = offset < w->given ? smaller(n, w->given - offset) : 0;
	u8 *p = fuzz_alloc(n);

	if (given)
		memcpy(p, w->bytes + offset, given);
	memset(p + given, 0xff, n - given);
	return p;
}

/* The header as the RFC draws it, read without the code that is tested. */
static void check_header(const struct kdtls_record *rec, const u8 *p)
{
	u8 *again = fuzz_alloc(KDTLS_HEADER_LEN);

	MUST(rec->type == p[0]);
	MUST(rec->version == number(p + 1, 2));
	MUST(rec->epoch == number(p + 3, 2));
	MUST(rec->seq == number(p + 5, 6));
	MUST(rec->len == number(p + 11, 2));
	MUST(rec->seq < KDTLS_SEQ_END);

	kdtls_record_write(rec, again);
	MUST(!memcmp(again, p, KDTLS_HEADER_LEN));
	fuzz_free(again);
}

static void check_aad(const struct kdtls_record *rec, u16 payload)
{
	u8 *aad = fuzz_alloc(KDTLS_AAD_LEN);

	kdtls_record_aad(rec, payload, aad);
	MUST(number(aad, 2) == rec->epoch);
	MUST(number(aad + 2, 6) == rec->seq);
	MUST(aad[8] == rec->type);
	MUST(number(aad + 9, 2) == rec->version);
	MUST(number(aad + 11, 2) == payload);
	fuzz_free(aad);
}

/* No two records of a key may have one nonce: it must tell which one it is. */
static void check_nonce(const struct kdtls_record *rec,
			const struct kdtls_cipher *c, const u8 *body)
{
	u8 *salt = fuzz_alloc(c->salt_len), *nonce = fuzz_alloc(KDTLS_NONCE_LEN);
	u8 *on_wire = fuzz_copy(body, c->explicit_len);
	int i;

	for (i = 0; i < c->salt_len; i++)
		salt[i] = (u8)(rec->type + 31 * i);
	kdtls_nonce(c, salt, rec->epoch, rec->seq,
		    c->explicit_len ? on_wire : NULL, nonce);
	if (c->explicit_len) {
		MUST(!memcmp(nonce, salt, c->salt_len));
		MUST(!memcmp(nonce + c->salt_len, on_wire, c->explicit_len));
	} else {
		for (i = 0; i < KDTLS_NONCE_LEN; i++)
			nonce[i] ^= salt[i];
		MUST(!number(nonce, 4));
		MUST(number(nonce + 4, 2) == rec->epoch);
		MUST(number(nonce + 6, 6) == rec->seq);
	}
	fuzz_free(on_wire);
	fuzz_free(nonce);
	fuzz_free(salt);
}

/* Bytes of payload, -1 for a record that has none. */
static int check_payload(const struct kdtls_record *rec,
			 const struct kdtls_cipher *c)
{
	int payload = kdtls_record_payload(rec, c);
	int around = c->type == DTLS_CIPHER_CHACHA20_POLY1305 ? 16 : 24;

	if (rec->len < around || rec->len > around + 16384) {
		MUST(payload == -EBADMSG);
		return -1;
	}
	MUST(payload == rec->len - around);
	MUST(kdtls_overhead(c) + payload == 13u + rec->len);
	return payload;
}

/* Every record opens: so much room is never needed, and must be there. */
static void protected_record(struct walk *w, const struct kdtls_record *rec,
			     u32 offset)
{
	int payload = check_payload(rec, w->cipher);
	u8 *body;

	if (payload < 0)
		return;
	MUST(w->used + rec->len <= w->len);
	w->used += payload;

	body = peek(w, offset, w->cipher->explicit_len);
	check_nonce(rec, w->cipher, body);
	check_aad(rec, (u16)payload);
	fuzz_free(body);
}

static void raw_record(struct walk *w, const struct kdtls_record *rec)
{
	w->used += KDTLS_HEADER_LEN + rec->len;
	MUST(w->used <= w->len);
}

/* Is there a whole record at @p, @avail bytes before the end? */
static bool whole(const u8 *p, u32 avail)
{
	return avail >= 13 && 13 + number(p + 11, 2) <= avail;
}

/* The bytes from @offset to @end; see kdtls_receive_datagram() of the kernel. */
static void datagram(struct walk *w, u32 offset, u32 end)
{
	struct kdtls_record rec;
	u8 *header;
	int err;

	do {
		header = peek(w, offset, smaller(end - offset, 13));
		err = kdtls_record_parse(&rec, header, end - offset);
		MUST(err == (whole(header, end - offset) ? 0 : -EBADMSG));
		if (!err)
			check_header(&rec, header);
		fuzz_free(header);
		if (err)
			return;
		if (rec.epoch)
			protected_record(w, &rec, offset + KDTLS_HEADER_LEN);
		else
			raw_record(w, &rec);
		offset += KDTLS_HEADER_LEN + rec.len;
		MUST(offset <= end);
	} while (offset < end);
}

void fuzz_one(const u8 *data, size_t len)
{
	static const u16 ciphers[] = {
		DTLS_CIPHER_AES_GCM_128, DTLS_CIPHER_AES_GCM_256,
		DTLS_CIPHER_CHACHA20_POLY1305,
	};
	struct fuzz_input in = { data, len };
	struct walk w = {
		.cipher = kdtls_cipher_find(ciphers[fuzz_take(&in, 1) % 3]),
	};
	u32 segment = (u32)fuzz_take(&in, 2);
	u32 more = (u32)fuzz_take(&in, 2), offset = 0, n;

	w.bytes = in.p;
	w.given = smaller(in.left, DATAGRAM_MAX);
	w.len = smaller(w.given + more, DATAGRAM_MAX);
	if (segment < w.len / SEGMENTS_MAX + 1)
		segment = w.len;
	do {
		n = smaller(segment, w.len - offset);
		datagram(&w, offset, offset + n);
		offset += n;
	} while (offset < w.len);
}

static void put_header(struct fuzz_output *out, u8 type, u16 epoch, u64 seq,
		       u16 len)
{
	fuzz_put(out, type, 1);
	fuzz_put(out, DTLS_1_2_VERSION, 2);
	fuzz_put(out, epoch, 2);
	fuzz_put(out, seq, 6);
	fuzz_put(out, len, 2);
}

/* One record of @len bytes in a datagram that has @more of them. */
static void seed_one(int cipher, u16 len, u16 more)
{
	struct fuzz_output out = { .len = 0 };

	fuzz_put(&out, cipher, 1);
	fuzz_put(&out, 0, 2);
	fuzz_put(&out, more, 2);
	put_header(&out, DTLS_CT_APPLICATION_DATA, 1, 5, len);
	fuzz_put_seed(&out);
}

static void seed_train(int cipher)
{
	struct fuzz_output out = { .len = 0 };
	u64 seq;

	fuzz_put(&out, cipher, 1);
	fuzz_put(&out, KDTLS_HEADER_LEN + 26, 2);
	fuzz_put(&out, 0, 2);
	for (seq = KDTLS_SEQ_END - 3; seq < KDTLS_SEQ_END; seq++) {
		put_header(&out, DTLS_CT_APPLICATION_DATA, 1, seq, 26);
		out.len += 26;
	}
	fuzz_put_seed(&out);
}

/* Records of epoch 0, a protected one behind them, and some bytes of nothing. */
static void seed_flight(int cipher)
{
	struct fuzz_output out = { .len = 0 };

	fuzz_put(&out, cipher, 1);
	fuzz_put(&out, 0, 2);
	fuzz_put(&out, 0, 2);
	put_header(&out, DTLS_CT_HANDSHAKE, 0, 3, 12);
	out.len += 12;
	put_header(&out, DTLS_CT_CHANGE_CIPHER_SPEC, 0, 4, 1);
	fuzz_put(&out, 1, 1);
	put_header(&out, DTLS_CT_HANDSHAKE, 1, 0, 48);
	out.len += 48;
	fuzz_put(&out, DTLS_CT_HANDSHAKE, 7);
	fuzz_put_seed(&out);
}

void fuzz_seeds(void)
{
	static const u16 len[] = {
		0, 15, 16, 17, 23, 24, 25, 16400, 16401, 16408, 16409, 65522,
	};
	int cipher;
	size_t i;

	for (cipher = 0; cipher < 3; cipher++) {
		for (i = 0; i < sizeof(len) / sizeof(len[0]); i++) {
			seed_one(cipher, len[i], len[i]);
			seed_one(cipher, len[i], len[i] + 13);
			seed_one(cipher, len[i], len[i] - 1);
		}
		seed_train(cipher);
		seed_flight(cipher);
	}
}
