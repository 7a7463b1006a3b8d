// SPDX-License-Identifier: GPL-2.0
/*
 * A program that does its handshake with GnuTLS by itself, and then leaves the
 * records to the kernel: send() seals, recv() opens.
 *
 *	upgrade_gnutls HOST PORT CA.pem TEXT
 *
 *	cc upgrade_gnutls.c $(pkg-config --cflags --libs libkdtls-gnutls gnutls)
 */
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>

#include <gnutls/dtls.h>
#include <gnutls/gnutls.h>

#include <kdtls-gnutls.h>

#define PATIENCE_MS	5000
#define PRIORITIES	"NORMAL:-VERS-ALL:+VERS-DTLS1.2:-CIPHER-ALL:+AES-128-GCM:+AES-256-GCM:+CHACHA20-POLY1305"

static int udp_socket(const char *host, const char *port)
{
	struct addrinfo hints = { .ai_socktype = SOCK_DGRAM };
	const struct timeval patience = { .tv_sec = PATIENCE_MS / 1000 };
	struct addrinfo *list, *ai;
	int fd = -1;

	if (getaddrinfo(host, port, &hints, &list))
		return -1;
	for (ai = list; ai && fd < 0; ai = ai->ai_next) {
		fd = socket(ai->ai_family, SOCK_DGRAM, 0);
		if (fd >= 0 && connect(fd, ai->ai_addr, ai->ai_addrlen)) {
			close(fd);
			fd = -1;
		}
	}
	freeaddrinfo(list);
	if (fd >= 0)
		setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience,
			   sizeof(patience));
	return fd;
}

static int handshake(gnutls_session_t tls, int fd)
{
	int ret;

	/* In front of the handshake: it gives the session its socket. */
	if (kdtls_gnutls_track(tls, fd)) {
		fprintf(stderr, "%s\n", kdtls_last_error());
		return -1;
	}
	do
		ret = gnutls_handshake(tls);
	while (ret < 0 && !gnutls_error_is_fatal(ret));
	if (ret < 0)
		fprintf(stderr, "the handshake failed: %s\n",
			gnutls_strerror(ret));
	return ret;
}

/* The socket carries records now, and is used as if it did not. */
static ssize_t talk_by_kernel(int fd, const char *text, char *buf, size_t size)
{
	if (send(fd, text, strlen(text), 0) < 0)
		return -1;
	return recv(fd, buf, size, 0);
}

static ssize_t talk_by_gnutls(gnutls_session_t tls, const char *text, char *buf,
			      size_t size)
{
	gnutls_record_set_timeout(tls, PATIENCE_MS);
	if (gnutls_record_send(tls, text, strlen(text)) < 0)
		return -1;
	return gnutls_record_recv(tls, buf, size);
}

static ssize_t talk(gnutls_session_t tls, int fd, const char *text, char *buf,
		    size_t size)
{
	struct kdtls_session *session;
	ssize_t n;

	if (handshake(tls, fd))
		return -1;
	if (kdtls_gnutls_upgrade(tls, fd, NULL, &session)) {
		/* It is as it was, and works without the kernel. */
		fprintf(stderr, "records by GnuTLS: %s\n", kdtls_last_error());
		n = talk_by_gnutls(tls, text, buf, size);
		gnutls_bye(tls, GNUTLS_SHUT_WR);
		return n;
	}
	fprintf(stderr, "records by the kernel\n");
	n = talk_by_kernel(fd, text, buf, size);
	kdtls_close(session);
	kdtls_destroy(session);
	return n;
}

int main(int argc, char **argv)
{
	gnutls_certificate_credentials_t credentials;
	gnutls_session_t tls;
	char buf[16384];
	ssize_t n;
	int fd;

	if (argc != 5) {
		fprintf(stderr, "usage: upgrade_gnutls HOST PORT CA.pem TEXT\n");
		return 2;
	}
	fd = udp_socket(argv[1], argv[2]);
	gnutls_certificate_allocate_credentials(&credentials);
	if (fd < 0 ||
	    gnutls_certificate_set_x509_trust_file(credentials, argv[3],
						   GNUTLS_X509_FMT_PEM) < 1) {
		fprintf(stderr, "no server, or no CA\n");
		return EXIT_FAILURE;
	}
	gnutls_init(&tls, GNUTLS_CLIENT | GNUTLS_DATAGRAM);
	gnutls_priority_set_direct(tls, PRIORITIES, NULL);
	gnutls_credentials_set(tls, GNUTLS_CRD_CERTIFICATE, credentials);
	gnutls_server_name_set(tls, GNUTLS_NAME_DNS, argv[1], strlen(argv[1]));
	gnutls_session_set_verify_cert(tls, argv[1], 0);
	n = talk(tls, fd, argv[4], buf, sizeof(buf));
	if (n > 0)
		printf("%.*s\n", (int)n, buf);
	/* Nothing happens if it was handed over. */
	kdtls_gnutls_untrack(tls);
	gnutls_deinit(tls);
	gnutls_certificate_free_credentials(credentials);
	close(fd);
	return n > 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
