/* SPDX-License-Identifier: ISC */
/* Who frees the space of segments, and when; test_store.c has the rest. */
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <semaphore.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/attr.h"
#include "server/chunks.h"
#include "tidy.h"

#define PATIENCE_S 20
#define SEGMENT    (64 * 1024 * 1024)
#define MIB        (1024 * 1024)
#define LARGE      4  /* pieces of 1 MiB */
#define MANY       64 /* removed segments, more than are kept open */

struct fixture {
	char dir[64], files[80];
	struct chunks *c;
};

static atomic_bool held;       /* threads cannot close anything */
static atomic_uint freed, cut; /* by threads */
static sem_t gate;
static bool threadless;

static void
pass_gate(void)
{
	while (held && sem_wait(&gate) < 0)
		;
}

/* What chunks.c calls. */
int
close(int fd)
{
	if (gettid() != getpid()) {
		freed++;
		pass_gate();
	}
	return (int)syscall(SYS_close, fd);
}

int
ftruncate(int fd, off_t len)
{
	if (gettid() != getpid()) {
		cut++;
		pass_gate();
	}
	return (int)syscall(SYS_ftruncate, fd, len);
}

/* What thread.c calls. */
int
pthread_create(pthread_t *thread, const pthread_attr_t *attr,
    void *(*fn)(void *), void *arg)
{
	int (*next)(pthread_t *, const pthread_attr_t *, void *(*)(void *),
	    void *);

	*(void **)&next = dlsym(RTLD_NEXT, "pthread_create");
	return threadless ? EAGAIN : next(thread, attr, fn, arg);
}

static void
let_go(void)
{
	held = false;
	sem_post(&gate);
}

static int
set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	if (!f)
		return -1;
	snprintf(f->dir, sizeof(f->dir), "/tmp/test_chunks.XXXXXX");
	if (!mkdtemp(f->dir) || sem_init(&gate, 0, 0) < 0)
		return -1;
	snprintf(f->files, sizeof(f->files), "%s/files", f->dir);
	freed = cut = 0;
	held = threadless = false;
	alarm(PATIENCE_S);
	*state = f;
	return chunks_open(&f->c, f->files) < 0 || chunks_start(f->c) < 0;
}

static int
tear_down(void **state)
{
	struct fixture *f = *state;

	if (held)
		let_go();
	chunks_close(f->c);
	alarm(0);
	sem_destroy(&gate);
	tidy_dir(f->dir);
	free(f);
	return 0;
}

/* Names in a directory, of segments or of open segments that were removed. */
static unsigned
count(const char *path)
{
	DIR *list = opendir(path);
	const struct dirent *entry;
	char target[PATH_MAX];
	unsigned n = 0;

	assert_non_null(list);
	while ((entry = readdir(list))) {
		ssize_t len = readlinkat(dirfd(list), entry->d_name, target,
		    sizeof(target) - 1);

		target[len > 0 ? len : 0] = '\0';
		n += len > 0 ? strstr(target, "(deleted)") != NULL
			     : entry->d_name[0] != '.';
	}
	closedir(list);
	return n;
}

static unsigned
removed(void)
{
	return count("/proc/self/fd");
}

static struct chunks_place
put(const struct fixture *f)
{
	struct chunks_place place = { 0 };

	assert_int_equal(chunks_put(f->c, &place, (const uint8_t *)"bytes", 5),
	    0);
	assert_int_equal(chunks_sync(f->c), 0);
	chunks_keep(f->c);
	return place;
}

/* The last content of a segment goes. */
static void
drop(const struct fixture *f, const struct chunks_place *place)
{
	assert_int_equal(chunks_drop(f->c, place), 0);
	chunks_keep(f->c);
}

/* A segment comes and goes. */
static void
pass(const struct fixture *f)
{
	const struct chunks_place place = put(f);

	drop(f, &place);
	chunks_rest(f->c);
	assert_int_equal(count(f->files), 0);
}

static void
await(bool (*is_so)(void))
{
	const struct timespec moment = { .tv_nsec = 1000000 };

	while (!is_so())
		nanosleep(&moment, NULL);
}

static bool
is_all_freed(void)
{
	return removed() == 0;
}

static bool
is_one_begun(void)
{
	return freed == 1;
}

static void
test_space_is_freed_by_a_thread(void **state)
{
	const struct fixture *f = *state;

	pass(f);
	await(is_all_freed);
	assert_int_equal(freed, 1);
}

/* A disk that takes its time to free space. */
static void
test_nobody_waits_for_it(void **state)
{
	const struct fixture *f = *state;
	unsigned most;

	held = true;
	pass(f);
	await(is_one_begun);
	for (unsigned i = 0; i < MANY; i++)
		pass(f);
	most = removed();
	assert_true(most > 1 && most < MANY);
	pass(f);
	assert_int_equal(removed(), most);
	let_go();
	chunks_compact(f->c);
	assert_int_equal(removed(), 0);
	pass(f);
	await(is_all_freed);
}

/* Sleeping, as one does who waits. */
static bool
is_main_waiting(void)
{
	char path[64], line[256] = "";
	const char *state;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/self/task/%d/stat", getpid());
	file = fopen(path, "r");
	assert_non_null(file);
	assert_non_null(fgets(line, sizeof(line), file));
	fclose(file);
	state = strrchr(line, ')');
	return state && state[2] == 'S';
}

static void *
help(void *arg)
{
	(void)arg;
	await(is_main_waiting);
	let_go();
	return NULL;
}

static void
test_compact_waits_for_it(void **state)
{
	const struct fixture *f = *state;
	pthread_t helper;

	held = true;
	pass(f);
	await(is_one_begun);
	assert_int_equal(pthread_create(&helper, NULL, help, NULL), 0);
	chunks_compact(f->c);
	assert_int_equal(removed(), 0);
	assert_int_equal(pthread_join(helper, NULL), 0);
}

/* A segment of LARGE pieces of 1 MiB comes and goes. */
static void
pass_large(const struct fixture *f)
{
	struct chunks_place places[LARGE];
	uint8_t *piece = calloc(1, MIB);

	assert_non_null(piece);
	for (size_t i = 0; i < LARGE; i++)
		assert_int_equal(chunks_put(f->c, &places[i], piece, MIB), 0);
	assert_int_equal(chunks_sync(f->c), 0);
	chunks_keep(f->c);
	for (size_t i = 0; i < LARGE; i++)
		assert_int_equal(chunks_drop(f->c, &places[i]), 0);
	chunks_keep(f->c);
	free(piece);
	chunks_rest(f->c);
	assert_int_equal(count(f->files), 0);
}

static void
test_space_is_freed_bit_by_bit(void **state)
{
	pass_large(*state);
	await(is_all_freed);
	assert_int_equal(cut, LARGE - 1);
}

static bool
is_cut(void)
{
	return cut == 1;
}

static void
test_compact_makes_it_hurry(void **state)
{
	const struct fixture *f = *state;
	pthread_t helper;

	held = true;
	pass_large(f);
	await(is_cut);
	assert_int_equal(pthread_create(&helper, NULL, help, NULL), 0);
	chunks_compact(f->c);
	assert_int_equal(removed(), 0);
	assert_int_equal(cut, 1);
	assert_int_equal(pthread_join(helper, NULL), 0);
	/* and no longer than that */
	pass_large(f);
	await(is_all_freed);
	assert_int_equal(cut, LARGE);
}

/* More of them come than are freed bit by bit. */
static void
test_many_make_it_hurry(void **state)
{
	const struct timespec moment = { .tv_nsec = 1000000 };
	const struct fixture *f = *state;

	held = true;
	pass_large(f);
	await(is_cut);
	pass_large(f);
	pass_large(f);
	let_go();
	for (; removed() > 0; nanosleep(&moment, NULL))
		chunks_rest(f->c);
	assert_int_equal(cut, 1 + 2 * (LARGE - 1));
}

static void
test_without_threads(void **state)
{
	const struct fixture *f = *state;

	threadless = true;
	pass(f);
	assert_int_equal(removed(), 0);
	assert_int_equal(freed, 0);
	threadless = false;
	pass(f);
	await(is_all_freed);
	assert_int_equal(freed, 1);
}

/* A backup copies segments meanwhile. */
static void
test_held(void **state)
{
	const struct fixture *f = *state;
	const struct chunks_place place = put(f);

	chunks_hold(f->c, true);
	drop(f, &place);
	chunks_rest(f->c);
	chunks_compact(f->c);
	assert_int_equal(count(f->files), 1);
	chunks_hold(f->c, false);
	chunks_rest(f->c);
	assert_int_equal(count(f->files), 0);
}

static void
test_a_lost_group_changes_nothing(void **state)
{
	const struct fixture *f = *state;
	struct chunks_place place = put(f), lost;

	assert_int_equal(chunks_drop(f->c, &place), 0);
	chunks_undo(f->c);
	assert_int_equal(count(f->files), 1);
	drop(f, &place);
	chunks_rest(f->c);
	assert_int_equal(count(f->files), 0);
	assert_int_equal(chunks_put(f->c, &lost, (const uint8_t *)"x", 1), 0);
	assert_int_equal(count(f->files), 1);
	chunks_undo(f->c);
	assert_int_equal(count(f->files), 0);
}

/* A sync is of one segment. */
static void
test_the_next_segment_waits_for_a_sync(void **state)
{
	const struct fixture *f = *state;
	uint8_t *bytes = calloc(1, SEGMENT);
	struct chunks_place place;

	assert_non_null(bytes);
	assert_int_equal(chunks_put(f->c, &place, bytes, SEGMENT), 0);
	assert_int_equal(chunks_put(f->c, &place, bytes, 1), 0);
	assert_int_equal(place.segment, 0);
	assert_int_equal(chunks_sync(f->c), 0);
	assert_int_equal(chunks_put(f->c, &place, bytes, 1), 0);
	assert_int_equal(place.segment, 1);
	free(bytes);
}

int
main(void)
{
#define T(test)                                      \
	{                                            \
#test, test, set_up, tear_down, NULL \
	}
	const struct CMUnitTest tests[] = {
		T(test_space_is_freed_by_a_thread),
		T(test_nobody_waits_for_it),
		T(test_compact_waits_for_it),
		T(test_space_is_freed_bit_by_bit),
		T(test_compact_makes_it_hurry),
		T(test_many_make_it_hurry),
		T(test_without_threads),
		T(test_held),
		T(test_a_lost_group_changes_nothing),
		T(test_the_next_segment_waits_for_a_sync),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
