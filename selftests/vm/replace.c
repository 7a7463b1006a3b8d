// SPDX-License-Identifier: GPL-2.0
/*
 * Sessions that are replaced under traffic. Clients send without pause, to members
 * that mostly do not own their sessions, and are answered, while their sessions get
 * new keys over and over. Every record says of which generation of keys it is. It
 * must come by the session that this replacement made, once, to the owner; or not
 * at all, and be counted, if it was under way when the next replacement was.
 */
#include <sched.h>
#include <linux/filter.h>

#include "harness.h"
#include "group.h"
#include "ledger.h"

#define HELPER		0
#define CLIENTS		2	/* the session of client i is owned by member i + 1 */

struct arena;

/**
 * struct client - a peer whose session is replaced
 * @a: where
 * @job: its thread, which sends and takes answers
 * @who: its number
 * @p: its socket; @p.p.in seals with the keys of generation @now
 * @next: seals with the keys behind these
 * @opener: opens with the keys of generation @opens
 * @gen: all generations of keys
 * @lock: held while a record is sealed and sent, or @now changes
 * @came: a record was received
 * @now: what it seals with
 * @asked: the last generation that the kernel may have
 * @done: the last generation that the kernel certainly has
 * @replays: datagrams that were sent a second time
 * @taken: answers that came
 * @last: the last datagram of generation @now
 */
struct client {
	struct arena		*a;
	struct job		job;
	uint32_t		who;
	struct peer		p;
	struct oracle		next;
	struct oracle		opener;
	uint32_t		opens;
	struct generation	*gen;
	pthread_mutex_t		lock;
	pthread_cond_t		came;
	uint32_t		now;
	uint32_t		asked;
	uint32_t		done;
	uint64_t		replays;
	uint64_t		taken;
	uint8_t			last[256];
	size_t			last_len;
};

/* What a record says. */
struct note {
	uint32_t	who;
	uint32_t	generation;	/* of an answer: at least this one */
	uint32_t	number;
};

/* One reads what comes to a member, and answers. */
struct server {
	struct arena	*a;
	struct job	job;
	int		member;
	uint64_t	answers;
	struct rx	rx;
};

/**
 * struct arena - one run
 * @g: the endpoint
 * @client: its peers
 * @server: one for each member
 * @l: what must hold for their records
 * @over: the clients send no more
 * @end: all is accounted for
 */
struct arena {
	struct group	g;
	struct client	client[CLIENTS];
	struct server	server[MEMBERS];
	struct ledger	l;
	bool		over;
	bool		end;
};

static bool over(struct arena *a)
{
	return LOAD(a->over) || LOAD(a->l.is_wrong);
}

static void steer(int fd)
{
	struct sock_filter insns[] = {
		/* The last byte of the record's number. */
		{ BPF_LD | BPF_B | BPF_ABS, 0, 0, 10 },
		{ BPF_ALU | BPF_DIV | BPF_K, 0, 0, 4 },
		{ BPF_ALU | BPF_MOD | BPF_K, 0, 0, MEMBERS },
		{ BPF_RET | BPF_A, 0, 0, 0 },
	};
	struct sock_fprog prog = { ARRAY_LEN(insns), insns };

	if (setsockopt(fd, SOL_SOCKET, SO_ATTACH_REUSEPORT_CBPF, &prog,
		       sizeof(prog)))
		die("SO_ATTACH_REUSEPORT_CBPF");
}

/* Keys */

static void make_generation(struct client *c, uint32_t n)
{
	struct generation *gen = &c->gen[n];
	struct ledger *l = &c->a->l;
	uint16_t epoch = epoch_of(l, n);

	generation_init(gen);
	use_secret(&c->next, &gen->in, epoch, first_of(l, n));
	use_secret(&c->p.p.out, &gen->out, epoch, first_answer(n));
	/* Known before anything can come. */
	STORE(c->asked, n);
}

/* The client changes its keys. */
static void switch_to(struct client *c, uint32_t n)
{
	struct oracle in = c->p.p.in;

	c->p.p.in = c->next;
	c->next = in;
	c->now = n;
}

/* The client sends, and takes what is answered. */

static void send_by(struct client *c, struct oracle *o, uint32_t generation)
{
	struct generation *gen = &c->gen[generation];
	struct note note = { c->who, generation, gen->sent };

	STORE(gen->sent, gen->sent + 1);
	c->last_len = oracle_seal(o, DTLS_CT_APPLICATION_DATA, &note,
				  sizeof(note), c->last);
	feed_raw(&c->p.p, c->last, c->last_len);
}

static bool client_send(struct client *c)
{
	struct generation *gen;
	bool may;

	pthread_mutex_lock(&c->lock);
	gen = &c->gen[c->now];
	may = gen->sent < MOST &&
	      gen->sent - count_bits(LOAD(gen->got)) < FLIGHT;
	if (may)
		send_by(c, &c->p.p.in, c->now);
	pthread_mutex_unlock(&c->lock);
	return may;
}

static void check_answer(struct client *c, uint32_t generation,
			 const struct record *r)
{
	struct ledger *l = &c->a->l;
	struct note note;

	memcpy(&note, r->data, sizeof(note));
	if (r->len != sizeof(note) || note.who != c->who ||
	    r->epoch != epoch_of(l, generation))
		wrong(l, "an answer for others", generation, note.who);
	if (note.generation > generation)
		wrong(l, "an answer by keys that were replaced before",
		      generation, note.generation);
	got_answer(l, &c->gen[generation], generation, &c->opener, r);
}

static bool take_answer(struct client *c)
{
	uint8_t wire[512];
	struct record r;
	uint32_t generation;
	ssize_t n = recv(c->p.p.peer, wire, sizeof(wire), MSG_DONTWAIT);

	if (n < 0)
		return false;
	/* Its number is at the same place whatever key it is by. */
	generation = (uint32_t)wire[5] << 24 | wire[6] << 16 | wire[7] << 8 |
		     wire[8];
	if (n <= ORACLE_HEADER || generation > LOAD(c->asked)) {
		wrong(&c->a->l, "an answer that is no record", generation, n);
		return false;
	}
	if (generation != c->opens)
		use_secret(&c->opener, &c->gen[generation].out, 0, 0);
	c->opens = generation;
	if (oracle_open(&c->opener, wire, n, &r) || r.wire != (size_t)n)
		wrong(&c->a->l, "an answer does not open", generation, n);
	else
		check_answer(c, generation, &r);
	ADD(c->taken, 1);
	return true;
}

/* Datagrams of one thread keep their order only as long as it keeps its CPU. */
static void stay_on_cpu(uint32_t cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu % sysconf(_SC_NPROCESSORS_ONLN), &set);
	if (sched_setaffinity(0, sizeof(set), &set))
		die("sched_setaffinity");
}

static void *client_main(void *arg)
{
	struct client *c = arg;
	struct pollfd pfd = { .fd = c->p.p.peer, .events = POLLIN };
	bool sent, took;

	stay_on_cpu(c->who);
	while (!LOAD(c->a->end)) {
		sent = !over(c->a) && client_send(c);
		took = take_answer(c);
		if (!sent && !took)
			poll(&pfd, 1, 1);
	}
	return NULL;
}

/* The members read. */

/* To the one or to the other: each session has senders on several members. */
static void answer(struct server *r)
{
	struct arena *a = r->a;
	struct client *c = &a->client[r->answers % CLIENTS];
	struct note note = { c->who, LOAD(c->done), r->answers };
	long n = peer_send(a->g.fd[r->member], &c->p, &note, sizeof(note));

	if (n != sizeof(note))
		wrong(&a->l, "an answer is not sent", note.generation, -n);
	ADD(r->answers, 1);
}

static void check_session(struct arena *a, struct generation *gen,
			  const struct note *note, uint32_t session)
{
	uint32_t before = __atomic_exchange_n(&gen->came_by, session,
					      __ATOMIC_ACQ_REL);

	if (before && before != session)
		wrong(&a->l, "by two sessions", note->generation, note->number);
}

static bool note_is_valid(const struct arena *a, const struct note *note)
{
	return note->who < CLIENTS && note->generation < a->l.count &&
	       note->number < LOAD(a->client[note->who].gen[note->generation].sent);
}

static void got_data(struct server *r)
{
	const struct rx *rx = &r->rx;
	struct arena *a = r->a;
	struct generation *gen;
	struct client *c;
	struct note note;

	memcpy(&note, rx->data, sizeof(note));
	if (rx->len != sizeof(note) || !note_is_valid(a, &note) || !rx->tagged) {
		wrong(&a->l, "not what was sent", note.generation, rx->len);
		return;
	}
	c = &a->client[note.who];
	gen = &c->gen[note.generation];
	if (r->member != note.who + 1)
		wrong(&a->l, "to another's owner", note.generation, note.number);
	if (memcmp(&rx->name, &c->p.addr, 4))
		wrong(&a->l, "from another peer", note.generation, note.number);
	if (rx->tag.epoch != epoch_of(&a->l, note.generation) ||
	    rx->tag.seq != first_of(&a->l, note.generation) + note.number)
		wrong(&a->l, "another number", note.generation, rx->tag.seq);
	check_session(a, gen, &note, rx->tag.session);
	if (set_bit(&gen->got, note.number))
		wrong(&a->l, "came twice", note.generation, note.number);
	pthread_mutex_lock(&c->lock);
	pthread_cond_signal(&c->came);
	pthread_mutex_unlock(&c->lock);
	answer(r);
}

static struct client *client_of(struct arena *a, const struct rx *rx)
{
	struct client *c;

	for (c = a->client; c < a->client + CLIENTS; c++)
		if (!memcmp(&rx->name, &c->p.addr, 4))
			return c;
	return NULL;
}

/* As it was sent: the one who knows the keys can open it. */
static void open_raw(struct server *r, struct client *c)
{
	const struct rx *rx = &r->rx;
	struct record record;
	struct generation *gen;
	struct note note;
	struct oracle o;

	oracle_init(&o, r->a->g.cipher, 1, 1);
	/* For the numbers only. */
	oracle_open(&o, rx->data, rx->len, &record);
	note.generation = generation_of(&r->a->l, LOAD(c->asked), &record);
	note.number = record.seq - first_of(&r->a->l, note.generation);
	note.who = c->who;
	gen = &c->gen[note.generation];
	if (note_is_valid(r->a, &note)) {
		oracle_rekey(&o, gen->in.key, gen->in.iv);
		if (oracle_open(&o, rx->data, rx->len, &record) ||
		    record.wire != (size_t)rx->len ||
		    memcmp(record.data, &note, sizeof(note)))
			wrong(&r->a->l, "raw and changed", note.generation,
			      note.number);
		if (set_bit(&gen->raw, note.number))
			wrong(&r->a->l, "raw and twice", note.generation,
			      note.number);
	} else {
		wrong(&r->a->l, "raw and unknown", note.generation, note.number);
	}
	oracle_free(&o);
}

static void got_raw(struct server *r)
{
	struct client *c = client_of(r->a, &r->rx);

	if (r->member != HELPER || !r->a->l.handshake || !c)
		wrong(&r->a->l, "raw to a worker, or unasked", 0, r->member);
	else
		open_raw(r, c);
}

/* All read on for each other until nothing is left anywhere. */
static void *server_main(void *arg)
{
	struct server *r = arg;
	long n;

	while (!LOAD(r->a->end)) {
		n = rx_recv(r->a->g.fd[r->member], &r->rx, 0);
		if (n == -EAGAIN)
			continue;
		if (n < 0)
			wrong(&r->a->l, "recvmsg", 0, -n);
		else if (r->rx.raw)
			got_raw(r);
		else
			got_data(r);
	}
	return NULL;
}

/* Replacements */

static bool wait_for_records(struct client *c, int want)
{
	struct generation *gen = &c->gen[c->now];
	struct timespec end;
	int err = 0;

	clock_gettime(CLOCK_REALTIME, &end);
	end.tv_sec += 3 * WAIT_MS / 1000;
	pthread_mutex_lock(&c->lock);
	while (count_bits(LOAD(gen->got)) < want && !over(c->a) && !err)
		err = pthread_cond_timedwait(&c->came, &c->lock, &end);
	pthread_mutex_unlock(&c->lock);
	if (err)
		wrong(&c->a->l, "no records come", c->now, want);
	return !over(c->a);
}

/* A peer that is done first does not wait for us. */
static void send_early(struct client *c, uint32_t n)
{
	struct generation *gen = &c->gen[n];

	pthread_mutex_lock(&c->lock);
	while (gen->early < EARLY) {
		gen->early++;
		send_by(c, &c->next, n);
	}
	pthread_mutex_unlock(&c->lock);
}

/* What is sent by the old keys from here on is nobody's, nor what came already. */
static void send_late(struct client *c, uint32_t n)
{
	struct generation *gen = &c->gen[n];
	int i;

	gen->end = gen->sent;
	if (gen->sent && !c->a->l.handshake) {
		feed_raw(&c->p.p, c->last, c->last_len);
		c->replays++;
	}
	for (i = 0; i < LATE; i++)
		send_by(c, &c->p.p.in, n);
}

static int replace_by_netlink(struct client *c, uint32_t n)
{
	struct group *g = &c->a->g;
	struct request r;
	int err;

	peer_request(&r, g, &c->p, KDTLS_CMD_SESSION_REPLACE);
	req_keys(&r, KDTLS_A_TX, &c->p.p.out);
	req_keys(&r, KDTLS_A_RX, &c->next);
	if (c->a->l.handshake)
		req_u8(&r, KDTLS_A_HANDSHAKE, 1);
	err = nl_call(&g->nl, &r);
	c->gen[n].session = g->nl.answer.session;
	return err;
}

static void replace(struct client *c)
{
	uint32_t n = c->now + 1;
	struct oracle first;
	int err;

	make_generation(c, n);
	first = c->next;
	if (c->a->l.handshake)
		send_early(c, n);
	/* The kernel is told where the numbers begin, not where they are. */
	c->next.seq = first.seq;
	err = replace_by_netlink(c, n);
	c->next.seq += c->gen[n].early;
	if (err)
		wrong(&c->a->l, "SESSION_REPLACE", n, -err);
	STORE(c->done, n);
	pthread_mutex_lock(&c->lock);
	send_late(c, c->now);
	switch_to(c, n);
	pthread_mutex_unlock(&c->lock);
}

/* Between two replacements there are some records, or none. */
static void replace_all(struct arena *a)
{
	uint32_t n, i;

	for (n = 1; n < a->l.count; n++)
		for (i = 0; i < CLIENTS; i++) {
			if (!wait_for_records(&a->client[i], rnd(5)))
				return;
			replace(&a->client[i]);
		}
	for (i = 0; i < CLIENTS; i++)
		wait_for_records(&a->client[i], 5);
}

/* The run */

static void client_open(struct client *c, struct arena *a, int who)
{
	struct group *g = &a->g;

	c->a = a;
	c->who = who;
	c->gen = calloc(a->l.count, sizeof(*c->gen));
	if (!c->gen)
		die("calloc");
	pthread_mutex_init(&c->lock, NULL);
	pthread_cond_init(&c->came, NULL);
	peer_open(&c->p, g);
	oracle_init(&c->next, g->cipher, 1, 1);
	oracle_init(&c->opener, g->cipher, 1, 1);
	c->opens = UINT32_MAX;
	make_generation(c, 0);
	switch_to(c, 0);
	if (session_new(g, &c->p, who + 1))
		die("SESSION_NEW: %s", g->nl.text);
	c->gen[0].session = c->p.id;
	if (a->l.handshake && session_set_u8(g, &c->p, KDTLS_A_HANDSHAKE, 1))
		die("SESSION_SET: %s", g->nl.text);
}

static void client_close(struct client *c)
{
	oracle_free(&c->opener);
	oracle_free(&c->next);
	peer_close(&c->p);
	free(c->gen);
}

static void start(struct arena *a)
{
	int i;

	steer(a->g.fd[0]);
	for (i = 0; i < MEMBERS; i++) {
		a->server[i].a = a;
		a->server[i].member = i;
		set_timeout(a->g.fd[i], 100);
		set_int(a->g.fd[i], SOL_DTLS, DTLS_RECV_SESSION, 1);
		job_start(&a->server[i].job, server_main, &a->server[i]);
	}
	for (i = 0; i < CLIENTS; i++)
		job_start(&a->client[i].job, client_main, &a->client[i]);
}

static void add_up(struct sum *s, struct arena *a, const struct stats *before)
{
	struct client *c;
	uint32_t n, i;

	memset(s, 0, sizeof(*s));
	for (i = 0; i < CLIENTS; i++) {
		c = &a->client[i];
		for (n = 0; n < a->l.count; n++)
			add_generation(s, &a->l, &c->gen[n], n, i + 1);
		s->replays += c->replays;
		s->taken += LOAD(c->taken);
	}
	for (i = 0; i < MEMBERS; i++)
		s->answers += LOAD(a->server[i].answers);
	s->dropped = stats_sum(before, "RxDrop");
}

static bool is_accounted_for(const struct sum *s)
{
	/* Each record has an answer, which may be one that is still to be sent. */
	return s->sent + s->replays <= s->got + s->raw + s->dropped &&
	       s->got <= s->taken;
}

static void stop(struct arena *a, const struct stats *before, struct sum *s)
{
	uint64_t end = now_ms() + 2 * WAIT_MS;
	int i;

	STORE(a->over, true);
	for (;;) {
		add_up(s, a, before);
		if (is_accounted_for(s) || now_ms() > end)
			break;
		sleep_ms(10);
	}
	STORE(a->end, true);
	for (i = 0; i < CLIENTS; i++)
		job_join(&a->client[i].job);
	for (i = 0; i < MEMBERS; i++)
		job_join(&a->server[i].job);
	add_up(s, a, before);
}

/* Judgement */

static void judge(struct __test_metadata *_metadata, struct arena *a,
		  const struct sum *s)
{
	uint64_t answers = 0;
	struct client *c;
	uint32_t n;

	for (c = a->client; c < a->client + CLIENTS; c++)
		for (n = 0; n < a->l.count; n++)
			answers += judge_generation(&a->l, &c->gen[n], n);
	EXPECT_FALSE(a->l.is_wrong)
		TH_LOG("%s", a->l.wrong);
	EXPECT_EQ(s->got, s->answers);
	EXPECT_EQ(s->got, s->taken);
	EXPECT_EQ(s->answers, answers);
	EXPECT_LT(0, s->got);
	EXPECT_EQ(s->sent + s->replays, s->got + s->raw + s->dropped);
}

/* By which counters what was lost may have been counted. */
static void judge_drops(struct __test_metadata *_metadata, struct arena *a,
			const struct sum *s, const struct stats *before)
{
	uint64_t allowed = 0;

	if (a->l.how == EPOCHS) {
		allowed = stats_sum(before, "RxDropEpoch");
	} else {
		allowed = stats_sum(before, "RxDropAuth");
		/* The new session may have seen such a number. */
		if (a->l.how == AGAIN)
			allowed += stats_sum(before, "RxDropReplay") +
				   stats_sum(before, "RxDropOld");
	}
	EXPECT_EQ(s->dropped, allowed)
		TH_LOG("%s", stats_since_of(before, "RxDrop"));
	EXPECT_EQ(!a->l.handshake, s->dropped > 0);
}

static void judge_counters(struct __test_metadata *_metadata, struct arena *a,
			   const struct sum *s, const struct stats *before)
{
	unsigned long long replaced = CLIENTS * (a->l.count - 1);
	unsigned long long answers = s->answers;
	char text[128];

	snprintf(text, sizeof(text), "SessionsNew+%u SessionsReplaced+%llu",
		 CLIENTS, replaced);
	EXPECT_STREQ(text, stats_since_of(before, "Sessions"));
	snprintf(text, sizeof(text), "TxInstalled+%llu TxRecords+%llu TxBytes+%llu",
		 replaced + CLIENTS, answers, answers * sizeof(struct note));
	EXPECT_STREQ(text, stats_since_of(before, "Tx"));
	EXPECT_EQ(s->got, stats_get("RxRecords"));
	EXPECT_EQ(s->raw, stats_get("RxRaw"));
	EXPECT_EQ(s->forwarded, stats_get("RxForwarded"));
	EXPECT_EQ(0, stats_get("RxUnknown"));
	EXPECT_EQ(CLIENTS, stats_get("CurrSessions"));
	EXPECT_EQ(CLIENTS, stats_get("CurrTx"));
	EXPECT_EQ(CLIENTS, stats_get("CurrRx"));
	EXPECT_EQ(CLIENTS, endpoint_info(a->g.fd[0]).sessions);
	EXPECT_EQ(0, nl_leaks());
}

FIXTURE(replace) {
	struct arena *a;
	struct stats before;
	uint64_t began;
};

FIXTURE_VARIANT(replace) {
	uint16_t cipher;
	enum family family;
	enum numbering how;
};

FIXTURE_VARIANT_ADD(replace, gcm128_v4_again) {
	.cipher = GCM128, .family = IPV4, .how = AGAIN,
};

FIXTURE_VARIANT_ADD(replace, chacha_v6_epochs) {
	.cipher = CHACHA, .family = IPV6, .how = EPOCHS,
};

FIXTURE_VARIANT_ADD(replace, gcm256_mapped_down) {
	.cipher = GCM256, .family = MAPPED, .how = DOWN,
};

FIXTURE_SETUP(replace)
{
	struct arena *a = calloc(1, sizeof(*a));

	ASSERT_NE(NULL, a);
	netns_enter();
	self->a = a;
	a->l.how = variant->how;
	group_open(&a->g, variant->family, variant->cipher, MEMBERS);
	stats_read(&self->before);
	self->began = now_ms();
}

FIXTURE_TEARDOWN(replace)
{
	int i;

	for (i = 0; i < CLIENTS; i++)
		client_close(&self->a->client[i]);
	group_close(&self->a->g);
	free(self->a);
}

/* For all variants together. */
static uint32_t replacements(int part)
{
	return env_long("KDTLS_REPLACEMENTS", 300) / part / 3 / CLIENTS + 1;
}

static void run(struct __test_metadata *_metadata, struct arena *a,
		uint32_t replaced, const struct stats *before, uint64_t began)
{
	struct sum s;
	int i;

	a->l.count = 1 + replaced;
	for (i = 0; i < CLIENTS; i++)
		client_open(&a->client[i], a, i);
	start(a);
	replace_all(a);
	stop(a, before, &s);
	TH_LOG("%u replacements in %llu ms: %llu records, %llu received, %llu raw, %llu dropped; %llu answers",
	       CLIENTS * (a->l.count - 1), (unsigned long long)(now_ms() - began),
	       (unsigned long long)(s.sent + s.replays),
	       (unsigned long long)s.got, (unsigned long long)s.raw,
	       (unsigned long long)s.dropped, (unsigned long long)s.taken);
	judge(_metadata, a, &s);
	judge_drops(_metadata, a, &s, before);
	judge_counters(_metadata, a, &s, before);
}

TEST_F_TIMEOUT(replace, under_traffic, 3600)
{
	run(_metadata, self->a, replacements(1), &self->before, self->began);
}

/* What does not open is the helper's, and nothing is lost. */
TEST_F_TIMEOUT(replace, handshake, 3600)
{
	struct arena *a = self->a;

	a->l.handshake = true;
	/* The helper has to know by the number which keys to try. */
	if (a->l.how == AGAIN)
		a->l.how = DOWN;
	run(_metadata, a, replacements(4), &self->before, self->began);
}

TEST_HARNESS_MAIN
