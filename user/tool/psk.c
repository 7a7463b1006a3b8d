// SPDX-License-Identifier: GPL-2.0
/* Pre-shared keys from a file with lines "identity:key", as GnuTLS has them. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "tool.h"

/* An identity, a colon, a key in hexadecimal, a line feed. */
#define LINE_MAX_ (KDTLS_PSK_IDENTITY_MAX + 1 + 2 * KDTLS_PSK_MAX + 2)

struct psk {
	char		identity[KDTLS_PSK_IDENTITY_MAX + 1];
	unsigned char	key[KDTLS_PSK_MAX];
	size_t		len;
};

struct psk_keys {
	struct psk	*list;
	size_t		n;
};

void psk_free(struct psk_keys *keys)
{
	if (!keys)
		return;
	if (keys->list)
		explicit_bzero(keys->list, keys->n * sizeof(*keys->list));
	free(keys->list);
	free(keys);
}

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

	if (!n || n % 2 || n / 2 > KDTLS_PSK_MAX)
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

/* NULL, or what is wrong with the line. */
static const char *take_line(struct psk *psk, char *line)
{
	char *colon = strrchr(line, ':');

	if (!colon)
		return "it is not IDENTITY:KEY";
	*colon = 0;
	if (colon == line || colon - line > KDTLS_PSK_IDENTITY_MAX)
		return "an identity has 1 to 256 bytes";
	strcpy(psk->identity, line);
	psk->len = hex_key(colon + 1, psk->key);
	return psk->len ? NULL : "a key is 1 to 512 bytes in hexadecimal";
}

static const struct psk *look_up(const struct psk_keys *keys, const char *name)
{
	const struct psk *found = NULL;
	size_t i;

	/* All of them, whichever it is: the time says nothing. */
	for (i = 0; i < keys->n; i++)
		if (!strcmp(keys->list[i].identity, name))
			found = &keys->list[i];
	return found;
}

/* Room for one more; the old room is wiped. */
static struct psk *room(struct psk_keys *keys)
{
	size_t size = keys->n * sizeof(*keys->list);
	struct psk *list = calloc(keys->n + 1, sizeof(*list));

	if (!list)
		return NULL;
	if (keys->list) {
		memcpy(list, keys->list, size);
		explicit_bzero(keys->list, size);
	}
	free(keys->list);
	keys->list = list;
	return &list[keys->n];
}

static int read_line(struct psk_keys *keys, char *line, const char *path,
		     unsigned int number)
{
	size_t n = strcspn(line, "\r\n");
	const char *wrong;
	struct psk *psk;

	line[n] = 0;
	if (!n || *line == '#')
		return 0;
	psk = room(keys);
	if (!psk) {
		complain("no memory");
		return -1;
	}
	wrong = take_line(psk, line);
	if (!wrong && look_up(keys, psk->identity))
		wrong = "the identity is there already";
	keys->n++;
	if (!wrong)
		return 0;
	complain("%s line %u: %s", path, number, wrong);
	return -1;
}

static int read_file(struct psk_keys *keys, FILE *in, const char *path)
{
	char line[LINE_MAX_ + 1];
	unsigned int number = 0;
	int err = 0;

	/* Not through a buffer that nobody wipes. */
	setvbuf(in, NULL, _IONBF, 0);
	while (!err && fgets(line, sizeof(line), in)) {
		number++;
		if (strlen(line) == sizeof(line) - 1) {
			complain("%s line %u is too long", path, number);
			err = -1;
			break;
		}
		err = read_line(keys, line, path, number);
	}
	explicit_bzero(line, sizeof(line));
	if (!err && !keys->n) {
		complain("%s has no key: each line is IDENTITY:KEY", path);
		err = -1;
	}
	return err;
}

struct psk_keys *psk_read(const char *path)
{
	struct psk_keys *keys = calloc(1, sizeof(*keys));
	FILE *in = fopen(path, "re");
	int err = -1;

	if (!keys)
		complain("no memory");
	else if (!in)
		complain("cannot read %s: %s", path, strerror(errno));
	else
		err = read_file(keys, in, path);
	if (in)
		fclose(in);
	if (!err)
		return keys;
	psk_free(keys);
	return NULL;
}

int psk_use(const struct psk_keys *keys, struct kdtls_config *config,
	    const char *identity)
{
	const struct psk *psk = identity ? look_up(keys, identity) :
					   &keys->list[0];
	int err;

	if (!psk) {
		complain("there is no key for \"%s\" in the file of --psk-file",
			 identity);
		return -1;
	}
	err = kdtls_config_set_psk_identity(config, psk->identity, psk->key,
					    psk->len);
	if (err)
		complain("%s", kdtls_last_error());
	return err;
}

static ssize_t find(struct kdtls_session *s, const char *identity, void *key,
		    size_t size, void *arg)
{
	const struct psk *psk = look_up(arg, identity);

	if (!psk)
		return 0;
	memcpy(key, psk->key, psk->len);
	return (ssize_t)psk->len;
}

int psk_serve(struct psk_keys *keys, struct kdtls_config *config,
	      const char *hint)
{
	int err = kdtls_config_set_psk_find(config, find, keys);

	if (!err && hint)
		err = kdtls_config_set_psk_hint(config, hint);
	if (err)
		complain("%s", kdtls_last_error());
	return err;
}
