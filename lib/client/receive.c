/* SPDX-License-Identifier: ISC */
#include "client/receive.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "base/file.h"
#include "base/secret.h"

#define LENGTHEN (8 * 1024 * 1024) /* bytes, for what will follow */

/* A chunk of no file that is known; it may be on its way. */
static int
meet_stray(struct arriving *a, const struct body_message *m,
    const struct filebox_header *head, bool *taken)
{
	struct arriving_stray *s = &a->strays[a->strays_n];
	uint64_t since;
	int r = files_stray_since(a->kf, m->from, head->file_id, &since);

	if (r < 0)
		return r;
	*taken = since != 0 && clock_wall_ms() - since >= FILES_STRAY_MS;
	if (since != 0 || a->strays_n == ARRIVING_STRAYS_MAX)
		return 0;
	for (size_t i = 0; i < a->strays_n; i++) {
		if (memcmp(a->strays[i].peer, m->from, ID_LEN) == 0 &&
		    memcmp(a->strays[i].file_id, head->file_id, ID_LEN) == 0)
			return 0;
	}
	memcpy(s->peer, m->from, ID_LEN);
	memcpy(s->file_id, head->file_id, ID_LEN);
	a->strays_n++;
	return 0;
}

static bool
is_too_large(const struct arriving *a, const struct plain_manifest *m,
    uint64_t index)
{
	if (m->size != PLAIN_SIZE_UNKNOWN)
		return m->size > a->max_size;
	return a->max_size < FILE_SIZE_MAX &&
	    filebox_is_index(index, m->chunk_size) &&
	    index * m->chunk_size > plain_padme(a->max_size);
}

/* *out NULL: nothing is to be done with the chunk but what *taken says. */
static int
find_transfer(struct arriving *a, const struct body_message *m,
    const struct filebox_header *head, bool *taken, struct arriving_file **out)
{
	struct plain_manifest manifest;
	struct files f;
	bool found;
	int r;

	*out = arriving_find(a, m->from, head->file_id);
	if (*out)
		return 0;
	r = files_find(a->kf, m->from, FILES_IN, head->file_id, &f, &found);
	if (r < 0)
		return r;
	if (!found)
		return meet_stray(a, m, head, taken);
	*taken = f.stage != FILES_OPEN;
	if (!*taken) {
		files_describe(&f, &manifest);
		if (is_too_large(a, &manifest, 0)) {
			*taken = true;
			r = arriving_give_up(a, &f, "too_large");
		} else if (!arriving_is_elsewhere(a, &f)) {
			r = arriving_open(a, &f, taken, out);
		}
		secret_wipe(&manifest, sizeof(manifest));
	}
	secret_wipe(&f, sizeof(f));
	return r;
}

/* --- one chunk --- */

/* Does it belong there, by what its sender has said of the file? */
static bool
fits(struct arriving_file *t, const struct filebox_header *head, size_t len)
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

/* How much of a chunk is no padding, as far as that is known. */
static size_t
unpadded(const struct arriving_file *t, uint64_t index, size_t len)
{
	const uint64_t at = index * t->m.chunk_size;

	if (t->m.size == PLAIN_SIZE_UNKNOWN)
		return len;
	if (at >= t->m.size)
		return 0;
	return len > t->m.size - at ? (size_t)(t->m.size - at) : len;
}

static bool
set_length(struct arriving_file *t, uint64_t length)
{
	if (ftruncate(t->fd, (off_t)length) < 0)
		return false;
	t->length = length;
	return true;
}

/*
 * The part as long as a chunk needs it, or longer: its end is set when it is
 * complete.  Where it may not be so long the chunk waits at the relay, as
 * where there is no room.
 */
static int
lengthen(struct arriving *a, struct arriving_file *t, uint64_t end, bool *may)
{
	*may = end <= t->length || set_length(t, end + LENGTHEN) ||
	    set_length(t, end);
	if (*may)
		return 0;
	if (errno == EFBIG) {
		a->lacks_room = true;
		return 0;
	}
	err_sys(ERR_IO, "%s", outdir_path(a->dir));
	err_path(outdir_path(a->dir));
	return ERR_IO;
}

/* The chunk that the worker lent us. */
static int
store(struct arriving *a, struct arriving_file *t, uint64_t index, size_t len,
    bool *taken)
{
	struct worker_task task = { .len = len,
		.fd = t->fd,
		.offset = index * t->m.chunk_size };
	int r = lengthen(a, t, len > 0 ? task.offset + len : 0, taken);

	if (r < 0 || !*taken)
		return r;
	*taken = spans_add(&t->row.spans, index);
	if (!*taken)
		return 0;
	if (t->m.size != PLAIN_SIZE_UNKNOWN && index == t->digested) {
		task.digest = &t->digest;
		t->digested++;
	}
	worker_put(a->worker, &task);
	t->dirty = true;
	a->written += len;
	return 0;
}

static int
take(struct arriving *a, struct arriving_file *t, const struct body_message *m,
    const struct filebox_header *head, bool *taken)
{
	const size_t len = m->content_len - FILEBOX_OVERHEAD;

	*taken = true;
	if (spans_has(&t->row.spans, head->index))
		return 0;
	if (filebox_open(worker_piece(a->worker), t->m.file_key, m->from,
		client_self(a->client)->id, m->content, m->content_len) < 0)
		return arriving_tell_forged(a, m->from, head->file_id,
		    "undecryptable");
	if (!fits(t, head, len))
		return arriving_give_up(a, &t->row, "malformed");
	if (is_too_large(a, &t->m, head->index))
		return arriving_give_up(a, &t->row, "too_large");
	return store(a, t, head->index, unpadded(t, head->index, len), taken);
}

int
receive_chunk(struct arriving *a, const struct body_message *m, bool *taken)
{
	struct filebox_header head;
	struct arriving_file *t = NULL;
	int r;

	*taken = true;
	if (filebox_peek(&head, m->content, m->content_len) < 0)
		return arriving_tell_forged(a, m->from, m->from, "malformed");
	*taken = false;
	r = find_transfer(a, m, &head, taken, &t);
	return r < 0 || !t ? r : take(a, t, m, &head, taken);
}
