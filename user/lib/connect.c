// SPDX-License-Identifier: LGPL-2.1-or-later
/* Client sessions. */
#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <openssl/bio.h>
#include <openssl/ssl.h>
#include <openssl/x509_vfy.h>

#include <linux/kdtls.h>

#include "bio.h"
#include "endpoint.h"
#include "install.h"
#include "log.h"
#include "resume.h"

/* A server that has more addresses than these has one that works among them. */
#define ADDRESSES_MAX 8

static bool is_mapped(const struct sockaddr_storage *ss)
{
	return IN6_IS_ADDR_V4MAPPED(&((const struct sockaddr_in6 *)ss)->sin6_addr);
}

/* Bind to the address of ours that the configuration wants, in the peer's family. */
static int bind_local(const struct kdtls_config *config, int fd,
		      const struct sockaddr_storage *peer)
{
	const char *host = config->bind_host, *service = config->bind_service;
	struct addrinfo hints = {
		.ai_flags = AI_PASSIVE,
		.ai_family = peer->ss_family,
		.ai_socktype = SOCK_DGRAM,
	};
	struct addrinfo *ai;
	int on = 1, err;

	if (!host && !service)
		return 0;
	err = getaddrinfo(host, service ? service : "0", &hints, &ai);
	if (err)
		return kdtls_fail(-EADDRNOTAVAIL, "the local address %s port %s: %s",
				  host ? host : "*", service ? service : "*",
				  gai_strerror(err));
	/* The same port of IPv4 is left to a session that needs it. */
	if (peer->ss_family == AF_INET6 && !is_mapped(peer))
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on));
	err = bind(fd, ai->ai_addr, ai->ai_addrlen) ? -errno : 0;
	freeaddrinfo(ai);
	if (err)
		return kdtls_fail(err, "cannot bind to the local address %s port %s: %s",
				  host ? host : "*", service ? service : "*",
				  strerror(-err));
	return 0;
}

static int connect_to(int fd, const struct sockaddr_storage *peer)
{
	if (connect(fd, (const struct sockaddr *)peer, kdtls_io_addrlen(peer)))
		return kdtls_fail(-errno, "%s", strerror(errno));
	return 0;
}

static int connected_socket(const struct kdtls_config *config,
			    const struct sockaddr_storage *peer)
{
	int fd = socket(peer->ss_family,
			SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int err;

	if (fd < 0)
		return kdtls_fail(-errno, "socket: %s", strerror(errno));
	err = bind_local(config, fd, peer);
	if (!err)
		err = connect_to(fd, peer);
	if (!err)
		return fd;
	close(fd);
	return err;
}

/* A port of ours can be bound only once: the socket that has it goes on. */
static int next_socket(struct kdtls_session *s,
		       const struct sockaddr_storage *peer)
{
	const struct sockaddr none = { .sa_family = AF_UNSPEC };
	int err;

	if (!s->ep->config->bind_service ||
	    s->local.ss_family != peer->ss_family)
		return connected_socket(s->ep->config, peer);
	/* So that our address is chosen anew. */
	if (connect(s->fd, &none, sizeof(none)))
		return -errno;
	err = connect_to(s->fd, peer);
	return err ? err : s->fd;
}

/* Returns how many addresses there are, or a negative errno value. */
static int look_up(const char *host, const char *service,
		   struct sockaddr_storage *peers)
{
	struct addrinfo hints = {
		.ai_family = AF_UNSPEC,
		.ai_socktype = SOCK_DGRAM,
	};
	struct addrinfo *list, *ai;
	int err, n = 0;

	err = getaddrinfo(host, service, &hints, &list);
	if (err)
		return kdtls_fail(-EADDRNOTAVAIL, "%s port %s: %s", host,
				  service, gai_strerror(err));
	memset(peers, 0, ADDRESSES_MAX * sizeof(*peers));
	for (ai = list; ai && n < ADDRESSES_MAX; ai = ai->ai_next)
		memcpy(&peers[n++], ai->ai_addr, ai->ai_addrlen);
	freeaddrinfo(list);
	return n;
}

static void addresses(struct kdtls_session *s)
{
	socklen_t len = sizeof(s->peer);

	getpeername(s->fd, (struct sockaddr *)&s->peer, &len);
	len = sizeof(s->local);
	getsockname(s->fd, (struct sockaddr *)&s->local, &len);
}

bool kdtls_connect_next(struct kdtls_session *s)
{
	int fd = -1;

	while (s->n_more && fd < 0) {
		fd = next_socket(s, s->more);
		s->n_more--;
		memmove(s->more, s->more + 1, s->n_more * sizeof(*s->more));
	}
	if (fd < 0)
		return false;
	if (fd != s->fd && kdtls_endpoint_watch(s->ep, fd, &s->source)) {
		close(fd);
		return false;
	}
	/* Closing takes the old one out of the epoll. */
	if (fd != s->fd)
		close(s->fd);
	s->fd = fd;
	s->io_err = 0;
	addresses(s);
	return true;
}

static bool is_address(const char *name)
{
	u8 addr[16];

	return inet_pton(AF_INET, name, addr) == 1 ||
	       inet_pton(AF_INET6, name, addr) == 1;
}

/* SNI takes names only; certificates are for names and addresses. */
static int name_server(SSL *ssl, const char *name)
{
	if (is_address(name))
		return X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), name);
	return SSL_set_tlsext_host_name(ssl, name) == 1 &&
	       SSL_set1_host(ssl, name) == 1;
}

static SSL *make_ssl(struct kdtls_endpoint *ep, const char *name, BIO **bio)
{
	SSL *ssl = SSL_new(ep->ctx_client);

	*bio = kdtls_bio_new(ep->config->mtu, NULL, NULL);
	if (!ssl || !*bio)
		goto free;
	if (!name_server(ssl, name))
		goto free;
	SSL_set_bio(ssl, *bio, *bio);
	SSL_set_connect_state(ssl);
	SSL_set_mtu(ssl, (long)ep->config->mtu);
	return ssl;
free:
	BIO_free(*bio);
	SSL_free(ssl);
	return NULL;
}

static int keep_others(struct kdtls_session *s,
		       const struct sockaddr_storage *peers, int n)
{
	if (n <= 0)
		return 0;
	s->more = calloc((size_t)n, sizeof(*peers));
	if (!s->more)
		return kdtls_fail(-ENOMEM, "no memory for the session");
	memcpy(s->more, peers, (size_t)n * sizeof(*peers));
	s->n_more = (size_t)n;
	return 0;
}

static int client_session(struct kdtls_endpoint *ep, const char *host,
			  const char *service, struct kdtls_session **out)
{
	struct sockaddr_storage peers[ADDRESSES_MAX];
	int n = look_up(host, service, peers);
	int fd = -EADDRNOTAVAIL, i, err;
	struct kdtls_session *s;
	char why[256];

	if (n < 0)
		return n;
	for (i = 0; i < n && fd < 0; i++)
		fd = connected_socket(ep->config, &peers[i]);
	if (fd < 0) {
		snprintf(why, sizeof(why), "%s", kdtls_last_error());
		return kdtls_fail(fd, "cannot reach %s port %s: %s", host,
				  service, why);
	}
	s = kdtls_session_new(fd, true);
	if (!s) {
		close(fd);
		return kdtls_fail(-ENOMEM, "no memory for the session");
	}
	addresses(s);
	err = keep_others(s, peers + i, n - i);
	if (!err)
		err = kdtls_endpoint_add(ep, s);
	if (err) {
		kdtls_session_free(s);
		return err;
	}
	*out = s;
	return 0;
}

/* ALPN of this one connection, if it has its own. */
static int offer_alpn(SSL *ssl, const char *const *protocols)
{
	size_t len;
	u8 *wire;
	int err;

	if (!protocols)
		return 0;
	err = kdtls_config_alpn_wire(protocols, &wire, &len);
	if (err)
		return err;
	/* Of OpenSSL's functions one of those that return 0. */
	if (SSL_set_alpn_protos(ssl, wire, (unsigned int)len))
		err = kdtls_fail_ssl(-EINVAL, "cannot offer the ALPN protocols");
	free(wire);
	return err;
}

/* The handshake of @s, which is destroyed if it cannot begin. */
static int begin(struct kdtls_endpoint *ep, struct kdtls_session *s,
		 const char *name, const struct kdtls_fd_opts *o,
		 struct kdtls_session **out)
{
	BIO *bio;
	SSL *ssl;
	int err;

	if (!is_address(name))
		s->server_name = strdup(name);
	ssl = make_ssl(ep, name, &bio);
	if (!ssl) {
		kdtls_destroy(s);
		return kdtls_fail_ssl(-ENOMEM, "cannot set a connection up");
	}
	err = offer_alpn(ssl, o->alpn);
	if (!err)
		err = kdtls_resume_begin(ssl, ep->config, name, o->blob,
					 o->blob_len);
	/* Whoever closes the session in a callback must leave it to us. */
	ep->depth++;
	if (!err)
		err = kdtls_handshake_start(s, ssl, bio);
	ep->depth--;
	if (err) {
		SSL_free(ssl);
		kdtls_destroy(s);
		return err;
	}
	if (s->dead || s->state == KDTLS_SESSION_CLOSED)
		return s->close_err ? s->close_err : -ECANCELED;
	ep->info.client_sessions++;
	*out = s;
	return 0;
}

int kdtls_connect_may(const struct kdtls_endpoint *ep)
{
	if (ep->info.closing)
		return kdtls_fail(-ESHUTDOWN, "the endpoint is closing");
	if (ep->info.session_count >= ep->config->max_sessions)
		return kdtls_fail(-EUSERS, "the endpoint has %u sessions, its limit: raise it with kdtls_config_set_max_sessions()",
				  ep->info.session_count);
	return 0;
}

static int prepare(struct kdtls_endpoint *ep)
{
	int err = kdtls_connect_may(ep);

	if (err || ep->ctx_client)
		return err;
	return kdtls_config_make_ctx(ep->config, &ep->config->psk, false,
				     &ep->ctx_client);
}

static int open_session(struct kdtls_endpoint *ep, const char *host,
			const char *service, const struct kdtls_fd_opts *o,
			struct kdtls_session **out)
{
	const char *name = ep->config->server_name;
	struct kdtls_session *s;
	int err = prepare(ep);

	if (!err)
		err = client_session(ep, host, service, &s);
	return err ? err : begin(ep, s, name ? name : host, o, out);
}

int kdtls_endpoint_connect(struct kdtls_endpoint *ep, const char *host,
			   const char *service, struct kdtls_session **out)
{
	const struct kdtls_fd_opts o = { .blob = NULL };

	return open_session(ep, host, service, &o, out);
}

int kdtls_endpoint_resume(struct kdtls_endpoint *ep, const char *host,
			  const char *service, const void *data, size_t len,
			  struct kdtls_session **out)
{
	const struct kdtls_fd_opts o = { .blob = data, .blob_len = len };

	if (!data)
		return kdtls_fail(-EINVAL, "there is nothing to resume: call kdtls_endpoint_connect()");
	return open_session(ep, host, service, &o, out);
}

/* ---- on the caller's socket ---- */

int kdtls_connect_opts(struct kdtls_fd_opts *o,
		       const struct kdtls_fd_opts *opts)
{
	memset(o, 0, sizeof(*o));
	if (!opts)
		return 0;
	if (opts->size < sizeof(opts->size) || opts->size > sizeof(*o))
		return kdtls_fail(-EINVAL, "struct kdtls_fd_opts has a size of %zu: set it to sizeof(struct kdtls_fd_opts)",
				  opts->size);
	memcpy(o, opts, opts->size);
	return 0;
}

/* What would fail at the handover fails before the peer hears of it. */
static int check_socket(int fd)
{
	struct sockaddr_storage peer;
	socklen_t len = sizeof(int);
	struct dtls_info info;
	int protocol = 0;

	if (getsockopt(fd, SOL_SOCKET, SO_PROTOCOL, &protocol, &len))
		return kdtls_fail(-errno, "descriptor %d is no socket: %s", fd,
				  strerror(errno));
	len = sizeof(peer);
	if (protocol != IPPROTO_UDP)
		return kdtls_fail(-EPROTONOSUPPORT, "descriptor %d is not a UDP socket",
				  fd);
	if (getpeername(fd, (struct sockaddr *)&peer, &len))
		return kdtls_fail(-ENOTCONN, "the socket is not connected: connect() it to the peer first");
	if (peer.ss_family != AF_INET && peer.ss_family != AF_INET6)
		return kdtls_fail(-EPROTONOSUPPORT, "descriptor %d is neither of IPv4 nor of IPv6",
				  fd);
	if (!kdtls_install_info(fd, &info) &&
	    info.state & (DTLS_STATE_TX | DTLS_STATE_RX))
		return kdtls_fail(-EALREADY, "there are keys on this socket already: a socket serves one session");
	return 0;
}

int kdtls_connect_adopt(struct kdtls_endpoint *ep, int fd,
			const struct kdtls_fd_opts *o,
			struct kdtls_session **out)
{
	struct kdtls_session *s;
	int err = check_socket(fd);

	if (err)
		return err;
	s = kdtls_session_new(fd, false);
	if (!s)
		return kdtls_fail(-ENOMEM, "no memory for the session");
	addresses(s);
	s->handshake_ms = o->timeout_ms;
	err = kdtls_endpoint_add(ep, s);
	if (err) {
		kdtls_session_free(s);
		return err;
	}
	*out = s;
	return 0;
}

static const char *address_name(const struct sockaddr_storage *peer, char *buf,
				socklen_t size)
{
	const void *addr = peer->ss_family == AF_INET6 ?
		(const void *)&((const struct sockaddr_in6 *)peer)->sin6_addr :
		(const void *)&((const struct sockaddr_in *)peer)->sin_addr;

	return inet_ntop(peer->ss_family, addr, buf, size);
}

int kdtls_endpoint_connect_fd(struct kdtls_endpoint *ep, int fd,
			      const struct kdtls_fd_opts *opts,
			      struct kdtls_session **out)
{
	char text[INET6_ADDRSTRLEN];
	struct kdtls_session *s;
	struct kdtls_fd_opts o;
	const char *name;
	int err = kdtls_connect_opts(&o, opts);

	if (!err)
		err = prepare(ep);
	if (!err)
		err = kdtls_connect_adopt(ep, fd, &o, &s);
	if (err)
		return err;
	name = o.server_name ? o.server_name : ep->config->server_name;
	if (!name)
		name = address_name(&s->peer, text, sizeof(text));
	return begin(ep, s, name, &o, out);
}

int kdtls_connect(struct kdtls_config *config, const char *host,
		  const char *service, struct kdtls_session **out)
{
	struct kdtls_endpoint *ep;
	int err = kdtls_endpoint_new(config, &ep);

	if (err)
		return err;
	err = kdtls_endpoint_connect(ep, host, service, out);
	if (err)
		kdtls_endpoint_destroy(ep);
	return err;
}
