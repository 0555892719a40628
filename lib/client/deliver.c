/* SPDX-License-Identifier: ISC */
#include "client/deliver.h"

#include <stdlib.h>
#include <string.h>

#include "base/backoff.h"
#include "base/clock.h"
#include "base/err.h"
#include "client/entry.h"
#include "wire/id.h"

#define RETRY_MS 1000 /* the first; doubles */

struct deliver {
	struct client *client;
	struct keyfile *kf;
	struct deliver_filter filter;
	struct buf *record;
	uint64_t began;  /* unix ms, where each is tried once */
	uint64_t looked; /* unix ms: what was due then is handled */
	uint64_t tried, failed;
};

/* inbox_page or inbox_dead. */
typedef int (*lister)(struct keyfile *kf, const struct inbox_filter *f,
    int64_t after, struct inbox *out, size_t max, size_t *n);

int
deliver_new(struct deliver **out, struct client *c,
    const struct deliver_filter *f)
{
	struct deliver *d = calloc(1, sizeof(*d));

	if (d)
		d->record = buf_new(CONTENT_MAX);
	if (!d || !d->record) {
		deliver_free(d);
		return err_set(ERR_NOMEM, "no memory for the inbox");
	}
	d->client = c;
	d->kf = client_keyfile(c);
	d->filter = *f;
	*out = d;
	return 0;
}

void
deliver_free(struct deliver *d)
{
	if (!d)
		return;
	buf_free(d->record);
	free(d);
}

/* End what keyfile_begin began. */
static int
commit(struct deliver *d, int r)
{
	if (r == 0)
		r = keyfile_commit(d->kf);
	keyfile_rollback(d->kf);
	return r;
}

/* *there false: another command has finished with it since. */
static int
load(struct deliver *d, const struct inbox *row, struct pull_item *item,
    bool *there)
{
	int r;

	*item = (struct pull_item){
		.row = *row,
		.redelivered = row->state == INBOX_SHOWN,
	};
	buf_clear(d->record);
	r = inbox_read(d->kf, row->n, d->record);
	*there = r == 0 && buf_len(d->record) > 0;
	if (r < 0 || !*there)
		return r;
	r = book_get(d->client, row->peer, &item->peer, &item->known);
	if (r == 0)
		r = book_session(d->client, row->peer, &item->session);
	return r < 0
	    ? r
	    : entry_unpack(item, buf_peek(d->record), buf_len(d->record));
}

/* Is it the answer that is wanted?  That stands inside the record. */
static int
is_wanted(struct deliver *d, const struct inbox *row, bool *wanted)
{
	struct pull_item item;
	int r;

	if (row->kind != INBOX_MESSAGE)
		return 0;
	r = load(d, row, &item, wanted);
	if (r == 0 && *wanted)
		*wanted = item.text.has_reply_to &&
		    memcmp(item.text.reply_to, d->filter.reply_to, ID_LEN) == 0;
	return r;
}

/* Keep of n rows those that are wanted. */
static int
sift(struct deliver *d, struct inbox *rows, size_t *n)
{
	size_t kept = 0;
	int r = 0;

	if (!d->filter.reply_to)
		return 0;
	for (size_t i = 0; i < *n && r == 0; i++) {
		bool wanted = false;

		r = is_wanted(d, &rows[i], &wanted);
		if (wanted)
			rows[kept++] = rows[i];
	}
	*n = kept;
	return r;
}

/* The next page, of at most max rows, after *after, which moves on. */
static int
next_page(struct deliver *d, lister list, int64_t *after, struct inbox *rows,
    uint64_t max, size_t *n)
{
	const size_t want = max < INBOX_PAGE_MAX ? (size_t)max : INBOX_PAGE_MAX;
	size_t got;
	int r = 0;

	for (*n = 0; *n < want; *n += got) {
		r = list(d->kf, &d->filter.rows, *after, rows + *n, want - *n,
		    &got);
		if (r < 0 || got == 0)
			break;
		*after = rows[*n + got - 1].n;
		r = sift(d, rows + *n, &got);
		if (r < 0)
			break;
	}
	return r;
}

/* --- print ------------------------------------------------------------------
 */

/* The first taken rows are done; where there are more, the next is shown. */
static int
settle(struct deliver *d, const struct inbox *rows, size_t n, size_t taken)
{
	int r = keyfile_begin(d->kf);

	for (size_t i = 0; i < n && r == 0; i++) {
		if (i < taken)
			r = inbox_set(d->kf, rows[i].n, INBOX_DONE);
		else if (i > taken)
			r = inbox_set(d->kf, rows[i].n, rows[i].state);
	}
	return commit(d, r);
}

static int
show(struct deliver *d, const struct inbox *rows, size_t n)
{
	int r = keyfile_begin(d->kf);

	for (size_t i = 0; i < n && r == 0; i++)
		r = inbox_set(d->kf, rows[i].n, INBOX_SHOWN);
	return commit(d, r);
}

static int
take_rows(struct deliver *d, const struct inbox *rows, size_t n,
    const struct deliver_reader *to, size_t *taken)
{
	struct pull_item item;
	bool there;
	int r = 0;

	for (*taken = 0; *taken < n && r == 0; *taken += r == 0) {
		r = load(d, &rows[*taken], &item, &there);
		if (r == 0 && there)
			r = to->take(to->arg, &item);
	}
	return r;
}

static int
print_page(struct deliver *d, const struct inbox *rows, size_t n,
    const struct deliver_reader *to, size_t *taken)
{
	struct err_info why;
	int settled, r = show(d, rows, n);

	*taken = 0;
	if (r < 0)
		return r;
	r = take_rows(d, rows, n, to, taken);
	why = *err_last();
	settled = settle(d, rows, n, *taken);
	if (r < 0)
		err_restore(&why);
	return r < 0 ? r : settled;
}

int
deliver_print(struct deliver *d, uint64_t max, const struct deliver_reader *to,
    uint64_t *n)
{
	struct inbox rows[INBOX_PAGE_MAX];
	size_t have = 1, taken;
	int64_t after = 0;
	int r = 0;

	for (*n = 0; r == 0 && have > 0 && *n < max; *n += taken) {
		taken = 0;
		r = next_page(d, inbox_page, &after, rows, max - *n, &have);
		if (r == 0 && have > 0)
			r = print_page(d, rows, have, to, &taken);
	}
	return r;
}

/* --- list -------------------------------------------------------------------
 */

static int
list(struct deliver *d, lister which, uint64_t max,
    const struct deliver_reader *to, uint64_t *n)
{
	struct inbox rows[INBOX_PAGE_MAX];
	size_t have = 1, taken;
	int64_t after = 0;
	int r = 0;

	for (*n = 0; r == 0 && have > 0 && *n < max; *n += taken) {
		taken = 0;
		r = next_page(d, which, &after, rows, max - *n, &have);
		if (r == 0)
			r = take_rows(d, rows, have, to, &taken);
	}
	return r;
}

int
deliver_peek(struct deliver *d, uint64_t max, const struct deliver_reader *to,
    uint64_t *n)
{
	return list(d, inbox_page, max, to, n);
}

int
deliver_dead(struct deliver *d, uint64_t max, const struct deliver_reader *to,
    uint64_t *n)
{
	return list(d, inbox_dead, max, to, n);
}

int
deliver_forget(struct deliver *d, char *const ids[], size_t n)
{
	uint8_t id[ID_LEN];
	int r = keyfile_begin(d->kf);

	for (size_t i = 0; i < n && r == 0; i++) {
		r = id_parse(id, ids[i]);
		if (r == 0)
			r = inbox_forget(d->kf, id);
	}
	return commit(d, r);
}

/* --- handle -----------------------------------------------------------------
 */

/* A run that tries each once does not see time pass. */
static uint64_t
now(const struct deliver *d)
{
	return d->began > 0 ? d->began : clock_wall_ms();
}

static int
begin_once(struct deliver *d)
{
	int r;

	if (d->began > 0)
		return 0;
	d->began = clock_wall_ms();
	r = keyfile_begin(d->kf);
	if (r == 0)
		r = inbox_wait_no_more(d->kf);
	return commit(d, r);
}

static int
next_due(struct deliver *d, struct inbox *row, bool *found)
{
	size_t wanted = 0;
	int64_t after = 0;
	int r;

	d->looked = now(d);
	do {
		r = inbox_due(d->kf, &d->filter.rows, after, d->looked, row,
		    found);
		if (r < 0 || !*found)
			return r;
		after = row->n;
		wanted = 1;
		r = sift(d, row, &wanted);
	} while (r == 0 && wanted == 0);
	return r;
}

static int
begin_try(struct deliver *d, const struct inbox *row)
{
	int r = keyfile_begin(d->kf);

	if (r == 0)
		r = inbox_try(d->kf, row->n);
	return commit(d, r);
}

static int
end_try(struct deliver *d, const struct inbox *row,
    enum deliver_verdict verdict)
{
	int r = keyfile_begin(d->kf);

	if (r == 0 && verdict == DELIVER_AGAIN)
		r = inbox_wait(d->kf, row->n,
		    now(d) +
			backoff_ms(row->tries - 1, RETRY_MS, INBOX_RETRY_MS));
	else if (r == 0)
		r = inbox_set(d->kf, row->n,
		    verdict == DELIVER_DONE ? INBOX_DONE : INBOX_DEAD);
	return commit(d, r);
}

/*
 * *over: it is not tried again.  One that has met no end in so many tries is
 * not begun once more.
 */
static int
handle_row(struct deliver *d, struct inbox *row,
    const struct deliver_handler *to, bool *over)
{
	enum deliver_verdict verdict = DELIVER_AGAIN;
	struct pull_item item;
	bool there = true;
	int r = 0;

	if (row->tries < to->max_tries) {
		r = begin_try(d, row);
		row->tries++;
		if (r == 0)
			r = load(d, row, &item, &there);
		if (r == 0 && there)
			r = to->handle(to->arg, &item, &verdict);
	}
	if (r < 0 || !there)
		return r;
	if (verdict == DELIVER_AGAIN && row->tries >= to->max_tries)
		verdict = DELIVER_DEAD;
	*over = verdict != DELIVER_AGAIN;
	d->tried++;
	d->failed += verdict != DELIVER_DONE;
	return end_try(d, row, verdict);
}

int
deliver_handle(struct deliver *d, uint64_t max,
    const struct deliver_handler *to, uint64_t *n)
{
	struct inbox row;
	bool found = true, over;
	int r = to->once ? begin_once(d) : 0;

	for (*n = 0; r == 0 && *n < max; *n += over || to->once) {
		over = false;
		r = next_due(d, &row, &found);
		if (r < 0 || !found)
			break;
		r = handle_row(d, &row, to, &over);
	}
	return r;
}

int
deliver_verdict(const struct deliver *d)
{
	return d->failed == 0
	    ? 0
	    : err_set(ERR_PARTIAL, "of %llu tries %llu have failed",
		  (unsigned long long)d->tried, (unsigned long long)d->failed);
}

int
deliver_due_in(struct deliver *d, uint64_t *ms)
{
	uint64_t at, time = now(d);
	int r = inbox_next_due(d->kf, d->looked, &at);

	if (r == 0)
		*ms = at == CLOCK_NEVER ? at : at > time ? at - time : 0;
	return r;
}
