/* SPDX-License-Identifier: ISC */
#include "server/store_sqlite.h"
#include "wire/codes.h"

/* A class of messages with counters of its own. */
struct tally {
	int64_t n;
	int64_t bytes;
};

static void
count(struct mailbox *m, bool chunks, int64_t n, int64_t bytes)
{
	if (chunks) {
		m->chunks += n;
		m->chunk_bytes += bytes;
	} else {
		m->messages += n;
		m->message_bytes += bytes;
	}
}

/* Whether m takes anything, and from this sender. */
static int
admit(struct store_sqlite *s, const struct mailbox *m, const uint8_t *from)
{
	int r;

	if (m->next_message == UINT32_MAX)
		return REASON_MAILBOX_FULL;
	if (m->blocks == 0)
		return 0;
	sql_set_int(s->sql, QUERY_IS_BLOCKED, 1, m->number);
	sql_set_blob(s->sql, QUERY_IS_BLOCKED, 2, from, ID_LEN);
	r = sql_step(s->sql, QUERY_IS_BLOCKED);
	if (r != 1)
		return r;
	sql_settle(s->sql, QUERY_IS_BLOCKED);
	return REASON_DENIED;
}

static int
insert(struct store_sqlite *s, const struct mailbox *to, int64_t sender,
    const struct body_send *msg, uint64_t now)
{
	sql_set_int(s->sql, QUERY_PUT, 1, to->number);
	sql_set_int(s->sql, QUERY_PUT, 2, to->next_message);
	sql_set_int(s->sql, QUERY_PUT, 3, sender);
	sql_set_int(s->sql, QUERY_PUT, 4, msg->type);
	sql_set_int(s->sql, QUERY_PUT, 5, (int64_t)now);
	sql_set_blob(s->sql, QUERY_PUT, 6, msg->content, msg->content_len);
	return sql_run(s->sql, QUERY_PUT);
}

int
store_sqlite_mail_put(struct store *st, const struct body_send *msg,
    const uint8_t *from, uint64_t now)
{
	struct store_sqlite *s = store_sqlite_of(st);
	struct mailbox *m;
	int64_t sender;
	int r;

	r = store_sqlite_mailbox(s, &m, from);
	if (r != 0)
		return r < 0 ? r : REASON_NOT_REGISTERED;
	sender = m->number;
	r = store_sqlite_mailbox(s, &m, msg->to);
	if (r == 0)
		r = admit(s, m, from);
	if (r == 0)
		r = sql_begin(s->sql);
	if (r == 0)
		r = insert(s, m, sender, msg, now);
	if (r != 0)
		return r;
	m->next_message++;
	count(m, msg->type == MESSAGE_CHUNK, 1, msg->content_len);
	store_sqlite_counted(s, m);
	return 0;
}

static int
get_message(struct store_sqlite *s, struct body_message *m)
{
	size_t len = 0;
	int r;

	r = store_sqlite_bytes(s, QUERY_PULL, 0, m->from, ID_LEN);
	if (r == 0)
		r = sql_get_blob(s->sql, QUERY_PULL, 3, &m->content, &len);
	if (r < 0)
		return r;
	m->id = (uint32_t)sql_get_int(s->sql, QUERY_PULL, 1);
	m->type = (uint8_t)sql_get_int(s->sql, QUERY_PULL, 2);
	m->content_len = (uint32_t)len;
	return 0;
}

int
store_sqlite_mail_pull(struct store *st, const uint8_t *id,
    const struct body_pull *q, store_message_fn fn, void *arg)
{
	struct store_sqlite *s = store_sqlite_of(st);
	struct body_message msg;
	struct mailbox *m;
	int r;

	r = store_sqlite_mailbox(s, &m, id);
	if (r != 0 || (m->messages == 0 && (m->chunks == 0 || q->no_chunks)))
		return r;
	sql_set_int(s->sql, QUERY_PULL, 1, m->number);
	sql_set_int(s->sql, QUERY_PULL, 2, q->after);
	sql_set_int(s->sql, QUERY_PULL, 3, q->no_chunks);
	while ((r = sql_step(s->sql, QUERY_PULL)) == 1) {
		r = get_message(s, &msg);
		if (r < 0 || !fn(arg, &msg)) {
			sql_settle(s->sql, QUERY_PULL);
			break;
		}
	}
	return r;
}

static void
set_range(struct store_sqlite *s, enum store_sqlite_query q,
    const struct mailbox *m, const struct body_range *range)
{
	sql_set_int(s->sql, q, 1, m->number);
	sql_set_int(s->sql, q, 2, range->first);
	sql_set_int(s->sql, q, 3, range->last);
}

/* What a range holds: all of it, and the chunks among it. */
static int
measure(struct store_sqlite *s, struct tally *all, struct tally *chunks,
    const struct mailbox *m, const struct body_range *range)
{
	int r;

	set_range(s, QUERY_COUNT, m, range);
	r = sql_step(s->sql, QUERY_COUNT);
	if (r < 0)
		return r;
	all->n = sql_get_int(s->sql, QUERY_COUNT, 0);
	all->bytes = sql_get_int(s->sql, QUERY_COUNT, 1);
	chunks->n = sql_get_int(s->sql, QUERY_COUNT, 2);
	chunks->bytes = sql_get_int(s->sql, QUERY_COUNT, 3);
	sql_settle(s->sql, QUERY_COUNT);
	return 0;
}

int
store_sqlite_mail_ack(struct store *st, const uint8_t *id,
    const struct body_range *range, uint32_t *n)
{
	struct store_sqlite *s = store_sqlite_of(st);
	struct tally all = { 0 }, chunks = { 0 };
	struct mailbox *m;
	int r;

	r = store_sqlite_mailbox(s, &m, id);
	if (r == 0)
		r = measure(s, &all, &chunks, m, range);
	if (r != 0 || all.n == 0)
		return r;
	r = sql_begin(s->sql);
	if (r < 0)
		return r;
	set_range(s, QUERY_DELETE, m, range);
	r = sql_run(s->sql, QUERY_DELETE);
	if (r < 0)
		return r;
	count(m, true, -chunks.n, -chunks.bytes);
	count(m, false, chunks.n - all.n, chunks.bytes - all.bytes);
	store_sqlite_counted(s, m);
	*n += (uint32_t)all.n;
	return 0;
}
