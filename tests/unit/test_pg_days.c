/* SPDX-License-Identifier: ISC */
/* Tables of a day's pieces, on PostgreSQL. */
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>

#include "base/clock.h"
#include "server/quota.h"
#include "stores.h"

#define DAYS_AHEAD 4 /* today is one of them */

/* What the relay asks for; how much was done. */
static int64_t
days(const struct fixture *f, uint64_t now, uint64_t before)
{
	char text[96];

	snprintf(text, sizeof(text),
	    "SELECT sentinel_days(%" PRIu64 ", %" PRIu64 ")", now, before);
	return ask_cluster(f->database, text);
}

static int64_t
attached(const struct fixture *f)
{
	return ask_cluster(f->database,
	    "SELECT count(*) FROM pg_inherits"
	    " WHERE inhparent = 'pieces'::regclass");
}

static int64_t
kept_by_day(const struct fixture *f)
{
	return ask_cluster(f->database,
	    "SELECT count(*) FROM pieces"
	    " WHERE tableoid <> 'pieces_other'::regclass");
}

/* All that it finds, and how often it had to be called. */
static unsigned
sweep(struct fixture *f, uint64_t now)
{
	unsigned n = 0;
	bool more = true;

	for (; more && n < 100; n++) {
		assert_int_equal(store_sweep(f->st, now, &more), 0);
		settle(f->st);
	}
	assert_false(more);
	return n;
}

static void
test_made_ahead(void **state)
{
	const uint64_t now = clock_wall_ms();
	struct fixture *f = begin(state, &store_limits_none);

	assert_int_equal(attached(f), DAYS_AHEAD + 1);
	assert_int_equal(days(f, now, 0), 0);
	assert_int_equal(days(f, now + 2 * CLOCK_DAY, 0), 2);
	assert_int_equal(days(f, now + 2 * CLOCK_DAY, 0), 0);
	assert_int_equal(attached(f), DAYS_AHEAD + 3);
	assert_int_equal(put_piece(f->st, &bob, 'a', now), 0);
	assert_int_equal(put_piece(f->st, &bob, 'b', now + 5 * CLOCK_DAY), 0);
	/* there is none for this one */
	assert_int_equal(put_piece(f->st, &bob, 'c', now + 9 * CLOCK_DAY), 0);
	settle(f->st);
	assert_int_equal(kept_by_day(f), 2);
	expect_pieces(f->st, &bob, "abc");
	assert_int_equal(ack(f->st, &bob, 1, 2), 2);
	settle(f->st);
	expect_pieces(f->st, &bob, "c");
	close_exact(f);
}

/* Nobody has made one: the pieces of that day are elsewhere, and stay there. */
static void
test_none_was_made(void **state)
{
	const uint64_t day = clock_wall_ms() + 20 * CLOCK_DAY;
	struct fixture *f = begin(state, &store_limits_none);

	assert_int_equal(put_piece(f->st, &bob, 'a', day), 0);
	settle(f->st);
	assert_int_equal(days(f, day, 0), DAYS_AHEAD);
	assert_int_equal(attached(f), 2 * DAYS_AHEAD);
	assert_int_equal(put_piece(f->st, &bob, 'b', day), 0);
	assert_int_equal(put_piece(f->st, &bob, 'c', day + CLOCK_DAY), 0);
	settle(f->st);
	assert_int_equal(kept_by_day(f), 1);
	expect_pieces(f->st, &bob, "abc");
	/* once they are gone, there may be one */
	assert_int_equal(ack(f->st, &bob, 1, 2), 2);
	settle(f->st);
	assert_int_equal(days(f, day, 0), 1);
	assert_int_equal(attached(f), 2 * DAYS_AHEAD + 1);
	close_exact(f);
}

/* Of three mailboxes, beside texts and a younger piece. */
static void
put_some(struct fixture *f, uint64_t now)
{
	for (char c = 'a'; c <= 'e'; c++)
		assert_int_equal(put_piece(f->st, &bob, (uint8_t)c, now), 0);
	assert_int_equal(put_piece(f->st, &carol, 'f', now), 0);
	assert_int_equal(put_at(f->st, &carol, &bob, MESSAGE_CHUNK, "g", now),
	    0);
	assert_int_equal(put_at(f->st, &bob, &dave, MESSAGE_CHUNK, "h", now),
	    0);
	assert_int_equal(put_at(f->st, &carol, &dave, 2, "text", now), 0);
	assert_int_equal(put_piece(f->st, &carol, 'i', now + 3 * CLOCK_DAY), 0);
	settle(f->st);
}

#define GONE_BY_DAY 8

static void
test_dropped(void **state)
{
	const struct store_limits limits = { .messages = 1000,
		.message_bytes = UINT64_MAX,
		.message_ttl_ms = UINT64_MAX,
		.requests = 8,
		.chunk_bytes = UINT64_MAX,
		.chunk_ttl_ms = 2 * CLOCK_DAY,
		.store_bytes = UINT64_MAX };
	const uint64_t now = clock_wall_ms();
	struct fixture *f = begin(state, &limits);

	put_some(f, now);
	/* all are overdue, but for the day there is more to come */
	assert_int_equal(days(f, now, now), 0);
	assert_int_equal(sweep(f, now + 2 * CLOCK_DAY + 1), 1);
	assert_int_equal(kept_by_day(f), GONE_BY_DAY + 1);
	assert_int_equal(days(f, now, now + CLOCK_DAY), 1);
	expect_pieces(f->st, &bob, "");
	expect_pieces(f->st, &carol, "i");
	expect_all(f->st, &dave, "2:2:text ");
	/* no row was deleted, and what counts them follows */
	assert_int_equal(store_figures(f->st)->held[QUOTA_PIECES],
	    GONE_BY_DAY + 1);
	assert_int_equal(sweep(f, now + 3 * CLOCK_DAY), 2);
	assert_int_equal(store_figures(f->st)->held[QUOTA_PIECES], 1);
	assert_int_equal(store_figures(f->st)->expired[QUOTA_PIECES],
	    GONE_BY_DAY);
	assert_int_equal(days(f, now, now + CLOCK_DAY), 1);
	assert_int_equal(ask_cluster(f->database,
			     "SELECT count(*) FROM pg_class"
			     " WHERE relname LIKE 'pieces%'"
			     " AND relkind = 'r'"),
	    DAYS_AHEAD);
	/* it is not made again, but for a clock that goes back */
	assert_int_equal(days(f, now + CLOCK_DAY, 0), 1);
	assert_int_equal(put_piece(f->st, &bob, 'j', now), 0);
	settle(f->st);
	expect_pieces(f->st, &bob, "j");
	close_exact(f);
}

/* A mailbox at a time, by whoever comes, and not twice. */
static void
test_settled_in_steps(void **state)
{
	const uint64_t now = clock_wall_ms();
	struct fixture *f = begin(state, &store_limits_none);
	int64_t taken[5];

	put_some(f, now);
	assert_int_equal(days(f, now, now + CLOCK_DAY), 1);
	for (size_t i = 0; i < ARRAY_LEN(taken); i++) {
		taken[i] = ask_cluster(f->database,
		    "SELECT n_pieces FROM sentinel_settle(1)");
		/* it is not dropped before */
		if (i < 3)
			assert_int_equal(days(f, now, now + CLOCK_DAY), 0);
	}
	assert_int_equal(taken[0] + taken[1] + taken[2], GONE_BY_DAY);
	for (size_t i = 0; i < 3; i++)
		assert_in_range(taken[i], 1, GONE_BY_DAY - 2);
	assert_int_equal(taken[3], 0);
	assert_int_equal(taken[4], 0);
	close_exact(f);
}

/* Of a time that is shorter than a day, there is no waiting for its end. */
static void
test_short_time(void **state)
{
	struct store_limits limits = store_limits_none;
	const uint64_t now = clock_wall_ms();
	struct fixture *f;

	limits.chunk_ttl_ms = 1000;
	f = begin(state, &limits);
	put_some(f, now);
	assert_true(sweep(f, now + 1001) < 3);
	expect_pieces(f->st, &bob, "");
	expect_pieces(f->st, &carol, "i");
	close_exact(f);
}

/* A database of version 1, with a piece of today and one of this relay's. */
static void
test_from_version_1(void **state)
{
	const uint64_t now = clock_wall_ms();
	struct fixture *f = begin(state, &store_limits_none);

	assert_int_equal(put_piece(f->st, &bob, 'a', now), 0);
	settle(f->st);
	store_close(f->st);
	/* as it was: one table, and nothing that version 2 has brought */
	ask_cluster(f->database,
	    "SELECT * INTO kept FROM pieces; DELETE FROM pieces;"
	    "SELECT sentinel_day_end(day) FROM piece_days;"
	    "SELECT sentinel_day_drop(day) FROM piece_days;"
	    "INSERT INTO pieces SELECT * FROM kept; DROP TABLE kept;"
	    "DROP TABLE piece_days;"
	    "DROP FUNCTION sentinel_day_table; DROP FUNCTION sentinel_days;"
	    "DROP FUNCTION sentinel_day_begin; DROP FUNCTION sentinel_day_end;"
	    "DROP FUNCTION sentinel_day_drop; DROP FUNCTION sentinel_settle;"
	    "ALTER TABLE clients DROP COLUMN timeline;"
	    "UPDATE sentinel_version SET version = 1");
	assert_int_equal(attached(f), 1);
	assert_int_equal(kinds[POSTGRESQL].open(f, &store_limits_none), 0);
	assert_int_equal(attached(f), DAYS_AHEAD);
	expect_pieces(f->st, &bob, "a");
	assert_int_equal(put_piece(f->st, &bob, 'b', now + CLOCK_DAY), 0);
	settle(f->st);
	assert_int_equal(kept_by_day(f), 1);
	expect_pieces(f->st, &bob, "ab");
	/* version 3 has left out no id */
	assert_int_equal(ask_cluster(f->database,
			     "SELECT last_id FROM clients WHERE last_id > 0"),
	    2);
	close_exact(f);
}

int
main(void)
{
	static const struct store_case cases[] = {
		ON(POSTGRESQL, test_made_ahead),
		ON(POSTGRESQL, test_none_was_made),
		ON(POSTGRESQL, test_dropped),
		ON(POSTGRESQL, test_settled_in_steps),
		ON(POSTGRESQL, test_short_time),
		ON(POSTGRESQL, test_from_version_1),
	};

	return run_on_stores(cases, ARRAY_LEN(cases));
}
