/* SPDX-License-Identifier: ISC */
#include "state/inbox.h"

#include "base/err.h"
#include "state/db.h"

#define COLUMNS "n, peer, message_id, seq, kind, state, at, tries"
/* The rows that are not done, by the index that holds them alone. */
#define OPEN "FROM inbox INDEXED BY inbox_open WHERE record IS NOT NULL "
/* Those of them that pass a filter. */
#define PAGE(which)                                                \
	"SELECT " COLUMNS " " OPEN "AND n > ?1 AND "               \
	"(?2 = 0 OR kind & ?2) AND (?3 IS NULL OR peer = ?3) AND " \
	"state " which " "
/* The rows that wait until a time that makes sense. */
#define WAITING(now, most)                                      \
	"FROM inbox INDEXED BY inbox_retry WHERE next_try > 0 " \
	"AND next_try > " now " AND next_try <= " now " + " most

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
	    "INSERT INTO inbox (" COLUMNS ", next_try, record) "
	    "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, 0, 0, ?8)");
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
	i->state = (enum inbox_state)query_get_enum(q, INBOX_NEW, INBOX_DEAD);
	i->at = query_get_u64(q);
	i->tries = query_get_u64(q);
}

static void
bind_filter(struct query *q, const struct inbox_filter *f, int64_t after)
{
	query_bind_i64(q, after);
	query_bind_u64(q, f->kinds);
	query_bind_blob(q, f->peer, ID_LEN);
}

/* A query of PAGE, with what else it takes bound by now. */
static int
read_page(struct query *q, struct inbox *out, size_t max, size_t *n)
{
	size_t rows = 0;
	int r;

	query_bind_u64(q, max);
	while (rows < max && query_row(q))
		read_row(q, &out[rows++]);
	r = query_end(q);
	if (r == 0)
		*n = rows;
	return r;
}

/* Of rows in state ?4, or in another. */
static int
page(struct keyfile *kf, const char *sql, const struct inbox_filter *f,
    int64_t after, struct inbox *out, size_t max, size_t *n)
{
	struct query *q = query_of(keyfile_db(kf), sql);

	bind_filter(q, f, after);
	query_bind_u64(q, INBOX_DEAD);
	return read_page(q, out, max, n);
}

int
inbox_page(struct keyfile *kf, const struct inbox_filter *f, int64_t after,
    struct inbox *out, size_t max, size_t *n)
{
	static const char sql[] = PAGE("<> ?4") "ORDER BY n LIMIT ?5";

	return page(kf, sql, f, after, out, max, n);
}

int
inbox_dead(struct keyfile *kf, const struct inbox_filter *f, int64_t after,
    struct inbox *out, size_t max, size_t *n)
{
	static const char sql[] = PAGE("= ?4") "ORDER BY n LIMIT ?5";

	return page(kf, sql, f, after, out, max, n);
}

int
inbox_due(struct keyfile *kf, const struct inbox_filter *f, int64_t after,
    uint64_t now, struct inbox *out, bool *found)
{
	struct query *q = query_of(keyfile_db(kf),
	    PAGE("<> ?4") "AND peer NOT IN "
			  "(SELECT peer " WAITING("?5",
			      "?6") ") "
				    "ORDER BY n LIMIT ?7");
	size_t n;
	int r;

	bind_filter(q, f, after);
	query_bind_u64(q, INBOX_DEAD);
	query_bind_u64(q, now);
	query_bind_u64(q, INBOX_RETRY_MS);
	r = read_page(q, out, 1, &n);
	if (r == 0)
		*found = n > 0;
	return r;
}

int
inbox_next_due(struct keyfile *kf, uint64_t now, uint64_t *at)
{
	struct query *q = query_of(keyfile_db(kf),
	    "SELECT ifnull(min(next_try), -1) " WAITING("?1", "?2"));
	int64_t next;
	int r;

	query_bind_u64(q, now);
	query_bind_u64(q, INBOX_RETRY_MS);
	r = query_number(q, &next);
	if (r == 0)
		*at = next < 0 ? CLOCK_NEVER : (uint64_t)next;
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
	    "UPDATE inbox SET state = ?2, next_try = 0, "
	    "record = CASE WHEN ?2 <> ?3 THEN record END "
	    "WHERE n = ?1 AND record IS NOT NULL");

	query_bind_i64(q, n);
	query_bind_u64(q, state);
	query_bind_u64(q, INBOX_DONE);
	return query_run(q);
}

int
inbox_try(struct keyfile *kf, int64_t n)
{
	struct query *q = query_of(keyfile_db(kf),
	    "UPDATE inbox SET state = ?2, tries = tries + 1, next_try = 0 "
	    "WHERE n = ?1 AND record IS NOT NULL");

	query_bind_i64(q, n);
	query_bind_u64(q, INBOX_SHOWN);
	return query_run(q);
}

int
inbox_wait(struct keyfile *kf, int64_t n, uint64_t next_try)
{
	struct query *q = query_of(keyfile_db(kf),
	    "UPDATE inbox SET next_try = ?2 "
	    "WHERE n = ?1 AND record IS NOT NULL");

	query_bind_i64(q, n);
	query_bind_u64(q, next_try);
	return query_run(q);
}

int
inbox_wait_no_more(struct keyfile *kf)
{
	return query_run(query_of(keyfile_db(kf),
	    "UPDATE inbox SET next_try = 0 WHERE next_try > 0"));
}

int
inbox_forget(struct keyfile *kf, const uint8_t message_id[static ID_LEN])
{
	struct query *q = query_of(keyfile_db(kf),
	    "UPDATE inbox INDEXED BY inbox_open SET state = ?3, record = NULL "
	    "WHERE record IS NOT NULL AND state = ?2 AND message_id = ?1");

	query_bind_blob(q, message_id, ID_LEN);
	query_bind_u64(q, INBOX_DEAD);
	query_bind_u64(q, INBOX_DONE);
	return query_run(q);
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
