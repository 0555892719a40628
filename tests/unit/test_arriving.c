/* SPDX-License-Identifier: ISC */
/*
 * Files that arrive, from their manifest to their name: arriving, receive and
 * complete together, without a relay.
 */
#include "client/arriving.h"

#include <dirent.h>
#include <errno.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/err.h"
#include "base/secret.h"
#include "base/text.h"
#include "client/book.h"
#include "client/complete.h"
#include "client/filing.h"
#include "client/parts.h"
#include "client/receive.h"
#include "stage.h"

#define CHUNK 4096

/*
 * A disk with so many free blocks of 4096 bytes, and files that can be so
 * long, in place of the C library's.
 */
static uint64_t free_blocks;
static _Atomic off_t longest;
static atomic_int full; /* errno of what is longer */

int
fstatvfs(int fd, struct statvfs *s)
{
	(void)fd;
	*s = (struct statvfs){ .f_frsize = 4096, .f_blocks = 0 };
	s->f_bavail = free_blocks;
	return 0;
}

ssize_t
pwrite(int fd, const void *bytes, size_t len, off_t at)
{
	if (at < longest)
		return syscall(SYS_pwrite64, fd, bytes, len, at);
	errno = full;
	return -1;
}

int
ftruncate(int fd, off_t len)
{
	if (full != EFBIG || len <= longest)
		return (int)syscall(SYS_ftruncate, fd, len);
	errno = full;
	return -1;
}

/* A disk that takes its time, or fails. */
static atomic_bool slow, broken;

int
fdatasync(int fd)
{
	while (slow)
		sched_yield();
	if (!broken)
		return (int)syscall(SYS_fdatasync, fd);
	errno = EIO;
	return -1;
}

/*
 * As where a name has no colon, and a file no second name; somebody may be as
 * fast as can be.
 */
static bool exchange;

int
renameat2(int from_fd, const char *from, int to_fd, const char *to,
    unsigned flags)
{
	if (exchange) {
		assert_int_equal(unlinkat(from_fd, from, 0), 0);
		assert_int_equal(symlinkat("/etc/passwd", from_fd, from), 0);
	}
	if (!strchr(to, ':'))
		return (
		    int)syscall(SYS_renameat2, from_fd, from, to_fd, to, flags);
	errno = EINVAL;
	return -1;
}

int
linkat(int from_fd, const char *from, int to_fd, const char *to, int flags)
{
	if (!strchr(to, ':'))
		return (
		    int)syscall(SYS_linkat, from_fd, from, to_fd, to, flags);
	errno = EPERM;
	return -1;
}

/* A pull into a directory, and peers who send. */
struct desk {
	struct stage *stage;
	struct puppet carol;
	char dir[128];
	struct arriving *a;
	uint32_t id; /* of the last message of the mailbox */
};

static void
open_pull(struct desk *d, uint64_t max_size)
{
	assert_int_equal(
	    arriving_new(&d->a, d->stage->client, d->dir, max_size), 0);
}

static void
close_pull(struct desk *d)
{
	arriving_free(d->a);
	d->a = NULL;
}

/* The command ends as it is, and another one begins. */
static void
again(struct desk *d)
{
	close_pull(d);
	open_pull(d, FILE_SIZE_MAX);
}

static int
setup(void **state)
{
	struct desk *d = calloc(1, sizeof(*d));
	void *stage;

	if (!d || stage_setup(&stage) < 0)
		return -1;
	d->stage = stage;
	puppet_make(&d->carol, 2, "carol");
	stage_pin(d->stage, &d->carol);
	snprintf(d->dir, sizeof(d->dir), "%s/in", d->stage->scratch->dir);
	free_blocks = 1 << 20;
	longest = 1 << 30;
	open_pull(d, FILE_SIZE_MAX);
	*state = d;
	return 0;
}

static int
teardown(void **state)
{
	struct desk *d = *state;
	void *stage = d->stage;

	close_pull(d);
	free(d);
	return stage_teardown(&stage);
}

static const char *
inside(const struct desk *d, const char *name)
{
	static char path[512];

	snprintf(path, sizeof(path), "%s/%s", d->dir, name);
	return path;
}

/* Names in the directory; only the hidden ones. */
static size_t
count(const struct desk *d, bool hidden)
{
	DIR *dir = opendir(d->dir);
	struct dirent *e;
	size_t n = 0;

	assert_non_null(dir);
	while ((e = readdir(dir)))
		n += strcmp(e->d_name, ".") != 0 &&
		    strcmp(e->d_name, "..") != 0 &&
		    (!hidden || e->d_name[0] == '.');
	closedir(dir);
	return n;
}

/* --- what a peer sends --- */

struct parcel {
	const struct puppet *from;
	struct plain_manifest m;
	uint64_t size;  /* of all of it, whatever the manifest says */
	uint8_t letter; /* that it is full of */
};

static struct parcel
parcel(const struct puppet *from, uint8_t file, uint64_t size, const char *name)
{
	struct parcel p = { .from = from,
		.m = { .size = size,
		    .chunk_size = CHUNK,
		    .name = (const uint8_t *)name,
		    .name_len = (uint16_t)strlen(name) },
		.size = size,
		.letter = (uint8_t)('a' + file) };

	memset(p.m.file_id, file, ID_LEN);
	memset(p.m.file_key, file + from->who.seed[0], KEY_LEN);
	return p;
}

static void
say(struct desk *d, const struct parcel *p, uint8_t kind, const uint8_t *body,
    size_t len)
{
	struct body_message m = { .id = ++d->id, .type = MESSAGE_RATCHET };
	struct plain plain = { .kind = kind,
		.seq = d->id,
		.body = body,
		.body_len = len };
	struct buf *offer = buf_new(8192);
	bool fresh;

	memcpy(m.from, p->from->who.key.id, ID_LEN);
	memset(plain.message_id, (int)d->id, ID_LEN);
	stage_begin(d->stage);
	if (kind == PLAIN_MANIFEST)
		assert_int_equal(filing_take_manifest(d->stage->kf, &m, &plain,
				     offer, &fresh),
		    0);
	else
		assert_int_equal(filing_take_end(d->stage->kf, &m, &plain), 0);
	stage_commit(d->stage);
	buf_free(offer);
}

static void
announce(struct desk *d, const struct parcel *p)
{
	uint8_t body[PLAIN_MANIFEST_MAX];
	size_t len;

	plain_pack_manifest(body, &len, &p->m);
	say(d, p, PLAIN_MANIFEST, body, len);
}

static void
end(struct desk *d, const struct parcel *p)
{
	struct plain_end e = { .size = p->size,
		.chunks = filebox_chunks(p->size, CHUNK) };
	struct filebox_digest digest;
	uint8_t body[PLAIN_END_LEN];

	filebox_digest_init(&digest);
	for (uint64_t i = 0; i < p->size; i++)
		filebox_digest_add(&digest, &p->letter, 1);
	filebox_digest_end(&digest, e.digest);
	memcpy(e.file_id, p->m.file_id, ID_LEN);
	plain_pack_end(body, &e);
	say(d, p, PLAIN_END, body, sizeof(body));
}

/* A chunk as number index: receive_chunk's answer. */
static int
put(struct desk *d, const struct parcel *p, uint64_t index, bool final,
    size_t len, bool *taken)
{
	struct filebox_header head = { .index = index, .final = final };
	uint8_t plain[CHUNK] = { 0 }, nonce[FILEBOX_NONCE_LEN];
	uint8_t box[CHUNK + FILEBOX_OVERHEAD];
	struct body_message m = { .id = ++d->id,
		.type = MESSAGE_CHUNK,
		.content = box,
		.content_len = (uint32_t)(len + FILEBOX_OVERHEAD) };
	uint64_t at = index * CHUNK;

	if (at < p->size)
		memset(plain, p->letter,
		    p->size - at < len ? (size_t)(p->size - at) : len);
	memcpy(m.from, p->from->who.key.id, ID_LEN);
	memcpy(head.file_id, p->m.file_id, ID_LEN);
	secret_random(nonce, sizeof(nonce));
	filebox_seal(box, &head, p->m.file_key, m.from,
	    client_self(d->stage->client)->id, plain, len, nonce);
	return receive_chunk(d->a, &m, taken);
}

/* A good chunk; is it taken? */
static bool
chunk(struct desk *d, const struct parcel *p, uint64_t index)
{
	bool taken;

	assert_int_equal(put(d, p, index,
			     index + 1 == filebox_chunks(p->size, CHUNK),
			     filebox_chunk_len(p->size, CHUNK, index), &taken),
	    0);
	return taken;
}

static void
chunks(struct desk *d, const struct parcel *p)
{
	for (uint64_t i = 0; i < filebox_chunks(p->size, CHUNK); i++)
		assert_true(chunk(d, p, i));
}

/* What a window ends with. */
static int
settle(struct desk *d)
{
	bool any;

	assert_int_equal(arriving_commit(d->a), 0);
	return complete_files(d->a, &any);
}

/* Where its part is. */
static const char *
part(const struct desk *d, const struct parcel *p)
{
	char name[64], hex[TEXT_HEX_SIZE(ID_LEN)];
	struct files f = { .at = 0 };
	uint8_t id[ID_LEN];

	memcpy(f.peer, p->from->who.key.id, ID_LEN);
	memcpy(f.file_id, p->m.file_id, ID_LEN);
	parts_id(id, d->stage->client, &f);
	text_hex(hex, id, ID_LEN);
	snprintf(name, sizeof(name), ".sentinel-%s.part", hex);
	return inside(d, name);
}

static void
expect_inbox(struct desk *d, const char *want)
{
	assert_string_equal(stage_inbox(d->stage), want);
}

/* It came, whole, under that name. */
static void
expect_file(struct desk *d, const struct parcel *p, const char *name)
{
	size_t len;
	uint8_t *bytes = scratch_read(inside(d, name), &len);

	assert_int_equal(len, p->size);
	for (size_t i = 0; i < len; i++)
		assert_int_equal(bytes[i], p->letter);
	free(bytes);
}

/* --- the tests --- */

static void
one_file(void **state)
{
	struct desk *d = *state;
	struct parcel p = parcel(&d->stage->bob, 1, 10000, "n");
	char want[160];

	announce(d, &p);
	chunks(d, &p);
	assert_int_equal(settle(d), 0);
	expect_inbox(d, "");
	assert_int_equal(count(d, true), 1);
	end(d, &p);
	assert_int_equal(settle(d), 0);
	snprintf(want, sizeof(want), "file %s/n", d->dir);
	expect_inbox(d, want);
	expect_file(d, &p, "n");
	assert_int_equal(count(d, false), 1);
	/* all of it again changes nothing */
	announce(d, &p);
	assert_true(chunk(d, &p, 0));
	end(d, &p);
	assert_int_equal(settle(d), 0);
	expect_inbox(d, "");
	assert_int_equal(count(d, false), 1);
}

/*
 * The relay sees the id of a file, and can tell it to another peer, who then
 * sends a file under the same one.
 */
static void
same_id_from_two(void **state)
{
	struct desk *d = *state;
	struct parcel p = parcel(&d->stage->bob, 1, 10000, "n");
	struct parcel q = parcel(&d->carol, 1, 10000, "n");

	q.letter = 'q';
	announce(d, &p);
	announce(d, &q);
	chunks(d, &p);
	chunks(d, &q);
	end(d, &p);
	assert_int_equal(settle(d), 0);
	expect_file(d, &p, "n");
	end(d, &q);
	assert_int_equal(settle(d), 0);
	expect_file(d, &p, "n");
	expect_file(d, &q, "n-1");
	assert_int_equal(count(d, false), 2);
}

/* A part that is not the file that was checked gets no name. */
static void
part_exchanged(void **state)
{
	struct desk *d = *state;
	struct parcel p = parcel(&d->stage->bob, 1, 10000, "n");

	announce(d, &p);
	chunks(d, &p);
	assert_int_equal(settle(d), 0);
	assert_int_equal(unlink(part(d, &p)), 0);
	assert_int_equal(symlink("/etc/passwd", part(d, &p)), 0);
	end(d, &p);
	assert_int_equal(settle(d), 0);
	expect_inbox(d, "file_offer n part_lost");
	assert_int_equal(count(d, false), 0);
}

static void
part_exchanged_at_last(void **state)
{
	struct desk *d = *state;
	struct parcel p = parcel(&d->stage->bob, 1, 10000, "n");

	announce(d, &p);
	chunks(d, &p);
	end(d, &p);
	exchange = true;
	assert_int_equal(settle(d), 0);
	exchange = false;
	expect_inbox(d, "file_offer n part_lost");
	assert_int_equal(count(d, true), 0);
}

/* No file here may be that long: that is in no other file's way. */
static void
beyond_the_file_system(void **state)
{
	const uint64_t far = FILE_SIZE_MAX / CHUNK - 1;
	struct desk *d = *state;
	struct parcel p = parcel(&d->stage->bob, 1, CHUNK, "n");
	struct parcel q = parcel(&d->stage->bob, 2, 10000, "q");
	bool taken;

	full = EFBIG;
	p.m.size = PLAIN_SIZE_UNKNOWN;
	announce(d, &p);
	announce(d, &q);
	assert_int_equal(put(d, &p, far, false, CHUNK, &taken), 0);
	assert_false(taken);
	assert_true(d->a->lacks_room);
	chunks(d, &q);
	end(d, &q);
	assert_int_equal(settle(d), 0);
	expect_file(d, &q, "q");
	/* it is still a file */
	assert_true(chunk(d, &p, 0));
	end(d, &p);
	assert_int_equal(settle(d), 0);
	expect_file(d, &p, "n");
}

/* What was not written is not taken, and comes again. */
static void
disk_full(void **state)
{
	struct desk *d = *state;
	struct parcel p = parcel(&d->stage->bob, 1, 10000, "n");

	announce(d, &p);
	assert_true(chunk(d, &p, 0));
	longest = CHUNK;
	full = ENOSPC;
	assert_true(chunk(d, &p, 1));
	assert_int_equal(arriving_commit(d->a), ERR_IO);
	assert_int_equal(err_last()->number, ENOSPC);
	again(d);
	longest = 1 << 30;
	end(d, &p);
	assert_int_equal(settle(d), 0);
	expect_inbox(d, "");
	chunks(d, &p);
	assert_int_equal(settle(d), 0);
	expect_file(d, &p, "n");
}

/* Of its chunks, those that a crash would leave. */
static uint64_t
committed(const struct desk *d, const struct parcel *p)
{
	struct files f;
	bool found;

	assert_int_equal(files_find(d->stage->kf, p->from->who.key.id, FILES_IN,
			     p->m.file_id, &f, &found),
	    0);
	assert_true(found);
	return spans_missing(&f.spans);
}

/* What comes while a window is synced is for the next one. */
static void
taken_amid_a_sync(void **state)
{
	struct desk *d = *state;
	struct parcel p = parcel(&d->stage->bob, 1, 4 * CHUNK, "n");

	announce(d, &p);
	assert_true(chunk(d, &p, 0));
	assert_false(arriving_is_due(d->a, ARRIVING_WINDOW));
	slow = true;
	arriving_sync(d->a);
	assert_false(arriving_is_due(d->a, CHUNK));
	assert_true(chunk(d, &p, 1));
	assert_false(arriving_is_due(d->a, ARRIVING_WINDOW - 2 * CHUNK));
	assert_true(arriving_is_due(d->a, ARRIVING_WINDOW - 2 * CHUNK + 1));
	slow = false;
	worker_wait(d->a->worker);
	assert_true(arriving_is_due(d->a, 0));
	assert_int_equal(committed(d, &p), 0);
	assert_int_equal(arriving_commit_synced(d->a), 0);
	assert_int_equal(committed(d, &p), 1);
	assert_false(arriving_is_due(d->a, 0));
	again(d);
	assert_true(chunk(d, &p, 1));
	assert_true(chunk(d, &p, 2));
	arriving_sync(d->a);
	assert_true(chunk(d, &p, 3));
	end(d, &p);
	assert_int_equal(settle(d), 0);
	expect_file(d, &p, "n");
}

/* A stream has its room looked at for each window: none is under way. */
static void
stream_is_due_at_once(void **state)
{
	struct desk *d = *state;
	struct parcel p = parcel(&d->stage->bob, 1, 4 * CHUNK, "n");

	p.m.size = PLAIN_SIZE_UNKNOWN;
	announce(d, &p);
	assert_true(chunk(d, &p, 0));
	slow = true;
	arriving_sync(d->a);
	assert_true(arriving_is_due(d->a, 0));
	slow = false;
	assert_int_equal(arriving_commit_synced(d->a), 0);
	assert_int_equal(d->a->open_n, 0);
}

/* Nothing is said of what the disk does not have. */
static void
sync_fails(void **state)
{
	struct desk *d = *state;
	struct parcel p = parcel(&d->stage->bob, 1, 4 * CHUNK, "n");

	announce(d, &p);
	assert_true(chunk(d, &p, 0));
	broken = true;
	arriving_sync(d->a);
	worker_wait(d->a->worker);
	broken = false;
	assert_int_equal(arriving_commit_synced(d->a), ERR_IO);
	assert_int_equal(err_last()->number, EIO);
	assert_int_equal(arriving_commit(d->a), ERR_IO);
	assert_int_equal(committed(d, &p), 0);
}

/* A stream may not fill the disk. */
static void
stream_leaves_room(void **state)
{
	struct desk *d = *state;
	struct parcel p = parcel(&d->stage->bob, 1, 3 * CHUNK, "n");

	p.m.size = PLAIN_SIZE_UNKNOWN;
	announce(d, &p);
	assert_true(chunk(d, &p, 0));
	assert_int_equal(settle(d), 0);
	free_blocks = 10;
	assert_false(chunk(d, &p, 1));
	assert_true(d->a->lacks_room);
	free_blocks = 1 << 20;
	assert_true(chunk(d, &p, 1));
	assert_true(chunk(d, &p, 2));
	end(d, &p);
	/* what is whole needs no more of it */
	free_blocks = 0;
	assert_int_equal(settle(d), 0);
	expect_file(d, &p, "n");
}

/* What a command that was killed has written is room for the next one. */
static void
part_is_room(void **state)
{
	struct desk *d = *state;
	struct parcel p = parcel(&d->stage->bob, 1, 64 * CHUNK, "n");
	const uint64_t committed[] = { 0, 8, 64 };

	announce(d, &p);
	for (size_t i = 0; i + 1 < ARRAY_LEN(committed); i++) {
		free_blocks = 1 << 20;
		for (uint64_t n = committed[i]; n < 60; n++)
			assert_true(chunk(d, &p, n));
		again(d);
		free_blocks = 10;
		for (uint64_t n = committed[i]; n < committed[i + 1]; n++)
			assert_true(chunk(d, &p, n));
		assert_false(d->a->lacks_room);
		assert_int_equal(settle(d), 0);
	}
	end(d, &p);
	assert_int_equal(settle(d), 0);
	expect_file(d, &p, "n");
}

/* Padding does not carry a stream over the limit. */
static void
stream_over_the_limit(void **state)
{
	struct desk *d = *state;
	struct parcel p = parcel(&d->stage->bob, 1, 2 * CHUNK + 1, "n");

	close_pull(d);
	open_pull(d, 2 * CHUNK);
	p.m.size = PLAIN_SIZE_UNKNOWN;
	announce(d, &p);
	for (uint64_t i = 0; i < 3; i++)
		chunk(d, &p, i);
	end(d, &p);
	assert_int_equal(settle(d), 0);
	expect_inbox(d, "file_offer n too_large");
	assert_int_equal(count(d, false), 0);
}

/* Command after command: what was committed need not come again. */
static void
chunks_are_kept(void **state)
{
	struct desk *d = *state;
	struct parcel p = parcel(&d->stage->bob, 1, 5 * CHUNK, "n");

	announce(d, &p);
	for (uint64_t i = 5; i-- > 0;) {
		assert_true(chunk(d, &p, i));
		assert_int_equal(settle(d), 0);
		again(d);
	}
	end(d, &p);
	assert_int_equal(settle(d), 0);
	expect_file(d, &p, "n");
}

/* Holes are bounded; what would make one too many waits at the relay. */
static void
too_many_holes(void **state)
{
	enum { MANY = 2 * SPANS_MAX + 2 };
	struct desk *d = *state;
	struct parcel p = parcel(&d->stage->bob, 1, MANY * CHUNK, "n");

	announce(d, &p);
	for (uint64_t i = 0; i < SPANS_MAX; i++)
		assert_true(chunk(d, &p, 2 * i + 1));
	assert_false(chunk(d, &p, MANY - 1));
	end(d, &p);
	assert_int_equal(settle(d), 0);
	expect_inbox(d, "");
	chunks(d, &p);
	assert_int_equal(settle(d), 0);
	expect_file(d, &p, "n");
}

/* The END is about other bytes. */
static void
damaged(void **state)
{
	struct desk *d = *state;
	struct parcel p = parcel(&d->stage->bob, 1, 3 * CHUNK, "n");

	announce(d, &p);
	chunks(d, &p);
	p.letter++;
	end(d, &p);
	assert_int_equal(settle(d), 0);
	expect_inbox(d, "file_offer n damaged");
	assert_int_equal(count(d, false), 0);
}

/* A name that the file system does not have is in no other file's way. */
static void
name_refused(void **state)
{
	struct desk *d = *state;
	struct parcel p = parcel(&d->stage->bob, 1, 100, "c:n");
	struct parcel q = parcel(&d->stage->bob, 2, 100, "q");

	announce(d, &p);
	announce(d, &q);
	chunks(d, &p);
	chunks(d, &q);
	end(d, &p);
	end(d, &q);
	assert_int_equal(settle(d), 0);
	expect_file(d, &p, "file-01010101010101010101010101010101");
	expect_file(d, &q, "q");
	assert_int_equal(count(d, false), 2);
}

/* Two recipients of one sender may share a directory. */
static void
recipients_differ(void **state)
{
	struct desk *d = *state;
	struct files f = { .at = 0 };
	uint8_t one[ID_LEN], two[ID_LEN];
	void *other;

	assert_int_equal(stage_setup(&other), 0);
	parts_id(one, d->stage->client, &f);
	parts_id(two, ((struct stage *)other)->client, &f);
	assert_memory_not_equal(one, two, ID_LEN);
	assert_int_equal(stage_teardown(&other), 0);
}

/* Chunks without a manifest, of two peers who use the same id. */
static void
strays_of_two(void **state)
{
	struct desk *d = *state;
	const struct puppet *peers[] = { &d->stage->bob, &d->carol };
	uint64_t since;

	for (size_t i = 0; i < 2; i++) {
		struct parcel p = parcel(peers[i], 1, 3 * CHUNK, "n");

		assert_false(chunk(d, &p, 0));
		assert_false(chunk(d, &p, 1));
	}
	assert_int_equal(d->a->strays_n, 2);
	assert_int_equal(arriving_commit(d->a), 0);
	for (size_t i = 0; i < 2; i++) {
		struct parcel p = parcel(peers[i], 1, 3 * CHUNK, "n");

		assert_int_equal(files_stray_since(d->stage->kf,
				     peers[i]->who.key.id, p.m.file_id, &since),
		    0);
		assert_true(since > 0);
	}
}

/* Of more than are noted in one commit the rest is met again. */
static void
strays_are_capped(void **state)
{
	enum { MANY = ARRIVING_STRAYS_MAX + 3 };
	struct desk *d = *state;

	for (uint8_t i = 1; i <= MANY; i++) {
		struct parcel p = parcel(&d->stage->bob, i, 3 * CHUNK, "n");

		assert_false(chunk(d, &p, 0));
	}
	assert_int_equal(d->a->strays_n, ARRIVING_STRAYS_MAX);
	assert_int_equal(arriving_commit(d->a), 0);
	for (uint8_t i = 1; i <= MANY; i++) {
		struct parcel p = parcel(&d->stage->bob, i, 3 * CHUNK, "n");

		assert_false(chunk(d, &p, 0));
	}
	assert_int_equal(d->a->strays_n, MANY - ARRIVING_STRAYS_MAX);
}

/* More at once than may be open. */
static void
many_in_turn(void **state)
{
	enum { MANY = ARRIVING_OPEN_MAX + 3 };
	static const char names[] = "abcdefghijklmnop";
	struct desk *d = *state;
	struct parcel p[MANY];
	char name[2] = "";

	for (size_t i = 0; i < MANY; i++) {
		name[0] = names[i];
		p[i] =
		    parcel(&d->stage->bob, (uint8_t)(i + 1), 3 * CHUNK, name);
		announce(d, &p[i]);
	}
	for (uint64_t index = 0; index < 3; index++) {
		for (size_t i = 0; i < MANY; i++)
			assert_true(chunk(d, &p[i], index));
	}
	for (size_t i = 0; i < MANY; i++)
		end(d, &p[i]);
	assert_int_equal(settle(d), 0);
	for (size_t i = 0; i < MANY; i++) {
		name[0] = names[i];
		expect_file(d, &p[i], name);
	}
	assert_int_equal(count(d, true), 0);
}

/* --- a command that was killed after the commit of a name --- */

/* Received and named n in the key file, and no further. */
static void
name_it(struct desk *d, const struct parcel *p)
{
	struct files f;
	struct stat st;
	bool found;

	announce(d, p);
	chunks(d, p);
	assert_int_equal(settle(d), 0);
	end(d, p);
	/* as what checks it does before */
	assert_int_equal(truncate(part(d, p), (off_t)p->size), 0);
	assert_int_equal(stat(part(d, p), &st), 0);
	assert_int_equal(files_find(d->stage->kf, p->from->who.key.id, FILES_IN,
			     p->m.file_id, &f, &found),
	    0);
	assert_true(found);
	f.stage = FILES_NAMED;
	f.inode = st.st_ino;
	snprintf(f.name, sizeof(f.name), "n");
	stage_begin(d->stage);
	assert_int_equal(files_save(d->stage->kf, &f), 0);
	stage_commit(d->stage);
	again(d);
}

static void
killed_before_the_name(void **state)
{
	struct desk *d = *state;
	struct parcel p = parcel(&d->stage->bob, 1, 10000, "n");

	name_it(d, &p);
	scratch_write(inside(d, "n"), (const uint8_t *)"mine", 4);
	assert_int_equal(settle(d), 0);
	expect_file(d, &p, "n-1");
	assert_int_equal(count(d, false), 2);
}

static void
killed_after_the_name(void **state)
{
	struct desk *d = *state;
	struct parcel p = parcel(&d->stage->bob, 1, 10000, "n");
	char from[512], want[160];

	name_it(d, &p);
	snprintf(from, sizeof(from), "%s", part(d, &p));
	assert_int_equal(rename(from, inside(d, "n")), 0);
	assert_int_equal(settle(d), 0);
	snprintf(want, sizeof(want), "file %s/n", d->dir);
	expect_inbox(d, want);
	expect_file(d, &p, "n");
	assert_int_equal(count(d, false), 1);
}

/* Where a name can only be linked the part may still be there beside it. */
static void
killed_amid_the_name(void **state)
{
	struct desk *d = *state;
	struct parcel p = parcel(&d->stage->bob, 1, 10000, "n");
	char from[512];

	name_it(d, &p);
	snprintf(from, sizeof(from), "%s", part(d, &p));
	assert_int_equal(link(from, inside(d, "n")), 0);
	assert_int_equal(settle(d), 0);
	expect_file(d, &p, "n");
	assert_int_equal(count(d, false), 1);
}

/* Named, and then somebody took it: another file of that name is not it. */
static void
named_and_taken(void **state)
{
	struct desk *d = *state;
	struct parcel p = parcel(&d->stage->bob, 1, 10000, "n");

	name_it(d, &p);
	scratch_write(inside(d, "n"), (const uint8_t *)"mine", 4);
	assert_int_equal(unlink(part(d, &p)), 0);
	assert_int_equal(settle(d), 0);
	expect_inbox(d, "file_offer n part_lost");
	assert_int_equal(count(d, false), 1);
}

/* Not the part that was checked, although it is one of ours. */
static void
named_and_exchanged(void **state)
{
	struct desk *d = *state;
	struct parcel p = parcel(&d->stage->bob, 1, 10000, "n");
	char from[512];

	name_it(d, &p);
	scratch_write(inside(d, "m"), (const uint8_t *)"mine", 4);
	snprintf(from, sizeof(from), "%s", inside(d, "m"));
	assert_int_equal(rename(from, part(d, &p)), 0);
	assert_int_equal(settle(d), 0);
	expect_inbox(d, "file_offer n part_lost");
	assert_int_equal(count(d, false), 0);
}

/* --- parts that nobody will go on with --- */

/* Received in part. */
static void
begin(struct desk *d, const struct parcel *p)
{
	announce(d, p);
	assert_true(chunk(d, p, 0));
	assert_int_equal(settle(d), 0);
}

static void
forget(struct desk *d, const struct puppet *who)
{
	struct peer peer = stage_peer(d->stage, who);

	assert_int_equal(book_forget(d->stage->client, &peer), 0);
}

static void
forgotten_peers(void **state)
{
	struct desk *d = *state;
	struct parcel p = parcel(&d->stage->bob, 1, 10000, "p");
	struct parcel q = parcel(&d->stage->bob, 2, 10000, "q");
	struct parcel r = parcel(&d->carol, 1, 10000, "r");

	begin(d, &p);
	begin(d, &q);
	begin(d, &r);
	assert_int_equal(count(d, true), 3);
	forget(d, &d->stage->bob);
	assert_int_equal(count(d, true), 1);
	for (uint64_t i = 1; i < 3; i++)
		assert_true(chunk(d, &r, i));
	end(d, &r);
	assert_int_equal(settle(d), 0);
	expect_file(d, &r, "r");
}

/* The directory is another one by now, or gone: nothing is touched there. */
static void
forgotten_elsewhere(void **state)
{
	struct desk *d = *state;
	struct parcel p = parcel(&d->stage->bob, 1, 10000, "p");
	struct parcel q = parcel(&d->carol, 1, 10000, "q");
	char moved[160];

	begin(d, &p);
	begin(d, &q);
	snprintf(moved, sizeof(moved), "%s/moved", d->stage->scratch->dir);
	assert_int_equal(rename(d->dir, moved), 0);
	assert_int_equal(symlink(moved, d->dir), 0);
	forget(d, &d->stage->bob);
	assert_int_equal(count(d, true), 2);
	assert_int_equal(unlink(d->dir), 0);
	forget(d, &d->carol);
	assert_int_equal(rename(moved, d->dir), 0);
	assert_int_equal(count(d, true), 2);
}

/* After 30 days a part goes, also from where nobody pulls to any more. */
static void
expired_elsewhere(void **state)
{
	struct desk *d = *state;
	struct parcel p = parcel(&d->stage->bob, 1, 10000, "p");
	char first[128];
	size_t left;

	begin(d, &p);
	memcpy(first, d->dir, sizeof(first));
	close_pull(d);
	stage_sql(d->stage,
	    "UPDATE files SET at = at - 31 * 86400000 "
	    "RETURNING 0");
	snprintf(d->dir, sizeof(d->dir), "%s/other", d->stage->scratch->dir);
	open_pull(d, FILE_SIZE_MAX);
	assert_int_equal(settle(d), 0);
	expect_inbox(d, "file_offer p expired");
	memcpy(d->dir, first, sizeof(first));
	left = count(d, true);
	assert_int_equal(left, 0);
}

#define FRESH(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		FRESH(one_file),
		FRESH(same_id_from_two),
		FRESH(part_exchanged),
		FRESH(part_exchanged_at_last),
		FRESH(beyond_the_file_system),
		FRESH(stream_leaves_room),
		FRESH(part_is_room),
		FRESH(stream_over_the_limit),
		FRESH(disk_full),
		FRESH(taken_amid_a_sync),
		FRESH(stream_is_due_at_once),
		FRESH(sync_fails),
		FRESH(chunks_are_kept),
		FRESH(too_many_holes),
		FRESH(damaged),
		FRESH(name_refused),
		FRESH(recipients_differ),
		FRESH(strays_of_two),
		FRESH(strays_are_capped),
		FRESH(many_in_turn),
		FRESH(killed_before_the_name),
		FRESH(killed_after_the_name),
		FRESH(killed_amid_the_name),
		FRESH(named_and_taken),
		FRESH(named_and_exchanged),
		FRESH(forgotten_peers),
		FRESH(forgotten_elsewhere),
		FRESH(expired_elsewhere),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
