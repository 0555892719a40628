/* SPDX-License-Identifier: ISC */
#include "state/outbox.h"

#include "base/err.h"
#include "state/db.h"

#define COLUMNS "n, peer, message_id, seq, type, state, at"
/* The rows that are not done, by the index that holds them alone. */
#define OPEN "FROM outbox INDEXED BY outbox_open WHERE content IS NOT NULL "

static struct colbox_place
place(int64_t n)
{
	struct colbox_place at = { .table = "outbox", .column = "content" };

	colbox_add_number(&at, n);
	return at;
}

int
outbox_add(struct keyfile *kf, struct outbox *o, const uint8_t *content,
    size_t len)
{
	struct colbox_place at;
	struct query *q;
	int64_t n;
	int r;

	r = query_number(query_of(keyfile_db(kf),
			     "SELECT ifnull(max(n), 0) + 1 FROM outbox"),
	    &n);
	if (r < 0)
		return r;
	at = place(n);
	q = query_of(keyfile_db(kf),
	    "INSERT INTO outbox (" COLUMNS ", content) "
	    "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)");
	query_bind_i64(q, n);
	query_bind_blob(q, o->peer, ID_LEN);
	query_bind_blob(q, o->message_id, ID_LEN);
	query_bind_u64(q, o->seq);
	query_bind_u64(q, o->type);
	query_bind_u64(q, OUTBOX_SEALED);
	query_bind_u64(q, o->at);
	query_bind_box(q, &at, content, len);
	r = query_run(q);
	if (r < 0)
		return r;
	o->n = n;
	o->state = OUTBOX_SEALED;
	return 0;
}

static int
fetch(struct query *q, struct outbox *out, bool *found)
{
	const bool has = query_row(q);
	struct outbox o;
	int r;

	if (has) {
		o.n = query_get_i64(q);
		query_get_blob(q, o.peer, ID_LEN);
		query_get_blob(q, o.message_id, ID_LEN);
		o.seq = query_get_u64(q);
		o.type = (uint8_t)query_get_enum(q, 0, UINT8_MAX);
		o.state = (enum outbox_state)query_get_enum(q, OUTBOX_SEALED,
		    OUTBOX_DONE);
		o.at = query_get_u64(q);
	}
	r = query_end(q);
	if (r < 0)
		return r;
	*found = has;
	if (has)
		*out = o;
	return 0;
}

int
outbox_find(struct keyfile *kf, const uint8_t peer[static ID_LEN],
    const uint8_t message_id[static ID_LEN], struct outbox *out, bool *found)
{
	struct query *q = query_of(keyfile_db(kf),
	    "SELECT " COLUMNS " FROM outbox "
	    "WHERE peer = ?1 AND message_id = ?2");

	query_bind_blob(q, peer, ID_LEN);
	query_bind_blob(q, message_id, ID_LEN);
	return fetch(q, out, found);
}

int
outbox_read(struct keyfile *kf, int64_t n, struct buf *out)
{
	const struct colbox_place at = place(n);
	struct query *q = query_of(keyfile_db(kf),
	    "SELECT content FROM outbox WHERE n = ?1 AND content IS NOT NULL");

	query_bind_i64(q, n);
	if (query_row(q))
		query_get_box_buf(q, &at, out);
	return query_end(q);
}

int
outbox_next(struct keyfile *kf, int64_t after, uint64_t sealed_before,
    struct outbox *out, bool *found)
{
	struct query *q = query_of(keyfile_db(kf),
	    "SELECT " COLUMNS " " OPEN "AND n > ?1 AND "
	    "(state = ?2 OR at < ?3) ORDER BY n LIMIT 1");

	query_bind_i64(q, after);
	query_bind_u64(q, OUTBOX_IN_DOUBT);
	query_bind_u64(q, sealed_before);
	return fetch(q, out, found);
}

static int
set_state(struct keyfile *kf, const char *sql, int64_t n,
    enum outbox_state state)
{
	struct query *q = query_of(keyfile_db(kf), sql);

	query_bind_i64(q, n);
	query_bind_u64(q, state);
	return query_run(q);
}

int
outbox_done(struct keyfile *kf, int64_t n)
{
	return set_state(kf,
	    "UPDATE outbox SET state = ?2, content = NULL WHERE n = ?1", n,
	    OUTBOX_DONE);
}

int
outbox_doubt(struct keyfile *kf, int64_t n)
{
	return set_state(kf,
	    "UPDATE outbox SET state = ?2 "
	    "WHERE n = ?1 AND content IS NOT NULL",
	    n, OUTBOX_IN_DOUBT);
}

int
outbox_drop(struct keyfile *kf, int64_t n)
{
	struct query *q =
	    query_of(keyfile_db(kf), "DELETE FROM outbox WHERE n = ?1");

	query_bind_i64(q, n);
	return query_run(q);
}

int
outbox_count(struct keyfile *kf, size_t *n)
{
	return query_count(query_of(keyfile_db(kf), "SELECT count(*) " OPEN),
	    n);
}

/* Rows stand in the order of time, so the first young one ends the search. */
int
outbox_expire(struct keyfile *kf, uint64_t now)
{
	struct query *q = query_of(keyfile_db(kf),
	    "DELETE FROM outbox WHERE content IS NULL AND at < ?1 - ?2 AND "
	    "n < ifnull((SELECT n FROM outbox WHERE at >= ?1 - ?2 "
	    "ORDER BY n LIMIT 1), 9223372036854775807)");

	query_bind_u64(q, now);
	query_bind_u64(q, OUTBOX_KEEP_MS);
	return query_run(q);
}
