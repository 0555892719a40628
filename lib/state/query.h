/* SPDX-License-Identifier: ISC */
/*
 * Prepared statements, kept with their connection and found again by the
 * address of their SQL, which must therefore be a string literal.
 *
 *	struct query *q = query_of(db, "SELECT seq FROM outbox WHERE n = ?1");
 *
 *	query_bind_i64(q, n);
 *	if (query_row(q))
 *		seq = query_get_u64(q);
 *	return query_end(q);
 *
 * Parameters and columns are taken in their order.  The first fault sticks:
 * what follows has no effect and reads zeros, and query_end tells.  Columns
 * that are not what they must be are ERR_CORRUPT.  Every query ends with
 * query_end, query_run or query_number, else it would hold its read lock.
 */
#ifndef STATE_QUERY_H
#define STATE_QUERY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/buf.h"
#include "state/colbox.h"

#define QUERY_MAX 96 /* statements a connection keeps */

struct db;

struct query {
	struct db *db;
	const char *sql;
	struct sqlite3_stmt *stmt;
	int err;
	int params, columns; /* bound, read */
};

/* Never NULL. */
struct query *query_of(struct db *db, const char *sql);

/* Unsigned numbers keep all 64 bits; SQL sees them as signed. */
void query_bind_u64(struct query *q, uint64_t v);
void query_bind_i64(struct query *q, int64_t v);
/* The bytes are borrowed until the query ends; NULL is SQL's. */
void query_bind_blob(struct query *q, const void *bytes, size_t len);
/* What is bound is the box. */
void query_bind_box(struct query *q, const struct colbox_place *at,
    const uint8_t *bytes, size_t len);

/* Whether there is a (further) row. */
bool query_row(struct query *q);

/* Whether the next column is not NULL; it is still to be read then. */
bool query_has(struct query *q);

uint64_t query_get_u64(struct query *q);
int64_t query_get_i64(struct query *q);
bool query_get_bool(struct query *q);
/* A number in low..high. */
unsigned query_get_enum(struct query *q, unsigned low, unsigned high);
/* Exactly len bytes; at most cap bytes; any number, appended. */
void query_get_blob(struct query *q, uint8_t *out, size_t len);
size_t query_get_some(struct query *q, uint8_t *out, size_t cap);
void query_get_buf(struct query *q, struct buf *out);
/* The same of what is in a box; a text has a terminator in size. */
void query_get_box(struct query *q, const struct colbox_place *at, uint8_t *out,
    size_t len);
size_t query_get_box_some(struct query *q, const struct colbox_place *at,
    uint8_t *out, size_t cap);
void query_get_box_text(struct query *q, const struct colbox_place *at,
    char *out, size_t size);
void query_get_box_buf(struct query *q, const struct colbox_place *at,
    struct buf *out);

/* What was read makes no sense: ERR_CORRUPT, unless there is a fault. */
void query_spoil(struct query *q, const char *what);

/* 0 or the first fault; the statement is ready for the next use. */
int query_end(struct query *q) MUST_USE;

/* A change, to its end.  ERR_INTERNAL outside a transaction. */
int query_run(struct query *q) MUST_USE;

/* A query with one row of one number, to its end. */
int query_number(struct query *q, int64_t *out) MUST_USE;
int query_count(struct query *q, size_t *out) MUST_USE;

#endif
