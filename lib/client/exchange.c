/* SPDX-License-Identifier: ISC */
#include "client/exchange.h"

#include <string.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/secret.h"
#include "client/book.h"
#include "client/enroll.h"
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
		r = enroll_refresh(c, p->id);
	secret_wipe(&h, sizeof(h));
	return r;
}

int
exchange_request(struct client *c, const char *who, struct exchange *out)
{
	struct keyfile *kf = client_keyfile(c);
	struct handshake h = { 0 };
	int r = book_find(c, who, &out->peer);

	if (r == 0)
		r = client_connect(c);
	if (r == 0)
		r = client_check_clock(c);
	if (r == 0)
		r = refresh_if_old(c, &out->peer);
	if (r == 0)
		r = keyfile_begin(kf);
	if (r == 0)
		r = book_find(c, who, &out->peer);
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
	h->sent_at = now;
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

static int
nothing(const struct peer *p)
{
	const char *name = p->name[0] ? p->name : "PEER";
	int r = err_set(ERR_NO_SESSION, "nothing to answer for this peer");

	err_peer(p->name);
	err_hint("sentinel-keys request %s begins a handshake; sentinel-pull "
		 "fetches what has come",
	    name);
	return r;
}

/* The request becomes a half-open handshake with an answer to send. */
static int
open_answer(struct client *c, struct peer *p, const struct handshake_request *q,
    struct handshake *h)
{
	struct keyfile *kf = client_keyfile(c);
	uint8_t fresh[3 * KEY_LEN];
	struct shake_party a, b;
	struct shake_header head;
	struct own own = { 0 };
	bool found = false;
	int r = shake_peek_request(&head, q->content, sizeof(q->content));

	if (r == 0)
		r = own_get_dated(kf, head.b_issued_at, &own, &found);
	if (r < 0)
		return r;
	if (!found)
		return nothing(p);
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
	r = shake_answer(&h->open, h->sent, &a, &b, own.static_sk, q->content,
	    fresh);
	if (r == 0)
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
	struct keyfile *kf = client_keyfile(c);
	int r = 0;

	if (!q->authenticated)
		r = exchange_take_judge(c, p, q->content, sizeof(q->content),
		    &q->ts, &e);
	if (r == 0)
		r = handshake_drop_request(kf, p->id);
	*done = e.outcome == EXCHANGE_REQUESTED;
	return r < 0 || !*done ? r : open_answer(c, p, q, h);
}

/* What the state asks for: the finish first, then an answer, else again. */
static int
choose_key(struct client *c, struct peer *p, struct handshake *h, bool *done)
{
	struct keyfile *kf = client_keyfile(c);
	struct handshake_request q;
	bool begun = false, asked = false;
	int r = handshake_get(kf, p->id, HANDSHAKE_INITIATOR, h, &begun);

	*done = true;
	if (r == 0 && begun && h->stage == HANDSHAKE_ANSWERED)
		return finish(c, p, h);
	begun = begun && h->stage == HANDSHAKE_FINISHED;
	if (r == 0)
		r = handshake_get_request(kf, p->id, &q, &asked);
	if (r < 0)
		return r;
	if (asked)
		return answer(c, p, &q, h, done);
	if (!begun)
		r = handshake_get(kf, p->id, HANDSHAKE_RESPONDER, h, done);
	return r;
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
	return r == 0 && wants ? enroll_refresh(c, p->id) : r;
}

int
exchange_send(struct client *c, const char *who, struct exchange *out)
{
	struct keyfile *kf = client_keyfile(c);
	struct handshake h = { 0 };
	bool done = false;
	int r = book_find(c, who, &out->peer);

	if (r == 0)
		r = client_connect(c);
	if (r == 0)
		r = refresh_for_request(c, &out->peer);
	if (r == 0)
		r = keyfile_begin(kf);
	if (r == 0)
		r = book_find(c, who, &out->peer);
	if (r == 0)
		r = choose_key(c, &out->peer, &h, &done);
	if (r == 0)
		r = keyfile_commit(kf);
	keyfile_rollback(kf);
	if (r == 0)
		r = done ? post(c, &h) : nothing(&out->peer);
	out->sent = true;
	memcpy(out->hsid, h.hsid, ID_LEN);
	secret_wipe(&h, sizeof(h));
	return r;
}

int
exchange_resend(struct client *c, const uint8_t peer[static ID_LEN],
    enum handshake_role role)
{
	struct keyfile *kf = client_keyfile(c);
	uint64_t now = clock_wall_ms();
	struct handshake h = { 0 };
	bool found = false, due;
	int r = keyfile_begin(kf);

	if (r == 0)
		r = handshake_get(kf, peer, role, &h, &found);
	due = found && h.sent_at + EXCHANGE_RESEND_MS <= now;
	h.sent_at = now;
	if (r == 0 && due)
		r = handshake_put(kf, &h);
	if (r == 0 && due)
		r = keyfile_commit(kf);
	keyfile_rollback(kf);
	if (r == 0 && due)
		r = post(c, &h);
	secret_wipe(&h, sizeof(h));
	return r;
}
