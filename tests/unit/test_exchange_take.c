/* SPDX-License-Identifier: ISC */
/* Handshake messages as they come in: the rules of the state machine. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/le.h"
#include "base/secret.h"
#include "client/exchange_take.h"
#include "stage.h"
#include "state/session.h"

#define SESSIONS                                                   \
	"SELECT group_concat(quote(sid) || active || quote(state)" \
	" || expires_at) FROM sessions"

/* One message of type 1 or 2, in a transaction of its own. */
static struct exchange_event
take_request(struct stage *st, const struct puppet *p, const uint8_t *in,
    size_t len, size_t *strangers)
{
	struct exchange_event e;

	stage_begin(st);
	assert_int_equal(exchange_take_request(st->client, p->who.key.id, in,
			     len, strangers, &e),
	    0);
	stage_commit(st);
	return e;
}

static struct exchange_event
take_key(struct stage *st, const struct puppet *p, const uint8_t *in,
    size_t len)
{
	struct exchange_event e;

	stage_begin(st);
	assert_int_equal(
	    exchange_take_key(st->client, p->who.key.id, in, len, &e), 0);
	stage_commit(st);
	return e;
}

/* A type 1 dated ts, and what becomes of it. */
static enum exchange_outcome
ask_at(struct stage *st, struct puppet *p, uint64_t ts)
{
	uint8_t in[SHAKE_REQUEST_LEN];
	size_t strangers = 0;

	puppet_request(st, p, ts, in);
	return take_request(st, p, in, sizeof(in), &strangers).outcome;
}

/* --- rule 2: who is not pinned --- */

static void
stranger_is_kept_as_it_is(void **state)
{
	struct stage *st = *state;
	struct puppet eve;
	struct handshake_request q;
	struct exchange_event e;
	uint8_t in[SHAKE_REQUEST_LEN];
	size_t strangers = 0;
	bool found;

	puppet_make(&eve, 2, "eve");
	puppet_request(st, &eve, clock_wall_ms(), in);
	e = take_request(st, &eve, in, sizeof(in), &strangers);
	assert_int_equal(e.outcome, EXCHANGE_REQUESTED);
	assert_false(e.authenticated);
	assert_false(e.established);
	assert_memory_equal(e.hsid, eve.pending.hsid, ID_LEN);
	assert_int_equal(strangers, 1);
	assert_int_equal(
	    handshake_get_request(st->kf, eve.who.key.id, &q, &found), 0);
	assert_true(found);
	assert_memory_equal(q.content, in, sizeof(in));
	assert_memory_equal(q.hsid, eve.pending.hsid, ID_LEN);
	assert_false(q.authenticated);
	assert_int_equal(q.ts, 0);
	assert_int_equal(stage_sql(st, "SELECT count(*) FROM peers"), 1);
}

static void
strangers_newest_wins(void **state)
{
	struct stage *st = *state;
	struct stage_sum before, after;
	uint8_t in[SHAKE_REQUEST_LEN];
	struct handshake_request q;
	size_t strangers = 0;
	struct puppet eve;
	bool found;

	puppet_make(&eve, 2, "eve");
	assert_int_equal(ask_at(st, &eve, 7), EXCHANGE_REQUESTED);
	puppet_request(st, &eve, 6, in);
	assert_int_equal(
	    take_request(st, &eve, in, sizeof(in), &strangers).outcome,
	    EXCHANGE_REQUESTED);
	assert_int_equal(
	    handshake_get_request(st->kf, eve.who.key.id, &q, &found), 0);
	assert_memory_equal(q.content, in, sizeof(in));
	assert_int_equal(stage_sql(st, "SELECT count(*) FROM requests"), 1);
	/* the same again changes nothing, not even its time */
	before = stage_file(st);
	assert_int_equal(
	    take_request(st, &eve, in, sizeof(in), &strangers).outcome,
	    EXCHANGE_DROPPED);
	after = stage_file(st);
	stage_same(&before, &after);
}

static void
strangers_are_capped(void **state)
{
	struct stage *st = *state;
	size_t strangers = 0;
	struct puppet eve;
	uint8_t in[SHAKE_REQUEST_LEN];

	for (unsigned n = 0; n < 20; n++) {
		puppet_make(&eve, 10 + n, "eve");
		puppet_request(st, &eve, 5, in);
		assert_int_equal(
		    take_request(st, &eve, in, sizeof(in), &strangers).outcome,
		    n < EXCHANGE_TAKE_STRANGERS_PULL ? EXCHANGE_REQUESTED
						     : EXCHANGE_LEFT);
	}
	assert_int_equal(strangers, EXCHANGE_TAKE_STRANGERS_PULL);
	/* one that waits already may be replaced */
	puppet_make(&eve, 10, "eve");
	puppet_request(st, &eve, 6, in);
	assert_int_equal(
	    take_request(st, &eve, in, sizeof(in), &strangers).outcome,
	    EXCHANGE_REQUESTED);
	/* another pull; up to 256 in all */
	for (unsigned n = 16; n < 258; n++) {
		strangers = 0;
		puppet_make(&eve, 10 + n, "eve");
		puppet_request(st, &eve, 5, in);
		assert_int_equal(
		    take_request(st, &eve, in, sizeof(in), &strangers).outcome,
		    n < EXCHANGE_TAKE_STRANGERS_MAX ? EXCHANGE_REQUESTED
						    : EXCHANGE_LEFT);
	}
	assert_int_equal(stage_sql(st, "SELECT count(*) FROM requests"), 256);
	/* who is pinned does not count */
	assert_int_equal(ask_at(st, &st->bob, clock_wall_ms()),
	    EXCHANGE_REQUESTED);
}

static void
malformed(void **state)
{
	struct stage *st = *state;
	struct stage_sum before = stage_file(st), after;
	uint8_t in[SHAKE_ANSWER_LEN + 1] = { 0 };
	size_t strangers = 0;
	struct puppet eve;

	puppet_make(&eve, 2, "eve");
	puppet_request(st, &st->bob, clock_wall_ms(), in);
	for (size_t len = 0; len <= sizeof(in); len++) {
		if (len != SHAKE_REQUEST_LEN) {
			assert_int_equal(
			    take_request(st, &st->bob, in, len, &strangers)
				.outcome,
			    EXCHANGE_MALFORMED);
			assert_int_equal(
			    take_request(st, &eve, in, len, &strangers).outcome,
			    EXCHANGE_MALFORMED);
		}
		assert_int_equal(take_key(st, &st->bob, in, len).outcome,
		    EXCHANGE_MALFORMED);
	}
	assert_int_equal(strangers, 0);
	after = stage_file(st);
	stage_same(&before, &after);
}

/* --- rule 2: who is pinned --- */

static void
pinned_is_authenticated(void **state)
{
	struct stage *st = *state;
	uint64_t ts = clock_wall_ms();
	struct handshake_request q;
	struct exchange_event e;
	uint8_t in[SHAKE_REQUEST_LEN];
	size_t strangers = 0;
	bool found;

	puppet_request(st, &st->bob, ts, in);
	e = take_request(st, &st->bob, in, sizeof(in), &strangers);
	assert_int_equal(e.outcome, EXCHANGE_REQUESTED);
	assert_true(e.authenticated);
	assert_memory_equal(e.hsid, st->bob.pending.hsid, ID_LEN);
	assert_int_equal(strangers, 0);
	assert_int_equal(
	    handshake_get_request(st->kf, st->bob.who.key.id, &q, &found), 0);
	assert_true(found && q.authenticated);
	assert_int_equal(q.ts, ts);
	assert_memory_equal(q.content, in, sizeof(in));
	assert_int_equal(stage_peer(st, &st->bob).last_init_ts, ts);
	assert_false(stage_has(st, &st->bob, HANDSHAKE_RESPONDER));
}

/* No bit of it can be changed, and nothing is written. */
static void
request_flipped(void **state)
{
	struct stage *st = *state;
	struct stage_sum before = stage_file(st), after;
	uint8_t in[SHAKE_REQUEST_LEN];
	enum exchange_outcome outcome;
	size_t strangers = 0;

	puppet_request(st, &st->bob, clock_wall_ms(), in);
	for (size_t bit = 0; bit < 8 * sizeof(in); bit++) {
		in[bit / 8] ^= (uint8_t)(1 << bit % 8);
		outcome = take_request(st, &st->bob, in, sizeof(in), &strangers)
			      .outcome;
		in[bit / 8] ^= (uint8_t)(1 << bit % 8);
		if (bit < 32)
			assert_int_equal(outcome, EXCHANGE_MALFORMED);
		else if (bit >= 96 && bit < 160)
			assert_int_equal(outcome, EXCHANGE_STALE_BUNDLE);
		else
			assert_int_equal(outcome, EXCHANGE_DROPPED);
	}
	after = stage_file(st);
	stage_same(&before, &after);
	assert_int_equal(
	    take_request(st, &st->bob, in, sizeof(in), &strangers).outcome,
	    EXCHANGE_REQUESTED);
}

static void
another_key_does_not_authenticate(void **state)
{
	struct stage *st = *state;

	caller_rekey(&st->bob.who, 77);
	assert_int_equal(ask_at(st, &st->bob, clock_wall_ms()),
	    EXCHANGE_DROPPED);
	assert_int_equal(stage_peer(st, &st->bob).last_init_ts, 0);
	assert_false(stage_has_request(st, &st->bob));
}

/* A type 1 of our own, or of bob's to somebody else, played back. */
static void
reflection(void **state)
{
	struct stage *st = *state;
	struct stage_sum before, after;
	struct puppet carol;
	uint8_t own[SHAKE_REQUEST_LEN], other[SHAKE_REQUEST_LEN];
	size_t strangers = 0;

	puppet_make(&carol, 3, "carol");
	stage_pin(st, &carol);
	stage_request(st, &st->bob, own);
	puppet_request(st, &st->bob, clock_wall_ms(), other);
	before = stage_file(st);
	/* its second date is bob's, which is no key of ours */
	assert_int_equal(
	    take_request(st, &st->bob, own, sizeof(own), &strangers).outcome,
	    EXCHANGE_STALE_BUNDLE);
	/* unless both were dated alike */
	memcpy(own + 12, other + 12, 8);
	assert_int_equal(
	    take_request(st, &st->bob, own, sizeof(own), &strangers).outcome,
	    EXCHANGE_DROPPED);
	assert_int_equal(
	    take_request(st, &carol, other, sizeof(other), &strangers).outcome,
	    EXCHANGE_DROPPED);
	after = stage_file(st);
	stage_same(&before, &after);
}

static void
ahead(void **state)
{
	struct stage *st = *state;
	uint64_t day = clock_wall_ms() + CLOCK_SKEW_MS;
	struct stage_sum before = stage_file(st), after;

	assert_int_equal(ask_at(st, &st->bob, day + 60000), EXCHANGE_DROPPED);
	assert_int_equal(ask_at(st, &st->bob, UINT64_MAX), EXCHANGE_DROPPED);
	after = stage_file(st);
	stage_same(&before, &after);
	assert_int_equal(ask_at(st, &st->bob, day - 60000), EXCHANGE_REQUESTED);
}

/* Older, or as old and another: nothing; newer: the newest waits. */
static void
order_of_requests(void **state)
{
	struct stage *st = *state;
	uint64_t ts = clock_wall_ms();
	struct handshake_request q;
	struct stage_sum before, after;
	bool found;

	assert_int_equal(ask_at(st, &st->bob, ts), EXCHANGE_REQUESTED);
	before = stage_file(st);
	assert_int_equal(ask_at(st, &st->bob, ts - 1), EXCHANGE_DROPPED);
	assert_int_equal(ask_at(st, &st->bob, 0), EXCHANGE_DROPPED);
	assert_int_equal(ask_at(st, &st->bob, ts), EXCHANGE_DROPPED);
	after = stage_file(st);
	stage_same(&before, &after);
	assert_int_equal(ask_at(st, &st->bob, ts + 1), EXCHANGE_REQUESTED);
	assert_int_equal(
	    handshake_get_request(st->kf, st->bob.who.key.id, &q, &found), 0);
	assert_int_equal(q.ts, ts + 1);
	assert_memory_equal(q.hsid, st->bob.pending.hsid, ID_LEN);
	assert_int_equal(stage_peer(st, &st->bob).last_init_ts, ts + 1);
}

/* The same one again: no effect, then the cached answer, then none again. */
static void
repeated(void **state)
{
	struct stage *st = *state;
	uint8_t in[SHAKE_REQUEST_LEN], answer[SHAKE_ANSWER_LEN];
	uint8_t finish[SHAKE_FINISH_LEN];
	struct stage_sum before, after;
	struct exchange_event e;
	size_t strangers = 0;

	puppet_request(st, &st->bob, clock_wall_ms(), in);
	take_request(st, &st->bob, in, sizeof(in), &strangers);
	before = stage_file(st);
	e = take_request(st, &st->bob, in, sizeof(in), &strangers);
	assert_int_equal(e.outcome, EXCHANGE_DROPPED);
	after = stage_file(st);
	stage_same(&before, &after);

	stage_answer(st, &st->bob, answer);
	before = stage_file(st);
	e = take_request(st, &st->bob, in, sizeof(in), &strangers);
	assert_int_equal(e.outcome, EXCHANGE_RESEND);
	assert_int_equal(e.role, HANDSHAKE_RESPONDER);
	after = stage_file(st);
	stage_same(&before, &after);

	puppet_finish(st, &st->bob, answer, finish);
	take_key(st, &st->bob, finish, sizeof(finish));
	before = stage_file(st);
	e = take_request(st, &st->bob, in, sizeof(in), &strangers);
	assert_int_equal(e.outcome, EXCHANGE_DROPPED);
	after = stage_file(st);
	stage_same(&before, &after);
}

/* Finished, it is known by its id even when our key of then is gone. */
static void
repeated_after_its_key(void **state)
{
	struct stage *st = *state;
	uint8_t in[SHAKE_REQUEST_LEN], answer[SHAKE_ANSWER_LEN];
	uint8_t finish[SHAKE_FINISH_LEN];
	size_t strangers = 0;

	puppet_request(st, &st->bob, clock_wall_ms(), in);
	take_request(st, &st->bob, in, sizeof(in), &strangers);
	stage_answer(st, &st->bob, answer);
	puppet_finish(st, &st->bob, answer, finish);
	take_key(st, &st->bob, finish, sizeof(finish));
	stage_sql(st, "UPDATE own_keys SET issued_at = 1");
	assert_int_equal(
	    take_request(st, &st->bob, in, sizeof(in), &strangers).outcome,
	    EXCHANGE_DROPPED);
}

/* --- bundles of then --- */

/* Which of our keys it was made with: any that is kept will do. */
static void
own_keys_of_then(void **state)
{
	struct stage *st = *state;
	uint8_t in[SHAKE_REQUEST_LEN], next[SHAKE_REQUEST_LEN];
	uint64_t now = clock_wall_ms();
	struct own old = st->own;
	struct puppet carol;
	size_t strangers = 0;
	bool found;

	puppet_make(&carol, 3, "carol");
	stage_pin(st, &carol);
	stage_begin(st);
	assert_int_equal(own_make_next(st->kf), 0);
	assert_int_equal(own_date_next(st->kf, now + 5), 0);
	assert_int_equal(own_get(st->kf, OWN_NEXT, &st->own, &found), 0);
	stage_commit(st);
	/* next, then current with the other one former */
	puppet_request(st, &st->bob, 1, next);
	assert_int_equal(
	    take_request(st, &st->bob, next, sizeof(next), &strangers).outcome,
	    EXCHANGE_REQUESTED);
	stage_begin(st);
	assert_int_equal(own_confirm_next(st->kf, now + 5, now), 0);
	stage_commit(st);
	assert_int_equal(ask_at(st, &st->bob, 2), EXCHANGE_REQUESTED);
	st->own = old;
	puppet_request(st, &carol, 3, in);
	assert_int_equal(
	    take_request(st, &carol, in, sizeof(in), &strangers).outcome,
	    EXCHANGE_REQUESTED);
	/* the former one's time is over */
	stage_sql(st, "DELETE FROM own_keys WHERE state = 3");
	st->own = old;
	puppet_request(st, &carol, 4, in);
	assert_int_equal(
	    take_request(st, &carol, in, sizeof(in), &strangers).outcome,
	    EXCHANGE_STALE_BUNDLE);
	assert_int_equal(stage_peer(st, &carol).last_init_ts, 3);
}

static bool
wants(struct stage *st, const struct puppet *p, const uint8_t *in, size_t len)
{
	bool w;

	assert_int_equal(
	    exchange_take_wants_bundle(st->client, p->who.key.id, in, len, &w),
	    0);
	return w;
}

/* A newer bundle is asked for only when the one held does not do. */
static void
wants_a_newer_bundle(void **state)
{
	struct stage *st = *state;
	uint8_t in[SHAKE_REQUEST_LEN];
	struct puppet eve;

	puppet_make(&eve, 2, "eve");
	puppet_request(st, &eve, 1, in);
	assert_false(wants(st, &eve, in, sizeof(in)));
	puppet_request(st, &st->bob, 1, in);
	assert_false(wants(st, &st->bob, in, sizeof(in)));
	assert_false(wants(st, &st->bob, in, sizeof(in) - 1));
	/* another prekey, the same static */
	st->bob.who.key.issued_at++;
	puppet_request(st, &st->bob, 1, in);
	assert_false(wants(st, &st->bob, in, sizeof(in)));
	caller_rekey(&st->bob.who, 77);
	puppet_request(st, &st->bob, 1, in);
	assert_true(wants(st, &st->bob, in, sizeof(in)));
	/* not newer: it is the one held that does not do */
	st->bob.who.key.issued_at--;
	puppet_request(st, &st->bob, 1, in);
	assert_false(wants(st, &st->bob, in, sizeof(in)));
	/* made with a key of ours that is gone: no bundle helps */
	st->bob.who.key.issued_at++;
	st->own.issued_at--;
	puppet_request(st, &st->bob, 1, in);
	assert_false(wants(st, &st->bob, in, sizeof(in)));
}

/* --- rule 3: both have asked --- */

static void
glare_smaller_stays(void **state)
{
	struct stage *st = *state;
	uint64_t ts = clock_wall_ms();
	uint8_t own[SHAKE_REQUEST_LEN], in[SHAKE_REQUEST_LEN];
	struct handshake before, after;
	struct exchange_event e;
	struct puppet carol;
	size_t strangers = 0;

	stage_make_beside(st, &carol, false);
	stage_request(st, &carol, own);
	before = stage_handshake(st, &carol, HANDSHAKE_INITIATOR);
	puppet_request(st, &carol, ts, in);
	e = take_request(st, &carol, in, sizeof(in), &strangers);
	assert_int_equal(e.outcome, EXCHANGE_RESEND);
	assert_int_equal(e.role, HANDSHAKE_INITIATOR);
	assert_false(stage_has_request(st, &carol));
	after = stage_handshake(st, &carol, HANDSHAKE_INITIATOR);
	assert_memory_equal(&before, &after, sizeof(after));
	/* it is used up all the same, so that it cannot come back later */
	assert_int_equal(stage_peer(st, &carol).last_init_ts, ts);
	stage_begin(st);
	assert_int_equal(
	    handshake_drop(st->kf, carol.who.key.id, HANDSHAKE_INITIATOR), 0);
	stage_commit(st);
	e = take_request(st, &carol, in, sizeof(in), &strangers);
	assert_int_equal(e.outcome, EXCHANGE_DROPPED);
}

static void
glare_larger_gives_way(void **state)
{
	struct stage *st = *state;
	uint8_t own[SHAKE_REQUEST_LEN], answer[SHAKE_ANSWER_LEN];
	struct puppet carol;

	stage_make_beside(st, &carol, true);
	stage_request(st, &carol, own);
	assert_int_equal(ask_at(st, &carol, clock_wall_ms()),
	    EXCHANGE_REQUESTED);
	assert_true(stage_has_request(st, &carol));
	assert_false(stage_has(st, &carol, HANDSHAKE_INITIATOR));
	/* an answer to what was dropped is dropped */
	puppet_answer(st, &carol, own, answer);
	assert_int_equal(take_key(st, &carol, answer, sizeof(answer)).outcome,
	    EXCHANGE_DROPPED);
	assert_false(stage_has(st, &carol, HANDSHAKE_INITIATOR));
}

/* One that does not authenticate decides nothing. */
static void
glare_needs_proof(void **state)
{
	struct stage *st = *state;
	uint8_t own[SHAKE_REQUEST_LEN];
	struct puppet carol;

	stage_make_beside(st, &carol, true);
	stage_request(st, &carol, own);
	caller_rekey(&carol.who, 77);
	assert_int_equal(ask_at(st, &carol, clock_wall_ms()), EXCHANGE_DROPPED);
	assert_true(stage_has(st, &carol, HANDSHAKE_INITIATOR));
}

/* With the answer here, or the finish sent, it is no glare any more. */
static void
no_glare_once_answered(void **state)
{
	struct stage *st = *state;
	uint8_t own[SHAKE_REQUEST_LEN], answer[SHAKE_ANSWER_LEN];
	uint8_t finish[SHAKE_FINISH_LEN];
	struct handshake h;

	for (int side = 0; side < 2; side++) {
		struct puppet carol;

		stage_make_beside(st, &carol, side == 0);
		stage_request(st, &carol, own);
		puppet_answer(st, &carol, own, answer);
		take_key(st, &carol, answer, sizeof(answer));
		assert_int_equal(ask_at(st, &carol, 5), EXCHANGE_REQUESTED);
		h = stage_handshake(st, &carol, HANDSHAKE_INITIATOR);
		assert_int_equal(h.stage, HANDSHAKE_ANSWERED);
		stage_finish(st, &carol, finish);
		assert_int_equal(ask_at(st, &carol, 6), EXCHANGE_REQUESTED);
		h = stage_handshake(st, &carol, HANDSHAKE_INITIATOR);
		assert_int_equal(h.stage, HANDSHAKE_FINISHED);
	}
}

/* --- rule 4: the answer --- */

static void
answer_is_kept(void **state)
{
	struct stage *st = *state;
	uint8_t own[SHAKE_REQUEST_LEN], answer[SHAKE_ANSWER_LEN];
	struct stage_sum before, after;
	struct exchange_event e;
	struct handshake h;

	stage_request(st, &st->bob, own);
	puppet_answer(st, &st->bob, own, answer);
	e = take_key(st, &st->bob, answer, sizeof(answer));
	assert_int_equal(e.outcome, EXCHANGE_RECEIVED);
	assert_false(e.established);
	assert_memory_equal(e.hsid, st->bob.open.hsid, ID_LEN);
	h = stage_handshake(st, &st->bob, HANDSHAKE_INITIATOR);
	assert_int_equal(h.stage, HANDSHAKE_ANSWERED);
	assert_memory_equal(h.answer, answer, sizeof(answer));
	assert_memory_equal(h.sent, own, sizeof(own));
	assert_int_equal(stage_sql(st, "SELECT count(*) FROM sessions"), 0);
	/* a second one, the same or another, is too late */
	before = stage_file(st);
	e = take_key(st, &st->bob, answer, sizeof(answer));
	assert_int_equal(e.outcome, EXCHANGE_DROPPED);
	puppet_answer(st, &st->bob, own, answer);
	e = take_key(st, &st->bob, answer, sizeof(answer));
	assert_int_equal(e.outcome, EXCHANGE_DROPPED);
	after = stage_file(st);
	stage_same(&before, &after);
}

static void
answer_once_finished(void **state)
{
	struct stage *st = *state;
	uint8_t own[SHAKE_REQUEST_LEN], answer[SHAKE_ANSWER_LEN];
	uint8_t finish[SHAKE_FINISH_LEN];
	struct stage_sum before, after;
	struct exchange_event e;

	stage_request(st, &st->bob, own);
	puppet_answer(st, &st->bob, own, answer);
	take_key(st, &st->bob, answer, sizeof(answer));
	stage_finish(st, &st->bob, finish);
	before = stage_file(st);
	e = take_key(st, &st->bob, answer, sizeof(answer));
	assert_int_equal(e.outcome, EXCHANGE_RESEND);
	assert_int_equal(e.role, HANDSHAKE_INITIATOR);
	/* nothing is said to one that was never asked for */
	answer[4] ^= 1;
	e = take_key(st, &st->bob, answer, sizeof(answer));
	assert_int_equal(e.outcome, EXCHANGE_DROPPED);
	after = stage_file(st);
	stage_same(&before, &after);
}

static void
answer_flipped(void **state)
{
	struct stage *st = *state;
	uint8_t own[SHAKE_REQUEST_LEN], in[SHAKE_ANSWER_LEN];
	struct stage_sum before, after;
	enum exchange_outcome outcome;

	stage_request(st, &st->bob, own);
	puppet_answer(st, &st->bob, own, in);
	before = stage_file(st);
	for (size_t bit = 0; bit < 8 * sizeof(in); bit++) {
		in[bit / 8] ^= (uint8_t)(1 << bit % 8);
		outcome = take_key(st, &st->bob, in, sizeof(in)).outcome;
		in[bit / 8] ^= (uint8_t)(1 << bit % 8);
		assert_int_equal(outcome,
		    bit < 32 ? EXCHANGE_MALFORMED : EXCHANGE_DROPPED);
	}
	after = stage_file(st);
	stage_same(&before, &after);
	assert_int_equal(take_key(st, &st->bob, in, sizeof(in)).outcome,
	    EXCHANGE_RECEIVED);
}

/* From somebody else, to another request, or out of nothing. */
static void
answer_from_elsewhere(void **state)
{
	struct stage *st = *state;
	uint8_t own[SHAKE_REQUEST_LEN], second[SHAKE_REQUEST_LEN];
	uint8_t answer[SHAKE_ANSWER_LEN];
	struct stage_sum before, after;
	struct puppet carol, eve;

	puppet_make(&carol, 3, "carol");
	puppet_make(&eve, 2, "eve");
	stage_pin(st, &carol);
	stage_request(st, &st->bob, own);
	puppet_answer(st, &st->bob, own, answer);
	before = stage_file(st);
	assert_int_equal(take_key(st, &carol, answer, sizeof(answer)).outcome,
	    EXCHANGE_DROPPED);
	assert_int_equal(take_key(st, &eve, answer, sizeof(answer)).outcome,
	    EXCHANGE_DROPPED);
	after = stage_file(st);
	stage_same(&before, &after);
	/* the request was made anew since; then with the new one's id */
	stage_request(st, &st->bob, second);
	assert_int_equal(take_key(st, &st->bob, answer, sizeof(answer)).outcome,
	    EXCHANGE_DROPPED);
	memcpy(answer + 4,
	    stage_handshake(st, &st->bob, HANDSHAKE_INITIATOR).hsid, ID_LEN);
	assert_int_equal(take_key(st, &st->bob, answer, sizeof(answer)).outcome,
	    EXCHANGE_DROPPED);
}

/* --- rule 5: the finish --- */

/* A request of bob's, answered by us; his finish. */
static void
half_open(struct stage *st, uint64_t ts, uint8_t finish[SHAKE_FINISH_LEN])
{
	uint8_t answer[SHAKE_ANSWER_LEN];

	assert_int_equal(ask_at(st, &st->bob, ts), EXCHANGE_REQUESTED);
	stage_answer(st, &st->bob, answer);
	puppet_finish(st, &st->bob, answer, finish);
}

static void
finish_makes_the_session(void **state)
{
	struct stage *st = *state;
	uint8_t finish[SHAKE_FINISH_LEN];
	struct peer p = stage_peer(st, &st->bob);
	struct stage_sum before, after;
	struct exchange_event e;
	struct ratchet s;
	bool found;

	p.reset_needed = true;
	p.undecryptable = 2;
	stage_put_peer(st, &p);
	half_open(st, 1, finish);
	e = take_key(st, &st->bob, finish, sizeof(finish));
	assert_int_equal(e.outcome, EXCHANGE_RECEIVED);
	assert_true(e.established);
	assert_memory_equal(e.hsid, st->bob.pending.hsid, ID_LEN);
	assert_int_equal(
	    session_get_active(st->kf, st->bob.who.key.id, &s, &found), 0);
	assert_true(found);
	assert_memory_equal(s.sid, st->bob.session.sid, RATCHET_SID_LEN);
	assert_false(stage_has(st, &st->bob, HANDSHAKE_RESPONDER));
	p = stage_peer(st, &st->bob);
	assert_false(p.reset_needed);
	assert_int_equal(p.undecryptable, 0);
	/* again: acknowledged without effect */
	before = stage_file(st);
	e = take_key(st, &st->bob, finish, sizeof(finish));
	assert_int_equal(e.outcome, EXCHANGE_DROPPED);
	after = stage_file(st);
	stage_same(&before, &after);
}

static void
finish_flipped(void **state)
{
	struct stage *st = *state;
	uint8_t in[SHAKE_FINISH_LEN];
	struct stage_sum before, after;
	enum exchange_outcome outcome;

	half_open(st, 1, in);
	before = stage_file(st);
	for (size_t bit = 0; bit < 8 * sizeof(in); bit++) {
		in[bit / 8] ^= (uint8_t)(1 << bit % 8);
		outcome = take_key(st, &st->bob, in, sizeof(in)).outcome;
		in[bit / 8] ^= (uint8_t)(1 << bit % 8);
		assert_int_equal(outcome,
		    bit < 32 ? EXCHANGE_MALFORMED : EXCHANGE_DROPPED);
	}
	after = stage_file(st);
	stage_same(&before, &after);
	assert_int_equal(take_key(st, &st->bob, in, sizeof(in)).outcome,
	    EXCHANGE_RECEIVED);
}

/* A newer half-open one replaces an older: its finish comes too late. */
static void
finish_of_an_older_one(void **state)
{
	struct stage *st = *state;
	uint8_t first[SHAKE_FINISH_LEN], second[SHAKE_FINISH_LEN];
	struct puppet carol;

	puppet_make(&carol, 3, "carol");
	stage_pin(st, &carol);
	half_open(st, 1, first);
	half_open(st, 2, second);
	assert_int_equal(take_key(st, &st->bob, first, sizeof(first)).outcome,
	    EXCHANGE_DROPPED);
	assert_int_equal(take_key(st, &carol, second, sizeof(second)).outcome,
	    EXCHANGE_DROPPED);
	assert_int_equal(take_key(st, &st->bob, second, sizeof(second)).outcome,
	    EXCHANGE_RECEIVED);
}

/* Contents of type 2 with the other step's meaning. */
static void
steps_are_not_confused(void **state)
{
	struct stage *st = *state;
	uint8_t own[SHAKE_REQUEST_LEN], answer[SHAKE_ANSWER_LEN];
	uint8_t finish[SHAKE_FINISH_LEN];
	struct stage_sum before, after;

	half_open(st, 1, finish);
	stage_request(st, &st->bob, own);
	puppet_answer(st, &st->bob, own, answer);
	before = stage_file(st);
	/* an answer with the half-open id, a finish with the pending one */
	memcpy(answer + 4, finish + 4, ID_LEN);
	assert_int_equal(take_key(st, &st->bob, answer, sizeof(answer)).outcome,
	    EXCHANGE_DROPPED);
	memcpy(finish + 4, st->bob.open.hsid, ID_LEN);
	assert_int_equal(take_key(st, &st->bob, finish, sizeof(finish)).outcome,
	    EXCHANGE_DROPPED);
	answer[1] = 3;
	finish[1] = 2;
	assert_int_equal(take_key(st, &st->bob, answer, sizeof(answer)).outcome,
	    EXCHANGE_MALFORMED);
	assert_int_equal(take_key(st, &st->bob, finish, sizeof(finish)).outcome,
	    EXCHANGE_MALFORMED);
	after = stage_file(st);
	stage_same(&before, &after);
}

/* --- rules 5 and 10: what a session does to the rest --- */

static void
request_touches_no_session(void **state)
{
	struct stage *st = *state;
	struct stage_sum before, after;
	uint8_t answer[SHAKE_ANSWER_LEN];

	stage_shake(st, &st->bob, true);
	stage_shake(st, &st->bob, false);
	before = stage_sum(st, SESSIONS);
	assert_int_equal(ask_at(st, &st->bob, clock_wall_ms()),
	    EXCHANGE_REQUESTED);
	stage_answer(st, &st->bob, answer);
	after = stage_sum(st, SESSIONS);
	stage_same(&before, &after);
}

static void
former_session_receives_on(void **state)
{
	struct stage *st = *state;
	uint64_t from = clock_wall_ms() + SESSION_KEEP_MS;

	stage_shake(st, &st->bob, true);
	stage_shake(st, &st->bob, true);
	assert_int_equal(
	    stage_sql(st, "SELECT count(*) FROM sessions WHERE active"), 1);
	assert_in_range(
	    stage_sql(st, "SELECT expires_at FROM sessions WHERE active = 0"),
	    from, from + 60000);
	/* as initiator we do not know yet that bob has the new one */
	stage_shake(st, &st->bob, false);
	assert_int_equal(stage_sql(st,
			     "SELECT count(*) FROM sessions "
			     "WHERE active = 0 AND expires_at = 0"),
	    1);
}

static void
session_ends_an_own_request(void **state)
{
	struct stage *st = *state;
	uint8_t own[SHAKE_REQUEST_LEN], answer[SHAKE_ANSWER_LEN];
	uint8_t finish[SHAKE_FINISH_LEN], sent[SHAKE_FINISH_LEN];
	struct handshake h;

	/* asked */
	half_open(st, 1, finish);
	stage_request(st, &st->bob, own);
	take_key(st, &st->bob, finish, sizeof(finish));
	assert_false(stage_has(st, &st->bob, HANDSHAKE_INITIATOR));
	/* answered */
	half_open(st, 2, finish);
	stage_request(st, &st->bob, own);
	puppet_answer(st, &st->bob, own, answer);
	take_key(st, &st->bob, answer, sizeof(answer));
	take_key(st, &st->bob, finish, sizeof(finish));
	assert_false(stage_has(st, &st->bob, HANDSHAKE_INITIATOR));
	/* finished: bob may still need it */
	half_open(st, 3, finish);
	stage_request(st, &st->bob, own);
	puppet_answer(st, &st->bob, own, answer);
	take_key(st, &st->bob, answer, sizeof(answer));
	stage_finish(st, &st->bob, sent);
	take_key(st, &st->bob, finish, sizeof(finish));
	h = stage_handshake(st, &st->bob, HANDSHAKE_INITIATOR);
	assert_int_equal(h.stage, HANDSHAKE_FINISHED);
	assert_memory_equal(h.sent, sent, sizeof(sent));
}

/* --- a request that waited for its sender's bundle --- */

static void
judged_after_the_fetch(void **state)
{
	struct stage *st = *state;
	struct exchange_event e = { .outcome = EXCHANGE_LEFT };
	uint64_t now = clock_wall_ms(), ts = 0;
	uint8_t in[SHAKE_REQUEST_LEN];
	struct puppet eve;
	struct peer p;

	puppet_make(&eve, 2, "eve");
	puppet_request(st, &eve, now, in);
	stage_pin(st, &eve);
	p = stage_peer(st, &eve);
	stage_begin(st);
	assert_int_equal(
	    exchange_take_judge(st->client, &p, in, sizeof(in), &ts, &e), 0);
	assert_int_equal(e.outcome, EXCHANGE_REQUESTED);
	assert_int_equal(ts, now);
	assert_int_equal(p.last_init_ts, now);
	in[50] ^= 1;
	assert_int_equal(
	    exchange_take_judge(st->client, &p, in, sizeof(in), &ts, &e), 0);
	assert_int_equal(e.outcome, EXCHANGE_DROPPED);
	assert_int_equal(exchange_take_judge(st->client, &p, in, 91, &ts, &e),
	    0);
	assert_int_equal(e.outcome, EXCHANGE_MALFORMED);
	stage_commit(st);
	assert_int_equal(stage_peer(st, &eve).last_init_ts, now);
}

/* A verified request is not replaced by what anybody could have sent. */
static void
verified_one_stays(void **state)
{
	struct stage *st = *state;
	uint8_t in[SHAKE_REQUEST_LEN];
	struct handshake_request q;
	size_t strangers = 0;
	bool found;

	puppet_request(st, &st->bob, 5, in);
	take_request(st, &st->bob, in, sizeof(in), &strangers);
	in[60] ^= 1;
	le_put64(in + 4, st->bob.who.key.issued_at + 1000);
	assert_int_equal(
	    take_request(st, &st->bob, in, sizeof(in), &strangers).outcome,
	    EXCHANGE_DROPPED);
	assert_int_equal(
	    handshake_get_request(st->kf, st->bob.who.key.id, &q, &found), 0);
	assert_true(found && q.authenticated);
	assert_memory_equal(q.hsid, st->bob.pending.hsid, ID_LEN);
}

#define FRESH(test) \
	cmocka_unit_test_setup_teardown(test, stage_setup, stage_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		FRESH(stranger_is_kept_as_it_is),
		FRESH(strangers_newest_wins),
		FRESH(strangers_are_capped),
		FRESH(malformed),
		FRESH(pinned_is_authenticated),
		FRESH(request_flipped),
		FRESH(another_key_does_not_authenticate),
		FRESH(reflection),
		FRESH(ahead),
		FRESH(order_of_requests),
		FRESH(repeated),
		FRESH(repeated_after_its_key),
		FRESH(own_keys_of_then),
		FRESH(wants_a_newer_bundle),
		FRESH(glare_smaller_stays),
		FRESH(glare_larger_gives_way),
		FRESH(glare_needs_proof),
		FRESH(no_glare_once_answered),
		FRESH(answer_is_kept),
		FRESH(answer_once_finished),
		FRESH(answer_flipped),
		FRESH(answer_from_elsewhere),
		FRESH(finish_makes_the_session),
		FRESH(finish_flipped),
		FRESH(finish_of_an_older_one),
		FRESH(steps_are_not_confused),
		FRESH(request_touches_no_session),
		FRESH(former_session_receives_on),
		FRESH(session_ends_an_own_request),
		FRESH(judged_after_the_fetch),
		FRESH(verified_one_stays),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
