// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <unistd.h>

#include "closer.h"

/* It calls read() and close(), and all memory is locked. */
#define STACK_BYTES (128 * 1024)

static int pipe_in = -1, pipe_out = -1;

static void *run(void *arg)
{
	int fd;

	while (read(pipe_out, &fd, sizeof(fd)) == sizeof(fd))
		close(fd);
	return NULL;
}

static int start_thread(void)
{
	sigset_t all, before;
	pthread_attr_t attr;
	pthread_t thread;
	int err;

	if (pthread_attr_init(&attr))
		return -ENOMEM;
	pthread_attr_setstacksize(&attr, STACK_BYTES);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	/* Signals are the loop's. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	err = pthread_create(&thread, &attr, run, NULL);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	pthread_attr_destroy(&attr);
	return -err;
}

int closer_start(void)
{
	int fds[2], err;

	if (pipe2(fds, O_CLOEXEC))
		return -errno;
	pipe_out = fds[0];
	fcntl(fds[1], F_SETFL, O_NONBLOCK);
	err = start_thread();
	if (err) {
		close(fds[0]);
		close(fds[1]);
		return err;
	}
	pipe_in = fds[1];
	return 0;
}

void closer_close(int fd)
{
	if (pipe_in < 0 || write(pipe_in, &fd, sizeof(fd)) != sizeof(fd))
		close(fd);
}
