// SPDX-License-Identifier: GPL-2.0
/*
 * All that can be done with an endpoint at once, by eight processes that share its
 * members' descriptors. What they say that they have done must be what the kernel
 * has counted, what nobody touches must be in every list, and nothing may be left.
 */
#include <netinet/in.h>
#include <stdlib.h>

#include "harness.h"
#include "group.h"
#include "processes.h"
#include "watch.h"

#define HELPER		0
#define MEMBERS		3
#define FLIGHT		24	/* fewer than the replay window */

/* Peers that nobody but their own process touches, and that data comes from. */
enum { ALICE, BOB, CAROL, FIXED };
/* And those that have no socket: what is to be in every list. */
#define BYSTANDERS	200
#define STABLE		(FIXED + BYSTANDERS)
/* Peers whose sessions come and go. Data that nobody can open comes from some. */
#define CHURN		60
#define JUNKERS		4
/* What a slow kernel may need to do everything once. */
#define DEEDS_MS	300000
/* Records that can be told apart: more than there is time for. */
#define IDS		(1U << 26)

enum role {
	OUTSIDE,	/* the peers */
	FRONT,		/* reads what comes to the helper and to alice's owner */
	BACK,		/* reads what comes to bob's owner */
	MAKER, DELETER, CHANGER, LISTER,
	GUEST,		/* a member for a while, and an endpoint of its own */
	PARENT,
};

static const char * const role_names[] = {
	"outside", "front", "back", "maker", "deleter", "changer", "lister",
	"guest", "parent",
};

enum deed {
	FED, GOT, ANSWERED, TAKEN, JUNK, RAW, SENT, UNSENT, MADE, REFUSED,
	DELETED, REPLACED, REKEYED, CHANGED, MISSED, LISTED, JOINED, ENDED,
	PURGED, DEEDS,
};

static const char * const deed_names[DEEDS] = {
	"fed", "got", "answered", "taken", "junk", "raw", "sent", "unsent",
	"made", "refused", "deleted", "replaced", "rekeyed", "changed", "missed",
	"listed", "joined", "ended", "purged",
};

/**
 * struct shared - what all processes see
 * @stop: nothing new is begun
 * @fed: all records are sent
 * @end: all records are received
 * @tallies: what each has done
 * @came: bits of the records that were received
 */
struct shared {
	bool		stop;
	bool		fed;
	bool		end;
	struct tallies	tallies;
	uint8_t		came[IDS / 8];
};

/**
 * struct place - a process, and what it has of its own
 * @s: what it shares
 * @role: who it is
 * @state: of its random numbers
 * @g: the endpoint, with a netlink socket of its own
 * @fixed: peers with sockets
 * @before: carol's keys before those that she has
 * @junk: sockets of peers whose sessions come and go
 * @any: the peer that is to be acted on, with keys for it
 * @first: the number of alice's session, behind which the other stable ones are
 * @list: the last list
 * @rx: a message
 */
struct place {
	struct shared	*s;
	enum role	role;
	uint32_t	state;
	struct group	g;
	struct peer	fixed[FIXED];
	struct oracle	before;
	struct peer	junk[JUNKERS];
	struct peer	any;
	uint32_t	first;
	struct list	list;
	struct rx	rx;
};

#define LOAD(x)		__atomic_load_n(&(x), __ATOMIC_ACQUIRE)
#define STORE(x, v)	__atomic_store_n(&(x), (v), __ATOMIC_RELEASE)

static uint32_t draw(struct place *me, uint32_t below)
{
	me->state = me->state * 1664525 + 1013904223;
	return (me->state >> 8) % below;
}

static void wrong(struct place *me, const char *what, long value)
{
	complain(&me->s->tallies, me->role, what, value);
}

static void did(struct place *me, enum deed deed)
{
	tally(&me->s->tallies, me->role, deed, 1);
}

/* A call did what it should or, if somebody else was faster, said so. */
static void outcome(struct place *me, int err, enum deed done, int faster,
		    enum deed missed, const char *what)
{
	if (!err)
		did(me, done);
	else if (err == faster)
		did(me, missed);
	else
		wrong(me, what, err);
}

/* The peer that is acted on next. */
static void choose_as(struct place *me, uint32_t i)
{
	fake_port(&me->any, i < JUNKERS ? local_port(me->junk[i].p.peer) :
					  20000 + i);
}

static void choose(struct place *me)
{
	choose_as(me, draw(me, CHURN));
}

static void send_something(struct place *me, int fd)
{
	long n = peer_send(fd, &me->any, "something", 9);

	outcome(me, n == 9 ? 0 : n, SENT, -ENOTCONN, UNSENT, "sendto");
}

/* The peers */

static bool take_answer(struct place *me, struct peer *p)
{
	uint8_t wire[512];
	struct oracle *o = &p->p.out;
	struct record r;
	ssize_t n = recv(p->p.peer, wire, sizeof(wire), MSG_DONTWAIT);

	if (n < 0)
		return false;
	/* One that was sealed before carol had new keys may come after that. */
	if (p == &me->fixed[CAROL] && me->before.enc && n > 4 &&
	    (wire[3] << 8 | wire[4]) == me->before.epoch)
		o = &me->before;
	if (oracle_open(o, wire, n, &r) || r.wire != (size_t)n ||
	    payload_id(r.data, r.len) < 0)
		wrong(me, "an answer does not open", n);
	did(me, TAKEN);
	return true;
}

static void take_all(struct place *me)
{
	struct pollfd pfd[FIXED];
	bool took = false;
	int i;

	for (i = 0; i < FIXED; i++) {
		pfd[i].fd = me->fixed[i].p.peer;
		pfd[i].events = POLLIN;
		while (take_answer(me, &me->fixed[i]))
			took = true;
	}
	if (!took)
		poll(pfd, FIXED, 1);
}

/* Nothing is lost by that: the keys before these serve on. */
static void rekey_carol(struct place *me)
{
	struct peer *p = &me->fixed[CAROL];
	uint16_t epoch = p->p.out.epoch + 1;
	struct request r;
	int err;

	if (!epoch)
		return;
	if (me->before.enc)
		oracle_free(&me->before);
	me->before = p->p.out;
	memset(&p->p.out, 0, sizeof(p->p.out));
	peer_rekey(p, me->g.cipher, epoch);
	peer_request_keys(&r, &me->g, p, KDTLS_CMD_KEY_NEW);
	err = nl_call(&me->g.nl, &r);
	outcome(me, err, REKEYED, 0, MISSED, "new keys for carol");
}

static void feed_next(struct place *me)
{
	uint64_t n = tally_of(&me->s->tallies, OUTSIDE, FED);

	if (n % 50 == 0)
		group_steer(&me->g, draw(me, MEMBERS));
	if (n % 300 == 299)
		rekey_carol(me);
	if (n % 8 == 0) {
		did(me, JUNK);
		feed_id(&me->junk[n / 8 % JUNKERS].p, 50, n);
	}
	did(me, FED);
	feed_id(&me->fixed[n % FIXED].p, 100, n);
}

static void act_outside(struct place *me)
{
	uint64_t fed = tally_of(&me->s->tallies, OUTSIDE, FED);

	if (LOAD(me->s->stop) || fed >= IDS)
		STORE(me->s->fed, true);
	else if (fed - tally_of(&me->s->tallies, OUTSIDE, TAKEN) < FLIGHT)
		feed_next(me);
	take_all(me);
}

/* The members */

static bool is_for(uint32_t who, int member)
{
	return who == CAROL || member == 1 + (int)who;
}

static void got_data(struct place *me, int member)
{
	long id = payload_id(me->rx.data, me->rx.len);
	uint32_t who = id % FIXED;
	uint8_t bit = 1 << (id % 8);

	if (me->rx.len != 100 || id < 0 || id >= IDS || !is_for(who, member)) {
		wrong(me, "a record that is wrong here", id);
		return;
	}
	if (__atomic_fetch_or(&me->s->came[id / 8], bit, __ATOMIC_RELAXED) & bit)
		wrong(me, "a record came twice", id);
	did(me, GOT);
	if (peer_send_id(me->g.fd[member], &me->fixed[who], 60, id) != 60)
		wrong(me, "an answer is not sent", id);
	did(me, ANSWERED);
}

static void read_member(struct place *me, int member)
{
	int i;

	for (i = 0; i < 100; i++) {
		long n = rx_call(me->g.fd[member], &me->rx, MSG_DONTWAIT);

		if (n == -EAGAIN)
			return;
		if (n < 0)
			wrong(me, "recvmsg", n);
		else if (!me->rx.raw)
			got_data(me, member);
		else if (member == HELPER)
			did(me, RAW);
		else
			wrong(me, "raw to a worker", n);
	}
}

static void act_reader(struct place *me)
{
	int i, first = me->role == FRONT ? HELPER : 2;
	int count = me->role == FRONT ? 2 : 1;
	struct pollfd pfd[MEMBERS];

	for (i = 0; i < count; i++) {
		pfd[i].fd = me->g.fd[first + i];
		pfd[i].events = POLLIN;
	}
	poll(pfd, count, 100);
	for (i = 0; i < count; i++)
		read_member(me, first + i);
}

/* Who controls */

static void act_maker(struct place *me)
{
	struct request r;

	choose(me);
	peer_request_keys(&r, &me->g, &me->any, KDTLS_CMD_SESSION_NEW);
	if (draw(me, 2))
		req_u32(&r, KDTLS_A_OWNER, me->g.member[draw(me, MEMBERS)]);
	if (!draw(me, 4))
		req_u32(&r, KDTLS_A_IDLE, 100 + draw(me, 400));
	outcome(me, nl_call(&me->g.nl, &r), MADE, -EEXIST, REFUSED, "SESSION_NEW");
	send_something(me, me->g.fd[draw(me, MEMBERS)]);
}

/* By its number, as somebody does who has seen it in a list. */
static int delete_by_number(struct place *me)
{
	struct request r;
	int err;

	peer_request(&r, &me->g, &me->any, KDTLS_CMD_SESSION_GET);
	err = nl_call(&me->g.nl, &r);
	if (err)
		return err;
	req_init(&r, &me->g.nl, KDTLS_CMD_SESSION_DEL);
	req_u32(&r, KDTLS_A_ENDPOINT, me->g.endpoint);
	req_u32(&r, KDTLS_A_SESSION, me->g.nl.answer.session);
	return nl_call(&me->g.nl, &r);
}

static void act_deleter(struct place *me)
{
	int err;

	choose(me);
	send_something(me, me->g.fd[draw(me, MEMBERS)]);
	/* Some sessions shall get old enough for others to find them. */
	if (draw(me, 8))
		return;
	err = draw(me, 2) ? session_del(&me->g, &me->any) :
			    delete_by_number(me);
	outcome(me, err, DELETED, -ENOENT, MISSED, "SESSION_DEL");
}

static void set(struct place *me, const struct peer *p, uint16_t type,
		uint32_t value)
{
	outcome(me, session_set_u32(&me->g, p, type, value), CHANGED, -ENOENT,
		MISSED, "SESSION_SET");
}

static void new_keys(struct place *me, uint8_t cmd, enum deed done)
{
	struct request r;

	peer_rekey(&me->any, me->g.cipher, 1 + draw(me, 3));
	peer_request_keys(&r, &me->g, &me->any, cmd);
	outcome(me, nl_call(&me->g.nl, &r), done, -ENOENT, MISSED, "new keys");
}

static void act_changer(struct place *me)
{
	uint32_t owner = me->g.member[draw(me, MEMBERS)];

	choose(me);
	switch (draw(me, 8)) {
	case 0:
		set(me, &me->any, KDTLS_A_IDLE, draw(me, 2) * draw(me, 500));
		break;
	case 1:
		set(me, &me->any, KDTLS_A_RETIRE, draw(me, 2000));
		break;
	case 2:
		set(me, &me->any, KDTLS_A_OWNER, draw(me, 2) * owner);
		break;
	case 3:
		/* Nobody else sets it: what comes from carol goes anywhere. */
		set(me, &me->fixed[CAROL], KDTLS_A_OWNER, draw(me, 2) * owner);
		break;
	case 4:
		outcome(me, session_set_u8(&me->g, &me->any, KDTLS_A_HANDSHAKE,
					   draw(me, 2)),
			CHANGED, -ENOENT, MISSED, "SESSION_SET");
		break;
	case 5:
		new_keys(me, KDTLS_CMD_KEY_NEW, REKEYED);
		break;
	default:
		new_keys(me, KDTLS_CMD_SESSION_REPLACE, REPLACED);
	}
	send_something(me, me->g.fd[draw(me, MEMBERS)]);
}

/* Lists */

static void list(struct place *me, struct request *r)
{
	int err = list_read(&me->list, &me->g.nl, r);

	if (err)
		wrong(me, "a list fails", err);
	did(me, LISTED);
}

/* What nobody touches is there, and nothing is there twice. */
static void check_list(struct place *me)
{
	uint32_t i, twice;

	for (i = 0; i < STABLE; i++)
		if (list_has(&me->list, me->g.endpoint, me->first + i) != 1)
			wrong(me, "a stable session is not there once", i);
	twice = list_twice(&me->list);
	if (twice)
		wrong(me, "listed twice", twice);
}

/* Only those of one peer, which has one all the time. */
static void list_peer(struct place *me)
{
	uint32_t i = draw(me, BYSTANDERS);
	struct peer p = me->any;
	struct request r;

	fake_port(&p, 30000 + i);
	req_init(&r, &me->g.nl, KDTLS_CMD_SESSION_GET);
	req_put(&r, KDTLS_A_PEER, &p.addr, p.len);
	list(me, &r);
	if (me->list.count != 1 ||
	    !list_has(&me->list, me->g.endpoint, me->first + FIXED + i))
		wrong(me, "a list of one peer", me->list.count);
}

static void list_endpoints(struct place *me)
{
	struct request r;

	req_init(&r, &me->g.nl, KDTLS_CMD_ENDPOINT_GET);
	list(me, &r);
	if (list_has(&me->list, me->g.endpoint, 0) != 1 ||
	    list_twice(&me->list))
		wrong(me, "a list of endpoints", me->list.count);
}

static void act_lister(struct place *me)
{
	struct request r;

	switch (draw(me, 5)) {
	case 0:
		list_peer(me);
		return;
	case 1:
		list_endpoints(me);
		return;
	}
	req_init(&r, &me->g.nl, KDTLS_CMD_SESSION_GET);
	if (draw(me, 2))
		req_u32(&r, KDTLS_A_FD, me->g.fd[draw(me, MEMBERS)]);
	if (draw(me, 2))
		req_u16(&r, KDTLS_A_STATE, DTLS_STATE_TX);
	list(me, &r);
	check_list(me);
}

/* Members and endpoints that come and go */

static void be_member(struct place *me)
{
	struct sockaddr_storage addr;
	socklen_t len = loopback(me->g.family, me->g.port, &addr);
	int fd = group_socket(me->g.family, &addr, len);
	int err = endpoint_join(fd, DTLS_MEMBER_WORKER);
	struct dtls_endpoint info;
	int i;

	if (err) {
		wrong(me, "a member can not join", err);
		close(fd);
		return;
	}
	info = endpoint_info(fd);
	if (info.endpoint != me->g.endpoint || info.sessions < STABLE)
		wrong(me, "another endpoint", info.sessions);
	for (i = draw(me, 8); i; i--) {
		choose(me);
		set(me, &me->any, KDTLS_A_OWNER, info.member);
		send_something(me, fd);
	}
	/* What it owns is nobody's then. */
	close(fd);
	did(me, JOINED);
}

static void be_endpoint(struct place *me)
{
	int i, there = 0, count = 1 + draw(me, 8);
	struct group g;
	struct peer p;

	group_open(&g, me->g.family, me->g.cipher, 2);
	fake_peer(&p, &g, 1);
	for (i = 0; i < count; i++) {
		fake_port(&p, 20000 + i);
		if (session_new(&g, &p, draw(me, 2)))
			wrong(me, "SESSION_NEW elsewhere", i);
		did(me, MADE);
		there++;
		if (peer_send(g.fd[i & 1], &p, "something", 9) != 9)
			wrong(me, "sendto elsewhere", i);
		did(me, SENT);
		if (draw(me, 2))
			continue;
		if (session_del(&g, &p))
			wrong(me, "SESSION_DEL elsewhere", i);
		did(me, DELETED);
		there--;
	}
	tally(&me->s->tallies, me->role, PURGED, there);
	oracle_free(&p.p.out);
	oracle_free(&p.p.in);
	group_close(&g);
	did(me, ENDED);
}

static void act_guest(struct place *me)
{
	if (draw(me, 2))
		be_member(me);
	else
		be_endpoint(me);
}

/* Processes */

static void (*const acts[PARENT])(struct place *me) = {
	act_outside, act_reader, act_reader, act_maker, act_deleter,
	act_changer, act_lister, act_guest,
};

/* Who carries data goes on until all of it has come. */
static bool is_over(const struct place *me)
{
	return me->role <= BACK ? LOAD(me->s->end) : LOAD(me->s->stop);
}

static void process(void *arg)
{
	struct place *me = arg;

	me->state = me->role * 7919 + env_long("KDTLS_SEED", 1);
	nl_open(&me->g.nl);
	while (!is_over(me))
		acts[me->role](me);
	if (nl_leaks())
		wrong(me, "keys in a message", nl_leaks());
}

static bool is_accounted_for(struct shared *s)
{
	struct stats none = { { 0 } };
	struct tallies *t = &s->tallies;

	/* Each record has an answer, which may be one that is still to be sent. */
	return LOAD(s->fed) && tally_sum(t, GOT) == tally_sum(t, FED) &&
	       tally_sum(t, TAKEN) == tally_sum(t, FED) &&
	       tally_sum(t, JUNK) <= tally_sum(t, RAW) +
				     stats_sum(&none, "RxDrop");
}

/* Has each thing been done once? */
static bool is_all_done(struct shared *s)
{
	int i;

	for (i = 0; i < DEEDS; i++)
		if (!tally_sum(&s->tallies, i))
			return false;
	return true;
}

static void run(struct place *me, struct listener *l, uint64_t ms)
{
	uint64_t end = now_ms() + ms;
	struct shared *s = me->s;
	pid_t pids[PARENT];

	for (me->role = 0; me->role < PARENT; me->role++)
		pids[me->role] = process_start(process, me);
	/* One that ends before it is told to has failed. */
	while ((now_ms() < end || (!is_all_done(s) && now_ms() < end + DEEDS_MS)) &&
	       !processes_ended(&s->tallies, pids, PARENT))
		listen_for(l, 20);
	STORE(s->stop, true);
	end = now_ms() + 3 * WAIT_MS;
	while (!is_accounted_for(s) && now_ms() < end)
		listen_for(l, 20);
	STORE(s->end, true);
	while (processes_ended(&s->tallies, pids, PARENT) < PARENT &&
	       now_ms() < end + WAIT_MS)
		listen_for(l, 20);
	if (processes_ended(&s->tallies, pids, PARENT) < PARENT)
		wrong(me, "processes that do not end", PARENT);
	processes_kill(pids, PARENT);
}

/* Judgement */

/* What remains does not end by itself any more while it is being counted. */
static void calm(struct place *me)
{
	uint32_t i;

	for (i = 0; i < CHURN; i++) {
		choose_as(me, i);
		set(me, &me->any, KDTLS_A_IDLE, 0);
	}
}

/* Whoever is asked for by name is in the list, and nobody else. */
static uint32_t count_named(struct place *me)
{
	uint32_t i, named = STABLE;
	struct request r;

	for (i = 0; i < CHURN; i++) {
		choose_as(me, i);
		peer_request(&r, &me->g, &me->any, KDTLS_CMD_SESSION_GET);
		if (nl_call(&me->g.nl, &r))
			continue;
		named++;
		if (!list_has(&me->list, me->g.endpoint,
			      me->g.nl.answer.session))
			wrong(me, "not in the list", i);
	}
	return named;
}

static void judge_sessions(struct __test_metadata *_metadata, struct place *me)
{
	struct tallies *t = &me->s->tallies;
	uint64_t made = tally_sum(t, MADE), left;
	struct request r;

	EXPECT_EQ(made, stats_get("SessionsNew"));
	EXPECT_EQ(tally_sum(t, DELETED), stats_get("SessionsDeleted"));
	EXPECT_EQ(tally_sum(t, REPLACED), stats_get("SessionsReplaced"));
	left = made - tally_sum(t, DELETED) - tally_sum(t, PURGED) -
	       stats_get("SessionsIdle");
	EXPECT_EQ(left, stats_get("CurrSessions"));
	EXPECT_EQ(left, stats_get("CurrTx"));
	EXPECT_EQ(left, stats_get("CurrRx"));
	EXPECT_EQ(left, endpoint_info(me->g.fd[0]).sessions);
	made += tally_sum(t, REPLACED) + tally_sum(t, REKEYED);
	EXPECT_EQ(made, stats_get("TxInstalled"));
	EXPECT_EQ(made, stats_get("RxInstalled"));
	EXPECT_EQ(1, stats_get("CurrEndpoints"));
	req_init(&r, &me->g.nl, KDTLS_CMD_SESSION_GET);
	list(me, &r);
	check_list(me);
	EXPECT_EQ(left, me->list.count);
	EXPECT_EQ(left, count_named(me));
}

static void judge_data(struct __test_metadata *_metadata, struct place *me)
{
	struct tallies *t = &me->s->tallies;
	struct stats none = { { 0 } };
	uint64_t junk = stats_sum(&none, "RxDropAuth") +
			stats_sum(&none, "RxDropEpoch");

	/*
	 * UDP takes a socket that is closed out of its group and only then out of
	 * the table: what comes in between goes to nobody else any more.
	 */
	EXPECT_LE(tally_sum(t, FED) - tally_sum(t, GOT), tally_sum(t, JOINED));
	EXPECT_EQ(tally_sum(t, GOT), stats_get("RxRecords"));
	EXPECT_EQ(tally_sum(t, GOT), tally_sum(t, ANSWERED));
	EXPECT_EQ(tally_sum(t, GOT), tally_sum(t, TAKEN));
	EXPECT_EQ(tally_sum(t, ANSWERED) + tally_sum(t, SENT),
		  stats_get("TxRecords"));
	EXPECT_EQ(tally_sum(t, UNSENT), stats_get("TxNoSession"));
	EXPECT_EQ(0, stats_get("TxErrors"));
	EXPECT_EQ(tally_sum(t, RAW), stats_get("RxRaw"));
	EXPECT_LE(tally_sum(t, JUNK) - tally_sum(t, RAW) - junk,
		  tally_sum(t, JOINED));
	EXPECT_EQ(junk, stats_sum(&none, "RxDrop"))
		TH_LOG("%s", stats_since_of(&none, "RxDrop"));
}

static void judge_events(struct __test_metadata *_metadata, struct place *me,
			 const struct listener *l)
{
	struct tallies *t = &me->s->tallies;
	uint64_t replaced = tally_sum(t, REPLACED);

	if (l->lost)
		return;
	EXPECT_EQ(tally_sum(t, MADE) + replaced, l->count[DTLS_EVENT_UP]);
	EXPECT_EQ(tally_sum(t, DELETED) + replaced, l->count[DTLS_EVENT_GONE]);
	EXPECT_EQ(stats_get("SessionsIdle"), l->count[DTLS_EVENT_IDLE]);
}

static void judge_processes(struct __test_metadata *_metadata, struct place *me)
{
	struct tallies *t = &me->s->tallies;
	unsigned long long n;
	char text[512];
	int i, at = 0;

	for (i = 0; i < DEEDS; i++) {
		n = tally_sum(t, i);
		at += snprintf(text + at, sizeof(text) - at, " %s %llu,",
			       deed_names[i], n);
	}
	TH_LOG("%s idle %llu", text,
	       (unsigned long long)stats_get("SessionsIdle"));
	/* Each of these has really been done. */
	for (i = 0; i < DEEDS; i++) {
		EXPECT_LT(0, tally_sum(t, i))
			TH_LOG("nothing %s", deed_names[i]);
	}
	for (i = 0; i < PROCESSES; i++) {
		EXPECT_STREQ("", t->wrong[i])
			TH_LOG("by the %s", role_names[i]);
	}
}

FIXTURE(crowd) {
	struct place *me;
	struct listener *l;
};

FIXTURE_VARIANT(crowd) {
	uint16_t cipher;
	enum family family;
};

VARIANTS_OF_FAMILIES(crowd);

static void populate(struct place *me)
{
	struct group *g = &me->g;
	int i;

	for (i = 0; i < FIXED; i++) {
		peer_open(&me->fixed[i], g);
		if (session_new(g, &me->fixed[i], 1 + i % 2))
			die("SESSION_NEW: %s", g->nl.text);
	}
	me->first = me->fixed[0].id;
	for (i = 0; i < BYSTANDERS; i++) {
		fake_port(&me->any, 30000 + i);
		if (session_new(g, &me->any, -1) ||
		    me->any.id != me->first + FIXED + i)
			die("SESSION_NEW: %s", g->nl.text);
	}
	tally(&me->s->tallies, PARENT, MADE, STABLE);
	for (i = 0; i < JUNKERS; i++) {
		peer_open(&me->junk[i], g);
		/* Numbers that a session has not seen. */
		me->junk[i].p.in.seq = 1000;
	}
}

FIXTURE_SETUP(crowd)
{
	struct place *me = calloc(1, sizeof(*me));

	netns_enter();
	self->me = me;
	self->l = calloc(1, sizeof(*self->l));
	me->s = shared_memory(sizeof(*me->s));
	listener_open(self->l);
	group_open(&me->g, variant->family, variant->cipher, MEMBERS);
	fake_peer(&me->any, &me->g, 1);
	populate(me);
}

static void leave(struct place *me)
{
	int i;

	for (i = 0; i < FIXED; i++)
		peer_close(&me->fixed[i]);
	for (i = 0; i < JUNKERS; i++)
		peer_close(&me->junk[i]);
	oracle_free(&me->any.p.out);
	oracle_free(&me->any.p.in);
	group_close(&me->g);
}

FIXTURE_TEARDOWN(crowd)
{
	nl_close(&self->l->nl);
	free(self->l);
	free(self->me);
}

TEST_F_TIMEOUT(crowd, at_once, 7200)
{
	struct place *me = self->me;

	run(me, self->l, env_long("KDTLS_STRESS_MS", 3000));
	me->role = PARENT;
	calm(me);
	listen_for(self->l, 0);
	judge_sessions(_metadata, me);
	judge_data(_metadata, me);
	judge_events(_metadata, me, self->l);
	judge_processes(_metadata, me);
	leave(me);
	EXPECT_TRUE(stats_gauges_become_0());
	EXPECT_TRUE(module_refs_become(0));
}

TEST_HARNESS_MAIN
