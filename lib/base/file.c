/* SPDX-License-Identifier: ISC */
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"

#define PIECE  65536
#define STRIDE (1024 * 1024) /* that the disk is given at a time */

static int
fault(int code, const char *path)
{
	code = err_sys(code, "%s", path);
	err_path(path);
	return code;
}

/*
 * Whether a read or write that failed is to be repeated.  Another process
 * that shares a standard stream may have made it non-blocking.
 */
static bool
again(int fd, short events)
{
	struct pollfd p = { .fd = fd, .events = events };

	if (errno == EAGAIN && poll(&p, 1, -1) >= 0)
		return true;
	return errno == EINTR;
}

static ssize_t
read_some(int fd, void *out, size_t len, uint64_t offset)
{
	ssize_t n;

	do {
		n = offset == FILE_HERE ? read(fd, out, len)
					: pread(fd, out, len, (off_t)offset);
	} while (n < 0 && again(fd, POLLIN));
	return n;
}

int
file_read_some(int fd, void *out, size_t len, size_t *got, const char *name)
{
	ssize_t n = read_some(fd, out, len, FILE_HERE);

	if (n < 0)
		return fault(ERR_IO, name);
	*got = (size_t)n;
	return 0;
}

int
file_read(int fd, void *out, size_t len, uint64_t offset, size_t *got,
    const char *name)
{
	size_t have = 0;

	while (have < len) {
		ssize_t n = read_some(fd, (uint8_t *)out + have, len - have,
		    offset == FILE_HERE ? offset : offset + have);

		if (n < 0)
			return fault(ERR_IO, name);
		if (n == 0)
			break;
		have += (size_t)n;
	}
	*got = have;
	return 0;
}

int
file_slurp(struct buf *b, int fd, const char *name)
{
	const size_t max = buf_room(b);
	uint8_t *to, over;
	ssize_t n;
	int r;

	while (buf_room(b) > 0) {
		size_t len = buf_room(b) < PIECE ? buf_room(b) : PIECE;

		r = buf_reserve(b, &to, len);
		if (r < 0)
			return r;
		n = read_some(fd, to, len, FILE_HERE);
		if (n < 0)
			return fault(ERR_IO, name);
		if (n == 0)
			return 0;
		buf_commit(b, (size_t)n);
	}
	n = read_some(fd, &over, 1, FILE_HERE);
	if (n < 0)
		return fault(ERR_IO, name);
	if (n > 0)
		return err_set(ERR_USAGE, "%s: more than %zu bytes", name, max);
	return 0;
}

int
file_write(int fd, const void *bytes, size_t len, const char *name)
{
	const uint8_t *p = bytes;

	while (len > 0) {
		ssize_t n = write(fd, p, len);

		if (n < 0 && again(fd, POLLOUT))
			continue;
		if (n < 0)
			return fault(ERR_IO, name);
		p += n;
		len -= (size_t)n;
	}
	return 0;
}

void
file_write_out(int fd, uint64_t from, uint64_t to)
{
	const uint64_t first = from / STRIDE, last = to / STRIDE;

	/* what the disk says of it comes with the sync */
	if (first < last)
		(void)sync_file_range(fd, (off_t)(first * STRIDE),
		    (off_t)((last - first) * STRIDE), SYNC_FILE_RANGE_WRITE);
}

int
file_write_at(int fd, const void *bytes, size_t len, uint64_t offset,
    const char *name)
{
	const uint8_t *p = bytes;
	const uint64_t from = offset;

	while (len > 0) {
		ssize_t n = pwrite(fd, p, len, (off_t)offset);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return fault(ERR_IO, name);
		p += n;
		offset += (uint64_t)n;
		len -= (size_t)n;
	}
	file_write_out(fd, from, offset);
	return 0;
}

static void
directory_of(char dir[static PATH_MAX], const char *path)
{
	const char *slash = strrchr(path, '/');

	if (slash)
		snprintf(dir, PATH_MAX, "%.*s", (int)(slash - path + 1), path);
	else
		snprintf(dir, PATH_MAX, ".");
}

int
file_sync_name(const char *path)
{
	char dir[PATH_MAX];
	int fd, r = 0;

	directory_of(dir, path);
	fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return fault(ERR_IO, path);
	/* where a directory can be synced at all */
	if (fsync(fd) < 0 && errno != EINVAL)
		r = fault(ERR_IO, path);
	close(fd);
	return r;
}

static void
name_draft(char draft[static PATH_MAX], const char *path)
{
	snprintf(draft, PATH_MAX, "%s.XXXXXX", path);
}

/*
 * A file where path shall stand.  It has no name, so that a killed process
 * leaves nothing, or that in draft where the system does not know such files.
 */
static int
open_draft(char draft[static PATH_MAX], const char *path)
{
	char dir[PATH_MAX];
	int fd = -1;

	directory_of(dir, path);
	draft[0] = '\0';
	if (access("/proc/self/fd", X_OK) == 0)
		fd = open(dir, O_TMPFILE | O_WRONLY | O_CLOEXEC, 0600);
	if (fd >= 0)
		return fd;
	name_draft(draft, path);
	return mkostemp(draft, O_CLOEXEC);
}

/* Give it its name, without replacing. */
static int
settle(int fd, const char *draft, const char *path)
{
	char self[32];

	if (draft[0] == '\0') {
		snprintf(self, sizeof(self), "/proc/self/fd/%d", fd);
		return linkat(AT_FDCWD, self, AT_FDCWD, path,
		    AT_SYMLINK_FOLLOW);
	}
	if (renameat2(AT_FDCWD, draft, AT_FDCWD, path, RENAME_NOREPLACE) == 0)
		return 0;
	if (errno != EINVAL)
		return -1;
	/* NFS knows links only */
	if (link(draft, path) < 0)
		return -1;
	return unlink(draft);
}

/* Whether a draft can have a name beside path. */
static int
check_length(const char *path)
{
	if (strlen(path) < PATH_MAX - sizeof(".XXXXXX"))
		return 0;
	errno = ENAMETOOLONG;
	return fault(ERR_IO, path);
}

static int
fill(int fd, const void *bytes, size_t len, const char *path)
{
	int r = file_write(fd, bytes, len, path);

	return r == 0 && fsync(fd) < 0 ? fault(ERR_IO, path) : r;
}

int
file_create(const char *path, const void *bytes, size_t len)
{
	char draft[PATH_MAX];
	int fd, r = check_length(path);

	if (r < 0)
		return r;
	fd = open_draft(draft, path);
	if (fd < 0)
		return fault(ERR_IO, path);
	r = fill(fd, bytes, len, path);
	if (r == 0 && settle(fd, draft, path) < 0)
		r = fault(errno == EEXIST ? ERR_EXISTS : ERR_IO, path);
	close(fd);
	if (r < 0 && draft[0] != '\0')
		unlink(draft);
	return r == 0 ? file_sync_name(path) : r;
}

int
file_replace(const char *path, const void *bytes, size_t len)
{
	char draft[PATH_MAX];
	int fd, r = check_length(path);

	if (r < 0)
		return r;
	name_draft(draft, path);
	fd = mkostemp(draft, O_CLOEXEC);
	if (fd < 0)
		return fault(ERR_IO, path);
	r = fill(fd, bytes, len, path);
	close(fd);
	if (r == 0 && rename(draft, path) < 0)
		r = fault(ERR_IO, path);
	if (r < 0)
		unlink(draft);
	return r == 0 ? file_sync_name(path) : r;
}

int
file_make_parents(const char *path)
{
	char dir[PATH_MAX];
	int r = 0;

	for (const char *p = strchr(path, '/'); p && r == 0;
	     p = strchr(p + 1, '/')) {
		size_t len = (size_t)(p - path);

		if (len == 0)
			continue;
		if (len >= sizeof(dir)) {
			errno = ENAMETOOLONG;
			return fault(ERR_IO, path);
		}
		memcpy(dir, path, len);
		dir[len] = '\0';
		if (mkdir(dir, 0700) == 0)
			r = file_sync_name(dir);
		else if (errno != EEXIST)
			r = fault(ERR_IO, dir);
	}
	return r;
}
