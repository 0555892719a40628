/* SPDX-License-Identifier: ISC */
#include "state/outbox.h"

#include <string.h>

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

static int
add(struct keyfile *kf, struct outbox *o, enum outbox_state state,
    const uint8_t *content, size_t len)
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
	query_bind_u64(q, state);
	query_bind_u64(q, o->at);
	query_bind_box(q, &at, content, len);
	r = query_run(q);
	if (r < 0)
		return r;
	o->n = n;
	o->state = state;
	return 0;
}

int
outbox_add(struct keyfile *kf, struct outbox *o, const uint8_t *content,
    size_t len)
{
	return add(kf, o, OUTBOX_SEALED, content, len);
}

int
outbox_add_plain(struct keyfile *kf, struct outbox *o, const uint8_t *body,
    size_t len)
{
	return add(kf, o, OUTBOX_PLAIN, body, len);
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
		    OUTBOX_REFUSED);
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
outbox_next_peer(struct keyfile *kf, uint8_t peer[static ID_LEN],
    uint64_t sealed_before, bool *found)
{
	struct query *q = query_of(keyfile_db(kf),
	    "SELECT peer " OPEN "AND peer > ?1 AND "
	    "(state IN (?2, ?3) OR (state = ?4 AND at < ?5)) "
	    "ORDER BY peer LIMIT 1");
	uint8_t next[ID_LEN];
	bool has;
	int r;

	query_bind_blob(q, peer, ID_LEN);
	query_bind_u64(q, OUTBOX_IN_DOUBT);
	query_bind_u64(q, OUTBOX_PLAIN);
	query_bind_u64(q, OUTBOX_SEALED);
	query_bind_u64(q, sealed_before);
	has = query_row(q);
	if (has)
		query_get_blob(q, next, ID_LEN);
	r = query_end(q);
	if (r < 0)
		return r;
	*found = has;
	if (has)
		memcpy(peer, next, ID_LEN);
	return 0;
}

/* Open rows of a peer in one of two states, or SEALED before a time. */
static int
next_row(struct keyfile *kf, const uint8_t peer[static ID_LEN], int64_t after,
    enum outbox_state one, enum outbox_state other, uint64_t sealed_before,
    struct outbox *out, bool *found)
{
	struct query *q = query_of(keyfile_db(kf),
	    "SELECT " COLUMNS " " OPEN "AND peer = ?1 AND n > ?2 AND "
	    "(state IN (?3, ?4) OR (state = ?5 AND at < ?6)) "
	    "ORDER BY n LIMIT 1");

	query_bind_blob(q, peer, ID_LEN);
	query_bind_i64(q, after);
	query_bind_u64(q, one);
	query_bind_u64(q, other);
	query_bind_u64(q, OUTBOX_SEALED);
	query_bind_u64(q, sealed_before);
	return fetch(q, out, found);
}

int
outbox_next_due(struct keyfile *kf, const uint8_t peer[static ID_LEN],
    int64_t after, uint64_t sealed_before, bool with_plain, struct outbox *out,
    bool *found)
{
	return next_row(kf, peer, after, OUTBOX_IN_DOUBT,
	    with_plain ? OUTBOX_PLAIN : OUTBOX_IN_DOUBT, sealed_before, out,
	    found);
}

int
outbox_next_in(struct keyfile *kf, const uint8_t peer[static ID_LEN],
    int64_t after, enum outbox_state state, struct outbox *out, bool *found)
{
	return next_row(kf, peer, after, state, state, 0, out, found);
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
	    "UPDATE outbox SET state = ?2 WHERE n = ?1 AND state = 1", n,
	    OUTBOX_IN_DOUBT);
}

int
outbox_seal(struct keyfile *kf, int64_t n, uint64_t seq, const uint8_t *content,
    size_t len)
{
	const struct colbox_place at = place(n);
	struct query *q = query_of(keyfile_db(kf),
	    "UPDATE outbox SET state = ?2, seq = ?3, content = ?4 "
	    "WHERE n = ?1");

	query_bind_i64(q, n);
	query_bind_u64(q, OUTBOX_SEALED);
	query_bind_u64(q, seq);
	query_bind_box(q, &at, content, len);
	return query_run(q);
}

int
outbox_refuse(struct keyfile *kf, int64_t n,
    const uint8_t message_id[static ID_LEN], const uint8_t *content, size_t len)
{
	const struct colbox_place at = place(n);
	struct query *q = query_of(keyfile_db(kf),
	    "UPDATE outbox SET state = ?2, message_id = ?3, content = ?4 "
	    "WHERE n = ?1");

	query_bind_i64(q, n);
	query_bind_u64(q, OUTBOX_REFUSED);
	query_bind_blob(q, message_id, ID_LEN);
	query_bind_box(q, &at, content, len);
	return query_run(q);
}

int
outbox_drop(struct keyfile *kf, int64_t n)
{
	struct query *q =
	    query_of(keyfile_db(kf), "DELETE FROM outbox WHERE n = ?1");

	query_bind_i64(q, n);
	return query_run(q);
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
