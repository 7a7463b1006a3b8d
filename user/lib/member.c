// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * A server's socket as member of an endpoint of the kernel (Documentation/uapi.rst):
 * one socket for all peers, whose sessions are made and ended by netlink.
 */
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>

#include <linux/errqueue.h>
#include <linux/genetlink.h>
#include <linux/kdtls.h>

#include "io.h"
#include "log.h"
#include "member.h"
#include "secret.h"

/* A request with keys of both directions. */
struct request {
	char			buf[KDTLS_NETLINK_REQUEST];
	union kdtls_crypto_info	tx;
	union kdtls_crypto_info	rx;
};

/* ---- joining ---- */

static int set_option(int fd, int option, const char *name)
{
	int on = 1;

	if (!setsockopt(fd, SOL_DTLS, option, &on, sizeof(on)))
		return 0;
	return kdtls_fail(-errno, "%s: %s; is the module of another version than the library?",
			  name, strerror(errno));
}

static int join(struct kdtls_member *m)
{
	struct dtls_endpoint join = {
		.role = DTLS_MEMBER_HELPER |
			(m->helper ? 0 : DTLS_MEMBER_WORKER),
	};
	socklen_t len = sizeof(join);

	if (setsockopt(m->fd, SOL_DTLS, DTLS_ENDPOINT, &join, sizeof(join)) ||
	    getsockopt(m->fd, SOL_DTLS, DTLS_ENDPOINT, &join, &len))
		return kdtls_fail(-errno, "the kernel does not make an endpoint of the socket: %s",
				  strerror(errno));
	m->number = join.member;
	return 0;
}

static int open_netlink(struct kdtls_member *m)
{
	int err = kdtls_netlink_open(&m->nl);

	return err ? kdtls_fail(err, "the netlink family kdtls: %s",
				strerror(-err)) : 0;
}

static int set_options(const struct kdtls_member *m)
{
	int err = set_option(m->fd, DTLS_RECV_CONTROL, "DTLS_RECV_CONTROL");

	if (!err)
		err = set_option(m->fd, DTLS_RECV_SESSION, "DTLS_RECV_SESSION");
	/* Its own sessions' ends a member sees anyway. */
	if (!err && m->helper)
		err = set_option(m->fd, DTLS_RECV_EVENTS, "DTLS_RECV_EVENTS");
	return err;
}

int kdtls_member_join(int fd, bool helper, struct kdtls_member **out)
{
	struct kdtls_member *m = calloc(1, sizeof(*m));
	int err;

	if (!m)
		return kdtls_fail(-ENOMEM, "no memory for the endpoint");
	m->fd = fd;
	m->helper = helper;
	err = kdtls_install_attach(fd);
	if (!err)
		err = set_options(m);
	if (!err)
		err = open_netlink(m);
	/* Last: a member stays one. */
	if (!err)
		err = join(m);
	if (err) {
		kdtls_member_free(m);
		return err;
	}
	*out = m;
	return 0;
}

void kdtls_member_free(struct kdtls_member *m)
{
	if (!m)
		return;
	kdtls_netlink_close(&m->nl);
	free(m);
}

/* ---- sessions ---- */

static struct nlmsghdr *begin(struct kdtls_member *m, void *buf, u8 cmd)
{
	struct nlmsghdr *nlh = kdtls_netlink_request(&m->nl, buf, cmd,
						     NLM_F_ACK);

	mnl_attr_put_u32(nlh, KDTLS_A_FD, (u32)m->fd);
	return nlh;
}

static struct nlmsghdr *begin_for(struct kdtls_member *m, void *buf, u8 cmd,
				  u32 session)
{
	struct nlmsghdr *nlh = begin(m, buf, cmd);

	mnl_attr_put_u32(nlh, KDTLS_A_SESSION, session);
	return nlh;
}

static void put_address(struct nlmsghdr *nlh, u16 type,
			const struct sockaddr_storage *ss)
{
	mnl_attr_put(nlh, type, kdtls_io_addrlen(ss), ss);
}

static struct nlmsghdr *put_session(struct kdtls_member *m, struct request *r,
				    u32 old, u32 owner,
				    const struct sockaddr_storage *peer,
				    const struct sockaddr_storage *local,
				    const struct kdtls_member_keys *keys)
{
	u8 cmd = old ? KDTLS_CMD_SESSION_REPLACE : KDTLS_CMD_SESSION_NEW;
	struct nlmsghdr *nlh = begin(m, r->buf, cmd);
	socklen_t n;

	if (old) {
		mnl_attr_put_u32(nlh, KDTLS_A_SESSION, old);
	} else {
		put_address(nlh, KDTLS_A_PEER, peer);
		put_address(nlh, KDTLS_A_LOCAL, local);
	}
	mnl_attr_put_u32(nlh, KDTLS_A_OWNER, owner);
	n = kdtls_install_fill(&r->rx, false, keys->keys, &keys->rx);
	mnl_attr_put(nlh, KDTLS_A_RX, n, &r->rx);
	n = kdtls_install_fill(&r->tx, true, keys->keys, &keys->tx);
	mnl_attr_put(nlh, KDTLS_A_TX, n, &r->tx);
	return nlh;
}

static int take_number(const struct nlmsghdr *nlh, void *data)
{
	const struct nlattr *attr;
	u32 *session = data;

	mnl_attr_for_each(attr, nlh, GENL_HDRLEN)
		if (mnl_attr_get_type(attr) == KDTLS_A_SESSION &&
		    mnl_attr_validate(attr, MNL_TYPE_U32) >= 0)
			*session = mnl_attr_get_u32(attr);
	return 0;
}

/*
 * Whoever does not know whether the kernel seals must not seal either; and a session
 * without a number could never be ended.
 */
static int unknown(struct kdtls_member *m,
		   const struct sockaddr_storage *peer,
		   const struct sockaddr_storage *local, int err)
{
	char buf[KDTLS_NETLINK_REQUEST] = { 0 };
	struct nlmsghdr *nlh = begin(m, buf, KDTLS_CMD_SESSION_DEL);

	put_address(nlh, KDTLS_A_PEER, peer);
	put_address(nlh, KDTLS_A_LOCAL, local);
	kdtls_netlink_talk(&m->nl, nlh, NULL, NULL);
	return kdtls_fail(-ENOTRECOVERABLE, "no answer of the kernel to a session's keys (%s): the session is given up",
			  strerror(-err));
}

int kdtls_member_install(struct kdtls_member *m, u32 old, u32 owner,
			 const struct sockaddr_storage *peer,
			 const struct sockaddr_storage *local,
			 const struct kdtls_member_keys *keys, u32 *session)
{
	struct request *r = kdtls_secret_alloc(sizeof(*r));
	struct nlmsghdr *nlh;
	int err;

	if (!r)
		return kdtls_fail(-ENOMEM,
				  "no locked memory for keys: raise the limit with ulimit -l");
	*session = 0;
	nlh = put_session(m, r, old, owner, peer, local, keys);
	err = kdtls_netlink_talk(&m->nl, nlh, take_number, session);
	kdtls_secret_free(r, sizeof(*r));
	if (!m->nl.answered || (!err && !*session))
		return unknown(m, peer, local, err ? err : -ENOMSG);
	if (err && m->nl.said[0])
		return kdtls_fail(err, "the kernel does not take the session: %s",
				  m->nl.said);
	if (err)
		return kdtls_install_failed(err, "the session",
					    keys->keys->cipher);
	return 0;
}

void kdtls_member_delete(struct kdtls_member *m, u32 session)
{
	char buf[KDTLS_NETLINK_REQUEST] = { 0 };
	struct nlmsghdr *nlh = begin_for(m, buf, KDTLS_CMD_SESSION_DEL,
					 session);

	/* That there is none, which is the only error, is what was wanted. */
	kdtls_netlink_talk(&m->nl, nlh, NULL, NULL);
}

int kdtls_member_handshake(struct kdtls_member *m, u32 session, bool on)
{
	char buf[KDTLS_NETLINK_REQUEST] = { 0 };
	struct nlmsghdr *nlh = begin_for(m, buf, KDTLS_CMD_SESSION_SET,
					 session);

	mnl_attr_put_u8(nlh, KDTLS_A_HANDSHAKE, on);
	return kdtls_netlink_talk(&m->nl, nlh, NULL, NULL);
}

int kdtls_member_move(struct kdtls_member *m, u32 session, u32 owner)
{
	char buf[KDTLS_NETLINK_REQUEST] = { 0 };
	struct nlmsghdr *nlh = begin_for(m, buf, KDTLS_CMD_SESSION_SET,
					 session);
	int err;

	mnl_attr_put_u32(nlh, KDTLS_A_OWNER, owner);
	err = kdtls_netlink_talk(&m->nl, nlh, NULL, NULL);
	if (err)
		return kdtls_fail(err, "the session cannot be moved to member %u: %s",
				  owner, m->nl.said[0] ? m->nl.said :
						       strerror(-err));
	return 0;
}

/* What is longer than we know is from a newer kernel. */
static void take(void *to, size_t size, const struct nlattr *attr)
{
	size_t n = mnl_attr_get_payload_len(attr);

	memcpy(to, mnl_attr_get_payload(attr), n < size ? n : size);
}

static void take_session(struct kdtls_member_session *s,
			 const struct nlmsghdr *nlh)
{
	const struct nlattr *attr;

	memset(s, 0, sizeof(*s));
	mnl_attr_for_each(attr, nlh, GENL_HDRLEN) {
		switch (mnl_attr_get_type(attr)) {
		case KDTLS_A_SESSION:
			take(&s->number, sizeof(s->number), attr);
			break;
		case KDTLS_A_PEER:
			take(&s->peer, sizeof(s->peer), attr);
			break;
		case KDTLS_A_LOCAL:
			take(&s->local, sizeof(s->local), attr);
			break;
		case KDTLS_A_INFO:
			take(&s->info, sizeof(s->info), attr);
			break;
		}
	}
}

static int take_info(const struct nlmsghdr *nlh, void *data)
{
	struct kdtls_member_session s;

	take_session(&s, nlh);
	memcpy(data, &s.info, sizeof(s.info));
	return 0;
}

/* Whom kdtls_member_list() calls. */
struct listing {
	int	(*cb)(const struct kdtls_member_session *s, void *arg);
	void	*arg;
};

static int list_one(const struct nlmsghdr *nlh, void *data)
{
	struct listing *listing = data;
	struct kdtls_member_session s;

	take_session(&s, nlh);
	return s.number ? listing->cb(&s, listing->arg) : 0;
}

int kdtls_member_list(struct kdtls_member *m,
		      int (*cb)(const struct kdtls_member_session *s, void *arg),
		      void *arg)
{
	char buf[KDTLS_NETLINK_REQUEST] = { 0 };
	struct listing listing = { .cb = cb, .arg = arg };
	struct nlmsghdr *nlh = kdtls_netlink_request(&m->nl, buf,
						     KDTLS_CMD_SESSION_GET,
						     NLM_F_DUMP);

	mnl_attr_put_u32(nlh, KDTLS_A_FD, (u32)m->fd);
	return kdtls_netlink_talk(&m->nl, nlh, list_one, &listing);
}

static bool take_event(struct kdtls_member_event *event,
		       const struct cmsghdr *cmsg)
{
	struct sock_extended_err e;

	if (!(cmsg->cmsg_level == IPPROTO_IP && cmsg->cmsg_type == IP_RECVERR) &&
	    !(cmsg->cmsg_level == IPPROTO_IPV6 && cmsg->cmsg_type == IPV6_RECVERR))
		return false;
	memcpy(&e, CMSG_DATA(cmsg), sizeof(e));
	if (e.ee_origin != SO_EE_ORIGIN_DTLS)
		return false;
	event->type = e.ee_type;
	event->session = e.ee_data;
	return true;
}

int kdtls_member_event(struct kdtls_member *m, struct kdtls_member_event *event)
{
	union {
		struct cmsghdr align;
		char space[512];
	} ctl;
	struct msghdr msg = {
		.msg_control = ctl.space,
		.msg_controllen = sizeof(ctl.space),
	};
	struct cmsghdr *cmsg;

	event->type = 0;
	if (recvmsg(m->fd, &msg, MSG_ERRQUEUE | MSG_DONTWAIT) < 0)
		return -errno;
	for (cmsg = CMSG_FIRSTHDR(&msg); cmsg; cmsg = CMSG_NXTHDR(&msg, cmsg))
		if (take_event(event, cmsg))
			break;
	return 0;
}

int kdtls_member_info(struct kdtls_member *m, u32 session,
		      struct dtls_info *info)
{
	char buf[KDTLS_NETLINK_REQUEST] = { 0 };
	struct nlmsghdr *nlh = begin_for(m, buf, KDTLS_CMD_SESSION_GET,
					 session);

	memset(info, 0, sizeof(*info));
	return kdtls_netlink_talk(&m->nl, nlh, take_info, info);
}
