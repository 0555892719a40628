/* SPDX-License-Identifier: ISC */
/*
 * Runs $SENTINEL_BIN/NAME, NAME being what this program was called as, and
 * keeps a copy of the records it writes in $WITNESS_DIR, where the tests
 * validate them.  Everything else is as if the command had been run itself:
 * its arguments, standard input, exit status or signal; signals reach it; it
 * finds its output read when the reader has read it, and the pipe broken
 * when the reader is gone.  A stream that is a terminal is left alone.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/attr.h"

#define CHUNK 65536

struct stream {
	int to;      /* where the command's output goes: 1 or 2 */
	int from;    /* our end of the command's pipe, -1 = not watched */
	int into;    /* the command's end */
	int log;     /* -1 = not records */
	int peek[2]; /* holds a copy of what is not yet taken */
	size_t held; /* bytes written to "to", not yet taken from "from" */
	bool fifo;   /* "to" is a pipe */
};

static const int signals[] = { SIGTERM, SIGINT, SIGHUP, SIGUSR1 };
static pid_t command;

static void
die(const char *what)
{
	perror(what);
	exit(125);
}

static void
pass_on(int sig)
{
	if (command > 0)
		kill(command, sig);
}

/* Whether an argument asks for something else than records on stdout. */
static bool
asks_for_text(const char *arg)
{
	static const char *const words[] = { "--get", "--text", "--raw",
		"--help", "--version", "--dump-options", "--print-address",
		"--invite" };

	for (size_t i = 0; i < ARRAY_LEN(words); i++) {
		if (strncmp(arg, words[i], strlen(words[i])) == 0)
			return true;
	}
	return arg[0] == '-' && (arg[1] == '\0' || arg[1] != '-') &&
	    strpbrk(arg, "ghV");
}

static bool
is_records(int fd, int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		if (fd == STDERR_FILENO && strstr(argv[i], "text"))
			return false;
		if (fd == STDOUT_FILENO &&
		    (asks_for_text(argv[i]) || strcmp(argv[i], "--") == 0))
			return false;
	}
	return true;
}

static int
open_log(const char *name, int fd)
{
	char path[4096];
	int log;

	snprintf(path, sizeof(path), "%s/%s.%d.%d", getenv("WITNESS_DIR"), name,
	    (int)getpid(), fd);
	log = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	if (log < 0)
		die(path);
	return log;
}

static void
stream_start(struct stream *s, const char *name, int argc, char **argv)
{
	struct stat st;
	int ends[2];

	s->from = s->into = s->log = -1;
	if (fstat(s->to, &st) < 0 || isatty(s->to))
		return;
	s->fifo = S_ISFIFO(st.st_mode);
	if (pipe2(ends, O_CLOEXEC) < 0 || pipe2(s->peek, O_CLOEXEC) < 0)
		die("pipe");
	s->from = ends[0];
	s->into = ends[1];
	if (is_records(s->to, argc, argv))
		s->log = open_log(name, s->to);
}

static void
stream_stop(struct stream *s)
{
	close(s->from);
	s->from = -1;
}

static bool
put(int fd, const char *bytes, size_t n)
{
	while (n > 0) {
		ssize_t w = write(fd, bytes, n);

		if (w < 0 && errno == EINTR)
			continue;
		if (w < 0)
			return false;
		bytes += w;
		n -= (size_t)w;
	}
	return true;
}

/* Read exactly n bytes that are known to be there. */
static void
take(int fd, char *bytes, size_t n)
{
	while (n > 0) {
		ssize_t r = read(fd, bytes, n);

		if (r < 0 && errno == EINTR)
			continue;
		if (r <= 0)
			die("read");
		n -= (size_t)r;
		bytes += r;
	}
}

/* Copy what the command wrote, but leave it in the pipe. */
static void
stream_copy(struct stream *s)
{
	static char buf[CHUNK];
	ssize_t n = tee(s->from, s->peek[1], CHUNK, SPLICE_F_NONBLOCK);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		stream_stop(s);
		return;
	}
	take(s->peek[0], buf, (size_t)n);
	if (s->log >= 0 && !put(s->log, buf, (size_t)n))
		die("log");
	if (put(s->to, buf, (size_t)n))
		s->held = (size_t)n;
	else
		stream_stop(s);
}

/* Take it out of the pipe once our reader has it, or the command is gone. */
static void
stream_settle(struct stream *s, bool gone)
{
	static char buf[CHUNK];
	int unread = 0;

	if (s->fifo && !gone && ioctl(s->to, FIONREAD, &unread) == 0 &&
	    unread > 0)
		return;
	take(s->from, buf, s->held);
	s->held = 0;
}

static void
stream_step(struct stream *s, short in, short out)
{
	if (s->from < 0)
		return;
	if (out & POLLERR) /* nobody reads it any more */
		stream_stop(s);
	else if (s->held > 0)
		stream_settle(s, in & POLLHUP);
	else if (in)
		stream_copy(s);
}

/* Four descriptors: the pipes of both streams, then where they go to. */
static void
pump(struct stream *s)
{
	while (s[0].from >= 0 || s[1].from >= 0) {
		struct pollfd p[4];

		for (int i = 0; i < 2; i++) {
			const bool open = s[i].from >= 0;

			p[i].fd = s[i].from;
			p[i].events = s[i].held > 0 ? 0 : POLLIN;
			p[2 + i].fd = open && s[i].fifo ? s[i].to : -1;
			p[2 + i].events = 0;
		}
		if (poll(p, 4, s[0].held || s[1].held ? 1 : -1) < 0) {
			if (errno != EINTR)
				die("poll");
			continue;
		}
		for (int i = 0; i < 2; i++)
			stream_step(&s[i], p[i].revents, p[2 + i].revents);
	}
}

/* Signals are held back until there is a command to pass them on to. */
static void
hold_signals(int how)
{
	sigset_t set;

	sigemptyset(&set);
	for (size_t i = 0; i < ARRAY_LEN(signals); i++)
		sigaddset(&set, signals[i]);
	sigprocmask(how, &set, NULL);
}

static void
run(const char *name, struct stream *s, char **argv)
{
	const pid_t parent = getpid();
	char path[4096];

	command = fork();
	if (command < 0)
		die("fork");
	if (command > 0)
		return;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(125);
	for (int i = 0; i < 2; i++) {
		if (s[i].into >= 0)
			dup2(s[i].into, s[i].to);
	}
	snprintf(path, sizeof(path), "%s/%s", getenv("SENTINEL_BIN"), name);
	hold_signals(SIG_UNBLOCK);
	execv(path, argv);
	die(path);
}

/* End the way the command ended. */
static int
imitate(int status)
{
	const struct rlimit none = { 0, 0 };

	if (!WIFSIGNALED(status))
		return WEXITSTATUS(status);
	setrlimit(RLIMIT_CORE, &none);
	signal(WTERMSIG(status), SIG_DFL);
	raise(WTERMSIG(status));
	return 128 + WTERMSIG(status);
}

int
main(int argc, char **argv)
{
	struct stream s[2] = { { .to = STDOUT_FILENO },
		{ .to = STDERR_FILENO } };
	const char *slash = strrchr(argv[0], '/');
	const char *name = slash ? slash + 1 : argv[0];
	int status;

	if (!getenv("SENTINEL_BIN") || !getenv("WITNESS_DIR"))
		die("SENTINEL_BIN, WITNESS_DIR");
	for (int i = 0; i < 2; i++)
		stream_start(&s[i], name, argc, argv);
	hold_signals(SIG_BLOCK);
	/* a subshell that is killed takes its command with it */
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	run(name, s, argv);
	for (size_t i = 0; i < ARRAY_LEN(signals); i++)
		signal(signals[i], pass_on);
	hold_signals(SIG_UNBLOCK);
	signal(SIGPIPE, SIG_IGN);
	for (int i = 0; i < 2; i++) {
		if (s[i].into >= 0)
			close(s[i].into);
	}
	pump(s);
	while (waitpid(command, &status, 0) < 0 && errno == EINTR)
		;
	return imitate(status);
}
