// SPDX-License-Identifier: GPL-2.0
/* kdtls show, against a kernel of the tests' own. */
#include <fcntl.h>
#include <getopt.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <linux/genetlink.h>

#include <tool/tool.h>

#include "capture.h"
#include "fake_netlink.h"
#include "tap.h"

/* Of the sanitizer, whose header for it gcc does not install. */
size_t __sanitizer_get_current_allocated_bytes(void);

static char buf[FAKE_ROOM];
static struct capture c;

static void push_lists(void)
{
	fake_netlink(true);
	fake_push_message(fake_endpoint(buf, 3, 2));
	fake_push_message(fake_endpoint(buf, 4, 0));
	fake_push_done(0);
	fake_push_message(fake_session(buf, 3, 17));
	fake_push_message(fake_session(buf, 3, 18));
	fake_push_done(0);
}

static void show_text(void)
{
	push_lists();
	capture(&c, cmd_show, "show", NULL);
	CHECK_EQ(c.status, 0);
	CHECK(capture_has(c.out, "endpoint 3: [2001:db8::1]:4433\n"
			 "  members   1 helper, 2 worker, 3 worker\n"
			 "  sessions  120\n"
			 "\n"
			 "endpoint 4: "));
	CHECK(capture_has(c.out, "\n\nsession 3/17: 198.51.100.7:40112\n"
			 "  local     192.0.2.1:4433\n"
			 "  owner     member 2\n"
			 "  cipher    AES-128-GCM\n"
			 "  epochs    2 to send, 2 to receive, and 1 still\n"
			 "  age       3 minutes, 3 seconds\n"
			 "  unused    250 ms\n"
			 "  idle      gone after 5 minutes\n"
			 "  handshake a new one is under way\n"
			 "  received  1000 bytes in 887 records\n"
			 "  sent      1.59 MiB in 1234 records\n"
			 "  dropped   5 replays, 6 for other reasons\n"
			 "  state     tx rx peer-alert rx-old (40, handshake failure)\n"
			 "\nsession 3/18: "));
	CHECK(!strchr(c.out, '\033'));
	CHECK(!*c.err);
	capture_free(&c);
}

static void show_json(void)
{
	push_lists();
	capture(&c, cmd_show, "show", "--json", NULL);
	CHECK_EQ(c.status, 0);
	CHECK(capture_is_json(&c));
	CHECK(capture_has(c.out, "{\"endpoint\":3,\"local\":\"[2001:db8::1]:4433\",\"members\":["
			 "{\"member\":1,\"roles\":[\"helper\"]},"
			 "{\"member\":2,\"roles\":[\"worker\"]},"));
	CHECK(capture_has(c.out, "{\"endpoint\":3,\"session\":17,\"peer\":\"198.51.100.7:40112\","
			 "\"local\":\"192.0.2.1:4433\",\"owner\":2,\"age_ms\":183000,"
			 "\"unused_ms\":250,\"idle_ms\":300000,\"retire_ms\":120000,"
			 "\"handshake\":true,\"tx_cipher\":\"AES-128-GCM\""));
	CHECK(capture_has(c.out, "\"state\":[\"tx\",\"rx\",\"peer-alert\",\"rx-old\"],\"alert\":40"));
	CHECK(capture_has(c.out, "\"complete\":true}\n"));
	capture_free(&c);

	/* Of nothing, and of one kind. */
	fake_netlink(true);
	fake_push_done(0);
	capture(&c, cmd_show, "show", "endpoints", "--json", NULL);
	CHECK(capture_is_json(&c));
	CHECK(!strcmp(c.out, "{\"endpoints\":[],\"complete\":true}\n"));
	CHECK_EQ(fake_asked_cmd(), KDTLS_CMD_ENDPOINT_GET);
	CHECK(fake_asked_dump());
	capture_free(&c);
}

static void show_filters(void)
{
	const struct sockaddr_in6 *in6;

	fake_netlink(true);
	fake_push_done(0);
	capture(&c, cmd_show, "show", "--endpoint", "3", "--peer", "2001:db8::7",
		"--state", "peer-closed,rx-expired", NULL);
	CHECK_EQ(c.status, 0);
	CHECK_EQ(fake_asked_cmd(), KDTLS_CMD_SESSION_GET);
	CHECK(fake_asked_dump());
	CHECK_EQ(fake_asked_u32(KDTLS_A_ENDPOINT), 3);
	NEED(fake_asked(KDTLS_A_PEER) && fake_asked(KDTLS_A_STATE));
	CHECK_EQ(mnl_attr_get_u16(fake_asked(KDTLS_A_STATE)),
		 DTLS_STATE_PEER_CLOSED | DTLS_STATE_RX_EXPIRED);
	in6 = mnl_attr_get_payload(fake_asked(KDTLS_A_PEER));
	CHECK_EQ(mnl_attr_get_payload_len(fake_asked(KDTLS_A_PEER)), sizeof(*in6));
	CHECK_EQ(in6->sin6_port, 0);
	capture_free(&c);

	/* One endpoint is not a list. */
	fake_netlink(true);
	fake_push_message(fake_endpoint(buf, 3, 2));
	fake_push_error(0, NULL);
	capture(&c, cmd_show, "show", "endpoints", "--endpoint", "3", NULL);
	CHECK_EQ(c.status, 0);
	CHECK(!fake_asked_dump());
	capture_free(&c);
}

static void show_failing(void)
{
	fake_netlink(true);
	fake_push_error(-EPERM, NULL);
	capture(&c, cmd_show, "show", "--json", NULL);
	CHECK_EQ(c.status, 1);
	CHECK(capture_has(c.err, "CAP_NET_ADMIN"));
	CHECK(capture_is_json(&c));
	CHECK(capture_has(c.out, "\"sessions\":[],\"complete\":false}"));
	capture_free(&c);

	fake_netlink(true);
	fake_push_error(-ENOENT, "there is no such endpoint");
	capture(&c, cmd_show, "show", "sessions", "--endpoint", "9", NULL);
	CHECK_EQ(c.status, 1);
	CHECK(!strcmp(c.err, "kdtls: cannot show sessions: there is no such endpoint (No such file or directory)\n"));
	capture_free(&c);

	fake_netlink(true);
	fake_netlink_absent = true;
	capture(&c, cmd_show, "show", NULL);
	CHECK_EQ(c.status, 1);
	CHECK(capture_has(c.err, "module is not loaded"));
	capture_free(&c);
}

static void show_malformed(void)
{
	struct nlmsghdr *nlh;

	fake_netlink(true);
	fake_push_message(fake_session(buf, 3, 17));
	nlh = fake_message(buf, KDTLS_CMD_SESSION_GET);
	mnl_attr_put(nlh, KDTLS_A_PEER, 3, "abc");
	fake_push_message(nlh);
	capture(&c, cmd_show, "show", "sessions", "--json", NULL);
	CHECK_EQ(c.status, 1);
	CHECK(capture_has(c.err, "KDTLS_A_PEER is no address"));
	CHECK(capture_is_json(&c));
	CHECK(capture_has(c.out, "\"complete\":false}"));
	capture_free(&c);
}

static void show_interrupted(void)
{
	struct nlmsghdr *nlh;

	fake_netlink(true);
	nlh = fake_session(buf, 3, 17);
	nlh->nlmsg_flags |= NLM_F_DUMP_INTR;
	fake_push_message(nlh);
	fake_push_done(0);
	capture(&c, cmd_show, "show", "sessions", "--json", NULL);
	CHECK_EQ(c.status, 0);
	CHECK(capture_has(c.err, "the list changed while it was read"));
	CHECK(capture_is_json(&c));
	CHECK(capture_has(c.out, "\"complete\":false}"));
	capture_free(&c);
}

/* A session as it is at some time, that has received and sent so much. */
static void push_at(u32 session, uint64_t age, uint64_t records)
{
	struct nlmsghdr *nlh = fake_session(buf, 3, session);
	struct dtls_info *info;
	struct nlattr *attr;

	mnl_attr_for_each(attr, nlh, sizeof(struct genlmsghdr)) {
		if (mnl_attr_get_type(attr) == KDTLS_A_AGE)
			memcpy(mnl_attr_get_payload(attr), &age, sizeof(age));
		if (mnl_attr_get_type(attr) != KDTLS_A_INFO)
			continue;
		info = mnl_attr_get_payload(attr);
		info->rx_records = records;
		info->rx_bytes = records * 100;
		info->tx_records = 2 * records;
		info->tx_bytes = records * 1024;
	}
	fake_push_message(nlh);
}

/*
 * 17 went on, 18 is there no more, 19 is new; 20 is another session than before, and
 * of 21 and 22, which are told in a wrong order, one did nothing.
 */
static void push_twice(void)
{
	fake_netlink(true);
	push_at(17, 10000, 1000);
	push_at(18, 10000, 1000);
	push_at(20, 90000, 5000);
	push_at(22, 1000, 7);
	push_at(21, 1000, 7);
	fake_push_done(0);
	push_at(17, 12000, 1500);
	push_at(19, 500, 100);
	push_at(20, 4000, 400);
	push_at(21, 3000, 7);
	push_at(22, 3000, 9);
	fake_push_done(0);
}

static void show_rates(void)
{
	push_twice();
	capture(&c, cmd_show, "show", "--rates", "1", "--json", NULL);
	CHECK_EQ(c.status, 0);
	CHECK(capture_is_json(&c));
	CHECK(!strstr(c.out, "\"endpoints\""));
	CHECK(!strstr(c.out, "\"session\":18,"));
	CHECK(capture_has(c.out, "\"rx_bytes_per_s\":25000,\"rx_records_per_s\":250,\"tx_bytes_per_s\":256000,\"tx_records_per_s\":500}"));
	CHECK(capture_has(c.out, "\"rx_bytes_per_s\":20000,\"rx_records_per_s\":200,"));
	CHECK(capture_has(c.out, "\"rx_bytes_per_s\":10000,\"rx_records_per_s\":100,"));
	CHECK(capture_has(c.out, "\"rx_bytes_per_s\":0,\"rx_records_per_s\":0,\"tx_bytes_per_s\":0,"));
	CHECK(capture_has(c.out, "\"rx_bytes_per_s\":100,\"rx_records_per_s\":1,\"tx_bytes_per_s\":1024,"));
	capture_free(&c);

	push_twice();
	capture(&c, cmd_show, "show", "sessions", "--rates", "1", NULL);
	CHECK_EQ(c.status, 0);
	CHECK(capture_has(c.out, "\n  rate in   24.41 KiB in 250 records a second\n"
			 "  rate out  250.00 KiB in 500 records a second\n"));
	CHECK(capture_has(c.out, "\n  rate in   100 bytes in 1 record a second\n"));
	capture_free(&c);
}

static u32 sessions_left;
static size_t least_memory, most_memory;

/* As many as fit, as the kernel does it. */
static size_t many_sessions(void *out)
{
	size_t len = 0, used = __sanitizer_get_current_allocated_bytes();
	struct nlmsghdr *nlh;

	if (!least_memory)
		least_memory = used;
	if (used > most_memory)
		most_memory = used;
	if (!sessions_left)
		return 0;
	while (sessions_left && len < FAKE_ROOM - 1024) {
		nlh = fake_session((char *)out + len, 3, sessions_left--);
		len += nlh->nlmsg_len;
	}
	if (sessions_left)
		return len;
	nlh = mnl_nlmsg_put_header((char *)out + len);
	nlh->nlmsg_type = NLMSG_DONE;
	*(int *)mnl_nlmsg_put_extra_header(nlh, sizeof(int)) = 0;
	return len + nlh->nlmsg_len;
}

static void show_many(void)
{
	fake_netlink(true);
	fake_more = many_sessions;
	sessions_left = 20000;
	capture(&c, cmd_show, "show", "sessions", "--json", NULL);
	CHECK_EQ(c.status, 0);
	CHECK(capture_is_json(&c));
	CHECK(capture_has(c.out + c.len - 20, "\"complete\":true}"));
	capture_free(&c);
	/* That of stdout may come with the first one. */
	CHECK(least_memory && most_memory - least_memory <= 65536);
}

static void full_disk(void)
{
	int real = dup(1), full = open("/dev/full", O_WRONLY), status;

	push_lists();
	fflush(stdout);
	dup2(full, 1);
	optind = 0;
	status = cmd_show(2, (char *[]){ "show", "--json", NULL });
	clearerr(stdout);
	dup2(real, 1);
	close(real);
	close(full);
	CHECK_EQ(status, 1);
}

static const struct tap_test tests[] = {
	{ "show: text", show_text },
	{ "show: JSON", show_json },
	{ "show: what is asked of the kernel", show_filters },
	{ "show: errors", show_failing },
	{ "show: malformed messages", show_malformed },
	{ "show: a list that changes", show_interrupted },
	{ "show: many sessions, in bounded memory", show_many },
	{ "show: rates between two lists", show_rates },
	{ "show: a full disk", full_disk },
};

TAP_MAIN(tests)
