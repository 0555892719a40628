/* SPDX-License-Identifier: ISC */
#include "state/mark.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/le.h"
#include "state/session.h"

#define MARK_LEN (ID_LEN + 4 + 4)

static int
open_mark(const char *path, int flags)
{
	char name[PATH_MAX];
	const int n = snprintf(name, sizeof(name), "%s.mark", path);

	if (n < 0 || (size_t)n >= sizeof(name))
		return -1;
	return open(name, flags | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK, 0600);
}

bool
mark_read(struct mark *out, const char *path)
{
	const int fd = open_mark(path, O_RDONLY);
	uint8_t bytes[MARK_LEN];
	ssize_t n;

	if (fd < 0)
		return false;
	n = pread(fd, bytes, sizeof(bytes), 0);
	close(fd);
	if (n != MARK_LEN)
		return false;
	memcpy(out->file, bytes, ID_LEN);
	out->count = le_get32(bytes + ID_LEN);
	return le_get32(bytes + ID_LEN + 4) == ~out->count;
}

static void
write_mark(const struct db *db, uint32_t count)
{
	const int fd = open_mark(db->path, O_WRONLY | O_CREAT);
	uint8_t bytes[MARK_LEN];
	ssize_t n;

	if (fd < 0)
		return;
	memcpy(bytes, db->key->file, ID_LEN);
	le_put32(bytes + ID_LEN, count);
	le_put32(bytes + ID_LEN + 4, ~count);
	n = pwrite(fd, bytes, sizeof(bytes), 0);
	(void)n; /* a spoilt one is none */
	close(fd);
}

void
mark_note(struct db *db)
{
	if (db->count == db->marked)
		return;
	db->marked = db->count;
	write_mark(db, db->count);
}

static int
give_up_sessions(struct keyfile *kf)
{
	int r = keyfile_begin(kf);

	if (r == 0)
		r = session_give_up(kf);
	if (r == 0)
		r = keyfile_commit(kf);
	keyfile_rollback(kf);
	return r;
}

int
mark_judge(struct keyfile *kf, const struct mark *m, uint32_t count,
    bool *put_back)
{
	struct db *db = keyfile_db(kf);
	int r;

	/* the count goes round at 2^32 */
	*put_back = memcmp(m->file, db->key->file, ID_LEN) == 0 &&
	    (int32_t)(m->count - count) > 0;
	if (!*put_back)
		return 0;
	r = give_up_sessions(kf);
	if (r == 0 && db->marked == 0) /* there were none */
		write_mark(db, count);
	return r;
}
