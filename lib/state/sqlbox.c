/* SPDX-License-Identifier: ISC */
#include "state/sqlbox.h"

#include <sqlite3.h>

#include "base/err.h"
#include "base/secret.h"

#define KEY_PARTS  3  /* arguments before those of the primary key */
#define NUMBER_MAX 20 /* digits and sign of an int64_t */

struct keys {
	const struct colbox_key *from, *to;
};

/* What stands in the file may be anything: does it fit into a place? */
static bool
is_row(int n, sqlite3_value **v)
{
	size_t room = COLBOX_ROW_SIZE;

	for (int i = KEY_PARTS; i < n; i++) {
		const size_t len = sqlite3_value_type(v[i]) == SQLITE_INTEGER
		    ? NUMBER_MAX
		    : 2 * (size_t)sqlite3_value_bytes(v[i]);

		if (len == 0 || len >= room)
			return false;
		room -= len + 1;
	}
	return true;
}

static struct colbox_place
place(int n, sqlite3_value **v)
{
	struct colbox_place at = {
		.table = (const char *)sqlite3_value_text(v[0]),
		.column = (const char *)sqlite3_value_text(v[1]),
	};

	for (int i = KEY_PARTS; i < n; i++) {
		if (sqlite3_value_type(v[i]) == SQLITE_INTEGER)
			colbox_add_number(&at, sqlite3_value_int64(v[i]));
		else
			colbox_add_bytes(&at, sqlite3_value_blob(v[i]),
			    (size_t)sqlite3_value_bytes(v[i]));
	}
	return at;
}

static void
give_box(sqlite3_context *ctx, const struct colbox_place *at,
    const uint8_t *plain, size_t len)
{
	const struct keys *keys = sqlite3_user_data(ctx);
	uint8_t *box = sqlite3_malloc64(len + COLBOX_OVERHEAD);

	if (box) {
		colbox_seal(box, keys->to, at, plain, len);
		sqlite3_result_blob64(ctx, box, len + COLBOX_OVERHEAD,
		    sqlite3_free);
	} else {
		sqlite3_result_error_nomem(ctx);
	}
}

static void
rebox(sqlite3_context *ctx, int n, sqlite3_value **v)
{
	const struct keys *keys = sqlite3_user_data(ctx);
	const uint8_t *value = sqlite3_value_blob(v[2]);
	const size_t len = (size_t)sqlite3_value_bytes(v[2]);
	struct colbox_place at;
	uint8_t *plain;

	if (sqlite3_value_type(v[2]) == SQLITE_NULL)
		return;
	if (!is_row(n, v)) {
		sqlite3_result_error(ctx, "a row with a strange key", -1);
		return;
	}
	at = place(n, v);
	if (!keys->from) {
		give_box(ctx, &at, value, len);
		return;
	}
	plain = sqlite3_malloc64(len + 1);
	if (!plain) {
		sqlite3_result_error_nomem(ctx);
		return;
	}
	if (colbox_open(plain, keys->from, &at, value, len) < 0)
		sqlite3_result_error(ctx, err_last()->message, -1);
	else
		give_box(ctx, &at, plain, len - COLBOX_OVERHEAD);
	secret_wipe(plain, len);
	sqlite3_free(plain);
}

int
sqlbox_run(struct db *db, const struct colbox_key *from, const char *sql)
{
	struct keys keys = { from, db->key };
	int r, rc;

	rc = sqlite3_create_function_v2(db->sqlite, "rebox", -1,
	    SQLITE_UTF8 | SQLITE_DIRECTONLY, &keys, rebox, NULL, NULL, NULL);
	if (rc != SQLITE_OK)
		return db_fault(db, rc);
	r = db_exec(db, sql);
	sqlite3_create_function_v2(db->sqlite, "rebox", -1, SQLITE_UTF8, NULL,
	    NULL, NULL, NULL, NULL);
	return r;
}
