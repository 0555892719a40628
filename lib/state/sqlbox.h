/* SPDX-License-Identifier: ISC */
/*
 * Boxes out of SQL, for the statements that change a whole key file at once:
 *
 *	rebox(table, column, value, key...)
 *
 * is the value in a box of that place, the row being named by the parts of
 * its primary key; NULL stays NULL.  Internal to this floor.
 */
#ifndef STATE_SQLBOX_H
#define STATE_SQLBOX_H

#include "state/db.h"

/*
 * Run sql with that function: value is a box under from, or with from NULL
 * clear; the new one is under db->key.  A box that does not open:
 * ERR_CORRUPT.
 */
int sqlbox_run(struct db *db, const struct colbox_key *from,
    const char *sql) MUST_USE;

#endif
