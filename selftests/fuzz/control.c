// SPDX-License-Identifier: GPL-2.0
/*
 * What the library makes of control records, once the kernel opened them: does
 * the peer ask for the last flight (user/lib/flight.c), is the session over
 * (user/lib/session.c).
 *
 * The input is the record's payload.
 */
#include <linux/kdtls.h>

#include "flight.h"
#include "fuzz.h"
#include "session.h"

/*
 * Handshake messages, each behind a header of 12 bytes of which the first is its
 * type and the last three the length of the fragment. A Finished whose body is
 * missing says what it says all the same.
 */
static bool has_finished(const u8 *p, size_t len)
{
	size_t at = 0;

	while (at + 12 <= len) {
		if (p[at] == 20)
			return true;
		at += 12 + 65536 * p[at + 9] + 256 * p[at + 10] + p[at + 11];
	}
	return false;
}

static void check_alert(const u8 *p, size_t len)
{
	struct kdtls_session s = { .fd = -1 };
	int err = kdtls_session_alert(&s, p, len), want = 0;

	/* close_notify is one at any level (RFC 5246 section 7.2.1). */
	if (len >= 2 && p[1] == 0)
		want = -EPIPE;
	else if (len >= 2 && p[0] == 2)
		want = -ECONNRESET;
	MUST(err == want);
	MUST(s.peer_closed == (want == -EPIPE));
}

void fuzz_one(const u8 *data, size_t len)
{
	u8 *payload = fuzz_copy(data, len);

	MUST(kdtls_flight_asked(payload, len) == has_finished(payload, len));
	check_alert(payload, len);
	fuzz_free(payload);
}

static void put_message(struct fuzz_output *out, u8 type, u32 len)
{
	fuzz_put(out, type, 1);
	fuzz_put(out, len, 3);
	fuzz_put(out, 1, 5);
	fuzz_put(out, len, 3);
	out->len += len;
}

void fuzz_seeds(void)
{
	struct fuzz_output out = { .len = 0 };

	put_message(&out, 20, 12);
	fuzz_put_seed(&out);
	put_message(&out, 16, 66);
	put_message(&out, 0, 0);
	put_message(&out, 20, 12);
	fuzz_put_seed(&out);
	put_message(&out, 11, 300);
	fuzz_put_seed(&out);
	fuzz_put(&out, 0x0100, 2);
	fuzz_put_seed(&out);
	fuzz_put(&out, 0x0228, 2);
	fuzz_put_seed(&out);
}
