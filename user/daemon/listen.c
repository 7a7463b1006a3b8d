// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "listen.h"
#include "log.h"
#include "systemd.h"

#define BACKLOG 128

static int complain(const char *what, const char *path)
{
	log_say(LOG_ERR, "cannot %s %s: %s", what, path, strerror(errno));
	return -1;
}

/* Does anybody listen there? What a daemon that was killed has left, does not. */
static bool is_alive(const struct sockaddr_un *un)
{
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	bool alive = fd >= 0 && (!connect(fd, (const struct sockaddr *)un, sizeof(*un)) ||
				 errno == EAGAIN || errno == EPROTOTYPE);

	if (fd >= 0)
		close(fd);
	return alive;
}

static int make_room(const struct sockaddr_un *un)
{
	struct stat st;

	if (lstat(un->sun_path, &st))
		return errno == ENOENT ? 0 : complain("look at", un->sun_path);
	if (!S_ISSOCK(st.st_mode)) {
		log_say(LOG_ERR, "%s is there already, and is no socket", un->sun_path);
		return -1;
	}
	if (is_alive(un)) {
		log_say(LOG_ERR, "another helper listens at %s: name another socket, or stop it",
			un->sun_path);
		return -1;
	}
	return unlink(un->sun_path) ? complain("remove", un->sun_path) : 0;
}

/* Nobody gets in before it belongs to whom it should. */
static int bind_socket(int fd, const struct conf *conf, const struct sockaddr_un *un)
{
	mode_t before = umask(0777);
	int err = bind(fd, (const struct sockaddr *)un, sizeof(*un));

	umask(before);
	if (err)
		return complain("listen at", un->sun_path);
	if (conf->socket_group != (gid_t)-1 &&
	    lchown(un->sun_path, (uid_t)-1, conf->socket_group))
		return complain("give socket-group", un->sun_path);
	if (chmod(un->sun_path, conf->mode))
		return complain("give socket-mode", un->sun_path);
	return listen(fd, BACKLOG) ? complain("listen at", un->sun_path) : 0;
}

int listen_open(const struct conf *conf, bool *made)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	int fd = systemd_socket();

	*made = false;
	if (fd != -1)
		return fd < 0 ? -1 : fd;
	/* Its length was checked when it was read. */
	snprintf(un.sun_path, sizeof(un.sun_path), "%s", conf->socket);
	if (make_room(&un))
		return -1;
	fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return complain("make a socket for", un.sun_path);
	if (bind_socket(fd, conf, &un)) {
		close(fd);
		return -1;
	}
	*made = true;
	return fd;
}
