/* SPDX-License-Identifier: ISC */
/* For LD_PRELOAD: counts fdatasync in the first 8 bytes of $BENCH_SYNCS. */
#include <fcntl.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

static _Atomic uint64_t *count;

__attribute__((constructor)) static void
start(void)
{
	const char *path = getenv("BENCH_SYNCS");
	int fd = path ? open(path, O_RDWR | O_CLOEXEC) : -1;
	void *p;

	if (fd < 0)
		abort();
	p = mmap(NULL, sizeof(*count), PROT_READ | PROT_WRITE, MAP_SHARED, fd,
	    0);
	close(fd);
	if (p == MAP_FAILED)
		abort();
	count = p;
}

int
fdatasync(int fd)
{
	atomic_fetch_add(count, 1);
	return (int)syscall(SYS_fdatasync, fd);
}
