/* SPDX-License-Identifier: ISC */
/* --get beside jq, which is what its users know. */
#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* cmocka.h needs what stands above */
#include <cmocka.h>

#include "base/attr.h"
#include "cli/render.h"

#define OUT_MAX (1U << 20)

static const char *const strings[] = {
	"",
	" ",
	"plain",
	"a\tb\nc\rd\\e",
	"\\t\\n\\\\",
	"\"quoted\" 'twice'",
	"\x01\x02\x07\b\f\x0b\x1b[2J\x1f\x7f",
	"\xc2\x80\xc2\x9b\u00a0\u00ad",
	"\u061c\u200e\u200f\u202e\u2028\u2029\u2066",
	"\u65e5\u672c\u200b\ufeff\ufffd\ufffe",
	"\U0001f600\U0010ffff",
	"null",
	"-1.5e3",
	"$(id) `id` %s",
	"\n",
	"\n\n\t",
	"ends with \\",
};

static const char *const numbers[] = { "0", "1", "9007199254740991" };

/* Records with every pair of neighbours, and with values of other kinds. */
static json_t *
records(void)
{
	json_t *all = json_array();
	const size_t n = ARRAY_LEN(strings);

	for (size_t i = 0; i < n; i++)
		json_array_append_new(all,
		    json_pack("{s:s,s:{s:s,s:[s,i]}}", "s", strings[i], "in",
			"s", strings[(i + 1) % n], "list", strings[(i + 2) % n],
			(int)i));
	for (size_t i = 0; i < ARRAY_LEN(numbers); i++)
		json_array_append_new(all,
		    json_pack("{s:o,s:{s:b}}", "s",
			json_loads(numbers[i], JSON_DECODE_ANY, NULL), "in",
			"s", (int)i));
	json_array_append_new(all, json_pack("{s:n}", "s"));
	json_array_append_new(all, json_object());
	return all;
}

static void
write_records(const json_t *all, FILE *f)
{
	json_t *record;
	size_t i;

	json_array_foreach(all, i, record)
	{
		json_dumpf(record, f, JSON_COMPACT);
		fputc('\n', f);
	}
	assert_int_equal(fclose(f), 0);
}

/* What jq makes of the records; the caller frees. */
static char *
by_jq(const json_t *all, const char *filter, size_t *len)
{
	char path[] = "/tmp/test_render.XXXXXX", command[512];
	char *out = malloc(OUT_MAX);
	FILE *f;

	assert_non_null(out);
	write_records(all, fdopen(mkstemp(path), "w"));
	snprintf(command, sizeof(command), "jq -r '%s' %s", filter, path);
	f = popen(command, "re");
	assert_non_null(f);
	*len = fread(out, 1, OUT_MAX, f);
	assert_int_equal(pclose(f), 0);
	unlink(path);
	return out;
}

static void
compare(const char *get, const char *filter)
{
	struct buf *ours = buf_new(OUT_MAX);
	json_t *all = records(), *record;
	size_t i, len;
	char *theirs = by_jq(all, filter, &len);

	assert_non_null(ours);
	json_array_foreach(all, i, record)
	{
		assert_int_equal(render_get(ours, record, get, false), 0);
		assert_int_equal(buf_put(ours, "\n", 1), 0);
	}
	assert_true(len > ARRAY_LEN(strings));
	assert_int_equal(buf_len(ours), len);
	assert_memory_equal(buf_peek(ours), theirs, len);
	free(theirs);
	json_decref(all);
	buf_free(ours);
}

/* null and what is not there are empty here */
#define OR_EMPTY " | if . == null then \"\" else . end"

static void
test_raw(void **state)
{
	(void)state;
	compare("s", ".s" OR_EMPTY);
	compare("in.s", ".in.s" OR_EMPTY);
	compare("in.list.0", ".in.list[0]" OR_EMPTY);
	compare("in.list.1", ".in.list[1]" OR_EMPTY);
	compare("in.list.2", ".in.list[2]" OR_EMPTY);
}

static void
test_tsv(void **state)
{
	(void)state;
	compare("s,s", "[.s,.s] | @tsv");
	compare("in.s,s", "[.in.s,.s] | @tsv");
	compare("s,none,in.list.0,in.list.1,in.s",
	    "[.s,.none,.in.list[0],.in.list[1],.in.s] | @tsv");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_raw),
		cmocka_unit_test(test_tsv),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
