/* SPDX-License-Identifier: ISC */
#include "state/scrub.h"

#include <sqlite3.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"

#define FILE_HEADER_LEN 100 /* before the b-tree header of the first page */

/* The methods of the file with one replaced; found again through the file. */
struct scrub {
	sqlite3_io_methods methods;
	const sqlite3_io_methods *real;
	uint32_t *count;
};

static size_t
be16(const uint8_t *p)
{
	return (size_t)p[0] << 8 | p[1];
}

static uint32_t
be32(const uint8_t *p)
{
	return (uint32_t)be16(p) << 16 | (uint32_t)be16(p + 2);
}

/*
 * A b-tree page (SQLite file format, 1.6) begins with its kind 1 | first
 * free block 2 | cells 2 | start of cells 2 | fragments 1, and, when it is no
 * leaf, a page number 4; then 2 bytes a cell, then the unused middle.  Other
 * pages begin with a page number, hence with 0.
 */
static void
wipe_middle(uint8_t *page, size_t header)
{
	const uint8_t *h = page + header;
	size_t from, to;

	if (h[0] != 2 && h[0] != 5 && h[0] != 10 && h[0] != 13)
		return;
	from = header + (h[0] < 10 ? 12 : 8) + 2 * be16(h + 3);
	to = be16(h + 5);
	if (from < to && to <= SCRUB_PAGE_LEN)
		memset(page + from, 0, to - from);
}

static int
write_wiped(sqlite3_file *file, const void *bytes, int len, sqlite3_int64 at)
{
	const struct scrub *s = (const struct scrub *)file->pMethods;
	uint8_t page[SCRUB_PAGE_LEN];

	if (len != SCRUB_PAGE_LEN)
		return s->real->xWrite(file, bytes, len, at);
	memcpy(page, bytes, SCRUB_PAGE_LEN);
	if (at == 0)
		*s->count = be32(page + SCRUB_COUNT_AT);
	wipe_middle(page, at == 0 ? FILE_HEADER_LEN : 0);
	return s->real->xWrite(file, page, len, at);
}

int
scrub_new(struct scrub **out, struct sqlite3 *db, uint32_t *count)
{
	sqlite3_file *file;
	struct scrub *s;

	if (sqlite3_file_control(db, "main", SQLITE_FCNTL_FILE_POINTER,
		&file) != SQLITE_OK ||
	    !file->pMethods)
		return err_set(ERR_INTERNAL, "SQLite does not lend its file");
	s = malloc(sizeof(*s));
	if (!s)
		return err_set(ERR_NOMEM, "key file");
	s->real = file->pMethods;
	s->count = count;
	s->methods = *s->real;
	s->methods.xWrite = write_wiped;
	file->pMethods = &s->methods;
	*out = s;
	return 0;
}

void
scrub_free(struct scrub *s)
{
	free(s);
}
