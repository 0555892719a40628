/* SPDX-License-Identifier: ISC */
/*
 * The servers of a CONNINFO, one at a time.  libpq begins with the first of
 * them each time: one that is refused, or is silent, would keep it from all
 * others.  And it would look up the name of the next when it has come so far,
 * while the loop stands still.
 */
#ifndef SERVER_PG_HOSTS_H
#define SERVER_PG_HOSTS_H

#include "base/attr.h"
#include "server/pg_lib.h"

/*
 * The options of conninfo, with the nth server alone, counted round; NULL: it
 * is none, or there is no memory.  PQconninfoFree.
 */
PQconninfoOption *pg_hosts_pick(const char *conninfo, unsigned nth) MUST_USE;

/* How many there are to begin with. */
unsigned pg_hosts_count(const char *conninfo);

#endif
