/* SPDX-License-Identifier: ISC */
#include "kat.h"

#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

/* cmocka.h needs what stands above */
#include <cmocka.h>

#include "base/text.h"

static json_t *
load(const char *dir, const char *file)
{
	char path[PATH_MAX];
	json_error_t e;
	json_t *j;

	snprintf(path, sizeof(path), "%s/%s", dir, file);
	j = json_load_file(path, JSON_REJECT_DUPLICATES, &e);
	if (!j)
		fail_msg("%s:%d: %s", path, e.line, e.text);
	return j;
}

json_t *
kat_load(const char *file)
{
	return load("tests/unit/vectors", file);
}

json_t *
kat_published(const char *file)
{
	const char *dir = getenv("SENTINEL_VECTORS");
	struct stat st;

	if (!dir)
		dir = "../shared/vectors";
	if (stat(dir, &st) != 0) {
		print_message("%s: no published vectors in %s\n", file, dir);
		return NULL;
	}
	return load(dir, file);
}

json_t *
kat_get(const json_t *obj, const char *key)
{
	json_t *j = json_object_get(obj, key);

	if (!j)
		fail_msg("no \"%s\"", key);
	return j;
}

size_t
kat_unhex(uint8_t *out, size_t cap, const json_t *string)
{
	const size_t len = json_string_length(string) / 2;

	if (!json_is_string(string) || len > cap ||
	    text_unhex(out, len, json_string_value(string)) != 0)
		fail_msg("not hex, or over %zu bytes", cap);
	return len;
}

size_t
kat_hex(uint8_t *out, size_t cap, const json_t *obj, const char *key)
{
	return kat_unhex(out, cap, kat_get(obj, key));
}

const char *
kat_text(const json_t *obj, const char *key)
{
	const json_t *j = kat_get(obj, key);

	if (!json_is_string(j))
		fail_msg("\"%s\" is no string", key);
	return json_string_value(j);
}

uint64_t
kat_number(const json_t *obj, const char *key)
{
	const json_t *j = kat_get(obj, key);

	if (!json_is_integer(j) || json_integer_value(j) < 0)
		fail_msg("\"%s\" is no number", key);
	return (uint64_t)json_integer_value(j);
}

void
kat_wycheproof(const char *file, kat_fn fn)
{
	json_t *j = kat_published(file);
	size_t i, k, n = 0;
	json_t *group, *test;

	if (!j)
		skip();
	json_array_foreach(kat_get(j, "testGroups"), i, group)
	{
		json_array_foreach(kat_get(group, "tests"), k, test)
		{
			fn(group, test);
			n++;
		}
	}
	assert_int_equal(n, kat_number(j, "numberOfTests"));
	print_message("%s: %zu vectors\n", file, n);
	json_decref(j);
}
