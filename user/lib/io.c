// SPDX-License-Identifier: LGPL-2.1-or-later
/* Datagrams and trains through a socket, with what the kernel says of them. */
#include <netinet/in.h>
#include <netinet/udp.h>
#include <sys/uio.h>

#include <linux/kdtls.h>

#include "io.h"

#ifndef UDP_SEGMENT
#define UDP_SEGMENT 103
#endif
#ifndef UDP_GRO
#define UDP_GRO 104
#endif

static void local_address(struct sockaddr_storage *local,
			  const struct cmsghdr *cmsg)
{
	if (cmsg->cmsg_level == IPPROTO_IP) {
		struct sockaddr_in *in = (void *)local;
		struct in_pktinfo info;

		memcpy(&info, CMSG_DATA(cmsg), sizeof(info));
		in->sin_family = AF_INET;
		/* Not told of what came by another member without the option. */
		in->sin_addr = info.ipi_spec_dst.s_addr ? info.ipi_spec_dst :
							  info.ipi_addr;
	} else {
		struct sockaddr_in6 *in6 = (void *)local;
		struct in6_pktinfo info;

		memcpy(&info, CMSG_DATA(cmsg), sizeof(info));
		in6->sin6_family = AF_INET6;
		in6->sin6_addr = info.ipi6_addr;
		if (IN6_IS_ADDR_LINKLOCAL(&info.ipi6_addr))
			in6->sin6_scope_id = info.ipi6_ifindex;
	}
}

static u32 session_number(const struct cmsghdr *cmsg)
{
	struct dtls_session session;

	memcpy(&session, CMSG_DATA(cmsg), sizeof(session));
	return session.session;
}

static void one_cmsg(struct kdtls_rx *rx, const struct cmsghdr *cmsg)
{
	int segment;

	switch (cmsg->cmsg_level) {
	case SOL_DTLS:
		if (cmsg->cmsg_type == DTLS_GET_RECORD_TYPE)
			rx->type = *CMSG_DATA(cmsg);
		else if (cmsg->cmsg_type == DTLS_RAW)
			rx->raw = true;
		else if (cmsg->cmsg_type == DTLS_SESSION)
			rx->session = session_number(cmsg);
		return;
	case SOL_UDP:
		if (cmsg->cmsg_type != UDP_GRO)
			return;
		memcpy(&segment, CMSG_DATA(cmsg), sizeof(segment));
		if (segment > 0)
			rx->segment = (size_t)segment;
		return;
	case IPPROTO_IP:
		if (cmsg->cmsg_type == IP_PKTINFO)
			local_address(&rx->local, cmsg);
		return;
	case IPPROTO_IPV6:
		if (cmsg->cmsg_type == IPV6_PKTINFO)
			local_address(&rx->local, cmsg);
		return;
	}
}

int kdtls_io_recv(int fd, struct kdtls_rx *rx, int flags)
{
	union {
		struct cmsghdr align;
		char space[256];
	} ctl;
	struct iovec iov = { .iov_base = rx->buf, .iov_len = rx->cap };
	struct msghdr msg = {
		.msg_name = &rx->from,
		.msg_namelen = sizeof(rx->from),
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = ctl.space,
		.msg_controllen = sizeof(ctl.space),
	};
	struct cmsghdr *cmsg;
	ssize_t n;

	rx->from.ss_family = AF_UNSPEC;
	rx->type = -1;
	rx->raw = false;
	rx->session = 0;
	memset(&rx->local, 0, sizeof(rx->local));
	n = recvmsg(fd, &msg, flags);
	if (n < 0)
		return -errno;
	rx->len = (size_t)n;
	rx->segment = 0;
	for (cmsg = CMSG_FIRSTHDR(&msg); cmsg; cmsg = CMSG_NXTHDR(&msg, cmsg))
		one_cmsg(rx, cmsg);
	if (!rx->segment)
		rx->segment = rx->len;
	return 0;
}

/* Room for an address, a segment size and a type or a mark. */
union control {
	struct cmsghdr align;
	char space[128];
};

/* Append a control message; @msg->msg_controllen is where it ends. */
static void put_cmsg(struct msghdr *msg, int level, int type,
		     const void *data, size_t len)
{
	struct cmsghdr *cmsg = (void *)((char *)msg->msg_control +
					msg->msg_controllen);

	cmsg->cmsg_level = level;
	cmsg->cmsg_type = type;
	cmsg->cmsg_len = CMSG_LEN(len);
	memcpy(CMSG_DATA(cmsg), data, len);
	msg->msg_controllen += CMSG_SPACE(len);
}

static void put_local(struct msghdr *msg, const struct sockaddr_storage *local)
{
	const struct sockaddr_in6 *in6 = (const void *)local;
	const struct sockaddr_in *in = (const void *)local;
	struct in6_pktinfo info6 = { .ipi6_ifindex = 0 };
	struct in_pktinfo info = { .ipi_ifindex = 0 };

	if (local->ss_family == AF_INET) {
		info.ipi_spec_dst = in->sin_addr;
		put_cmsg(msg, IPPROTO_IP, IP_PKTINFO, &info, sizeof(info));
	} else if (local->ss_family == AF_INET6) {
		info6.ipi6_addr = in6->sin6_addr;
		info6.ipi6_ifindex = in6->sin6_scope_id;
		put_cmsg(msg, IPPROTO_IPV6, IPV6_PKTINFO, &info6, sizeof(info6));
	}
}

static void put_controls(struct msghdr *msg, const struct kdtls_tx *tx)
{
	u16 segment = (u16)tx->segment;
	u8 on = 1;

	if (tx->way.local)
		put_local(msg, tx->way.local);
	if (tx->segment && tx->len > tx->segment)
		put_cmsg(msg, SOL_UDP, UDP_SEGMENT, &segment, sizeof(segment));
	if (tx->raw)
		put_cmsg(msg, SOL_DTLS, DTLS_RAW, &on, sizeof(on));
	if (tx->type)
		put_cmsg(msg, SOL_DTLS, DTLS_SET_RECORD_TYPE, &tx->type,
			 sizeof(tx->type));
}

ssize_t kdtls_io_send(const struct kdtls_tx *tx)
{
	union control ctl = { .space = { 0 } };
	struct iovec iov = { .iov_base = (void *)tx->buf, .iov_len = tx->len };
	struct msghdr msg = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = ctl.space,
	};
	ssize_t n;

	if (tx->way.to) {
		msg.msg_name = (void *)tx->way.to;
		msg.msg_namelen = kdtls_io_addrlen(tx->way.to);
	}
	put_controls(&msg, tx);
	if (!msg.msg_controllen)
		msg.msg_control = NULL;
	n = sendmsg(tx->way.fd, &msg, tx->flags | MSG_NOSIGNAL);
	return n < 0 ? -errno : n;
}

void kdtls_io_gro(int fd)
{
	int on = 1;

	setsockopt(fd, SOL_UDP, UDP_GRO, &on, sizeof(on));
}

int kdtls_io_want_local(int fd, int family)
{
	int on = 1, err;

	if (family == AF_INET6)
		err = setsockopt(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, &on,
				 sizeof(on));
	else
		err = setsockopt(fd, IPPROTO_IP, IP_PKTINFO, &on, sizeof(on));
	return err ? -errno : 0;
}

socklen_t kdtls_io_addrlen(const struct sockaddr_storage *ss)
{
	return ss->ss_family == AF_INET6 ? sizeof(struct sockaddr_in6) :
					   sizeof(struct sockaddr_in);
}

bool kdtls_io_same(const struct sockaddr_storage *a,
		   const struct sockaddr_storage *b)
{
	const struct sockaddr_in6 *a6 = (const void *)a, *b6 = (const void *)b;
	const struct sockaddr_in *a4 = (const void *)a, *b4 = (const void *)b;

	if (a->ss_family != b->ss_family)
		return false;
	if (a->ss_family == AF_INET)
		return a4->sin_port == b4->sin_port &&
		       a4->sin_addr.s_addr == b4->sin_addr.s_addr;
	return a6->sin6_port == b6->sin6_port &&
	       a6->sin6_scope_id == b6->sin6_scope_id &&
	       !memcmp(&a6->sin6_addr, &b6->sin6_addr, sizeof(a6->sin6_addr));
}

void kdtls_io_set_port(struct sockaddr_storage *ss,
		       const struct sockaddr_storage *from)
{
	/* The port is at the same place in both families. */
	((struct sockaddr_in *)ss)->sin_port =
		((const struct sockaddr_in *)from)->sin_port;
}
