/* SPDX-License-Identifier: ISC */
#include "net/sock.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/err.h"

#define SHARE_MS 10000 /* an attempt among several, when time is endless */

union address {
	struct sockaddr any;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
};

static int
resolve(struct addrinfo **list, const struct addr_host *h, int flags, int code)
{
	const struct addrinfo want = {
		.ai_flags = flags | AI_NUMERICSERV,
		.ai_family = AF_UNSPEC,
		.ai_socktype = SOCK_STREAM,
	};
	char port[8];
	int r;

	snprintf(port, sizeof(port), "%u", (unsigned)h->port);
	r = getaddrinfo(h->name, port, &want, list);
	if (r == EAI_SYSTEM)
		return err_sys(code, "%s", h->name);
	if (r != 0)
		return err_set(r == EAI_MEMORY ? ERR_NOMEM : code, "%s: %s",
		    h->name, gai_strerror(r));
	return 0;
}

static size_t
count(const struct addrinfo *list)
{
	size_t n = 0;

	for (; list; list = list->ai_next)
		n++;
	return n;
}

static int
set_option(int fd, int level, int option)
{
	const int on = 1;

	return setsockopt(fd, level, option, &on, sizeof(on));
}

/* A socket for ai, or -1 with errno. */
static int
make(const struct addrinfo *ai)
{
	int fd = socket(ai->ai_family,
	    ai->ai_socktype | SOCK_NONBLOCK | SOCK_CLOEXEC, ai->ai_protocol);

	if (fd >= 0 && set_option(fd, IPPROTO_TCP, TCP_NODELAY) < 0) {
		close(fd);
		return -1;
	}
	return fd;
}

/* Wait for events; -1 with errno ETIMEDOUT when the deadline passes. */
static int
await(int fd, short events, uint64_t deadline)
{
	struct pollfd p = { .fd = fd, .events = events };
	int n;

	do {
		n = poll(&p, 1, clock_left(deadline));
	} while (n < 0 && errno == EINTR);
	if (n == 0)
		errno = ETIMEDOUT;
	return n > 0 ? 0 : -1;
}

/*
 * A connection from a local port to itself, which TCP makes when that port
 * is tried while nobody listens there.
 */
static bool
is_own_echo(int fd)
{
	union address here = { 0 }, there = { 0 };
	socklen_t here_len = sizeof(here), there_len = sizeof(there);

	return getsockname(fd, &here.any, &here_len) == 0 &&
	    getpeername(fd, &there.any, &there_len) == 0 &&
	    here_len == there_len && memcmp(&here, &there, here_len) == 0;
}

static int
finish_connect(int fd, uint64_t deadline)
{
	int fault;
	socklen_t len = sizeof(fault);

	if (await(fd, POLLOUT, deadline) < 0 ||
	    getsockopt(fd, SOL_SOCKET, SO_ERROR, &fault, &len) < 0)
		return -1;
	errno = fault;
	return fault == 0 ? 0 : -1;
}

/* A connected socket, or -1 with errno. */
static int
connect_to(const struct addrinfo *ai, uint64_t deadline)
{
	int fd = make(ai), saved;

	if (fd < 0)
		return -1;
	if ((connect(fd, ai->ai_addr, ai->ai_addrlen) == 0 ||
		(errno == EINPROGRESS && finish_connect(fd, deadline) == 0))) {
		if (!is_own_echo(fd))
			return fd;
		errno = ECONNREFUSED;
	}
	saved = errno;
	close(fd);
	errno = saved;
	return -1;
}

uint64_t
sock_share(uint64_t deadline, size_t n)
{
	uint64_t now = clock_mono_ms();

	if (n <= 1 || deadline <= now)
		return deadline;
	if (deadline == CLOCK_NEVER)
		return now + SHARE_MS;
	return now + (deadline - now) / n;
}

int
sock_connect(int *fd, const struct addr_host *h, uint64_t deadline)
{
	struct addrinfo *list;
	size_t left;
	int r, s = -1;

	r = resolve(&list, h, 0, ERR_UNREACHABLE);
	if (r < 0)
		return r;
	left = count(list);
	for (const struct addrinfo *ai = list; ai && s < 0; ai = ai->ai_next)
		s = connect_to(ai, sock_share(deadline, left--));
	if (s < 0)
		r = err_sys(ERR_UNREACHABLE, "%s port %u", h->name,
		    (unsigned)h->port);
	else
		*fd = s;
	freeaddrinfo(list);
	return r;
}

/* A listening socket, or -1 with errno. */
static int
listen_at(const struct addrinfo *ai)
{
	int fd = make(ai), saved;

	if (fd < 0)
		return -1;
	if (set_option(fd, SOL_SOCKET, SO_REUSEADDR) == 0 &&
	    (ai->ai_family != AF_INET6 ||
		set_option(fd, IPPROTO_IPV6, IPV6_V6ONLY) == 0) &&
	    bind(fd, ai->ai_addr, ai->ai_addrlen) == 0 &&
	    listen(fd, SOMAXCONN) == 0)
		return fd;
	saved = errno;
	close(fd);
	errno = saved;
	return -1;
}

static uint16_t
bound_port(int fd)
{
	union address here = { 0 };
	socklen_t len = sizeof(here);

	if (getsockname(fd, &here.any, &len) < 0)
		return 0;
	return ntohs(here.any.sa_family == AF_INET6 ? here.v6.sin6_port
						    : here.v4.sin_port);
}

int
sock_listen(int *fd, uint16_t *port, const struct addr_host *h)
{
	struct addrinfo *list;
	int r, s = -1;

	r = resolve(&list, h, AI_PASSIVE, ERR_IO);
	if (r < 0)
		return r;
	for (const struct addrinfo *ai = list; ai && s < 0; ai = ai->ai_next)
		s = listen_at(ai);
	if (s < 0) {
		r = err_sys(ERR_IO, "listen on %s port %u", h->name,
		    (unsigned)h->port);
		if (err_last()->number == EADDRINUSE)
			err_hint("another program listens there: end it, or "
				 "choose another port");
	} else {
		*fd = s;
		*port = bound_port(s);
	}
	freeaddrinfo(list);
	return r;
}

int
sock_write(int fd, const uint8_t *bytes, size_t len, uint64_t deadline)
{
	while (len > 0) {
		ssize_t n = send(fd, bytes, len, MSG_NOSIGNAL);

		if (n >= 0) {
			bytes += n;
			len -= (size_t)n;
		} else if (errno != EINTR &&
		    (errno != EAGAIN || await(fd, POLLOUT, deadline) < 0)) {
			return err_sys(ERR_UNREACHABLE, "sending");
		}
	}
	return 0;
}

int
sock_read(int fd, uint8_t *out, size_t cap, size_t *len, uint64_t deadline)
{
	for (;;) {
		ssize_t n = recv(fd, out, cap, 0);

		if (n >= 0) {
			*len = (size_t)n;
			return 0;
		}
		if (errno != EINTR &&
		    (errno != EAGAIN || await(fd, POLLIN, deadline) < 0))
			return err_sys(ERR_UNREACHABLE, "receiving");
	}
}

int
sock_read_all(int fd, uint8_t *out, size_t len, uint64_t deadline)
{
	while (len > 0) {
		size_t n;
		int r = sock_read(fd, out, len, &n, deadline);

		if (r < 0)
			return r;
		if (n == 0) {
			errno = ECONNRESET;
			return err_sys(ERR_UNREACHABLE, "end of stream");
		}
		out += n;
		len -= n;
	}
	return 0;
}

bool
sock_is_quiet(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	return poll(&p, 1, 0) == 0;
}
