/* SPDX-License-Identifier: ISC */
#include "state/outdir.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/err.h"
#include "scratch.h"

#define PART ".sentinel-07070707070707070707070707070707.part"

static bool late; /* somebody is there as soon as a name is free */

int
unlinkat(int fd, const char *name, int flags)
{
	int r = (int)syscall(SYS_unlinkat, fd, name, flags);
	int theirs = -1;

	if (late)
		theirs = openat(fd, name, O_WRONLY | O_CREAT | O_EXCL, 0600);
	if (theirs >= 0) {
		assert_int_equal(write(theirs, "theirs", 6), 6);
		close(theirs);
	}
	return r;
}

static const uint8_t id[ID_LEN] = { 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7,
	7 };

struct place {
	struct scratch *scratch;
	char path[128]; /* of the directory */
	char side[128]; /* a file beside it that must stay as it is */
	struct outdir *d;
};

static int
setup(void **state)
{
	struct place *p = calloc(1, sizeof(*p));
	void *scratch;

	if (!p || scratch_setup_bare(&scratch) < 0)
		return -1;
	p->scratch = scratch;
	snprintf(p->path, sizeof(p->path), "%s/in", p->scratch->dir);
	snprintf(p->side, sizeof(p->side), "%s/side", p->scratch->dir);
	scratch_write(p->side, (const uint8_t *)"side", 4);
	assert_int_equal(outdir_open(&p->d, p->path), 0);
	*state = p;
	return 0;
}

static int
teardown(void **state)
{
	struct place *p = *state;
	void *scratch = p->scratch;

	outdir_close(p->d);
	free(p);
	return scratch_teardown(&scratch);
}

static const char *
inside(const struct place *p, const char *name)
{
	static char path[512];

	snprintf(path, sizeof(path), "%s/%s", p->path, name);
	return path;
}

static bool
exists(const struct place *p, const char *name)
{
	struct stat st;

	return lstat(inside(p, name), &st) == 0;
}

static void
expect_file(const char *path, const char *text)
{
	size_t len;
	uint8_t *bytes = scratch_read(path, &len);

	assert_int_equal(len, strlen(text));
	assert_memory_equal(bytes, text, len);
	free(bytes);
}

/* The file beside the directory is still what it was. */
static void
side_is_whole(const struct place *p)
{
	expect_file(p->side, "side");
}

static int
make_part(const struct place *p, const char *text)
{
	int fd;

	assert_int_equal(outdir_open_part(p->d, id, true, &fd), 0);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	return fd;
}

/* The part as it is, under that name. */
static int
publish(const struct place *p, const char *name)
{
	uint64_t inode;
	bool same = false;
	int r;

	assert_int_equal(outdir_inode(p->d, PART, &inode), 0);
	r = outdir_publish(p->d, id, inode, name, &same);
	assert_true(r < 0 || same);
	return r;
}

static void
test_a_file(void **state)
{
	struct place *p = *state;
	char name[FILENAME_SIZE];
	struct stat st;
	uint64_t inode;
	bool same = false;
	int fd = make_part(p, "hello");

	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	close(fd);
	assert_int_equal(outdir_open_part(p->d, id, false, &fd), 0);
	assert_true(fd >= 0);
	close(fd);
	assert_int_equal(outdir_pick(p->d, "a.txt", name), 0);
	assert_string_equal(name, "a.txt");
	assert_int_equal(outdir_publish(p->d, id, st.st_ino, name, &same), 0);
	assert_true(same);
	assert_false(exists(p, PART));
	assert_int_equal(outdir_inode(p->d, name, &inode), 0);
	assert_int_equal(inode, st.st_ino);
	assert_int_equal(outdir_inode(p->d, "b", &inode), 0);
	assert_int_equal(inode, 0);
	assert_int_equal(outdir_open_part(p->d, id, false, &fd), 0);
	assert_int_equal(fd, -1);
}

static void
test_directory_made(void **state)
{
	struct place *p = *state;
	char deep[256];
	struct outdir *d;
	struct stat st;

	snprintf(deep, sizeof(deep), "%s/a/b", p->path);
	assert_int_equal(outdir_open(&d, deep), 0);
	assert_string_equal(outdir_path(d), deep);
	assert_int_equal(stat(deep, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0700);
	outdir_close(d);
	assert_int_equal(outdir_open(&d, p->side), ERR_IO);
}

/* Whatever stands there already, it stays and the newcomer steps aside. */
static void
test_nothing_is_replaced(void **state)
{
	struct place *p = *state;
	char name[FILENAME_SIZE];
	char want[FILENAME_SIZE];

	scratch_write(inside(p, "n"), (const uint8_t *)"old", 3);
	assert_int_equal(mkdir(inside(p, "n-1"), 0700), 0);
	assert_int_equal(mkfifo(inside(p, "n-2"), 0600), 0);
	assert_int_equal(symlink(p->side, inside(p, "n-3")), 0);
	assert_int_equal(symlink("/nowhere", inside(p, "n-4")), 0);
	for (unsigned i = 0; i < 5; i++) {
		close(make_part(p, "new"));
		filename_number(want, "n", i);
		assert_int_equal(publish(p, want), ERR_EXISTS);
		assert_true(exists(p, PART));
	}
	assert_int_equal(outdir_pick(p->d, "n", name), 0);
	assert_string_equal(name, "n-5");
	assert_int_equal(publish(p, name), 0);
	side_is_whole(p);
}

/* Something else waits under the name of the partial file. */
static void
foreign(struct place *p)
{
	int fd;

	assert_int_equal(outdir_open_part(p->d, id, false, &fd), 0);
	assert_int_equal(fd, -1);
	close(make_part(p, "new"));
	assert_int_equal(outdir_open_part(p->d, id, false, &fd), 0);
	assert_true(fd >= 0);
	close(fd);
	assert_int_equal(outdir_drop_part(p->d, id), 0);
	assert_false(exists(p, PART));
	assert_int_equal(outdir_drop_part(p->d, id), 0);
	side_is_whole(p);
}

static void
test_foreign_parts(void **state)
{
	struct place *p = *state;

	assert_int_equal(symlink(p->side, inside(p, PART)), 0);
	foreign(p);
	assert_int_equal(mkfifo(inside(p, PART), 0600), 0);
	foreign(p);
	assert_int_equal(link(p->side, inside(p, PART)), 0);
	foreign(p);
}

/* Only the file that the caller knows gets the name. */
static void
test_exchanged_part(void **state)
{
	struct place *p = *state;
	uint64_t inode;
	bool same = true;
	char link[512];
	int fd = make_part(p, "checked");

	assert_int_equal(outdir_inode(p->d, PART, &inode), 0);
	assert_int_equal(symlink(p->side, inside(p, "link")), 0);
	snprintf(link, sizeof(link), "%s", inside(p, "link"));
	assert_int_equal(rename(link, inside(p, PART)), 0);
	assert_int_equal(outdir_publish(p->d, id, inode, "n", &same), 0);
	assert_false(same);
	assert_false(exists(p, "n"));
	close(fd);
	side_is_whole(p);
}

/* Old parts go; newer ones, and what only looks like one, stay. */
static void
test_sweep(void **state)
{
	static const char longer[] = PART "x", hidden[] = "x" PART;
	static const char *const others[] = { "n", ".sentinel-07.part", longer,
		hidden, ".sentinel-0707070707070707070707070707070G.part" };
	static const char link[] =
	    ".sentinel-08070707070707070707070707070707.part";
	static const char newer[] =
	    ".sentinel-09070707070707070707070707070707.part";
	const struct timespec old[2] = { { .tv_sec = 999 }, { .tv_sec = 999 } };
	struct place *p = *state;

	close(make_part(p, "old"));
	utimensat(AT_FDCWD, inside(p, PART), old, 0);
	for (size_t i = 0; i < ARRAY_LEN(others); i++) {
		scratch_write(inside(p, others[i]), id, ID_LEN);
		utimensat(AT_FDCWD, inside(p, others[i]), old, 0);
	}
	scratch_write(inside(p, newer), id, ID_LEN);
	assert_int_equal(symlink(p->side, inside(p, link)), 0);
	utimensat(AT_FDCWD, inside(p, link), old, AT_SYMLINK_NOFOLLOW);
	outdir_sweep(p->d, 1099000, 100000);
	/* on a machine that does not know the time */
	outdir_sweep(p->d, 5000, 100000);
	assert_true(exists(p, PART));
	outdir_sweep(p->d, 1100000, 100000);
	assert_false(exists(p, PART));
	for (size_t i = 0; i < ARRAY_LEN(others); i++)
		assert_true(exists(p, others[i]));
	assert_true(exists(p, newer));
	assert_true(exists(p, link));
	side_is_whole(p);
}

static void
test_entered_not_made(void **state)
{
	struct place *p = *state;
	char deep[256];
	struct outdir *d;

	snprintf(deep, sizeof(deep), "%s/missing", p->path);
	assert_int_equal(outdir_enter(&d, deep), ERR_IO);
	assert_false(exists(p, "missing"));
	assert_int_equal(outdir_enter(&d, p->path), 0);
	assert_string_equal(outdir_path(d), p->path);
	outdir_close(d);
}

/* The path may come to lead elsewhere; what was opened stays. */
static void
test_directory_swapped(void **state)
{
	struct place *p = *state;
	char moved[256], elsewhere[256];
	int fd;

	snprintf(moved, sizeof(moved), "%s/moved", p->scratch->dir);
	snprintf(elsewhere, sizeof(elsewhere), "%s/elsewhere", p->scratch->dir);
	fd = make_part(p, "x");
	assert_int_equal(rename(p->path, moved), 0);
	assert_int_equal(mkdir(elsewhere, 0700), 0);
	assert_int_equal(symlink(elsewhere, p->path), 0);
	assert_int_equal(publish(p, "x"), 0);
	close(fd);
	assert_int_equal(rmdir(elsewhere), 0); /* nothing is in it */
	assert_int_equal(unlink(p->path), 0);
	assert_int_equal(rename(moved, p->path), 0);
	assert_true(exists(p, "x"));
}

/* A part is a file that was not there before. */
static void
test_part_in_between(void **state)
{
	struct place *p = *state;
	int fd = -1;

	late = true;
	assert_int_equal(outdir_open_part(p->d, id, true, &fd), ERR_IO);
	late = false;
	assert_int_equal(fd, -1);
	expect_file(inside(p, PART), "theirs");
}

/* Half of what is left to others, as others may take some meanwhile. */
static void
test_room(void **state)
{
	struct place *p = *state;
	struct statvfs s;
	uint64_t room, most;

	assert_int_equal(outdir_room(p->d, &room), 0);
	assert_int_equal(statvfs(p->path, &s), 0);
	most = s.f_bavail > s.f_blocks / 40 ? s.f_bavail - s.f_blocks / 40 : 0;
	assert_in_range(room, 0, most * s.f_frsize);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_a_file, setup, teardown),
		cmocka_unit_test_setup_teardown(test_directory_made, setup,
		    teardown),
		cmocka_unit_test_setup_teardown(test_nothing_is_replaced, setup,
		    teardown),
		cmocka_unit_test_setup_teardown(test_foreign_parts, setup,
		    teardown),
		cmocka_unit_test_setup_teardown(test_exchanged_part, setup,
		    teardown),
		cmocka_unit_test_setup_teardown(test_part_in_between, setup,
		    teardown),
		cmocka_unit_test_setup_teardown(test_sweep, setup, teardown),
		cmocka_unit_test_setup_teardown(test_entered_not_made, setup,
		    teardown),
		cmocka_unit_test_setup_teardown(test_directory_swapped, setup,
		    teardown),
		cmocka_unit_test_setup_teardown(test_room, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
