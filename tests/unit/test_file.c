/* SPDX-License-Identifier: ISC */
#include "base/file.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/err.h"

static char dir[] = "/tmp/test_file.XXXXXX";

static int
enter(void **state)
{
	(void)state;
	umask(077);
	return mkdtemp(dir) && chdir(dir) == 0 ? 0 : -1;
}

static int
leave(void **state)
{
	(void)state;
	return chdir("/") == 0 ? rmdir(dir) : -1;
}

/* How many names there are in the directory of the test. */
static size_t
count_names(void)
{
	DIR *d = opendir(".");
	size_t n = 0;

	assert_non_null(d);
	while (readdir(d))
		n++;
	closedir(d);
	return n - 2;
}

static void
expect_content(const char *path, const void *bytes, size_t len)
{
	struct buf *b = buf_new(1 << 20);
	int fd = open(path, O_RDONLY);

	assert_true(fd >= 0);
	assert_int_equal(file_slurp(b, fd, path), 0);
	assert_int_equal(buf_len(b), len);
	assert_memory_equal(buf_peek(b), bytes, len);
	close(fd);
	buf_free(b);
}

static void
test_create(void **state)
{
	struct stat st;

	(void)state;
	assert_int_equal(file_create("key", "secret", 6), 0);
	assert_int_equal(stat("key", &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	expect_content("key", "secret", 6);
	assert_int_equal(count_names(), 1);
	unlink("key");
	assert_int_equal(file_create("./empty", "", 0), 0);
	expect_content("empty", "", 0);
	unlink("empty");
}

static void
test_create_never_replaces(void **state)
{
	(void)state;
	assert_int_equal(file_create("key", "first", 5), 0);
	assert_int_equal(file_create("key", "second", 6), ERR_EXISTS);
	assert_string_equal(err_last()->path, "key");
	expect_content("key", "first", 5);
	assert_int_equal(count_names(), 1);
	unlink("key");
	/* not through a link that leads nowhere, either */
	assert_int_equal(symlink("elsewhere", "link"), 0);
	assert_int_equal(file_create("link", "x", 1), ERR_EXISTS);
	assert_int_equal(count_names(), 1);
	unlink("link");
}

static void
test_create_fails(void **state)
{
	char path[PATH_MAX + 10];

	(void)state;
	assert_int_equal(file_create("no/such", "x", 1), ERR_IO);
	assert_string_equal(err_last()->path, "no/such");
	memset(path, 'p', sizeof(path) - 1);
	path[sizeof(path) - 1] = '\0';
	assert_int_equal(file_create(path, "x", 1), ERR_IO);
	assert_int_equal(file_make_parents(path), 0);
	path[sizeof(path) - 2] = '/';
	assert_int_equal(file_make_parents(path), ERR_IO);
	assert_int_equal(count_names(), 0);
}

static void
test_replace(void **state)
{
	char path[PATH_MAX + 10];
	struct stat st;

	(void)state;
	assert_int_equal(file_replace("kept", "first", 5), 0);
	assert_int_equal(stat("kept", &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(file_replace("./kept", "2nd", 3), 0);
	expect_content("kept", "2nd", 3);
	assert_int_equal(count_names(), 1);
	unlink("kept");
	/* what fails leaves what was there, and nothing else */
	assert_int_equal(mkdir("kept", 0700), 0);
	assert_int_equal(file_replace("kept", "x", 1), ERR_IO);
	assert_string_equal(err_last()->path, "kept");
	assert_int_equal(count_names(), 1);
	rmdir("kept");
	assert_int_equal(file_replace("no/such", "x", 1), ERR_IO);
	memset(path, 'p', sizeof(path) - 1);
	path[sizeof(path) - 1] = '\0';
	assert_int_equal(file_replace(path, "x", 1), ERR_IO);
	assert_int_equal(count_names(), 0);
}

static void
test_parents(void **state)
{
	struct stat st;

	(void)state;
	assert_int_equal(file_make_parents("a/b//c/file"), 0);
	assert_int_equal(stat("a/b/c", &st), 0);
	assert_int_equal(st.st_mode & 07777, 0700);
	assert_int_equal(stat("a/b/c/file", &st), -1);
	assert_int_equal(file_make_parents("a/b//c/file"), 0);
	assert_int_equal(file_make_parents("file"), 0);
	assert_int_equal(file_make_parents("/file"), 0);
	assert_int_equal(file_create("a/file", "x", 1), 0);
	assert_int_equal(file_make_parents("a/file/b/c"), ERR_IO);
	unlink("a/file");
	rmdir("a/b/c");
	rmdir("a/b");
	rmdir("a");
}

static void
test_slurp_ceiling(void **state)
{
	static const size_t sizes[] = { 0, 1, 99, 100, 101, 5000 };
	uint8_t bytes[5000];

	(void)state;
	memset(bytes, 'x', sizeof(bytes));
	for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
		struct buf *b = buf_new(100);
		int p[2];

		assert_int_equal(pipe(p), 0);
		assert_int_equal(file_write(p[1], bytes, sizes[i], "pipe"), 0);
		close(p[1]);
		assert_int_equal(file_slurp(b, p[0], "pipe"),
		    sizes[i] <= 100 ? 0 : ERR_USAGE);
		assert_int_equal(buf_len(b), sizes[i] < 100 ? sizes[i] : 100);
		close(p[0]);
		buf_free(b);
	}
}

static void
test_slurp_appends(void **state)
{
	struct buf *b = buf_new(10);
	int p[2];

	(void)state;
	assert_int_equal(buf_put(b, "abc", 3), 0);
	assert_int_equal(pipe(p), 0);
	assert_int_equal(file_write(p[1], "defghij", 7, "pipe"), 0);
	close(p[1]);
	assert_int_equal(file_slurp(b, p[0], "pipe"), 0);
	assert_memory_equal(buf_peek(b), "abcdefghij", 10);
	close(p[0]);
	buf_free(b);
}

static void
test_bad_descriptor(void **state)
{
	struct buf *b = buf_new(10);

	(void)state;
	assert_int_equal(file_slurp(b, -1, "nothing"), ERR_IO);
	assert_string_equal(err_last()->path, "nothing");
	assert_int_equal(file_write(-1, "x", 1, "nothing"), ERR_IO);
	assert_int_equal(file_write(-1, "", 0, "nothing"), 0);
	buf_free(b);
}

#define LOAD (1 << 20)

static uint8_t load[LOAD];

static void *
write_load(void *fd)
{
	static int r;

	r = file_write(*(int *)fd, load, LOAD, "pipe");
	close(*(int *)fd);
	return &r;
}

/* Both ends non-blocking, and much more than a pipe holds. */
static void
test_non_blocking(void **state)
{
	struct buf *b = buf_new(LOAD);
	pthread_t thread;
	void *r;
	int p[2];

	(void)state;
	for (size_t i = 0; i < LOAD; i++)
		load[i] = (uint8_t)(i * 7 + i / 251);
	assert_int_equal(pipe2(p, O_NONBLOCK), 0);
	assert_int_equal(pthread_create(&thread, NULL, write_load, &p[1]), 0);
	clock_sleep(20);
	assert_int_equal(file_slurp(b, p[0], "pipe"), 0);
	assert_int_equal(pthread_join(thread, &r), 0);
	assert_int_equal(*(int *)r, 0);
	assert_int_equal(buf_len(b), LOAD);
	assert_memory_equal(buf_peek(b), load, LOAD);
	close(p[0]);
	buf_free(b);
}

/* As much as there is, in whatever pieces, and no more than asked for. */
static void
test_fill(void **state)
{
	char out[8] = "........";
	size_t len;
	int p[2];

	(void)state;
	assert_int_equal(pipe(p), 0);
	assert_int_equal(write(p[1], "abcdef", 6), 6);
	assert_int_equal(file_read(p[0], out, 4, FILE_HERE, &len, "pipe"), 0);
	assert_int_equal(len, 4);
	assert_memory_equal(out, "abcd....", 8);
	close(p[1]);
	assert_int_equal(file_read(p[0], out, 4, FILE_HERE, &len, "pipe"), 0);
	assert_int_equal(len, 2);
	assert_memory_equal(out, "efcd....", 8);
	assert_int_equal(file_read(p[0], out, 4, FILE_HERE, &len, "pipe"), 0);
	assert_int_equal(len, 0);
	close(p[0]);
	assert_int_equal(file_read(p[0], out, 4, FILE_HERE, &len, "pipe"),
	    ERR_IO);
	assert_string_equal(err_last()->path, "pipe");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_create),
		cmocka_unit_test(test_create_never_replaces),
		cmocka_unit_test(test_create_fails),
		cmocka_unit_test(test_replace),
		cmocka_unit_test(test_parents),
		cmocka_unit_test(test_slurp_ceiling),
		cmocka_unit_test(test_slurp_appends),
		cmocka_unit_test(test_fill),
		cmocka_unit_test(test_bad_descriptor),
		cmocka_unit_test(test_non_blocking),
	};

	return cmocka_run_group_tests(tests, enter, leave);
}
