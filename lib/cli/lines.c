/* SPDX-License-Identifier: ISC */
#include "cli/lines.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/file.h"

#define PIECE 65536

struct lines {
	int fd;
	const char *name;
	char end;
	size_t max;
	struct buf *held;
	size_t searched; /* bytes of held without an end */
	size_t lent;     /* bytes of held to drop at the next call */
	bool over;       /* the line is too long, what came of it is gone */
	bool ended;      /* the stream */
};

struct lines *
lines_new(int fd, const char *name, char end, size_t max)
{
	struct lines *l = calloc(1, sizeof(*l));

	if (!l)
		return NULL;
	*l = (struct lines){ .fd = fd,
		.name = name,
		.end = end,
		.max = max,
		.held = buf_new(max + 1 + PIECE) };
	if (l->held)
		return l;
	free(l);
	return NULL;
}

void
lines_free(struct lines *l)
{
	if (!l)
		return;
	buf_free(l->held);
	free(l);
}

static bool
is_readable(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	return poll(&p, 1, 0) > 0;
}

static int
fill(struct lines *l)
{
	uint8_t *to;
	size_t got;
	int r = buf_reserve(l->held, &to, PIECE);

	if (r < 0)
		return r;
	r = file_read_some(l->fd, to, PIECE, &got, l->name);
	if (r < 0)
		return r;
	buf_commit(l->held, got);
	l->ended = got == 0;
	return 0;
}

/* The line is len bytes of what is held, and taken with its end. */
static enum lines_got
lend(struct lines *l, size_t len, size_t taken)
{
	const bool over = l->over || len > l->max;

	l->over = false;
	l->lent = taken;
	l->searched = 0;
	return over ? LINES_LONG : LINES_LINE;
}

/* Look for a whole line in what is held. */
static bool
find(struct lines *l, enum lines_got *got, size_t *len)
{
	const uint8_t *held = buf_peek(l->held);
	const size_t held_len = buf_len(l->held);
	const uint8_t *end =
	    memchr(held + l->searched, l->end, held_len - l->searched);

	if (!end && l->ended) {
		*len = held_len;
		*got = held_len > 0 || l->over ? lend(l, held_len, held_len)
					       : LINES_END;
		return true;
	}
	if (end) {
		*len = (size_t)(end - held);
		*got = lend(l, *len, *len + 1);
		return true;
	}
	l->searched = held_len;
	if (held_len > l->max) {
		l->over = true;
		l->searched = 0;
		buf_clear(l->held);
	}
	return false;
}

int
lines_next(struct lines *l, bool wait, enum lines_got *got,
    const uint8_t **line, size_t *len)
{
	int r;

	buf_drop(l->held, l->lent);
	l->lent = 0;
	while (!find(l, got, len)) {
		if (!wait && !is_readable(l->fd)) {
			*got = LINES_NOTHING;
			return 0;
		}
		r = fill(l);
		if (r < 0)
			return r;
	}
	*line = buf_peek(l->held);
	return 0;
}
