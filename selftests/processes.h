/* SPDX-License-Identifier: GPL-2.0 */
/* Several processes at once, and tallies of what each of them has done. */
#ifndef KDTLS_SELFTESTS_PROCESSES_H
#define KDTLS_SELFTESTS_PROCESSES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define PROCESSES	9	/* at most, with the one that starts them */
#define DEEDS_MAX	24

/**
 * struct tallies - what the processes share; begin with tallies_new()
 * @did: what each has done
 * @wrong: what was wrong first
 */
struct tallies {
	uint64_t	did[PROCESSES][DEEDS_MAX];
	char		wrong[PROCESSES][120];
};

/* Zeroed memory that processes share which are started from here on. */
void *shared_memory(size_t n);

void tally(struct tallies *t, int who, int deed, uint64_t n);
uint64_t tally_of(struct tallies *t, int who, int deed);
/* Of all together. */
uint64_t tally_sum(struct tallies *t, int deed);
void complain(struct tallies *t, int who, const char *what, long value);

/* Ends with the one that calls this, and at once when @fn returns. */
pid_t process_start(void (*fn)(void *arg), void *arg);
/*
 * How many of the @count have ended; their numbers in @pids become 0, and a bad end
 * is complained about.
 */
int processes_ended(struct tallies *t, pid_t *pids, int count);
/* Those that have not. */
void processes_kill(pid_t *pids, int count);

#endif /* KDTLS_SELFTESTS_PROCESSES_H */
