/* SPDX-License-Identifier: ISC */
/* Invites: each store takes one once. */
#include "base/clock.h"
#include "stores.h"

/* An invite is used up by who registers with it, and by nobody else. */
static void
test_invites(void **state)
{
	struct store *st = ((struct fixture *)*state)->st;
	const struct invite one = { { 1 }, NOW + 5 }, two = { { 2 }, NOW };
	struct caller a = alice;

	enrol(st, &carol);
	memcpy(a.key.name, carol.key.name, sizeof(a.key.name));
	assert_int_equal(store_register_invited(st, &a.key, &one, NOW),
	    REASON_NAME_TAKEN);
	assert_int_equal(store_register_invited(st, &alice.key, &one, NOW), 0);
	/* the same again, as after a lost reply */
	assert_int_equal(store_register_invited(st, &alice.key, &one, NOW), 0);
	assert_int_equal(store_commit(st), 0);
	assert_int_equal(store_register_invited(st, &bob.key, &one, NOW),
	    REASON_INVITE);
	assert_int_equal(store_register_invited(st, &bob.key, &two, NOW), 0);
	/* who has left is new, and the invite is not */
	assert_int_equal(store_unregister(st, alice.key.id), 0);
	assert_int_equal(store_register_invited(st, &alice.key, &one, NOW),
	    REASON_INVITE);
	assert_int_equal(store_commit(st), 0);
}

/* With the group that is lost the invite is good again. */
static void
test_invite_of_a_lost_group(void **state)
{
	const struct invite one = { { 1 }, NOW + 5 };
	struct fixture *f = *state;

	assert_int_equal(store_register_invited(f->st, &alice.key, &one, NOW),
	    0);
	reopen(f, NULL); /* not committed */
	assert_int_equal(store_register_invited(f->st, &bob.key, &one, NOW), 0);
	settle(f->st);
	reopen(f, NULL);
	assert_int_equal(store_register_invited(f->st, &alice.key, &one, NOW),
	    REASON_INVITE);
}

/* Long after its end an invite need not be remembered. */
static void
test_old_invites_are_forgotten(void **state)
{
	struct fixture *f = *state;
	const struct invite first = { { 1 }, NOW },
			    next = { { 2 }, UINT32_MAX },
			    last = { { 3 }, NOW + 3 * CLOCK_DAY };

	assert_int_equal(store_register_invited(f->st, &alice.key, &first, NOW),
	    0);
	assert_int_equal(
	    store_register_invited(f->st, &bob.key, &next, NOW + CLOCK_DAY), 0);
	settle(f->st);
	store_close(f->st);
	f->st = NULL;
	assert_int_equal(ask(f->path, "SELECT count(*) FROM invites"), 2);
	assert_int_equal(store_sqlite_open(&f->st, f->path, NULL), 0);
	assert_int_equal(store_register_invited(f->st, &carol.key, &last,
			     NOW + CLOCK_DAY + 1),
	    0);
	settle(f->st);
	store_close(f->st);
	f->st = NULL;
	assert_int_equal(ask(f->path, "SELECT count(*) FROM invites"), 1);
}

int
main(void)
{
	static const struct store_case cases[] = {
		EACH(test_invites),
		ON(SQLITE, test_invite_of_a_lost_group),
		ON(SQLITE, test_old_invites_are_forgotten),
	};

	return run_on_stores(cases, ARRAY_LEN(cases));
}
