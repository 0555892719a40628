/* SPDX-License-Identifier: ISC */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/err.h"
#include "server/landlock.h"

#define REFUSED 42

static char dir[] = "/tmp/test_landlock.XXXXXX";

static int
set_up(void **state)
{
	(void)state;
	if (!mkdtemp(dir) || chdir(dir) < 0 || mkdir("data", 0700) < 0 ||
	    mkdir("etc", 0700) < 0 || mkdir("other", 0700) < 0)
		return -1;
	close(open("etc/conf", O_CREAT | O_WRONLY, 0600));
	close(open("other/file", O_CREAT | O_WRONLY, 0600));
	return 0;
}

static int
tear_down(void **state)
{
	static const char *const files[] = { "etc/conf", "other/file",
		"data/new" };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(files); i++)
		unlink(files[i]);
	rmdir("data");
	rmdir("etc");
	rmdir("other");
	return chdir("/") < 0 ? -1 : rmdir(dir);
}

/* What a process within the rules can do with a file, and with a version. */
static bool
can(int max, const char *path, int flags)
{
	static const struct landlock_rule rules[] = { { .dir = "data" },
		{ .dir = "etc", .read_only = true } };
	int status;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0) {
		if (landlock_enter(rules, ARRAY_LEN(rules), max) < 0)
			_exit(1);
		_exit(open(path, flags, 0600) < 0 ? REFUSED : 0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_true(WEXITSTATUS(status) == 0 || WEXITSTATUS(status) == REFUSED);
	return WEXITSTATUS(status) == 0;
}

static void
test_what_each_rule_allows(void **state)
{
	static const struct {
		const char *path;
		int flags;
		bool allowed;
	} cases[] = {
		{ "data/new", O_RDWR | O_CREAT, true },
		{ "data", O_RDONLY | O_DIRECTORY, true },
		{ "etc/conf", O_RDONLY, true },
		{ "etc/conf", O_WRONLY, false },
		{ "etc/new", O_WRONLY | O_CREAT, false },
		{ "etc", O_RDONLY | O_DIRECTORY, false },
		{ "other/file", O_RDONLY, false },
		{ ".", O_RDONLY | O_DIRECTORY, false },
	};

	(void)state;
	assert_int_equal(landlock_enter(NULL, 0, 0), 0);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		for (int max = 1; max <= LANDLOCK_ABI_MAX; max++)
			assert_int_equal(
			    can(max, cases[i].path, cases[i].flags),
			    cases[i].allowed);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_each_rule_allows),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
