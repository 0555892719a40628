/* SPDX-License-Identifier: ISC */
/*
 * SQLite's secure_delete erases rows where they stand, but when rows move
 * between pages it leaves copies in the unused middle of a page, and does not
 * find them again when the row is deleted.  A scrub wipes that middle in each
 * page on its way to the file, and reads the count of transactions in the
 * first page as it passes.  Internal to this floor.
 */
#ifndef STATE_SCRUB_H
#define STATE_SCRUB_H

#include <stdint.h>

#include "base/attr.h"

/* The page size of the key file; writes of another size pass as they are. */
#define SCRUB_PAGE_LEN 4096

struct scrub;
struct sqlite3;

/* The count stands there in the file's header, big-endian. */
#define SCRUB_COUNT_AT 24

/*
 * Put one before the open file of db; free it when db is closed.  *count: the
 * count last written by this connection.
 */
int scrub_new(struct scrub **out, struct sqlite3 *db, uint32_t *count) MUST_USE;
void scrub_free(struct scrub *s); /* NULL is fine */

#endif
