/* SPDX-License-Identifier: ISC */
/*
 * The highest timeline of a cluster that was seen: a primary of an older one
 * was replaced while it was away, and what it takes nobody ever sees.  It is
 * kept in a file, so that a relay that starts again knows it too:
 *
 *	sentinel-relay-timeline:CLUSTER:TIMELINE
 *
 * CLUSTER being the system identifier that a primary and its standbys share,
 * TIMELINE the first eight digits of the names of its WAL files.  Relays of one
 * machine may have the same file.
 */
#ifndef SERVER_PG_FENCE_H
#define SERVER_PG_FENCE_H

#include <stdint.h>

#include "base/attr.h"

/* What a server is asked for: two columns, for pg_fence_check. */
#define PG_FENCE_ASK                                                \
	"CASE WHEN pg_is_in_recovery() THEN '' ELSE"                \
	" substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8) END," \
	" (SELECT system_identifier FROM pg_control_system())"

/* Zeroed but for path: nothing is known. */
struct pg_fence {
	const char *path; /* borrowed; NULL: it is kept in memory alone */
	uint64_t cluster; /* of this run; 0: not known yet */
	uint32_t timeline;
};

/* Whether the file, if there is one, can be read.  ERR_CORRUPT, ERR_IO. */
int pg_fence_look(const char *path) MUST_USE;

/*
 * Whether a server that says this of itself may be used; what is new is in the
 * file by then.  A file of another cluster holds for none of this one.
 * ERR_IO: it may not, or the file cannot be written; ERR_CORRUPT: nor read.
 */
int pg_fence_check(struct pg_fence *f, const char *timeline,
    const char *cluster) MUST_USE;

#endif
