// SPDX-License-Identifier: LGPL-2.1-or-later
/* A program's connection to the helper (kdtls-helper.h). */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <openssl/crypto.h>

#include <kdtls-helper.h>

#include "config.h"
#include "log.h"

_Static_assert(sizeof(struct kdtls_helper_header) == 16, "layout");
_Static_assert(sizeof(struct kdtls_helper_request) == 608, "layout");
_Static_assert(sizeof(struct kdtls_helper_done) == 1208, "layout");
_Static_assert(sizeof(struct kdtls_helper_failed) == 536, "layout");

#define MESSAGE_MAX (sizeof(struct kdtls_helper_header) + KDTLS_HELPER_DATA_MAX)

/**
 * struct kdtls_helper - a connection
 * @fd: its socket
 * @last_id: of the last request
 * @running: requests without DONE or FAILED
 * @message: the last one that came
 */
struct kdtls_helper {
	int		fd;
	uint32_t	last_id;
	unsigned int	running;
	union {
		struct kdtls_helper_header header;
		struct kdtls_helper_done done;
		struct kdtls_helper_failed failed;
		u8	bytes[MESSAGE_MAX];
	} message;
};

static int connect_to(int fd, const char *path)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	size_t n = strlen(path);

	if (n >= sizeof(un.sun_path))
		return kdtls_fail(-ENAMETOOLONG, "the path %s is too long for a socket",
				  path);
	memcpy(un.sun_path, path, n);
	if (!connect(fd, (struct sockaddr *)&un, sizeof(un)))
		return 0;
	switch (errno) {
	case ENOENT:
	case ECONNREFUSED:
		return kdtls_fail(-errno, "no helper at %s: is kdtlsd running?", path);
	case EACCES:
		return kdtls_fail(-errno, "this user may not use the helper at %s: see socket-group in kdtlsd.conf(5)",
				  path);
	default:
		return kdtls_fail(-errno, "cannot connect to the helper at %s: %s", path,
				  strerror(errno));
	}
}

int kdtls_helper_open(const char *path, struct kdtls_helper **out)
{
	struct kdtls_helper *h = calloc(1, sizeof(*h));
	int err;

	if (!h)
		return kdtls_fail(-ENOMEM, "no memory");
	h->fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	err = h->fd < 0 ? kdtls_fail(-errno, "socket: %s", strerror(errno)) :
			  connect_to(h->fd, path ? path : KDTLS_HELPER_PATH);
	if (err) {
		kdtls_helper_close(h);
		return err;
	}
	*out = h;
	return 0;
}

void kdtls_helper_close(struct kdtls_helper *h)
{
	if (!h)
		return;
	if (h->fd >= 0)
		close(h->fd);
	OPENSSL_cleanse(&h->message, sizeof(h->message));
	free(h);
}

int kdtls_helper_fd(const struct kdtls_helper *h)
{
	return h->fd;
}

/* ---- requests ---- */

static int send_message(struct kdtls_helper *h, const void *buf, size_t len, int fd)
{
	union {
		struct cmsghdr align;
		char space[CMSG_SPACE(sizeof(int))];
	} ctl = { .space = { 0 } };
	struct iovec iov = { .iov_base = (void *)buf, .iov_len = len };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	struct cmsghdr *cmsg;

	if (fd >= 0) {
		msg.msg_control = ctl.space;
		msg.msg_controllen = sizeof(ctl.space);
		cmsg = CMSG_FIRSTHDR(&msg);
		cmsg->cmsg_level = SOL_SOCKET;
		cmsg->cmsg_type = SCM_RIGHTS;
		cmsg->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(cmsg), &fd, sizeof(fd));
	}
	if (sendmsg(h->fd, &msg, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0)
		return 0;
	switch (errno) {
	case EAGAIN:
		return kdtls_fail(-EAGAIN, "the helper does not read: get its events first");
	case EPIPE:
	case ECONNRESET:
		return kdtls_fail(-EPIPE, "the helper is gone: open a new connection");
	default:
		return kdtls_fail(-errno, "cannot send to the helper: %s",
				  strerror(errno));
	}
}

static int set_text(char *to, size_t size, const char *text, const char *what)
{
	size_t n = text ? strlen(text) : 0;

	if (n >= size)
		return kdtls_fail(-EINVAL, "the name of the %s has more than %zu bytes",
				  what, size - 1);
	if (n)
		memcpy(to, text, n);
	return 0;
}

static int set_alpn(struct kdtls_helper_request *r, const char *const *protocols)
{
	size_t len;
	u8 *wire;
	int err;

	if (!protocols)
		return 0;
	err = kdtls_config_alpn_wire(protocols, &wire, &len);
	if (err)
		return err;
	if (len > sizeof(r->alpn))
		err = kdtls_fail(-EINVAL, "the ALPN protocols have more than %zu bytes",
				 sizeof(r->alpn));
	else
		memcpy(r->alpn, wire, len);
	r->alpn_len = err ? 0 : (uint32_t)len;
	free(wire);
	return err;
}

static int fill(struct kdtls_helper_request *r,
		const struct kdtls_helper_opts *opts)
{
	struct kdtls_helper_opts o = { .size = sizeof(o) };
	int err;

	if (opts) {
		if (opts->size < sizeof(opts->size) || opts->size > sizeof(o))
			return kdtls_fail(-EINVAL, "struct kdtls_helper_opts has a size of %zu: set it to sizeof(struct kdtls_helper_opts)",
					  opts->size);
		memcpy(&o, opts, opts->size);
	}
	r->flags = o.srtp_keys ? KDTLS_HELPER_WANT_SRTP : 0;
	r->timeout_ms = o.timeout_ms;
	err = set_text(r->profile, sizeof(r->profile), o.profile, "profile");
	if (!err)
		err = set_text(r->server_name, sizeof(r->server_name),
			       o.server_name, "server");
	if (!err)
		err = set_alpn(r, o.alpn);
	return err;
}

static int request(struct kdtls_helper *h, int type, int fd,
		   const struct kdtls_helper_opts *opts, uint32_t *id)
{
	struct kdtls_helper_request r = {
		.header = {
			.version = KDTLS_HELPER_VERSION,
			.type = (uint16_t)type,
			.size = sizeof(r),
			.id = h->last_id + 1 ? h->last_id + 1 : 1,
		},
	};
	int err;

	if (fd < 0)
		return kdtls_fail(-EBADF, "there is no descriptor to pass");
	err = fill(&r, opts);
	if (!err)
		err = send_message(h, &r, sizeof(r), fd);
	if (err)
		return err;
	h->last_id = r.header.id;
	h->running++;
	if (id)
		*id = r.header.id;
	return 0;
}

int kdtls_helper_connect(struct kdtls_helper *h, int fd,
			 const struct kdtls_helper_opts *opts, uint32_t *id)
{
	return request(h, KDTLS_HELPER_CONNECT, fd, opts, id);
}

int kdtls_helper_accept(struct kdtls_helper *h, int fd,
			const struct kdtls_helper_opts *opts, uint32_t *id)
{
	return request(h, KDTLS_HELPER_ACCEPT, fd, opts, id);
}

int kdtls_helper_cancel(struct kdtls_helper *h, uint32_t id)
{
	const struct kdtls_helper_header r = {
		.version = KDTLS_HELPER_VERSION,
		.type = KDTLS_HELPER_CANCEL,
		.size = sizeof(r),
		.id = id,
	};

	return send_message(h, &r, sizeof(r), -1);
}

/* ---- events ---- */

static int wait_for(int fd, int timeout_ms)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	int n = poll(&p, 1, timeout_ms);

	return n < 0 ? kdtls_fail(-errno, "poll: %s", strerror(errno)) : n;
}

static int strange(void)
{
	return kdtls_fail(-EPROTO, "what answers does not speak the protocol of this library: are kdtlsd and libkdtls of one version?");
}

/* The size that a message of this type has; data has any. */
static bool right_size(const struct kdtls_helper_header *h)
{
	switch (h->type) {
	case KDTLS_HELPER_DONE:
		return h->size == sizeof(struct kdtls_helper_done);
	case KDTLS_HELPER_FAILED:
		return h->size == sizeof(struct kdtls_helper_failed);
	case KDTLS_HELPER_RELEASED:
		return h->size == sizeof(*h);
	case KDTLS_HELPER_DATA:
		return h->size >= sizeof(*h);
	default:
		return false;
	}
}

/* That the helper has ended comes before what it said last, once. */
static ssize_t receive_message(int fd, struct msghdr *msg)
{
	ssize_t n = recvmsg(fd, msg, MSG_DONTWAIT);

	if (n < 0 && errno == ECONNRESET)
		n = recvmsg(fd, msg, MSG_DONTWAIT);
	return n;
}

static int receive(struct kdtls_helper *h)
{
	struct kdtls_helper_header *header = &h->message.header;
	struct iovec iov = { .iov_base = &h->message,
			     .iov_len = sizeof(h->message) };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	ssize_t n = receive_message(h->fd, &msg);

	if (n < 0 && errno == EAGAIN)
		return 0;
	if (n < 0)
		return kdtls_fail(-errno, "cannot hear the helper: %s", strerror(errno));
	if (n <= 0)
		return kdtls_fail(-EPIPE, "the helper is gone: open a new connection");
	if ((size_t)n < sizeof(*header) || msg.msg_flags & MSG_TRUNC ||
	    header->version != KDTLS_HELPER_VERSION ||
	    header->size != (size_t)n || !right_size(header))
		return strange();
	return 1;
}

static void tell(struct kdtls_helper *h, struct kdtls_helper_event *e)
{
	const struct kdtls_helper_header *header = &h->message.header;

	e->type = header->type;
	e->id = header->id;
	switch (header->type) {
	case KDTLS_HELPER_DONE:
		e->done = &h->message.done;
		break;
	case KDTLS_HELPER_FAILED:
		h->message.failed.text[KDTLS_HELPER_TEXT_MAX - 1] = 0;
		e->text = h->message.failed.text;
		e->error = h->message.failed.error > 0 ?
			   -h->message.failed.error : -EPROTO;
		kdtls_fail(e->error, "%s", e->text);
		break;
	case KDTLS_HELPER_DATA:
		e->data = h->message.bytes + sizeof(*header);
		e->len = header->size - sizeof(*header);
		break;
	}
	if (h->running && header->id &&
	    (e->type == KDTLS_HELPER_DONE || e->type == KDTLS_HELPER_FAILED))
		h->running--;
}

int kdtls_helper_next(struct kdtls_helper *h, struct kdtls_helper_event *event,
		      size_t size, int timeout_ms)
{
	struct kdtls_helper_event e = { .type = 0 };
	int ret;

	/* The last one may have had keys in it. */
	OPENSSL_cleanse(&h->message, sizeof(struct kdtls_helper_done));
	ret = receive(h);
	if (!ret && timeout_ms) {
		ret = wait_for(h->fd, timeout_ms);
		if (ret > 0)
			ret = receive(h);
	}
	if (ret > 0)
		tell(h, &e);
	memset(event, 0, size);
	memcpy(event, &e, size < sizeof(e) ? size : sizeof(e));
	return ret;
}

int kdtls_helper_upgrade(struct kdtls_helper *h, int fd,
			 const struct kdtls_helper_opts *opts,
			 struct kdtls_helper_done *done, size_t size)
{
	struct kdtls_helper_event e;
	uint32_t id;
	int ret;

	if (h->running)
		return kdtls_fail(-EBUSY, "a request is running: wait for its event, or use kdtls_helper_connect()");
	ret = kdtls_helper_connect(h, fd, opts, &id);
	/* Why the helper has ended the connection is better known than that. */
	if (ret == -EPIPE && kdtls_helper_next(h, &e, sizeof(e), 0) > 0 &&
	    e.type == KDTLS_HELPER_FAILED)
		return e.error;
	if (ret)
		return ret;
	do {
		ret = kdtls_helper_next(h, &e, sizeof(e), -1);
		/* What the connection ends with has no number. */
		if (ret > 0 && e.type == KDTLS_HELPER_FAILED &&
		    (e.id == id || !e.id))
			return e.error;
		if (ret < 0 && ret != -EINTR)
			return ret;
	} while (ret <= 0 || e.type != KDTLS_HELPER_DONE || e.id != id);
	if (done) {
		memset(done, 0, size);
		memcpy(done, e.done, size < sizeof(*e.done) ? size : sizeof(*e.done));
	}
	return 0;
}
