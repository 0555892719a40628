/* SPDX-License-Identifier: ISC */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

/* cmocka.h needs what stands above */
#include <cmocka.h>

#include "base/clock.h"
#include "base/err.h"
#include "cli/outlet.h"

/* A child whose standard output is a pipe; its result is its exit status. */
struct writer {
	pid_t pid;
	int from;
};

static struct writer
start(int (*fn)(void))
{
	struct writer w;
	int ends[2];

	assert_return_code(pipe(ends), errno);
	fflush(stdout);
	w.pid = fork();
	assert_return_code(w.pid, errno);
	if (w.pid == 0) {
		close(ends[0]);
		if (dup2(ends[1], STDOUT_FILENO) < 0)
			_exit(99);
		close(ends[1]);
		outlet_start();
		_exit(fn());
	}
	close(ends[1]);
	w.from = ends[0];
	return w;
}

static int
end(const struct writer *w)
{
	int status;

	assert_int_equal(waitpid(w->pid, &status, 0), w->pid);
	return status;
}

static int
write_and_drain(void)
{
	int r = outlet_write("record", 6);

	if (r == 0)
		r = outlet_drain();
	if (r == 0)
		return 0;
	return r == ERR_IO && err_last()->number == EPIPE ? 1 : 2;
}

static bool
is_over(const struct writer *w)
{
	siginfo_t info = { .si_pid = 0 };

	assert_return_code(
	    waitid(P_PID, (id_t)w->pid, &info, WEXITED | WNOHANG | WNOWAIT),
	    errno);
	return info.si_pid == w->pid;
}

static void
waits_until_it_is_taken(void **state)
{
	struct writer w = start(write_and_drain);
	char bytes[8];

	(void)state;
	assert_int_equal(read(w.from, bytes, 5), 5);
	clock_sleep(50);
	assert_false(is_over(&w));
	assert_int_equal(read(w.from, bytes, 5), 1);
	assert_int_equal(end(&w), 0);
	close(w.from);
}

static void
notices_a_reader_that_goes(void **state)
{
	struct writer w = start(write_and_drain);
	char byte;

	(void)state;
	assert_int_equal(read(w.from, &byte, 1), 1);
	close(w.from);
	assert_int_equal(WEXITSTATUS(end(&w)), 1);
}

static int
write_twice(void)
{
	int r = write_and_drain();

	return r != 0 ? 3 : write_and_drain();
}

static void
fails_without_a_reader(void **state)
{
	struct writer w = start(write_twice);
	char bytes[8];

	(void)state;
	assert_int_equal(read(w.from, bytes, 6), 6);
	close(w.from);
	assert_int_equal(WEXITSTATUS(end(&w)), 1);
}

static int
end_by_others(void)
{
	errno = ENOSPC;
	outlet_end(err_sys(ERR_IO, "stdout"));
	errno = EPIPE;
	(void)err_sys(ERR_UNREACHABLE, "sending");
	outlet_end(ERR_UNREACHABLE);
	outlet_end(0);
	return 7;
}

static int
end_by_pipe(void)
{
	errno = EPIPE;
	outlet_end(err_sys(ERR_IO, "stdout"));
	return 7;
}

static void
ends_by_the_signal(void **state)
{
	struct writer w = start(end_by_others);
	int status;

	(void)state;
	assert_int_equal(WEXITSTATUS(end(&w)), 7);
	close(w.from);
	w = start(end_by_pipe);
	status = end(&w);
	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), SIGPIPE);
	close(w.from);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(waits_until_it_is_taken),
		cmocka_unit_test(notices_a_reader_that_goes),
		cmocka_unit_test(fails_without_a_reader),
		cmocka_unit_test(ends_by_the_signal),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
