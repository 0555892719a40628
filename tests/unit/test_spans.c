/* SPDX-License-Identifier: ISC */
#include "state/spans.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/err.h"
#include "base/le.h"

#define MANY 400

static void
test_in_order(void **state)
{
	static struct spans s;

	(void)state;
	s.n = 0;
	assert_false(spans_is_whole(&s, 1));
	assert_int_equal(spans_missing(&s), 0);
	for (uint64_t i = 0; i < 100000; i++) {
		assert_false(spans_has(&s, i));
		assert_true(spans_add(&s, i));
		assert_true(spans_add(&s, i / 2));
		assert_true(spans_has(&s, i));
		assert_int_equal(spans_missing(&s), i + 1);
		assert_true(spans_is_whole(&s, i + 1));
	}
	assert_int_equal(s.n, 1);
	assert_false(spans_is_whole(&s, 99999));
	assert_false(spans_is_whole(&s, 100001));
}

/* Against a plain table, in every order a seed gives. */
static void
test_any_order(void **state)
{
	static struct spans s, back;
	uint8_t packed[SPANS_PACKED_MAX];
	size_t len;

	(void)state;
	for (unsigned seed = 1; seed < 50; seed++) {
		bool have[MANY] = { false };
		uint32_t x = seed;

		s.n = 0;
		for (size_t i = 0; i < 3000; i++) {
			x = x * 1664525 + 1013904223;
			have[(x >> 16) % MANY] = true;
			assert_true(spans_add(&s, (x >> 16) % MANY));
			for (size_t k = 0; i % 100 == 0 && k < MANY; k++)
				assert_int_equal(spans_has(&s, k), have[k]);
		}
		spans_pack(packed, &len, &s);
		assert_int_equal(spans_unpack(&back, packed, len), 0);
		assert_int_equal(back.n, s.n);
		assert_memory_equal(back.run, s.run, s.n * sizeof(s.run[0]));
	}
}

static void
test_holes_are_bounded(void **state)
{
	static struct spans s;

	(void)state;
	s.n = 0;
	for (uint64_t i = 0; i < SPANS_MAX; i++)
		assert_true(spans_add(&s, 2 * i + 1));
	assert_false(spans_add(&s, 1ULL << 50));
	assert_false(spans_has(&s, 1ULL << 50));
	assert_true(spans_add(&s, 2));
	assert_int_equal(s.n, SPANS_MAX - 1);
	assert_true(spans_add(&s, 0));
	assert_int_equal(spans_missing(&s), 4);
	assert_true(spans_add(&s, 1ULL << 50));
}

static void
test_unpack_refuses(void **state)
{
	static const uint64_t bad[][4] = {
		{ 1, 0, 5, 5 }, /* ends before it begins */
		{ 0, 3, 4, 5 }, /* no gap between */
		{ 0, 3, 2, 5 }, /* one in the other */
		{ 5, 6, 1, 2 }, /* descending */
		{ 0, 3, 0, 3 }, /* twice */
		{ 0, UINT64_MAX, 1, 2 },
	};
	static struct spans s;
	uint8_t in[SPANS_PACKED_MAX + SPANS_RUN_LEN];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		for (size_t k = 0; k < 4; k++)
			le_put64(in + 8 * k, bad[i][k]);
		assert_int_equal(spans_unpack(&s, in, 32), ERR_CORRUPT);
	}
	for (size_t i = 0; i <= SPANS_MAX; i++) {
		le_put64(in + 16 * i, 2 * i);
		le_put64(in + 16 * i + 8, 2 * i);
	}
	assert_int_equal(spans_unpack(&s, in, 15), ERR_CORRUPT);
	assert_int_equal(spans_unpack(&s, in, sizeof(in)), ERR_CORRUPT);
	assert_int_equal(spans_unpack(&s, in, SPANS_PACKED_MAX), 0);
	assert_int_equal(spans_unpack(&s, in, 0), 0);
	assert_int_equal(s.n, 0);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_in_order),
		cmocka_unit_test(test_any_order),
		cmocka_unit_test(test_holes_are_bounded),
		cmocka_unit_test(test_unpack_refuses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
