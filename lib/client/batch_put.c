/* SPDX-License-Identifier: ISC */
#include "client/batch_put.h"

#include <string.h>

#include "client/seal.h"
#include "e2e/ratchet.h"
#include "wire/codes.h"
#include "wire/id.h"

static bool
is_own(int r)
{
	return r == ERR_LOCKED || r == ERR_IO || r == ERR_CORRUPT ||
	    r == ERR_NOMEM || r == ERR_INTERNAL;
}

void
batch_put_fault(struct batch *b, struct batch_item *it, int r, bool doubt)
{
	char id[ID_TEXT_SIZE];

	if (is_own(r) && b->ended.code == 0)
		b->ended = *err_last();
	if (doubt) {
		id_text(id, it->message_id);
		err_in_doubt(id);
	}
	it->status = BATCH_FAILED;
	it->failed = r;
	it->why = *err_last();
}

void
batch_put_faults(struct batch *b, struct batch_item *items, size_t n, int r)
{
	for (size_t i = 0; i < n; i++) {
		if (items[i].status == BATCH_OPEN)
			batch_put_fault(b, &items[i], r, false);
	}
}

void
batch_put_row(struct batch_item *it, const struct outbox *row)
{
	it->sealed = row->state != OUTBOX_PLAIN;
	it->seq = row->seq;
	it->sent_at = row->at;
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

	batch_put_row(it, row);
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

	if (r < 0)
		return r;
	m.body = buf_peek(b->body);
	m.body_len = buf_len(b->body);
	memcpy(m.message_id, it->message_id, ID_LEN);
	if (!flight_fits(b->client, plain_size(m.body_len) + RATCHET_OVERHEAD))
		return err_set(ERR_PROTOCOL, "too large for this relay");
	r = flight_add(b->flight, &f);
	if (r < 0)
		return r;
	r = seal_message(b->client, &it->peer, &m, f->content, &f->row);
	if (r < 0) {
		flight_drop_last(b->flight);
		return r;
	}
	it->place = b->flight->n;
	batch_put_row(it, &f->row);
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
		batch_put_fault(b, &items[i], r, false);
		r = 0;
	}
	*tried = r == 0;
	if (r == 0)
		r = keyfile_commit(b->kf);
	keyfile_rollback(b->kf);
	return r;
}

/* Its row is there, as far as can be seen. */
static bool
may_stand(struct batch *b, const struct batch_item *it)
{
	struct outbox row;
	bool found;

	return outbox_find(b->kf, it->peer.id, it->message_id, &row, &found) <
	    0 ||
	    found;
}

/*
 * Nothing came of it.  A commit whose very last sync failed has happened all
 * the same: then the rows are there, and the next command delivers them.
 */
static void
undo(struct batch *b, struct batch_item *items, size_t n, int r, bool tried)
{
	const struct err_info why = *err_last();

	flight_clear(b->flight);
	for (size_t i = 0; i < n; i++) {
		struct batch_item *it = &items[i];
		bool doubt;

		if (it->status != BATCH_OPEN && it->status != BATCH_QUEUED)
			continue;
		doubt = tried && may_stand(b, it);
		err_restore(&why);
		batch_put_fault(b, it, r, doubt);
	}
}

void
batch_put(struct batch *b, struct batch_item *items, size_t n, bool connected)
{
	bool tried;
	int r;

	flight_clear(b->flight);
	r = commit(b, items, n, connected, &tried);
	if (r < 0)
		undo(b, items, n, r, tried);
}
