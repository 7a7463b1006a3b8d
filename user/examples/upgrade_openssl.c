// SPDX-License-Identifier: GPL-2.0
/*
 * A program that does its handshake with OpenSSL by itself, and then leaves the
 * records to the kernel: send() seals, recv() opens.
 *
 *	upgrade_openssl HOST PORT CA.pem TEXT
 *
 *	cc upgrade_openssl.c $(pkg-config --cflags --libs libkdtls openssl)
 */
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>

#include <openssl/err.h>
#include <openssl/ssl.h>

#include <kdtls.h>

static int udp_socket(const char *host, const char *port)
{
	struct addrinfo hints = { .ai_socktype = SOCK_DGRAM };
	const struct timeval patience = { .tv_sec = 5 };
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

/* A connection over a socket that is connected. */
static SSL *new_connection(SSL_CTX *ctx, int fd, const char *host)
{
	struct sockaddr_storage peer;
	socklen_t len = sizeof(peer);
	BIO *bio = BIO_new_dgram(fd, BIO_NOCLOSE);
	SSL *ssl = SSL_new(ctx);

	getpeername(fd, (struct sockaddr *)&peer, &len);
	BIO_ctrl(bio, BIO_CTRL_DGRAM_SET_CONNECTED, 0, &peer);
	SSL_set_bio(ssl, bio, bio);
	SSL_set_tlsext_host_name(ssl, host);
	SSL_set1_host(ssl, host);
	SSL_set_connect_state(ssl);
	return ssl;
}

static SSL *handshake(SSL_CTX *ctx, int fd, const char *host)
{
	SSL *ssl = new_connection(ctx, fd, host);

	/* In front of the handshake: the library sees what OpenSSL does not tell. */
	if (kdtls_track(ssl)) {
		fprintf(stderr, "%s\n", kdtls_last_error());
	} else if (SSL_do_handshake(ssl) != 1) {
		fprintf(stderr, "the handshake failed\n");
		ERR_print_errors_fp(stderr);
	} else {
		return ssl;
	}
	SSL_free(ssl);
	return NULL;
}

/* The socket carries records now, and is used as if it did not. */
static ssize_t talk_by_kernel(int fd, const char *text, char *buf, size_t size)
{
	if (send(fd, text, strlen(text), 0) < 0)
		return -1;
	return recv(fd, buf, size, 0);
}

static ssize_t talk_by_openssl(SSL *ssl, const char *text, char *buf, int size)
{
	if (SSL_write(ssl, text, (int)strlen(text)) <= 0)
		return -1;
	return SSL_read(ssl, buf, size);
}

int main(int argc, char **argv)
{
	struct kdtls_session *session = NULL;
	SSL_CTX *ctx = SSL_CTX_new(DTLS_client_method());
	char buf[16384];
	ssize_t n = -1;
	SSL *ssl;
	int fd;

	if (argc != 5) {
		fprintf(stderr, "usage: upgrade_openssl HOST PORT CA.pem TEXT\n");
		return 2;
	}
	fd = udp_socket(argv[1], argv[2]);
	if (fd < 0 || SSL_CTX_load_verify_file(ctx, argv[3]) != 1) {
		fprintf(stderr, "no server, or no CA\n");
		return EXIT_FAILURE;
	}
	SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
	ssl = handshake(ctx, fd, argv[1]);
	if (ssl && !kdtls_upgrade(ssl, fd, NULL, &session)) {
		fprintf(stderr, "records by the kernel\n");
		SSL_free(ssl);
		ssl = NULL;
		n = talk_by_kernel(fd, argv[4], buf, sizeof(buf));
		kdtls_close(session);
		kdtls_destroy(session);
	} else if (ssl) {
		/* It is as it was, and works without the kernel. */
		fprintf(stderr, "records by OpenSSL: %s\n", kdtls_last_error());
		n = talk_by_openssl(ssl, argv[4], buf, sizeof(buf));
		SSL_shutdown(ssl);
	}
	if (n > 0)
		printf("%.*s\n", (int)n, buf);
	SSL_free(ssl);
	SSL_CTX_free(ctx);
	close(fd);
	return n > 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
