/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The daemon: one loop over the listening socket, the programs' connections, and the
 * endpoints whose handshakes they have asked for. Nothing in it waits for anybody.
 *
 *	struct daemon		has profiles and connections
 *	struct profile		an endpoint of libkdtls, made of a section of the file
 *	struct conn		a program
 *	struct job		a handshake of a program, and what is left of it
 */
#ifndef KDTLSD_DAEMON_H
#define KDTLSD_DAEMON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <kdtls.h>
#include <kdtls-helper.h>

#include "conf.h"
#include "keys.h"

struct daemon;

/* What epoll points at. */
struct source {
	void (*ready)(struct source *source, uint32_t events);
};

#define SOURCE_OF(type, member, source) \
	((type *)(void *)((char *)(source) - offsetof(type, member)))

/* ---- profile.c ------------------------------------------------------------------ */

struct memory;

/**
 * struct profile - a profile in use
 * @source: the endpoint's descriptor in the loop's epoll
 * @next: in the daemon's list
 * @daemon: its daemon
 * @refs: of the daemon's list and of jobs
 * @later_next: in the daemon's list of references to be dropped
 * @later: how many of them
 * @name: its name
 * @role: CONF_*
 * @resume: offer what can be resumed
 * @users: who may use it
 * @config: of the library
 * @ep: made with the first job, or NULL
 * @psk: keys for a server to look up, or NULL
 * @memory: what can be resumed
 * @memory_n: how many there are
 */
struct profile {
	struct source		source;
	struct profile		*next;
	struct daemon		*daemon;
	unsigned int		refs;
	struct profile		*later_next;
	unsigned int		later;
	char			*name;
	unsigned int		role;
	bool			resume;
	struct conf_users	users;
	struct kdtls_config	*config;
	struct kdtls_endpoint	*ep;
	struct keys_psk		*psk;
	struct memory		*memory;
	unsigned int		memory_n;
};

/*
 * Make all profiles of a configuration, and read all that they name. Tells what is
 * wrong, and returns -1 then. They belong to whoever frees them with profiles_put().
 */
int profiles_make(struct daemon *d, const struct conf *conf, struct profile **out);
void profiles_put(struct profile *list);

struct profile *profile_find(struct profile *list, const char *name);

/* Its endpoint is there afterwards: 0, or a negative errno of the library. */
int profile_open(struct profile *p);

void profile_get(struct profile *p);
/* Never from within a callback of its endpoint: see daemon_later(). */
void profile_put(struct profile *p);

/* ---- memory.c: sessions that can be resumed --------------------------------------- */

/* Whose session it is, and with whom. */
struct memory_key {
	uid_t			uid;
	struct sockaddr_storage	peer;
	char			server_name[KDTLS_HELPER_NAME_MAX];
	uint8_t			alpn[KDTLS_HELPER_ALPN_MAX];
};

/* What to offer, or NULL. */
const void *memory_find(struct profile *p, const struct memory_key *key, size_t *len);
void memory_keep(struct profile *p, const struct memory_key *key, const void *blob,
		 size_t len);
void memory_forget(struct profile *p, const struct memory_key *key);
void memory_clear(struct profile *p);

/* ---- job.c ------------------------------------------------------------------------ */

/**
 * struct job - a request of a program
 * @next: in the connection's list
 * @conn: whose it is
 * @profile: a reference
 * @id: number that the program gave it
 * @fd: the program's socket
 * @session: of the endpoint; when tended what is left of it
 * @tended: the handshake is over
 * @due: when to look after it again, monotonic milliseconds
 * @want_srtp: the program wants the keys
 * @offered: something to resume was offered
 * @peer: of the socket
 * @key: of what can be resumed
 */
struct job {
	struct job		*next;
	struct conn		*conn;
	struct profile		*profile;
	uint32_t		id;
	int			fd;
	struct kdtls_session	*session;
	bool			tended;
	uint64_t		due;
	bool			want_srtp;
	bool			offered;
	struct sockaddr_storage	peer;
	struct memory_key	key;
};

/* What the endpoint of a profile calls; its argument is the profile. */
extern const struct kdtls_callbacks job_callbacks;

/* Begin what the program asks for, or tell it why not. Takes @fd. */
void job_begin(struct conn *c, const struct kdtls_helper_request *r, int fd);

/* The program wants no more of it. */
void job_cancel(struct conn *c, uint32_t id);

/* End it without a word: the session, the descriptor, the memory. */
void job_free(struct job *job);

/* Look after all tended sockets of a connection; when next, 0 for never. */
uint64_t job_tend(struct conn *c, uint64_t now);

/* ---- conn.c ----------------------------------------------------------------------- */

struct message;

/**
 * struct conn - the connection of a program
 * @source: in the loop's epoll
 * @next: in the daemon's list
 * @daemon: its daemon
 * @fd: its socket
 * @uid: who the program is
 * @pid: which one
 * @dead: waits to be freed
 * @ending: nothing is read any more; it ends when all is written
 * @events: what epoll waits for
 * @jobs: what it has asked for
 * @n_running: of these, handshakes
 * @n_tended: the others
 * @out: what it did not take yet
 * @out_end: the end of that
 * @out_bytes: its size
 * @lines: lines that it may still have logged in this period
 * @lines_until: the end of the period, monotonic milliseconds
 */
struct conn {
	struct source	source;
	struct conn	*next;
	struct daemon	*daemon;
	int		fd;
	uid_t		uid;
	pid_t		pid;
	bool		dead;
	bool		ending;
	uint32_t	events;
	struct job	*jobs;
	unsigned int	n_running;
	unsigned int	n_tended;
	struct message	*out;
	struct message	**out_end;
	size_t		out_bytes;
	unsigned int	lines;
	uint64_t	lines_until;
};

/* A program has connected. Takes @fd. */
void conn_new(struct daemon *d, int fd);

/* Send it a message; what it does not take waits. Never waits itself. */
void conn_send(struct conn *c, const void *message, size_t len);

/* KDTLS_HELPER_FAILED; @err is a negative errno. */
void conn_fail(struct conn *c, uint32_t id, int err, const char *text);

/* It is over, now: its jobs end. */
void conn_end(struct conn *c);
void conn_free(struct conn *c);

/* Tell something about a program, with its name in front, unless it has too much. */
void conn_say(struct conn *c, int priority, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* ---- daemon.c --------------------------------------------------------------------- */

/**
 * struct daemon - all of it
 * @listen_source: the listening socket in the epoll
 * @signal_source: the signals in the epoll
 * @epfd: the epoll
 * @listen_fd: the listening socket
 * @signal_fd: the signals, or -1
 * @conf: the configuration
 * @profiles: those for new handshakes
 * @conns: connections
 * @n_conns: how many
 * @later: profiles of which references are to be dropped behind the callbacks
 * @listen_at: when to listen again, if there were too many descriptors; 0 if we do
 * @tend_at: when to look after tended sockets; 0 for never
 * @refused: programs that were turned away
 * @stopped: SIGTERM
 */
struct daemon {
	struct source	listen_source;
	struct source	signal_source;
	int		epfd;
	int		listen_fd;
	int		signal_fd;
	struct conf	*conf;
	struct profile	*profiles;
	struct conn	*conns;
	unsigned int	n_conns;
	struct profile	*later;
	uint64_t	listen_at;
	uint64_t	tend_at;
	uint64_t	refused;
	bool		stopped;
};

/*
 * A daemon that listens on @listen_fd. Takes @conf and the descriptor if it succeeds;
 * tells why not, and returns NULL.
 */
struct daemon *daemon_new(struct conf *conf, int listen_fd);

/* SIGHUP reloads, SIGTERM and SIGINT stop: the signals of a signalfd(2), taken. */
int daemon_signals(struct daemon *d, int signal_fd);

/* Do what is due, and wait so long at most for something, -1 for ever. */
int daemon_turn(struct daemon *d, int timeout_ms);

/* Read the file again. What is wrong with it is told, and nothing changes. */
void daemon_reload(struct daemon *d);

/* Tell all programs that it is over. */
void daemon_stop(struct daemon *d);
void daemon_free(struct daemon *d);

/* For the others. */
int daemon_watch(struct daemon *d, int fd, struct source *source, uint32_t events);
/* Drop a reference, behind all callbacks and events of this turn. */
void daemon_later(struct daemon *d, struct profile *p);
void daemon_tend_at(struct daemon *d, uint64_t at);
uint64_t daemon_now(void);

#endif /* KDTLSD_DAEMON_H */
