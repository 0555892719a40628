/* SPDX-License-Identifier: ISC */
#include "base/le.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static const uint8_t bytes[] = { 0xff, 0x81, 0x72, 0x63, 0x54, 0x45, 0x36, 0x27,
	0x98, 0xff };

static void
test_get(void **state)
{
	(void)state;
	assert_int_equal(le_get16(bytes + 1), 0x7281);
	assert_int_equal(le_get32(bytes + 1), 0x54637281);
	assert_true(le_get64(bytes + 1) == 0x9827364554637281);
	assert_int_equal(le_get32(bytes + 5), 0x98273645);
}

static void
test_put(void **state)
{
	uint8_t out[10];

	(void)state;
	memset(out, 0xff, sizeof(out));
	le_put64(out + 1, 0x9827364554637281);
	assert_memory_equal(out, bytes, sizeof(out));
	memset(out, 0, sizeof(out));
	le_put32(out + 1, 0x54637281);
	assert_memory_equal(out + 1, bytes + 1, 4);
	assert_int_equal(out[5], 0);
	memset(out, 0, sizeof(out));
	le_put16(out + 1, 0x7281);
	assert_memory_equal(out + 1, bytes + 1, 2);
	assert_int_equal(out[3], 0);
}

static void
test_both_ways(void **state)
{
	(void)state;
	for (unsigned bit = 0; bit < 64; bit++) {
		const uint64_t values[] = { 1ULL << bit, (1ULL << bit) - 1,
			~(1ULL << bit) };

		for (size_t i = 0; i < 3; i++) {
			uint8_t out[8];

			le_put64(out, values[i]);
			assert_true(le_get64(out) == values[i]);
			le_put32(out, (uint32_t)values[i]);
			assert_true(le_get32(out) == (uint32_t)values[i]);
			le_put16(out, (uint16_t)values[i]);
			assert_true(le_get16(out) == (uint16_t)values[i]);
		}
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_get),
		cmocka_unit_test(test_put),
		cmocka_unit_test(test_both_ways),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
