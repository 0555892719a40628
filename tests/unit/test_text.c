/* SPDX-License-Identifier: ISC */
#include "base/text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "base/err.h"

static void
test_hex(void **state)
{
	static const uint8_t bytes[] = { 0x00, 0x09, 0x0a, 0x9f, 0xa0, 0xff };
	char text[TEXT_HEX_SIZE(sizeof(bytes))];
	uint8_t back[sizeof(bytes)];

	(void)state;
	text_hex(text, bytes, sizeof(bytes));
	assert_string_equal(text, "00090a9fa0ff");
	assert_int_equal(text_unhex(back, sizeof(back), text), 0);
	assert_memory_equal(back, bytes, sizeof(bytes));
	assert_int_equal(text_unhex(back, sizeof(back), "00090A9FA0fF"), 0);
	assert_memory_equal(back, bytes, sizeof(bytes));
	text_hex(text, bytes, 0);
	assert_string_equal(text, "");
	assert_int_equal(text_unhex(back, 0, ""), 0);
}

static void
test_unhex_refuses(void **state)
{
	static const char *const bad[] = { "", "0", "000", "00000", "00 0",
		" 0000", "0x00", "00:0", "-000", "00\n0", "+0+0" };
	uint8_t out[2] = { 7, 8 };
	char text[] = "0000";

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_int_equal(text_unhex(out, 2, bad[i]), ERR_USAGE);
	for (unsigned c = 1; c < 256; c++) {
		bool digit = strchr("0123456789abcdefABCDEF", (int)c) != NULL;

		text[3] = (char)c;
		assert_int_equal(text_unhex(out, 2, text),
		    digit ? 0 : ERR_USAGE);
		if (!digit)
			assert_int_equal(out[0], 7);
		out[0] = 7;
	}
}

static void
test_unbase64(void **state)
{
	static const char *const wrong[] = { "A", "AA", "AAA",
		"AA=", "A===", "AB==", "AAB=", "AA==x", "A A=", "AA-_",
		"AAAA\n", "\xc3\x81==", "AAAAA" };
	uint8_t out[6];
	size_t len;

	(void)state;
	assert_int_equal(text_unbase64(out, sizeof(out), &len, "Zm9vYmFy"), 0);
	assert_int_equal(len, 6);
	assert_memory_equal(out, "foobar", 6);
	assert_int_equal(text_unbase64(out, sizeof(out), &len, "+//+"), 0);
	assert_int_equal(len, 3);
	assert_memory_equal(out, "\xfb\xff\xfe", 3);
	assert_int_equal(text_unbase64(out, sizeof(out), &len, ""), 0);
	assert_int_equal(len, 0);
	assert_int_equal(text_unbase64(out, sizeof(out), &len, "AAAAAAAAAA=="),
	    ERR_USAGE);
	for (size_t i = 0; i < ARRAY_LEN(wrong); i++)
		assert_int_equal(
		    text_unbase64(out, sizeof(out), &len, wrong[i]), ERR_USAGE);
}

static void
test_base64(void **state)
{
	/* RFC 4648 section 10 */
	static const char *const words[] = { "", "Zg==", "Zm8=", "Zm9v",
		"Zm9vYg==", "Zm9vYmE=", "Zm9vYmFy" };
	char text[TEXT_BASE64_SIZE(6)];

	(void)state;
	for (size_t n = 0; n < ARRAY_LEN(words); n++) {
		assert_int_equal(TEXT_BASE64_SIZE(n), strlen(words[n]) + 1);
		text_base64(text, (const uint8_t *)"foobar", n);
		assert_string_equal(text, words[n]);
	}
	text_base64(text, (const uint8_t *)"\xfb\xff\xfe", 3);
	assert_string_equal(text, "+//+");
}

/* fb ff ff ..., so that both - and _ occur. */
static const char key_text[] = "-___-___-___-___-___-___-___-___-___-___-_8";

static void
test_key(void **state)
{
	uint8_t key[32], back[32];
	char text[TEXT_KEY_SIZE];

	(void)state;
	for (size_t i = 0; i < sizeof(key); i++)
		key[i] = i % 3 == 0 ? 0xfb : 0xff;
	text_key(text, key);
	assert_string_equal(text, key_text);
	assert_int_equal(text_unkey(back, text, strlen(text)), 0);
	assert_memory_equal(back, key, sizeof(key));
	/* the length counts, not a terminator */
	assert_int_equal(text_unkey(back,
			     "________________"
			     "________________"
			     "__________8@host",
			     43),
	    0);
}

static void
test_unkey_refuses(void **state)
{
	char text[64] = { 0 };
	uint8_t out[32] = { 7 };

	(void)state;
	for (size_t len = 0; len <= 50; len++) {
		memset(text, 'A', sizeof(text));
		assert_int_equal(text_unkey(out, text, len),
		    len == 43 ? 0 : ERR_USAGE);
	}
	out[0] = 7;
	for (unsigned c = 0; c < 256; c++) {
		bool ok = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') ||
		    (c >= 'a' && c <= 'z') || c == '-' || c == '_';

		memset(text, 'A', 43);
		text[20] = (char)c;
		assert_int_equal(text_unkey(out, text, 43), ok ? 0 : ERR_USAGE);
		if (!ok)
			assert_int_equal(out[0], 7);
		out[0] = 7;
	}
	/* two spare bits of the last character must be 0 */
	for (unsigned c = 'A'; c <= 'Z'; c++) {
		memset(text, 'A', 42);
		text[42] = (char)c;
		assert_int_equal(text_unkey(out, text, 43),
		    (c - 'A') % 4 == 0 ? 0 : ERR_USAGE);
	}
}

/* RFC 3629, written the other way round. */
static size_t
encode(uint8_t out[4], uint32_t c)
{
	if (c < 0x80) {
		out[0] = (uint8_t)c;
		return 1;
	}
	if (c < 0x800) {
		out[0] = (uint8_t)(0xc0 | c >> 6);
		out[1] = (uint8_t)(0x80 | (c & 0x3f));
		return 2;
	}
	if (c < 0x10000) {
		out[0] = (uint8_t)(0xe0 | c >> 12);
		out[1] = (uint8_t)(0x80 | (c >> 6 & 0x3f));
		out[2] = (uint8_t)(0x80 | (c & 0x3f));
		return 3;
	}
	out[0] = (uint8_t)(0xf0 | c >> 18);
	out[1] = (uint8_t)(0x80 | (c >> 12 & 0x3f));
	out[2] = (uint8_t)(0x80 | (c >> 6 & 0x3f));
	out[3] = (uint8_t)(0x80 | (c & 0x3f));
	return 4;
}

static void
test_utf8_every_character(void **state)
{
	(void)state;
	for (uint32_t c = 0; c < 0x120000; c++) {
		bool ok = c <= 0x10ffff && (c < 0xd800 || c > 0xdfff);
		uint32_t code = 0xffffffff;
		uint8_t s[5];
		size_t n = encode(s, c);

		s[n] = 0x80;
		if (text_utf8(&code, s, n + 1) != (ok ? n : 0) ||
		    code != (ok ? c : 0xffffffff))
			fail_msg("U+%04X", (unsigned)c);
		for (size_t cut = 0; cut < n; cut++)
			assert_int_equal(text_utf8(&code, s, cut), 0);
	}
}

/* Of all pairs and a sample of fours, only what encode makes is accepted. */
static void
test_utf8_nothing_else(void **state)
{
	static const uint8_t edge[] = { 0x00, 0x7f, 0x80, 0x8f, 0x90, 0x9f,
		0xa0, 0xbf, 0xc0, 0xff };

	(void)state;
	for (unsigned i = 0; i < 256 * 1000; i++) {
		const uint8_t s[4] = { (uint8_t)(i / 1000), edge[i / 100 % 10],
			edge[i / 10 % 10], edge[i % 10] };
		uint32_t code;
		uint8_t back[4];
		size_t n = text_utf8(&code, s, sizeof(s));

		if (n > 0) {
			assert_int_equal(encode(back, code), n);
			assert_memory_equal(back, s, n);
		}
	}
}

static void
test_utf8_refuses(void **state)
{
	static const struct {
		const char *s;
		size_t len;
	} bad[] = {
		{ "\x80", 1 },
		{ "\xbf", 1 },
		{ "\xc0\x80", 2 },
		{ "\xc1\xbf", 2 },
		{ "\xe0\x80\x80", 3 },
		{ "\xe0\x9f\xbf", 3 },
		{ "\xf0\x80\x80\x80", 4 },
		{ "\xf0\x8f\xbf\xbf", 4 },
		{ "\xed\xa0\x80", 3 },
		{ "\xed\xbf\xbf", 3 },
		{ "\xf4\x90\x80\x80", 4 },
		{ "\xf5\x80\x80\x80", 4 },
		{ "\xf8\x88\x80\x80\x80", 5 },
		{ "\xfc\x84\x80\x80\x80\x80", 6 },
		{ "\xfe", 1 },
		{ "\xff", 1 },
		{ "\xc3", 1 },
		{ "\xc3\x28", 2 },
		{ "\xe2\x82", 2 },
		{ "\xe2\x28\xa1", 3 },
		{ "\xe2\x82\x28", 3 },
		{ "\xf0\x9f\x98", 3 },
		{ "\xf0\x28\x8c\xbc", 4 },
	};
	uint32_t code = 5;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_int_equal(
		    text_utf8(&code, (const uint8_t *)bad[i].s, bad[i].len), 0);
	assert_int_equal(code, 5);
}

static void
test_controls(void **state)
{
	static const uint32_t single[] = { 0x7f, 0x61c, 0x200e, 0x200f, 0x2028,
		0x2029, 0x202a, 0x202b, 0x202c, 0x202d, 0x202e, 0x2066, 0x2067,
		0x2068, 0x2069 };
	size_t n = 0;

	(void)state;
	for (uint32_t c = 0; c < 0x110000; c++)
		n += text_is_control(c);
	assert_int_equal(n, 32 + 32 + ARRAY_LEN(single));
	for (size_t i = 0; i < ARRAY_LEN(single); i++)
		assert_true(text_is_control(single[i]));
	for (uint32_t c = 0; c < 0x20; c++)
		assert_true(text_is_control(c) && text_is_control(c + 0x80));
}

static void
test_uuid_shape(void **state)
{
	static const char good[] = "0197A1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5b";
	char s[64];

	(void)state;
	assert_true(text_is_uuid(good));
	for (size_t i = 0; i < sizeof(good) - 1; i++) {
		memcpy(s, good, sizeof(good));
		s[i] = good[i] == '-' ? '0' : '-';
		assert_false(text_is_uuid(s));
		s[i] = 'g';
		assert_false(text_is_uuid(s));
		s[i] = '\0';
		assert_false(text_is_uuid(s));
	}
	assert_false(text_is_uuid("0197a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5b0"));
	assert_false(text_is_uuid("0197a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5b-"));
	assert_false(text_is_uuid("{0197a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5b}"));
	assert_false(text_is_uuid("0197a1b2c3d47e5f8a9b0c1d2e3f4a5b"));
}

static void
test_name_bytes(void **state)
{
	(void)state;
	for (unsigned c = 1; c < 256; c++) {
		bool alnum = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') ||
		    (c >= 'a' && c <= 'z');
		bool inner = alnum || strchr("._@+-", (int)c);
		const char alone[] = { (char)c, '\0' };
		const char first[] = { (char)c, 'x', '\0' };
		const char last[] = { 'x', (char)c, '\0' };

		assert_int_equal(text_is_name(alone), alnum);
		assert_int_equal(text_is_name(first), alnum);
		assert_int_equal(text_is_name(last), inner);
	}
}

static void
test_names(void **state)
{
	static const char *const good[] = { "alice", "Alice", "a", "0",
		"selfish", "Self", "ALL", "nulls", "bob@example.org", "a+b",
		"a..b", "a-", "0197a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5",
		"g197a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5b" };
	static const char *const bad[] = { "", "self", "all", "null", ".a",
		"-a", "_a", "@a", "+a", "a b", "a/b", "a\n", "\xc3\xa4",
		"a\xff", "0197a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5b",
		"0197A1B2-C3D4-7E5F-8A9B-0C1D2E3F4A5B" };
	char s[300];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(good); i++)
		assert_true(text_is_name(good[i]));
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_false(text_is_name(bad[i]));
	for (size_t len = 1; len < sizeof(s); len++) {
		memset(s, 'n', len);
		s[len] = '\0';
		assert_int_equal(text_is_name(s), len <= 254);
	}
}

static void
test_durations(void **state)
{
	static const struct {
		const char *s;
		uint64_t ms;
	} good[] = {
		{ "0", 0 },
		{ "30", 30000 },
		{ "30s", 30000 },
		{ "1.5", 1500 },
		{ "5m", 300000 },
		{ "2h", 7200000 },
		{ "7d", 604800000 },
		{ "inf", UINT64_MAX },
		{ "0.001", 1 },
		{ "0.0019", 1 },
		{ "0.25s", 250 },
		{ "1.5m", 90000 },
		{ "0.5h", 1800000 },
		{ "0.5d", 43200000 },
		{ "007", 7000 },
		{ "1.000", 1000 },
		{ "18446744073709549", 18446744073709549000ULL },
	};
	uint64_t ms;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(good); i++) {
		assert_int_equal(text_duration(&ms, good[i].s), 0);
		if (ms != good[i].ms)
			fail_msg("%s: %llu", good[i].s, (unsigned long long)ms);
	}
}

static void
test_durations_refused(void **state)
{
	static const char *const bad[] = { "", " ", "x", "s", "-1", "+1", " 1",
		"1 ", "1.", ".5", "1.s", "1..5", "1.5.5", "1,5", "1e3", "0x10",
		"5M", "5H", "5ms", "5ss", "5 m", "infinite", "INF", "nan",
		"1:30", "18446744073709550", "18446744073709551615",
		"18446744073709551616", "99999999999999999999999",
		"213503982335d", "\xd9\xa1" };
	uint64_t ms = 42;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		if (text_duration(&ms, bad[i]) != ERR_USAGE)
			fail_msg("\"%s\" accepted", bad[i]);
		assert_true(ms == 42);
	}
}

static void
test_sizes(void **state)
{
	static const struct {
		const char *s;
		uint64_t bytes;
	} good[] = {
		{ "0", 0 },
		{ "0T", 0 },
		{ "1", 1 },
		{ "007", 7 },
		{ "64K", 65536 },
		{ "10M", 10485760 },
		{ "2G", 2147483648 },
		{ "3T", 3298534883328 },
		{ "16777215T", 18446742974197923840ULL },
		{ "18446744073709551615", UINT64_MAX },
	};
	static const char *const bad[] = { "", "K", " 1", "1 ", "1k", "1KB",
		"1KK", "1P", "1.5G", "-1", "+1", "0x10", "16777216T",
		"18446744073709551616", "99999999999999999999999" };
	uint64_t bytes = 42;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		if (text_size(&bytes, bad[i]) != ERR_USAGE)
			fail_msg("\"%s\" accepted", bad[i]);
		assert_true(bytes == 42);
	}
	for (size_t i = 0; i < ARRAY_LEN(good); i++) {
		assert_int_equal(text_size(&bytes, good[i].s), 0);
		assert_true(bytes == good[i].bytes);
	}
}

static void
test_time(void **state)
{
	static const struct {
		uint64_t ms;
		const char *s;
	} times[] = {
		{ 0, "1970-01-01T00:00:00.000Z" },
		{ 999, "1970-01-01T00:00:00.999Z" },
		{ 1700000000000, "2023-11-14T22:13:20.000Z" },
		{ 1709210096007, "2024-02-29T12:34:56.007Z" },
		{ 4294967295999, "2106-02-07T06:28:15.999Z" },
		{ 253402300799999, "9999-12-31T23:59:59.999Z" },
		{ 253402300800000, "9999-12-31T23:59:59.999Z" },
		{ UINT64_MAX, "9999-12-31T23:59:59.999Z" },
	};
	char s[TEXT_TIME_SIZE];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(times); i++) {
		text_time(s, times[i].ms);
		assert_string_equal(s, times[i].s);
	}
}

static void
test_size(void **state)
{
	static const struct {
		const char *text;
		uint64_t bytes;
	} good[] = { { "0", 0 }, { "1", 1 }, { "512", 512 }, { "64K", 65536 },
		{ "10M", 10485760 }, { "2G", 2147483648 }, { "1T", 1ULL << 40 },
		{ "16777215T", 16777215ULL << 40 }, { "0T", 0 } };
	static const char *const bad[] = { "", "K", "1k", "1KB", "1.5M", "-1",
		" 1", "1 ", "0x10", "16777216T", "18446744073709551616", "1KK",
		"inf" };
	uint64_t bytes = 7;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(good); i++) {
		assert_int_equal(text_size(&bytes, good[i].text), 0);
		assert_int_equal(bytes, good[i].bytes);
	}
	bytes = 7;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_int_equal(text_size(&bytes, bad[i]), ERR_USAGE);
	assert_int_equal(bytes, 7);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_size),
		cmocka_unit_test(test_hex),
		cmocka_unit_test(test_unhex_refuses),
		cmocka_unit_test(test_base64),
		cmocka_unit_test(test_unbase64),
		cmocka_unit_test(test_key),
		cmocka_unit_test(test_unkey_refuses),
		cmocka_unit_test(test_utf8_every_character),
		cmocka_unit_test(test_utf8_nothing_else),
		cmocka_unit_test(test_utf8_refuses),
		cmocka_unit_test(test_controls),
		cmocka_unit_test(test_uuid_shape),
		cmocka_unit_test(test_name_bytes),
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_durations),
		cmocka_unit_test(test_durations_refused),
		cmocka_unit_test(test_sizes),
		cmocka_unit_test(test_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
