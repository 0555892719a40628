/* SPDX-License-Identifier: ISC */
#include "client/complete.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "base/file.h"
#include "base/secret.h"
#include "client/parts.h"

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
digest_part(struct arriving *a, struct arriving_file *t, uint64_t size,
    uint8_t out[static FILEBOX_DIGEST_LEN])
{
	uint64_t at = t->digested * t->m.chunk_size;
	size_t got = 1;
	int r = worker_settle(a->worker);

	if (at > size)
		at = size;
	while (r == 0 && got > 0 && at < size) {
		size_t len =
		    size - at < CHUNK_MAX ? (size_t)(size - at) : CHUNK_MAX;

		r = file_read(t->fd, worker_piece(a->worker), len, at, &got,
		    outdir_path(a->dir));
		if (r == 0)
			worker_put(a->worker,
			    &(struct worker_task){ .len = got,
				.digest = &t->digest,
				.fd = -1 });
		at += got;
	}
	if (r == 0)
		r = worker_settle(a->worker);
	filebox_digest_end(&t->digest, out);
	return r;
}

/* All chunks are there: is it the file that was sent?  Then cut and sync. */
static int
verify(struct arriving *a, struct arriving_file *t, const struct plain_end *e,
    const char **fault)
{
	uint8_t digest[FILEBOX_DIGEST_LEN];
	int r;

	*fault = "malformed";
	if (t->m.size == PLAIN_SIZE_UNKNOWN &&
	    t->row.padded != plain_padme(e->size))
		return 0;
	*fault = "damaged";
	r = digest_part(a, t, e->size, digest);
	if (r < 0 || memcmp(digest, e->digest, sizeof(digest)) != 0)
		return r;
	if (ftruncate(t->fd, (off_t)e->size) < 0 || fsync(t->fd) < 0) {
		err_sys(ERR_IO, "%s", outdir_path(a->dir));
		err_path(outdir_path(a->dir));
		return ERR_IO;
	}
	*fault = NULL;
	return 0;
}

static int
save_name(struct arriving *a, const struct files *f)
{
	int r = keyfile_begin(a->kf);

	if (r == 0)
		r = files_save(a->kf, f);
	if (r == 0)
		r = keyfile_commit(a->kf);
	keyfile_rollback(a->kf);
	return r;
}

/* The first stand-in of name that is free: *same as outdir_publish. */
static int
give_name(struct arriving *a, struct files *f, const char *name, bool *same)
{
	uint8_t id[ID_LEN];
	int r;

	parts_id(id, a->client, f);
	do {
		r = outdir_pick(a->dir, name, f->name);
		if (r < 0)
			return r;
		r = save_name(a, f);
		if (r == 0)
			r = outdir_publish(a->dir, id, f->inode, f->name, same);
	} while (r == ERR_EXISTS);
	return r;
}

/* Some file systems have colons, or bytes past 143, for no name. */
static bool
is_no_name(int r)
{
	const int number = err_last()->number;

	return r == ERR_IO &&
	    (number == EINVAL || number == EPERM || number == EILSEQ ||
		number == ENAMETOOLONG);
}

/* f is whole and on the disk. */
static int
publish(struct arriving *a, struct files *f)
{
	char safe[FILENAME_SIZE];
	struct plain_manifest m;
	bool same = true;
	int r;

	files_describe(f, &m);
	filename_make_safe(safe, m.name, m.name_len, m.file_id);
	secret_wipe(&m, sizeof(m));
	f->stage = FILES_NAMED;
	r = give_name(a, f, safe, &same);
	if (is_no_name(r)) {
		filename_make_safe(safe, NULL, 0, f->file_id);
		r = give_name(a, f, safe, &same);
	}
	if (r == 0 && !same)
		return arriving_give_up(a, f, "part_lost");
	if (r == 0)
		r = arriving_conclude(a, f, INBOX_FILE, NULL);
	arriving_close(a, f);
	return r;
}

/* A command ended between naming it and saying so. */
static int
finish_named(struct arriving *a, struct files *f)
{
	uint8_t id[ID_LEN];
	uint64_t inode;
	int fd, r = outdir_inode(a->dir, f->name, &inode);

	if (r < 0)
		return r;
	parts_id(id, a->client, f);
	if (inode != 0 && inode == f->inode) {
		/* where names are linked it may still have both */
		r = outdir_drop_part(a->dir, id);
		return r < 0 ? r : arriving_conclude(a, f, INBOX_FILE, NULL);
	}
	r = outdir_open_part(a->dir, id, false, &fd);
	if (r < 0)
		return r;
	if (fd < 0)
		return arriving_give_up(a, f, "part_lost");
	r = publish(a, f);
	close(fd);
	return r;
}

static int
finish_whole(struct arriving *a, struct files *f, const struct plain_end *e)
{
	struct arriving_file *t = arriving_find(a, f->peer, f->file_id);
	const char *fault = NULL;
	bool taken;
	int r = 0;

	if (!t)
		r = arriving_open(a, f, &taken, &t);
	if (r < 0 || !t)
		return r;
	r = verify(a, t, e, &fault);
	if (r < 0)
		return r;
	f->inode = t->row.inode;
	return fault ? arriving_give_up(a, f, fault) : publish(a, f);
}

static int
finish_one(struct arriving *a, struct files *f, uint64_t now)
{
	const bool is_old = f->at + FILES_KEEP_MS < now;
	const bool is_elsewhere = arriving_is_elsewhere(a, f);
	struct plain_manifest m;
	struct plain_end e;
	const char *fault;

	if (is_elsewhere && !is_old)
		return 0;
	if (!is_elsewhere && f->stage == FILES_NAMED)
		return finish_named(a, f);
	if (is_old)
		return arriving_give_up(a, f, "expired");
	if (!f->has_end)
		return 0;
	files_describe(f, &m);
	files_describe_end(f, &e);
	fault = e.size > a->max_size ? "too_large" : judge_end(f, &m, &e);
	secret_wipe(&m, sizeof(m));
	if (fault)
		return arriving_give_up(a, f, fault);
	return spans_is_whole(&f->spans, e.chunks) ? finish_whole(a, f, &e) : 0;
}

int
complete_files(struct arriving *a, bool *any)
{
	const uint64_t now = clock_wall_ms();
	const size_t before = a->concluded;
	struct files f = { .at = 0 }, at;
	bool found;
	int r;

	for (;;) {
		r = files_next(a->kf, &f, &found);
		if (r < 0 || !found)
			break;
		at = f; /* a secret's copy */
		r = finish_one(a, &at, now);
		if (r < 0)
			break;
	}
	secret_wipe(&f, sizeof(f));
	secret_wipe(&at, sizeof(at));
	*any = a->concluded != before;
	return r;
}
