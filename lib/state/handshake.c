/* SPDX-License-Identifier: ISC */
#include "state/handshake.h"

#include <string.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/secret.h"
#include "state/db.h"

#define PENDING_KEEP_MS (7 * CLOCK_DAY)
#define OPEN_KEEP_MS    (37 * CLOCK_DAY) /* 7 and the relay's 30 */
#define DONE_KEEP       8

static struct colbox_place
place(const uint8_t peer[static ID_LEN], enum handshake_role role)
{
	struct colbox_place at = { .table = "shakes", .column = "state" };

	colbox_add_bytes(&at, peer, ID_LEN);
	colbox_add_number(&at, role);
	return at;
}

/* Length of what the box holds; 0: there is none. */
static size_t
state_len(const struct handshake *h)
{
	if (h->stage == HANDSHAKE_FINISHED)
		return 0;
	return h->role == HANDSHAKE_INITIATOR ? SHAKE_PENDING_LEN
					      : SHAKE_OPEN_LEN;
}

static void
read_state(struct query *q, struct handshake *h)
{
	const struct colbox_place at = place(h->peer, h->role);
	const size_t len = state_len(h);
	uint8_t state[SHAKE_OPEN_LEN];

	if (len == 0)
		return;
	query_get_box(q, &at, state, len);
	if (q->err == 0)
		q->err = h->role == HANDSHAKE_INITIATOR
		    ? shake_unpack_pending(&h->pending, state, len)
		    : shake_unpack_open(&h->open, state, len);
	secret_wipe(state, sizeof(state));
}

static void
read_row(struct query *q, struct handshake *h)
{
	query_get_blob(q, h->peer, ID_LEN);
	h->role = (enum handshake_role)query_get_enum(q, HANDSHAKE_INITIATOR,
	    HANDSHAKE_RESPONDER);
	h->stage = (enum handshake_stage)query_get_enum(q, HANDSHAKE_REQUESTED,
	    HANDSHAKE_OPEN);
	if ((h->role == HANDSHAKE_RESPONDER) != (h->stage == HANDSHAKE_OPEN))
		query_spoil(q, "role and stage of a handshake");
	query_get_blob(q, h->hsid, ID_LEN);
	h->sent_len = (uint8_t)query_get_some(q, h->sent, sizeof(h->sent));
	query_get_blob(q, h->answer, sizeof(h->answer));
	h->ts = query_get_u64(q);
	h->at = query_get_u64(q);
	h->sent_at = query_get_u64(q);
	read_state(q, h);
}

int
handshake_get(struct keyfile *kf, const uint8_t peer[static ID_LEN],
    enum handshake_role role, struct handshake *out, bool *found)
{
	struct handshake h = { .ts = 0 };
	struct query *q;
	bool has;
	int r;

	q = query_of(keyfile_db(kf),
	    "SELECT peer, role, stage, hsid, sent, answer, ts, at, sent_at, "
	    "state FROM shakes "
	    "WHERE peer = ?1 AND role = ?2");
	query_bind_blob(q, peer, ID_LEN);
	query_bind_u64(q, role);
	has = query_row(q);
	if (has)
		read_row(q, &h);
	r = query_end(q);
	if (r == 0)
		*found = has;
	if (r == 0 && has)
		*out = h; /* a secret's copy */
	secret_wipe(&h, sizeof(h));
	return r;
}

static void
bind_state(struct query *q, const struct handshake *h)
{
	const struct colbox_place at = place(h->peer, h->role);
	const size_t len = state_len(h);
	uint8_t state[SHAKE_OPEN_LEN];

	if (len == 0) {
		query_bind_blob(q, NULL, 0);
		return;
	}
	if (h->role == HANDSHAKE_INITIATOR)
		shake_pack_pending(state, &h->pending);
	else
		shake_pack_open(state, &h->open);
	query_bind_box(q, &at, state, len);
	secret_wipe(state, sizeof(state));
}

int
handshake_put(struct keyfile *kf, const struct handshake *h)
{
	struct query *q = query_of(keyfile_db(kf),
	    "REPLACE INTO shakes (peer, role, stage, hsid, sent, answer, ts, "
	    "at, sent_at, state) VALUES "
	    "(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)");

	query_bind_blob(q, h->peer, ID_LEN);
	query_bind_u64(q, h->role);
	query_bind_u64(q, h->stage);
	query_bind_blob(q, h->hsid, ID_LEN);
	query_bind_blob(q, h->sent, h->sent_len);
	query_bind_blob(q, h->answer, sizeof(h->answer));
	query_bind_u64(q, h->ts);
	query_bind_u64(q, h->at);
	query_bind_u64(q, h->sent_at);
	bind_state(q, h);
	return query_run(q);
}

int
handshake_drop(struct keyfile *kf, const uint8_t peer[static ID_LEN],
    enum handshake_role role)
{
	struct query *q = query_of(keyfile_db(kf),
	    "DELETE FROM shakes WHERE peer = ?1 AND role = ?2");

	query_bind_blob(q, peer, ID_LEN);
	query_bind_u64(q, role);
	return query_run(q);
}

/* The id that a query, with all it takes bound by now, finds. */
static int
next_peer(struct query *q, uint8_t peer[static ID_LEN], bool *found)
{
	uint8_t next[ID_LEN];
	const bool has = query_row(q);
	int r;

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

int
handshake_next_requested(struct keyfile *kf, uint8_t peer[static ID_LEN],
    bool *found)
{
	struct query *q = query_of(keyfile_db(kf),
	    "SELECT peer FROM shakes WHERE peer > ?1 AND role = ?2 AND "
	    "stage = ?3 ORDER BY peer LIMIT 1");

	query_bind_blob(q, peer, ID_LEN);
	query_bind_u64(q, HANDSHAKE_INITIATOR);
	query_bind_u64(q, HANDSHAKE_REQUESTED);
	return next_peer(q, peer, found);
}

int
handshake_next_open(struct keyfile *kf, uint8_t peer[static ID_LEN],
    bool *found)
{
	struct query *q = query_of(keyfile_db(kf),
	    "SELECT peer FROM requests WHERE peer > ?1 UNION "
	    "SELECT peer FROM shakes WHERE peer > ?1 AND stage = ?2 UNION "
	    "SELECT id FROM peers WHERE id > ?1 AND reset_needed = 1 "
	    "ORDER BY 1 LIMIT 1");

	query_bind_blob(q, peer, ID_LEN);
	query_bind_u64(q, HANDSHAKE_ANSWERED);
	return next_peer(q, peer, found);
}

int
handshake_get_request(struct keyfile *kf, const uint8_t peer[static ID_LEN],
    struct handshake_request *out, bool *found)
{
	struct handshake_request a = { .ts = 0 };
	struct query *q;
	bool has;
	int r;

	q = query_of(keyfile_db(kf),
	    "SELECT peer, hsid, content, authenticated, ts, at FROM requests "
	    "WHERE peer = ?1");
	query_bind_blob(q, peer, ID_LEN);
	has = query_row(q);
	if (has) {
		query_get_blob(q, a.peer, ID_LEN);
		query_get_blob(q, a.hsid, ID_LEN);
		query_get_blob(q, a.content, sizeof(a.content));
		a.authenticated = query_get_bool(q);
		a.ts = query_get_u64(q);
		a.at = query_get_u64(q);
	}
	r = query_end(q);
	if (r < 0)
		return r;
	*found = has;
	if (has)
		*out = a;
	return 0;
}

int
handshake_put_request(struct keyfile *kf, const struct handshake_request *a)
{
	struct query *q = query_of(keyfile_db(kf),
	    "REPLACE INTO requests (peer, hsid, content, authenticated, ts, at)"
	    " VALUES (?1, ?2, ?3, ?4, ?5, ?6)");

	query_bind_blob(q, a->peer, ID_LEN);
	query_bind_blob(q, a->hsid, ID_LEN);
	query_bind_blob(q, a->content, sizeof(a->content));
	query_bind_u64(q, a->authenticated);
	query_bind_u64(q, a->ts);
	query_bind_u64(q, a->at);
	return query_run(q);
}

int
handshake_drop_request(struct keyfile *kf, const uint8_t peer[static ID_LEN])
{
	struct query *q =
	    query_of(keyfile_db(kf), "DELETE FROM requests WHERE peer = ?1");

	query_bind_blob(q, peer, ID_LEN);
	return query_run(q);
}

int
handshake_count_strangers(struct keyfile *kf, size_t *n)
{
	return query_count(query_of(keyfile_db(kf),
			       "SELECT count(*) FROM requests "
			       "WHERE authenticated = 0"),
	    n);
}

int
handshake_add_done(struct keyfile *kf, const uint8_t peer[static ID_LEN],
    const uint8_t hsid[static ID_LEN], uint64_t now)
{
	struct query *q = query_of(keyfile_db(kf),
	    "REPLACE INTO finished (peer, hsid, at) VALUES (?1, ?2, ?3)");
	int r;

	query_bind_blob(q, peer, ID_LEN);
	query_bind_blob(q, hsid, ID_LEN);
	query_bind_u64(q, now);
	r = query_run(q);
	if (r < 0)
		return r;
	q = query_of(keyfile_db(kf),
	    "DELETE FROM finished WHERE peer = ?1 AND n <= (SELECT n FROM "
	    "finished WHERE peer = ?1 ORDER BY n DESC LIMIT 1 OFFSET ?2)");
	query_bind_blob(q, peer, ID_LEN);
	query_bind_u64(q, DONE_KEEP);
	return query_run(q);
}

int
handshake_is_done(struct keyfile *kf, const uint8_t peer[static ID_LEN],
    const uint8_t hsid[static ID_LEN], bool *done)
{
	struct query *q = query_of(keyfile_db(kf),
	    "SELECT count(*) FROM finished WHERE peer = ?1 AND hsid = ?2");
	size_t n;
	int r;

	query_bind_blob(q, peer, ID_LEN);
	query_bind_blob(q, hsid, ID_LEN);
	r = query_count(q, &n);
	if (r == 0)
		*done = n > 0;
	return r;
}

int
handshake_expire(struct keyfile *kf, uint64_t now)
{
	struct query *q = query_of(keyfile_db(kf),
	    "DELETE FROM shakes WHERE "
	    "at < ?1 - CASE WHEN stage <= ?2 THEN ?3 ELSE ?4 END");
	int r;

	query_bind_u64(q, now);
	query_bind_u64(q, HANDSHAKE_ANSWERED);
	query_bind_u64(q, PENDING_KEEP_MS);
	query_bind_u64(q, OPEN_KEEP_MS);
	r = query_run(q);
	if (r < 0)
		return r;
	q = query_of(keyfile_db(kf), "DELETE FROM requests WHERE at < ?1 - ?2");
	query_bind_u64(q, now);
	query_bind_u64(q, PENDING_KEEP_MS);
	return query_run(q);
}
