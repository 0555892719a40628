/* SPDX-License-Identifier: ISC */
/*
 * For LD_PRELOAD: reads and writes are short, and often interrupted.  None
 * takes more than $TEST_SHORT bytes, which is no less than what a signalfd is
 * read with; every seventh is interrupted first, and every fifth of those on a
 * socket that does not wait has to.  The buffers of a socket, and of those that
 * it accepts, are the smallest there are.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

static _Atomic unsigned calls;

static bool
is_disturbed(int fd, bool is_socket)
{
	const unsigned n = atomic_fetch_add(&calls, 1);

	if (n % 7 == 6) {
		errno = EINTR;
		return true;
	}
	if (is_socket && n % 5 == 4 && fcntl(fd, F_GETFL) & O_NONBLOCK) {
		errno = EAGAIN;
		return true;
	}
	return false;
}

static size_t
some(size_t len)
{
	const char *most = getenv("TEST_SHORT");
	const size_t n = most ? strtoul(most, NULL, 10) : len;

	return len < n ? len : n;
}

ssize_t
read(int fd, void *out, size_t len)
{
	return is_disturbed(fd, false) ? -1
				       : syscall(SYS_read, fd, out, some(len));
}

ssize_t
write(int fd, const void *bytes, size_t len)
{
	return is_disturbed(fd, false)
	    ? -1
	    : syscall(SYS_write, fd, bytes, some(len));
}

ssize_t
pread(int fd, void *out, size_t len, off_t at)
{
	return is_disturbed(fd, false)
	    ? -1
	    : syscall(SYS_pread64, fd, out, some(len), at);
}

ssize_t
pwrite(int fd, const void *bytes, size_t len, off_t at)
{
	return is_disturbed(fd, false)
	    ? -1
	    : syscall(SYS_pwrite64, fd, bytes, some(len), at);
}

ssize_t
recv(int fd, void *out, size_t len, int flags)
{
	return is_disturbed(fd, true)
	    ? -1
	    : syscall(SYS_recvfrom, fd, out, some(len), flags, NULL, NULL);
}

ssize_t
send(int fd, const void *bytes, size_t len, int flags)
{
	return is_disturbed(fd, true)
	    ? -1
	    : syscall(SYS_sendto, fd, bytes, some(len), flags, NULL, 0);
}

int
socket(int domain, int type, int protocol)
{
	const int fd = (int)syscall(SYS_socket, domain, type, protocol);
	const int least = 0;

	if (fd >= 0) {
		(void)setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &least,
		    sizeof(least));
		(void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &least,
		    sizeof(least));
	}
	return fd;
}

/* as SQLite calls them */
ssize_t pread64(int fd, void *out, size_t len, off64_t at)
    __attribute__((alias("pread")));
ssize_t pwrite64(int fd, const void *bytes, size_t len, off64_t at)
    __attribute__((alias("pwrite")));
