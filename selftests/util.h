/* SPDX-License-Identifier: GPL-2.0 */
/* What the test programs share: socket pairs, keys, messages, counters. */
#ifndef KDTLS_SELFTESTS_UTIL_H
#define KDTLS_SELFTESTS_UTIL_H

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <linux/kdtls.h>

#include "oracle.h"

/* No call of a test may block for longer. */
#define WAIT_MS		10000
/* How long to look for something that must not come. */
#define QUIET_MS	30

#define ARRAY_LEN(a)	(sizeof(a) / sizeof((a)[0]))

/* The result of a system call, or the negative errno. */
#define RC(call)							\
	({								\
		long rc_ = (long)(call);				\
		rc_ < 0 ? -(long)errno : rc_;				\
	})

/* The test cannot go on: print why and end it as a failure. */
void die(const char *fmt, ...) __attribute__((noreturn, format(printf, 1, 2)));

/* Sockets */

enum family { IPV4, IPV6, MAPPED };

int udp_socket(enum family family);
/* Loopback, and a port or 0; returns the length of the address. */
socklen_t loopback(enum family family, uint16_t port,
		   struct sockaddr_storage *addr);
void udp_bind(int fd, enum family family);
/* Connect @fd to the address that @to is bound to. */
void udp_connect(int fd, enum family family, int to);
uint16_t local_port(int fd);
void set_int(int fd, int level, int option, int value);
void set_timeout(int fd, int ms);
/*
 * Loopback delivers what is sent before send() returns, but not on a busy
 * machine. Wait until it has.
 */
void settle(void);
/* Will @fd be readable within @ms? The bits that poll() returns. */
int poll_in(int fd, int ms);
uint64_t now_ms(void);
/* By the ticks that the kernel's timeouts are counted in. */
uint64_t tick_ms(void);
void sleep_ms(int ms);
/* The test's own random numbers; KDTLS_SEED=n makes others. */
uint32_t rnd(uint32_t below);
void rnd_bytes(void *p, size_t n);
long env_long(const char *name, long otherwise);

/* A private network namespace with loopback up. */
void netns_enter(void);
void lo_mtu(int mtu);

/* Keys */

union crypto_info {
	struct dtls_crypto_info				info;
	struct dtls12_crypto_info_aes_gcm_128		gcm128;
	struct dtls12_crypto_info_aes_gcm_256		gcm256;
	struct dtls12_crypto_info_aes_ccm_128		ccm128;
	struct dtls12_crypto_info_aes_ccm_256		ccm256;
	struct dtls12_crypto_info_aes_ccm_8_128		ccm8;
	struct dtls12_crypto_info_chacha20_poly1305	chacha;
	uint8_t						bytes[128];
};

/* Each returns 0 or a negative errno. */
int kdtls_attach(int fd);
int kdtls_install(int fd, int direction, const struct oracle *o);
/* What kdtls_install() would hand over; returns its length. */
socklen_t crypto_info(union crypto_info *ci, int direction,
		      const struct oracle *o);
/* Where the padding is in it. */
uint8_t *crypto_info_pad(union crypto_info *ci);
struct dtls_info dtls_info(int fd);

/**
 * struct pair - two connected sockets, the first of them under test
 * @family: what @fd is; @peer is AF_INET where @fd is v4-mapped
 * @fd: the socket under test
 * @peer: the other end, plain or kdtls
 * @out: what @fd seals
 * @in: what @fd opens
 */
struct pair {
	enum family	family;
	int		fd;
	int		peer;
	struct oracle	out;
	struct oracle	in;
};

/* Connected and with keys made, but nothing attached. */
void pair_open(struct pair *p, enum family family, uint16_t cipher);
/* And @fd attached, with keys installed. */
void pair_setup(struct pair *p, enum family family, uint16_t cipher);
/* The same with a replay window of @window records. */
void pair_setup_window(struct pair *p, enum family family, uint16_t cipher,
		       uint16_t window);
/* And @peer as well. */
void pair_setup_both(struct pair *p, enum family family, uint16_t cipher);
void pair_attach(struct pair *p);
void pair_install(struct pair *p);
void pair_install_peer(struct pair *p);
void pair_close(struct pair *p);

/* Messages */

/* @n bytes that tell their number and their length. */
void payload(void *data, size_t n, uint32_t id);
/* The number, or -1 when the bytes are not what payload() made. */
long payload_id(const void *data, size_t n);

/* Send a sealed record to @fd: the next, or number @seq; with any type. */
void feed(struct pair *p, const void *data, size_t n);
void feed_id(struct pair *p, size_t n, uint32_t id);
void feed_seq(struct pair *p, uint64_t seq, size_t n, uint32_t id);
void feed_type(struct pair *p, uint8_t type, const void *data, size_t n);
void feed_alert(struct pair *p, uint8_t level, uint8_t description);
/* Send a datagram as it is. */
void feed_raw(struct pair *p, const void *data, size_t n);
/* Send @n bytes as datagrams of @segment bytes; returns 0 or an errno. */
int feed_train(struct pair *p, const void *data, size_t n, uint16_t segment);

/*
 * Receive a datagram from @fd and open it, which must be one whole record:
 * 0, -EBADMSG if it is not, -EAGAIN if nothing comes.
 */
int take(struct pair *p, struct record *r);
/* The payload's number, or a negative errno. */
long take_id(struct pair *p);

/**
 * struct rx - a message received, with its control messages
 * @len: bytes, or a negative errno
 * @flags: msg_flags
 * @type: record type, or -1 when none was told
 * @raw: DTLS_RAW came with it
 * @gro: segment size, or 0 when none was told
 * @tos: type of service or traffic class, or -1
 * @ttl: time to live or hop limit, or -1
 * @pktinfo: packet info came with it
 * @stamp: a time stamp came with it
 * @tagged: DTLS_SESSION came with it: @tag
 * @tag: which session it came by
 * @name: where it came from
 * @namelen: length of @name
 * @data: what it says
 */
struct rx {
	ssize_t			len;
	int			flags;
	int			type;
	bool			raw;
	int			gro;
	int			tos;
	int			ttl;
	bool			pktinfo;
	bool			stamp;
	bool			tagged;
	struct dtls_session	tag;
	struct sockaddr_storage	name;
	socklen_t		namelen;
	uint8_t			data[65536 + 64];
};

/* With MSG_DONTWAIT, all that was sent before is there. */
ssize_t rx_recv(int fd, struct rx *rx, int flags);
/* One call, without waiting for what is under way. */
ssize_t rx_call(int fd, struct rx *rx, int flags);
ssize_t rx_recv_size(int fd, struct rx *rx, size_t size, int flags);
void rx_parse(struct rx *rx, struct msghdr *msg, ssize_t len);

/*
 * Receive messages until @want payloads are there, and whatever more has come:
 * their numbers in order, as in "0 1 3". A train counts as its records. The
 * string is good until the next call.
 */
const char *recv_ids(int fd, int want);
/* recv(MSG_DONTWAIT) of what was sent before; bytes or a negative errno. */
long recv_now(int fd, void *data, size_t n);
/* Nothing comes. */
bool quiet(int fd);
/* A record goes through, both ways where the oracle is the peer. */
bool echoes(struct pair *p);

struct cbuf {
	union {
		struct cmsghdr	align;
		uint8_t		buf[512];
	};
	size_t len;
};

void cbuf_add(struct cbuf *c, int level, int type, const void *data, size_t n);
void cbuf_u8(struct cbuf *c, int type, uint8_t value);
/* Each returns what was sent or a negative errno. */
long send_cmsg(int fd, const void *data, size_t n, const struct cbuf *c,
	       int flags);
long send_type(int fd, uint8_t type, const void *data, size_t n);
long send_raw(int fd, const void *data, size_t n);
long send_train(int fd, const void *data, size_t n, uint16_t segment);
long send_alert(int fd, uint8_t level, uint8_t description);
/* A train of payloads @first, @first + 1, ..; the last has @last bytes. */
size_t train_payload(uint8_t *data, int count, size_t segment, size_t last,
		     uint32_t first);

/* Counters */

#define STATS_MAX	64

struct stats {
	uint64_t value[STATS_MAX];
};

/* Those of this network namespace. */
void stats_read(struct stats *s);
uint64_t stats_get(const char *name);
/*
 * What was counted since @before, in the order of Documentation/uapi.rst and
 * without the gauges: "RxRecords+1 RxBytes+5". Good until the next call.
 */
const char *stats_since(const struct stats *before);
/* The same, only those whose names begin with @prefix. */
const char *stats_since_of(const struct stats *before, const char *prefix);
/* How many these are together. */
uint64_t stats_sum(const struct stats *before, const char *prefix);
/* Sockets are freed some time after their closing: is everything gone then? */
bool stats_gauges_become_0(void);

/* Threads */

struct job {
	pthread_t	thread;
	void		*(*fn)(void *arg);
	void		*arg;
	pid_t		tid;
	bool		done;
};

void job_start(struct job *j, void *(*fn)(void *arg), void *arg);
/* Wait until the job sleeps in the kernel. */
void job_wait_asleep(struct job *j);
bool job_done(struct job *j);
void *job_join(struct job *j);

/* A job that makes one receive call. */
struct reader {
	struct job	job;
	int		fd;
	int		flags;
	long		result;
	uint8_t		data[2048];
};

void reader_start(struct reader *r, int fd);
long reader_join(struct reader *r);

/* References to the module, or -1. */
int module_refs(void);
/* Wait until nobody uses the module any more; returns the references: 0. */
int module_unused(void);
/* Wait until there are @refs; false if that does not happen. */
bool module_refs_become(int refs);

#endif /* KDTLS_SELFTESTS_UTIL_H */
