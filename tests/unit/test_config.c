/* SPDX-License-Identifier: ISC */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/err.h"
#include "cli/config.h"

struct args {
	bool flag;
	const char *text, *choice, *config;
	struct opt_list list;
	uint64_t count, ms, size;
};

static struct args args;
static bool given[OPT_ROWS_MAX];

enum { FLAG, TEXT, CHOICE, LIST, COUNT };

static const struct opt opts[] = {
	OPT_FLAG('f', "flag", "", struct args, flag),
	OPT_STR('s', "text", "TEXT", "", struct args, text),
	OPT_CHOICE('c', "choice", "json|text", "", struct args, choice),
	OPT_LIST('l', "list", "X", "", struct args, list),
	OPT_IN(UINT, "count", "N", "", struct args, count, 3, 9),
	OPT_IN(DUR, "wait", "DUR", "", struct args, ms, 1000, 5000),
	OPT_IN(SIZE, "size", "SIZE", "", struct args, size, 1024, 4096),
	OPT_STR(0, "config", "FILE", "", struct args, config),
	OPT_END,
};

static const struct opt_set set = { opts, &args, given };

static char text[1024];

static int
parse_bytes(const char *bytes, size_t len)
{
	assert_true(len < sizeof(text));
	args = (struct args){ 0 };
	memcpy(text, bytes, len);
	text[len] = '\0';
	return config_parse(&set, "config", "x.conf", text, len);
}

static int
parse(const char *string)
{
	return parse_bytes(string, strlen(string));
}

static int
set_up(void **state)
{
	(void)state;
	memset(given, 0, sizeof(given));
	return 0;
}

static void
test_good(void **state)
{
	(void)state;
	assert_int_equal(parse(""), 0);
	assert_int_equal(parse("\n\n#\n \t# flag\n\r\n"), 0);
	assert_int_equal(parse("text = a b # c = d \r\n"
			       "\tchoice=json\n"
			       "list = one\nlist =two\n\n"
			       "count\t=\t9\nwait = 1s\nsize=4K"),
	    0);
	assert_string_equal(args.text, "a b # c = d");
	assert_string_equal(args.choice, "json");
	assert_int_equal(args.list.n, 2);
	assert_string_equal(args.list.values[0], "one");
	assert_string_equal(args.list.values[1], "two");
	assert_int_equal(args.count, 9);
	assert_int_equal(args.ms, 1000);
	assert_int_equal(args.size, 4096);
}

static void
test_bad(void **state)
{
	static const struct {
		const char *text, *message;
	} cases[] = {
		{ "\n\nnothing = 1", "x.conf:3: no such option: nothing" },
		{ "coun = 4", "x.conf:1: no such option: coun" },
		{ "--count = 4", "x.conf:1: no such option: --count" },
		{ "= 4", "x.conf:1: no such option: " },
		{ "count", "x.conf:1: no \"=\" after an option: count" },
		{ "# a\ncount 4\n",
		    "x.conf:2: no \"=\" after an option: count 4" },
		{ "count =", "x.conf:1: no value: count" },
		{ "count = \t\n", "x.conf:1: no value: count" },
		{ "count = 4x", "x.conf:1: --count: not a number: 4x" },
		{ "count = 2", "x.conf:1: --count: not from 3 to 9: 2" },
		{ "count = 10", "x.conf:1: --count: not from 3 to 9: 10" },
		{ "wait = soon", "x.conf:1: --wait: not a duration: soon" },
		{ "wait = inf",
		    "x.conf:1: --wait: not from 1000 to 5000 ms: inf" },
		{ "size = 5K",
		    "x.conf:1: --size: not from 1024 to 4096 bytes: 5K" },
		{ "choice = xml",
		    "x.conf:1: --choice: not one of json|text: xml" },
		{ "flag = yes", "x.conf:1: only on the command line: flag" },
		{ "config = y", "x.conf:1: only on the command line: config" },
		{ "count = 4\n\ncount = 4", "x.conf:3: given before: count" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(parse(cases[i].text), ERR_USAGE);
		assert_string_equal(err_last()->message, cases[i].message);
	}
	assert_int_equal(parse_bytes("text = a\0b", 10), ERR_USAGE);
	assert_string_equal(err_last()->message, "x.conf:1: a NUL byte");
}

static void
test_command_line_wins(void **state)
{
	(void)state;
	given[COUNT] = given[LIST] = true;
	assert_int_equal(parse("count = 4\nlist = a\nlist = b\ntext = t"), 0);
	assert_int_equal(args.count, 0);
	assert_int_equal(args.list.n, 0);
	assert_string_equal(args.text, "t");
	/* what it overrules has to be right nevertheless */
	assert_int_equal(parse("count = 10"), ERR_USAGE);
	assert_int_equal(args.count, 0);
}

static void
test_files(void **state)
{
	static const struct opt_set unset = { opts, &args, given };
	char *kept = NULL;

	(void)state;
	assert_int_equal(config_read(&kept, &unset, "config", "/nowhere/x"),
	    ERR_IO);
	assert_string_equal(err_last()->path, "/nowhere/x");
	assert_int_equal(config_read(&kept, &unset, "config", "/"), ERR_IO);
	assert_int_equal(config_read(&kept, &unset, "config", "/dev/zero"),
	    ERR_USAGE); /* too large */
	assert_null(kept);
	assert_int_equal(config_read(&kept, &unset, "config", "/dev/null"), 0);
	assert_string_equal(kept, "");
	free(kept);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_good, set_up),
		cmocka_unit_test_setup(test_bad, set_up),
		cmocka_unit_test_setup(test_command_line_wins, set_up),
		cmocka_unit_test_setup(test_files, set_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
