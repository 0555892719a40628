/* SPDX-License-Identifier: ISC */
/*
 * The SQLite underneath the key file: one connection, set up so that what is
 * committed is on the disk and what is erased is gone from it, and so that a
 * hostile or damaged file can do no more than be refused.  Internal to this
 * floor; statements are made with query.h.
 */
#ifndef STATE_DB_H
#define STATE_DB_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "state/colbox.h"
#include "state/query.h"

struct db {
	struct sqlite3 *sqlite;
	struct scrub *scrub;    /* NULL in memory */
	uint32_t count, marked; /* transactions: mark.h; 0: none here */
	struct colbox_key *key; /* of the boxes; see datakey.h */
	int64_t generation;     /* of that key */
	char *path;             /* as the user knows it */
	uint64_t lock_timeout_ms;
	uint64_t deadline; /* of the wait for a lock, while there is one */
	struct sqlite3_stmt *rollback;
	struct query queries[QUERY_MAX + 1]; /* up to the first without SQL */
};

/*
 * Open a file whose owner, mode and kind were checked, and which this process
 * has not opened in any other way: closing any descriptor of it would let
 * go of SQLite's locks.
 */
int db_open(struct db **out, const char *path,
    uint64_t lock_timeout_ms) MUST_USE;

/* An empty database in memory, to be written out by db_write. */
int db_new(struct db **out) MUST_USE;
/* Make the file path, whole and durable or not at all; ERR_EXISTS, ERR_IO. */
int db_write(struct db *db, const char *path) MUST_USE;

void db_close(struct db *db); /* NULL is fine; rolls back */

/* Statements that take and give nothing. */
int db_exec(struct db *db, const char *sql) MUST_USE;

int db_begin(struct db *db) MUST_USE; /* the write lock at once */
/* After a failure nothing of the transaction is left. */
int db_commit(struct db *db) MUST_USE;
void db_rollback(struct db *db);

/* ERR_IO when the file may only be read. */
int db_check_writable(struct db *db) MUST_USE;

/* Whether the statement run last changed a row. */
bool db_changed(const struct db *db);

/* An SQLite result as one of our codes, recorded with the path. */
int db_fault(struct db *db, int rc);
/* ERR_CORRUPT, with what is wrong. */
int db_damage(struct db *db, const char *what);

#endif
