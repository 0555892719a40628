/* SPDX-License-Identifier: ISC */
#include "state/sqlbox.h"

#include <sqlite3.h>

#include "base/err.h"
#include "base/secret.h"

#define KEY_PARTS 3 /* arguments before those of the primary key */

struct keys {
	const struct colbox_key *from, *to;
};

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
	const struct colbox_place at = place(n, v);
	const uint8_t *value = sqlite3_value_blob(v[2]);
	size_t len = (size_t)sqlite3_value_bytes(v[2]);
	uint8_t *plain;

	if (sqlite3_value_type(v[2]) == SQLITE_NULL)
		return;
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
