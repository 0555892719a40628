/* SPDX-License-Identifier: ISC */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* cmocka.h needs what stands above */
#include <cmocka.h>

#include "base/err.h"
#include "cli/escape.h"

static void
expect(enum escape_style style, const char *in, size_t len, const char *want)
{
	struct buf *out = buf_new(1 << 16);

	assert_int_equal(escape_put(out, style, in, len), 0);
	assert_int_equal(buf_len(out), strlen(want));
	assert_memory_equal(buf_peek(out), want, strlen(want));
	buf_free(out);
}

static void
locale(const char *lc_all, const char *lc_ctype, const char *lang)
{
	setenv("LC_ALL", lc_all, 1);
	setenv("LC_CTYPE", lc_ctype, 1);
	setenv("LANG", lang, 1);
}

static void
test_styles(void **state)
{
	static const char in[] = "a\0\t\n\r\"\\\x1b\x7f\xc2\x85\u2028\u202e\xff"
				 "\u00e4z";
	static const char *const want[] = {
		[ESCAPE_JSON] = "a\\u0000\\t\\n\\r\\\"\\\\\\u001b\\u007f\\u0085"
				"\\u2028\\u202e\ufffd\u00e4z",
		[ESCAPE_RAW] = "a\ufffd\t\n\r\"\\\x1b\x7f\xc2\x85\u2028\u202e"
			       "\ufffd\u00e4z",
		[ESCAPE_TSV] = "a\ufffd\\t\\n\\r\"\\\\\x1b\x7f\xc2\x85\u2028"
			       "\u202e\ufffd\u00e4z",
		[ESCAPE_TEXT] = "a\\u0000\\t\\n\\r\"\\\\u001b\\u007f\\u0085"
				"\\u2028\\u202e\ufffd\u00e4z",
		[ESCAPE_TSV_TEXT] = "a\\u0000\\t\\n\\r\"\\\\\\u001b\\u007f"
				    "\\u0085\\u2028\\u202e\ufffd\u00e4z",
	};

	(void)state;
	locale("C.UTF-8", "", "");
	for (size_t i = 0; i < ARRAY_LEN(want); i++)
		expect((enum escape_style)i, in, sizeof(in) - 1, want[i]);
}

/* For people, and for them alone, in the characters they have. */
static void
test_ascii(void **state)
{
	static const char in[] = "\u00e4\xc2\x9b\U0001f600\xff";

	(void)state;
	locale("", "", "");
	expect(ESCAPE_TEXT, in, sizeof(in) - 1,
	    "\\u00e4\\u009b\\U0001f600\\ufffd");
	expect(ESCAPE_TSV_TEXT, in, sizeof(in) - 1,
	    "\\u00e4\\u009b\\U0001f600\\ufffd");
	expect(ESCAPE_JSON, in, sizeof(in) - 1,
	    "\u00e4\\u009b\U0001f600\ufffd");
	expect(ESCAPE_RAW, in, sizeof(in) - 1,
	    "\u00e4\xc2\x9b\U0001f600\ufffd");
	expect(ESCAPE_TSV, in, sizeof(in) - 1,
	    "\u00e4\xc2\x9b\U0001f600\ufffd");
}

static void
test_locale(void **state)
{
	static const struct {
		const char *lc_all, *lc_ctype, *lang;
		bool utf8;
	} cases[] = {
		{ "", "", "", false },
		{ "", "", "C", false },
		{ "", "", "C.utf8", true },
		{ "", "", "de_DE.UTF-8", true },
		{ "", "", "de_DE.UTF-8@euro", true },
		{ "", "", "de_DE.ISO-8859-1", false },
		{ "", "C", "de_DE.UTF-8", false },
		{ "", "C.UTF-8", "C", true },
		{ "POSIX", "C.UTF-8", "C.UTF-8", false },
		{ "en_US.utf-8", "C", "C", true },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		locale(cases[i].lc_all, cases[i].lc_ctype, cases[i].lang);
		assert_int_equal(escape_is_utf8(), cases[i].utf8);
	}
	unsetenv("LC_ALL");
	unsetenv("LC_CTYPE");
	unsetenv("LANG");
	assert_false(escape_is_utf8());
}

static void
test_full(void **state)
{
	struct buf *out = buf_new(5);

	(void)state;
	assert_int_equal(escape_put(out, ESCAPE_JSON, "\x1b", 1), ERR_INTERNAL);
	assert_int_equal(escape_put(out, ESCAPE_JSON, "abc\n", 4), 0);
	assert_int_equal(escape_put(out, ESCAPE_JSON, "a", 1), ERR_INTERNAL);
	assert_int_equal(escape_put(out, ESCAPE_JSON, "", 0), 0);
	buf_free(out);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_styles),
		cmocka_unit_test(test_ascii),
		cmocka_unit_test(test_locale),
		cmocka_unit_test(test_full),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
