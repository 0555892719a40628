/* SPDX-License-Identifier: ISC */
#include "client/sendfile.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/secret.h"
#include "client/delivery.h"
#include "client/outgoing.h"

/* What a chunk needs of a frame beside itself. */
#define CHUNK_ROOM 112

struct run {
	const struct sendfile *job;
	struct outgoing_file file;
	struct outgoing *targets; /* job->peers_n, secret */
	struct upload *upload;
	uint64_t begun; /* monotonic */
	uint64_t sent;  /* bytes, in this run */
};

static void
fail(struct outgoing *t, int r)
{
	if (t->line.failed != 0)
		return;
	t->line.failed = r;
	t->line.why = *err_last();
}

static bool
is_on(const struct outgoing *t)
{
	return t->line.failed == 0;
}

/* Chunks are still to be sent to it. */
static bool
lacks_chunks(const struct outgoing *t)
{
	return is_on(t) && !t->row.has_end;
}

/* Each target that has not failed; what each answers is its failure. */
static void
each(struct run *run, int (*fn)(struct outgoing_file *file, struct outgoing *t))
{
	for (size_t i = 0; i < run->job->peers_n; i++) {
		struct outgoing *t = &run->targets[i];
		int r = is_on(t) ? fn(&run->file, t) : 0;

		if (r < 0)
			fail(t, r);
	}
}

/* --- the chunks --- */

static int
send_chunk(struct run *run, struct outgoing *t,
    const struct filebox_header *chunk, const uint8_t *plain, size_t len)
{
	struct filebox_header head = *chunk;
	uint8_t nonce[FILEBOX_NONCE_LEN], *box;
	int r;

	if (!is_on(t) || head.index != t->line.next)
		return 0;
	r = upload_box(run->upload, &box);
	if (r < 0)
		return r;
	memcpy(head.file_id, t->row.file_id, ID_LEN);
	secret_random(nonce, sizeof(nonce));
	filebox_seal(box, &head, t->key, client_self(run->file.client)->id,
	    t->peer.id, plain, len, nonce);
	return upload_send(run->upload, &t->line, len + FILEBOX_OVERHEAD);
}

/* Note in the rows what the relay has. */
static void
save_progress(struct run *run)
{
	for (size_t i = 0; i < run->job->peers_n; i++) {
		struct outgoing *t = &run->targets[i];
		int r = is_on(t) ? outgoing_save(&run->file, t,
				       upload_settled(run->upload, &t->line))
				 : 0;

		if (r < 0)
			fail(t, r);
	}
}

/* Has as much been sent, since that was noted, as may be sent again? */
static bool
is_due(const struct run *run)
{
	const uint64_t most = SENDFILE_COMMIT / run->file.source.chunk_size;

	for (size_t i = 0; i < run->job->peers_n; i++) {
		const struct outgoing *t = &run->targets[i];

		if (lacks_chunks(t) &&
		    t->line.next - spans_missing(&t->row.spans) >= most)
			return true;
	}
	return false;
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
	const struct source *s = &run->file.source;

	if (run->job->progress)
		run->job->progress(run->job->arg, run->file.name, s->taken,
		    s->is_stream ? UINT64_MAX : s->size);
}

/* One chunk of the source to all who need it. */
static int
pass_on(struct run *run, bool *final)
{
	struct filebox_header chunk = { .index = run->file.source.index };
	const uint8_t *plain;
	bool needed = false;
	uint32_t len;
	int r = source_next(&run->file.source, &plain, &len, final);

	chunk.final = *final;

	for (size_t i = 0; i < run->job->peers_n && r == 0; i++) {
		struct outgoing *t = &run->targets[i];

		needed |= is_on(t) && t->line.next == chunk.index;
		r = send_chunk(run, t, &chunk, plain, len);
	}
	if (r < 0 || !needed)
		return r;
	run->sent += len;
	if (is_due(run))
		save_progress(run);
	tell_progress(run);
	keep_rate(run);
	return 0;
}

/* Is there any recipient that does not have all chunks? */
static bool
is_needed(const struct run *run)
{
	for (size_t i = 0; i < run->job->peers_n; i++) {
		if (lacks_chunks(&run->targets[i]))
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

static void
describe(const struct run *run, const struct outgoing *t,
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
		.name = run->file.name ? run->file.name : run->job->path,
		.size = run->file.source.size };
	memcpy(out->id, t->row.message_id, ID_LEN);
	if (!is_on(t))
		return;
	files_describe_end(&t->row, &e);
	memcpy(out->digest, e.digest, sizeof(out->digest));
	out->size = e.size;
	out->chunks = e.chunks;
	out->resumed =
	    smaller(t->resumed * run->file.source.chunk_size, e.size);
}

/* Tell the user, then forget the row: not the other way round. */
static int
tell_all(struct run *run)
{
	struct sendfile_sent sent;
	int r, first = 0;

	for (size_t i = 0; i < run->job->peers_n; i++) {
		struct outgoing *t = &run->targets[i];

		describe(run, t, &sent);
		if (sent.failed != 0)
			err_restore(&sent.why);
		r = run->job->told(run->job->arg, &sent);
		if (r == 0 && is_on(t))
			r = outgoing_drop(&run->file, t);
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

	each(run, outgoing_open);
	each(run, outgoing_deliver_manifest);
	r = send_chunks(run);
	if (r < 0) {
		struct err_info why = *err_last();

		save_progress(run);
		err_restore(&why);
		return r;
	}
	each(run, outgoing_put_end);
	each(run, outgoing_deliver_end);
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

	run->file.name = run->job->name ? run->job->name : last;
	if (strlen(run->file.name) > FILE_NAME_MAX || run->file.name[0] == '\0')
		return err_set(ERR_USAGE, "a name is 1 to %d bytes",
		    FILE_NAME_MAX);
	return 0;
}

static int
open_run(struct run *run)
{
	struct client *c = run->file.client;
	uint32_t chunk_size;
	int r = source_open(&run->file.source, run->job->path);

	if (r == 0)
		r = choose_name(run);
	if (r == 0)
		r = keyfile_check_writable(client_keyfile(c));
	if (r == 0)
		r = client_connect(c);
	if (r == 0)
		r = delivery_flush(c);
	if (r < 0)
		return r;
	chunk_size = choose_chunk_size(c);
	r = source_cut(&run->file.source, chunk_size);
	return r < 0
	    ? r
	    : upload_new(&run->upload, c, chunk_size + FILEBOX_OVERHEAD);
}

static void
close_run(struct run *run)
{
	upload_free(run->upload);
	secret_free(run->targets);
	source_close(&run->file.source);
}

int
sendfile_run(struct client *c, const struct sendfile *job)
{
	struct run run = { .job = job,
		.file = { .client = c,
		    .source = { .fd = -1 },
		    .fresh = job->fresh,
		    .require_verified = job->require_verified } };
	int r;

	run.targets = secret_new(job->peers_n * sizeof(*run.targets));
	if (!run.targets)
		return err_set(ERR_NOMEM, "no memory for a file's keys");
	for (size_t i = 0; i < job->peers_n; i++)
		run.targets[i].who = job->peers[i];
	patience_init(&run.file.patience, c);
	r = open_run(&run);
	if (r == 0)
		r = transfer(&run);
	if (r < 0)
		fail_all(&run, r);
	r = tell_all(&run);
	close_run(&run);
	return r;
}
