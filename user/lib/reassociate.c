// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Re-association: a peer that has lost its session, or wants new keys, begins again
 * from the same address and port (RFC 6347 section 4.2.8). Anybody can forge the
 * datagram that asks for it, so the session that is there lives on, and serves, until
 * the new handshake is finished. Then it ends in one step.
 */
#include <errno.h>

#include "endpoint.h"
#include "hello.h"

void kdtls_session_challenge(struct kdtls_session *s, struct kdtls_session *old)
{
	struct kdtls_member *member = old->ep->member;

	s->predecessor = old;
	old->successor = s;
	/* What comes sealed with keys that the kernel has not yet is for OpenSSL. */
	if (old->member_session && member)
		kdtls_member_handshake(member, old->member_session, true);
}

static void leave_predecessor(struct kdtls_session *s)
{
	struct kdtls_session *old = s->predecessor;
	struct kdtls_member *member = old->ep->member;

	s->predecessor = NULL;
	old->successor = NULL;
	if (old->member_session && !old->dead && member)
		kdtls_member_handshake(member, old->member_session, false);
}

/* What is left of the pair is found by the addresses. */
static void leave_successor(struct kdtls_session *s)
{
	struct kdtls_session *successor = s->successor;

	s->successor = NULL;
	successor->predecessor = NULL;
	if (!successor->shared && !successor->own_fd)
		kdtls_endpoint_pass_socket(s, successor);
	/* There is memory: the place has just been left. */
	kdtls_table_add(s->ep, successor);
}

void kdtls_session_part(struct kdtls_session *s)
{
	if (s->predecessor)
		leave_predecessor(s);
	if (s->successor)
		leave_successor(s);
}

void kdtls_session_succeed(struct kdtls_session *s)
{
	struct kdtls_session *old = s->predecessor;

	if (!old)
		return;
	kdtls_table_del(s->ep, old);
	kdtls_session_part(s);
	kdtls_table_add(s->ep, s);
	s->reassociated = true;
	s->ep->info.reassociations++;
	kdtls_session_end(old, -ECONNABORTED);
}

/* A ClientHello that is no repetition of one that has been taken. */
static bool begins_anew(const struct kdtls_session *s,
			const struct kdtls_hello *hello)
{
	u64 digest = kdtls_hello_digest(hello);

	return digest != s->hello &&
	       (!s->successor || digest != s->successor->hello);
}

static bool of_epoch_0(const u8 *buf, size_t len)
{
	struct kdtls_record rec;

	return !kdtls_record_parse(&rec, buf, (u32)len) && !rec.epoch;
}

void kdtls_session_input(struct kdtls_session *s, const u8 *buf, size_t len)
{
	struct kdtls_hello hello;

	if (s->hello && !kdtls_hello_parse(&hello, buf, len) &&
	    begins_anew(s, &hello)) {
		kdtls_listen_again(s, &hello, buf, len);
		return;
	}
	if (s->successor) {
		kdtls_handshake_feed(s->successor, buf, len);
		/* Sealed records say whose they are only by being opened. */
		if (s->dead || s->offloaded || of_epoch_0(buf, len))
			return;
	}
	if (s->state != KDTLS_SESSION_CLOSED)
		kdtls_handshake_feed(s, buf, len);
}
