/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Configurations from the inside. */
#ifndef KDTLS_CONFIG_H
#define KDTLS_CONFIG_H

#include <stdatomic.h>

#include <openssl/types.h>

#include <kdtls.h>

#include <shared/types.h>

#include "psk.h"

/* Digest of the conditions under which sessions are opened: see resume.c. */
#define KDTLS_CONTEXT_LEN	32

/* A PEM input: a file's name, or its content. */
struct kdtls_pem {
	char	*path;
	u8	*data;
	size_t	len;
};

struct kdtls_config {
	atomic_int		refs;
	struct kdtls_pem	cert;
	struct kdtls_pem	key;
	struct kdtls_pem	ca;
	enum kdtls_verify	verify;
	enum kdtls_offload	offload;
	char			*server_name;
	char			*bind_host;
	char			*bind_service;
	char			*ciphers;
	u8			*alpn;		/* as on the wire */
	size_t			alpn_len;
	unsigned int		mtu;
	unsigned int		window;
	unsigned int		handshake_ms;
	unsigned int		flight_ms;
	unsigned int		idle_ms;
	unsigned int		cookie_ms;
	unsigned int		max_sessions;
	unsigned int		source_sessions;
	unsigned int		source_handshakes;
	char			*keylog_path;
	struct kdtls_psk	psk;
	char			*srtp;
	char			*groups;
	char			*sigalgs;
	int			(*sni)(struct kdtls_session *session,
				       const char *name,
				       struct kdtls_config **chosen, void *arg);
	void			*sni_arg;
	bool			no_tickets;
	unsigned int		session_cache;
	u8			*session_context;
	size_t			session_context_len;
	unsigned int		session_s;
	struct kdtls_callbacks	cb;
	void			*cb_arg;
	int			(*hook)(SSL_CTX *ctx, void *arg);
	void			*hook_arg;
};

struct kdtls_config *kdtls_config_get(struct kdtls_config *config);

/* Setters share these: 0 if it may be changed, a string, a number in a range. */
int kdtls_config_writable(struct kdtls_config *config);
int kdtls_config_string(struct kdtls_config *config, char **field,
			const char *value);
int kdtls_config_number(struct kdtls_config *config, unsigned int *field,
			unsigned int value, unsigned int min, unsigned int max,
			const char *name);

/* Protocols as they are on the wire; free() them. 0 or a negative errno value. */
int kdtls_config_alpn_wire(const char *const *protocols, u8 **out, size_t *out_len);

/*
 * The SSL_CTX of a configuration, with the pre-shared keys of the endpoint; 0 or a
 * negative errno value.
 */
int kdtls_config_make_ctx(struct kdtls_config *config,
			  const struct kdtls_psk *psk, bool server,
			  SSL_CTX **ctx);

/* The digest of one of these. */
const u8 *kdtls_config_context(SSL_CTX *ctx);

#endif /* KDTLS_CONFIG_H */
