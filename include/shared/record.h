/* SPDX-License-Identifier: GPL-2.0 OR LGPL-2.1-or-later */
/*
 * The DTLS 1.2 record: its header, its additional data, its sizes
 * (RFC 6347 section 4.1, RFC 5246 section 6.2.3.3).
 */
#ifndef KDTLS_SHARED_RECORD_H
#define KDTLS_SHARED_RECORD_H

#include <shared/cipher.h>
#include <shared/types.h>

#define KDTLS_HEADER_LEN	13
#define KDTLS_AAD_LEN		13

/* Record numbers are 48 bits; this is the first that does not fit. */
#define KDTLS_SEQ_END		(1ULL << 48)

/**
 * struct kdtls_record - a record's header
 * @type: DTLS_CT_*
 * @version: DTLS_1_2_VERSION
 * @epoch: which keys it is protected with, 0 for none
 * @seq: its number in the epoch, below KDTLS_SEQ_END
 * @len: bytes that follow the header
 */
struct kdtls_record {
	u8	type;
	u16	version;
	u16	epoch;
	u64	seq;
	u16	len;
};

/* Bytes that @cipher adds to a payload, header included. */
static inline u32 kdtls_overhead(const struct kdtls_cipher *cipher)
{
	return KDTLS_HEADER_LEN + cipher->explicit_len + cipher->tag_len;
}

/**
 * kdtls_record_parse() - read the header of the record at the front of a buffer
 * @rec: where to put it
 * @p: the first bytes of the record
 * @avail: bytes from @p to the end of the datagram, of which the first
 *	KDTLS_HEADER_LEN, if there are that many, can be read at @p
 *
 * Checks that the header and the length in it fit into the datagram, and
 * nothing else: which types, versions and epochs are welcome depends on who is
 * asking.
 *
 * Return: 0, or -EBADMSG if there is no whole record.
 */
static inline int kdtls_record_parse(struct kdtls_record *rec, const u8 *p,
				     u32 avail)
{
	if (avail < KDTLS_HEADER_LEN)
		return -EBADMSG;
	rec->type = p[0];
	rec->version = kdtls_get_be16(p + 1);
	rec->epoch = kdtls_get_be16(p + 3);
	rec->seq = kdtls_get_be48(p + 5);
	rec->len = kdtls_get_be16(p + 11);
	if (rec->len > avail - KDTLS_HEADER_LEN)
		return -EBADMSG;
	return 0;
}

/* Write the header @rec to the KDTLS_HEADER_LEN bytes at @p. */
static inline void kdtls_record_write(const struct kdtls_record *rec, u8 *p)
{
	p[0] = rec->type;
	kdtls_put_be16(p + 1, rec->version);
	kdtls_put_be16(p + 3, rec->epoch);
	kdtls_put_be48(p + 5, rec->seq);
	kdtls_put_be16(p + 11, rec->len);
}

/*
 * Write the additional data of a record with @payload bytes of plaintext to the
 * KDTLS_AAD_LEN bytes at @aad.
 */
static inline void kdtls_record_aad(const struct kdtls_record *rec, u16 payload,
				    u8 *aad)
{
	kdtls_put_be16(aad, rec->epoch);
	kdtls_put_be48(aad + 2, rec->seq);
	aad[8] = rec->type;
	kdtls_put_be16(aad + 9, rec->version);
	kdtls_put_be16(aad + 11, payload);
}

/**
 * kdtls_record_payload() - size of a protected record's plaintext
 * @rec: its header
 * @cipher: what it is protected with
 *
 * Return: bytes, 0 to DTLS_MAX_PLAINTEXT, or -EBADMSG for a record that is too
 * short to hold nonce and tag, or too long.
 */
static inline int kdtls_record_payload(const struct kdtls_record *rec,
				       const struct kdtls_cipher *cipher)
{
	u32 around = cipher->explicit_len + cipher->tag_len;

	if (rec->len < around || rec->len - around > DTLS_MAX_PLAINTEXT)
		return -EBADMSG;
	return (int)(rec->len - around);
}

#endif /* KDTLS_SHARED_RECORD_H */
