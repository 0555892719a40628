/* SPDX-License-Identifier: ISC */
#include "client/talk.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/secret.h"
#include "client/book.h"
#include "e2e/ratchet.h"
#include "state/outbox.h"
#include "state/session.h"
#include "wire/body.h"
#include "wire/codes.h"
#include "wire/id.h"

/* One 1103 over the channel as it is. */
static int
put_once(struct client *c, const struct body_send *b)
{
	struct chan *chan = client_chan(c);
	uint8_t head[SEND_HEAD_LEN];
	struct chan_reply reply;
	int r;

	body_pack_send(head, b);
	r = chan_put(chan, CODE_SEND, head, sizeof(head), b->content,
	    b->content_len);
	if (r == 0)
		r = chan_get(chan, &reply, 0);
	if (r == 0 &&
	    (reply.len != BODY_SENT_LEN ||
		memcmp(reply.payload, b->to, ID_LEN) != 0))
		r = err_set(ERR_PROTOCOL, "the relay confirms another message");
	return r;
}

/*
 * A channel that the relay closed in good order did nothing with what it had
 * not answered: once more over a new one.
 */
int
talk_post(struct client *c, const uint8_t to[static ID_LEN], uint8_t type,
    const uint8_t *content, size_t len)
{
	struct body_send b = { .type = type,
		.content = content,
		.content_len = (uint32_t)len };
	int r = client_connect(c);

	memcpy(b.to, to, ID_LEN);
	if (r == 0)
		r = put_once(c, &b);
	if (r != ERR_UNREACHABLE || !client_chan(c) ||
	    chan_is_in_doubt(client_chan(c)))
		return r;
	client_hang_up(c);
	r = client_connect(c);
	return r < 0 ? r : put_once(c, &b);
}

/* Did the relay answer at all?  If so it refused, and nothing is in doubt. */
static bool
is_refused(struct client *c)
{
	return client_chan(c) && chan_reason(client_chan(c)) != 0;
}

/* Whether the relay takes a content of that length. */
static bool
is_sendable(struct client *c, size_t len)
{
	return len + SEND_HEAD_LEN + FRAME_REQUEST_LEN <=
	    chan_max_frame(client_chan(c));
}

static int
done(struct keyfile *kf, int64_t n)
{
	int r = outbox_done(kf, n);

	return r < 0 ? r : keyfile_set_contact(kf, clock_wall_ms());
}

static int
change(struct client *c, int64_t n, int (*how)(struct keyfile *kf, int64_t n))
{
	struct keyfile *kf = client_keyfile(c);
	int r = keyfile_begin(kf);

	if (r == 0)
		r = how(kf, n);
	if (r == 0)
		r = keyfile_commit(kf);
	keyfile_rollback(kf);
	return r;
}

/* Note in the outbox how the sending of row n ended. */
static int
conclude(struct client *c, int64_t n, int sent)
{
	struct err_info why = *err_last();
	int r;

	if (sent == 0)
		r = change(c, n, done);
	else
		r = change(c, n, is_refused(c) ? outbox_drop : outbox_doubt);
	if (r == 0)
		err_restore(&why);
	return r;
}

/*
 * Send row o again, as it is; *sent is how that went, and 0 when there is
 * nothing to send: its sender has just finished.
 */
static int
repeat(struct client *c, const struct outbox *o, struct buf *content, int *sent)
{
	int r;

	buf_clear(content);
	r = outbox_read(client_keyfile(c), o->n, content);
	if (r < 0)
		return r;
	*sent = 0;
	if (buf_len(content) == 0 || !is_sendable(c, buf_len(content)))
		return 0;
	*sent =
	    talk_post(c, o->peer, o->type, buf_peek(content), buf_len(content));
	return *sent == ERR_BUSY ? 0 : conclude(c, o->n, *sent);
}

static int
deliver_one(struct client *c, const struct outbox *o, struct buf *content)
{
	int sent, r = repeat(c, o, content, &sent);

	if (r < 0)
		return r;
	return sent != ERR_BUSY && is_refused(c) ? 0 : sent;
}

static int
deliver(struct client *c, uint64_t sealed_before, struct buf *content)
{
	struct outbox o = { .n = 0 };
	bool found;
	int r;

	do {
		r = outbox_next(client_keyfile(c), o.n, sealed_before, &o,
		    &found);
		if (r == 0 && found)
			r = deliver_one(c, &o, content);
	} while (r == 0 && found);
	return r == ERR_BUSY ? 0 : r;
}

int
talk_deliver(struct client *c, const uint8_t to[static ID_LEN],
    const uint8_t message_id[static ID_LEN])
{
	struct buf *content;
	struct outbox o;
	bool found;
	int r, sent = 0;

	r = outbox_find(client_keyfile(c), to, message_id, &o, &found);
	if (r == 0 && !found)
		r = err_set(ERR_DENIED, "the relay has refused the message");
	if (r < 0 || o.state == OUTBOX_DONE)
		return r;
	content = buf_new(CONTENT_MAX);
	r = client_connect(c);
	if (r == 0)
		r = content ? repeat(c, &o, content, &sent)
			    : err_set(ERR_NOMEM, "no memory for a message");
	buf_free(content);
	return r < 0 ? r : sent;
}

int
talk_flush(struct client *c)
{
	struct keyfile *kf = client_keyfile(c);
	uint64_t patience = 2 * client_settings(c)->timeout_ms;
	uint64_t now = clock_wall_ms();
	uint64_t sealed_before = patience < now ? now - patience : 0;
	struct buf *content;
	struct outbox o;
	bool found, got;
	int r = outbox_next(kf, 0, sealed_before, &o, &found);

	if (r < 0 || !found)
		return r;
	r = keyfile_try_flush(kf, &got);
	if (r < 0 || !got)
		return r;
	content = buf_new(CONTENT_MAX);
	r = content ? deliver(c, sealed_before, content)
		    : err_set(ERR_NOMEM, "no memory for the outbox");
	buf_free(content);
	keyfile_unlock_flush(kf);
	return r;
}

static int
no_session(const struct peer *p)
{
	char uuid[ID_TEXT_SIZE];
	const char *name = book_call(p, uuid);
	int r = err_set(ERR_NO_SESSION, "no session with \"%s\"", name);

	err_peer(name);
	err_hint("the ten steps of sentinel(7) make one, beginning with "
		 "sentinel-keys request %s",
	    name);
	return r;
}

/* Advance the session by one message; content takes the ciphertext. */
static int
seal(struct client *c, const struct peer *p, const uint8_t *plain, size_t len,
    uint8_t *content)
{
	struct keyfile *kf = client_keyfile(c);
	uint8_t nonce[RATCHET_NONCE_LEN];
	struct ratchet session;
	bool found;
	int r = session_get_active(kf, p->id, &session, &found);

	if (r == 0 && (!found || p->reset_needed))
		r = no_session(p);
	if (r < 0)
		goto out;
	secret_random(nonce, sizeof(nonce));
	r = ratchet_seal(&session, content, client_self(c)->id, p->id, plain,
	    len, nonce);
	if (r == 0)
		r = session_save(kf, p->id, &session);
out:
	secret_wipe(&session, sizeof(session));
	return r;
}

/* Whether it goes out is not known. */
static int
in_doubt(const uint8_t message_id[static ID_LEN], int r)
{
	char id[ID_TEXT_SIZE];

	id_text(id, message_id);
	err_in_doubt(id);
	return r;
}

/*
 * A commit whose very last sync failed has happened all the same: then the
 * row is there, and the next command delivers it.
 */
static int
commit_row(struct keyfile *kf, const struct outbox *o)
{
	int r = keyfile_commit(kf);
	struct err_info why = *err_last();
	struct outbox row;
	bool found = true;

	if (r == 0)
		return 0;
	if (outbox_find(kf, o->peer, o->message_id, &row, &found) < 0)
		found = true;
	err_restore(&why);
	return found ? in_doubt(o->message_id, r) : r;
}

static void
note_sent(struct talk_sent *out, const struct plain *m)
{
	memcpy(out->id, m->message_id, ID_LEN);
	out->seq = m->seq;
	out->sent_at = m->sent_at;
}

/* The one transaction before the wire: session, outbox row, next number. */
static int
commit_sealed(struct client *c, const char *who, const struct talk_note *note,
    struct plain *m, struct buf *content, struct outbox *o,
    struct talk_sent *sent)
{
	struct peer *p = &sent->peer;
	struct keyfile *kf = client_keyfile(c);
	size_t len = plain_size(m->body_len);
	uint8_t *plain = malloc(len), *out;
	int r = plain ? 0 : err_set(ERR_NOMEM, "no memory for a message");

	if (r == 0 && !is_sendable(c, len + RATCHET_OVERHEAD))
		r = err_set(ERR_PROTOCOL, "too large for this relay");
	if (r == 0)
		r = buf_reserve(content, &out, len + RATCHET_OVERHEAD);
	if (r == 0)
		r = keyfile_begin(kf);
	if (r == 0)
		r = book_find(c, who, p);
	if (r < 0)
		goto out;
	m->seq = p->next_seq++;
	plain_pack(plain, m);
	r = seal(c, p, plain, len, out);
	if (r < 0)
		goto out;
	buf_commit(content, len + RATCHET_OVERHEAD);
	*o = (struct outbox){ .seq = m->seq,
		.type = MESSAGE_RATCHET,
		.at = m->sent_at };
	memcpy(o->peer, p->id, ID_LEN);
	memcpy(o->message_id, m->message_id, ID_LEN);
	r = outbox_add(kf, o, buf_peek(content), buf_len(content));
	if (r == 0)
		r = peers_put(kf, p);
	note_sent(sent, m);
	if (r == 0 && note->also)
		r = note->also(note->arg, kf, sent);
	if (r == 0)
		r = commit_row(kf, o);
out:
	keyfile_rollback(kf);
	if (plain)
		secret_wipe(plain, len);
	free(plain);
	return r;
}

/* The body of a text around its bytes. */
static int
write_body(struct buf *body, const uint8_t *text, size_t len)
{
	struct plain_text t = { .text = text, .text_len = len };
	uint8_t *out;
	int r = buf_reserve(body, &out, plain_text_size(&t));

	if (r < 0)
		return r;
	plain_pack_text(out, &t);
	buf_commit(body, plain_text_size(&t));
	return 0;
}

/* Begin a message: an id, and the time. */
static void
begin(struct plain *m, uint8_t kind, const uint8_t *body, size_t len)
{
	uint8_t random[10];

	*m = (struct plain){ .kind = kind,
		.sent_at = clock_wall_ms(),
		.body = body,
		.body_len = len };
	secret_random(random, sizeof(random));
	id_v7(m->message_id, m->sent_at, random);
}

int
talk_put(struct client *c, const uint8_t to[static ID_LEN],
    const struct talk_note *note, struct talk_sent *out)
{
	struct buf *content = buf_new(CONTENT_MAX);
	char who[ID_TEXT_SIZE];
	struct outbox o;
	struct plain m;
	int r = content ? 0 : err_set(ERR_NOMEM, "no memory for a message");

	id_text(who, to);
	begin(&m, note->kind, note->body, note->len);
	if (r == 0)
		r = commit_sealed(c, who, note, &m, content, &o, out);
	buf_free(content);
	return r;
}

static int
send_text(struct client *c, const char *who, const uint8_t *text, size_t len,
    struct buf *body, struct buf *content, struct talk_sent *out)
{
	static const struct talk_note alone = { .kind = PLAIN_TEXT };
	struct outbox o;
	struct plain m;
	int sent, r = write_body(body, text, len);

	if (r < 0)
		return r;
	begin(&m, alone.kind, buf_peek(body), buf_len(body));
	out->size = len;
	r = commit_sealed(c, who, &alone, &m, content, &o, out);
	if (r < 0)
		return r;
	sent =
	    talk_post(c, o.peer, o.type, buf_peek(content), buf_len(content));
	r = conclude(c, o.n, sent);
	if (r == 0)
		r = sent;
	return r < 0 && !is_refused(c) ? in_doubt(o.message_id, r) : r;
}

int
talk_send(struct client *c, const char *who, const uint8_t *text, size_t len,
    struct talk_sent *out)
{
	struct buf *body = NULL, *content = NULL;
	int r = book_find(c, who, &out->peer);

	if (r == 0 && len > TEXT_MAX)
		r = err_set(ERR_USAGE, "a text is at most %d bytes", TEXT_MAX);
	if (r == 0)
		r = client_connect(c);
	if (r == 0)
		r = talk_flush(c);
	if (r < 0)
		return r;
	body = buf_new(CONTENT_MAX);
	content = buf_new(CONTENT_MAX);
	r = body && content ? send_text(c, who, text, len, body, content, out)
			    : err_set(ERR_NOMEM, "no memory for a message");
	buf_free(body);
	buf_free(content);
	return r;
}
