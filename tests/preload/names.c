/* SPDX-License-Identifier: ISC */
/*
 * For LD_PRELOAD: every host is this one, and while the file $TEST_NAMES is
 * there, whoever looks one up writes to it, and waits.
 */
#include <dlfcn.h>
#include <fcntl.h>
#include <netdb.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

static void
wait_while(const char *path)
{
	int fd = path ? open(path, O_WRONLY | O_APPEND | O_CLOEXEC) : -1;

	if (fd < 0)
		return;
	while (write(fd, "?", 1) == 1 && access(path, F_OK) == 0)
		nanosleep(&(struct timespec){ .tv_nsec = 5000000 }, NULL);
	close(fd);
}

int
getaddrinfo(const char *node, const char *service, const struct addrinfo *hints,
    struct addrinfo **res)
{
	int (*real)(const char *, const char *, const struct addrinfo *,
	    struct addrinfo **);

	*(void **)&real = dlsym(RTLD_NEXT, "getaddrinfo");
	wait_while(getenv("TEST_NAMES"));
	return real(node ? "127.0.0.1" : node, service, hints, res);
}
