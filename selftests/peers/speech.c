// SPDX-License-Identifier: GPL-2.0
/* What is said: the same back, or a bit of CoAP. */
#include <string.h>

#include "ours.h"

static bool echoed(unsigned int i, const uint8_t *buf, size_t n)
{
	uint8_t want[PEER_LARGEST];

	return n == peer_record(i, want) && !memcmp(buf, want, n);
}

static size_t echo(unsigned int i, const uint8_t *question, size_t n,
		   uint8_t *buf)
{
	if (!echoed(i, question, n))
		return 0;
	memcpy(buf, question, n);
	return n;
}

const struct speech speech_echo = {
	.ours = PEER_RECORDS,
	.theirs = PEER_RECORDS,
	.ask = peer_record,
	.answer = echo,
	.right = echoed,
};

/* ---- CoAP (RFC 7252): GET, and 2.05 ---- */

#define COAP_HEADER	4
#define COAP_CON	0x40	/* version 1, confirmable */
#define COAP_ACK	0x60
#define COAP_GET	0x01
#define COAP_CONTENT	0x45	/* 2.05 */
#define COAP_URI_PATH	11
#define COAP_TOKEN	2
#define COAP_PAYLOAD	0xff	/* in front of it */
#define COAP_TEXT	1000	/* in one message, below what is split into blocks */

static void put_be16(uint8_t *p, uint16_t v)
{
	p[0] = v >> 8;
	p[1] = v;
}

const char *coap_text(void)
{
	static char text[COAP_TEXT + 1];
	size_t i;

	for (i = 0; !text[i] && i < COAP_TEXT; i++)
		text[i] = 'a' + i % 26;
	return text;
}

/* Two options Uri-Path. */
static size_t coap_path(uint8_t *buf)
{
	static const char first[] = ".well-known", second[] = "core";
	const size_t n = sizeof(first) - 1;

	buf[0] = COAP_URI_PATH << 4 | n;
	memcpy(buf + 1, first, n);
	buf[1 + n] = sizeof(second) - 1;
	memcpy(buf + 2 + n, second, sizeof(second) - 1);
	return 2 + n + sizeof(second) - 1;
}

/* Of "/", and every other time of "/.well-known/core", which is longer. */
static size_t coap_ask(unsigned int i, uint8_t *buf)
{
	size_t n = COAP_HEADER;

	buf[0] = COAP_CON | COAP_TOKEN;
	buf[1] = COAP_GET;
	put_be16(buf + 2, 0x1000 + i);
	put_be16(buf + n, 0xca00 + i);
	n += COAP_TOKEN;
	if (i % 2)
		n += coap_path(buf + n);
	return n;
}

static size_t coap_answer(unsigned int i, const uint8_t *question, size_t n,
			  uint8_t *buf)
{
	size_t token = n >= COAP_HEADER ? question[0] & 0xf : 0;

	(void)i;
	if (n < COAP_HEADER + token || token > 8 ||
	    (question[0] & 0xf0) != COAP_CON || question[1] != COAP_GET)
		return 0;
	n = COAP_HEADER + token;
	memcpy(buf, question, n);
	buf[0] = COAP_ACK | token;
	buf[1] = COAP_CONTENT;
	buf[n++] = COAP_PAYLOAD;
	memcpy(buf + n, coap_text(), COAP_TEXT);
	return n + COAP_TEXT;
}

/* The number and the token of the question, and something behind them. */
static bool coap_right(unsigned int i, const uint8_t *buf, size_t n)
{
	uint8_t question[PEER_LARGEST];

	coap_ask(i, question);
	return n > COAP_HEADER + COAP_TOKEN + 1 &&
		buf[0] == (COAP_ACK | COAP_TOKEN) && buf[1] == COAP_CONTENT &&
		!memcmp(buf + 2, question + 2, 2 + COAP_TOKEN) &&
		memchr(buf + COAP_HEADER + COAP_TOKEN, COAP_PAYLOAD,
		       n - COAP_HEADER - COAP_TOKEN - 1);
}

const struct speech speech_coap = {
	.ours = PEER_RECORDS,
	.theirs = 1,
	.ask = coap_ask,
	.answer = coap_answer,
	.right = coap_right,
};
