/* SPDX-License-Identifier: ISC */
/*
 * For LD_PRELOAD: memory that runs out.  $TEST_MEMORY is a file with numbers of
 * 8 bytes, which another process may change while this one runs: how often
 * memory was asked for, the first and the last time that there is none, the
 * process that this is about (0 becomes the first that comes, so programs that
 * it starts have memory), and how often that one sent.  The C library's own
 * requests count as well, locked memory as one.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

static struct {
	_Atomic uint64_t asked, first, last, process, sent;
} * shared;

__attribute__((constructor)) static void
start(void)
{
	const uint64_t self = (uint64_t)getpid();
	const char *path = getenv("TEST_MEMORY");
	int fd = path ? open(path, O_RDWR | O_CLOEXEC) : -1;
	uint64_t process = 0;
	void *p;

	if (fd < 0)
		return;
	p = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED, fd,
	    0);
	close(fd);
	if (p == MAP_FAILED)
		abort();
	shared = p;
	if (!atomic_compare_exchange_strong(&shared->process, &process, self) &&
	    process != self)
		shared = NULL;
}

static bool
is_out(void)
{
	uint64_t n = shared ? atomic_fetch_add(&shared->asked, 1) + 1 : 0;

	if (n == 0 || n < shared->first || n > shared->last)
		return false;
	errno = ENOMEM;
	return true;
}

/* The function that would have been called instead of this one. */
#define NEXT(next)                                                      \
	do {                                                            \
		if (!(next))                                            \
			*(void **)&(next) = dlsym(RTLD_NEXT, __func__); \
	} while (0)

void *
malloc(size_t len)
{
	static void *(*next)(size_t);

	NEXT(next);
	return is_out() ? NULL : next(len);
}

void *
calloc(size_t n, size_t len)
{
	static void *(*next)(size_t, size_t);

	NEXT(next);
	return is_out() ? NULL : next(n, len);
}

void *
realloc(void *p, size_t len)
{
	static void *(*next)(void *, size_t);

	NEXT(next);
	return is_out() ? NULL : next(p, len);
}

void *
reallocarray(void *p, size_t n, size_t len)
{
	static void *(*next)(void *, size_t, size_t);

	NEXT(next);
	return is_out() ? NULL : next(p, n, len);
}

int
posix_memalign(void **p, size_t boundary, size_t len)
{
	static int (*next)(void **, size_t, size_t);

	NEXT(next);
	return is_out() ? ENOMEM : next(p, boundary, len);
}

void *
aligned_alloc(size_t boundary, size_t len)
{
	static void *(*next)(size_t, size_t);

	NEXT(next);
	return is_out() ? NULL : next(boundary, len);
}

ssize_t
send(int fd, const void *bytes, size_t len, int flags)
{
	if (shared)
		atomic_fetch_add(&shared->sent, 1);
	return syscall(SYS_sendto, fd, bytes, len, flags, NULL, 0);
}

void *sodium_malloc(size_t len);

void *
sodium_malloc(size_t len)
{
	static void *(*next)(size_t);

	NEXT(next);
	return is_out() ? NULL : next(len);
}
