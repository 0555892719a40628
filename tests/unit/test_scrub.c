/* SPDX-License-Identifier: ISC */
#include <setjmp.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* cmocka.h needs what stands above */
#include <cmocka.h>

#include "base/secret.h"
#include "scratch.h"
#include "state/db.h"

#define SEED    3 /* three of the deleted rows stay, without the scrub */
#define ROUNDS  600
#define GONE    3000 /* more rows than are ever deleted */
#define MARK    24   /* bytes that a row is known by */
#define ROW_MAX 2600

struct rows {
	uint8_t live[GONE][MARK];
	int64_t key[GONE];
	size_t live_n;
	uint8_t gone[GONE][MARK];
	size_t gone_n;
};

static void
exec(sqlite3 *db, const char *sql)
{
	assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
}

static void
run(sqlite3 *db, const char *sql, int64_t key, const uint8_t *row, int len)
{
	sqlite3_stmt *q;

	assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &q, NULL), SQLITE_OK);
	sqlite3_bind_int64(q, 1, key);
	if (len > 0)
		sqlite3_bind_blob(q, 2, row, len, SQLITE_STATIC);
	assert_int_equal(sqlite3_step(q), SQLITE_DONE);
	sqlite3_finalize(q);
}

/* Add, change or delete a row, here and there, of this and that size. */
static void
step(sqlite3 *db, struct rows *r)
{
	uint8_t row[ROW_MAX];
	const int len = 280 + (int)(random() % (ROW_MAX - 280));
	const size_t i = r->live_n ? (size_t)random() % r->live_n : 0;
	const long dice = random() % 10;

	secret_random(row, sizeof(row));
	if (dice < 5 || r->live_n == 0) {
		const int64_t key = (random() << 24) + (int64_t)r->gone_n;

		memcpy(r->live[r->live_n], row, MARK);
		r->key[r->live_n++] = key;
		run(db, "INSERT INTO t VALUES (?1, ?2)", key, row, len);
		return;
	}
	memcpy(r->gone[r->gone_n++], r->live[i], MARK);
	if (dice < 8) {
		memcpy(r->live[i], row, MARK);
		run(db, "UPDATE t SET v = ?2 WHERE n = ?1", r->key[i], row,
		    len);
		return;
	}
	run(db, "DELETE FROM t WHERE n = ?1", r->key[i], NULL, 0);
	r->live_n--;
	memcpy(r->live[i], r->live[r->live_n], MARK);
	r->key[i] = r->key[r->live_n];
}

static void
play(const char *path, struct rows *r)
{
	struct db *db;

	srandom(SEED);
	assert_int_equal(db_open(&db, path, 1000), 0);
	exec(db->sqlite,
	    "PRAGMA synchronous = OFF;" /* for speed */
	    "CREATE TABLE t (n INTEGER PRIMARY KEY, v BLOB)");
	for (size_t i = 0; i < ROUNDS; i++) {
		exec(db->sqlite, "BEGIN IMMEDIATE");
		for (long n = random() % 12; n >= 0; n--)
			step(db->sqlite, r);
		exec(db->sqlite, "COMMIT");
	}
	db_close(db);
}

static size_t
seen(const struct scratch *s, uint8_t marks[][MARK], size_t n)
{
	size_t len, hits = 0;
	uint8_t *all = scratch_read(s->path, &len);

	for (size_t i = 0; i < n; i++)
		hits += memmem(all, len, marks[i], MARK) != NULL;
	free(all);
	return hits;
}

static void
wipes_what_moves(void **state)
{
	struct scratch *s = *state;
	struct rows *r = calloc(1, sizeof(*r));

	assert_non_null(r);
	scratch_close(s);
	play(s->path, r);
	assert_true(r->gone_n > ROUNDS);
	assert_int_equal(seen(s, r->gone, r->gone_n), 0);
	assert_int_equal(seen(s, r->live, r->live_n), r->live_n);
	assert_int_equal(scratch_sql(s, "SELECT count(*) FROM t"), r->live_n);
	assert_int_equal(scratch_sql(s,
			     "SELECT integrity_check = 'ok' FROM "
			     "pragma_integrity_check"),
	    1);
	free(r);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(wipes_what_moves, scratch_setup,
		    scratch_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
