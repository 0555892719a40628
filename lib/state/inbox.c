/* SPDX-License-Identifier: ISC */
#include "state/inbox.h"

#include "base/err.h"
#include "state/db.h"

#define COLUMNS "n, peer, message_id, seq, kind, state, at"
/* The rows that are not done, by the index that holds them alone. */
#define OPEN "FROM inbox INDEXED BY inbox_open WHERE record IS NOT NULL "

static struct colbox_place
place(int64_t n)
{
	struct colbox_place at = { .table = "inbox", .column = "record" };

	colbox_add_number(&at, n);
	return at;
}

/* The number of the next row; 0 when the same was taken in before. */
static int
next_number(struct keyfile *kf, const struct inbox *i, int64_t *n)
{
	struct query *q = query_of(keyfile_db(kf),
	    "SELECT CASE WHEN EXISTS (SELECT 1 FROM inbox WHERE peer = ?1 AND "
	    "kind = ?2 AND message_id = ?3) THEN 0 ELSE "
	    "(SELECT ifnull(max(n), 0) + 1 FROM inbox) END");

	query_bind_blob(q, i->peer, ID_LEN);
	query_bind_u64(q, i->kind);
	query_bind_blob(q, i->message_id, ID_LEN);
	return query_number(q, n);
}

int
inbox_add(struct keyfile *kf, struct inbox *i, const uint8_t *record,
    size_t len, bool *fresh)
{
	struct colbox_place at;
	struct query *q;
	int64_t n;
	int r;

	r = next_number(kf, i, &n);
	if (r < 0)
		return r;
	if (n == 0) {
		*fresh = false;
		return 0;
	}
	at = place(n);
	q = query_of(keyfile_db(kf),
	    "INSERT INTO inbox (" COLUMNS ", record) "
	    "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)");
	query_bind_i64(q, n);
	query_bind_blob(q, i->peer, ID_LEN);
	query_bind_blob(q, i->message_id, ID_LEN);
	query_bind_u64(q, i->seq);
	query_bind_u64(q, i->kind);
	query_bind_u64(q, INBOX_NEW);
	query_bind_u64(q, i->at);
	query_bind_box(q, &at, record, len);
	r = query_run(q);
	if (r < 0)
		return r;
	i->n = n;
	i->state = INBOX_NEW;
	*fresh = true;
	return 0;
}

static void
read_row(struct query *q, struct inbox *i)
{
	i->n = query_get_i64(q);
	query_get_blob(q, i->peer, ID_LEN);
	query_get_blob(q, i->message_id, ID_LEN);
	i->seq = query_get_u64(q);
	i->kind = (enum inbox_kind)query_get_enum(q, INBOX_MESSAGE,
	    INBOX_FILE_REFUSED);
	i->state = (enum inbox_state)query_get_enum(q, INBOX_NEW, INBOX_DONE);
	i->at = query_get_u64(q);
}

int
inbox_page(struct keyfile *kf, const struct inbox_filter *f, int64_t after,
    struct inbox *out, size_t max, size_t *n)
{
	struct query *q = query_of(keyfile_db(kf),
	    "SELECT " COLUMNS " " OPEN "AND n > ?1 AND "
	    "(?2 = 0 OR kind & ?2) AND (?3 IS NULL OR peer = ?3) "
	    "ORDER BY n LIMIT ?4");
	size_t rows = 0;
	int r;

	query_bind_i64(q, after);
	query_bind_u64(q, f->kinds);
	query_bind_blob(q, f->peer, ID_LEN);
	query_bind_u64(q, max);
	while (rows < max && query_row(q))
		read_row(q, &out[rows++]);
	r = query_end(q);
	if (r == 0)
		*n = rows;
	return r;
}

int
inbox_read(struct keyfile *kf, int64_t n, struct buf *out)
{
	const struct colbox_place at = place(n);
	struct query *q = query_of(keyfile_db(kf),
	    "SELECT record FROM inbox WHERE n = ?1 AND record IS NOT NULL");

	query_bind_i64(q, n);
	if (query_row(q))
		query_get_box_buf(q, &at, out);
	return query_end(q);
}

int
inbox_set(struct keyfile *kf, int64_t n, enum inbox_state state)
{
	struct query *q = query_of(keyfile_db(kf),
	    "UPDATE inbox SET state = ?2, "
	    "record = CASE WHEN ?2 <> ?3 THEN record END "
	    "WHERE n = ?1 AND record IS NOT NULL");

	query_bind_i64(q, n);
	query_bind_u64(q, state);
	query_bind_u64(q, INBOX_DONE);
	return query_run(q);
}

int
inbox_count(struct keyfile *kf, size_t *n)
{
	return query_count(query_of(keyfile_db(kf), "SELECT count(*) " OPEN),
	    n);
}

/* Rows stand in the order of time, so the first young one ends the search. */
int
inbox_expire(struct keyfile *kf, uint64_t now)
{
	struct query *q = query_of(keyfile_db(kf),
	    "DELETE FROM inbox WHERE record IS NULL AND at < ?1 - ?2 AND "
	    "n < ifnull((SELECT n FROM inbox WHERE at >= ?1 - ?2 "
	    "ORDER BY n LIMIT 1), 9223372036854775807)");

	query_bind_u64(q, now);
	query_bind_u64(q, INBOX_KEEP_MS);
	return query_run(q);
}
