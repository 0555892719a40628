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
#define SCHEMA_VERSION        3

/*
 * Judge a file by its first bytes, before SQLite sees it and could, in a
 * foreign journal mode, change it.  ERR_CORRUPT: no key file, or a format
 * newer than this program.  Older ones pass; migrate.h brings them up.
 */
int schema_check(const uint8_t header[static SCHEMA_HEADER_LEN]) MUST_USE;

/* How many transactions have changed the file, modulo 2^32. */
uint32_t schema_count(const uint8_t header[static SCHEMA_HEADER_LEN]);

/* Make the tables that are missing; the database is then of this format. */
int schema_create(struct db *db) MUST_USE;

/* Seal every box anew, from that key to db->key.  ERR_CORRUPT: one is no box.
 */
int schema_rebox(struct db *db, const struct colbox_key *from) MUST_USE;

/* Look at every page, and open every box.  ERR_CORRUPT. */
int schema_verify(struct db *db) MUST_USE;

#endif
