/* SPDX-License-Identifier: ISC */
/*
 * Containment: what the relay gives up before it serves.  Three steps, since
 * sockets are opened before the second, and files before the third.
 */
#ifndef SERVER_SANDBOX_H
#define SERVER_SANDBOX_H

#include <stdbool.h>

#include "base/attr.h"

struct sandbox {
	bool off;             /* neither Landlock nor seccomp, for sanitizers */
	int landlock_max;     /* version of Landlock to make use of, at most */
	const char *user;     /* to become, when root; NULL: stays */
	const char *readable; /* a directory of files to read; NULL: none */
};

/* What was reached. */
struct sandbox_level {
	int landlock; /* its version, 0 = none */
	bool seccomp;
};

/* At the very start: no core file, nobody else may look inside.  ERR_IO. */
int sandbox_prepare(void) MUST_USE;

/*
 * When it listens, and before it opens a file: become the user, if there is
 * one.  ERR_USAGE: no such user, or not root; ERR_IO.
 */
int sandbox_become(const struct sandbox *s) MUST_USE;

/*
 * When all is open: drop every capability, gain none by exec, and stay with
 * the files in dir and the system calls of serving.  A kernel without Landlock
 * is no fault: see out.  ERR_IO.
 */
int sandbox_enter(struct sandbox_level *out, const struct sandbox *s,
    const char *dir) MUST_USE;

#endif
