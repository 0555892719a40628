/* SPDX-License-Identifier: ISC */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <time.h>

/* cmocka.h needs what stands above */
#include <cmocka.h>

#include "base/attr.h"
#include "cli/human.h"

#define NOW    1700043200123ULL /* 2023-11-15T10:13:20.123Z */
#define MINUTE 60000ULL
#define HOUR   (60 * MINUTE)
#define DAY    (24 * HOUR)

static void
zone(const char *name)
{
	setenv("TZ", name, 1);
	tzset();
}

static void
test_bytes(void **state)
{
	static const struct {
		uint64_t bytes;
		const char *text;
	} cases[] = { { 0, "0 B" }, { 1, "1 B" }, { 999, "999 B" },
		{ 1000, "1.0 KiB" }, { 1024, "1.0 KiB" },
		{ 1U << 20, "1.0 MiB" }, { 27ULL << 30, "27.0 GiB" },
		{ (1ULL << 53) - 1, "8.0 PiB" }, { UINT64_MAX, "16.0 EiB" } };
	char out[HUMAN_SIZE];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		human_bytes(out, cases[i].bytes);
		assert_string_equal(out, cases[i].text);
	}
}

static void
test_clock(void **state)
{
	char out[HUMAN_SIZE];

	(void)state;
	zone("UTC");
	human_clock(out, NOW, NOW);
	assert_string_equal(out, "10:13");
	human_clock(out, NOW - 10 * HOUR, NOW);
	assert_string_equal(out, "00:13");
	human_clock(out, NOW - 11 * HOUR, NOW);
	assert_string_equal(out, "2023-11-14 23:13");
	human_clock(out, NOW + 14 * HOUR, NOW);
	assert_string_equal(out, "2023-11-16 00:13");
	/* the same day of another year */
	human_clock(out, NOW - 365 * DAY, NOW);
	assert_string_equal(out, "2022-11-15 10:13");
	zone("XYZ+10:30");
	human_clock(out, NOW, NOW);
	assert_string_equal(out, "23:43");
}

static void
test_ago(void **state)
{
	static const struct {
		uint64_t before;
		const char *text;
	} cases[] = { { 0, "just now" }, { MINUTE - 1, "just now" },
		{ MINUTE, "1 min ago" }, { HOUR - 1, "59 min ago" },
		{ HOUR, "1 h ago" }, { DAY - 1, "23 h ago" },
		{ DAY, "1 day ago (2023-11-14 10:13)" },
		{ 319 * DAY, "319 days ago (2022-12-31 10:13)" },
		{ NOW, "19676 days ago (1970-01-01 00:00)" } };
	char out[HUMAN_SIZE];

	(void)state;
	zone("UTC");
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		human_ago(out, NOW - cases[i].before, NOW);
		assert_string_equal(out, cases[i].text);
	}
	/* a clock may be a little ahead */
	human_ago(out, NOW + MINUTE, NOW);
	assert_string_equal(out, "just now");
	human_ago(out, NOW + MINUTE + 1, NOW);
	assert_string_equal(out, "2023-11-15 10:14");
	/* the last that a record can hold */
	human_ago(out, 253402300799999, NOW);
	assert_string_equal(out, "9999-12-31 23:59");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bytes),
		cmocka_unit_test(test_clock),
		cmocka_unit_test(test_ago),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
