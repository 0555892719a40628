/* SPDX-License-Identifier: ISC */
#include "state/datakey.h"

#include <string.h>

#include "base/err.h"
#include "base/secret.h"
#include "state/peers.h"
#include "state/pwlock.h"
#include "state/schema.h"

static int
read_lock(struct db *db, struct pwlock *out)
{
	struct pwlock l = { .ops = 0 };
	struct query *q;
	bool has;
	int r;

	q = query_of(db,
	    "SELECT file_uuid, generation, ops, mem_kib, salt, dek_box "
	    "FROM self WHERE id = 1");
	has = query_row(q);
	if (has) {
		query_get_blob(q, db->key->file, ID_LEN);
		db->generation = query_get_i64(q);
		l.ops = query_get_enum(q, 0, UINT32_MAX);
		l.mem_kib = query_get_enum(q, 0, UINT32_MAX);
		query_get_blob(q, l.salt, sizeof(l.salt));
		l.box_len = query_get_some(q, l.box, sizeof(l.box));
	}
	r = query_end(q);
	if (r == 0 && !has)
		r = err_set(ERR_CORRUPT, "no data key");
	if (r == 0)
		r = pwlock_check(&l);
	if (r == 0)
		*out = l; /* perhaps a secret's copy */
	secret_wipe(&l, sizeof(l));
	return r;
}

static int
open_with_passphrase(struct db *db, const struct pwlock *l,
    const struct keyfile_access *access)
{
	struct passphrase *pass;
	int r;

	if (!access->ask)
		return err_set(ERR_PASSPHRASE, "the key file has a passphrase");
	pass = secret_new(sizeof(*pass));
	if (!pass)
		return err_set(ERR_NOMEM, "passphrase");
	r = access->ask(access->arg, pass);
	if (r == 0)
		r = pwlock_open(db->key, l, pass);
	secret_free(pass);
	return r;
}

int
datakey_load(struct db *db, const struct keyfile_access *access)
{
	struct pwlock l;
	int r;

	r = read_lock(db, &l);
	if (r == 0)
		r = l.ops > 0 ? open_with_passphrase(db, &l, access)
			      : pwlock_open(db->key, &l, NULL);
	secret_wipe(&l, sizeof(l));
	if (r != 0)
		err_path(db->path);
	return r;
}

int
datakey_is_locked(struct db *db, bool *locked)
{
	int64_t ops;
	int r;

	r = query_number(query_of(db, "SELECT ops FROM self WHERE id = 1"),
	    &ops);
	if (r == 0)
		*locked = ops > 0;
	return r;
}

int
datakey_store(struct db *db, const struct passphrase *pass)
{
	struct pwlock l;
	struct query *q;
	int r;

	r = pwlock_seal(&l, db->key, pass);
	if (r < 0)
		return r;
	q = query_of(db,
	    "UPDATE self SET ops = ?1, mem_kib = ?2, salt = ?3, dek_box = ?4, "
	    "generation = ?5");
	query_bind_u64(q, l.ops);
	query_bind_u64(q, l.mem_kib);
	query_bind_blob(q, l.salt, sizeof(l.salt));
	query_bind_blob(q, l.box, l.box_len);
	query_bind_i64(q, db->generation);
	r = query_run(q);
	secret_wipe(&l, sizeof(l));
	return r;
}

int
datakey_renew(struct keyfile *kf, struct colbox_key **former)
{
	struct db *db = keyfile_db(kf);
	struct colbox_key *old = db->key, *fresh = secret_new(sizeof(*fresh));
	int r;

	if (!fresh)
		return err_set(ERR_NOMEM, "key file");
	memcpy(fresh->file, old->file, ID_LEN);
	secret_random(fresh->key, KEY_LEN);
	db->key = fresh;
	db->generation++;
	r = schema_rebox(db, old);
	if (r == 0)
		r = peers_tag_all(kf);
	if (r < 0)
		datakey_put_back(db, old);
	else
		*former = old;
	return r;
}

void
datakey_put_back(struct db *db, struct colbox_key *former)
{
	secret_free(db->key);
	db->key = former;
	db->generation--;
}

int
datakey_check(struct db *db)
{
	int64_t generation;
	int r;

	r = query_number(
	    query_of(db, "SELECT generation FROM self WHERE id = 1"),
	    &generation);
	if (r < 0 || generation == db->generation)
		return r;
	r = err_set(ERR_LOCKED, "key file: it has got a passphrase meanwhile");
	err_hint("run the command again");
	err_path(db->path);
	return r;
}
