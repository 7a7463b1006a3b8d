// SPDX-License-Identifier: GPL-2.0
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <linux/genetlink.h>

#include "fake_netlink.h"

#define MAX_ANSWERS 64

static struct answer {
	void	*data;
	size_t	len;
	int	err;
} answers[MAX_ANSWERS];

static unsigned int n_answers, next_answer;
static bool enabled;
static int fake_fd = -1, fake_opened;

bool fake_netlink_absent;
struct fake_request fake_request;
u32 fake_joined;
size_t (*fake_more)(void *buf);
void (*fake_end)(void);
ssize_t (*fake_serve)(const struct nlmsghdr *request, void *buf);

/* ---- What is received --------------------------------------------------------- */

void fake_push(const void *buf, size_t len)
{
	struct answer *a = &answers[n_answers++];

	if (n_answers > MAX_ANSWERS)
		abort();
	a->data = malloc(len ? len : 1);
	memcpy(a->data, buf, len);
	a->len = len;
	a->err = 0;
}

void fake_fail(int err)
{
	fake_push("", 0);
	answers[n_answers - 1].err = err;
}

static void forget(void)
{
	while (n_answers)
		free(answers[--n_answers].data);
	next_answer = 0;
}

void fake_netlink(bool on)
{
	forget();
	enabled = on;
	fake_netlink_absent = false;
	memset(&fake_request, 0, sizeof(fake_request));
	fake_joined = 0;
	fake_more = NULL;
	fake_end = NULL;
}

static ssize_t failed(int err)
{
	errno = err;
	return -1;
}

/* Messages that do not say what they answer answer the last request. */
static void number(void *buf, ssize_t len, u32 seq)
{
	struct nlmsghdr *nlh = buf;
	int left = (int)len;

	for (; mnl_nlmsg_ok(nlh, left) && nlh->nlmsg_len <= (u32)left;
	     nlh = mnl_nlmsg_next(nlh, &left))
		if (!nlh->nlmsg_seq)
			nlh->nlmsg_seq = seq;
}

static ssize_t answer(void *buf, size_t size)
{
	const struct nlmsghdr *request = (const void *)fake_request.buf;
	struct answer *a;
	ssize_t len = 0;

	if (next_answer < n_answers) {
		a = &answers[next_answer++];
		if (a->err)
			return failed(a->err);
		len = (ssize_t)(a->len < size ? a->len : size);
		memcpy(buf, a->data, (size_t)len);
	} else if (fake_more) {
		len = (ssize_t)fake_more(buf);
	}
	if (!len) {
		if (fake_end)
			fake_end();
		return failed(EAGAIN);
	}
	number(buf, len, request->nlmsg_seq);
	return len;
}

static ssize_t control_answer(void *buf)
{
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buf), *end;
	struct nlattr *groups, *group;
	struct nlmsgerr *ack;

	end = nlh;
	if (!fake_netlink_absent) {
		nlh->nlmsg_type = GENL_ID_CTRL;
		mnl_nlmsg_put_extra_header(nlh, GENL_HDRLEN);
		mnl_attr_put_u16(nlh, CTRL_ATTR_FAMILY_ID, FAKE_FAMILY);
		groups = mnl_attr_nest_start(nlh, CTRL_ATTR_MCAST_GROUPS);
		group = mnl_attr_nest_start(nlh, 1);
		mnl_attr_put_u32(nlh, CTRL_ATTR_MCAST_GRP_ID, FAKE_GROUP);
		mnl_attr_put_strz(nlh, CTRL_ATTR_MCAST_GRP_NAME, "events");
		mnl_attr_nest_end(nlh, group);
		mnl_attr_nest_end(nlh, groups);
		end = mnl_nlmsg_put_header((char *)nlh + nlh->nlmsg_len);
	}
	end->nlmsg_type = NLMSG_ERROR;
	end->nlmsg_flags = NLM_F_CAPPED;
	ack = mnl_nlmsg_put_extra_header(end, sizeof(*ack));
	ack->error = fake_netlink_absent ? -ENOENT : 0;
	return (char *)end + end->nlmsg_len - (char *)buf;
}

/* ---- Calls that it steps in for ----------------------------------------------- */

struct mnl_socket *__real_mnl_socket_open2(int bus, int flags);
int __real_mnl_socket_bind(struct mnl_socket *nl, unsigned int groups, pid_t pid);
ssize_t __real_mnl_socket_sendto(const struct mnl_socket *nl, const void *req,
				 size_t size);
ssize_t __real_mnl_socket_recvfrom(const struct mnl_socket *nl, void *buf,
				   size_t size);
int __real_mnl_socket_setsockopt(const struct mnl_socket *nl, int type, void *buf,
				 socklen_t len);
int __real_mnl_socket_get_fd(const struct mnl_socket *nl);
int __real_mnl_socket_close(struct mnl_socket *nl);
ssize_t __real_recv(int fd, void *buf, size_t size, int flags);

struct mnl_socket *__wrap_mnl_socket_open2(int bus, int flags);
int __wrap_mnl_socket_bind(struct mnl_socket *nl, unsigned int groups, pid_t pid);
ssize_t __wrap_mnl_socket_sendto(const struct mnl_socket *nl, const void *req,
				 size_t size);
ssize_t __wrap_mnl_socket_recvfrom(const struct mnl_socket *nl, void *buf,
				   size_t size);
int __wrap_mnl_socket_setsockopt(const struct mnl_socket *nl, int type, void *buf,
				 socklen_t len);
int __wrap_mnl_socket_get_fd(const struct mnl_socket *nl);
int __wrap_mnl_socket_close(struct mnl_socket *nl);
ssize_t __wrap_recv(int fd, void *buf, size_t size, int flags);

struct mnl_socket *__wrap_mnl_socket_open2(int bus, int flags)
{
	if (!enabled && !fake_serve)
		return __real_mnl_socket_open2(bus, flags);
	/* It can always be read from. */
	if (!fake_opened++)
		fake_fd = eventfd(1, EFD_CLOEXEC);
	return (struct mnl_socket *)&fake_fd;
}

static bool is_fake(const struct mnl_socket *nl)
{
	return (const void *)nl == &fake_fd;
}

int __wrap_mnl_socket_bind(struct mnl_socket *nl, unsigned int groups, pid_t pid)
{
	return is_fake(nl) ? 0 : __real_mnl_socket_bind(nl, groups, pid);
}

ssize_t __wrap_mnl_socket_sendto(const struct mnl_socket *nl, const void *req,
				 size_t size)
{
	if (!is_fake(nl))
		return __real_mnl_socket_sendto(nl, req, size);
	if (size > sizeof(fake_request.buf))
		abort();
	memcpy(fake_request.buf, req, size);
	fake_request.len = size;
	return (ssize_t)size;
}

ssize_t __wrap_mnl_socket_recvfrom(const struct mnl_socket *nl, void *buf,
				   size_t size)
{
	const struct nlmsghdr *request = (const void *)fake_request.buf;
	ssize_t n;

	if (!is_fake(nl))
		return __real_mnl_socket_recvfrom(nl, buf, size);
	if (request->nlmsg_type != GENL_ID_CTRL && !fake_serve)
		return answer(buf, size);
	n = request->nlmsg_type == GENL_ID_CTRL ? control_answer(buf) :
						  fake_serve(request, buf);
	number(buf, n, request->nlmsg_seq);
	return n;
}

int __wrap_mnl_socket_setsockopt(const struct mnl_socket *nl, int type, void *buf,
				 socklen_t len)
{
	if (!is_fake(nl))
		return __real_mnl_socket_setsockopt(nl, type, buf, len);
	if (type == NETLINK_ADD_MEMBERSHIP)
		memcpy(&fake_joined, buf, sizeof(fake_joined));
	return 0;
}

int __wrap_mnl_socket_get_fd(const struct mnl_socket *nl)
{
	return is_fake(nl) ? fake_fd : __real_mnl_socket_get_fd(nl);
}

int __wrap_mnl_socket_close(struct mnl_socket *nl)
{
	if (!is_fake(nl))
		return __real_mnl_socket_close(nl);
	if (--fake_opened)
		return 0;
	close(fake_fd);
	fake_fd = -1;
	return 0;
}

ssize_t __wrap_recv(int fd, void *buf, size_t size, int flags)
{
	if (fd < 0 || fd != fake_fd)
		return __real_recv(fd, buf, size, flags);
	return answer(buf, size);
}

/* ---- The request -------------------------------------------------------------- */

const struct nlattr *fake_asked(u16 type)
{
	const struct nlattr *attr;

	mnl_attr_for_each(attr, (const struct nlmsghdr *)fake_request.buf,
			  GENL_HDRLEN)
		if (mnl_attr_get_type(attr) == type)
			return attr;
	return NULL;
}

u32 fake_asked_u32(u16 type)
{
	return fake_asked(type) ? mnl_attr_get_u32(fake_asked(type)) : 0xdead;
}

u8 fake_asked_cmd(void)
{
	const struct nlmsghdr *nlh = (const void *)fake_request.buf;

	return ((const struct genlmsghdr *)mnl_nlmsg_get_payload(nlh))->cmd;
}

bool fake_asked_dump(void)
{
	return (((const struct nlmsghdr *)fake_request.buf)->nlmsg_flags &
		NLM_F_DUMP) == NLM_F_DUMP;
}
