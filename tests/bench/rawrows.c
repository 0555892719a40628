/* SPDX-License-Identifier: ISC */
/*
 * The yardsticks that are rows of the relay's own tables: its statements, its
 * settings and its checkpoints, and nobody to talk to.
 */
#include <stdbool.h>

#include "raw.h"
#include "server/store_sqlite.h"
#include "stage.h"
#include "wire/codes.h"

#define ROWS_READ    40000 /* of one figure of reading */
#define COUNTED_FROM 16    /* rows more, as store_sqlite.c has it */

struct rows {
	struct sql *sql;
	uint64_t n;
	unsigned a_commit, mailboxes;
	uint8_t ids[RAW_MAILBOXES][ID_LEN];
	uint64_t last[RAW_MAILBOXES], counted[RAW_MAILBOXES];
	char path[512];
};

static void
open_rows(struct rows *t, const char *dir, unsigned rows_a_commit,
    unsigned mailboxes)
{
	struct store *st;

	MUST(mailboxes > 0 && mailboxes <= RAW_MAILBOXES);
	*t = (struct rows){ .a_commit = rows_a_commit, .mailboxes = mailboxes };
	snprintf(t->path, sizeof(t->path), "%s/raw.db", dir);
	unlink(t->path);
	MUST(store_sqlite_open(&st, t->path, NULL) == 0);
	stage_add_crowd(st, 0, mailboxes);
	MUST(store_commit(st) == 0);
	store_close(st);
	for (unsigned i = 0; i < mailboxes; i++)
		stage_crowd_id(t->ids[i], i);
	MUST(sql_open(&t->sql, t->path, &store_sqlite_plan) == 0);
}

static void
close_rows(struct rows *t)
{
	sql_close(t->sql);
	unlink(t->path);
}

static void
commit(struct rows *t)
{
	MUST(sql_commit(t->sql) == 0);
	MUST(sql_checkpoint(t->sql) == 0);
}

static void
insert(struct rows *t, unsigned mailbox)
{
	static const char content[RAW_CONTENT_LEN] = "x";

	sql_set_int(t->sql, QUERY_PUT, 1, mailbox + 1);
	sql_set_int(t->sql, QUERY_PUT, 2, (int64_t)++t->last[mailbox]);
	sql_set_int(t->sql, QUERY_PUT, 3, 1);
	sql_set_int(t->sql, QUERY_PUT, 4, MESSAGE_RATCHET);
	sql_set_int(t->sql, QUERY_PUT, 5, 1);
	sql_set_blob(t->sql, QUERY_PUT, 6, content, sizeof(content));
	MUST(sql_run(t->sql, QUERY_PUT) == 0);
}

/* The row of a mailbox, written as often as the relay does. */
static void
count(struct rows *t, unsigned mailbox)
{
	int64_t n = (int64_t)t->last[mailbox];

	if (t->last[mailbox] - t->counted[mailbox] < COUNTED_FROM)
		return;
	t->counted[mailbox] = t->last[mailbox];
	sql_set_blob(t->sql, QUERY_SET_COUNTERS, 1, t->ids[mailbox], ID_LEN);
	sql_set_int(t->sql, QUERY_SET_COUNTERS, 2, n + 1);
	sql_set_int(t->sql, QUERY_SET_COUNTERS, 3, n);
	sql_set_int(t->sql, QUERY_SET_COUNTERS, 4, n * RAW_CONTENT_LEN);
	for (int i = 5; i < 8; i++)
		sql_set_int(t->sql, QUERY_SET_COUNTERS, i, 0);
	sql_set_int(t->sql, QUERY_SET_COUNTERS, 8, 1);
	MUST(sql_run(t->sql, QUERY_SET_COUNTERS) == 0);
}

static void
insert_group(void *arg)
{
	struct rows *t = arg;

	MUST(sql_begin(t->sql) == 0);
	for (unsigned i = 0; i < t->a_commit; i++)
		insert(t, (unsigned)(t->n++ % t->mailboxes));
	for (unsigned i = 0; i < t->mailboxes; i++)
		count(t, i);
	commit(t);
}

double
raw_inserts(const char *dir, unsigned rows_a_commit, unsigned mailboxes,
    uint64_t ns)
{
	struct rows t;
	double groups;

	open_rows(&t, dir, rows_a_commit, mailboxes);
	groups = raw_rate(insert_group, &t, ns);
	close_rows(&t);
	return groups * rows_a_commit;
}

/* One mailbox's rows from first on, as many as a page has. */
static void
read_page(struct rows *t, uint64_t first, unsigned n)
{
	static uint8_t copy[RAW_CONTENT_LEN];
	const uint8_t *content;
	size_t len;

	sql_set_int(t->sql, QUERY_PULL, 1, 1);
	sql_set_int(t->sql, QUERY_PULL, 2, (int64_t)first - 1);
	sql_set_int(t->sql, QUERY_PULL, 3, 0);
	for (unsigned i = 0; i < n; i++) {
		MUST(sql_step(t->sql, QUERY_PULL) == 1);
		MUST(sql_get_blob(t->sql, QUERY_PULL, 3, &content, &len) == 0);
		memcpy(copy, content, sizeof(copy));
	}
	sql_settle(t->sql, QUERY_PULL);
}

static void
delete_page(struct rows *t, uint64_t first, unsigned n)
{
	sql_set_int(t->sql, QUERY_DELETE, 1, 1);
	sql_set_int(t->sql, QUERY_DELETE, 2, (int64_t)first);
	sql_set_int(t->sql, QUERY_DELETE, 3, (int64_t)(first + n - 1));
	MUST(sql_begin(t->sql) == 0);
	for (unsigned i = 0; i < n; i++)
		MUST(sql_step(t->sql, QUERY_DELETE) == 1);
	MUST(sql_step(t->sql, QUERY_DELETE) == 0);
	commit(t);
}

static double
go_through(const char *dir, unsigned n, bool deleting)
{
	uint64_t start, rows = ROWS_READ / n * n;
	struct rows t;

	open_rows(&t, dir, 0, 1);
	MUST(sql_begin(t.sql) == 0);
	for (uint64_t i = 0; i < rows; i++)
		insert(&t, 0);
	commit(&t);
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
