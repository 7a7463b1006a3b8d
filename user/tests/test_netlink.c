// SPDX-License-Identifier: GPL-2.0
/* What the library makes of netlink datagrams. */
#include <linux/genetlink.h>

#include "fake_netlink.h"
#include "netlink.h"
#include "tap.h"

static char buf[FAKE_ROOM];
static unsigned int seen;

static int on_message(const struct nlmsghdr *nlh, void *data)
{
	seen++;
	return data ? *(int *)data : 0;
}

/* Ask for a list; what was pushed is the answer. */
static int ask(struct kdtls_netlink *nl, int *stop)
{
	char request[KDTLS_NETLINK_REQUEST];
	int err = kdtls_netlink_open(nl);

	seen = 0;
	if (!err)
		err = kdtls_netlink_talk(nl, kdtls_netlink_request(nl, request, KDTLS_CMD_SESSION_GET, NLM_F_DUMP),
					 on_message, stop);
	kdtls_netlink_close(nl);
	return err;
}

static void family(void)
{
	struct kdtls_netlink nl;

	fake_netlink(true);
	CHECK_EQ(kdtls_netlink_resolve(), FAKE_FAMILY);
	CHECK_EQ(kdtls_netlink_open(&nl), 0);
	CHECK_EQ(nl.group, FAKE_GROUP);
	kdtls_netlink_close(&nl);
	fake_netlink_absent = true;
	CHECK_EQ(kdtls_netlink_resolve(), -ENOENT);
}

static void attaches(void)
{
	fake_netlink(true);
	fake_push_error(0, NULL);
	fake_push_error(-EEXIST, "the socket is attached already");
	CHECK_EQ(kdtls_netlink_attach(FAKE_FAMILY, 5), 0);
	NEED(fake_asked(KDTLS_A_FD));
	CHECK_EQ(mnl_attr_get_u32(fake_asked(KDTLS_A_FD)), 5);
	CHECK_EQ(kdtls_netlink_attach(FAKE_FAMILY, 5), -EEXIST);
}

static void list(void)
{
	struct kdtls_netlink nl;
	int stop = -EIO;
	u32 i;

	fake_netlink(true);
	for (i = 1; i <= 3; i++)
		fake_push_message(fake_session(buf, 1, i));
	fake_push_done(0);
	CHECK_EQ(ask(&nl, NULL), 0);
	CHECK_EQ(seen, 3);
	CHECK(!nl.interrupted);

	/* One that the callback has enough of. */
	fake_netlink(true);
	for (i = 1; i <= 3; i++)
		fake_push_message(fake_session(buf, 1, i));
	CHECK_EQ(ask(&nl, &stop), -EIO);
	CHECK_EQ(seen, 1);
}

static void of_another_request(void)
{
	struct nlmsghdr *nlh = fake_session(buf, 1, 1);
	struct kdtls_netlink nl;

	fake_netlink(true);
	nlh->nlmsg_seq = 12345;
	fake_push_message(nlh);
	fake_push_message(fake_session(buf, 1, 2));
	fake_push_done(0);
	CHECK_EQ(ask(&nl, NULL), 0);
	CHECK_EQ(seen, 1);
}

static void interrupted(void)
{
	struct nlmsghdr *nlh;
	struct kdtls_netlink nl;

	fake_netlink(true);
	nlh = fake_session(buf, 1, 1);
	nlh->nlmsg_flags |= NLM_F_DUMP_INTR;
	fake_push_message(nlh);
	fake_push_message(fake_session(buf, 1, 2));
	fake_push_done(0);
	CHECK_EQ(ask(&nl, NULL), 0);
	CHECK_EQ(seen, 2);
	CHECK(nl.interrupted);
}

static void errors(void)
{
	struct kdtls_netlink nl;

	fake_netlink(true);
	fake_push_error(-ENOENT, "there is no such endpoint");
	CHECK_EQ(ask(&nl, NULL), -ENOENT);
	CHECK(!strcmp(nl.said, "there is no such endpoint"));

	fake_netlink(true);
	fake_push_message(fake_session(buf, 1, 1));
	fake_push_done(-ENOMEM);
	CHECK_EQ(ask(&nl, NULL), -ENOMEM);
	CHECK_EQ(seen, 1);
	CHECK(!*nl.said);

	fake_netlink(true);
	fake_fail(ENOBUFS);
	CHECK_EQ(ask(&nl, NULL), -ENOBUFS);
}

/* An error that repeats the request, as without NETLINK_CAP_ACK. */
static void error_with_request(void)
{
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buf);
	struct kdtls_netlink nl;
	struct nlmsgerr *e;

	fake_netlink(true);
	nlh->nlmsg_type = NLMSG_ERROR;
	nlh->nlmsg_flags = NLM_F_ACK_TLVS;
	e = mnl_nlmsg_put_extra_header(nlh, sizeof(*e));
	e->error = -EINVAL;
	e->msg.nlmsg_len = NLMSG_HDRLEN + 6;
	mnl_nlmsg_put_extra_header(nlh, 6);
	mnl_attr_put_strz(nlh, NLMSGERR_ATTR_MSG, "no");
	fake_push_message(nlh);
	CHECK_EQ(ask(&nl, NULL), -EINVAL);
	CHECK(!strcmp(nl.said, "no"));

	/* Of a length that cannot be. */
	fake_netlink(true);
	e->msg.nlmsg_len = 0xffffffff;
	fake_push_message(nlh);
	CHECK_EQ(ask(&nl, NULL), -EINVAL);
	CHECK(!*nl.said);
}

/* Cut anywhere, and of any length, it is refused or ends. */
static void broken(void)
{
	struct nlmsghdr *nlh = fake_session(buf, 1, 1);
	struct kdtls_netlink nl = { .seq = 0 };
	size_t len = nlh->nlmsg_len, n;
	char *exact;

	for (n = 0; n < len; n++) {
		exact = malloc(n ? n : 1);
		memcpy(exact, buf, n);
		CHECK_EQ(kdtls_netlink_messages(&nl, exact, n, 0, on_message, NULL),
			 -EBADMSG);
		free(exact);
	}
	for (n = 0; n < 8; n++) {
		static const u32 lengths[] = {
			0, 1, 15, 17, 0x7fffffff, 0x80000000, 0xfffffffc, 0xffffffff,
		};

		exact = malloc(len);
		memcpy(exact, buf, len);
		((struct nlmsghdr *)exact)->nlmsg_len = lengths[n];
		CHECK_EQ(kdtls_netlink_messages(&nl, exact, len, 0, on_message, NULL),
			 -EBADMSG);
		free(exact);
	}
}

static void short_control(void)
{
	struct nlmsghdr nlh = { .nlmsg_len = sizeof(nlh) };
	struct kdtls_netlink nl = { .seq = 0 };

	nlh.nlmsg_type = NLMSG_ERROR;
	CHECK_EQ(kdtls_netlink_messages(&nl, &nlh, sizeof(nlh), 0, NULL, NULL),
		 -EBADMSG);
	nlh.nlmsg_type = NLMSG_DONE;
	CHECK_EQ(kdtls_netlink_messages(&nl, &nlh, sizeof(nlh), 0, NULL, NULL), 0);
	nlh.nlmsg_type = NLMSG_NOOP;
	CHECK_EQ(kdtls_netlink_messages(&nl, &nlh, sizeof(nlh), 0, NULL, NULL), 1);
	nlh.nlmsg_type = NLMSG_OVERRUN;
	CHECK_EQ(kdtls_netlink_messages(&nl, &nlh, sizeof(nlh), 0, NULL, NULL),
		 -ENOBUFS);
	nlh.nlmsg_type = FAKE_FAMILY;
	CHECK_EQ(kdtls_netlink_messages(&nl, &nlh, sizeof(nlh), 0, NULL, NULL),
		 -EBADMSG);
}

static void events(void)
{
	struct kdtls_netlink nl;

	fake_netlink(true);
	NEED(!kdtls_netlink_open(&nl));
	CHECK_EQ(kdtls_netlink_join(&nl), 0);
	CHECK_EQ(fake_joined, FAKE_GROUP);
	fake_push_message(fake_event(buf, DTLS_EVENT_UP));
	fake_fail(ENOBUFS);
	fake_push_message(fake_event(buf, DTLS_EVENT_GONE));
	seen = 0;
	CHECK_EQ(kdtls_netlink_events(&nl, on_message, NULL), 0);
	CHECK_EQ(kdtls_netlink_events(&nl, on_message, NULL), -ENOBUFS);
	CHECK_EQ(kdtls_netlink_events(&nl, on_message, NULL), 0);
	CHECK_EQ(kdtls_netlink_events(&nl, on_message, NULL), -EAGAIN);
	CHECK_EQ(seen, 2);
	kdtls_netlink_close(&nl);
	fake_netlink(false);
}

static const struct tap_test tests[] = {
	{ "the family and its group are resolved", family },
	{ "a socket is attached", attaches },
	{ "a list is read to its end", list },
	{ "answers to other requests are passed over", of_another_request },
	{ "a list that changes is read on, and told of", interrupted },
	{ "errors, with what the kernel says of them", errors },
	{ "an error that repeats the request", error_with_request },
	{ "cut messages and lengths that cannot be", broken },
	{ "control messages without content", short_control },
	{ "events, and that some were lost", events },
};

TAP_MAIN(tests)
