/* SPDX-License-Identifier: ISC */
#include <setjmp.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

/* cmocka.h needs what stands above */
#include <cmocka.h>

#include "base/attr.h"
#include "base/err.h"
#include "scratch.h"
#include "state/db.h"

static void
is_set_up(void **state)
{
	static const struct {
		const char *sql;
		const char *want;
	} table[] = {
		{ "PRAGMA synchronous", "3" }, /* EXTRA */
		{ "PRAGMA journal_mode", "truncate" },
		{ "PRAGMA locking_mode", "normal" },
		{ "PRAGMA secure_delete", "1" },
		{ "PRAGMA temp_store", "2" }, /* MEMORY */
		{ "PRAGMA trusted_schema", "0" },
		{ "PRAGMA cell_size_check", "1" },
		{ "PRAGMA page_size", "4096" },
		{ "PRAGMA auto_vacuum", "0" },
		{ "PRAGMA application_id", "1397642316" },
		{ "PRAGMA user_version", "3" },
		{ "PRAGMA integrity_check", "ok" },
		{ "SELECT sum(strict) FROM pragma_table_list "
		  "WHERE name NOT LIKE 'sqlite_%'",
		    "13" },
	};
	struct scratch *s = *state;
	struct db *db = keyfile_db(s->kf);
	char got[32];
	size_t len;

	for (size_t i = 0; i < ARRAY_LEN(table); i++) {
		struct query *q = query_of(db, table[i].sql);

		assert_true(query_row(q));
		len = query_get_some(q, (uint8_t *)got, sizeof(got));
		assert_int_equal(query_end(q), 0);
		assert_int_equal(len, strlen(table[i].want));
		assert_memory_equal(got, table[i].want, len);
	}
}

/* What somebody has put into the schema of the file does not run. */
static void
runs_no_triggers(void **state)
{
	struct scratch *s = *state;
	struct keyfile_self self;

	scratch_close(s);
	scratch_sql(s,
	    "CREATE TRIGGER t AFTER UPDATE ON self BEGIN "
	    "UPDATE self SET last_contact = 7; END");
	scratch_reopen(s);
	scratch_begin(s);
	assert_int_equal(keyfile_set_name(s->kf, "bob"), 0);
	scratch_commit(s);
	assert_int_equal(keyfile_get_self(s->kf, &self), 0);
	assert_int_equal(self.last_contact, 0);
}

static void
names_every_fault(void **state)
{
	static const struct {
		int rc;
		int code;
	} table[] = {
		{ SQLITE_BUSY, ERR_LOCKED },
		{ SQLITE_BUSY_SNAPSHOT, ERR_LOCKED },
		{ SQLITE_CORRUPT, ERR_CORRUPT },
		{ SQLITE_CORRUPT_INDEX, ERR_CORRUPT },
		{ SQLITE_NOTADB, ERR_CORRUPT },
		{ SQLITE_CONSTRAINT_UNIQUE, ERR_CORRUPT },
		{ SQLITE_FULL, ERR_IO },
		{ SQLITE_IOERR_FSYNC, ERR_IO },
		{ SQLITE_READONLY_DBMOVED, ERR_IO },
		{ SQLITE_CANTOPEN_SYMLINK, ERR_IO },
		{ SQLITE_NOMEM, ERR_NOMEM },
		{ SQLITE_MISUSE, ERR_INTERNAL },
	};
	struct scratch *s = *state;

	for (size_t i = 0; i < ARRAY_LEN(table); i++) {
		assert_int_equal(db_fault(keyfile_db(s->kf), table[i].rc),
		    table[i].code);
		assert_int_equal(err_last()->code, table[i].code);
		assert_string_equal(err_last()->path, s->path);
		assert_int_equal(err_last()->hint[0] != '\0',
		    table[i].code == ERR_LOCKED);
	}
}

static void
rolls_back_without_memory(void **state)
{
	struct scratch *s = *state;
	struct keyfile_self self;

	scratch_begin(s);
	assert_int_equal(keyfile_set_name(s->kf, "bob"), 0);
	sqlite3_hard_heap_limit64(1);
	assert_int_equal(keyfile_commit(s->kf), ERR_NOMEM);
	sqlite3_hard_heap_limit64(0);
	assert_int_equal(keyfile_begin(s->kf), 0);
	keyfile_rollback(s->kf);
	assert_int_equal(keyfile_get_self(s->kf, &self), 0);
	assert_string_equal(self.name, "alice");
}

static void
sticks_to_the_first_fault(void **state)
{
	struct scratch *s = *state;
	struct db *db = keyfile_db(s->kf);
	struct query *q = query_of(db, "SELECT 300, 'abc', x'0102', 5");
	uint8_t bytes[4] = { 9, 9, 9, 9 }, text[3];

	assert_true(query_row(q));
	assert_int_equal(query_get_enum(q, 1, 299), 1);
	assert_int_equal(query_get_some(q, text, sizeof(text)), 0);
	query_get_blob(q, bytes, 2);
	assert_int_equal(query_get_u64(q), 0);
	assert_int_equal(bytes[0], 9);
	assert_false(query_row(q));
	assert_int_equal(query_end(q), ERR_CORRUPT);

	/* and forgets it for the next time */
	q = query_of(db, "SELECT 'abc', x'0102'");
	assert_true(query_row(q));
	query_get_blob(q, text, sizeof(text));
	query_get_blob(q, bytes, 3);
	assert_int_equal(query_end(q), ERR_CORRUPT);
	assert_memory_equal(text, "abc", sizeof(text));
	assert_int_equal(query_end(query_of(db, "SELECT no_such")),
	    ERR_CORRUPT);
}

/* A box of the own name with what no name has in it. */
static void
reads_texts_without_nul(void **state)
{
	const struct colbox_place at = { "self", "name", "1" };
	struct scratch *s = *state;
	struct keyfile_self self;
	struct query *q;

	scratch_begin(s);
	q = query_of(keyfile_db(s->kf), "UPDATE self SET name = ?1");
	query_bind_box(q, &at, (const uint8_t *)"a\0b", 3);
	assert_int_equal(query_run(q), 0);
	assert_int_equal(keyfile_get_self(s->kf, &self), ERR_CORRUPT);
	keyfile_rollback(s->kf);
	assert_int_equal(keyfile_get_self(s->kf, &self), 0);
}

#define FRESH(test) \
	cmocka_unit_test_setup_teardown(test, scratch_setup, scratch_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		FRESH(is_set_up),
		FRESH(runs_no_triggers),
		FRESH(names_every_fault),
		FRESH(rolls_back_without_memory),
		FRESH(sticks_to_the_first_fault),
		FRESH(reads_texts_without_nul),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
