/* SPDX-License-Identifier: GPL-2.0 */
/* kdtlsd.conf(5), as it is written: nothing that it names is opened here. */
#ifndef KDTLSD_CONF_H
#define KDTLSD_CONF_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#define CONF_PATH	"/etc/kdtls/kdtlsd.conf"
#define CONF_ALPN_MAX	32

/* struct conf_profile.role */
#define CONF_CLIENT	1U
#define CONF_SERVER	2U

/* Who may; without any, everybody who gets that far. */
struct conf_users {
	uid_t	*list;
	size_t	n;
};

/**
 * struct conf_profile - a section [profile NAME]
 * @next: in the order of the file
 * @name: its name
 * @line: where it begins
 * @set: bits of the keywords that were given, to find what is given twice
 * @flight_s: seconds that the last flight can be asked for
 * The rest is called as in the file; strings are NULL and numbers 0 if not given.
 */
struct conf_profile {
	struct conf_profile	*next;
	char			*name;
	unsigned int		line;
	unsigned long long	set;
	unsigned int		role;
	char			*cert;
	char			*key;
	char			*ca;
	char			*psk_file;
	char			*psk_identity;
	char			*psk_hint;
	unsigned int		verify;
	char			*server_name;
	char			*ciphers;
	char			*groups;
	char			*sigalgs;
	char			*srtp;
	char			*alpn[CONF_ALPN_MAX + 1];
	char			*keylog;
	unsigned int		mtu;
	unsigned int		window;
	unsigned int		handshake_s;
	unsigned int		flight_s;
	unsigned int		resume;
	unsigned int		tickets;
	unsigned int		session_cache;
	unsigned int		session_s;
	struct conf_users	users;
};

/**
 * struct conf - a configuration file
 * @path: where it was read
 * @set: as for struct conf_profile
 * @line: of [daemon]
 * @socket: where to listen
 * @socket_given: by the command line
 * @mode: of the socket
 * @socket_group: of the socket, or -1
 * @uid: whom to become, or -1
 * @gid: the same
 * @users: who may connect
 * @max_connections: of programs
 * @max_user_connections: of the programs of one user
 * @max_handshakes: under way, and of sockets that are tended, of one connection
 * @lock_memory: all of it
 * @profiles: at least one
 */
struct conf {
	char			*path;
	unsigned long long	set;
	unsigned int		line;
	char			*socket;
	bool			socket_given;
	unsigned int		mode;
	gid_t			socket_group;
	uid_t			uid;
	gid_t			gid;
	struct conf_users	users;
	unsigned int		max_connections;
	unsigned int		max_user_connections;
	unsigned int		max_handshakes;
	unsigned int		lock_memory;
	struct conf_profile	*profiles;
};

/*
 * Read a file, and tell all that is wrong with it, a line each, as
 * "FILE:LINE: what". NULL if there was anything.
 */
struct conf *conf_read(const char *path);

/*
 * The same of @len bytes in memory, which are changed, with room for one more;
 * @path is for messages.
 */
struct conf *conf_parse(const char *path, char *text, size_t len);

void conf_free(struct conf *conf);

/* May the user? root may always. */
bool conf_may(const struct conf_users *users, uid_t uid);

/* Does any profile write a key log? */
bool conf_has_keylog(const struct conf *conf);

#endif /* KDTLSD_CONF_H */
