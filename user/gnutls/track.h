/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What GnuTLS does in a handshake, remembered for its handover. */
#ifndef KDTLS_GNUTLS_TRACK_H
#define KDTLS_GNUTLS_TRACK_H

#include <gnutls/gnutls.h>

#include "lib/wire.h"

enum kdtls_gnutls_role {
	KDTLS_GNUTLS_UNKNOWN,
	KDTLS_GNUTLS_CLIENT,
	KDTLS_GNUTLS_SERVER,
};

/**
 * struct kdtls_gnutls_track - one tracked session
 * @next: in the table
 * @session: the session
 * @fd: its socket
 * @role: what it is, as its first message says
 * @blocked: a record waits in GnuTLS for room in the socket
 * @broken: the socket has failed it
 * @dry: it gets nothing more from the socket
 * @asked: it wanted something since
 * @wire: what went through the socket
 */
struct kdtls_gnutls_track {
	struct kdtls_gnutls_track *next;
	gnutls_session_t	session;
	int			fd;
	enum kdtls_gnutls_role	role;
	bool			blocked;
	bool			broken;
	bool			dry;
	bool			asked;
	struct kdtls_wire	wire;
};

/* The track of a session, or NULL. */
struct kdtls_gnutls_track *kdtls_gnutls_track_get(gnutls_session_t session);

/* Nothing that GnuTLS does from here on reaches the wire; @t is freed. */
void kdtls_gnutls_silence(struct kdtls_gnutls_track *t);

#endif /* KDTLS_GNUTLS_TRACK_H */
