/* SPDX-License-Identifier: ISC */
#include "client/source.h"

#include <dirent.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/err.h"
#include "scratch.h"
#include "wire/plain.h"

#define CHUNK 64
#define MOST  1000

/* What the C library's would say, but for the size where it is not 0. */
static off_t pretended;

int
fstat(int fd, struct stat *st)
{
	int r = fstatat(fd, "", st, AT_EMPTY_PATH);

	if (pretended != 0)
		st->st_size = pretended;
	return r;
}

static size_t
descriptors(void)
{
	DIR *dir = opendir("/proc/self/fd");
	size_t n = 0;

	assert_non_null(dir);
	while (readdir(dir))
		n++;
	closedir(dir);
	return n;
}

static const char *
inside(void *const *state, const char *name)
{
	static char path[128];
	const struct scratch *s = *state;

	snprintf(path, sizeof(path), "%s/%s", s->dir, name);
	return path;
}

/* The n-th byte of what is sent. */
static uint8_t
byte(size_t n)
{
	return (uint8_t)(n * 7 + n / 256 + 1);
}

static void
fill(uint8_t *out, size_t len)
{
	for (size_t i = 0; i < len; i++)
		out[i] = byte(i);
}

/* A file of that many bytes, open. */
static void
open_file(struct source *s, void *const *state, size_t len)
{
	const char *path = inside(state, "f");
	uint8_t bytes[MOST];

	fill(bytes, len);
	scratch_write(path, bytes, len);
	assert_int_equal(source_open(s, path), 0);
	assert_int_equal(source_cut(s, CHUNK), 0);
}

/* All of it comes: so many bytes, padded, in chunks, with their digest. */
static void
expect_all(struct source *s, size_t size)
{
	const uint64_t chunks = filebox_chunks(size, CHUNK);
	uint8_t all[2 * MOST], want[MOST], got[FILEBOX_DIGEST_LEN];
	uint8_t right[FILEBOX_DIGEST_LEN];
	struct filebox_digest digest;
	const uint8_t *piece;
	size_t len = 0;

	fill(want, size);
	memset(all, 0xff, sizeof(all));
	for (uint64_t i = 0; i < chunks; i++) {
		uint32_t n;
		bool final;

		assert_int_equal(s->index, i);
		assert_int_equal(source_next(s, &piece, &n, &final), 0);
		memcpy(all + len, piece, n);
		assert_int_equal(final, i + 1 == chunks);
		assert_int_equal(n, filebox_chunk_len(size, CHUNK, i));
		len += n;
	}
	assert_int_equal(len, plain_padme(size));
	assert_memory_equal(all, want, size);
	for (size_t i = size; i < len; i++)
		assert_int_equal(all[i], 0);
	assert_int_equal(s->size, size);
	assert_int_equal(s->taken, size);
	filebox_digest_init(&digest);
	filebox_digest_add(&digest, want, size);
	filebox_digest_end(&digest, right);
	assert_int_equal(source_digest(s, got), 0);
	assert_memory_equal(got, right, sizeof(got));
}

static void
test_files_of_any_size(void **state)
{
	static const size_t sizes[] = { 0, 1, CHUNK - 1, CHUNK, CHUNK + 1,
		2 * CHUNK, 129, 513, MOST };
	const size_t before = descriptors();

	for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
		struct source s;

		open_file(&s, state, sizes[i]);
		assert_int_equal(s.size, sizes[i]);
		expect_all(&s, sizes[i]);
		source_close(&s);
	}
	assert_int_equal(descriptors(), before);
}

/* What a child writes, piece by piece, is what standard input leads to. */
static void
stream(struct source *s, size_t size, size_t piece)
{
	uint8_t bytes[MOST];
	int ends[2];
	pid_t pid;

	assert_int_equal(pipe(ends), 0);
	pid = fork();
	if (pid == 0) {
		fill(bytes, size);
		for (size_t at = 0; at < size; at += piece) {
			size_t len = size - at < piece ? size - at : piece;

			if (write(ends[1], bytes + at, len) != (ssize_t)len)
				_exit(1);
		}
		_exit(0);
	}
	close(ends[1]);
	assert_int_equal(dup2(ends[0], STDIN_FILENO), STDIN_FILENO);
	close(ends[0]);
	assert_int_equal(source_open(s, "-"), 0);
	assert_int_equal(source_cut(s, CHUNK), 0);
}

static void
test_streams_of_any_size(void **state)
{
	static const size_t sizes[] = { 0, 1, CHUNK - 1, CHUNK, CHUNK + 1,
		2 * CHUNK, 513, MOST };
	static const size_t pieces[] = { 1, 63, 64, 65, MOST };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
		for (size_t k = 0; k < ARRAY_LEN(pieces); k++) {
			struct source s;

			stream(&s, sizes[i], pieces[k]);
			assert_true(s.is_stream);
			assert_int_equal(s.size, PLAIN_SIZE_UNKNOWN);
			assert_string_equal(s.path, "-");
			expect_all(&s, sizes[i]);
			source_close(&s);
		}
	}
}

/* Until the final chunk it may have changed, and then it must not have. */
static int
read_on(struct source *s)
{
	const uint8_t *out;
	uint32_t len;
	bool final = false;
	int r = 0;

	while (r == 0 && !final)
		r = source_next(s, &out, &len, &final);
	source_close(s);
	return r;
}

static void
test_changes(void **state)
{
	const struct timespec times[2] = { { .tv_nsec = UTIME_OMIT },
		{ .tv_sec = 1 } };
	const char *path = inside(state, "f");
	struct source s;

	open_file(&s, state, 200);
	assert_int_equal(truncate(path, 201), 0);
	assert_int_equal(read_on(&s), ERR_IO);
	open_file(&s, state, 200);
	assert_int_equal(truncate(path, 10), 0);
	assert_int_equal(read_on(&s), ERR_IO);
	open_file(&s, state, 200);
	assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
	assert_int_equal(read_on(&s), ERR_IO);
	/* another file of that name is none of its business */
	open_file(&s, state, 200);
	assert_int_equal(unlink(path), 0);
	scratch_write(path, (const uint8_t *)"x", 1);
	assert_int_equal(read_on(&s), 0);
}

static void
refused(const char *path, int code)
{
	const size_t before = descriptors();
	struct source s;

	assert_int_equal(source_open(&s, path), code);
	assert_string_equal(err_last()->path, path);
	assert_int_equal(descriptors(), before);
}

static void
test_no_regular_file(void **state)
{
	assert_int_equal(mkfifo(inside(state, "fifo"), 0600), 0);
	refused(inside(state, "fifo"), ERR_USAGE);
	refused(inside(state, "."), ERR_USAGE);
	refused("/dev/null", ERR_USAGE);
	refused(inside(state, "missing"), ERR_IO);
}

/* Its manifest could not say so. */
static void
test_larger_than_can_be(void **state)
{
	struct source s;

	scratch_write(inside(state, "f"), (const uint8_t *)"x", 1);
	pretended = (off_t)FILE_SIZE_MAX;
	assert_int_equal(source_open(&s, inside(state, "f")), 0);
	source_close(&s);
	pretended = (off_t)FILE_SIZE_MAX + 1;
	refused(inside(state, "f"), ERR_USAGE);
	pretended = 0;
}

static void
test_what_is_known(void **state)
{
	const struct timespec now[2] = { { .tv_nsec = UTIME_OMIT },
		{ .tv_sec = 1700000000, .tv_nsec = 123456789 } };
	const struct timespec early[2] = { { .tv_nsec = UTIME_OMIT },
		{ .tv_sec = -86400 } };
	const char *path = inside(state, "f");
	struct source s;
	struct stat st;

	scratch_write(path, (const uint8_t *)"x", 1);
	assert_int_equal(utimensat(AT_FDCWD, path, now, 0), 0);
	assert_int_equal(source_open(&s, path), 0);
	assert_int_equal(stat(path, &st), 0);
	assert_string_equal(s.path, path);
	assert_int_equal(s.inode, st.st_ino);
	assert_int_equal(s.device, st.st_dev);
	assert_int_equal(s.modified, 1700000000123456789);
	assert_int_equal(s.mtime, 1700000000123);
	source_close(&s);
	assert_int_equal(utimensat(AT_FDCWD, path, early, 0), 0);
	assert_int_equal(source_open(&s, path), 0);
	assert_int_equal(s.mtime, 0);
	source_close(&s);
}

#define SCRATCHED(test)                                           \
	cmocka_unit_test_setup_teardown(test, scratch_setup_bare, \
	    scratch_teardown)

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		SCRATCHED(test_files_of_any_size),
		SCRATCHED(test_streams_of_any_size),
		SCRATCHED(test_changes),
		SCRATCHED(test_no_regular_file),
		SCRATCHED(test_larger_than_can_be),
		SCRATCHED(test_what_is_known),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
