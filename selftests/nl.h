/* SPDX-License-Identifier: GPL-2.0 */
/* The generic netlink family as tests speak it: by libmnl, attribute by attribute. */
#ifndef KDTLS_SELFTESTS_NL_H
#define KDTLS_SELFTESTS_NL_H

#include <libmnl/libmnl.h>
#include <linux/genetlink.h>

#include "util.h"

#define NL_MEMBERS	8

/**
 * struct nl_message - what a message says; what it does not is 0
 * @cmd: KDTLS_CMD_*
 * @endpoint: KDTLS_A_ENDPOINT, and so on
 * @peer_len: bytes of KDTLS_A_PEER
 * @local_len: bytes of KDTLS_A_LOCAL
 * @members: how many KDTLS_A_MEMBER there are
 * @counters: how many KDTLS_A_COUNTER there are
 * @curr_sessions: the value of one of them
 */
struct nl_message {
	uint8_t			cmd;
	uint32_t		endpoint;
	uint32_t		session;
	uint32_t		owner;
	uint32_t		idle;
	uint32_t		retire;
	uint8_t			handshake;
	uint64_t		age;
	uint64_t		unused;
	uint32_t		sessions;
	uint8_t			event;
	uint16_t		epoch;
	struct dtls_info	info;
	struct sockaddr_storage	peer;
	size_t			peer_len;
	struct sockaddr_storage	local;
	size_t			local_len;
	int			members;
	uint32_t		member[NL_MEMBERS];
	uint32_t		role[NL_MEMBERS];
	int			counters;
	int64_t			curr_sessions;
};

/**
 * struct nl - a netlink socket
 * @sock: libmnl's
 * @family: the family's number
 * @events: the number of its multicast group
 * @seq: of the last request
 * @text: what the kernel said about the last request
 * @missing: type of the attribute that it said was missing, or 0
 * @answers: how many messages answered it
 * @answer: the last of them
 */
struct nl {
	struct mnl_socket	*sock;
	uint16_t		family;
	uint32_t		events;
	uint32_t		seq;
	char			text[256];
	int			missing;
	int			answers;
	struct nl_message	answer;
};

struct request {
	struct nlmsghdr	*nlh;
	uint8_t		buf[2048];
};

void nl_open(struct nl *nl);
void nl_close(struct nl *nl);
/* Does a refusal bring back the request? Not unless this says so. */
void nl_echo(struct nl *nl, bool on);
/* Older kernels have no extended ACK where a list begins. */
bool nl_lists_say_why(void);
/* Join the multicast group; returns 0 or a negative errno. */
int nl_join(struct nl *nl);

void req_init(struct request *r, const struct nl *nl, uint8_t cmd);
void req_put(struct request *r, uint16_t type, const void *data, size_t n);
void req_u8(struct request *r, uint16_t type, uint8_t value);
void req_u16(struct request *r, uint16_t type, uint16_t value);
void req_u32(struct request *r, uint16_t type, uint32_t value);
/* KDTLS_A_TX or KDTLS_A_RX with what @o has. */
void req_keys(struct request *r, uint16_t type, const struct oracle *o);

/* Each returns 0 or a negative errno, and leaves in @nl what was answered. */
int nl_call(struct nl *nl, struct request *r);
/* The same in two: what the kernel does, it does before nl_send() returns. */
int nl_send(struct nl *nl, struct request *r);
int nl_wait(struct nl *nl);
int nl_dump(struct nl *nl, struct request *r,
	    void (*each)(const struct nl_message *m, void *arg), void *arg);
/* Did the kernel say why not: by words, or by what is missing? */
bool nl_said_why(const struct nl *nl);
/* The next event within @ms, or false. */
bool nl_event(struct nl *nl, struct nl_message *m, int ms);

/*
 * Bytes that no message may have in it. Whatever any socket of this program
 * receives is searched for them.
 */
void nl_secret(const void *data, size_t n);
int nl_leaks(void);

#endif /* KDTLS_SELFTESTS_NL_H */
