/* SPDX-License-Identifier: ISC */
#include "server/pg_hosts.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "server/pg_lib.h"

/* What is told of the nth server by that name; NULL: nothing. */
static void
expect(const char *conninfo, unsigned nth, const char *name,
    const char *expected)
{
	PQconninfoOption *options = pg_hosts_pick(conninfo, nth);
	const PQconninfoOption *o = options;

	assert_non_null(options);
	while (o->keyword && strcmp(o->keyword, name) != 0)
		o++;
	assert_non_null(o->keyword);
	if (expected)
		assert_non_null(o->val);
	if (expected)
		assert_string_equal(o->val, expected);
	else
		assert_null(o->val);
	PQconninfoFree(options);
}

static void
test_picked(void **state)
{
	static const char *const hosts[] = { "a", "b", "/c" };

	(void)state;
	for (unsigned n = 0; n < 7; n++)
		expect("host=a,b,/c user=x", n, "host", hosts[n % 3]);
	/* what belongs together comes together */
	expect("host=a,b port=1,2", 1, "host", "b");
	expect("host=a,b port=1,2", 1, "port", "2");
	expect("hostaddr=10.0.0.1,10.0.0.2", 3, "hostaddr", "10.0.0.2");
	expect("postgresql://u@a:1,b:2/d", 1, "host", "b");
	expect("postgresql://u@a:1,b:2/d", 1, "port", "2");
	/* an empty one is one, too */
	expect("host=a,b port=,2", 0, "port", "");
	expect("host=,b", 0, "host", "");
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
	expect("host=a port=1 user=x,y", 1, "host", "a");
	expect("host=a port=1 user=x,y", 1, "port", "1");
	expect("host=a port=1 user=x,y", 1, "user", "x,y");
	expect("host=a,b port=1", 1, "port", "1");
	expect("", 1, "host", NULL);
	assert_null(pg_hosts_pick("no conninfo", 1));
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
		cmocka_unit_test(test_picked),
		cmocka_unit_test(test_count),
		cmocka_unit_test(test_left_alone),
	};

	return cmocka_run_group_tests(tests, load, NULL);
}
