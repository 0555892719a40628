/* SPDX-License-Identifier: ISC */
#include "client/arriving.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "base/secret.h"
#include "client/entry.h"
#include "client/filing.h"
#include "client/parts.h"

/* What is taken in now need not be offered any more. */
static int
withdraw_offers(struct arriving *a)
{
	int r = keyfile_begin(a->kf);

	if (r == 0)
		r = files_withdraw_offers(a->kf);
	if (r == 0)
		r = keyfile_commit(a->kf);
	keyfile_rollback(a->kf);
	return r;
}

int
arriving_new(struct arriving **out, struct client *c, const char *dir,
    uint64_t max_size)
{
	struct arriving *a = calloc(1, sizeof(*a));
	int r;

	if (!a)
		return err_set(ERR_NOMEM, "no memory for files");
	a->client = c;
	a->kf = client_keyfile(c);
	a->max_size = max_size;
	a->open = secret_new(ARRIVING_OPEN_MAX * sizeof(*a->open));
	a->record = buf_new(2 * OUTDIR_PATH_SIZE);
	r = a->open && a->record ? worker_new(&a->worker, CHUNK_MAX)
				 : err_set(ERR_NOMEM, "no memory for files");
	if (r == 0)
		r = outdir_open(&a->dir, dir);
	if (r == 0)
		r = withdraw_offers(a);
	if (r < 0) {
		arriving_free(a);
		return r;
	}
	outdir_sweep(a->dir, clock_wall_ms(), FILES_KEEP_MS + CLOCK_DAY);
	*out = a;
	return 0;
}

/* Of which the worker has nothing left to do. */
static void
close_all(struct arriving *a)
{
	for (size_t i = 0; i < a->open_n; i++)
		close(a->open[i].fd);
	a->open_n = 0;
}

void
arriving_free(struct arriving *a)
{
	if (!a)
		return;
	worker_free(a->worker);
	close_all(a);
	outdir_close(a->dir);
	secret_free(a->open);
	buf_free(a->record);
	free(a);
}

/* --- what ends a file --- */

static int
add_entry(struct arriving *a, const uint8_t peer[static ID_LEN],
    enum inbox_kind kind, const uint8_t id[static ID_LEN], uint64_t seq)
{
	struct inbox row = { .kind = kind, .seq = seq, .at = clock_wall_ms() };
	bool fresh;

	memcpy(row.peer, peer, ID_LEN);
	memcpy(row.message_id, id, ID_LEN);
	return inbox_add(a->kf, &row, buf_peek(a->record), buf_len(a->record),
	    &fresh);
}

/* One commit: the row is done, and the inbox has an entry for it. */
int
arriving_conclude(struct arriving *a, const struct files *f,
    enum inbox_kind kind, const char *error)
{
	const char *path = kind == INBOX_FILE ? f->path : NULL;
	int r;

	buf_clear(a->record);
	r = filing_describe(a->record, f, path, error);
	if (r == 0)
		r = keyfile_begin(a->kf);
	if (r < 0)
		return r;
	r = add_entry(a, f->peer, kind, f->message_id, f->seq);
	if (r == 0)
		r = files_finish(a->kf, f);
	if (r == 0)
		r = keyfile_commit(a->kf);
	keyfile_rollback(a->kf);
	a->concluded += r == 0;
	return r;
}

static bool
is_elsewhere(const struct arriving *a, const struct files *f)
{
	return f->path[0] != '\0' && strcmp(f->path, outdir_path(a->dir)) != 0;
}

struct arriving_file *
arriving_find(struct arriving *a, const uint8_t peer[static ID_LEN],
    const uint8_t file_id[static ID_LEN])
{
	for (size_t i = 0; i < a->open_n; i++) {
		struct arriving_file *t = &a->open[i];

		if (memcmp(t->row.peer, peer, ID_LEN) == 0 &&
		    memcmp(t->row.file_id, file_id, ID_LEN) == 0)
			return t;
	}
	return NULL;
}

static void
place(struct arriving_file *t, const struct arriving_file *from)
{
	*t = *from; /* a secret's copy, in the same block */
	files_describe(&t->row, &t->m);
}

void
arriving_close(struct arriving *a, const struct files *f)
{
	struct arriving_file *t = arriving_find(a, f->peer, f->file_id);

	if (!t)
		return;
	worker_wait(a->worker);
	close(t->fd);
	a->open_n--;
	if (t != &a->open[a->open_n])
		place(t, &a->open[a->open_n]);
	secret_wipe(&a->open[a->open_n], sizeof(*t));
}

/* Here, or in the directory it was begun in. */
static int
drop_part(struct arriving *a, const struct files *f)
{
	uint8_t id[ID_LEN];

	if (is_elsewhere(a, f))
		return parts_drop(a->client, f);
	parts_id(id, a->client, f);
	return outdir_drop_part(a->dir, id);
}

/* f may be the row of an open transfer. */
int
arriving_give_up(struct arriving *a, const struct files *f, const char *word)
{
	struct files gone = *f;
	int r = arriving_conclude(a, &gone, INBOX_FILE_REFUSED, word);

	arriving_close(a, &gone);
	if (r == 0)
		r = drop_part(a, &gone);
	secret_wipe(&gone, sizeof(gone));
	return r;
}

/* What does not authenticate ends nothing; it is told once for each file. */
int
arriving_tell_forged(struct arriving *a, const uint8_t peer[static ID_LEN],
    const uint8_t id[static ID_LEN], const char *word)
{
	int r;

	buf_clear(a->record);
	r = entry_pack_error(a->record, word);
	if (r == 0)
		r = keyfile_begin(a->kf);
	if (r < 0)
		return r;
	r = add_entry(a, peer, INBOX_UNDECRYPTABLE, id, 0);
	if (r == 0)
		r = keyfile_commit(a->kf);
	keyfile_rollback(a->kf);
	return r;
}

/* --- beginning, or going on --- */

/* Not here: begun in another directory, or there is no room for it. */
bool
arriving_is_elsewhere(struct arriving *a, const struct files *f)
{
	if (!is_elsewhere(a, f))
		return false;
	memcpy(a->elsewhere, f->path, sizeof(a->elsewhere));
	return true;
}

/* Written, committed or not: the part's blocks are those of the file. */
static uint64_t
bytes_there(const struct arriving *a, const struct plain_manifest *m,
    const struct files *f)
{
	const uint64_t committed = spans_missing(&f->spans) * m->chunk_size;
	uint8_t id[ID_LEN];
	uint64_t taken;

	parts_id(id, a->client, f);
	taken = outdir_part_room(a->dir, id);
	return taken > committed ? taken : committed;
}

static int
has_room(struct arriving *a, const struct plain_manifest *m,
    const struct files *f, bool *has)
{
	uint64_t room, have, need = 2 * ARRIVING_WINDOW, size = m->size;
	int r = outdir_room(a->dir, &room);
	struct plain_end e;

	if (r < 0)
		return r;
	if (f->has_end) {
		files_describe_end(f, &e);
		size = e.size;
	}
	have = bytes_there(a, m, f);
	if (size != PLAIN_SIZE_UNKNOWN)
		need = size > have ? size - have : 0;
	*has = need <= room;
	a->lacks_room |= !*has;
	return 0;
}

/* t->fd -1: what was received is there no more. */
static int
open_part(struct arriving *a, struct arriving_file *t)
{
	struct files *f = &t->row;
	uint8_t id[ID_LEN];
	struct stat st;
	int r;

	parts_id(id, a->client, f);
	r = outdir_open_part(a->dir, id, f->spans.n == 0, &t->fd);
	if (r < 0 || t->fd < 0)
		return r;
	if (fstat(t->fd, &st) < 0) {
		close(t->fd);
		return err_sys(ERR_IO, "%s", outdir_path(a->dir));
	}
	t->length = (uint64_t)st.st_size;
	f->inode = st.st_ino;
	memcpy(f->path, outdir_path(a->dir), strlen(outdir_path(a->dir)) + 1);
	return 0;
}

/* A row as a transfer, *out NULL when that cannot be now, or no more. */
int
arriving_open(struct arriving *a, const struct files *f, bool *taken,
    struct arriving_file **out)
{
	struct arriving_file *t;
	bool has = false;
	int r = 0;

	if (a->open_n == ARRIVING_OPEN_MAX) {
		r = arriving_commit(a);
		close_all(a);
	}
	t = &a->open[a->open_n];
	memset(t, 0, sizeof(*t));
	t->row = *f; /* a secret's copy */
	files_describe(&t->row, &t->m);
	filebox_digest_init(&t->digest);
	if (r == 0)
		r = has_room(a, &t->m, &t->row, &has);
	if (r == 0 && has)
		r = open_part(a, t);
	if (r < 0 || !has)
		return r;
	if (t->fd < 0) {
		*taken = true;
		return arriving_give_up(a, f, "part_lost");
	}
	a->open_n++;
	*out = t;
	return 0;
}

/* --- commits --- */

void
arriving_sync(struct arriving *a)
{
	for (size_t i = 0; i < a->open_n; i++) {
		struct arriving_file *t = &a->open[i];

		if (!t->dirty)
			continue;
		t->synced = t->row.spans;
		t->dirty = false;
		t->syncing = true;
		worker_sync(a->worker, t->fd);
	}
	a->syncing += a->written;
	a->written = 0;
}

/* They grow as they like: there must be room for each window anew. */
static bool
is_stream(const struct arriving_file *t)
{
	return t->m.size == PLAIN_SIZE_UNKNOWN;
}

static bool
has_stream(const struct arriving *a)
{
	for (size_t i = 0; i < a->open_n; i++) {
		if (is_stream(&a->open[i]))
			return true;
	}
	return false;
}

bool
arriving_is_due(struct arriving *a, size_t len)
{
	return a->syncing > 0 &&
	    (worker_is_synced(a->worker) || has_stream(a) ||
		a->syncing + a->written + len > ARRIVING_WINDOW);
}

/* As it was when its sync was begun. */
static int
save_synced(struct arriving *a, struct arriving_file *t, uint64_t now)
{
	const struct spans all = t->row.spans;
	int r;

	t->row.spans = t->synced;
	t->row.at = now;
	r = files_save(a->kf, &t->row);
	t->row.spans = all;
	return r;
}

static int
save(struct arriving *a)
{
	const uint64_t now = clock_wall_ms();
	int r = 0;

	for (size_t i = 0; i < a->open_n && r == 0; i++) {
		if (a->open[i].syncing)
			r = save_synced(a, &a->open[i], now);
	}
	for (size_t i = 0; i < a->strays_n && r == 0; i++)
		r = files_note_stray(a->kf, a->strays[i].peer,
		    a->strays[i].file_id, now);
	return r;
}

static void
close_streams(struct arriving *a)
{
	for (size_t i = a->open_n; i-- > 0;) {
		if (is_stream(&a->open[i]) && !a->open[i].dirty)
			arriving_close(a, &a->open[i].row);
	}
}

int
arriving_commit_synced(struct arriving *a)
{
	bool any = a->strays_n > 0;
	int r;

	for (size_t i = 0; i < a->open_n; i++)
		any |= a->open[i].syncing;
	a->syncing = 0;
	if (!any)
		return 0;
	r = worker_await_syncs(a->worker);
	if (r < 0) {
		err_path(outdir_path(a->dir));
		return r;
	}
	r = keyfile_begin(a->kf);
	if (r < 0)
		return r;
	r = save(a);
	if (r == 0)
		r = keyfile_commit(a->kf);
	keyfile_rollback(a->kf);
	if (r < 0)
		return r;
	for (size_t i = 0; i < a->open_n; i++)
		a->open[i].syncing = false;
	a->strays_n = 0;
	close_streams(a);
	return 0;
}

int
arriving_commit(struct arriving *a)
{
	arriving_sync(a);
	return arriving_commit_synced(a);
}
