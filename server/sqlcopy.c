/* SPDX-License-Identifier: ISC */
#include "server/sqlcopy.h"

#include <fcntl.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/err.h"

#define PAGES_ONCE 256 /* 1 MiB */

struct sqlcopy {
	sqlite3 *to;
	sqlite3_backup *pages;
	int file; /* of the copy, to have it written */
};

static int
fault(int rc)
{
	return err_set((rc & 0xff) == SQLITE_NOMEM ? ERR_NOMEM : ERR_IO,
	    "copy of the database: %s", sqlite3_errstr(rc));
}

/* It is thrown away unless it is whole: nothing in it need be taken back. */
static int
open_copy(struct sqlcopy *c, const char *path)
{
	int rc = sqlite3_open_v2(path, &c->to,
	    SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, NULL);

	if (rc == SQLITE_OK)
		rc = sqlite3_exec(c->to,
		    "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF;",
		    NULL, NULL, NULL);
	if (rc != SQLITE_OK)
		return fault(rc);
	c->file = open(path, O_WRONLY | O_CLOEXEC);
	return c->file < 0 ? err_sys(ERR_IO, "%s", path) : 0;
}

int
sqlcopy_begin(struct sqlcopy **out, struct sql *from, const char *path)
{
	struct sqlcopy *c = calloc(1, sizeof(*c));
	int r;

	if (!c)
		return err_set(ERR_NOMEM, "copy of the database");
	c->file = -1;
	r = open_copy(c, path);
	if (r == 0) {
		c->pages = sqlite3_backup_init(c->to, "main", sql_handle(from),
		    "main");
		if (!c->pages)
			r = fault(sqlite3_errcode(c->to));
	}
	if (r < 0)
		sqlcopy_end(c);
	else
		*out = c;
	return r;
}

int
sqlcopy_step(struct sqlcopy *c, bool *more)
{
	int rc = sqlite3_backup_step(c->pages, PAGES_ONCE);

	if (rc != SQLITE_OK && rc != SQLITE_DONE)
		return fault(rc);
	/* the disk begins, so that little is left for the sync to wait for */
	(void)sync_file_range(c->file, 0, 0, SYNC_FILE_RANGE_WRITE);
	if (rc == SQLITE_DONE && fsync(c->file) < 0)
		return err_sys(ERR_IO, "copy of the database");
	*more = rc == SQLITE_OK;
	return 0;
}

void
sqlcopy_end(struct sqlcopy *c)
{
	if (!c)
		return;
	sqlite3_backup_finish(c->pages);
	sqlite3_close(c->to);
	if (c->file >= 0)
		close(c->file);
	free(c);
}
