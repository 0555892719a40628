/* SPDX-License-Identifier: ISC */
/*
 * The servers of a CONNINFO in turn.  libpq begins with the first of them each
 * time: one that is refused, or is silent, would keep it from all others.
 */
#ifndef SERVER_PG_HOSTS_H
#define SERVER_PG_HOSTS_H

#include "base/attr.h"

#define PG_HOSTS_LISTS 3

/* Those of a CONNINFO's lists that stand for the servers, turned. */
struct pg_hosts {
	const char *names[PG_HOSTS_LISTS]; /* host, hostaddr, port */
	char *values[PG_HOSTS_LISTS];
	int n;
};

/* So many to the left, counted round; a single server is none. ERR_NOMEM. */
int pg_hosts_turn(struct pg_hosts *out, const char *conninfo,
    unsigned by) MUST_USE;
void pg_hosts_free(struct pg_hosts *h);

/* How many there are to begin with. */
unsigned pg_hosts_count(const char *conninfo);

#endif
