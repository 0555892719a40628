/* SPDX-License-Identifier: ISC */
/*
 * Programs that a command runs: without a shell, one at a time, to their end.
 * What such a program is told stands in its environment and on its standard
 * input, a file in memory that is complete before it starts: there is nothing
 * to be written while it runs, whether it reads or not.
 *
 * It shares the other streams.  When the command dies, it is sent SIGTERM.
 */
#ifndef CLI_CHILD_H
#define CLI_CHILD_H

#include <stddef.h>

#include "base/attr.h"

/* Beyond the exit statuses: it was ended by signal status - CHILD_SIGNAL. */
#define CHILD_SIGNAL 256

struct child_env {
	const char *name;
	const char *value;
};

/* ERR_USAGE: a name for which there is nothing to run. */
int child_check(const char *name) MUST_USE;

/*
 * Run argv, which ends with a NULL, and wait for it.  127 and 126 are the
 * statuses of one that is not found, or cannot be run.  ERR_IO, ERR_NOMEM.
 */
int child_run(char *const argv[], const struct child_env *env, size_t env_n,
    const void *input, size_t len, int *status) MUST_USE;

#endif
