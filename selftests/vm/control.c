// SPDX-License-Identifier: GPL-2.0
/* Alerts, other control records, and the end of a session. */
#include <netinet/udp.h>
#include <sys/epoll.h>

#include "harness.h"

#define WARNING			1
#define FATAL			2
#define CLOSE_NOTIFY		0
#define HANDSHAKE_FAILURE	40
#define NO_RENEGOTIATION	100

static struct rx rx;

FIXTURE(control) {
	struct pair p;
	struct stats before;
};

FIXTURE_VARIANT(control) {
	uint16_t cipher;
	enum family family;
};

VARIANTS_OF_FAMILIES(control);

FIXTURE_SETUP(control)
{
	netns_enter();
	pair_setup(&self->p, variant->family, variant->cipher);
	stats_read(&self->before);
}

FIXTURE_TEARDOWN(control)
{
	pair_close(&self->p);
}

static void ask(struct pair *p)
{
	set_int(p->fd, SOL_DTLS, DTLS_RECV_CONTROL, 1);
}

static long recv_plain(int fd)
{
	uint8_t data[200];

	return recv_now(fd, data, sizeof(data));
}

/* Records that nobody asked for */

TEST_F(control, handshake_unasked)
{
	feed_type(&self->p, DTLS_CT_HANDSHAKE, "hello", 5);
	feed_id(&self->p, 50, 1);
	EXPECT_EQ(50, rx_recv(self->p.fd, &rx, 0));
	EXPECT_EQ(-1, rx.type);
	EXPECT_STREQ("RxRecords+2 RxBytes+55 RxControl+1 RxDropControl+1",
		     stats_since(&self->before));
}

TEST_F(control, warning_unasked)
{
	feed_alert(&self->p, WARNING, NO_RENEGOTIATION);
	feed_id(&self->p, 50, 1);
	EXPECT_STREQ("1", recv_ids(self->p.fd, 1));
	EXPECT_STREQ("RxRecords+2 RxBytes+52 RxControl+1 RxDropControl+1",
		     stats_since(&self->before));
	EXPECT_EQ(DTLS_STATE_TX | DTLS_STATE_RX, dtls_info(self->p.fd).state);
	EXPECT_TRUE(echoes(&self->p));
}

TEST_F(control, change_cipher_spec_unasked)
{
	feed_type(&self->p, DTLS_CT_CHANGE_CIPHER_SPEC, "\1", 1);
	feed_id(&self->p, 50, 1);
	EXPECT_STREQ("1", recv_ids(self->p.fd, 1));
	EXPECT_TRUE(echoes(&self->p));
}

/* A blocked reader does not wake for it. */
TEST_F(control, blocked_reader_unasked)
{
	struct reader r;

	reader_start(&r, self->p.fd);
	feed_type(&self->p, DTLS_CT_HANDSHAKE, "hello", 5);
	feed_alert(&self->p, WARNING, NO_RENEGOTIATION);
	sleep_ms(QUIET_MS);
	EXPECT_FALSE(job_done(&r.job));
	feed_id(&self->p, 50, 1);
	EXPECT_EQ(50, reader_join(&r));
}

/* Records that were asked for */

TEST_F(control, types_are_told)
{
	struct pair *p = &self->p;

	ask(p);
	feed_id(p, 50, 1);
	feed_type(p, DTLS_CT_HANDSHAKE, "hello", 5);
	feed_alert(p, WARNING, NO_RENEGOTIATION);
	feed_id(p, 50, 2);
	EXPECT_EQ(50, rx_recv(p->fd, &rx, 0));
	EXPECT_EQ(DTLS_CT_APPLICATION_DATA, rx.type);
	EXPECT_EQ(5, rx_recv(p->fd, &rx, MSG_PEEK));
	EXPECT_EQ(DTLS_CT_HANDSHAKE, rx.type);
	EXPECT_EQ(5, rx_recv(p->fd, &rx, 0));
	EXPECT_EQ(DTLS_CT_HANDSHAKE, rx.type);
	EXPECT_EQ(0, memcmp(rx.data, "hello", 5));
	EXPECT_EQ(2, rx_recv(p->fd, &rx, 0));
	EXPECT_EQ(DTLS_CT_ALERT, rx.type);
	EXPECT_EQ(WARNING, rx.data[0]);
	EXPECT_EQ(NO_RENEGOTIATION, rx.data[1]);
	EXPECT_EQ(50, rx_recv(p->fd, &rx, 0));
	EXPECT_EQ(DTLS_CT_APPLICATION_DATA, rx.type);
	EXPECT_STREQ("RxRecords+4 RxBytes+107 RxControl+2",
		     stats_since(&self->before));
}

/* Without a control buffer it could be taken for data. */
TEST_F(control, needs_a_control_buffer)
{
	struct pair *p = &self->p;

	ask(p);
	feed_type(p, DTLS_CT_HANDSHAKE, "hello", 5);
	EXPECT_EQ(-EAGAIN, recv_plain(p->fd));
	feed_type(p, DTLS_CT_HANDSHAKE, "hello", 5);
	feed_id(p, 50, 1);
	EXPECT_EQ(50, recv_plain(p->fd));
	EXPECT_STREQ("RxDropControl+2",
		     stats_since_of(&self->before, "RxDrop"));
}

TEST_F(control, peek_without_a_control_buffer)
{
	struct pair *p = &self->p;
	uint8_t data[100];

	ask(p);
	feed_type(p, DTLS_CT_HANDSHAKE, "hello", 5);
	settle();
	EXPECT_EQ(-EAGAIN, RC(recv(p->fd, data, sizeof(data),
				   MSG_PEEK | MSG_DONTWAIT)));
	feed_type(p, DTLS_CT_HANDSHAKE, "hello", 5);
	feed_id(p, 50, 1);
	EXPECT_EQ(50, RC(recv(p->fd, data, sizeof(data), MSG_PEEK)));
	EXPECT_EQ(1, payload_id(data, 50));
}

TEST_F(control, switched_off_again)
{
	struct pair *p = &self->p;

	ask(p);
	feed_type(p, DTLS_CT_HANDSHAKE, "hello", 5);
	EXPECT_EQ(5, rx_recv(p->fd, &rx, 0));
	set_int(p->fd, SOL_DTLS, DTLS_RECV_CONTROL, 0);
	feed_type(p, DTLS_CT_HANDSHAKE, "hello", 5);
	feed_id(p, 50, 1);
	EXPECT_EQ(50, rx_recv(p->fd, &rx, 0));
	EXPECT_EQ(-1, rx.type);
}

/* Opened while it was asked for, read when it is not: it is not data. */
TEST_F(control, switched_off_with_some_in_the_queue)
{
	struct pair *p = &self->p;
	uint8_t wire[400];
	size_t n;

	ask(p);
	n = oracle_seal(&p->in, DTLS_CT_APPLICATION_DATA, "data", 4, wire);
	n += oracle_seal(&p->in, DTLS_CT_HANDSHAKE, "hello", 5, wire + n);
	n += oracle_seal(&p->in, DTLS_CT_APPLICATION_DATA, "DATA", 4, wire + n);
	feed_raw(p, wire, n);
	EXPECT_EQ(4, rx_recv(p->fd, &rx, 0));
	set_int(p->fd, SOL_DTLS, DTLS_RECV_CONTROL, 0);
	EXPECT_EQ(4, recv_plain(p->fd));
	EXPECT_EQ(-EAGAIN, recv_plain(p->fd));
}

TEST_F(control, sizes)
{
	static const size_t sizes[] = { 0, 1, 2, 3, 1000, 16384 };
	static uint8_t data[16384];
	size_t i;

	ask(&self->p);
	for (i = 0; i < ARRAY_LEN(sizes); i++) {
		payload(data, sizes[i], i);
		feed_type(&self->p, DTLS_CT_HANDSHAKE, data, sizes[i]);
		EXPECT_EQ(sizes[i], rx_recv(self->p.fd, &rx, 0));
		EXPECT_EQ(DTLS_CT_HANDSHAKE, rx.type);
		EXPECT_EQ(0, memcmp(data, rx.data, sizes[i]));
	}
}

/* Alerts of other sizes than two bytes mean nothing. */
TEST_F(control, malformed_alerts)
{
	static const uint8_t alert[8] = { FATAL, CLOSE_NOTIFY };
	struct pair *p = &self->p;
	size_t n;

	for (n = 0; n <= sizeof(alert); n++)
		if (n != 2)
			feed_type(p, DTLS_CT_ALERT, alert, n);
	feed_id(p, 50, 1);
	EXPECT_STREQ("1", recv_ids(p->fd, 1));
	EXPECT_EQ(DTLS_STATE_TX | DTLS_STATE_RX, dtls_info(p->fd).state);
	EXPECT_TRUE(echoes(p));
}

/* Levels that do not exist are neither warning nor fatal. */
TEST_F(control, unknown_levels)
{
	struct pair *p = &self->p;

	feed_alert(p, 0, 40);
	feed_alert(p, 3, 40);
	feed_alert(p, 255, 40);
	feed_id(p, 50, 1);
	EXPECT_STREQ("1", recv_ids(p->fd, 1));
	EXPECT_TRUE(echoes(p));
}

/* close_notify from the peer */

TEST_F(control, close_notify)
{
	struct pair *p = &self->p;
	struct dtls_info info;
	int i;

	feed_id(p, 50, 1);
	feed_alert(p, WARNING, CLOSE_NOTIFY);
	EXPECT_EQ(50, rx_recv(p->fd, &rx, 0));
	EXPECT_EQ(0, rx_recv(p->fd, &rx, 0));
	for (i = 0; i < 3; i++)
		EXPECT_EQ(0, recv_plain(p->fd));
	EXPECT_EQ(POLLIN | POLLRDHUP, poll_in(p->fd, 0));
	info = dtls_info(p->fd);
	EXPECT_EQ(DTLS_STATE_TX | DTLS_STATE_RX | DTLS_STATE_PEER_CLOSED,
		  info.state);
	EXPECT_EQ(0, info.alert);
	EXPECT_EQ(-EPIPE, RC(send(p->fd, "abcd", 4, 0)));
	EXPECT_EQ(-EPIPE, send_type(p->fd, DTLS_CT_HANDSHAKE, "abcd", 4));
	EXPECT_TRUE(quiet(p->peer));
}

/* The level of a close_notify is not told by all as a warning. */
TEST_F(control, close_notify_at_level_fatal)
{
	feed_alert(&self->p, FATAL, CLOSE_NOTIFY);
	EXPECT_EQ(0, rx_recv(self->p.fd, &rx, 0));
	EXPECT_EQ(-EPIPE, RC(send(self->p.fd, "abcd", 4, 0)));
}

TEST_F(control, answering_close_notify)
{
	struct pair *p = &self->p;
	struct record r;

	feed_alert(p, WARNING, CLOSE_NOTIFY);
	EXPECT_EQ(0, rx_recv(p->fd, &rx, 0));
	EXPECT_EQ(2, send_alert(p->fd, WARNING, NO_RENEGOTIATION));
	EXPECT_EQ(2, send_alert(p->fd, WARNING, CLOSE_NOTIFY));
	EXPECT_EQ(0, take(p, &r));
	EXPECT_EQ(0, take(p, &r));
	EXPECT_EQ(DTLS_CT_ALERT, r.type);
	EXPECT_EQ(CLOSE_NOTIFY, r.data[1]);
	EXPECT_EQ(-EPIPE, send_alert(p->fd, WARNING, CLOSE_NOTIFY));
	EXPECT_TRUE(dtls_info(p->fd).state & DTLS_STATE_CLOSED);
}

TEST_F(control, data_behind_close_notify)
{
	struct pair *p = &self->p;

	feed_alert(p, WARNING, CLOSE_NOTIFY);
	feed_id(p, 50, 1);
	feed_type(p, DTLS_CT_HANDSHAKE, "hello", 5);
	EXPECT_EQ(0, rx_recv(p->fd, &rx, 0));
	EXPECT_EQ(0, recv_plain(p->fd));
	EXPECT_EQ(0, recv_plain(p->fd));
	EXPECT_STREQ("RxDropClosed+2",
		     stats_since_of(&self->before, "RxDrop"));
}

/* All in one datagram, and in one train. */
TEST_F(control, data_around_close_notify)
{
	static const uint8_t alert[2] = { WARNING, CLOSE_NOTIFY };
	struct pair *p = &self->p;
	uint8_t wire[400];
	size_t n;

	n = oracle_seal(&p->in, DTLS_CT_APPLICATION_DATA, "ab", 2, wire);
	n += oracle_seal(&p->in, DTLS_CT_ALERT, alert, 2, wire + n);
	n += oracle_seal(&p->in, DTLS_CT_APPLICATION_DATA, "cd", 2, wire + n);
	feed_raw(p, wire, n);
	EXPECT_EQ(2, rx_recv(p->fd, &rx, 0));
	EXPECT_EQ(0, memcmp("ab", rx.data, 2));
	EXPECT_EQ(0, rx_recv(p->fd, &rx, 0));
	EXPECT_EQ(0, rx_recv(p->fd, &rx, 0));
}

TEST_F(control, close_notify_in_a_train)
{
	static const uint8_t alert[2] = { WARNING, CLOSE_NOTIFY };
	struct pair *p = &self->p;
	uint8_t wire[400];
	size_t n;

	set_int(p->fd, SOL_UDP, UDP_GRO, 1);
	n = oracle_seal(&p->in, DTLS_CT_APPLICATION_DATA, "ab", 2, wire);
	n += oracle_seal(&p->in, DTLS_CT_ALERT, alert, 2, wire + n);
	n += oracle_seal(&p->in, DTLS_CT_APPLICATION_DATA, "cd", 2, wire + n);
	ASSERT_EQ(0, feed_train(p, wire, n, n / 3));
	EXPECT_EQ(2, rx_recv(p->fd, &rx, 0));
	EXPECT_EQ(0, memcmp("ab", rx.data, 2));
	EXPECT_EQ(0, rx_recv(p->fd, &rx, 0));
	EXPECT_EQ(0, rx_recv(p->fd, &rx, 0));
}

TEST_F(control, close_notify_that_was_asked_for)
{
	struct pair *p = &self->p;

	ask(p);
	feed_id(p, 50, 1);
	feed_alert(p, WARNING, CLOSE_NOTIFY);
	EXPECT_EQ(50, rx_recv(p->fd, &rx, 0));
	EXPECT_EQ(2, rx_recv(p->fd, &rx, 0));
	EXPECT_EQ(DTLS_CT_ALERT, rx.type);
	EXPECT_EQ(CLOSE_NOTIFY, rx.data[1]);
	EXPECT_EQ(0, rx_recv(p->fd, &rx, 0));
	EXPECT_EQ(-EPIPE, RC(send(p->fd, "abcd", 4, 0)));
}

TEST_F(control, peeking_at_the_end)
{
	struct pair *p = &self->p;

	feed_alert(p, WARNING, CLOSE_NOTIFY);
	EXPECT_EQ(0, rx_recv(p->fd, &rx, MSG_PEEK));
	EXPECT_EQ(0, rx_recv(p->fd, &rx, MSG_PEEK | MSG_DONTWAIT));
	EXPECT_EQ(0, rx_recv(p->fd, &rx, 0));
}

TEST_F(control, blocked_readers_see_the_end)
{
	struct reader r[3];
	int i;

	for (i = 0; i < 3; i++)
		reader_start(&r[i], self->p.fd);
	feed_alert(&self->p, WARNING, CLOSE_NOTIFY);
	for (i = 0; i < 3; i++)
		EXPECT_EQ(0, reader_join(&r[i]));
}

TEST_F(control, epoll_tells_the_end)
{
	struct epoll_event ev = { .events = EPOLLIN | EPOLLRDHUP | EPOLLET };
	int ep = epoll_create1(EPOLL_CLOEXEC);

	ASSERT_EQ(0, epoll_ctl(ep, EPOLL_CTL_ADD, self->p.fd, &ev));
	feed_alert(&self->p, WARNING, CLOSE_NOTIFY);
	EXPECT_EQ(1, epoll_wait(ep, &ev, 1, WAIT_MS));
	EXPECT_EQ(0, rx_recv(self->p.fd, &rx, 0));
	EXPECT_EQ(1, epoll_wait(ep, &ev, 1, WAIT_MS));
	EXPECT_TRUE(ev.events & EPOLLRDHUP);
	close(ep);
}

/* What an empty record is told from. */
TEST_F(control, empty_record_is_not_the_end)
{
	struct pair *p = &self->p;

	feed(p, "", 0);
	EXPECT_EQ(0, rx_recv(p->fd, &rx, 0));
	EXPECT_EQ(0, poll_in(p->fd, 0) & POLLRDHUP);
	EXPECT_FALSE(dtls_info(p->fd).state & DTLS_STATE_PEER_CLOSED);
	EXPECT_TRUE(echoes(p));
}

/* A forged close_notify closes nothing. */
TEST_F(control, forged_close_notify)
{
	static const uint8_t alert[2] = { WARNING, CLOSE_NOTIFY };
	struct pair *p = &self->p;
	uint8_t wire[100];
	size_t n;

	n = oracle_seal(&p->in, DTLS_CT_ALERT, alert, 2, wire);
	wire[n - 1] ^= 1;
	feed_raw(p, wire, n);
	EXPECT_TRUE(echoes(p));
	EXPECT_EQ(DTLS_STATE_TX | DTLS_STATE_RX, dtls_info(p->fd).state);
}

/* close_notify to the peer */

TEST_F(control, closing)
{
	struct pair *p = &self->p;
	struct record r;

	EXPECT_EQ(2, send_alert(p->fd, WARNING, CLOSE_NOTIFY));
	EXPECT_EQ(0, take(p, &r));
	EXPECT_EQ(DTLS_CT_ALERT, r.type);
	EXPECT_TRUE(dtls_info(p->fd).state & DTLS_STATE_CLOSED);
	EXPECT_EQ(-EPIPE, RC(send(p->fd, "abcd", 4, 0)));
	EXPECT_EQ(-EPIPE, send_train(p->fd, "abcd", 4, 2));
	EXPECT_TRUE(quiet(p->peer));
	/* What the peer still says is received. */
	feed_id(p, 50, 1);
	EXPECT_STREQ("1", recv_ids(p->fd, 1));
}

TEST_F(control, warnings_close_nothing)
{
	struct pair *p = &self->p;
	struct record r;

	EXPECT_EQ(2, send_alert(p->fd, WARNING, NO_RENEGOTIATION));
	EXPECT_EQ(0, take(p, &r));
	EXPECT_EQ(DTLS_STATE_TX | DTLS_STATE_RX, dtls_info(p->fd).state);
	EXPECT_TRUE(echoes(p));
}

/* A failed close_notify has not closed. */
TEST_F(control, closing_by_a_bad_call)
{
	EXPECT_EQ(-EFAULT, send_type(self->p.fd, DTLS_CT_ALERT, (void *)8, 2));
	EXPECT_EQ(DTLS_STATE_TX | DTLS_STATE_RX,
		  dtls_info(self->p.fd).state);
}

/* Fatal alerts from the peer */

TEST_F(control, fatal_alert)
{
	struct pair *p = &self->p;
	struct dtls_info info;

	feed_alert(p, FATAL, HANDSHAKE_FAILURE);
	EXPECT_EQ(-ECONNRESET, rx_recv(p->fd, &rx, 0));
	EXPECT_EQ(0, recv_plain(p->fd));
	EXPECT_EQ(0, recv_plain(p->fd));
	EXPECT_EQ(-EPIPE, RC(send(p->fd, "abcd", 4, 0)));
	EXPECT_TRUE(poll_in(p->fd, 0) & POLLRDHUP);
	info = dtls_info(p->fd);
	EXPECT_EQ(DTLS_STATE_TX | DTLS_STATE_RX | DTLS_STATE_PEER_ALERT,
		  info.state);
	EXPECT_EQ(HANDSHAKE_FAILURE, info.alert);
}

TEST_F(control, data_before_a_fatal_alert)
{
	struct pair *p = &self->p;

	feed_id(p, 50, 1);
	feed_alert(p, FATAL, HANDSHAKE_FAILURE);
	feed_id(p, 50, 2);
	EXPECT_EQ(50, rx_recv(p->fd, &rx, 0));
	EXPECT_EQ(-ECONNRESET, rx_recv(p->fd, &rx, 0));
	EXPECT_EQ(0, rx_recv(p->fd, &rx, 0));
	EXPECT_STREQ("RxDropClosed+1",
		     stats_since_of(&self->before, "RxDrop"));
}

TEST_F(control, fatal_alert_that_was_asked_for)
{
	struct pair *p = &self->p;
	int alerts = 0, resets = 0, i;
	ssize_t n;

	ask(p);
	feed_alert(p, FATAL, HANDSHAKE_FAILURE);
	for (i = 0; i < 2; i++) {
		n = rx_recv(p->fd, &rx, MSG_DONTWAIT);
		if (n == 2 && rx.type == DTLS_CT_ALERT)
			alerts++;
		if (n == -ECONNRESET)
			resets++;
	}
	EXPECT_EQ(1, alerts);
	EXPECT_EQ(1, resets);
	EXPECT_EQ(0, rx_recv(p->fd, &rx, MSG_DONTWAIT));
}

TEST_F(control, so_error_takes_the_reset)
{
	struct pair *p = &self->p;
	socklen_t len = sizeof(int);
	int err = 0;

	feed_alert(p, FATAL, HANDSHAKE_FAILURE);
	/* Peeking opens it; the error is reported once, by this or by that. */
	if (rx_recv(p->fd, &rx, MSG_PEEK | MSG_DONTWAIT) != -ECONNRESET) {
		EXPECT_EQ(0, getsockopt(p->fd, SOL_SOCKET, SO_ERROR, &err,
					&len));
		EXPECT_EQ(ECONNRESET, err);
	}
	EXPECT_EQ(0, recv_plain(p->fd));
}

TEST_F(control, blocked_readers_see_the_reset)
{
	int i, resets = 0;
	struct reader r[3];
	long n;

	for (i = 0; i < 3; i++)
		reader_start(&r[i], self->p.fd);
	feed_alert(&self->p, FATAL, HANDSHAKE_FAILURE);
	for (i = 0; i < 3; i++) {
		n = reader_join(&r[i]);
		resets += n == -ECONNRESET;
		EXPECT_TRUE(n == -ECONNRESET || n == 0);
	}
	EXPECT_EQ(1, resets);
}

/* Both ends are kdtls */

TEST_F(control, goodbye)
{
	struct pair *p = &self->p;
	uint8_t data[50];

	pair_install_peer(p);
	payload(data, sizeof(data), 1);
	EXPECT_EQ(50, send(p->fd, data, sizeof(data), 0));
	EXPECT_EQ(2, send_alert(p->fd, WARNING, CLOSE_NOTIFY));
	EXPECT_EQ(50, rx_recv(p->peer, &rx, 0));
	EXPECT_EQ(0, rx_recv(p->peer, &rx, 0));
	EXPECT_EQ(-EPIPE, RC(send(p->peer, data, sizeof(data), 0)));
	EXPECT_EQ(2, send_alert(p->peer, WARNING, CLOSE_NOTIFY));
	EXPECT_EQ(0, rx_recv(p->fd, &rx, 0));
}

TEST_HARNESS_MAIN
