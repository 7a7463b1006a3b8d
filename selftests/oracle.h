/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The oracle: seals and opens DTLS 1.2 records with OpenSSL, written from the
 * RFCs and not from the code that it judges.
 */
#ifndef KDTLS_SELFTESTS_ORACLE_H
#define KDTLS_SELFTESTS_ORACLE_H

#include <stddef.h>
#include <stdint.h>
#include <openssl/evp.h>

#define ORACLE_HEADER		13
#define ORACLE_TAG		16	/* the longest */
#define ORACLE_VERSION		0xfefd
#define ORACLE_MAX_RECORD	(ORACLE_HEADER + 8 + 16384 + ORACLE_TAG + 64)
#define ORACLE_SEQ_END		(1ULL << 48)

/**
 * struct oracle - one direction of a session, as the oracle knows it
 * @cipher: DTLS_CIPHER_*
 * @epoch: the epoch of its keys
 * @seq: the number that the next record sealed takes
 * @nonce: the explicit nonce that the next record sealed takes
 * @key: the write key
 * @iv: the salt, or the whole write IV
 * @enc: OpenSSL's context to seal with
 * @dec: OpenSSL's context to open with
 */
struct oracle {
	uint16_t	cipher;
	uint16_t	epoch;
	uint64_t	seq;
	uint64_t	nonce;
	uint8_t		key[32];
	uint8_t		iv[12];
	EVP_CIPHER_CTX	*enc;
	EVP_CIPHER_CTX	*dec;
};

/**
 * struct record - a record, opened or to be sealed
 * @type: content type
 * @version: version on the wire
 * @epoch: epoch on the wire
 * @seq: number on the wire
 * @nonce: explicit nonce on the wire, if the cipher has one
 * @len: bytes of plaintext
 * @wire: bytes of the whole record
 * @data: the plaintext
 */
struct record {
	uint8_t		type;
	uint16_t	version;
	uint16_t	epoch;
	uint64_t	seq;
	uint64_t	nonce;
	size_t		len;
	size_t		wire;
	uint8_t		data[16384 + 64];
};

/* Give @o fresh random keys of @cipher. */
void oracle_init(struct oracle *o, uint16_t cipher, uint16_t epoch,
		 uint64_t seq);
void oracle_free(struct oracle *o);
/* Give @o these keys instead of its own. */
void oracle_rekey(struct oracle *o, const uint8_t *key, const uint8_t *iv);

/* What @o's cipher takes, in bytes. */
size_t oracle_key_len(const struct oracle *o);
size_t oracle_salt_len(const struct oracle *o);
size_t oracle_tag_len(const struct oracle *o);
size_t oracle_explicit_len(const struct oracle *o);
size_t oracle_overhead(const struct oracle *o);

/* Write a record's header to @out. */
void oracle_header(uint8_t *out, uint8_t type, uint16_t version, uint16_t epoch,
		   uint64_t seq, uint16_t len);

/*
 * Seal @n bytes under the given header, which is believed in everything, with
 * the explicit nonce @nonce. Returns the bytes written to @out.
 */
size_t oracle_seal_as(struct oracle *o, uint8_t type, uint16_t version,
		      uint16_t epoch, uint64_t seq, uint64_t nonce,
		      const void *data, size_t n, uint8_t *out);

/* Seal @n bytes as record number @seq of the session. */
size_t oracle_seal_seq(struct oracle *o, uint8_t type, uint64_t seq,
		       const void *data, size_t n, uint8_t *out);

/* Seal @n bytes as the next record of the session. */
size_t oracle_seal(struct oracle *o, uint8_t type, const void *data, size_t n,
		   uint8_t *out);

/*
 * Open the first record in @n bytes. Returns 0, or -EBADMSG if there is none
 * or its tag does not verify.
 */
int oracle_open(struct oracle *o, const uint8_t *wire, size_t n,
		struct record *r);

#endif /* KDTLS_SELFTESTS_ORACLE_H */
