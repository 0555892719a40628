/* SPDX-License-Identifier: ISC */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* cmocka.h needs what stands above */
#include <cmocka.h>

#include "base/err.h"
#include "crypto/ident.h"
#include "crypto/noise.h"
#include "scratch.h"
#include "state/own.h"

#define NOW SCRATCH_NOW

static struct own
get(struct scratch *s, enum own_state state)
{
	struct own o;
	bool found;

	assert_int_equal(own_get(s->kf, state, &o, &found), 0);
	assert_true(found);
	assert_int_equal(o.state, state);
	return o;
}

static bool
has(struct scratch *s, enum own_state state)
{
	struct own o;
	bool found;

	assert_int_equal(own_get(s->kf, state, &o, &found), 0);
	return found;
}

static bool
has_dated(struct scratch *s, uint64_t issued_at)
{
	struct own o;
	bool found;

	assert_int_equal(own_get_dated(s->kf, issued_at, &o, &found), 0);
	if (found)
		assert_int_equal(o.issued_at, issued_at);
	return found;
}

static void
date(struct scratch *s, uint64_t issued_at)
{
	scratch_begin(s);
	assert_int_equal(own_date_next(s->kf, issued_at), 0);
	scratch_commit(s);
}

static void
confirm(struct scratch *s, uint64_t now)
{
	scratch_begin(s);
	assert_int_equal(own_confirm_next(s->kf, now, now), 0);
	scratch_commit(s);
}

static void
rotate(struct scratch *s, uint64_t now)
{
	scratch_begin(s);
	assert_int_equal(own_make_next(s->kf), 0);
	assert_int_equal(own_date_next(s->kf, now), 0);
	assert_int_equal(own_confirm_next(s->kf, now, now), 0);
	scratch_commit(s);
}

static void
becomes_current(void **state)
{
	struct scratch *s = *state;
	struct own first = get(s, OWN_NEXT), o;
	struct keyfile_self self;

	assert_memory_not_equal(first.static_sk, first.prekey_sk, KEY_LEN);
	assert_false(has_dated(s, 0));
	date(s, NOW);
	assert_true(has_dated(s, NOW));
	assert_int_equal(keyfile_get_self(s->kf, &self), 0);
	assert_int_equal(self.issued_at, NOW);
	assert_false(has(s, OWN_CURRENT));
	confirm(s, NOW);
	scratch_reopen(s);
	assert_false(has(s, OWN_NEXT));
	o = get(s, OWN_CURRENT);
	assert_memory_equal(o.static_sk, first.static_sk, KEY_LEN);
	assert_memory_equal(o.prekey_sk, first.prekey_sk, KEY_LEN);

	/* confirmed twice, and dated when there is nothing to date */
	confirm(s, NOW);
	scratch_begin(s);
	assert_int_equal(own_date_next(s->kf, NOW + 9), ERR_INTERNAL);
	keyfile_rollback(s->kf);
}

static void
keeps_a_former_date(void **state)
{
	struct scratch *s = *state;
	struct keyfile_self self;

	date(s, NOW);
	date(s, NOW + 5);
	assert_true(has_dated(s, NOW));
	assert_true(has_dated(s, NOW + 5));
	assert_int_equal(get(s, OWN_NEXT).issued_at, NOW + 5);
	/* self.issued_at is the highest there ever was */
	date(s, NOW + 3);
	assert_int_equal(keyfile_get_self(s->kf, &self), 0);
	assert_int_equal(self.issued_at, NOW + 5);
}

static void
forgets_former_ones(void **state)
{
	struct scratch *s = *state;
	uint8_t box[72];

	date(s, NOW);
	confirm(s, NOW);
	scratch_close(s);
	assert_int_equal(scratch_sql_blob(s, "SELECT static_sk FROM own_keys",
			     box, sizeof(box)),
	    sizeof(box));
	scratch_reopen(s);
	rotate(s, NOW + 100);
	assert_true(has_dated(s, NOW));
	assert_true(has_dated(s, NOW + 100));
	rotate(s, NOW + 99 + OWN_KEEP_MS);
	assert_true(has_dated(s, NOW));
	rotate(s, NOW + 100 + OWN_KEEP_MS);
	assert_false(has_dated(s, NOW));
	assert_true(has_dated(s, NOW + 100));
	assert_false(scratch_has(s, box, sizeof(box)));
}

static void
makes_a_prekey(void **state)
{
	struct scratch *s = *state;
	struct own old, o;

	scratch_begin(s);
	assert_int_equal(own_make_prekey(s->kf), ERR_INTERNAL);
	keyfile_rollback(s->kf);
	date(s, NOW);
	confirm(s, NOW);
	old = get(s, OWN_CURRENT);
	scratch_begin(s);
	assert_int_equal(own_make_prekey(s->kf), 0);
	scratch_commit(s);
	o = get(s, OWN_NEXT);
	assert_int_equal(o.issued_at, 0);
	assert_memory_equal(o.static_sk, old.static_sk, KEY_LEN);
	assert_memory_not_equal(o.prekey_sk, old.prekey_sk, KEY_LEN);
	o = get(s, OWN_CURRENT);
	assert_memory_equal(o.prekey_sk, old.prekey_sk, KEY_LEN);
}

/* Two processes: the one that comes late has another date in mind. */
static void
settles_only_the_one_it_means(void **state)
{
	struct scratch *s = *state;

	date(s, NOW);
	confirm(s, NOW);
	scratch_begin(s);
	assert_int_equal(own_make_next(s->kf), 0);
	assert_int_equal(own_date_next(s->kf, NOW + 9), 0);
	assert_int_equal(own_confirm_next(s->kf, NOW + 8, NOW + 9), 0);
	assert_int_equal(own_retire_next(s->kf, NOW + 8, NOW + 9), 0);
	scratch_commit(s);
	assert_int_equal(get(s, OWN_CURRENT).issued_at, NOW);
	assert_int_equal(get(s, OWN_NEXT).issued_at, NOW + 9);
}

static void
keeps_one_that_was_refused(void **state)
{
	struct scratch *s = *state;

	date(s, NOW);
	confirm(s, NOW);
	scratch_begin(s);
	assert_int_equal(own_make_next(s->kf), 0);
	assert_int_equal(own_date_next(s->kf, NOW + 9), 0);
	assert_int_equal(own_retire_next(s->kf, NOW + 9, NOW + 10), 0);
	scratch_commit(s);
	assert_false(has(s, OWN_NEXT));
	assert_int_equal(get(s, OWN_CURRENT).issued_at, NOW);
	scratch_begin(s);
	assert_int_equal(own_expire(s->kf, NOW + 9 + OWN_KEEP_MS), 0);
	assert_true(has_dated(s, NOW + 9));
	assert_int_equal(own_expire(s->kf, NOW + 10 + OWN_KEEP_MS), 0);
	scratch_commit(s);
	assert_false(has_dated(s, NOW + 9));
	assert_int_equal(get(s, OWN_CURRENT).issued_at, NOW);
}

static void
signs_its_bundle(void **state)
{
	struct scratch *s = *state;
	struct keyfile_self self;
	struct bundle b;
	struct own o;
	uint8_t pk[KEY_LEN];

	date(s, NOW);
	o = get(s, OWN_NEXT);
	assert_int_equal(own_bundle(s->kf, &o, &b), 0);
	assert_int_equal(keyfile_get_self(s->kf, &self), 0);
	assert_int_equal(ident_check(&b, self.id, NOW, "alice"), 0);
	noise_public(pk, o.static_sk);
	assert_memory_equal(b.static_pk, pk, KEY_LEN);
	noise_public(pk, o.prekey_sk);
	assert_memory_equal(b.prekey_pk, pk, KEY_LEN);
}

static void
refuses_swapped_columns(void **state)
{
	struct scratch *s = *state;
	struct own o;
	bool found;

	scratch_close(s);
	scratch_sql(s, "UPDATE own_keys SET static_sk = prekey_sk");
	scratch_reopen(s);
	assert_int_equal(own_get(s->kf, OWN_NEXT, &o, &found), ERR_CORRUPT);
}

/* Else it would seem that there is no current pair. */
static void
refuses_a_state_that_is_damaged(void **state)
{
	static const char *const damages[] = {
		"UPDATE own_keys SET state = 3",
		"UPDATE own_keys SET state = 0",
		"UPDATE own_keys SET state = 6",
		"UPDATE own_keys SET state = 2, expires_at = 1",
		"UPDATE own_keys SET state = 3, expires_at = -1",
	};
	struct scratch *s = *state;
	struct own o;
	bool found;

	date(s, NOW);
	confirm(s, NOW);
	for (size_t i = 0; i < ARRAY_LEN(damages); i++) {
		scratch_close(s);
		scratch_sql(s, damages[i]);
		scratch_reopen(s);
		assert_int_equal(own_get(s->kf, OWN_CURRENT, &o, &found),
		    ERR_CORRUPT);
		assert_int_equal(own_get(s->kf, OWN_NEXT, &o, &found),
		    ERR_CORRUPT);
	}
}

#define FRESH(test) \
	cmocka_unit_test_setup_teardown(test, scratch_setup, scratch_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		FRESH(becomes_current),
		FRESH(keeps_a_former_date),
		FRESH(forgets_former_ones),
		FRESH(makes_a_prekey),
		FRESH(settles_only_the_one_it_means),
		FRESH(keeps_one_that_was_refused),
		FRESH(signs_its_bundle),
		FRESH(refuses_swapped_columns),
		FRESH(refuses_a_state_that_is_damaged),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
