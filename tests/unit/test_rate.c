/* SPDX-License-Identifier: ISC */
#include <malloc.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

#include <cmocka.h>

#include "base/le.h"
#include "base/secret.h"
#include "server/rate.h"

#define NOW   1000000                  /* ms */
#define LATER ((NOW + 1) * 1000000ULL) /* ns */

/* How many are let through one by one, at most. */
static unsigned
drain(struct bucket *b, const struct rate *r, uint64_t now, unsigned most)
{
	unsigned n = 0;

	while (n < most && rate_wait(b, r, now) == 0) {
		rate_take(b, r, now, 1);
		n++;
	}
	return n;
}

static void
test_burst_then_rate(void **state)
{
	const struct rate r = { .per_s = 5000, .burst_ms = 4000 };
	struct bucket b = { 0 };

	(void)state;
	assert_int_equal(drain(&b, &r, NOW, 30000), 20000);
	assert_int_equal(rate_wait(&b, &r, NOW), 1);
	assert_int_equal(drain(&b, &r, NOW, 10), 0);
	for (uint64_t ms = 1; ms <= 1000; ms++)
		assert_int_equal(drain(&b, &r, NOW + ms, 100), 5);
	/* left alone it is full again, and no fuller */
	assert_int_equal(drain(&b, &r, NOW + 60000, 30000), 20000);
}

static void
test_wait_is_enough(void **state)
{
	const struct rate r = rate_of(1, 60);
	struct bucket b = { 0 };
	uint64_t wait, now = NOW;

	(void)state;
	assert_int_equal(r.burst_ms, 60000);
	assert_int_equal(drain(&b, &r, NOW, 100), 60);
	for (int i = 0; i < 10; i++) {
		wait = rate_wait(&b, &r, now);
		assert_in_range(wait, 990, 1001);
		assert_true(rate_wait(&b, &r, now + wait - 2) > 0);
		now += wait;
		assert_int_equal(drain(&b, &r, now, 100), 1);
	}
}

/* A bucket that holds less than one lets one through when it is full. */
static void
test_small_bucket(void **state)
{
	const struct rate r = { .per_s = 2, .burst_ms = 1 };
	struct bucket b = { 0 };

	(void)state;
	assert_int_equal(drain(&b, &r, NOW, 10), 1);
	assert_int_equal(rate_wait(&b, &r, NOW), 500);
	assert_int_equal(drain(&b, &r, NOW + 500, 10), 1);
	assert_int_equal(rate_of(1000, 1).burst_ms, 1);
	assert_int_equal(rate_of(5000, 1).burst_ms, 1);
}

static void
test_debt(void **state)
{
	const struct rate r = { .per_s = 512 << 20, .burst_ms = 4000 };
	struct bucket b = { 0 };

	(void)state;
	rate_take(&b, &r, NOW, 8ULL << 30); /* 16 seconds' worth */
	assert_int_equal(rate_wait(&b, &r, NOW), 12001);
	assert_int_equal(rate_wait(&b, &r, NOW + 12001), 0);
	/* sizes and times as large as they come */
	b.full_at = 0;
	rate_take(&b, &(struct rate){ UINT64_C(1) << 40, 1000 },
	    UINT64_C(1) << 40, UINT32_MAX);
	assert_int_equal(b.full_at / 1000000, (UINT64_C(1) << 40) + 3);
}

static void
make_key(uint8_t key[static RATE_KEY_LEN], uint32_t n)
{
	memset(key, 0, RATE_KEY_LEN);
	le_put32(key, n);
	key[8] = 4;
}

static void
test_keys_are_apart(void **state)
{
	const struct rate r = rate_of(1, 60);
	struct rate_table *t = rate_new(RATE_KEYS);
	uint8_t key[RATE_KEY_LEN];

	(void)state;
	assert_non_null(t);
	for (uint32_t i = 1; i <= 1000; i++) {
		make_key(key, i << 24); /* as 127.0.0.i would be */
		rate_take(&rate_find(t, key, NOW)[RATE_BYTES], &r, NOW, i);
	}
	for (uint32_t i = 1; i <= 255; i++) {
		struct bucket *b;

		make_key(key, i << 24);
		b = rate_find(t, key, NOW);
		assert_true(
		    b[RATE_BYTES].full_at >= (NOW + i * 1000ULL) * 1000000);
		assert_int_equal(b[RATE_REQUESTS].full_at, 0);
	}
	rate_free(t);
}

/* More keys than there is room for: who has used most is remembered. */
static void
test_full_table(void **state)
{
	const struct rate r = rate_of(1, 60);
	struct rate_table *t = rate_new(RATE_KEYS);
	uint8_t heavy[RATE_KEY_LEN], key[RATE_KEY_LEN];
	unsigned kept = 0;

	(void)state;
	assert_non_null(t);
	memset(heavy, 0xee, sizeof(heavy));
	rate_take(&rate_find(t, heavy, NOW)[RATE_REGISTRATIONS], &r, NOW, 60);
	for (uint32_t i = 0; i < 3 * RATE_KEYS; i++) {
		make_key(key, i);
		rate_take(&rate_find(t, key, NOW)[RATE_REGISTRATIONS], &r, NOW,
		    1);
	}
	assert_true(rate_wait(&rate_find(t, heavy, NOW)[RATE_REGISTRATIONS], &r,
			NOW) > 0);
	for (uint32_t i = 0; i < 3 * RATE_KEYS; i++) {
		make_key(key, i);
		kept += rate_find(t, key, NOW)[RATE_REGISTRATIONS].full_at != 0;
	}
	assert_true(kept <= RATE_KEYS);
	rate_free(t);
}

/* However the keys are chosen, they spread: a salt nobody knows is in it. */
static void
test_addresses_spread(void **state)
{
	struct rate_table *t = rate_new(RATE_KEYS);
	uint8_t key[RATE_KEY_LEN];
	unsigned kept = 0;

	(void)state;
	assert_non_null(t);
	for (uint32_t i = 0; i < RATE_KEYS / 4; i++) {
		make_key(key, 127U | (i & 0xff) << 24 | (i >> 8) << 16);
		rate_find(t, key, NOW)->full_at = LATER;
	}
	for (uint32_t i = 0; i < RATE_KEYS / 4; i++) {
		make_key(key, 127U | (i & 0xff) << 24 | (i >> 8) << 16);
		kept += rate_find(t, key, NOW)->full_at == LATER;
	}
	/* a few of 16384 may share their eight places with too many */
	assert_true(kept > RATE_KEYS / 4 * 95 / 100);
	rate_free(t);
}

/* How many pages this process was given so far that no file had. */
static long
pages_given(void)
{
	struct rusage used;

	assert_int_equal(getrusage(RUSAGE_SELF, &used), 0);
	return used.ru_minflt;
}

/*
 * Those whose buckets are full again make room for the next: of the table's
 * thousand pages most are not even read.
 */
static void
test_few_at_once(void **state)
{
	const struct rate r = rate_of(1, 60);
	struct rate_table *t = rate_new(RATE_KEYS);
	uint8_t key[RATE_KEY_LEN];
	uint64_t now = NOW;
	unsigned kept = 0;
	long before = pages_given();

	(void)state;
	assert_non_null(t);
	for (uint32_t i = 0; i < RATE_KEYS; i++, now += 1000) {
		make_key(key, i);
		rate_take(&rate_find(t, key, now)[RATE_BYTES], &r, now, 1);
	}
	assert_true(pages_given() - before < 500);
	for (uint32_t i = RATE_KEYS; i-- > 0;) {
		make_key(key, i);
		kept += rate_find(t, key, now)[RATE_BYTES].full_at != 0;
	}
	assert_in_range(kept, RATE_KEYS / 32, RATE_KEYS / 16);
	rate_free(t);
}

/* One that is not full is found, whoever makes room beside it. */
static void
test_found_again(void **state)
{
	const struct rate r = rate_of(1, 60);
	struct rate_table *t = rate_new(RATE_KEYS);
	uint8_t key[RATE_KEY_LEN];

	(void)state;
	assert_non_null(t);
	for (uint32_t i = 0; i < RATE_KEYS / 8; i++) {
		make_key(key, i);
		rate_take(&rate_find(t, key, NOW)[RATE_BYTES], &r, NOW,
		    i % 2 ? 1 : 60);
	}
	for (uint32_t i = 0; i < RATE_KEYS / 8; i += 2) {
		make_key(key, i);
		assert_true(
		    rate_find(t, key, NOW + 2000)[RATE_BYTES].full_at > LATER);
	}
	rate_free(t);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_burst_then_rate),
		cmocka_unit_test(test_wait_is_enough),
		cmocka_unit_test(test_small_bucket),
		cmocka_unit_test(test_debt),
		cmocka_unit_test(test_keys_are_apart),
		cmocka_unit_test(test_full_table),
		cmocka_unit_test(test_addresses_spread),
		cmocka_unit_test(test_few_at_once),
		cmocka_unit_test(test_found_again),
	};

	if (secret_start() < 0)
		return 1;
	mallopt(M_MMAP_THRESHOLD, 1 << 20); /* each table is new memory */
	return cmocka_run_group_tests(tests, NULL, NULL);
}
