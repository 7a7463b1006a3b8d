// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Whoever sends the last flight must send it again for twice the MSL when the
 * peer repeats its own, or a lost Finished would leave the peer waiting for ever
 * (RFC 6347 section 4.2.4). OpenSSL cannot do it after the handover, since only
 * the kernel seals in the epoch; so its records of epoch 0 go out as they are,
 * under fresh numbers, and Finished is sealed anew by the kernel.
 */
#include <stdlib.h>
#include <sys/socket.h>

#include <openssl/crypto.h>

#include <linux/kdtls.h>

#include "flight.h"
#include "io.h"
#include "log.h"

void kdtls_flight_restart(struct kdtls_flight *f)
{
	f->raw_len = 0;
	f->datagram = 0;
}

void kdtls_flight_keep(struct kdtls_flight *f, const u8 *rec, size_t len)
{
	u64 seq = kdtls_get_be48(rec + 5);
	u8 *raw;

	if (seq >= f->next)
		f->next = seq + 1;
	if (f->raw_len + len > KDTLS_FLIGHT_BYTES)
		return;
	raw = realloc(f->raw, f->raw_len + len);
	if (!raw)
		return;
	memcpy(raw + f->raw_len, rec, len);
	f->raw = raw;
	f->raw_len += len;
}

void kdtls_flight_finished(struct kdtls_flight *f, const u8 *msg, size_t len)
{
	if (len > sizeof(f->finished))
		return;
	memcpy(f->finished, msg, len);
	f->finished_len = len;
}

void kdtls_flight_clear(struct kdtls_flight *f)
{
	free(f->raw);
	OPENSSL_cleanse(f, sizeof(*f));
}

bool kdtls_flight_asked(const u8 *msg, size_t len)
{
	size_t n;

	while (len >= KDTLS_HS_HEADER_LEN) {
		if (msg[0] == KDTLS_HS_FINISHED)
			return true;
		/* fragment_length: the last three bytes of the header */
		n = (size_t)KDTLS_HS_HEADER_LEN +
		    ((size_t)msg[9] << 16 | (size_t)msg[10] << 8 | msg[11]);
		if (n > len)
			return false;
		msg += n;
		len -= n;
	}
	return false;
}

/* Bytes of the whole records at @p that fit into @room, at least one record. */
static size_t pack(struct kdtls_flight *f, u8 *p, size_t len, size_t room)
{
	struct kdtls_record rec;
	size_t done = 0, n;

	while (!kdtls_record_parse(&rec, p + done, (u32)(len - done))) {
		n = (size_t)KDTLS_HEADER_LEN + rec.len;
		if (done && done + n > room)
			break;
		kdtls_put_be48(p + done + 5, f->next++);
		done += n;
	}
	return done;
}

static int send_raw(struct kdtls_flight *f, const struct kdtls_way *way)
{
	struct kdtls_tx tx = { .way = *way, .flags = MSG_DONTWAIT, .raw = true };
	size_t at, n;
	ssize_t ret;

	for (at = 0; at < f->raw_len; at += n) {
		n = pack(f, f->raw + at, f->raw_len - at, f->datagram);
		if (!n)
			break;
		tx.buf = f->raw + at;
		tx.len = n;
		ret = kdtls_io_send(&tx);
		if (ret < 0)
			return (int)ret;
	}
	return 0;
}

static int send_finished(const struct kdtls_flight *f,
			 const struct kdtls_way *way)
{
	const struct kdtls_tx tx = {
		.way = *way,
		.buf = f->finished,
		.len = f->finished_len,
		.flags = MSG_DONTWAIT,
		.type = DTLS_CT_HANDSHAKE,
	};
	ssize_t n = kdtls_io_send(&tx);

	return n < 0 ? (int)n : 0;
}

int kdtls_flight_answer(struct kdtls_flight *f, const struct kdtls_way *way,
			u64 now)
{
	int err;

	if (!f->finished_len || now >= f->expires)
		return 0;
	if (f->times == KDTLS_FLIGHT_TIMES ||
	    (f->times && now - f->last < KDTLS_FLIGHT_GAP_MS))
		return 0;
	f->times++;
	f->last = now;

	err = send_raw(f, way);
	if (err)
		return kdtls_fail(err, "cannot send the last flight again: %s",
				  strerror(-err));
	err = send_finished(f, way);
	if (err)
		return kdtls_fail(err, "cannot send Finished again: %s",
				  strerror(-err));
	return 1;
}
