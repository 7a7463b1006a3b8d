// SPDX-License-Identifier: GPL-2.0
#include <poll.h>
#include <string.h>
#include <sys/utsname.h>

#include "nl.h"

#define SECRETS	32

static struct {
	uint8_t	data[32];
	size_t	len;
} secrets[SECRETS];
static unsigned int secret_count;
static int leaks;

void nl_secret(const void *data, size_t n)
{
	unsigned int i = secret_count++ % SECRETS;

	secrets[i].len = n < sizeof(secrets[i].data) ? n : sizeof(secrets[i].data);
	memcpy(secrets[i].data, data, secrets[i].len);
}

int nl_leaks(void)
{
	return leaks;
}

static void search(const void *data, size_t n)
{
	size_t i;

	for (i = 0; i < SECRETS; i++)
		if (secrets[i].len &&
		    memmem(data, n, secrets[i].data, secrets[i].len))
			leaks++;
}

/* Requests */

static void request(struct request *r, uint16_t type, uint16_t flags,
		    uint8_t cmd, uint8_t version)
{
	struct genlmsghdr *genl;

	memset(r->buf, 0, sizeof(r->buf));
	r->nlh = mnl_nlmsg_put_header(r->buf);
	r->nlh->nlmsg_type = type;
	r->nlh->nlmsg_flags = NLM_F_REQUEST | flags;
	genl = mnl_nlmsg_put_extra_header(r->nlh, sizeof(*genl));
	genl->cmd = cmd;
	genl->version = version;
}

void req_init(struct request *r, const struct nl *nl, uint8_t cmd)
{
	request(r, nl->family, NLM_F_ACK, cmd, KDTLS_GENL_VERSION);
}

void req_put(struct request *r, uint16_t type, const void *data, size_t n)
{
	if (!mnl_attr_put_check(r->nlh, sizeof(r->buf), type, n, data))
		die("request too long");
}

void req_u8(struct request *r, uint16_t type, uint8_t value)
{
	req_put(r, type, &value, sizeof(value));
}

void req_u16(struct request *r, uint16_t type, uint16_t value)
{
	req_put(r, type, &value, sizeof(value));
}

void req_u32(struct request *r, uint16_t type, uint32_t value)
{
	req_put(r, type, &value, sizeof(value));
}

void req_keys(struct request *r, uint16_t type, const struct oracle *o)
{
	union crypto_info ci;
	socklen_t n = crypto_info(&ci, type == KDTLS_A_TX ? DTLS_TX : DTLS_RX,
				  o);

	nl_secret(o->key, oracle_key_len(o));
	req_put(r, type, &ci, n);
}

/* Answers */

static void get(void *to, size_t size, const struct nlattr *a)
{
	size_t n = mnl_attr_get_payload_len(a);

	memcpy(to, mnl_attr_get_payload(a), n < size ? n : size);
}

static void get_member(struct nl_message *m, const struct nlattr *nest)
{
	const struct nlattr *a;

	if (m->members == NL_MEMBERS)
		return;
	mnl_attr_for_each_nested(a, nest) {
		if (mnl_attr_get_type(a) == KDTLS_A_OWNER)
			m->member[m->members] = mnl_attr_get_u32(a);
		if (mnl_attr_get_type(a) == KDTLS_A_ROLE)
			m->role[m->members] = mnl_attr_get_u32(a);
	}
	m->members++;
}

static void get_counter(struct nl_message *m, const struct nlattr *nest)
{
	const struct nlattr *a;
	const char *name = "";
	int64_t value = 0;

	mnl_attr_for_each_nested(a, nest) {
		if (mnl_attr_get_type(a) == KDTLS_A_NAME)
			name = mnl_attr_get_str(a);
		if (mnl_attr_get_type(a) == KDTLS_A_VALUE)
			get(&value, sizeof(value), a);
	}
	m->counters++;
	if (!strcmp(name, "CurrSessions"))
		m->curr_sessions = value;
}

#define GET(attr, to)							\
	case attr:							\
		get(&(to), sizeof(to), a);				\
		break

static void parse_one(struct nl_message *m, const struct nlattr *a)
{
	switch (mnl_attr_get_type(a)) {
	GET(KDTLS_A_ENDPOINT, m->endpoint);
	GET(KDTLS_A_SESSION, m->session);
	GET(KDTLS_A_OWNER, m->owner);
	GET(KDTLS_A_IDLE, m->idle);
	GET(KDTLS_A_RETIRE, m->retire);
	GET(KDTLS_A_HANDSHAKE, m->handshake);
	GET(KDTLS_A_AGE, m->age);
	GET(KDTLS_A_UNUSED, m->unused);
	GET(KDTLS_A_SESSIONS, m->sessions);
	GET(KDTLS_A_EVENT, m->event);
	GET(KDTLS_A_EPOCH, m->epoch);
	GET(KDTLS_A_INFO, m->info);
	case KDTLS_A_PEER:
		m->peer_len = mnl_attr_get_payload_len(a);
		get(&m->peer, sizeof(m->peer), a);
		break;
	case KDTLS_A_LOCAL:
		m->local_len = mnl_attr_get_payload_len(a);
		get(&m->local, sizeof(m->local), a);
		break;
	case KDTLS_A_MEMBER:
		get_member(m, a);
		break;
	case KDTLS_A_COUNTER:
		get_counter(m, a);
		break;
	}
}

static void parse(struct nl_message *m, const struct nlmsghdr *nlh)
{
	const struct genlmsghdr *genl = mnl_nlmsg_get_payload(nlh);
	const struct nlattr *a;

	memset(m, 0, sizeof(*m));
	m->cmd = genl->cmd;
	mnl_attr_for_each(a, nlh, sizeof(*genl))
		parse_one(m, a);
}

/* The extended ACK: of an error, or of the end of a dump. */
static void parse_ack(struct nl *nl, const struct nlmsghdr *nlh, size_t offset)
{
	const struct nlattr *a;

	if (!(nlh->nlmsg_flags & NLM_F_ACK_TLVS))
		return;
	mnl_attr_for_each(a, nlh, offset) {
		if (mnl_attr_get_type(a) == NLMSGERR_ATTR_MSG)
			snprintf(nl->text, sizeof(nl->text), "%s",
				 mnl_attr_get_str(a));
		if (mnl_attr_get_type(a) == NLMSGERR_ATTR_MISS_TYPE)
			nl->missing = mnl_attr_get_u32(a);
	}
}

static int parse_error(struct nl *nl, const struct nlmsghdr *nlh)
{
	const struct nlmsgerr *e = mnl_nlmsg_get_payload(nlh);
	size_t offset = sizeof(*e);

	if (!(nlh->nlmsg_flags & NLM_F_CAPPED))
		offset += mnl_nlmsg_get_payload_len(&e->msg);
	parse_ack(nl, nlh, offset);
	return e->error;
}

static int parse_done(struct nl *nl, const struct nlmsghdr *nlh)
{
	int err = 0;

	if (mnl_nlmsg_get_payload_len(nlh) >= sizeof(err))
		memcpy(&err, mnl_nlmsg_get_payload(nlh), sizeof(err));
	parse_ack(nl, nlh, sizeof(err));
	return err;
}

bool nl_said_why(const struct nl *nl)
{
	return nl->text[0] || nl->missing;
}

static ssize_t receive(struct nl *nl, void *buf, size_t size)
{
	struct pollfd pfd = { .fd = mnl_socket_get_fd(nl->sock),
			      .events = POLLIN };
	ssize_t n;

	if (poll(&pfd, 1, 3 * WAIT_MS) != 1)
		die("netlink does not answer");
	n = mnl_socket_recvfrom(nl->sock, buf, size);
	if (n < 0)
		return -errno;
	search(buf, n);
	return n;
}

static int wait_for(struct nl *nl,
		    void (*each)(const struct nlmsghdr *nlh, struct nl *nl,
				 void *arg), void *arg)
{
	static __thread uint8_t buf[65536];
	const struct nlmsghdr *nlh;
	ssize_t got;
	int n;

	for (;;) {
		got = receive(nl, buf, sizeof(buf));
		if (got < 0)
			return got;
		n = got;
		for (nlh = (void *)buf; mnl_nlmsg_ok(nlh, n);
		     nlh = mnl_nlmsg_next(nlh, &n)) {
			if (nlh->nlmsg_seq != nl->seq)
				continue;
			if (nlh->nlmsg_type == NLMSG_ERROR)
				return parse_error(nl, nlh);
			if (nlh->nlmsg_type == NLMSG_DONE)
				return parse_done(nl, nlh);
			nl->answers++;
			each(nlh, nl, arg);
		}
	}
}

int nl_send(struct nl *nl, struct request *r)
{
	memset(&nl->answer, 0, sizeof(nl->answer));
	nl->text[0] = 0;
	nl->missing = nl->answers = 0;
	r->nlh->nlmsg_seq = ++nl->seq;
	return mnl_socket_sendto(nl->sock, r->nlh, r->nlh->nlmsg_len) < 0 ?
	       -errno : 0;
}

static int exchange(struct nl *nl, struct request *r,
		    void (*each)(const struct nlmsghdr *nlh, struct nl *nl,
				 void *arg), void *arg)
{
	int err = nl_send(nl, r);

	return err ? err : wait_for(nl, each, arg);
}

static void each_answer(const struct nlmsghdr *nlh, struct nl *nl, void *arg)
{
	(void)arg;
	parse(&nl->answer, nlh);
}

int nl_wait(struct nl *nl)
{
	return wait_for(nl, each_answer, NULL);
}

int nl_call(struct nl *nl, struct request *r)
{
	return exchange(nl, r, each_answer, NULL);
}

struct dump {
	void	(*each)(const struct nl_message *m, void *arg);
	void	*arg;
};

static void each_listed(const struct nlmsghdr *nlh, struct nl *nl, void *arg)
{
	struct dump *d = arg;

	parse(&nl->answer, nlh);
	d->each(&nl->answer, d->arg);
}

int nl_dump(struct nl *nl, struct request *r,
	    void (*each)(const struct nl_message *m, void *arg), void *arg)
{
	struct dump d = { each, arg };

	r->nlh->nlmsg_flags |= NLM_F_DUMP;
	return exchange(nl, r, each_listed, &d);
}

bool nl_event(struct nl *nl, struct nl_message *m, int ms)
{
	struct pollfd pfd = { .fd = mnl_socket_get_fd(nl->sock),
			      .events = POLLIN };
	uint8_t buf[8192];
	ssize_t n;

	if (poll(&pfd, 1, ms) != 1)
		return false;
	n = receive(nl, buf, sizeof(buf));
	if (n < (ssize_t)sizeof(struct nlmsghdr))
		return false;
	parse(m, (void *)buf);
	return m->cmd == KDTLS_CMD_EVENT;
}

/* The family */

static void get_group(struct nl *nl, const struct nlattr *groups)
{
	const struct nlattr *nest, *a;
	uint32_t id = 0;

	mnl_attr_for_each_nested(nest, groups) {
		mnl_attr_for_each_nested(a, nest) {
			if (mnl_attr_get_type(a) == CTRL_ATTR_MCAST_GRP_ID)
				id = mnl_attr_get_u32(a);
			if (mnl_attr_get_type(a) == CTRL_ATTR_MCAST_GRP_NAME &&
			    !strcmp(mnl_attr_get_str(a), KDTLS_GENL_EVENTS))
				nl->events = 1;
		}
		if (nl->events == 1)
			nl->events = id;
	}
}

static void each_family(const struct nlmsghdr *nlh, struct nl *nl, void *arg)
{
	const struct nlattr *a;

	(void)arg;
	mnl_attr_for_each(a, nlh, sizeof(struct genlmsghdr)) {
		if (mnl_attr_get_type(a) == CTRL_ATTR_FAMILY_ID)
			nl->family = mnl_attr_get_u16(a);
		if (mnl_attr_get_type(a) == CTRL_ATTR_MCAST_GROUPS)
			get_group(nl, a);
	}
}

static void resolve(struct nl *nl)
{
	struct request r;
	int err;

	request(&r, GENL_ID_CTRL, NLM_F_ACK, CTRL_CMD_GETFAMILY, 1);
	req_put(&r, CTRL_ATTR_FAMILY_NAME, KDTLS_GENL_NAME,
		sizeof(KDTLS_GENL_NAME));
	err = exchange(nl, &r, each_family, NULL);
	if (err || !nl->family || !nl->events)
		die("family %s: %d", KDTLS_GENL_NAME, err);
}

void nl_echo(struct nl *nl, bool on)
{
	int cap = !on;

	if (mnl_socket_setsockopt(nl->sock, NETLINK_CAP_ACK, &cap, sizeof(cap)))
		die("NETLINK_CAP_ACK");
}

bool nl_lists_say_why(void)
{
	struct utsname u;

	return !uname(&u) && strncmp(u.release, "6.1.", 4);
}

void nl_open(struct nl *nl)
{
	int one = 1;

	memset(nl, 0, sizeof(*nl));
	nl->sock = mnl_socket_open2(NETLINK_GENERIC, SOCK_CLOEXEC);
	if (!nl->sock || mnl_socket_bind(nl->sock, 0, MNL_SOCKET_AUTOPID))
		die("netlink");
	if (mnl_socket_setsockopt(nl->sock, NETLINK_EXT_ACK, &one,
				  sizeof(one)))
		die("NETLINK_EXT_ACK");
	/* A refusal would bring back the request, keys and all. */
	nl_echo(nl, false);
	resolve(nl);
}

void nl_close(struct nl *nl)
{
	mnl_socket_close(nl->sock);
}

int nl_join(struct nl *nl)
{
	return RC(mnl_socket_setsockopt(nl->sock, NETLINK_ADD_MEMBERSHIP,
					&nl->events, sizeof(nl->events)));
}
