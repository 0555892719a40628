/* SPDX-License-Identifier: ISC */
#include "client/batch.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "client/book.h"
#include "client/delivery.h"
#include "client/seal.h"
#include "e2e/ratchet.h"
#include "wire/codes.h"
#include "wire/id.h"

struct batch {
	struct client *client;
	struct keyfile *kf;
	const struct batch_rules *rules;
	struct flight *flight;
	struct buf *body;
	uint64_t away_until; /* monotonic: the relay is not called before */
	struct err_info away;
};

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

static void
fail(struct batch_item *it, int r)
{
	it->status = BATCH_FAILED;
	it->failed = r;
	it->why = *err_last();
}

/* Whether it goes out is not known. */
static void
fail_in_doubt(struct batch_item *it, int r)
{
	char id[ID_TEXT_SIZE];

	id_text(id, it->message_id);
	err_in_doubt(id);
	fail(it, r);
}

/* Each item that is still open; what fn answers is its failure. */
static void
each(struct batch *b, struct batch_item *items, size_t n,
    int (*fn)(struct batch *b, struct batch_item *it))
{
	for (size_t i = 0; i < n; i++) {
		int r = items[i].status == BATCH_OPEN ? fn(b, &items[i]) : 0;

		if (r < 0)
			fail(&items[i], r);
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

static int
give_up(struct batch *b, struct batch_item *it)
{
	(void)b;
	(void)it;
	return err_last()->code;
}

/* What is wrong with oneself is so for all of them. */
static void
fail_all(struct batch *b, struct batch_item *items, size_t n)
{
	each(b, items, n, give_up);
}

/* --- before anything is done ------------------------------------------------
 */

static void
note_row(struct batch_item *it, const struct outbox *row)
{
	it->sealed = row->state != OUTBOX_PLAIN;
	it->seq = row->seq;
	it->sent_at = row->at;
}

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
		note_row(it, &row);
	}
	return r;
}

static int
judge(struct batch *b, struct batch_item *it)
{
	struct plain m;
	int r = book_find(b->client, it->who, &it->peer);

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

/* --- the text as it goes into the plaintext ----------------------------------
 */

static int
write_body(struct batch *b, const struct batch_item *it)
{
	struct plain_text t = { .has_reply_to = it->reply_to != NULL,
		.text = it->text,
		.text_len = it->len };
	uint8_t *out;
	int r;

	if (t.has_reply_to)
		memcpy(t.reply_to, it->reply_id, ID_LEN);
	if (b->rules->content_type)
		memcpy(t.content_type, b->rules->content_type,
		    strlen(b->rules->content_type) + 1);
	buf_clear(b->body);
	r = buf_reserve(b->body, &out, plain_text_size(&t));
	if (r < 0)
		return r;
	plain_pack_text(out, &t);
	buf_commit(b->body, plain_text_size(&t));
	return 0;
}

/* --- for a later command -----------------------------------------------------
 */

static int
enqueue(struct batch *b, struct batch_item *it)
{
	struct outbox row = { .type = MESSAGE_RATCHET, .at = it->sent_at };
	int r = write_body(b, it);

	memcpy(row.peer, it->peer.id, ID_LEN);
	memcpy(row.message_id, it->message_id, ID_LEN);
	if (r == 0)
		r = outbox_add_plain(b->kf, &row, buf_peek(b->body),
		    buf_len(b->body));
	if (r == 0)
		it->status = BATCH_QUEUED;
	return r;
}

/* --- the commit before they leave --------------------------------------------
 */

/* The place of a row in the flight; 0: it is not there. */
static size_t
find_place(const struct batch *b, const struct outbox *row)
{
	for (size_t i = 0; i < b->flight->n; i++) {
		if (b->flight->message[i].row.n == row->n)
			return i + 1;
	}
	return 0;
}

/* An id that is in the outbox already: its message goes, not this one. */
static int
adopt(struct batch *b, struct batch_item *it, const struct outbox *row)
{
	struct flight_message *m;
	int r;

	note_row(it, row);
	it->adopted = true;
	if (row->state == OUTBOX_DONE || row->state == OUTBOX_PLAIN) {
		it->status = BATCH_DUPLICATE;
		return 0;
	}
	it->place = find_place(b, row);
	if (it->place > 0)
		return 0;
	r = flight_add(b->flight, &m);
	if (r < 0)
		return r;
	m->row = *row;
	it->place = b->flight->n;
	return outbox_read(b->kf, row->n, m->content);
}

static int
seal(struct batch *b, struct batch_item *it)
{
	struct plain m = { .kind = PLAIN_TEXT, .sent_at = it->sent_at };
	struct flight_message *f;
	int r = write_body(b, it);

	m.body = buf_peek(b->body);
	m.body_len = buf_len(b->body);
	memcpy(m.message_id, it->message_id, ID_LEN);
	if (r == 0 &&
	    !flight_fits(b->client, plain_size(m.body_len) + RATCHET_OVERHEAD))
		r = err_set(ERR_PROTOCOL, "too large for this relay");
	if (r == 0)
		r = flight_add(b->flight, &f);
	if (r < 0)
		return r;
	r = seal_message(b->client, &it->peer, &m, f->content, &f->row);
	if (r < 0) {
		flight_drop_last(b->flight);
		return r;
	}
	it->place = b->flight->n;
	note_row(it, &f->row);
	return 0;
}

static int
put(struct batch *b, struct batch_item *it, bool connected)
{
	struct outbox row;
	bool found = false, has = false;
	int r = it->id
	    ? outbox_find(b->kf, it->peer.id, it->message_id, &row, &found)
	    : 0;

	if (r == 0 && found)
		return adopt(b, it, &row);
	if (r == 0)
		r = peers_get(b->kf, it->peer.id, &it->peer, &found);
	if (r == 0 && !found)
		r = err_set(ERR_UNKNOWN_PEER, "the peer was forgotten");
	if (r == 0)
		r = seal_has_session(b->client, &it->peer, &has);
	if (r < 0)
		return r;
	if (b->rules->queue && (!connected || !has || it->behind))
		return enqueue(b, it);
	return seal(b, it);
}

/* What fails an item, with nothing changed. */
static bool
is_of_item(int r)
{
	return r == ERR_NO_SESSION || r == ERR_UNKNOWN_PEER ||
	    r == ERR_PROTOCOL || r == ERR_USAGE;
}

/*
 * A commit whose very last sync failed has happened all the same: then the
 * rows are there, and the next command delivers them.
 */
static void
doubt_commit(struct batch *b, struct batch_item *items, size_t n, int r)
{
	const struct err_info why = *err_last();
	struct outbox row;

	for (size_t i = 0; i < n; i++) {
		struct batch_item *it = &items[i];
		bool found;
		int e;

		if (it->status != BATCH_OPEN && it->status != BATCH_QUEUED)
			continue;
		e = outbox_find(b->kf, it->peer.id, it->message_id, &row,
		    &found);
		err_restore(&why);
		if (e < 0 || found)
			fail_in_doubt(it, r);
		else
			fail(it, r);
	}
}

/* 0, or what fails all of them; *tried: it was the commit itself. */
static int
commit(struct batch *b, struct batch_item *items, size_t n, bool connected,
    bool *tried)
{
	int r = keyfile_begin(b->kf);

	for (size_t i = 0; i < n && r == 0; i++) {
		if (items[i].status != BATCH_OPEN)
			continue;
		r = put(b, &items[i], connected);
		if (r == 0 || !is_of_item(r))
			continue;
		fail(&items[i], r);
		r = 0;
	}
	*tried = r == 0;
	if (r == 0)
		r = keyfile_commit(b->kf);
	keyfile_rollback(b->kf);
	return r;
}

static void
put_all(struct batch *b, struct batch_item *items, size_t n, bool connected)
{
	bool tried;
	int r;

	flight_clear(b->flight);
	r = commit(b, items, n, connected, &tried);
	if (r == 0)
		return;
	flight_clear(b->flight);
	if (tried)
		doubt_commit(b, items, n, r);
	else
		fail_all(b, items, n);
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
			fail(&items[i], r);
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
		fail_in_doubt(it, m->sent);
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

void
batch_send(struct batch *b, struct batch_item *items, size_t n)
{
	int r;

	assert(n <= BATCH_MAX);
	each(b, items, n, judge);
	if (count_open(items, n) == 0)
		return;
	r = reach(b);
	note_away(b, r);
	if (r == ERR_UNREACHABLE && b->rules->queue) {
		put_all(b, items, n, false);
		return;
	}
	if (r < 0) {
		fail_all(b, items, n);
		return;
	}
	lead_all(b, items, n);
	put_all(b, items, n, true);
	flight_send(b->client, b->flight->message, b->flight->n, false);
	each(b, items, n, land);
	if (b->rules->queue)
		approach_all(b, items, n);
}
