/* SPDX-License-Identifier: ISC */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* cmocka.h needs what stands above */
#include <cmocka.h>

#include "base/attr.h"
#include "base/err.h"
#include "base/secret.h"
#include "scratch.h"
#include "state/colbox.h"
#include "state/session.h"

#define NOW      SCRATCH_NOW
#define SAVES    100
#define BOX_MAX  (RATCHET_PACKED_MAX + COLBOX_OVERHEAD)
#define KEY_BOX  (KEY_LEN + COLBOX_OVERHEAD)
#define HELD_LEN 400

static const uint8_t bob[ID_LEN] = { 1 };
static const uint8_t eve[ID_LEN] = { 2 };

/* A session with that many former chains, of which its length depends. */
static struct ratchet
make(uint8_t sid, uint8_t former_n)
{
	struct ratchet r;

	secret_random(&r, sizeof(r));
	memset(r.sid, sid, RATCHET_SID_LEN);
	r.ns = r.nr = r.pn = sid;
	r.has_ckr = true;
	r.former_n = former_n;
	for (size_t i = 0; i < FORMER_CHAINS; i++)
		r.former[i].nr &= INT32_MAX;
	return r;
}

static void
same(const struct ratchet *a, const struct ratchet *b)
{
	uint8_t pa[RATCHET_PACKED_MAX], pb[RATCHET_PACKED_MAX];
	size_t la, lb;

	ratchet_pack(pa, &la, a);
	ratchet_pack(pb, &lb, b);
	assert_int_equal(la, lb);
	assert_memory_equal(pa, pb, la);
}

static void
activate(struct scratch *s, const uint8_t *peer, const struct ratchet *r,
    bool lazy, uint64_t now)
{
	scratch_begin(s);
	assert_int_equal(session_activate(s->kf, peer, r, lazy, now), 0);
	scratch_commit(s);
}

static void
save(struct scratch *s, const struct ratchet *r)
{
	scratch_begin(s);
	assert_int_equal(session_save(s->kf, bob, r), 0);
	scratch_commit(s);
}

static void
expire(struct scratch *s, uint64_t now)
{
	scratch_begin(s);
	assert_int_equal(session_expire(s->kf, now), 0);
	scratch_commit(s);
}

static bool
has(struct scratch *s, const uint8_t *peer, uint8_t sid)
{
	uint8_t bytes[RATCHET_SID_LEN];
	struct ratchet r;
	bool found;

	memset(bytes, sid, sizeof(bytes));
	assert_int_equal(session_get(s->kf, peer, bytes, &r, &found), 0);
	if (found)
		assert_memory_equal(r.sid, bytes, sizeof(bytes));
	return found;
}

static void
keeps_the_active_one(void **state)
{
	struct scratch *s = *state;
	struct ratchet a = make(1, 3), b = make(2, 0), got;
	bool found;

	assert_int_equal(session_has_active(s->kf, bob, &found), 0);
	assert_false(found);
	assert_int_equal(session_get_active(s->kf, bob, &got, &found), 0);
	assert_false(found);
	activate(s, bob, &a, false, NOW);
	scratch_reopen(s);
	assert_int_equal(session_has_active(s->kf, bob, &found), 0);
	assert_true(found);
	assert_int_equal(session_get_active(s->kf, bob, &got, &found), 0);
	assert_true(found);
	same(&got, &a);

	activate(s, bob, &b, false, NOW);
	assert_int_equal(session_get_active(s->kf, bob, &got, &found), 0);
	same(&got, &b);
	assert_true(has(s, bob, 1));
	assert_int_equal(session_has_active(s->kf, eve, &found), 0);
	assert_false(found);
	assert_false(has(s, eve, 1));

	/* active or previous, both are saved; unknown ones are not */
	a.ns++;
	b.ns++;
	save(s, &a);
	save(s, &b);
	assert_int_equal(session_get(s->kf, bob, a.sid, &got, &found), 0);
	same(&got, &a);
	assert_int_equal(session_get_active(s->kf, bob, &got, &found), 0);
	same(&got, &b);
	scratch_begin(s);
	assert_int_equal(session_save(s->kf, eve, &a), ERR_INTERNAL);
	keyfile_rollback(s->kf);
}

static void
keeps_four_previous_ones(void **state)
{
	struct scratch *s = *state;

	for (uint8_t n = 1; n <= 7; n++) {
		struct ratchet r = make(n, 0);

		activate(s, bob, &r, true, NOW);
	}
	for (uint8_t n = 1; n <= 7; n++)
		assert_int_equal(has(s, bob, n), n > 2);
}

static void
lets_previous_ones_expire(void **state)
{
	struct scratch *s = *state;
	const uint64_t end = NOW + SESSION_KEEP_MS;
	struct ratchet a = make(1, 0), b = make(2, 0), c = make(3, 0);

	activate(s, bob, &a, false, NOW);
	activate(s, bob, &b, false, NOW);
	activate(s, bob, &c, true, NOW + 1);
	expire(s, end - 1);
	assert_true(has(s, bob, 1));
	expire(s, end);
	assert_false(has(s, bob, 1));
	/* lazily: from when the peer was heard */
	expire(s, end * 2);
	assert_true(has(s, bob, 2));
	scratch_begin(s);
	assert_int_equal(session_start_expiry(s->kf, bob, NOW + 5), 0);
	assert_int_equal(session_start_expiry(s->kf, bob, NOW + 9), 0);
	scratch_commit(s);
	expire(s, end + 4);
	assert_true(has(s, bob, 2));
	expire(s, end + 5);
	assert_false(has(s, bob, 2));
	expire(s, end * 2);
	assert_true(has(s, bob, 3));
}

/* --- skipped keys ----------------------------------------------------------
 */

static struct ratchet_skips
skips(uint8_t dh, uint32_t n, uint32_t left)
{
	struct ratchet_skips k = { .run = { { .n = n, .left = left } } };

	memset(k.run[0].dh, dh, KEY_LEN);
	memset(k.run[0].ck, dh, KEY_LEN);
	return k;
}

static void
add(struct scratch *s, const struct ratchet *r, uint8_t dh, uint32_t n,
    uint32_t left, uint64_t now)
{
	struct ratchet_skips k = skips(dh, n, left), zeros = { 0 };

	scratch_begin(s);
	assert_int_equal(session_add_skipped(s->kf, r->sid, &k, now), 0);
	scratch_commit(s);
	assert_memory_equal(&k, &zeros, sizeof(k));
}

static bool
has_key(struct scratch *s, const struct ratchet *r, uint8_t dh, uint32_t n)
{
	struct ratchet_skips k = skips(dh, 0, n + 1);
	uint8_t pub[KEY_LEN], mk[KEY_LEN], want[KEY_LEN];
	uint32_t at = 0;
	bool found;

	memset(pub, dh, KEY_LEN);
	assert_int_equal(session_get_skipped(s->kf, r->sid, pub, n, mk, &found),
	    0);
	while (found && ratchet_skips_take(&k, pub, &at, want))
		continue;
	if (found)
		assert_memory_equal(mk, want, KEY_LEN);
	return found;
}

static void
drop(struct scratch *s, const struct ratchet *r, uint8_t dh, uint32_t n)
{
	uint8_t pub[KEY_LEN];

	memset(pub, dh, KEY_LEN);
	scratch_begin(s);
	assert_int_equal(session_drop_skipped(s->kf, r->sid, pub, n), 0);
	scratch_commit(s);
}

static void
retires_all(void **state)
{
	struct scratch *s = *state;
	struct ratchet a = make(1, 0), b = make(2, 0), c = make(3, 0);
	bool active;

	activate(s, bob, &a, false, NOW);
	activate(s, bob, &b, true, NOW);
	activate(s, eve, &c, false, NOW);
	scratch_begin(s);
	assert_int_equal(session_retire(s->kf, bob, NOW), 0);
	scratch_commit(s);
	assert_int_equal(session_has_active(s->kf, bob, &active), 0);
	assert_false(active);
	assert_int_equal(session_has_active(s->kf, eve, &active), 0);
	assert_true(active);
	expire(s, NOW + SESSION_KEEP_MS - 1);
	assert_true(has(s, bob, 1) && has(s, bob, 2));
	expire(s, NOW + SESSION_KEEP_MS);
	assert_false(has(s, bob, 1) || has(s, bob, 2));
	assert_true(has(s, eve, 3));
}

static void
keeps_skipped_keys(void **state)
{
	struct scratch *s = *state;
	struct ratchet a = make(1, 0), b = make(2, 0);

	activate(s, bob, &a, false, NOW);
	add(s, &a, 7, 0, 20, NOW);
	scratch_reopen(s);
	for (uint32_t n = 0; n < 20; n++)
		assert_true(has_key(s, &a, 7, n));
	assert_false(has_key(s, &a, 7, 20));
	assert_false(has_key(s, &a, 8, 0));
	assert_false(has_key(s, &b, 7, 0));
	drop(s, &a, 7, 10);
	assert_false(has_key(s, &a, 7, 10));
	assert_true(has_key(s, &a, 7, 9));

	expire(s, NOW + SESSION_SKIP_KEEP_MS);
	assert_true(has_key(s, &a, 7, 9));
	expire(s, NOW + SESSION_SKIP_KEEP_MS + 1);
	assert_false(has_key(s, &a, 7, 9));
}

static void
keeps_no_more_than_allowed(void **state)
{
	struct scratch *s = *state;
	struct ratchet a = make(1, 0), b = make(2, 0);

	activate(s, bob, &a, false, NOW);
	activate(s, eve, &b, false, NOW);
	add(s, &b, 1, 0, 1, NOW);
	add(s, &a, 1, 0, SKIP_STEP_MAX, NOW);
	add(s, &a, 2, 0, SKIP_STEP_MAX, NOW + 1);
	assert_true(has_key(s, &a, 1, 0));
	add(s, &a, 3, 0, 3, NOW + 2);
	assert_false(has_key(s, &a, 1, 2));
	assert_true(has_key(s, &a, 1, 3));
	assert_true(has_key(s, &a, 3, 0));
	assert_true(has_key(s, &b, 1, 0));
	scratch_close(s);
	assert_int_equal(scratch_sql(s, "SELECT count(*) FROM skipped"),
	    SKIP_STORED_MAX + 1);
}

static void
drops_keys_with_their_session(void **state)
{
	struct scratch *s = *state;
	struct ratchet first = make(1, 0), r;

	activate(s, bob, &first, false, NOW);
	add(s, &first, 7, 0, 2, NOW);
	for (uint8_t n = 2; n <= 5; n++) {
		r = make(n, 0);
		activate(s, bob, &r, true, NOW);
	}
	assert_true(has_key(s, &first, 7, 0));
	r = make(6, 0);
	activate(s, bob, &r, true, NOW);
	assert_false(has_key(s, &first, 7, 0));

	first = make(5, 0); /* which is a previous one now */
	add(s, &first, 8, 0, 1, NOW);
	scratch_begin(s);
	assert_int_equal(session_start_expiry(s->kf, bob, NOW), 0);
	scratch_commit(s);
	expire(s, NOW + SESSION_KEEP_MS);
	assert_false(has_key(s, &first, 8, 0));
}

/* --- old secrets are gone from the disk -------------------------------------
 */

static void
erases_former_states(void **state)
{
	static uint8_t boxes[SAVES][BOX_MAX];
	struct scratch *s = *state;
	size_t lens[SAVES];
	struct ratchet r;

	r = make(1, 0);
	activate(s, bob, &r, false, NOW);
	for (size_t i = 0; i < SAVES; i++) {
		r = make(1, (uint8_t)(i * 7 % FORMER_CHAINS));
		save(s, &r);
		assert_false(scratch_has(s, r.cks, KEY_LEN));
		assert_false(scratch_has(s, r.dhs_sk, KEY_LEN));
		scratch_close(s);
		lens[i] = scratch_sql_blob(s, "SELECT state FROM sessions",
		    boxes[i], BOX_MAX);
		assert_true(lens[i] > COLBOX_OVERHEAD);
		assert_true(scratch_has(s, boxes[i], lens[i]));
		scratch_reopen(s);
	}
	for (size_t i = 0; i + 1 < SAVES; i++) {
		assert_false(scratch_has(s, boxes[i], 24));
		assert_false(scratch_has(s, boxes[i] + lens[i] - 24, 24));
	}
}

/* All boxes of the skipped keys, one after the other. */
static uint8_t *
key_boxes(struct scratch *s, size_t n)
{
	uint8_t *boxes = malloc(n * KEY_BOX);
	char sql[64];

	assert_non_null(boxes);
	for (size_t i = 0; i < n; i++) {
		snprintf(sql, sizeof(sql),
		    "SELECT mk FROM skipped LIMIT 1 OFFSET %zu", i);
		assert_int_equal(
		    scratch_sql_blob(s, sql, boxes + i * KEY_BOX, KEY_BOX),
		    KEY_BOX);
	}
	return boxes;
}

static void
erases_used_keys(void **state)
{
	enum { CHAINS = 10, EACH = 40, ALL = CHAINS * EACH };
	struct scratch *s = *state;
	struct ratchet a = make(1, 0);
	uint8_t *boxes;

	activate(s, bob, &a, false, NOW);
	for (uint8_t dh = 0; dh < CHAINS; dh++)
		add(s, &a, (uint8_t)(dh * 97), 0, EACH, NOW);
	scratch_close(s);
	boxes = key_boxes(s, ALL);
	scratch_reopen(s);
	for (uint32_t n = 0; n < EACH; n++) {
		scratch_begin(s);
		for (uint8_t dh = 0; dh < CHAINS; dh++) {
			uint8_t pub[KEY_LEN];

			memset(pub, (uint8_t)(dh * 97), KEY_LEN);
			assert_int_equal(session_drop_skipped(s->kf, a.sid, pub,
					     n * 7 % EACH),
			    0);
		}
		scratch_commit(s);
	}
	for (size_t i = 0; i < ALL; i++)
		assert_false(scratch_has(s, boxes + i * KEY_BOX, 24));
	free(boxes);
}

/* --- held messages ----------------------------------------------------------
 */

static bool
hold(struct scratch *s, const uint8_t *peer, uint8_t n, uint64_t now)
{
	uint8_t content[HELD_LEN];
	bool full;

	memset(content, n, sizeof(content));
	scratch_begin(s);
	assert_int_equal(
	    session_hold(s->kf, peer, content, sizeof(content), now, &full), 0);
	scratch_commit(s);
	return !full;
}

/* Which message comes; -1: none. */
static int
taken(struct scratch *s, struct buf *out, int r, bool found)
{
	int n = -1;

	assert_int_equal(r, 0);
	scratch_commit(s);
	assert_int_equal(buf_len(out), found ? HELD_LEN : 0);
	if (found)
		n = buf_peek(out)[HELD_LEN - 1];
	buf_free(out);
	return n;
}

static int
take(struct scratch *s, const uint8_t *peer)
{
	struct buf *out = buf_new(HELD_LEN);
	bool found;
	int r;

	scratch_begin(s);
	r = session_take_held(s->kf, peer, out, &found);
	return taken(s, out, r, found);
}

static int
take_expired(struct scratch *s, uint64_t now, uint8_t peer[static ID_LEN])
{
	struct buf *out = buf_new(HELD_LEN);
	bool found;
	int r;

	scratch_begin(s);
	r = session_take_expired(s->kf, now, peer, out, &found);
	return taken(s, out, r, found);
}

static void
holds_messages(void **state)
{
	struct scratch *s = *state;
	uint8_t peer[ID_LEN];
	const uint64_t end = NOW + SESSION_HELD_KEEP_MS;

	assert_int_equal(take(s, bob), -1);
	for (uint8_t n = 0; n < SESSION_HELD_MAX; n++)
		assert_true(hold(s, bob, n, NOW));
	assert_false(hold(s, bob, 99, NOW));
	assert_true(hold(s, eve, 70, NOW + 1));
	scratch_reopen(s);
	assert_int_equal(take(s, bob), 0);
	assert_int_equal(take(s, bob), 1);
	assert_true(hold(s, bob, 88, NOW + 1));

	assert_int_equal(take_expired(s, end, peer), -1);
	for (uint8_t n = 2; n < SESSION_HELD_MAX; n++) {
		assert_int_equal(take_expired(s, end + 1, peer), n);
		assert_memory_equal(peer, bob, ID_LEN);
	}
	assert_int_equal(take_expired(s, end + 1, peer), -1);
	assert_int_equal(take_expired(s, end + 2, peer), 70);
	assert_memory_equal(peer, eve, ID_LEN);
	assert_int_equal(take(s, bob), 88);
	assert_int_equal(take(s, bob), -1);
}

/* --- damage ------------------------------------------------------------------
 */

static void
refuses_damage(void **state)
{
	static const char *const damage[] = {
		"UPDATE sessions SET state = zeroblob(400)",
		"UPDATE sessions SET state = x''",
		"UPDATE sessions SET state = zeroblob(100000)",
		"UPDATE sessions SET state = substr(state, 1, 300)",
		"UPDATE sessions SET sid = zeroblob(8)",
		"UPDATE sessions SET sid = x'01'",
	};
	struct scratch *s = *state;
	struct ratchet r = make(1, 9);
	bool found;

	for (size_t i = 0; i < ARRAY_LEN(damage); i++) {
		activate(s, bob, &r, false, NOW);
		scratch_close(s);
		scratch_sql(s, damage[i]);
		scratch_reopen(s);
		assert_int_equal(session_get_active(s->kf, bob, &r, &found),
		    ERR_CORRUPT);
		assert_string_equal(err_last()->path, s->path);
		scratch_close(s);
		scratch_sql(s, "DELETE FROM sessions");
		scratch_reopen(s);
	}
}

/* A session belongs to its peer: the file cannot move it to another. */
static void
refuses_another_peer(void **state)
{
	struct scratch *s = *state;
	struct ratchet r = make(1, 0);
	bool found;

	activate(s, bob, &r, false, NOW);
	scratch_close(s);
	scratch_sql(s,
	    "UPDATE sessions SET "
	    "peer = x'02000000000000000000000000000000'");
	scratch_reopen(s);
	assert_int_equal(session_get_active(s->kf, eve, &r, &found),
	    ERR_CORRUPT);
}

#define FRESH(test) \
	cmocka_unit_test_setup_teardown(test, scratch_setup, scratch_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		FRESH(keeps_the_active_one),
		FRESH(keeps_four_previous_ones),
		FRESH(lets_previous_ones_expire),
		FRESH(retires_all),
		FRESH(keeps_skipped_keys),
		FRESH(keeps_no_more_than_allowed),
		FRESH(drops_keys_with_their_session),
		FRESH(erases_former_states),
		FRESH(erases_used_keys),
		FRESH(holds_messages),
		FRESH(refuses_damage),
		FRESH(refuses_another_peer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
