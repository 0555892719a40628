/* SPDX-License-Identifier: ISC */
#include "cli/tty.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "base/err.h"
#include "base/file.h"

#define TTY "/dev/tty"

static const int watched[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP };

static volatile sig_atomic_t caught; /* 0 = none */

/* How signals were dealt with before. */
struct watch {
	sigset_t mask;
	struct sigaction actions[ARRAY_LEN(watched)];
};

bool
tty_is_there(void)
{
	return isatty(STDIN_FILENO) && isatty(STDERR_FILENO);
}

static void
note_signal(int number)
{
	caught = number;
}

/*
 * From here on the signals come in only where await lets them.  Those that
 * are ignored stay so.
 */
static void
watch_begin(struct watch *w)
{
	const struct sigaction note = { .sa_handler = note_signal };
	sigset_t set;

	caught = 0;
	sigemptyset(&set);
	for (size_t i = 0; i < ARRAY_LEN(watched); i++)
		sigaddset(&set, watched[i]);
	sigprocmask(SIG_BLOCK, &set, &w->mask);
	for (size_t i = 0; i < ARRAY_LEN(watched); i++) {
		sigaction(watched[i], NULL, &w->actions[i]);
		if (w->actions[i].sa_handler != SIG_IGN)
			sigaction(watched[i], &note, NULL);
	}
}

/* The one that was caught now takes its course. */
static void
watch_end(const struct watch *w)
{
	for (size_t i = 0; i < ARRAY_LEN(watched); i++)
		sigaction(watched[i], &w->actions[i], NULL);
	if (caught)
		raise(caught);
	sigprocmask(SIG_SETMASK, &w->mask, NULL);
}

static int
fault(void)
{
	int r = err_sys(ERR_IO, TTY);

	err_path(TTY);
	return r;
}

/* Until there is something to read; ERR_IO when a signal came instead. */
static int
await(int fd, const struct watch *w)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	while (!caught && ppoll(&p, 1, NULL, &w->mask) < 0) {
		if (errno != EINTR)
			return fault();
	}
	return caught ? err_set(ERR_IO, "interrupted") : 0;
}

/* One line; tcsetattr throws away what a cut one leaves behind. */
static int
read_line(int fd, const struct watch *w, char *out, size_t cap, size_t *len)
{
	size_t have = 0;
	ssize_t n;
	int r;

	do {
		r = await(fd, w);
		if (r < 0)
			return r;
		n = read(fd, out + have, cap - have);
		if (n < 0)
			return fault();
		have += (size_t)n;
	} while (n > 0 && have < cap && out[have - 1] != '\n');
	if (n > 0 && out[have - 1] == '\n')
		have--;
	*len = have;
	return 0;
}

/*
 * In the background, where the mode is somebody else's, to throw away what
 * was typed stops the process until it is in the foreground.
 */
static int
get_mode(int fd, struct termios *mode)
{
	int r;

	do {
		r = tcflush(fd, TCIFLUSH);
	} while (r < 0 && errno == EINTR);
	return r < 0 || tcgetattr(fd, mode) < 0 ? fault() : 0;
}

static int
set_mode(int fd, const struct termios *mode)
{
	int r;

	do {
		r = tcsetattr(fd, TCSAFLUSH, mode);
	} while (r < 0 && errno == EINTR);
	return r < 0 ? fault() : 0;
}

static int
converse(int fd, const struct watch *w, const char *prompt, bool hidden,
    char *out, size_t cap, size_t *len)
{
	struct termios before, during;
	int r;

	r = get_mode(fd, &before);
	if (r < 0)
		return r;
	during = before;
	during.c_lflag |= ICANON | ISIG;
	if (hidden)
		during.c_lflag &= ~(tcflag_t)ECHO;
	r = set_mode(fd, &during);
	if (r < 0)
		return r;
	r = file_write(fd, prompt, strlen(prompt), TTY);
	if (r == 0)
		r = read_line(fd, w, out, cap, len);
	if (r == 0)
		r = set_mode(fd, &before);
	else
		(void)set_mode(fd, &before);
	if (hidden || caught)
		(void)!write(fd, "\n", 1);
	return r;
}

int
tty_ask(char *out, size_t cap, size_t *len, const char *prompt, bool hidden)
{
	struct watch w;
	int fd, r;

	fd = open(TTY, O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (fd < 0)
		return fault();
	do {
		watch_begin(&w);
		r = converse(fd, &w, prompt, hidden, out, cap, len);
		watch_end(&w);
	} while (r < 0 && caught == SIGTSTP);
	close(fd);
	return r;
}
