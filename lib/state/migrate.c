/* SPDX-License-Identifier: ISC */
#include "state/migrate.h"

#include "base/err.h"
#include "state/db.h"
#include "state/peers.h"
#include "state/schema.h"
#include "state/sqlbox.h"

/* --- from format 2 ---------------------------------------------------------
 *
 * Its inbox knew of no tries.
 */

static const char set_inbox_aside[] = "ALTER TABLE inbox RENAME TO inbox_2;"
				      "DROP INDEX inbox_open;";

static const char take_inbox_over[] =
    "INSERT INTO inbox (n, peer, kind, message_id, seq, state, at, tries, "
    "next_try, record) "
    "SELECT n, peer, kind, message_id, seq, state, at, 0, 0, record "
    "FROM inbox_2;"
    "DROP TABLE inbox_2;";

static int
from_2(struct keyfile *kf)
{
	struct db *db = keyfile_db(kf);
	int r;

	r = db_exec(db, set_inbox_aside);
	if (r == 0)
		r = schema_create(db);
	return r < 0 ? r : db_exec(db, take_inbox_over);
}

/* --- from format 1 ---------------------------------------------------------
 *
 * It had names, the relay's address and the identity's public key in the
 * clear, and no passphrase.
 */

static const char set_aside[] = "ALTER TABLE self RENAME TO self_1;"
				"ALTER TABLE peers RENAME TO peers_1;"
				"DROP INDEX peers_order;"
				"DROP INDEX peers_name;"
				"DROP INDEX peers_alias;";

static const char take_over[] =
    "INSERT INTO self (id, file_uuid, generation, ops, mem_kib, salt, "
    "dek_box, client_id, identity_sk, identity_pk, name, issued_at, "
    "relay_addr, relay_pin, last_contact) "
    "SELECT id, file_uuid, 0, 0, 0, salt, dek_box, client_id, identity_sk, "
    "rebox('self', 'identity_pk', identity_pk, id), "
    "rebox('self', 'name', name, id), issued_at, "
    "rebox('self', 'relay_addr', relay_addr, id), relay_pin, last_contact "
    "FROM self_1;"
    /* the pin has the names, too */
    "INSERT INTO peers (id, pin, blocked, reset_needed, first_seen, next_seq, "
    "expect_seq, last_init_ts, last_sent_ts, undecryptable) "
    "SELECT id, pin, blocked, reset_needed, first_seen, next_seq, "
    "expect_seq, last_init_ts, last_sent_ts, undecryptable FROM peers_1;"
    "DROP TABLE self_1;"
    "DROP TABLE peers_1;";

static int
load_clear_key(struct db *db)
{
	struct query *q =
	    query_of(db, "SELECT file_uuid, dek_box FROM self WHERE ops = 0");
	const bool has = query_row(q);
	int r;

	if (has) {
		query_get_blob(q, db->key->file, ID_LEN);
		query_get_blob(q, db->key->key, KEY_LEN);
	}
	r = query_end(q);
	return r == 0 && !has ? db_damage(db, "no data key") : r;
}

static int
from_1(struct keyfile *kf)
{
	struct db *db = keyfile_db(kf);
	int r;

	r = load_clear_key(db);
	if (r == 0)
		r = db_exec(db, set_aside);
	if (r == 0)
		r = from_2(kf);
	if (r == 0)
		r = sqlbox_run(db, NULL, take_over);
	return r < 0 ? r : peers_tag_all(kf);
}

/* --- any format ------------------------------------------------------------
 */

static int (*const from[])(struct keyfile *kf) = { [1] = from_1, [2] = from_2 };

_Static_assert(ARRAY_LEN(from) == SCHEMA_VERSION, "a way from every format");

/* Asked of SQLite: the header may be that of a transaction that died. */
static int
get_version(struct db *db, int64_t *version)
{
	return query_number(query_of(db, "PRAGMA user_version"), version);
}

/* Another process may have been faster. */
static int
convert(struct keyfile *kf)
{
	int64_t version;
	int r;

	r = get_version(keyfile_db(kf), &version);
	if (r < 0 || version == SCHEMA_VERSION)
		return r;
	if (version < 1 || version > SCHEMA_VERSION)
		return db_damage(keyfile_db(kf), "a format that is none");
	return from[version](kf);
}

int
migrate_run(struct keyfile *kf)
{
	struct db *db = keyfile_db(kf);
	int64_t version;
	int r;

	r = get_version(db, &version);
	if (r < 0 || version == SCHEMA_VERSION)
		return r;
	r = db_begin(db);
	if (r == 0)
		r = convert(kf);
	if (r == 0)
		r = db_commit(db);
	db_rollback(db);
	return r;
}
