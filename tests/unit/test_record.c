/* SPDX-License-Identifier: ISC */
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <setjmp.h>
#include <sodium.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* cmocka.h needs what stands above */
#include <cmocka.h>

#include "base/err.h"
#include "base/text.h"
#include "capture.h"
#include "cli/record.h"

#define HEAD "{\"v\":1,\"type\":\"demo\","

static const uint8_t id[16] = { 0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0x8c, 0xdd,
	0x9e, 0xff, 0x00, 0x10, 0x20, 0x30, 0x40, 0x50 };

/* What record_emit writes; the caller frees. */
static char *
emitted(struct record *r, bool tty)
{
	struct capture c;
	char *out;
	size_t len;
	int code;

	if (tty)
		capture_begin_tty(&c, STDOUT_FILENO);
	else
		capture_begin(&c, STDOUT_FILENO);
	code = record_emit(r);
	out = capture_end(&c, &len);
	assert_int_equal(code, 0);
	assert_int_equal(strlen(out), len);
	return out;
}

static void
expect(struct record *r, const char *line)
{
	char *out = emitted(r, false);

	assert_string_equal(out, line);
	free(out);
}

static void
setup(const struct settings *s)
{
	assert_int_equal(record_setup(s), 0);
}

/* The same with stdout a terminal: what record_setup looks at. */
static void
setup_tty(const struct settings *s)
{
	struct capture c;
	size_t len;

	capture_begin_tty(&c, STDOUT_FILENO);
	setup(s);
	free(capture_end(&c, &len));
}

static int
plainly(void **state)
{
	static const struct settings none;

	(void)state;
	return record_setup(&none);
}

static void
test_fields(void **state)
{
	struct record *r = record_new("demo");

	(void)state;
	record_str(r, "z", "b\xc3\xa4");
	record_int(r, "n", (1ULL << 53) - 1);
	record_bool(r, "yes", true);
	record_bool(r, "no", false);
	record_id(r, "id", id);
	record_time(r, "at", 1700000000123);
	record_hex(r, "hex", id, 3);
	record_base64(r, "base64", id, 4);
	expect(r,
	    HEAD "\"z\":\"b\xc3\xa4\",\"n\":9007199254740991,\"yes\":true,"
		 "\"no\":false,\"id\":\"01234567-89ab-8cdd-9eff-001020304050\","
		 "\"at\":\"2023-11-14T22:13:20.123Z\",\"hex\":\"012345\","
		 "\"base64\":\"ASNFZw==\"}\n");
}

static void
test_null(void **state)
{
	struct record *r = record_new("demo");

	(void)state;
	record_str(r, "a", NULL);
	record_id(r, "b", NULL);
	record_hex(r, "c", NULL, 32);
	record_hex(r, "d", id, 0);
	record_base64(r, "e", NULL, 0);
	expect(r,
	    HEAD "\"a\":null,\"b\":null,\"c\":null,\"d\":null,\"e\":null}\n");
}

static struct record *
nested(void)
{
	struct record *r = record_new("demo");

	record_begin(r, "from");
	record_str(r, "name", "bob");
	record_begin(r, "deep");
	record_bool(r, "known", false);
	record_str(r, "nil", NULL);
	record_end(r);
	record_end(r);
	record_begin(r, "missing");
	record_int(r, NULL, 3);
	record_int(r, NULL, 5);
	record_end(r);
	record_begin(r, "empty");
	record_end(r);
	record_str(r, "body", "a\tb\nc\\d\r");
	return r;
}

static void
test_nested(void **state)
{
	(void)state;
	expect(nested(),
	    HEAD "\"from\":{\"name\":\"bob\",\"deep\":{\"known\":false,"
		 "\"nil\":null}},\"missing\":[3,5],\"empty\":{},\"body\":"
		 "\"a\\tb\\nc\\\\d\\r\"}\n");
}

static size_t
put_utf8(char *out, uint32_t c)
{
	static const struct {
		uint32_t below;
		unsigned lead;
	} forms[] = { { 0x80, 0 }, { 0x800, 0xc0 }, { 0x10000, 0xe0 },
		{ 0x110000, 0xf0 } };
	size_t n = 0;

	while (c >= forms[n].below)
		n++;
	out[0] = (char)(forms[n].lead | c >> (6 * n));
	for (size_t i = 1; i <= n; i++)
		out[i] = (char)(0x80 | (c >> (6 * (n - i)) & 0x3f));
	return n + 1;
}

/* How the character must stand in a JSON string. */
static size_t
put_json(char *out, uint32_t c)
{
	static const char from[] = "\b\t\n\f\r\"\\", to[] = "btnfr\"\\";
	const char *p = c > 0 && c < 0x80 ? strchr(from, (int)c) : NULL;

	if (p)
		return (size_t)sprintf(out, "\\%c", to[p - from]);
	if (text_is_control(c))
		return (size_t)sprintf(out, "\\u%04x", c);
	return put_utf8(out, c);
}

/* Every character there is, a few thousand a record. */
static void
test_characters(void **state)
{
	static char in[4 * 4096 + 1], want[6 * 4096 + 128];
	size_t escaped = 0;

	(void)state;
	for (uint32_t first = 1; first < 0x110000; first += 4096) {
		size_t n = 0, w = (size_t)sprintf(want, HEAD "\"s\":\"");
		struct record *r = record_new("demo");

		for (uint32_t c = first; c < first + 4096 && c < 0x110000;
		     c++) {
			if (c >= 0xd800 && c < 0xe000)
				continue;
			n += put_utf8(in + n, c);
			w += put_json(want + w, c);
			escaped += text_is_control(c);
		}
		in[n] = '\0';
		memcpy(want + w, "\"}\n", 4);
		record_str(r, "s", in);
		expect(r, want);
	}
	assert_int_equal(escaped, 31 + 33 + 1 + 2 + 7 + 4);
}

static void
test_not_utf8(void **state)
{
	static const char *const cases[][2] = {
		{ "a\xff"
		  "b",
		    "a\xef\xbf\xbd"
		    "b" },
		{ "\xc0\x80", "\xef\xbf\xbd\xef\xbf\xbd" },
		{ "\xed\xa0\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd" },
		{ "\xe2\x82", "\xef\xbf\xbd\xef\xbf\xbd" },
		{ "\xf4\x90\x80\x80",
		    "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd" },
	};
	char want[128];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct record *r = record_new("demo");

		record_str(r, "s", cases[i][0]);
		snprintf(want, sizeof(want), HEAD "\"s\":\"%s\"}\n",
		    cases[i][1]);
		expect(r, want);
	}
}

/* The record of a body, parsed by another hand. */
static json_t *
body(const uint8_t *bytes, size_t len)
{
	struct buf *out = buf_new(64U << 20);
	struct record *r = record_new("demo");
	json_error_t e;
	json_t *j;

	assert_non_null(out);
	record_body(r, bytes, len);
	assert_int_equal(record_json(r, out), 0);
	record_free(r);
	assert_int_equal(buf_peek(out)[buf_len(out) - 1], '\n');
	j = json_loadb((const char *)buf_peek(out), buf_len(out),
	    JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &e);
	if (!j)
		fail_msg("%s", e.text);
	buf_free(out);
	return j;
}

/* What body and body_base64 must be, told by jansson and libsodium. */
static void
check_body(const uint8_t *bytes, size_t len)
{
	json_t *j = body(bytes, len);
	json_t *text = json_object_get(j, "body");
	json_t *exact = json_object_get(j, "body_base64");
	json_t *valid = json_stringn((const char *)bytes, len);
	uint8_t *back = malloc(len + 1);
	size_t n;

	assert_non_null(back);
	assert_int_equal(json_integer_value(json_object_get(j, "size_bytes")),
	    len);
	assert_true(json_is_string(text));
	if (valid && !memchr(bytes, 0, len)) {
		assert_null(exact);
		assert_true(json_equal(text, valid));
	} else {
		assert_true(json_is_string(exact));
		assert_int_equal(sodium_base642bin(back, len,
				     json_string_value(exact),
				     json_string_length(exact), NULL, &n, NULL,
				     sodium_base64_VARIANT_ORIGINAL),
		    0);
		assert_int_equal(n, len);
		assert_memory_equal(back, bytes, len);
		assert_null(memchr(json_string_value(text), 0,
		    json_string_length(text)));
		assert_non_null(
		    strstr(json_string_value(text), "\xef\xbf\xbd"));
	}
	free(back);
	json_decref(valid);
	json_decref(j);
}

static void
test_bodies(void **state)
{
	uint8_t bytes[400];
	uint32_t rounds[2] = { 0, 0 };

	(void)state;
	check_body((const uint8_t *)"", 0);
	for (int i = 0; i < 10000; i++) {
		const size_t len = 1 + randombytes_uniform(sizeof(bytes) - 8);
		const uint32_t mask = i % 2 ? 0xff : 0x7f;
		size_t n = 0;

		while (n < len && i % 4 != 3)
			bytes[n++] = (uint8_t)(randombytes_random() & mask);
		while (n < len)
			n += put_utf8((char *)bytes + n,
			    1 + randombytes_uniform(0xd7ff));
		check_body(bytes, n);
		rounds[memchr(bytes, 0, n) == NULL]++;
	}
	assert_true(rounds[0] > 1000 && rounds[1] > 1000);
}

static void
test_large(void **state)
{
	const size_t len = 1U << 20;
	uint8_t *bytes = malloc(len);

	(void)state;
	assert_non_null(bytes);
	for (const uint8_t *fill = (const uint8_t *)"\x01\xff\"a"; *fill;
	     fill++) {
		memset(bytes, *fill, len);
		check_body(bytes, len);
	}
	memset(bytes, 0, len);
	check_body(bytes, len);
	free(bytes);
}

static void
test_get(void **state)
{
	static const char *const cases[][2] = {
		{ "from.name", "bob\n" },
		{ "type", "demo\n" },
		{ "v", "1\n" },
		{ "from.deep.known", "false\n" },
		{ "from.deep.nil", "\n" },
		{ "nope", "\n" },
		{ "nope.a", "\n" },
		{ "from.name.a", "\n" },
		{ "fr", "\n" },
		{ "missing", "[3,5]\n" },
		{ "missing.0", "3\n" },
		{ "missing.1", "5\n" },
		{ "missing.01", "5\n" },
		{ "missing.2", "\n" },
		{ "missing.-1", "\n" },
		{ "missing.x", "\n" },
		{ "missing.0.0", "\n" },
		{ "missing.18446744073709551617", "\n" },
		{ "empty.0", "\n" },
		{ "from",
		    "{\"name\":\"bob\",\"deep\":{\"known\":false,"
		    "\"nil\":null}}\n" },
		{ "body", "a\tb\nc\\d\r\n" },
		{ "type,nope,body,v", "demo\t\ta\\tb\\nc\\\\d\\r\t1\n" },
		{ "nope,from.deep.nil", "\t\n" },
	};
	struct settings s = { 0 };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		s.get = cases[i][0];
		setup(&s);
		expect(nested(), cases[i][1]);
	}
	s.get = "quote,quote";
	setup(&s);
	for (int i = 0; i < 2; i++) {
		struct record *r = record_new("demo");

		record_begin(r, "quote");
		record_str(r, "s", "\"\n\x1b");
		record_end(r);
		expect(r,
		    i ? "{\"s\":\"\\\"\\n\\u001b\"}\n"
		      : "{\"s\":\"\\\\\"\\\\n\\\\u001b\"}\t"
			"{\"s\":\"\\\\\"\\\\n\\\\u001b\"}\n");
		s.get = "quote";
	}
}

static void
test_get_refused(void **state)
{
	static const char *const bad[] = { "", ",", ".", "a,", ",a", "a,,b",
		"a.", ".a", "a..b", "a,.b", "a.,b" };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		const struct settings s = { .get = bad[i] };

		assert_int_equal(record_setup(&s), ERR_USAGE);
	}
}

static void
test_get_tty(void **state)
{
	struct settings s = { .get = "body" };
	struct record *r;
	char *out;

	(void)state;
	setup_tty(&s);
	out = emitted(nested(), true);
	assert_string_equal(out, "a\\tb\\nc\\d\\r\n");
	free(out);
	s.get = "body,esc";
	r = nested();
	record_str(r, "esc", "\x1b[m\xe2\x80\xae");
	out = emitted(r, true);
	assert_string_equal(out, "a\\tb\\nc\\\\d\\r\t\\u001b[m\\u202e\n");
	free(out);
}

static void
test_text(void **state)
{
	const struct settings s = { .text = true };
	struct record *r = record_new("address");

	(void)state;
	setup(&s);
	record_str(r, "address", "here\n\x1b\xff");
	setenv("LC_ALL", "C.UTF-8", 1);
	expect(r, "here\\n\\u001b\xef\xbf\xbd\n");
	/* a type that has no form but this one */
	r = record_new("demo");
	record_str(r, "a", "x\ty");
	expect(r, HEAD "\"a\":\"x\\ty\"}\n");
}

static void
test_text_get(void **state)
{
	const struct settings s = { .text = true, .get = "body" };

	(void)state;
	setup(&s);
	expect(nested(), "a\\tb\\nc\\d\\r\n");
}

static void
test_tty(void **state)
{
	const struct settings s = { .color = "never" };
	char *out;

	(void)state;
	setup_tty(&s);
	out = emitted(nested(), true);
	assert_string_equal(out,
	    "{\n  \"v\": 1,\n  \"type\": \"demo\",\n  \"from\": {\n"
	    "    \"name\": \"bob\",\n    \"deep\": {\n"
	    "      \"known\": false,\n      \"nil\": null\n    }\n  },\n"
	    "  \"missing\": [\n    3,\n    5\n  ],\n  \"empty\": {},\n"
	    "  \"body\": \"a\\tb\\nc\\\\d\\r\"\n}\n");
	free(out);
}

static void
test_color(void **state)
{
	static const struct {
		const char *option, *no_color, *term;
		bool tty, colored;
	} cases[] = {
		{ NULL, NULL, "xterm", true, true },
		{ NULL, NULL, NULL, true, false },
		{ NULL, NULL, "", true, false },
		{ NULL, "", "xterm", true, true },
		{ NULL, "1", "xterm", true, false },
		{ NULL, NULL, "dumb", true, false },
		{ NULL, NULL, "xterm", false, false },
		{ "auto", NULL, "xterm", true, true },
		{ "auto", "1", "xterm", true, false },
		{ "never", NULL, "xterm", true, false },
		{ "always", NULL, "xterm", false, true },
		{ "always", "1", "dumb", false, true },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		const struct settings s = { .color = cases[i].option };
		char *out;

		unsetenv("NO_COLOR");
		unsetenv("TERM");
		if (cases[i].no_color)
			setenv("NO_COLOR", cases[i].no_color, 1);
		if (cases[i].term)
			setenv("TERM", cases[i].term, 1);
		(cases[i].tty ? setup_tty : setup)(&s);
		out = emitted(nested(), cases[i].tty);
		assert_int_equal(strchr(out, '\033') != NULL, cases[i].colored);
		assert_int_equal(strstr(out, "\n  ") != NULL, cases[i].tty);
		free(out);
	}
}

/* Colors and white space are all that depends on the form. */
static void
test_color_strips(void **state)
{
	const struct settings s = { .color = "always" };
	char *out, *to;

	(void)state;
	setup(&s);
	out = to = emitted(nested(), false);
	for (const char *p = out; *p; p++) {
		if (*p == '\033')
			p = strchr(p, 'm');
		else
			*to++ = *p;
	}
	*to = '\0';
	plainly(NULL);
	expect(nested(), out);
	free(out);
}

static void
test_error(void **state)
{
	struct record *r = record_new("demo");

	(void)state;
	(void)err_set(ERR_BUSY, "full\x1b");
	record_error(r, ERR_BUSY);
	expect(r,
	    HEAD "\"error\":{\"code\":\"relay_busy\","
		 "\"message\":\"full\\u001b\"}}\n");
	r = record_new("demo");
	record_error(r, ERR_NO_SESSION);
	expect(r,
	    HEAD "\"error\":{\"code\":\"no_session\","
		 "\"message\":\"no session\"}}\n");
}

static void
test_output_fails(void **state)
{
	const int full = open("/dev/full", O_WRONLY | O_CLOEXEC);
	const int saved = dup(STDOUT_FILENO);
	int code;

	(void)state;
	assert_true(full >= 0 && saved >= 0);
	dup2(full, STDOUT_FILENO);
	code = record_emit(nested());
	dup2(saved, STDOUT_FILENO);
	close(saved);
	close(full);
	assert_int_equal(code, ERR_IO);
	assert_int_equal(err_last()->number, ENOSPC);
}

static void
test_no_memory(void **state)
{
	struct buf *small = buf_new(16);
	struct record *r = nested();

	(void)state;
	record_str(NULL, "a", "b");
	record_body(NULL, id, 3);
	record_begin(NULL, "a");
	record_end(NULL);
	assert_int_equal(record_emit(NULL), ERR_NOMEM);
	assert_int_equal(err_last()->code, ERR_NOMEM);
	assert_int_equal(record_json(r, small), ERR_INTERNAL);
	record_free(r);
	record_free(NULL);
	buf_free(small);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_fields),
		cmocka_unit_test(test_null),
		cmocka_unit_test(test_nested),
		cmocka_unit_test(test_characters),
		cmocka_unit_test(test_not_utf8),
		cmocka_unit_test(test_bodies),
		cmocka_unit_test(test_large),
		cmocka_unit_test_teardown(test_get, plainly),
		cmocka_unit_test_teardown(test_get_refused, plainly),
		cmocka_unit_test_teardown(test_get_tty, plainly),
		cmocka_unit_test_teardown(test_text, plainly),
		cmocka_unit_test_teardown(test_text_get, plainly),
		cmocka_unit_test_teardown(test_tty, plainly),
		cmocka_unit_test_teardown(test_color, plainly),
		cmocka_unit_test_teardown(test_color_strips, plainly),
		cmocka_unit_test(test_error),
		cmocka_unit_test(test_output_fails),
		cmocka_unit_test(test_no_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
