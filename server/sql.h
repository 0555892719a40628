/* SPDX-License-Identifier: ISC */
/*
 * The relay's SQLite database, driven by a table of statements: settings for
 * durability and for one process alone, statements prepared once, one
 * transaction at a time, and what a failure means.  What the statements say is
 * the store's.
 *
 * A failure breaks the open transaction: until sql_end every call answers
 * ERR_BUSY (no space, no memory: it may be tried again) or ERR_IO (the
 * database can no longer be trusted to hold what it was told; this is for
 * good).
 *
 * What is deleted is overwritten where that costs nothing: whole pages that
 * become free are not written for it, so that deleting takes little of a disk
 * that is full.
 *
 * One connection reads, writes and checkpoints, and keeps every other one
 * away; so the WAL-reset bug of SQLite before 3.51.3 has no place to occur.
 */
#ifndef SERVER_SQL_H
#define SERVER_SQL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"

struct sql;

/* What a database of ours is. */
struct sql_plan {
	int32_t application_id;
	int32_t version;
	const char *schema; /* run once, in an empty database */
	/* [v - 1]: what makes version v into v + 1 */
	const char *const *upgrades;
	const char *const *queries;
	size_t queries_n;
};

/*
 * For a process that never asks how much memory SQLite has: the count costs a
 * lock with each allocation.  Before the first sql_open, else without effect.
 */
void sql_spare_counting(void);

/*
 * Open or make path.  ERR_LOCKED: another process has it.  ERR_CORRUPT: not a
 * database of this plan.  ERR_IO, ERR_NOMEM.
 */
int sql_open(struct sql **out, const char *path,
    const struct sql_plan *plan) MUST_USE;
void sql_close(struct sql *s); /* rolls back; NULL is fine */

/* For sqlcopy: the library's. */
struct sqlite3 *sql_handle(const struct sql *s);

/* 0, or what broke the transaction. */
int sql_state(const struct sql *s);

/* Start the transaction unless there is one. */
int sql_begin(struct sql *s) MUST_USE;
bool sql_is_open(const struct sql *s);

/* Durable on 0.  On failure it is rolled back, and so it is by sql_undo. */
int sql_commit(struct sql *s) MUST_USE;
void sql_undo(struct sql *s);

/*
 * The same in two steps, once sql_share was called: 1: it is committed but not
 * yet durable; a thread sees to that, sql_is_syncing tells for how long, and
 * sql_await how it ends.  The next transaction may be open meanwhile.  *fd is
 * readable from then until sql_await.  0: it is durable already.
 */
int sql_share(struct sql *s, int *fd) MUST_USE;
int sql_submit(struct sql *s) MUST_USE;
bool sql_is_syncing(const struct sql *s);
int sql_await(struct sql *s) MUST_USE;

/*
 * Move what was committed from the log into the database file, when it is
 * worth it.  To be called outside a transaction; ERR_IO.
 */
int sql_checkpoint(struct sql *s) MUST_USE;

/* What the database takes on the disk, in bytes. */
struct sql_size {
	uint64_t used;   /* pages that hold something */
	uint64_t unused; /* pages of the file that do not */
	uint64_t log;    /* the file of the log */
	uint64_t due;    /* by which the database file grows with the log */
};

int sql_size(struct sql *s, struct sql_size *out) MUST_USE;

/* Bytes of the log that are not in the database file yet. */
uint64_t sql_log_len(const struct sql *s);

/*
 * A checkpoint whatever the log holds, after which it takes no space.  To be
 * called outside a transaction; ERR_IO.
 */
int sql_empty_log(struct sql *s) MUST_USE;

/*
 * Values for query q, numbered from 1; bytes and text are borrowed until it
 * is done.
 */
void sql_set_int(struct sql *s, size_t q, int i, int64_t n);
void sql_set_blob(struct sql *s, size_t q, int i, const void *bytes,
    size_t len);
void sql_set_text(struct sql *s, size_t q, int i, const char *text);

/*
 * 1: a row is there; step again, or sql_settle the query.  0: done.  What is
 * read of a row is borrowed until then.
 */
int sql_step(struct sql *s, size_t q) MUST_USE;
void sql_settle(struct sql *s, size_t q);

/* A query that answers no rows, or one whose rows do not matter. */
int sql_run(struct sql *s, size_t q) MUST_USE;

/* Rows changed by the last INSERT, UPDATE or DELETE. */
int64_t sql_changes(const struct sql *s);

/* Columns, numbered from 0. */
int64_t sql_get_int(struct sql *s, size_t q, int i);

/* A blob or text; empty or NULL is damage. */
int sql_get_blob(struct sql *s, size_t q, int i, const uint8_t **bytes,
    size_t *len) MUST_USE;

/* A value is not what the store ever writes: break, ERR_IO. */
int sql_damaged(struct sql *s) MUST_USE;

#endif
