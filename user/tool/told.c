// SPDX-License-Identifier: GPL-2.0
/* What the kernel's messages tell. */
#include <errno.h>
#include <netinet/in.h>
#include <stddef.h>
#include <string.h>

#include <linux/genetlink.h>

#include "control.h"

enum kind {
	UNKNOWN,
	FIXED,		/* exactly so many bytes */
	GROWING,	/* a structure that newer kernels may add to */
	ADDRESS,
	STRING,
	NESTED,
};

#define FIELD(what, attribute, member) \
	[attribute] = { #attribute, what, offsetof(struct told, member), \
			sizeof(((struct told *)NULL)->member) }

static const struct {
	const char	*name;
	enum kind	kind;
	size_t		offset;
	size_t		size;
} attributes[KDTLS_A_MAX + 1] = {
	FIELD(FIXED, KDTLS_A_ENDPOINT, endpoint),
	FIELD(FIXED, KDTLS_A_SESSION, session),
	FIELD(FIXED, KDTLS_A_OWNER, owner),
	FIELD(FIXED, KDTLS_A_ROLE, role),
	FIELD(FIXED, KDTLS_A_SESSIONS, sessions),
	FIELD(FIXED, KDTLS_A_IDLE, idle),
	FIELD(FIXED, KDTLS_A_RETIRE, retire),
	FIELD(FIXED, KDTLS_A_AGE, age),
	FIELD(FIXED, KDTLS_A_UNUSED, unused),
	FIELD(FIXED, KDTLS_A_VALUE, value),
	FIELD(FIXED, KDTLS_A_EPOCH, epoch),
	FIELD(FIXED, KDTLS_A_EVENT, event),
	FIELD(FIXED, KDTLS_A_HANDSHAKE, handshake),
	FIELD(GROWING, KDTLS_A_INFO, info),
	FIELD(ADDRESS, KDTLS_A_PEER, peer),
	FIELD(ADDRESS, KDTLS_A_LOCAL, local),
	FIELD(STRING, KDTLS_A_NAME, name),
	[KDTLS_A_MEMBER] = { "KDTLS_A_MEMBER", NESTED, 0, 0 },
	[KDTLS_A_COUNTER] = { "KDTLS_A_COUNTER", NESTED, 0, 0 },
};

/* What a nested attribute cannot do without. */
static uint64_t needed_in(uint16_t type)
{
	if (type == KDTLS_A_MEMBER)
		return TOLD(KDTLS_A_OWNER);
	return TOLD(KDTLS_A_NAME) | TOLD(KDTLS_A_VALUE);
}

static enum kind kind_of(uint16_t type)
{
	return type <= KDTLS_A_MAX ? attributes[type].kind : UNKNOWN;
}

static int malformed(uint16_t type, const char *what)
{
	complain("the kernel's message is malformed: %s %s",
		 attributes[type].name, what);
	return -EBADMSG;
}

static int wrong_length(uint16_t type, size_t len)
{
	char what[40];

	snprintf(what, sizeof(what), "has %zu byte%s", len, len == 1 ? "" : "s");
	return malformed(type, what);
}

static int read_address(uint16_t type, const void *data, size_t len, void *out)
{
	sa_family_t family = AF_UNSPEC;

	if (len >= sizeof(family))
		memcpy(&family, data, sizeof(family));
	if (!(family == AF_INET && len == sizeof(struct sockaddr_in)) &&
	    !(family == AF_INET6 && len == sizeof(struct sockaddr_in6)))
		return malformed(type, "is no address");
	memcpy(out, data, len);
	return 0;
}

static int read_string(uint16_t type, const char *data, size_t len, void *out)
{
	if (!len || data[len - 1])
		return malformed(type, "has no end");
	memcpy(out, &data, sizeof(data));
	return 0;
}

/* An attribute that has nothing nested in it. */
static int read_one(struct told *t, const struct nlattr *attr)
{
	uint16_t type = mnl_attr_get_type(attr);
	enum kind kind = kind_of(type);
	size_t len = mnl_attr_get_payload_len(attr), size;
	const void *data = mnl_attr_get_payload(attr);
	char *to;

	if (kind == UNKNOWN || kind == NESTED)
		return 0;
	to = (char *)t + attributes[type].offset;
	size = attributes[type].size;
	t->has |= TOLD(type);
	if (kind == ADDRESS)
		return read_address(type, data, len, to);
	if (kind == STRING)
		return read_string(type, data, len, to);
	if (len < size || (kind == FIXED && len != size))
		return wrong_length(type, len);
	memcpy(to, data, size);
	return 0;
}

static int check_needed(const struct told *t, uint64_t needed)
{
	uint64_t missing = needed & ~t->has;
	uint16_t type;

	for (type = 0; type <= KDTLS_A_MAX; type++)
		if (missing & TOLD(type))
			return malformed(type, "is missing");
	return 0;
}

static int read_nested(struct told *t, const struct nlattr *nest)
{
	const struct nlattr *attr;
	int err = 0;

	memset(t, 0, sizeof(*t));
	mnl_attr_for_each_nested(attr, nest) {
		err = read_one(t, attr);
		if (err)
			return err;
	}
	return check_needed(t, needed_in(mnl_attr_get_type(nest)));
}

static const char *payload_end(const struct nlmsghdr *nlh)
{
	return (const char *)nlh + nlh->nlmsg_len;
}

static const struct nlattr *first(const struct nlmsghdr *nlh)
{
	return mnl_nlmsg_get_payload_offset(nlh, GENL_HDRLEN);
}

/* mnl_attr_for_each() goes on to the end of the padding. */
static bool ok(const struct nlattr *attr, const struct nlmsghdr *nlh)
{
	return mnl_attr_ok(attr, (int)(payload_end(nlh) - (const char *)attr));
}

int told_read(struct told *t, const struct nlmsghdr *nlh, uint64_t needed)
{
	const struct nlattr *attr;
	struct told nested;
	int err;

	memset(t, 0, sizeof(*t));
	for (attr = first(nlh); ok(attr, nlh); attr = mnl_attr_next(attr)) {
		if (kind_of(mnl_attr_get_type(attr)) == NESTED)
			err = read_nested(&nested, attr);
		else
			err = read_one(t, attr);
		if (err)
			return err;
	}
	if ((const char *)attr < payload_end(nlh)) {
		complain("the kernel's message is malformed: an attribute is longer than it");
		return -EBADMSG;
	}
	return check_needed(t, needed);
}

const struct nlattr *told_nested(struct told *t, const struct nlmsghdr *nlh,
				 uint16_t type, const struct nlattr *at)
{
	at = at ? mnl_attr_next(at) : first(nlh);
	while (ok(at, nlh) && mnl_attr_get_type(at) != type)
		at = mnl_attr_next(at);
	if (!ok(at, nlh))
		return NULL;
	return read_nested(t, at) ? NULL : at;
}
