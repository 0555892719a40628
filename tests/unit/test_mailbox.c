/* SPDX-License-Identifier: ISC */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/secret.h"
#include "server/mailbox.h"

static struct mailbox
make(uint32_t n)
{
	struct mailbox m = { .number = n };

	memcpy(m.id + n % 4 * 4, &n, sizeof(n));
	return m;
}

static void
test_full_and_cleared(void **state)
{
	struct mailbox_table *t = mailbox_new();
	struct mailbox m;

	(void)state;
	assert_non_null(t);
	for (int round = 0; round < 3; round++) {
		for (uint32_t i = 1; i <= MAILBOX_MAX; i++) {
			m = make(i);
			assert_null(mailbox_find(t, m.id));
			assert_non_null(mailbox_add(t, &m));
		}
		m = make(MAILBOX_MAX + 1);
		assert_null(mailbox_add(t, &m));
		assert_null(mailbox_find(t, m.id));
		for (uint32_t i = 1; i <= MAILBOX_MAX; i++) {
			m = make(i);
			assert_int_equal(mailbox_find(t, m.id)->number, i);
			if (i % 3 == 0)
				mailbox_touch(t, mailbox_find(t, m.id));
		}
		/* what has changed is forgotten with the rest */
		mailbox_clear(t);
		assert_null(mailbox_take_changed(t));
	}
	mailbox_free(t);
}

static void
test_changes_are_taken_once(void **state)
{
	struct mailbox_table *t = mailbox_new();
	struct mailbox one = make(1), two = make(2), *m;

	(void)state;
	assert_non_null(t);
	m = mailbox_add(t, &one);
	mailbox_add(t, &two);
	assert_null(mailbox_take_changed(t));
	mailbox_touch(t, m);
	mailbox_touch(t, m);
	assert_ptr_equal(mailbox_take_changed(t), m);
	assert_null(mailbox_take_changed(t));
	mailbox_touch(t, m);
	assert_ptr_equal(mailbox_take_changed(t), m);
	assert_null(mailbox_take_changed(t));
	mailbox_free(t);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_full_and_cleared),
		cmocka_unit_test(test_changes_are_taken_once),
	};

	return secret_start() < 0 ? 1
				  : cmocka_run_group_tests(tests, NULL, NULL);
}
