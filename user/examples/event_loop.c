// SPDX-License-Identifier: GPL-2.0
/*
 * An endpoint in an event loop that has other things to do: each line of standard
 * input goes to all sessions, and what they say is printed.
 *
 *	event_loop CERT.pem KEY.pem [PORT]
 *
 * An endpoint is one descriptor, which is readable when kdtls_dispatch() has
 * something to do, timers included. That is all that a loop has to know: epoll
 * here, and libuv, libevent or io_uring in the same way.
 *
 *	cc event_loop.c $(pkg-config --cflags --libs libkdtls)
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <kdtls.h>

#define SESSIONS 100

static struct kdtls_session *sessions[SESSIONS];

static void on_handshake(struct kdtls_session *session, void *arg)
{
	int i;

	for (i = 0; i < SESSIONS && sessions[i]; i++)
		;
	if (i == SESSIONS) {
		kdtls_close(session);
		return;
	}
	sessions[i] = session;
	printf("a session: %d\n", i);
	fflush(stdout);
}

static int number_of(const struct kdtls_session *session)
{
	int i;

	for (i = 0; i < SESSIONS; i++)
		if (sessions[i] == session)
			return i;
	return -1;
}

static void on_message(struct kdtls_session *session, const void *buf,
		       size_t len, void *arg)
{
	printf("%d says: %.*s\n", number_of(session), (int)len,
	       (const char *)buf);
	fflush(stdout);
}

/* The last that is heard of it: the pointer is dead afterwards. */
static void on_close(struct kdtls_session *session, int err, void *arg)
{
	int i = number_of(session);

	if (i >= 0)
		sessions[i] = NULL;
}

static struct kdtls_endpoint *serve(const char *cert, const char *key,
				    const char *port)
{
	const struct kdtls_callbacks callbacks = {
		.size = sizeof(callbacks),
		.handshake = on_handshake,
		.message = on_message,
		.close = on_close,
	};
	struct kdtls_config *config = kdtls_config_new();
	struct kdtls_endpoint *endpoint = NULL;

	if (!config || kdtls_config_set_callbacks(config, &callbacks, NULL) ||
	    kdtls_config_set_cert_file(config, cert) ||
	    kdtls_config_set_key_file(config, key) ||
	    kdtls_listen(config, "0.0.0.0", port, &endpoint))
		fprintf(stderr, "%s\n", kdtls_last_error());
	kdtls_config_free(config);
	return endpoint;
}

/* Returns 0 at the end of the input. */
static int read_line(void)
{
	char line[1024];
	ssize_t n = read(STDIN_FILENO, line, sizeof(line));
	int i;

	for (i = 0; n > 0 && i < SESSIONS; i++)
		if (sessions[i] && kdtls_send(sessions[i], line, (size_t)n) < 0)
			fprintf(stderr, "%d: %s\n", i, kdtls_last_error());
	return n > 0;
}

static void loop(struct kdtls_endpoint *endpoint)
{
	int epoll = epoll_create1(EPOLL_CLOEXEC), more = 1;
	struct epoll_event of_endpoint = { .events = EPOLLIN, .data.u32 = 1 };
	struct epoll_event of_input = { .events = EPOLLIN, .data.u32 = 2 };
	struct epoll_event event;

	epoll_ctl(epoll, EPOLL_CTL_ADD, kdtls_endpoint_fd(endpoint), &of_endpoint);
	epoll_ctl(epoll, EPOLL_CTL_ADD, STDIN_FILENO, &of_input);
	while (more) {
		if (epoll_wait(epoll, &event, 1, -1) < 1)
			continue;
		if (event.data.u32 == 1)
			kdtls_dispatch(endpoint, 0);
		else
			more = read_line();
	}
	close(epoll);
}

int main(int argc, char **argv)
{
	struct kdtls_endpoint *endpoint;
	struct sockaddr_in address;
	socklen_t len = sizeof(address);

	if (argc < 3) {
		fprintf(stderr, "usage: event_loop CERT.pem KEY.pem [PORT]\n");
		return 2;
	}
	endpoint = serve(argv[1], argv[2], argc > 3 ? argv[3] : "4433");
	if (!endpoint)
		return EXIT_FAILURE;
	kdtls_endpoint_address(endpoint, (struct sockaddr *)&address, &len);
	printf("listening on port %u\n", ntohs(address.sin_port));
	fflush(stdout);
	loop(endpoint);
	kdtls_endpoint_close(endpoint);
	kdtls_dispatch(endpoint, 0);
	kdtls_endpoint_destroy(endpoint);
	return EXIT_SUCCESS;
}
