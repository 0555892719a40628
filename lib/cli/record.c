/* SPDX-License-Identifier: ISC */
#include "cli/record.h"

#include <assert.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/file.h"
#include "base/text.h"
#include "cli/escape.h"
#include "cli/field.h"
#include "cli/layout.h"
#include "cli/render.h"

#define DEPTH_MAX  4
#define ID_BYTES   16
#define NUMBER_MAX ((1ULL << 53) - 1) /* beyond it readers round */

/* An object or array being filled; it has no kind before its first item. */
struct level {
	const char *key; /* in the level above */
	json_t *items;
};

struct record {
	struct level levels[DEPTH_MAX];
	size_t top;
	struct buf *scratch; /* a value on its way; at last the output */
	int fault;           /* the first */
};

static const struct settings unset;

static struct {
	const struct settings *s;
	bool tty;
	bool color;
} form = { .s = &unset };

static bool
is_colored(const struct settings *s, bool tty)
{
	const char *no_color = getenv("NO_COLOR");
	const char *term = getenv("TERM");

	if (s->color && strcmp(s->color, "auto") != 0)
		return strcmp(s->color, "always") == 0;
	if (no_color && no_color[0])
		return false;
	return tty && term && term[0] && strcmp(term, "dumb") != 0;
}

int
record_setup(const struct settings *s)
{
	form.s = s;
	form.tty = isatty(STDOUT_FILENO) != 0;
	form.color = is_colored(s, form.tty);
	if (s->get && !field_is_list(s->get))
		return err_set(ERR_USAGE, "--get: not a list of fields: %s",
		    s->get);
	return 0;
}

struct record *
record_new(const char *type)
{
	struct record *r = calloc(1, sizeof(*r));

	if (!r)
		return NULL;
	r->scratch = buf_new(RENDER_MAX);
	if (!r->scratch)
		r->fault = ERR_NOMEM;
	record_int(r, "v", 1);
	record_str(r, "type", type);
	return r;
}

void
record_free(struct record *r)
{
	if (!r)
		return;
	for (size_t i = 0; i < DEPTH_MAX; i++)
		json_decref(r->levels[i].items);
	buf_free(r->scratch);
	free(r);
}

static bool
is_sound(const struct record *r)
{
	return r && r->fault == 0;
}

static void
note(struct record *r, int code)
{
	if (r->fault == 0)
		r->fault = code;
}

/* Takes item, NULL when there was no memory for it, over. */
static void
put(struct record *r, const char *key, json_t *item)
{
	struct level *top;
	int failed;

	if (!is_sound(r)) {
		json_decref(item);
		return;
	}
	top = &r->levels[r->top];
	if (!top->items)
		top->items = key ? json_object() : json_array();
	assert(!top->items || json_is_object(top->items) == (key != NULL));
	failed = key ? json_object_set_new_nocheck(top->items, key, item)
		     : json_array_append_new(top->items, item);
	if (failed)
		r->fault = ERR_NOMEM;
}

static void
put_bytes(struct record *r, const char *key, const void *bytes, size_t len)
{
	put(r, key, json_stringn_nocheck(bytes, len));
}

/* Any bytes, as the nearest text, which stays in r->scratch. */
static void
put_text(struct record *r, const char *key, const void *bytes, size_t len)
{
	if (!is_sound(r))
		return;
	buf_clear(r->scratch);
	note(r, escape_put(r->scratch, ESCAPE_RAW, bytes, len));
	put_bytes(r, key, buf_peek(r->scratch), buf_len(r->scratch));
}

void
record_str(struct record *r, const char *key, const char *s)
{
	if (s)
		put_text(r, key, s, strlen(s));
	else
		put(r, key, json_null());
}

void
record_int(struct record *r, const char *key, uint64_t n)
{
	assert(n <= NUMBER_MAX);
	put(r, key, json_integer((json_int_t)n));
}

void
record_bool(struct record *r, const char *key, bool b)
{
	put(r, key, json_boolean(b));
}

void
record_id(struct record *r, const char *key, const uint8_t *id)
{
	char hex[TEXT_HEX_SIZE(ID_BYTES)];
	char uuid[sizeof(hex) + 4];

	if (!id) {
		put(r, key, json_null());
		return;
	}
	text_hex(hex, id, ID_BYTES);
	snprintf(uuid, sizeof(uuid), "%.8s-%.4s-%.4s-%.4s-%.12s", hex, hex + 8,
	    hex + 12, hex + 16, hex + 20);
	put(r, key, json_string_nocheck(uuid));
}

void
record_time(struct record *r, const char *key, uint64_t ms)
{
	char text[TEXT_TIME_SIZE];

	text_time(text, ms);
	put(r, key, json_string_nocheck(text));
}

/* Bytes in a notation that takes size characters, a terminator included. */
static void
put_encoded(struct record *r, const char *key, const uint8_t *bytes, size_t len,
    size_t size, void (*encode)(char *, const uint8_t *, size_t))
{
	uint8_t *to;

	if (!is_sound(r))
		return;
	if (!bytes || len == 0) {
		put(r, key, json_null());
		return;
	}
	buf_clear(r->scratch);
	note(r, buf_reserve(r->scratch, &to, size));
	if (!is_sound(r))
		return;
	encode((char *)to, bytes, len);
	put_bytes(r, key, to, size - 1);
}

void
record_hex(struct record *r, const char *key, const uint8_t *bytes, size_t len)
{
	put_encoded(r, key, bytes, len, TEXT_HEX_SIZE(len), text_hex);
}

void
record_base64(struct record *r, const char *key, const uint8_t *bytes,
    size_t len)
{
	put_encoded(r, key, bytes, len, TEXT_BASE64_SIZE(len), text_base64);
}

void
record_body(struct record *r, const uint8_t *bytes, size_t len)
{
	record_int(r, "size_bytes", len);
	put_text(r, "body", bytes, len);
	/* a byte that had to go has become the three of U+FFFD */
	if (is_sound(r) && buf_len(r->scratch) != len)
		record_base64(r, "body_base64", bytes, len);
}

void
record_begin(struct record *r, const char *key)
{
	if (!r)
		return;
	assert(r->top + 1 < DEPTH_MAX);
	r->levels[++r->top].key = key;
}

void
record_end(struct record *r)
{
	struct level done;

	if (!r)
		return;
	assert(r->top > 0);
	done = r->levels[r->top];
	r->levels[r->top--].items = NULL;
	put(r, done.key, done.items ? done.items : json_object());
}

/* What kept the record from being whole. */
static int
fault(const struct record *r)
{
	const int code = r ? r->fault : ERR_NOMEM;

	assert(!r || r->top == 0);
	return code == 0 ? 0 : err_set(code, "record: %s", err_sentence(code));
}

static int
render_people(const struct record *r, struct buf *out)
{
	json_t *tree = r->levels[0].items;
	const struct cell *cells =
	    layout_find(json_string_value(json_object_get(tree, "type")));

	return cells ? cell_put(out, cells, tree, clock_wall_ms())
		     : render_json(out, tree, 0);
}

static int
render(const struct record *r, struct buf *out)
{
	json_t *tree = r->levels[0].items;
	const struct settings *s = form.s;

	if (s->get)
		return render_get(out, tree, s->get, form.tty || s->text);
	if (s->text)
		return render_people(r, out);
	return render_json(out, tree,
	    (form.tty ? RENDER_INDENT : 0U) | (form.color ? RENDER_COLOR : 0U));
}

int
record_json(const struct record *r, struct buf *out)
{
	int code = fault(r);

	if (code == 0)
		code = render_json(out, r->levels[0].items, 0);
	return code < 0 ? code : buf_put(out, "\n", 1);
}

int
record_text(const struct record *r, struct buf *out)
{
	int code = fault(r);

	if (code == 0)
		code = render_people(r, out);
	return code < 0 ? code : buf_put(out, "\n", 1);
}

int
record_emit(struct record *r)
{
	int code = fault(r);

	if (code == 0) {
		buf_clear(r->scratch);
		code = render(r, r->scratch);
	}
	if (code == 0)
		code = buf_put(r->scratch, "\n", 1);
	/* past stdio: whole in one write, or a fault now */
	if (code == 0)
		code = file_write(STDOUT_FILENO, buf_peek(r->scratch),
		    buf_len(r->scratch), "stdout");
	record_free(r);
	return code;
}

void
record_error(struct record *r, int code)
{
	const struct err_info *e = err_last();
	const bool told = e->code == code && e->message[0];

	record_begin(r, "error");
	record_str(r, "code", err_token(code));
	record_str(r, "message", told ? e->message : err_sentence(code));
	if (told && e->in_doubt)
		record_bool(r, "in_doubt", true);
	record_end(r);
}
