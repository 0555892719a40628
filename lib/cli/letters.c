/* SPDX-License-Identifier: ISC */
#include "cli/letters.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/file.h"
#include "base/secret.h"
#include "cli/lines.h"

#define GROUP_BYTES (4U << 20) /* no further line beyond */
/* Each byte of a text may have become an escape of six. */
#define JSON_MAX(text_max) (6 * (text_max) + 65536)

/* A line that was read, and its letters. */
struct sheet {
	struct order order; /* to: only of LETTERS_BATCH */
	uint64_t line;
	size_t to_n;
	int failed;
	struct err_info why;
};

struct letters {
	const struct letters_source *src;
	struct lines *lines; /* NULL with LETTERS_WHOLE */
	uint64_t line;
	bool ended;
	struct sheet sheet[LETTERS_MAX];
	size_t sheets;
	size_t written; /* letters of the last sheet, */
	size_t at;      /* and where the next one's name stands in its to */
	struct letter letter[LETTERS_MAX];
	size_t n;
	size_t bytes;
};

/* --- sheets
 * --------------------------------------------------------------------- */

static void
drop_sheets(struct letters *l, size_t keep)
{
	while (l->sheets > keep)
		order_wipe(&l->sheet[--l->sheets].order);
}

static struct sheet *
add_sheet(struct letters *l)
{
	struct sheet *s = &l->sheet[l->sheets++];

	*s = (struct sheet){ .to_n = 1 };
	l->written = l->at = 0;
	return s;
}

static void
spoil(struct sheet *s, int r)
{
	s->failed = r;
	s->why = *err_last();
	s->to_n = 1;
}

/* A text to all peers. */
static int
fill_text(const struct letters *l, struct sheet *s, const uint8_t *text,
    size_t len)
{
	if (l->src->chomp && len > 0 && text[len - 1] == '\n')
		len--;
	s->to_n = l->src->peers_n;
	s->order.text = malloc(len + 1);
	if (!s->order.text)
		return err_set(ERR_NOMEM, "no memory for a text");
	memcpy(s->order.text, text, len);
	s->order.len = len;
	return 0;
}

static int
fill_order(const struct letters *l, struct sheet *s, const uint8_t *line,
    size_t len)
{
	struct order *o = &s->order;
	int r = order_parse(o, line, len);

	if (r < 0)
		return r;
	s->to_n = o->to_n;
	if (l->src->chomp && o->len > 0 && o->text[o->len - 1] == '\n')
		o->len--;
	return 0;
}

static int
read_sheet(struct letters *l, bool wait, bool *got)
{
	const bool batch = l->src->form == LETTERS_BATCH;
	enum lines_got what;
	const uint8_t *line;
	struct sheet *s;
	size_t len;
	int r = lines_next(l->lines, wait, &what, &line, &len);

	if (r < 0)
		return r;
	l->ended = what == LINES_END;
	*got = what == LINES_LINE || what == LINES_LONG;
	if (!*got)
		return 0;
	s = add_sheet(l);
	s->line = ++l->line;
	if (what == LINES_LONG)
		r = err_set(ERR_USAGE, "over the limit of a line");
	else
		r = batch ? fill_order(l, s, line, len)
			  : fill_text(l, s, line, len);
	if (r < 0)
		spoil(s, r);
	else
		l->bytes += len;
	return 0;
}

/* The one text there is. */
static int
read_whole(struct letters *l)
{
	const char *m = l->src->message;
	struct buf *b = buf_new(l->src->text_max + 1);
	int r = b ? 0 : err_set(ERR_NOMEM, "no memory for a text");

	if (r == 0 && m && strlen(m) <= l->src->text_max)
		r = buf_put(b, m, strlen(m));
	else if (r == 0 && m)
		r = err_set(ERR_USAGE, "a text is at most %zu bytes",
		    l->src->text_max);
	else if (r == 0)
		r = file_slurp(b, STDIN_FILENO, "standard input");
	if (r == 0)
		r = fill_text(l, add_sheet(l), buf_peek(b), buf_len(b));
	buf_free(b);
	l->ended = true;
	return r;
}

/* --- letters
 * -------------------------------------------------------------------- */

static void
write_letter(struct letters *l)
{
	const struct letters_source *src = l->src;
	const struct sheet *s = &l->sheet[l->sheets - 1];
	const bool batch = src->form == LETTERS_BATCH;
	struct letter *out = &l->letter[l->n++];

	*out = (struct letter){ .line = s->line,
		.ref = batch ? &s->order.ref : NULL,
		.text = s->order.text,
		.len = s->order.len,
		.id = batch ? s->order.id : src->id,
		.reply_to = batch ? s->order.reply_to : src->reply_to,
		.failed = s->failed,
		.why = s->why };
	if (s->failed == 0)
		out->to = batch ? s->order.to + l->at : src->peers[l->written];
	if (batch && out->to)
		l->at += strlen(out->to) + 1;
	l->written++;
	l->bytes += out->len;
}

static bool
has_more(const struct letters *l)
{
	return l->sheets > 0 && l->written < l->sheet[l->sheets - 1].to_n;
}

/* What the last group has left of its last sheet begins the next one. */
static void
turn_over(struct letters *l)
{
	const bool carry = has_more(l);

	if (carry && l->sheets > 1) {
		struct sheet last = l->sheet[l->sheets - 1];

		l->sheets--;
		drop_sheets(l, 0);
		l->sheet[l->sheets++] = last;
	}
	drop_sheets(l, carry ? 1 : 0);
	l->n = l->bytes = 0;
}

int
letters_take(struct letters *l, const struct letter **out, size_t *n)
{
	bool got = true;
	int r = 0;

	turn_over(l);
	while (got && l->n < LETTERS_MAX && l->bytes < GROUP_BYTES) {
		if (!has_more(l)) {
			if (l->ended)
				break;
			r = read_sheet(l, l->n == 0, &got);
			if (r < 0)
				break;
		}
		if (has_more(l))
			write_letter(l);
	}
	/* what was read goes first; a stream that is broken stays so */
	if (r < 0 && l->n == 0)
		return r;
	*out = l->letter;
	*n = l->n;
	return 0;
}

/* --- from beginning to end
 * -------------------------------------------------------- */

static int
check_terminal(const struct letters_source *src)
{
	int r;

	if (src->message || !isatty(STDIN_FILENO))
		return 0;
	r = err_set(ERR_USAGE, "no text");
	err_hint("-m TEXT, or pipe it in");
	return r;
}

static int
begin(struct letters *l)
{
	const size_t max = l->src->text_max;

	switch (l->src->form) {
	case LETTERS_WHOLE:
		return read_whole(l);
	case LETTERS_LINES:
		l->lines = lines_new(STDIN_FILENO, "standard input", '\n', max);
		break;
	case LETTERS_NUL:
		/* what chomp will leave out does not count */
		l->lines = lines_new(STDIN_FILENO, "standard input", '\0',
		    max + l->src->chomp);
		break;
	case LETTERS_BATCH:
		l->lines = lines_new(STDIN_FILENO, "standard input", '\n',
		    JSON_MAX(max));
		break;
	}
	return l->lines ? 0 : err_set(ERR_NOMEM, "no memory for lines");
}

int
letters_open(struct letters **out, const struct letters_source *src)
{
	struct letters *l;
	int r = check_terminal(src);

	if (r < 0)
		return r;
	l = calloc(1, sizeof(*l));
	if (!l)
		return err_set(ERR_NOMEM, "no memory for letters");
	l->src = src;
	r = begin(l);
	if (r < 0)
		letters_close(l);
	else
		*out = l;
	return r;
}

void
letters_close(struct letters *l)
{
	if (!l)
		return;
	drop_sheets(l, 0);
	lines_free(l->lines);
	free(l);
}
