/* SPDX-License-Identifier: ISC */
/*
 * Containment: what the relay gives up before it serves.  Three steps, since
 * sockets are opened before the second, and files before the third.
 */
#ifndef SERVER_SANDBOX_H
#define SERVER_SANDBOX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"

/* What a store that is elsewhere needs: it connects again and again. */
#define SANDBOX_PORTS 8
#define SANDBOX_DIRS  8

struct sandbox_outside {
	bool needed;
	bool any_port; /* else those alone */
	size_t ports_n;
	uint16_t ports[SANDBOX_PORTS];
	size_t dirs_n;
	char dirs[SANDBOX_DIRS][256]; /* to be read */
};

struct sandbox {
	bool off;             /* neither Landlock nor seccomp, for sanitizers */
	int landlock_max;     /* version of Landlock to make use of, at most */
	const char *user;     /* to become, when root; NULL: stays */
	const char *readable; /* a directory of files to read; NULL: none */
	const struct sandbox_outside *outside; /* NULL: nothing */
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
 * the files in dir (NULL: none) and the system calls of serving.  A kernel
 * without Landlock is no fault: see out.  ERR_IO.
 */
int sandbox_enter(struct sandbox_level *out, const struct sandbox *s,
    const char *dir) MUST_USE;

#endif
