/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * libkdtls: DTLS 1.2 with the handshake in OpenSSL and the records in the
 * kernel.
 *
 * There are two ways in:
 *
 * - a program that runs its own OpenSSL handshakes calls kdtls_track() before
 *   a handshake and kdtls_upgrade() after it, and has a UDP socket whose send()
 *   seals and whose recv() opens;
 * - a program that wants sessions and no OpenSSL fills a struct kdtls_config,
 *   calls kdtls_listen() or kdtls_connect(), and then kdtls_dispatch() in a
 *   loop, which calls it back.
 *
 * Where the kernel cannot take the records, the second way carries them through
 * OpenSSL instead: same calls, same callbacks, and kdtls_session_info() says so.
 *
 * Errors: functions that return int or ssize_t return a negative errno value.
 * kdtls_last_error() has a sentence that says what happened and what to do.
 *
 * Threads: there are no threads inside. An endpoint and its sessions belong to
 * one thread at a time; different endpoints are independent. A configuration
 * must not be changed once an endpoint or a session uses it, and can be shared.
 */
#ifndef KDTLS_H
#define KDTLS_H

#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/types.h>

#ifdef __cplusplus
extern "C" {
#endif

#define KDTLS_VERSION_MAJOR	0
#define KDTLS_VERSION_MINOR	1
#define KDTLS_VERSION		"0.1"

/* The size of a datagram, without IP and UDP headers. */
#define KDTLS_MTU_MIN		256
#define KDTLS_MTU_DEFAULT	1200
#define KDTLS_MTU_MAX		65535

/* What a pre-shared key and its identity can have, in bytes. */
#define KDTLS_PSK_MAX		512
#define KDTLS_PSK_IDENTITY_MAX	256

/* What an SRTP master key and a master salt can have, in bytes. */
#define KDTLS_SRTP_KEY_MAX	32
#define KDTLS_SRTP_SALT_MAX	14

/* A ticket key, how many a server can have, and the largest blob to resume. */
#define KDTLS_TICKET_KEY_LEN	80
#define KDTLS_TICKET_KEYS_MAX	8
#define KDTLS_RESUMPTION_MAX	65536

struct ssl_st;
struct ssl_ctx_st;
struct x509_st;
struct kdtls_config;
struct kdtls_endpoint;
struct kdtls_session;

/**
 * kdtls_version() - the version of the library that runs
 *
 * Return: a string such as "0.1"; never NULL.
 */
const char *kdtls_version(void);

/**
 * kdtls_last_error() - what went wrong in this thread
 *
 * Return: a sentence about the last failed call of this thread, valid until the
 * next one fails; never NULL.
 */
const char *kdtls_last_error(void);

/**
 * kdtls_strerror() - what an error of this library means
 * @err: a negative errno value that a function of this library returned
 *
 * Return: a short static text; never NULL. kdtls_last_error() is more precise.
 */
const char *kdtls_strerror(int err);

/**
 * kdtls_probe() - can this kernel take sessions?
 *
 * Attaches a socket and throws it away. Loads the module if it can be loaded.
 *
 * Return: 0, or -ENOPROTOOPT if there is no kdtls module.
 */
int kdtls_probe(void);

/* ------------------------------------------------------------------------ */
/* Adoption: a handshake of the caller's own                                 */

/**
 * kdtls_track() - watch a handshake for its handover to the kernel
 * @ssl: a DTLS connection whose BIOs are set and whose handshake did not begin
 *
 * Records what OpenSSL does not tell afterwards: the numbers and the nonce it
 * used, what it read, and the last flight. Takes the connection's message
 * callback and the callback of its BIOs, and switches renegotiation off.
 * Freed with @ssl.
 *
 * Return: 0; -EINVAL if @ssl is not DTLS or has no BIOs; -EALREADY if it is
 * tracked; -EISCONN if its handshake is over; -EBUSY if one of its BIOs has a
 * callback; -ENOMEM.
 */
int kdtls_track(struct ssl_st *ssl);

/**
 * kdtls_untrack() - forget what kdtls_track() began
 * @ssl: the connection; nothing happens if it is not tracked
 */
void kdtls_untrack(struct ssl_st *ssl);

/* struct kdtls_upgrade_opts.flags */
#define KDTLS_UPGRADE_OWN_FD	(1U << 0)	/* kdtls_destroy() closes the fd */

/**
 * struct kdtls_upgrade_opts - how to hand over
 * @size: sizeof(struct kdtls_upgrade_opts)
 * @flags: KDTLS_UPGRADE_*
 * @window: replay window in records, 32 to 8192, 0 for 64
 * @flight_ms: how long the last flight can be asked for again, 0 for 240 s,
 *	twice the MSL (RFC 6347 section 4.2.4)
 */
struct kdtls_upgrade_opts {
	size_t		size;
	unsigned int	flags;
	unsigned int	window;
	unsigned int	flight_ms;
};

/**
 * kdtls_upgrade() - hand a finished connection over to the kernel
 * @ssl: a tracked connection whose handshake is finished
 * @fd: its UDP socket, connected to the peer
 * @opts: NULL for the defaults
 * @out: where to put the session; kdtls_destroy() frees it
 *
 * Application data that OpenSSL already holds is kept and is the first that
 * kdtls_recv() returns. Datagrams that wait in the socket stay there and are
 * opened by the kernel. Afterwards @ssl can neither read nor write; it is still
 * the caller's, and can be freed at once.
 *
 * Until the kernel holds a key, a failure leaves @ssl as it was, tracked and
 * fully usable. Only -ENOTRECOVERABLE says that it is lost.
 *
 * Return: 0, or
 * -ENODATA: the connection is not tracked
 * -ENOTCONN: the handshake is not finished, or @fd is not connected
 * -EAGAIN: OpenSSL has sealed records that it did not write yet
 * -EPROTONOSUPPORT: not DTLS 1.2, or @fd is not a UDP socket
 * -EOPNOTSUPP: a cipher suite that kdtls does not have
 * -ENOPROTOOPT: there is no kdtls module
 * -ENOENT: the kernel lacks the cipher
 * -EBADF: the connection writes to another socket than @fd
 * -EBUSY: something else owns the socket
 * -EINVAL, -ENOMEM, and
 * -ENOTRECOVERABLE: it failed when the kernel held one key already
 */
int kdtls_upgrade(struct ssl_st *ssl, int fd,
		  const struct kdtls_upgrade_opts *opts,
		  struct kdtls_session **out);

/* ------------------------------------------------------------------------ */
/* Configuration                                                             */

/**
 * enum kdtls_offload - who carries the records
 * @KDTLS_OFFLOAD_AUTO: the kernel if it can, OpenSSL otherwise
 * @KDTLS_OFFLOAD_REQUIRE: the kernel, or no session
 * @KDTLS_OFFLOAD_OFF: OpenSSL
 */
enum kdtls_offload {
	KDTLS_OFFLOAD_AUTO,
	KDTLS_OFFLOAD_REQUIRE,
	KDTLS_OFFLOAD_OFF,
};

/**
 * enum kdtls_verify - what is asked of the peer's certificate
 * @KDTLS_VERIFY_DEFAULT: a client requires one, a server asks for none
 * @KDTLS_VERIFY_NONE: nothing
 * @KDTLS_VERIFY_OPTIONAL: a server asks for one; it must be good if it comes
 * @KDTLS_VERIFY_REQUIRED: it must come and be good
 */
enum kdtls_verify {
	KDTLS_VERIFY_DEFAULT,
	KDTLS_VERIFY_NONE,
	KDTLS_VERIFY_OPTIONAL,
	KDTLS_VERIFY_REQUIRED,
};

/**
 * struct kdtls_callbacks - what the library tells, out of kdtls_dispatch()
 * @size: sizeof(struct kdtls_callbacks)
 * @session: a server has a new session: the peer's cookie verified, its
 *	handshake begins
 * @handshake: the handshake is finished and the session can send. Exporter,
 *	peer certificate and kdtls_session_ssl() can be asked from here; later
 *	the OpenSSL object may be gone
 * @message: one record of application data, possibly empty
 * @train: several records of @segment bytes each, the last one shorter or
 *	equal, that came together. If it is NULL, @message gets them one by one
 * @close: the session is over: 0 for close_notify of either side, a negative
 *	errno value otherwise, of which -ETIMEDOUT is a handshake that took too
 *	long, -ETIME a session that was idle, -ENOKEY one without a pre-shared
 *	key, -EACCES a certificate that does not verify, and -ECONNABORTED one
 *	whose peer has begun a new session from the same address and port (RFC
 *	6347 section 4.2.8), which opens next. It is the last call for this
 *	session, which is freed behind it
 * @error: something failed, in words. It comes before @close when the session
 *	ends by it. @session is NULL if it was the endpoint
 * @keylog: a line of the NSS key log format
 * @resumption: a client can offer these bytes to kdtls_endpoint_resume(), once
 *	or more often, within the server's lifetime of a session. Who knows them
 *	can take part in the session: keep them as a key is kept. It follows
 *	@handshake if the server is ready to resume; what came in an earlier
 *	session can be thrown away
 *
 * Any may be NULL. From within, sessions can be sent on, closed and destroyed,
 * endpoints closed; kdtls_dispatch() and kdtls_endpoint_destroy() of the same
 * endpoint refuse.
 */
struct kdtls_callbacks {
	size_t	size;
	void	(*session)(struct kdtls_session *session, void *arg);
	void	(*handshake)(struct kdtls_session *session, void *arg);
	void	(*message)(struct kdtls_session *session, const void *buf,
			   size_t len, void *arg);
	void	(*train)(struct kdtls_session *session, const void *buf,
			 size_t len, size_t segment, void *arg);
	void	(*close)(struct kdtls_session *session, int err, void *arg);
	void	(*error)(struct kdtls_session *session, int err,
			 const char *text, void *arg);
	void	(*keylog)(const char *line, void *arg);
	void	(*resumption)(struct kdtls_session *session, const void *blob,
			      size_t len, void *arg);
};

/**
 * kdtls_config_new() - a configuration with the defaults
 *
 * Return: the configuration, to be freed by kdtls_config_free(), or NULL.
 */
struct kdtls_config *kdtls_config_new(void);

/**
 * kdtls_config_free() - let go of a configuration
 * @config: NULL is allowed. Endpoints and sessions keep their own reference
 */
void kdtls_config_free(struct kdtls_config *config);

/*
 * Setters. All copy what they are given. Return: 0, -EINVAL for a value out of
 * range, -EBUSY if the configuration is in use, -ENOMEM. Files are read, and
 * PEM is parsed, by the first kdtls_listen() or kdtls_connect().
 */

/*
 * Own certificate chain and private key, PEM. A server needs both, unless it has
 * pre-shared keys.
 */
int kdtls_config_set_cert_file(struct kdtls_config *config, const char *path);
int kdtls_config_set_cert_pem(struct kdtls_config *config, const void *pem,
			      size_t len);
int kdtls_config_set_key_file(struct kdtls_config *config, const char *path);
int kdtls_config_set_key_pem(struct kdtls_config *config, const void *pem,
			     size_t len);

/*
 * Whom to trust, PEM, any number of certificates. Without it: the system's store, for
 * a client.
 */
int kdtls_config_set_ca_file(struct kdtls_config *config, const char *path);
int kdtls_config_set_ca_pem(struct kdtls_config *config, const void *pem,
			    size_t len);

int kdtls_config_set_verify(struct kdtls_config *config,
			    enum kdtls_verify verify);

/* SNI and the name to verify, for a client. Without it: the host's name. */
int kdtls_config_set_server_name(struct kdtls_config *config, const char *name);

/*
 * The address and port that a client's sockets are bound to; NULL for any, of either.
 * A name or an address, and a port number or a service name, looked up when a
 * session is opened; addresses of the server in another family are left out. With a
 * port there can be one session at a time: the next fails with -EADDRINUSE.
 */
int kdtls_config_set_bind(struct kdtls_config *config, const char *host,
			  const char *service);

/*
 * An OpenSSL cipher list; NULL for the AEAD suites that kdtls has, those with a
 * tag of 8 bytes (CCM_8) excepted. With pre-shared keys these are the suites for
 * them, and for a server that has a certificate both kinds.
 */
int kdtls_config_set_ciphers(struct kdtls_config *config, const char *list);

/*
 * Groups for ECDHE, "X25519:P-256:P-384", and algorithms for signatures,
 * "ECDSA+SHA256:RSA-PSS+SHA256": names that OpenSSL has, in order of preference.
 * NULL for OpenSSL's own lists. -EINVAL also for names that it does not have.
 *
 * A client's groups are those that certificates may be on as well (RFC 8422 section
 * 5.1.1): without P-256 among them it takes no certificate on that curve.
 */
int kdtls_config_set_groups(struct kdtls_config *config, const char *list);
int kdtls_config_set_sigalgs(struct kdtls_config *config, const char *list);

/* Protocols in order of preference, ended by NULL (RFC 7301). */
int kdtls_config_set_alpn(struct kdtls_config *config,
			  const char *const *protocols);

/* Largest datagram of a handshake, KDTLS_MTU_MIN to KDTLS_MTU_MAX. */
int kdtls_config_set_mtu(struct kdtls_config *config, unsigned int mtu);

/* Replay window of the kernel, 32 to 8192 records. */
int kdtls_config_set_window(struct kdtls_config *config, unsigned int window);

int kdtls_config_set_offload(struct kdtls_config *config,
			     enum kdtls_offload offload);

/* Milliseconds until an unfinished handshake is given up; default 30000. */
int kdtls_config_set_handshake_timeout(struct kdtls_config *config,
				       unsigned int ms);

/* Milliseconds that the last flight can be asked for again; default 240000. */
int kdtls_config_set_flight_time(struct kdtls_config *config, unsigned int ms);

/*
 * Milliseconds without application data in either direction until a session of an
 * endpoint is closed: by close_notify for the peer, with -ETIME for us. 0 to
 * 2147483647, default 0, never. What a program does with the session's socket by
 * itself is not seen.
 */
int kdtls_config_set_idle_timeout(struct kdtls_config *config, unsigned int ms);

/* Milliseconds between two cookie secrets; default 60000. */
int kdtls_config_set_cookie_period(struct kdtls_config *config,
				   unsigned int ms);

/* Sessions of an endpoint, unfinished ones included; default 10000. */
int kdtls_config_set_max_sessions(struct kdtls_config *config,
				  unsigned int sessions);

/*
 * The same for one source: an IPv4 address, also one in 64:ff9b::/96, or the first
 * 64 bits of an IPv6 address. Sessions, unfinished ones included, and unfinished ones alone; 0 to
 * 2147483647, default 0, no limit. Who is over it gets no answer. All link-local
 * peers are one source, and so are all behind one NAT. Sessions whose peers have
 * vanished count until kdtls_config_set_idle_timeout() ends them.
 */
int kdtls_config_set_max_source_sessions(struct kdtls_config *config,
					 unsigned int sessions);
int kdtls_config_set_max_source_handshakes(struct kdtls_config *config,
					   unsigned int handshakes);

/*
 * Append key log lines to a file. It gets mode 0600, also if it was there; one that
 * is another user's, or no file, fails the kdtls_listen() or kdtls_connect() with
 * -EPERM (-EACCES where it cannot even be opened) or -EINVAL.
 */
int kdtls_config_set_keylog_file(struct kdtls_config *config, const char *path);

/* What to call, and with what as last argument. */
int kdtls_config_set_callbacks(struct kdtls_config *config,
			       const struct kdtls_callbacks *callbacks,
			       void *arg);

/**
 * kdtls_config_check() - would a configuration do?
 * @config: the configuration, which can still be changed afterwards
 * @server: for a server, or for a client
 *
 * Reads and parses all that the first kdtls_listen() or kdtls_connect() would.
 *
 * Return: 0, or what these return.
 */
int kdtls_config_check(struct kdtls_config *config, int server);

/*
 * For all that has no setter: called once with the SSL_CTX when it is complete.
 * A negative return fails the kdtls_listen() or kdtls_connect().
 */
int kdtls_config_set_ssl_ctx_hook(struct kdtls_config *config,
				  int (*hook)(struct ssl_ctx_st *ctx,
					      void *arg),
				  void *arg);

/*
 * Pre-shared keys (RFC 4279), instead of certificates. A key has 1 to
 * KDTLS_PSK_MAX bytes and should be random; an identity, and a hint, is a string
 * of 1 to KDTLS_PSK_IDENTITY_MAX bytes, in UTF-8 if others are to understand it.
 * Of the suites only ECDHE-PSK and DHE-PSK keep old sessions secret when the key gets
 * known.
 *
 * Who proves to have the key is not asked for a certificate, whatever
 * kdtls_config_set_verify() says. The keys that the callbacks give are wiped
 * when OpenSSL has them. The callbacks run inside of kdtls_dispatch() or
 * kdtls_connect() and must return at once; they may end the session.
 */

/**
 * kdtls_config_set_psk_identity() - a client's identity and its key
 * @config: the configuration
 * @identity: what the client calls itself; NULL for none
 * @key: the key
 * @len: its size, 1 to KDTLS_PSK_MAX bytes
 *
 * A client with a key offers no suites with certificates unless
 * kdtls_config_set_ciphers() names some.
 *
 * Return: 0, -EINVAL for a size out of range, -EBUSY, -ENOMEM.
 */
int kdtls_config_set_psk_identity(struct kdtls_config *config,
				  const char *identity, const void *key,
				  size_t len);

/**
 * kdtls_config_set_psk_choose() - have a client choose by the server's hint
 * @config: the configuration
 * @choose: called in each handshake, before kdtls_config_set_psk_identity() is
 *	thought of; NULL for none. @hint is the server's, "" if it gave none. It
 *	writes a string to @identity, the key to @key, and returns the key's
 *	size; 0 if it has none: the session ends with -ENOKEY; or a negative
 *	errno value, which the session ends with
 * @arg: its last argument
 *
 * Return: 0 or -EBUSY.
 */
int kdtls_config_set_psk_choose(struct kdtls_config *config,
				ssize_t (*choose)(struct kdtls_session *session,
						  const char *hint,
						  char *identity,
						  size_t identity_size,
						  void *key, size_t key_size,
						  void *arg),
				void *arg);

/**
 * kdtls_config_set_psk_hint() - what a server tells to have clients choose
 * @config: the configuration
 * @hint: a string that anybody may read; NULL for none
 *
 * Return: 0, -EINVAL for a size out of range, -EBUSY, -ENOMEM.
 */
int kdtls_config_set_psk_hint(struct kdtls_config *config, const char *hint);

/**
 * kdtls_config_set_psk_find() - have a server look keys up
 * @config: the configuration, which needs no certificate then
 * @find: called when a client has named itself; NULL for none. It writes the
 *	key to @key and returns its size, or 0 if it does not know @identity,
 *	which anybody can have made up: any bytes but NUL, possibly none
 * @arg: its last argument
 *
 * On the wire an unknown identity cannot be told from a wrong key: the handshake
 * goes on and comes to nothing. Here it ends with -ENOKEY, and counts as
 * psk_unknown. A @find that takes as long for an identity that it knows as for
 * one that it does not is the caller's part of it.
 *
 * Return: 0 or -EBUSY.
 */
int kdtls_config_set_psk_find(struct kdtls_config *config,
			      ssize_t (*find)(struct kdtls_session *session,
					      const char *identity, void *key,
					      size_t key_size, void *arg),
			      void *arg);

/**
 * kdtls_config_set_srtp() - agree on SRTP protection profiles (RFC 5764)
 * @config: the configuration
 * @profiles: their names in order of preference, separated by colons; NULL for
 *	none. There are SRTP_AES128_CM_SHA1_80, SRTP_AES128_CM_SHA1_32,
 *	SRTP_AEAD_AES_128_GCM and SRTP_AEAD_AES_256_GCM
 *
 * A client offers them, a server takes the first of its own that is offered. If
 * there is none, the session comes to be without SRTP: @srtp of struct
 * kdtls_session_info is "" then, and a program that needs SRTP ends the session.
 *
 * Return: 0, -EINVAL for a name that is not one of these or is there twice,
 * -EBUSY, -ENOMEM.
 */
int kdtls_config_set_srtp(struct kdtls_config *config, const char *profiles);

/**
 * kdtls_config_set_sni() - have a server choose by the name that is asked for
 * @config: the configuration
 * @choose: called when a client's handshake begins; NULL for none. @name is in
 *	lower case, "" if the client asks for none, and any bytes but NUL: nobody
 *	has looked at it. It may put another configuration to @chosen, and
 *	returns 0, or a negative errno value, with which the session ends (the
 *	client is told unrecognized_name)
 * @arg: its last argument
 *
 * Of @chosen counts: certificate and key, trust and verification, cipher suites,
 * signature algorithms, ALPN, SRTP, session context, key log. All else is the
 * endpoint's: callbacks, offload, times, limits, groups, pre-shared keys, tickets.
 * It is read when it is first chosen; if it cannot be used that handshake fails.
 * The endpoint keeps it until it is destroyed, and looks for it in a list: choose
 * from a few hundreds.
 *
 * Return: 0 or -EBUSY.
 */
int kdtls_config_set_sni(struct kdtls_config *config,
			 int (*choose)(struct kdtls_session *session,
				       const char *name,
				       struct kdtls_config **chosen, void *arg),
			 void *arg);

/*
 * Resumption: abbreviated handshakes, in which no certificate is looked at. So a
 * session is only resumed under the conditions that it was opened under: the same
 * certificates, own and trusted, the same kdtls_config_set_verify(), the same name
 * of the server, for a client the same pre-shared key, and for a server the same
 * cipher suites. What an SSL_CTX hook changes besides these is not known, nor is which keys
 * callbacks give: of a server counts only whether it has keys, and its hint, and of
 * a client that chooses, that it does. Share ticket keys only among servers with the
 * same pre-shared keys, or tell them apart by kdtls_config_set_session_context().
 *
 * A session that was resumed ends its life with the one it goes on with.
 */

/*
 * Session tickets (RFC 5077), which cost a server nothing; default 1, on. A session
 * is in its ticket, the client's certificate too, and the ticket in a ClientHello
 * that must be one datagram. So a server gives none for a session of more than 600
 * bytes, as are those with all but small certificates of clients: without tickets it
 * resumes these by id. A client does not offer one that does not fit in the mtu.
 */
int kdtls_config_set_tickets(struct kdtls_config *config, int on);

/*
 * For clients without tickets: how many sessions a server keeps, by id; 0 to
 * 1000000, 0 for none; default 10000. They are its endpoint's alone.
 */
int kdtls_config_set_session_cache(struct kdtls_config *config,
				   unsigned int sessions);

/**
 * kdtls_config_set_session_context() - tell conditions that only the program knows
 * @config: the configuration, of a server or of a client
 * @data: any bytes, as a tenant's name; copied, and wiped in the end. NULL for none
 * @len: their size
 *
 * A session is only resumed where the bytes are those it was opened with.
 *
 * Return: 0, -EINVAL for bytes that are NULL, -EBUSY, -ENOMEM.
 */
int kdtls_config_set_session_context(struct kdtls_config *config,
				     const void *data, size_t len);

/* Seconds that a session can be resumed, 1 to 604800; default 7200. */
int kdtls_config_set_session_lifetime(struct kdtls_config *config,
				      unsigned int seconds);

/* ------------------------------------------------------------------------ */
/* Endpoints                                                                 */

/**
 * kdtls_listen() - serve DTLS on a local address
 * @config: with certificate and key, or pre-shared keys
 * @host: address or name to bind to, NULL for any IPv4 address
 * @service: port number or service name, "0" for any
 * @out: where to put the endpoint; kdtls_endpoint_destroy() frees it
 *
 * Peers prove their address by a cookie before they cost anything (RFC 6347
 * section 4.2.1).
 *
 * Nobody else has the address as long as the endpoint or a session of it does:
 * also not on one of the addresses that an endpoint for any address stands for.
 * Only a socket of the same user that asks for SO_REUSEPORT can join later.
 *
 * Return: 0, -EINVAL for a configuration that cannot serve, -ENOPROTOOPT if
 * offload is required and there is no module, -EADDRINUSE if another socket has
 * the address, or what socket() and bind() say.
 */
int kdtls_listen(struct kdtls_config *config, const char *host,
		 const char *service, struct kdtls_endpoint **out);

/* Flags of kdtls_listen_fd(). */
#define KDTLS_LISTEN_HELPER	(1U << 0)	/* handshakes only */

/**
 * kdtls_listen_fd() - serve DTLS on a socket that is there
 * @config: as for kdtls_listen()
 * @fd: a UDP socket, bound and not connected. It is the endpoint's from now on,
 *	which closes it and makes it non-blocking; not if this fails
 * @flags: 0 or KDTLS_LISTEN_HELPER
 * @out: where to put the endpoint; kdtls_endpoint_destroy() frees it
 *
 * With KDTLS_LISTEN_HELPER the endpoint does handshakes for other sockets, members of
 * the kernel's endpoint on the same address (DTLS_ENDPOINT with DTLS_MEMBER_WORKER,
 * see Documentation/uapi.rst), of this process or another: they send and receive the
 * data. Whose a session is says kdtls_session_set_owner(). No message callback comes
 * then, and the sessions outlive the endpoint: kdtls_endpoint_destroy() leaves them to
 * the workers, and the next helper takes them over, without callbacks and without what
 * the handshake had told.
 *
 * Return: 0; -ENOTSOCK, -EPROTONOSUPPORT, -EISCONN or -EADDRNOTAVAIL if @fd is not
 * such a socket; -ENOPROTOOPT if KDTLS_LISTEN_HELPER or offload need the module and
 * there is none; -EBUSY if the kernel's endpoint has a helper; -EINVAL for a
 * configuration that cannot serve, or a flag that is not known.
 */
int kdtls_listen_fd(struct kdtls_config *config, int fd, unsigned int flags,
		    struct kdtls_endpoint **out);

/**
 * kdtls_endpoint_new() - an endpoint that listens to nobody
 * @config: for the sessions that kdtls_endpoint_connect() opens
 * @out: where to put the endpoint; kdtls_endpoint_destroy() frees it
 *
 * Return: 0 or a negative errno value.
 */
int kdtls_endpoint_new(struct kdtls_config *config,
		       struct kdtls_endpoint **out);

/**
 * kdtls_endpoint_connect() - open a session as a client
 * @ep: the endpoint whose kdtls_dispatch() is to serve it
 * @host: address or name of the server. Names are looked up before it returns
 * @service: port number or service name
 * @out: where to put the session
 *
 * The handshake has begun when it returns; the handshake callback tells its
 * success, error and close its failure.
 *
 * Return: 0 or a negative errno value.
 */
int kdtls_endpoint_connect(struct kdtls_endpoint *ep, const char *host,
			   const char *service, struct kdtls_session **out);

/**
 * kdtls_endpoint_resume() - open a session as a client, and offer to resume one
 * @ep: as for kdtls_endpoint_connect()
 * @host: the same
 * @service: the same
 * @blob: what the resumption callback got
 * @len: its size
 * @out: where to put the session
 *
 * If the server does not resume, or the session is too old, its ticket too large for
 * the mtu or its cipher suite not wanted any more, it is a full handshake; @resumed
 * of struct kdtls_session_info tells.
 *
 * Return: what kdtls_endpoint_connect() returns; -EINVAL for bytes that are no
 * session; -EPERM for a session opened with another configuration or for another
 * server's name.
 */
int kdtls_endpoint_resume(struct kdtls_endpoint *ep, const char *host,
			  const char *service, const void *blob, size_t len,
			  struct kdtls_session **out);

/**
 * kdtls_endpoint_set_ticket_keys() - share tickets with other processes
 * @ep: an endpoint that listens
 * @keys: KDTLS_TICKET_KEY_LEN random bytes for each key, of which the first 16
 *	are its name, in the clear in each ticket; copied
 * @len: their size, 1 to KDTLS_TICKET_KEYS_MAX keys
 *
 * The first key makes tickets, the others open older ones, which are renewed. May
 * be called at any time: the new keys take the place of all before. To change keys
 * give all processes the new one as second key; then as first, with the old one
 * behind it; and take the old one away when a lifetime is over.
 *
 * Without a call, an endpoint makes its own keys, a new one for each lifetime.
 * Servers that share keys must have the same pre-shared keys, or another context:
 * kdtls_config_set_session_context().
 *
 * Return: 0; -EINVAL for a size or a number that cannot be, for two keys of one
 * name, or a key of zeroes; -EOPNOTSUPP if the endpoint does not listen.
 */
int kdtls_endpoint_set_ticket_keys(struct kdtls_endpoint *ep, const void *keys,
				   size_t len);

/**
 * struct kdtls_fd_opts - what differs between the sessions of an endpoint
 * @size: sizeof(struct kdtls_fd_opts)
 * @server_name: of a client: the name to ask for and to verify. NULL for that of
 *	the configuration; without one there, the peer's address is verified
 * @alpn: of a client: protocols in order of preference, ended by NULL, instead of
 *	those of the configuration. NULL for these
 * @blob: of a client: what the resumption callback got, or NULL
 * @blob_len: its size
 * @timeout_ms: until an unfinished handshake is given up, 0 for what the
 *	configuration says
 */
struct kdtls_fd_opts {
	size_t			size;
	const char		*server_name;
	const char *const	*alpn;
	const void		*blob;
	size_t			blob_len;
	unsigned int		timeout_ms;
};

/**
 * kdtls_endpoint_connect_fd() - open a session as a client on the caller's socket
 * @ep: the endpoint whose kdtls_dispatch() is to serve it
 * @fd: a UDP socket, connected to the server. It stays the caller's, who closes it
 *	when the session is destroyed or has been closed, and until then neither
 *	reads nor writes it. It can be a blocking one: nothing here waits for it
 * @opts: NULL for the defaults
 * @out: where to put the session
 *
 * Return: what kdtls_endpoint_resume() returns; -EPROTONOSUPPORT if @fd is not a
 * UDP socket; -ENOTCONN if it is not connected; -EALREADY if it has keys.
 */
int kdtls_endpoint_connect_fd(struct kdtls_endpoint *ep, int fd,
			      const struct kdtls_fd_opts *opts,
			      struct kdtls_session **out);

/**
 * kdtls_endpoint_accept_fd() - open a session as a server on the caller's socket
 * @ep: the endpoint whose kdtls_dispatch() is to serve it. It need not listen; its
 *	configuration must be good for a server
 * @fd: a UDP socket, connected to the client, with the client's ClientHello in it
 *	or to come. As for kdtls_endpoint_connect_fd()
 * @opts: NULL for the defaults
 * @out: where to put the session
 *
 * The client proves its address by a cookie first, as with kdtls_listen(): that a
 * socket is connected to it proves nothing.
 *
 * Return: what kdtls_endpoint_connect_fd() returns; -EINVAL for a configuration that
 * cannot serve, and for options of a client; -EOPNOTSUPP for a configuration with
 * kdtls_config_set_sni().
 */
int kdtls_endpoint_accept_fd(struct kdtls_endpoint *ep, int fd,
			     const struct kdtls_fd_opts *opts,
			     struct kdtls_session **out);

/**
 * kdtls_connect() - open a session as a client, on an endpoint of its own
 * @config: the configuration
 * @host: as for kdtls_endpoint_connect()
 * @service: as for kdtls_endpoint_connect()
 * @out: where to put the session; kdtls_session_endpoint() has its endpoint,
 *	which is to be dispatched and, in the end, destroyed
 *
 * Return: 0 or a negative errno value.
 */
int kdtls_connect(struct kdtls_config *config, const char *host,
		  const char *service, struct kdtls_session **out);

/**
 * kdtls_dispatch() - do what is due
 * @ep: the endpoint
 * @timeout_ms: how long to wait for something, 0 not at all, -1 for ever
 *
 * Return: events served, 0 if there were none; -EINTR for a signal; -EDEADLK
 * from within a callback.
 */
int kdtls_dispatch(struct kdtls_endpoint *ep, int timeout_ms);

/**
 * kdtls_endpoint_fd() - a descriptor for the caller's own event loop
 * @ep: the endpoint
 *
 * It is readable when kdtls_dispatch(@ep, 0) has something to do, timers
 * included. It stays the endpoint's.
 */
int kdtls_endpoint_fd(const struct kdtls_endpoint *ep);

/**
 * kdtls_endpoint_address() - where an endpoint listens
 * @ep: the endpoint
 * @addr: where to put the address
 * @len: its size, and how much of it was used
 *
 * Return: 0, or -ENOTCONN if it does not listen.
 */
int kdtls_endpoint_address(const struct kdtls_endpoint *ep,
			   struct sockaddr *addr, socklen_t *len);

/**
 * kdtls_endpoint_set_busy() - refuse new peers, or take them again
 * @ep: the endpoint
 * @busy: whether to refuse. Live sessions are left alone
 */
void kdtls_endpoint_set_busy(struct kdtls_endpoint *ep, int busy);

/**
 * struct kdtls_endpoint_info - state and counters of an endpoint
 * @listening: it has a socket that takes new peers
 * @busy: kdtls_endpoint_set_busy() is on
 * @closing: kdtls_endpoint_close() was called
 * @session_count: sessions now
 * @created_at: nanoseconds since 1970
 * @bytes_received: bytes of datagrams and of messages of all sessions
 * @bytes_sent: the same, sent
 * @packets_received: datagrams, or messages that the kernel opened
 * @packets_sent: the same, sent
 * @server_sessions: sessions that peers opened, ever
 * @client_sessions: sessions opened to servers, ever
 * @server_busy_count: ClientHellos refused because of @busy
 * @cookies_sent: HelloVerifyRequests
 * @dropped_junk: datagrams from strangers that were no ClientHello
 * @dropped_limit: ClientHellos refused because of max_sessions, or because
 *	there was no memory or no socket for a session
 * @dropped_stray: datagrams that no session could use
 * @handshakes_failed: handshakes that did not finish
 * @offloaded: sessions handed to the kernel, ever
 * @psk_unknown: handshakes of clients whose PSK identity was not known
 * @resumed: handshakes that were abbreviated ones, of both kinds of sessions
 * @dropped_source: ClientHellos refused because of a limit for one source
 * @dropped_closing: ClientHellos refused because the endpoint is closing
 * @cookies_refused: ClientHellos with a cookie that is not, or no more, theirs
 * @idle_closed: sessions that kdtls_config_set_idle_timeout() ended
 * @reassociations: sessions that took the place of one that their peer had before
 * @adopted: sessions that were there when KDTLS_LISTEN_HELPER began
 */
struct kdtls_endpoint_info {
	uint32_t	listening;
	uint32_t	busy;
	uint32_t	closing;
	uint32_t	session_count;
	uint64_t	created_at;
	uint64_t	bytes_received;
	uint64_t	bytes_sent;
	uint64_t	packets_received;
	uint64_t	packets_sent;
	uint64_t	server_sessions;
	uint64_t	client_sessions;
	uint64_t	server_busy_count;
	uint64_t	cookies_sent;
	uint64_t	dropped_junk;
	uint64_t	dropped_limit;
	uint64_t	dropped_stray;
	uint64_t	handshakes_failed;
	uint64_t	offloaded;
	uint64_t	psk_unknown;
	uint64_t	resumed;
	uint64_t	dropped_source;
	uint64_t	dropped_closing;
	uint64_t	cookies_refused;
	uint64_t	idle_closed;
	uint64_t	reassociations;
	uint64_t	adopted;
};

/**
 * kdtls_endpoint_info() - ask an endpoint
 * @ep: the endpoint
 * @info: where to put the front of the structure
 * @size: sizeof(*@info)
 *
 * Return: 0.
 */
int kdtls_endpoint_info(const struct kdtls_endpoint *ep,
			struct kdtls_endpoint_info *info, size_t size);

/**
 * kdtls_endpoint_close() - end in good order
 * @ep: the endpoint
 *
 * Stops listening and closes every session as kdtls_close() does. What is left
 * is to dispatch until session_count is 0, and to destroy.
 */
void kdtls_endpoint_close(struct kdtls_endpoint *ep);

/**
 * kdtls_endpoint_destroy() - end at once
 * @ep: NULL is allowed. Its sessions are freed, without close_notify and
 *	without callbacks
 *
 * Return: 0, or -EDEADLK from within a callback of @ep.
 */
int kdtls_endpoint_destroy(struct kdtls_endpoint *ep);

/* ------------------------------------------------------------------------ */
/* Sessions                                                                  */

/**
 * kdtls_send() - send one record of application data
 * @session: an open session
 * @buf: the data
 * @len: 0 to 16384 bytes
 *
 * Return: @len; -EAGAIN if the socket's buffer is full; -ENOTCONN before the
 * end of the handshake; -EPIPE after close_notify of either side; -EMSGSIZE for
 * too much; -EKEYEXPIRED if the epoch has no record numbers left; what UDP says.
 */
ssize_t kdtls_send(struct kdtls_session *session, const void *buf, size_t len);

/**
 * kdtls_send_train() - send many records by few system calls
 * @session: an open session
 * @buf: the data
 * @len: its size
 * @segment: payload of each record but the last, 1 to 16384
 *
 * Return: how many bytes were sent, a multiple of @segment if not @len, or what
 * kdtls_send() returns if it was none.
 */
ssize_t kdtls_send_train(struct kdtls_session *session, const void *buf,
			 size_t len, size_t segment);

/**
 * kdtls_recv() - receive one record of application data
 * @session: a session of kdtls_upgrade(); those of endpoints have callbacks
 * @buf: where to put it; what does not fit is lost, as with UDP
 * @len: size of @buf
 *
 * Answers the peer's repeated last flight as it goes. Blocks as the socket does.
 *
 * Return: bytes, 0 for an empty record; -EAGAIN if there is nothing; -EPIPE if
 * the peer closed the session; -ECONNRESET if it ended it by a fatal alert;
 * -EOPNOTSUPP for the session of an endpoint; what UDP says.
 */
ssize_t kdtls_recv(struct kdtls_session *session, void *buf, size_t len);

/**
 * kdtls_pending() - is there data that poll does not tell?
 * @session: a session of kdtls_upgrade()
 *
 * Return: records that kdtls_recv() returns without asking the socket.
 */
size_t kdtls_pending(const struct kdtls_session *session);

/**
 * kdtls_close() - end a session in good order
 * @session: the session
 *
 * Sends close_notify (RFC 5246 section 7.2.1). For the session of an endpoint
 * the close callback follows out of the next kdtls_dispatch(); that of
 * kdtls_upgrade() is to be destroyed by its owner.
 *
 * Return: 0, or a negative errno value if close_notify could not be sent.
 */
int kdtls_close(struct kdtls_session *session);

/**
 * kdtls_destroy() - end a session at once
 * @session: NULL is allowed. No close_notify, no callback; the pointer is dead
 */
void kdtls_destroy(struct kdtls_session *session);

/**
 * kdtls_session_detach() - let a session's socket go its own way
 * @session: an open session whose records the kernel carries; it is dead afterwards.
 *	Best called out of the handshake callback: what comes for the session before
 *	it is called goes to the callbacks
 * @out: where to put what is left of it, to be freed by kdtls_destroy()
 *
 * From then on the socket is for whoever reads and writes it by plain calls, in
 * this process or another one: nothing here receives on it any more, and control
 * records are the kernel's alone to act on. @out is for kdtls_session_info(),
 * kdtls_session_tend(), kdtls_close(), and, while kdtls_pending() says that there
 * is something, kdtls_recv(): data that OpenSSL held at the handover, older than
 * what is in the socket. If the peer has closed the session among that, the socket
 * is shut down; kdtls_session_info() tells KDTLS_SESSION_CLOSED.
 *
 * There is no close callback. The resumption callback comes out of this call.
 *
 * Return: 0; -EOPNOTSUPP if the kernel does not carry the records; -ENOTCONN before
 * the end of the handshake; -EPIPE if the session is closed; -ENOMEM.
 */
int kdtls_session_detach(struct kdtls_session *session,
			 struct kdtls_session **out);

/**
 * kdtls_session_tend() - answer for the last flight of a detached session
 * @session: what kdtls_session_detach() has left
 *
 * Who sends the last flight of a handshake must send it again if it was lost (RFC
 * 6347 section 4.2.4): a server, and when resuming the client. The socket is not
 * read: that the peer asks is seen by what the kernel counts when the program
 * reads. While the answer is sent, and only then, the socket has DTLS_RECV_RAW: a
 * program that reads it with control messages at that time must look for DTLS_RAW.
 *
 * Return: milliseconds after which to call again; 0 if that is not needed any more,
 * and the session can be destroyed; a negative errno value, which means the same.
 */
int kdtls_session_tend(struct kdtls_session *session);

/* struct kdtls_session_info.state */
#define KDTLS_SESSION_HANDSHAKE		0
#define KDTLS_SESSION_OPEN		1
#define KDTLS_SESSION_CLOSED		2

/**
 * struct kdtls_session_info - what is known of a session
 * @state: KDTLS_SESSION_*
 * @server: we are the server
 * @offloaded: the kernel carries the records
 * @resumed: the handshake was an abbreviated one
 * @offload_reason: why @offloaded is 0; "" if it is not
 * @protocol: "DTLSv1.2", "" before the end of the handshake
 * @cipher: OpenSSL's name of the cipher suite, "" before that
 * @cipher_standard: its name in RFCs, "" before that
 * @alpn: the negotiated protocol, "" if there is none
 * @peer: the peer's address
 * @local: our address
 * @tx_epoch: epoch of the sending keys
 * @rx_epoch: epoch of the receiving keys
 * @overhead: bytes that a record adds to its payload
 * @max_payload: largest payload that fits the path MTU, 0 if it is not known
 * @window: replay window in records
 * @tx_seq: number that the next sent record takes
 * @rx_seq: one above the highest number opened
 * @messages_sent: records of application data
 * @bytes_sent: their payload
 * @messages_received: records of application data
 * @bytes_received: their payload
 * @rx_replayed: records dropped because their number was seen or too old;
 *	OpenSSL does not tell: 0
 * @rx_bad: records dropped for any other reason; OpenSSL does not tell: 0
 * @retransmits: flights sent again by timer
 * @flights_answered: last flights sent again because the peer asked
 * @created_at: nanoseconds since 1970
 * @handshake_completed_at: the same, 0 before it
 * @closing_at: when kdtls_close() was called, 0 before it
 * @psk_identity: the client's identity if a pre-shared key was used, "" if not
 *	and before the end of the handshake
 * @srtp: the negotiated SRTP protection profile, "" if there is none
 * @server_name: the name that the client asks for (SNI), in lower case on a
 *	server; "" if it asks for none
 * @group: OpenSSL's name of the group that keys were agreed in, as "X25519" or
 *	"prime256v1"; "" if there was none, and before the end of the handshake
 * @destroyed_at: when the session of an endpoint was over; 0 but in its close
 *	callback, in which all else here is told for the last time
 * @number: its number in the kernel's endpoint, 0 if it is in none
 * @owner: the member of that endpoint that has its data, 0 for whoever receives it
 * @reassociated: a server's session that took the place of one that its peer had
 *	before, see the close callback
 *
 * Strings live as long as the session.
 */
struct kdtls_session_info {
	uint32_t	state;
	uint32_t	server;
	uint32_t	offloaded;
	uint32_t	resumed;
	const char	*offload_reason;
	const char	*protocol;
	const char	*cipher;
	const char	*cipher_standard;
	const char	*alpn;
	struct sockaddr_storage peer;
	struct sockaddr_storage local;
	uint16_t	tx_epoch;
	uint16_t	rx_epoch;
	uint32_t	overhead;
	uint32_t	max_payload;
	uint32_t	window;
	uint64_t	tx_seq;
	uint64_t	rx_seq;
	uint64_t	messages_sent;
	uint64_t	bytes_sent;
	uint64_t	messages_received;
	uint64_t	bytes_received;
	uint64_t	rx_replayed;
	uint64_t	rx_bad;
	uint64_t	retransmits;
	uint64_t	flights_answered;
	uint64_t	created_at;
	uint64_t	handshake_completed_at;
	uint64_t	closing_at;
	const char	*psk_identity;
	const char	*srtp;
	const char	*server_name;
	const char	*group;
	uint64_t	destroyed_at;
	uint32_t	reassociated;
	uint32_t	number;
	uint32_t	owner;
};

/**
 * kdtls_session_info() - ask a session
 * @session: the session
 * @info: where to put the front of the structure
 * @size: sizeof(*@info)
 *
 * Return: 0.
 */
int kdtls_session_info(struct kdtls_session *session,
		       struct kdtls_session_info *info, size_t size);

/* What last went wrong on a session, in words; "" if nothing did. */
const char *kdtls_session_error(const struct kdtls_session *session);

/* The endpoint of a session; NULL for one of kdtls_upgrade(). */
struct kdtls_endpoint *kdtls_session_endpoint(struct kdtls_session *session);

/*
 * The UDP socket of a session. It stays the session's. A server's sessions that the
 * kernel carries share that of their endpoint, which is not connected.
 */
int kdtls_session_fd(const struct kdtls_session *session);

/**
 * kdtls_session_set_owner() - which socket has a session's data?
 * @session: a server's session, from the session callback on
 * @member: number of a member of the kernel's endpoint, as getsockopt(DTLS_ENDPOINT)
 *	tells it, or 0 for whichever receives, which a helper can be, too
 *
 * May be called again at any time: the session moves, and nothing is lost.
 *
 * Return: 0; -ESRCH if there is no such member; -EOPNOTSUPP if the session is in no
 * endpoint of the kernel. Before the end of the handshake the member is not looked
 * for, and one that does not exist fails the session.
 */
int kdtls_session_set_owner(struct kdtls_session *session, uint32_t member);

/* A pointer of the caller's own. */
void kdtls_session_set_data(struct kdtls_session *session, void *data);
void *kdtls_session_data(const struct kdtls_session *session);

/*
 * The OpenSSL connection: until the handshake callback returns, and for as long
 * as OpenSSL carries the records. NULL otherwise. Not to be written to.
 */
struct ssl_st *kdtls_session_ssl(struct kdtls_session *session);

/* The peer's certificate, a reference that the caller frees, or NULL. */
struct x509_st *kdtls_session_peer_certificate(struct kdtls_session *session);

/**
 * kdtls_session_export() - keying material for another use (RFC 5705)
 * @session: a session, while kdtls_session_ssl() is not NULL
 * @label: the label, a string
 * @context: the context, or NULL for none
 * @context_len: its size
 * @out: where to put the material
 * @len: how much
 *
 * Return: 0, -ENODATA if it is too late, -ENOTCONN if it is too early, -EIO.
 */
int kdtls_session_export(struct kdtls_session *session, const char *label,
			 const void *context, size_t context_len,
			 void *out, size_t len);

/**
 * struct kdtls_srtp_keys - SRTP master keys and salts (RFC 5764 section 4.2)
 * @profile: the profile that they are for, a static string
 * @key_len: bytes of each key
 * @salt_len: bytes of each salt
 * @client_key: what the client sends with
 * @server_key: what the server sends with
 * @client_salt: goes with @client_key
 * @server_salt: goes with @server_key
 *
 * Wipe it after use.
 */
struct kdtls_srtp_keys {
	const char	*profile;
	uint32_t	key_len;
	uint32_t	salt_len;
	uint8_t		client_key[KDTLS_SRTP_KEY_MAX];
	uint8_t		server_key[KDTLS_SRTP_KEY_MAX];
	uint8_t		client_salt[KDTLS_SRTP_SALT_MAX];
	uint8_t		server_salt[KDTLS_SRTP_SALT_MAX];
};

/**
 * kdtls_session_srtp_keys() - the keys for the SRTP that goes with a session
 * @session: a session, while kdtls_session_ssl() is not NULL
 * @keys: where to put the front of the structure
 * @size: sizeof(*@keys)
 *
 * Return: 0; -EOPNOTSUPP if no profile was agreed on; what
 * kdtls_session_export() returns.
 */
int kdtls_session_srtp_keys(struct kdtls_session *session,
			    struct kdtls_srtp_keys *keys, size_t size);

#ifdef __cplusplus
}
#endif

#endif /* KDTLS_H */
