/* SPDX-License-Identifier: ISC */
/*
 * What stands in the database, by version.  Its tables:
 *
 *	sentinel_version  one row: the version
 *	clients   id, user_name, public_key, issued_at, last_seen, and of the
 *	          mailbox last_id, as of timeline, and counters; at_relay: who
 *	          waits there
 *	messages  to_client, id, from_client, type, stored_at, content
 *	pieces    the same of type 4, in a partition a day: piece_days has them
 *	blocks    client, blocked
 *	shares    to_client, kind, from_client, n, bytes: as in SQLite's store
 *	invites   nonce, expires: those that were used
 *
 * A row in clients is never deleted; user_name is NULL once it has
 * unregistered.  The next message id comes from that row, under its lock, so
 * that ids become visible in their order.  On another timeline (pg_fence.h)
 * they go on 2^20 later.  No column of it that changes with a message is in an
 * index.
 */
#ifndef SERVER_PG_SCHEMA_H
#define SERVER_PG_SCHEMA_H

#include "base/attr.h"
#include "server/pg_fence.h"

#define PG_SCHEMA_VERSION 3

/* The way from each version to the next, the first from nothing; NULL ends it.
 */
extern const char *const *const pg_schema_sql_steps[PG_SCHEMA_VERSION];

/*
 * Connect to a server that f lets pass, make what is missing, and leave; takes
 * a while.  ERR_CORRUPT: it is of a later version; ERR_USAGE, ERR_IO.
 */
int pg_schema_make(const char *conninfo, struct pg_fence *f) MUST_USE;

#endif
