// SPDX-License-Identifier: GPL-2.0
/*
 * The keys for SRTP that come out of a DTLS handshake (RFC 5764): both sides print
 * the same, one to send with what the other receives with.
 *
 *	srtp_keys listen PORT CERT.pem KEY.pem
 *	srtp_keys connect HOST PORT CA.pem
 *
 *	cc srtp_keys.c $(pkg-config --cflags --libs libkdtls)
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <kdtls.h>

#define PROFILES "SRTP_AEAD_AES_128_GCM:SRTP_AES128_CM_SHA1_80"

struct side {
	int	over;
	int	err;
	int	printed;
};

static void print_hex(const char *name, const uint8_t *p, uint32_t len)
{
	printf("%s ", name);
	while (len--)
		printf("%02x", *p++);
	printf("\n");
}

/* The keys can be asked for here; later OpenSSL may be gone. */
static void on_handshake(struct kdtls_session *session, void *arg)
{
	struct kdtls_session_info info;
	struct kdtls_srtp_keys keys;
	struct side *side = arg;

	kdtls_session_info(session, &info, sizeof(info));
	if (kdtls_session_srtp_keys(session, &keys, sizeof(keys))) {
		fprintf(stderr, "%s\n", kdtls_last_error());
		kdtls_close(session);
		return;
	}
	fprintf(stderr, "%s\n", info.server ? "this is the server" :
					      "this is the client");
	printf("profile %s\n", keys.profile);
	print_hex("client key", keys.client_key, keys.key_len);
	print_hex("server key", keys.server_key, keys.key_len);
	print_hex("client salt", keys.client_salt, keys.salt_len);
	print_hex("server salt", keys.server_salt, keys.salt_len);
	fflush(stdout);
	explicit_bzero(&keys, sizeof(keys));
	side->printed = 1;
	/* Media would flow now. The client has enough. */
	if (!info.server)
		kdtls_close(session);
}

static void on_error(struct kdtls_session *session, int err, const char *text,
		     void *arg)
{
	fprintf(stderr, "%s\n", text);
}

static void on_close(struct kdtls_session *session, int err, void *arg)
{
	struct side *side = arg;

	side->over = 1;
	side->err = err;
}

static struct kdtls_endpoint *listen_on(struct kdtls_config *config,
					char **argv)
{
	struct kdtls_endpoint *endpoint;
	struct sockaddr_in address;
	socklen_t len = sizeof(address);

	if (kdtls_config_set_cert_file(config, argv[3]) ||
	    kdtls_config_set_key_file(config, argv[4]) ||
	    kdtls_listen(config, "0.0.0.0", argv[2], &endpoint))
		return NULL;
	kdtls_endpoint_address(endpoint, (struct sockaddr *)&address, &len);
	fprintf(stderr, "listening on port %u\n", ntohs(address.sin_port));
	return endpoint;
}

static struct kdtls_endpoint *connect_to(struct kdtls_config *config,
					 char **argv)
{
	struct kdtls_session *session;

	if (kdtls_config_set_ca_file(config, argv[4]) ||
	    kdtls_connect(config, argv[2], argv[3], &session))
		return NULL;
	return kdtls_session_endpoint(session);
}

int main(int argc, char **argv)
{
	const struct kdtls_callbacks callbacks = {
		.size = sizeof(callbacks),
		.handshake = on_handshake,
		.error = on_error,
		.close = on_close,
	};
	struct kdtls_endpoint *endpoint = NULL;
	struct side side = { .over = 0 };
	struct kdtls_config *config;

	if (argc != 5) {
		fprintf(stderr, "usage: srtp_keys listen PORT CERT.pem KEY.pem\n"
				"       srtp_keys connect HOST PORT CA.pem\n");
		return 2;
	}
	config = kdtls_config_new();
	if (config && !kdtls_config_set_callbacks(config, &callbacks, &side) &&
	    !kdtls_config_set_srtp(config, PROFILES))
		endpoint = !strcmp(argv[1], "listen") ?
			   listen_on(config, argv) : connect_to(config, argv);
	kdtls_config_free(config);
	if (!endpoint) {
		fprintf(stderr, "%s\n", kdtls_last_error());
		return EXIT_FAILURE;
	}
	while (!side.over)
		kdtls_dispatch(endpoint, -1);
	kdtls_endpoint_destroy(endpoint);
	return side.err || !side.printed ? EXIT_FAILURE : EXIT_SUCCESS;
}
