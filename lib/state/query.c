/* SPDX-License-Identifier: ISC */
#include "state/query.h"

#include <assert.h>
#include <sqlite3.h>
#include <string.h>

#include "base/err.h"
#include "state/datakey.h"
#include "state/db.h"

static void
check(struct query *q, int rc)
{
	if (rc != SQLITE_OK)
		q->err = db_fault(q->db, rc);
}

void
query_spoil(struct query *q, const char *what)
{
	if (q->err == 0)
		q->err = db_damage(q->db, what);
}

struct query *
query_of(struct db *db, const char *sql)
{
	struct query *q = db->queries;

	while (q->sql && q->sql != sql)
		q++;
	assert(q < db->queries + QUERY_MAX);
	q->db = db;
	q->sql = sql;
	q->err = q->params = q->columns = 0;
	if (!q->stmt)
		check(q,
		    sqlite3_prepare_v3(db->sqlite, sql, -1,
			SQLITE_PREPARE_PERSISTENT, &q->stmt, NULL));
	return q;
}

void
query_bind_i64(struct query *q, int64_t v)
{
	if (q->err == 0)
		check(q, sqlite3_bind_int64(q->stmt, ++q->params, v));
}

void
query_bind_u64(struct query *q, uint64_t v)
{
	query_bind_i64(q, (int64_t)v);
}

void
query_bind_blob(struct query *q, const void *bytes, size_t len)
{
	if (q->err == 0)
		check(q,
		    sqlite3_bind_blob64(q->stmt, ++q->params, bytes, len,
			SQLITE_STATIC));
}

void
query_bind_box(struct query *q, const struct colbox_place *at,
    const uint8_t *bytes, size_t len)
{
	const size_t box_len = len + COLBOX_OVERHEAD;
	uint8_t *box;

	if (q->err != 0)
		return;
	box = sqlite3_malloc64(box_len);
	if (!box) {
		check(q, SQLITE_NOMEM);
		return;
	}
	colbox_seal(box, q->db->key, at, bytes, len);
	check(q,
	    sqlite3_bind_blob64(q->stmt, ++q->params, box, box_len,
		sqlite3_free));
}

bool
query_row(struct query *q)
{
	int rc;

	if (q->err != 0)
		return false;
	q->columns = 0;
	rc = sqlite3_step(q->stmt);
	if (rc != SQLITE_ROW && rc != SQLITE_DONE)
		check(q, rc);
	return rc == SQLITE_ROW;
}

bool
query_has(struct query *q)
{
	return q->err == 0 &&
	    sqlite3_column_type(q->stmt, q->columns) != SQLITE_NULL;
}

int64_t
query_get_i64(struct query *q)
{
	if (q->err != 0)
		return 0;
	return sqlite3_column_int64(q->stmt, q->columns++);
}

uint64_t
query_get_u64(struct query *q)
{
	return (uint64_t)query_get_i64(q);
}

unsigned
query_get_enum(struct query *q, unsigned low, unsigned high)
{
	const int64_t v = query_get_i64(q);

	if (v >= low && v <= high)
		return (unsigned)v;
	query_spoil(q, "a number out of range");
	return low;
}

bool
query_get_bool(struct query *q)
{
	return query_get_enum(q, 0, 1) == 1;
}

/* The bytes of the next column, borrowed until the query goes on. */
static const uint8_t *
bytes_of(struct query *q, size_t *len)
{
	const uint8_t *bytes;

	*len = 0;
	if (q->err != 0)
		return NULL;
	bytes = sqlite3_column_blob(q->stmt, q->columns);
	*len = (size_t)sqlite3_column_bytes(q->stmt, q->columns++);
	return bytes;
}

size_t
query_get_some(struct query *q, uint8_t *out, size_t cap)
{
	const uint8_t *bytes;
	size_t len;

	bytes = bytes_of(q, &len);
	if (len > cap) {
		query_spoil(q, "a column too long");
		return 0;
	}
	if (len > 0)
		memcpy(out, bytes, len);
	return len;
}

void
query_get_blob(struct query *q, uint8_t *out, size_t len)
{
	if (query_get_some(q, out, len) != len)
		query_spoil(q, "a column too short");
}

void
query_get_buf(struct query *q, struct buf *out)
{
	const uint8_t *bytes;
	size_t len;

	bytes = bytes_of(q, &len);
	if (len > 0)
		q->err = buf_put(out, bytes, len);
}

/* Open a box of the length at the bytes lent by bytes_of. */
static void
open_box(struct query *q, const struct colbox_place *at, uint8_t *out,
    const uint8_t *box, size_t len)
{
	int r;

	q->err = colbox_open(out, q->db->key, at, box, len);
	if (q->err == 0)
		return;
	err_path(q->db->path);
	r = datakey_check(q->db);
	if (r < 0)
		q->err = r;
}

size_t
query_get_box_some(struct query *q, const struct colbox_place *at, uint8_t *out,
    size_t cap)
{
	const uint8_t *box;
	size_t len;

	box = bytes_of(q, &len);
	if (len < COLBOX_OVERHEAD || len - COLBOX_OVERHEAD > cap) {
		query_spoil(q, "a box of the wrong size");
		return 0;
	}
	open_box(q, at, out, box, len);
	return q->err == 0 ? len - COLBOX_OVERHEAD : 0;
}

void
query_get_box(struct query *q, const struct colbox_place *at, uint8_t *out,
    size_t len)
{
	if (query_get_box_some(q, at, out, len) != len)
		query_spoil(q, "a box too short");
}

void
query_get_box_text(struct query *q, const struct colbox_place *at, char *out,
    size_t size)
{
	size_t len;

	len = query_get_box_some(q, at, (uint8_t *)out, size - 1);
	out[len] = '\0';
	if (strlen(out) != len)
		query_spoil(q, "a text with a NUL");
}

void
query_get_box_buf(struct query *q, const struct colbox_place *at,
    struct buf *out)
{
	const uint8_t *box;
	uint8_t *to;
	size_t len;

	box = bytes_of(q, &len);
	if (len < COLBOX_OVERHEAD) {
		query_spoil(q, "a box too short");
		return;
	}
	q->err = buf_reserve(out, &to, len - COLBOX_OVERHEAD);
	if (q->err == 0)
		open_box(q, at, to, box, len);
	if (q->err == 0)
		buf_commit(out, len - COLBOX_OVERHEAD);
}

int
query_end(struct query *q)
{
	if (q->stmt) {
		sqlite3_reset(q->stmt);
		sqlite3_clear_bindings(q->stmt);
	}
	return q->err;
}

int
query_run(struct query *q)
{
	if (q->err == 0 && sqlite3_get_autocommit(q->db->sqlite))
		q->err = err_set(ERR_INTERNAL, "a change but no transaction");
	while (query_row(q))
		continue;
	return query_end(q);
}

int
query_number(struct query *q, int64_t *out)
{
	int64_t n = 0;
	int r;

	if (query_row(q))
		n = query_get_i64(q);
	r = query_end(q);
	if (r == 0)
		*out = n;
	return r;
}

int
query_count(struct query *q, size_t *out)
{
	int64_t n;
	int r;

	r = query_number(q, &n);
	if (r == 0)
		*out = (size_t)n;
	return r;
}
