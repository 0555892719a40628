/* SPDX-License-Identifier: ISC */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* cmocka.h needs what stands above */
#include <cmocka.h>

#include "base/err.h"
#include "base/secret.h"
#include "kat.h"
#include "state/colbox.h"

#define LEN 32

static const struct colbox_place seed_place = { "self", "identity_sk", "1" };

static int
setup(void **state)
{
	(void)state;
	return secret_start();
}

static void
known_answer(void **state)
{
	json_t *all = kat_load("sentinel-v3-kat.json");
	const json_t *kat = kat_get(all, "keyfile");
	uint8_t box[LEN + COLBOX_OVERHEAD], want[LEN], got[LEN];
	struct colbox_key k;

	(void)state;
	assert_int_equal(kat_hex(k.file, ID_LEN, kat, "file_uuid"), ID_LEN);
	assert_int_equal(kat_hex(k.key, KEY_LEN, kat, "dek"), KEY_LEN);
	assert_int_equal(kat_hex(want, LEN, kat, "column_plain"), LEN);
	assert_int_equal(kat_hex(box, sizeof(box), kat, "column"), sizeof(box));
	assert_int_equal(colbox_open(got, &k, &seed_place, box, sizeof(box)),
	    0);
	assert_memory_equal(got, want, LEN);
	json_decref(all);
}

static void
seals_what_opens(void **state)
{
	static const struct colbox_key k = { .key = { 1 } };
	uint8_t in[300], box[2][sizeof(in) + COLBOX_OVERHEAD], out[sizeof(in)];

	(void)state;
	memset(in, 7, sizeof(in));
	for (size_t len = 0; len <= sizeof(in); len += 50) {
		const size_t box_len = len + COLBOX_OVERHEAD;

		colbox_seal(box[0], &k, &seed_place, in, len);
		colbox_seal(box[1], &k, &seed_place, in, len);
		/* another nonce each time */
		assert_memory_not_equal(box[0], box[1], 24);
		memset(out, 0, sizeof(out));
		assert_int_equal(
		    colbox_open(out, &k, &seed_place, box[0], box_len), 0);
		assert_memory_equal(out, in, len);
	}
}

/* The box of LEN bytes made at seed_place under key, which it must refuse. */
static void
refuses(const struct colbox_key *k, const struct colbox_place *at,
    const uint8_t *box, size_t len)
{
	uint8_t out[LEN], zeros[LEN] = { 0 };

	memset(out, 0, sizeof(out));
	assert_int_equal(colbox_open(out, k, at, box, len), ERR_CORRUPT);
	assert_memory_equal(out, zeros, LEN);
}

static void
opens_nowhere_else(void **state)
{
	static const struct colbox_key k = { { 1 }, { 2 } };
	static const struct colbox_key other_file = { { 9 }, { 2 } };
	static const struct colbox_key other_key = { { 1 }, { 9 } };
	static const struct colbox_place others[] = {
		{ "selfi", "dentity_sk", "1" },
		{ "self", "identity_s", "k1" },
		{ "self", "identity_sk", "2" },
		{ "self", "identity_sk", "" },
		{ "self", "identity_pk", "1" },
		{ "peer", "identity_sk", "1" },
	};
	uint8_t in[LEN] = { 5 }, box[LEN + COLBOX_OVERHEAD];

	(void)state;
	colbox_seal(box, &k, &seed_place, in, LEN);
	for (size_t i = 0; i < ARRAY_LEN(others); i++)
		refuses(&k, &others[i], box, sizeof(box));
	refuses(&other_file, &seed_place, box, sizeof(box));
	refuses(&other_key, &seed_place, box, sizeof(box));
	for (size_t len = 0; len < sizeof(box); len++)
		refuses(&k, &seed_place, box, len);
	for (size_t bit = 0; bit < 8 * sizeof(box); bit++) {
		box[bit / 8] ^= (uint8_t)(1u << bit % 8);
		refuses(&k, &seed_place, box, sizeof(box));
		box[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
}

/* The answer is that of Python's hmac module. */
static void
tags_texts(void **state)
{
	static const uint8_t want[] = { 0xb9, 0x95, 0x7e, 0x4f, 0x03, 0x62,
		0xf0, 0xce, 0x73, 0x48, 0x5a, 0x51, 0xd3, 0xa6, 0xac, 0x39 };
	struct colbox_key k;
	uint8_t tag[COLBOX_TAG_LEN];

	(void)state;
	memset(k.file, 1, sizeof(k.file));
	memset(k.key, 2, sizeof(k.key));
	colbox_tag(tag, &k, "alice");
	assert_memory_equal(tag, want, sizeof(want));
	colbox_tag(tag, &k, "alicf");
	assert_memory_not_equal(tag, want, sizeof(want));
	k.file[0] = 9;
	colbox_tag(tag, &k, "alice");
	assert_memory_not_equal(tag, want, sizeof(want));
	k.file[0] = 1;
	k.key[0] = 9;
	colbox_tag(tag, &k, "alice");
	assert_memory_not_equal(tag, want, sizeof(want));
}

static void
names_rows(void **state)
{
	static const uint8_t bytes[] = { 0x00, 0xab, 0xff };
	struct colbox_place at = { "t", "c", "" };

	(void)state;
	colbox_add_bytes(&at, bytes, sizeof(bytes));
	assert_string_equal(at.row, "00abff");
	colbox_add_number(&at, 12);
	colbox_add_number(&at, INT64_MIN);
	assert_string_equal(at.row, "00abff:12:-9223372036854775808");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(known_answer),
		cmocka_unit_test(seals_what_opens),
		cmocka_unit_test(opens_nowhere_else),
		cmocka_unit_test(tags_texts),
		cmocka_unit_test(names_rows),
	};

	return cmocka_run_group_tests(tests, setup, NULL);
}
