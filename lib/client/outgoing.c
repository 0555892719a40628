/* SPDX-License-Identifier: ISC */
#include "client/outgoing.h"

#include <string.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/secret.h"
#include "client/book.h"
#include "client/talk.h"

static int
commit(struct outgoing_file *file, const struct files *f,
    int (*change)(struct keyfile *kf, const struct files *f))
{
	struct keyfile *kf = client_keyfile(file->client);
	int r = file->source.is_stream ? 0 : keyfile_begin(kf);

	if (file->source.is_stream || r < 0)
		return r;
	r = change(kf, f);
	if (r == 0)
		r = keyfile_commit(kf);
	keyfile_rollback(kf);
	return r;
}

static int
find_peer(struct outgoing_file *file, struct outgoing *o)
{
	int r = book_find(file->client, o->who, &o->peer);

	if (r < 0)
		return r;
	o->known = true;
	memcpy(o->line.to, o->peer.id, ID_LEN);
	return file->require_verified ? book_require_verified(&o->peer, o->who)
				      : 0;
}

/* What identifies the source in a row. */
static void
identify(const struct outgoing_file *file, struct outgoing *o)
{
	const struct source *s = &file->source;

	memset(&o->row, 0, sizeof(o->row));
	memcpy(o->row.peer, o->peer.id, ID_LEN);
	memcpy(o->row.path, s->path, strlen(s->path) + 1);
	o->row.direction = FILES_OUT;
	o->row.stage = FILES_OPEN;
	o->row.padded = FILES_NOT_FINAL;
	o->row.device = s->device;
	o->row.inode = s->inode;
	o->row.modified = s->modified;
	o->row.at = clock_wall_ms();
}

/* Is the row that was found about the same bytes under the same name? */
static bool
is_same(const struct outgoing_file *file, const struct outgoing *o)
{
	struct plain_manifest m;
	bool same;

	if (o->row.stage != FILES_OPEN && o->row.stage != FILES_ENDED)
		return false;
	files_describe(&o->row, &m);
	same = strcmp(o->row.path, file->source.path) == 0 &&
	    m.size == file->source.size &&
	    m.chunk_size == file->source.chunk_size &&
	    m.name_len == strlen(file->name) &&
	    memcmp(m.name, file->name, m.name_len) == 0;
	secret_wipe(&m, sizeof(m));
	return same;
}

/* An earlier command's row, unless its manifest was refused meanwhile. */
static int
find_row(struct outgoing_file *file, struct outgoing *o, bool *found)
{
	struct plain_manifest m;
	int r;

	identify(file, o);
	*found = false;
	if (file->source.is_stream || file->fresh)
		return 0;
	r = files_find_source(client_keyfile(file->client), &o->row, &o->row,
	    found);
	if (r < 0 || !*found)
		return r;
	*found = is_same(file, o);
	if (!*found) {
		identify(file, o);
		return 0;
	}
	files_describe(&o->row, &m);
	memcpy(o->key, m.file_key, KEY_LEN);
	o->line.next = o->row.has_end ? filebox_chunks(m.size, m.chunk_size)
				      : spans_missing(&o->row.spans);
	o->resumed = o->line.next;
	secret_wipe(&m, sizeof(m));
	return 0;
}

/* In the commit of the manifest. */
static int
add_row(void *arg, struct keyfile *kf, const struct talk_sent *s)
{
	struct outgoing *o = arg;
	bool fresh;

	memcpy(o->row.message_id, s->id, ID_LEN);
	o->row.seq = s->seq;
	o->row.sent_at = s->sent_at;
	return strcmp(o->row.path, "-") == 0 ? 0
					     : files_add(kf, &o->row, &fresh);
}

static int
put_manifest(struct outgoing_file *file, struct outgoing *o)
{
	struct plain_manifest m = { .size = file->source.size,
		.chunk_size = file->source.chunk_size,
		.mtime = file->source.mtime,
		.name = (const uint8_t *)file->name,
		.name_len = (uint16_t)strlen(file->name) };
	struct talk_note note = { .kind = PLAIN_MANIFEST,
		.body = o->row.manifest,
		.also = add_row,
		.arg = o };
	struct talk_sent sent;

	secret_random(o->row.file_id, ID_LEN);
	secret_random(o->key, KEY_LEN);
	memcpy(m.file_id, o->row.file_id, ID_LEN);
	memcpy(m.file_key, o->key, KEY_LEN);
	plain_pack_manifest(o->row.manifest, &o->row.manifest_len, &m);
	note.len = o->row.manifest_len;
	secret_wipe(m.file_key, KEY_LEN);
	return talk_put(file->client, o->peer.id, &note, &sent);
}

int
outgoing_open(struct outgoing_file *file, struct outgoing *o)
{
	bool found = false;
	int r = find_peer(file, o);

	if (r == 0)
		r = find_row(file, o, &found);
	if (r == 0 && !found)
		r = put_manifest(file, o);
	return r;
}

/* A message of the outbox, until the relay has it or patience ends. */
static int
deliver(struct outgoing_file *file, const struct outgoing *o,
    const uint8_t id[static ID_LEN])
{
	int r = talk_deliver(file->client, o->peer.id, id);

	while (r < 0) {
		r = patience_wait(&file->patience, r);
		if (r < 0)
			return r;
		r = talk_deliver(file->client, o->peer.id, id);
	}
	patience_renew(&file->patience);
	return 0;
}

/* A row whose manifest was refused is of no more use. */
int
outgoing_deliver_manifest(struct outgoing_file *file, struct outgoing *o)
{
	int r = deliver(file, o, o->row.message_id);
	struct err_info why = *err_last();

	if (r == 0 || r == ERR_BUSY || r == ERR_UNREACHABLE)
		return r;
	if (commit(file, &o->row, files_drop) == 0)
		err_restore(&why);
	return r;
}

/* Note in the row what the relay has. */
int
outgoing_save(struct outgoing_file *file, struct outgoing *o, uint64_t settled)
{
	if (settled == 0)
		return 0;
	o->row.spans.n = 1;
	o->row.spans.run[0] = (struct spans_run){ 0, settled - 1 };
	o->row.at = clock_wall_ms();
	return commit(file, &o->row, files_save);
}

/* In the commit of the END. */
static int
save_row(void *arg, struct keyfile *kf, const struct talk_sent *s)
{
	struct outgoing *o = arg;

	int r;

	memcpy(o->row.end_id, s->id, ID_LEN);
	if (strcmp(o->row.path, "-") == 0)
		return 0;
	r = files_save(kf, &o->row);
	return r < 0 ? r : files_save_end(kf, &o->row);
}

int
outgoing_put_end(struct outgoing_file *file, struct outgoing *o)
{
	struct plain_end e = { .size = file->source.size,
		.chunks = file->source.index };
	struct talk_note note = { .kind = PLAIN_END,
		.body = o->row.end,
		.len = sizeof(o->row.end),
		.also = save_row,
		.arg = o };
	struct talk_sent sent;
	int r;

	if (o->row.has_end)
		return 0;
	r = source_digest(&file->source, e.digest);
	if (r < 0)
		return r;
	memcpy(e.file_id, o->row.file_id, ID_LEN);
	plain_pack_end(o->row.end, &e);
	o->row.stage = FILES_ENDED;
	o->row.has_end = true;
	return talk_put(file->client, o->peer.id, &note, &sent);
}

int
outgoing_deliver_end(struct outgoing_file *file, struct outgoing *o)
{
	return deliver(file, o, o->row.end_id);
}

int
outgoing_drop(struct outgoing_file *file, struct outgoing *o)
{
	return commit(file, &o->row, files_drop);
}
