/* SPDX-License-Identifier: ISC */
#include "base/buf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/err.h"

static void
test_empty(void **state)
{
	struct buf *b = buf_new(10);

	(void)state;
	assert_non_null(b);
	assert_int_equal(buf_len(b), 0);
	assert_int_equal(buf_room(b), 10);
	assert_non_null(buf_peek(b));
	assert_int_equal(buf_put(b, NULL, 0), 0);
	buf_clear(b);
	buf_drop(b, 0);
	buf_free(b);
	buf_free(NULL);
}

static void
test_put_and_drop(void **state)
{
	struct buf *b = buf_new(100);

	(void)state;
	assert_int_equal(buf_put(b, "hello ", 6), 0);
	assert_int_equal(buf_put(b, "world", 5), 0);
	assert_int_equal(buf_len(b), 11);
	assert_int_equal(buf_room(b), 89);
	assert_memory_equal(buf_peek(b), "hello world", 11);
	buf_drop(b, 6);
	assert_int_equal(buf_len(b), 5);
	assert_int_equal(buf_room(b), 95);
	assert_memory_equal(buf_peek(b), "world", 5);
	buf_clear(b);
	assert_int_equal(buf_len(b), 0);
	assert_int_equal(buf_room(b), 100);
	buf_free(b);
}

static void
test_ceiling(void **state)
{
	static const size_t ceilings[] = { 0, 1, 255, 256, 257, 1000, 65536 };
	uint8_t *bytes = calloc(1, 65537);

	(void)state;
	assert_non_null(bytes);
	for (size_t i = 0; i < ARRAY_LEN(ceilings); i++) {
		size_t max = ceilings[i];
		struct buf *b = buf_new(max);

		assert_int_equal(buf_put(b, bytes, max + 1), ERR_INTERNAL);
		assert_int_equal(buf_len(b), 0);
		assert_int_equal(buf_put(b, bytes, max), 0);
		assert_int_equal(buf_room(b), 0);
		assert_int_equal(buf_put(b, "x", 1), ERR_INTERNAL);
		assert_int_equal(buf_len(b), max);
		assert_memory_equal(buf_peek(b), bytes, max);
		buf_free(b);
	}
	free(bytes);
}

static void
test_room_comes_back(void **state)
{
	struct buf *b = buf_new(300);
	uint8_t piece[100];

	(void)state;
	for (unsigned i = 0; i < 250; i++) {
		memset(piece, (int)i, sizeof(piece));
		assert_int_equal(buf_put(b, piece, sizeof(piece)), 0);
		if (i < 2)
			continue;
		assert_int_equal(buf_len(b), 300);
		assert_int_equal(buf_peek(b)[0], i - 2);
		assert_int_equal(buf_peek(b)[299], i);
		buf_drop(b, sizeof(piece));
	}
	buf_free(b);
}

static void
test_reserve(void **state)
{
	struct buf *b = buf_new(1000);
	uint8_t *to;

	(void)state;
	assert_int_equal(buf_reserve(b, &to, 0), 0);
	assert_non_null(to);
	assert_int_equal(buf_reserve(b, &to, 1000), 0);
	assert_int_equal(buf_len(b), 0);
	memset(to, 'r', 1000);
	buf_commit(b, 10);
	assert_int_equal(buf_len(b), 10);
	assert_memory_equal(buf_peek(b), "rrrrrrrrrr", 10);
	to = NULL;
	assert_int_equal(buf_reserve(b, &to, 991), ERR_INTERNAL);
	assert_int_equal(buf_reserve(b, &to, SIZE_MAX), ERR_INTERNAL);
	assert_null(to);
	buf_free(b);
}

/* Whatever was in it, also what was dropped, and what was lent. */
static void
test_wiped(void **state)
{
	static const uint8_t zero[100];
	struct buf *b = buf_new(100);
	uint8_t *to;

	(void)state;
	assert_int_equal(buf_reserve(b, &to, 100), 0);
	memset(to, 's', 100);
	buf_commit(b, 60);
	buf_drop(b, 60);
	assert_int_equal(buf_put(b, "a", 1), 0);
	buf_clear(b);
	assert_memory_equal(to, zero, 100);
	buf_free(b);

	b = buf_new_open(100);
	assert_int_equal(buf_reserve(b, &to, 100), 0);
	memset(to, 's', 100);
	buf_commit(b, 100);
	buf_clear(b);
	assert_int_equal(buf_len(b), 0);
	assert_int_equal(to[99], 's');
	buf_free(b);
}

/* Random calls beside a plain array that does the same. */
static void
test_model(void **state)
{
	static uint8_t model[5000], piece[5000];
	struct buf *b = buf_new(sizeof(model));
	size_t len = 0;

	(void)state;
	srand(1);
	for (unsigned i = 0; i < 20000; i++) {
		size_t n = (size_t)rand() % (i % 7 ? 200 : 3000);

		if (rand() % 2) {
			memset(piece, (int)i, n);
			if (n > sizeof(model) - len) {
				assert_int_equal(buf_put(b, piece, n),
				    ERR_INTERNAL);
				continue;
			}
			assert_int_equal(buf_put(b, piece, n), 0);
			memcpy(model + len, piece, n);
			len += n;
		} else {
			n = n < len ? n : len;
			buf_drop(b, n);
			len -= n;
			memmove(model, model + n, len);
		}
		assert_int_equal(buf_len(b), len);
		assert_int_equal(buf_room(b), sizeof(model) - len);
		assert_memory_equal(buf_peek(b), model, len);
	}
	buf_free(b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_empty),
		cmocka_unit_test(test_put_and_drop),
		cmocka_unit_test(test_ceiling),
		cmocka_unit_test(test_room_comes_back),
		cmocka_unit_test(test_reserve),
		cmocka_unit_test(test_wiped),
		cmocka_unit_test(test_model),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
