// SPDX-License-Identifier: GPL-2.0
/* Records around the AEADs of those stacks that do not do this themselves. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "stack.h"

size_t stack_key_len(uint16_t cipher)
{
	switch (cipher) {
	case DTLS_CIPHER_AES_GCM_128:
	case DTLS_CIPHER_AES_CCM_128:
	case DTLS_CIPHER_AES_CCM_8_128:
		return 128 / 8;
	}
	return 256 / 8;
}

/* All of 16 bytes but that of CCM_8 (RFC 6655 section 4). */
size_t stack_tag_len(uint16_t cipher)
{
	return cipher == DTLS_CIPHER_AES_CCM_8_128 ? 8 : 16;
}

/* RFC 5288 section 3, RFC 6655 section 3; none in RFC 7905 section 2. */
size_t stack_explicit_len(uint16_t cipher)
{
	return cipher == DTLS_CIPHER_CHACHA20_POLY1305 ? 0 : 8;
}

/* Bytes 3 to 10 of the header are epoch and number: the 64-bit sequence. */
void stack_nonce(const struct stack_keys *keys, const uint8_t *header,
		 const uint8_t *explicit, uint8_t *nonce)
{
	int i;

	memcpy(nonce, keys->iv, STACK_NONCE);
	if (stack_explicit_len(keys->cipher)) {
		memcpy(nonce + 4, explicit, 8);
		return;
	}
	for (i = 0; i < 8; i++)
		nonce[4 + i] ^= header[3 + i];
}

/* seq_num + type + version + length (RFC 5246 section 6.2.3.3) */
void stack_aad(const uint8_t *header, size_t n, uint8_t *aad)
{
	memcpy(aad, header + 3, 8);
	memcpy(aad + 8, header, 3);
	aad[11] = n >> 8;
	aad[12] = n & 0xff;
}

size_t stack_put_explicit(struct stack_keys *keys, uint8_t *body)
{
	size_t n = stack_explicit_len(keys->cipher), i;

	for (i = 0; i < n; i++)
		body[i] = keys->nonce >> (56 - 8 * i);
	keys->nonce++;
	return n;
}

/* type, version {254, 253}, epoch, sequence_number, length (RFC 6347 4.1) */
static void put_header(uint8_t *header, uint8_t type, uint16_t epoch,
		       uint64_t seq, size_t len)
{
	int i;

	header[0] = type;
	header[1] = 254;
	header[2] = 253;
	header[3] = epoch >> 8;
	header[4] = epoch & 0xff;
	for (i = 0; i < 6; i++)
		header[5 + i] = seq >> (40 - 8 * i);
	header[11] = len >> 8;
	header[12] = len & 0xff;
}

size_t stack_seal(const struct stack *stack, struct stack_keys *keys,
		  uint8_t type, uint16_t epoch, uint64_t seq, const void *text,
		  size_t n, uint8_t *record)
{
	size_t len = stack_explicit_len(keys->cipher) + n +
		     stack_tag_len(keys->cipher);

	put_header(record, type, epoch, seq, len);
	if (stack->seal(keys, record, text, n, record + STACK_HEADER)) {
		fprintf(stderr, "# %s does not seal %zu bytes\n", stack->name, n);
		abort();
	}
	return STACK_HEADER + len;
}

long stack_open(const struct stack *stack, struct stack_keys *keys,
		const uint8_t *record, size_t n, uint8_t *text)
{
	size_t around = stack_explicit_len(keys->cipher) +
			stack_tag_len(keys->cipher);
	size_t len;

	if (n < STACK_HEADER)
		return -1;
	len = record[11] << 8 | record[12];
	if (len != n - STACK_HEADER || len < around || len - around > 16384)
		return -1;
	return stack->open(keys, record, record + STACK_HEADER, len, text);
}
