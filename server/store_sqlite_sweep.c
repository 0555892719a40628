/* SPDX-License-Identifier: ISC */
/*
 * What has been kept for its time, the oldest first: pieces by the place of
 * their contents, texts by the order of the rows.  Where pieces are kept for
 * longer than texts, rows of theirs stand in the way; they are passed over a
 * part at a time, too.
 */
#include "base/err.h"
#include "server/store_sqlite.h"
#include "wire/codes.h"

#define SWEEP_MAX 64 /* rows of one kind that one store_sweep looks at */

/* Messages to be deleted, as acknowledgements of theirs. */
struct overdue {
	uint64_t stored_before;
	size_t n;
	uint8_t ids[SWEEP_MAX][ID_LEN];
	struct body_range ranges[SWEEP_MAX];
};

/* Note the row that stands there; false when its time has not come. */
static int
note(struct store_sqlite *s, struct overdue *o, enum store_sqlite_query q,
    bool *due)
{
	struct body_range *range = &o->ranges[o->n];
	int r = store_sqlite_bytes(s, q, 0, o->ids[o->n], ID_LEN);

	if (r < 0)
		return r;
	range->first = range->last = (uint32_t)sql_get_int(s->sql, q, 1);
	*due = (uint64_t)sql_get_int(s->sql, q, 2) < o->stored_before;
	o->n += *due;
	return 0;
}

static int
find_pieces(struct store_sqlite *s, struct overdue *o, bool *more)
{
	bool due = true;
	int r;

	sql_set_int(s->sql, QUERY_OLDEST, 1, SWEEP_MAX);
	while ((r = sql_step(s->sql, QUERY_OLDEST)) == 1) {
		r = note(s, o, QUERY_OLDEST, &due);
		if (r < 0 || !due) {
			sql_settle(s->sql, QUERY_OLDEST);
			break;
		}
	}
	*more = o->n == SWEEP_MAX;
	return r;
}

/* s->swept is how far a look has come; each begins at the first row. */
static int
find_texts(struct store_sqlite *s, struct overdue *o, bool *more)
{
	const enum store_sqlite_query q = QUERY_OLDEST_TEXTS;
	unsigned rows = 0;
	bool due = true;
	int r;

	sql_set_int(s->sql, q, 1, SWEEP_MAX);
	sql_set_int(s->sql, q, 2, s->swept);
	for (; (r = sql_step(s->sql, q)) == 1; rows++) {
		s->swept = sql_get_int(s->sql, q, 4);
		if (sql_get_int(s->sql, q, 3) != MESSAGE_CHUNK)
			r = note(s, o, q, &due);
		if (r < 0 || !due) {
			sql_settle(s->sql, q);
			break;
		}
	}
	*more = rows == SWEEP_MAX;
	if (!*more)
		s->swept = 0;
	return r < 0 ? r : 0;
}

static int
sweep(struct store_sqlite *s,
    int (*find)(struct store_sqlite *, struct overdue *, bool *), uint64_t ttl,
    uint64_t now, bool *more)
{
	struct overdue o = { .stored_before = now - ttl };
	uint32_t n = 0;
	int r;

	*more = false;
	if (ttl > now)
		return 0;
	r = find(s, &o, more);
	for (size_t i = 0; r == 0 && i < o.n; i++)
		r = store_sqlite_mail_ack(&s->store, o.ids[i], &o.ranges[i],
		    &n);
	/* a message to nobody would stand in the way of all behind it */
	return r > 0 ? sql_damaged(s->sql) : r;
}

int
store_sqlite_sweep(struct store *st, uint64_t now, bool *more)
{
	struct store_sqlite *s = store_sqlite_of(st);
	const struct store_limits *l = &s->limits;
	bool texts = false, pieces = false;
	int r = store_sqlite_census_go_on(s);

	if (r == 0)
		r = sweep(s, find_pieces, l->chunk_ttl_ms, now, &pieces);
	if (r == 0)
		r = sweep(s, find_texts, l->message_ttl_ms, now, &texts);
	*more = r == 0 && (texts || pieces || s->census.under_way);
	return r;
}
