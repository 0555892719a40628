/* SPDX-License-Identifier: ISC */
/* A store that is full, or its disk: what is refused, and what goes on. */
#include <fcntl.h>
#include <sys/statvfs.h>

#include "base/clock.h"
#include "server/loop.h"
#include "stores.h"

/* Until bob has room, as a client and for a message, which is seen soon. */
static void
await_room(struct store *st, uint8_t type)
{
	uint64_t deadline = clock_deadline(20000);
	int r;

	for (;;) {
		r = store_register(st, &bob.key, NOW);
		if (r == 0)
			r = put(st, &alice, &bob, type, "again");
		if (r != REASON_BUSY)
			break;
		settle(st);
		assert_true(clock_left(deadline) > 0);
		clock_sleep(10);
	}
	assert_int_equal(r, 0);
	settle(st);
}

static int64_t
file_len(const char *path, const char *suffix)
{
	char name[128];
	struct stat st;

	snprintf(name, sizeof(name), "%s%s", path, suffix);
	return stat(name, &st) < 0 ? 0 : st.st_size;
}

/* What is there of the store, in bytes. */
static int64_t
on_disk(const struct fixture *f)
{
	unsigned n;

	if (f->kind == MEMORY)
		return 0;
	return file_len(f->path, "") + file_len(f->path, "-wal") + files(f, &n);
}

/* Nothing more that takes room, but all that is no more than a deletion. */
static void
expect_full(struct store *st)
{
	struct body_block op = { .block = true };
	struct caller erin;

	caller_make(&erin, 5, "erin");
	assert_int_equal(store_register(st, &erin.key, NOW), REASON_BUSY);
	memcpy(op.id, carol.key.id, ID_LEN);
	assert_int_equal(store_block(st, bob.key.id, &op), REASON_BUSY);
	assert_int_equal(put(st, &carol, &bob, 3, "x"), REASON_BUSY);
	assert_int_equal(put(st, &carol, &bob, 4, "x"), REASON_BUSY);
	block(st, &bob, false, dave.key.id);
	enrol(st, &alice); /* the same again */
	expect_pull(st, &bob, (struct body_pull){ 0 }, 1, &alice,
	    "1:3:the first ");
	assert_int_equal(ack(st, &bob, 1, 1), 1);
	settle(st);
}

/* Fill bob's mailbox from carol's until there is no more room; how many. */
static unsigned
fill_disk(const struct fixture *f, uint8_t type, int64_t max)
{
	unsigned all = 0, refused = 0, i = 0;
	static char content[20000];

	memset(content, 'x', sizeof(content) - 1);
	/* once the log is emptied there is more, and at last no more */
	while (refused < 3) {
		int r = put(f->st, &carol, &bob, type, content);

		assert_true(r == 0 || r == REASON_BUSY);
		refused = r == 0 ? 0 : refused + 1;
		all += r == 0;
		if (r == 0 && ++i % 10 != 0)
			continue;
		assert_int_equal(store_commit(f->st), 0);
		assert_true(on_disk(f) <= max);
		assert_int_equal(store_rest(f->st), 0);
	}
	return all;
}

static void
test_store_is_full(void **state)
{
	enum { MIB = 1024 * 1024, MAX = 8 * MIB, ROWS = MAX / 20000 };
	struct store_limits limits = store_limits_none;
	struct fixture *f;
	unsigned n;

	limits.store_bytes = MAX;
	f = begin(state, &limits);
	block(f->st, &bob, true, dave.key.id);
	assert_int_equal(put(f->st, &alice, &bob, 3, "the first"), 0);
	n = fill_disk(f, 3, MAX);
	assert_in_range(n, ROWS / 2, ROWS);
	/* something is left for what deletes */
	assert_true(on_disk(f) <= MAX - MIB);
	expect_full(f->st);
	/* and then with pieces, when all that is gone */
	assert_int_equal(ack(f->st, &bob, 0, UINT32_MAX), n);
	settle(f->st);
	await_room(f->st, 3);
	assert_in_range(fill_disk(f, 4, 2 * (int64_t)MAX), ROWS / 2, ROWS);
	/* of which the first keeps the file; the others leave holes */
	assert_true(ack(f->st, &bob, n + 4, UINT32_MAX) > ROWS / 2 - 2);
	settle(f->st);
	await_room(f->st, 4);
	assert_in_range(fill_disk(f, 4, 2 * (int64_t)MAX), ROWS / 2, ROWS);
	assert_int_equal(store_unregister(f->st, bob.key.id), 0);
	settle(f->st);
	await_room(f->st, 3);
	close_exact(f);
}

/* Of the size of this, of which so much is free but for a store; or a real one.
 */
static struct {
	const struct fixture *f;
	int64_t size, free;
} drive;

/* In the place of the system's. */
int
statvfs(const char *path, struct statvfs *out)
{
	int fd, r;

	if (drive.size > 0) {
		*out = (struct statvfs){ .f_frsize = 1 };
		out->f_blocks = (uint64_t)drive.size;
		out->f_bavail = (uint64_t)(drive.free - on_disk(drive.f));
		return 0;
	}
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -1;
	r = fstatvfs(fd, out);
	close(fd);
	return r;
}

/* And its files, when they may not grow any more. */
static struct {
	sqlite3_vfs vfs;
	sqlite3_vfs *below;
	struct {
		const struct sqlite3_io_methods *below;
		struct sqlite3_io_methods own;
	} kinds[4]; /* of files */
	bool full;
} disk;

static bool
is_beyond(sqlite3_file *file, int64_t end)
{
	sqlite3_int64 size;

	if (file->pMethods->xFileSize(file, &size) != SQLITE_OK || end <= size)
		return false;
	return disk.full ||
	    (drive.size > 0 && on_disk(drive.f) + end - size > drive.free);
}

/* What is there already may be written again. */
static int
disk_write(sqlite3_file *file, const void *bytes, int len, sqlite3_int64 at)
{
	size_t i = 0;

	while (file->pMethods != &disk.kinds[i].own)
		i++;
	if (is_beyond(file, at + len))
		return SQLITE_FULL;
	return disk.kinds[i].below->xWrite(file, bytes, len, at);
}

static int
disk_open(sqlite3_vfs *vfs, sqlite3_filename name, sqlite3_file *file,
    int flags, int *flags_out)
{
	int rc = disk.below->xOpen(disk.below, name, file, flags, flags_out);

	size_t i = 0;

	(void)vfs;
	if (rc != SQLITE_OK || !file->pMethods)
		return rc;
	while (disk.kinds[i].below && disk.kinds[i].below != file->pMethods)
		assert_true(++i < ARRAY_LEN(disk.kinds));
	disk.kinds[i].below = file->pMethods;
	disk.kinds[i].own = *file->pMethods;
	disk.kinds[i].own.xWrite = disk_write;
	file->pMethods = &disk.kinds[i].own;
	return SQLITE_OK;
}

static void
disk_use(bool ours)
{
	if (ours) {
		disk.below = sqlite3_vfs_find(NULL);
		disk.vfs = *disk.below;
		disk.vfs.zName = "disk";
		disk.vfs.xOpen = disk_open;
		sqlite3_vfs_register(&disk.vfs, 1);
	} else {
		sqlite3_vfs_unregister(&disk.vfs);
	}
}

/* What was once taken is used again, though the file does not shrink. */
static void
test_pages_are_used_again(void **state)
{
	enum { MIB = 1024 * 1024, MAX = 8 * MIB, KEPT = 2 * MIB };
	struct store_limits limits = store_limits_none;
	struct fixture *f;
	unsigned n;

	limits.free_percent = 2;
	disk_use(true);
	drive.f = *state;
	drive.size = (int64_t)100 * MIB;
	drive.free = KEPT + MAX;
	f = begin(state, &limits);
	n = fill_disk(f, 3, MAX);
	assert_in_range(n, MAX / 20000 / 2, MAX / 20000);
	assert_int_equal(ack(f->st, &bob, 0, UINT32_MAX), n);
	settle(f->st);
	assert_true(file_len(f->path, "") > MAX / 2);
	await_room(f->st, 3);
	/* not for pieces of files, which stand beside it */
	assert_int_equal(put(f->st, &alice, &bob, 4, "x"), REASON_BUSY);
	/* where there is no room to grow the log is short */
	assert_in_range(fill_disk(f, 3, MAX), n / 2, n + 10);
	assert_true(file_len(f->path, "-wal") < MIB);
	/* not without room for the log, whatever is free in the file */
	assert_int_equal(store_unregister(f->st, bob.key.id), 0);
	settle(f->st);
	limits.free_percent = 0;
	reopen(f, &limits);
	drive.free = on_disk(f) + MIB / 2;
	assert_int_equal(put(f->st, &alice, &carol, 3, "x"), REASON_BUSY);
	drive.free = on_disk(f) + 2 * MIB;
	await_room(f->st, 3);
	disk_use(false);
	drive.size = 0;
	close_exact(f);
}

static void
test_disk_is_nearly_full(void **state)
{
	struct store_limits limits = store_limits_none;
	struct fixture *f = begin(state, &limits);

	block(f->st, &bob, true, dave.key.id);
	assert_int_equal(put(f->st, &alice, &bob, 3, "the first"), 0);
	settle(f->st);
	limits.free_percent = 100; /* no disk is that empty */
	reopen(f, &limits);
	expect_full(f->st);
	limits.free_percent = 0;
	reopen(f, &limits);
	await_room(f->st, 3);
	close_exact(f);
}

static void
test_disk_is_full(void **state)
{
	static char content[200000];
	struct fixture *f = *state;

	memset(content, 'x', sizeof(content) - 1);
	disk_use(true);
	f = begin(state, NULL);
	assert_int_equal(put(f->st, &alice, &bob, 3, "kept"), 0);
	settle(f->st);
	for (unsigned i = 0; i < 3; i++) {
		disk.full = true;
		assert_int_equal(put(f->st, &alice, &bob, 3, content), 0);
		assert_int_equal(put(f->st, &alice, &carol, 3, "lost"), 0);
		assert_int_equal(store_commit(f->st), ERR_BUSY);
		assert_int_equal(store_rest(f->st), 0);
		expect_pull(f->st, &bob, (struct body_pull){ 0 }, 1, &alice,
		    "1:3:kept ");
		expect_all(f->st, &carol, "");
		disk.full = false;
		assert_int_equal(put(f->st, &alice, &bob, 3, content), 0);
		settle(f->st);
	}
	/* what is deleted takes no room that is not there */
	assert_int_equal(ack(f->st, &bob, 1, 9), 4);
	settle(f->st);
	expect_all(f->st, &bob, "");
	close_exact(f);
	disk_use(false);
}

/* --- of the log --- */

static void
test_log_is_bounded(void **state)
{
	enum { GROUPS = 400, ROWS = 64, MAX = 64 * 1024 * 1024 };
	static char content[4000];
	struct fixture *f = begin(state, NULL);
	int64_t most = 0;

	memset(content, 'x', sizeof(content) - 1);
	for (unsigned i = 0; i < GROUPS; i++) {
		for (unsigned j = 0; j < ROWS; j++)
			assert_int_equal(put(f->st, &alice,
					     j % 2 ? &bob : &carol, 3, content),
			    0);
		settle(f->st);
		if (most < file_len(f->path, "-wal"))
			most = file_len(f->path, "-wal");
	}
	assert_in_range(most, MAX / 4, MAX);
	close_exact(f);
}

/* Else there might be no room to make room. */
static void
test_deleting_takes_little(void **state)
{
	enum { MANY = 50 };
	struct fixture *f = begin(state, NULL);
	static char content[20000];

	memset(content, 'x', sizeof(content) - 1);
	for (unsigned i = 0; i < MANY; i++)
		assert_int_equal(put(f->st, &alice, &bob, 3, content), 0);
	settle(f->st);
	reopen(f, NULL);
	assert_int_equal(ack(f->st, &bob, 0, UINT32_MAX), MANY);
	settle(f->st);
	assert_in_range(file_len(f->path, "-wal"), 1,
	    MANY * sizeof(content) / 4);
	close_exact(f);
}

/* --- what is not waited for --- */

static void
land(struct store *st)
{
	uint64_t deadline = clock_deadline(20000);

	while (store_is_under_way(st)) {
		assert_true(clock_left(deadline) > 0);
		clock_sleep(1);
	}
	assert_int_equal(store_land(st), 0);
}

static void
test_next_group_gathers(void **state)
{
	struct fixture *f = begin(state, NULL);
	struct loop *loop;

	assert_int_equal(loop_new(&loop), 0);
	assert_int_equal(store_start(f->st, loop), 0);
	for (unsigned i = 0; i < 100; i++) {
		assert_int_equal(put(f->st, &alice, &bob, 3, "a"), 0);
		assert_int_equal(store_submit(f->st), STORE_UNDER_WAY);
		assert_int_equal(put(f->st, &carol, &bob, 3, "c"), 0);
		if (i % 2 == 0)
			land(f->st);
		/* else who ends the next one waits for it */
		assert_int_equal(store_commit(f->st), 0);
		assert_int_equal(store_land(f->st), 0);
		/* there is nothing to be durable */
		assert_int_equal(store_submit(f->st), 0);
	}
	/* rows of pieces are, before what they say is acted upon */
	assert_int_equal(put(f->st, &alice, &bob, 4, "piece"), 0);
	assert_int_equal(store_submit(f->st), 0);
	assert_int_equal(ack(f->st, &bob, 2, 201), 200);
	assert_int_equal(store_submit(f->st), 0);
	/* and so is what is under way at the end */
	assert_int_equal(put(f->st, &alice, &bob, 3, "last"), 0);
	assert_int_equal(store_submit(f->st), STORE_UNDER_WAY);
	reopen(f, NULL);
	loop_free(loop);
	expect_all(f->st, &bob, "1:3:a 202:3:last ");
	close_exact(f);
}

/* A group that finds no room is lost alone. */
static void
test_lost_beside_one_under_way(void **state)
{
	static char content[100000];
	struct fixture *f = begin(state, NULL);
	struct loop *loop;

	memset(content, 'x', sizeof(content) - 1);
	assert_int_equal(loop_new(&loop), 0);
	assert_int_equal(store_start(f->st, loop), 0);
	assert_int_equal(put(f->st, &alice, &bob, 3, "kept"), 0);
	assert_int_equal(store_submit(f->st), STORE_UNDER_WAY);
	sqlite3_hard_heap_limit64(sqlite3_memory_used() + 10000);
	assert_int_equal(put(f->st, &alice, &carol, 3, content), ERR_BUSY);
	sqlite3_hard_heap_limit64(0);
	land(f->st);
	assert_int_equal(store_submit(f->st), ERR_BUSY);
	assert_int_equal(put(f->st, &alice, &bob, 3, "next"), 0);
	assert_int_equal(store_commit(f->st), 0);
	reopen(f, NULL);
	loop_free(loop);
	expect_all(f->st, &bob, "1:3:kept 2:3:next ");
	close_exact(f);
}

int
main(void)
{
	static const struct store_case cases[] = {
		ON(MEMORY, test_store_is_full),
		ON(SQLITE, test_store_is_full),
		ON(SQLITE, test_pages_are_used_again),
		ON(SQLITE, test_disk_is_nearly_full),
		ON(SQLITE, test_disk_is_full),
		ON(SQLITE, test_log_is_bounded),
		ON(SQLITE, test_deleting_takes_little),
		ON(SQLITE, test_next_group_gathers),
		ON(SQLITE, test_lost_beside_one_under_way),
	};

	return run_on_stores(cases, ARRAY_LEN(cases));
}
