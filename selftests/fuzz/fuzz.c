// SPDX-License-Identifier: GPL-2.0
/*
 * Between libFuzzer and a target: seeds, and how far a run has come.
 *
 * KDTLS_FUZZ_SEEDS names a directory to write the seeds into.
 */
#include <errno.h>
#include <time.h>

#include "fuzz.h"

int LLVMFuzzerTestOneInput(const u8 *data, size_t len);
int LLVMFuzzerInitialize(int *argc, char ***argv);

static const char *seed_dir;
static unsigned long long runs, done;

void fuzz_seed(const void *data, size_t len)
{
	static unsigned int count;
	char path[4096];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%u", seed_dir, count++);
	f = fopen(path, "we");
	if (!f || fwrite(data, 1, len, f) != len || fclose(f)) {
		perror(path);
		exit(1);
	}
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	int i;

	for (i = 1; i < *argc; i++)
		if (!strncmp((*argv)[i], "-runs=", 6))
			runs = strtoull((*argv)[i] + 6, NULL, 10);
	seed_dir = getenv("KDTLS_FUZZ_SEEDS");
	if (seed_dir)
		fuzz_seeds();
	return 0;
}

/* Ten times in a run. */
static void progress(void)
{
	static time_t begin;

	if (!begin)
		begin = time(NULL);
	if (++done % (runs / 10) == 0)
		fprintf(stderr, "# %s: %llu of %llu inputs, %ld s\n",
			program_invocation_short_name, done, runs,
			(long)(time(NULL) - begin));
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t len)
{
	if (runs >= 10)
		progress();
	fuzz_one(data, len);
	return 0;
}
