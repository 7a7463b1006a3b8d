// SPDX-License-Identifier: GPL-2.0
#include <netinet/in.h>
#include <netinet/udp.h>
#include <stdio.h>
#include <string.h>

#include "hostile.h"

const uint8_t hostile_mark[8] = "\x5c\xc5\x3a\xa3\x96\x69\xe1\x1e";
const uint8_t secret_mark[8] = "\xd2\x2d\x4b\xb4\x87\x78\xf0\x0f";

/* Random numbers */

static __thread uint64_t state;

void seed(uint64_t part)
{
	state = (env_long("KDTLS_SEED", 1) * 64 + part) * 0x9e3779b97f4a7c15ULL;
}

uint32_t draw(uint32_t below)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (state >> 32) % below;
}

void draw_bytes(uint8_t *p, size_t n)
{
	while (n--)
		*p++ = draw(256);
}

void fill(uint8_t *p, size_t n, const uint8_t *mark)
{
	size_t i;

	for (i = 0; i < n; i++)
		p[i] = mark[i % 8];
}

/* Hostile payload: the mark, or noise. */
static void fill_hostile(uint8_t *p, size_t n)
{
	if (draw(4))
		fill(p, n, hostile_mark);
	else
		draw_bytes(p, n);
}

/* Sessions */

void session_open(struct session *s, enum family family, uint16_t cipher)
{
	memset(s, 0, sizeof(*s));
	pthread_mutex_init(&s->lock, NULL);
	pair_setup_window(&s->p, family, cipher, WINDOW);
}

void session_forget(struct session *s)
{
	memset(s->ring, 0, sizeof(s->ring));
	s->highest = 0;
}

static struct sealed *find(struct session *s, uint64_t seq)
{
	struct sealed *r = &s->ring[seq % RING];

	return r->n && r->seq == seq ? r : NULL;
}

/* A record that may be sent, now or never. */
static struct sealed *seal(struct session *s, uint8_t type, const uint8_t *data,
			   size_t len)
{
	struct sealed *r = &s->ring[s->p.in.seq % RING];

	memset(r, 0, sizeof(*r));
	r->seq = s->p.in.seq;
	r->type = type;
	r->len = len;
	r->n = oracle_seal(&s->p.in, type, data, len, r->wire);
	return r;
}

struct sealed *seal_data(struct session *s)
{
	uint8_t data[100];
	size_t len = 8 + draw(sizeof(data) - 7);

	payload(data, len, s->p.in.seq);
	return seal(s, APP, data, len);
}

/* Alerts that end nothing, handshakes, and what makes no sense. */
static struct sealed *seal_control(struct session *s)
{
	uint8_t data[60] = { 1, 1 + draw(255) };

	switch (draw(4)) {
	case 0:
		return seal(s, DTLS_CT_ALERT, data, 2);
	case 1:
		draw_bytes(data, sizeof(data));
		return seal(s, DTLS_CT_ALERT, data, draw(2) ? draw(2) :
			    3 + draw(50));
	case 2:
		return seal(s, DTLS_CT_CHANGE_CIPHER_SPEC, data, draw(3));
	}
	draw_bytes(data, sizeof(data));
	return seal(s, DTLS_CT_HANDSHAKE, data, draw(sizeof(data)));
}

/* One of those that were made before. */
static struct sealed *old_one(struct session *s)
{
	/* Most are in the window still, or at its edge. */
	struct sealed *r = find(s, s->p.in.seq - 1 -
				(draw(4) ? draw(200) : draw(2) ? draw(RING) :
				 WINDOW - 20 + draw(40)));

	return r ? r : seal_data(s);
}

/* Hostile datagrams */

static size_t copy_of(const struct sealed *r, uint8_t *out)
{
	memcpy(out, r->wire, r->n);
	return r->n;
}

void flip(uint8_t *p, size_t n)
{
	uint32_t i, flips = 1 + draw(4);

	for (i = 0; i < flips; i++)
		p[draw(n)] ^= 1 << draw(8);
}

/* Another value in one of the header's fields. */
static void patch(uint8_t *p)
{
	static const struct { uint8_t at, len; } field[] = {
		{ 0, 1 }, { 1, 2 }, { 3, 2 }, { 5, 6 }, { 11, 2 },
	};
	uint32_t i = draw(ARRAY_LEN(field));

	if (draw(2))
		draw_bytes(p + field[i].at, field[i].len);
	else
		p[field[i].at + field[i].len - 1] += draw(2) ? 1 : -1;
}

/* A good tag under a header that is wrong. */
static size_t seal_wrong(struct session *s, uint8_t *out)
{
	struct oracle *o = &s->p.in;
	uint8_t data[64];
	size_t n = draw(sizeof(data));

	fill(data, sizeof(data), hostile_mark);
	switch (draw(4)) {
	case 0:
		return oracle_seal_as(o, 24 + draw(232), ORACLE_VERSION, o->epoch,
				      o->seq++, draw(1 << 30), data, n, out);
	case 1:
		return oracle_seal_as(o, APP, draw(0xfefd), o->epoch, o->seq++,
				      draw(1 << 30), data, n, out);
	case 2:
		return oracle_seal_as(o, APP, ORACLE_VERSION, 2 + draw(60000),
				      o->seq++, draw(1 << 30), data, n, out);
	}
	/* One that the window has left behind, if it has come so far. */
	if (s->highest < WINDOW + 1000)
		return copy_of(old_one(s), out);
	draw_bytes(data, n);
	return oracle_seal_as(o, APP, ORACLE_VERSION, o->epoch,
			      s->highest - WINDOW - draw(1000), draw(1 << 30),
			      data, n, out);
}

/* Looks like a record, and nobody has sealed it. */
static size_t forge(struct session *s, uint8_t *out, uint16_t epoch)
{
	size_t n = draw(100);

	oracle_header(out, draw(8) ? 20 + draw(4) : draw(256),
		      draw(8) ? ORACLE_VERSION : draw(65536), epoch,
		      draw(2) ? s->p.in.seq + draw(100) :
				(uint64_t)draw(1 << 30) << draw(18), n);
	fill_hostile(out + ORACLE_HEADER, n);
	return ORACLE_HEADER + n;
}

static size_t splice_two(struct session *s, uint8_t *out)
{
	const struct sealed *a = old_one(s), *b = old_one(s);
	size_t at = draw(a->n < b->n ? a->n : b->n);

	memcpy(out, a->wire, at);
	memcpy(out + at, b->wire + at, b->n - at);
	return b->n;
}

/* A record, or what is left of one: up to PIECE_MAX bytes. */
static size_t make_piece(struct session *s, uint8_t *out)
{
	size_t n;

	switch (draw(16)) {
	case 0 ... 2:
		return copy_of(seal_data(s), out);
	case 3:
		return copy_of(seal_control(s), out);
	case 4:
		return copy_of(old_one(s), out);
	case 5 ... 6:
		n = copy_of(draw(2) ? seal_data(s) : old_one(s), out);
		flip(out, n);
		return n;
	case 7:
		n = copy_of(seal_data(s), out);
		patch(out);
		return n;
	case 8:
		return draw(copy_of(seal_data(s), out));
	case 9:
		n = copy_of(seal_data(s), out);
		fill_hostile(out + n, 20);
		return n + draw(20);
	case 10:
		return splice_two(s, out);
	case 11:
		return seal_wrong(s, out);
	case 12:
		return forge(s, out, s->p.in.epoch);
	case 13:
		return forge(s, out, 0);
	case 14:
		return forge(s, out, draw(65536));
	}
	n = draw(PIECE_MAX / 2);
	draw_bytes(out, n);
	return n;
}

static size_t make_datagram(struct session *s, uint8_t *out)
{
	uint32_t pieces = draw(4) ? 1 : 1 + draw(12);
	size_t n = 0;

	while (pieces--)
		n += make_piece(s, out + n);
	return n;
}

/* What must become of it */

static void expect_record(struct session *s, const uint8_t *wire, size_t n)
{
	uint64_t seq = 0;
	struct sealed *r;
	int i;

	for (i = 5; i < 11; i++)
		seq = seq << 8 | wire[i];
	r = find(s, seq);
	if (!r || r->opened || r->n != n || memcmp(r->wire, wire, n))
		return;
	if (s->highest >= WINDOW && seq <= s->highest - WINDOW)
		return;
	r->opened = true;
	s->records++;
	if (seq > s->highest)
		s->highest = seq;
	if (r->type == APP)
		s->data++;
	else if (s->control)
		s->controls++;
}

static void expect_datagram(struct session *s, const uint8_t *wire, size_t n)
{
	size_t len;

	do {
		s->outcomes++;
		if (n < ORACLE_HEADER)
			return;
		len = ORACLE_HEADER + (wire[11] << 8 | wire[12]);
		if (len > n)
			return;
		if (s->raw && !wire[3] && !wire[4] && wire[0] != APP)
			s->raws++;
		expect_record(s, wire, len);
		wire += len;
		n -= len;
	} while (n);
}

void print_batch(const struct batch *b)
{
	size_t k, n;
	int i;

	for (i = 0; i < b->count; i++) {
		n = b->n[i] < 200 ? b->n[i] : 200;
		fprintf(stderr, "# %d: %zu bytes by %u: ", i, b->n[i],
			b->segment[i]);
		for (k = 0; k < n; k++)
			fprintf(stderr, "%02x", b->wire[i][k]);
		fprintf(stderr, "\n");
	}
}

int send_hostile(struct session *s, struct batch *b)
{
	int i = b->count++, count = 0;
	uint8_t *wire = b->wire[i];
	size_t n = make_datagram(s, wire), off, segment;

	b->n[i] = n;
	b->segment[i] = 0;
	if (draw(5) || n < 64) {
		feed_raw(&s->p, wire, n);
		expect_datagram(s, wire, n);
		return 1;
	}
	while (n < 1000)
		n += make_datagram(s, wire + n) % 1000;
	if (n > DATAGRAM_MAX - 13 * PIECE_MAX)
		n = DATAGRAM_MAX - 13 * PIECE_MAX;
	/* At most 64, which is what older kernels take. */
	segment = n / 40 + 1 + draw(200);
	b->n[i] = n;
	b->segment[i] = segment;
	if (feed_train(&s->p, wire, n, segment))
		die("a train of %zu by %zu", n, segment);
	for (off = 0; off < n; off += segment, count++)
		expect_datagram(s, wire + off, n - off < segment ? n - off :
				segment);
	return count;
}

void send_good(struct session *s)
{
	struct sealed *r = seal_data(s);

	feed_raw(&s->p, r->wire, r->n);
	expect_datagram(s, r->wire, r->n);
}

/* One segment of what was received: is it a record's payload, and new? */
static const char *check_data(struct session *s, const uint8_t *data, size_t n)
{
	long id = payload_id(data, n);
	struct sealed *r = id < 0 ? NULL : find(s, id);

	if (!r || r->type != APP || r->len != n)
		return "delivered what nobody has sealed";
	if (!r->opened)
		return "delivered what was never sent";
	if (r->delivered)
		return "delivered a record twice";
	r->delivered = true;
	s->data--;
	return NULL;
}

static const char *check_message(struct session *s, const struct rx *rx)
{
	size_t n = rx->len, segment = rx->gro > 0 ? (size_t)rx->gro : n, off;
	const char *wrong = NULL;
	bool told = rx->type >= 0;

	if (rx->raw)
		return s->raw ? NULL : "raw records that nobody asked for";
	if (s->control != told)
		return "the type is told or not told";
	if (s->control && rx->type != APP) {
		s->controls--;
		return NULL;
	}
	if (!n)
		return "an empty message";
	for (off = 0; off < n && !wrong; off += segment)
		wrong = check_data(s, rx->data + off, n - off < segment ?
				   n - off : segment);
	return wrong;
}

/* rx_recv() looks each time whether all has come; once is enough. */
static long receive(int fd, struct rx *rx)
{
	struct cbuf c;
	struct iovec iov = { rx->data, sizeof(rx->data) };
	struct msghdr msg = {
		.msg_iov = &iov, .msg_iovlen = 1,
		.msg_control = c.buf, .msg_controllen = sizeof(c.buf),
	};

	rx_parse(rx, &msg, RC(recvmsg(fd, &msg, MSG_DONTWAIT)));
	return rx->len;
}

const char *drain(struct session *s)
{
	static struct rx rx;
	const char *wrong;
	int i;

	settle();
	for (i = 0; i < 100 * BATCH; i++) {
		if (receive(s->p.fd, &rx) < 0)
			return rx.len == -EAGAIN ? NULL : "a receive call fails";
		wrong = check_message(s, &rx);
		if (wrong)
			return wrong;
	}
	return "there is no end of messages";
}

const char *check_counters(struct session *s)
{
	struct dtls_info info = dtls_info(s->p.fd);
	uint64_t dropped = info.rx_bad + info.rx_replayed;

	if (s->data || s->controls)
		return "a good record was not delivered";
	if (info.rx_records != s->records)
		return "rx_records is not what was opened";
	/* What became of raw ones is for those to say who asked for them. */
	if (dropped + s->records > s->outcomes ||
	    dropped + s->records + s->raws < s->outcomes)
		return "delivered and dropped are not what was sent";
	return NULL;
}

const char *check_alive(struct session *s)
{
	send_good(s);
	if (drain(s))
		return "a good record is not delivered";
	if (s->data)
		return "a good record does not come";
	if (send(s->p.fd, "still alive", 11, 0) != 11)
		return "sending does not work";
	if (take(&s->p, &(struct record){ 0 }))
		return "what was sent does not open";
	return NULL;
}

void other_options(struct session *s)
{
	s->raw = draw(4) == 0;
	s->control = draw(4) == 0;
	set_int(s->p.fd, SOL_DTLS, DTLS_RECV_RAW, s->raw);
	set_int(s->p.fd, SOL_DTLS, DTLS_RECV_CONTROL, s->control);
	set_int(s->p.fd, SOL_UDP, UDP_GRO, draw(2));
}
