// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Listening: strangers' datagrams, cookies, and a session for each peer whose cookie
 * verified. If the kernel carries the records, the listener's socket serves them all;
 * if not, each has a socket of its own.
 *
 * One SSL object looks at all strangers: DTLSv1_listen() keeps nothing between
 * two datagrams. When a cookie verifies, that object becomes the peer's and a
 * new one takes its place with the next ClientHello.
 */
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>

#include "bio.h"
#include "clock.h"
#include "endpoint.h"
#include "log.h"

static int ctx_index = -1;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void make_index(void)
{
	ctx_index = SSL_CTX_get_ex_new_index(0, NULL, NULL, NULL, NULL);
}

/* ---- cookies ---- */

static struct kdtls_endpoint *endpoint_of(SSL *ssl)
{
	return SSL_CTX_get_ex_data(SSL_get_SSL_CTX(ssl), ctx_index);
}

static int generate_cookie(SSL *ssl, unsigned char *cookie, unsigned int *len)
{
	struct kdtls_endpoint *ep = endpoint_of(ssl);
	struct kdtls_stranger *who = ep->stranger;

	if (!who || kdtls_cookie_make(&ep->jar, kdtls_now_ms(),
				      (const struct sockaddr *)who->peer,
				      &who->hello, cookie))
		return 0;
	*len = KDTLS_COOKIE_LEN;
	return 1;
}

static int verify_cookie(SSL *ssl, const unsigned char *cookie,
			 unsigned int len)
{
	struct kdtls_endpoint *ep = endpoint_of(ssl);
	struct kdtls_stranger *who = ep->stranger;

	/* The handshake asks again for what DTLSv1_listen() has seen. */
	if (ssl != ep->ssl)
		return 1;
	if (who && kdtls_cookie_check(&ep->jar, kdtls_now_ms(),
				      (const struct sockaddr *)who->peer,
				      &who->hello, cookie, len))
		return 1;
	ep->info.cookies_refused++;
	return 0;
}

void kdtls_listen_setup(SSL_CTX *ctx, struct kdtls_endpoint *ep)
{
	pthread_once(&once, make_index);
	SSL_CTX_set_ex_data(ctx, ctx_index, ep);
	SSL_CTX_set_cookie_generate_cb(ctx, generate_cookie);
	SSL_CTX_set_cookie_verify_cb(ctx, verify_cookie);
}

/* ---- the SSL object for strangers ---- */

/* HelloVerifyRequest: straight back where the ClientHello came from. */
static void answer_stranger(void *arg, const u8 *buf, size_t len)
{
	struct kdtls_endpoint *ep = arg;
	struct kdtls_tx tx = {
		.way.fd = ep->listen_fd,
		.buf = buf,
		.len = len,
		.flags = MSG_DONTWAIT,
		.raw = ep->member,
	};

	if (!ep->stranger || ep->listen_fd < 0)
		return;
	tx.way.to = ep->stranger->peer;
	tx.way.local = ep->stranger->local;
	if (kdtls_io_send(&tx) >= 0)
		ep->info.cookies_sent++;
}

static int make_ssl(struct kdtls_endpoint *ep)
{
	SSL *ssl = SSL_new(ep->ctx_server);
	BIO *bio = kdtls_bio_new(ep->config->mtu, answer_stranger, ep);

	if (!ssl || !bio) {
		SSL_free(ssl);
		BIO_free(bio);
		return -ENOMEM;
	}
	SSL_set_bio(ssl, bio, bio);
	SSL_set_accept_state(ssl);
	SSL_set_mtu(ssl, (long)ep->config->mtu);
	ep->ssl = ssl;
	ep->bio = bio;
	return 0;
}

/* 1 if the cookie verified, 0 if the stranger remains one. */
static int meet(struct kdtls_endpoint *ep, struct kdtls_stranger *who,
		const u8 *buf, size_t len)
{
	BIO_ADDR *addr;
	int ret;

	if (!ep->ssl && make_ssl(ep))
		return 0;
	addr = BIO_ADDR_new();
	if (!addr)
		return 0;
	ep->stranger = who;
	kdtls_bio_feed(ep->bio, buf, len);
	ret = DTLSv1_listen(ep->ssl, addr);
	kdtls_bio_feed(ep->bio, NULL, 0);
	ep->stranger = NULL;
	BIO_ADDR_free(addr);
	ERR_clear_error();
	if (ret < 0) {
		SSL_free(ep->ssl);
		ep->ssl = NULL;
	}
	return ret > 0;
}

/* ---- a peer ---- */

/* Not SO_REUSEADDR: on UDP that lets other users have the port as well. */
static void reuse(int fd)
{
	int on = 1;

	setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on));
}

/*
 * A socket of the peer's own, on the address that it spoke to. Between bind()
 * and connect() it gets anybody's datagrams: see first_datagrams().
 */
static int peer_socket(const struct sockaddr_storage *peer,
		       const struct sockaddr_storage *local)
{
	int fd = socket(peer->ss_family,
			SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0)
		return kdtls_fail(-errno, "socket: %s", strerror(errno));
	reuse(fd);
	if (bind(fd, (const struct sockaddr *)local, kdtls_io_addrlen(local)) ||
	    connect(fd, (const struct sockaddr *)peer,
		    kdtls_io_addrlen(peer))) {
		int err = kdtls_fail(-errno, "cannot make a socket for a peer: %s",
				     strerror(errno));

		close(fd);
		return err;
	}
	return fd;
}

/*
 * The socket of a new session: the endpoint's own if the kernel tells the peers
 * apart; that of the session that it wants to replace; or one for itself.
 */
static struct kdtls_session *session_on_socket(struct kdtls_endpoint *ep,
					       const struct kdtls_stranger *who,
					       struct kdtls_session *old)
{
	bool shared = ep->member && (!old || old->shared);
	int fd = shared ? ep->listen_fd : old ? old->fd :
		 peer_socket(who->peer, who->local);
	bool own = !shared && !old;
	struct kdtls_session *s;

	if (fd < 0)
		return NULL;
	s = kdtls_session_new(fd, own);
	if (!s && own)
		close(fd);
	if (s)
		s->shared = shared;
	return s;
}

static struct kdtls_session *peer_session(struct kdtls_endpoint *ep,
					  const struct kdtls_stranger *who,
					  struct kdtls_session *old)
{
	struct kdtls_session *s = session_on_socket(ep, who, old);

	if (!s)
		return NULL;
	s->server = true;
	s->hello = kdtls_hello_digest(&who->hello);
	s->peer = *who->peer;
	s->local = *who->local;
	s->predecessor = old;
	if (kdtls_endpoint_add(ep, s)) {
		kdtls_session_free(s);
		return NULL;
	}
	if (old)
		kdtls_session_challenge(s, old);
	if (kdtls_origin_add(ep, s)) {
		kdtls_endpoint_drop(ep, s);
		return NULL;
	}
	ep->info.server_sessions++;
	return s;
}

/*
 * What reached the new socket before it was connected may be others'. Once there
 * are keys the kernel would drop it, so it is taken out at once and brought to
 * where it belongs. What is the peer's own goes to its handshake.
 */
static void first_datagrams(struct kdtls_session *s)
{
	if (!s->dead && s->own_fd && s->state == KDTLS_SESSION_HANDSHAKE)
		s->carrier->receive(s);
}

static void welcome(struct kdtls_endpoint *ep, struct kdtls_stranger *who,
		    struct kdtls_session *old)
{
	struct kdtls_config *config = ep->config;
	SSL *ssl = ep->ssl;
	BIO *bio = ep->bio;
	struct kdtls_session *s = peer_session(ep, who, old);

	ep->ssl = NULL;
	ep->bio = NULL;
	if (!s) {
		ep->info.dropped_limit++;
		SSL_free(ssl);
		return;
	}
	if (config->cb.session)
		config->cb.session(s, config->cb_arg);
	if (s->dead || s->state == KDTLS_SESSION_CLOSED) {
		SSL_free(ssl);
		return;
	}
	if (kdtls_handshake_start(s, ssl, bio)) {
		SSL_free(ssl);
		kdtls_session_error_now(s, -ENOMEM);
		kdtls_session_end(s, -ENOMEM);
		return;
	}
	first_datagrams(s);
}

int kdtls_listen_leave(struct kdtls_session *s)
{
	int fd;

	if (!s->shared)
		return 0;
	fd = peer_socket(&s->peer, &s->local);
	if (fd < 0)
		return fd;
	s->fd = fd;
	s->own_fd = true;
	s->shared = false;
	return kdtls_endpoint_watch_session(s->ep, s);
}

/* ---- the listener ---- */

static bool is_closing(struct kdtls_endpoint *ep)
{
	if (ep->info.closing)
		ep->info.dropped_closing++;
	return ep->info.closing;
}

static bool refuse(struct kdtls_endpoint *ep,
		   const struct sockaddr_storage *peer)
{
	if (is_closing(ep))
		return true;
	if (ep->info.busy) {
		ep->info.server_busy_count++;
		return true;
	}
	if (ep->info.session_count >= ep->config->max_sessions) {
		ep->info.dropped_limit++;
		return true;
	}
	if (!kdtls_origin_may(ep, peer)) {
		ep->info.dropped_source++;
		return true;
	}
	return false;
}

void kdtls_listen_input(struct kdtls_endpoint *ep, const u8 *buf, size_t len,
			const struct sockaddr_storage *peer,
			const struct sockaddr_storage *local)
{
	struct kdtls_stranger who = { .peer = peer, .local = local };
	struct kdtls_session *s = kdtls_table_find(ep, peer, local);

	if (s) {
		kdtls_session_input(s, buf, len);
		return;
	}
	if (!ep->ctx_server || kdtls_hello_parse(&who.hello, buf, len)) {
		ep->info.dropped_junk++;
		return;
	}
	if (!refuse(ep, peer) && meet(ep, &who, buf, len))
		welcome(ep, &who, NULL);
}

/* The peer has one session before and one behind: it fills no limit. */
void kdtls_listen_again(struct kdtls_session *s, const struct kdtls_hello *hello,
			const u8 *buf, size_t len)
{
	struct kdtls_endpoint *ep = s->ep;
	struct kdtls_stranger who = {
		.peer = &s->peer,
		.local = &s->local,
		.hello = *hello,
	};
	bool unfinished = s->state == KDTLS_SESSION_HANDSHAKE;

	if (is_closing(ep) || !meet(ep, &who, buf, len))
		return;
	/* It has begun anew before, and did not go on with it. */
	if (s->successor)
		kdtls_session_end(s->successor, -ECONNABORTED);
	if (s->dead || s->successor)
		return;
	welcome(ep, &who, s);
	/* A handshake that nobody will finish need not be waited for. */
	if (unfinished && s->successor)
		kdtls_session_end(s, -ECONNABORTED);
}

/* A record that the kernel has opened, or what it leaves to handshakes. */
static void member_message(struct kdtls_endpoint *ep, const struct kdtls_rx *rx)
{
	struct kdtls_session *s;

	if (rx->raw) {
		kdtls_listen_input(ep, rx->buf, rx->len, &rx->from, &rx->local);
		return;
	}
	s = kdtls_table_find(ep, &rx->from, &rx->local);
	/* Of a session that has ended since it was opened. */
	if (!s || s->member_session != rx->session ||
	    s->state != KDTLS_SESSION_OPEN) {
		ep->info.dropped_stray++;
		return;
	}
	kdtls_kernel_message(s, rx);
}

void kdtls_listen_ready(struct kdtls_source *source)
{
	struct kdtls_endpoint *ep =
		(void *)((char *)source -
			 offsetof(struct kdtls_endpoint, listen_source));
	struct kdtls_rx rx = { .buf = ep->rx, .cap = KDTLS_IO_MAX };
	int budget = KDTLS_BUDGET, err;

	if (ep->helper)
		kdtls_helper_member_events(ep);
	while (budget-- && ep->listen_fd >= 0) {
		err = kdtls_io_recv(ep->listen_fd, &rx, MSG_DONTWAIT);
		if (err == -EAGAIN)
			break;
		if (err)
			continue;
		if (rx.local.ss_family == AF_UNSPEC)
			rx.local = ep->address;
		kdtls_io_set_port(&rx.local, &ep->address);
		if (ep->member)
			member_message(ep, &rx);
		else
			kdtls_listen_input(ep, rx.buf, rx.len, &rx.from,
					   &rx.local);
	}
}

/* ---- public ---- */

/*
 * Nobody else may be on the address: a second server would get a part of the peers,
 * and neither would know. So the listener binds alone, which is one step in the
 * kernel and cannot be raced for. Only then does it let others in, for each peer
 * gets a socket on the same address. From then on other sockets of the same user
 * can come there as well, if they ask for SO_REUSEPORT, as no other server of this
 * library does.
 */
static int bind_alone(int fd, const struct addrinfo *ai)
{
	if (bind(fd, ai->ai_addr, ai->ai_addrlen))
		return -errno;
	reuse(fd);
	return 0;
}

/*
 * Have the kernel tell the peers apart, which takes one socket for all of them. Where
 * it cannot, each peer gets a socket, and OpenSSL carries its records.
 */
static int join_kernel(struct kdtls_endpoint *ep, int fd)
{
	enum kdtls_offload offload = ep->config->offload;
	int err;

	if (offload == KDTLS_OFFLOAD_OFF && !ep->helper)
		return 0;
	err = kdtls_member_join(fd, ep->helper, &ep->member);
	if (!err) {
		kdtls_io_gro(fd);
		return 0;
	}
	if (offload == KDTLS_OFFLOAD_REQUIRE || ep->helper)
		return err;
	free(ep->no_member);
	ep->no_member = strdup(kdtls_last_error());
	return 0;
}

/* A bound socket; it is the caller's until this has succeeded. */
static int take_socket(struct kdtls_endpoint *ep, int fd)
{
	socklen_t len = sizeof(ep->address);
	int err;

	if (getsockname(fd, (struct sockaddr *)&ep->address, &len))
		return -errno;
	err = kdtls_io_want_local(fd, ep->address.ss_family);
	if (err)
		return err;
	err = join_kernel(ep, fd);
	if (err)
		return err;
	ep->listen_source.ready = kdtls_listen_ready;
	err = kdtls_endpoint_watch(ep, fd, &ep->listen_source);
	if (err) {
		kdtls_member_free(ep->member);
		ep->member = NULL;
		return err;
	}
	ep->listen_fd = fd;
	ep->info.listening = 1;
	return 0;
}

static int open_one(struct kdtls_endpoint *ep, const struct addrinfo *ai)
{
	int fd = socket(ai->ai_family,
			SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int err;

	if (fd < 0)
		return -errno;
	err = bind_alone(fd, ai);
	if (!err)
		err = take_socket(ep, fd);
	if (err)
		close(fd);
	return err;
}

static int open_listener(struct kdtls_endpoint *ep, const char *host,
			 const char *service)
{
	struct addrinfo hints = {
		.ai_family = host ? AF_UNSPEC : AF_INET,
		.ai_socktype = SOCK_DGRAM,
		.ai_flags = AI_PASSIVE,
	};
	struct addrinfo *list, *ai;
	int err = getaddrinfo(host, service, &hints, &list);

	if (err)
		return kdtls_fail(-EADDRNOTAVAIL, "%s port %s: %s",
				  host ? host : "any address", service,
				  gai_strerror(err));
	for (ai = list; ai; ai = ai->ai_next) {
		err = open_one(ep, ai);
		/* The next one would be where nobody looks for it. */
		if (!err || err == -EADDRINUSE)
			break;
	}
	freeaddrinfo(list);
	if (err == -EADDRINUSE)
		return kdtls_fail(err, "%s port %s is taken: another server, or the sessions of one that is closing, have it; see `ss -ulpn`",
				  host ? host : "any address", service);
	if (err)
		return kdtls_fail(err, "cannot listen on %s port %s: %s",
				  host ? host : "any address", service,
				  strerror(-err));
	return 0;
}

static int new_server(struct kdtls_config *config, struct kdtls_endpoint **out)
{
	struct kdtls_endpoint *ep;
	int err = kdtls_endpoint_new(config, &ep);

	if (err)
		return err;
	err = kdtls_config_make_ctx(config, &config->psk, true, &ep->ctx_server);
	if (err) {
		kdtls_endpoint_destroy(ep);
		return err;
	}
	kdtls_listen_setup(ep->ctx_server, ep);
	*out = ep;
	return 0;
}

int kdtls_listen(struct kdtls_config *config, const char *host,
		 const char *service, struct kdtls_endpoint **out)
{
	struct kdtls_endpoint *ep;
	int err = new_server(config, &ep);

	if (err)
		return err;
	err = open_listener(ep, host, service);
	if (err) {
		kdtls_endpoint_destroy(ep);
		return err;
	}
	*out = ep;
	return 0;
}

static int check_socket(int fd)
{
	struct sockaddr_storage ss;
	socklen_t len = sizeof(int);
	int protocol = 0;

	if (getsockopt(fd, SOL_SOCKET, SO_PROTOCOL, &protocol, &len))
		return kdtls_fail(-errno, "descriptor %d is no socket: %s", fd,
				  strerror(errno));
	if (protocol != IPPROTO_UDP)
		return kdtls_fail(-EPROTONOSUPPORT, "descriptor %d is not a UDP socket",
				  fd);
	len = sizeof(ss);
	if (!getpeername(fd, (struct sockaddr *)&ss, &len))
		return kdtls_fail(-EISCONN, "the socket is connected: a listener serves all peers");
	len = sizeof(ss);
	if (getsockname(fd, (struct sockaddr *)&ss, &len) ||
	    !((struct sockaddr_in *)&ss)->sin_port)
		return kdtls_fail(-EADDRNOTAVAIL, "the socket is not bound: bind() it first");
	return 0;
}

int kdtls_listen_fd(struct kdtls_config *config, int fd, unsigned int flags,
		    struct kdtls_endpoint **out)
{
	struct kdtls_endpoint *ep;
	int err;

	if (flags & ~KDTLS_LISTEN_HELPER)
		return kdtls_fail(-EINVAL, "unknown flags %#x", flags);
	err = check_socket(fd);
	if (err)
		return err;
	err = new_server(config, &ep);
	if (err)
		return err;
	ep->helper = flags & KDTLS_LISTEN_HELPER;
	err = take_socket(ep, fd);
	if (!err && ep->helper)
		err = kdtls_helper_member_adopt(ep);
	if (err) {
		/* It stays the caller's. */
		if (ep->listen_fd >= 0)
			epoll_ctl(ep->epfd, EPOLL_CTL_DEL, fd, NULL);
		ep->listen_fd = -1;
		kdtls_member_free(ep->member);
		ep->member = NULL;
		kdtls_endpoint_destroy(ep);
		return err;
	}
	fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
	*out = ep;
	return 0;
}
