/* SPDX-License-Identifier: ISC */
#include "client/batch_put.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "client/book.h"
#include "client/delivery.h"
#include "client/seal.h"
#include "wire/id.h"

int
batch_new(struct batch **out, struct client *c, const struct batch_rules *rules)
{
	const char *type = rules->content_type;
	struct batch *b;

	if (type && !plain_is_content_type(type))
		return err_set(ERR_USAGE,
		    "a content type is 1 to %d printable characters",
		    CONTENT_TYPE_MAX);
	b = calloc(1, sizeof(*b));
	if (b) {
		b->client = c;
		b->kf = client_keyfile(c);
		b->rules = rules;
		b->flight = flight_new();
		b->body = buf_new(CONTENT_MAX);
	}
	if (!b || !b->flight || !b->body) {
		batch_free(b);
		return err_set(ERR_NOMEM, "no memory for messages");
	}
	*out = b;
	return 0;
}

void
batch_free(struct batch *b)
{
	if (!b)
		return;
	flight_free(b->flight);
	buf_free(b->body);
	free(b);
}

/* What has ended all of it once more, or 0. */
static int
ended(const struct batch *b)
{
	if (b->ended.code != 0)
		err_restore(&b->ended);
	return b->ended.code;
}

/* Each item that is still open; what fn answers is its failure. */
static void
each(struct batch *b, struct batch_item *items, size_t n,
    int (*fn)(struct batch *b, struct batch_item *it))
{
	for (size_t i = 0; i < n; i++) {
		int r;

		if (items[i].status != BATCH_OPEN)
			continue;
		r = fn(b, &items[i]);
		if (r < 0)
			batch_put_fault(b, &items[i], r, false);
	}
}

static size_t
count_open(const struct batch_item *items, size_t n)
{
	size_t open = 0;

	for (size_t i = 0; i < n; i++)
		open += items[i].status == BATCH_OPEN;
	return open;
}

/* --- before anything is done ------------------------------------------------
 */

/* An id that was given before, of a message that is through. */
static int
recognize(struct batch *b, struct batch_item *it)
{
	struct outbox row;
	bool found = false;
	int r = it->id
	    ? outbox_find(b->kf, it->peer.id, it->message_id, &row, &found)
	    : 0;

	if (r == 0 && found && row.state == OUTBOX_DONE) {
		it->status = BATCH_DUPLICATE;
		batch_put_row(it, &row);
	}
	return r;
}

static int
judge(struct batch *b, struct batch_item *it)
{
	struct plain m;
	int r = ended(b);

	if (r == 0)
		r = book_find(b->client, it->who, &it->peer);
	it->known = r == 0;
	if (r == 0 && b->rules->require_verified)
		r = book_require_verified(&it->peer, it->who);
	if (r == 0 && it->len > TEXT_MAX)
		r = err_set(ERR_USAGE, "a text is at most %d bytes", TEXT_MAX);
	if (r == 0 && it->reply_to)
		r = id_parse(it->reply_id, it->reply_to);
	seal_begin(&m, PLAIN_TEXT);
	memcpy(it->message_id, m.message_id, ID_LEN);
	it->sent_at = m.sent_at;
	if (r == 0 && it->id)
		r = id_parse(it->message_id, it->id);
	return r < 0 ? r : recognize(b, it);
}

/* --- the relay ---------------------------------------------------------------
 */

/* A relay that was away just now is not called again for every group. */
static int
reach(struct batch *b)
{
	struct client *c = b->client;
	int r;

	if (b->away_until != 0 && clock_left(b->away_until) > 0) {
		err_restore(&b->away);
		return b->away.code;
	}
	r = keyfile_check_writable(b->kf);
	if (r == 0)
		r = client_reconnect(c);
	if (r == 0)
		r = delivery_flush(c);
	return r;
}

static void
note_away(struct batch *b, int r)
{
	if (r != ERR_UNREACHABLE ||
	    (b->away_until != 0 && clock_left(b->away_until) > 0))
		return;
	b->away = *err_last();
	b->away_until = clock_deadline(client_settings(b->client)->timeout_ms);
}

static bool
is_same(const struct batch_item *a, const struct batch_item *b)
{
	return memcmp(a->peer.id, b->peer.id, ID_LEN) == 0;
}

/* Whether texts of earlier commands wait for that peer still. */
static int
look_behind(struct batch *b, struct batch_item *it)
{
	struct outbox row;

	return b->rules->queue ? outbox_next_in(b->kf, it->peer.id, 0,
				     OUTBOX_PLAIN, &row, &it->behind)
			       : 0;
}

/* Once for each peer, before the first message to it. */
static int
lead(struct batch *b, const struct batch_item *items, struct batch_item *it)
{
	int r;

	for (; items < it; items++) {
		if (!items->led || !is_same(items, it))
			continue;
		it->behind = items->behind;
		err_restore(&items->why);
		return items->failed;
	}
	it->led = true;
	r = delivery_lead(b->client, it->peer.id);
	return r < 0 ? r : look_behind(b, it);
}

static void
lead_all(struct batch *b, struct batch_item *items, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		int r = items[i].status == BATCH_OPEN
		    ? lead(b, items, &items[i])
		    : 0;

		if (r < 0)
			batch_put_fault(b, &items[i], r, false);
	}
}

static int
land(struct batch *b, struct batch_item *it)
{
	const struct flight_message *m;

	assert(it->place > 0);
	m = &b->flight->message[it->place - 1];
	if (m->sent == 0) {
		it->status = it->adopted ? BATCH_DUPLICATE : BATCH_ACCEPTED;
		return 0;
	}
	err_restore(&m->why);
	if (m->refused)
		return m->sent;
	note_away(b, m->sent);
	if (b->rules->queue && m->sent == ERR_UNREACHABLE)
		it->status = BATCH_QUEUED;
	else
		batch_put_fault(b, it, m->sent, true);
	return 0;
}

/* Towards a session with those for whom texts were queued for want of one. */
static void
approach_all(struct batch *b, struct batch_item *items, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		bool first = items[i].status == BATCH_QUEUED;

		for (size_t k = 0; k < i && first; k++)
			first = items[k].status != BATCH_QUEUED ||
			    !is_same(&items[i], &items[k]);
		/* the texts are safe, and later commands will try again */
		if (first && delivery_approach(b->client, &items[i].peer) < 0)
			continue;
	}
}

/* All that are open; 0, or what ends more than this group. */
static int
send(struct batch *b, struct batch_item *items, size_t n)
{
	int r = reach(b);

	note_away(b, r);
	if (r == ERR_UNREACHABLE && b->rules->queue) {
		batch_put(b, items, n, false);
		return 0;
	}
	if (r < 0) {
		batch_put_faults(b, items, n, r);
		return r == ERR_UNREACHABLE ? 0 : r;
	}
	lead_all(b, items, n);
	batch_put(b, items, n, true);
	flight_send(b->client, b->flight->message, b->flight->n, false);
	each(b, items, n, land);
	if (b->rules->queue)
		approach_all(b, items, n);
	return 0;
}

int
batch_send(struct batch *b, struct batch_item *items, size_t n)
{
	int r;

	assert(n <= BATCH_MAX);
	each(b, items, n, judge);
	r = ended(b);
	if (r < 0)
		batch_put_faults(b, items, n, r);
	else if (count_open(items, n) > 0)
		r = send(b, items, n);
	return r < 0 ? r : ended(b);
}
