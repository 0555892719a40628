/* SPDX-License-Identifier: ISC */
#include "server/pg_hosts.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "server/pg_lib.h"

/* The list of that name, turned; NULL: there is none. */
static void
expect(const char *conninfo, unsigned by, const char *name,
    const char *expected)
{
	struct pg_hosts h;
	const char *found = NULL;

	assert_int_equal(pg_hosts_turn(&h, conninfo, by), 0);
	for (int i = 0; i < h.n; i++) {
		if (strcmp(h.names[i], name) == 0)
			found = h.values[i];
	}
	if (expected)
		assert_non_null(found);
	if (expected)
		assert_string_equal(found, expected);
	else
		assert_null(found);
	pg_hosts_free(&h);
}

static void
test_turned(void **state)
{
	static const char *const turned[] = { "a,b,/c", "b,/c,a", "/c,a,b" };

	(void)state;
	for (unsigned by = 0; by < 7; by++)
		expect("host=a,b,/c user=x", by, "host", turned[by % 3]);
	/* what belongs together is turned together */
	expect("host=a,b port=1,2", 1, "host", "b,a");
	expect("host=a,b port=1,2", 1, "port", "2,1");
	expect("hostaddr=10.0.0.1,10.0.0.2", 3, "hostaddr",
	    "10.0.0.2,10.0.0.1");
	expect("postgresql://u@a:1,b:2/d", 1, "host", "b,a");
	expect("postgresql://u@a:1,b:2/d", 1, "port", "2,1");
	/* an empty one is one, too */
	expect("host=a,b port=,2", 1, "port", "2,");
	expect("host=,b", 1, "host", "b,");
}

static void
test_count(void **state)
{
	(void)state;
	assert_int_equal(pg_hosts_count("user=x"), 1);
	assert_int_equal(pg_hosts_count("host=a port=1"), 1);
	assert_int_equal(pg_hosts_count("host=a,b,/c"), 3);
	assert_int_equal(pg_hosts_count("hostaddr=10.0.0.1,10.0.0.2"), 2);
	assert_int_equal(pg_hosts_count("postgresql://u@a:1,b:2/d"), 2);
	assert_int_equal(pg_hosts_count("no conninfo"), 1);
}

static void
test_left_alone(void **state)
{
	(void)state;
	expect("host=a port=1 user=x,y", 1, "host", NULL);
	expect("host=a port=1 user=x,y", 1, "port", NULL);
	expect("host=a,b port=1", 1, "port", NULL);
	expect("", 1, "host", NULL);
	expect("not a conninfo", 1, "host", NULL);
}

static int
load(void **state)
{
	(void)state;
	return pg_lib_open();
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_turned),
		cmocka_unit_test(test_count),
		cmocka_unit_test(test_left_alone),
	};

	return cmocka_run_group_tests(tests, load, NULL);
}
