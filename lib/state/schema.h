/* SPDX-License-Identifier: ISC */
/*
 * Tables of the key file, and the numbers in its header that say that it is
 * one and of which format.
 */
#ifndef STATE_SCHEMA_H
#define STATE_SCHEMA_H

#include <stdint.h>

#include "base/attr.h"
#include "state/db.h"

#define SCHEMA_HEADER_LEN     100        /* SQLite's file header */
#define SCHEMA_APPLICATION_ID 0x534e544c /* "SNTL" */
#define SCHEMA_VERSION        2

/*
 * Judge a file by its first bytes, before SQLite sees it and could, in a
 * foreign journal mode, change it.  ERR_CORRUPT: no key file, or a format
 * that this program does not know.
 */
int schema_check(const uint8_t header[static SCHEMA_HEADER_LEN]) MUST_USE;

/* Make the tables in an empty database. */
int schema_create(struct db *db) MUST_USE;

#endif
