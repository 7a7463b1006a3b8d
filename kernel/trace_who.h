/* SPDX-License-Identifier: GPL-2.0 */
/* What tracepoints tell of whose they are: a connected socket's, or a session's. */
#ifndef KDTLS_TRACE_WHO_H
#define KDTLS_TRACE_WHO_H

#include <net/sock.h>

#include "endpoint.h"
#include "peer.h"

static inline u16 kdtls_trace_lport(const struct sock *sk,
				    const struct kdtls_peer *peer)
{
	return peer ? ntohs(peer->endpoint->at.port) : sk->sk_num;
}

static inline u16 kdtls_trace_rport(const struct sock *sk,
				    const struct kdtls_peer *peer)
{
	return ntohs(peer ? peer->key.port : sk->sk_dport);
}

#define KDTLS_WHO_FIELDS						\
	__field(u16, lport)						\
	__field(u16, rport)						\
	__field(u32, endpoint)						\
	__field(u32, session)

#define KDTLS_WHO_ASSIGN(sk, peer)					\
	__entry->lport = kdtls_trace_lport(sk, peer);			\
	__entry->rport = kdtls_trace_rport(sk, peer);			\
	__entry->endpoint = (peer) ? (peer)->endpoint->id : 0;		\
	__entry->session = (peer) ? (peer)->id : 0

#define KDTLS_WHO_FORMAT	"lport=%u rport=%u endpoint=%u session=%u "

#define KDTLS_WHO_VALUES						\
	__entry->lport, __entry->rport, __entry->endpoint, __entry->session

#endif /* KDTLS_TRACE_WHO_H */
