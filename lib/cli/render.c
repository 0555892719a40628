/* SPDX-License-Identifier: ISC */
#include "cli/render.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "base/text.h"

#define BAD_BYTE "\xef\xbf\xbd" /* U+FFFD */

/* The buffer, and the first failure to write to it. */
struct sink {
	struct buf *to;
	unsigned flags;
	int r;
};

/* from[i] is written as \ and to[i]. */
struct style {
	const char *from, *to;
	bool controls; /* as \uXXXX */
};

static const struct style in_json = { "\"\\\b\f\n\r\t", "\"\\bfnrt", true };
static const struct style as_text = { "", "", true };
static const struct style raw = { "", "", false };
static const struct style in_tsv = { "\t\n\r\\", "tnr\\", false };
static const struct style tsv_as_text = { "\t\n\r\\", "tnr\\", true };

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

#define SEQ_SIZE 8

static void
spell(char seq[static SEQ_SIZE], uint32_t code)
{
	static const char digits[] = "0123456789abcdef";

	*seq++ = '\\';
	*seq++ = 'u';
	for (int shift = 12; shift >= 0; shift -= 4)
		*seq++ = digits[code >> shift & 0xf];
	*seq = '\0';
}

/* Length of the character at s; seq: what to write instead, "" = itself. */
static size_t
escape(char seq[static SEQ_SIZE], const struct style *style, const uint8_t *s,
    size_t len)
{
	uint32_t code;
	const size_t n = text_utf8(&code, s, len);
	const char *from;

	seq[0] = '\0';
	if (n == 0 || (code == 0 && !style->controls)) {
		memcpy(seq, BAD_BYTE, sizeof(BAD_BYTE));
	} else if (n == 1 && code > 0 && (from = strchr(style->from, s[0]))) {
		seq[0] = '\\';
		seq[1] = style->to[from - style->from];
		seq[2] = '\0';
	} else if (style->controls && text_is_control(code)) {
		spell(seq, code);
	}
	return n > 0 ? n : 1;
}

/* No style has another form for it. */
static bool
is_plain(uint8_t c)
{
	return c >= 0x20 && c < 0x7f && c != '"' && c != '\\';
}

static void
string(struct sink *k, const struct style *style, const uint8_t *s, size_t len)
{
	char seq[SEQ_SIZE];
	size_t done = 0; /* what is before it is written */

	for (size_t at = 0, n = 1; at < len; at += n) {
		n = 1;
		if (is_plain(s[at]))
			continue;
		n = escape(seq, style, s + at, len - at);
		if (!seq[0])
			continue;
		put(k, s + done, at - done);
		put_str(k, seq);
		done = at + n;
	}
	put(k, s + done, len - done);
}

static void
json_text(struct sink *k, const struct style *style, const json_t *j)
{
	string(k, style, (const uint8_t *)json_string_value(j),
	    json_string_length(j));
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
		json_text(k, &in_json, j);
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
		string(k, &in_json, (const uint8_t *)key, strlen(key));
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
nested(struct sink *k, const struct style *style, json_t *j)
{
	struct sink inner = { buf_new(RENDER_MAX), 0, 0 };

	if (!inner.to) {
		k->r = err_set(ERR_NOMEM, "no memory for a record");
		return;
	}
	value(&inner, j, 0);
	if (inner.r < 0)
		k->r = inner.r;
	string(k, style, buf_peek(inner.to), buf_len(inner.to));
	buf_free(inner.to);
}

/* A value without quotes; nothing for null. */
static void
bare(struct sink *k, const struct style *style, json_t *j)
{
	if (json_is_string(j))
		json_text(k, style, j);
	else if (json_is_object(j) || json_is_array(j))
		nested(k, style, j);
	else if (!json_is_null(j))
		scalar(k, j);
}

int
render_values(struct buf *out, json_t *tree)
{
	struct sink k = { out, 0, 0 };
	const char *key;
	json_t *item;

	json_object_foreach(tree, key, item)
	{
		if (strcmp(key, "v") == 0)
			continue;
		if (strcmp(key, "type") != 0)
			put_str(&k, " ");
		bare(&k, &as_text, item);
	}
	return k.r;
}

bool
render_is_paths(const char *paths)
{
	size_t n;

	for (; (n = strcspn(paths, ".,")) > 0; paths += n + 1) {
		if (paths[n] == '\0')
			return true;
	}
	return false;
}

/* The value at a.b.c, or NULL. */
static json_t *
find(json_t *j, const char *path, size_t len)
{
	const char *end = path + len;

	while (j && path < end) {
		const char *dot = memchr(path, '.', (size_t)(end - path));
		const char *stop = dot ? dot : end;

		j = json_object_getn(j, path, (size_t)(stop - path));
		path = dot ? dot + 1 : end;
	}
	return j;
}

int
render_get(struct buf *out, json_t *tree, const char *paths, bool safe)
{
	struct sink k = { out, 0, 0 };
	const struct style *style = safe ? &as_text : &raw;
	json_t *j;

	if (strchr(paths, ','))
		style = safe ? &tsv_as_text : &in_tsv;
	for (;;) {
		const size_t n = strcspn(paths, ",");

		j = find(tree, paths, n);
		if (j)
			bare(&k, style, j);
		if (paths[n] == '\0')
			return k.r;
		put_str(&k, "\t");
		paths += n + 1;
	}
}

int
render_text(struct buf *out, const void *bytes, size_t len)
{
	struct sink k = { out, 0, 0 };

	string(&k, &as_text, bytes, len);
	return k.r;
}

int
render_utf8(struct buf *out, const void *bytes, size_t len)
{
	struct sink k = { out, 0, 0 };

	string(&k, &raw, bytes, len);
	return k.r;
}
