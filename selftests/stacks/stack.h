/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Other people's cryptography, sealing and opening records of DTLS 1.2. What is
 * here knows the RFCs and each library's interface, and nothing of ours but the
 * numbers of the ciphers.
 */
#ifndef KDTLS_SELFTESTS_STACK_H
#define KDTLS_SELFTESTS_STACK_H

#include <stddef.h>
#include <stdint.h>
#include <linux/kdtls.h>

#define STACK_HEADER	13
#define STACK_AAD	13
#define STACK_NONCE	12
#define STACK_AROUND	24	/* explicit nonce and tag, at most */
#define STACK_MAX	(STACK_HEADER + 16384 + STACK_AROUND)

/**
 * struct stack_keys - one direction of a session, as a stack has it
 * @cipher: DTLS_CIPHER_*
 * @key: the write key
 * @iv: the salt, or the whole write IV
 * @nonce: the explicit nonce that the next record sealed takes, if the stack
 *	lets us choose
 * @of_stack: whatever the stack keeps
 */
struct stack_keys {
	uint16_t	cipher;
	uint8_t		key[32];
	uint8_t		iv[STACK_NONCE];
	uint64_t	nonce;
	void		*of_stack;
};

/**
 * struct stack - a library
 * @name: what people call it
 * @begin: take the keys; returns NULL, or why this cannot be done
 * @end: forget them
 * @seal: seal the @n bytes at @text under @header and write what follows it to
 *	@body; returns 0, or -1
 * @open: the other way: @n bytes at @body to @text; returns the bytes of text,
 *	or -1 if they do not verify
 */
struct stack {
	const char	*name;
	const char	*(*begin)(struct stack_keys *keys);
	void		(*end)(struct stack_keys *keys);
	int		(*seal)(struct stack_keys *keys, const uint8_t *header,
				const uint8_t *text, size_t n, uint8_t *body);
	long		(*open)(struct stack_keys *keys, const uint8_t *header,
				const uint8_t *body, size_t n, uint8_t *text);
};

extern const struct stack stack_openssl, stack_gnutls, stack_mbedtls;

/* Sizes of the record protection of a cipher. */
size_t stack_key_len(uint16_t cipher);
size_t stack_tag_len(uint16_t cipher);
size_t stack_explicit_len(uint16_t cipher);

/* The nonce of the record @header whose body begins with @explicit. */
void stack_nonce(const struct stack_keys *keys, const uint8_t *header,
		 const uint8_t *explicit, uint8_t *nonce);
/* The additional data of the record @header with @n bytes of text. */
void stack_aad(const uint8_t *header, size_t n, uint8_t *aad);
/* Write the explicit nonce of the next record; returns its length. */
size_t stack_put_explicit(struct stack_keys *keys, uint8_t *body);

/* Seal a whole record; returns its length. */
size_t stack_seal(const struct stack *stack, struct stack_keys *keys,
		  uint8_t type, uint16_t epoch, uint64_t seq, const void *text,
		  size_t n, uint8_t *record);
/* Open a whole record of @n bytes; the bytes of text, or -1. */
long stack_open(const struct stack *stack, struct stack_keys *keys,
		const uint8_t *record, size_t n, uint8_t *text);

#endif /* KDTLS_SELFTESTS_STACK_H */
