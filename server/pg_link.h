/* SPDX-License-Identifier: ISC */
/*
 * A connection to the database: made without waiting, greeted, and made again
 * after a while when it is gone.  Greeted means: it is the primary, of no
 * older timeline than any that was seen, and the statements are prepared.  A
 * server that was away and has come back as if nothing had happened would take
 * writes that nobody ever sees.
 */
#ifndef SERVER_PG_LINK_H
#define SERVER_PG_LINK_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "server/loop.h"
#include "server/pg_hosts.h"
#include "server/pg_lib.h"

struct pg;

enum pg_link_state {
	PG_LINK_DOWN,
	PG_LINK_STARTING, /* by a thread: the name of a host is looked up */
	PG_LINK_CONNECTING,
	PG_LINK_GREETING,
	PG_LINK_UP,
};

struct pg_link {
	struct pg *pg;
	const char *name;
	PGconn *c;
	struct thread *starter; /* once there is a loop */
	PGconn *started;        /* its own, until it is over */
	unsigned server;        /* which one it starts with */
	enum pg_link_state state;
	PostgresPollingStatusType wants; /* while connecting */
	struct loop_fd watch;
	bool watched;
	struct loop_timer timer;
	uint64_t due;      /* monotonic ms: when the next must have happened */
	uint64_t down_at;  /* since when there is none; 0 = there is */
	unsigned failures; /* since it was up */
	bool warned;       /* a warning has come since this was cleared */

	void (*on_up)(void *arg);
	void (*on_input)(void *arg);
	void (*on_down)(void *arg); /* what was sent is in doubt */
	void *arg;
};

/* Zeroed but for pg, name and what stands below failures: down. */
int pg_link_start(struct pg_link *l) MUST_USE; /* in pg->loop */
void pg_link_stop(struct pg_link *l); /* waits for a name to be looked up */

/* Before there is a loop: wait until one of the servers is up.  ERR_IO. */
int pg_link_open(struct pg_link *l, uint64_t deadline) MUST_USE;

/* Before there is a loop: wait for bytes, to be read or to be sent. */
int pg_link_wait(struct pg_link *l, uint64_t deadline) MUST_USE;

/* It is of no use any more: on_down, and the next in a while. */
void pg_link_fail(struct pg_link *l, const char *why);

/* Something was sent; due has changed. */
void pg_link_arrange(struct pg_link *l);

/* Those given, over the usual ones, for PQconnectStartParams. */
#define PG_LINK_PARAMS 80
void pg_link_params(const char *names[static PG_LINK_PARAMS],
    const char *values[static PG_LINK_PARAMS], const PQconninfoOption *given);

#endif
