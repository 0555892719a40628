/* SPDX-License-Identifier: ISC */
/*
 * What a mailbox holds, and what each sender has in it.
 *
 * The counters of a mailbox stand in its row.  Shares of texts are kept only
 * while it is more than half full: below that nobody has more than half, and a
 * message costs nothing for them.  One query makes them when half is passed,
 * and they end at a quarter, so that its cost is spread over as many messages
 * as lie between.  Shares of pieces are kept always: to add one up is little
 * beside writing a piece, and there may be millions to go through at half.
 * They are rows rather than memory because a group that is lost takes them
 * along, and because they are still there, exact, after a restart.
 */
#include "base/err.h"
#include "server/notice.h"
#include "server/store_sqlite.h"
#include "wire/codes.h"

#define HALF    2
#define QUARTER 4

static struct quota
held(const struct mailbox *m, enum quota_kind kind)
{
	bool pieces = kind == QUOTA_PIECES;

	return (struct quota){
		.n = (uint64_t)(pieces ? m->chunks : m->messages),
		.bytes = (uint64_t)(pieces ? m->chunk_bytes : m->message_bytes),
	};
}

static void
add(struct mailbox *m, enum quota_kind kind, int64_t n, int64_t bytes)
{
	if (kind == QUOTA_PIECES) {
		m->chunks += n;
		m->chunk_bytes += bytes;
	} else {
		m->messages += n;
		m->message_bytes += bytes;
	}
}

static bool
is_shared(const struct mailbox *m, enum quota_kind kind)
{
	return kind == QUOTA_PIECES || m->shared;
}

static void
set_share(struct store_sqlite *s, enum store_sqlite_query q,
    const struct mailbox *m, enum quota_kind kind, int64_t sender)
{
	sql_set_int(s->sql, q, 1, m->number);
	sql_set_int(s->sql, q, 2, kind);
	sql_set_int(s->sql, q, 3, sender);
}

static int
get_share(struct store_sqlite *s, struct quota *out, const struct mailbox *m,
    enum quota_kind kind, int64_t sender)
{
	int r;

	set_share(s, QUERY_SHARE, m, kind, sender);
	r = sql_step(s->sql, QUERY_SHARE);
	*out = (struct quota){ 0 };
	if (r != 1)
		return r;
	out->n = (uint64_t)sql_get_int(s->sql, QUERY_SHARE, 0);
	out->bytes = (uint64_t)sql_get_int(s->sql, QUERY_SHARE, 1);
	sql_settle(s->sql, QUERY_SHARE);
	return 0;
}

static int
make_shares(struct store_sqlite *s, struct mailbox *m)
{
	int r = sql_begin(s->sql);

	sql_set_int(s->sql, QUERY_MAKE_SHARES, 1, m->number);
	if (r == 0)
		r = sql_run(s->sql, QUERY_MAKE_SHARES);
	m->shared = r == 0;
	return r;
}

static int
full(enum notice limit)
{
	notice_count(limit);
	return REASON_MAILBOX_FULL;
}

/* REASON_MAILBOX_FULL: so many requests of this sender wait already. */
static int
admit_request(struct store_sqlite *s, const struct mailbox *m, int64_t sender)
{
	uint64_t n;
	int r;

	if (m->messages == 0)
		return 0;
	sql_set_int(s->sql, QUERY_REQUESTS, 1, m->number);
	sql_set_int(s->sql, QUERY_REQUESTS, 2, sender);
	r = sql_step(s->sql, QUERY_REQUESTS);
	if (r != 1)
		return r;
	n = (uint64_t)sql_get_int(s->sql, QUERY_REQUESTS, 0);
	sql_settle(s->sql, QUERY_REQUESTS);
	return n < s->limits.requests ? 0 : full(NOTICE_MAILBOX_REQUESTS);
}

int
store_sqlite_count_admit(struct store_sqlite *s, struct mailbox *m,
    int64_t sender, const struct body_send *msg)
{
	static const enum notice in_all[] = {
		[QUOTA_TEXTS] = NOTICE_MAILBOX,
		[QUOTA_PIECES] = NOTICE_FILES,
	};
	static const enum notice of_one[] = {
		[QUOTA_TEXTS] = NOTICE_MAILBOX_SHARE,
		[QUOTA_PIECES] = NOTICE_FILES_SHARE,
	};
	const struct store_limits *limits = &s->limits;
	enum quota_kind kind = quota_kind(msg->type);
	uint32_t len = msg->content_len;
	struct quota share;
	int r = 0;

	if (!quota_fits(limits, kind, held(m, kind), len, 1))
		return full(in_all[kind]);
	if (msg->type == MESSAGE_REQUEST)
		r = admit_request(s, m, sender);
	if (r != 0 || quota_fits(limits, kind, held(m, kind), len, HALF))
		return r;
	if (!is_shared(m, kind))
		r = make_shares(s, m);
	if (r == 0)
		r = get_share(s, &share, m, kind, sender);
	if (r == 0 && !quota_fits(limits, kind, share, len, HALF))
		r = full(of_one[kind]);
	return r;
}

int
store_sqlite_count_in(struct store_sqlite *s, struct mailbox *m, int64_t sender,
    uint8_t type, uint32_t len)
{
	enum quota_kind kind = quota_kind(type);

	add(m, kind, 1, len);
	figures_in(&s->store.open, type, len);
	if (!is_shared(m, kind))
		return 0;
	set_share(s, QUERY_ADD_SHARE, m, kind, sender);
	sql_set_int(s->sql, QUERY_ADD_SHARE, 4, len);
	return sql_run(s->sql, QUERY_ADD_SHARE);
}

int
store_sqlite_count_out(struct store_sqlite *s, struct mailbox *m,
    int64_t sender, uint8_t type, uint32_t len)
{
	enum quota_kind kind = quota_kind(type);
	int64_t left;
	int r;

	add(m, kind, -1, -(int64_t)len);
	figures_out(&s->store.open, type, len, s->store.sweeping);
	if (!is_shared(m, kind))
		return 0;
	set_share(s, QUERY_CUT_SHARE, m, kind, sender);
	sql_set_int(s->sql, QUERY_CUT_SHARE, 4, len);
	r = sql_step(s->sql, QUERY_CUT_SHARE);
	if (r != 1)
		return r;
	left = sql_get_int(s->sql, QUERY_CUT_SHARE, 0);
	sql_settle(s->sql, QUERY_CUT_SHARE);
	if (left > 0)
		return 0;
	set_share(s, QUERY_END_SHARE, m, kind, sender);
	return sql_run(s->sql, QUERY_END_SHARE);
}

int
store_sqlite_count_thin_out(struct store_sqlite *s, struct mailbox *m)
{
	if (!m->shared ||
	    !quota_fits(&s->limits, QUOTA_TEXTS, held(m, QUOTA_TEXTS), 0,
		QUARTER))
		return 0;
	m->shared = false;
	sql_set_int(s->sql, QUERY_END_SHARES, 1, m->number);
	return sql_run(s->sql, QUERY_END_SHARES);
}
