/* SPDX-License-Identifier: ISC */
#include "state/outdir.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/err.h"
#include "base/file.h"
#include "base/text.h"

#define STAND_INS_MAX 100000
#define RESERVE       20 /* a twentieth of the disk stays free */

#define PREFIX    ".sentinel-"
#define SUFFIX    ".part"
#define PART_SIZE (sizeof(PREFIX SUFFIX) + 2 * ID_LEN)

struct outdir {
	int fd;
	char path[OUTDIR_PATH_SIZE];
};

static int
fault(const struct outdir *d, const char *what)
{
	int r = err_sys(ERR_IO, "%s/%s", d->path, what);

	err_path(d->path);
	return r;
}

static void
part_name(char out[static PART_SIZE], const uint8_t id[static ID_LEN])
{
	char hex[TEXT_HEX_SIZE(ID_LEN)];

	text_hex(hex, id, ID_LEN);
	snprintf(out, PART_SIZE, PREFIX "%s" SUFFIX, hex);
}

/* Nothing but name itself under the directory, if the kernel can tell. */
static int
open_beneath(const struct outdir *d, const char *name, int flags)
{
	struct open_how how = {
		.flags = (unsigned)(flags | O_NOFOLLOW | O_CLOEXEC),
		.mode = flags & O_CREAT ? 0600 : 0,
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS,
	};
	long fd = syscall(SYS_openat2, d->fd, name, &how, sizeof(how));

	/* before Linux 5.6, or in a sandbox that does not know it */
	if (fd < 0 && (errno == ENOSYS || errno == EPERM))
		fd = openat(d->fd, name, (int)how.flags, (mode_t)how.mode);
	return (int)fd;
}

static int
make_dir(const char *path)
{
	int r = file_make_parents(path);

	if (r < 0)
		return r;
	if (mkdir(path, 0700) == 0)
		return file_sync_name(path);
	if (errno == EEXIST)
		return 0;
	r = err_sys(ERR_IO, "%s", path);
	err_path(path);
	return r;
}

/* The path the descriptor stands for, whatever led to it. */
static int
find_path(struct outdir *d)
{
	char link[64];
	ssize_t n;

	snprintf(link, sizeof(link), "/proc/self/fd/%d", d->fd);
	n = readlink(link, d->path, sizeof(d->path) - 1);
	if (n <= 0)
		return -1;
	d->path[n] = '\0';
	return 0;
}

int
outdir_enter(struct outdir **out, const char *path)
{
	struct outdir *d = calloc(1, sizeof(*d));
	int r;

	if (!d)
		return err_set(ERR_NOMEM, "no memory for a directory");
	d->fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (d->fd < 0 || find_path(d) < 0) {
		r = err_sys(ERR_IO, "%s", path);
		err_path(path);
		outdir_close(d);
		return r;
	}
	*out = d;
	return 0;
}

int
outdir_open(struct outdir **out, const char *path)
{
	int r = make_dir(path);

	return r < 0 ? r : outdir_enter(out, path);
}

void
outdir_close(struct outdir *d)
{
	if (!d)
		return;
	if (d->fd >= 0)
		close(d->fd);
	free(d);
}

const char *
outdir_path(const struct outdir *d)
{
	return d->path;
}

int
outdir_room(const struct outdir *d, uint64_t *bytes)
{
	struct statvfs s;
	uint64_t reserve;

	if (fstatvfs(d->fd, &s) < 0)
		return fault(d, "");
	reserve = s.f_blocks / RESERVE;
	*bytes = s.f_bavail > reserve ? (s.f_bavail - reserve) * s.f_frsize : 0;
	return 0;
}

/* A file of our own that has no second name. */
static bool
is_ours(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 && S_ISREG(st.st_mode) &&
	    st.st_uid == geteuid() && st.st_nlink == 1;
}

/* Where a directory can be synced at all. */
static int
sync_names(const struct outdir *d)
{
	return fsync(d->fd) < 0 && errno != EINVAL ? fault(d, "") : 0;
}

/* A name that a power cut takes away would take the chunks with it. */
static int
make_part(const struct outdir *d, const char *name, int *fd)
{
	int r, made = open_beneath(d, name, O_RDWR | O_CREAT | O_EXCL);

	if (made < 0)
		return fault(d, name);
	r = sync_names(d);
	if (r < 0)
		close(made);
	else
		*fd = made;
	return r;
}

int
outdir_open_part(const struct outdir *d, const uint8_t id[static ID_LEN],
    bool make, int *fd)
{
	char name[PART_SIZE];
	int r, found;

	part_name(name, id);
	if (make) {
		r = outdir_drop_part(d, id);
		if (r < 0)
			return r;
		return make_part(d, name, fd);
	}
	/* a FIFO must not make us wait */
	found = open_beneath(d, name, O_RDWR | O_NONBLOCK);
	if (found >= 0 && !is_ours(found)) {
		close(found);
		found = -1;
	}
	*fd = found;
	return 0;
}

int
outdir_drop_part(const struct outdir *d, const uint8_t id[static ID_LEN])
{
	char name[PART_SIZE];

	part_name(name, id);
	if (unlinkat(d->fd, name, 0) < 0 && errno != ENOENT)
		return fault(d, name);
	return 0;
}

uint64_t
outdir_part_room(const struct outdir *d, const uint8_t id[static ID_LEN])
{
	char name[PART_SIZE];
	struct stat st;

	part_name(name, id);
	if (fstatat(d->fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0 ||
	    !S_ISREG(st.st_mode))
		return 0;
	return (uint64_t)st.st_blocks * 512;
}

static bool
is_part_name(const char *name)
{
	const size_t before = sizeof(PREFIX) - 1;

	return strncmp(name, PREFIX, before) == 0 &&
	    strspn(name + before, "0123456789abcdef") == 2 * ID_LEN &&
	    strcmp(name + before + 2 * ID_LEN, SUFFIX) == 0;
}

/* What cannot be taken away is in nobody's way. */
static void
drop_old(const struct outdir *d, const char *name, uint64_t now, uint64_t age)
{
	struct stat st;

	if (is_part_name(name) &&
	    fstatat(d->fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
	    S_ISREG(st.st_mode) && st.st_uid == geteuid() &&
	    st.st_mtim.tv_sec + (time_t)(age / 1000) < (time_t)(now / 1000))
		unlinkat(d->fd, name, 0);
}

void
outdir_sweep(const struct outdir *d, uint64_t now, uint64_t age)
{
	int fd = openat(d->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *e;

	if (!dir) {
		if (fd >= 0)
			close(fd);
		return;
	}
	while ((e = readdir(dir)))
		drop_old(d, e->d_name, now, age);
	closedir(dir);
}

int
outdir_inode(const struct outdir *d, const char *name, uint64_t *inode)
{
	struct stat st;

	if (fstatat(d->fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0)
		*inode = st.st_ino;
	else if (errno == ENOENT)
		*inode = 0;
	else
		return fault(d, name);
	return 0;
}

int
outdir_pick(const struct outdir *d, const char *name,
    char out[static FILENAME_SIZE])
{
	uint64_t inode;
	int r;

	for (unsigned n = 0; n < STAND_INS_MAX; n++) {
		filename_number(out, name, n);
		r = outdir_inode(d, out, &inode);
		if (r < 0 || inode == 0)
			return r;
	}
	r = err_set(ERR_EXISTS, "%s/%s: too many of that name", d->path, name);
	err_path(d->path);
	return r;
}

/* Rename without replacing. */
static int
settle(const struct outdir *d, const char *from, const char *to)
{
	if (renameat2(d->fd, from, d->fd, to, RENAME_NOREPLACE) == 0)
		return 0;
	if (errno != EINVAL)
		return -1;
	/* NFS knows links only */
	if (linkat(d->fd, from, d->fd, to, 0) < 0)
		return -1;
	return unlinkat(d->fd, from, 0);
}

int
outdir_publish(const struct outdir *d, const uint8_t id[static ID_LEN],
    uint64_t inode, const char *name, bool *same)
{
	char part[PART_SIZE];
	uint64_t now;
	int r;

	part_name(part, id);
	r = outdir_inode(d, part, &now);
	*same = r == 0 && now == inode;
	if (r < 0 || !*same)
		return r;
	if (settle(d, part, name) < 0)
		return errno == EEXIST
		    ? err_set(ERR_EXISTS, "%s/%s exists", d->path, name)
		    : fault(d, name);
	r = sync_names(d);
	/* it may have been exchanged just before */
	if (r == 0)
		r = outdir_inode(d, name, &now);
	*same = r == 0 && now == inode;
	return r;
}
