/* SPDX-License-Identifier: ISC */
#include "cli/order.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/err.h"

static struct order
parse(const char *line)
{
	struct order o;

	assert_int_equal(order_parse(&o, (const uint8_t *)line, strlen(line)),
	    0);
	return o;
}

static void
refuses(const char *line, const char *why)
{
	struct order o;

	assert_int_equal(order_parse(&o, (const uint8_t *)line, strlen(line)),
	    ERR_USAGE);
	if (!strstr(err_last()->message, why))
		fail_msg("%s: %s", line, err_last()->message);
}

static void
takes_the_least(void **state)
{
	struct order o = parse("{\"to\":\"bob\",\"body\":\"\"}");

	(void)state;
	assert_int_equal(o.to_n, 1);
	assert_string_equal(o.to, "bob");
	assert_int_equal(o.len, 0);
	assert_non_null(o.text);
	assert_null(o.id);
	assert_null(o.reply_to);
	assert_null(o.ref.text);
	assert_false(o.ref.is_number);
	order_wipe(&o);
	assert_null(o.text);
}

static void
takes_all_there_is(void **state)
{
	struct order o = parse(" {\"ref\":\"r\",\"in_reply_to\":\"x\",\"id\":"
			       "\"y\",\"body_base64\":\"AP8=\",\"to\":[\"a\","
			       "\"bc\"]} ");

	(void)state;
	assert_int_equal(o.to_n, 2);
	assert_memory_equal(o.to, "a\0bc", 5);
	assert_int_equal(o.len, 2);
	assert_memory_equal(o.text, "\0\xff", 2);
	assert_string_equal(o.id, "y");
	assert_string_equal(o.reply_to, "x");
	assert_string_equal(o.ref.text, "r");
	order_wipe(&o);
	o = parse("{\"to\":\"a\",\"body\":\"\\u00e9\",\"ref\":"
		  "9007199254740991}");
	assert_memory_equal(o.text, "\xc3\xa9", 2);
	assert_true(o.ref.is_number);
	assert_int_equal(o.ref.number, (1ULL << 53) - 1);
	order_wipe(&o);
}

static void
refuses_the_rest(void **state)
{
	(void)state;
	refuses("", "not JSON");
	refuses("{", "not JSON");
	refuses("[]", "not an object");
	refuses("{\"to\":\"a\",\"body\":\"b\"}x", "not JSON");
	refuses("{\"to\":\"a\",\"to\":\"a\",\"body\":\"b\"}", "a field twice");
	refuses("{\"to\":\"a\",\"body\":\"b\",\"ref\":{\"x\":1,\"x\":1}}",
	    "a field twice");
	refuses("{\"to\":\"a\",\"body\":\"\xff\"}", "not UTF-8");
	refuses("{\"to\":\"a\",\"body\":\"\\u0000\"}", "NUL");
	refuses("{\"to\":\"a\",\"body\":1e999}", "too large");
	refuses("{\"to\":\"a\",\"body\":9223372036854775808}", "too large");
	refuses("{\"body\":\"b\"}", "to: missing");
	refuses("{\"to\":[],\"body\":\"b\"}", "to: nobody");
	refuses("{\"to\":[[\"a\"]],\"body\":\"b\"}", "to: neither");
	refuses("{\"to\":null,\"body\":\"b\"}", "to: neither");
	refuses("{\"to\":\"a\"}", "body: missing");
	refuses("{\"to\":\"a\",\"body\":[]}", "body: no string");
	refuses("{\"to\":\"a\",\"body\":\"b\",\"body_base64\":\"\"}",
	    "body and body_base64");
	refuses("{\"to\":\"a\",\"body_base64\":\"\",\"body\":\"b\"}",
	    "body and body_base64");
	refuses("{\"to\":\"a\",\"body_base64\":7}", "body_base64: no string");
	refuses("{\"to\":\"a\",\"body_base64\":\"A\"}", "not base64");
	refuses("{\"to\":\"a\",\"body\":\"b\",\"id\":[]}", "id: no string");
	refuses("{\"to\":\"a\",\"body\":\"b\",\"in_reply_to\":1}",
	    "in_reply_to: no string");
	refuses("{\"to\":\"a\",\"body\":\"b\",\"ref\":9007199254740992}",
	    "ref:");
	refuses("{\"to\":\"a\",\"body\":\"b\",\"ref\":-1}", "ref:");
	refuses("{\"to\":\"a\",\"body\":\"b\",\"ref\":1.0}", "ref:");
	refuses("{\"to\":\"a\",\"body\":\"b\",\"c\":1}",
	    "a field that is none");
}

/* No word of a line is repeated where it may be logged. */
static void
keeps_texts_out_of_errors(void **state)
{
	static const char *const lines[] = {
		"{\"to\":\"secret\",\"body\":\"secret\",\"secret\":1}",
		"{\"to\":\"secret\",\"body\":\"secret\"",
		"{\"to\":[\"secret\",1],\"body\":\"secret\"}",
		"{\"secret\":1,\"secret\":1}",
		"secret",
	};
	struct order o;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(lines); i++) {
		assert_int_equal(order_parse(&o, (const uint8_t *)lines[i],
				     strlen(lines[i])),
		    ERR_USAGE);
		assert_null(strstr(err_last()->message, "secret"));
	}
}

/* A line of so many pieces between two ends. */
static void
refuses_many(const char *begin, const char *piece, size_t n, const char *why)
{
	const size_t len = strlen(begin) + n * strlen(piece);
	char *line = malloc(len + 1);

	assert_non_null(line);
	memcpy(line, begin, strlen(begin));
	for (size_t i = 0; i < n; i++)
		memcpy(line + strlen(begin) + i * strlen(piece), piece,
		    strlen(piece));
	line[len] = '\0';
	refuses(line, why);
	free(line);
}

static void
bounds_depth_and_memory(void **state)
{
	struct order o;

	(void)state;
	refuses_many("", "[", 4000, "nested too deep");
	refuses_many("{\"to\":[\"\"", ",\"\"", 1000000, "too much");
	refuses_many("{\"to\":[0", ",[]", 1000000, "too much");
	refuses_many("{\"to\":[0", ",{}", 1000000, "too much");
	/* and the next line has all of it again */
	o = parse("{\"to\":\"bob\",\"body\":\"\"}");
	order_wipe(&o);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(takes_the_least),
		cmocka_unit_test(takes_all_there_is),
		cmocka_unit_test(refuses_the_rest),
		cmocka_unit_test(keeps_texts_out_of_errors),
		cmocka_unit_test(bounds_depth_and_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
