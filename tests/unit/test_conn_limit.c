/* SPDX-License-Identifier: ISC */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/secret.h"
#include "server/conn.h"
#include "server/log.h"

#define UNBOUND 256

static struct conn_set set;
static struct limits limits;
static struct conn conns[UNBOUND];

static int
set_up(void **state)
{
	(void)state;
	limits = limits_default;
	memset(conns, 0, sizeof(conns));
	set = (struct conn_set){ .limits = &limits, .max = 16384 };
	TAILQ_INIT(&set.unbound);
	TAILQ_INIT(&set.bound);
	return loop_new(&set.loop);
}

static int
tear_down(void **state)
{
	(void)state;
	loop_free(set.loop);
	return 0;
}

static void
from(uint8_t origin[static ORIGIN_LEN], unsigned n)
{
	memset(origin, 0, ORIGIN_LEN);
	origin[0] = (uint8_t)n;
	origin[1] = (uint8_t)(n >> 8);
}

/* One more that is not bound, from address n. */
static struct conn *
add(unsigned n)
{
	struct conn *c = &conns[set.unbound_n++];

	c->set = &set;
	c->unbound = true;
	from(c->origin, n);
	TAILQ_INSERT_TAIL(&set.unbound, c, link);
	set.n++;
	return c;
}

static struct conn *
victim(unsigned n)
{
	uint8_t origin[ORIGIN_LEN];

	from(origin, n);
	return conn_limit_victim(&set, origin);
}

/* A request is taken while the largest answer to it still fits. */
static void
test_output(void **state)
{
	struct conn *c = add(1);
	struct buf *replies = buf_new(16);

	(void)state;
	limits.max_output = FRAME_MAX + FRAME_REPLY_LEN + 2;
	assert_non_null(replies);
	for (size_t i = 0; i < ARRAY_LEN(c->session.held); i++) {
		c->session.held[i].replies = replies;
		assert_true(conn_has_room(c));
		assert_int_equal(buf_put(replies, "abc", 3), 0);
		assert_false(conn_has_room(c));
		buf_drop(replies, 1);
		assert_true(conn_has_room(c));
		buf_clear(replies);
		c->session.held[i].replies = NULL;
	}
	buf_free(replies);
}

/* One more than there may be, from somewhere. */
static void
test_full(void **state)
{
	uint8_t origin[ORIGIN_LEN];
	int ends[2];

	(void)state;
	set.max = 4;
	set.n = 4;
	from(origin, 7);
	assert_int_equal(pipe(ends), 0);
	conn_accept(&set, ends[0], origin);
	assert_int_equal(set.n, 4);
	assert_int_equal(fcntl(ends[0], F_GETFD), -1);
	close(ends[1]);
}

static void
test_one_source(void **state)
{
	struct conn *first;

	(void)state;
	add(1);
	first = add(7);
	for (unsigned i = 1; i < 63; i++)
		add(7);
	assert_null(victim(7));
	add(7);
	for (unsigned i = 0; i < 100; i++)
		assert_ptr_equal(victim(7), first);
	/* nobody else has to go, or to wait */
	assert_null(victim(1));
	assert_null(victim(2));
}

/* So often out of a thousand somebody has to go. */
static unsigned
count_victims(void)
{
	unsigned n = 0;

	for (unsigned i = 0; i < 1000; i++)
		n += victim(1000) != NULL;
	return n;
}

static void
test_many_sources(void **state)
{
	bool hit[UNBOUND] = { false };
	unsigned different = 0;

	(void)state;
	for (unsigned i = 0; i < 192; i++)
		add(i);
	assert_int_equal(count_victims(), 0);
	for (unsigned i = 192; i < 224; i++)
		add(i);
	/* half the way: 500; 300 is not to be met in a universe */
	assert_in_range(count_victims(), 300, 700);
	for (unsigned i = 224; i < 256; i++)
		add(i);
	assert_int_equal(count_victims(), 1000);
	for (unsigned i = 0; i < 2000; i++)
		hit[victim(1000) - conns] = true;
	for (unsigned i = 0; i < UNBOUND; i++)
		different += hit[i];
	assert_true(different > UNBOUND / 2);
}

static void
test_silent_first(void **state)
{
	(void)state;
	for (unsigned i = 0; i < UNBOUND; i++)
		add(i)->state = i % 8 == 3 ? CONN_HELLO : CONN_FINISH;
	for (unsigned i = 0; i < 100; i++)
		assert_int_equal(victim(1000)->state, CONN_HELLO);
	for (unsigned i = 3; i < UNBOUND; i += 8)
		conns[i].state = CONN_OPEN;
	assert_non_null(victim(1000));
}

static void
test_small_limits(void **state)
{
	(void)state;
	limits.max_unbound = 4;
	limits.max_source_unbound = 1;
	assert_null(victim(1));
	for (unsigned i = 1; i <= 4; i++)
		add(i);
	assert_ptr_equal(victim(3), &conns[2]);
	assert_non_null(victim(9));
	/* or half of all there may be */
	limits.max_unbound = 256;
	set.max = 8;
	assert_non_null(victim(9));
	set.max = 16;
	assert_null(victim(9));
}

static void
fill(struct conn *c, size_t len)
{
	static const uint8_t zeros[1024];

	if (!c->raw)
		c->raw = buf_new(1024 * 1024);
	assert_non_null(c->raw);
	for (; len > 0; len -= sizeof(zeros))
		assert_int_equal(buf_put(c->raw, zeros, sizeof(zeros)), 0);
	conn_limit_count(c);
}

static void
give_back(struct conn *c)
{
	buf_free(c->raw);
	c->raw = NULL;
	conn_limit_count(c);
}

static void
test_budget(void **state)
{
	struct conn *small, *large;

	(void)state;
	limits.max_buffers = 256 * 1024;
	small = add(1);
	large = add(2);
	fill(small, 32 * 1024);
	fill(large, 128 * 1024);
	assert_true(set.buffers >= 160 * 1024 && set.buffers < 224 * 1024);
	assert_true(conn_limit_may_grow(&set) && !set.was_short);
	assert_null(conn_limit_hoarder(&set));
	fill(large, 128 * 1024);
	assert_true(!conn_limit_may_grow(&set) && set.was_short);
	assert_ptr_equal(conn_limit_hoarder(&set), large);
	/* memory counts, not what stands in it; and it is given back */
	buf_clear(large->raw);
	conn_limit_count(large);
	assert_false(conn_limit_may_grow(&set));
	give_back(large);
	assert_true(conn_limit_may_grow(&set));
	give_back(small);
	assert_int_equal(set.buffers, 0);
	/* an eighth has to be back before all is well again */
	fill(small, 32 * 1024);
	set.buffers = limits.max_buffers / 16 * 15;
	assert_ptr_equal(conn_limit_hoarder(&set), small);
	set.buffers = limits.max_buffers / 8 * 7;
	assert_null(conn_limit_hoarder(&set));
	give_back(small);
}

/* Much of it is no fault in who takes it at once. */
static void
test_hoarder(void **state)
{
	struct conn *stuck, *busy;

	(void)state;
	limits.max_buffers = 128 * 1024;
	stuck = add(1);
	busy = add(2);
	fill(stuck, 32 * 1024);
	fill(busy, 128 * 1024);
	stuck->out.moved_at = loop_now(set.loop) - 1000;
	busy->out.moved_at = loop_now(set.loop) - 1;
	assert_ptr_equal(conn_limit_hoarder(&set), stuck);
	stuck->out.moved_at = 0;
	assert_ptr_equal(conn_limit_hoarder(&set), busy);
	stuck->partial_at = loop_now(set.loop) - 1000;
	assert_ptr_equal(conn_limit_hoarder(&set), stuck);
	give_back(stuck);
	give_back(busy);
}

/* What was given back is handed to the system soon, and then nobody wakes. */
static void
test_trim(void **state)
{
	struct conn *c;

	(void)state;
	c = add(1);
	assert_int_equal(conn_limit_start(&set), 0);
	fill(c, 1024);
	give_back(c);
	conn_limit_trim(&set);
	assert_true(set.trim.at > loop_now(set.loop) &&
	    set.trim.at <= loop_now(set.loop) + 1000);
	loop_timer_set(set.loop, &set.trim, CLOCK_NEVER);
	set.trim.fn(set.trim.arg);
	conn_limit_trim(&set);
	assert_true(set.trim.at == CLOCK_NEVER);
	loop_timer_remove(set.loop, &set.trim);
}

int
main(void)
{
#define T(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		T(test_full),
		T(test_output),
		T(test_one_source),
		T(test_many_sources),
		T(test_silent_first),
		T(test_small_limits),
		T(test_budget),
		T(test_hoarder),
		T(test_trim),
	};

	log_open(LOG_JSON, LOG_ERROR);
	return secret_start() < 0 ? 1
				  : cmocka_run_group_tests(tests, NULL, NULL);
}
