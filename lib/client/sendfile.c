/* SPDX-License-Identifier: ISC */
#include "client/sendfile.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/secret.h"
#include "client/book.h"
#include "client/patience.h"
#include "client/source.h"
#include "client/talk.h"
#include "client/upload.h"
#include "state/files.h"

/* What a chunk needs of a frame beside itself. */
#define CHUNK_ROOM 112

/* One recipient. */
struct target {
	const char *who;
	bool known;
	struct peer peer;
	struct files row;
	uint8_t key[KEY_LEN];
	uint64_t resumed; /* chunks */
	struct upload_line line;
};

struct run {
	struct client *client;
	const struct sendfile *job;
	struct source source;
	struct upload *upload;
	struct patience patience;
	struct target *targets;
	const char *name;
	uint64_t mtime; /* ms, for the manifest */
	uint64_t begun; /* monotonic */
	uint64_t sent;  /* bytes, in this run */
	uint64_t uncommitted;
	uint8_t *plain;
};

static void
fail(struct target *t, int r)
{
	if (t->line.failed != 0)
		return;
	t->line.failed = r;
	t->line.why = *err_last();
}

static bool
is_on(const struct target *t)
{
	return t->line.failed == 0;
}

/* Each target that has not failed; what each answers is its failure. */
static void
each(struct run *run, int (*fn)(struct run *run, struct target *t))
{
	for (size_t i = 0; i < run->job->peers_n; i++) {
		struct target *t = &run->targets[i];
		int r = is_on(t) ? fn(run, t) : 0;

		if (r < 0)
			fail(t, r);
	}
}

static int
commit(struct run *run, const struct files *f,
    int (*change)(struct keyfile *kf, const struct files *f))
{
	struct keyfile *kf = client_keyfile(run->client);
	int r = run->source.is_stream ? 0 : keyfile_begin(kf);

	if (run->source.is_stream || r < 0)
		return r;
	r = change(kf, f);
	if (r == 0)
		r = keyfile_commit(kf);
	keyfile_rollback(kf);
	return r;
}

/* --- beginning, or going on --- */

static int
find_peer(struct run *run, struct target *t)
{
	int r = book_find(run->client, t->who, &t->peer);

	if (r < 0)
		return r;
	t->known = true;
	memcpy(t->line.to, t->peer.id, ID_LEN);
	if (run->job->require_verified && !t->peer.verified) {
		r = err_set(ERR_NOT_VERIFIED, "\"%s\" is not verified", t->who);
		err_peer(t->who);
		err_hint("sentinel-keys verify %s NUMBER", t->who);
	}
	return r;
}

/* What identifies the source in a row. */
static void
identify(const struct run *run, struct target *t)
{
	const struct source *s = &run->source;

	memset(&t->row, 0, sizeof(t->row));
	memcpy(t->row.peer, t->peer.id, ID_LEN);
	memcpy(t->row.path, s->path, strlen(s->path) + 1);
	t->row.direction = FILES_OUT;
	t->row.stage = FILES_OPEN;
	t->row.padded = FILES_NOT_FINAL;
	t->row.device = s->device;
	t->row.inode = s->inode;
	t->row.modified = s->modified;
	t->row.at = clock_wall_ms();
}

/* Is the row that was found about the same bytes under the same name? */
static bool
is_same(const struct run *run, const struct target *t)
{
	struct plain_manifest m;

	if (t->row.stage != FILES_OPEN && t->row.stage != FILES_ENDED)
		return false;
	files_describe(&t->row, &m);
	return m.size == run->source.size &&
	    m.chunk_size == run->source.chunk_size &&
	    m.name_len == strlen(run->name) &&
	    memcmp(m.name, run->name, m.name_len) == 0;
}

/* An earlier command's row, unless its manifest was refused meanwhile. */
static int
find_row(struct run *run, struct target *t, bool *found)
{
	struct plain_manifest m;
	int r;

	identify(run, t);
	*found = false;
	if (run->source.is_stream || run->job->fresh)
		return 0;
	r = files_find_source(client_keyfile(run->client), &t->row, &t->row,
	    found);
	if (r < 0 || !*found)
		return r;
	*found = is_same(run, t);
	if (!*found) {
		identify(run, t);
		return 0;
	}
	files_describe(&t->row, &m);
	memcpy(t->key, m.file_key, KEY_LEN);
	t->line.next = t->row.has_end ? filebox_chunks(m.size, m.chunk_size)
				      : spans_missing(&t->row.spans);
	t->resumed = t->line.next;
	return 0;
}

/* In the commit of the manifest. */
static int
add_row(void *arg, struct keyfile *kf, const struct talk_sent *s)
{
	struct target *t = arg;
	bool fresh;

	memcpy(t->row.message_id, s->id, ID_LEN);
	t->row.seq = s->seq;
	t->row.sent_at = s->sent_at;
	return strcmp(t->row.path, "-") == 0 ? 0
					     : files_add(kf, &t->row, &fresh);
}

static int
put_manifest(struct run *run, struct target *t)
{
	struct plain_manifest m = { .size = run->source.size,
		.chunk_size = run->source.chunk_size,
		.mtime = run->mtime,
		.name = (const uint8_t *)run->name,
		.name_len = (uint16_t)strlen(run->name) };
	struct talk_note note = { .kind = PLAIN_MANIFEST,
		.body = t->row.manifest,
		.also = add_row,
		.arg = t };
	struct talk_sent sent;

	secret_random(t->row.file_id, ID_LEN);
	secret_random(t->key, KEY_LEN);
	memcpy(m.file_id, t->row.file_id, ID_LEN);
	memcpy(m.file_key, t->key, KEY_LEN);
	plain_pack_manifest(t->row.manifest, &t->row.manifest_len, &m);
	note.len = t->row.manifest_len;
	secret_wipe(m.file_key, KEY_LEN);
	return talk_put(run->client, t->peer.id, &note, &sent);
}

static int
open_target(struct run *run, struct target *t)
{
	bool found = false;
	int r = find_peer(run, t);

	if (r == 0)
		r = find_row(run, t, &found);
	if (r == 0 && !found)
		r = put_manifest(run, t);
	return r;
}

/* A message of the outbox, until the relay has it or patience ends. */
static int
deliver(struct run *run, const struct target *t,
    const uint8_t id[static ID_LEN])
{
	int r = talk_deliver(run->client, t->peer.id, id);

	while (r < 0) {
		r = patience_wait(&run->patience, r);
		if (r < 0)
			return r;
		r = talk_deliver(run->client, t->peer.id, id);
	}
	patience_renew(&run->patience);
	return 0;
}

/* A row whose manifest was refused is of no more use. */
static int
deliver_manifest(struct run *run, struct target *t)
{
	int r = deliver(run, t, t->row.message_id);
	struct err_info why = *err_last();

	if (r == 0 || r == ERR_BUSY || r == ERR_UNREACHABLE)
		return r;
	if (commit(run, &t->row, files_drop) == 0)
		err_restore(&why);
	return r;
}

/* --- the chunks --- */

static int
send_chunk(struct run *run, struct target *t, uint64_t index, size_t len,
    bool final)
{
	struct filebox_header head = { .index = index, .final = final };
	uint8_t nonce[FILEBOX_NONCE_LEN], *box;
	int r;

	if (!is_on(t) || index != t->line.next)
		return 0;
	r = upload_box(run->upload, &box);
	if (r < 0)
		return r;
	memcpy(head.file_id, t->row.file_id, ID_LEN);
	secret_random(nonce, sizeof(nonce));
	filebox_seal(box, &head, t->key, client_self(run->client)->id,
	    t->peer.id, run->plain, len, nonce);
	return upload_send(run->upload, &t->line, len + FILEBOX_OVERHEAD);
}

/* Note in the row what the relay has. */
static int
save_progress(struct run *run, struct target *t)
{
	uint64_t settled = upload_settled(run->upload, &t->line);

	if (settled == 0)
		return 0;
	t->row.spans.n = 1;
	t->row.spans.run[0] = (struct spans_run){ 0, settled - 1 };
	t->row.at = clock_wall_ms();
	return commit(run, &t->row, files_save);
}

/* Not faster than the user wants. */
static void
keep_rate(const struct run *run)
{
	uint64_t now = clock_mono_ms(), due;

	if (run->job->rate == 0)
		return;
	due = run->begun + run->sent / run->job->rate * 1000 +
	    run->sent % run->job->rate * 1000 / run->job->rate;
	if (due > now)
		clock_sleep(due - now);
}

static uint64_t
smaller(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static void
tell_progress(const struct run *run)
{
	const struct source *s = &run->source;

	if (run->job->progress)
		run->job->progress(run->job->arg, run->name, s->taken,
		    s->is_stream ? UINT64_MAX : s->size);
}

/* One chunk of the source to all who need it. */
static int
pass_on(struct run *run, bool *final)
{
	const uint64_t index = run->source.index;
	bool needed = false;
	uint32_t len;
	int r = source_next(&run->source, run->plain, &len, final);

	for (size_t i = 0; i < run->job->peers_n && r == 0; i++) {
		struct target *t = &run->targets[i];

		needed |= is_on(t) && t->line.next == index;
		r = send_chunk(run, t, index, len, *final);
	}
	if (r < 0 || !needed)
		return r;
	run->sent += len;
	run->uncommitted += len;
	if (run->uncommitted >= SENDFILE_COMMIT) {
		run->uncommitted = 0;
		each(run, save_progress);
	}
	tell_progress(run);
	keep_rate(run);
	return 0;
}

/* Is there any recipient that does not have all chunks? */
static bool
is_needed(const struct run *run)
{
	for (size_t i = 0; i < run->job->peers_n; i++) {
		const struct target *t = &run->targets[i];

		if (is_on(t) && !t->row.has_end)
			return true;
	}
	return false;
}

static int
send_chunks(struct run *run)
{
	bool final = false;
	int r = 0;

	run->begun = clock_mono_ms();
	while (r == 0 && !final && is_needed(run))
		r = pass_on(run, &final);
	if (r == 0)
		r = upload_settle(run->upload);
	return r;
}

/* --- the end --- */

/* In the commit of the END. */
static int
save_row(void *arg, struct keyfile *kf, const struct talk_sent *s)
{
	struct target *t = arg;

	int r;

	memcpy(t->row.end_id, s->id, ID_LEN);
	if (strcmp(t->row.path, "-") == 0)
		return 0;
	r = files_save(kf, &t->row);
	return r < 0 ? r : files_save_end(kf, &t->row);
}

static int
put_end(struct run *run, struct target *t)
{
	struct plain_end e = { .size = run->source.size,
		.chunks = run->source.index };
	struct talk_note note = { .kind = PLAIN_END,
		.body = t->row.end,
		.len = sizeof(t->row.end),
		.also = save_row,
		.arg = t };
	struct filebox_digest digest = run->source.digest;
	struct talk_sent sent;

	if (t->row.has_end)
		return 0;
	filebox_digest_end(&digest, e.digest);
	memcpy(e.file_id, t->row.file_id, ID_LEN);
	plain_pack_end(t->row.end, &e);
	t->row.stage = FILES_ENDED;
	t->row.has_end = true;
	return talk_put(run->client, t->peer.id, &note, &sent);
}

static int
deliver_end(struct run *run, struct target *t)
{
	return deliver(run, t, t->row.end_id);
}

static void
describe(const struct run *run, const struct target *t,
    struct sendfile_sent *out)
{
	struct plain_end e;

	*out = (struct sendfile_sent){ .failed = t->line.failed,
		.why = t->line.why,
		.who = t->who,
		.known = t->known,
		.peer = t->peer,
		.seq = t->row.seq,
		.sent_at = t->row.sent_at,
		.path = run->job->path,
		.name = run->name ? run->name : run->job->path,
		.size = run->source.size };
	memcpy(out->id, t->row.message_id, ID_LEN);
	if (!is_on(t))
		return;
	files_describe_end(&t->row, &e);
	memcpy(out->digest, e.digest, sizeof(out->digest));
	out->size = e.size;
	out->chunks = e.chunks;
	out->resumed = smaller(t->resumed * run->source.chunk_size, e.size);
}

/* Tell the user, then forget the row: not the other way round. */
static int
tell_all(struct run *run)
{
	struct sendfile_sent sent;
	int r, first = 0;

	for (size_t i = 0; i < run->job->peers_n; i++) {
		struct target *t = &run->targets[i];

		describe(run, t, &sent);
		if (sent.failed != 0)
			err_restore(&sent.why);
		r = run->job->told(run->job->arg, &sent);
		if (r == 0 && is_on(t))
			r = commit(run, &t->row, files_drop);
		if (first == 0)
			first = r;
	}
	return first;
}

/* --- all of it --- */

/* What is wrong with oneself is so for all of them. */
static void
fail_all(struct run *run, int r)
{
	for (size_t i = 0; i < run->job->peers_n; i++)
		fail(&run->targets[i], r);
}

static int
transfer(struct run *run)
{
	int r;

	each(run, open_target);
	each(run, deliver_manifest);
	r = send_chunks(run);
	if (r < 0) {
		struct err_info why = *err_last();

		each(run, save_progress);
		err_restore(&why);
		return r;
	}
	each(run, put_end);
	each(run, deliver_end);
	return 0;
}

/* A relay may allow frames that hold no chunk of the usual size. */
static uint32_t
choose_chunk_size(struct client *c)
{
	size_t most = (chan_max_frame(client_chan(c)) - CHUNK_ROOM) / CHUNK_MIN;

	return (uint32_t)smaller(FILEBOX_CHUNK_LEN, most * CHUNK_MIN);
}

static int
choose_name(struct run *run)
{
	const char *slash = strrchr(run->job->path, '/');
	const char *last = slash ? slash + 1 : run->job->path;

	run->name = run->job->name ? run->job->name : last;
	if (strlen(run->name) > FILE_NAME_MAX || run->name[0] == '\0')
		return err_set(ERR_USAGE, "a name is 1 to %d bytes",
		    FILE_NAME_MAX);
	run->mtime = run->source.modified / 1000000;
	return 0;
}

static int
open_run(struct run *run)
{
	struct client *c = run->client;
	uint32_t chunk_size;
	int r = source_open(&run->source, run->job->path);

	if (r == 0)
		r = choose_name(run);
	if (r == 0)
		r = client_connect(c);
	if (r == 0)
		r = talk_flush(c);
	if (r < 0)
		return r;
	chunk_size = choose_chunk_size(c);
	source_cut(&run->source, chunk_size);
	run->plain = malloc(chunk_size);
	if (!run->plain)
		return err_set(ERR_NOMEM, "no memory for a chunk");
	return upload_new(&run->upload, c, chunk_size + FILEBOX_OVERHEAD);
}

static void
close_run(struct run *run)
{
	upload_free(run->upload);
	if (run->plain)
		secret_wipe(run->plain, run->source.chunk_size);
	free(run->plain);
	secret_free(run->targets);
	source_close(&run->source);
}

int
sendfile_run(struct client *c, const struct sendfile *job)
{
	struct run run = { .client = c, .job = job, .source = { .fd = -1 } };
	int r;

	run.targets = secret_new(job->peers_n * sizeof(*run.targets));
	if (!run.targets)
		return err_set(ERR_NOMEM, "no memory for a file's keys");
	for (size_t i = 0; i < job->peers_n; i++)
		run.targets[i].who = job->peers[i];
	patience_init(&run.patience, c);
	r = open_run(&run);
	if (r == 0)
		r = transfer(&run);
	if (r < 0)
		fail_all(&run, r);
	r = tell_all(&run);
	close_run(&run);
	return r;
}
