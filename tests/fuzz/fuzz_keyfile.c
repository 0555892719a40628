/* SPDX-License-Identifier: ISC */
/*
 * Damage to a key file: each three bytes of an input say where a byte is bent
 * and how, the rest of a file that is always the same; one or two bytes that
 * are left say that it is of format 1 or 2.  It is refused, or brought up to
 * this format and read as far as it goes; nobody is asked for a passphrase it
 * does not have.
 */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "chance.h"
#include "scratch.h"
#include "state/census.h"
#include "state/inbox.h"
#include "state/own.h"
#include "state/peers.h"
#include "tidy.h"

#define FILE_MAX (256 * 1024)
#define MEMORY   "/dev/shm"

int LLVMFuzzerTestOneInput(const uint8_t *in, size_t len);

static char dir[64], old_dir[80], path[80];
static struct scratch old; /* of a former format; it is written to */
static struct file {
	uint8_t bytes[FILE_MAX];
	size_t len;
} files[3]; /* of this format, 1 and 2 */

/* --- the file --- */

static void
put_rows(struct keyfile *kf)
{
	struct peer p = { .id = { 2 }, .name = "bob", .signed_name = "bob" };
	struct inbox i = { .peer = { 2 },
		.message_id = { 3 },
		.seq = 1,
		.kind = INBOX_GAP,
		.state = INBOX_NEW,
		.at = 1 };
	static const uint8_t gap[16] = { 1 };
	bool fresh;

	assert(keyfile_begin(kf) == 0);
	assert(own_date_next(kf, 1) == 0);
	assert(peers_put(kf, &p) == 0);
	assert(inbox_add(kf, &i, gap, sizeof(gap), &fresh) == 0);
	assert(keyfile_commit(kf) == 0);
}

static void
clean(void)
{
	tidy_dir(dir);
}

static void
keep(struct file *f, const char *from)
{
	uint8_t *bytes = scratch_read(from, &f->len);

	assert(f->len > 0 && f->len <= sizeof(f->bytes));
	memcpy(f->bytes, bytes, f->len);
	free(bytes);
}

/* Nothing of what was made of one before is beside it. */
static void
clear_old(void)
{
	tidy_dir(old_dir);
	assert(mkdir(old_dir, 0700) == 0);
}

static void
make_old(struct file *f, const char *dump)
{
	clear_old();
	scratch_restore(&old, dump);
	keep(f, old.path);
}

static void
make_files(void)
{
	struct keyfile *kf;
	struct addr relay;

	chance_start();
	umask(077);
	snprintf(dir, sizeof(dir), "%s/fuzz_keyfile.XXXXXX",
	    access(MEMORY, W_OK) == 0 ? MEMORY : "/tmp");
	assert(mkdtemp(dir) && atexit(clean) == 0);
	snprintf(path, sizeof(path), "%s/key", dir);
	snprintf(old_dir, sizeof(old_dir), "%s/old", dir);
	snprintf(old.path, sizeof(old.path), "%s/key", old_dir);
	assert(addr_parse(&relay, "relay.example.org") == 0);
	assert(keyfile_create(&kf, path, "alice", &relay, NULL, 0) == 0);
	put_rows(kf);
	keyfile_close(kf);
	keep(&files[0], path);
	make_old(&files[1], "keyfile-1-alice.sql");
	make_old(&files[2], "keyfile-2-alice.sql");
}

/* --- what commands do with it --- */

static void
judge(int r)
{
	assert(r == 0 || r == ERR_CORRUPT || r == ERR_IO ||
	    r == ERR_PASSPHRASE || r == ERR_INTERNAL || r == ERR_EXISTS);
	assert(r == 0 || err_last()->message[0] != '\0');
}

static void
read_all(struct keyfile *kf)
{
	struct inbox rows[INBOX_PAGE_MAX];
	const struct inbox_filter all = { .kinds = 0 };
	struct buf *record = buf_new(FILE_MAX);
	struct keyfile_self self;
	struct census census;
	struct peer *peers = NULL;
	size_t n = 0;

	judge(keyfile_verify(kf));
	judge(keyfile_get_self(kf, &self));
	judge(census_take(kf, &census));
	if (peers_list(kf, &peers, &n) == 0)
		free(peers);
	n = 0;
	judge(inbox_page(kf, &all, 0, rows, INBOX_PAGE_MAX, &n));
	for (size_t i = 0; record && i < n; i++)
		judge(inbox_read(kf, rows[i].n, record));
	buf_free(record);
}

int
LLVMFuzzerTestOneInput(const uint8_t *in, size_t len)
{
	static uint8_t bent[FILE_MAX];
	const struct keyfile_access nobody = { .lock_timeout_ms = 0 };
	const struct file *f = &files[len % 3];
	const char *where = len % 3 == 0 ? path : old.path;
	const bool bends = len >= 3;
	struct keyfile *kf;
	int r;

	if (files[0].len == 0)
		make_files();
	memcpy(bent, f->bytes, f->len);
	for (; len >= 3; in += 3, len -= 3)
		bent[(in[0] + 256U * in[1]) % f->len] ^= in[2];
	clear_old();
	scratch_write(where, bent, f->len);
	r = keyfile_open(&kf, where, &nobody);
	judge(r);
	assert(r == 0 || bends);
	if (r == 0) {
		read_all(kf);
		keyfile_close(kf);
	}
	return 0;
}
