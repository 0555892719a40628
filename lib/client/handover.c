/* SPDX-License-Identifier: ISC */
#include "client/handover.h"

#include <stdlib.h>
#include <string.h>

#include "base/backoff.h"
#include "base/clock.h"
#include "base/err.h"
#include "client/entry.h"
#include "wire/id.h"

#define RETRY_MS 1000 /* the first; doubles */

struct handover {
	struct client *client;
	struct keyfile *kf;
	struct handover_filter filter;
	struct buf *record;
	uint64_t began;  /* unix ms, where each is tried once */
	uint64_t looked; /* unix ms: what was due then is handled */
	uint64_t tried, failed;
};

/* inbox_page or inbox_dead. */
typedef int (*lister)(struct keyfile *kf, const struct inbox_filter *f,
    int64_t after, struct inbox *out, size_t max, size_t *n);

int
handover_new(struct handover **out, struct client *c,
    const struct handover_filter *f)
{
	struct handover *h = calloc(1, sizeof(*h));

	if (h)
		h->record = buf_new(CONTENT_MAX);
	if (!h || !h->record) {
		handover_free(h);
		return err_set(ERR_NOMEM, "no memory for the inbox");
	}
	h->client = c;
	h->kf = client_keyfile(c);
	h->filter = *f;
	*out = h;
	return 0;
}

void
handover_free(struct handover *h)
{
	if (!h)
		return;
	buf_free(h->record);
	free(h);
}

/* End what keyfile_begin began. */
static int
commit(struct handover *h, int r)
{
	if (r == 0)
		r = keyfile_commit(h->kf);
	keyfile_rollback(h->kf);
	return r;
}

/* *there false: another command has finished with it since. */
static int
load(struct handover *h, const struct inbox *row, struct pull_item *item,
    bool *there)
{
	int r;

	*item = (struct pull_item){
		.row = *row,
		.redelivered = row->state == INBOX_SHOWN,
	};
	buf_clear(h->record);
	r = inbox_read(h->kf, row->n, h->record);
	*there = r == 0 && buf_len(h->record) > 0;
	if (r < 0 || !*there)
		return r;
	r = book_get(h->client, row->peer, &item->peer, &item->known);
	if (r == 0)
		r = book_session(h->client, row->peer, &item->session);
	return r < 0
	    ? r
	    : entry_unpack(item, buf_peek(h->record), buf_len(h->record));
}

/* Is it the answer that is wanted?  That stands inside the record. */
static int
is_wanted(struct handover *h, const struct inbox *row, bool *wanted)
{
	struct pull_item item;
	int r;

	if (row->kind != INBOX_MESSAGE)
		return 0;
	r = load(h, row, &item, wanted);
	if (r == 0 && *wanted)
		*wanted = item.text.has_reply_to &&
		    memcmp(item.text.reply_to, h->filter.reply_to, ID_LEN) == 0;
	return r;
}

/* Keep of n rows those that are wanted. */
static int
sift(struct handover *h, struct inbox *rows, size_t *n)
{
	size_t kept = 0;
	int r = 0;

	if (!h->filter.reply_to)
		return 0;
	for (size_t i = 0; i < *n && r == 0; i++) {
		bool wanted = false;

		r = is_wanted(h, &rows[i], &wanted);
		if (wanted)
			rows[kept++] = rows[i];
	}
	*n = kept;
	return r;
}

/* The next page, of at most max rows, after *after, which moves on. */
static int
next_page(struct handover *h, lister list, int64_t *after, struct inbox *rows,
    uint64_t max, size_t *n)
{
	const size_t want = max < INBOX_PAGE_MAX ? (size_t)max : INBOX_PAGE_MAX;
	size_t got;
	int r = 0;

	for (*n = 0; *n < want; *n += got) {
		r = list(h->kf, &h->filter.rows, *after, rows + *n, want - *n,
		    &got);
		if (r < 0 || got == 0)
			break;
		*after = rows[*n + got - 1].n;
		r = sift(h, rows + *n, &got);
		if (r < 0)
			break;
	}
	return r;
}

/* --- print ------------------------------------------------------------------
 */

/* The first taken rows are done; where there are more, the next is shown. */
static int
settle(struct handover *h, const struct inbox *rows, size_t n, size_t taken)
{
	int r = keyfile_begin(h->kf);

	for (size_t i = 0; i < n && r == 0; i++) {
		if (i < taken)
			r = inbox_set(h->kf, rows[i].n, INBOX_DONE);
		else if (i > taken)
			r = inbox_set(h->kf, rows[i].n, rows[i].state);
	}
	return commit(h, r);
}

static int
show(struct handover *h, const struct inbox *rows, size_t n)
{
	int r = keyfile_begin(h->kf);

	for (size_t i = 0; i < n && r == 0; i++)
		r = inbox_set(h->kf, rows[i].n, INBOX_SHOWN);
	return commit(h, r);
}

static int
take_rows(struct handover *h, const struct inbox *rows, size_t n,
    const struct handover_reader *to, size_t *taken)
{
	struct pull_item item;
	bool there;
	int r = 0;

	for (*taken = 0; *taken < n && r == 0; *taken += r == 0) {
		r = load(h, &rows[*taken], &item, &there);
		if (r == 0 && there)
			r = to->take(to->arg, &item);
	}
	return r;
}

static int
print_page(struct handover *h, const struct inbox *rows, size_t n,
    const struct handover_reader *to, size_t *taken)
{
	struct err_info why;
	int settled, r = show(h, rows, n);

	*taken = 0;
	if (r < 0)
		return r;
	r = take_rows(h, rows, n, to, taken);
	why = *err_last();
	settled = settle(h, rows, n, *taken);
	if (r < 0)
		err_restore(&why);
	return r < 0 ? r : settled;
}

/* Page after page: how they are listed, and what becomes of each. */
static int
each_page(struct handover *h, lister list,
    int (*page)(struct handover *h, const struct inbox *rows, size_t n,
	const struct handover_reader *to, size_t *taken),
    uint64_t max, const struct handover_reader *to, uint64_t *n)
{
	struct inbox rows[INBOX_PAGE_MAX];
	size_t have = 1, taken;
	int64_t after = 0;
	int r = 0;

	for (*n = 0; r == 0 && have > 0 && *n < max; *n += taken) {
		taken = 0;
		r = next_page(h, list, &after, rows, max - *n, &have);
		if (r == 0 && have > 0)
			r = page(h, rows, have, to, &taken);
	}
	return r;
}

int
handover_print(struct handover *h, uint64_t max,
    const struct handover_reader *to, uint64_t *n)
{
	return each_page(h, inbox_page, print_page, max, to, n);
}

int
handover_peek(struct handover *h, uint64_t max,
    const struct handover_reader *to, uint64_t *n)
{
	return each_page(h, inbox_page, take_rows, max, to, n);
}

int
handover_dead(struct handover *h, uint64_t max,
    const struct handover_reader *to, uint64_t *n)
{
	return each_page(h, inbox_dead, take_rows, max, to, n);
}

int
handover_forget(struct handover *h, char *const ids[], size_t n)
{
	uint8_t id[ID_LEN];
	int r = keyfile_begin(h->kf);

	for (size_t i = 0; i < n && r == 0; i++) {
		r = id_parse(id, ids[i]);
		if (r == 0)
			r = inbox_forget(h->kf, id);
	}
	return commit(h, r);
}

/* --- handle -----------------------------------------------------------------
 */

/* A run that tries each once does not see time pass. */
static uint64_t
now(const struct handover *h)
{
	return h->began > 0 ? h->began : clock_wall_ms();
}

static int
begin_once(struct handover *h)
{
	int r;

	if (h->began > 0)
		return 0;
	h->began = clock_wall_ms();
	r = keyfile_begin(h->kf);
	if (r == 0)
		r = inbox_wait_no_more(h->kf);
	return commit(h, r);
}

static int
next_due(struct handover *h, struct inbox *row, bool *found)
{
	size_t wanted = 0;
	int64_t after = 0;
	int r;

	h->looked = now(h);
	do {
		r = inbox_due(h->kf, &h->filter.rows, after, h->looked, row,
		    found);
		if (r < 0 || !*found)
			return r;
		after = row->n;
		wanted = 1;
		r = sift(h, row, &wanted);
	} while (r == 0 && wanted == 0);
	return r;
}

static int
begin_try(struct handover *h, const struct inbox *row)
{
	int r = keyfile_begin(h->kf);

	if (r == 0)
		r = inbox_try(h->kf, row->n);
	return commit(h, r);
}

static int
end_try(struct handover *h, const struct inbox *row,
    enum handover_verdict verdict)
{
	int r = keyfile_begin(h->kf);

	if (r == 0 && verdict == HANDOVER_AGAIN)
		r = inbox_wait(h->kf, row->n,
		    now(h) +
			backoff_ms(row->tries - 1, RETRY_MS, INBOX_RETRY_MS));
	else if (r == 0)
		r = inbox_set(h->kf, row->n,
		    verdict == HANDOVER_DONE ? INBOX_DONE : INBOX_DEAD);
	return commit(h, r);
}

/*
 * *over: it is not tried again.  One that has met no end in so many tries is
 * not begun once more.
 */
static int
handle_row(struct handover *h, struct inbox *row,
    const struct handover_handler *to, bool *over)
{
	enum handover_verdict verdict = HANDOVER_AGAIN;
	struct pull_item item;
	bool there = true;
	int r = 0;

	if (row->tries < to->max_tries) {
		r = begin_try(h, row);
		row->tries++;
		if (r == 0)
			r = load(h, row, &item, &there);
		if (r == 0 && there)
			r = to->handle(to->arg, &item, &verdict);
	}
	if (r < 0 || !there)
		return r;
	if (verdict == HANDOVER_AGAIN && row->tries >= to->max_tries)
		verdict = HANDOVER_DEAD;
	*over = verdict != HANDOVER_AGAIN;
	h->tried++;
	h->failed += verdict != HANDOVER_DONE;
	return end_try(h, row, verdict);
}

int
handover_handle(struct handover *h, uint64_t max,
    const struct handover_handler *to, uint64_t *n)
{
	struct inbox row;
	bool found = true, over;
	int r = to->once ? begin_once(h) : 0;

	for (*n = 0; r == 0 && *n < max; *n += over || to->once) {
		over = false;
		r = next_due(h, &row, &found);
		if (r < 0 || !found)
			break;
		r = handle_row(h, &row, to, &over);
	}
	return r;
}

int
handover_verdict(const struct handover *h)
{
	return h->failed == 0
	    ? 0
	    : err_set(ERR_PARTIAL, "of %llu tries %llu have failed",
		  (unsigned long long)h->tried, (unsigned long long)h->failed);
}

int
handover_due_in(struct handover *h, uint64_t *ms)
{
	uint64_t at, time = now(h);
	int r = inbox_next_due(h->kf, h->looked, &at);

	if (r == 0)
		*ms = at == CLOCK_NEVER ? at : at > time ? at - time : 0;
	return r;
}
