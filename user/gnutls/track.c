// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Tracking: what GnuTLS wrote and read in a handshake.
 *
 * GnuTLS tells the keys and the next number to write. It does not tell which
 * records it has opened, nor its last flight, and it has no place for others to
 * keep something with a session: so its transport is ours, and a table has what we
 * know of a session.
 *
 * It throws away the whole datagram if a record's header is not to its liking, and
 * never looks for a record inside of another one.
 */
#include <pthread.h>
#include <stdlib.h>
#include <sys/socket.h>

#include <gnutls/dtls.h>

#include <kdtls-gnutls.h>

#include "keys.h"
#include "lib/handover.h"
#include "lib/log.h"
#include "track.h"

#define BUCKETS		1024
#define CLIENT_HELLO	1
#define MAJOR		0xfe
#define DTLS_1_0_VERSION 0xfeff

/* What GnuTLS may take as ciphertext is less. */
#define CIPHERTEXT_MAX	(DTLS_MAX_PLAINTEXT + 2048)

static struct kdtls_gnutls_track *table[BUCKETS];
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

/* ---- the table ---- */

static struct kdtls_gnutls_track **bucket(gnutls_session_t session)
{
	uintptr_t n = (uintptr_t)session;

	return &table[(n >> 4 ^ n >> 14) % BUCKETS];
}

static struct kdtls_gnutls_track **find(gnutls_session_t session)
{
	struct kdtls_gnutls_track **at = bucket(session);

	while (*at && (*at)->session != session)
		at = &(*at)->next;
	return at;
}

struct kdtls_gnutls_track *kdtls_gnutls_track_get(gnutls_session_t session)
{
	struct kdtls_gnutls_track *t;

	pthread_mutex_lock(&lock);
	t = *find(session);
	pthread_mutex_unlock(&lock);
	return t;
}

static void table_add(struct kdtls_gnutls_track *t)
{
	struct kdtls_gnutls_track **at;

	pthread_mutex_lock(&lock);
	at = bucket(t->session);
	t->next = *at;
	*at = t;
	pthread_mutex_unlock(&lock);
}

static struct kdtls_gnutls_track *table_take(gnutls_session_t session)
{
	struct kdtls_gnutls_track **at, *t;

	pthread_mutex_lock(&lock);
	at = find(session);
	t = *at;
	if (t)
		*at = t->next;
	pthread_mutex_unlock(&lock);
	return t;
}

static void track_free(struct kdtls_gnutls_track *t)
{
	kdtls_wire_clear(&t->wire);
	free(t);
}

/* ---- what the wire asks ---- */

static u16 version_of(gnutls_session_t session)
{
	switch (gnutls_protocol_get_version(session)) {
	case GNUTLS_DTLS1_2:
		return DTLS_1_2_VERSION;
	case GNUTLS_DTLS1_0:
		return DTLS_1_0_VERSION;
	default:
		return 0;
	}
}

/*
 * In the handshake GnuTLS does not look at the version closely, and the additional
 * data has that of the session, not of the record: a record of a later epoch must
 * have it, or it could be opened twice under two versions.
 */
static enum kdtls_taken taken(void *arg, const struct kdtls_record *rec)
{
	const struct kdtls_gnutls_track *t = arg;

	if (rec->len > CIPHERTEXT_MAX)
		return KDTLS_CUT;
	if (rec->epoch)
		return rec->version == version_of(t->session) ? KDTLS_WHOLE :
								KDTLS_CUT;
	return rec->version >> 8 == MAJOR ? KDTLS_WHOLE : KDTLS_CUT;
}

static int get_keys(void *arg, struct kdtls_keys **keys)
{
	const struct kdtls_gnutls_track *t = arg;

	return kdtls_gnutls_keys(t->session, keys);
}

static const struct kdtls_wire_ops wire_ops = {
	.taken	= taken,
	.keys	= get_keys,
};

/* ---- the transport ---- */

static void see_role(struct kdtls_gnutls_track *t, const u8 *p, size_t len)
{
	struct kdtls_record rec;

	if (t->role || kdtls_record_parse(&rec, p, (u32)len) || !rec.len ||
	    rec.epoch || rec.type != DTLS_CT_HANDSHAKE)
		return;
	t->role = p[KDTLS_HEADER_LEN] == CLIENT_HELLO ? KDTLS_GNUTLS_CLIENT :
							KDTLS_GNUTLS_SERVER;
}

static ssize_t push(gnutls_transport_ptr_t ptr, const void *buf, size_t len)
{
	struct kdtls_gnutls_track *t = ptr;
	ssize_t n;

	/*
	 * Before the write: a record that fails to leave has used up its number
	 * and its nonce all the same.
	 */
	see_role(t, buf, len);
	kdtls_wire_wrote(&t->wire, buf, len);
	n = send(t->fd, buf, len, MSG_NOSIGNAL);
	/* An answer that it wants to give at the end may get lost, as on a network. */
	if (n < 0 && t->dry)
		return (ssize_t)len;
	t->blocked = n < 0 && (errno == EAGAIN || errno == EINTR);
	t->broken |= n < 0 && !t->blocked && errno != EMSGSIZE;
	return n;
}

static ssize_t dry(struct kdtls_gnutls_track *t)
{
	t->asked = true;
	errno = EAGAIN;
	return -1;
}

static ssize_t pull(gnutls_transport_ptr_t ptr, void *buf, size_t len)
{
	struct kdtls_gnutls_track *t = ptr;
	ssize_t n;

	if (t->dry)
		return dry(t);
	n = recv(t->fd, buf, len, 0);
	if (n < 0)
		return n;
	n = (ssize_t)kdtls_wire_read(&t->wire, buf, (size_t)n);
	if (!n) {
		/* As if it had not come: GnuTLS takes 0 for the end of a stream. */
		errno = EAGAIN;
		return -1;
	}
	return n;
}

/* GnuTLS's own function takes a descriptor in place of the pointer. */
static int wait_for(int fd, unsigned int ms)
{
	return gnutls_system_recv_timeout((gnutls_transport_ptr_t)(intptr_t)fd,
					  ms);
}

static int pull_timeout(gnutls_transport_ptr_t ptr, unsigned int ms)
{
	struct kdtls_gnutls_track *t = ptr;

	if (!t->dry)
		return wait_for(t->fd, ms);
	t->asked = true;
	return 0;
}

/* ---- the transport of sessions that are not tracked any more ---- */

static ssize_t plain_push(gnutls_transport_ptr_t ptr, const void *buf,
			  size_t len)
{
	return send((int)(intptr_t)ptr, buf, len, MSG_NOSIGNAL);
}

static ssize_t plain_pull(gnutls_transport_ptr_t ptr, void *buf, size_t len)
{
	return recv((int)(intptr_t)ptr, buf, len, 0);
}

static int plain_timeout(gnutls_transport_ptr_t ptr, unsigned int ms)
{
	return wait_for((int)(intptr_t)ptr, ms);
}

static ssize_t dead_push(gnutls_transport_ptr_t ptr, const void *buf,
			 size_t len)
{
	errno = EPIPE;
	return -1;
}

static ssize_t dead_pull(gnutls_transport_ptr_t ptr, void *buf, size_t len)
{
	errno = EPIPE;
	return -1;
}

static int dead_timeout(gnutls_transport_ptr_t ptr, unsigned int ms)
{
	errno = EPIPE;
	return -1;
}

static void transport(gnutls_session_t session, void *ptr,
		      gnutls_push_func pusher, gnutls_pull_func puller,
		      gnutls_pull_timeout_func timeout)
{
	gnutls_transport_set_ptr(session, ptr);
	gnutls_transport_set_push_function(session, pusher);
	gnutls_transport_set_pull_function(session, puller);
	gnutls_transport_set_pull_timeout_function(session, timeout);
}

void kdtls_gnutls_silence(struct kdtls_gnutls_track *t)
{
	transport(t->session, NULL, dead_push, dead_pull, dead_timeout);
	table_take(t->session);
	track_free(t);
}

/* ---- public ---- */

/* One whose session was freed behind our back, and its memory used again. */
static void drop_stale(gnutls_session_t session)
{
	struct kdtls_gnutls_track *t = kdtls_gnutls_track_get(session);

	if (!t || gnutls_transport_get_ptr(session) == t)
		return;
	table_take(session);
	track_free(t);
}

/* GnuTLS has no messages to tell of yet. */
static bool has_begun(gnutls_session_t session)
{
	return (int)gnutls_handshake_get_last_in(session) != -1 ||
	       (int)gnutls_handshake_get_last_out(session) != -1;
}

int kdtls_gnutls_track(gnutls_session_t session, int fd)
{
	struct kdtls_gnutls_track *t;
	int err;

	if (!gnutls_dtls_get_mtu(session))
		return kdtls_fail(-EINVAL, "not a DTLS session: call gnutls_init() with GNUTLS_DATAGRAM");
	drop_stale(session);
	if (kdtls_gnutls_track_get(session))
		return kdtls_fail(-EALREADY, "the session is tracked already");
	if (kdtls_gnutls_finished(session) || has_begun(session))
		return kdtls_fail(-EISCONN, "the handshake has begun: call kdtls_gnutls_track() before it");
	err = kdtls_handover_socket(fd);
	if (err)
		return err;
	t = calloc(1, sizeof(*t));
	if (!t || kdtls_wire_init(&t->wire, &wire_ops, t)) {
		free(t);
		return kdtls_fail(-ENOMEM, "no memory to track the session");
	}
	t->session = session;
	t->fd = fd;
	table_add(t);
	transport(session, t, push, pull, pull_timeout);
	return 0;
}

void kdtls_gnutls_untrack(gnutls_session_t session)
{
	struct kdtls_gnutls_track *t = table_take(session);

	if (!t)
		return;
	if (gnutls_transport_get_ptr(session) == t)
		transport(session, (void *)(intptr_t)t->fd, plain_push,
			  plain_pull, plain_timeout);
	track_free(t);
}
