/* SPDX-License-Identifier: ISC */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/secret.h"
#include "server/vault.h"

#define ITEM_LEN 100
#define ITEMS    300

static void
expect_zeros(const uint8_t *item)
{
	static const uint8_t zeros[ITEM_LEN];

	assert_memory_equal(item, zeros, ITEM_LEN);
}

static void
test_items_are_apart_and_wiped(void **state)
{
	struct vault *v = vault_new(ITEM_LEN);
	uint8_t *items[ITEMS];

	(void)state;
	assert_non_null(v);
	for (int round = 0; round < 2; round++) {
		for (int i = 0; i < ITEMS; i++) {
			items[i] = vault_take(v);
			assert_non_null(items[i]);
			expect_zeros(items[i]);
			memset(items[i], i, ITEM_LEN);
		}
		for (int i = 0; i < ITEMS; i++) {
			for (int n = 0; n < ITEM_LEN; n++)
				assert_int_equal(items[i][n], (uint8_t)i);
		}
		for (int i = 0; i < ITEMS; i++)
			vault_give(v, items[i]);
	}
	vault_give(v, NULL);
	vault_free(v);
	vault_free(NULL);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_items_are_apart_and_wiped),
	};

	return secret_start() < 0 ? 1
				  : cmocka_run_group_tests(tests, NULL, NULL);
}
