/* SPDX-License-Identifier: ISC */
#include "client/talk.h"

#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "client/book.h"
#include "client/delivery.h"
#include "client/flight.h"
#include "client/seal.h"
#include "e2e/ratchet.h"
#include "wire/id.h"

static int
answer(const struct flight_message *m)
{
	if (m->sent < 0)
		err_restore(&m->why);
	return m->sent;
}

int
talk_post(struct client *c, const uint8_t to[static ID_LEN], uint8_t type,
    const uint8_t *content, size_t len)
{
	struct flight_message m = { .row = { .type = type },
		.content = buf_new(CONTENT_MAX) };
	int r = m.content ? buf_put(m.content, content, len)
			  : err_set(ERR_NOMEM, "no memory for a message");

	memcpy(m.row.peer, to, ID_LEN);
	if (r == 0) {
		flight_talk(c, &m, 1);
		r = answer(&m);
	}
	buf_free(m.content);
	return r;
}

/* --- a note ----------------------------------------------------------------
 */

static int
seal(struct client *c, const uint8_t to[static ID_LEN],
    const struct talk_note *note, struct buf *content, struct talk_sent *out)
{
	struct keyfile *kf = client_keyfile(c);
	struct outbox row;
	struct plain m;
	struct peer p;
	char who[ID_TEXT_SIZE];
	int r;

	id_text(who, to);
	seal_begin(&m, note->kind);
	m.body = note->body;
	m.body_len = note->len;
	r = book_find(c, who, &p);
	if (r == 0)
		r = seal_message(c, &p, &m, content, &row);
	if (r < 0)
		return r;
	memcpy(out->id, m.message_id, ID_LEN);
	out->seq = m.seq;
	out->sent_at = m.sent_at;
	return note->also(note->arg, kf, out);
}

int
talk_put(struct client *c, const uint8_t to[static ID_LEN],
    const struct talk_note *note, struct talk_sent *out)
{
	struct keyfile *kf = client_keyfile(c);
	struct buf *content;
	int r;

	if (!flight_fits(c, plain_size(note->len) + RATCHET_OVERHEAD))
		return err_set(ERR_PROTOCOL, "too large for this relay");
	r = delivery_lead(c, to);
	if (r < 0)
		return r;
	content = buf_new(CONTENT_MAX);
	r = content ? keyfile_begin(kf)
		    : err_set(ERR_NOMEM, "no memory for a message");
	if (r == 0)
		r = seal(c, to, note, content, out);
	if (r == 0)
		r = keyfile_commit(kf);
	keyfile_rollback(kf);
	buf_free(content);
	return r;
}

/* --- a message of the outbox ------------------------------------------------
 */

/* Its sender may have finished just now. */
static int
deliver(struct client *c, struct flight_message *m)
{
	int r = outbox_read(client_keyfile(c), m->row.n, m->content);

	if (r < 0 || buf_len(m->content) == 0)
		return r;
	flight_send(c, m, 1, true);
	return answer(m);
}

int
talk_deliver(struct client *c, const uint8_t to[static ID_LEN],
    const uint8_t message_id[static ID_LEN])
{
	struct flight_message m = { .sent = 0 };
	bool found;
	int r = outbox_find(client_keyfile(c), to, message_id, &m.row, &found);

	if (r == 0 && !found)
		r = err_set(ERR_DENIED, "the relay has refused the message");
	if (r < 0 || m.row.state == OUTBOX_DONE)
		return r;
	r = client_connect(c);
	if (r < 0)
		return r;
	m.content = buf_new(CONTENT_MAX);
	r = m.content ? deliver(c, &m)
		      : err_set(ERR_NOMEM, "no memory for a message");
	buf_free(m.content);
	return r;
}
