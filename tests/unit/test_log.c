/* SPDX-License-Identifier: ISC */
#include "server/log.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/err.h"
#include "base/secret.h"
#include "capture.h"

#define START 5000

static void
test_pace(void **state)
{
	struct log_pace a = { 0 }, b = { 0 };

	(void)state;
	assert_int_equal(log_due(&a, START), 1);
	for (uint64_t ms = 1; ms < 1000; ms++)
		assert_int_equal(log_due(&a, START + ms), 0);
	assert_int_equal(log_due(&b, START + 1), 1);
	assert_int_equal(log_due(&a, START + 1000), 1000);
	assert_int_equal(log_due(&a, START + 5000), 1);
}

static void
test_fault_often(void **state)
{
	struct log_pace pace = { 0 };
	struct capture c;
	char *text, *second;
	size_t len;

	(void)state;
	log_open(LOG_TEXT, LOG_WARN);
	err_set(ERR_IO, "a disk");
	capture_begin(&c, STDERR_FILENO);
	for (int i = 0; i < 20; i++)
		log_fault_often(LOG_ERROR, "lost", &pace);
	pace.quiet_until = 0;
	log_fault_often(LOG_ERROR, "lost", &pace);
	text = capture_end(&c, &len);
	assert_non_null(strstr(text,
	    "error lost cause=\"io\" message=\"a disk\" count=\"1\"\n"));
	second = strchr(text, '\n') + 1;
	assert_non_null(strstr(second, "count=\"20\"\n"));
	assert_null(strchr(strchr(second, '\n') + 1, '\n'));
	free(text);
}

static void
test_clients(void **state)
{
	static const uint8_t one[ID_LEN] = { 1 }, two[ID_LEN] = { 2 };
	char a[LOG_CLIENT_SIZE], again[LOG_CLIENT_SIZE], b[LOG_CLIENT_SIZE];

	(void)state;
	log_client(a, one);
	log_client(again, one);
	log_client(b, two);
	assert_int_equal(strlen(a), 16);
	assert_string_equal(a, again);
	assert_string_not_equal(a, b);
	log_whole_ids(true);
	log_client(a, one);
	assert_string_equal(a, "01000000-0000-0000-0000-000000000000");
	log_whole_ids(false);
	log_client(again, two);
	assert_string_equal(again, b);
}

static void
test_levels(void **state)
{
	(void)state;
	log_open(LOG_JSON, LOG_WARN);
	assert_true(log_is_on(LOG_ERROR));
	assert_true(log_is_on(LOG_WARN));
	assert_false(log_is_on(LOG_INFO));
}

static int
start(void **state)
{
	(void)state;
	return secret_start();
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_pace),
		cmocka_unit_test(test_fault_often),
		cmocka_unit_test(test_clients),
		cmocka_unit_test(test_levels),
	};

	return cmocka_run_group_tests(tests, start, NULL);
}
