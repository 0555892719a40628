/* SPDX-License-Identifier: ISC */
#include "client/exchange.h"

#include <string.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/secret.h"
#include "client/book.h"
#include "client/directory.h"
#include "client/exchange_take.h"
#include "client/talk.h"
#include "state/own.h"
#include "state/session.h"
#include "wire/codes.h"

static uint8_t
type_of(const struct handshake *h)
{
	return h->sent_len == SHAKE_REQUEST_LEN ? MESSAGE_REQUEST : MESSAGE_KEY;
}

static int
post(struct client *c, const struct handshake *h)
{
	return talk_post(c, h->peer, type_of(h), h->sent, h->sent_len);
}

/* A fresh type 1 in h, to be sent once it is committed. */
static int
make_request(struct client *c, struct peer *p, struct handshake *h)
{
	struct keyfile *kf = client_keyfile(c);
	uint64_t now = clock_wall_ms();
	uint8_t fresh[KEY_LEN];
	struct shake_party a, b;
	struct own own;
	bool found;
	int r = own_get(kf, OWN_CURRENT, &own, &found);

	if (r < 0)
		return r;
	if (!found)
		return err_set(ERR_DENIED, "this key file is not registered");
	*h = (struct handshake){
		.role = HANDSHAKE_INITIATOR,
		.stage = HANDSHAKE_REQUESTED,
		.sent_len = SHAKE_REQUEST_LEN,
		.ts = now > p->last_sent_ts ? now : p->last_sent_ts + 1,
		.at = now,
		.sent_at = now,
	};
	memcpy(h->peer, p->id, ID_LEN);
	exchange_take_own_party(&a, c, &own);
	exchange_take_peer_party(&b, p, p->issued_at);
	secret_random(fresh, sizeof(fresh));
	r = shake_request(&h->pending, h->sent, &a, own.static_sk, &b, h->ts,
	    fresh);
	secret_wipe(&own, sizeof(own));
	secret_wipe(fresh, sizeof(fresh));
	if (r < 0)
		return r;
	memcpy(h->hsid, h->pending.hsid, ID_LEN);
	p->last_sent_ts = h->ts;
	r = handshake_put(kf, h);
	return r < 0 ? r : peers_put(kf, p);
}

/* Rule 11: is the pending type 1 still worth sending again? */
static int
is_current(struct client *c, const struct peer *p, const struct handshake *h,
    bool *current)
{
	struct shake_header head;
	struct own own;
	bool found;
	int r;

	*current = h->at + EXCHANGE_RESEND_MS > clock_wall_ms();
	if (*current)
		return 0;
	r = own_get(client_keyfile(c), OWN_CURRENT, &own, &found);
	if (r == 0)
		r = shake_peek_request(&head, h->sent, h->sent_len);
	if (r == 0)
		*current = found && head.a_issued_at == own.issued_at &&
		    head.b_issued_at == p->issued_at;
	secret_wipe(&own, sizeof(own));
	return r;
}

/* Step 4 inside the transaction: what to send, or that nothing is to be. */
static int
choose_request(struct client *c, struct exchange *x, struct handshake *h)
{
	struct keyfile *kf = client_keyfile(c);
	bool pending, current = false;
	int r = handshake_get(kf, x->peer.id, HANDSHAKE_INITIATOR, h, &pending);

	if (r < 0)
		return r;
	x->sent = !pending || h->stage != HANDSHAKE_ANSWERED;
	if (!x->sent)
		return 0;
	if (pending && h->stage == HANDSHAKE_REQUESTED)
		r = is_current(c, &x->peer, h, &current);
	if (r < 0)
		return r;
	if (!current)
		return make_request(c, &x->peer, h);
	h->sent_at = clock_wall_ms();
	return handshake_put(kf, h);
}

/* A request that waits for long may wait for a bundle that is gone. */
static int
refresh_if_old(struct client *c, const struct peer *p)
{
	struct handshake h;
	bool pending;
	int r = handshake_get(client_keyfile(c), p->id, HANDSHAKE_INITIATOR, &h,
	    &pending);

	if (r == 0 && pending && h.stage == HANDSHAKE_REQUESTED &&
	    h.at + EXCHANGE_RESEND_MS <= clock_wall_ms())
		r = directory_refresh(c, p->id);
	secret_wipe(&h, sizeof(h));
	return r;
}

/* Begin a transaction, without what is over, on the peer as it is now. */
static int
begin(struct client *c, struct peer *p)
{
	struct keyfile *kf = client_keyfile(c);
	bool known = false;
	int r = keyfile_begin(kf);

	if (r == 0)
		r = handshake_expire(kf, clock_wall_ms());
	if (r == 0)
		r = peers_get(kf, p->id, p, &known);
	if (r == 0 && !known)
		r = err_set(ERR_UNKNOWN_PEER, "the peer was forgotten");
	return r;
}

/* Step 4 for out->peer. */
static int
request(struct client *c, struct exchange *out)
{
	struct keyfile *kf = client_keyfile(c);
	struct handshake h = { 0 };
	int r = keyfile_check_writable(kf);

	if (r == 0)
		r = client_connect(c);
	if (r == 0)
		r = client_check_clock(c);
	if (r == 0)
		r = refresh_if_old(c, &out->peer);
	if (r == 0)
		r = begin(c, &out->peer);
	if (r == 0)
		r = choose_request(c, out, &h);
	if (r == 0)
		r = keyfile_commit(kf);
	keyfile_rollback(kf);
	memcpy(out->hsid, h.hsid, ID_LEN);
	if (r == 0 && out->sent)
		r = post(c, &h);
	secret_wipe(&h, sizeof(h));
	return r;
}

int
exchange_request(struct client *c, const char *who, struct exchange *out)
{
	int r = book_find(c, who, &out->peer);

	return r < 0 ? r : request(c, out);
}

/* Rule 10: a half-open handshake begun before this one gives way. */
static int
drop_older_open(struct client *c, const struct handshake *h)
{
	struct keyfile *kf = client_keyfile(c);
	struct handshake open;
	bool found;
	int r = handshake_get(kf, h->peer, HANDSHAKE_RESPONDER, &open, &found);

	if (r == 0 && found && open.ts < h->ts)
		r = handshake_drop(kf, h->peer, HANDSHAKE_RESPONDER);
	secret_wipe(&open, sizeof(open));
	return r;
}

/* Step 9: the session, and the message that gives it to the peer. */
static int
finish(struct client *c, struct peer *p, struct handshake *h)
{
	struct keyfile *kf = client_keyfile(c);
	uint64_t now = clock_wall_ms();
	uint8_t fresh[2 * KEY_LEN];
	struct shake_header head;
	struct ratchet session;
	struct own own = { 0 };
	bool found = false;
	int r = shake_peek_request(&head, h->sent, h->sent_len);

	if (r == 0)
		r = own_get_dated(kf, head.a_issued_at, &own, &found);
	if (r == 0 && !found)
		r = err_set(ERR_NO_SESSION,
		    "the keys of this handshake are "
		    "gone");
	if (r < 0)
		return r;
	secret_random(fresh, sizeof(fresh));
	r = shake_finish(&session, h->sent, &h->pending, own.static_sk,
	    h->answer, fresh);
	if (r == 0)
		r = session_activate(kf, p->id, &session, true, now);
	if (r == 0)
		r = drop_older_open(c, h);
	secret_wipe(&h->pending, sizeof(h->pending));
	h->stage = HANDSHAKE_FINISHED;
	h->sent_len = SHAKE_FINISH_LEN;
	h->at = h->sent_at = now;
	p->reset_needed = false;
	p->undecryptable = 0;
	if (r == 0)
		r = handshake_put(kf, h);
	if (r == 0)
		r = peers_put(kf, p);
	secret_wipe(&session, sizeof(session));
	secret_wipe(&own, sizeof(own));
	secret_wipe(fresh, sizeof(fresh));
	return r;
}

/*
 * The request becomes a half-open handshake with an answer to send; *done
 * false when keys that it was made with are gone since it came.
 */
static int
open_answer(struct client *c, struct peer *p, const struct handshake_request *q,
    struct handshake *h, bool *done)
{
	struct keyfile *kf = client_keyfile(c);
	uint8_t fresh[3 * KEY_LEN];
	struct shake_party a, b;
	struct shake_header head;
	struct own own = { 0 };
	int r = shake_peek_request(&head, q->content, sizeof(q->content));

	if (r == 0)
		r = own_get_dated(kf, head.b_issued_at, &own, done);
	if (r < 0 || !*done)
		return r;
	*h = (struct handshake){
		.role = HANDSHAKE_RESPONDER,
		.stage = HANDSHAKE_OPEN,
		.sent_len = SHAKE_ANSWER_LEN,
		.ts = q->ts,
		.at = clock_wall_ms(),
		.sent_at = clock_wall_ms(),
	};
	memcpy(h->peer, p->id, ID_LEN);
	memcpy(h->hsid, q->hsid, ID_LEN);
	exchange_take_peer_party(&a, p, head.a_issued_at);
	exchange_take_own_party(&b, c, &own);
	secret_random(fresh, sizeof(fresh));
	*done = shake_answer(&h->open, h->sent, &a, &b, own.static_sk,
		    q->content, fresh) == 0;
	if (*done)
		r = handshake_put(kf, h);
	secret_wipe(&own, sizeof(own));
	secret_wipe(fresh, sizeof(fresh));
	return r;
}

/* Step 7; *done false when the request turns out to be worth nothing. */
static int
answer(struct client *c, struct peer *p, struct handshake_request *q,
    struct handshake *h, bool *done)
{
	struct exchange_event e = { .outcome = EXCHANGE_REQUESTED };
	int r = handshake_drop_request(client_keyfile(c), p->id);

	if (r == 0 && !q->authenticated)
		r = exchange_take_judge(c, p, q->content, sizeof(q->content),
		    &q->ts, &e);
	*done = e.outcome == EXCHANGE_REQUESTED;
	return r < 0 || !*done ? r : open_answer(c, p, q, h, done);
}

/* Nothing new to say: of a finish and an answer the later one, again. */
static int
choose_last(struct client *c, const struct peer *p, struct handshake *h,
    bool *done)
{
	struct handshake open;
	bool found;
	int r = handshake_get(client_keyfile(c), p->id, HANDSHAKE_RESPONDER,
	    &open, &found);

	if (r == 0 && found && (!*done || open.at > h->at))
		*h = open; /* a secret's copy */
	if (r == 0)
		*done |= found;
	secret_wipe(&open, sizeof(open));
	return r;
}

/* What the state asks for: the finish first, then an answer, else again. */
static int
choose_key(struct client *c, struct peer *p, struct handshake *h, bool *done)
{
	struct keyfile *kf = client_keyfile(c);
	struct handshake_request q;
	bool begun = false, asked = false;
	int r = handshake_get(kf, p->id, HANDSHAKE_INITIATOR, h, &begun);

	*done = begun && h->stage != HANDSHAKE_REQUESTED;
	if (r == 0 && begun && h->stage == HANDSHAKE_ANSWERED)
		return finish(c, p, h);
	if (r == 0)
		r = handshake_get_request(kf, p->id, &q, &asked);
	if (r < 0)
		return r;
	return asked ? answer(c, p, &q, h, done) : choose_last(c, p, h, done);
}

/* The bundle of who asked may be newer than the one that is held. */
static int
refresh_for_request(struct client *c, const struct peer *p)
{
	struct handshake_request q;
	bool asked, wants = false;
	int r = handshake_get_request(client_keyfile(c), p->id, &q, &asked);

	if (r == 0 && asked && !q.authenticated)
		r = exchange_take_wants_bundle(c, p->id, q.content,
		    sizeof(q.content), &wants);
	return r == 0 && wants ? directory_refresh(c, p->id) : r;
}

int
exchange_send(struct client *c, const char *who, struct exchange *out)
{
	struct keyfile *kf = client_keyfile(c);
	struct handshake h = { 0 };
	bool done = false;
	int r = book_find(c, who, &out->peer);

	if (r == 0)
		r = keyfile_check_writable(kf);
	if (r == 0)
		r = client_connect(c);
	if (r == 0)
		r = refresh_for_request(c, &out->peer);
	if (r == 0)
		r = begin(c, &out->peer);
	if (r == 0)
		r = choose_key(c, &out->peer, &h, &done);
	if (r == 0)
		r = keyfile_commit(kf);
	keyfile_rollback(kf);
	if (r == 0)
		r = done
		    ? post(c, &h)
		    : book_no_session(c, &out->peer, "nothing to answer for");
	out->sent = true;
	memcpy(out->hsid, h.hsid, ID_LEN);
	secret_wipe(&h, sizeof(h));
	return r;
}

/* What to send again, noted as sent; *due false when it is too soon. */
static int
claim(struct client *c, const uint8_t peer[static ID_LEN],
    enum handshake_role role, struct handshake *h, bool *due)
{
	struct keyfile *kf = client_keyfile(c);
	uint64_t now = clock_wall_ms();
	bool found = false;
	int r = keyfile_begin(kf);

	if (r == 0)
		r = handshake_get(kf, peer, role, h, &found);
	*due = found && h->sent_at + EXCHANGE_RESEND_MS <= now;
	if (r == 0 && *due) {
		h->sent_at = now;
		r = handshake_put(kf, h);
	}
	if (r == 0 && *due)
		r = keyfile_commit(kf);
	keyfile_rollback(kf);
	return r;
}

int
exchange_resend(struct client *c, const uint8_t peer[static ID_LEN],
    enum handshake_role role)
{
	struct exchange again = { .sent = false };
	struct handshake h = { 0 };
	bool due;
	int r = claim(c, peer, role, &h, &due);

	memcpy(again.peer.id, peer, ID_LEN);
	if (r == 0 && due)
		r = h.stage == HANDSHAKE_REQUESTED ? request(c, &again)
						   : post(c, &h);
	secret_wipe(&h, sizeof(h));
	return r;
}

/* Was that request made with the static key that is current now? */
static int
is_of_current(struct client *c, const struct handshake *h, bool *is)
{
	struct keyfile *kf = client_keyfile(c);
	struct own then = { 0 }, now = { 0 };
	struct shake_header head;
	bool dated = false, found = false;
	int r = shake_peek_request(&head, h->sent, h->sent_len);

	if (r == 0)
		r = own_get_dated(kf, head.a_issued_at, &then, &dated);
	if (r == 0)
		r = own_get(kf, OWN_CURRENT, &now, &found);
	*is = dated && found &&
	    secret_equal(then.static_sk, now.static_sk, KEY_LEN);
	secret_wipe(&then, sizeof(then));
	secret_wipe(&now, sizeof(now));
	return r;
}

/* Rule 11 inside the transaction; *made: h is a new request, to be sent. */
static int
renew(struct client *c, struct peer *p, struct handshake *h, bool *made)
{
	bool pending, current = true;
	int r = handshake_get(client_keyfile(c), p->id, HANDSHAKE_INITIATOR, h,
	    &pending);

	if (r == 0 && pending && h->stage == HANDSHAKE_REQUESTED)
		r = is_of_current(c, h, &current);
	*made = r == 0 && !current;
	return *made ? make_request(c, p, h) : r;
}

int
exchange_renew(struct client *c, const uint8_t peer[static ID_LEN])
{
	struct keyfile *kf = client_keyfile(c);
	struct handshake h = { 0 };
	struct peer p;
	bool made = false;
	int r;

	memcpy(p.id, peer, ID_LEN);
	r = begin(c, &p);
	if (r == 0)
		r = renew(c, &p, &h, &made);
	if (r == 0)
		r = keyfile_commit(kf);
	keyfile_rollback(kf);
	if (r == 0 && made)
		r = post(c, &h);
	secret_wipe(&h, sizeof(h));
	return r;
}
