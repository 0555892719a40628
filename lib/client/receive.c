/* SPDX-License-Identifier: ISC */
#include "client/receive.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "base/file.h"
#include "base/secret.h"
#include "client/entry.h"
#include "client/filing.h"
#include "e2e/filebox.h"
#include "state/files.h"
#include "state/inbox.h"

#define OPEN_MAX_N 8  /* files under way at once */
#define STRAYS_MAX 64 /* noted in one commit */

/* A file under way whose partial file is open. */
struct transfer {
	struct files row;
	struct plain_manifest m; /* borrows from row */
	int fd;
	bool dirty;
	struct filebox_digest digest;
	uint64_t digested; /* chunks from the first on that are in it */
};

struct stray {
	uint8_t peer[ID_LEN];
	uint8_t file_id[ID_LEN];
};

struct receive {
	struct client *client;
	struct keyfile *kf;
	struct outdir *dir;
	uint64_t max_size;
	uint64_t room; /* that is left, less what was promised to transfers */
	struct transfer *open; /* OPEN_MAX_N, secret */
	size_t open_n;
	struct stray strays[STRAYS_MAX];
	size_t strays_n;
	size_t written;
	uint8_t *plain; /* one chunk */
	struct buf *record;
	char elsewhere[OUTDIR_PATH_SIZE];
	bool lacks_room;
	size_t concluded; /* files */
};

/* What is taken in now need not be offered any more. */
static int
withdraw_offers(struct receive *rc)
{
	int r = keyfile_begin(rc->kf);

	if (r == 0)
		r = files_withdraw_offers(rc->kf);
	if (r == 0)
		r = keyfile_commit(rc->kf);
	keyfile_rollback(rc->kf);
	return r;
}

int
receive_new(struct receive **out, struct client *c, const char *dir,
    uint64_t max_size)
{
	struct receive *rc = calloc(1, sizeof(*rc));
	int r;

	if (!rc)
		return err_set(ERR_NOMEM, "no memory for files");
	rc->client = c;
	rc->kf = client_keyfile(c);
	rc->max_size = max_size;
	rc->open = secret_new(OPEN_MAX_N * sizeof(*rc->open));
	rc->plain = malloc(CHUNK_MAX);
	rc->record = buf_new(2 * OUTDIR_PATH_SIZE);
	r = rc->open && rc->plain && rc->record
	    ? outdir_open(&rc->dir, dir)
	    : err_set(ERR_NOMEM, "no memory for files");
	if (r == 0)
		r = withdraw_offers(rc);
	if (r < 0)
		receive_free(rc);
	else
		*out = rc;
	return r;
}

static void
close_all(struct receive *rc)
{
	for (size_t i = 0; i < rc->open_n; i++)
		close(rc->open[i].fd);
	rc->open_n = 0;
}

void
receive_free(struct receive *rc)
{
	if (!rc)
		return;
	close_all(rc);
	outdir_close(rc->dir);
	secret_free(rc->open);
	if (rc->plain)
		secret_wipe(rc->plain, CHUNK_MAX);
	free(rc->plain);
	buf_free(rc->record);
	free(rc);
}

/* --- what ends a file --- */

static int
add_entry(struct receive *rc, const uint8_t peer[static ID_LEN],
    enum inbox_kind kind, const uint8_t id[static ID_LEN], uint64_t seq)
{
	struct inbox row = { .kind = kind, .seq = seq, .at = clock_wall_ms() };
	bool fresh;

	memcpy(row.peer, peer, ID_LEN);
	memcpy(row.message_id, id, ID_LEN);
	return inbox_add(rc->kf, &row, buf_peek(rc->record),
	    buf_len(rc->record), &fresh);
}

/* One commit: the row is done, and the inbox has an entry for it. */
static int
conclude(struct receive *rc, const struct files *f, enum inbox_kind kind,
    const char *error)
{
	const char *path = kind == INBOX_FILE ? f->path : NULL;
	int r;

	buf_clear(rc->record);
	r = filing_describe(rc->record, f, path, error);
	if (r == 0)
		r = keyfile_begin(rc->kf);
	if (r < 0)
		return r;
	r = add_entry(rc, f->peer, kind, f->message_id, f->seq);
	if (r == 0)
		r = files_finish(rc->kf, f);
	if (r == 0)
		r = keyfile_commit(rc->kf);
	keyfile_rollback(rc->kf);
	rc->concluded += r == 0;
	return r;
}

static struct transfer *
find_open(struct receive *rc, const uint8_t peer[static ID_LEN],
    const uint8_t file_id[static ID_LEN])
{
	for (size_t i = 0; i < rc->open_n; i++) {
		struct transfer *t = &rc->open[i];

		if (memcmp(t->row.peer, peer, ID_LEN) == 0 &&
		    memcmp(t->row.file_id, file_id, ID_LEN) == 0)
			return t;
	}
	return NULL;
}

static void
place(struct transfer *t, const struct transfer *from)
{
	*t = *from; /* a secret's copy, in the same block */
	files_describe(&t->row, &t->m);
}

static void
close_one(struct receive *rc, const struct files *f)
{
	struct transfer *t = find_open(rc, f->peer, f->file_id);

	if (!t)
		return;
	close(t->fd);
	rc->open_n--;
	if (t != &rc->open[rc->open_n])
		place(t, &rc->open[rc->open_n]);
	secret_wipe(&rc->open[rc->open_n], sizeof(*t));
}

/* f may be the row of an open transfer. */
static int
give_up(struct receive *rc, const struct files *f, const char *word)
{
	struct files gone = *f;
	int r = conclude(rc, &gone, INBOX_FILE_REFUSED, word);

	close_one(rc, &gone);
	if (r == 0)
		r = outdir_drop_part(rc->dir, gone.file_id);
	secret_wipe(&gone, sizeof(gone));
	return r;
}

/* What does not authenticate ends nothing; it is told once for each file. */
static int
tell_forged(struct receive *rc, const uint8_t peer[static ID_LEN],
    const uint8_t id[static ID_LEN], const char *word)
{
	int r;

	buf_clear(rc->record);
	r = entry_pack_error(rc->record, word);
	if (r == 0)
		r = keyfile_begin(rc->kf);
	if (r < 0)
		return r;
	r = add_entry(rc, peer, INBOX_UNDECRYPTABLE, id, 0);
	if (r == 0)
		r = keyfile_commit(rc->kf);
	keyfile_rollback(rc->kf);
	return r;
}

/* --- beginning, or going on --- */

/* Not here: begun in another directory, or there is no room for it. */
static bool
is_elsewhere(struct receive *rc, const struct files *f)
{
	if (f->path[0] == '\0' || strcmp(f->path, outdir_path(rc->dir)) == 0)
		return false;
	memcpy(rc->elsewhere, f->path, sizeof(rc->elsewhere));
	return true;
}

static int
has_room(struct receive *rc, const struct plain_manifest *m,
    const struct files *f, bool *has)
{
	uint64_t room, have, need = 2 * RECEIVE_WINDOW;
	int r = outdir_room(rc->dir, &room);

	if (r < 0)
		return r;
	have = spans_missing(&f->spans) * m->chunk_size;
	if (m->size != PLAIN_SIZE_UNKNOWN)
		need = m->size > have ? m->size - have : 0;
	*has = need <= room;
	rc->lacks_room |= !*has;
	return 0;
}

/* *fd -1: what was received is there no more. */
static int
open_part(struct receive *rc, struct files *f, int *fd)
{
	struct stat st;
	int r = outdir_open_part(rc->dir, f->file_id, f->spans.n == 0, fd);

	if (r < 0 || *fd < 0)
		return r;
	if (fstat(*fd, &st) < 0) {
		close(*fd);
		return err_sys(ERR_IO, "%s", outdir_path(rc->dir));
	}
	f->inode = st.st_ino;
	memcpy(f->path, outdir_path(rc->dir), strlen(outdir_path(rc->dir)) + 1);
	return 0;
}

/* A row as a transfer, *out NULL when that cannot be now, or no more. */
static int
open_transfer(struct receive *rc, const struct files *f, bool *taken,
    struct transfer **out)
{
	struct transfer *t;
	bool has = false;
	int r = 0;

	if (rc->open_n == OPEN_MAX_N) {
		r = receive_commit(rc);
		close_all(rc);
	}
	t = &rc->open[rc->open_n];
	memset(t, 0, sizeof(*t));
	t->row = *f; /* a secret's copy */
	files_describe(&t->row, &t->m);
	filebox_digest_init(&t->digest);
	if (r == 0)
		r = has_room(rc, &t->m, &t->row, &has);
	if (r == 0 && has)
		r = open_part(rc, &t->row, &t->fd);
	if (r < 0 || !has)
		return r;
	if (t->fd < 0) {
		*taken = true;
		return give_up(rc, f, "part_lost");
	}
	rc->open_n++;
	*out = t;
	return 0;
}

/* A chunk of no file that is known; it may be on its way. */
static int
meet_stray(struct receive *rc, const struct body_message *m,
    const struct filebox_header *head, bool *taken)
{
	struct stray *s = &rc->strays[rc->strays_n];
	uint64_t since;
	int r = files_stray_since(rc->kf, m->from, head->file_id, &since);

	if (r < 0)
		return r;
	*taken = since != 0 && clock_wall_ms() - since >= FILES_STRAY_MS;
	if (since != 0 || rc->strays_n == STRAYS_MAX)
		return 0;
	for (size_t i = 0; i < rc->strays_n; i++) {
		if (memcmp(rc->strays[i].file_id, head->file_id, ID_LEN) == 0)
			return 0;
	}
	memcpy(s->peer, m->from, ID_LEN);
	memcpy(s->file_id, head->file_id, ID_LEN);
	rc->strays_n++;
	return 0;
}

static bool
is_too_large(const struct receive *rc, const struct plain_manifest *m,
    uint64_t index)
{
	if (m->size != PLAIN_SIZE_UNKNOWN)
		return m->size > rc->max_size;
	return rc->max_size < FILE_SIZE_MAX &&
	    filebox_is_index(index, m->chunk_size) &&
	    index * m->chunk_size > plain_padme(rc->max_size);
}

/* *out NULL: nothing is to be done with the chunk but what *taken says. */
static int
find_transfer(struct receive *rc, const struct body_message *m,
    const struct filebox_header *head, bool *taken, struct transfer **out)
{
	struct plain_manifest manifest;
	struct files f;
	bool found;
	int r;

	*out = find_open(rc, m->from, head->file_id);
	if (*out)
		return 0;
	r = files_find(rc->kf, m->from, FILES_IN, head->file_id, &f, &found);
	if (r < 0)
		return r;
	if (!found)
		return meet_stray(rc, m, head, taken);
	*taken = f.stage != FILES_OPEN;
	if (!*taken) {
		files_describe(&f, &manifest);
		if (is_too_large(rc, &manifest, 0)) {
			*taken = true;
			r = give_up(rc, &f, "too_large");
		} else if (!is_elsewhere(rc, &f)) {
			r = open_transfer(rc, &f, taken, out);
		}
		secret_wipe(&manifest, sizeof(manifest));
	}
	secret_wipe(&f, sizeof(f));
	return r;
}

/* --- one chunk --- */

/* Does it belong there, by what its sender has said of the file? */
static bool
fits(struct transfer *t, const struct filebox_header *head, size_t len)
{
	const struct plain_manifest *m = &t->m;
	uint64_t chunks, end = head->index * m->chunk_size + len;

	if (m->size != PLAIN_SIZE_UNKNOWN) {
		chunks = filebox_chunks(m->size, m->chunk_size);
		return head->index < chunks &&
		    head->final == (head->index == chunks - 1) &&
		    len ==
		    filebox_chunk_len(m->size, m->chunk_size, head->index);
	}
	if (!filebox_is_index(head->index, m->chunk_size))
		return false;
	if (!head->final)
		return len == m->chunk_size;
	if (len > m->chunk_size || (len == 0 && head->index > 0) ||
	    (t->row.padded != FILES_NOT_FINAL && t->row.padded != end))
		return false;
	t->row.padded = end;
	return true;
}

/* To the part, without padding where that is known. */
static int
store(struct receive *rc, struct transfer *t, uint64_t index, size_t len)
{
	const uint64_t at = index * t->m.chunk_size;
	int r;

	if (t->m.size != PLAIN_SIZE_UNKNOWN) {
		if (at >= t->m.size)
			len = 0;
		else if (len > t->m.size - at)
			len = (size_t)(t->m.size - at);
	}
	r = file_write_at(t->fd, rc->plain, len, at, outdir_path(rc->dir));
	if (r < 0)
		return r;
	if (t->m.size != PLAIN_SIZE_UNKNOWN && index == t->digested) {
		filebox_digest_add(&t->digest, rc->plain, len);
		t->digested++;
	}
	t->dirty = true;
	rc->written += len;
	return 0;
}

static int
take(struct receive *rc, struct transfer *t, const struct body_message *m,
    const struct filebox_header *head, bool *taken)
{
	const size_t len = m->content_len - FILEBOX_OVERHEAD;

	*taken = true;
	if (spans_has(&t->row.spans, head->index))
		return 0;
	if (filebox_open(rc->plain, t->m.file_key, m->from,
		client_self(rc->client)->id, m->content, m->content_len) < 0)
		return tell_forged(rc, m->from, head->file_id, "undecryptable");
	if (!fits(t, head, len))
		return give_up(rc, &t->row, "malformed");
	if (is_too_large(rc, &t->m, head->index))
		return give_up(rc, &t->row, "too_large");
	*taken = spans_add(&t->row.spans, head->index);
	return *taken ? store(rc, t, head->index, len) : 0;
}

int
receive_chunk(struct receive *rc, const struct body_message *m, bool *taken)
{
	struct filebox_header head;
	struct transfer *t = NULL;
	int r;

	*taken = true;
	if (filebox_peek(&head, m->content, m->content_len) < 0)
		return tell_forged(rc, m->from, m->from, "malformed");
	*taken = false;
	r = find_transfer(rc, m, &head, taken, &t);
	return r < 0 || !t ? r : take(rc, t, m, &head, taken);
}

size_t
receive_uncommitted(const struct receive *rc)
{
	return rc->written;
}

/* --- commits --- */

static int
sync_parts(struct receive *rc)
{
	for (size_t i = 0; i < rc->open_n; i++) {
		if (rc->open[i].dirty && fdatasync(rc->open[i].fd) < 0) {
			err_sys(ERR_IO, "%s", outdir_path(rc->dir));
			err_path(outdir_path(rc->dir));
			return ERR_IO;
		}
	}
	return 0;
}

static int
save(struct receive *rc)
{
	const uint64_t now = clock_wall_ms();
	int r = 0;

	for (size_t i = 0; i < rc->open_n && r == 0; i++) {
		rc->open[i].row.at = now;
		if (rc->open[i].dirty)
			r = files_save(rc->kf, &rc->open[i].row);
	}
	for (size_t i = 0; i < rc->strays_n && r == 0; i++)
		r = files_note_stray(rc->kf, rc->strays[i].peer,
		    rc->strays[i].file_id, now);
	return r;
}

int
receive_commit(struct receive *rc)
{
	bool dirty = rc->strays_n > 0;
	int r;

	for (size_t i = 0; i < rc->open_n; i++)
		dirty |= rc->open[i].dirty;
	if (!dirty)
		return 0;
	r = sync_parts(rc);
	if (r == 0)
		r = keyfile_begin(rc->kf);
	if (r < 0)
		return r;
	r = save(rc);
	if (r == 0)
		r = keyfile_commit(rc->kf);
	keyfile_rollback(rc->kf);
	if (r < 0)
		return r;
	for (size_t i = 0; i < rc->open_n; i++)
		rc->open[i].dirty = false;
	rc->strays_n = 0;
	rc->written = 0;
	return 0;
}

/* --- the end of a file --- */

static const char *
judge_end(const struct files *f, const struct plain_manifest *m,
    const struct plain_end *e)
{
	const struct spans *s = &f->spans;

	if (m->size != PLAIN_SIZE_UNKNOWN && m->size != e->size)
		return "malformed";
	if (e->chunks != filebox_chunks(e->size, m->chunk_size))
		return "malformed";
	if (s->n > 0 && s->run[s->n - 1].last >= e->chunks)
		return "malformed";
	return NULL;
}

/* The digest of what the part holds, from where t has got to. */
static int
digest_part(struct receive *rc, struct transfer *t, uint64_t size,
    uint8_t out[static FILEBOX_DIGEST_LEN])
{
	uint64_t at = t->digested * t->m.chunk_size;
	size_t got = 1;
	int r = 0;

	if (at > size)
		at = size;
	while (r == 0 && got > 0 && at < size) {
		size_t len =
		    size - at < CHUNK_MAX ? (size_t)(size - at) : CHUNK_MAX;

		r = file_read(t->fd, rc->plain, len, at, &got,
		    outdir_path(rc->dir));
		if (r == 0)
			filebox_digest_add(&t->digest, rc->plain, got);
		at += got;
	}
	filebox_digest_end(&t->digest, out);
	return r;
}

/* All chunks are there: is it the file that was sent?  Then cut and sync. */
static int
verify(struct receive *rc, struct transfer *t, const struct plain_end *e,
    const char **fault)
{
	uint8_t digest[FILEBOX_DIGEST_LEN];
	int r;

	*fault = "malformed";
	if (t->m.size == PLAIN_SIZE_UNKNOWN &&
	    t->row.padded != plain_padme(e->size))
		return 0;
	*fault = "damaged";
	r = digest_part(rc, t, e->size, digest);
	if (r < 0 || memcmp(digest, e->digest, sizeof(digest)) != 0)
		return r;
	if (ftruncate(t->fd, (off_t)e->size) < 0 || fsync(t->fd) < 0) {
		err_sys(ERR_IO, "%s", outdir_path(rc->dir));
		err_path(outdir_path(rc->dir));
		return ERR_IO;
	}
	*fault = NULL;
	return 0;
}

static int
save_name(struct receive *rc, const struct files *f)
{
	int r = keyfile_begin(rc->kf);

	if (r == 0)
		r = files_save(rc->kf, f);
	if (r == 0)
		r = keyfile_commit(rc->kf);
	keyfile_rollback(rc->kf);
	return r;
}

/* f is whole and on the disk. */
static int
publish(struct receive *rc, struct files *f)
{
	char safe[FILENAME_SIZE];
	struct plain_manifest m;
	int r;

	files_describe(f, &m);
	filename_make_safe(safe, m.name, m.name_len, m.file_id);
	secret_wipe(&m, sizeof(m));
	f->stage = FILES_NAMED;
	do {
		r = outdir_pick(rc->dir, safe, f->name);
		if (r < 0)
			return r;
		r = save_name(rc, f);
		if (r == 0)
			r = outdir_publish(rc->dir, f->file_id, f->name);
	} while (r == ERR_EXISTS);
	if (r == 0)
		r = conclude(rc, f, INBOX_FILE, NULL);
	close_one(rc, f);
	return r;
}

/* A command ended between naming it and saying so. */
static int
finish_named(struct receive *rc, struct files *f)
{
	uint64_t inode;
	int fd, r = outdir_inode(rc->dir, f->name, &inode);

	if (r < 0)
		return r;
	if (inode != 0 && inode == f->inode)
		return conclude(rc, f, INBOX_FILE, NULL);
	r = outdir_open_part(rc->dir, f->file_id, false, &fd);
	if (r < 0)
		return r;
	if (fd < 0)
		return give_up(rc, f, "part_lost");
	close(fd);
	return publish(rc, f);
}

static int
finish_whole(struct receive *rc, struct files *f, const struct plain_end *e)
{
	struct transfer *t = find_open(rc, f->peer, f->file_id);
	const char *fault = NULL;
	bool taken;
	int r = 0;

	if (!t)
		r = open_transfer(rc, f, &taken, &t);
	if (r < 0 || !t)
		return r;
	r = verify(rc, t, e, &fault);
	if (r < 0)
		return r;
	f->inode = t->row.inode;
	return fault ? give_up(rc, f, fault) : publish(rc, f);
}

static int
finish_one(struct receive *rc, struct files *f, uint64_t now)
{
	struct plain_manifest m;
	struct plain_end e;
	const char *fault;

	if (is_elsewhere(rc, f))
		return 0;
	if (f->stage == FILES_NAMED)
		return finish_named(rc, f);
	if (f->at + FILES_KEEP_MS < now)
		return give_up(rc, f, "expired");
	if (!f->has_end)
		return 0;
	files_describe(f, &m);
	files_describe_end(f, &e);
	fault = judge_end(f, &m, &e);
	secret_wipe(&m, sizeof(m));
	if (fault)
		return give_up(rc, f, fault);
	return spans_is_whole(&f->spans, e.chunks) ? finish_whole(rc, f, &e)
						   : 0;
}

int
receive_finish(struct receive *rc, bool *any)
{
	const uint64_t now = clock_wall_ms();
	const size_t before = rc->concluded;
	struct files f = { .at = 0 }, at;
	bool found;
	int r;

	for (;;) {
		r = files_next(rc->kf, &f, &found);
		if (r < 0 || !found)
			break;
		at = f; /* a secret's copy */
		r = finish_one(rc, &at, now);
		if (r < 0)
			break;
	}
	secret_wipe(&f, sizeof(f));
	secret_wipe(&at, sizeof(at));
	*any = rc->concluded != before;
	return r;
}

const char *
receive_elsewhere(const struct receive *rc)
{
	return rc->elsewhere[0] ? rc->elsewhere : NULL;
}

bool
receive_lacks_room(const struct receive *rc)
{
	return rc->lacks_room;
}
