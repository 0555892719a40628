/* SPDX-License-Identifier: ISC */
#include "state/files.h"

#include <assert.h>
#include <string.h>

#include "base/err.h"
#include "base/secret.h"
#include "state/db.h"
#include "state/inbox.h"

#define COLUMNS                                                       \
	"peer, direction, file_id, stage, message_id, seq, sent_at, " \
	"padded, device, inode, modified, progress, at, end_id, "     \
	"path, name, manifest, ending"
#define SELECT "SELECT " COLUMNS " FROM files "

static struct colbox_place
place(const struct files *f, const char *column)
{
	struct colbox_place at = { .table = "files", .column = column };

	colbox_add_bytes(&at, f->peer, ID_LEN);
	colbox_add_number(&at, f->direction);
	colbox_add_bytes(&at, f->file_id, ID_LEN);
	return at;
}

void
files_describe(const struct files *f, struct plain_manifest *m)
{
	int r = plain_unpack_manifest(m, f->manifest, f->manifest_len);

	assert(r == 0);
}

void
files_describe_end(const struct files *f, struct plain_end *e)
{
	int r = plain_unpack_end(e, f->end, sizeof(f->end));

	assert(f->has_end && r == 0);
}

static void
bind_key(struct query *q, const struct files *f)
{
	query_bind_blob(q, f->peer, ID_LEN);
	query_bind_u64(q, f->direction);
	query_bind_blob(q, f->file_id, ID_LEN);
}

/* What files_save writes, in its order. */
static void
bind_state(struct query *q, const struct files *f,
    uint8_t packed[static SPANS_PACKED_MAX])
{
	static const uint8_t nothing[1];
	const struct colbox_place path = place(f, "path");
	const struct colbox_place name = place(f, "name");
	size_t len;

	spans_pack(packed, &len, &f->spans);
	query_bind_u64(q, f->padded);
	query_bind_u64(q, f->device);
	query_bind_u64(q, f->inode);
	query_bind_u64(q, f->modified);
	query_bind_blob(q, len > 0 ? packed : nothing, len);
	query_bind_u64(q, f->at);
	query_bind_blob(q, f->end_id, ID_LEN);
	query_bind_box(q, &path, (const uint8_t *)f->path, strlen(f->path));
	query_bind_box(q, &name, (const uint8_t *)f->name, strlen(f->name));
}

static void
bind_end(struct query *q, const struct files *f,
    const struct colbox_place *place)
{
	if (f->has_end)
		query_bind_box(q, place, f->end, sizeof(f->end));
	else
		query_bind_blob(q, NULL, 0);
}

int
files_add(struct keyfile *kf, const struct files *f, bool *fresh)
{
	const struct colbox_place manifest = place(f, "manifest");
	const struct colbox_place end = place(f, "ending");
	struct query *q = query_of(keyfile_db(kf),
	    "INSERT OR IGNORE INTO files (" COLUMNS ") VALUES (?1, ?2, ?3, ?4, "
	    "?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, "
	    "?18)");
	uint8_t packed[SPANS_PACKED_MAX];
	int r;

	bind_key(q, f);
	query_bind_u64(q, f->stage);
	query_bind_blob(q, f->message_id, ID_LEN);
	query_bind_u64(q, f->seq);
	query_bind_u64(q, f->sent_at);
	bind_state(q, f, packed);
	query_bind_box(q, &manifest, f->manifest, f->manifest_len);
	bind_end(q, f, &end);
	r = query_run(q);
	if (r == 0)
		*fresh = db_changed(keyfile_db(kf));
	return r;
}

int
files_save(struct keyfile *kf, const struct files *f)
{
	struct query *q = query_of(keyfile_db(kf),
	    "UPDATE files SET stage = ?4, padded = ?5, device = ?6, "
	    "inode = ?7, modified = ?8, progress = ?9, at = ?10, "
	    "end_id = ?11, path = ?12, name = ?13 "
	    "WHERE peer = ?1 AND direction = ?2 AND file_id = ?3");
	uint8_t packed[SPANS_PACKED_MAX];

	bind_key(q, f);
	query_bind_u64(q, f->stage);
	bind_state(q, f, packed);
	return query_run(q);
}

int
files_save_end(struct keyfile *kf, const struct files *f)
{
	const struct colbox_place end = place(f, "ending");
	struct query *q = query_of(keyfile_db(kf),
	    "UPDATE files SET ending = ?4 "
	    "WHERE peer = ?1 AND direction = ?2 AND file_id = ?3");

	bind_key(q, f);
	bind_end(q, f, &end);
	return query_run(q);
}

static int
run_on(struct keyfile *kf, const char *sql, const struct files *f)
{
	struct query *q = query_of(keyfile_db(kf), sql);

	bind_key(q, f);
	return query_run(q);
}

int
files_finish(struct keyfile *kf, const struct files *f)
{
	return run_on(kf,
	    "UPDATE files SET stage = 4, manifest = NULL, ending = NULL, "
	    "path = NULL, name = NULL, progress = x'' "
	    "WHERE peer = ?1 AND direction = ?2 AND file_id = ?3",
	    f);
}

int
files_drop(struct keyfile *kf, const struct files *f)
{
	return run_on(kf,
	    "DELETE FROM files "
	    "WHERE peer = ?1 AND direction = ?2 AND file_id = ?3",
	    f);
}

/* The boxes of a row that is not DONE. */
static void
read_boxes(struct query *q, struct files *f)
{
	const struct colbox_place manifest = place(f, "manifest");
	const struct colbox_place end = place(f, "ending");
	const struct colbox_place path = place(f, "path");
	const struct colbox_place name = place(f, "name");
	struct plain_manifest m;
	struct plain_end e;

	query_get_box_text(q, &path, f->path, sizeof(f->path));
	query_get_box_text(q, &name, f->name, sizeof(f->name));
	f->manifest_len =
	    query_get_box_some(q, &manifest, f->manifest, sizeof(f->manifest));
	f->has_end = query_has(q);
	if (f->has_end)
		query_get_box(q, &end, f->end, sizeof(f->end));
	if (plain_unpack_manifest(&m, f->manifest, f->manifest_len) < 0 ||
	    (f->has_end && plain_unpack_end(&e, f->end, sizeof(f->end)) < 0))
		query_spoil(q, "a file's description");
	secret_wipe(&m, sizeof(m));
}

static void
read_row(struct query *q, struct files *f)
{
	uint8_t packed[SPANS_PACKED_MAX];
	size_t len;

	query_get_blob(q, f->peer, ID_LEN);
	f->direction = query_get_enum(q, FILES_OUT, FILES_IN);
	query_get_blob(q, f->file_id, ID_LEN);
	f->stage = query_get_enum(q, FILES_OPEN, FILES_DONE);
	query_get_blob(q, f->message_id, ID_LEN);
	f->seq = query_get_u64(q);
	f->sent_at = query_get_u64(q);
	f->padded = query_get_u64(q);
	f->device = query_get_u64(q);
	f->inode = query_get_u64(q);
	f->modified = query_get_u64(q);
	len = query_get_some(q, packed, sizeof(packed));
	f->at = query_get_u64(q);
	query_get_blob(q, f->end_id, ID_LEN);
	if (spans_unpack(&f->spans, packed, len) < 0)
		query_spoil(q, "the chunks of a file");
	if (f->stage != FILES_DONE)
		read_boxes(q, f);
}

/* Into out itself: a row is large, and holds a key. */
static int
fetch(struct query *q, struct files *out, bool *found)
{
	const bool has = query_row(q);
	int r;

	if (has)
		read_row(q, out);
	r = query_end(q);
	if (r < 0 && has)
		secret_wipe(out, sizeof(*out));
	if (r == 0)
		*found = has;
	return r;
}

int
files_find(struct keyfile *kf, const uint8_t peer[static ID_LEN],
    enum files_direction direction, const uint8_t file_id[static ID_LEN],
    struct files *out, bool *found)
{
	struct query *q = query_of(keyfile_db(kf),
	    SELECT "WHERE peer = ?1 AND direction = ?2 AND file_id = ?3");

	query_bind_blob(q, peer, ID_LEN);
	query_bind_u64(q, direction);
	query_bind_blob(q, file_id, ID_LEN);
	return fetch(q, out, found);
}

int
files_find_source(struct keyfile *kf, const struct files *f, struct files *out,
    bool *found)
{
	struct query *q = query_of(keyfile_db(kf),
	    SELECT "WHERE peer = ?1 AND direction = 1 AND device = ?2 AND "
		   "inode = ?3 AND modified = ?4 ORDER BY at DESC LIMIT 1");

	query_bind_blob(q, f->peer, ID_LEN);
	query_bind_u64(q, f->device);
	query_bind_u64(q, f->inode);
	query_bind_u64(q, f->modified);
	return fetch(q, out, found);
}

int
files_next(struct keyfile *kf, struct files *f, bool *found)
{
	struct query *q = query_of(keyfile_db(kf),
	    SELECT "WHERE direction = 2 AND stage <> 4 AND "
		   "(peer, seq, file_id) > (?1, ?2, ?3) "
		   "ORDER BY peer, seq, file_id LIMIT 1");
	struct files at = *f; /* a secret's copy; what is bound must stay */
	int r;

	query_bind_blob(q, at.peer, ID_LEN);
	query_bind_u64(q, at.seq);
	query_bind_blob(q, at.file_id, ID_LEN);
	r = fetch(q, f, found);
	secret_wipe(&at, sizeof(at));
	return r;
}

int
files_withdraw_offers(struct keyfile *kf)
{
	struct query *q = query_of(keyfile_db(kf),
	    "UPDATE inbox SET state = ?1, record = NULL "
	    "WHERE kind = ?2 AND state = ?3 AND EXISTS ("
	    "SELECT 1 FROM files AS f WHERE f.peer = inbox.peer AND "
	    "f.direction = 2 AND f.message_id = inbox.message_id AND "
	    "f.stage <> 4)");

	query_bind_u64(q, INBOX_DONE);
	query_bind_u64(q, INBOX_FILE_OFFER);
	query_bind_u64(q, INBOX_NEW);
	return query_run(q);
}

static struct colbox_place
place_stray(const uint8_t peer[static ID_LEN],
    const uint8_t file_id[static ID_LEN])
{
	struct colbox_place at = { .table = "strays", .column = "ending" };

	colbox_add_bytes(&at, peer, ID_LEN);
	colbox_add_bytes(&at, file_id, ID_LEN);
	return at;
}

/* When there are too many: chunks of these were dropped, or are by now. */
static int
make_room(struct keyfile *kf, uint64_t now)
{
	struct query *q = query_of(keyfile_db(kf),
	    "DELETE FROM strays WHERE ending IS NULL AND "
	    "first_seen < ?1 - ?2 AND (SELECT count(*) FROM strays) >= ?3");

	query_bind_u64(q, now);
	query_bind_u64(q, FILES_STRAY_MS);
	query_bind_u64(q, FILES_STRAYS_MAX);
	return query_run(q);
}

/* Unless there is one, or there are too many. */
int
files_note_stray(struct keyfile *kf, const uint8_t peer[static ID_LEN],
    const uint8_t file_id[static ID_LEN], uint64_t now)
{
	struct query *q;
	int r = make_room(kf, now);

	if (r < 0)
		return r;
	q = query_of(keyfile_db(kf),
	    "INSERT OR IGNORE INTO strays (peer, file_id, first_seen) "
	    "SELECT ?1, ?2, ?3 WHERE (SELECT count(*) FROM strays) < ?4");
	query_bind_blob(q, peer, ID_LEN);
	query_bind_blob(q, file_id, ID_LEN);
	query_bind_u64(q, now);
	query_bind_u64(q, FILES_STRAYS_MAX);
	return query_run(q);
}

int
files_stray_since(struct keyfile *kf, const uint8_t peer[static ID_LEN],
    const uint8_t file_id[static ID_LEN], uint64_t *first_seen)
{
	struct query *q = query_of(keyfile_db(kf),
	    "SELECT first_seen FROM strays WHERE peer = ?1 AND file_id = ?2");
	int64_t at;
	int r;

	query_bind_blob(q, peer, ID_LEN);
	query_bind_blob(q, file_id, ID_LEN);
	r = query_number(q, &at);
	if (r == 0)
		*first_seen = (uint64_t)at;
	return r;
}

int
files_keep_end(struct keyfile *kf, const uint8_t peer[static ID_LEN],
    const uint8_t file_id[static ID_LEN],
    const uint8_t end[static PLAIN_END_LEN], uint64_t now)
{
	const struct colbox_place at = place_stray(peer, file_id);
	struct query *q;
	int r = files_note_stray(kf, peer, file_id, now);

	if (r < 0)
		return r;
	q = query_of(keyfile_db(kf),
	    "UPDATE strays SET ending = ?3 "
	    "WHERE peer = ?1 AND file_id = ?2 AND ending IS NULL");
	query_bind_blob(q, peer, ID_LEN);
	query_bind_blob(q, file_id, ID_LEN);
	query_bind_box(q, &at, end, PLAIN_END_LEN);
	return query_run(q);
}

int
files_take_stray(struct keyfile *kf, struct files *f)
{
	const struct colbox_place at = place_stray(f->peer, f->file_id);
	struct query *q = query_of(keyfile_db(kf),
	    "SELECT ending FROM strays WHERE peer = ?1 AND file_id = ?2");
	int r;

	query_bind_blob(q, f->peer, ID_LEN);
	query_bind_blob(q, f->file_id, ID_LEN);
	f->has_end = query_row(q) && query_has(q);
	if (f->has_end)
		query_get_box(q, &at, f->end, sizeof(f->end));
	r = query_end(q);
	if (r < 0)
		return r;
	q = query_of(keyfile_db(kf),
	    "DELETE FROM strays WHERE peer = ?1 AND file_id = ?2");
	query_bind_blob(q, f->peer, ID_LEN);
	query_bind_blob(q, f->file_id, ID_LEN);
	return query_run(q);
}

int
files_expire(struct keyfile *kf, uint64_t now)
{
	struct query *q = query_of(keyfile_db(kf),
	    "DELETE FROM files WHERE (direction = 1 OR stage = 4) AND "
	    "at < ?1 - ?2");
	int r;

	query_bind_u64(q, now);
	query_bind_u64(q, FILES_KEEP_MS);
	r = query_run(q);
	if (r < 0)
		return r;
	q = query_of(keyfile_db(kf),
	    "DELETE FROM strays WHERE first_seen < ?1 - ?2");
	query_bind_u64(q, now);
	query_bind_u64(q, FILES_KEEP_MS);
	return query_run(q);
}
