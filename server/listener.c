/* SPDX-License-Identifier: ISC */
#include "server/listener.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/err.h"
#include "net/sock.h"
#include "server/notice.h"

#define TURN_MAX 16 /* connections taken from one socket in one turn */
#define PAUSE_MS 200

static int
open_reserve(void)
{
	return open("/dev/null", O_RDONLY | O_CLOEXEC);
}

static void
want(struct listener_set *ls)
{
	bool take = !ls->shut && ls->pause.at == CLOCK_NEVER;

	for (size_t i = 0; i < ls->n; i++)
		loop_want(ls->loop, &ls->listeners[i].watch,
		    take ? LOOP_READ : 0);
}

static void
on_pause_over(void *arg)
{
	want(arg);
}

int
listener_start(struct listener_set *ls, struct loop *loop, listener_fn fn,
    void *arg)
{
	*ls = (struct listener_set){
		.loop = loop,
		.fn = fn,
		.arg = arg,
		.reserve = open_reserve(),
		.pause = { .fn = on_pause_over, .arg = ls },
	};
	if (ls->reserve < 0)
		return err_sys(ERR_IO, "/dev/null");
	return loop_timer_add(loop, &ls->pause, CLOCK_NEVER);
}

void
listener_stop(struct listener_set *ls)
{
	if (!ls->loop)
		return;
	for (size_t i = 0; i < ls->n; i++) {
		loop_remove(ls->loop, &ls->listeners[i].watch);
		close(ls->listeners[i].watch.fd);
	}
	ls->n = 0;
	loop_timer_remove(ls->loop, &ls->pause);
	if (ls->reserve >= 0)
		close(ls->reserve);
	ls->loop = NULL;
}

/* Something that will pass: out of descriptors, out of memory. */
static void
on_shortage(struct listener_set *ls, int socket)
{
	const bool full = errno == EMFILE || errno == ENFILE;
	int fd;

	notice_put(full ? NOTICE_DESCRIPTORS : NOTICE_MEMORY, NULL,
	    loop_now(ls->loop));
	if (ls->reserve >= 0) {
		close(ls->reserve);
		fd = accept4(socket, NULL, NULL, SOCK_CLOEXEC);
		if (fd >= 0)
			close(fd);
		ls->reserve = open_reserve();
	}
	loop_timer_set(ls->loop, &ls->pause, loop_now(ls->loop) + PAUSE_MS);
	want(ls);
}

static void
on_ready(void *arg, unsigned events)
{
	struct listener *l = arg;

	(void)events;
	for (int i = 0; i < TURN_MAX && !l->set->shut; i++) {
		struct sockaddr_storage from = { 0 };
		uint8_t origin[ORIGIN_LEN];
		socklen_t len = sizeof(from);
		int fd = accept4(l->watch.fd, (struct sockaddr *)&from, &len,
		    SOCK_NONBLOCK | SOCK_CLOEXEC);

		if (fd >= 0) {
			origin_get(origin, &from);
			l->set->fn(l->set->arg, fd, origin);
		} else if (errno == EAGAIN) {
			break;
		} else if (errno != ECONNABORTED && errno != EINTR) {
			on_shortage(l->set, l->watch.fd);
			break;
		}
	}
}

static bool
is_remote(int fd)
{
	struct sockaddr_storage here = { 0 };
	socklen_t len = sizeof(here);

	return getsockname(fd, (struct sockaddr *)&here, &len) < 0 ||
	    !origin_is_loopback(&here);
}

int
listener_take(struct listener_set *ls, int fd)
{
	struct listener *l;
	int r;

	if (ls->n == LISTENER_MAX) {
		close(fd);
		return err_set(ERR_USAGE, "more than %d addresses to listen on",
		    LISTENER_MAX);
	}
	l = &ls->listeners[ls->n];
	*l = (struct listener){ ls, { fd, LOOP_READ, on_ready, l } };
	r = loop_add(ls->loop, &l->watch);
	if (r < 0) {
		close(fd);
		return r;
	}
	ls->n++;
	ls->remote |= is_remote(fd);
	return 0;
}

int
listener_add(struct listener_set *ls, struct addr_host *h)
{
	int fd, r = sock_listen(&fd, &h->port, h);

	return r == 0 ? listener_take(ls, fd) : r;
}

int
listener_where(struct addr_host *out, const struct listener *l)
{
	struct sockaddr_storage here = { 0 };
	socklen_t len = sizeof(here);
	char port[sizeof("65535")];

	if (getsockname(l->watch.fd, (struct sockaddr *)&here, &len) < 0 ||
	    getnameinfo((struct sockaddr *)&here, len, out->name,
		sizeof(out->name), port, sizeof(port),
		NI_NUMERICHOST | NI_NUMERICSERV) != 0)
		return err_sys(ERR_IO, "address of a socket");
	out->port = (uint16_t)strtoul(port, NULL, 10);
	return 0;
}

void
listener_retry(struct listener_set *ls)
{
	if (ls->pause.at == CLOCK_NEVER)
		return;
	loop_timer_set(ls->loop, &ls->pause, CLOCK_NEVER);
	want(ls);
}

void
listener_shut(struct listener_set *ls, bool shut)
{
	if (ls->shut == shut)
		return;
	ls->shut = shut;
	want(ls);
}
