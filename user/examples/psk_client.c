// SPDX-License-Identifier: GPL-2.0
/*
 * A client with a pre-shared key instead of certificates.
 *
 *	psk_client HOST PORT IDENTITY KEY TEXT
 *
 * KEY is in hexadecimal. A program of one's own would not take it as an argument,
 * which everybody on the machine can read, but out of a file.
 *
 *	cc psk_client.c $(pkg-config --cflags --libs libkdtls)
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <kdtls.h>

#define PATIENCE_MS 5000

struct client {
	const char	*text;
	int		over;
	int		err;
};

static void on_handshake(struct kdtls_session *session, void *arg)
{
	struct kdtls_session_info info;
	struct client *client = arg;

	kdtls_session_info(session, &info, sizeof(info));
	fprintf(stderr, "connected as %s: %s\n", info.psk_identity, info.cipher);
	if (kdtls_send(session, client->text, strlen(client->text)) < 0)
		fprintf(stderr, "%s\n", kdtls_last_error());
}

static void on_message(struct kdtls_session *session, const void *buf,
		       size_t len, void *arg)
{
	printf("%.*s\n", (int)len, (const char *)buf);
	kdtls_close(session);
}

static void on_error(struct kdtls_session *session, int err, const char *text,
		     void *arg)
{
	fprintf(stderr, "%s\n", text);
}

static void on_close(struct kdtls_session *session, int err, void *arg)
{
	struct client *client = arg;

	client->over = 1;
	client->err = err;
}

/* Returns the size of the key, 0 if it is none. */
static size_t read_key(const char *hex, unsigned char *key, size_t size)
{
	size_t n = strlen(hex), i;
	char byte[3] = "";

	if (!n || n % 2 || n / 2 > size ||
	    strspn(hex, "0123456789abcdefABCDEF") != n)
		return 0;
	for (i = 0; i < n / 2; i++) {
		memcpy(byte, hex + 2 * i, 2);
		key[i] = (unsigned char)strtoul(byte, NULL, 16);
	}
	return n / 2;
}

static struct kdtls_config *configure(const char *identity, const char *hex,
				      struct client *client)
{
	const struct kdtls_callbacks callbacks = {
		.size = sizeof(callbacks),
		.handshake = on_handshake,
		.message = on_message,
		.error = on_error,
		.close = on_close,
	};
	struct kdtls_config *config = kdtls_config_new();
	unsigned char key[KDTLS_PSK_MAX];
	size_t len = read_key(hex, key, sizeof(key));
	int err;

	if (!config)
		return NULL;
	err = kdtls_config_set_psk_identity(config, identity, key, len);
	explicit_bzero(key, sizeof(key));
	if (!err)
		err = kdtls_config_set_callbacks(config, &callbacks, client);
	if (!err)
		return config;
	kdtls_config_free(config);
	return NULL;
}

int main(int argc, char **argv)
{
	struct client client = { .over = 0 };
	struct kdtls_session *session;
	struct kdtls_endpoint *endpoint;
	struct kdtls_config *config;

	if (argc != 6) {
		fprintf(stderr, "usage: psk_client HOST PORT IDENTITY KEY TEXT\n");
		return 2;
	}
	client.text = argv[5];
	config = configure(argv[3], argv[4], &client);
	if (!config || kdtls_connect(config, argv[1], argv[2], &session)) {
		fprintf(stderr, "%s\n", kdtls_last_error());
		kdtls_config_free(config);
		return EXIT_FAILURE;
	}
	kdtls_config_free(config);
	endpoint = kdtls_session_endpoint(session);
	while (!client.over && kdtls_dispatch(endpoint, PATIENCE_MS) > 0)
		;
	kdtls_endpoint_destroy(endpoint);
	return client.err || !client.over ? EXIT_FAILURE : EXIT_SUCCESS;
}
