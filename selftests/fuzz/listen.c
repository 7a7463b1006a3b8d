// SPDX-License-Identifier: GPL-2.0
/*
 * user/lib/listen.c: a stranger's datagram on its way through the listener and
 * OpenSSL, up to where the stranger would get a socket.
 *
 * The input: the family of the address and whether the datagram gets the right
 * cookie (1 byte), and the datagram.
 */
#include <netinet/in.h>
#include <sys/socket.h>

#include <openssl/ssl.h>

#include "clock.h"
#include "client_hello.h"
#include "config.h"
#include "endpoint.h"

static struct kdtls_config config = { .mtu = 1200, .max_sessions = 1 };
static struct kdtls_endpoint ep = { .config = &config, .listen_fd = -1 };
static struct sockaddr_storage peer, local;

/* What the listener took for the right cookie, since it was last set to false. */
static bool believed;

int __wrap_socket(int domain, int type, int protocol);
bool __real_kdtls_cookie_check(struct kdtls_cookie_jar *jar, u64 now,
			       const struct sockaddr *from,
			       const struct kdtls_hello *hello,
			       const u8 *cookie, size_t len);
bool __wrap_kdtls_cookie_check(struct kdtls_cookie_jar *jar, u64 now,
			       const struct sockaddr *from,
			       const struct kdtls_hello *hello,
			       const u8 *cookie, size_t len);

/* So far and no further: without a socket there is no session. */
int __wrap_socket(int domain, int type, int protocol)
{
	errno = EMFILE;
	return -1;
}

/* OpenSSL has read the same cookie as we. */
bool __wrap_kdtls_cookie_check(struct kdtls_cookie_jar *jar, u64 now,
			       const struct sockaddr *from,
			       const struct kdtls_hello *hello,
			       const u8 *cookie, size_t len)
{
	MUST(len == hello->cookie_len);
	MUST(!memcmp(cookie, hello->cookie, len));
	believed = __real_kdtls_cookie_check(jar, now, from, hello, cookie,
					     len);
	return believed;
}

static void begin(u8 how)
{
	if (!ep.ctx_server) {
		ep.ctx_server = SSL_CTX_new(DTLS_server_method());
		kdtls_listen_setup(ep.ctx_server, &ep);
	}
	MUST(!kdtls_cookie_init(&ep.jar, 1000000, kdtls_now_ms()));
	memset(&peer, 0, sizeof(peer));
	memset(&local, 0, sizeof(local));
	peer.ss_family = how & 1 ? AF_INET6 : AF_INET;
	local.ss_family = peer.ss_family;
	/* The port is at the same place in both families. */
	((struct sockaddr_in *)&peer)->sin_port = htons(5684);
}

/* With a cookie that is right for this datagram, if it is a ClientHello. */
static bool add_cookie(u8 **data, size_t *len)
{
	u8 cookie[KDTLS_COOKIE_LEN], *answer;
	struct kdtls_hello hello;
	size_t n;

	if (kdtls_hello_parse(&hello, *data, *len))
		return false;
	MUST(!kdtls_cookie_make(&ep.jar, kdtls_now_ms(),
				(const struct sockaddr *)&peer, &hello,
				cookie));
	n = client_hello_again(&hello, *data, cookie, sizeof(cookie), &answer);
	if (!n)
		return false;
	fuzz_free(*data);
	*data = answer;
	*len = n;
	return true;
}

/* A socket is tried for those who have shown the right cookie, and them only. */
static bool let_in(const u8 *data, size_t len)
{
	u64 tried = ep.info.dropped_limit;

	believed = false;
	kdtls_listen_input(&ep, data, len, &peer, &local);
	MUST(ep.info.dropped_limit - tried == believed);
	MUST(!ep.stranger);
	return believed;
}

/* Whoever was there before, an honest client gets in. */
static void check_honest(void)
{
	struct fuzz_output out = { .len = 0 };
	u8 *data;
	size_t len;

	client_hello(&out, 0);
	data = fuzz_copy(out.bytes, out.len);
	len = out.len;
	MUST(!let_in(data, len));
	MUST(add_cookie(&data, &len));
	MUST(let_in(data, len));
	fuzz_free(data);
}

void fuzz_one(const u8 *data, size_t len)
{
	struct fuzz_input in = { data, len };
	u8 how = (u8)fuzz_take(&in, 1);
	u8 *datagram = fuzz_copy(in.p, in.left);
	bool right = false;

	begin(how);
	len = in.left;
	if (how & 2)
		right = add_cookie(&datagram, &len);
	/* The right one nobody can guess. */
	MUST(let_in(datagram, len) <= right);
	fuzz_free(datagram);
	check_honest();
	SSL_free(ep.ssl);
	ep.ssl = NULL;
}

void fuzz_seeds(void)
{
	struct fuzz_output out = { .len = 0 };
	size_t i;
	u8 how;

	for (i = 0; i < CLIENT_HELLOS; i++)
		for (how = 0; how < 4; how++) {
			fuzz_put(&out, how, 1);
			client_hello(&out, i);
			fuzz_put_seed(&out);
		}
}
