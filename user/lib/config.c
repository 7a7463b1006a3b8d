// SPDX-License-Identifier: LGPL-2.1-or-later
/* Configurations: their setters. What OpenSSL makes of them is in context.c. */
#include <stdlib.h>

#include <openssl/crypto.h>

#include <linux/kdtls.h>

#include "config.h"
#include "cookie.h"
#include "flight.h"
#include "log.h"
#include "resume.h"

struct kdtls_config *kdtls_config_new(void)
{
	struct kdtls_config *config = calloc(1, sizeof(*config));

	if (!config)
		return NULL;
	atomic_init(&config->refs, 1);
	config->mtu = KDTLS_MTU_DEFAULT;
	config->handshake_ms = 30000;
	config->flight_ms = KDTLS_FLIGHT_MS;
	config->cookie_ms = KDTLS_COOKIE_PERIOD_MS;
	config->max_sessions = 10000;
	config->session_cache = KDTLS_SESSION_CACHE;
	config->session_s = KDTLS_SESSION_S;
	return config;
}

struct kdtls_config *kdtls_config_get(struct kdtls_config *config)
{
	atomic_fetch_add(&config->refs, 1);
	return config;
}

static void pem_clear(struct kdtls_pem *pem)
{
	if (pem->data)
		OPENSSL_cleanse(pem->data, pem->len);
	free(pem->data);
	free(pem->path);
	memset(pem, 0, sizeof(*pem));
}

void kdtls_config_free(struct kdtls_config *config)
{
	if (!config || atomic_fetch_sub(&config->refs, 1) != 1)
		return;
	pem_clear(&config->cert);
	pem_clear(&config->key);
	pem_clear(&config->ca);
	free(config->server_name);
	free(config->bind_host);
	free(config->bind_service);
	free(config->ciphers);
	free(config->alpn);
	free(config->keylog_path);
	kdtls_psk_clear(&config->psk);
	kdtls_resume_clear(config);
	free(config->srtp);
	free(config->groups);
	free(config->sigalgs);
	free(config);
}

int kdtls_config_writable(struct kdtls_config *config)
{
	if (atomic_load(&config->refs) > 1)
		return kdtls_fail(-EBUSY, "the configuration is in use: make another with kdtls_config_new()");
	return 0;
}

int kdtls_config_string(struct kdtls_config *config, char **field,
			const char *value)
{
	char *copy = NULL;

	if (kdtls_config_writable(config))
		return -EBUSY;
	if (value) {
		copy = strdup(value);
		if (!copy)
			return kdtls_fail(-ENOMEM, "no memory");
	}
	free(*field);
	*field = copy;
	return 0;
}

int kdtls_config_number(struct kdtls_config *config, unsigned int *field,
			unsigned int value, unsigned int min, unsigned int max,
			const char *name)
{
	if (kdtls_config_writable(config))
		return -EBUSY;
	if (value < min || value > max)
		return kdtls_fail(-EINVAL, "%s is %u: it must be %u to %u",
				  name, value, min, max);
	*field = value;
	return 0;
}

static int set_pem_file(struct kdtls_config *config, struct kdtls_pem *pem,
			const char *path)
{
	int err = kdtls_config_writable(config);

	if (err)
		return err;
	pem_clear(pem);
	return kdtls_config_string(config, &pem->path, path);
}

static int set_pem_data(struct kdtls_config *config, struct kdtls_pem *pem,
			const void *data, size_t len)
{
	u8 *copy;

	if (kdtls_config_writable(config))
		return -EBUSY;
	if (!data || !len || len > INT32_MAX)
		return kdtls_fail(-EINVAL, "empty PEM");
	copy = malloc(len);
	if (!copy)
		return kdtls_fail(-ENOMEM, "no memory");
	memcpy(copy, data, len);
	pem_clear(pem);
	pem->data = copy;
	pem->len = len;
	return 0;
}

int kdtls_config_set_cert_file(struct kdtls_config *config, const char *path)
{
	return set_pem_file(config, &config->cert, path);
}

int kdtls_config_set_cert_pem(struct kdtls_config *config, const void *pem,
			      size_t len)
{
	return set_pem_data(config, &config->cert, pem, len);
}

int kdtls_config_set_key_file(struct kdtls_config *config, const char *path)
{
	return set_pem_file(config, &config->key, path);
}

int kdtls_config_set_key_pem(struct kdtls_config *config, const void *pem,
			     size_t len)
{
	return set_pem_data(config, &config->key, pem, len);
}

int kdtls_config_set_ca_file(struct kdtls_config *config, const char *path)
{
	return set_pem_file(config, &config->ca, path);
}

int kdtls_config_set_ca_pem(struct kdtls_config *config, const void *pem,
			    size_t len)
{
	return set_pem_data(config, &config->ca, pem, len);
}

int kdtls_config_set_verify(struct kdtls_config *config,
			    enum kdtls_verify verify)
{
	unsigned int value = config->verify;
	int err = kdtls_config_number(config, &value, verify, 0, KDTLS_VERIFY_REQUIRED,
				      "verify");

	config->verify = value;
	return err;
}

int kdtls_config_set_offload(struct kdtls_config *config,
			     enum kdtls_offload offload)
{
	unsigned int value = config->offload;
	int err = kdtls_config_number(config, &value, offload, 0, KDTLS_OFFLOAD_OFF,
				      "offload");

	config->offload = value;
	return err;
}

int kdtls_config_set_server_name(struct kdtls_config *config, const char *name)
{
	return kdtls_config_string(config, &config->server_name, name);
}

int kdtls_config_set_bind(struct kdtls_config *config, const char *host,
			  const char *service)
{
	int err;

	if ((host && !*host) || (service && !*service))
		return kdtls_fail(-EINVAL, "an empty local address or port: NULL is for any");
	err = kdtls_config_string(config, &config->bind_host, host);
	return err ? err : kdtls_config_string(config, &config->bind_service,
					       service);
}

int kdtls_config_set_ciphers(struct kdtls_config *config, const char *list)
{
	return kdtls_config_string(config, &config->ciphers, list);
}

int kdtls_config_alpn_wire(const char *const *protocols, u8 **out, size_t *out_len)
{
	size_t len = 0, n, i;
	u8 *wire;

	for (i = 0; protocols && protocols[i]; i++) {
		n = strlen(protocols[i]);
		if (n < 1 || n > 255)
			return kdtls_fail(-EINVAL, "an ALPN protocol has 1 to 255 bytes");
		len += 1 + n;
	}
	if (len > 65535)
		return kdtls_fail(-EINVAL, "too many ALPN protocols");
	wire = malloc(len + 1);
	if (!wire)
		return kdtls_fail(-ENOMEM, "no memory");
	*out = wire;
	*out_len = len;
	for (i = 0; protocols && protocols[i]; i++) {
		n = strlen(protocols[i]);
		*wire++ = (u8)n;
		memcpy(wire, protocols[i], n);
		wire += n;
	}
	return 0;
}

int kdtls_config_set_alpn(struct kdtls_config *config,
			  const char *const *protocols)
{
	size_t len;
	u8 *wire;
	int err;

	if (kdtls_config_writable(config))
		return -EBUSY;
	err = kdtls_config_alpn_wire(protocols, &wire, &len);
	if (err)
		return err;
	free(config->alpn);
	config->alpn = wire;
	config->alpn_len = len;
	return 0;
}

int kdtls_config_set_mtu(struct kdtls_config *config, unsigned int mtu)
{
	return kdtls_config_number(config, &config->mtu, mtu, KDTLS_MTU_MIN,
				   KDTLS_MTU_MAX, "mtu");
}

int kdtls_config_set_window(struct kdtls_config *config, unsigned int window)
{
	return kdtls_config_number(config, &config->window, window, DTLS_WINDOW_MIN,
				   DTLS_WINDOW_MAX, "window");
}

int kdtls_config_set_handshake_timeout(struct kdtls_config *config,
				       unsigned int ms)
{
	return kdtls_config_number(config, &config->handshake_ms, ms, 1, INT32_MAX,
				   "handshake timeout");
}

int kdtls_config_set_flight_time(struct kdtls_config *config, unsigned int ms)
{
	return kdtls_config_number(config, &config->flight_ms, ms, 1, INT32_MAX,
				   "flight time");
}

int kdtls_config_set_cookie_period(struct kdtls_config *config,
				   unsigned int ms)
{
	return kdtls_config_number(config, &config->cookie_ms, ms, 1, INT32_MAX,
				   "cookie period");
}

int kdtls_config_set_max_sessions(struct kdtls_config *config,
				  unsigned int sessions)
{
	return kdtls_config_number(config, &config->max_sessions, sessions, 1,
				   INT32_MAX, "max sessions");
}

int kdtls_config_set_keylog_file(struct kdtls_config *config, const char *path)
{
	return kdtls_config_string(config, &config->keylog_path, path);
}

int kdtls_config_set_callbacks(struct kdtls_config *config,
			       const struct kdtls_callbacks *callbacks,
			       void *arg)
{
	size_t size = callbacks->size;

	if (kdtls_config_writable(config))
		return -EBUSY;
	if (size < sizeof(callbacks->size) || size > sizeof(config->cb))
		return kdtls_fail(-EINVAL, "struct kdtls_callbacks has a size of %zu: set it to sizeof(struct kdtls_callbacks); is the program newer than the library?",
				  size);
	memset(&config->cb, 0, sizeof(config->cb));
	memcpy(&config->cb, callbacks, size);
	config->cb_arg = arg;
	return 0;
}

int kdtls_config_set_ssl_ctx_hook(struct kdtls_config *config,
				  int (*hook)(struct ssl_ctx_st *ctx,
					      void *arg),
				  void *arg)
{
	if (kdtls_config_writable(config))
		return -EBUSY;
	config->hook = hook;
	config->hook_arg = arg;
	return 0;
}
