/* SPDX-License-Identifier: ISC */
#include "wire/id.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "base/err.h"
#include "kat.h"

static const uint8_t sample[ID_LEN] = { 0x01, 0x23, 0x45, 0x67, 0x89, 0xab,
	0xcd, 0xef, 0xfe, 0xdc, 0xba, 0x98, 0x76, 0x54, 0x32, 0x10 };
static const char sample_text[] = "01234567-89ab-cdef-fedc-ba9876543210";

static void
test_known(void **state)
{
	static const char *const who[] = { "alice", "bob" };
	json_t *all = kat_load("sentinel-v3-kat.json");

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		json_t *j = kat_get(all, who[i]);
		uint8_t id[ID_LEN], back[ID_LEN];
		char text[ID_TEXT_SIZE];

		assert_int_equal(kat_hex(id, sizeof(id), j, "client_id"),
		    ID_LEN);
		id_text(text, id);
		assert_string_equal(text, kat_text(j, "uuid"));
		assert_int_equal(id_parse(back, text), 0);
		assert_memory_equal(back, id, ID_LEN);
	}
	json_decref(all);
}

static void
test_both_cases(void **state)
{
	uint8_t id[ID_LEN];
	char text[ID_TEXT_SIZE];

	(void)state;
	id_text(text, sample);
	assert_string_equal(text, sample_text);
	assert_int_equal(id_parse(id, "01234567-89AB-CDEF-fedc-BA9876543210"),
	    0);
	assert_memory_equal(id, sample, ID_LEN);
	assert_true(id_is_text("01234567-89AB-CDEF-fedc-BA9876543210"));
}

/* Each place of the text with each byte. */
static void
test_every_byte(void **state)
{
	char text[ID_TEXT_SIZE];

	(void)state;
	for (unsigned i = 0; i < (ID_TEXT_SIZE - 1) * 256; i++) {
		const size_t at = i / 256;
		const int c = (int)(i % 256);
		bool dash = sample_text[at] == '-';
		bool good =
		    c != 0 && strchr(dash ? "-" : "0123456789abcdefABCDEF", c);
		uint8_t id[ID_LEN] = { 7 };

		memcpy(text, sample_text, sizeof(text));
		text[at] = (char)c;
		assert_int_equal(id_is_text(text), good);
		assert_int_equal(id_parse(id, text), good ? 0 : ERR_USAGE);
		if (!good)
			assert_int_equal(id[0], 7);
	}
}

static void
test_wrong_length(void **state)
{
	char text[64] = { 0 };
	uint8_t id[ID_LEN];

	(void)state;
	for (size_t len = 0; len < ID_TEXT_SIZE - 1; len++) {
		memset(text, 0, sizeof(text));
		memcpy(text, sample_text, len);
		assert_int_equal(id_parse(id, text), ERR_USAGE);
		assert_false(id_is_text(text));
	}
	memcpy(text, sample_text, sizeof(sample_text));
	text[36] = '0';
	assert_int_equal(id_parse(id, text), ERR_USAGE);
	assert_int_equal(id_parse(id, "0123456789abcdeffedcba9876543210"),
	    ERR_USAGE);
}

/* The example of RFC 9562, appendix A.6, and the edges of its fields. */
static void
test_v7(void **state)
{
	static const struct {
		uint64_t ms;
		uint8_t random[10];
		const char *text;
	} rows[] = {
		{ 0x017f22e279b0,
		    { 0x0c, 0xc3, 0x18, 0xc4, 0xdc, 0x0c, 0x0c, 0x07, 0x39,
			0x8f },
		    "017f22e2-79b0-7cc3-98c4-dc0c0c07398f" },
		{ 0, { 0 }, "00000000-0000-7000-8000-000000000000" },
		{ 0xffffffffffff,
		    { 255, 255, 255, 255, 255, 255, 255, 255, 255, 255 },
		    "ffffffff-ffff-7fff-bfff-ffffffffffff" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		uint8_t id[ID_LEN];
		char text[ID_TEXT_SIZE];

		id_v7(id, rows[i].ms, rows[i].random);
		id_text(text, id);
		assert_string_equal(text, rows[i].text);
	}
}

static void
test_v7_sorts_by_time(void **state)
{
	static const uint8_t high[10] = { 255, 255, 255, 255, 255, 255, 255,
		255, 255, 255 };
	static const uint8_t low[10];
	uint8_t a[ID_LEN], b[ID_LEN];

	(void)state;
	for (unsigned bit = 0; bit < 48; bit++) {
		id_v7(a, (1ULL << bit) - 1, high);
		id_v7(b, 1ULL << bit, low);
		assert_true(memcmp(a, b, ID_LEN) < 0);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_known),
		cmocka_unit_test(test_both_cases),
		cmocka_unit_test(test_every_byte),
		cmocka_unit_test(test_wrong_length),
		cmocka_unit_test(test_v7),
		cmocka_unit_test(test_v7_sorts_by_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
