/* SPDX-License-Identifier: ISC */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

/* cmocka.h needs what stands above */
#include <cmocka.h>

#include "base/attr.h"
#include "base/clock.h"
#include "base/err.h"
#include "client/handover.h"
#include "stage.h"

static const struct handover_filter all = { .reply_to = NULL };

/* What is handed over, and what becomes of it. */
struct hand {
	char seen[1024]; /* first letters of texts; upper case: redelivered */
	size_t n;
	char fails;                    /* at this one; 0: at none */
	enum handover_verdict verdict; /* of that one */
};

static void
note(struct hand *h, const struct pull_item *i)
{
	const char c = (char)i->text.text[0];

	assert_true(h->n + 1 < sizeof(h->seen));
	h->seen[h->n++] = i->redelivered ? (char)(c - 'a' + 'A') : c;
	h->seen[h->n] = '\0';
}

static int
take(void *arg, const struct pull_item *i)
{
	struct hand *h = arg;

	if (i->text.text[0] == h->fails)
		return err_set(ERR_IO, "no room");
	note(h, i);
	return 0;
}

static int
handle(void *arg, const struct pull_item *i, enum handover_verdict *verdict)
{
	struct hand *h = arg;

	note(h, i);
	*verdict =
	    (char)i->text.text[0] == h->fails ? h->verdict : HANDOVER_DONE;
	return 0;
}

/* The peer has said each letter of texts. */
static void
has_said(struct stage *st, const char *texts)
{
	for (; *texts; texts++) {
		const char text[] = { *texts, '\0' };
		struct stage_message m;

		puppet_text(st, &st->bob, &m, text);
		stage_take(st, &m, 1);
		stage_message_free(&m);
	}
}

static struct stage *
begin(void **state, const char *texts)
{
	struct stage *st = *state;

	stage_shake(st, &st->bob, true);
	stage_inbox(st); /* what the handshake has left is done */
	has_said(st, texts);
	return st;
}

static struct handover *
open_filtered(struct stage *st, const struct handover_filter *f)
{
	struct handover *h;

	assert_int_equal(handover_new(&h, st->client, f), 0);
	return h;
}

static int
print(struct stage *st, struct hand *hand, uint64_t max, uint64_t *n)
{
	struct handover *h = open_filtered(st, &all);
	const struct handover_reader to = { take, hand };
	int r = handover_print(h, max, &to, n);

	handover_free(h);
	return r;
}

static void
prints_once(void **state)
{
	struct stage *st = begin(state, "abc");
	struct hand hand = { .n = 0 };
	uint64_t n;

	assert_int_equal(print(st, &hand, 2, &n), 0);
	assert_int_equal(n, 2);
	assert_string_equal(hand.seen, "ab");
	assert_int_equal(print(st, &hand, UINT64_MAX, &n), 0);
	assert_int_equal(n, 1);
	assert_int_equal(print(st, &hand, UINT64_MAX, &n), 0);
	assert_int_equal(n, 0);
	assert_string_equal(hand.seen, "abc");
}

/* The one that was being printed is in doubt, and no other. */
static void
keeps_what_was_not_taken(void **state)
{
	struct stage *st = begin(state, "abcd");
	struct hand hand = { .fails = 'c' };
	uint64_t n;

	assert_int_equal(print(st, &hand, UINT64_MAX, &n), ERR_IO);
	assert_string_equal(err_last()->message, "no room");
	assert_int_equal(n, 2);
	assert_string_equal(hand.seen, "ab");
	hand.fails = 0;
	assert_int_equal(print(st, &hand, UINT64_MAX, &n), 0);
	assert_int_equal(n, 2);
	assert_string_equal(hand.seen, "abCd");
}

static void
prints_more_than_a_page(void **state)
{
	struct stage *st = begin(state, "");
	struct hand hand = { .n = 0 };
	uint64_t n;

	for (int i = 0; i < 2 * INBOX_PAGE_MAX + 1; i++)
		has_said(st, "x");
	assert_int_equal(print(st, &hand, INBOX_PAGE_MAX + 1, &n), 0);
	assert_int_equal(n, INBOX_PAGE_MAX + 1);
	assert_int_equal(print(st, &hand, UINT64_MAX, &n), 0);
	assert_int_equal(n, INBOX_PAGE_MAX);
	assert_int_equal(hand.n, 2 * INBOX_PAGE_MAX + 1);
}

static void
peeks_without_a_trace(void **state)
{
	struct stage *st = begin(state, "ab");
	struct hand hand = { .n = 0 };
	const struct handover_reader to = { take, &hand };
	struct stage_sum before = stage_file(st), after;
	struct handover *h = open_filtered(st, &all);
	uint64_t n;

	assert_int_equal(handover_peek(h, 1, &to, &n), 0);
	assert_int_equal(n, 1);
	assert_int_equal(handover_peek(h, UINT64_MAX, &to, &n), 0);
	assert_int_equal(n, 2);
	assert_string_equal(hand.seen, "aab");
	handover_free(h);
	after = stage_file(st);
	stage_same(&before, &after);
}

static void
handles_each_once(void **state)
{
	struct stage *st = begin(state, "abc");
	struct hand hand = { .fails = 'b', .verdict = HANDOVER_AGAIN };
	const struct handover_handler to = { handle, &hand, 3, true };
	uint64_t n;

	for (int run = 1; run <= 4; run++) {
		struct handover *h = open_filtered(st, &all);

		assert_int_equal(handover_handle(h, UINT64_MAX, &to, &n), 0);
		/* a and b; b; b, now dead, and c; nothing */
		assert_int_equal(n, run == 4 ? 0 : run == 2 ? 1 : 2);
		assert_int_equal(handover_verdict(h),
		    run == 4 ? 0 : ERR_PARTIAL);
		handover_free(h);
	}
	assert_string_equal(hand.seen, "abBBc");
	assert_int_equal(
	    stage_sql(st, "SELECT tries FROM inbox WHERE state = 4"), 3);
}

static void
comes_back_in_time(void **state)
{
	struct stage *st = begin(state, "ab");
	struct hand hand = { .fails = 'a', .verdict = HANDOVER_AGAIN };
	const struct handover_handler to = { handle, &hand, 9, false };
	struct handover *h = open_filtered(st, &all);
	uint64_t n, ms;

	assert_int_equal(handover_due_in(h, &ms), 0);
	assert_int_equal(ms, CLOCK_NEVER);
	assert_int_equal(handover_handle(h, UINT64_MAX, &to, &n), 0);
	assert_int_equal(n, 0);
	assert_string_equal(hand.seen, "a");
	assert_int_equal(handover_due_in(h, &ms), 0);
	assert_in_range(ms, 300, 1000);
	hand.fails = 0;
	clock_sleep(ms + 1);
	/* its time has come, and is not forgotten */
	assert_int_equal(handover_due_in(h, &ms), 0);
	assert_int_equal(ms, 0);
	assert_int_equal(handover_handle(h, UINT64_MAX, &to, &n), 0);
	assert_int_equal(n, 2);
	assert_string_equal(hand.seen, "aAb");
	assert_int_equal(handover_due_in(h, &ms), 0);
	assert_int_equal(ms, CLOCK_NEVER);
	handover_free(h);
}

static void
gives_up_what_was_begun_too_often(void **state)
{
	struct stage *st = begin(state, "ab");
	struct hand hand = { .n = 0 };
	const struct handover_handler to = { handle, &hand, 2, true };
	struct handover *h;
	uint64_t n;

	/* two commands died with it */
	stage_begin(st);
	for (int64_t row = 0; row < 9; row++) {
		assert_int_equal(inbox_try(st->kf, row), 0);
		assert_int_equal(inbox_try(st->kf, row), 0);
	}
	stage_commit(st);
	h = open_filtered(st, &all);
	assert_int_equal(handover_handle(h, UINT64_MAX, &to, &n), 0);
	assert_int_equal(hand.n, 0);
	handover_free(h);
	assert_int_equal(
	    stage_sql(st, "SELECT count(*) FROM inbox WHERE state = 4"), 2);
}

static void
forgets_all_or_nothing(void **state)
{
	struct stage *st = begin(state, "ab");
	struct hand hand = { .fails = 'a', .verdict = HANDOVER_DEAD };
	const struct handover_handler to = { handle, &hand, 9, true };
	const struct handover_reader reader = { take, &hand };
	char any[] = "00000000-0000-0000-0000-000000000000", bad[] = "x";
	char *const ids[] = { any, bad };
	struct handover *h = open_filtered(st, &all);
	uint64_t n;

	assert_int_equal(handover_handle(h, UINT64_MAX, &to, &n), 0);
	hand.fails = 0;
	assert_int_equal(handover_forget(h, ids, 2), ERR_USAGE);
	assert_int_equal(handover_forget(h, ids, 1), 0);
	assert_int_equal(handover_dead(h, UINT64_MAX, &reader, &n), 0);
	assert_int_equal(n, 1);
	assert_string_equal(hand.seen, "aba");
	handover_free(h);
}

#define STAGE(test) \
	cmocka_unit_test_setup_teardown(test, stage_setup, stage_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		STAGE(prints_once),
		STAGE(keeps_what_was_not_taken),
		STAGE(prints_more_than_a_page),
		STAGE(peeks_without_a_trace),
		STAGE(handles_each_once),
		STAGE(comes_back_in_time),
		STAGE(gives_up_what_was_begun_too_often),
		STAGE(forgets_all_or_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
