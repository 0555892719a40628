/* SPDX-License-Identifier: ISC */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "client/gaps.h"

static const uint8_t alice[ID_LEN] = { 1 }, bob[ID_LEN] = { 2 };

static void
in_order(void **state)
{
	struct gaps g = { 0 };
	uint64_t expect = 0;

	(void)state;
	for (uint64_t seq = 0; seq < 100; seq++)
		gaps_note(&g, alice, &expect, seq, seq == 0);
	assert_int_equal(g.n, 0);
	assert_int_equal(expect, 100);
}

static void
missing_one_and_run(void **state)
{
	struct gaps g = { 0 };
	uint64_t expect = 5;

	(void)state;
	gaps_note(&g, alice, &expect, 6, false);
	gaps_note(&g, alice, &expect, 10, false);
	assert_int_equal(g.n, 2);
	assert_int_equal(g.gap[0].first, 5);
	assert_int_equal(g.gap[0].last, 5);
	assert_int_equal(g.gap[1].first, 7);
	assert_int_equal(g.gap[1].last, 9);
	assert_memory_equal(g.gap[0].peer, alice, ID_LEN);
	assert_int_equal(expect, 11);
}

/* Late ones take themselves out: at either end, in the middle, the last. */
static void
late(void **state)
{
	struct gaps g = { 0 };
	uint64_t expect = 0;

	(void)state;
	gaps_note(&g, alice, &expect, 5, false);
	gaps_note(&g, alice, &expect, 0, false);
	assert_int_equal(g.gap[0].first, 1);
	gaps_note(&g, alice, &expect, 4, false);
	assert_int_equal(g.gap[0].last, 3);
	gaps_note(&g, alice, &expect, 2, false);
	assert_int_equal(g.n, 2);
	gaps_note(&g, alice, &expect, 1, false);
	gaps_note(&g, alice, &expect, 3, false);
	assert_int_equal(g.n, 0);
	assert_int_equal(expect, 6);
}

static void
late_of_another_peer(void **state)
{
	struct gaps g = { 0 };
	uint64_t a = 0, b = 9;

	(void)state;
	gaps_note(&g, alice, &a, 5, false);
	gaps_note(&g, bob, &b, 3, false);
	assert_int_equal(g.n, 1);
	assert_int_equal(g.gap[0].first, 0);
	assert_int_equal(b, 9);
}

static void
restored_peer(void **state)
{
	struct gaps g = { 0 };
	uint64_t expect = 50;

	(void)state;
	gaps_note(&g, alice, &expect, 20, true);
	assert_int_equal(g.n, 0);
	assert_int_equal(expect, 21);
}

static void
bounded(void **state)
{
	struct gaps g = { 0 };
	uint64_t expect = 0;

	(void)state;
	for (uint64_t i = 0; i < 3 * GAPS_MAX; i++)
		gaps_note(&g, alice, &expect, 2 * i + 1, false);
	assert_int_equal(g.n, GAPS_MAX);
	gaps_note(&g, alice, &expect, GAPS_SEQ_MAX, false);
	assert_int_equal(g.n, GAPS_MAX);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(in_order),
		cmocka_unit_test(missing_one_and_run),
		cmocka_unit_test(late),
		cmocka_unit_test(late_of_another_peer),
		cmocka_unit_test(restored_peer),
		cmocka_unit_test(bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
