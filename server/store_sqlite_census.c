/* SPDX-License-Identifier: ISC */
#include "server/store_sqlite_census.h"

#include <string.h>

#include "base/err.h"
#include "server/store_sqlite.h"

#define PART      64  /* mailboxes */
#define AT_ONCE   512 /* of those, where nothing is to be looked for */
#define TEXT_COST 16  /* of a text, in mailboxes */

int
store_sqlite_census_begin(struct store_sqlite *s)
{
	struct figures *f = &s->store.committed;
	int r = sql_step(s->sql, QUERY_CENSUS);

	if (r <= 0)
		return r;
	f->clients = (uint64_t)sql_get_int(s->sql, QUERY_CENSUS, 0);
	for (int i = 0; i < FIGURES_KINDS; i++) {
		f->held[i] =
		    (uint64_t)sql_get_int(s->sql, QUERY_CENSUS, 1 + 2 * i);
		f->held_bytes[i] =
		    (uint64_t)sql_get_int(s->sql, QUERY_CENSUS, 2 + 2 * i);
	}
	s->store.open = *f;
	sql_settle(s->sql, QUERY_CENSUS);
	s->census = (struct store_sqlite_census){ .under_way = true };
	return 0;
}

static void
add(struct figures *f, uint64_t n, uint64_t bytes)
{
	f->held[QUOTA_TEXTS] += n;
	f->held_bytes[QUOTA_TEXTS] += bytes;
}

/* The rows of this part, which were there before the relay began. */
static int
take_part(struct store_sqlite *s, uint64_t *cost)
{
	struct store_sqlite_census *c = &s->census;
	int64_t mailboxes = sql_get_int(s->sql, QUERY_LATE, 0);
	uint64_t n = (uint64_t)sql_get_int(s->sql, QUERY_LATE, 2);
	uint64_t bytes = (uint64_t)sql_get_int(s->sql, QUERY_LATE, 3);

	*cost += PART + TEXT_COST * n;
	add(&s->store.open, n, bytes);
	add(&s->store.committed, n, bytes);
	c->under_way = mailboxes == PART;
	if (!c->under_way)
		return 0;
	return store_sqlite_bytes(s, QUERY_LATE, 1, c->after, ID_LEN);
}

static int
next_part(struct store_sqlite *s, uint64_t *cost)
{
	int r;

	sql_set_blob(s->sql, QUERY_LATE, 1, s->census.after, ID_LEN);
	sql_set_int(s->sql, QUERY_LATE, 2, PART);
	r = sql_step(s->sql, QUERY_LATE);
	if (r <= 0)
		return r < 0 ? r : sql_damaged(s->sql);
	r = take_part(s, cost);
	sql_settle(s->sql, QUERY_LATE);
	return r;
}

int
store_sqlite_census_go_on(struct store_sqlite *s)
{
	uint64_t cost = 0;
	int r = s->census.under_way ? store_sqlite_write_changed(s) : 0;

	while (r == 0 && s->census.under_way && cost < AT_ONCE)
		r = next_part(s, &cost);
	return r;
}

bool
store_sqlite_census_awaits(const struct store_sqlite *s,
    const struct mailbox *m)
{
	return s->census.under_way &&
	    memcmp(m->id, s->census.after, ID_LEN) > 0;
}

void
store_sqlite_census_add(struct store_sqlite *s, uint64_t n, uint64_t bytes)
{
	add(&s->store.open, n, bytes);
}
