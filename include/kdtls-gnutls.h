/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * libkdtls-gnutls: sessions of libkdtls out of GnuTLS's handshakes.
 *
 * A program that runs its own GnuTLS handshakes calls kdtls_gnutls_track() before
 * a handshake and kdtls_gnutls_upgrade() after it, and has what kdtls_upgrade()
 * gives to one that uses OpenSSL: a UDP socket whose send() seals and whose recv()
 * opens, and a struct kdtls_session for the calls of kdtls.h.
 *
 * Errors: functions return 0 or a negative errno value. kdtls_last_error() has a
 * sentence that says what happened and what to do.
 */
#ifndef KDTLS_GNUTLS_H
#define KDTLS_GNUTLS_H

#include <kdtls.h>

#ifdef __cplusplus
extern "C" {
#endif

struct gnutls_session_int;

/**
 * kdtls_gnutls_track() - watch a handshake for its handover to the kernel
 * @session: a DTLS session (gnutls_session_t) whose handshake did not begin
 * @fd: the UDP socket that it is to use, connected to the peer; it stays the
 *	caller's
 *
 * Gives @session a transport: from now on it reads @fd and writes to it, and what
 * passes is remembered, since GnuTLS does not tell which records it has opened
 * and what its last flight was. The program must not set another transport.
 * Whether it waits is said by GNUTLS_NONBLOCK and by the socket, as ever.
 *
 * To be ended by kdtls_gnutls_upgrade() or kdtls_gnutls_untrack(), in front of
 * gnutls_deinit().
 *
 * Return: 0; -EINVAL if @session is not DTLS; -EALREADY if it is tracked;
 * -EISCONN if its handshake has begun; -ENOTCONN if @fd is not connected;
 * -EPROTONOSUPPORT if it is not UDP; -ENOMEM; or what is wrong with @fd.
 */
int kdtls_gnutls_track(struct gnutls_session_int *session, int fd);

/**
 * kdtls_gnutls_untrack() - forget what kdtls_gnutls_track() began
 * @session: the session; nothing happens if it is not tracked. It goes on reading
 *	and writing its socket
 */
void kdtls_gnutls_untrack(struct gnutls_session_int *session);

/**
 * kdtls_gnutls_upgrade() - hand a finished session over to the kernel
 * @session: a tracked session whose handshake is finished
 * @fd: its UDP socket
 * @opts: NULL for the defaults
 * @out: where to put the session; kdtls_destroy() frees it
 *
 * Application data that GnuTLS already holds is kept and is the first that
 * kdtls_recv() returns; records without data are not data to GnuTLS. Datagrams
 * that wait in the socket stay there and are opened by the kernel. Afterwards
 * @session can neither read nor write; it is still the caller's, not tracked any
 * more, and can be freed at once.
 *
 * GnuTLS keeps the record keys until then. A limit for the size of records that was
 * negotiated is for the program to keep.
 *
 * Keying material for other uses, certificates and the like are to be asked of
 * @session: kdtls_session_export() and kdtls_session_srtp_keys() return -ENODATA.
 *
 * Until the kernel holds a key, a failure leaves @session as it was, tracked and
 * fully usable. Only -ENOTRECOVERABLE says that it is lost.
 *
 * Return: 0, or
 * -ENODATA: the session is not tracked
 * -ENOTCONN: the handshake is not finished, or @fd is not connected
 * -EAGAIN: GnuTLS holds records or data that it did not write yet
 * -EPIPE: the session is being closed
 * -EPROTONOSUPPORT: not DTLS 1.2, renegotiated, or @fd is not a UDP socket
 * -EOPNOTSUPP: a cipher suite that kdtls does not have
 * -ENOPROTOOPT: there is no kdtls module
 * -ENOENT: the kernel lacks the cipher
 * -EBADF: another socket than that of kdtls_gnutls_track()
 * -EBUSY: something else owns the socket
 * -EINVAL: bad options, or the transport was replaced
 * -ENOMEM, and
 * -ENOTRECOVERABLE: it failed when the kernel held one key already
 */
int kdtls_gnutls_upgrade(struct gnutls_session_int *session, int fd,
			 const struct kdtls_upgrade_opts *opts,
			 struct kdtls_session **out);

#ifdef __cplusplus
}
#endif

#endif /* KDTLS_GNUTLS_H */
