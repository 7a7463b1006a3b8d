/* SPDX-License-Identifier: GPL-2.0 */
/* The command line of kdtlsd. */
#ifndef KDTLSD_OPTIONS_H
#define KDTLSD_OPTIONS_H

#include <stdbool.h>

/* Exit codes. */
#define EXIT_OK		0
#define EXIT_FAIL	1	/* it did not work */
#define EXIT_USAGE	2	/* it was asked in a wrong way */

struct options {
	const char	*config;
	const char	*socket;
	bool		check;
	bool		verbose;
};

/* Take the command line. -1 to go on; or the status to exit with. */
int options_parse(int argc, char **argv, struct options *o);

#endif /* KDTLSD_OPTIONS_H */
