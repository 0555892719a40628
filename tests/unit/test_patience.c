/* SPDX-License-Identifier: ISC */
#include "client/patience.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/err.h"
#include "fake.h"

static struct patience
fresh(void)
{
	struct patience p;

	patience_init(&p, fake_client());
	return p;
}

/* The relay says so once more. */
static int
busy(struct patience *p, uint32_t retry_ms)
{
	return patience_wait(p, fake_refuse(ERR_BUSY, retry_ms));
}

static int
unreachable(struct patience *p)
{
	return patience_wait(p, err_set(ERR_UNREACHABLE, "gone"));
}

static void
other_faults_are_final(void **state)
{
	struct patience p = fresh();

	(void)state;
	assert_int_equal(patience_wait(&p, ERR_DENIED), ERR_DENIED);
	assert_int_equal(patience_wait(&p, ERR_PROTOCOL), ERR_PROTOCOL);
	assert_int_equal(patience_wait(&p, ERR_IO), ERR_IO);
	assert_int_equal(fake.slept, 0);
	assert_int_equal(fake.channel, 1);
}

static void
sleeps_as_long_as_asked(void **state)
{
	struct patience p = fresh();

	(void)state;
	assert_int_equal(busy(&p, 700), 0);
	assert_int_equal(fake.slept, 700);
	assert_int_equal(busy(&p, 7000), 0);
	assert_int_equal(fake.slept, 7700);
	assert_int_equal(fake.channel, 1);
}

static void
pauses_double(void **state)
{
	static const uint64_t pauses[] = { 100, 200, 400, 800, 1600, 3200, 5000,
		5000 };
	struct patience p = fresh();
	uint64_t sum = 0;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(pauses); i++) {
		assert_int_equal(busy(&p, 0), 0);
		sum += pauses[i];
		assert_int_equal(fake.slept, sum);
	}
	patience_renew(&p);
	assert_int_equal(busy(&p, 0), 0);
	assert_int_equal(fake.slept, sum + 100);
}

/* Nothing has got on for --timeout, or would not before it is over. */
static void
busy_for_too_long(void **state)
{
	struct patience p = fresh();

	(void)state;
	assert_int_equal(busy(&p, 30001), ERR_BUSY);
	assert_int_equal(fake.slept, 0);
	for (int i = 0; i < 3; i++)
		assert_int_equal(busy(&p, 10000), 0);
	assert_int_equal(busy(&p, 1), ERR_BUSY);
	assert_int_equal(fake.slept, 30000);
	patience_renew(&p);
	assert_int_equal(busy(&p, 30000), 0);
}

static void
no_end_of_patience(void **state)
{
	struct patience p = fresh();

	(void)state;
	fake.settings.timeout_ms = CLOCK_NEVER;
	for (int i = 0; i < 10; i++)
		assert_int_equal(busy(&p, 3600000), 0);
	assert_int_equal(unreachable(&p), 0);
}

/* Twice at once, then with a pause, until it has been too long. */
static void
connects_again(void **state)
{
	struct patience p = fresh();
	unsigned n = 0;

	(void)state;
	assert_int_equal(unreachable(&p), 0);
	assert_int_equal(unreachable(&p), 0);
	assert_int_equal(fake.slept, 0);
	assert_int_equal(fake.channel, 3);
	while (unreachable(&p) == 0)
		n++;
	assert_int_equal(n, 300);
	assert_int_equal(fake.channel, 303);
	assert_int_equal(fake.slept, 30000);
	patience_renew(&p);
	assert_int_equal(unreachable(&p), 0);
}

static int
denied(void)
{
	return err_set(ERR_DENIED, "not registered");
}

static unsigned busy_left;

static int
busy_at_first(void)
{
	return busy_left > 0 && busy_left-- > 0 ? fake_refuse(ERR_BUSY, 500)
						: 0;
}

static void
faults_of_a_connection(void **state)
{
	struct patience p = fresh();

	(void)state;
	fake.connect = denied;
	assert_int_equal(unreachable(&p), ERR_DENIED);
	fake.connect = busy_at_first;
	busy_left = 3;
	assert_int_equal(unreachable(&p), 0);
	assert_int_equal(fake.slept, 1500);
	assert_int_equal(fake.channel, 2);
	busy_left = 1000;
	patience_renew(&p);
	assert_int_equal(unreachable(&p), ERR_BUSY);
	assert_int_equal(fake.slept, 31500);
}

#define FAKED(test) \
	cmocka_unit_test_setup_teardown(test, fake_setup, fake_teardown)

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		FAKED(other_faults_are_final),
		FAKED(sleeps_as_long_as_asked),
		FAKED(pauses_double),
		FAKED(busy_for_too_long),
		FAKED(no_end_of_patience),
		FAKED(connects_again),
		FAKED(faults_of_a_connection),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
