/* SPDX-License-Identifier: ISC */
/*
 * Listening sockets and what comes in by them.  When no descriptor is left,
 * one kept in reserve lets a connection in and out again, so that it is told
 * and the loop does not spin on it.
 */
#ifndef SERVER_LISTENER_H
#define SERVER_LISTENER_H

#include <stdbool.h>
#include <stddef.h>

#include "base/attr.h"
#include "server/loop.h"
#include "server/origin.h"
#include "wire/addr.h"

#define LISTENER_MAX ADDR_HOSTS_MAX

/* A connection: non-blocking, close-on-exec, the callee's. */
typedef void (
    *listener_fn)(void *arg, int fd, const uint8_t origin[static ORIGIN_LEN]);

struct listener_set;

struct listener {
	struct listener_set *set;
	struct loop_fd watch;
};

struct listener_set {
	struct loop *loop; /* NULL = stopped */
	listener_fn fn;
	void *arg;
	int reserve;
	bool shut;   /* no more connections for now */
	bool remote; /* others than this machine can reach one */
	struct loop_timer pause;
	size_t n;
	struct listener listeners[LISTENER_MAX];
};

/* ERR_IO, ERR_NOMEM. */
int listener_start(struct listener_set *ls, struct loop *loop, listener_fn fn,
    void *arg) MUST_USE;
void listener_stop(struct listener_set *ls); /* zeroed or again: nothing */

/*
 * Listen on h; the port it got is put into h.  Or take a socket that listens
 * already, which is closed when it fails.  At most LISTENER_MAX.
 */
int listener_add(struct listener_set *ls, struct addr_host *h) MUST_USE;
int listener_take(struct listener_set *ls, int fd) MUST_USE;

/* Its address, in numbers; ERR_IO. */
int listener_where(struct addr_host *out, const struct listener *l) MUST_USE;

/* A connection has ended: what a pause waits for may be there again. */
void listener_retry(struct listener_set *ls);

/* Leave what comes where it is, or take it again. */
void listener_shut(struct listener_set *ls, bool shut);

#endif
