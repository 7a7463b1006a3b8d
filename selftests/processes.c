// SPDX-License-Identifier: GPL-2.0
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "processes.h"
#include "util.h"

void *shared_memory(size_t n)
{
	void *p = mmap(NULL, n, PROT_READ | PROT_WRITE,
		       MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		die("mmap");
	return p;
}

void tally(struct tallies *t, int who, int deed, uint64_t n)
{
	__atomic_add_fetch(&t->did[who][deed], n, __ATOMIC_RELEASE);
}

uint64_t tally_of(struct tallies *t, int who, int deed)
{
	return __atomic_load_n(&t->did[who][deed], __ATOMIC_ACQUIRE);
}

uint64_t tally_sum(struct tallies *t, int deed)
{
	uint64_t sum = 0;
	int who;

	for (who = 0; who < PROCESSES; who++)
		sum += tally_of(t, who, deed);
	return sum;
}

void complain(struct tallies *t, int who, const char *what, long value)
{
	if (!t->wrong[who][0])
		snprintf(t->wrong[who], sizeof(t->wrong[0]), "%s: %ld", what,
			 value);
}

pid_t process_start(void (*fn)(void *arg), void *arg)
{
	pid_t parent = getpid(), pid = fork();

	if (pid < 0)
		die("fork");
	if (pid)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() == parent)
		fn(arg);
	_exit(0);
}

int processes_ended(struct tallies *t, pid_t *pids, int count)
{
	int i, status, ended = 0;

	for (i = 0; i < count; i++) {
		if (pids[i] && waitpid(pids[i], &status, WNOHANG)) {
			pids[i] = 0;
			if (status)
				complain(t, i, "a bad end, status", status);
		}
		ended += !pids[i];
	}
	return ended;
}

void processes_kill(pid_t *pids, int count)
{
	int i;

	for (i = 0; i < count; i++) {
		if (!pids[i])
			continue;
		kill(pids[i], SIGKILL);
		waitpid(pids[i], NULL, 0);
		pids[i] = 0;
	}
}
