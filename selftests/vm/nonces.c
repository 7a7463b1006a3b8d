// SPDX-License-Identifier: GPL-2.0
/*
 * No two records under one nonce, whatever goes wrong. Many threads send while
 * all kinds of errors are forced upon them. A plain socket reads everything and
 * keeps a list of the numbers: none comes twice, and those that do not come are
 * as many as the calls that failed had taken.
 */
#include <netinet/in.h>
#include <netinet/udp.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>

#include "bpf.h"
#include "harness.h"
#include "twin.h"

#ifndef SO_RCVBUFFORCE
#define SO_RCVBUFFORCE	33
#endif
#ifndef SO_MEMINFO
#define SO_MEMINFO	55
#endif

#define SENDERS		8
/* Records on their way, at most: what the peer's buffer holds in any case. */
#define AHEAD		4000
#define EPOCHS		1024
/* The segment size that the socket option asks for. */
#define OPTION		100
#define LARGE		3000

/* What becomes of calls. */
enum outcome {
	SENT, REFUSED, TOO_LARGE, NO_ROOM, INTERRUPTED, UNREADABLE, NO_NUMBERS,
	OUTCOMES
};

static const char * const outcome_names[OUTCOMES] = {
	"sent", "EPERM", "EMSGSIZE", "EAGAIN", "EINTR", "EFAULT", "EKEYEXPIRED",
};

/**
 * struct keys - one epoch as the peer knows it
 * @o: its keys
 * @numbers: which sequence numbers came, counted from @o.seq
 * @nonces: which explicit nonces came, counted from @o.nonce
 */
struct keys {
	struct oracle	o;
	uint8_t		*numbers;
	uint8_t		*nonces;
};

/**
 * struct arena - one run
 * @p: the sockets; @p.fd sends
 * @keys: by epoch
 * @last: the last epoch that there are keys for
 * @span: numbers that an epoch's lists have room for
 * @goal: records to send
 * @sent: records that calls have sent
 * @got: records that came
 * @stop: the senders shall end
 * @drained: the reader shall end once nothing comes
 * @wrong: the first thing that was wrong with a record
 */
struct arena {
	struct pair	p;
	struct keys	keys[EPOCHS];
	uint32_t	last;
	uint64_t	span;
	uint64_t	goal;
	uint64_t	sent;
	uint64_t	got;
	int		stop;
	int		drained;
	const char	*wrong;
};

struct sender {
	struct job	job;
	struct arena	*a;
	uint32_t	state;
	bool		to_the_end;
	uint64_t	records[OUTCOMES];
	uint64_t	calls[OUTCOMES];
	long		unexpected;
};

static int cgroup = -1;

/* rnd() is not for threads. */
static uint32_t draw(struct sender *s, uint32_t below)
{
	s->state = s->state * 1664525 + 1013904223;
	return (s->state >> 8) % below;
}

static uint64_t load(const uint64_t *p)
{
	return __atomic_load_n(p, __ATOMIC_ACQUIRE);
}

/* The peer */

static void wrong(struct arena *a, const char *what)
{
	if (!a->wrong)
		__atomic_store_n(&a->wrong, what, __ATOMIC_RELEASE);
}

/* Was it there before? */
static bool mark(struct arena *a, uint8_t *list, uint64_t n)
{
	bool before;

	if (n >= a->span) {
		wrong(a, "a number or nonce is out of range");
		return false;
	}
	before = list[n / 8] >> (n % 8) & 1;
	list[n / 8] |= 1 << (n % 8);
	return before;
}

static void check_record(struct arena *a, const uint8_t *wire, size_t n,
			 struct record *r)
{
	uint32_t epoch = wire[3] << 8 | wire[4];
	struct keys *k = &a->keys[epoch];

	if (epoch > __atomic_load_n(&a->last, __ATOMIC_ACQUIRE) || !epoch) {
		wrong(a, "an epoch that nobody installed");
		return;
	}
	if (oracle_open(&k->o, wire, n, r) || r->wire != n) {
		wrong(a, "a record does not open");
		return;
	}
	if (payload_id(r->data, r->len) < 0 && r->type != DTLS_CT_ALERT)
		wrong(a, "a payload is broken");
	if (mark(a, k->numbers, r->seq - k->o.seq))
		wrong(a, "a number came twice");
	if (oracle_explicit_len(&k->o) &&
	    mark(a, k->nonces, r->nonce - k->o.nonce))
		wrong(a, "a nonce came twice");
	__atomic_add_fetch(&a->got, 1, __ATOMIC_RELEASE);
}

static size_t segment_of(struct msghdr *msg, size_t n)
{
	struct cmsghdr *c;
	int segment;

	for (c = CMSG_FIRSTHDR(msg); c; c = CMSG_NXTHDR(msg, c))
		if (c->cmsg_level == SOL_UDP && c->cmsg_type == UDP_GRO) {
			memcpy(&segment, CMSG_DATA(c), sizeof(segment));
			return segment;
		}
	return n;
}

#define BATCH	16

static void *reader_main(void *arg)
{
	static uint8_t data[BATCH][65536], control[BATCH][64];
	static struct record r;
	struct arena *a = arg;
	struct mmsghdr mm[BATCH];
	struct iovec iov[BATCH];
	size_t off, segment, len;
	int i, n;

	for (;;) {
		for (i = 0; i < BATCH; i++) {
			iov[i] = (struct iovec){ data[i], sizeof(data[i]) };
			mm[i].msg_hdr = (struct msghdr){
				.msg_iov = &iov[i], .msg_iovlen = 1,
				.msg_control = control[i],
				.msg_controllen = sizeof(control[i]),
			};
		}
		n = recvmmsg(a->p.peer, mm, BATCH, MSG_WAITFORONE, NULL);
		if (n <= 0 && __atomic_load_n(&a->drained, __ATOMIC_ACQUIRE))
			return NULL;
		for (i = 0; i < n; i++) {
			len = mm[i].msg_len;
			segment = segment_of(&mm[i].msg_hdr, len);
			for (off = 0; off < len; off += segment)
				check_record(a, data[i] + off,
					     len - off < segment ? len - off :
					     segment, &r);
		}
	}
}

/* The senders */

/**
 * struct call - one call to send
 * @len: bytes of payload
 * @segment: of a train; 0 for whatever the option says, -1 for none
 * @type: of the records
 * @flags: MSG_
 * @fault: the last half of it cannot be read
 */
struct call {
	size_t	len;
	int	segment;
	int	type;
	int	flags;
	bool	fault;
};

static struct call draw_call(struct sender *s)
{
	struct call c = { .len = 8 + draw(s, OPTION - 7),
			  .type = DTLS_CT_APPLICATION_DATA };

	switch (draw(s, 20)) {
	case 0:
		c.fault = true;
		break;
	case 1:
		c.fault = true;
		c.len = 8 * OPTION;
		break;
	case 2:
		c.type = DTLS_CT_HANDSHAKE;
		break;
	case 3:
		c.type = DTLS_CT_ALERT;
		c.len = 2;
		break;
	case 4:
		/* Larger than the device takes. */
		c.len = LARGE;
		c.segment = -1;
		break;
	case 5:
		c.len = 2 * LARGE;
		c.segment = LARGE;
		break;
	case 6 ... 8:
		c.len = OPTION * (2 + draw(s, 20));
		break;
	case 9 ... 12:
		c.segment = 60;
		c.len = 60 * (2 + draw(s, 30));
		break;
	case 13:
		c.segment = 60;
		c.len = 60 * 50;
		c.flags = MSG_DONTWAIT;
		break;
	case 14:
		c.flags = MSG_DONTWAIT;
		break;
	}
	return c;
}

static size_t records_of(const struct call *c)
{
	size_t segment = c->segment > 0 ? (size_t)c->segment : OPTION;

	if (c->segment < 0 || c->len <= segment)
		return 1;
	return (c->len + segment - 1) / segment;
}

static void fill(struct sender *s, const struct call *c, uint8_t *data)
{
	size_t segment = c->segment > 0 ? (size_t)c->segment : OPTION, off;

	if (c->type == DTLS_CT_ALERT) {
		/* A warning that ends nothing: user_canceled. */
		data[0] = 1;
		data[1] = 90;
		return;
	}
	if (c->segment < 0 || c->len <= segment) {
		payload(data, c->len, draw(s, 1 << 24));
		return;
	}
	for (off = 0; off < c->len; off += segment)
		payload(data + off, segment, draw(s, 1 << 24));
}

static long do_call(struct sender *s, const struct call *c)
{
	uint16_t segment = c->segment < 0 ? 0 : c->segment;
	struct cbuf cbuf = { .len = 0 };
	uint8_t data[2 * LARGE];
	struct iovec iov[2] = {
		{ data, c->fault ? c->len / 2 : c->len },
		{ (void *)8, c->fault ? c->len - c->len / 2 : 0 },
	};
	struct msghdr msg = { .msg_iov = iov, .msg_iovlen = 2 };

	fill(s, c, data);
	if (c->segment)
		cbuf_add(&cbuf, SOL_UDP, UDP_SEGMENT, &segment,
			 sizeof(segment));
	if (c->type != DTLS_CT_APPLICATION_DATA)
		cbuf_u8(&cbuf, DTLS_SET_RECORD_TYPE, c->type);
	if (cbuf.len) {
		msg.msg_control = cbuf.buf;
		msg.msg_controllen = cbuf.len;
	}
	return RC(sendmsg(s->a->p.fd, &msg, c->flags));
}

static enum outcome outcome_of(long rc, const struct call *c)
{
	if (rc == (long)c->len)
		return SENT;
	switch (rc) {
	case -EPERM:
		return REFUSED;
	/* Of segments that are too large older kernels say so. */
	case -EINVAL:
	case -EMSGSIZE:
		return TOO_LARGE;
	case -EAGAIN:
		return NO_ROOM;
	case -EINTR:
		return INTERRUPTED;
	case -EFAULT:
		return UNREADABLE;
	case -EKEYEXPIRED:
		return NO_NUMBERS;
	}
	return OUTCOMES;
}

static bool go_on(struct sender *s)
{
	struct arena *a = s->a;
	uint64_t end = now_ms() + 6 * WAIT_MS;

	while (load(&a->sent) - load(&a->got) > AHEAD && !a->wrong) {
		if (now_ms() > end)
			wrong(a, "records do not come");
		sched_yield();
	}
	return !__atomic_load_n(&a->stop, __ATOMIC_ACQUIRE) && !a->wrong &&
	       (s->to_the_end || load(&a->sent) < a->goal);
}

static void *sender_main(void *arg)
{
	struct sender *s = arg;
	enum outcome what;
	struct call c;
	size_t records;
	long rc;

	while (go_on(s)) {
		c = draw_call(s);
		records = records_of(&c);
		rc = do_call(s, &c);
		what = outcome_of(rc, &c);
		if (what == OUTCOMES) {
			s->unexpected = rc;
			wrong(s->a, "an error that nobody expects");
			break;
		}
		s->records[what] += records;
		s->calls[what]++;
		if (what == SENT)
			__atomic_add_fetch(&s->a->sent, records,
					   __ATOMIC_ACQ_REL);
		/* Not even one number is left. */
		if (what == NO_NUMBERS && records == 1)
			break;
	}
	return NULL;
}

/* Trouble */

static void on_signal(int sig)
{
	(void)sig;
}

static void new_lists(struct arena *a, struct keys *k)
{
	k->numbers = calloc(1, a->span / 8 + 1);
	k->nonces = calloc(1, a->span / 8 + 1);
	if (!k->numbers || !k->nonces)
		die("calloc");
}

/* New keys under the next epoch: 0, or why not. */
static int rekey(struct arena *a)
{
	uint32_t epoch = a->last + 1;
	struct keys *k = &a->keys[epoch];

	if (epoch >= EPOCHS)
		return 0;
	oracle_init(&k->o, a->p.out.cipher, epoch, rnd(2) ? 0 : rnd(1 << 30));
	new_lists(a, k);
	/* Known before anything can come. */
	__atomic_store_n(&a->last, epoch, __ATOMIC_RELEASE);
	return kdtls_install(a->p.fd, DTLS_TX, &k->o);
}

struct trouble {
	struct job	job;
	struct arena	*a;
	struct sender	*senders;
	bool		rekeys;
	int		error;
};

static void *trouble_main(void *arg)
{
	struct trouble *t = arg;
	int turn = 0;

	while (!__atomic_load_n(&t->a->stop, __ATOMIC_ACQUIRE) &&
	       !t->a->wrong && !t->error) {
		pthread_kill(t->senders[turn % SENDERS].job.thread, SIGUSR1);
		/* The smallest one that there is, or plenty. */
		set_int(t->a->p.fd, SOL_SOCKET, SO_SNDBUF,
			turn / 16 % 2 ? 1 : 200000);
		if (t->rekeys && turn % 4 == 3)
			t->error = rekey(t->a);
		turn++;
		sleep_ms(1);
	}
	return NULL;
}

/* Bytes in a second. */
#define RATE	4000000

/*
 * Datagrams wait on the device, so that there is a buffer that can be full: at
 * most @rate bytes leave in a second.
 */
static bool slow_down(int fd, unsigned int rate)
{
	if (command("modprobe -q sch_fq; tc qdisc replace dev lo root fq limit 100000 flow_limit 100000 2>/dev/null"))
		return false;
	set_int(fd, SOL_SOCKET, SO_MAX_PACING_RATE, rate);
	return true;
}

/* Of all that goes out one in 32 is refused. */
static int load_dice(void)
{
	const struct bpf_insn insns[] = {
		CALL(BPF_FUNC_get_prandom_u32),
		AND_IMM(0, 31),
		JUMP_EQ(0, 0, 1),
		MOV_IMM(0, 1),
		RETURN(),
	};

	return BPF_LOAD(BPF_PROG_TYPE_CGROUP_SKB, BPF_CGROUP_INET_EGRESS, insns);
}

static void egress(bool on)
{
	static int prog = -1;

	if (on) {
		prog = load_dice();
		if (cgroup_attach(cgroup, prog, BPF_CGROUP_INET_EGRESS))
			die("BPF_PROG_ATTACH");
	} else if (prog >= 0) {
		cgroup_detach(cgroup, prog, BPF_CGROUP_INET_EGRESS);
	}
}

static void arena_open(struct arena *a, uint16_t cipher, uint64_t seq,
		       uint64_t goal)
{
	struct sigaction action = { .sa_handler = on_signal };

	sigaction(SIGUSR1, &action, NULL);
	a->goal = goal;
	/* Calls that fail take numbers, too. */
	a->span = 4 * goal + (1 << 20);
	pair_open(&a->p, IPV4, cipher);
	a->p.out.seq = seq;
	oracle_init(&a->keys[1].o, cipher, 1, seq);
	a->keys[1].o.nonce = a->p.out.nonce;
	memcpy(a->p.out.key, a->keys[1].o.key, sizeof(a->p.out.key));
	memcpy(a->p.out.iv, a->keys[1].o.iv, sizeof(a->p.out.iv));
	new_lists(a, &a->keys[1]);
	a->last = 1;
	pair_attach(&a->p);
	pair_install(&a->p);
	set_int(a->p.peer, SOL_SOCKET, SO_RCVBUFFORCE, 64 << 20);
	set_int(a->p.peer, SOL_UDP, UDP_GRO, 1);
	set_timeout(a->p.peer, 200);
	set_int(a->p.fd, SOL_UDP, UDP_SEGMENT, OPTION);
	set_int(a->p.fd, SOL_IP, IP_MTU_DISCOVER, IP_PMTUDISC_DO);
}

static void arena_close(struct arena *a)
{
	uint32_t i;

	for (i = 1; i <= a->last; i++) {
		oracle_free(&a->keys[i].o);
		free(a->keys[i].numbers);
		free(a->keys[i].nonces);
	}
	pair_close(&a->p);
}

/* What all of the senders have done, in @all. */
static void run(struct arena *a, struct sender *all, bool rekeys,
		bool to_the_end, int *rekey_error)
{
	struct sender s[SENDERS];
	struct trouble t = { .a = a, .senders = s, .rekeys = rekeys };
	uint64_t end;
	struct job reader;
	int i, k;

	memset(s, 0, sizeof(s));
	memset(all, 0, sizeof(*all));
	job_start(&reader, reader_main, a);
	for (i = 0; i < SENDERS; i++) {
		s[i].a = a;
		s[i].state = i * 7919 + env_long("KDTLS_SEED", 1);
		s[i].to_the_end = to_the_end;
		job_start(&s[i].job, sender_main, &s[i]);
	}
	job_start(&t.job, trouble_main, &t);
	/* Signals are for threads that are there: this one ends first. */
	for (i = 0; i < SENDERS; i++)
		while (!job_done(&s[i].job))
			sleep_ms(5);
	__atomic_store_n(&a->stop, 1, __ATOMIC_RELEASE);
	job_join(&t.job);
	for (i = 0; i < SENDERS; i++) {
		job_join(&s[i].job);
		for (k = 0; k < OUTCOMES; k++) {
			all->records[k] += s[i].records[k];
			all->calls[k] += s[i].calls[k];
		}
		if (s[i].unexpected)
			all->unexpected = s[i].unexpected;
	}
	*rekey_error = t.error;
	end = now_ms() + 3 * WAIT_MS;
	while (load(&a->got) < load(&a->sent) && !a->wrong && now_ms() < end)
		sleep_ms(1);
	__atomic_store_n(&a->drained, 1, __ATOMIC_RELEASE);
	job_join(&reader);
}

static uint32_t dropped(int fd)
{
	uint32_t words[9] = { 0 };
	socklen_t len = sizeof(words);

	if (getsockopt(fd, SOL_SOCKET, SO_MEMINFO, words, &len))
		die("SO_MEMINFO");
	return words[8];
}

static void tell(struct __test_metadata *_metadata, const struct sender *all,
		 uint32_t epochs)
{
	char text[512];
	int at = 0, k;

	for (k = 0; k < OUTCOMES; k++)
		at += snprintf(text + at, sizeof(text) - at, " %s %llu of %llu,",
			       outcome_names[k],
			       (unsigned long long)all->records[k],
			       (unsigned long long)all->calls[k]);
	TH_LOG("records, calls:%s %u epochs", text, epochs);
}

FIXTURE(nonces) {
	struct arena *a;
	struct stats before;
	bool slow;
};

FIXTURE_VARIANT(nonces) {
	uint16_t cipher;
	enum family family;
};

VARIANTS_OF_CIPHERS(nonces);

FIXTURE_SETUP(nonces)
{
	cgroup = cgroup_enter();
	netns_enter();
	lo_mtu(1500);
	self->a = calloc(1, sizeof(*self->a));
	ASSERT_NE(NULL, self->a);
}

FIXTURE_TEARDOWN(nonces)
{
	arena_close(self->a);
	free(self->a);
	if (cgroup >= 0)
		cgroup_leave(cgroup);
}

static uint64_t spent(const struct sender *all)
{
	return all->records[REFUSED] + all->records[TOO_LARGE] +
	       all->records[NO_ROOM] + all->records[INTERRUPTED];
}

/* What the calls say, what the module has counted, and what came, agree. */
static void judge(struct __test_metadata *_metadata, struct arena *a,
		  const struct sender *all, const struct stats *before)
{
	struct stats now;

	stats_read(&now);
	tell(_metadata, all, a->last);
	EXPECT_EQ(NULL, a->wrong)
		TH_LOG("%s", a->wrong);
	EXPECT_EQ(0, all->unexpected);
	EXPECT_EQ(0, dropped(a->p.peer));
	EXPECT_EQ(all->records[SENT], a->got);
	EXPECT_EQ(all->records[SENT], stats_get("TxRecords"));
	EXPECT_EQ(spent(all), stats_get("TxErrors"));
	EXPECT_EQ(all->calls[NO_NUMBERS], stats_get("TxExpired"));
	EXPECT_EQ(0, before->value[0]);
	/* Each of these has really been tried, where there was time to. */
	if (all->calls[SENT] < 500)
		return;
	EXPECT_LT(0, all->calls[TOO_LARGE]);
	EXPECT_LT(0, all->calls[UNREADABLE]);
	if (cgroup >= 0)
		EXPECT_LT(0, all->calls[REFUSED]);
}

static uint64_t goal(int part)
{
	return env_long("KDTLS_NONCES", 1000000) / 6 / part + 1;
}

TEST_F_TIMEOUT(nonces, under_errors, 3600)
{
	struct arena *a = self->a;
	uint64_t first = rnd(1 << 30);
	struct sender all;
	int error;

	stats_read(&self->before);
	arena_open(a, variant->cipher, first, goal(1));
	/* Where little is sent, the kernel is a slow one: it must be slower. */
	self->slow = slow_down(a->p.fd, 24 * a->goal < RATE ? 24 * a->goal : RATE);
	if (cgroup >= 0)
		egress(true);
	run(a, &all, false, false, &error);
	egress(false);
	judge(_metadata, a, &all, &self->before);
	/* All numbers that were taken are accounted for. */
	EXPECT_EQ(first + all.records[SENT] + spent(&all),
		  dtls_info(a->p.fd).tx_seq);
	if (self->slow)
		EXPECT_LT(0, all.calls[NO_ROOM]);
}

/* The last numbers of an epoch, and nothing behind them. */
TEST_F_TIMEOUT(nonces, at_the_end, 3600)
{
	struct arena *a = self->a;
	uint64_t left = goal(10);
	struct sender all;
	int error, i;

	stats_read(&self->before);
	arena_open(a, variant->cipher, ORACLE_SEQ_END - left, left);
	self->slow = slow_down(a->p.fd, RATE);
	if (cgroup >= 0)
		egress(true);
	run(a, &all, false, true, &error);
	egress(false);
	EXPECT_LE(SENDERS, all.calls[NO_NUMBERS]);
	EXPECT_EQ(left, all.records[SENT] + spent(&all));
	EXPECT_EQ(ORACLE_SEQ_END, dtls_info(a->p.fd).tx_seq);
	judge(_metadata, a, &all, &self->before);
	for (i = 0; i < 100; i++)
		EXPECT_EQ(-EKEYEXPIRED, RC(send(a->p.fd, "abcd", 4, 0)));
	EXPECT_EQ(-EKEYEXPIRED, send_alert(a->p.fd, 1, 0));
	EXPECT_TRUE(quiet(a->p.peer));
}

/* New keys while everybody sends: a number belongs to one key only. */
TEST_F_TIMEOUT(nonces, new_keys_meanwhile, 3600)
{
	struct arena *a = self->a;
	struct sender all;
	int error;

	stats_read(&self->before);
	arena_open(a, variant->cipher, 0, goal(4));
	error = rekey(a);
	if (error == -EALREADY)
		SKIP(return, "this module takes keys once");
	ASSERT_EQ(0, error);
	self->slow = slow_down(a->p.fd, RATE);
	if (cgroup >= 0)
		egress(true);
	run(a, &all, true, false, &error);
	egress(false);
	EXPECT_EQ(0, error);
	EXPECT_LT(2, a->last);
	judge(_metadata, a, &all, &self->before);
}

TEST_HARNESS_MAIN
