/* SPDX-License-Identifier: ISC */
#include <dirent.h>
#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* cmocka.h needs what stands above */
#include <cmocka.h>

#include "base/buf.h"
#include "base/text.h"
#include "cli/layout.h"
#include "cli/render.h"

#define SCHEMAS "share/schema/v1"
/* 2023-11-15T10:13:20.123Z, twelve hours after the examples */
#define NOW 1700043200123ULL

/* What a stranger may try: all that drives a terminal or widens a text. */
static char nasty[512];

/* Where the locale is UTF-8, and where it is not. */
static const char *const locales[] = { "de_DE.UTF-8", "C" };

static void
put_nasty(uint32_t code)
{
	char *to = nasty + strlen(nasty);

	if (code < 0x80)
		*to++ = (char)code;
	else if (code < 0x800)
		*to++ = (char)(0xc0 | code >> 6);
	else
		*to++ = (char)(0xe0 | code >> 12);
	if (code >= 0x800)
		*to++ = (char)(0x80 | (code >> 6 & 0x3f));
	if (code >= 0x80)
		*to++ = (char)(0x80 | (code & 0x3f));
	*to = '\0';
}

static int
setup(void **state)
{
	(void)state;
	setenv("TZ", "UTC", 1);
	tzset();
	setenv("LC_ALL", locales[0], 1);
	for (uint32_t code = 1; code < 0x3000; code++) {
		if (text_is_control(code))
			put_nasty(code);
	}
	strcat(nasty,
	    "\xe6\x97\xa5\xe2\x80\x8b"
	    "e\xcc\x81\xf0\x9f\x98\x80");
	return 0;
}

/* The record as text; the caller frees. */
static char *
shown(json_t *record)
{
	const struct cell *cells =
	    layout_find(json_string_value(json_object_get(record, "type")));
	struct buf *out = buf_new(RENDER_MAX);
	char *text;

	assert_non_null(out);
	assert_non_null(cells);
	assert_int_equal(cell_put(out, cells, record, NOW), 0);
	assert_int_equal(buf_put(out, "", 1), 0);
	text = strdup((const char *)buf_peek(out));
	assert_non_null(text);
	assert_int_equal(strlen(text) + 1, buf_len(out));
	buf_free(out);
	return text;
}

static void
expect(const char *record, const char *text)
{
	json_t *j = json_loads(record, 0, NULL);
	char *out;

	assert_non_null(j);
	out = shown(j);
	assert_string_equal(out, text);
	free(out);
	json_decref(j);
}

/* --- every type there is -----------------------------------------------------
 */

/* These are never a command's records on stdout: the relay's log has its own
 * text form, and progress is a bar. */
static bool
has_other_form(const char *type)
{
	return strcmp(type, "log") == 0 || strcmp(type, "progress") == 0;
}

/* fn with every example of every schema; how many. */
static size_t
each_example(void (*fn)(json_t *example))
{
	DIR *dir = opendir(SCHEMAS);
	const struct dirent *e;
	size_t n = 0;

	assert_non_null(dir);
	while ((e = readdir(dir)) != NULL) {
		char path[512];
		json_t *schema, *example;
		size_t i;

		if (!strstr(e->d_name, ".json"))
			continue;
		snprintf(path, sizeof(path), SCHEMAS "/%s", e->d_name);
		schema = json_load_file(path, 0, NULL);
		assert_non_null(schema);
		json_array_foreach(json_object_get(schema, "examples"), i,
		    example)
		{
			fn(example);
			n++;
		}
		json_decref(schema);
	}
	closedir(dir);
	return n;
}

static void
check_form(json_t *example)
{
	const char *type = json_string_value(json_object_get(example, "type"));

	if (has_other_form(type)) {
		assert_null(layout_find(type));
		return;
	}
	if (!layout_find(type))
		fail_msg("%s has no row in cli/layout.c", type);
	free(shown(example));
}

static void
test_all_types(void **state)
{
	(void)state;
	assert_true(each_example(check_form) >= 30);
	assert_null(layout_find("common"));
}

/* --- nothing raw leaves ------------------------------------------------------
 */

static json_t *
spoilt(const json_t *j)
{
	json_t *copy, *item;
	const char *key;
	size_t i;

	if (json_is_string(j))
		return json_string(nasty);
	copy = json_copy((json_t *)(uintptr_t)j);
	json_object_foreach(copy, key, item)
	{
		if (strcmp(key, "type") != 0)
			json_object_set_new(copy, key, spoilt(item));
	}
	json_array_foreach(copy, i, item)
	    json_array_set_new(copy, i, spoilt(item));
	return copy;
}

static size_t
lines(const char *text)
{
	size_t n = 1;

	for (; *text; text++)
		n += *text == '\n';
	return n;
}

static void
check_safe(const char *text, bool ascii)
{
	const size_t len = strlen(text);

	for (size_t at = 0, n; at < len; at += n) {
		uint32_t code;

		n = text_utf8(&code, (const uint8_t *)text + at, len - at);
		assert_true(n > 0);
		assert_true(code == '\n' || !text_is_control(code));
		assert_true(!ascii || code < 0x80);
	}
}

static void
check_spoilt(json_t *example)
{
	json_t *bad = spoilt(example);

	for (size_t i = 0; i < ARRAY_LEN(locales); i++) {
		const char *type =
		    json_string_value(json_object_get(example, "type"));
		char *good_text, *bad_text;

		if (has_other_form(type))
			continue;
		setenv("LC_ALL", locales[i], 1);
		good_text = shown(example);
		bad_text = shown(bad);
		check_safe(good_text, i > 0);
		check_safe(bad_text, i > 0);
		/* a text can be ugly, but it cannot begin a line */
		assert_int_equal(lines(bad_text), lines(good_text));
		assert_non_null(strstr(bad_text, "\\u001b"));
		free(good_text);
		free(bad_text);
	}
	json_decref(bad);
}

static void
test_nothing_raw(void **state)
{
	(void)state;
	assert_true(each_example(check_spoilt) >= 30);
}

/* --- how they look -----------------------------------------------------------
 */

#define BOB                                                                  \
	"{\"id\":\"7c21aa90-11de-8b4c-a0f1-0918273645ab\",\"name\":\"bob\"," \
	"\"verified\":true,\"known\":true}"
#define MESSAGE(from, more, body)                              \
	"{\"type\":\"message\",\"from\":" from ",\"sent_at\":" \
	"\"2023-11-15T09:03:20.123Z\"," more "\"body\":\"" body "\"}"

static void
test_message(void **state)
{
	(void)state;
	setenv("LC_ALL", locales[0], 1);
	expect(MESSAGE(BOB, "", "hello"), "09:03 bob \u2713 hello");
	expect(MESSAGE(BOB, "", "two\\nlines\\t\\r\\n\\n"),
	    "09:03 bob \u2713 two\\nlines\\t\\r");
	expect(MESSAGE(BOB, "\"redelivered\":true,", ""),
	    "09:03 bob \u2713 (again) ");
	expect(MESSAGE(BOB, "", "\\u001b[2J\\u202e\\u2028\\u009b\\\\"),
	    "09:03 bob \u2713 \\u001b[2J\\u202e\\u2028\\u009b\\");
	/* who is not verified cannot write a mark of his own */
	expect(MESSAGE("{\"name\":\"eve\",\"verified\":false}", "",
		   "\u2713 trust me"),
	    "09:03 eve ? \u2713 trust me");
	expect(MESSAGE("{\"name\":\"bob\",\"alias\":\"rob\",\"verified\":true}",
		   "", "x"),
	    "09:03 rob \u2713 x");
	expect(MESSAGE("{\"name\":null,\"id\":\"7c21\",\"verified\":false}", "",
		   "x"),
	    "09:03 7c21 ? x");
}

static void
test_not_utf8_locale(void **state)
{
	(void)state;
	setenv("LC_ALL", "C", 1);
	expect(MESSAGE(BOB, "", "gr\u00fc\u00df \u2713 \U0001f600\ufffd"),
	    "09:03 bob + gr\\u00fc\\u00df \\u2713 \\U0001f600\\ufffd");
}

static void
test_time_zone(void **state)
{
	(void)state;
	setenv("LC_ALL", locales[0], 1);
	setenv("TZ", "XYZ-14", 1);
	tzset();
	/* an hour ago it was yesterday there */
	expect(MESSAGE(BOB, "", "x"), "2023-11-15 23:03 bob \u2713 x");
	expect("{\"type\":\"message\",\"from\":" BOB ",\"sent_at\":"
	       "\"2023-11-15T10:00:00.999Z\",\"body\":\"x\"}",
	    "00:00 bob \u2713 x");
	setenv("TZ", "UTC", 1);
	tzset();
	expect("{\"type\":\"message\",\"from\":" BOB ",\"sent_at\":"
	       "\"\\u001b\",\"body\":\"x\"}",
	    "\\u001b bob \u2713 x");
}

static void
test_events(void **state)
{
#define EVENT(type, more)                                      \
	"{\"type\":\"" type "\",\"from\":" BOB ",\"sent_at\":" \
	"\"2023-11-14T22:13:20.123Z\",\"received_at\":"        \
	"\"2023-11-15T00:00:00.000Z\"," more "}"
	(void)state;
	setenv("LC_ALL", locales[0], 1);
	expect(EVENT("file",
		   "\"name\":\"a b\",\"path\":\"in/a b\",\"size_bytes\":"
		   "1500000"),
	    "2023-11-14 22:13 bob \u2713 file in/a b (1.4 MiB)");
	expect(EVENT("file_offer",
		   "\"name\":\"a b\",\"size_bytes\":null,\"error\":"
		   "\"too_large\""),
	    "2023-11-14 22:13 bob \u2713 offers a file: a b: too large");
	/* what is the relay's word has no mark */
	expect(EVENT("key_request", "\"session\":\"request_received\""),
	    "00:00 bob asks for a key: request received");
	expect(EVENT("key_request",
		   "\"session\":\"request_received\","
		   "\"authenticated\":true"),
	    "00:00 bob asks for a key: request received, authenticated");
	expect(EVENT("key_received", "\"session\":\"established\""),
	    "00:00 bob \u2713 has sent a key: established");
	expect(EVENT("gap", "\"missing\":[3,5]"),
	    "00:00 bob \u2713 messages 3 to 5 are missing");
	expect(EVENT("undecryptable", "\"error\":\"too_far\""),
	    "00:00 bob a message that cannot be read: too far");
}

static void
test_oneself(void **state)
{
	(void)state;
	expect("{\"type\":\"identity\",\"name\":\"alice\",\"id\":\"0189\","
	       "\"fingerprint\":\"3b3b\",\"issued_at\":null,\"relay\":null}",
	    "alice\n  id           0189\n  fingerprint  3b3b");
	expect(
	    "{\"type\":\"fingerprint\",\"fingerprint\":\"3b3b\",\"peer\":" BOB
	    ",\"safety_number\":\"012345678901\"}",
	    "own fingerprint  3b3b\nsafety number with bob\n"
	    "  01234 56789 01");
	expect(
	    "{\"type\":\"status\",\"identity\":{\"name\":\"alice\","
	    "\"issued_at\":\"2023-11-15T10:13:00.000Z\"},"
	    "\"last_contact\":\"2023-11-12T22:13:20.123Z\","
	    "\"inbox\":{\"new\":2,\"shown\":0,\"oldest_at\":"
	    "\"2023-11-14T22:13:20.123Z\"},\"outbox\":{\"queued\":3,\"sealed\":0,"
	    "\"in_doubt\":1,\"oldest_at\":null}}",
	    "alice\n  keys signed   just now\n"
	    "  last contact  2 days ago (2023-11-12 22:13)\n"
	    "  inbox         2 new, 0 half printed, the oldest 12 h ago\n"
	    "  outbox        3 queued, 0 being sent, 1 in doubt");
}

/* --- columns -----------------------------------------------------------------
 */

#define SENT(to)                                                        \
	"{\"type\":\"sent\",\"status\":\"failed\",\"to\":{\"id\":null," \
	"\"name\":\"" to "\"},\"error\":{\"message\":\"no\"}}"

static void
test_columns(void **state)
{
	(void)state;
	setenv("LC_ALL", locales[0], 1);
	expect(SENT("bob"), "bob               failed: no");
	/* two columns a character; none */
	expect(SENT("\u65e5\u672c"), "\u65e5\u672c              failed: no");
	expect(SENT("e\u0301\u0300x"),
	    "e\u0301\u0300x                failed: no");
	expect(SENT("a\u200bb\ufeff"),
	    "a\u200bb\ufeff                failed: no");
	/* an escape is as wide as it looks */
	expect(SENT("\\u001bb"), "\\u001bb           failed: no");
	/* who is wider moves the rest of his own line */
	expect(SENT("0123456789abcdef012"), "0123456789abcdef012  failed: no");
	expect("{\"type\":\"sent\",\"status\":\"failed\",\"to\":{\"id\":null,"
	       "\"name\":null},\"line\":7,\"ref\":\"a\",\"error\":{"
	       "\"message\":\"no\"}}",
	    "?                 failed  line 7 ref a: no");
	setenv("LC_ALL", "C", 1);
	expect(SENT("\u65e5"), "\\u65e5            failed: no");
	expect("{\"type\":\"client\",\"name\":\"bob\",\"session\":\"none\","
	       "\"verified\":false,\"id\":\"7c21\",\"relay_name\":\"b\\n\"}",
	    "bob               none                        7c21  called b\\n");
	expect("{\"type\":\"client\",\"name\":\"x\",\"session\":"
	       "\"request_received\",\"verified\":true,\"id\":\"7c21\"}",
	    "x                 request received  verified  7c21");
}

static void
test_full_buffer(void **state)
{
	json_t *j = json_loads(MESSAGE(BOB, "", "hello"), 0, NULL);

	(void)state;
	for (size_t max = 0; max < sizeof("09:03 bob + hello") - 1; max++) {
		struct buf *out = buf_new(max);

		assert_true(cell_put(out, layout_find("message"), j, NOW) < 0);
		buf_free(out);
	}
	json_decref(j);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_all_types),
		cmocka_unit_test(test_nothing_raw),
		cmocka_unit_test(test_message),
		cmocka_unit_test(test_not_utf8_locale),
		cmocka_unit_test(test_time_zone),
		cmocka_unit_test(test_events),
		cmocka_unit_test(test_oneself),
		cmocka_unit_test(test_columns),
		cmocka_unit_test(test_full_buffer),
	};

	return cmocka_run_group_tests(tests, setup, NULL);
}
