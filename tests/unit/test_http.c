/* SPDX-License-Identifier: ISC */
#include "server/http.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/attr.h"

#define END "\r\n\r\n"

static enum http_status
judge(const char *text)
{
	return http_judge(text, strlen(text), "/metrics");
}

static const struct {
	const char *text;
	enum http_status status;
} cases[] = {
	{ "GET /metrics HTTP/1.0" END, HTTP_OK },
	{ "GET /metrics HTTP/1.1\r\nHost: a:1\r\nX-y: \tz \r\n\r\n", HTTP_OK },
	{ "GET /metrics HTTP/1.1" END "more \x01", HTTP_OK },
	{ "GET / HTTP/1.1" END, HTTP_NOT_FOUND },
	{ "GET /metrics/ HTTP/1.1" END, HTTP_NOT_FOUND },
	{ "GET /metric HTTP/1.1" END, HTTP_NOT_FOUND },
	{ "GET /metrics?x HTTP/1.1" END, HTTP_NOT_FOUND },
	{ "GET http://a/metrics HTTP/1.1" END, HTTP_NOT_FOUND },
	{ "HEAD /metrics HTTP/1.1" END, HTTP_NOT_ALLOWED },
	{ "POST / HTTP/1.1" END, HTTP_NOT_ALLOWED },
	{ "get /metrics HTTP/1.1" END, HTTP_NOT_ALLOWED },
	{ "\r\n", HTTP_BAD },
	{ "\n", HTTP_BAD },
	{ "GET /metrics\r\n", HTTP_BAD },
	{ "GET /metrics \r\n", HTTP_BAD },
	{ "GET  HTTP/1.1\r\n", HTTP_BAD },
	{ " /metrics HTTP/1.1\r\n", HTTP_BAD },
	{ "G(T /metrics HTTP/1.1\r\n", HTTP_BAD },
	{ "GET  /metrics HTTP/1.1\r\n", HTTP_BAD },
	{ "GET /metrics  HTTP/1.1\r\n", HTTP_BAD },
	{ "GET /metrics HTTP/1.1 \r\n", HTTP_BAD },
	{ "GET /metrics HTTP/1.2\r\n", HTTP_BAD },
	{ "GET /metrics HTTP/2\r\n", HTTP_BAD },
	{ "GET /met\trics HTTP/1.1\r\n", HTTP_BAD },
	{ "GET /metr\xc3\xa9 HTTP/1.1\r\n", HTTP_BAD },
	{ "GET /metrics HTTP/1.1\n\n", HTTP_BAD },
	{ "GET /metrics HTTP/1.1\r\n\n", HTTP_BAD },
	{ "GET /metrics HTTP/1.1\r\nHost\r\n", HTTP_BAD },
	{ "GET /metrics HTTP/1.1\r\n: a\r\n", HTTP_BAD },
	{ "GET /metrics HTTP/1.1\r\nHost : a\r\n", HTTP_BAD },
	{ "GET /metrics HTTP/1.1\r\nHost: a\r\n b\r\n", HTTP_BAD },
	{ "GET /metrics HTTP/1.1\r\nHost: a\rb\r\n", HTTP_BAD },
	{ "GET /metrics HTTP/1.1\r\nHost: a\x7f\r\n", HTTP_BAD },
	{ "HEAD /metrics HTTP/1.1\r\nHost\r\n", HTTP_BAD },
};

static void
test_cases(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		if (judge(cases[i].text) != cases[i].status)
			fail_msg("%zu: %s", i, cases[i].text);
	}
	assert_int_equal(http_judge("GET /\0 HTTP/1.1\r\n", 17, "/"), HTTP_BAD);
}

/* However it is cut, it says the same, and nothing before it is sure. */
static void
test_in_parts(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		const size_t len = strlen(cases[i].text);
		enum http_status status = HTTP_MORE;

		for (size_t n = 0; n <= len && status == HTTP_MORE; n++)
			status = http_judge(cases[i].text, n, "/metrics");
		assert_int_equal(status, cases[i].status);
	}
}

static void
test_longest(void **state)
{
	static const char line[] = "GET /metrics HTTP/1.1\r\nA: ";
	static char text[HTTP_REQUEST_MAX];

	(void)state;
	memset(text, 'a', sizeof(text));
	memcpy(text, line, sizeof(line) - 1);
	assert_int_equal(http_judge(text, sizeof(text) - 1, "/metrics"),
	    HTTP_MORE);
	assert_int_equal(http_judge(text, sizeof(text), "/metrics"), HTTP_BAD);
	memcpy(text + sizeof(text) - 4, END, 4);
	assert_int_equal(http_judge(text, sizeof(text), "/metrics"), HTTP_OK);
}

static void
test_lines(void **state)
{
	(void)state;
	assert_string_equal(http_line(HTTP_OK), "200 OK");
	assert_string_equal(http_line(HTTP_BAD), "400 Bad Request");
	assert_string_equal(http_line(HTTP_NOT_FOUND), "404 Not Found");
	assert_string_equal(http_line(HTTP_NOT_ALLOWED),
	    "405 Method Not Allowed");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cases),
		cmocka_unit_test(test_in_parts),
		cmocka_unit_test(test_longest),
		cmocka_unit_test(test_lines),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
