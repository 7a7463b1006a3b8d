// SPDX-License-Identifier: GPL-2.0
/*
 * A server that sends back what comes.
 *
 *	echo_server CERT.pem KEY.pem [PORT]
 *
 *	cc echo_server.c $(pkg-config --cflags --libs libkdtls)
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include <kdtls.h>

static volatile sig_atomic_t stopped;

static void on_signal(int signo)
{
	stopped = 1;
}

static const char *text_of(const struct sockaddr_storage *ss)
{
	static char text[INET6_ADDRSTRLEN];
	const struct sockaddr_in6 *in6 = (const void *)ss;
	const struct sockaddr_in *in = (const void *)ss;

	if (ss->ss_family == AF_INET6)
		return inet_ntop(AF_INET6, &in6->sin6_addr, text, sizeof(text));
	return inet_ntop(AF_INET, &in->sin_addr, text, sizeof(text));
}

/* The handshake is over: the session can send. */
static void on_handshake(struct kdtls_session *session, void *arg)
{
	struct kdtls_session_info info;

	kdtls_session_info(session, &info, sizeof(info));
	printf("%s: %s, records by %s\n", text_of(&info.peer), info.cipher,
	       info.offloaded ? "the kernel" : info.offload_reason);
	fflush(stdout);
}

static void on_message(struct kdtls_session *session, const void *buf,
		       size_t len, void *arg)
{
	if (kdtls_send(session, buf, len) < 0)
		fprintf(stderr, "%s\n", kdtls_last_error());
}

/* Several records that came together can go together. */
static void on_train(struct kdtls_session *session, const void *buf, size_t len,
		     size_t segment, void *arg)
{
	if (kdtls_send_train(session, buf, len, segment) < 0)
		fprintf(stderr, "%s\n", kdtls_last_error());
}

static void on_error(struct kdtls_session *session, int err, const char *text,
		     void *arg)
{
	fprintf(stderr, "%s\n", text);
}

static struct kdtls_endpoint *serve(const char *cert, const char *key,
				    const char *port)
{
	const struct kdtls_callbacks callbacks = {
		.size = sizeof(callbacks),
		.handshake = on_handshake,
		.message = on_message,
		.train = on_train,
		.error = on_error,
	};
	struct kdtls_config *config = kdtls_config_new();
	struct kdtls_endpoint *endpoint = NULL;

	if (!config)
		return NULL;
	if (kdtls_config_set_callbacks(config, &callbacks, NULL) ||
	    kdtls_config_set_cert_file(config, cert) ||
	    kdtls_config_set_key_file(config, key) ||
	    kdtls_listen(config, "0.0.0.0", port, &endpoint))
		fprintf(stderr, "%s\n", kdtls_last_error());
	/* The endpoint has a reference of its own. */
	kdtls_config_free(config);
	return endpoint;
}

/* Tell the peers, wait for nobody. */
static void finish(struct kdtls_endpoint *endpoint)
{
	struct kdtls_endpoint_info info;

	kdtls_endpoint_close(endpoint);
	while (kdtls_dispatch(endpoint, 0) > 0)
		;
	kdtls_endpoint_info(endpoint, &info, sizeof(info));
	printf("%llu sessions, %llu bytes came, %llu went\n",
	       (unsigned long long)info.server_sessions,
	       (unsigned long long)info.bytes_received,
	       (unsigned long long)info.bytes_sent);
	kdtls_endpoint_destroy(endpoint);
}

int main(int argc, char **argv)
{
	struct sigaction action = { .sa_handler = on_signal };
	struct kdtls_endpoint *endpoint;
	struct sockaddr_in address;
	socklen_t len = sizeof(address);

	if (argc < 3) {
		fprintf(stderr, "usage: echo_server CERT.pem KEY.pem [PORT]\n");
		return 2;
	}
	endpoint = serve(argv[1], argv[2], argc > 3 ? argv[3] : "4433");
	if (!endpoint)
		return EXIT_FAILURE;
	/* Without SA_RESTART, so that kdtls_dispatch() comes back. */
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);

	kdtls_endpoint_address(endpoint, (struct sockaddr *)&address, &len);
	printf("listening on port %u\n", ntohs(address.sin_port));
	fflush(stdout);
	while (!stopped)
		kdtls_dispatch(endpoint, -1);
	finish(endpoint);
	return EXIT_SUCCESS;
}
