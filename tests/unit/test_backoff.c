/* SPDX-License-Identifier: ISC */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

/* cmocka.h needs what stands above */
#include <cmocka.h>

#include "base/attr.h"
#include "base/backoff.h"

#define ROUNDS 1000

static void
doubles_with_jitter(void **state)
{
	static const struct {
		uint64_t tries, first, most, ms;
	} table[] = {
		{ 0, 1000, 300000, 1000 },
		{ 1, 1000, 300000, 2000 },
		{ 8, 1000, 300000, 256000 },
		{ 9, 1000, 300000, 300000 },
		{ 10, 1000, 300000, 300000 },
		{ UINT64_MAX, 1000, 300000, 300000 },
		{ 0, 50, 10, 10 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(table); i++) {
		const uint64_t ms = table[i].ms;
		uint64_t least = UINT64_MAX, most = 0;

		for (int n = 0; n < ROUNDS; n++) {
			uint64_t got = backoff_ms(table[i].tries,
			    table[i].first, table[i].most);

			assert_in_range(got, ms / 2, ms);
			least = got < least ? got : least;
			most = got > most ? got : most;
		}
		/* all of that range is used */
		assert_in_range(least, ms / 2, ms / 2 + ms / 5);
		assert_in_range(most, ms - ms / 5, ms);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(doubles_with_jitter),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
