/* SPDX-License-Identifier: ISC */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* cmocka.h needs what stands above */
#include <cmocka.h>

#include "base/attr.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/secret.h"
#include "scratch.h"
#include "state/handshake.h"

#define NOW SCRATCH_NOW

static struct handshake
make(uint8_t peer, enum handshake_role role, enum handshake_stage stage)
{
	struct handshake h = {
		.role = role,
		.stage = stage,
		.sent_len = SHAKE_REQUEST_LEN,
		.ts = UINT64_MAX,
		.at = NOW,
		.sent_at = NOW + 1,
	};

	memset(h.peer, peer, ID_LEN);
	secret_random(h.hsid, ID_LEN);
	secret_random(h.sent, h.sent_len);
	secret_random(h.answer, sizeof(h.answer));
	if (role == HANDSHAKE_INITIATOR && stage != HANDSHAKE_FINISHED)
		secret_random(&h.pending, sizeof(h.pending));
	if (role == HANDSHAKE_RESPONDER)
		secret_random(&h.open, sizeof(h.open));
	return h;
}

static void
put(struct scratch *s, const struct handshake *h)
{
	scratch_begin(s);
	assert_int_equal(handshake_put(s->kf, h), 0);
	scratch_commit(s);
}

static bool
get(struct scratch *s, uint8_t peer, enum handshake_role role,
    struct handshake *h)
{
	bool found;

	assert_int_equal(
	    handshake_get(s->kf, scratch_id(peer).bytes, role, h, &found), 0);
	return found;
}

static void
check(struct scratch *s, const struct handshake *want)
{
	struct handshake h;

	assert_true(get(s, want->peer[0], want->role, &h));
	assert_memory_equal(h.peer, want->peer, ID_LEN);
	assert_int_equal(h.role, want->role);
	assert_int_equal(h.stage, want->stage);
	assert_memory_equal(h.hsid, want->hsid, ID_LEN);
	assert_int_equal(h.sent_len, want->sent_len);
	assert_memory_equal(h.sent, want->sent, want->sent_len);
	assert_memory_equal(h.answer, want->answer, sizeof(h.answer));
	assert_int_equal(h.ts, want->ts);
	assert_int_equal(h.at, want->at);
	assert_int_equal(h.sent_at, want->sent_at);
	if (want->role == HANDSHAKE_RESPONDER)
		assert_memory_equal(&h.open, &want->open, sizeof(h.open));
	else
		assert_memory_equal(&h.pending, &want->pending,
		    sizeof(h.pending));
}

static void
keeps_both_roles(void **state)
{
	struct scratch *s = *state;
	struct handshake a, b, h;

	assert_false(get(s, 1, HANDSHAKE_INITIATOR, &h));
	a = make(1, HANDSHAKE_INITIATOR, HANDSHAKE_REQUESTED);
	b = make(1, HANDSHAKE_RESPONDER, HANDSHAKE_OPEN);
	b.sent_len = SHAKE_ANSWER_LEN;
	put(s, &a);
	put(s, &b);
	scratch_reopen(s);
	check(s, &a);
	check(s, &b);
	a = make(1, HANDSHAKE_INITIATOR, HANDSHAKE_ANSWERED);
	put(s, &a);
	check(s, &a);
	check(s, &b);

	scratch_begin(s);
	assert_int_equal(handshake_drop(s->kf, a.peer, HANDSHAKE_RESPONDER), 0);
	scratch_commit(s);
	assert_false(get(s, 1, HANDSHAKE_RESPONDER, &h));
	check(s, &a);
	assert_false(get(s, 2, HANDSHAKE_INITIATOR, &h));
}

static void
walks_what_is_awaited(void **state)
{
	static const struct {
		uint8_t peer;
		enum handshake_role role;
		enum handshake_stage stage;
	} made[] = {
		{ 1, HANDSHAKE_INITIATOR, HANDSHAKE_REQUESTED },
		{ 1, HANDSHAKE_RESPONDER, HANDSHAKE_OPEN },
		{ 2, HANDSHAKE_INITIATOR, HANDSHAKE_ANSWERED },
		{ 3, HANDSHAKE_INITIATOR, HANDSHAKE_FINISHED },
		{ 4, HANDSHAKE_RESPONDER, HANDSHAKE_OPEN },
		{ 200, HANDSHAKE_INITIATOR, HANDSHAKE_REQUESTED },
	};
	struct scratch *s = *state;
	uint8_t peer[ID_LEN] = { 0 };
	struct handshake h;
	bool found;

	for (size_t i = 0; i < ARRAY_LEN(made); i++) {
		h = make(made[i].peer, made[i].role, made[i].stage);
		put(s, &h);
	}
	assert_int_equal(handshake_next_requested(s->kf, peer, &found), 0);
	assert_true(found && peer[0] == 1);
	assert_int_equal(handshake_next_requested(s->kf, peer, &found), 0);
	assert_true(found && peer[0] == 200);
	assert_int_equal(handshake_next_requested(s->kf, peer, &found), 0);
	assert_false(found);
}

static void
erases_what_is_finished(void **state)
{
	struct scratch *s = *state;
	struct handshake h = make(1, HANDSHAKE_INITIATOR, HANDSHAKE_ANSWERED);
	uint8_t box[512], e_sk[KEY_LEN];
	size_t len;

	memcpy(e_sk, h.pending.e_sk, KEY_LEN);
	put(s, &h);
	scratch_close(s);
	len = scratch_sql_blob(s, "SELECT state FROM shakes", box, sizeof(box));
	assert_true(len > SHAKE_PENDING_LEN);
	assert_true(scratch_has(s, box, len));
	assert_false(scratch_has(s, e_sk, KEY_LEN));
	scratch_reopen(s);
	h.stage = HANDSHAKE_FINISHED;
	secret_wipe(&h.open, sizeof(h.open));
	put(s, &h);
	check(s, &h);
	scratch_close(s);
	assert_int_equal(
	    scratch_sql(s, "SELECT count(*) FROM shakes WHERE state IS NULL"),
	    1);
	assert_false(scratch_has(s, box, len));
}

static struct handshake_request
request(uint8_t peer, bool authenticated)
{
	struct handshake_request q = {
		.authenticated = authenticated,
		.ts = authenticated ? NOW : 0,
		.at = NOW,
	};

	memset(q.peer, peer, ID_LEN);
	secret_random(q.hsid, ID_LEN);
	secret_random(q.content, sizeof(q.content));
	return q;
}

static void
put_request(struct scratch *s, const struct handshake_request *q)
{
	scratch_begin(s);
	assert_int_equal(handshake_put_request(s->kf, q), 0);
	scratch_commit(s);
}

static void
keeps_one_request_a_peer(void **state)
{
	struct scratch *s = *state;
	struct handshake_request q = request(1, false), got;
	bool found;
	size_t n;

	assert_int_equal(handshake_get_request(s->kf, q.peer, &got, &found), 0);
	assert_false(found);
	put_request(s, &q);
	q = request(1, false);
	put_request(s, &q);
	scratch_reopen(s);
	assert_int_equal(handshake_get_request(s->kf, q.peer, &got, &found), 0);
	assert_true(found);
	assert_memory_equal(got.peer, q.peer, ID_LEN);
	assert_memory_equal(got.hsid, q.hsid, ID_LEN);
	assert_memory_equal(got.content, q.content, sizeof(q.content));
	assert_int_equal(got.authenticated, q.authenticated);
	assert_int_equal(got.ts, q.ts);
	assert_int_equal(got.at, q.at);

	q = request(2, true);
	put_request(s, &q);
	q = request(3, false);
	put_request(s, &q);
	assert_int_equal(handshake_count_strangers(s->kf, &n), 0);
	assert_int_equal(n, 2);
	scratch_begin(s);
	assert_int_equal(handshake_drop_request(s->kf, q.peer), 0);
	scratch_commit(s);
	assert_int_equal(handshake_count_strangers(s->kf, &n), 0);
	assert_int_equal(n, 1);
}

static bool
is_done(struct scratch *s, uint8_t peer, uint8_t hsid)
{
	bool done;

	assert_int_equal(handshake_is_done(s->kf, scratch_id(peer).bytes,
			     scratch_id(hsid).bytes, &done),
	    0);
	return done;
}

static void
remembers_eight(void **state)
{
	struct scratch *s = *state;

	for (uint8_t n = 1; n <= 10; n++) {
		scratch_begin(s);
		assert_int_equal(handshake_add_done(s->kf, scratch_id(1).bytes,
				     scratch_id(n).bytes, NOW),
		    0);
		assert_int_equal(handshake_add_done(s->kf, scratch_id(2).bytes,
				     scratch_id(1).bytes, NOW),
		    0);
		scratch_commit(s);
	}
	for (uint8_t n = 1; n <= 10; n++)
		assert_int_equal(is_done(s, 1, n), n > 2);
	assert_true(is_done(s, 2, 1));
	assert_false(is_done(s, 2, 9));
}

static void
expire(struct scratch *s, uint64_t now)
{
	scratch_begin(s);
	assert_int_equal(handshake_expire(s->kf, now), 0);
	scratch_commit(s);
}

static void
forgets_in_time(void **state)
{
	static const struct {
		enum handshake_role role;
		enum handshake_stage stage;
		uint64_t days;
	} table[] = {
		{ HANDSHAKE_INITIATOR, HANDSHAKE_REQUESTED, 7 },
		{ HANDSHAKE_INITIATOR, HANDSHAKE_ANSWERED, 7 },
		{ HANDSHAKE_INITIATOR, HANDSHAKE_FINISHED, 37 },
		{ HANDSHAKE_RESPONDER, HANDSHAKE_OPEN, 37 },
	};
	struct scratch *s = *state;
	struct handshake_request q = request(9, false);
	struct handshake h;
	bool found;

	for (size_t i = 0; i < ARRAY_LEN(table); i++) {
		const uint64_t end = NOW + table[i].days * CLOCK_DAY;

		h = make(1, table[i].role, table[i].stage);
		put(s, &h);
		expire(s, end);
		assert_true(get(s, 1, table[i].role, &h));
		expire(s, end + 1);
		assert_false(get(s, 1, table[i].role, &h));
	}
	put_request(s, &q);
	expire(s, NOW + 7 * CLOCK_DAY);
	assert_int_equal(handshake_get_request(s->kf, q.peer, &q, &found), 0);
	assert_true(found);
	expire(s, NOW + 7 * CLOCK_DAY + 1);
	assert_int_equal(handshake_get_request(s->kf, q.peer, &q, &found), 0);
	assert_false(found);
	/* a clock that stands before all times */
	expire(s, 0);
}

static void
refuses_damage(void **state)
{
	static const char *const damage[] = {
		"UPDATE shakes SET stage = 3",
		"UPDATE shakes SET stage = 1",
		"UPDATE shakes SET stage = 0",
		"UPDATE shakes SET sent = zeroblob(141)",
		"UPDATE shakes SET answer = x''",
		"UPDATE shakes SET state = NULL",
		"UPDATE shakes SET state = zeroblob(216)",
	};
	struct scratch *s = *state;
	struct handshake h;
	bool found;

	for (size_t i = 0; i < ARRAY_LEN(damage); i++) {
		h = make(1, HANDSHAKE_RESPONDER, HANDSHAKE_OPEN);
		put(s, &h);
		scratch_close(s);
		scratch_sql(s, damage[i]);
		scratch_reopen(s);
		assert_int_equal(handshake_get(s->kf, h.peer,
				     HANDSHAKE_RESPONDER, &h, &found),
		    ERR_CORRUPT);
	}
}

#define FRESH(test) \
	cmocka_unit_test_setup_teardown(test, scratch_setup, scratch_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		FRESH(keeps_both_roles),
		FRESH(walks_what_is_awaited),
		FRESH(erases_what_is_finished),
		FRESH(keeps_one_request_a_peer),
		FRESH(remembers_eight),
		FRESH(forgets_in_time),
		FRESH(refuses_damage),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
