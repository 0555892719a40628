/* SPDX-License-Identifier: ISC */
/* The yardsticks that are rows of the relay's own tables. */
#include <stdbool.h>

#include "raw.h"
#include "server/store_sqlite.h"
#include "wire/codes.h"

#define ROWS_READ 40000 /* of one figure of reading */

struct rows {
	sqlite3 *db;
	sqlite3_stmt *insert, *read, *delete;
	uint64_t n;
	unsigned a_commit;
	char path[512];
};

static void
exec(struct rows *t, const char *sql)
{
	MUST(sqlite3_exec(t->db, sql, NULL, NULL, NULL) == SQLITE_OK);
}

static sqlite3_stmt *
prepare(struct rows *t, enum store_sqlite_query q)
{
	sqlite3_stmt *stmt;

	MUST(sqlite3_prepare_v2(t->db, store_sqlite_plan.queries[q], -1, &stmt,
		 NULL) == SQLITE_OK);
	return stmt;
}

static void
open_rows(struct rows *t, const char *dir, unsigned rows_a_commit)
{
	struct store *st;

	*t = (struct rows){ .a_commit = rows_a_commit };
	snprintf(t->path, sizeof(t->path), "%s/raw.db", dir);
	unlink(t->path);
	MUST(store_sqlite_open(&st, t->path, NULL) == 0);
	store_close(st);
	MUST(sqlite3_open(t->path, &t->db) == SQLITE_OK);
	exec(t,
	    "PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL;"
	    "PRAGMA synchronous = FULL; INSERT INTO clients VALUES"
	    "(1, x'0000000000000000000000000000000001', 'a', NULL, 0, 0)");
	t->insert = prepare(t, QUERY_PUT);
	t->read = prepare(t, QUERY_PULL);
	t->delete = prepare(t, QUERY_DELETE);
}

static void
close_rows(struct rows *t)
{
	sqlite3_finalize(t->insert);
	sqlite3_finalize(t->read);
	sqlite3_finalize(t->delete);
	sqlite3_close(t->db);
	unlink(t->path);
}

static void
insert(struct rows *t, uint64_t mailbox, uint64_t id)
{
	static const char content[RAW_CONTENT_LEN] = "x";

	sqlite3_bind_int64(t->insert, 1, (int64_t)mailbox);
	sqlite3_bind_int64(t->insert, 2, (int64_t)id);
	sqlite3_bind_int64(t->insert, 3, 1);
	sqlite3_bind_int64(t->insert, 4, MESSAGE_RATCHET);
	sqlite3_bind_int64(t->insert, 5, 1);
	sqlite3_bind_blob(t->insert, 6, content, sizeof(content),
	    SQLITE_STATIC);
	MUST(sqlite3_step(t->insert) == SQLITE_DONE);
	sqlite3_reset(t->insert);
}

static void
insert_group(void *arg)
{
	struct rows *t = arg;

	exec(t, "BEGIN");
	for (unsigned i = 0; i < t->a_commit; i++, t->n++)
		insert(t, t->n % RAW_MAILBOXES, t->n / RAW_MAILBOXES + 1);
	exec(t, "COMMIT");
}

double
raw_inserts(const char *dir, unsigned rows_a_commit, uint64_t ns)
{
	struct rows t;
	double groups;

	open_rows(&t, dir, rows_a_commit);
	groups = raw_rate(insert_group, &t, ns);
	close_rows(&t);
	return groups * rows_a_commit;
}

/* One mailbox's rows from first on, as many as a page has. */
static void
read_page(struct rows *t, uint64_t first, unsigned n)
{
	static uint8_t copy[RAW_CONTENT_LEN];

	sqlite3_bind_int64(t->read, 1, 1);
	sqlite3_bind_int64(t->read, 2, (int64_t)first - 1);
	sqlite3_bind_int64(t->read, 3, 0);
	for (unsigned i = 0; i < n; i++) {
		MUST(sqlite3_step(t->read) == SQLITE_ROW);
		memcpy(copy, sqlite3_column_blob(t->read, 3), sizeof(copy));
	}
	sqlite3_reset(t->read);
}

static void
delete_page(struct rows *t, uint64_t first, unsigned n)
{
	sqlite3_bind_int64(t->delete, 1, 1);
	sqlite3_bind_int64(t->delete, 2, (int64_t)first);
	sqlite3_bind_int64(t->delete, 3, (int64_t)(first + n - 1));
	exec(t, "BEGIN");
	for (unsigned i = 0; i < n; i++)
		MUST(sqlite3_step(t->delete) == SQLITE_ROW);
	MUST(sqlite3_step(t->delete) == SQLITE_DONE);
	sqlite3_reset(t->delete);
	exec(t, "COMMIT");
}

static double
go_through(const char *dir, unsigned n, bool deleting)
{
	uint64_t start, rows = ROWS_READ / n * n;
	struct rows t;

	open_rows(&t, dir, 0);
	exec(&t, "BEGIN");
	for (uint64_t i = 0; i < rows; i++)
		insert(&t, 1, i + 1);
	exec(&t, "COMMIT");
	start = raw_now_ns();
	for (uint64_t i = 0; i < rows; i += n) {
		read_page(&t, i + 1, n);
		if (deleting)
			delete_page(&t, i + 1, n);
	}
	start = raw_now_ns() - start;
	close_rows(&t);
	return (double)rows * 1e9 / (double)start;
}

double
raw_reads(const char *dir, unsigned rows_a_page)
{
	return go_through(dir, rows_a_page, false);
}

double
raw_drains(const char *dir, unsigned rows_a_page)
{
	return go_through(dir, rows_a_page, true);
}
