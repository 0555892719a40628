/* SPDX-License-Identifier: ISC */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

/* cmocka.h needs what stands above */
#include <cmocka.h>

#include "base/err.h"
#include "scratch.h"
#include "state/inbox.h"

#define NOW SCRATCH_NOW

static struct inbox
make(uint8_t peer, enum inbox_kind kind, uint8_t id)
{
	struct inbox i = { .kind = kind, .seq = UINT64_MAX, .at = NOW };

	memset(i.peer, peer, ID_LEN);
	memset(i.message_id, id, ID_LEN);
	return i;
}

/* Its number; 0 when it was there before. */
static int64_t
add(struct scratch *s, struct inbox i, const char *record)
{
	bool fresh;

	scratch_begin(s);
	assert_int_equal(inbox_add(s->kf, &i, (const uint8_t *)record,
			     strlen(record), &fresh),
	    0);
	scratch_commit(s);
	if (fresh)
		assert_int_equal(i.state, INBOX_NEW);
	return fresh ? i.n : 0;
}

static void
set(struct scratch *s, int64_t n, enum inbox_state state)
{
	scratch_begin(s);
	assert_int_equal(inbox_set(s->kf, n, state), 0);
	scratch_commit(s);
}

static void
record_is(struct scratch *s, int64_t n, const char *want)
{
	struct buf *out = buf_new(100);

	assert_int_equal(inbox_read(s->kf, n, out), 0);
	assert_int_equal(buf_len(out), strlen(want));
	assert_memory_equal(buf_peek(out), want, strlen(want));
	buf_free(out);
}

/* The message ids of a page of at most max rows, as digits. */
static const char *
page(struct scratch *s, unsigned kinds, const uint8_t *peer, int64_t after,
    size_t max)
{
	const struct inbox_filter f = { kinds, peer };
	static char digits[INBOX_PAGE_MAX + 1];
	struct inbox rows[INBOX_PAGE_MAX];
	size_t n;

	assert_int_equal(inbox_page(s->kf, &f, after, rows, max, &n), 0);
	for (size_t i = 0; i < n; i++)
		digits[i] = (char)('0' + rows[i].message_id[0]);
	digits[n] = '\0';
	return digits;
}

static void
keeps_what_is_added(void **state)
{
	struct scratch *s = *state;
	const struct inbox_filter all = { 0, NULL };
	int64_t n = add(s, make(1, INBOX_GAP, 5), "record");
	struct inbox i;
	size_t rows;

	scratch_reopen(s);
	assert_int_equal(inbox_page(s->kf, &all, 0, &i, 1, &rows), 0);
	assert_int_equal(rows, 1);
	assert_int_equal(i.n, n);
	assert_memory_equal(i.peer, scratch_id(1).bytes, ID_LEN);
	assert_memory_equal(i.message_id, scratch_id(5).bytes, ID_LEN);
	assert_int_equal(i.seq, UINT64_MAX);
	assert_int_equal(i.kind, INBOX_GAP);
	assert_int_equal(i.state, INBOX_NEW);
	assert_int_equal(i.at, NOW);
	record_is(s, n, "record");
	record_is(s, n + 1, "");
}

static void
takes_nothing_twice(void **state)
{
	struct scratch *s = *state;
	int64_t n = add(s, make(1, INBOX_MESSAGE, 1), "first");

	assert_int_equal(add(s, make(1, INBOX_MESSAGE, 1), "second"), 0);
	record_is(s, n, "first");
	assert_true(add(s, make(2, INBOX_MESSAGE, 1), "x") > n);
	assert_true(add(s, make(1, INBOX_GAP, 1), "x") > n);
	assert_true(add(s, make(1, INBOX_MESSAGE, 2), "x") > n);
	set(s, n, INBOX_DONE);
	assert_int_equal(add(s, make(1, INBOX_MESSAGE, 1), "third"), 0);
	assert_int_equal(scratch_inbox(s), 3);
}

static void
pages_what_is_not_done(void **state)
{
	struct scratch *s = *state;
	const uint8_t *bob, *eve;
	const struct scratch_id ids[] = { scratch_id(1), scratch_id(2) };
	int64_t n[6];

	bob = ids[0].bytes;
	eve = ids[1].bytes;
	n[1] = add(s, make(1, INBOX_MESSAGE, 1), "x");
	n[2] = add(s, make(2, INBOX_MESSAGE, 2), "x");
	n[3] = add(s, make(1, INBOX_KEY_REQUEST, 3), "x");
	n[4] = add(s, make(2, INBOX_GAP, 4), "x");
	n[5] = add(s, make(1, INBOX_MESSAGE, 5), "x");
	assert_string_equal(page(s, 0, NULL, 0, INBOX_PAGE_MAX), "12345");
	assert_string_equal(page(s, 0, NULL, 0, 2), "12");
	assert_string_equal(page(s, 0, NULL, n[2], 2), "34");
	assert_string_equal(page(s, 0, NULL, n[5], 2), "");
	assert_string_equal(page(s, 0, NULL, 0, 0), "");
	assert_string_equal(page(s, INBOX_MESSAGE, NULL, 0, 9), "125");
	assert_string_equal(page(s, INBOX_GAP | INBOX_KEY_REQUEST, NULL, 0, 9),
	    "34");
	assert_string_equal(page(s, 0, bob, 0, 9), "135");
	assert_string_equal(page(s, INBOX_MESSAGE, eve, 0, 9), "2");
	set(s, n[1], INBOX_SHOWN);
	set(s, n[2], INBOX_SHOWN);
	set(s, n[2], INBOX_DONE);
	assert_string_equal(page(s, 0, NULL, 0, 9), "1345");
	assert_int_equal(scratch_inbox(s), 4);
	/* done is done */
	set(s, n[2], INBOX_NEW);
	scratch_close(s);
	assert_int_equal(
	    scratch_sql(s, "SELECT state FROM inbox WHERE record IS NULL"),
	    INBOX_DONE);
}

static void
loses_its_record_when_done(void **state)
{
	struct scratch *s = *state;
	int64_t n = add(s, make(1, INBOX_MESSAGE, 1), "record");
	uint8_t box[100];
	size_t len;

	scratch_close(s);
	len = scratch_sql_blob(s, "SELECT record FROM inbox", box, sizeof(box));
	assert_true(scratch_has(s, box, len));
	scratch_reopen(s);
	set(s, n, INBOX_SHOWN);
	record_is(s, n, "record");
	set(s, n, INBOX_DONE);
	record_is(s, n, "");
	assert_false(scratch_has(s, box, 24));
	assert_false(scratch_has(s, box + 24, len - 24));
}

static void
expire(struct scratch *s, uint64_t now)
{
	scratch_begin(s);
	assert_int_equal(inbox_expire(s->kf, now), 0);
	scratch_commit(s);
}

static void
forgets_ids_in_time(void **state)
{
	struct scratch *s = *state;
	struct inbox i = make(1, INBOX_MESSAGE, 1);

	set(s, add(s, i, "x"), INBOX_DONE);
	add(s, make(1, INBOX_MESSAGE, 2), "x");
	expire(s, NOW + INBOX_KEEP_MS);
	assert_int_equal(add(s, i, "x"), 0);
	expire(s, NOW + INBOX_KEEP_MS + 1);
	assert_int_equal(scratch_inbox(s), 1);
	assert_true(add(s, i, "x") > 0);
	assert_int_equal(add(s, make(1, INBOX_MESSAGE, 2), "x"), 0);
}

/* --- handlers ---------------------------------------------------------------
 */

static void
try(struct scratch *s, int64_t n)
{
	scratch_begin(s);
	assert_int_equal(inbox_try(s->kf, n), 0);
	scratch_commit(s);
}

static void
wait_until(struct scratch *s, int64_t n, uint64_t next_try)
{
	scratch_begin(s);
	assert_int_equal(inbox_wait(s->kf, n, next_try), 0);
	scratch_commit(s);
}

/* The message id of the row that is due, as a digit; 0: there is none. */
static int
due(struct scratch *s, unsigned kinds, int64_t after, uint64_t now)
{
	const struct inbox_filter f = { kinds, NULL };
	struct inbox i;
	bool found;

	assert_int_equal(inbox_due(s->kf, &f, after, now, &i, &found), 0);
	return found ? i.message_id[0] : 0;
}

static uint64_t
next_due(struct scratch *s, uint64_t now)
{
	uint64_t at;

	assert_int_equal(inbox_next_due(s->kf, now, &at), 0);
	return at;
}

static void
counts_tries(void **state)
{
	struct scratch *s = *state;
	const struct inbox_filter all = { 0, NULL };
	int64_t n = add(s, make(1, INBOX_MESSAGE, 1), "x");
	struct inbox i;
	size_t rows;

	try(s, n);
	try(s, n);
	scratch_reopen(s);
	assert_int_equal(inbox_page(s->kf, &all, 0, &i, 1, &rows), 0);
	assert_int_equal(rows, 1);
	assert_int_equal(i.tries, 2);
	assert_int_equal(i.state, INBOX_SHOWN);
	set(s, n, INBOX_DONE);
	try(s, n);
	assert_int_equal(due(s, 0, 0, NOW), 0);
}

static void
holds_up_one_peer(void **state)
{
	struct scratch *s = *state;
	int64_t n[5];

	n[1] = add(s, make(1, INBOX_MESSAGE, 1), "x");
	n[2] = add(s, make(1, INBOX_GAP, 2), "x");
	n[3] = add(s, make(2, INBOX_MESSAGE, 3), "x");
	n[4] = add(s, make(1, INBOX_MESSAGE, 4), "x");
	assert_int_equal(due(s, 0, 0, NOW), 1);
	assert_int_equal(next_due(s, NOW), CLOCK_NEVER);
	try(s, n[1]);
	wait_until(s, n[1], NOW + 1000);
	assert_int_equal(due(s, 0, 0, NOW), 3);
	assert_int_equal(due(s, INBOX_GAP, 0, NOW), 0);
	assert_int_equal(next_due(s, NOW), NOW + 1000);
	assert_int_equal(due(s, 0, 0, NOW + 999), 3);
	assert_int_equal(due(s, 0, 0, NOW + 1000), 1);
	assert_int_equal(next_due(s, NOW + 1000), CLOCK_NEVER);
	/* and by hand */
	wait_until(s, n[3], NOW + 500);
	assert_int_equal(due(s, 0, 0, NOW), 0);
	assert_int_equal(next_due(s, NOW), NOW + 500);
	scratch_begin(s);
	assert_int_equal(inbox_wait_no_more(s->kf), 0);
	scratch_commit(s);
	assert_int_equal(due(s, 0, 0, NOW), 1);
	assert_int_equal(due(s, 0, n[1], NOW), 2);
	assert_int_equal(due(s, INBOX_MESSAGE, n[1], NOW), 3);
	/* done, it holds nobody up */
	wait_until(s, n[1], NOW + 1000);
	set(s, n[1], INBOX_DONE);
	assert_int_equal(due(s, 0, 0, NOW), 2);
	assert_int_equal(next_due(s, NOW), CLOCK_NEVER);
}

static void
waits_for_no_other_clock(void **state)
{
	struct scratch *s = *state;
	int64_t n = add(s, make(1, INBOX_MESSAGE, 1), "x");

	wait_until(s, n, NOW + INBOX_RETRY_MS);
	assert_int_equal(due(s, 0, 0, NOW), 0);
	assert_int_equal(next_due(s, NOW), NOW + INBOX_RETRY_MS);
	wait_until(s, n, NOW + INBOX_RETRY_MS + 1);
	assert_int_equal(due(s, 0, 0, NOW), 1);
	assert_int_equal(next_due(s, NOW), CLOCK_NEVER);
}

static size_t
dead(struct scratch *s)
{
	const struct inbox_filter f = { INBOX_MESSAGE, NULL };
	struct inbox rows[INBOX_PAGE_MAX];
	size_t n;

	assert_int_equal(inbox_dead(s->kf, &f, 0, rows, INBOX_PAGE_MAX, &n), 0);
	return n;
}

static void
forget(struct scratch *s, uint8_t id)
{
	scratch_begin(s);
	assert_int_equal(inbox_forget(s->kf, scratch_id(id).bytes), 0);
	scratch_commit(s);
}

static void
keeps_the_dead_until_forgotten(void **state)
{
	struct scratch *s = *state;
	int64_t n = add(s, make(1, INBOX_MESSAGE, 1), "kept");

	add(s, make(1, INBOX_MESSAGE, 2), "x");
	add(s, make(1, INBOX_MESSAGE, 3), "x");
	assert_int_equal(dead(s), 0);
	set(s, n, INBOX_DEAD);
	set(s, n + 1, INBOX_DEAD);
	assert_int_equal(dead(s), 2);
	record_is(s, n, "kept");
	assert_string_equal(page(s, 0, NULL, 0, 9), "3");
	assert_int_equal(due(s, 0, 0, NOW), 3);
	expire(s, NOW + INBOX_KEEP_MS + 1);
	assert_int_equal(dead(s), 2);
	forget(s, 1);
	assert_int_equal(dead(s), 1);
	record_is(s, n, "");
	assert_int_equal(add(s, make(1, INBOX_MESSAGE, 1), "again"), 0);
	/* one that is alive is not forgotten */
	forget(s, 3);
	assert_string_equal(page(s, 0, NULL, 0, 9), "3");
}

static void
refuses_damage(void **state)
{
	struct scratch *s = *state;
	const struct inbox_filter all = { 0, NULL };
	struct inbox rows[INBOX_PAGE_MAX];
	struct buf *out = buf_new(100);
	int64_t n = add(s, make(1, INBOX_MESSAGE, 1), "record");
	size_t len;

	scratch_close(s);
	scratch_sql(s, "UPDATE inbox SET record = zeroblob(46), peer = x'01'");
	scratch_reopen(s);
	assert_int_equal(inbox_read(s->kf, n, out), ERR_CORRUPT);
	assert_string_equal(err_last()->path, s->path);
	assert_int_equal(inbox_page(s->kf, &all, 0, rows, INBOX_PAGE_MAX, &len),
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
		FRESH(takes_nothing_twice),
		FRESH(pages_what_is_not_done),
		FRESH(loses_its_record_when_done),
		FRESH(forgets_ids_in_time),
		FRESH(counts_tries),
		FRESH(holds_up_one_peer),
		FRESH(waits_for_no_other_clock),
		FRESH(keeps_the_dead_until_forgotten),
		FRESH(refuses_damage),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
