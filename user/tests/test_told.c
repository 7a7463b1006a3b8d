// SPDX-License-Identifier: GPL-2.0
/* What the tool makes of the kernel's messages, whole and malformed. */
#include <unistd.h>

#include <tool/control.h>

#include "fake_netlink.h"
#include "tap.h"

static char buf[FAKE_ROOM];

/* What is malformed is complained of on stderr, which nobody is to read here. */
static int quiet_read(struct told *t, const struct nlmsghdr *nlh, uint64_t needed)
{
	int real = dup(2), ret;
	FILE *null = fopen("/dev/null", "w");

	dup2(fileno(null), 2);
	ret = told_read(t, nlh, needed);
	dup2(real, 2);
	close(real);
	fclose(null);
	return ret;
}

static void session(void)
{
	struct told t;

	NEED(!told_read(&t, fake_session(buf, 3, 17), TOLD_SESSION));
	CHECK_EQ(t.endpoint, 3);
	CHECK_EQ(t.session, 17);
	CHECK_EQ(t.owner, 2);
	CHECK_EQ(t.idle, 300000);
	CHECK_EQ(t.retire, 120000);
	CHECK_EQ(t.handshake, 1);
	CHECK_EQ(t.age, 183000);
	CHECK_EQ(t.unused, 250);
	CHECK_EQ(t.info.tx_records, 1234);
	CHECK_EQ(t.info.rx_bad, 6);
	CHECK(!strcmp(address_text(&t.peer), "198.51.100.7:40112"));
	CHECK(!strcmp(address_text(&t.local), "192.0.2.1:4433"));
	CHECK(!told(&t, KDTLS_A_EVENT));
}

static void endpoint(void)
{
	const struct nlmsghdr *nlh = fake_endpoint(buf, 3, 2);
	const struct nlattr *at = NULL;
	struct told t, member;
	uint32_t n = 0;

	NEED(!told_read(&t, nlh, TOLD_ENDPOINT));
	CHECK_EQ(t.endpoint, 3);
	CHECK_EQ(t.sessions, 120);
	CHECK(!strcmp(address_text(&t.local), "[2001:db8::1]:4433"));
	while ((at = told_nested(&member, nlh, KDTLS_A_MEMBER, at))) {
		CHECK_EQ(member.owner, ++n);
		CHECK_EQ(member.role, n == 1 ? DTLS_MEMBER_HELPER :
					       DTLS_MEMBER_WORKER);
	}
	CHECK_EQ(n, 3);
	CHECK(!told(&t, KDTLS_A_OWNER));
}

/* Each attribute with each length but the right one. */
static void wrong_lengths(void)
{
	static const struct {
		uint16_t	type;
		size_t		len;
		bool		more;	/* longer is right, too */
	} known[] = {
		{ KDTLS_A_ENDPOINT, 4, false }, { KDTLS_A_SESSION, 4, false },
		{ KDTLS_A_PEER, 16, false }, { KDTLS_A_LOCAL, 16, false },
		{ KDTLS_A_OWNER, 4, false }, { KDTLS_A_RETIRE, 4, false },
		{ KDTLS_A_IDLE, 4, false }, { KDTLS_A_HANDSHAKE, 1, false },
		{ KDTLS_A_INFO, sizeof(struct dtls_info), true },
		{ KDTLS_A_AGE, 8, false }, { KDTLS_A_UNUSED, 8, false },
		{ KDTLS_A_ROLE, 4, false }, { KDTLS_A_SESSIONS, 4, false },
		{ KDTLS_A_EVENT, 1, false }, { KDTLS_A_EPOCH, 2, false },
		{ KDTLS_A_VALUE, 8, false },
	};
	static const char zero[300] = { AF_INET };
	struct nlmsghdr *nlh;
	struct told t;
	size_t i, n;
	int ret;

	for (i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		for (n = 0; n < sizeof(zero); n++) {
			nlh = fake_message(buf, KDTLS_CMD_SESSION_GET);
			mnl_attr_put(nlh, known[i].type, n, zero);
			ret = quiet_read(&t, nlh, 0);
			if (n == known[i].len || (n > known[i].len && known[i].more))
				CHECK_EQ(ret, 0);
			else
				CHECK_EQ(ret, -EBADMSG);
		}
}

static void addresses(void)
{
	struct sockaddr_storage ss = { .ss_family = AF_INET6 };
	struct nlmsghdr *nlh;
	struct told t;
	size_t n;

	for (n = 0; n < sizeof(ss); n++) {
		nlh = fake_message(buf, KDTLS_CMD_SESSION_GET);
		mnl_attr_put(nlh, KDTLS_A_PEER, n, &ss);
		CHECK_EQ(quiet_read(&t, nlh, 0), n == 28 ? 0 : -EBADMSG);
	}
	ss.ss_family = AF_UNIX;
	nlh = fake_message(buf, KDTLS_CMD_SESSION_GET);
	mnl_attr_put(nlh, KDTLS_A_LOCAL, 16, &ss);
	CHECK_EQ(quiet_read(&t, nlh, 0), -EBADMSG);
}

static void missing(void)
{
	static const uint16_t needed[] = {
		KDTLS_A_ENDPOINT, KDTLS_A_SESSION, KDTLS_A_PEER,
	};
	struct nlmsghdr *nlh;
	struct told t;
	size_t i;

	for (i = 0; i < 3; i++) {
		nlh = fake_message(buf, KDTLS_CMD_SESSION_GET);
		if (i != 0)
			mnl_attr_put_u32(nlh, KDTLS_A_ENDPOINT, 1);
		if (i != 1)
			mnl_attr_put_u32(nlh, KDTLS_A_SESSION, 1);
		if (i != 2)
			fake_put_v4(nlh, KDTLS_A_PEER, "192.0.2.1", 1);
		CHECK_EQ(quiet_read(&t, nlh, TOLD_SESSION), -EBADMSG);
		CHECK(!told(&t, needed[i]));
	}
	nlh = fake_message(buf, KDTLS_CMD_EVENT);
	CHECK_EQ(quiet_read(&t, nlh, TOLD_EVENT), -EBADMSG);
	CHECK_EQ(quiet_read(&t, nlh, TOLD_ENDPOINT), -EBADMSG);
	CHECK_EQ(quiet_read(&t, nlh, 0), 0);
}

static void nested(void)
{
	struct nlmsghdr *nlh = fake_message(buf, KDTLS_CMD_STATS_GET);
	struct nlattr *nest;
	struct told t;

	/* Without a value. */
	nest = mnl_attr_nest_start(nlh, KDTLS_A_COUNTER);
	mnl_attr_put_strz(nlh, KDTLS_A_NAME, "KdtlsTxRecords");
	mnl_attr_nest_end(nlh, nest);
	CHECK_EQ(quiet_read(&t, nlh, 0), -EBADMSG);
	CHECK(!told_nested(&t, nlh, KDTLS_A_MEMBER, NULL));

	/* With a name that has no end, or nothing at all. */
	nlh = fake_message(buf, KDTLS_CMD_STATS_GET);
	nest = mnl_attr_nest_start(nlh, KDTLS_A_COUNTER);
	mnl_attr_put(nlh, KDTLS_A_NAME, 4, "Kdtl");
	mnl_attr_put_u64(nlh, KDTLS_A_VALUE, 1);
	mnl_attr_nest_end(nlh, nest);
	CHECK_EQ(quiet_read(&t, nlh, 0), -EBADMSG);
	nlh = fake_message(buf, KDTLS_CMD_STATS_GET);
	mnl_attr_put(nlh, KDTLS_A_COUNTER, 0, NULL);
	CHECK_EQ(quiet_read(&t, nlh, 0), -EBADMSG);

	/* A member that nests itself. */
	nlh = fake_message(buf, KDTLS_CMD_ENDPOINT_GET);
	nest = mnl_attr_nest_start(nlh, KDTLS_A_MEMBER);
	mnl_attr_put_u32(nlh, KDTLS_A_OWNER, 1);
	mnl_attr_put(nlh, KDTLS_A_MEMBER, 0, NULL);
	mnl_attr_nest_end(nlh, nest);
	CHECK_EQ(quiet_read(&t, nlh, 0), 0);
}

static void newer(void)
{
	struct nlmsghdr *nlh = fake_session(buf, 3, 17);
	struct told t;

	mnl_attr_put_u32(nlh, KDTLS_A_MAX + 1, 1);
	mnl_attr_put(nlh, 0x3fff, 3, "abc");
	CHECK_EQ(told_read(&t, nlh, TOLD_SESSION), 0);
	CHECK_EQ(t.session, 17);
}

/* ---- Anything at all ------------------------------------------------------------ */

static uint64_t random_state;

static uint32_t random_below(uint32_t n)
{
	random_state = random_state * 6364136223846793005ULL + 1442695040888963407ULL;
	return (uint32_t)(random_state >> 33) % n;
}

/* Whatever reads well is printed well. */
static void print_all(FILE *out, const struct told *t, const struct nlmsghdr *nlh)
{
	const struct timespec now = { .tv_sec = 1700000000 };

	people_endpoint(out, t, nlh);
	people_session(out, t, true);
	people_event(out, t, &now);
	people_counters(out, nlh, true);
	json_endpoint(out, t, nlh);
	json_told_session(out, t, NULL);
	json_event(out, t, &now);
	json_counters(out, nlh, true);
}

static struct nlmsghdr *any_message(void)
{
	struct nlmsghdr *nlh;

	switch (random_below(4)) {
	case 0:
		return fake_session(buf, 3, 17);
	case 1:
		return fake_endpoint(buf, 3, random_below(5));
	case 2:
		return fake_event(buf, (u8)random_below(256));
	}
	nlh = fake_message(buf, KDTLS_CMD_STATS_GET);
	fake_put_counter(nlh, "KdtlsRxDropAuth", -1);
	fake_put_counter(nlh, "", 1);
	return nlh;
}

static void mutated(void)
{
	const char *seed = getenv("KDTLS_SEED");
	int real = dup(2), i, read = 0;
	FILE *null = fopen("/dev/null", "w");
	struct nlmsghdr *nlh, *exact;
	uint32_t n, changes;
	struct told t;

	random_state = seed ? strtoull(seed, NULL, 0) : 1;
	dup2(fileno(null), 2);
	for (i = 0; i < 50000; i++) {
		nlh = any_message();
		for (changes = random_below(4); changes; changes--) {
			n = NLMSG_HDRLEN + random_below(nlh->nlmsg_len - NLMSG_HDRLEN);
			buf[n] = (char)random_below(256);
		}
		if (!random_below(4))
			nlh->nlmsg_len = NLMSG_HDRLEN + 4 +
				random_below(nlh->nlmsg_len - NLMSG_HDRLEN - 4);
		/* Of its own size, so that reading on is seen. */
		exact = malloc(nlh->nlmsg_len);
		memcpy(exact, nlh, nlh->nlmsg_len);
		if (!told_read(&t, exact, 0)) {
			print_all(null, &t, exact);
			read++;
		}
		free(exact);
	}
	dup2(real, 2);
	close(real);
	fclose(null);
	CHECK(read > 1000 && read < 49000);
}

static const struct tap_test tests[] = {
	{ "a session", session },
	{ "an endpoint and its members", endpoint },
	{ "attributes of wrong lengths", wrong_lengths },
	{ "what is no address", addresses },
	{ "attributes that are missing", missing },
	{ "malformed nested attributes", nested },
	{ "attributes of newer kernels", newer },
	{ "messages with random bytes", mutated },
};

TAP_MAIN(tests)
