/* SPDX-License-Identifier: ISC */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <arpa/inet.h>
#include <cmocka.h>

#include "server/origin.h"

static struct sockaddr_storage
parse(const char *text)
{
	struct sockaddr_storage out = { 0 };
	void *any = &out;
	struct sockaddr_in *v4 = any;
	struct sockaddr_in6 *v6 = any;

	if (inet_pton(AF_INET, text, &v4->sin_addr) == 1) {
		out.ss_family = AF_INET;
	} else if (inet_pton(AF_INET6, text, &v6->sin6_addr) == 1) {
		out.ss_family = AF_INET6;
	}
	return out;
}

static void
test_text(void **state)
{
	static const char *const cases[][2] = {
		{ "192.0.2.1", "192.0.2.1" },
		{ "::ffff:192.0.2.1", "192.0.2.1" },
		{ "2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64" },
		{ "::1", "::/64" },
		{ "no address", "unknown" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct sockaddr_storage from = parse(cases[i][0]);
		uint8_t origin[ORIGIN_LEN];
		char text[ORIGIN_TEXT_SIZE];

		origin_get(origin, &from);
		origin_text(text, origin);
		assert_string_equal(text, cases[i][1]);
	}
}

static void
test_who_is_the_same(void **state)
{
	static const struct {
		const char *a, *b;
		bool same;
	} cases[] = {
		{ "192.0.2.1", "::ffff:192.0.2.1", true },
		{ "192.0.2.1", "192.0.2.2", false },
		{ "2001:db8::1", "2001:db8::ffff:0:0:1", true },
		{ "2001:db8::1", "2001:db8:0:1::1", false },
		{ "0.0.0.0", "::", false },
		{ "192.0.2.1", "c000:201::", false }, /* the same bytes */
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct sockaddr_storage a = parse(cases[i].a);
		const struct sockaddr_storage b = parse(cases[i].b);
		uint8_t one[ORIGIN_LEN], other[ORIGIN_LEN];

		origin_get(one, &a);
		origin_get(other, &b);
		assert_int_equal(memcmp(one, other, ORIGIN_LEN) == 0,
		    cases[i].same);
	}
}

static void
test_loopback(void **state)
{
	static const struct {
		const char *text;
		bool loopback;
	} cases[] = {
		{ "127.0.0.1", true },
		{ "127.255.0.9", true },
		{ "::1", true },
		{ "128.0.0.1", false },
		{ "0.0.0.0", false },
		{ "::", false },
		{ "2001:db8::1", false },
		{ "no address", false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct sockaddr_storage a = parse(cases[i].text);

		assert_int_equal(origin_is_loopback(&a), cases[i].loopback);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_text),
		cmocka_unit_test(test_who_is_the_same),
		cmocka_unit_test(test_loopback),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
