/* SPDX-License-Identifier: ISC */
#include "server/store_sqlite.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/err.h"
#include "server/metrics.h"
#include "wire/codes.h"

#define SEEN_EVERY_MS (60ULL * 60 * 1000)
#define UNCOUNTED_MAX 16 /* rows to be looked at when a mailbox is loaded */
#define COUNT_MAX     (INT64_MAX / 4) /* sums of such have room as well */

int
store_sqlite_bytes(struct store_sqlite *s, enum store_sqlite_query q, int i,
    void *out, size_t len)
{
	const uint8_t *bytes;
	size_t n;
	int r;

	r = sql_get_blob(s->sql, q, i, &bytes, &n);
	if (r < 0)
		return r;
	if (n != len)
		return sql_damaged(s->sql);
	memcpy(out, bytes, len);
	return 0;
}

void
store_sqlite_counted(struct store_sqlite *s, struct mailbox *m)
{
	m->counters_changed = true;
	mailbox_touch(s->boxes, m);
}

void
store_sqlite_has_one_more(struct store_sqlite *s, struct mailbox *m)
{
	if (++m->uncounted >= UNCOUNTED_MAX || store_sqlite_census_awaits(s, m))
		store_sqlite_counted(s, m);
}

static int
write_counters(struct sql *sql, const struct mailbox *m)
{
	sql_set_blob(sql, QUERY_SET_COUNTERS, 1, m->id, ID_LEN);
	sql_set_int(sql, QUERY_SET_COUNTERS, 2, m->next_message);
	sql_set_int(sql, QUERY_SET_COUNTERS, 3, m->messages);
	sql_set_int(sql, QUERY_SET_COUNTERS, 4, m->message_bytes);
	sql_set_int(sql, QUERY_SET_COUNTERS, 5, m->chunks);
	sql_set_int(sql, QUERY_SET_COUNTERS, 6, m->chunk_bytes);
	sql_set_int(sql, QUERY_SET_COUNTERS, 7, m->blocks);
	sql_set_int(sql, QUERY_SET_COUNTERS, 8, m->registered);
	return sql_run(sql, QUERY_SET_COUNTERS);
}

static int
write_seen(struct sql *sql, const struct mailbox *m)
{
	sql_set_int(sql, QUERY_SET_SEEN, 1, m->number);
	sql_set_int(sql, QUERY_SET_SEEN, 2, (int64_t)m->last_seen);
	return sql_run(sql, QUERY_SET_SEEN);
}

int
store_sqlite_write_changed(struct store_sqlite *s)
{
	struct mailbox *m;

	while ((m = mailbox_take_changed(s->boxes))) {
		int r = sql_begin(s->sql);

		if (r == 0 && m->counters_changed) {
			r = write_counters(s->sql, m);
			m->uncounted = 0;
		}
		if (r == 0 && m->seen_changed)
			r = write_seen(s->sql, m);
		if (r < 0)
			return r;
		m->counters_changed = m->seen_changed = false;
	}
	return 0;
}

static int
keep(struct store_sqlite *s, struct mailbox **out, const struct mailbox *m)
{
	int r;

	*out = mailbox_add(s->boxes, m);
	if (*out)
		return 0;
	r = store_sqlite_write_changed(s);
	if (r < 0)
		return r;
	mailbox_clear(s->boxes);
	*out = mailbox_add(s->boxes, m);
	return 0;
}

/* A number that is no sum of what there can be is damage. */
static int
get_count(struct store_sqlite *s, enum store_sqlite_query q, int i, int64_t max,
    int64_t *out)
{
	int64_t n = sql_get_int(s->sql, q, i);

	if (n < 0 || n > max)
		return sql_damaged(s->sql);
	*out = n;
	return 0;
}

/* What has come since the counters were written. */
static int
count_rest(struct store_sqlite *s, struct mailbox *m)
{
	int64_t last = 0, bytes = 0;
	int r;

	sql_set_int(s->sql, QUERY_UNCOUNTED, 1, m->number);
	sql_set_int(s->sql, QUERY_UNCOUNTED, 2, m->next_message);
	r = sql_step(s->sql, QUERY_UNCOUNTED);
	if (r < 0)
		return r;
	m->uncounted = (uint32_t)sql_get_int(s->sql, QUERY_UNCOUNTED, 0);
	m->messages += m->uncounted;
	r = get_count(s, QUERY_UNCOUNTED, 1, COUNT_MAX, &bytes);
	if (r == 0)
		r = get_count(s, QUERY_UNCOUNTED, 2, UINT32_MAX - 1, &last);
	sql_settle(s->sql, QUERY_UNCOUNTED);
	if (r == 0 && m->uncounted > 0) {
		m->message_bytes += bytes;
		m->next_message = (uint32_t)last + 1;
	}
	return r;
}

static int
get_counters(struct store_sqlite *s, struct mailbox *m)
{
	int64_t *const counters[] = { &m->messages, &m->message_bytes,
		&m->chunks, &m->chunk_bytes, &m->blocks };
	int64_t next = 0;
	int r;

	r = get_count(s, QUERY_MAILBOX, 2, UINT32_MAX, &next);
	if (r < 0)
		return r;
	m->next_message = (uint32_t)next;
	for (size_t i = 0; r == 0 && i < ARRAY_LEN(counters); i++)
		r = get_count(s, QUERY_MAILBOX, 3 + (int)i, COUNT_MAX,
		    counters[i]);
	return r;
}

static int
load(struct store_sqlite *s, struct mailbox **out, const uint8_t *id)
{
	struct mailbox m = { 0 };
	int64_t counted_bytes;
	int r;

	sql_set_blob(s->sql, QUERY_MAILBOX, 1, id, ID_LEN);
	r = sql_step(s->sql, QUERY_MAILBOX);
	if (r <= 0)
		return r < 0 ? r : REASON_UNKNOWN_CLIENT;
	memcpy(m.id, id, ID_LEN);
	m.number = sql_get_int(s->sql, QUERY_MAILBOX, 0);
	m.registered = sql_get_int(s->sql, QUERY_MAILBOX, 1) != 0;
	m.shared = sql_get_int(s->sql, QUERY_MAILBOX, 8) != 0;
	r = get_counters(s, &m);
	counted_bytes = m.message_bytes;
	sql_settle(s->sql, QUERY_MAILBOX);
	if (r == 0)
		r = count_rest(s, &m);
	if (r == 0)
		r = keep(s, out, &m);
	if (r == 0 && m.uncounted > 0 && store_sqlite_census_awaits(s, &m)) {
		store_sqlite_census_add(s, m.uncounted,
		    (uint64_t)(m.message_bytes - counted_bytes));
		store_sqlite_counted(s, *out);
	}
	return r;
}

int
store_sqlite_mailbox(struct store_sqlite *s, struct mailbox **out,
    const uint8_t id[static ID_LEN])
{
	int r = sql_state(s->sql);

	if (r < 0)
		return r;
	*out = mailbox_find(s->boxes, id);
	if (!*out)
		r = load(s, out, id);
	if (r == 0 && !(*out)->registered)
		r = REASON_UNKNOWN_CLIENT;
	return r;
}

void
store_sqlite_registered(struct store_sqlite *s, const uint8_t id[static ID_LEN])
{
	struct mailbox *m = mailbox_find(s->boxes, id);

	if (m)
		m->registered = true;
}

static int
load_seen(struct store_sqlite *s, struct mailbox *m)
{
	int r;

	sql_set_int(s->sql, QUERY_SEEN, 1, m->number);
	r = sql_step(s->sql, QUERY_SEEN);
	if (r <= 0)
		return r < 0 ? r : sql_damaged(s->sql);
	m->last_seen = (uint64_t)sql_get_int(s->sql, QUERY_SEEN, 0);
	sql_settle(s->sql, QUERY_SEEN);
	return 0;
}

static int
seen(struct store *st, const uint8_t *id, uint64_t now)
{
	struct store_sqlite *s = store_sqlite_of(st);
	struct mailbox *m;
	int r;

	r = store_sqlite_mailbox(s, &m, id);
	if (r == 0 && m->last_seen == 0)
		r = load_seen(s, m);
	if (r != 0 || now < m->last_seen + SEEN_EVERY_MS)
		return r;
	m->last_seen = now;
	m->seen_changed = true;
	mailbox_touch(s->boxes, m);
	return 0;
}

/* End the open group: how, with or without waiting for the disk. */
static int
close_group(struct store_sqlite *s, int (*how)(struct sql *))
{
	const bool writes = sql_is_open(s->sql);
	const uint64_t begun = writes ? clock_mono_ns() : 0;
	int r = 0;

	if (writes)
		r = chunks_sync(s->chunks);
	if (r < 0) {
		sql_undo(s->sql);
	} else {
		if (writes)
			(void)store_sqlite_write_changed(
			    s); /* the commit tells */
		r = how(s->sql);
	}
	if (r > 0)
		s->submitted_ns = begun;
	else if (writes)
		metrics_time(&metrics.commit_time, clock_mono_ns() - begun, 1);
	if (r < 0)
		mailbox_clear(s->boxes);
	if (r >= 0)
		chunks_keep(s->chunks);
	else if (r != ERR_IO) /* else the rows may be there at the next start */
		chunks_undo(s->chunks);
	if (r == ERR_BUSY && s->census.under_way)
		s->census.again = true;
	if (r <= 0 && s->census.again)
		s->census.again = store_sqlite_census_begin(s) < 0;
	store_sqlite_space_settle(s, r < 0);
	s->pieces_changed = false;
	return r;
}

static int
commit(struct store *st)
{
	return close_group(store_sqlite_of(st), sql_commit);
}

/* What pieces take is given back by who knows that their rows are gone. */
static int
submit(struct store *st)
{
	struct store_sqlite *s = store_sqlite_of(st);

	return close_group(s, s->pieces_changed ? sql_commit : sql_submit);
}

static bool
is_under_way(const struct store *st)
{
	return sql_is_syncing(
	    ((const struct store_sqlite *)(const void *)st)->sql);
}

static int
land(struct store *st)
{
	struct store_sqlite *s = store_sqlite_of(st);
	int r = sql_await(s->sql);

	metrics_time(&metrics.commit_time, clock_mono_ns() - s->submitted_ns,
	    1);
	return r;
}

/* That the loop wakes is all. */
static void
on_synced(void *arg, unsigned events)
{
	(void)arg;
	(void)events;
}

static int
start(struct store *st, struct loop *loop)
{
	struct store_sqlite *s = store_sqlite_of(st);
	int r = sql_share(s->sql, &s->synced.fd);

	if (r < 0)
		return r;
	s->synced.events = LOOP_READ;
	s->synced.fn = on_synced;
	return loop_add(loop, &s->synced);
}

static int
rest(struct store *st)
{
	struct store_sqlite *s = store_sqlite_of(st);

	int r;

	chunks_rest(s->chunks);
	r = store_sqlite_space_compact(s);
	return r == 0 ? sql_checkpoint(s->sql) : r;
}

/* What was seen since the last group, in one of its own. */
static int
write_seen_late(struct store_sqlite *s)
{
	int r;

	if (!s->boxes || sql_is_open(s->sql))
		return 0;
	r = store_sqlite_write_changed(s);
	return r == 0 ? sql_commit(s->sql) : r;
}

static void
finish(struct store *st)
{
	struct store_sqlite *s = store_sqlite_of(st);

	if (write_seen_late(s) < 0)
		sql_undo(s->sql); /* times that are lost do no harm */
	store_sqlite_backup_end(s);
	if (st->loop)
		loop_remove(st->loop, &s->synced);
	sql_close(s->sql);
	mailbox_free(s->boxes);
	chunks_close(s->chunks);
	free(s->piece);
	free(s->path);
	free(s);
}

static void
limit(struct store *st, const struct store_limits *limits)
{
	struct store_sqlite *s = store_sqlite_of(st);

	s->limits = *limits;
	s->space.looked_at = 0;
}

static const struct store_ops ops = {
	.start = start,
	.submit = submit,
	.is_under_way = is_under_way,
	.land = land,
	.find = store_sqlite_clients_find,
	.list = store_sqlite_clients_list,
	.enrol = store_sqlite_clients_enrol,
	.unregister = store_sqlite_clients_unregister,
	.block = store_sqlite_clients_block,
	.put = store_sqlite_mail_put,
	.pull = store_sqlite_mail_pull,
	.ack = store_sqlite_mail_ack,
	.seen = seen,
	.commit = commit,
	.rest = rest,
	.sweep = store_sqlite_sweep,
	.backup = store_sqlite_backup,
	.limit = limit,
	.size = store_sqlite_space_size,
	.close = finish,
};

/* The pieces of files, in a directory beside the database. */
static int
open_chunks(struct store_sqlite *s, const char *path)
{
	char dir[PATH_MAX];
	int n = snprintf(dir, sizeof(dir), "%s.files", path), r;

	if (n < 0 || (size_t)n >= sizeof(dir))
		return err_set(ERR_USAGE, "the store's path is too long");
	r = chunks_open(&s->chunks, dir);
	if (r == 0)
		r = store_sqlite_mail_claim(s);
	return r == 0 ? chunks_start(s->chunks) : r;
}

int
store_sqlite_open(struct store **out, const char *path,
    const struct store_limits *limits)
{
	struct store_sqlite *s = calloc(1, sizeof(*s));
	int r;

	if (!s)
		return err_set(ERR_NOMEM, "store");
	s->store.ops = &ops;
	s->limits = limits ? *limits : store_limits_none;
	r = sql_open(&s->sql, path, &store_sqlite_plan);
	if (r < 0) {
		free(s);
		return r;
	}
	s->boxes = mailbox_new();
	s->piece = malloc(CONTENT_MAX);
	s->path = strdup(path);
	r = s->boxes && s->piece && s->path ? open_chunks(s, path)
					    : err_set(ERR_NOMEM, "store");
	if (r == 0)
		r = store_sqlite_census_begin(s);
	/* nobody is there to try again, and only memory can have run out */
	if (r == ERR_BUSY)
		r = err_set(ERR_NOMEM, "store");
	if (r < 0) {
		finish(&s->store);
		return r;
	}
	*out = &s->store;
	return 0;
}
