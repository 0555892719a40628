/* SPDX-License-Identifier: ISC */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/attr.h"
#include "base/clock.h"
#include "server/loop.h"

#define TIMERS 500

static struct loop *loop;
static unsigned hooks;

static bool
on_hook(void *arg, bool idle)
{
	(void)arg;
	(void)idle;
	hooks++;
	return false;
}

static int
set_up(void **state)
{
	(void)state;
	hooks = 0;
	if (loop_new(&loop) < 0)
		return -1;
	loop_before_sleep(loop, on_hook, NULL);
	return 0;
}

static int
tear_down(void **state)
{
	(void)state;
	loop_free(loop);
	return 0;
}

/* --- timers --- */

static struct loop_timer timers[TIMERS];
static uint64_t last_at;
static unsigned fired;

static void
on_timer(void *arg)
{
	uint64_t *at = arg;

	assert_true(*at >= last_at && *at <= loop_now(loop));
	last_at = *at;
	fired++;
}

static void
on_end(void *arg)
{
	loop_stop(loop, *(int *)arg);
}

static void
test_timers_fire_in_order(void **state)
{
	static uint64_t when[TIMERS];
	int code = -7;
	struct loop_timer end = { .fn = on_end, .arg = &code };
	uint64_t now = loop_now(loop);
	unsigned expected = 0;

	(void)state;
	fired = 0;
	last_at = 0;
	for (unsigned i = 0; i < TIMERS; i++) {
		when[i] = now + (i * 7919) % 60;
		timers[i] =
		    (struct loop_timer){ .fn = on_timer, .arg = &when[i] };
		assert_int_equal(loop_timer_add(loop, &timers[i], when[i]), 0);
	}
	assert_int_equal(loop_timer_add(loop, &end, now + 70), 0);
	/* some are taken out, some moved, in no order */
	for (unsigned i = 0; i < TIMERS; i++) {
		unsigned n = (i * 263) % TIMERS;

		if (i % 5 == 0) {
			loop_timer_remove(loop, &timers[n]);
			loop_timer_remove(loop, &timers[n]);
		} else if (i % 5 == 1) {
			when[n] = now + (i * 31) % 60;
			loop_timer_set(loop, &timers[n], when[n]);
		} else if (i % 5 == 2) {
			loop_timer_set(loop, &timers[n], CLOCK_NEVER);
		}
		expected += i % 5 == 1 || i % 5 > 2;
	}
	assert_int_equal(loop_run(loop), code);
	assert_int_equal(fired, expected);
	assert_true(clock_mono_ms() >= now + 70);
}

/* A timer that sets itself to now is called once a turn, not for ever. */
static void
on_eager(void *arg)
{
	assert_int_equal(fired, hooks);
	fired++;
	loop_timer_set(loop, arg, loop_now(loop));
	if (fired == 5)
		loop_stop(loop, 0);
}

static void
test_eager_timer(void **state)
{
	struct loop_timer t = { .fn = on_eager, .arg = &t };
	struct loop_timer others[5];

	(void)state;
	fired = 0;
	for (size_t i = 0; i < ARRAY_LEN(others); i++) {
		others[i] = (struct loop_timer){ .fn = on_end };
		assert_int_equal(
		    loop_timer_add(loop, &others[i], CLOCK_NEVER - i), 0);
	}
	assert_int_equal(loop_timer_add(loop, &t, 0), 0);
	assert_int_equal(loop_run(loop), 0);
	assert_int_equal(hooks, 5);
}

/* Who is restless is called again at once, and told that nothing came. */
static bool idles[3];

static bool
on_restless(void *arg, bool idle)
{
	(void)arg;
	idles[hooks++] = idle;
	if (hooks == ARRAY_LEN(idles))
		loop_stop(loop, 0);
	return true;
}

static void
test_restless_hook(void **state)
{
	struct loop_timer late = { .fn = on_end }, now = { .fn = on_timer };
	uint64_t at = loop_now(loop);

	(void)state;
	now.arg = &at;
	last_at = 0;
	loop_before_sleep(loop, on_restless, NULL);
	assert_int_equal(loop_timer_add(loop, &now, at), 0);
	assert_int_equal(loop_timer_add(loop, &late, at + 60000), 0);
	assert_int_equal(loop_run(loop), 0);
	assert_true(idles[1] && idles[2]);
	assert_true(clock_mono_ms() < at + 60000);
}

/* --- descriptors --- */

static struct loop_fd watches[2];
static unsigned called;

/* Both are ready; the first to be called takes the other away. */
static void
on_either(void *arg, unsigned events)
{
	struct loop_fd *other = arg;

	assert_int_equal(events, LOOP_READ);
	called++;
	loop_remove(loop, other);
	loop_stop(loop, 0);
}

static void
test_removed_is_not_called(void **state)
{
	int pipes[2][2];

	(void)state;
	called = 0;
	for (int i = 0; i < 2; i++) {
		assert_int_equal(pipe(pipes[i]), 0);
		assert_int_equal(write(pipes[i][1], "x", 1), 1);
		watches[i] = (struct loop_fd){ pipes[i][0], LOOP_READ,
			on_either, &watches[1 - i] };
		assert_int_equal(loop_add(loop, &watches[i]), 0);
	}
	assert_int_equal(loop_run(loop), 0);
	assert_int_equal(called, 1);
	for (int i = 0; i < 2; i++) {
		close(pipes[i][0]);
		close(pipes[i][1]);
	}
}

static unsigned seen;

static void
on_pipe(void *arg, unsigned events)
{
	(void)arg;
	seen = events;
	loop_stop(loop, 0);
}

static void
test_wanted_events(void **state)
{
	struct loop_fd w = { .events = LOOP_READ, .fn = on_pipe };
	struct loop_timer t = { .fn = on_end, .arg = &(int){ 1 } };
	int ends[2];

	(void)state;
	assert_int_equal(pipe(ends), 0);
	w.fd = ends[1]; /* can be written to, and only that */
	assert_int_equal(loop_add(loop, &w), 0);
	assert_int_equal(loop_timer_add(loop, &t, loop_now(loop) + 20), 0);
	assert_int_equal(loop_run(loop), 1);
	loop_want(loop, &w, LOOP_WRITE);
	assert_int_equal(loop_run(loop), 0);
	assert_int_equal(seen, LOOP_WRITE);
	/* a hangup is told whatever is wanted */
	loop_want(loop, &w, 0);
	close(ends[0]);
	assert_int_equal(loop_run(loop), 0);
	assert_int_equal(seen, LOOP_READ | LOOP_WRITE);
	close(ends[1]);
}

static int signals[8];
static unsigned signals_n;

static void
on_signal(void *arg, int signo)
{
	(void)arg;
	signals[signals_n++] = signo;
	if (signals_n == 2)
		loop_stop(loop, 0);
}

static void
test_signals(void **state)
{
	sigset_t set;

	(void)state;
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigaddset(&set, SIGUSR2);
	assert_int_equal(loop_signals(loop, &set, on_signal, NULL), 0);
	kill(getpid(), SIGUSR2);
	kill(getpid(), SIGUSR1);
	assert_int_equal(loop_run(loop), 0);
	assert_int_equal(signals[0] + signals[1], SIGUSR1 + SIGUSR2);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_timers_fire_in_order,
		    set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_eager_timer, set_up,
		    tear_down),
		cmocka_unit_test_setup_teardown(test_restless_hook, set_up,
		    tear_down),
		cmocka_unit_test_setup_teardown(test_removed_is_not_called,
		    set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_wanted_events, set_up,
		    tear_down),
		cmocka_unit_test_setup_teardown(test_signals, set_up,
		    tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
