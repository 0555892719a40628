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

static size_t
count(struct scratch *s)
{
	size_t n;

	assert_int_equal(inbox_count(s->kf, &n), 0);
	return n;
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
	assert_int_equal(count(s), 3);
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
	assert_int_equal(count(s), 4);
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
	assert_int_equal(count(s), 1);
	assert_true(add(s, i, "x") > 0);
	assert_int_equal(add(s, make(1, INBOX_MESSAGE, 2), "x"), 0);
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
		FRESH(refuses_damage),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
