/* SPDX-License-Identifier: ISC */
#include "server/pg_fence.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/err.h"
#include "tidy.h"

#define OURS   "7312345678901234567"
#define OTHERS "7312345678901234568"
#define FILED  "sentinel-relay-timeline:" OURS

static char dir[] = "/tmp/test_pg_fence.XXXXXX";
static const char file[] = "key.timeline";

static int
enter(void **state)
{
	(void)state;
	return mkdtemp(dir) && chdir(dir) == 0 ? 0 : -1;
}

static int
leave(void **state)
{
	(void)state;
	tidy_dir(dir);
	return 0;
}

static int
begin(void **state)
{
	(void)state;
	unlink(file);
	return 0;
}

static void
expect_file(const char *expected)
{
	char text[128];
	FILE *f = fopen(file, "r");

	assert_non_null(f);
	text[fread(text, 1, sizeof(text) - 1, f)] = '\0';
	fclose(f);
	assert_string_equal(text, expected);
}

static void
put_file(const char *text)
{
	FILE *f = fopen(file, "w");

	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

static void
test_rises(void **state)
{
	struct pg_fence f = { .path = file };

	(void)state;
	assert_int_equal(pg_fence_look(file), 0);
	assert_int_equal(pg_fence_check(&f, "00000001", OURS), 0);
	expect_file(FILED ":00000001\n");
	assert_int_equal(pg_fence_check(&f, "0000001F", OURS), 0);
	expect_file(FILED ":0000001F\n");
	assert_int_equal(pg_fence_check(&f, "0000001F", OURS), 0);
	assert_int_equal(pg_fence_check(&f, "0000001E", OURS), ERR_IO);
	assert_string_equal(err_last()->message,
	    "the server is of timeline 30, older than 31 of key.timeline");
	assert_int_equal(pg_fence_check(&f, "", OURS), ERR_IO); /* a standby */
	expect_file(FILED ":0000001F\n");
}

/* It begins again, and knows nothing but what stands in the file. */
static void
test_kept(void **state)
{
	struct pg_fence f = { .path = file };

	(void)state;
	put_file(FILED ":00000003\n");
	assert_int_equal(pg_fence_look(file), 0);
	assert_int_equal(pg_fence_check(&f, "00000002", OURS), ERR_IO);
	assert_int_equal(pg_fence_check(&f, "00000003", OURS), 0);
}

/* Two relays have one file: what either has seen holds for both. */
static void
test_shared(void **state)
{
	struct pg_fence f = { .path = file }, g = { .path = file };

	(void)state;
	assert_int_equal(pg_fence_check(&f, "00000001", OURS), 0);
	assert_int_equal(pg_fence_check(&g, "00000002", OURS), 0);
	assert_int_equal(pg_fence_check(&f, "00000001", OURS), ERR_IO);
	/* and a file that is behind is brought up to what is known */
	put_file(FILED ":00000001\n");
	assert_int_equal(pg_fence_check(&g, "00000001", OURS), ERR_IO);
	assert_int_equal(pg_fence_check(&g, "00000002", OURS), 0);
	expect_file(FILED ":00000002\n");
}

/* Another database is a matter of another start. */
static void
test_other_cluster(void **state)
{
	struct pg_fence f = { .path = file }, g = { .path = file };

	(void)state;
	assert_int_equal(pg_fence_check(&f, "00000005", OURS), 0);
	assert_int_equal(pg_fence_check(&f, "00000006", OTHERS), ERR_IO);
	expect_file(FILED ":00000005\n");
	assert_int_equal(pg_fence_check(&g, "00000001", OTHERS), 0);
	expect_file("sentinel-relay-timeline:" OTHERS ":00000001\n");
}

static void
test_in_memory(void **state)
{
	struct pg_fence f = { .path = NULL };

	(void)state;
	assert_int_equal(pg_fence_check(&f, "00000002", OURS), 0);
	assert_int_equal(pg_fence_check(&f, "00000001", OURS), ERR_IO);
	assert_string_equal(err_last()->message,
	    "the server is of timeline 1, older than 2");
	assert_int_equal(access(file, F_OK), -1);
}

static void
test_bad_file(void **state)
{
	static const char *const bad[] = { "", "\n", "3\n", FILED,
		FILED ":00000003", FILED ":00000000\n", FILED ":00000003\n\n",
		FILED ":3\n", FILED ":000000003\n", FILED ":0000000a\n",
		FILED ":-0000003\n", " " FILED ":00000003\n",
		"sentinel-relay-timeline:-1:00000003\n",
		"sentinel-relay-timeline::00000003\n",
		"sentinel-relay-timeline:99999999999999999999:00000003\n",
		FILED ":00000003\nand what makes it longer than it can be" };
	struct pg_fence f = { .path = file };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		put_file(bad[i]);
		assert_int_equal(pg_fence_look(file), ERR_CORRUPT);
		assert_string_equal(err_last()->path, file);
		assert_int_equal(pg_fence_check(&f, "00000009", OURS),
		    ERR_CORRUPT);
		expect_file(bad[i]);
	}
}

static void
test_no_file(void **state)
{
	struct pg_fence f = { .path = "nowhere/x" };

	(void)state;
	assert_int_equal(pg_fence_check(&f, "00000001", OURS), ERR_IO);
	assert_int_equal(f.timeline, 0);
	assert_int_equal(mkdir("directory", 0700), 0);
	assert_int_equal(pg_fence_look("directory"), ERR_IO);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_rises, begin),
		cmocka_unit_test_setup(test_kept, begin),
		cmocka_unit_test_setup(test_shared, begin),
		cmocka_unit_test_setup(test_other_cluster, begin),
		cmocka_unit_test_setup(test_in_memory, begin),
		cmocka_unit_test_setup(test_bad_file, begin),
		cmocka_unit_test_setup(test_no_file, begin),
	};

	return cmocka_run_group_tests(tests, enter, leave);
}
