/* SPDX-License-Identifier: ISC */
#include "server/manager.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "base/err.h"

#define HANDED_FIRST 3
#define HANDED_MAX   1024
#define TEXT_SIZE    1024

/* A variable that is a number; 0 when it is missing or none. */
static unsigned long
number(const char *name)
{
	const char *text = getenv(name);
	char *end;
	unsigned long n;

	if (!text || *text < '0' || *text > '9')
		return 0;
	n = strtoul(text, &end, 10);
	return *end == '\0' ? n : 0;
}

static int
ask(int fd, int option)
{
	int value = -1;
	socklen_t len = sizeof(value);

	if (getsockopt(fd, SOL_SOCKET, option, &value, &len) < 0)
		return -1;
	return value;
}

static int
check_socket(int fd)
{
	int domain = ask(fd, SO_DOMAIN), flags;

	if ((domain != AF_INET && domain != AF_INET6) ||
	    ask(fd, SO_TYPE) != SOCK_STREAM || ask(fd, SO_ACCEPTCONN) != 1)
		return err_set(ERR_USAGE,
		    "descriptor %d, handed over: no TCP socket that listens",
		    fd);
	flags = fcntl(fd, F_GETFL);
	if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0 ||
	    fcntl(fd, F_SETFD, FD_CLOEXEC) < 0)
		return err_sys(ERR_IO, "descriptor %d", fd);
	return 0;
}

int
manager_sockets(int *first, size_t *n)
{
	const bool ours = number("LISTEN_PID") == (unsigned long)getpid();
	const unsigned long count = ours ? number("LISTEN_FDS") : 0;
	int r = 0;

	unsetenv("LISTEN_PID");
	unsetenv("LISTEN_FDS");
	unsetenv("LISTEN_FDNAMES");
	if (count > HANDED_MAX)
		return err_set(ERR_USAGE, "LISTEN_FDS: %lu", count);
	for (int i = 0; r == 0 && i < (int)count; i++)
		r = check_socket(HANDED_FIRST + i);
	if (r == 0) {
		*first = HANDED_FIRST;
		*n = count;
	}
	return r;
}

/* A path, or "@" and a name that is in no file system. */
static int
parse(struct sockaddr_un *out, socklen_t *len, const char *where)
{
	const size_t n = strlen(where);

	*out = (struct sockaddr_un){ .sun_family = AF_UNIX };
	if ((where[0] != '/' && where[0] != '@') || n < 2 ||
	    n >= sizeof(out->sun_path))
		return err_set(ERR_USAGE, "NOTIFY_SOCKET: %s", where);
	memcpy(out->sun_path, where, n);
	if (where[0] == '@')
		out->sun_path[0] = '\0';
	*len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n);
	return 0;
}

int
manager_connect(struct manager *m)
{
	const char *where = getenv("NOTIFY_SOCKET");
	struct sockaddr_un to;
	socklen_t len = 0;
	int fd, r;

	m->fd = -1;
	if (!where)
		return 0;
	r = parse(&to, &len, where);
	if (r < 0)
		return r;
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0 || connect(fd, (const struct sockaddr *)&to, len) < 0) {
		r = err_sys(ERR_IO, "NOTIFY_SOCKET: %s", where);
		if (fd >= 0)
			close(fd);
		return r;
	}
	unsetenv("NOTIFY_SOCKET");
	m->fd = fd;
	return 0;
}

void
manager_close(struct manager *m)
{
	if (m->fd >= 0)
		close(m->fd);
	m->fd = -1;
}

static void
tell(const struct manager *m, const char *text)
{
	if (m->fd >= 0)
		(void)send(m->fd, text, strlen(text), MSG_NOSIGNAL);
}

void
manager_ready(const struct manager *m, const char *status)
{
	char text[TEXT_SIZE];

	snprintf(text, sizeof(text), "READY=1\nSTATUS=%s", status);
	tell(m, text);
}

void
manager_reloading(const struct manager *m)
{
	char text[TEXT_SIZE];
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	snprintf(text, sizeof(text), "RELOADING=1\nMONOTONIC_USEC=%lld",
	    (long long)now.tv_sec * 1000000 + now.tv_nsec / 1000);
	tell(m, text);
}

void
manager_stopping(const struct manager *m)
{
	tell(m, "STOPPING=1\nSTATUS=Answers what was asked");
}
