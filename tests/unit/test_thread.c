/* SPDX-License-Identifier: ISC */
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/attr.h"
#include "server/thread.h"

#define PATIENCE_MS 10000

/* What the thread does: answers the byte that it waits for. */
static int pipes[2];

static int
await_byte(void *arg)
{
	const int *fd = arg;
	unsigned char byte;

	return read(*fd, &byte, 1) == 1 ? byte : -1;
}

static void
let_go(unsigned char byte)
{
	assert_int_equal(write(pipes[1], &byte, 1), 1);
}

static int
set_up(void **state)
{
	struct thread *s;

	if (pipe(pipes) < 0 || thread_new(&s, await_byte) < 0)
		return -1;
	*state = s;
	return 0;
}

static int
tear_down(void **state)
{
	thread_free(*state);
	close(pipes[0]);
	close(pipes[1]);
	return 0;
}

static bool
is_readable(const struct thread *s, int ms)
{
	struct pollfd p = { .fd = thread_fd(s), .events = POLLIN };

	return poll(&p, 1, ms) == 1;
}

static void
test_runs(void **state)
{
	struct thread *s = *state;

	assert_false(thread_is_begun(s));
	for (unsigned char i = 1; i < 100; i++) {
		assert_int_equal(thread_begin(s, &pipes[0]), 0);
		assert_true(thread_is_begun(s));
		assert_false(thread_is_over(s));
		assert_false(is_readable(s, 0));
		let_go(i);
		assert_true(is_readable(s, PATIENCE_MS));
		assert_true(thread_is_over(s));
		assert_int_equal(thread_end(s), i);
		assert_false(thread_is_begun(s));
		assert_false(is_readable(s, 0));
	}
}

static void
test_end_waits(void **state)
{
	struct thread *s = *state;

	pid_t pid;

	assert_int_equal(thread_begin(s, &pipes[0]), 0);
	pid = fork();
	if (pid == 0) {
		let_go(7);
		_exit(0);
	}
	assert_int_equal(thread_end(s), 7);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
}

static void
test_free_waits(void **state)
{
	struct thread *s;

	(void)state;
	assert_int_equal(thread_new(&s, await_byte), 0);
	assert_int_equal(thread_begin(s, &pipes[0]), 0);
	let_go(1);
	thread_free(s);
	/* it was taken */
	assert_int_equal(
	    poll(&(struct pollfd){ .fd = pipes[0], .events = POLLIN }, 1, 0),
	    0);
	thread_free(NULL);
}

/* Those that a thread would take; above 31 some are the C library's. */
static int
count_signals(void *arg)
{
	sigset_t blocked;
	int n = 0;

	(void)arg;
	pthread_sigmask(SIG_BLOCK, NULL, &blocked);
	for (int i = 1; i < 32; i++)
		n += i != SIGKILL && i != SIGSTOP && !sigismember(&blocked, i);
	return n;
}

static void
test_takes_no_signals(void **state)
{
	const int before = count_signals(NULL);
	struct thread *s;

	(void)state;
	assert_true(before > 0);
	assert_int_equal(thread_new(&s, count_signals), 0);
	assert_int_equal(thread_begin(s, &pipes), 0);
	assert_int_equal(thread_end(s), 0);
	assert_int_equal(count_signals(NULL), before);
	thread_free(s);
}

int
main(void)
{
#define T(test)                                      \
	{                                            \
#test, test, set_up, tear_down, NULL \
	}
	const struct CMUnitTest tests[] = {
		T(test_runs),
		T(test_end_waits),
		T(test_free_waits),
		T(test_takes_no_signals),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
