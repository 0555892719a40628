/* SPDX-License-Identifier: ISC */
#include "client/seal.h"

#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/secret.h"
#include "client/book.h"
#include "e2e/ratchet.h"
#include "state/session.h"
#include "wire/codes.h"
#include "wire/id.h"

int
seal_has_session(struct client *c, const struct peer *p, bool *has)
{
	bool active;
	int r = session_has_active(client_keyfile(c), p->id, &active);

	if (r == 0)
		*has = active && !p->reset_needed;
	return r;
}

static int
step(struct client *c, const struct peer *p, const uint8_t *plain, size_t len,
    uint8_t *out)
{
	struct keyfile *kf = client_keyfile(c);
	uint8_t nonce[RATCHET_NONCE_LEN];
	struct ratchet session;
	bool found;
	int r = session_get_active(kf, p->id, &session, &found);

	if (r == 0 && (!found || p->reset_needed))
		r = book_no_session(c, p, "no session with");
	if (r < 0)
		goto out;
	secret_random(nonce, sizeof(nonce));
	r = ratchet_seal(&session, out, client_self(c)->id, p->id, plain, len,
	    nonce);
	if (r == 0)
		r = session_save(kf, p->id, &session);
out:
	secret_wipe(&session, sizeof(session));
	return r;
}

/* Append the ciphertext of m to content and save the session. */
static int
encrypt(struct client *c, const struct peer *p, const struct plain *m,
    struct buf *content)
{
	size_t len = plain_size(m->body_len);
	uint8_t *plain = malloc(len), *out;
	int r = plain ? buf_reserve(content, &out, len + RATCHET_OVERHEAD)
		      : err_set(ERR_NOMEM, "no memory for a message");

	if (r == 0) {
		plain_pack(plain, m);
		r = step(c, p, plain, len, out);
	}
	if (r == 0)
		buf_commit(content, len + RATCHET_OVERHEAD);
	if (plain)
		secret_wipe(plain, len);
	free(plain);
	return r;
}

static int
take_number(struct client *c, struct peer *p, struct plain *m,
    struct buf *content)
{
	int r;

	m->seq = p->next_seq;
	r = encrypt(c, p, m, content);
	if (r < 0)
		return r;
	p->next_seq++;
	return peers_put(client_keyfile(c), p);
}

int
seal_message(struct client *c, struct peer *p, struct plain *m,
    struct buf *content, struct outbox *row)
{
	int r = take_number(c, p, m, content);

	if (r < 0)
		return r;
	*row = (struct outbox){ .seq = m->seq,
		.type = MESSAGE_RATCHET,
		.at = m->sent_at };
	memcpy(row->peer, p->id, ID_LEN);
	memcpy(row->message_id, m->message_id, ID_LEN);
	return outbox_add(client_keyfile(c), row, buf_peek(content),
	    buf_len(content));
}

int
seal_queued(struct client *c, struct peer *p, struct plain *m,
    struct buf *content, int64_t n)
{
	int r = take_number(c, p, m, content);

	return r < 0 ? r
		     : outbox_seal(client_keyfile(c), n, m->seq,
			   buf_peek(content), buf_len(content));
}

static int
take_place(struct client *c, const struct peer *p, const struct outbox *o)
{
	struct buf *content = buf_new(CONTENT_MAX);
	struct plain m;
	int r = content ? 0 : err_set(ERR_NOMEM, "no memory for a message");

	seal_begin(&m, PLAIN_NOOP);
	m.seq = o->seq;
	if (r == 0)
		r = encrypt(c, p, &m, content);
	if (r == 0)
		r = outbox_refuse(client_keyfile(c), o->n, m.message_id,
		    buf_peek(content), buf_len(content));
	buf_free(content);
	return r;
}

int
seal_refused(struct client *c, const struct outbox *o)
{
	struct keyfile *kf = client_keyfile(c);
	bool known, has = false;
	struct peer p;
	int r = peers_get(kf, o->peer, &p, &known);

	if (r == 0 && known)
		r = seal_has_session(c, &p, &has);
	if (r < 0)
		return r;
	return has ? take_place(c, &p, o) : outbox_drop(kf, o->n);
}

void
seal_begin(struct plain *m, enum plain_kind kind)
{
	uint8_t random[10];

	*m =
	    (struct plain){ .kind = (uint8_t)kind, .sent_at = clock_wall_ms() };
	secret_random(random, sizeof(random));
	id_v7(m->message_id, m->sent_at, random);
}
