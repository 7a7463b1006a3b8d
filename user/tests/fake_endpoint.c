// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <linux/genetlink.h>

#include "fake_endpoint.h"
#include "fake_kernel.h"
#include "fake_netlink.h"
#include "install.h"
#include "io.h"

static u32 last_number;

struct fake_session *fake_session_find(struct fake_session *list,
				       const struct sockaddr_storage *peer,
				       const struct sockaddr_storage *local)
{
	struct sockaddr_storage at;
	struct fake_session *s;

	for (s = list; s; s = s->next) {
		if (!kdtls_io_same(&s->peer, peer))
			continue;
		/* What comes with a datagram has no port. */
		at = *local;
		kdtls_io_set_port(&at, &s->local);
		if (local->ss_family == AF_UNSPEC ||
		    kdtls_io_same(&s->local, &at))
			return s;
	}
	return NULL;
}

static void drop(struct fake_session **list, struct fake_session *s)
{
	while (*list != s)
		list = &(*list)->next;
	*list = s->next;
	fake_session_clear(s);
	free(s);
}

void fake_sessions_clear(struct fake_session **list)
{
	while (*list)
		drop(list, *list);
}

static struct fake_session *by_number(struct fake_session *list, u32 number)
{
	while (list && list->number != number)
		list = list->next;
	return list;
}

/* ---- requests ---- */

struct asked {
	const struct nlattr *attr[KDTLS_A_MAX + 1];
};

static void take_address(struct sockaddr_storage *ss, const struct nlattr *attr)
{
	memset(ss, 0, sizeof(*ss));
	if (attr)
		memcpy(ss, mnl_attr_get_payload(attr),
		       mnl_attr_get_payload_len(attr));
}

static struct fake_session *named(const struct asked *a,
				  struct fake_session *list)
{
	struct sockaddr_storage peer, local;

	if (a->attr[KDTLS_A_SESSION])
		return by_number(list,
				 mnl_attr_get_u32(a->attr[KDTLS_A_SESSION]));
	if (!a->attr[KDTLS_A_PEER])
		return NULL;
	take_address(&peer, a->attr[KDTLS_A_PEER]);
	take_address(&local, a->attr[KDTLS_A_LOCAL]);
	return fake_session_find(list, &peer, &local);
}

static int install_one(struct fake_session *s, bool tx,
		       const struct nlattr *attr)
{
	/* Attributes are aligned to four bytes only. */
	union kdtls_crypto_info u;
	size_t n;

	if (!attr)
		return -EINVAL;
	n = mnl_attr_get_payload_len(attr);
	if (n > sizeof(u))
		return -EINVAL;
	memcpy(&u, mnl_attr_get_payload(attr), n);
	return fake_session_install(s, tx, &u, n);
}

static int install(struct fake_session *s, const struct asked *a)
{
	int err = install_one(s, false, a->attr[KDTLS_A_RX]);

	return err ? err : install_one(s, true, a->attr[KDTLS_A_TX]);
}

/* A new one, in the place of @old if that is not NULL. */
static int make(struct fake_session **list, const struct asked *a,
		struct fake_session *old, struct fake_session **out)
{
	struct fake_session *s = calloc(1, sizeof(*s));
	int err = install(s, a);

	if (err) {
		fake_session_clear(s);
		free(s);
		return err;
	}
	s->number = ++last_number;
	if (old) {
		s->peer = old->peer;
		s->local = old->local;
		drop(list, old);
	} else {
		take_address(&s->peer, a->attr[KDTLS_A_PEER]);
		take_address(&s->local, a->attr[KDTLS_A_LOCAL]);
	}
	s->next = *list;
	*list = s;
	*out = s;
	return 0;
}

static int serve(struct fake_session **list, u8 cmd, const struct asked *a,
		 struct fake_session **out)
{
	struct fake_session *s = named(a, *list);

	if (cmd == KDTLS_CMD_SESSION_NEW)
		return s ? -EEXIST : make(list, a, NULL, out);
	if (!s)
		return -ENOENT;
	switch (cmd) {
	case KDTLS_CMD_SESSION_REPLACE:
		return make(list, a, s, out);
	case KDTLS_CMD_SESSION_DEL:
		drop(list, s);
		return 0;
	case KDTLS_CMD_SESSION_SET:
		if (a->attr[KDTLS_A_HANDSHAKE])
			s->handshake =
				mnl_attr_get_u8(a->attr[KDTLS_A_HANDSHAKE]);
		return 0;
	case KDTLS_CMD_SESSION_GET:
		*out = s;
		return 0;
	default:
		return -EOPNOTSUPP;
	}
}

static struct nlmsghdr *tell(void *buf, u8 cmd, const struct fake_session *s)
{
	struct nlmsghdr *nlh = fake_message(buf, cmd);
	struct dtls_info info;

	fake_session_info(s, &info);
	mnl_attr_put_u32(nlh, KDTLS_A_SESSION, s->number);
	mnl_attr_put(nlh, KDTLS_A_INFO, sizeof(info), &info);
	return nlh;
}

ssize_t fake_endpoint_serve(const struct nlmsghdr *request, void *buf)
{
	const struct genlmsghdr *genl = mnl_nlmsg_get_payload(request);
	struct fake_session *s = NULL, **list = NULL;
	struct asked a = { .attr = { NULL } };
	const struct nlattr *attr;
	struct nlmsghdr *nlh;
	struct nlmsgerr *ack;
	char *end = buf;
	int err = -EBADF;

	mnl_attr_for_each(attr, request, GENL_HDRLEN)
		if (mnl_attr_get_type(attr) <= KDTLS_A_MAX)
			a.attr[mnl_attr_get_type(attr)] = attr;
	if (a.attr[KDTLS_A_FD])
		list = fake_sessions_of((int)mnl_attr_get_u32(a.attr[KDTLS_A_FD]));
	if (list)
		err = serve(list, genl->cmd, &a, &s);
	if (!err && s) {
		nlh = tell(buf, genl->cmd, s);
		end += NLMSG_ALIGN(nlh->nlmsg_len);
	}
	nlh = mnl_nlmsg_put_header(end);
	nlh->nlmsg_type = NLMSG_ERROR;
	nlh->nlmsg_flags = NLM_F_CAPPED;
	ack = mnl_nlmsg_put_extra_header(nlh, sizeof(*ack));
	ack->error = err;
	return end + nlh->nlmsg_len - (char *)buf;
}
