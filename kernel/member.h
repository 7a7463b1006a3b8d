/* SPDX-License-Identifier: GPL-2.0 */
/* The data path of an endpoint's member, where it is not a connected socket's. */
#ifndef KDTLS_MEMBER_H
#define KDTLS_MEMBER_H

#include <linux/socket.h>
#include <linux/types.h>

#include "event.h"
#include "peer.h"

struct kdtls_message;
struct kdtls_receive;
struct kdtls_sock;
struct sock;

/* dispatch.c */
u32 kdtls_member_to(const struct kdtls_receive *rx, u8 type, bool raw);
bool kdtls_member_takes_trains(const struct kdtls_receive *rx);
bool kdtls_member_wants_control(const struct kdtls_receive *rx);
bool kdtls_member_wants_raw(const struct kdtls_receive *rx, bool unopened);
void kdtls_forward(struct kdtls_receive *rx,
		   const struct kdtls_message *message);

/* sendto.c */
int kdtls_member_sendmsg(struct kdtls_sock *ks, struct sock *sk,
			 struct msghdr *msg, size_t len);

#endif /* KDTLS_MEMBER_H */
