/* SPDX-License-Identifier: ISC */
#include "client/exchange_take.h"

#include <string.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/secret.h"
#include "crypto/noise.h"
#include "state/session.h"

void
exchange_take_own_party(struct shake_party *out, struct client *c,
    const struct own *own)
{
	const struct keyfile_self *self = client_self(c);

	memcpy(out->id, self->id, ID_LEN);
	memcpy(out->identity_pk, self->identity_pk, KEY_LEN);
	noise_public(out->static_pk, own->static_sk);
	out->issued_at = own->issued_at;
}

void
exchange_take_peer_party(struct shake_party *out, const struct peer *p,
    uint64_t issued_at)
{
	memcpy(out->id, p->id, ID_LEN);
	memcpy(out->identity_pk, p->bundle.identity_pk, KEY_LEN);
	memcpy(out->static_pk, p->bundle.static_pk, KEY_LEN);
	out->issued_at = issued_at;
}

/* Decrypt it; the outcome is EXCHANGE_REQUESTED when that succeeds. */
static int
authenticate(struct client *c, const struct peer *p,
    const struct shake_header *head, const uint8_t *in, uint64_t *ts,
    enum exchange_outcome *outcome)
{
	struct shake_party a, b;
	struct own own;
	bool found;
	int r =
	    own_get_dated(client_keyfile(c), head->b_issued_at, &own, &found);

	if (r < 0)
		return r;
	*outcome = EXCHANGE_STALE_BUNDLE;
	if (found) {
		exchange_take_peer_party(&a, p, head->a_issued_at);
		exchange_take_own_party(&b, c, &own);
		r = shake_check_request(ts, &a, &b, own.static_sk, in);
		*outcome = r == 0 ? EXCHANGE_REQUESTED : EXCHANGE_DROPPED;
	}
	secret_wipe(&own, sizeof(own));
	return 0;
}

int
exchange_take_wants_bundle(struct client *c, const uint8_t from[static ID_LEN],
    const uint8_t *in, size_t len, bool *wants)
{
	enum exchange_outcome outcome;
	struct shake_header head;
	struct peer p;
	uint64_t ts;
	bool known;
	int r;

	*wants = false;
	if (shake_peek_request(&head, in, len) < 0)
		return 0;
	r = peers_get(client_keyfile(c), from, &p, &known);
	if (r < 0 || !known || head.a_issued_at <= p.issued_at)
		return r;
	r = authenticate(c, &p, &head, in, &ts, &outcome);
	if (r == 0)
		*wants = outcome == EXCHANGE_DROPPED;
	return r;
}

/* Rules 2 and 9: a type 1 as old as the newest one, or older. */
static int
judge_old(struct client *c, const struct peer *p, uint64_t ts,
    struct exchange_event *out)
{
	struct handshake h;
	bool open;
	int r = handshake_get(client_keyfile(c), p->id, HANDSHAKE_RESPONDER, &h,
	    &open);

	if (r < 0)
		return r;
	out->outcome = EXCHANGE_DROPPED;
	if (open && ts == p->last_init_ts &&
	    memcmp(h.hsid, out->hsid, ID_LEN) == 0) {
		out->outcome = EXCHANGE_RESEND;
		out->role = HANDSHAKE_RESPONDER;
	}
	secret_wipe(&h, sizeof(h));
	return 0;
}

/* Rule 3: both have asked; the smaller id stays initiator. */
static int
settle_glare(struct client *c, const struct peer *p, struct exchange_event *out)
{
	struct keyfile *kf = client_keyfile(c);
	struct handshake own;
	bool asked;
	int r = handshake_get(kf, p->id, HANDSHAKE_INITIATOR, &own, &asked);

	if (r < 0)
		return r;
	asked = asked && own.stage == HANDSHAKE_REQUESTED;
	secret_wipe(&own, sizeof(own));
	if (!asked)
		return 0;
	if (memcmp(client_self(c)->id, p->id, ID_LEN) > 0)
		return handshake_drop(kf, p->id, HANDSHAKE_INITIATOR);
	out->outcome = EXCHANGE_RESEND;
	out->role = HANDSHAKE_INITIATOR;
	return 0;
}

int
exchange_take_judge(struct client *c, struct peer *p, const uint8_t *in,
    size_t len, uint64_t *ts, struct exchange_event *out)
{
	struct shake_header head;
	bool done;
	int r;

	if (shake_peek_request(&head, in, len) < 0) {
		out->outcome = EXCHANGE_MALFORMED;
		return 0;
	}
	memcpy(out->hsid, head.hsid, ID_LEN);
	out->outcome = EXCHANGE_DROPPED;
	r = handshake_is_done(client_keyfile(c), p->id, head.hsid, &done);
	if (r < 0 || done)
		return r;
	r = authenticate(c, p, &head, in, ts, &out->outcome);
	if (r < 0 || out->outcome != EXCHANGE_REQUESTED)
		return r;
	out->authenticated = true;
	if (*ts > clock_wall_ms() + CLOCK_SKEW_MS) {
		out->outcome = EXCHANGE_DROPPED;
		return 0;
	}
	if (*ts <= p->last_init_ts)
		return judge_old(c, p, *ts, out);
	p->last_init_ts = *ts;
	r = peers_put(client_keyfile(c), p);
	return r < 0 ? r : settle_glare(c, p, out);
}

/* Step 5 comes before step 6: keep it as it is until the bundle is fetched. */
static int
take_stranger(struct client *c, const uint8_t from[static ID_LEN],
    const uint8_t *in, size_t len, size_t *strangers,
    struct exchange_event *out)
{
	struct keyfile *kf = client_keyfile(c);
	struct handshake_request q;
	struct shake_header head;
	bool waiting = false;
	size_t all = 0;
	int r;

	if (shake_peek_request(&head, in, len) < 0) {
		out->outcome = EXCHANGE_MALFORMED;
		return 0;
	}
	r = handshake_get_request(kf, from, &q, &waiting);
	if (r == 0)
		r = handshake_count_strangers(kf, &all);
	if (r < 0)
		return r;
	if (waiting && memcmp(q.hsid, head.hsid, ID_LEN) == 0)
		return 0;
	if (!waiting &&
	    (*strangers >= EXCHANGE_TAKE_STRANGERS_PULL ||
		all >= EXCHANGE_TAKE_STRANGERS_MAX)) {
		out->outcome = EXCHANGE_LEFT;
		return 0;
	}
	*strangers += !waiting;
	q = (struct handshake_request){ .at = clock_wall_ms() };
	memcpy(q.peer, from, ID_LEN);
	memcpy(q.hsid, head.hsid, ID_LEN);
	memcpy(q.content, in, SHAKE_REQUEST_LEN);
	memcpy(out->hsid, head.hsid, ID_LEN);
	out->outcome = EXCHANGE_REQUESTED;
	return handshake_put_request(kf, &q);
}

int
exchange_take_request(struct client *c, const uint8_t from[static ID_LEN],
    const uint8_t *in, size_t len, size_t *strangers,
    struct exchange_event *out)
{
	struct handshake_request q = { .authenticated = true };
	struct peer p;
	bool known;
	int r = peers_get(client_keyfile(c), from, &p, &known);

	*out = (struct exchange_event){ .outcome = EXCHANGE_DROPPED };
	if (r < 0)
		return r;
	if (!known)
		return take_stranger(c, from, in, len, strangers, out);
	r = exchange_take_judge(c, &p, in, len, &q.ts, out);
	if (r < 0 || out->outcome != EXCHANGE_REQUESTED)
		return r;
	q.at = clock_wall_ms();
	memcpy(q.peer, from, ID_LEN);
	memcpy(q.hsid, out->hsid, ID_LEN);
	memcpy(q.content, in, SHAKE_REQUEST_LEN);
	return handshake_put_request(client_keyfile(c), &q);
}

/* Step 8: the answer authenticates, decrypted on a copy; keep it whole. */
static int
take_answer(struct client *c, struct handshake *h, const uint8_t *in,
    struct exchange_event *out)
{
	struct keyfile *kf = client_keyfile(c);
	struct shake_header head;
	struct own own = { 0 };
	bool found = false;
	int r;

	out->outcome = EXCHANGE_DROPPED;
	if (h->stage == HANDSHAKE_FINISHED) {
		out->outcome = EXCHANGE_RESEND;
		out->role = HANDSHAKE_INITIATOR;
		return 0;
	}
	if (h->stage != HANDSHAKE_REQUESTED)
		return 0;
	r = shake_peek_request(&head, h->sent, h->sent_len);
	if (r == 0)
		r = own_get_dated(kf, head.a_issued_at, &own, &found);
	if (r < 0)
		return r;
	if (found && shake_check_answer(&h->pending, own.static_sk, in) == 0) {
		memcpy(h->answer, in, SHAKE_ANSWER_LEN);
		h->stage = HANDSHAKE_ANSWERED;
		out->outcome = EXCHANGE_RECEIVED;
		r = handshake_put(kf, h);
	}
	secret_wipe(&own, sizeof(own));
	return r;
}

/* Rule 10: an own request made before this session has no more purpose. */
static int
drop_pending(struct client *c, const uint8_t peer[static ID_LEN])
{
	struct keyfile *kf = client_keyfile(c);
	struct handshake own;
	bool found;
	int r = handshake_get(kf, peer, HANDSHAKE_INITIATOR, &own, &found);

	if (r == 0 && found && own.stage != HANDSHAKE_FINISHED)
		r = handshake_drop(kf, peer, HANDSHAKE_INITIATOR);
	secret_wipe(&own, sizeof(own));
	return r;
}

/* Step 10: the session exists, and so does the proof that it is fresh. */
static int
take_finish(struct client *c, struct handshake *h, const uint8_t *in,
    struct exchange_event *out)
{
	struct keyfile *kf = client_keyfile(c);
	uint64_t now = clock_wall_ms();
	uint8_t fresh[KEY_LEN];
	struct ratchet session;
	struct peer p;
	bool known;
	int r;

	out->outcome = EXCHANGE_DROPPED;
	secret_random(fresh, sizeof(fresh));
	if (shake_accept(&session, &h->open, in, fresh) < 0) {
		secret_wipe(fresh, sizeof(fresh));
		return 0;
	}
	r = session_activate(kf, h->peer, &session, false, now);
	if (r == 0)
		r = handshake_add_done(kf, h->peer, h->hsid, now);
	if (r == 0)
		r = handshake_drop(kf, h->peer, HANDSHAKE_RESPONDER);
	if (r == 0)
		r = drop_pending(c, h->peer);
	if (r == 0)
		r = peers_get(kf, h->peer, &p, &known);
	if (r == 0 && known) {
		p.reset_needed = false;
		p.undecryptable = 0;
		r = peers_put(kf, &p);
	}
	out->outcome = EXCHANGE_RECEIVED;
	out->established = true;
	secret_wipe(&session, sizeof(session));
	secret_wipe(fresh, sizeof(fresh));
	return r;
}

int
exchange_take_key(struct client *c, const uint8_t from[static ID_LEN],
    const uint8_t *in, size_t len, struct exchange_event *out)
{
	enum handshake_role role;
	enum shake_step step;
	struct handshake h;
	bool found;
	int r;

	*out = (struct exchange_event){ .outcome = EXCHANGE_MALFORMED };
	if (shake_peek_key(&step, out->hsid, in, len) < 0)
		return 0;
	out->outcome = EXCHANGE_DROPPED;
	role = step == SHAKE_STEP_ANSWER ? HANDSHAKE_INITIATOR
					 : HANDSHAKE_RESPONDER;
	r = handshake_get(client_keyfile(c), from, role, &h, &found);
	if (r == 0 && found && memcmp(h.hsid, out->hsid, ID_LEN) == 0)
		r = step == SHAKE_STEP_ANSWER ? take_answer(c, &h, in, out)
					      : take_finish(c, &h, in, out);
	secret_wipe(&h, sizeof(h));
	return r;
}
