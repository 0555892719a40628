/* SPDX-License-Identifier: ISC */
#include "cli/cell.h"

#include <string.h>
#include <time.h>

#include "cli/escape.h"
#include "cli/field.h"
#include "cli/human.h"
#include "cli/render.h"
#include "cli/width.h"

#define GROUP 5

/* What is being written, and the first failure to do so. */
struct page {
	struct buf *out;
	uint64_t now;
	int r;
};

/* Words of our own; no stranger's byte comes this way. */
static void
say(struct page *p, const char *words)
{
	if (p->r == 0 && words)
		p->r = buf_put(p->out, words, strlen(words));
}

static void
text(struct page *p, const char *s, size_t len)
{
	if (p->r == 0)
		p->r = escape_put(p->out, ESCAPE_TEXT, s, len);
}

static void
value(struct page *p, json_t *j)
{
	if (p->r == 0)
		p->r = render_bare(p->out, j, ESCAPE_TEXT);
}

static void
body(struct page *p, json_t *j)
{
	const char *s = json_string_value(j);
	size_t len = json_string_length(j);

	while (len > 0 && s[len - 1] == '\n')
		len--;
	text(p, s, len);
}

static void
word(struct page *p, json_t *j)
{
	const char *s = json_string_value(j);
	size_t n;

	for (; s && (n = strcspn(s, "_"), s[n] != '\0'); s += n + 1) {
		text(p, s, n);
		say(p, " ");
	}
	if (s)
		text(p, s, strlen(s));
}

static void
party(struct page *p, json_t *j)
{
	static const char *const names[] = { "alias", "name", "id" };

	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		json_t *name = json_object_get(j, names[i]);

		if (json_is_string(name)) {
			value(p, name);
			return;
		}
	}
	say(p, "?");
}

static void
moment(struct page *p, json_t *j, void (*tell)(char *, uint64_t, uint64_t))
{
	const char *s = json_string_value(j);
	char out[HUMAN_SIZE];
	struct tm tm = { 0 };

	if (s && strptime(s, "%Y-%m-%dT%H:%M:%S", &tm)) {
		tell(out, (uint64_t)timegm(&tm) * 1000, p->now);
		say(p, out);
	} else {
		value(p, j);
	}
}

static void
clock_time(struct page *p, json_t *j)
{
	moment(p, j, human_clock);
}

static void
ago(struct page *p, json_t *j)
{
	moment(p, j, human_ago);
}

static void
bytes(struct page *p, json_t *j)
{
	char out[HUMAN_SIZE];

	human_bytes(out, (uint64_t)json_integer_value(j));
	say(p, out);
}

static void
groups(struct page *p, json_t *j)
{
	const char *s = json_string_value(j);
	const size_t len = json_string_length(j);

	for (size_t at = 0; at < len; at += GROUP) {
		say(p, at > 0 ? " " : "");
		text(p, s + at, len - at < GROUP ? len - at : GROUP);
	}
}

static void
mark(struct page *p, json_t *j)
{
	if (!json_is_true(j))
		say(p, "?");
	else
		say(p, escape_is_utf8() ? "\u2713" : "+");
}

static void
nothing(struct page *p, json_t *j)
{
	(void)p;
	(void)j;
}

static void (*const kinds[])(struct page *p, json_t *j) = {
	[CELL_VALUE] = value,
	[CELL_BODY] = body,
	[CELL_WORD] = word,
	[CELL_PARTY] = party,
	[CELL_CLOCK] = clock_time,
	[CELL_AGO] = ago,
	[CELL_BYTES] = bytes,
	[CELL_GROUPS] = groups,
	[CELL_MARK] = mark,
	[CELL_IF] = nothing,
};

/* Columns since the last newline. */
static size_t
column(const struct buf *out)
{
	const uint8_t *s = buf_peek(out);
	size_t len = buf_len(out), at = len;

	while (at > 0 && s[at - 1] != '\n')
		at--;
	return width_text(s + at, len - at);
}

/* To a column, and two blanks at least. */
static void
pad(struct page *p, size_t to)
{
	const size_t at = column(p->out), least = at + 2;

	for (size_t n = (to > least ? to : least) - at; n > 0; n--)
		say(p, " ");
}

static void
cell(struct page *p, const struct cell *c, json_t *j)
{
	if (!j || json_is_null(j) || (c->kind == CELL_IF && !json_is_true(j)))
		return;
	if (c->at > 0)
		pad(p, c->at);
	say(p, c->before);
	kinds[c->kind](p, j);
	say(p, c->after);
}

int
cell_put(struct buf *out, const struct cell *cells, json_t *record,
    uint64_t now)
{
	struct page p = { out, now, 0 };

	for (const struct cell *c = cells; c->kind != CELL_END; c++)
		cell(&p, c, field_find(record, c->path, strlen(c->path)));
	return p.r;
}
