/* SPDX-License-Identifier: ISC */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* cmocka.h needs what stands above */
#include <cmocka.h>

#include "base/attr.h"
#include "cli/width.h"

static void
test_widths(void **state)
{
	static const struct {
		const char *text;
		size_t width;
	} cases[] = {
		{ "", 0 },
		{ "bob", 3 },
		{ "gr\u00fc\u00df", 4 },
		{ "\u65e5\u672c\u8a9e", 6 },
		{ "\uff21\uff42", 4 }, /* full width */
		{ "\ud55c\uae00", 4 },
		{ "e\u0301\u0302\u0303", 1 },
		{ "\u0e01\u0e34", 1 },
		{ "a\u200b\u200d\u2060\ufeffb", 2 },
		{ "\U0001f600", 2 },
		{ "\u2713\ufffd", 2 },
		{ "\U0010ffff\ue000", 2 }, /* no character, private */
		{ "\xff\xc3(", 3 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		const size_t n = strlen(cases[i].text);

		assert_int_equal(width_text(cases[i].text, n), cases[i].width);
	}
}

static void
test_any_locale(void **state)
{
	setenv("LC_ALL", "C", 1);
	test_widths(state);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_widths),
		cmocka_unit_test(test_any_locale),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
