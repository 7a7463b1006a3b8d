/* SPDX-License-Identifier: GPL-2.0 */
/* The kernel's side of the family "kdtls", as tests write it. */
#ifndef KDTLS_FAKE_NETLINK_H
#define KDTLS_FAKE_NETLINK_H

#include <sys/types.h>

#include <libmnl/libmnl.h>
#include <linux/kdtls.h>

#include <shared/types.h>

#define FAKE_FAMILY	0x21
#define FAKE_GROUP	7
#define FAKE_ROOM	32768

/* Step in for sockets that are opened from now on, and forget all. */
void fake_netlink(bool on);

/* There is no such family. */
extern bool fake_netlink_absent;

/* The last request. */
struct fake_request {
	size_t	len;
	char	buf[2048];
};

extern struct fake_request fake_request;
const struct nlattr *fake_asked(u16 type);
u32 fake_asked_u32(u16 type);
u8 fake_asked_cmd(void);
bool fake_asked_dump(void);

/* The group that was joined. */
extern u32 fake_joined;

/* When all that was pushed is received: called for more, until it returns 0. */
extern size_t (*fake_more)(void *buf);
/* And then. */
extern void (*fake_end)(void);

/* Set, it answers each request of the family, and what was pushed is not asked for. */
extern ssize_t (*fake_serve)(const struct nlmsghdr *request, void *buf);

/* What is received next: a datagram, or an error. */
void fake_push(const void *buf, size_t len);
void fake_fail(int err);

/*
 * Messages in @buf, which has FAKE_ROOM bytes. The number of the request is put
 * into those that have none.
 */
struct nlmsghdr *fake_message(void *buf, u8 cmd);
void fake_push_message(const struct nlmsghdr *nlh);
/* NLMSG_ERROR; @said may be NULL. */
void fake_push_error(int err, const char *said);
/* NLMSG_DONE */
void fake_push_done(int err);

void fake_put_v4(struct nlmsghdr *nlh, u16 type, const char *addr, u16 port);
void fake_put_v6(struct nlmsghdr *nlh, u16 type, const char *addr, u16 port);

/* A session with everything. */
struct nlmsghdr *fake_session(void *buf, u32 endpoint, u32 session);
/* An endpoint with a helper and @workers workers. */
struct nlmsghdr *fake_endpoint(void *buf, u32 endpoint, u32 workers);
/* An event of session 3/17. */
struct nlmsghdr *fake_event(void *buf, u8 event);
/* A counter of STATS_GET. */
void fake_put_counter(struct nlmsghdr *nlh, const char *name, int64_t value);

#endif /* KDTLS_FAKE_NETLINK_H */
