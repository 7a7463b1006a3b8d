// SPDX-License-Identifier: GPL-2.0
/* What numbers are called. */
#include <stdlib.h>
#include <string.h>

#include <openssl/ssl.h>

#include "control.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const struct {
	uint16_t	type;
	const char	*name;
} ciphers[] = {
	{ DTLS_CIPHER_AES_GCM_128, "AES-128-GCM" },
	{ DTLS_CIPHER_AES_GCM_256, "AES-256-GCM" },
	{ DTLS_CIPHER_AES_CCM_128, "AES-128-CCM" },
	{ DTLS_CIPHER_AES_CCM_256, "AES-256-CCM" },
	{ DTLS_CIPHER_AES_CCM_8_128, "AES-128-CCM_8" },
	{ DTLS_CIPHER_CHACHA20_POLY1305, "ChaCha20-Poly1305" },
};

/* By the numbers of the bits DTLS_STATE_*. */
static const char *const states[] = {
	"tx", "rx", "peer-closed", "peer-alert", "closed", "rx-old",
	"tx-rekey", "tx-expired", "rx-rekey", "rx-expired",
};

static const char *const roles[] = { "worker", "helper" };

static const char *const events[] = {
	[DTLS_EVENT_TX_REKEY]	= "tx-rekey",
	[DTLS_EVENT_TX_EXPIRED]	= "tx-expired",
	[DTLS_EVENT_RX_REKEY]	= "rx-rekey",
	[DTLS_EVENT_RX_EXPIRED]	= "rx-expired",
	[DTLS_EVENT_UP]		= "up",
	[DTLS_EVENT_CLOSED]	= "closed",
	[DTLS_EVENT_ALERT]	= "alert",
	[DTLS_EVENT_MOVED]	= "moved",
	[DTLS_EVENT_IDLE]	= "idle",
	[DTLS_EVENT_GONE]	= "gone",
};

/* The first one that fits; what fits none is of the last. */
static const struct {
	const char	*prefix;
	const char	*name;
} groups[COUNTER_GROUPS] = {
	{ "Tx", "sent" },
	{ "RxDrop", "dropped" },
	{ "Rx", "received" },
	{ "", "general" },
};

const char *cipher_name(uint16_t type)
{
	size_t i;

	for (i = 0; i < COUNT(ciphers); i++)
		if (ciphers[i].type == type)
			return ciphers[i].name;
	return NULL;
}

const char *event_name(uint8_t event)
{
	return event < COUNT(events) ? events[event] : NULL;
}

const char *alert_name(uint8_t alert)
{
	const char *name = SSL_alert_desc_string_long(alert);

	return strcmp(name, "unknown") ? name : NULL;
}

const char *state_name(unsigned int i)
{
	return i < COUNT(states) ? states[i] : NULL;
}

const char *role_name(unsigned int i)
{
	return i < COUNT(roles) ? roles[i] : NULL;
}

static uint16_t state_bit(const char *name, size_t len)
{
	unsigned int i;

	for (i = 0; i < COUNT(states); i++)
		if (strlen(states[i]) == len && !memcmp(states[i], name, len))
			return (uint16_t)(1U << i);
	return 0;
}

static int no_state(const char *command, const char *name, int len)
{
	char known[160] = "";
	unsigned int i;

	for (i = 0; i < COUNT(states); i++) {
		strcat(known, i ? ", " : "");
		strcat(known, states[i]);
	}
	return misuse(command, "there is no state \"%.*s\"; the states are: %s",
		      len, name, known);
}

int state_bits(const char *command, const char *list, uint16_t *out)
{
	uint16_t bit;
	size_t len;

	*out = 0;
	for (;; list += len + 1) {
		len = strcspn(list, ",");
		bit = state_bit(list, len);
		if (!bit)
			return no_state(command, list, (int)len);
		*out |= bit;
		if (!list[len])
			return EXIT_OK;
	}
}

bool event_is_bad(uint8_t event)
{
	return event == DTLS_EVENT_ALERT || event == DTLS_EVENT_TX_EXPIRED ||
	       event == DTLS_EVENT_RX_EXPIRED;
}

bool state_is_bad(unsigned int i)
{
	return 1U << i & (DTLS_STATE_PEER_ALERT | DTLS_STATE_TX_EXPIRED |
			  DTLS_STATE_RX_EXPIRED);
}

unsigned int counter_group(const char *name)
{
	unsigned int i;

	/* As /proc has them. */
	if (!strncmp(name, "Kdtls", 5))
		name += 5;
	for (i = 0; i < COUNTER_GROUPS - 1; i++)
		if (!strncmp(name, groups[i].prefix, strlen(groups[i].prefix)))
			break;
	return i;
}

const char *counter_group_name(unsigned int group)
{
	return groups[group].name;
}
