/* SPDX-License-Identifier: ISC */
/*
 * A backup is a directory beside the database: a store of its own, of the same
 * name, PATH.backup/NAME and PATH.backup/NAME.files.  It is made as
 * PATH.backup.new, and takes the place of the one before, which is
 * PATH.backup.old meanwhile, when all of it is on the disk: at no moment is
 * there none.
 *
 * First the database, then the segments.  What rows of the copy name was in a
 * segment when the last page was copied, and stays there, for holes and
 * segments are not given back before the end; what was appended since does no
 * harm.  The segments are copied, not linked: a link would be the same file,
 * in which the relay goes on to punch holes.
 */
#include "server/store_sqlite.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "base/file.h"
#include "server/sqlcopy.h"
#include "wire/limits.h"

#define NAMED "pieces of files" /* in errors */

struct backup {
	struct store_sqlite *s;
	size_t phase;
	struct sqlcopy *database;
	DIR *segments; /* those of the store */
	int from, to;  /* the segment being copied; -1: none */
	uint64_t at, size;
};

/* --- paths, all by what follows that of the database --- */

struct path {
	char text[PATH_MAX];
};

static const char *
name_of(const struct backup *b)
{
	const char *slash = strrchr(b->s->path, '/');

	return slash ? slash + 1 : b->s->path;
}

static struct path
beside(const struct backup *b, const char *end)
{
	struct path p;

	/* PATH.files was opened: only ends a little longer can be cut */
	snprintf(p.text, sizeof(p.text), "%s%s", b->s->path, end);
	return p;
}

/* A file in such a directory. */
static struct path
inside(const struct backup *b, const char *dir_end, const char *end)
{
	struct path p;

	snprintf(p.text, sizeof(p.text), "%s%s/%s%s", b->s->path, dir_end,
	    name_of(b), end);
	return p;
}

static int
fault(const struct path *p)
{
	return err_sys(ERR_IO, "backup, %s", p->text);
}

static bool
is_there(const struct backup *b, const char *end)
{
	const struct path p = beside(b, end);

	return access(p.text, F_OK) == 0;
}

/* --- a directory of that kind away, a file a turn --- */

static const char *
next_name(DIR *list)
{
	const struct dirent *entry;

	while ((entry = readdir(list))) {
		if (entry->d_name[0] != '.')
			return entry->d_name;
	}
	return NULL;
}

static int
clear(const struct backup *b, const char *dir_end, bool *more)
{
	const struct path dir = beside(b, dir_end);
	const struct path files = inside(b, dir_end, ".files");
	const struct path database = inside(b, dir_end, "");
	DIR *list = opendir(files.text);
	const char *name = list ? next_name(list) : NULL;

	*more = name && unlinkat(dirfd(list), name, 0) == 0;
	if (list)
		closedir(list);
	if (*more)
		return 0;
	(void)rmdir(files.text);
	(void)unlink(database.text);
	return rmdir(dir.text) < 0 && errno != ENOENT ? fault(&dir) : 0;
}

static int
clear_new(struct backup *b, bool *more)
{
	return clear(b, ".backup.new", more);
}

/* Where a crash has come between two renames, it is all there is. */
static int
clear_old(struct backup *b, bool *more)
{
	*more = false;
	return is_there(b, ".backup") ? clear(b, ".backup.old", more) : 0;
}

/* --- the database --- */

static int
begin_database(struct backup *b)
{
	const struct path dir = beside(b, ".backup.new");
	const struct path database = inside(b, ".backup.new", "");

	if (mkdir(dir.text, 0700) < 0)
		return fault(&dir);
	chunks_hold(b->s->chunks, true);
	return sqlcopy_begin(&b->database, b->s->sql, database.text);
}

static int
copy_database(struct backup *b, bool *more)
{
	int r = b->database ? 0 : begin_database(b);

	if (r == 0)
		r = sqlcopy_step(b->database, more);
	if (r == 0 && !*more) {
		sqlcopy_end(b->database);
		b->database = NULL;
	}
	return r;
}

/* --- the segments --- */

static int
begin_segments(struct backup *b)
{
	const struct path to = inside(b, ".backup.new", ".files");
	const struct path from = beside(b, ".files");

	if (mkdir(to.text, 0700) < 0)
		return fault(&to);
	b->segments = opendir(from.text);
	return b->segments ? 0 : fault(&from);
}

static void
close_segment(struct backup *b)
{
	if (b->from >= 0)
		close(b->from);
	if (b->to >= 0)
		close(b->to);
	b->from = b->to = -1;
}

/* As long as it is by now. */
static int
begin_segment(struct backup *b, const char *name)
{
	const struct path dir = inside(b, ".backup.new", ".files");
	struct path to;
	struct stat st;

	if (snprintf(to.text, sizeof(to.text), "%s/%s", dir.text, name) >=
	    (int)sizeof(to.text))
		return err_set(ERR_IO, "backup: a path is too long");
	b->from =
	    openat(dirfd(b->segments), name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	b->to = open(to.text, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (b->from < 0 || b->to < 0 || fstat(b->from, &st) < 0 ||
	    ftruncate(b->to, st.st_size) < 0)
		return fault(&to);
	b->size = (uint64_t)st.st_size;
	b->at = 0;
	return 0;
}

/* What is not a hole, and one buffer of it at most. */
static int
copy_some(struct backup *b)
{
	off_t data = lseek(b->from, (off_t)b->at, SEEK_DATA);
	size_t len = CONTENT_MAX, got = 0;
	int r;

	b->at = data < 0 && errno == ENXIO ? b->size : (uint64_t)data;
	if (data < 0 && errno != ENXIO)
		return err_sys(ERR_IO, NAMED);
	if (b->at >= b->size)
		return 0;
	if (len > b->size - b->at)
		len = (size_t)(b->size - b->at);
	r = file_read(b->from, b->s->piece, len, b->at, &got, NAMED);
	if (r == 0 && got == 0)
		r = err_set(ERR_IO, NAMED " are cut off");
	if (r == 0)
		r = file_write_at(b->to, b->s->piece, got, b->at, NAMED);
	b->at += got;
	return r;
}

static int
copy_segments(struct backup *b, bool *more)
{
	const char *name;
	int r = b->segments ? 0 : begin_segments(b);

	*more = true;
	if (r == 0 && b->from < 0) {
		name = next_name(b->segments);
		*more = name;
		return name ? begin_segment(b, name) : 0;
	}
	if (r == 0 && b->at < b->size)
		return copy_some(b);
	if (r == 0 && fdatasync(b->to) < 0)
		r = err_sys(ERR_IO, NAMED);
	close_segment(b);
	return r;
}

/* --- the end --- */

static int
sync_names(const struct path *dir)
{
	int fd = open(dir->text, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int r = fd < 0 || fsync(fd) < 0 ? fault(dir) : 0;

	if (fd >= 0)
		close(fd);
	return r;
}

static int
publish(struct backup *b, bool *more)
{
	const struct path files = inside(b, ".backup.new", ".files");
	const struct path new = beside(b, ".backup.new");
	const struct path done = beside(b, ".backup");
	const struct path old = beside(b, ".backup.old");
	struct path dir = beside(b, "");
	char *slash = strrchr(dir.text, '/');
	int r = sync_names(&files);

	if (slash)
		slash[1] = '\0';
	else
		strcpy(dir.text, ".");
	*more = false;
	if (r == 0)
		r = sync_names(&new);
	if (r == 0 && rename(done.text, old.text) < 0 && errno != ENOENT)
		r = fault(&done);
	if (r == 0 && rename(new.text, done.text) < 0)
		r = fault(&new);
	return r == 0 ? sync_names(&dir) : r;
}

static int (*const phases[])(struct backup *b, bool *more) = { clear_new,
	clear_old, copy_database, copy_segments, publish, clear_old };

static int
begin(struct store_sqlite *s)
{
	struct backup *b;

	if (strlen(s->path) * 2 + sizeof(".backup.new/.files/-journal") + 20 >
	    PATH_MAX)
		return err_set(ERR_USAGE, "backup: the path is too long");
	b = calloc(1, sizeof(*b));
	if (!b)
		return err_set(ERR_NOMEM, "backup");
	b->s = s;
	b->from = b->to = -1;
	s->backup = b;
	return 0;
}

void
store_sqlite_backup_end(struct store_sqlite *s)
{
	struct backup *b = s->backup;

	if (!b)
		return;
	sqlcopy_end(b->database);
	close_segment(b);
	if (b->segments)
		closedir(b->segments);
	chunks_hold(s->chunks, false);
	free(b);
	s->backup = NULL;
}

/* The space that it has taken is wanted back, and the reason kept. */
static void
give_up(struct store_sqlite *s)
{
	const struct backup b = { .s = s };
	bool more = true;

	store_sqlite_backup_end(s);
	while (more && clear(&b, ".backup.new", &more) == 0)
		;
}

int
store_sqlite_backup(struct store *st, bool *more)
{
	struct store_sqlite *s = store_sqlite_of(st);
	bool rest = false;
	int r = s->backup ? 0 : begin(s);

	if (r < 0)
		return r;
	r = phases[s->backup->phase](s->backup, &rest);
	if (r < 0) {
		give_up(s);
		return r;
	}
	if (!rest)
		s->backup->phase++;
	*more = s->backup->phase < ARRAY_LEN(phases);
	if (!*more)
		store_sqlite_backup_end(s);
	return 0;
}
