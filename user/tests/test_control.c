// SPDX-License-Identifier: GPL-2.0
/* kdtls stats, monitor and session, against a kernel of the tests' own. */
#include <stdio.h>

#include <tool/tool.h>

#include "capture.h"
#include "fake_netlink.h"
#include "tap.h"

static char buf[FAKE_ROOM];
static struct capture c;

/* ---- stats ---------------------------------------------------------------------- */

static void push_counters(void)
{
	struct nlmsghdr *nlh;

	fake_netlink(true);
	nlh = fake_message(buf, KDTLS_CMD_STATS_GET);
	fake_put_counter(nlh, "KdtlsAttached", -2);
	fake_put_counter(nlh, "TxRecords", 123456789012345);
	fake_put_counter(nlh, "TxErrors", 0);
	fake_put_counter(nlh, "RxRecords", 7);
	fake_put_counter(nlh, "RxDropAuth", 1);
	fake_push_message(nlh);
	fake_push_error(0, NULL);
}

static void stats(void)
{
	push_counters();
	capture(&c, cmd_stats, "stats", NULL);
	CHECK_EQ(c.status, 0);
	CHECK(!strcmp(c.out,
		      "sent\n  TxRecords                     123456789012345\n"
		      "dropped\n  RxDropAuth                                  1\n"
		      "received\n  RxRecords                                   7\n"
		      "general\n  KdtlsAttached                              -2\n"));
	capture_free(&c);

	push_counters();
	capture(&c, cmd_stats, "stats", "--json", "--all", NULL);
	CHECK(capture_is_json(&c));
	CHECK(capture_has(c.out, "\"sent\":{\"TxRecords\":123456789012345,\"TxErrors\":0}"));
	capture_free(&c);

	/* An acknowledgment alone is no answer. */
	fake_netlink(true);
	fake_push_error(0, NULL);
	capture(&c, cmd_stats, "stats", "--json", NULL);
	CHECK_EQ(c.status, 1);
	CHECK(!c.len);
	capture_free(&c);
}

/* ---- monitor -------------------------------------------------------------------- */

static void stop(void)
{
	stopped = 2;
}

static void push_events(void)
{
	unsigned int i;

	fake_netlink(true);
	stopped = 0;
	fake_end = stop;
	fake_push_message(fake_session(buf, 3, 17));
	for (i = DTLS_EVENT_TX_REKEY; i <= DTLS_EVENT_GONE + 1; i++)
		fake_push_message(fake_event(buf, (u8)i));
	fake_fail(ENOBUFS);
	fake_push_message(fake_event(buf, DTLS_EVENT_UP));
}

static unsigned int lines(void)
{
	unsigned int n = 0;
	const char *p;

	for (p = c.out; (p = strchr(p, '\n')); p++)
		n++;
	return n;
}

static void monitor(void)
{
	push_events();
	capture(&c, cmd_monitor, "monitor", NULL);
	CHECK_EQ(c.status, 0);
	CHECK_EQ(fake_joined, FAKE_GROUP);
	CHECK_EQ(lines(), 13);
	CHECK(capture_has(c.out, "  up          3/17        [2001:db8::7]:40112  owner 2  AES-128-GCM\n"));
	CHECK(capture_has(c.out, "  tx-expired  3/17        [2001:db8::7]:40112  owner 2  epoch 1\n"));
	CHECK(capture_has(c.out, "  alert       3/17        [2001:db8::7]:40112  owner 2  alert 40, handshake failure\n"));
	CHECK(capture_has(c.out, "  event-11 "));
	CHECK(capture_has(c.out, "  lost        events came faster"));
	capture_free(&c);

	push_events();
	capture(&c, cmd_monitor, "monitor", "--json", NULL);
	CHECK_EQ(c.status, 0);
	CHECK_EQ(lines(), 13);
	CHECK(capture_is_json_lines(&c));
	CHECK(capture_has(c.out, "\"event\":\"moved\",\"endpoint\":3,\"session\":17,\"peer\":\"[2001:db8::7]:40112\""));
	CHECK(capture_has(c.out, "\"event\":\"lost\"}\n{\"time\":"));
	capture_free(&c);
}

static void monitor_failing(void)
{
	fake_netlink(true);
	stopped = 0;
	fake_push_message(fake_message(buf, KDTLS_CMD_EVENT));
	capture(&c, cmd_monitor, "monitor", NULL);
	CHECK_EQ(c.status, 1);
	CHECK(capture_has(c.err, "KDTLS_A_EVENT is missing"));
	capture_free(&c);

	fake_netlink(true);
	fake_fail(EIO);
	capture(&c, cmd_monitor, "monitor", NULL);
	CHECK_EQ(c.status, 1);
	CHECK(capture_has(c.err, "cannot monitor events"));
	capture_free(&c);
}

/* ---- session -------------------------------------------------------------------- */

static void session_get(void)
{
	fake_netlink(true);
	fake_push_message(fake_session(buf, 3, 17));
	fake_push_error(0, NULL);
	capture(&c, cmd_session, "session", "get", "--endpoint", "3", "--session",
		"17", "--json", NULL);
	CHECK_EQ(c.status, 0);
	CHECK(capture_is_json(&c));
	CHECK_EQ(fake_asked_cmd(), KDTLS_CMD_SESSION_GET);
	CHECK(!fake_asked_dump());
	CHECK_EQ(fake_asked_u32(KDTLS_A_ENDPOINT), 3);
	CHECK_EQ(fake_asked_u32(KDTLS_A_SESSION), 17);
	CHECK(!fake_asked(KDTLS_A_PEER));
	capture_free(&c);

	fake_netlink(true);
	fake_push_message(fake_session(buf, 3, 17));
	fake_push_error(0, NULL);
	capture(&c, cmd_session, "session", "get", "--endpoint", "3", "--peer",
		"198.51.100.7:40112", "--local", "192.0.2.1:4433", NULL);
	CHECK_EQ(c.status, 0);
	CHECK(fake_asked(KDTLS_A_PEER) && fake_asked(KDTLS_A_LOCAL));
	CHECK(!fake_asked(KDTLS_A_SESSION));
	CHECK(capture_has(c.out, "  numbers   1235 is the next to send, 888 the next to receive\n"
			 "  window    64 records\n"
			 "  overhead  37 bytes a record, of 1435 bytes at most\n"));
	CHECK(capture_has(c.out, "  retire    old keys serve for 2 minutes\n"));
	capture_free(&c);
}

static void session_set(void)
{
	fake_netlink(true);
	fake_push_error(0, NULL);
	capture(&c, cmd_session, "session", "set", "--endpoint", "3", "--session",
		"17", "--owner", "0", "--idle", "604800", "--retire", "120",
		"--handshake", "on", NULL);
	CHECK_EQ(c.status, 0);
	CHECK_EQ(c.len, 0);
	CHECK_EQ(fake_asked_cmd(), KDTLS_CMD_SESSION_SET);
	CHECK_EQ(fake_asked_u32(KDTLS_A_OWNER), 0);
	CHECK_EQ(fake_asked_u32(KDTLS_A_IDLE), 604800000);
	CHECK_EQ(fake_asked_u32(KDTLS_A_RETIRE), 120000);
	NEED(fake_asked(KDTLS_A_HANDSHAKE));
	CHECK_EQ(mnl_attr_get_u8(fake_asked(KDTLS_A_HANDSHAKE)), 1);
	capture_free(&c);

	fake_netlink(true);
	fake_push_error(-EINVAL, "the member is not a worker");
	capture(&c, cmd_session, "session", "set", "--endpoint", "3", "--session",
		"17", "--owner", "5", NULL);
	CHECK_EQ(c.status, 1);
	CHECK(!fake_asked(KDTLS_A_IDLE) && !fake_asked(KDTLS_A_RETIRE) &&
	      !fake_asked(KDTLS_A_HANDSHAKE));
	CHECK(!strcmp(c.err, "kdtls: cannot change the session: the member is not a worker (Invalid argument)\n"));
	capture_free(&c);
}

static void session_del(void)
{
	fake_netlink(true);
	fake_push_error(0, NULL);
	capture(&c, cmd_session, "session", "del", "--endpoint", "3", "--peer",
		"[::1]:5", NULL);
	CHECK_EQ(c.status, 0);
	CHECK_EQ(fake_asked_cmd(), KDTLS_CMD_SESSION_DEL);
	NEED(fake_asked(KDTLS_A_PEER));
	CHECK_EQ(mnl_attr_get_payload_len(fake_asked(KDTLS_A_PEER)), 28);
	capture_free(&c);
	fake_netlink(false);
}

static const struct tap_test tests[] = {
	{ "stats", stats },
	{ "monitor: events, and that some were lost", monitor },
	{ "monitor: errors", monitor_failing },
	{ "session get", session_get },
	{ "session set", session_set },
	{ "session del", session_del },
};

TAP_MAIN(tests)
