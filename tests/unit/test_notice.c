/* SPDX-License-Identifier: ISC */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "capture.h"
#include "server/log.h"
#include "server/notice.h"
#include "server/origin.h"

#define START 5000

static const uint8_t origin[ORIGIN_LEN] = { 192, 0, 2, 1, [8] = 4 };

static unsigned
count(const char *text, const char *what)
{
	unsigned n = 0;

	while ((text = strstr(text, what))) {
		n++;
		text += strlen(what);
	}
	return n;
}

/* Ten seconds of a flood: a line for each, none of it left out. */
static void
test_a_line_a_second(void **state)
{
	struct capture c;
	char *text;
	size_t len;

	(void)state;
	capture_begin(&c, STDERR_FILENO);
	for (uint64_t ms = 0; ms < 10000; ms++)
		notice_put(NOTICE_RATE, origin, START + ms);
	notice_put(NOTICE_BUFFERS, NULL, START + 9999);
	text = capture_end(&c, &len);
	assert_int_equal(count(text, "\"event\":\"limit_reached\""), 11);
	assert_int_equal(count(text, "\"limit\":\"rate\""), 10);
	assert_int_equal(count(text, "\"count\":\"1\""), 2);
	assert_int_equal(count(text, "\"count\":\"1000\""), 9);
	assert_int_equal(count(text, "\"source\":\"192.0.2.1\""), 10);
	assert_int_equal(count(text, "\"limit\":\"buffers\""), 1);
	free(text);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_line_a_second),
	};

	log_open(LOG_JSON, LOG_WARN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
