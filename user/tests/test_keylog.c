// SPDX-License-Identifier: GPL-2.0
/* The key log is for its owner's eyes. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "world.h"

static char dir[32], path[64];

static void file_name(const char *name)
{
	snprintf(path, sizeof(path), "%s/%s", dir, name);
}

/* A file that is there, with a mode. */
static void make_file(const char *name, unsigned int mode)
{
	int fd;

	file_name(name);
	fd = open(path, O_CREAT | O_WRONLY, 0600);
	CHECK(fd >= 0);
	CHECK(!fchmod(fd, mode));
	CHECK_EQ(write(fd, "old\n", 4), 4);
	close(fd);
}

static int try_listen(void)
{
	struct kdtls_config *config = kdtls_config_new();
	struct kdtls_endpoint *ep = NULL;
	int err;

	pki_config(config);
	CHECK_EQ(kdtls_config_set_keylog_file(config, path), 0);
	err = kdtls_listen(config, "127.0.0.1", "0", &ep);
	kdtls_config_free(config);
	kdtls_endpoint_destroy(ep);
	return err;
}

static unsigned int mode_of(void)
{
	struct stat st = { 0 };

	CHECK(!stat(path, &st));
	return st.st_mode & 07777;
}

static void modes(void)
{
	static const unsigned int wide[] = { 0644, 0666, 0640, 0700, 04600 };
	char name[16];
	size_t i;
	mode_t mask;

	mask = umask(0);
	file_name("new");
	CHECK_EQ(try_listen(), 0);
	CHECK_EQ(mode_of(), 0600);
	for (i = 0; i < sizeof(wide) / sizeof(wide[0]); i++) {
		snprintf(name, sizeof(name), "%o", wide[i]);
		make_file(name, wide[i]);
		CHECK_EQ(try_listen(), 0);
		CHECK_EQ(mode_of(), 0600);
	}
	umask(mask);
}

static void appends(void)
{
	struct kdtls_config *client;
	struct world w = { .sessions = 0 };
	char text[1024] = "";
	int fd;

	make_file("appended", 0644);
	client = client_config(&w, KDTLS_OFFLOAD_OFF);
	kdtls_config_set_keylog_file(client, path);
	NEED(world_open(&w, server_config(&w, KDTLS_OFFLOAD_OFF), client,
			"127.0.0.1"));
	NEED(world_connect(&w));
	world_end(&w);
	fd = open(path, O_RDONLY);
	CHECK(read(fd, text, sizeof(text) - 1) > 4);
	close(fd);
	CHECK(!strncmp(text, "old\nCLIENT_RANDOM ", 18));
	CHECK_EQ(mode_of(), 0600);
}

static void refused(void)
{
	/* Not ours: only root can make one. */
	make_file("foreign", 0666);
	if (!geteuid() && !chown(path, 65534, (gid_t)-1)) {
		CHECK_EQ(try_listen(), -EPERM);
		CHECK(strstr(kdtls_last_error(), "another user"));
		CHECK_EQ(mode_of(), 0666);
	} else {
		printf("# no other user's file here\n");
	}
	file_name("fifo");
	CHECK(!mkfifo(path, 0600));
	CHECK_EQ(try_listen(), -EINVAL);
	CHECK(strstr(kdtls_last_error(), "no file"));
	{
		int fd = open(path, O_RDONLY | O_NONBLOCK);

		CHECK_EQ(try_listen(), -EINVAL);
		CHECK(strstr(kdtls_last_error(), "no file"));
		close(fd);
	}
	make_file("target", 0600);
	file_name("link");
	CHECK(!symlink("target", path));
	CHECK_EQ(try_listen(), -EINVAL);
	file_name("none/there");
	CHECK_EQ(try_listen(), -ENOENT);
}

static const struct tap_test tests[] = {
	{ "mode 0600, whatever it was", modes },
	{ "lines behind those that are there", appends },
	{ "what is refused", refused },
};

int main(void)
{
	char command[64];
	int ret;

	world_begin();
	strcpy(dir, "/tmp/kdtls-keylog-XXXXXX");
	if (!mkdtemp(dir))
		return 1;
	ret = tap_run(tests, sizeof(tests) / sizeof(tests[0]));
	snprintf(command, sizeof(command), "rm -r %s", dir);
	return ret | !!system(command);
}
