/* SPDX-License-Identifier: ISC */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/err.h"
#include "net/sock.h"
#include "server/listener.h"
#include "server/log.h"

#define CALLERS  8
#define DEADLINE 10000

static struct loop *loop;
static struct listener_set listeners;
static struct addr_host host;
static int taken[CALLERS], callers[CALLERS];
static unsigned taken_n, turns;

static void
on_connection(void *arg, int fd, const uint8_t origin[static ORIGIN_LEN])
{
	char text[ORIGIN_TEXT_SIZE];

	(void)arg;
	origin_text(text, origin);
	assert_string_equal(text, "127.0.0.1");
	assert_true(taken_n < CALLERS);
	taken[taken_n++] = fd;
}

static bool
on_turn(void *arg, bool idle)
{
	(void)arg;
	(void)idle;
	turns++;
	return false;
}

static void
on_time(void *arg)
{
	(void)arg;
	loop_stop(loop, 0);
}

static void
run_for(uint64_t ms)
{
	struct loop_timer end = { .fn = on_time };

	assert_int_equal(loop_timer_add(loop, &end, clock_mono_ms() + ms), 0);
	assert_int_equal(loop_run(loop), 0);
	loop_timer_remove(loop, &end);
}

static int
set_up(void **state)
{
	(void)state;
	host = (struct addr_host){ .name = "127.0.0.1" };
	taken_n = turns = 0;
	log_open(LOG_JSON, LOG_ERROR);
	if (loop_new(&loop) < 0 ||
	    listener_start(&listeners, loop, on_connection, NULL) < 0 ||
	    listener_add(&listeners, &host) < 0)
		return -1;
	loop_before_sleep(loop, on_turn, NULL);
	for (size_t i = 0; i < CALLERS; i++)
		callers[i] = -1;
	return 0;
}

static int
tear_down(void **state)
{
	(void)state;
	for (size_t i = 0; i < CALLERS; i++)
		close(callers[i]);
	for (size_t i = 0; i < taken_n; i++)
		close(taken[i]);
	listener_stop(&listeners);
	loop_free(loop);
	return 0;
}

static void
call(size_t n)
{
	for (size_t i = 0; i < n; i++)
		assert_int_equal(
		    sock_connect(&callers[i], &host, clock_deadline(DEADLINE)),
		    0);
}

/* Leave so many descriptors; answers the limit as it was. */
static struct rlimit
leave_descriptors(unsigned n)
{
	struct rlimit before, now;
	int lowest = dup(0);

	assert_true(lowest >= 0);
	close(lowest);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	now = before;
	now.rlim_cur = (rlim_t)lowest + n;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &now), 0);
	return before;
}

static void
test_takes_what_comes(void **state)
{
	(void)state;
	call(CALLERS);
	for (int i = 0; i < 100 && taken_n < CALLERS; i++)
		run_for(10);
	assert_int_equal(taken_n, CALLERS);
	assert_false(listeners.remote);
}

/*
 * Without descriptors one is told at a time, by the end of its connection; the
 * others wait, are not looked at again and again, and are taken in the end.
 */
static void
test_no_descriptors(void **state)
{
	struct rlimit before;

	(void)state;
	call(CALLERS);
	before = leave_descriptors(0);
	run_for(100);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
	assert_int_equal(taken_n, 0);
	assert_in_range(turns, 1, CALLERS);
	for (int i = 0; i < 500 && taken_n < 1; i++)
		run_for(10);
	assert_in_range(taken_n, 1, CALLERS - 1);
}

static void
test_shut(void **state)
{
	(void)state;
	listener_shut(&listeners, true);
	call(1);
	run_for(50);
	assert_int_equal(taken_n, 0);
	assert_in_range(turns, 1, 5);
	listener_shut(&listeners, false);
	for (int i = 0; i < 500 && taken_n < 1; i++)
		run_for(10);
	assert_int_equal(taken_n, 1);
}

static void
test_reach(void **state)
{
	struct addr_host any = { .name = "0.0.0.0" };

	(void)state;
	assert_false(listeners.remote);
	assert_int_equal(listener_add(&listeners, &any), 0);
	assert_true(listeners.remote);
}

int
main(void)
{
#define T(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		T(test_takes_what_comes),
		T(test_no_descriptors),
		T(test_shut),
		T(test_reach),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
