/* SPDX-License-Identifier: ISC */
#include "server/metrics.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/err.h"

#define PREFIX "sentinel_relay_"

static int
set_up(void **state)
{
	(void)state;
	memset(&metrics, 0, sizeof(metrics));
	return 0;
}

/* Whether one of the lines is this one. */
static bool
says(const char *line)
{
	struct buf *out = buf_new(METRICS_TEXT_MAX);
	char needle[256];
	bool found;

	assert_int_equal(metrics_text(out), 0);
	assert_int_equal(buf_put(out, "", 1), 0);
	snprintf(needle, sizeof(needle), "\n" PREFIX "%s\n", line);
	found = strstr((const char *)buf_peek(out), needle);
	buf_free(out);
	return found;
}

static void
expect(const char *line)
{
	if (!says(line))
		fail_msg("no line %s", line);
}

static void
test_answers_count_when_settled(void **state)
{
	(void)state;
	metrics_answer(CODE_SEND, 0);
	metrics_answer(CODE_SEND, REASON_MAILBOX_FULL);
	metrics.turn.delivered[1] = 7;
	expect("requests_total{request=\"send\",result=\"ok\"} 0");
	metrics_settle(false);
	expect("requests_total{request=\"send\",result=\"ok\"} 1");
	expect("requests_total{request=\"send\",result=\"mailbox_full\"} 1");
	expect("messages_delivered_total{kind=\"piece\"} 7");
	expect("request_duration_seconds_count 2");
	expect("groups_lost_total 0");
	/* once */
	metrics_settle(false);
	expect("requests_total{request=\"send\",result=\"ok\"} 1");
	expect("request_duration_seconds_count 2");
}

/* Whatever was to be said: busy is what was. */
static void
test_lost_group(void **state)
{
	(void)state;
	metrics_answer(CODE_SEND, 0);
	metrics_answer(CODE_SEND, REASON_DENIED);
	metrics_answer(CODE_PULL, 0);
	metrics.turn.delivered[0] = 3;
	metrics_settle(true);
	expect("requests_total{request=\"send\",result=\"ok\"} 0");
	expect("requests_total{request=\"send\",result=\"denied\"} 0");
	expect("requests_total{request=\"send\",result=\"busy\"} 2");
	expect("requests_total{request=\"pull\",result=\"busy\"} 1");
	expect("messages_delivered_total{kind=\"message\"} 0");
	expect("request_duration_seconds_count 3");
	expect("groups_lost_total 1");
	metrics_settle(true); /* of a sweep, say */
	expect("groups_lost_total 2");
}

static void
test_codes(void **state)
{
	static const uint16_t others[] = { 0, CODE_REGISTER - 1, CODE_BLOCK + 1,
		UINT16_MAX };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(others); i++)
		metrics_answer(others[i], REASON_UNSUPPORTED);
	metrics_answer(CODE_REGISTER, REASON_STALE);
	metrics_answer(CODE_BLOCK, 0);
	metrics_settle(false);
	expect("requests_total{request=\"other\",result=\"unsupported\"} 4");
	expect(
	    "requests_total{request=\"register\",result=\"stale_bundle\"} 1");
	expect("requests_total{request=\"block\",result=\"ok\"} 1");
}

static void
test_histogram(void **state)
{
	const size_t last = METRICS_BUCKETS - 2;

	(void)state;
	metrics_time(&metrics.commit_time, 0, 1);
	metrics_time(&metrics.commit_time, metrics_bounds_ns[0], 2);
	metrics_time(&metrics.commit_time, metrics_bounds_ns[0] + 1, 4);
	metrics_time(&metrics.commit_time, metrics_bounds_ns[last], 8);
	metrics_time(&metrics.commit_time, 60000000001, 16);
	expect("commit_duration_seconds_bucket{le=\"5e-05\"} 3");
	expect("commit_duration_seconds_bucket{le=\"0.0001\"} 7");
	expect("commit_duration_seconds_bucket{le=\"1\"} 15");
	expect("commit_duration_seconds_bucket{le=\"+Inf\"} 31");
	expect("commit_duration_seconds_count 31");
	/* 2 and 4 of 50 us, 8 of 1 s, 16 of a minute, and 20 ns */
	expect("commit_duration_seconds_sum 968.000300020");
}

/* The largest numbers there can be have room. */
static void
test_room(void **state)
{
	struct buf *out = buf_new(METRICS_TEXT_MAX), *small = buf_new(1000);

	(void)state;
	memset(&metrics, 0xff, sizeof(metrics));
	assert_int_equal(metrics_text(out), 0);
	assert_true(buf_len(out) < METRICS_TEXT_MAX / 2);
	assert_int_equal(metrics_text(small), ERR_INTERNAL);
	buf_free(out);
	buf_free(small);
}

static void
test_limits(void **state)
{
	(void)state;
	notice_count(NOTICE_STORE);
	notice_put(NOTICE_BUFFERS, NULL, 1000);
	notice_put(NOTICE_BUFFERS, NULL, 1001);
	expect("limits_reached_total{limit=\"store\"} 1");
	expect("limits_reached_total{limit=\"buffers\"} 2");
	for (size_t i = 0; i < NOTICE_N; i++)
		assert_non_null(notice_names[i]);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_answers_count_when_settled, set_up),
		cmocka_unit_test_setup(test_lost_group, set_up),
		cmocka_unit_test_setup(test_codes, set_up),
		cmocka_unit_test_setup(test_histogram, set_up),
		cmocka_unit_test_setup(test_room, set_up),
		cmocka_unit_test_setup(test_limits, set_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
