/* SPDX-License-Identifier: ISC */
#include "state/guard.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"

static int
fault(int code, const char *path)
{
	code = err_sys(code, "%s", path);
	err_path(path);
	return code;
}

static int
insecure(const char *path, const char *why)
{
	int r = err_set(ERR_INSECURE, "%s %s", path, why);

	err_path(path);
	return r;
}

static int
not_opened(const char *path)
{
	switch (errno) {
	case ENOENT:
	case ENOTDIR:
		fault(ERR_NO_KEYFILE, path);
		err_hint("make one: sentinel-register NAME");
		return ERR_NO_KEYFILE;
	case ELOOP:
		insecure(path, "is a symbolic link");
		err_hint("give the file it leads to: --keyfile FILE");
		return ERR_INSECURE;
	case ENXIO: /* a socket or device */
		return fault(ERR_INSECURE, path);
	case EACCES:
		fault(ERR_INSECURE, path);
		err_hint("chmod 600 %s", path);
		return ERR_INSECURE;
	default:
		return fault(ERR_IO, path);
	}
}

static int
judge(const struct stat *st, const char *path)
{
	if (!S_ISREG(st->st_mode))
		return insecure(path, "is not a regular file");
	if (st->st_uid != geteuid())
		return insecure(path, "belongs to another user");
	if (st->st_nlink != 1)
		return insecure(path, "has more than one name");
	if ((st->st_mode & 077) != 0) {
		insecure(path, "is open to group or others");
		err_hint("chmod 600 %s", path);
		return ERR_INSECURE;
	}
	return 0;
}

int
guard_check(const char *path, uint8_t *header, size_t len)
{
	struct stat st;
	int fd, r;

	/* not to be stopped by a FIFO */
	fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0)
		return not_opened(path);
	memset(header, 0, len);
	if (fstat(fd, &st) < 0)
		r = fault(ERR_IO, path);
	else
		r = judge(&st, path);
	if (r == 0 && pread(fd, header, len, 0) < 0)
		r = fault(ERR_IO, path);
	close(fd);
	return r;
}

int
guard_lock(int *fd, const char *path, const char *suffix)
{
	char name[PATH_MAX];
	int n, r;

	n = snprintf(name, sizeof(name), "%s.%s", path, suffix);
	if (n < 0 || (size_t)n >= sizeof(name)) {
		errno = ENAMETOOLONG;
		return fault(ERR_IO, path);
	}
	n = open(name, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK,
	    0600);
	if (n < 0)
		return fault(ERR_IO, name);
	if (flock(n, LOCK_EX | LOCK_NB) == 0) {
		*fd = n;
		return 0;
	}
	r = fault(errno == EWOULDBLOCK ? ERR_LOCKED : ERR_IO, name);
	close(n);
	return r;
}
