// SPDX-License-Identifier: GPL-2.0
/*
 * A client: sends each argument as one record, prints the answers.
 *
 *	client HOST PORT CA.pem TEXT...
 *
 *	cc client.c $(pkg-config --cflags --libs libkdtls)
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <kdtls.h>

#define PATIENCE_MS 5000

struct client {
	char	**texts;
	int	to_come;	/* answers */
	int	over;
	int	err;
};

static void on_handshake(struct kdtls_session *session, void *arg)
{
	struct kdtls_session_info info;
	struct client *client = arg;
	char **text;

	kdtls_session_info(session, &info, sizeof(info));
	fprintf(stderr, "connected: %s, records by %s\n", info.cipher,
		info.offloaded ? "the kernel" : info.offload_reason);
	for (text = client->texts; *text; text++) {
		if (kdtls_send(session, *text, strlen(*text)) < 0)
			fprintf(stderr, "%s\n", kdtls_last_error());
		else
			client->to_come++;
	}
}

static void on_message(struct kdtls_session *session, const void *buf,
		       size_t len, void *arg)
{
	struct client *client = arg;

	printf("%.*s\n", (int)len, (const char *)buf);
	if (!--client->to_come)
		kdtls_close(session);
}

static void on_error(struct kdtls_session *session, int err, const char *text,
		     void *arg)
{
	fprintf(stderr, "%s\n", text);
}

/* The last that is heard of the session. */
static void on_close(struct kdtls_session *session, int err, void *arg)
{
	struct client *client = arg;

	client->over = 1;
	client->err = err;
}

static struct kdtls_config *configure(const char *ca, struct client *client)
{
	const struct kdtls_callbacks callbacks = {
		.size = sizeof(callbacks),
		.handshake = on_handshake,
		.message = on_message,
		.error = on_error,
		.close = on_close,
	};
	struct kdtls_config *config = kdtls_config_new();

	if (!config)
		return NULL;
	if (!kdtls_config_set_callbacks(config, &callbacks, client) &&
	    !kdtls_config_set_ca_file(config, ca))
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

	if (argc < 5) {
		fprintf(stderr, "usage: client HOST PORT CA.pem TEXT...\n");
		return 2;
	}
	client.texts = argv + 4;
	config = configure(argv[3], &client);
	if (!config || kdtls_connect(config, argv[1], argv[2], &session)) {
		fprintf(stderr, "%s\n", kdtls_last_error());
		kdtls_config_free(config);
		return EXIT_FAILURE;
	}
	kdtls_config_free(config);

	/* Datagrams get lost: what does not come in time does not come. */
	endpoint = kdtls_session_endpoint(session);
	while (!client.over && kdtls_dispatch(endpoint, PATIENCE_MS) > 0)
		;
	kdtls_endpoint_destroy(endpoint);
	return client.err || client.to_come || !client.over ? EXIT_FAILURE :
							      EXIT_SUCCESS;
}
