// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The steps of a handover, of which upgrade.c has the order for OpenSSL and
 * gnutls/upgrade.c for GnuTLS.
 */
#include <netinet/in.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "clock.h"
#include "handover.h"
#include "install.h"
#include "log.h"

int kdtls_handover_opts(struct kdtls_upgrade_opts *o,
			const struct kdtls_upgrade_opts *opts)
{
	memset(o, 0, sizeof(*o));
	if (!opts)
		return 0;
	if (opts->size < sizeof(opts->size) || opts->size > sizeof(*o))
		return kdtls_fail(-EINVAL, "struct kdtls_upgrade_opts has a size of %zu: set it to sizeof(struct kdtls_upgrade_opts)",
				  opts->size);
	memcpy(o, opts, opts->size);
	if (o->flags & ~KDTLS_UPGRADE_OWN_FD)
		return kdtls_fail(-EINVAL, "unknown flags %#x", o->flags);
	if (o->window && (o->window < DTLS_WINDOW_MIN ||
			  o->window > DTLS_WINDOW_MAX))
		return kdtls_fail(-EINVAL, "window is %u: it must be %u to %u",
				  o->window, DTLS_WINDOW_MIN, DTLS_WINDOW_MAX);
	return 0;
}

bool kdtls_handover_same(int a, int b)
{
	struct stat sa, sb;

	return a == b || (!fstat(a, &sa) && !fstat(b, &sb) &&
			  sa.st_dev == sb.st_dev && sa.st_ino == sb.st_ino);
}

int kdtls_handover_socket(int fd)
{
	struct sockaddr_storage peer;
	socklen_t len = sizeof(int);
	int protocol = 0;

	if (getsockopt(fd, SOL_SOCKET, SO_PROTOCOL, &protocol, &len))
		return kdtls_fail(-errno, "descriptor %d is no socket: %s", fd,
				  strerror(errno));
	if (protocol != IPPROTO_UDP)
		return kdtls_fail(-EPROTONOSUPPORT, "descriptor %d is not a UDP socket",
				  fd);
	len = sizeof(peer);
	if (getpeername(fd, (struct sockaddr *)&peer, &len))
		return kdtls_fail(-ENOTCONN, "the socket is not connected: connect() it to the peer first");
	return 0;
}

int kdtls_handover_attach(int fd)
{
	int err = kdtls_install_attach(fd);

	return err ? err : kdtls_install_options(fd);
}

int kdtls_handover_rx_numbers(struct kdtls_wire *w,
			      const struct kdtls_keys *keys,
			      unsigned int window, struct kdtls_numbers *numbers)
{
	memset(numbers, 0, sizeof(*numbers));
	numbers->epoch = 1;
	numbers->window = (u16)window;
	kdtls_wire_verify(w, keys);
	/* Unverified is unseen, and unseen could be opened twice. */
	if (w->n_candidates)
		return kdtls_fail(-ENOMEM, "no memory to verify what was received");
	kdtls_wire_window(w, &numbers->seq, &numbers->seen);
	return 0;
}

void kdtls_handover_tx_numbers(const struct kdtls_wire *w,
			       const struct kdtls_keys *keys, u64 next,
			       struct kdtls_numbers *numbers)
{
	memset(numbers, 0, sizeof(*numbers));
	numbers->epoch = 1;
	numbers->seq = next;
	if (keys->cipher->explicit_len)
		numbers->nonce = kdtls_get_be64(w->nonce) + 1;
}

int kdtls_handover_rx(struct kdtls_wire *w, int fd,
		      const struct kdtls_keys *keys, unsigned int window)
{
	struct kdtls_numbers numbers;
	int err = kdtls_handover_rx_numbers(w, keys, window, &numbers);

	return err ? err : kdtls_install_keys(fd, DTLS_RX, keys, &numbers);
}

int kdtls_handover_tx(const struct kdtls_wire *w, int fd,
		      const struct kdtls_keys *keys, u64 next)
{
	struct kdtls_numbers numbers;

	kdtls_handover_tx_numbers(w, keys, next, &numbers);
	return kdtls_install_keys(fd, DTLS_TX, keys, &numbers);
}

void kdtls_handover_flight(struct kdtls_session *s, struct kdtls_wire *w,
			   unsigned int flight_ms)
{
	s->flight = w->flight;
	memset(&w->flight, 0, sizeof(w->flight));
	s->flight.expires = kdtls_now_ms() +
			    (flight_ms ? flight_ms : KDTLS_FLIGHT_MS);
}

int kdtls_handover_lost(int err)
{
	char why[256];

	snprintf(why, sizeof(why), "%s", kdtls_last_error());
	return kdtls_fail(-ENOTRECOVERABLE, "the handover failed half-way (%s: %s): close the session and open a new one",
			  strerror(-err), why);
}

struct kdtls_session *kdtls_handover_session(int fd)
{
	struct kdtls_session *s = kdtls_session_new(fd, false);
	socklen_t len = sizeof(s->peer);

	if (!s)
		return NULL;
	getpeername(fd, (struct sockaddr *)&s->peer, &len);
	len = sizeof(s->local);
	getsockname(fd, (struct sockaddr *)&s->local, &len);
	return s;
}

void kdtls_handover_done(struct kdtls_session *s, unsigned int flags)
{
	s->own_fd = flags & KDTLS_UPGRADE_OWN_FD;
	s->carrier = &kdtls_carrier_kernel;
	s->offloaded = true;
	s->state = KDTLS_SESSION_OPEN;
}
