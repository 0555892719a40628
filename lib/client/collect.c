/* SPDX-License-Identifier: ISC */
#include "client/collect.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/err.h"
#include "client/complete.h"
#include "client/page.h"
#include "client/receive.h"
#include "wire/codes.h"

#define TURN_MS 1000 /* then others have theirs, between two windows */

struct collect {
	struct client *client;
	struct page page;
	struct arriving *files;
};

int
collect_new(struct collect **out, struct client *c, const char *dir,
    uint64_t max_size)
{
	struct collect *k = calloc(1, sizeof(*k));
	int r;

	if (!k)
		return err_set(ERR_NOMEM, "no memory for files");
	k->client = c;
	r = page_init(&k->page, false);
	if (r == 0)
		r = arriving_new(&k->files, c, dir, max_size);
	if (r < 0)
		collect_free(k);
	else
		*out = k;
	return r;
}

void
collect_free(struct collect *k)
{
	if (!k)
		return;
	page_wipe(&k->page);
	arriving_free(k->files);
	free(k);
}

void
collect_rewind(struct collect *k)
{
	k->page.after = 0;
}

const struct arriving *
collect_files(const struct collect *k)
{
	return k->files;
}

static int
take(void *arg, const struct body_message *m)
{
	struct collect *k = arg;
	bool taken = false;
	int r = 0;

	if (m->type == MESSAGE_CHUNK)
		r = receive_chunk(k->files, m, &taken);
	return r < 0 || !taken ? r : page_take(&k->page, m->id);
}

/* A page, and before it the request for the next, should one follow. */
static int
take_page(struct collect *k, bool more)
{
	int r, asked = 0;

	page_pass(&k->page);
	if (more)
		asked = page_ask(&k->page, k->client, 0);
	/* a request that fails must not keep us from the page */
	r = page_each(&k->page, take, k);
	return r < 0 ? r : asked;
}

/*
 * A window is synced while more is taken, and committed when that is done;
 * then, and not before, its chunks are acknowledged.
 */
static int
commit_amid(struct collect *k, bool full)
{
	int r = 0;

	if (full) {
		arriving_sync(k->files);
		r = page_mark(&k->page);
	}
	if (r < 0 || !arriving_is_due(k->files, FRAME_MAX))
		return r;
	r = arriving_commit_synced(k->files);
	return r == 0 ? page_send_acks(&k->page, k->client) : r;
}

/* With the page that is here. */
static bool
is_full(const struct collect *k)
{
	return k->files->syncing == 0 &&
	    k->files->written + k->page.len >= ARRIVING_SYNC;
}

/*
 * The relay is kept busy meanwhile: when a window is committed the next page
 * was asked for, and its acknowledgement is confirmed a page later.
 */
static int
take_pages(struct collect *k, uint64_t wait_ms, bool *got)
{
	const uint64_t begun = clock_mono_ms();
	bool more = true;
	int r = page_ask(&k->page, k->client, wait_ms);

	while (r == 0 && more) {
		bool full;

		r = page_get(&k->page, k->client, wait_ms);
		if (r < 0 || page_is_empty(&k->page))
			break;
		*got = true;
		full = is_full(k);
		more = !full || clock_mono_ms() - begun < TURN_MS;
		r = take_page(k, more);
		if (r == 0)
			r = page_await_acks(&k->page, k->client);
		if (r == 0 && more)
			r = commit_amid(k, full);
	}
	return r == 0 ? page_await_acks(&k->page, k->client) : r;
}

/*
 * What was taken is committed also when the channel broke, so that little has
 * to come again.
 */
static int
take_windows(struct collect *k, uint64_t wait_ms, bool *got)
{
	int r, fetched = take_pages(k, wait_ms, got);
	struct err_info why = *err_last();

	if (fetched < 0) {
		client_hang_up(k->client); /* with it what was asked ahead */
		page_hung_up(&k->page);
	}
	if (fetched < 0 && fetched != ERR_UNREACHABLE && fetched != ERR_BUSY)
		return fetched;
	r = arriving_commit(k->files);
	if (r == 0 && fetched == 0)
		r = page_acknowledge(&k->page, k->client);
	if (r == 0 && fetched < 0)
		err_restore(&why);
	return r < 0 ? r : fetched;
}

int
collect_some(struct collect *k, uint64_t wait_ms, bool *got)
{
	bool finished;
	int r = complete_files(k->files, got);

	if (r < 0 || *got)
		return r;
	r = take_windows(k, wait_ms, got);
	if (r == 0)
		r = complete_files(k->files, &finished);
	return r;
}
