/* SPDX-License-Identifier: ISC */
#include "state/keyfile.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "base/file.h"
#include "base/secret.h"
#include "base/text.h"
#include "crypto/ident.h"
#include "state/datakey.h"
#include "state/guard.h"
#include "state/mark.h"
#include "state/migrate.h"
#include "state/own.h"
#include "state/schema.h"

struct keyfile {
	struct db *db;
	int pull, flush; /* descriptors that hold the side locks, or -1 */
	uint32_t opened; /* the count of transactions that it had */
	bool put_back;
};

int
keyfile_path(char out[static KEYFILE_PATH_SIZE], const char *file,
    const char *identity)
{
	const char *data = getenv("XDG_DATA_HOME"), *home = getenv("HOME");
	int n;

	if (!identity)
		identity = "default";
	if (file)
		n = snprintf(out, KEYFILE_PATH_SIZE, "%s", file);
	else if (!text_is_name(identity))
		return err_set(ERR_USAGE, "\"%s\" is not a name", identity);
	else if (data && data[0] == '/')
		n = snprintf(out, KEYFILE_PATH_SIZE, "%s/sentinel/%s.key", data,
		    identity);
	else if (home && home[0] == '/')
		n = snprintf(out, KEYFILE_PATH_SIZE,
		    "%s/.local/share/sentinel/%s.key", home, identity);
	else
		return err_set(ERR_USAGE, "no HOME to keep a key file in");
	if (n <= 0 || n >= KEYFILE_PATH_SIZE)
		return err_set(ERR_USAGE, "key file path of %d bytes", n);
	return 0;
}

static struct colbox_place
place(const char *column)
{
	struct colbox_place at = { .table = "self", .column = column };

	colbox_add_number(&at, 1);
	return at;
}

/* The row self with its keys, and nothing else yet; given NULL: a fresh one. */
static int
insert_self(struct db *db, const uint8_t *given)
{
	const struct colbox_place sk_at = place("identity_sk");
	const struct colbox_place pk_at = place("identity_pk");
	uint8_t seed[KEY_LEN], pk[KEY_LEN], id[ID_LEN];
	struct query *q;
	int r;

	secret_random(db->key, sizeof(*db->key));
	if (given)
		memcpy(seed, given, sizeof(seed));
	else
		secret_random(seed, sizeof(seed));
	ident_public(pk, seed);
	ident_id(id, pk);
	q = query_of(db,
	    "INSERT INTO self (id, file_uuid, generation, ops, mem_kib, salt, "
	    "dek_box, client_id, identity_sk, identity_pk, name, issued_at, "
	    "relay_addr, relay_pin, last_contact) VALUES "
	    "(1, ?1, 0, 0, 0, x'', x'', ?2, ?3, ?4, x'', 0, x'', x'', 0)");
	query_bind_blob(q, db->key->file, ID_LEN);
	query_bind_blob(q, id, ID_LEN);
	query_bind_box(q, &sk_at, seed, KEY_LEN);
	query_bind_box(q, &pk_at, pk, KEY_LEN);
	r = query_run(q);
	secret_wipe(seed, sizeof(seed));
	return r;
}

static int
fill(struct keyfile *draft, const struct keyfile_origin *from,
    const struct passphrase *pass)
{
	int r;

	r = schema_create(draft->db);
	if (r == 0)
		r = db_begin(draft->db);
	if (r == 0)
		r = insert_self(draft->db, from->seed);
	if (r == 0)
		r = datakey_store(draft->db, pass);
	if (r == 0)
		r = keyfile_set_name(draft, from->name);
	if (r == 0)
		r = keyfile_set_relay(draft, from->relay);
	if (r == 0)
		r = own_make_next(draft);
	if (r == 0 && from->fill)
		r = from->fill(from->arg, draft);
	if (r == 0)
		r = keyfile_commit(draft);
	return r;
}

/* Open a file, without its data key. */
static int
attach(struct keyfile **out, const char *path, uint64_t lock_timeout_ms)
{
	uint8_t header[SCHEMA_HEADER_LEN];
	struct keyfile *kf;
	int r;

	r = guard_check(path, header, sizeof(header));
	if (r < 0)
		return r;
	r = schema_check(header);
	if (r < 0) {
		err_path(path);
		return r;
	}
	kf = calloc(1, sizeof(*kf));
	if (!kf)
		return err_set(ERR_NOMEM, "key file");
	kf->pull = kf->flush = -1;
	kf->opened = schema_count(header);
	r = db_open(&kf->db, path, lock_timeout_ms);
	if (r < 0)
		keyfile_close(kf);
	else
		*out = kf;
	return r;
}

int
keyfile_create(struct keyfile **out, const char *path, const char *name,
    const struct addr *relay, const struct passphrase *pass,
    uint64_t lock_timeout_ms)
{
	const struct keyfile_origin fresh = { .name = name, .relay = relay };

	return keyfile_create_from(out, path, &fresh, pass, lock_timeout_ms);
}

int
keyfile_create_from(struct keyfile **out, const char *path,
    const struct keyfile_origin *from, const struct passphrase *pass,
    uint64_t lock_timeout_ms)
{
	struct keyfile draft = { .pull = -1, .flush = -1 };
	int r;

	r = db_new(&draft.db);
	if (r < 0)
		return r;
	r = fill(&draft, from, pass);
	if (r == 0)
		r = file_make_parents(path);
	if (r == 0)
		r = db_write(draft.db, path);
	if (r == 0)
		r = attach(out, path, lock_timeout_ms);
	if (r == 0)
		*(*out)->db->key = *draft.db->key; /* a secret's copy */
	db_close(draft.db);
	return r;
}

int
keyfile_open(struct keyfile **out, const char *path,
    const struct keyfile_access *access)
{
	struct mark m;
	const bool marked = mark_read(&m, path);
	struct keyfile *kf;
	int r;

	r = attach(&kf, path, access->lock_timeout_ms);
	if (r < 0)
		return r;
	r = migrate_run(kf);
	if (r == 0)
		r = datakey_load(kf->db, access);
	if (r == 0 && marked)
		r = mark_judge(kf, &m, kf->opened, &kf->put_back);
	if (r < 0)
		keyfile_close(kf);
	else
		*out = kf;
	return r;
}

void
keyfile_close(struct keyfile *kf)
{
	if (!kf)
		return;
	keyfile_unlock_pull(kf);
	keyfile_unlock_flush(kf);
	db_close(kf->db);
	free(kf);
}

const char *
keyfile_name(const struct keyfile *kf)
{
	return kf->db->path;
}

struct db *
keyfile_db(struct keyfile *kf)
{
	return kf->db;
}

int
keyfile_check_writable(struct keyfile *kf)
{
	return db_check_writable(kf->db);
}

int
keyfile_begin(struct keyfile *kf)
{
	int r;

	r = db_begin(kf->db);
	if (r < 0)
		return r;
	r = datakey_check(kf->db);
	if (r < 0)
		db_rollback(kf->db);
	return r;
}

int
keyfile_commit(struct keyfile *kf)
{
	int r;

	r = db_commit(kf->db);
	if (r == 0)
		mark_note(kf->db);
	return r;
}

bool
keyfile_was_put_back(const struct keyfile *kf)
{
	return kf->put_back;
}

void
keyfile_rollback(struct keyfile *kf)
{
	db_rollback(kf->db);
}

int
keyfile_verify(struct keyfile *kf)
{
	return schema_verify(kf->db);
}

int
keyfile_lock_pull(struct keyfile *kf)
{
	int r;

	if (kf->pull >= 0)
		return 0;
	r = guard_lock(&kf->pull, kf->db->path, "pull");
	if (r == ERR_LOCKED)
		err_hint("another command is fetching for this key file");
	return r;
}

int
keyfile_try_flush(struct keyfile *kf, bool *got)
{
	int r = 0;

	if (kf->flush < 0)
		r = guard_lock(&kf->flush, kf->db->path, "flush");
	if (r < 0 && r != ERR_LOCKED)
		return r;
	*got = r == 0;
	return 0;
}

static void
let_go(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

void
keyfile_unlock_pull(struct keyfile *kf)
{
	let_go(&kf->pull);
}

void
keyfile_unlock_flush(struct keyfile *kf)
{
	let_go(&kf->flush);
}

int
keyfile_has_passphrase(struct keyfile *kf, bool *has)
{
	return datakey_is_locked(kf->db, has);
}

/* Within a transaction; *former is NULL or the data key until now. */
static int
lock_anew(struct keyfile *kf, const struct passphrase *pass,
    struct colbox_key **former)
{
	bool locked;
	int r;

	r = datakey_is_locked(kf->db, &locked);
	if (r == 0 && pass && !locked)
		r = datakey_renew(kf, former);
	return r < 0 ? r : datakey_store(kf->db, pass);
}

int
keyfile_set_passphrase(struct keyfile *kf, const struct passphrase *pass)
{
	struct colbox_key *former = NULL;
	int r;

	r = keyfile_begin(kf);
	if (r == 0)
		r = lock_anew(kf, pass, &former);
	if (r == 0)
		r = keyfile_commit(kf);
	keyfile_rollback(kf);
	if (r < 0 && former)
		datakey_put_back(kf->db, former);
	else
		secret_free(former);
	return r;
}

static void
read_relay(struct query *q, struct addr *relay)
{
	const struct colbox_place addr_at = place("relay_addr");
	const struct colbox_place pin_at = place("relay_pin");
	char text[ADDR_TEXT_SIZE];
	size_t len;

	*relay = (struct addr){ .has_key = false };
	query_get_box_text(q, &addr_at, text, sizeof(text));
	if (text[0] != '\0' && addr_parse(relay, text) < 0)
		query_spoil(q, "the relay's address");
	len = query_get_box_some(q, &pin_at, relay->key, KEY_LEN);
	relay->has_key = len == KEY_LEN;
}

int
keyfile_get_self(struct keyfile *kf, struct keyfile_self *out)
{
	const struct colbox_place name_at = place("name");
	const struct colbox_place pk_at = place("identity_pk");
	struct keyfile_self self = { .issued_at = 0 };
	uint8_t id[ID_LEN];
	struct query *q;
	int r;

	q = query_of(kf->db,
	    "SELECT name, client_id, identity_pk, issued_at, last_contact, "
	    "relay_addr, relay_pin FROM self WHERE id = 1");
	if (query_row(q)) {
		query_get_box_text(q, &name_at, self.name, sizeof(self.name));
		query_get_blob(q, self.id, ID_LEN);
		query_get_box(q, &pk_at, self.identity_pk, KEY_LEN);
		self.issued_at = query_get_u64(q);
		self.last_contact = query_get_u64(q);
		read_relay(q, &self.relay);
	}
	r = query_end(q);
	if (r < 0)
		return r;
	ident_id(id, self.identity_pk);
	if (memcmp(id, self.id, ID_LEN) != 0)
		return db_damage(kf->db, "id and identity key do not match");
	*out = self;
	return 0;
}

int
keyfile_get_seed(struct keyfile *kf, uint8_t seed[static KEY_LEN])
{
	const struct colbox_place at = place("identity_sk");
	struct query *q;

	q = query_of(kf->db, "SELECT identity_sk FROM self WHERE id = 1");
	if (query_row(q))
		query_get_box(q, &at, seed, KEY_LEN);
	return query_end(q);
}

int
keyfile_set_name(struct keyfile *kf, const char *name)
{
	const struct colbox_place at = place("name");
	struct query *q = query_of(kf->db, "UPDATE self SET name = ?1");

	query_bind_box(q, &at, (const uint8_t *)name, strlen(name));
	return query_run(q);
}

int
keyfile_set_relay(struct keyfile *kf, const struct addr *relay)
{
	const struct colbox_place addr_at = place("relay_addr");
	const struct colbox_place pin_at = place("relay_pin");
	struct addr hosts = *relay;
	char text[ADDR_TEXT_SIZE] = "";
	struct query *q;

	hosts.has_key = false;
	if (hosts.hosts_n > 0)
		addr_text(text, &hosts);
	q = query_of(kf->db, "UPDATE self SET relay_addr = ?1, relay_pin = ?2");
	query_bind_box(q, &addr_at, (const uint8_t *)text, strlen(text));
	query_bind_box(q, &pin_at, relay->key, relay->has_key ? KEY_LEN : 0);
	return query_run(q);
}

static int
set_number(struct keyfile *kf, const char *sql, uint64_t v)
{
	struct query *q = query_of(kf->db, sql);

	query_bind_u64(q, v);
	return query_run(q);
}

int
keyfile_set_issued_at(struct keyfile *kf, uint64_t issued_at)
{
	return set_number(kf, "UPDATE self SET issued_at = ?1", issued_at);
}

int
keyfile_set_contact(struct keyfile *kf, uint64_t now)
{
	return set_number(kf, "UPDATE self SET last_contact = ?1", now);
}
