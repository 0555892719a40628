/* SPDX-License-Identifier: ISC */
/*
 * Damage to a key file: each three bytes of an input say where a byte is bent
 * and how, the rest of a file that is always the same.  It is refused, or read
 * as far as it goes; nobody is asked for a passphrase it does not have.
 */
#include <assert.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "chance.h"
#include "state/census.h"
#include "state/inbox.h"
#include "state/own.h"
#include "state/peers.h"
#include "tidy.h"

#define FILE_MAX (256 * 1024)
#define MEMORY   "/dev/shm"

int LLVMFuzzerTestOneInput(const uint8_t *in, size_t len);

static char dir[64], path[80];
static uint8_t whole[FILE_MAX];
static size_t whole_len;

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
write_file(const uint8_t *bytes, size_t len)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	assert(fd >= 0 && write(fd, bytes, len) == (ssize_t)len);
	close(fd);
}

static void
clean(void)
{
	tidy_dir(dir);
}

static void
make_file(void)
{
	struct keyfile *kf;
	struct addr relay;
	ssize_t n;
	int fd;

	chance_start();
	snprintf(dir, sizeof(dir), "%s/fuzz_keyfile.XXXXXX",
	    access(MEMORY, W_OK) == 0 ? MEMORY : "/tmp");
	assert(mkdtemp(dir) && atexit(clean) == 0);
	snprintf(path, sizeof(path), "%s/key", dir);
	assert(addr_parse(&relay, "relay.example.org") == 0);
	assert(keyfile_create(&kf, path, "alice", &relay, NULL, 0) == 0);
	put_rows(kf);
	keyfile_close(kf);
	fd = open(path, O_RDONLY);
	n = read(fd, whole, sizeof(whole));
	assert(fd >= 0 && n > 0 && n < FILE_MAX);
	whole_len = (size_t)n;
	close(fd);
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
	struct keyfile *kf;
	int r;

	if (whole_len == 0)
		make_file();
	memcpy(bent, whole, whole_len);
	for (; len >= 3; in += 3, len -= 3)
		bent[(in[0] + 256U * in[1]) % whole_len] ^= in[2];
	write_file(bent, whole_len);
	r = keyfile_open(&kf, path, &nobody);
	judge(r);
	if (r == 0) {
		read_all(kf);
		keyfile_close(kf);
	}
	return 0;
}
