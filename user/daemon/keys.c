// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "keys.h"
#include "log.h"

#define FILE_BYTES_MAX (1024 * 1024)

static ssize_t read_whole(int fd, char *buf, size_t size)
{
	size_t len = 0;
	ssize_t n;

	while (len < size) {
		n = read(fd, buf + len, size - len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (!n)
			break;
		len += (size_t)n;
	}
	return (ssize_t)len;
}

/* A size that can be, or -1. */
static ssize_t look_at(int fd, const char *path, bool secret, char *why, size_t size)
{
	struct stat st;

	if (fstat(fd, &st) || !S_ISREG(st.st_mode))
		snprintf(why, size, "%s is no file", path);
	else if (st.st_size > FILE_BYTES_MAX)
		snprintf(why, size, "%s is too long: it can have %d bytes", path,
			 FILE_BYTES_MAX);
	else
		goto good;
	return -1;
good:
	if (secret && st.st_mode & 0007)
		log_say(LOG_WARNING, "%s has keys, and everybody can read it: chmod o= %s",
			path, path);
	return (ssize_t)st.st_size;
}

char *keys_read(const char *path, bool secret, size_t *len, char *why, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	char *text = NULL;
	ssize_t n;

	if (fd < 0) {
		snprintf(why, size, "cannot read %s: %s", path, strerror(errno));
		return NULL;
	}
	n = look_at(fd, path, secret, why, size);
	if (n < 0)
		goto out;
	text = calloc(1, (size_t)n + 1);
	*len = (size_t)n;
	n = text ? read_whole(fd, text, *len) : -ENOMEM;
	if (n == (ssize_t)*len)
		goto out;
	snprintf(why, size, "cannot read %s: %s", path,
		 n < 0 ? strerror((int)-n) : "it changes meanwhile");
	if (text)
		keys_free(text, *len);
	text = NULL;
out:
	close(fd);
	return text;
}

void keys_free(char *text, size_t len)
{
	explicit_bzero(text, len);
	free(text);
}

/* ---- pre-shared keys ---- */

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Returns the key's size, 0 if it is none. */
static size_t hex_key(const char *hex, unsigned char key[KDTLS_PSK_MAX])
{
	size_t n = strlen(hex), i;
	int high, low;

	if (n % 2 || n / 2 > KDTLS_PSK_MAX)
		return 0;
	for (i = 0; i < n / 2; i++) {
		high = hex_digit(hex[2 * i]);
		low = hex_digit(hex[2 * i + 1]);
		if (high < 0 || low < 0)
			return 0;
		key[i] = (unsigned char)(high << 4 | low);
	}
	return n / 2;
}

static const char *take_line(struct keys_psk *psk, const char *line)
{
	const char *colon = strrchr(line, ':');
	size_t n;

	if (!colon)
		return "it is not IDENTITY:KEY";
	n = (size_t)(colon - line);
	if (!n || n > KDTLS_PSK_IDENTITY_MAX)
		return "an identity has 1 to 256 bytes";
	memcpy(psk->identity, line, n);
	psk->len = hex_key(colon + 1, psk->key);
	return psk->len ? NULL : "a key is 1 to 512 bytes in hexadecimal";
}

void keys_free_psk(struct keys_psk *list)
{
	struct keys_psk *psk;

	while ((psk = list)) {
		list = psk->next;
		explicit_bzero(psk, sizeof(*psk));
		free(psk);
	}
}

const struct keys_psk *keys_find_psk(const struct keys_psk *list,
				     const char *identity)
{
	const struct keys_psk *found = NULL, *psk;

	if (!identity)
		return list;
	/* All of them, whichever it is: the time says nothing. */
	for (psk = list; psk; psk = psk->next)
		if (!strcmp(psk->identity, identity))
			found = psk;
	return found;
}

/* NULL, or what is wrong with it. */
static const char *one_line(struct keys_psk **list, struct keys_psk ***end,
			    const char *line)
{
	struct keys_psk *psk;
	const char *wrong;

	if (!*line || *line == '#')
		return NULL;
	psk = calloc(1, sizeof(*psk));
	if (!psk)
		return "no memory";
	wrong = take_line(psk, line);
	if (!wrong && *list && keys_find_psk(*list, psk->identity))
		wrong = "the identity is there already";
	**end = psk;
	*end = &psk->next;
	return wrong;
}

struct keys_psk *keys_read_psk(const char *path, char *why, size_t size)
{
	struct keys_psk *list = NULL, **end = &list;
	unsigned int number = 0;
	const char *wrong = NULL;
	char *text, *line, *next;
	size_t len;

	text = keys_read(path, true, &len, why, size);
	if (!text)
		return NULL;
	for (line = text; !wrong && line < text + len; line = next) {
		number++;
		next = line + strcspn(line, "\n");
		*next++ = 0;
		line[strcspn(line, "\r")] = 0;
		wrong = one_line(&list, &end, line);
	}
	keys_free(text, len);
	if (!wrong && list)
		return list;
	if (wrong)
		snprintf(why, size, "%s:%u: %s", path, number, wrong);
	else
		snprintf(why, size, "%s has no key: each line is IDENTITY:KEY", path);
	keys_free_psk(list);
	return NULL;
}
