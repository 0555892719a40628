/* SPDX-License-Identifier: ISC */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/attr.h"
#include "base/secret.h"

#define LEN 48

static const uint8_t zeros[LEN];

static void
test_wipe(void **state)
{
	uint8_t bytes[LEN + 2];

	(void)state;
	memset(bytes, 0x5a, sizeof(bytes));
	secret_wipe(bytes + 1, LEN);
	assert_memory_equal(bytes + 1, zeros, LEN);
	assert_int_equal(bytes[0], 0x5a);
	assert_int_equal(bytes[LEN + 1], 0x5a);
}

static void
test_new(void **state)
{
	uint8_t *p = secret_new(LEN);

	(void)state;
	assert_non_null(p);
	assert_memory_equal(p, zeros, LEN);
	secret_free(p);
	secret_free(NULL);
}

static void
test_equal(void **state)
{
	uint8_t a[LEN] = { 0 }, b[LEN] = { 0 };

	(void)state;
	for (size_t i = 0; i < LEN; i++) {
		assert_true(secret_equal(a, b, LEN));
		b[i] ^= 0x80;
		assert_false(secret_equal(a, b, LEN));
		b[i] ^= 0x80;
	}
}

static void
test_random(void **state)
{
	uint8_t a[LEN] = { 0 }, b[LEN] = { 0 };

	(void)state;
	secret_random(a, LEN);
	secret_random(b, LEN);
	assert_memory_not_equal(a, b, LEN);
	assert_memory_not_equal(a, zeros, LEN);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_wipe),
		cmocka_unit_test(test_new),
		cmocka_unit_test(test_equal),
		cmocka_unit_test(test_random),
	};

	if (secret_start() < 0)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
