/* SPDX-License-Identifier: ISC */
#include "state/session.h"

#include "base/err.h"
#include "base/secret.h"
#include "state/db.h"

static struct colbox_place
place(const uint8_t peer[static ID_LEN],
    const uint8_t sid[static RATCHET_SID_LEN])
{
	struct colbox_place at = { .table = "sessions", .column = "state" };

	colbox_add_bytes(&at, peer, ID_LEN);
	colbox_add_bytes(&at, sid, RATCHET_SID_LEN);
	return at;
}

/* The query names one peer by its first parameter, and nothing else. */
static struct query *
query_peer(struct keyfile *kf, const char *sql,
    const uint8_t peer[static ID_LEN])
{
	struct query *q = query_of(keyfile_db(kf), sql);

	query_bind_blob(q, peer, ID_LEN);
	return q;
}

int
session_has_active(struct keyfile *kf, const uint8_t peer[static ID_LEN],
    bool *has)
{
	size_t n;
	int r;

	r = query_count(query_peer(kf,
			    "SELECT count(*) FROM sessions "
			    "WHERE peer = ?1 AND active = 1",
			    peer),
	    &n);
	if (r == 0)
		*has = n > 0;
	return r;
}

static void
read_row(struct query *q, const uint8_t peer[static ID_LEN], struct ratchet *s)
{
	uint8_t sid[RATCHET_SID_LEN], packed[RATCHET_PACKED_MAX];
	struct colbox_place at;
	size_t len;

	query_get_blob(q, sid, sizeof(sid));
	if (q->err < 0)
		return;
	at = place(peer, sid);
	len = query_get_box_some(q, &at, packed, sizeof(packed));
	if (q->err == 0)
		q->err = ratchet_unpack(s, packed, len);
	secret_wipe(packed, sizeof(packed));
}

static int
fetch(struct query *q, const uint8_t peer[static ID_LEN], struct ratchet *out,
    bool *found)
{
	const bool has = query_row(q);
	struct ratchet s;
	int r;

	if (has)
		read_row(q, peer, &s);
	r = query_end(q);
	if (r == 0)
		*found = has;
	if (r == 0 && has)
		*out = s; /* a secret's copy */
	secret_wipe(&s, sizeof(s));
	return r;
}

int
session_get_active(struct keyfile *kf, const uint8_t peer[static ID_LEN],
    struct ratchet *out, bool *found)
{
	return fetch(query_peer(kf,
			 "SELECT sid, state FROM sessions "
			 "WHERE peer = ?1 AND active = 1",
			 peer),
	    peer, out, found);
}

int
session_get(struct keyfile *kf, const uint8_t peer[static ID_LEN],
    const uint8_t sid[static RATCHET_SID_LEN], struct ratchet *out, bool *found)
{
	struct query *q = query_peer(kf,
	    "SELECT sid, state FROM sessions WHERE peer = ?1 AND sid = ?2",
	    peer);

	query_bind_blob(q, sid, RATCHET_SID_LEN);
	return fetch(q, peer, out, found);
}

/* The query's second and third parameter are sid and state. */
static int
store(struct query *q, const uint8_t peer[static ID_LEN],
    const struct ratchet *s)
{
	const struct colbox_place at = place(peer, s->sid);
	uint8_t packed[RATCHET_PACKED_MAX];
	size_t len;

	ratchet_pack(packed, &len, s);
	query_bind_blob(q, s->sid, RATCHET_SID_LEN);
	query_bind_box(q, &at, packed, len);
	secret_wipe(packed, sizeof(packed));
	return query_run(q);
}

int
session_save(struct keyfile *kf, const uint8_t peer[static ID_LEN],
    const struct ratchet *s)
{
	int r;

	r = store(query_peer(kf,
		      "UPDATE sessions SET state = ?3 "
		      "WHERE peer = ?1 AND sid = ?2",
		      peer),
	    peer, s);
	if (r == 0 && !db_changed(keyfile_db(kf)))
		return err_set(ERR_INTERNAL, "no such session to save");
	return r;
}

/* Erase the keys that the sessions deleted just now have left behind. */
static int
drop_orphans(struct keyfile *kf)
{
	if (!db_changed(keyfile_db(kf)))
		return 0;
	return query_run(query_of(keyfile_db(kf),
	    "DELETE FROM skipped WHERE sid NOT IN "
	    "(SELECT sid FROM sessions)"));
}

/* Make the active session a previous one, the fifth of which goes. */
static int
retire(struct keyfile *kf, const uint8_t peer[static ID_LEN],
    uint64_t expires_at)
{
	struct query *q = query_peer(kf,
	    "UPDATE sessions SET active = 0, expires_at = ?2 "
	    "WHERE peer = ?1 AND active = 1",
	    peer);
	int r;

	query_bind_u64(q, expires_at);
	r = query_run(q);
	if (r < 0)
		return r;
	q = query_peer(kf,
	    "DELETE FROM sessions WHERE peer = ?1 AND rowid <= (SELECT rowid "
	    "FROM sessions WHERE peer = ?1 ORDER BY rowid DESC LIMIT 1 "
	    "OFFSET ?2)",
	    peer);
	query_bind_u64(q, SESSION_PREVIOUS_MAX);
	r = query_run(q);
	return r < 0 ? r : drop_orphans(kf);
}

int
session_activate(struct keyfile *kf, const uint8_t peer[static ID_LEN],
    const struct ratchet *s, bool lazy, uint64_t now)
{
	int r;

	r = retire(kf, peer, lazy ? 0 : now + SESSION_KEEP_MS);
	if (r < 0)
		return r;
	return store(query_peer(kf,
			 "INSERT INTO sessions (peer, sid, active, state, "
			 "expires_at) VALUES (?1, ?2, 1, ?3, 0)",
			 peer),
	    peer, s);
}

int
session_start_expiry(struct keyfile *kf, const uint8_t peer[static ID_LEN],
    uint64_t now)
{
	struct query *q = query_peer(kf,
	    "UPDATE sessions SET expires_at = ?2 "
	    "WHERE peer = ?1 AND active = 0 AND expires_at = 0",
	    peer);

	query_bind_u64(q, now + SESSION_KEEP_MS);
	return query_run(q);
}

int
session_retire(struct keyfile *kf, const uint8_t peer[static ID_LEN],
    uint64_t now)
{
	int r;

	r = retire(kf, peer, now + SESSION_KEEP_MS);
	return r < 0 ? r : session_start_expiry(kf, peer, now);
}

int
session_give_up(struct keyfile *kf)
{
	return query_run(query_of(keyfile_db(kf),
	    "UPDATE peers SET reset_needed = 1 WHERE id IN "
	    "(SELECT peer FROM sessions WHERE active = 1)"));
}

static struct colbox_place
skipped_place(const uint8_t sid[static RATCHET_SID_LEN],
    const uint8_t dh[static KEY_LEN], uint32_t n)
{
	struct colbox_place at = { .table = "skipped", .column = "mk" };

	colbox_add_bytes(&at, sid, RATCHET_SID_LEN);
	colbox_add_bytes(&at, dh, KEY_LEN);
	colbox_add_number(&at, n);
	return at;
}

static struct query *
query_skipped(struct keyfile *kf, const char *sql,
    const uint8_t sid[static RATCHET_SID_LEN], const uint8_t dh[static KEY_LEN],
    uint32_t n)
{
	struct query *q = query_of(keyfile_db(kf), sql);

	query_bind_blob(q, sid, RATCHET_SID_LEN);
	query_bind_blob(q, dh, KEY_LEN);
	query_bind_u64(q, n);
	return q;
}

int
session_get_skipped(struct keyfile *kf,
    const uint8_t sid[static RATCHET_SID_LEN], const uint8_t dh[static KEY_LEN],
    uint32_t n, uint8_t mk[static KEY_LEN], bool *found)
{
	const struct colbox_place at = skipped_place(sid, dh, n);
	struct query *q = query_skipped(kf,
	    "SELECT mk FROM skipped WHERE sid = ?1 AND dh = ?2 AND n = ?3", sid,
	    dh, n);
	const bool has = query_row(q);
	int r;

	if (has)
		query_get_box(q, &at, mk, KEY_LEN);
	r = query_end(q);
	if (r == 0)
		*found = has;
	return r;
}

int
session_drop_skipped(struct keyfile *kf,
    const uint8_t sid[static RATCHET_SID_LEN], const uint8_t dh[static KEY_LEN],
    uint32_t n)
{
	return query_run(query_skipped(kf,
	    "DELETE FROM skipped WHERE sid = ?1 AND dh = ?2 AND n = ?3", sid,
	    dh, n));
}

static int
insert_skipped(struct keyfile *kf, const uint8_t sid[static RATCHET_SID_LEN],
    const uint8_t dh[static KEY_LEN], uint32_t n,
    const uint8_t mk[static KEY_LEN], uint64_t now)
{
	const struct colbox_place at = skipped_place(sid, dh, n);
	struct query *q = query_skipped(kf,
	    "INSERT INTO skipped (sid, dh, n, mk, at) "
	    "VALUES (?1, ?2, ?3, ?4, ?5)",
	    sid, dh, n);

	query_bind_box(q, &at, mk, KEY_LEN);
	query_bind_u64(q, now);
	return query_run(q);
}

static int
trim_skipped(struct keyfile *kf, const uint8_t sid[static RATCHET_SID_LEN])
{
	struct query *q = query_of(keyfile_db(kf),
	    "DELETE FROM skipped WHERE sid = ?1 AND (dh, n) IN "
	    "(SELECT dh, n FROM skipped WHERE sid = ?1 "
	    "ORDER BY at DESC, n DESC LIMIT -1 OFFSET ?2)");

	query_bind_blob(q, sid, RATCHET_SID_LEN);
	query_bind_u64(q, SKIP_STORED_MAX);
	return query_run(q);
}

int
session_add_skipped(struct keyfile *kf,
    const uint8_t sid[static RATCHET_SID_LEN], struct ratchet_skips *skips,
    uint64_t now)
{
	uint8_t dh[KEY_LEN], mk[KEY_LEN];
	bool any = false;
	uint32_t n;
	int r = 0;

	while (r == 0 && ratchet_skips_take(skips, dh, &n, mk)) {
		r = insert_skipped(kf, sid, dh, n, mk, now);
		any = true;
	}
	if (r == 0 && any)
		r = trim_skipped(kf, sid);
	secret_wipe(mk, sizeof(mk));
	secret_wipe(skips, sizeof(*skips));
	return r;
}

int
session_hold(struct keyfile *kf, const uint8_t peer[static ID_LEN],
    const uint8_t *content, size_t len, uint64_t now, bool *full)
{
	struct query *q = query_peer(kf,
	    "SELECT CASE WHEN EXISTS (SELECT 1 FROM held WHERE peer = ?1 AND "
	    "content = ?2) THEN -1 ELSE "
	    "(SELECT count(*) FROM held WHERE peer = ?1) END",
	    peer);
	int64_t n;
	int r;

	query_bind_blob(q, content, len);
	r = query_number(q, &n);
	if (r < 0)
		return r;
	if (n >= 0 && n < SESSION_HELD_MAX) {
		q = query_peer(kf,
		    "INSERT INTO held (peer, content, at) VALUES (?1, ?2, ?3)",
		    peer);
		query_bind_blob(q, content, len);
		query_bind_u64(q, now);
		r = query_run(q);
	}
	if (r == 0)
		*full = n >= SESSION_HELD_MAX;
	return r;
}

/* Move the one row of a query on n, peer and content into peer and out. */
static int
take(struct keyfile *kf, struct query *q, uint8_t peer[static ID_LEN],
    struct buf *out, bool *found)
{
	const bool has = query_row(q);
	int64_t n = 0;
	int r;

	if (has) {
		n = query_get_i64(q);
		query_get_blob(q, peer, ID_LEN);
		query_get_buf(q, out);
	}
	r = query_end(q);
	if (r == 0 && has) {
		q = query_of(keyfile_db(kf), "DELETE FROM held WHERE n = ?1");
		query_bind_i64(q, n);
		r = query_run(q);
	}
	if (r == 0)
		*found = has;
	return r;
}

int
session_take_held(struct keyfile *kf, const uint8_t peer[static ID_LEN],
    struct buf *out, bool *found)
{
	uint8_t same[ID_LEN];

	return take(kf,
	    query_peer(kf,
		"SELECT n, peer, content FROM held WHERE peer = ?1 "
		"ORDER BY n LIMIT 1",
		peer),
	    same, out, found);
}

int
session_take_expired(struct keyfile *kf, uint64_t now,
    uint8_t peer[static ID_LEN], struct buf *out, bool *found)
{
	struct query *q = query_of(keyfile_db(kf),
	    "SELECT n, peer, content FROM held WHERE at < ?1 - ?2 "
	    "ORDER BY n LIMIT 1");

	query_bind_u64(q, now);
	query_bind_u64(q, SESSION_HELD_KEEP_MS);
	return take(kf, q, peer, out, found);
}

int
session_expire(struct keyfile *kf, uint64_t now)
{
	struct query *q = query_of(keyfile_db(kf),
	    "DELETE FROM sessions "
	    "WHERE active = 0 AND expires_at BETWEEN 1 AND ?1");
	int r;

	query_bind_u64(q, now);
	r = query_run(q);
	if (r == 0)
		r = drop_orphans(kf);
	if (r < 0)
		return r;
	q = query_of(keyfile_db(kf), "DELETE FROM skipped WHERE at < ?1 - ?2");
	query_bind_u64(q, now);
	query_bind_u64(q, SESSION_SKIP_KEEP_MS);
	return query_run(q);
}
