/* SPDX-License-Identifier: GPL-2.0 */
/* Events: what programs are told without having asked. */
#ifndef KDTLS_EVENT_H
#define KDTLS_EVENT_H

#include <linux/types.h>

struct kdtls_epoch;
struct kdtls_peer;
struct kdtls_sock;
struct sock;

void kdtls_event(struct kdtls_sock *ks, struct sock *sk,
		 struct kdtls_peer *peer, u8 type,
		 const struct kdtls_epoch *epoch);
void kdtls_peer_event(struct kdtls_peer *peer, u8 type, u16 epoch);

#endif /* KDTLS_EVENT_H */
