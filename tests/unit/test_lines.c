/* SPDX-License-Identifier: ISC */
#include "cli/lines.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/err.h"

#define MAX 10

/* A stream whose other end is ours. */
struct stream {
	int in, out;
	struct lines *lines;
};

static int
open_stream(void **state)
{
	struct stream *s = calloc(1, sizeof(*s));
	int fds[2];

	if (!s || pipe(fds) < 0)
		return -1;
	s->out = fds[0];
	s->in = fds[1];
	s->lines = lines_new(s->out, "a pipe", '\n', MAX);
	*state = s;
	return s->lines ? 0 : -1;
}

static void
end_stream(struct stream *s)
{
	if (s->in >= 0)
		close(s->in);
	s->in = -1;
}

static int
close_stream(void **state)
{
	struct stream *s = *state;

	end_stream(s);
	close(s->out);
	lines_free(s->lines);
	free(s);
	return 0;
}

static void
write_bytes(struct stream *s, const void *bytes, size_t len)
{
	assert_int_equal(write(s->in, bytes, len), len);
}

static void
say(struct stream *s, const char *text)
{
	write_bytes(s, text, strlen(text));
}

static void
is_line(struct stream *s, const char *text)
{
	enum lines_got got;
	const uint8_t *line;
	size_t len;

	assert_int_equal(lines_next(s->lines, false, &got, &line, &len), 0);
	assert_int_equal(got, LINES_LINE);
	assert_int_equal(len, strlen(text));
	assert_memory_equal(line, text, len);
}

static void
is(struct stream *s, enum lines_got what)
{
	enum lines_got got;
	const uint8_t *line;
	size_t len;

	assert_int_equal(lines_next(s->lines, false, &got, &line, &len), 0);
	assert_int_equal(got, what);
}

static void
gives_what_is_there(void **state)
{
	struct stream *s = *state;

	is(s, LINES_NOTHING);
	say(s, "one\n\nthree\nfo");
	is_line(s, "one");
	is_line(s, "");
	is_line(s, "three");
	is(s, LINES_NOTHING);
	say(s, "ur\nfive");
	is_line(s, "four");
	is(s, LINES_NOTHING);
	end_stream(s);
	is_line(s, "five");
	is(s, LINES_END);
	is(s, LINES_END);
}

static void
has_no_line_after_the_last_end(void **state)
{
	struct stream *s = *state;

	say(s, "one\n");
	end_stream(s);
	is_line(s, "one");
	is(s, LINES_END);
}

static void
leaves_out_what_is_too_long(void **state)
{
	struct stream *s = *state;
	static char much[50000];

	say(s, "0123456789\n01234567890\nx\n");
	is_line(s, "0123456789");
	is(s, LINES_LONG);
	is_line(s, "x");
	memset(much, 'y', sizeof(much));
	for (int i = 0; i < 4; i++) {
		write_bytes(s, much, sizeof(much));
		is(s, LINES_NOTHING);
	}
	say(s, "\nz");
	is(s, LINES_LONG);
	end_stream(s);
	is_line(s, "z");
	is(s, LINES_END);
}

static void
may_end_in_a_long_one(void **state)
{
	struct stream *s = *state;

	say(s, "01234567890123456789");
	is(s, LINES_NOTHING);
	end_stream(s);
	is(s, LINES_LONG);
	is(s, LINES_END);
}

static void
takes_any_end_and_byte(void **state)
{
	struct stream *s = *state;

	lines_free(s->lines);
	s->lines = lines_new(s->out, "a pipe", '\0', MAX);
	assert_non_null(s->lines);
	write_bytes(s, "a\nb\0\xff\0\0", 7);
	is_line(s, "a\nb");
	is_line(s, "\xff");
	is_line(s, "");
	is(s, LINES_NOTHING);
}

static void
tells_a_broken_stream(void **state)
{
	struct stream *s = *state;
	enum lines_got got;
	const uint8_t *line;
	size_t len;

	lines_free(s->lines);
	s->lines = lines_new(-1, "a pipe", '\n', MAX);
	assert_non_null(s->lines);
	assert_int_equal(lines_next(s->lines, true, &got, &line, &len), ERR_IO);
	assert_non_null(strstr(err_last()->message, "a pipe"));
}

#define FRESH(test) \
	cmocka_unit_test_setup_teardown(test, open_stream, close_stream)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		FRESH(gives_what_is_there),
		FRESH(has_no_line_after_the_last_end),
		FRESH(leaves_out_what_is_too_long),
		FRESH(may_end_in_a_long_one),
		FRESH(takes_any_end_and_byte),
		FRESH(tells_a_broken_stream),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
