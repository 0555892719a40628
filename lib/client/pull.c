/* SPDX-License-Identifier: ISC */
#include "client/pull.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/err.h"
#include "client/collect.h"
#include "client/delivery.h"
#include "client/directory.h"
#include "client/exchange_take.h"
#include "client/intake.h"
#include "client/page.h"
#include "client/patience.h"

struct pull {
	struct client *client;
	struct intake *intake;
	struct page page;      /* of all but chunks */
	struct buf *refreshed; /* ids whose bundles this page has had fetched */
	struct collect *collect; /* NULL: files are only offered */
	struct patience patience;
	size_t manifests; /* that collect knows of */
};

/* Once a page, however many requests somebody invents. */
static bool
is_refreshed(const struct pull *p, const uint8_t id[static ID_LEN])
{
	const uint8_t *ids = buf_peek(p->refreshed);

	for (size_t at = 0; at < buf_len(p->refreshed); at += ID_LEN) {
		if (memcmp(ids + at, id, ID_LEN) == 0)
			return true;
	}
	return false;
}

/* No bundle that may be pinned: the request is judged by the one held. */
static bool
is_useless(const struct pull *p, int r)
{
	return r == ERR_UNKNOWN_PEER || r == ERR_PEER_CHANGED ||
	    (r == ERR_PROTOCOL && !chan_is_in_doubt(client_chan(p->client)));
}

/* A request made with a newer bundle of a pinned peer: have it first. */
static int
refresh_sender(void *arg, const struct body_message *m)
{
	struct pull *p = arg;
	bool wants;
	int r;

	if (m->type != MESSAGE_REQUEST || is_refreshed(p, m->from))
		return 0;
	r = exchange_take_wants_bundle(p->client, m->from, m->content,
	    m->content_len, &wants);
	if (r < 0 || !wants)
		return r;
	r = directory_refresh(p->client, m->from);
	if (r < 0 && !is_useless(p, r))
		return r;
	return buf_put(p->refreshed, m->from, ID_LEN);
}

static int
take(void *arg, const struct body_message *m)
{
	struct pull *p = arg;
	bool left;
	int r = intake_take(p->intake, m, &left);

	return r < 0 || left ? r : page_take(&p->page, m->id);
}

/* The page into the key file, in one transaction. */
static int
commit_page(struct pull *p)
{
	struct keyfile *kf = client_keyfile(p->client);
	int r = keyfile_begin(kf);

	page_forget_taken(&p->page);
	if (r == 0)
		r = intake_begin(p->intake);
	if (r == 0)
		r = page_each(&p->page, take, p);
	if (r == 0)
		r = intake_end(p->intake);
	if (r == 0 && !page_is_empty(&p->page))
		r = keyfile_set_contact(kf, clock_wall_ms());
	if (r == 0)
		r = keyfile_commit(kf);
	keyfile_rollback(kf);
	if (r == 0)
		page_pass(&p->page);
	return r;
}

int
pull_open(struct pull **out, struct client *c)
{
	struct pull *p = calloc(1, sizeof(*p));
	int r;

	if (!p)
		return err_set(ERR_NOMEM, "no memory for a pull");
	p->client = c;
	p->refreshed = buf_new(FRAME_MAX);
	r = p->refreshed ? intake_new(&p->intake, c)
			 : err_set(ERR_NOMEM, "no memory for a pull");
	if (r == 0)
		r = page_init(&p->page, true);
	if (r == 0)
		r = keyfile_lock_pull(client_keyfile(c));
	if (r == 0)
		r = commit_page(p); /* what is over, should nothing come */
	if (r < 0) {
		pull_close(p);
		return r;
	}
	*out = p;
	return 0;
}

void
pull_close(struct pull *p)
{
	if (!p)
		return;
	keyfile_unlock_pull(client_keyfile(p->client));
	intake_free(p->intake);
	collect_free(p->collect);
	page_wipe(&p->page);
	buf_free(p->refreshed);
	free(p);
}

int
pull_keep_files(struct pull *p, const char *dir, uint64_t max_size)
{
	intake_keep_files(p->intake);
	patience_init(&p->patience, p->client);
	return collect_new(&p->collect, p->client, dir, max_size);
}

const char *
pull_elsewhere(const struct pull *p)
{
	const struct arriving *files =
	    p->collect ? collect_files(p->collect) : NULL;

	return files && files->elsewhere[0] ? files->elsewhere : NULL;
}

bool
pull_lacks_room(const struct pull *p)
{
	return p->collect && collect_files(p->collect)->lacks_room;
}

int
pull_verdict(const struct pull *p)
{
	const struct pull_tally *t = intake_tally(p->intake);
	const char *dir;

	if (t->undecryptable > 0)
		return err_set(t->messages > 0 ? ERR_PARTIAL
					       : ERR_UNDECRYPTABLE,
		    "%zu of %zu messages do not decrypt", t->undecryptable,
		    t->messages + t->undecryptable);
	if (!pull_lacks_room(p))
		return 0;
	dir = outdir_path(collect_files(p->collect)->dir);
	err_set(ERR_IO, "%s has no room for a file", dir);
	err_path(dir);
	err_hint("its chunks stay at the relay for now");
	return ERR_IO;
}

/* A page of messages into the inbox. */
static int
fetch_messages(struct pull *p, uint64_t wait_ms, bool *got)
{
	int r = page_ask(&p->page, p->client, wait_ms);

	if (r == 0)
		r = page_get(&p->page, p->client, wait_ms);
	if (r == 0)
		r = page_keep(&p->page);
	if (r < 0)
		return r;
	*got = !page_is_empty(&p->page);
	if (!*got)
		return 0;
	buf_clear(p->refreshed);
	r = page_each(&p->page, refresh_sender, p);
	if (r == 0)
		r = commit_page(p);
	if (r == 0)
		r = page_acknowledge(&p->page, p->client);
	if (r == 0)
		intake_resend(p->intake);
	return r;
}

static int
fetch_chunks(struct pull *p, uint64_t wait_ms, bool *got)
{
	if (intake_manifests(p->intake) != p->manifests)
		collect_rewind(p->collect);
	p->manifests = intake_manifests(p->intake);
	return collect_some(p->collect, wait_ms, got);
}

static int
fetch(struct pull *p, uint64_t wait_ms, bool *got)
{
	int r = client_connect(p->client);

	if (r == 0)
		r = delivery_flush(p->client);
	if (r == 0)
		r = fetch_messages(p, p->collect ? 0 : wait_ms, got);
	if (r == 0 && p->collect && !*got)
		r = fetch_chunks(p, wait_ms, got);
	return r;
}

int
pull_fetch(struct pull *p, uint64_t wait_ms, bool *got)
{
	int r = fetch(p, wait_ms, got);

	while (r < 0 && p->collect) {
		r = patience_wait(&p->patience, r);
		if (r < 0)
			return r;
		r = fetch(p, wait_ms, got);
	}
	if (p->collect)
		patience_renew(&p->patience);
	return r;
}

int
pull_rewind(struct pull *p)
{
	page_rewind(&p->page);
	intake_rewind(p->intake);
	return commit_page(p); /* what is over */
}
