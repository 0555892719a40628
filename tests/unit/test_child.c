/* SPDX-License-Identifier: ISC */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* cmocka.h needs what stands above */
#include <cmocka.h>

#include "base/attr.h"
#include "base/err.h"
#include "cli/child.h"

#define INPUT "all of it\n"

static int
run(char *const argv[])
{
	static const struct child_env env[] = { { "TOLD", "a value" },
		{ "PATH_OF", "" } };
	int status = -1;

	assert_int_equal(
	    child_run(argv, env, ARRAY_LEN(env), INPUT, strlen(INPUT), &status),
	    0);
	return status;
}

/* What a shell ends with that runs the line. */
static int
sh(const char *line)
{
	char sh[] = "sh", option[] = "-c", copy[256];
	char *argv[] = { sh, option, copy, NULL };

	assert_true(strlen(line) < sizeof(copy));
	memcpy(copy, line, strlen(line) + 1);
	return run(argv);
}

static void
finds_programs(void **state)
{
	static const char *const there[] = { "sh", "/bin/sh" };
	static const char *const missing[] = { "no-such-program", "/no/such",
		"/", "/etc/passwd", "." };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(there); i++)
		assert_int_equal(child_check(there[i]), 0);
	for (size_t i = 0; i < ARRAY_LEN(missing); i++)
		assert_int_equal(child_check(missing[i]), ERR_USAGE);
}

static void
tells_how_it_ended(void **state)
{
	char none[] = "no-such-program", file[] = "/etc/passwd";
	char *missing[] = { none, NULL };
	char *closed[] = { file, NULL };

	(void)state;
	assert_int_equal(sh("exit 0"), 0);
	assert_int_equal(sh("exit 255"), 255);
	assert_int_equal(sh("kill -TERM $$"), CHILD_SIGNAL + SIGTERM);
	assert_int_equal(run(missing), 127);
	assert_int_equal(run(closed), 126);
}

static void
hands_over_input_and_environment(void **state)
{
	(void)state;
	setenv("TOLD", "another one", 1);
	setenv("TOLD_BEFORE", "as it was", 1);
	assert_int_equal(sh("test \"$(cat)\" = 'all of it'"), 0);
	assert_int_equal(sh("test \"$(wc -c)\" -eq 10"), 0);
	/* a file, that cannot be changed */
	assert_int_equal(sh("read -r x && cat >/dev/null && "
			    "test \"$x\" = 'all of it'"),
	    0);
	assert_int_not_equal(sh("echo more >&0"), 0);
	assert_int_equal(sh("test \"$TOLD\" = 'a value'"), 0);
	assert_int_equal(sh("test -z \"$PATH_OF\" -a \"${PATH_OF+set}\" = set"),
	    0);
	assert_int_equal(sh("test \"$(env | grep -c '^TOLD=')\" = 1"), 0);
	assert_int_equal(sh("test \"$TOLD_BEFORE\" = 'as it was'"), 0);
	assert_string_equal(getenv("TOLD"), "another one");
}

/* Nothing of ours stays open in it. */
static void
inherits_three_descriptors(void **state)
{
	(void)state;
	assert_int_equal(sh("for f in /proc/self/fd/*; do "
			    "case $(readlink \"$f\") in "
			    "*memfd*) n=$((${n-0} + 1)) ;; esac; done; "
			    "test \"$n\" = 1"),
	    0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(finds_programs),
		cmocka_unit_test(tells_how_it_ended),
		cmocka_unit_test(hands_over_input_and_environment),
		cmocka_unit_test(inherits_three_descriptors),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
