/* SPDX-License-Identifier: ISC */
#include "cli/outlet.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "base/file.h"
#include "cli/escape.h"
#include "cli/render.h"

/* Between two looks at a pipe; most readers are quick. */
#define LOOK_MIN_NS 20000L
#define LOOK_MAX_NS 20000000L

static void
pass(int signo)
{
	(void)signo;
}

void
outlet_start(void)
{
	/* not ignored, or what we start would ignore it too */
	const struct sigaction on = { .sa_handler = pass,
		.sa_flags = SA_RESTART };

	sigaction(SIGPIPE, &on, NULL);
}

int
outlet_write(const void *bytes, size_t len)
{
	struct buf *safe;
	int r;

	if (!isatty(STDOUT_FILENO))
		return file_write(STDOUT_FILENO, bytes, len, "stdout");
	safe = buf_new(RENDER_MAX);
	r = safe ? escape_put(safe, ESCAPE_TEXT, bytes, len)
		 : err_set(ERR_NOMEM, "no memory for a text");
	if (r == 0)
		r = file_write(STDOUT_FILENO, buf_peek(safe), buf_len(safe),
		    "stdout");
	buf_free(safe);
	return r;
}

static bool
is_pipe(void)
{
	struct stat st;

	return fstat(STDOUT_FILENO, &st) == 0 && S_ISFIFO(st.st_mode);
}

/* Nothing wakes who waits for an empty pipe; a reader that is gone does. */
static bool
is_deserted(long ns)
{
	struct pollfd p = { .fd = STDOUT_FILENO };
	const struct timespec pause = { .tv_nsec = ns };

	return ppoll(&p, 1, &pause, NULL) > 0 && (p.revents & POLLERR) != 0;
}

int
outlet_drain(void)
{
	bool deserted = false;
	int held;

	if (!is_pipe())
		return 0;
	for (long ns = LOOK_MIN_NS;; ns = ns < LOOK_MAX_NS ? ns * 2 : ns) {
		if (ioctl(STDOUT_FILENO, FIONREAD, &held) < 0)
			return err_sys(ERR_IO, "stdout");
		if (held == 0)
			return 0;
		/* it may have taken all of it, and then gone */
		if (deserted)
			break;
		deserted = is_deserted(ns);
	}
	errno = EPIPE;
	return err_sys(ERR_IO, "stdout");
}

void
outlet_end(int r)
{
	const struct sigaction end = { .sa_handler = SIG_DFL };

	if (r != ERR_IO || err_last()->number != EPIPE)
		return;
	sigaction(SIGPIPE, &end, NULL);
	raise(SIGPIPE);
}
