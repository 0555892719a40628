/* SPDX-License-Identifier: ISC */
/*
 * A copy of a database that is written meanwhile: some pages at a time,
 * between two transactions.  What is committed before the last step is in it,
 * and so is nothing else.
 */
#ifndef SERVER_SQLCOPY_H
#define SERVER_SQLCOPY_H

#include <stdbool.h>

#include "base/attr.h"
#include "server/sql.h"

struct sqlcopy;

/* To path, which is made.  ERR_IO, ERR_NOMEM. */
int sqlcopy_begin(struct sqlcopy **out, struct sql *from,
    const char *path) MUST_USE;

/* *more: call again after the next transaction; else it is on the disk. */
int sqlcopy_step(struct sqlcopy *c, bool *more) MUST_USE;

/* Before from is closed; NULL is fine.  What is not whole is no database. */
void sqlcopy_end(struct sqlcopy *c);

#endif
