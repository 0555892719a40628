/* SPDX-License-Identifier: ISC */
/*
 * The service manager that started us, where there is one: what it hands over
 * and what it is told (sd_listen_fds(3), sd_notify(3)).  Both are found by the
 * environment, and taken out of it.
 */
#ifndef SERVER_MANAGER_H
#define SERVER_MANAGER_H

#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"

/*
 * The listening TCP sockets that were handed over: *n descriptors from *first
 * on, the caller's, non-blocking and close-on-exec; *n = 0 when there are none
 * for this process.  ERR_USAGE: something else was handed over; ERR_IO.
 */
int manager_sockets(int *first, size_t *n) MUST_USE;

struct manager {
	int fd; /* -1: there is none */
};

/* To be able to tell, once no socket can be made any more.  ERR_USAGE, ERR_IO.
 */
int manager_connect(struct manager *m) MUST_USE;
void manager_close(struct manager *m);

/*
 * How it goes; status is one line for people.  What the manager does not take
 * at once is lost.
 */
void manager_ready(const struct manager *m, const char *status);
void manager_reloading(const struct manager *m);
void manager_stopping(const struct manager *m);

#endif
