/* SPDX-License-Identifier: ISC */
#include "cli/render.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "cli/field.h"

/* The buffer, and the first failure to write to it. */
struct sink {
	struct buf *to;
	unsigned flags;
	int r;
};

static void
put(struct sink *k, const void *bytes, size_t len)
{
	if (k->r == 0)
		k->r = buf_put(k->to, bytes, len);
}

static void
put_str(struct sink *k, const char *s)
{
	put(k, s, strlen(s));
}

static void
string(struct sink *k, enum escape_style style, const char *s, size_t len)
{
	if (k->r == 0)
		k->r = escape_put(k->to, style, s, len);
}

static void
json_text(struct sink *k, enum escape_style style, const json_t *j)
{
	string(k, style, json_string_value(j), json_string_length(j));
}

static void
paint(struct sink *k, const char *color)
{
	if (k->flags & RENDER_COLOR)
		put_str(k, color);
}

static void
scalar(struct sink *k, const json_t *j)
{
	char digits[24];

	if (json_is_string(j)) {
		put_str(k, "\"");
		json_text(k, ESCAPE_JSON, j);
		put_str(k, "\"");
	} else if (json_is_integer(j)) {
		snprintf(digits, sizeof(digits), "%" JSON_INTEGER_FORMAT,
		    json_integer_value(j));
		put_str(k, digits);
	} else if (json_is_boolean(j)) {
		put_str(k, json_is_true(j) ? "true" : "false");
	} else {
		assert(json_is_null(j));
		put_str(k, "null");
	}
}

static void value(struct sink *k, json_t *j, int depth);

static void
new_line(struct sink *k, int depth)
{
	if (!(k->flags & RENDER_INDENT))
		return;
	put_str(k, "\n");
	while (depth-- > 0)
		put_str(k, "  ");
}

static void
array(struct sink *k, json_t *j, int depth)
{
	json_t *item;
	size_t i;

	put_str(k, "[");
	json_array_foreach(j, i, item)
	{
		put_str(k, i > 0 ? "," : "");
		new_line(k, depth + 1);
		value(k, item, depth + 1);
	}
	if (i > 0)
		new_line(k, depth);
	put_str(k, "]");
}

static void
object(struct sink *k, json_t *j, int depth)
{
	bool some = false;
	const char *key;
	json_t *item;

	put_str(k, "{");
	json_object_foreach(j, key, item)
	{
		put_str(k, some ? "," : "");
		new_line(k, depth + 1);
		paint(k, "\033[1;34m");
		put_str(k, "\"");
		string(k, ESCAPE_JSON, key, strlen(key));
		put_str(k, "\"");
		paint(k, "\033[0m");
		put_str(k, k->flags & RENDER_INDENT ? ": " : ":");
		value(k, item, depth + 1);
		some = true;
	}
	if (some)
		new_line(k, depth);
	put_str(k, "}");
}

static void
value(struct sink *k, json_t *j, int depth)
{
	if (json_is_object(j)) {
		object(k, j, depth);
	} else if (json_is_array(j)) {
		array(k, j, depth);
	} else {
		paint(k, json_is_string(j) ? "\033[32m" : "\033[36m");
		scalar(k, j);
		paint(k, "\033[0m");
	}
}

int
render_json(struct buf *out, json_t *tree, unsigned flags)
{
	struct sink k = { out, flags, 0 };

	value(&k, tree, 0);
	return k.r;
}

/* Its JSON may hold what the style escapes, so it is made apart. */
static void
nested(struct sink *k, enum escape_style style, json_t *j)
{
	struct sink inner = { buf_new(RENDER_MAX), 0, 0 };

	if (!inner.to) {
		k->r = err_set(ERR_NOMEM, "no memory for a record");
		return;
	}
	value(&inner, j, 0);
	if (inner.r < 0)
		k->r = inner.r;
	if (k->r == 0)
		k->r = escape_put(k->to, style, buf_peek(inner.to),
		    buf_len(inner.to));
	buf_free(inner.to);
}

int
render_bare(struct buf *out, json_t *j, enum escape_style style)
{
	struct sink k = { out, 0, 0 };

	if (json_is_string(j))
		json_text(&k, style, j);
	else if (json_is_object(j) || json_is_array(j))
		nested(&k, style, j);
	else if (!json_is_null(j))
		scalar(&k, j);
	return k.r;
}

int
render_get(struct buf *out, json_t *tree, const char *paths, bool safe)
{
	enum escape_style style = safe ? ESCAPE_TEXT : ESCAPE_RAW;
	int r = 0;

	if (strchr(paths, ','))
		style = safe ? ESCAPE_TSV_TEXT : ESCAPE_TSV;
	while (r == 0) {
		const size_t n = strcspn(paths, ",");
		json_t *j = field_find(tree, paths, n);

		if (j)
			r = render_bare(out, j, style);
		if (paths[n] == '\0' || r < 0)
			break;
		r = buf_put(out, "\t", 1);
		paths += n + 1;
	}
	return r;
}
