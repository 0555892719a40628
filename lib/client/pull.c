/* SPDX-License-Identifier: ISC */
#include "client/pull.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/err.h"
#include "client/directory.h"
#include "client/entry.h"
#include "client/exchange_take.h"
#include "client/intake.h"
#include "client/talk.h"
#include "wire/body.h"
#include "wire/codes.h"

struct pull {
	struct client *client;
	struct intake *intake;
	struct buf *page;      /* a 2104 payload */
	struct buf *ranges;    /* what to acknowledge, packed */
	struct body_range run; /* being built; first 0: none */
	struct buf *record;
	struct buf *refreshed; /* ids whose bundles this page has had fetched */
	uint32_t after;
};

/* 1104: the next page into p->page. */
static int
ask_page(struct pull *p, uint64_t wait_ms)
{
	struct body_pull ask = { .after = p->after, .no_chunks = true };
	uint8_t payload[BODY_PULL_LEN];
	struct chan_reply reply = { 0 };
	int r;

	ask.wait_ms =
	    wait_ms < PULL_WAIT_MAX ? (uint32_t)wait_ms : PULL_WAIT_MAX;
	body_pack_pull(payload, &ask);
	r = chan_put(client_chan(p->client), CODE_PULL, payload,
	    sizeof(payload), NULL, 0);
	if (r == 0)
		r = chan_get(client_chan(p->client), &reply, ask.wait_ms);
	if (r < 0)
		return r;
	buf_clear(p->page);
	return buf_put(p->page, reply.payload, reply.len);
}

/* Call each with every message of the page; ids must ascend. */
static int
walk_page(struct pull *p,
    int (*each)(struct pull *p, const struct body_message *m))
{
	const uint8_t *at = buf_peek(p->page);
	size_t left = buf_len(p->page);
	uint32_t last = p->after;
	struct body_message m;
	int r;

	while (left > 0) {
		r = body_unpack_message(&m, &at, &left);
		if (r == 0 && m.id <= last)
			r = err_set(ERR_PROTOCOL,
			    "message ids that do not "
			    "ascend");
		if (r == 0)
			r = each(p, &m);
		if (r < 0)
			return r;
		last = m.id;
	}
	return 0;
}

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
refresh_sender(struct pull *p, const struct body_message *m)
{
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
end_run(struct pull *p)
{
	uint8_t packed[BODY_RANGE_LEN];

	if (p->run.first == 0)
		return 0;
	body_pack_range(packed, &p->run);
	p->run.first = 0;
	return buf_put(p->ranges, packed, sizeof(packed));
}

static int
take(struct pull *p, const struct body_message *m)
{
	bool left;
	int r = intake_take(p->intake, m, &left);

	if (r == 0 && (left || m->id != p->run.last + 1))
		r = end_run(p);
	if (r < 0 || left)
		return r;
	if (p->run.first == 0)
		p->run.first = m->id;
	p->run.last = m->id;
	return 0;
}

static int
remember(struct pull *p, const struct body_message *m)
{
	p->after = m->id;
	return 0;
}

/* The page into the key file, in one transaction. */
static int
commit_page(struct pull *p)
{
	struct keyfile *kf = client_keyfile(p->client);
	int r = keyfile_begin(kf);

	buf_clear(p->ranges);
	p->run.first = 0;
	if (r == 0)
		r = intake_begin(p->intake);
	if (r == 0)
		r = walk_page(p, take);
	if (r == 0)
		r = end_run(p);
	if (r == 0)
		r = intake_end(p->intake);
	if (r == 0 && buf_len(p->page) > 0)
		r = keyfile_set_contact(kf, clock_wall_ms());
	if (r == 0)
		r = keyfile_commit(kf);
	keyfile_rollback(kf);
	return r < 0 ? r : walk_page(p, remember);
}

int
pull_open(struct pull **out, struct client *c)
{
	struct pull *p = calloc(1, sizeof(*p));
	int r;

	if (!p)
		return err_set(ERR_NOMEM, "no memory for a pull");
	p->client = c;
	p->page = buf_new(FRAME_MAX);
	p->ranges = buf_new(FRAME_MAX);
	p->record = buf_new(CONTENT_MAX);
	p->refreshed = buf_new(FRAME_MAX);
	r = p->page && p->ranges && p->record && p->refreshed
	    ? intake_new(&p->intake, c)
	    : err_set(ERR_NOMEM, "no memory for a pull");
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
	buf_free(p->page);
	buf_free(p->ranges);
	buf_free(p->record);
	buf_free(p->refreshed);
	free(p);
}

/* 1105, in as many requests as the ranges need. */
static int
acknowledge(struct pull *p)
{
	const size_t most = (size_t)ACK_RANGES_MAX * BODY_RANGE_LEN;
	struct chan_reply reply;
	size_t len;
	int r;

	while (buf_len(p->ranges) > 0) {
		len = buf_len(p->ranges) < most ? buf_len(p->ranges) : most;
		r = chan_call(client_chan(p->client), &reply, CODE_ACK,
		    buf_peek(p->ranges), len);
		if (r < 0)
			return r;
		buf_drop(p->ranges, len);
	}
	return 0;
}

int
pull_fetch(struct pull *p, uint64_t wait_ms, bool *got)
{
	int r = client_connect(p->client);

	if (r == 0)
		r = talk_flush(p->client);
	if (r == 0)
		r = ask_page(p, wait_ms);
	if (r < 0)
		return r;
	*got = buf_len(p->page) > 0;
	if (!*got)
		return 0;
	buf_clear(p->refreshed);
	r = walk_page(p, refresh_sender);
	if (r == 0)
		r = commit_page(p);
	if (r == 0)
		r = acknowledge(p);
	if (r == 0)
		intake_resend(p->intake);
	return r;
}

const struct pull_tally *
pull_tally(const struct pull *p)
{
	return intake_tally(p->intake);
}

/* Set all rows to a state in one commit. */
static int
mark(struct pull *p, const struct inbox *rows, size_t n, enum inbox_state state)
{
	struct keyfile *kf = client_keyfile(p->client);
	int r = keyfile_begin(kf);

	for (size_t i = 0; i < n && r == 0; i++)
		r = inbox_set(kf, rows[i].n, state);
	if (r == 0)
		r = keyfile_commit(kf);
	keyfile_rollback(kf);
	return r;
}

static int
print_one(struct pull *p, const struct inbox *row,
    int (*each)(void *arg, const struct pull_item *item), void *arg)
{
	struct pull_item item = {
		.row = *row,
		.redelivered = row->state == INBOX_SHOWN,
	};
	int r;

	buf_clear(p->record);
	r = inbox_read(client_keyfile(p->client), row->n, p->record);
	if (r == 0)
		r = book_get(p->client, row->peer, &item.peer, &item.known);
	if (r == 0)
		r = book_session(p->client, row->peer, &item.session);
	if (r == 0)
		r = entry_unpack(&item, buf_peek(p->record),
		    buf_len(p->record));
	return r < 0 ? r : each(arg, &item);
}

int
pull_print(struct pull *p, const struct inbox_filter *f, uint64_t max,
    int (*each)(void *arg, const struct pull_item *item), void *arg,
    uint64_t *n)
{
	struct inbox rows[INBOX_PAGE_MAX];
	size_t want, have;
	int64_t after = 0;
	int r = 0;

	for (*n = 0; *n < max; *n += have) {
		want = max - *n < INBOX_PAGE_MAX ? (size_t)(max - *n)
						 : INBOX_PAGE_MAX;
		r = inbox_page(client_keyfile(p->client), f, after, rows, want,
		    &have);
		if (r < 0 || have == 0)
			return r;
		r = mark(p, rows, have, INBOX_SHOWN);
		for (size_t i = 0; i < have && r == 0; i++)
			r = print_one(p, &rows[i], each, arg);
		if (r == 0)
			r = mark(p, rows, have, INBOX_DONE);
		if (r < 0)
			return r;
		after = rows[have - 1].n;
	}
	return 0;
}
