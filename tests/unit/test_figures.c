/* SPDX-License-Identifier: ISC */
/* What stores say of themselves, which is the same of each. */
#include "server/figures.h"

#include <signal.h>

#include "stores.h"

static void
expect(struct store *st, struct figures expected)
{
	assert_memory_equal(store_figures(st), &expected, sizeof(expected));
}

static void
test_come_and_go(void **state)
{
	struct fixture *f = *state;

	expect(f->st, (struct figures){ 0 });
	enrol_all(f->st);
	assert_int_equal(put(f->st, &alice, &bob, 3, "text"), 0);
	assert_int_equal(put(f->st, &alice, &bob, 1, "request"), 0);
	assert_int_equal(put_piece(f->st, &bob, 1, NOW), 0);
	/* not before it is sure */
	expect(f->st, (struct figures){ .clients = 3 });
	settle(f->st);
	expect(f->st,
	    (struct figures){ 3, { 2, 1 }, { 11, PIECE_LEN }, { 2, 1 },
		{ 0, 0 }, { 0, 0 } });
	assert_int_equal(ack(f->st, &bob, 2, 3), 2);
	settle(f->st);
	expect(f->st,
	    (struct figures){ 3, { 1, 0 }, { 4, 0 }, { 2, 1 }, { 1, 1 },
		{ 0, 0 } });
	assert_int_equal(store_unregister(f->st, bob.key.id), 0);
	settle(f->st);
	expect(f->st,
	    (struct figures){ 2, { 0, 0 }, { 0, 0 }, { 2, 1 }, { 2, 1 },
		{ 0, 0 } });
	/* back, with the same keys once more, and with others */
	enrol(f->st, &bob);
	enrol(f->st, &bob);
	settle(f->st);
	assert_int_equal(store_figures(f->st)->clients, 3);
}

/* What is refused has not come. */
static void
test_refused(void **state)
{
	struct store_limits limits = store_limits_none;
	struct fixture *f = *state;

	limits.messages = 2;
	reopen(f, &limits);
	enrol_all(f->st);
	assert_int_equal(put(f->st, &alice, &bob, 3, "a"), 0);
	assert_int_equal(put(f->st, &alice, &bob, 3, "a"), REASON_MAILBOX_FULL);
	assert_int_equal(put(f->st, &alice, &dave, 3, "a"),
	    REASON_UNKNOWN_CLIENT);
	settle(f->st);
	assert_int_equal(store_figures(f->st)->held[0], 1);
	assert_int_equal(store_figures(f->st)->stored[0], 1);
}

static void
test_expired(void **state)
{
	struct store_limits limits = store_limits_none;
	struct fixture *f = *state;
	bool more;

	limits.message_ttl_ms = 1000;
	limits.chunk_ttl_ms = 5000;
	reopen(f, &limits);
	enrol_all(f->st);
	assert_int_equal(put(f->st, &alice, &bob, 3, "text"), 0);
	assert_int_equal(put_piece(f->st, &bob, 1, NOW), 0);
	settle(f->st);
	assert_int_equal(store_sweep(f->st, NOW + 2000, &more), 0);
	settle(f->st);
	expect(f->st,
	    (struct figures){ 3, { 0, 1 }, { 0, PIECE_LEN }, { 1, 1 }, { 0, 0 },
		{ 1, 0 } });
	/* by its client again */
	assert_int_equal(ack(f->st, &bob, 1, 2), 1);
	settle(f->st);
	expect(f->st,
	    (struct figures){ 3, { 0, 0 }, { 0, 0 }, { 1, 1 }, { 0, 1 },
		{ 1, 0 } });
}

/* --- what is only true of the one on disk --- */

static void
take_census(struct store *st)
{
	bool more = true;

	while (more) {
		assert_int_equal(store_sweep(st, NOW, &more), 0);
		settle(st);
	}
}

static void
test_found_again(void **state)
{
	struct fixture *f = *state;

	take_census(f->st);
	enrol_all(f->st);
	assert_int_equal(put(f->st, &alice, &bob, 3, "text"), 0);
	assert_int_equal(put(f->st, &bob, &carol, 2, "key"), 0);
	assert_int_equal(put_piece(f->st, &bob, 1, NOW), 0);
	assert_int_equal(store_unregister(f->st, carol.key.id), 0);
	settle(f->st);
	/* one that its mailbox's counters do not have yet */
	assert_int_equal(put(f->st, &alice, &bob, 3, "later"), 0);
	settle(f->st);
	reopen(f, NULL);
	take_census(f->st);
	expect(f->st,
	    (struct figures){ 2, { 2, 1 }, { 9, PIECE_LEN }, { 0, 0 }, { 0, 0 },
		{ 0, 0 } });
}

/*
 * Many, of whom each has a text that is not counted yet.  Some are written to
 * or have it deleted before the census comes to them, some after.
 */
static void
test_census_beside_others(void **state)
{
	enum { MANY = 1000, STEP = 100 };
	static struct caller all[MANY];
	struct fixture *f = *state;
	bool more = true;
	unsigned i;

	take_census(f->st);
	enrol(f->st, &alice);
	for (i = 0; i < MANY; i++) {
		char name[16];

		snprintf(name, sizeof(name), "c%u", i);
		caller_make(&all[i], (uint8_t)i, name);
		secret_random(all[i].key.id, ID_LEN);
		enrol(f->st, &all[i]);
		assert_int_equal(put(f->st, &alice, &all[i], 3, "early"), 0);
	}
	settle(f->st);
	reopen(f, NULL);
	assert_int_equal(store_figures(f->st)->held[0], 0);
	for (i = 0; more; i++) {
		for (unsigned k = i % 7; k < MANY; k += STEP)
			assert_int_equal(put(f->st, &alice, &all[k], 3, "late"),
			    0);
		for (unsigned k = i % 5; k < MANY; k += STEP)
			assert_true(ack(f->st, &all[k], 1, 1) <= 1);
		if (i % 2 == 0)
			settle(f->st);
		assert_int_equal(store_sweep(f->st, NOW, &more), 0);
	}
	settle(f->st);
	assert_true(i > 10);
	/* what is deleted was the early ones of five in each step */
	assert_int_equal(store_figures(f->st)->held[0],
	    MANY + i * (MANY / STEP) - 5 * (MANY / STEP));
	assert_int_equal(store_figures(f->st)->held_bytes[0],
	    (MANY - 5 * (MANY / STEP)) * 5 + i * (MANY / STEP) * 4);
	reopen(f, NULL);
	take_census(f->st);
	assert_int_equal(store_figures(f->st)->held[0],
	    MANY + i * (MANY / STEP) - 5 * (MANY / STEP));
}

static void
test_lost_group(void **state)
{
	struct fixture *f = *state;
	struct figures before;

	enrol_all(f->st);
	settle(f->st);
	before = *store_figures(f->st);
	assert_int_equal(put(f->st, &alice, &bob, 3, "text"), 0);
	assert_int_equal(store_unregister(f->st, carol.key.id), 0);
	signal(SIGXFSZ, SIG_IGN);
	limit_files(8192);
	assert_true(store_commit(f->st) < 0);
	limit_files(RLIM_INFINITY);
	expect(f->st, before);
}

static int outcome;

static int
end_so(struct store *st)
{
	(void)st;
	return outcome;
}

/* What was lost does not come with the next one, neither. */
static void
test_lost_for_good(void **state)
{
	const struct store_ops ops = { .commit = end_so };
	struct store st = { .ops = &ops };

	(void)state;
	figures_in(&st.open, 3, 10);
	outcome = ERR_BUSY;
	assert_int_equal(store_commit(&st), ERR_BUSY);
	figures_in(&st.open, 3, 1);
	outcome = 0;
	assert_int_equal(store_commit(&st), 0);
	expect(&st,
	    (struct figures){ 0, { 1, 0 }, { 1, 0 }, { 1, 0 }, { 0, 0 },
		{ 0, 0 } });
}

static void
test_size(void **state)
{
	struct figures_size size, more;
	struct fixture *f = *state;

	assert_int_equal(store_size(f->st, &size), 0);
	assert_true(size.bytes[FIGURES_DATABASE] > 0);
	assert_int_equal(size.bytes[FIGURES_PIECES], 0);
	enrol_all(f->st);
	assert_int_equal(put_piece(f->st, &bob, 1, NOW), 0);
	settle(f->st);
	assert_int_equal(store_size(f->st, &more), 0);
	assert_true(more.bytes[FIGURES_PIECES] >= PIECE_LEN);
	assert_true(more.bytes[FIGURES_PIECES] < 2 * PIECE_LEN);
	assert_true(more.bytes[FIGURES_LOG] > size.bytes[FIGURES_LOG]);
}

int
main(void)
{
	static const struct store_case cases[] = {
		EACH(test_come_and_go),
		EACH(test_refused),
		EACH(test_expired),
		ON(SQLITE, test_found_again),
		ON(SQLITE, test_census_beside_others),
		ON(SQLITE, test_lost_group),
		ON(SQLITE, test_size),
		ON(MEMORY, test_lost_for_good),
	};

	return run_on_stores(cases, ARRAY_LEN(cases));
}
