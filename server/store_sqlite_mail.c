/* SPDX-License-Identifier: ISC */
#include "base/err.h"
#include "server/store_sqlite.h"
#include "wire/codes.h"

/* REASON_DENIED: m takes nothing from this sender. */
static int
check_block(struct store_sqlite *s, const struct mailbox *m,
    const uint8_t *from)
{
	int r;

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

/* Whether m takes this message, and from this sender. */
static int
admit(struct store_sqlite *s, struct mailbox *m, int64_t sender,
    const struct body_send *msg, const uint8_t *from)
{
	int r;

	if (m->next_message == UINT32_MAX)
		return REASON_MAILBOX_FULL;
	r = check_block(s, m, from);
	if (r == 0)
		r = store_sqlite_space_take(s, quota_kind(msg->type),
		    msg->content_len);
	return r == 0 ? store_sqlite_count_admit(s, m, sender, msg) : r;
}

static int
insert(struct store_sqlite *s, const struct mailbox *to, int64_t sender,
    const struct body_send *msg, uint64_t now)
{
	uint8_t packed[CHUNKS_PLACE_LEN];
	struct chunks_place place;
	int r;

	sql_set_int(s->sql, QUERY_PUT, 1, to->number);
	sql_set_int(s->sql, QUERY_PUT, 2, to->next_message);
	sql_set_int(s->sql, QUERY_PUT, 3, sender);
	sql_set_int(s->sql, QUERY_PUT, 4, msg->type);
	sql_set_int(s->sql, QUERY_PUT, 5, (int64_t)now);
	sql_set_blob(s->sql, QUERY_PUT, 6, msg->content, msg->content_len);
	if (msg->type == MESSAGE_CHUNK) {
		s->pieces_changed = true;
		r = chunks_put(s->chunks, &place, msg->content,
		    msg->content_len);
		if (r < 0)
			return r;
		chunks_pack(packed, &place);
		sql_set_blob(s->sql, QUERY_PUT, 6, packed, sizeof(packed));
	}
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
		r = admit(s, m, sender, msg, from);
	if (r == 0)
		r = sql_begin(s->sql);
	if (r == 0)
		r = insert(s, m, sender, msg, now);
	if (r != 0)
		return r;
	m->next_message++;
	if (msg->type == MESSAGE_CHUNK)
		store_sqlite_counted(s, m);
	else
		store_sqlite_has_one_more(s, m);
	return store_sqlite_count_in(s, m, sender, msg->type, msg->content_len);
}

/* A place is of that length; what is not, stands in the row itself. */
static bool
is_place(uint8_t type, size_t len)
{
	return type == MESSAGE_CHUNK && len == CHUNKS_PLACE_LEN;
}

/* All but the content of a piece, whose place is told instead. */
static int
get_message(struct store_sqlite *s, struct body_message *m,
    struct chunks_place *place)
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
	if (!is_place(m->type, len))
		return 0;
	chunks_unpack(place, m->content);
	if (place->len > CONTENT_MAX)
		return sql_damaged(s->sql);
	m->content = NULL;
	m->content_len = place->len;
	return 0;
}

/* The row that stands there to fn, unless the page is full; 0: no more. */
static int
pull_row(struct store_sqlite *s, const struct body_pull *q, uint64_t *used,
    store_message_fn fn, void *arg)
{
	struct chunks_place place;
	struct body_message msg;
	int r = get_message(s, &msg, &place);

	if (r < 0 || !store_has_room(q, used, msg.content_len))
		return r;
	if (!msg.content) {
		r = chunks_get(s->chunks, s->piece, &place);
		msg.content = s->piece;
	}
	return r < 0 ? r : fn(arg, &msg);
}

int
store_sqlite_mail_pull(struct store *st, const uint8_t *id,
    const struct body_pull *q, store_message_fn fn, void *arg)
{
	struct store_sqlite *s = store_sqlite_of(st);
	uint64_t used = 0;
	struct mailbox *m;
	int r;

	r = store_sqlite_mailbox(s, &m, id);
	if (r != 0 || (m->messages == 0 && (m->chunks == 0 || q->no_chunks)))
		return r;
	sql_set_int(s->sql, QUERY_PULL, 1, m->number);
	sql_set_int(s->sql, QUERY_PULL, 2, q->after);
	sql_set_int(s->sql, QUERY_PULL, 3, q->no_chunks);
	while ((r = sql_step(s->sql, QUERY_PULL)) == 1) {
		r = pull_row(s, q, &used, fn, arg);
		if (r <= 0) {
			sql_settle(s->sql, QUERY_PULL);
			break;
		}
	}
	return r;
}

/* The row that a DELETE has told of, out of the counters and the files. */
static int
take_out(struct store_sqlite *s, struct mailbox *m)
{
	const enum store_sqlite_query q = QUERY_DELETE;
	uint8_t type = (uint8_t)sql_get_int(s->sql, q, 0);
	size_t len = (size_t)sql_get_int(s->sql, q, 1);
	struct chunks_place place;
	const uint8_t *packed;
	int r = 0;

	if (is_place(type, len)) {
		s->pieces_changed = true;
		r = sql_get_blob(s->sql, q, 2, &packed, &len);
		if (r < 0)
			return r;
		chunks_unpack(&place, packed);
		len = place.len;
		r = chunks_drop(s->chunks, &place);
	}
	if (r < 0)
		return r;
	return store_sqlite_count_out(s, m, sql_get_int(s->sql, q, 3), type,
	    (uint32_t)len);
}

/*
 * Shorten a range until no more than so many messages are in it; REASON_BUSY
 * when some are left out.  One that is narrow costs nothing to look at.
 */
static int
cut_range(struct store_sqlite *s, struct body_range *range,
    const struct mailbox *m, uint32_t most)
{
	int r;

	if (range->last - range->first < most)
		return 0;
	sql_set_int(s->sql, QUERY_NTH, 1, m->number);
	sql_set_int(s->sql, QUERY_NTH, 2, range->first);
	sql_set_int(s->sql, QUERY_NTH, 3, range->last);
	sql_set_int(s->sql, QUERY_NTH, 4, most);
	r = sql_step(s->sql, QUERY_NTH);
	if (r != 1)
		return r;
	range->last = (uint32_t)sql_get_int(s->sql, QUERY_NTH, 0) - 1;
	sql_settle(s->sql, QUERY_NTH);
	return REASON_BUSY;
}

static int
delete_range(struct store_sqlite *s, struct mailbox *m,
    const struct body_range *range, uint32_t *n)
{
	int r = sql_begin(s->sql);

	if (r < 0)
		return r;
	store_sqlite_counted(s, m);
	sql_set_int(s->sql, QUERY_DELETE, 1, m->number);
	sql_set_int(s->sql, QUERY_DELETE, 2, range->first);
	sql_set_int(s->sql, QUERY_DELETE, 3, range->last);
	while ((r = sql_step(s->sql, QUERY_DELETE)) == 1) {
		r = take_out(s, m);
		if (r < 0) {
			sql_settle(s->sql, QUERY_DELETE);
			return r;
		}
		++*n;
	}
	return r == 0 ? store_sqlite_count_thin_out(s, m) : r;
}

int
store_sqlite_mail_ack(struct store *st, const uint8_t *id,
    const struct body_range *range, uint32_t *n)
{
	struct store_sqlite *s = store_sqlite_of(st);
	struct body_range part = *range;
	struct mailbox *m;
	int cut, r = store_sqlite_mailbox(s, &m, id);

	if (r != 0 || m->messages + m->chunks == 0)
		return r;
	cut = cut_range(s, &part, m, STORE_ACK_MAX - *n);
	if (cut < 0)
		return cut;
	if (part.first <= part.last)
		r = delete_range(s, m, &part, n);
	return r == 0 ? cut : r;
}

int
store_sqlite_mail_claim(struct store_sqlite *s)
{
	struct chunks_place place;
	const uint8_t *packed;
	size_t len;
	int r;

	while ((r = sql_step(s->sql, QUERY_PLACES)) == 1) {
		r = sql_get_blob(s->sql, QUERY_PLACES, 0, &packed, &len);
		if (r == 0 && is_place(MESSAGE_CHUNK, len)) {
			chunks_unpack(&place, packed);
			r = chunks_claim(s->chunks, &place);
		}
		if (r < 0) {
			sql_settle(s->sql, QUERY_PLACES);
			break;
		}
	}
	return r;
}
