/* SPDX-License-Identifier: ISC */
/*
 * For LD_PRELOAD: what a power cut could undo is logged in $POWER_LOG, a file
 * of the size it may grow to, on the file system that is watched.  What the
 * calls do is not changed.  tests/tools/power.py reads the log.
 *
 * Several processes append to one log, and do so without a system call, so
 * that a sandbox does not matter.  A write or an end of a name is logged before
 * it is made, a new name after it, a sync when it has come back, with what the
 * log had reached when it began.  sync_file_range promises nothing and is not
 * logged.
 *
 * $POWER_SYNCHRONOUS: SQLite gets this level instead of the one it is told.
 */
#include <assert.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum op {
	OP_WRITE = 1, /* file, at, data */
	OP_TRUNCATE,  /* file, at */
	OP_PUNCH,     /* file, at, len */
	OP_SYNC,      /* file, at: where the log was */
	OP_OPEN,      /* dir, file, name; at: whether it was emptied */
	OP_NAMELESS,  /* file */
	OP_LINK,      /* dir, file, name */
	OP_UNLINK,    /* dir, name */
	OP_RENAME,    /* dir, file: the other dir, name, other name */
	OP_MKDIR,     /* dir, file, name */
	OP_SEND,      /* at: port of the other side, len */
	OP_PRINT,     /* len */
};

/* The end of the log stands at its begin, then come these, with what they
 * carry, filled up to 8 bytes. */
struct record {
	uint32_t size; /* of all */
	uint32_t op;
	uint64_t now; /* monotonic, ns */
	uint64_t file;
	uint64_t dir;
	uint64_t at;
	uint64_t len;
	int32_t pid;
	uint32_t carries;
};

static uint8_t *log_base;
static _Atomic uint64_t *log_end;
static uint64_t log_room;
static dev_t watched;
static long (*call)(long number, ...);

__attribute__((constructor)) static void
start(void)
{
	const char *path = getenv("POWER_LOG");
	int fd = path ? open(path, O_RDWR | O_CLOEXEC) : -1;
	struct stat st;
	void *p;

	if (fd < 0 || fstat(fd, &st) < 0)
		abort();
	p = mmap(NULL, (size_t)st.st_size, PROT_READ | PROT_WRITE, MAP_SHARED,
	    fd, 0);
	close(fd);
	if (p == MAP_FAILED)
		abort();
	log_base = p;
	log_end = p;
	log_room = (uint64_t)st.st_size;
	watched = st.st_dev;
}

static long
real(long number, long a, long b, long c, long d, long e)
{
	if (!call)
		*(void **)&call = dlsym(RTLD_NEXT, "syscall");
	return call(number, a, b, c, d, e);
}

static uint64_t
now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static void
note(struct record r, const void *carried, size_t len)
{
	const size_t size = (sizeof(r) + len + 7) & ~(size_t)7;
	uint64_t at;

	if (!log_base)
		return;
	at = atomic_fetch_add(log_end, size) + sizeof(*log_end);
	if (at + size > log_room)
		abort();
	r.size = (uint32_t)size;
	r.now = now();
	r.pid = getpid();
	r.carries = (uint32_t)len;
	memcpy(log_base + at, &r, sizeof(r));
	if (len > 0)
		memcpy(log_base + at + sizeof(r), carried, len);
}

/* The number of a file that is watched, or 0. */
static uint64_t
file_of(int fd)
{
	struct stat st;

	if (!log_base || fstat(fd, &st) < 0 || st.st_dev != watched)
		return 0;
	return S_ISREG(st.st_mode) || S_ISDIR(st.st_mode) ? st.st_ino : 0;
}

/* The number of the directory that a name is in, or 0; and the bare name. */
static uint64_t
dir_of(int at, const char *path, const char **name)
{
	const char *slash = strrchr(path, '/');
	char dir[4096] = ".";
	struct stat st;

	*name = slash ? slash + 1 : path;
	if (slash)
		snprintf(dir, sizeof(dir), "%.*s", (int)(slash - path + 1),
		    path);
	if (fstatat(at, dir, &st, 0) < 0 || st.st_dev != watched)
		return 0;
	return st.st_ino;
}

static void
note_name(enum op op, int at, const char *path, uint64_t file, uint64_t emptied)
{
	const char *name;
	const uint64_t dir = dir_of(at, path, &name);

	if (dir)
		note((struct record){ .op = op,
			 .dir = dir,
			 .file = file,
			 .at = emptied },
		    name, strlen(name));
}

/* --- names --- */

static int
opened(int at, const char *path, int flags, int fd)
{
	const uint64_t file = fd < 0 ? 0 : file_of(fd);

	if (file && (flags & O_TMPFILE) == O_TMPFILE)
		note((struct record){ .op = OP_NAMELESS, .file = file }, NULL,
		    0);
	else if (file && flags & (O_CREAT | O_TRUNC))
		note_name(OP_OPEN, at, path, file, (flags & O_TRUNC) != 0);
	return fd;
}

int
openat(int at, const char *path, int flags, ...)
{
	va_list more;
	mode_t mode;

	va_start(more, flags);
	mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(more, mode_t) : 0;
	va_end(more);
	return opened(at, path, flags,
	    (int)real(SYS_openat, at, (long)path, flags, mode, 0));
}

int
open(const char *path, int flags, ...)
{
	va_list more;
	mode_t mode;

	va_start(more, flags);
	mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(more, mode_t) : 0;
	va_end(more);
	return openat(AT_FDCWD, path, flags, mode);
}

/* only openat2 creates files so: its flags come first */
long
syscall(long number, ...)
{
	long a[5];
	va_list more;
	long r;

	va_start(more, number);
	for (int i = 0; i < 5; i++)
		a[i] = va_arg(more, long);
	va_end(more);
	r = real(number, a[0], a[1], a[2], a[3], a[4]);
	if (number == SYS_openat2)
		opened((int)a[0], (const char *)a[1],
		    (int)*(const uint64_t *)a[2], (int)r);
	return r;
}

int
linkat(int from, const char *old, int to, const char *path, int flags)
{
	int r = (int)real(SYS_linkat, from, (long)old, to, (long)path, flags);
	struct stat st;

	if (r == 0 && fstatat(to, path, &st, AT_SYMLINK_NOFOLLOW) == 0)
		note_name(OP_LINK, to, path, st.st_ino, 0);
	return r;
}

int
link(const char *old, const char *path)
{
	return linkat(AT_FDCWD, old, AT_FDCWD, path, 0);
}

int
unlinkat(int at, const char *path, int flags)
{
	note_name(OP_UNLINK, at, path, 0, 0);
	return (int)real(SYS_unlinkat, at, (long)path, flags, 0, 0);
}

int
unlink(const char *path)
{
	return unlinkat(AT_FDCWD, path, 0);
}

int
rmdir(const char *path)
{
	return unlinkat(AT_FDCWD, path, AT_REMOVEDIR);
}

int
renameat2(int from, const char *old, int to, const char *path, unsigned flags)
{
	const char *name, *other;
	const uint64_t dir = dir_of(from, old, &name);
	const uint64_t dir2 = dir_of(to, path, &other);
	int r = (int)real(SYS_renameat2, from, (long)old, to, (long)path,
	    (long)flags);
	char names[512];

	if (r == 0 && dir && dir2) {
		int n = snprintf(names, sizeof(names), "%s/%s", name, other);

		assert(n > 0 && (size_t)n < sizeof(names));
		note((struct record){ .op = OP_RENAME,
			 .dir = dir,
			 .file = dir2 },
		    names, (size_t)n);
	}
	return r;
}

int
rename(const char *old, const char *path)
{
	return renameat2(AT_FDCWD, old, AT_FDCWD, path, 0);
}

int
mkdirat(int at, const char *path, mode_t mode)
{
	int r = (int)real(SYS_mkdirat, at, (long)path, mode, 0, 0);
	struct stat st;

	if (r == 0 && fstatat(at, path, &st, 0) == 0)
		note_name(OP_MKDIR, at, path, st.st_ino, 0);
	return r;
}

int
mkdir(const char *path, mode_t mode)
{
	return mkdirat(AT_FDCWD, path, mode);
}

/* --- contents --- */

ssize_t
pwrite(int fd, const void *bytes, size_t len, off_t at)
{
	const uint64_t file = file_of(fd);

	if (file)
		note((struct record){ .op = OP_WRITE,
			 .file = file,
			 .at = (uint64_t)at },
		    bytes, len);
	return real(SYS_pwrite64, fd, (long)bytes, (long)len, at, 0);
}

ssize_t
write(int fd, const void *bytes, size_t len)
{
	const uint64_t file = file_of(fd);

	if (file)
		note((struct record){ .op = OP_WRITE,
			 .file = file,
			 .at = (uint64_t)lseek(fd, 0, SEEK_CUR) },
		    bytes, len);
	else if (fd == STDOUT_FILENO)
		note((struct record){ .op = OP_PRINT, .len = len }, NULL, 0);
	return real(SYS_write, fd, (long)bytes, (long)len, 0, 0);
}

int
ftruncate(int fd, off_t size)
{
	const uint64_t file = file_of(fd);

	if (file)
		note((struct record){ .op = OP_TRUNCATE,
			 .file = file,
			 .at = (uint64_t)size },
		    NULL, 0);
	return (int)real(SYS_ftruncate, fd, size, 0, 0, 0);
}

int
fallocate(int fd, int mode, off_t at, off_t len)
{
	const uint64_t file = file_of(fd);

	assert(mode == (FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE));
	if (file)
		note((struct record){ .op = OP_PUNCH,
			 .file = file,
			 .at = (uint64_t)at,
			 .len = (uint64_t)len },
		    NULL, 0);
	return (int)real(SYS_fallocate, fd, mode, at, len, 0);
}

static int
synced(long number, int fd)
{
	const uint64_t file = file_of(fd);
	const uint64_t begin = file ? atomic_load(log_end) : 0;
	int r = (int)real(number, fd, 0, 0, 0, 0);

	if (r == 0 && file)
		note(
		    (struct record){ .op = OP_SYNC, .file = file, .at = begin },
		    NULL, 0);
	return r;
}

int
fsync(int fd)
{
	return synced(SYS_fsync, fd);
}

int
fdatasync(int fd)
{
	return synced(SYS_fdatasync, fd);
}

/* as SQLite calls them */
int open64(const char *path, int flags, ...) __attribute__((alias("open")));
int ftruncate64(int fd, off64_t size) __attribute__((alias("ftruncate")));
ssize_t pwrite64(int fd, const void *bytes, size_t len, off64_t at)
    __attribute__((alias("pwrite")));

/* --- what others learn --- */

static uint64_t
port_of(int fd)
{
	struct sockaddr_storage peer;
	socklen_t len = sizeof(peer);

	if (getpeername(fd, (struct sockaddr *)&peer, &len) < 0 ||
	    peer.ss_family != AF_INET)
		return 0;
	return ntohs(((struct sockaddr_in *)&peer)->sin_port);
}

ssize_t
send(int fd, const void *bytes, size_t len, int flags)
{
	note((struct record){ .op = OP_SEND, .at = port_of(fd), .len = len },
	    NULL, 0);
	return real(SYS_sendto, fd, (long)bytes, (long)len, flags, 0);
}

/* --- SQLite --- */

typedef int exec_fn(void *db, const char *sql,
    int (*row)(void *, int, char **, char **), void *ctx, char **error);

exec_fn sqlite3_exec;

int
sqlite3_exec(void *db, const char *sql,
    int (*row)(void *, int, char **, char **), void *ctx, char **error)
{
	static const char word[] = "synchronous = ";
	const char *level = getenv("POWER_SYNCHRONOUS");
	const char *old = level ? strstr(sql, word) : NULL;
	exec_fn *exec;
	char *bent = NULL;
	int r;

	*(void **)&exec = dlsym(RTLD_NEXT, "sqlite3_exec");
	if (old &&
	    asprintf(&bent, "%.*s%s%s", (int)(old - sql) + 14, sql, level,
		strchr(old, ';')) < 0)
		abort();
	r = exec(db, bent ? bent : sql, row, ctx, error);
	free(bent);
	return r;
}
