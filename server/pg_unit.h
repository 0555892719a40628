/* SPDX-License-Identifier: ISC */
/*
 * One transaction: a call by itself, or many of one kind in one statement; and
 * what is to be done when it fails.
 */
#ifndef SERVER_PG_UNIT_H
#define SERVER_PG_UNIT_H

#include <stdbool.h>

#include "server/pg_query.h"

#define PG_UNIT_OPS   100
#define PG_UNIT_BYTES (1024 * 1024)

struct pg_unit {
	TAILQ_ENTRY(pg_unit) link;
	enum pg_query query;
	bool merged;
	struct pg_ops ops;
	size_t n, bytes;
	PGresult *rows; /* of its statement; or why it has failed */
};

TAILQ_HEAD(pg_units, pg_unit);

/* How a transaction has ended that did not commit. */
enum pg_unit_end {
	PG_UNIT_DONE,
	PG_UNIT_AGAIN,  /* the same once more, on this connection */
	PG_UNIT_DOUBT,  /* it may have come about: once more, on another */
	PG_UNIT_BUSY,   /* not now */
	PG_UNIT_FAILED, /* it would fail again */
};

struct pg_unit *pg_unit_new(const struct pg_op *first); /* NULL: no memory */
void pg_unit_free(struct pg_unit *u); /* with its rows, and without its ops */

/* Whether op can be in it, too. */
bool pg_unit_takes(const struct pg_unit *u, const struct pg_op *op);

/* rows: of its statement. */
enum pg_unit_end pg_unit_judge(const PGresult *rows);

/* Log why it has failed; not all too often. */
void pg_unit_refused(const PGresult *rows);

#endif
