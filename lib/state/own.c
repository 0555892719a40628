/* SPDX-License-Identifier: ISC */
#include "state/own.h"

#include <string.h>

#include "base/err.h"
#include "base/secret.h"
#include "crypto/ident.h"
#include "crypto/noise.h"
#include "state/db.h"

/* A former pair has an end, the current and the next one have none. */
#define IS_SOUND \
	"(state IN (1, 2) AND expires_at = 0 OR state = 3 AND expires_at > 0) "
#define COLUMNS "n, state, " IS_SOUND ", issued_at, static_sk, prekey_sk "
#define SELECT  "SELECT " COLUMNS "FROM own_keys "

static struct colbox_place
place(const char *column, int64_t n)
{
	struct colbox_place at = { .table = "own_keys", .column = column };

	colbox_add_number(&at, n);
	return at;
}

static void
read_row(struct query *q, struct own *o)
{
	const int64_t n = query_get_i64(q);
	const struct colbox_place static_sk = place("static_sk", n);
	const struct colbox_place prekey_sk = place("prekey_sk", n);

	o->state = (enum own_state)query_get_enum(q, OWN_NEXT, OWN_FORMER);
	if (!query_get_bool(q))
		query_spoil(q, "state and end of a key pair");
	o->issued_at = query_get_u64(q);
	query_get_box(q, &static_sk, o->static_sk, KEY_LEN);
	query_get_box(q, &prekey_sk, o->prekey_sk, KEY_LEN);
}

static int
fetch(struct query *q, struct own *out, bool *found)
{
	struct own o = { .issued_at = 0 };
	const bool has = query_row(q);
	int r;

	if (has)
		read_row(q, &o);
	r = query_end(q);
	if (r == 0)
		*found = has;
	if (r == 0 && has)
		*out = o; /* a secret's copy */
	secret_wipe(&o, sizeof(o));
	return r;
}

/* One that is damaged comes first: it may be the one that is looked for. */
int
own_get(struct keyfile *kf, enum own_state state, struct own *out, bool *found)
{
	struct query *q = query_of(keyfile_db(kf),
	    SELECT "WHERE state = ?1 OR NOT " IS_SOUND "ORDER BY state = ?1");

	query_bind_u64(q, state);
	return fetch(q, out, found);
}

int
own_get_dated(struct keyfile *kf, uint64_t issued_at, struct own *out,
    bool *found)
{
	struct query *q = query_of(keyfile_db(kf),
	    SELECT "WHERE issued_at = ?1 AND issued_at <> 0");

	query_bind_u64(q, issued_at);
	return fetch(q, out, found);
}

static int
insert(struct keyfile *kf, const struct own *o, uint64_t expires_at)
{
	struct db *db = keyfile_db(kf);
	struct colbox_place static_sk, prekey_sk;
	struct query *q;
	int64_t n;
	int r;

	r = query_number(
	    query_of(db, "SELECT ifnull(max(n), 0) + 1 FROM own_keys"), &n);
	if (r < 0)
		return r;
	static_sk = place("static_sk", n);
	prekey_sk = place("prekey_sk", n);
	q = query_of(db,
	    "INSERT INTO own_keys (n, state, issued_at, "
	    "static_sk, prekey_sk, expires_at) "
	    "VALUES (?1, ?2, ?3, ?4, ?5, ?6)");
	query_bind_i64(q, n);
	query_bind_u64(q, o->state);
	query_bind_u64(q, o->issued_at);
	query_bind_box(q, &static_sk, o->static_sk, KEY_LEN);
	query_bind_box(q, &prekey_sk, o->prekey_sk, KEY_LEN);
	query_bind_u64(q, expires_at);
	return query_run(q);
}

int
own_make_next(struct keyfile *kf)
{
	struct own o = { .state = OWN_NEXT };
	int r;

	secret_random(o.static_sk, KEY_LEN);
	secret_random(o.prekey_sk, KEY_LEN);
	r = insert(kf, &o, 0);
	secret_wipe(&o, sizeof(o));
	return r;
}

int
own_make_prekey(struct keyfile *kf)
{
	struct own o = { .issued_at = 0 };
	bool found = false;
	int r;

	r = own_get(kf, OWN_CURRENT, &o, &found);
	if (r == 0 && !found)
		r = err_set(ERR_INTERNAL, "no current key pair");
	o.state = OWN_NEXT;
	o.issued_at = 0;
	secret_random(o.prekey_sk, KEY_LEN);
	if (r == 0)
		r = insert(kf, &o, 0);
	secret_wipe(&o, sizeof(o));
	return r;
}

/*
 * The relay may have the next pair under the date it had before, though its
 * answer was lost; peers may have fetched it.
 */
static int
keep_former_date(struct keyfile *kf)
{
	struct own o;
	bool found = false;
	int r;

	r = own_get(kf, OWN_NEXT, &o, &found);
	if (r < 0)
		return r;
	if (!found)
		return err_set(ERR_INTERNAL, "no next key pair");
	o.state = OWN_FORMER;
	if (o.issued_at != 0)
		r = insert(kf, &o, o.issued_at + OWN_KEEP_MS);
	secret_wipe(&o, sizeof(o));
	return r;
}

int
own_date_next(struct keyfile *kf, uint64_t issued_at)
{
	struct query *q;
	int r;

	r = keep_former_date(kf);
	if (r < 0)
		return r;
	q = query_of(keyfile_db(kf),
	    "UPDATE own_keys SET issued_at = ?1 WHERE state = ?2");
	query_bind_u64(q, issued_at);
	query_bind_u64(q, OWN_NEXT);
	r = query_run(q);
	if (r < 0)
		return r;
	q = query_of(keyfile_db(kf),
	    "UPDATE self SET issued_at = max(issued_at, ?1)");
	query_bind_u64(q, issued_at);
	return query_run(q);
}

static int
set_state(struct keyfile *kf, enum own_state from, enum own_state to,
    uint64_t expires_at)
{
	struct query *q = query_of(keyfile_db(kf),
	    "UPDATE own_keys SET state = ?2, expires_at = ?3 WHERE state = ?1");

	query_bind_u64(q, from);
	query_bind_u64(q, to);
	query_bind_u64(q, expires_at);
	return query_run(q);
}

/* Another process may have settled it, and have made a further one. */
static int
is_next(struct keyfile *kf, uint64_t issued_at, bool *is)
{
	struct own o = { .issued_at = 0 };
	bool found;
	int r;

	r = own_get(kf, OWN_NEXT, &o, &found);
	if (r == 0)
		*is = found && o.issued_at == issued_at;
	secret_wipe(&o, sizeof(o));
	return r;
}

int
own_confirm_next(struct keyfile *kf, uint64_t issued_at, uint64_t now)
{
	bool is = false;
	int r;

	r = is_next(kf, issued_at, &is);
	if (r < 0 || !is)
		return r;
	r = set_state(kf, OWN_CURRENT, OWN_FORMER, now + OWN_KEEP_MS);
	if (r == 0)
		r = set_state(kf, OWN_NEXT, OWN_CURRENT, 0);
	return r < 0 ? r : own_expire(kf, now);
}

int
own_retire_next(struct keyfile *kf, uint64_t issued_at, uint64_t now)
{
	bool is = false;
	int r;

	r = is_next(kf, issued_at, &is);
	if (r < 0 || !is)
		return r;
	return set_state(kf, OWN_NEXT, OWN_FORMER, now + OWN_KEEP_MS);
}

int
own_retire_all(struct keyfile *kf, uint64_t now)
{
	int r = set_state(kf, OWN_CURRENT, OWN_FORMER, now + OWN_KEEP_MS);

	return r < 0 ? r
		     : set_state(kf, OWN_NEXT, OWN_FORMER, now + OWN_KEEP_MS);
}

int
own_expire(struct keyfile *kf, uint64_t now)
{
	struct query *q = query_of(keyfile_db(kf),
	    "DELETE FROM own_keys WHERE state = ?1 AND expires_at <= ?2");

	query_bind_u64(q, OWN_FORMER);
	query_bind_u64(q, now);
	return query_run(q);
}

int
own_bundle(struct keyfile *kf, const struct own *own, struct bundle *out)
{
	struct keyfile_self self;
	uint8_t seed[KEY_LEN];
	int r;

	r = keyfile_get_self(kf, &self);
	if (r == 0)
		r = keyfile_get_seed(kf, seed);
	if (r < 0)
		return r;
	memcpy(out->identity_pk, self.identity_pk, KEY_LEN);
	noise_public(out->static_pk, own->static_sk);
	noise_public(out->prekey_pk, own->prekey_sk);
	ident_sign(out, seed, own->issued_at, self.name);
	secret_wipe(seed, sizeof(seed));
	return 0;
}
