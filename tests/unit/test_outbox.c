/* SPDX-License-Identifier: ISC */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* cmocka.h needs what stands above */
#include <cmocka.h>

#include "base/err.h"
#include "base/secret.h"
#include "scratch.h"
#include "state/outbox.h"

#define NOW     SCRATCH_NOW
#define BIG_LEN 300000 /* on many pages */

static struct outbox
make(uint8_t peer, uint8_t id)
{
	struct outbox o = { .seq = UINT64_MAX, .type = 3, .at = NOW };

	memset(o.peer, peer, ID_LEN);
	memset(o.message_id, id, ID_LEN);
	return o;
}

static int64_t
add(struct scratch *s, struct outbox o, const void *content, size_t len)
{
	scratch_begin(s);
	assert_int_equal(outbox_add(s->kf, &o, content, len), 0);
	scratch_commit(s);
	assert_int_equal(o.state, OUTBOX_SEALED);
	return o.n;
}

static void
change(struct scratch *s, int (*fn)(struct keyfile *, int64_t), int64_t n)
{
	scratch_begin(s);
	assert_int_equal(fn(s->kf, n), 0);
	scratch_commit(s);
}

static void
content_is(struct scratch *s, int64_t n, const void *want, size_t len)
{
	struct buf *out = buf_new(BIG_LEN);

	assert_int_equal(outbox_read(s->kf, n, out), 0);
	assert_int_equal(buf_len(out), len);
	if (len > 0)
		assert_memory_equal(buf_peek(out), want, len);
	buf_free(out);
}

static bool
find(struct scratch *s, uint8_t peer, uint8_t id, struct outbox *o)
{
	bool found;

	assert_int_equal(outbox_find(s->kf, scratch_id(peer).bytes,
			     scratch_id(id).bytes, o, &found),
	    0);
	return found;
}

/* The number of the next row to deliver; 0: none. */
static int64_t
next(struct scratch *s, int64_t after, uint64_t sealed_before)
{
	struct outbox o;
	bool found;

	assert_int_equal(outbox_next_due(s->kf, scratch_id(1).bytes, after,
			     sealed_before, true, &o, &found),
	    0);
	return found ? o.n : 0;
}

static void
keeps_what_is_added(void **state)
{
	struct scratch *s = *state;
	struct outbox o;
	int64_t n = add(s, make(1, 1), "hello", 5);

	scratch_reopen(s);
	assert_true(find(s, 1, 1, &o));
	assert_int_equal(o.n, n);
	assert_memory_equal(o.peer, scratch_id(1).bytes, ID_LEN);
	assert_memory_equal(o.message_id, scratch_id(1).bytes, ID_LEN);
	assert_int_equal(o.seq, UINT64_MAX);
	assert_int_equal(o.type, 3);
	assert_int_equal(o.state, OUTBOX_SEALED);
	assert_int_equal(o.at, NOW);
	content_is(s, n, "hello", 5);
	content_is(s, n + 1, NULL, 0);
	assert_false(find(s, 2, 1, &o));
	assert_false(find(s, 1, 2, &o));
	/* an id is used once a peer */
	add(s, make(2, 1), "hello", 5);
	scratch_begin(s);
	o = make(1, 1);
	assert_int_equal(outbox_add(s->kf, &o, (const uint8_t *)"x", 1),
	    ERR_CORRUPT);
	keyfile_rollback(s->kf);
	assert_int_equal(scratch_outbox(s), 2);
}

static void
loses_content_when_done(void **state)
{
	struct scratch *s = *state;
	uint8_t *big = malloc(BIG_LEN), box[64];
	struct outbox o;
	int64_t n;

	assert_non_null(big);
	secret_random(big, BIG_LEN);
	n = add(s, make(1, 1), big, BIG_LEN);
	content_is(s, n, big, BIG_LEN);
	scratch_close(s);
	scratch_sql_blob(s, "SELECT substr(content, 200001, 24) FROM outbox",
	    box, sizeof(box));
	assert_true(scratch_has(s, box, 24));
	scratch_reopen(s);
	change(s, outbox_done, n);
	assert_false(scratch_has(s, box, 24));
	assert_true(find(s, 1, 1, &o));
	assert_int_equal(o.state, OUTBOX_DONE);
	content_is(s, n, NULL, 0);
	assert_int_equal(scratch_outbox(s), 0);
	/* done is done */
	change(s, outbox_doubt, n);
	assert_true(find(s, 1, 1, &o));
	assert_int_equal(o.state, OUTBOX_DONE);
	free(big);
}

static void
drops_without_a_trace(void **state)
{
	struct scratch *s = *state;
	struct outbox o;
	int64_t n = add(s, make(1, 1), "hello", 5);

	change(s, outbox_drop, n);
	assert_false(find(s, 1, 1, &o));
	assert_int_equal(scratch_outbox(s), 0);
	change(s, outbox_drop, n);
	n = add(s, make(1, 1), "again", 5);
	content_is(s, n, "again", 5);
}

static void
delivers_in_order(void **state)
{
	struct scratch *s = *state;
	int64_t n[5];

	for (uint8_t i = 0; i < 5; i++) {
		struct outbox o = make(1, i);

		o.at = NOW + i;
		n[i] = add(s, o, "x", 1);
	}
	assert_int_equal(next(s, 0, NOW), 0);
	assert_int_equal(next(s, 0, NOW + 1), n[0]);
	assert_int_equal(next(s, n[0], NOW + 1), 0);
	change(s, outbox_doubt, n[3]);
	assert_int_equal(next(s, 0, NOW), n[3]);
	change(s, outbox_done, n[0]);
	assert_int_equal(next(s, 0, NOW + 100), n[1]);
	assert_int_equal(next(s, n[1], NOW + 100), n[2]);
	assert_int_equal(next(s, n[2], NOW + 100), n[3]);
	assert_int_equal(next(s, n[3], NOW + 100), n[4]);
	assert_int_equal(next(s, n[4], NOW + 100), 0);
	assert_int_equal(scratch_outbox(s), 4);
}

/* The number of the next row of peer 1 in a state; 0: none. */
static int64_t
next_in(struct scratch *s, int64_t after, enum outbox_state state)
{
	struct outbox o;
	bool found;

	assert_int_equal(outbox_next_in(s->kf, scratch_id(1).bytes, after,
			     state, &o, &found),
	    0);
	return found ? o.n : 0;
}

/* The next peer, after that one, that has something to deliver; 0: none. */
static uint8_t
next_peer(struct scratch *s, uint8_t after, uint64_t sealed_before)
{
	struct scratch_id id = scratch_id(after);
	bool found;

	assert_int_equal(
	    outbox_next_peer(s->kf, id.bytes, sealed_before, &found), 0);
	assert_true(found || id.bytes[0] == after);
	return found ? id.bytes[0] : 0;
}

static int64_t
add_plain(struct scratch *s, struct outbox o, const char *body)
{
	scratch_begin(s);
	assert_int_equal(
	    outbox_add_plain(s->kf, &o, (const uint8_t *)body, strlen(body)),
	    0);
	scratch_commit(s);
	assert_int_equal(o.state, OUTBOX_PLAIN);
	return o.n;
}

static void
keeps_plain_ones_until_sealed(void **state)
{
	struct scratch *s = *state;
	int64_t n = add_plain(s, make(1, 1), "the text");
	struct outbox o;
	bool found;

	assert_false(scratch_has(s, "the text", 8));
	content_is(s, n, "the text", 8);
	assert_int_equal(next(s, 0, 0), n);
	assert_int_equal(next_in(s, 0, OUTBOX_PLAIN), n);
	assert_int_equal(next_in(s, n, OUTBOX_PLAIN), 0);
	assert_int_equal(outbox_next_due(s->kf, scratch_id(1).bytes, 0, 0,
			     false, &o, &found),
	    0);
	assert_false(found);
	scratch_begin(s);
	assert_int_equal(outbox_seal(s->kf, n, 7, (const uint8_t *)"sealed", 6),
	    0);
	scratch_commit(s);
	assert_true(find(s, 1, 1, &o));
	assert_int_equal(o.state, OUTBOX_SEALED);
	assert_int_equal(o.seq, 7);
	assert_int_equal(o.at, NOW);
	content_is(s, n, "sealed", 6);
	assert_int_equal(next_in(s, 0, OUTBOX_PLAIN), 0);
}

static void
gives_refused_ones_another_id(void **state)
{
	struct scratch *s = *state;
	int64_t n = add(s, make(1, 1), "hello", 5);
	struct outbox o;

	scratch_begin(s);
	assert_int_equal(outbox_refuse(s->kf, n, scratch_id(9).bytes,
			     (const uint8_t *)"no-op", 5),
	    0);
	scratch_commit(s);
	assert_false(find(s, 1, 1, &o));
	assert_true(find(s, 1, 9, &o));
	assert_int_equal(o.state, OUTBOX_REFUSED);
	assert_int_equal(o.seq, UINT64_MAX);
	content_is(s, n, "no-op", 5);
	assert_int_equal(next_in(s, 0, OUTBOX_REFUSED), n);
	/* it goes before the next message, and not by itself */
	assert_int_equal(next(s, 0, UINT64_MAX >> 1), 0);
	assert_int_equal(next_peer(s, 0, UINT64_MAX >> 1), 0);
	change(s, outbox_doubt, n);
	assert_int_equal(next_in(s, 0, OUTBOX_REFUSED), n);
	change(s, outbox_done, n);
	assert_int_equal(next_in(s, 0, OUTBOX_REFUSED), 0);
	/* the first id is free again */
	add(s, make(1, 1), "hello", 5);
}

static void
goes_from_peer_to_peer(void **state)
{
	struct scratch *s = *state;
	int64_t n = add(s, make(5, 1), "x", 1);

	assert_int_equal(next_peer(s, 0, NOW), 0);
	assert_int_equal(next_peer(s, 0, NOW + 1), 5);
	add_plain(s, make(7, 1), "x");
	assert_int_equal(next_peer(s, 0, NOW), 7);
	change(s, outbox_doubt, n);
	assert_int_equal(next_peer(s, 0, NOW), 5);
	assert_int_equal(next_peer(s, 5, NOW), 7);
	assert_int_equal(next_peer(s, 7, NOW), 0);
	change(s, outbox_done, n);
	assert_int_equal(next_peer(s, 0, NOW), 7);
}

static void
expire(struct scratch *s, uint64_t now)
{
	scratch_begin(s);
	assert_int_equal(outbox_expire(s->kf, now), 0);
	scratch_commit(s);
}

static void
forgets_ids_in_time(void **state)
{
	struct scratch *s = *state;
	struct outbox o = make(1, 1), open = make(1, 2), young = make(1, 3);

	young.at = NOW + 10;
	change(s, outbox_done, add(s, o, "x", 1));
	add(s, open, "x", 1);
	change(s, outbox_done, add(s, young, "x", 1));
	expire(s, NOW + OUTBOX_KEEP_MS);
	assert_true(find(s, 1, 1, &o));
	expire(s, NOW + OUTBOX_KEEP_MS + 1);
	assert_false(find(s, 1, 1, &o));
	assert_true(find(s, 1, 2, &o));
	assert_true(find(s, 1, 3, &o));
	expire(s, 2 * (NOW + OUTBOX_KEEP_MS));
	assert_false(find(s, 1, 3, &o));
	/* what is not done never expires */
	assert_true(find(s, 1, 2, &o));
	expire(s, 0);
}

static void
refuses_damage(void **state)
{
	struct scratch *s = *state;
	struct buf *out = buf_new(100);
	int64_t a = add(s, make(1, 1), "hello", 5);
	int64_t b = add(s, make(1, 2), "bingo", 5);
	struct outbox o;
	bool found;

	scratch_close(s);
	scratch_sql(s,
	    "UPDATE outbox SET content = "
	    "(SELECT content FROM outbox WHERE n = 2)");
	scratch_sql(s, "UPDATE outbox SET state = 9 WHERE n = 2");
	scratch_reopen(s);
	assert_int_equal(outbox_read(s->kf, a, out), ERR_CORRUPT);
	assert_int_equal(buf_len(out), 0);
	assert_int_equal(outbox_read(s->kf, b, out), 0);
	assert_int_equal(
	    outbox_next_in(s->kf, scratch_id(1).bytes, a, 9, &o, &found),
	    ERR_CORRUPT);
	buf_free(out);
}

#define FRESH(test) \
	cmocka_unit_test_setup_teardown(test, scratch_setup, scratch_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		FRESH(keeps_what_is_added),
		FRESH(loses_content_when_done),
		FRESH(drops_without_a_trace),
		FRESH(delivers_in_order),
		FRESH(keeps_plain_ones_until_sealed),
		FRESH(gives_refused_ones_another_id),
		FRESH(goes_from_peer_to_peer),
		FRESH(forgets_ids_in_time),
		FRESH(refuses_damage),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
