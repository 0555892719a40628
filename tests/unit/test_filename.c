/* SPDX-License-Identifier: ISC */
#include "base/filename.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/attr.h"
#include "base/text.h"

#define STAND_IN "file-000102030405060708090a0b0c0d0e0f"

static const uint8_t id[FILENAME_ID_LEN] = { 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10,
	11, 12, 13, 14, 15 };

struct name {
	const char *bytes;
	size_t len;
	const char *safe;
};
#define NAME(s, safe)                  \
	{                              \
		s, sizeof(s) - 1, safe \
	}

/* clang-format off */
static const struct name names[] = {
	/* what people call their files */
	NAME("report.txt", "report.txt"),
	NAME("archive.tar.gz", "archive.tar.gz"),
	NAME("Grüße aus Köln.pdf", "Grüße aus Köln.pdf"),
	NAME("世界.txt", "世界.txt"),
	NAME("🌍", "🌍"),
	NAME("a", "a"),
	NAME("_", "_"),
	NAME("~", "~"),
	NAME("a b  c", "a b  c"),
	NAME(" leading", " leading"),
	/* what a shell or a printf would make something of stays a name */
	NAME("$(id)", "$(id)"),
	NAME("`id`", "`id`"),
	NAME("%s%n%x", "%s%n%x"),
	NAME("a;rm b", "a;rm b"),
	NAME("a|b&c", "a|b&c"),
	NAME("*?[a]", "*?[a]"),
	NAME("'\"", "'\""),
	NAME("a\\b", "a\\b"),
	NAME("..\\..\\x", STAND_IN),
	NAME("C:\\x", "C:\\x"),
	NAME("CON", "CON"),
	NAME("nul.txt", "nul.txt"),
	NAME("trailing.", "trailing."),
	NAME("trailing ", "trailing "),
	NAME("!", "!"),
	NAME("#x", "#x"),
	NAME("=x", "=x"),
	NAME("@file", "@file"),
	/* paths: the last component, if that is one */
	NAME("../x", "x"),
	NAME("../../../../etc/passwd", "passwd"),
	NAME("/etc/x", "x"),
	NAME("a/../../b", "b"),
	NAME("a/b/c.txt", "c.txt"),
	NAME("//x", "x"),
	NAME("./x", "x"),
	NAME("a/", STAND_IN),
	NAME("/", STAND_IN),
	NAME("///", STAND_IN),
	NAME("a/.", STAND_IN),
	NAME("a/..", STAND_IN),
	NAME("x/-rf", STAND_IN),
	NAME("x/.bashrc", STAND_IN),
	NAME(".ssh/authorized_keys", "authorized_keys"),
	NAME("\x1b[2J/x", "x"),
	/* no names at all */
	NAME("", STAND_IN),
	NAME(".", STAND_IN),
	NAME("..", STAND_IN),
	NAME("...", STAND_IN),
	/* hidden, and what looks like an option */
	NAME(".bashrc", STAND_IN),
	NAME(".sentinel-000102030405060708090a0b0c0d0e0f.part", STAND_IN),
	NAME("-", STAND_IN),
	NAME("-rf", STAND_IN),
	NAME("--output=x", STAND_IN),
	/* control characters, of all kinds */
	NAME("a\nb", STAND_IN),
	NAME("a\rb", STAND_IN),
	NAME("a\tb", STAND_IN),
	NAME("a\0b", STAND_IN),
	NAME("\0", STAND_IN),
	NAME("\x01", STAND_IN),
	NAME("a\x1f", STAND_IN),
	NAME("a\x7f", STAND_IN),
	NAME("\x1b]0;x\a", STAND_IN),
	NAME("\x1b[2J", STAND_IN),
	NAME("a\xc2\x9b" "31m", STAND_IN),      /* C1: CSI */
	NAME("a\xc2\x80", STAND_IN),
	NAME("gpj.\xe2\x80\xae" "exe", STAND_IN), /* U+202E */
	NAME("\xe2\x80\x8f" "x", STAND_IN),       /* U+200F */
	NAME("\xe2\x81\xa6" "x", STAND_IN),       /* U+2066 */
	NAME("x\xe2\x80\xa8y", STAND_IN),         /* U+2028 */
	NAME("\xd8\x9c" "x", STAND_IN),           /* U+061C */
	/* not UTF-8 */
	NAME("\xff", STAND_IN),
	NAME("a\xc3", STAND_IN),
	NAME("a\xc0\xaf" "b", STAND_IN), /* a slash in a long form */
	NAME("\xc0\xae\xc0\xae", STAND_IN),
	NAME("\xed\xa0\x80", STAND_IN), /* a surrogate */
	NAME("\xf4\x90\x80\x80", STAND_IN),
	NAME("\x80", STAND_IN),
	NAME("caf\xe9", STAND_IN), /* Latin-1 */
};
/* clang-format on */
_Static_assert(ARRAY_LEN(names) >= 60, "a table of at least 60");

static void
make_safe(char out[static FILENAME_SIZE], const char *bytes, size_t len)
{
	uint8_t *copy = malloc(len ? len : 1);

	assert_non_null(copy);
	memcpy(copy, bytes, len);
	memset(out, 'x', FILENAME_SIZE);
	filename_make_safe(out, copy, len, id);
	free(copy);
}

static void
test_table(void **state)
{
	char out[FILENAME_SIZE];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		make_safe(out, names[i].bytes, names[i].len);
		assert_string_equal(out, names[i].safe);
	}
}

static void
test_every_byte(void **state)
{
	char out[FILENAME_SIZE], in[] = "axb";

	(void)state;
	for (unsigned c = 0; c < 256; c++) {
		bool fine = c >= 0x20 && c < 0x7f;

		in[1] = (char)c;
		make_safe(out, in, 3);
		assert_string_equal(out, c == '/' ? "b" : fine ? in : STAND_IN);
	}
}

static void
test_long(void **state)
{
	char in[4096], out[FILENAME_SIZE];

	(void)state;
	memset(in, 'n', sizeof(in));
	make_safe(out, in, 255);
	assert_int_equal(strlen(out), 255);
	make_safe(out, in, 256);
	assert_string_equal(out, STAND_IN);
	make_safe(out, in, sizeof(in));
	assert_string_equal(out, STAND_IN);
	in[sizeof(in) - 2] = '/';
	make_safe(out, in, sizeof(in));
	assert_string_equal(out, "n");
}

static void
number_is(const char *name, unsigned n, const char *want)
{
	char out[FILENAME_SIZE];

	filename_number(out, name, n);
	assert_string_equal(out, want);
}

static void
test_number(void **state)
{
	(void)state;
	number_is("a.txt", 0, "a.txt");
	number_is("a.txt", 1, "a-1.txt");
	number_is("a.tar.gz", 12, "a.tar-12.gz");
	number_is("a", 2, "a-2");
	number_is("a.", 1, "a-1.");
	number_is("a-1.txt", 1, "a-1-1.txt");
}

static void
test_number_cuts(void **state)
{
	char in[FILENAME_SIZE], out[FILENAME_SIZE];
	uint32_t code;

	(void)state;
	/* 250 bytes of two-byte characters, then an extension */
	for (size_t i = 0; i < 250; i += 2)
		memcpy(in + i, "é", 2);
	memcpy(in + 250, ".text", 6);
	filename_number(out, in, 0);
	assert_string_equal(out, in);
	for (unsigned n = 1; n < 100000; n = n * 10 + 1) {
		filename_number(out, in, n);
		assert_in_range(strlen(out), 254, 255);
		assert_string_equal(out + strlen(out) - 5, ".text");
		for (size_t at = 0; out[at];
		     at += text_utf8(&code, (uint8_t *)out + at, 4))
			assert_true(text_utf8(&code, (uint8_t *)out + at, 4));
	}
	/* a dot with next to nothing before it */
	memset(in, 'x', 255);
	in[255] = '\0';
	in[1] = '.';
	filename_number(out, in, 7);
	assert_int_equal(strlen(out), 255);
	assert_string_equal(out + 253, "-7");
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_table),
		cmocka_unit_test(test_every_byte),
		cmocka_unit_test(test_long),
		cmocka_unit_test(test_number),
		cmocka_unit_test(test_number_cuts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
