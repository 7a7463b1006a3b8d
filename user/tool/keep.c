// SPDX-License-Identifier: GPL-2.0
/* Secrets in files: what a client can resume, and a server's ticket keys. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tool.h"

/* At most @size bytes and one more, to see that there are more. -1: errno. */
static ssize_t read_all(int fd, unsigned char *buf, size_t size)
{
	size_t len = 0;
	ssize_t n;

	while (len <= size) {
		n = read(fd, buf + len, size + 1 - len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -1;
		if (!n)
			break;
		len += (size_t)n;
	}
	return (ssize_t)len;
}

ssize_t secret_read(const char *path, unsigned char *buf, size_t size,
		    bool may_miss)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	ssize_t n;

	if (fd < 0 && errno == ENOENT && may_miss)
		return 0;
	n = fd < 0 ? -1 : read_all(fd, buf, size);
	if (n < 0)
		complain("cannot read %s: %s", path, strerror(errno));
	if (fd >= 0)
		close(fd);
	if (n <= (ssize_t)size)
		return n;
	complain("%s is too long: it can have %zu bytes", path, size);
	return -1;
}

static int write_all(int fd, const unsigned char *buf, size_t len)
{
	ssize_t n;

	while (len) {
		n = write(fd, buf, len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -1;
		buf += n;
		len -= (size_t)n;
	}
	return 0;
}

/* A whole new file takes the place of the old one, or nothing changes. */
void secret_write(const char *path, const unsigned char *buf, size_t len)
{
	char name[4096];
	int fd = -1, bad;

	if (snprintf(name, sizeof(name), "%s.XXXXXX", path) < (int)sizeof(name))
		/* Mode 0600. */
		fd = mkostemp(name, O_CLOEXEC);
	if (fd < 0) {
		complain("cannot write %s: %s", path, strerror(errno));
		return;
	}
	bad = write_all(fd, buf, len) | close(fd);
	if (!bad && !rename(name, path))
		return;
	complain("cannot write %s: %s", path, strerror(errno));
	unlink(name);
}
