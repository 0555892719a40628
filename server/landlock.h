/* SPDX-License-Identifier: ISC */
/*
 * Landlock: which files this process may still open, and that it may neither
 * connect nor listen.  The kernel's numbers stand here, for the headers of
 * Debian 12 know fewer than its newer kernels do (Linux, Landlock: unprivileged
 * access control).
 */
#ifndef SERVER_LANDLOCK_H
#define SERVER_LANDLOCK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"

#define LANDLOCK_ABI_MAX 6 /* what is made use of */

/*
 * A directory with all beneath it; those below another are allowed what it is.
 * Without one: a port of TCP to connect to, or any.
 */
#define LANDLOCK_ANY_PORT 0

struct landlock_rule {
	const char *dir;
	bool read_only; /* files that are known by name, to be read */
	uint16_t port;
};

/*
 * From now on: what the n rules allow, and nothing outside.  At most version
 * max is asked for.  Answers the version that holds: 0 when the kernel has
 * none; ERR_IO.
 *
 *	1  files   2  moves between directories   3  truncation
 *	4  TCP     5  devices                     6  signals, abstract sockets
 */
int landlock_enter(const struct landlock_rule *rules, size_t n,
    int max) MUST_USE;

#endif
